/*
 * test_exhaustive.c
 *		Delivery of a few transactions in every order that there is.
 *
 * Up to four transactions of zero to two changes, in three partitions, one frame a
 * message: whatever may happen next happens, with a crash of the relay, of the producer or
 * of the server between any two steps.  States that were seen before are not walked
 * again.  What must hold is what check.c of the simulated world says, in the small.
 *
 * How many crashes one walk may have is bounded (crashes_of): with more of them it takes
 * minutes, not seconds; MESSAGES_OF_FOUR is for the same reason.  Which messages of a
 * dead producer are in the log is tried in all ways, for each partition by itself.
 */
#include "unit.h"

/* From within: states are copied and compared. */
#include "ack.c"
#include "delivery.c"

#define TRANSACTIONS 4
#define PARTITIONS 3
#define MESSAGES (TRANSACTIONS * 3)
#define MESSAGES_OF_FOUR 7 /* of four transactions together, when orders are many */
#define RING 16
#define FIRST 100 /* LSN: where the slot stands at first */
#define EACH 10   /* a transaction commits at FIRST + n * EACH, right behind the one before */

/* Its first change is one message, its second one two. */
static unsigned           sizes[TRANSACTIONS]; /* changes */
static unsigned           ntransactions;
static unsigned           first_of[TRANSACTIONS + 1]; /* its first message */
static unsigned           crashes_max;
static enum delivery_mode mode;

/* --- a state ---------------------------------------------------------------------------- */

struct flight
{
	uint8_t  message;
	uint16_t ticket;
};

struct queue
{
	struct flight at[MESSAGES * 2];
	uint8_t       n;
};

struct state
{
	struct delivery dlv;
	struct ack      ack;
	struct item     ring[RING];

	bool    is_alive;
	bool    is_recalled;
	bool    is_streaming;
	uint8_t transaction; /* the next record is of this one; ntransactions: the mark, and one
							more: nothing is left */
	uint8_t step;        /* 0: BEGIN; then its messages; then COMMIT */

	struct queue    queues[PARTITIONS]; /* in flight; exactly once: in the Kafka transaction */
	bool            is_committing;
	int8_t          last[PARTITIONS]; /* place in the log of the last message, -1 */
	int8_t          most[PARTITIONS];
	uint16_t        acked; /* a bit a message; exactly once: visible */
	struct position topic;
	uint64_t        slot;
	uint8_t         crashes;
};

static void
state_copy(struct state *to, const struct state *from)
{
	*to = *from;
	to->dlv.ack = &to->ack;
	to->ack.ring = to->ring;
}

static unsigned
partition_of(unsigned message)
{
	return message % PARTITIONS;
}

static int
place_of(unsigned message)
{
	return (int) (message / PARTITIONS);
}

static uint64_t
start_of(unsigned transaction)
{
	return FIRST + transaction * EACH;
}

static uint64_t
end_of(unsigned transaction)
{
	return start_of(transaction + 1);
}

/* --- states that were seen --------------------------------------------------------------- */

static uint64_t *seen;
static uint64_t  seen_size; /* a power of two */
static uint64_t  nseen;
static uint64_t  nstates; /* of all cases, and the steps between them */
static uint64_t  nsteps;
static uint64_t *nrests; /* of a case: states at rest, by the number of crashes before */

static void
seen_put(uint64_t *set, uint64_t size, uint64_t hash)
{
	uint64_t at = hash & (size - 1);

	while (set[at])
		at = (at + 1) & (size - 1);
	set[at] = hash;
}

static bool
seen_before(uint64_t hash)
{
	hash |= hash == 0;
	for (uint64_t at = hash & (seen_size - 1); seen[at]; at = (at + 1) & (seen_size - 1))
		if (seen[at] == hash)
			return true;
	if (++nseen * 2 > seen_size)
	{
		uint64_t *more = xcalloc(seen_size * 2, sizeof(*more));

		for (uint64_t i = 0; i < seen_size; i++)
			if (seen[i])
				seen_put(more, seen_size * 2, seen[i]);
		free(seen);
		seen = more;
		seen_size *= 2;
	}
	seen_put(seen, seen_size, hash);
	return false;
}

