/*
 * test_nested.c
 *		Values that hold others, from their wire form to what libavro reads:
 *		arrays and hstore, as values and in keys.  verify.c compares each with the
 *		row that it came from, and must notice when it is another's.
 */
#include "onecolumn.h"

#include <math.h>

#include "numerals.h"

/* --- arrays: form ---------------------------------------------------------------- */

static const struct column *
ints(void)
{
	static struct column col;

	col = array_of(WIRE_FORM_INT, 23, "int4", -1, 0);
	return &col;
}

static void
test_array_forms(void **state)
{
	const uint32_t three[] = {3};
	const uint32_t two[] = {2, 2};
	const int32_t  from_five[] = {5, 1};

	(void) state;
	plan_column(*ints(), false);
	assert_schema_has(SIDE_VALUE, "{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"array\","
								  "\"items\":[\"null\",\"int\"]}],\"default\":null}");

	list_head(3);
	fb_sv(&body, 1);
	fb_sv(&body, -2);
	fb_sv(&body, INT32_MAX);
	body_value();
	encode_c("[1,-2,2147483647]");

	fb_array_head(&body, 0, NULL, NULL, NULL);
	body_value();
	encode_c("[]");

	fb_array_head(&body, 1, three, (const int32_t[]){1}, (const uint8_t[]){5});
	fb_sv(&body, 7);
	body_value();
	encode_c("[null,7,null]");

	/* Where it begins is lost. */
	fb_array_head(&body, 1, three, from_five, NULL);
	for (int i = 0; i < 3; i++)
		fb_sv(&body, i);
	body_value();
	encode_c("[0,1,2]");
	assert_int_equal(stats.multidimensional, 0);

	fb_array_head(&body, 2, two, from_five, NULL);
	for (int i = 0; i < 4; i++)
		fb_sv(&body, i);
	body_value();
	encode_c("null");
	assert_int_equal(stats.multidimensional, 1);

	buf_reset(&value);
	assert_rc_ok(encode(WIRE_STATE_NULL));
	assert_c("null");
}

static void
test_array_filler(void **state)
{
	struct column  col = *ints();
	const uint32_t two[] = {2, 1};

	(void) state;
	col.flags |= NOT_NULL;
	plan_column(col, false);
	assert_schema_has(SIDE_VALUE, "{\"name\":\"c\",\"type\":{\"type\":\"array\","
								  "\"items\":[\"null\",\"int\"]}}");
	fb_array_head(&body, 2, two, (const int32_t[]){1, 1}, NULL);
	fb_sv(&body, 1);
	fb_sv(&body, 2);
	body_value();
	encode_c("[]");
	assert_int_equal(stats.multidimensional, 1);
}

/* A default of the array is none of its elements'. */
static void
test_array_default(void **state)
{
	struct column col = array_of(WIRE_FORM_TEXT, 25, "text", -1, 0);

	(void) state;
	col.default_text = "'{}'::text[]";
	plan_column(col, false);
	assert_schema_has(SIDE_VALUE, "{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"array\","
								  "\"items\":[\"null\",\"string\"]}],\"default\":null}");
	list_head(1);
	fb_str(&body, "x");
	body_value();
	encode_c("[\"x\"]");
}

