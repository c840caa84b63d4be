/*
 * json.c
 *		JSON text; see json.h.
 */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static void
escape(struct buf *out, uint8_t c)
{
	static const char letters[] = "btn\0fr"; /* 8 to 13, the one without a letter is 0 */

	if (c == '"' || c == '\\')
	{
		buf_put_u8(out, '\\');
		buf_put_u8(out, c);
	}
	else if (c >= 8 && c <= 13 && letters[c - 8])
	{
		buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t) letters[c - 8]);
	}
	else
		buf_printf(out, "\\u%04X", c);
}

static inline bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

void
json_string(struct buf *out, const char *s, size_t len)
{
	size_t from = 0;

	buf_put_u8(out, '"');
	for (size_t i = 0; i < len; i++)
	{
		if (is_plain((uint8_t) s[i]))
			continue;
		buf_put(out, s + from, i - from);
		escape(out, (uint8_t) s[i]);
		from = i + 1;
	}
	if (from < len)
		buf_put(out, s + from, len - from);
	buf_put_u8(out, '"');
}

void
json_latin1(struct buf *out, const uint8_t *bytes, size_t len)
{
	buf_put_u8(out, '"');
	for (size_t i = 0; i < len; i++)
	{
		if (bytes[i] > 0x7f)
		{
			buf_put_u8(out, (uint8_t) (0xc0 | bytes[i] >> 6));
			buf_put_u8(out, (uint8_t) (0x80 | (bytes[i] & 0x3f)));
		}
		else if (is_plain(bytes[i]))
			buf_put_u8(out, bytes[i]);
		else
			escape(out, bytes[i]);
	}
	buf_put_u8(out, '"');
}

void
json_base64(struct buf *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	buf_reserve(out, len / 3 * 4 + 6);
	buf_put_u8(out, '"');
	for (size_t i = 0; i < len; i += 3)
	{
		size_t   left = len - i;
		uint32_t three = (uint32_t) bytes[i] << 16;

		if (left > 1)
			three |= (uint32_t) bytes[i + 1] << 8;
		if (left > 2)
			three |= bytes[i + 2];
		buf_put_u8(out, (uint8_t) digits[three >> 18]);
		buf_put_u8(out, (uint8_t) digits[three >> 12 & 63]);
		buf_put_u8(out, (uint8_t) (left > 1 ? digits[three >> 6 & 63] : '='));
		buf_put_u8(out, (uint8_t) (left > 2 ? digits[three & 63] : '='));
	}
	buf_put_u8(out, '"');
}

/*
 * Java's Double.toString: plain from 1e-3 up to 1e7, else one digit, the
 * point, the others, E and the exponent; always a digit behind the point.
 */
static void
layout(struct buf *out, bool negative, const char *digits, int ndigits, int exponent)
{
	if (negative)
		buf_put_u8(out, '-');
	if (exponent < -3 || exponent >= 7)
		buf_printf(out, "%c.%sE%d", digits[0], ndigits > 1 ? digits + 1 : "0", exponent);
	else if (exponent < 0)
		buf_printf(out, "0.%.*s%s", -exponent - 1, "000", digits);
	else if (ndigits <= exponent + 1)
		buf_printf(out, "%s%.*s.0", digits, exponent + 1 - ndigits, "0000000");
	else
		buf_printf(out, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
}

static void
number(struct buf *out, double value, bool single)
{
	char scientific[40];
	char digits[24];
	int  ndigits = 0;

	if (isnan(value) || isinf(value))
	{
		buf_puts(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	for (int precision = 0; precision < 17; precision++)
	{
		snprintf(scientific, sizeof(scientific), "%.*e", precision, value);
		if (single ? strtof(scientific, NULL) == (float) value : strtod(scientific, NULL) == value)
			break;
	}
	for (const char *c = scientific; *c != 'e'; c++)
		if (*c >= '0' && *c <= '9')
			digits[ndigits++] = *c;
	digits[ndigits] = '\0';
	layout(out, signbit(value), digits, ndigits, atoi(strchr(scientific, 'e') + 1));
}

void
json_double(struct buf *out, double value)
{
	number(out, value, false);
}

void
json_float(struct buf *out, float value)
{
	number(out, (double) value, true);
}

void
json_put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	if (*text)
		json_string(out, text, strlen(text));
	else
		buf_puts(out, "null");
}

void
json_put_number(struct buf *out, const char *name, int64_t number)
{
	if (number > 0)
		buf_printf(out, ",\"%s\":%" PRId64, name, number);
	else
		buf_printf(out, ",\"%s\":null", name);
}
