/* test_slot_guard.c: how long a slot lasts, when that is told, and when a heartbeat is due. */
#include "unit.h"

#include "slot_guard.h"

#define MB UINT64_C(1048576)
#define LOOK_MS 5000

/* Of a server with a limit; confirmed moves with each look. */
static enum guard_level
look(struct slot_guard *guard, uint64_t kept, uint64_t limit, int64_t at)
{
	struct guard_look seen = {.retained = kept * MB,
							  .safe = (int64_t) ((limit - kept) * MB),
							  .confirmed = (uint64_t) at + 1};

	return slot_guard_take(guard, &seen, at);
}

/* From one look to the next so much more, for so long; at its end so much is kept. */
static enum guard_level
grow(struct slot_guard *guard, uint64_t from, uint64_t step, uint64_t limit, unsigned looks)
{
	enum guard_level level = GUARD_FINE;

	for (unsigned i = 0; i < looks; i++)
		level = look(guard, from + i * step, limit, i * LOOK_MS);
	return level;
}

/* --- rates ---------------------------------------------------------------------- */

static void
a_rate_needs_a_while(void **state)
{
	struct slot_guard guard = {0};

	(void) state;
	assert_int_equal(slot_guard_growth(&guard), GUARD_UNKNOWN);
	assert_int_equal(slot_guard_seconds_left(&guard), GUARD_UNKNOWN);
	grow(&guard, 100, 10, 100000, 4); /* 15 s */
	assert_int_equal(slot_guard_growth(&guard), GUARD_UNKNOWN);
	look(&guard, 140, 100000, 20000);
	assert_int_equal(slot_guard_growth(&guard), 2 * MB);
	assert_int_equal(slot_guard_seconds_left(&guard), (100000 - 140) / 2);
}

static void
steady_growth_is_exact_over_a_long_time(void **state)
{
	struct slot_guard guard = {0};

	(void) state;
	grow(&guard, 0, 5, 100000, 1000); /* more than there is room for, and than the window has */
	assert_int_equal(slot_guard_growth(&guard), MB);
	assert_int_equal(slot_guard_seconds_left(&guard), 100000 - 999 * 5);
}

static void
the_rate_is_that_of_the_last_minute(void **state)
{
	struct slot_guard guard = {0};

	(void) state;
	grow(&guard, 0, 50, 100000, 100);
	for (int i = 0; i < 13; i++)
		look(&guard, 5000, 100000, 500000 + i * LOOK_MS);
	assert_int_equal(slot_guard_growth(&guard), 0);
	assert_int_equal(slot_guard_seconds_left(&guard), GUARD_UNKNOWN);
}

/* Up by 30 MB/s for 20 s, and down again: however much that is, it does not grow. */
static void
what_goes_up_and_down_does_not_grow(void **state)
{
	struct slot_guard guard = {0};

	(void) state;
	for (int i = 0; i < 200; i++)
	{
		look(&guard, 16 + (uint64_t) (i % 4) * 150, 100000, i * LOOK_MS);
		if (i >= 12)
			assert_int_equal(slot_guard_growth(&guard), 0);
	}
	/* Not even when it is seen on the way up first. */
	guard = (struct slot_guard){0};
	for (int i = 0; i < 13; i++)
		assert_int_equal(look(&guard, 16 + (uint64_t) (i % 4) * 150, 4000, i * LOOK_MS), GUARD_FINE);
}

static void
less_is_no_growth(void **state)
{
	struct slot_guard guard = {0};

	(void) state;
	for (unsigned i = 0; i < 10; i++)
		look(&guard, 1000 - i * 100, 2000, i * LOOK_MS);
	assert_int_equal(slot_guard_growth(&guard), 0);
	assert_int_equal(guard.level, GUARD_FINE);
}

/* --- levels --------------------------------------------------------------------- */

static void
levels_are_shares_of_the_limit(void **state)
{
	struct slot_guard guard = {0};

	(void) state;
	assert_int_equal(look(&guard, 499, 1000, 1), GUARD_FINE);
	assert_int_equal(look(&guard, 500, 1000, 2), GUARD_WARN);
	assert_int_equal(look(&guard, 749, 1000, 3), GUARD_WARN);
	assert_int_equal(look(&guard, 750, 1000, 4), GUARD_PAUSE);
	assert_int_equal(look(&guard, 900, 1000, 5), GUARD_STOP);
	assert_int_equal(slot_guard_percent(&guard), 90);
	/* Left well below, not at once. */
	assert_int_equal(look(&guard, 899, 1000, 6), GUARD_STOP);
	assert_int_equal(look(&guard, 719, 1000, 7), GUARD_PAUSE);
	assert_int_equal(look(&guard, 599, 1000, 8), GUARD_WARN);
	assert_int_equal(look(&guard, 400, 1000, 9), GUARD_WARN);
	assert_int_equal(look(&guard, 399, 1000, 10), GUARD_FINE);
}

