/*
 * test_digits.c
 *		Decimal digits against printf().
 */
#include "unit.h"

#include <inttypes.h>

#include "digits.h"

static void
assert_digits(uint64_t number)
{
	char        digits[DIGITS_MAX];
	char        expected[DIGITS_MAX + 1];
	const char *from = digits_of(digits, number);
	size_t      len = (size_t) (digits + DIGITS_MAX - from);

	snprintf(expected, sizeof(expected), "%" PRIu64, number);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(from, expected, len);
}

static void
test_of(void **state)
{
	(void) state;
	for (uint64_t number = 0; number < 20000; number++)
		assert_digits(number);
	for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10)
	{
		assert_digits(power * 10 - 1);
		assert_digits(power * 10);
		assert_digits(power * 10 + 1);
	}
	assert_digits(UINT64_MAX);
}

/* The last digits, with zeros before them; not a byte behind. */
static void
test_put(void **state)
{
	(void) state;
	for (int width = 0; width <= 9; width++)
		for (uint32_t value = 7; value < UINT32_MAX / 13; value = value * 13 + 5)
		{
			char     at[12];
			char     expected[16];
			uint32_t last;
			uint64_t limit = 1;

			for (int i = 0; i < width; i++)
				limit *= 10;
			last = (uint32_t) (value % limit);
			snprintf(expected, sizeof(expected), "%0*" PRIu32, width, last);
			memset(at, '#', sizeof(at));
			assert_ptr_equal(digits_put(at, value, width), at + width);
			if (width > 0)
				assert_memory_equal(at, expected, (size_t) width);
			assert_int_equal(at[width], '#');
		}
}

static void
test_two(void **state)
{
	char at[3] = "##";

	(void) state;
	assert_ptr_equal(digits_two(at, 7), at + 2);
	assert_string_equal(at, "07");
	assert_ptr_equal(digits_two(at, 12345), at + 2);
	assert_string_equal(at, "45");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
