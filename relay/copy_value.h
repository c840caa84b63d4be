/*
 * copy_value.h
 *		Pure: one value as COPY ... (FORMAT binary) has it becomes the value that the
 *		stream carries.
 *
 * What the bytes are is in the send function of each type; numbers are big-endian.
 * Called by copy_row.c for every value: what is short is inline.
 */
#ifndef RELAY_COPY_VALUE_H
#define RELAY_COPY_VALUE_H

#include "buf.h"
#include "catalog.h"
#include "fnv1a.h"
#include "wire_put.h"

/* How a value gets from the message into the tuple; what the column must be asked for as. */
enum copy_method
{
	COPY_BOOL,
	COPY_INT2,
	COPY_INT4,
	COPY_INT8,
	COPY_OID,
	COPY_FIXED4,
	COPY_FIXED8,
	COPY_TIMETZ,
	COPY_INTERVAL,
	COPY_UUID,
	COPY_NUMERIC,
	COPY_ENUM,         /* its label */
	COPY_BYTES,        /* as they are */
	COPY_OUTPUT,       /* the same, but what the output function prints */
	COPY_ARRAY,        /* array_send()'s */
	COPY_ARRAY_OUTPUT, /* its elements go as what their output function prints */
};

/* The labels of an enum, to find their places. */
struct copy_labels
{
	const char **texts;
	size_t      *lens;
	uint32_t    *slots; /* place + 1 of a label, by hash; 0: none */
	uint32_t     mask;
};

/* Of the values of a column, or of the elements of an array. */
struct copy_kind
{
	enum copy_method   method;
	uint32_t           width;  /* bytes of a value; 0: any number */
	struct copy_labels labels; /* COPY_ENUM */
};

/* The form of a value takes at most so much more than what COPY has of it. */
#define COPY_VALUE_BOUND 16

enum copy_method copy_column_method(const struct column *col);
enum copy_method copy_element_method(const struct column *col);

/* Borrows the labels of col. */
void copy_kind_init(struct copy_kind *kind, enum copy_method method, const struct column *col);
void copy_kind_free(struct copy_kind *kind);

/* A numeric, as copy_value_put() has it. */
uint8_t *copy_numeric_put(uint8_t *p, const uint8_t *at, uint32_t len);

enum copy_arrayed
{
	COPY_ARRAYED,
	COPY_NO_ARRAY,
	COPY_NO_LABEL /* an enum's element is none of the labels */
};

/*
 * Adds the body of an array, from what array_send() gave.  element: of the elements,
 * whose type has the oid.  Unless it gives COPY_ARRAYED, what was added means nothing.
 */
enum copy_arrayed copy_array_put(struct cursor cur, const struct copy_kind *element, uint32_t oid,
								 struct buf *body);

static inline uint16_t
copy_u16(const uint8_t *at)
{
	return (uint16_t) (at[0] << 8 | at[1]);
}

static inline uint32_t
copy_u32(const uint8_t *at)
{
	return (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
}

static inline uint64_t
copy_u64(const uint8_t *at)
{
	return (uint64_t) copy_u32(at) << 32 | copy_u32(at + 4);
}

static inline uint32_t
copy_read_u32(struct cursor *cur)
{
	const uint8_t *at = cursor_bytes(cur, 4);

	return at ? copy_u32(at) : 0;
}

/* False: it is none of them. */
static inline bool
copy_labels_find(const struct copy_labels *labels, const uint8_t *at, uint32_t len, uint32_t *place)
{
	for (uint64_t slot = fnv1a_bytes(FNV1A_START, at, len); labels->slots[slot & labels->mask] != 0;
		 slot++)
	{
		*place = labels->slots[slot & labels->mask] - 1;
		if (labels->lens[*place] == len && memcmp(labels->texts[*place], at, len) == 0)
			return true;
	}
	return false;
}

static inline uint8_t *
copy_bytes_put(uint8_t *p, const void *data, size_t len)
{
	p = put_uv(p, len);
	memcpy(p, data, len);
	return p + len;
}

/*
 * Any value but an array, of which width has been checked, to p, which has room for it.
 * NULL: it is no value of its kind; for an enum, none of its labels.
 */
static inline uint8_t *
copy_value_put(uint8_t *p, const struct copy_kind *kind, const uint8_t *at, uint32_t len)
{
	uint32_t place;

	switch (kind->method)
	{
		case COPY_BOOL: return at[0] <= 1 ? put_u8(p, at[0]) : NULL;
		case COPY_INT2: return put_sv(p, (int16_t) copy_u16(at));
		case COPY_INT4: return put_sv(p, (int32_t) copy_u32(at));
		case COPY_INT8: return put_sv(p, (int64_t) copy_u64(at));
		case COPY_OID: return put_uv(p, copy_u32(at));
		case COPY_FIXED4: return put_u32(p, copy_u32(at));
		case COPY_FIXED8: return put_u64(p, copy_u64(at));
		case COPY_TIMETZ: return put_u32(put_u64(p, copy_u64(at)), copy_u32(at + 8));
		case COPY_INTERVAL:
			return put_u32(put_u32(put_u64(p, copy_u64(at)), copy_u32(at + 8)), copy_u32(at + 12));
		case COPY_UUID: memcpy(p, at, 16); return p + 16;
		case COPY_NUMERIC: return copy_numeric_put(p, at, len);
		case COPY_ENUM:
			return copy_labels_find(&kind->labels, at, len, &place) ? put_uv(p, place) : NULL;
		case COPY_BYTES:
		case COPY_OUTPUT: return copy_bytes_put(p, at, len);
		case COPY_ARRAY:
		case COPY_ARRAY_OUTPUT: break;
	}
	return NULL;
}

#endif /* RELAY_COPY_VALUE_H */
