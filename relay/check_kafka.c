/*
 * check_kafka.c
 *		The brokers, and the topics that records will go to; see check.h.
 *
 * Looks as a consumer does, so that asking makes no topic.  Whether a user may see a topic the
 * brokers tell; whether he may write cannot be seen without writing: that is not looked at.
 */
#include "check_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include <librdkafka/rdkafka.h>

#include "kafka_conf.h"
#include "loop.h"
#include "producer_error.h"
#include "topic_admin.h"

#define CONNECT_MS 15000
#define ANSWER_MS 5000
#define STEP_MS 100

struct brokers
{
	struct check                   *check;
	rd_kafka_t                     *rk;
	const struct rd_kafka_metadata *metadata; /* of every topic that the user may see */
	struct kafka_identity           who;
	char                            reason[512];
	rd_kafka_resp_err_t             code; /* of the last trouble */
	int                             creates; /* auto.create.topics.enable: 1, 0; -1: not known */
};

/* --- connection --------------------------------------------------------------------------- */

static void
on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
	struct brokers *brokers = arg;

	(void) rk;
	/* That all are down says no more than what made them so. */
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && brokers->reason[0])
		return;
	brokers->code = (rd_kafka_resp_err_t) code;
	snprintf(brokers->reason, sizeof(brokers->reason), "%s", reason);
}

static bool
brokers_begin(struct brokers *brokers)
{
	rd_kafka_conf_t *conf = kafka_conf_consumer(brokers->check->cfg, READ_UNCOMMITTED);
	char             text[512];
	struct err       e;

	kafka_conf_identity(conf, &brokers->who);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, brokers);
	brokers->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (brokers->rk)
		return true;
	rd_kafka_conf_destroy(conf);
	(void) producer_error_settings(text, &e);
	findings_add(brokers->check->findings, VERDICT_FAIL, "kafka.brokers", &e);
	return false;
}

/* A login or a certificate that is refused does not get better by waiting. */
static bool
is_final(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
		   code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
		   code == RD_KAFKA_RESP_ERR__SSL;
}

static void
say_unreachable(struct brokers *brokers)
{
	struct err e;

	if (is_final(brokers->code) && brokers->code != RD_KAFKA_RESP_ERR__SSL)
		(void) producer_error(&(struct producer_trouble){.code = brokers->code,
														 .text = brokers->reason,
														 .topic = "",
														 .who = &brokers->who},
							  &e);
	else
		(void) producer_error_unreachable(brokers->who.bootstrap, brokers->reason, &e);
	findings_add(brokers->check->findings, VERDICT_FAIL, "kafka.brokers", &e);
}

static bool
brokers_reach(struct brokers *brokers)
{
	int64_t deadline_ms = loop_now_ms() + CONNECT_MS;

	for (;;)
	{
		rd_kafka_resp_err_t code =
			rd_kafka_metadata(brokers->rk, 1, NULL, &brokers->metadata, ANSWER_MS);

		rd_kafka_poll(brokers->rk, 0);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		brokers->metadata = NULL;
		if (is_final(brokers->code) || loop_now_ms() > deadline_ms)
		{
			say_unreachable(brokers);
			return false;
		}
		rd_kafka_poll(brokers->rk, STEP_MS);
	}
	findings_ok(brokers->check->findings, "kafka.brokers", "%d, reached %s",
				brokers->metadata->broker_cnt, brokers->metadata->orig_broker_name);
	return true;
}

/* --- settings of brokers and topics ---------------------------------------------------------- */

static void
topics_learn(const struct brokers *brokers)
{
	for (int i = 0; i < brokers->metadata->topic_cnt; i++)
	{
		const struct rd_kafka_metadata_topic *topic = &brokers->metadata->topics[i];
		struct captured                      *table;

		HASH_FIND(by_topic, brokers->check->caps.by_topic, topic->topic, strlen(topic->topic), table);
		if (table)
			table->partitions = topic->partition_cnt;
	}
}

static const struct rd_kafka_metadata_topic *
topic_find(const struct brokers *brokers, const char *name)
{
	for (int i = 0; i < brokers->metadata->topic_cnt; i++)
		if (strcmp(brokers->metadata->topics[i].topic, name) == 0)
			return &brokers->metadata->topics[i];
	return NULL;
}

/* What the brokers say of one topic that is not among those that the user may see. */
static rd_kafka_resp_err_t
topic_ask(const struct brokers *brokers, const char *name)
{
	rd_kafka_topic_t               *rkt = rd_kafka_topic_new(brokers->rk, name, NULL);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code = rd_kafka_metadata(brokers->rk, 0, rkt, &metadata, ANSWER_MS);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		if (metadata->topic_cnt == 1)
			code = metadata->topics[0].err;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(rkt);
	return code;
}

