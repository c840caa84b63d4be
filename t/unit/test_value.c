/*
 * test_value.c
 *		Every fixed form against what PostgreSQL printed (t/golden/values.txt,
 *		made by values.sql), and the values that no server would send.
 */
#include "unit.h"

#include <inttypes.h>
#include <math.h>

#include "framebuilder.h"
#include "value.h"

static const struct
{
	const char    *name;
	enum wire_form form;
	uint32_t       oid;
} types[] = {
	{"float4", WIRE_FORM_FLOAT4, 700},
	{"float8", WIRE_FORM_FLOAT8, 701},
	{"date", WIRE_FORM_INT, TYPE_DATE},
	{"time", WIRE_FORM_INT64, TYPE_TIME},
	{"timetz", WIRE_FORM_TIMETZ, 1266},
	{"timestamp", WIRE_FORM_INT64, TYPE_TIMESTAMP},
	{"timestamptz", WIRE_FORM_INT64, TYPE_TIMESTAMPTZ},
	{"interval", WIRE_FORM_INTERVAL, 1186},
	{"numeric", WIRE_FORM_NUMERIC, 1700},
	{"uuid", WIRE_FORM_UUID, 2950},
};

#define NTYPES (sizeof(types) / sizeof(*types))

static struct column
column_of(enum wire_form form, uint32_t oid)
{
	return (struct column){.name = "c", .form = form, .base = {oid, -1, "pg_catalog", "?"}};
}

