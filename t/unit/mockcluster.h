/*
 * mockcluster.h
 *		librdkafka's mock cluster with one broker, a producer into it, and a
 *		configuration that leads there, for tests of what reads topics.
 */
#ifndef T_UNIT_MOCKCLUSTER_H
#define T_UNIT_MOCKCLUSTER_H

#include "unit.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "config.h"
#include "waitloop.h"

struct mockcluster
{
	rd_kafka_t              *host;
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t              *writer;
	struct property          property; /* bootstrap.servers */
};

/* servers NULL: none yet, for the host of a mock cluster. */
static inline rd_kafka_t *
mockcluster_client(const char *servers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char             text[256];
	rd_kafka_t      *rk;

	if (servers)
		rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof(text));
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	assert_non_null(rk);
	return rk;
}

static inline void
mockcluster_start(struct mockcluster *mock, struct config *cfg)
{
	const char *servers;

	mock->host = mockcluster_client(NULL);
	mock->cluster = rd_kafka_mock_cluster_new(mock->host, 1);
	assert_non_null(mock->cluster);
	servers = rd_kafka_mock_cluster_bootstraps(mock->cluster);
	mock->writer = mockcluster_client(servers);
	mock->property.name = (char *) "bootstrap.servers";
	mock->property.value = xstrdup(servers);
	cfg->kafka.properties = &mock->property;
	cfg->kafka.nproperties = 1;
}

/* After whatever reads from it has been freed. */
static inline void
mockcluster_stop(struct mockcluster *mock)
{
	rd_kafka_destroy(mock->writer);
	rd_kafka_mock_cluster_destroy(mock->cluster);
	rd_kafka_destroy(mock->host);
	free(mock->property.value);
}

/* A record on its way; data NULL: a null key, or a tombstone. */
static inline void
mockcluster_produce(struct mockcluster *mock, const char *topic, int32_t partition, struct str key,
					struct str value)
{
	assert_int_equal(rd_kafka_producev(mock->writer, RD_KAFKA_V_TOPIC(topic),
									   RD_KAFKA_V_PARTITION(partition),
									   RD_KAFKA_V_KEY(key.data, key.len),
									   RD_KAFKA_V_VALUE((void *) (uintptr_t) value.data, value.len),
									   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Until they are there. */
static inline void
mockcluster_flush(struct mockcluster *mock)
{
	assert_int_equal(rd_kafka_flush(mock->writer, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* A topic that may not be read.  Some versions of the library cannot be asked for it. */
static inline void
mockcluster_deny(struct mockcluster *mock, const char *topic)
{
	/* The mock gives partitions with the error, a broker does not. */
	if (rd_kafka_version() >= 0x02080000 && rd_kafka_version() < 0x020e0000)
		unit_skip("librdkafka 2.8 to 2.13 follows a NULL there (its issue 4907)");
	rd_kafka_mock_topic_create(mock->cluster, topic, 1, 1);
	rd_kafka_mock_topic_set_error(mock->cluster, topic,
								  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
}

#endif /* T_UNIT_MOCKCLUSTER_H */
