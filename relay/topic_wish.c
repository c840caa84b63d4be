/*
 * topic_wish.c
 *		The table of what topics have to be like; see topic_wish.h.
 */
#include "topic_wish.h"

#include <inttypes.h>
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

/* What a batch has besides its records. */
#define BATCH_BYTES 61
/*
 * For the topic of dead letters, where the settings do not say how large records may be: what many
 * hosted brokers allow at most is a little more.
 */
#define LETTER_BYTES 8000000

#define COMPACT "compact"
#define NOT_COMPACT {"cleanup.policy", "delete"}

static const struct want wants[] = {
	[USE_TABLE] = {{"table", 0, {{NULL, ""}}}, KEEPS_ANY},
	[USE_TABLE_WITHOUT_KEY] = {{"table", 0, {NOT_COMPACT}}, KEEPS_REPEATED},
	/* A record is small and often replaced: segments that are closed soon are compacted soon. */
	[USE_PROGRESS] = {{"positions",
					   1,
					   {{"cleanup.policy", COMPACT},
						{"segment.bytes", "1048576"},
						{"compression.type", "producer"}}},
					  KEEPS_NEWEST},
	[USE_TRANSACTIONS] = {{"transactions", 0, {{NULL, ""}}}, KEEPS_ANY},
	[USE_SCHEMA_CHANGES] = {{"schema changes", 0, {{"cleanup.policy", COMPACT}}}, KEEPS_ALL_KEYS},
	[USE_MESSAGES] = {{"logical messages", 0, {{NULL, ""}}}, KEEPS_ANY},
	[USE_DEAD_LETTERS] = {{"dead letters", 0, {NOT_COMPACT}}, KEEPS_REPEATED},
	[USE_SIGNALS] = {{"signals", 1, {NOT_COMPACT}}, KEEPS_REPEATED},
};

static const char *const fact_names[NTOPIC_FACTS] = {
	[FACT_POLICY] = "cleanup.policy",
	[FACT_SEGMENT_BYTES] = "segment.bytes",
	[FACT_COMPRESSION] = "compression.type",
	[FACT_RETENTION_MS] = "retention.ms",
	[FACT_RETENTION_BYTES] = "retention.bytes",
	[FACT_MESSAGE_BYTES] = "max.message.bytes",
};

/* --- sizes ------------------------------------------------------------------------- */

/*
 * Brokers measure a batch as it comes, and again if the topic has another compression.type.  Both
 * times it has at most what it has uncompressed; less than a thousandth more where random bytes
 * are compressed anew, which is passed over.
 */
uint64_t
topic_bytes(enum topic_use use, const struct topic_sizes *sizes)
{
	uint64_t record;
	uint64_t bytes = 0;

	if (sizes == NULL || sizes->batch == 0)
		return 0;
	record = sizes->record ? sizes->record + BATCH_BYTES : 0;
	switch (use)
	{
		case USE_PROGRESS: /* positions are small, and come one by one */
		case USE_SIGNALS: return 0; /* others write them */
		case USE_TRANSACTIONS:
		case USE_SCHEMA_CHANGES: break;
		case USE_TABLE:
		case USE_TABLE_WITHOUT_KEY:
		case USE_MESSAGES:
			/* Else it was said what is to become of a record that is refused. */
			if (sizes->on_error == ON_ERROR_STOP)
				bytes = record;
			break;
		case USE_DEAD_LETTERS:
			if (sizes->on_error == ON_ERROR_DEAD_LETTER)
				bytes = record ? record : LETTER_BYTES;
			break;
	}
	return bytes > sizes->batch ? bytes : sizes->batch;
}

