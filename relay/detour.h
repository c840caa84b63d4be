/*
 * detour.h
 *		Pure: how many messages did not go to their topic, by table and reason.
 *
 * For /metrics, and for the log: once for each table and code, then at most once a
 * minute.  Never a row value.  Filled by divert.c and stream.c; session.c tells.
 */
#ifndef RELAY_DETOUR_H
#define RELAY_DETOUR_H

#include "err.h"

#include <stdint.h>

/* Tables and codes that are counted by themselves; the rest is counted together. */
#define DETOURS_MAX 200
#define DETOUR_OTHERS "(others)"

/* Where in the stream. */
struct place
{
	uint64_t lsn;        /* of the change */
	uint64_t commit_lsn; /* of its transaction's commit record; of a message outside any: its end */
};

struct detour
{
	char          *table; /* schema.table, or what a stream without one is called */
	enum err_code  code;
	bool           skipped; /* else they became dead letters */
	uint64_t       messages;
	struct place   last;
	char           why[512]; /* of the last one */
	uint64_t       told;     /* messages that were told of */
	int64_t        told_ms;
	struct detour *next;
};

struct detours;

struct detours *detours_new(void);
void            detours_free(struct detours *detours);

/* One more.  why: a message of struct err. */
void detours_count(struct detours *detours, const char *table, enum err_code code, const char *why,
				   bool skipped, const struct place *last);

/* The first; NULL: there is none. */
const struct detour *detours_list(const struct detours *detours);

/*
 * Something to tell of now, as if told when this returns; *fresh: how many messages since the
 * last time.  NULL: nothing.  now_ms: any clock that does not go back.
 */
const struct detour *detours_tell(struct detours *detours, int64_t now_ms, uint64_t *fresh);

#endif /* RELAY_DETOUR_H */
