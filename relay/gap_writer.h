/*
 * gap_writer.h
 *		Writes a gap down: records that tell consumers of it, then what is known from
 *		now on.
 *
 * In a thread of its own with a producer of its own, which librdkafka's questions may
 * block, before any change is sent: what one topic refuses must not end the sink.  At
 * least once the records are acknowledged before the progress topic gets the position;
 * exactly once all of it is one Kafka transaction.  Either way the caller holds the
 * slot: this producer fences others off.  Called by session_gap.c.
 */
#ifndef RELAY_GAP_WRITER_H
#define RELAY_GAP_WRITER_H

#include "buf.h"
#include "config.h"
#include "loop.h"

/* A record for each partition of a topic. */
struct gap_note
{
	char *topic;
	char *text;    /* of its header */
	bool  refused; /* the brokers do not take it there */
	bool  absent;  /* there is no such topic (any more), or it may not be seen */
};

/* A record of the progress topic. */
struct gap_fact
{
	char *key;
	char *value;
};

struct gap_job
{
	struct gap_note *notes;
	unsigned         nnotes;
	struct gap_fact *facts; /* in this order */
	unsigned         nfacts;
	char            *progress_topic;
	bool             plain; /* in no Kafka transaction, fences nobody: the slot may not be ours */
};

/* All are copied. */
void gap_job_note(struct gap_job *job, const char *topic, const char *text);
void gap_job_fact(struct gap_job *job, const char *key, const char *value);
void gap_job_clear(struct gap_job *job);

struct gap_writer;

/* Does not begin yet.  cfg is borrowed.  done: gap_writer_result() is not RC_AGAIN any more. */
struct gap_writer *gap_writer_new(struct loop *loop, const struct config *cfg, loop_cb *done,
								  void *arg);
void               gap_writer_free(struct gap_writer *gw); /* waits for the thread, half a second */

/* job is taken over.  Not while one is under way. */
void gap_writer_start(struct gap_writer *gw, struct gap_job *job);
bool gap_writer_is_running(const struct gap_writer *gw);

/* Waits until it has ended, for at most so long; without done(). */
void gap_writer_wait(struct gap_writer *gw, int timeout_ms);

/*
 * Of the last job, once.  RC_AGAIN: none has ended.  RC_OK: it is there for good;
 * *records: how many notes the brokers took.  RC_ERR: what producer_error() says, and
 * E2001; nothing is there, or at least once some of it.
 */
enum rc gap_writer_result(struct gap_writer *gw, unsigned *records, struct err *e) MUST_CHECK;

/* The job that has ended, until the next start. */
const struct gap_job *gap_writer_job(const struct gap_writer *gw);

#endif /* RELAY_GAP_WRITER_H */
