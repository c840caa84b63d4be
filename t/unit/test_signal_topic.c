/*
 * test_signal_topic.c
 *		Signals in topics of librdkafka's mock cluster, followed while they are written.
 */
#include "unit.h"

#include <dlfcn.h>
#include <time.h>

#include "mockcluster.h"
#include "signal_topic.h"
#include "waitloop.h"

#define TOPIC "shop-signal"
#define PREFIX "shop"
#define SIGNAL(id) "{\"id\":\"" id "\",\"type\":\"pause-snapshot\"}"

struct lab
{
	struct waitloop         wl;
	struct mockcluster      mock;
	struct config          *cfg;
	struct property        *own; /* of cfg, in place of which the cluster's are */
	struct incremental_note note;
	struct signal_topic    *st;
	struct buf              seen; /* "partition/next json\n", "-" for none */
	unsigned                nsignals;
	unsigned                npositions;
	unsigned                wanted;  /* signals, or positions, that are waited for */
	unsigned                stop_at; /* signals behind which it is stopped; 0: not */
};

static _Atomic int64_t asked_since_ms = -1; /* by rd_kafka_offsets_for_times() */
static _Atomic int64_t lowest = -1;         /* what a leader says to have at least; -1: the truth */

/* In front of the library's own: its mock brokers know neither times nor what was removed. */
rd_kafka_resp_err_t
rd_kafka_offsets_for_times(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms)
{
	(void) rk;
	(void) timeout_ms;
	asked_since_ms = list->elems[0].offset;
	list->elems[0].offset = 1;
	list->elems[0].err = RD_KAFKA_RESP_ERR_NO_ERROR;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
rd_kafka_query_watermark_offsets(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *low,
								 int64_t *high, int timeout_ms)
{
	rd_kafka_resp_err_t (*ask)(rd_kafka_t *, const char *, int32_t, int64_t *, int64_t *, int);
	rd_kafka_resp_err_t code;

	*(void **) &ask = dlsym(RTLD_NEXT, "rd_kafka_query_watermark_offsets");
	code = ask(rk, topic, partition, low, high, timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && lowest >= 0)
		*low = lowest;
	return code;
}

/* --- a topic, and who follows it ---------------------------------------------------- */

static void
on_signal(void *arg, struct str json, int32_t partition, int64_t next)
{
	struct lab *lab = arg;

	buf_printf(&lab->seen, "%d/%d %.*s\n", (int) partition, (int) next,
			   json.data ? (int) json.len : 1, json.data ? json.data : "-");
	incremental_note_set_offset(&lab->note, partition, next); /* as its user does */
	lab->nsignals += json.data != NULL;
	lab->npositions += json.data == NULL;
	if (lab->stop_at > 0 && lab->nsignals == lab->stop_at)
		signal_topic_stop(lab->st);
}

static bool
has_signals(void *arg)
{
	return ((struct lab *) arg)->nsignals >= ((struct lab *) arg)->wanted;
}

static bool
has_positions(void *arg)
{
	return ((struct lab *) arg)->npositions >= ((struct lab *) arg)->wanted;
}

static void
wait_signals(struct lab *lab, unsigned count)
{
	lab->wanted = count;
	wait_until(&lab->wl, has_signals, lab);
	assert_int_equal(lab->nsignals, count);
}

static void
wait_positions(struct lab *lab, unsigned count)
{
	lab->wanted = count;
	wait_until(&lab->wl, has_positions, lab);
}

static void
forget(struct lab *lab)
{
	buf_reset(&lab->seen);
	lab->nsignals = lab->npositions = 0;
}

static int
setup(void **state)
{
	struct lab *lab = xcalloc(1, sizeof(*lab));

	asked_since_ms = lowest = -1;
	waitloop_init(&lab->wl);
	lab->cfg = config_new();
	assert_int_equal(
		config_set(lab->cfg, "topic.prefix", PREFIX, ORIGIN_FLAG, "", &(struct err){0}), RC_OK);
	lab->own = lab->cfg->kafka.properties;
	mockcluster_start(&lab->mock, lab->cfg);
	lab->st = signal_topic_new(lab->wl.loop, lab->cfg, on_signal, lab);
	*state = lab;
	return 0;
}

static int
teardown(void **state)
{
	struct lab *lab = *state;

	signal_topic_free(lab->st);
	mockcluster_stop(&lab->mock);
	waitloop_end(&lab->wl);
	lab->cfg->kafka.properties = lab->own;
	lab->cfg->kafka.nproperties = 0;
	config_free(lab->cfg);
	incremental_note_clear(&lab->note);
	buf_free(&lab->seen);
	free(lab);
	return 0;
}

static void
produce(struct lab *lab, int32_t partition, const char *key, const char *value)
{
	mockcluster_produce(&lab->mock, TOPIC, partition, (struct str){key, key ? strlen(key) : 0},
						(struct str){value, value ? strlen(value) : 0});
	mockcluster_flush(&lab->mock);
}

static void
topic_make(struct lab *lab, int partitions)
{
	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, partitions, 1);
}

