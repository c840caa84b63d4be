/*
 * test_schema_topic.c
 *		What is told of a table, and when: once, again when the stream begins again,
 *		and with a tombstone for a name that is gone.  History is the test's own.
 */
#include "unit.h"

#include "format.h"
#include "planned.h"
#include "schema_topic.h"

static struct err           e;
static struct encode_stats  stats;
static struct format        fmt;
static struct plan         *plan;
static struct schema_topic *st;
static struct outgoing      out[ENCODE_MAX_OUT];
static unsigned             nout;

/* --- the history that is read back ------------------------------------------------ */

static struct chronicle *past; /* what the next reading finds; NULL: it takes its time */
static unsigned          readings;
static unsigned          cancelled;

enum rc
history_read(struct history *hist, const char *topic, struct str database, uint64_t start,
			 struct chronicle **chr, struct err *error)
{
	(void) hist;
	(void) error;
	assert_string_equal(topic, "p.schema-changes");
	assert_memory_equal(database.data, "shopdb", database.len);
	assert_int_equal(start, 1000);
	readings++;
	if (past == NULL)
		return RC_AGAIN;
	*chr = past;
	past = NULL;
	return RC_OK;
}

void
history_cancel(struct history *hist)
{
	(void) hist;
	cancelled++;
}

/* --- tables ------------------------------------------------------------------------ */

static struct column column = {.name = "c", .attnum = 1};

static struct table
table(uint32_t relid, const char *name, const char *type)
{
	column.type = column.base = (struct type_name){25, -1, "pg_catalog", type};
	return (struct table){.relid = relid,
						  .identity = 'd',
						  .relkind = 'r',
						  .schema = "s",
						  .name = name,
						  .ncolumns = 1,
						  .columns = &column,
						  .key_kind = WIRE_KEY_NONE};
}

/* One table comes and is told of at this position; how many messages that gives. */
static unsigned
tell(uint32_t relid, const char *name, const char *type, uint64_t commit_lsn)
{
	struct change_position position = {commit_lsn, commit_lsn - 10, 7,
									   (int64_t) commit_lsn * 1000000};
	struct table           tbl = table(relid, name, type);

	assert_false(schema_topic_is_due(st));
	schema_topic_learn(st, &tbl, &fmt, plan);
	assert_true(schema_topic_is_due(st));
	schema_topic_tell(st, &fmt, plan, &position, 1000, out, &nout);
	return nout;
}

static void
next(void)
{
	schema_topic_next(st);
	assert_false(schema_topic_is_due(st));
}

static char *
changes(void)
{
	char *json = planned_json(plan, SIDE_VALUE, out[0].value);
	char *start = strstr(json, "\"kinds\":");
	char *text = xstrndup(start + 8, (size_t) (strstr(start, ",\"changes\"") - start - 8));

	free(json);
	return text;
}

#define assert_told(relid, name, type, lsn, expected)  \
	do                                                 \
	{                                                  \
		char *told_;                                   \
		assert_true(tell(relid, name, type, lsn) > 0); \
		told_ = changes();                             \
		assert_string_equal(told_, expected);          \
		free(told_);                                   \
		next();                                        \
	} while (0)
#define assert_no_news(relid, name, type, lsn)             \
	do                                                     \
	{                                                      \
		assert_int_equal(tell(relid, name, type, lsn), 0); \
		next();                                            \
	} while (0)

static void
start(struct history *hist)
{
	st = schema_topic_new(hist);
	schema_topic_start(st, 1000);
}

static int
setup(void **state)
{
	(void) state;
	readings = cancelled = 0;
	fmt = planned_format();
	assert_rc_ok(plan_new_schema_change(&fmt, &stats, &plan, &e));
	plan_set_prefix(plan, SIDE_KEY, planned_prefix, sizeof(planned_prefix));
	plan_set_prefix(plan, SIDE_VALUE, planned_prefix, sizeof(planned_prefix));
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	schema_topic_free(st);
	plan_free(plan);
	chronicle_free(past);
	past = NULL;
	return 0;
}

static void
test_told_once(void **state)
{
	(void) state;
	start(NULL);
	assert_rc_ok(schema_topic_recall(st, "p.schema-changes", &fmt, plan, &e));
	assert_told(1, "a", "text", 1100, "[\"table_first_seen\"]");
	assert_no_news(1, "a", "text", 1200);
	assert_told(1, "a", "json", 1300, "[\"column_type_changed\"]");
	assert_no_news(1, "a", "json", 1300);
	assert_int_equal(readings, 0);
}

static void
test_several_wait(void **state)
{
	struct change_position position = {1100, 1090, 7, 0};
	struct table           tbl;
	char                   name[16];

	(void) state;
	start(NULL);
	for (uint32_t i = 1; i <= 100; i++)
	{
		snprintf(name, sizeof(name), "t%u", (unsigned) i);
		tbl = table(i, name, "text");
		schema_topic_learn(st, &tbl, &fmt, plan);
	}
	for (uint32_t i = 1; i <= 100; i++)
	{
		assert_true(schema_topic_is_due(st));
		schema_topic_tell(st, &fmt, plan, &position, 1000, out, &nout);
		assert_int_equal(nout, 1);
		schema_topic_next(st);
	}
	assert_false(schema_topic_is_due(st));
	/* What was not told when the stream ended is forgotten. */
	schema_topic_learn(st, &tbl, &fmt, plan);
	schema_topic_stop(st);
	assert_false(schema_topic_is_due(st));
}

