/*
 * test_encode.c
 *		Changes to messages: images, keys, key changes, values that are missing
 *		or cannot be said, encodings, malformed rows.  Every message is read
 *		back by libavro and compared by verify.c.
 */
#include "planned.h"

#include "verify.h"

#define NOT_NULL WIRE_COLUMN_NOT_NULL
#define VALUE WIRE_STATE_VALUE
#define NIL WIRE_STATE_NULL

static struct err          e;
static struct encode_stats stats;
static struct format       fmt;
static struct outgoing     out[ENCODE_MAX_OUT];
static unsigned            nout;
static struct stamp        stamp;
static struct buf          old_tuple;
static struct buf          new_tuple;
static struct table       *tbl;
static struct plan        *plan;
static bool                verifying; /* off where a bent row means no value at all */

static int
setup(void **state)
{
	(void) state;
	fmt = planned_format();
	stats = (struct encode_stats){0};
	stamp = (struct stamp){.xid = 571,
						   .commit_us = INT64_C(1717245296789012),
						   .last_commit_lsn = 24023128};
	verifying = true;
	buf_reset(&old_tuple);
	buf_reset(&new_tuple);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	plan_free(plan);
	table_free(tbl);
	plan = NULL;
	tbl = NULL;
	return 0;
}

static void
plan_for(struct table *described)
{
	tbl = described;
	plan = planned_plan(tbl, &fmt, &stats);
}

static enum rc
encode_longs(int kind, int old_kind, const struct str *longs, uint32_t nlongs)
{
	struct change chg = {.kind = (enum wire_kind) kind,
						 .old_kind = (enum wire_old) old_kind,
						 .lsn = 24023400,
						 .longs = longs,
						 .nlongs = nlongs};
	uint8_t      *exact_old = unit_exact(old_tuple.data, old_tuple.len);
	uint8_t      *exact_new = unit_exact(new_tuple.data, new_tuple.len);
	enum rc       rc;

	chg.old_tuple = cursor_over(exact_old, old_tuple.len);
	chg.new_tuple = cursor_over(exact_new, new_tuple.len);
	rc = encode_change(plan, &chg, &stamp, INT64_C(1717245296999123456), out, &nout, &e);
	if (rc == RC_OK && verifying)
		assert_rc_ok(verify_outgoing(plan, &chg, out, nout, &e));
	free(exact_old);
	free(exact_new);
	return rc;
}

static enum rc
encode(int kind, int old_kind)
{
	return encode_longs(kind, old_kind, NULL, 0);
}

/* id int primary key, v text, n int not null default 7 */
static struct column plain[] = {
	COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
	COLUMN("v", WIRE_FORM_TEXT, 25, "text", -1, 0),
	{.name = "n",
	 .form = WIRE_FORM_INT,
	 .flags = NOT_NULL,
	 .type = {23, -1, "pg_catalog", "int4"},
	 .default_text = "7"},
};

static void
plain_row(struct buf *tuple, int id, const char *v, int n)
{
	const uint8_t states[] = {VALUE, v ? VALUE : NIL, VALUE};

	buf_reset(tuple);
	fb_tuple(tuple, states, 3);
	fb_sv(tuple, id);
	if (v)
		fb_str(tuple, v);
	fb_sv(tuple, n);
}

static void
plain_key(struct buf *tuple, int id)
{
	buf_reset(tuple);
	fb_tuple(tuple, (const uint8_t[]){VALUE}, 1);
	fb_sv(tuple, id);
}

static void
test_envelope(void **state)
{
	char *json;

	(void) state;
	plan_for(planned_table_pk(plain, 3));
	plain_row(&new_tuple, 1, "one", 3);
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	assert_int_equal(nout, 1);
	assert_key(plan, out[0].key, "{\"id\":1}");
	json = planned_json(plan, SIDE_VALUE, out[0].value);
	assert_string_equal(
		json, "{\"before\":null,\"after\":{\"id\":1,\"v\":\"one\",\"n\":3},\"source\":{\"version\":"
			  "\"1.2.3\",\"connector\":\"postgresql\",\"name\":\"shop\",\"ts_ms\":1717245296789,"
			  "\"snapshot\":\"false\",\"db\":\"shopdb\",\"sequence\":\"[\\\"24023128\\\","
			  "\\\"24023400\\\"]\","
			  "\"ts_us\":1717245296789012,\"ts_ns\":1717245296789012000,\"schema\":\"public\","
			  "\"table\":\"t\",\"txId\":571,\"lsn\":24023400,\"xmin\":null},\"transaction\":null,"
			  "\"op\":\"c\",\"ts_ms\":1717245296999,\"ts_us\":1717245296999123,"
			  "\"ts_ns\":1717245296999123456}");
	free(json);
	assert_int_equal(out[0].nheaders, 0);
}

/* What is kept between rows must not outlive what it was made from. */
static void
test_stamps(void **state)
{
	char *source;

	(void) state;
	plan_for(planned_table_pk(plain, 3));
	plain_row(&new_tuple, 1, "one", 3);
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	stamp = (struct stamp){.xid = 4294967295, .commit_us = -1, .last_commit_lsn = 0};
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	source = planned_member(plan, out[0].value, "source");
	assert_non_null(strstr(source, "\"ts_ms\":-1,"));
	assert_non_null(strstr(source, "\"ts_us\":-1,\"ts_ns\":-1000,"));
	assert_non_null(strstr(source, "\"txId\":4294967295,"));
	assert_non_null(strstr(source, "\"sequence\":\"[null,\\\"24023400\\\"]\""));
	free(source);
	stamp.last_commit_lsn = UINT64_MAX;
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	source = planned_member(plan, out[0].value, "source");
	assert_non_null(strstr(source, "[\\\"18446744073709551615\\\",\\\"24023400\\\"]"));
	free(source);
}

