/* test_snapshot_sql.c: what a snapshot asks PostgreSQL: quoting, ranges, how many oids in a message. */
#include "unit.h"

#include "snapshot_sql.h"

static struct buf sql;

static unsigned
count_of(const char *word)
{
	unsigned count = 0;

	for (const char *at = buf_cstr(&sql); (at = strstr(at, word)) != NULL; at += strlen(word))
		count++;
	return count;
}

static const char *
chunk_sql(struct tid_range range, uint32_t newer_than, const char *schema, const char *name)
{
	struct table	   tbl = {0};
	struct chunk_query query = {.snapshot = "00'1", .tbl = &tbl, .relid = 16385, .schema = schema,
								.name = name, .range = range, .newer_than = newer_than};

	snapshot_sql_chunk(&sql, &query);
	return buf_cstr(&sql);
}

static void
test_chunk(void **state)
{
	(void) state;
	chunk_sql((struct tid_range){0, TID_END}, 0, "s", "t");
	assert_int_equal(count_of("ctid"), 0);
	assert_int_equal(count_of("age("), 0);
	assert_int_equal(count_of("FROM ONLY \"s\".\"t\" WHERE tableoid = '16385')"), 1);
	/* SET TRANSACTION SNAPSHOT comes first in its transaction; the COPY is over before the last look */
	assert_int_equal(strncmp(buf_cstr(&sql), "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
											 "SET TRANSACTION SNAPSHOT '00''1'; COPY (", 90), 0);
	assert_int_equal(count_of("(FORMAT binary); COMMIT; SELECT "), 1);

	chunk_sql((struct tid_range){tid_of(5, 0), tid_of(UINT32_MAX, 7)}, 0, "s", "t");
	assert_int_equal(count_of(" AND ctid >= '(5,0)' AND ctid < '(4294967295,7)')"), 1);
	chunk_sql((struct tid_range){0, tid_of(1, 0)}, UINT32_MAX, "s", "t");
	assert_int_equal(count_of("ctid >= "), 0);
	assert_int_equal(count_of("BETWEEN 0 AND pg_catalog.age('4294967295'::pg_catalog.xid)"), 1);
}

/* Names are whatever people call them. */
static void
test_names(void **state)
{
	(void) state;
	chunk_sql((struct tid_range){0, TID_END}, 0, "a\"b", "'; DROP TABLE x; --");
	assert_int_equal(count_of("FROM ONLY \"a\"\"b\".\"'; DROP TABLE x; --\" WHERE"), 1);
	snapshot_sql_export(&sql, "slot\"", "plug\"in");
	assert_string_equal(buf_cstr(&sql), "CREATE_REPLICATION_SLOT \"slot\"\"\" TEMPORARY LOGICAL "
										"\"plug\"\"in\" (SNAPSHOT 'export')");
	snapshot_sql_look(&sql, "00'1");
	assert_int_equal(count_of("SET TRANSACTION SNAPSHOT '00''1'; "), 1);
}

/* Every oid is asked for once, in messages that the plugin takes, and all in one transaction. */
static void
test_describe(void **state)
{
	static const size_t counts[] = {0, 1, 999, 1000, 1001, 3000};
	uint32_t			relids[3000];

	(void) state;
	for (uint32_t i = 0; i < 3000; i++)
		relids[i] = UINT32_MAX - i;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		snapshot_sql_describe(&sql, "abc", relids, counts[i]);
		assert_int_equal(count_of(" 429496"), counts[i]);
		assert_int_equal(count_of("'describe abc "), (counts[i] + 999) / 1000);
		assert_int_equal(count_of("'described abc'"), 1);
		assert_int_equal(count_of("pg_logical_emit_message(true, "), (counts[i] + 999) / 1000 + 1);
		assert_int_equal(count_of("BEGIN"), 1);
		assert_string_equal(buf_cstr(&sql) + sql.len - strlen("COMMIT"), "COMMIT");
	}
}

/* Which cluster it is, is asked where that can be another one. */
static void
test_session(void **state)
{
	(void) state;
	snapshot_sql_session(&sql, "LATIN1", false);
	assert_int_equal(count_of("SET client_encoding = 'LATIN1'; SET row_security = off"), 1);
	assert_int_equal(count_of("pg_control_system"), 0);
	snapshot_sql_session(&sql, "UTF8", true);
	assert_int_equal(count_of("; SELECT system_identifier FROM pg_catalog.pg_control_system()"), 1);
}

/* The same fingerprint is taken before the description and behind each chunk. */
static void
test_fingerprint(void **state)
{
	const char *begin;
	const char *end;
	char		before[4096];
	size_t		len;

	(void) state;
	snapshot_sql_tables(&sql);
	begin = strstr(buf_cstr(&sql), "pg_catalog.concat_ws('/'");
	assert_non_null(begin);
	end = strstr(begin, "))");
	assert_non_null(end);
	len = (size_t) (end - begin);
	assert_true(len < sizeof(before));
	memcpy(before, begin, len);
	before[len] = '\0';
	chunk_sql((struct tid_range){0, TID_END}, 0, "s", "t");
	assert_int_equal(count_of(before), 1);
	for (size_t i = 0; i < 4; i++)
	{
		static const char *const parts[] = {"pg_relation_filenode(c.oid)", "c.xmin", "s.nspname", "a.xmin"};

		assert_non_null(strstr(buf_cstr(&sql), parts[i]));
	}
}

static int
teardown(void **state)
{
	(void) state;
	buf_free(&sql);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunk),	cmocka_unit_test(test_names),
		cmocka_unit_test(test_describe), cmocka_unit_test(test_session),
		cmocka_unit_test(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
