/*
 * test_topic_wish.c
 *		What topics have to be like, how one may differ from that, and what mends it.
 */
#include "unit.h"

#include <inttypes.h>

#include "topic_wish.h"

static const enum topic_use all[] = {USE_TABLE,          USE_TABLE_WITHOUT_KEY, USE_PROGRESS,
									 USE_TRANSACTIONS,   USE_SCHEMA_CHANGES,    USE_MESSAGES,
									 USE_DEAD_LETTERS,   USE_SIGNALS};

#define NALL (sizeof(all) / sizeof(all[0]))

/* By default; and where all that can be said of sizes is. */
static const struct topic_sizes usual = {.batch = 1000000};
static const struct topic_sizes strict = {
	.batch = 1000000, .record = 5000000, .on_error = ON_ERROR_DEAD_LETTER};

static struct topic_facts
facts_of(int32_t partitions, const char *policy)
{
	struct topic_facts facts = {.partitions = partitions, .replicas = 1};

	topic_fact_take(&facts, "cleanup.policy", policy);
	topic_fact_take(&facts, "retention.ms", "604800000");
	topic_fact_take(&facts, "retention.bytes", "-1");
	topic_fact_take(&facts, "nobody.asks", "for this");
	return facts;
}

/* What is made as it is wished is as it should be; what brokers do not tell, too. */
static void
wishes_come_true(void **state)
{
	struct topic_difference differences[DIFFERENCES_MAX];

	(void) state;
	for (size_t i = 0; i < NALL; i++)
	{
		struct topic_wish  wish;
		struct topic_facts facts;
		struct topic_facts untold = {.replicas = 1};

		topic_wish(all[i], topic_bytes(all[i], &strict), &wish);
		facts = facts_of(wish.partitions ? wish.partitions : 12, "delete");
		untold.partitions = facts.partitions;
		for (const struct topic_setting *set = wish.settings; set->name; set++)
			topic_fact_take(&facts, set->name, set->value);
		assert_int_equal(topic_differences(all[i], &strict, &facts, differences), 0);
		assert_int_equal(topic_differences(all[i], &strict, &untold, differences), 0);
	}
}

static void
differences_are_found(void **state)
{
	static const struct
	{
		enum topic_use use;
		int32_t        partitions;
		const char    *policy;
		const char    *expected; /* the first one */
		bool           stops;
	} cases[] = {
		{USE_TABLE, 3, "compact", NULL, false},
		{USE_TABLE, 3, "delete", NULL, false},
		{USE_TABLE_WITHOUT_KEY, 3, "delete", NULL, false},
		{USE_TABLE_WITHOUT_KEY, 3, "compact", "cleanup.policy=delete", true},
		{USE_TABLE_WITHOUT_KEY, 3, "compact,delete", "cleanup.policy=delete", true},
		{USE_PROGRESS, 1, "compact", NULL, false},
		{USE_PROGRESS, 1, "delete", "cleanup.policy=compact", true},
		{USE_PROGRESS, 1, "compact,delete", "cleanup.policy=compact", true},
		{USE_PROGRESS, 2, "compact", "partitions=1", true},
		{USE_SCHEMA_CHANGES, 3, "compact", NULL, false},
		{USE_SCHEMA_CHANGES, 3, "delete", "cleanup.policy=compact", false},
		{USE_SCHEMA_CHANGES, 3, "compact,delete", "cleanup.policy=compact", false},
		{USE_DEAD_LETTERS, 3, "compact", "cleanup.policy=delete", false},
		{USE_DEAD_LETTERS, 3, "delete", NULL, false},
		{USE_SIGNALS, 1, "delete", NULL, false},
		{USE_SIGNALS, 4, "delete", "partitions=1", false},
		{USE_SIGNALS, 1, "compact", "cleanup.policy=delete", false},
		{USE_TRANSACTIONS, 3, "compact", NULL, false},
		{USE_MESSAGES, 3, "compact", NULL, false},
	};
	struct topic_difference differences[DIFFERENCES_MAX];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct topic_facts facts = facts_of(cases[i].partitions, cases[i].policy);
		unsigned           count = topic_differences(cases[i].use, &usual, &facts, differences);
		char              *found;

		assert_int_equal(count, cases[i].expected ? 1 : 0);
		if (count == 0)
			continue;
		found = xasprintf("%s=%s", differences[0].setting, differences[0].wanted);
		assert_string_equal(found, cases[i].expected);
		assert_int_equal(differences[0].stops, cases[i].stops);
		free(found);
	}
}

static void
what_never_expires_is_kept(void **state)
{
	struct topic_facts      facts = facts_of(1, "delete");
	struct topic_difference differences[DIFFERENCES_MAX];

	(void) state;
	topic_fact_take(&facts, "retention.ms", "-1");
	assert_int_equal(topic_differences(USE_SCHEMA_CHANGES, &usual, &facts, differences), 0);
	topic_fact_take(&facts, "retention.bytes", "1000000");
	assert_int_equal(topic_differences(USE_SCHEMA_CHANGES, &usual, &facts, differences), 1);
}

