/*
 * postgres.c
 *		The server of the simulated world: what it logs, decodes, sends and skips.
 *
 * The facts: a transaction is sent when its commit record is decoded, in the
 * order of the WAL; it is skipped iff its commit record starts before the start
 * of the stream, which is the later one of what was asked for and of the slot's
 * confirmed position; any position is accepted without a word.
 */
#include <stdlib.h>

#include "buf.h"
#include "world.h"

uint64_t
postgres_end(const struct world *w)
{
	return w->pg.nwal ? w->pg.wal[w->pg.nwal - 1].end : WAL_BEGIN;
}

/* --- the WAL --------------------------------------------------------------- */

static void
write_message(struct world *w)
{
	struct postgres *pg = &w->pg;
	uint32_t         partition = chance_below(&w->chance, w->kafka.npartitions);

	if ((pg->nmessages & (pg->nmessages + 1)) == 0) /* room for the next power of two */
		pg->messages = xrealloc(pg->messages, (pg->nmessages * 2 + 2) * sizeof(*pg->messages));
	pg->messages[pg->nmessages++] = (struct message){.item = pg->nwal,
													 .place = pg->places[partition]++,
													 .partition = (uint8_t) partition};
}

static void
write_change(struct world *w, uint32_t nmessages)
{
	struct postgres *pg = &w->pg;

	if ((pg->nchanges & (pg->nchanges + 1)) == 0)
		pg->changes = xrealloc(pg->changes, (pg->nchanges * 2 + 2) * sizeof(*pg->changes));
	pg->changes[pg->nchanges++] = (struct wal_change){pg->nmessages, nmessages};
	for (uint32_t i = 0; i < nmessages; i++)
		write_message(w);
}

static void
write_transaction(struct world *w, struct wal_item *item)
{
	uint32_t nchanges = chance_below(&w->chance, 5);

	if (chance_of(&w->chance, 15))
		nchanges = 20 + chance_below(&w->chance, 200);
	for (uint32_t i = 0; i < nchanges; i++)
		/* A delete that is skipped becomes no message. */
		write_change(w, chance_of(&w->chance, 50) ? 0 : 1 + chance_below(&w->chance, 3) / 2);
	item->nchanges = nchanges;
	item->trailer = nchanges > 0 && chance_of(&w->chance, 200);
	if (item->trailer)
		write_message(w);
}

/* One more commit record, message or whatever else takes room; often without a gap. */
void
postgres_write(struct world *w)
{
	struct postgres *pg = &w->pg;
	struct wal_item *item;
	uint32_t         kind = chance_below(&w->chance, 10);

	if (!pg->is_up || pg->nwal >= pg->wal_target)
		return;
	item = &pg->wal[pg->nwal];
	*item = (struct wal_item){
		.kind = kind < 7   ? WAL_TRANSACTION
				: kind < 8 ? WAL_MESSAGE
						   : WAL_NOTHING,
		.start = postgres_end(w) + (chance_of(&w->chance, 500) ? 0 : chance_below(&w->chance, 9)),
		.change = pg->nchanges,
		.message = pg->nmessages,
	};
	item->end = item->start + 1 + chance_below(&w->chance, 8);
	if (item->kind == WAL_TRANSACTION)
		write_transaction(w, item);
	if (item->kind == WAL_MESSAGE)
		write_message(w);
	item->nmessages = pg->nmessages - item->message;
	pg->nwal++;
	NOTE(w, "wal %u: %s [%lu, %lu), %u changes, messages %u to %u", pg->nwal - 1,
		 item->kind == WAL_TRANSACTION ? "transaction"
		 : item->kind == WAL_MESSAGE   ? "message"
									   : "nothing",
		 item->start, item->end, item->nchanges, item->message, pg->nmessages);
}

/* --- the walsender ------------------------------------------------------------ */

static void
send_record(struct world *w, enum record_kind kind, uint32_t item, uint32_t change)
{
	struct connection *conn = &w->pg.conn;

	if ((conn->nrecords & (conn->nrecords + 1)) == 0)
		conn->records = xrealloc(conn->records, (conn->nrecords * 2 + 2) * sizeof(*conn->records));
	conn->records[conn->nrecords++] = (struct record){kind, item, change};
	/* A frame leaves when it is full, wherever that is. */
	if (chance_of(&w->chance, 60))
		conn->nsent = conn->nrecords;
}

