/*
 * test_topic_reader.c
 *		Topics of librdkafka's mock cluster, read from beginning to end.
 */
#include "unit.h"

#include <dlfcn.h>

#include "buf.h"
#include "mockcluster.h"
#include "topic_reader.h"
#include "waitloop.h"

#define TOPIC "t"
#define MAX_RECORDS 16

struct lab
{
	struct waitloop      wl;
	struct mockcluster   mock;
	struct config        cfg;
	struct topic_reading reading;
	struct topic_reader *reader;
	unsigned             done;
	bool                 frees; /* done() does */
	char                *seen[MAX_RECORDS];
	_Atomic unsigned     nseen;
	unsigned             refuse_at; /* which record is not taken; 0: none */
};

static struct err e;

/* --- the library's question for an end ------------------------------------------- */

static _Atomic int64_t     promised_end; /* what a leader says at least */
static _Atomic unsigned    refusals;     /* how often there is no answer first */
static rd_kafka_resp_err_t refusal;

/* In front of the library's own, since its mock brokers always know. */
rd_kafka_resp_err_t
rd_kafka_query_watermark_offsets(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *low,
								 int64_t *high, int timeout_ms)
{
	rd_kafka_resp_err_t (*ask)(rd_kafka_t *, const char *, int32_t, int64_t *, int64_t *, int);
	rd_kafka_resp_err_t code;

	if (refusals > 0)
	{
		refusals--;
		return refusal;
	}
	*(void **) &ask = dlsym(RTLD_NEXT, "rd_kafka_query_watermark_offsets");
	code = ask(rk, topic, partition, low, high, timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && *high < promised_end)
		*high = promised_end;
	return code;
}

/* --- a topic and its reader ------------------------------------------------------- */

/* "partition/offset key=value", "-" for what there is none of. */
static enum rc
on_record(void *arg, const struct topic_record *record, struct err *error)
{
	struct lab *lab = arg;
	unsigned    n = lab->nseen;

	if (n == MAX_RECORDS)
		abort(); /* cmocka's assertions are for its own thread */
	lab->seen[n] = xasprintf("%d/%d %.*s=%.*s", (int) record->partition, (int) record->offset,
							 record->key.data ? (int) record->key.len : 1,
							 record->key.data ? record->key.data : "-",
							 record->value.data ? (int) record->value.len : 1,
							 record->value.data ? record->value.data : "-");
	lab->nseen = n + 1;
	if (lab->refuse_at != n + 1)
		return RC_OK;
	return err_set(error, ERR_DATA, E2008, "not for us");
}

static void
on_done(void *arg)
{
	struct lab *lab = arg;

	lab->done++;
	if (!lab->frees)
		return;
	topic_reader_free(lab->reader);
	lab->reader = NULL;
}

static bool
is_done(void *arg)
{
	return ((struct lab *) arg)->done > 0;
}

static int
setup(void **state)
{
	struct lab *lab = xcalloc(1, sizeof(*lab));

	promised_end = 0;
	refusals = 0;
	waitloop_init(&lab->wl);
	mockcluster_start(&lab->mock, &lab->cfg);
	lab->reading = (struct topic_reading){.isolation = READ_COMMITTED,
										  .record = on_record,
										  .done = on_done,
										  .arg = lab};
	lab->reader = topic_reader_new(lab->wl.loop, &lab->cfg, &lab->reading);
	*state = lab;
	return 0;
}

static void
lab_forget(struct lab *lab)
{
	while (lab->nseen > 0)
		free(lab->seen[--lab->nseen]);
	lab->done = 0;
}

static int
teardown(void **state)
{
	struct lab *lab = *state;

	topic_reader_free(lab->reader);
	mockcluster_stop(&lab->mock);
	waitloop_end(&lab->wl);
	lab_forget(lab);
	free(lab);
	return 0;
}

/* NULL: none. */
static void
produce(struct lab *lab, int32_t partition, const char *key, const char *value)
{
	mockcluster_produce(&lab->mock, TOPIC, partition, (struct str){key, key ? strlen(key) : 0},
						(struct str){value, value ? strlen(value) : 0});
	mockcluster_flush(&lab->mock);
}

static enum rc
read_topic(struct lab *lab)
{
	lab_forget(lab);
	topic_reader_start(lab->reader, TOPIC);
	assert_rc_again(topic_reader_result(lab->reader, &e));
	wait_until(&lab->wl, is_done, lab);
	return topic_reader_result(lab->reader, &e);
}

/* --- what is read ----------------------------------------------------------------- */

