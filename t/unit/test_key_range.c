/* test_key_range.c: keys as texts and JSON, conditions and orders; that servers take them: t/015.
 */
#include "unit.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "catalog.h"
#include "framebuilder.h"
#include "key_range.h"
#include "value.h"

#define OF(oid_, name_)               \
	{                                 \
		oid_, -1, "pg_catalog", name_ \
	}
#define KEY WIRE_COLUMN_NOT_NULL

static struct err    e;
static const char   *moods[] = {"sad", "it's ok"};
static struct column columns[] = {
	{.name = "note", .attnum = 1, .form = WIRE_FORM_TEXT, .type = OF(25, "text")},
	{.name = "id", .attnum = 2, .form = WIRE_FORM_INT, .type = OF(20, "int8"), .flags = KEY},
	{.name = "a'b\\", .attnum = 3, .form = WIRE_FORM_TEXT, .type = OF(25, "text"), .flags = KEY},
	{.name = "price", .attnum = 4, .form = WIRE_FORM_INT64, .type = OF(790, "money"), .flags = KEY},
	{.name = "c", .attnum = 5, .form = WIRE_FORM_TEXT, .type = OF(18, "char"), .flags = KEY},
	{.name = "raw", .attnum = 6, .form = WIRE_FORM_BYTES, .type = OF(17, "bytea"), .flags = KEY},
	{.name = "list",
	 .attnum = 7,
	 .form = WIRE_FORM_ARRAY,
	 .type = OF(1007, "_int4"),
	 .flags = KEY | WIRE_COLUMN_ARRAY,
	 .element = OF(23, "int4"),
	 .element_form = WIRE_FORM_INT,
	 .delimiter = ','},
	{.name = "mood",
	 .attnum = 8,
	 .form = WIRE_FORM_ENUM,
	 .type = {16401, -1, "public", "mood"},
	 .flags = KEY | WIRE_COLUMN_ENUM,
	 .labels = moods,
	 .nlabels = 2},
	{.name = "rel",
	 .attnum = 9,
	 .form = WIRE_FORM_TEXT,
	 .type = OF(2205, "regclass"),
	 .flags = KEY},
};
#define NCOLUMNS (sizeof(columns) / sizeof(columns[0]))

/* A column's part of an answer. */
#define INT8                                                                               \
	"[\"\\\"id\\\"\",\"\\\"id\\\"\",\"::int8\",\">\",\">=\",\"<=\",\"=\",\" NL\",\" DESC " \
	"NF\",\"\"]"
#define PLAIN(name, cast, version)         \
	"[\"" name "\",\"" name "\",\"::" cast \
	"\",\">\",\">=\",\"<=\",\"=\",\" NL\",\" DESC NF\",\"" version "\"]"
#define FALLING(name) \
	"[\"" name "\",\"" name "\",\"::text\",\"<\",\"<=\",\">=\",\"=\",\" DESC NF\",\" NL\",\"\"]"

/* A table with this key, as it would come from a server. */
static struct table *
table_of(enum wire_key kind, uint32_t nkey, const uint32_t *key)
{
	struct table  like = {.index = 1,
						  .relid = 16400,
						  .identity = 'd',
						  .relkind = 'r',
						  .schema = "public",
						  .name = "t",
						  .ncolumns = NCOLUMNS,
						  .columns = columns,
						  .key_kind = kind,
						  .nkey = nkey,
						  .key = (uint32_t *) key};
	struct buf    body = {0};
	struct table *tbl = NULL;

	fb_relation_body(&body, &like);
	assert_rc_ok(table_read(cursor_over(body.data, body.len), &tbl, &e));
	buf_free(&body);
	return tbl;
}

static void
text_put(key_texts *key, const char *text)
{
	fb_bytes(key, text, strlen(text));
}

static void
assert_sql(struct buf *sql, const char *expected)
{
	assert_string_equal(buf_cstr(sql), expected);
	buf_reset(sql);
}

static void
test_refusals(void **state)
{
	static const uint32_t id[] = {1};
	static const uint32_t note[] = {1, 0};
	static const uint32_t rel[] = {8};
	struct table         *tbl;

	(void) state;
	tbl = table_of(WIRE_KEY_NONE, 0, NULL);
	assert_string_equal(key_range_refusal(tbl), "it has neither a primary key nor a unique index");
	table_free(tbl);
	tbl = table_of(WIRE_KEY_UNIQUE, 2, note);
	assert_string_equal(key_range_refusal(tbl), "a column of its unique index may be NULL");
	table_free(tbl);
	tbl = table_of(WIRE_KEY_PRIMARY, 1, rel);
	assert_non_null(key_range_refusal(tbl));
	table_free(tbl);
	tbl = table_of(WIRE_KEY_PRIMARY, 1, id);
	assert_null(key_range_refusal(tbl));
	table_free(tbl);
}