/* All that is wrong, what stops a relay first. */
static void
several_at_once(void **state)
{
	struct topic_facts      facts = facts_of(2, "delete");
	struct topic_difference differences[DIFFERENCES_MAX];

	(void) state;
	topic_fact_take(&facts, "segment.bytes", "1073741824");
	assert_int_equal(topic_differences(USE_PROGRESS, NULL, &facts, differences), 3);
	assert_string_equal(differences[0].setting, "partitions");
	assert_string_equal(differences[0].found, "2");
	assert_string_equal(differences[1].setting, "cleanup.policy");
	assert_string_equal(differences[2].setting, "segment.bytes");
	assert_string_equal(differences[2].found, "1073741824");
	assert_true(differences[0].stops && differences[1].stops && !differences[2].stops);
	/* Smaller segments do no harm. */
	facts = facts_of(1, "compact");
	topic_fact_take(&facts, "segment.bytes", "100000");
	assert_int_equal(topic_differences(USE_PROGRESS, NULL, &facts, differences), 0);
}

/* What is sent together, and what the settings let through alone, has to be taken. */
static void
sizes_that_are_needed(void **state)
{
	static const struct
	{
		enum topic_use     use;
		struct topic_sizes sizes; /* batch, record, on.error */
		uint64_t           bytes;
	} cases[] = {
		/* by default less than the brokers' 1048588 */
		{USE_TABLE, {1000000, 0, ON_ERROR_STOP}, 1000000},
		{USE_TABLE_WITHOUT_KEY, {1000000, 0, ON_ERROR_STOP}, 1000000},
		{USE_MESSAGES, {1000000, 0, ON_ERROR_STOP}, 1000000},
		{USE_TRANSACTIONS, {1000000, 0, ON_ERROR_STOP}, 1000000},
		{USE_SCHEMA_CHANGES, {1000000, 0, ON_ERROR_STOP}, 1000000},
		{USE_DEAD_LETTERS, {1000000, 0, ON_ERROR_STOP}, 1000000},
		{USE_PROGRESS, {1000000, 0, ON_ERROR_STOP}, 0},
		{USE_SIGNALS, {1000000, 0, ON_ERROR_STOP}, 0},
		/* a record, and what its batch has besides it */
		{USE_TABLE, {1000000, 5000000, ON_ERROR_STOP}, 5000061},
		{USE_MESSAGES, {1000000, 5000000, ON_ERROR_STOP}, 5000061},
		{USE_TABLE, {1000000, 200000, ON_ERROR_STOP}, 1000000},
		{USE_TRANSACTIONS, {1000000, 5000000, ON_ERROR_STOP}, 1000000},
		{USE_PROGRESS, {1000000, 5000000, ON_ERROR_STOP}, 0},
		/* elsewhere it is said what becomes of it */
		{USE_TABLE, {1000000, 5000000, ON_ERROR_SKIP}, 1000000},
		{USE_TABLE, {1000000, 5000000, ON_ERROR_DEAD_LETTER}, 1000000},
		{USE_DEAD_LETTERS, {1000000, 5000000, ON_ERROR_DEAD_LETTER}, 5000061},
		{USE_DEAD_LETTERS, {1000000, 0, ON_ERROR_DEAD_LETTER}, 8000000},
		{USE_DEAD_LETTERS, {1000000, 20000, ON_ERROR_DEAD_LETTER}, 1000000},
		{USE_DEAD_LETTERS, {1000000, 5000000, ON_ERROR_SKIP}, 1000000},
		/* nothing is known */
		{USE_TABLE, {0, 0, ON_ERROR_STOP}, 0},
	};
	struct topic_difference differences[DIFFERENCES_MAX];

	(void) state;
	assert_int_equal(topic_bytes(USE_TABLE, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct topic_facts facts = facts_of(1, "");
		char              *limit = xasprintf("%" PRIu64, cases[i].bytes);
		struct err         e;

		assert_int_equal(topic_bytes(cases[i].use, &cases[i].sizes), cases[i].bytes);
		topic_fact_take(&facts, "max.message.bytes", limit);
		assert_int_equal(topic_differences(cases[i].use, &cases[i].sizes, &facts, differences), 0);
		topic_fact_take(&facts, "max.message.bytes", "10000");
		assert_int_equal(topic_differences(cases[i].use, &cases[i].sizes, &facts, differences),
						 cases[i].bytes > 0);
		if (cases[i].bytes > 0)
		{
			assert_string_equal(differences[0].setting, "max.message.bytes");
			assert_string_equal(differences[0].found, "10000");
			assert_string_equal(differences[0].wanted, limit);
			assert_false(differences[0].stops);
			(void) topic_difference_error(cases[i].use, "s.t", NULL, differences, &cases[i].sizes,
										  "kafka:9092", &e);
			assert_int_equal(e.code, E2016);
			assert_int_equal(strstr(e.hint, "batch.size=10000") != NULL,
							 cases[i].bytes == cases[i].sizes.batch);
		}
		free(limit);
	}
}

static void
errors_of_sizes(void **state)
{
	static const struct
	{
		enum topic_use     use;
		const char        *found;
		struct topic_sizes sizes;
		const char        *detail; /* part of it */
		const char        *hint;   /* before the command */
	} cases[] = {
		{USE_TABLE, "20000", {1000000, 0, ON_ERROR_STOP},
		 "batches of records have up to 1000000 bytes: one that compression does not make small enough "
		 "costs a new start of the stream (E2003)", "Set batch.size=20000 in [kafka], or: "},
		{USE_TABLE, "1048588", {1000000, 5000000, ON_ERROR_STOP},
		 "lets records of up to 5000000 bytes through: one that compression does not make small enough "
		 "stops the relay (E2003)", ""},
		{USE_DEAD_LETTERS, "1048588", {1000000, 0, ON_ERROR_DEAD_LETTER},
		 "a letter that is refused stops the relay (E2003)", ""},
	};
	struct topic_difference differences[DIFFERENCES_MAX];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct topic_facts facts = {.partitions = 1};
		struct err         e;
		char              *hint;

		topic_fact_take(&facts, "max.message.bytes", cases[i].found);
		assert_int_equal(topic_differences(cases[i].use, &cases[i].sizes, &facts, differences), 1);
		assert_int_equal(topic_difference_error(cases[i].use, "s.t", NULL, differences,
												&cases[i].sizes, "kafka:9092", &e),
						 RC_ERR);
		assert_string_equal(e.msg, "topic \"s.t\" takes less than may be sent to it");
		assert_non_null(strstr(e.detail, cases[i].found));
		assert_non_null(strstr(e.detail, cases[i].detail));
		hint = xasprintf("%skafka-configs.sh --bootstrap-server kafka:9092 --alter --entity-type topics "
						 "--entity-name s.t --add-config max.message.bytes=%" PRIu64,
						 cases[i].hint, topic_bytes(cases[i].use, &cases[i].sizes));
		assert_string_equal(e.hint, hint);
		free(hint);
	}
}

