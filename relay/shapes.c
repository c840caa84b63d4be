/*
 * shapes.c
 *		How values of each shape are encoded; see shapes.h and types.h.
 *
 * Values come from outside: whatever the bytes are, the cursor goes bad or
 * valid Avro comes out.
 */
#include "shapes.h"

#include "binary.h"
#include "datetime.h"
#include "decimal.h"
#include "json.h"
#include "literal.h"

/*
 * The wire's signed varint is Avro's int and long: it is passed on as it is.
 * max is the most bytes that a value may have, top the most that the last of
 * them may hold; anything more would be no number of that type.
 */
static enum said
put_varint(struct cursor *in, struct buf *out, size_t max, uint8_t top)
{
	const uint8_t *from = in->p;
	uint8_t       *to;
	size_t         i = 0;

	buf_reserve(out, BINARY_LONG_MAX);
	to = out->data + out->len;
	for (; i < max && from + i < in->end; i++)
	{
		to[i] = from[i];
		if (from[i] >= 0x80)
			continue;
		if (i + 1 == max && from[i] > top)
			break;
		in->p += i + 1;
		out->len += i + 1;
		return SAID;
	}
	cursor_fail(in);
	return SAID;
}

static enum said
put_int16(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	return put_varint(in, out, 3, 0x03);
}

static enum said
put_int32(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	return put_varint(in, out, 5, 0x0f);
}

static enum said
put_int64(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	return put_varint(in, out, 10, 0x01);
}

static enum said
put_boolean(const struct op *op, struct cursor *in, struct buf *out)
{
	uint8_t value = cursor_u8(in);

	(void) op;
	if (value > 1)
		cursor_fail(in);
	buf_put_u8(out, value);
	return SAID;
}

static enum said
put_oid(const struct op *op, struct cursor *in, struct buf *out)
{
	uint64_t value = cursor_uv(in);

	(void) op;
	if (value > UINT32_MAX)
		cursor_fail(in);
	binary_long(out, (int64_t) value);
	return SAID;
}

/* Both ends are little-endian IEEE. */
static enum said
put_float4(const struct op *op, struct cursor *in, struct buf *out)
{
	const uint8_t *at = cursor_bytes(in, 4);

	(void) op;
	if (at)
		buf_put(out, at, 4);
	return SAID;
}

static enum said
put_float8(const struct op *op, struct cursor *in, struct buf *out)
{
	const uint8_t *at = cursor_bytes(in, 8);

	(void) op;
	if (at)
		buf_put(out, at, 8);
	return SAID;
}

static enum said
put_date(const struct op *op, struct cursor *in, struct buf *out)
{
	int32_t value;

	(void) op;
	if (!datetime_date(cursor_sv(in), &value))
		return UNSAID_RANGE;
	binary_long(out, value);
	return SAID;
}

static enum said
put_time_ms(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	binary_long(out, (int64_t) cursor_u64(in) / 1000);
	return SAID;
}

static enum said
put_time_us(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	binary_long(out, (int64_t) cursor_u64(in));
	return SAID;
}

static enum said
put_timestamp_ms(const struct op *op, struct cursor *in, struct buf *out)
{
	int64_t value;

	(void) op;
	if (!datetime_ms((int64_t) cursor_u64(in), &value))
		return UNSAID_RANGE;
	binary_long(out, value);
	return SAID;
}

static enum said
put_timestamp_us(const struct op *op, struct cursor *in, struct buf *out)
{
	int64_t value;

	(void) op;
	if (!datetime_us((int64_t) cursor_u64(in), &value))
		return UNSAID_RANGE;
	binary_long(out, value);
	return SAID;
}

static enum said
put_zoned(const struct op *op, struct cursor *in, struct buf *out)
{
	char text[DATETIME_TEXT_MAX];

	binary_bytes(out, text, datetime_zoned((int64_t) cursor_u64(in), op->digits, text));
	return SAID;
}

static enum said
put_zoned_time(const struct op *op, struct cursor *in, struct buf *out)
{
	char    text[DATETIME_TEXT_MAX];
	int64_t us = (int64_t) cursor_u64(in);

	(void) op;
	binary_bytes(out, text, datetime_zoned_time(us, (int32_t) cursor_u32(in), text));
	return SAID;
}

static enum said
put_interval(const struct op *op, struct cursor *in, struct buf *out)
{
	int64_t us = (int64_t) cursor_u64(in);
	int32_t days = (int32_t) cursor_u32(in);
	int32_t months = (int32_t) cursor_u32(in);
	int64_t value;

	(void) op;
	if (!datetime_interval(us, days, months, &value))
		return UNSAID_RANGE;
	binary_long(out, value);
	return SAID;
}

