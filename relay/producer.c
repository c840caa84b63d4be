/*
 * producer.c
 *		The Kafka sink: librdkafka on the loop; see sink.h.
 *
 * librdkafka's threads batch, compress and send; everything they have to say
 * comes as events on one queue, which writes to an eventfd of the loop.
 * Nothing is acknowledged after the first failure: whoever made the sink frees
 * it and begins again at the last confirmed position, so that a gap never has
 * newer messages behind it.
 */
#include "producer.h"
#include "producer_parts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "descriptors.h"
#include "kafka_conf.h"

_Static_assert(sizeof(void *) >= sizeof(uint64_t), "a label must fit into a message's opaque");

/* What librdkafka's message struct and malloc add to each message; 182 were measured. */
#define MESSAGE_OVERHEAD 192
/* A fatal error comes ahead of the report that has its cause. */
#define CAUSE_WAIT_MS 500
/* Before 2.5.3 a mere disconnect could end the idempotent producer (its CHANGELOG). */
#define GOOD_VERSION 0x020503ff

/* --- failures ------------------------------------------------------------ */

/* What an error code about a topic ("": none) means to the relay. */
static enum rc
producer_trouble(const struct producer *p, rd_kafka_resp_err_t code, const char *text,
				 const char *topic, size_t bytes, struct err *e)
{
	struct producer_trouble trouble = {.code = code,
									   .text = text,
									   .topic = topic,
									   .bytes = bytes,
									   .waited = producer_topic_waited(p, topic),
									   .who = &p->who};
	const struct err       *unmade = producer_unmade(p, topic);

	(void) producer_error(&trouble, e);
	if (e->code == E2002 && trouble.waited && unmade)
		*e = *unmade; /* it says why there is none, and what it has to be like */
	return RC_ERR;
}

void
producer_break(struct producer *p, rd_kafka_resp_err_t code, const char *text, const char *topic,
			   size_t bytes)
{
	bool cause = !producer_error_is_consequence(code);

	if (p->definite || (p->broken && !cause))
		return;
	(void) producer_trouble(p, code, text, topic ? topic : "", bytes, &p->why);
	p->broken = true;
	p->definite = cause;
	if (cause)
		return;
	loop_timer_set(p->loop, &p->cause, CAUSE_WAIT_MS);
	producer_seek_cause(p);
}

void
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

/* --- delivery reports ------------------------------------------------------ */

static uint64_t
message_cost(size_t key_len, size_t value_len)
{
	return key_len + value_len + MESSAGE_OVERHEAD;
}

/* One report is about the messages of one batch, in their order, so of one topic. */
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
	uint32_t                  delivered = 0;

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
		delivered++;
	}
	if (count > 0)
		producer_acked(p, item, count);
	if (last)
	{
		producer_remember(p, last);
		producer_count(p, last->rkt, delivered);
	}
	if (refusal.messages > 0 && p->events.undelivered)
		p->events.undelivered(p->events.arg, rd_kafka_err2name(code), refusal.messages);
	CRASH_POINT(report_counted);
	if (code && !p->definite)
	{
		producer_break(p, code, rd_kafka_err2str(code), rd_kafka_topic_name(rkt), largest);
		if (p->definite && producer_error_is_of_record(code))
			p->refusal = refusal;
	}
	else if (!code && rkt && p->unseen && !p->broken)
		producer_topic_seen(p, rkt);
}

/* --- events -------------------------------------------------------------- */

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

	if (rd_kafka_event_log(event, &facility, &text, &level) != 0)
		return;
	if (strcmp(facility, PRODUCER_LOG_FAIL) == 0)
		snprintf(p->reason, sizeof(p->reason), "%s", producer_error_of_log(text));
	/* Our own choice of an "experimental" property is no news at every start. */
	if (p->events.log && strstr(text, "enable.gapless.guarantee") == NULL)
		p->events.log(p->events.arg, level, text);
}

static void
producer_measured(struct producer *p, rd_kafka_event_t *event)
{
	const char *json = rd_kafka_event_stats(event);

	if (p->events.statistics)
		p->events.statistics(p->events.arg, json, strlen(json));
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
			case RD_KAFKA_EVENT_STATS: producer_measured(p, event); break;
			case RD_KAFKA_EVENT_CREATETOPICS_RESULT: producer_made(p, event); break;
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
			if (topic->count)
			{
				topic->count->messages++;
				topic->count->bytes += key_len + value_len;
			}
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
			if (p->events.undelivered)
				p->events.undelivered(p->events.arg, rd_kafka_err2name(code), 1);
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

static void
producer_free(struct sink *sink)
{
	struct producer *p = producer_of(sink);
	struct remains   remains = {.rk = p->rk,
								.queue = p->queue,
								.ear = p->ear,
								.trx = p->trx,
								.is_open = p->phase == PHASE_OPEN ||
										   (p->phase == PHASE_COMMITTING && p->broken),
								.partitioners = p->partitioners};

	loop_timer_clear(p->loop, &p->suspect);
	loop_timer_clear(p->loop, &p->cause);
	loop_forget(p->loop, p->ear->wake_fd);
	while (p->topics)
		producer_topic_free(sink, p->topics);
	producer_makings_free(p);
	rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
	producer_destroy(&remains);
	free(p->held);
	free(p->partitioner);
	free(p);
}

static const struct sink_ops producer_ops = {
	.make = producer_make,
	.topic = producer_topic,
	.topic_free = producer_topic_free,
	.count = producer_topic_count,
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
	char kbytes[32];
	char wait_ms[32];
	char partitioner[32];

	kafka_conf_identity(conf, &p->who);
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
	int                   wake_fd;

	if (kafka_conf_producer(cfg, &conf, e) != RC_OK)
		return RC_ERR;
	/* Set from the start: only a queue that was empty wakes us, and it may not be. */
	wake_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake_fd < 0)
	{
		rd_kafka_conf_destroy(conf);
		return descriptors_missing("a Kafka producer cannot be made", e);
	}
	if (events->batch_bytes)
		kafka_conf_limit_batch(conf, events->batch_bytes);
	p = xcalloc(1, sizeof(*p));
	producer_learn_conf(p, conf);
	p->ear = xcalloc(1, sizeof(*p->ear));
	p->ear->wake_fd = wake_fd;
	producer_listen(p, conf);
	p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (p->rk == NULL)
	{
		rd_kafka_conf_destroy(conf);
		close(p->ear->wake_fd);
		free(p->ear);
		free(p->partitioner);
			free(p);
		return producer_error_settings(text, e);
	}
	p->sink.ops = &producer_ops;
	p->loop = loop;
	p->events = *events;
	p->remembered = topics;
	kafka_conf_sizes(cfg, &p->sizes);
	p->max_cost = cfg->relay.max_bytes ? cfg->relay.max_bytes : 1;
	p->max_messages = cfg->relay.max_in_flight ? cfg->relay.max_in_flight : 1;
	p->suspect = (struct loop_timer){.cb = producer_on_suspect, .arg = p};
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
