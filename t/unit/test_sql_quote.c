/* test_sql_quote.c: names and literals, which nothing in them ends. */
#include "unit.h"

#include "sql_quote.h"

static struct buf sql;

static void
assert_sql(const char *expected)
{
	assert_string_equal(buf_cstr(&sql), expected);
	buf_reset(&sql);
}

static void
names(void **state)
{
	(void) state;
	sql_name_put("T\"; --", &sql);
	assert_sql("\"T\"\"; --\"");
	sql_name_put("it's\\", &sql);
	assert_sql("\"it's\\\"");
	sql_name_put("\"", &sql);
	assert_sql("\"\"\"\"");
}

static void
literals(void **state)
{
	(void) state;
	sql_literal_put((struct str){NULL, 0}, &sql);
	assert_sql("''");
	sql_literal_put((struct str){"it's \"x\"", 8}, &sql);
	assert_sql("'it''s \"x\"'");
	sql_literal_put((struct str){"a\\'b; more", 4}, &sql);
	assert_sql(" E'a\\\\''b'");
	sql_literal_put((struct str){"\\", 1}, &sql);
	assert_sql(" E'\\\\'");
}

/* The grammar of replication commands does not know E''. */
static void
literals_of_commands(void **state)
{
	(void) state;
	sql_command_literal_put("", &sql);
	assert_sql("''");
	sql_command_literal_put("o'brien.\"x\\.y\\", &sql);
	assert_sql("'o''brien.\"x\\.y\\'");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(literals),
		cmocka_unit_test(literals_of_commands),
	};

	return cmocka_run_group_tests_name("sql_quote", tests, NULL, NULL);
}
