/* test_progress_bar.c: how far a snapshot is, whatever was estimated and however wide a terminal is. */
#include "unit.h"

#include "progress_bar.h"

static struct buf text;

static const char *
bar(const struct progress_state *state, unsigned columns)
{
	progress_bar_text(state, columns, &text);
	return buf_cstr(&text);
}

static const char *
line(const struct progress_state *state)
{
	progress_line_text(state, &text);
	return buf_cstr(&text);
}

static void
a_bar_has_all_where_there_is_room(void **state)
{
	struct progress_state half = {.tables = 10, .tables_complete = 3, .rows = 1234567,
								  .estimated = 2469134, .rate = 5000.4};

	(void) state;
	assert_string_equal(bar(&half, 200), "snapshot [##################...................] 50%  "
										 "1,234,567 rows  5,000/s  4:07 min left  3 of 10 tables");
	assert_string_equal(line(&half), "3 of 10 tables, 1234567 rows, about 50%, 5000 rows/s, "
									 "about 247 s left");
	half.waits = "snapshot.window";
	assert_string_equal(bar(&half, 100), "snapshot [##############..............] 50%  1,234,567 rows  "
										 "waits: snapshot.window  3 of 10 tables");
	assert_string_equal(line(&half), "3 of 10 tables, 1234567 rows, about 50%, waits: snapshot.window");
}

/* The bar goes first, then what counts least. */
static void
what_has_no_room_is_left_out(void **state)
{
	struct progress_state half = {.tables = 10, .tables_complete = 3, .rows = 1234567,
								  .estimated = 2469134, .rate = 5000};
	static const struct
	{
		unsigned    columns;
		const char *text;
	} cases[] = {
		{81, "snapshot [####.....] 50%  1,234,567 rows  5,000/s  4:07 min left  3 of 10 tables"},
		{70, "snapshot 50%  1,234,567 rows  5,000/s  4:07 min left  3 of 10 tables"},
		{60, "50%  1,234,567 rows  5,000/s  4:07 min left  3 of 10 tables"},
		{56, "snapshot 50%  1,234,567 rows  5,000/s  4:07 min left"},
		{44, "50%  1,234,567 rows  5,000/s  4:07 min left"},
		{43, "snapshot 50%  1,234,567 rows  5,000/s"},
		{20, "50%  1,234,567 rows"},
		{19, "snapshot 50%"},
		{5, "50%"},
		{4, "50%"},
		{3, ""},
		{1, ""},
		{0, ""}};

	(void) state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(bar(&half, cases[i].columns), cases[i].text);
}

/* Estimates are far from the truth, or there are none. */
static void
what_is_not_known_is_not_said(void **state)
{
	struct progress_state none = {.tables = 2};
	struct progress_state over = {.tables = 2, .tables_complete = 1, .rows = 5000, .estimated = 10, .rate = 100};
	struct progress_state far = {.tables = 1, .rows = 1, .estimated = UINT64_MAX, .rate = 1e-9};

	(void) state;
	assert_int_equal(progress_share(&none), -1);
	assert_int_equal(progress_left_s(&none), -1);
	assert_string_equal(bar(&none, 80), "snapshot 0 rows  0/s  0 of 2 tables");
	assert_string_equal(line(&none), "0 of 2 tables, 0 rows, 0 rows/s");
	none.estimated = 100; /* 0 rows of some */
	assert_int_equal(progress_share(&none), 0);
	assert_string_equal(line(&none), "0 of 2 tables, 0 rows, about 0%, 0 rows/s");

	assert_int_equal(progress_share(&over), 99);
	assert_int_equal(progress_left_s(&over), -1);
	assert_string_equal(line(&over), "1 of 2 tables, 5000 rows, about 99%, 100 rows/s");
	over.rows = 10;
	assert_int_equal(progress_share(&over), 99);
	over.rows = 9;
	assert_int_equal(progress_share(&over), 90);

	assert_int_equal(progress_share(&far), 0);
	assert_int_equal(progress_left_s(&far), -1);
	far.rate = -1;
	assert_string_equal(line(&(struct progress_state){.tables = 1, .estimated = 1}),
						"0 of 1 tables, 0 rows, about 0%, 0 rows/s");
	far.rows = UINT64_MAX;
	assert_int_equal(progress_share(&far), 99);
	assert_non_null(strstr(bar(&far, 200), "18,446,744,073,709,551,615 rows"));
	assert_non_null(strstr(text.data ? (char *) text.data : "", "  0/s"));
}

static void
times_are_said_in_their_units(void **state)
{
	static const struct
	{
		uint64_t    rows;
		const char *left;
	} cases[] = {{1, "1 s left"},          {59, "59 s left"},       {60, "1:00 min left"},
				 {3599, "59:59 min left"}, {3600, "1:00 h left"},   {86399, "23:59 h left"},
				 {86400, "1 d 0 h left"},  {300000, "3 d 11 h left"}};

	(void) state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct progress_state left = {.tables = 1, .rows = 0, .estimated = cases[i].rows, .rate = 1};

		if (strstr(bar(&left, 120), cases[i].left) == NULL)
			fail_msg("%s is not in %s", cases[i].left, buf_cstr(&text));
	}
}

/* A line that is as wide as the terminal would be followed by an empty one. */
static void
no_line_is_too_wide(void **state)
{
	(void) state;
	srand(7);
	for (int i = 0; i < 200000; i++)
	{
		struct progress_state any = {.tables = (uint64_t) rand() >> (rand() % 32),
									 .tables_complete = (uint64_t) rand() >> (rand() % 32),
									 .rows = (uint64_t) rand() * (uint64_t) rand() >> (rand() % 62),
									 .estimated = (uint64_t) rand() * (uint64_t) rand() >> (rand() % 62),
									 .rate = (double) rand() / (1 + rand() % 1000),
									 .waits = rand() % 4 ? NULL : "transactions under way"};
		unsigned              columns = (unsigned) rand() % 130;

		progress_bar_text(&any, columns, &text);
		if (text.len >= columns && text.len > 0)
			fail_msg("%u columns: %s", columns, buf_cstr(&text));
		for (size_t at = 0; at < text.len; at++)
			assert_true(text.data[at] >= ' ' && text.data[at] < 0x7f);
		assert_true(progress_share(&any) <= 99);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bar_has_all_where_there_is_room),
		cmocka_unit_test(what_has_no_room_is_left_out),
		cmocka_unit_test(what_is_not_known_is_not_said),
		cmocka_unit_test(times_are_said_in_their_units),
		cmocka_unit_test(no_line_is_too_wide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
