/*
 * digits.c
 *		Decimal digits; see digits.h.
 */
#include "digits.h"

const char digit_pairs[201] = "0001020304050607080910111213141516171819"
							  "2021222324252627282930313233343536373839"
							  "4041424344454647484950515253545556575859"
							  "6061626364656667686970717273747576777879"
							  "8081828384858687888990919293949596979899";

char *
digits_put(char *at, uint32_t value, int width)
{
	char *end = at + width;

	for (char *to = end; to > at; value /= 100)
		if (to - at == 1)
			*--to = digit_pairs[value % 100 * 2 + 1];
		else
			digits_two(to -= 2, value);
	return end;
}

const char *
digits_of(char digits[DIGITS_MAX], uint64_t number)
{
	char *at = digits + DIGITS_MAX;

	for (; number > 99; number /= 100)
		digits_two(at -= 2, (uint32_t) (number % 100));
	if (number > 9)
		digits_two(at -= 2, (uint32_t) number);
	else
		*--at = digit_pairs[number * 2 + 1];
	return at;
}
