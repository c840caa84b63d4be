/*
 * tid_set.h
 *		Pure: which places of a table have been read: ranges of ctids.
 *
 * A tid is a number here: block << 16 | offset.  A range goes from its first tid up to,
 * and without, its end; TID_END is behind every tid.  Ranges of a set do not touch each
 * other and are in order, so a table that is read from its beginning on is one range.
 */
#ifndef RELAY_TID_SET_H
#define RELAY_TID_SET_H

#include "buf.h"
#include "cursor.h"

typedef uint64_t tid;

#define TID_END UINT64_MAX

static inline tid
tid_of(uint32_t block, uint16_t offset)
{
	return (tid) block << 16 | offset;
}

struct tid_range
{
	tid from;
	tid end;
};

/* Zero it; tid_set_free() gives back what it holds. */
struct tid_set
{
	struct tid_range *ranges;
	uint32_t          count;
	uint32_t          max;
};

void tid_set_free(struct tid_set *set);

/* Adds what of it is not there yet. */
void tid_set_add(struct tid_set *set, struct tid_range range);

/* The first range that is not there, from `from` on; end TID_END: nothing is, from there on.
 * False: all of it is there. */
bool tid_set_gap(const struct tid_set *set, tid from, struct tid_range *gap);

/* Whether every tid is there. */
static inline bool
tid_set_is_full(const struct tid_set *set)
{
	return set->count == 1 && set->ranges[0].from == 0 && set->ranges[0].end == TID_END;
}

/* "0,0-1280,0 2560,0-": block and offset of each range; no end: to the end of the table. */
void tid_set_write(const struct tid_set *set, struct buf *out);
/* The same back, into an empty set.  False: it is none; the set may hold a part of it. */
bool tid_set_read(struct tid_set *set, struct str text);

/* "(1280,7)", as SQL has it; not of TID_END. */
void tid_put_sql(tid at, struct buf *sql);

#endif /* RELAY_TID_SET_H */
