/* test_topic_part.c: places in a topic as somebody writes them. */
#include "unit.h"

#include "topic_part.h"

static void
assert_place(const char *text, enum topic_from from, int64_t number)
{
	struct topic_part part = {0};

	assert_true(topic_from_parse(text, &part));
	assert_int_equal(part.from, from);
	assert_int_equal(part.number, number);
}

static void
places_are_those_of_kcat(void **state)
{
	(void) state;
	assert_place("beginning", FROM_BEGINNING, 0);
	assert_place("end", FROM_END, 0);
	assert_place("0", FROM_OFFSET, 0);
	assert_place("123456789012345678", FROM_OFFSET, INT64_C(123456789012345678));
	assert_place("-1", FROM_LAST, 1);
	assert_place("-1000000", FROM_LAST, 1000000);
	assert_place("@1795384886917", FROM_TIME, INT64_C(1795384886917));
}

static void
times_are_those_of_iso_8601(void **state)
{
	(void) state;
	assert_place("1970-01-01", FROM_TIME, 0);
	assert_place("2026-11-22", FROM_TIME, INT64_C(1795305600000));
	assert_place("2026-11-22T10:30", FROM_TIME, INT64_C(1795343400000));
	assert_place("2026-11-22 10:30:05", FROM_TIME, INT64_C(1795343405000));
	assert_place("2026-11-22T10:30:05Z", FROM_TIME, INT64_C(1795343405000));
	assert_place("2026-11-22T10:30:05.25Z", FROM_TIME, INT64_C(1795343405250));
	assert_place("2026-11-22T10:30:05.1239Z", FROM_TIME, INT64_C(1795343405123));
	assert_place("2026-11-22T11:30:05+01:00", FROM_TIME, INT64_C(1795343405000));
	assert_place("2026-11-22T08:00:05-0230", FROM_TIME, INT64_C(1795343405000));
	assert_place("2026-11-22T12:30:05+02", FROM_TIME, INT64_C(1795343405000));
	assert_place("@2026-11-22T10:30Z", FROM_TIME, INT64_C(1795343400000));
}

static void
all_else_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "-", "@", "x", "1x", "-1x", "--1", "+1", " 1", "-1000001", "@x", "@-1",
		"1234567890123456789", "begin", "Beginning", "stored", "2026-02-30", "2026-13-01",
		"26-11-22",
		"1969-12-31", "2026-11-22T", "2026-11-22T24:00", "2026-11-22T10", "2026-11-22T10:60",
		"2026-11-22T10:30:61", "2026-11-22T10:30Zx", "2026-11-22T10:30+1", "2026-11-22T10:30+01:60",
		"2026-11-22T10:30:05.", "2026-11-22T1:30"};
	struct topic_part part;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (topic_from_parse(texts[i], &part))
			fail_msg("\"%s\" was taken", texts[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_those_of_kcat),
		cmocka_unit_test(times_are_those_of_iso_8601),
		cmocka_unit_test(all_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
