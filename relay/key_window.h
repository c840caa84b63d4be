/*
 * key_window.h
 *		Pure: which keys of a table were changed since a window was opened, for windows that
 *		overlap.
 *
 * One log for each table: of each key the last time that it was changed, in a count of all
 * changes of the table (its places).  A window is the place at which it was opened: a key
 * is in it if its last change is not before that.  So several chunks in flight cost a
 * number each, and what was changed before the oldest of them is let go.
 *
 * Keys are compared whole: one taken for another would cost a row.  If they take more
 * than is allowed, they are dropped, and the windows that were open are broken: nothing
 * can be said of their chunks, which must be read again.
 */
#ifndef RELAY_KEY_WINDOW_H
#define RELAY_KEY_WINDOW_H

#include <stdbool.h>

#include "cursor.h"

struct key_entry;

/* Of one table.  Zero it, and set max_bytes; key_log_free() gives back what it holds. */
struct key_log
{
	size_t             max_bytes;
	size_t             bytes; /* held: keys, and what finds them */
	uint64_t           next;  /* place of the next change */
	uint64_t           whole; /* windows that were opened before this place are broken */
	uint64_t          *open;  /* places of the open windows, ascending */
	uint32_t           nopen;
	uint32_t           max_open;
	struct key_entry **buckets; /* a power of two, or none */
	size_t             nbuckets;
	size_t             nkeys;
	struct key_entry  *oldest; /* by their last change */
	struct key_entry  *newest;
};

void key_log_free(struct key_log *log);

/* Opens a window; its place, which tells of it from then on. */
uint64_t key_window_open(struct key_log *log);

/* Closes one, broken or not.  Keys that no other needs go; memory, too, with the last of them. */
void key_window_close(struct key_log *log, uint64_t window);

/* It has lost keys: nothing is known of its chunk's rows. */
static inline bool
key_window_is_broken(const struct key_log *log, uint64_t window)
{
	return window < log->whole;
}

/* A row of this key (a message key's bytes; copied) was changed.  Costs nothing without an open
 * window. */
void key_log_add(struct key_log *log, struct str key);

/* All rows were: every open window is broken (TRUNCATE, a change without a key). */
void key_log_break(struct key_log *log);

/* Whether a row of that key was changed since.  Of a window that is not broken. */
bool key_window_has(const struct key_log *log, uint64_t window, struct str key);

#endif /* RELAY_KEY_WINDOW_H */