/* Plans of one workspace are where others were before, in the same transaction. */
static void
test_shared_workspace(void **state)
{
	struct table *named[2] = {planned_table_pk(plain, 3), planned_table_pk(plain, 3)};

	(void) state;
	named[0]->name = "even";
	named[1]->name = "uneven";
	fmt.work = workspace_new();
	plain_row(&new_tuple, 1, "x", 2);
	verifying = false; /* whose memory would come between */
	for (int i = 0; i < 100; i++)
	{
		char *source;

		plan = planned_plan(named[i % 2], &fmt, &stats);
		assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
		if (i >= 98)
		{
			source = planned_member(plan, out[0].value, "source");
			assert_non_null(strstr(source, i % 2 ? "\"uneven\"" : "\"even\""));
			free(source);
		}
		plan_free(plan);
		plan = NULL;
	}
	workspace_free(fmt.work);
	table_free(named[0]);
	table_free(named[1]);
}

static void
test_update_without_old(void **state)
{
	(void) state;
	plan_for(planned_table_pk(plain, 3));
	plain_row(&new_tuple, 1, NULL, 3);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_NONE));
	assert_int_equal(nout, 1);
	assert_member(plan, out[0].value, "op", "\"u\"");
	assert_member(plan, out[0].value, "before", "null");
	assert_member(plan, out[0].value, "after", "{\"id\":1,\"v\":null,\"n\":3}");
}

static void
test_update_full(void **state)
{
	(void) state;
	plan_for(planned_table_pk(plain, 3));
	plain_row(&old_tuple, 1, "a", 3);
	plain_row(&new_tuple, 1, "b", 4);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_FULL));
	assert_int_equal(nout, 1);
	assert_member(plan, out[0].value, "op", "\"u\"");
	assert_member(plan, out[0].value, "before", "{\"id\":1,\"v\":\"a\",\"n\":3}");
	assert_member(plan, out[0].value, "after", "{\"id\":1,\"v\":\"b\",\"n\":4}");
}

static void
test_delete(void **state)
{
	(void) state;
	plan_for(planned_table_pk(plain, 3));
	plain_key(&old_tuple, 9);
	assert_rc_ok(encode(WIRE_DELETE, WIRE_OLD_KEY));
	assert_int_equal(nout, 2);
	assert_member(plan, out[0].value, "op", "\"d\"");
	assert_member(plan, out[0].value, "before", "{\"id\":9,\"v\":null,\"n\":7}");
	assert_member(plan, out[0].value, "after", "null");
	assert_key(plan, out[0].key, "{\"id\":9}");
	assert_key(plan, out[1].key, "{\"id\":9}");
	assert_true(out[1].has_key);
	assert_false(out[1].has_value);
	assert_int_equal(stats.unavailable, 0);
	teardown(NULL);

	fmt.tombstones = false;
	plan_for(planned_table_pk(plain, 3));
	assert_rc_ok(encode(WIRE_DELETE, WIRE_OLD_KEY));
	assert_int_equal(nout, 1);
}

static void
test_delete_unknown(void **state)
{
	(void) state;
	plan_for(planned_table_pk(plain, 3));
	assert_rc_ok(encode(WIRE_DELETE, WIRE_OLD_NONE));
	assert_int_equal(nout, 0);
	assert_int_equal(stats.skipped, 1);
}

static void
test_key_change(void **state)
{
	(void) state;
	plan_for(planned_table_pk(plain, 3));
	plain_key(&old_tuple, 1);
	plain_row(&new_tuple, 10, "uno", 3);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_KEY));
	assert_int_equal(nout, 3);
	assert_key(plan, out[0].key, "{\"id\":1}");
	assert_member(plan, out[0].value, "op", "\"d\"");
	assert_member(plan, out[0].value, "before", "{\"id\":1,\"v\":null,\"n\":7}");
	assert_member(plan, out[0].value, "after", "null");
	assert_string_equal(out[0].headers[0].name, "__debezium.newkey");
	assert_str_is(out[0].headers[0].value, "{\"id\":10}");
	assert_key(plan, out[1].key, "{\"id\":1}");
	assert_false(out[1].has_value);
	assert_string_equal(out[1].headers[0].name, "__debezium.newkey");
	assert_str_is(out[1].headers[0].value, "{\"id\":10}");
	assert_key(plan, out[2].key, "{\"id\":10}");
	assert_member(plan, out[2].value, "op", "\"c\"");
	assert_member(plan, out[2].value, "before", "null");
	assert_member(plan, out[2].value, "after", "{\"id\":10,\"v\":\"uno\",\"n\":3}");
	assert_string_equal(out[2].headers[0].name, "__debezium.oldkey");
	assert_str_is(out[2].headers[0].value, "{\"id\":1}");

	/* An old key that is the same makes a plain update. */
	plain_key(&old_tuple, 10);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_KEY));
	assert_int_equal(nout, 1);
	assert_member(plan, out[0].value, "op", "\"u\"");
	teardown(NULL);

	fmt.tombstones = false;
	plan_for(planned_table_pk(plain, 3));
	plain_key(&old_tuple, 1);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_KEY));
	assert_int_equal(nout, 2);
	assert_string_equal(out[0].headers[0].name, "__debezium.newkey");
	assert_string_equal(out[1].headers[0].name, "__debezium.oldkey");
}

/* Keys are in the index's order, not the table's. */
static void
test_key_order(void **state)
{
	static const uint32_t key[] = {1, 0};
	struct column         columns[] = {
				COLUMN("a", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
				COLUMN("b", WIRE_FORM_TEXT, 25, "text", -1, NOT_NULL),
    };

	(void) state;
	plan_for(planned_table(columns, 2, 'd', WIRE_KEY_PRIMARY, key, 2, key, 2));
	assert_string_equal(plan_schema(plan, SIDE_KEY),
						"{\"type\":\"record\",\"name\":\"Key\",\"namespace\":\"shop.public.t\","
						"\"fields\":[{\"name\":\"b\",\"type\":\"string\"},{\"name\":\"a\",\"type\":"
						"\"int\"}],\"connect.name\":\"shop.public.t.Key\"}");
	fb_tuple(&old_tuple, (const uint8_t[]){VALUE, VALUE}, 2);
	fb_sv(&old_tuple, 1);
	fb_str(&old_tuple, "x\"y\\");
	fb_tuple(&new_tuple, (const uint8_t[]){VALUE, VALUE}, 2);
	fb_sv(&new_tuple, 2);
	fb_str(&new_tuple, "x");
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_KEY));
	assert_int_equal(nout, 3);
	assert_key(plan, out[0].key, "{\"b\":\"x\\\"y\\\\\",\"a\":1}");
	assert_str_is(out[0].headers[0].value, "{\"b\":\"x\",\"a\":2}");
	assert_str_is(out[2].headers[0].value, "{\"b\":\"x\\\"y\\\\\",\"a\":1}");
}