static void
mix(uint64_t *hash, uint64_t value)
{
	*hash = (*hash ^ value) * 0x9e3779b97f4a7c15;
	*hash ^= *hash >> 29;
}

static void
mix_position(uint64_t *hash, const struct position *pos)
{
	mix(hash, pos->lsn);
	mix(hash, pos->commit_lsn);
	mix(hash, pos->changes);
}

static void
mix_delivery(uint64_t *hash, const struct state *s)
{
	const struct delivery *dlv = &s->dlv;

	mix(hash, dlv->closed);
	mix_position(hash, &dlv->written);
	mix(hash, dlv->is_writing);
	if (dlv->is_writing)
		mix_position(hash, &dlv->writing);
	mix(hash, dlv->durable);
	mix(hash, dlv->item ? dlv->item - s->ack.head + 1 : 0);
	mix(hash, dlv->commit_lsn);
	mix(hash, dlv->changes);
	mix(hash, dlv->half);
	mix_position(hash, &dlv->known);
	mix(hash, s->ack.confirmed);
	for (ack_ticket t = s->ack.head; t != s->ack.tail; t++)
	{
		const struct item *item = item_at(&s->ack, t);

		mix(hash, item->end);
		mix(hash, item->pending * 4 + item->open * 2 + item->mark);
	}
}

/* Tickets count from the oldest item held: their numbers mean nothing. */
static uint64_t
state_hash(const struct state *s)
{
	uint64_t hash = 1;

	mix(&hash, s->is_alive * 8 + s->is_recalled * 4 + s->is_streaming * 2 + s->is_committing);
	mix(&hash, s->transaction);
	mix(&hash, s->step);
	mix(&hash, s->acked);
	mix(&hash, s->slot);
	mix(&hash, s->crashes);
	mix_position(&hash, &s->topic);
	for (int i = 0; i < PARTITIONS; i++)
	{
		const struct queue *queue = &s->queues[i];

		mix(&hash, (uint64_t) (s->last[i] + 1) * 32 + (uint64_t) (s->most[i] + 1));
		mix(&hash, queue->n);
		for (int j = 0; j < queue->n; j++)
		{
			mix(&hash, queue->at[j].message);
			mix(&hash, queue->at[j].ticket - s->ack.head);
		}
	}
	if (s->is_alive)
		mix_delivery(&hash, s);
	return hash;
}

/* --- what must hold ----------------------------------------------------------------------- */

/* How many messages a position stands for. */
static unsigned
messages_before(const struct position *pos)
{
	unsigned n = 0, at = pos->lsn < FIRST ? 0 : (unsigned) ((pos->lsn - FIRST) / EACH);

	n = first_of[at < ntransactions ? at : ntransactions];
	if (pos->commit_lsn == 0)
		return n;
	assert_true(pos->changes > 0);
	while (start_of(at) < pos->commit_lsn)
		assert_int_equal(sizes[at++], 0);
	assert_int_equal(start_of(at), pos->commit_lsn);
	assert_true(pos->changes <= sizes[at]);
	return n + (pos->changes == 2 ? 3 : 1);
}

static void
check_told(const struct state *s, uint64_t flush)
{
	assert_int_equal((flush - FIRST) % EACH, 0);
	assert_true(flush <= end_of(ntransactions - 1));
	assert_true(flush == FIRST || flush <= s->topic.lsn || mode == DELIVERY_WITHOUT_PROGRESS);
	for (unsigned i = 0; i < ntransactions && start_of(i) < flush; i++)
		for (unsigned message = first_of[i]; message < first_of[i + 1]; message++)
			assert_true(s->acked & 1u << message);
}

static void
check_in_log(struct state *s, unsigned message)
{
	unsigned partition = partition_of(message);
	int      place = place_of(message);

	assert_true(place == s->last[partition] + 1 || place <= s->last[partition]);
	s->last[partition] = (int8_t) place;
	if (place > s->most[partition])
		s->most[partition] = (int8_t) place;
}

