/*
 * slot_watch.h
 *		Looks at the slot every few seconds over an ordinary connection of its own: what it keeps,
 *		whether it is about to be lost, and what is done about that.
 *
 * The stream does not depend on it: the connection comes and goes, and what it says is for
 * operators, for gentle.c, and for slot.guard, which goes so far as it is set: warn, read
 * no more rows of snapshots, end the relay.  Nobody here drops a slot or moves one.  slot_guard.h says
 * when; made by session.c, logs by itself.
 */
#ifndef RELAY_SLOT_WATCH_H
#define RELAY_SLOT_WATCH_H

#include "config.h"
#include "loop.h"

struct slot_watch;

struct slot_watch_events
{
	/* Whether it streams, and all that has come is confirmed. */
	bool (*settled)(void *arg);
	/* slot.guard=stop: it has come to that, E1223.  Said once. */
	void (*stop)(void *arg, const struct err *e);
	void *arg;
};

/* For metrics; negative: not known.  Strings and why are borrowed until the next round. */
struct slot_stats
{
	bool              watched; /* somebody looks */
	bool              up;      /* the last look brought an answer, and there is a slot */
	const struct err *why;     /* it did not; NULL: it did, or nobody has looked yet */
	uint64_t          failures;
	uint64_t          heartbeats;
	const char       *heartbeat; /* when they are sent: "needed", "never", "standby" or "denied" */
	const char       *name;
	const char       *wal_status;
	const char       *invalidation; /* "": it is not */
	bool              active;
	uint64_t          restart_lsn;   /* 0: none */
	uint64_t          confirmed_lsn; /* 0: none */
	int64_t           inactive_us;   /* since when, since the Unix epoch; 0: it is active, or not known */
	int64_t           retained;
	int64_t           safe;
	int64_t           limit;
	int64_t           growth; /* bytes a second */
	int64_t           seconds_left;
	int64_t           level; /* enum guard_level */
	int64_t           xmin_age;
	int64_t           catalog_xmin_age;
	int64_t           spill_bytes;
	int64_t           stream_bytes;
	int64_t           total_bytes;
	int64_t           failover; /* 0 or 1 */
	int64_t           synced;
	int64_t           max_keep;       /* max_slot_wal_keep_size, bytes */
	int64_t           idle_timeout_s; /* idle_replication_slot_timeout */
};

/* Does not connect.  cfg is borrowed. */
struct slot_watch *slot_watch_new(struct loop *loop, const struct config *cfg,
								  const struct slot_watch_events *events);
void               slot_watch_free(struct slot_watch *watch);

/* From now on, unless slot.guard=off and nobody else wants to know; again: nothing. */
void slot_watch_begin(struct slot_watch *watch);
/* Which of several hosts the stream comes from; NULL: there is one. */
void slot_watch_set_server(struct slot_watch *watch, const char *server);

/* What it kept when it was looked at last, whenever that was.  False: not known yet. */
bool slot_watch_retained(const struct slot_watch *watch, uint64_t *retained);
/* Whether a look has been tried at all since it began, with or without an answer. */
bool slot_watch_has_looked(const struct slot_watch *watch);
/* slot.guard=pause or stop, and it has come to that: no more rows are to be read. */
bool slot_watch_pauses(const struct slot_watch *watch);
/* Somebody waits for it to keep less: heartbeats matter, however little it is. */
void slot_watch_hurry(struct slot_watch *watch, bool hurry);

void slot_watch_stats(const struct slot_watch *watch, struct slot_stats *stats);

#endif /* RELAY_SLOT_WATCH_H */