static enum said
put_uuid(const struct op *op, struct cursor *in, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t    *at = cursor_bytes(in, 16);
	uint8_t          *to;

	(void) op;
	if (at == NULL)
		return SAID;
	buf_reserve(out, 37);
	to = out->data + out->len;
	*to++ = 36 << 1;
	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = (uint8_t) digits[at[i] >> 4];
		*to++ = (uint8_t) digits[at[i] & 15];
	}
	out->len += 37;
	return SAID;
}

static enum said
put_enum(const struct op *op, struct cursor *in, struct buf *out)
{
	uint64_t place = cursor_uv(in);

	if (place >= op->col->nlabels)
	{
		cursor_fail(in);
		return SAID;
	}
	if (op->labels[place].data == NULL)
		return UNSAID_TEXT;
	buf_put(out, op->labels[place].data, op->labels[place].len);
	return SAID;
}

static enum said
put_decimal(const struct op *op, struct cursor *in, struct buf *out)
{
	struct numeric num = value_numeric(in);

	if (in->bad || decimal_put(&num, op->scale, out))
		return SAID;
	return num.sign == WIRE_NUMERIC_POSITIVE || num.sign == WIRE_NUMERIC_NEGATIVE ? UNSAID_RANGE
																				  : UNSAID_SPECIAL;
}

static enum said
put_variable_decimal(const struct op *op, struct cursor *in, struct buf *out)
{
	struct numeric num = value_numeric(in);
	int            scale = decimal_scale(&num);

	(void) op;
	binary_long(out, scale);
	return in->bad || decimal_put(&num, scale, out) ? SAID : UNSAID_SPECIAL;
}

/* The wire counts in the smallest unit; two of its digits stand behind the point. */
static enum said
put_money(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	decimal_put_word((int64_t) cursor_u64(in), out);
	return SAID;
}

static enum said
put_str(const struct op *op, struct cursor *in, struct buf *out)
{
	return op->shape->put_str(op, cursor_str(in), out);
}

static enum said
put_str_bytes(const struct op *op, struct str s, struct buf *out)
{
	(void) op;
	binary_bytes(out, s.data, s.len);
	return SAID;
}

/* In a key nothing is repaired: different bytes would become the same text. */
static enum said
text_said(const struct op *op, struct str s, struct str *text)
{
	uint64_t before = op->key ? text_replaced(op->text) : 0;

	*text = text_utf8(op->text, s);
	return op->key && text_replaced(op->text) != before ? UNSAID_TEXT : SAID;
}

enum said
put_str_text(const struct op *op, struct str s, struct buf *out)
{
	struct str text;
	enum said  said = text_said(op, s, &text);

	if (said == SAID)
		binary_bytes(out, text.data, text.len);
	return said;
}

static enum said
put_str_bit(const struct op *op, struct str s, struct buf *out)
{
	(void) op;
	buf_put_u8(out, s.len == 1 && s.data[0] == '1');
	return SAID;
}

static enum said
put_str_bits(const struct op *op, struct str s, struct buf *out)
{
	(void) op;
	return bits_put(s.data, s.len, out) ? SAID : UNSAID_RANGE;
}

/* One quoted string of hstore's text form, as JSON; quotes and backslashes come escaped. */
static bool
hstore_string(struct str *s, struct buf *json)
{
	struct buf plain = {0};
	size_t     i = 1;
	bool       closed;

	if (s->len == 0 || s->data[0] != '"')
		return false;
	for (; i < s->len && s->data[i] != '"'; i++)
	{
		if (s->data[i] == '\\' && i + 1 < s->len)
			i++;
		buf_put_u8(&plain, (uint8_t) s->data[i]);
	}
	closed = i < s->len;
	if (closed)
		json_string(json, (const char *) plain.data, plain.len);
	buf_free(&plain);
	s->data += closed ? i + 1 : i;
	s->len -= closed ? i + 1 : i;
	return closed;
}

static bool
skip_word(struct str *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len < len || memcmp(s->data, word, len) != 0)
		return false;
	s->data += len;
	s->len -= len;
	return true;
}

