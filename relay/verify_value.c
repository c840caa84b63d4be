/*
 * verify_value.c
 *		Leaves compared with the values they came from; see verify_value.h.
 *
 * Text forms are compared by value.c's text, numbers by arithmetic of their
 * own.  Never a word of the encoder's.
 */
#include "verify_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "decimal.h"
#include "shapes.h"

#define DAY_US INT64_C(86400000000)

void
comparison_free(struct comparison *cmp)
{
	buf_free(&cmp->ours);
	buf_free(&cmp->theirs);
}

/* --- leaves -------------------------------------------------------------------- */

static bool
same_str(const struct leaf *leaf, const void *data, size_t len)
{
	return leaf->kind == LEAF_BYTES && leaf->str.len == len &&
		   (len == 0 || memcmp(leaf->str.data, data, len) == 0);
}

static bool
same_buf(const struct leaf *leaf, const struct buf *buf)
{
	return same_str(leaf, buf->data, buf->len);
}

static bool
same_real(const struct leaf *leaf, double value)
{
	return leaf->kind == LEAF_DOUBLE &&
		   (leaf->real == value || (isnan(leaf->real) && isnan(value)));
}

static bool
same_number(const struct leaf *leaf, __int128 value)
{
	return leaf->kind == LEAF_LONG && leaf->number == value;
}

/* The leaf's text as a C string in theirs. */
static const char *
leaf_text(struct comparison *cmp, const struct leaf *leaf)
{
	buf_reset(&cmp->theirs);
	if (leaf->kind == LEAF_BYTES)
		buf_put(&cmp->theirs, leaf->str.data, leaf->str.len);
	return buf_cstr(&cmp->theirs);
}

/* The value's text in ours. */
static void
ours_text(struct comparison *cmp, const struct op *op, struct cursor *cur)
{
	struct column col = op_column(op);

	buf_reset(&cmp->ours);
	value_text(cur, &col, &cmp->ours);
}

/* --- numeric and money ----------------------------------------------------------- */

/* Zeros behind the point say nothing. */
static void
strip_zeros(struct buf *text)
{
	if (memchr(text->data, '.', text->len) == NULL)
		return;
	while (text->data[text->len - 1] == '0')
		text->len--;
	if (text->data[text->len - 1] == '.')
		text->len--;
}

/* Two decimal texts, whatever zeros they end in. */
static bool
same_digits(struct buf *ours, struct buf *theirs)
{
	strip_zeros(ours);
	strip_zeros(theirs);
	return ours->len == theirs->len && memcmp(ours->data, theirs->data, ours->len) == 0;
}

/* ours holds the decimal text; scale is the leaf's, where it is bytes of a decimal. */
static bool
same_decimal(struct comparison *cmp, const struct op *op, const struct leaf *leaf, int scale)
{
	switch (op->shape->avro[0])
	{
		case 'd': return same_real(leaf, strtod(buf_cstr(&cmp->ours), NULL));
		case 's': leaf_text(cmp, leaf); break;
		default:
			buf_reset(&cmp->theirs);
			decimal_text((const uint8_t *) leaf->str.data, leaf->str.len, scale, &cmp->theirs);
	}
	return leaf->kind == LEAF_BYTES && same_digits(&cmp->ours, &cmp->theirs);
}

/* NaN and infinities: by words, as doubles, or by the rule for what cannot be said. */
static bool
same_special(const struct numeric *num, const struct op *op, const struct leaf *leaf)
{
	bool        nan = num->sign == WIRE_NUMERIC_NAN;
	bool        plus = num->sign == WIRE_NUMERIC_INFINITY;
	const char *word = nan ? "NAN" : plus ? "POSITIVE_INFINITY" : "NEGATIVE_INFINITY";

	switch (op->shape->avro[0])
	{
		case 'd': return same_real(leaf, nan ? NAN : plus ? INFINITY : -INFINITY);
		case 's': return same_str(leaf, word, strlen(word));
		default: return !op->nullable;
	}
}

