/*
 * kafka_conf.h
 *		librdkafka's settings: the product's own and those of [kafka].
 *
 * The one place that says what a producer and a consumer of ours is like, and
 * what [kafka] may not change.  Called by config.c while it reads, by
 * producer.c, topic_reader.c and signal_topic.c when they make their clients.
 */
#ifndef RELAY_KAFKA_CONF_H
#define RELAY_KAFKA_CONF_H

#include "config.h"
#include "err.h"
#include "topic_wish.h"

/* As in rdkafka.h, for callers that do not include it. */
typedef struct rd_kafka_conf_s rd_kafka_conf_t;

/*
 * Whether a property may be set to value in [kafka].  Pure.  RC_ERR E1001: no
 * such property; E1002: not a value of it; E1005: what walrelay promises would
 * no longer hold, and why.
 */
enum rc kafka_conf_check(const char *name, const char *value, struct err *e) MUST_CHECK;

/* Both give settings that are the caller's, until rd_kafka_new() takes them. */

/* For the sink.  RC_ERR: as kafka_conf_check(). */
enum rc kafka_conf_producer(const struct config *cfg, rd_kafka_conf_t **conf,
							struct err *e) MUST_CHECK;

/* Batches of a producer have at most so many bytes, unless one message has more. */
void kafka_conf_limit_batch(rd_kafka_conf_t *conf, uint32_t bytes);

/* How long brokers let a Kafka transaction be open: transaction.timeout.ms. */
int64_t kafka_conf_transaction_ms(const struct config *cfg);

/* What a producer sends, as far as the settings bound it; zeros if no producer is made of them. */
void kafka_conf_sizes(const struct config *cfg, struct topic_sizes *sizes);

/* Which records there are for a consumer. */
enum isolation
{
	READ_UNCOMMITTED, /* all, also of transactions that are open or were aborted */
	READ_COMMITTED,   /* up to the first transaction that is open, without what was aborted */
};

/* For reading a topic to its end.  Cannot fail: what is no property of a consumer is passed over. */
rd_kafka_conf_t *kafka_conf_consumer(const struct config *cfg, enum isolation isolation);

/*
 * Of such a consumer that stays: brokers may think for half a second, little is kept in
 * memory, and an offset that a partition does not have (any more) is an error.
 */
void kafka_conf_stay(rd_kafka_conf_t *conf);

/* What errors name of a client of ours; each cut off, "": there is none. */
struct kafka_identity
{
	char bootstrap[512]; /* bootstrap.servers */
	char user[128];      /* sasl.username */
	char transactional_id[256];
};

void kafka_conf_identity(const rd_kafka_conf_t *conf, struct kafka_identity *who);

/* The value of a property as librdkafka understood it, cut off to size; "": it has none. */
void kafka_conf_read(const rd_kafka_conf_t *conf, const char *name, char *value, size_t size);

#endif /* RELAY_KAFKA_CONF_H */
