/*
 * lineage.h
 *		Pure: whether a server goes on where the last stream ended, or is another
 *		one, or one whose history has left ours.
 *
 * handshake.c asks before it streams again; a wrong yes is a gap that nobody
 * sees.  No I/O, no clock.
 */
#ifndef RELAY_LINEAGE_H
#define RELAY_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "pg.h"

/* What the last stream of this process came from and how far it got. */
struct lineage
{
	bool     streamed;  /* there was one; otherwise only start_lsn counts */
	uint64_t system_id; /* of IDENTIFY_SYSTEM, as the timeline */
	uint32_t timeline;
	uint64_t start_lsn; /* where the next one is to begin; 0: where the slot stands */
	/*
	 * The server was a standby: it may have followed others to a later timeline
	 * while it streamed, so that only where the stream began is sure to be on
	 * this one.
	 */
	bool     standby;
	uint64_t began_lsn;
	uint64_t reported; /* LSN that the server was told last */
	/*
	 * The position may be older than the last one that was written down: a slot that
	 * stands behind it says nothing yet.
	 */
	bool provisional;
	/* Rows were loaded by hand as of there, and nothing that commits before is to come; 0: no. */
	uint64_t from_lsn;
};

/*
 * Where the history of a timeline, as TIMELINE_HISTORY gives it, leaves the
 * timeline of this number; 0 if it never was on it.
 */
uint64_t lineage_switch(const char *history, uint32_t timeline);

/* Whether lineage_check() needs facts->history. */
bool lineage_needs_history(const struct lineage *past, const struct pg_facts *facts);

/*
 * Whether changes are known to have come from the slot.  Then one that is not
 * there must not be made anew: what was committed in between would be missing.
 */
bool lineage_has_slot(const struct lineage *past);
/* That slot is gone: RC_ERR E1207. */
enum rc lineage_slot_gone(const struct lineage *past, const char *slot, struct err *e);

/*
 * Whether the stream may go on there.  RC_ERR E1218: of ERR_TRANSIENT if the
 * server is a standby that has yet to replay that far, of ERR_CONFIG otherwise.
 */
enum rc lineage_check(const struct lineage *past, const struct pg_facts *facts, const char *slot,
					  struct err *e) MUST_CHECK;

/*
 * Whether the stream can begin at past->from_lsn.  RC_ERR E1207: there is no slot.  E1232: it
 * does not send all behind that any more, or that is ahead of the server, which PostgreSQL
 * takes without a word.
 */
enum rc lineage_check_from(const struct lineage *past, const struct pg_facts *facts,
						   const char *slot, struct err *e) MUST_CHECK;

/* Where the stream is to begin: nothing before it is sent. */
uint64_t lineage_begins(const struct lineage *past, const struct pg_facts *facts);

#endif /* RELAY_LINEAGE_H */
