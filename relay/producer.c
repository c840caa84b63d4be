/*
 * producer.c
 *		The Kafka sink: librdkafka on the loop; see sink.h.
 *
 * librdkafka's threads batch, compress and send; everything they have to say
 * comes as events on one queue, which writes to an eventfd of the loop.
 * Nothing is acknowledged after the first failure: whoever made the sink frees
 * it and begins again at the last confirmed position, so that a gap never has
 * newer messages behind it.  Long because all that its events may do is in one place.
 */
#include "sink.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <uthash.h>
#include <utlist.h>

#include "buf.h"
#include "crash_point.h"
#include "kafka_conf.h"
#include "partitioner.h"
#include "producer.h"
#include "producer_error.h"
#include "transactor.h"

_Static_assert(sizeof(void *) >= sizeof(uint64_t), "a label must fit into a message's opaque");

/* What librdkafka's message struct and malloc add to each message; 182 were measured. */
#define MESSAGE_OVERHEAD 192
/* All connections gone for this long: unreachable.  Brokers also close idle ones. */
#define SUSPECT_MS 1000
/* ApiKeys of Kafka's protocol. */
#define API_PRODUCE 0
#define API_METADATA 3
/* A fatal error comes ahead of the report that has its cause. */
#define CAUSE_WAIT_MS 500
/* A login that was accepted before and is refused for this long will stay refused. */
#define REFUSED_MS 10000
#define NS_PER_S 1000000000L
#define DESTROY_WAIT_NS (NS_PER_S / 2)
/* Before 2.5.3 a mere disconnect could end the idempotent producer (its CHANGELOG). */
#define GOOD_VERSION 0x020503ff

struct sink_topic
{
	char              *name;
	rd_kafka_topic_t  *rkt;
	int64_t            made_ms;
	struct sink_topic *prev; /* in the producer's topics */
	struct sink_topic *next;
	bool               seen; /* else it is in the producer's unseen, too */
	UT_hash_handle     hh;
};

enum reach
{
	REACH_UNKNOWN,
	REACH_UP,
	REACH_DOWN
};

/* delivery=exactly-once: what may be done next. */
enum phase
{
	PHASE_UNFENCED, /* nothing: another relay may still produce under our name */
	PHASE_BETWEEN,  /* a Kafka transaction may begin */
	PHASE_OPEN,     /* one is open */
	PHASE_COMMITTING
};

/* Messages of an item that the brokers have, in a Kafka transaction that is not committed. */
struct held
{
	uint32_t item;
	uint32_t count;
};

/* What librdkafka's threads write to; it may outlive its producer, see destroy_in_time(). */
struct ear
{
	atomic_bool heard;   /* a broker answered */
	int         wake_fd; /* eventfd, watched by the loop */
};

struct producer
{
	struct sink        sink; /* first: a sink is cast to its producer */
	struct loop       *loop;
	struct sink_events events;
	rd_kafka_t        *rk;
	rd_kafka_queue_t  *queue;
	struct ear        *ear;
	struct topics      *remembered;   /* what topics were like; borrowed */
	struct partitioner *partitioners; /* by topic */
	char               *partitioner;  /* the property */
	struct sink_topic *topics;        /* thousands may be freed at a session's end */
	struct sink_topic *unseen;        /* by rkt: no message has been delivered yet */
	int64_t            seen_ms;       /* when the last one left that list */
	int64_t            topic_wait_ms; /* how long a topic may stay unknown to a broker */
	char              *bootstrap;
	struct sink_stats  stats;
	uint64_t           cost;     /* bytes of memory in flight, about */
	uint64_t           max_cost; /* send() answers RC_AGAIN from here on */
	uint64_t           max_messages;
	uint64_t           max_kbytes; /* queue.buffering.max.kbytes of [kafka], else ours */
	bool               full;       /* send() said RC_AGAIN */

