/*
 * snapshot.c
 *		A job and its rounds; see snapshot.h.
 *
 *		idle ─> connecting ─> listing ─> describing ─> exporting ─> looking ─> copying ─> idle
 *
 * snapshot_step() goes from one to the next when what was asked for has come.  Whatever
 * breaks a round ends it; the next one takes up what is not done.
 */
#include "snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crash_point.h"
#include "log.h"
#include "policy.h"
#include "snapshot_parts.h"

#define AGAIN_MS 1000      /* after a table has changed */
#define AGAIN_MAX_MS 60000 /* after trouble */

/* --- ends of a round ----------------------------------------------------------- */

/* No other round is needed, once what was sent is safe. */
static bool
snapshot_has_all(const struct snapshot *snap)
{
	const struct snap_table *table = snap->tables;

	if (snap->stopped || snap->nlate > 0 || snap->job.state != SNAPSHOT_COPYING)
		return false;
	while (table && (table->note.complete || table->state == TABLE_READ))
		table = table->hh.next;
	return table == NULL;
}

static void
snapshot_release(struct snapshot *snap)
{
	snap->lsn = 0;
	if (snap->cfg->snapshot.mode == SNAPSHOT_INITIAL_ONLY && snapshot_has_all(snap))
		return; /* nothing is wanted of what follows */
	pipeline_hold(snap->pl, 0);
	if (snap->streaming)
		snap->events.released(snap->events.arg);
	CRASH_POINT(snapshot_released);
}

/* What is not sent by now is not sent in this round. */
static void
snapshot_end_round(struct snapshot *snap)
{
	snapshot_disconnect(snap);
	if (!snapshot_drop_unsent(snap))
	{
		snap->disturbed = true; /* once the batch is sent that was begun */
		return;
	}
	snap->stage = STAGE_IDLE;
	snap->disturbed = false;
	copy_row_free(snap->copy);
	snap->copy = NULL;
	snap->copy_of = NULL;
	pipeline_close_rows(snap->pl, NULL);
	snap_tables_clear(&snap->listed);
	snapshot_release(snap);
}

static void
snapshot_again(struct snapshot *snap, int64_t delay_ms)
{
	if (!snap->stopped && snapshot_is_due(snap))
		loop_timer_set(snap->loop, &snap->again, delay_ms);
}

void
snapshot_trouble(struct snapshot *snap, const struct err *why)
{
	struct policy_situation sit = {.ran = true};
	struct err              e = *why;
	int64_t                 delay_ms;

	if (snap->stage == STAGE_IDLE || snap->disturbed)
		return;
	if (policy_decide(&e, &sit).action == POLICY_STOP)
	{
		snap->stopped = true;
		snapshot_end_round(snap);
		snap->events.failed(snap->events.arg, &e);
		return;
	}
	delay_ms = AGAIN_MS << (snap->rounds < 6 ? snap->rounds : 6);
	if (delay_ms > AGAIN_MAX_MS)
		delay_ms = AGAIN_MAX_MS;
	snap->rounds++;
	log_err(LOG_WARN, &e,
			"the snapshot goes on in %.0f s with what is missing; changes stream meanwhile",
			(double) delay_ms / 1000);
	snapshot_end_round(snap);
	snapshot_again(snap, delay_ms);
	CRASH_POINT(snapshot_disturbed);
}

void
snapshot_table_failed(struct snapshot *snap, struct snap_table *table, const struct err *why)
{
	if (table->state == TABLE_FAILED)
		return;
	table->state = TABLE_FAILED;
	snap->failures++;
	log_err(LOG_WARN, why, "the other tables go on; what is missing of it is read after them");
	snapshot_step(snap);
}

/* --- what the exported snapshot sees ------------------------------------------- */

