/*
 * test_array.c
 *		Arrays: what array_open() believes and what it refuses, and the text,
 *		which is array_out()'s.  t/002_plugin_agreement.pl compares many more
 *		texts with a server's.
 */
#include "unit.h"

#include <limits.h>

#include "framebuilder.h"
#include "value.h"

static const char *labels[] = {"sad", "it's ok", "NULL"};

static struct column
column_of(enum wire_form form, uint32_t oid)
{
	return (struct column){.name = "c",
						   .form = WIRE_FORM_ARRAY,
						   .flags = WIRE_COLUMN_ARRAY,
						   .element = {oid, -1, "pg_catalog", "?"},
						   .element_form = form,
						   .delimiter = ',',
						   .labels = labels,
						   .nlabels = 3};
}

/* The text of a body, alone and as a value in a row; NULL: refused, both ways. */
static void
expect(const struct column *col, const struct buf *body, const char *text)
{
	uint8_t      *exact = unit_exact(body->data, body->len);
	struct buf    row = {0};
	struct buf    out = {0};
	struct cursor cur;

	buf_puts(&out, "before ");
	if (array_text(cursor_over(exact, body->len), col, &out) != (text != NULL))
		fail_msg("%s: %s", text ? text : "refused", buf_cstr(&out));
	if (text)
		assert_string_equal(buf_cstr(&out) + 7, text);

	fb_bytes(&row, body->data, body->len);
	buf_puts(&row, "behind");
	cur = cursor_over(row.data, row.len);
	buf_reset(&out);
	value_text(&cur, col, &out);
	assert_int_equal(cur.bad, text == NULL);
	if (text)
	{
		assert_string_equal(buf_cstr(&out), text);
		assert_int_equal(cursor_left(&cur), 6);
	}
	cur = cursor_over(row.data, row.len);
	value_skip(WIRE_FORM_ARRAY, &cur);
	assert_int_equal(cursor_left(&cur), 6);
	free(exact);
	buf_free(&row);
	buf_free(&out);
}

/* Puts a body by fb_ functions and expects its text. */
#define EXPECT(form_, oid_, text_, put_)             \
	do                                               \
	{                                                \
		struct column col_ = column_of(form_, oid_); \
		struct buf    body = {0};                    \
		put_;                                        \
		expect(&col_, &body, text_);                 \
		buf_free(&body);                             \
	} while (0)

#define DIMS(...) ((const uint32_t[]){__VA_ARGS__})
#define LOWER(...) ((const int32_t[]){__VA_ARGS__})
#define NULLS(...) ((const uint8_t[]){__VA_ARGS__})

static void
put_ints(struct buf *body, int count)
{
	for (int i = 1; i <= count; i++)
		fb_sv(body, i);
}

static void
shapes(void **state)
{
	(void) state;
	EXPECT(WIRE_FORM_INT, 23, "{}", fb_array_head(&body, 0, NULL, NULL, NULL));
	EXPECT(WIRE_FORM_INT, 23, "{}", fb_array_head(&body, 0, NULL, NULL, NULLS(0)));
	EXPECT(WIRE_FORM_INT, 23, "{1}",
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), put_ints(&body, 1)));
	EXPECT(WIRE_FORM_INT, 23, "{NULL,1,NULL}",
		   (fb_array_head(&body, 1, DIMS(3), LOWER(1), NULLS(5)), put_ints(&body, 1)));
	EXPECT(WIRE_FORM_INT, 23, "[-1:0]={1,2}",
		   (fb_array_head(&body, 1, DIMS(2), LOWER(-1), NULL), put_ints(&body, 2)));
	EXPECT(WIRE_FORM_INT, 23, "{{1,2,3},{4,5,6}}",
		   (fb_array_head(&body, 2, DIMS(2, 3), LOWER(1, 1), NULL), put_ints(&body, 6)));
	EXPECT(WIRE_FORM_INT, 23, "[1:2][0:0]={{1},{NULL}}",
		   (fb_array_head(&body, 2, DIMS(2, 1), LOWER(1, 0), NULLS(2)), put_ints(&body, 1)));
	EXPECT(WIRE_FORM_INT, 23, "{{{1,2},{3,4}},{{5,6},{7,8}}}",
		   (fb_array_head(&body, 3, DIMS(2, 2, 2), LOWER(1, 1, 1), NULL), put_ints(&body, 8)));
	EXPECT(WIRE_FORM_INT, 23, "{{{{{{1}}}}}}",
		   (fb_array_head(&body, 6, DIMS(1, 1, 1, 1, 1, 1), LOWER(1, 1, 1, 1, 1, 1), NULL),
			put_ints(&body, 1)));
	EXPECT(WIRE_FORM_INT, 23, "[2147483647:2147483647]={1}",
		   (fb_array_head(&body, 1, DIMS(1), LOWER(INT32_MAX), NULL), put_ints(&body, 1)));
	EXPECT(WIRE_FORM_INT, 23, "{1,2,3,4,5,6,7,8,NULL}",
		   (fb_array_head(&body, 1, DIMS(9), LOWER(1), NULLS(0, 1)), put_ints(&body, 8)));
}

