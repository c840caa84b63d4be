/*
 * incremental_read.c
 *		The connections of an incremental snapshot; see incremental.h.
 *
 *		table ─> describe ─> described ─> text, filter ─> look ─> last ─> chunk, chunk ...
 *
 * One connection is busy with one table: reader_go_on() asks for whatever is not known of
 * it yet.  A chunk need not be sent before the next one is read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crash_point.h"
#include "incremental_parts.h"
#include "log.h"
#include "snapshot_sql.h"

#define RETRY_MS 1000
#define OTHER_RETRY_MS 60000

/* Rows come from the standby, if there is one; what they are like is the primary's to say. */
static struct query *
reader_query(const struct piece_reader *rdr, enum step step)
{
	bool rows = step == STEP_SETTINGS || step == STEP_LAST || step == STEP_BOUND || step == STEP_CHUNK;

	return rdr->standby && !rows ? rdr->source : rdr->query;
}

void
reader_run(struct piece_reader *rdr, enum step step, struct buf *sql)
{
	rdr->step = step;
	rdr->found = rdr->looked = rdr->changed = rdr->hidden = rdr->too_large = false;
	rdr->replayed = 0;
	query_run(reader_query(rdr, step), buf_cstr(sql), PG_LOOK);
	buf_free(sql);
}

struct piece_query
piece_query_of(const struct reading *table)
{
	return (struct piece_query){.tbl = table->tbl,
								.relid = table->relid,
								.schema = table->schema,
								.name = table->name,
								.filter = table->filter};
}

/* --- what is asked ---------------------------------------------------------------- */

/* Columns that are left out of a row whose key is wanted alone. */
static bool *
keys_alone(const struct table *tbl)
{
	bool *others = xmalloc((tbl->ncolumns + 1) * sizeof(*others));

	for (uint32_t i = 0; i < tbl->ncolumns; i++)
		others[i] = true;
	for (uint32_t i = 0; i < tbl->nkey; i++)
		others[tbl->key[i]] = false;
	return others;
}

static void
reader_ask_last(struct piece_reader *rdr)
{
	struct piece_query query = piece_query_of(rdr->table);
	struct buf         sql = {0};

	bool              *others = keys_alone(rdr->table->tbl);

	rdr->piece = piece_new(rdr->inc, rdr->table);
	rdr->piece->left_out = others;
	query.standby = rdr->standby;
	incremental_sql_last(&sql, &query, rdr->table->range, others);
	reader_run(rdr, STEP_LAST, &sql);
}

/* Few rows of many may meet a condition: a chunk has so many rows before it is looked at. */
static void
reader_ask_bound(struct piece_reader *rdr)
{
	struct reading    *table = rdr->table;
	struct piece_query query = piece_query_of(table);
	struct buf         sql = {0};

	rdr->piece = piece_new(rdr->inc, table);
	rdr->piece->left_out = keys_alone(table->tbl);
	query.standby = rdr->standby;
	incremental_sql_bound(&sql, &query, table->range, &table->next, table->limit,
						  rdr->piece->left_out);
	reader_run(rdr, STEP_BOUND, &sql);
}

/* The next rows; or a single column of the next one, to see whether the server can send it. */
static void
reader_ask_chunk(struct piece_reader *rdr)
{
	struct reading    *table = rdr->table;
	struct piece_query query = piece_query_of(table);
	struct piece_range range = {.range = table->range,
								.after = &table->next,
								.upto = table->note.filter ? &table->bound : &table->note.upto,
								.rows = table->note.filter ? 0 : table->limit,
								.left_out = table->left_out,
								.nonce = rdr->inc->nonce};
	uint32_t           count = table->tbl->ncolumns;
	bool              *others = NULL;
	struct buf         sql = {0};

	if (table->probing)
	{
		range.left_out = others = xmalloc((count + 1) * sizeof(*others));
		for (uint32_t i = 0; i < count; i++)
			others[i] = i != table->probed;
	}
	else
	{
		rdr->piece = piece_new(rdr->inc, table);
		range.number = rdr->piece->number;
	}
	query.standby = rdr->standby;
	incremental_sql_chunk(&sql, &query, &range);
	reader_run(rdr, STEP_CHUNK, &sql);
	free(others);
	CRASH_POINT(incremental_chunk_asked);
}

/* The table must still be what it was, or nothing is said of its rows. */
void
reader_ask_seal(struct piece_reader *rdr)
{
	struct piece_query query = piece_query_of(rdr->table);
	struct buf         sql = {0};

	incremental_sql_seal(&sql, &query, rdr->inc->nonce, rdr->piece->number);
	reader_run(rdr, STEP_SEAL, &sql);
}

