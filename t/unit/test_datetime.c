/*
 * test_datetime.c
 *		Debezium's units and texts of dates and times, their limits, and the
 *		reading of literals.
 */
#include "unit.h"

#include "datetime.h"
#include "value.h"

#define DAY INT64_C(86400000000)
#define EPOCH INT64_C(946684800000000) /* 1970 to 2000 */

static const char *
zoned(int64_t us, int digits)
{
	static char out[DATETIME_TEXT_MAX + 1];

	out[datetime_zoned(us, digits, out)] = '\0';
	return out;
}

static const char *
zoned_time(int64_t us, int32_t west)
{
	static char out[DATETIME_TEXT_MAX + 1];

	out[datetime_zoned_time(us, west, out)] = '\0';
	return out;
}

static void
test_date(void **state)
{
	int32_t out;

	(void) state;
	assert_true(datetime_date(0, &out));
	assert_int_equal(out, 10957);
	assert_true(datetime_date(-10957, &out));
	assert_int_equal(out, 0);
	assert_true(datetime_date(INT32_MAX, &out));
	assert_int_equal(out, INT32_MAX);
	assert_true(datetime_date(INT32_MIN, &out));
	assert_int_equal(out, INT32_MIN);
	assert_true(datetime_date(2145031948, &out)); /* 5874897-12-31, the last one */
	assert_int_equal(out, 2145042905);
	assert_false(datetime_date(INT32_MAX - 1, &out));
	assert_false(datetime_date(INT64_MAX, &out));
	assert_false(datetime_date(INT64_MIN, &out));
}

static void
test_timestamp(void **state)
{
	int64_t out;

	(void) state;
	assert_true(datetime_us(0, &out));
	assert_int_equal(out, EPOCH);
	assert_true(datetime_us(INT64_MAX, &out));
	assert_int_equal(out, INT64_C(9223372036825200000));
	assert_true(datetime_us(INT64_MIN, &out));
	assert_int_equal(out, INT64_C(-9223372036832400000));
	assert_true(datetime_us(INT64_MAX - EPOCH, &out));
	assert_int_equal(out, INT64_MAX);
	assert_false(datetime_us(INT64_MAX - EPOCH + 1, &out));
	assert_true(datetime_ms(INT64_MAX - 1, &out));
	assert_int_equal(out, INT64_C(9223372036854775) + EPOCH / 1000);
	assert_true(datetime_ms(-1, &out));
	assert_int_equal(out, EPOCH / 1000 - 1);
	assert_true(datetime_ms(INT64_MAX, &out));
	assert_int_equal(out, INT64_C(9223372036825200));
	assert_true(datetime_ms(INT64_MIN, &out));
	assert_int_equal(out, INT64_C(-9223372036832400));
}

static void
test_nanoseconds(void **state)
{
	int64_t out;

	(void) state;
	assert_true(datetime_ns(0, &out));
	assert_int_equal(out, EPOCH * 1000);
	assert_true(datetime_ns(-EPOCH - 1, &out));
	assert_int_equal(out, -1000);
	assert_true(datetime_ns(INT64_MAX, &out));
	assert_int_equal(out, INT64_MAX);
	assert_true(datetime_ns(INT64_MIN, &out));
	assert_int_equal(out, INT64_MIN);
	/* 2262-04-11 23:47:16.854775 and 1677-09-21 00:12:43.145225: the ends, then one more. */
	assert_true(datetime_ns(INT64_C(9223372036854775) - EPOCH, &out));
	assert_int_equal(out, INT64_C(9223372036854775000));
	assert_false(datetime_ns(INT64_C(9223372036854776) - EPOCH, &out));
	assert_true(datetime_ns(INT64_C(-9223372036854775) - EPOCH, &out));
	assert_int_equal(out, INT64_C(-9223372036854775000));
	assert_false(datetime_ns(INT64_C(-9223372036854776) - EPOCH, &out));
	assert_false(datetime_ns(INT64_MAX - 1, &out));
	assert_false(datetime_ns(INT64_MIN + 1, &out));
}

static void
test_times(void **state)
{
	(void) state;
	assert_true(datetime_is_time(0));
	assert_true(datetime_is_time(DAY));
	assert_false(datetime_is_time(-1));
	assert_false(datetime_is_time(DAY + 1));
	assert_false(datetime_is_time(INT64_MIN));
}

