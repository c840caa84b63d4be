/*
 * record.c
 *		wire.h bytes to structs; see record.h.
 *
 * Fields are read in the order in which wire.h writes them.  Rows pass here a
 * million times a second: their path neither allocates nor copies, and looks
 * for errors once per record.
 */
#include "record.h"

#include <inttypes.h>
#include <stdlib.h>

/* More long values than two tuples of 1664 columns have cannot belong to one row. */
#define LONGS_MAX (2 * 1664)

/* Buffers above this are given back after use, smaller ones wait for the next value. */
#define LONG_KEEP_BYTES (256 * 1024)

struct reader
{
	uint64_t    max_long;
	bool        leave_out; /* what is longer, instead of refusing it */
	uint64_t    too_long;  /* of the longs: bytes of one that was left out; 0: none */
	uint64_t    got;       /* of the unfinished one: bytes that have come */
	uint64_t    lsn; /* what the next delta is added to */
	bool        greeted;
	bool        in_transaction;
	bool        shown;   /* the longs were given out with the last record */
	bool        partial; /* bufs[nlongs] is unfinished */
	uint64_t    total;   /* length it will have */
	uint32_t    nlongs;  /* finished, waiting for their row */
	uint32_t    cap;     /* of the two arrays */
	struct buf *bufs;
	struct str *longs;
};

struct reader *
reader_new(uint64_t max_long)
{
	struct reader *rdr = xcalloc(1, sizeof(*rdr));

	rdr->max_long = max_long;
	return rdr;
}

void
reader_leave_out_long(struct reader *rdr)
{
	rdr->leave_out = true;
}

void
reader_free(struct reader *rdr)
{
	if (rdr == NULL)
		return;
	for (uint32_t i = 0; i < rdr->cap; i++)
		buf_free(&rdr->bufs[i]);
	free(rdr->bufs);
	free(rdr->longs);
	free(rdr);
}

bool
reader_in_transaction(const struct reader *rdr)
{
	return rdr->in_transaction;
}

static const char *
kind_name(int kind)
{
	switch (kind)
	{
		case WIRE_HELLO: return "hello";
		case WIRE_BEGIN: return "begin";
		case WIRE_COMMIT: return "commit";
		case WIRE_RELATION: return "relation";
		case WIRE_INSERT: return "insert";
		case WIRE_UPDATE: return "update";
		case WIRE_DELETE: return "delete";
		case WIRE_TRUNCATE: return "truncate";
		case WIRE_MESSAGE: return "message";
		case WIRE_LONG: return "long value";
		case WIRE_MARK: return "mark";
		default: return "unknown";
	}
}

static enum rc
malformed(int kind, const char *what, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1404, "%s record is malformed", kind_name(kind));
	return err_detail(e, "It has %s.", what);
}

static enum rc
disorder(int kind, const char *where, struct err *e)
{
	return err_set(e, ERR_PROTOCOL, E1405, "%s record %s", kind_name(kind), where);
}

/* A number that must fit 32 bits. */
static uint32_t
read_u32(struct cursor *cur)
{
	uint64_t value = cursor_uv(cur);

	if (value > UINT32_MAX)
	{
		cursor_fail(cur);
		return 0;
	}
	return (uint32_t) value;
}

/* The part of a cursor that a later one has already read. */
static struct cursor
read_part(const struct cursor *from, const struct cursor *to)
{
	return cursor_over(from->p, (size_t) (to->p - from->p));
}

static enum rc
hello_read(struct reader *rdr, struct cursor *cur, struct hello *hello, struct err *e)
{
	struct cursor start;
	uint8_t       flags;

	if (rdr->greeted)
		return disorder(WIRE_HELLO, "in the middle of a stream", e);
	hello->protocol = read_u32(cur);
	if (!cur->bad && (hello->protocol < WIRE_VERSION_MIN || hello->protocol > WIRE_VERSION_MAX))
	{
		err_set(e, ERR_PROTOCOL, E1403, "server speaks protocol version %u", hello->protocol);
		err_detail(e, "This walrelay reads versions %d to %d.", WIRE_VERSION_MIN, WIRE_VERSION_MAX);
		return err_hint(e, "Install the walrelay program and the walrelay plugin of one release.");
	}
	hello->server_version = read_u32(cur);
	flags = cursor_u8(cur);
	hello->flush_idle = flags & WIRE_HELLO_FLUSH_IDLE;
	hello->frame_bytes = read_u32(cur);
	hello->options_hash = cursor_u64(cur);
	hello->database_oid = read_u32(cur);
	hello->database = cursor_str(cur);
	hello->encoding = cursor_str(cur);
	hello->plugin_version = cursor_str(cur);
	hello->nsettings = read_u32(cur);
	start = *cur;
	for (uint32_t i = 0; i < hello->nsettings && !cur->bad; i++)
	{
		cursor_str(cur);
		cursor_str(cur);
	}
	if (cur->bad)
		return malformed(WIRE_HELLO, "fewer fields than it should", e);
	hello->settings = read_part(&start, cur);
	rdr->greeted = true;
	return RC_OK;
}