/* Identity by an index that does not hold the primary key: the key is that index. */
static void
test_identity_index(void **state)
{
	static const uint32_t primary[] = {0};
	static const uint32_t index[] = {1};
	static const uint32_t both[] = {1, 0};
	struct column         columns[] = {
				COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
				COLUMN("code", WIRE_FORM_TEXT, 25, "text", -1, NOT_NULL),
    };

	(void) state;
	plan_for(planned_table(columns, 2, 'i', WIRE_KEY_PRIMARY, primary, 1, index, 1));
	fb_tuple(&old_tuple, (const uint8_t[]){VALUE}, 1);
	fb_str(&old_tuple, "c1");
	assert_rc_ok(encode(WIRE_DELETE, WIRE_OLD_KEY));
	assert_key(plan, out[0].key, "{\"code\":\"c1\"}");
	assert_member(plan, out[0].value, "before", "{\"id\":0,\"code\":\"c1\"}");
	teardown(NULL);

	/* It does: the primary key stays, and a change of the rest of the index is no key change. */
	plan_for(planned_table(columns, 2, 'i', WIRE_KEY_PRIMARY, primary, 1, both, 2));
	buf_reset(&old_tuple);
	fb_tuple(&old_tuple, (const uint8_t[]){VALUE, VALUE}, 2);
	fb_sv(&old_tuple, 5);
	fb_str(&old_tuple, "c1");
	fb_tuple(&new_tuple, (const uint8_t[]){VALUE, VALUE}, 2);
	fb_sv(&new_tuple, 5);
	fb_str(&new_tuple, "c2");
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_KEY));
	assert_int_equal(nout, 1);
	assert_key(plan, out[0].key, "{\"id\":5}");
	assert_member(plan, out[0].value, "op", "\"u\"");
	assert_member(plan, out[0].value, "before", "{\"id\":5,\"code\":\"c1\"}");
}

/* A unique index may have NULLs: the key's fields are nullable then. */
static void
test_unique_key(void **state)
{
	static const uint32_t unique[] = {1};

	(void) state;
	plan_for(planned_table(plain, 3, 'f', WIRE_KEY_UNIQUE, unique, 1, NULL, 0));
	assert_non_null(strstr(plan_schema(plan, SIDE_KEY),
						   "{\"name\":\"v\",\"type\":[\"null\",\"string\"],\"default\":null}"));
	plain_row(&old_tuple, 1, NULL, 3);
	plain_row(&new_tuple, 1, "b", 3);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_FULL));
	assert_int_equal(nout, 3);
	assert_key(plan, out[0].key, "{\"v\":null}");
	assert_str_is(out[2].headers[0].value, "{\"v\":null}");
	assert_str_is(out[0].headers[0].value, "{\"v\":\"b\"}");
}

static void
test_no_key(void **state)
{
	(void) state;
	plan_for(planned_table(plain, 3, 'f', WIRE_KEY_NONE, NULL, 0, NULL, 0));
	assert_null(plan_schema(plan, SIDE_KEY));
	plain_row(&old_tuple, 1, "a", 3);
	plain_row(&new_tuple, 2, "b", 3);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_FULL));
	assert_int_equal(nout, 1);
	assert_false(out[0].has_key);
	assert_member(plan, out[0].value, "op", "\"u\"");
	assert_rc_ok(encode(WIRE_DELETE, WIRE_OLD_FULL));
	assert_int_equal(nout, 2);
	assert_false(out[1].has_key);
	assert_false(out[1].has_value);
}

static struct column toasted[] = {
	COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
	COLUMN("t", WIRE_FORM_TEXT, 25, "text", -1, NOT_NULL),
	COLUMN("b", WIRE_FORM_BYTES, 17, "bytea", -1, 0),
	COLUMN("h", WIRE_FORM_TEXT, 17002, "hstore", -1, 0),
	COLUMN("n", WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0),
	COLUMN("bits", WIRE_FORM_TEXT, 1562, "varbit", -1, NOT_NULL),
};

static void
test_unchanged(void **state)
{
	static const uint8_t unchanged[] = {VALUE, 2, 2, 2, 2, 2};
	static const uint8_t values[] = {VALUE, VALUE, VALUE, VALUE, NIL, VALUE};

	(void) state;
	plan_for(planned_table_pk(toasted, 6));
	fb_tuple(&new_tuple, unchanged, 6);
	fb_sv(&new_tuple, 1);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_NONE));
	assert_member(plan, out[0].value, "after",
				  "{\"id\":1,\"t\":\"__debezium_unavailable_value\","
				  "\"b\":\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\","
				  "\"h\":\"{\\\"__debezium_unavailable_value\\\":"
				  "\\\"__debezium_unavailable_value\\\"}\",\"n\":null,\"bits\":\"\"}");
	assert_int_equal(stats.unavailable, 5);

	/* The old row has them. */
	fb_tuple(&old_tuple, values, 6);
	fb_sv(&old_tuple, 1);
	fb_str(&old_tuple, "text");
	fb_bytes(&old_tuple, "\0\1", 2);
	fb_str(&old_tuple, "\"a\"=>\"1\", \"b\"=>NULL");
	fb_str(&old_tuple, "101");
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_FULL));
	assert_int_equal(nout, 1);
	assert_member(plan, out[0].value, "after",
				  "{\"id\":1,\"t\":\"text\",\"b\":\"AAE=\",\"h\":\"{\\\"a\\\":\\\"1\\\","
				  "\\\"b\\\":null}\",\"n\":null,\"bits\":\"BQ==\"}");
	assert_int_equal(stats.unavailable, 5);

	/* The old key does not have those that are not in it. */
	plain_key(&old_tuple, 2);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_KEY));
	assert_int_equal(nout, 3);
	assert_int_equal(stats.unavailable, 10);
	teardown(NULL);

	fmt.placeholder = "hex:4f3f";
	plan_for(planned_table_pk(toasted, 3));
	buf_reset(&new_tuple);
	fb_tuple(&new_tuple, unchanged, 3);
	fb_sv(&new_tuple, 1);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_NONE));
	assert_member(plan, out[0].value, "after", "{\"id\":1,\"t\":\"O?\",\"b\":\"Tz8=\"}");
}

