/*
 * metrics_lists.c
 *		Metrics that are more than one number: latencies, tables, what was logged, what
 *		librdkafka says; see metrics_parts.h.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "metrics_parts.h"

/* --- numbers ------------------------------------------------------------------ */

static void
put_seconds(struct buf *out, int64_t us)
{
	buf_printf(out, "%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
}

/* As OpenMetrics wants a bound: 0.0025, 1.0. */
static void
put_bound(struct buf *out, int64_t us)
{
	buf_printf(out, us % 1000000 ? "%g" : "%.1f", (double) us / 1e6);
}

/* cJSON's own numbers are doubles. */
static cJSON *
json_count(uint64_t count)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, count);
	return cJSON_CreateRaw(text);
}

static cJSON *
json_seconds(int64_t us)
{
	char text[48];

	snprintf(text, sizeof(text), "%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
	return cJSON_CreateRaw(text);
}

/* null: not known. */
static cJSON *
json_time(int64_t us)
{
	return us > 0 ? json_seconds(us) : cJSON_CreateNull();
}

static cJSON *
json_double(double number)
{
	char text[48];

	if (isnan(number))
		return cJSON_CreateNull();
	snprintf(text, sizeof(text), "%.6f", number);
	return cJSON_CreateRaw(text);
}

static void
append(cJSON *array, cJSON *item)
{
	if (!cJSON_AddItemToArray(array, item))
		xmalloc(SIZE_MAX);
}

/* --- latencies ------------------------------------------------------------------ */

static const char *const latency_names[NLATENCIES] = {
	[LATENCY_COMMIT_TO_RECEIVED] = "commit_to_received",
	[LATENCY_RECEIVED_TO_HANDED] = "received_to_handed",
	[LATENCY_HANDED_TO_ACKED] = "handed_to_acked",
	[LATENCY_COMMIT_TO_ACKED] = "commit_to_acked"};

/* label: {stage="..."}'s inside, or "". */
static void
text_histogram(const struct page *page, const char *name, const char *label,
			   const struct histogram *hist)
{
	struct buf *out = page->out;
	uint64_t    count = 0;

	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++)
	{
		count += hist->buckets[i];
		buf_printf(out, "%s_bucket{%s%sle=\"", name, label, *label ? "," : "");
		put_bound(out, histogram_bounds_us[i]);
		buf_printf(out, "\"} %" PRIu64 "\n", count);
	}
	buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, label, *label ? "," : "",
			   hist->count);
	buf_printf(out, *label ? "%s_sum{%s} " : "%s_sum%s ", name, label);
	put_seconds(out, (int64_t) hist->sum_us);
	buf_printf(out, *label ? "\n%s_count{%s} %" PRIu64 "\n" : "\n%s_count%s %" PRIu64 "\n", name,
			   label, hist->count);
}

static void
text_latencies(const struct metrics *m, const struct page *page)
{
	char label[64];

	text_head(page, PREFIX "commit_to_ack_seconds", "histogram",
			  "From the commit of a transaction, by the server's clock, until its messages are "
			  "acknowledged; below 0, if clocks differ, counts as 0.");
	text_histogram(page, PREFIX "commit_to_ack_seconds", "",
				   &m->pipeline.latencies[LATENCY_COMMIT_TO_ACKED]);
	text_head(page, PREFIX "stage_seconds", "histogram",
			  "The parts of it: until the relay receives the transaction (two clocks, never below "
			  "0), until its last message is handed to the producer, until all are acknowledged.");
	for (unsigned i = 0; i < LATENCY_COMMIT_TO_ACKED; i++)
	{
		snprintf(label, sizeof(label), "stage=\"%s\"", latency_names[i]);
		text_histogram(page, PREFIX "stage_seconds", label, &m->pipeline.latencies[i]);
	}
}

static cJSON *
json_histogram(const struct histogram *hist)
{
	cJSON   *object = need(cJSON_CreateObject());
	cJSON   *buckets = need(cJSON_CreateArray());
	uint64_t count = 0;

	add(object, "count", json_count(hist->count));
	add(object, "sum_seconds", json_seconds((int64_t) hist->sum_us));
	add(object, "p50_seconds", json_double(histogram_quantile(hist, 0.5)));
	add(object, "p99_seconds", json_double(histogram_quantile(hist, 0.99)));
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++)
	{
		cJSON *bucket = need(cJSON_CreateObject());

		count += hist->buckets[i];
		add(bucket, "le", cJSON_CreateNumber((double) histogram_bounds_us[i] / 1e6));
		add(bucket, "count", json_count(count));
		append(buckets, bucket);
	}
	add(object, "buckets", buckets);
	return object;
}

