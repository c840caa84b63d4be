/*
 * delivery.c
 *		Positions on their way from acknowledged to told; see delivery.h.
 *
 *		ack ──acknowledged──> due ──> writing ──> written = durable ──> server
 *
 * One position is being written at a time.  What the topic has is never ahead
 * of what is acknowledged, and the server never ahead of the topic.
 */
#include "delivery.h"

#include <inttypes.h>
#include <stdlib.h>

#include "buf.h"
#include "gap.h"
#include "pg.h"

/* So long at most goes a Kafka transaction on because the last commit took as long. */
#define OPEN_INTERVALS 5

struct load
{
	uint64_t messages;
	uint64_t bytes;
};

struct delivery
{
	struct delivery_limits limits;
	struct ack            *ack;
	uint64_t               closed;  /* end of the last transaction or mark received */
	struct position        written; /* the progress topic has it for good */
	struct position        writing; /* it is on its way, if is_writing */
	bool                   is_writing;
	int64_t                written_ms; /* when the last one was handed over; 0: none yet */
	int64_t                open_ms;    /* until then a Kafka transaction goes on; 0: no slow one */
	uint64_t               durable;

	/* What was sent since. */
	struct load sent;
	struct load own;   /* of it, what belongs to the open transaction, or the one that
						* delivery_stop() left open */
	int64_t opened_ms; /* when the first message of it was */

	bool       touched; /* something else is to be written down with the next position */

	/* The open transaction. */
	ack_ticket item; /* 0: none is open */
	uint64_t   commit_lsn;
	uint64_t   changes;
	bool       half; /* some messages of a change were sent, and not all */

	/* What is in Kafka of a transaction that is still to come again; commit_lsn 0: nothing. */
	struct position known;
	/* At least once: commit_lsn of one that was left in part, and has not come again; 0: none. */
	uint64_t left;
};

struct delivery *
delivery_new(const struct delivery_limits *limits)
{
	struct delivery *dlv = xcalloc(1, sizeof(*dlv));

	dlv->limits = *limits;
	dlv->ack = ack_new(0);
	return dlv;
}

void
delivery_free(struct delivery *dlv)
{
	if (dlv == NULL)
		return;
	ack_free(dlv->ack);
	free(dlv);
}

static bool
is_exactly_once(const struct delivery *dlv)
{
	return dlv->limits.mode == DELIVERY_EXACTLY_ONCE;
}

/* The open Kafka transaction has a part of one of the database. */
static bool
has_part(const struct delivery *dlv)
{
	return is_exactly_once(dlv) && dlv->own.messages > 0;
}

/* --- streams ----------------------------------------------------------------- */

/*
 * Where the server goes on by itself it was told to.  Where we ask it to, less may be
 * written down, or even acknowledged.
 */
void
delivery_start(struct delivery *dlv, const struct position *from)
{
	delivery_stop(dlv);
	if (from->lsn > dlv->closed && from->lsn > dlv->durable)
		dlv->durable = from->lsn;
	dlv->half = false;
	if (from->lsn > dlv->left)
		dlv->left = 0; /* another relay has delivered it */
	dlv->known = (struct position){.commit_lsn = from->commit_lsn, .changes = from->changes};
	if (from->lsn == 0)
		return;
	dlv->closed = from->lsn;
	ack_mark(dlv->ack, from->lsn);
}

void
delivery_recalled(struct delivery *dlv, const struct position *pos)
{
	delivery_start(dlv, pos);
	dlv->written = *pos;
	if (pos->lsn > dlv->durable)
		dlv->durable = pos->lsn;
}

/* What is sent of the open transaction stays sent: own and half stay, too. */
void
delivery_stop(struct delivery *dlv)
{
	struct position pos = delivery_position(dlv);

	dlv->known = (struct position){.commit_lsn = pos.commit_lsn, .changes = pos.changes};
	if (!is_exactly_once(dlv) && (dlv->changes > 0 || dlv->half) &&
		dlv->commit_lsn > dlv->left)
		dlv->left = dlv->commit_lsn;
	if (dlv->item)
		ack_abandon(dlv->ack, dlv->item);
	dlv->item = 0;
	dlv->commit_lsn = dlv->changes = 0;
}

