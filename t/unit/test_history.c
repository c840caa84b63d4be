/*
 * test_history.c
 *		Reading the schema-change topic back, from librdkafka's mock cluster: what is
 *		known as of a position, whatever the topic has lost or somebody has put there.
 */
#include "unit.h"

#include "history.h"
#include "mockcluster.h"
#include "schema_change.h"
#include "waitloop.h"

#define TOPIC "p.schema-changes"

struct lab
{
	struct waitloop    wl;
	struct mockcluster mock;
	struct config      cfg;
	struct history    *hist;
	unsigned           done;
	struct chronicle  *chr;
	struct arena      *arena;
};

static struct err e;

static void
on_done(void *arg)
{
	((struct lab *) arg)->done++;
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

	waitloop_init(&lab->wl);
	mockcluster_start(&lab->mock, &lab->cfg);
	lab->hist = history_new(lab->wl.loop, &lab->cfg, on_done, lab);
	lab->arena = arena_new();
	*state = lab;
	return 0;
}

static int
teardown(void **state)
{
	struct lab *lab = *state;

	history_free(lab->hist);
	chronicle_free(lab->chr);
	mockcluster_stop(&lab->mock);
	waitloop_end(&lab->wl);
	arena_free(lab->arena);
	free(lab);
	return 0;
}

static void
produce(struct lab *lab, int32_t partition, const void *value, size_t len)
{
	mockcluster_produce(&lab->mock, TOPIC, partition, (struct str){"k", 1},
						(struct str){value, len});
}

/* A table whose one column's type tells the descriptions apart. */
static struct description *
table(struct lab *lab, uint32_t relid, const char *name, const char *type)
{
	struct description *desc = arena_alloc(lab->arena, sizeof(*desc));

	*desc = (struct description){.relid = relid,
								 .schema = "s",
								 .name = name,
								 .kind = "table",
								 .key_kind = "none",
								 .replica_identity = "default",
								 .ncolumns = 1};
	desc->columns = arena_alloc(lab->arena, sizeof(*desc->columns));
	desc->columns[0] = (struct column_description){.name = "c", .attnum = 1, .type = type};
	return desc;
}

static struct str shopdb = {"db", 2};

static void
change(struct lab *lab, int32_t partition, uint64_t commit_lsn, const struct description *before,
	   const struct description *after)
{
	static const uint8_t prefix[] = {0, 0, 0, 0, 9};
	struct differences   diffs = {.arena = lab->arena};
	struct buf           avro[2] = {{0}, {0}};
	struct schema_change chg = {.server = {"p", 1},
								.database = shopdb,
								.table = after,
								.position = {commit_lsn, commit_lsn - 10, 7, 1000},
								.diffs = &diffs};
	struct buf           out = {0};

	description_diff(before, after, &diffs);
	description_put(after, &avro[1]);
	chg.after = (struct str){(const char *) avro[1].data, avro[1].len};
	if (before)
	{
		description_put(before, &avro[0]);
		chg.before = (struct str){(const char *) avro[0].data, avro[0].len};
	}
	buf_put(&out, prefix, sizeof(prefix));
	schema_change_put_value(&chg, &out);
	produce(lab, partition, out.data, out.len);
	buf_free(&out);
	buf_free(&avro[0]);
	buf_free(&avro[1]);
	differences_free(&diffs);
}

static enum rc
read_back(struct lab *lab, uint64_t start)
{
	mockcluster_flush(&lab->mock);
	lab->done = 0;
	chronicle_free(lab->chr);
	lab->chr = NULL;
	assert_rc_again(history_read(lab->hist, TOPIC, shopdb, start, &lab->chr, &e));
	assert_rc_again(history_read(lab->hist, TOPIC, shopdb, start, &lab->chr, &e));
	wait_until(&lab->wl, is_done, lab);
	return history_read(lab->hist, TOPIC, shopdb, start, &lab->chr, &e);
}