/* One text of an array of texts. */
static void
quoted(const char *text, char delimiter, const char *expected)
{
	struct column col = column_of(WIRE_FORM_TEXT, 25);
	struct buf    body = {0};
	char         *whole = xasprintf("{x%c%s%cy}", delimiter, expected, delimiter);

	col.delimiter = delimiter;
	fb_array_head(&body, 1, DIMS(3), LOWER(1), NULL);
	fb_str(&body, "x");
	fb_str(&body, text);
	fb_str(&body, "y");
	expect(&col, &body, whole);
	free(whole);
	buf_free(&body);
}

static void
quoting(void **state)
{
	(void) state;
	quoted("", ',', "\"\"");
	quoted("plain_1.5-x'\xc3\xbc", ',', "plain_1.5-x'\xc3\xbc");
	quoted("NULL", ',', "\"NULL\"");
	quoted("nULl", ',', "\"nULl\"");
	quoted("NULLS", ',', "NULLS");
	quoted("nul", ',', "nul");
	quoted("a b", ',', "\"a b\"");
	quoted("\t", ',', "\"\t\"");
	quoted("\n", ',', "\"\n\"");
	quoted("\v\f\r", ',', "\"\v\f\r\"");
	quoted("\b\x1f", ',', "\b\x1f");
	quoted("{", ',', "\"{\"");
	quoted("}", ',', "\"}\"");
	quoted(",", ',', "\",\"");
	quoted(",", ';', ",");
	quoted(";", ';', "\";\"");
	quoted(";", ',', ";");
	quoted("\"", ',', "\"\\\"\"");
	quoted("\\", ',', "\"\\\\\"");
	quoted("\\\\\"\"", ',', "\"\\\\\\\\\\\"\\\"\"");
	quoted("say \"a\\b\"!", ',', "\"say \\\"a\\\\b\\\"!\"");
}

static void
forms(void **state)
{
	const uint16_t digits[] = {1, 5000};

	(void) state;
	EXPECT(WIRE_FORM_BOOL, 16, "{t,f}",
		   (fb_array_head(&body, 1, DIMS(2), LOWER(1), NULL), buf_put(&body, "\1\0", 2)));
	EXPECT(WIRE_FORM_INT, TYPE_DATE, "{2000-01-02}",
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), put_ints(&body, 1)));
	EXPECT(WIRE_FORM_FLOAT8, 701, "{1.5}",
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), fb_float8(&body, 1.5)));
	EXPECT(WIRE_FORM_NUMERIC, 1700, "{1.50}",
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL),
			fb_numeric(&body, '+', 2, 0, 2, digits)));
	EXPECT(WIRE_FORM_INT64, TYPE_TIMESTAMPTZ, "{\"2000-01-01 00:00:01+00\"}",
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), fb_u64(&body, 1000000)));
	EXPECT(WIRE_FORM_BYTES, 17, "{\"\\\\x00ff\"}",
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), fb_bytes(&body, "\0\xff", 2)));
	EXPECT(WIRE_FORM_ENUM, 16401, "{\"it's ok\",sad,\"NULL\"}",
		   (fb_array_head(&body, 1, DIMS(3), LOWER(1), NULL), buf_put(&body, "\1\0\2", 3)));
}

/* What an element is, its domain's base type says. */
static void
elements_of_a_domain(void **state)
{
	struct column col = column_of(WIRE_FORM_INT, 16402);
	struct buf    body = {0};

	(void) state;
	fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL);
	put_ints(&body, 1);
	expect(&col, &body, "{1}");
	col.element_base = TYPE_DATE;
	expect(&col, &body, "{2000-01-02}");
	buf_free(&body);
}

static void
elements_one_by_one(void **state)
{
	struct buf   body = {0};
	struct array arr;

	(void) state;
	fb_array_head(&body, 2, DIMS(5, 2), LOWER(1, -7), NULLS(0x81, 0x02));
	put_ints(&body, 7);
	arr = array_open(cursor_over(body.data, body.len));
	assert_false(arr.elements.bad);
	assert_int_equal(arr.ndim, 2);
	assert_int_equal(arr.count, 10);
	assert_int_equal(arr.lengths[0], 5);
	assert_int_equal(arr.lengths[1], 2);
	assert_int_equal(arr.lower[0], 1);
	assert_int_equal(arr.lower[1], -7);
	for (uint32_t i = 0; i < arr.count; i++)
		assert_int_equal(array_is_null(&arr, i), i == 0 || i == 7 || i == 9);
	assert_int_equal(cursor_left(&arr.elements), 7);
	buf_free(&body);
}

