/*
 * incremental_answer.c
 *		What becomes of the answers to what is asked of a table: which of its rows count, and what
 *		is asked again; see incremental.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crash_point.h"
#include "incremental_parts.h"
#include "log.h"
#include "sqlstate.h"

#define HIDDEN_RETRY_MS 100
#define HIDDEN_RETRY_MAX_MS 1600
#define CHANGED_RETRY_MS 100
#define CHANGES_MAX 20 /* in a row */
#define PIECE_WANTED_BYTES ((size_t) 4 << 20) /* that a chunk should have */
#define PIECE_MAX_BYTES ((size_t) 16 << 20)   /* that it is given up at */
#define HIDDEN_WARN_MS 10000

/* --- answers ------------------------------------------------------------------------- */

/*
 * Whether the snapshot may have missed what was streamed before the window was opened.
 * Transactions that were in progress at the beginning, and are not any more, never will be
 * again.
 */
static bool
incremental_is_hidden(struct incremental *inc, struct piece *piece)
{
	struct xid_view *hidden = &inc->hidden;
	size_t           kept = 0;

	for (size_t i = 0; i < hidden->nxips; i++)
		if (!xid_view_sees(&piece->view, hidden->xips[i]))
			hidden->xips[kept++] = hidden->xips[i];
	hidden->nxips = kept;
	return kept > 0 || xid_ring_was_before(inc->ring, piece->mark, &piece->view);
}

static void
reader_take_look(struct piece_reader *rdr, const struct pg_result *res)
{
	struct piece *piece = rdr->piece;

	rdr->looked = true;
	rdr->changed =
		strcmp(query_field(res, 0, PIECE_FINGERPRINT), rdr->table->fingerprint) != 0;
	if (!rdr->changed)
		reader_take_order(rdr, query_field(res, 0, PIECE_KEY));
	if (piece == NULL || rdr->step == STEP_SEAL)
		return;
	/* A standby does not say which transactions are in progress: all changes count. */
	if (rdr->standby)
		rdr->hidden = rdr->replayed < piece->reached;
	else
		piece->looked = xid_view_read(query_field(res, 0, PIECE_VIEW), &piece->view);
	piece->stamp = (struct stamp){
		.snapshot = SNAPSHOT_INCREMENTAL,
		.commit_us = strtoll(query_field(res, 0, PIECE_CLOCK), NULL, 10)};
	if (!rdr->standby)
		rdr->hidden = !piece->looked || incremental_is_hidden(rdr->inc, piece);
}

void
reader_on_result(void *arg, const struct pg_result *res)
{
	struct piece_reader *rdr = arg;

	switch (rdr->step)
	{
		case STEP_SETTINGS:
			if (query_columns(res) == 1 && query_rows(res) == 1)
				rdr->other = strcmp(query_field(res, 0, 0), rdr->inc->system) != 0;
			break;
		case STEP_TABLE: reader_take_table(rdr, res); break;
		case STEP_TEXT:
			if (query_columns(res) == 1)
				reader_take_text(rdr, res);
			break;
		case STEP_LOOK:
		case STEP_LAST:
		case STEP_BOUND:
		case STEP_CHUNK:
		case STEP_SEAL:
			if (rdr->standby && query_columns(res) == 1 && query_rows(res) == 1 && !rdr->looked)
				rdr->replayed = pg_lsn_parse(query_field(res, 0, 0));
			if (query_columns(res) == PIECE_COLUMNS && query_rows(res) == 1)
				reader_take_look(rdr, res);
			break;
		default: break;
	}
}

/* A row may be larger than memory likes; several that are come in smaller chunks. */
void
reader_on_copied(void *arg, struct str message)
{
	struct piece_reader *rdr = arg;
	struct piece        *piece = rdr->piece;

	if (piece == NULL || rdr->changed || rdr->hidden)
		return;
	piece_take(piece, message);
	if (rdr->step != STEP_CHUNK || piece->rows.len <= PIECE_MAX_BYTES || rdr->table->limit == 1)
		return;
	rdr->table->limit = rdr->table->limit > 2 * piece->count && !rdr->table->note.filter
							? (uint32_t) (piece->count / 2) + 1
							: rdr->table->limit / 2;
	buf_reset(&rdr->table->bound);
	rdr->inc->stats.repeated++;
	reader_leave(rdr); /* to read what it still sends would take longer */
}

/* --- the end of a statement -------------------------------------------------------------- */

