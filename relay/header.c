/*
 * header.c
 *		Keys as header text; see header.h.
 *
 * Reads back the Avro that the encoder has just written, so it cannot be
 * malformed; the cursor's checks are the safety net.
 */
#include "header.h"

#include <inttypes.h>

#include "decimal.h"
#include "json.h"

static void
put_number_text(struct cursor *avro, const struct op *op, struct buf *out)
{
	uint32_t single = 0;
	uint64_t bits = 0;
	float    real;
	double   wide;

	switch (op->shape->avro[0])
	{
		case 'f':
			single = cursor_u32(avro);
			memcpy(&real, &single, sizeof(real));
			json_float(out, real);
			return;
		case 'd':
			bits = cursor_u64(avro);
			memcpy(&wide, &bits, sizeof(wide));
			json_double(out, wide);
			return;
		default: buf_printf(out, "%" PRId64, cursor_sv(avro)); return;
	}
}

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

static void
put_value(struct cursor *avro, const struct op *op, struct buf *out)
{
	const struct shape *shape = op->shape;
	struct str          s;

	if (op->nullable && cursor_u8(avro) != op->branch)
		buf_puts(out, "null");
	else if (strcmp(shape->avro, "record") == 0)
	{
		buf_printf(out, "{\"scale\":%" PRId64 ",\"value\":", cursor_sv(avro));
		s = avro_str(avro);
		json_base64(out, (const uint8_t *) s.data, s.len);
		buf_put_u8(out, '}');
	}
	else if (strcmp(shape->avro, "boolean") == 0)
		buf_puts(out, cursor_u8(avro) ? "true" : "false");
	else if (strcmp(shape->avro, "string") == 0)
		put_quoted(avro_str(avro), out);
	else if (strcmp(shape->avro, "bytes") == 0)
	{
		s = avro_str(avro);
		if (shape->parameters == PARAMETERS_DECIMAL || shape->parameters == PARAMETERS_MONEY)
			decimal_text((const uint8_t *) s.data, s.len, op->scale, out);
		else
			json_base64(out, (const uint8_t *) s.data, s.len);
	}
	else
		put_number_text(avro, op, out);
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