static void
refused(const struct buf *body)
{
	uint8_t     *exact = unit_exact(body->data, body->len);
	struct array arr = array_open(cursor_over(exact, body->len));

	assert_true(arr.elements.bad);
	assert_int_equal(arr.count, 0);
	assert_int_equal(arr.ndim, 0);
	free(exact);
}

/* A head of one dimension that claims so much, and some bytes behind it. */
static void
claims(uint64_t ndim, uint64_t length, int64_t lower, int map, size_t bytes)
{
	struct buf body = {0};

	fb_uv(&body, ndim);
	fb_uv(&body, length);
	fb_sv(&body, lower);
	buf_put_u8(&body, (uint8_t) map);
	for (size_t i = 0; i < bytes; i++)
		buf_put_u8(&body, 0);
	refused(&body);
	buf_free(&body);
}

static void
what_cannot_be_is_refused(void **state)
{
	struct buf body = {0};

	(void) state;
	claims(7, 1, 1, 0, 100);
	claims(UINT64_MAX, 1, 1, 0, 100);
	claims(1, 0, 1, 0, 100);
	claims(1, 101, 1, 0, 100); /* a value takes a byte at least */
	claims(1, 0x10000000, 1, 0, 100);
	claims(1, UINT64_MAX, 1, 0, 100);
	claims(1, 1, (int64_t) INT32_MAX + 1, 0, 100);
	claims(1, 1, (int64_t) INT32_MIN - 1, 0, 100);
	claims(1, 1, 1, 2, 100);
	claims(1, 801, 1, 1, 100); /* a map longer than the array */
	claims(1, 800, 1, 1, 100); /* a map and no values */
	fb_array_head(&body, 0, NULL, NULL, NULL);
	buf_put_u8(&body, 0); /* elements of no dimension */
	refused(&body);

	buf_reset(&body);
	fb_uv(&body, 6); /* products that overflow 32 and 64 bits */
	for (int i = 0; i < 6; i++)
	{
		fb_uv(&body, 65536);
		fb_sv(&body, 1);
	}
	buf_put_u8(&body, 0);
	refused(&body);
	buf_free(&body);
}

/* Many NULLs are cheap to claim; what is left over in the map's last byte means nothing. */
static void
nulls_only(void **state)
{
	struct column col = column_of(WIRE_FORM_TEXT, 25);
	struct buf    body = {0};
	struct buf    out = {0};
	struct array  arr;

	(void) state;
	fb_array_head(&body, 1, DIMS(12), LOWER(1), NULLS(0xff, 0xff));
	expect(&col, &body, "{NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}");
	arr = array_open(cursor_over(body.data, body.len));
	assert_int_equal(arr.count, 12);
	buf_free(&body);
	buf_free(&out);
}

static void
cut_at_every_byte(void **state)
{
	struct column col = column_of(WIRE_FORM_TEXT, 25);
	struct buf    body = {0};
	struct buf    out = {0};

	(void) state;
	fb_array_head(&body, 2, DIMS(2, 2), LOWER(1, 0), NULLS(4));
	fb_str(&body, "one");
	fb_str(&body, "");
	fb_str(&body, "three");
	expect(&col, &body, "[1:2][0:1]={{one,\"\"},{NULL,three}}");
	for (size_t len = 0; len < body.len; len++)
	{
		uint8_t *part = unit_exact(body.data, len);

		assert_false(array_text(cursor_over(part, len), &col, &out));
		free(part);
	}
	buf_put_u8(&body, 0); /* and one too many */
	assert_false(array_text(cursor_over(body.data, body.len), &col, &out));
	buf_free(&body);
	buf_free(&out);
}

static void
elements_that_cannot_be(void **state)
{
	(void) state;
	EXPECT(WIRE_FORM_BOOL, 16, NULL,
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), buf_put_u8(&body, 2)));
	EXPECT(WIRE_FORM_ENUM, 16401, NULL,
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), fb_uv(&body, 3)));
	EXPECT(WIRE_FORM_INT64, 20, NULL,
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), fb_u32(&body, 3)));
	EXPECT(WIRE_FORM_TEXT, 25, NULL,
		   (fb_array_head(&body, 1, DIMS(1), LOWER(1), NULL), fb_uv(&body, UINT64_MAX)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes),
		cmocka_unit_test(quoting),
		cmocka_unit_test(forms),
		cmocka_unit_test(elements_of_a_domain),
		cmocka_unit_test(elements_one_by_one),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(nulls_only),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(elements_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
