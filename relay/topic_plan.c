/*
 * topic_plan.c
 *		Which topics are needed, and how far they are there; see topic_plan.h.
 */
#include "topic_plan.h"

#include <stdlib.h>

#include "loop.h"

/* For the settings of as many topics as one request has. */
#define SETTINGS_MS 15000
/* For the brokers to make as many topics as one request has. */
#define CREATE_MS 30000
/* For the broker that is asked to hear of one more that was made: thousands take it a while. */
#define HEARS_MS 20000

/* --- what is needed -------------------------------------------------------------------- */

/* Takes name, or frees it if that topic is planned already. */
static void
plan_add(struct topic_plan *plan, enum topic_use use, char *name, const char *table)
{
	struct planned *topic;
	size_t          len = strlen(name);

	HASH_FIND(by_name, plan->topics, name, len, topic);
	if (topic)
	{
		free(name);
		return;
	}
	topic = xcalloc(1, sizeof(*topic));
	topic->use = use;
	topic->name = name;
	topic->table = table;
	topic->state = TOPIC_CREATE;
	HASH_ADD_KEYPTR(by_name, plan->topics, topic->name, len, topic);
}

void
topic_plan_table(struct topic_plan *plan, const struct captured *table)
{
	bool has_key = table->plan == NULL || plan_schema(table->plan, SIDE_KEY) != NULL;

	if (table->topic)
		plan_add(plan, has_key ? USE_TABLE : USE_TABLE_WITHOUT_KEY, xstrdup(table->topic),
				 table->name);
}

/* PREFIX.part */
static enum rc
plan_named(struct topic_plan *plan, enum topic_use use, struct route *routes, const char *part,
		   struct err *e)
{
	char *name;

	if (route_named(routes, part, &name, e) != RC_OK)
		return RC_ERR;
	plan_add(plan, use, name, NULL);
	return RC_OK;
}

enum rc
topic_plan_own(struct topic_plan *plan, const struct config *cfg, struct route *routes,
			   struct err *e)
{
	enum rc rc = RC_OK;
	char   *name;

	if (!cfg->slot.temporary) /* nobody goes on where such a one has ended */
		rc = plan_named(plan, USE_PROGRESS, routes, cfg->kafka.topic_progress, e);
	if (rc == RC_OK && cfg->format.transactions)
		rc = plan_named(plan, USE_TRANSACTIONS, routes, cfg->kafka.topic_transaction, e);
	if (rc == RC_OK && cfg->format.schema_changes)
		rc = plan_named(plan, USE_SCHEMA_CHANGES, routes, cfg->kafka.topic_schema_changes, e);
	if (rc == RC_OK && (cfg->relay.on_error == ON_ERROR_DEAD_LETTER ||
						config_on_refusal(cfg) == ON_ERROR_DEAD_LETTER))
		rc = plan_named(plan, USE_DEAD_LETTERS, routes, cfg->kafka.topic_dead_letter, e);
	if (rc == RC_OK && (cfg->signal.channels & CHANNEL_KAFKA))
		plan_add(plan, USE_SIGNALS, config_signal_topic(cfg), NULL);
	/* Whatever prefix they have, unless all are left out. */
	if (rc == RC_OK && strcmp(cfg->tables.message_exclude, ".*") != 0)
	{
		rc = route_messages(routes, &name, e);
		if (rc == RC_OK)
			plan_add(plan, USE_MESSAGES, name, NULL);
	}
	return rc;
}

/* --- what there is ----------------------------------------------------------------------- */

static struct planned *
plan_find(const struct topic_plan *plan, const char *name)
{
	struct planned *topic;

	HASH_FIND(by_name, plan->topics, name, strlen(name), topic);
	return topic;
}

static void
on_topic(void *arg, const char *name, int32_t partitions, int32_t replicas, bool hidden)
{
	struct planned *topic = plan_find(arg, name);

	if (topic == NULL)
		return;
	topic->facts.partitions = partitions;
	topic->facts.replicas = replicas;
	topic->hidden = hidden;
}

static void
on_setting(void *arg, const char *of, const char *name, const char *value)
{
	struct planned *topic = plan_find(arg, of);

	if (topic)
		topic_fact_take(&topic->facts, name, value);
}

/* Names of those that are there, or not; the caller frees the array. */
static const char **
names_of(const struct topic_plan *plan, bool there, size_t *count)
{
	const char **names = xcalloc(HASH_CNT(by_name, plan->topics) + 1, sizeof(*names));

	*count = 0;
	for (struct planned *at = plan->topics; at; at = at->by_name.next)
		if ((at->facts.partitions > 0) == there)
			names[(*count)++] = at->name;
	return names;
}

static void
settings_ask(struct topic_plan *plan, struct brokers *brokers)
{
	size_t       count;
	const char **names = names_of(plan, true, &count);

	topic_admin_settings(brokers->rk, names, count, SETTINGS_MS, on_setting, plan);
	free(names);
}

/* The list of all that may be seen lacks what is hidden: that is told of what is named. */
static void
missing_ask(struct topic_plan *plan, struct brokers *brokers)
{
	size_t       count;
	const char **names = names_of(plan, false, &count);

	brokers_ask_topics(brokers, names, count, on_topic, plan);
	free(names);
}

static void
topic_fail(struct planned *topic, const struct err *why)
{
	topic->state = TOPIC_FAILED;
	if (topic->why == NULL)
		topic->why = xmalloc(sizeof(*why));
	*topic->why = *why;
}

