/*
 * test_backoff.c
 *		Delays double up to a limit, jitter stays within half of each.
 */
#include "unit.h"

#include "backoff.h"

static void
delays_double_up_to_the_limit(void **state)
{
	static const uint32_t expected[] = {100, 200, 400, 800, 1000, 1000, 1000};
	struct backoff        back = {.min_ms = 100, .max_ms = 1000};

	(void) state;
	/* 0 takes nothing off. */
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(backoff_next(&back, 0), expected[i]);
}

static void
a_success_begins_again(void **state)
{
	struct backoff back = {.min_ms = 100, .max_ms = 1000};

	(void) state;
	backoff_next(&back, 0);
	backoff_next(&back, 0);
	backoff_reset(&back);
	assert_int_equal(backoff_next(&back, 0), 100);
}

static void
jitter_takes_off_at_most_half(void **state)
{
	uint32_t random = 1;
	uint32_t least = UINT32_MAX, most = 0;

	(void) state;
	for (int i = 0; i < 100000; i++)
	{
		struct backoff back = {.min_ms = 1000, .max_ms = 1000};
		uint32_t       delay;

		random = random * 1664525 + 1013904223;
		delay = backoff_next(&back, random >> 8);
		assert_in_range(delay, 500, 1000);
		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
	}
	assert_int_equal(least, 500);
	assert_int_equal(most, 1000);
}

static void
extremes_neither_overflow_nor_stand_still(void **state)
{
	struct backoff huge = {.min_ms = UINT32_MAX, .max_ms = UINT32_MAX};
	struct backoff zero = {.min_ms = 0, .max_ms = 0};
	struct backoff turned = {.min_ms = 500, .max_ms = 100};

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(backoff_next(&huge, 0), UINT32_MAX);
		assert_int_equal(backoff_next(&zero, 0), 1);
		assert_int_equal(backoff_next(&turned, 0), 100);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_double_up_to_the_limit),
		cmocka_unit_test(a_success_begins_again),
		cmocka_unit_test(jitter_takes_off_at_most_half),
		cmocka_unit_test(extremes_neither_overflow_nor_stand_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