static cJSON *
json_latencies(const struct metrics *m)
{
	cJSON *object = need(cJSON_CreateObject());

	for (unsigned i = 0; i < NLATENCIES; i++)
		add(object, latency_names[i], json_histogram(&m->pipeline.latencies[i]));
	return object;
}

/* --- tables --------------------------------------------------------------------- */

#define TABLES_SHARED " Of the first 200 tables; further ones together as table=\"_other\"."

static void
text_tables_of(const struct metrics *m, const struct page *page, const char *name, const char *help,
			   size_t offset)
{
	text_head(page, name, "counter", help);
	for (const struct table_count *count = m->tables; count; count = count->next)
	{
		buf_printf(page->out, "%s{", name);
		text_label(page->out, "table", count->table);
		buf_printf(page->out, "} %" PRIu64 "\n",
				   *(const uint64_t *) ((const char *) count + offset));
	}
}

static void
text_tables(const struct metrics *m, const struct page *page)
{
	struct buf *out = page->out;

	if (m->tables == NULL)
		return;
	text_head(page, PREFIX "table_changes_total", "counter",
			  "Changes received, by table; op=\"read\" are rows of snapshots." TABLES_SHARED);
	for (const struct table_count *count = m->tables; count; count = count->next)
		for (unsigned op = 0; op < NTABLE_OPS; op++)
		{
			buf_puts(out, PREFIX "table_changes_total{");
			text_label(out, "table", count->table);
			buf_printf(out, ",op=\"%s\"} %" PRIu64 "\n", table_op_names[op], count->changes[op]);
		}
	text_tables_of(m, page, PREFIX "table_messages_total",
				   "Messages handed to the table's topic." TABLES_SHARED,
				   offsetof(struct table_count, sent.messages));
	text_tables_of(m, page, PREFIX "table_bytes_total",
				   "Bytes of their keys and values." TABLES_SHARED,
				   offsetof(struct table_count, sent.bytes));
	text_tables_of(m, page, PREFIX "table_acked_messages_total",
				   "Those of them that are acknowledged." TABLES_SHARED,
				   offsetof(struct table_count, sent.acked));
	text_head(page, PREFIX "table_last_change_timestamp_seconds", "gauge",
			  "When the newest change was committed, since the Unix epoch." TABLES_SHARED);
	for (const struct table_count *count = m->tables; count; count = count->next)
	{
		if (count->changed_us <= 0)
			continue;
		buf_puts(out, PREFIX "table_last_change_timestamp_seconds{");
		text_label(out, "table", count->table);
		buf_puts(out, "} ");
		put_seconds(out, count->changed_us);
		buf_put_u8(out, '\n');
	}
}

static cJSON *
json_table(const struct table_count *count)
{
	cJSON *object = need(cJSON_CreateObject());
	cJSON *changes = need(cJSON_CreateObject());

	add(object, "table", json_text(count->table));
	add(object, "topic", json_text(count->topic));
	for (unsigned op = 0; op < NTABLE_OPS; op++)
		add(changes, table_op_names[op], json_count(count->changes[op]));
	add(object, "changes", changes);
	add(object, "messages", json_count(count->sent.messages));
	add(object, "bytes", json_count(count->sent.bytes));
	add(object, "acked_messages", json_count(count->sent.acked));
	add(object, "last_change_timestamp_seconds", json_time(count->changed_us));
	return object;
}

static cJSON *
json_tables(const struct metrics *m)
{
	cJSON *list = need(cJSON_CreateArray());

	for (const struct table_count *count = m->tables; count; count = count->next)
		append(list, json_table(count));
	return list;
}

/* --- what was logged -------------------------------------------------------------- */

static void
text_journal(const struct metrics *m, const struct page *page)
{
	bool headed = false;

	if (m->journal == NULL)
		return;
	text_head(page, PREFIX "log_messages_total", "counter", "Messages logged, by level.");
	for (unsigned i = 0; i < JOURNAL_LEVELS; i++)
		buf_printf(page->out, PREFIX "log_messages_total{level=\"%s\"} %" PRIu64 "\n",
				   journal_level_names[i], m->journal->levels[i]);
	for (unsigned code = E0 + 1; code < NERR_CODES; code++)
	{
		if (m->journal->codes[code] == 0)
			continue;
		if (!headed)
			text_head(page, PREFIX "errors_total", "counter",
					  "Messages logged with a code; codes that were not are left out.");
		headed = true;
		buf_printf(page->out, PREFIX "errors_total{code=\"%s\"} %" PRIu64 "\n",
				   err_code_name((enum err_code) code), m->journal->codes[code]);
	}
}

