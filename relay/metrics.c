/*
 * metrics.c
 *		One table of metrics, written out in two ways; see metrics.h.
 *
 * Names follow Prometheus' rules: one prefix, base units, _total for what only
 * grows.  Those of the process are the ones that every exporter uses, without
 * our prefix, because dashboards look for them.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "metrics_parts.h"
#include "pg.h"
#include "slot_metrics.h"

#define SUBJECTS_MAX 20 /* refused subjects that have a sample of their own */
#define PROCESS "process_"

/* What a field is, and so how it is printed; all but COUNTER are gauges. */
enum kind
{
	KIND_COUNTER, /* uint64_t */
	KIND_GAUGE,   /* uint64_t */
	KIND_KNOWN,   /* uint64_t; 0: not known */
	KIND_LSN,     /* uint64_t; 0: not known */
	KIND_LAG,     /* no field: from two positions */
	KIND_BOOL,    /* bool */
	KIND_PEER,    /* enum metrics_peer */
	KIND_SECONDS, /* int64_t, microseconds */
	KIND_MICROS,  /* int64_t; 0: not known */
	KIND_CPU      /* the same, a counter */
};

struct metric
{
	const char *name; /* rows of one name stand together */
	enum kind   kind;
	size_t      offset; /* in struct metrics */
	const char *label;  /* NULL: none */
	const char *value;  /* of the label */
	const char *help;   /* in the first row of a name */
};

#define AT(field) offsetof(struct metrics, field)