	enum reach        reach;
	bool              was_up; /* a broker has accepted us: the login is right, or was */
	int64_t           up_since_ms;
	struct loop_timer suspect;          /* set: all connections are gone, not reported yet */
	char              reason[256];      /* last transport error */
	int64_t           refused_since_ms; /* first login refused since an answer; 0: none */

	struct transactor *trx; /* NULL: at least once, and what follows plays no part */
	enum phase         phase;
	struct held       *held;
	size_t             nheld;
	size_t             max_held;

	bool              broken;   /* something failed: no more acks */
	bool              definite; /* why says the cause */
	bool              reported;
	struct err        why;
	struct sink_refusal refusal; /* messages 0: why is none */
	struct loop_timer cause; /* set: broken, but not definite yet */
};

static struct producer *
producer_of(struct sink *sink)
{
	return (struct producer *) sink;
}

/* --- failures ------------------------------------------------------------ */

/* A broker that just came up, or creates thousands, has not had the time for this one. */
static bool
topic_waited(const struct producer *p, const char *topic)
{
	const struct sink_topic *top = p->topics;
	int64_t                  since = p->up_since_ms > p->seen_ms ? p->up_since_ms : p->seen_ms;

	while (top && strcmp(top->name, topic) != 0)
		top = top->next;
	if (top && top->made_ms > since)
		since = top->made_ms;
	return p->reach == REACH_UP && loop_now_ms() - since >= p->topic_wait_ms;
}

/* What an error code about a topic ("": none) means to the relay. */
static enum rc
producer_trouble(const struct producer *p, rd_kafka_resp_err_t code, const char *text,
				 const char *topic, size_t bytes, struct err *e)
{
	struct producer_trouble trouble = {.code = code,
									   .text = text,
									   .topic = topic,
									   .bytes = bytes,
									   .waited = topic_waited(p, topic),
									   .bootstrap = p->bootstrap};

	return producer_error(&trouble, e);
}

/* Ends acknowledging; failed() is called when the event queue has been read. */
static void
producer_break(struct producer *p, rd_kafka_resp_err_t code, const char *text, const char *topic,
			   size_t bytes)
{
	bool cause = !producer_error_is_consequence(code);

	if (p->definite || (p->broken && !cause))
		return;
	(void) producer_trouble(p, code, text, topic ? topic : "", bytes, &p->why);
	p->broken = true;
	p->definite = cause;
	if (!cause)
		loop_timer_set(p->loop, &p->cause, CAUSE_WAIT_MS);
}

/* The same, by an error that is known: filled by whoever found it. */
static void
producer_break_with(struct producer *p, const struct err *e)
{
	if (p->definite)
		return;
	p->why = *e;
	p->broken = p->definite = true;
}

/* May free the producer: nothing is touched afterwards. */
static void
producer_report(struct producer *p)
{
	loop_timer_clear(p->loop, &p->cause);
	p->reported = true;
	if (p->refusal.messages > 0 && p->events.refused)
		p->events.refused(p->events.arg, &p->refusal, &p->why);
	p->events.failed(p->events.arg, &p->why);
}

static void
on_cause_late(void *arg)
{
	producer_report(arg);
}

/* --- reachability -------------------------------------------------------- */

static void
producer_seen(struct producer *p)
{
	if (p->reach == REACH_UP && p->suspect.due_ms == 0 && p->refused_since_ms == 0)
		return;
	loop_timer_clear(p->loop, &p->suspect);
	p->refused_since_ms = 0;
	p->was_up = true;
	p->up_since_ms = loop_now_ms();
	if (p->reach == REACH_UP)
		return;
	p->reach = REACH_UP;
	p->events.state(p->events.arg, true, NULL);
}

static void
on_suspect(void *arg)
{
	struct producer *p = arg;
	struct err       why;

	p->reach = REACH_DOWN;
	(void) producer_error_unreachable(p->bootstrap, p->reason, &why);
	p->events.state(p->events.arg, false, &why);
}

