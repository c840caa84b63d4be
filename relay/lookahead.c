/*
 * lookahead.c
 *		Memory is asked for ahead; see lookahead.h.
 */
#include "lookahead.h"

#include "record.h"
#include "stream.h"

#define NO_RELATION UINT32_MAX

void
lookahead_start(struct lookahead *ahead, struct cursor records, const struct catalog *cat)
{
	*ahead = (struct lookahead){.records = records, .last = NO_RELATION};
	for (int step = 0; step < STEPS; step++)
		ahead->relations[step] = NO_RELATION;
	for (int step = 0; step < STEPS; step++)
		lookahead_step(ahead, cat);
}

/* Another change, if the next record is one of another table than the last. */
static bool
lookahead_advance(struct lookahead *ahead)
{
	uint32_t relation;

	if (record_skip(&ahead->records, &relation) && relation != ahead->last)
	{
		ahead->last = relation;
		ahead->left = STEPS;
	}
	else if (ahead->left == 0)
		return false;
	else
	{
		ahead->left--;
		relation = NO_RELATION;
	}
	memmove(ahead->relations, ahead->relations + 1, (STEPS - 1) * sizeof(ahead->relations[0]));
	ahead->relations[STEPS - 1] = relation;
	return true;
}

static const struct stream *
stream_at(const struct lookahead *ahead, const struct catalog *cat, enum lookahead_step step)
{
	const struct table *tbl = catalog_table(cat, ahead->relations[step]);

	return tbl ? tbl->user : NULL;
}

void
lookahead_step(struct lookahead *ahead, const struct catalog *cat)
{
	const struct table  *tbl;
	const struct stream *stream;

	if (!lookahead_advance(ahead))
		return;
	if ((tbl = catalog_table(cat, ahead->relations[STEP_TABLE])) != NULL)
		__builtin_prefetch(&tbl->user);
	if ((stream = stream_at(ahead, cat, STEP_STREAM)) != NULL)
		stream_prefetch(stream);
	if ((stream = stream_at(ahead, cat, STEP_PLAN)) != NULL && stream->plan)
	{
		plan_prefetch(stream->plan);
		__builtin_prefetch(stream->topic);
	}
	if ((stream = stream_at(ahead, cat, STEP_OPS)) != NULL && stream->plan)
		plan_prefetch_ops(stream->plan);
}
