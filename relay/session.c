/*
 * session.c
 *		Connections: made, broken, retried, drained.  See session.h.
 *
 * session_parts.h says what is in which file.  The states are in relay/README.md.  Two kinds of trouble are told apart.  When
 * PostgreSQL goes away, messages in flight stay good: their acknowledgements
 * still count, and the next stream begins behind them.  When a message could not
 * be delivered, nothing in flight counts any more: the sink is made anew and
 * everything behind the acknowledged position comes again.
 *
 * Source and sink report from within their own code.  What they must not lose
 * there is themselves: the stream ends at once, but a broken sink is freed and
 * the next connection made by the retry timer, in a later round.
 */
#include "session.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "admin.h"
#include "buf.h"
#include "crash_point.h"
#include "descriptors.h"
#include "log.h"
#include "policy.h"
#include "preflight.h"
#include "producer.h"
#include "session_parts.h"

#define STEADY_MS 10000 /* a stream that lasted so long was a good one */

/* --- the end ------------------------------------------------------------- */

/* Everything is acknowledged, or time is up: the last word to the server. */
void
session_end(struct session *ses)
{
	if (ses->state == SESSION_ENDED)
		return;
	CRASH_POINT(last_word_due);
	source_confirm(ses->src, session_durable(ses));
	source_stop(ses->src);
	CRASH_POINT(last_word_said);
	log_info("stopped; confirmed %X/%X", LSN_PARTS(session_durable(ses)));
	ses->state = SESSION_ENDED;
	notify_stopping(ses->notify, 0);
	loop_stop(ses->loop);
}

static void
on_drain_limit(void *arg)
{
	struct session *ses = arg;

	log_warn("%" PRIu64 " messages were not acknowledged within shutdown.timeout.ms; "
			 "they will be sent again at the next start",
			 session_outstanding(ses));
	session_end(ses);
}

void
session_drain(struct session *ses)
{
	if (ses->state == SESSION_DRAINING || ses->state == SESSION_ENDED)
		return;
	ses->state = SESSION_DRAINING;
	notify_stopping(ses->notify, ses->cfg->relay.shutdown_ms);
	snapshot_stop(ses->snap);
	incremental_stop(ses->inc);
	if (ses->signals)
		signal_topic_stop(ses->signals);
	loop_timer_clear(ses->loop, &ses->retry);
	loop_timer_set(ses->loop, &ses->drain_limit, ses->cfg->relay.shutdown_ms);
	CRASH_POINT(drain_began);
}

/* Somebody is needed.  What was sent before may still be acknowledged. */
void
session_fail(struct session *ses, const struct err *e)
{
	if (ses->rc == RC_ERR || ses->state == SESSION_ENDED)
		return;
	*ses->result = *e;
	ses->rc = RC_ERR;
	if (ses->sink_broken)
		session_end(ses);
	else
		session_drain(ses);
}

static void
on_terminate(void *arg)
{
	struct session *ses = arg;

	if (ses->state == SESSION_DRAINING) /* asked twice: at once */
		session_end(ses);
	else
	{
		CRASH_POINT(drain_asked);
		log_info("shutting down: no more changes are taken, %" PRIu64 " messages in flight",
				 session_outstanding(ses));
		session_drain(ses);
	}
}

static void
on_hangup(void *arg)
{
	struct session *ses = arg;
	unsigned		refused = registry_ask_again(ses->reg);
	struct err		e;

	log_info("SIGHUP: secrets and certificates are read again; other settings at a start only");
	session_renew_all(ses);
	if (ses->admin && admin_renew(ses->admin, &e) != RC_OK)
		log_err(LOG_WARN, &e, "the certificate that was there before is shown");
	if (refused > 0)
		log_info("asking the schema registry again for %u refused schemas", refused);
}

/* --- trouble --------------------------------------------------------------- */

static void
on_retry(void *arg)
{
	CRASH_POINT(reconnecting);
	session_connect(arg);
}

