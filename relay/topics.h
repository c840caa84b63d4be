/*
 * topics.h
 *		Pure: what the topics that we produce into were like, as the progress topic
 *		keeps it.
 *
 * How many partitions one has, and how far each has come.  Another number would
 * send keys elsewhere; an offset that was given before means that the topic was
 * deleted and made again, or has lost what brokers had acknowledged.  Outlives sinks.
 * One of which that is not known, or whose messages have no keys, is kept by its name:
 * where changes went has to be known as soon as any did.
 * Called by producer_topic.c, which finds out, and progress_topic.c, which keeps it.
 */
#ifndef RELAY_TOPICS_H
#define RELAY_TOPICS_H

#include "buf.h"
#include "cursor.h"
#include "err.h"

struct topics;

/* One topic; its pointer is valid as long as the topics are. */
struct topic
{
	char         *name;
	int32_t       npartitions; /* 0: not known */
	int64_t      *next;        /* of each partition: behind the last offset acknowledged; 0: none */
	bool          used;        /* records of ours go there */
	bool          refused;     /* it was found to be another one, and nobody has accepted that */
	uint64_t      kept;        /* hash of what was written down of it last; 0: nothing */
	bool          dirty;       /* to be written down */
	int64_t       written_ms;  /* 0: never, or not in this process */
	struct topic *dirty_next;
};

struct topics *topics_new(void);
void           topics_free(struct topics *topics);

/* The topic of that name; a new one if it is not known. */
struct topic *topics_topic(struct topics *topics, const char *name);

/* Records will go there. */
void topic_use(struct topics *topics, struct topic *topic);

/* It has so many partitions; to be called once, as long as it is not known.  0: none is. */
void topic_resize(struct topics *topics, struct topic *topic, int32_t npartitions);

/* What is known of it is found anew. */
void topic_forget(struct topics *topics, struct topic *topic);

/*
 * A record was acknowledged; offset negative: not known.  False: that offset, or a
 * later one, was given to another record before.
 */
bool topic_reached(struct topics *topics, struct topic *topic, int32_t partition, int64_t offset);

/*
 * The next one to be written down, that was not within pause_ms; NULL: none.  It is
 * taken off the list by topic_written().
 */
struct topic *topics_due(const struct topics *topics, int64_t now_ms, int64_t pause_ms);
void          topic_written(struct topics *topics, struct topic *topic, int64_t now_ms);

/* What it is like now is written down otherwise. */
void topic_keep(struct topic *topic);

/* All of them, in no order; NULL behind the last. */
struct topic *topics_first(const struct topics *topics);
struct topic *topics_next(const struct topics *topics, const struct topic *topic);

/*
 * A JSON object: {"version":1,"topic":"shop.public.orders","partitions":3,"next":[12,0,7]};
 * with "refused":true, if it is.
 */
void topic_write(const struct topic *topic, struct buf *out);
/* RC_ERR E2010, without detail: it is no such object. */
enum rc topics_read(struct topics *topics, struct str value, struct err *e) MUST_CHECK;

#endif /* RELAY_TOPICS_H */