static void
producer_suspect(struct producer *p)
{
	atomic_store(&p->ear->heard, false);
	if (p->reach != REACH_DOWN && p->suspect.due_ms == 0)
		loop_timer_set(p->loop, &p->suspect, SUSPECT_MS);
}

/*
 * What a broker that accepted us before does not accept may be its own trouble:
 * one that goes down in the middle of a login looks the same.  Whether another
 * one is left, ALL_BROKERS_DOWN tells, as with any trouble of a connection.
 */
static void
producer_refused(struct producer *p, rd_kafka_resp_err_t code, const char *text)
{
	if (!p->was_up)
	{
		producer_break(p, code, text, NULL, 0);
		return;
	}
	snprintf(p->reason, sizeof(p->reason), "%s", text);
	if (code != RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED)
		return;
	if (p->refused_since_ms == 0)
	{
		atomic_store(&p->ear->heard, false); /* only what is heard from now on counts */
		p->refused_since_ms = loop_now_ms();
	}
	else if (loop_now_ms() - p->refused_since_ms > REFUSED_MS)
		producer_break(p, code, text, NULL, 0);
}

/* Of librdkafka's threads: those that read from a connection. */
static _Thread_local bool reads_broker;

static rd_kafka_resp_err_t
on_thread_start(rd_kafka_t *rk, rd_kafka_thread_type_t type, const char *name, void *arg)
{
	(void) rk, (void) name, (void) arg;
	reads_broker = type == RD_KAFKA_THREAD_BROKER;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/*
 * Runs on librdkafka's threads for each response: its events tell when all
 * connections are gone, but not when one is back.  The thread that has read a
 * response tells of it in order with the loss of its connection; the one that
 * waited for it tells of it again, when the connection may long be gone.
 */
static rd_kafka_resp_err_t
on_response(rd_kafka_t *rk, int fd, const char *name, int32_t id, int16_t api_key,
			int16_t api_version, int32_t correlation, size_t size, int64_t rtt,
			rd_kafka_resp_err_t code, void *arg)
{
	struct ear *ear = arg;
	uint64_t    wake = 1;

	(void) rk, (void) fd, (void) name, (void) id, (void) api_version, (void) correlation;
	(void) size, (void) rtt;
	/* Others are answered before the login is accepted. */
	if (!reads_broker || code || (api_key != API_PRODUCE && api_key != API_METADATA))
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	if (!atomic_exchange(&ear->heard, true) && write(ear->wake_fd, &wake, sizeof(wake)) < 0)
		atomic_store(&ear->heard, false); /* the next one tries again */
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *arg, char *text, size_t size)
{
	rd_kafka_resp_err_t code;

	(void) conf, (void) text, (void) size;
	code = rd_kafka_interceptor_add_on_thread_start(rk, "walrelay", on_thread_start, NULL);
	if (code)
		return code;
	return rd_kafka_interceptor_add_on_response_received(rk, "walrelay", on_response, arg);
}

/* --- events -------------------------------------------------------------- */

static uint64_t
message_cost(size_t key_len, size_t value_len)
{
	return key_len + value_len + MESSAGE_OVERHEAD;
}

/* A broker knows the topic, so it has not run out of time for those that it creates. */
static void
topic_seen(struct producer *p, const rd_kafka_topic_t *rkt)
{
	struct sink_topic *top;

	HASH_FIND_PTR(p->unseen, &rkt, top);
	if (top == NULL)
		return;
	HASH_DEL(p->unseen, top);
	top->seen = true;
	p->seen_ms = loop_now_ms();
}

/* --- Kafka transactions ---------------------------------------------------- */

/* Delivered; safe at once, or when its Kafka transaction is committed. */
static void
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

static void
producer_fence(struct sink *sink)
{
	transactor_start(producer_of(sink)->trx, TRANSACTOR_FENCE);
}

static void
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

/* Whether nothing may be sent, whatever room there is. */
static bool
producer_is_shut(const struct producer *p)
{
	return p->trx && (p->phase == PHASE_UNFENCED || p->phase == PHASE_COMMITTING);
}

/* Before a message.  Asks nobody: the brokers learn of the transaction with the message. */
static rd_kafka_resp_err_t
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

/* A call has ended; librdkafka has given its delivery reports out before. */
static void
producer_transacted(struct producer *p)
{
	const char          *text;
	int                  code;
	enum transactor_call call = transactor_ended(p->trx, &code, &text);

	if (call == TRANSACTOR_NONE || p->broken)
		return;
	if (code)
	{
		if (producer_error_is_of_record(code))
			code = RD_KAFKA_RESP_ERR__STATE; /* the message's report says which one */
		producer_break(p, (rd_kafka_resp_err_t) code, text, NULL, 0);
		return;
	}
	p->phase = PHASE_BETWEEN;
	if (call == TRANSACTOR_FENCE)
	{
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
	CRASH_POINT(kafka_commit_counted);
	p->events.committed(p->events.arg);
}

/* --- delivery reports ------------------------------------------------------ */

/* One report is about the messages of one batch, in their order, so of one topic. */
/*
 * Whether the topic is what it was: asked of the first message of a report, because
 * the others are of the same partition.  Nothing of the report is acknowledged if not.
 */
static bool
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

/* The last message of a report: offsets in it rise. */
static void
producer_remember(struct producer *p, const rd_kafka_message_t *message)
{
	const struct partitioner *part = rd_kafka_topic_opaque(message->rkt);

	/* False only where it is the first, too, which was asked about. */
	(void) topic_reached(p->remembered, part->topic, message->partition, message->offset);
}

static void
producer_delivered(struct producer *p, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *message;
	rd_kafka_resp_err_t       code = RD_KAFKA_RESP_ERR_NO_ERROR;
	const rd_kafka_message_t *last = NULL; /* that was delivered; lives as long as the event */
	rd_kafka_topic_t         *rkt = NULL;
	size_t                    largest = 0;
	struct sink_refusal       refusal = {0};
	uint32_t                  item = 0;
	uint32_t                  count = 0;

	CRASH_POINT(report_taken);
	while ((message = rd_kafka_event_message_next(event)) != NULL)
	{
		uint64_t label = (uint64_t) (uintptr_t) message->_private;

		p->cost -= message_cost(message->key_len, message->len);
		p->stats.in_flight--;
		rkt = message->rkt;
		if (message->err)
		{
			code = message->err;
			refusal.label = label;
			refusal.messages++;
			refusal.bytes += message->len + message->key_len;
			if (message->len + message->key_len > largest)
				largest = message->len + message->key_len;
		}
		if (p->broken || code || (last == NULL && !producer_recognizes(p, message)))
			continue;
		last = message;
		if (count > 0 && item != sink_item(label))
		{
			producer_acked(p, item, count);
			count = 0;
		}
		item = sink_item(label);
		count++;
	}
	if (count > 0)
		producer_acked(p, item, count);
	if (last)
		producer_remember(p, last);
	CRASH_POINT(report_counted);
	if (code && !p->definite)
	{
		producer_break(p, code, rd_kafka_err2str(code), rd_kafka_topic_name(rkt), largest);
		if (p->definite && producer_error_is_of_record(code))
			p->refusal = refusal;
	}
	else if (!code && rkt && p->unseen && !p->broken)
		topic_seen(p, rkt);
}

static void
producer_told(struct producer *p, rd_kafka_event_t *event)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	const char         *said = rd_kafka_event_error_string(event);
	char                text[256];

	if (rd_kafka_event_error_is_fatal(event) || code == RD_KAFKA_RESP_ERR__FATAL)
	{
		code = rd_kafka_fatal_error(p->rk, text, sizeof(text));
		producer_break(p, code, text, NULL, 0);
	}
	else if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
			 code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED)
		producer_refused(p, code, said ? said : rd_kafka_err2str(code));
	else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		producer_suspect(p);
	else
		snprintf(p->reason, sizeof(p->reason), "%s", said ? said : rd_kafka_err2str(code));
}

