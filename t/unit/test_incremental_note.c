/* test_incremental_note.c: what the progress topic keeps of tables that are read while changes
 * stream. */
#include "unit.h"

#include "incremental_note.h"

static struct err e;

#define STR(text) ((struct str){text, sizeof(text) - 1})
#define KEY "0123456789abcdef0123456789abcdef"
#define KEYED "{\"version\":1,\"key\":\"" KEY "\""

static struct str
str_of(const struct buf *buf)
{
	return (struct str){(const char *) buf->data, buf->len};
}

/* From a copy that ends where the text does. */
static enum rc
read_job(struct str value, struct incremental_note *note)
{
	char   *exact = value.data ? unit_exact(value.data, value.len) : NULL;
	enum rc rc = incremental_note_read((struct str){exact, value.len}, note, &e);

	free(exact);
	return rc;
}

static enum rc
read_table(struct str value, struct reading_note *note)
{
	char   *exact = value.data ? unit_exact(value.data, value.len) : NULL;
	enum rc rc = reading_note_read((struct str){exact, value.len}, note, &e);

	free(exact);
	return rc;
}

static void
key_add(key_texts *key, const char *text, size_t len)
{
	buf_put_u8(key, (uint8_t) len); /* shorter than 128 */
	buf_put(key, text, len);
}

/* --- the job -------------------------------------------------------------------- */

#define SIGNAL_1 \
	"{\"id\":\"1\",\"type\":\"execute-snapshot\",\"data\":{\"data-collections\":[\"a\\\\.b\"]}}"
#define SIGNAL_2 \
	"{\"id\":\"\xc3\xa9\\\"\",\"type\":\"stop-snapshot\",\"data\":{\"type\":\"incremental\"}}"

static void
test_job(void **state)
{
	struct incremental_note note = {.key = KEY, .paused = true};
	struct incremental_note back;
	struct buf              out = {0};

	(void) state;
	incremental_note_add_signal(&note, STR(SIGNAL_1));
	incremental_note_add_signal(&note, (struct str){SIGNAL_2 "rest", sizeof(SIGNAL_2) - 1});
	incremental_note_of_topic(&note, "shop-signal");
	incremental_note_set_offset(&note, 3, 17);
	incremental_note_set_offset(&note, 0, 0);
	incremental_note_set_offset(&note, 3, 9007199254740991);
	incremental_note_write(&note, &out);
	assert_string_equal(
		buf_cstr(&out),
		KEYED ",\"paused\":true,\"signals\":[" SIGNAL_1 "," SIGNAL_2
			  "],\"topic\":\"shop-signal\",\"offsets\":{\"3\":9007199254740991,\"0\":0}}");
	assert_rc_ok(read_job(str_of(&out), &back));
	assert_string_equal(back.key, KEY);
	assert_true(back.paused);
	assert_int_equal(back.nsignals, 2);
	assert_string_equal(back.signals[0], SIGNAL_1);
	assert_string_equal(back.signals[1], SIGNAL_2);
	assert_int_equal(incremental_note_offset(&back, 3), 9007199254740991);
	assert_int_equal(incremental_note_offset(&back, 0), 0);
	assert_int_equal(incremental_note_offset(&back, 1), -1);
	incremental_note_clear(&back);
	incremental_note_clear(&note);
	assert_null(note.signals);
	buf_free(&out);
}

static void
test_job_of_nothing(void **state)
{
	struct incremental_note note = {.key = ""};
	struct buf              out = {0};

	(void) state;
	incremental_note_write(&note, &out);
	assert_string_equal(buf_cstr(&out), "{\"version\":1,\"paused\":false,\"signals\":[]}");
	assert_rc_ok(read_job(str_of(&out), &note));
	assert_string_equal(note.key, "");
	assert_false(note.paused);
	assert_int_equal(note.nsignals, 0);
	assert_null(note.topic);
	buf_free(&out);
}

/* Offsets of one topic mean nothing in another. */
static void
test_offsets(void **state)
{
	struct incremental_note note = {.key = ""};

	(void) state;
	assert_int_equal(incremental_note_offset(&note, 0), -1);
	incremental_note_of_topic(&note, "a");
	incremental_note_set_offset(&note, 0, 5);
	incremental_note_of_topic(&note, "a");
	assert_int_equal(incremental_note_offset(&note, 0), 5);
	incremental_note_of_topic(&note, "b");
	assert_int_equal(incremental_note_offset(&note, 0), -1);
	incremental_note_set_offset(&note, 0, 6);
	assert_int_equal(incremental_note_offset(&note, 0), 6);
	incremental_note_clear(&note);
}

/* --- tables --------------------------------------------------------------------- */