static void
errors_say_what_mends_it(void **state)
{
	struct topic_facts      facts = facts_of(1, "compact");
	struct topic_difference differences[DIFFERENCES_MAX];
	struct err              e;

	(void) state;
	assert_int_equal(topic_differences(USE_TABLE_WITHOUT_KEY, &usual, &facts, differences), 1);
	assert_int_equal(topic_difference_error(USE_TABLE_WITHOUT_KEY, "s.t", "public.t", differences,
											&usual, "kafka:9092", &e),
					 RC_ERR);
	assert_int_equal(e.code, E2006);
	assert_string_equal(e.msg, "topic \"s.t\" is compacted, and table \"public.t\" has no key");
	assert_string_equal(e.hint, "Give the table a primary key, or: kafka-configs.sh "
								"--bootstrap-server kafka:9092 --alter --entity-type topics "
								"--entity-name s.t --add-config cleanup.policy=delete");
	for (size_t i = 0; i < NALL; i++)
	{
		unsigned count;

		facts = facts_of(9, all[i] == USE_PROGRESS || all[i] == USE_SCHEMA_CHANGES ? "delete" : "compact");
		topic_fact_take(&facts, "segment.bytes", "1073741824");
		count = topic_differences(all[i], &usual, &facts, differences);
		for (unsigned j = 0; j < count; j++)
		{
			assert_int_equal(topic_difference_error(all[i], "a", NULL, &differences[j], &usual,
													"kafka:9092", &e),
							 RC_ERR);
			assert_int_equal(e.class, ERR_CONFIG);
			assert_true(e.msg[0] && e.detail[0] && e.hint[0]);
			assert_int_equal(e.code == E2016, !differences[j].stops);
		}
	}
}

static void
commands_make_what_is_wished(void **state)
{
	struct buf out = {0};

	(void) state;
	topic_wish_command(USE_PROGRESS, "s.progress", 6, 0, "kafka:9092", &out);
	assert_string_equal(buf_cstr(&out),
						"kafka-topics.sh --bootstrap-server kafka:9092 --create --topic s.progress "
						"--partitions 1 --config cleanup.policy=compact --config segment.bytes=1048576 "
						"--config compression.type=producer");
	buf_reset(&out);
	topic_wish_command(USE_TABLE, "s.t", 6, 1000000, "kafka:9092", &out);
	assert_string_equal(buf_cstr(&out), "kafka-topics.sh --bootstrap-server kafka:9092 --create "
										"--topic s.t --partitions 6 --config max.message.bytes=1000000");
	buf_reset(&out);
	topic_wish_command(USE_TABLE, "s.t", 0, 0, "kafka:9092", &out);
	assert_string_equal(buf_cstr(&out),
						"kafka-topics.sh --bootstrap-server kafka:9092 --create --topic s.t");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wishes_come_true),
		cmocka_unit_test(differences_are_found),
		cmocka_unit_test(what_never_expires_is_kept),
		cmocka_unit_test(several_at_once),
		cmocka_unit_test(sizes_that_are_needed),
		cmocka_unit_test(errors_of_sizes),
		cmocka_unit_test(errors_say_what_mends_it),
		cmocka_unit_test(commands_make_what_is_wished),
	};

	return cmocka_run_group_tests_name("topic_wish", tests, NULL, NULL);
}