/*
 * Exactly once all goes on where the topic says: positions that were only acknowledged,
 * as marks are, know nothing of the part of a transaction that is there.
 */
void
delivery_forget(struct delivery *dlv)
{
	struct position pos = {.lsn = ack_confirmed(dlv->ack)};

	delivery_stop(dlv);
	if (is_exactly_once(dlv))
		pos = dlv->written;
	dlv->closed = pos.lsn;
	dlv->known = (struct position){.commit_lsn = pos.commit_lsn, .changes = pos.changes};
	dlv->half = false;
	ack_forget(dlv->ack);
	dlv->is_writing = false;
	if (is_exactly_once(dlv))
		dlv->sent = dlv->own = (struct load){0};
}

bool
delivery_can_go_on(const struct delivery *dlv)
{
	return !has_part(dlv);
}

/* --- what comes in ----------------------------------------------------------- */

static enum rc
part_is_missing(const struct delivery *dlv, struct err *e)
{
	err_set(e, ERR_CONFIG, E1219, "a transaction that is delivered in part does not come again");
	err_detail(e,
			   "Its commit is at %X/%X; %" PRIu64 " of its changes are in Kafka, and the server "
			   "now sends fewer of it, or none.",
			   LSN_PARTS(dlv->known.commit_lsn), dlv->known.changes);
	err_gap(e, GAP_PART_MISSING, NULL);
	return err_hint(e,
					"If settings that choose tables or changes were changed since, set them back "
					"until this transaction is through.  Otherwise the server does not have it "
					"any more, as after a restore: load the tables downstream again.");
}

/*
 * A server that was promoted without it has a history of its own from there on.  The next
 * process knows nothing of it, and goes on.
 */
static enum rc
left_is_missing(const struct delivery *dlv, struct err *e)
{
	err_set(e, ERR_CONFIG, E1219, "a transaction that was delivered in part does not come again");
	err_detail(e,
			   "Its commit was at %X/%X; rows of it may be in Kafka, and the server does not have "
			   "it any more.",
			   LSN_PARTS(dlv->left));
	return err_hint(e, "The server failed over, or was restored, to a point before it.  Load the "
					   "tables downstream again, or correct them; then start walrelay again: it "
					   "goes on behind what it has confirmed.");
}

/* The part's transaction was to come before this. */
static bool
is_behind_known(const struct delivery *dlv, uint64_t lsn)
{
	return dlv->known.commit_lsn && dlv->commit_lsn == 0 && lsn > dlv->known.commit_lsn;
}

static bool
is_behind_left(const struct delivery *dlv, uint64_t lsn)
{
	return dlv->left && lsn > dlv->left;
}

enum rc
delivery_begin(struct delivery *dlv, uint64_t commit_lsn, int64_t commit_us, struct err *e)
{
	if (dlv->known.commit_lsn && commit_lsn && commit_lsn != dlv->known.commit_lsn)
		return part_is_missing(dlv, e);
	if (is_behind_left(dlv, commit_lsn))
		return left_is_missing(dlv, e);
	if (commit_lsn == dlv->left)
		dlv->left = 0;
	dlv->item = ack_open(dlv->ack, commit_us);
	dlv->commit_lsn = commit_lsn;
	dlv->changes = 0;
	dlv->own = (struct load){0};
	dlv->half = false;
	return RC_OK;
}

void
delivery_listen(struct delivery *dlv, void (*done)(void *arg, const struct ack_times *times), void *arg)
{
	ack_listen(dlv->ack, done, arg);
}

void
delivery_received(struct delivery *dlv, int64_t us)
{
	ack_received(dlv->ack, dlv->item, us);
}

void
delivery_handed(struct delivery *dlv, int64_t us)
{
	ack_handed(dlv->ack, dlv->item, us);
}

void
delivery_set_tag(struct delivery *dlv, uint64_t tag)
{
	ack_set_tag(dlv->ack, dlv->item, tag);
}

