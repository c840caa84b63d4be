/*
 * test_silence.c
 *		A silent server is looked into in time, given up for what speaks against it,
 *		and never for its silence.
 */
#include "unit.h"

#include "silence.h"

#define HOUR_MS INT64_C(3600000)

static int64_t now = 1000000;

static struct silence
begun(uint32_t sender_timeout_ms)
{
	struct silence silence;

	silence_begin(&silence, sender_timeout_ms, now);
	return silence;
}

static void
the_server_s_own_patience_is_the_limit(void **state)
{
	const struct
	{
		uint32_t sender_timeout_ms;
		int64_t  limit_ms;
	} cases[] = {{60000, 60000},      {30000, 30000}, {0, 60000}, {3600000, 60000},
				 {UINT32_MAX, 60000}, {3000, 3000},   {1, 3000},  {2999, 3000}};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct silence silence = begun(cases[i].sender_timeout_ms);

		assert_int_equal(silence_left(&silence, now), cases[i].limit_ms);
		assert_int_equal(silence_left(&silence, now + cases[i].limit_ms), 0);
		silence_heard(&silence, now + 5);
		assert_int_equal(silence_left(&silence, now), cases[i].limit_ms + 5);
	}
}

static void
one_that_is_busy_is_waited_for_without_end(void **state)
{
	struct silence silence = begun(60000);

	(void) state;
	for (int64_t at = now; at < now + 100 * HOUR_MS; at += silence_pause(&silence))
		assert_false(silence_judge(&silence, SIGN_LIFE, at));
	assert_int_equal(silence_pause(&silence), 60000);
}

static void
death_is_believed_the_second_time(void **state)
{
	struct silence silence = begun(60000);

	(void) state;
	now += 60000;
	assert_false(silence_judge(&silence, SIGN_DEATH, now));
	assert_int_equal(silence_pause(&silence), 10000);
	assert_true(silence_judge(&silence, SIGN_DEATH, now + 10000));

	/* anything else in between, and it begins again */
	silence = begun(60000);
	for (int i = 0; i < 100; i++)
	{
		now += 60000;
		assert_false(silence_judge(&silence, SIGN_DEATH, now));
		switch (i % 3)
		{
			case 0: silence_heard(&silence, now); break;
			case 1: assert_false(silence_judge(&silence, SIGN_LIFE, now)); break;
			default: assert_false(silence_judge(&silence, SIGN_VOID, now)); break;
		}
	}
}

static void
a_server_that_cannot_be_asked_gets_more_time(void **state)
{
	struct silence silence = begun(60000);
	int64_t        began = now;

	(void) state;
	now += 60000;
	while (!silence_judge(&silence, SIGN_VOID, now))
	{
		assert_int_equal(silence_pause(&silence), 10000);
		now += 10000;
		assert_true(now - began <= 300000);
	}
	assert_int_equal(now - began, 300000);

	/* three times at least: somebody who was stopped himself has not asked */
	silence = begun(60000);
	now += 10 * HOUR_MS;
	assert_false(silence_judge(&silence, SIGN_VOID, now));
	assert_false(silence_judge(&silence, SIGN_VOID, now));
	assert_true(silence_judge(&silence, SIGN_VOID, now));

	/* in a row */
	silence = begun(60000);
	now += 10 * HOUR_MS;
	for (int i = 0; i < 100; i++)
		assert_false(silence_judge(&silence, i % 3 == 2 ? SIGN_LIFE : SIGN_VOID, now));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_s_own_patience_is_the_limit),
		cmocka_unit_test(one_that_is_busy_is_waited_for_without_end),
		cmocka_unit_test(death_is_believed_the_second_time),
		cmocka_unit_test(a_server_that_cannot_be_asked_gets_more_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
