/*
 * value.c
 *		Values of every form, and their text; see value.h.
 *
 * Bytes come from outside: any bit pattern must give some text or a bad
 * cursor, never undefined behaviour.  So arithmetic stays in int64 where a
 * value is bounded and in uint64 where it is not.
 */
#include "value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY (INT64_C(86400) * US_PER_SECOND)

/* What numeric.c of PostgreSQL can hold: int16 weight, 14 bits of scale. */
#define NUMERIC_SCALE_MAX 0x3fff
#define NUMERIC_DIGITS_MAX 65536

void
value_skip(enum wire_form form, struct cursor *cur)
{
	switch (form)
	{
		case WIRE_FORM_BOOL: cursor_u8(cur); return;
		case WIRE_FORM_INT:
		case WIRE_FORM_OID:
		case WIRE_FORM_ENUM: cursor_uv(cur); return;
		case WIRE_FORM_FLOAT4: cursor_bytes(cur, 4); return;
		case WIRE_FORM_FLOAT8:
		case WIRE_FORM_INT64: cursor_bytes(cur, 8); return;
		case WIRE_FORM_TIMETZ: cursor_bytes(cur, 12); return;
		case WIRE_FORM_INTERVAL:
		case WIRE_FORM_UUID: cursor_bytes(cur, 16); return;
		case WIRE_FORM_NUMERIC: value_numeric(cur); return;
		case WIRE_FORM_ARRAY:
		case WIRE_FORM_BYTES:
		case WIRE_FORM_TEXT: cursor_str(cur); return;
	}
	cursor_fail(cur);
}

struct numeric
value_numeric(struct cursor *cur)
{
	struct numeric num = {(enum wire_numeric) cursor_u8(cur), 0, 0, 0, NULL};
	uint64_t       scale;
	uint64_t       ndigits;
	int64_t        weight;

	switch (num.sign)
	{
		case WIRE_NUMERIC_POSITIVE:
		case WIRE_NUMERIC_NEGATIVE: break;
		case WIRE_NUMERIC_NAN:
		case WIRE_NUMERIC_INFINITY:
		case WIRE_NUMERIC_MINUS_INFINITY: return num;
		default: goto bad;
	}
	scale = cursor_uv(cur);
	weight = cursor_sv(cur);
	ndigits = cursor_uv(cur);
	if (scale > NUMERIC_SCALE_MAX || weight < INT16_MIN || weight > INT16_MAX ||
		ndigits > NUMERIC_DIGITS_MAX)
		goto bad;
	num.digits = cursor_bytes(cur, ndigits * 2);
	if (num.digits == NULL)
		goto bad;
	num.scale = (uint16_t) scale;
	num.weight = (int32_t) weight;
	num.ndigits = (uint32_t) ndigits;
	for (uint32_t i = 0; i < num.ndigits; i++)
		if (numeric_digit(&num, i) > 9999)
			goto bad;
	return num;

bad:
	cursor_fail(cur);
	return (struct numeric){WIRE_NUMERIC_POSITIVE, 0, 0, 0, NULL};
}

/* The four decimal digits at a power of 10000; zero where none is stored. */
static void
numeric_group(const struct numeric *num, int32_t power, char out[4])
{
	int32_t  i = num->weight - power;
	unsigned digit = i >= 0 && (uint32_t) i < num->ndigits ? numeric_digit(num, (uint32_t) i) : 0;

	for (int place = 3; place >= 0; place--)
	{
		out[place] = (char) ('0' + digit % 10);
		digit /= 10;
	}
}

void
numeric_text(const struct numeric *num, struct buf *buf)
{
	char group[4];
	int  skip = 0;

	switch (num->sign)
	{
		case WIRE_NUMERIC_NAN: buf_puts(buf, "NaN"); return;
		case WIRE_NUMERIC_INFINITY: buf_puts(buf, "Infinity"); return;
		case WIRE_NUMERIC_MINUS_INFINITY: buf_puts(buf, "-Infinity"); return;
		case WIRE_NUMERIC_NEGATIVE: buf_put_u8(buf, '-'); break;
		case WIRE_NUMERIC_POSITIVE: break;
	}
	if (num->ndigits == 0 || num->weight < 0)
		buf_put_u8(buf, '0');
	else
		for (int32_t power = num->weight; power >= 0; power--)
		{
			numeric_group(num, power, group);
			if (power == num->weight)
				while (skip < 3 && group[skip] == '0')
					skip++;
			buf_put(buf, group + skip, 4 - (size_t) skip);
			skip = 0;
		}
	if (num->scale == 0)
		return;
	buf_put_u8(buf, '.');
	for (int32_t power = -1, left = num->scale; left > 0; power--, left -= 4)
	{
		numeric_group(num, power, group);
		buf_put(buf, group, left < 4 ? (size_t) left : 4);
	}
}