static bool
same_numeric(struct comparison *cmp, const struct op *op, struct cursor *cur,
			 const struct leaf *leaf, const char *part)
{
	struct numeric num = value_numeric(cur);

	if (num.sign != WIRE_NUMERIC_POSITIVE && num.sign != WIRE_NUMERIC_NEGATIVE)
		return same_special(&num, op, leaf);
	if (part && strcmp(part, "scale") == 0)
	{
		cmp->scale = leaf->number;
		return leaf->number >= 0 && leaf->number <= num.scale;
	}
	buf_reset(&cmp->ours);
	numeric_text(&num, &cmp->ours);
	return same_decimal(cmp, op, leaf, part ? (int) cmp->scale : op->scale);
}

/* As decimals of fewer digits than the server's, money is rounded to the nearest. */
static bool
same_money(struct comparison *cmp, const struct op *op, int64_t value, const struct leaf *leaf)
{
	int      wire = (int) op->fmt->wire_digits;
	int      coarser = op->shape->avro[0] == 'b' ? wire - op->scale : 0;
	uint64_t magnitude = value < 0 ? -(uint64_t) value : (uint64_t) value;
	__int128 unit = 1;
	__int128 units = 0;

	for (int i = 0; i < coarser; i++)
		unit *= 10;
	if (coarser > 0)
	{
		for (size_t i = 0; i < leaf->str.len; i++)
			units = i == 0 ? (int8_t) leaf->str.data[0] : units * 256 + (uint8_t) leaf->str.data[i];
		units = units * unit - value;
		return leaf->kind == LEAF_BYTES && 2 * (units < 0 ? -units : units) <= unit;
	}
	buf_reset(&cmp->ours);
	buf_printf(&cmp->ours, "%s%0*" PRIu64, value < 0 ? "-" : "", wire + 1, magnitude);
	if (wire > 0)
	{
		buf_put_u8(&cmp->ours, '.');
		for (int i = 0; i < wire; i++)
			cmp->ours.data[cmp->ours.len - 1 - (size_t) i] =
				cmp->ours.data[cmp->ours.len - 2 - (size_t) i];
		cmp->ours.data[cmp->ours.len - 1 - (size_t) wire] = '.';
	}
	return same_decimal(cmp, op, leaf, op->scale);
}

/* --- dates and times --------------------------------------------------------------- */

static bool
is_text(const struct op *op)
{
	return strcmp(op->shape->avro, "string") == 0;
}

/* A time of day, "10:15:30.5Z", whose day does not matter: 24:00 is 00:00. */
static bool
same_clock(const char *text, int64_t us)
{
	unsigned hours;
	unsigned minutes;
	double   seconds;
	int64_t  theirs;

	if (sscanf(text, "%2u:%2u:%lfZ", &hours, &minutes, &seconds) != 3 ||
		text[strlen(text) - 1] != 'Z')
		return false;
	theirs = (int64_t) (hours * 60 + minutes) * 60000000 + llround(seconds * 1e6);
	return ((theirs - us) % DAY_US + DAY_US) % DAY_US == 0;
}

static bool
same_timetz(struct comparison *cmp, struct cursor *cur, const struct leaf *leaf)
{
	int64_t us = (int64_t) cursor_u64(cur);
	int32_t west = (int32_t) cursor_u32(cur);

	return same_clock(leaf_text(cmp, leaf), us + (int64_t) west * 1000000);
}

/*
 * The year of a date or timestamp from value.c as ISO 8601 has it: "0044-03-15
 * BC" is the year -43, and one of more than four digits has a sign.
 */
static void
iso_year(struct buf *text)
{
	char   rest[64];
	char   year[16];
	char  *end;
	bool   bc = text->len > 3 && memcmp(text->data + text->len - 3, " BC", 3) == 0;
	long   number;
	size_t len;

	if (bc)
		text->len -= 3;
	number = strtol(buf_cstr(text), &end, 10);
	snprintf(rest, sizeof(rest), "%s", end);
	if (bc)
		number = 1 - number;
	snprintf(year, sizeof(year),
			 number < 0      ? "-%04ld"
			 : number > 9999 ? "+%ld"
							 : "%04ld",
			 labs(number));
	len = strlen(year);
	buf_reset(text);
	buf_put(text, year, len);
	buf_puts(text, rest);
}

