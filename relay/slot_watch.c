/*
 * slot_watch.c
 *		The slot, over a second connection; see slot_watch.h.
 *
 * Everything that is asked may be read by any role, unless somebody has revoked it: where
 * statistics are refused the rest is still told, where more is, that is told.
 */
#include "slot_watch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "backoff.h"
#include "log.h"
#include "pg.h"
#include "query.h"
#include "slot_guard.h"
#include "sql_quote.h"
#include "wire.h"

#define LOOK_MS       5000
#define LOOK_MAX_MS   60000  /* while it fails */
#define TELL_MS       600000 /* the same level is told no more often */
#define BEAT_MIN_KEPT (UINT64_C(64) * 1024 * 1024)
#define HURRY_BEAT_MS 10000
#define MB(bytes) ((uint64_t) (bytes) >> 20)

/* What a look brings beside struct pg_slot. */
struct extras
{
	int64_t  xmin_age;
	int64_t  catalog_xmin_age;
	int64_t  inactive_us;
	uint64_t current_lsn; /* where the server writes, or, a standby, has replayed to */
	bool     standby;
	int64_t  max_keep;
	int64_t  idle_timeout_s;
	int64_t  spill_bytes;
	int64_t  stream_bytes;
	int64_t  total_bytes;
};

static const struct extras nothing = {
	.xmin_age = -1,     .catalog_xmin_age = -1, .max_keep = -1,    .idle_timeout_s = -1,
	.spill_bytes = -1, .stream_bytes = -1,     .total_bytes = -1};

enum asking
{
	ASKING_LOOK,
	ASKING_BEAT
};

struct slot_watch
{
	struct loop             *loop;
	const struct config     *cfg;
	struct slot_watch_events events;
	struct query            *query; /* NULL: nobody wants to know */
	struct loop_timer        due;   /* the next look */
	struct backoff           backoff;
	bool                     begun;
	char                    *server; /* of the stream; NULL: there is one, or none yet */
	enum asking              asking;
	unsigned                 results; /* of this look */
	struct pg_facts          seen;    /* .slot alone */
	struct extras            extras;
	bool                     looked; /* tried once */
	bool                     known;  /* an answer came once */
	bool                     up;     /* the last one brought what is seen */
	struct err               why;    /* it did not */
	unsigned                 in_a_row; /* failures */
	uint64_t                 failures;
	struct slot_guard        guard;
	int64_t                  told_ms[GUARD_LEVELS]; /* 0: never */
	bool                     warned;  /* of a level that has not got better */
	bool                     stopped; /* said */
	struct heartbeat         beat;
	uint64_t                 beats;
	bool                     denied; /* heartbeats are */
	bool                     hurry;
};

/* --- what is asked ----------------------------------------------------------------- */

static void
put_extras_sql(struct buf *sql, int version, struct str slot)
{
	buf_printf(sql,
			   "SELECT pg_catalog.age(s.xmin), pg_catalog.age(s.catalog_xmin), %s, "
			   "CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "
			   "ELSE pg_catalog.pg_current_wal_lsn() END, pg_catalog.pg_is_in_recovery(), "
			   "pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_slot_wal_keep_size')), %s "
			   "FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = ",
			   version >= 170000
				   ? "(extract(epoch FROM s.inactive_since) * 1000000)::pg_catalog.int8"
				   : "NULL",
			   version >= 180000 ? "extract(epoch FROM pg_catalog.current_setting("
								   "'idle_replication_slot_timeout')::pg_catalog.interval)"
								   "::pg_catalog.int8"
								 : "NULL");
	sql_literal_put(slot, sql);
}

static void
watch_look(struct slot_watch *watch)
{
	struct str slot = {watch->cfg->slot.name, strlen(watch->cfg->slot.name)};
	int        version = query_facts(watch->query)->version;
	struct buf slot_sql = {0};
	struct buf sql = {0};

	/* Who looks at pg_stat_activity is to know it from the others.  What is refused last costs least. */
	pg_slot_sql(&slot_sql, version, slot.data);
	buf_printf(&sql, "SET application_name = 'walrelay slot watch'; %s; ", buf_cstr(&slot_sql));
	buf_free(&slot_sql);
	put_extras_sql(&sql, version, slot);
	buf_puts(&sql, "; SELECT spill_bytes, stream_bytes, total_bytes "
				   "FROM pg_catalog.pg_stat_replication_slots WHERE slot_name = ");
	sql_literal_put(slot, &sql);
	watch->asking = ASKING_LOOK;
	watch->results = 0;
	query_run(watch->query, buf_cstr(&sql), PG_LOOK);
	buf_free(&sql);
}

