/*
 * snapshot.h
 *		The rows that were there before: read at an exact position of the stream, and sent
 *		exactly there.
 *
 * A job goes over the captured tables in rounds.  A round has the plugin describe them, exports
 * a snapshot by a temporary slot, whose consistent point P is the position of its rows, holds
 * the stream there (pipeline_hold()), and reads the tables in chunks over connections of its own
 * while it sends what was read.  What is done is written down with the position
 * (snapshot_note.h).  After a crash, or when a table has changed meanwhile, the next round
 * reads the rest at its own P: the stream has brought everything in between.  So it is, too,
 * when gentle.h has rows wait for longer than the stream should stand: the round ends.
 *
 * Why that is exact: an exported snapshot sees exactly the transactions whose commit record
 * starts before P, and the stream has sent exactly these when it is held.  A row that a later
 * round leaves out lies in a place that was read before, and no transaction that the first round
 * may not have seen has written it: it is the row that was sent, and has not changed.
 *
 * session.c owns it and says what the stream does; nothing here waits.
 */
#ifndef RELAY_SNAPSHOT_H
#define RELAY_SNAPSHOT_H

#include "config.h"
#include "gentle.h"
#include "loop.h"
#include "pipeline.h"
#include "snapshot_note.h"

struct snapshot;

struct snapshot_events
{
	/* Frames that were held are to be given again: source_resume(). */
	void (*released)(void *arg);
	/* The job is done: its rows are safe, and that is written down. */
	void (*finished)(void *arg);
	/* Somebody is needed. */
	void (*failed)(void *arg, const struct err *e);
	void *arg;
};

struct snapshot_stats
{
	enum snapshot_state state;
	uint64_t            id;
	bool                due;     /* rows are missing */
	bool                reading; /* a round is under way */
	bool                holding; /* the stream waits for it */
	uint64_t            tables;
	uint64_t            tables_complete;
	uint64_t            rows;      /* sent in this job, as far as is known */
	uint64_t            estimated; /* rows of all tables, as PostgreSQL guesses; 0: unknown */
	uint64_t            failures;  /* of tables, that are tried again */
	int64_t             since_ms;  /* loop time: when this process began with it; 0: not yet */
};

/*
 * cfg, pl and gentle are borrowed; pl must not have been started.  has_progress: what is done
 * is written down (snapshot_next_note()).
 */
struct snapshot *snapshot_new(struct loop *loop, const struct config *cfg, struct pipeline *pl,
							  struct gentle *gentle, bool has_progress,
							  const struct snapshot_events *events);
void             snapshot_free(struct snapshot *snap);

/*
 * What the progress topic says, each time that it is read; found is emptied.  position: the
 * one that it has.
 */
void snapshot_recall(struct snapshot *snap, struct snapshot_found *found, uint64_t position);

/* Job of all captured tables, when no job is under way. */
void snapshot_begin(struct snapshot *snap, const char *mode);

/* A table that somebody has asked for; texts are UTF-8. */
struct snapshot_choice
{
	uint32_t    relid;
	const char *table;     /* schema.table */
	const char *filter;    /* condition of SQL, ASCII where the server's encoding is not UTF-8; NULL: none */
	int64_t     estimated; /* rows; -1: unknown */
};

#define SNAPSHOT_CHOSEN "blocking" /* mode of such a job */

/* Job of these tables, as far as they are captured, when no job is under way. */
void snapshot_begin_chosen(struct snapshot *snap, const struct snapshot_choice *choices,
						   size_t count);
/* Whether the job is one of chosen tables, whatever snapshot.mode says. */
bool snapshot_is_chosen(const struct snapshot *snap);
/* RC_ERR E1246. */
enum rc conninfo_of_another(struct err *e);

/* Whether rows of a job are missing. */
bool                snapshot_is_due(const struct snapshot *snap);
/* And they will be read, now or later. */
bool                snapshot_is_running(const struct snapshot *snap);
enum snapshot_state snapshot_state(const struct snapshot *snap);
/* The note of a job that is to begin with the next start, instead of what there is. */
void snapshot_note_anew(const struct snapshot *snap, const char *mode, struct buf *out);
/* What is missing stays so: SIGTERM. */
void snapshot_stop(struct snapshot *snap);

/* The stream is up, and may be sent from; it is over. */
void snapshot_stream_started(struct snapshot *snap);
void snapshot_stream_stopped(struct snapshot *snap);
/* The sink has failed: what was sent and is not written down is sent again. */
void snapshot_sink_failed(struct snapshot *snap);

/*
 * Sends rows, if there are any and the stream is held; at the end of each round of the loop.
 * RC_ERR: the stream cannot go on.
 */
enum rc snapshot_pump(struct snapshot *snap, struct err *e) MUST_CHECK;

/* --- what is written down ------------------------------------------------------ */

/* There is something that should not wait for progress.interval.ms. */
bool snapshot_is_urgent(const struct snapshot *snap);
/*
 * The next record to be put before the position: its key behind "SLOT/snapshot", its value;
 * value empty: a tombstone.  False: nothing is left.
 */
bool snapshot_next_note(void *snap, struct buf *key, struct buf *value);
/* The sink has taken that record. */
void snapshot_note_taken(void *snap);
/* All of them are there for good. */
void snapshot_notes_written(void *snap);

void snapshot_stats(const struct snapshot *snap, struct snapshot_stats *stats);

#endif /* RELAY_SNAPSHOT_H */
