/*
 * storm.h
 *		Recognizes a server that asks for an answer again and again.
 *
 * Pure: times and positions in, what to do out.  A server that shuts down asks
 * as soon as it was answered, until everything it sent is confirmed.  Answering
 * each time burns two processors and never ends if Kafka is down.
 */
#ifndef RELAY_STORM_H
#define RELAY_STORM_H

#include <stdbool.h>
#include <stdint.h>

#define STORM_COUNT 20       /* so many questions ... */
#define STORM_WINDOW_MS 1000 /* ... in this time, and nothing has moved */
#define STORM_ANSWER_MS 100  /* then one answer in this time ... */
#define STORM_LIMIT_MS 2000  /* ... and after this, if something is outstanding, leave */

enum storm_advice
{
	STORM_ANSWER,       /* at once */
	STORM_ANSWER_LATER, /* at most one in STORM_ANSWER_MS */
	STORM_LEAVE         /* disconnect and let it end; changes come again */
};

/* Zero it when a stream begins. */
struct storm
{
	uint64_t position; /* these two have not moved since the first question */
	uint64_t confirmed;
	int64_t  window_ms; /* begin of the window, and how many asked in it */
	unsigned count;
	int64_t  since_ms; /* 0: no storm */
	int64_t  last_ms;  /* the last question */
};

/* The server asks; it stands at position, we at confirmed. */
static inline enum storm_advice
storm_asked(struct storm *storm, uint64_t position, uint64_t confirmed, int64_t now_ms)
{
	if (position != storm->position || confirmed != storm->confirmed ||
		now_ms - storm->last_ms > STORM_WINDOW_MS)
		*storm = (struct storm){.position = position, .confirmed = confirmed};
	storm->last_ms = now_ms;
	if (now_ms - storm->window_ms > STORM_WINDOW_MS)
	{
		storm->window_ms = now_ms;
		storm->count = 0;
	}
	if (++storm->count >= STORM_COUNT && storm->since_ms == 0)
		storm->since_ms = now_ms;
	if (storm->since_ms == 0)
		return STORM_ANSWER;
	if (now_ms - storm->since_ms < STORM_LIMIT_MS || confirmed >= position)
		return STORM_ANSWER_LATER;
	return STORM_LEAVE;
}

#endif /* RELAY_STORM_H */
