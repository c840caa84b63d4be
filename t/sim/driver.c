/*
 * driver.c
 *		The relay of the simulated world: does with delivery.h what pipeline.c and
 *		session.c do, and knows no more than they do.
 *
 * relay_go_on() is what happens when there is something to read or to connect to,
 * relay_tick() the end of each round of the loop, relay_kill() SIGKILL between any
 * two of these steps.
 */
#include "world.h"

#define DRAIN_MS 3000

static const struct record *
record_at_hand(const struct world *w)
{
	return &w->pg.conn.records[w->pg.conn.nread];
}

/* --- a record ------------------------------------------------------------------ */

static void
item_begin(struct world *w, uint32_t item, uint64_t commit_lsn)
{
	struct relay *relay = &w->relay;
	struct err    e;

	if (delivery_begin(relay->dlv, commit_lsn, commit_lsn ? 1 : 0, &e) != RC_OK)
		world_breach(w, "BEGIN of %u is refused: %s", item, e.msg);
	if (delivery_item(relay->dlv) <= relay->tickets)
		world_breach(w, "ticket %lu is used again", delivery_item(relay->dlv));
	if (item < relay->taken)
		world_breach(w, "%u is sent again, although the producer still has it", item);
	relay->tickets = delivery_item(relay->dlv);
	relay->item = item;
	relay->is_begun = true;
	relay->own = 0;
}

static void
item_commit(struct world *w, uint32_t item)
{
	struct relay *relay = &w->relay;
	struct err    e;

	if (delivery_commit(relay->dlv, w->pg.wal[item].end, &e) != RC_OK)
		world_breach(w, "COMMIT of %u is refused: %s", item, e.msg);
	w->pg.wal[item].is_known = true;
	relay->is_begun = false;
	relay->taken = item + 1;
	relay->next = 0;
}

/* Messages [relay->next, n) of those from first on; RC_AGAIN: the sink is full. */
static enum rc
send_messages(struct world *w, uint32_t first, uint32_t n)
{
	struct relay *relay = &w->relay;

	if (delivery_is_done(relay->dlv))
		relay->next = n;
	for (; relay->next < n; relay->next++)
	{
		if (chance_of(&w->chance, 20) ||
			!kafka_take(w, first + relay->next, delivery_item(relay->dlv)))
		{
			relay->waits_for_room = true;
			return RC_AGAIN;
		}
		delivery_sent(relay->dlv, 1, 100, w->now_ms);
	}
	relay->next = 0;
	return RC_OK;
}

static enum rc
take_change(struct world *w, const struct wal_change *change)
{
	if (send_messages(w, change->message, change->nmessages) != RC_OK)
		return RC_AGAIN;
	delivery_change(w->relay.dlv);
	return RC_OK;
}

static enum rc
take_commit(struct world *w, uint32_t at)
{
	const struct wal_item *item = &w->pg.wal[at];

	if (item->trailer && send_messages(w, item->message + item->nmessages - 1, 1) != RC_OK)
		return RC_AGAIN;
	item_commit(w, at);
	return RC_OK;
}

static enum rc
take_message(struct world *w, uint32_t at)
{
	if (!w->relay.is_begun)
		item_begin(w, at, 0);
	if (send_messages(w, w->pg.wal[at].message, 1) != RC_OK)
		return RC_AGAIN;
	item_commit(w, at);
	return RC_OK;
}

static enum rc
take_record(struct world *w, const struct record *rec)
{
	struct relay *relay = &w->relay;
	struct err    e;

	switch (rec->kind)
	{
		case RECORD_BEGIN:
			if (ack_items(delivery_ack(relay->dlv)) >= w->items_max)
				return RC_AGAIN;
			item_begin(w, rec->item, w->pg.wal[rec->item].start);
			return RC_OK;
		case RECORD_CHANGE: return take_change(w, &w->pg.changes[rec->change]);
		case RECORD_COMMIT: return take_commit(w, rec->item);
		case RECORD_MESSAGE: return take_message(w, rec->item);
		case RECORD_MARK: break;
	}
	w->pg.wal[rec->item - 1].is_known = true;
	if (delivery_mark(relay->dlv, w->pg.wal[rec->item - 1].end, &e) != RC_OK)
		world_breach(w, "the mark behind %u is refused: %s", rec->item - 1, e.msg);
	return RC_OK;
}

