/*
 * snapshot_watch.c
 *		What people see of a snapshot; see snapshot.h.
 */
#include "snapshot_parts.h"

void
snapshot_stats(const struct snapshot *snap, struct snapshot_stats *stats)
{
	*stats = (struct snapshot_stats){.due = snapshot_is_due(snap),
									 .state = snap->job.state,
									 .id = snap->job.id,
									 .reading = snap->stage != STAGE_IDLE,
									 .holding = snap->lsn != 0,
									 .tables = snap->job.tables,
									 .failures = snap->failures,
									 .since_ms = snap->since_ms};
	for (const struct snap_table *table = snap->tables; table; table = table->hh.next)
	{
		stats->tables_complete += table->note.complete;
		stats->rows += table->note.rows;
		stats->estimated += table->note.estimated > 0 ? (uint64_t) table->note.estimated : 0;
	}
	for (const struct batch *batch = snap->batches; batch; batch = batch->next)
		stats->rows += batch->sent;
	if (snap->job.state != SNAPSHOT_DONE)
		return;
	/* Of its tables nothing is kept. */
	stats->tables_complete = stats->tables;
	stats->rows = snap->job.rows;
}

/* --- a bar, or a line now and then --------------------------------------------- */

static const char *
snapshot_waits_for(const struct snapshot *snap)
{
	if (snap->stage == STAGE_EXPORTING)
		return "transactions under way";
	return gentle_waits_for(snap->gentle);
}

bool
snapshot_progress(void *arg, struct progress_look *look)
{
	const struct snapshot *snap = arg;
	struct snapshot_stats  stats;

	snapshot_stats(snap, &stats);
	look->sent = snap->total_rows;
	look->state = (struct progress_state){.tables = stats.tables,
										  .tables_complete = stats.tables_complete,
										  .rows = stats.rows,
										  .estimated = stats.estimated,
										  .waits = snapshot_waits_for(snap)};
	look->told = snap->stage == STAGE_IDLE && look->state.waits;
	return stats.due;
}
