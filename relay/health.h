/*
 * health.h
 *		Pure: whether the relay comes forward, and how far it is behind.
 *
 * Looked at once in each round of the loop, which is a few comparisons; asked when an operator
 * asks.  What is silent is not dead: an idle database has nothing to say, and a relay that
 * does not read is not to blame its server.  So a peer stands still only if it owes us something.
 * session_watch.c has the times.
 */
#ifndef RELAY_HEALTH_H
#define RELAY_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

/* What is seen of a relay at a moment. */
struct health_view
{
	int64_t  now_ms; /* any clock that does not go back */
	bool     streaming;
	bool     paused;       /* the server's frames are not read */
	uint64_t frames;       /* that came */
	uint64_t server_lsn;   /* how far it says it has come */
	uint64_t reached_lsn;  /* how far we have received all */
	uint64_t transactions; /* received, in whole or in part, and not confirmed */
	uint64_t unacked;      /* messages in flight */
	uint64_t acked;        /* messages acknowledged since the start */
};

struct health
{
	int64_t  well_ms;   /* nothing was to be done */
	int64_t  moved_ms;  /* the server sent something, or had nothing, or was not read */
	int64_t  acked_ms;  /* a message was acknowledged, or none was in flight */
	uint64_t frames;
	uint64_t acked;
};

/* All is well at the start. */
void health_begin(struct health *health, int64_t now_ms);
void health_look(struct health *health, const struct health_view *view);

/*
 * The age of the oldest commit that is not acknowledged, microseconds; docs/status.md explains it.
 * oldest_us: when that was, by the server's clock; 0: of none it is known.  now_us: the same by
 * ours.  After health_look().
 */
int64_t health_lag_us(const struct health *health, const struct health_view *view,
					  int64_t oldest_us, int64_t now_us);

/*
 * For how long the server has not sent what it should, ms; 0: it owes nothing.  silent_ms: since
 * its last byte; status_ms: how often it is asked to say something.
 */
int64_t health_source_stalled_ms(const struct health *health, const struct health_view *view,
								 int64_t silent_ms, int64_t status_ms);
/* So long it may take without being out of order. */
int64_t health_source_patience_ms(int64_t status_ms);

/* For how long messages are in flight and none is acknowledged, ms. */
int64_t health_sink_stalled_ms(const struct health *health, const struct health_view *view);
#define HEALTH_SINK_PATIENCE_MS 30000

#endif /* RELAY_HEALTH_H */
