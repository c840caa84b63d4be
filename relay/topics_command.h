/*
 * topics_command.h
 *		`walrelay topics plan` and `topics create`: the topics that a configuration needs.
 *
 * Tables are those that the plugin tells.  Without tables the topics that are no table's are
 * among them, too.  Called by cli_commands.c.
 */
#ifndef RELAY_TOPICS_COMMAND_H
#define RELAY_TOPICS_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

/* Of topics that are made. */
struct topics_choice
{
	int32_t partitions; /* of those that need not have one; 0: the brokers' default */
	int32_t replicas;   /* 0: the same */
	bool    tries;      /* nothing is made: the brokers say whether they would */
};

/*
 * Prints each with its state; json: one object,
 * {"topics":[{"topic":"shop.shop.orders","for":"table","table":"shop.orders","state":"differs",
 * "partitions":3,"replication_factor":1,"settings":{"cleanup.policy":"compact"},
 * "wanted":{"partitions":null,"replication_factor":null,"settings":{"cleanup.policy":"delete"}},
 * "errors":[{"code":"E2006","message":"...","detail":"...","hint":"..."}]}],
 * "exists":4,"create":0,"differs":1,"failed":0,"created":0}, with null for what is not known, or
 * the brokers' default.  RC_ERR as selection_begin() and brokers_open(); E2004: a topic may not
 * be seen; E2017: topics are to be created or changed.
 */
enum rc topics_plan(const struct config *cfg, const char *const *tables, unsigned ntables,
					bool json, FILE *out, struct err *e) MUST_CHECK;

/*
 * Makes those that are not there, and prints the same.  RC_ERR as the other, but not E2017: class
 * and code of the first that could not be made, E2004, E2010, E2015; the others are.
 */
enum rc topics_create(const struct config *cfg, const char *const *tables, unsigned ntables,
					  const struct topics_choice *choice, bool json, FILE *out,
					  struct err *e) MUST_CHECK;

#endif /* RELAY_TOPICS_COMMAND_H */
