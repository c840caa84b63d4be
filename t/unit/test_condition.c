/* test_condition.c: what may stand in parentheses, and what would get out of them. */
#include "unit.h"

#include "condition.h"

static const char *
refusal(const char *text)
{
	char       *exact = unit_exact(text, strlen(text));
	const char *why = condition_refusal((struct str){exact, strlen(text)});

	free(exact);
	return why;
}

static void
test_conditions(void **state)
{
	static const char *const texts[] = {
		"a = 1",
		"  \n(a = 1) OR (b IN (1, 2))",
		"a = ';'",
		"a = ')' AND \"b)\" = '('",
		"a = 'it''s'",
		"a = E'\\n' AND b = 'c:\\temp'",
		"\"a\"\"b\" = ''",
		"\"\\\" = 1",
		"a = $$;)'--$$",
		"a = $x$ $$ $y$ ) $x$",
		"a$b$ = 1 AND c$b$ = 2",
		"a = $1",
		"a - -1 > b / 2 * 3",
		"a @> '{\"x\": 1}'",
		"selected",
		"select_me = 1",
		"(SELECT count(*) FROM t) > 1",
		"EXISTS (SELECT 1)",
		"ж = 'ж'",
		"a $ b",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (refusal(texts[i]))
			fail_msg("%s: it %s", texts[i], refusal(texts[i]));
}

static void
test_what_is_none(void **state)
{
	static const struct
	{
		const char *text;
		const char *why;
	} texts[] = {
		{"", "empty"},
		{" \t\n", "empty"},
		{"SELECT * FROM t WHERE a = 1", "statement"},
		{"  select\n1", "statement"},
		{"true) OR (true", "closes a parenthesis"},
		{"true) LIMIT 0) TO STDOUT; DROP TABLE t; --", "closes a parenthesis"},
		{"(a = 1", "opens a parenthesis"},
		{"a = 1;", "semicolon"},
		{"a = 1; DROP TABLE t", "semicolon"},
		{"a = 1 --", "comment"},
		{"a = 1 /* ", "comment"},
		{"a =/**/1", "comment"},
		{"a @--", "comment"},
		{"a = 'b", "does not end"},
		{"\"a = 'b'", "does not end"},
		{"a = $$b", "does not end"},
		{"a = $x$b$y$", "does not end"},
		{"a = $x$b$x", "does not end"},
		/* one string or two, as the server likes */
		{"a = '\\'; DROP TABLE t; --'", "backslash"},
		{"a = E'\\'', true); --'", "backslash"},
		{"a = '\\\\'", "backslash"},
		{"a = 'b\\''); --'", "backslash"},
		/* a$b$ is a name, in which no quote begins */
		{"a$b$;c$b$", "semicolon"},
		{"1$b$;$b$ ;", "semicolon"},
	};
	char zero[] = "a = '\0'";

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (refusal(texts[i].text) == NULL || !strstr(refusal(texts[i].text), texts[i].why))
			fail_msg("%s: %s", texts[i].text, refusal(texts[i].text));
	assert_non_null(condition_refusal((struct str){zero, sizeof(zero) - 1}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
