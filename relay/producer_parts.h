/*
 * producer_parts.h
 *		What the files of the Kafka sink share; nobody else includes it.
 *
 * producer.c sends and reads librdkafka's events, producer_reach.c knows whether brokers
 * can be reached, producer_topic.c what topics are like, producer_transaction.c has the
 * Kafka transactions.
 */
#ifndef RELAY_PRODUCER_PARTS_H
#define RELAY_PRODUCER_PARTS_H

#include <stdatomic.h>

#include <librdkafka/rdkafka.h>
#include <uthash.h>

#include "buf.h"
#include "crash_point.h"
#include "partitioner.h"
#include "producer_error.h"
#include "sink.h"
#include "transactor.h"

struct sink_topic
{
	char              *name;
	rd_kafka_topic_t  *rkt;
	int64_t            made_ms;
	struct sink_topic *prev; /* in the producer's topics */
	struct sink_topic *next;
	struct topic_count *count; /* or NULL */
	bool               seen; /* else it is in the producer's unseen, too */
	UT_hash_handle     hh;
};

/* A topic of ours that is made as it is wished, before anything is sent to it. */
struct making
{
	char          *name;
	enum topic_use use;
	bool           done; /* there is nothing more to ask for */
	struct err     why;  /* the brokers did not make it; class ERR_NONE: they did */
	UT_hash_handle hh;
};

enum reach
{
	REACH_UNKNOWN,
	REACH_UP,
	REACH_DOWN
};

/* delivery=exactly-once: what may be done next. */
enum phase
{
	PHASE_UNFENCED, /* nothing: another relay may still produce under our name */
	PHASE_BETWEEN,  /* a Kafka transaction may begin */
	PHASE_OPEN,     /* one is open */
	PHASE_COMMITTING
};

/* Messages of an item that the brokers have, in a Kafka transaction that is not committed. */
struct held
{
	uint32_t item;
	uint32_t count;
};

/* What librdkafka's threads write to; it may outlive its producer, see destroy_in_time(). */
struct ear
{
	atomic_bool heard;   /* a broker answered */
	int         wake_fd; /* eventfd, watched by the loop */
};

struct producer
{
	struct sink         sink; /* first: a sink is cast to its producer */
	struct loop        *loop;
	struct sink_events  events;
	rd_kafka_t         *rk;
	rd_kafka_queue_t   *queue;
	struct ear         *ear;
	struct topics      *remembered;    /* what topics were like; borrowed */
	struct partitioner *partitioners;  /* by topic */
	char               *partitioner;   /* the property */
	struct making      *makings;       /* by name */
	struct topic_sizes  sizes;         /* of what may be sent */
	struct sink_topic  *topics;        /* thousands may be freed at a session's end */
	struct sink_topic  *unseen;        /* by rkt: no message has been delivered yet */
	int64_t             seen_ms;       /* when the last one left that list */
	int64_t             topic_wait_ms; /* how long a topic may stay unknown to a broker */
	struct kafka_identity who;
	struct sink_stats   stats;
	uint64_t            cost;     /* bytes of memory in flight, about */
	uint64_t            max_cost; /* send() answers RC_AGAIN from here on */
	uint64_t            max_messages;
	uint64_t            max_kbytes; /* queue.buffering.max.kbytes of [kafka], else ours */
	bool                full;       /* send() said RC_AGAIN */

	enum reach        reach;
	bool              was_up; /* a broker has accepted us: the login is right, or was */
	int64_t           up_since_ms;
	struct loop_timer suspect;          /* set: all connections are gone, not reported yet */
	char              reason[512];      /* last transport error */
	int64_t           refused_since_ms; /* first login refused since an answer; 0: none */

	struct transactor *trx; /* NULL: at least once, and what follows plays no part */
	enum phase         phase;
	struct held       *held;
	struct partitioner *held_topics; /* whose messages these are */
	size_t             nheld;
	size_t             max_held;

	bool                broken;   /* something failed: no more acks */
	bool                definite; /* why says the cause */
	bool                is_stuck; /* a call about Kafka transactions has no answer, and that was told */
	bool                reported;
	struct err          why;
	struct sink_refusal refusal; /* messages 0: why is none */
	struct loop_timer   cause;   /* set: broken, but not definite yet */
};

static inline struct producer *
producer_of(struct sink *sink)
{
	return (struct producer *) sink;
}

