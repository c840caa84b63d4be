/*
 * topic_wish.c
 *		The table of what topics have to be like; see topic_wish.h.
 */
#include "topic_wish.h"

#include <stdio.h>
#include <stdlib.h>

/* What becomes of records that are old, or whose key came again. */
enum keeping
{
	KEEPS_ANY,
	KEEPS_NEWEST,   /* of each key, however old */
	KEEPS_ALL_KEYS, /* nothing is taken away but what a newer one replaces */
	KEEPS_REPEATED  /* records of one key beside each other, or without a key */
};

struct want
{
	struct topic_wish wish;
	enum keeping      keeping;
};

#define COMPACT "compact"
#define NOT_COMPACT {"cleanup.policy", "delete"}

static const struct want wants[] = {
	[USE_TABLE] = {{"table", 0, {{NULL, NULL}}}, KEEPS_ANY},
	[USE_TABLE_WITHOUT_KEY] = {{"table", 0, {NOT_COMPACT}}, KEEPS_REPEATED},
	/* A record is small and often replaced: segments that are closed soon are compacted soon. */
	[USE_PROGRESS] = {{"positions",
					   1,
					   {{"cleanup.policy", COMPACT},
						{"segment.bytes", "1048576"},
						{"compression.type", "producer"}}},
					  KEEPS_NEWEST},
	[USE_TRANSACTIONS] = {{"transactions", 0, {{NULL, NULL}}}, KEEPS_ANY},
	[USE_SCHEMA_CHANGES] = {{"schema changes", 0, {{"cleanup.policy", COMPACT}}}, KEEPS_ALL_KEYS},
	[USE_MESSAGES] = {{"logical messages", 0, {{NULL, NULL}}}, KEEPS_ANY},
	[USE_DEAD_LETTERS] = {{"dead letters", 0, {NOT_COMPACT}}, KEEPS_REPEATED},
	[USE_SIGNALS] = {{"signals", 1, {NOT_COMPACT}}, KEEPS_REPEATED},
};

static const char *const fact_names[NTOPIC_FACTS] = {
	[FACT_POLICY] = "cleanup.policy",
	[FACT_SEGMENT_BYTES] = "segment.bytes",
	[FACT_COMPRESSION] = "compression.type",
	[FACT_RETENTION_MS] = "retention.ms",
	[FACT_RETENTION_BYTES] = "retention.bytes",
};

const struct topic_wish *
topic_wish(enum topic_use use)
{
	return &wants[use].wish;
}

/* --- facts ------------------------------------------------------------------------- */

const char *
topic_fact_name(enum topic_fact fact)
{
	return fact_names[fact];
}

/* NTOPIC_FACTS: it is none of them. */
static enum topic_fact
fact_named(const char *name)
{
	unsigned i = 0;

	while (i < NTOPIC_FACTS && strcmp(name, fact_names[i]) != 0)
		i++;
	return (enum topic_fact) i;
}

void
topic_fact_take(struct topic_facts *facts, const char *name, const char *value)
{
	enum topic_fact fact = fact_named(name);

	if (fact < NTOPIC_FACTS)
		snprintf(facts->settings[fact], FACT_MAX, "%s", value);
}

const char *
topic_fact(const struct topic_facts *facts, const char *name)
{
	enum topic_fact fact = fact_named(name);

	return fact < NTOPIC_FACTS ? facts->settings[fact] : "";
}

/* --- differences --------------------------------------------------------------------- */

/* What the policy would have to be; NULL: it is good, or not known. */
static const char *
policy_wanted(enum keeping keeping, const struct topic_facts *facts)
{
	const char *policy = facts->settings[FACT_POLICY];
	bool        compacts = strstr(policy, COMPACT) != NULL;
	bool        expires = strstr(policy, "delete") != NULL;

	switch (keeping)
	{
		case KEEPS_ANY: return NULL;
		case KEEPS_NEWEST: return *policy && (!compacts || expires) ? COMPACT : NULL;
		case KEEPS_REPEATED: return compacts ? "delete" : NULL;
		case KEEPS_ALL_KEYS:
			expires = expires && (strcmp(facts->settings[FACT_RETENTION_MS], "-1") != 0 ||
								  strcmp(facts->settings[FACT_RETENTION_BYTES], "-1") != 0);
			return expires ? COMPACT : NULL;
	}
	return NULL;
}

/* Nothing of a segment that is still written is compacted: at 1 GB each start reads that much. */
static bool
is_longer(const char *found, const char *wish)
{
	return strtoll(found, NULL, 10) > strtoll(wish, NULL, 10);
}

static const char *
wished(const struct topic_wish *wish, const char *name)
{
	for (const struct topic_setting *set = wish->settings; set->name; set++)
		if (strcmp(set->name, name) == 0)
			return set->value;
	return NULL;
}

unsigned
topic_differences(enum topic_use use, const struct topic_facts *facts,
				  struct topic_difference differences[DIFFERENCES_MAX])
{
	const struct want *want = &wants[use];
	const char        *policy = policy_wanted(want->keeping, facts);
	const char        *segment = wished(&want->wish, fact_names[FACT_SEGMENT_BYTES]);
	unsigned           count = 0;