/* More than fits into one byte of the count, and of the map. */
static void
test_array_long(void **state)
{
	const uint32_t count = 10000;
	uint8_t        nulls[1250] = {0};
	struct str     longs[1];
	struct buf     tuple = {0};
	struct change  chg;
	struct stamp   stamp = {.xid = 1};

	(void) state;
	plan_column(*ints(), false);
	for (uint32_t i = 0; i < count; i += 3)
		nulls[i / 8] |= (uint8_t) (1 << i % 8);
	buf_reset(&body);
	fb_array_head(&body, 1, &count, (const int32_t[]){1}, nulls);
	for (uint32_t i = 0; i < count; i++)
		if (i % 3 != 0)
			fb_sv(&body, i);
	longs[0] = (struct str){(const char *) body.data, body.len};
	buf_reset(&value);
	chg = row_of(&tuple, WIRE_STATE_LONG);
	chg.new_tuple = cursor_over(tuple.data, tuple.len);
	chg.longs = longs;
	chg.nlongs = 1;
	assert_rc_ok(encode_change(plan, &chg, &stamp, 1, out, &nout, &e));
	assert_rc_ok(verify_outgoing(plan, &chg, out, nout, &e));

	/* Cut off. */
	longs[0].len--;
	assert_rc_err(encode_change(plan, &chg, &stamp, 1, out, &nout, &e), ERR_PROTOCOL, E1404);
	buf_free(&tuple);
}

static void
assert_malformed(void)
{
	body_value();
	assert_rc_err(encode(WIRE_STATE_VALUE), ERR_PROTOCOL, E1404);
}

static void
test_array_malformed(void **state)
{
	const uint32_t two[] = {2};
	const int32_t  one[] = {1};
	struct buf     whole = {0};

	(void) state;
	plan_column(*ints(), false);

	fb_array_head(&whole, 1, two, one, (const uint8_t[]){0});
	fb_sv(&whole, 1);
	fb_sv(&whole, 300);
	for (size_t len = 0; len < whole.len; len++) /* cut off anywhere */
	{
		buf_put(&body, whole.data, len);
		assert_malformed();
	}
	buf_put(&body, whole.data, whole.len); /* one byte more */
	buf_put_u8(&body, 0);
	assert_malformed();
	buf_free(&whole);

	list_head(3); /* more elements than there are */
	fb_sv(&body, 1);
	fb_sv(&body, 2);
	assert_malformed();
	list_head(UINT32_MAX);
	fb_sv(&body, 1);
	assert_malformed();
	buf_put(&body, "\1\2\2\2\1\1", 6); /* a map that is neither there nor not */
	assert_malformed();
	fb_array_head(&body, 1, two, one, (const uint8_t[]){1}); /* a value too many */
	fb_sv(&body, 1);
	fb_sv(&body, 2);
	assert_malformed();
	list_head(0); /* a dimension of nothing */
	assert_malformed();
	list_head(1); /* no int4 */
	fb_sv(&body, INT64_C(1) << 40);
	assert_malformed();

	plan_column(array_of(WIRE_FORM_TEXT, 25, "text", -1, 0), false);
	list_head(1); /* a length past the end */
	fb_uv(&body, 5);
	buf_puts(&body, "abcd");
	assert_malformed();
	assert_int_equal(stats.out_of_range + stats.special + stats.multidimensional, 0);
}

/* --- arrays: elements ------------------------------------------------------------ */

static void
test_array_numbers(void **state)
{
	(void) state;
	plan_column(array_of(WIRE_FORM_BOOL, 16, "bool", -1, 0), false);
	ELEMENTS(2, (buf_put_u8(&body, 1), buf_put_u8(&body, 0)));
	encode_c("[true,false]");

	plan_column(array_of(WIRE_FORM_INT, 21, "int2", -1, 0), false);
	assert_schema_has(SIDE_VALUE, "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"int\","
								  "\"connect.type\":\"int16\"}]}");
	ELEMENTS(2, (fb_sv(&body, -32768), fb_sv(&body, 1)));
	encode_c("[-32768,1]");

	plan_column(array_of(WIRE_FORM_INT, 20, "int8", -1, 0), false);
	ELEMENTS(1, fb_sv(&body, INT64_MIN));
	encode_c("[-9223372036854775808]");

	plan_column(array_of(WIRE_FORM_OID, 26, "oid", -1, 0), false);
	ELEMENTS(1, fb_uv(&body, 4294967295));
	encode_c("[4294967295]");

	plan_column(array_of(WIRE_FORM_FLOAT4, 700, "float4", -1, 0), false);
	ELEMENTS(3, (fb_float4(&body, 1.5F), fb_float4(&body, NAN), fb_float4(&body, -INFINITY)));
	encode_c("[1.5,\"NaN\",\"-Infinity\"]");

	plan_column(array_of(WIRE_FORM_FLOAT8, 701, "float8", -1, 0), false);
	ELEMENTS(2, (fb_float8(&body, 0.1), fb_float8(&body, -0.0)));
	encode_c("[0.1,-0.0]");
}

