/*
 * copy_value.c
 *		How the columns of a table are asked for, and values that are more than a few
 *		bytes; see copy_value.h.
 *
 * Bytes come from outside: no length is believed before its bytes are there.
 */
#include "copy_value.h"

#include <stdlib.h>

#include "value.h"

/* Oids that only this file tells from others. */
#define TYPE_NAME 19
#define TYPE_TEXT 25
#define TYPE_JSON 114

/* Bytes of a value; 0: any number. */
static const uint8_t widths[] = {
	[COPY_BOOL] = 1,      [COPY_INT2] = 2,   [COPY_INT4] = 4,         [COPY_INT8] = 8,
	[COPY_OID] = 4,       [COPY_FIXED4] = 4, [COPY_FIXED8] = 8,       [COPY_TIMETZ] = 12,
	[COPY_INTERVAL] = 16, [COPY_UUID] = 16,  [COPY_ARRAY_OUTPUT] = 0,
};

/* Types whose send function gives what the plugin sends as text. */
static enum copy_method
text_method(uint32_t oid)
{
	switch (oid)
	{
		case TYPE_NAME:
		case TYPE_TEXT:
		case TYPE_JSON:
		case TYPE_BPCHAR:
		case TYPE_VARCHAR: return COPY_BYTES;
		default: return COPY_OUTPUT;
	}
}

/* oid: of the type below all domains. */
static enum copy_method
form_method(enum wire_form form, uint32_t oid)
{
	switch (form)
	{
		case WIRE_FORM_BOOL: return COPY_BOOL;
		case WIRE_FORM_INT:
			return oid == TYPE_INT2 ? COPY_INT2 : oid == TYPE_INT8 ? COPY_INT8 : COPY_INT4;
		case WIRE_FORM_OID: return COPY_OID;
		case WIRE_FORM_FLOAT4: return COPY_FIXED4;
		case WIRE_FORM_FLOAT8:
		case WIRE_FORM_INT64: return COPY_FIXED8;
		case WIRE_FORM_TIMETZ: return COPY_TIMETZ;
		case WIRE_FORM_INTERVAL: return COPY_INTERVAL;
		case WIRE_FORM_UUID: return COPY_UUID;
		case WIRE_FORM_NUMERIC: return COPY_NUMERIC;
		case WIRE_FORM_ENUM: return COPY_ENUM;
		case WIRE_FORM_ARRAY: return COPY_ARRAY;
		case WIRE_FORM_BYTES: return COPY_BYTES;
		case WIRE_FORM_TEXT: break;
	}
	return text_method(oid);
}

enum copy_method
copy_element_method(const struct column *col)
{
	return form_method(col->element_form, col->element_base ? col->element_base : col->element.oid);
}

enum copy_method
copy_column_method(const struct column *col)
{
	enum copy_method method = form_method(col->form, col->base.oid);

	if (method == COPY_ARRAY && copy_element_method(col) == COPY_OUTPUT)
		return COPY_ARRAY_OUTPUT;
	return method;
}

static void
labels_make(struct copy_labels *labels, const struct column *col)
{
	uint32_t size = 4;

	while (size < 2 * (uint64_t) col->nlabels)
		size *= 2;
	labels->texts = col->labels;
	labels->lens = xcalloc(col->nlabels + 1, sizeof(*labels->lens));
	labels->slots = xcalloc(size, sizeof(*labels->slots));
	labels->mask = size - 1;
	for (uint32_t i = 0; i < col->nlabels; i++)
	{
		uint64_t slot;

		labels->lens[i] = strlen(col->labels[i]);
		slot = fnv1a_bytes(FNV1A_START, col->labels[i], labels->lens[i]);
		while (labels->slots[slot & labels->mask] != 0)
			slot++;
		labels->slots[slot & labels->mask] = i + 1;
	}
}

void
copy_kind_init(struct copy_kind *kind, enum copy_method method, const struct column *col)
{
	kind->method = method;
	kind->width = widths[method];
	if (method == COPY_ENUM)
		labels_make(&kind->labels, col);
}

void
copy_kind_free(struct copy_kind *kind)
{
	free(kind->labels.lens);
	free(kind->labels.slots);
}

/*
 * numeric_send(): number of digits, weight, sign, display scale, then the digits.  None
 * is zero at either end: the server strips those from whatever it stores.
 */