/*
 * Whether a decimal lies exactly between two floats.  It reads back as the even
 * one, but PostgreSQL does not rely on that and prints a digit more (1e23).
 */
static bool
is_midpoint(const char *scientific, double value, bool single)
{
	long double read = strtold(scientific, NULL);
	long double toward = read > value ? INFINITY : -INFINITY;
	long double next =
		single ? nextafterf((float) value, (float) toward) : nextafter(value, (double) toward);
	char   exact[64];
	size_t len = strcspn(scientific, "e");

	if (read == value || read - value != next - read)
		return false;
	/* A long double rounds too: only if its own digits go on with zeros is it the decimal. */
	snprintf(exact, sizeof(exact), "%.40Le", read);
	return strncmp(exact, scientific, len) == 0 &&
		   strspn(exact + len, ".0") == strcspn(exact + len, "e");
}

/*
 * The shortest digits that read back as the same number, laid out as
 * PostgreSQL does: an exponent below -4 and from the type's safe digits on.
 */
static void
float_text(double value, bool single, struct buf *buf)
{
	int  safe = single ? 6 : 15; /* any decimal of so many digits survives the type */
	int  most = single ? 9 : 17;
	char scientific[40];
	char digits[24];
	int  ndigits = 0;
	int  exponent;

	if (isnan(value))
	{
		buf_puts(buf, "NaN");
		return;
	}
	if (isinf(value))
	{
		buf_puts(buf, value < 0 ? "-Infinity" : "Infinity");
		return;
	}
	for (int precision = 1; precision <= most; precision++)
	{
		snprintf(scientific, sizeof(scientific), "%.*e", precision - 1, value);
		if ((single ? strtof(scientific, NULL) == (float) value
					: strtod(scientific, NULL) == value) &&
			!is_midpoint(scientific, value, single))
			break;
	}
	for (const char *c = scientific; *c != 'e'; c++)
		if (*c >= '0' && *c <= '9')
			digits[ndigits++] = *c;
	exponent = atoi(strchr(scientific, 'e') + 1);
	while (ndigits > 1 && digits[ndigits - 1] == '0')
		ndigits--;
	if (signbit(value))
		buf_put_u8(buf, '-');
	if (exponent < -4 || exponent >= safe)
	{
		buf_put_u8(buf, (uint8_t) digits[0]);
		if (ndigits > 1)
			buf_printf(buf, ".%.*s", ndigits - 1, digits + 1);
		buf_printf(buf, "e%+03d", exponent);
	}
	else if (exponent < 0)
		buf_printf(buf, "0.%.*s%.*s", -exponent - 1, "000", ndigits, digits);
	else if (ndigits <= exponent + 1)
		buf_printf(buf, "%.*s%.*s", ndigits, digits, exponent + 1 - ndigits, "00000000000000");
	else
		buf_printf(buf, "%.*s.%.*s", exponent + 1, digits, ndigits - exponent - 1,
				   digits + exponent + 1);
}

void
float4_text(float value, struct buf *buf)
{
	float_text((double) value, true, buf);
}

void
float8_text(double value, struct buf *buf)
{
	float_text(value, false, buf);
}

struct day
{
	int64_t year; /* 0 is 1 BC */
	int     month;
	int     day;
};

/*
 * The proleptic Gregorian calendar, counted in years that begin in March: the
 * leap day is then the last of its year, its century and its 400 years, and the
 * months come in fives of 31 30 31 30 31 days.
 */
static struct day
day_of(int64_t days)
{
	int64_t    since = days + 730425; /* 0000-03-01 to 2000-01-01 */
	int64_t    cycle = since / 146097 - (since % 146097 < 0);
	int64_t    rest = since - cycle * 146097;
	int64_t    century = rest < 4 * 36524 ? rest / 36524 : 3;
	int64_t    four;
	int64_t    year;
	int64_t    month;
	struct day out;

	rest -= century * 36524;
	four = rest / 1461;
	rest -= four * 1461;
	year = rest < 4 * 365 ? rest / 365 : 3;
	rest -= year * 365;
	month = (rest * 5 + 2) / 153; /* 0 is March */
	out.day = (int) (rest - (month * 153 + 2) / 5 + 1);
	out.month = (int) (month < 10 ? month + 3 : month - 9);
	out.year = cycle * 400 + century * 100 + four * 4 + year + (month >= 10);
	return out;
}