/* Decimals that cannot be said are NULL and counted, one by one. */
static void
test_array_decimals(void **state)
{
	(void) state;
	plan_column(array_of(WIRE_FORM_NUMERIC, 1700, "numeric", (10 << 16 | 2) + 4, 0), false);
	assert_schema_has(SIDE_VALUE,
					  "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"bytes\",\"scale\":2,"
					  "\"precision\":10,\"connect.version\":1,\"connect.parameters\":{\"scale\":"
					  "\"2\",\"connect.decimal.precision\":\"10\"},\"connect.name\":"
					  "\"org.apache.kafka.connect.data.Decimal\",\"logicalType\":\"decimal\"}]}");
	ELEMENTS(3,
			 (numeral_put(&body, "1.50"), numeral_put(&body, "NaN"), numeral_put(&body, "-2.00")));
	encode_c("[\"AJY=\",null,\"/zg=\"]");
	assert_int_equal(stats.special, 1);

	plan_column(array_of(WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0), false);
	ELEMENTS(3,
			 (numeral_put(&body, "1.5"), numeral_put(&body, "Infinity"), numeral_put(&body, "2")));
	encode_c("[{\"scale\":1,\"value\":\"Dw==\"},null,{\"scale\":0,\"value\":\"Ag==\"}]");
	assert_int_equal(stats.special, 2);

	fmt.decimals = DECIMAL_STRING;
	plan_column(array_of(WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0), false);
	ELEMENTS(2, (numeral_put(&body, "100.00"), numeral_put(&body, "NaN")));
	encode_c("[\"100.00\",\"NAN\"]");

	fmt.decimals = DECIMAL_DOUBLE;
	plan_column(array_of(WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0), false);
	ELEMENTS(2, (numeral_put(&body, "100.25"), numeral_put(&body, "-Infinity")));
	encode_c("[100.25,\"-Infinity\"]");
}

static void
test_array_times(void **state)
{
	const int64_t noon = INT64_C(43200000000);

	(void) state;
	plan_column(array_of(WIRE_FORM_INT, 1082, "date", -1, 0), false);
	ELEMENTS(2, (fb_sv(&body, 0), fb_sv(&body, -10957)));
	encode_c("[10957,0]");

	plan_column(array_of(WIRE_FORM_INT64, 1083, "time", -1, 0), false);
	ELEMENTS(1, fb_u64(&body, (uint64_t) noon));
	encode_c("[43200000000]");

	plan_column(array_of(WIRE_FORM_INT64, 1114, "timestamp", -1, 0), false);
	ELEMENTS(2, (fb_u64(&body, 0), fb_u64(&body, (uint64_t) INT64_MAX - 1)));
	encode_c("[946684800000000,null]");
	assert_int_equal(stats.out_of_range, 1);

	plan_column(array_of(WIRE_FORM_INT64, 1184, "timestamptz", -1, 0), false);
	ELEMENTS(1, fb_u64(&body, 500000));
	encode_c("[\"2000-01-01T00:00:00.500000Z\"]");

	plan_column(array_of(WIRE_FORM_TIMETZ, 1266, "timetz", -1, 0), false);
	ELEMENTS(1, (fb_u64(&body, (uint64_t) noon), fb_u32(&body, 3600)));
	encode_c("[\"13:00:00Z\"]");

	fmt.times = TIME_ISOSTRING;
	plan_column(array_of(WIRE_FORM_INT64, 1114, "timestamp", -1, 0), false);
	ELEMENTS(1, fb_u64(&body, (uint64_t) noon));
	encode_c("[\"2000-01-01T12:00:00Z\"]");

	fmt.times = TIME_NANOSECONDS;
	plan_column(array_of(WIRE_FORM_INT64, 1114, "timestamp", -1, 0), false);
	ELEMENTS(1, fb_u64(&body, 1));
	encode_c("[946684800000001000]");

	fmt.times = TIME_CONNECT;
	plan_column(array_of(WIRE_FORM_INT, 1082, "date", -1, 0), false);
	assert_schema_has(SIDE_VALUE,
					  "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"int\","
					  "\"connect.version\":1,\"connect.name\":"
					  "\"org.apache.kafka.connect.data.Date\",\"logicalType\":\"date\"}]}");
	ELEMENTS(1, fb_sv(&body, 1));
	encode_c("[10958]");
}

