/*
 * status_page.c
 *		Lines of status and top; see status_page.h.
 */
#include "status_page.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "histogram.h"
#include "json_member.h"
#include "shown.h"

#define LABEL "%-14s "
#define TABLES_MAX 201 /* that /status tells of */

/* --- values ----------------------------------------------------------------------------- */

/* A number, also of an object in it, "changes.insert"; NAN: it is not known. */
static double
number_of(const cJSON *json, const char *group, const char *name)
{
	const cJSON *in = group ? cJSON_GetObjectItemCaseSensitive(json, group) : json;
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);

	return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

/* True, false, or neither of them. */
static const char *
word_of(const cJSON *json, const char *name, const char *yes, const char *no)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsTrue(item) ? yes : cJSON_IsFalse(item) ? no : "not used, or not asked yet";
}

static bool
is_true(const cJSON *json, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, name));
}

/* "1,234,567"; "?" for what is not known. */
static const char *
count_text(double count, char text[32])
{
	char     digits[32];
	unsigned len;
	unsigned at = 0;

	if (!(count >= 0 && count < 1e18))
		return "?";
	len = (unsigned) snprintf(digits, sizeof(digits), "%.0f", count);
	for (unsigned i = 0; i < len; i++)
	{
		if (i > 0 && (len - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return text;
}

/* "1.5 GB"; "?" for what is not known. */
static const char *
bytes_text(double bytes, char text[32])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	unsigned                 unit = 0;

	if (!(bytes >= 0))
		return "?";
	for (; bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		bytes /= 1024;
	snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
	return text;
}

/* "2.5 s", "3 min", "5.1 h"; "?" for what is not known. */
static const char *
seconds_text(double seconds, char text[32])
{
	if (!isfinite(seconds))
		return "?";
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		snprintf(text, 32, "%.1f s", seconds);
	else if (seconds < 7200)
		snprintf(text, 32, "%.0f min", seconds / 60);
	else
		snprintf(text, 32, "%.1f h", seconds / 3600);
	return text;
}

/* --- lines -------------------------------------------------------------------------------- */

struct page
{
	const cJSON *now;
	const cJSON *before; /* NULL: no rates */
	double       seconds;
	double       now_s;
	struct buf  *out;
};

static void PRINTF_LIKE(3, 4)
put_line(struct page *page, const char *label, const char *fmt, ...)
{
	char    text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(page->out, LABEL, label);
	shown_put(page->out, text);
	buf_puts(page->out, "\n");
}

/* "  1,200/s" behind a counter, if there is something to compare with. */
static const char *
rate_text(const struct page *page, const char *group, const char *name, char text[40])
{
	double rate = page->before ? (number_of(page->now, group, name) -
								  number_of(page->before, group, name)) /
									 page->seconds
							   : NAN;
	char   count[32];

	text[0] = '\0';
	/* A relay that was started anew counts from 0. */
	if (rate >= 0)
		snprintf(text, 40, "  %s/s", count_text(rate, count));
	return text;
}

static void
put_counter(struct page *page, const char *label, const char *group, const char *name)
{
	char count[32];
	char rate[40];

	put_line(page, label, "%14s%s", count_text(number_of(page->now, group, name), count),
			 rate_text(page, group, name, rate));
}

static void
put_peers(struct page *page)
{
	const cJSON *now = page->now;
	const cJSON *reason;
	char         text[32];

	put_line(page, "state", "%s, %s", member_text(now, "state"),
			 is_true(now, "ready") ? "ready" : "not ready");
	cJSON_ArrayForEach(reason, cJSON_GetObjectItemCaseSensitive(now, "not_ready"))
		put_line(page, "", "%s", cJSON_IsString(reason) ? reason->valuestring : "");
	put_line(page, "PostgreSQL", "%s, last heard of %s ago",
			 word_of(now, "source_connected", "streams", "is not connected"),
			 seconds_text(number_of(now, NULL, "source_silence_seconds"), text));
	put_line(page, "Kafka", "%s", word_of(now, "kafka_reachable", "can be reached", "CANNOT BE REACHED"));
	put_line(page, "registry", "%s",
			 word_of(now, "registry_reachable", "can be reached", "CANNOT BE REACHED"));
}

static void
put_positions(struct page *page)
{
	const cJSON *now = page->now;
	double       behind = number_of(now, NULL, "lag_seconds");
	char         text[32];
	char         time[32];

	if (behind >= 0)
		put_line(page, "lag", "%s, %s", bytes_text(number_of(now, NULL, "lag_bytes"), text),
				 seconds_text(behind, time));
	else
		put_line(page, "lag", "%s", bytes_text(number_of(now, NULL, "lag_bytes"), text));
	put_line(page, "confirmed", "%s; received %s, server at %s", member_text(now, "confirmed_lsn"),
			 member_text(now, "received_lsn"), member_text(now, "server_lsn"));
	put_line(page, "last commit", "%s ago",
			 seconds_text(page->now_s - number_of(now, NULL, "last_commit_timestamp_seconds"), text));
}

/* Of the WAL that it keeps; nothing of a relay that does not look. */
static void
put_slot(struct page *page)
{
	const cJSON *slot = cJSON_GetObjectItemCaseSensitive(page->now, "slot");
	double       left = number_of(slot, NULL, "seconds_left");
	double       limit = number_of(slot, NULL, "wal_limit_bytes");
	char         text[32];
	char         most[48] = "";
	char         lasts[64] = "";

	if (!is_true(slot, "watched"))
		return;
	if (!is_true(slot, "watch_up"))
	{
		const cJSON *error = cJSON_GetObjectItemCaseSensitive(slot, "error");

		if (cJSON_IsObject(error))
			put_line(page, "slot", "CANNOT BE LOOKED AT: %s: %.200s", member_text(error, "code"),
					 member_text(error, "message"));
		return;
	}
	if (limit >= 0)
		snprintf(most, sizeof(most), " of %s", bytes_text(limit, text));
	if (left >= 0)
		snprintf(lasts, sizeof(lasts), "; %s LEFT at this rate", seconds_text(left, text));
	put_line(page, "slot", "keeps %s%s of WAL, %s%s%s",
			 bytes_text(number_of(slot, NULL, "retained_wal_bytes"), text), most,
			 member_text(slot, "wal_status"), is_true(slot, "active") ? "" : ", not active", lasts);
}

static void
put_flow(struct page *page)
{
	char bytes[32];

	put_counter(page, "transactions", NULL, "transactions");
	put_counter(page, "inserts", "changes", "insert");
	put_counter(page, "updates", "changes", "update");
	put_counter(page, "deletes", "changes", "delete");
	put_counter(page, "messages sent", NULL, "produced_messages");
	put_counter(page, "acknowledged", NULL, "acked_messages");
	put_counter(page, "in flight", NULL, "unacked_messages");
	put_line(page, "bytes sent", "%14s", bytes_text(number_of(page->now, NULL, "produced_bytes"), bytes));
}

/* --- latencies ----------------------------------------------------------------------------- */

/* Of /status, whose buckets have those before them in them. */
static void
histogram_take(const cJSON *json, const char *name, struct histogram *hist)
{
	const cJSON *in = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "latency"),
													   name);
	const cJSON *bucket;
	unsigned     i = 0;
	double       below = 0;
	double       count = number_of(in, NULL, "count");

	*hist = (struct histogram){.count = count > 0 ? (uint64_t) count : 0};
	cJSON_ArrayForEach(bucket, cJSON_GetObjectItemCaseSensitive(in, "buckets"))
	{
		count = number_of(bucket, NULL, "count");
		if (i < HISTOGRAM_BOUNDS && count >= below)
			hist->buckets[i++] = (uint64_t) (count - below);
		below = count;
	}
	if (below >= 0 && hist->count >= (uint64_t) below)
		hist->buckets[HISTOGRAM_BOUNDS] = hist->count - (uint64_t) below;
}

/* What came between the two; all, if the relay was started anew. */
static void
histogram_since(struct histogram *hist, const struct histogram *before)
{
	if (before->count > hist->count)
		return;
	hist->count -= before->count;
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		hist->buckets[i] -= before->buckets[i] < hist->buckets[i] ? before->buckets[i] : hist->buckets[i];
}

/* "12.5 ms", "1.2 s"; "-": there is none. */
static const char *
latency_text(double seconds, char text[32])
{
	if (!isfinite(seconds))
		return "-";
	if (seconds < 1)
		snprintf(text, 32, "%.1f ms", seconds * 1000);
	else
		snprintf(text, 32, "%.1f s", seconds);
	return text;
}

/* Since the relay's start, or since the look before. */
static void
put_latencies(struct page *page)
{
	static const char *const stages[][2] = {{"commit_to_acked", "commit -> acknowledged"},
											{"commit_to_received", "commit -> received"},
											{"received_to_handed", "received -> handed over"},
											{"handed_to_acked", "handed over -> acknowledged"}};
	char                     half[32];
	char                     most[32];

	if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(page->now, "latency")))
		return;
	buf_printf(page->out, "\n%-32s %10s %10s\n", "latency of transactions", "p50", "p99");
	for (unsigned i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
	{
		struct histogram hist;
		struct histogram before;

		histogram_take(page->now, stages[i][0], &hist);
		histogram_take(page->before, stages[i][0], &before);
		histogram_since(&hist, &before);
		buf_printf(page->out, "%-32s %10s %10s\n", stages[i][1],
				   latency_text(histogram_quantile(&hist, 0.5), half),
				   latency_text(histogram_quantile(&hist, 0.99), most));
	}
}