/* Names and numbers of the question are the table's; no name ends its literal. */
static void
test_question(void **state)
{
	static const uint32_t key[] = {2, 1};
	struct table         *tbl = table_of(WIRE_KEY_PRIMARY, 2, key);
	struct buf            sql = {0};

	(void) state;
	key_range_ask(tbl, 16444, &sql);
	assert_non_null(strstr(buf_cstr(&sql), "i.indrelid = '16444'"));
	assert_non_null(strstr(buf_cstr(&sql), "i.indnkeyatts = 2 "));
	assert_non_null(strstr(buf_cstr(&sql), "= ARRAY[ E'a''b\\\\', 'id']::"));
	assert_non_null(strstr(buf_cstr(&sql), "(0, '25'::pg_catalog.oid), (1, '20'::pg_catalog.oid)"));
	buf_free(&sql);
	table_free(tbl);
}

static void
test_answers_that_are_none(void **state)
{
	static const uint32_t    id[] = {1};
	static const char *const answers[] = {NULL,
										  "",
										  "null",
										  "{}",
										  "[]",
										  "[[]]",
										  "[" INT8,
										  "[" INT8 "," INT8 "]",
										  "[[1,2,3,4,5,6,7,8,9,10]]",
										  "[\"id\"]"};
	struct table            *tbl = table_of(WIRE_KEY_PRIMARY, 1, id);

	(void) state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_null(key_range_new(tbl, answers[i]));
	table_free(tbl);
}

static void
test_one_column(void **state)
{
	static const uint32_t id[] = {1};
	struct table         *tbl = table_of(WIRE_KEY_PRIMARY, 1, id);
	struct key_range     *range = key_range_new(tbl, "[" INT8 "]");
	struct buf            sql = {0};
	key_texts             key = {0};

	(void) state;
	assert_non_null(range);
	assert_false(key_range_fits(range, &key));
	text_put(&key, "-17");
	assert_true(key_range_fits(range, &key));
	key_range_after(range, &key, &sql);
	assert_sql(&sql, "\"id\" > '-17'::int8");
	key_range_upto(range, &key, &sql);
	assert_sql(&sql, "\"id\" <= '-17'::int8");
	key_range_order(range, false, &sql);
	assert_sql(&sql, " ORDER BY \"id\" NL");
	key_range_order(range, true, &sql);
	assert_sql(&sql, " ORDER BY \"id\" DESC NF");
	text_put(&key, "1");
	assert_false(key_range_fits(range, &key));
	buf_free(&key);
	buf_free(&sql);
	key_range_free(range);
	table_free(tbl);
}

static void
test_several_columns(void **state)
{
	static const uint32_t key_of[] = {2, 1, 5};
	struct table         *tbl = table_of(WIRE_KEY_UNIQUE, 3, key_of);
	struct key_range     *range =
		key_range_new(tbl, "[" PLAIN("b", "text", "2.36") "," INT8 "," PLAIN("c", "bytea", "") "]");
	struct key_range *mixed = key_range_new(
		tbl, "[" PLAIN("b", "text", "2.36") "," FALLING("id") "," PLAIN("c", "x", "") "]");
	struct key_range *newer =
		key_range_new(tbl, "[" PLAIN("b", "text", "2.37") "," INT8 "," PLAIN("c", "bytea", "") "]");
	struct buf sql = {0};
	key_texts  key = {0};

	(void) state;
	text_put(&key, "o'clock");
	text_put(&key, "7");
	text_put(&key, "\\x00");
	key_range_after(range, &key, &sql);
	assert_sql(&sql, "ROW(b, \"id\", c) > ROW('o''clock'::text, '7'::int8,  E'\\\\x00'::bytea)");
	key_range_upto(range, &key, &sql);
	assert_sql(&sql, "ROW(b, \"id\", c) <= ROW('o''clock'::text, '7'::int8,  E'\\\\x00'::bytea)");
	key_range_order(range, true, &sql);
	assert_sql(&sql, " ORDER BY b DESC NF, \"id\" DESC NF, c DESC NF");
	key_range_after(mixed, &key, &sql);
	assert_sql(&sql, "(b >= 'o''clock'::text AND (NOT b = 'o''clock'::text OR "
					 "(id <= '7'::text AND (NOT id = '7'::text OR (c >  E'\\\\x00'::x)))))");
	key_range_upto(mixed, &key, &sql);
	assert_sql(&sql, "(b <= 'o''clock'::text AND (NOT b = 'o''clock'::text OR "
					 "(id >= '7'::text AND (NOT id = '7'::text OR (c <=  E'\\\\x00'::x)))))");
	key_range_order(mixed, false, &sql);
	assert_sql(&sql, " ORDER BY b NL, id DESC NF, c NL");
	assert_true(key_range_hash(range) != key_range_hash(mixed));
	assert_true(key_range_hash(range) != key_range_hash(newer));
	buf_free(&key);
	buf_free(&sql);
	key_range_free(range);
	key_range_free(mixed);
	key_range_free(newer);
	table_free(tbl);
}