/*
 * restart_lsn moves when the stream passes what the server writes every 15 s, if there was any
 * change: where nobody else makes one, this is one.  The plugin passes it, and the relay knows
 * it by its prefix, so that no list has to leave it out and no event comes of it.
 */
static void
watch_beat(struct slot_watch *watch)
{
	watch->asking = ASKING_BEAT;
	query_run(watch->query,
			  "SET synchronous_commit = off; SELECT pg_catalog.pg_logical_emit_message(true, "
			  "'" WIRE_REQUEST_PREFIX "', 'heartbeat')",
			  PG_LOOK);
}

static int64_t
number_or(const struct pg_result *res, int column, int64_t otherwise)
{
	const char *text = query_field(res, 0, column);

	return *text ? strtoll(text, NULL, 10) : otherwise;
}

static void
take_extras(struct extras *extras, const struct pg_result *res)
{
	*extras = nothing; /* its statistics follow, or are refused */
	extras->xmin_age = number_or(res, 0, -1);
	extras->catalog_xmin_age = number_or(res, 1, -1);
	extras->inactive_us = number_or(res, 2, 0);
	extras->current_lsn = pg_lsn_parse(query_field(res, 0, 3));
	extras->standby = *query_field(res, 0, 4) == 't';
	extras->max_keep = number_or(res, 5, -1);
	extras->idle_timeout_s = number_or(res, 6, -1);
}

static void
on_result(void *arg, const struct pg_result *res)
{
	struct slot_watch *watch = arg;
	struct extras     *extras = &watch->extras;

	if (watch->asking != ASKING_LOOK || query_columns(res) == 0)
		return;
	if (watch->results == 0)
		pg_slot_take(&watch->seen, res);
	else if (watch->results == 1)
		take_extras(extras, res);
	else if (query_rows(res) == 1)
	{
		extras->spill_bytes = number_or(res, 0, -1);
		extras->stream_bytes = number_or(res, 1, -1);
		extras->total_bytes = number_or(res, 2, -1);
	}
	watch->results++;
}

/* --- what follows ------------------------------------------------------------------ */

static bool
is_status(const struct slot_watch *watch, const char *status)
{
	return strcmp(watch->seen.slot.wal_status, status) == 0;
}

/* It is not a transaction that keeps it, but what has come, or nobody reads. */
static bool
is_behind(const struct slot_watch *watch)
{
	const struct pg_slot *slot = &watch->seen.slot;

	return watch->extras.current_lsn > slot->confirmed_lsn &&
		   watch->extras.current_lsn - slot->confirmed_lsn > watch->guard.retained / 2;
}

/* Why it keeps so much, and what to do. */
static void
explain(const struct slot_watch *watch, struct err *e)
{
	const struct pg_slot *slot = &watch->seen.slot;
	int64_t               left_s = slot_guard_seconds_left(&watch->guard);
	char                  left[96] = "";
	const char           *cause;

	if (left_s >= 0)
		snprintf(left, sizeof(left), "It grows by %" PRId64 " kB/s: %" PRId64 " min %" PRId64 " s are left.  ",
				 slot_guard_growth(&watch->guard) >> 10, left_s / 60, left_s % 60);
	if (slot->active_pid == 0)
		cause = "Nobody streams from it";
	else if (is_behind(watch))
		cause = "What has come is not confirmed: Kafka or the registry is away or slow, or walrelay "
				"does not keep up";
	else
		cause = "All but little is confirmed: a transaction that stays open keeps it";
	err_detail(e, "%swal_status is \"%s\".  %s.", left, slot->wal_status, cause);
	err_hint(e,
			 "\"walrelay status\" says what it waits for; SELECT pid, xact_start, query FROM "
			 "pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start; shows transactions "
			 "that are open.  %s",
			 watch->guard.by_server
				 ? "To have more time, as superuser: ALTER SYSTEM SET max_slot_wal_keep_size = ...; "
				   "SELECT pg_reload_conf();"
				 : "Look at how much room the disk has: without max_slot_wal_keep_size the server keeps "
				   "WAL until it is full.");
}

