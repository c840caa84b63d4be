/*
 * topic_admin.c
 *		CreateTopics and DescribeConfigs; see topic_admin.h.
 */
#include "topic_admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "kafka_conf.h"

/* Of a request; brokers limit its size, and what one mutation of the controller may cost. */
#define CREATES_AT_ONCE 200
#define DESCRIBED_AT_ONCE 500

/* --- making ------------------------------------------------------------------------ */

static bool
is_passing(rd_kafka_resp_err_t code)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR__TIMED_OUT:
		case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
		case RD_KAFKA_RESP_ERR__TRANSPORT:
		case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
		case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
		case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
		/* Also while the brokers of a cluster start one after the other. */
		case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR: return true;
		default: return false;
	}
}

static void
not_created(rd_kafka_t *rk, const struct topic_order *order, rd_kafka_resp_err_t code,
			const char *text, struct err *e)
{
	bool                  reads = order->use == USE_PROGRESS || order->use == USE_SCHEMA_CHANGES;
	struct kafka_identity who;
	struct buf            command = {0};

	kafka_conf_identity(rd_kafka_conf(rk), &who);
	topic_wish_command(order->use, order->name, order->partitions, order->bytes, who.bootstrap,
					   &command);
	if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
	{
		err_set(e, ERR_PERMISSION, E2004, "Kafka does not let this user create topic \"%s\"",
				order->name);
		err_detail(e, "There is no such topic, or the user may not see it.  %s.",
				   rd_kafka_err2str(code));
		err_hint(e,
				 "kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s --operation "
				 "Create --operation Write%s --topic %s; or create it by hand: %s",
				 who.bootstrap, *who.user ? who.user : "...", reads ? " --operation Read" : "",
				 order->name, buf_cstr(&command));
	}
	else
	{
		size_t len = text ? strlen(text) : 0;

		if (len > 0 && text[len - 1] == '.') /* the broker's own */
			len--;
		err_set(e, is_passing(code) ? ERR_TRANSIENT : ERR_CONFIG,
				order->use == USE_PROGRESS ? E2010 : E2015, "topic \"%s\" cannot be created",
				order->name);
		if (len > 0)
			err_detail(e, "%.*s.", (int) len, text);
		else
			err_detail(e, "%s.", rd_kafka_err2str(code));
		err_hint(e, "Create it by hand: %s", buf_cstr(&command));
	}
	buf_free(&command);
}

/* What one answer, or one that did not come, says of an order. */
static void
order_done(rd_kafka_t *rk, const struct topic_order *order, size_t number, rd_kafka_resp_err_t code,
		   const char *text, topic_made_fn *made, void *arg)
{
	bool       existed = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
	struct err e;

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || existed)
	{
		made(arg, number, existed, NULL);
		return;
	}
	not_created(rk, order, code, text, &e);
	made(arg, number, false, &e);
}

static rd_kafka_NewTopic_t *
order_new(const struct topic_order *order, char *text, size_t size)
{
	struct topic_wish    wish;
	int32_t              partitions;
	rd_kafka_NewTopic_t *wanted;

	topic_wish(order->use, order->bytes, &wish);
	partitions = wish.partitions ? wish.partitions : order->partitions;
	wanted = rd_kafka_NewTopic_new(order->name, partitions ? partitions : -1,
								   order->replicas ? order->replicas : -1, text, size);
	for (const struct topic_setting *set = wish.settings; wanted && set->name; set++)
		rd_kafka_NewTopic_set_config(wanted, set->name, set->value);
	return wanted;
}

/* The answer to what was asked with this queue; NULL: none in time. */
static rd_kafka_event_t *
answer_wait(rd_kafka_queue_t *queue, int timeout_ms, rd_kafka_resp_err_t *code)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);

	*code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	return event;
}

/* Where the answer of one request finds its order again. */
struct batch
{
	rd_kafka_NewTopic_t *topics[CREATES_AT_ONCE];
	size_t               numbers[CREATES_AT_ONCE];
	size_t               count;
};

/* The answer comes to the queue. */
static void
batch_ask(rd_kafka_t *rk, struct batch *batch, bool tries, int timeout_ms, rd_kafka_queue_t *queue,
		  void *opaque)
{
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);

	/* Neither can fail: the times are within their ranges. */
	rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, NULL, 0);
	rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, NULL, 0);
	rd_kafka_AdminOptions_set_validate_only(options, tries, NULL, 0);
	rd_kafka_AdminOptions_set_opaque(options, opaque);
	rd_kafka_CreateTopics(rk, batch->topics, batch->count, options, queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy_array(batch->topics, batch->count);
}