/* "a"=>"1", "b"=>NULL becomes {"a":"1","b":null}. */
static bool
hstore_json(struct str s, struct buf *json)
{
	buf_put_u8(json, '{');
	while (s.len > 0)
	{
		if (!hstore_string(&s, json) || !skip_word(&s, "=>"))
			return false;
		buf_put_u8(json, ':');
		if (skip_word(&s, "NULL"))
			buf_puts(json, "null");
		else if (!hstore_string(&s, json))
			return false;
		if (s.len == 0)
			break;
		if (!skip_word(&s, ", "))
			return false;
		buf_put_u8(json, ',');
	}
	buf_put_u8(json, '}');
	return true;
}

static enum said
put_str_hstore(const struct op *op, struct str s, struct buf *out)
{
	struct str text;

	if (text_said(op, s, &text) != SAID)
		return UNSAID_TEXT;
	buf_restart(op->scratch);
	if (!hstore_json(text, op->scratch))
		return UNSAID_RANGE;
	binary_bytes(out, op->scratch->data, op->scratch->len);
	return SAID;
}

#define FILLER(bytes)            \
	{                            \
		bytes, sizeof(bytes) - 1 \
	}

const struct shape boolean_shape = {
	.avro = "boolean",
	.form = WIRE_FORM_BOOL,
	.put = put_boolean,
	.filler = FILLER("\0"),
	.literal = literal_boolean,
	.computed = "false",
};

const struct shape int16_shape = {
	.avro = "int",
	.connect_type = "int16",
	.form = WIRE_FORM_INT,
	.put = put_int16,
	.filler = FILLER("\0"),
	.literal = literal_int16,
	.computed = "0",
};

const struct shape int32_shape = {
	.avro = "int",
	.form = WIRE_FORM_INT,
	.put = put_int32,
	.filler = FILLER("\0"),
	.literal = literal_int32,
	.computed = "0",
};

const struct shape int64_shape = {
	.avro = "long",
	.form = WIRE_FORM_INT,
	.put = put_int64,
	.filler = FILLER("\0"),
	.literal = literal_int64,
	.computed = "0",
};

const struct shape oid_shape = {
	.avro = "long",
	.form = WIRE_FORM_OID,
	.put = put_oid,
	.filler = FILLER("\0"),
};

const struct shape float4_shape = {
	.avro = "float",
	.form = WIRE_FORM_FLOAT4,
	.put = put_float4,
	.filler = FILLER("\0\0\0\0"),
	.literal = literal_float4,
	.computed = "0.0",
};

const struct shape float8_shape = {
	.avro = "double",
	.form = WIRE_FORM_FLOAT8,
	.put = put_float8,
	.filler = FILLER("\0\0\0\0\0\0\0\0"),
	.literal = literal_float8,
	.computed = "0.0",
};

const struct shape decimal_shape = {
	.avro = "bytes",
	.name = "org.apache.kafka.connect.data.Decimal",
	.parameters = PARAMETERS_DECIMAL,
	.form = WIRE_FORM_NUMERIC,
	.put = put_decimal,
	.filler = FILLER("\2\0"),
	.literal = literal_decimal,
	.computed = "0.0",
};

const struct shape variable_decimal_shape = {
	.avro = "record",
	.name = "io.debezium.data.VariableScaleDecimal",
	.form = WIRE_FORM_NUMERIC,
	.put = put_variable_decimal,
	.filler = FILLER("\0\2\0"),
};

const struct shape money_shape = {
	.avro = "bytes",
	.name = "org.apache.kafka.connect.data.Decimal",
	.parameters = PARAMETERS_MONEY,
	.form = WIRE_FORM_INT64,
	.put = put_money,
	.filler = FILLER("\2\0"),
};

const struct shape text_shape = {
	.avro = "string",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_text,
	.filler = FILLER("\0"),
	.literal = literal_string,
	.computed = "",
	.toasted = TOASTED_STRING,
};

/* Like text, of types whose defaults Debezium does not read. */
const struct shape other_text_shape = {
	.avro = "string",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_text,
	.filler = FILLER("\0"),
	.toasted = TOASTED_STRING,
};

const struct shape array_text_shape = {
	.avro = "string",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_text,
	.filler = FILLER("\4{}"),
	.toasted = TOASTED_STRING,
};

const struct shape bytes_shape = {
	.avro = "bytes",
	.form = WIRE_FORM_BYTES,
	.put = put_str,
	.put_str = put_str_bytes,
	.filler = FILLER("\0"),
	.toasted = TOASTED_STRING,
};

const struct shape bit_shape = {
	.avro = "boolean",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_bit,
	.filler = FILLER("\0"),
	.literal = literal_bit,
	.computed = "00",
};