uint64_t
delivery_tag(const struct delivery *dlv, uint32_t item)
{
	return ack_tag(dlv->ack, ack_ticket_of(dlv->ack, item));
}

bool
delivery_is_done(const struct delivery *dlv)
{
	return dlv->known.commit_lsn && dlv->commit_lsn == dlv->known.commit_lsn &&
		   dlv->changes < dlv->known.changes;
}

void
delivery_sent(struct delivery *dlv, uint32_t count, uint64_t bytes, int64_t now_ms)
{
	if (dlv->sent.messages == 0)
		dlv->opened_ms = now_ms;
	ack_sent(dlv->ack, dlv->item, count);
	dlv->sent.messages += count;
	dlv->sent.bytes += bytes;
	dlv->own.messages += count;
	dlv->own.bytes += bytes;
	dlv->half = true;
}

void
delivery_change(struct delivery *dlv)
{
	dlv->changes++;
	dlv->half = false;
}

enum rc
delivery_commit(struct delivery *dlv, uint64_t end_lsn, struct err *e)
{
	if (delivery_is_done(dlv) || is_behind_known(dlv, end_lsn))
		return part_is_missing(dlv, e);
	if (is_behind_left(dlv, end_lsn))
		return left_is_missing(dlv, e);
	if (dlv->commit_lsn && dlv->commit_lsn == dlv->known.commit_lsn)
		dlv->known = (struct position){0};
	ack_close(dlv->ack, dlv->item, end_lsn);
	dlv->item = 0;
	dlv->commit_lsn = dlv->changes = 0;
	dlv->own = (struct load){0};
	dlv->half = false;
	dlv->closed = end_lsn;
	return RC_OK;
}

enum rc
delivery_mark(struct delivery *dlv, uint64_t lsn, struct err *e)
{
	if (is_behind_known(dlv, lsn))
		return part_is_missing(dlv, e);
	if (is_behind_left(dlv, lsn))
		return left_is_missing(dlv, e);
	ack_mark(dlv->ack, lsn);
	if (lsn > dlv->closed)
		dlv->closed = lsn;
	return RC_OK;
}

bool
delivery_is_safe(const struct delivery *dlv, ack_ticket item)
{
	return is_exactly_once(dlv) ? item != dlv->item : ack_is_done(dlv->ack, item);
}

void
delivery_touch(struct delivery *dlv)
{
	dlv->touched = true;
}

ack_ticket
delivery_item(const struct delivery *dlv)
{
	return dlv->item;
}

bool
delivery_acked(struct delivery *dlv, uint32_t item, uint32_t count)
{
	return ack_done(dlv->ack, ack_ticket_of(dlv->ack, item), count);
}

/* --- what is to be done ------------------------------------------------------- */

struct position
delivery_position(const struct delivery *dlv)
{
	struct position pos = {.lsn = dlv->closed};

	if (!is_exactly_once(dlv))
		return pos;
	pos = dlv->known; /* still to come, or the open one and not all of it dropped yet */
	pos.lsn = dlv->closed;
	if (dlv->commit_lsn && dlv->changes > 0 && !delivery_is_done(dlv))
	{
		pos.commit_lsn = dlv->commit_lsn;
		pos.changes = dlv->changes;
	}
	return pos;
}

/* What may be written down: exactly once it becomes true together with the record. */
static struct position
writable(const struct delivery *dlv)
{
	if (is_exactly_once(dlv))
		return delivery_position(dlv);
	return (struct position){.lsn = ack_confirmed(dlv->ack)};
}

static bool
is_news(const struct delivery *dlv, const struct position *pos)
{
	return dlv->touched || pos->lsn > dlv->written.lsn ||
		   (pos->lsn == dlv->written.lsn && pos->changes > dlv->written.changes);
}

/* Within a transaction of the database only its own messages count: others are not split for it. */
static bool
is_full(const struct delivery *dlv)
{
	const struct load *load = dlv->item ? &dlv->own : &dlv->sent;

	return is_exactly_once(dlv) &&
		   (load->messages >= dlv->limits.max_messages || load->bytes >= dlv->limits.max_bytes);
}

