/* test_snapshot_note.c: what the progress topic keeps of a snapshot, there and back, and what is none. */
#include "unit.h"

#include <stdlib.h>

#include "snapshot_note.h"

static struct err e;

#define STR(text) ((struct str){text, sizeof(text) - 1})

static struct str
str_of(const struct buf *buf)
{
	return (struct str){(const char *) buf->data, buf->len};
}

static void
test_job(void **state)
{
	struct snapshot_note note = {
		.state = SNAPSHOT_COPYING, .id = 3, .mode = "initial_only", .tables = 12};
	struct snapshot_note back;
	struct buf			 out = {0};

	(void) state;
	snapshot_note_write(&note, &out);
	assert_string_equal(buf_cstr(&out), "{\"version\":1,\"snapshot\":3,\"mode\":\"initial_only\","
										"\"state\":\"copying\",\"tables\":12}");
	assert_int_equal(snapshot_note_read(str_of(&out), &back, &e), RC_OK);
	assert_int_equal(back.state, note.state);
	assert_int_equal(back.id, note.id);
	assert_int_equal(back.tables, note.tables);
	assert_string_equal(back.mode, note.mode);
	buf_free(&out);
}

static void
test_table(void **state)
{
	char			  name[] = "shop.\"odd\\ \xc3\xa4";
	struct table_note note = {.id = 3, .relid = UINT32_MAX, .table = name, .filenode = UINT32_MAX,
							  .xmin = UINT32_MAX, .rows = 9007199254740991, .complete = true};
	struct table_note back;
	struct buf		  out = {0};

	(void) state;
	tid_set_add(&note.done, (struct tid_range){0, tid_of(1280, 0)});
	tid_set_add(&note.done, (struct tid_range){tid_of(2560, 7), TID_END});
	table_note_write(&note, &out);
	assert_non_null(strstr(buf_cstr(&out), "\"done\":\"0,0-1280,0 2560,7-\""));
	assert_int_equal(table_note_read(str_of(&out), &back, &e), RC_OK);
	assert_int_equal(back.id, note.id);
	assert_int_equal(back.relid, note.relid);
	assert_int_equal(back.filenode, note.filenode);
	assert_int_equal(back.xmin, note.xmin);
	assert_int_equal(back.rows, note.rows);
	assert_true(back.complete);
	assert_string_equal(back.table, note.table);
	assert_int_equal(back.done.count, 2);
	assert_memory_equal(back.done.ranges, note.done.ranges, 2 * sizeof(struct tid_range));
	table_note_free(&back);
	tid_set_free(&note.done);
	buf_free(&out);
}

/* Members of a later version that may be passed over are; a version that may not be is named. */
static void
test_versions(void **state)
{
	struct snapshot_note job;
	struct table_note	 table;

	(void) state;
	assert_int_equal(snapshot_note_read(STR("{\"version\":1,\"snapshot\":1,\"state\":\"done\",\"new\":[1]}"),
										&job, &e), RC_OK);
	assert_int_equal(job.state, SNAPSHOT_DONE);
	assert_int_equal(snapshot_note_read(STR("{\"version\":2,\"snapshot\":1,\"state\":\"done\"}"), &job, &e), RC_ERR);
	assert_int_equal(e.code, E2010);
	assert_non_null(strstr(e.msg, "newer walrelay"));
	assert_int_equal(table_note_read(STR("{\"version\":2}"), &table, &e), RC_ERR);
	assert_non_null(strstr(e.msg, "newer walrelay"));
}