/* "char" by its number, whichever text it has. */
static void
test_char(void **state)
{
	static const uint32_t c[] = {4};
	static const struct
	{
		const char *text;
		const char *sql;
	} chars[] = {{"", "c > '0'::x"},        {"a", "c > '97'::x"},  {"\xe9", "c > '-23'::x"},
				 {"\\351", "c > '-23'::x"}, {"\\", "c > '92'::x"}, {"\\200", "c > '-128'::x"}};
	struct table     *tbl = table_of(WIRE_KEY_PRIMARY, 1, c);
	struct key_range *range = key_range_new(tbl, "[" PLAIN("c", "x", "") "]");
	struct buf        sql = {0};
	key_texts         key = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(chars) / sizeof(chars[0]); i++)
	{
		buf_reset(&key);
		text_put(&key, chars[i].text);
		key_range_after(range, &key, &sql);
		assert_sql(&sql, chars[i].sql);
	}
	buf_free(&key);
	buf_free(&sql);
	key_range_free(range);
	table_free(tbl);
}

/* --- the key of a row ------------------------------------------------------------------ */

/* All but "note" are the key, the last first. */
static const uint32_t all[] = {7, 6, 5, 4, 3, 2, 1};
#define ALL                                                                                    \
	"[" PLAIN("mood", "m", "") "," PLAIN("list", "l", "") "," PLAIN("raw", "r", "") "," PLAIN( \
		"c", "c", "") "," PLAIN("price", "money", "2 de_DE.UTF-8") "," PLAIN("b", "text",      \
																			 "") "," INT8 "]"

static void
tuple_of(struct buf *tuple, const uint8_t *states)
{
	static const uint8_t list[] = {1, 3, 2, 0, 2, 4, 6}; /* {1,2,3} */

	buf_reset(tuple);
	fb_tuple(tuple, states, NCOLUMNS);
	if (states[0] == WIRE_STATE_VALUE)
		fb_str(tuple, "a note");
	fb_sv(tuple, -17);
	if (states[2] == WIRE_STATE_VALUE)
		fb_str(tuple, "it's");
	fb_u64(tuple, (uint64_t) -12345);
	fb_str(tuple, "x");
	if (states[5] == WIRE_STATE_VALUE)
		fb_bytes(tuple, "\x00\xff", 2);
	if (states[6] == WIRE_STATE_VALUE)
		fb_bytes(tuple, list, sizeof(list));
	if (states[7] == WIRE_STATE_TEXT)
		fb_str(tuple, "newest");
	else if (states[7] == WIRE_STATE_VALUE)
		fb_uv(tuple, 1);
	if (states[8] == WIRE_STATE_VALUE)
		fb_str(tuple, "pg_class");
}

static void
assert_key(const key_texts *key, const char *json)
{
	struct buf out = {0};

	key_texts_write(key, &out);
	assert_string_equal(buf_cstr(&out), json);
	buf_free(&out);
}

static void
test_rows(void **state)
{
	struct table     *tbl = table_of(WIRE_KEY_PRIMARY, 7, all);
	struct key_range *range = key_range_new(tbl, ALL);
	struct buf        tuple = {0};
	key_texts         key = {0};
	struct change     row = {.kind = WIRE_INSERT};
	uint8_t           states[NCOLUMNS] = {0};
	const struct str  longs[] = {{"long text", 9}, {"\x01\x02", 2}, {"\x00\x00", 2}};

	(void) state;
	assert_non_null(range);
	tuple_of(&tuple, states);
	row.new_tuple = cursor_over(tuple.data, tuple.len);
	assert_rc_ok(key_range_take(range, &row, &key, &e));
	assert_true(key_range_fits(range, &key));
	assert_key(&key, "[\"it's ok\",\"{1,2,3}\",\"\\\\x00ff\",\"x\",\"-123.45\",\"it's\",\"-17\"]");

	/* What is long, or a text in place of its form; what is no key, in every state. */
	states[2] = states[5] = WIRE_STATE_LONG;
	states[7] = WIRE_STATE_TEXT;
	states[8] = WIRE_STATE_NULL;
	for (uint8_t note = WIRE_STATE_NULL; note <= WIRE_STATE_UNSENDABLE; note++)
	{
		if (note == WIRE_STATE_TEXT)
			continue;
		states[0] = note;
		tuple_of(&tuple, states);
		row.new_tuple = cursor_over(tuple.data, tuple.len);
		row.longs = note == WIRE_STATE_LONG ? (struct str[]){{NULL, 0}, longs[0], longs[1]} : longs;
		row.nlongs = note == WIRE_STATE_LONG ? 3 : 2;
		assert_rc_ok(key_range_take(range, &row, &key, &e));
		assert_key(
			&key, "[\"newest\",\"{1,2,3}\",\"\\\\x0102\",\"x\",\"-123.45\",\"long text\",\"-17\"]");
	}
	buf_free(&tuple);
	buf_free(&key);
	key_range_free(range);
	table_free(tbl);
}