static void
no_topic_is_told_from_an_empty_one(void **state)
{
	struct lab *lab = *state;

	assert_rc_again(topic_reader_result(lab->reader, &e));
	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 3, 1);
	rd_kafka_mock_topic_set_error(lab->mock.cluster, TOPIC,
								  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_rc_ok(read_topic(lab));
	assert_int_equal(topic_reader_partitions(lab->reader), 0);
	assert_int_equal(topic_reader_records(lab->reader), 0);

	rd_kafka_mock_topic_set_error(lab->mock.cluster, TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_rc_ok(read_topic(lab));
	assert_int_equal(topic_reader_partitions(lab->reader), 3);
	assert_int_equal(topic_reader_records(lab->reader), 0);
	assert_string_equal(topic_reader_topic(lab->reader), TOPIC);
}

static void
records_come_as_they_are(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 1, 1);
	produce(lab, 0, "k", "v");
	produce(lab, 0, "k", NULL);
	produce(lab, 0, NULL, "v");
	produce(lab, 0, "", "");
	assert_rc_ok(read_topic(lab));
	assert_int_equal(lab->nseen, 4);
	assert_string_equal(lab->seen[0], "0/0 k=v");
	assert_string_equal(lab->seen[1], "0/1 k=-");
	assert_string_equal(lab->seen[2], "0/2 -=v");
	assert_string_equal(lab->seen[3], "0/3 =");
	assert_int_equal(topic_reader_records(lab->reader), 4);

	/* Once more: from the beginning, and what has come meanwhile. */
	produce(lab, 0, "k", "new");
	assert_rc_ok(read_topic(lab));
	assert_int_equal(lab->nseen, 5);
	assert_string_equal(lab->seen[0], "0/0 k=v");
	assert_string_equal(lab->seen[4], "0/4 k=new");
	assert_int_equal(topic_reader_records(lab->reader), 5);
}

static void
all_partitions_are_read(void **state)
{
	struct lab *lab = *state;
	unsigned    next[3] = {0};

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 3, 1);
	for (unsigned i = 0; i < 12; i++)
		if (i % 3 != 1) /* this one is empty */
			produce(lab, (int32_t) (i % 3), "k", "v");
	assert_rc_ok(read_topic(lab));
	assert_int_equal(lab->nseen, 8);
	for (unsigned i = 0; i < lab->nseen; i++)
	{
		unsigned partition, offset;

		assert_int_equal(sscanf(lab->seen[i], "%u/%u k=v", &partition, &offset), 2);
		assert_int_equal(offset, next[partition]++);
	}
	assert_int_equal(next[0], 4);
	assert_int_equal(next[2], 4);
}

static void
assert_part(struct lab *lab, struct topic_part part, const char *first, unsigned count)
{
	lab->reading.part = &part;
	topic_reader_free(lab->reader);
	lab->reader = topic_reader_new(lab->wl.loop, &lab->cfg, &lab->reading);
	assert_rc_ok(read_topic(lab));
	assert_int_equal(lab->nseen, count);
	if (count > 0)
		assert_string_equal(lab->seen[0], first);
	lab->reading.part = NULL;
}

static void
part_of_a_topic_is_read(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 2, 1);
	for (unsigned i = 0; i < 6; i++)
		produce(lab, 1, "k", "v");
	assert_part(lab, (struct topic_part){0}, "1/0 k=v", 6);
	assert_part(lab, (struct topic_part){.from = FROM_END}, NULL, 0);
	assert_part(lab, (struct topic_part){.from = FROM_OFFSET, .number = 4}, "1/4 k=v", 2);
	assert_part(lab, (struct topic_part){.from = FROM_OFFSET, .number = 6}, NULL, 0);
	assert_part(lab, (struct topic_part){.from = FROM_OFFSET, .number = 600}, NULL, 0);
	assert_part(lab, (struct topic_part){.from = FROM_LAST, .number = 1}, "1/5 k=v", 1);
	assert_part(lab, (struct topic_part){.from = FROM_LAST, .number = 6}, "1/0 k=v", 6);
	assert_part(lab, (struct topic_part){.from = FROM_LAST, .number = 600}, "1/0 k=v", 6);
	assert_part(lab, (struct topic_part){.from = FROM_LAST, .number = 0}, NULL, 0);
	assert_part(lab, (struct topic_part){.one = true, .partition = 1}, "1/0 k=v", 6);
	assert_part(lab, (struct topic_part){.one = true, .partition = 0}, NULL, 0);
	assert_part(lab, (struct topic_part){.one = true, .partition = 2}, NULL, 0);
	assert_int_equal(topic_reader_partitions(lab->reader), 2);
}

static bool
has_seen_two(void *arg)
{
	return ((struct lab *) arg)->nseen == 2;
}

/* Nothing ends it but who reads: here, by being cancelled. */
static void
followed_topic_has_no_end(void **state)
{
	struct lab       *lab = *state;
	struct topic_part part = {.follows = true};

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 2, 1);
	produce(lab, 0, "k", "0");
	lab->reading.part = &part;
	topic_reader_free(lab->reader);
	lab->reader = topic_reader_new(lab->wl.loop, &lab->cfg, &lab->reading);
	topic_reader_start(lab->reader, TOPIC);
	assert_false(waitloop_run(&lab->wl, is_done, lab, 500));
	produce(lab, 1, "k", "1");
	wait_until(&lab->wl, has_seen_two, lab);
	assert_false(waitloop_run(&lab->wl, is_done, lab, 100));
	topic_reader_cancel(lab->reader);
	assert_string_equal(lab->seen[1], "1/0 k=1");
}