/* event NULL: none came in time. */
static void
batch_answer(rd_kafka_t *rk, const struct batch *batch, const struct topic_order *orders,
			 rd_kafka_event_t *event, topic_made_fn *made, void *arg)
{
	const rd_kafka_topic_result_t **results = NULL;
	rd_kafka_resp_err_t             code =
		event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	size_t count = 0;

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event),
													  &count);
	/* They are in the order of the request. */
	for (size_t i = 0; i < batch->count; i++)
	{
		size_t      number = batch->numbers[i];
		const char *said = NULL;
		rd_kafka_resp_err_t one = code;

		if (i < count)
		{
			one = rd_kafka_topic_result_error(results[i]);
			said = rd_kafka_topic_result_error_string(results[i]);
		}
		else if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			one = RD_KAFKA_RESP_ERR__BAD_MSG;
		else if (event)
			said = rd_kafka_event_error_string(event);
		order_done(rk, &orders[number], number, one, said, made, arg);
	}
}

static void
batch_send(rd_kafka_t *rk, struct batch *batch, const struct topic_order *orders, bool tries,
		   int timeout_ms, topic_made_fn *made, void *arg)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_event_t *event;

	batch_ask(rk, batch, tries, timeout_ms, queue, NULL);
	event = rd_kafka_queue_poll(queue, timeout_ms);
	batch_answer(rk, batch, orders, event, made, arg);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	batch->count = 0;
}

void
topic_admin_create(rd_kafka_t *rk, const struct topic_order *orders, size_t count, bool tries,
				   int timeout_ms, topic_made_fn *made, void *arg)
{
	struct batch batch = {.count = 0};
	char         text[256];

	for (size_t i = 0; i < count; i++)
	{
		rd_kafka_NewTopic_t *wanted = order_new(&orders[i], text, sizeof(text));

		if (wanted == NULL)
		{
			order_done(rk, &orders[i], i, RD_KAFKA_RESP_ERR__INVALID_ARG, text, made, arg);
			continue;
		}
		batch.topics[batch.count] = wanted;
		batch.numbers[batch.count++] = i;
		if (batch.count == CREATES_AT_ONCE)
			batch_send(rk, &batch, orders, tries, timeout_ms, made, arg);
	}
	if (batch.count > 0)
		batch_send(rk, &batch, orders, tries, timeout_ms, made, arg);
}

bool
topic_admin_ask(rd_kafka_t *rk, const struct topic_order *order, int timeout_ms,
				rd_kafka_queue_t *queue, void *opaque)
{
	char         text[256];
	struct batch batch = {.topics = {order_new(order, text, sizeof(text))}, .count = 1};

	if (batch.topics[0] == NULL)
		return false;
	batch_ask(rk, &batch, false, timeout_ms, queue, opaque);
	return true;
}

void
topic_admin_answer(rd_kafka_t *rk, const struct topic_order *order, rd_kafka_event_t *event,
				   topic_made_fn *made, void *arg)
{
	const struct batch batch = {.count = 1};

	batch_answer(rk, &batch, order, event, made, arg);
}

/* --- looking ------------------------------------------------------------------------ */

static void
resource_take(const rd_kafka_ConfigResource_t *resource, admin_setting_fn *take, void *arg)
{
	size_t                         count;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);

	for (size_t i = 0; i < count; i++)
		if (rd_kafka_ConfigEntry_value(entries[i]))
			take(arg, rd_kafka_ConfigResource_name(resource),
				 rd_kafka_ConfigEntry_name(entries[i]), rd_kafka_ConfigEntry_value(entries[i]));
}

static void
resources_ask(rd_kafka_t *rk, rd_kafka_ConfigResource_t **resources, size_t count, int timeout_ms,
			  admin_setting_fn *take, void *arg)
{
	rd_kafka_queue_t   *queue = rd_kafka_queue_new(rk);
	rd_kafka_event_t   *event;
	rd_kafka_resp_err_t code;

	rd_kafka_DescribeConfigs(rk, resources, count, NULL, queue);
	event = answer_wait(queue, timeout_ms, &code);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		size_t                            nanswers;
		const rd_kafka_ConfigResource_t **answers = rd_kafka_DescribeConfigs_result_resources(
			rd_kafka_event_DescribeConfigs_result(event), &nanswers);

		for (size_t i = 0; i < nanswers; i++)
			resource_take(answers[i], take, arg);
	}
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_ConfigResource_destroy_array(resources, count);
}

void
topic_admin_settings(rd_kafka_t *rk, const char *const *topics, size_t count, int timeout_ms,
					 admin_setting_fn *take, void *arg)
{
	rd_kafka_ConfigResource_t *resources[DESCRIBED_AT_ONCE];

	while (count > 0)
	{
		size_t at_once = count < DESCRIBED_AT_ONCE ? count : DESCRIBED_AT_ONCE;

		for (size_t i = 0; i < at_once; i++)
			resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]);
		resources_ask(rk, resources, at_once, timeout_ms, take, arg);
		topics += at_once;
		count -= at_once;
	}
}

void
topic_admin_broker(rd_kafka_t *rk, int32_t id, int timeout_ms, admin_setting_fn *take, void *arg)
{
	rd_kafka_ConfigResource_t *resource;
	char                       name[16];

	snprintf(name, sizeof(name), "%" PRId32, id);
	resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
	resources_ask(rk, &resource, 1, timeout_ms, take, arg);
}
