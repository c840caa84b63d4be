/*
 * gentle.c
 *		Rate, hours, and the WAL that the slot keeps; see gentle.h.
 */
#include "gentle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "hours.h"
#include "log.h"
#include "rate.h"

struct gentle
{
	struct loop         *loop;
	const struct config *cfg;
	unsigned             users; /* who have begun and not ended */
	struct rate          rate;
	struct hours         hours;
	struct loop_timer    wake;     /* a round of the loop, when the answer may be another one */
	struct slot_watch   *watch;    /* NULL: nobody knows of the slot */
	bool                 warned;   /* that nothing is known */
	bool                 over;     /* snapshot.max.retained.bytes */
	bool                 guarded;  /* slot.guard */
	uint64_t             retained; /* bytes */
	bool                 waits[GENTLE_REASONS];
	bool                 rate_told;
};

/* --- the slot ------------------------------------------------------------------ */

/* What was known last counts; if nothing can be known, rows are read. */
static void
gentle_look(struct gentle *g)
{
	uint64_t limit = g->cfg->snapshot.max_retained;

	g->guarded = g->watch && slot_watch_pauses(g->watch);
	if (g->watch == NULL || limit == 0)
		return;
	if (slot_watch_retained(g->watch, &g->retained))
		g->over = gentle_is_over(g->over, g->retained, limit);
	else if (slot_watch_has_looked(g->watch) && !g->warned)
	{
		log_warn("how much WAL slot \"%s\" keeps is not known now, so that "
				 "snapshot.max.retained.bytes does not count",
				 g->cfg->slot.name);
		g->warned = true;
	}
	slot_watch_hurry(g->watch, g->over);
}

/* The limit is to be kept to, and nothing is known yet. */
static bool
gentle_must_wait(const struct gentle *g)
{
	return g->watch && g->cfg->snapshot.max_retained > 0 && !slot_watch_has_looked(g->watch);
}

/* --- the answer ---------------------------------------------------------------- */

static void
on_wake(void *arg)
{
	(void) arg; /* the round that follows does it */
}

/* Of the relay's local time.  *left_ms: until the next minute. */
static unsigned
minute_now(int64_t *left_ms)
{
	time_t    now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	*left_ms = (int64_t) (60 - tm.tm_sec) * 1000;
	return (unsigned) (tm.tm_hour * 60 + tm.tm_min);
}

static void
gentle_tell_window(const struct gentle *g, bool waits)
{
	const char *window = g->cfg->snapshot.window;

	if (waits)
		log_info(
			"snapshot: it is outside of snapshot.window = %s: no more rows are read, and changes "
			"stream, until it begins; to read now, start with another one",
			window);
	else
		log_info("snapshot: snapshot.window = %s has begun: it goes on", window);
}

static void
gentle_tell_retained(const struct gentle *g, bool waits)
{
	uint64_t   retained;
	struct err e;

	slot_watch_retained(g->watch, &retained);
	if (!waits)
	{
		log_info("snapshot: slot \"%s\" keeps %" PRIu64 " MB of WAL: it goes on", g->cfg->slot.name,
				 retained >> 20);
		return;
	}
	if (!g->over)
		return; /* slot_watch.c has said it */
	err_set(&e, ERR_TRANSIENT, E1299,
			"slot \"%s\" keeps %" PRIu64 " MB of WAL, more than snapshot.max.retained.bytes",
			g->cfg->slot.name, retained >> 20);
	err_hint(&e,
			 "If it does not become less, end transactions that stay open (SELECT pid, "
			 "xact_start, query FROM pg_stat_activity WHERE backend_xid IS NOT NULL), see whether "
			 "consumers are slow (walrelay_lag_bytes), or allow more.");
	log_err(LOG_WARN, &e,
			"no more rows are read, and changes stream, until it is less than half of "
			"that");
}

static void
gentle_set(struct gentle *g, enum gentle_reason reason, bool waits)
{
	if (g->waits[reason] == waits)
		return;
	g->waits[reason] = waits;
	if (reason == GENTLE_WINDOW)
		gentle_tell_window(g, waits);
	else if (reason == GENTLE_RETAINED)
		gentle_tell_retained(g, waits);
	else if (!g->rate_told)
	{
		log_info("snapshot: %u rows/s are read at most, as snapshot.rate.limit says",
				 g->rate.per_s);
		g->rate_told = true;
	}
}

bool
gentle_may_read(struct gentle *g, int64_t now_ms, enum gentle_reason *why)
{
	int64_t left_ms;
	int64_t wait_ms = rate_wait_ms(&g->rate, now_ms);
	bool    is_open = hours_have(&g->hours, minute_now(&left_ms));

	gentle_look(g);
	gentle_set(g, GENTLE_RATE, wait_ms > 0);
	gentle_set(g, GENTLE_WINDOW, !is_open);
	gentle_set(g, GENTLE_RETAINED, g->over || g->guarded);
	if (!is_open)
		wait_ms = left_ms;
	if (wait_ms > 0)
		loop_timer_set(g->loop, &g->wake, wait_ms);
	if (!is_open)
		*why = GENTLE_WINDOW;
	else if (g->over || g->guarded || gentle_must_wait(g))
		*why = GENTLE_RETAINED;
	else if (wait_ms > 0)
		*why = GENTLE_RATE;
	else
		return true;
	return false;
}

uint32_t
gentle_chunk_rows(const struct gentle *g, uint32_t rows)
{
	return rate_portion(&g->rate, rows);
}

void
gentle_took(struct gentle *g, uint64_t rows, int64_t now_ms)
{
	rate_took(&g->rate, rows, now_ms);
}

void
gentle_stats(const struct gentle *g, struct gentle_stats *stats)
{
	*stats = (struct gentle_stats){.rate = g->waits[GENTLE_RATE],
								   .window = g->waits[GENTLE_WINDOW],
								   .retained = g->waits[GENTLE_RETAINED]};
}

const char *
gentle_waits_for(const struct gentle *g)
{
	if (g->waits[GENTLE_WINDOW])
		return "snapshot.window";
	if (g->waits[GENTLE_RETAINED])
		return "less WAL to be kept";
	return NULL;
}

/* --- the object ---------------------------------------------------------------- */

void
gentle_begin(struct gentle *g)
{
	if (g->users++ == 0 && g->watch)
		slot_watch_begin(g->watch);
}

void
gentle_end(struct gentle *g)
{
	if (g->users == 0 || --g->users > 0)
		return;
	loop_timer_clear(g->loop, &g->wake);
	if (g->watch)
		slot_watch_hurry(g->watch, false);
	g->over = g->guarded = g->warned = g->rate_told = false;
	memset(g->waits, 0, sizeof(g->waits));
}

struct gentle *
gentle_new(struct loop *loop, const struct config *cfg, struct slot_watch *watch)
{
	struct gentle *g = xcalloc(1, sizeof(*g));

	g->loop = loop;
	g->cfg = cfg;
	g->watch = watch;
	g->rate.per_s = cfg->snapshot.rate_limit;
	if (!hours_parse(cfg->snapshot.window, &g->hours))
		abort(); /* config_table.c has looked at it */
	g->wake = (struct loop_timer){.cb = on_wake, .arg = g};
	return g;
}

void
gentle_free(struct gentle *g)
{
	if (g == NULL)
		return;
	g->users = g->users > 0;
	gentle_end(g);
	free(g);
}
