/*
 * test_copy_row.c
 *		Rows of COPY: the bytes that a real server gave for values of each form, and
 *		the tuples that the stream has for them; and what is no row is refused.
 *		t/013_copy_row.pl compares both ways on a server, for every type.
 */
#include "unit.h"

#include <math.h>

#include "array_literal.h"
#include "copy_row.h"
#include "framebuilder.h"
#include "value.h"

#define FRAME_BYTES 1024
#define LONG_MAX_BYTES 4096

static struct err  e;
static const char *labels[] = {"sad", "ok", ""};

/* What a server writes before the first row: signature, no flags, no extension. */
static const char header[] = "5047434f50590aff0d0a00"
							 "00000000"
							 "00000000";

static void
put_hex(struct buf *out, const char *hex)
{
	for (unsigned byte; *hex && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf_put_u8(out, (uint8_t) byte);
}

/* Big-endian, as COPY has numbers. */
static void
put_be(struct buf *out, uint32_t value, int bytes)
{
	while (bytes-- > 0)
		buf_put_u8(out, (uint8_t) (value >> 8 * bytes));
}

static void
put_field(struct buf *out, const void *data, size_t len)
{
	put_be(out, (uint32_t) len, 4);
	buf_put(out, data, len);
}

#define NULL_FIELD "ffffffff"

static struct column
plain(enum wire_form form, uint32_t oid)
{
	return (struct column){
		.name = "c",
		.form = form,
		.type = {oid, -1, "pg_catalog", "?"},
		.base = {oid, -1, "pg_catalog", "?"},
		.flags = form == WIRE_FORM_ENUM ? WIRE_COLUMN_ENUM : 0,
		.labels = labels,
		.nlabels = form == WIRE_FORM_ENUM ? 3 : 0,
	};
}

/* oid: of the elements. */
static struct column
array_of(enum wire_form form, uint32_t oid)
{
	struct column col = plain(WIRE_FORM_ARRAY, 90000);

	col.flags = WIRE_COLUMN_ARRAY;
	col.element = (struct type_name){oid, -1, "pg_catalog", "?"};
	col.element_form = form;
	col.delimiter = oid == 603 ? ';' : ',';
	col.nlabels = form == WIRE_FORM_ENUM ? 3 : 0;
	return col;
}

static struct table
table_of(struct column *columns, uint32_t ncolumns)
{
	return (struct table){.index = 7,
						  .schema = "s",
						  .name = "t",
						  .ncolumns = ncolumns,
						  .columns = columns};
}

/* An exact copy of the message, so that a sanitizer sees each byte read too many. */
static enum rc
read_exact(struct copy_row *row, const struct buf *message, struct change *chg, uint8_t **exact)
{
	*exact = unit_exact(message->data, message->len);
	return copy_row_read(row, (struct str){(const char *) *exact, message->len}, chg, &e);
}

/*
 * A row of one column, as the first message of a COPY and as a later one: the tuple
 * must be the expected one.
 */
static void
expect(struct column col, const struct buf *field, const struct buf *tuple)
{
	struct table     tbl = table_of(&col, 1);
	struct copy_row *row = copy_row_new(&tbl, FRAME_BYTES, LONG_MAX_BYTES);
	struct buf       message = {0};

	put_hex(&message, header);
	for (int i = 0; i < 2; i++)
	{
		struct change chg;
		uint8_t      *exact;

		put_be(&message, 1, 2);
		put_field(&message, field->data, field->len);
		assert_rc_ok(read_exact(row, &message, &chg, &exact));
		assert_int_equal(chg.kind, WIRE_INSERT);
		assert_int_equal(chg.relation, 7);
		assert_int_equal(chg.lsn, 0);
		assert_int_equal(chg.old_kind, WIRE_OLD_NONE);
		assert_int_equal(cursor_left(&chg.old_tuple), 0);
		assert_int_equal(chg.nlongs, 0);
		assert_int_equal(chg.too_long, 0);
		assert_int_equal(cursor_left(&chg.new_tuple), tuple->len);
		assert_memory_equal(chg.new_tuple.p, tuple->data, tuple->len);
		free(exact);
		buf_reset(&message);
	}
	assert_false(copy_row_ended(row));
	buf_free(&message);
	copy_row_free(row);
}

/* A field in hexadecimal digits, and what puts the value that is expected for it. */
#define EXPECT_STATE(col_, hex_, state_, put_) \
	do                                         \
	{                                          \
		struct buf    field = {0};             \
		struct buf    tuple = {0};             \
		const uint8_t states[] = {state_};     \
		put_hex(&field, hex_);                 \
		fb_tuple(&tuple, states, 1);           \
		put_;                                  \
		expect(col_, &field, &tuple);          \
		buf_free(&field);                      \
		buf_free(&tuple);                      \
	} while (0)
#define EXPECT(form_, oid_, hex_, put_) \
	EXPECT_STATE(plain(form_, oid_), hex_, WIRE_STATE_VALUE, put_)

static void
numbers(void **state)
{
	(void) state;
	EXPECT(WIRE_FORM_BOOL, 16, "01", buf_put_u8(&tuple, 1));
	EXPECT(WIRE_FORM_BOOL, 16, "00", buf_put_u8(&tuple, 0));
	EXPECT(WIRE_FORM_INT, 21, "8000", fb_sv(&tuple, INT16_MIN));
	EXPECT(WIRE_FORM_INT, 21, "7fff", fb_sv(&tuple, INT16_MAX));
	EXPECT(WIRE_FORM_INT, 23, "00000000", fb_sv(&tuple, 0));
	EXPECT(WIRE_FORM_INT, 23, "0000003f", fb_sv(&tuple, 63));
	EXPECT(WIRE_FORM_INT, 23, "00000040", fb_sv(&tuple, 64));
	EXPECT(WIRE_FORM_INT, 23, "ffffffc0", fb_sv(&tuple, -64));
	EXPECT(WIRE_FORM_INT, 23, "ffffffbf", fb_sv(&tuple, -65));
	EXPECT(WIRE_FORM_INT, 23, "7fffffff", fb_sv(&tuple, INT32_MAX));
	EXPECT(WIRE_FORM_INT, 23, "80000000", fb_sv(&tuple, INT32_MIN));
	EXPECT(WIRE_FORM_INT, 20, "7fffffffffffffff", fb_sv(&tuple, INT64_MAX));
	EXPECT(WIRE_FORM_INT, 20, "8000000000000000", fb_sv(&tuple, INT64_MIN));
	EXPECT(WIRE_FORM_OID, 26, "00000000", fb_uv(&tuple, 0));
	EXPECT(WIRE_FORM_OID, 26, "ffffffff", fb_uv(&tuple, UINT32_MAX));
	EXPECT(WIRE_FORM_FLOAT4, 700, "3fc00000", fb_float4(&tuple, 1.5f));
	EXPECT(WIRE_FORM_FLOAT4, 700, "80000000", fb_u32(&tuple, 0x80000000));
	EXPECT(WIRE_FORM_FLOAT4, 700, "7fc00000", fb_u32(&tuple, 0x7fc00000));
	EXPECT(WIRE_FORM_FLOAT4, 700, "00000001", fb_u32(&tuple, 1));
	EXPECT(WIRE_FORM_FLOAT8, 701, "44b52d02c7e14af6", fb_float8(&tuple, 1e23));
	EXPECT(WIRE_FORM_FLOAT8, 701, "fff0000000000000", fb_float8(&tuple, -(double) INFINITY));
	EXPECT(WIRE_FORM_INT64, 790, "8000000000000000", fb_u64(&tuple, (uint64_t) INT64_MIN));
}

static void
times(void **state)
{
	(void) state;
	EXPECT(WIRE_FORM_INT, 1082, "00000000", fb_sv(&tuple, 0));
	EXPECT(WIRE_FORM_INT, 1082, "ffffffff", fb_sv(&tuple, -1));
	EXPECT(WIRE_FORM_INT, 1082, "7fffffff", fb_sv(&tuple, INT32_MAX));
	EXPECT(WIRE_FORM_INT, 1082, "80000000", fb_sv(&tuple, INT32_MIN));
	EXPECT(WIRE_FORM_INT64, 1083, "000000141dd76000", fb_u64(&tuple, UINT64_C(86400000000)));
	EXPECT(WIRE_FORM_INT64, 1114, "7fffffffffffffff", fb_u64(&tuple, INT64_MAX));
	EXPECT(WIRE_FORM_INT64, 1184, "ffffffffffffffff", fb_u64(&tuple, UINT64_MAX));
	EXPECT(WIRE_FORM_TIMETZ, 1266, "0000000a8be4ca60ffffb2a8",
		   (fb_u64(&tuple, UINT64_C(45296700000)), fb_u32(&tuple, (uint32_t) -19800)));
	EXPECT(WIRE_FORM_INTERVAL, 1186, "fffffffc93699120000000030000000a",
		   fb_interval(&tuple, INT64_C(-14706700000), 3, 10));
}

#define DIGITS(...) ((const uint16_t[]){__VA_ARGS__})

static void
numerics(void **state)
{
	(void) state;
	EXPECT(WIRE_FORM_NUMERIC, 1700, "0000000000000000", fb_numeric(&tuple, '+', 0, 0, 0, NULL));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "0000000000000002", fb_numeric(&tuple, '+', 2, 0, 0, NULL));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "000200004000000200011388",
		   fb_numeric(&tuple, '-', 2, 0, 2, DIGITS(1, 5000)));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "0003000100000004000109291a85",
		   fb_numeric(&tuple, '+', 4, 1, 3, DIGITS(1, 2345, 6789)));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "00010019000000000001",
		   fb_numeric(&tuple, '+', 0, 25, 1, DIGITS(1)));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "0001fffb000000140001",
		   fb_numeric(&tuple, '+', 20, -5, 1, DIGITS(1)));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "00010001000000040001",
		   fb_numeric(&tuple, '+', 4, 1, 1, DIGITS(1)));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "00000000c0000000", fb_numeric(&tuple, 'n', 0, 0, 0, NULL));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "00000000d0000020", fb_numeric(&tuple, 'i', 0, 0, 0, NULL));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "00000000f0000020", fb_numeric(&tuple, 'm', 0, 0, 0, NULL));
}