static void
producer_logged(struct producer *p, rd_kafka_event_t *event)
{
	const char *facility;
	const char *text;
	int         level;

	/* Our own choice of an "experimental" property is no news at every start. */
	if (p->events.log && rd_kafka_event_log(event, &facility, &text, &level) == 0 &&
		strstr(text, "enable.gapless.guarantee") == NULL)
		p->events.log(p->events.arg, level, text);
}

static bool
producer_full(const struct producer *p)
{
	return p->cost >= p->max_cost || p->stats.in_flight >= p->max_messages;
}

static bool
producer_has_room(const struct producer *p)
{
	return p->cost <= p->max_cost / 4 * 3 && p->stats.in_flight <= p->max_messages / 4 * 3;
}

static void
on_wake(void *arg, int fd, short revents)
{
	struct producer  *p = arg;
	rd_kafka_event_t *event;
	uint64_t          wakes;
	ssize_t           got = read(fd, &wakes, sizeof(wakes)); /* before the queue is read */

	(void) got;
	(void) revents;
	while ((event = rd_kafka_queue_poll(p->queue, 0)) != NULL)
	{
		switch (rd_kafka_event_type(event))
		{
			case RD_KAFKA_EVENT_DR: producer_delivered(p, event); break;
			case RD_KAFKA_EVENT_ERROR: producer_told(p, event); break;
			case RD_KAFKA_EVENT_LOG: producer_logged(p, event); break;
			default: break;
		}
		rd_kafka_event_destroy(event);
	}
	if (atomic_load(&p->ear->heard))
		producer_seen(p);
	if (p->trx)
		producer_transacted(p);
	if (p->broken)
	{
		if (p->definite && !p->reported)
			producer_report(p);
	}
	else if (p->full && !producer_is_shut(p) && producer_has_room(p))
	{
		p->full = false;
		p->events.writable(p->events.arg);
	}
}