/* --- what comes, and what does not ------------------------------------------------------ */

static void
signals_of_long_ago_do_nothing(void **state)
{
	struct lab *lab = *state;

	topic_make(lab, 1);
	produce(lab, 0, PREFIX, SIGNAL("old"));
	assert_string_equal(signal_topic_name(lab->st), TOPIC);
	signal_topic_start(lab->st, &lab->note);
	assert_string_equal(lab->note.topic, TOPIC);
	wait_positions(lab, 1); /* the end is written down, so that nothing behind it is lost */
	produce(lab, 0, PREFIX, SIGNAL("1"));
	produce(lab, 0, PREFIX, SIGNAL("2"));
	wait_signals(lab, 2);
	assert_string_equal(buf_cstr(&lab->seen), "0/1 -\n0/2 " SIGNAL("1") "\n0/3 " SIGNAL("2") "\n");
}

static void
signals_sent_while_nobody_looked_come(void **state)
{
	struct lab *lab = *state;

	topic_make(lab, 1);
	signal_topic_start(lab->st, &lab->note);
	wait_positions(lab, 1);
	produce(lab, 0, PREFIX, SIGNAL("1"));
	wait_signals(lab, 1);
	signal_topic_stop(lab->st);
	produce(lab, 0, PREFIX, SIGNAL("2"));
	waitloop_run(&lab->wl, NULL, NULL, 100);
	assert_int_equal(lab->nsignals, 1);
	forget(lab);
	signal_topic_start(lab->st, &lab->note);
	wait_signals(lab, 1);
	assert_string_equal(buf_cstr(&lab->seen), "0/2 " SIGNAL("2") "\n");

	/* And where the position alone was written down. */
	forget(lab);
	incremental_note_set_offset(&lab->note, 0, 1);
	signal_topic_start(lab->st, &lab->note);
	wait_signals(lab, 1);
	assert_string_equal(buf_cstr(&lab->seen), "0/2 " SIGNAL("2") "\n");
}

/* Offsets of another topic mean nothing here. */
static void
offsets_of_another_topic_do_not_count(void **state)
{
	struct lab *lab = *state;

	topic_make(lab, 1);
	produce(lab, 0, PREFIX, SIGNAL("old"));
	incremental_note_of_topic(&lab->note, "other");
	incremental_note_set_offset(&lab->note, 0, 0);
	signal_topic_start(lab->st, &lab->note);
	wait_positions(lab, 1);
	assert_string_equal(buf_cstr(&lab->seen), "0/1 -\n");
}

static void
records_of_others_are_passed_over(void **state)
{
	struct lab *lab = *state;

	topic_make(lab, 1);
	signal_topic_start(lab->st, &lab->note);
	wait_positions(lab, 1);
	produce(lab, 0, "shop2", SIGNAL("a"));
	produce(lab, 0, "sho", SIGNAL("b"));
	produce(lab, 0, "SHOP", SIGNAL("c"));
	produce(lab, 0, NULL, SIGNAL("d"));
	produce(lab, 0, "", SIGNAL("e"));
	produce(lab, 0, PREFIX, SIGNAL("ours"));
	wait_signals(lab, 1);
	assert_non_null(strstr(buf_cstr(&lab->seen), "0/6 " SIGNAL("ours") "\n"));
	/* At the end it is told how far that is. */
	produce(lab, 0, "shop2", SIGNAL("f"));
	lab->wanted = lab->npositions + 1;
	wait_until(&lab->wl, has_positions, lab);
	assert_int_equal(incremental_note_offset(&lab->note, 0), 7);
	assert_int_equal(lab->nsignals, 1);
}

