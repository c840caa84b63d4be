/*
 * test_producer.c
 *		The Kafka sink against librdkafka's mock cluster, read back by a consumer.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "loginbroker.h"
#include "producer.h"
#include "producer_error.h"
#include "sink.h"
#include "waitloop.h"

#define PRODUCE 0 /* ApiKey */
#define MAX_ITEMS 64

/* A cluster, a sink into it, and what the sink said. */
struct lab
{
	struct waitloop          wl;
	rd_kafka_t              *host; /* of the mock cluster */
	rd_kafka_mock_cluster_t *cluster;
	struct config            cfg;
	struct property          properties[8];
	struct topics           *topics;
	struct sink             *sink;
	uint64_t                 acked[MAX_ITEMS];
	uint64_t                 total;
	uint64_t                 calls;
	uint64_t                 last_item;
	bool                     in_order; /* items were acknowledged in their order */
	unsigned                 failed;
	uint64_t                 total_at_failure;
	struct sink_refusal      refusal;
	struct err               why;
	unsigned                 writable;
	unsigned                 ups;
	unsigned                 downs;
	struct err               down_why;
	uint64_t                 want;
};

static void
on_acked(void *arg, uint32_t item, uint32_t count)
{
	struct lab *lab = arg;

	assert_true(item < MAX_ITEMS);
	assert_true(count > 0);
	lab->in_order = lab->in_order && item >= lab->last_item;
	lab->last_item = item;
	lab->acked[item] += count;
	lab->total += count;
	lab->calls++;
}

static void
on_refused(void *arg, const struct sink_refusal *refusal, const struct err *e)
{
	struct lab *lab = arg;

	assert_int_equal(lab->failed, 0); /* failed() comes next */
	assert_true(e->code == E2003 || e->code == E2006);
	lab->refusal = *refusal;
}

static void
on_failed(void *arg, const struct err *e)
{
	struct lab *lab = arg;

	lab->failed++;
	lab->why = *e;
	lab->total_at_failure = lab->total;
}

static void
on_writable(void *arg)
{
	((struct lab *) arg)->writable++;
}

static void
on_state(void *arg, bool up, const struct err *why)
{
	struct lab *lab = arg;

	if (up)
		lab->ups++;
	else
	{
		lab->downs++;
		lab->down_why = *why;
	}
}

static bool
all_acked(void *arg)
{
	struct lab *lab = arg;

	return lab->total >= lab->want || lab->failed;
}

static bool
has_failed(void *arg)
{
	return ((struct lab *) arg)->failed > 0;
}

static bool
is_up(void *arg)
{
	return ((struct lab *) arg)->ups > 0;
}

static bool
is_up_again(void *arg)
{
	return ((struct lab *) arg)->ups > 1;
}

static bool
is_down(void *arg)
{
	return ((struct lab *) arg)->downs > 0;
}

static bool
is_writable(void *arg)
{
	struct lab *lab = arg;

	return lab->writable > 0 || lab->failed;
}

static const char *
lab_property(struct lab *lab, const char *name, const char *value)
{
	struct property *property = &lab->properties[lab->cfg.kafka.nproperties++];

	property->name = (char *) name;
	property->value = (char *) value;
	return value;
}

static void
lab_init(struct lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	lab->in_order = true;
	lab->cfg.kafka.properties = lab->properties;
	lab->cfg.relay.max_in_flight = 100000;
	lab->cfg.relay.max_bytes = 64 << 20;
	waitloop_init(&lab->wl);
	lab->topics = topics_new();
}

/* A cluster with one broker. */
static void
lab_cluster(struct lab *lab)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char             text[256];

	assert_int_equal(rd_kafka_conf_set(conf, "log_level", "0", text, sizeof(text)), 0);
	lab->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	assert_non_null(lab->host);
	lab->cluster = rd_kafka_mock_cluster_new(lab->host, 1);
	assert_non_null(lab->cluster);
	lab_property(lab, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(lab->cluster));
	lab_property(lab, "topic.metadata.propagation.max.ms", "5000");
}

static void
lab_sink(struct lab *lab)
{
	struct sink_events events = {.acked = on_acked,
								 .refused = on_refused,
								 .failed = on_failed,
								 .writable = on_writable,
								 .state = on_state,
								 .arg = lab};
	struct err         e;

	assert_rc_ok(sink_kafka_new(lab->wl.loop, &lab->cfg, lab->topics, &events, &lab->sink, &e));
}

static void
lab_start(struct lab *lab)
{
	lab_init(lab);
	lab_cluster(lab);
	lab_sink(lab);
}

static void
lab_stop(struct lab *lab)
{
	if (lab->sink)
		lab->sink->ops->free(lab->sink);
	if (lab->cluster)
		rd_kafka_mock_cluster_destroy(lab->cluster);
	if (lab->host)
		rd_kafka_destroy(lab->host);
	topics_free(lab->topics);
	waitloop_end(&lab->wl);
}