/* --- the sink's functions ------------------------------------------------ */

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

static enum rc
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

/* Messages in flight keep what they need of it. */
static void
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

/* Slower than rd_kafka_produce(), which takes no headers. */
static rd_kafka_resp_err_t
produce_with_headers(struct producer *p, struct sink_topic *topic, const struct outgoing *out,
					 const void *key, const void *value, uint64_t label)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(out->nheaders);
	rd_kafka_resp_err_t code;

	for (unsigned i = 0; i < out->nheaders; i++)
		rd_kafka_header_add(headers, out->headers[i].name, -1, out->headers[i].value.data,
							(ssize_t) out->headers[i].value.len);
	code = rd_kafka_producev(
		p->rk, RD_KAFKA_V_RKT(topic->rkt), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key ? out->key.len : 0),
		RD_KAFKA_V_VALUE((void *) (uintptr_t) value, value ? out->value.len : 0),
		RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE((void *) (uintptr_t) label), RD_KAFKA_V_END);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_headers_destroy(headers); /* else they are the message's now */
	return code;
}

static enum rc
producer_send(struct sink *sink, struct sink_topic *topic, const struct outgoing *out,
			  uint64_t label, struct err *e)
{
	struct producer    *p = producer_of(sink);
	const void         *key = out->has_key ? out->key.data : NULL;
	const void         *value = out->has_value ? out->value.data : NULL;
	size_t              key_len = key ? out->key.len : 0;
	size_t              value_len = value ? out->value.len : 0;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	/* Broken: failed() has been called or will be in a moment. */
	if (p->broken || producer_is_shut(p) || producer_full(p))
	{
		p->full = true;
		return RC_AGAIN;
	}
	CRASH_POINT(produce_before);
	code = producer_begin(p);
	if (code)
		;
	else if (out->nheaders > 0)
		code = produce_with_headers(p, topic, out, key, value, label);
	else if (rd_kafka_produce(topic->rkt, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
							  (void *) (uintptr_t) value, value_len, key, key_len,
							  (void *) (uintptr_t) label) != 0)
		code = rd_kafka_last_error();

	switch (code)
	{
		case RD_KAFKA_RESP_ERR_NO_ERROR:
			p->stats.messages++;
			p->stats.in_flight++;
			p->stats.bytes += key_len + value_len;
			p->cost += message_cost(key_len, value_len);
			CRASH_POINT(produce_after);
			return RC_OK;
		case RD_KAFKA_RESP_ERR__QUEUE_FULL: /* [kafka] has a lower limit than ours */
			if (p->stats.in_flight == 0 && key_len + value_len > p->max_kbytes * 1024)
				return producer_error_queue(topic->name, key_len + value_len, p->max_kbytes, e);
			p->full = true;
			return RC_AGAIN;
		case RD_KAFKA_RESP_ERR__STATE: /* its Kafka transaction has failed: the report is, too */
			producer_break(p, code, rd_kafka_err2str(code), topic->name, 0);
			p->full = true;
			return RC_AGAIN;
		case RD_KAFKA_RESP_ERR__FATAL: /* its event is on the way */
			p->full = true;
			return RC_AGAIN;
		default:
			return producer_trouble(p, code, rd_kafka_err2str(code), topic->name,
									key_len + value_len, e);
	}
}

