/*
 * test_producer_once.c
 *		The Kafka sink with delivery=exactly-once against librdkafka's mock cluster:
 *		what the brokers refuse about transactions, and how an open one ends.
 */
#include "unit.h"

#include "mockcluster.h"
#include "sink.h"
#include "topics.h"
#include "waitloop.h"

/* ApiKeys */
#define FIND_COORDINATOR 10
#define INIT_PRODUCER_ID 22
#define ADD_PARTITIONS_TO_TXN 24
#define END_TXN 26

struct lab
{
	struct waitloop    wl;
	struct mockcluster mock;
	struct config      cfg;
	struct topics     *topics;
	struct sink       *sink;
	bool               ready;
	bool               committed;
	bool               failed;
	unsigned           stuck;
	unsigned           unstuck;
	struct err         why;
};

static void
on_acked(void *arg, uint32_t item, uint32_t count)
{
	(void) arg, (void) item, (void) count;
}

static void
on_ready(void *arg)
{
	((struct lab *) arg)->ready = true;
}

static void
on_committed(void *arg)
{
	((struct lab *) arg)->committed = true;
}

static void
on_writable(void *arg)
{
	(void) arg;
}

static void
on_state(void *arg, bool up, const struct err *why)
{
	(void) arg, (void) up, (void) why;
}

static void
on_stuck(void *arg, const struct err *why)
{
	struct lab *lab = arg;

	if (why == NULL)
		lab->unstuck++;
	else
	{
		lab->stuck++;
		lab->why = *why;
	}
}

static void
on_failed(void *arg, const struct err *e)
{
	struct lab *lab = arg;

	assert_false(lab->failed);
	lab->failed = true;
	lab->why = *e;
}

static bool
has_ended(void *arg)
{
	struct lab *lab = arg;

	return lab->ready || lab->committed || lab->failed;
}

static bool
is_stuck(void *arg)
{
	return ((struct lab *) arg)->stuck > 0;
}

/* Brokers have it, in a transaction that is open. */
static bool
is_delivered(void *arg)
{
	struct lab       *lab = arg;
	struct sink_stats stats;

	lab->sink->ops->stats(lab->sink, &stats);
	return stats.in_flight == 0;
}

static bool
is_gone(void *arg)
{
	(void) arg;
	return !sink_kafka_is_left_behind();
}

static void
lab_start(struct lab *lab)
{
	const struct sink_events events = {.acked = on_acked,
									   .failed = on_failed,
									   .ready = on_ready,
									   .committed = on_committed,
									   .writable = on_writable,
									   .state = on_state,
									   .stuck = on_stuck,
									   .arg = lab};
	struct err               e;

	memset(lab, 0, sizeof(*lab));
	waitloop_init(&lab->wl);
	mockcluster_start(&lab->mock, &lab->cfg);
	lab->cfg.kafka.exactly_once = true;
	lab->cfg.kafka.topic_prefix = (char *) "shop";
	lab->cfg.slot.name = (char *) "slot";
	lab->cfg.relay.max_in_flight = 1000;
	lab->cfg.relay.max_bytes = 1 << 20;
	lab->topics = topics_new();
	assert_rc_ok(sink_kafka_new(lab->wl.loop, &lab->cfg, lab->topics, &events, &lab->sink, &e));
	assert_int_equal(rd_kafka_mock_topic_create(lab->mock.cluster, "t", 1, 1), 0);
}

static void
lab_stop(struct lab *lab)
{
	if (lab->sink)
		lab->sink->ops->free(lab->sink);
	mockcluster_stop(&lab->mock);
	topics_free(lab->topics);
	waitloop_end(&lab->wl);
}

static void
lab_fence(struct lab *lab)
{
	lab->sink->ops->fence(lab->sink);
	wait_until(&lab->wl, has_ended, lab);
}

/* A message of the Kafka transaction. */
static void
lab_send(struct lab *lab)
{
	struct outgoing    out = {.has_key = true, .has_value = true, .key = {"k", 1}, .value = {"v", 1}};
	struct sink_topic *topic;
	struct err         e;

	assert_rc_ok(lab->sink->ops->topic(lab->sink, "t", NULL, NULL, &topic, &e));
	assert_rc_ok(lab->sink->ops->send(lab->sink, topic, &out, 1, &e));
}

static void
lab_commit(struct lab *lab)
{
	lab->ready = false;
	lab->sink->ops->commit(lab->sink);
	wait_until(&lab->wl, has_ended, lab);
}

