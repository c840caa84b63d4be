/*
 * probe.h
 *		Asks a server, by one more connection, what it is doing.
 *
 * A walsender whose client does not read cannot say that the server shuts down: the
 * news would come behind what is not read; and one that says nothing at all cannot
 * say why.  source.c asks while it is paused, vigil.c during a silence.
 */
#ifndef RELAY_PROBE_H
#define RELAY_PROBE_H

#include "loop.h"
#include "pg.h"

struct probe;

enum probe_answer
{
	PROBE_UNREACHABLE,   /* nobody is there, or says anything in time */
	PROBE_SHUTTING_DOWN, /* or starting: it takes no connections now */
	PROBE_LIVES,         /* more was not asked, or not to be had */
	/* Only from probe_ask_process(): */
	PROBE_ELSEWHERE, /* another server answered, or it was started anew */
	PROBE_GONE,      /* the process has ended */
	PROBE_IDLE,      /* it waits for a command */
	PROBE_LISTENS,   /* a walsender that waits for WAL, or for what we say */
	PROBE_BUSY       /* it does something else */
};

/* doing: a few words about it, in English or the server's language. */
typedef void probe_cb(void *arg, enum probe_answer answer, const char *doing);

/* answered runs on the loop, perhaps from within the question.  conninfo is borrowed. */
struct probe *probe_new(struct loop *loop, char *const *conninfo, probe_cb *answered, void *arg);
void          probe_free(struct probe *probe);

/*
 * Connects to the server that conn is connected to, whatever other hosts the
 * connection string names, and hangs up: is it shutting down?  Does nothing while
 * the last answer is still to come.
 */
void probe_ask(struct probe *probe, const struct pg_conn *conn);
/* The same, and asks what the process at the other end of conn does; facts is borrowed. */
void probe_ask_process(struct probe *probe, const struct pg_conn *conn,
					   const struct pg_facts *facts);
void probe_cancel(struct probe *probe);

#endif /* RELAY_PROBE_H */