/* librdkafka sends by itself, linger.ms after the first message of a batch. */
static void
producer_flush(struct sink *sink)
{
	(void) sink;
}

static void
producer_stats(const struct sink *sink, struct sink_stats *stats)
{
	*stats = ((const struct producer *) sink)->stats;
}

/* What is left of a producer, for the thread that destroys it. */
struct remains
{
	rd_kafka_t         *rk;
	struct transactor  *trx; /* or NULL */
	struct partitioner *partitioners;
};

static void *
destroy_main(void *arg)
{
	struct remains     *remains = arg;
	struct partitioner *part;
	struct partitioner *next;

	transactor_free(remains->trx);
	rd_kafka_destroy(remains->rk);
	HASH_ITER(hh, remains->partitioners, part, next)
	{
		HASH_DEL(remains->partitioners, part);
		free(part);
	}
	free(remains);
	return NULL;
}

/*
 * Destroying waits for librdkafka's threads, and one of those may sit in a name
 * look-up for many seconds: then it is left to end on its own, with its ear.
 */
static void
destroy_in_time(const struct remains *what, struct ear *ear)
{
	struct remains *remains = xcalloc(1, sizeof(*remains));
	struct timespec deadline;
	pthread_t       thread;

	*remains = *what;
	if (pthread_create(&thread, NULL, destroy_main, remains) != 0)
		abort(); /* like memory that cannot be had */
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_nsec += DESTROY_WAIT_NS;
	deadline.tv_sec += deadline.tv_nsec / NS_PER_S;
	deadline.tv_nsec %= NS_PER_S;
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &deadline) != 0)
	{
		pthread_detach(thread);
		return;
	}
	close(ear->wake_fd);
	free(ear);
}

static void
producer_free(struct sink *sink)
{
	struct producer *p = producer_of(sink);
	struct remains   remains = {.rk = p->rk, .trx = p->trx, .partitioners = p->partitioners};

	loop_timer_clear(p->loop, &p->suspect);
	loop_timer_clear(p->loop, &p->cause);
	loop_forget(p->loop, p->ear->wake_fd);
	while (p->topics)
		producer_topic_free(sink, p->topics);
	rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(p->queue);
	rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
							  RD_KAFKA_PURGE_F_NON_BLOCKING);
	destroy_in_time(&remains, p->ear);
	free(p->held);
	free(p->partitioner);
	free(p->bootstrap);
	free(p);
}