static void
test_interval(void **state)
{
	int64_t out;

	(void) state;
	assert_true(datetime_interval(INT64_C(14706789000), 3, 14, &out));
	assert_int_equal(out, INT64_C(37091106789000));
	assert_true(datetime_interval(INT64_C(10800000000), -2, -1, &out));
	assert_int_equal(out, INT64_C(-2791800000000));
	assert_false(datetime_interval(0, 0, 178000000 * 12, &out));
	assert_false(datetime_interval(0, 0, INT32_MIN, &out));
	/* Parts beyond the limit whose sum is within. */
	assert_true(datetime_interval(0, INT32_MAX, -INT32_MAX / 31, &out));
	assert_true(datetime_interval(INT64_MAX, 0, 0, &out));
	assert_int_equal(out, INT64_MAX);
	assert_false(datetime_interval(INT64_MAX, INT32_MAX, INT32_MAX, &out)); /* infinity in 17 */
	assert_false(datetime_interval(INT64_MIN, INT32_MIN, INT32_MIN, &out));
}

static void
test_zoned(void **state)
{
	(void) state;
	assert_string_equal(zoned(0, 6), "2000-01-01T00:00:00.000000Z");
	assert_string_equal(zoned(1, 6), "2000-01-01T00:00:00.000001Z");
	assert_string_equal(zoned(-1, 6), "1999-12-31T23:59:59.999999Z");
	assert_string_equal(zoned(-1, 3), "1999-12-31T23:59:59.999Z");
	assert_string_equal(zoned(1500000, 1), "2000-01-01T00:00:01.5Z");
	assert_string_equal(zoned(1000000, 0), "2000-01-01T00:00:01Z");
	assert_string_equal(zoned(59 * DAY, 0), "2000-02-29T00:00:00Z");
	assert_string_equal(zoned(INT64_MAX, 6), "infinity");
	assert_string_equal(zoned(INT64_MIN, 6), "-infinity");
	assert_string_equal(zoned(INT64_C(252455615999999999), 6), "9999-12-31T23:59:59.999999Z");
	assert_string_equal(zoned(INT64_C(252455616000000000), 6), "+10000-01-01T00:00:00.000000Z");
	assert_string_equal(zoned(INT64_C(9223371331199999999), 6), "+294276-12-31T23:59:59.999999Z");
	assert_string_equal(zoned(INT64_C(-211810204800000000), 6), "-4712-01-01T00:00:00.000000Z");
	assert_string_equal(zoned(-730485 * DAY, 0), "0000-01-01T00:00:00Z");
	assert_string_equal(zoned(-730486 * DAY, 0), "-0001-12-31T00:00:00Z");
}

static const char *
iso(size_t len, char out[DATETIME_TEXT_MAX + 1])
{
	out[len] = '\0';
	return out;
}

/* What a real Debezium wrote, but for infinities and 24:00:00. */
static void
test_iso(void **state)
{
	char out[DATETIME_TEXT_MAX + 1];

	(void) state;
	assert_string_equal(iso(datetime_iso_date(0, out), out), "2000-01-01Z");
	assert_string_equal(iso(datetime_iso_date(8825, out), out), "2024-02-29Z");
	assert_string_equal(iso(datetime_iso_date(-2451507, out), out), "-4712-01-01Z");
	assert_string_equal(iso(datetime_iso_date(-2451545, out), out), "-4713-11-24Z"); /* the first */
	assert_string_equal(iso(datetime_iso_date(-730485, out), out), "0000-01-01Z");
	assert_string_equal(iso(datetime_iso_date(2145031948, out), out), "+5874897-12-31Z");
	assert_string_equal(iso(datetime_iso_date(INT32_MAX, out), out), "infinity");
	assert_string_equal(iso(datetime_iso_date(INT32_MIN, out), out), "-infinity");
	assert_string_equal(iso(datetime_iso_time(0, out), out), "00:00:00Z");
	assert_string_equal(iso(datetime_iso_time(INT64_C(45296789012), out), out), "12:34:56.789012Z");
	assert_string_equal(iso(datetime_iso_time(INT64_C(45296789000), out), out), "12:34:56.789Z");
	assert_string_equal(iso(datetime_iso_time(DAY - 1, out), out), "23:59:59.999999Z");
	assert_string_equal(iso(datetime_iso_time(DAY, out), out), "24:00:00Z");
	assert_string_equal(iso(datetime_iso_timestamp(0, out), out), "2000-01-01T00:00:00Z");
	assert_string_equal(iso(datetime_iso_timestamp(-100000, out), out), "1999-12-31T23:59:59.9Z");
	assert_string_equal(iso(datetime_iso_timestamp(-1, out), out), "1999-12-31T23:59:59.999999Z");
	assert_string_equal(iso(datetime_iso_timestamp(INT64_C(-211810204800000000), out), out),
						"-4712-01-01T00:00:00Z");
	assert_string_equal(iso(datetime_iso_timestamp(INT64_C(9223371331199999999), out), out),
						"+294276-12-31T23:59:59.999999Z");
	assert_string_equal(iso(datetime_iso_timestamp(INT64_MAX, out), out), "infinity");
	assert_string_equal(iso(datetime_iso_timestamp(INT64_MIN, out), out), "-infinity");
}