bool
hello_setting(const struct hello *hello, const char *name, struct str *value)
{
	struct cursor settings = hello->settings;
	size_t        len = strlen(name);

	for (uint32_t i = 0; i < hello->nsettings; i++)
	{
		struct str known = cursor_str(&settings);

		*value = cursor_str(&settings);
		if (known.len == len && memcmp(known.data, name, len) == 0)
			return true;
	}
	*value = (struct str){"", 0};
	return false;
}

static enum rc
begin_read(struct reader *rdr, struct cursor *cur, struct begin *begin, struct err *e)
{
	uint64_t commit_us;
	uint8_t  flags;

	if (rdr->in_transaction)
		return disorder(WIRE_BEGIN, "inside a transaction", e);
	begin->xid = read_u32(cur);
	commit_us = cursor_u64(cur);
	begin->lsn = cursor_u64(cur);
	flags = cursor_u8(cur);
	begin->has_origin = flags & WIRE_BEGIN_ORIGIN;
	begin->origin = (struct str){"", 0};
	begin->origin_lsn = 0;
	if (begin->has_origin)
	{
		begin->origin = cursor_str(cur);
		begin->origin_lsn = cursor_u64(cur);
	}
	begin->commit_lsn = 0;
	if (!cur->bad && cursor_left(cur) > 0)
		begin->commit_lsn = begin->lsn + cursor_uv(cur);
	if (cur->bad)
		return malformed(WIRE_BEGIN, "fewer fields than it should", e);
	begin->commit_us = (int64_t) (commit_us + (uint64_t) WIRE_EPOCH_US);
	rdr->lsn = begin->lsn;
	rdr->in_transaction = true;
	return RC_OK;
}

static enum rc
commit_read(struct reader *rdr, struct cursor *cur, struct commit *commit, struct err *e)
{
	uint64_t delta;

	if (!rdr->in_transaction)
		return disorder(WIRE_COMMIT, "outside a transaction", e);
	commit->end_lsn = cursor_u64(cur);
	delta = cursor_uv(cur);
	if (cur->bad)
		return malformed(WIRE_COMMIT, "fewer fields than it should", e);
	if (delta > commit->end_lsn)
		return malformed(WIRE_COMMIT, "a commit position after its end", e);
	commit->commit_lsn = commit->end_lsn - delta;
	rdr->in_transaction = false;
	return RC_OK;
}

static enum rc
mark_read(struct reader *rdr, struct cursor *cur, uint64_t *mark, struct err *e)
{
	if (rdr->in_transaction)
		return disorder(WIRE_MARK, "inside a transaction", e);
	*mark = cursor_u64(cur);
	if (cur->bad)
		return malformed(WIRE_MARK, "fewer fields than it should", e);
	return RC_OK;
}

/* Moves the reader's LSN by the delta that comes next. */
static inline uint64_t
read_lsn(struct reader *rdr, struct cursor *cur)
{
	rdr->lsn += (uint64_t) cursor_sv(cur);
	return rdr->lsn;
}

static bool
tuple_has_states(const struct cursor *tup)
{
	return tup->p < tup->end && *tup->p == WIRE_TUPLE_STATES;
}

/*
 * How many long values a row uses only its relation can tell (its reader
 * counts them); that it uses none shows here.
 */
static enum rc
change_longs(struct reader *rdr, struct change *change, struct err *e)
{
	if (!tuple_has_states(&change->old_tuple) && !tuple_has_states(&change->new_tuple))
		return disorder(change->kind, "follows long values that it does not use", e);
	rdr->shown = true;
	return RC_OK;
}