static void
set_level(const struct slot_watch *watch, enum err_code code, const char *end, struct err *e)
{
	if (watch->guard.limit > 0)
		err_set(e, ERR_CONFIG, code,
				"slot \"%s\" keeps %" PRIu64 " MB of WAL, %u %% of the %" PRIu64 " MB that %s%s",
				watch->cfg->slot.name, MB(watch->guard.retained), slot_guard_percent(&watch->guard),
				MB(watch->guard.limit),
				watch->guard.by_server ? "the server lets it keep" : "slot.guard.bytes allows", end);
	else
		err_set(e, ERR_CONFIG, code, "slot \"%s\" keeps %" PRIu64 " MB of WAL, without a limit%s",
				watch->cfg->slot.name, MB(watch->guard.retained), end);
	explain(watch, e);
}

static const char *
consequence(const struct slot_watch *watch, enum guard_level level)
{
	enum guard_level does = level < watch->cfg->slot.guard ? level : watch->cfg->slot.guard;

	switch (does)
	{
		case GUARD_STOP: return "walrelay ends if nothing is confirmed for a while, as slot.guard says";
		case GUARD_PAUSE: return "no more rows of snapshots are read until it is less, as slot.guard says";
		default: return "going on; slot.guard says what else could be done";
	}
}

/* Once for each step up, and when it got better. */
static void
watch_tell(struct slot_watch *watch, enum guard_level before, int64_t now_ms)
{
	enum guard_level level = watch->guard.level;
	struct err       e;

	if (level > before && (watch->told_ms[level] == 0 || now_ms - watch->told_ms[level] >= TELL_MS))
	{
		set_level(watch, E1222, "", &e);
		log_err(LOG_WARN, &e, "%s", consequence(watch, level));
		watch->told_ms[level] = now_ms;
		watch->warned = true;
	}
	else if (level == GUARD_FINE && watch->warned)
	{
		log_info("slot \"%s\" keeps %" PRIu64 " MB of WAL: that is well again", watch->cfg->slot.name,
				 MB(watch->guard.retained));
		watch->warned = false;
	}
}

/* A relay that gets on does what is to be done; so does one that waits for others' transactions. */
static void
watch_stop(struct slot_watch *watch)
{
	struct err e;

	if (watch->stopped || watch->cfg->slot.guard < GUARD_STOP || watch->guard.level < GUARD_STOP ||
		!is_behind(watch) || !slot_guard_is_stuck(&watch->guard))
		return;
	watch->stopped = true;
	set_level(watch, E1223, ", and nothing is confirmed", &e);
	err_hint(&e,
			 "Mend what holds it up and start walrelay again: while it gets on it is not ended for "
			 "this.  Only if the disk comes first, and all tables can be loaded again: \"walrelay slot "
			 "drop\".");
	watch->events.stop(watch->events.arg, &e);
}

static void
watch_judge(struct slot_watch *watch, int64_t now_ms)
{
	const struct pg_slot *slot = &watch->seen.slot;
	enum guard_level      before = watch->guard.level;
	struct guard_look     look = {.retained = (uint64_t) slot->retained,
								  .safe = slot->safe,
								  .allowed = watch->cfg->slot.guard_bytes,
								  .unreserved = is_status(watch, "unreserved"),
								  .confirmed = slot->confirmed_lsn};

	/* One that is lost keeps nothing; the stream says so (E1211). */
	if (slot->retained < 0 || is_status(watch, "lost"))
		return;
	slot_guard_take(&watch->guard, &look, now_ms);
	if (watch->cfg->slot.guard == GUARD_FINE)
		return;
	watch_tell(watch, before, now_ms);
	watch_stop(watch);
}

static bool
watch_wants_beat(struct slot_watch *watch, int64_t now_ms)
{
	uint64_t              enough = BEAT_MIN_KEPT;
	struct heartbeat_look look = {.restart = watch->seen.slot.restart_lsn,
								  .settled = watch->events.settled(watch->events.arg),
								  .interval_ms = watch->cfg->slot.heartbeat_ms};

	if (watch->extras.standby || watch->denied || watch->seen.slot.retained < 0)
		return false;
	if (watch->guard.limit > 0 && watch->guard.limit / 4 < enough)
		enough = watch->guard.limit / 4;
	look.matters = watch->hurry || watch->guard.retained >= enough;
	if (watch->hurry && look.interval_ms > HURRY_BEAT_MS)
		look.interval_ms = HURRY_BEAT_MS;
	return heartbeat_is_due(&watch->beat, &look, now_ms);
}

