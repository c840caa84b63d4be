/*
 * topic_reader.h
 *		Reads one topic from its beginning up to where it ends now, or another part of it.
 *
 * In a thread of its own, because librdkafka's questions block; the loop goes
 * on meanwhile.  Each record is handed over in that thread, so what the record
 * callback touches is the thread's from topic_reader_start() until done(), or
 * until topic_reader_cancel() has returned.  Called by history.c, progress_topic.c,
 * letters.c and cat.c.
 */
#ifndef RELAY_TOPIC_READER_H
#define RELAY_TOPIC_READER_H

#include "cursor.h"
#include "encode.h"
#include "kafka_conf.h"
#include "loop.h"
#include "topic_part.h"

struct topic_reader;

/* One record, borrowed during the call.  data NULL: there is none (a value: a tombstone). */
struct topic_record
{
	struct str key;
	struct str value;
	int32_t    partition;
	int64_t    offset;
	int64_t    timestamp_ms; /* since the Unix epoch; -1: none */
	bool       of_append;    /* that is when the broker took it, not when it was produced */
	const void *message;     /* for topic_record_header() */
};

/* The record's headers from number 0 on, borrowed during the call; false: there is no such number. */
bool topic_record_header(const struct topic_record *record, unsigned number, struct header *header);

/* What somebody reads a topic for. */
struct topic_reading
{
	enum isolation isolation;
	const char    *instead; /* of granting access, like "set a.b=false"; NULL: nothing helps */
	/*
	 * A topic of which each key's newest record counts, and which is ours: it is made
	 * if it is not there, and must be compacted, with one partition (E2010).
	 */
	bool compacted;
	/* NULL: all there is, or a little more.  Else nothing behind the end, unless part follows. */
	const struct topic_part *part;
	/*
	 * In the thread; a partition's records in order.  RC_ERR ends the reading with e,
	 * RC_AGAIN without an error.
	 */
	enum rc (*record)(void *arg, const struct topic_record *record, struct err *e);
	loop_cb *done; /* on the loop: topic_reader_result() is not RC_AGAIN any more */
	void    *arg;
};

/* Does not begin yet.  cfg and what reading points to are borrowed. */
struct topic_reader *topic_reader_new(struct loop *loop, const struct config *cfg,
									  const struct topic_reading *reading);
void topic_reader_free(struct topic_reader *reader); /* a reading under way is given up */

/* Begins to read; the one before must have ended or be cancelled.  topic is copied. */
void topic_reader_start(struct topic_reader *reader, const char *topic);

/* No record() and no done() after this; may take as long as librdkafka needs to let go (2 s). */
void topic_reader_cancel(struct topic_reader *reader);

/*
 * Of the last reading.  RC_AGAIN: none was started, it is under way or it was
 * cancelled.  RC_OK: everything was read, or there is no such topic.  RC_ERR:
 * E1002, E2001 (nothing came for a long time), E2004, E2008, or what record()
 * said.
 */
enum rc topic_reader_result(const struct topic_reader *reader, struct err *e) MUST_CHECK;

/* Of the last reading that ended with RC_OK; topic NULL: the last one did not. */
const char *topic_reader_topic(const struct topic_reader *reader);
int32_t     topic_reader_partitions(const struct topic_reader *reader); /* 0: no such topic */
uint64_t    topic_reader_records(const struct topic_reader *reader);    /* with tombstones */

#endif /* RELAY_TOPIC_READER_H */
