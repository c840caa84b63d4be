/*
 * gentle.c
 *		Rate, hours, and the WAL that the slot keeps; see gentle.h.
 */
#include "gentle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "hours.h"
#include "log.h"
#include "query.h"
#include "rate.h"
#include "wire.h"

#define ASK_MS 10000 /* how often the slot is looked at */

struct gentle
{
	struct loop         *loop;
	const struct config *cfg;
	unsigned             users; /* who have begun and not ended */
	struct rate          rate;
	struct hours         hours;
	struct loop_timer    wake;     /* a round of the loop, when the answer may be another one */
	struct query        *query;    /* NULL: nothing is to be watched */
	struct loop_timer    ask;      /* the next question */
	bool                 known;    /* it was asked, whatever came of it */
	bool                 answered; /* the last question was */
	bool                 warned;   /* that it cannot be */
	bool                 over;     /* too much is kept */
	uint64_t             retained; /* bytes */
	bool                 waits[GENTLE_REASONS];
	bool                 rate_told;
};

/* --- the slot ------------------------------------------------------------------ */

/*
 * restart_lsn moves when the stream passes what the server writes every 15 s, if there was
 * any change: while nothing but us is left to wait for it, there has to be one.
 */
static void
gentle_ask(struct gentle *g)
{
	char *sql = xasprintf(
		"SET synchronous_commit = off; "
		"SELECT pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() "
		"THEN pg_catalog.pg_last_wal_receive_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, "
		"restart_lsn) "
		"FROM pg_catalog.pg_replication_slots WHERE slot_name = '%s'%s",
		g->cfg->slot.name,
		g->over ? "; SELECT pg_catalog.pg_logical_emit_message(true, '" WIRE_REQUEST_PREFIX
				  "', 'pulse')"
				: "");

	g->answered = false;
	query_run(g->query, sql, PG_LOOK);
	free(sql);
}

static void
on_ready(void *arg)
{
	gentle_ask(arg);
}

static void
on_ask(void *arg)
{
	struct gentle *g = arg;

	if (query_is_ready(g->query))
		gentle_ask(g);
	else
		query_connect(g->query, g->cfg->source.conninfo, PG_SQL);
}

static void
on_result(void *arg, const struct pg_result *res)
{
	struct gentle *g = arg;

	if (query_columns(res) != 1 || query_rows(res) > 1 || g->answered)
		return;
	g->answered = g->known = true;
	g->retained = query_rows(res) == 1 ? strtoull(query_field(res, 0, 0), NULL, 10) : 0;
	g->over = gentle_is_over(g->over, g->retained, g->cfg->snapshot.max_retained);
}

/* What was known last counts; if nothing was, rows are read. */
static void
gentle_cannot_ask(struct gentle *g, const struct err *e)
{
	g->known = true;
	if (!g->warned)
		log_err(LOG_WARN, e,
				"how much WAL slot \"%s\" keeps is not known now, so that "
				"snapshot.max.retained.bytes does not count",
				g->cfg->slot.name);
	g->warned = true;
}

static void
on_done(void *arg, bool failed, const char *state, const struct err *why)
{
	struct gentle *g = arg;
	struct err     e = *why;

	if (failed && !g->answered)
	{
		if (strcmp(state, "42501") == 0)
			err_hint(&e,
					 "Grant what the role lacks: GRANT EXECUTE ON FUNCTION "
					 "pg_catalog.pg_current_wal_lsn() TO %s;",
					 query_facts(g->query)->role);
		gentle_cannot_ask(g, &e);
	}
	loop_timer_set(g->loop, &g->ask, ASK_MS);
}

static void
on_lost(void *arg, const struct err *e)
{
	struct gentle *g = arg;

	gentle_cannot_ask(g, e);
	loop_timer_set(g->loop, &g->ask, ASK_MS);
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
	struct err e;

	if (!waits)
	{
		log_info("snapshot: slot \"%s\" keeps %" PRIu64 " MB of WAL: it goes on", g->cfg->slot.name,
				 g->retained >> 20);
		return;
	}
	err_set(&e, ERR_TRANSIENT, E1299,
			"slot \"%s\" keeps %" PRIu64 " MB of WAL, more than snapshot.max.retained.bytes",
			g->cfg->slot.name, g->retained >> 20);
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

	gentle_set(g, GENTLE_RATE, wait_ms > 0);
	gentle_set(g, GENTLE_WINDOW, !is_open);
	gentle_set(g, GENTLE_RETAINED, g->over);
	if (!is_open)
		wait_ms = left_ms;
	if (wait_ms > 0)
		loop_timer_set(g->loop, &g->wake, wait_ms);
	if (!is_open)
		*why = GENTLE_WINDOW;
	else if (g->query && (g->over || !g->known))
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
	if (g->users++ == 0 && g->query)
		on_ask(g);
}

void
gentle_end(struct gentle *g)
{
	if (g->users == 0 || --g->users > 0)
		return;
	loop_timer_clear(g->loop, &g->wake);
	loop_timer_clear(g->loop, &g->ask);
	if (g->query)
		query_disconnect(g->query);
	g->known = g->over = g->warned = g->rate_told = false;
	memset(g->waits, 0, sizeof(g->waits));
}

struct gentle *
gentle_new(struct loop *loop, const struct config *cfg)
{
	struct gentle            *g = xcalloc(1, sizeof(*g));
	const struct query_events events = {.ready = on_ready,
										.result = on_result,
										.done = on_done,
										.lost = on_lost,
										.arg = g};

	g->loop = loop;
	g->cfg = cfg;
	g->rate.per_s = cfg->snapshot.rate_limit;
	if (!hours_parse(cfg->snapshot.window, &g->hours))
		abort(); /* config_table.c has looked at it */
	g->wake = (struct loop_timer){.cb = on_wake, .arg = g};
	g->ask = (struct loop_timer){.cb = on_ask, .arg = g};
	if (cfg->snapshot.max_retained > 0)
		g->query = query_new(loop, cfg, &events);
	return g;
}

void
gentle_free(struct gentle *g)
{
	if (g == NULL)
		return;
	g->users = g->users > 0;
	gentle_end(g);
	if (g->query)
		query_free(g->query);
	free(g);
}