/* Nothing is left that could happen by itself: then all is done. */
static void
check_rest(const struct state *s)
{
	assert_int_equal(delivery_durable(&s->dlv), end_of(ntransactions - 1));
	assert_int_equal(s->acked, (1u << first_of[ntransactions]) - 1);
	assert_true(delivery_is_settled(&s->dlv));
	for (unsigned i = 0; i < first_of[ntransactions]; i++)
		assert_true(place_of(i) <= s->most[partition_of(i)]);
	/* What was repeated was so up to the end: no older value is the newest one. */
	for (int i = 0; i < PARTITIONS; i++)
		assert_int_equal(s->last[i], s->most[i]);
}

/* --- the relay ------------------------------------------------------------------------------ */

static void
sink_clear(struct state *s)
{
	memset(s->queues, 0, sizeof(s->queues));
	s->is_committing = false;
}

static void
relay_start(struct state *s)
{
	s->dlv = (struct delivery){
		.limits = {.mode = mode, .max_messages = UINT64_MAX, .max_bytes = UINT64_MAX}};
	s->dlv.ack = &s->ack;
	memset(&s->ack, 0, sizeof(s->ack));
	s->ack.ring = s->ring;
	s->ack.mask = RING - 1;
	s->ack.head = s->ack.tail = 1;
	s->is_alive = true;
	s->is_recalled = s->is_streaming = false;
}

static void
relay_recall(struct state *s)
{
	if (s->topic.lsn > 0)
		delivery_recalled(&s->dlv, &s->topic);
	s->is_recalled = true;
}

static void
relay_connect(struct state *s)
{
	struct position from = delivery_position(&s->dlv);

	if (s->slot > from.lsn)
		from = (struct position){.lsn = s->slot};
	delivery_start(&s->dlv, &from);
	s->is_streaming = true;
	s->transaction = 0;
	s->step = 0;
	while (s->transaction < ntransactions && start_of(s->transaction) < from.lsn)
		s->transaction++;
}

static unsigned
steps_of(unsigned transaction)
{
	return first_of[transaction + 1] - first_of[transaction] + 1;
}

static void
send(struct state *s, unsigned message)
{
	struct queue *queue = &s->queues[partition_of(message)];

	assert_true(queue->n < MESSAGES * 2);
	queue->at[queue->n++] = (struct flight){(uint8_t) message, (uint16_t) delivery_item(&s->dlv)};
	delivery_sent(&s->dlv, 1, 1, 0);
}

static void
take_next(struct state *s)
{
	unsigned   at = s->transaction;
	struct err e;

	assert_true(s->ack.tail - s->ack.head < RING - 1);
	if (at == ntransactions)
		assert_int_equal(delivery_mark(&s->dlv, end_of(at - 1), &e), RC_OK);
	else if (s->step == 0)
		assert_int_equal(delivery_begin(&s->dlv, start_of(at), 1, &e), RC_OK);
	else if (s->step == steps_of(at))
		assert_int_equal(delivery_commit(&s->dlv, end_of(at), &e), RC_OK);
	else
	{
		if (!delivery_is_done(&s->dlv))
			send(s, first_of[at] + s->step - 1);
		if (s->step != 2) /* of three messages, the second is half of the second change */
			delivery_change(&s->dlv);
	}
	if (at == ntransactions || s->step++ == steps_of(at))
	{
		s->transaction++;
		s->step = 0;
	}
}

static bool
can_take(const struct state *s)
{
	unsigned at = s->transaction;

	if (!s->is_streaming || at > ntransactions)
		return false;
	if (at == ntransactions || s->step == 0 || s->step == steps_of(at))
		return true;
	return !s->is_committing || delivery_is_done(&s->dlv);
}

static void
write_position(struct state *s, const struct position *pos)
{
	delivery_writing(&s->dlv, pos, 1);
	s->is_committing = mode == DELIVERY_EXACTLY_ONCE;
}

/* --- the brokers ------------------------------------------------------------------------------ */

static void
report(struct state *s, struct queue *queue)
{
	check_in_log(s, queue->at[0].message);
	s->acked |= (uint16_t) (1u << queue->at[0].message);
	assert_true(delivery_acked(&s->dlv, queue->at[0].ticket, 1));
	queue->n--;
	memmove(queue->at, queue->at + 1, sizeof(queue->at) - sizeof(queue->at[0]));
}

static void
record_append(struct state *s)
{
	assert_true(s->dlv.writing.lsn >= s->topic.lsn);
	s->topic = s->dlv.writing;
}