/* A table that was made after the listing: its first rows may have come before P. */
void
snapshot_on_seen(struct snapshot *snap, uint32_t relid)
{
	if (snapshot_is_chosen(snap) || snap_table_find(snap->tables, relid) ||
		snap_table_find(snap->listed, relid))
		return;
	snap->late = xrealloc(snap->late, (snap->nlate + 1) * sizeof(*snap->late));
	snap->late[snap->nlate++] = relid;
}

void
snapshot_on_looked(struct snapshot *snap)
{
	struct snap_table *table;

	for (table = snap->tables; table; table = table->hh.next)
		if (table->note.done.count == 0)
			table->note.xmin = snap->xmin;
	snap->next_table = snap->tables;
	snap->stage = STAGE_COPYING;
	CRASH_POINT(snapshot_looked);
	snapshot_connect_readers(snap);
}

/* --- the round ----------------------------------------------------------------- */

bool
snapshot_has_read_all(const struct snapshot *snap)
{
	const struct snap_table *table = snap->next_table;

	for (unsigned i = 0; i < snap->nreaders; i++)
		if (snap->readers[i].batch)
			return false;
	while (table && (table->state != TABLE_READING || snap->pausing))
		table = table->hh.next;
	return table == NULL;
}

bool
snapshot_may_read(struct snapshot *snap)
{
	enum gentle_reason why;

	if (snap->pausing)
		return false;
	if (snap->no_data || gentle_may_read(snap->gentle, loop_now_ms(), &why))
		return true;
	snap->pausing = snap->stage == STAGE_COPYING && why != GENTLE_RATE;
	return false;
}

/* As long as there are rows to be read, what keeps them from being read is watched. */
static void
snapshot_tell_gentle(struct snapshot *snap)
{
	bool wants = snapshot_is_due(snap) && !snap->stopped && !snap->no_data &&
				 (snap->wants || snap->streaming);

	if (wants && !snap->wants)
		gentle_begin(snap->gentle);
	if (!wants && snap->wants)
		gentle_end(snap->gentle);
	snap->wants = wants;
}

static bool
snapshot_is_complete(const struct snapshot *snap)
{
	const struct snap_table *table = snap->tables;

	while (table && table->note.complete)
		table = table->hh.next;
	return table == NULL && snap->nlate == 0;
}

/* All that this round could read is sent: the stream goes on. */
static void
snapshot_round_done(struct snapshot *snap)
{
	struct snap_table *table;
	unsigned           left = 0;

	CRASH_POINT(snapshot_round_done);
	for (table = snap->tables; table; table = table->hh.next)
	{
		if (table->state == TABLE_READ && !table->note.complete && !snap->has_progress)
			table->note.complete = true;
		left += table->state == TABLE_FAILED && snap_table_is_missing(table);
	}
	snapshot_end_round(snap);
	snap->rounds = left > 0 ? snap->rounds + 1 : 0;
	if (left > 0 || snap->nlate > 0)
		snapshot_again(snap, AGAIN_MS << (snap->rounds < 6 ? snap->rounds : 6));
}

/* The job's rows are in Kafka. */
static void
snapshot_finish(struct snapshot *snap)
{
	struct snap_table *table;

	progress_report_end(&snap->report);
	snap->job.state = SNAPSHOT_DONE;
	snap->job.rows = 0;
	for (table = snap->tables; table; table = table->hh.next)
		snap->job.rows += table->note.rows;
	log_info("snapshot is done: %" PRIu64 " tables, %" PRIu64 " rows; %.1f s of this process",
			 snap->job.tables, snap->job.rows,
			 snap->since_ms ? (double) (loop_now_ms() - snap->since_ms) / 1000 : 0.0);
	loop_timer_clear(snap->loop, &snap->again);
	if (!snap->has_progress)
	{
		snap->job_written = SNAPSHOT_DONE;
		snap_tables_clear(&snap->tables);
		return;
	}
	snap->job_dirty = true;
	for (table = snap->tables; table; table = table->hh.next)
		table->dead = table->dirty = true;
	pipeline_touch(snap->pl);
	CRASH_POINT(snapshot_finished);
}

