/*
 * incremental.h
 *		Tables read while their changes stream: asked for by signals, in chunks by key, each
 *		sent at its own place of the stream.
 *
 * A chunk is one transaction: it locks the table against ALTER and TRUNCATE, takes a
 * snapshot, reads rows in the order of the key, and writes a logical message: its watermark.
 * When the stream has brought that transaction, it is held at its end, and the rows go out
 * there, but for those that the stream has brought in a newer form since.
 *
 * Why that is exact: rows behind the watermark are newer than the chunk, whatever they are.
 * What comes before it is either seen by the chunk's snapshot, and then its rows have it; or
 * it is not.  Then it was streamed while the chunk's window was open, and its key is there
 * (key_window.h); or before, although it was not to be seen yet: then it was in progress for
 * the snapshot, and the ring of the stream's transactions knows it (xid_ring.h), or it was
 * in progress when the ring was begun: the chunk is read again.
 *
 * What is done is written down by key (incremental_note.h); a process that dies reads the
 * rest, with new snapshots and windows.  session.c owns it; nothing here waits.
 */
#ifndef RELAY_INCREMENTAL_H
#define RELAY_INCREMENTAL_H

#include "config.h"
#include "gentle.h"
#include "incremental_note.h"
#include "loop.h"
#include "pipeline.h"
#include "snapshot.h"
#include "snapshot_signal.h"

struct incremental;

struct incremental_events
{
	/* Frames that were held are to be given again: source_resume(). */
	void (*released)(void *arg);
	/* These tables are to be read while the stream is held: snapshot_begin_chosen(). */
	void (*blocking)(void *arg, const struct snapshot_choice *choices, size_t count);
	void *arg;
};

struct incremental_stats
{
	bool     paused;
	uint64_t signals;   /* that are not looked up yet */
	uint64_t tables;    /* that are not read to their end */
	uint64_t waiting;   /* of them, those that are tried again after a failure */
	uint64_t rows;      /* sent by this process */
	uint64_t left_out;  /* rows of which the stream had a newer form */
	uint64_t chunks;    /* sent */
	uint64_t repeated;  /* chunks that had to be read again */
	uint64_t in_flight; /* chunks that are read, and wait for their watermark or to be sent */
};

/*
 * cfg, pl and gentle are borrowed; pl must not have been started.  has_progress: what is done
 * is written down (incremental_next_note()).
 */
struct incremental *incremental_new(struct loop *loop, const struct config *cfg,
									struct pipeline *pl, struct gentle *gentle,
									bool has_progress, const struct incremental_events *events);
void                incremental_free(struct incremental *inc);

/*
 * What the progress topic says, each time that it is read; found is emptied.  fresh: nothing was
 * sent of the slot before, and all rows will be read.
 */
void incremental_recall(struct incremental *inc, struct incremental_found *found, bool fresh);

/* Somebody asks for something; what is wrong with it is logged. */
void incremental_ask(struct incremental *inc, struct str json);

/* The same by signal_topic.h; what was read is written down with it. */
void incremental_ask_at(struct incremental *inc, struct str json, int32_t partition, int64_t next);
/* For signal_topic_start(), while the stream is up. */
struct incremental_note *incremental_job(struct incremental *inc);

/* The stream is up, and may be sent from; it is over. */
void incremental_stream_started(struct incremental *inc);
void incremental_stream_stopped(struct incremental *inc);
/* The sink has failed: what was sent and is not safe is read again. */
void incremental_sink_failed(struct incremental *inc);
/* Rows of a snapshot that holds the stream come first, if not allowed. */
void incremental_allow(struct incremental *inc, bool allowed);
/* What is missing stays so: SIGTERM. */
void incremental_stop(struct incremental *inc);

/*
 * Sends rows, if the stream is held for them; at the end of each round of the loop.
 * RC_ERR: the stream cannot go on.
 */
enum rc incremental_pump(struct incremental *inc, struct err *e) MUST_CHECK;

/* As those of snapshot.h, behind "SLOT/incremental". */
bool incremental_next_note(void *inc, struct buf *key, struct buf *value);
void incremental_note_taken(void *inc);

void incremental_stats(const struct incremental *inc, struct incremental_stats *stats);

#endif /* RELAY_INCREMENTAL_H */