static void
incremental_wait_hidden(struct incremental *inc)
{
	int64_t    now_ms = loop_now_ms();
	struct err e;

	if (inc->hidden.nxips == 0)
	{
		inc->hidden_since_ms = 0;
		return;
	}
	if (inc->hidden_since_ms == 0)
		inc->hidden_since_ms = now_ms;
	if (inc->hidden_since_ms < 0 || now_ms - inc->hidden_since_ms < HIDDEN_WARN_MS)
		return;
	inc->hidden_since_ms = -1; /* it is said once */
	err_set(&e, ERR_TRANSIENT, E1299, "transactions under way keep the snapshot from going on");
	err_detail(&e, "%zu transactions were in progress when walrelay began with it, and still are.",
			   inc->hidden.nxips);
	err_hint(&e, "End them, or wait: SELECT pid, usename, state, xact_start, query FROM "
				 "pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start; and "
				 "SELECT * FROM pg_prepared_xacts;");
	log_err(LOG_WARN, &e, "it goes on once they have ended; changes stream meanwhile");
}

/* Its chunk cannot be used; it is read again, in a moment. */
static void
reader_try_again(struct piece_reader *rdr)
{
	struct incremental *inc = rdr->inc;
	struct reading     *table = rdr->table;
	int64_t             delay_ms = (int64_t) HIDDEN_RETRY_MS << (table->hidden < 4 ? table->hidden : 4);

	if (rdr->step == STEP_CHUNK)
		inc->stats.repeated++;
	table->hidden++;
	table->retry_ms =
		loop_now_ms() + (delay_ms < HIDDEN_RETRY_MAX_MS ? delay_ms : HIDDEN_RETRY_MAX_MS);
	incremental_wait_hidden(inc);
	rdr->step = STEP_FREE;
	reader_leave(rdr);
	CRASH_POINT(incremental_hidden);
}

/* Each time that it is looked at. */
static void
reader_differs(struct piece_reader *rdr)
{
	struct err e;

	err_set(&e, ERR_TRANSIENT, E1243, "table \"%s\" is another one each time that it is read",
			rdr->table->note.table);
	if (rdr->standby)
		err_hint(&e, "If nobody alters it: the standby may sort texts otherwise than the primary "
					 "(another C library or ICU); leave snapshot.conninfo out then.");
	rdr->step = STEP_FREE;
	reading_failed(rdr->table, &e);
}

static void
reader_table_changed(struct piece_reader *rdr)
{
	struct reading *table = rdr->table;

	if (++table->changes > CHANGES_MAX)
	{
		reader_differs(rdr);
		return;
	}
	log_info("table \"%s\" has changed: what it is like is looked up again", table->note.table);
	table->changed = true;
	table->retry_ms = loop_now_ms() + CHANGED_RETRY_MS;
	rdr->step = STEP_FREE;
	reader_leave(rdr);
}

/* Where the next chunk ends: at the last row, if there are not so many. */
static void
reader_took_bound(struct piece_reader *rdr)
{
	struct reading *table = rdr->table;
	struct piece   *piece = rdr->piece;
	struct err      e;
	enum rc         rc = RC_OK;

	table->bound_ends = piece->count == 0;
	if (table->bound_ends)
		buf_put(&table->bound, table->note.upto.data, table->note.upto.len);
	else
		rc = piece_last_key(rdr->inc, piece, piece->left_out, &table->bound, &e);
	piece_free(rdr->inc, piece);
	rdr->piece = NULL;
	if (rc != RC_OK)
		reading_failed(table, &e);
}

/* The largest key, or that there is none: the table is empty. */
static void
reader_took_last(struct piece_reader *rdr)
{
	struct reading *table = rdr->table;
	struct piece   *piece = rdr->piece;
	struct err      e;
	enum rc         rc = RC_OK;

	if (piece->count > 0)
		rc = piece_last_key(rdr->inc, piece, piece->left_out, &table->note.upto, &e);
	else
		table->ended = true;
	piece_free(rdr->inc, piece);
	rdr->piece = NULL;
	rdr->step = STEP_FREE;
	table->dirty = true;
	if (rc != RC_OK)
		reading_failed(table, &e);
	else
		incremental_touch(rdr->inc);
	CRASH_POINT(incremental_last_known);
}

/* A column of the row was tried. */
static void
reading_tried(struct reading *table, bool sendable)
{
	if (!sendable)
		table->left_out[table->probed] = true;
	table->probed++;
	table->probing = table->probed < table->tbl->ncolumns;
}

