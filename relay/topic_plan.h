/*
 * topic_plan.h
 *		The topics that a configuration needs, beside those that the brokers have.
 *
 * Called by topics_command.c and check_kafka.c.
 */
#ifndef RELAY_TOPIC_PLAN_H
#define RELAY_TOPIC_PLAN_H

#include "brokers.h"
#include "captured.h"

enum topic_state
{
	TOPIC_EXISTS,
	TOPIC_CREATE, /* it is not there */
	TOPIC_DIFFERS,
	TOPIC_FAILED, /* it cannot be made, or not be seen: why */
	TOPIC_CREATED,
	NTOPIC_STATES
};

/* One of them. */
struct planned
{
	char                   *name;
	const char             *table; /* whose changes go there; NULL: none's; borrowed */
	enum topic_use          use;
	enum topic_state        state;
	struct topic_facts      facts; /* as far as brokers have told them */
	uint64_t                bytes; /* max.message.bytes to give it; 0: brokers give it enough */
	struct topic_difference differences[DIFFERENCES_MAX]; /* if not there: of what it would get */
	unsigned                ndifferences;
	struct err             *why;
	bool                    hidden; /* the user may not see whether it is there */
	UT_hash_handle          by_name;
};

/* Zeros at first; topic_plan_free() follows. */
struct topic_plan
{
	struct planned    *topics; /* by_name, in the order that they came in */
	struct topic_sizes sizes;  /* of what is sent; topic_plan_compare() */
};

/* The topic of a table; nothing if it is there already, or if the table can have none. */
void topic_plan_table(struct topic_plan *plan, const struct captured *table);

/* All that are no table's, as far as the settings switch them on.  RC_ERR as route_named(). */
enum rc topic_plan_own(struct topic_plan *plan, const struct config *cfg, struct route *routes,
					   struct err *e) MUST_CHECK;

/* Says of each in which state it is; one that is hidden has failed. */
void topic_plan_compare(struct topic_plan *plan, const struct config *cfg,
						struct brokers *brokers);

/*
 * Makes those that are to be created, and asks anew what they are like; tries: the brokers say
 * what would become of it, and the state stays.  partitions, replicas: as in struct topic_order.
 */
void topic_plan_create(struct topic_plan *plan, struct brokers *brokers, int32_t partitions,
					   int32_t replicas, bool tries);

/* How it differs in that setting; NULL: it does not. */
const struct topic_difference *topic_plan_difference(const struct planned *topic,
													 const char *setting);

/* How many are in that state. */
unsigned topic_plan_count(const struct topic_plan *plan, enum topic_state state);

void topic_plan_free(struct topic_plan *plan);

#endif /* RELAY_TOPIC_PLAN_H */
