/*
 * digits.h
 *		Decimal digits of numbers, two at a time: every event has dozens of them.
 *
 * Called by datetime.c and source_block.c.
 */
#ifndef RELAY_DIGITS_H
#define RELAY_DIGITS_H

#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 20 /* of an uint64_t */

/* "00", "01" and so on up to "99". */
extern const char digit_pairs[201];

/* The last two digits of value, at at; behind them. */
static inline char *
digits_two(char *at, uint32_t value)
{
	memcpy(at, digit_pairs + value % 100 * 2, 2);
	return at + 2;
}

/* The last width digits of value, at at; behind them. */
char *digits_put(char *at, uint32_t value, int width);

/* All digits of number, which end where the array does; where they begin. */
const char *digits_of(char digits[DIGITS_MAX], uint64_t number);

#endif /* RELAY_DIGITS_H */