/* --- answers ----------------------------------------------------------------------- */

static void
watch_later(struct slot_watch *watch)
{
	loop_timer_set(watch->loop, &watch->due,
				   watch->up ? LOOK_MS : backoff_next(&watch->backoff, (uint32_t) rand()));
}

/* A connection that is ended and comes back at once is not worth a line. */
static void
watch_fail(struct slot_watch *watch, const struct err *e)
{
	watch->looked = true;
	watch->up = false;
	watch->why = *e;
	watch->failures++;
	if (++watch->in_a_row == 2)
		log_err(LOG_WARN, e,
				"slot \"%s\" cannot be looked at; the stream does not depend on that, it is "
				"tried again",
				watch->cfg->slot.name);
	watch_later(watch);
}

static void
watch_take(struct slot_watch *watch)
{
	if (watch->in_a_row >= 2)
		log_info("slot \"%s\" can be looked at again", watch->cfg->slot.name);
	watch->in_a_row = 0;
	backoff_reset(&watch->backoff);
	watch->looked = true;
	watch->up = watch->seen.slot.exists;
	if (!watch->up)
	{
		err_set(&watch->why, ERR_CONFIG, E1207, "replication slot \"%s\" does not exist",
				watch->cfg->slot.name);
		loop_timer_set(watch->loop, &watch->due, LOOK_MS);
		return;
	}
	watch->known = true;
	watch_judge(watch, loop_now_ms());
	if (watch_wants_beat(watch, loop_now_ms()))
		watch_beat(watch);
	else
		watch_later(watch);
}

static void
watch_take_beat(struct slot_watch *watch, bool failed, const struct err *why)
{
	const struct pg_facts *facts = query_facts(watch->query);
	struct err             e = *why;

	if (failed)
	{
		watch->denied = true;
		err_hint(&e,
				 "If EXECUTE was revoked: GRANT EXECUTE ON FUNCTION pg_catalog.pg_logical_emit_message("
				 "boolean, text, text%s) TO %s;",
				 facts->version >= 170000 ? ", boolean" : "", facts->role);
		log_err(LOG_WARN, &e,
				"no heartbeats are sent; slot \"%s\" moves only when somebody else writes",
				watch->cfg->slot.name);
	}
	else
	{
		watch->beats++;
		log_debug("a heartbeat was written, as slot \"%s\" does not move", watch->cfg->slot.name);
	}
	watch_later(watch);
}

static void
on_done(void *arg, bool failed, const char *state, const struct err *why)
{
	struct slot_watch *watch = arg;
	struct err         e = *why;

	if (watch->asking == ASKING_BEAT)
		watch_take_beat(watch, failed, why);
	else if (!failed || watch->results >= 2)
		watch_take(watch);
	else
	{
		if (strcmp(state, "42501") == 0)
			err_hint(&e,
					 "The message says what was revoked from the role; of functions it needs: GRANT "
					 "EXECUTE ON FUNCTION pg_catalog.pg_current_wal_lsn() TO %s;",
					 query_facts(watch->query)->role);
		watch_fail(watch, &e);
	}
}

static void
on_lost(void *arg, const struct err *e)
{
	watch_fail(arg, e);
}

/* Another of several hosts may have a slot of that name, too. */
static bool
is_elsewhere(const struct slot_watch *watch)
{
	const char *server = query_facts(watch->query)->server;

	return watch->server && server && strcmp(watch->server, server) != 0;
}

static void
on_ready(void *arg)
{
	struct slot_watch *watch = arg;
	struct err         e;

	watch->denied = false;
	if (!is_elsewhere(watch))
	{
		watch_look(watch);
		return;
	}
	err_set(&e, ERR_TRANSIENT, E1299, "the stream comes from another server than the slot is looked at");
	err_detail(&e, "%s, not %s.", watch->server, query_facts(watch->query)->server);
	query_disconnect(watch->query);
	watch_fail(watch, &e);
}

static void
on_due(void *arg)
{
	struct slot_watch *watch = arg;

	if (query_is_ready(watch->query))
		watch_look(watch);
	else
		query_connect(watch->query, watch->cfg->source.conninfo, PG_SQL);
}

/* --- for others -------------------------------------------------------------------- */

void
slot_watch_begin(struct slot_watch *watch)
{
	if (watch->query && !watch->begun)
		on_due(watch);
	watch->begun = true;
}

