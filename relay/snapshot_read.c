/*
 * snapshot_read.c
 *		The connections of a snapshot; see snapshot.h.
 *
 * The first reader also asks what there is; the control connection makes the temporary slot
 * and then keeps still, because the exported snapshot lives as long as it says nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crash_point.h"
#include "log.h"
#include "snapshot_parts.h"
#include "sqlstate.h"

#define BATCH_ROWS_BYTES ((uint64_t) 4 << 20) /* that a batch should have */
#define BATCH_MAX_BYTES ((size_t) 16 << 20)   /* that it is given up at */
#define RETRY_MS 1000
#define LOSSES_MAX 5
#define WAIT_TOGETHER_S 5 /* for transactions under way, with the stream */
#define WAIT_ALONE_S 600  /* and without it, before that is said again */

/* --- the first questions ------------------------------------------------------- */

static void
reader_run(struct reader *rdr, struct buf *sql)
{
	query_run(rdr->query, buf_cstr(sql), PG_LOOK);
	buf_free(sql);
}

void
snapshot_ask_tables(struct snapshot *snap)
{
	struct buf sql = {0};

	snapshot_sql_tables(&sql);
	reader_run(&snap->readers[0], &sql);
}

void
snapshot_ask_description(struct snapshot *snap, const uint32_t *relids, size_t count)
{
	struct buf sql = {0};

	snapshot_sql_describe(&sql, snap->nonce, relids, count);
	reader_run(&snap->readers[0], &sql);
	CRASH_POINT(snapshot_describing);
}

static void
snapshot_look(struct snapshot *snap)
{
	struct buf sql = {0};

	snap->stage = STAGE_LOOKING;
	snapshot_sql_look(&sql, snap->exported);
	reader_run(&snap->readers[0], &sql);
}

/* --- the exported snapshot ----------------------------------------------------- */

void
snapshot_export(struct snapshot *snap)
{
	snap->stage = STAGE_EXPORTING;
	query_connect(snap->control, *snap->conninfo, PG_REPLICATION);
}

/*
 * The server waits for each transaction that is under way, and the stream with it: not for
 * long.  Longer than that it waits without the stream, and what it makes then is of no use
 * but that these transactions have ended.
 */
static void
on_control_ready(void *arg)
{
	struct snapshot *snap = arg;
	char            *sql =
		xasprintf("SET lock_timeout = '%us'", snap->waiting ? WAIT_ALONE_S : WAIT_TOGETHER_S);

	query_run(snap->control, sql, PG_LOOK);
	free(sql);
}

static void
on_control_result(void *arg, const struct pg_result *res)
{
	struct snapshot *snap = arg;

	if (query_rows(res) == 0)
		return;
	snap->lsn = pg_lsn_parse(query_field(res, 0, 1));
	snap->exported = xstrdup(query_field(res, 0, 2));
	CRASH_POINT(snapshot_answered);
}

/* Transactions do not end: changes go on meanwhile. */
static void
snapshot_wait_alone(struct snapshot *snap)
{
	struct err e;

	err_set(&e, ERR_TRANSIENT, E1299, "transactions under way keep the snapshot from beginning");
	err_hint(&e, "End them, or wait: SELECT pid, usename, state, xact_start, query FROM "
				 "pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start; and "
				 "SELECT * FROM pg_prepared_xacts;");
	log_err(LOG_WARN, &e, "it begins once they have ended; changes stream meanwhile");
	snap->waiting = true;
	pipeline_hold(snap->pl, 0);
	snap->events.released(snap->events.arg);
	on_control_ready(snap);
}

static void
snapshot_create_slot(struct snapshot *snap)
{
	char      *slot = xasprintf("walrelay_snapshot_%.16s", snap->nonce);
	struct buf sql = {0};

	/* What the stream brings from here on may be behind the position that we will get. */
	if (!snap->waiting)
		pipeline_hold(snap->pl, 1);
	snapshot_sql_export(&sql, slot, snap->cfg->slot.plugin);
	query_run(snap->control, buf_cstr(&sql), PG_CREATE);
	buf_free(&sql);
	free(slot);
	CRASH_POINT(snapshot_exporting);
}

/* The slot could not be made. */
static void
snapshot_lacks_slot(struct snapshot *snap, const struct err *why)
{
	struct err e = *why;

	if (e.code == E1213)
		err_hint(&e, "A snapshot needs one replication slot and one walsender more while it runs.  %s",
				 why->hint);
	snapshot_trouble(snap, &e);
}

