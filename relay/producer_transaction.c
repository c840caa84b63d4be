/*
 * producer_transaction.c
 *		The Kafka transactions of the Kafka sink, delivery=exactly-once; see
 *		producer_parts.h.
 *
 * What is delivered in one is held back until it is committed.  The calls that
 * block are transactor.c's.
 */
#include "producer_parts.h"

void
producer_acked(struct producer *p, uint32_t item, uint32_t count)
{
	if (p->trx == NULL)
	{
		p->stats.acked += count;
		p->events.acked(p->events.arg, item, count);
		return;
	}
	if (p->nheld > 0 && p->held[p->nheld - 1].item == item)
	{
		p->held[p->nheld - 1].count += count;
		return;
	}
	if (p->nheld == p->max_held)
	{
		p->max_held = p->max_held ? p->max_held * 2 : 1024;
		p->held = xrealloc(p->held, p->max_held * sizeof(*p->held));
	}
	p->held[p->nheld++] = (struct held){.item = item, .count = count};
}

void
producer_count(struct producer *p, rd_kafka_topic_t *rkt, uint32_t messages)
{
	struct partitioner *part = rd_kafka_topic_opaque(rkt);

	if (part->count == NULL)
		return;
	if (p->trx == NULL)
	{
		part->count->acked += messages;
		return;
	}
	if (part->held == 0)
	{
		part->next = p->held_topics;
		p->held_topics = part;
	}
	part->held += messages;
}

/* Their Kafka transaction is committed. */
static void
producer_count_held(struct producer *p)
{
	for (; p->held_topics; p->held_topics = p->held_topics->next)
	{
		p->held_topics->count->acked += p->held_topics->held;
		p->held_topics->held = 0;
	}
}

void
producer_fence(struct sink *sink)
{
	transactor_start(producer_of(sink)->trx, TRANSACTOR_FENCE);
}

void
producer_commit(struct sink *sink)
{
	struct producer *p = producer_of(sink);

	if (p->broken)
		return; /* failed() has been called or will be in a moment */
	CRASH_POINT(kafka_commit_before);
	p->phase = PHASE_COMMITTING;
	transactor_start(p->trx, TRANSACTOR_COMMIT);
	CRASH_POINT(kafka_commit_handed);
}

bool
producer_is_shut(const struct producer *p)
{
	return p->trx && (p->phase == PHASE_UNFENCED || p->phase == PHASE_COMMITTING);
}

rd_kafka_resp_err_t
producer_begin(struct producer *p)
{
	rd_kafka_error_t   *error;
	rd_kafka_resp_err_t code;

	if (p->trx == NULL || p->phase == PHASE_OPEN)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	CRASH_POINT(kafka_begin_before);
	error = rd_kafka_begin_transaction(p->rk);
	if (error == NULL)
	{
		p->phase = PHASE_OPEN;
		CRASH_POINT(kafka_begin_after);
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	}
	code = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	return code;
}

/* Brokers that are away are told of elsewhere. */
static void
producer_look_at_call(struct producer *p)
{
	char       text[512];
	struct err why;

	if (!transactor_is_slow(p->trx, text, sizeof(text)) || p->is_stuck || p->reach == REACH_DOWN ||
		p->events.stuck == NULL)
		return;
	p->is_stuck = true;
	(void) producer_error_stuck(text, &why);
	p->events.stuck(p->events.arg, &why);
}

void
producer_seek_cause(struct producer *p)
{
	if (p->trx == NULL || p->phase != PHASE_OPEN)
		return;
	p->phase = PHASE_COMMITTING;
	transactor_start(p->trx, TRANSACTOR_COMMIT);
}

void
producer_transacted(struct producer *p)
{
	const char          *text;
	int                  code;
	enum transactor_call call = transactor_ended(p->trx, &code, &text);

	if (call == TRANSACTOR_NONE)
		producer_look_at_call(p);
	else if (p->is_stuck)
	{
		p->is_stuck = false;
		p->events.stuck(p->events.arg, NULL);
	}
	if (call == TRANSACTOR_NONE || p->definite)
		return;
	if (code)
	{
		if (producer_error_is_of_record(code))
			code = RD_KAFKA_RESP_ERR__STATE; /* the message's report says which one */
		producer_break(p, (rd_kafka_resp_err_t) code, text, NULL, 0);
	}
	if (p->broken)
		return;
	p->phase = PHASE_BETWEEN;
	if (call == TRANSACTOR_FENCE)
	{
		producer_inherit();
		p->events.ready(p->events.arg);
		return;
	}
	CRASH_POINT(kafka_commit_answered);
	for (size_t i = 0; i < p->nheld; i++)
	{
		p->stats.acked += p->held[i].count;
		p->events.acked(p->events.arg, p->held[i].item, p->held[i].count);
	}
	p->nheld = 0;
	producer_count_held(p);
	CRASH_POINT(kafka_commit_counted);
	p->events.committed(p->events.arg);
}