/* A key column that was not touched is taken from the old key; without one it is an error. */
static void
test_unchanged_key(void **state)
{
	static const uint32_t key[] = {0, 1};
	struct column         columns[] = {
				COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
				COLUMN("t", WIRE_FORM_TEXT, 25, "text", -1, NOT_NULL),
    };

	(void) state;
	plan_for(planned_table(columns, 2, 'd', WIRE_KEY_PRIMARY, key, 2, key, 2));
	fb_tuple(&old_tuple, (const uint8_t[]){VALUE, VALUE}, 2);
	fb_sv(&old_tuple, 1);
	fb_str(&old_tuple, "long");
	fb_tuple(&new_tuple, (const uint8_t[]){VALUE, WIRE_STATE_UNCHANGED}, 2);
	fb_sv(&new_tuple, 1);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_KEY));
	assert_int_equal(nout, 1);
	assert_key(plan, out[0].key, "{\"id\":1,\"t\":\"long\"}");
	assert_rc_err(encode(WIRE_UPDATE, WIRE_OLD_NONE), ERR_DATA, E1602);
	assert_int_equal(stats.unavailable, 0);
}

static void
test_long_values(void **state)
{
	static const uint8_t states[] = {VALUE, WIRE_STATE_LONG, WIRE_STATE_LONG};
	const struct str     longs[] = {{"old", 3}, {"o", 1}, {"new", 3}, {"\xff", 1}};

	(void) state;
	plan_for(planned_table_pk(toasted, 3));
	fb_tuple(&old_tuple, states, 3);
	fb_sv(&old_tuple, 1);
	fb_tuple(&new_tuple, states, 3);
	fb_sv(&new_tuple, 1);
	assert_rc_ok(encode_longs(WIRE_UPDATE, WIRE_OLD_FULL, longs, 4));
	assert_member(plan, out[0].value, "before", "{\"id\":1,\"t\":\"old\",\"b\":\"bw==\"}");
	assert_member(plan, out[0].value, "after", "{\"id\":1,\"t\":\"new\",\"b\":\"/w==\"}");
	assert_rc_err(encode_longs(WIRE_UPDATE, WIRE_OLD_FULL, longs, 3), ERR_PROTOCOL, E1404);
	assert_rc_err(encode_longs(WIRE_INSERT, WIRE_OLD_NONE, longs, 3), ERR_PROTOCOL, E1404);
}

/* Bytes that no column uses mean that row and description are not of each other. */
static void
test_leftovers(void **state)
{
	(void) state;
	plan_for(planned_table_pk(plain, 3));
	plain_row(&old_tuple, 1, "a", 3);
	plain_row(&new_tuple, 1, "b", 4);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_FULL));
	buf_put_u8(&new_tuple, 0);
	assert_rc_err(encode(WIRE_UPDATE, WIRE_OLD_FULL), ERR_PROTOCOL, E1404);
	assert_rc_err(encode(WIRE_INSERT, WIRE_OLD_NONE), ERR_PROTOCOL, E1404);
	new_tuple.len--;
	buf_put_u8(&old_tuple, 0);
	assert_rc_err(encode(WIRE_UPDATE, WIRE_OLD_FULL), ERR_PROTOCOL, E1404);
	plain_key(&old_tuple, 1);
	assert_rc_ok(encode(WIRE_DELETE, WIRE_OLD_KEY));
	buf_put_u8(&old_tuple, 0);
	assert_rc_err(encode(WIRE_DELETE, WIRE_OLD_KEY), ERR_PROTOCOL, E1404);
	assert_int_equal(nout, 0);
}

/* A NULL where the schema has none is filled and counted; in a key it is an error. */
static void
test_null_in_not_null(void **state)
{
	static const uint8_t none[] = {VALUE, VALUE, NIL};
	static const uint8_t no_key[] = {NIL, VALUE, VALUE};

	(void) state;
	plan_for(planned_table_pk(plain, 3));
	fb_tuple(&new_tuple, none, 3);
	fb_sv(&new_tuple, 1);
	fb_str(&new_tuple, "a");
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	assert_member(plan, out[0].value, "after", "{\"id\":1,\"v\":\"a\",\"n\":7}");
	assert_int_equal(stats.null_filled, 1);

	/* Neither a NULL that may be, nor a column that an old key does not have. */
	plain_row(&new_tuple, 1, NULL, 3);
	plain_key(&old_tuple, 2);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_KEY));
	assert_int_equal(stats.null_filled, 1);

	buf_reset(&new_tuple);
	fb_tuple(&new_tuple, no_key, 3);
	fb_str(&new_tuple, "a");
	fb_sv(&new_tuple, 3);
	assert_rc_err(encode(WIRE_INSERT, WIRE_OLD_NONE), ERR_DATA, E1602);
	assert_non_null(strstr(e.msg, "\"id\""));
	assert_int_equal(stats.null_filled, 1);
}

static const char *broken_labels[] = {"sad", "\xe9", "\xe8"};