static void
snapshot_begin_round(struct snapshot *snap)
{
	loop_timer_clear(snap->loop, &snap->again);
	snap->stage = STAGE_CONNECTING;
	snap->numbers = 0;
	snap->waiting = snap->pausing = false;
	if (snap->since_ms == 0)
		snap->since_ms = loop_now_ms();
	progress_report_begin(&snap->report, snap->loop, snap->cfg);
	query_connect(snap->readers[0].query, *snap->conninfo, PG_SQL);
	/* The round before may have kept the stream, and the sink has lost what that had sent. */
	pipeline_hold(snap->pl, 0);
	snap->events.released(snap->events.arg);
	CRASH_POINT(snapshot_round_begun);
}

enum rc
conninfo_of_another(struct err *e)
{
	err_set(e, ERR_CONFIG, E1246, "snapshot.conninfo leads to another cluster than source.conninfo");
	return err_hint(e, "Point it at a standby of the source, or at its primary if the source is a "
					   "standby; or leave it out.");
}

/* The first reader is there. */
static void
snapshot_connected(struct snapshot *snap)
{
	struct err e;

	if (snap->other)
	{
		conninfo_of_another(&e);
		snapshot_trouble(snap, &e);
		return;
	}
	if (!query_facts(snap->readers[0].query)->in_recovery)
	{
		snap->stage = STAGE_LISTING;
		snapshot_ask_tables(snap);
		return;
	}
	/* A standby is streamed: what commits where is the same there, so its primary may export. */
	if (snap->conninfo == &snap->cfg->source.conninfo && *snap->cfg->snapshot.conninfo)
	{
		snap->conninfo = &snap->cfg->snapshot.conninfo;
		snapshot_end_round(snap);
		snapshot_again(snap, 0);
		return;
	}
	err_set(&e, ERR_CONFIG, E1241, "a snapshot cannot be taken on a standby");
	err_hint(&e, "Set snapshot.conninfo to its primary, or snapshot.mode = never.");
	snapshot_trouble(snap, &e);
}

static void
snapshot_step_copying(struct snapshot *snap)
{
	if (snap->disturbed)
	{
		snapshot_end_round(snap); /* if nothing is half sent any more, or the stream is lost */
		return;
	}
	snapshot_feed(snap);
	if (!snapshot_has_read_all(snap))
		return;
	if (query_is_ready(snap->control))
		snapshot_disconnect(snap); /* nobody needs the exported snapshot any more */
	/* What the sink loses before it is written down is sent again, at the same position. */
	if (snap->batches == NULL)
		snapshot_round_done(snap);
}

void
snapshot_step(struct snapshot *snap)
{
	snapshot_tell_gentle(snap);
	switch (snap->stage)
	{
		case STAGE_IDLE:
			snap->pausing = false;
			/* Which tables are complete the notes say. */
			if (snap->streaming && !snap->stopped && snapshot_is_due(snap) &&
				snap->again.due_ms == 0 && snapshot_is_noted(snap) &&
				!(snap->job.state == SNAPSHOT_COPYING && snapshot_is_complete(snap)) &&
				snapshot_may_read(snap))
				snapshot_begin_round(snap);
			break;
		case STAGE_CONNECTING:
			if (snap->readers[0].prepared)
				snapshot_connected(snap);
			break;
		case STAGE_DESCRIBING:
			if (snap->described && snap->emitted)
				snapshot_on_described(snap);
			break;
		case STAGE_COPYING: snapshot_step_copying(snap); break;
		case STAGE_OPENING:
			if (snap->next_table == NULL)
				snapshot_round_done(snap);
			break;
		case STAGE_LISTING:
		case STAGE_EXPORTING:
		case STAGE_LOOKING: break;
	}
	if (snap->streaming && snap->stage == STAGE_IDLE && snap->job.state == SNAPSHOT_COPYING &&
		snapshot_is_noted(snap) && snapshot_is_complete(snap))
		snapshot_finish(snap);
	if (snap->job.state == SNAPSHOT_DONE && snap->job_written == SNAPSHOT_DONE && !snap->told)
	{
		snap->told = true;
		CRASH_POINT(snapshot_told);
		snap->events.finished(snap->events.arg);
	}
}