static void
check_iso_interval(int64_t us, int32_t days, int32_t months, const char *expected)
{
	char out[DATETIME_TEXT_MAX + 1];

	assert_string_equal(iso(datetime_iso_interval(us, days, months, out), out), expected);
}

static void
test_iso_interval(void **state)
{
	(void) state;
	check_iso_interval(0, 0, 0, "P0Y0M0DT0H0M0S");
	check_iso_interval(INT64_C(14706789000), 3, 14, "P1Y2M3DT4H5M6.789S");
	check_iso_interval(INT64_C(10800000000), -2, -1, "P0Y-1M-2DT3H0M0S");
	check_iso_interval(0, 0, 178000000 * 12, "P178000000Y0M0DT0H0M0S");
	check_iso_interval(0, 0, -178000000 * 12, "P-178000000Y0M0DT0H0M0S");
	check_iso_interval(-500000, 0, 0, "P0Y0M0DT0H0M-0.5S");
	check_iso_interval(-1, 0, 0, "P0Y0M0DT0H0M-0.000001S");
	check_iso_interval(INT64_C(-60000000), 0, 0, "P0Y0M0DT0H-1M0S");
	check_iso_interval(INT64_C(-14706789000), 0, -14, "P-1Y-2M0DT-4H-5M-6.789S");
	check_iso_interval(INT64_C(360000000000000), 0, 0, "P0Y0M0DT100000H0M0S");
	check_iso_interval(INT64_MIN, INT32_MIN, INT32_MIN + 1,
					   "P-178956970Y-7M-2147483648DT-2562047788H0M-54.775808S");
	assert_true(datetime_is_endless(INT64_MAX, INT32_MAX, INT32_MAX));
	assert_true(datetime_is_endless(INT64_MIN, INT32_MIN, INT32_MIN));
	assert_false(datetime_is_endless(INT64_MIN, INT32_MIN, INT32_MIN + 1));
	assert_false(datetime_is_endless(INT64_MAX, INT32_MAX, INT32_MIN));
}

/* Every day of 800 years and each some microseconds more, against value.c's calendar. */
static void
test_calendar(void **state)
{
	struct buf text = {0};

	(void) state;
	for (int64_t day = -146097; day < 146097; day++)
	{
		int64_t us = day * DAY + (day * 7919 % 86400 + 86400) % 86400 * 1000000 + 1;
		char   *found;

		buf_reset(&text);
		timestamp_text(us, "", &text);
		found = buf_cstr(&text);
		found[10] = 'T';
		assert_memory_equal(zoned(us, 6), found, text.len);
	}
	buf_free(&text);
}

static void
test_zoned_time(void **state)
{
	(void) state;
	assert_string_equal(zoned_time(INT64_C(45296789012), -7200), "10:34:56.789012Z");
	assert_string_equal(zoned_time(DAY, 57540), "15:59:00Z");
	assert_string_equal(zoned_time(0, -57540), "08:01:00Z");
	assert_string_equal(zoned_time(1500000, 0), "00:00:01.5Z");
	assert_string_equal(zoned_time(DAY, 0), "00:00:00Z");
	/* No time of day, but no overflow either. */
	assert_int_equal(zoned_time(INT64_MIN, INT32_MIN)[2], ':');
}