void
topic_wish(enum topic_use use, uint64_t bytes, struct topic_wish *wish)
{
	struct topic_setting *set = wish->settings;

	*wish = wants[use].wish;
	if (bytes == 0)
		return;
	while (set->name)
		set++;
	set->name = fact_names[FACT_MESSAGE_BYTES];
	snprintf(set->value, FACT_MAX, "%" PRIu64, bytes);
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

static bool
is_longer(const char *bytes, const char *other)
{
	return strtoll(bytes, NULL, 10) > strtoll(other, NULL, 10);
}

static const char *
wished(const struct topic_wish *wish, const char *name)
{
	for (const struct topic_setting *set = wish->settings; set->name; set++)
		if (strcmp(set->name, name) == 0)
			return set->value;
	return NULL;
}

/* Fills one in; it is returned. */
static struct topic_difference *
difference_set(struct topic_difference *difference, enum topic_fact fact,
			   const struct topic_facts *facts, const char *wanted)
{
	*difference = (struct topic_difference){.setting = fact_names[fact]};
	memcpy(difference->found, facts->settings[fact], FACT_MAX);
	snprintf(difference->wanted, FACT_MAX, "%s", wanted);
	return difference;
}

unsigned
topic_differences(enum topic_use use, const struct topic_sizes *sizes,
				  const struct topic_facts *facts,
				  struct topic_difference differences[DIFFERENCES_MAX])
{
	const struct want *want = &wants[use];
	char               bytes[FACT_MAX];
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
		difference_set(&differences[count++], FACT_POLICY, facts, policy)->stops =
			use == USE_PROGRESS || use == USE_TABLE_WITHOUT_KEY;
	/* Nothing of a segment that is still written is compacted: at 1 GB each start reads that much. */
	if (segment && is_longer(facts->settings[FACT_SEGMENT_BYTES], segment))
		(void) difference_set(&differences[count++], FACT_SEGMENT_BYTES, facts, segment);
	snprintf(bytes, sizeof(bytes), "%" PRIu64, topic_bytes(use, sizes));
	if (*facts->settings[FACT_MESSAGE_BYTES] &&
		is_longer(bytes, facts->settings[FACT_MESSAGE_BYTES]))
		(void) difference_set(&differences[count++], FACT_MESSAGE_BYTES, facts, bytes);
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

/* What comes of batches or records that are too large. */
static enum rc
bytes_error(enum topic_use use, const char *topic, const struct topic_difference *difference,
			const struct topic_sizes *sizes, const char *command, struct err *e)
{
	err_set(e, ERR_CONFIG, E2016, "topic \"%s\" takes less than may be sent to it", topic);
	if (strtoull(difference->found, NULL, 10) < sizes->batch)
		err_detail(e, "max.message.bytes=%s there, and batches of records have up to %" PRIu64
					  " bytes: one that compression does not make small enough costs a new start of the "
					  "stream (E2003).",
				   difference->found, sizes->batch);
	else if (use == USE_DEAD_LETTERS)
		err_detail(e, "max.message.bytes=%s there: what is too large for another topic may be for this "
					  "one, too, and a letter that is refused stops the relay (E2003).",
				   difference->found);
	else
		err_detail(e, "max.message.bytes=%s there, and max.value.bytes, or message.max.bytes in [kafka], "
					  "lets records of up to %" PRIu64 " bytes through: one that compression does not make "
					  "small enough stops the relay (E2003).",
				   difference->found, sizes->record);
	if (strtoull(difference->wanted, NULL, 10) == sizes->batch)
		return err_hint(e, "Set batch.size=%s in [kafka], or: %s", difference->found, command);
	return err_hint(e, "%s", command);
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

void
topic_difference_command(const char *topic, const struct topic_difference *difference,
						 const char *bootstrap, struct buf *out)
{
	buf_printf(out, "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics "
					"--entity-name %s --add-config %s=%s",
			   bootstrap, topic, difference->setting, difference->wanted);
}

static enum rc
setting_error(enum topic_use use, const char *topic, const char *table,
			  const struct topic_difference *difference, const char *command, struct err *e)
{
	if (use == USE_TABLE_WITHOUT_KEY)
		err_set(e, ERR_CONFIG, E2006, "topic \"%s\" is compacted, and table \"%s\" has no key",
				topic, table ? table : "");
	else if (use == USE_PROGRESS && difference->stops)
		err_set(e, ERR_CONFIG, E2010, "topic \"%s\" would forget positions", topic);
	else
		err_set(e, ERR_CONFIG, E2016, "topic \"%s\" of %s has another %s than it should", topic,
				wants[use].wish.about, difference->setting);
	setting_detail(use, difference, e);
	return err_hint(e, "%s%s",
					use == USE_TABLE_WITHOUT_KEY ? "Give the table a primary key, or: " : "", command);
}

enum rc
topic_difference_error(enum topic_use use, const char *topic, const char *table,
					   const struct topic_difference *difference,
					   const struct topic_sizes *sizes, const char *bootstrap, struct err *e)
{
	struct buf command = {0};

	if (strcmp(difference->setting, "partitions") == 0)
		return partitions_error(use, topic, difference->found, e);
	topic_difference_command(topic, difference, bootstrap, &command);
	if (strcmp(difference->setting, fact_names[FACT_MESSAGE_BYTES]) == 0)
		(void) bytes_error(use, topic, difference, sizes, buf_cstr(&command), e);
	else
		(void) setting_error(use, topic, table, difference, buf_cstr(&command), e);
	buf_free(&command);
	return RC_ERR;
}

void
topic_wish_command(enum topic_use use, const char *topic, int32_t partitions, uint64_t bytes,
				   const char *bootstrap, struct buf *out)
{
	struct topic_wish wish;

	topic_wish(use, bytes, &wish);
	if (wish.partitions)
		partitions = wish.partitions;
	buf_printf(out, "kafka-topics.sh --bootstrap-server %s --create --topic %s", bootstrap, topic);
	if (partitions)
		buf_printf(out, " --partitions %d", (int) partitions);
	for (const struct topic_setting *set = wish.settings; set->name; set++)
		buf_printf(out, " --config %s=%s", set->name, set->value);
}
