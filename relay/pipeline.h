/*
 * pipeline.h
 *		A row's way: frame -> record -> table -> encode -> sink -> acknowledgement.
 *
 * Knows the leaf modules and nothing about connections: session.c makes and
 * breaks those.  Nothing here blocks.  What cannot go on now (sink full, schema
 * not registered yet) answers RC_AGAIN and goes on where it stopped when it is
 * called again with the same frame.
 */
#ifndef RELAY_PIPELINE_H
#define RELAY_PIPELINE_H

#include "config.h"
#include "dead_letter.h"
#include "delivery.h"
#include "histogram.h"
#include "history.h"
#include "progress_topic.h"
#include "registry.h"
#include "sink.h"

/* Of a transaction, see docs/status.md. */
enum latency
{
	LATENCY_COMMIT_TO_RECEIVED,
	LATENCY_RECEIVED_TO_HANDED,
	LATENCY_HANDED_TO_ACKED,
	LATENCY_COMMIT_TO_ACKED
};
#define NLATENCIES (LATENCY_COMMIT_TO_ACKED + 1)

struct pipeline_stats
{
	uint64_t			inserts, updates, deletes, truncates, messages;
	uint64_t			rows; /* of snapshots */
	uint64_t			transactions; /* commits taken in */
	uint64_t			received_bytes; /* frames */
	uint64_t			sent; /* messages handed to the sink */
	uint64_t			verified; /* by avro.verify */
	int64_t				commit_us; /* commit time of the last transaction taken in */
	struct encode_stats encode;
	struct histogram	latencies[NLATENCIES]; /* of transactions with messages that are acknowledged */
};

enum pipeline_wait
{
	WAIT_NOTHING,
	WAIT_SINK,	  /* full: the broker is slow or away */
	WAIT_REGISTRY, /* a schema is being registered */
	WAIT_SCHEMA,   /* the registry refuses a schema */
	WAIT_ACK,	  /* too many transactions are not acknowledged */
	WAIT_ROWS	  /* pipeline_hold(): rows are read, and sent first */
};

/* Who wants to know what comes in; NULL: not of that. */
struct pipeline_listener
{
	/* Any description; in a transaction with a message of our own it may be for that.  Borrowed. */
	void (*relation)(void *arg, struct cursor body);
	/* One of our own logical messages (WIRE_REQUEST_PREFIX); xid: of its transaction. */
	void (*message)(void *arg, struct str content, uint32_t xid);
	/* A position is written down, and what was put before it. */
	void (*written)(void *arg);
	/* While pipeline_watch() says so: a transaction begins. */
	void (*begun)(void *arg, uint32_t xid);
	/* And a change with its messages, before they are sent; xid: of its transaction.  Borrowed. */
	void (*changed)(void *arg, const struct table *tbl, const struct change *chg, uint32_t xid,
					const struct outgoing *out, unsigned nout);
	void *arg;
};

struct pipeline;

/* All are borrowed.  progress: where positions are written; NULL: nowhere. */
struct pipeline *pipeline_new(const struct config *cfg, struct registry *reg,
							  struct progress_topic *progress);
void			 pipeline_free(struct pipeline *pl);

/*
 * include.schema.changes: changes of tables are told, compared with what hist
 * reads back (borrowed; NULL: nothing).  Before the first pipeline_start().
 */
void pipeline_tell_schema_changes(struct pipeline *pl, struct history *hist);

/* Before the first stream; copied.  Two at most. */
void pipeline_listen(struct pipeline *pl, const struct pipeline_listener *listener);

/* Whether each transaction and each change is told. */
void pipeline_watch(struct pipeline *pl, bool on);

/* The progress topic has this position: before the first stream, and exactly once before the
 * first one into each sink. */
void pipeline_recalled(struct pipeline *pl, const struct position *pos);

/* What is known of positions is forgotten, when nothing is in flight and no stream is there. */
void pipeline_begin_anew(struct pipeline *pl);

/*
 * A new stream begins, into this sink (borrowed until pipeline_stop()).  What
 * was received of an unfinished transaction is given up: the server sends it
 * again.
 */
void pipeline_start(struct pipeline *pl, struct sink *sink, const struct position *from);

/* The stream is over.  Messages in flight may still be acknowledged. */
void pipeline_stop(struct pipeline *pl);

/* Messages in flight will never be acknowledged: their items are forgotten. */
void pipeline_forget(struct pipeline *pl);

/*
 * One frame.  RC_OK: done with; RC_AGAIN: give the same bytes again when what
 * pipeline_waits_for() has come; RC_ERR: the stream cannot go on.
 */
enum rc			   pipeline_frame(struct pipeline *pl, const void *data, size_t len,
								  struct err *e) MUST_CHECK;
enum pipeline_wait pipeline_waits_for(const struct pipeline *pl);

/* --- rows that were read at a position ----------------------------------------- */

