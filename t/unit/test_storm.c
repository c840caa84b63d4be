/*
 * test_storm.c
 *		Questions of a server: healthy ones are answered, those of a shutdown are
 *		not answered for ever.
 */
#include "unit.h"

#include "storm.h"

/* Asks n times, every step ms; the last advice. */
static enum storm_advice
ask(struct storm *storm, int64_t *now_ms, unsigned n, int64_t step, uint64_t position,
	uint64_t confirmed)
{
	enum storm_advice advice = STORM_ANSWER;

	for (unsigned i = 0; i < n; i++)
	{
		*now_ms += step;
		advice = storm_asked(storm, position, confirmed, *now_ms);
	}
	return advice;
}

static void
healthy_questions_are_answered_at_once(void **state)
{
	struct storm storm = {0};
	int64_t      now = 1000000;

	(void) state;
	/* one per wal_sender_timeout / 2, even of a short one */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask(&storm, &now, 1, 100, 500, 400), STORM_ANSWER);
	/* many, while the server moves */
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(ask(&storm, &now, 1, 1, 500 + i, 400), STORM_ANSWER);
	/* many, while we confirm */
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(ask(&storm, &now, 1, 1, 5000, 400 + i), STORM_ANSWER);
}

static void
a_storm_is_slowed_down_and_then_left(void **state)
{
	struct storm storm = {0};
	int64_t      now = 1000000;

	(void) state;
	assert_int_equal(ask(&storm, &now, 19, 1, 500, 400), STORM_ANSWER);
	assert_int_equal(ask(&storm, &now, 1, 1, 500, 400), STORM_ANSWER_LATER);
	/* slowed down by our answers: ten a second */
	assert_int_equal(ask(&storm, &now, 19, 100, 500, 400), STORM_ANSWER_LATER);
	assert_int_equal(ask(&storm, &now, 1, 100, 500, 400), STORM_LEAVE);
}

static void
a_storm_ends_when_something_moves_or_it_calms_down(void **state)
{
	struct storm storm = {0};
	int64_t      now = 1000000;

	(void) state;
	assert_int_equal(ask(&storm, &now, 25, 1, 500, 400), STORM_ANSWER_LATER);
	assert_int_equal(ask(&storm, &now, 1, 1, 500, 450), STORM_ANSWER);
	assert_int_equal(ask(&storm, &now, 25, 1, 500, 450), STORM_ANSWER_LATER);
	assert_int_equal(ask(&storm, &now, 1, 1001, 500, 450), STORM_ANSWER);
}

static void
nothing_outstanding_is_no_reason_to_leave(void **state)
{
	struct storm storm = {0};
	int64_t      now = 1000000;

	(void) state;
	assert_int_equal(ask(&storm, &now, 20, 1, 500, 500), STORM_ANSWER_LATER);
	assert_int_equal(ask(&storm, &now, 100, 100, 500, 500), STORM_ANSWER_LATER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy_questions_are_answered_at_once),
		cmocka_unit_test(a_storm_is_slowed_down_and_then_left),
		cmocka_unit_test(a_storm_ends_when_something_moves_or_it_calms_down),
		cmocka_unit_test(nothing_outstanding_is_no_reason_to_leave),
	};

	return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
