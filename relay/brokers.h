/*
 * brokers.h
 *		The brokers, asked by a command: who they are, and which topics there are.
 *
 * Looks as a consumer does, so that asking makes no topic; blocks.  Called by check_kafka.c and
 * topic_plan.c.
 */
#ifndef RELAY_BROKERS_H
#define RELAY_BROKERS_H

#include "kafka_conf.h"
#include "topic_admin.h"

/* For one answer about topics or settings. */
#define BROKERS_ANSWER_MS 5000

/* Zeros before brokers_open(). */
struct brokers
{
	rd_kafka_t           *rk;
	struct kafka_identity who;
	int                   count;
	int32_t               id;           /* of the one that has answered */
	char                  reached[256]; /* the same, as host:port/id */

	/* What they give a topic by default, as far as they let us know; brokers_defaults(). */
	int     creates;    /* auto.create.topics.enable: 1, 0; -1: not known */
	int32_t partitions; /* 0: not known */
	int32_t replicas;   /* the same */
	char    bytes[16];  /* message.max.bytes; "": not known */

	const struct rd_kafka_metadata *metadata; /* of every topic that the user may see */
	char                            reason[512];
	int                             code; /* of the last trouble */
	int64_t                         down_ms; /* loop time at which all were found so; 0: never */
};

/*
 * Tries for up to 15 s, and for 3 s more where all were found to be down.  brokers_close()
 * follows, whatever comes back.  RC_ERR E1002, E2001, E2004; of a login that is refused at once.
 */
enum rc brokers_open(struct brokers *brokers, const struct config *cfg, struct err *e) MUST_CHECK;
void    brokers_close(struct brokers *brokers);

void brokers_defaults(struct brokers *brokers);

/* partitions 0: it is not there, as far as is known; hidden: the user may not see whether it is. */
typedef void brokers_topic_fn(void *arg, const char *name, int32_t partitions, int32_t replicas,
							  bool hidden);

/* Every topic that the user may see. */
void brokers_topics(const struct brokers *brokers, brokers_topic_fn *take, void *arg);

/* These, in one question; take is called for those of which the brokers say something. */
void brokers_ask_topics(struct brokers *brokers, const char *const *names, size_t count,
						brokers_topic_fn *take, void *arg);

/* A moment before asking again. */
void brokers_pause(struct brokers *brokers);

/* RC_ERR E2004: the user may not see that topic.  operations: of kafka-acls.sh. */
enum rc brokers_hidden(const struct brokers *brokers, const char *topic, const char *operations,
					   struct err *e);

#endif /* RELAY_BROKERS_H */