static void
test_rows_without_a_key(void **state)
{
	struct table        *tbl = table_of(WIRE_KEY_PRIMARY, 7, all);
	struct key_range    *range = key_range_new(tbl, ALL);
	struct buf           tuple = {0};
	key_texts            key = {0};
	struct str           left_out = {NULL, 0};
	struct change        row = {.kind = WIRE_INSERT, .longs = &left_out, .nlongs = 1};
	uint8_t              states[NCOLUMNS] = {0};
	static const uint8_t none[] = {WIRE_STATE_NULL, WIRE_STATE_UNCHANGED, WIRE_STATE_LONG,
								   WIRE_STATE_UNSENDABLE};

	(void) state;
	for (size_t i = 0; i < sizeof(none); i++)
	{
		states[2] = none[i];
		tuple_of(&tuple, states);
		row.new_tuple = cursor_over(tuple.data, tuple.len);
		assert_rc_err(key_range_take(range, &row, &key, &e), ERR_DATA, E1242);
		assert_int_equal(key.len, 0);
		assert_null(strstr(e.detail, "it's")); /* no value */
		assert_non_null(strstr(e.detail, "a'b"));
	}
	/* Cut off anywhere: the key's columns, or what is behind them. */
	states[2] = WIRE_STATE_VALUE;
	tuple_of(&tuple, states);
	for (size_t len = 0; len < tuple.len; len++)
	{
		uint8_t *exact = unit_exact(tuple.data, len);

		row.new_tuple = cursor_over(exact, len);
		err_clear(&e);
		assert_int_equal(key_range_take(range, &row, &key, &e), RC_ERR);
		assert_int_equal(e.class, ERR_PROTOCOL);
		free(exact);
	}
	/* More long values than there are; a label that is none. */
	row.nlongs = 0;
	states[5] = WIRE_STATE_LONG;
	tuple_of(&tuple, states);
	row.new_tuple = cursor_over(tuple.data, tuple.len);
	assert_rc_err(key_range_take(range, &row, &key, &e), ERR_PROTOCOL, E1404);
	buf_free(&tuple);
	buf_free(&key);
	key_range_free(range);
	table_free(tbl);
}

/* --- JSON ------------------------------------------------------------------------------ */

static void
test_json(void **state)
{
	static const char *const texts[] = {"", "a", "\xc3\xa9", "\xe9", "\"\\\n\x01", "\xff\xfe{}"};
	key_texts                key = {0};
	key_texts                back = {0};
	struct buf               json = {0};
	cJSON                   *parsed;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		text_put(&key, texts[i]);
	key_texts_write(&key, &json);
	assert_string_equal(
		buf_cstr(&json),
		"[\"\",\"a\",\"\xc3\xa9\",{\"hex\":\"e9\"},\"\\\"\\\\\\n\\u0001\",{\"hex\":\"fffe7b7d\"}]");
	parsed = cJSON_Parse(buf_cstr(&json));
	assert_true(key_texts_read(parsed, &back));
	assert_int_equal(back.len, key.len);
	assert_memory_equal(back.data, key.data, key.len);
	cJSON_Delete(parsed);
	buf_free(&json);
	buf_free(&key);
	buf_free(&back);
}

static void
test_json_that_is_none(void **state)
{
	static const char *const texts[] = {"[]",
										"{}",
										"null",
										"17",
										"[17]",
										"\"a\"",
										"[\"a\",null]",
										"[{\"hex\":1}]",
										"[{\"hex\":\"0\"}]",
										"[{\"hex\":\"0g\"}]",
										"[{\"hex\":\"AA\"}]",
										"[[\"a\"]]"};
	key_texts                key = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		cJSON *json = cJSON_Parse(texts[i]);

		text_put(&key, "from before");
		assert_false(key_texts_read(json, &key));
		assert_int_equal(key.len, 0);
		cJSON_Delete(json);
	}
	assert_false(key_texts_read(NULL, &key));
	buf_free(&key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_answers_that_are_none),
		cmocka_unit_test(test_one_column),
		cmocka_unit_test(test_several_columns),
		cmocka_unit_test(test_char),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_without_a_key),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