/* --- streams ---------------------------------------------------------------------- */

static void
relay_die(struct world *w)
{
	delivery_free(w->relay.dlv);
	postgres_disconnect(w);
	kafka_close(w);
	w->relay = (struct relay){.state = RELAY_DEAD};
}

void
relay_kill(struct world *w)
{
	if (w->relay.state == RELAY_DEAD)
		return;
	NOTE(w, "the relay is killed");
	relay_die(w);
}

void
relay_start(struct world *w)
{
	w->relay = (struct relay){.state = RELAY_RECALLING, .timer_ms = -1};
	w->relay.dlv = delivery_new(&w->limits);
	NOTE(w, "the relay starts");
	kafka_open(w);
}

/* What the sink has in flight counts no more. */
static void
relay_forget(struct world *w)
{
	struct relay *relay = &w->relay;

	delivery_forget(relay->dlv);
	relay->outstanding = 0;
	relay->unwritten = relay->own = 0;
	relay->taken = 0;
	relay->state = RELAY_RECALLING;
	relay->next = 0;
	relay->is_begun = false;
	if (is_exactly_once(w))
		relay->is_recalled = false;
}

void
relay_sink_failed(struct world *w)
{
	postgres_disconnect(w);
	relay_forget(w);
	if (w->relay.is_draining)
		relay_die(w);
}

void
relay_lose_source(struct world *w)
{
	struct relay *relay = &w->relay;

	if (relay->state != RELAY_STREAMING)
		return;
	NOTE(w, "the stream is lost");
	postgres_disconnect(w);
	delivery_stop(relay->dlv);
	relay->state = RELAY_APART;
	relay->next = 0;
	relay->is_begun = false;
	if (delivery_can_go_on(relay->dlv))
		return;
	relay_forget(w);
	kafka_close(w);
	if (relay->is_draining)
		relay_die(w);
}

static void
relay_connect(struct world *w)
{
	struct relay   *relay = &w->relay;
	struct position from = delivery_position(relay->dlv);

	postgres_connect(w, from.lsn);
	if (w->pg.conn.start > from.lsn)
		from = (struct position){.lsn = w->pg.conn.start};
	delivery_start(relay->dlv, &from);
	relay->state = RELAY_STREAMING;
	relay->is_asked = false;
	relay->waits_for_room = false;
}

static void
relay_recall(struct world *w)
{
	struct relay *relay = &w->relay;

	if (!w->kafka.producer.is_open || w->kafka.producer.has_failed)
		kafka_open(w);
	if (!relay->is_recalled && w->kafka.has_progress)
	{
		delivery_recalled(relay->dlv, &w->kafka.progress);
		relay->began = w->kafka.progress.lsn;
		relay->handed_lsn = w->kafka.progress.lsn;
	}
	relay->is_recalled = true;
	relay->state = RELAY_APART;
}

static void
relay_read(struct world *w)
{
	struct connection *conn = &w->pg.conn;
	uint32_t           n = 1 + chance_below(&w->chance, 12);

	if (w->relay.is_draining || w->relay.waits_for_room)
		return;
	for (; n > 0 && conn->nread < conn->nsent; n--)
	{
		if (take_record(w, record_at_hand(w)) != RC_OK)
			return;
		conn->nread++;
	}
}

