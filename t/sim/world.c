/*
 * world.c
 *		Draws what happens next, until nothing is left to do; see world.h.
 *
 * Each seed has odds of its own: in one world Kafka is slow, in another the
 * server crashes all the time.  Faults come in the first part of a run.  In the
 * second everything is well, and all that was committed must arrive within
 * a time, and the slot must follow to the end of the WAL.
 */
#include "world.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"

#define WAL_MAX 64
/* From the last fault until everything has arrived. */
#define CALM_MS 20000
#define CALM_MESSAGE_MS 500 /* and so much longer for each message */
#define STEPS_MAX 2000000

/* --- what is told of a failure ------------------------------------------------------ */

#define NOTES_MAX 200

static char     notes[NOTES_MAX][160];
static uint64_t nnotes;

void
world_note(struct world *w, const char *fmt, ...)
{
	char   *note = notes[nnotes++ % NOTES_MAX];
	int     len = snprintf(note, sizeof(notes[0]), "%7ld ms  ", w->now_ms);
	va_list args;

	va_start(args, fmt);
	vsnprintf(note + len, sizeof(notes[0]) - (size_t) len, fmt, args);
	va_end(args);
}

void
world_breach(struct world *w, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(w->breach, sizeof(w->breach), fmt, args);
	va_end(args);
	if (w->tracing)
	{
		for (uint64_t i = nnotes > NOTES_MAX ? nnotes - NOTES_MAX : 0; i < nnotes; i++)
			fprintf(stderr, "%s\n", notes[i % NOTES_MAX]);
		fprintf(stderr, "%7ld ms  BREACH: %s\n", w->now_ms, w->breach);
	}
	longjmp(w->on_breach, 1);
}

/* An assertion has failed: say at least where. */
static const struct world *running;

static void
on_abort(int signal)
{
	char text[64];
	int  len = snprintf(text, sizeof(text), "seed %lu: aborted\n", running->seed);

	(void) signal;
	if (write(STDERR_FILENO, text, (size_t) len) < len)
		_exit(1);
}

/* --- actions ----------------------------------------------------------------------------- */

static void
tick_if_time(struct world *w)
{
	if (w->relay.state != RELAY_DEAD &&
		((w->relay.timer_ms >= 0 && w->now_ms >= w->relay.timer_ms) || w->relay.is_draining))
		relay_tick(w);
}

static void
time_passes(struct world *w)
{
	w->now_ms += 1 + chance_below(&w->chance, 40);
	tick_if_time(w);
}

static void
kafka_reports(struct world *w)
{
	kafka_report(w);
	relay_tick(w);
}

static void
kafka_ends(struct world *w)
{
	kafka_end(w);
	relay_tick(w);
}

static void
server_stumbles(struct world *w)
{
	if (w->pg.is_up)
		postgres_crash(w);
	else
		w->pg.is_up = true;
}

static void
server_is_replaced(struct world *w)
{
	postgres_fail_over(w);
	w->pg.is_up = true;
}

static void
kafka_stumbles(struct world *w)
{
	w->kafka.is_up = !w->kafka.is_up;
}

static const struct action
{
	void (*act)(struct world *w);
	uint32_t odds;
	bool     is_fault;
} actions[] = {
	{postgres_write, 20, false},      {postgres_decode, 30, false}, {postgres_wait, 15, false},
	{postgres_take_status, 8, false}, {postgres_persist, 2, false}, {kafka_append, 60, false},
	{kafka_reports, 60, false},       {kafka_ends, 15, false},      {relay_go_on, 60, false},
	{relay_tell, 8, false},           {time_passes, 40, false},     {relay_kill, 4, true},
	{relay_terminate, 2, true},       {relay_lose_source, 4, true}, {server_stumbles, 3, true},
	{server_is_replaced, 1, true},    {kafka_fail, 4, true},        {kafka_stumbles, 2, true},
};
#define NACTIONS (sizeof(actions) / sizeof(actions[0]))

static void
odds_draw(struct world *w)
{
	static const uint32_t factors[] = {0, 1, 4, 4, 4, 12};

	w->odds_sum = 0;
	for (size_t i = 0; i < NACTIONS; i++)
	{
		uint32_t at = chance_below(&w->chance, 6);

		/* What is no fault happens in every world, only seldom in some. */
		w->odds[i] = actions[i].odds * (at == 0 && !actions[i].is_fault ? 1 : factors[at]);
		w->odds_sum += w->odds[i];
	}
}

static void
calm_begin(struct world *w)
{
	w->calm_ms = w->now_ms;
	w->faults = 0;
	w->pg.is_up = w->kafka.is_up = true;
	w->odds_sum = 0;
	for (size_t i = 0; i < NACTIONS; i++)
		w->odds_sum += w->odds[i] = actions[i].is_fault ? 0 : actions[i].odds;
	NOTE(w, "calm from here on");
}

static void
act(struct world *w)
{
	uint32_t at = chance_below(&w->chance, w->odds_sum);
	size_t   i = 0;

	while (at >= w->odds[i])
		at -= w->odds[i++];
	if (actions[i].is_fault)
	{
		w->faults--;
		w->had_faults++;
	}
	w->now_ms += chance_below(&w->chance, 2);
	actions[i].act(w);
	tick_if_time(w);
}

/* --- a run ---------------------------------------------------------------------------------- */