static uint64_t
be(const uint8_t *bytes, int len)
{
	uint64_t value = 0;

	for (int i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* numeric_send's layout: int16 ndigits, weight, sign, dscale, digits. */
static void
numeric_wire(const uint8_t *sent, struct buf *out)
{
	uint16_t digits[1000];
	unsigned ndigits = (unsigned) be(sent, 2);
	char     sign;

	switch (be(sent + 4, 2))
	{
		case 0x0000: sign = WIRE_NUMERIC_POSITIVE; break;
		case 0x4000: sign = WIRE_NUMERIC_NEGATIVE; break;
		case 0xC000: sign = WIRE_NUMERIC_NAN; break;
		case 0xD000: sign = WIRE_NUMERIC_INFINITY; break;
		case 0xF000: sign = WIRE_NUMERIC_MINUS_INFINITY; break;
		default: fail_msg("sign of a numeric"); return;
	}
	assert_true(ndigits <= 1000);
	for (unsigned i = 0; i < ndigits; i++)
		digits[i] = (uint16_t) be(sent + 8 + 2 * i, 2);
	fb_numeric(out, sign, (unsigned) be(sent + 6, 2), (int16_t) be(sent + 2, 2), ndigits, digits);
}

/* From the type's send function's bytes to wire.h's. */
static void
wire_of(enum wire_form form, const uint8_t *sent, struct buf *out)
{
	switch (form)
	{
		case WIRE_FORM_FLOAT4: fb_u32(out, (uint32_t) be(sent, 4)); return;
		case WIRE_FORM_INT: fb_sv(out, (int32_t) be(sent, 4)); return;
		case WIRE_FORM_TIMETZ:
			fb_u64(out, be(sent, 8));
			fb_u32(out, (uint32_t) be(sent + 8, 4));
			return;
		case WIRE_FORM_INTERVAL:
			fb_interval(out, (int64_t) be(sent, 8), (int32_t) be(sent + 8, 4),
						(int32_t) be(sent + 12, 4));
			return;
		case WIRE_FORM_NUMERIC: numeric_wire(sent, out); return;
		case WIRE_FORM_UUID: buf_put(out, sent, 16); return;
		default: fb_u64(out, be(sent, 8)); return;
	}
}

static void
check_line(char *line)
{
	char         *hex = strchr(line, ' ');
	char         *text = hex ? strchr(hex + 1, ' ') : NULL;
	uint8_t       sent[2048] = {0};
	struct buf    wire = {0};
	struct buf    out = {0};
	struct cursor cur;
	size_t        type = 0;
	uint8_t      *exact;

	assert_non_null(text);
	*hex++ = '\0';
	*text++ = '\0';
	while (strcmp(types[type].name, line) != 0)
		assert_true(++type < NTYPES);
	for (size_t i = 0; hex[2 * i]; i++)
	{
		char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		assert_true(i < sizeof(sent));
		sent[i] = (uint8_t) strtoul(two, NULL, 16);
	}
	wire_of(types[type].form, sent, &wire);

	struct column col = column_of(types[type].form, types[type].oid);

	exact = unit_exact(wire.data, wire.len);
	cur = cursor_over(exact, wire.len);
	value_text(&cur, &col, &out);
	if (cur.bad || cur.p != cur.end || strcmp(buf_cstr(&out), text) != 0)
		fail_msg("%s %s: expected %s, got %s", line, hex, text, buf_cstr(&out));
	cur = cursor_over(exact, wire.len);
	value_skip(types[type].form, &cur);
	assert_false(cur.bad);
	assert_ptr_equal(cur.p, cur.end);
	for (size_t len = 0; len < wire.len; len++)
	{
		uint8_t *part = unit_exact(exact, len);

		cur = cursor_over(part, len);
		value_skip(types[type].form, &cur);
		assert_true(cur.bad);
		buf_reset(&out);
		cur = cursor_over(part, len);
		value_text(&cur, &col, &out);
		assert_true(cur.bad);
		free(part);
	}
	free(exact);
	buf_free(&wire);
	buf_free(&out);
}

static void
text_is_what_the_server_prints(void **state)
{
	const char *path = getenv("VALUES_TXT");
	struct buf  file = unit_file(path ? path : "t/golden/values.txt");
	unsigned    count = 0;

	(void) state;
	for (char *line = strtok(buf_cstr(&file), "\n"); line; line = strtok(NULL, "\n"))
	{
		check_line(line);
		count++;
	}
	assert_true(count > 300);
	buf_free(&file);
}

static void
expect(const struct column *col, const struct buf *wire, const char *text)
{
	uint8_t      *exact = unit_exact(wire->data, wire->len);
	struct cursor cur = cursor_over(exact, wire->len);
	struct buf    out = {0};

	value_text(&cur, col, &out);
	if (text == NULL)
		assert_true(cur.bad);
	else
	{
		assert_false(cur.bad);
		assert_ptr_equal(cur.p, cur.end);
		assert_string_equal(buf_cstr(&out), text);
	}
	free(exact);
	buf_free(&out);
}

/* Puts one value by an fb_ function and expects its text; NULL: refused. */
#define EXPECT(form_, oid_, text_, put_)             \
	do                                               \
	{                                                \
		struct column col_ = column_of(form_, oid_); \
		struct buf    wire = {0};                    \
		put_;                                        \
		expect(&col_, &wire, text_);                 \
		buf_free(&wire);                             \
	} while (0)

static void
simple_forms(void **state)
{
	(void) state;
	EXPECT(WIRE_FORM_BOOL, 16, "t", buf_put_u8(&wire, 1));
	EXPECT(WIRE_FORM_BOOL, 16, "f", buf_put_u8(&wire, 0));
	EXPECT(WIRE_FORM_BOOL, 16, NULL, buf_put_u8(&wire, 2));
	EXPECT(WIRE_FORM_INT, 20, "-9223372036854775808", fb_sv(&wire, INT64_MIN));
	EXPECT(WIRE_FORM_INT, 20, "9223372036854775807", fb_sv(&wire, INT64_MAX));
	EXPECT(WIRE_FORM_INT, TYPE_DATE, NULL, fb_sv(&wire, (int64_t) INT32_MAX + 1));
	EXPECT(WIRE_FORM_INT, TYPE_DATE, NULL, fb_sv(&wire, INT64_MIN));
	EXPECT(WIRE_FORM_OID, 26, "4294967295", fb_uv(&wire, UINT32_MAX));
	EXPECT(WIRE_FORM_INT64, TYPE_MONEY, "-1250", fb_u64(&wire, (uint64_t) -1250));
	EXPECT(WIRE_FORM_TEXT, 25, "", fb_str(&wire, ""));
	EXPECT(WIRE_FORM_TEXT, 25, "it's", fb_str(&wire, "it's"));
	EXPECT(WIRE_FORM_BYTES, 17, "\\x", fb_str(&wire, ""));
	EXPECT(WIRE_FORM_BYTES, 17, "\\x0061ff", fb_bytes(&wire, "\0a\xff", 3));
	EXPECT((enum wire_form) '?', 25, NULL, fb_u64(&wire, 0));
}

static void
enum_without_its_label(void **state)
{
	const char   *labels[] = {"a", "b"};
	struct column col = column_of(WIRE_FORM_ENUM, 16401);
	struct buf    wire = {0};

	(void) state;
	col.labels = labels;
	col.nlabels = 2;
	fb_uv(&wire, 1);
	expect(&col, &wire, "b");
	buf_reset(&wire);
	fb_uv(&wire, 2);
	expect(&col, &wire, NULL);
	buf_free(&wire);
}

static void
numerics_that_cannot_be(void **state)
{
	const uint16_t big = 10000;
	const uint16_t one = 1;

	(void) state;
	EXPECT(WIRE_FORM_NUMERIC, 1700, NULL, fb_numeric(&wire, '+', 0, 0, 1, &big));
	EXPECT(WIRE_FORM_NUMERIC, 1700, NULL, fb_numeric(&wire, '+', 16384, 0, 1, &one));
	EXPECT(WIRE_FORM_NUMERIC, 1700, NULL, fb_numeric(&wire, '+', 0, 32768, 1, &one));
	EXPECT(WIRE_FORM_NUMERIC, 1700, NULL, fb_numeric(&wire, '+', 0, -32769, 1, &one));
	EXPECT(WIRE_FORM_NUMERIC, 1700, NULL, buf_put_u8(&wire, '?'));
	EXPECT(WIRE_FORM_NUMERIC, 1700, NULL,
		   (buf_puts(&wire, "+"), fb_uv(&wire, 0), fb_sv(&wire, 0), fb_uv(&wire, UINT64_MAX)));
}

/* The largest that PostgreSQL holds: 131072 digits before the point, 16383 behind. */
static void
numeric_of_extreme_size(void **state)
{
	struct column  col = column_of(WIRE_FORM_NUMERIC, 1700);
	const uint16_t digit = 1000;
	struct buf     wire = {0};
	struct buf     out = {0};
	struct cursor  cur;

	(void) state;
	fb_numeric(&wire, '-', 16383, 32767, 1, &digit);
	cur = cursor_over(wire.data, wire.len);
	value_text(&cur, &col, &out);
	assert_false(cur.bad);
	assert_int_equal(out.len, 1 + 131072 + 1 + 16383);
	assert_memory_equal(out.data, "-1000", 5);
	assert_int_equal(out.data[1 + 131072], '.');
	buf_free(&wire);
	buf_free(&out);
}

/* Bit patterns outside of what the types allow: any text, no undefined behaviour. */
static void
wild_bits(void **state)
{
	static const int64_t wild[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
	struct buf           out = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(wild) / sizeof(*wild); i++)
	{
		time_text(wild[i], &out);
		timestamp_text(wild[i], "+00", &out);
		timetz_text(wild[i], INT32_MIN, &out);
		timetz_text(wild[i], INT32_MAX, &out);
		interval_text(wild[i], INT32_MIN, INT32_MIN, false, &out);
		interval_text(wild[i], INT32_MAX, INT32_MIN, false, &out);
		date_text((int32_t) wild[i], &out);
	}
	date_text(INT32_MIN + 1, &out);
	date_text(INT32_MAX - 1, &out);
	assert_true(out.len > 0);

	buf_reset(&out);
	interval_text(INT64_MAX, INT32_MAX, INT32_MAX, false, &out);
	assert_string_equal(buf_cstr(&out), "infinity");
	buf_reset(&out);
	interval_text(INT64_MIN, INT32_MIN, INT32_MIN, false, &out);
	assert_string_equal(buf_cstr(&out), "-infinity");
	buf_free(&out);
}

/* Days are counted without a gap, and each is the day after the one before. */
static void
calendar_has_every_day(void **state)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t          year = -400;
	int              month = 1;
	int              day = 1;

	(void) state;
	for (int32_t days = -876582; days < 876582; days++)
	{
		struct buf out = {0};
		char       expected[40];
		bool       leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

		snprintf(expected, sizeof(expected), "%04" PRId64 "-%02d-%02d%s",
				 year > 0 ? year : 1 - year, month, day, year > 0 ? "" : " BC");
		date_text(days, &out);
		assert_string_equal(buf_cstr(&out), expected);
		buf_free(&out);
		if (++day > lengths[month - 1] + (month == 2 && leap))
		{
			day = 1;
			month++;
		}
		if (month > 12)
		{
			month = 1;
			year++;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_what_the_server_prints), cmocka_unit_test(simple_forms),
		cmocka_unit_test(enum_without_its_label),         cmocka_unit_test(numerics_that_cannot_be),
		cmocka_unit_test(numeric_of_extreme_size),        cmocka_unit_test(wild_bits),
		cmocka_unit_test(calendar_has_every_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