/* The longest numeric is longer than a long value, and none. */
static void
numeric_longest(void **state)
{
	struct buf field = {0};
	struct buf tuple = {0};
	uint16_t  *digits = xcalloc(36864, sizeof(*digits));

	(void) state;
	put_hex(&field, "90007fff00003fff");
	for (int i = 0; i < 36864; i++)
	{
		digits[i] = 9999;
		put_be(&field, 9999, 2);
	}
	buf_put_u8(&tuple, WIRE_TUPLE_PLAIN);
	fb_numeric(&tuple, '+', 16383, 32767, 36864, digits);
	expect(plain(WIRE_FORM_NUMERIC, 1700), &field, &tuple);
	free(digits);
	buf_free(&field);
	buf_free(&tuple);
}

static void
texts(void **state)
{
	(void) state;
	EXPECT(WIRE_FORM_TEXT, 25, "", fb_str(&tuple, ""));
	EXPECT(WIRE_FORM_TEXT, 25, "6772c3b6c39f65",
		   fb_str(&tuple, "gr\xc3\xb6\xc3\x9f"
						  "e"));
	EXPECT(WIRE_FORM_TEXT, 1042, "61202020", fb_str(&tuple, "a   "));
	EXPECT(WIRE_FORM_TEXT, 19, "6e", fb_str(&tuple, "n"));
	EXPECT(WIRE_FORM_TEXT, 114, "207b207d20", fb_str(&tuple, " { } "));
	EXPECT(WIRE_FORM_TEXT, 869, "31302e302e302e31", fb_str(&tuple, "10.0.0.1"));
	EXPECT(WIRE_FORM_BYTES, 17, "00ff", fb_bytes(&tuple, "\0\xff", 2));
	EXPECT(WIRE_FORM_UUID, 2950, "a0eebc999c0b4ef8bb6d6bb9bd380a11",
		   put_hex(&tuple, "a0eebc999c0b4ef8bb6d6bb9bd380a11"));
	EXPECT(WIRE_FORM_ENUM, 90001, "6f6b", fb_uv(&tuple, 1));
	EXPECT(WIRE_FORM_ENUM, 90001, "736164", fb_uv(&tuple, 0));
	EXPECT(WIRE_FORM_ENUM, 90001, "", fb_uv(&tuple, 2));
	/* labels that came later: as the plugin has them */
	EXPECT_STATE(plain(WIRE_FORM_ENUM, 90001), "6f6b61", WIRE_STATE_TEXT, fb_str(&tuple, "oka"));
	EXPECT_STATE(plain(WIRE_FORM_ENUM, 90001), "73", WIRE_STATE_TEXT, fb_str(&tuple, "s"));
}

