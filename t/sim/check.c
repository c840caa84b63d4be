/*
 * check.c
 *		What must hold in the simulated world, at each step and at its end.
 *
 *	I1	the server is told no position behind which something is not in Kafka
 *	I2	what it is told never moves back, and is the end of something it has sent
 *	I3	each message belongs to the one open item, each acknowledgement to an item
 *	I4	nothing is sent into a producer that has failed (kafka.c)
 *	I5	what is in flight stays within bounds (kafka.c, by sink_room)
 *	I7	the progress topic is never behind what the server is told
 *	I8	exactly once: what is visible is what the position says, at each commit
 *
 * At least once, each partition has its messages in order; what is repeated is a
 * contiguous run that ends where the log did before anything new follows: each
 * entry is the next one after the entry before it, or goes back.  That does not hold
 * when a dead producer's messages come late (hazard G9): nothing that is not
 * fenced can prevent it.  What holds even then: each producer's own entries
 * are such runs, and nothing is seen first behind something younger.
 */
#include "world.h"

/* All messages of items before safe_items are in Kafka for good. */
static uint32_t
safe_items(struct world *w)
{
	const struct postgres *pg = &w->pg;

	for (; w->safe_items < pg->nwal; w->safe_items++)
	{
		const struct wal_item *item = &pg->wal[w->safe_items];

		for (uint32_t i = 0; i < item->nmessages; i++)
		{
			const struct message *msg = &pg->messages[item->message + i];

			if (is_exactly_once(w) ? !msg->is_visible : !msg->is_acked)
				return w->safe_items;
		}
	}
	return w->safe_items;
}

