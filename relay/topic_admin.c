/*
 * topic_admin.c
 *		CreateTopics and DescribeConfigs for one topic; see topic_admin.h.
 */
#include "topic_admin.h"

#include <string.h>

#include <librdkafka/rdkafka.h>

#define CREATE_BY_HAND                                                                       \
	"kafka-topics.sh --bootstrap-server ... --create --topic %s --partitions 1 --config "    \
	"cleanup.policy=compact --config segment.bytes=1048576"

/* A record is small and often replaced: segments that are closed soon are compacted soon. */
static const char *const settings[][2] = {
	{"cleanup.policy", "compact"},
	{"segment.bytes", "1048576"},
	{"compression.type", "producer"},
};

static enum rc
not_created(rd_kafka_resp_err_t code, const char *text, const char *topic, struct err *e)
{
	bool again = code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
				 code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT ||
				 code == RD_KAFKA_RESP_ERR_NOT_CONTROLLER ||
				 /* also while the brokers of a cluster start one after the other */
				 code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR;

	if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
	{
		err_set(e, ERR_PERMISSION, E2004, "Kafka does not let this user create topic \"%s\"", topic);
		err_detail(e, "There is no such topic, or the user may not see it.  %s.", rd_kafka_err2str(code));
		return err_hint(e,
						"kafka-acls.sh --bootstrap-server ... --add --allow-principal User:... "
						"--operation Create --operation Write --operation Read --topic %s; or create "
						"it by hand: " CREATE_BY_HAND,
						topic, topic);
	}
	err_set(e, again ? ERR_TRANSIENT : ERR_CONFIG, E2010, "topic \"%s\" cannot be created", topic);
	err_detail(e, "%s.", text && *text ? text : rd_kafka_err2str(code));
	return err_hint(e, "Create it by hand: " CREATE_BY_HAND, topic);
}

/* The answer to what was asked with this queue; NULL: none in time. */
static rd_kafka_event_t *
answer_wait(rd_kafka_queue_t *queue, int timeout_ms, rd_kafka_resp_err_t *code)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);

	*code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	return event;
}

enum rc
topic_admin_create(rd_kafka_t *rk, const char *topic, int timeout_ms, bool *existed,
				   struct err *e)
{
	char                 text[256];
	rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, 1, -1, text, sizeof(text));
	rd_kafka_queue_t    *queue;
	rd_kafka_event_t    *event;
	rd_kafka_resp_err_t  code;
	const char          *said = NULL;
	enum rc              rc = RC_OK;

	if (wanted == NULL)
		return not_created(RD_KAFKA_RESP_ERR__INVALID_ARG, text, topic, e);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		rd_kafka_NewTopic_set_config(wanted, settings[i][0], settings[i][1]);
	queue = rd_kafka_queue_new(rk);
	rd_kafka_CreateTopics(rk, &wanted, 1, NULL, queue);
	event = answer_wait(queue, timeout_ms, &code);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		size_t                         count = 0;
		const rd_kafka_topic_result_t **results =
			rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);

		code = count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
		said = count == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL;
	}
	*existed = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !*existed)
		rc = not_created(code, said, topic, e);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy(wanted);
	return rc;
}

/* *policy: cut to size; "" if the answer does not say it. */
static void
policy_find(rd_kafka_event_t *event, char *policy, size_t size)
{
	size_t                          count = 0;
	const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
		rd_kafka_event_DescribeConfigs_result(event), &count);
	const rd_kafka_ConfigEntry_t **entries;

	policy[0] = '\0';
	if (count != 1 || rd_kafka_ConfigResource_error(resources[0]))
		return;
	entries = rd_kafka_ConfigResource_configs(resources[0], &count);
	for (size_t i = 0; i < count; i++)
	{
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (value && strcmp(rd_kafka_ConfigEntry_name(entries[i]), "cleanup.policy") == 0 &&
			strlen(value) < size)
			memcpy(policy, value, strlen(value) + 1);
	}
}

enum rc
topic_admin_check(rd_kafka_t *rk, const char *topic, int timeout_ms, struct err *e)
{
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_queue_t   *queue = rd_kafka_queue_new(rk);
	rd_kafka_event_t   *event;
	rd_kafka_resp_err_t code;
	char                policy[64] = "";

	rd_kafka_DescribeConfigs(rk, &resource, 1, NULL, queue);
	event = answer_wait(queue, timeout_ms, &code);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		policy_find(event, policy, sizeof(policy));
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_ConfigResource_destroy(resource);
	if (policy[0] == '\0' || strcmp(policy, "compact") == 0)
		return RC_OK;
	err_set(e, ERR_CONFIG, E2010, "topic \"%s\" would forget positions", topic);
	err_detail(e, "Its cleanup.policy is %s: the position of a slot that rests is deleted with time.",
			   policy);
	return err_hint(e,
					"kafka-configs.sh --bootstrap-server ... --alter --entity-type topics "
					"--entity-name %s --add-config cleanup.policy=compact",
					topic);
}