static void
test_array_texts(void **state)
{
	static const uint8_t uuid[16] = {0x11, 0x22, [15] = 0xff};

	(void) state;
	plan_column(array_of(WIRE_FORM_TEXT, 25, "text", -1, 0), false);
	ELEMENTS(3, (fb_str(&body, "a\"b"), fb_str(&body, ""), fb_str(&body, "\xc3\xa9")));
	encode_c("[\"a\\\"b\",\"\",\"\xc3\xa9\"]");

	plan_column(array_of(WIRE_FORM_BYTES, 17, "bytea", -1, 0), false);
	ELEMENTS(2, (fb_bytes(&body, "\0\xff", 2), fb_str(&body, "")));
	encode_c("[\"AP8=\",\"\"]");
	fmt.binaries = BINARY_HEX;
	plan_column(array_of(WIRE_FORM_BYTES, 17, "bytea", -1, 0), false);
	ELEMENTS(1, fb_bytes(&body, "\0\xff", 2));
	encode_c("[\"00ff\"]");
	fmt.binaries = BINARY_BASE64_URL_SAFE;
	plan_column(array_of(WIRE_FORM_BYTES, 17, "bytea", -1, 0), false);
	ELEMENTS(2, (fb_bytes(&body, "\xff\xff", 2), fb_bytes(&body, "\xfb\xff\xbf\1", 4)));
	encode_c("[\"__8=\",\"-_-_AQ==\"]");
	fmt.binaries = BINARY_BYTES;

	plan_column(array_of(WIRE_FORM_UUID, 2950, "uuid", -1, 0), false);
	ELEMENTS(1, buf_put(&body, uuid, sizeof(uuid)));
	encode_c("[\"11220000-0000-0000-0000-0000000000ff\"]");

	plan_column(array_of(WIRE_FORM_TEXT, 80000, "hstore", -1, 0), false);
	ELEMENTS(2, (fb_str(&body, "\"a\"=>\"1\""), fb_str(&body, "")));
	encode_c("[\"{\\\"a\\\":\\\"1\\\"}\",\"{}\"]");

	plan_column(array_of(WIRE_FORM_TEXT, 80001, "geometry", -1, 0), false);
	ELEMENTS(2, (fb_str(&body, "010100000000000000000000000000000000000000"),
				 fb_str(&body, "no geometry")));
	encode_c("[{\"wkb\":\"AQEAAAAAAAAAAAAAAAAAAAAAAAAA\",\"srid\":null},null]");
	assert_int_equal(stats.out_of_range, 1);
}

/* Known by their text, not as arrays. */
static void
test_number_lists(void **state)
{
	(void) state;
	plan_column(plain(22, "int2vector", 0), false);
	assert_schema_has(SIDE_VALUE,
					  "{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"array\",\"items\":"
					  "{\"type\":\"int\",\"connect.type\":\"int16\"}}],\"default\":null}");
	expect_text("1 -32768 3", "[1,-32768,3]");
	expect_text("", "[]");
	assert_text_noticed(plain(22, "int2vector", 0), "1 2", "1 3");
	assert_text_noticed(plain(22, "int2vector", 0), "1 2", "1 2 3");
	plan_column(plain(30, "oidvector", 0), false);
	expect_text("4294967295", "[4294967295]");
}

