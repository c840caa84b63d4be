/*
 * preflight.h
 *		What `walrelay check` would say, looked at by a relay that runs.
 *
 * The check asks its questions one after another and waits for each answer, which a relay
 * must not: it is done by a process of its own, forked before there is a thread, that waits
 * until the stream runs and ends when it has told what it found.  Nothing is held up by it,
 * and nothing ends because of it: what keeps a relay from running, the relay says itself.
 */
#ifndef RELAY_PREFLIGHT_H
#define RELAY_PREFLIGHT_H

#include "config.h"
#include "loop.h"

struct preflight;

/* NULL: check.at.start is off, or no process can be made, which is logged.  cfg is borrowed. */
struct preflight *preflight_new(struct loop *loop, const struct config *cfg);
/* Ends it, if it has not ended.  NULL is allowed. */
void preflight_free(struct preflight *pre);

/*
 * The stream runs: look now, and log what is to be warned of.  Again, or NULL: nothing
 * happens.
 */
void preflight_go(struct preflight *pre);

#endif /* RELAY_PREFLIGHT_H */
