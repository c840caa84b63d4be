/*
 * incremental_watch.c
 *		What people see of an incremental snapshot; see incremental.h.
 */
#include <utlist.h>

#include "incremental_parts.h"

void
incremental_stats(const struct incremental *inc, struct incremental_stats *stats)
{
	*stats = inc->stats;
	stats->paused = inc->job.paused;
	stats->signals = inc->job.nsignals;
	stats->in_flight = incremental_pieces(inc, NULL, PIECE_SENDING);
	for (const struct reading *table = inc->tables; table; table = table->hh.next)
	{
		stats->tables += !table->stopped;
		stats->waiting += table->failures > 0;
	}
}

static const char *
incremental_waits_for(const struct incremental *inc)
{
	if (inc->job.paused)
		return "walrelay snapshot resume";
	if (inc->hidden_since_ms != 0)
		return "transactions under way";
	return gentle_waits_for(inc->gentle);
}

/* How many rows there are is known if it is of each table. */
bool
incremental_progress(void *arg, struct progress_look *look)
{
	const struct incremental *inc = arg;
	struct progress_state    *state = &look->state;
	const struct piece       *piece;
	bool                      known = true;

	state->tables = state->tables_complete = inc->finished;
	state->rows = state->estimated = inc->finished_rows;
	for (const struct reading *table = inc->tables; table; table = table->hh.next)
	{
		state->tables++;
		state->rows += table->note.rows;
		known = known && table->note.estimated >= 0;
		state->estimated += known ? (uint64_t) table->note.estimated : 0;
	}
	DL_FOREACH(inc->pieces, piece)
		state->rows += piece->sent;
	if (!known)
		state->estimated = 0;
	state->waits = incremental_waits_for(inc);
	look->sent = inc->stats.rows;
	look->told = state->waits && !inc->job.paused; /* a pause may be long forgotten */
	return inc->tables != NULL && inc->allowed;
}