/* The first item that ends behind lsn. */
static uint32_t
item_behind(const struct postgres *pg, uint64_t lsn)
{
	uint32_t low = 0, high = pg->nwal;

	while (low < high)
	{
		uint32_t middle = (low + high) / 2;

		if (pg->wal[middle].end <= lsn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* --- what the server is told ------------------------------------------------------ */

void
check_flush(struct world *w, uint64_t flush)
{
	const struct postgres *pg = &w->pg;
	uint32_t               at = item_behind(pg, flush);
	uint32_t               safe = safe_items(w);

	if (safe < pg->nwal && pg->wal[safe].start < flush)
		world_breach(w, "I1: the server is told %lu, and %u at %lu is not in Kafka", flush, safe,
					 pg->wal[safe].start);
	if (flush < w->relay.flush)
		world_breach(w, "I2: the server is told %lu after %lu", flush, w->relay.flush);
	if (flush != pg->conn.confirmed && flush != WAL_BEGIN &&
		(at == 0 || pg->wal[at - 1].end != flush || !pg->wal[at - 1].is_known))
		world_breach(w, "I2: the server is told %lu, where nothing ends that it sent", flush);
	if (w->limits.mode != DELIVERY_WITHOUT_PROGRESS && flush > pg->conn.confirmed &&
		flush > w->kafka.progress_most && flush > w->kafka.progress.lsn)
		world_breach(w, "I7: the server is told %lu, the progress topic says %lu", flush,
					 w->kafka.progress.lsn);
}

/* --- messages ----------------------------------------------------------------------- */

void
check_handed(struct world *w, uint32_t message, ack_ticket ticket)
{
	const struct message *msg = &w->pg.messages[message];

	if (ticket == 0 || ticket != w->relay.tickets || msg->item != w->relay.item)
		world_breach(w, "I3: message %u of item %u is sent with ticket %lu of item %u", message,
					 msg->item, ticket, w->relay.item);
	if (w->pg.wal[msg->item].end <= w->relay.began)
		world_breach(w, "message %u is repeated, although the progress topic said %lu", message,
					 w->relay.began);
	w->relay.outstanding++;
	w->relay.own++;
	if (w->relay.unwritten++ == 0)
		w->relay.opened_ms = w->now_ms;
}

static bool
is_in_order(int64_t place, int64_t last)
{
	return place == last + 1 || place <= last;
}

void
check_appended(struct world *w, struct queue *queue, uint32_t message, bool is_zombie)
{
	const struct message *msg = &w->pg.messages[message];
	int64_t              *last = &w->kafka.last[msg->partition];
	int64_t              *most = &w->kafka.most[msg->partition];

	NOTE(w, "partition %u: message %u (place %u) of %u%s", msg->partition, message, msg->place,
		 msg->item, is_zombie ? ", late" : "");
	if (msg->place > *most + 1)
		world_breach(w, "message %u comes before an older one", message);
	if (queue->last >= 0 && !is_in_order(msg->place, queue->last))
		world_breach(w, "message %u leaves a gap behind what its producer sent before", message);
	if (!w->kafka.has_zombies && !is_in_order(msg->place, *last))
		world_breach(w, "message %u ends a run of repeated ones too early", message);
	queue->last = *last = msg->place;
	if (*last > *most)
		*most = *last;
}

void
check_visible(struct world *w, uint32_t message)
{
	struct message *msg = &w->pg.messages[message];
	int64_t        *last = &w->kafka.last[msg->partition];

	if (msg->is_visible)
		world_breach(w, "I8: message %u is visible twice", message);
	if (msg->place != *last + 1)
		world_breach(w, "I8: message %u is visible before an older one", message);
	*last = msg->place;
	msg->is_visible = true;
	w->kafka.nvisible++;
}

/* How many messages the visible position stands for: they are numbered as the WAL has them. */
static uint32_t
messages_before(struct world *w, const struct position *pos)
{
	const struct postgres *pg = &w->pg;
	uint32_t               at = item_behind(pg, pos->lsn);
	uint32_t               before = at < pg->nwal ? pg->wal[at].message : pg->nmessages;

	if (pos->commit_lsn == 0)
		return before;
	while (at < pg->nwal && pg->wal[at].start < pos->commit_lsn)
		at++;
	if (at == pg->nwal || pg->wal[at].start != pos->commit_lsn ||
		pg->wal[at].kind != WAL_TRANSACTION || pos->changes == 0 ||
		pos->changes > pg->wal[at].nchanges || pg->wal[at].message != before)
		world_breach(w, "I8: no transaction after %lu has %lu changes and its commit at %lu",
					 pos->lsn, pos->changes, pos->commit_lsn);
	for (uint32_t i = 0; i < pos->changes; i++)
		before += pg->changes[pg->wal[at].change + i].nmessages;
	return before;
}

void
check_committed(struct world *w)
{
	uint32_t expected = messages_before(w, &w->kafka.progress);

	if (w->kafka.nvisible != expected)
		world_breach(w, "I8: %u messages are visible, the position %lu + %lu stands for %u",
					 w->kafka.nvisible, w->kafka.progress.lsn, w->kafka.progress.changes, expected);
}

/* --- rounds ------------------------------------------------------------------------- */

/* delivery_due_in() says when delivery_due() says yes, no later and no earlier. */
static void
check_due_in(struct world *w)
{
	const struct delivery *dlv = w->relay.dlv;
	int64_t                due_in = delivery_due_in(dlv, w->now_ms);
	struct position        pos;

	if (due_in < 0 ? delivery_due(dlv, w->now_ms + 1000000, false, &pos)
				   : !delivery_due(dlv, w->now_ms + due_in, false, &pos))
		world_breach(w, "due in %ld ms is wrong: too late", due_in);
	if (due_in > 0 && delivery_due(dlv, w->now_ms + due_in - 1, false, &pos))
		world_breach(w, "due in %ld ms is wrong: too early", due_in);
}

/* When all messages are safe, they wait no longer than interval_ms for their position to be
 * written. */
static void
check_interval(struct world *w)
{
	const struct postgres *pg = &w->pg;
	uint32_t               at = item_behind(pg, w->relay.handed_lsn);

	if (w->relay.outstanding > 0 || w->limits.mode != DELIVERY_AT_LEAST_ONCE ||
		delivery_is_writing(w->relay.dlv) || w->relay.state != RELAY_STREAMING ||
		w->now_ms - w->relay.wrote_ms < w->limits.interval_ms)
		return;
	for (; at < w->relay.taken; at++)
		if (pg->wal[at].nmessages > 0)
			world_breach(w, "the position of item %u waits longer than interval_ms", at);
}

/* A transaction of the database is split because it is large or late, and for nothing else. */
void
check_split(struct world *w, const struct position *pos)
{
	const struct relay *relay = &w->relay;

	if (pos->commit_lsn && relay->own > 0 && relay->own < w->limits.max_messages &&
		relay->own * 100 < w->limits.max_bytes && w->now_ms - relay->opened_ms < w->limits.max_ms)
		world_breach(w, "transaction at %lu is split too early", pos->commit_lsn);
}

/* A Kafka transaction ends at the next boundary, once it is full. */
static void
check_full(struct world *w)
{
	const struct relay *relay = &w->relay;

	if (!is_exactly_once(w) || relay->state != RELAY_STREAMING || w->kafka.producer.is_committing ||
		relay->unwritten < w->limits.max_messages || relay->next > 0)
		return;
	if (!relay->is_begun ||
		(relay->own >= w->limits.max_messages && w->pg.wal[relay->item].kind == WAL_TRANSACTION))
		world_breach(w, "a Kafka transaction has %lu messages and goes on", relay->unwritten);
}

void
check_round(struct world *w)
{
	if (ack_outstanding(delivery_ack(w->relay.dlv)) != w->relay.outstanding)
		world_breach(w, "%lu messages are outstanding for ack.h, %u for the world",
					 ack_outstanding(delivery_ack(w->relay.dlv)), w->relay.outstanding);
	check_due_in(w);
	check_interval(w);
	check_full(w);
}

/* --- ends ------------------------------------------------------------------------------ */

/* A relay that says all is settled leaves nothing to be repeated. */
void
check_settled(struct world *w)
{
	const struct postgres *pg = &w->pg;
	uint32_t               safe = safe_items(w);

	if (w->relay.outstanding > 0)
		world_breach(w, "%u messages are in flight, and all is settled", w->relay.outstanding);
	for (uint32_t at = 0; at < w->relay.taken; at++)
		if (pg->wal[at].nmessages > 0 &&
			(at >= safe ||
			 (w->limits.mode != DELIVERY_WITHOUT_PROGRESS &&
			  pg->wal[at].end > w->kafka.progress_most && pg->wal[at].end > w->kafka.progress.lsn)))
			world_breach(w, "item %u is not written down, and all is settled", at);
}

void
check_end(struct world *w)
{
	const struct postgres *pg = &w->pg;

	for (uint32_t i = 0; i < w->kafka.npartitions; i++)
	{
		/* The newest entry is the newest message, unless a dead producer came late. */
		int64_t last =
			w->kafka.has_zombies && !is_exactly_once(w) ? w->kafka.most[i] : w->kafka.last[i];

		if (last + 1 != pg->places[i])
			world_breach(w, "partition %u ends with message %ld of %u", i, last + 1, pg->places[i]);
	}
	if (is_exactly_once(w) && w->kafka.nvisible != pg->nmessages)
		world_breach(w, "%u of %u messages are visible", w->kafka.nvisible, pg->nmessages);
	if (pg->confirmed != postgres_end(w))
		world_breach(w, "the slot stands at %lu, the WAL ends at %lu", pg->confirmed,
					 postgres_end(w));
}
