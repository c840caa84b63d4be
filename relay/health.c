/*
 * health.c
 *		What comes forward; see health.h.
 */
#include "health.h"

/* A server that is idle is asked with every second status message, and answers at once. */
#define STATUS_TIMES 3
#define PATIENCE_LEAST_MS 5000

void
health_begin(struct health *health, int64_t now_ms)
{
	*health = (struct health){.well_ms = now_ms, .moved_ms = now_ms, .acked_ms = now_ms};
}

static bool
is_ahead(const struct health_view *view)
{
	return view->server_lsn > view->reached_lsn;
}

static bool
is_read(const struct health_view *view)
{
	return view->streaming && !view->paused;
}

static bool
is_well(const struct health_view *view)
{
	return is_read(view) && !is_ahead(view) && view->transactions == 0;
}

void
health_look(struct health *health, const struct health_view *view)
{
	if (is_well(view))
		health->well_ms = view->now_ms;
	if (!is_read(view) || !is_ahead(view) || view->frames != health->frames)
		health->moved_ms = view->now_ms;
	if (view->unacked == 0 || view->acked != health->acked)
		health->acked_ms = view->now_ms;
	health->frames = view->frames;
	health->acked = view->acked;
}

int64_t
health_lag_us(const struct health *health, const struct health_view *view, int64_t oldest_us,
			  int64_t now_us)
{
	if (is_well(view))
		return 0;
	if (oldest_us == 0)
		return (view->now_ms - health->well_ms) * 1000;
	return now_us > oldest_us ? now_us - oldest_us : 0;
}

int64_t
health_source_patience_ms(int64_t status_ms)
{
	int64_t patience_ms = STATUS_TIMES * status_ms;

	return patience_ms > PATIENCE_LEAST_MS ? patience_ms : PATIENCE_LEAST_MS;
}

int64_t
health_source_stalled_ms(const struct health *health, const struct health_view *view,
						 int64_t silent_ms, int64_t status_ms)
{
	int64_t behind_ms = view->now_ms - health->moved_ms;

	if (!is_read(view))
		return 0;
	if (silent_ms <= health_source_patience_ms(status_ms))
		silent_ms = 0;
	return silent_ms > behind_ms ? silent_ms : behind_ms;
}

int64_t
health_sink_stalled_ms(const struct health *health, const struct health_view *view)
{
	return view->now_ms - health->acked_ms;
}
