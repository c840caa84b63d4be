/*
 * snapshot_watch.c
 *		What people see of a snapshot: numbers, and a line now and then; see snapshot.h.
 */
#include <inttypes.h>

#include "log.h"
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
}

/* A line now and then, as long as it lasts. */
void
snapshot_on_report(void *arg)
{
	struct snapshot      *snap = arg;
	int64_t               now_ms = loop_now_ms();
	struct snapshot_stats stats;
	double                rate;

	if (!snapshot_is_due(snap))
		return;
	snapshot_stats(snap, &stats);
	rate = (double) (snap->total_rows - snap->reported_rows) * 1000 /
		   (double) (now_ms - snap->reported_ms + 1);
	if (snap->stage == STAGE_EXPORTING)
		log_info("snapshot: PostgreSQL waits for transactions under way");
	else if (stats.estimated > stats.rows && rate > 0)
		log_info("snapshot: %" PRIu64 " of %" PRIu64 " tables, %" PRIu64 " rows, about %.0f%%, "
				 "%.0f rows/s, about %.0f s left",
				 stats.tables_complete, stats.tables, stats.rows,
				 100.0 * (double) stats.rows / (double) stats.estimated, rate,
				 (double) (stats.estimated - stats.rows) / rate);
	else
		log_info("snapshot: %" PRIu64 " of %" PRIu64 " tables, %" PRIu64 " rows, %.0f rows/s",
				 stats.tables_complete, stats.tables, stats.rows, rate);
	snap->reported_rows = snap->total_rows;
	snap->reported_ms = now_ms;
	loop_timer_set(snap->loop, &snap->report, SNAPSHOT_REPORT_MS);
}