static void
on_control_done(void *arg, bool failed, const char *state, const struct err *e)
{
	struct snapshot *snap = arg;

	if (failed && strcmp(state, "55P03") == 0)
		snapshot_wait_alone(snap);
	else if (failed)
		snapshot_lacks_slot(snap, e);
	else if (snap->exported == NULL)
		snapshot_create_slot(snap);
	else if (!snap->waiting)
		snapshot_on_exported(snap);
	else
	{
		/* The stream may have passed its position. */
		snap->waiting = false;
		free(snap->exported);
		snap->exported = NULL;
		snap->lsn = 0;
		query_disconnect(snap->control);
		snapshot_export(snap);
	}
}

void
snapshot_on_exported(struct snapshot *snap)
{
	pipeline_hold(snap->pl, snap->lsn);
	CRASH_POINT(snapshot_exported);
	snap->events.released(snap->events.arg);
	snapshot_look(snap);
}

static void
on_control_lost(void *arg, const struct err *e)
{
	snapshot_trouble(arg, e);
}

/* --- a chunk ------------------------------------------------------------------- */

/* What it was reading comes again. */
static void
reader_give_back(struct reader *rdr)
{
	struct batch *batch = rdr->batch;

	rdr->batch = NULL;
	if (batch == NULL)
		return;
	chunk_plan_return(&batch->table->plan, &batch->chunk, rdr->too_large);
	rdr->too_large = false;
	snapshot_batch_free(rdr->snap, batch);
}

/* The rows of its batch, without these columns. */
static void
reader_run_chunk(struct reader *rdr, const bool *left_out)
{
	const struct batch      *batch = rdr->batch;
	const struct snap_table *table = batch->table;
	struct buf               sql = {0};
	struct chunk_query       query = {.snapshot = rdr->snap->exported,
									  .tbl = table->tbl,
									  .relid = table->relid,
									  .schema = table->schema,
									  .name = table->name,
									  .filter = table->note.filter,
									  .range = batch->chunk.range,
									  .newer_than = batch->chunk.again ? table->note.xmin : 0,
									  .left_out = left_out};

	buf_reset(&rdr->batch->rows); /* of an attempt before */
	rdr->batch->count = 0;
	rdr->ended = rdr->changed = rdr->too_large = false;
	snapshot_sql_chunk(&sql, &query);
	query_run(rdr->query, buf_cstr(&sql), PG_LOOK);
	buf_free(&sql);
}

static void
reader_read(struct reader *rdr, struct snap_table *table, const struct chunk *chunk)
{
	rdr->batch = snapshot_batch_new(rdr->snap, table, chunk);
	rdr->probing = false;
	reader_run_chunk(rdr, NULL);
}

/*
 * A row has a value that the server cannot send: which column's, trying one says; then the
 * row without those.
 */
static void
reader_probe(struct reader *rdr)
{
	struct batch *batch = rdr->batch;
	uint32_t      count = batch->table->tbl->ncolumns;
	bool         *others;

	rdr->probing = rdr->probed < count;
	if (!rdr->probing)
	{
		reader_run_chunk(rdr, batch->left_out);
		return;
	}
	others = xmalloc(count * sizeof(*others));
	for (uint32_t i = 0; i < count; i++)
		others[i] = i != rdr->probed;
	reader_run_chunk(rdr, others);
	free(others);
}

/* False: it is not known, or not of a value. */
static bool
reader_narrow(struct reader *rdr)
{
	struct batch *batch = rdr->batch;

	if (!chunk_is_smallest(&batch->chunk))
	{
		rdr->too_large = true; /* to have the row alone */
		reader_give_back(rdr);
		return true;
	}
	if (rdr->probing)
		batch->left_out[rdr->probed++] = true;
	else if (batch->left_out == NULL)
	{
		batch->left_out = xcalloc(batch->table->tbl->ncolumns + 1, sizeof(*batch->left_out));
		rdr->probed = 0;
	}
	else
		return false;
	reader_probe(rdr);
	return true;
}

/* A table that has something to be read; tables that have not are passed over once. */
static bool
snapshot_next_chunk(struct snapshot *snap, struct snap_table **found, struct chunk *chunk)
{
	struct chunk_limits limits = {.rows = gentle_chunk_rows(snap->gentle,
															snap->cfg->snapshot.chunk_rows),
								  .bytes = BATCH_ROWS_BYTES};

	while (snap->next_table && snap->next_table->state != TABLE_READING)
		snap->next_table = snap->next_table->hh.next;
	for (struct snap_table *table = snap->next_table; table; table = table->hh.next)
		if (table->state == TABLE_READING && chunk_plan_next(&table->plan, &limits, chunk))
		{
			*found = table;
			return true;
		}
	return false;
}