void
relay_go_on(struct world *w)
{
	struct relay *relay = &w->relay;

	switch (relay->state)
	{
		case RELAY_DEAD: relay_start(w); return;
		case RELAY_RECALLING:
			if (w->kafka.is_up)
				relay_recall(w);
			break;
		case RELAY_APART:
			if (w->pg.is_up && !relay->is_draining)
				relay_connect(w);
			break;
		case RELAY_STREAMING:
			if (!w->pg.conn.is_up && chance_of(&w->chance, 500))
				relay_lose_source(w);
			else
				relay_read(w);
			break;
	}
	relay_tick(w);
}

/* --- rounds ------------------------------------------------------------------------- */

static void
relay_write(struct world *w)
{
	struct relay   *relay = &w->relay;
	bool            urgent = relay->is_asked || relay->is_draining;
	struct position pos;

	if (!delivery_due(relay->dlv, w->now_ms, urgent, &pos))
		return;
	check_split(w, &pos);
	kafka_take_record(w, &pos);
	delivery_writing(relay->dlv, &pos, w->now_ms);
	relay->unwritten = relay->own = 0;
	relay->handed_lsn = pos.lsn;
	relay->wrote_ms = w->now_ms;
	if (is_exactly_once(w))
		kafka_commit(w);
}

static void
relay_check_drain(struct world *w)
{
	struct relay *relay = &w->relay;
	bool          settled = delivery_is_settled(relay->dlv);

	if (settled)
		relay->is_asked = false;
	if (relay->is_draining && !delivery_can_go_on(relay->dlv))
	{
		NOTE(w, "the relay ends, and gives up a part");
		relay_die(w);
		return;
	}
	if (!relay->is_draining || (!settled && w->now_ms < relay->drain_until_ms))
		return;
	if (settled)
		check_settled(w);
	NOTE(w, "the relay ends, %s", settled ? "settled" : "out of time");
	relay_tell(w);
	relay_die(w);
}

/* The end of a round: after whatever happened, and when the timer says so. */
void
relay_tick(struct world *w)
{
	struct relay *relay = &w->relay;
	int64_t       due_in;

	if (relay->state == RELAY_DEAD)
		return;
	if (relay->is_recalled && w->kafka.producer.is_open && !w->kafka.producer.has_failed &&
		w->limits.mode != DELIVERY_WITHOUT_PROGRESS)
		relay_write(w);
	check_round(w);
	due_in = delivery_due_in(relay->dlv, w->now_ms);
	relay->timer_ms = due_in < 0 ? -1 : w->now_ms + due_in;
	relay_check_drain(w);
}

void
relay_tell(struct world *w)
{
	struct connection *conn = &w->pg.conn;
	uint64_t           flush;

	if (w->relay.state != RELAY_STREAMING)
		return;
	flush = delivery_durable(w->relay.dlv);
	check_flush(w, flush);
	w->relay.flush = flush;
	if (!conn->is_up)
		return;
	conn->status = flush;
	conn->has_status = true;
}

/* A keepalive: the position in it is ahead of the frame that is open, and means nothing. */
void
relay_asked(struct world *w)
{
	if (w->relay.state != RELAY_STREAMING)
		return;
	w->relay.is_asked = chance_of(&w->chance, 300);
	relay_tick(w);
	relay_tell(w);
}

void
relay_terminate(struct world *w)
{
	struct relay *relay = &w->relay;

	if (relay->state == RELAY_DEAD || relay->is_draining)
		return;
	NOTE(w, "SIGTERM");
	relay->is_draining = true;
	relay->drain_until_ms = w->now_ms + DRAIN_MS;
	relay_tick(w);
}

/* --- what Kafka says ------------------------------------------------------------------ */

void
relay_acked(struct world *w, ack_ticket ticket, uint32_t count)
{
	if (count > w->relay.outstanding)
		world_breach(w, "%u messages of ticket %lu are acknowledged, %u are in flight", count,
					 ticket, w->relay.outstanding);
	w->relay.outstanding -= count;
	if (!delivery_acked(w->relay.dlv, ticket, count))
		world_breach(w, "an acknowledgement of ticket %lu is not known", ticket);
}

void
relay_written(struct world *w)
{
	delivery_written(w->relay.dlv, w->now_ms);
}
