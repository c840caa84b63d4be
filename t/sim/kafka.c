/*
 * kafka.c
 *		The brokers of the simulated world, and what librdkafka makes of them.
 *
 * A producer's messages are appended to each partition in the order in which they
 * were handed over, reported later, and independently of other partitions.  When a
 * producer fails or dies, a prefix of what it had in flight, for each partition
 * another one, was appended and nobody knows; with has_zombies it may be
 * appended late, behind what the next producer sends.
 *
 * Exactly once, what was appended is visible after the commit of its Kafka
 * transaction.  When the producer is gone before it heard of that, the next one
 * fences it, and finds it committed or not.
 */
#include <stdlib.h>

#include "buf.h"
#include "world.h"

/* --- queues -------------------------------------------------------------------- */

static void
queue_push(struct queue *queue, struct handed handed)
{
	if (queue->n == queue->max)
	{
		queue->max = queue->max ? queue->max * 2 : 64;
		queue->at = xrealloc(queue->at, queue->max * sizeof(*queue->at));
	}
	queue->at[queue->n++] = handed;
}

/* Its memory stays, for the next producer. */
static void
producer_clear(struct producer *producer)
{
	for (int i = 0; i <= PROGRESS; i++)
	{
		struct queue *queue = &producer->queues[i];

		queue->n = queue->appended = queue->reported = queue->committed = 0;
		queue->last = -1;
	}
	producer->is_open = producer->has_failed = producer->is_committing = false;
	producer->end_is_sent = false;
	producer->in_flight = 0;
}

/* old, which is not in use, takes what producer has, and gives its memory. */
static void
producer_move(struct producer *old, struct producer *producer)
{
	struct producer swap = *old;

	*old = *producer;
	*producer = swap;
	producer_clear(producer);
}

static bool
queue_append(struct world *w, struct queue *queue, bool is_zombie)
{
	const struct handed *handed;

	if (queue->appended == queue->n)
		return false;
	handed = &queue->at[queue->appended++];
	if (is_exactly_once(w))
		return true;
	if (handed->message != NO_MESSAGE)
	{
		w->kafka.nappended++;
		w->kafka.nlate += is_zombie;
		check_appended(w, queue, handed->message, is_zombie);
		return true;
	}
	NOTE(w, "progress topic: %lu%s", handed->pos.lsn, is_zombie ? ", late" : "");
	if (!w->kafka.has_zombies && handed->pos.lsn < w->kafka.progress.lsn)
		world_breach(w, "progress goes back from %lu to %lu", w->kafka.progress.lsn,
					 handed->pos.lsn);
	w->kafka.progress = handed->pos;
	w->kafka.has_progress = true;
	if (handed->pos.lsn > w->kafka.progress_most)
		w->kafka.progress_most = handed->pos.lsn;
	return true;
}

/* --- transactions ---------------------------------------------------------------- */

static bool
all_is_appended(const struct producer *producer)
{
	for (int i = 0; i <= PROGRESS; i++)
		if (producer->queues[i].appended < producer->queues[i].n)
			return false;
	return true;
}

/* What is in the Kafka transaction becomes visible, and with it the position. */
static void
transaction_commit(struct world *w, struct producer *producer)
{
	struct queue *progress = &producer->queues[PROGRESS];

	for (int i = 0; i < PROGRESS; i++)
	{
		struct queue *queue = &producer->queues[i];

		for (; queue->committed < queue->appended; queue->committed++)
			check_visible(w, queue->at[queue->committed].message);
	}
	for (; progress->committed < progress->appended; progress->committed++)
	{
		w->kafka.progress = progress->at[progress->committed].pos;
		w->kafka.has_progress = true;
	}
	NOTE(w, "Kafka transaction committed up to %lu + %lu of %lu, %u messages visible",
		 w->kafka.progress.lsn, w->kafka.progress.changes, w->kafka.progress.commit_lsn,
		 w->kafka.nvisible);
	w->kafka.nparts += w->kafka.progress.commit_lsn != 0;
	check_committed(w);
	producer->is_committing = producer->end_is_sent = false;
}

/* The next one fences it: what the brokers were told to commit they commit now. */
static void
unresolved_end(struct world *w)
{
	if (w->kafka.unresolved.is_open && w->kafka.unresolved.end_is_sent)
		transaction_commit(w, &w->kafka.unresolved);
	w->kafka.unresolved.is_open = false;
}

/* --- the producer's end -------------------------------------------------------------- */

/* It is gone; what it had in flight may have been taken, or will be. */
static void
producer_bury(struct world *w)
{
	struct kafka    *kafka = &w->kafka;
	struct producer *old = &kafka->zombies[chance_below(&w->chance, ZOMBIES_MAX)];

	if (is_exactly_once(w))
	{
		producer_move(&kafka->unresolved, &kafka->producer);
		return;
	}
	for (int i = 0; i <= PROGRESS; i++)
	{
		struct queue *queue = &kafka->producer.queues[i];
		uint32_t      n = chance_below(&w->chance, queue->n - queue->appended + 1);

		if (kafka->has_zombies)
			queue->n = queue->appended + n; /* later, and the rest never */
		for (; !kafka->has_zombies && n > 0; n--)
			queue_append(w, queue, false);
	}
	producer_move(old, &kafka->producer);
	old->is_open = kafka->has_zombies;
}