static const char *
type_known(struct lab *lab, uint32_t relid)
{
	const struct version *version = chronicle_table(lab->chr, relid);
	struct description   *desc;

	if (version == NULL)
		return "unknown";
	assert_true(description_read(version->avro, lab->arena, &desc));
	assert_int_equal(desc->relid, relid);
	return desc->columns[0].type;
}

#define assert_known(relid, type) assert_string_equal(type_known(lab, relid), type)

static void
no_topic_is_no_history(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_set_error(lab->mock.cluster, TOPIC,
								  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_rc_ok(read_back(lab, 1000));
	assert_int_equal(chronicle_count(lab->chr), 0);
	assert_int_equal(history_records(lab->hist), 0);
}

static void
an_empty_topic_is_read_to_its_end(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 3, 1);
	assert_rc_ok(read_back(lab, 1000));
	assert_int_equal(chronicle_count(lab->chr), 0);
}

static void
latest_before_the_start_is_known(void **state)
{
	struct lab         *lab = *state;
	struct description *v1 = table(lab, 1, "a", "v1");
	struct description *v2 = table(lab, 1, "a", "v2");
	struct description *v3 = table(lab, 1, "b", "v3");
	struct description *other = table(lab, 2, "a", "other");

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 3, 1);
	change(lab, 0, 100, NULL, v1);
	change(lab, 0, 200, v1, v2);
	change(lab, 1, 300, v2, v3); /* renamed: another key, so another partition */
	produce(lab, 0, NULL, 0);
	change(lab, 0, 400, NULL, other);
	change(lab, 0, 200, v1, v2); /* a repeat */
	assert_rc_ok(read_back(lab, 1000));
	assert_int_equal(history_records(lab->hist), 6);
	assert_known(1, "v3");
	assert_known(2, "other");
	assert_int_equal(chronicle_holder(lab->chr, "s", "a")->relid, 2);
	assert_int_equal(chronicle_holder(lab->chr, "s", "b")->relid, 1);

	/* What comes again, comes again. */
	assert_rc_ok(read_back(lab, 300));
	assert_known(1, "v2");
	assert_known(2, "unknown");
	assert_int_equal(chronicle_holder(lab->chr, "s", "a")->relid, 1);
	assert_null(chronicle_holder(lab->chr, "s", "b"));
	assert_rc_ok(read_back(lab, 101));
	assert_known(1, "v1");
	assert_int_equal(chronicle_table(lab->chr, 1)->until, 0);
}

/* A compacted topic has only the latest of each key left. */
static void
before_of_what_is_left_is_supposed(void **state)
{
	struct lab         *lab = *state;
	struct description *v1 = table(lab, 1, "a", "v1");
	struct description *v2 = table(lab, 1, "a", "v2");
	struct description *v3 = table(lab, 1, "a", "v3");

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 1, 1);
	change(lab, 0, 400, v2, v3);
	change(lab, 0, 300, v1, v2);
	change(lab, 0, 500, NULL, table(lab, 2, "b", "new"));
	change(lab, 0, 600, table(lab, 2, "b", "new"), table(lab, 2, "b", "newer"));
	change(lab, 0, 700, table(lab, 3, "c", "dropped"), table(lab, 4, "c", "created"));
	change(lab, 0, 800, table(lab, 4, "c", "created"), table(lab, 4, "c", "changed"));
	assert_rc_ok(read_back(lab, 200));
	assert_known(1, "v1");
	assert_int_equal(chronicle_table(lab->chr, 1)->until, 300);
	assert_int_equal(chronicle_table(lab->chr, 1)->until_us, 1000);
	/* These will be told again from their beginning. */
	assert_known(2, "unknown");
	assert_known(3, "dropped");
	assert_known(4, "unknown");
	assert_int_equal(chronicle_holder(lab->chr, "s", "c")->relid, 3);
	assert_rc_ok(read_back(lab, 350));
	assert_known(1, "v2");
	assert_int_equal(chronicle_table(lab->chr, 1)->until, 0);
}