static struct sink_topic *
lab_topic(struct lab *lab, const char *name, int partitions)
{
	struct sink_topic *topic;
	struct err         e;

	if (partitions > 0)
		assert_int_equal(rd_kafka_mock_topic_create(lab->cluster, name, partitions, 1), 0);
	assert_rc_ok(lab->sink->ops->topic(lab->sink, name, NULL, NULL, &topic, &e));
	return topic;
}

static enum rc
lab_send(struct lab *lab, struct sink_topic *topic, const char *key, const char *value,
		 uint64_t item, struct err *e)
{
	struct outgoing out = {.has_key = key != NULL,
						   .has_value = value != NULL,
						   .key = {key, key ? strlen(key) : 0},
						   .value = {value, value ? strlen(value) : 0}};

	return lab->sink->ops->send(lab->sink, topic, &out, item, e);
}

/* Reads count messages of a topic, each partition from its beginning. */
static void
lab_read(struct lab *lab, const char *name, int partitions, unsigned count,
		 void (*got)(const rd_kafka_message_t *message, void *arg), void *arg)
{
	rd_kafka_conf_t                 *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	char                             text[256];
	rd_kafka_t                      *rk;
	time_t                           deadline = time(NULL) + 20;

	rd_kafka_conf_set(conf, "log_level", "0", text, sizeof(text));
	rd_kafka_conf_set(conf, "group.id", "test", text, sizeof(text));
	rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", text, sizeof(text));
	rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(lab->cluster),
					  text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	assert_non_null(rk);
	rd_kafka_poll_set_consumer(rk);
	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(list, name, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	assert_int_equal(rd_kafka_assign(rk, list), 0);
	rd_kafka_topic_partition_list_destroy(list);
	while (count > 0)
	{
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 1000);

		if (message && !message->err)
		{
			got(message, arg);
			count--;
		}
		if (message)
			rd_kafka_message_destroy(message);
		if (time(NULL) > deadline)
			fail_msg("%u messages are missing in %s", count, name);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

/* --- delivery -------------------------------------------------------------- */

static void
each_message_is_acknowledged_once_for_its_item(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	struct sink_stats  stats;
	struct err         e;

	(void) state;
	lab_start(&lab);
	topic = lab_topic(&lab, "t", 1);
	for (unsigned i = 0; i < 20000; i++)
		assert_rc_ok(lab_send(&lab, topic, "key", "some value", i / 1000, &e));
	lab.sink->ops->flush(lab.sink);
	lab.sink->ops->stats(lab.sink, &stats);
	assert_int_equal(stats.messages, 20000);
	assert_int_equal(stats.bytes, 20000 * (3 + 10));
	assert_int_equal(stats.in_flight, 20000);
	lab.want = 20000;
	wait_until(&lab.wl, all_acked, &lab);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(lab.acked[i], 1000);
	assert_true(lab.in_order);
	/* Runs are merged: far fewer calls than messages. */
	assert_in_range(lab.calls, 20, 2000);
	assert_int_equal(lab.failed, 0);
	assert_int_equal(lab.ups, 1);
	assert_int_equal(lab.downs, 0);
	lab.sink->ops->stats(lab.sink, &stats);
	assert_int_equal(stats.acked, 20000);
	assert_int_equal(stats.in_flight, 0);
	lab_stop(&lab);
}

struct order
{
	int      partition[100]; /* of each key, -1: not seen */
	unsigned next[100];
	unsigned count;
};

static void
check_order(const rd_kafka_message_t *message, void *arg)
{
	struct order *order = arg;
	unsigned      key, number;
	char          text[64];

	memcpy(text, message->key, message->key_len);
	text[message->key_len] = '\0';
	assert_int_equal(sscanf(text, "key %u", &key), 1);
	memcpy(text, message->payload, message->len);
	text[message->len] = '\0';
	assert_int_equal(sscanf(text, "number %u", &number), 1);
	if (order->partition[key] < 0)
		order->partition[key] = message->partition;
	assert_int_equal(message->partition, order->partition[key]);
	assert_int_equal(number, order->next[key]++);
	order->count++;
}

static void
order_is_kept_for_each_key(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	struct order       order = {.count = 0};
	unsigned           used = 0;
	struct err         e;

	(void) state;
	lab_start(&lab);
	topic = lab_topic(&lab, "t", 4);
	for (unsigned i = 0; i < 10000; i++)
	{
		char key[32], value[32];

		snprintf(key, sizeof(key), "key %u", i % 100);
		snprintf(value, sizeof(value), "number %u", i / 100);
		assert_rc_ok(lab_send(&lab, topic, key, value, 1, &e));
	}
	lab.want = 10000;
	wait_until(&lab.wl, all_acked, &lab);
	memset(order.partition, 0xFF, sizeof(order.partition));
	lab_read(&lab, "t", 4, 10000, check_order, &order);
	assert_int_equal(order.count, 10000);
	for (unsigned key = 0; key < 100; key++)
		used |= 1u << order.partition[key];
	assert_int_equal(used, 15);
	lab_stop(&lab);
}

/* Java's Utils.murmur2() of some keys, as Kafka's own tests have them. */
static const struct
{
	const char *key;
	int32_t     hash;
} murmur2[] = {
	{"21", -973932308},
	{"foobar", -790332482},
	{"a-little-bit-long-string", -985981536},
	{"a-little-bit-longer-string", -1486304829},
	{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
};

static void
check_partition(const rd_kafka_message_t *message, void *arg)
{
	unsigned *seen = arg;

	for (unsigned i = 0; i < sizeof(murmur2) / sizeof(murmur2[0]); i++)
		if (message->key_len == strlen(murmur2[i].key) &&
			memcmp(message->key, murmur2[i].key, message->key_len) == 0)
		{
			assert_int_equal(message->partition, (murmur2[i].hash & 0x7fffffff) % 7);
			*seen |= 1u << i;
		}
}

static void
partitions_are_those_of_java_clients(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	unsigned           seen = 0;
	struct err         e;

	(void) state;
	lab_start(&lab);
	topic = lab_topic(&lab, "t", 7);
	for (unsigned i = 0; i < 5; i++)
		assert_rc_ok(lab_send(&lab, topic, murmur2[i].key, "v", 0, &e));
	lab.want = 5;
	wait_until(&lab.wl, all_acked, &lab);
	lab_read(&lab, "t", 7, 5, check_partition, &seen);
	assert_int_equal(seen, 31);
	lab_stop(&lab);
}

static void
check_shapes(const rd_kafka_message_t *message, void *arg)
{
	unsigned           *place = arg;
	rd_kafka_headers_t *headers = NULL;
	const void         *value = NULL;
	size_t              len = 0;

	switch ((*place)++)
	{
		case 0: /* no key */
			assert_null(message->key);
			assert_int_equal(message->len, 1);
			break;
		case 1: /* tombstone */
			assert_int_equal(message->key_len, 1);
			assert_null(message->payload);
			break;
		default: /* both, with a header */
			assert_int_equal(message->key_len, 2);
			assert_int_equal(message->len, 3);
			assert_int_equal(rd_kafka_message_headers(message, &headers), 0);
			assert_int_equal(rd_kafka_header_cnt(headers), 1);
			assert_int_equal(rd_kafka_header_get_last(headers, "name", &value, &len), 0);
			assert_int_equal(len, 5);
			assert_memory_equal(value, "bytes", 5);
	}
}

static void
keys_values_and_headers_arrive(void **state)
{
	const struct header   header = {"name", {"bytes", 5}};
	const struct outgoing with_header = {.has_key = true,
										 .has_value = true,
										 .key = {"k\0", 2},
										 .value = {"v\0w", 3},
										 .headers = &header,
										 .nheaders = 1};
	struct lab            lab;
	struct sink_topic    *topic;
	unsigned              place = 0;
	struct err            e;

	(void) state;
	lab_start(&lab);
	topic = lab_topic(&lab, "t", 1);
	assert_rc_ok(lab_send(&lab, topic, NULL, "v", 0, &e));
	assert_rc_ok(lab_send(&lab, topic, "k", NULL, 0, &e));
	assert_rc_ok(lab.sink->ops->send(lab.sink, topic, &with_header, 63, &e));
	lab.sink->ops->topic_free(lab.sink, topic); /* with messages in flight */
	lab.want = 3;
	wait_until(&lab.wl, all_acked, &lab);
	assert_int_equal(lab.acked[0], 2);
	assert_int_equal(lab.acked[63], 1);
	lab_read(&lab, "t", 1, 3, check_shapes, &place);
	lab_stop(&lab);
}

/* --- brokers that are away ------------------------------------------------- */

/* Sends until the sink is full; returns how many it took. */
static uint64_t
fill(struct lab *lab, struct sink_topic *topic)
{
	char       value[300];
	uint64_t   taken = 0;
	enum rc    rc;
	struct err e;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	while ((rc = lab_send(lab, topic, "key", value, 1, &e)) == RC_OK)
		assert_true(++taken < 1000000);
	assert_int_equal(rc, RC_AGAIN);
	return taken;
}

static int saved_stderr = -1;

/* What is written to stderr goes to a file from here on. */
static int
noise_begin(void **state)
{
	char path[] = "/tmp/test_producer.XXXXXX";
	int  fd = mkstemp(path);

	(void) state;
	unlink(path);
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	return fd < 0 || saved_stderr < 0 || dup2(fd, STDERR_FILENO) < 0 || close(fd) != 0;
}

static int
noise_end(void **state)
{
	struct stat st;
	int         quiet = fflush(stderr) == 0 && fstat(STDERR_FILENO, &st) == 0 && st.st_size == 0;

	(void) state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	return quiet ? 0 : -1;
}

static void
broker_that_is_away_is_waited_for_in_silence(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	uint64_t           taken;

	(void) state;
	lab_init(&lab);
	lab_cluster(&lab);
	lab.cfg.relay.max_bytes = 2 << 20;
	lab_sink(&lab);
	topic = lab_topic(&lab, "t", 1);
	wait_until(&lab.wl, is_up, &lab);
	assert_int_equal(rd_kafka_mock_broker_set_down(lab.cluster, 1), 0);
	wait_until(&lab.wl, is_down, &lab);
	assert_int_equal(lab.down_why.code, E2001);
	assert_int_equal(lab.down_why.class, ERR_TRANSIENT);
	assert_non_null(strstr(lab.down_why.detail, rd_kafka_mock_cluster_bootstraps(lab.cluster)));

	taken = fill(&lab, topic);
	/* The budget counts what a message costs in memory, not only its bytes. */
	assert_in_range(taken, (2 << 20) / 800, (2 << 20) / 302);
	assert_int_equal(lab.total, 0);
	assert_int_equal(lab.writable, 0);

	assert_int_equal(rd_kafka_mock_broker_set_up(lab.cluster, 1), 0);
	wait_until(&lab.wl, is_writable, &lab);
	lab.want = taken;
	wait_until(&lab.wl, all_acked, &lab);
	assert_int_equal(lab.total, taken);
	assert_int_equal(lab.failed, 0);
	assert_int_equal(lab.downs, 1);
	assert_int_equal(lab.ups, 2);
	lab_stop(&lab);
}

static void
broker_that_returns_is_noticed_without_messages(void **state)
{
	struct lab lab;

	(void) state;
	lab_start(&lab);
	wait_until(&lab.wl, is_up, &lab);
	rd_kafka_mock_broker_set_down(lab.cluster, 1);
	wait_until(&lab.wl, is_down, &lab);
	rd_kafka_mock_broker_set_up(lab.cluster, 1);
	wait_until(&lab.wl, is_up_again, &lab);
	assert_int_equal(lab.downs, 1);
	lab_stop(&lab);
}

static void
limit_of_messages_counts_too(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;

	(void) state;
	lab_init(&lab);
	lab_cluster(&lab);
	lab.cfg.relay.max_in_flight = 100;
	lab_sink(&lab);
	topic = lab_topic(&lab, "t", 1);
	assert_int_equal(fill(&lab, topic), 100);
	wait_until(&lab.wl, is_writable, &lab);
	assert_true(lab.total >= 25);
	lab_stop(&lab);
}

static void
lower_limit_of_the_user_holds(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;

	(void) state;
	lab_init(&lab);
	lab_cluster(&lab);
	lab_property(&lab, "queue.buffering.max.messages", "10");
	lab_sink(&lab);
	topic = lab_topic(&lab, "t", 1);
	assert_int_equal(fill(&lab, topic), 10);
	wait_until(&lab.wl, is_writable, &lab);
	lab.want = 10;
	wait_until(&lab.wl, all_acked, &lab);
	assert_int_equal(lab.total, 10);
	lab_stop(&lab);
}

/* It would wait for room that never comes. */
static void
message_beyond_the_limit_of_the_user_is_told(void **state)
{
	char               value[2000];
	struct lab         lab;
	struct sink_topic *topic;
	struct err         e;

	(void) state;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	lab_init(&lab);
	lab_cluster(&lab);
	lab_property(&lab, "queue.buffering.max.kbytes", "1");
	lab_sink(&lab);
	topic = lab_topic(&lab, "shop.public.t", 1);
	/* Not while there is something that will make room. */
	assert_rc_ok(lab_send(&lab, topic, "k", "v", 0, &e));
	assert_rc_again(lab_send(&lab, topic, "k", value, 1, &e));
	lab.want = 1;
	wait_until(&lab.wl, all_acked, &lab);
	wait_until(&lab.wl, is_writable, &lab);
	assert_rc_err(lab_send(&lab, topic, "k", value, 1, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "queue.buffering.max.kbytes"));
	assert_non_null(strstr(e.msg, "shop.public.t"));
	assert_non_null(strstr(e.detail, "2000 bytes"));
	assert_non_null(strstr(e.hint, "at least 2,"));

	/* What just fits does go. */
	value[1024] = '\0';
	assert_rc_ok(lab_send(&lab, topic, NULL, value, 1, &e));
	lab.want = 2;
	wait_until(&lab.wl, all_acked, &lab);
	assert_int_equal(lab.failed, 0);
	lab_stop(&lab);
}

static void
message_beyond_the_budget_goes_alone(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	char              *value = xcalloc(1, 3 << 20);
	struct err         e;

	(void) state;
	memset(value, 'v', (3 << 20) - 1);
	lab_init(&lab);
	lab_cluster(&lab);
	lab.cfg.relay.max_bytes = 1 << 20;
	lab_sink(&lab);
	topic = lab_topic(&lab, "t", 1);
	for (unsigned i = 0; i < 3; i++)
	{
		assert_rc_ok(lab_send(&lab, topic, "k", value, i, &e));
		assert_rc_again(lab_send(&lab, topic, "k", "v", i, &e));
		lab.want = i + 1;
		lab.writable = 0;
		wait_until(&lab.wl, all_acked, &lab);
		wait_until(&lab.wl, is_writable, &lab);
	}
	assert_int_equal(lab.failed, 0);
	free(value);
	lab_stop(&lab);
}

/* --- failures --------------------------------------------------------------- */

/* The error that one refused request leads to; nothing of it or after it is acknowledged. */
static void
expect_failure(rd_kafka_resp_err_t code, enum err_class class, enum err_code expected,
			   struct err *why)
{
	struct lab         lab;
	struct sink_topic *topic;
	struct sink_stats  stats;
	struct err         e;

	lab_start(&lab);
	topic = lab_topic(&lab, "shop.public.orders", 1);
	assert_rc_ok(lab_send(&lab, topic, "k", "before", 1, &e));
	lab.want = 1;
	wait_until(&lab.wl, all_acked, &lab);
	assert_int_equal(lab.total, 1);
	rd_kafka_mock_push_request_errors(lab.cluster, PRODUCE, 1, code);
	for (unsigned i = 0; i < 1000; i++)
		assert_rc_ok(lab_send(&lab, topic, "k", "a value of 21 bytes..", 2, &e));
	wait_until(&lab.wl, has_failed, &lab);
	if (lab.why.code != expected)
		fail_msg("%s: %s (%s)", err_code_name(lab.why.code), lab.why.msg, lab.why.detail);
	assert_int_equal(lab.why.class, class);
	assert_rc_again(lab_send(&lab, topic, "k", "after", 3, &e));
	*why = lab.why;

	/* Whatever else comes in, it is told once. */
	waitloop_run(&lab.wl, NULL, NULL, 300);
	assert_int_equal(lab.failed, 1);
	assert_int_equal(lab.total, lab.total_at_failure);
	lab.sink->ops->stats(lab.sink, &stats);
	assert_int_equal(stats.acked, lab.total);
	lab_stop(&lab);
}

static void
record_that_is_too_large_is_named(void **state)
{
	struct err why;

	(void) state;
	expect_failure(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_DATA, E2003, &why);
	assert_non_null(strstr(why.msg, "shop.public.orders"));
	assert_non_null(strstr(why.detail, "22 bytes"));
	assert_non_null(strstr(why.hint, "--entity-name shop.public.orders"));
	assert_non_null(strstr(why.hint, "batch.size"));
}

/* Of one message alone its label is told back, of several how many. */
static void
refusal_tells_which_message(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	struct err         e;

	(void) state;
	for (uint32_t count = 1; count <= 3; count += 2)
	{
		lab_init(&lab);
		lab_cluster(&lab);
		lab_property(&lab, "linger.ms", "200");
		lab_sink(&lab);
		topic = lab_topic(&lab, "t", 1);
		rd_kafka_mock_push_request_errors(lab.cluster, PRODUCE, 1,
										  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
		for (uint32_t i = 0; i < count; i++)
			assert_rc_ok(lab_send(&lab, topic, "k", "123456789", sink_label(7, 40 + i), &e));
		wait_until(&lab.wl, has_failed, &lab);
		assert_int_equal(lab.why.code, E2003);
		assert_int_equal(lab.refusal.messages, count);
		assert_int_equal(lab.refusal.bytes, count * 10);
		if (count == 1)
		{
			assert_int_equal(sink_item(lab.refusal.label), 7);
			assert_int_equal(sink_number(lab.refusal.label), 40);
		}
		lab_stop(&lab);
	}
}

static void
other_failures_are_no_refusals(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	struct err         e;

	(void) state;
	lab_start(&lab);
	topic = lab_topic(&lab, "t", 1);
	rd_kafka_mock_push_request_errors(lab.cluster, PRODUCE, 1,
									  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_rc_ok(lab_send(&lab, topic, "k", "v", sink_label(7, 1), &e));
	wait_until(&lab.wl, has_failed, &lab);
	assert_int_equal(lab.refusal.messages, 0);
	lab_stop(&lab);
}

static void
refused_access_is_told(void **state)
{
	struct err why;

	(void) state;
	expect_failure(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_PERMISSION, E2004, &why);
	expect_failure(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_PERMISSION, E2004, &why);
}

static void
other_refusals_are_told(void **state)
{
	struct err why;

	(void) state;
	expect_failure(RD_KAFKA_RESP_ERR_INVALID_RECORD, ERR_CONFIG, E2006, &why);
	assert_non_null(strstr(why.msg, "refused a record for topic \"shop.public.orders\""));
	expect_failure(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, ERR_CONFIG, E2006, &why);
	assert_non_null(strstr(why.msg, "refused the timestamp of a record for topic"));
	assert_non_null(strstr(why.detail, "message.timestamp.after.max.ms"));
	assert_non_null(strstr(why.hint, "Compare the clocks"));
	/* No record is passed over because a clock is wrong. */
	assert_false(producer_error_is_of_record(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP));
	expect_failure(RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, ERR_TRANSIENT, E2005, &why);
}

static void
passing_errors_are_retried(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	struct err         e;

	(void) state;
	lab_start(&lab);
	topic = lab_topic(&lab, "t", 1);
	rd_kafka_mock_push_request_errors(
		lab.cluster, PRODUCE, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
	for (unsigned i = 0; i < 100; i++)
		assert_rc_ok(lab_send(&lab, topic, "k", "v", i / 50, &e));
	lab.want = 100;
	wait_until(&lab.wl, all_acked, &lab);
	assert_int_equal(lab.total, 100);
	assert_int_equal(lab.failed, 0);
	assert_true(lab.in_order);
	lab_stop(&lab);
}

/* One message to a topic that the brokers do not know yet, or never will. */
static void
send_to_unknown(struct lab *lab, const char *name, uint64_t item)
{
	struct err e;

	rd_kafka_mock_topic_set_error(lab->cluster, name, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_rc_ok(lab_send(lab, lab_topic(lab, name, 0), "k", "v", item, &e));
}

static void
unknown_topic_is_told_with_the_command_that_creates_it(void **state)
{
	struct lab lab;

	(void) state;
	lab_start(&lab);
	wait_until(&lab.wl, is_up, &lab);
	send_to_unknown(&lab, "shop.public.orders", 1);
	wait_until(&lab.wl, has_failed, &lab);
	assert_int_equal(lab.why.code, E2002);
	assert_int_equal(lab.why.class, ERR_CONFIG);
	assert_non_null(strstr(lab.why.msg, "\"shop.public.orders\""));
	assert_non_null(strstr(lab.why.hint, "kafka-topics.sh"));
	assert_non_null(strstr(lab.why.hint, "--topic shop.public.orders"));
	assert_non_null(strstr(lab.why.hint, rd_kafka_mock_cluster_bootstraps(lab.cluster)));
	assert_int_equal(lab.total, 0);
	lab_stop(&lab);
}

static void
topic_that_appears_late_is_waited_for(void **state)
{
	struct lab lab;

	(void) state;
	lab_start(&lab);
	wait_until(&lab.wl, is_up, &lab);
	send_to_unknown(&lab, "late", 1);
	waitloop_run(&lab.wl, has_failed, &lab, 1000);
	rd_kafka_mock_topic_set_error(lab.cluster, "late", RD_KAFKA_RESP_ERR_NO_ERROR);
	lab.want = 1;
	wait_until(&lab.wl, all_acked, &lab);
	assert_int_equal(lab.failed, 0);
	assert_int_equal(lab.total, 1);
	lab_stop(&lab);
}

static void
unknown_topic_is_tried_again_while_the_broker_creates_others(void **state)
{
	struct lab lab;

	(void) state;
	lab_start(&lab);
	wait_until(&lab.wl, is_up, &lab);
	send_to_unknown(&lab, "slow", 1);
	send_to_unknown(&lab, "missing", 2);
	waitloop_run(&lab.wl, has_failed, &lab, 2000);
	rd_kafka_mock_topic_set_error(lab.cluster, "slow", RD_KAFKA_RESP_ERR_NO_ERROR);
	wait_until(&lab.wl, has_failed, &lab);
	assert_int_equal(lab.total, 1);
	assert_int_equal(lab.why.code, E2002);
	assert_int_equal(lab.why.class, ERR_TRANSIENT);
	lab_stop(&lab);
}

static void
topic_that_was_sent_to_before_is_not_asked_for(void **state)
{
	struct lab lab;
	struct err e;

	(void) state;
	lab_start(&lab);
	topic_resize(lab.topics, topics_topic(lab.topics, "own"), 1);
	assert_rc_ok(lab.sink->ops->make(lab.sink, "own", USE_SCHEMA_CHANGES, &e));
	lab_stop(&lab);
}

static void
invalid_topic_name_is_told(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	char               name[600];
	struct err         e;

	(void) state;
	lab_start(&lab);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_rc_err(lab.sink->ops->topic(lab.sink, name, NULL, NULL, &topic, &e), ERR_CONFIG, E2006);
	assert_non_null(strstr(e.hint, "topic.prefix"));
	lab_stop(&lab);
}

/* --- logins ----------------------------------------------------------------- */

static void
lab_login(struct lab *lab, struct loginbroker *broker, enum login login)
{
	static char servers[64];

	loginbroker_start(broker, login);
	lab_init(lab);
	snprintf(servers, sizeof(servers), "127.0.0.1:%d", broker->port);
	lab_property(lab, "bootstrap.servers", servers);
	lab_property(lab, "security.protocol", "sasl_plaintext");
	lab_property(lab, "sasl.mechanism", "PLAIN");
	lab_property(lab, "sasl.username", "relay");
	lab_property(lab, "sasl.password", "secret");
	lab_property(lab, "reconnect.backoff.max.ms", "200");
	lab_sink(lab);
}

static bool
is_refused_thrice(void *arg)
{
	return atomic_load(&((struct loginbroker *) arg)->refused) >= 3;
}

static void
login_that_is_refused_at_first_is_final(void **state)
{
	struct loginbroker broker;
	struct lab         lab;

	(void) state;
	lab_login(&lab, &broker, LOGIN_REFUSE);
	wait_until(&lab.wl, has_failed, &lab);
	assert_int_equal(lab.why.code, E2004);
	assert_int_equal(lab.why.class, ERR_PERMISSION);
	assert_non_null(strstr(lab.why.hint, "sasl.password"));
	assert_null(strstr(lab.why.detail, "secret"));
	lab_stop(&lab);
	loginbroker_stop(&broker);
}

/* A broker that ends in the middle of a login, or has not read its users yet. */
static void
login_that_was_accepted_is_tried_again(void **state)
{
	static const enum login troubles[] = {LOGIN_HANG_UP, LOGIN_REFUSE};

	(void) state;
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
	{
		struct loginbroker broker;
		struct lab         lab;

		lab_login(&lab, &broker, LOGIN_ACCEPT);
		wait_until(&lab.wl, is_up, &lab);
		loginbroker_turn(&broker, troubles[i]);
		wait_until(&lab.wl, is_refused_thrice, &broker);
		wait_until(&lab.wl, is_down, &lab);
		assert_int_equal(lab.down_why.code, E2001);
		assert_non_null(strstr(lab.down_why.hint, "sasl.*"));
		loginbroker_turn(&broker, LOGIN_ACCEPT);
		wait_until(&lab.wl, is_up_again, &lab);
		assert_int_equal(lab.failed, 0);
		assert_int_equal(lab.downs, 1);
		lab_stop(&lab);
		loginbroker_stop(&broker);
	}
}

/* --- the end ----------------------------------------------------------------- */

static int64_t
free_ms(struct lab *lab)
{
	int64_t begin = loop_now_ms();

	lab->sink->ops->free(lab->sink);
	lab->sink = NULL;
	return loop_now_ms() - begin;
}

static void
freeing_gives_up_what_is_in_flight(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;

	(void) state;
	lab_init(&lab);
	lab_cluster(&lab);
	lab.cfg.relay.max_bytes = 1 << 20;
	lab_sink(&lab);
	wait_until(&lab.wl, is_up, &lab);
	topic = lab_topic(&lab, "t", 1);
	rd_kafka_mock_broker_set_rtt(lab.cluster, 1, 60000);
	fill(&lab, topic);
	assert_in_range(free_ms(&lab), 0, 1000);
	assert_int_equal(lab.total, 0);
	lab_stop(&lab);
}

static void
freeing_does_not_wait_for_a_peer_that_says_nothing(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t          len = sizeof(addr);
	int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct lab         lab;
	struct sink_topic *topic;
	char               servers[64];

	(void) state;
	/* Connections come up in the backlog, and nobody answers. */
	assert_int_equal(bind(fd, (struct sockaddr *) &addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &addr, &len), 0);
	snprintf(servers, sizeof(servers), "127.0.0.1:%d", ntohs(addr.sin_port));

	lab_init(&lab);
	lab_property(&lab, "bootstrap.servers", servers);
	lab.cfg.relay.max_bytes = 1 << 20;
	lab_sink(&lab);
	topic = lab_topic(&lab, "t", 0);
	fill(&lab, topic);
	waitloop_run(&lab.wl, has_failed, &lab, 200);
	assert_int_equal(lab.failed, 0);
	assert_in_range(free_ms(&lab), 0, 1000);
	lab_stop(&lab);
	close(fd);
}

/* --- topics are what they were ------------------------------------------------- */

/* One message into topic "t" of so many partitions, of which this was remembered. */
static void
send_to_remembered(struct lab *lab, int partitions, const char *remembered)
{
	struct sink_topic *topic;
	struct err         e;

	lab_start(lab);
	assert_rc_ok(topics_read(lab->topics, (struct str){remembered, strlen(remembered)}, &e));
	topic = lab_topic(lab, "t", partitions);
	assert_rc_ok(lab_send(lab, topic, "k", "v", 1, &e));
}

static void
other_number_of_partitions_is_refused(void **state)
{
	struct lab lab;

	(void) state;
	send_to_remembered(&lab, 4, "{\"version\":1,\"topic\":\"t\",\"partitions\":3,\"next\":[0,0,0]}");
	wait_until(&lab.wl, has_failed, &lab);
	assert_int_equal(lab.why.code, E2011);
	assert_int_equal(lab.why.class, ERR_CONFIG);
	assert_non_null(strstr(lab.why.msg, "has 4 partitions; it had 3"));
	assert_string_equal(lab.why.gap, "partitions_changed");
	assert_string_equal(lab.why.topic, "t");
	assert_int_equal(lab.total, 0);
	lab_stop(&lab);
}

static void
fewer_partitions_are_refused(void **state)
{
	struct lab lab;

	(void) state;
	send_to_remembered(&lab, 1, "{\"version\":1,\"topic\":\"t\",\"partitions\":3,\"next\":[0,0,0]}");
	wait_until(&lab.wl, has_failed, &lab);
	assert_int_equal(lab.why.code, E2011);
	assert_int_equal(lab.total, 0);
	lab_stop(&lab);
}

static void
topic_made_anew_is_refused(void **state)
{
	struct lab lab;

	(void) state;
	send_to_remembered(&lab, 1, "{\"version\":1,\"topic\":\"t\",\"partitions\":1,\"next\":[5]}");
	wait_until(&lab.wl, has_failed, &lab);
	assert_int_equal(lab.why.code, E2012);
	assert_string_equal(lab.why.gap, "topic_recreated");
	assert_string_equal(lab.why.topic, "t");
	assert_non_null(strstr(lab.why.detail, "gave offset 0"));
	assert_non_null(strstr(lab.why.detail, "up to offset 4"));
	assert_int_equal(lab.total, 0);
	lab_stop(&lab);
}

static void
offsets_are_remembered(void **state)
{
	struct lab         lab;
	struct sink_topic *topic;
	struct err         e;

	(void) state;
	lab_start(&lab);
	topic = lab_topic(&lab, "t", 1);
	for (uint64_t item = 1; item <= 3; item++)
		assert_rc_ok(lab_send(&lab, topic, "k", "v", item, &e));
	lab.want = 3;
	wait_until(&lab.wl, all_acked, &lab);
	assert_int_equal(topics_topic(lab.topics, "t")->npartitions, 1);
	assert_int_equal(topics_topic(lab.topics, "t")->next[0], 3);
	lab_stop(&lab);
}

/* --- settings ------------------------------------------------------------------ */

static void
settings_that_do_not_fit_together_are_told(void **state)
{
	struct sink_events events = {0};
	struct lab         lab;
	struct err         e;

	(void) state;
	lab_init(&lab);
	lab_property(&lab, "bootstrap.servers", "127.0.0.1:1");
	lab_property(&lab, "retries", "0"); /* idempotence needs some */
	assert_rc_err(sink_kafka_new(lab.wl.loop, &lab.cfg, lab.topics, &events, &lab.sink, &e),
				  ERR_CONFIG, E1002);
	assert_true(e.detail[0] != '\0');
	assert_true(e.hint[0] != '\0');
	lab.cfg.kafka.nproperties = 1;
	lab_property(&lab, "acks", "1");
	assert_rc_err(sink_kafka_new(lab.wl.loop, &lab.cfg, lab.topics, &events, &lab.sink, &e),
				  ERR_CONFIG, E1005);
	lab.sink = NULL;
	lab_stop(&lab);
}

static void
old_library_is_warned_of(void **state)
{
	const char *text = producer_version_warning();
	unsigned    major, minor, patch;

	(void) state;
	assert_int_equal(sscanf(producer_version(), "%u.%u.%u", &major, &minor, &patch), 3);
	if (major * 10000 + minor * 100 + patch >= 20503)
		assert_null(text);
	else
	{
		assert_non_null(text);
		assert_non_null(strstr(text, producer_version()));
		assert_non_null(strstr(text, "2.5.3"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_is_acknowledged_once_for_its_item),
		cmocka_unit_test(order_is_kept_for_each_key),
		cmocka_unit_test(partitions_are_those_of_java_clients),
		cmocka_unit_test(keys_values_and_headers_arrive),
		cmocka_unit_test_setup_teardown(broker_that_is_away_is_waited_for_in_silence, noise_begin,
										noise_end),
		cmocka_unit_test(broker_that_returns_is_noticed_without_messages),
		cmocka_unit_test(limit_of_messages_counts_too),
		cmocka_unit_test(lower_limit_of_the_user_holds),
		cmocka_unit_test(message_beyond_the_limit_of_the_user_is_told),
		cmocka_unit_test(message_beyond_the_budget_goes_alone),
		cmocka_unit_test(record_that_is_too_large_is_named),
		cmocka_unit_test(refusal_tells_which_message),
		cmocka_unit_test(other_failures_are_no_refusals),
		cmocka_unit_test(refused_access_is_told),
		cmocka_unit_test(other_refusals_are_told),
		cmocka_unit_test(passing_errors_are_retried),
		cmocka_unit_test(unknown_topic_is_told_with_the_command_that_creates_it),
		cmocka_unit_test(topic_that_appears_late_is_waited_for),
		cmocka_unit_test(unknown_topic_is_tried_again_while_the_broker_creates_others),
		cmocka_unit_test(topic_that_was_sent_to_before_is_not_asked_for),
		cmocka_unit_test(invalid_topic_name_is_told),
		cmocka_unit_test(login_that_is_refused_at_first_is_final),
		cmocka_unit_test(login_that_was_accepted_is_tried_again),
		cmocka_unit_test(freeing_gives_up_what_is_in_flight),
		cmocka_unit_test(freeing_does_not_wait_for_a_peer_that_says_nothing),
		cmocka_unit_test(other_number_of_partitions_is_refused),
		cmocka_unit_test(fewer_partitions_are_refused),
		cmocka_unit_test(topic_made_anew_is_refused),
		cmocka_unit_test(offsets_are_remembered),
		cmocka_unit_test(settings_that_do_not_fit_together_are_told),
		cmocka_unit_test(old_library_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