static inline enum rc
change_read(struct reader *rdr, enum wire_kind kind, struct cursor *cur, struct change *change,
			struct err *e)
{
	if (!rdr->in_transaction)
		return disorder(kind, "outside a transaction", e);
	change->kind = kind;
	change->relation = read_u32(cur);
	change->lsn = read_lsn(rdr, cur);
	change->old_kind = WIRE_OLD_NONE;
	change->old_tuple = change->new_tuple = cursor_over(cur->end, 0);
	if (kind != WIRE_INSERT)
	{
		change->old_kind = (enum wire_old) cursor_u8(cur);
		switch (change->old_kind)
		{
			case WIRE_OLD_NONE: break;
			case WIRE_OLD_KEY:
			case WIRE_OLD_FULL:
				if (kind == WIRE_UPDATE)
				{
					uint64_t       len = cursor_uv(cur);
					const uint8_t *at = cursor_bytes(cur, len);

					if (at)
						change->old_tuple = cursor_over(at, (size_t) len);
				}
				else
					change->old_tuple = *cur;
				if (change->old_tuple.p == change->old_tuple.end)
					return malformed(kind, "no old tuple where it announces one", e);
				break;
			default:
				if (!cur->bad)
					return malformed(kind, "an unknown kind of old tuple", e);
				break; /* reported below */
		}
	}
	if (cur->bad)
		return malformed(kind, "fewer fields than it should", e);
	if (kind != WIRE_DELETE)
	{
		if (cur->p == cur->end)
			return malformed(kind, "no new tuple", e);
		change->new_tuple = *cur;
	}
	change->longs = rdr->longs;
	change->nlongs = rdr->nlongs;
	change->too_long = rdr->too_long;
	return rdr->nlongs == 0 ? RC_OK : change_longs(rdr, change, e);
}

static enum rc
truncate_read(struct reader *rdr, struct cursor *cur, struct truncate *truncate, struct err *e)
{
	struct cursor start;
	uint8_t       flags;

	if (!rdr->in_transaction)
		return disorder(WIRE_TRUNCATE, "outside a transaction", e);
	truncate->lsn = read_lsn(rdr, cur);
	flags = cursor_u8(cur);
	truncate->cascade = flags & WIRE_TRUNCATE_CASCADE;
	truncate->restart_identity = flags & WIRE_TRUNCATE_RESTART_IDENTITY;
	truncate->nrelations = read_u32(cur);
	start = *cur;
	for (uint32_t i = 0; i < truncate->nrelations && !cur->bad; i++)
		read_u32(cur);
	if (cur->bad)
		return malformed(WIRE_TRUNCATE, "fewer fields than it should", e);
	truncate->relations = read_part(&start, cur);
	return RC_OK;
}

static enum rc
message_read(struct reader *rdr, struct cursor *cur, struct message *message, struct err *e)
{
	uint8_t flags = cursor_u8(cur);

	message->transactional = flags & WIRE_MESSAGE_TRANSACTIONAL;
	message->lsn = cursor_u64(cur);
	message->prefix = cursor_str(cur);
	message->content = (struct str){"", 0};
	message->too_long = rdr->too_long;
	if (!(flags & WIRE_MESSAGE_LONG))
		message->content = cursor_str(cur);
	if (cur->bad)
		return malformed(WIRE_MESSAGE, "fewer fields than it should", e);
	if (message->transactional && !rdr->in_transaction)
		return disorder(WIRE_MESSAGE, "that is transactional outside a transaction", e);
	if (!message->transactional && rdr->in_transaction)
		return disorder(WIRE_MESSAGE, "that is not transactional inside a transaction", e);
	if ((flags & WIRE_MESSAGE_LONG) && rdr->nlongs == 0)
		return disorder(WIRE_MESSAGE, "lacks its long content", e);
	if (rdr->nlongs > (flags & WIRE_MESSAGE_LONG ? 1 : 0))
		return disorder(WIRE_MESSAGE, "follows long values that it does not use", e);
	if (flags & WIRE_MESSAGE_LONG)
	{
		message->content = rdr->longs[0];
		rdr->shown = true;
	}
	return RC_OK;
}