/* Two keys that differ in bytes that are no text must not become the same key. */
static void
test_keys_are_not_repaired(void **state)
{
	static const char *const encodings[] = {"SQL_ASCII", "UTF8", "EUC_JP"};
	static const uint32_t    key[] = {0};
	struct column            columns[] = {
				   COLUMN("id", WIRE_FORM_TEXT, 25, "text", -1, NOT_NULL),
				   COLUMN("v", WIRE_FORM_TEXT, 25, "text", -1, 0),
    };
	struct column moods[] = {
		COLUMN("mood", WIRE_FORM_ENUM, 17010, "mood", -1, NOT_NULL | WIRE_COLUMN_ENUM),
	};
	struct column pairs[] = {COLUMN("h", WIRE_FORM_TEXT, 17002, "hstore", -1, NOT_NULL)};

	(void) state;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
	{
		fmt.encoding = encodings[i];
		plan_for(planned_table(columns, 2, 'd', WIRE_KEY_PRIMARY, key, 1, key, 1));
		buf_reset(&new_tuple);
		fb_tuple(&new_tuple, (const uint8_t[]){VALUE, VALUE}, 2);
		fb_str(&new_tuple, "good");
		fb_str(&new_tuple, "bad \xff");
		assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
		assert_key(plan, out[0].key, "{\"id\":\"good\"}");
		buf_reset(&new_tuple);
		fb_tuple(&new_tuple, (const uint8_t[]){VALUE, VALUE}, 2);
		fb_str(&new_tuple, "bad \xff");
		fb_str(&new_tuple, "good");
		assert_rc_err(encode(WIRE_INSERT, WIRE_OLD_NONE), ERR_DATA, E1602);
		assert_non_null(strstr(e.msg, "\"id\""));
		assert_null(strstr(e.detail, "bad"));
		assert_true(e.hint[0] != '\0');
		teardown(NULL);
	}

	fmt.encoding = "SQL_ASCII";
	moods[0].labels = broken_labels;
	moods[0].nlabels = 3;
	plan_for(planned_table_pk(moods, 1));
	for (uint64_t label = 0; label < 3; label++)
	{
		buf_reset(&new_tuple);
		fb_tuple(&new_tuple, (const uint8_t[]){VALUE}, 1);
		fb_uv(&new_tuple, label);
		if (label == 0)
			assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
		else
			assert_rc_err(encode(WIRE_INSERT, WIRE_OLD_NONE), ERR_DATA, E1602);
	}
	teardown(NULL);

	plan_for(planned_table_pk(pairs, 1));
	buf_reset(&new_tuple);
	fb_tuple(&new_tuple, (const uint8_t[]){VALUE}, 1);
	fb_str(&new_tuple, "\"a\"=>\"\xff\"");
	assert_rc_err(encode(WIRE_INSERT, WIRE_OLD_NONE), ERR_DATA, E1602);
}

static const char *labels[] = {"sad", "ok"};

static void
test_odd_states(void **state)
{
	struct column columns[] = {
		COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
		COLUMN("mood", WIRE_FORM_ENUM, 17010, "mood", -1, WIRE_COLUMN_ENUM),
		COLUMN("t", WIRE_FORM_TEXT, 25, "text", -1, NOT_NULL),
		COLUMN("i", WIRE_FORM_INT, 23, "int4", -1, 0),
	};
	static const uint8_t states[] = {VALUE, WIRE_STATE_TEXT, WIRE_STATE_UNSENDABLE, VALUE};

	(void) state;
	columns[1].labels = labels;
	columns[1].nlabels = 2;
	plan_for(planned_table_pk(columns, 4));
	fb_tuple(&new_tuple, states, 4);
	fb_sv(&new_tuple, 1);
	fb_str(&new_tuple, "brand new");
	fb_sv(&new_tuple, -5);
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	assert_member(plan, out[0].value, "after",
				  "{\"id\":1,\"mood\":\"brand new\",\"t\":\"\",\"i\":-5}");
	assert_int_equal(stats.unsendable, 1);

	buf_reset(&new_tuple);
	fb_tuple(&new_tuple, (const uint8_t[]){VALUE, VALUE, VALUE, NIL}, 4);
	fb_sv(&new_tuple, 1);
	fb_uv(&new_tuple, 1);
	fb_str(&new_tuple, "");
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	assert_member(plan, out[0].value, "after", "{\"id\":1,\"mood\":\"ok\",\"t\":\"\",\"i\":null}");

	new_tuple.data[new_tuple.len - 2] = 2; /* a label that there is not */
	assert_rc_err(encode(WIRE_INSERT, WIRE_OLD_NONE), ERR_PROTOCOL, E1404);
}

static struct column hard[] = {
	COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
	COLUMN("n", WIRE_FORM_NUMERIC, 1700, "numeric", (10 << 16 | 2) + 4, 0),
	COLUMN("v", WIRE_FORM_NUMERIC, 1700, "numeric", -1, NOT_NULL),
	COLUMN("ts", WIRE_FORM_INT64, 1114, "timestamp", -1, NOT_NULL),
	COLUMN("iv", WIRE_FORM_INTERVAL, 1186, "interval", -1, 0),
	COLUMN("d", WIRE_FORM_INT, 1082, "date", -1, 0),
};

/* The rule for values that cannot be said: NULL, else the filler, and counted. */
static void
test_unsaid(void **state)
{
	static const uint8_t states[6] = {0};

	(void) state;
	plan_for(planned_table_pk(hard, 6));
	fb_tuple(&new_tuple, states, 6);
	fb_sv(&new_tuple, 1);
	fb_numeric(&new_tuple, 'n', 0, 0, 0, NULL);
	fb_numeric(&new_tuple, 'i', 0, 0, 0, NULL);
	fb_u64(&new_tuple, INT64_MAX - 1);
	fb_interval(&new_tuple, INT64_MAX, INT32_MAX, INT32_MAX);
	fb_sv(&new_tuple, INT32_MIN);
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	assert_member(plan, out[0].value, "after",
				  "{\"id\":1,\"n\":null,\"v\":{\"scale\":0,\"value\":\"AA==\"},\"ts\":0,"
				  "\"iv\":null,\"d\":-2147483648}");
	assert_int_equal(stats.special, 3); /* the last interval is PostgreSQL 17's infinity */
	assert_int_equal(stats.out_of_range, 1);
	teardown(NULL);

	/* In a key it is an error, which names the column and not the value. */
	hard[2].flags |= WIRE_COLUMN_PRIMARY;
	plan_for(planned_table(hard, 6, 'd', WIRE_KEY_PRIMARY, (const uint32_t[]){2}, 1,
						   (const uint32_t[]){2}, 1));
	assert_rc_err(encode(WIRE_INSERT, WIRE_OLD_NONE), ERR_DATA, E1602);
	assert_non_null(strstr(e.msg, "\"v\""));
	assert_null(strstr(e.detail, "nfinity"));
}