static void
record_report(struct state *s)
{
	record_append(s);
	delivery_written(&s->dlv, 1);
}

/*
 * What is in flight when its producer ends: of each partition the first few are in the log,
 * and nobody knows.  choice counts through all there is; false: there is no such one.
 */
static bool
append_some(struct state *s, unsigned choice)
{
	for (int i = 0; i < PARTITIONS; i++)
	{
		struct queue *queue = &s->queues[i];
		unsigned      n = choice % (queue->n + 1u);

		choice /= queue->n + 1u;
		for (unsigned j = 0; j < n; j++)
			check_in_log(s, queue->at[j].message);
	}
	if (s->dlv.is_writing)
	{
		if (choice % 2)
			record_append(s);
		choice /= 2;
	}
	return choice == 0;
}

/* All of the Kafka transaction, and its position, becomes visible. */
static void
commit(struct state *s)
{
	for (int i = 0; i < PARTITIONS; i++)
		for (int j = 0; j < s->queues[i].n; j++)
		{
			unsigned message = s->queues[i].at[j].message;

			assert_false(s->acked & 1u << message);
			s->acked |= (uint16_t) (1u << message);
			check_in_log(s, message);
		}
	s->topic = s->dlv.writing;
	assert_int_equal(s->acked, (1u << messages_before(&s->topic)) - 1);
}

static void
commit_report(struct state *s)
{
	for (int i = 0; i < PARTITIONS; i++)
		for (int j = 0; j < s->queues[i].n; j++)
			assert_true(delivery_acked(&s->dlv, s->queues[i].at[j].ticket, 1));
	sink_clear(s);
	delivery_written(&s->dlv, 1);
}

/* --- crashes ------------------------------------------------------------------------------ */

static void
crash_relay(struct state *s)
{
	s->is_alive = s->is_streaming = s->is_recalled = false;
	s->transaction = s->step = 0;
	sink_clear(s);
}

static void
crash_sink(struct state *s)
{
	delivery_forget(&s->dlv);
	s->is_streaming = false;
	if (mode == DELIVERY_EXACTLY_ONCE)
		s->is_recalled = false;
	s->transaction = s->step = 0;
	sink_clear(s);
}

/* The slot is back where it was at first. */
static void
crash_server(struct state *s)
{
	s->slot = FIRST;
	delivery_stop(&s->dlv);
	s->is_streaming = false;
	s->transaction = s->step = 0;
	if (!delivery_can_go_on(&s->dlv))
		crash_sink(s);
}

/* --- the walk ----------------------------------------------------------------------------- */

static void walk(const struct state *s);

/* What the server may be told never moves back, as long as the process lives. */
static void
walk_on(const struct state *s, const struct state *next)
{
	if (s->is_alive && next->is_alive)
		assert_true(delivery_durable(&next->dlv) >= delivery_durable(&s->dlv));
	walk(next);
}

#define TRY(condition, call)      \
	do                            \
	{                             \
		if (condition)            \
		{                         \
			struct state next;    \
                                  \
			state_copy(&next, s); \
			call;                 \
			walk_on(s, &next);    \
			moves++;              \
		}                         \
	} while (0)

/* The producer ends, with the relay or alone, in each way that it can leave things. */
static void
walk_ends(const struct state *s, void (*crash)(struct state *))
{
	for (unsigned choice = 0;; choice++)
	{
		struct state next;

		state_copy(&next, s);
		next.crashes++;
		if (mode == DELIVERY_EXACTLY_ONCE)
		{
			if (choice == 1 && s->is_committing)
				commit(&next);
			else if (choice > 0)
				return;
		}
		else if (!append_some(&next, choice))
			return;
		crash(&next);
		walk_on(s, &next);
	}
}

static void
walk_crashes(const struct state *s)
{
	if (s->crashes == crashes_max)
		return;
	walk_ends(s, crash_relay);
	walk_ends(s, crash_sink);
	if (s->is_streaming)
	{
		struct state next;

		state_copy(&next, s);
		next.crashes++;
		crash_server(&next);
		walk_on(s, &next);
	}
}