static bool
is_done(const struct world *w)
{
	const struct postgres *pg = &w->pg;

	if (pg->nwal < pg->wal_target || pg->confirmed != postgres_end(w))
		return false;
	for (uint32_t i = 0; i < w->kafka.npartitions; i++)
		if ((is_exactly_once(w) ? w->kafka.last : w->kafka.most)[i] + 1 != pg->places[i])
			return false;
	return true;
}

static void
world_begin(struct world *w, uint64_t seed, int mode)
{
	struct world old = *w;

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->chance.state = seed * 0x2545f4914f6cdd1d + 1;
	/* Memory that grew for other seeds. */
	w->pg.wal = old.pg.wal;
	w->pg.conn.records = old.pg.conn.records;
	w->kafka.producer = old.kafka.producer;
	w->kafka.unresolved = old.kafka.unresolved;
	memcpy(w->kafka.zombies, old.kafka.zombies, sizeof(old.kafka.zombies));
	w->kafka.producer.is_open = w->kafka.unresolved.is_open = false;
	for (int i = 0; i < ZOMBIES_MAX; i++)
		w->kafka.zombies[i].is_open = false;

	if (mode < 0)
	{
		uint32_t at = chance_below(&w->chance, 10);

		mode = at < 4   ? DELIVERY_AT_LEAST_ONCE
			   : at < 9 ? DELIVERY_EXACTLY_ONCE
						: DELIVERY_WITHOUT_PROGRESS;
	}
	w->limits = (struct delivery_limits){
		.mode = (enum delivery_mode) mode,
		.interval_ms = 1 + chance_below(&w->chance, 200),
		.idle_ms = 1 + chance_below(&w->chance, 2000),
		.max_messages = 1 + chance_below(&w->chance, 40),
		.max_bytes = 100 * (1 + chance_below(&w->chance, 40)),
		.max_ms = 1 + chance_below(&w->chance, 500),
	};
	if (chance_of(&w->chance, 300))
		w->limits.max_messages = w->limits.max_bytes = UINT64_MAX;
	w->now_ms = 1 + chance_below(&w->chance, 10000);
	w->faults = chance_below(&w->chance, 16);
	w->sink_room = 1 + chance_below(&w->chance, 60);
	w->items_max = 2 + chance_below(&w->chance, 60);
	w->pg.wal_target = 1 + chance_below(&w->chance, WAL_MAX - 1);
	w->pg.confirmed = w->pg.persisted = w->pg.synced = WAL_BEGIN;
	w->pg.is_up = w->kafka.is_up = true;
	w->pg.goes_back = chance_of(&w->chance, 200);
	w->kafka.npartitions = 1 + chance_below(&w->chance, PARTITIONS_MAX);
	w->kafka.has_zombies = chance_of(&w->chance, 250);
	for (int i = 0; i < PARTITIONS_MAX; i++)
		w->kafka.last[i] = w->kafka.most[i] = -1;
	odds_draw(w);
}

/* What this run took, but for what the next one can use. */
static void
world_end(struct world *w)
{
	if (w->relay.state != RELAY_DEAD)
		delivery_free(w->relay.dlv);
	w->relay.state = RELAY_DEAD;
	free(w->pg.changes);
	free(w->pg.messages);
	w->pg.changes = NULL;
	w->pg.messages = NULL;
}

struct world *
world_new(void)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->pg.wal = xcalloc(WAL_MAX, sizeof(*w->pg.wal));
	running = w;
	signal(SIGABRT, on_abort);
	return w;
}

void
world_free(struct world *w)
{
	if (w == NULL)
		return;
	world_end(w);
	free(w->pg.wal);
	free(w->pg.conn.records);
	for (int i = 0; i <= PROGRESS; i++)
	{
		free(w->kafka.producer.queues[i].at);
		free(w->kafka.unresolved.queues[i].at);
		for (int j = 0; j < ZOMBIES_MAX; j++)
			free(w->kafka.zombies[j].queues[i].at);
	}
	free(w);
}

static void
world_live(struct world *w)
{
	while (w->calm_ms == 0 || !is_done(w))
	{
		w->steps++;
		if (w->calm_ms == 0 && (w->faults == 0 || w->steps > 4000 || is_done(w)))
			calm_begin(w);
		if (w->calm_ms &&
			w->now_ms - w->calm_ms > CALM_MS + CALM_MESSAGE_MS * (int64_t) w->pg.nmessages)
		{
			check_end(w);
			world_breach(w, "it takes too long");
		}
		if (w->steps > STEPS_MAX)
			world_breach(w, "too many steps");
		act(w);
	}
	/* SIGTERM: at once there is nothing left. */
	while (w->relay.state == RELAY_DEAD || w->relay.is_draining)
		act(w);
	relay_terminate(w);
	while (w->relay.state != RELAY_DEAD)
	{
		if (w->now_ms >= w->relay.drain_until_ms)
			world_breach(w, "all has arrived, and yet it is not settled");
		time_passes(w);
		kafka_append(w);
		kafka_reports(w);
		kafka_ends(w);
	}
	check_end(w);
}

bool
world_run(struct world *w, uint64_t seed, int mode, bool tracing)
{
	volatile bool held = false;

	world_begin(w, seed, mode);
	w->tracing = tracing;
	nnotes = 0;
	if (setjmp(w->on_breach) == 0)
	{
		world_live(w);
		held = true;
	}
	world_end(w);
	return held;
}