static void
test_table(void **state)
{
	char                name[] = "shop.\"odd\\ \xc3\xa4";
	char                id[] = "924e\"";
	char                filter[] = "state = 'a\"b\\c' AND\n n > 1";
	struct reading_note note = {.relid = UINT32_MAX,
								.table = name,
								.signal = id,
								.filter = filter,
								.hash = 0x00c2000000000001,
								.rows = 9007199254740991,
								.estimated = 0};
	struct reading_note back;
	struct buf          out = {0};

	(void) state;
	key_add(&note.after, "17", 2);
	key_add(&note.after, "Z\xfcrich", 6); /* no UTF-8 */
	key_add(&note.upto, "90000", 5);
	key_add(&note.upto, "", 0);
	reading_note_write(&note, &out);
	assert_non_null(strstr(buf_cstr(&out), "\"after\":[\"17\",{\"hex\":\"5afc72696368\"}],"
										   "\"upto\":[\"90000\",\"\"]"));
	assert_non_null(strstr(buf_cstr(&out), "\"hash\":\"00c2000000000001\""));
	assert_rc_ok(read_table(str_of(&out), &back));
	assert_int_equal(back.relid, note.relid);
	assert_string_equal(back.table, note.table);
	assert_string_equal(back.signal, note.signal);
	assert_string_equal(back.filter, note.filter);
	assert_true(back.hash == note.hash);
	assert_int_equal(back.rows, note.rows);
	assert_int_equal(back.estimated, 0);
	assert_int_equal(back.after.len, note.after.len);
	assert_memory_equal(back.after.data, note.after.data, note.after.len);
	assert_int_equal(back.upto.len, note.upto.len);
	assert_memory_equal(back.upto.data, note.upto.data, note.upto.len);
	reading_note_clear(&back);
	assert_null(back.table);
	buf_free(&note.after);
	buf_free(&note.upto);
	buf_free(&out);
}

/* Waiting to be begun: neither keys nor their hash, no filter, nothing estimated. */
static void
test_table_not_begun(void **state)
{
	char                name[] = "a.b";
	struct reading_note note = {.relid = 7, .table = name, .estimated = -1};
	struct reading_note back;
	struct buf          out = {0};

	(void) state;
	reading_note_write(&note, &out);
	assert_string_equal(buf_cstr(&out),
						"{\"version\":1,\"relid\":7,\"table\":\"a.b\",\"signal\":\"\",\"rows\":0}");
	assert_rc_ok(read_table(str_of(&out), &back));
	assert_string_equal(back.signal, "");
	assert_null(back.filter);
	assert_true(back.hash == 0);
	assert_int_equal(back.after.len, 0);
	assert_int_equal(back.upto.len, 0);
	assert_int_equal(back.estimated, -1);
	reading_note_clear(&back);
	/* A filter is a filter even if it is empty: it is not "none". */
	assert_rc_ok(read_table(
		STR("{\"version\":1,\"relid\":7,\"table\":\"t\",\"rows\":0,\"filter\":\"\"}"), &back));
	assert_string_equal(back.filter, "");
	reading_note_clear(&back);
	buf_free(&out);
}

/* --- what others have written ----------------------------------------------------- */

/* Members of a later version that may be passed over are; a version that may not be is named. */
static void
test_versions(void **state)
{
	struct incremental_note job;
	struct reading_note     table;

	(void) state;
	assert_rc_ok(read_job(STR(KEYED ",\"new\":{\"key\":1},\"signals\":[{\"new\":[1]}]}"), &job));
	assert_string_equal(job.signals[0], "{\"new\":[1]}");
	incremental_note_clear(&job);
	assert_rc_ok(read_table(
		STR("{\"new\":[],\"version\":1,\"relid\":7,\"table\":\"t\",\"rows\":0,\"more\":null}"),
		&table));
	reading_note_clear(&table);
	assert_rc_err(read_job(STR("{\"version\":2,\"key\":\"" KEY "\"}"), &job), ERR_CONFIG, E2010);
	assert_non_null(strstr(e.msg, "newer walrelay"));
	assert_true(e.detail[0] && e.hint[0]);
	assert_rc_err(read_table(STR("{\"version\":2}"), &table), ERR_CONFIG, E2010);
	assert_non_null(strstr(e.msg, "newer walrelay"));
}

#define TABLE(members) STR("{\"version\":1" members "}")
#define GOOD ",\"relid\":7,\"table\":\"t\",\"rows\":0"

