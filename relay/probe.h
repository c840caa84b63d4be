/*
 * probe.h
 *		Asks a server, by one more connection, whether it is shutting down.
 *
 * A walsender whose client does not read cannot say so: the news would come
 * behind what is not read.  source.c asks while it is paused.
 */
#ifndef RELAY_PROBE_H
#define RELAY_PROBE_H

#include "loop.h"
#include "pg.h"

struct probe;

/* shutting_down runs on the loop.  conninfo is borrowed. */
struct probe *probe_new(struct loop *loop, const char *conninfo, loop_cb *shutting_down, void *arg);
void          probe_free(struct probe *probe);

/*
 * Connects to the server that conn is connected to, whatever other hosts the
 * connection string names, and hangs up; does nothing while the last answer is
 * still to come.
 */
void probe_ask(struct probe *probe, const struct pg_conn *conn);
void probe_cancel(struct probe *probe);

#endif /* RELAY_PROBE_H */
