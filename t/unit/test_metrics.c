/*
 * test_metrics.c
 *		Snapshots in, Prometheus text and JSON out, compared as text.
 */
#include "unit.h"

#include <ctype.h>

#include <cjson/cJSON.h>

#include "metrics.h"

/* Every number another one, so that no two can be mixed up. */
static struct metrics
full(void)
{
	struct metrics m = {
		.librdkafka = "2.0.2",
		.libpq = 150013,
		.state = METRICS_WAITING_SINK,
		.kafka = PEER_THERE,
		.registry = PEER_AWAY,
		.source = {.streaming = true, .connects = 3, .statuses = 8, .silent_s = 10, .server_lsn = UINT64_C(0x1600000100)},
		.sink = {.messages = 21, .bytes = UINT64_MAX, .acked = 20},
		.schemas = {.requests = 31, .failures = 32},
		.gaps_accepted = 33,
		.incremental = {.paused = true, .signals = 71, .tables = 72, .waiting = 73, .in_flight = 74, .chunks = 75, .repeated = 76, .rows = 77, .left_out = 78},
		.snapshot = {.due = true,
					 .tables = 61,
					 .tables_complete = 62,
					 .rows = 63,
					 .estimated = 64,
					 .failures = 66},
		.gentle = {.window = true},
		.unacked_messages = 41,
		.unacked_transactions = 42,
		.received_lsn = UINT64_C(0x1600000080),
		.confirmed_lsn = UINT64_C(0x1600000040),
		.confirmed_commit_us = INT64_C(1700000000000042),
		.health = {.lag_us = 2500000, .source_stalled_us = 1, .sink_stalled_us = 3000042},
		.reconnects = {.postgresql = 81, .kafka = 82, .registry = 83},
		.process = {.virtual = 52, .open_fds = 53, .max_fds = 54, .resident = 51, .cpu_us = 1500000, .start_us = INT64_C(1600000000250000)},
	};

	m.pipeline = (struct pipeline_stats){.inserts = 1,
										 .updates = 2,
										 .deletes = 4,
										 .truncates = 5,
										 .messages = 6,
										 .transactions = 7,
										 .received_bytes = 8,
										 .rows = 65,
										 .verified = 9};
	m.pipeline.encode = (struct encode_stats){.unsendable = 11,
											  .unavailable = 12,
											  .special = 13,
											  .out_of_range = 14,
											  .multidimensional = 18,
											  .skipped = 15,
											  .replaced = 16,
											  .null_filled = 17};
	return m;
}

/* The text without its comments and histograms: what is compared with a list of samples. */
static char *
samples(const struct metrics *m)
{
	struct buf text = {0};
	struct buf out = {0};
	char      *line, *rest;

	metrics_text(m, METRICS_PROMETHEUS, &text);
	rest = buf_cstr(&text);
	while ((line = strsep(&rest, "\n")) && rest)
		if (*line != '#' && strstr(line, "_seconds_bucket{") == NULL &&
			strstr(line, "_seconds_sum") == NULL && strstr(line, "_seconds_count") == NULL)
			buf_printf(&out, "%s\n", line);
	buf_free(&text);
	return buf_cstr(&out);
}