static const struct sink_ops producer_ops = {
	.topic = producer_topic,
	.topic_free = producer_topic_free,
	.send = producer_send,
	.fence = producer_fence,
	.commit = producer_commit,
	.flush = producer_flush,
	.stats = producer_stats,
	.free = producer_free,
};

/* What the user's and our own properties come to, as far as the sink has to know it. */
static void
producer_learn_conf(struct producer *p, const rd_kafka_conf_t *conf)
{
	char servers[512];
	char kbytes[32];
	char wait_ms[32];
	char partitioner[32];

	kafka_conf_read(conf, "bootstrap.servers", servers, sizeof(servers));
	p->bootstrap = xstrdup(servers);
	kafka_conf_read(conf, "queue.buffering.max.kbytes", kbytes, sizeof(kbytes));
	p->max_kbytes = strtoull(kbytes, NULL, 10);
	kafka_conf_read(conf, "partitioner", partitioner, sizeof(partitioner));
	p->partitioner = xstrdup(partitioner);
	kafka_conf_read(conf, "topic.metadata.propagation.max.ms", wait_ms, sizeof(wait_ms));
	p->topic_wait_ms = strtoll(wait_ms, NULL, 10);
}

enum rc
sink_kafka_new(struct loop *loop, const struct config *cfg, struct topics *topics,
			   const struct sink_events *events, struct sink **sink, struct err *e)
{
	static const uint64_t wake = 1;
	rd_kafka_conf_t      *conf;
	struct producer      *p;
	char                  text[512];

	if (kafka_conf_producer(cfg, &conf, e) != RC_OK)
		return RC_ERR;
	if (events->batch_bytes)
		kafka_conf_limit_batch(conf, events->batch_bytes);
	p = xcalloc(1, sizeof(*p));
	producer_learn_conf(p, conf);
	p->ear = xcalloc(1, sizeof(*p->ear));
	/* Set from the start: only a queue that was empty wakes us, and it may not be. */
	p->ear->wake_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->ear->wake_fd < 0)
		abort(); /* no descriptors left: nothing would work */
	rd_kafka_conf_interceptor_add_on_new(conf, "walrelay", on_new, p->ear);
	p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (p->rk == NULL)
	{
		rd_kafka_conf_destroy(conf);
		close(p->ear->wake_fd);
		free(p->ear);
		free(p->partitioner);
		free(p->bootstrap);
		free(p);
		return producer_error_settings(text, e);
	}
	p->sink.ops = &producer_ops;
	p->loop = loop;
	p->events = *events;
	p->remembered = topics;
	p->max_cost = cfg->relay.max_bytes ? cfg->relay.max_bytes : 1;
	p->max_messages = cfg->relay.max_in_flight ? cfg->relay.max_in_flight : 1;
	p->suspect = (struct loop_timer){.cb = on_suspect, .arg = p};
	p->cause = (struct loop_timer){.cb = on_cause_late, .arg = p};
	rd_kafka_set_log_queue(p->rk, NULL);
	p->queue = rd_kafka_queue_get_main(p->rk);
	rd_kafka_queue_io_event_enable(p->queue, p->ear->wake_fd, &wake, sizeof(wake));
	if (cfg->kafka.exactly_once)
		p->trx = transactor_new(p->rk, p->ear->wake_fd);
	loop_watch(loop, p->ear->wake_fd, POLLIN, on_wake, p);
	*sink = &p->sink;
	return RC_OK;
}

const char *
producer_version(void)
{
	return rd_kafka_version_str();
}

const char *
producer_version_warning(void)
{
	static char text[256];

	if (rd_kafka_version() >= GOOD_VERSION)
		return NULL;
	snprintf(text, sizeof(text),
			 "librdkafka %s may fail after a mere disconnect of a broker, and then has to begin "
			 "again at the last confirmed position, which repeats changes; use librdkafka 2.5.3 "
			 "or newer",
			 rd_kafka_version_str());
	return text;
}
