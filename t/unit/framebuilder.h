/*
 * framebuilder.h
 *		Writes wire.h records for tests, from wire.h alone: it shares no code
 *		with the reader that it tests.
 *
 * Records are collected in a struct buf; fb_frame() puts a header before them.
 * What has a fixed layout has a function of its own; anything else, and
 * anything malformed, is put together with fb_uv() and its like and finished by
 * fb_record().
 */
#ifndef T_UNIT_FRAMEBUILDER_H
#define T_UNIT_FRAMEBUILDER_H

#include "buf.h"
#include "catalog.h"
#include "wire.h"

static inline void
fb_uint(struct buf *out, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_put_u8(out, (uint8_t) (value >> (8 * i)));
}

static inline void
fb_u16(struct buf *out, uint16_t value)
{
	fb_uint(out, value, 2);
}

static inline void
fb_u32(struct buf *out, uint32_t value)
{
	fb_uint(out, value, 4);
}

static inline void
fb_u64(struct buf *out, uint64_t value)
{
	fb_uint(out, value, 8);
}

static inline void
fb_uv(struct buf *out, uint64_t value)
{
	while (value > 0x7f)
	{
		buf_put_u8(out, (uint8_t) (value | 0x80));
		value >>= 7;
	}
	buf_put_u8(out, (uint8_t) value);
}

static inline void
fb_sv(struct buf *out, int64_t value)
{
	fb_uv(out, value < 0 ? ~((uint64_t) value << 1) : (uint64_t) value << 1);
}

static inline void
fb_bytes(struct buf *out, const void *data, size_t len)
{
	fb_uv(out, len);
	buf_put(out, data, len);
}

static inline void
fb_str(struct buf *out, const char *s)
{
	fb_bytes(out, s, strlen(s));
}

static inline void
fb_float4(struct buf *out, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	fb_u32(out, bits);
}

static inline void
fb_float8(struct buf *out, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	fb_u64(out, bits);
}

static inline void
fb_interval(struct buf *out, int64_t us, int32_t days, int32_t months)
{
	fb_u64(out, (uint64_t) us);
	fb_u32(out, (uint32_t) days);
	fb_u32(out, (uint32_t) months);
}

static inline void
fb_numeric(struct buf *out, char sign, unsigned scale, int weight, unsigned ndigits,
		   const uint16_t *digits)
{
	buf_put_u8(out, (uint8_t) sign);
	if (sign != WIRE_NUMERIC_POSITIVE && sign != WIRE_NUMERIC_NEGATIVE)
		return;
	fb_uv(out, scale);
	fb_sv(out, weight);
	fb_uv(out, ndigits);
	for (unsigned i = 0; i < ndigits; i++)
		fb_u16(out, digits[i]);
}

/* What stands before the elements of an array.  nulls: the map's bytes; NULL for no map. */
static inline void
fb_array_head(struct buf *body, uint32_t ndim, const uint32_t *lengths, const int32_t *lower,
			  const uint8_t *nulls)
{
	uint32_t count = ndim > 0;

	fb_uv(body, ndim);
	for (uint32_t i = 0; i < ndim; i++)
	{
		fb_uv(body, lengths[i]);
		fb_sv(body, lower[i]);
		count *= lengths[i];
	}
	buf_put_u8(body, nulls != NULL);
	if (nulls)
		buf_put(body, nulls, (count + 7) / 8);
}

/* Adds a record and empties body for the next one. */
static inline void
fb_record(struct buf *records, int kind, struct buf *body)
{
	buf_put_u8(records, (uint8_t) kind);
	fb_bytes(records, body->data, body->len);
	buf_reset(body);
}

/* Adds a frame of these records and empties them for the next one. */
static inline void
fb_frame(struct buf *out, struct buf *records)
{
	buf_put(out, (const uint8_t[]){WIRE_MAGIC0, WIRE_MAGIC1, WIRE_VERSION_MAX, 0}, 4);
	fb_u32(out, (uint32_t) records->len);
	buf_put(out, records->data, records->len);
	buf_reset(records);
}