static void
test_none(void **state)
{
	static const struct str jobs[] = {
		{NULL, 0}, STR(""), STR("{"), STR("[]"), STR("null"), STR("{}"), STR("{\"version\":1}"),
		STR("{\"version\":1,\"snapshot\":0,\"state\":\"done\"}"),
		STR("{\"version\":1,\"snapshot\":1,\"state\":\"none\"}"),
		STR("{\"version\":1,\"snapshot\":1,\"state\":\"over\"}"),
		STR("{\"version\":1,\"snapshot\":1.5,\"state\":\"done\"}"),
		STR("{\"version\":1,\"snapshot\":\"1\",\"state\":\"done\"}"),
		STR("{\"version\":1,\"snapshot\":1e300,\"state\":\"done\"}")};
	static const struct str tables[] = {
		{NULL, 0}, STR("{}"),
		STR("{\"version\":1,\"snapshot\":1,\"relid\":0,\"filenode\":1,\"xmin\":1,\"rows\":1,\"done\":\"\"}"),
		STR("{\"version\":1,\"snapshot\":1,\"relid\":4294967296,\"filenode\":1,\"xmin\":1,\"rows\":1,\"done\":\"\"}"),
		STR("{\"version\":1,\"snapshot\":1,\"relid\":1,\"filenode\":-1,\"xmin\":1,\"rows\":1,\"done\":\"\"}"),
		STR("{\"version\":1,\"snapshot\":1,\"relid\":1,\"filenode\":1,\"xmin\":4294967296,\"rows\":1,\"done\":\"\"}"),
		STR("{\"version\":1,\"snapshot\":1,\"relid\":1,\"filenode\":1,\"xmin\":1,\"done\":\"\"}"),
		STR("{\"version\":1,\"snapshot\":1,\"relid\":1,\"filenode\":1,\"xmin\":1,\"rows\":1,\"done\":\"0,0-1,0 x\"}")};
	struct snapshot_note job;
	struct table_note	 table;

	(void) state;
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
	{
		assert_int_equal(snapshot_note_read(jobs[i], &job, &e), RC_ERR);
		assert_int_equal(e.code, E2010);
		assert_int_equal(job.state, SNAPSHOT_NONE);
	}
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
	{
		assert_int_equal(table_note_read(tables[i], &table, &e), RC_ERR);
		assert_int_equal(e.code, E2010);
		assert_null(table.table);
		assert_int_equal(table.done.count, 0);
	}
}

#define TABLE(rows) \
	STR("{\"version\":1,\"snapshot\":1,\"relid\":7,\"table\":\"t\",\"filenode\":7,\"xmin\":3," \
		"\"rows\":" #rows ",\"done\":\"0,0-1,0\",\"complete\":false}")

/* The last record of a key counts; tombstones empty it. */
static void
test_found(void **state)
{
	struct snapshot_found found = {0};
	struct str			  none = {NULL, 0};

	(void) state;
	assert_int_equal(snapshot_found_add(&found, STR("/7"), TABLE(10), &e), RC_OK);
	assert_int_equal(snapshot_found_add(&found, STR("/7"), TABLE(20), &e), RC_OK);
	assert_int_equal(snapshot_found_add(&found, STR("/8"), none, &e), RC_OK);
	assert_int_equal(snapshot_found_add(&found, STR(""), STR("{\"version\":1,\"snapshot\":1,\"state\":\"copying\"}"), &e), RC_OK);
	assert_int_equal(found.job.state, SNAPSHOT_COPYING);
	assert_int_equal(found.count, 2);
	assert_int_equal(found.tables[0].rows, 20);
	assert_int_equal(found.tables[1].id, 0); /* of no job */
	assert_int_equal(snapshot_found_add(&found, STR("/7"), none, &e), RC_OK);
	assert_int_equal(found.tables[0].id, 0);
	assert_int_equal(snapshot_found_add(&found, STR(""), none, &e), RC_OK);
	assert_int_equal(found.job.state, SNAPSHOT_NONE);
	assert_int_equal(snapshot_found_add(&found, STR("7"), TABLE(1), &e), RC_ERR);
	assert_int_equal(snapshot_found_add(&found, STR("/12345678901234567"), TABLE(1), &e), RC_ERR);
	assert_int_equal(snapshot_found_add(&found, STR("/7"), STR("{}"), &e), RC_ERR);
	snapshot_found_clear(&found);
	assert_int_equal(found.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job),		 cmocka_unit_test(test_table), cmocka_unit_test(test_versions),
		cmocka_unit_test(test_none), cmocka_unit_test(test_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