static void
every_field_has_its_sample(void **state)
{
	struct metrics m = full();
	char          *text = samples(&m);

	(void) state;
	assert_string_equal(text,
						"walrelay_up 1\n"
						"walrelay_build_info{version=\"" WALRELAY_VERSION
						"\",librdkafka=\"2.0.2\",libpq=\"15.13\"} 1\n"
						"walrelay_state{state=\"connecting\"} 0\n"
						"walrelay_state{state=\"streaming\"} 0\n"
						"walrelay_state{state=\"snapshot\"} 0\n"
						"walrelay_state{state=\"waiting_sink\"} 1\n"
						"walrelay_state{state=\"waiting_registry\"} 0\n"
						"walrelay_state{state=\"schema_refused\"} 0\n"
						"walrelay_state{state=\"backing_off\"} 0\n"
						"walrelay_state{state=\"draining\"} 0\n"
						"walrelay_schemas_refused 0\n"
						"walrelay_source_connected 1\n"
						"walrelay_source_connects_total 3\n"
						"walrelay_status_messages_total 8\n"
						"walrelay_source_silence_seconds 10\n"
						"walrelay_kafka_reachable 1\n"
						"walrelay_registry_reachable 0\n"
						"walrelay_changes_total{op=\"insert\"} 1\n"
						"walrelay_changes_total{op=\"update\"} 2\n"
						"walrelay_changes_total{op=\"delete\"} 4\n"
						"walrelay_changes_total{op=\"truncate\"} 5\n"
						"walrelay_changes_total{op=\"message\"} 6\n"
						"walrelay_transactions_total 7\n"
						"walrelay_received_bytes_total 8\n"
						"walrelay_values_unrepresentable_total{reason=\"unsendable\"} 11\n"
						"walrelay_values_unrepresentable_total{reason=\"unavailable\"} 12\n"
						"walrelay_values_unrepresentable_total{reason=\"special\"} 13\n"
						"walrelay_values_unrepresentable_total{reason=\"out_of_range\"} 14\n"
						"walrelay_values_unrepresentable_total{reason=\"multidimensional\"} 18\n"
						"walrelay_values_unrepresentable_total{reason=\"null_filled\"} 17\n"
						"walrelay_values_unrepresentable_total{reason=\"replaced\"} 16\n"
						"walrelay_values_unrepresentable_total{reason=\"skipped_delete\"} 15\n"
						"walrelay_changes_verified_total 9\n"
						"walrelay_produced_messages_total 21\n"
						"walrelay_produced_bytes_total 18446744073709551615\n"
						"walrelay_acked_messages_total 20\n"
						"walrelay_unacked_messages 41\n"
						"walrelay_unacked_transactions 42\n"
						"walrelay_registry_requests_total 31\n"
						"walrelay_registry_failures_total 32\n"
						"walrelay_gaps_accepted_total 33\n"
						"walrelay_snapshot_running 1\n"
						"walrelay_snapshot_holds_stream 0\n"
						"walrelay_snapshot_tables 61\n"
						"walrelay_snapshot_tables_complete 62\n"
						"walrelay_snapshot_rows 63\n"
						"walrelay_snapshot_rows_estimated 64\n"
						"walrelay_snapshot_rows_sent_total 65\n"
						"walrelay_snapshot_table_failures_total 66\n"
						"walrelay_snapshot_waiting{reason=\"rate\"} 0\n"
						"walrelay_snapshot_waiting{reason=\"window\"} 1\n"
						"walrelay_snapshot_waiting{reason=\"retained\"} 0\n"
						"walrelay_incremental_paused 1\n"
						"walrelay_incremental_signals 71\n"
						"walrelay_incremental_tables 72\n"
						"walrelay_incremental_tables_waiting 73\n"
						"walrelay_incremental_chunks_in_flight 74\n"
						"walrelay_incremental_chunks_total 75\n"
						"walrelay_incremental_chunks_repeated_total 76\n"
						"walrelay_incremental_rows_total 77\n"
						"walrelay_incremental_rows_left_out_total 78\n"
						"walrelay_received_lsn_bytes 94489280640\n"
						"walrelay_confirmed_lsn_bytes 94489280576\n"
						"walrelay_server_lsn_bytes 94489280768\n"
						"walrelay_lag_bytes 192\n"
						"walrelay_last_commit_timestamp_seconds 1700000000.000042\n"
						"walrelay_lag_seconds 2.500000\n"
						"walrelay_source_stalled_seconds 0.000001\n"
						"walrelay_kafka_stalled_seconds 3.000042\n"
						"walrelay_reconnects_total{peer=\"postgresql\"} 81\n"
						"walrelay_reconnects_total{peer=\"kafka\"} 82\n"
						"walrelay_reconnects_total{peer=\"registry\"} 83\n"
						"process_virtual_memory_bytes 52\n"
						"process_open_fds 53\n"
						"process_max_fds 54\n"
						"process_resident_memory_bytes 51\n"
						"process_cpu_seconds_total 1.500000\n"
						"process_start_time_seconds 1600000000.250000\n");
	free(text);
}

