/*
 * chunk_plan.c
 *		A table in pieces; see chunk_plan.h.
 */
#include "chunk_plan.h"

#include <stdlib.h>

#define BLOCK ((tid) 1 << 16) /* tids from one block to the next */

#define FIRST_BLOCKS 256       /* of a table of which nothing is known, at most */
#define FIRST_ROWS_A_BLOCK 200 /* that they might have: narrow rows */
#define MOST_BLOCKS 131072     /* of a chunk, whatever it holds */
#define AGAIN_BLOCKS 16        /* times as many where few rows are newer */
#define MOST_ROWS_A_BLOCK 1200 /* blocks of 32 kB have no more line pointers */

void
chunk_plan_free(struct chunk_plan *plan)
{
	tid_set_free(&plan->done);
	tid_set_free(&plan->taken);
	free(plan->returned);
	*plan = (struct chunk_plan){0};
}

void
chunk_plan_begin(struct chunk_plan *plan, const struct tid_set *done)
{
	chunk_plan_free(plan);
	for (uint32_t i = 0; i < done->count; i++)
		tid_set_add(&plan->done, done->ranges[i]);
}

/* --- how large ----------------------------------------------------------------- */

static uint64_t
within(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* Blocks that should give so much, if seen blocks gave so much. */
static uint64_t
blocks_for(const struct chunk_plan *plan, uint64_t wanted, uint64_t seen)
{
	if (seen == 0)
		return MOST_BLOCKS;
	return (uint64_t) ((double) wanted * (double) plan->seen_blocks / (double) seen);
}

static tid
chunk_span(const struct chunk_plan *plan, const struct chunk_limits *limits, bool again)
{
	uint64_t blocks = within(limits->rows / FIRST_ROWS_A_BLOCK, 1, FIRST_BLOCKS);

	if (plan->seen_blocks > 0)
	{
		uint64_t by_bytes = blocks_for(plan, limits->bytes, plan->seen_bytes);

		blocks = blocks_for(plan, limits->rows, plan->seen_rows);
		if (by_bytes < blocks)
			blocks = by_bytes;
	}
	blocks = within(blocks, 1, MOST_BLOCKS);
	/* A table grows by what it has shown itself to be, not at once: empty blocks may be an
	 * exception. */
	if (plan->seen_blocks > 0)
		blocks = within(blocks, 1, plan->seen_blocks * 4);
	if (again)
		blocks = within(blocks * AGAIN_BLOCKS, 1, MOST_BLOCKS);
	if (plan->span && plan->span < blocks * BLOCK)
		return plan->span;
	return blocks * BLOCK;
}

/* Where a chunk that begins there ends, within what is left of a range. */
static tid
chunk_end(struct tid_range left, tid span)
{
	tid end;

	if (span >= BLOCK)
		end = (left.from / BLOCK + span / BLOCK) * BLOCK;
	else
	{
		end = left.from + span;
		if (end / BLOCK != left.from / BLOCK || end % BLOCK > MOST_ROWS_A_BLOCK)
			end = (left.from / BLOCK + 1) * BLOCK;
	}
	return end < left.end ? end : left.end;
}

bool
chunk_is_smallest(const struct chunk *chunk)
{
	return chunk->range.end - chunk->range.from == 1;
}

/* --- what is next -------------------------------------------------------------- */

static void
put_back(struct chunk_plan *plan, const struct chunk *chunk)
{
	if (plan->nreturned == plan->max_returned)
	{
		plan->max_returned = plan->max_returned ? plan->max_returned * 2 : 4;
		plan->returned = xrealloc(plan->returned, plan->max_returned * sizeof(*plan->returned));
	}
	plan->returned[plan->nreturned++] = *chunk;
}

static bool
next_returned(struct chunk_plan *plan, const struct chunk_limits *limits, struct chunk *chunk)
{
	struct chunk *left;

	if (plan->nreturned == 0)
		return false;
	left = &plan->returned[plan->nreturned - 1];
	*chunk = *left;
	chunk->range.end = chunk_end(left->range, chunk_span(plan, limits, left->again));
	left->range.from = chunk->range.end;
	if (left->range.from >= left->range.end)
		plan->nreturned--;
	return true;
}

/* What was not taken yet; none if that lies behind the table's end. */
static bool
left_over(const struct chunk_plan *plan, struct tid_range *left)
{
	return tid_set_gap(&plan->taken, 0, left) &&
		   !(plan->sized && left->from / BLOCK >= plan->blocks);
}

bool
chunk_plan_next(struct chunk_plan *plan, const struct chunk_limits *limits, struct chunk *chunk)
{
	struct tid_range left;
	struct tid_range fresh;

	if (next_returned(plan, limits, chunk))
	{
		plan->reading++;
		return true;
	}
	/* How large the table is, the first chunk tells. */
	if (!left_over(plan, &left) || (!plan->sized && plan->reading > 0))
		return false;
	chunk->again = !tid_set_gap(&plan->done, left.from, &fresh) || fresh.from != left.from;
	if (chunk->again && fresh.from > left.from && fresh.from < left.end)
		left.end = fresh.from;
	else if (!chunk->again && fresh.end < left.end)
		left.end = fresh.end;
	chunk->range.from = left.from;
	chunk->range.end = chunk_end(left, chunk_span(plan, limits, chunk->again));
	tid_set_add(&plan->taken, chunk->range);
	plan->reading++;
	return true;
}

void
chunk_plan_finish(struct chunk_plan *plan, const struct chunk *chunk, uint64_t rows, uint64_t bytes,
				  uint64_t blocks)
{
	uint64_t span = chunk->range.end - chunk->range.from;

	plan->reading--;
	if (!plan->sized || blocks > plan->blocks)
		plan->blocks = blocks;
	plan->sized = true;
	if (!chunk->again && span >= BLOCK)
	{
		uint64_t end = chunk->range.end / BLOCK < blocks ? chunk->range.end / BLOCK : blocks;
		uint64_t first = chunk->range.from / BLOCK;

		plan->seen_blocks += end > first ? end - first : 0;
		plan->seen_rows += rows;
		plan->seen_bytes += bytes;
	}
	/* What lies behind may be of the usual size again. */
	if (plan->span)
		plan->span = plan->span * 2;
	if (plan->span >= (tid) MOST_BLOCKS * BLOCK)
		plan->span = 0;
}

/* Whole blocks as long as there are any, then rows. */
static tid
half(tid span)
{
	if (span >= 2 * BLOCK)
		return span / 2 / BLOCK * BLOCK;
	if (span > BLOCK)
		return BLOCK;
	return span == BLOCK ? MOST_ROWS_A_BLOCK / 8 : within(span / 2, 1, BLOCK);
}

void
chunk_plan_return(struct chunk_plan *plan, const struct chunk *chunk, bool too_large)
{
	tid span = half(chunk->range.end - chunk->range.from);

	plan->reading--;
	put_back(plan, chunk);
	if (too_large && (plan->span == 0 || span < plan->span))
		plan->span = span;
}

bool
chunk_plan_is_over(const struct chunk_plan *plan)
{
	struct tid_range left;

	return plan->sized && plan->reading == 0 && plan->nreturned == 0 && !left_over(plan, &left);
}
