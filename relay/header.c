/*
 * header.c
 *		Keys as header text; see header.h.
 *
 * Reads back the Avro that the encoder has just written, so it cannot be
 * malformed; the cursor's checks are the safety net.
 */
#include "header.h"

#include <inttypes.h>
#include <math.h>

#include "datetime.h"
#include "decimal.h"
#include "json.h"
#include "structs.h"

/* Avro's length is a long, the cursor's own strings have an unsigned one. */
static struct str
avro_str(struct cursor *avro)
{
	int64_t        len = cursor_sv(avro);
	const uint8_t *at = len >= 0 ? cursor_bytes(avro, (uint64_t) len) : NULL;

	return at ? (struct str){(const char *) at, (size_t) len} : (struct str){"", 0};
}

/* Connect escapes quotes and backslashes, and nothing else. */
static void
put_quoted(struct str s, struct buf *out)
{
	buf_put_u8(out, '"');
	for (size_t i = 0; i < s.len; i++)
	{
		if (s.data[i] == '"' || s.data[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t) s.data[i]);
	}
	buf_put_u8(out, '"');
}

/* As Java prints them, which is JSON but for what is no number. */
static void
put_real(double value, bool single, struct buf *out)
{
	if (isnan(value))
		buf_puts(out, "NaN");
	else if (isinf(value))
		buf_puts(out, value > 0 ? "Infinity" : "-Infinity");
	else if (single)
		json_float(out, (float) value);
	else
		json_double(out, value);
}

static void
put_float(struct cursor *avro, struct buf *out)
{
	uint32_t bits = cursor_u32(avro);
	float    value;

	memcpy(&value, &bits, sizeof(value));
	put_real((double) value, true, out);
}

static void
put_double(struct cursor *avro, struct buf *out)
{
	uint64_t bits = cursor_u64(avro);
	double   value;

	memcpy(&value, &bits, sizeof(value));
	put_real(value, false, out);
}

/* A value whose type is but a word. */
static void
put_plain(struct cursor *avro, const char *type, struct buf *out)
{
	struct str s;

	if (strcmp(type, "boolean") == 0)
		buf_puts(out, cursor_u8(avro) ? "true" : "false");
	else if (strcmp(type, "string") == 0)
		put_quoted(avro_str(avro), out);
	else if (strcmp(type, "bytes") == 0)
	{
		s = avro_str(avro);
		json_base64(out, (const uint8_t *) s.data, s.len);
	}
	else if (strcmp(type, "float") == 0)
		put_float(avro, out);
	else if (strcmp(type, "double") == 0)
		put_double(avro, out);
	else
		buf_printf(out, "%" PRId64, cursor_sv(avro));
}

/* Java's BigDecimal takes to exponents where more than five zeros would follow the point. */
static void
put_decimal(struct str s, int scale, struct buf *out)
{
	const uint8_t *bytes = (const uint8_t *) s.data;
	size_t         start = out->len;
	size_t         first; /* digit */
	int            exponent;

	decimal_text(bytes, s.len, 0, out);
	first = start + (out->data[start] == '-');
	exponent = (int) (out->len - first) - 1 - scale;
	if (exponent >= -6)
	{
		out->len = start;
		decimal_text(bytes, s.len, scale, out);
		return;
	}
	if (out->len - first > 1)
	{
		buf_put_u8(out, 0);
		memmove(out->data + first + 2, out->data + first + 1, out->len - first - 2);
		out->data[first + 1] = '.';
	}
	buf_printf(out, "E%d", exponent);
}

#define DAY_MS INT64_C(86400000)

/*
 * Connect's own dates, times and timestamps: a timestamp at midnight is
 * printed as a date.  What comes before 1970-01-02 Connect takes for a time of
 * day, which would be no key; we do not.
 */
