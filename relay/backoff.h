/*
 * backoff.h
 *		How long to wait before the next try: doubling, with jitter.
 *
 * Pure: state and a random number in, milliseconds out.  Half of each delay is
 * random, so that relays which lost the same peer do not come back together.
 */
#ifndef RELAY_BACKOFF_H
#define RELAY_BACKOFF_H

#include <stdint.h>

struct backoff
{
	uint32_t min_ms;   /* the first delay; 0 counts as 1 */
	uint32_t max_ms;   /* no delay is longer */
	uint32_t delay_ms; /* the last one without jitter; 0: no failure yet */
};

/* After a success: the next failure waits min_ms again. */
static inline void
backoff_reset(struct backoff *back)
{
	back->delay_ms = 0;
}

/* After a failure: milliseconds to wait, between half of the delay and all of it. */
static inline uint32_t
backoff_next(struct backoff *back, uint32_t random)
{
	uint64_t delay = back->delay_ms ? (uint64_t) back->delay_ms * 2 : back->min_ms;

	if (delay > back->max_ms)
		delay = back->max_ms;
	if (delay == 0)
		delay = 1;
	back->delay_ms = (uint32_t) delay;
	return (uint32_t) (delay - random % (delay / 2 + 1));
}

#endif /* RELAY_BACKOFF_H */
