/*
 * query.h
 *		A connection that SQL is run over, on the loop: one string of statements at a time.
 *
 * Connects by dial.c, looks at the server as handshake.c does, and then runs what it is
 * given.  A statement that fails ends its string; the connection stays good, and is not in
 * a transaction any more.  Called by those who read rows, slot_watch.c and snapshot_command.c.  Must
 * not log, and decides nothing.
 */
#ifndef RELAY_QUERY_H
#define RELAY_QUERY_H

#include "config.h"
#include "cursor.h"
#include "loop.h"
#include "pg.h"

struct query;

struct query_events
{
	/* Connected: query_run() may be called. */
	void (*ready)(void *arg);
	/* One statement's result, borrowed: rows, or none. */
	void (*result)(void *arg, const struct pg_result *res);
	/* One message of a COPY, borrowed. */
	void (*copied)(void *arg, struct str message);
	/* The string is over; failed: by an error of a statement, which *e says, with its SQLSTATE. */
	void (*done)(void *arg, bool failed, const char *state, const struct err *e);
	/* Not connected any more, or never was. */
	void (*lost)(void *arg, const struct err *e);
	void *arg;
};

/* Does not connect.  cfg is borrowed. */
struct query *query_new(struct loop *loop, const struct config *cfg,
						const struct query_events *events);
void          query_free(struct query *q); /* not from within an event */

/* Not while it is connected.  kind: PG_REPLICATION takes replication commands, too. */
void query_connect(struct query *q, const char *conninfo, enum pg_kind kind);
/* Disconnects at once; no event follows.  From within an event, too. */
void query_disconnect(struct query *q);

/*
 * Runs statements, after ready() or the done() of the last ones.  stage: what an error is about.
 * A connection that was lost meanwhile tells so by lost(), as if it had been by these.
 */
void query_run(struct query *q, const char *sql, enum pg_stage stage);

/* Whether a COPY of the statements has begun to answer. */
bool query_has_copied(const struct query *q);
/* Between ready() and lost() or query_disconnect(). */
bool query_is_ready(const struct query *q);

/* The server that it is connected to. */
const struct pg_facts *query_facts(const struct query *q);

/* A field of a result, "" for NULL; how many rows and columns it has: none, what is no SELECT. */
const char *query_field(const struct pg_result *res, int row, int column);
int         query_rows(const struct pg_result *res);
int         query_columns(const struct pg_result *res);

#endif /* RELAY_QUERY_H */
