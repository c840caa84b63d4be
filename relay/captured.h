/*
 * captured.h
 *		Which tables are captured, by the plugin's own word, with their topics and schemas.
 *
 * The plugin is asked through a temporary slot of a visit's connection, with the options of the
 * stream, so that a name it does not match, or an option it does not know, shows as it would
 * there.  It describes the tables that a logical message names; nothing else is written.
 * Called by check_tables.c and selection.c.
 */
#ifndef RELAY_CAPTURED_H
#define RELAY_CAPTURED_H

#include <uthash.h>

#include "encode.h"
#include "findings.h"
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
	struct captured *next;
	UT_hash_handle   by_relid; /* unless again */
};

/* Something is wrong with what a check is called; *e is the caller's. */
typedef void captured_fn(void *arg, enum verdict verdict, const char *check, const struct err *e);

/* All of them.  Zeros but for the first five members, all borrowed, before captured_probe(). */
struct captures
{
	const struct config *cfg;
	struct visit        *visit;
	struct route        *routes;
	captured_fn         *trouble;
	void                *arg;

	struct captured    *tables; /* in the order of their names */
	struct captured    *by_relid;
	unsigned            ntables; /* but those that are there again */
	struct format       fmt;
	struct encode_stats stats;
	PGresult           *listed; /* every table that might be captured: snapshot_sql_matching(),
								 * and how often rows were changed or deleted */
	int                 nlisted;
	struct listed_row  *rows; /* so many, by oid */
	char                slot[40];
};

/*
 * Makes a slot, which loads the plugin.  Nothing else is called if this is false, but
 * captures_free(); *visit is begun, its server is no standby.
 */
bool captured_probe(struct captures *caps);

/* Asks, and drops the slot.  False: it is not known which tables there are. */
bool captured_learn(struct captures *caps);

/* The row of listed of a table, of a partition that of the partition; -1: it is gone. */
int captured_row(const struct captures *caps, const struct table *tbl);

void captures_free(struct captures *caps);

#endif /* RELAY_CAPTURED_H */