static void
day_text(int64_t days, struct buf *buf)
{
	struct day day = day_of(days);

	buf_printf(buf, "%04" PRId64 "-%02d-%02d", day.year > 0 ? day.year : 1 - day.year, day.month,
			   day.day);
}

static const char *
era_text(int64_t days)
{
	return day_of(days).year > 0 ? "" : " BC";
}

void
date_text(int32_t days, struct buf *buf)
{
	if (days == INT32_MAX || days == INT32_MIN)
	{
		buf_puts(buf, days > 0 ? "infinity" : "-infinity");
		return;
	}
	day_text(days, buf);
	buf_puts(buf, era_text(days));
}

/* Seconds, and as many places behind the point as are needed. */
static void
seconds_text(uint64_t us, struct buf *buf)
{
	unsigned fraction = (unsigned) (us % US_PER_SECOND);
	int      places = 6;

	buf_printf(buf, "%02" PRIu64, us / US_PER_SECOND);
	if (fraction == 0)
		return;
	for (; fraction % 10 == 0; fraction /= 10)
		places--;
	buf_printf(buf, ".%0*u", places, fraction);
}

static void
clock_text(uint64_t us, struct buf *buf)
{
	uint64_t minutes = us / (60 * US_PER_SECOND);

	buf_printf(buf, "%02" PRIu64 ":%02" PRIu64 ":", minutes / 60, minutes % 60);
	seconds_text(us % (60 * US_PER_SECOND), buf);
}

static uint64_t
magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t) value : (uint64_t) value;
}

void
time_text(int64_t us, struct buf *buf)
{
	if (us < 0)
		buf_put_u8(buf, '-');
	clock_text(magnitude(us), buf);
}

void
timestamp_text(int64_t us, const char *zone, struct buf *buf)
{
	int64_t days = us / US_PER_DAY - (us % US_PER_DAY < 0);

	if (us == INT64_MAX || us == INT64_MIN)
	{
		buf_puts(buf, us > 0 ? "infinity" : "-infinity");
		return;
	}
	day_text(days, buf);
	buf_put_u8(buf, ' ');
	clock_text((uint64_t) us - (uint64_t) days * (uint64_t) US_PER_DAY, buf);
	buf_puts(buf, zone);
	buf_puts(buf, era_text(days));
}

void
timetz_text(int64_t us, int32_t west, struct buf *buf)
{
	uint64_t seconds = magnitude(west);

	time_text(us, buf);
	buf_printf(buf, "%c%02" PRIu64, west > 0 ? '-' : '+', seconds / 3600);
	if (seconds % 3600 != 0)
		buf_printf(buf, ":%02" PRIu64, seconds / 60 % 60);
	if (seconds % 60 != 0)
		buf_printf(buf, ":%02" PRIu64, seconds % 60);
}

/* One part of an interval; *before says whether the part before it was negative. */
static void
part_text(int64_t value, const char *unit, bool *first, bool *before, struct buf *buf)
{
	if (value == 0)
		return;
	buf_printf(buf, "%s%s%" PRId64 " %s%s", *first ? "" : " ", *before && value > 0 ? "+" : "",
			   value, unit, value == 1 ? "" : "s");
	*first = false;
	*before = value < 0;
}

void
interval_text(int64_t us, int32_t days, int32_t months, bool finite, struct buf *buf)
{
	bool first = true;
	bool before = false;

	/* All three at their end: how PostgreSQL 17 and later store infinity. */
	if (!finite && ((us == INT64_MAX && days == INT32_MAX && months == INT32_MAX) ||
					(us == INT64_MIN && days == INT32_MIN && months == INT32_MIN)))
	{
		buf_puts(buf, us > 0 ? "infinity" : "-infinity");
		return;
	}
	part_text(months / 12, "year", &first, &before, buf);
	part_text(months % 12, "mon", &first, &before, buf);
	part_text(days, "day", &first, &before, buf);
	if (us == 0 && !first)
		return;
	buf_printf(buf, "%s%s", first ? "" : " ", us < 0 ? "-" : before ? "+" : "");
	clock_text(magnitude(us), buf);
}

static void
hex_text(const uint8_t *bytes, size_t len, struct buf *buf)
{
	static const char digits[] = "0123456789abcdef";

	buf_reserve(buf, len * 2);
	for (size_t i = 0; i < len; i++)
	{
		buf->data[buf->len++] = (uint8_t) digits[bytes[i] >> 4];
		buf->data[buf->len++] = (uint8_t) digits[bytes[i] & 15];
	}
}

