/*
 * test_poison.c
 *		What is remembered of refused messages, and what is told of those passed over.
 */
#include "unit.h"

#include "ack.h"
#include "detour.h"
#include "poison.h"

static struct err
because(const char *why)
{
	struct err e;

	err_set(&e, ERR_DATA, E2003, "%s", why);
	return e;
}

static void
a_message_is_known_by_transaction_and_place(void **state)
{
	struct poison *poison = poison_new();
	struct err     one = because("one"), two = because("two");

	(void) state;
	assert_false(poison_has(poison, 100));
	assert_null(poison_find(poison, 100, 0));
	assert_true(poison_add(poison, 100, 7, &one));
	assert_true(poison_add(poison, 100, 9, &two));
	assert_false(poison_add(poison, 100, 9, &one)); /* it was passed over already */
	assert_true(poison_has(poison, 100));
	assert_false(poison_has(poison, 101));
	assert_string_equal(poison_find(poison, 100, 7)->msg, "one");
	assert_string_equal(poison_find(poison, 100, 9)->msg, "two");
	assert_null(poison_find(poison, 100, 8));
	assert_null(poison_find(poison, 101, 7));
	poison_free(poison);
}

static void
what_is_behind_us_is_forgotten_and_no_more(void **state)
{
	struct poison *poison = poison_new();
	struct err     why = because("no");

	(void) state;
	for (uint64_t tag = 8; tag <= 80; tag += 8)
		assert_true(poison_add(poison, tag, tag, &why));
	poison_forget(poison, 40);
	assert_false(poison_has(poison, 32));
	assert_non_null(poison_find(poison, 40, 40)); /* its commit record begins there: it may come */
	assert_non_null(poison_find(poison, 80, 80));
	poison_free(poison);
}

static void
there_is_a_bound(void **state)
{
	struct poison *poison = poison_new();
	struct err     why = because("no");

	(void) state;
	for (uint64_t place = 0; place < POISON_MAX; place++)
		assert_true(poison_add(poison, 8, place, &why));
	assert_false(poison_add(poison, 8, POISON_MAX, &why));
	poison_forget(poison, 9);
	assert_true(poison_add(poison, 16, 0, &why));
	poison_free(poison);
}

static void
detours_are_told_once_then_by_the_minute(void **state)
{
	struct detours      *detours = detours_new();
	struct place         at = {.lsn = 5, .commit_lsn = 6};
	const struct detour *told;
	uint64_t             fresh;

	(void) state;
	assert_null(detours_tell(detours, 1000, &fresh));
	detours_count(detours, "p.a", E2003, "too large", true, &at);
	detours_count(detours, "p.a", E1602, "no text", true, &at);
	told = detours_tell(detours, 1000, &fresh);
	assert_int_equal(told->code, E2003);
	assert_int_equal(fresh, 1);
	assert_int_equal(told->last.commit_lsn, 6);
	assert_int_equal(detours_tell(detours, 1000, &fresh)->code, E1602);
	assert_null(detours_tell(detours, 1000, &fresh));
	for (int i = 0; i < 10; i++)
		detours_count(detours, "p.a", E2003, "too large", true, &at);
	assert_null(detours_tell(detours, 60999, &fresh));
	told = detours_tell(detours, 61000, &fresh);
	assert_int_equal(fresh, 10);
	assert_int_equal(told->messages, 11);
	assert_null(detours_tell(detours, 200000, &fresh));
	detours_free(detours);
}

static void
detours_have_a_bound(void **state)
{
	struct detours *detours = detours_new();
	struct place    at = {.lsn = 5};
	unsigned        count = 0;
	uint64_t        messages = 0;

	(void) state;
	for (int i = 0; i < 5 * DETOURS_MAX; i++)
	{
		char table[32];

		snprintf(table, sizeof(table), "p.t%d", i);
		detours_count(detours, table, E2003, "too large", i % 2, &at);
	}
	for (const struct detour *detour = detours_list(detours); detour; detour = detour->next)
	{
		count++;
		messages += detour->messages;
	}
	assert_int_equal(count, DETOURS_MAX + 2);
	assert_int_equal(messages, 5 * DETOURS_MAX);
	detours_free(detours);
}

/* The sink tells back the low half of a ticket. */
static void
an_item_is_found_by_half_its_ticket(void **state)
{
	struct ack *ack = ack_new(0);
	ack_ticket  first = ack_open(ack, 0), second;

	(void) state;
	ack_set_tag(ack, first, 77);
	ack_sent(ack, first, 1);
	ack_close(ack, first, 10);
	second = ack_open(ack, 0);
	assert_int_equal(ack_tag(ack, ack_ticket_of(ack, (uint32_t) first)), 77);
	assert_int_equal(ack_ticket_of(ack, (uint32_t) second), second);
	assert_int_equal(ack_tag(ack, second), 0);
	assert_true(ack_done(ack, first, 1));
	assert_int_equal(ack_tag(ack, first), 0); /* gone */
	assert_int_equal(ack_tag(ack, ack_ticket_of(ack, 0)), 0);
	ack_free(ack);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_known_by_transaction_and_place),
		cmocka_unit_test(what_is_behind_us_is_forgotten_and_no_more),
		cmocka_unit_test(there_is_a_bound),
		cmocka_unit_test(detours_are_told_once_then_by_the_minute),
		cmocka_unit_test(detours_have_a_bound),
		cmocka_unit_test(an_item_is_found_by_half_its_ticket),
	};

	return cmocka_run_group_tests_name("poison", tests, NULL, NULL);
}
