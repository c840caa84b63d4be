/*
 * fuzz_session.c
 *		A stream that has begun well: hello, relations and a transaction are
 *		there, and the input is the records that follow, each with its right
 *		length, so that a changed byte does not end everything.
 *
 *		Input: for each record a kind, one byte of flags and length (7 bits; 127:
 *		two bytes of length follow, little-endian), the body.  The flag closes
 *		the frame after the record.
 */
#include "dump.h"
#include "frame.h"
#include "replay.h"
#include "sample.h"

#define SESSION_MAX_LONG 4096

struct session
{
	struct reader *rdr;
	struct dump   *dump;
	struct buf     records;
	bool           open; /* a transaction, by our own count */
};

/* The reader's promises, as far as they show from outside. */
static void
session_follow(struct session *session, const struct record *rec)
{
	bool inside = session->open;

	switch (rec->kind)
	{
		case WIRE_BEGIN:
			if (inside)
				abort();
			session->open = true;
			break;
		case WIRE_COMMIT:
			if (!inside || rec->commit.commit_lsn > rec->commit.end_lsn)
				abort();
			session->open = false;
			break;
		case WIRE_INSERT:
		case WIRE_UPDATE:
		case WIRE_DELETE:
			if (!inside)
				abort();
			for (uint32_t i = 0; i < rec->change.nlongs; i++)
				if (rec->change.longs[i].len > SESSION_MAX_LONG)
					abort();
			break;
		case WIRE_TRUNCATE:
			if (!inside)
				abort();
			break;
		case WIRE_MARK:
			if (inside)
				abort();
			break;
		case WIRE_MESSAGE:
			if (rec->message.transactional != inside)
				abort();
			break;
		case WIRE_RELATION: break;
		default: break;
	}
	if (reader_in_transaction(session->rdr) != session->open)
		abort();
}

/* The frame is copied to its exact size, so that a read behind it shows. */
static bool
session_frame(struct session *session)
{
	struct buf    frame = {0};
	struct cursor cur;
	struct cursor records;
	struct record rec;
	struct err    e = {0};
	uint8_t      *exact;
	size_t        len;
	size_t        need;
	enum rc       rc;

	fb_frame(&frame, &session->records);
	len = frame.len;
	exact = xmalloc(len);
	memcpy(exact, frame.data, len);
	buf_free(&frame);
	cur = cursor_over(exact, len);
	if (frame_next(&cur, &records, &need, &e) != RC_OK || cur.p != cur.end)
		abort();
	while ((rc = record_next(session->rdr, &records, &rec, &e)) == RC_OK)
	{
		session_follow(session, &rec);
		/* A row that does not fit its relation says nothing about the reader: go on. */
		if (dump_record(session->dump, &rec, &e) == RC_ERR && e.msg[0] == '\0')
			abort();
	}
	if (rc == RC_ERR && (e.class != ERR_PROTOCOL || e.msg[0] == '\0'))
		abort();
	free(exact);
	return rc == RC_AGAIN;
}

static void
session_begin(struct session *session)
{
	fb_hello(&session->records);
	fb_begin(&session->records, 1, 0, 1000, NULL, 0);
	fb_relation(&session->records, &sample_every);
	fb_relation(&session->records, &sample_odd);
	fb_relation(&session->records, &sample_two);
	if (!session_frame(session))
		abort();
}

static void
session_run(struct session *session, struct cursor input)
{
	struct buf body = {0};

	while (cursor_left(&input) > 0)
	{
		uint8_t        kind = cursor_u8(&input);
		uint8_t        flags = cursor_u8(&input);
		size_t         len = flags & 0x7f;
		const uint8_t *at;

		if (len == 0x7f)
			len = cursor_u16(&input);
		if (len > cursor_left(&input))
			len = cursor_left(&input);
		at = cursor_bytes(&input, len);
		if (len > 0)
			buf_put(&body, at, len);
		else
			buf_reserve(&body, 1);
		fb_record(&session->records, kind, &body);
		if ((flags & 0x80) && !session_frame(session))
			break;
	}
	if (session->records.len > 0)
		session_frame(session);
	buf_free(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE          *out = fopen("/dev/null", "w");
	struct session session = {.rdr = reader_new(SESSION_MAX_LONG), .dump = dump_new(out, 0)};

	session_begin(&session);
	session_run(&session, cursor_over(data, size));
	buf_free(&session.records);
	dump_free(session.dump);
	reader_free(session.rdr);
	fclose(out);
	return 0;
}