/* The row has been seen: its long values go, large buffers with them. */
static void
longs_reset(struct reader *rdr)
{
	for (uint32_t i = 0; i < rdr->nlongs; i++)
	{
		if (rdr->bufs[i].cap > LONG_KEEP_BYTES)
			buf_free(&rdr->bufs[i]);
		buf_reset(&rdr->bufs[i]);
	}
	rdr->nlongs = 0;
	rdr->too_long = 0;
	rdr->shown = false;
}

enum rc
record_too_long(uint64_t bytes, uint64_t max_long, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1604, "value of %" PRIu64 " bytes exceeds the limit of %" PRIu64, bytes,
			max_long);
	return err_hint(e,
					"Raise max.value.bytes to at least %" PRIu64
					", or leave the column's table out of table.include.list.",
					bytes);
}

/* Prepares bufs[nlongs] for a value of total bytes. */
static enum rc
long_start(struct reader *rdr, uint64_t total, struct err *e)
{
	if (total > rdr->max_long && !rdr->leave_out)
		return record_too_long(total, rdr->max_long, e);
	if (total > rdr->max_long)
		rdr->too_long = total;
	rdr->got = 0;
	if (rdr->nlongs == LONGS_MAX)
		return disorder(WIRE_LONG, "follows more long values than a row can have", e);
	if (rdr->nlongs == rdr->cap)
	{
		uint32_t cap = rdr->cap ? rdr->cap * 2 : 4;

		rdr->bufs = xrealloc(rdr->bufs, cap * sizeof(*rdr->bufs));
		rdr->longs = xrealloc(rdr->longs, cap * sizeof(*rdr->longs));
		memset(rdr->bufs + rdr->cap, 0, (cap - rdr->cap) * sizeof(*rdr->bufs));
		rdr->cap = cap;
	}
	rdr->total = total;
	rdr->partial = true;
	return RC_OK;
}

/*
 * Adds a piece.  The buffer grows with what has arrived, never to the total
 * that was claimed.
 */
static enum rc
long_read(struct reader *rdr, struct cursor *cur, struct err *e)
{
	uint8_t     last = cursor_u8(cur);
	uint64_t    total = cursor_uv(cur);
	size_t      len = cursor_left(cur);
	struct buf *buf;

	if (cur->bad)
		return malformed(WIRE_LONG, "fewer fields than it should", e);
	if (last > 1)
		return malformed(WIRE_LONG, "an unknown mark of its last piece", e);
	if (!rdr->partial && long_start(rdr, total, e) != RC_OK)
		return RC_ERR;
	buf = &rdr->bufs[rdr->nlongs];
	if (total != rdr->total)
		return malformed(WIRE_LONG, "another total length than the piece before", e);
	if (len > total - rdr->got || (last && len != total - rdr->got))
		return malformed(WIRE_LONG, "pieces that do not add up to the total length", e);
	rdr->got += len;
	if (total <= rdr->max_long)
		buf_put(buf, cur->p, len);
	if (last)
	{
		rdr->longs[rdr->nlongs] = (struct str){buf->data ? (const char *) buf->data : "", buf->len};
		if (total > rdr->max_long)
			rdr->longs[rdr->nlongs] = (struct str){NULL, 0};
		rdr->nlongs++;
		rdr->partial = false;
	}
	return RC_OK;
}

/*
 * While long values are under way: they must be whole when their record comes,
 * and most records have none.
 */
static enum rc
longs_check(const struct reader *rdr, int kind, struct err *e)
{
	switch (kind)
	{
		case WIRE_INSERT:
		case WIRE_UPDATE:
		case WIRE_DELETE:
		case WIRE_MESSAGE:
			return rdr->partial ? disorder(kind, "in the middle of a long value", e) : RC_OK;
		case WIRE_HELLO:
		case WIRE_BEGIN:
		case WIRE_COMMIT:
		case WIRE_TRUNCATE:
		case WIRE_MARK: return disorder(kind, "follows long values that it does not use", e);
		default: return RC_OK;
	}
}

/*
 * Kinds that have a letter but no layout yet.  A client has to ask for them;
 * passing over one would lose a transaction silently.
 */
static enum rc
reserved(int kind, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1403, "server sent a record of the reserved kind \"%c\"", kind);
	return err_hint(e, "Install the walrelay program and the walrelay plugin of one release.");
}