static void
reader_took_chunk(struct piece_reader *rdr)
{
	struct incremental *inc = rdr->inc;
	struct reading     *table = rdr->table;
	struct piece       *piece = rdr->piece;
	uint64_t            fitting = gentle_chunk_rows(inc->gentle, inc->cfg->snapshot.chunk_rows);
	struct err          e;

	rdr->piece = NULL;
	rdr->step = STEP_FREE;
	gentle_took(inc->gentle, piece->count, loop_now_ms());
	if (table->note.filter) /* all up to there, whether its last row is there or not */
		buf_put(&piece->last, table->bound.data, table->bound.len);
	else if (piece->count == 0)
		buf_put(&piece->last, table->next.data, table->next.len);
	else if (piece_last_key(inc, piece, table->left_out, &piece->last, &e) != RC_OK)
	{
		piece_free(inc, piece);
		reading_failed(table, &e);
		return;
	}
	table->ended = table->note.filter ? table->bound_ends : piece->count < piece->limit;
	piece->left_out = table->left_out;
	table->left_out = NULL;
	table->failures = table->hidden = table->changes = 0;
	buf_reset(&table->bound);
	buf_reset(&table->next);
	buf_put(&table->next, piece->last.data, piece->last.len);
	if (piece->count > 0 && piece->count * PIECE_WANTED_BYTES / piece->rows.len < fitting)
		fitting = piece->count * PIECE_WANTED_BYTES / piece->rows.len;
	table->limit = table->limit * 2 < fitting ? table->limit * 2 : (uint32_t) fitting;
	if (table->limit == 0)
		table->limit = 1;
	piece->state = PIECE_READ;
	loop_timer_set(inc->loop, &inc->work, 0);
	CRASH_POINT(incremental_chunk_read);
}

void
reader_done(struct piece_reader *rdr)
{
	enum step step = rdr->step;

	if (step == STEP_DESCRIBE)
	{
		rdr->step = STEP_DESCRIBED;
		return;
	}
	if (step >= STEP_LOOK && (!rdr->looked || rdr->changed))
	{
		reader_table_changed(rdr);
		return;
	}
	if (rdr->hidden && step >= STEP_LAST)
	{
		reader_try_again(rdr);
		return;
	}
	if (step == STEP_CHUNK && rdr->standby && !rdr->table->probing)
	{
		reader_ask_seal(rdr);
		return;
	}
	rdr->step = STEP_FREE;
	if (step < STEP_LAST)
		reader_learnt(rdr, step);
	else if (step == STEP_LAST)
		reader_took_last(rdr);
	else if (step == STEP_BOUND)
		reader_took_bound(rdr);
	else if (step == STEP_CHUNK && rdr->table->probing)
		reading_tried(rdr->table, true);
	else if (step == STEP_CHUNK || step == STEP_SEAL)
		reader_took_chunk(rdr);
}

/* --- failures ------------------------------------------------------------------------------ */

/* The row with the value alone, then its columns one by one.  False: it is not of one. */
static bool
reader_narrow(struct piece_reader *rdr)
{
	struct reading *table = rdr->table;
	uint64_t        before = rdr->piece ? rdr->piece->count : 0;

	if (table->probing)
		reading_tried(table, false);
	else if (table->limit > 1 && table->note.filter)
		table->limit /= 2;
	else if (before > 0 || table->limit > 1)
		table->limit = before > 0 ? (uint32_t) before : 1; /* those before it first */
	else if (table->left_out == NULL)
	{
		table->left_out = xcalloc(table->tbl->ncolumns + 1, sizeof(*table->left_out));
		table->probed = 0;
		table->probing = table->tbl->ncolumns > 0;
	}
	else
		return false;
	if (rdr->piece)
		piece_free(rdr->inc, rdr->piece);
	rdr->piece = NULL;
	if (!table->probing)
		buf_reset(&table->bound);
	rdr->step = STEP_FREE;
	return true;
}

void
reader_failed(struct piece_reader *rdr, const char *state, const struct err *why)
{
	struct reading *table = rdr->table;
	struct err      e = *why;

	if ((rdr->step == STEP_FILTER || rdr->step == STEP_TEXT) && strcmp(state, "42P01") != 0 &&
		strcmp(state, "3F000") != 0)
	{
		if (strncmp(state, "42", 2) == 0 || strncmp(state, "22", 2) == 0 ||
			strncmp(state, "0A", 2) == 0 || strncmp(state, "25", 2) == 0)
		{
			reader_refuse_filter(rdr, state);
			return;
		}
	}
	else if (sqlstate_is_gone(state) || strcmp(state, "42704") == 0)
	{
		reader_table_changed(rdr);
		return;
	}
	else if (rdr->step == STEP_CHUNK && sqlstate_is_of_a_value(state) && reader_narrow(rdr)) /* or a filter's */
		return;
	rdr->step = STEP_FREE;
	err_set(&e, ERR_TRANSIENT, E1242, "table \"%s\" cannot be read (SQLSTATE %s)",
			table->note.table, state);
	if (!sqlstate_is_of_a_value(state))
		err_detail(&e, "%s", why->detail);
	err_hint(&e, "%s",
			 strcmp(state, "42501") == 0 ? "Grant the role SELECT on it, and USAGE on its schema."
										 : "Put right what the server says, or stop its snapshot; "
										   "the server's log says more.");
	reading_failed(table, &e);
}