/* Columns of types that are left out are passed over, wherever they are. */
static void
test_left_out(void **state)
{
	struct column columns[] = {
		COLUMN("lsn", WIRE_FORM_TEXT, 3220, "pg_lsn", -1, NOT_NULL),
		COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
		COLUMN("g", WIRE_FORM_INT, 20, "int8", -1, WIRE_COLUMN_GENERATED),
		COLUMN("p", WIRE_FORM_TEXT, 17030, "pair", -1, WIRE_COLUMN_COMPOSITE),
		COLUMN("v", WIRE_FORM_TEXT, 25, "text", -1, 0),
		COLUMN("q", WIRE_FORM_TEXT, 3615, "tsquery", -1, 0),
	};
	static const uint8_t  states[] = {VALUE,           VALUE, VALUE,
									  WIRE_STATE_LONG, VALUE, WIRE_STATE_UNCHANGED};
	const struct str      longs[] = {{"(1,2)", 5}};
	static const uint32_t key[] = {1};
	static const uint32_t odd_key[] = {0};

	(void) state;
	plan_for(planned_table(columns, 6, 'd', WIRE_KEY_PRIMARY, key, 1, key, 1));
	fb_tuple(&new_tuple, states, 6);
	fb_str(&new_tuple, "0/1");
	fb_sv(&new_tuple, 1);
	fb_sv(&new_tuple, 99);
	fb_str(&new_tuple, "v");
	assert_rc_ok(encode_longs(WIRE_INSERT, WIRE_OLD_NONE, longs, 1));
	assert_member(plan, out[0].value, "after", "{\"id\":1,\"v\":\"v\"}");
	assert_int_equal(stats.unavailable, 0);
	teardown(NULL);

	/* One that is in the key is not left out: rows must stay apart. */
	plan_for(planned_table(columns, 6, 'd', WIRE_KEY_PRIMARY, odd_key, 1, odd_key, 1));
	assert_rc_ok(encode_longs(WIRE_INSERT, WIRE_OLD_NONE, longs, 1));
	assert_key(plan, out[0].key, "{\"lsn\":\"0/1\"}");
	assert_member(plan, out[0].value, "after", "{\"lsn\":\"0/1\",\"id\":1,\"v\":\"v\"}");
}

/* Headers show every kind of key. */
static void
test_header_values(void **state)
{
	static const uint32_t key[] = {0, 1, 2, 3, 4, 5, 6, 7};
	struct column         columns[] = {
				COLUMN("b", WIRE_FORM_BOOL, 16, "bool", -1, NOT_NULL),
				COLUMN("i", WIRE_FORM_INT, 20, "int8", -1, NOT_NULL),
				COLUMN("n", WIRE_FORM_NUMERIC, 1700, "numeric", (10 << 16 | 2) + 4, NOT_NULL),
				COLUMN("v", WIRE_FORM_NUMERIC, 1700, "numeric", -1, NOT_NULL),
				COLUMN("y", WIRE_FORM_BYTES, 17, "bytea", -1, NOT_NULL),
				COLUMN("f", WIRE_FORM_FLOAT8, 701, "float8", -1, NOT_NULL),
				COLUMN("g", WIRE_FORM_FLOAT4, 700, "float4", -1, NOT_NULL),
				COLUMN("u", WIRE_FORM_UUID, 2950, "uuid", -1, NOT_NULL),
    };
	static const uint8_t  states[8] = {0};
	static const uint16_t digits[] = {12, 3400};

	(void) state;
	plan_for(planned_table(columns, 8, 'd', WIRE_KEY_PRIMARY, key, 8, key, 8));
	for (int which = 0; which < 2; which++)
	{
		struct buf *tuple = which ? &new_tuple : &old_tuple;

		fb_tuple(tuple, states, 8);
		buf_put_u8(tuple, 1);
		fb_sv(tuple, which ? INT64_MIN : 3);
		fb_numeric(tuple, '-', 2, 0, 2, digits);
		fb_numeric(tuple, '+', 2, 0, 2, digits);
		fb_bytes(tuple, "\1\2", 2);
		fb_float8(tuple, 0.5);
		fb_float4(tuple, 0.1f);
		buf_put(tuple, "\x76\x01\x9d\x1a\xad\x2e\x4b\x22\x96\xe9\x1a\x6d\x65\x43\xc8\x18", 16);
	}
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_FULL));
	assert_int_equal(nout, 3);
	assert_str_is(out[0].headers[0].value,
				  "{\"b\":true,\"i\":-9223372036854775808,\"n\":-12.34,\"v\":{\"scale\":2,"
				  "\"value\":\"BNI=\"},\"y\":\"AQI=\",\"f\":0.5,\"g\":0.1,"
				  "\"u\":\"76019d1a-ad2e-4b22-96e9-1a6d6543c818\"}");
}

static void
insert_text(const char *text, const char *expected_after)
{
	plain_row(&new_tuple, 1, text, 3);
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	assert_member(plan, out[0].value, "after", expected_after);
}

static void
test_encodings(void **state)
{
	(void) state;
	fmt.encoding = "LATIN1";
	plan_for(planned_table_pk(plain, 3));
	insert_text("\xe9t\xe9", "{\"id\":1,\"v\":\"\xc3\xa9t\xc3\xa9\",\"n\":3}");
	assert_int_equal(stats.replaced, 0);
	teardown(NULL);

	fmt.encoding = "EUC_JP";
	plan_for(planned_table_pk(plain, 3));
	insert_text("\xc6\xfc\xcb\xdc", "{\"id\":1,\"v\":\"\xe6\x97\xa5\xe6\x9c\xac\",\"n\":3}");
	insert_text("a\xff"
				"b",
				"{\"id\":1,\"v\":\"a\xef\xbf\xbd"
				"b\",\"n\":3}");
	insert_text("a\xc6", "{\"id\":1,\"v\":\"a\xef\xbf\xbd\",\"n\":3}");
	assert_true(stats.replaced >= 2);
	teardown(NULL);

	stats.replaced = 0;
	fmt.encoding = "SQL_ASCII";
	plan_for(planned_table_pk(plain, 3));
	insert_text("\xc3\xa9", "{\"id\":1,\"v\":\"\xc3\xa9\",\"n\":3}");
	assert_int_equal(stats.replaced, 0);
	insert_text("12345678\xe9tail of it",
				"{\"id\":1,\"v\":\"12345678\xef\xbf\xbdtail of it\",\"n\":3}");
	insert_text("\xed\xa0\x80", /* half a surrogate pair is no character */
				"{\"id\":1,\"v\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"n\":3}");
	assert_true(stats.replaced >= 2);
	teardown(NULL);

	fmt.encoding = "MULE_INTERNAL";
	tbl = planned_table_pk(plain, 3);
	assert_rc_err(plan_new(tbl, &fmt, &stats, "shop.public.t", &plan, &e), ERR_CONFIG, E1601);
	plan = NULL;
}

