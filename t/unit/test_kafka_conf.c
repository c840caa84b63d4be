/*
 * test_kafka_conf.c
 *		What [kafka] may change and what it may not, and what our clients are made of.
 */
#include "unit.h"

#include <librdkafka/rdkafka.h>

#include "kafka_conf.h"

/* --- one property ---------------------------------------------------------------- */

static void
what_weakens_delivery_is_refused(void **state)
{
	static const char *const properties[][2] = {
		{"acks", "1"},
		{"acks", "0"},
		{"request.required.acks", "1"},
		{"enable.idempotence", "false"},
		{"enable.idempotence", "f"},
		{"message.timeout.ms", "30000"},
		{"delivery.timeout.ms", "120000"},
		{"max.in.flight", "6"},
		{"max.in.flight.requests.per.connection", "1000"},
		{"enable.gapless.guarantee", "false"},
		{"queuing.strategy", "lifo"},
		{"delivery.report.only.error", "true"},
		{"log.queue", "false"},
		{"enabled_events", "0"},
	};
	struct err e;

	(void) state;
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
	{
		err_clear(&e);
		if (kafka_conf_check(properties[i][0], properties[i][1], &e) != RC_ERR || e.code != E1005)
			fail_msg("%s=%s: %s", properties[i][0], properties[i][1], e.msg);
		assert_int_equal(e.class, ERR_CONFIG);
		assert_non_null(strstr(e.msg, properties[i][0]));
		assert_true(e.detail[0] != '\0');
	}
}

static void
number_with_a_unit_is_refused(void **state)
{
	static const char *const properties[][2] = {{"statistics.interval.ms", "2s"},
												{"linger.ms", "5ms"},
												{"linger.ms", "0.5s"},
												{"batch.size", "1MB"},
												{"batch.size", "1e6"},
												{"metadata.max.age.ms", "1 min"},
												{"compression.level", "-1x"},
												{"acks", "1x"}};
	struct err e;

	(void) state;
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
	{
		err_clear(&e);
		if (kafka_conf_check(properties[i][0], properties[i][1], &e) != RC_ERR || e.code != E1002)
			fail_msg("%s=%s: %s", properties[i][0], properties[i][1], e.msg);
		assert_non_null(strstr(e.msg, properties[i][0]));
	}
}

static void
what_keeps_delivery_is_taken(void **state)
{
	static const char *const properties[][2] = {
		{"bootstrap.servers", "a:1,b:2"},
		{"bootstrap.servers", "10.0.0.1:9092"},
		{"client.id", "2nd relay"},
		{"batch.size", "0x100000"},
		{"linger.ms", "0.5"},
		{"linger.ms", "5.0"},
		{"acks", "all"},
		{"acks", "-1"},
		{"enable.idempotence", "true"},
		{"message.timeout.ms", "0"},
		{"delivery.timeout.ms", "0"},
		{"max.in.flight", "1"},
		{"max.in.flight.requests.per.connection", "5"},
		{"compression.codec", "zstd"},
		{"compression.type", "none"},
		{"partitioner", "consistent_random"},
		{"linger.ms", "50"},
		{"batch.size", "100000"},
		{"queue.buffering.max.kbytes", "1000"},
		{"message.max.bytes", "2000000"},
		{"security.protocol", "sasl_ssl"},
		{"sasl.password", "secret"},
	};
	struct err e;

	(void) state;
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		assert_rc_ok(kafka_conf_check(properties[i][0], properties[i][1], &e));
}

static void
wrong_properties_are_told_apart(void **state)
{
	struct err e;

	(void) state;
	assert_rc_err(kafka_conf_check("bootstrap.server", "x", &e), ERR_CONFIG, E1001);
	assert_non_null(strstr(e.msg, "bootstrap.server"));
	assert_rc_err(kafka_conf_check("linger.ms", "soon", &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "linger.ms"));
	assert_true(e.detail[0] != '\0');
	assert_rc_err(kafka_conf_check("acks", "some", &e), ERR_CONFIG, E1002);
	assert_rc_err(kafka_conf_check("dr_msg_cb", "x", &e), ERR_CONFIG, E1002);
	assert_rc_err(kafka_conf_check("batch.size", "-1", &e), ERR_CONFIG, E1002);
}