/* --- tables -------------------------------------------------------------------------------- */

struct table_line
{
	const cJSON *table;
	double       changes;
	double       rate; /* NAN: not known */
};

static double
changes_of(const cJSON *table)
{
	const cJSON *op;
	double       sum = 0;

	cJSON_ArrayForEach(op, cJSON_GetObjectItemCaseSensitive(table, "changes"))
		sum += cJSON_IsNumber(op) ? op->valuedouble : 0;
	return sum;
}

/* The same table of the look before; NULL: it was not there.  Mostly it stands in the same place. */
static const cJSON *
table_before(const struct page *page, const cJSON *table, int place)
{
	const cJSON *tables = cJSON_GetObjectItemCaseSensitive(page->before, "tables");
	const cJSON *item = cJSON_GetArrayItem(tables, place);
	const char  *name = member_text(table, "table");

	if (item && strcmp(member_text(item, "table"), name) == 0)
		return item;
	cJSON_ArrayForEach(item, tables)
		if (strcmp(member_text(item, "table"), name) == 0)
			return item;
	return NULL;
}

static int
compare_lines(const void *a, const void *b)
{
	const struct table_line *left = a;
	const struct table_line *right = b;

	double                   rates = isfinite(left->rate) ? left->rate : -1;

	rates -= isfinite(right->rate) ? right->rate : -1;
	if (rates != 0)
		return rates < 0 ? 1 : -1;
	return left->changes < right->changes ? 1 : left->changes > right->changes ? -1 : 0;
}