/* Debezium's schema has no NULL among labels: such an array cannot be said. */
static void
test_array_enum(void **state)
{
	const uint32_t two[] = {2};
	struct column  col = array_of(WIRE_FORM_ENUM, 80002, "mood", -1, WIRE_COLUMN_ENUM);

	(void) state;
	plan_column(col, false);
	assert_schema_has(SIDE_VALUE,
					  "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"connect.version\":1,"
					  "\"connect.parameters\":{\"allowed\":\"sad,it's \\\"ok\\\",happy\"},"
					  "\"connect.name\":\"io.debezium.data.Enum\"}}");
	ELEMENTS(2, (fb_uv(&body, 0), fb_uv(&body, 1)));
	encode_c("[\"sad\",\"it's \\\"ok\\\"\"]");

	fb_array_head(&body, 1, two, (const int32_t[]){1}, (const uint8_t[]){2});
	fb_uv(&body, 2);
	body_value();
	encode_c("null");
	assert_int_equal(stats.multidimensional, 1);

	list_head(1); /* a place past the labels */
	fb_uv(&body, 3);
	assert_malformed();

	/* A label that the description lacks: text in place of the array. */
	text_value("{new}");
	assert_rc_ok(encode(WIRE_STATE_TEXT));
	assert_c("null");
	assert_int_equal(stats.unsendable, 1);
}

/* --- keys -------------------------------------------------------------------------- */

static void
test_array_key(void **state)
{
	struct column  col = *ints();
	const uint32_t one[] = {1};

	(void) state;
	col.flags |= NOT_NULL;
	plan_column(col, true);
	assert_schema_has(SIDE_KEY, "{\"name\":\"c\",\"type\":{\"type\":\"array\",\"items\":"
								"[\"null\",\"int\"]}}");
	ELEMENTS(2, (fb_sv(&body, 1), fb_sv(&body, 2)));
	encode_c("[1,2]");
	assert_key(plan, out[0].key, "{\"id\":1,\"c\":[1,2]}");
	fb_array_head(&body, 1, one, (const int32_t[]){1}, (const uint8_t[]){1});
	body_value();
	encode_c("[null]");

	/* Two rows must not share a key. */
	fb_array_head(&body, 1, one, (const int32_t[]){0}, NULL);
	fb_sv(&body, 1);
	body_value();
	assert_rc_err(encode(WIRE_STATE_VALUE), ERR_DATA, E1602);

	col = array_of(WIRE_FORM_NUMERIC, 1700, "numeric", -1, NOT_NULL);
	plan_column(col, true);
	ELEMENTS(1, numeral_put(&body, "NaN"));
	assert_rc_err(encode(WIRE_STATE_VALUE), ERR_DATA, E1602);
	assert_int_equal(stats.special, 0);

	col = array_of(WIRE_FORM_TEXT, 25, "text", -1, NOT_NULL);
	plan_column(col, true);
	ELEMENTS(1, fb_str(&body, "\xff"));
	assert_rc_err(encode(WIRE_STATE_VALUE), ERR_DATA, E1602);
}

/* Appends a row of id and c to tuple. */
static void
key_row(struct buf *tuple, int id)
{
	buf_reset(tuple);
	fb_tuple(tuple, (const uint8_t[]){WIRE_STATE_VALUE, WIRE_STATE_VALUE}, 2);
	fb_sv(tuple, id);
	buf_put(tuple, value.data, value.len);
}