static void
test_none(void **state)
{
	static const struct str jobs[] = {
		{NULL, 0},
		STR(""),
		STR("{"),
		STR("[]"),
		STR("null"),
		STR("{}"),
		STR("\"version\""),
		STR("{\"version\":\"1\"}"),
		STR("{\"version\":0}"),
		STR("{\"version\":1,\"key\":1}"),
		STR("{\"version\":1,\"key\":\"0123\"}"),
		STR("{\"version\":1,\"key\":\"" KEY "0\"}"),
		STR("{\"version\":1,\"key\":\"0123456789ABCDEF0123456789abcdef\"}"),
		STR(KEYED ",\"signals\":{}}"),
		STR(KEYED ",\"signals\":\"\"}"),
		STR(KEYED ",\"signals\":[{\"id\":\"1\"},1]}"),
		STR(KEYED ",\"signals\":[{},\"{}\"]}"),
		STR(KEYED ",\"topic\":1}"),
		STR(KEYED ",\"offsets\":{}}"),
		STR(KEYED ",\"topic\":\"t\",\"offsets\":[]}"),
		STR(KEYED ",\"topic\":\"t\",\"offsets\":{\"0\":-1}}"),
		STR(KEYED ",\"topic\":\"t\",\"offsets\":{\"0\":\"1\"}}"),
		STR(KEYED ",\"topic\":\"t\",\"offsets\":{\"\":1}}"),
		STR(KEYED ",\"topic\":\"t\",\"offsets\":{\"-1\":1}}"),
		STR(KEYED ",\"topic\":\"t\",\"offsets\":{\"1x\":1}}"),
		STR(KEYED ",\"topic\":\"t\",\"offsets\":{\"2147483648\":1}}")};
	static const struct str tables[] = {{NULL, 0},
										STR("{}"),
										STR("[1]"),
										TABLE(""),
										TABLE(",\"relid\":0,\"table\":\"t\",\"rows\":0"),
										TABLE(",\"relid\":4294967296,\"table\":\"t\",\"rows\":0"),
										TABLE(",\"relid\":7,\"table\":\"\",\"rows\":0"),
										TABLE(",\"relid\":7,\"rows\":0"),
										TABLE(",\"relid\":7,\"table\":[],\"rows\":0"),
										TABLE(",\"relid\":7,\"table\":\"t\""),
										TABLE(",\"relid\":7,\"table\":\"t\",\"rows\":-1"),
										TABLE(",\"relid\":7,\"table\":\"t\",\"rows\":1.5"),
										TABLE(GOOD ",\"signal\":1"),
										TABLE(GOOD ",\"filter\":1"),
										TABLE(GOOD ",\"filter\":null"), /* not: all rows */
										TABLE(GOOD ",\"hash\":1"),
										TABLE(GOOD ",\"hash\":\"\""),
										TABLE(GOOD ",\"hash\":\"12\""),
										TABLE(GOOD ",\"hash\":\"0000000000000000\""),
										TABLE(GOOD ",\"hash\":\"123456789abcdefg\""),
										TABLE(GOOD ",\"hash\":\"123456789abcdef01\""),
										TABLE(GOOD ",\"hash\":\"-123456789abcdef\""),
										TABLE(GOOD ",\"after\":\"17\""),
										TABLE(GOOD ",\"after\":[]"),
										TABLE(GOOD ",\"after\":[17]"),
										TABLE(GOOD ",\"after\":[{\"hex\":\"5\"}]"),
										TABLE(GOOD ",\"upto\":[null]"),
										TABLE(GOOD ",\"after\":[\"1\"],\"upto\":{}")};
	struct incremental_note job;
	struct reading_note     table;

	(void) state;
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
	{
		if (read_job(jobs[i], &job) != RC_ERR)
			fail_msg("%s was read", jobs[i].data);
		assert_int_equal(e.code, E2010);
		assert_string_equal(e.detail, "");
		assert_non_null(strstr(e.msg, "incremental"));
		assert_true(job.key[0] == '\0' && job.signals == NULL && job.signals_at == NULL);
	}
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
	{
		if (read_table(tables[i], &table) != RC_ERR)
			fail_msg("%s was read", tables[i].data);
		assert_int_equal(e.code, E2010);
		assert_string_equal(e.detail, "");
		assert_true(table.table == NULL && table.relid == 0 && table.after.data == NULL);
	}
}

/* Cut off anywhere it is none. */
static void
test_cut_off(void **state)
{
	static const char job[] =
		KEYED ",\"paused\":true,\"signals\":[" SIGNAL_2 "],\"topic\":\"t\",\"offsets\":{\"0\":17}}";
	static const char table[] =
		"{\"version\":1" GOOD ",\"filter\":\"a = 1\",\"after\":[{\"hex\":\"ff\"}]}";
	struct incremental_note note;
	struct reading_note     reading;

	(void) state;
	for (size_t len = 0; len < sizeof(job) - 1; len++)
		assert_rc_err(read_job((struct str){job, len}, &note), ERR_CONFIG, E2010);
	for (size_t len = 0; len < sizeof(table) - 1; len++)
		assert_rc_err(read_table((struct str){table, len}, &reading), ERR_CONFIG, E2010);
}

