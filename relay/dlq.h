/*
 * dlq.h
 *		The commands on the topic of dead letters: list, show, replay.
 *
 * Each reads the topic, does its work and waits for it; cli.c calls them.  Values are
 * shown on out, because somebody asked for them, and nowhere else.
 *
 * Replay produces letters to the topics that they were meant for, in the order of the
 * dead-letter topic, and, once they are acknowledged, a mark for each: a letter with a mark is
 * not replayed again.  Ended in between, it repeats some; it leaves none out.  A
 * letter whose schema is still refused stays, and with it all later ones for its topic.
 * It has a producer of its own that takes part in nobody's transactions, and may run
 * beside the relay.
 */
#ifndef RELAY_DLQ_H
#define RELAY_DLQ_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

/* Which letters. */
struct dlq_choice
{
	const char *table; /* schema.table; NULL: all */
	const char *code;  /* E2003; NULL: all */
	const char *at;    /* PARTITION:OFFSET; NULL: all */
	unsigned    limit; /* show: so many at most */
};

struct dead_letter; /* letters.h */

/* Whether the letter is among those. */
bool dlq_chooses(const struct dlq_choice *choice, const struct dead_letter *letter);

enum rc dlq_list(const struct config *cfg, const struct dlq_choice *choice, bool json, FILE *out,
				 struct err *e) MUST_CHECK;
enum rc dlq_show(const struct config *cfg, const struct dlq_choice *choice, FILE *out,
				 struct err *e) MUST_CHECK;
/* dry_run: only says what would be done. */
enum rc dlq_replay(const struct config *cfg, const struct dlq_choice *choice, bool dry_run,
				   FILE *out, struct err *e) MUST_CHECK;

#endif /* RELAY_DLQ_H */
