/*
 * literal.c
 *		Default expressions and literals of each shape; see literal.h.
 */
#include "literal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "binary.h"
#include "datetime.h"
#include "decimal.h"
#include "json.h"
#include "shapes.h"

static bool
is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '.';
}

static bool
is_computed(const char *expression)
{
	static const char *const words[] = {"CURRENT_TIMESTAMP", "CURRENT_TIME", "CURRENT_DATE",
										"LOCALTIMESTAMP", "LOCALTIME"};
	const char              *at = expression + (*expression == '(');
	const char              *from = at;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(expression, words[i]) == 0)
			return true;
	while (is_name(*at))
		at++;
	return at > from && *at == '(' && memchr(at, ')', strcspn(at, "\r\n")) != NULL;
}

/* What stands between the first two quotes with no end of a line between them. */
static bool
read_cut(const char *quote, struct buf *out)
{
	const char *end;

	for (; (end = strchr(quote + 1, '\'')) != NULL; quote = end)
		if (quote + 1 + strcspn(quote + 1, "\r\n'") == end)
		{
			buf_put(out, quote + 1, (size_t) (end - quote - 1));
			return true;
		}
	return false;
}

/* 'label'::type, quotes in it as they are. */
static bool
read_label(const char *expression, struct buf *out)
{
	const char *cast = NULL;

	for (const char *at = expression; (at = strstr(at, "::")) != NULL; at += 2)
		cast = at;
	if (*expression != '\'' || cast == NULL || cast - expression < 2 || cast[-1] != '\'')
		return false;
	buf_put(out, expression + 1, (size_t) (cast - expression - 2));
	return true;
}

bool
literal_find(const struct op *op, const char *expression, struct buf *out)
{
	const char *computed = op->shape->computed;
	const char *quote = strchr(expression, '\'');

	if (strncmp(expression, "NULL::", 6) == 0 || strcmp(expression, "NULL") == 0)
		return false;
	if (op->shape == &enum_shape)
		return read_label(expression, out);
	if (is_computed(expression))
	{
		if (computed)
			buf_puts(out, computed);
		return computed != NULL;
	}
	if (quote)
		return read_cut(quote, out);
	buf_puts(out, expression);
	return true;
}

static bool
put_integer(const char *text, int64_t min, int64_t max, struct buf *avro, struct buf *json)
{
	char   *end;
	int64_t value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
		return false;
	binary_long(avro, value);
	buf_printf(json, "%" PRId64, value);
	return true;
}

bool
literal_int16(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	(void) op;
	return put_integer(text, INT16_MIN, INT16_MAX, avro, json);
}

bool
literal_int32(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	(void) op;
	return put_integer(text, INT32_MIN, INT32_MAX, avro, json);
}

bool
literal_int64(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	(void) op;
	return put_integer(text, INT64_MIN, INT64_MAX, avro, json);
}

static bool
put_boolean(bool value, struct buf *avro, struct buf *json)
{
	buf_put_u8(avro, value);
	buf_puts(json, value ? "true" : "false");
	return true;
}

bool
literal_boolean(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	(void) op;
	return put_boolean(strcasecmp(text, "true") == 0, avro, json);
}

bool
literal_bit(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	(void) op;
	return put_boolean(strcmp(text, "1") == 0, avro, json);
}

/* The words that PostgreSQL prints, not all that strtod() reads. */
static bool
is_float(const char *text)
{
	char *end;

	if (strcmp(text, "NaN") == 0 || strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0)
		return true;
	if (text[strspn(text, "+-.0123456789eE")] != '\0')
		return false;
	(void) strtod(text, &end);
	return end > text && *end == '\0';
}

/* NaN and infinities are strings in JSON, in Debezium's schemas too. */
bool
literal_float4(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	(void) op;
	if (!is_float(text))
		return false;
	binary_float(avro, strtof(text, NULL));
	json_float(json, strtof(text, NULL));
	return true;
}

bool
literal_float8(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	(void) op;
	if (!is_float(text))
		return false;
	binary_double(avro, strtod(text, NULL));
	json_double(json, strtod(text, NULL));
	return true;
}

/* Avro bytes that were just appended at start, as JSON. */
static void
put_bytes_json(const struct buf *avro, size_t start, struct buf *json)
{
	struct cursor cur = cursor_over(avro->data + start, avro->len - start);
	int64_t       len = cursor_sv(&cur);

	json_latin1(json, cur.p, (size_t) len);
}

bool
literal_decimal(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	size_t start = avro->len;

	if (!decimal_read(text, op->scale, avro))
		return false;
	put_bytes_json(avro, start, json);
	return true;
}

/* Of a column with a scale, one that does not fit to it is none, as in the other modes. */
bool
literal_decimal_double(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	struct buf bytes = {0};
	bool       ok = decimal_read(text, op->precision > 0 ? op->scale : (int) strlen(text), &bytes);

	buf_free(&bytes);
	return ok && literal_float8(op, text, avro, json);
}

static bool
put_decimal_string(const char *text, int scale, struct buf *avro, struct buf *json)
{
	struct buf    bytes = {0};
	struct buf    plain = {0};
	struct cursor cur;
	bool          ok = decimal_read(text, scale, &bytes);

	if (ok)
	{
		cur = cursor_over(bytes.data, bytes.len);
		cursor_sv(&cur); /* their length */
		decimal_text(cur.p, cursor_left(&cur), scale, &plain);
		binary_bytes(avro, plain.data, plain.len);
		json_string(json, (const char *) plain.data, plain.len);
	}
	buf_free(&bytes);
	buf_free(&plain);
	return ok;
}

