/*
 * silence.h
 *		When a server that says nothing is given up.
 *
 * Pure: times and signs in, a verdict out.  A silence proves nothing by itself: a
 * walsender that decodes a huge transaction of which we get nothing is silent
 * for as long as that takes, and begins with it again for whoever has given it up.
 * So what ends a connection is what the server says of itself when it is asked over
 * another one (vigil.h), or that it does not answer there either.
 */
#ifndef RELAY_SILENCE_H
#define RELAY_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#define SILENCE_MS 60000      /* looked into at the latest ... */
#define SILENCE_LEAST_MS 3000 /* ... and at the earliest after this */
#define SILENCE_DEATHS 2      /* signs of death in a row that are believed */
#define SILENCE_VOIDS 3       /* the same, where there is no sign at all, ... */
#define SILENCE_VOID_TIMES 5  /* ... after so many times the limit */

enum silence_sign
{
	SIGN_LIFE,  /* it is busy, or there is no telling */
	SIGN_DEATH, /* nothing more can come on this connection */
	SIGN_VOID   /* there is no server any more, or another one */
};

struct silence
{
	int64_t  limit_ms; /* how long one is before it is looked into */
	int64_t  heard_ms; /* the last byte */
	unsigned deaths;   /* signs since then, and since the last sign of life */
	unsigned voids;
};

/* A byte has come. */
static inline void
silence_heard(struct silence *silence, int64_t now_ms)
{
	silence->heard_ms = now_ms;
	silence->deaths = 0;
	silence->voids = 0;
}

/*
 * The server itself gives up a client that is silent for wal_sender_timeout (0:
 * never), and one that is busy looks for what we say after half of that: before,
 * an answer cannot be expected.
 */
static inline void
silence_begin(struct silence *silence, uint32_t sender_timeout_ms, int64_t now_ms)
{
	silence->limit_ms = sender_timeout_ms == 0 || sender_timeout_ms > SILENCE_MS ? SILENCE_MS
						: sender_timeout_ms < SILENCE_LEAST_MS                   ? SILENCE_LEAST_MS
															   : sender_timeout_ms;
	silence_heard(silence, now_ms);
}

/* Until it is worth a look: ms, 0 or less: it is. */
static inline int64_t
silence_left(const struct silence *silence, int64_t now_ms)
{
	return silence->heard_ms + silence->limit_ms - now_ms;
}

/* True: give the connection up. */
static inline bool
silence_judge(struct silence *silence, enum silence_sign sign, int64_t now_ms)
{
	silence->deaths = sign == SIGN_DEATH ? silence->deaths + 1 : 0;
	silence->voids = sign == SIGN_VOID ? silence->voids + 1 : 0;
	return silence->deaths >= SILENCE_DEATHS ||
		   (silence->voids >= SILENCE_VOIDS &&
			now_ms - silence->heard_ms >= SILENCE_VOID_TIMES * silence->limit_ms);
}

/* ms until the next look: soon after a bad sign.  An answer on its way has come by then. */
static inline int64_t
silence_pause(const struct silence *silence)
{
	return silence->deaths || silence->voids ? silence->limit_ms / 6 : silence->limit_ms;
}

#endif /* RELAY_SILENCE_H */