void
snapshot_feed(struct snapshot *snap)
{
	for (unsigned i = 0; i < snap->nreaders && snap->stage == STAGE_COPYING; i++)
	{
		struct reader     *rdr = &snap->readers[i];
		struct snap_table *table;
		struct chunk       chunk;

		if (rdr->prepared && rdr->batch == NULL && snapshot_has_room(snap) &&
			snapshot_may_read(snap) && snapshot_next_chunk(snap, &table, &chunk))
			reader_read(rdr, table, &chunk);
	}
}

static void
reader_disconnect(struct reader *rdr)
{
	loop_timer_clear(rdr->snap->loop, &rdr->retry);
	query_disconnect(rdr->query);
	rdr->prepared = false;
	reader_give_back(rdr);
}

/* The table is not what was described: what is left of it is read in the next round. */
static void
reader_table_changed(struct reader *rdr)
{
	struct snap_table *table = rdr->batch->table;
	struct err         e;

	reader_give_back(rdr);
	err_set(&e, ERR_TRANSIENT, E1243, "table \"%s\" has changed during the snapshot",
			table->note.table);
	err_detail(&e, "It was altered, truncated, rewritten, renamed or dropped.");
	snapshot_table_failed(rdr->snap, table, &e);
}

/* A statement of the chunk failed. */
static void
reader_failed(struct reader *rdr, const char *state, const struct err *why)
{
	struct snap_table *table = rdr->batch->table;
	struct err         e = *why;

	if (sqlstate_is_gone(state))
	{
		reader_table_changed(rdr);
		return;
	}
	/* The exported snapshot is not there. */
	if (!query_has_copied(rdr->query) &&
		(strcmp(state, "22023") == 0 || strcmp(state, "42704") == 0))
	{
		reader_give_back(rdr);
		e.class = ERR_TRANSIENT;
		snapshot_trouble(rdr->snap, &e);
		return;
	}
	if (sqlstate_is_of_a_value(state) && reader_narrow(rdr))
		return;
	reader_give_back(rdr);
	err_set(&e, ERR_TRANSIENT, E1242, "table \"%s\" cannot be read (SQLSTATE %s)",
			table->note.table, state);
	if (!sqlstate_is_of_a_value(state))
		err_detail(&e, "%s", why->detail);
	err_hint(&e, "%s",
			 strcmp(state, "42501") == 0
				 ? "Grant the role SELECT on it, and USAGE on its schema."
				 : "Put right what the server says, or leave the table out with "
				   "table.exclude.list; the server's log says more.");
	snapshot_table_failed(rdr->snap, table, &e);
}

static void
reader_finish(struct reader *rdr)
{
	struct batch *batch = rdr->batch;

	if (rdr->changed || !rdr->ended)
	{
		reader_table_changed(rdr);
		return;
	}
	if (rdr->probing)
	{
		rdr->probed++;
		reader_probe(rdr);
		return;
	}
	rdr->batch = NULL;
	rdr->losses = 0;
	gentle_took(rdr->snap->gentle, batch->count, loop_now_ms());
	chunk_plan_finish(&batch->table->plan, &batch->chunk, batch->count, batch->rows.len,
					  rdr->blocks);
	CRASH_POINT(snapshot_chunk_read);
	snapshot_batch_ready(rdr->snap, batch);
}

/* --- answers ------------------------------------------------------------------- */

static void
on_reader_ready(void *arg)
{
	struct reader         *rdr = arg;
	const struct pg_facts *facts = query_facts(rdr->query);
	struct buf             sql = {0};

	snapshot_sql_session(&sql, facts->encoding, *rdr->snap->cfg->snapshot.conninfo != '\0');
	reader_run(rdr, &sql);
}

static void
reader_take_looked(struct snapshot *snap, const struct pg_result *res)
{
	if (query_columns(res) == 2 && query_rows(res) == 1)
	{
		snap->xmin = (uint32_t) strtoull(query_field(res, 0, 0), NULL, 10);
		snap->stamp = (struct stamp){.xid = snap->xid,
									 .commit_us = strtoll(query_field(res, 0, 1), NULL, 10)};
	}
	for (int row = 0; query_columns(res) == 1 && row < query_rows(res); row++)
		snapshot_on_seen(snap, (uint32_t) strtoul(query_field(res, row, 0), NULL, 10));
}

/* The source says it first; then whoever is asked instead has to be of the same cluster. */
static void
snapshot_take_system(struct snapshot *snap, const struct pg_result *res)
{
	if (query_columns(res) != 1 || query_rows(res) != 1)
		return;
	if (snap->conninfo == &snap->cfg->source.conninfo)
		snprintf(snap->system, sizeof(snap->system), "%s", query_field(res, 0, 0));
	else
		snap->other = strcmp(snap->system, query_field(res, 0, 0)) != 0;
}