static bool
same_date(struct comparison *cmp, const struct op *op, int64_t days, const struct leaf *leaf)
{
	bool endless = days == INT32_MAX || days == INT32_MIN;

	if (!is_text(op))
		return same_number(leaf, endless ? days : days + WIRE_EPOCH_DAYS);
	buf_reset(&cmp->ours);
	date_text((int32_t) days, &cmp->ours);
	if (!endless)
	{
		iso_year(&cmp->ours);
		buf_put_u8(&cmp->ours, 'Z');
	}
	return same_buf(leaf, &cmp->ours);
}

/* How many of the leaf's unit are a millisecond. */
static int64_t
units_of_ms(const struct op *op)
{
	const char *name = op->shape->name;

	return strstr(name, "Nano") ? 1000000 : strstr(name, "Micro") ? 1000 : 1;
}

/* Microseconds, in the leaf's unit: milliseconds may have been cut off. */
static bool
same_us(const struct op *op, __int128 us, const struct leaf *leaf)
{
	int64_t  units = units_of_ms(op);
	__int128 missing = us * units - (__int128) leaf->number * 1000;

	return leaf->kind == LEAF_LONG && (missing < 0 ? -missing : missing) < (units == 1 ? 1000 : 1);
}

static bool
same_time(struct comparison *cmp, const struct op *op, int64_t us, const struct leaf *leaf)
{
	return is_text(op) ? same_clock(leaf_text(cmp, leaf), us) : same_us(op, us, leaf);
}

static bool
same_timestamp(const struct op *op, int64_t us, const struct leaf *leaf)
{
	__int128 end = us > 0 ? INT64_C(9223372036825200) : INT64_C(-9223372036832400);
	__int128 since_1970 = (__int128) us + WIRE_EPOCH_US;
	int64_t  units = units_of_ms(op);

	if (us == INT64_MAX || us == INT64_MIN)
		return same_number(leaf, units > 1000 ? us : end * units);
	if (since_1970 * units / 1000 > INT64_MAX || since_1970 * units / 1000 < INT64_MIN)
		return !op->nullable; /* by the rule for what cannot be said */
	return same_us(op, since_1970, leaf);
}

/*
 * ISO 8601 in UTC, by value.c's calendar.  digits of a second's fraction; -1:
 * as many as it has.
 */
static bool
same_moment(struct comparison *cmp, int digits, int64_t us, const struct leaf *leaf)
{
	struct buf *ours = &cmp->ours;
	uint8_t    *point;
	uint8_t    *space;
	int         known;

	buf_reset(ours);
	timestamp_text(us, "", ours);
	if (us == INT64_MAX || us == INT64_MIN)
		return same_buf(leaf, ours);
	iso_year(ours);
	space = memchr(ours->data, ' ', ours->len);
	if (space)
		*space = 'T';
	point = memchr(ours->data, '.', ours->len);
	known = point ? (int) (ours->data + ours->len - point) - 1 : 0;
	if (known == 0 && digits > 0)
		buf_put_u8(ours, '.');
	for (; known < digits; known++)
		buf_put_u8(ours, '0');
	buf_put_u8(ours, 'Z');
	return same_buf(leaf, ours);
}

static bool
same_int64(struct comparison *cmp, const struct op *op, struct cursor *cur, const struct leaf *leaf)
{
	int64_t value = (int64_t) cursor_u64(cur);

	switch (op->type.oid)
	{
		case TYPE_MONEY: return same_money(cmp, op, value, leaf);
		case TYPE_TIME: return same_time(cmp, op, value, leaf);
		case TYPE_TIMESTAMPTZ: return same_moment(cmp, op->digits, value, leaf);
		default:
			if (is_text(op))
				return same_moment(cmp, -1, value, leaf);
			return same_timestamp(op, value, leaf);
	}
}