static unsigned
walk_brokers(const struct state *s)
{
	unsigned moves = 0;

	if (mode == DELIVERY_EXACTLY_ONCE)
	{
		TRY(s->is_committing, (commit(&next), commit_report(&next)));
		return moves;
	}
	for (int i = 0; i < PARTITIONS; i++)
		TRY(s->queues[i].n > 0, report(&next, &next.queues[i]));
	TRY(s->dlv.is_writing, record_report(&next));
	return moves;
}

static void
walk(const struct state *s)
{
	unsigned        moves = 0;
	uint64_t        durable;
	struct position pos;

	nsteps++;
	if (seen_before(state_hash(s)))
		return;
	if (!s->is_alive)
	{
		TRY(true, relay_start(&next));
		return;
	}
	durable = delivery_durable(&s->dlv);
	if (s->is_streaming)
		check_told(s, durable);
	TRY(!s->is_recalled, relay_recall(&next));
	TRY(s->is_recalled && !s->is_streaming, relay_connect(&next));
	TRY(can_take(s), take_next(&next));
	TRY(s->is_recalled && delivery_due(&s->dlv, 1, true, &pos), write_position(&next, &pos));
	/* With a progress topic the slot is never ahead of it, and where it is makes no odds. */
	TRY(mode == DELIVERY_WITHOUT_PROGRESS && s->is_streaming && durable > s->slot,
		next.slot = durable);
	moves += walk_brokers(s);
	if (moves == 0)
	{
		check_rest(s);
		nrests[s->crashes]++;
	}
	walk_crashes(s);
}

/* All sizes of n transactions. */
static void
walk_all(unsigned n, unsigned crashes)
{
	unsigned cases = 1;

	ntransactions = n;
	crashes_max = crashes;
	for (unsigned i = 0; i < n; i++)
		cases *= 3;
	for (unsigned number = 0; number < cases; number++)
	{
		struct state s = {.slot = FIRST};

		for (unsigned i = 0, rest = number; i < n; i++, rest /= 3)
		{
			sizes[i] = rest % 3;
			first_of[i + 1] = first_of[i] + (sizes[i] == 2 ? 3 : sizes[i]);
		}
		if (n == TRANSACTIONS && mode != DELIVERY_EXACTLY_ONCE && first_of[n] > MESSAGES_OF_FOUR)
			continue;
		memset(s.last, -1, sizeof(s.last));
		memset(s.most, -1, sizeof(s.most));
		seen_size = 1 << 16;
		seen = xcalloc(seen_size, sizeof(*seen));
		nseen = 0;
		nrests = xcalloc(crashes + 1, sizeof(*nrests));
		walk(&s);
		/* One that always finds something to do would never be asked whether all is done. */
		for (unsigned i = 0; i <= crashes; i++)
			assert_true(nrests[i] > 0);
		free(nrests);
		free(seen);
		nstates += nseen;
	}
}

/* By mode, and by the number of transactions. */
static const unsigned crashes_of[3][TRANSACTIONS] = {{3, 2, 1, 1}, {3, 2, 1, 1}, {4, 4, 3, 3}};

static void
walk_mode(enum delivery_mode of)
{
	mode = of;
	for (unsigned n = 1; n <= TRANSACTIONS; n++)
	{
		nstates = nsteps = 0;
		walk_all(n, crashes_of[of][n - 1]);
		print_message("%u transactions, up to %u crashes: %" PRIu64 " states, %" PRIu64 " steps\n",
					  n, crashes_of[of][n - 1], nstates, nsteps);
	}
}

static void
without_progress_in_all_orders(void **state)
{
	(void) state;
	walk_mode(DELIVERY_WITHOUT_PROGRESS);
}

static void
at_least_once_in_all_orders(void **state)
{
	(void) state;
	walk_mode(DELIVERY_AT_LEAST_ONCE);
}

static void
exactly_once_in_all_orders(void **state)
{
	(void) state;
	walk_mode(DELIVERY_EXACTLY_ONCE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_once_in_all_orders),
		cmocka_unit_test(without_progress_in_all_orders),
		cmocka_unit_test(at_least_once_in_all_orders),
	};

	return cmocka_run_group_tests_name("exhaustive", tests, NULL, NULL);
}