void
slot_watch_set_server(struct slot_watch *watch, const char *server)
{
	free(watch->server);
	watch->server = server ? xstrdup(server) : NULL;
	if (watch->begun && watch->query && query_is_ready(watch->query) && is_elsewhere(watch))
	{
		query_disconnect(watch->query);
		loop_timer_set(watch->loop, &watch->due, 0);
	}
}

bool
slot_watch_retained(const struct slot_watch *watch, uint64_t *retained)
{
	*retained = watch->known && watch->seen.slot.retained > 0 ? (uint64_t) watch->seen.slot.retained : 0;
	return watch->known;
}

bool
slot_watch_has_looked(const struct slot_watch *watch)
{
	return watch->looked;
}

bool
slot_watch_pauses(const struct slot_watch *watch)
{
	return watch->cfg->slot.guard >= GUARD_PAUSE && watch->guard.level >= GUARD_PAUSE;
}

void
slot_watch_hurry(struct slot_watch *watch, bool hurry)
{
	watch->hurry = hurry;
}

static const char *
heartbeat_word(const struct slot_watch *watch)
{
	if (watch->query == NULL || watch->cfg->slot.heartbeat_ms == 0)
		return "never";
	if (watch->known && watch->extras.standby)
		return "standby";
	return watch->denied ? "denied" : "needed";
}

void
slot_watch_stats(const struct slot_watch *watch, struct slot_stats *stats)
{
	const struct pg_slot *slot = &watch->seen.slot;
	const struct extras  *extras = watch->up ? &watch->extras : &nothing;

	*stats = (struct slot_stats){
		.watched = watch->begun && watch->query,
		.up = watch->up,
		.why = watch->looked && !watch->up ? &watch->why : NULL,
		.failures = watch->failures,
		.heartbeats = watch->beats,
		.heartbeat = heartbeat_word(watch),
		.name = watch->cfg->slot.name,
		.retained = watch->up ? slot->retained : -1,
		.safe = watch->up ? slot->safe : -1,
		.limit = watch->up && watch->guard.limit > 0 ? (int64_t) watch->guard.limit : -1,
		.growth = watch->up ? slot_guard_growth(&watch->guard) : -1,
		.seconds_left = watch->up ? slot_guard_seconds_left(&watch->guard) : -1,
		.level = watch->up ? (int64_t) watch->guard.level : -1,
		.xmin_age = extras->xmin_age,
		.catalog_xmin_age = extras->catalog_xmin_age,
		.spill_bytes = extras->spill_bytes,
		.stream_bytes = extras->stream_bytes,
		.total_bytes = extras->total_bytes,
		.failover = -1,
		.synced = -1,
		.max_keep = extras->max_keep,
		.idle_timeout_s = extras->idle_timeout_s,
	};
	if (!watch->up)
		return;
	stats->wal_status = slot->wal_status;
	stats->invalidation = slot->invalidation;
	stats->active = slot->active_pid != 0;
	stats->restart_lsn = slot->restart_lsn;
	stats->confirmed_lsn = slot->confirmed_lsn;
	stats->inactive_us = stats->active ? 0 : extras->inactive_us;
	if (query_facts(watch->query)->version >= FAILOVER_SERVER)
	{
		stats->failover = slot->failover;
		stats->synced = slot->synced;
	}
}

/* --- the object -------------------------------------------------------------------- */

struct slot_watch *
slot_watch_new(struct loop *loop, const struct config *cfg, const struct slot_watch_events *events)
{
	struct slot_watch        *watch = xcalloc(1, sizeof(*watch));
	const struct query_events query_events = {
		.ready = on_ready, .result = on_result, .done = on_done, .lost = on_lost, .arg = watch};

	watch->loop = loop;
	watch->cfg = cfg;
	watch->events = *events;
	watch->extras = nothing;
	watch->due = (struct loop_timer){.cb = on_due, .arg = watch};
	watch->backoff = (struct backoff){.min_ms = LOOK_MS, .max_ms = LOOK_MAX_MS};
	if (cfg->slot.guard != GUARD_FINE || cfg->snapshot.max_retained > 0)
		watch->query = query_new(loop, cfg, &query_events);
	return watch;
}

void
slot_watch_free(struct slot_watch *watch)
{
	if (watch == NULL)
		return;
	loop_timer_clear(watch->loop, &watch->due);
	query_free(watch->query);
	pg_facts_free(&watch->seen);
	free(watch->server);
	free(watch);
}
