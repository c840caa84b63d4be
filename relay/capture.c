/*
 * capture.c
 *		Finds the frames of a capture one after another; see capture.h.
 *
 * pg_recvlogical writes each message and a newline, and no length.
 */
#include "capture.h"

#include <errno.h>
#include <inttypes.h>

#include "frame.h"

/* No PostgreSQL value is longer (MaxAllocSize), so that nothing real is refused. */
#define LONG_MAX_BYTES (UINT64_C(1) << 30)

/* A frame's claimed length is believed this far ahead of what has arrived. */
#define READ_BYTES (size_t)(64 * 1024)

struct capture
{
	FILE          *in;
	const char    *name;
	uint64_t       offset; /* of the frame in buf */
	struct buf     buf;    /* one frame, as far as it has been read */
	struct reader *rdr;
};

/* Adds where it happened to an error of the layers below. */
static enum rc
capture_fail(const struct capture *cap, struct err *e)
{
	char detail[sizeof(e->detail)];

	memcpy(detail, e->detail, sizeof(detail));
	return err_detail(e, "%s%sThe frame begins at byte %" PRIu64 " of %s.", detail,
					  detail[0] ? " " : "", cap->offset, cap->name);
}

/* Reads until buf holds need bytes.  RC_AGAIN: the file ended before. */
static enum rc
capture_fill(struct capture *cap, size_t need, struct err *e)
{
	while (cap->buf.len < need)
	{
		size_t want = need - cap->buf.len < READ_BYTES ? need - cap->buf.len : READ_BYTES;
		size_t got;

		buf_reserve(&cap->buf, want);
		got = fread(cap->buf.data + cap->buf.len, 1, want, cap->in);
		cap->buf.len += got;
		if (got == want)
			continue;
		if (ferror(cap->in))
		{
			err_set(e, ERR_TRANSIENT, E1402, "%s cannot be read: %s", cap->name, strerror(errno));
			return capture_fail(cap, e);
		}
		return RC_AGAIN;
	}
	return RC_OK;
}

static enum rc
capture_cut_off(const struct capture *cap, size_t need, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1402, "%s was cut off in the frame at byte %" PRIu64, cap->name,
			cap->offset);
	err_detail(e,
			   "The frame has at least %zu bytes, %zu are there.  Every record before it was "
			   "printed.",
			   need, cap->buf.len);
	return err_hint(e, "Stop pg_recvlogical with SIGINT before reading what it wrote; the slot "
					   "still has what it did not confirm.");
}

/* Leaves one frame's records in *records.  RC_AGAIN at the end of the file. */
static enum rc
capture_frame(struct capture *cap, struct cursor *records, struct err *e)
{
	size_t need = WIRE_FRAME_HEADER;

	for (;;)
	{
		enum rc       filled = capture_fill(cap, need, e);
		struct cursor cur;

		if (filled == RC_ERR || cap->buf.len == 0)
			return filled;
		cur = cursor_over(cap->buf.data, cap->buf.len);
		switch (frame_next(&cur, records, &need, e))
		{
			case RC_OK: return RC_OK;
			case RC_ERR: return capture_fail(cap, e);
			case RC_AGAIN:
				if (filled == RC_AGAIN)
					return capture_cut_off(cap, need, e);
		}
	}
}

static enum rc
capture_records(struct capture *cap, struct cursor *records, struct dump *dump, struct err *e)
{
	struct record rec;
	enum rc       rc;

	/* A stream begins at a frame's beginning: pg_recvlogical has reconnected. */
	if (cursor_left(records) > 0 && *records->p == WIRE_HELLO)
	{
		reader_free(cap->rdr);
		cap->rdr = reader_new(LONG_MAX_BYTES);
	}
	while ((rc = record_next(cap->rdr, records, &rec, e)) == RC_OK)
		if (dump_record(dump, &rec, e) != RC_OK)
			return capture_fail(cap, e);
	return rc == RC_AGAIN ? RC_OK : capture_fail(cap, e);
}

/* Goes behind the frame in buf and the newline that pg_recvlogical put there. */
static void
capture_advance(struct capture *cap)
{
	int c = getc(cap->in);

	cap->offset += cap->buf.len;
	buf_reset(&cap->buf);
	if (c == '\n')
		cap->offset++;
	else if (c != EOF)
		ungetc(c, cap->in);
}

enum rc
capture_decode(FILE *in, const char *name, struct dump *dump, struct err *e)
{
	struct capture cap = {.in = in, .name = name, .rdr = reader_new(LONG_MAX_BYTES)};
	struct cursor  records;
	enum rc        rc;

	while ((rc = capture_frame(&cap, &records, e)) == RC_OK)
	{
		rc = capture_records(&cap, &records, dump, e);
		if (rc != RC_OK)
			break;
		capture_advance(&cap);
	}
	buf_free(&cap.buf);
	reader_free(cap.rdr);
	return rc == RC_AGAIN ? dump_flush(dump, e) : rc;
}
