/*
 * producer_topic.c
 *		The topics of the Kafka sink: made, freed, waited for, and compared with what
 *		they were before; see producer_parts.h.
 */
#include "producer_parts.h"

#include <stdlib.h>

#include <utlist.h>

#include "log.h"
#include "topic_admin.h"

/* For an answer about a topic that is to be made. */
#define MAKE_MS 30000
/* What brokers give a topic, unless they were set up otherwise; less is not asked for. */
#define BROKER_MESSAGE_BYTES 1048588

/* --- making what is ours ------------------------------------------------------- */

static struct making *
producer_making(const struct producer *p, const char *name)
{
	struct making *making;

	HASH_FIND_STR(p->makings, name, making);
	return making;
}

static struct topic_order
making_order(const struct producer *p, const struct making *making)
{
	uint64_t bytes = topic_bytes(making->use, &p->sizes);

	return (struct topic_order){.use = making->use,
								.name = making->name,
								.bytes = bytes > BROKER_MESSAGE_BYTES ? bytes : 0};
}

static void
making_ask(struct producer *p, struct making *making)
{
	const struct topic_order order = making_order(p, making);

	making->why = (struct err){0};
	/* What is wrong with a name for which nobody can be asked, topic() says. */
	making->done = !topic_admin_ask(p->rk, &order, MAKE_MS, p->queue, making);
}

/*
 * One that was sent to before is there, and then no controller of the brokers has to answer before a
 * relay goes on.
 */
enum rc
producer_make(struct sink *sink, const char *name, enum topic_use use, struct err *e)
{
	struct producer *p = producer_of(sink);
	struct making   *making = producer_making(p, name);

	if (topics_topic(p->remembered, name)->npartitions > 0)
		return RC_OK;
	if (p->broken)
	{
		p->full = true;
		return RC_AGAIN; /* failed() has been called or will be in a moment */
	}
	if (making == NULL)
	{
		making = xcalloc(1, sizeof(*making));
		making->name = xstrdup(name);
		making->use = use;
		HASH_ADD_KEYPTR(hh, p->makings, making->name, strlen(making->name), making);
		making_ask(p, making);
	}
	else if (making->why.class == ERR_TRANSIENT)
	{
		*e = making->why;
		making_ask(p, making);
		return RC_ERR;
	}
	if (making->done)
		return RC_OK;
	p->full = true; /* writable() when it is answered */
	return RC_AGAIN;
}

/* Who lacks the right may have to do with a topic that is there, which the brokers do not say. */
static void
on_made(void *arg, size_t number, bool existed, const struct err *why)
{
	struct making *making = arg;

	(void) number, (void) existed;
	if (why)
		making->why = *why;
	making->done = why == NULL || why->class != ERR_TRANSIENT;
	if (why && making->done && why->class != ERR_PERMISSION)
		log_err(LOG_WARN, why, "leaving it to the brokers, which may make it with their defaults");
	CRASH_POINT(topic_made);
}

void
producer_made(struct producer *p, rd_kafka_event_t *event)
{
	struct making     *making = rd_kafka_event_opaque(event);
	struct topic_order order = making_order(p, making);

	topic_admin_answer(p->rk, &order, event, on_made, making);
}

const struct err *
producer_unmade(const struct producer *p, const char *topic)
{
	const struct making *making = producer_making(p, topic);

	return making && making->why.class != ERR_NONE ? &making->why : NULL;
}

void
producer_makings_free(struct producer *p)
{
	struct making *making;
	struct making *next;

	HASH_ITER(hh, p->makings, making, next)
	{
		HASH_DEL(p->makings, making);
		free(making->name);
		free(making);
	}
}

/* --- topics ---------------------------------------------------------------------- */

