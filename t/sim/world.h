/*
 * world.h
 *		A world in one process that fails: PostgreSQL, Kafka and the relay around
 *		delivery.c, with a clock and a random number generator of its own.
 *
 * Everything that happens is drawn from one seed, so a seed replays a failure.
 * What must hold is checked at each step against what the world itself knows,
 * never against what ack.c or delivery.c say.  The parts:
 *
 *	postgres.c	WAL, a slot, a walsender whose frames stay open
 *	kafka.c		partitions, producers, Kafka transactions, the progress topic
 *	driver.c	does with delivery.h what pipeline.c and session.c do
 *	check.c		the invariants
 *	world.c		draws what happens next
 */
#ifndef T_SIM_WORLD_H
#define T_SIM_WORLD_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "delivery.h"

#define WAL_BEGIN 1000 /* where the slot stands at first */
#define PARTITIONS_MAX 4
#define PROGRESS PARTITIONS_MAX /* queue of a producer that holds its records */
#define ZOMBIES_MAX 3

/* --- chance ------------------------------------------------------------------- */

struct chance
{
	uint64_t state;
};

/* splitmix64 */
static inline uint64_t
chance_next(struct chance *chance)
{
	uint64_t z = chance->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline uint32_t
chance_below(struct chance *chance, uint32_t n)
{
	return (uint32_t) ((chance_next(chance) >> 32) * n >> 32);
}

/* true in n of 1000 cases */
static inline bool
chance_of(struct chance *chance, uint32_t n)
{
	return chance_below(chance, 1000) < n;
}

/* --- PostgreSQL ----------------------------------------------------------------- */

enum wal_kind
{
	WAL_TRANSACTION, /* s and e are those of its commit record */
	WAL_MESSAGE,     /* outside any transaction: one message to Kafka */
	WAL_NOTHING      /* aborted, of tables that are filtered, of other databases */
};

struct wal_item
{
	enum wal_kind kind;
	uint64_t      start;
	uint64_t      end;
	uint32_t      change; /* the first of its changes, and how many */
	uint32_t      nchanges;
	uint32_t      message; /* the first of its messages, and how many */
	uint32_t      nmessages;
	bool          trailer;  /* its last message is of no change (END of its metadata) */
	bool          is_known; /* a relay was told its end, by a commit or a mark */
};

struct wal_change
{
	uint32_t message; /* its first one */
	uint32_t nmessages;
};

/* To Kafka.  Messages are numbered in the order of the WAL. */
struct message
{
	uint32_t item;
	uint32_t place; /* among those of its partition */
	uint8_t  partition;
	bool     is_acked; /* a relay was told that it is safe */
	bool     is_visible;
};

enum record_kind
{
	RECORD_BEGIN,
	RECORD_CHANGE,
	RECORD_COMMIT,
	RECORD_MESSAGE,
	RECORD_MARK
};

struct record
{
	enum record_kind kind;
	uint32_t         item; /* of a mark: behind it */
	uint32_t         change;
};

struct connection
{
	bool           is_up;
	uint64_t       start;     /* what the server made of the request */
	uint64_t       confirmed; /* the slot's, when it began */
	uint32_t       decoded;   /* next of the WAL */
	uint32_t       marked;    /* the last mark is behind those before this */
	struct record *records;
	uint32_t       nrecords; /* the last of them in a frame that is still open */
	uint32_t       nsent;    /* in frames that have left */
	uint32_t       nread;    /* done with by the relay */
	uint64_t       status;   /* flush position on its way to the server */
	bool           has_status;
};

struct postgres
{
	struct wal_item   *wal;
	uint32_t           nwal;
	uint32_t           wal_target; /* so many will be written */
	struct wal_change *changes;
	uint32_t           nchanges;
	struct message    *messages;
	uint32_t           nmessages;
	uint32_t           places[PARTITIONS_MAX]; /* messages of each partition */
	uint64_t           confirmed;              /* the slot's confirmed_flush */
	uint64_t           persisted;              /* what a crash takes it back to */
	uint64_t           synced;                 /* what it is on the standby */
	bool               is_up;
	bool               goes_back; /* takes positions before the one it has, as 13 does */
	struct connection  conn;
};

/* --- Kafka ---------------------------------------------------------------------- */

#define NO_MESSAGE UINT32_MAX /* a record of the progress topic */

struct handed
{
	uint32_t        message;
	ack_ticket      ticket;
	struct position pos;
};

/* Handed over in this order; [0, reported) [reported, appended) [appended, n). */
struct queue
{
	struct handed *at;
	uint32_t       n;
	uint32_t       max;
	uint32_t       appended;
	uint32_t       reported;
	uint32_t       committed; /* exactly once: what is before this is visible */
	int64_t        last;      /* place of the last one appended, -1 for none */
};

struct producer
{
	bool         is_open;
	bool         has_failed;
	bool         is_committing; /* exactly once: nothing is taken meanwhile */
	bool         end_is_sent;   /* the brokers have, or may have, the request to commit */
	uint32_t     in_flight;     /* handed over and not reported */
	struct queue queues[PARTITIONS_MAX + 1];
};

struct kafka
{
	uint32_t        npartitions;
	bool            is_up;
	bool            has_zombies;          /* what a dead producer had in flight may come late */
	int64_t         last[PARTITIONS_MAX]; /* place of the last one in the log, -1 for none */
	int64_t         most[PARTITIONS_MAX]; /* of all in the log */
	uint32_t        nvisible;             /* exactly once: messages */
	uint64_t        nappended;            /* at least once: messages, with those repeated */
	uint64_t        nlate;                /* of them, by producers that were dead */
	uint64_t        nparts;               /* exactly once: positions within a transaction */
	struct position progress;             /* the last record of the topic */
	bool            has_progress;
	uint64_t        progress_most; /* LSN: of all records ever */
	struct producer producer;      /* the living one */
	struct producer zombies[ZOMBIES_MAX];
	struct producer unresolved; /* exactly once: the one before, until it is fenced */
};

/* --- the relay -------------------------------------------------------------------- */

enum relay_state
{
	RELAY_DEAD,
	RELAY_RECALLING, /* a producer is to be made, or the progress topic is to be read */
	RELAY_APART,     /* from the server */
	RELAY_STREAMING
};

struct relay
{
	enum relay_state state;
	struct delivery *dlv;
	bool             is_recalled;
	bool             is_draining;
	int64_t          drain_until_ms;
	uint32_t         next;     /* message of the change at hand that is next */
	bool             is_begun; /* the item at hand is open */
	bool             is_asked; /* the server waits to hear the position */
	bool             waits_for_room;
	int64_t          timer_ms; /* when to look again; -1: something happens first */
	uint64_t         flush;    /* told to the server last; 0: nothing yet */
	uint64_t         began;    /* no message before this LSN may be repeated */

	/* What the world knows of it. */
	uint32_t   outstanding; /* messages handed over, not acknowledged and not forgotten */
	uint64_t   unwritten;   /* messages handed over since a position was */
	ack_ticket tickets;     /* the newest one */
	uint32_t   item;        /* of the open ticket */
	uint32_t   taken;       /* all items before this were closed */
	uint64_t   handed_lsn;  /* of the position that was written last */
	uint64_t   own;         /* of them, of the transaction that has begun */
	int64_t    opened_ms;   /* the first of them was */
	int64_t    wrote_ms;
};

/* --- all of it --------------------------------------------------------------------- */

#define ACTIONS_MAX 32

struct world
{
	uint64_t               seed;
	struct chance          chance;
	struct delivery_limits limits;
	int64_t                now_ms;
	int64_t                calm_ms; /* when the faults stopped; 0: they have not */
	uint64_t               steps;
	uint32_t               faults;     /* so many may still happen */
	uint32_t               had_faults; /* so many did */
	uint32_t               sink_room;
	uint32_t               items_max; /* not acknowledged */
	uint32_t               odds[ACTIONS_MAX];
	uint32_t               odds_sum;
	uint32_t               safe_items; /* all before this are in Kafka for good */
	struct postgres        pg;
	struct kafka           kafka;
	struct relay           relay;
	bool                   tracing;
	jmp_buf                on_breach;
	char                   breach[512];
};

static inline bool
is_exactly_once(const struct world *w)
{
	return w->limits.mode == DELIVERY_EXACTLY_ONCE;
}

/* An invariant is broken: ends the run. */
_Noreturn void world_breach(struct world *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints what happens, for whoever looks at a failure. */
void world_note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define NOTE(w, ...)                    \
	do                                  \
	{                                   \
		if ((w)->tracing)               \
			world_note(w, __VA_ARGS__); \
	} while (0)

/* postgres.c */
void     postgres_write(struct world *w);
void     postgres_decode(struct world *w);
void     postgres_wait(struct world *w);
void     postgres_take_status(struct world *w);
void     postgres_persist(struct world *w);
void     postgres_connect(struct world *w, uint64_t request);
void     postgres_disconnect(struct world *w);
void     postgres_crash(struct world *w);
void     postgres_fail_over(struct world *w);
uint64_t postgres_end(const struct world *w); /* of the WAL */

/* kafka.c */
void kafka_open(struct world *w);
bool kafka_take(struct world *w, uint32_t message, ack_ticket ticket);
void kafka_take_record(struct world *w, const struct position *pos);
void kafka_commit(struct world *w);
void kafka_append(struct world *w);
void kafka_report(struct world *w);
void kafka_end(struct world *w); /* of the transaction that is being committed */
void kafka_fail(struct world *w);
void kafka_close(struct world *w); /* the producer is gone, with its process or without */

/* driver.c */
void relay_start(struct world *w);
void relay_go_on(struct world *w); /* what it does by itself: opens, recalls, connects, reads */
void relay_tick(struct world *w);
void relay_tell(struct world *w);
void relay_asked(struct world *w);
void relay_kill(struct world *w);
void relay_terminate(struct world *w);
void relay_lose_source(struct world *w);
void relay_acked(struct world *w, ack_ticket ticket, uint32_t count);
void relay_written(struct world *w);
void relay_sink_failed(struct world *w);

/* check.c */
void check_flush(struct world *w, uint64_t flush);
void check_handed(struct world *w, uint32_t message, ack_ticket ticket);
void check_appended(struct world *w, struct queue *queue, uint32_t message, bool is_zombie);
void check_visible(struct world *w, uint32_t message);
void check_committed(struct world *w);
void check_split(struct world *w, const struct position *pos);
void check_round(struct world *w);
void check_settled(struct world *w);
void check_end(struct world *w);

/* world.c */
struct world *world_new(void);
void          world_free(struct world *w);
/* mode: -1 for one drawn from the seed.  False: breach says what, for this seed. */
bool world_run(struct world *w, uint64_t seed, int mode, bool tracing);

#endif /* T_SIM_WORLD_H */
