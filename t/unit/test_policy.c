/*
 * test_policy.c
 *		What each error means, at the start and later, and the exit codes that
 *		people and service managers rely on.
 */
#include "unit.h"

#include "policy.h"

static const struct policy_situation at_start = {.slot_wait_ms = 90000};
static const struct policy_situation running = {.ran = true, .slot_wait_ms = 90000};

static struct policy
decide(enum err_class class, enum err_code code, const struct policy_situation *sit)
{
	struct err e;

	err_set(&e, class, code, "x");
	return policy_decide(&e, sit);
}

static void
transient_trouble_ends_a_start_and_not_a_run(void **state)
{
	static const enum err_code codes[] = {E1201, E1213, E1214, E1801, E2001};

	(void) state;
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
	{
		assert_int_equal(decide(ERR_TRANSIENT, codes[i], &at_start).action, POLICY_STOP);
		assert_int_equal(decide(ERR_TRANSIENT, codes[i], &at_start).exit_code, 69);
		assert_int_equal(decide(ERR_TRANSIENT, codes[i], &running).action, POLICY_RETRY);
	}
}

static void
trouble_of_a_run_is_retried_for_ever(void **state)
{
	struct policy_situation sit = {.ran = true, .held_ms = INT64_C(86400000) * 365};

	(void) state;
	assert_int_equal(decide(ERR_TRANSIENT, E2001, &sit).action, POLICY_RETRY);
}

static void
a_held_slot_is_waited_for(void **state)
{
	struct policy_situation sit = {.slot_wait_ms = 90000};

	(void) state;
	for (int ran = 0; ran <= 1; ran++)
	{
		sit.ran = ran;
		sit.held_ms = 89999;
		assert_int_equal(decide(ERR_TRANSIENT, E1210, &sit).action, POLICY_RETRY);
		sit.held_ms = 90000;
		assert_int_equal(decide(ERR_TRANSIENT, E1210, &sit).action, POLICY_STOP);
		assert_int_equal(decide(ERR_TRANSIENT, E1210, &sit).exit_code, 75);
	}
}

static void
a_dead_producer_is_made_anew(void **state)
{
	(void) state;
	assert_int_equal(decide(ERR_FATAL, E2005, &running).action, POLICY_RETRY);
	assert_int_equal(decide(ERR_FATAL, E2005, &at_start).action, POLICY_STOP);
	assert_int_equal(decide(ERR_FATAL, E2005, &at_start).exit_code, 1);
}

static void
a_temporary_slot_is_not_replaced(void **state)
{
	struct policy_situation sit = {.ran = true, .temporary_slot = true, .slot_wait_ms = 90000};

	(void) state;
	assert_int_equal(decide(ERR_TRANSIENT, E1214, &sit).action, POLICY_STOP);
	assert_int_equal(decide(ERR_TRANSIENT, E1214, &sit).exit_code, 69);
}

static void
what_does_not_get_better_stops(void **state)
{
	static const struct
	{
		enum err_class class;
		enum err_code code;
		int           exit_code;
	} stops[] = {{ERR_CONFIG, E1203, 78},     {ERR_CONFIG, E1204, 78}, {ERR_CONFIG, E1207, 78},
				 {ERR_CONFIG, E1211, 78},     {ERR_CONFIG, E1805, 78}, {ERR_PERMISSION, E1202, 77},
				 {ERR_PERMISSION, E1212, 77}, {ERR_USAGE, E1006, 2},   {ERR_DATA, E1602, 1},
				 {ERR_PROTOCOL, E1401, 1},    {ERR_FATAL, E1405, 1}};

	(void) state;
	for (unsigned i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
	{
		assert_int_equal(decide(stops[i].class, stops[i].code, &at_start).action, POLICY_STOP);
		assert_int_equal(decide(stops[i].class, stops[i].code, &running).action, POLICY_STOP);
		assert_int_equal(decide(stops[i].class, stops[i].code, &running).exit_code,
						 stops[i].exit_code);
	}
}

static void
what_a_registry_refuses_waits_or_is_passed_over(void **state)
{
	static const enum err_code refusals[] = {E1802, E1803, E1806, E1807, E1808};
	static const enum err_code others[] = {E1801, E1804, E1805, E1002, E1602, E2007};
	struct err                 e;

	(void) state;
	for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
	{
		err_set(&e, ERR_CONFIG, refusals[i], "no");
		assert_true(policy_is_refusal(&e));
		assert_int_equal(policy_schema(&e, ON_ERROR_STOP), POLICY_WAIT);
		assert_int_equal(policy_schema(&e, ON_ERROR_DEAD_LETTER), POLICY_DEAD_LETTER);
		assert_int_equal(policy_schema(&e, ON_ERROR_SKIP), POLICY_SKIP);
		assert_int_equal(policy_record(&e, ON_ERROR_SKIP), POLICY_STOP);
	}
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		err_set(&e, ERR_CONFIG, others[i], "no");
		assert_false(policy_is_refusal(&e));
		for (int on = ON_ERROR_STOP; on <= ON_ERROR_SKIP; on++)
			assert_int_equal(policy_schema(&e, (enum on_error) on), POLICY_STOP);
	}
}

static void
one_record_stops_or_is_passed_over(void **state)
{
	static const enum err_code records[] = {E1602, E1603, E1604, E2003, E2006};
	static const enum err_code others[] = {E1404, E1405, E1601, E1605, E1219, E1802,
										   E2001, E2002, E2004, E2005, E2007, E2009};
	struct err                 e;

	(void) state;
	for (unsigned i = 0; i < sizeof(records) / sizeof(records[0]); i++)
	{
		err_set(&e, ERR_DATA, records[i], "no");
		assert_int_equal(policy_record(&e, ON_ERROR_STOP), POLICY_STOP);
		assert_int_equal(policy_record(&e, ON_ERROR_DEAD_LETTER), POLICY_DEAD_LETTER);
		assert_int_equal(policy_record(&e, ON_ERROR_SKIP), POLICY_SKIP);
	}
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		err_set(&e, ERR_DATA, others[i], "no");
		for (int on = ON_ERROR_STOP; on <= ON_ERROR_SKIP; on++)
			assert_int_equal(policy_record(&e, (enum on_error) on), POLICY_STOP);
	}
}

static void
a_refusal_that_taught_something_begins_again(void **state)
{
	struct policy_situation sit = {.passes = true};

	(void) state;
	assert_int_equal(decide(ERR_DATA, E2003, &running).action, POLICY_STOP);
	assert_int_equal(decide(ERR_DATA, E2003, &sit).action, POLICY_RETRY);
	sit.ran = true;
	assert_int_equal(decide(ERR_DATA, E2003, &sit).action, POLICY_RETRY);
	sit.temporary_slot = true;
	assert_int_equal(decide(ERR_DATA, E2003, &sit).action, POLICY_STOP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transient_trouble_ends_a_start_and_not_a_run),
		cmocka_unit_test(trouble_of_a_run_is_retried_for_ever),
		cmocka_unit_test(a_held_slot_is_waited_for),
		cmocka_unit_test(a_dead_producer_is_made_anew),
		cmocka_unit_test(a_temporary_slot_is_not_replaced),
		cmocka_unit_test(what_does_not_get_better_stops),
		cmocka_unit_test(what_a_registry_refuses_waits_or_is_passed_over),
		cmocka_unit_test(one_record_stops_or_is_passed_over),
		cmocka_unit_test(a_refusal_that_taught_something_begins_again),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