/* --- the job ------------------------------------------------------------------- */

bool
snapshot_is_due(const struct snapshot *snap)
{
	return snap->job.state == SNAPSHOT_LISTING || snap->job.state == SNAPSHOT_COPYING;
}

enum snapshot_state
snapshot_state(const struct snapshot *snap)
{
	return snap->job.state;
}

static void
snapshot_new_job(struct snapshot *snap, const char *mode, enum snapshot_state state)
{
	snap_tables_clear(&snap->tables);
	snap->job = (struct snapshot_note){.state = state, .id = snap->job.id + 1};
	snprintf(snap->job.mode, sizeof(snap->job.mode), "%s", mode);
	snap->no_data = strcmp(mode, "no_data") == 0;
	snap->job_dirty = true;
	snap->told = false;
	snap->since_ms = 0;
	snap->total_rows = 0;
	snap->begun = false;
	if (snap->has_progress)
		pipeline_touch(snap->pl);
}

void
snapshot_begin(struct snapshot *snap, const char *mode)
{
	snapshot_new_job(snap, mode, SNAPSHOT_LISTING);
	snapshot_step(snap);
}

void
snapshot_begin_chosen(struct snapshot *snap, const struct snapshot_choice *choices, size_t count)
{
	snapshot_new_job(snap, SNAPSHOT_CHOSEN, SNAPSHOT_COPYING);
	snap->job.tables = count;
	for (size_t i = 0; i < count; i++)
	{
		struct snap_table *table = snap_table_add(&snap->tables, choices[i].relid);

		table->note.table = xstrdup(choices[i].table);
		table->note.filter = choices[i].filter ? xstrdup(choices[i].filter) : NULL;
		table->note.estimated = choices[i].estimated;
		table->dirty = true;
	}
	snap->stopped = false; /* by a mode that it is not of */
	log_info("snapshot of %zu tables begins", count);
	snapshot_step(snap);
}

bool
snapshot_is_running(const struct snapshot *snap)
{
	return snapshot_is_due(snap) && !snap->stopped;
}

bool
snapshot_is_chosen(const struct snapshot *snap)
{
	return strcmp(snap->job.mode, SNAPSHOT_CHOSEN) == 0;
}

void
snapshot_note_anew(const struct snapshot *snap, const char *mode, struct buf *out)
{
	struct snapshot_note note = {.state = SNAPSHOT_LISTING, .id = snap->job.id + 1};

	snprintf(note.mode, sizeof(note.mode), "%s", mode);
	snapshot_note_write(&note, out);
}

/* What the topic has of a table is what is done, whatever we think. */
static void
table_recall(struct snapshot *snap, struct table_note *found)
{
	struct snap_table *table = snap_table_find(snap->tables, found->relid);

	if (table == NULL)
		table = snap_table_add(&snap->tables, found->relid);
	table_note_free(&table->note);
	table->note = *found;
	snap->begun = snap->begun || table->note.rows > 0;
	*found = (struct table_note){0};
}

/* Ours is newer than what anybody has written down: it goes on from what we know. */
static bool
is_unwritten(const struct snapshot *snap, const struct snapshot_note *found)
{
	return found->id < snap->job.id ||
		   (found->id == snap->job.id && snap->job_dirty && found->state < snap->job.state);
}

