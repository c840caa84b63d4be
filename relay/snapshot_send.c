/*
 * snapshot_send.c
 *		Rows that were read: in memory, to the sink, and written down; see snapshot.h.
 *
 *		reading ──> ready ──> sending ──> sent ──> safe ──> noting ──> gone
 *
 * A batch stays in memory until it is written down: whatever the sink loses is sent again
 * from here.
 */
#include <stdlib.h>

#include <utlist.h>

#include "copy_message.h"
#include "crash_point.h"
#include "snapshot_parts.h"

#define ROWS_A_ROUND 2000 /* of the loop, so that the rest gets its turn */
#define TABLES_A_ROUND 20

/* --- in memory ----------------------------------------------------------------- */

struct batch *
snapshot_batch_new(struct snapshot *snap, struct snap_table *table, const struct chunk *chunk)
{
	struct batch *batch = xcalloc(1, sizeof(*batch));

	batch->table = table;
	batch->chunk = *chunk;
	batch->number = ++snap->numbers;
	DL_APPEND(snap->batches, batch);
	return batch;
}

void
snapshot_batch_free(struct snapshot *snap, struct batch *batch)
{
	DL_DELETE(snap->batches, batch);
	buf_free(&batch->rows);
	free(batch->left_out);
	free(batch);
}

void
batch_take(struct batch *batch, struct str message)
{
	uint32_t len = (uint32_t) message.len;

	batch->count += copy_message_has_row(message, batch->rows.len == 0);
	buf_put(&batch->rows, &len, sizeof(len));
	buf_put(&batch->rows, message.data, message.len);
}

static struct str
batch_message(const struct batch *batch)
{
	const char *p = (const char *) batch->rows.data + batch->at;
	uint32_t    len;

	memcpy(&len, p, sizeof(len));
	return (struct str){p + sizeof(len), len};
}

bool
snapshot_has_room(const struct snapshot *snap)
{
	const struct batch *batch;
	unsigned            count = 0;

	DL_FOREACH(snap->batches, batch)
		count++;
	return count < 3 * snap->nreaders + 2;
}

/* Nothing of it is to be sent: its place is done. */
static void
batch_is_empty(struct snapshot *snap, struct batch *batch)
{
	if (!batch->chunk.again)
		tid_set_add(&batch->table->note.done, batch->chunk.range);
	batch->table->dirty = true;
	if (snap->has_progress)
		pipeline_touch(snap->pl);
	snapshot_batch_free(snap, batch);
}

void
snapshot_batch_ready(struct snapshot *snap, struct batch *batch)
{
	struct snap_table *table = batch->table;

	if (chunk_plan_is_over(&table->plan) && table->state == TABLE_READING)
	{
		table->state = TABLE_READ;
		table->dirty = true;
	}
	batch->state = BATCH_READY;
	if (batch->count == 0)
		batch_is_empty(snap, batch);
	else
		table->batches++;
}

/* --- which row is which -------------------------------------------------------- */

/* Tables whose rows have not all been read. */
static bool
is_read(const struct snapshot *snap)
{
	for (const struct snap_table *table = snap->next_table; table; table = table->hh.next)
		if (table->state == TABLE_READING)
			return false;
	return true;
}

/* Whether another round will have to read something: what failed, or was dropped unsent. */
static bool
is_lacking(const struct snapshot *snap)
{
	const struct snap_table *table = snap->tables;

	while (table && (!snap_table_is_missing(table) || table->state == TABLE_READING ||
					 table->state == TABLE_READ))
		table = table->hh.next;
	return table != NULL || snap->nlate > 0;
}

static unsigned
snapshot_unsent(const struct snapshot *snap)
{
	const struct batch *batch;
	unsigned            count = 0;

	DL_FOREACH(snap->batches, batch)
		count += batch->state == BATCH_READY || batch->state == BATCH_SENDING;
	return count;
}

/* Whether it is known what its last row is: of the table, of all, or neither. */
static bool
batch_is_marked(const struct snapshot *snap, const struct batch *batch)
{
	if (batch->table->batches > 1 || batch->table->state == TABLE_FAILED)
		return true;
	if (snap->pausing && snapshot_has_read_all(snap))
		return true; /* the table's last row is read by another round, if there is one */
	return batch->table->state == TABLE_READ && (snapshot_unsent(snap) > 1 || is_read(snap));
}

/*
 * Debezium's: a table's only row is its last, but of the first table the first.  What another
 * round goes on with has no last row in this one, and none at all if that finds no row.
 */