/* The field as a value of the enum: place, or its text if that is beyond the labels. */
static void
expect_label(const struct column *col, const char *field, uint32_t place)
{
	struct buf    text = {0};
	struct buf    tuple = {0};
	const uint8_t states[] = {place < col->nlabels ? WIRE_STATE_VALUE : WIRE_STATE_TEXT};

	buf_puts(&text, field);
	fb_tuple(&tuple, states, 1);
	if (place < col->nlabels)
		fb_uv(&tuple, place);
	else
		fb_str(&tuple, field);
	expect(*col, &text, &tuple);
	buf_free(&text);
	buf_free(&tuple);
}

/* Each of many is found, and no beginning of one. */
static void
many_labels(void **state)
{
	char         *many[1000];
	struct column col = plain(WIRE_FORM_ENUM, 90001);

	(void) state;
	for (uint32_t i = 0; i < 1000; i++)
		many[i] = xasprintf("a label %u", i * 7919);
	col.labels = (const char **) many;
	col.nlabels = 1000;
	for (uint32_t i = 0; i < 1000; i++)
		expect_label(&col, many[i], i);
	expect_label(&col, "a label 7919000", 1000);
	for (size_t len = 0; len < strlen("a label "); len++)
	{
		char *beginning = xstrndup("a label ", len);

		expect_label(&col, beginning, 1000);
		free(beginning);
	}
	for (uint32_t i = 0; i < 1000; i++)
		free(many[i]);
}

/* --- arrays --------------------------------------------------------------------------- */

#define DIMS(...) ((const uint32_t[]){__VA_ARGS__})
#define LOWER(...) ((const int32_t[]){__VA_ARGS__})
#define NULLS(...) ((const uint8_t[]){__VA_ARGS__})

/* The body is put into a buf of that name. */
#define EXPECT_ARRAY(form_, oid_, hex_, put_)                       \
	do                                                              \
	{                                                               \
		struct buf body = {0};                                      \
		put_;                                                       \
		EXPECT_STATE(array_of(form_, oid_), hex_, WIRE_STATE_VALUE, \
					 fb_bytes(&tuple, body.data, body.len));        \
		buf_free(&body);                                            \
	} while (0)