static inline void
fb_hello(struct buf *records)
{
	struct buf body = {0};

	fb_uv(&body, WIRE_VERSION_MAX);
	fb_uv(&body, 150020);
	buf_put_u8(&body, WIRE_HELLO_FLUSH_IDLE);
	fb_uv(&body, 16384);
	fb_u64(&body, UINT64_C(0x0123456789abcdef));
	fb_uv(&body, 16384);
	fb_str(&body, "shop");
	fb_str(&body, "UTF8");
	fb_str(&body, "0.1.0");
	fb_uv(&body, 2);
	fb_str(&body, "DateStyle");
	fb_str(&body, "ISO, MDY");
	fb_str(&body, "TimeZone");
	fb_str(&body, "UTC");
	fb_record(records, WIRE_HELLO, &body);
	buf_free(&body);
}

/* commit_us: since 2000.  origin: NULL for none. */
static inline void
fb_begin(struct buf *records, uint32_t xid, int64_t commit_us, uint64_t lsn, const char *origin,
		 uint64_t origin_lsn)
{
	struct buf body = {0};

	fb_uv(&body, xid);
	fb_u64(&body, (uint64_t) commit_us);
	fb_u64(&body, lsn);
	buf_put_u8(&body, origin ? WIRE_BEGIN_ORIGIN : 0);
	if (origin)
	{
		fb_str(&body, origin);
		fb_u64(&body, origin_lsn);
	}
	fb_record(records, WIRE_BEGIN, &body);
	buf_free(&body);
}

static inline void
fb_commit(struct buf *records, uint64_t end_lsn, uint64_t commit_lsn)
{
	struct buf body = {0};

	fb_u64(&body, end_lsn);
	fb_uv(&body, end_lsn - commit_lsn);
	fb_record(records, WIRE_COMMIT, &body);
	buf_free(&body);
}

static inline void
fb_mark(struct buf *records, uint64_t lsn)
{
	struct buf body = {0};

	fb_u64(&body, lsn);
	fb_record(records, WIRE_MARK, &body);
	buf_free(&body);
}

static inline void
fb_column(struct buf *body, const struct column *col)
{
	fb_uv(body, col->attnum);
	fb_u16(body, col->flags);
	buf_put_u8(body, (uint8_t) col->form);
	fb_str(body, col->name);
	fb_uv(body, col->type.oid);
	fb_sv(body, col->type.typmod);
	fb_str(body, col->type.schema);
	fb_str(body, col->type.name);
	if (col->flags & WIRE_COLUMN_DOMAIN)
	{
		fb_uv(body, col->base.oid);
		fb_sv(body, col->base.typmod);
		fb_str(body, col->base.schema);
		fb_str(body, col->base.name);
	}
	if (col->flags & WIRE_COLUMN_ARRAY)
	{
		fb_uv(body, col->element.oid);
		fb_str(body, col->element.schema);
		fb_str(body, col->element.name);
		fb_uv(body, col->element_base);
		buf_put_u8(body, (uint8_t) col->element_form);
		buf_put_u8(body, (uint8_t) col->delimiter);
	}
	if (col->flags & WIRE_COLUMN_ENUM)
	{
		fb_uv(body, col->nlabels);
		for (uint32_t i = 0; i < col->nlabels; i++)
			fb_str(body, col->labels[i]);
	}
	if (col->flags & WIRE_COLUMN_DEFAULT)
		fb_str(body, col->default_text);
}

/* The body of a relation record: what table_read() takes. */
static inline void
fb_relation_body(struct buf *body, const struct table *tbl)
{
	fb_uv(body, tbl->index);
	fb_uv(body, tbl->relid);
	buf_put_u8(body, (uint8_t) tbl->identity);
	buf_put_u8(body, (uint8_t) tbl->relkind);
	fb_str(body, tbl->schema);
	fb_str(body, tbl->name);
	fb_uv(body, tbl->ncolumns);
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
		fb_column(body, &tbl->columns[i]);
	buf_put_u8(body, (uint8_t) tbl->key_kind);
	fb_uv(body, tbl->nkey);
	for (uint32_t i = 0; i < tbl->nkey; i++)
		fb_uv(body, tbl->key[i]);
	fb_uv(body, tbl->nidentity);
	for (uint32_t i = 0; i < tbl->nidentity; i++)
		fb_uv(body, tbl->identity_key[i]);
}

