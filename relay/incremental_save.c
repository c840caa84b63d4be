/*
 * incremental_save.c
 *		What is written down of an incremental snapshot; see incremental.h.
 *
 * Of a table, the key of the last row that is safe; the tables that a signal meant before
 * the signal is gone.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <utlist.h>

#include "crash_point.h"
#include "incremental_parts.h"
#include "log.h"

/* All of it was read and is safe; or nobody wants the rest. */
static bool
reading_is_over(const struct incremental *inc, const struct reading *table)
{
	return table->stopped || (table->ended && incremental_pieces(inc, table, PIECE_SENT) == 0);
}

static void
reading_finish(struct incremental *inc, struct reading *table)
{
	if (!table->stopped)
		log_info("snapshot of table \"%s\" is done: %" PRIu64 " rows", table->note.table,
				 table->note.rows);
	inc->finished++;
	inc->finished_rows += table->note.rows;
	reading_free(inc, table);
	loop_timer_set(inc->loop, &inc->work, 0);
	CRASH_POINT(incremental_table_done);
}

/* Pieces of a table become safe in their order. */
void
piece_done(struct incremental *inc, struct piece *piece)
{
	struct reading *table = piece->table;

	buf_reset(&table->note.after);
	buf_put(&table->note.after, piece->last.data, piece->last.len);
	table->note.rows += piece->sent;
	piece_free(inc, piece);
	/* A table that has changed waits for it, and nothing else may happen. */
	loop_timer_set(inc->loop, &inc->work, 0);
}

/* Nothing is written down, and nothing will tell that it was. */
void
incremental_finish_unnoted(struct incremental *inc)
{
	struct reading *table;
	struct reading *next;

	HASH_ITER(hh, inc->tables, table, next)
		if (reading_is_over(inc, table) && table->reader == NULL &&
			incremental_pieces(inc, table, PIECE_NOTING) == 0)
			reading_finish(inc, table);
}

/* What is safe counts, up to what is not. */
static void
reading_note_put(const struct incremental *inc, const struct reading *table, struct buf *value)
{
	struct reading_note note = table->note;
	const struct piece *piece;

	DL_FOREACH(inc->pieces, piece)
	{
		if (piece->table != table)
			continue;
		if (piece->state < PIECE_SAFE)
			break;
		note.after = piece->last;
		note.rows += piece->sent;
	}
	reading_note_write(&note, value);
}

static struct reading *
incremental_dirty_table(struct incremental *inc)
{
	struct reading *table = inc->noting ? inc->noting : inc->tables;

	while (table && !table->dirty)
		table = table->hh.next;
	/* Those before may have changed since: exactly once none may be left out. */
	if (table == NULL && inc->noting)
		for (table = inc->tables; table && !table->dirty;)
			table = table->hh.next;
	inc->noting = table;
	return table;
}

bool
incremental_next_note(void *arg, struct buf *key, struct buf *value)
{
	struct incremental *inc = arg;
	struct reading     *table = incremental_dirty_table(inc);

	buf_reset(key);
	buf_reset(value);
	if (table)
	{
		buf_printf(key, "/%" PRIu32, table->relid);
		table->completes = reading_is_over(inc, table);
		if (!table->completes)
			reading_note_put(inc, table, value);
		return true;
	}
	if (inc->job_dirty)
		incremental_note_write(&inc->job, value);
	return inc->job_dirty;
}

void
incremental_note_taken(void *arg)
{
	struct incremental *inc = arg;
	struct reading     *table = incremental_dirty_table(inc);
	struct piece       *piece;

	if (table == NULL)
	{
		inc->job_dirty = false;
		inc->job_taken = true;
		inc->noting = NULL;
		CRASH_POINT(incremental_job_noting);
		return;
	}
	table->dirty = false;
	table->taken = true;
	CRASH_POINT(incremental_table_noting);
	if (table->completes)
		CRASH_POINT(incremental_table_over);
	DL_FOREACH(inc->pieces, piece)
	{
		if (piece->table != table)
			continue;
		if (piece->state < PIECE_SAFE)
			break;
		piece->state = PIECE_NOTING;
	}
}

void
incremental_notes_written(void *arg)
{
	struct incremental *inc = arg;
	struct piece       *piece;
	struct piece       *next_piece;
	struct reading     *table;
	struct reading     *next;

	if (inc->job_taken || inc->tables)
		CRASH_POINT(incremental_noted);
	inc->noting = NULL;
	inc->job_taken = false;
	DL_FOREACH_SAFE(inc->pieces, piece, next_piece)
		if (piece->state == PIECE_NOTING)
			piece_done(inc, piece);
	HASH_ITER(hh, inc->tables, table, next)
	{
		bool over = table->taken && table->completes && !table->dirty;

		table->taken = table->completes = false;
		if (over)
			reading_finish(inc, table);
	}
}
