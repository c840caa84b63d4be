/*
 * topic_wish.h
 *		Pure: what each of our topics is made with, and what it must not be like.
 *
 * The one place that knows.  What is not said here is as the brokers have it by default.  A relay
 * makes what is its own before the first record (sink.h: make), the progress topic before it reads
 * it; tables' topics, and that of signals, which it only reads, are left to others.  Called by
 * topic_admin.c, which makes topics, topic_plan.c and topic_reader.c, which compare.
 */
#ifndef RELAY_TOPIC_WISH_H
#define RELAY_TOPIC_WISH_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"

/* What a topic is for. */
enum topic_use
{
	USE_TABLE,
	USE_TABLE_WITHOUT_KEY,
	USE_PROGRESS,
	USE_TRANSACTIONS,
	USE_SCHEMA_CHANGES,
	USE_MESSAGES,
	USE_DEAD_LETTERS,
	USE_SIGNALS
};

/* What is sent, by the settings: bytes before compression.  kafka_conf_sizes() tells them. */
struct topic_sizes
{
	uint64_t      batch;    /* of several records */
	uint64_t      record;   /* the largest that is let through; 0: the settings say nothing of it */
	enum on_error on_error; /* what becomes of one that the brokers refuse */
};

/*
 * The max.message.bytes that a topic needs, so that what is sent there is not refused; 0: any
 * will do.
 */
uint64_t topic_bytes(enum topic_use use, const struct topic_sizes *sizes);

#define FACT_MAX 24
#define WISH_SETTINGS_MAX 4

struct topic_setting
{
	const char *name; /* as Kafka has it; NULL: there are no more */
	char        value[FACT_MAX];
};

struct topic_wish
{
	const char          *about;      /* for people */
	int32_t              partitions; /* 0: as many as the brokers give it; else not more */
	struct topic_setting settings[WISH_SETTINGS_MAX + 1]; /* it is made with these */
};

/* bytes: its max.message.bytes; 0: what brokers give it. */
void topic_wish(enum topic_use use, uint64_t bytes, struct topic_wish *wish);

/* The settings of a topic that matter here. */
enum topic_fact
{
	FACT_POLICY,
	FACT_SEGMENT_BYTES,
	FACT_COMPRESSION,
	FACT_RETENTION_MS,
	FACT_RETENTION_BYTES,
	FACT_MESSAGE_BYTES,
	NTOPIC_FACTS
};

/* What a topic is like. */
struct topic_facts
{
	int32_t partitions; /* 0: it is not there */
	int32_t replicas;   /* of the partition that has the fewest */
	char    settings[NTOPIC_FACTS][FACT_MAX]; /* "": the brokers do not let us know */
};

/* Kafka's name of it. */
const char *topic_fact_name(enum topic_fact fact);
/* Takes a setting that a broker has told; one that does not matter is passed over. */
void topic_fact_take(struct topic_facts *facts, const char *name, const char *value);
/* "" if it is not known, or none of them. */
const char *topic_fact(const struct topic_facts *facts, const char *name);

/* One way in which a topic is not as it has to be. */
struct topic_difference
{
	const char *setting; /* or "partitions" */
	char        found[FACT_MAX];
	char        wanted[FACT_MAX];
	bool        stops; /* a relay could not work with it; else it is bad in the long run */
};

#define DIFFERENCES_MAX 4

/* How many there are; what stops a relay comes first. */
unsigned topic_differences(enum topic_use use, const struct topic_sizes *sizes,
						   const struct topic_facts *facts,
						   struct topic_difference differences[DIFFERENCES_MAX]);

/*
 * RC_ERR: what that means, and the command that mends it.  E2006, E2010, E2016.  table: whose
 * topic it is, or NULL.
 */
enum rc topic_difference_error(enum topic_use use, const char *topic, const char *table,
							   const struct topic_difference *difference,
							   const struct topic_sizes *sizes, const char *bootstrap,
							   struct err *e);

/* Appends the command that mends a setting, which is not "partitions". */
void topic_difference_command(const char *topic, const struct topic_difference *difference,
							  const char *bootstrap, struct buf *out);

/*
 * Appends the command that makes such a topic.  partitions: 0 for as many as the brokers give
 * it, where nothing else is wished; bytes: as topic_wish().
 */
void topic_wish_command(enum topic_use use, const char *topic, int32_t partitions,
						uint64_t bytes, const char *bootstrap, struct buf *out);

#endif /* RELAY_TOPIC_WISH_H */