static void
what_is_not_known_is_left_out(void **state)
{
	struct metrics m = {.librdkafka = "2.0.2", .libpq = 150013};
	char          *text = samples(&m);

	(void) state;
	/* Counters are 0 from the start; so is what is waited for. */
	assert_non_null(strstr(text, "\nwalrelay_changes_total{op=\"insert\"} 0\n"));
	assert_non_null(strstr(text, "\nwalrelay_unacked_messages 0\n"));
	assert_non_null(strstr(text, "\nwalrelay_source_connected 0\n"));
	assert_null(strstr(text, "reachable"));
	assert_null(strstr(text, "lsn"));
	assert_null(strstr(text, "lag_bytes"));
	assert_null(strstr(text, "timestamp"));
	assert_null(strstr(text, "process_"));
	free(text);
}

/* A confirmed position ahead of what the server said last is no lag. */
static void
lag_is_never_negative(void **state)
{
	struct metrics m = full();
	char          *text;

	(void) state;
	m.confirmed_lsn = m.source.server_lsn + 8;
	text = samples(&m);
	assert_non_null(strstr(text, "\nwalrelay_lag_bytes 0\n"));
	free(text);
}

static void
labels_are_escaped(void **state)
{
	struct metrics m = full();
	char          *text;

	(void) state;
	m.librdkafka = "a\"b\\c\nd";
	text = samples(&m);
	assert_non_null(strstr(text, ",librdkafka=\"a\\\"b\\\\c\\nd\",libpq="));
	free(text);
}

/*
 * The format's own rules: each family has one HELP, then one TYPE, then all of
 * its samples; counters end in _total and nothing else does.
 */
static void
text_keeps_the_rules_of_the_format(void **state)
{
	struct metrics m = full();
	struct buf     text = {0};
	struct buf     seen = {0};
	char           family[128] = "", type[16] = "", name[128], word[128];
	char          *line, *rest;
	unsigned       families = 0;

	(void) state;
	metrics_text(&m, METRICS_PROMETHEUS, &text);
	assert_int_equal(text.data[text.len - 1], '\n');
	rest = buf_cstr(&text);
	while ((line = strsep(&rest, "\n")) && rest)
	{
		if (sscanf(line, "# HELP %127s %127s", name, word) == 2)
		{
			snprintf(family, sizeof(family), "%s", name);
			snprintf(word, sizeof(word), "\n%s\n", family);
			assert_null(strstr(buf_cstr(&seen), word));
			buf_puts(&seen, word);
			type[0] = '\0';
			families++;
		}
		else if (sscanf(line, "# TYPE %127s %15s", name, type) == 2)
		{
			bool total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;

			assert_string_equal(name, family);
			if (strcmp(type, "histogram") == 0)
				assert_false(total);
			else
				assert_string_equal(type, total ? "counter" : "gauge");
		}
		else
		{
			size_t len = strcspn(line, "{ ");
			char  *value = strrchr(line, ' ') + 1;

			if (strcmp(type, "histogram") == 0)
				len = strlen(family);
			assert_int_equal(len, strlen(family));
			assert_memory_equal(line, family, len);
			assert_true(type[0] != '\0');
			assert_true(isdigit((unsigned char) *value));
			assert_int_equal(strspn(value, "0123456789."), strlen(value));
		}
	}
	assert_true(families > 20);
	buf_free(&seen);
	buf_free(&text);
}

/* --- JSON ---------------------------------------------------------------- */