static bool
same_interval(struct comparison *cmp, const struct op *op, struct cursor *cur,
			  const struct leaf *leaf)
{
	__int128 us = (int64_t) cursor_u64(cur);
	int32_t  days = (int32_t) cursor_u32(cur);
	int32_t  months = (int32_t) cursor_u32(cur);
	int64_t  part[5];
	double   seconds;

	if (op->fmt->endless && ((us == INT64_MAX && days == INT32_MAX && months == INT32_MAX) ||
							 (us == INT64_MIN && days == INT32_MIN && months == INT32_MIN)))
		return !op->nullable;
	if (is_text(op))
		return sscanf(leaf_text(cmp, leaf),
					  "P%" SCNd64 "Y%" SCNd64 "M%" SCNd64 "DT%" SCNd64 "H%" SCNd64 "M%lfS",
					  &part[0], &part[1], &part[2], &part[3], &part[4], &seconds) == 6 &&
			   part[0] * 12 + part[1] == months && part[2] == days &&
			   (part[3] * 60 + part[4]) * 60000000 + llround(seconds * 1e6) == us;
	/* A month is 30.4375 days. */
	us += (__int128) days * DAY_US + (__int128) months * 304375 * 8640000;
	return us > INT64_MAX || us < INT64_MIN ? !op->nullable : same_number(leaf, us);
}

/* --- bytes and text ------------------------------------------------------------------ */

/* The place of a digit of base64, in either alphabet; -1 for none. */
static int
base64_digit(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	return c == (url ? '_' : '/') ? 63 : -1;
}

static bool
same_base64(struct str s, const struct leaf *leaf, bool url)
{
	size_t   digits = (s.len * 4 + 2) / 3; /* without padding */
	uint32_t bits = 0;
	int      nbits = 0;
	size_t   at = 0;

	if (leaf->kind != LEAF_BYTES || leaf->str.len != (s.len + 2) / 3 * 4)
		return false;
	for (size_t i = 0; i < leaf->str.len; i++)
	{
		int digit = base64_digit(leaf->str.data[i], url);

		if (i >= digits ? leaf->str.data[i] != '=' : digit < 0)
			return false;
		if (i >= digits)
			continue;
		bits = bits << 6 | (uint32_t) digit;
		nbits += 6;
		if (nbits < 8)
			continue;
		nbits -= 8;
		if ((uint8_t) (bits >> nbits) != (uint8_t) s.data[at++])
			return false;
	}
	return at == s.len;
}

bool
hex_same(struct str octets, struct str hex)
{
	if (hex.len != 2 * octets.len)
		return false;
	for (size_t i = 0; i < octets.len; i++)
	{
		const char pair[] = {hex.data[2 * i], hex.data[2 * i + 1], '\0'};

		if (strtoul(pair, NULL, 16) != (uint8_t) octets.data[i])
			return false;
	}
	return true;
}

static bool
same_octets(const struct op *op, struct str s, const struct leaf *leaf)
{
	const struct shape *shape = op->shape;

	if (shape == &bytes_base64_shape || shape == &unknown_base64_shape)
		return same_base64(s, leaf, false);
	if (shape == &bytes_base64_url_shape || shape == &unknown_base64_url_shape)
		return same_base64(s, leaf, true);
	if (shape == &bytes_hex_shape || shape == &unknown_hex_shape)
		return leaf->kind == LEAF_BYTES && hex_same(s, leaf->str);
	return same_str(leaf, s.data, s.len);
}

static bool
same_bits(struct str s, const struct leaf *leaf)
{
	for (size_t i = 0; i < s.len; i++)
	{
		size_t byte = i / 8;
		int    bit = byte < leaf->str.len ? (uint8_t) leaf->str.data[byte] >> i % 8 & 1 : 0;

		if (bit != s.data[s.len - 1 - i] - '0')
			return false;
	}
	return leaf->kind == LEAF_BYTES;
}

