/*
 * shapes_bytes.c
 *		bytea, types that nobody knows and exact.types; see shapes.h.
 *
 * binary.handling.mode says how octets are written: bytea's own, and those of
 * the UTF-8 text of values whose type has no shape (include.unknown.datatypes).
 */
#include "shapes.h"

#include "binary.h"
#include "value.h"

static enum said
put_str_bytes(const struct op *op, struct str s, struct buf *out)
{
	(void) op;
	binary_bytes(out, s.data, s.len);
	return SAID;
}

static const char base64_standard[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Padded, in both alphabets. */
static void
put_base64(struct str s, const char *alphabet, struct buf *out)
{
	size_t   len = (s.len + 2) / 3 * 4;
	uint8_t *to;

	binary_long(out, (int64_t) len);
	buf_reserve(out, len);
	to = out->data + out->len;
	for (size_t i = 0; i < s.len; i += 3)
	{
		size_t   left = s.len - i;
		uint32_t three = (uint32_t) (uint8_t) s.data[i] << 16;

		if (left > 1)
			three |= (uint32_t) (uint8_t) s.data[i + 1] << 8;
		if (left > 2)
			three |= (uint8_t) s.data[i + 2];
		*to++ = (uint8_t) alphabet[three >> 18];
		*to++ = (uint8_t) alphabet[three >> 12 & 63];
		*to++ = (uint8_t) (left > 1 ? alphabet[three >> 6 & 63] : '=');
		*to++ = (uint8_t) (left > 2 ? alphabet[three & 63] : '=');
	}
	out->len += len;
}

static enum said
put_str_base64(const struct op *op, struct str s, struct buf *out)
{
	(void) op;
	put_base64(s, base64_standard, out);
	return SAID;
}

static enum said
put_str_base64_url(const struct op *op, struct str s, struct buf *out)
{
	(void) op;
	put_base64(s, base64_url, out);
	return SAID;
}

static enum said
put_str_hex(const struct op *op, struct str s, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t          *to;

	(void) op;
	binary_long(out, (int64_t) s.len * 2);
	buf_reserve(out, s.len * 2);
	to = out->data + out->len;
	for (size_t i = 0; i < s.len; i++)
	{
		*to++ = (uint8_t) digits[(uint8_t) s.data[i] >> 4];
		*to++ = (uint8_t) digits[(uint8_t) s.data[i] & 15];
	}
	out->len += s.len * 2;
	return SAID;
}

/* A value of any form, by its text; of an array's element, too, whose column is the array. */
static enum said
put_any(const struct op *op, struct cursor *in, struct buf *out)
{
	struct column col = op_column(op);

	buf_restart(op->scratch);
	value_text(in, &col, op->scratch);
	if (in->bad)
		return SAID;
	return op->shape->put_str(op, (struct str){buf_cstr(op->scratch), op->scratch->len}, out);
}

enum said
put_any_long(const struct op *op, struct str s, struct buf *out)
{
	struct column col = op_column(op);

	if (op->form != WIRE_FORM_ARRAY && op->form != WIRE_FORM_BYTES)
		return op->shape->put_str(op, s, out);
	buf_restart(op->scratch);
	if (op->form == WIRE_FORM_BYTES)
		bytes_text((const uint8_t *) s.data, s.len, op->scratch);
	else if (!array_text(cursor_over(s.data, s.len), &col, op->scratch))
		return MALFORMED;
	return op->shape->put_str(op, (struct str){buf_cstr(op->scratch), op->scratch->len}, out);
}

/* The functions above for values that are text, in the server's encoding. */
static enum said
put_text_as(const struct op *op, struct str s, put_str_fn *put, struct buf *out)
{
	struct str text;
	enum said  said = text_said(op, s, &text);

	return said == SAID ? put(op, text, out) : said;
}

static enum said
put_str_text_base64(const struct op *op, struct str s, struct buf *out)
{
	return put_text_as(op, s, put_str_base64, out);
}

static enum said
put_str_text_base64_url(const struct op *op, struct str s, struct buf *out)
{
	return put_text_as(op, s, put_str_base64_url, out);
}

static enum said
put_str_text_hex(const struct op *op, struct str s, struct buf *out)
{
	return put_text_as(op, s, put_str_hex, out);
}

static void
put_zeros(int32_t count, struct buf *out)
{
	binary_long(out, count);
	while (count-- > 0)
		buf_put_u8(out, '0');
}

/* A text that the type itself can read. */
static void
put_exact_filler(const struct op *op, struct buf *out)
{
	switch (op->type.oid)
	{
		case TYPE_NUMERIC: binary_string(out, "0"); return;
		case TYPE_DATE: binary_string(out, "1970-01-01"); return;
		case TYPE_TIMESTAMP: binary_string(out, "1970-01-01 00:00:00"); return;
		case TYPE_TIMETZ: binary_string(out, "00:00:00+00"); return;
		case TYPE_INTERVAL: binary_string(out, "00:00:00"); return;
		case TYPE_BIT: put_zeros(op->length == INT32_MAX ? 1 : op->length, out); return;
		default: break;
	}
	binary_string(out, op->form == WIRE_FORM_ARRAY ? "{}" : "");
}

const struct shape bytes_shape = {
	.avro = "bytes",
	.form = WIRE_FORM_BYTES,
	.put = put_str,
	.put_str = put_str_bytes,
	.filler = FILLER("\0"),
	.toasted = TOASTED_STRING,
};

/* The placeholder is no base64: an unchanged value cannot be said, as in Debezium. */
const struct shape bytes_base64_shape = {
	.avro = "string",
	.form = WIRE_FORM_BYTES,
	.put = put_str,
	.put_str = put_str_base64,
	.filler = FILLER("\0"),
};

const struct shape bytes_base64_url_shape = {
	.avro = "string",
	.form = WIRE_FORM_BYTES,
	.put = put_str,
	.put_str = put_str_base64_url,
	.filler = FILLER("\0"),
};

/* Here Debezium writes the placeholder as it is. */
const struct shape bytes_hex_shape = {
	.avro = "string",
	.form = WIRE_FORM_BYTES,
	.put = put_str,
	.put_str = put_str_hex,
	.filler = FILLER("\0"),
	.toasted = TOASTED_STRING,
};

const struct shape unknown_shape = {
	.avro = "bytes",
	.any_form = true,
	.put = put_any,
	.put_str = put_str_text,
	.filler = FILLER("\0"),
	.toasted = TOASTED_STRING,
};

const struct shape unknown_base64_shape = {
	.avro = "string",
	.any_form = true,
	.put = put_any,
	.put_str = put_str_text_base64,
	.filler = FILLER("\0"),
};

const struct shape unknown_base64_url_shape = {
	.avro = "string",
	.any_form = true,
	.put = put_any,
	.put_str = put_str_text_base64_url,
	.filler = FILLER("\0"),
};

const struct shape unknown_hex_shape = {
	.avro = "string",
	.any_form = true,
	.put = put_any,
	.put_str = put_str_text_hex,
	.filler = FILLER("\0"),
	.toasted = TOASTED_STRING,
};

const struct shape exact_shape = {
	.avro = "string",
	.any_form = true,
	.put = put_any,
	.put_str = put_str_text,
	.put_filler = put_exact_filler,
	.toasted = TOASTED_STRING,
};
