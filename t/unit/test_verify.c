/*
 * test_verify.c
 *		avro.verify believes a message of its own row, and none of another's: for
 *		every shape in every mode.  Values that hold others are in test_nested.c.
 */
#include "onecolumn.h"

#include <math.h>

#include "numerals.h"

#define PRECISION(precision, scale) (((precision) << 16 | (scale)) + 4)

static struct column
of(enum wire_form form, uint32_t oid, const char *type, int32_t typmod)
{
	return (struct column) COLUMN("c", form, oid, type, typmod, 0);
}

/* put_ and other_ append a value to value: the row's, and one that it does not have. */
#define NOTICED(col_, put_, other_)             \
	do                                          \
	{                                           \
		plan_column(col_, false);               \
		buf_reset(&value);                      \
		put_;                                   \
		assert_rc_ok(encode(WIRE_STATE_VALUE)); \
		buf_reset(&value);                      \
		other_;                                 \
		assert_not_of_value();                  \
		buf_reset(&value);                      \
		assert_rc_ok(encode(WIRE_STATE_NULL));  \
		other_;                                 \
		assert_rc_ok(encode(WIRE_STATE_VALUE)); \
	} while (0)

static void
u64(int64_t number)
{
	fb_u64(&value, (uint64_t) number);
}

static void
test_plain(void **state)
{
	(void) state;
	NOTICED(of(WIRE_FORM_BOOL, 16, "bool", -1), buf_put_u8(&value, 1), buf_put_u8(&value, 0));
	NOTICED(of(WIRE_FORM_INT, 21, "int2", -1), fb_sv(&value, 1), fb_sv(&value, -1));
	NOTICED(of(WIRE_FORM_INT, 20, "int8", -1), fb_sv(&value, INT64_MAX), fb_sv(&value, INT64_MIN));
	NOTICED(of(WIRE_FORM_OID, 26, "oid", -1), fb_uv(&value, 4294967295), fb_uv(&value, 0));
	NOTICED(of(WIRE_FORM_FLOAT4, 700, "float4", -1), fb_float4(&value, 0.1F),
			fb_float4(&value, NAN));
	NOTICED(of(WIRE_FORM_FLOAT8, 701, "float8", -1), fb_float8(&value, INFINITY),
			fb_float8(&value, 0.1));
	NOTICED(of(WIRE_FORM_UUID, 2950, "uuid", -1), buf_put(&value, "0123456789abcdef", 16),
			buf_put(&value, "0123456789abcdeg", 16));
	NOTICED(of(WIRE_FORM_TEXT, 25, "text", -1), fb_str(&value, "a"), fb_str(&value, ""));
	NOTICED(of(WIRE_FORM_TEXT, 1560, "bit", 1), fb_str(&value, "1"), fb_str(&value, "0"));
	NOTICED(of(WIRE_FORM_TEXT, 1560, "bit", 9), fb_str(&value, "100000001"),
			fb_str(&value, "000000001"));
}

static void
test_enum(void **state)
{
	struct column col = of(WIRE_FORM_ENUM, 80000, "mood", -1);

	(void) state;
	col.flags = WIRE_COLUMN_ENUM;
	col.labels = labels;
	col.nlabels = 3;
	NOTICED(col, fb_uv(&value, 1), fb_uv(&value, 2));
}