/*
 * The next pause begins short again if this stream was any good: one that
 * starts and fails at once must not be tried five times a second.
 */
void
session_stream_ended(struct session *ses)
{
	if (ses->state == SESSION_STREAMING &&
		(session_durable(ses) > ses->stream_lsn ||
		 loop_now_ms() - ses->stream_since_ms >= STEADY_MS))
		backoff_reset(&ses->backoff);
}

/*
 * Another relay may go on in our place as long as we wait: what the progress topic says
 * then counts, and exactly once our producer is fenced off.
 */
static void
session_lose_slot(struct session *ses)
{
	ses->recalled = false;
	if (ses->sink_stage == SINK_UNFENCED || !ses->cfg->kafka.exactly_once || ses->sink_broken)
		return;
	ses->sink_broken = true;
	session_forget(ses);
}

static enum policy_action
session_decide(struct session *ses, const struct err *e)
{
	struct policy_situation sit = {.ran = ses->ran,
								   .temporary_slot = ses->cfg->slot.temporary,
								   .passes = ses->passes,
								   .slot_wait_ms = ses->cfg->slot.wait_ms};

	if (e->code == E1210)
		session_lose_slot(ses);
	if (e->code != E1210)
		ses->held_since_ms = 0;
	else if (ses->held_since_ms == 0)
		ses->held_since_ms = loop_now_ms();
	else
		sit.held_ms = loop_now_ms() - ses->held_since_ms;
	return policy_decide(e, &sit).action;
}

/* Whatever failed: the stream is over; again after a while, or never. */
void
session_trouble(struct session *ses, const struct err *why)
{
	struct err e = *why;
	int64_t	   delay;

	if (ses->state == SESSION_ENDED)
		return;
	if (ses->state == SESSION_DRAINING)
	{
		/* Nothing new is wanted; what is in flight may still get through. */
		if (ses->sink_broken)
			session_end(ses);
		return;
	}
	descriptors_blame(&e);
	if (session_decide(ses, &e) == POLICY_STOP && !session_may_be_renewed(ses, &e))
	{
		session_fail(ses, &e);
		return;
	}
	ses->state = SESSION_BACKING_OFF;
	if (ses->passes)
	{
		log_debug("beginning again after %s", err_code_name(e.code));
		loop_timer_set(ses->loop, &ses->retry, 0);
		return;
	}
	delay = backoff_next(&ses->backoff, (uint32_t) rand());
	log_err(LOG_WARN, &e, "trying again in %.1f s", (double) delay / 1000);
	loop_timer_set(ses->loop, &ses->retry, delay);
	CRASH_POINT(backing_off);
}

/* --- source ------------------------------------------------------------------ */

static void
on_source_started(void *arg, const struct source_info *info)
{
	struct session *ses = arg;
	struct position from = delivery_position(pipeline_delivery(ses->pl));

	if (ses->state != SESSION_CONNECTING)
		return; /* told to end meanwhile: frames will be refused */
	if (session_pass_start(ses, info))
		return;
	session_tell_tokens(ses);
	CRASH_POINT(source_started);
	if (info->start_lsn > from.lsn)
		from = (struct position){.lsn = info->start_lsn};
	if (ses->progress)
		session_follow(ses, info);
	ses->reconnects.postgresql += ses->ran;
	ses->ran = true;
	ses->asked = false;
	ses->held_since_ms = 0;
	ses->stream_lsn = from.lsn;
	ses->slot_lsn = info->confirmed_flush;
	ses->stream_since_ms = loop_now_ms();
	session_login_accepted(ses, E1202);
	ses->state = SESSION_STREAMING;
	preflight_go(ses->preflight);
	pipeline_start(ses->pl, ses->sink, &from);
	CRASH_POINT(stream_started);
	if (info->sync_warning)
		log_warn("%s", info->sync_warning);
	if (info->failover_warning)
		log_warn("%s", info->failover_warning);
	if (info->created && !ses->cfg->slot.temporary)
		log_info("created replication slot \"%s\"; changes committed before are not seen",
				 ses->cfg->slot.name);
	log_info("streaming database \"%s\" from slot \"%s\" at %X/%X%s%s", info->database,
			 ses->cfg->slot.name, LSN_PARTS(from.lsn), info->server ? ", " : "",
			 info->server ? info->server : "");
	session_watch_slot(ses, info);
	session_fence(ses);
	(void) session_write_gaps(ses);
}