static cJSON *
json_entry(const struct journal_entry *entry)
{
	cJSON *object = need(cJSON_CreateObject());

	add(object, "level", json_text(journal_level_names[entry->level]));
	add(object, "code", json_text(entry->code == E0 ? NULL : err_code_name(entry->code)));
	add(object, "message", json_text(entry->msg));
	add(object, "detail", json_text(*entry->detail ? entry->detail : NULL));
	add(object, "hint", json_text(*entry->hint ? entry->hint : NULL));
	add(object, "action", json_text(*entry->action ? entry->action : NULL));
	add(object, "count", json_count(entry->count));
	add(object, "first_timestamp_seconds", json_time(entry->first_us));
	add(object, "last_timestamp_seconds", json_time(entry->last_us));
	return object;
}

static void
json_journal(const struct metrics *m, cJSON *root)
{
	cJSON *errors = need(cJSON_CreateArray());
	cJSON *levels = need(cJSON_CreateObject());
	cJSON *codes = need(cJSON_CreateObject());

	for (unsigned i = 0; m->journal && i < m->journal->nentries; i++)
		append(errors, json_entry(&m->journal->entries[i]));
	for (unsigned i = 0; m->journal && i < JOURNAL_LEVELS; i++)
		add(levels, journal_level_names[i], json_count(m->journal->levels[i]));
	for (unsigned code = E0 + 1; m->journal && code < NERR_CODES; code++)
		if (m->journal->codes[code] > 0)
			add(codes, err_code_name((enum err_code) code), json_count(m->journal->codes[code]));
	add(root, "errors", errors);
	add(root, "log_messages", levels);
	add(root, "errors_by_code", codes);
}

/* --- what was not delivered --------------------------------------------------------- */

static void
text_produce_errors(const struct metrics *m, const struct page *page)
{
	if (m->produce_errors.count > 0)
		text_head(page, PREFIX "produce_errors_total", "counter",
				  "Messages that were not delivered, by librdkafka's name of the error; they are sent "
				  "again, or on.error says what becomes of them.");
	for (unsigned i = 0; i < m->produce_errors.count; i++)
		buf_printf(page->out, PREFIX "produce_errors_total{reason=\"%s\"} %" PRIu64 "\n",
				   m->produce_errors.of[i].name, m->produce_errors.of[i].times);
}

static cJSON *
json_produce_errors(const struct metrics *m)
{
	cJSON *object = need(cJSON_CreateObject());

	for (unsigned i = 0; i < m->produce_errors.count; i++)
		add(object, m->produce_errors.of[i].name, json_count(m->produce_errors.of[i].times));
	return object;
}

/* --- librdkafka ----------------------------------------------------------------------- */

#define RDKAFKA PREFIX "rdkafka_"
#define WINDOW_HELP " of the last statistics.interval.ms; p99 and max of the worst broker or topic."

static const struct
{
	const char *name; /* in JSON, and with its unit in metrics */
	const char *unit; /* "" where the name says it */
	const char *help;
} windows[NCLIENT_WINDOWS] = {
	[CLIENT_INT_LATENCY] = {"int_latency", "_seconds",
							"From handing a message over until it is in a request," WINDOW_HELP},
	[CLIENT_OUTBUF_LATENCY] = {"outbuf_latency", "_seconds",
							   "How long requests wait to be sent," WINDOW_HELP},
	[CLIENT_RTT] = {"rtt", "_seconds", "From a request to its response," WINDOW_HELP},
	[CLIENT_THROTTLE] = {"throttle", "_seconds", "Throttling by brokers," WINDOW_HELP},
	[CLIENT_BATCH_BYTES] = {"batch_bytes", "", "Sizes of batches," WINDOW_HELP},
	[CLIENT_BATCH_MESSAGES] = {"batch_messages", "", "Messages in a batch," WINDOW_HELP}};

static const struct
{
	const char *name;
	const char *help;
} counters[NCLIENT_COUNTERS] = {
	[CLIENT_TX_REQUESTS] = {"tx_requests", "Requests sent to brokers."},
	[CLIENT_TX_BYTES] = {"tx_bytes", "Bytes sent to brokers."},
	[CLIENT_TX_ERRORS] = {"tx_errors", "Requests that could not be sent."},
	[CLIENT_TX_RETRIES] = {"tx_retries", "Requests that were tried again."},
	[CLIENT_TIMEOUTS] = {"timeouts", "Requests that timed out."},
	[CLIENT_CONNECTS] = {"connects", "Attempts to connect to a broker."},
	[CLIENT_DISCONNECTS] = {"disconnects", "Connections to a broker that ended."}};