static void
little_time_counts_from_a_quarter_on(void **state)
{
	struct slot_guard guard = {0};

	(void) state;
	/* 1 MB/s: 12 s are left of 100, and still it is only a tenth. */
	assert_int_equal(grow(&guard, 0, 5, 1000, 13), GUARD_FINE);
	/* 26 %, 12.5 min left */
	guard = (struct slot_guard){0};
	assert_int_equal(grow(&guard, 200, 5, 1000, 13), GUARD_WARN);
	assert_in_range(slot_guard_seconds_left(&guard), 700, 800);
	/* 26 %, 6 min left */
	guard = (struct slot_guard){0};
	assert_int_equal(grow(&guard, 140, 10, 1000, 13), GUARD_PAUSE);
	/* However fast it goes, nobody stops for that. */
	guard = (struct slot_guard){0};
	assert_int_equal(grow(&guard, 100, 60, 1000, 13), GUARD_PAUSE);
}

static void
the_smaller_limit_counts(void **state)
{
	struct slot_guard guard = {0};
	struct guard_look seen = {.retained = 100 * MB, .safe = GUARD_UNKNOWN, .confirmed = 1};

	(void) state;
	assert_int_equal(slot_guard_take(&guard, &seen, 1), GUARD_FINE);
	assert_int_equal(guard.limit, 0);
	assert_int_equal(slot_guard_percent(&guard), 0);
	seen.allowed = 150 * MB;
	assert_int_equal(slot_guard_take(&guard, &seen, 2), GUARD_WARN);
	assert_int_equal(guard.limit, 150 * MB);
	assert_false(guard.by_server);
	seen.safe = (int64_t) (5 * MB);
	assert_int_equal(slot_guard_take(&guard, &seen, 3), GUARD_STOP);
	assert_int_equal(guard.limit, 105 * MB);
	assert_true(guard.by_server);
	seen.safe = 0; /* used up, which is a limit, too */
	assert_int_equal(slot_guard_take(&guard, &seen, 4), GUARD_STOP);
	assert_int_equal(slot_guard_percent(&guard), 100);
}

static void
unreserved_is_the_last_level(void **state)
{
	struct slot_guard guard = {0};
	struct guard_look seen = {.retained = 1, .safe = 1000, .unreserved = true};

	(void) state;
	assert_int_equal(slot_guard_take(&guard, &seen, 1), GUARD_STOP);
	seen.unreserved = false;
	assert_int_equal(slot_guard_take(&guard, &seen, 2), GUARD_FINE);
}

static void
without_a_limit_much_is_warned_of(void **state)
{
	struct slot_guard guard = {0};
	struct guard_look seen = {.retained = 10 * 1024 * MB - 1, .safe = GUARD_UNKNOWN};

	(void) state;
	assert_int_equal(slot_guard_take(&guard, &seen, 1), GUARD_FINE);
	seen.retained++;
	assert_int_equal(slot_guard_take(&guard, &seen, 2), GUARD_WARN);
	seen.retained *= 1000;
	assert_int_equal(slot_guard_take(&guard, &seen, 3), GUARD_WARN);
	assert_int_equal(slot_guard_seconds_left(&guard), GUARD_UNKNOWN);
	seen.retained = 8 * 1024 * MB - 2;
	assert_int_equal(slot_guard_take(&guard, &seen, 4), GUARD_FINE);
}

static void
stuck_is_who_confirms_nothing_for_a_while(void **state)
{
	struct slot_guard guard = {0};
	struct guard_look seen = {.retained = 95 * MB, .safe = (int64_t) (5 * MB), .confirmed = 7};

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		assert_int_equal(slot_guard_take(&guard, &seen, i * LOOK_MS), GUARD_STOP);
		assert_false(slot_guard_is_stuck(&guard));
	}
	slot_guard_take(&guard, &seen, 20000);
	assert_true(slot_guard_is_stuck(&guard));
	seen.confirmed = 8; /* it gets on */
	slot_guard_take(&guard, &seen, 25000);
	assert_false(slot_guard_is_stuck(&guard));
	for (int i = 6; i < 9; i++)
		slot_guard_take(&guard, &seen, i * LOOK_MS);
	assert_false(slot_guard_is_stuck(&guard));
	slot_guard_take(&guard, &seen, 45000);
	assert_true(slot_guard_is_stuck(&guard));
}