/* True: the user may not see the topic, and that was said. */
static bool
say_hidden(struct brokers *brokers, const char *check, const char *name, const char *operations)
{
	struct err e;

	if (topic_ask(brokers, name) != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
		return false;
	err_set(&e, ERR_PERMISSION, E2004, "Kafka does not let this user see topic \"%s\"", name);
	err_detail(&e, "%s.", rd_kafka_err2str(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
	err_hint(&e, "kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s %s --topic %s",
			 brokers->who.bootstrap, *brokers->who.user ? brokers->who.user : "...", operations, name);
	findings_add(brokers->check->findings, VERDICT_FAIL, check, &e);
	return true;
}

/* take is called for each setting of each of them that the brokers let us know. */
typedef void setting_fn(struct brokers *brokers, const char *of, const char *name,
						const char *value);

static void
settings_ask(struct brokers *brokers, rd_kafka_ConfigResource_t **resources, size_t count,
			 setting_fn *take)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(brokers->rk);
	rd_kafka_event_t *event;

	rd_kafka_DescribeConfigs(brokers->rk, resources, count, NULL, queue);
	event = rd_kafka_queue_poll(queue, ANSWER_MS);
	if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		const rd_kafka_ConfigResource_t **answers = rd_kafka_DescribeConfigs_result_resources(
			rd_kafka_event_DescribeConfigs_result(event), &count);

		for (size_t i = 0; i < count; i++)
		{
			size_t                         nentries;
			const rd_kafka_ConfigEntry_t **entries =
				rd_kafka_ConfigResource_configs(answers[i], &nentries);

			for (size_t j = 0; j < nentries; j++)
				if (rd_kafka_ConfigEntry_value(entries[j]))
					take(brokers, rd_kafka_ConfigResource_name(answers[i]),
						 rd_kafka_ConfigEntry_name(entries[j]),
						 rd_kafka_ConfigEntry_value(entries[j]));
		}
	}
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
}

static void
take_broker_setting(struct brokers *brokers, const char *of, const char *name, const char *value)
{
	(void) of;
	if (strcmp(name, "auto.create.topics.enable") == 0)
		brokers->creates = strcmp(value, "true") == 0;
}

static void
ask_creates(struct brokers *brokers)
{
	rd_kafka_ConfigResource_t *resource;
	char                       id[16];

	brokers->creates = -1;
	snprintf(id, sizeof(id), "%" PRId32, brokers->metadata->orig_broker_id);
	resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, id);
	settings_ask(brokers, &resource, 1, take_broker_setting);
	rd_kafka_ConfigResource_destroy(resource);
}

/* --- topics -------------------------------------------------------------------------------------- */

/* Of those that a table's changes go to. */
static void
say_missing(struct brokers *brokers, unsigned missing, const char *names, const char *commands)
{
	struct err e;

	err_set(&e, ERR_CONFIG, brokers->creates == 1 ? E2014 : E2002,
			"%u of %u topics of tables %s not there", missing, brokers->check->caps.ntables,
			missing == 1 ? "is" : "are");
	err_detail(&e, "%s.  %s", names,
			   brokers->creates == 1
				   ? "The brokers make them at the first record, with their defaults "
					 "(auto.create.topics.enable, num.partitions)."
			   : brokers->creates == 0
				   ? "The brokers do not make them by themselves (auto.create.topics.enable=false)."
				   : "Or this user may not see them; the brokers do not say whether they make topics "
					 "by themselves.");
	err_hint(&e, "Make them with the partitions that they are to have:\n%s", commands);
	findings_add(brokers->check->findings, brokers->creates == 0 ? VERDICT_FAIL : VERDICT_WARN,
				 "kafka.topics", &e);
}

static void
check_topics(struct brokers *brokers)
{
	struct check    *check = brokers->check;
	struct buf       names = {0};
	struct buf       commands = {0};
	unsigned         missing = 0;
	bool             hidden = false;
	unsigned         partitions = 0;
	struct captured *at;

	LL_FOREACH(check->caps.tables, at)
	{
		partitions += (unsigned) at->partitions;
		if (at->partitions > 0 || at->topic == NULL)
			continue;
		/* The first one is asked about: rights are given by prefix. */
		if (missing == 0)
			hidden = say_hidden(brokers, "kafka.topics", at->topic, "--operation Write");
		check_name(&names, missing, at->topic);
		if (missing++ < CHECK_NAMED_MAX)
			buf_printf(&commands,
					   "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions 1\n",
					   brokers->who.bootstrap, at->topic);
	}
	if (missing > 0 && !hidden)
		say_missing(brokers, missing, buf_cstr(&names), buf_cstr(&commands));
	else if (!hidden)
		findings_ok(check->findings, "kafka.topics", "%u topics, %u partitions", check->caps.ntables,
					partitions);
	buf_free(&names);
	buf_free(&commands);
}