static const struct metric table[] = {
	{PREFIX "source_connected", KIND_BOOL, AT(source.streaming), NULL, NULL,
	 "Whether PostgreSQL streams to us."},
	{PREFIX "source_connects_total", KIND_COUNTER, AT(source.connects), NULL, NULL,
	 "Attempts to connect to PostgreSQL."},
	{PREFIX "status_messages_total", KIND_COUNTER, AT(source.statuses), NULL, NULL,
	 "Status messages sent to PostgreSQL."},
	{PREFIX "source_silence_seconds", KIND_GAUGE, AT(source.silent_s), NULL, NULL,
	 "Seconds since PostgreSQL's last byte; 0 while it is not read."},
	{PREFIX "kafka_reachable", KIND_PEER, AT(kafka), NULL, NULL, "Whether a broker answers."},
	{PREFIX "registry_reachable", KIND_PEER, AT(registry), NULL, NULL,
	 "Whether the schema registry answered when it was asked last."},

	{PREFIX "changes_total", KIND_COUNTER, AT(pipeline.inserts), "op", "insert",
	 "Changes received; those of an interrupted transaction count again."},
	{PREFIX "changes_total", KIND_COUNTER, AT(pipeline.updates), "op", "update", NULL},
	{PREFIX "changes_total", KIND_COUNTER, AT(pipeline.deletes), "op", "delete", NULL},
	{PREFIX "changes_total", KIND_COUNTER, AT(pipeline.truncates), "op", "truncate", NULL},
	{PREFIX "changes_total", KIND_COUNTER, AT(pipeline.messages), "op", "message", NULL},
	{PREFIX "transactions_total", KIND_COUNTER, AT(pipeline.transactions), NULL, NULL,
	 "Commits received."},
	{PREFIX "received_bytes_total", KIND_COUNTER, AT(pipeline.received_bytes), NULL, NULL,
	 "Bytes of frames received from PostgreSQL."},
	{PREFIX "values_unrepresentable_total", KIND_COUNTER, AT(pipeline.encode.unsendable), "reason",
	 "unsendable", "Values that events could not carry as they are in the table."},
	{PREFIX "values_unrepresentable_total", KIND_COUNTER, AT(pipeline.encode.unavailable), "reason",
	 "unavailable", NULL},
	{PREFIX "values_unrepresentable_total", KIND_COUNTER, AT(pipeline.encode.special), "reason",
	 "special", NULL},
	{PREFIX "values_unrepresentable_total", KIND_COUNTER, AT(pipeline.encode.out_of_range),
	 "reason", "out_of_range", NULL},
	{PREFIX "values_unrepresentable_total", KIND_COUNTER, AT(pipeline.encode.multidimensional),
	 "reason", "multidimensional", NULL},
	{PREFIX "values_unrepresentable_total", KIND_COUNTER, AT(pipeline.encode.null_filled), "reason",
	 "null_filled", NULL},
	{PREFIX "values_unrepresentable_total", KIND_COUNTER, AT(pipeline.encode.replaced), "reason",
	 "replaced", NULL},
	{PREFIX "values_unrepresentable_total", KIND_COUNTER, AT(pipeline.encode.skipped), "reason",
	 "skipped_delete", NULL},
	{PREFIX "changes_verified_total", KIND_COUNTER, AT(pipeline.verified), NULL, NULL,
	 "Changes that avro.verify decoded again and compared."},

	{PREFIX "produced_messages_total", KIND_COUNTER, AT(sink.messages), NULL, NULL,
	 "Messages handed to the sink."},
	{PREFIX "produced_bytes_total", KIND_COUNTER, AT(sink.bytes), NULL, NULL,
	 "Bytes of keys and values handed to the sink."},
	{PREFIX "acked_messages_total", KIND_COUNTER, AT(sink.acked), NULL, NULL,
	 "Messages that the sink has acknowledged."},
	{PREFIX "unacked_messages", KIND_GAUGE, AT(unacked_messages), NULL, NULL,
	 "Messages handed to the sink and not acknowledged yet."},
	{PREFIX "unacked_transactions", KIND_GAUGE, AT(unacked_transactions), NULL, NULL,
	 "Transactions received, in whole or in part, and not confirmed yet."},
	{PREFIX "registry_requests_total", KIND_COUNTER, AT(schemas.requests), NULL, NULL,
	 "Requests to the schema registry."},
	{PREFIX "registry_failures_total", KIND_COUNTER, AT(schemas.failures), NULL, NULL,
	 "Requests to the schema registry that failed."},

	{PREFIX "gaps_accepted_total", KIND_COUNTER, AT(gaps_accepted), NULL, NULL,
	 "Gaps that --accept-gap has passed."},

	{PREFIX "snapshot_running", KIND_BOOL, AT(snapshot.due), NULL, NULL,
	 "Whether rows of a snapshot are missing."},
	{PREFIX "snapshot_holds_stream", KIND_BOOL, AT(snapshot.holding), NULL, NULL,
	 "Whether the stream waits for rows that come first."},
	{PREFIX "snapshot_tables", KIND_GAUGE, AT(snapshot.tables), NULL, NULL,
	 "Tables of the snapshot."},
	{PREFIX "snapshot_tables_complete", KIND_GAUGE, AT(snapshot.tables_complete), NULL, NULL,
	 "Those whose rows are all delivered."},
	{PREFIX "snapshot_rows", KIND_GAUGE, AT(snapshot.rows), NULL, NULL,
	 "Rows of the snapshot that were sent, also by processes before this one."},
	{PREFIX "snapshot_rows_estimated", KIND_GAUGE, AT(snapshot.estimated), NULL, NULL,
	 "Rows of its tables, as PostgreSQL estimates them."},
	{PREFIX "snapshot_rows_sent_total", KIND_COUNTER, AT(pipeline.rows), NULL, NULL,
	 "Rows of snapshots sent by this process; those that are sent again count again."},
	{PREFIX "snapshot_table_failures_total", KIND_COUNTER, AT(snapshot.failures), NULL, NULL,
	 "Tables that could not be read to their end, and were or are tried again."},
	{PREFIX "snapshot_waiting", KIND_BOOL, AT(gentle.rate), "reason", "rate",
	 "Whether rows wait to be read, so that the source has it easy."},
	{PREFIX "snapshot_waiting", KIND_BOOL, AT(gentle.window), "reason", "window", NULL},
	{PREFIX "snapshot_waiting", KIND_BOOL, AT(gentle.retained), "reason", "retained", NULL},

	{PREFIX "incremental_paused", KIND_BOOL, AT(incremental.paused), NULL, NULL,
	 "Whether a signal has paused incremental snapshots."},
	{PREFIX "incremental_signals", KIND_GAUGE, AT(incremental.signals), NULL, NULL,
	 "Signals whose tables are not looked up yet."},
	{PREFIX "incremental_tables", KIND_GAUGE, AT(incremental.tables), NULL, NULL,
	 "Tables of incremental snapshots that are not read to their end."},
	{PREFIX "incremental_tables_waiting", KIND_GAUGE, AT(incremental.waiting), NULL, NULL,
	 "Those of them that are tried again after a failure."},
	{PREFIX "incremental_chunks_in_flight", KIND_GAUGE, AT(incremental.in_flight), NULL, NULL,
	 "Chunks that are read, or wait for the stream to bring their watermark."},
	{PREFIX "incremental_chunks_total", KIND_COUNTER, AT(incremental.chunks), NULL, NULL,
	 "Chunks of incremental snapshots sent by this process."},
	{PREFIX "incremental_chunks_repeated_total", KIND_COUNTER, AT(incremental.repeated), NULL, NULL,
	 "Chunks that had to be read again, because what the stream has brought meanwhile said so."},
	{PREFIX "incremental_rows_total", KIND_COUNTER, AT(incremental.rows), NULL, NULL,
	 "Rows of incremental snapshots sent by this process."},
	{PREFIX "incremental_rows_left_out_total", KIND_COUNTER, AT(incremental.left_out), NULL, NULL,
	 "Rows that were read, and not sent because the stream had a newer form of them."},

	{PREFIX "received_lsn_bytes", KIND_LSN, AT(received_lsn), NULL, NULL,
	 "Position of the last commit or mark received."},
	{PREFIX "confirmed_lsn_bytes", KIND_LSN, AT(confirmed_lsn), NULL, NULL,
	 "Position confirmed to PostgreSQL: everything up to it is safe."},
	{PREFIX "server_lsn_bytes", KIND_LSN, AT(source.server_lsn), NULL, NULL,
	 "Position that PostgreSQL said last it had come to."},
	{PREFIX "lag_bytes", KIND_LAG, 0, NULL, NULL,
	 "WAL between the server's position and the confirmed one."},
	{PREFIX "last_commit_timestamp_seconds", KIND_MICROS, AT(confirmed_commit_us), NULL, NULL,
	 "When the newest confirmed transaction was committed, since the Unix epoch."},

	{PREFIX "lag_seconds", KIND_SECONDS, AT(health.lag_us), NULL, NULL,
	 "Age of the oldest commit that is not acknowledged, by the server's clock and ours, never "
	 "below 0; while none is known of, but the server is ahead, away or not read, the time since "
	 "all was well; 0 when all is acknowledged and nothing is ahead."},
	{PREFIX "source_stalled_seconds", KIND_SECONDS, AT(health.source_stalled_us), NULL, NULL,
	 "For how long PostgreSQL sends nothing although it should; 0 while it does, or is not read."},
	{PREFIX "kafka_stalled_seconds", KIND_SECONDS, AT(health.sink_stalled_us), NULL, NULL,
	 "For how long messages are in flight and none is acknowledged."},
	{PREFIX "reconnects_total", KIND_COUNTER, AT(reconnects.postgresql), "peer", "postgresql",
	 "How often a peer was back after it was away."},
	{PREFIX "reconnects_total", KIND_COUNTER, AT(reconnects.kafka), "peer", "kafka", NULL},
	{PREFIX "reconnects_total", KIND_COUNTER, AT(reconnects.registry), "peer", "registry", NULL},

	{PROCESS "virtual_memory_bytes", KIND_KNOWN, AT(process.virtual), NULL, NULL,
	 "Virtual memory size in bytes."},
	{PROCESS "open_fds", KIND_KNOWN, AT(process.open_fds), NULL, NULL,
	 "Number of open file descriptors."},
	{PROCESS "max_fds", KIND_KNOWN, AT(process.max_fds), NULL, NULL,
	 "Maximum number of open file descriptors."},
	{PROCESS "resident_memory_bytes", KIND_KNOWN, AT(process.resident), NULL, NULL,
	 "Resident memory size in bytes."},
	{PROCESS "cpu_seconds_total", KIND_CPU, AT(process.cpu_us), NULL, NULL,
	 "Total user and system CPU time spent in seconds."},
	{PROCESS "start_time_seconds", KIND_MICROS, AT(process.start_us), NULL, NULL,
	 "Start time of the process since unix epoch in seconds."},
};