static inline void
fb_relation(struct buf *records, const struct table *tbl)
{
	struct buf body = {0};

	fb_relation_body(&body, tbl);
	fb_record(records, WIRE_RELATION, &body);
	buf_free(&body);
}

/*
 * Tuples.  states: one enum wire_state a column; what is shortest is chosen as
 * the plugin does.  The values, of VALUE and TEXT states only, follow by
 * fb_sv() and its like into the same buf.
 */
static inline void
fb_tuple(struct buf *out, const uint8_t *states, uint32_t ncolumns)
{
	uint8_t         map[2048] = {0};
	enum wire_tuple form = WIRE_TUPLE_PLAIN;
	uint32_t        i;

	for (i = 0; i < ncolumns && form != WIRE_TUPLE_STATES; i++)
		if (states[i] > WIRE_STATE_NULL)
			form = WIRE_TUPLE_STATES;
		else if (states[i] == WIRE_STATE_NULL)
			form = WIRE_TUPLE_NULLS;
	buf_put_u8(out, (uint8_t) form);
	if (form == WIRE_TUPLE_NULLS)
	{
		for (i = 0; i < ncolumns; i++)
			map[i / 8] |= (uint8_t) (states[i] << (i % 8));
		buf_put(out, map, (ncolumns + 7) / 8);
	}
	else if (form == WIRE_TUPLE_STATES)
	{
		for (i = 0; i < ncolumns; i++)
			map[i / 2] |= (uint8_t) (states[i] << (i % 2 * 4));
		buf_put(out, map, (ncolumns + 1) / 2);
	}
}

/*
 * A row.  old_tuple, new_tuple: what fb_tuple() and values gave; NULL for
 * what the kind does not have.
 */
static inline void
fb_change(struct buf *records, int kind, uint32_t index, int64_t delta, int old_kind,
		  const struct buf *old_tuple, const struct buf *new_tuple)
{
	struct buf body = {0};

	fb_uv(&body, index);
	fb_sv(&body, delta);
	if (kind != WIRE_INSERT)
	{
		buf_put_u8(&body, (uint8_t) old_kind);
		if (old_tuple && kind == WIRE_UPDATE)
			fb_uv(&body, old_tuple->len);
		if (old_tuple)
			buf_put(&body, old_tuple->data, old_tuple->len);
	}
	if (new_tuple)
		buf_put(&body, new_tuple->data, new_tuple->len);
	fb_record(records, kind, &body);
	buf_free(&body);
}

static inline void
fb_long(struct buf *records, bool last, uint64_t total, const void *piece, size_t len)
{
	struct buf body = {0};

	buf_put_u8(&body, last);
	fb_uv(&body, total);
	buf_put(&body, piece, len);
	fb_record(records, WIRE_LONG, &body);
	buf_free(&body);
}

static inline void
fb_truncate(struct buf *records, int64_t delta, uint8_t flags, uint32_t count,
			const uint32_t *indexes)
{
	struct buf body = {0};

	fb_sv(&body, delta);
	buf_put_u8(&body, flags);
	fb_uv(&body, count);
	for (uint32_t i = 0; i < count; i++)
		fb_uv(&body, indexes[i]);
	fb_record(records, WIRE_TRUNCATE, &body);
	buf_free(&body);
}

/* content: NULL when it went ahead in LONG records. */
static inline void
fb_message(struct buf *records, bool transactional, uint64_t lsn, const char *prefix,
		   const char *content)
{
	struct buf body = {0};

	buf_put_u8(&body, (uint8_t) ((transactional ? WIRE_MESSAGE_TRANSACTIONAL : 0) |
								 (content ? 0 : WIRE_MESSAGE_LONG)));
	fb_u64(&body, lsn);
	fb_str(&body, prefix);
	if (content)
		fb_str(&body, content);
	fb_record(records, WIRE_MESSAGE, &body);
	buf_free(&body);
}

#endif /* T_UNIT_FRAMEBUILDER_H */