void
kafka_close(struct world *w)
{
	struct producer *producer = &w->kafka.producer;

	if (!producer->is_open)
		return;
	if (producer->is_committing && all_is_appended(producer) && chance_of(&w->chance, 500))
		producer->end_is_sent = true;
	producer_bury(w);
}

/* The producer fails for good, or the brokers' answer stays away. */
void
kafka_fail(struct world *w)
{
	struct producer *producer = &w->kafka.producer;

	if (!producer->is_open || producer->has_failed)
		return;
	NOTE(w, "the producer fails");
	producer->has_failed = true;
	if (producer->is_committing && all_is_appended(producer) && chance_of(&w->chance, 500))
		producer->end_is_sent = true;
	relay_sink_failed(w);
}

void
kafka_open(struct world *w)
{
	if (w->kafka.producer.is_open)
		producer_bury(w);
	unresolved_end(w);
	producer_clear(&w->kafka.producer);
	w->kafka.producer.is_open = true;
	NOTE(w, "a new producer");
}

/* --- messages ------------------------------------------------------------------------- */

/* False: full. */
bool
kafka_take(struct world *w, uint32_t message, ack_ticket ticket)
{
	struct producer *producer = &w->kafka.producer;

	if (!producer->is_open || producer->has_failed)
		world_breach(w, "message %u is sent into a producer that has failed", message);
	if (producer->is_committing || producer->in_flight >= w->sink_room)
		return false;
	check_handed(w, message, ticket);
	producer->in_flight++;
	queue_push(&producer->queues[w->pg.messages[message].partition],
			   (struct handed){.message = message, .ticket = ticket});
	return true;
}

void
kafka_take_record(struct world *w, const struct position *pos)
{
	struct producer *producer = &w->kafka.producer;

	if (!producer->is_open || producer->has_failed)
		world_breach(w, "a position is sent into a producer that has failed");
	NOTE(w, "position %lu + %lu of %lu is written", pos->lsn, pos->changes, pos->commit_lsn);
	producer->in_flight++;
	queue_push(&producer->queues[PROGRESS], (struct handed){.message = NO_MESSAGE, .pos = *pos});
}

void
kafka_commit(struct world *w)
{
	w->kafka.producer.is_committing = true;
}

/* The brokers take some of one partition. */
void
kafka_append(struct world *w)
{
	struct kafka    *kafka = &w->kafka;
	struct producer *producer = &kafka->producer;
	uint32_t         n = 1 + chance_below(&w->chance, 8);
	uint32_t         i = chance_below(&w->chance, PROGRESS + 1);
	bool             is_zombie = kafka->has_zombies && chance_of(&w->chance, 300);

	if (is_zombie)
		producer = &kafka->zombies[chance_below(&w->chance, ZOMBIES_MAX)];
	if (!kafka->is_up || !producer->is_open)
		return;
	if (producer->has_failed && !is_zombie)
		return; /* as kafka_close() decides */
	while (n-- > 0 && queue_append(w, &producer->queues[i], is_zombie))
		;
}

/* The relay hears of some that were appended. */
void
kafka_report(struct world *w)
{
	struct producer *producer = &w->kafka.producer;
	uint32_t         n = 1 + chance_below(&w->chance, 8);
	struct queue    *queue = &producer->queues[chance_below(&w->chance, PROGRESS + 1)];

	if (!w->kafka.is_up || !producer->is_open || producer->has_failed)
		return;
	for (; n > 0 && queue->reported < queue->appended; n--)
	{
		const struct handed *handed = &queue->at[queue->reported++];

		producer->in_flight--;
		if (is_exactly_once(w))
			continue; /* it counts when it is committed */
		if (handed->message == NO_MESSAGE)
			relay_written(w);
		else
		{
			w->pg.messages[handed->message].is_acked = true;
			relay_acked(w, handed->ticket, 1);
		}
	}
	w->relay.waits_for_room = false;
}

/* The relay hears that what it had sent is committed. */
static void
producer_committed(struct world *w, uint32_t committed[])
{
	struct producer *producer = &w->kafka.producer;

	for (int i = 0; i < PROGRESS; i++)
		for (uint32_t at = committed[i]; at < producer->queues[i].committed; at++)
			relay_acked(w, producer->queues[i].at[at].ticket, 1);
	relay_written(w);
	w->relay.waits_for_room = false;
}

/* The request to commit gets there and is answered, or one of both is not, or it is refused. */
void
kafka_end(struct world *w)
{
	struct producer *producer = &w->kafka.producer;
	uint32_t         committed[PROGRESS];

	if (!w->kafka.is_up || !producer->is_open || producer->has_failed || !producer->is_committing ||
		!all_is_appended(producer))
		return;
	if (w->faults > 0 && chance_of(&w->chance, 100))
	{
		w->faults--;
		w->had_faults++;
		kafka_fail(w);
		return;
	}
	for (int i = 0; i < PROGRESS; i++)
		committed[i] = producer->queues[i].committed;
	transaction_commit(w, producer);
	producer_committed(w, committed);
}