static void
what_cannot_be_read_is_passed_over(void **state)
{
	struct lab *lab = *state;

	topic_make(lab, 1);
	signal_topic_start(lab->st, &lab->note);
	wait_positions(lab, 1);
	produce(lab, 0, PREFIX, "{");
	produce(lab, 0, PREFIX, NULL);
	produce(lab, 0, PREFIX, "");
	produce(lab, 0, PREFIX, "{\"type\":\"unknown\"}");
	mockcluster_produce(&lab->mock, TOPIC, 0, (struct str){PREFIX, 4},
						(struct str){SIGNAL("x") "\0\0", sizeof(SIGNAL("x") "\0\0") - 1});
	produce(lab, 0, PREFIX, SIGNAL("good"));
	wait_signals(lab, 1);
	assert_string_equal(buf_cstr(&lab->seen),
						"0/0 -\n0/1 -\n0/2 -\n0/3 -\n0/4 -\n0/5 -\n0/6 " SIGNAL("good") "\n");
}

static void
all_partitions_are_followed(void **state)
{
	struct lab *lab = *state;

	topic_make(lab, 3);
	produce(lab, 1, PREFIX, SIGNAL("old"));
	signal_topic_start(lab->st, &lab->note);
	wait_positions(lab, 3);
	assert_string_equal(buf_cstr(&lab->seen), "0/0 -\n1/1 -\n2/0 -\n");
	forget(lab);
	produce(lab, 2, PREFIX, SIGNAL("1"));
	wait_signals(lab, 1);
	produce(lab, 1, PREFIX, SIGNAL("2"));
	wait_signals(lab, 2);
	assert_string_equal(buf_cstr(&lab->seen), "2/1 " SIGNAL("1") "\n1/2 " SIGNAL("2") "\n");
}

/* The list between thread and loop has room for fewer. */
static void
many_come_in_order(void **state)
{
	struct lab *lab = *state;
	struct buf  expected = {0};

	topic_make(lab, 1);
	signal_topic_start(lab->st, &lab->note);
	wait_positions(lab, 1);
	forget(lab);
	for (int i = 1; i <= 500; i++)
	{
		char *signal = xasprintf("{\"id\":\"%d\",\"type\":\"resume-snapshot\"}", i);

		mockcluster_produce(&lab->mock, TOPIC, 0, (struct str){PREFIX, 4},
							(struct str){signal, strlen(signal)});
		buf_printf(&expected, "0/%d %s\n", i, signal);
		free(signal);
	}
	mockcluster_flush(&lab->mock);
	wait_signals(lab, 500);
	assert_string_equal(buf_cstr(&lab->seen), buf_cstr(&expected));
	buf_free(&expected);
}

/* --- what goes wrong ---------------------------------------------------------------------- */