static void
records_of_others_are_refused(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 1, 1);
	change(lab, 0, 100, NULL, table(lab, 1, "a", "v1"));
	produce(lab, 0, "{\"json\":true}", 13);
	assert_rc_err(read_back(lab, 1000), ERR_DATA, E2008);
	assert_non_null(strstr(e.msg, TOPIC));
	assert_non_null(strstr(e.detail, "offset 1 of partition 0"));
	assert_non_null(strstr(e.hint, "topic.schema.changes"));
	/* Asking again begins anew. */
	assert_rc_err(read_back(lab, 1000), ERR_DATA, E2008);
}

static void
refused_access_is_told(void **state)
{
	struct lab *lab = *state;

	mockcluster_deny(&lab->mock, TOPIC);
	assert_rc_err(read_back(lab, 1000), ERR_PERMISSION, E2004);
	assert_non_null(strstr(e.hint, "--operation Read"));
}

/* A broker that does not answer is waited for, and nobody has to wait for that. */
static void
reading_is_given_up_when_asked(void **state)
{
	struct lab *lab = *state;
	int64_t     begun;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 1, 1);
	change(lab, 0, 100, NULL, table(lab, 1, "a", "v1"));
	mockcluster_flush(&lab->mock);
	rd_kafka_mock_broker_set_down(lab->mock.cluster, 1);
	assert_rc_again(history_read(lab->hist, TOPIC, shopdb, 1000, &lab->chr, &e));
	begun = loop_now_ms();
	history_cancel(lab->hist);
	assert_true(loop_now_ms() - begun < 10000);
	rd_kafka_mock_broker_set_up(lab->mock.cluster, 1);
	assert_rc_ok(read_back(lab, 1000));
	assert_known(1, "v1");
}

static void
a_broker_that_comes_late_is_waited_for(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 1, 1);
	change(lab, 0, 100, NULL, table(lab, 1, "a", "v1"));
	mockcluster_flush(&lab->mock);
	rd_kafka_mock_broker_set_down(lab->mock.cluster, 1);
	assert_rc_again(history_read(lab->hist, TOPIC, shopdb, 1000, &lab->chr, &e));
	rd_kafka_mock_broker_set_up(lab->mock.cluster, 1);
	wait_until(&lab->wl, is_done, lab);
	assert_rc_ok(history_read(lab->hist, TOPIC, shopdb, 1000, &lab->chr, &e));
	assert_known(1, "v1");
}

static void
thousands_of_tables_are_read(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 3, 1);
	for (uint32_t i = 1; i <= 5000; i++)
	{
		char *name = xasprintf("table_%u", (unsigned) i);

		change(lab, (int32_t) (i % 3), 100 + i, NULL, table(lab, i, name, name));
		free(name);
	}
	assert_rc_ok(read_back(lab, 10000));
	assert_int_equal(chronicle_count(lab->chr), 5000);
	assert_known(1, "table_1");
	assert_known(5000, "table_5000");
}

/* Of one template, so that relid and names are the same. */
static void
other_databases_are_passed_over(void **state)
{
	struct lab *lab = *state;

	rd_kafka_mock_topic_create(lab->mock.cluster, TOPIC, 3, 1);
	change(lab, 0, 100, NULL, table(lab, 1, "a", "ours"));
	shopdb = (struct str){"db2", 3};
	change(lab, 0, 200, NULL, table(lab, 1, "a", "theirs"));
	shopdb = (struct str){"db", 2};
	assert_rc_ok(read_back(lab, 1000));
	assert_int_equal(history_records(lab->hist), 2);
	assert_known(1, "ours");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_topic_is_no_history, setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_topic_is_read_to_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(latest_before_the_start_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(before_of_what_is_left_is_supposed, setup, teardown),
		cmocka_unit_test_setup_teardown(records_of_others_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_access_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(reading_is_given_up_when_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broker_that_comes_late_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(other_databases_are_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(thousands_of_tables_are_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
