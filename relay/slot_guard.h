/*
 * slot_guard.h
 *		Pure: how far the slot is from being lost, and when a heartbeat helps it to move.
 *
 * slot_watch.c looks at the slot every few seconds and asks here.  What a healthy slot keeps
 * goes up and down: its restart_lsn moves only when the stream passes a record that the
 * server writes every 15 s or so.  So a rate is how fast the least that it kept grows, and not
 * taken from two looks.  No I/O, no clock: times are any clock's that does not go back.
 */
#ifndef RELAY_SLOT_GUARD_H
#define RELAY_SLOT_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define GUARD_WINDOW_MS 60000 /* what rates are taken from, at most ... */
#define GUARD_SPAN_MS   20000 /* ... and at least */
#define GUARD_SAMPLES   32

/* What is not known, or has no limit. */
#define GUARD_UNKNOWN (-1)

/* Each includes those before; slot.guard says how far the relay goes. */
enum guard_level
{
	GUARD_FINE,
	GUARD_WARN,  /* half of the limit; or a quarter, and it lasts for 30 min */
	GUARD_PAUSE, /* three quarters; or a quarter, and it lasts for 10 min */
	GUARD_STOP   /* nine tenths; or the server says that it may be lost any time */
};
#define GUARD_LEVELS (GUARD_STOP + 1)

/* What was seen of the slot at once. */
struct guard_look
{
	uint64_t retained;   /* bytes of WAL that it keeps */
	int64_t  safe;       /* that the server may still write before it is lost; GUARD_UNKNOWN: no limit */
	uint64_t allowed;    /* slot.guard.bytes; 0: none */
	bool     unreserved; /* wal_status */
	uint64_t confirmed;  /* its confirmed_flush_lsn */
};

/* Zero: nothing was seen yet. */
struct slot_guard
{
	struct
	{
		int64_t  ms;
		uint64_t retained;
		uint64_t confirmed;
	} samples[GUARD_SAMPLES]; /* a ring */
	unsigned         count;
	unsigned         next;
	uint64_t         retained; /* of the last look */
	uint64_t         limit;    /* the smaller one; 0: there is none */
	bool             by_server; /* the limit is max_slot_wal_keep_size */
	enum guard_level level;
};

/* Takes a look in.  Returns the level; one goes down only when it is well below it. */
enum guard_level slot_guard_take(struct slot_guard *guard, const struct guard_look *look,
								 int64_t now_ms);

/* Bytes a second by which what it keeps grows: 0, it does not; GUARD_UNKNOWN: seen for too short. */
int64_t slot_guard_growth(const struct slot_guard *guard);
/* Seconds until the limit is reached at this rate; GUARD_UNKNOWN: never, or not known. */
int64_t slot_guard_seconds_left(const struct slot_guard *guard);
/* Percent of the limit; 0 without one. */
unsigned slot_guard_percent(const struct slot_guard *guard);
/* Whether nothing was confirmed for GUARD_SPAN_MS, seen by this process. */
bool slot_guard_is_stuck(const struct slot_guard *guard);

/* --- heartbeats ------------------------------------------------------------------ */

/* Zero: nothing was seen yet. */
struct heartbeat
{
	uint64_t restart;  /* restart_lsn, ... */
	int64_t  since_ms; /* ... since when, or since the last heartbeat */
	unsigned in_vain;  /* heartbeats since it has moved */
};

struct heartbeat_look
{
	uint64_t restart; /* restart_lsn */
	bool     settled; /* it streams, and all that came is confirmed */
	bool     matters; /* so much is kept that it should move */
	uint32_t interval_ms; /* slot.heartbeat.ms; 0: never */
};

/*
 * Whether one is to be sent now; then it counts as sent.  Where they do not help (a transaction stays
 * open) they come ever less often, every HEARTBEAT_MAX_MS in the end.
 */
bool heartbeat_is_due(struct heartbeat *beat, const struct heartbeat_look *look, int64_t now_ms);

#define HEARTBEAT_MAX_MS 300000

#endif /* RELAY_SLOT_GUARD_H */
