/* test_rate.c: so many a second, whatever the portions; and hours of the day. */
#include "unit.h"

#include "gentle.h"
#include "hours.h"
#include "rate.h"

/* --- rate ---------------------------------------------------------------------- */

static void
without_a_limit_nothing_waits(void **state)
{
	struct rate rate = {0};

	(void) state;
	rate_took(&rate, UINT64_MAX, 1);
	assert_int_equal(rate_wait_ms(&rate, 1), 0);
	assert_int_equal(rate_portion(&rate, 50000), 50000);
}

static void
what_was_taken_is_paid_off_in_time(void **state)
{
	struct rate rate = {.per_s = 100};

	(void) state;
	assert_int_equal(rate_wait_ms(&rate, 5000), 0);
	rate_took(&rate, 100, 5000); /* the bucket was full */
	assert_int_equal(rate_wait_ms(&rate, 5000), 0);
	rate_took(&rate, 1, 5000);
	assert_int_equal(rate_wait_ms(&rate, 5000), 10);
	assert_int_equal(rate_wait_ms(&rate, 5009), 1);
	assert_int_equal(rate_wait_ms(&rate, 5010), 0);
	rate_took(&rate, 1000, 5010);
	assert_int_equal(rate_wait_ms(&rate, 5010), 10000);
	rate_took(&rate, 0, 9000); /* neither adds nor forgives */
	assert_int_equal(rate_wait_ms(&rate, 5010), 10000);
	assert_int_equal(rate_portion(&rate, 50000), 100);
	assert_int_equal(rate_portion(&rate, 7), 7);
}

static void
a_bucket_holds_no_more_than_a_second(void **state)
{
	struct rate rate = {.per_s = 10};

	(void) state;
	rate_took(&rate, 10, 1000);
	rate_took(&rate, 10, 3600000);
	assert_int_equal(rate_wait_ms(&rate, 3600000), 0);
	rate_took(&rate, 10, 3600000);
	assert_int_equal(rate_wait_ms(&rate, 3600000), 1000);
}

static void
sums_do_not_overflow(void **state)
{
	struct rate rate = {.per_s = 1};

	(void) state;
	for (int i = 0; i < 100; i++)
		rate_took(&rate, UINT64_MAX, 1000);
	assert_true(rate_wait_ms(&rate, 1000) > INT64_C(100) * 86400000);
	rate = (struct rate){.per_s = UINT32_MAX};
	rate_took(&rate, UINT64_C(3) * UINT32_MAX + UINT32_MAX / 2, 1000);
	assert_in_range(rate_wait_ms(&rate, 1000), 2499, 2501);
}

/* Portions of any size, begun as soon as they may be: never more than the limit, and what was read last. */
static void
the_average_is_the_limit(void **state)
{
	(void) state;
	for (unsigned seed = 1; seed < 50; seed++)
	{
		struct rate rate = {.per_s = 1 + (uint32_t) (seed * 7919 % 10000)};
		int64_t     now_ms = 1000;
		uint64_t    took = 0;
		uint64_t    last = 0;

		srand(seed);
		while (now_ms < 61000)
		{
			int64_t wait_ms = rate_wait_ms(&rate, now_ms);

			if (wait_ms > 0)
			{
				now_ms += rand() % 2 ? wait_ms : 1;
				continue;
			}
			now_ms += rand() % 50; /* it takes a while */
			last = 1 + (uint64_t) rand() % rate.per_s;
			rate_took(&rate, last, now_ms);
			took += last;
		}
		assert_true(took <= rate.per_s * (uint64_t) (now_ms - 1000) / 1000 + rate.per_s + last);
		assert_true(took * 100 >= rate.per_s * UINT64_C(60) * 90);
	}
}

/* --- hours ----------------------------------------------------------------------- */

static void
hours_are_read_or_not(void **state)
{
	static const struct
	{
		const char *text;
		unsigned    begin, end;
	} good[] = {{"", 0, 1440},           {"00:00-24:00", 0, 1440},  {"22:00-06:30", 1320, 390},
				{"09:05-17:00", 545, 1020}, {"23:59-00:00", 1439, 1440}, {"00:00-00:01", 0, 1}};
	static const char *const bad[] = {"-",           "9:00-17:00",  "09:00",        "09:00-",
									  "09:00-17:00 ", "24:00-01:00", "00:00-24:01",  "12:00-12:00",
									  "09:60-10:00", "25:00-26:00", "09.00-17.00",  "09:00 -17:00",
									  "aa:bb-cc:dd", "09:00-17:0",  "-9:00-17:00", "always"};
	struct hours hours;

	(void) state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		assert_true(hours_parse(good[i].text, &hours));
		assert_int_equal(hours.begin, good[i].begin);
		assert_int_equal(hours.end, good[i].end);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (hours_parse(bad[i], &hours))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void
hours_may_pass_midnight(void **state)
{
	struct hours hours;

	(void) state;
	assert_true(hours_parse("22:00-06:00", &hours));
	assert_true(hours_have(&hours, 1320));
	assert_true(hours_have(&hours, 1439));
	assert_true(hours_have(&hours, 0));
	assert_true(hours_have(&hours, 359));
	assert_false(hours_have(&hours, 360));
	assert_false(hours_have(&hours, 1319));
	assert_true(hours_parse("09:00-17:00", &hours));
	assert_false(hours_have(&hours, 539));
	assert_true(hours_have(&hours, 540));
	assert_true(hours_have(&hours, 1019));
	assert_false(hours_have(&hours, 1020));
	assert_true(hours_parse("", &hours));
	for (unsigned minute = 0; minute < DAY_MINUTES; minute++)
		assert_true(hours_have(&hours, minute));
}

/* --- what the slot keeps -------------------------------------------------------- */

static void
too_much_is_too_much_until_it_is_half(void **state)
{
	(void) state;
	assert_false(gentle_is_over(false, UINT64_MAX, 0));
	assert_false(gentle_is_over(true, UINT64_MAX, 0));
	assert_false(gentle_is_over(false, 100, 100));
	assert_true(gentle_is_over(false, 101, 100));
	assert_true(gentle_is_over(true, 100, 100));
	assert_true(gentle_is_over(true, 50, 100));
	assert_false(gentle_is_over(true, 49, 100));
	assert_false(gentle_is_over(false, 60, 100));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_limit_nothing_waits),
		cmocka_unit_test(what_was_taken_is_paid_off_in_time),
		cmocka_unit_test(a_bucket_holds_no_more_than_a_second),
		cmocka_unit_test(sums_do_not_overflow),
		cmocka_unit_test(the_average_is_the_limit),
		cmocka_unit_test(hours_are_read_or_not),
		cmocka_unit_test(hours_may_pass_midnight),
		cmocka_unit_test(too_much_is_too_much_until_it_is_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