/* One for each topic as long as the producer lives: librdkafka's topics outlive ours. */
static struct partitioner *
producer_partitioner(struct producer *p, const char *name)
{
	struct topic       *topic = topics_topic(p->remembered, name);
	struct partitioner *part;

	HASH_FIND_PTR(p->partitioners, &topic, part);
	if (part == NULL)
	{
		part = partitioner_new(p->partitioner, topic);
		topic_use(p->remembered, topic);
		HASH_ADD_PTR(p->partitioners, topic, part);
	}
	return part;
}

enum rc
producer_topic(struct sink *sink, const char *name, struct avro *key, struct avro *value,
			   struct sink_topic **topic, struct err *e)
{
	struct producer       *p = producer_of(sink);
	rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(p->rk);
	rd_kafka_topic_t      *rkt;
	struct sink_topic     *top;

	(void) key;
	(void) value;
	partitioner_use(producer_partitioner(p, name), conf);
	rkt = rd_kafka_topic_new(p->rk, name, conf);
	if (rkt == NULL)
		return producer_error_name(name, rd_kafka_err2str(rd_kafka_last_error()), e);
	top = xcalloc(1, sizeof(*top));
	top->name = xstrdup(name);
	top->rkt = rkt;
	top->made_ms = loop_now_ms();
	DL_PREPEND(p->topics, top);
	HASH_ADD_PTR(p->unseen, rkt, top);
	*topic = top;
	CRASH_POINT(topic_opened);
	return RC_OK;
}

void
producer_topic_count(struct sink *sink, struct sink_topic *topic, struct topic_count *count)
{
	struct partitioner *part = rd_kafka_topic_opaque(topic->rkt);

	(void) sink;
	topic->count = part->count = count;
}

void
producer_topic_free(struct sink *sink, struct sink_topic *topic)
{
	struct producer *p = producer_of(sink);

	DL_DELETE(p->topics, topic);
	if (!topic->seen)
		HASH_DEL(p->unseen, topic);
	rd_kafka_topic_destroy(topic->rkt);
	free(topic->name);
	free(topic);
}

bool
producer_topic_waited(const struct producer *p, const char *topic)
{
	const struct sink_topic *top = p->topics;
	int64_t                  since = p->up_since_ms > p->seen_ms ? p->up_since_ms : p->seen_ms;

	while (top && strcmp(top->name, topic) != 0)
		top = top->next;
	if (top && top->made_ms > since)
		since = top->made_ms;
	return p->reach == REACH_UP && loop_now_ms() - since >= p->topic_wait_ms;
}

void
producer_topic_seen(struct producer *p, const rd_kafka_topic_t *rkt)
{
	struct sink_topic *top;

	HASH_FIND_PTR(p->unseen, &rkt, top);
	if (top == NULL)
		return;
	HASH_DEL(p->unseen, top);
	top->seen = true;
	p->seen_ms = loop_now_ms();
}

bool
producer_recognizes(struct producer *p, const rd_kafka_message_t *message)
{
	struct partitioner *part = rd_kafka_topic_opaque(message->rkt);
	struct topic       *topic = part->topic;
	int32_t             before = atomic_load(&part->npartitions);
	int32_t             now = atomic_load(&part->found);
	int64_t             next;
	struct err          e;

	/* Messages without a key go anywhere, and nobody asks for the number. */
	if (before && now && now != before)
	{
		(void) producer_error_partitions(topic->name, before, now, &e);
		producer_break_with(p, &e);
		return false;
	}
	if (topic->npartitions == 0 && before)
		topic_resize(p->remembered, topic, before);
	next = message->partition < topic->npartitions ? topic->next[message->partition] : 0;
	if (topic_reached(p->remembered, topic, message->partition, message->offset))
		return true;
	(void) producer_error_offset(topic->name, message->partition, next, message->offset, &e);
	producer_break_with(p, &e);
	return false;
}

void
producer_remember(struct producer *p, const rd_kafka_message_t *message)
{
	const struct partitioner *part = rd_kafka_topic_opaque(message->rkt);

	/* False only where it is the first, too, which was asked about. */
	(void) topic_reached(p->remembered, part->topic, message->partition, message->offset);
}