/* What is not the same in OpenMetrics: names of counters in comments, and the end. */
static void
openmetrics_has_the_same_samples(void **state)
{
	struct metrics m = full();
	struct buf     plain = {0};
	struct buf     open = {0};
	char          *expected = samples(&m);
	char          *rest;
	char          *line;
	char          *at = expected;

	(void) state;
	metrics_text(&m, METRICS_PROMETHEUS, &plain);
	metrics_text(&m, METRICS_OPENMETRICS, &open);
	assert_non_null(strstr(buf_cstr(&plain), "# TYPE walrelay_changes_total counter\n"));
	assert_null(strstr(buf_cstr(&plain), "# EOF"));
	assert_non_null(strstr(buf_cstr(&open), "# TYPE walrelay_changes counter\n"));
	assert_non_null(strstr(buf_cstr(&open), "# HELP process_cpu_seconds "));
	assert_non_null(strstr(buf_cstr(&open), "# TYPE walrelay_lag_bytes gauge\n"));
	assert_string_equal(buf_cstr(&open) + open.len - strlen("\n# EOF\n"), "\n# EOF\n");
	rest = buf_cstr(&open);
	while ((line = strsep(&rest, "\n")) && rest)
	{
		if (*line == '#' || strstr(line, "_seconds_bucket{") || strstr(line, "_seconds_sum") ||
			strstr(line, "_seconds_count"))
			continue;
		assert_memory_equal(at, line, strlen(line));
		at += strlen(line) + 1;
	}
	assert_int_equal(*at, '\0');
	free(expected);
	buf_free(&plain);
	buf_free(&open);
}

static void
json_says_the_same(void **state)
{
	struct metrics m = full();
	struct buf     text = {0};
	cJSON         *root;

	(void) state;
	metrics_json(&m, &text);
	/* Beyond 2^53: as digits, whatever a reader makes of them. */
	assert_non_null(strstr(buf_cstr(&text), "\"produced_bytes\":18446744073709551615,"));
	root = cJSON_Parse(buf_cstr(&text));
	assert_non_null(root);
#define ITEM(name) cJSON_GetObjectItemCaseSensitive(root, name)
	assert_string_equal(cJSON_GetStringValue(ITEM("version")), WALRELAY_VERSION);
	assert_string_equal(cJSON_GetStringValue(ITEM("libpq")), "15.13");
	assert_string_equal(cJSON_GetStringValue(ITEM("state")), "waiting_sink");
	assert_true(cJSON_IsFalse(ITEM("ready")));
	assert_true(cJSON_IsTrue(ITEM("source_connected")));
	assert_true(cJSON_IsTrue(ITEM("kafka_reachable")));
	assert_true(cJSON_IsFalse(ITEM("registry_reachable")));
	assert_string_equal(cJSON_GetStringValue(ITEM("received_lsn")), "16/80");
	assert_string_equal(cJSON_GetStringValue(ITEM("confirmed_lsn")), "16/40");
	assert_string_equal(cJSON_GetStringValue(ITEM("server_lsn")), "16/100");
	assert_int_equal(ITEM("lag_bytes")->valueint, 192);
	assert_int_equal(ITEM("transactions")->valueint, 7);
	assert_int_equal(ITEM("acked_messages")->valueint, 20);
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(ITEM("changes"), "delete")->valueint, 4);
	assert_int_equal(cJSON_GetArraySize(ITEM("changes")), 5);
	assert_int_equal(
		cJSON_GetObjectItemCaseSensitive(ITEM("values_unrepresentable"), "replaced")->valueint, 16);
	assert_int_equal(cJSON_GetArraySize(ITEM("values_unrepresentable")), 8);
	assert_true(ITEM("process_cpu_seconds")->valuedouble == 1.5);
	/* No name is there twice. */
	for (const cJSON *item = root->child; item; item = item->next)
		assert_ptr_equal(ITEM(item->string), item);