static unsigned
tables_take(const struct page *page, struct table_line lines[TABLES_MAX])
{
	unsigned     count = 0;
	const cJSON *table;

	cJSON_ArrayForEach(table, cJSON_GetObjectItemCaseSensitive(page->now, "tables"))
	{
		const cJSON *before = page->before ? table_before(page, table, (int) count) : NULL;

		if (count == TABLES_MAX)
			break;
		lines[count].table = table;
		lines[count].changes = changes_of(table);
		lines[count].rate = before ? (lines[count].changes - changes_of(before)) / page->seconds : NAN;
		count++;
	}
	qsort(lines, count, sizeof(lines[0]), compare_lines);
	return count;
}

static void
put_table(struct page *page, const struct table_line *line)
{
	const cJSON *table = line->table;
	double       messages = number_of(table, NULL, "messages");
	double       changed = number_of(table, NULL, "last_change_timestamp_seconds");
	char         text[5][32];
	char         ago[48] = "-";

	if (changed >= 0)
		snprintf(ago, sizeof(ago), "%s ago", seconds_text(page->now_s - changed, text[4]));
	shown_put_column(page->out, member_text(table, "table"), 32, 80);
	buf_printf(page->out, " %12s %10s %9s %10s  %s\n", count_text(line->changes, text[0]),
			   page->before ? count_text(line->rate, text[1]) : "",
			   count_text(messages - number_of(table, NULL, "acked_messages"), text[2]),
			   bytes_text(number_of(table, NULL, "bytes"), text[3]), ago);
}

/* Those with the most changes, just now or ever: as many as have room. */
static void
put_tables(struct page *page)
{
	struct table_line lines[TABLES_MAX];
	unsigned          most = page->before ? 10 : 50;
	unsigned          count = tables_take(page, lines);

	if (count == 0)
		return;
	buf_printf(page->out, "\n%-32s %12s %10s %9s %10s  %s\n", "table", "changes",
			   page->before ? "a second" : "", "in flight", "sent", "last change");
	for (unsigned i = 0; i < count && i < most; i++)
		put_table(page, &lines[i]);
	if (count > most)
		buf_printf(page->out, "and %u more; all are in \"walrelay status --json\"\n", count - most);
}

