/*
 * literal.c
 *		Default expressions and literals of each shape; see literal.h.
 */
#include "literal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "binary.h"
#include "datetime.h"
#include "decimal.h"
#include "json.h"

static bool
is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '.' || c == '"';
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
	return at > from && *at == '(' && strchr(at, ')') != NULL;
}

bool
literal_find(const char *expression, const char *computed, struct buf *out)
{
	const char *quote;
	const char *end;

	if (strncmp(expression, "NULL::", 6) == 0 || strcmp(expression, "NULL") == 0)
		return false;
	if (is_computed(expression))
	{
		if (computed)
			buf_puts(out, computed);
		return computed != NULL;
	}
	quote = strchr(expression, '\'');
	if (quote == NULL)
		buf_puts(out, expression);
	else
	{
		end = strchr(quote + 1, '\'');
		if (end == NULL)
			return false;
		buf_put(out, quote + 1, (size_t) (end - quote - 1));
	}
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

/* NaN and infinities are valid values, but no valid defaults: JSON has no word for them. */
bool
literal_float4(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	char *end;
	float value = strtof(text, &end);

	(void) op;
	if (end == text || *end != '\0' || !isfinite(value))
		return false;
	binary_float(avro, value);
	json_float(json, value);
	return true;
}

bool
literal_float8(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	char  *end;
	double value = strtod(text, &end);

	(void) op;
	if (end == text || *end != '\0' || !isfinite(value))
		return false;
	binary_double(avro, value);
	json_double(json, value);
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
literal_zoned(const struct op *op, const char *text, struct buf *avro, struct buf *json)
{
	char    zoned[DATETIME_TEXT_MAX];
	int64_t us;
	size_t  len;

	if (!datetime_read_timestamp(text, &us))
		return false;
	len = datetime_zoned(us, op->digits, zoned);
	binary_bytes(avro, zoned, len);
	json_string(json, zoned, len);
	return true;
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