static void
on_source_asked(void *arg)
{
	struct session *ses = arg;

	ses->asked = true;
}

static void
on_source_noted(void *arg, const char *note)
{
	(void) arg;
	log_info("%s", note);
}

/* Exactly once a part of a transaction can only be given up, with the Kafka transaction that it is in. */
static void
session_check_sink(struct session *ses)
{
	if (ses->sink == NULL || ses->sink_broken || delivery_can_go_on(pipeline_delivery(ses->pl)))
		return;
	ses->sink_broken = true;
	session_forget(ses);
	CRASH_POINT(change_left_half);
}

static void
on_source_stopped(void *arg, const struct err *e)
{
	struct session *ses = arg;

	if (session_pass_refusal(ses, e))
		return;
	CRASH_POINT(source_lost);
	session_stream_ended(ses);
	pipeline_stop(ses->pl);
	CRASH_POINT(stream_given_up);
	session_check_sink(ses);
	session_trouble(ses, e);
}

static enum rc
on_source_frame(void *arg, const void *payload, size_t len)
{
	struct session *ses = arg;
	struct err		e;
	enum rc			rc;

	/*
	 * Draining, or others are not fenced off, or a gap is not written down, or rows of a
	 * snapshot come first: the socket rests, status messages go on.
	 */
	if (ses->state != SESSION_STREAMING || ses->sink_stage != SINK_READY || ses->gaps.count > 0 ||
		pipeline_is_held(ses->pl))
		return RC_AGAIN;
	session_decide_snapshot(ses);
	if (ses->state != SESSION_STREAMING)
		return RC_AGAIN;
	rc = pipeline_frame(ses->pl, payload, len, &e);
	if (rc == RC_AGAIN)
		CRASH_POINT(frame_waits);
	if (rc != RC_ERR)
		return rc;
	if (session_decide(ses, &e) == POLICY_STOP)
	{
		session_fail(ses, &e); /* connected until what was sent is acknowledged */
		return RC_AGAIN;
	}
	session_stream_ended(ses);
	source_abort(ses->src);
	pipeline_stop(ses->pl);
	session_check_sink(ses);
	session_trouble(ses, &e);
	return RC_AGAIN;
}

/* In the place of one that broke, or that could not be made. */
static enum rc
session_renew_sink(struct session *ses, struct err *e)
{
	if (ses->sink)
	{
		session_add_stats(ses->sink, &ses->sinks_before);
		ses->sink->ops->free(ses->sink);
		ses->sink = NULL;
	}
	CRASH_POINT(sink_freed);
	if (session_open_sink(ses, e) != RC_OK)
		return RC_ERR;
	CRASH_POINT(sink_rebuilt);
	return RC_OK;
}

/* A new stream from what is confirmed; a new sink first if the old one broke. */
void
session_connect(struct session *ses)
{
	struct err e;

	(void) session_renew(ses);
	if ((ses->sink_broken || ses->sink == NULL) && session_renew_sink(ses, &e) != RC_OK)
	{
		session_trouble(ses, &e);
		return;
	}
	ses->state = SESSION_CONNECTING;
	session_recall(ses);
}

/* --- rounds -------------------------------------------------------------------- */

static void
on_progress_due(void *arg)
{
	(void) arg; /* on_round() does it */
}

