/*
 * brokers.c
 *		A client that asks, and waits; see brokers.h.
 */
#include "brokers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "loop.h"
#include "producer_error.h"

#define CONNECT_MS 15000
#define DOWN_MS 3000 /* after all were found to be down: one that starts is met */
#define STEP_MS 100
/* Names of topics in one request. */
#define ASKED_AT_ONCE 1000

/* --- connection --------------------------------------------------------------------------- */

static void
on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
	struct brokers *brokers = arg;

	(void) rk;
	/* That all are down says no more than what made them so; newer librdkafkas also say it before
	 * they have tried one. */
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
	{
		if (brokers->reason[0] && brokers->down_ms == 0)
			brokers->down_ms = loop_now_ms();
		return;
	}
	brokers->code = code;
	snprintf(brokers->reason, sizeof(brokers->reason), "%s", reason);
}

/* A login or a certificate that is refused does not get better by waiting. */
static bool
is_final(int code)
{
	return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
		   code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
		   code == RD_KAFKA_RESP_ERR__SSL;
}

/* Told by rd_kafka_poll(), as errors are. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	struct brokers *brokers = rd_kafka_opaque(rk);

	(void) level;
	if (strcmp(facility, PRODUCER_LOG_FAIL) == 0 && !is_final(brokers->code))
		snprintf(brokers->reason, sizeof(brokers->reason), "%s", producer_error_of_log(text));
}

static enum rc
unreachable(struct brokers *brokers, struct err *e)
{
	if (is_final(brokers->code) && brokers->code != RD_KAFKA_RESP_ERR__SSL)
		return producer_error(&(struct producer_trouble){.code = brokers->code,
														 .text = brokers->reason,
														 .topic = "",
														 .who = &brokers->who},
							  e);
	return producer_error_unreachable(brokers->who.bootstrap, brokers->reason, e);
}

static enum rc
brokers_reach(struct brokers *brokers, struct err *e)
{
	int64_t deadline_ms = loop_now_ms() + CONNECT_MS;

	for (;;)
	{
		rd_kafka_resp_err_t code =
			rd_kafka_metadata(brokers->rk, 1, NULL, &brokers->metadata, BROKERS_ANSWER_MS);

		rd_kafka_poll(brokers->rk, 0);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		brokers->metadata = NULL;
		if (is_final(brokers->code) || loop_now_ms() > deadline_ms ||
			(brokers->down_ms && loop_now_ms() > brokers->down_ms + DOWN_MS))
			return unreachable(brokers, e);
		rd_kafka_poll(brokers->rk, STEP_MS);
	}
	brokers->count = brokers->metadata->broker_cnt;
	brokers->id = brokers->metadata->orig_broker_id;
	/* Newer librdkafkas may have it from a connection of bootstrap.servers, which has no number. */
	if (brokers->id < 0 && brokers->count > 0)
		brokers->id = brokers->metadata->brokers[0].id;
	snprintf(brokers->reached, sizeof(brokers->reached), "%s", brokers->metadata->orig_broker_name);
	return RC_OK;
}

enum rc
brokers_open(struct brokers *brokers, const struct config *cfg, struct err *e)
{
	rd_kafka_conf_t *conf = kafka_conf_consumer(cfg, READ_UNCOMMITTED);
	char             text[512];

	brokers->creates = -1;
	kafka_conf_identity(conf, &brokers->who);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set(conf, "log.queue", "true", text, sizeof(text));
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, brokers);
	brokers->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (brokers->rk)
	{
		rd_kafka_set_log_queue(brokers->rk, NULL);
		return brokers_reach(brokers, e);
	}
	rd_kafka_conf_destroy(conf);
	return producer_error_settings(text, e);
}

void
brokers_close(struct brokers *brokers)
{
	if (brokers->metadata)
		rd_kafka_metadata_destroy(brokers->metadata);
	if (brokers->rk)
		rd_kafka_destroy(brokers->rk);
}

/* --- what they say -------------------------------------------------------------------------- */

static void
take_default(void *arg, const char *of, const char *name, const char *value)
{
	struct brokers *brokers = arg;

	(void) of;
	if (strcmp(name, "auto.create.topics.enable") == 0)
		brokers->creates = strcmp(value, "true") == 0;
	else if (strcmp(name, "num.partitions") == 0)
		brokers->partitions = (int32_t) strtol(value, NULL, 10);
	else if (strcmp(name, "default.replication.factor") == 0)
		brokers->replicas = (int32_t) strtol(value, NULL, 10);
	else if (strcmp(name, "message.max.bytes") == 0)
		snprintf(brokers->bytes, sizeof(brokers->bytes), "%s", value);
}

void
brokers_defaults(struct brokers *brokers)
{
	topic_admin_broker(brokers->rk, brokers->id, BROKERS_ANSWER_MS, take_default, brokers);
}

static void
metadata_take(const struct rd_kafka_metadata *metadata, brokers_topic_fn *take, void *arg)
{
	for (int i = 0; i < metadata->topic_cnt; i++)
	{
		const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
		int32_t                               replicas = 0;

		for (int j = 0; j < topic->partition_cnt; j++)
			if (j == 0 || topic->partitions[j].replica_cnt < replicas)
				replicas = topic->partitions[j].replica_cnt;
		take(arg, topic->topic, topic->partition_cnt, replicas,
			 topic->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	}
}

void
brokers_topics(const struct brokers *brokers, brokers_topic_fn *take, void *arg)
{
	metadata_take(brokers->metadata, take, arg);
}

/*
 * librdkafka asks about one topic, all of them, or those that it has an object for.  Then it lets
 * brokers make topics only if there is no such object.
 */
void
brokers_ask_topics(struct brokers *brokers, const char *const *names, size_t count,
				   brokers_topic_fn *take, void *arg)
{
	rd_kafka_topic_t *topics[ASKED_AT_ONCE];

	while (count > 0)
	{
		size_t                          at_once = count < ASKED_AT_ONCE ? count : ASKED_AT_ONCE;
		const struct rd_kafka_metadata *metadata;
		size_t                          made = 0;

		/* Not of a name that no topic can have. */
		for (size_t i = 0; i < at_once; i++)
			if ((topics[made] = rd_kafka_topic_new(brokers->rk, names[i], NULL)) != NULL)
				made++;
		if (made > 0 && rd_kafka_metadata(brokers->rk, 0, NULL, &metadata, BROKERS_ANSWER_MS) ==
							RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			metadata_take(metadata, take, arg);
			rd_kafka_metadata_destroy(metadata);
		}
		while (made > 0)
			rd_kafka_topic_destroy(topics[--made]);
		names += at_once;
		count -= at_once;
	}
}

void
brokers_pause(struct brokers *brokers)
{
	rd_kafka_poll(brokers->rk, STEP_MS);
}

enum rc
brokers_hidden(const struct brokers *brokers, const char *topic, const char *operations,
			   struct err *e)
{
	err_set(e, ERR_PERMISSION, E2004, "Kafka does not let this user see topic \"%s\"", topic);
	err_detail(e, "%s.", rd_kafka_err2str(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
	return err_hint(e,
					"kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s %s "
					"--topic %s",
					brokers->who.bootstrap, *brokers->who.user ? brokers->who.user : "...",
					operations, topic);
}