/* --- which table, and what of it ---------------------------------------------------- */

static void
reader_disconnect(struct piece_reader *rdr)
{
	query_disconnect(rdr->query);
	query_disconnect(rdr->source);
	rdr->step = STEP_OFF;
}

void
reader_leave(struct piece_reader *rdr)
{
	bool busy = rdr->step != STEP_FREE && rdr->step != STEP_DESCRIBED;

	if (rdr->piece)
		piece_free(rdr->inc, rdr->piece);
	rdr->piece = NULL;
	if (rdr->table)
		rdr->table->reader = NULL;
	rdr->table = NULL;
	if (rdr->step == STEP_DESCRIBED)
		rdr->step = STEP_FREE;
	else if (busy && rdr->step != STEP_OFF && rdr->step != STEP_SETTINGS)
	{
		/* What it is being told is of no use. */
		reader_disconnect(rdr);
		loop_timer_set(rdr->inc->loop, &rdr->inc->work, 0);
	}
}

/* Chunks in memory: as many again as are being read, and a few. */
static bool
incremental_has_room(const struct incremental *inc)
{
	return incremental_pieces(inc, NULL, PIECE_SENDING) < 2 * inc->nreaders + 2;
}

/* The stream is not held: whatever it waits for, nothing else has to end. */
static bool
incremental_may_read(struct incremental *inc)
{
	enum gentle_reason why;

	inc->waits = !gentle_may_read(inc->gentle, loop_now_ms(), &why);
	return !inc->waits;
}

static bool
reading_may_be_read(const struct incremental *inc, const struct reading *table, int64_t now_ms)
{
	return table->reader == NULL && !table->note.blocking && !table->ended && !table->stopped &&
		   !table->changed &&
		   table->retry_ms <= now_ms && !inc->job.paused;
}

/* Those that were begun first come first. */
static struct reading *
incremental_next_table(struct incremental *inc)
{
	int64_t         now_ms = loop_now_ms();
	int64_t         due_ms = 0;
	struct reading *table;

	for (table = inc->tables; table; table = table->hh.next)
	{
		if (reading_may_be_read(inc, table, now_ms))
			return table;
		if (table->retry_ms > now_ms && (due_ms == 0 || table->retry_ms < due_ms))
			due_ms = table->retry_ms;
	}
	if (due_ms)
		loop_timer_set(inc->loop, &inc->again, due_ms - now_ms);
	return NULL;
}

/* Asks for what is not known of its table yet. */
static void
reader_go_on(struct piece_reader *rdr)
{
	struct reading *table = rdr->table;

	if (table->stopped || table->changed || table->ended || rdr->inc->job.paused)
		reader_leave(rdr);
	else if (table->fingerprint == NULL)
		reader_ask_table(rdr);
	else if (!table->described)
		reader_ask_description(rdr);
	else if (table->tbl == NULL)
	{
		log_warn("table \"%s\" is not captured: its snapshot ends", table->note.table);
		reading_end(rdr->inc, table);
	}
	else if (!reader_check_key(rdr))
		return;
	else if (table->note.filter && table->filter == NULL)
		reader_ask_text(rdr);
	else if (table->note.filter && !table->filter_checked)
		reader_ask_filter(rdr);
	else if (table->range == NULL)
		reader_ask_order(rdr);
	else if (table->note.upto.len == 0)
		reader_ask_last(rdr);
	else if (!incremental_has_room(rdr->inc) || !incremental_may_read(rdr->inc))
		rdr->step = STEP_FREE;
	else if (table->note.filter && table->bound.len == 0)
		reader_ask_bound(rdr);
	else
		reader_ask_chunk(rdr);
}

static bool
reader_is_wanted(struct incremental *inc, struct piece_reader *rdr)
{
	if (rdr->table == NULL)
		rdr->table = incremental_next_table(inc);
	if (rdr->table)
		rdr->table->reader = rdr;
	return rdr->table != NULL;
}

void
incremental_feed(struct incremental *inc)
{
	inc->waits = false;
	for (unsigned i = 0; i < inc->nreaders; i++)
	{
		struct piece_reader *rdr = &inc->readers[i];

		if (rdr->step == STEP_OFF && rdr->retry.due_ms == 0 && reader_is_wanted(inc, rdr))
		{
			rdr->step = STEP_SETTINGS;
			query_connect(rdr->query,
						  *inc->cfg->snapshot.conninfo ? inc->cfg->snapshot.conninfo
													   : inc->cfg->source.conninfo,
						  PG_SQL);
		}
		else if (rdr->step == STEP_FREE && reader_is_wanted(inc, rdr))
			reader_go_on(rdr);
		else if (rdr->step == STEP_DESCRIBED && rdr->table->described)
			reader_go_on(rdr);
	}
}

