/*
 * decimal.c
 *		Digits in base 10000 to two's complement and back; see decimal.h.
 *
 * Up to 18 decimal digits, which is nearly every value, take one machine
 * word.  Longer ones go through limbs of 32 bits, 9 decimal digits a step: the
 * largest numeric (147,455 digits) needs some hundred million simple steps.
 */
#include "decimal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "binary.h"

#define STEP_DIGITS 9
#define STEP UINT32_C(1000000000)
#define WORD_DIGITS 18

static const int64_t powers[WORD_DIGITS + 1] = {
	1,
	10,
	100,
	1000,
	10000,
	100000,
	1000000,
	10000000,
	100000000,
	1000000000,
	INT64_C(10000000000),
	INT64_C(100000000000),
	INT64_C(1000000000000),
	INT64_C(10000000000000),
	INT64_C(100000000000000),
	INT64_C(1000000000000000),
	INT64_C(10000000000000000),
	INT64_C(100000000000000000),
	INT64_C(1000000000000000000),
};

void
decimal_put_word(int64_t value, struct buf *out)
{
	uint8_t bytes[9];
	int     n = 1;

	while (n < 8 && (value >> (8 * n - 1)) != 0 && (value >> (8 * n - 1)) != -1)
		n++;
	bytes[0] = (uint8_t) (n << 1); /* Avro's length of it */
	for (int i = 0; i < n; i++)
		bytes[1 + i] = (uint8_t) (value >> 8 * (n - 1 - i));
	buf_put(out, bytes, (size_t) n + 1);
}

struct limbs
{
	uint32_t *limb; /* least significant first */
	size_t    n;
};

static void
multiply_add(struct limbs *big, uint32_t by, uint32_t add)
{
	uint64_t carry = add;

	for (size_t i = 0; i < big->n; i++)
	{
		carry += (uint64_t) big->limb[i] * by;
		big->limb[i] = (uint32_t) carry;
		carry >>= 32;
	}
	if (carry)
		big->limb[big->n++] = (uint32_t) carry;
}

/* The magnitude of n decimal digits, given as characters. */
static struct limbs
limbs_of(const char *digits, size_t n)
{
	struct limbs big = {xmalloc((n / STEP_DIGITS + 2) * sizeof(uint32_t)), 0};

	while (n > 0)
	{
		size_t   take = n % STEP_DIGITS ? n % STEP_DIGITS : STEP_DIGITS;
		uint32_t chunk = 0;

		for (size_t i = 0; i < take; i++)
			chunk = chunk * 10 + (uint32_t) (digits[i] - '0');
		multiply_add(&big, take == STEP_DIGITS ? STEP : (uint32_t) powers[take], chunk);
		digits += take;
		n -= take;
	}
	return big;
}

static uint8_t
limbs_byte(const struct limbs *big, size_t i)
{
	return (uint8_t) (big->limb[i / 4] >> i % 4 * 8);
}

/* Appends -big or big as Avro bytes. */
static void
put_limbs(const struct limbs *big, bool negative, struct buf *out)
{
	size_t len = big->n * 4;
	size_t lowest = 0;
	bool   power = true; /* the bytes below the top one are zero */

	while (len > 1 && limbs_byte(big, len - 1) == 0)
		len--;
	while (lowest + 1 < len && limbs_byte(big, lowest) == 0)
		lowest++;
	power = lowest + 1 == len;
	/* A sign bit is needed, unless this is the lowest number that len bytes hold. */
	if (limbs_byte(big, len - 1) > 0x80 ||
		(limbs_byte(big, len - 1) == 0x80 && !(negative && power)))
		len++;
	binary_long(out, (int64_t) len);
	buf_reserve(out, len);
	for (size_t i = len; i-- > 0;)
	{
		uint8_t byte = i < big->n * 4 ? limbs_byte(big, i) : 0;

		/* Negation: everything above the lowest byte that is not zero is inverted. */
		if (negative)
			byte = (uint8_t) (i > lowest ? ~byte : i == lowest ? -byte : 0);
		out->data[out->len++] = byte;
	}
}

/* Appends an integer, given by its decimal digits, as Avro bytes. */
static void
put_digits(const char *digits, size_t n, bool negative, struct buf *out)
{
	struct limbs big;
	int64_t      word = 0;

	while (n > 0 && *digits == '0')
	{
		digits++;
		n--;
	}
	if (n <= WORD_DIGITS)
	{
		for (size_t i = 0; i < n; i++)
			word = word * 10 + (digits[i] - '0');
		decimal_put_word(negative ? -word : word, out);
		return;
	}
	big = limbs_of(digits, n);
	put_limbs(&big, negative, out);
	free(big.limb);
}

void
decimal_put_shifted(int64_t value, int shift, struct buf *out)
{
	uint64_t   magnitude = value < 0 ? -(uint64_t) value : (uint64_t) value;
	struct buf digits = {0};

	/* The first digit that goes decides; those behind it do not matter. */
	for (; shift < -1; shift++)
		magnitude /= 10;
	if (shift == -1)
		magnitude = (magnitude + 5) / 10;
	buf_printf(&digits, "%" PRIu64, magnitude);
	for (; shift > 0; shift--)
		buf_put_u8(&digits, '0');
	put_digits((const char *) digits.data, digits.len, value < 0, out);
	buf_free(&digits);
}