enum rc
record_next(struct reader *rdr, struct cursor *records, struct record *rec, struct err *e)
{
	if (rdr->shown)
		longs_reset(rdr);
	while (records->p < records->end)
	{
		int            kind = cursor_u8(records);
		uint64_t       len = cursor_uv(records);
		const uint8_t *at = cursor_bytes(records, len);
		struct cursor  cur;

		if (records->bad)
			return malformed(kind, "a length beyond the end of its frame", e);
		cur = cursor_over(at, (size_t) len);
		if (!rdr->greeted && kind != WIRE_HELLO)
			return disorder(kind, "before the stream's hello record", e);
		if ((rdr->nlongs > 0 || rdr->partial) && longs_check(rdr, kind, e) != RC_OK)
			return RC_ERR;
		rec->kind = (enum wire_kind) kind;
		switch (kind)
		{
			case WIRE_INSERT:
			case WIRE_UPDATE:
			case WIRE_DELETE: return change_read(rdr, (enum wire_kind) kind, &cur, &rec->change, e);
			case WIRE_HELLO: return hello_read(rdr, &cur, &rec->hello, e);
			case WIRE_BEGIN: return begin_read(rdr, &cur, &rec->begin, e);
			case WIRE_COMMIT: return commit_read(rdr, &cur, &rec->commit, e);
			case WIRE_RELATION: rec->relation = cur; return RC_OK;
			case WIRE_TRUNCATE: return truncate_read(rdr, &cur, &rec->truncate, e);
			case WIRE_MESSAGE: return message_read(rdr, &cur, &rec->message, e);
			case WIRE_MARK: return mark_read(rdr, &cur, &rec->mark, e);
			case WIRE_LONG:
				if (long_read(rdr, &cur, e) != RC_OK)
					return RC_ERR;
				break;
			case WIRE_STREAM_START:
			case WIRE_STREAM_STOP:
			case WIRE_STREAM_COMMIT:
			case WIRE_STREAM_ABORT:
			case WIRE_PREPARE:
			case WIRE_COMMIT_PREPARED:
			case WIRE_ROLLBACK_PREPARED: return reserved(kind, e);
			default: break;
		}
	}
	return RC_AGAIN;
}

bool
record_skip(struct cursor *records, uint32_t *relation)
{
	int            kind = cursor_u8(records);
	uint64_t       len = cursor_uv(records);
	const uint8_t *at = cursor_bytes(records, len);
	struct cursor  body = cursor_over(at, at ? (size_t) len : 0);

	*relation = (uint32_t) cursor_uv(&body);
	return !body.bad && (kind == WIRE_INSERT || kind == WIRE_UPDATE || kind == WIRE_DELETE);
}

/* Columns in the map, lowest first; the bits behind the last one mean nothing. */
static bool
states_known(const uint8_t *map, uint32_t ncolumns)
{
	for (uint32_t i = 0; i < ncolumns; i++)
		if ((map[i >> 1] >> (i & 1) * 4 & 15) > WIRE_STATE_UNSENDABLE)
			return false;
	return true;
}

enum rc
tuple_open(struct cursor cur, uint32_t ncolumns, struct tuple *tup, struct err *e)
{
	int form = cursor_u8(&cur);

	tup->form = (enum wire_tuple) form;
	tup->map = NULL;
	switch (form)
	{
		case WIRE_TUPLE_PLAIN: break;
		case WIRE_TUPLE_NULLS: tup->map = cursor_bytes(&cur, ((uint64_t) ncolumns + 7) / 8); break;
		case WIRE_TUPLE_STATES:
			tup->map = cursor_bytes(&cur, ((uint64_t) ncolumns + 1) / 2);
			if (tup->map && !states_known(tup->map, ncolumns))
				return err_set(e, ERR_PROTOCOL, E1404, "tuple has a column of unknown state");
			break;
		default: return err_set(e, ERR_PROTOCOL, E1404, "tuple is of unknown form");
	}
	if (cur.bad)
	{
		err_set(e, ERR_PROTOCOL, E1404, "tuple is shorter than its state map");
		return err_detail(e, "Its relation has %" PRIu32 " such columns.", ncolumns);
	}
	tup->values = cur;
	return RC_OK;
}