/* What is handed out ends too early with client.rack, or where the leader was just elected. */
static void
end_is_what_the_leader_says(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 1, 1);
	produce(lab, 0, "k", "0");
	produce(lab, 0, "k", "1");
	promised_end = 3;
	topic_reader_start(lab->reader, TOPIC);
	wait_until(&lab->wl, has_seen_two, lab);
	assert_false(waitloop_run(&lab->wl, is_done, lab, 500));
	produce(lab, 0, "k", "2");
	wait_until(&lab->wl, is_done, lab);
	assert_rc_ok(topic_reader_result(lab->reader, &e));
	assert_int_equal(lab->nseen, 3);
	assert_string_equal(lab->seen[2], "0/2 k=2");
}

static void
leader_that_does_not_know_the_end_yet_is_asked_again(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 2, 1);
	produce(lab, 1, "k", "v");
	refusals = 3;
	refusal = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	assert_rc_ok(read_topic(lab));
	assert_int_equal(refusals, 0);
	assert_int_equal(lab->nseen, 1);

	refusals = 1;
	refusal = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
	assert_rc_err(read_topic(lab), ERR_PERMISSION, E2004);
}

static void
record_that_is_not_taken_ends_the_reading(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 1, 1);
	for (unsigned i = 0; i < 5; i++)
		produce(lab, 0, "k", "v");
	lab->refuse_at = 2;
	assert_rc_err(read_topic(lab), ERR_DATA, E2008);
	assert_string_equal(e.msg, "not for us");
	assert_int_equal(lab->nseen, 2);
	assert_null(topic_reader_topic(lab->reader));

	lab->refuse_at = 0;
	assert_rc_ok(read_topic(lab));
	assert_int_equal(lab->nseen, 5);
}

static void
cancelled_reading_says_nothing_more(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 1, 1);
	produce(lab, 0, "k", "v");
	rd_kafka_mock_broker_set_down(lab->mock.cluster, 1);
	topic_reader_start(lab->reader, TOPIC);
	topic_reader_cancel(lab->reader);
	assert_rc_again(topic_reader_result(lab->reader, &e));
	waitloop_run(&lab->wl, NULL, NULL, 100);
	assert_int_equal(lab->done, 0);
	assert_int_equal(lab->nseen, 0);
	topic_reader_cancel(lab->reader); /* nothing is under way */

	rd_kafka_mock_broker_set_up(lab->mock.cluster, 1);
	assert_rc_ok(read_topic(lab));
	assert_int_equal(lab->nseen, 1);
}

static void
reader_may_be_freed_when_it_is_done(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 1, 1);
	lab->frees = true;
	topic_reader_start(lab->reader, TOPIC);
	wait_until(&lab->wl, is_done, lab);
	assert_null(lab->reader);
	topic_reader_free(NULL);
}

static void
refused_access_says_what_else_can_be_done(void **state)
{
	struct lab *lab = *state;

	mockcluster_deny(&lab->mock, TOPIC);
	assert_rc_err(read_topic(lab), ERR_PERMISSION, E2004);
	assert_non_null(strstr(e.msg, "\"" TOPIC "\""));
	assert_non_null(strstr(e.hint, "--operation Read --topic " TOPIC));

	topic_reader_free(lab->reader);
	lab->reading.instead = "set a.b=false";
	lab->reader = topic_reader_new(lab->wl.loop, &lab->cfg, &lab->reading);
	assert_rc_err(read_topic(lab), ERR_PERMISSION, E2004);
	assert_non_null(strstr(e.hint, "--topic " TOPIC "; or set a.b=false."));
}

static void
settings_that_make_no_consumer_are_told(void **state)
{
	struct lab     *lab = *state;
	struct property properties[] = {
		lab->mock.property,
		/* Lower than message.max.bytes. */
		{.name = (char *) "fetch.max.bytes", .value = (char *) "1000"},
	};

	topic_reader_free(lab->reader);
	lab->cfg.kafka.properties = properties;
	lab->cfg.kafka.nproperties = 2;
	lab->reader = topic_reader_new(lab->wl.loop, &lab->cfg, &lab->reading);
	assert_rc_err(read_topic(lab), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.detail, "fetch.max.bytes"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_topic_is_told_from_an_empty_one, setup, teardown),
		cmocka_unit_test_setup_teardown(records_come_as_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(all_partitions_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(part_of_a_topic_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(followed_topic_has_no_end, setup, teardown),
		cmocka_unit_test_setup_teardown(end_is_what_the_leader_says, setup, teardown),
		cmocka_unit_test_setup_teardown(leader_that_does_not_know_the_end_yet_is_asked_again, setup,
										teardown),
		cmocka_unit_test_setup_teardown(record_that_is_not_taken_ends_the_reading, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled_reading_says_nothing_more, setup, teardown),
		cmocka_unit_test_setup_teardown(reader_may_be_freed_when_it_is_done, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_access_says_what_else_can_be_done, setup, teardown),
		cmocka_unit_test_setup_teardown(settings_that_make_no_consumer_are_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
