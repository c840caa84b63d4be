/*
 * gentle.h
 *		Whether more rows may be read just now: snapshot.rate.limit, snapshot.window and
 *		snapshot.max.retained.bytes.
 *
 * Made by session.c, asked by whoever reads rows, before each chunk; blocking snapshots
 * and incremental ones share what they may.  Sees to it that the loop has a round when the
 * answer may have changed.  Logs when it turns to no, and back.  What the slot keeps is known by
 * slot_watch.h.
 */
#ifndef RELAY_GENTLE_H
#define RELAY_GENTLE_H

#include "config.h"
#include "loop.h"
#include "slot_watch.h"

struct gentle;

enum gentle_reason
{
	GENTLE_RATE,    /* a moment, at most as long as the last chunk is worth */
	GENTLE_WINDOW,  /* hours; the stream must not be held meanwhile */
	GENTLE_RETAINED /* until the stream has caught up, so it must not be held */
};
#define GENTLE_REASONS (GENTLE_RETAINED + 1)

/* Which of them keep rows from being read; none if nobody wants to. */
struct gentle_stats
{
	bool rate;
	bool window;
	bool retained;
};

/* cfg and watch are borrowed.  watch: NULL for nobody who knows of the slot. */
struct gentle *gentle_new(struct loop *loop, const struct config *cfg, struct slot_watch *watch);
void           gentle_free(struct gentle *g);

/* Somebody has rows to read, for a while: the slot is watched.  Each is to be ended. */
void gentle_begin(struct gentle *g);
void gentle_end(struct gentle *g);

/* Between the two: whether another chunk may be begun.  False: *why. */
bool gentle_may_read(struct gentle *g, int64_t now_ms, enum gentle_reason *why);
/* How many rows it should have, where rows would be liked. */
uint32_t gentle_chunk_rows(const struct gentle *g, uint32_t rows);
/* It had so many. */
void gentle_took(struct gentle *g, uint64_t rows, int64_t now_ms);

void gentle_stats(const struct gentle *g, struct gentle_stats *stats);
/* For people, what is waited for that is told by the log, too; NULL: nothing. */
const char *gentle_waits_for(const struct gentle *g);

/* Too much is too much until it is less than half; limit 0: never too much. */
static inline bool
gentle_is_over(bool was_over, uint64_t retained, uint64_t limit)
{
	return limit > 0 && (retained > limit || (was_over && retained >= limit / 2));
}

#endif /* RELAY_GENTLE_H */