/* Writes the position down if it is time. */
static void
session_write(struct session *ses)
{
	bool	   urgent = ses->asked || ses->state == SESSION_DRAINING || snapshot_is_urgent(ses->snap);
	int64_t	   now_ms = loop_now_ms();
	int64_t	   due_in;
	struct err e;

	if (ses->follows.system_id == 0)
		return; /* of which server a position would be is not known before the first stream */
	if (pipeline_write(ses->pl, ses->sink, now_ms, urgent, &e) == RC_ERR)
	{
		session_fail(ses, &e);
		return;
	}
	due_in = delivery_due_in(pipeline_delivery(ses->pl), now_ms);
	if (due_in > 0)
		loop_timer_set(ses->loop, &ses->progress_due, due_in);
}

static void
on_round(void *arg)
{
	struct session *ses = arg;
	uint64_t		confirmed;

	if (ses->state == SESSION_ENDED)
		return;
	session_notify(ses);
	session_pump_snapshot(ses);
	if (ses->state == SESSION_ENDED)
		return;
	if (ses->sink && !ses->sink_broken && ses->progress && ses->sink_stage == SINK_READY &&
		ses->gaps.count == 0)
		session_write(ses);
	if (ses->sink && !ses->sink_broken)
		ses->sink->ops->flush(ses->sink);
	ses->acked_us = 0;
	session_look(ses);
	session_tell_detours(ses);
	confirmed = session_durable(ses);
	source_confirm(ses->src, confirmed);
	if (delivery_is_settled(pipeline_delivery(ses->pl)))
		ses->asked = false;
	if (pipeline_waits_for(ses->pl) == WAIT_ACK && pipeline_has_room(ses->pl))
		source_resume(ses->src);
	/* The slot may not know it yet, if the topic says it: not before there is a stream. */
	if (ses->cfg->end_lsn && ses->ran && ses->gaps.count == 0 && confirmed >= ses->cfg->end_lsn)
		session_drain(ses);
	/* What is passed and not being written down comes with the next start. */
	if (ses->state == SESSION_DRAINING && ses->gaps.count > 0)
	{
		if (!gap_writer_is_running(ses->gap_writer))
			session_end(ses);
		return;
	}
	/* A transaction that was sent in part will not be finished: its Kafka transaction comes again. */
	if (ses->state == SESSION_DRAINING && !delivery_can_go_on(pipeline_delivery(ses->pl)))
		session_end(ses);
	else if (ses->state == SESSION_DRAINING && delivery_is_settled(pipeline_delivery(ses->pl)))
	{
		CRASH_POINT(drain_settled);
		session_end(ses);
	}
}

static enum rc
session_open(struct session *ses, struct err *e)
{
	const struct source_events src_events = {
		.started = on_source_started,
		.frame = on_source_frame,
		.asked = on_source_asked,
		.noted = on_source_noted,
		.stopped = on_source_stopped,
		.arg = ses,
	};

	if (ses->cfg->format.sink == SINK_KAFKA)
	{
		ses->topics = topics_new();
		if (!ses->cfg->slot.temporary) /* whose next one knows nothing of a position */
			ses->progress = progress_topic_new(ses->loop, ses->cfg, ses->topics,
											   session_on_progress_read, ses);
		ses->gap_writer = gap_writer_new(ses->loop, ses->cfg, session_on_gaps_written, ses);
	}
	if (session_open_registry(ses, e) != RC_OK ||
		session_open_sink(ses, e) != RC_OK ||
		source_new(ses->loop, ses->cfg, &src_events, &ses->src, e) != RC_OK)
		return RC_ERR;
	ses->pl = pipeline_new(ses->cfg, ses->reg, ses->progress);
	if (ses->cfg->format.schema_changes && ses->cfg->format.sink == SINK_KAFKA)
		ses->hist = history_new(ses->loop, ses->cfg, session_on_history_read, ses);
	if (ses->cfg->format.schema_changes)
		pipeline_tell_schema_changes(ses->pl, ses->hist);
	session_open_watch(ses);
	session_open_snapshot(ses);
	if (admin_new(ses->loop, ses->cfg, session_metrics, ses, &ses->admin, e) !=
		RC_OK)
		return RC_ERR;
	if (ses->admin)
		log_info("metrics and health at %s://%s/metrics", admin_scheme(ses->admin),
				 admin_address(ses->admin));
	if (ses->admin && admin_is_open(ses->admin))
		log_warn("whoever reaches %s may read metrics and status, with names of tables and schemas: set "
				 "admin.basic.auth.user.info, or let admin.listen be an address of this machine only",
				 admin_address(ses->admin));
	session_open_notify(ses);
	CRASH_POINT(session_opened);
	return RC_OK;
}