/* --- what was found --------------------------------------------------------------- */

#define READING(relid, rows)                                                                     \
	STR("{\"version\":1,\"relid\":" #relid ",\"table\":\"t" #relid "\",\"signal\":\"s\","        \
		"\"filter\":\"a = 1\",\"hash\":\"00000000000000ff\",\"after\":[\"1\"],\"upto\":[\"9\"]," \
		"\"rows\":" #rows "}")

/* The last record of a key counts; a tombstone takes the table away; the rest keeps its order. */
static void
test_found(void **state)
{
	struct incremental_found found = {0};
	struct str               none = {NULL, 0};

	(void) state;
	assert_rc_ok(incremental_found_add(&found, STR("/30"), none, &e));
	assert_int_equal(found.count, 0);
	assert_rc_ok(incremental_found_add(&found, STR("/30"), READING(30, 1), &e));
	assert_rc_ok(incremental_found_add(&found, STR("/10"), READING(10, 2), &e));
	assert_rc_ok(incremental_found_add(&found, STR("/20"), READING(20, 3), &e));
	assert_rc_ok(incremental_found_add(&found, STR("/30"), READING(30, 4), &e));
	assert_int_equal(found.count, 3);
	assert_int_equal(found.tables[0].relid, 30);
	assert_int_equal(found.tables[0].rows, 4);
	assert_rc_ok(incremental_found_add(&found, STR("/10"), none, &e));
	assert_int_equal(found.count, 2);
	assert_int_equal(found.tables[0].relid, 30);
	assert_int_equal(found.tables[1].relid, 20);
	assert_rc_ok(incremental_found_add(&found, STR("/10"), READING(10, 5), &e));
	assert_int_equal(found.tables[2].relid, 10);
	assert_string_equal(found.tables[2].table, "t10");
	incremental_found_clear(&found);
	assert_true(found.count == 0 && found.tables == NULL);
}

static void
test_found_many(void **state)
{
	struct incremental_found found = {0};

	(void) state;
	for (int pass = 0; pass < 2; pass++)
		for (int relid = 1; relid <= 100; relid++)
		{
			char *key = xasprintf("/%d", relid);
			char *value = xasprintf("{\"version\":1,\"relid\":%d,\"table\":\"t\",\"rows\":%d}",
									relid, relid + pass);

			assert_rc_ok(incremental_found_add(&found, (struct str){key, strlen(key)},
											   (struct str){value, strlen(value)}, &e));
			free(key);
			free(value);
		}
	assert_int_equal(found.count, 100);
	for (uint32_t i = 0; i < found.count; i++)
		assert_int_equal(found.tables[i].rows, found.tables[i].relid + 1);
	incremental_found_clear(&found);
}

static void
test_found_job(void **state)
{
	struct incremental_found found = {0};
	struct str               none = {NULL, 0};

	(void) state;
	assert_rc_ok(
		incremental_found_add(&found, STR(""), STR(KEYED ",\"signals\":[{\"id\":\"1\"}]}"), &e));
	assert_rc_ok(
		incremental_found_add(&found, STR(""), STR(KEYED ",\"signals\":[{\"id\":\"2\"}]}"), &e));
	assert_int_equal(found.job.nsignals, 1);
	assert_string_equal(found.job.signals[0], "{\"id\":\"2\"}");
	/* What is none changes nothing. */
	assert_rc_err(incremental_found_add(&found, STR(""), STR("{}"), &e), ERR_CONFIG, E2010);
	assert_string_equal(found.job.key, KEY);
	assert_rc_ok(incremental_found_add(&found, STR(""), none, &e));
	assert_string_equal(found.job.key, "");
	assert_int_equal(found.job.nsignals, 0);
	incremental_found_clear(&found);
}

/* Keys of nobody, and a value under another table's key. */
static void
test_found_strange(void **state)
{
	static const struct str keys[] = {
		STR("7"),    STR("/"),   STR("/0"),          STR("/7x"),
		STR("/ 7"),  STR("/-7"), STR("/4294967296"), STR("/12345678901234567"),
		STR("/7/7"), STR("/8")};
	struct incremental_found found = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		char      *exact = unit_exact(keys[i].data, keys[i].len);
		struct str key = {exact, keys[i].len};

		assert_rc_err(incremental_found_add(&found, key, READING(7, 1), &e), ERR_CONFIG, E2010);
		free(exact);
	}
	assert_rc_err(incremental_found_add(&found, STR("/7"), STR("{}"), &e), ERR_CONFIG, E2010);
	assert_int_equal(found.count, 0);
	incremental_found_clear(&found);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job),
		cmocka_unit_test(test_job_of_nothing),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_not_begun),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_found_many),
		cmocka_unit_test(test_found_job),
		cmocka_unit_test(test_found_strange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