static void
text_window(const struct page *page, unsigned kind, const struct client_window *window)
{
	char name[64];

	if (window->count == 0)
		return;
	snprintf(name, sizeof(name), RDKAFKA "%s%s", windows[kind].name, windows[kind].unit);
	text_head(page, name, "gauge", windows[kind].help);
	buf_printf(page->out, "%s{stat=\"avg\"} %.6f\n%s{stat=\"p99\"} %.6f\n%s{stat=\"max\"} %.6f\n",
			   name, window->avg, name, window->p99, name, window->max);
}

static void
text_client_gauge(const struct page *page, const char *name, const char *help, uint64_t value)
{
	text_head(page, name, "gauge", help);
	buf_printf(page->out, "%s %" PRIu64 "\n", name, value);
}

static void
text_client(const struct metrics *m, const struct page *page)
{
	const struct client_stats *client = m->client;
	char                       name[64];

	if (client == NULL || !client->known)
		return;
	text_client_gauge(page, RDKAFKA "queued_messages",
					  "Messages in the producer, by librdkafka's statistics.",
					  client->queued_messages);
	text_client_gauge(page, RDKAFKA "queued_bytes", "Their bytes.", client->queued_bytes);
	text_client_gauge(page, RDKAFKA "requests_waiting", "Requests that wait to be sent.",
					  client->requests_waiting);
	text_client_gauge(page, RDKAFKA "requests_in_flight", "Requests that wait for a response.",
					  client->requests_in_flight);
	for (unsigned i = 0; i < NCLIENT_WINDOWS; i++)
		text_window(page, i, &client->windows[i]);
	for (unsigned i = 0; i < NCLIENT_COUNTERS; i++)
	{
		snprintf(name, sizeof(name), RDKAFKA "%s_total", counters[i].name);
		text_head(page, name, "counter", counters[i].help);
		buf_printf(page->out, "%s %" PRIu64 "\n", name, client->counters[i]);
	}
}

static cJSON *
json_window(unsigned kind, const struct client_window *window)
{
	const char *unit = windows[kind].unit;
	cJSON      *object;
	char        key[32];

	if (window->count == 0)
		return cJSON_CreateNull();
	object = need(cJSON_CreateObject());
	snprintf(key, sizeof(key), "avg%s", unit);
	add(object, key, json_double(window->avg));
	snprintf(key, sizeof(key), "p99%s", unit);
	add(object, key, json_double(window->p99));
	snprintf(key, sizeof(key), "max%s", unit);
	add(object, key, json_double(window->max));
	return object;
}

static cJSON *
json_client(const struct metrics *m)
{
	const struct client_stats *client = m->client;
	cJSON                     *object;

	if (client == NULL || !client->known)
		return cJSON_CreateNull();
	object = need(cJSON_CreateObject());
	add(object, "timestamp_seconds", cJSON_CreateNumber((double) client->time_s));
	add(object, "queued_messages", json_count(client->queued_messages));
	add(object, "queued_bytes", json_count(client->queued_bytes));
	add(object, "requests_waiting", json_count(client->requests_waiting));
	add(object, "requests_in_flight", json_count(client->requests_in_flight));
	for (unsigned i = 0; i < NCLIENT_WINDOWS; i++)
		add(object, windows[i].name, json_window(i, &client->windows[i]));
	for (unsigned i = 0; i < NCLIENT_COUNTERS; i++)
		add(object, counters[i].name, json_count(client->counters[i]));
	return object;
}

/* --- all of them ------------------------------------------------------------------------- */

void
metrics_text_lists(const struct metrics *m, const struct page *page)
{
	text_latencies(m, page);
	text_tables(m, page);
	text_journal(m, page);
	text_produce_errors(m, page);
	text_client(m, page);
}

void
metrics_json_lists(const struct metrics *m, cJSON *root)
{
	metrics_reason reasons[METRICS_REASONS];
	unsigned       count = metrics_reasons(m, reasons);
	cJSON         *not_ready = need(cJSON_CreateArray());

	for (unsigned i = 0; i < count; i++)
		append(not_ready, need(cJSON_CreateString(reasons[i])));
	add(root, "not_ready", not_ready);
	add(root, "latency", json_latencies(m));
	add(root, "tables", json_tables(m));
	json_journal(m, root);
	add(root, "produce_errors", json_produce_errors(m));
	add(root, "rdkafka", json_client(m));
}