/*
 * When a position is to be written, if there is a new one; -1: something has to come
 * first.  A Kafka transaction ends at the end of one of the database, if it has the time,
 * also if somebody waits.
 */
static int64_t
delivery_due_ms(const struct delivery *dlv, bool urgent)
{
	bool    is_within = is_exactly_once(dlv) && dlv->item != 0;
	int64_t due_ms = 0;

	if (dlv->limits.mode == DELIVERY_WITHOUT_PROGRESS || dlv->is_writing)
		return -1;
	if (is_within ? dlv->half || dlv->commit_lsn == 0 : has_part(dlv))
		return -1;
	if (is_full(dlv) || (urgent && !has_part(dlv)))
		return 0;
	if (dlv->written_ms > 0)
		due_ms = dlv->written_ms +
				 (dlv->sent.messages > 0 ? dlv->limits.interval_ms : dlv->limits.idle_ms);
	if (due_ms < dlv->open_ms)
		due_ms = dlv->open_ms;
	if (is_within && dlv->sent.messages > 0 && due_ms < dlv->opened_ms + dlv->limits.max_ms)
		due_ms = dlv->opened_ms + dlv->limits.max_ms;
	return due_ms;
}

bool
delivery_due(const struct delivery *dlv, int64_t now_ms, bool urgent, struct position *pos)
{
	int64_t due_ms = delivery_due_ms(dlv, urgent);

	*pos = writable(dlv);
	return due_ms >= 0 && is_news(dlv, pos) && now_ms >= due_ms;
}

int64_t
delivery_due_in(const struct delivery *dlv, int64_t now_ms)
{
	int64_t         due_ms = delivery_due_ms(dlv, false);
	struct position pos = writable(dlv);

	if (due_ms < 0 || !is_news(dlv, &pos))
		return -1;
	return due_ms > now_ms ? due_ms - now_ms : 0;
}

void
delivery_writing(struct delivery *dlv, const struct position *pos, int64_t now_ms)
{
	dlv->is_writing = true;
	dlv->touched = false;
	dlv->writing = *pos;
	dlv->written_ms = now_ms;
	dlv->sent = dlv->own = (struct load){0};
	/* At least once, what is in flight or of the open transaction is not behind pos. */
	if (!is_exactly_once(dlv))
		dlv->sent.messages = ack_outstanding(dlv->ack) + (dlv->item != 0);
}

/*
 * What waited while a Kafka transaction was committed has to fit into the next one.  Had
 * that only what is left of the interval, brokers that take longer than this for a commit
 * would get one transaction of the database with each, and the relay never catch up.
 */
void
delivery_written(struct delivery *dlv, int64_t now_ms)
{
	int64_t took_ms = now_ms - dlv->written_ms;
	int64_t most_ms = dlv->limits.interval_ms * OPEN_INTERVALS;

	if (most_ms > dlv->limits.max_ms)
		most_ms = dlv->limits.max_ms;
	if (is_exactly_once(dlv))
		dlv->open_ms = now_ms + (took_ms < most_ms ? took_ms : most_ms);
	dlv->is_writing = false;
	dlv->written = dlv->writing;
	if (dlv->written.lsn > dlv->durable)
		dlv->durable = dlv->written.lsn;
}

bool
delivery_is_writing(const struct delivery *dlv)
{
	return dlv->is_writing;
}

bool
delivery_is_settled(const struct delivery *dlv)
{
	struct position pos = writable(dlv);

	if (ack_outstanding(dlv->ack) > 0)
		return false;
	return dlv->limits.mode == DELIVERY_WITHOUT_PROGRESS ||
		   (!dlv->is_writing && !is_news(dlv, &pos));
}

/* --- what is known -------------------------------------------------------------- */

struct position
delivery_noted(const struct delivery *dlv)
{
	return dlv->written;
}

uint64_t
delivery_durable(const struct delivery *dlv)
{
	return dlv->limits.mode == DELIVERY_WITHOUT_PROGRESS ? ack_confirmed(dlv->ack) : dlv->durable;
}

const struct ack *
delivery_ack(const struct delivery *dlv)
{
	return dlv->ack;
}