static void
arrays(void **state)
{
	(void) state;
	EXPECT_ARRAY(WIRE_FORM_INT, 23, "000000000000000000000017",
				 fb_array_head(&body, 0, NULL, NULL, NULL));
	EXPECT_ARRAY(
		WIRE_FORM_INT, 23,
		"000000010000000100000017000000030000000100000004"
		"00000001ffffffff00000004fffffffd",
		(fb_array_head(&body, 1, DIMS(3), LOWER(1), NULLS(2)), fb_sv(&body, 1), fb_sv(&body, -3)));
	EXPECT_ARRAY(WIRE_FORM_INT, 23,
				 "000000020000000000000017000000020000000000000002000000050000000400000001"
				 "000000040000000200000004000000030000000400000004",
				 (fb_array_head(&body, 2, DIMS(2, 2), LOWER(0, 5), NULL), fb_sv(&body, 1),
				  fb_sv(&body, 2), fb_sv(&body, 3), fb_sv(&body, 4)));
	/* '{1,2,NULL}'::int4[])[1:2]: a map without a NULL */
	EXPECT_ARRAY(
		WIRE_FORM_INT, 23,
		"000000010000000100000017000000020000000100000004000000010000000400000002",
		(fb_array_head(&body, 1, DIMS(2), LOWER(1), NULLS(0)), fb_sv(&body, 1), fb_sv(&body, 2)));
	EXPECT_ARRAY(WIRE_FORM_TEXT, 25,
				 "000000010000000100000019000000040000000100000000ffffffffffffffff00000003612062",
				 (fb_array_head(&body, 1, DIMS(4), LOWER(1), NULLS(6)), fb_str(&body, ""),
				  fb_str(&body, "a b")));
	EXPECT_ARRAY(WIRE_FORM_BOOL, 16, "000000010000000000000010000000020000000100000001010000000100",
				 (fb_array_head(&body, 1, DIMS(2), LOWER(1), NULL), buf_put(&body, "\1\0", 2)));
	EXPECT_ARRAY(WIRE_FORM_NUMERIC, 1700,
				 "0000000100000000000006a400000002000000010000000c000200000000000100011388"
				 "0000000800000000c0000000",
				 (fb_array_head(&body, 1, DIMS(2), LOWER(1), NULL),
				  fb_numeric(&body, '+', 1, 0, 2, DIGITS(1, 5000)), buf_put_u8(&body, 'n')));
	EXPECT_ARRAY(WIRE_FORM_FLOAT8, 701,
				 "0000000100000001000002bd0000000900000001000000080000000000000000"
				 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff000000083ff0000000000000",
				 (fb_array_head(&body, 1, DIMS(9), LOWER(1), NULLS(0xfe, 0)), fb_float8(&body, 0),
				  fb_float8(&body, 1)));
	EXPECT_ARRAY(
		WIRE_FORM_ENUM, 23925,
		"000000010000000100005d750000000300000001000000026f6b00000003736164ffffffff",
		(fb_array_head(&body, 1, DIMS(3), LOWER(1), NULLS(4)), fb_uv(&body, 1), fb_uv(&body, 0)));
	/* elements that go as text: of the array only its text is asked for */
	EXPECT_ARRAY(WIRE_FORM_TEXT, 869, "5b303a315d3d7b31302e302e302e312c4e554c4c7d",
				 (fb_array_head(&body, 1, DIMS(2), LOWER(0), NULLS(2)), fb_str(&body, "10.0.0.1")));
	EXPECT_ARRAY(WIRE_FORM_TEXT, 603, "7b28312c31292c28302c30293b28322c32292c28312c31297d",
				 (fb_array_head(&body, 1, DIMS(2), LOWER(1), NULL), fb_str(&body, "(1,1),(0,0)"),
				  fb_str(&body, "(2,2),(1,1)")));
	/* a label that came later: the text of all of it */
	EXPECT_STATE(array_of(WIRE_FORM_ENUM, 23925),
				 "000000010000000100005d7500000003000000000000000273610000000373"
				 "6164ffffffff",
				 WIRE_STATE_TEXT, fb_str(&tuple, "[0:2]={sa,sad,NULL}"));
}

/* Of a domain: the method is that of the type below, the oid that of the elements. */
static void
domains(void **state)
{
	struct column col = array_of(WIRE_FORM_INT, 90002);
	struct column host = array_of(WIRE_FORM_TEXT, 90003);
	struct column ints = array_of(WIRE_FORM_TEXT, 90004);
	struct column day = plain(WIRE_FORM_INT, 20);

	(void) state;
	col.element_base = 21;
	EXPECT_STATE(col, "000000010000000000015f92000000010000000100000002fffe", WIRE_STATE_VALUE,
				 put_hex(&tuple, "05010102"
								 "0003"));
	host.element_base = 25;
	EXPECT_STATE(host, "000000010000000000015f9300000001000000010000000161", WIRE_STATE_VALUE,
				 put_hex(&tuple, "06010102"
								 "000161"));
	ints.element_base = 1007;
	EXPECT_STATE(ints, "7b227b312c327d227d", WIRE_STATE_VALUE,
				 put_hex(&tuple, "0a010102"
								 "00057b312c327d"));
	day.type.oid = 90005;
	day.base.oid = 1082;
	EXPECT_STATE(day, "fffffffe", WIRE_STATE_VALUE, fb_sv(&tuple, -2));
}

/* --- literals ------------------------------------------------------------------------- */

static void
literal(const char *text, const struct buf *expected)
{
	struct buf body = {0};
	uint8_t   *exact = unit_exact(text, strlen(text));
	bool read = array_literal_read((struct str){(const char *) exact, strlen(text)}, ',', &body);

	if (read != (expected != NULL))
		fail_msg("%s is %s", text, read ? "read" : "refused");
	if (expected && (body.len != expected->len || memcmp(body.data, expected->data, body.len) != 0))
		fail_msg("%s is read as another array", text);
	free(exact);
	buf_free(&body);
}

#define LITERAL(text_, put_)   \
	do                         \
	{                          \
		struct buf body = {0}; \
		put_;                  \
		literal(text_, &body); \
		buf_free(&body);       \
	} while (0)

static void
literals(void **state)
{
	(void) state;
	LITERAL("{}", fb_array_head(&body, 0, NULL, NULL, NULL));
	LITERAL("{a}", (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), fb_str(&body, "a")));
	LITERAL("{NULL}", fb_array_head(&body, 1, DIMS(1), LOWER(1), NULLS(1)));
	LITERAL("{\"NULL\",null,NULLS,NUL}",
			(fb_array_head(&body, 1, DIMS(4), LOWER(1), NULL), fb_str(&body, "NULL"),
			 fb_str(&body, "null"), fb_str(&body, "NULLS"), fb_str(&body, "NUL")));
	LITERAL("{\"\",\"a\\\"b\",\"\\\\\",\"{},\"}",
			(fb_array_head(&body, 1, DIMS(4), LOWER(1), NULL), fb_str(&body, ""),
			 fb_str(&body, "a\"b"), fb_str(&body, "\\"), fb_str(&body, "{},")));
	LITERAL("[-1:0][7:7]={{a},{NULL}}",
			(fb_array_head(&body, 2, DIMS(2, 1), LOWER(-1, 7), NULLS(2)), fb_str(&body, "a")));
	LITERAL("[-2147483648:-2147483648]={a}",
			(fb_array_head(&body, 1, DIMS(1), LOWER(INT32_MIN), NULL), fb_str(&body, "a")));
	LITERAL("[2147483647:2147483647]={a}",
			(fb_array_head(&body, 1, DIMS(1), LOWER(INT32_MAX), NULL), fb_str(&body, "a")));
	LITERAL("{{a,b},{c,d}}",
			(fb_array_head(&body, 2, DIMS(2, 2), LOWER(1, 1), NULL), fb_str(&body, "a"),
			 fb_str(&body, "b"), fb_str(&body, "c"), fb_str(&body, "d")));
	LITERAL("{{{{{{a}}}}}}",
			(fb_array_head(&body, 6, DIMS(1, 1, 1, 1, 1, 1), LOWER(1, 1, 1, 1, 1, 1), NULL),
			 fb_str(&body, "a")));
	LITERAL("{a,a,a,a,a,a,a,a,NULL}", (fb_array_head(&body, 1, DIMS(9), LOWER(1), NULLS(0, 1)),
									   put_hex(&body, "01610161016101610161016101610161")));
}

