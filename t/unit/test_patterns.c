/*
 * test_patterns.c
 *		Lists of regular expressions: how they are taken apart and what they match.
 */
#include "unit.h"

#include "patterns.h"

static struct err e;

static bool
matches(const char *list, const char *name)
{
	struct patterns *patterns;
	bool             found;

	assert_rc_ok(patterns_new("setting", list, &patterns, &e));
	found = patterns_match(patterns, name);
	patterns_free(patterns);
	return found;
}

static void
test_matches(void **state)
{
	(void) state;
	assert_true(matches("public\\.t\\.a", "public.t.a"));
	assert_false(matches("public\\.t\\.a", "public.t.ab")); /* the whole name */
	assert_false(matches("t\\.a", "public.t.a"));
	assert_true(matches("PUBLIC\\.T\\.A", "public.t.a")); /* case plays no part */
	assert_true(matches(".*", "anything.at.all"));
	assert_true(matches("a\\.b\\.\\d+", "a.b.17"));
	assert_true(matches("x, public\\.t\\.a", "public.t.a"));
	assert_false(matches("x,y", "x,y"));
	assert_true(matches("\xc3\xbc.", "\xc3\xbc\xc3\xaf")); /* a dot is a character */
}

/* Commas inside of an expression are its own. */
static void
test_commas(void **state)
{
	(void) state;
	assert_true(matches("a{2,3},b", "aa"));
	assert_true(matches("a{2,3},b", "b"));
	assert_false(matches("a{2,3},b", "3}"));
	assert_true(matches("[a,b]", ","));
	assert_true(matches("(a,b)", "a,b"));
	assert_true(matches("a\\,b", "a,b"));
	assert_false(matches("a,,b", ""));
}

static void
test_empty(void **state)
{
	struct patterns *patterns;

	(void) state;
	assert_rc_ok(patterns_new("setting", "", &patterns, &e));
	assert_null(patterns);
	assert_rc_ok(patterns_new("setting", " , ", &patterns, &e));
	assert_null(patterns);
	assert_false(patterns_match(NULL, "a"));
	patterns_free(NULL);
}

static void
test_wrong(void **state)
{
	struct patterns *patterns;

	(void) state;
	assert_rc_err(patterns_new("some.list", "a,(b", &patterns, &e), ERR_CONFIG, E1002);
	assert_null(patterns);
	assert_non_null(strstr(e.msg, "some.list"));
	assert_non_null(strstr(e.detail, "missing"));
}

/* An expression that would take for ever ends. */
static void
test_explosion(void **state)
{
	(void) state;
	assert_false(matches("(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches), cmocka_unit_test(test_commas),
		cmocka_unit_test(test_empty),   cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_explosion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
