/*
 * frame.h
 *		The open frame: whole wire.h records on their way to the client, and
 *		the moments at which they leave.  Binary format only.
 *
 * PROTOCOL.md, "Why a frame may stay open", gives the argument for safety.
 */
#ifndef WALRELAY_FRAME_H
#define WALRELAY_FRAME_H

#include "postgres.h"

#include "access/xlogreader.h"
#include "replication/logical.h"

#include "wire.h"

struct frame
{
	LogicalDecodingContext *ctx;
	MemoryContext context;		/* of data */
	uint8	   *data;			/* frame header, then whole records */
	Size		length;			/* bytes used */
	Size		capacity;		/* bytes allocated */
	Size		empty;			/* length at which it says nothing worth sending:
								 * the header, and before the first frame left
								 * also the hello record */
	Size		limit;			/* frame-bytes: as long as this, it leaves */
	bool		idle;			/* stays open over commits (flush=idle) */
	int			length_bytes;	/* what the last record's length took: the guess
								 * for the next one's */
	XLogRecPtr	told;			/* newest position that a commit, message or mark
								 * record in a frame gives */
	XLogRecPtr	left;			/* how far reading had come when a frame left last */
	XLogRecPtr	reported;		/* end of the last commit reported as progress */
	XLogRecPtr	readable;		/* WAL known to be there without waiting */
	XLogPageReadCB page_read;	/* the reader's own; NULL if not wrapped */
};

/*
 * A new frame in the current memory context, which must live as long as the
 * decoding context's plugin state.  Holds nothing yet but its header.
 */
extern struct frame *frame_new(LogicalDecodingContext *ctx, Size limit, bool idle);

/*
 * Watch the WAL reader of a walsender, so that marks are written and an open
 * frame leaves before the walsender waits.  output_plugin_private must be a
 * struct session with this frame.
 */
extern void frame_watch(struct frame *frame);

/*
 * Send the frame now, if it says anything.  Only inside an output plugin
 * callback.  "last" as for OutputPluginWrite: false if this callback will
 * send more.
 */
extern void frame_flush(struct frame *frame, bool last);

/* The same, if the frame is as long as frame-bytes. */
static inline void
frame_flush_full(struct frame *frame)
{
	if (frame->length >= frame->limit)
		frame_flush(frame, true);
}

static inline bool
frame_is_empty(const struct frame *frame)
{
	return frame->length <= frame->empty;
}

/*
 * Append records of kind WIRE_LONG that carry the value, sending frames as
 * they fill.  The value is read in place and may be as long as a Datum can.
 */
extern void frame_long(struct frame *frame, const char *value, Size length);

/* Make room for one more record; not for callers outside the inlines below. */
extern void frame_grow(struct frame *frame, Size bound);

/*
 * Writing a record: frame_record_open() gives the place of its body, with
 * room for "bound" bytes; fill it by the put_ functions; then
 * frame_record_close() with the end reached.  In between, nothing else may
 * touch the frame.
 */
static inline uint8 *
frame_record_open(struct frame *frame, Size bound)
{
	if (frame->capacity - frame->length < bound + 1 + WIRE_VARINT_MAX)
		frame_grow(frame, bound + 1 + WIRE_VARINT_MAX);
	return frame->data + frame->length + 1 + frame->length_bytes;
}

static inline uint8 *
put_u8(uint8 *p, uint8 value)
{
	*p = value;
	return p + 1;
}

static inline uint8 *
put_u16(uint8 *p, uint16 value)
{
	p[0] = (uint8) value;
	p[1] = (uint8) (value >> 8);
	return p + 2;
}

static inline uint8 *
put_u32(uint8 *p, uint32 value)
{
	p[0] = (uint8) value;
	p[1] = (uint8) (value >> 8);
	p[2] = (uint8) (value >> 16);
	p[3] = (uint8) (value >> 24);
	return p + 4;
}

static inline uint8 *
put_u64(uint8 *p, uint64 value)
{
	return put_u32(put_u32(p, (uint32) value), (uint32) (value >> 32));
}

static inline uint8 *
put_uv(uint8 *p, uint64 value)
{
	while (value >= 0x80)
	{
		*p++ = (uint8) value | 0x80;
		value >>= 7;
	}
	*p++ = (uint8) value;
	return p;
}

static inline uint8 *
put_sv(uint8 *p, int64 value)
{
	return put_uv(p, ((uint64) value << 1) ^ (uint64) (value >> 63));
}

static inline uint8 *
put_bytes(uint8 *p, const char *bytes, Size length)
{
	p = put_uv(p, length);
	memcpy(p, bytes, length);
	return p + length;
}

static inline uint8 *
put_str(uint8 *p, const char *string)
{
	return put_bytes(p, string, strlen(string));
}

static inline int
uv_size(uint64 value)
{
	int			size = 1;

	while (value >= 0x80)
	{
		value >>= 7;
		size++;
	}
	return size;
}

/*
 * Put the length of body..end at "at", directly in front of the body, which
 * moves if the gap left for the length was not right.  Returns the end.
 */
static inline uint8 *
put_span(uint8 *at, uint8 *body, uint8 *end)
{
	Size		length = end - body;
	uint8	   *start = at + uv_size(length);

	if (unlikely(start != body))
		memmove(start, body, length);
	put_uv(at, length);
	return start + length;
}

static inline void
frame_record_close(struct frame *frame, enum wire_kind kind, uint8 *body, uint8 *end)
{
	uint8	   *record = frame->data + frame->length;

	record[0] = (uint8) kind;
	frame->length_bytes = uv_size(end - body);
	frame->length = put_span(record + 1, body, end) - frame->data;
}

#endif							/* WALRELAY_FRAME_H */