static void
literals_refused(void **state)
{
	static const char *const bad[] = {"",
									  "a",
									  "{",
									  "}",
									  "{a",
									  "a}",
									  "{a}}",
									  "{a}b",
									  "{,}",
									  "{a,}",
									  "{,a}",
									  "{a,,b}",
									  "{\"a}",
									  "{\"a\\",
									  "{\"a\\\"}",
									  "{\"a\"b}",
									  "{a\"b\"}",
									  "{a\\b}",
									  "{a{b}",
									  "{{a},b}",
									  "{a,{b}}",
									  "{{a},{b,c}}",
									  "{{a,b},{c}}",
									  "{{}}",
									  "{{},{}}",
									  "{{a}{b}}",
									  "{{a},}",
									  "{{{{{{{a}}}}}}}",
									  "[1:1]",
									  "[1:1]=",
									  "[1:1]{a}",
									  "[1:2]={a}",
									  "[1:1]={a,b}",
									  "[1:1]={{a}}",
									  "[1:1][1:1]={a}",
									  "[1]={a}",
									  "[:0]={a}",
									  "[-:0]={a}",
									  "[1:]={a}",
									  "[1:1={a}",
									  "[a:b]={a}",
									  "[1:0]={}",
									  "={a}",
									  "[2147483648:2147483648]={a}",
									  "[-2147483649:-2147483649]={a}",
									  "[99999999999:1]={a}",
									  "[1:1][1:1][1:1][1:1][1:1][1:1][1:1]={{{{{{{a}}}}}}}",
									  " {a}",
									  "{a} ",
									  "[ 1:1]={a}"};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		literal(bad[i], NULL);
}

/* --- rows ----------------------------------------------------------------------------- */

