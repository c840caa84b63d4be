/*
 * snapshot_watch.c
 *		What people see of a snapshot: numbers, and a bar on a terminal, elsewhere a line now and
 *		then; see snapshot.h.
 */
#include <unistd.h>

#include "log.h"
#include "progress_bar.h"
#include "snapshot_parts.h"

#define BAR_MS 1000
#define LINE_MS 10000

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

/* --- a bar, or a line now and then --------------------------------------------- */

/* Where it does not stand in the way of what is printed. */
static unsigned
bar_columns(const struct snapshot *snap)
{
	bool prints = snap->cfg->format.sink == SINK_STDOUT && isatty(STDOUT_FILENO);

	return prints ? 0 : log_footer_columns();
}

static const char *
snapshot_waits_for(const struct snapshot *snap)
{
	struct gentle_stats waits;

	gentle_stats(snap->gentle, &waits);
	if (snap->stage == STAGE_EXPORTING)
		return "transactions under way";
	if (waits.window)
		return "snapshot.window";
	if (waits.retained)
		return "less WAL to be kept";
	return NULL;
}

static void
snapshot_draw(struct snapshot *snap, struct progress_state *state, unsigned columns)
{
	struct buf text = {0};

	/* A step a second is too lively to tell what is left by. */
	snap->rate = snap->rate > 0 ? 0.85 * snap->rate + 0.15 * state->rate : state->rate;
	state->rate = snap->rate;
	state->waits = snapshot_waits_for(snap);
	progress_bar_text(state, columns, &text);
	log_footer(buf_cstr(&text));
	buf_free(&text);
}

static void
snapshot_say(const struct snapshot *snap, const struct progress_state *state)
{
	struct buf text = {0};

	if (snap->stage == STAGE_EXPORTING)
		log_info("snapshot: PostgreSQL waits for transactions under way");
	else if (snap->stage != STAGE_IDLE || snapshot_waits_for(snap) == NULL) /* which was told */
	{
		progress_line_text(state, &text);
		log_info("snapshot: %s", buf_cstr(&text));
	}
	buf_free(&text);
}

static void
on_report(void *arg)
{
	struct snapshot      *snap = arg;
	int64_t               now_ms = loop_now_ms();
	unsigned              columns = bar_columns(snap);
	struct snapshot_stats stats;
	struct progress_state state;

	if (!snapshot_is_due(snap))
	{
		snapshot_report_end(snap);
		return;
	}
	snapshot_stats(snap, &stats);
	state = (struct progress_state){.tables = stats.tables,
									.tables_complete = stats.tables_complete,
									.rows = stats.rows,
									.estimated = stats.estimated,
									.rate = (double) (snap->total_rows - snap->reported_rows) *
											1000 / (double) (now_ms - snap->reported_ms + 1)};
	if (columns > 0)
		snapshot_draw(snap, &state, columns);
	else
		snapshot_say(snap, &state);
	snap->reported_rows = snap->total_rows;
	snap->reported_ms = now_ms;
	loop_timer_set(snap->loop, &snap->report, columns > 0 ? BAR_MS : LINE_MS);
}

void
snapshot_report_begin(struct snapshot *snap)
{
	if (snap->report.due_ms > 0)
		return;
	snap->report = (struct loop_timer){.cb = on_report, .arg = snap};
	snap->reported_rows = snap->total_rows;
	snap->reported_ms = loop_now_ms();
	loop_timer_set(snap->loop, &snap->report, bar_columns(snap) > 0 ? BAR_MS : LINE_MS);
}

void
snapshot_report_end(struct snapshot *snap)
{
	loop_timer_clear(snap->loop, &snap->report);
	log_footer("");
}