/*
 * What commits at lsn or behind it is not taken from frames any more, also by later streams:
 * pipeline_frame() answers RC_AGAIN, WAIT_ROWS.  1: nothing is; 0: all is again.
 */
void pipeline_hold(struct pipeline *pl, uint64_t lsn);

/* From within message(): the stream is held at the end of that transaction. */
void pipeline_hold_here(struct pipeline *pl);

/* A stream has come up to where it is held: rows may be sent. */
bool pipeline_is_held(const struct pipeline *pl);
/* Where that is. */
uint64_t pipeline_held_at(const struct pipeline *pl);

/* A run of rows of one table: one item, all or nothing of it in a Kafka transaction. */
struct rows
{
	const struct table *tbl;	 /* outlives the run */
	const struct stamp *stamp;	 /* the mark is that of the next row */
	uint64_t			tag;	 /* known by if one is refused; the same when it comes again */
	uint64_t			place;	 /* position.header: of the first */
	/* Whether a row of that key is not to be sent; NULL: all are. */
	bool (*leaves_out)(void *arg, struct str key);
	void *arg;
};

/*
 * RC_OK: pipeline_row() may be called; RC_AGAIN as pipeline_frame(), and again with the same.
 * Only while pipeline_is_held().
 */
enum rc pipeline_rows_begin(struct pipeline *pl, const struct rows *rows, struct err *e) MUST_CHECK;
/* RC_AGAIN: again with the same row, or one that is left unread: it is encoded. */
enum rc pipeline_row(struct pipeline *pl, const struct rows *rows, const struct change *chg,
					 struct err *e) MUST_CHECK;
/*
 * The key of its message, without sending it; data NULL: it has none.  Until the next call; only
 * where pipeline_row_waits() is false.
 */
enum rc pipeline_row_key(struct pipeline *pl, const struct rows *rows, const struct change *chg,
						 struct str *key, struct err *e) MUST_CHECK;
/* *item: of which delivery_is_safe() can be asked. */
enum rc pipeline_rows_end(struct pipeline *pl, ack_ticket *item, struct err *e) MUST_CHECK;
/* Ends the run behind the rows that were sent, if one is open: what waits is dropped. */
enum rc pipeline_rows_abandon(struct pipeline *pl, struct err *e) MUST_CHECK;
/* Whether a row is encoded, and not all of its messages have been sent. */
bool pipeline_row_waits(const struct pipeline *pl);
/* Registers the schemas of a table and opens its topic, which no row may ever do. */
enum rc pipeline_open_table(struct pipeline *pl, const struct table *tbl, struct err *e) MUST_CHECK;

/* A description goes: nothing of it is kept; NULL: of none is. */
void pipeline_close_rows(struct pipeline *pl, const struct table *tbl);

/* The server's, of the stream that is up. */
const char *pipeline_encoding(const struct pipeline *pl);

/* delivery_touch() */
void pipeline_touch(struct pipeline *pl);

/* Whether what waits for WAIT_ACK may go on. */
bool pipeline_has_room(const struct pipeline *pl);

/*
 * Writes the position down if it is due (delivery.h); exactly once this ends the
 * sink's Kafka transaction.  sink: also when no stream goes into it.  RC_AGAIN: it is
 * full.
 */
enum rc pipeline_write(struct pipeline *pl, struct sink *sink, int64_t now_ms, bool urgent,
					   struct err *e) MUST_CHECK;

/*
 * count messages of the item are safe.  now_us: wall clock, since the Unix epoch; once for many of them
 * is enough.  False: nobody sent them.
 */
bool pipeline_acked(struct pipeline *pl, uint32_t item, uint32_t count, int64_t now_us);

/*
 * The brokers refused the message with this label; before pipeline_forget().  True: it is passed
 * over when it comes again.
 */
bool pipeline_refused(struct pipeline *pl, uint64_t label, const struct err *e);

/* Exactly once: the sink's Kafka transaction is committed. */
void pipeline_committed(struct pipeline *pl);

int64_t pipeline_clock_us(void); /* that clock */

const struct delivery	  *pipeline_delivery(const struct pipeline *pl);
uint64_t				   pipeline_received(const struct pipeline *pl); /* LSN of the last
																		   commit or mark */
/* Anything of a transaction that was received commits before this LSN. */
uint64_t				   pipeline_reached(const struct pipeline *pl);
const struct pipeline_stats *pipeline_stats(const struct pipeline *pl);

/* What was passed over, by table and reason. */
struct detours *pipeline_detours(struct pipeline *pl);

/* What came and went by table, as table_counts_list() gives it. */
const struct table_count *pipeline_tables(const struct pipeline *pl);

/* Dead letters by table, as dead_letters_counts() gives them. */
const struct letter_count *pipeline_dead_letters(const struct pipeline *pl);

#endif /* RELAY_PIPELINE_H */