int
decimal_scale(const struct numeric *num)
{
	int      power;
	unsigned last;

	if (num->ndigits == 0)
		return 0;
	power = num->weight - (int) num->ndigits + 1; /* of the last digit, in 10000s */
	if (power >= 0)
		return 0;
	power *= -4;
	for (last = numeric_digit(num, num->ndigits - 1); last % 10 == 0 && power > 0 && last;
		 last /= 10)
		power--;
	return power;
}

/* Values of up to 18 digits.  False: larger, or nothing that this can do. */
static bool
put_small(const struct numeric *num, int shift, struct buf *out)
{
	int64_t word = 0;

	if (num->ndigits > 4)
		return false;
	for (uint32_t i = 0; i < num->ndigits; i++)
		word = word * 10000 + numeric_digit(num, i);
	if (shift < 0)
	{
		if (shift < -WORD_DIGITS || word % powers[-shift] != 0)
			return false;
		word /= powers[-shift];
	}
	else if (word != 0 &&
			 (shift > WORD_DIGITS || __builtin_mul_overflow(word, powers[shift], &word)))
		return false;
	decimal_put_word(num->sign == WIRE_NUMERIC_NEGATIVE ? -word : word, out);
	return true;
}

bool
decimal_put(const struct numeric *num, int scale, struct buf *out)
{
	struct buf digits = {0};
	int        shift = (num->weight - (int) num->ndigits + 1) * 4 + scale;
	bool       exact = true;

	if (num->sign != WIRE_NUMERIC_POSITIVE && num->sign != WIRE_NUMERIC_NEGATIVE)
		return false;
	if (put_small(num, shift, out))
		return true;
	for (uint32_t i = 0; i < num->ndigits; i++)
	{
		unsigned digit = numeric_digit(num, i);
		char     four[4] = {(char) ('0' + digit / 1000), (char) ('0' + digit / 100 % 10),
							(char) ('0' + digit / 10 % 10), (char) ('0' + digit % 10)};

		buf_put(&digits, four, 4);
	}
	for (; shift > 0; shift--)
		buf_put_u8(&digits, '0');
	for (; shift < 0 && exact && digits.len > 0; shift++)
		exact = digits.data[--digits.len] == '0';
	if (exact)
		put_digits((const char *) digits.data, digits.len, num->sign == WIRE_NUMERIC_NEGATIVE, out);
	buf_free(&digits);
	return exact;
}

bool
decimal_read(const char *text, int scale, struct buf *out)
{
	struct buf digits = {0};
	bool       negative = *text == '-';
	bool       point = false;
	bool       any = false;
	bool       ok = true;

	if (*text == '-' || *text == '+')
		text++;
	for (; *text && ok; text++)
	{
		if (*text == '.' && !point)
		{
			point = true;
			continue;
		}
		any = true;
		ok = *text >= '0' && *text <= '9' && (!point || scale > 0 || *text == '0');
		if (!point || scale > 0)
			buf_put_u8(&digits, (uint8_t) *text);
		scale -= point;
	}
	ok = ok && any;
	for (; ok && scale > 0; scale--)
		buf_put_u8(&digits, '0');
	if (ok)
		put_digits((const char *) digits.data, digits.len, negative, out);
	buf_free(&digits);
	return ok;
}

/* Divides in place; returns the remainder. */
static uint32_t
divide(struct limbs *big, uint32_t by)
{
	uint64_t rest = 0;

	for (size_t i = big->n; i-- > 0;)
	{
		rest = rest << 32 | big->limb[i];
		big->limb[i] = (uint32_t) (rest / by);
		rest %= by;
	}
	while (big->n > 0 && big->limb[big->n - 1] == 0)
		big->n--;
	return (uint32_t) rest;
}

void
decimal_text(const uint8_t *bytes, size_t len, int scale, struct buf *out)
{
	bool         negative = len > 0 && bytes[0] >= 0x80;
	struct limbs big = {xcalloc(len / 4 + 1, sizeof(uint32_t)), len / 4 + 1};
	struct buf   reversed = {0};
	unsigned     carry = negative;

	for (size_t i = 0; i < len; i++)
	{
		uint8_t byte = bytes[len - 1 - i];

		if (negative)
		{
			carry += (uint8_t) ~byte;
			byte = (uint8_t) carry;
			carry >>= 8;
		}
		big.limb[i / 4] |= (uint32_t) byte << i % 4 * 8;
	}
	while (big.n > 0)
		for (uint32_t chunk = divide(&big, STEP), i = 0; i < STEP_DIGITS; i++, chunk /= 10)
			buf_put_u8(&reversed, (uint8_t) ('0' + chunk % 10));
	while (reversed.len > 0 && reversed.data[reversed.len - 1] == '0')
		reversed.len--;
	while (reversed.len < (size_t) scale + 1)
		buf_put_u8(&reversed, '0');
	if (negative)
		buf_put_u8(out, '-');
	for (size_t i = reversed.len; i-- > 0;)
	{
		buf_put_u8(out, reversed.data[i]);
		if (i == (size_t) scale && scale > 0)
			buf_put_u8(out, '.');
	}
	buf_free(&reversed);
	free(big.limb);
}
