/*
 * producer.h
 *		What is to be known of librdkafka's version; the sink itself is in sink.h.
 */
#ifndef RELAY_PRODUCER_H
#define RELAY_PRODUCER_H

/* librdkafka's, as it prints it: "2.0.2". */
const char *producer_version(void);

/* What an operator should know about this version of librdkafka, with the remedy; NULL: nothing. */
const char *producer_version_warning(void);

#endif /* RELAY_PRODUCER_H */