#define NTABLE (sizeof(table) / sizeof(table[0]))

static const char *const states[] = {
	[METRICS_CONNECTING] = "connecting",     [METRICS_STREAMING] = "streaming",
	[METRICS_SNAPSHOT] = "snapshot", [METRICS_WAITING_SINK] = "waiting_sink", [METRICS_WAITING_REGISTRY] = "waiting_registry",
	[METRICS_SCHEMA_REFUSED] = "schema_refused",
	[METRICS_BACKING_OFF] = "backing_off",   [METRICS_DRAINING] = "draining",
};

#define NSTATES (sizeof(states) / sizeof(states[0]))

const char *
metrics_state_name(enum metrics_state state)
{
	return states[state];
}

/* --- values -------------------------------------------------------------- */

/* 0 is for what the field's kind says is not known. */
static uint64_t
metric_number(const struct metric *metric, const struct metrics *m)
{
	const char *field = (const char *) m + metric->offset;

	switch (metric->kind)
	{
		case KIND_BOOL: return *(const bool *) field;
		case KIND_PEER: return *(const enum metrics_peer *) field;
		case KIND_LAG:
			/* What was sent may be confirmed before the server tells its position. */
			return m->source.server_lsn > m->confirmed_lsn ? m->source.server_lsn - m->confirmed_lsn
														   : 0;
		case KIND_SECONDS:
		case KIND_MICROS:
		case KIND_CPU:
			return *(const int64_t *) field > 0 ? (uint64_t) * (const int64_t *) field : 0;
		default: return *(const uint64_t *) field;
	}
}

