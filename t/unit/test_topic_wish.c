/*
 * test_topic_wish.c
 *		What topics have to be like, how one may differ from that, and what mends it.
 */
#include "unit.h"

#include "topic_wish.h"

static const enum topic_use all[] = {USE_TABLE,          USE_TABLE_WITHOUT_KEY, USE_PROGRESS,
									 USE_TRANSACTIONS,   USE_SCHEMA_CHANGES,    USE_MESSAGES,
									 USE_DEAD_LETTERS,   USE_SIGNALS};

#define NALL (sizeof(all) / sizeof(all[0]))

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
		const struct topic_wish *wish = topic_wish(all[i]);
		struct topic_facts       facts = facts_of(wish->partitions ? wish->partitions : 12, "delete");
		struct topic_facts       untold = {.partitions = wish->partitions ? wish->partitions : 12};

		for (const struct topic_setting *set = wish->settings; set->name; set++)
			topic_fact_take(&facts, set->name, set->value);
		assert_int_equal(topic_differences(all[i], &facts, differences), 0);
		assert_int_equal(topic_differences(all[i], &untold, differences), 0);
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
		unsigned           count = topic_differences(cases[i].use, &facts, differences);
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
	assert_int_equal(topic_differences(USE_SCHEMA_CHANGES, &facts, differences), 0);
	topic_fact_take(&facts, "retention.bytes", "1000000");
	assert_int_equal(topic_differences(USE_SCHEMA_CHANGES, &facts, differences), 1);
}

/* All that is wrong, what stops a relay first. */
static void
several_at_once(void **state)
{
	struct topic_facts      facts = facts_of(2, "delete");
	struct topic_difference differences[DIFFERENCES_MAX];

	(void) state;
	topic_fact_take(&facts, "segment.bytes", "1073741824");
	assert_int_equal(topic_differences(USE_PROGRESS, &facts, differences), 3);
	assert_string_equal(differences[0].setting, "partitions");
	assert_string_equal(differences[0].found, "2");
	assert_string_equal(differences[1].setting, "cleanup.policy");
	assert_string_equal(differences[2].setting, "segment.bytes");
	assert_string_equal(differences[2].found, "1073741824");
	assert_true(differences[0].stops && differences[1].stops && !differences[2].stops);
	/* Smaller segments do no harm. */
	facts = facts_of(1, "compact");
	topic_fact_take(&facts, "segment.bytes", "100000");
	assert_int_equal(topic_differences(USE_PROGRESS, &facts, differences), 0);
}

static void
errors_say_what_mends_it(void **state)
{
	struct topic_facts      facts = facts_of(1, "compact");
	struct topic_difference differences[DIFFERENCES_MAX];
	struct err              e;

	(void) state;
	assert_int_equal(topic_differences(USE_TABLE_WITHOUT_KEY, &facts, differences), 1);
	assert_int_equal(topic_difference_error(USE_TABLE_WITHOUT_KEY, "s.t", "public.t", differences,
											"kafka:9092", &e),
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
		count = topic_differences(all[i], &facts, differences);
		for (unsigned j = 0; j < count; j++)
		{
			assert_int_equal(
				topic_difference_error(all[i], "a", NULL, &differences[j], "kafka:9092", &e), RC_ERR);
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
	topic_wish_command(USE_PROGRESS, "s.progress", 6, "kafka:9092", &out);
	assert_string_equal(buf_cstr(&out),
						"kafka-topics.sh --bootstrap-server kafka:9092 --create --topic s.progress "
						"--partitions 1 --config cleanup.policy=compact --config segment.bytes=1048576 "
						"--config compression.type=producer");
	buf_reset(&out);
	topic_wish_command(USE_TABLE, "s.t", 6, "kafka:9092", &out);
	assert_string_equal(buf_cstr(&out), "kafka-topics.sh --bootstrap-server kafka:9092 --create "
										"--topic s.t --partitions 6");
	buf_reset(&out);
	topic_wish_command(USE_TABLE, "s.t", 0, "kafka:9092", &out);
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
		cmocka_unit_test(errors_say_what_mends_it),
		cmocka_unit_test(commands_make_what_is_wished),
	};

	return cmocka_run_group_tests_name("topic_wish", tests, NULL, NULL);
}