static void
test_decimals(void **state)
{
	(void) state;
	for (int mode = DECIMAL_PRECISE; mode <= DECIMAL_STRING; mode++)
	{
		fmt.decimals = (enum decimal_mode) mode;
		NOTICED(of(WIRE_FORM_NUMERIC, 1700, "numeric", PRECISION(10, 2)),
				numeral_put(&value, "-1.50"), numeral_put(&value, "1.50"));
		NOTICED(of(WIRE_FORM_NUMERIC, 1700, "numeric", -1), numeral_put(&value, "1200.50"),
				numeral_put(&value, "120.05"));
		NOTICED(of(WIRE_FORM_INT64, 790, "money", -1), u64(-123456), u64(-123457));
		if (mode == DECIMAL_PRECISE)
			continue;
		NOTICED(of(WIRE_FORM_NUMERIC, 1700, "numeric", -1), numeral_put(&value, "NaN"),
				numeral_put(&value, "Infinity"));
		NOTICED(of(WIRE_FORM_NUMERIC, 1700, "numeric", -1), numeral_put(&value, "Infinity"),
				numeral_put(&value, "-Infinity"));
	}
}

/* The digits of the server and those of events. */
static void
test_money(void **state)
{
	(void) state;
	for (unsigned wire = 0; wire <= 4; wire++)
		for (unsigned money = 0; money <= 4; money++)
			for (int mode = DECIMAL_PRECISE; mode <= DECIMAL_STRING; mode++)
			{
				fmt.wire_digits = wire;
				fmt.money_digits = money;
				fmt.decimals = (enum decimal_mode) mode;
				NOTICED(of(WIRE_FORM_INT64, 790, "money", -1), u64(-12345678), u64(12355678));
				NOTICED(of(WIRE_FORM_INT64, 790, "money", -1), u64(INT64_MAX), u64(5));
				NOTICED(of(WIRE_FORM_INT64, 790, "money", -1), u64(-50000), u64(INT64_MIN));
			}
}

static void
test_times(void **state)
{
	const int64_t second = 1000000;
	const int64_t day = 86400 * second;
	const int64_t us = second * 45296 + 789012;
	const int64_t ms = second * 45296 + 789000;

	(void) state;
	for (int mode = TIME_ADAPTIVE; mode <= TIME_NANOSECONDS; mode++)
	{
		fmt.times = (enum time_mode) mode;
		NOTICED(of(WIRE_FORM_INT, 1082, "date", -1), fb_sv(&value, 8000), fb_sv(&value, 8001));
		NOTICED(of(WIRE_FORM_INT, 1082, "date", -1), fb_sv(&value, -800000), fb_sv(&value, 8001));
		NOTICED(of(WIRE_FORM_INT, 1082, "date", -1), fb_sv(&value, 3778000),
				fb_sv(&value, 3778001));
		NOTICED(of(WIRE_FORM_INT64, 1184, "timestamptz", -1), u64(-800000 * day + us),
				u64(-800001 * day + us));
		NOTICED(of(WIRE_FORM_INT64, 1184, "timestamptz", 3), u64(3778000 * day),
				u64(3778001 * day));
		NOTICED(of(WIRE_FORM_INT64, 1083, "time", -1), u64(us), u64(us + 1000));
		NOTICED(of(WIRE_FORM_INT64, 1083, "time", 3), u64(ms), u64(ms - 1000));
		NOTICED(of(WIRE_FORM_INT64, 1114, "timestamp", -1), u64(us), u64(us + 1000));
		NOTICED(of(WIRE_FORM_INT64, 1114, "timestamp", 3), u64(-ms), u64(-ms - 1000));
		NOTICED(of(WIRE_FORM_INT64, 1114, "timestamp", -1), u64(0), u64(INT64_MAX));
		NOTICED(of(WIRE_FORM_INT64, 1114, "timestamp", -1), u64(1), u64(INT64_MIN));
		NOTICED(of(WIRE_FORM_INT64, 1184, "timestamptz", -1), u64(us), u64(us + 1));
		NOTICED(of(WIRE_FORM_INT64, 1184, "timestamptz", 0), u64(second), u64(-second));
		NOTICED(of(WIRE_FORM_TIMETZ, 1266, "timetz", -1), (u64(us), fb_u32(&value, 3600)),
				(u64(us), fb_u32(&value, 0)));
	}
}