static bool
metric_known(const struct metric *metric, const struct metrics *m)
{
	switch (metric->kind)
	{
		case KIND_COUNTER:
		case KIND_GAUGE:
		case KIND_SECONDS:
		case KIND_BOOL: return true;
		case KIND_LAG: return m->source.server_lsn > 0 && m->confirmed_lsn > 0;
		default: return metric_number(metric, m) > 0;
	}
}

/* As both formats want it: JSON's numbers are Prometheus' numbers, too. */
static void
metric_print(const struct metric *metric, const struct metrics *m, struct buf *out)
{
	uint64_t number = metric_number(metric, m);

	if (metric->kind == KIND_SECONDS || metric->kind == KIND_MICROS || metric->kind == KIND_CPU)
		buf_printf(out, "%" PRIu64 ".%06" PRIu64, number / 1000000, number % 1000000);
	else
		buf_printf(out, "%" PRIu64, metric->kind == KIND_PEER ? number == PEER_THERE : number);
}

static void
libpq_version(int version, char *text, size_t size)
{
	snprintf(text, size, "%d.%d", version / 10000, version % 10000);
}

/* --- Prometheus ---------------------------------------------------------- */

static void
text_info(const struct metrics *m, const struct page *page)
{
	struct buf *out = page->out;
	char        libpq[32];

	libpq_version(m->libpq, libpq, sizeof(libpq));
	text_head(page, PREFIX "up", "gauge", "1 while the relay runs.");
	buf_puts(out, PREFIX "up 1\n");
	text_head(page, PREFIX "build_info", "gauge", "Versions; the value is always 1.");
	buf_puts(out, PREFIX "build_info{");
	text_label(out, "version", WALRELAY_VERSION);
	buf_put_u8(out, ',');
	text_label(out, "librdkafka", m->librdkafka);
	buf_put_u8(out, ',');
	text_label(out, "libpq", libpq);
	buf_puts(out, "} 1\n");
	text_head(page, PREFIX "state", "gauge", "1 for the state the relay is in, 0 for the others.");
	for (unsigned i = 0; i < NSTATES; i++)
		buf_printf(out, PREFIX "state{state=\"%s\"} %d\n", states[i], i == m->state);
}

static unsigned
count_refusals(const struct metrics *m)
{
	unsigned count = 0;

	for (const struct refusal *refusal = m->refusals; refusal; refusal = refusal->next)
		count++;
	return count;
}

