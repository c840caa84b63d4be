/*
 * handshake.h
 *		From connecting to START_REPLICATION's answer, on the loop.
 *
 * Looks at server and slot before it streams, creates the slot if it may, and
 * gives the connection away once frames follow.  source.c owns it.  It must
 * never go on from a server or slot that may lack changes (lineage.h).
 */
#ifndef RELAY_HANDSHAKE_H
#define RELAY_HANDSHAKE_H

#include "config.h"
#include "lineage.h"
#include "loop.h"
#include "pg.h"

struct handshake_result
{
	struct pg_conn        *conn;      /* streams; not watched; the receiver's to PQfinish() */
	const struct pg_facts *facts;     /* valid until the next start */
	uint64_t               start_lsn; /* that was asked for */
	bool                   created;   /* the slot was made for this stream */
};

/* The first two are the last that the handshake does; failed() may come from within its start. */
struct handshake_events
{
	void (*done)(void *arg, const struct handshake_result *result);
	void (*failed)(void *arg, const struct err *e);
	/* For operators: not the last; the server takes long, and that is no trouble. */
	void (*noted)(void *arg, const char *note);
	void *arg;
};

struct handshake;

/* cfg is borrowed. */
struct handshake *handshake_new(struct loop *loop, const struct config *cfg,
								const struct handshake_events *events);
void              handshake_free(struct handshake *shake);

/* past is copied.  Not while one is under way. */
void handshake_start(struct handshake *shake, const struct lineage *past);
/* What is known of the server that was looked at last; valid until the next start. */
const struct pg_facts *handshake_facts(const struct handshake *shake);
/* Disconnects, if one is under way. */
void handshake_cancel(struct handshake *shake);

#endif /* RELAY_HANDSHAKE_H */
