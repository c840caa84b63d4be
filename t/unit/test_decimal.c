/*
 * test_decimal.c
 *		Numeric digits to two's complement and back: the edges of every length,
 *		scales, and numbers as large as PostgreSQL has them.
 */
#include "unit.h"

#include "decimal.h"
#include "numerals.h"

static struct buf wire;
static struct buf out;
static struct buf text;

/* It lives until the next one. */
static struct numeric
numeric_of(const char *s)
{
	struct cursor  cur;
	struct numeric num;

	buf_reset(&wire);
	numeral_put(&wire, s);
	cur = cursor_over(wire.data, wire.len);
	num = value_numeric(&cur);
	assert_false(cur.bad);
	return num;
}

/* Avro's length taken off. */
static struct str
bytes_of(const struct buf *avro)
{
	struct cursor cur = cursor_over(avro->data, avro->len);
	int64_t       len = cursor_sv(&cur);

	assert_int_equal(len, cursor_left(&cur));
	return (struct str){(const char *) cur.p, (size_t) len};
}

static void
check(const char *s, int scale, const char *hex)
{
	struct numeric num = numeric_of(s);
	struct str     bytes;
	char           found[200] = "";

	buf_reset(&out);
	assert_true(decimal_put(&num, scale, &out));
	bytes = bytes_of(&out);
	for (size_t i = 0; i < bytes.len; i++)
		sprintf(found + 2 * i, "%02x", (uint8_t) bytes.data[i]);
	assert_string_equal(found, hex);
}

static void
test_edges(void **state)
{
	(void) state;
	check("0", 0, "00");
	check("0.00", 2, "00");
	check("127", 0, "7f");
	check("128", 0, "0080");
	check("-128", 0, "80");
	check("-129", 0, "ff7f");
	check("255", 0, "00ff");
	check("256", 0, "0100");
	check("-256", 0, "ff00");
	check("32767", 0, "7fff");
	check("32768", 0, "008000");
	check("-32768", 0, "8000");
	check("9223372036854775807", 0, "7fffffffffffffff");
	check("9223372036854775808", 0, "008000000000000000");
	check("-9223372036854775808", 0, "8000000000000000");
	check("-9223372036854775809", 0, "ff7fffffffffffffff");
	check("-340282366920938463463374607431768211456", 0, "ff00000000000000000000000000000000");
	check("170141183460469231731687303715884105728", 0, "0080000000000000000000000000000000");
	check("-170141183460469231731687303715884105728", 0, "80000000000000000000000000000000");
	check("-19.99", 2, "f831");
	check("12345.67", 2, "12d687");
	check("1.5", 2, "0096");
	check("-99999999.99", 2, "fdabf41c01");
	check("12345678901234567890123456789012345678901234567890.5", 1,
		  "5478f9e220adb25e4d21808ccdb7cf6fe40e766c39");
	check("999999999999999999", 0, "0de0b6b3a763ffff");
	check("1000000000000000000", 0, "0de0b6b3a7640000");
	check("0.000000000000000000000000000001", 30, "01");
}

static void
test_refused(void **state)
{
	struct numeric num = numeric_of("1.25");
	struct numeric nan = {WIRE_NUMERIC_NAN, 0, 0, 0, NULL};
	struct numeric infinity = {WIRE_NUMERIC_MINUS_INFINITY, 0, 0, 0, NULL};

	(void) state;
	buf_reset(&out);
	assert_false(decimal_put(&num, 1, &out)); /* would lose a digit */
	assert_false(decimal_put(&nan, 2, &out));
	assert_false(decimal_put(&infinity, 2, &out));
	assert_int_equal(out.len, 0);
	num = numeric_of("1234567890123456789012345678901234567890.25");
	assert_false(decimal_put(&num, 1, &out));
	assert_int_equal(out.len, 0);
	assert_true(decimal_put(&num, 2, &out));
}

static void
test_scale(void **state)
{
	static const struct
	{
		const char *text;
		int         scale;
	} cases[] = {
		{"0", 0},       {"100", 0},      {"100.00", 0}, {"1.250", 2}, {"1.2345", 4}, {"1.23456", 5},
		{"0.00001", 5}, {"12300.10", 1}, {"-0.5", 1},   {"10000", 0}, {"0.0001", 4}, {"0.1000", 1},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct numeric num = numeric_of(cases[i].text);

		assert_int_equal(decimal_scale(&num), cases[i].scale);
	}
}

static void
check_literal(const char *s, int scale, const char *expected)
{
	struct str bytes;

	buf_reset(&out);
	buf_reset(&text);
	assert_true(decimal_read(s, scale, &out));
	bytes = bytes_of(&out);
	decimal_text((const uint8_t *) bytes.data, bytes.len, scale, &text);
	assert_string_equal(buf_cstr(&text), expected);
}