/* The count says it all; names for the first few, because labels must stay few. */
static void
text_refusals(const struct metrics *m, const struct page *page)
{
	struct buf *out = page->out;
	unsigned    left = SUBJECTS_MAX;

	text_head(page, PREFIX "schemas_refused", "gauge",
			  "Schemas that the registry refuses; it is asked again.");
	buf_printf(out, PREFIX "schemas_refused %u\n", count_refusals(m));
	if (m->refusals)
		text_head(page, PREFIX "schema_refused", "gauge",
				  "1 for each refused schema, of up to 20; more of it in /status.");
	for (const struct refusal *refusal = m->refusals; refusal && left > 0;
		 refusal = refusal->next, left--)
	{
		buf_puts(out, PREFIX "schema_refused{");
		text_label(out, "subject", refusal->subject);
		buf_put_u8(out, ',');
		text_label(out, "code", err_code_name(refusal->why.code));
		buf_puts(out, "} 1\n");
	}
}

static void
text_dead_letters(const struct metrics *m, const struct page *page)
{
	struct buf *out = page->out;

	if (m->dead_letters)
		text_head(page, PREFIX "dead_letters_total", "counter",
				  "Messages sent to the topic of dead letters, by table.");
	for (const struct letter_count *count = m->dead_letters; count; count = count->next)
	{
		buf_puts(out, PREFIX "dead_letters_total{");
		text_label(out, "table", count->table);
		buf_printf(out, "} %" PRIu64 "\n", count->messages);
	}
}

static void
text_skipped(const struct metrics *m, const struct page *page)
{
	struct buf *out = page->out;
	bool        headed = false;

	for (const struct detour *detour = m->detours; detour; detour = detour->next)
	{
		if (!detour->skipped)
			continue;
		if (!headed)
			text_head(page, PREFIX "skipped_messages_total", "counter",
					  "Messages that on.error has left out, by table and reason.");
		headed = true;
		buf_puts(out, PREFIX "skipped_messages_total{");
		text_label(out, "table", detour->table);
		buf_put_u8(out, ',');
		text_label(out, "code", err_code_name(detour->code));
		buf_printf(out, "} %" PRIu64 "\n", detour->messages);
	}
}

void
metrics_text(const struct metrics *m, enum metrics_format format, struct buf *out)
{
	const struct page *page = &(struct page){.out = out, .format = format};

	text_info(m, page);
	text_refusals(m, page);
	text_dead_letters(m, page);
	text_skipped(m, page);
	metrics_text_lists(m, page);
	slot_metrics_text(&m->slot, page);
	for (unsigned i = 0; i < NTABLE; i++)
	{
		const struct metric *metric = &table[i];
		bool                 counts = metric->kind == KIND_COUNTER || metric->kind == KIND_CPU;

		if (!metric_known(metric, m))
			continue;
		if (metric->help)
			text_head(page, metric->name, counts ? "counter" : "gauge", metric->help);
		buf_puts(out, metric->name);
		if (metric->label)
		{
			buf_put_u8(out, '{');
			text_label(out, metric->label, metric->value);
			buf_put_u8(out, '}');
		}
		buf_put_u8(out, ' ');
		metric_print(metric, m, out);
		buf_put_u8(out, '\n');
	}
	if (format == METRICS_OPENMETRICS)
		buf_puts(out, "# EOF\n");
}

/* --- JSON ---------------------------------------------------------------- */

/* Without our prefix and _total; a position is no number of bytes here. */
static void
json_key(const struct metric *metric, char *key, size_t size)
{
	const char *name = metric->name;
	const char *end;
	const char *suffix = metric->kind == KIND_LSN ? "_bytes" : "_total";

	if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
		name += strlen(PREFIX);
	end = strstr(name, suffix);
	snprintf(key, size, "%.*s", end ? (int) (end - name) : (int) strlen(name), name);
}

static cJSON *
json_value(const struct metric *metric, const struct metrics *m)
{
	uint64_t   number = metric_number(metric, m);
	struct buf text = {0};
	cJSON     *value;

	if (!metric_known(metric, m))
		return cJSON_CreateNull();
	if (metric->kind == KIND_BOOL)
		return cJSON_CreateBool(number != 0);
	if (metric->kind == KIND_PEER)
		return cJSON_CreateBool(number == PEER_THERE);
	if (metric->kind == KIND_LSN)
	{
		buf_printf(&text, "%X/%X", LSN_PARTS(number));
		value = cJSON_CreateString(buf_cstr(&text));
	}
	else
	{
		/* Raw, because cJSON's own numbers are doubles. */
		metric_print(metric, m, &text);
		value = cJSON_CreateRaw(buf_cstr(&text));
	}
	buf_free(&text);
	return value;
}