static void
topic_judge(const struct topic_plan *plan, struct planned *topic, const struct brokers *brokers)
{
	const struct topic_difference *size;
	struct topic_facts             facts = topic->facts;
	struct err                     e;

	if (facts.partitions == 0)
		topic_fact_take(&facts, topic_fact_name(FACT_MESSAGE_BYTES), brokers->bytes); /* it would get that */
	topic->ndifferences = topic_differences(topic->use, &plan->sizes, &facts, topic->differences);
	size = topic_plan_difference(topic, topic_fact_name(FACT_MESSAGE_BYTES));
	topic->bytes = size ? strtoull(size->wanted, NULL, 10) : 0;
	if (topic->hidden)
	{
		(void) brokers_hidden(brokers, topic->name,
							  topic->use == USE_PROGRESS
								  ? "--operation Create --operation Write --operation Read"
							  : topic->use == USE_SIGNALS ? "--operation Read"
														  : "--operation Write",
							  &e);
		topic_fail(topic, &e);
	}
	else if (topic->facts.partitions > 0)
		topic->state = topic->ndifferences > 0 ? TOPIC_DIFFERS : TOPIC_EXISTS;
}

void
topic_plan_compare(struct topic_plan *plan, const struct config *cfg, struct brokers *brokers)
{
	kafka_conf_sizes(cfg, &plan->sizes);
	brokers_topics(brokers, on_topic, plan);
	missing_ask(plan, brokers);
	settings_ask(plan, brokers);
	for (struct planned *at = plan->topics; at; at = at->by_name.next)
		topic_judge(plan, at, brokers);
}

const struct topic_difference *
topic_plan_difference(const struct planned *topic, const char *setting)
{
	for (unsigned i = 0; i < topic->ndifferences; i++)
		if (strcmp(topic->differences[i].setting, setting) == 0)
			return &topic->differences[i];
	return NULL;
}

unsigned
topic_plan_count(const struct topic_plan *plan, enum topic_state state)
{
	unsigned count = 0;

	for (const struct planned *at = plan->topics; at; at = at->by_name.next)
		count += at->state == state;
	return count;
}

/* --- making ------------------------------------------------------------------------------- */

/* What is ordered, and whose order it is, by number. */
struct making
{
	struct topic_order *orders;
	struct planned    **topics;
	bool                tries;
};

/* Somebody else may have been faster: that is no failure. */
static void
on_made(void *arg, size_t number, bool existed, const struct err *why)
{
	struct making  *making = arg;
	struct planned *topic = making->topics[number];

	if (why)
		topic_fail(topic, why);
	else if (existed)
		topic->state = TOPIC_EXISTS;
	else
	{
		topic->state = making->tries ? TOPIC_CREATE : TOPIC_CREATED;
		topic->ndifferences = 0; /* it is made as it is wished */
	}
}

/* How many were made that the broker that is asked has not heard of. */
static unsigned
count_unheard(const struct topic_plan *plan)
{
	unsigned count = 0;

	for (const struct planned *at = plan->topics; at; at = at->by_name.next)
		count += at->state == TOPIC_CREATED && at->facts.partitions == 0 && !at->hidden;
	return count;
}

/* What came of it: not at once everywhere. */
static void
made_learn(struct topic_plan *plan, struct brokers *brokers)
{
	int64_t  heard_ms = loop_now_ms();
	unsigned before = 0;

	for (;;)
	{
		unsigned unheard;

		missing_ask(plan, brokers);
		unheard = count_unheard(plan);
		if (unheard != before)
			heard_ms = loop_now_ms();
		if (unheard == 0 || loop_now_ms() - heard_ms > HEARS_MS)
			break;
		before = unheard;
		brokers_pause(brokers);
	}
	settings_ask(plan, brokers);
	for (struct planned *at = plan->topics; at; at = at->by_name.next)
		if (at->state == TOPIC_EXISTS && !at->hidden)
			topic_judge(plan, at, brokers);
}

void
topic_plan_create(struct topic_plan *plan, struct brokers *brokers, int32_t partitions,
				  int32_t replicas, bool tries)
{
	size_t        room = HASH_CNT(by_name, plan->topics) + 1;
	struct making making = {.orders = xcalloc(room, sizeof(*making.orders)),
							.topics = xcalloc(room, sizeof(struct planned *)),
							.tries = tries};
	size_t        count = 0;

	/* Who may make a topic need not be allowed to see whether it is there. */
	for (struct planned *at = plan->topics; at; at = at->by_name.next)
		if (at->state == TOPIC_CREATE || at->hidden)
		{
			making.orders[count] = (struct topic_order){.use = at->use,
														.name = at->name,
														.partitions = partitions,
														.replicas = replicas,
														.bytes = at->bytes};
			making.topics[count++] = at;
		}
	topic_admin_create(brokers->rk, making.orders, count, tries, CREATE_MS, on_made, &making);
	if (!tries && count > 0)
		made_learn(plan, brokers);
	free(making.orders);
	free(making.topics);
}

void
topic_plan_free(struct topic_plan *plan)
{
	struct planned *topic;
	struct planned *next;

	HASH_ITER(by_name, plan->topics, topic, next)
	{
		HASH_DELETE(by_name, plan->topics, topic);
		free(topic->name);
		free(topic->why);
		free(topic);
	}
}