static enum snapshot_mark
batch_mark(const struct snapshot *snap, const struct batch *batch)
{
	const struct snap_table *table = batch->table;
	bool                     ends_table =
		batch->sent + 1 == batch->count && table->batches == 0 && table->state == TABLE_READ;
	bool ends_all = ends_table && snapshot_unsent(snap) == 1 && is_read(snap) && !is_lacking(snap);
	bool begins_table = table->sent == 0 && table->note.rows == 0;

	if (ends_all)
		return SNAPSHOT_LAST;
	if (!snap->begun)
		return SNAPSHOT_FIRST;
	if (ends_table)
		return SNAPSHOT_LAST_OF_TABLE;
	return begins_table ? SNAPSHOT_FIRST_OF_TABLE : SNAPSHOT_TRUE;
}

/* --- sending ------------------------------------------------------------------- */

/*
 * At least once a start repeats what was sent and not written down: no more than one batch
 * for each reader.
 */
static bool
snapshot_may_send(const struct snapshot *snap)
{
	const struct batch *batch;
	unsigned            count = 0;

	if (!snap->has_progress || snap->cfg->kafka.exactly_once)
		return true;
	DL_FOREACH(snap->batches, batch)
		count += batch->state > BATCH_SENDING;
	return count < snap->nreaders;
}

static struct batch *
snapshot_next_batch(struct snapshot *snap)
{
	struct batch *batch;

	DL_FOREACH(snap->batches, batch)
		if (batch->state == BATCH_SENDING)
			return batch;
	if (snap->disturbed || !snapshot_may_send(snap))
		return NULL;
	DL_FOREACH(snap->batches, batch)
		if (batch->state == BATCH_READY && batch_is_marked(snap, batch))
			return batch;
	return NULL;
}

static void
snapshot_use_table(struct snapshot *snap, const struct table *tbl)
{
	if (snap->copy_of != tbl)
	{
		copy_row_free(snap->copy);
		snap->copy = copy_row_new(tbl, snap->cfg->relay.frame_bytes, snap->cfg->relay.max_long);
		snap->copy_of = tbl;
	}
}

/* One more row; RC_AGAIN also at the end of the budget. */
static enum rc
batch_send_row(struct snapshot *snap, struct batch *batch, const struct rows *rows, struct err *e)
{
	struct str    message = batch_message(batch);
	struct change chg = {0};
	enum rc       rc = RC_OK;

	if (!pipeline_row_waits(snap->pl))
	{
		/* A message is read once: whatever may have to wait comes before. */
		rc = pipeline_open_table(snap->pl, rows->tbl, e);
		if (rc != RC_OK)
			return rc;
		rc = copy_row_read(snap->copy, message, &chg, e);
		chg.lsn = snap->lsn;
		snap->stamp.snapshot = batch_mark(snap, batch);
	}
	if (rc == RC_OK)
	{
		rc = pipeline_row(snap->pl, rows, &chg, e);
		if (rc != RC_OK)
			return rc;
		batch->sent++;
		batch->table->sent++;
		snap->begun = true;
		snap->total_rows++;
	}
	else if (rc == RC_ERR)
		return rc;
	batch->at += sizeof(uint32_t) + message.len;
	return RC_OK;
}

static enum rc
batch_send(struct snapshot *snap, struct batch *batch, int *budget, struct err *e)
{
	struct rows rows = {.tbl = batch->table->tbl,
						.stamp = &snap->stamp,
						/* Like a position behind P, and none that a commit or a message has. */
						.tag = (snap->lsn & ~(uint64_t) 7) + 8 * batch->number + 3,
						.place = batch->chunk.range.from};
	enum rc     rc;

	if (batch->state == BATCH_READY)
	{
		rc = pipeline_rows_begin(snap->pl, &rows, e);
		if (rc != RC_OK)
			return rc;
		snapshot_use_table(snap, batch->table->tbl);
		copy_row_restart(snap->copy, batch->left_out);
		batch->state = BATCH_SENDING;
		batch->table->batches--;
		batch->at = 0;
		CRASH_POINT(snapshot_batch_begun);
	}
	while (batch->at < batch->rows.len)
	{
		if (--*budget < 0)
			return RC_AGAIN;
		rc = batch_send_row(snap, batch, &rows, e);
		if (rc != RC_OK)
			return rc;
		CRASH_POINT(snapshot_row_sent);
	}
	rc = pipeline_rows_end(snap->pl, &batch->item, e);
	if (rc == RC_OK)
		batch->state = BATCH_SENT;
	CRASH_POINT(snapshot_batch_sent);
	return rc;
}