/* --- what clients are made of ---------------------------------------------------- */

static struct property user[] = {
	{.name = (char *) "bootstrap.servers", .value = (char *) "a:1,b:2"},
	{.name = (char *) "client.id", .value = (char *) "me"},
	{.name = (char *) "linger.ms", .value = (char *) "50"},
	/* Of consumers; no concern of the producer's. */
	{.name = (char *) "enable.partition.eof", .value = (char *) "false"},
	{.name = (char *) "isolation.level", .value = (char *) "read_committed"},
	{.name = (char *) "fetch.wait.max.ms", .value = (char *) "500"},
	{.name = (char *) "fetch.max.bytes", .value = (char *) "2000000"},
	{.name = (char *) "allow.auto.create.topics", .value = (char *) "true"},
};
static const struct config cfg = {
	.kafka = {.properties = user, .nproperties = sizeof(user) / sizeof(user[0])}};

static void
assert_value(const rd_kafka_conf_t *conf, const char *name, const char *expected)
{
	char value[64];

	kafka_conf_read(conf, name, value, sizeof(value));
	if (strcmp(value, expected) != 0)
		fail_msg("%s is %s, not %s", name, value, expected);
}

static void
producers_are_ours_then_the_users(void **state)
{
	rd_kafka_conf_t *conf;
	struct err       e;

	(void) state;
	assert_rc_ok(kafka_conf_producer(&cfg, &conf, &e));
	assert_value(conf, "bootstrap.servers", "a:1,b:2");
	assert_value(conf, "client.id", "me");
	assert_value(conf, "linger.ms", "50");
	assert_value(conf, "enable.idempotence", "true");
	assert_value(conf, "message.timeout.ms", "0");
	assert_value(conf, "compression.codec", "lz4");
	assert_value(conf, "no.such.property", "");
	rd_kafka_conf_destroy(conf);
}

static void
producers_are_not_made_of_what_weakens_delivery(void **state)
{
	struct property  weak[] = {{.name = (char *) "acks", .value = (char *) "1"}};
	struct config    weak_cfg = {.kafka = {.properties = weak, .nproperties = 1}};
	rd_kafka_conf_t *conf;
	struct err       e;

	(void) state;
	assert_rc_err(kafka_conf_producer(&weak_cfg, &conf, &e), ERR_CONFIG, E1005);
}

static void
producers_of_transactions_have_a_name(void **state)
{
	struct property  own[] = {{.name = (char *) "transactional.id", .value = (char *) "me"},
							  {.name = (char *) "transaction.timeout.ms", .value = (char *) "30000"}};
	struct config    once = {.kafka = {.topic_prefix = (char *) "shop", .exactly_once = true},
							 .slot = {.name = (char *) "cdc"}};
	rd_kafka_conf_t *conf;
	struct err       e;

	(void) state;
	assert_rc_ok(kafka_conf_producer(&once, &conf, &e));
	assert_value(conf, "transactional.id", "walrelay-shop-cdc");
	assert_value(conf, "transaction.timeout.ms", "60000");
	assert_value(conf, "message.timeout.ms", "60000");
	rd_kafka_conf_destroy(conf);
	once.kafka.properties = own;
	once.kafka.nproperties = 2;
	assert_rc_ok(kafka_conf_producer(&once, &conf, &e));
	assert_value(conf, "transactional.id", "me");
	assert_value(conf, "message.timeout.ms", "30000");
	rd_kafka_conf_destroy(conf);
	assert_int_equal(kafka_conf_transaction_ms(&once), 30000);
	once.relay.progress_ms = 7500;
	assert_rc_ok(kafka_conf_producer(&once, &conf, &e));
	rd_kafka_conf_destroy(conf);
	once.relay.progress_ms = 7501;
	assert_rc_err(kafka_conf_producer(&once, &conf, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "progress.interval.ms"));
	assert_non_null(strstr(e.hint, "transaction.timeout.ms"));
	once.kafka.exactly_once = false;
	assert_rc_err(kafka_conf_producer(&once, &conf, &e), ERR_CONFIG, E1005);
	assert_non_null(strstr(e.hint, "delivery=exactly-once"));
}