static void
put_moment(int64_t number, const char *logical, struct buf *out)
{
	bool    date = strcmp(logical, "date") == 0;
	bool    time = strcmp(logical, "time-millis") == 0;
	int64_t us;
	char    text[DATETIME_TEXT_MAX];
	char   *hours;
	size_t  len;

	if (__builtin_mul_overflow(number, date ? DAY_MS * 1000 : 1000, &us) ||
		__builtin_sub_overflow(us, WIRE_EPOCH_US, &us))
	{
		buf_printf(out, "%" PRId64, number);
		return;
	}
	len = datetime_zoned(us, 3, text);
	hours = memchr(text, 'T', len);
	if (hours == NULL)
		buf_put(out, text, len);
	else if (time)
		buf_put(out, hours + 1, len - (size_t) (hours + 1 - text));
	else if (date || number % DAY_MS == 0)
		buf_put(out, text, (size_t) (hours - text));
	else
		buf_put(out, text, len);
}

/* Opens the next block of an array or map, of which our encoder writes but one; 0: the end. */
static int64_t
block_open(struct cursor *avro)
{
	int64_t count = cursor_sv(avro);

	return count > 0 ? count : 0;
}

/* Connect's map whose keys are no strings. */
static void
put_entries(struct cursor *avro, struct buf *out)
{
	bool first = true;

	buf_put_u8(out, '{');
	for (int64_t count = block_open(avro); count > 0; count = block_open(avro))
		for (; count > 0 && !avro->bad; count--)
		{
			if (!first)
				buf_put_u8(out, ',');
			first = false;
			put_plain(avro, "int", out);
			buf_put_u8(out, ':');
			put_plain(avro, "double", out);
		}
	buf_put_u8(out, '}');
}

static void
put_struct(struct cursor *avro, enum record_type record, struct buf *out)
{
	const struct struct_field *fields = struct_type(record)->fields;

	buf_put_u8(out, '{');
	for (const struct struct_field *field = fields; field->name; field++)
	{
		buf_printf(out, "%s\"%s\":", field == fields ? "" : ",", field->name);
		if (field->optional && cursor_u8(avro) == 0)
			buf_puts(out, "null");
		else if (strcmp(field->avro, "array") == 0)
			put_entries(avro, out);
		else
			put_plain(avro, field->avro, out);
	}
	buf_put_u8(out, '}');
}

static void put_value(struct cursor *avro, const struct op *op, struct buf *out);

/* Arrays and maps with keys that are strings. */
static void
put_items(struct cursor *avro, const struct op *op, bool map, struct buf *out)
{
	bool first = true;

	buf_put_u8(out, map ? '{' : '[');
	for (int64_t count = block_open(avro); count > 0; count = block_open(avro))
		for (; count > 0 && !avro->bad; count--)
		{
			if (!first)
				buf_put_u8(out, ',');
			first = false;
			if (map)
			{
				put_quoted(avro_str(avro), out);
				buf_put_u8(out, ':');
			}
			if (op->element)
				put_value(avro, op->element, out);
			else if (map && cursor_u8(avro) == 0)
				buf_puts(out, "null");
			else
				put_plain(avro, op->shape->items, out);
		}
	buf_put_u8(out, map ? '}' : ']');
}

static void
put_value(struct cursor *avro, const struct op *op, struct buf *out)
{
	const struct shape *shape = op->shape;

	if (op->nullable && cursor_u8(avro) != op->branch)
		buf_puts(out, "null");
	else if (shape->record)
		put_struct(avro, shape->record, out);
	else if (op->element || shape->items)
		put_items(avro, op, strcmp(shape->avro, "map") == 0, out);
	else if (shape->parameters == PARAMETERS_DECIMAL || shape->parameters == PARAMETERS_MONEY)
		put_decimal(avro_str(avro), op->scale, out);
	else if (shape->logical)
		put_moment(cursor_sv(avro), shape->logical, out);
	else
		put_plain(avro, shape->avro, out);
}

void
header_put(const struct op *const *keys, uint32_t nkeys, struct str avro, struct buf *out)
{
	struct cursor cur = cursor_over(avro.data, avro.len);

	buf_put_u8(out, '{');
	for (uint32_t i = 0; i < nkeys; i++)
	{
		if (i > 0)
			buf_put_u8(out, ',');
		put_quoted((struct str){keys[i]->field, strlen(keys[i]->field)}, out);
		buf_put_u8(out, ':');
		put_value(&cur, keys[i], out);
	}
	buf_put_u8(out, '}');
}