	if (want->wish.partitions && facts->partitions > want->wish.partitions)
	{
		struct topic_difference *difference = &differences[count++];

		*difference = (struct topic_difference){
			.setting = "partitions", .wanted = "1", .stops = use == USE_PROGRESS};
		snprintf(difference->found, FACT_MAX, "%d", (int) facts->partitions);
	}
	if (policy)
	{
		struct topic_difference *difference = &differences[count++];

		*difference = (struct topic_difference){.setting = fact_names[FACT_POLICY],
												.wanted = policy,
												.stops = use == USE_PROGRESS ||
														 use == USE_TABLE_WITHOUT_KEY};
		memcpy(difference->found, facts->settings[FACT_POLICY], FACT_MAX);
	}
	if (segment && is_longer(facts->settings[FACT_SEGMENT_BYTES], segment))
	{
		struct topic_difference *difference = &differences[count++];

		*difference = (struct topic_difference){.setting = fact_names[FACT_SEGMENT_BYTES],
												.wanted = segment};
		memcpy(difference->found, facts->settings[FACT_SEGMENT_BYTES], FACT_MAX);
	}
	return count;
}

/* Several partitions cannot become fewer. */
static enum rc
partitions_error(enum topic_use use, const char *topic, const char *found, struct err *e)
{
	if (use == USE_PROGRESS)
	{
		err_set(e, ERR_CONFIG, E2010, "topic \"%s\" has %s partitions", topic, found);
		err_detail(e, "The newest position of a slot can be told only if there is one.");
		return err_hint(e, "Set topic.progress to another name, such as topic.progress=progress2, or "
						   "delete the topic: what was delivered behind the slot's position comes "
						   "again.");
	}
	err_set(e, ERR_CONFIG, E2016, "topic \"%s\" has %s partitions", topic, found);
	err_detail(e, "The order between partitions is nobody's: a signal may be taken before an older "
				  "one.");
	return err_hint(e, "Set signal.kafka.topic to another name, or delete the topic and make it "
					   "with one partition.");
}

/* What comes of it. */
static void
setting_detail(enum topic_use use, const struct topic_difference *difference, struct err *e)
{
	const char *found = difference->found;

	if (strcmp(difference->setting, fact_names[FACT_SEGMENT_BYTES]) == 0)
		err_detail(e, "Its segment.bytes is %s: so much may be read at each start, because a "
					  "segment that is still written to is not compacted.",
				   found);
	else if (use == USE_PROGRESS)
		err_detail(e, "Its cleanup.policy is %s: the position of a slot that rests is deleted "
					  "with time.",
				   found);
	else if (use == USE_SCHEMA_CHANGES)
		err_detail(e, "Its cleanup.policy is %s: where records expire, their tables are seen for "
					  "the first time again.",
				   found);
	else if (use == USE_TABLE_WITHOUT_KEY)
		err_detail(e, "Its cleanup.policy is %s: the brokers refuse records without a key.", found);
	else
		err_detail(e, "Its cleanup.policy is %s: of records with one key only the newest stays.",
				   found);
}

enum rc
topic_difference_error(enum topic_use use, const char *topic, const char *table,
					   const struct topic_difference *difference, const char *bootstrap,
					   struct err *e)
{
	if (strcmp(difference->setting, "partitions") == 0)
		return partitions_error(use, topic, difference->found, e);
	if (use == USE_TABLE_WITHOUT_KEY)
		err_set(e, ERR_CONFIG, E2006, "topic \"%s\" is compacted, and table \"%s\" has no key",
				topic, table ? table : "");
	else if (use == USE_PROGRESS && difference->stops)
		err_set(e, ERR_CONFIG, E2010, "topic \"%s\" would forget positions", topic);
	else
		err_set(e, ERR_CONFIG, E2016, "topic \"%s\" of %s has another %s than it should", topic,
				wants[use].wish.about, difference->setting);
	setting_detail(use, difference, e);
	return err_hint(e,
					"%skafka-configs.sh --bootstrap-server %s --alter --entity-type topics "
					"--entity-name %s --add-config %s=%s",
					use == USE_TABLE_WITHOUT_KEY ? "Give the table a primary key, or: " : "",
					bootstrap, topic, difference->setting, difference->wanted);
}

void
topic_wish_command(enum topic_use use, const char *topic, int32_t partitions,
				   const char *bootstrap, struct buf *out)
{
	const struct topic_wish *wish = topic_wish(use);

	if (wish->partitions)
		partitions = wish->partitions;
	buf_printf(out, "kafka-topics.sh --bootstrap-server %s --create --topic %s", bootstrap, topic);
	if (partitions)
		buf_printf(out, " --partitions %d", (int) partitions);
	for (const struct topic_setting *set = wish->settings; set->name; set++)
		buf_printf(out, " --config %s=%s", set->name, set->value);
}
