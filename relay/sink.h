/*
 * sink.h
 *		Where messages go: Kafka, or JSON lines on stdout or in a file.
 *
 * A sink takes messages in order, and says of each item (a ticket that the
 * caller chose; several messages may share one) that one message more is safe.
 * It never drops a message: what it has taken it acknowledges or reports.
 *
 * A message is sent under a label: its item, and its number in that item, which only
 * a refusal tells back.
 */
#ifndef RELAY_SINK_H
#define RELAY_SINK_H

#include "config.h"
#include "encode.h"
#include "loop.h"
#include "schema.h"
#include "table_counts.h"
#include "topic_wish.h"
#include "topics.h"

/* A topic as a sink knows it; made once per relation version, not per row. */
struct sink_topic;

static inline uint64_t
sink_label(uint64_t item, uint64_t number)
{
	return (item & UINT32_MAX) | number << 32;
}

/* The low half of the item that was given. */
static inline uint32_t
sink_item(uint64_t label)
{
	return (uint32_t) label;
}

static inline uint32_t
sink_number(uint64_t label)
{
	return (uint32_t) (label >> 32);
}

/* Messages that the brokers will never take as they are. */
struct sink_refusal
{
	uint64_t label;    /* of the message, if it is one */
	uint32_t messages; /* that were refused together: one of them, or only all together */
	uint64_t bytes;    /* of all, before compression */
};

/* Called from the loop or from flush(), never from within send(). */
struct sink_events
{
	/* count more messages of item are safe. */
	void (*acked)(void *arg, uint32_t item, uint32_t count);
	/* Why failed() is called next; NULL: nobody listens. */
	void (*refused)(void *arg, const struct sink_refusal *refusal, const struct err *e);
	/* The sink cannot go on: nothing taken and not acked may be confirmed. */
	void (*failed)(void *arg, const struct err *e);
	/* fence() is done; send() may begin. */
	void (*ready)(void *arg);
	/* commit() is done; acked() was called before for all that was sent before it. */
	void (*committed)(void *arg);
	/* A sink that answered RC_AGAIN has room again. */
	void (*writable)(void *arg);
	/* State for operators: reachable or not; called when it changes. */
	void (*state)(void *arg, bool up, const struct err *why);
	/* fence() or commit() has no answer although brokers can be reached; why NULL: now it has.
	 * NULL: nobody listens. */
	void (*stuck)(void *arg, const struct err *why);
	/* So many messages were not delivered; reason: the client library's name of it.  NULL: nobody
	 * listens. */
	void (*undelivered)(void *arg, const char *reason, uint32_t count);
	/* The client library's statistics, JSON, not terminated; NULL: nobody listens. */
	void (*statistics)(void *arg, const char *json, size_t len);
	/* What the client library says, with a syslog level; NULL: nobody listens. */
	void (*log)(void *arg, int level, const char *text);
	void *arg;
	/* To the sink: send no more than so many bytes together, unless it is one message; 0: as set. */
	uint32_t batch_bytes;
};

struct sink_stats
{
	uint64_t messages;	  /* taken */
	uint64_t bytes;		  /* taken: keys and values */
	uint64_t acked;		  /* messages that are safe */
	uint64_t in_flight;	  /* taken and neither safe nor failed */
};

struct sink;

/* One implementation of each function for each kind of sink. */
struct sink_ops
{
	/*
	 * Before topic(), for a topic that is ours: makes it as topic_wish() has it, unless it is there.
	 * RC_OK: go on, also if the brokers do not let us: they may make it by themselves; RC_AGAIN: they
	 * have not answered, writable() follows; RC_ERR E2015: they could not now.  NULL: nothing is made.
	 */
	enum rc (*make)(struct sink *sink, const char *name, enum topic_use use, struct err *e);
	/* avro: parsed schemas for sinks that print; either may be NULL. */
	enum rc (*topic)(struct sink *sink, const char *name, struct avro *key, struct avro *value,
					 struct sink_topic **topic, struct err *e);
	void (*topic_free)(struct sink *sink, struct sink_topic *topic);
	/* From now on the topic's messages count there, too, which outlives the sink. */
	void (*count)(struct sink *sink, struct sink_topic *topic, struct topic_count *count);
	/*
	 * RC_OK: taken, the bytes were copied; RC_AGAIN: full, nothing was taken;
	 * RC_ERR: this message can never be taken (too large, say).
	 */
	enum rc (*send)(struct sink *sink, struct sink_topic *topic, const struct outgoing *out,
					uint64_t label, struct err *e);
	/*
	 * delivery=exactly-once only, before the first send(): nobody else produces under
	 * our name once ready() is called, and what they left open is undone.
	 */
	void (*fence)(struct sink *sink);
	/*
	 * delivery=exactly-once only: what was sent since the last one becomes visible
	 * together, or, after failed(), never.  send() answers RC_AGAIN until committed().
	 */
	void (*commit)(struct sink *sink);
	/* The caller is about to wait: push out what is buffered, do not wait. */
	void (*flush)(struct sink *sink);
	void (*stats)(const struct sink *sink, struct sink_stats *stats);
	/*
	 * Messages in flight are not acked any more: they are purged, or, of an open Kafka
	 * transaction, waited for and aborted with it (sink_kafka_settle()).
	 */
	void (*free)(struct sink *sink);
};

struct sink
{
	const struct sink_ops *ops;
};

/* The first two of these functions. */
static inline enum rc MUST_CHECK
sink_open_own(struct sink *sink, const char *name, enum topic_use use, struct avro *key,
			  struct avro *value, struct sink_topic **topic, struct err *e)
{
	enum rc rc = sink->ops->make ? sink->ops->make(sink, name, use, e) : RC_OK;

	return rc == RC_OK ? sink->ops->topic(sink, name, key, value, topic, e) : rc;
}

/*
 * Kafka transactions that were open when their sinks were freed are aborted: waits for
 * that, 5 seconds at most.  False: brokers could not be asked, or did not answer.
 */
bool sink_kafka_settle(void);
/* Threads of freed sinks still run within librdkafka: exit handlers must not. */
bool sink_kafka_is_left_behind(void);

/* prefix_len: bytes to skip before the Avro of keys and values (5, 10). */
/* topics: what they were like before and, from now on, are; borrowed. */
enum rc sink_kafka_new(struct loop *loop, const struct config *cfg, struct topics *topics,
					   const struct sink_events *events, struct sink **sink, struct err *e)
	MUST_CHECK;
enum rc sink_json_new(struct loop *loop, const struct config *cfg, size_t prefix_len,
					  const struct sink_events *events, struct sink **sink, struct err *e)
	MUST_CHECK;

#endif /* RELAY_SINK_H */
