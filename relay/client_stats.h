/*
 * client_stats.h
 *		Pure: librdkafka's statistics, as far as operators want them.
 *
 * The JSON of a relay with thousands of topics has megabytes, so of all brokers and topics only
 * sums, averages and the worst are kept; and where it is larger than a megabyte, what it says of
 * topics is not read.  librdkafka's STATISTICS.md has the fields.
 */
#ifndef RELAY_CLIENT_STATS_H
#define RELAY_CLIENT_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_STATS_LARGE 1000000 /* bytes of JSON: topics are not looked at from here on */

/* Values of the last interval, in their base unit: seconds, bytes, messages. */
struct client_window
{
	uint64_t count; /* 0: there were none, and nothing else is known */
	double   avg;   /* of all */
	double   p99;   /* the worst broker's or topic's */
	double   max;
};

enum client_window_kind
{
	CLIENT_INT_LATENCY,
	CLIENT_OUTBUF_LATENCY,
	CLIENT_RTT,
	CLIENT_THROTTLE,
	CLIENT_BATCH_BYTES, /* from here on, of topics */
	CLIENT_BATCH_MESSAGES,
	NCLIENT_WINDOWS
};

enum client_counter_kind
{
	CLIENT_TX_REQUESTS,
	CLIENT_TX_BYTES,
	CLIENT_TX_ERRORS,
	CLIENT_TX_RETRIES,
	CLIENT_TIMEOUTS,
	CLIENT_CONNECTS,
	CLIENT_DISCONNECTS,
	NCLIENT_COUNTERS
};

/* Zero it before its first use. */
struct client_stats
{
	bool                 known;
	int64_t              time_s; /* since the Unix epoch */
	uint64_t             queued_messages;
	uint64_t             queued_bytes;
	uint64_t             requests_waiting;
	uint64_t             requests_in_flight;
	struct client_window windows[NCLIENT_WINDOWS];
	uint64_t             counters[NCLIENT_COUNTERS]; /* of all producers so far */
	uint64_t             before[NCLIENT_COUNTERS];   /* what this producer had said last */
};

/* Takes the JSON in; what is none is passed over. */
void client_stats_read(struct client_stats *stats, const char *json, size_t len);
/* What comes next is of another producer, which counts from 0. */
void client_stats_renew(struct client_stats *stats);

#endif /* RELAY_CLIENT_STATS_H */
