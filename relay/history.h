/*
 * history.h
 *		Reads the schema-change topic back, so that a relay that starts knows how
 *		tables were described before.
 *
 * Learns in the thread of topic_reader.c; the loop goes on meanwhile.
 * Called by schema_topic.c; session.c makes it.
 */
#ifndef RELAY_HISTORY_H
#define RELAY_HISTORY_H

#include "chronicle.h"
#include "config.h"
#include "err.h"
#include "loop.h"

struct history;

/* done: what was RC_AGAIN may be asked again. */
struct history *history_new(struct loop *loop, const struct config *cfg, loop_cb *done, void *arg);
void            history_free(struct history *hist); /* an unfinished reading is given up */

/*
 * Reads topic from its beginning up to where it ends now, into *chr: the
 * description of each table of the database (its name in UTF-8) as of start,
 * the position from which changes will come (again).  RC_AGAIN: under way; ask
 * again with the same arguments, or call history_cancel().  RC_OK: *chr is the
 * caller's now; empty if there is no such topic.  RC_ERR: E2001, E2004, E2008;
 * asking again begins anew.
 */
enum rc history_read(struct history *hist, const char *topic, struct str database, uint64_t start,
					 struct chronicle **chr, struct err *e) MUST_CHECK;
void    history_cancel(struct history *hist);

/* Of the last reading, once done() was called: what was read; NULL: it failed. */
const char *history_topic(const struct history *hist);
uint64_t    history_records(const struct history *hist);

#endif /* RELAY_HISTORY_H */
