/*
 * lookahead.h
 *		What the next rows need is asked from memory while this one is worked on.
 *
 * With thousands of tables it is out of the processor's caches, and each thing is
 * found through the one before: table, stream, plan, ops.  So each change is seen
 * some records ahead, and each record that is worked on asks for the next step of
 * all of them.  Only a hint: nothing is kept but indexes, nothing is changed.
 * Called by pipeline.c.
 */
#ifndef RELAY_LOOKAHEAD_H
#define RELAY_LOOKAHEAD_H

#include "catalog.h"

enum lookahead_step
{
	STEP_OPS,
	STEP_PLAN,
	STEP_STREAM,
	STEP_TABLE,
	STEPS
};

struct lookahead
{
	struct cursor records;          /* of the frame, behind the changes seen */
	uint32_t      last;             /* relation of the last of these */
	uint32_t      relations[STEPS]; /* those at each step; NO_RELATION: as the one before */
	unsigned      left;             /* records until all of them are that */
};

/* A frame with these records begins.  The user of cat's tables is their struct stream. */
void lookahead_start(struct lookahead *ahead, struct cursor records, const struct catalog *cat);

/* The next record is about to be worked on. */
void lookahead_step(struct lookahead *ahead, const struct catalog *cat);

#endif /* RELAY_LOOKAHEAD_H */