static void
session_close(struct session *ses)
{
	loop_timer_clear(ses->loop, &ses->retry);
	loop_timer_clear(ses->loop, &ses->drain_limit);
	loop_timer_clear(ses->loop, &ses->report);
	loop_timer_clear(ses->loop, &ses->progress_due);
	loop_timer_clear(ses->loop, &ses->renewal);
	admin_free(ses->admin);
	preflight_free(ses->preflight);
	notify_free(ses->notify);
	gap_writer_free(ses->gap_writer);
	gap_list_clear(&ses->gaps);
	snapshot_free(ses->snap);
	signal_topic_free(ses->signals);
	incremental_free(ses->inc);
	gentle_free(ses->gentle);
	slot_watch_free(ses->watch);
	if (ses->src)
		source_free(ses->src);
	pipeline_free(ses->pl);
	progress_topic_free(ses->progress);
	history_free(ses->hist);
	if (ses->sink)
		ses->sink->ops->free(ses->sink);
	if (!sink_kafka_settle())
		log_warn("a Kafka transaction could not be aborted: readers of what is committed wait for "
				 "it until walrelay starts again, or for transaction.timeout.ms");
	topics_free(ses->topics);
	registry_free(ses->reg);
	free(ses->journal);
	CRASH_POINT(session_closed);
}

enum rc
session_run(struct loop *loop, struct config *cfg, struct err *e)
{
	struct session ses = {.loop = loop, .cfg = cfg, .settings = cfg, .result = e, .rc = RC_OK};

	/* librdkafka's threads would each get a heap of their own, which never shrinks. */
	mallopt(M_ARENA_MAX, 2);
	srand((unsigned) time(NULL) ^ (unsigned) getpid());
	ses.journal = xcalloc(1, sizeof(*ses.journal));
	health_begin(&ses.health, loop_now_ms());
	ses.backoff = (struct backoff){.min_ms = cfg->relay.backoff_min_ms,
								   .max_ms = cfg->relay.backoff_max_ms};
	ses.retry = (struct loop_timer){.cb = on_retry, .arg = &ses};
	ses.drain_limit = (struct loop_timer){.cb = on_drain_limit, .arg = &ses};
	ses.progress_due = (struct loop_timer){.cb = on_progress_due, .arg = &ses};
	ses.renewal = (struct loop_timer){.cb = session_on_renewal_due, .arg = &ses};
	ses.report = (struct loop_timer){.cb = session_on_report, .arg = &ses};
	ses.preflight = preflight_new(loop, cfg); /* before there is a thread */
	if (session_open(&ses, e) == RC_OK)
	{
		loop_on_signal(loop, SIGTERM, on_terminate, &ses);
		loop_on_signal(loop, SIGINT, on_terminate, &ses);
		loop_on_signal(loop, SIGHUP, on_hangup, &ses);
		loop_on_round(loop, on_round, &ses);
		loop_timer_set(loop, &ses.report, REPORT_MS);
		if (cfg->format.sink == SINK_KAFKA && producer_version_warning())
			log_warn("%s", producer_version_warning());
		session_connect(&ses);
		loop_run(loop);
	}
	else
		ses.rc = RC_ERR;
	if (ses.rc == RC_ERR && ses.pl)
		session_hint_gap(&ses, e);
	session_close(&ses);
	return ses.rc;
}
