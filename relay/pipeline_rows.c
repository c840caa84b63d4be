/*
 * pipeline_rows.c
 *		Rows that were read at a position of the stream: sent where the stream is held
 *		at that position; see pipeline.h.
 *
 * What commits before the position has been sent, what commits behind it waits in the
 * frame: so a consumer sees the rows exactly where they are true.  Their items end at the
 * position, which is therefore not passed before they are acknowledged.
 */
#include <assert.h>

#include "crash_point.h"
#include "loop.h"
#include "pipeline_parts.h"

void
pipeline_listen(struct pipeline *pl, const struct pipeline_listener *listener)
{
	assert(pl->nlisteners < LISTENERS_MAX);
	pl->listeners[pl->nlisteners++] = *listener;
}

void
pipeline_watch(struct pipeline *pl, bool on)
{
	pl->watched = on;
}

void
pipeline_touch(struct pipeline *pl)
{
	delivery_touch(pl->dlv);
}

/* --- holding the stream -------------------------------------------------------- */

void
pipeline_hold(struct pipeline *pl, uint64_t lsn)
{
	pl->hold_lsn = lsn;
	pl->held = pl->hold_here = false;
}

void
pipeline_hold_here(struct pipeline *pl)
{
	pl->hold_here = true;
}

uint64_t
pipeline_held_at(const struct pipeline *pl)
{
	return pl->hold_lsn;
}

bool
pipeline_is_held(const struct pipeline *pl)
{
	return pl->held;
}

/*
 * A mark at the position itself says that everything before it was sent, and a message that
 * ends there was written before it.
 */
static bool
is_behind(const struct pipeline *pl, const struct record *rec)
{
	switch (rec->kind)
	{
		case WIRE_BEGIN: return rec->begin.commit_lsn >= pl->hold_lsn;
		case WIRE_MARK: return rec->mark >= pl->hold_lsn;
		case WIRE_MESSAGE: return !rec->message.transactional && rec->message.lsn > pl->hold_lsn;
		default: return false; /* of a transaction that has begun */
	}
}

bool
pipeline_holds(struct pipeline *pl, const struct record *rec)
{
	if (delivery_item(pl->dlv) != 0 || !is_behind(pl, rec))
		return false;
	pl->held = true;
	CRASH_POINT(snapshot_held);
	pl->wait = WAIT_ROWS;
	return true;
}

/* --- a run of rows ------------------------------------------------------------- */

void
pipeline_stop_rows(struct pipeline *pl)
{
	stream_free(&pl->ctx, pl->rows);
	pl->rows = NULL;
	pl->rows_of = NULL;
	pl->held = pl->hold_here = false;
}

enum rc
pipeline_open_table(struct pipeline *pl, const struct table *tbl, struct err *e)
{
	if (pl->rows_of != tbl)
	{
		stream_free(&pl->ctx, pl->rows);
		pl->rows = NULL;
	}
	pl->rows_of = tbl;
	return pipeline_prepare(pl, STREAM_TABLE, tbl, &pl->rows, e);
}

void
pipeline_close_rows(struct pipeline *pl, const struct table *tbl)
{
	if (tbl && pl->rows_of != tbl)
		return;
	stream_free(&pl->ctx, pl->rows);
	pl->rows = NULL;
	pl->rows_of = NULL;
}

enum rc
pipeline_rows_begin(struct pipeline *pl, const struct rows *rows, struct err *e)
{
	enum rc rc = pipeline_open_table(pl, rows->tbl, e);

	if (rc == RC_OK)
		rc = delivery_begin(pl->dlv, 0, 0, e);
	if (rc != RC_OK)
		return rc;
	pipeline_tag(pl, rows->tag);
	pl->at_lsn = pl->hold_lsn;
	pl->commit_lsn = pl->hold_lsn - 1; /* where no commit record can begin */
	pl->place = 0;
	pl->header_place = rows->place;
	pl->now_ns = pipeline_clock_ns();
	pl->now_ms = loop_now_ms();
	return RC_OK;
}

enum rc
pipeline_row(struct pipeline *pl, const struct rows *rows, const struct change *chg, struct err *e)
{
	enum rc rc =
		pipeline_open_table(pl, rows->tbl, e); /* letters may end with an answer of the registry */

	if (rc == RC_OK && pl->nout == 0)
	{
		rc = pipeline_encode(pl, pl->rows, rows->tbl, chg, rows->stamp, e);
		if (rc == RC_OK && rows->leaves_out && pl->nout > 0 && pl->out[0].has_key &&
			rows->leaves_out(rows->arg, pl->out[0].key))
		{
			pl->nout = 0;
			return RC_OK;
		}
	}
	if (rc == RC_OK)
		rc = pipeline_send(pl, pl->rows, e);
	if (rc != RC_OK)
		return rc;
	pl->stats.rows++;
	pl->rows->count->changes[TABLE_OP_READ]++;
	return RC_OK;
}

enum rc
pipeline_row_key(struct pipeline *pl, const struct rows *rows, const struct change *chg,
				 struct str *key, struct err *e)
{
	enum rc rc = pipeline_open_table(pl, rows->tbl, e);

	if (rc == RC_OK)
		rc = pipeline_encode(pl, pl->rows, rows->tbl, chg, rows->stamp, e);
	if (rc != RC_OK)
		return rc;
	*key = pl->nout > 0 && pl->out[0].has_key ? pl->out[0].key : (struct str){NULL, 0};
	pl->nout = 0;
	return RC_OK;
}

bool
pipeline_row_waits(const struct pipeline *pl)
{
	return pl->nout > 0;
}

enum rc
pipeline_rows_abandon(struct pipeline *pl, struct err *e)
{
	if (!pl->held || delivery_item(pl->dlv) == 0)
		return RC_OK;
	divert_off(pl->divert);
	pl->nout = pl->next_out = 0;
	pl->placed = false;
	return delivery_commit(pl->dlv, pl->hold_lsn, e);
}

enum rc
pipeline_rows_end(struct pipeline *pl, ack_ticket *item, struct err *e)
{
	*item = delivery_item(pl->dlv);
	return delivery_commit(pl->dlv, pl->hold_lsn, e);
}