/* --- events ------------------------------------------------------------------------------ */

static void
on_reader_ready(void *arg)
{
	struct piece_reader   *rdr = arg;
	const struct pg_facts *facts = query_facts(rdr->query);
	struct buf             sql = {0};

	rdr->standby = facts->in_recovery;
	rdr->other = false;
	snapshot_sql_session(&sql, facts->encoding, *rdr->inc->cfg->snapshot.conninfo != '\0');
	reader_run(rdr, STEP_SETTINGS, &sql);
}

/* The same of the other one, which is connected behind it. */
static void
on_source_ready(void *arg)
{
	struct piece_reader   *rdr = arg;
	const struct pg_facts *facts = query_facts(rdr->source);
	struct buf             sql = {0};

	snapshot_sql_session(&sql, facts->encoding, false);
	query_run(rdr->source, buf_cstr(&sql), PG_LOOK);
	buf_free(&sql);
}

static void
on_reader_done(void *arg, bool failed, const char *state, const struct err *e)
{
	struct piece_reader *rdr = arg;

	if (failed && rdr->table && rdr->step != STEP_SETTINGS)
		reader_failed(rdr, state, e);
	else if (failed || (rdr->step == STEP_SETTINGS && rdr->other))
	{
		struct err other;

		if (rdr->other)
			conninfo_of_another(&other);
		log_err(LOG_WARN, rdr->other ? &other : e, "the connection is made again");
		reader_leave(rdr);
		reader_disconnect(rdr);
		loop_timer_set(rdr->inc->loop, &rdr->retry, rdr->other ? OTHER_RETRY_MS : RETRY_MS);
		return;
	}
	else if (rdr->step == STEP_SETTINGS && rdr->standby && !query_is_ready(rdr->source))
	{
		query_connect(rdr->source, *rdr->inc->primary, PG_SQL);
		return;
	}
	else if (rdr->step == STEP_SETTINGS)
		rdr->step = STEP_FREE;
	else
		reader_done(rdr);
	incremental_step(rdr->inc);
}

static void
on_reader_lost(void *arg, const struct err *e)
{
	struct piece_reader *rdr = arg;
	struct incremental  *inc = rdr->inc;

	reader_disconnect(rdr);
	reader_leave(rdr);
	log_err(LOG_WARN, e, "a connection of the snapshot is made again");
	CRASH_POINT(incremental_reader_lost);
	loop_timer_set(inc->loop, &rdr->retry, RETRY_MS);
	incremental_step(inc);
}

static void
on_reader_retry(void *arg)
{
	struct piece_reader *rdr = arg;

	incremental_step(rdr->inc);
}

/* --- the objects ------------------------------------------------------------------------------ */

void
incremental_disconnect(struct incremental *inc)
{
	for (unsigned i = 0; i < inc->nreaders; i++)
	{
		struct piece_reader *rdr = &inc->readers[i];

		reader_leave(rdr);
		reader_disconnect(rdr);
		loop_timer_clear(inc->loop, &rdr->retry);
	}
}

void
incremental_readers_new(struct incremental *inc)
{
	inc->nreaders = inc->cfg->snapshot.max_threads;
	inc->readers = xcalloc(inc->nreaders, sizeof(*inc->readers));
	for (unsigned i = 0; i < inc->nreaders; i++)
	{
		struct piece_reader *rdr = &inc->readers[i];
		struct query_events  events = {.ready = on_reader_ready,
									   .result = reader_on_result,
									   .copied = reader_on_copied,
									   .done = on_reader_done,
									   .lost = on_reader_lost,
									   .arg = rdr};

		rdr->inc = inc;
		rdr->retry = (struct loop_timer){.cb = on_reader_retry, .arg = rdr};
		rdr->query = query_new(inc->loop, inc->cfg, &events);
		events.ready = on_source_ready;
		rdr->source = query_new(inc->loop, inc->cfg, &events);
	}
}

void
incremental_readers_free(struct incremental *inc)
{
	incremental_disconnect(inc);
	for (unsigned i = 0; i < inc->nreaders; i++)
	{
		query_free(inc->readers[i].query);
		query_free(inc->readers[i].source);
	}
	free(inc->readers);
}
