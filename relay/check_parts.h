/*
 * check_parts.h
 *		What the files of check.h share; for them only.
 */
#ifndef RELAY_CHECK_PARTS_H
#define RELAY_CHECK_PARTS_H

#include <uthash.h>

#include "check.h"
#include "encode.h"
#include "format.h"
#include "route.h"
#include "visit.h"

/* A table that changes are captured of. */
struct captured
{
	struct table    *tbl;
	char            *name;       /* schema.table, UTF-8 */
	bool             again;      /* another partition of a root whose topic and schemas it shares */
	char            *topic;      /* NULL: it can have none, or again */
	struct plan     *plan;       /* its schemas; the same */
	int              partitions; /* of the topic; 0: it is not there, as far as is known */
	struct captured *next;
	UT_hash_handle   by_relid; /* unless again */
	UT_hash_handle   by_topic; /* if it has one */
};

struct check
{
	const struct config *cfg;
	struct findings     *findings;
	bool                 beside; /* a relay streams the slot: places are its own */
	struct visit         visit;
	bool                 visits;       /* the source was reached, and facts are complete */
	bool                 decodes;      /* it can decode, as far as its settings go */
	bool                 room;         /* for a slot to ask the plugin by */
	bool                 knows_tables; /* the plugin has told them */
	struct captured     *tables;       /* in the order of their names */
	struct captured     *by_relid;
	struct captured     *by_topic;
	unsigned             ntables; /* but those that are there again */
	struct route        *routes;
	struct format        fmt;
	struct encode_stats  stats;
};

/* In this order.  What one could not find out the next ones skip, and say so. */
void check_server(struct check *check);
void check_slot(struct check *check);
void check_tables(struct check *check);
void check_kafka(struct check *check);
void check_registry(struct check *check);
void check_machine(struct check *check);

/* A warning. */
void check_warn(struct check *check, const char *name, const struct err *e);
/* rc is that of a function that fills *e if it fails.  True: it did not. */
bool check_take(struct check *check, const char *name, enum rc rc, const struct err *e);

/* Names for a message: those that are too many are dots.  count: how many there are already. */
void check_name(struct buf *names, unsigned count, const char *name);
#define CHECK_NAMED_MAX 8

/* One query with one row; RC_ERR is a warning already: what it was for is not known. */
enum rc check_ask(struct check *check, const char *name, const char *sql, PGresult **res);

#endif /* RELAY_CHECK_PARTS_H */