/* The key of value as the header of a key that changes. */
static void
assert_header(const char *expected)
{
	struct buf old = {0};
	struct buf new = {0};
	struct change chg = {.kind = WIRE_UPDATE, .old_kind = WIRE_OLD_KEY, .lsn = 1};
	struct stamp  stamp = {.xid = 1};
	char         *whole = xasprintf("{\"id\":1,\"c\":%s}", expected);

	key_row(&old, 1);
	key_row(&new, 2);
	chg.old_tuple = cursor_over(old.data, old.len);
	chg.new_tuple = cursor_over(new.data, new.len);
	assert_rc_ok(encode_change(plan, &chg, &stamp, 1, out, &nout, &e));
	assert_rc_ok(verify_outgoing(plan, &chg, out, nout, &e));
	assert_int_equal(nout, 3);
	assert_string_equal(out[2].headers[0].name, "__debezium.oldkey");
	assert_str_is(out[2].headers[0].value, whole);
	free(whole);
	buf_free(&old);
	buf_free(&new);
}

static void
test_key_headers(void **state)
{
	const uint32_t two[] = {2};

	(void) state;
	plan_column(array_of(WIRE_FORM_TEXT, 25, "text", -1, NOT_NULL), true);
	fb_array_head(&body, 1, two, (const int32_t[]){1}, (const uint8_t[]){2});
	fb_str(&body, "a\"b\\");
	body_value();
	assert_header("[\"a\\\"b\\\\\",null]");
	plan_column(array_of(WIRE_FORM_NUMERIC, 1700, "numeric", -1, NOT_NULL), true);
	ELEMENTS(2, (numeral_put(&body, "1.5"), numeral_put(&body, "2")));
	assert_header("[{\"scale\":1,\"value\":\"Dw==\"},{\"scale\":0,\"value\":\"Ag==\"}]");
	plan_column(array_of(WIRE_FORM_FLOAT8, 701, "float8", -1, NOT_NULL), true);
	ELEMENTS(3, (fb_float8(&body, NAN), fb_float8(&body, -INFINITY), fb_float8(&body, 1e10)));
	assert_header("[NaN,-Infinity,1.0E10]");
	plan_column(array_of(WIRE_FORM_NUMERIC, 1700, "numeric", (20 << 16 | 9) + 4, NOT_NULL), true);
	ELEMENTS(5, (numeral_put(&body, "-0.000000123"), numeral_put(&body, "0.000001000"),
				 numeral_put(&body, "0.000000000"), numeral_put(&body, "12.500000000"),
				 numeral_put(&body, "0.000000001")));
	assert_header("[-1.23E-7,0.000001000,0E-9,12.500000000,1E-9]");

	plan_column(plain(600, "point", NOT_NULL), true);
	text_value("(1.5,-2)");
	assert_header("{\"x\":1.5,\"y\":-2.0,\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAADA\",\"srid\":null}");
	plan_column(plain(80003, "sparsevec", NOT_NULL), true);
	text_value("{1:1.5,3:2}/5");
	assert_header("{\"dimensions\":5,\"vector\":{1:1.5,3:2.0}}");
	plan_column(plain(80003, "vector", NOT_NULL), true);
	text_value("[1,2.5]");
	assert_header("[1.0,2.5]");
	fmt.hstores = HSTORE_MAP;
	plan_column(plain(80003, "hstore", NOT_NULL), true);
	text_value("\"a\"=>\"1\", \"b\"=>NULL");
	assert_header("{\"a\":\"1\",\"b\":null}");

	fmt.times = TIME_CONNECT;
	plan_column(array_of(WIRE_FORM_INT64, 1114, "timestamp", -1, NOT_NULL), true);
	ELEMENTS(3, (fb_u64(&body, 1500000), fb_u64(&body, 0), fb_u64(&body, (uint64_t) INT64_MIN)));
	assert_header("[2000-01-01T00:00:01.500Z,2000-01-01,-9223372036832400]");
	plan_column(array_of(WIRE_FORM_INT, 1082, "date", -1, NOT_NULL), true);
	ELEMENTS(1, fb_sv(&body, -1));
	assert_header("[1999-12-31]");
	plan_column(array_of(WIRE_FORM_INT64, 1083, "time", -1, NOT_NULL), true);
	ELEMENTS(1, fb_u64(&body, 1500000));
	assert_header("[00:00:01.500Z]");
}