/* Text and bytes, in the shapes that show them as they are. */
static bool
same_text(struct comparison *cmp, const struct op *op, struct str s, const struct leaf *leaf)
{
	if (op->shape->parameters == PARAMETERS_LENGTH)
		return same_bits(s, leaf);
	if (strcmp(op->shape->avro, "boolean") == 0)
		return leaf->kind == LEAF_BOOLEAN && leaf->number == (s.len == 1 && s.data[0] == '1');
	if (op->form == WIRE_FORM_BYTES && !op->shape->any_form)
		return same_octets(op, s, leaf);
	return same_octets(op, text_utf8(cmp->text, s), leaf);
}

/* Any form at all, by its text. */
static bool
same_any(struct comparison *cmp, const struct op *op, const struct sent *sent,
		 const struct leaf *leaf)
{
	struct cursor cur = sent->cur;

	if (sent->as_text || op->form == WIRE_FORM_TEXT)
		return same_text(cmp, op, sent->str, leaf);
	if (op->form == WIRE_FORM_ARRAY)
	{
		struct column col = op_column(op);

		buf_reset(&cmp->ours);
		array_text(cursor_over(sent->str.data, sent->str.len), &col, &cmp->ours);
	}
	else if (op->form == WIRE_FORM_BYTES)
	{
		buf_reset(&cmp->ours);
		bytes_text((const uint8_t *) sent->str.data, sent->str.len, &cmp->ours);
	}
	else
		ours_text(cmp, op, &cur);
	return same_text(cmp, op, (struct str){(const char *) cmp->ours.data, cmp->ours.len}, leaf);
}

bool
scalar_same(struct comparison *cmp, const struct op *op, const struct sent *sent, const char *part,
			const struct leaf *leaf)
{
	struct cursor  cur = sent->cur;
	const uint8_t *uuid;

	if (op->shape->any_form)
		return same_any(cmp, op, sent, leaf);
	if (sent->as_text)
		return same_text(cmp, op, sent->str, leaf);
	switch (op->form)
	{
		case WIRE_FORM_BOOL: return leaf->kind == LEAF_BOOLEAN && leaf->number == cursor_u8(&cur);
		case WIRE_FORM_INT:
			if (op->type.oid == TYPE_DATE)
				return same_date(cmp, op, cursor_sv(&cur), leaf);
			return same_number(leaf, cursor_sv(&cur));
		case WIRE_FORM_OID: return same_number(leaf, (__int128) cursor_uv(&cur));
		case WIRE_FORM_FLOAT4:
			ours_text(cmp, op, &cur);
			return same_real(leaf, (double) strtof(buf_cstr(&cmp->ours), NULL));
		case WIRE_FORM_FLOAT8:
			ours_text(cmp, op, &cur);
			return same_real(leaf, strtod(buf_cstr(&cmp->ours), NULL));
		case WIRE_FORM_INT64: return same_int64(cmp, op, &cur, leaf);
		case WIRE_FORM_TIMETZ: return same_timetz(cmp, &cur, leaf);
		case WIRE_FORM_INTERVAL: return same_interval(cmp, op, &cur, leaf);
		case WIRE_FORM_UUID:
			buf_reset(&cmp->ours);
			uuid = cursor_bytes(&cur, 16);
			if (uuid)
				uuid_text(uuid, &cmp->ours);
			return same_buf(leaf, &cmp->ours);
		case WIRE_FORM_NUMERIC: return same_numeric(cmp, op, &cur, leaf, part);
		case WIRE_FORM_ENUM:
			ours_text(cmp, op, &cur);
			return same_text(cmp, op, (struct str){(const char *) cmp->ours.data, cmp->ours.len},
							 leaf);
		case WIRE_FORM_BYTES:
		case WIRE_FORM_TEXT: return same_text(cmp, op, sent->str, leaf);
		case WIRE_FORM_ARRAY: break; /* verify_nested.c */
	}
	return false;
}