uint8_t *
copy_numeric_put(uint8_t *p, const uint8_t *at, uint32_t len)
{
	uint32_t ndigits = len < 8 ? 0 : copy_u16(at);

	if (len < 8 || len != 8 + 2 * ndigits)
		return NULL;
	switch (copy_u16(at + 4))
	{
		case 0x0000: p = put_u8(p, WIRE_NUMERIC_POSITIVE); break;
		case 0x4000: p = put_u8(p, WIRE_NUMERIC_NEGATIVE); break;
		case 0xc000: return ndigits == 0 ? put_u8(p, WIRE_NUMERIC_NAN) : NULL;
		case 0xd000: return ndigits == 0 ? put_u8(p, WIRE_NUMERIC_INFINITY) : NULL;
		case 0xf000: return ndigits == 0 ? put_u8(p, WIRE_NUMERIC_MINUS_INFINITY) : NULL;
		default: return NULL;
	}
	if (copy_u16(at + 6) > 0x3fff)
		return NULL;
	p = put_uv(p, copy_u16(at + 6));
	p = put_sv(p, (int16_t) copy_u16(at + 2));
	p = put_uv(p, ndigits);
	for (uint32_t i = 0; i < ndigits; i++)
	{
		uint16_t digit = copy_u16(at + 8 + 2 * i);

		if (digit > 9999)
			return NULL;
		p = put_u16(p, digit);
	}
	return p;
}

/*
 * array_send(): number of dimensions, whether there is a map of NULLs, oid of the
 * elements, then for each dimension its length and lower bound.  Adds it to body; *nulls
 * is the place of the map there, 0 for none.  False: no such array.
 */
static bool
array_head_put(struct cursor *cur, uint32_t element, struct buf *body, uint64_t *count,
			   size_t *nulls)
{
	uint32_t      ndim = copy_read_u32(cur);
	uint32_t      mapped = copy_read_u32(cur);
	uint32_t      oid = copy_read_u32(cur);
	struct cursor dimensions = *cur;
	size_t        map;
	uint8_t      *p;

	if (cur->bad || ndim > ARRAY_MAX_DIM || mapped > 1 || oid != element)
		return false;
	*count = ndim > 0;
	for (uint32_t i = 0; i < ndim; i++)
	{
		*count *= copy_read_u32(cur);
		copy_read_u32(cur);
		/* each element takes 4 bytes at least */
		if (cur->bad || *count > cursor_left(cur) / 4)
			return false;
	}
	if (*count == 0)
		ndim = mapped = 0;
	map = mapped ? (size_t) (*count + 7) / 8 : 0;
	buf_reserve(body, ARRAY_HEAD_BOUND + map);
	p = put_uv(body->data + body->len, ndim);
	for (uint32_t i = 0; i < ndim; i++)
	{
		p = put_uv(p, copy_read_u32(&dimensions));
		p = put_sv(p, (int32_t) copy_read_u32(&dimensions));
	}
	p = put_u8(p, (uint8_t) mapped);
	*nulls = mapped ? (size_t) (p - body->data) : 0;
	memset(p, 0, map);
	body->len = (size_t) (p - body->data) + map;
	return true;
}

enum copy_arrayed
copy_array_put(struct cursor cur, const struct copy_kind *element, uint32_t oid, struct buf *body)
{
	uint64_t count;
	size_t   nulls;

	buf_restart(body);
	if (!array_head_put(&cur, oid, body, &count, &nulls))
		return COPY_NO_ARRAY;
	for (uint64_t i = 0; i < count; i++)
	{
		uint32_t       len = copy_read_u32(&cur);
		const uint8_t *at;
		uint8_t       *p;

		if (len == UINT32_MAX && nulls > 0)
		{
			body->data[nulls + i / 8] |= (uint8_t) (1 << i % 8);
			continue;
		}
		at = cursor_bytes(&cur, len);
		if (cur.bad || (element->width > 0 && len != element->width))
			return COPY_NO_ARRAY;
		buf_reserve(body, (size_t) len + COPY_VALUE_BOUND);
		p = copy_value_put(body->data + body->len, element, at, len);
		if (p == NULL)
			return element->method == COPY_ENUM ? COPY_NO_LABEL : COPY_NO_ARRAY;
		body->len = (size_t) (p - body->data);
	}
	return !cur.bad && cur.p == cur.end ? COPY_ARRAYED : COPY_NO_ARRAY;
}
