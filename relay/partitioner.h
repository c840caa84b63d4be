/*
 * partitioner.h
 *		Which partition a message goes to: by its key, among as many partitions as
 *		the topic had when the first one was sent.
 *
 * A topic that gets more partitions while we produce would send a key's next
 * change to another one, past those that are still to be read there.  Called by
 * producer_topic.c.
 */
#ifndef RELAY_PARTITIONER_H
#define RELAY_PARTITIONER_H

#include <stdatomic.h>
#include <stdint.h>

#include <uthash.h>

#include "table_counts.h"
#include "topics.h"

typedef struct rd_kafka_topic_conf_s rd_kafka_topic_conf_t; /* as in rdkafka.h */

/* One topic's; must outlive every message that was sent to it. */
struct partitioner
{
	struct topic   *topic;       /* the loop's; borrowed */
	int             kind;        /* which of librdkafka's functions */
	_Atomic int32_t npartitions; /* that count; 0: not known yet */
	_Atomic int32_t found;       /* what the topic has now; 0: not known yet */
	struct topic_count *count;   /* where its messages count; NULL: nowhere */
	uint32_t        held;        /* of these, messages in the open Kafka transaction */
	struct partitioner *next;    /* in the producer's held_topics, while held > 0 */
	UT_hash_handle  hh;          /* the producer's, by topic */
};

/* name: librdkafka's property partitioner. */
struct partitioner *partitioner_new(const char *name, struct topic *topic);

/* Topics of this configuration use it; it is their opaque. */
void partitioner_use(struct partitioner *part, rd_kafka_topic_conf_t *conf);

#endif /* RELAY_PARTITIONER_H */