static void
assert_why(const struct lab *lab, enum err_class class, enum err_code code, const char *hint)
{
	if (!lab->failed || lab->why.code != code || lab->why.class != class ||
		strstr(lab->why.hint, hint) == NULL)
		fail_msg("%d %s %s: %s (%s) %s", lab->failed, err_code_name(lab->why.code),
				 lab->why.msg, lab->why.detail, err_code_name(code), lab->why.hint);
}

/* --- what is refused --------------------------------------------------------- */

static void
what_brokers_refuse_at_first_is_told(void **state)
{
	static const struct
	{
		rd_kafka_resp_err_t code;
		enum err_class      class;
		enum err_code       expected;
		const char         *hint;
	} cases[] = {
		{RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ERR_PERMISSION, E2004,
		 "--transactional-id"},
		{RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, ERR_CONFIG, E1002,
		 "transaction.max.timeout.ms"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct lab lab;

		lab_start(&lab);
		rd_kafka_mock_push_request_errors(lab.mock.cluster, INIT_PRODUCER_ID, 1, cases[i].code);
		lab_fence(&lab);
		assert_why(&lab, cases[i].class, cases[i].expected, cases[i].hint);
		lab_stop(&lab);
	}
}

/* librdkafka then gives the messages up, and their reports do not say why. */
static void
topic_that_refuses_access_is_told(void **state)
{
	struct lab lab;

	(void) state;
	for (int commits = 0; commits < 2; commits++)
	{
		lab_start(&lab);
		lab_fence(&lab);
		assert_true(lab.ready);
		rd_kafka_mock_push_request_errors(lab.mock.cluster, ADD_PARTITIONS_TO_TXN, 1,
										  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
		lab_send(&lab);
		lab.ready = false;
		if (commits)
			lab_commit(&lab);
		else
			wait_until(&lab.wl, has_ended, &lab);
		assert_why(&lab, ERR_PERMISSION, E2004, "Write");
		lab_stop(&lab);
	}
}

static void
brokers_that_do_not_answer_about_transactions_are_told(void **state)
{
	struct lab lab;

	(void) state;
	lab_start(&lab);
	for (int i = 0; i < 1000; i++)
		rd_kafka_mock_push_request_errors(lab.mock.cluster, FIND_COORDINATOR, 1,
										  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	lab.sink->ops->fence(lab.sink);
	wait_until(&lab.wl, is_stuck, &lab);
	assert_int_equal(lab.why.code, E2013);
	assert_non_null(strstr(lab.why.hint, "__transaction_state"));
	assert_false(lab.ready);
	rd_kafka_mock_clear_request_errors(lab.mock.cluster, FIND_COORDINATOR);
	wait_until(&lab.wl, has_ended, &lab);
	assert_true(lab.ready);
	assert_int_equal(lab.stuck, 1);
	assert_int_equal(lab.unstuck, 1);
	lab_stop(&lab);
}

/* --- the end ------------------------------------------------------------------ */

static bool
is_all_gone(void *arg)
{
	(void) arg;
	return !sink_kafka_is_left_behind();
}

static void
transaction_that_is_open_is_aborted(void **state)
{
	struct lab lab;

	(void) state;
	lab_start(&lab);
	lab_fence(&lab);
	lab_send(&lab);
	lab_commit(&lab);
	assert_true(lab.committed);
	lab_send(&lab);
	wait_until(&lab.wl, is_delivered, &lab);
	lab.sink->ops->free(lab.sink);
	lab.sink = NULL;
	assert_true(sink_kafka_settle());
	wait_until(&lab.wl, is_all_gone, &lab); /* librdkafka's threads, which may take a while */
	lab_stop(&lab);
}

/* Until the next producer of the name has its turn. */
static void
transaction_that_cannot_be_aborted_is_told(void **state)
{
	struct lab lab;

	(void) state;
	lab_start(&lab);
	lab_fence(&lab);
	lab_send(&lab);
	wait_until(&lab.wl, is_delivered, &lab);
	for (int i = 0; i < 1000; i++)
		rd_kafka_mock_push_request_errors(lab.mock.cluster, END_TXN, 1,
										  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
	lab.sink->ops->free(lab.sink);
	lab.sink = NULL;
	assert_true(sink_kafka_is_left_behind());
	assert_false(sink_kafka_settle());
	wait_until(&lab.wl, is_gone, NULL);
	lab_stop(&lab);

	lab_start(&lab);
	lab_fence(&lab);
	assert_true(lab.ready);
	assert_true(sink_kafka_settle());
	lab_stop(&lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_brokers_refuse_at_first_is_told),
		cmocka_unit_test(topic_that_refuses_access_is_told),
		cmocka_unit_test(brokers_that_do_not_answer_about_transactions_are_told),
		cmocka_unit_test(transaction_that_is_open_is_aborted),
		cmocka_unit_test(transaction_that_cannot_be_aborted_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