/* --- producer.c -------------------------------------------------------------- */

/* Ends acknowledging; failed() is called when the event queue has been read. */
void producer_break(struct producer *p, rd_kafka_resp_err_t code, const char *text,
					const char *topic, size_t bytes);
/* The same, by an error that is known: filled by whoever found it. */
void producer_break_with(struct producer *p, const struct err *e);

/* --- producer_reach.c -------------------------------------------------------- */

/* The producer of this configuration tells p's ear when brokers answer. */
void producer_listen(struct producer *p, rd_kafka_conf_t *conf);
/* A broker answers: it can be reached. */
void producer_seen(struct producer *p);
/* All connections are gone. */
void producer_suspect(struct producer *p);
/* They were gone for too long. */
void producer_on_suspect(void *arg);
/*
 * What a broker that accepted us before does not accept may be its own trouble:
 * one that goes down in the middle of a login looks the same.  Whether another
 * one is left, ALL_BROKERS_DOWN tells, as with any trouble of a connection.
 */
void producer_refused(struct producer *p, rd_kafka_resp_err_t code, const char *text);

/* --- producer_topic.c -------------------------------------------------------- */

/* Of struct sink_ops. */
enum rc producer_make(struct sink *sink, const char *name, enum topic_use use,
					  struct err *e) MUST_CHECK;
enum rc producer_topic(struct sink *sink, const char *name, struct avro *key, struct avro *value,
					   struct sink_topic **topic, struct err *e) MUST_CHECK;
/* Messages in flight keep what they need of it. */
void producer_topic_free(struct sink *sink, struct sink_topic *topic);
void producer_topic_count(struct sink *sink, struct sink_topic *topic, struct topic_count *count);
/* An answer to what producer_make() has asked. */
void producer_made(struct producer *p, rd_kafka_event_t *event);
/* Why the brokers did not make this topic when they were asked; NULL: they did, or were not asked. */
const struct err *producer_unmade(const struct producer *p, const char *topic);
void              producer_makings_free(struct producer *p);
/* A broker that just came up, or creates thousands, has not had the time for this one. */
bool producer_topic_waited(const struct producer *p, const char *topic);
/* A broker knows the topic, so it has not run out of time for those that it creates. */
void producer_topic_seen(struct producer *p, const rd_kafka_topic_t *rkt);
/*
 * Whether the topic is what it was: asked of the first message of a report, because
 * the others are of the same partition.  Nothing of the report is acknowledged if not.
 */
bool producer_recognizes(struct producer *p, const rd_kafka_message_t *message);
/* The last message of a report: offsets in it rise. */
void producer_remember(struct producer *p, const rd_kafka_message_t *message);

/* --- producer_transaction.c -------------------------------------------------- */

/* Of struct sink_ops. */
void producer_fence(struct sink *sink);
void producer_commit(struct sink *sink);
/* Delivered; safe at once, or when its Kafka transaction is committed. */
void producer_acked(struct producer *p, uint32_t item, uint32_t count);
/* Of a report, for the counts of its topic. */
void producer_count(struct producer *p, rd_kafka_topic_t *rkt, uint32_t messages);
/* Before a message.  Asks nobody: the brokers learn of the transaction with the message. */
rd_kafka_resp_err_t producer_begin(struct producer *p);
/*
 * Messages were given up because their Kafka transaction has failed, which says why to whoever
 * wants to commit it.
 */
void producer_seek_cause(struct producer *p);
/* Whether nothing may be sent, whatever room there is. */
bool producer_is_shut(const struct producer *p);
/* A call has ended; librdkafka has given its delivery reports out before. */
void producer_transacted(struct producer *p);

/* --- producer_end.c ---------------------------------------------------------- */

/* What is left of a producer that nobody uses any more. */
struct remains
{
	rd_kafka_t         *rk;
	rd_kafka_queue_t   *queue;
	struct ear         *ear;     /* not watched any more */
	struct transactor  *trx;     /* or NULL */
	bool                is_open; /* its Kafka transaction is to be aborted */
	struct partitioner *partitioners;
};

/* A producer is fenced in: what those before it had left open has ended. */
void producer_inherit(void);
/* Takes all of it; comes back when it is done, or after half a second. */
void producer_destroy(const struct remains *what);

#endif /* RELAY_PRODUCER_PARTS_H */