static void
on_reader_result(void *arg, const struct pg_result *res)
{
	struct reader   *rdr = arg;
	struct snapshot *snap = rdr->snap;

	if (!rdr->prepared)
	{
		snapshot_take_system(snap, res);
		return;
	}
	if (rdr->batch && query_columns(res) == 2)
	{
		rdr->ended = query_rows(res) == 1;
		rdr->changed =
			!rdr->ended || strcmp(query_field(res, 0, 0), rdr->batch->table->fingerprint) != 0;
		rdr->blocks = rdr->ended ? strtoull(query_field(res, 0, 1), NULL, 10) : 0;
	}
	else if (snap->stage == STAGE_LISTING)
		for (int row = 0; row < query_rows(res); row++)
			snapshot_on_table(snap, res, row);
	else if (snap->stage == STAGE_LOOKING)
		reader_take_looked(snap, res);
}

/* A row may be larger than memory likes; several that are come one by one. */
static void
on_reader_copied(void *arg, struct str message)
{
	struct reader *rdr = arg;

	if (rdr->batch == NULL || rdr->probing)
		return;
	batch_take(rdr->batch, message);
	if (rdr->batch->rows.len <= BATCH_MAX_BYTES || chunk_is_smallest(&rdr->batch->chunk))
		return;
	rdr->too_large = true;
	reader_disconnect(rdr); /* to read what it still sends would take longer */
	loop_timer_set(rdr->snap->loop, &rdr->retry, 0);
}

static void
on_reader_done(void *arg, bool failed, const char *state, const struct err *e)
{
	struct reader   *rdr = arg;
	struct snapshot *snap = rdr->snap;

	if (rdr->batch && failed)
		reader_failed(rdr, state, e);
	else if (rdr->batch)
		reader_finish(rdr);
	else if (failed)
	{
		snapshot_trouble(snap, e);
		return;
	}
	else if (!rdr->prepared)
		rdr->prepared = true;
	else if (snap->stage == STAGE_LISTING)
		snapshot_on_listed(snap);
	else if (snap->stage == STAGE_DESCRIBING)
		snap->emitted = true;
	else if (snap->stage == STAGE_LOOKING)
		snapshot_on_looked(snap);
	snapshot_step(snap);
}

static void
on_reader_lost(void *arg, const struct err *e)
{
	struct reader *rdr = arg;

	reader_disconnect(rdr);
	if (rdr->snap->stage != STAGE_COPYING || ++rdr->losses >= LOSSES_MAX)
	{
		snapshot_trouble(rdr->snap, e);
		return;
	}
	log_err(LOG_WARN, e, "a connection of the snapshot is made again");
	loop_timer_set(rdr->snap->loop, &rdr->retry, RETRY_MS);
}

static void
on_reader_retry(void *arg)
{
	struct reader *rdr = arg;

	query_connect(rdr->query, *rdr->snap->conninfo, PG_SQL);
}

/* --- the objects --------------------------------------------------------------- */

void
snapshot_connect_readers(struct snapshot *snap)
{
	for (unsigned i = 1; i < snap->nreaders; i++)
		query_connect(snap->readers[i].query, *snap->conninfo, PG_SQL);
}

void
snapshot_disconnect(struct snapshot *snap)
{
	for (unsigned i = 0; i < snap->nreaders; i++)
		reader_disconnect(&snap->readers[i]);
	query_disconnect(snap->control);
	free(snap->exported);
	snap->exported = NULL;
}

void
snapshot_readers_new(struct snapshot *snap)
{
	struct query_events control = {.ready = on_control_ready,
								   .result = on_control_result,
								   .done = on_control_done,
								   .lost = on_control_lost,
								   .arg = snap};

	snap->control = query_new(snap->loop, snap->cfg, &control);
	snap->nreaders = snap->cfg->snapshot.max_threads;
	snap->readers = xcalloc(snap->nreaders, sizeof(*snap->readers));
	for (unsigned i = 0; i < snap->nreaders; i++)
	{
		struct reader      *rdr = &snap->readers[i];
		struct query_events events = {.ready = on_reader_ready,
									  .result = on_reader_result,
									  .copied = on_reader_copied,
									  .done = on_reader_done,
									  .lost = on_reader_lost,
									  .arg = rdr};

		rdr->snap = snap;
		rdr->retry = (struct loop_timer){.cb = on_reader_retry, .arg = rdr};
		rdr->query = query_new(snap->loop, snap->cfg, &events);
	}
}

void
snapshot_readers_free(struct snapshot *snap)
{
	snapshot_disconnect(snap);
	for (unsigned i = 0; i < snap->nreaders; i++)
		query_free(snap->readers[i].query);
	free(snap->readers);
	query_free(snap->control);
}
