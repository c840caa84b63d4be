/*
 * test_shown.c
 *		Names that would move a terminal's cursor are shown, and columns stay below each other.
 */
#include "unit.h"

#include "shown.h"

static void
nothing_is_obeyed(void **state)
{
	static const struct
	{
		const char *text;
		const char *line;
		const char *lines;
	} cases[] = {
		{"public.orders", "public.orders", "public.orders"},
		{"Größe, in m² 表", "Größe, in m² 表", "Größe, in m² 表"},
		{"a\tb\n", "a\\tb\\n", "a\tb\n"},
		{"\x1b[2Jx\r\a\x7f", "\\x1b[2Jx\\x0d\\x07\\x7f", "\\x1b[2Jx\\x0d\\x07\\x7f"},
		{"\xc2\x9b" "2J", "\\x9b2J", "\\x9b2J"}, /* CSI in one character */
		{"\xe2\x80\xae" "cba", "\\u202ecba", "\\u202ecba"},
		{"\xe2\x81\xa9\xe2\x80\xa8", "\\u2069\\u2028", "\\u2069\\u2028"},
		{"\xff\xc3", "\\xff\\xc3", "\\xff\\xc3"},
		{"\xc3(", "\\xc3(", "\\xc3("},
		{"\xef\xbf\xbd", "\xef\xbf\xbd", "\xef\xbf\xbd"},
		{"back\\slash", "back\\slash", "back\\slash"},
		{"", "", ""},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct buf out = {0};

		shown_put(&out, cases[i].text);
		assert_string_equal(buf_cstr(&out), cases[i].line);
		buf_reset(&out);
		shown_put_lines(&out, cases[i].text);
		assert_string_equal(buf_cstr(&out), cases[i].lines);
		buf_free(&out);
	}
}

static void
columns_are_as_wide_as_they_look(void **state)
{
	static const struct
	{
		const char *text;
		size_t      width;
	} cases[] = {
		{"", 0}, {"abc", 3}, {"é", 1}, {"e\xcc\x81", 1}, {"表", 2}, {"注文表 x", 8}, {"a\\tb", 4},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(shown_width(cases[i].text), cases[i].width);
}

static void
columns_are_filled_and_cut(void **state)
{
	static const struct
	{
		const char *text;
		size_t      width;
		size_t      most;
		const char *expected;
	} cases[] = {
		{"ab", 4, 0, "ab  "},       {"abcdef", 4, 0, "abcdef"}, {"abcdef", 2, 4, "abcd"},
		{"注文表", 8, 0, "注文表  "}, {"注文表", 2, 5, "注文"},     {"注文表", 6, 5, "注文  "},
		{"ab\n", 6, 0, "ab\\n  "},  {"ab\n", 2, 3, "ab"},       {"e\xcc\x81" "b", 1, 1, "e\xcc\x81"},
		{"", 2, 1, "  "},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct buf out = {0};

		buf_puts(&out, "表 ");
		shown_put_column(&out, cases[i].text, cases[i].width, cases[i].most);
		buf_puts(&out, "|");
		assert_int_equal(strncmp(buf_cstr(&out), "表 ", 4), 0);
		assert_int_equal(out.len, 4 + strlen(cases[i].expected) + 1);
		assert_memory_equal(out.data + 4, cases[i].expected, strlen(cases[i].expected));
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_obeyed),
		cmocka_unit_test(columns_are_as_wide_as_they_look),
		cmocka_unit_test(columns_are_filled_and_cut),
	};

	return cmocka_run_group_tests_name("shown", tests, NULL, NULL);
}