static void
test_read(void **state)
{
	static const char *const bad[] = {
		"",          "now",         "2020-13-01",     "2020-01-00",
		"2020-1-1",  "2020-01-01x", "2020-01-01 1:2", "2020-01-01 01:02:03+",
		"01/02/2020"};
	int64_t value;

	(void) state;
	assert_true(datetime_read_date("2020-01-02", &value));
	assert_int_equal(value + 10957, 18263);
	assert_true(datetime_read_date("0001-01-01 BC", &value));
	assert_int_equal(value + 10957, -719528);
	assert_true(datetime_read_date("-infinity", &value));
	assert_int_equal(value, INT32_MIN);
	assert_true(datetime_read_time("01:02:03", &value));
	assert_int_equal(value, INT64_C(3723000000));
	assert_true(datetime_read_time("00:00", &value));
	assert_int_equal(value, 0);
	assert_true(datetime_read_time("01:02:03.4", &value));
	assert_int_equal(value, INT64_C(3723400000));
	assert_true(datetime_read_time("24:00:00", &value));
	assert_int_equal(value, DAY);
	assert_false(datetime_read_time("24:00:00.000001", &value));
	assert_false(datetime_read_time("01:02:03 PM", &value));
	assert_true(datetime_read_timestamp("2020-01-02 03:04:05.678", &value));
	assert_int_equal(value + EPOCH, INT64_C(1577934245678000));
	assert_true(datetime_read_timestamp("2020-01-02 05:04:05.678+02", &value));
	assert_int_equal(value + EPOCH, INT64_C(1577934245678000));
	assert_true(datetime_read_timestamp("2020-01-01 21:34:05.678-05:30", &value));
	assert_int_equal(value + EPOCH, INT64_C(1577934245678000));
	assert_true(datetime_read_timestamp("1970-01-01", &value));
	assert_int_equal(value + EPOCH, 0);
	assert_true(datetime_read_timestamp("4713-01-01 00:00:00+00 BC", &value));
	assert_int_equal(value, INT64_C(-211810204800000000));
	assert_true(datetime_read_timestamp("infinity", &value));
	assert_int_equal(value, INT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(datetime_read_timestamp(bad[i], &value));
}

static void
check_interval(const char *text, int64_t us, int32_t days, int32_t months)
{
	struct buf again = {0};
	int64_t    got_us;
	int32_t    got_days;
	int32_t    got_months;

	assert_true(datetime_read_interval(text, &got_us, &got_days, &got_months));
	assert_int_equal(got_us, us);
	assert_int_equal(got_days, days);
	assert_int_equal(got_months, months);
	interval_text(us, days, months, false, &again);
	assert_string_equal(buf_cstr(&again), text);
	buf_free(&again);
}

static void
test_read_interval(void **state)
{
	static const char *const bad[] = {"", "epoch", "P1D", "1 fortnight", "@ 1 day", "1 day 25"};
	int64_t                  us;
	int32_t                  days;
	int32_t                  months;

	(void) state;
	check_interval("1 day", 0, 1, 0);
	check_interval("00:00:00", 0, 0, 0);
	check_interval("1 year 2 mons 3 days 04:05:06.789", INT64_C(14706789000), 3, 14);
	check_interval("-1 mons -2 days +03:00:00", INT64_C(10800000000), -2, -1);
	check_interval("1 mon -1 days -00:00:00.000001", -1, -1, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(datetime_read_interval(bad[i], &us, &days, &months));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_date),        cmocka_unit_test(test_timestamp),
		cmocka_unit_test(test_interval),    cmocka_unit_test(test_zoned),
		cmocka_unit_test(test_calendar),    cmocka_unit_test(test_zoned_time),
		cmocka_unit_test(test_read),        cmocka_unit_test(test_read_interval),
		cmocka_unit_test(test_nanoseconds), cmocka_unit_test(test_times),
		cmocka_unit_test(test_iso),         cmocka_unit_test(test_iso_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