void
uuid_text(const uint8_t uuid[16], struct buf *buf)
{
	for (int i = 0; i < 16; i += 2)
	{
		if (i >= 4 && i <= 10)
			buf_put_u8(buf, '-');
		hex_text(uuid + i, 2, buf);
	}
}

void
bytes_text(const uint8_t *bytes, size_t len, struct buf *buf)
{
	buf_puts(buf, "\\x");
	hex_text(bytes, len, buf);
}

static void
int_text(int64_t value, uint32_t oid, struct cursor *cur, struct buf *buf)
{
	if (oid != TYPE_DATE)
		buf_printf(buf, "%" PRId64, value);
	else if (value < INT32_MIN || value > INT32_MAX)
		cursor_fail(cur);
	else
		date_text((int32_t) value, buf);
}

/* Without the currency's sign; without digits it stays in the smallest unit. */
static void
money_text(int64_t value, unsigned digits, struct buf *buf)
{
	uint64_t units = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;
	uint64_t one = 1;

	for (unsigned i = 0; i < digits; i++)
		one *= 10;
	buf_printf(buf, "%s%" PRIu64, value < 0 ? "-" : "", units / one);
	if (digits > 0)
		buf_printf(buf, ".%0*" PRIu64, (int) digits, units % one);
}

static void
int64_text(int64_t value, const struct column *col, struct buf *buf)
{
	switch (col->base.oid)
	{
		case TYPE_MONEY: money_text(value, col->money_digits, buf); return;
		case TYPE_TIME: time_text(value, buf); return;
		case TYPE_TIMESTAMP: timestamp_text(value, "", buf); return;
		case TYPE_TIMESTAMPTZ: timestamp_text(value, "+00", buf); return;
		default: buf_printf(buf, "%" PRId64, value); return;
	}
}

static void
fixed_text(struct cursor *cur, const struct column *col, struct buf *buf)
{
	int64_t us = (int64_t) cursor_u64(cur);
	int32_t first = (int32_t) cursor_u32(cur);

	if (col->form == WIRE_FORM_TIMETZ)
		timetz_text(us, first, buf);
	else
		interval_text(us, first, (int32_t) cursor_u32(cur), col->finite_intervals, buf);
}

static void
real_text(struct cursor *cur, const struct column *col, struct buf *buf)
{
	if (col->form == WIRE_FORM_FLOAT4)
	{
		uint32_t bits = cursor_u32(cur);
		float    value;

		memcpy(&value, &bits, sizeof(value));
		float4_text(value, buf);
	}
	else
	{
		uint64_t bits = cursor_u64(cur);
		double   value;

		memcpy(&value, &bits, sizeof(value));
		float8_text(value, buf);
	}
}

void
value_text(struct cursor *cur, const struct column *col, struct buf *buf)
{
	struct numeric num;
	struct str     str;
	uint64_t       raw;
	const uint8_t *at;

	switch (col->form)
	{
		case WIRE_FORM_BOOL:
			raw = cursor_u8(cur);
			if (raw > 1)
				cursor_fail(cur);
			buf_puts(buf, raw ? "t" : "f");
			return;
		case WIRE_FORM_INT: int_text(cursor_sv(cur), col->base.oid, cur, buf); return;
		case WIRE_FORM_OID: buf_printf(buf, "%" PRIu64, cursor_uv(cur)); return;
		case WIRE_FORM_FLOAT4:
		case WIRE_FORM_FLOAT8: real_text(cur, col, buf); return;
		case WIRE_FORM_INT64: int64_text((int64_t) cursor_u64(cur), col, buf); return;
		case WIRE_FORM_TIMETZ:
		case WIRE_FORM_INTERVAL: fixed_text(cur, col, buf); return;
		case WIRE_FORM_UUID:
			if ((at = cursor_bytes(cur, 16)) != NULL)
				uuid_text(at, buf);
			return;
		case WIRE_FORM_NUMERIC:
			num = value_numeric(cur);
			numeric_text(&num, buf);
			return;
		case WIRE_FORM_ENUM:
			raw = cursor_uv(cur);
			if (raw < col->nlabels)
				buf_puts(buf, col->labels[raw]);
			else
				cursor_fail(cur);
			return;
		case WIRE_FORM_ARRAY:
			str = cursor_str(cur);
			if (!array_text(cursor_over(str.data, str.len), col, buf))
				cursor_fail(cur);
			return;
		case WIRE_FORM_BYTES:
			str = cursor_str(cur);
			bytes_text((const uint8_t *) str.data, str.len, buf);
			return;
		case WIRE_FORM_TEXT:
			str = cursor_str(cur);
			buf_put(buf, str.data, str.len);
			return;
	}
	cursor_fail(cur);
}