bool
literal_decimal_string(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	return put_decimal_string(text, op->scale, avro, json);
}

bool
literal_variable_decimal_string(const struct op *op, const char *text, struct buf *avro,
								struct buf *json)
{
	const char *point = strchr(text, '.');

	(void) op;
	return put_decimal_string(text, point ? (int) strlen(point + 1) : 0, avro, json);
}

bool
bits_put(const char *bits, size_t len, struct buf *out)
{
	size_t first = 0; /* bit 0 is the rightmost character */
	size_t nbytes;

	while (first < len && bits[first] == '0')
		first++;
	nbytes = (len - first + 7) / 8;
	binary_long(out, (int64_t) nbytes);
	buf_reserve(out, nbytes);
	for (size_t i = 0; i < nbytes; i++)
	{
		uint8_t byte = 0;

		for (size_t bit = 0; bit < 8 && i * 8 + bit < len; bit++)
		{
			char c = bits[len - 1 - (i * 8 + bit)];

			if (c != '0' && c != '1')
				return false;
			byte |= (uint8_t) ((c - '0') << bit);
		}
		out->data[out->len++] = byte;
	}
	return true;
}

bool
literal_bits(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	size_t start = avro->len;

	(void) op;
	if (!bits_put(text, strlen(text), avro))
		return false;
	put_bytes_json(avro, start, json);
	return true;
}

bool
literal_string(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	struct str s = text_utf8(op->text, (struct str){text, strlen(text)});

	binary_bytes(avro, s.data, s.len);
	json_string(json, s.data, s.len);
	return true;
}

bool
literal_uuid(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	char lower[37];

	if (strlen(text) != 36)
		return false;
	for (int i = 0; i < 36; i++)
	{
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		lower[i] = text[i] >= 'A' && text[i] <= 'F' ? (char) (text[i] + 32) : text[i];
		if (dash ? text[i] != '-' : strchr("0123456789abcdef", lower[i]) == NULL)
			return false;
	}
	lower[36] = '\0';
	return literal_string(op, lower, avro, json);
}

static bool
put_number(int64_t value, struct buf *avro, struct buf *json)
{
	binary_long(avro, value);
	buf_printf(json, "%" PRId64, value);
	return true;
}

/* A text of datetime.c, which is ASCII. */
static bool
put_text(const char *text, size_t len, struct buf *avro, struct buf *json)
{
	binary_bytes(avro, text, len);
	json_string(json, text, len);
	return true;
}

bool
literal_date(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	int64_t days;
	int32_t value;

	(void) op;
	return datetime_read_date(text, &days) && datetime_date(days, &value) &&
		   put_number(value, avro, json);
}

bool
literal_date_iso(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	char    iso[DATETIME_TEXT_MAX];
	int64_t days;

	(void) op;
	return datetime_read_date(text, &days) && days >= INT32_MIN && days <= INT32_MAX &&
		   put_text(iso, datetime_iso_date((int32_t) days, iso), avro, json);
}

bool
literal_time_ms(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	int64_t us;

	(void) op;
	return datetime_read_time(text, &us) && put_number(us / 1000, avro, json);
}

bool
literal_time_us(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	int64_t us;

	(void) op;
	return datetime_read_time(text, &us) && put_number(us, avro, json);
}

bool
literal_time_ns(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	int64_t us;

	(void) op;
	return datetime_read_time(text, &us) && put_number(us * 1000, avro, json);
}

bool
literal_time_iso(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	char    iso[DATETIME_TEXT_MAX];
	int64_t us;

	(void) op;
	return datetime_read_time(text, &us) && put_text(iso, datetime_iso_time(us, iso), avro, json);
}

bool
literal_timestamp_ms(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	int64_t us;
	int64_t value;

	(void) op;
	return datetime_read_timestamp(text, &us) && datetime_ms(us, &value) &&
		   put_number(value, avro, json);
}

bool
literal_timestamp_us(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	int64_t us;
	int64_t value;

	(void) op;
	return datetime_read_timestamp(text, &us) && datetime_us(us, &value) &&
		   put_number(value, avro, json);
}

bool
literal_timestamp_ns(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	int64_t us;
	int64_t value;

	(void) op;
	return datetime_read_timestamp(text, &us) && datetime_ns(us, &value) &&
		   put_number(value, avro, json);
}

bool
literal_timestamp_iso(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	char    iso[DATETIME_TEXT_MAX];
	int64_t us;

	(void) op;
	return datetime_read_timestamp(text, &us) &&
		   put_text(iso, datetime_iso_timestamp(us, iso), avro, json);
}

bool
literal_zoned(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	char    zoned[DATETIME_TEXT_MAX];
	int64_t us;

	return datetime_read_timestamp(text, &us) &&
		   put_text(zoned, datetime_zoned(us, op->digits, zoned), avro, json);
}

bool
literal_interval(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	int64_t us;
	int32_t days;
	int32_t months;
	int64_t value;

	(void) op;
	return datetime_read_interval(text, &us, &days, &months) &&
		   datetime_interval(us, days, months, &value) && put_number(value, avro, json);
}

bool
literal_interval_string(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	char    iso[DATETIME_TEXT_MAX];
	int64_t us;
	int32_t days;
	int32_t months;

	(void) op;
	return datetime_read_interval(text, &us, &days, &months) &&
		   put_text(iso, datetime_iso_interval(us, days, months, iso), avro, json);
}
