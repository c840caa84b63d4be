/*
 * producer.h
 *		What config.c asks of the producer; the sink itself is in sink.h.
 */
#ifndef RELAY_PRODUCER_H
#define RELAY_PRODUCER_H

#include "err.h"

/*
 * Whether a librdkafka property may be set to value.  Pure.  RC_ERR E1001: no
 * such property; E1002: not a value of it; E1005: what walrelay promises would
 * no longer hold, and why.
 */
enum rc producer_property_check(const char *name, const char *value, struct err *e) MUST_CHECK;

/* librdkafka's, as it prints it: "2.0.2". */
const char *producer_version(void);

/* What an operator should know about this version of librdkafka, with the remedy; NULL: nothing. */
const char *producer_version_warning(void);

#endif /* RELAY_PRODUCER_H */
