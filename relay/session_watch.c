/*
 * session_watch.c
 *		What operators see of a session: metrics, and a line now and then.
 */
#include <inttypes.h>

#include "log.h"
#include "producer.h"
#include "session_parts.h"

/* Adds what this sink has done. */
void
session_add_stats(const struct sink *sink, struct sink_stats *sum)
{
	struct sink_stats stats;

	sink->ops->stats(sink, &stats);
	sum->messages += stats.messages;
	sum->bytes += stats.bytes;
	sum->acked += stats.acked;
}

static enum metrics_state
session_metrics_state(const struct session *ses)
{
	switch (ses->state)
	{
		case SESSION_CONNECTING: return METRICS_CONNECTING;
		case SESSION_BACKING_OFF: return METRICS_BACKING_OFF;
		case SESSION_STREAMING: break;
		case SESSION_DRAINING:
		case SESSION_ENDED: return METRICS_DRAINING;
	}
	switch (pipeline_waits_for(ses->pl))
	{
		case WAIT_ACK:
		case WAIT_SINK: return METRICS_WAITING_SINK;
		case WAIT_REGISTRY: return METRICS_WAITING_REGISTRY;
		case WAIT_SCHEMA: return METRICS_SCHEMA_REFUSED;
		case WAIT_ROWS: return METRICS_SNAPSHOT;
		case WAIT_NOTHING: break;
	}
	return METRICS_STREAMING;
}

static struct health_view
session_view(const struct session *ses, const struct source_stats *source)
{
	return (struct health_view){
		.now_ms = loop_now_ms(),
		.streaming = source->streaming,
		.paused = source->paused,
		.frames = source->frames,
		.server_lsn = source->server_lsn,
		.reached_lsn = pipeline_reached(ses->pl),
		.transactions = ack_items(delivery_ack(pipeline_delivery(ses->pl))),
		.unacked = session_outstanding(ses),
		.acked = ses->acked,
	};
}

void
session_look(struct session *ses)
{
	struct source_stats source;
	struct health_view	view;

	source_stats(ses->src, &source);
	view = session_view(ses, &source);
	health_look(&ses->health, &view);
}

static void
session_health(struct session *ses, const struct source_stats *source, struct metrics_health *out)
{
	struct health_view view = session_view(ses, source);
	int64_t			   oldest_us = ack_oldest_us(delivery_ack(pipeline_delivery(ses->pl)));

	health_look(&ses->health, &view);
	out->lag_us = health_lag_us(&ses->health, &view, oldest_us, pipeline_clock_us());
	out->source_stalled_us = 1000 * health_source_stalled_ms(&ses->health, &view, source->silent_ms,
															  source->status_ms);
	out->source_patience_us = 1000 * health_source_patience_ms(source->status_ms);
	out->sink_stalled_us = 1000 * health_sink_stalled_ms(&ses->health, &view);
	out->sink_patience_us = 1000 * HEALTH_SINK_PATIENCE_MS;
	out->ready_lag_us = INT64_C(1000) * ses->cfg->admin.ready_lag_ms;
}

void
session_metrics(void *arg, struct metrics *m)
{
	struct session		 *ses = arg;
	const struct ack	 *ack = delivery_ack(pipeline_delivery(ses->pl));

	m->librdkafka = producer_version();
	m->libpq = pg_library_version();
	m->state = session_metrics_state(ses);
	if (ses->cfg->format.sink == SINK_KAFKA)
		m->kafka = ses->sink_up && !ses->sink_stuck ? PEER_THERE : PEER_AWAY;
	registry_stats(ses->reg, &m->schemas);
	if (m->schemas.requests > 0 && m->schemas.schemas + m->schemas.failures > 0)
		m->registry = ses->registry_down ? PEER_AWAY : PEER_THERE;
	m->refusals = registry_refusals(ses->reg);
	m->dead_letters = pipeline_dead_letters(ses->pl);
	m->detours = detours_list(pipeline_detours(ses->pl));
	source_stats(ses->src, &m->source);
	m->pipeline = *pipeline_stats(ses->pl);
	m->sink = ses->sinks_before;
	if (ses->sink)
		session_add_stats(ses->sink, &m->sink);
	m->gaps_accepted = ses->gaps_accepted;
	snapshot_stats(ses->snap, &m->snapshot);
	gentle_stats(ses->gentle, &m->gentle);
	slot_watch_stats(ses->watch, &m->slot);
	incremental_stats(ses->inc, &m->incremental);
	m->unacked_messages = ack_outstanding(ack);
	m->unacked_transactions = ack_items(ack);
	m->received_lsn = pipeline_received(ses->pl);
	m->confirmed_lsn = session_durable(ses);
	m->confirmed_commit_us = ack_commit_us(ack);
	session_health(ses, &m->source, &m->health);
	m->reconnects = ses->reconnects;
	m->tables = pipeline_tables(ses->pl);
	m->produce_errors = ses->produce_errors;
	if (ses->cfg->format.sink == SINK_KAFKA)
		m->client = &ses->client;
	log_journal(ses->journal);
	m->journal = ses->journal;
}

