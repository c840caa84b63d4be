/*
 * replay.h
 *		Dead letters to the topics that they were meant for; dlq.h has the promise.
 *
 * Blocks.  Called by dlq.c.
 */
#ifndef RELAY_REPLAY_H
#define RELAY_REPLAY_H

#include "dlq.h"
#include "letters.h"

/* ls: read.  Says on out how many went, and what stays and why. */
enum rc replay(struct loop *loop, const struct config *cfg, struct letters *ls,
			   const struct dlq_choice *choice, bool dry_run, FILE *out, struct err *e) MUST_CHECK;

#endif /* RELAY_REPLAY_H */
