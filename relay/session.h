/*
 * session.h
 *		Connections come and go; the relay goes on.
 *
 * Makes the source, the sink and the registry, feeds the pipeline from one to
 * the other, decides by policy.c what each failure means, drains at SIGTERM.
 */
#ifndef RELAY_SESSION_H
#define RELAY_SESSION_H

#include "config.h"
#include "err.h"
#include "loop.h"

/*
 * Relays until SIGTERM or SIGINT, until cfg->end_lsn is safe, or until an
 * error that needs somebody.  RC_OK for the first two; logs its own state
 * changes, but not the error that it returns.
 */
enum rc session_run(struct loop *loop, struct config *cfg, struct err *e) MUST_CHECK;

#endif /* RELAY_SESSION_H */
