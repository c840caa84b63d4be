/*
 * partitioner.c
 *		librdkafka's partitioners with a count that stays; see partitioner.h.
 *
 * Called back on whatever thread finds the topic's partitions out.
 */
#include "partitioner.h"

#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "buf.h"

typedef int32_t partition_function(const rd_kafka_topic_t *rkt, const void *key, size_t key_len,
								   int32_t npartitions, void *rkt_opaque, void *msg_opaque);

static const struct
{
	const char         *name;
	partition_function *function;
} kinds[] = {
	{"murmur2_random", rd_kafka_msg_partitioner_murmur2_random}, /* ours, and Java's */
	{"murmur2", rd_kafka_msg_partitioner_murmur2},
	{"consistent_random", rd_kafka_msg_partitioner_consistent_random},
	{"consistent", rd_kafka_msg_partitioner_consistent},
	{"fnv1a_random", rd_kafka_msg_partitioner_fnv1a_random},
	{"fnv1a", rd_kafka_msg_partitioner_fnv1a},
	{"random", rd_kafka_msg_partitioner_random},
};

struct partitioner *
partitioner_new(const char *name, struct topic *topic)
{
	struct partitioner *part = xcalloc(1, sizeof(*part));

	part->topic = topic;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			part->kind = (int) i;
	atomic_store(&part->npartitions, topic->npartitions);
	return part;
}

static int32_t
on_partition(const rd_kafka_topic_t *rkt, const void *key, size_t key_len, int32_t npartitions,
			 void *rkt_opaque, void *msg_opaque)
{
	struct partitioner *part = rkt_opaque;
	int32_t             count = atomic_load_explicit(&part->npartitions, memory_order_relaxed);

	if (count == 0)
	{
		int32_t unknown = 0;

		/* Another thread may have been faster. */
		count = atomic_compare_exchange_strong(&part->npartitions, &unknown, npartitions)
					? npartitions
					: unknown;
	}
	if (atomic_load_explicit(&part->found, memory_order_relaxed) != npartitions)
		atomic_store(&part->found, npartitions);
	/* With fewer partitions the report will not be taken for an acknowledgement. */
	return kinds[part->kind].function(rkt, key, key_len, npartitions < count ? npartitions : count,
									  rkt_opaque, msg_opaque);
}

void
partitioner_use(struct partitioner *part, rd_kafka_topic_conf_t *conf)
{
	rd_kafka_topic_conf_set_partitioner_cb(conf, on_partition);
	rd_kafka_topic_conf_set_opaque(conf, part);
}
