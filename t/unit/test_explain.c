/*
 * test_explain.c
 *		Every code is explained, and found however it is written.
 */
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "unit.h"

#define CODE(code, text) code,
static const enum err_code codes[] = {ERR_CODES(CODE)};
#define NCODES (sizeof(codes) / sizeof(codes[0]))

/* What explain_code() prints; NULL: it knows none. */
static char *
explained(const char *code)
{
	char      *text = NULL;
	size_t     len;
	FILE      *out = open_memstream(&text, &len);
	struct err e;
	enum rc    rc = explain_code(code, out, &e);

	fclose(out);
	if (rc == RC_OK)
		return text;
	assert_int_equal(e.class, ERR_USAGE);
	assert_int_equal(e.code, E1006);
	assert_non_null(strstr(e.hint, "walrelay explain"));
	free(text);
	return NULL;
}

static void
test_every_code(void **state)
{
	(void) state;
	for (size_t i = 0; i < NCODES; i++)
	{
		const struct explanation *x = &explanations[i];
		char                     *text;

		assert_int_equal(x->code, codes[i]);
		assert_true(strlen(x->meaning) > 20 && strlen(x->meanwhile) > 10 && strlen(x->remedy) > 10);
		assert_int_equal(x->meaning[strlen(x->meaning) - 1], '.');
		assert_int_equal(x->meanwhile[strlen(x->meanwhile) - 1], '.');
		assert_int_equal(x->remedy[strlen(x->remedy) - 1], '.');
		text = explained(err_code_name(codes[i]));
		assert_non_null(text);
		assert_memory_equal(text, err_code_name(codes[i]), 5);
		free(text);
	}
	assert_int_equal(explanations[NCODES].code, E0);
}

static void
test_spellings(void **state)
{
	static const char *const same[] = {"E1204", "e1204", "1204"};
	static const char *const none[] = {"", "E", "E0", "0", "E12", "E12044", "E9999", "EE1204", "x1204", "E1204 "};
	char                    *text = explained("E1204");

	(void) state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
	{
		char *again = explained(same[i]);

		assert_string_equal(again, text);
		free(again);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(explained(none[i]));
	free(text);
}

/* What is to be pasted is on one line. */
static void
test_commands_are_whole(void **state)
{
	(void) state;
	for (size_t i = 0; i < NCODES; i++)
	{
		char *text = explained(err_code_name(codes[i]));
		bool  code = false;

		for (const char *at = text; *at; at++)
		{
			code ^= *at == '`';
			assert_false(code && *at == '\n');
		}
		assert_false(code);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_code),
									   cmocka_unit_test(test_spellings),
									   cmocka_unit_test(test_commands_are_whole)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