#undef ITEM
	cJSON_Delete(root);
	buf_free(&text);
}

static void
json_has_null_for_what_is_not_known(void **state)
{
	struct metrics m = {.librdkafka = "2.0.2", .libpq = 150013};
	struct buf     text = {0};
	cJSON         *root;

	(void) state;
	metrics_json(&m, &text);
	root = cJSON_Parse(buf_cstr(&text));
	assert_non_null(root);
	for (const char *const *name = (const char *const[]){"kafka_reachable", "registry_reachable",
														 "confirmed_lsn", "server_lsn", "lag_bytes",
														 "last_commit_timestamp_seconds", NULL};
		 *name; name++)
		assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(root, *name)));
	cJSON_Delete(root);
	buf_free(&text);
}

/* --- what is refused ------------------------------------------------------ */

static void
refused_schemas_have_names_up_to_a_bound(void **state)
{
	struct metrics m = full();
	struct refusal refusals[25] = {0};
	char           names[25][16];
	unsigned       samples_of_subjects = 0;
	char          *text;

	(void) state;
	for (int i = 0; i < 25; i++)
	{
		snprintf(names[i], sizeof(names[i]), "t\"%d", i);
		refusals[i].subject = names[i];
		refusals[i].schema = "{}";
		refusals[i].next = i < 24 ? &refusals[i + 1] : NULL;
		err_set(&refusals[i].why, ERR_CONFIG, E1802, "no");
	}
	m.refusals = refusals;
	text = samples(&m);
	assert_non_null(strstr(text, "\nwalrelay_schemas_refused 25\n"));
	assert_non_null(
		strstr(text, "\nwalrelay_schema_refused{subject=\"t\\\"0\",code=\"E1802\"} 1\n"));
	for (const char *at = text; (at = strstr(at, "walrelay_schema_refused{")) != NULL; at++)
		samples_of_subjects++;
	assert_int_equal(samples_of_subjects, 20);
	free(text);
}

static void
dead_letters_are_counted_by_table(void **state)
{
	struct metrics      m = full();
	struct letter_count second = {.table = (char *) "public.b", .messages = UINT64_MAX};
	struct letter_count first = {.table = (char *) "public.a", .messages = 3, .next = &second};
	struct buf          json = {0};
	char               *text;

	(void) state;
	m.dead_letters = &first;
	text = samples(&m);
	assert_non_null(strstr(text, "\nwalrelay_dead_letters_total{table=\"public.a\"} 3\n"
								 "walrelay_dead_letters_total{table=\"public.b\"} "
								 "18446744073709551615\n"));
	free(text);
	metrics_json(&m, &json);
	assert_non_null(strstr(buf_cstr(&json), "\"dead_letters\":{\"public.a\":3,\"public.b\":"
											"18446744073709551615}"));
	buf_free(&json);
}

static void
status_has_refused_schemas_whole(void **state)
{
	struct metrics m = full();
	struct refusal other = {.subject = "s-key", .schema = "{}", .since_us = 1};
	struct refusal refusal = {.subject = "s-value",
							  .schema = "{\"ours\":1}",
							  .registered = "{\"theirs\":1}",
							  .version = 7,
							  .since_us = INT64_C(1700000000000042),
							  .next = &other};
	struct buf     text = {0};
	cJSON         *root, *item;

	(void) state;
	err_set(&refusal.why, ERR_CONFIG, E1802, "message");
	err_detail(&refusal.why, "detail");
	err_hint(&refusal.why, "hint");
	err_set(&other.why, ERR_CONFIG, E1803, "message");
	m.refusals = &refusal;
	metrics_json(&m, &text);
	assert_non_null(strstr(buf_cstr(&text), "\"since_timestamp_seconds\":1700000000.000042,"));
	root = cJSON_Parse(buf_cstr(&text));
	item = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "schemas_refused"), 0);