/* no_data: what a row would need is there before there is one. */
static enum rc
snapshot_open_tables(struct snapshot *snap, int *budget, struct err *e)
{
	for (; snap->next_table; snap->next_table = snap->next_table->hh.next)
	{
		struct snap_table *table = snap->next_table;
		enum rc            rc;

		if (table->state != TABLE_READING)
			continue;
		*budget -= ROWS_A_ROUND / TABLES_A_ROUND;
		if (*budget < 0)
			return RC_AGAIN;
		rc = pipeline_open_table(snap->pl, table->tbl, e);
		if (rc != RC_OK)
			return rc;
		table->state = TABLE_READ;
		table->dirty = true;
	}
	return RC_OK;
}

enum rc
snapshot_pump(struct snapshot *snap, struct err *e)
{
	int           budget = ROWS_A_ROUND;
	struct batch *batch;
	enum rc       rc = RC_OK;

	snapshot_settle(snap);
	if (snap->streaming && snap->stage == STAGE_OPENING)
		rc = snapshot_open_tables(snap, &budget, e);
	while (rc == RC_OK && snap->streaming && snap->lsn && pipeline_is_held(snap->pl) &&
		   (batch = snapshot_next_batch(snap)) != NULL)
		rc = batch_send(snap, batch, &budget, e);
	if (rc == RC_ERR)
		return rc;
	if (budget < 0)
		loop_timer_set(snap->loop, &snap->work, 0);
	snapshot_settle(snap);
	snapshot_step(snap);
	return RC_OK;
}

/* --- what became of it --------------------------------------------------------- */

/* It needs not be sent again. */
static void
batch_done(struct snapshot *snap, struct batch *batch)
{
	if (!batch->chunk.again)
		tid_set_add(&batch->table->note.done, batch->chunk.range);
	batch->table->note.rows += batch->count;
	snapshot_batch_free(snap, batch);
}

void
snapshot_settle(struct snapshot *snap)
{
	struct batch *batch;
	struct batch *next;

	DL_FOREACH_SAFE(snap->batches, batch, next)
	{
		if (batch->state != BATCH_SENT ||
			!delivery_is_safe(pipeline_delivery(snap->pl), batch->item))
			continue;
		batch->state = BATCH_SAFE;
		batch->table->dirty = true;
		CRASH_POINT(snapshot_batch_safe);
		if (snap->has_progress)
			pipeline_touch(snap->pl);
		else
			batch_done(snap, batch);
	}
}

bool
snapshot_drop_unsent(struct snapshot *snap)
{
	struct batch *batch;
	struct batch *next;
	bool          sending = false;

	DL_FOREACH_SAFE(snap->batches, batch, next)
		if (batch->state == BATCH_SENDING)
			sending = true;
		else if (batch->state == BATCH_READY)
		{
			batch->table->batches--;
			batch->table->state = TABLE_PENDING; /* not all of it is read */
			snapshot_batch_free(snap, batch);
		}
	return !sending;
}

/* Its rows are sent once more, marked as they were: one of them may have been the first. */
static void
batch_again(struct snapshot *snap, struct batch *batch)
{
	batch->state = BATCH_READY;
	batch->table->batches++;
	batch->table->sent -= batch->sent;
	batch->sent = 0;
	snap->begun = false;
	for (const struct snap_table *table = snap->tables; table; table = table->hh.next)
		snap->begun = snap->begun || table->sent > 0 || table->note.rows > 0;
}

/* Those that were begun are begun anew. */
void
snapshot_stream_stopped(struct snapshot *snap)
{
	struct batch *batch;

	snap->streaming = false;
	DL_FOREACH(snap->batches, batch)
		if (batch->state == BATCH_SENDING)
			batch_again(snap, batch);
}

/*
 * What brokers have acknowledged stays so; exactly once nothing does that the topic does not
 * say, and it is read again (snapshot_recall()).
 */
void
snapshot_sink_failed(struct snapshot *snap)
{
	struct batch *batch;

	snapshot_stream_stopped(snap);
	DL_FOREACH(snap->batches, batch)
	{
		if (batch->state < BATCH_SENT)
			continue;
		batch->table->dirty = true;
		batch->table->note.complete = false;
		if (batch->state == BATCH_SENT || snap->cfg->kafka.exactly_once)
			batch_again(snap, batch);
		else
			batch->state = BATCH_SAFE;
	}
	/* Its round is over, and so is its position: the next one reads it again. */
	if (snap->stage == STAGE_IDLE)
		(void) snapshot_drop_unsent(snap);
	for (struct snap_table *table = snap->tables; table; table = table->hh.next)
		if (table->taken)
			table->dirty = true;
	snap->job_dirty = snap->job_dirty || snap->job_taken;
	snap->job_taken = false;
	if (snap->has_progress && snap->job_dirty)
		pipeline_touch(snap->pl);
	CRASH_POINT(snapshot_sink_lost);
}

