/*
 * dial.h
 *		Connecting to PostgreSQL: host by host, in a thread.
 *
 * libpq waits for the resolver, and where it does not wait itself it knows no
 * time limit: one host that takes a connection and then says nothing would use
 * up every attempt.  So each host has connect_timeout, those that were silent
 * are passed over, and the loop does none of it.  handshake.c, query.c and slot.c
 * call it.  The thread touches nothing but its own, and never logs.
 */
#ifndef RELAY_DIAL_H
#define RELAY_DIAL_H

#include "loop.h"
#include "pg.h"

struct dial;

/* Connected: conn is the receiver's to PQfinish().  Or conn is NULL, and *e says why. */
typedef void dial_cb(void *arg, struct pg_conn *conn, const struct err *e);

/*
 * done runs on the loop, never from within this call; then the dial is gone.
 * conninfo is copied.  NULL: *e, no thread could be had.
 */
struct dial *dial_start(struct loop *loop, const char *conninfo, enum pg_kind kind, dial_cb *done,
						void *arg, struct err *e);
/* done does not run any more.  Does not wait. */
void dial_cancel(struct dial *dial);

/* The same, waiting.  NULL: *e. */
struct pg_conn *dial_wait(const char *conninfo, enum pg_kind kind, struct err *e);

/*
 * Whether a cancelled one still connects.  The process must then end without exit handlers:
 * they take down what libraries (krb5's locks) hold under that thread's feet.
 */
bool dial_is_left_behind(void);

#endif /* RELAY_DIAL_H */