#define TEXT(name) cJSON_GetStringValue(cJSON_GetObjectItem(item, name))
	assert_string_equal(TEXT("subject"), "s-value");
	assert_string_equal(TEXT("code"), "E1802");
	assert_string_equal(TEXT("message"), "message");
	assert_string_equal(TEXT("detail"), "detail");
	assert_string_equal(TEXT("hint"), "hint");
	assert_string_equal(TEXT("ours"), "{\"ours\":1}");
	assert_string_equal(TEXT("registered"), "{\"theirs\":1}");
	assert_int_equal(cJSON_GetObjectItem(item, "registered_version")->valueint, 7);
	item = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "schemas_refused"), 1);
	assert_string_equal(TEXT("code"), "E1803");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(item, "registered")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(item, "registered_version")));
#undef TEXT
	cJSON_Delete(root);
	buf_free(&text);
}

/* --- readiness ----------------------------------------------------------- */

static void
ready_is_streaming_with_everybody_there(void **state)
{
	static const bool flows[] = {
		[METRICS_CONNECTING] = false,     [METRICS_STREAMING] = true,
		[METRICS_SNAPSHOT] = true,
		[METRICS_WAITING_SINK] = true,    [METRICS_WAITING_REGISTRY] = true,
		[METRICS_SCHEMA_REFUSED] = false, [METRICS_BACKING_OFF] = false,
		[METRICS_DRAINING] = false};

	(void) state;
	for (int s = METRICS_CONNECTING; s <= METRICS_DRAINING; s++)
		for (int kafka = PEER_UNKNOWN; kafka <= PEER_THERE; kafka++)
			for (int registry = PEER_UNKNOWN; registry <= PEER_THERE; registry++)
			{
				struct metrics m = {.state = (enum metrics_state) s,
									.health.source_patience_us = 1,
									.kafka = (enum metrics_peer) kafka,
									.registry = (enum metrics_peer) registry};

				assert_int_equal(metrics_ready(&m),
								 flows[s] && kafka != PEER_AWAY && registry != PEER_AWAY);
			}
}

/* Each rule alone, at its limit and past it. */
static void
not_ready_says_why(void **state)
{
	struct metrics m = {.state = METRICS_STREAMING,
						.unacked_messages = 7,
						.health = {.source_stalled_us = 29999999,
								   .source_patience_us = 30000000,
								   .sink_stalled_us = 29999999,
								   .sink_patience_us = 30000000,
								   .lag_us = INT64_C(3600000000)}};
	metrics_reason reasons[METRICS_REASONS];

	(void) state;
	assert_int_equal(metrics_reasons(&m, reasons), 0);
	m.health.ready_lag_us = INT64_C(3600000000);
	assert_true(metrics_ready(&m));
	m.health.lag_us++;
	assert_int_equal(metrics_reasons(&m, reasons), 1);
	assert_string_equal(reasons[0],
						"a commit waits for 3600.0 s, longer than admin.ready.lag, 3600.0 s");
	m.health.source_stalled_us++;
	m.health.sink_stalled_us += 5000000;
	m.state = METRICS_BACKING_OFF;
	m.kafka = m.registry = PEER_AWAY;
	assert_int_equal(metrics_reasons(&m, reasons), 6);
	assert_string_equal(reasons[0], "PostgreSQL is not connected");
	assert_string_equal(reasons[1], "Kafka is not reachable");
	assert_string_equal(reasons[2], "the schema registry is not reachable");
	assert_string_equal(reasons[3], "PostgreSQL has sent nothing for 30 s, although it should have");
	assert_string_equal(reasons[4], "no message was acknowledged for 34 s, with 7 in flight");
}

/* --- distributions and lists ----------------------------------------------- */