/* Names and labels are in the server's encoding too. */
static void
test_encoded_names(void **state)
{
	struct column columns[] = {
		COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
		COLUMN("caf\xe9", WIRE_FORM_ENUM, 17010, "mood", -1, WIRE_COLUMN_ENUM),
	};
	static const char *latin[] = {"\xe9"};

	(void) state;
	columns[1].labels = latin;
	columns[1].nlabels = 1;
	fmt.encoding = "LATIN1";
	fmt.field_names = ADJUST_AVRO_UNICODE;
	plan_for(planned_table_pk(columns, 2));
	assert_non_null(strstr(plan_schema(plan, SIDE_VALUE), "{\"name\":\"caf_uffc3_uffa9\","));
	assert_non_null(strstr(plan_schema(plan, SIDE_VALUE), "{\"allowed\":\"\xc3\xa9\"}"));
	fb_tuple(&new_tuple, (const uint8_t[]){VALUE, VALUE}, 2);
	fb_sv(&new_tuple, 1);
	fb_uv(&new_tuple, 0);
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	assert_member(plan, out[0].value, "after", "{\"id\":1,\"caf_uffc3_uffa9\":\"\xc3\xa9\"}");
}

static void
test_colliding_names(void **state)
{
	struct column columns[] = {
		COLUMN("a-b", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
		COLUMN("a_b", WIRE_FORM_INT, 23, "int4", -1, 0),
	};

	(void) state;
	tbl = planned_table_pk(columns, 2);
	assert_rc_err(plan_new(tbl, &fmt, &stats, "shop.public.t", &plan, &e), ERR_CONFIG, E1605);
	assert_non_null(strstr(e.msg, "\"a-b\""));
	assert_true(e.hint[0] != '\0');
	fmt.field_names = ADJUST_AVRO_UNICODE;
	plan = planned_plan(tbl, &fmt, &stats);
}

/* A row cut at any byte, or with any byte bent, is refused or encoded as valid Avro. */
static void
test_malformed(void **state)
{
	static const uint8_t  states[6] = {0};
	struct buf            whole = {0};
	static const uint16_t digits[] = {12, 3400};

	(void) state;
	hard[2].flags &= (uint16_t) ~WIRE_COLUMN_PRIMARY;
	plan_for(planned_table_pk(hard, 6));
	fb_tuple(&whole, states, 6);
	fb_sv(&whole, 1);
	fb_numeric(&whole, '+', 2, 0, 2, digits);
	fb_numeric(&whole, '-', 2, 0, 2, digits);
	fb_u64(&whole, 5);
	fb_interval(&whole, 1, 2, 3);
	fb_sv(&whole, 7);
	for (size_t len = 0; len < whole.len; len++)
	{
		buf_reset(&new_tuple);
		buf_put(&new_tuple, whole.data, len);
		assert_rc_err(encode(WIRE_INSERT, WIRE_OLD_NONE), ERR_PROTOCOL, E1404);
	}
	verifying = false;
	for (size_t at = 0; at < whole.len; at++)
		for (int bit = 0; bit < 8; bit++)
		{
			buf_reset(&new_tuple);
			buf_put(&new_tuple, whole.data, whole.len);
			new_tuple.data[at] ^= (uint8_t) (1 << bit);
			if (encode(WIRE_INSERT, WIRE_OLD_NONE) == RC_OK)
				free(planned_json(plan, SIDE_VALUE, out[0].value));
		}
	buf_free(&whole);
}

/* int2, int4 and int8 are copied as varints: what is too long for the type is refused. */
static void
test_integer_limits(void **state)
{
	static const int64_t values[] = {0,
									 -1,
									 1,
									 INT16_MAX,
									 INT16_MIN,
									 INT16_MAX + 1,
									 INT16_MIN - 1,
									 INT32_MAX,
									 INT32_MIN,
									 (int64_t) INT32_MAX + 1,
									 (int64_t) INT32_MIN - 1,
									 INT64_MAX,
									 INT64_MIN};
	static const struct
	{
		uint32_t    oid;
		const char *name;
		int64_t     min;
		int64_t     max;
	} types[] = {{21, "int2", INT16_MIN, INT16_MAX},
				 {23, "int4", INT32_MIN, INT32_MAX},
				 {20, "int8", INT64_MIN, INT64_MAX}};

	(void) state;
	for (int t = 0; t < 3; t++)
	{
		struct column columns[] = {
			COLUMN("id", WIRE_FORM_INT, types[t].oid, types[t].name, -1, NOT_NULL)};

		plan_for(planned_table_pk(columns, 1));
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		{
			char expected[64];

			buf_reset(&new_tuple);
			fb_tuple(&new_tuple, (const uint8_t[]){VALUE}, 1);
			fb_sv(&new_tuple, values[i]);
			if (values[i] < types[t].min || values[i] > types[t].max)
			{
				assert_rc_err(encode(WIRE_INSERT, WIRE_OLD_NONE), ERR_PROTOCOL, E1404);
				continue;
			}
			assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
			snprintf(expected, sizeof(expected), "{\"id\":%lld}", (long long) values[i]);
			assert_key(plan, out[0].key, expected);
		}
		teardown(NULL);
	}
}

static void
test_truncate(void **state)
{
	struct truncate trunc = {.lsn = 77};

	(void) state;
	plan_for(planned_table_pk(plain, 3));
	assert_rc_ok(encode_truncate(plan, &trunc, &stamp, 1, out, &nout, &e));
	assert_int_equal(nout, 0);
	teardown(NULL);
	fmt.truncates = true;
	plan_for(planned_table_pk(plain, 3));
	assert_rc_ok(encode_truncate(plan, &trunc, &stamp, 1, out, &nout, &e));
	assert_int_equal(nout, 1);
	assert_false(out[0].has_key);
	assert_member(plan, out[0].value, "op", "\"t\"");
	assert_member(plan, out[0].value, "before", "null");
	assert_member(plan, out[0].value, "after", "null");
}

static void
test_message(void **state)
{
	struct message msg = {.transactional = false,
						  .lsn = 88,
						  .prefix = {"caf\xe9", 4},
						  .content = {"\0\xff", 2}};
	char          *json;

	(void) state;
	fmt.encoding = "LATIN1";
	assert_rc_ok(plan_new_message(&fmt, &stats, "shop.message", &plan, &e));
	plan_set_prefix(plan, SIDE_KEY, planned_prefix, sizeof(planned_prefix));
	plan_set_prefix(plan, SIDE_VALUE, planned_prefix, sizeof(planned_prefix));
	stamp.xid = 0;
	assert_rc_ok(encode_message(plan, &msg, &stamp, INT64_C(1717245296999123456), out, &nout, &e));
	assert_int_equal(nout, 1);
	assert_key(plan, out[0].key, "{\"prefix\":\"caf\xc3\xa9\"}");
	json = planned_json(plan, SIDE_VALUE, out[0].value);
	assert_non_null(strstr(json, "{\"op\":\"m\",\"ts_ms\":1717245296999,\"source\":{"));
	assert_non_null(strstr(json, "\"schema\":\"\",\"table\":\"\",\"txId\":null,\"lsn\":88,"));
	assert_non_null(strstr(json, "\"transaction\":null,\"message\":{\"prefix\":\"caf\xc3\xa9\","
								 "\"content\":\"AP8=\"}}"));
	assert_non_null(
		strstr(json, "\"ts_ms\":1717245296789,\"snapshot\"")); /* the transaction before */
	free(json);

	/* No transaction before: now. */
	stamp.commit_us = 0;
	assert_rc_ok(encode_message(plan, &msg, &stamp, INT64_C(1717245296999123456), out, &nout, &e));
	json = planned_json(plan, SIDE_VALUE, out[0].value);
	assert_non_null(strstr(json, "\"ts_ms\":1717245296999,\"snapshot\""));
	assert_non_null(strstr(json, "\"ts_us\":1717245296999123,\"ts_ns\":1717245296999123000"));
	free(json);
}

/* verify.c must see what it is for. */
static void
test_verify_notices(void **state)
{
	struct change        chg = {.kind = WIRE_INSERT, .old_kind = WIRE_OLD_NONE, .lsn = 24023400};
	static const uint8_t bent[] = {0, 1, 2, 3, 4, 7, 8, 10, 11, 12, 13};
	struct buf           other = {0};
	unsigned             noticed = 0;

	(void) state;
	plan_for(planned_table_pk(plain, 3));
	plain_row(&new_tuple, 1, "abc", 3);
	assert_rc_ok(encode(WIRE_INSERT, WIRE_OLD_NONE));
	for (int which = 0; which < 4; which++)
	{
		plain_row(&other, which == 0 ? 2 : 1,
				  which == 1   ? "abd"
				  : which == 2 ? NULL
							   : "abc",
				  which == 3 ? 4 : 3);
		chg.new_tuple = cursor_over(other.data, other.len);
		assert_rc_err(verify_outgoing(plan, &chg, out, nout, &e), ERR_FATAL, E1603);
	}
	chg.new_tuple = cursor_over(new_tuple.data, new_tuple.len);
	assert_rc_ok(verify_outgoing(plan, &chg, out, nout, &e));
	/* Any bit of framing, id, union branch, text and n; not of lengths and images' branches,
	 * which make libavro ask for any amount of memory. */
	buf_reset(&other);
	buf_put(&other, out[0].value.data, out[0].value.len);
	out[0].value.data = (const char *) other.data;
	for (size_t i = 0; i < sizeof(bent); i++)
		for (int bit = 0; bit < 8; bit++)
		{
			other.data[bent[i]] ^= (uint8_t) (1 << bit);
			noticed += verify_outgoing(plan, &chg, out, nout, &e) != RC_OK;
			other.data[bent[i]] ^= (uint8_t) (1 << bit);
		}
	assert_int_equal(noticed, sizeof(bent) * 8);
	buf_free(&other);
}

static void
test_wide_prefix(void **state)
{
	static const uint8_t ten[10] = {0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8};

	(void) state;
	plan_for(planned_table_pk(plain, 3));
	plan_set_prefix(plan, SIDE_KEY, ten, 10);
	plan_set_prefix(plan, SIDE_VALUE, ten, 10);
	plain_key(&old_tuple, 1);
	plain_row(&new_tuple, 2, "x", 3);
	assert_rc_ok(encode(WIRE_UPDATE, WIRE_OLD_KEY));
	assert_int_equal(nout, 3);
	for (int i = 0; i < 3; i++)
	{
		assert_memory_equal(out[i].key.data, ten, 10);
		if (out[i].has_value)
			assert_memory_equal(out[i].value.data, ten, 10);
	}
	assert_int_equal(out[0].key.len, 11);
	assert_str_is(out[0].headers[0].value, "{\"id\":2}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Bent data makes libavro ask for absurd lengths; it copes with a refusal. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__lsan_default_suppressions(void);

/* libavro 1.11 forgets what it allocated for input that it then refuses. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libavro";
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_envelope),
		TEST(test_stamps),
		TEST(test_shared_workspace),
		TEST(test_update_without_old),
		TEST(test_update_full),
		TEST(test_delete),
		TEST(test_delete_unknown),
		TEST(test_key_change),
		TEST(test_key_order),
		TEST(test_identity_index),
		TEST(test_unique_key),
		TEST(test_no_key),
		TEST(test_unchanged),
		TEST(test_unchanged_key),
		TEST(test_long_values),
		TEST(test_odd_states),
		TEST(test_unsaid),
		TEST(test_left_out),
		TEST(test_header_values),
		TEST(test_encodings),
		TEST(test_encoded_names),
		TEST(test_colliding_names),
		TEST(test_malformed),
		TEST(test_integer_limits),
		TEST(test_truncate),
		TEST(test_message),
		TEST(test_verify_notices),
		TEST(test_wide_prefix),
		TEST(test_leftovers),
		TEST(test_null_in_not_null),
		TEST(test_keys_are_not_repaired),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_free(&old_tuple);
	buf_free(&new_tuple);
	return failed;
}