/* --- errors -------------------------------------------------------------------------------- */

static void
put_errors(struct page *page)
{
	unsigned     left = page->before ? 5 : 10;
	const cJSON *item;
	char         count[32];
	char         ago[32];

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(page->now, "errors"))
	{
		const char *code = member_text(item, "code");

		if (left-- == 0)
			break;
		put_line(page, member_text(item, "level"), "%s ago, %s times: %s%s%s",
				 seconds_text(page->now_s - number_of(item, NULL, "last_timestamp_seconds"), ago),
				 count_text(number_of(item, NULL, "count"), count), code, *code ? ": " : "",
				 member_text(item, "message"));
	}
}

static void
put_snapshots(struct page *page)
{
	const cJSON *now = page->now;
	const cJSON *waiting = cJSON_GetObjectItemCaseSensitive(now, "snapshot_waiting");
	const char  *why = is_true(waiting, "rate")       ? ", waits: rate"
					   : is_true(waiting, "window")   ? ", waits: window"
					   : is_true(waiting, "retained") ? ", waits: retained WAL"
													  : "";
	double       rows = number_of(now, NULL, "snapshot_rows");
	double       estimated = number_of(now, NULL, "snapshot_rows_estimated");
	char         count[32];
	char         rate[40];

	if (is_true(now, "snapshot_running"))
	{
		put_line(page, "snapshot", "%.0f of %.0f tables, %s rows%s%s",
				 number_of(now, NULL, "snapshot_tables_complete"),
				 number_of(now, NULL, "snapshot_tables"), count_text(rows, count),
				 rate_text(page, NULL, "snapshot_rows", rate), why);
		if (estimated > 0)
			put_line(page, "", "about %.0f %%", rows < estimated ? 100 * rows / estimated : 99);
	}
	if (number_of(now, NULL, "incremental_tables") > 0)
		put_line(page, "incremental", "%.0f tables, %s rows%s%s%s",
				 number_of(now, NULL, "incremental_tables"),
				 count_text(number_of(now, NULL, "incremental_rows"), count),
				 rate_text(page, NULL, "incremental_rows", rate), why,
				 is_true(now, "incremental_paused") ? ", paused" : "");
}

/* Only what there is: each of these wants somebody to look. */
static void
put_troubles(struct page *page)
{
	const cJSON *item;
	const cJSON *code;
	char         count[32];

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(page->now, "schemas_refused"))
		put_line(page, "refused", "%s: %s", member_text(item, "code"), member_text(item, "subject"));
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(page->now, "dead_letters"))
		put_line(page, "dead letters", "%s of %s", count_text(item->valuedouble, count), item->string);
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(page->now, "skipped_messages"))
		cJSON_ArrayForEach(code, item)
			put_line(page, "skipped", "%s of %s, %s", count_text(code->valuedouble, count), item->string,
					 code->string);
	if (number_of(page->now, NULL, "gaps_accepted") > 0)
		put_line(page, "gaps passed", "%.0f", number_of(page->now, NULL, "gaps_accepted"));
}

static void
put_process(struct page *page)
{
	const cJSON *now = page->now;
	double       used = page->before ? (number_of(now, NULL, "process_cpu_seconds") -
                                  number_of(page->before, NULL, "process_cpu_seconds")) /
                                     page->seconds
									 : NAN;
	char         memory[32];
	char         since[32];
	char         cpu[32] = "";

	if (used >= 0)
		snprintf(cpu, sizeof(cpu), ", %.0f %% of a core", 100 * used);
	put_line(page, "process", "%s of memory%s, runs for %s; walrelay %s",
			 bytes_text(number_of(now, NULL, "process_resident_memory_bytes"), memory), cpu,
			 seconds_text(page->now_s - number_of(now, NULL, "process_start_time_seconds"), since),
			 member_text(now, "version"));
}

void
status_page(const cJSON *now, const cJSON *before, double seconds, double now_s, struct buf *out)
{
	struct page page = {
		.now = now, .before = before, .seconds = seconds, .now_s = now_s, .out = out};

	put_peers(&page);
	put_positions(&page);
	put_slot(&page);
	buf_puts(out, "\n");
	put_flow(&page);
	put_snapshots(&page);
	put_troubles(&page);
	put_latencies(&page);
	put_tables(&page);
	buf_puts(out, "\n");
	put_errors(&page);
	put_process(&page);
}
