/*
 * topic_admin.h
 *		Asks the brokers to make topics of ours, or what topics and brokers are like.
 *
 * Blocks for up to the time given: for commands, and for threads other than the loop's; but for
 * topic_admin_ask(), whose answer is an event.  Called by topic_reader.c, brokers.c, topic_plan.c
 * and producer_topic.c.
 */
#ifndef RELAY_TOPIC_ADMIN_H
#define RELAY_TOPIC_ADMIN_H

#include <stddef.h>

#include "topic_wish.h"

/* As in rdkafka.h. */
typedef struct rd_kafka_s       rd_kafka_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_op_s    rd_kafka_event_t;

/* A topic that is to be made as topic_wish() has it. */
struct topic_order
{
	enum topic_use use;
	const char    *name;       /* borrowed */
	int32_t        partitions; /* where nothing is wished; 0: the brokers' default */
	int32_t        replicas;   /* 0: the brokers' default */
	uint64_t       bytes;      /* max.message.bytes; 0: the brokers' default */
};

/* Order number number is done; why: it is not made; NULL: it is, or was there before: existed. */
typedef void topic_made_fn(void *arg, size_t number, bool existed, const struct err *why);

/*
 * All of them, many at a time; tries: the brokers only say what they would do.  made is called
 * once for each.  Errors are E2004, E2010 of the progress topic, E2015 of others; ERR_TRANSIENT
 * if asking again may help.
 */
void topic_admin_create(rd_kafka_t *rk, const struct topic_order *orders, size_t count, bool tries,
						int timeout_ms, topic_made_fn *made, void *arg);

/*
 * One of them, without waiting.  The answer, or that none has come in time, is an event in queue
 * with this opaque, RD_KAFKA_EVENT_CREATETOPICS_RESULT, for topic_admin_answer().  False: there can
 * be no such topic, and nothing comes.
 */
bool topic_admin_ask(rd_kafka_t *rk, const struct topic_order *order, int timeout_ms,
					 rd_kafka_queue_t *queue, void *opaque);
/* made is called once, as above; the event stays the caller's. */
void topic_admin_answer(rd_kafka_t *rk, const struct topic_order *order, rd_kafka_event_t *event,
						topic_made_fn *made, void *arg);

/* A setting of the topic, or broker, with that name. */
typedef void admin_setting_fn(void *arg, const char *of, const char *name, const char *value);

/* Calls take for each setting of each topic that the brokers let us know. */
void topic_admin_settings(rd_kafka_t *rk, const char *const *topics, size_t count, int timeout_ms,
						  admin_setting_fn *take, void *arg);
/* The same of a broker. */
void topic_admin_broker(rd_kafka_t *rk, int32_t id, int timeout_ms, admin_setting_fn *take,
						void *arg);

#endif /* RELAY_TOPIC_ADMIN_H */