/* A record without a key cannot be compacted: the brokers refuse it. */
static void
take_topic_setting(struct brokers *brokers, const char *of, const char *name, const char *value)
{
	struct check    *check = brokers->check;
	struct captured *at;
	struct err       e;

	if (strcmp(name, "cleanup.policy") != 0 || strstr(value, "compact") == NULL)
		return;
	HASH_FIND(by_topic, check->caps.by_topic, of, strlen(of), at);
	if (at == NULL || at->plan == NULL || plan_schema(at->plan, SIDE_KEY) != NULL)
		return;
	err_set(&e, ERR_CONFIG, E2006, "topic \"%s\" is compacted, and table \"%s\" has no key", of,
			at->name);
	err_detail(&e, "Its cleanup.policy is %s: the brokers refuse records without a key.", value);
	err_hint(&e,
			 "Give the table a primary key, or: kafka-configs.sh --bootstrap-server %s --alter "
			 "--entity-type topics --entity-name %s --add-config cleanup.policy=delete",
			 brokers->who.bootstrap, of);
	findings_add(check->findings, VERDICT_FAIL, "kafka.compaction", &e);
}

static void
check_compaction(struct brokers *brokers)
{
	rd_kafka_ConfigResource_t **resources =
		xcalloc((size_t) brokers->check->caps.ntables + 1, sizeof(rd_kafka_ConfigResource_t *));
	size_t           count = 0;
	struct captured *at;

	LL_FOREACH(brokers->check->caps.tables, at)
		if (at->partitions > 0)
			resources[count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, at->topic);
	if (count > 0)
		settings_ask(brokers, resources, count, take_topic_setting);
	rd_kafka_ConfigResource_destroy_array(resources, count);
	free(resources);
}

/* Where positions are kept. */
static void
check_progress(struct brokers *brokers)
{
	struct check                         *check = brokers->check;
	const struct rd_kafka_metadata_topic *topic;
	struct err                            e;
	char                                 *name;

	if (!check_take(check, "kafka.progress",
					route_named(check->routes, check->cfg->kafka.topic_progress, &name, &e), &e))
		return;
	topic = topic_find(brokers, name);
	if (topic == NULL && say_hidden(brokers, "kafka.progress", name,
									"--operation Create --operation Write --operation Read"))
		;
	else if (topic == NULL)
		findings_ok(check->findings, "kafka.progress", "%s is not there yet; walrelay run makes it",
					name);
	else if (topic->partition_cnt > 1)
	{
		err_set(&e, ERR_CONFIG, E2010, "topic \"%s\" has %d partitions", name, topic->partition_cnt);
		err_detail(&e, "The newest position of a slot can be told only if there is one.");
		err_hint(&e, "Set topic.progress to another name, or delete the topic: what was delivered "
					 "behind the slot's position comes again.");
		findings_add(check->findings, VERDICT_FAIL, "kafka.progress", &e);
	}
	else if (check_take(check, "kafka.progress",
						topic_admin_check(brokers->rk, name, ANSWER_MS, &e), &e))
		findings_ok(check->findings, "kafka.progress", "%s keeps positions", name);
	free(name);
}

void
check_kafka(struct check *check)
{
	struct brokers brokers = {.check = check};
	struct err     e;

	if (check->cfg->format.sink != SINK_KAFKA)
		findings_skip(check->findings, "kafka.brokers", "format.sink is another one");
	else if (config_check_kafka(check->cfg, &e) != RC_OK)
		findings_skip(check->findings, "kafka.brokers", "settings are missing");
	else if (brokers_begin(&brokers) && brokers_reach(&brokers))
	{
		ask_creates(&brokers);
		topics_learn(&brokers);
		if (check->knows_tables && check->caps.ntables > 0)
		{
			check_topics(&brokers);
			check_compaction(&brokers);
		}
		else
			findings_skip(check->findings, "kafka.topics", "no table is known");
		check_progress(&brokers);
	}
	if (brokers.metadata)
		rd_kafka_metadata_destroy(brokers.metadata);
	if (brokers.rk)
		rd_kafka_destroy(brokers.rk);
}