static void
test_intervals(void **state)
{
	(void) state;
	for (int mode = INTERVAL_NUMERIC; mode <= INTERVAL_STRING; mode++)
	{
		fmt.intervals = (enum interval_mode) mode;
		NOTICED(of(WIRE_FORM_INTERVAL, 1186, "interval", -1),
				fb_interval(&value, INT64_C(14706789012), 3, 14), fb_interval(&value, 0, 3, 14));
		NOTICED(of(WIRE_FORM_INTERVAL, 1186, "interval", -1),
				fb_interval(&value, INT64_C(-14706789012), -3, 1),
				fb_interval(&value, INT64_C(-14706789012), 3, 1));
		NOTICED(of(WIRE_FORM_INTERVAL, 1186, "interval", -1), fb_interval(&value, -1, 0, -13),
				fb_interval(&value, -1, 0, -12));
	}
}

/* bytea, and by include.unknown.datatypes what has no shape: text and forms of their own. */
static void
test_octets(void **state)
{
	(void) state;
	fmt.unknown = true;
	for (int mode = BINARY_BYTES; mode <= BINARY_HEX; mode++)
	{
		fmt.binaries = (enum binary_mode) mode;
		for (size_t len = 1; len <= 7; len++)
		{
			NOTICED(of(WIRE_FORM_BYTES, 17, "bytea", -1),
					fb_bytes(&value, "\xfb\xff\xbf\0abc", len),
					fb_bytes(&value, "\xff\xbf\1abcd", len));
			NOTICED(of(WIRE_FORM_BYTES, 17, "bytea", -1), fb_bytes(&value, "abcdefgh", len),
					fb_bytes(&value, "abcdefgh", len - 1));
		}
		NOTICED(of(WIRE_FORM_TEXT, 3220, "pg_lsn", -1), fb_str(&value, "0/16B3748"),
				fb_str(&value, "0/16B3749"));
		NOTICED(of(WIRE_FORM_INT, 80001, "odd", -1), fb_sv(&value, 1), fb_sv(&value, 2));
		NOTICED(array_of(WIRE_FORM_TEXT, 80001, "odd", -1, 0),
				(list_head(1), fb_str(&body, "a"), body_value()),
				(list_head(1), fb_str(&body, "b"), body_value()));
	}
}

/* exact.types: PostgreSQL's own text. */
static void
test_exact(void **state)
{
	(void) state;
	fmt.exact =
		EXACT_NUMERIC | EXACT_INTERVAL | EXACT_DATE | EXACT_TIMESTAMP | EXACT_TIMETZ | EXACT_ARRAY;
	NOTICED(of(WIRE_FORM_NUMERIC, 1700, "numeric", PRECISION(10, 2)), numeral_put(&value, "NaN"),
			numeral_put(&value, "0.00"));
	NOTICED(of(WIRE_FORM_INTERVAL, 1186, "interval", -1), fb_interval(&value, 0, 30, 0),
			fb_interval(&value, 0, 0, 1));
	NOTICED(of(WIRE_FORM_INT, 1082, "date", -1), fb_sv(&value, INT32_MAX),
			fb_sv(&value, INT32_MIN));
	NOTICED(of(WIRE_FORM_INT64, 1114, "timestamp", -1), u64(INT64_MIN), u64(INT64_MAX - 1));
	NOTICED(of(WIRE_FORM_TIMETZ, 1266, "timetz", -1), (u64(0), fb_u32(&value, 3600)),
			(u64(0), fb_u32(&value, 0)));
	NOTICED(array_of(WIRE_FORM_INT, 23, "int4", -1, 0),
			(list_head(1), fb_sv(&body, 1), body_value()),
			(fb_array_head(&body, 1, (const uint32_t[]){1}, (const int32_t[]){0}, NULL),
			 fb_sv(&body, 1), body_value()));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_enum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_decimals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_money, setup, teardown),
		cmocka_unit_test_setup_teardown(test_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_intervals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_octets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exact, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