void
session_on_report(void *arg)
{
	struct session			   *ses = arg;
	const struct pipeline_stats *stats = pipeline_stats(ses->pl);

	if (stats->sent != ses->reported_sent)
		log_info("%.0f messages/s, %.0f transactions/s, %" PRIu64 " in flight, confirmed %X/%X",
				 (double) (stats->sent - ses->reported_sent) * 1000 / REPORT_MS,
				 (double) (stats->transactions - ses->reported_transactions) * 1000 / REPORT_MS,
				 session_outstanding(ses), LSN_PARTS(session_durable(ses)));
	if (stats->encode.skipped != ses->reported_skipped)
		log_warn("%" PRIu64 " deletes were skipped: PostgreSQL logs no old key for tables without a "
				 "replica identity; ALTER TABLE ... REPLICA IDENTITY FULL, or add a primary key",
				 stats->encode.skipped - ses->reported_skipped);
	ses->reported_skipped = stats->encode.skipped;
	ses->reported_sent = stats->sent;
	ses->reported_transactions = stats->transactions;
	loop_timer_set(ses->loop, &ses->report, REPORT_MS);
}

/* --- for a supervisor ------------------------------------------------------ */

/* "streaming, 1200 messages/s, 31 in flight, 0.1 MB behind" */
static void
on_notify_status(void *arg, struct buf *out)
{
	struct session *ses = arg;
	struct metrics	m = {0};
	double			seconds = (double) (loop_now_ms() - ses->notified.at_ms) / 1000;
	uint64_t		behind;

	session_metrics(ses, &m);
	buf_printf(out, "%s", ses->held_since_ms ? "standby: another relay has the slot"
											 : metrics_state_name(m.state));
	if (m.kafka == PEER_AWAY && ses->sink_seen)
		buf_printf(out, ", Kafka cannot be reached");
	if (seconds > 0)
		buf_printf(out, ", %.0f messages/s", (double) (m.pipeline.sent - ses->notified.sent) / seconds);
	buf_printf(out, ", %" PRIu64 " in flight", m.unacked_messages);
	if (m.source.server_lsn > 0)
	{
		behind = m.source.server_lsn > m.confirmed_lsn ? m.source.server_lsn - m.confirmed_lsn : 0;
		buf_printf(out, ", %.1f MB behind, confirmed %X/%X", (double) behind / (1 << 20),
				   LSN_PARTS(m.confirmed_lsn));
	}
	ses->notified.at_ms = loop_now_ms();
	ses->notified.sent = m.pipeline.sent;
}

void
session_open_notify(struct session *ses)
{
	ses->notified = (struct moment){.at_ms = loop_now_ms()};
	ses->notify = notify_new(ses->loop, on_notify_status, ses);
}

/*
 * Up is who streams, with brokers that answer; and who stands by for a slot that another
 * relay has: nobody is to wait until that one dies.
 */
void
session_notify(struct session *ses)
{
	enum metrics_state state;
	bool			   reached;

	if (ses->notify == NULL)
		return;
	reached = ses->cfg->format.sink != SINK_KAFKA || ses->sink_up;
	state = session_metrics_state(ses);
	if ((ses->state == SESSION_STREAMING && reached) || ses->held_since_ms > 0)
		notify_ready(ses->notify);
	/* Not each time that the sink is full for a moment: what peers do to us, and snapshots. */
	if (state != ses->notified.state && (state == METRICS_BACKING_OFF || state == METRICS_STREAMING ||
										 state == METRICS_SNAPSHOT || state == METRICS_SCHEMA_REFUSED) &&
		loop_now_ms() - ses->notified.at_ms >= 1000)
	{
		ses->notified.state = state;
		notify_refresh(ses->notify);
	}
}

/* What was passed over: once for each table and reason, then once a minute. */
void
session_tell_detours(struct session *ses)
{
	struct detours		*detours = pipeline_detours(ses->pl);
	const struct detour *detour;
	uint64_t			 fresh;

	while ((detour = detours_tell(detours, loop_now_ms(), &fresh)) != NULL)
		log_warn("%s: %s; %" PRIu64 " messages of table \"%s\" %s, the last one at %X/%X of the "
				 "transaction committed at %X/%X; %" PRIu64 " since the start",
				 err_code_name(detour->code), detour->why, fresh, detour->table,
				 detour->skipped ? "were skipped" : "became dead letters",
				 LSN_PARTS(detour->last.lsn), LSN_PARTS(detour->last.commit_lsn),
				 detour->messages);
}