/* NULLs and states of many columns: the smallest map that says them. */
static void
maps(void **state)
{
	static const struct
	{
		const char *fields; /* one character each: v a value, 0 NULL, t an unknown label */
		const char *tuple;
	} cases[] = {
		{"", "70"},
		{"v", "7002"},
		{"vvvvvvvvv", "70020202020202020202"},
		{"0", "6e01"},
		{"v0vvvvvv0", "6e020102020202020202"},
		{"00000000", "6eff"},
		{"t", "73030178"},
		{"0tv", "7331000178"
				"02"},
		{"v0vt", "73103002020178"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
	{
		uint32_t         count = (uint32_t) strlen(cases[i].fields);
		struct column    columns[9];
		struct table     tbl = table_of(columns, count);
		struct buf       message = {0};
		struct buf       tuple = {0};
		struct copy_row *row;
		struct change    chg;
		uint8_t         *exact;

		for (uint32_t c = 0; c < count; c++)
			columns[c] =
				cases[i].fields[c] == 't' ? plain(WIRE_FORM_ENUM, 90001) : plain(WIRE_FORM_INT, 21);
		row = copy_row_new(&tbl, FRAME_BYTES, LONG_MAX_BYTES);
		put_hex(&message, header);
		/* the row before has other states */
		put_be(&message, count, 2);
		for (uint32_t c = 0; c < count; c++)
			put_hex(&message, NULL_FIELD);
		assert_rc_ok(read_exact(row, &message, &chg, &exact));
		free(exact);
		buf_reset(&message);
		put_be(&message, count, 2);
		for (uint32_t c = 0; c < count; c++)
			put_hex(&message, cases[i].fields[c] == '0'   ? NULL_FIELD
							  : cases[i].fields[c] == 't' ? "0000000178"
														  : "000000020001");
		put_hex(&tuple, cases[i].tuple);
		assert_rc_ok(read_exact(row, &message, &chg, &exact));
		assert_int_equal(cursor_left(&chg.new_tuple), tuple.len);
		assert_memory_equal(chg.new_tuple.p, tuple.data, tuple.len);
		free(exact);
		copy_row_free(row);
		buf_free(&message);
		buf_free(&tuple);
	}
}

/* An array of so many. */
static void
put_zeros(struct buf *message, uint32_t count)
{
	put_be(message, 20 + 6 * count, 4);
	put_hex(message, "000000010000000000000015");
	put_be(message, count, 4);
	put_be(message, 1, 4);
	for (uint32_t i = 0; i < count; i++)
		put_hex(message, "000000020000");
}

/* Bytes beyond frame_bytes go aside, in order; beyond max_long they are left out. */
static void
longs(void **state)
{
	struct column    columns[] = {plain(WIRE_FORM_TEXT, 25), plain(WIRE_FORM_BYTES, 17),
								  array_of(WIRE_FORM_INT, 21), array_of(WIRE_FORM_TEXT, 869)};
	struct table     tbl = table_of(columns, 4);
	struct copy_row *row = copy_row_new(&tbl, FRAME_BYTES, LONG_MAX_BYTES);
	struct buf       message = {0};
	char            *many = xmalloc(LONG_MAX_BYTES + 1);
	struct change    chg;
	uint8_t         *exact;

	(void) state;
	memset(many, 'x', LONG_MAX_BYTES + 1);
	put_hex(&message, header);
	put_be(&message, 4, 2);
	put_field(&message, many, FRAME_BYTES + 1);
	put_field(&message, many, FRAME_BYTES);
	put_zeros(&message, 1020);
	put_be(&message, 2 + FRAME_BYTES, 4);
	buf_put(&message, "{", 1);
	buf_put(&message, many, FRAME_BYTES);
	buf_put(&message, "}", 1);
	assert_rc_ok(read_exact(row, &message, &chg, &exact));
	assert_int_equal(chg.nlongs, 3);
	assert_int_equal(chg.longs[0].len, FRAME_BYTES + 1);
	assert_memory_equal(chg.longs[0].data, many, FRAME_BYTES + 1);
	/* 1 dimension, 1020 elements from 1 on, no map, the elements */
	assert_int_equal(chg.longs[1].len, 5 + 1020);
	assert_memory_equal(chg.longs[1].data, "\1\xfc\7\2\0\0", 6);
	assert_int_equal(chg.longs[2].len, 4 + 2 + FRAME_BYTES);
	assert_memory_equal(chg.longs[2].data, "\1\1\2\0\x80\x08x", 7);
	assert_int_equal(chg.too_long, 0);
	assert_int_equal(chg.new_tuple.p[0], WIRE_TUPLE_STATES);
	assert_int_equal(chg.new_tuple.p[1], WIRE_STATE_LONG);
	assert_int_equal(chg.new_tuple.p[2], WIRE_STATE_LONG | WIRE_STATE_LONG << 4);
	assert_int_equal(cursor_left(&chg.new_tuple), 3 + 2 + FRAME_BYTES);
	free(exact);

	buf_reset(&message);
	put_be(&message, 4, 2);
	put_field(&message, many, LONG_MAX_BYTES);
	put_field(&message, many, LONG_MAX_BYTES + 1);
	put_zeros(&message, FRAME_BYTES - 5);
	put_hex(&message, NULL_FIELD);
	assert_rc_ok(read_exact(row, &message, &chg, &exact));
	assert_int_equal(chg.nlongs, 2);
	assert_int_equal(chg.longs[0].len, LONG_MAX_BYTES);
	assert_null(chg.longs[1].data);
	assert_int_equal(chg.longs[1].len, 0);
	assert_int_equal(chg.too_long, LONG_MAX_BYTES + 1);
	assert_int_equal(chg.new_tuple.p[2], WIRE_STATE_VALUE | WIRE_STATE_NULL << 4);
	free(exact);

	buf_reset(&message);
	put_be(&message, 4, 2);
	put_hex(&message, NULL_FIELD NULL_FIELD NULL_FIELD NULL_FIELD);
	assert_rc_ok(read_exact(row, &message, &chg, &exact));
	assert_int_equal(chg.nlongs, 0);
	assert_int_equal(chg.too_long, 0);
	assert_int_equal(cursor_left(&chg.new_tuple), 2);
	free(exact);
	free(many);
	copy_row_free(row);
	buf_free(&message);
}

static void
select_list(void **state)
{
	static const uint32_t plain_texts[] = {19, 25, 114, 1042, 1043, 142};
	struct column         columns[] = {plain(WIRE_FORM_INT, 23),       plain(WIRE_FORM_TEXT, 25),
									   plain(WIRE_FORM_TEXT, 869),     array_of(WIRE_FORM_INT, 23),
									   array_of(WIRE_FORM_TEXT, 1043), array_of(WIRE_FORM_TEXT, 869)};
	struct table          tbl = table_of(columns, 6);
	struct buf            sql = {0};

	(void) state;
	columns[0].name = "id";
	columns[1].name = "a\"b";
	columns[2].name = "A, b";
	columns[3].name = "select";
	columns[5].name = "%s'";
	copy_row_columns(&tbl, NULL, &sql);
	assert_string_equal(
		buf_cstr(&sql),
		"\"id\", \"a\"\"b\", "
		"CASE WHEN \"A, b\" IS DISTINCT FROM NULL THEN pg_catalog.format('%s', \"A, b\") END, "
		"\"select\", \"c\", "
		"CASE WHEN \"%s'\" IS DISTINCT FROM NULL THEN pg_catalog.format('%s', \"%s'\") END");
	/* whose send function gives what the plugin sends */
	for (size_t i = 0; i < sizeof(plain_texts) / sizeof(*plain_texts); i++)
		columns[i] = plain(WIRE_FORM_TEXT, plain_texts[i]);
	buf_reset(&sql);
	copy_row_columns(&tbl, NULL, &sql);
	assert_string_equal(
		buf_cstr(&sql),
		"\"c\", \"c\", \"c\", \"c\", \"c\", "
		"CASE WHEN \"c\" IS DISTINCT FROM NULL THEN pg_catalog.format('%s', \"c\") END");
	tbl.ncolumns = 0;
	buf_reset(&sql);
	copy_row_columns(&tbl, NULL, &sql);
	assert_int_equal(sql.len, 0);
	buf_free(&sql);
}

/* --- messages ------------------------------------------------------------------------- */

static enum rc
read_hex(struct copy_row *row, const char *hex)
{
	struct buf    message = {0};
	struct change chg;
	uint8_t      *exact;
	enum rc       rc;

	put_hex(&message, hex);
	rc = read_exact(row, &message, &chg, &exact);
	free(exact);
	buf_free(&message);
	return rc;
}

static void
messages(void **state)
{
	struct column    col = plain(WIRE_FORM_INT, 21);
	struct table     tbl = table_of(&col, 1);
	struct copy_row *row = copy_row_new(&tbl, FRAME_BYTES, LONG_MAX_BYTES);

	(void) state;
	/* header and row, row, trailer; what a server sends */
	assert_rc_ok(read_hex(row, "5047434f50590aff0d0a000000000000000000"
							   "0001000000020001"));
	assert_rc_ok(read_hex(row, "0001000000020002"));
	assert_false(copy_row_ended(row));
	assert_rc_again(read_hex(row, "ffff"));
	assert_true(copy_row_ended(row));
	assert_rc_err(read_hex(row, "0001000000020002"), ERR_PROTOCOL, E1404);

	/* no rows; with an extension of the header and a flag that is not critical */
	copy_row_restart(row, NULL);
	assert_false(copy_row_ended(row));
	assert_rc_again(read_hex(row, "5047434f50590aff0d0a000000000100000002abcd"
								  "ffff"));
	assert_true(copy_row_ended(row));

	/* the header alone */
	copy_row_restart(row, NULL);
	assert_rc_again(read_hex(row, "5047434f50590aff0d0a000000000000000000"));
	assert_rc_ok(read_hex(row, "0001000000020001"));
	/* a COPY that was cut off, and its next one */
	copy_row_restart(row, NULL);
	assert_rc_err(read_hex(row, "0001000000020001"), ERR_PROTOCOL, E1404);
	copy_row_free(row);
}

/* What the server could not send is no NULL; NULLs beside it are. */
static void
left_out_is_unsendable(void **state)
{
	const bool       left_out[] = {false, true, false};
	struct column    columns[] = {plain(WIRE_FORM_INT, 23), plain(WIRE_FORM_INT, 23),
								  plain(WIRE_FORM_INT, 23)};
	struct table     tbl = table_of(columns, 3);
	struct copy_row *row = copy_row_new(&tbl, FRAME_BYTES, LONG_MAX_BYTES);
	struct buf       sql = {0};
	struct buf       message = {0};
	struct change    chg;
	struct tuple     tup;

	(void) state;
	copy_row_columns(&tbl, left_out, &sql);
	assert_string_equal(buf_cstr(&sql), "\"c\", NULL, \"c\"");
	buf_free(&sql);
	copy_row_restart(row, left_out);
	put_hex(&message, "5047434f50590aff0d0a000000000000000000"
					  "0003"
					  "0000000400000001"
					  "ffffffff"
					  "ffffffff");
	assert_int_equal(copy_row_read(row, (struct str){(char *) message.data, message.len}, &chg, &e), RC_OK);
	assert_int_equal(tuple_open(chg.new_tuple, 3, &tup, &e), RC_OK);
	assert_int_equal(tuple_state(&tup, 0), WIRE_STATE_VALUE);
	assert_int_equal(tuple_state(&tup, 1), WIRE_STATE_UNSENDABLE);
	assert_int_equal(tuple_state(&tup, 2), WIRE_STATE_NULL);
	buf_free(&message);
	copy_row_free(row);
}

static void
headers_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"5047434f50590aff0d0a",
		"5047434f50590aff0d0a0000000000000000",
		"5047434f50590aff0d0a000000000000000002ab",
		"5047434f50590aff0d0a0000000000ffffffff",
		"5047434f50590aff0d0a0000010000000000000001000000020001", /* with oids */
		"5047434f50590aff0d0a0080000000000000000001000000020001",
		"5047434f50590d0aff0a0000000000000000000001000000020001",
		"0001000000020001",
		"ffff",
	};
	struct column col = plain(WIRE_FORM_INT, 21);
	struct table  tbl = table_of(&col, 1);

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
	{
		struct copy_row *row = copy_row_new(&tbl, FRAME_BYTES, LONG_MAX_BYTES);

		assert_rc_err(read_hex(row, bad[i]), ERR_PROTOCOL, E1404);
		copy_row_free(row);
	}
}

