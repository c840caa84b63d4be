/*
 * frame.c
 *		The open frame, and the moments at which it leaves: it is full; a
 *		transaction ended and it may not stay open over commits; the walsender
 *		is about to wait for WAL, or, where it may wait for standbys, to read a
 *		page; none has left for FRAME_WAL_DISTANCE.  Reading is seen by standing in
 *		front of the WAL reader's page_read.  Must never send a part of a
 *		record, and never a mark inside a transaction.
 *
 * Why a frame may stay open over commits: see PROTOCOL.md.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "replication/snapbuild.h"

#include "compat.h"
#include "frame.h"
#include "session.h"

/* A frame or mark leaves at least this often while WAL is read without waiting. */
#define FRAME_WAL_DISTANCE ((XLogRecPtr) 16 * 1024 * 1024)

/* What a frame may keep allocated after one huge record. */
#define FRAME_KEEP ((Size) 2 * 1024 * 1024)

/* Bytes of a WIRE_LONG record that are not the value: kind, length, body head. */
#define LONG_OVERHEAD (1 + WIRE_VARINT_MAX + 1 + WIRE_VARINT_MAX)

struct frame *
frame_new(LogicalDecodingContext *ctx, Size limit, bool idle)
{
	struct frame *frame = palloc0(sizeof(struct frame));

	frame->ctx = ctx;
	frame->context = CurrentMemoryContext;
	frame->capacity = 2 * limit;
	frame->data = palloc(frame->capacity);
	frame->data[0] = WIRE_MAGIC0;
	frame->data[1] = WIRE_MAGIC1;
	frame->data[2] = WIRE_VERSION_MAX;
	frame->data[3] = 0;
	frame->length = frame->empty = WIRE_FRAME_HEADER;
	frame->limit = limit;
	frame->idle = idle;
	frame->length_bytes = 1;
	return frame;
}

void
frame_grow(struct frame *frame, Size bound)
{
	frame->capacity = Max(frame->length + bound, 2 * frame->capacity);
	frame->data = repalloc_huge(frame->data, frame->capacity);
}

void
frame_flush(struct frame *frame, bool last)
{
	LogicalDecodingContext *ctx = frame->ctx;

	if (frame_is_empty(frame))
		return;
	put_u32(frame->data + 4, frame->length - WIRE_FRAME_HEADER);
	OutputPluginPrepareWrite(ctx, last);
	appendBinaryStringInfo(ctx->out, (char *) frame->data, frame->length);
	frame->length = frame->empty = WIRE_FRAME_HEADER;
	frame->left = ctx->reader->EndRecPtr;
	if (frame->capacity > FRAME_KEEP)
	{
		frame->capacity = 2 * frame->limit;
		frame->data = repalloc(frame->data, frame->capacity);
	}
	OutputPluginWrite(ctx, last);
}

void
frame_long(struct frame *frame, const char *value, Size length)
{
	Size		sent = 0;

	do
	{
		Size		room;
		Size		piece;
		uint8	   *body;
		uint8	   *p;

		if (frame->length > frame->limit / 2)
			frame_flush(frame, false);
		room = frame->limit - frame->length - LONG_OVERHEAD;
		piece = Min(length - sent, room);
		p = body = frame_record_open(frame, LONG_OVERHEAD + piece);
		p = put_u8(p, sent + piece == length);
		p = put_uv(p, length);
		memcpy(p, value + sent, piece);
		frame_record_close(frame, WIRE_LONG, body, p + piece);
		sent += piece;
		if (frame->length >= frame->limit)
			frame_flush(frame, false);
		CHECK_FOR_INTERRUPTS();
	} while (sent < length);
}

/*
 * Say how far reading has come.  Called between WAL records only: the
 * reorder buffer has then replayed every transaction whose commit record lies
 * before EndRecPtr, and, as streaming is off, none is half written.
 *
 * Nothing is said below the position that the client started from, nor while
 * the snapshot builder could still meet a transaction that it cannot decode.
 */
static void
frame_mark(struct frame *frame)
{
	LogicalDecodingContext *ctx = frame->ctx;
	XLogRecPtr	lsn = ctx->reader->EndRecPtr;
	uint8	   *body;

	if (lsn <= frame->told || SnapBuildXactNeedsSkip(ctx->snapshot_builder, lsn) ||
		SnapBuildCurrentState(ctx->snapshot_builder) != SNAPBUILD_CONSISTENT)
		return;
	body = frame_record_open(frame, sizeof(uint64));
	frame_record_close(frame, WIRE_MARK, body, put_u64(body, lsn));
	frame->told = lsn;
}

/*
 * Send from outside the callbacks.  What the callback wrappers of logical.c
 * set around a callback is set here, and put back; an ERROR in between ends
 * the decoding context, so that needs no cleaning up.
 */
static void
frame_flush_outside(struct frame *frame)
{
	LogicalDecodingContext *ctx = frame->ctx;
	bool		accept_writes = ctx->accept_writes;
	XLogRecPtr	write_location = ctx->write_location;
	TransactionId write_xid = ctx->write_xid;
	bool		end_xact = ctx->end_xact;

	ctx->accept_writes = true;
	ctx->write_location = ctx->reader->EndRecPtr;
	ctx->write_xid = InvalidTransactionId;
	ctx->end_xact = true;
	frame_flush(frame, true);
	frame->reported = ctx->write_location;
	OutputPluginUpdateProgress(ctx, false); /* the lag columns of
											 * pg_stat_replication */
	ctx->accept_writes = accept_writes;
	ctx->write_location = write_location;
	ctx->write_xid = write_xid;
	ctx->end_xact = end_xact;
}

/*
 * Will the walsender wait for WAL up to "needed"?  The same question that
 * WalSndWaitForWal() asks; the answer "no" cannot become wrong, as WAL that
 * is flushed or replayed stays so.
 */
static bool
frame_would_wait(struct frame *frame, XLogRecPtr needed)
{
	if (needed <= frame->readable)
		return false;
	frame->readable = RecoveryInProgress() ? GetXLogReplayRecPtr(NULL) : GetFlushRecPtr(NULL);
	return needed > frame->readable;
}

/*
 * Stands in front of the walsender's page_read.  Everything is found through
 * the reader, as nothing static may outlive an ERROR.
 */
static int
frame_page_read(XLogReaderState *reader, XLogRecPtr targetPagePtr, int reqLen,
				XLogRecPtr targetRecPtr, char *readBuf)
{
	LogicalDecodingContext *ctx = reader->private_data;
	struct session *session = ctx->output_plugin_private;
	struct frame *frame = session->frame;
	bool		overdue = reader->EndRecPtr > frame->left &&
		reader->EndRecPtr - frame->left >= FRAME_WAL_DISTANCE;
	bool		mark = frame_would_wait(frame, targetPagePtr + reqLen) || overdue;

	if (mark)
		frame_mark(frame);

	/*
	 * When it waits for standbys depends on a position that only the walsender
	 * knows: no page may then be asked for with a frame open.  A mark at each
	 * page would be too much.
	 */
	if ((mark || slot_follows_standbys(ctx->slot)) && !frame_is_empty(frame))
		frame_flush_outside(frame);
	return frame->page_read(reader, targetPagePtr, reqLen, targetRecPtr, readBuf);
}

void
frame_watch(struct frame *frame)
{
	XLogReaderState *reader = frame->ctx->reader;

	Assert(reader->private_data == frame->ctx);
	frame->left = frame->ctx->slot->data.confirmed_flush;
	frame->page_read = reader->routine.page_read;
	reader->routine.page_read = frame_page_read;
}
