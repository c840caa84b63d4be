/*
 * incremental_scout.c
 *		Which tables are to be read: what signals mean, and tables that were not captured
 *		before; see incremental.h.
 *
 * A connection of its own, as long as anything is under way.  Its first question is for the
 * transactions in progress: see incremental_begin().
 */
#include <inttypes.h>
#include <stdlib.h>

#include "crash_point.h"
#include "fnv1a.h"
#include "incremental_parts.h"
#include "log.h"
#include "snapshot_sql.h"

#define RETRY_S 10

static void
scout_run(struct incremental *inc, int scouting, struct buf *sql)
{
	inc->scouting = scouting;
	query_run(inc->scout, buf_cstr(sql), PG_LOOK);
	buf_free(sql);
}

/* "execute-snapshot 924e3ff8": for messages; the caller frees it. */
static char *
signal_title(const struct snapshot_signal *signal)
{
	return xasprintf("%s%s%s", signal_kind_name(signal->kind), *signal->id ? " " : "", signal->id);
}

/* --- what signals mean ---------------------------------------------------------------- */

static bool
is_same_filter(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

/* What somebody asks of a table. */
struct wish
{
	char *filter; /* owned; NULL: all rows */
	bool  blocking;
};

/*
 * A table that is being read is asked for again: nothing has to be done if those rows are
 * among what is read, for their changes stream.  Else *wish becomes what both are.
 */
static bool
reading_has(const struct reading *table, struct wish *wish)
{
	const char *filter = table->note.filter;
	char       *both;

	if ((filter == NULL || is_same_filter(filter, wish->filter)) &&
		table->note.blocking >= wish->blocking)
		return true;
	wish->blocking = wish->blocking || table->note.blocking;
	both = filter && wish->filter ? xasprintf("(%s) OR (%s)", filter, wish->filter) : NULL;
	free(wish->filter);
	wish->filter = both;
	return false;
}

/* Of the first signal. */
static struct wish
wish_of(const struct incremental *inc, const struct pg_result *res, int row)
{
	const char *which = query_field(res, row, SNAPSHOT_MORE);

	return (struct wish){
		.filter = *which ? xstrdup(inc->signal.conditions[atoi(which)].filter) : NULL,
		.blocking = inc->signal.blocking};
}

/*
 * Other rows of a table that was read to its end are asked for: that is written down first,
 * so that none of it is read again.
 */
static void
scout_must_wait(struct incremental *inc, const struct pg_result *res, int row)
{
	uint32_t        relid = (uint32_t) strtoul(query_field(res, row, SNAPSHOT_OID), NULL, 10);
	struct reading *table = reading_find(inc, relid);
	struct wish     wish = wish_of(inc, res, row);

	if (inc->signal.kind == SIGNAL_EXECUTE && table && !table->stopped && table->ended &&
		!reading_has(table, &wish))
		inc->behind = relid;
	free(wish.filter);
}

static void
scout_take_table(struct incremental *inc, const struct pg_result *res, int row)
{
	uint32_t        relid = (uint32_t) strtoul(query_field(res, row, SNAPSHOT_OID), NULL, 10);
	struct wish     wish;
	struct reading *table = reading_find(inc, relid);

	inc->nfound++;
	if (table && inc->signal.kind == SIGNAL_STOP)
		reading_end(inc, table);
	if (inc->signal.kind == SIGNAL_STOP)
		return;
	wish = wish_of(inc, res, row);
	if (table && !table->stopped && reading_has(table, &wish))
	{
		log_info("table \"%s\" is being read already", table->note.table);
		free(wish.filter);
		return;
	}
	if (table && !table->stopped)
		log_info("table \"%s\" begins anew, with what is asked for now, too", table->note.table);
	if (table)
		reading_free(inc, table);
	table = reading_add(inc, relid);
	table->note.table = xasprintf("%s.%s", query_field(res, row, SNAPSHOT_SCHEMA),
								  query_field(res, row, SNAPSHOT_TABLE));
	table->note.signal = xstrdup(inc->signal.id);
	table->note.filter = wish.filter;
	table->note.estimated =
		wish.filter ? -1 : strtoll(query_field(res, row, SNAPSHOT_TUPLES), NULL, 10);
	table->note.blocking = wish.blocking;
	table->dirty = true;
}

/* The first signal is looked up: it is not asked any more. */
static void
scout_signal_done(struct incremental *inc, bool understood)
{
	char *title = signal_title(&inc->signal);

	if (understood && inc->nfound == 0)
		log_warn("signal %s: no table has such a name", title);
	else if (understood)
		log_info("signal %s: %" PRIu32 " tables", title, inc->nfound);
	free(title);
	snapshot_signal_free(&inc->signal);
	free(inc->job.signals[0]);
	memmove(inc->job.signals, inc->job.signals + 1,
			(inc->job.nsignals - 1) * sizeof(*inc->job.signals));
	inc->job.nsignals--;
	inc->job_dirty = true;
	inc->scouting = SCOUT_FREE;
	incremental_touch(inc);
	CRASH_POINT(incremental_found);
}

static void
scout_look_up(struct incremental *inc)
{
	const char *json = inc->job.signals[0];
	struct buf  sql = {0};
	struct err  e;

	inc->nfound = 0;
	if (snapshot_signal_read((struct str){json, strlen(json)}, &inc->signal, &e) != RC_OK)
	{
		log_err(LOG_WARN, &e, "the signal is passed over"); /* of another release */
		inc->signal.id = xstrdup("");
		scout_signal_done(inc, false);
		return;
	}
	incremental_sql_tables(&sql, &inc->signal);
	scout_run(inc, SCOUT_TABLES, &sql);
	CRASH_POINT(incremental_looking_up);
}

/* The server does not understand the expressions. */
static void
scout_refuse_signal(struct incremental *inc, const char *state)
{
	char      *title = signal_title(&inc->signal);
	struct err e;

	err_set(&e, ERR_DATA, E1244, "signal %s cannot be looked up (SQLSTATE %s)", title, state);
	err_hint(&e, "Give data-collections as regular expressions that PostgreSQL understands.");
	log_err(LOG_WARN, &e, "the signal is passed over");
	free(title);
	scout_signal_done(inc, false);
}

/* --- tables that are read while the stream is held ---------------------------------------- */

static bool
is_to_block(const struct reading *table)
{
	return table->note.blocking && !table->stopped;
}

/* One whose filter nobody has tried. */
static struct reading *
scout_unchecked(struct incremental *inc)
{
	struct reading *table = inc->tables;

	while (table && (!is_to_block(table) || table->note.filter == NULL || table->filter_checked))
		table = table->hh.next;
	return table;
}

static void
scout_ask_name(struct incremental *inc, const struct reading *table)
{
	struct buf sql = {0};

	inc->checking = table->relid;
	inc->nfound = 0;
	snapshot_sql_table(&sql, table->relid);
	scout_run(inc, SCOUT_NAME, &sql);
}

static void
scout_refuse_filter(struct incremental *inc, struct reading *table, const char *why)
{
	struct err e;

	err_set(&e, ERR_DATA, E1244, "the condition of signal %s for table \"%s\" %s",
			table->note.signal, table->note.table, why);
	err_hint(&e, "Ask again with a condition that stands behind WHERE in a SELECT of the table, "
				 "or for type incremental.");
	log_err(LOG_WARN, &e, "the table is passed over");
	reading_end(inc, table);
}

static bool
is_ascii(const char *text)
{
	while (*text && (unsigned char) *text < 0x80)
		text++;
	return *text == '\0';
}

static void
scout_ask_filter(struct incremental *inc)
{
	struct reading    *table = reading_find(inc, inc->checking);
	struct piece_query query;
	struct buf         sql = {0};

	inc->scouting = SCOUT_FREE;
	if (table == NULL)
		return;
	if (inc->nfound == 0)
	{
		log_info("table \"%s\" is not there any more: its snapshot ends", table->note.table);
		reading_end(inc, table);
		return;
	}
	if (!is_ascii(table->note.filter) && strcmp(query_facts(inc->scout)->encoding, "UTF8") != 0)
	{
		scout_refuse_filter(inc, table, "has characters that are not ASCII");
		return;
	}
	query = (struct piece_query){.schema = table->schema, .name = table->name, .filter = table->note.filter};
	incremental_sql_filter(&sql, &query);
	scout_run(inc, SCOUT_FILTER, &sql);
}

static void
scout_took_filter(struct incremental *inc, bool failed, const char *state)
{
	struct reading *table = reading_find(inc, inc->checking);
	char           *why;

	inc->scouting = SCOUT_FREE;
	if (table == NULL)
		return;
	table->filter_checked = true;
	if (!failed)
		return;
	why = xasprintf("is none (SQLSTATE %s)", state);
	scout_refuse_filter(inc, table, why);
	free(why);
}

/*
 * All of them together.  Their notes go when the snapshot's are written, with the same
 * position.
 */
static void
scout_begin_blocking(struct incremental *inc)
{
	struct snapshot_choice *choices =
		xcalloc(HASH_COUNT(inc->tables) + 1, sizeof(*choices));
	size_t count = 0;

	for (struct reading *table = inc->tables; table; table = table->hh.next)
		if (is_to_block(table))
			choices[count++] = (struct snapshot_choice){.relid = table->relid,
														.table = table->note.table,
														.filter = table->note.filter,
														.estimated = table->note.estimated};
	if (count > 0)
	{
		inc->events.blocking(inc->events.arg, choices, count);
		inc->allowed = false;
		for (struct reading *table = inc->tables; table; table = table->hh.next)
			if (is_to_block(table))
				reading_end(inc, table);
	}
	free(choices);
}

/* --- tables that were not captured before ---------------------------------------------------- */

/* What decides which tables are captured. */
static uint64_t
lists_hash(const struct config *cfg)
{
	uint64_t hash = fnv1a_text(FNV1A_START, cfg->tables.include ? cfg->tables.include : "");

	hash = fnv1a_text(hash, cfg->tables.exclude ? cfg->tables.exclude : "");
	return hash ? hash : 1;
}

/*
 * The first snapshot has the plugin describe all that are captured, so that they are known when
 * the lists have changed, even if it was not done by then.
 */
void
scout_know_lists(struct incremental *inc)
{
	if (inc->job.filters)
		return;
	inc->job.filters = lists_hash(inc->cfg);
	inc->job_dirty = true;
}

bool
scout_is_to_list(const struct incremental *inc)
{
	enum snapshot_mode mode = inc->cfg->snapshot.mode;

	return inc->has_progress && !inc->listed && inc->allowed &&
		   (mode == SNAPSHOT_INITIAL || mode == SNAPSHOT_WHEN_NEEDED) &&
		   inc->job.filters != lists_hash(inc->cfg);
}

static void
list_clear(struct scout_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((char *) list->tables[i].table);
	free(list->tables);
	oid_set_free(&list->captured);
	*list = (struct scout_list){0};
}

static void
scout_take_list(struct incremental *inc, const struct pg_result *res)
{
	struct scout_list *list = &inc->list;

	list->tables =
		xrealloc(list->tables, (list->count + (size_t) query_rows(res) + 1) * sizeof(*list->tables));
	for (int row = 0; row < query_rows(res); row++)
		list->tables[list->count++] = (struct snapshot_choice){
			.relid = (uint32_t) strtoul(query_field(res, row, SNAPSHOT_OID), NULL, 10),
			.table = xasprintf("%s.%s", query_field(res, row, SNAPSHOT_SCHEMA),
							   query_field(res, row, SNAPSHOT_TABLE)),
			.estimated = strtoll(query_field(res, row, SNAPSHOT_TUPLES), NULL, 10)};
}

static void
scout_ask_list(struct incremental *inc)
{
	struct buf sql = {0};

	list_clear(&inc->list);
	snapshot_sql_tables(&sql);
	scout_run(inc, SCOUT_LIST, &sql);
}

static void
scout_ask_description(struct incremental *inc)
{
	uint32_t  *relids = xmalloc((inc->list.count + 1) * sizeof(*relids));
	struct buf sql = {0};

	for (size_t i = 0; i < inc->list.count; i++)
		relids[i] = inc->list.tables[i].relid;
	nonce_make(inc->list_nonce);
	snapshot_sql_describe(&sql, inc->list_nonce, relids, inc->list.count);
	free(relids);
	scout_run(inc, SCOUT_DESCRIBE, &sql);
}

/*
 * A table that the stream has described has had its changes captured since it was made, or
 * since it was read.
 */
void
scout_on_relation(struct incremental *inc, uint32_t relid)
{
	if (inc->scouting == SCOUT_DESCRIBE || inc->scouting == SCOUT_DESCRIBED)
		oid_set_add(&inc->list.captured, relid);
	else if (inc->job.filters == lists_hash(inc->cfg) && !oid_set_has(&inc->job.known, relid))
	{
		oid_set_add(&inc->job.known, relid);
		inc->job_dirty = true;
		incremental_touch(inc);
	}
}

void
scout_on_described(struct incremental *inc, struct str nonce)
{
	if (nonce.len != NONCE_LEN || memcmp(inc->list_nonce, nonce.data, NONCE_LEN) != 0)
		return;
	*inc->list_nonce = '\0';
	if (inc->scouting == SCOUT_DESCRIBED)
		inc->scouting = SCOUT_TOLD;
	loop_timer_set(inc->loop, &inc->work, 0);
}

/* Those that are new are read; where no lists are known, nothing is. */
static void
scout_listed(struct incremental *inc)
{
	bool knows = inc->job.filters != 0;

	for (size_t i = 0; i < inc->list.count; i++)
	{
		const struct snapshot_choice *choice = &inc->list.tables[i];
		struct reading               *table = reading_find(inc, choice->relid);

		if (!knows || table || !oid_set_has(&inc->list.captured, choice->relid) ||
			oid_set_has(&inc->job.known, choice->relid))
			continue;
		log_info("table \"%s\" is captured now, and was not before: its rows are read",
				 choice->table);
		table = reading_add(inc, choice->relid);
		table->note.table = xstrdup(choice->table);
		table->note.signal = xstrdup(SIGNAL_OF_LISTS);
		table->note.estimated = choice->estimated;
		table->dirty = true;
	}
	oid_set_free(&inc->job.known);
	inc->job.known = inc->list.captured;
	inc->list.captured = (struct oid_set){0};
	inc->job.filters = lists_hash(inc->cfg);
	inc->job_dirty = inc->listed = true;
	list_clear(&inc->list);
	inc->scouting = SCOUT_FREE;
	incremental_touch(inc);
}

/* What was asked for may have come already, or come again: it is asked for anew. */
void
scout_stream_stopped(struct incremental *inc)
{
	if (inc->scouting >= SCOUT_DESCRIBE)
		scout_disconnect(inc);
}

/* --- the connection ---------------------------------------------------------------------------- */

void
scout_step(struct incremental *inc)
{
	struct reading *table;

	if (inc->scouting == SCOUT_TOLD)
		scout_listed(inc);
	if (inc->scouting != SCOUT_FREE)
		return;
	if (inc->behind && reading_find(inc, inc->behind) == NULL)
		inc->behind = 0;
	if (inc->job.nsignals > 0 && inc->behind == 0)
		scout_look_up(inc);
	else if ((table = scout_unchecked(inc)) != NULL)
		scout_ask_name(inc, table);
	else if (scout_is_to_list(inc))
		scout_ask_list(inc);
	else
		scout_begin_blocking(inc);
}

void
scout_connect(struct incremental *inc)
{
	if (inc->scouting != SCOUT_OFF || inc->scout_retry.due_ms != 0)
		return;
	inc->scouting = SCOUT_SETTINGS;
	query_connect(inc->scout, *inc->primary, PG_SQL);
}

void
scout_disconnect(struct incremental *inc)
{
	query_disconnect(inc->scout);
	inc->scouting = SCOUT_OFF;
	snapshot_signal_free(&inc->signal);
	list_clear(&inc->list);
}

/* What is streamed is a standby: its primary may be given.  False: it is not. */
static bool
scout_try_other(struct incremental *inc)
{
	if (inc->primary != &inc->cfg->source.conninfo || *inc->cfg->snapshot.conninfo == '\0')
		return false;
	inc->primary = &inc->cfg->snapshot.conninfo;
	loop_timer_set(inc->loop, &inc->work, 0);
	return true;
}

static void
scout_retry(struct incremental *inc, const struct err *e)
{
	scout_disconnect(inc);
	inc->primary = &inc->cfg->source.conninfo;
	inc->other = false;
	log_err(LOG_WARN, e, "the incremental snapshot is tried again in %d s; changes stream meanwhile",
			RETRY_S);
	loop_timer_set(inc->loop, &inc->scout_retry, RETRY_S * 1000);
}

static void
on_ready(void *arg)
{
	struct incremental *inc = arg;
	struct buf          sql = {0};

	incremental_sql_session(&sql, *inc->cfg->snapshot.conninfo != '\0');
	scout_run(inc, SCOUT_SETTINGS, &sql);
}

/* The source says which cluster it is of; whoever is asked instead has to be of the same. */
static void
scout_take_system(struct incremental *inc, const struct pg_result *res)
{
	const char *system = query_field(res, 0, 0);

	if (query_columns(res) != 1 || query_rows(res) != 1)
		return;
	if (inc->primary == &inc->cfg->source.conninfo)
		snprintf(inc->system, sizeof(inc->system), "%s", system);
	else
		inc->other = strcmp(inc->system, system) != 0;
}

/* False: it is not one that can be asked. */
static bool
scout_check_server(struct incremental *inc)
{
	struct err e;

	if (inc->other)
		conninfo_of_another(&e);
	else if (!query_facts(inc->scout)->in_recovery)
		return true;
	else if (scout_try_other(inc))
	{
		scout_disconnect(inc);
		return false;
	}
	else
	{
		err_set(&e, ERR_CONFIG, E1241, "a snapshot needs the primary");
		err_hint(&e, "source.conninfo is a standby: set snapshot.conninfo to its primary.");
	}
	scout_retry(inc, &e);
	return false;
}

static void
on_result(void *arg, const struct pg_result *res)
{
	struct incremental *inc = arg;
	struct reading     *table;

	switch (inc->scouting)
	{
		case SCOUT_SETTINGS: scout_take_system(inc, res); break;
		case SCOUT_VIEW:
			if (query_columns(res) != 2 || query_rows(res) != 1)
				break;
			inc->has_view = xid_view_read(query_field(res, 0, 0), &inc->hidden);
			xid_view_forget(&inc->hidden, query_field(res, 0, 1));
			break;
		case SCOUT_TABLES:
			for (int row = 0; row < query_rows(res) && inc->behind == 0; row++)
				scout_must_wait(inc, res, row);
			for (int row = 0; row < query_rows(res) && inc->behind == 0; row++)
				scout_take_table(inc, res, row);
			break;
		case SCOUT_NAME:
			table = reading_find(inc, inc->checking);
			inc->nfound = (uint32_t) query_rows(res);
			if (table == NULL || inc->nfound == 0)
				break;
			free(table->schema);
			free(table->name);
			table->schema = xstrdup(query_field(res, 0, SNAPSHOT_SCHEMA));
			table->name = xstrdup(query_field(res, 0, SNAPSHOT_TABLE));
			break;
		case SCOUT_LIST: scout_take_list(inc, res); break;
		default: break;
	}
}

static void
scout_ask_view(struct incremental *inc)
{
	struct buf sql = {0};

	incremental_sql_view(&sql);
	scout_run(inc, SCOUT_VIEW, &sql);
}

static void
on_done(void *arg, bool failed, const char *state, const struct err *e)
{
	struct incremental *inc = arg;

	if (failed && inc->scouting == SCOUT_TABLES && strncmp(state, "22", 2) == 0)
		scout_refuse_signal(inc, state);
	else if (inc->scouting == SCOUT_FILTER && (!failed || strncmp(state, "08", 2) != 0))
		scout_took_filter(inc, failed, state);
	else if (failed)
		scout_retry(inc, e);
	else
		switch (inc->scouting)
		{
			case SCOUT_SETTINGS:
				if (!scout_check_server(inc))
					return;
				if (!inc->has_view)
				{
					scout_ask_view(inc);
					return;
				}
				inc->scouting = SCOUT_FREE;
				break;
			case SCOUT_VIEW: inc->scouting = SCOUT_FREE; break;
			case SCOUT_TABLES:
				if (inc->behind == 0)
					scout_signal_done(inc, true);
				snapshot_signal_free(&inc->signal);
				inc->scouting = SCOUT_FREE;
				break;
			case SCOUT_NAME: scout_ask_filter(inc); break;
			case SCOUT_LIST: scout_ask_description(inc); break;
			case SCOUT_DESCRIBE:
				inc->scouting = *inc->list_nonce ? SCOUT_DESCRIBED : SCOUT_TOLD;
				break;
			default: break;
		}
	incremental_step(inc);
}

static void
on_lost(void *arg, const struct err *e)
{
	scout_retry(arg, e);
}

void
scout_new(struct incremental *inc)
{
	const struct query_events events = {
		.ready = on_ready, .result = on_result, .done = on_done, .lost = on_lost, .arg = inc};

	inc->scout = query_new(inc->loop, inc->cfg, &events);
}

void
scout_free(struct incremental *inc)
{
	scout_disconnect(inc);
	query_free(inc->scout);
}