static void
test_literal(void **state)
{
	(void) state;
	check_literal("1.50", 2, "1.50");
	check_literal("-1.5", 2, "-1.50");
	check_literal("0.0", 2, "0.00");
	check_literal("7", 3, "7.000");
	check_literal("1.5000", 2, "1.50");
	check_literal("99.0", 0, "99");
	check_literal(".5", 1, "0.5");
	check_literal("123456789012345678901234567890.12", 2, "123456789012345678901234567890.12");
	buf_reset(&out);
	assert_false(decimal_read("", 2, &out));
	assert_false(decimal_read("-", 2, &out));
	assert_false(decimal_read("1.005", 2, &out));
	assert_false(decimal_read("99.5", 0, &out));
	assert_false(decimal_read(".", 2, &out));
	assert_false(decimal_read("1e3", 2, &out));
	assert_false(decimal_read("1.2.3", 2, &out));
	assert_false(decimal_read("NaN", 2, &out));
	assert_int_equal(out.len, 0);
}

static void
test_word(void **state)
{
	static const int64_t words[] = {0, 1, -1, 127, -128, 128, INT64_MAX, INT64_MIN, -100, 123456};

	(void) state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		struct str bytes;
		char       expected[32];

		buf_reset(&out);
		buf_reset(&text);
		decimal_put_word(words[i], &out);
		bytes = bytes_of(&out);
		decimal_text((const uint8_t *) bytes.data, bytes.len, 0, &text);
		snprintf(expected, sizeof(expected), "%lld", (long long) words[i]);
		assert_string_equal(buf_cstr(&text), expected);
	}
}

static void
check_shifted(int64_t value, int shift, const char *expected)
{
	struct str bytes;

	buf_reset(&out);
	buf_reset(&text);
	decimal_put_shifted(value, shift, &out);
	bytes = bytes_of(&out);
	decimal_text((const uint8_t *) bytes.data, bytes.len, 0, &text);
	assert_string_equal(buf_cstr(&text), expected);
}

static void
test_shifted(void **state)
{
	(void) state;
	check_shifted(0, 10, "0");
	check_shifted(1234, 0, "1234");
	check_shifted(1234, 2, "123400");
	check_shifted(-1, 3, "-1000");
	check_shifted(INT64_MAX, 10, "92233720368547758070000000000");
	check_shifted(INT64_MIN, 10, "-92233720368547758080000000000");
	/* Half goes away from zero. */
	check_shifted(1249, -2, "12");
	check_shifted(1250, -2, "13");
	check_shifted(-1249, -2, "-12");
	check_shifted(-1250, -2, "-13");
	check_shifted(49, -2, "0");
	check_shifted(-49, -2, "0");
	check_shifted(50, -2, "1");
	check_shifted(9, -1, "1");
	check_shifted(4, -1, "0");
	check_shifted(INT64_MAX, -1, "922337203685477581");
	check_shifted(INT64_MIN, -1, "-922337203685477581");
	check_shifted(INT64_MIN, 0, "-9223372036854775808");
	check_shifted(INT64_MAX, -19, "1");
	check_shifted(INT64_MAX, -20, "0");
	check_shifted(INT64_MAX, -1000, "0");
}

static unsigned seed = 20261121;

static unsigned
next_random(unsigned below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % below;
}

/* Digits to bytes to digits, against value.c's own printing. */
static void
round_trip(size_t whole, size_t fraction)
{
	char          *s = malloc(whole + fraction + 3);
	char          *at = s;
	struct numeric num;
	struct buf     ours = {0};
	struct buf     theirs = {0};
	struct str     bytes;

	if (next_random(2))
		*at++ = '-';
	for (size_t i = 0; i < whole; i++)
		*at++ = (char) ('0' + (i ? next_random(10) : 1 + next_random(9)));
	if (fraction > 0)
		*at++ = '.';
	for (size_t i = 0; i < fraction; i++)
		*at++ = (char) ('0' + next_random(10));
	*at = '\0';
	num = numeric_of(s);
	buf_reset(&out);
	assert_true(decimal_put(&num, (int) fraction, &out));
	bytes = bytes_of(&out);
	decimal_text((const uint8_t *) bytes.data, bytes.len, (int) fraction, &ours);
	numeric_text(&num, &theirs);
	assert_string_equal(buf_cstr(&ours), buf_cstr(&theirs));
	assert_string_equal(buf_cstr(&ours), s);
	/* Minimal: the first byte is not a mere repetition of the sign. */
	if (bytes.len > 1)
		assert_false(((uint8_t) bytes.data[0] == 0 && (uint8_t) bytes.data[1] < 0x80) ||
					 ((uint8_t) bytes.data[0] == 0xff && (uint8_t) bytes.data[1] >= 0x80));
	free(s);
	buf_free(&ours);
	buf_free(&theirs);
}

static void
test_round_trips(void **state)
{
	(void) state;
	for (int i = 0; i < 3000; i++)
		round_trip(1 + next_random(60), next_random(40));
}

static void
test_largest(void **state)
{
	(void) state;
	round_trip(131072, 16383); /* the most that PostgreSQL stores */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),       cmocka_unit_test(test_refused),
		cmocka_unit_test(test_scale),       cmocka_unit_test(test_literal),
		cmocka_unit_test(test_word),        cmocka_unit_test(test_shifted),
		cmocka_unit_test(test_round_trips), cmocka_unit_test(test_largest),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_free(&wire);
	buf_free(&out);
	buf_free(&text);
	return failed;
}
