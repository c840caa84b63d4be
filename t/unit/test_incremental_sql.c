/* test_incremental_sql.c: one chunk is one transaction, with its lock first and its watermark last. */
#include "unit.h"

#include "incremental_sql.h"

static struct buf    sql;
static uint32_t      key_places[] = {0};
static struct column columns[] = {
	{.name = (char *) "id", .flags = WIRE_COLUMN_NOT_NULL, .form = WIRE_FORM_INT64, .base = {.oid = 23}}};
static struct table tbl = {.ncolumns = 1, .columns = columns, .nkey = 1, .key = key_places};
static const char   answer[] =
	"[[\"id\",\"id\",\"::pg_catalog.int4\",\">\",\">=\",\"<=\",\"=\",\" NULLS LAST\",\" DESC NULLS "
	"FIRST\",\"\"]]";

static int
teardown(void **state)
{
	(void) state;
	buf_free(&sql);
	return 0;
}

/* Where the text is in what was made; it is there once. */
static size_t
place_of(const char *text)
{
	const char *at = strstr(buf_cstr(&sql), text);

	assert_non_null(at);
	assert_null(strstr(at + 1, text));
	return (size_t) (at - buf_cstr(&sql));
}

static void
assert_lacks(const char *text)
{
	assert_null(strstr(buf_cstr(&sql), text));
}

static void
chunk(bool standby, const char *filter, uint32_t rows, const char *after)
{
	struct piece_query query = {.tbl = &tbl,
								.relid = 16400,
								.schema = "s\"",
								.name = "t",
								.filter = filter,
								.standby = standby};
	struct key_range  *range = key_range_new(&tbl, answer);
	struct buf         upto = {0};
	struct buf         from = {0};
	struct piece_range piece = {.range = range, .after = &from, .upto = &upto, .rows = rows,
								.nonce = "00ff", .number = 7};

	assert_non_null(range);
	buf_put(&upto, "\00290", 3);
	if (after)
		buf_put(&from, "\00217", 3);
	incremental_sql_chunk(&sql, &query, &piece);
	buf_free(&upto);
	buf_free(&from);
	key_range_free(range);
}

static void
test_chunk(void **state)
{
	(void) state;
	chunk(false, NULL, 50, "17");
	assert_int_equal(place_of("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; "), 0);
	assert_true(place_of("LOCK TABLE ONLY \"s\"\"\".\"t\" IN ACCESS SHARE MODE; ") <
				place_of("SELECT pg_catalog.pg_current_snapshot(), "));
	assert_true(place_of("pg_current_snapshot()") < place_of("COPY (SELECT "));
	assert_true(place_of(" WHERE tableoid = '16400' AND id > '17'::pg_catalog.int4"
						 " AND id <= '90'::pg_catalog.int4 ORDER BY id NULLS LAST LIMIT 50)") <
				place_of("pg_logical_emit_message(true, 'walrelay', 'chunk 00ff 7'); COMMIT"));
	chunk(false, NULL, 50, NULL);
	assert_lacks("id > ");
}

/* Its end is a key, however few rows meet the condition. */
static void
test_condition(void **state)
{
	(void) state;
	chunk(false, "v = 1 OR v = 2", 0, "17");
	place_of(" AND id <= '90'::pg_catalog.int4 AND (v = 1 OR v = 2) ORDER BY id NULLS LAST) TO STDOUT");
	assert_lacks("LIMIT 50");
}

/* What it has replayed is asked before the snapshot, and the watermark is written elsewhere. */
static void
test_standby(void **state)
{
	struct piece_query query = {.tbl = &tbl, .relid = 16400, .schema = "s", .name = "t"};

	(void) state;
	chunk(true, NULL, 50, NULL);
	assert_int_equal(place_of("BEGIN; SELECT pg_catalog.pg_last_wal_replay_lsn(); COMMIT; "), 0);
	assert_lacks("pg_logical_emit_message");
	incremental_sql_seal(&sql, &query, "00ff", 8);
	assert_true(place_of("IN ACCESS SHARE MODE") < place_of("pg_current_snapshot()"));
	assert_true(place_of("pg_current_snapshot()") < place_of("'chunk 00ff 8'); COMMIT"));
	assert_lacks("COPY");
	assert_lacks("pg_last_wal_replay_lsn");
}

static void
test_filter(void **state)
{
	struct piece_query query = {.schema = "s\"", .name = "t", .filter = "n > 1 AND (m < 2)"};

	(void) state;
	incremental_sql_filter(&sql, &query);
	place_of("SELECT FROM ONLY \"s\"\"\".\"t\" WHERE (n > 1 AND (m < 2)) LIMIT 0; COMMIT");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunk),
		cmocka_unit_test(test_condition),
		cmocka_unit_test(test_standby),
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