void
snapshot_recall(struct snapshot *snap, struct snapshot_found *found, uint64_t position)
{
	struct batch *batch;
	struct batch *next;
	bool          unwritten = is_unwritten(snap, &found->job);
	bool          same =
		snap->stage == STAGE_COPYING && !snap->disturbed && position <= snap->lsn &&
		(unwritten || (found->job.id == snap->job.id && found->job.state == SNAPSHOT_COPYING));

	if (!same && snap->stage != STAGE_IDLE)
		snapshot_end_round(snap);
	if (unwritten)
	{
		snapshot_found_clear(found);
		return;
	}
	if (!same)
	{
		for (batch = snap->batches; batch; batch = next)
		{
			next = batch->next;
			snapshot_batch_free(snap, batch);
		}
		snap_tables_clear(&snap->tables);
		snap->job = found->job;
		snap->no_data = strcmp(snap->job.mode, "no_data") == 0;
		snap->job_dirty = snap->job_taken = false;
		snap->job_written = found->job.state;
	}
	for (uint32_t i = 0; i < found->count; i++)
		if (found->tables[i].id == found->job.id && found->job.state == SNAPSHOT_COPYING)
			table_recall(snap, &found->tables[i]);
	/* A batch may be there after all: its Kafka transaction was committed. */
	for (batch = snap->batches; same && batch; batch = next)
	{
		struct tid_range gap;

		next = batch->next;
		if (batch->state == BATCH_READY && !batch->chunk.again &&
			(!tid_set_gap(&batch->table->note.done, batch->chunk.range.from, &gap) ||
			 gap.from >= batch->chunk.range.end))
		{
			batch->table->batches--;
			snapshot_batch_free(snap, batch);
		}
	}
	snapshot_found_clear(found);
}

void
snapshot_stream_started(struct snapshot *snap)
{
	snap->streaming = true;
	snapshot_step(snap);
}

void
snapshot_stop(struct snapshot *snap)
{
	snap->stopped = true;
	if (snap->stage != STAGE_IDLE)
		snapshot_end_round(snap);
	loop_timer_clear(snap->loop, &snap->again);
	progress_report_end(&snap->report);
	snapshot_tell_gentle(snap);
	CRASH_POINT(snapshot_stopped);
}

/* --- the object ---------------------------------------------------------------- */

static void
on_again(void *arg)
{
	snapshot_step(arg);
}

/* A round of the loop is what is wanted: session.c pumps at its end. */
static void
on_work(void *arg)
{
	snapshot_step(arg);
}

struct snapshot *
snapshot_new(struct loop *loop, const struct config *cfg, struct pipeline *pl,
			 struct gentle *gentle, bool has_progress, const struct snapshot_events *events)
{
	struct snapshot              *snap = xcalloc(1, sizeof(*snap));
	const struct pipeline_listener listener = {.relation = snapshot_on_relation,
											   .message = snapshot_on_message,
											   .written = snapshot_notes_written,
											   .arg = snap};

	snap->loop = loop;
	snap->cfg = cfg;
	snap->conninfo = &cfg->source.conninfo;
	snap->pl = pl;
	snap->gentle = gentle;
	snap->has_progress = has_progress;
	snap->events = *events;
	snap->again = (struct loop_timer){.cb = on_again, .arg = snap};
	snap->work = (struct loop_timer){.cb = on_work, .arg = snap};
	snap->report =
		(struct progress_report){.title = "snapshot", .look = snapshot_progress, .arg = snap};
	snapshot_readers_new(snap);
	pipeline_listen(pl, &listener);
	return snap;
}

void
snapshot_free(struct snapshot *snap)
{
	if (snap == NULL)
		return;
	if (snap->wants)
		gentle_end(snap->gentle);
	loop_timer_clear(snap->loop, &snap->again);
	progress_report_end(&snap->report);
	loop_timer_clear(snap->loop, &snap->work);
	snapshot_readers_free(snap);
	while (snap->batches)
		snapshot_batch_free(snap, snap->batches);
	copy_row_free(snap->copy);
	snap_tables_clear(&snap->tables);
	snap_tables_clear(&snap->listed);
	free(snap->late);
	free(snap);
}