/* --- heartbeats ------------------------------------------------------------------ */

static void
a_heartbeat_is_for_a_slot_that_stands_still(void **state)
{
	struct heartbeat      beat = {0};
	struct heartbeat_look seen = {
		.restart = 1, .settled = true, .matters = true, .interval_ms = 30000};

	(void) state;
	/* It moves: none, however long. */
	for (int i = 0; i < 100; i++)
	{
		seen.restart = (uint64_t) i / 5 + 1;
		assert_false(heartbeat_is_due(&beat, &seen, i * LOOK_MS));
	}
	/* It has moved at 475 s last. */
	assert_false(heartbeat_is_due(&beat, &seen, 504999));
	assert_true(heartbeat_is_due(&beat, &seen, 505000));
	assert_false(heartbeat_is_due(&beat, &seen, 505000));
}

static void
heartbeats_in_vain_become_rare(void **state)
{
	struct heartbeat      beat = {0};
	struct heartbeat_look seen = {
		.restart = 1, .settled = true, .matters = true, .interval_ms = 30000};
	unsigned count = 0;

	(void) state;
	for (int64_t at = 0; at <= 3600 * 1000; at += LOOK_MS)
		count += heartbeat_is_due(&beat, &seen, at);
	/* After 30, 90, 210, 450 s, and then each 300 s. */
	assert_int_equal(count, 4 + (3600 - 450) / 300);
	/* It has moved after all: as in the beginning. */
	seen.restart = 2;
	assert_false(heartbeat_is_due(&beat, &seen, 4000000));
	assert_false(heartbeat_is_due(&beat, &seen, 4029999));
	assert_true(heartbeat_is_due(&beat, &seen, 4030000));
}

static void
no_heartbeat_without_need(void **state)
{
	struct heartbeat      beat = {0};
	struct heartbeat_look seen = {.restart = 1, .settled = true, .matters = true};

	(void) state;
	for (int i = 0; i < 100; i++)
		assert_false(heartbeat_is_due(&beat, &seen, i * 60000)); /* 0: never */
	seen.interval_ms = 30000;
	seen.settled = false;
	for (int i = 100; i < 200; i++)
		assert_false(heartbeat_is_due(&beat, &seen, i * 60000));
	seen.settled = true;
	seen.matters = false;
	for (int i = 200; i < 300; i++)
		assert_false(heartbeat_is_due(&beat, &seen, i * 60000));
	/* From here on it is waited for. */
	seen.matters = true;
	assert_false(heartbeat_is_due(&beat, &seen, 299 * 60000 + 29999));
	assert_true(heartbeat_is_due(&beat, &seen, 299 * 60000 + 30000));
}

static void
a_long_interval_is_kept(void **state)
{
	struct heartbeat      beat = {0};
	struct heartbeat_look seen = {
		.restart = 1, .settled = true, .matters = true, .interval_ms = 3600000};

	(void) state;
	assert_false(heartbeat_is_due(&beat, &seen, 0));
	assert_false(heartbeat_is_due(&beat, &seen, 3599999));
	assert_true(heartbeat_is_due(&beat, &seen, 3600000));
	assert_false(heartbeat_is_due(&beat, &seen, 7199999));
	assert_true(heartbeat_is_due(&beat, &seen, 7200000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_needs_a_while),
		cmocka_unit_test(steady_growth_is_exact_over_a_long_time),
		cmocka_unit_test(the_rate_is_that_of_the_last_minute),
		cmocka_unit_test(what_goes_up_and_down_does_not_grow),
		cmocka_unit_test(less_is_no_growth),
		cmocka_unit_test(levels_are_shares_of_the_limit),
		cmocka_unit_test(little_time_counts_from_a_quarter_on),
		cmocka_unit_test(the_smaller_limit_counts),
		cmocka_unit_test(unreserved_is_the_last_level),
		cmocka_unit_test(without_a_limit_much_is_warned_of),
		cmocka_unit_test(stuck_is_who_confirms_nothing_for_a_while),
		cmocka_unit_test(a_heartbeat_is_for_a_slot_that_stands_still),
		cmocka_unit_test(heartbeats_in_vain_become_rare),
		cmocka_unit_test(no_heartbeat_without_need),
		cmocka_unit_test(a_long_interval_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
