/*
 * test_client_stats.c
 *		librdkafka's JSON: of several brokers and topics, of megabytes, and broken.
 */
#include <math.h>

#include "buf.h"
#include "client_stats.h"
#include "unit.h"

#define BROKER(name, connects, rtt_avg, rtt_max, count)                                            \
	"\"" name "\": {\"name\": \"" name "\", \"outbuf_cnt\": 1, \"waitresp_cnt\": 2, \"tx\": 10, "      \
	"\"txbytes\": 1000, \"txerrs\": 0, \"txretries\": 3, \"req_timeouts\": 0, \"connects\": " connects \
	", \"disconnects\": 0, \"rtt\": {\"min\": 1, \"max\": " rtt_max ", \"avg\": " rtt_avg              \
	", \"p99\": " rtt_max ", \"cnt\": " count "}, \"throttle\": {\"max\": 20, \"avg\": 10, \"p99\": 20, " \
	"\"cnt\": 1}, \"toppars\": {\"topics\": {\"topic\": \"topics\", \"partition\": 0}}}"
#define HEAD "{\"name\": \"a \\\"topics\\\" b\", \"time\": 1700000000, \"msg_cnt\": 7, \"msg_size\": 700, \"brokers\": {"
#define TOPIC(name) \
	"\"" name "\": {\"topic\": \"" name "\", \"batchsize\": {\"max\": 900, \"avg\": 450, \"p99\": 899, \"cnt\": 2}, " \
	"\"batchcnt\": {\"max\": 9, \"avg\": 4, \"p99\": 8, \"cnt\": 2}, \"partitions\": {}}"

static const char two[] = HEAD BROKER("b1", "2", "1000", "5000", "30") ", " BROKER(
	"b2", "1", "3000", "4000", "10") "}, \"topics\": {" TOPIC("t1") ", " TOPIC("t2") "}, \"tx\": 99}";

static bool
is(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

static void
brokers_are_one(void **state)
{
	struct client_stats stats = {0};

	(void) state;
	client_stats_read(&stats, two, strlen(two));
	assert_true(stats.known);
	assert_int_equal(stats.time_s, 1700000000);
	assert_int_equal(stats.queued_messages, 7);
	assert_int_equal(stats.queued_bytes, 700);
	assert_int_equal(stats.requests_waiting, 2);
	assert_int_equal(stats.requests_in_flight, 4);
	assert_int_equal(stats.windows[CLIENT_RTT].count, 40);
	assert_true(is(stats.windows[CLIENT_RTT].avg, 0.0015));
	assert_true(is(stats.windows[CLIENT_RTT].p99, 0.005));
	assert_true(is(stats.windows[CLIENT_RTT].max, 0.005));
	assert_true(is(stats.windows[CLIENT_THROTTLE].avg, 0.010));
	assert_int_equal(stats.windows[CLIENT_INT_LATENCY].count, 0);
	assert_true(is(stats.windows[CLIENT_BATCH_BYTES].avg, 450));
	assert_int_equal(stats.windows[CLIENT_BATCH_MESSAGES].count, 4);
	assert_true(is(stats.windows[CLIENT_BATCH_MESSAGES].max, 9));
	assert_int_equal(stats.counters[CLIENT_TX_REQUESTS], 20);
	assert_int_equal(stats.counters[CLIENT_TX_RETRIES], 6);
	assert_int_equal(stats.counters[CLIENT_CONNECTS], 3);
}

/* Whatever brokers and producers come and go. */
static void
counters_never_go_back(void **state)
{
	static const char   one[] = HEAD BROKER("b1", "5", "1", "1", "1") "}}";
	struct client_stats stats = {0};

	(void) state;
	client_stats_read(&stats, two, strlen(two)); /* 3 connects */
	client_stats_read(&stats, two, strlen(two));
	assert_int_equal(stats.counters[CLIENT_CONNECTS], 3);
	client_stats_read(&stats, one, strlen(one));
	assert_int_equal(stats.counters[CLIENT_CONNECTS], 5);
	assert_int_equal(stats.counters[CLIENT_TX_REQUESTS], 20);
	client_stats_renew(&stats);
	client_stats_read(&stats, one, strlen(one));
	assert_int_equal(stats.counters[CLIENT_CONNECTS], 10);
	assert_int_equal(stats.counters[CLIENT_TX_REQUESTS], 30);
	assert_int_equal(stats.windows[CLIENT_BATCH_BYTES].count, 0); /* of the last interval only */
}

static void
of_thousands_of_topics_only_brokers_are_read(void **state)
{
	struct client_stats stats = {0};
	struct buf          json = {0};

	(void) state;
	buf_puts(&json, HEAD BROKER("b1", "5", "1000", "1000", "1") "}, \"topics\": {" TOPIC("first"));
	for (int i = 0; json.len <= CLIENT_STATS_LARGE; i++)
		buf_printf(&json, ", \"t%d\": {\"batchsize\": {\"avg\": 1, \"cnt\": 1}}", i);
	buf_puts(&json, "}, \"tx\": 5}");
	client_stats_read(&stats, buf_cstr(&json), json.len);
	assert_true(stats.known);
	assert_int_equal(stats.queued_messages, 7);
	assert_int_equal(stats.windows[CLIENT_RTT].count, 1);
	assert_int_equal(stats.counters[CLIENT_CONNECTS], 5);
	assert_int_equal(stats.windows[CLIENT_BATCH_BYTES].count, 0);
	buf_free(&json);
}

static void
what_is_none_changes_nothing(void **state)
{
	struct client_stats stats = {0};
	struct buf          large = {0};

	(void) state;
	client_stats_read(&stats, "", 0);
	client_stats_read(&stats, "{\"brokers\": 5}", 14);
	for (size_t len = 0; len < strlen(two); len++)
	{
		char *cut = xstrndup(two, len);

		client_stats_read(&stats, cut, len);
		free(cut);
		assert_false(stats.known);
	}
	while (large.len <= CLIENT_STATS_LARGE)
		buf_puts(&large, "{\"x\\");
	client_stats_read(&stats, buf_cstr(&large), large.len);
	assert_false(stats.known);
	buf_free(&large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(brokers_are_one),
									   cmocka_unit_test(counters_never_go_back),
									   cmocka_unit_test(of_thousands_of_topics_only_brokers_are_read),
									   cmocka_unit_test(what_is_none_changes_nothing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