/* --- hstore ------------------------------------------------------------------------ */

static void
test_hstore(void **state)
{
	(void) state;
	for (int mode = HSTORE_JSON; mode <= HSTORE_MAP; mode++)
	{
		stats = (struct encode_stats){0};
		fmt.hstores = (enum hstore_mode) mode;
		plan_column(plain(80000, "hstore", 0), false);
		expect_text("", mode == HSTORE_JSON ? "\"{}\"" : "{}");
		expect_text("\"a\"=>\"1\", \"b\"=>NULL, \"\"=>\"\"",
					mode == HSTORE_JSON
						? "\"{\\\"a\\\":\\\"1\\\",\\\"b\\\":null,\\\"\\\":\\\"\\\"}\""
						: "{\"a\":\"1\",\"b\":null,\"\":\"\"}");
		expect_text("\"q\\\"\\\\\"=>\"\\\"a\\\"=>\\\\\"", /* "q\"\\"=>"\"a\"=>\\" */
					mode == HSTORE_JSON
						? "\"{\\\"q\\\\\\\"\\\\\\\\\\\":\\\"\\\\\\\"a\\\\\\\"=>\\\\\\\\\\\"}\""
						: "{\"q\\\"\\\\\":\"\\\"a\\\"=>\\\\\"}");
		expect_text("\"k\"=>\"NULL\"",
					mode == HSTORE_JSON ? "\"{\\\"k\\\":\\\"NULL\\\"}\"" : "{\"k\":\"NULL\"}");
		/* Another type of that name. */
		expect_text("a=>1", "null");
		expect_text("\"a\"", "null");
		expect_text("\"a\"=>", "null");
		expect_text("\"a\"=>\"1", "null");
		expect_text("\"a\"=>\"1\",\"b\"=>\"2\"", "null");
		expect_text("\"a\"=>\"1\\", "null");
		assert_int_equal(stats.out_of_range, 6);
	}
	assert_schema_has(SIDE_VALUE, "{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"map\","
								  "\"values\":[\"null\",\"string\"]}],\"default\":null}");
	plan_column(plain(80000, "hstore", NOT_NULL), false);
	assert_schema_has(SIDE_VALUE, "{\"name\":\"c\",\"type\":{\"type\":\"map\",\"values\":"
								  "[\"null\",\"string\"]}}");
	buf_reset(&value);
	assert_rc_ok(encode(WIRE_STATE_UNCHANGED));
	assert_c("{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}");
	assert_rc_ok(encode(WIRE_STATE_UNSENDABLE));
	assert_c("{}");
}

/* --- schemas ------------------------------------------------------------------------- */

