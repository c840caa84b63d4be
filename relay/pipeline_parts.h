/*
 * pipeline_parts.h
 *		What the files of a pipeline share; nobody else includes it.
 *
 * pipeline.c has the frames and a row's way, pipeline_transaction.c what begins and ends
 * with transactions, and positions, pipeline_records.c the rarer records.
 */
#ifndef RELAY_PIPELINE_PARTS_H
#define RELAY_PIPELINE_PARTS_H

#include "catalog.h"
#include "crash_point.h"
#include "divert.h"
#include "lookahead.h"
#include "pipeline.h"
#include "position_header.h"
#include "record.h"
#include "schema_topic.h"
#include "stream.h"

/* Transactions and marks that may wait for an acknowledgement. */
#define ITEMS_MAX 65536
#define LISTENERS_MAX 2

/* Events of the open transaction, by table (provide.transaction.metadata). */
struct counts
{
	bool               begun; /* BEGIN has been sent */
	struct collection *collections;
	uint32_t           ncollections;
	uint32_t           max;
};

struct pipeline
{
	struct stream_context  ctx;
	struct workspace      *work; /* of the stream's plans */
	struct reader         *rdr;
	struct catalog        *cat;
	struct stream         *messages;   /* for logical messages, made when one comes */
	struct stream         *boundaries; /* for begin and end of transactions, the same */
	struct schema_topic   *changes;    /* include.schema.changes; else NULL */
	struct stream         *changed;    /* where they go */
	struct pipeline_listener listeners[LISTENERS_MAX];
	unsigned               nlisteners;
	bool                   watched;    /* pipeline_watch() */
	uint64_t               hold_lsn;   /* pipeline_hold() */
	bool                   hold_here;  /* at the end of the open transaction */
	bool                   held;       /* the stream has come there */
	struct stream         *rows;       /* of rows_of, made when its first row comes */
	const struct table    *rows_of;
	uint64_t               at_lsn;     /* of the record, or the rows, at hand */
	uint64_t               commit_lsn; /* of the open transaction's commit record */
	struct delivery       *dlv;
	struct divert         *divert;
	struct progress_topic *progress;  /* where positions are written; NULL: nowhere */
	uint64_t               unwritten; /* its records that are not acknowledged */
	struct stamp           stamp;
	struct counts          counts;
	struct str             origin; /* of the open transaction: ours */
	char                   run_id[37];
	uint64_t               received;

	/* Where to go on after RC_AGAIN. */
	bool                    in_frame;
	bool                    have_rec;
	struct cursor           frames;  /* rest of the payload */
	struct cursor           records; /* rest of the frame */
	struct lookahead        ahead;
	struct record           rec; /* the record that could not be finished */
	struct outgoing         out[ENCODE_MAX_OUT];
	struct position_headers positions; /* position.header: of these messages */
	uint64_t                place;     /* of the first of them in its transaction */
	uint64_t                header_place; /* what position.header counts from */
	bool                    placed;
	unsigned                nout;
	unsigned                next_out;
	enum pipeline_wait      wait;

	int64_t               now_ns; /* wall clock, read once per frame, and when it goes on */
	int64_t               frame_us; /* the same when the frame at hand came */
	int64_t               acked_us; /* the same of pipeline_acked() */
	int64_t               now_ms; /* loop time, the same */
	bool                  exactly_once;
	uint64_t              until_verify;
	struct pipeline_stats stats;
};

/* Where a change is in the WAL. */
static inline uint64_t
record_lsn(const struct record *rec)
{
	switch (rec->kind)
	{
		case WIRE_TRUNCATE: return rec->truncate.lsn;
		case WIRE_MESSAGE: return rec->message.lsn;
		case WIRE_COMMIT: return rec->commit.end_lsn;
		case WIRE_INSERT:
		case WIRE_UPDATE:
		case WIRE_DELETE: return rec->change.lsn;
		default: return 0; /* others are no change */
	}
}

/* --- pipeline.c -------------------------------------------------------------- */

int64_t pipeline_clock_ns(void); /* wall clock, since the Unix epoch */

/* Where a stream's messages go never changes while some of a record's are on their way. */
enum rc pipeline_prepare(struct pipeline *pl, enum stream_kind kind, const struct table *tbl,
						 struct stream **stream, struct err *e) MUST_CHECK;
/* Its messages; or, by on.error, one with its text. */
enum rc pipeline_encode(struct pipeline *pl, struct stream *stream, const struct table *tbl,
						const struct change *chg, const struct stamp *stamp,
						struct err *e) MUST_CHECK;
/* The stream of a relation index, ready for rows. */
enum rc pipeline_stream(struct pipeline *pl, uint32_t relation, struct stream **stream,
						struct err *e) MUST_CHECK;
/*
 * Hands what was encoded to the sink, from where it stopped; what is in Kafka already is
 * dropped.
 */
enum rc pipeline_send(struct pipeline *pl, struct stream *stream, struct err *e) MUST_CHECK;

/* --- pipeline_transaction.c -------------------------------------------------- */

/* A listener of delivery.h's: a transaction is acknowledged. */
void pipeline_on_done(void *arg, const struct ack_times *times);

enum rc pipeline_begin(struct pipeline *pl, const struct begin *begin, struct err *e) MUST_CHECK;
enum rc pipeline_commit(struct pipeline *pl, const struct commit *commit, struct err *e) MUST_CHECK;
/* What the item that has just begun is known by if a message of it is refused. */
void pipeline_tag(struct pipeline *pl, uint64_t tag);
/*
 * provide.transaction.metadata: before an event of the open transaction is
 * encoded.  Sends BEGIN if this is the first; RC_AGAIN as from pipeline_send().
 */
enum rc pipeline_order(struct pipeline *pl, struct stream *stream, uint64_t lsn,
					   struct err *e) MUST_CHECK;
/* After it: events are messages with a value. */
void pipeline_count(struct pipeline *pl, struct stream *stream);
/* The events of the open transaction are forgotten. */
void counts_clear(struct counts *counts);
/* RC_ERR: its records lack what this setting needs. */
enum rc plugin_too_old(const char *what, struct err *e);

/* --- pipeline_rows.c --------------------------------------------------------- */

/* Whether the record is behind where the stream is held. */
bool pipeline_holds(struct pipeline *pl, const struct record *rec);
/* The stream is over. */
void pipeline_stop_rows(struct pipeline *pl);

/* --- pipeline_records.c ------------------------------------------------------ */

/* One event a table; the cursor in the record remembers which come next. */
enum rc pipeline_truncate(struct pipeline *pl, struct truncate *trunc, struct err *e) MUST_CHECK;
/*
 * A message outside any transaction is an item of its own.  Its end is a
 * position, because the server reports the end of the message's WAL record.
 */
enum rc pipeline_message(struct pipeline *pl, const struct message *msg, struct err *e) MUST_CHECK;
enum rc pipeline_relation(struct pipeline *pl, struct cursor body, struct err *e) MUST_CHECK;
/* What relation records have changed, ahead of the first record that needs it. */
enum rc pipeline_tell_changes(struct pipeline *pl, const struct record *rec,
							  struct err *e) MUST_CHECK;

#endif /* RELAY_PIPELINE_PARTS_H */
