/* test_gentle.c: when another chunk may be begun, without a server: by rate, and by the time of the day. */
#include <time.h>

#include "unit.h"

#include "gentle.h"

static struct loop   *loop;
static struct config *cfg;
static struct err     e;

static int
setup(void **state)
{
	(void) state;
	loop = loop_new();
	cfg = config_new();
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	config_free(cfg);
	loop_free(loop);
	return 0;
}

static struct gentle *
gentle_with(const char *key, const char *value)
{
	struct gentle *g;

	assert_rc_ok(config_set(cfg, key, value, ORIGIN_FLAG, "test", &e));
	g = gentle_new(loop, cfg, NULL);
	gentle_begin(g);
	return g;
}

static void
a_rate_delays_the_next_chunk(void **state)
{
	struct gentle      *g = gentle_with("snapshot.rate.limit", "100");
	struct gentle_stats stats;
	enum gentle_reason  why = GENTLE_WINDOW;

	(void) state;
	assert_int_equal(gentle_chunk_rows(g, 50000), 100);
	assert_true(gentle_may_read(g, 10000, &why));
	gentle_took(g, 300, 10000);
	assert_false(gentle_may_read(g, 11999, &why));
	assert_int_equal(why, GENTLE_RATE);
	gentle_stats(g, &stats);
	assert_true(stats.rate && !stats.window && !stats.retained);
	assert_true(gentle_may_read(g, 12000, &why));
	gentle_stats(g, &stats);
	assert_false(stats.rate);
	gentle_took(g, 300, 12000);
	assert_false(gentle_may_read(g, 12000, &why));
	gentle_end(g); /* nobody wants to read */
	gentle_stats(g, &stats);
	assert_false(stats.rate);
	gentle_free(g);
}

/* Half a day around now is open, the other half is not. */
static void
hours_are_of_local_time(void **state)
{
	static const char *const zones[] = {"UTC", "XXX-11:30", "YYY+9"};

	(void) state;
	for (unsigned i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
	{
		enum gentle_reason  why = GENTLE_RATE;
		struct gentle_stats stats;
		struct gentle      *g;
		time_t              now;
		struct tm           tm;
		char                open[16], closed[16];

		setenv("TZ", zones[i], 1);
		tzset();
		now = time(NULL);
		localtime_r(&now, &tm);
		snprintf(open, sizeof(open), "%02d:30-%02d:30", (tm.tm_hour + 18) % 24,
				 (tm.tm_hour + 6) % 24);
		snprintf(closed, sizeof(closed), "%02d:30-%02d:30", (tm.tm_hour + 6) % 24,
				 (tm.tm_hour + 18) % 24);
		g = gentle_with("snapshot.window", open);
		assert_true(gentle_may_read(g, 1, &why));
		gentle_free(g);
		g = gentle_with("snapshot.window", closed);
		assert_false(gentle_may_read(g, 1, &why));
		assert_int_equal(why, GENTLE_WINDOW);
		gentle_stats(g, &stats);
		assert_true(stats.window && !stats.rate);
		gentle_free(g);
	}
}

static void
without_settings_nothing_waits(void **state)
{
	struct gentle     *g = gentle_new(loop, cfg, NULL);
	enum gentle_reason why;

	(void) state;
	gentle_begin(g);
	gentle_begin(g);
	gentle_took(g, 1000000000, 1);
	assert_true(gentle_may_read(g, 1, &why));
	assert_int_equal(gentle_chunk_rows(g, 50000), 50000);
	gentle_end(g);
	gentle_end(g);
	gentle_end(g); /* one too many is none */
	gentle_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_rate_delays_the_next_chunk, setup, teardown),
		cmocka_unit_test_setup_teardown(hours_are_of_local_time, setup, teardown),
		cmocka_unit_test_setup_teardown(without_settings_nothing_waits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