static void
latencies_are_histograms(void **state)
{
	struct metrics m = full();
	struct buf     text = {0};
	struct buf     json = {0};

	(void) state;
	histogram_add(&m.pipeline.latencies[LATENCY_COMMIT_TO_ACKED], 900);
	histogram_add(&m.pipeline.latencies[LATENCY_COMMIT_TO_ACKED], 2000000);
	histogram_add(&m.pipeline.latencies[LATENCY_COMMIT_TO_ACKED], INT64_C(61000000));
	histogram_add(&m.pipeline.latencies[LATENCY_HANDED_TO_ACKED], 3000);
	metrics_text(&m, METRICS_OPENMETRICS, &text);
	assert_non_null(strstr(buf_cstr(&text), "# TYPE walrelay_commit_to_ack_seconds histogram\n"
											"walrelay_commit_to_ack_seconds_bucket{le=\"0.001\"} 1\n"
											"walrelay_commit_to_ack_seconds_bucket{le=\"0.0025\"} 1\n"));
	assert_non_null(strstr(buf_cstr(&text), "_bucket{le=\"1.0\"} 1\n"
											"walrelay_commit_to_ack_seconds_bucket{le=\"2.5\"} 2\n"));
	assert_non_null(strstr(buf_cstr(&text), "_bucket{le=\"60.0\"} 2\n"
											"walrelay_commit_to_ack_seconds_bucket{le=\"+Inf\"} 3\n"
											"walrelay_commit_to_ack_seconds_sum 63.000900\n"
											"walrelay_commit_to_ack_seconds_count 3\n"));
	assert_non_null(strstr(buf_cstr(&text),
						   "walrelay_stage_seconds_bucket{stage=\"handed_to_acked\",le=\"0.005\"} 1\n"));
	assert_non_null(
		strstr(buf_cstr(&text), "walrelay_stage_seconds_sum{stage=\"handed_to_acked\"} 0.003000\n"));
	metrics_json(&m, &json);
	assert_non_null(strstr(buf_cstr(&json), "\"commit_to_acked\":{\"count\":3,\"sum_seconds\":63.000900,"));
	assert_non_null(strstr(buf_cstr(&json), "{\"le\":2.5,\"count\":2}"));
	assert_non_null(strstr(buf_cstr(&json), "\"commit_to_received\":{\"count\":0,\"sum_seconds\":0.000000,"
											"\"p50_seconds\":null,\"p99_seconds\":null,"));
	buf_free(&text);
	buf_free(&json);
}

/* Two hundred by name, the others together, and every change in one of them. */
static void
tables_are_counted_up_to_a_bound(void **state)
{
	struct metrics       m = full();
	struct table_counts *counts = table_counts_new();
	struct buf           json = {0};
	char                *text;
	char                 name[32];
	unsigned             samples_of_tables = 0;
	uint64_t             sum = 0;

	(void) state;
	assert_null(table_counts_list(counts));
	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < 5000; i++)
		{
			struct table_count *count;

			snprintf(name, sizeof(name), "s.t\"%d", i);
			count = table_counts_of(counts, name, name + 2);
			count->changes[TABLE_OP_DELETE]++;
			count->sent.acked += 2;
			count->changed_us = INT64_C(1700000000000042);
		}
	m.tables = table_counts_list(counts);
	for (const struct table_count *count = m.tables; count; count = count->next)
		sum += count->changes[TABLE_OP_DELETE];
	assert_int_equal(sum, 10000);
	text = samples(&m);
	for (const char *at = text; (at = strstr(at, "walrelay_table_acked_messages_total{")) != NULL; at++)
		samples_of_tables++;
	assert_int_equal(samples_of_tables, TABLE_COUNTS_MAX + 1);
	assert_non_null(strstr(text, "\nwalrelay_table_changes_total{table=\"s.t\\\"199\",op=\"delete\"} 2\n"));
	assert_non_null(strstr(text, "\nwalrelay_table_changes_total{table=\"_other\",op=\"delete\"} 9600\n"));
	assert_non_null(strstr(text, "\nwalrelay_table_acked_messages_total{table=\"_other\"} 19200\n"));
	assert_non_null(strstr(text, "{table=\"s.t\\\"0\"} 1700000000.000042\n"));
	metrics_json(&m, &json);
	assert_non_null(strstr(buf_cstr(&json), "{\"table\":\"s.t\\\"0\",\"topic\":\"t\\\"0\",\"changes\":"
											"{\"insert\":0,\"update\":0,\"delete\":2,\"truncate\":0,\"read\":0},"
											"\"messages\":0,\"bytes\":0,\"acked_messages\":4,"));
	assert_non_null(strstr(buf_cstr(&json), "{\"table\":\"_other\",\"topic\":null,"));
	table_counts_free(counts);
	buf_free(&json);
	free(text);
}

