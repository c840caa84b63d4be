/*
 * chunk_plan.h
 *		Pure: in which pieces a table is read: ranges of its ctids, as large as memory likes.
 *
 * Every place of the table is in exactly one chunk that was finished.  How many rows a block
 * has, and how large they are, is learnt from the chunks before; one that was too large
 * comes again in smaller pieces, down to a single row.  Called by snapshot.c.
 */
#ifndef RELAY_CHUNK_PLAN_H
#define RELAY_CHUNK_PLAN_H

#include "tid_set.h"

struct chunk_limits
{
	uint64_t rows; /* that a chunk should have */
	uint64_t bytes;
};

struct chunk
{
	struct tid_range range;
	bool             again; /* was read by a round before: only rows that are newer count */
};

/* Zero it; chunk_plan_begin() before the rest, chunk_plan_free() at the end. */
struct chunk_plan
{
	struct tid_set done;  /* by rounds before */
	struct tid_set taken; /* finished, being read or given back */
	struct chunk  *returned;
	uint32_t       nreturned;
	uint32_t       max_returned;
	uint32_t       reading; /* chunks that are taken and neither finished nor given back */
	bool           sized;   /* blocks is known */
	uint64_t       blocks;
	uint64_t       seen_blocks; /* of chunks that were finished */
	uint64_t       seen_rows;
	uint64_t       seen_bytes;
	uint64_t       span; /* tids that a chunk may have since one was too large; 0: no limit */
};

/* A new round: done is copied. */
void chunk_plan_begin(struct chunk_plan *plan, const struct tid_set *done);
void chunk_plan_free(struct chunk_plan *plan);

/* The next piece to read.  False: none just now, or none at all. */
bool chunk_plan_next(struct chunk_plan *plan, const struct chunk_limits *limits,
					 struct chunk *chunk);

/* It was read: so many rows of so many bytes; blocks: that the table has now. */
void chunk_plan_finish(struct chunk_plan *plan, const struct chunk *chunk, uint64_t rows,
					   uint64_t bytes, uint64_t blocks);

/* It was not read to its end, and comes again; too_large: in smaller pieces. */
void chunk_plan_return(struct chunk_plan *plan, const struct chunk *chunk, bool too_large);

/* It cannot be made smaller: one row at most. */
bool chunk_is_smallest(const struct chunk *chunk);

/* All of the table was read. */
bool chunk_plan_is_over(const struct chunk_plan *plan);

#endif /* RELAY_CHUNK_PLAN_H */
