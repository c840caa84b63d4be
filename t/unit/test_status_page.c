/*
 * test_status_page.c
 *		What status and top say of /status: numbers, rates, and only what there is.
 */
#include <stdlib.h>
#include <string.h>

#include "status_page.h"
#include "unit.h"

static const char idle[] =
	"{\"version\":\"0.1.0\",\"ready\":true,\"state\":\"streaming\",\"source_connected\":true,"
	"\"source_silence_seconds\":3,\"kafka_reachable\":true,\"registry_reachable\":null,"
	"\"changes\":{\"insert\":1200,\"update\":5,\"delete\":0},\"transactions\":1000,"
	"\"produced_messages\":1234567,\"produced_bytes\":1610612736,\"acked_messages\":1234500,"
	"\"unacked_messages\":67,\"confirmed_lsn\":\"0/10\",\"received_lsn\":\"0/20\","
	"\"server_lsn\":\"0/30\",\"lag_bytes\":512,\"last_commit_timestamp_seconds\":90.5,"
	"\"snapshot_running\":false,\"incremental_tables\":0,\"gaps_accepted\":0,"
	"\"process_resident_memory_bytes\":20971520,\"process_cpu_seconds\":1.5,"
	"\"process_start_time_seconds\":40,\"schemas_refused\":[],\"dead_letters\":{},"
	"\"skipped_messages\":{}}";

static const char busy[] =
	"{\"version\":\"0.1.0\",\"ready\":false,\"state\":\"schema_refused\",\"source_connected\":false,"
	"\"kafka_reachable\":false,\"changes\":{\"insert\":2200,\"update\":5,\"delete\":0},"
	"\"transactions\":1000,\"produced_messages\":1234567,\"acked_messages\":0,\"unacked_messages\":0,"
	"\"confirmed_lsn\":null,\"lag_bytes\":null,\"last_commit_timestamp_seconds\":null,"
	"\"snapshot_running\":true,\"snapshot_tables\":4,\"snapshot_tables_complete\":1,"
	"\"snapshot_rows\":250000,\"snapshot_rows_estimated\":1000000,"
	"\"snapshot_waiting\":{\"rate\":false,\"window\":true,\"retained\":false},"
	"\"incremental_tables\":2,\"incremental_rows\":7,\"incremental_paused\":true,\"gaps_accepted\":1,"
	"\"process_cpu_seconds\":2.5,"
	"\"schemas_refused\":[{\"code\":\"E1802\",\"subject\":\"s-value\"}],"
	"\"dead_letters\":{\"public.t\":3},\"skipped_messages\":{\"public.u\":{\"E2003\":12}}}";

static char *
page(const char *now, const char *before, double seconds)
{
	cJSON     *first = cJSON_Parse(now);
	cJSON     *second = before ? cJSON_Parse(before) : NULL;
	struct buf out = {0};
	char      *text;

	assert_non_null(first);
	status_page(first, second, seconds, 100.0, &out);
	text = strdup(buf_cstr(&out));
	cJSON_Delete(first);
	cJSON_Delete(second);
	buf_free(&out);
	return text;
}

static void
a_relay_that_is_well(void **state)
{
	char *text = page(idle, NULL, 0);

	(void) state;
	assert_string_equal(text, "state          streaming, ready\n"
							  "PostgreSQL     streams, last heard of 3.0 s ago\n"
							  "Kafka          can be reached\n"
							  "registry       not used, or not asked yet\n"
							  "lag            512 B\n"
							  "confirmed      0/10; received 0/20, server at 0/30\n"
							  "last commit    9.5 s ago\n"
							  "\n"
							  "transactions            1,000\n"
							  "inserts                 1,200\n"
							  "updates                     5\n"
							  "deletes                     0\n"
							  "messages sent       1,234,567\n"
							  "acknowledged        1,234,500\n"
							  "in flight                  67\n"
							  "bytes sent             1.5 GB\n"
							  "\n"
							  "process        20.0 MB of memory, runs for 60.0 s; walrelay 0.1.0\n");
	free(text);
}

static void
one_that_is_not(void **state)
{
	static const char *const lines[] = {
		"state          schema_refused, not ready\n",
		"PostgreSQL     is not connected, last heard of ? ago\n",
		"Kafka          CANNOT BE REACHED\n",
		"lag            ?\n",
		"last commit    ? ago\n",
		"snapshot       1 of 4 tables, 250,000 rows, waits: window\n",
		"               about 25 %\n",
		"incremental    2 tables, 7 rows, waits: window, paused\n",
		"refused        E1802: s-value\n",
		"dead letters   3 of public.t\n",
		"skipped        12 of public.u, E2003\n",
		"gaps passed    1\n"};
	char *text = page(busy, NULL, 0);

	(void) state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr(text, lines[i]) == NULL)
			fail_msg("%s is not in\n%s", lines[i], text);
	free(text);
}