/* A row of one column that must be refused. */
static void
refused(struct column col, const char *hex)
{
	struct table     tbl = table_of(&col, 1);
	struct copy_row *row = copy_row_new(&tbl, FRAME_BYTES, LONG_MAX_BYTES);

	assert_rc_again(read_hex(row, header));
	assert_rc_err(read_hex(row, hex), ERR_PROTOCOL, E1404);
	copy_row_free(row);
}

static void
rows_refused(void **state)
{
	static const char *const int2[] = {"",
									   "00",
									   "0000",
									   "0002000000020001ffffffff",
									   "0001",
									   "00010000",
									   "000100000002",
									   "00010000000200",
									   "000100000002000100",
									   "000100000003000001",
									   "000100000000",
									   "0001fffffffe",
									   "00017fffffff0001",
									   "0001800000000001",
									   "fffe",
									   "ffff00"};

	(void) state;
	for (size_t i = 0; i < sizeof(int2) / sizeof(*int2); i++)
		refused(plain(WIRE_FORM_INT, 21), int2[i]);
	refused(plain(WIRE_FORM_BOOL, 16), "00010000000102");
	refused(plain(WIRE_FORM_INT, 23), "0001000000020001");
	refused(plain(WIRE_FORM_INT, 20), "00010000000400000001");
	refused(plain(WIRE_FORM_TIMETZ, 1266), "0001000000080000000000000000");
	refused(plain(WIRE_FORM_UUID, 2950), "00010000000400000000");
}