static void
send_mark(struct world *w)
{
	struct connection *conn = &w->pg.conn;

	if (conn->decoded == conn->marked)
		return;
	send_record(w, RECORD_MARK, conn->decoded, 0);
	conn->marked = conn->decoded;
}

void
postgres_decode(struct world *w)
{
	struct connection     *conn = &w->pg.conn;
	const struct wal_item *item;
	uint32_t               at;

	if (!w->pg.is_up || !conn->is_up || conn->decoded == w->pg.nwal ||
		conn->nrecords - conn->nread > 500)
		return;
	at = conn->decoded++;
	item = &w->pg.wal[at];
	if (item->kind == WAL_NOTHING || item->start < conn->start)
		return;
	if (item->kind == WAL_MESSAGE)
	{
		send_record(w, RECORD_MESSAGE, at, 0);
		return;
	}
	send_record(w, RECORD_BEGIN, at, 0);
	for (uint32_t i = 0; i < item->nchanges; i++)
		send_record(w, RECORD_CHANGE, at, item->change + i);
	send_record(w, RECORD_COMMIT, at, 0);
	if (conn->marked < conn->decoded)
		conn->marked = conn->decoded; /* a commit is as good as a mark */
	if (chance_of(&w->chance, 20))    /* so much WAL without a wait */
		send_mark(w);
}

/* It is about to wait for WAL: a mark, and the open frame leaves. */
void
postgres_wait(struct world *w)
{
	struct connection *conn = &w->pg.conn;

	if (!w->pg.is_up || !conn->is_up)
		return;
	if (conn->decoded < w->pg.nwal)
	{
		/* The server asks, or wal_sender_timeout is half over: nothing that is open leaves. */
		relay_asked(w);
		return;
	}
	send_mark(w);
	conn->nsent = conn->nrecords;
}

/* --- the slot --------------------------------------------------------------------- */

void
postgres_take_status(struct world *w)
{
	struct connection *conn = &w->pg.conn;

	if (!w->pg.is_up || !conn->has_status)
		return;
	conn->has_status = false;
	NOTE(w, "slot %lu -> %lu", w->pg.confirmed, conn->status);
	if (conn->status > w->pg.confirmed || w->pg.goes_back)
		w->pg.confirmed = conn->status;
}

void
postgres_persist(struct world *w)
{
	if (!w->pg.is_up)
		return;
	if (chance_of(&w->chance, 500))
		w->pg.persisted = w->pg.confirmed;
	else
		w->pg.synced = w->pg.persisted;
}

void
postgres_connect(struct world *w, uint64_t request)
{
	struct connection *conn = &w->pg.conn;
	struct record     *records = conn->records;

	free(records);
	*conn = (struct connection){.is_up = true,
								.start = request > w->pg.confirmed ? request : w->pg.confirmed,
								.confirmed = w->pg.confirmed};
	/* Reading begins somewhere before; a mark there would be older than the start. */
	while (conn->decoded < w->pg.nwal && w->pg.wal[conn->decoded].end <= conn->start)
		conn->decoded++;
	conn->marked = conn->decoded;
	NOTE(w, "stream from %lu (asked for %lu, slot %lu)", conn->start, request, conn->confirmed);
}

/* What was on its way to the server may still get there; what was on its way from it is gone. */
void
postgres_disconnect(struct world *w)
{
	struct connection *conn = &w->pg.conn;

	if (chance_of(&w->chance, 500))
		postgres_take_status(w);
	conn->is_up = conn->has_status = false;
}

void
postgres_crash(struct world *w)
{
	if (!w->pg.is_up)
		return;
	w->pg.conn.is_up = w->pg.conn.has_status = false;
	w->pg.is_up = false;
	w->pg.confirmed = w->pg.persisted;
	NOTE(w, "server crashes, slot is back at %lu", w->pg.confirmed);
}

/* To a standby that has all of the WAL, and a slot that was copied some time ago. */
void
postgres_fail_over(struct world *w)
{
	postgres_crash(w);
	w->pg.confirmed = w->pg.persisted = w->pg.synced;
	NOTE(w, "the standby takes over, slot is at %lu", w->pg.confirmed);
}
