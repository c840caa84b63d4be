/*
 * snapshot_signal.h
 *		Pure: what somebody asks of snapshots while the relay runs: Debezium's signals.
 *
 *	{"id":"924e3ff8","type":"execute-snapshot","data":{"data-collections":["shop\\.orders"],
 *	 "type":"incremental","additional-conditions":[{"data-collection":"shop\\.orders",
 *	 "filter":"state = 'open'"}]}}
 *	stop-snapshot (data-collections may be missing: all), pause-snapshot, resume-snapshot
 *
 * data may be a text that holds the object, as a signalling table has it.  Members that are
 * not known are passed over, as Debezium does.  Regular expressions stay texts: which table
 * they mean is asked of PostgreSQL, whose engine matches table.include.list, too (the
 * plugin), so that one expression means the same in both; PCRE2 would not (patterns.h).
 */
#ifndef RELAY_SNAPSHOT_SIGNAL_H
#define RELAY_SNAPSHOT_SIGNAL_H

#include <stdbool.h>

#include "buf.h"
#include "cursor.h"
#include "err.h"

enum signal_kind
{
	SIGNAL_EXECUTE,
	SIGNAL_STOP,
	SIGNAL_PAUSE,
	SIGNAL_RESUME
};

struct signal_condition
{
	char *collection; /* expression for the tables that it is for */
	char *filter;     /* one condition of SQL, by condition_refusal() */
};

/* Texts are UTF-8, owned. */
struct snapshot_signal
{
	enum signal_kind         kind;
	char                    *id;           /* "" for none; whatever the sender likes */
	bool                     blocking;     /* type "blocking", else "incremental" */
	uint32_t                 ncollections; /* 0: all, for STOP; never for EXECUTE */
	char                   **collections;  /* expressions */
	uint32_t                 nconditions;
	struct signal_condition *conditions; /* the first whose expression matches a table counts */
};

/* What kinds are called. */
const char *signal_kind_name(enum signal_kind kind);

/*
 * RC_ERR E1244, class ERR_DATA: it is none, or asks for what we cannot do; the message
 * names it by id and type, the detail says what is wrong, and neither has a word of a
 * filter.  *signal: zeros then.
 */
enum rc snapshot_signal_read(struct str json, struct snapshot_signal *signal,
							 struct err *e) MUST_CHECK;
void    snapshot_signal_free(struct snapshot_signal *signal); /* what it points to */

/* The same as JSON, in one order, to be written down. */
void snapshot_signal_write(const struct snapshot_signal *signal, struct buf *out);

/*
 * A condition of SQL: whether a name ("schema.table"; name: an expression of SQL for it)
 * is what an expression means, by the plugin's rules: all of it, in any mix of case (ASCII
 * letters).  For a connection with client_encoding UTF8.  An expression that is none makes
 * the statement fail (SQLSTATE 2201B).
 */
void signal_collection_sql(const char *expression, const char *name, struct buf *sql);

#endif /* RELAY_SNAPSHOT_SIGNAL_H */