/* All of them, with both schemas whole: here is where the log says to look. */
static cJSON *
json_refusals(const struct metrics *m)
{
	cJSON *list = need(cJSON_CreateArray());

	for (const struct refusal *refusal = m->refusals; refusal; refusal = refusal->next)
	{
		cJSON     *item = need(cJSON_CreateObject());
		struct buf since = {0};

		buf_printf(&since, "%" PRId64 ".%06" PRId64, refusal->since_us / 1000000,
				   refusal->since_us % 1000000);
		add(item, "subject", json_text(refusal->subject));
		add(item, "code", json_text(err_code_name(refusal->why.code)));
		add(item, "message", json_text(refusal->why.msg));
		add(item, "detail", json_text(refusal->why.detail));
		add(item, "hint", json_text(refusal->why.hint));
		add(item, "since_timestamp_seconds", cJSON_CreateRaw(buf_cstr(&since)));
		add(item, "ours", json_text(refusal->schema));
		add(item, "registered", json_text(refusal->registered));
		add(item, "registered_version",
			refusal->version ? cJSON_CreateNumber(refusal->version) : cJSON_CreateNull());
		buf_free(&since);
		if (!cJSON_AddItemToArray(list, item))
			xmalloc(SIZE_MAX);
	}
	return list;
}

static cJSON *
json_dead_letters(const struct metrics *m)
{
	cJSON *object = need(cJSON_CreateObject());
	char   number[32];

	for (const struct letter_count *count = m->dead_letters; count; count = count->next)
	{
		snprintf(number, sizeof(number), "%" PRIu64, count->messages);
		add(object, count->table, cJSON_CreateRaw(number));
	}
	return object;
}

/* By table, then by code. */
static cJSON *
json_skipped(const struct metrics *m)
{
	cJSON *object = need(cJSON_CreateObject());
	char   number[32];

	for (const struct detour *detour = m->detours; detour; detour = detour->next)
	{
		if (!detour->skipped)
			continue;
		if (cJSON_GetObjectItemCaseSensitive(object, detour->table) == NULL)
			add(object, detour->table, cJSON_CreateObject());
		snprintf(number, sizeof(number), "%" PRIu64, detour->messages);
		add(cJSON_GetObjectItemCaseSensitive(object, detour->table), err_code_name(detour->code),
			cJSON_CreateRaw(number));
	}
	return object;
}

void
metrics_json(const struct metrics *m, struct buf *out)
{
	cJSON *root = need(cJSON_CreateObject());
	cJSON *group = NULL; /* of the values of one label */
	char   key[64];
	char  *printed;

	libpq_version(m->libpq, key, sizeof(key));
	add(root, "version", cJSON_CreateString(WALRELAY_VERSION));
	add(root, "librdkafka", cJSON_CreateString(m->librdkafka));
	add(root, "libpq", cJSON_CreateString(key));
	add(root, "ready", cJSON_CreateBool(metrics_ready(m)));
	add(root, "state", cJSON_CreateString(states[m->state]));
	for (unsigned i = 0; i < NTABLE; i++)
	{
		const struct metric *metric = &table[i];

		json_key(metric, key, sizeof(key));
		if (metric->label && metric->help)
			add(root, key, group = cJSON_CreateObject());
		add(metric->label ? group : root, metric->label ? metric->value : key,
			json_value(metric, m));
	}
	add(root, "slot", slot_metrics_json(&m->slot));
	add(root, "schemas_refused", json_refusals(m));
	add(root, "dead_letters", json_dead_letters(m));
	add(root, "skipped_messages", json_skipped(m));
	metrics_json_lists(m, root);
	printed = cJSON_PrintUnformatted(root);
	if (printed == NULL)
		xmalloc(SIZE_MAX);
	buf_puts(out, printed);
	buf_put_u8(out, '\n');
	cJSON_free(printed);
	cJSON_Delete(root);
}
