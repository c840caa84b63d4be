/*
 * signal_topic.h
 *		Signals that come by Kafka: follows signal.kafka.topic while the relay runs.
 *
 * In a thread of its own, as topic_reader.c, with a consumer without a group; whatever goes
 * wrong is told by a warning and tried again.  A record is a signal if its key is
 * topic.prefix, as Debezium has it; others are passed over, and signals that cannot be read
 * with a warning (E1244).  Nothing of a transaction that was aborted counts.  Called by
 * session.c.
 *
 * What was taken is known by incremental_note.h's offsets alone.  A partition without one is
 * read from its end: signals of long ago, which nobody waits for any more, do nothing.  Only
 * what came to be while we looked is read from its beginning: a partition that was added, a
 * topic that was not there.
 */
#ifndef RELAY_SIGNAL_TOPIC_H
#define RELAY_SIGNAL_TOPIC_H

#include "config.h"
#include "cursor.h"
#include "incremental_note.h"
#include "loop.h"

struct signal_topic;

/*
 * On the loop; each partition's in order.  json: one that snapshot_signal_read() takes,
 * borrowed; data NULL: none, but the partition was read so far, which is to be written down
 * all the same: else what is sent while no relay runs would be lost behind "the end".
 * next: for incremental_note_set_offset(), with the signal.
 */
typedef void signal_cb(void *arg, struct str json, int32_t partition, int64_t next);

/* Does not begin yet.  cfg is borrowed. */
struct signal_topic *signal_topic_new(struct loop *loop, const struct config *cfg,
									  signal_cb *on_signal, void *arg);
/* Both end what was begun; may take as long as librdkafka needs to let go (2 s). */
void signal_topic_free(struct signal_topic *st); /* not from within on_signal() */
void signal_topic_stop(struct signal_topic *st); /* no on_signal() after this */

/*
 * Begins behind what the note says, which is of this topic from then on; anew, if it was begun
 * before.  The note is not needed afterwards.
 */
void signal_topic_start(struct signal_topic *st, struct incremental_note *note);

const char *signal_topic_name(const struct signal_topic *st);

#endif /* RELAY_SIGNAL_TOPIC_H */
