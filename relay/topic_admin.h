/*
 * topic_admin.h
 *		Asks the brokers to make a topic of ours, or what one is like.
 *
 * Blocks for up to the time given: for threads other than the loop's.  Called by
 * topic_reader.c.
 */
#ifndef RELAY_TOPIC_ADMIN_H
#define RELAY_TOPIC_ADMIN_H

#include "err.h"

typedef struct rd_kafka_s rd_kafka_t; /* as in rdkafka.h */

/*
 * Makes a compacted topic of one partition, of which the newest records count; OK,
 * too, if there is one already: *existed.  RC_ERR E2010, ERR_TRANSIENT if asking again
 * may help.
 */
enum rc topic_admin_create(rd_kafka_t *rk, const char *topic, int timeout_ms, bool *existed,
						   struct err *e) MUST_CHECK;

/*
 * Whether it keeps the newest record of each key, however old.  RC_OK also if the
 * brokers do not let us know.  RC_ERR E2010.
 */
enum rc topic_admin_check(rd_kafka_t *rk, const char *topic, int timeout_ms,
						  struct err *e) MUST_CHECK;

#endif /* RELAY_TOPIC_ADMIN_H */