/* p50 and p99 of all, then of what came since the look before. */
#define LATENCY(count, a, b)                                                                       \
	"\"latency\":{\"commit_to_acked\":{\"count\":" count ",\"buckets\":[{\"le\":0.001,\"count\":" a \
	"},{\"le\":0.0025,\"count\":" b "}]}}"
#define TABLE(name, inserts, acked) \
	"{\"table\":\"" name "\",\"topic\":\"x\",\"changes\":{\"insert\":" inserts ",\"delete\":1},\"messages\":100,\"bytes\":2048,\"acked_messages\":" acked ",\"last_change_timestamp_seconds\":95}"

static const char first_look[] = "{\"state\":\"backing_off\",\"ready\":false,\"lag_bytes\":1,\"lag_seconds\":2.5,"
	"\"not_ready\":[\"PostgreSQL is not connected\"]," LATENCY("10", "10", "10") ","
	"\"tables\":[" TABLE("public.a", "5000", "98") "," TABLE("public.b", "10", "100") "],"
	"\"errors\":[{\"level\":\"warn\",\"code\":\"E2001\",\"message\":\"no broker\",\"count\":3,\"last_timestamp_seconds\":90},"
	"{\"level\":\"error\",\"code\":null,\"message\":\"odd\",\"count\":1,\"last_timestamp_seconds\":40}]}";
static const char second_look[] = "{" LATENCY("14", "10", "14") ",\"tables\":["
	TABLE("public.b", "30", "100") "," TABLE("public.a", "5000", "100") "," TABLE("public.c", "9", "100") "]}";

static void
lists_have_their_lines(void **state)
{
	static const char *const lines[] = {
		"               PostgreSQL is not connected\n",
		"lag            1 B, 2.5 s\n",
		"latency of transactions                 p50        p99\n"
		"commit -> acknowledged               0.5 ms     1.0 ms\n"
		"commit -> received                        -          -\n",
		"table                                 changes            in flight       sent  last change\n"
		"public.a                                5,001                    2     2.0 kB  5.0 s ago\n"
		"public.b                                   11                    0     2.0 kB  5.0 s ago\n",
		"warn           10.0 s ago, 3 times: E2001: no broker\n"
		"error          60.0 s ago, 1 times: odd\n"};
	char *text = page(first_look, NULL, 0);

	(void) state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr(text, lines[i]) == NULL)
			fail_msg("%s is not in\n%s", lines[i], text);
	free(text);
	text = page(second_look, first_look, 2.0);
	if (strstr(text, "commit -> acknowledged               1.8 ms     2.5 ms\n") == NULL ||
		strstr(text, "public.b                                   31         10         0     2.0 kB  5.0 s ago\n"
					 "public.a                                5,001          0         0     2.0 kB  5.0 s ago\n"
					 "public.c                                   10          ?         0     2.0 kB  5.0 s ago\n") == NULL)
		fail_msg("%s", text);
	free(text);
}

static void
rates_are_of_what_grew(void **state)
{
	char *text = page(busy, idle, 2.0);

	(void) state;
	assert_non_null(strstr(text, "inserts                 2,200  500/s\n"));
	assert_non_null(strstr(text, "updates                     5  0/s\n"));
	/* one that was started anew has none */
	assert_non_null(strstr(text, "acknowledged                0\n"));
	assert_non_null(strstr(text, ", 50 % of a core, "));
	free(text);
}

/* A name may have any character; columns stay below each other, and terminals obey none. */
static void
names_that_are_odd(void **state)
{
	char *text = page("{\"tables\":[{\"table\":\"public.a\\tb\\n\\u001b[2J\",\"changes\":{\"insert\":3},"
					  "\"messages\":3,\"acked_messages\":3,\"bytes\":10},"
					  "{\"table\":\"public.注文\",\"changes\":{\"insert\":2},"
					  "\"messages\":2,\"acked_messages\":2,\"bytes\":10}],"
					  "\"dead_letters\":{\"public.a\\nb\":3}}",
					  NULL, 0);

	(void) state;
	/* 32 columns, and 13 for a blank and the number */
	assert_non_null(strstr(text, "\npublic.a\\tb\\n\\x1b[2J                        3 "));
	assert_non_null(strstr(text, "\npublic.注文                                 2 "));
	assert_non_null(strstr(text, "\ndead letters   3 of public.a\\nb\n"));
	assert_null(strchr(text, '\x1b'));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_relay_that_is_well),
									   cmocka_unit_test(one_that_is_not),
									   cmocka_unit_test(lists_have_their_lines),
									   cmocka_unit_test(rates_are_of_what_grew),
									   cmocka_unit_test(names_that_are_odd)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