static void
values_refused(void **state)
{
	static const struct
	{
		enum wire_form form;
		uint32_t       oid;
		const char    *hex;
	} bad[] = {
		{WIRE_FORM_NUMERIC, 0, ""},
		{WIRE_FORM_NUMERIC, 0, "00000000000000"},
		{WIRE_FORM_NUMERIC, 0, "0001000000000000"},
		{WIRE_FORM_NUMERIC, 0, "0002000000000000000100"},
		{WIRE_FORM_NUMERIC, 0, "00010000000000002710"},     /* a digit of 10000 */
		{WIRE_FORM_NUMERIC, 0, "00010000800000000001"},     /* no sign */
		{WIRE_FORM_NUMERIC, 0, "00010000000040000001"},     /* scale beyond 16383 */
		{WIRE_FORM_NUMERIC, 0, "00010000c00000000001"},     /* digits of NaN */
		{WIRE_FORM_NUMERIC, 0, "ffff00000000000000010001"}, /* more digits than bytes */
		{WIRE_FORM_ARRAY, 21, ""},
		{WIRE_FORM_ARRAY, 21, "0000000000000000000000"},
		{WIRE_FORM_ARRAY, 21, "000000000000000000000017"},   /* of another type */
		{WIRE_FORM_ARRAY, 21, "00000000000000000000001500"}, /* more bytes */
		{WIRE_FORM_ARRAY, 21, "000000000000000200000015"},   /* flags */
		{WIRE_FORM_ARRAY, 21, "ffffffff0000000000000015"},   /* dimensions */
		{WIRE_FORM_ARRAY, 21, "000000070000000000000015"},
		{WIRE_FORM_ARRAY, 21, "0000000100000000000000150000000200000001000000020001"},
		{WIRE_FORM_ARRAY, 21, "00000001000000000000001500000001000000010000000200"},
		{WIRE_FORM_ARRAY, 21, "000000010000000000000015000000010000000100000004000000"},
		{WIRE_FORM_ARRAY, 21,
		 "0000000100000000000000150000000100000001ffffffff"}, /* NULL, no map */
		{WIRE_FORM_ARRAY, 21, "000000010000000000000015ffffffff00000001000000020001"},
		{WIRE_FORM_ARRAY, 21, "0000000100000000000000157fffffff00000001000000020001"},
		{WIRE_FORM_ARRAY, 21,
		 "0000000600000001000000150000ffff000000010000ffff000000010000ffff00000001"
		 "0000ffff000000010000ffff000000010000ffff00000001ffffffffffffffff"},
		{WIRE_FORM_ARRAY, 21, "00000001000000000000001500000001000000010000000400000001"},
		{WIRE_FORM_ARRAY, 21,
		 "000000070000000000000015" /* 7 dimensions */
		 "0000000100000001000000010000000100000001000000010000000100000001"
		 "000000010000000100000001000000010000000100000001000000020001"},
		{WIRE_FORM_ARRAY, 869, ""},
		{WIRE_FORM_ARRAY, 869, "7b31302e302e302e31"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
	{
		struct buf    message = {0};
		struct column col = bad[i].form != WIRE_FORM_ARRAY ? plain(bad[i].form, 1700)
							: bad[i].oid == 869            ? array_of(WIRE_FORM_TEXT, 869)
														   : array_of(WIRE_FORM_INT, 21);

		buf_printf(&message, "0001%08zx%s", strlen(bad[i].hex) / 2, bad[i].hex);
		refused(col, buf_cstr(&message));
		buf_free(&message);
	}
}

/* An enum's array whose later elements are no such elements: no text is made of it. */
static void
unlabelled_refused(void **state)
{
	(void) state;
	refused(array_of(WIRE_FORM_ENUM, 23925),
			"00010000001d000000010000000000005d75000000030000000000000002736100000003");
	refused(array_of(WIRE_FORM_ENUM, 23925), "0001"
											 "0000001e"
											 "000000010000000000005d75000000020000000000000002"
											 "7361ffffffff");
}

/* What is refused is told without the value. */
static void
told(void **state)
{
	struct column    col = plain(WIRE_FORM_NUMERIC, 1700);
	struct table     tbl = table_of(&col, 1);
	struct copy_row *row = copy_row_new(&tbl, FRAME_BYTES, LONG_MAX_BYTES);

	(void) state;
	assert_rc_again(read_hex(row, header));
	assert_rc_err(read_hex(row, "00010000000200ff"), ERR_PROTOCOL, E1404);
	assert_string_equal(e.msg, "row of COPY is malformed");
	assert_string_equal(e.detail,
						"It has no value of its type.  It is of table \"s.t\", column \"c\".");
	assert_rc_err(read_hex(row, "0002"), ERR_PROTOCOL, E1404);
	assert_string_equal(e.detail, "It has another number of columns.  It is of table \"s.t\".");
	copy_row_free(row);
	copy_row_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(times),
		cmocka_unit_test(numerics),
		cmocka_unit_test(numeric_longest),
		cmocka_unit_test(texts),
		cmocka_unit_test(many_labels),
		cmocka_unit_test(arrays),
		cmocka_unit_test(domains),
		cmocka_unit_test(literals),
		cmocka_unit_test(literals_refused),
		cmocka_unit_test(maps),
		cmocka_unit_test(longs),
		cmocka_unit_test(select_list),
		cmocka_unit_test(messages),
		cmocka_unit_test(left_out_is_unsendable),
		cmocka_unit_test(headers_refused),
		cmocka_unit_test(rows_refused),
		cmocka_unit_test(values_refused),
		cmocka_unit_test(unlabelled_refused),
		cmocka_unit_test(told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