static void
test_renamed(void **state)
{
	(void) state;
	start(NULL);
	assert_told(1, "a", "text", 1100, "[\"table_first_seen\"]");
	assert_int_equal(tell(1, "b", "text", 1200), 2);
	assert_key(plan, out[0].key, "{\"schema\":\"s\",\"table\":\"b\"}");
	assert_true(out[0].has_value);
	assert_key(plan, out[1].key, "{\"schema\":\"s\",\"table\":\"a\"}");
	assert_false(out[1].has_value);
	next();
	/* Another table has the old name by now: its record must stay. */
	assert_told(2, "a", "text", 1300, "[\"table_first_seen\"]");
	assert_told(3, "c", "text", 1300, "[\"table_first_seen\"]");
	assert_told(3, "a", "text", 1400, "[\"table_renamed\"]");
	assert_int_equal(nout, 2);
	assert_int_equal(tell(2, "d", "text", 1500), 1);
	next();
	assert_told(4, "a", "text", 1600, "[\"table_recreated\"]");
	assert_int_equal(nout, 1);
}

/* The stream begins again: the same is told in the same bytes, and nothing in between. */
static void
test_again(void **state)
{
	struct buf first = {0};

	(void) state;
	start(NULL);
	assert_told(1, "a", "text", 1100, "[\"table_first_seen\"]");
	tell(1, "a", "json", 1200);
	buf_put(&first, out[0].value.data, out[0].value.len);
	next();
	assert_told(1, "a", "xml", 1300, "[\"column_type_changed\"]");
	schema_topic_stop(st);
	schema_topic_start(st, 1150);
	assert_no_news(1, "a", "text", 1160);
	assert_int_equal(tell(1, "a", "json", 1200), 1);
	assert_int_equal(out[0].value.len, first.len);
	assert_memory_equal(out[0].value.data, first.data, first.len);
	next();
	assert_told(1, "a", "xml", 1300, "[\"column_type_changed\"]");
	schema_topic_stop(st);
	schema_topic_start(st, 1301);
	assert_no_news(1, "a", "xml", 1400);
	buf_free(&first);
}

static struct version
version(uint32_t relid, const char *name, const char *type, uint64_t commit_lsn, struct buf *avro,
		struct arena *arena)
{
	struct table        tbl = table(relid, name, type);
	uint64_t            replaced = 0;
	struct text        *text;
	struct description *desc;

	assert_rc_ok(text_new("UTF8", &replaced, &text, &e));
	desc = description_new(&tbl, false, text, arena);
	text_free(text);
	buf_reset(avro);
	description_put(desc, avro);
	return (struct version){.commit_lsn = commit_lsn,
							.relid = relid,
							.schema = (char *) "s",
							.name = (char *) name,
							.avro = {(const char *) avro->data, avro->len}};
}

static void
test_read_back(void **state)
{
	static int     token;
	struct arena  *arena = arena_new();
	struct buf     avro = {0};
	struct version known;

	(void) state;
	start((struct history *) &token);
	assert_rc_again(schema_topic_recall(st, "p.schema-changes", &fmt, plan, &e));
	/* The stream ended meanwhile: what is being read is as of another position. */
	schema_topic_stop(st);
	assert_int_equal(cancelled, 1);
	schema_topic_start(st, 1000);
	past = chronicle_new();
	known = version(1, "a", "text", 900, &avro, arena);
	chronicle_put(past, &known, 1000);
	known = version(2, "b", "text", 0, &avro, arena);
	known.until = 1500;
	known.until_us = 1500 * INT64_C(1000000);
	chronicle_put(past, &known, 1000);
	assert_rc_ok(schema_topic_recall(st, "p.schema-changes", &fmt, plan, &e));
	assert_rc_ok(schema_topic_recall(st, "p.schema-changes", &fmt, plan, &e));
	assert_int_equal(readings, 2);

	assert_no_news(1, "a", "text", 1100);
	assert_told(1, "a", "json", 1200, "[\"column_type_changed\"]");
	/* Before a change that was told, whose predecessors the topic has lost. */
	assert_no_news(2, "b", "int4", 1300);
	assert_no_news(2, "b", "int8", 1400);
	assert_told(2, "b", "text", 1500, "[\"column_type_changed\"]");
	assert_told(2, "b", "int8", 1600, "[\"column_type_changed\"]");
	schema_topic_stop(st);
	assert_int_equal(cancelled, 1);
	buf_free(&avro);
	arena_free(arena);
}

/* Positions that went back are another server's: its changes are news. */
static void
test_another_server(void **state)
{
	static int             token;
	struct arena          *arena = arena_new();
	struct buf             avro = {0};
	struct version         known;
	struct table           tbl = table(2, "b", "int4");
	struct change_position position = {1300, 1290, 7, INT64_C(90000000)};

	(void) state;
	start((struct history *) &token);
	past = chronicle_new();
	known = version(2, "b", "text", 0, &avro, arena);
	known.until = 1500;
	known.until_us = 1000;
	chronicle_put(past, &known, 1000);
	assert_rc_ok(schema_topic_recall(st, "p.schema-changes", &fmt, plan, &e));
	tbl = table(2, "b", "int4");
	schema_topic_learn(st, &tbl, &fmt, plan);
	schema_topic_tell(st, &fmt, plan, &position, 1000, out, &nout);
	assert_int_equal(nout, 1);
	next();
	buf_free(&avro);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_told_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renamed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_server, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