/* --- notes --------------------------------------------------------------------- */

bool
snapshot_is_noted(const struct snapshot *snap)
{
	const struct snap_table *table = snap->tables;

	while (table && !table->dirty && !table->taken)
		table = table->hh.next;
	return snap->batches == NULL && (table == NULL || !snap->has_progress);
}

bool
snapshot_is_urgent(const struct snapshot *snap)
{
	const struct batch *batch;

	if (!snap->has_progress)
		return false;
	if (snap->stage == STAGE_IDLE && snapshot_is_due(snap) && !snapshot_is_noted(snap))
		return true; /* what follows waits for it */
	if (snap->cfg->kafka.exactly_once)
		return snap->batches && (!snapshot_has_room(snap) ||
								 (snapshot_unsent(snap) == 0 && snapshot_has_read_all(snap)));
	DL_FOREACH(snap->batches, batch)
		if (batch->state == BATCH_SAFE)
			return true;
	return false;
}

/* What is safe counts, whatever is not has to come again. */
static void
table_note_put(struct snapshot *snap, struct snap_table *table, struct buf *value)
{
	struct table_note note = table->note;
	struct batch     *batch;
	bool              all = table->state == TABLE_READ;

	note.id = snap->job.id;
	note.done = (struct tid_set){0};
	for (uint32_t i = 0; i < table->note.done.count; i++)
		tid_set_add(&note.done, table->note.done.ranges[i]);
	DL_FOREACH(snap->batches, batch)
	{
		if (batch->table != table)
			continue;
		if (batch->state < BATCH_SAFE)
			all = false;
		else
		{
			if (!batch->chunk.again)
				tid_set_add(&note.done, batch->chunk.range);
			note.rows += batch->count;
		}
	}
	note.complete = table->note.complete || all;
	table->completes = note.complete;
	table_note_write(&note, value);
	tid_set_free(&note.done);
}

/* Tables before the job that says they are all there; other states of it before them. */
static struct snap_table *
snapshot_dirty_table(struct snapshot *snap)
{
	struct snap_table *table = snap->noting ? snap->noting : snap->tables;

	if (snap->job_dirty && snap->job.state != SNAPSHOT_COPYING)
		return NULL;
	while (table && !table->dirty)
		table = table->hh.next;
	/* Those before may have changed since: exactly once none may be left out. */
	if (table == NULL && snap->noting)
		for (table = snap->tables; table && !table->dirty;)
			table = table->hh.next;
	snap->noting = table;
	return table;
}

bool
snapshot_next_note(void *arg, struct buf *key, struct buf *value)
{
	struct snapshot   *snap = arg;
	struct snap_table *table = snapshot_dirty_table(snap);

	buf_reset(key);
	buf_reset(value);
	if (table)
	{
		buf_printf(key, "/%u", (unsigned) table->relid);
		if (!table->dead)
			table_note_put(snap, table, value);
		return true;
	}
	if (snap->job_dirty)
		snapshot_note_write(&snap->job, value);
	return snap->job_dirty;
}

void
snapshot_note_taken(void *arg)
{
	struct snapshot   *snap = arg;
	struct snap_table *table = snapshot_dirty_table(snap);
	struct batch      *batch;

	if (table == NULL)
	{
		snap->job_dirty = false;
		snap->job_taken = true;
		snap->noting = NULL;
		CRASH_POINT(snapshot_job_noting);
		return;
	}
	table->dirty = false;
	table->taken = true;
	CRASH_POINT(snapshot_table_noting);
	DL_FOREACH(snap->batches, batch)
		if (batch->table == table && batch->state == BATCH_SAFE)
			batch->state = BATCH_NOTING;
}

void
snapshot_notes_written(void *arg)
{
	struct snapshot   *snap = arg;
	struct batch      *batch;
	struct batch      *next_batch;
	struct snap_table *table;
	struct snap_table *next;

	CRASH_POINT(snapshot_noted);
	snap->noting = NULL;
	DL_FOREACH_SAFE(snap->batches, batch, next_batch)
		if (batch->state == BATCH_NOTING)
			batch_done(snap, batch);
	HASH_ITER(hh, snap->tables, table, next)
	{
		if (!table->taken)
			continue;
		table->taken = false;
		if (table->completes)
			table->note.complete = true;
		if (table->dead && !table->dirty)
		{
			HASH_DEL(snap->tables, table);
			snap_table_free(table);
		}
	}
	if (snap->job_taken)
		snap->job_written = snap->job.state;
	snap->job_taken = false;
	snapshot_step(snap);
}