const struct shape bits_shape = {
	.avro = "bytes",
	.name = "io.debezium.data.Bits",
	.parameters = PARAMETERS_LENGTH,
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_bits,
	.filler = FILLER("\0"),
	.literal = literal_bits,
	.computed = "0",
};

const struct shape date_shape = {
	.avro = "int",
	.name = "io.debezium.time.Date",
	.form = WIRE_FORM_INT,
	.put = put_date,
	.filler = FILLER("\0"),
	.literal = literal_date,
	.computed = "1970-01-01",
};

const struct shape time_ms_shape = {
	.avro = "int",
	.name = "io.debezium.time.Time",
	.form = WIRE_FORM_INT64,
	.put = put_time_ms,
	.filler = FILLER("\0"),
	.literal = literal_time_ms,
	.computed = "00:00",
};

const struct shape time_us_shape = {
	.avro = "long",
	.name = "io.debezium.time.MicroTime",
	.form = WIRE_FORM_INT64,
	.put = put_time_us,
	.filler = FILLER("\0"),
	.literal = literal_time_us,
	.computed = "00:00",
};

const struct shape zoned_time_shape = {
	.avro = "string",
	.name = "io.debezium.time.ZonedTime",
	.form = WIRE_FORM_TIMETZ,
	.put = put_zoned_time,
	.filler = FILLER("\x12"
					 "00:00:00Z"),
};

const struct shape timestamp_ms_shape = {
	.avro = "long",
	.name = "io.debezium.time.Timestamp",
	.form = WIRE_FORM_INT64,
	.put = put_timestamp_ms,
	.filler = FILLER("\0"),
	.literal = literal_timestamp_ms,
	.computed = "1970-01-01",
};

const struct shape timestamp_us_shape = {
	.avro = "long",
	.name = "io.debezium.time.MicroTimestamp",
	.form = WIRE_FORM_INT64,
	.put = put_timestamp_us,
	.filler = FILLER("\0"),
	.literal = literal_timestamp_us,
	.computed = "1970-01-01",
};

const struct shape zoned_shape = {
	.avro = "string",
	.name = "io.debezium.time.ZonedTimestamp",
	.form = WIRE_FORM_INT64,
	.put = put_zoned,
	.filler = FILLER("\x28"
					 "1970-01-01T00:00:00Z"),
	.literal = literal_zoned,
	.computed = "1970-01-01",
};

const struct shape interval_shape = {
	.avro = "long",
	.name = "io.debezium.time.MicroDuration",
	.form = WIRE_FORM_INTERVAL,
	.put = put_interval,
	.filler = FILLER("\0"),
	.literal = literal_interval,
	.computed = "00:00:00",
};

const struct shape uuid_shape = {
	.avro = "string",
	.name = "io.debezium.data.Uuid",
	.form = WIRE_FORM_UUID,
	.put = put_uuid,
	.filler = FILLER("\0"),
	.literal = literal_uuid,
	.computed = "00000000-0000-0000-0000-000000000000",
};

const struct shape json_shape = {
	.avro = "string",
	.name = "io.debezium.data.Json",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_text,
	.filler = FILLER("\0"),
	.literal = literal_string,
	.computed = "{}",
	.toasted = TOASTED_STRING,
};

const struct shape hstore_shape = {
	.avro = "string",
	.name = "io.debezium.data.Json",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_hstore,
	.filler = FILLER("\4{}"),
	.toasted = TOASTED_PAIR,
};

const struct shape xml_shape = {
	.avro = "string",
	.name = "io.debezium.data.Xml",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_text,
	.filler = FILLER("\0"),
	.literal = literal_string,
	.computed = "",
	.toasted = TOASTED_STRING,
};

const struct shape tsvector_shape = {
	.avro = "string",
	.name = "io.debezium.data.Tsvector",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_text,
	.filler = FILLER("\0"),
	.toasted = TOASTED_STRING,
};

const struct shape ltree_shape = {
	.avro = "string",
	.name = "io.debezium.data.Ltree",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_text,
	.filler = FILLER("\0"),
	.toasted = TOASTED_STRING,
};

const struct shape enum_shape = {
	.avro = "string",
	.name = "io.debezium.data.Enum",
	.parameters = PARAMETERS_ALLOWED,
	.form = WIRE_FORM_ENUM,
	.put = put_enum,
	.put_str = put_str_text,
	.filler = FILLER("\0"),
	.literal = literal_string,
	.toasted = TOASTED_STRING,
};
