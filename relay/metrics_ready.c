/*
 * metrics_ready.c
 *		Whether the relay is ready, and why not; see metrics.h.
 *
 * Waiting for a sink that has no room just now is what a busy relay does, and waiting for rows
 * of a snapshot what a new one does: both are ready, as long as they come forward.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "metrics.h"

struct reasons_out
{
	metrics_reason *reasons;
	unsigned        count;
};

static void PRINTF_LIKE(2, 3)
reason_add(struct reasons_out *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->reasons[out->count++], sizeof(metrics_reason), fmt, ap);
	va_end(ap);
}

static void
reason_of_state(const struct metrics *m, struct reasons_out *out)
{
	switch (m->state)
	{
		case METRICS_STREAMING:
		case METRICS_SNAPSHOT:
		case METRICS_WAITING_SINK:
		case METRICS_WAITING_REGISTRY: break;
		case METRICS_CONNECTING:
		case METRICS_BACKING_OFF: reason_add(out, "PostgreSQL is not connected"); break;
		case METRICS_DRAINING: reason_add(out, "the relay ends"); break;
		case METRICS_SCHEMA_REFUSED:
			if (m->refusals)
				reason_add(out, "%s: %s; more in /status", err_code_name(m->refusals->why.code),
						   m->refusals->why.msg);
			else
				reason_add(out, "the schema registry refuses a schema");
	}
}

static void
reasons_of_progress(const struct metrics *m, struct reasons_out *out)
{
	const struct metrics_health *health = &m->health;

	if (health->source_stalled_us > 0 && health->source_stalled_us >= health->source_patience_us)
		reason_add(out, "PostgreSQL has sent nothing for %" PRId64 " s, although it should have",
				   health->source_stalled_us / 1000000);
	if (health->sink_stalled_us > 0 && health->sink_stalled_us >= health->sink_patience_us)
		reason_add(out, "no message was acknowledged for %" PRId64 " s, with %" PRIu64 " in flight",
				   health->sink_stalled_us / 1000000, m->unacked_messages);
	if (health->ready_lag_us > 0 && health->lag_us > health->ready_lag_us)
		reason_add(out, "a commit waits for %.1f s, longer than admin.ready.lag, %.1f s",
				   (double) health->lag_us / 1e6, (double) health->ready_lag_us / 1e6);
}

unsigned
metrics_reasons(const struct metrics *m, metrics_reason reasons[METRICS_REASONS])
{
	struct reasons_out out = {.reasons = reasons};

	reason_of_state(m, &out);
	if (m->kafka == PEER_AWAY)
		reason_add(&out, "Kafka is not reachable");
	if (m->registry == PEER_AWAY)
		reason_add(&out, "the schema registry is not reachable");
	reasons_of_progress(m, &out);
	return out.count;
}

bool
metrics_ready(const struct metrics *m)
{
	metrics_reason reasons[METRICS_REASONS];

	return metrics_reasons(m, reasons) == 0;
}
