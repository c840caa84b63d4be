/*
 * test_health.c
 *		What stands still and how far behind the relay is, in the cases that are mixed up easily.
 */
#include "health.h"
#include "unit.h"

#define STATUS_MS 10000
#define PATIENCE_MS 30000

struct fixture
{
	struct health      health;
	struct health_view view;
};

static struct fixture
fixture_new(void)
{
	struct fixture fix = {.view = {.now_ms = 1000000, .streaming = true}};

	health_begin(&fix.health, fix.view.now_ms);
	return fix;
}

/* So much later, with a look at the end of the round. */
static void
pass(struct fixture *fix, int64_t ms)
{
	fix->view.now_ms += ms;
	health_look(&fix->health, &fix->view);
}

static int64_t
stalled(const struct fixture *fix, int64_t silent_ms)
{
	return health_source_stalled_ms(&fix->health, &fix->view, silent_ms, STATUS_MS);
}

static void
an_idle_database_is_well(void **state)
{
	struct fixture fix = fixture_new();

	(void) state;
	fix.view.server_lsn = fix.view.reached_lsn = 500;
	pass(&fix, 7200000);
	assert_int_equal(stalled(&fix, 2 * STATUS_MS), 0);
	assert_int_equal(health_lag_us(&fix.health, &fix.view, 0, 77), 0);
	assert_int_equal(health_sink_stalled_ms(&fix.health, &fix.view), 0);
}

static void
a_server_that_is_ahead_and_sends_nothing_stands_still(void **state)
{
	struct fixture fix = fixture_new();

	(void) state;
	fix.view.server_lsn = fix.view.reached_lsn = 500;
	pass(&fix, 3600000);
	fix.view.server_lsn = 600;
	pass(&fix, 10);
	assert_int_equal(stalled(&fix, 0), 10);
	pass(&fix, PATIENCE_MS);
	assert_int_equal(stalled(&fix, 0), PATIENCE_MS + 10);
	assert_int_equal(health_lag_us(&fix.health, &fix.view, 0, 0), INT64_C(1000) * (PATIENCE_MS + 10));
	fix.view.frames++; /* of a large transaction, which moves no position */
	pass(&fix, 10);
	assert_int_equal(stalled(&fix, 0), 0);
	assert_true(health_lag_us(&fix.health, &fix.view, 0, 0) > INT64_C(1000) * PATIENCE_MS);
	fix.view.reached_lsn = 600;
	pass(&fix, 10);
	assert_int_equal(health_lag_us(&fix.health, &fix.view, 0, 0), 0);
}

/* Being asked, an idle one answers; a stopped one does not. */
static void
silence_counts_when_an_answer_is_due(void **state)
{
	struct fixture fix = fixture_new();

	(void) state;
	pass(&fix, PATIENCE_MS + 1);
	assert_int_equal(stalled(&fix, PATIENCE_MS), 0);
	assert_int_equal(stalled(&fix, PATIENCE_MS + 1), PATIENCE_MS + 1);
	assert_int_equal(health_source_patience_ms(STATUS_MS), PATIENCE_MS);
	assert_int_equal(health_source_patience_ms(100), 5000);
}

/* What waits here is no fault of the server's, but the relay is behind. */
static void
a_relay_that_does_not_read_does_not_blame_the_server(void **state)
{
	struct fixture fix = fixture_new();

	(void) state;
	fix.view.server_lsn = 600;
	fix.view.paused = true;
	pass(&fix, 3600000);
	assert_int_equal(stalled(&fix, 3600000), 0);
	assert_int_equal(health_lag_us(&fix.health, &fix.view, 0, 0), INT64_C(3600000000));
	fix.view.paused = false;
	fix.view.streaming = false;
	pass(&fix, 1000);
	assert_int_equal(stalled(&fix, 3600000), 0);
	assert_int_equal(health_lag_us(&fix.health, &fix.view, 0, 0), INT64_C(3601000000));
	fix.view.streaming = true;
	pass(&fix, 1); /* patience begins anew */
	assert_int_equal(stalled(&fix, 0), 1);
}

static void
the_oldest_commit_is_the_lag(void **state)
{
	struct fixture fix = fixture_new();

	(void) state;
	fix.view.transactions = 3;
	pass(&fix, 5);
	assert_int_equal(health_lag_us(&fix.health, &fix.view, 1000, 251000), 250000);
	assert_int_equal(health_lag_us(&fix.health, &fix.view, 1000, 900), 0); /* clocks differ */
	/* rows of a snapshot have no commit */
	assert_int_equal(health_lag_us(&fix.health, &fix.view, 0, 251000), 5000);
}

static void
a_sink_stands_still_while_something_is_in_flight(void **state)
{
	struct fixture fix = fixture_new();

	(void) state;
	pass(&fix, 100000);
	fix.view.unacked = 5;
	pass(&fix, 20000);
	fix.view.acked = 1;
	fix.view.unacked = 4;
	pass(&fix, 100);
	pass(&fix, 29000);
	assert_int_equal(health_sink_stalled_ms(&fix.health, &fix.view), 29000);
	pass(&fix, 2000);
	assert_true(health_sink_stalled_ms(&fix.health, &fix.view) > HEALTH_SINK_PATIENCE_MS);
	fix.view.unacked = 0;
	fix.view.acked = 5;
	pass(&fix, 1);
	assert_int_equal(health_sink_stalled_ms(&fix.health, &fix.view), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_database_is_well),
		cmocka_unit_test(a_server_that_is_ahead_and_sends_nothing_stands_still),
		cmocka_unit_test(silence_counts_when_an_answer_is_due),
		cmocka_unit_test(a_relay_that_does_not_read_does_not_blame_the_server),
		cmocka_unit_test(the_oldest_commit_is_the_lag),
		cmocka_unit_test(a_sink_stands_still_while_something_is_in_flight)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
