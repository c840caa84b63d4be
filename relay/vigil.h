/*
 * vigil.h
 *		Sits by a connection that should say something, and finds out why it does not.
 *
 * After a silence it has the server asked (events.ask) and looks, over one more
 * connection, at what the server's process does; silence.h says what follows.
 * source.c and handshake.c own one each.  What only looks dead to the kernel of
 * this machine is not its business: TCP keepalives find that (pg_connect_start()).
 */
#ifndef RELAY_VIGIL_H
#define RELAY_VIGIL_H

#include "err.h"
#include "loop.h"
#include "pg.h"

struct vigil_events
{
	/* Make the server say something; NULL: there is no way to.  May end the vigil. */
	void (*ask)(void *arg);
	/* For operators, once in a silence: it is long, and nothing is wrong with that. */
	void (*noted)(void *arg, const char *note);
	/* Nothing more will come: E1221.  The vigil has ended. */
	void (*dead)(void *arg, const struct err *e);
	void *arg;
};

struct vigil;

/* conninfo is borrowed. */
struct vigil *vigil_new(struct loop *loop, char *const *conninfo, const struct vigil_events *events);
void          vigil_free(struct vigil *vigil);

/*
 * From now on conn is read.  Both are borrowed until vigil_end().  streams: a
 * walsender that waits is to answer; otherwise one that has not begun may wait for
 * transactions.
 */
void vigil_begin(struct vigil *vigil, const struct pg_conn *conn, const struct pg_facts *facts,
				 bool streams);
/* It has said something. */
void vigil_heard(struct vigil *vigil);
void vigil_end(struct vigil *vigil);

/* Loop time of the last byte, or of the beginning; 0: there is no vigil. */
int64_t vigil_heard_ms(const struct vigil *vigil);

#endif /* RELAY_VIGIL_H */