/* A record's schema comes once, wherever that is; after that its name does. */
static void
test_records_once(void **state)
{
	struct column once[] = {
		COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL),
		COLUMN("a", WIRE_FORM_TEXT, 80006, "sparsevec", -1, NOT_NULL),
		COLUMN("b", WIRE_FORM_TEXT, 80006, "sparsevec", -1, 0),
		array_of(WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0),
		COLUMN("d", WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0),
		array_of(WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0),
		COLUMN("f", WIRE_FORM_TEXT, 600, "point", -1, 0),
		COLUMN("g", WIRE_FORM_TEXT, 600, "point", -1, NOT_NULL),
	};

	(void) state;
	once[3].name = "c";
	once[5].name = "e";
	forget();
	tbl = planned_table_pk(once, sizeof(once) / sizeof(once[0]));
	plan = planned_plan(tbl, &fmt, &stats);
	assert_schema_has(SIDE_VALUE,
					  "{\"name\":\"b\",\"type\":[\"null\",\"io.debezium.data.SparseDoubleVector\"],"
					  "\"default\":null}");
	assert_schema_has(SIDE_VALUE,
					  "{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\","
					  "{\"type\":\"record\",\"name\":\"VariableScaleDecimal\",\"namespace\":"
					  "\"io.debezium.data\",\"fields\":[{\"name\":\"scale\",\"type\":\"int\"},"
					  "{\"name\":\"value\",\"type\":\"bytes\"}],\"connect.doc\":"
					  "\"Variable scaled decimal\",\"connect.version\":1,\"connect.name\":"
					  "\"io.debezium.data.VariableScaleDecimal\"}]}],\"default\":null}");
	assert_schema_has(SIDE_VALUE, "{\"name\":\"d\",\"type\":[\"null\","
								  "\"io.debezium.data.VariableScaleDecimal\"],\"default\":null}");
	assert_schema_has(SIDE_VALUE,
					  "{\"name\":\"e\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\","
					  "\"io.debezium.data.VariableScaleDecimal\"]}],\"default\":null}");
	assert_schema_has(SIDE_VALUE, "{\"name\":\"g\",\"type\":\"io.debezium.data.geometry.Point\"}");
}

/* --- verifying ------------------------------------------------------------------------ */

/* Messages of one row, compared with another: of every shape, in every part of it. */
static void
test_noticed(void **state)
{
	const uint32_t two[] = {2};

	(void) state;
	plan_column(*ints(), false);
	ELEMENTS(2, (fb_sv(&body, 1), fb_sv(&body, 2)));
	encode_c("[1,2]");
	ELEMENTS(2, (fb_sv(&body, 1), fb_sv(&body, 3)));
	assert_not_of_value();
	ELEMENTS(1, fb_sv(&body, 1));
	assert_not_of_value();
	ELEMENTS(3, (fb_sv(&body, 1), fb_sv(&body, 2), fb_sv(&body, 3)));
	assert_not_of_value();
	fb_array_head(&body, 0, NULL, NULL, NULL);
	body_value();
	assert_not_of_value();
	fb_array_head(&body, 1, two, (const int32_t[]){1}, (const uint8_t[]){2});
	fb_sv(&body, 1);
	body_value();
	assert_not_of_value();
	encode_c("[1,null]");
	ELEMENTS(2, (fb_sv(&body, 1), fb_sv(&body, 2)));
	assert_not_of_value();

	plan_column(array_of(WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0), false);
	ELEMENTS(2, (numeral_put(&body, "1.5"), numeral_put(&body, "2")));
	assert_rc_ok(encode(WIRE_STATE_VALUE));
	ELEMENTS(2, (numeral_put(&body, "1.5"), numeral_put(&body, "20")));
	assert_not_of_value();
	ELEMENTS(2, (numeral_put(&body, "0.15"), numeral_put(&body, "2")));
	assert_not_of_value();

	for (int mode = HSTORE_JSON; mode <= HSTORE_MAP; mode++)
	{
		fmt.hstores = (enum hstore_mode) mode;
		assert_text_noticed(plain(80000, "hstore", 0), "\"a\"=>\"1\"", "\"a\"=>\"2\"");
		assert_text_noticed(plain(80000, "hstore", 0), "\"a\"=>\"1\"", "\"b\"=>\"1\"");
		assert_text_noticed(plain(80000, "hstore", 0), "\"a\"=>\"1\"", "\"a\"=>NULL");
		assert_text_noticed(plain(80000, "hstore", 0), "\"a\"=>NULL", "\"a\"=>\"NULL\"");
		assert_text_noticed(plain(80000, "hstore", 0), "\"a\"=>\"1\"",
							"\"a\"=>\"1\", \"b\"=>\"2\"");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_array_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_filler, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_default, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_malformed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_decimals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_enum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_number_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(test_array_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hstore, setup, teardown),
		cmocka_unit_test_setup_teardown(test_records_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noticed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
