/*
 * progress_topic.h
 *		The progress topic: where each slot's position is kept, in Kafka itself.
 *
 * PREFIX.THIS (topic.progress), compacted, one partition, made if it is not there.  Records:
 *	- key SLOT: how far the slot has come (progress.h);
 *	- key SLOT/TOPIC: what a topic that its changes go to is like (topics.h);
 *	- key SLOT/snapshot and SLOT/snapshot/OID: how far a snapshot is (snapshot_note.h);
 *	- key SLOT/incremental and SLOT/incremental/OID: how far tables are that are read while
 *	  changes stream (incremental_note.h).
 * Read once when a relay starts, and exactly once again for each new producer, after the
 * one before is fenced off.  Called by session.c, which reads, and pipeline.c, which writes.
 */
#ifndef RELAY_PROGRESS_TOPIC_H
#define RELAY_PROGRESS_TOPIC_H

#include "config.h"
#include "incremental_note.h"
#include "loop.h"
#include "progress.h"
#include "snapshot_note.h"
#include "sink.h"

/* What records go by in the sink; no ack_ticket is 0. */
#define PROGRESS_ITEM 0

/* What stands behind "SLOT/" in the keys of notes. */
#define PROGRESS_SNAPSHOT "snapshot"
#define PROGRESS_INCREMENTAL "incremental"

/*
 * What follows "SLOT/WORD" in a key, where notes have that word; data NULL: it is another
 * slot's, or no note of these.
 */
struct str progress_key_rest(struct str key, const char *slot, const char *word);

struct progress_topic;

/* cfg and topics are borrowed.  done: what was RC_AGAIN may be asked again. */
struct progress_topic *progress_topic_new(struct loop *loop, const struct config *cfg,
										  struct topics *topics, loop_cb *done, void *arg);
void                   progress_topic_free(struct progress_topic *pt);

/*
 * The newest record of our slot into *progress; its pos.lsn is 0 if there is none.  The
 * first time what is kept of topics goes to topics.
 * RC_AGAIN: the topic is being read; done() comes.  RC_ERR: E2010 and what a
 * topic_reader says; asking again begins anew.
 */
enum rc progress_topic_recall(struct progress_topic *pt, struct progress *progress,
							  struct err *e) MUST_CHECK;
void    progress_topic_cancel(struct progress_topic *pt);

/* Which server the positions are of that are put from now on; pos plays no part. */
void progress_topic_follow(struct progress_topic *pt, const struct progress *of);

/*
 * Produces the record, and before it what is new of some topics, by PROGRESS_ITEM.
 * *sent: how many messages the sink has taken.  RC_AGAIN and RC_ERR as from the sink.
 */
enum rc progress_topic_put(struct progress_topic *pt, struct sink *sink,
						   const struct position *pos, uint32_t *sent, struct err *e) MUST_CHECK;

/* What somebody else has to be written down before each position. */
struct progress_notes
{
	/* The next record: its key behind "SLOT/WORD", its value; empty: a tombstone.  False: none. */
	bool (*next)(void *arg, struct buf *key, struct buf *value);
	/* The sink has taken it. */
	void (*taken)(void *arg);
	void *arg;
};

/*
 * Copied; word is borrowed: PROGRESS_SNAPSHOT or PROGRESS_INCREMENTAL, each once.  They are
 * asked in the order that they were given in.
 */
void progress_topic_take_notes(struct progress_topic *pt, const char *word,
							   const struct progress_notes *notes);

/* What progress_topic_recall() has found of both; the caller may take it out. */
struct snapshot_found    *progress_topic_snapshot(struct progress_topic *pt);
struct incremental_found *progress_topic_incremental(struct progress_topic *pt);

/* Before the sink goes away. */
void progress_topic_close(struct progress_topic *pt);

const char *progress_topic_name(const struct progress_topic *pt);

#endif /* RELAY_PROGRESS_TOPIC_H */
