/*
 * producer_error.h
 *		What librdkafka's error codes mean to a producer, in words for operators.
 *
 * Knows no producer: what the texts need is given.  Called by producer.c.
 */
#ifndef RELAY_PRODUCER_ERROR_H
#define RELAY_PRODUCER_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "kafka_conf.h"

/* What did not work, as far as librdkafka says; everything is borrowed. */
struct producer_trouble
{
	int         code;      /* rd_kafka_resp_err_t */
	const char *text;      /* librdkafka's, without a period */
	const char *topic;     /* "": none */
	size_t      bytes;     /* of the largest record concerned, before compression */
	bool        waited;    /* the brokers have had the time to create the topic */
	const struct kafka_identity *who;
};

/* RC_ERR E2002 to E2006: what it means to the relay. */
enum rc producer_error(const struct producer_trouble *trouble, struct err *e);

/* It is the login that was refused (E2004), not a right that is missing. */
bool producer_error_is_login(const struct err *e);

/* It is the record that the brokers do not take: E2003, or E2006. */
bool producer_error_is_of_record(int code);

/* The code says that something failed, but not what: another one that does may follow. */
bool producer_error_is_consequence(int code);

/*
 * Of librdkafka's log: the facility of a connection's trouble, and what a text of it says, within
 * it.  librdkafka 2.12 tells in no other way of a connection that a broker has ended.
 */
#define PRODUCER_LOG_FAIL "FAIL"
const char *producer_error_of_log(const char *text);

/* RC_ERR E2001.  reason: the last trouble with a connection, "": none is known. */
enum rc producer_error_unreachable(const char *bootstrap, const char *reason, struct err *e);

/* RC_ERR E2013.  reason: librdkafka's last answer. */
enum rc producer_error_stuck(const char *reason, struct err *e);

/* RC_ERR E1002: a record that would wait for ever, librdkafka's empty queue is too small for it. */
enum rc producer_error_queue(const char *topic, size_t bytes, uint64_t max_kbytes, struct err *e);

/* RC_ERR E2011.  before, now: numbers of partitions. */
enum rc producer_error_partitions(const char *topic, int32_t before, int32_t now, struct err *e);

/* RC_ERR E2012.  next: behind the last offset acknowledged before; offset: acknowledged now. */
enum rc producer_error_offset(const char *topic, int32_t partition, int64_t next, int64_t offset,
							  struct err *e);

/* RC_ERR E2012: found by a relay before this one. */
enum rc producer_error_refused(const char *topic, struct err *e);

/* RC_ERR E2006.  text: why Kafka has no topic of that name. */
enum rc producer_error_name(const char *topic, const char *text, struct err *e);

/* RC_ERR E1002.  text: why the settings do not fit together. */
enum rc producer_error_settings(const char *text, struct err *e);

#endif /* RELAY_PRODUCER_ERROR_H */