static void
what_was_logged_is_shown(void **state)
{
	static struct journal     journal;
	const struct journal_line line = {.level = 1, .code = E2001, .msg = "no \"broker\"", .action = "waiting"};
	struct metrics            m = full();
	struct buf                json = {0};
	char                     *text;

	(void) state;
	journal_add(&journal, &line, INT64_C(1700000000500000));
	m.journal = &journal;
	reasons_count(&m.produce_errors, "MSG_SIZE_TOO_LARGE", 3);
	text = samples(&m);
	assert_non_null(strstr(text, "\nwalrelay_log_messages_total{level=\"error\"} 0\n"
								 "walrelay_log_messages_total{level=\"warn\"} 1\n"));
	assert_non_null(strstr(text, "\nwalrelay_errors_total{code=\"E2001\"} 1\n"));
	assert_null(strstr(text, "E2002"));
	assert_non_null(strstr(text, "\nwalrelay_produce_errors_total{reason=\"MSG_SIZE_TOO_LARGE\"} 3\n"));
	metrics_json(&m, &json);
	assert_non_null(strstr(
		buf_cstr(&json),
		"\"errors\":[{\"level\":\"warn\",\"code\":\"E2001\",\"message\":\"no \\\"broker\\\"\",\"detail\":null,"
		"\"hint\":null,\"action\":\"waiting\",\"count\":1,\"first_timestamp_seconds\":1700000000.500000,"
		"\"last_timestamp_seconds\":1700000000.500000}]"));
	assert_non_null(strstr(buf_cstr(&json), "\"errors_by_code\":{\"E2001\":1}"));
	buf_free(&json);
	free(text);
}

/* However many reasons there are. */
static void
reasons_are_few(void **state)
{
	struct reasons reasons = {0};
	char           names[40][8];
	uint64_t       sum = 0;

	(void) state;
	for (int i = 0; i < 40; i++)
	{
		snprintf(names[i], sizeof(names[i]), "R%d", i);
		reasons_count(&reasons, names[i], 1);
		reasons_count(&reasons, names[0], 1);
	}
	assert_int_equal(reasons.count, REASONS_MAX);
	assert_string_equal(reasons.of[REASONS_MAX - 1].name, "other");
	assert_int_equal(reasons.of[0].times, 41);
	for (unsigned i = 0; i < reasons.count; i++)
		sum += reasons.of[i].times;
	assert_int_equal(sum, 80);
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_field_has_its_sample),
		TEST(what_is_not_known_is_left_out),
		TEST(lag_is_never_negative),
		TEST(labels_are_escaped),
		TEST(text_keeps_the_rules_of_the_format),
		TEST(openmetrics_has_the_same_samples),
									   TEST(json_says_the_same),
		TEST(json_has_null_for_what_is_not_known),
		TEST(refused_schemas_have_names_up_to_a_bound),
		TEST(dead_letters_are_counted_by_table),
		TEST(status_has_refused_schemas_whole),
		TEST(ready_is_streaming_with_everybody_there),
		TEST(not_ready_says_why),
		TEST(latencies_are_histograms),
		TEST(tables_are_counted_up_to_a_bound),
		TEST(what_was_logged_is_shown),
		TEST(reasons_are_few),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