/* Looked for by time: a broker that has not heard of the topic says that there is none, too. */
static void
topic_that_was_not_there_is_read_from_then_on(void **state)
{
	struct lab *lab = *state;
	int64_t     now_ms = (int64_t) time(NULL) * 1000;

	topic_make(lab, 1);
	produce(lab, 0, PREFIX, SIGNAL("old"));
	produce(lab, 0, PREFIX, SIGNAL("1"));
	rd_kafka_mock_topic_set_error(lab->mock.cluster, TOPIC,
								  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	signal_topic_start(lab->st, &lab->note);
	waitloop_run(&lab->wl, NULL, NULL, 500);
	assert_int_equal(lab->npositions, 0);
	rd_kafka_mock_topic_set_error(lab->mock.cluster, TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
	wait_signals(lab, 1);
	assert_string_equal(buf_cstr(&lab->seen), "0/1 -\n0/2 " SIGNAL("1") "\n");
	assert_in_range(asked_since_ms, now_ms - 60000, now_ms + 60000);
}

static void
removed_records_are_told(void **state)
{
	struct lab *lab = *state;

	topic_make(lab, 1);
	for (int i = 0; i < 4; i++)
		produce(lab, 0, PREFIX, SIGNAL("x"));
	incremental_note_of_topic(&lab->note, TOPIC);
	incremental_note_set_offset(&lab->note, 0, 1);
	lowest = 2;
	signal_topic_start(lab->st, &lab->note);
	wait_signals(lab, 2); /* those that are left were not taken before */
	assert_string_equal(buf_cstr(&lab->seen), "0/2 -\n0/3 " SIGNAL("x") "\n0/4 " SIGNAL("x") "\n");
}

/* Nothing says that what is in it is new. */
static void
topic_that_is_shorter_is_read_from_its_end(void **state)
{
	struct lab *lab = *state;

	topic_make(lab, 1);
	produce(lab, 0, PREFIX, SIGNAL("old"));
	incremental_note_of_topic(&lab->note, TOPIC);
	incremental_note_set_offset(&lab->note, 0, 17);
	signal_topic_start(lab->st, &lab->note);
	wait_positions(lab, 1);
	produce(lab, 0, PREFIX, SIGNAL("1"));
	wait_signals(lab, 1);
	assert_string_equal(buf_cstr(&lab->seen), "0/1 -\n0/2 " SIGNAL("1") "\n");
}

static void
brokers_that_come_back_are_gone_on_with(void **state)
{
	struct lab *lab = *state;

	topic_make(lab, 1);
	signal_topic_start(lab->st, &lab->note);
	wait_positions(lab, 1);
	forget(lab);
	rd_kafka_mock_broker_set_down(lab->mock.cluster, 1);
	waitloop_run(&lab->wl, NULL, NULL, 300);
	rd_kafka_mock_broker_set_up(lab->mock.cluster, 1);
	produce(lab, 0, PREFIX, SIGNAL("1"));
	wait_signals(lab, 1);
	assert_string_equal(buf_cstr(&lab->seen), "0/1 " SIGNAL("1") "\n");
}

static void
it_may_be_stopped_at_any_time(void **state)
{
	struct lab *lab = *state;

	signal_topic_stop(lab->st); /* nothing was begun */
	rd_kafka_mock_broker_set_down(lab->mock.cluster, 1);
	signal_topic_start(lab->st, &lab->note);
	signal_topic_stop(lab->st);
	rd_kafka_mock_broker_set_up(lab->mock.cluster, 1);
	topic_make(lab, 1);
	for (int i = 0; i < 300; i++)
		mockcluster_produce(&lab->mock, TOPIC, 0, (struct str){PREFIX, 4},
							(struct str){SIGNAL("x"), sizeof(SIGNAL("x")) - 1});
	mockcluster_flush(&lab->mock);
	incremental_note_of_topic(&lab->note, TOPIC);
	incremental_note_set_offset(&lab->note, 0, 0);
	/* From within, with more in the list. */
	lab->stop_at = 2;
	signal_topic_start(lab->st, &lab->note);
	wait_signals(lab, 2);
	waitloop_run(&lab->wl, NULL, NULL, 200);
	assert_int_equal(lab->nsignals, 2);
	/* Those that were not taken come again. */
	lab->stop_at = 0;
	signal_topic_start(lab->st, &lab->note);
	wait_signals(lab, 300);
	assert_int_equal(incremental_note_offset(&lab->note, 0), 300);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signals_of_long_ago_do_nothing),
		TEST(signals_sent_while_nobody_looked_come),
		TEST(offsets_of_another_topic_do_not_count),
		TEST(records_of_others_are_passed_over),
		TEST(what_cannot_be_read_is_passed_over),
		TEST(all_partitions_are_followed),
		TEST(many_come_in_order),
		TEST(topic_that_was_not_there_is_read_from_then_on),
		TEST(removed_records_are_told),
		TEST(topic_that_is_shorter_is_read_from_its_end),
		TEST(brokers_that_come_back_are_gone_on_with),
		TEST(it_may_be_stopped_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
