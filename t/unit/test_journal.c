/*
 * test_journal.c
 *		Lines in, the newest ten kinds of them out.
 */
#include "journal.h"
#include "unit.h"

static void
put(struct journal *journal, unsigned level, enum err_code code, const char *msg, int64_t now_us)
{
	const struct journal_line line = {.level = level, .code = code, .origin = msg, .msg = msg};

	journal_add(journal, &line, now_us);
}

static void
newest_first_and_each_once(void **state)
{
	struct journal journal = {0};

	(void) state;
	put(&journal, 1, E2001, "no broker", 100);
	put(&journal, 0, E1802, "refused: a", 200);
	put(&journal, 0, E1802, "refused: b", 300);
	put(&journal, 2, E2001, "only for your information", 350);
	put(&journal, 1, E2001, "no broker", 400);
	assert_int_equal(journal.nentries, 3);
	assert_string_equal(journal.entries[0].msg, "no broker");
	assert_int_equal(journal.entries[0].count, 2);
	assert_int_equal(journal.entries[0].first_us, 100);
	assert_int_equal(journal.entries[0].last_us, 400);
	assert_string_equal(journal.entries[1].msg, "refused: b");
	assert_string_equal(journal.entries[2].msg, "refused: a");
	assert_int_equal(journal.entries[2].count, 1);
	assert_int_equal(journal.levels[0], 2);
	assert_int_equal(journal.levels[1], 2);
	assert_int_equal(journal.levels[2], 1);
	assert_int_equal(journal.codes[E2001], 3);
	assert_int_equal(journal.codes[E1802], 2);
	assert_int_equal(journal.codes[E1001], 0);
}

/* Without a code the format tells, not the numbers in it. */
static void
numbers_make_no_other_line(void **state)
{
	static const char   format[] = "%d deletes";
	struct journal      journal = {0};
	struct journal_line line = {.level = 1, .origin = format, .msg = "3 deletes"};

	(void) state;
	journal_add(&journal, &line, 1);
	line.msg = "5 deletes";
	journal_add(&journal, &line, 2);
	put(&journal, 1, E0, "something else", 3);
	assert_int_equal(journal.nentries, 2);
	assert_string_equal(journal.entries[1].msg, "5 deletes");
	assert_int_equal(journal.entries[1].count, 2);
}

static void
the_oldest_goes(void **state)
{
	struct journal journal = {0};
	char           msg[3 * JOURNAL_ENTRIES][16];

	(void) state;
	for (int i = 0; i < 3 * JOURNAL_ENTRIES; i++)
	{
		snprintf(msg[i], sizeof(msg[i]), "line %d", i);
		put(&journal, 0, E2003, msg[i], i);
		/* What comes again stays. */
		put(&journal, 1, E2003, "again", i);
	}
	assert_int_equal(journal.nentries, JOURNAL_ENTRIES);
	assert_string_equal(journal.entries[0].msg, "again");
	assert_int_equal(journal.entries[0].count, 3 * JOURNAL_ENTRIES);
	for (int i = 1; i < JOURNAL_ENTRIES; i++)
		assert_string_equal(journal.entries[i].msg, msg[3 * JOURNAL_ENTRIES - i]);
	assert_int_equal(journal.codes[E2003], 6 * JOURNAL_ENTRIES);
}

/* "ä" does not fit whole into the last byte. */
static void
long_texts_are_cut_between_characters(void **state)
{
	struct journal      journal = {0};
	char                text[4000];
	struct journal_line line = {.level = 0, .code = E1299, .msg = text, .detail = text, .hint = text};

	(void) state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memcpy(text + 510, "\xc3\xa4", 2);
	journal_add(&journal, &line, 1);
	journal_add(&journal, &line, 2);
	assert_int_equal(journal.nentries, 1);
	assert_int_equal(strlen(journal.entries[0].msg), 510);
	assert_int_equal(strlen(journal.entries[0].detail), 2047);
	assert_int_equal(strlen(journal.entries[0].hint), 2047);
	assert_string_equal(journal.entries[0].action, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(newest_first_and_each_once),
									   cmocka_unit_test(numbers_make_no_other_line),
									   cmocka_unit_test(the_oldest_goes),
									   cmocka_unit_test(long_texts_are_cut_between_characters)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
