/*
 * shapes.c
 *		Numbers, text, and types that are a word of their own; see shapes.h.
 *
 * Values come from outside: whatever the bytes are, the cursor goes bad or
 * valid Avro comes out.
 */
#include "shapes.h"

#include "binary.h"
#include "literal.h"
#include "value.h"

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

enum said
put_str(const struct op *op, struct cursor *in, struct buf *out)
{
	return op->shape->put_str(op, cursor_str(in), out);
}

enum said
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
	if (s.len != 1 || (s.data[0] != '0' && s.data[0] != '1'))
		return UNSAID_RANGE; /* varbit(1) may be empty */
	buf_put_u8(out, s.data[0] == '1');
	return SAID;
}

static enum said
put_str_bits(const struct op *op, struct str s, struct buf *out)
{
	/* Zeros in front are not in the bytes, and a varbit's schema does not say how many. */
	if (op->key && op->type.oid == TYPE_VARBIT && s.len > 0 && s.data[0] == '0')
		return UNSAID_RANGE;
	return bits_put(s.data, s.len, out) ? SAID : UNSAID_RANGE;
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
	.toasted = TOASTED_OCTETS,
};

const struct shape int64_shape = {
	.avro = "long",
	.form = WIRE_FORM_INT,
	.put = put_int64,
	.filler = FILLER("\0"),
	.literal = literal_int64,
	.computed = "0",
	.toasted = TOASTED_OCTETS,
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

const struct shape uuid_shape = {
	.avro = "string",
	.name = "io.debezium.data.Uuid",
	.form = WIRE_FORM_UUID,
	.put = put_uuid,
	.filler = FILLER("\0"),
	.literal = literal_uuid,
	.computed = "00000000-0000-0000-0000-000000000000",
	.toasted = TOASTED_UUID,
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