/* By default nothing is said of the largest record: any limit of the brokers is as good. */
static void
what_is_sent_is_bounded(void **state)
{
	static const struct
	{
		const char *batch; /* batch.size, message.max.bytes; NULL: ours */
		const char *most;
		uint64_t    value; /* max.value.bytes */
		uint64_t    batch_bytes;
		uint64_t    record_bytes;
	} cases[] = {
		{NULL, NULL, UINT64_C(1) << 30, 1000000, 0},
		{"20000", NULL, UINT64_C(1) << 31, 20000, 0},
		{NULL, "5000000", UINT64_C(1) << 30, 1000000, 5000000},
		{NULL, "300000", UINT64_C(1) << 30, 300000, 300000},
		{NULL, NULL, 4000000, 1000000, 4501024},
		{NULL, "5000000", 4000000, 1000000, 4501024},
		{NULL, "4000000", 4000000, 1000000, 4000000},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct property    own[] = {{.name = (char *) "batch.size", .value = (char *) cases[i].batch},
									{.name = (char *) "message.max.bytes", .value = (char *) cases[i].most}};
		struct property    set[2];
		unsigned           count = 0;
		struct config      bounded = {.relay = {.max_long = cases[i].value, .on_error = ON_ERROR_SKIP}};
		struct topic_sizes sizes;

		for (size_t j = 0; j < 2; j++)
			if (own[j].value)
				set[count++] = own[j];
		bounded.kafka.properties = set;
		bounded.kafka.nproperties = count;
		kafka_conf_sizes(&bounded, &sizes);
		assert_int_equal(sizes.batch, cases[i].batch_bytes);
		assert_int_equal(sizes.record, cases[i].record_bytes);
		assert_int_equal(sizes.on_error, ON_ERROR_SKIP);
	}
}

/* A setting of the user's that ended a reading too early would go unnoticed. */
static void
consumers_are_the_users_then_ours(void **state)
{
	rd_kafka_conf_t *conf = kafka_conf_consumer(&cfg, READ_UNCOMMITTED);

	(void) state;
	assert_value(conf, "bootstrap.servers", "a:1,b:2");
	assert_value(conf, "client.id", "me");
	assert_value(conf, "fetch.max.bytes", "2000000");
	assert_value(conf, "enable.partition.eof", "true");
	assert_value(conf, "fetch.wait.max.ms", "10");
	assert_value(conf, "allow.auto.create.topics", "false");
	assert_value(conf, "isolation.level", "read_uncommitted");
	rd_kafka_conf_destroy(conf);

	conf = kafka_conf_consumer(&cfg, READ_COMMITTED);
	assert_value(conf, "isolation.level", "read_committed");
	rd_kafka_conf_destroy(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_weakens_delivery_is_refused),
		cmocka_unit_test(number_with_a_unit_is_refused),
		cmocka_unit_test(what_keeps_delivery_is_taken),
		cmocka_unit_test(wrong_properties_are_told_apart),
		cmocka_unit_test(producers_are_ours_then_the_users),
		cmocka_unit_test(producers_are_not_made_of_what_weakens_delivery),
		cmocka_unit_test(producers_of_transactions_have_a_name),
		cmocka_unit_test(what_is_sent_is_bounded),
		cmocka_unit_test(consumers_are_the_users_then_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
