/*
 * session.c
 *		Connections: made, broken, retried, drained.  See session.h.
 *
 * The states are in relay/README.md.  Two kinds of trouble are told apart.  When
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
#include "backoff.h"
#include "buf.h"
#include "crash_point.h"
#include "log.h"
#include "pipeline.h"
#include "policy.h"
#include "producer.h"
#include "progress_topic.h"
#include "source.h"

#define REPORT_MS 60000
#define STEADY_MS 10000 /* a stream that lasted so long was a good one */

enum session_state
{
	SESSION_CONNECTING,
	SESSION_STREAMING,
	SESSION_BACKING_OFF,
	SESSION_DRAINING,
	SESSION_ENDED
};

/* Exactly once a sink may be sent to when no other relay produces any more. */
enum sink_stage
{
	SINK_UNFENCED,
	SINK_FENCING,
	SINK_FENCED, /* what the progress topic says is final, and is being read */
	SINK_READY
};

struct session
{
	struct loop			*loop;
	const struct config *cfg;
	struct registry		*reg;
	struct sink			*sink;
	struct source		*src;
	struct pipeline		*pl;
	struct history		*hist;	/* NULL: no schema changes are told, or not to Kafka */
	struct topics		*topics;	 /* what they are like; NULL with progress */
	struct progress_topic *progress; /* NULL: the sink is not Kafka */
	bool				 recalled;	 /* the progress topic was read, exactly once for this sink */
	struct position		 found;		 /* there; lsn 0: nothing */
	enum sink_stage		 sink_stage;
	bool				 asked;		 /* the server waits to hear the position */
	struct admin		*admin; /* NULL: none */
	enum session_state	 state;
	struct backoff		 backoff;
	bool				 ran;		  /* some stream has started */
	uint64_t			 stream_lsn;	  /* where the stream began */
	int64_t				 stream_since_ms; /* loop time */
	int64_t				 held_since_ms;	  /* the slot is active elsewhere; 0: it is not */
	bool				 sink_seen;	  /* it was reachable once */
	bool				 sink_up;	  /* it is reachable now */
	bool				 sink_broken; /* make it anew before the next stream */
	bool				 passes;	  /* what it broke of is passed over the next time */
	uint32_t			 batch_bytes; /* batches were refused; 0: none was */
	bool				 registry_down;
	struct sink_stats	 sinks_before; /* of sinks that broke */
	struct loop_timer	 retry;
	struct loop_timer	 drain_limit;
	struct loop_timer	 report;
	struct loop_timer	 progress_due;
	struct err			*result; /* session_run's *e */
	enum rc				 rc;

	uint64_t reported_sent; /* at the last report */
	uint64_t reported_transactions;
	uint64_t reported_skipped;
};

static void session_connect(struct session *ses);
static void session_recall_again(struct session *ses);

static uint64_t
session_durable(const struct session *ses)
{
	return delivery_durable(pipeline_delivery(ses->pl));
}

static uint64_t
session_outstanding(const struct session *ses)
{
	return ack_outstanding(delivery_ack(pipeline_delivery(ses->pl)));
}

/* --- the end ------------------------------------------------------------- */

/* Everything is acknowledged, or time is up: the last word to the server. */
static void
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

/* No more frames; on_round() ends it when nothing is in flight. */
static void
session_drain(struct session *ses)
{
	if (ses->state == SESSION_DRAINING || ses->state == SESSION_ENDED)
		return;
	ses->state = SESSION_DRAINING;
	loop_timer_clear(ses->loop, &ses->retry);
	loop_timer_set(ses->loop, &ses->drain_limit, ses->cfg->relay.shutdown_ms);
	CRASH_POINT(drain_began);
}

/* Somebody is needed.  What was sent before may still be acknowledged. */
static void
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

	log_info("SIGHUP: settings are read at start only; restart to change them");
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
static void
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
	pipeline_forget(ses->pl);
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
static void
session_trouble(struct session *ses, const struct err *e)
{
	int64_t delay;

	if (ses->state == SESSION_ENDED)
		return;
	if (ses->state == SESSION_DRAINING)
	{
		/* Nothing new is wanted; what is in flight may still get through. */
		if (ses->sink_broken)
			session_end(ses);
		return;
	}
	if (session_decide(ses, e) == POLICY_STOP)
	{
		session_fail(ses, e);
		return;
	}
	ses->state = SESSION_BACKING_OFF;
	if (ses->passes)
	{
		log_debug("beginning again after %s", err_code_name(e->code));
		loop_timer_set(ses->loop, &ses->retry, 0);
		return;
	}
	delay = backoff_next(&ses->backoff, (uint32_t) rand());
	log_err(LOG_WARN, e, "trying again in %.1f s", (double) delay / 1000);
	loop_timer_set(ses->loop, &ses->retry, delay);
	CRASH_POINT(backing_off);
}

/* --- source ------------------------------------------------------------------ */

/* Positions that are written from now on are this server's. */
static void
session_follow(struct session *ses, const struct source_info *info)
{
	struct progress of = {
		.system_id = info->system_id,
		.timeline = info->timeline,
		.began_lsn = info->standby ? info->start_lsn : 0,
		.settings = config_fingerprint(ses->cfg),
		.exactly_once = ses->cfg->kafka.exactly_once,
	};

	snprintf(of.database, sizeof(of.database), "%s", info->database);
	progress_topic_follow(ses->progress, &of);
}

/* Only with the slot in our hands: a relay that would only wait for it must not fence anybody. */
static void
session_fence(struct session *ses)
{
	if (ses->sink_stage == SINK_FENCED)
		session_recall_again(ses);
	if (ses->sink_stage != SINK_UNFENCED)
		return;
	ses->sink_stage = SINK_FENCING;
	ses->sink->ops->fence(ses->sink);
	CRASH_POINT(fence_asked);
}

static void
on_source_started(void *arg, const struct source_info *info)
{
	struct session *ses = arg;
	struct position from = delivery_position(pipeline_delivery(ses->pl));

	if (ses->state != SESSION_CONNECTING)
		return; /* told to end meanwhile: frames will be refused */
	CRASH_POINT(source_started);
	if (info->start_lsn > from.lsn)
		from = (struct position){.lsn = info->start_lsn};
	if (ses->progress)
		session_follow(ses, info);
	ses->ran = true;
	ses->asked = false;
	ses->held_since_ms = 0;
	ses->stream_lsn = from.lsn;
	ses->stream_since_ms = loop_now_ms();
	ses->state = SESSION_STREAMING;
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
	session_fence(ses);
}

static void
on_source_asked(void *arg)
{
	struct session *ses = arg;

	ses->asked = true;
}

/* Exactly once a change that was sent in half can only be given up, with its Kafka transaction. */
static void
session_check_sink(struct session *ses)
{
	if (ses->sink == NULL || ses->sink_broken || delivery_can_go_on(pipeline_delivery(ses->pl)))
		return;
	ses->sink_broken = true;
	pipeline_forget(ses->pl);
	CRASH_POINT(change_left_half);
}

static void
on_source_stopped(void *arg, const struct err *e)
{
	struct session *ses = arg;

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

	/* Draining, or others are not fenced off: the socket rests, status messages go on. */
	if (ses->state != SESSION_STREAMING || ses->sink_stage != SINK_READY)
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

/* --- sink and registry ------------------------------------------------------- */

static void
on_sink_acked(void *arg, uint32_t item, uint32_t count)
{
	struct session *ses = arg;
	struct err		e;

	if (pipeline_acked(ses->pl, item, count))
		return;
	err_set(&e, ERR_FATAL, E2005, "an acknowledgement came for a message that was not sent");
	session_fail(ses, &e);
}

/*
 * By on.error: a message that is refused alone is passed over the next time; of several in
 * a batch nobody knows which, or whether any, so the next batches are smaller.
 */
static void
on_sink_refused(void *arg, const struct sink_refusal *refusal, const struct err *e)
{
	struct session *ses = arg;

	if (policy_record(e, ses->cfg->relay.on_error) == POLICY_STOP)
		return;
	if (refusal->messages == 1)
	{
		ses->passes = pipeline_refused(ses->pl, refusal->label, e);
		return;
	}
	ses->passes = true;
	ses->batch_bytes = (uint32_t) (refusal->bytes / 4 < UINT32_MAX ? refusal->bytes / 4 : UINT32_MAX);
	if (ses->batch_bytes == 0)
		ses->batch_bytes = 1;
	log_err(LOG_WARN, e,
			"%" PRIu32 " records of %" PRIu64 " bytes were refused together; batches have at most %" PRIu32
			" bytes until the next start",
			refusal->messages, refusal->bytes, ses->batch_bytes);
}

static void
on_sink_failed(void *arg, const struct err *e)
{
	struct session *ses = arg;

	CRASH_POINT(sink_failed);
	ses->sink_broken = true;
	session_stream_ended(ses);
	if (e->code == E2007 && e->class == ERR_FATAL && ses->cfg->format.sink == SINK_STDOUT)
	{
		session_end(ses); /* the reader has seen enough: walrelay tail | head */
		return;
	}
	source_abort(ses->src);
	pipeline_forget(ses->pl);
	CRASH_POINT(messages_forgotten);
	session_trouble(ses, e);
	ses->passes = false;
}

static void
on_sink_ready(void *arg)
{
	struct session *ses = arg;

	CRASH_POINT(fence_ended);
	ses->sink_stage = SINK_FENCED;
	session_recall_again(ses);
}

static void
on_sink_committed(void *arg)
{
	struct session *ses = arg;

	pipeline_committed(ses->pl);
}

static void
on_sink_writable(void *arg)
{
	struct session *ses = arg;

	if (pipeline_waits_for(ses->pl) == WAIT_SINK)
		source_resume(ses->src);
}

/* Why it could not be read the pipeline learns, which asks again. */
static void
on_history_read(void *arg)
{
	struct session *ses = arg;

	CRASH_POINT(history_read);
	if (history_topic(ses->hist))
		log_info("read %" PRIu64 " records of topic \"%s\" back", history_records(ses->hist),
				 history_topic(ses->hist));
	if (pipeline_waits_for(ses->pl) == WAIT_SINK)
		source_resume(ses->src);
}

/* A broker that never was there is a wrong address; later it is a state. */
static void
on_sink_state(void *arg, bool up, const struct err *why)
{
	struct session *ses = arg;

	ses->sink_up = up;
	if (up)
	{
		log_info("Kafka is reachable");
		ses->sink_seen = true;
	}
	else if (!ses->sink_seen)
		session_fail(ses, why);
	else
		log_err(LOG_WARN, why, "changes wait in PostgreSQL until a broker answers");
}

/* librdkafka's own words: for whoever debugs, not for operators. */
static void
on_sink_log(void *arg, int level, const char *text)
{
	(void) arg;
	(void) level;
	log_debug("librdkafka: %s", text);
}

static void
on_registry_ready(void *arg)
{
	struct session *ses = arg;

	if (pipeline_waits_for(ses->pl) == WAIT_REGISTRY || pipeline_waits_for(ses->pl) == WAIT_SCHEMA)
		source_resume(ses->src);
}

static void
on_registry_state(void *arg, bool up, const struct err *why)
{
	struct session *ses = arg;

	ses->registry_down = !up;
	if (up)
		log_info("the schema registry is reachable again");
	else
		log_err(LOG_WARN, why, "changes wait in PostgreSQL until the registry answers");
}

/* The whole text once, then a reminder; schemas are no row values, and whole at debug level. */
static void
on_schema_refused(void *arg, const struct refusal *refusal, bool again)
{
	struct session	 *ses = arg;
	const struct err *why = &refusal->why;

	if (again)
	{
		log_warn("%s: still so: %s; all of it is in /status", err_code_name(why->code), why->msg);
		return;
	}
	if (config_on_refusal(ses->cfg) == ON_ERROR_SKIP)
		log_err(LOG_WARN, why, "changes that need this schema are skipped; the others go on");
	else if (config_on_refusal(ses->cfg) == ON_ERROR_DEAD_LETTER)
		log_err(LOG_WARN, why, "changes that need this schema go to topic %s%s%s; the others go on",
				ses->cfg->kafka.topic_prefix, ses->cfg->kafka.topic_delimiter,
				ses->cfg->kafka.topic_dead_letter);
	else
		log_err(LOG_ERROR, why,
				"all changes from the first that needs this schema on wait in PostgreSQL until "
				"the registry accepts it");
	log_debug("our schema of subject \"%s\": %s", refusal->subject, refusal->schema);
	if (refusal->registered)
		log_debug("registered schema of subject \"%s\": %s", refusal->subject,
				  refusal->registered);
}

static void
on_schema_accepted(void *arg, const char *subject)
{
	(void) arg;
	log_info("the schema registry has accepted the schema of subject \"%s\"", subject);
}

static enum rc
session_open_sink(struct session *ses, struct err *e)
{
	const struct sink_events events = {.acked = on_sink_acked,
									   .refused = on_sink_refused,
									   .batch_bytes = ses->batch_bytes,
									   .failed = on_sink_failed,
									   .ready = on_sink_ready,
									   .committed = on_sink_committed,
									   .writable = on_sink_writable,
									   .state = on_sink_state,
									   .log = on_sink_log,
									   .arg = ses};

	ses->sink_broken = false;
	ses->sink_up = false;
	ses->sink_stage = ses->cfg->kafka.exactly_once ? SINK_UNFENCED : SINK_READY;
	if (ses->cfg->kafka.exactly_once)
		ses->recalled = false; /* the old one's last transaction may have been committed after all */
	if (ses->cfg->format.sink == SINK_KAFKA)
		return sink_kafka_new(ses->loop, ses->cfg, ses->topics, &events, &ses->sink, e);
	return sink_json_new(ses->loop, ses->cfg, registry_prefix_len(ses->reg), &events, &ses->sink,
						 e);
}

/* Adds what this sink has done. */
static void
sink_add_stats(const struct sink *sink, struct sink_stats *sum)
{
	struct sink_stats stats;

	sink->ops->stats(sink, &stats);
	sum->messages += stats.messages;
	sum->bytes += stats.bytes;
	sum->acked += stats.acked;
}

/* What the progress topic says of the slot: where the stream begins, and of which server. */
static enum rc
session_take(struct session *ses, const struct progress *found, struct err *e)
{
	struct lineage past = {
		.streamed = true,
		.system_id = found->system_id,
		.timeline = found->timeline,
		.standby = found->began_lsn != 0,
		.began_lsn = found->began_lsn,
		.reported = found->pos.lsn,
	};

	ses->recalled = true;
	ses->found = found->pos;
	if (found->pos.lsn == 0)
	{
		log_info("topic \"%s\" has no position of slot \"%s\": the stream begins where the slot "
				 "stands",
				 progress_topic_name(ses->progress), ses->cfg->slot.name);
		return RC_OK;
	}
	if (found->pos.commit_lsn && found->settings != config_fingerprint(ses->cfg))
	{
		err_set(e, ERR_CONFIG, E1220,
				"a transaction was delivered in part under other settings");
		err_detail(e,
				   "%" PRIu64 " changes of the transaction with its commit at %X/%X are in Kafka; "
				   "under these settings, or this release, it may become other messages.",
				   found->pos.changes, LSN_PARTS(found->pos.commit_lsn));
		return err_hint(e, "Run with the settings of [tables], [format] and topic.*, and the "
						   "release, that it was begun with, until it is through.");
	}
	/* At least once, after others may have had the slot: they did not get further than we did. */
	if (ses->ran && !ses->cfg->kafka.exactly_once && found->pos.lsn <= session_durable(ses))
		return RC_OK;
	pipeline_recalled(ses->pl, &found->pos);
	source_remember(ses->src, &past);
	return RC_OK;
}

static void
session_recall(struct session *ses)
{
	struct progress found;
	struct err		e;
	enum rc			rc = RC_OK;

	if (ses->progress && !ses->recalled)
	{
		rc = progress_topic_recall(ses->progress, &found, &e);
		if (rc == RC_OK)
			rc = session_take(ses, &found, &e);
		else if (rc == RC_AGAIN)
			CRASH_POINT(recall_began);
	}
	if (rc == RC_ERR)
		session_trouble(ses, &e);
	if (rc != RC_OK)
		return;
	CRASH_POINT(recall_ended);
	source_start(ses->src, delivery_position(pipeline_delivery(ses->pl)).lsn);
	CRASH_POINT(source_starting);
}

/*
 * Exactly once.  We hold the slot, so that no other relay does, and those that did
 * are fenced off: what the topic says now is final.  If one of them has got a
 * transaction through in the meantime, the stream began too early.
 */
static void
session_recall_again(struct session *ses)
{
	struct progress found;
	struct err		e;
	enum rc			rc;

	if (ses->state != SESSION_STREAMING)
		return; /* when the next stream has started */
	rc = progress_topic_recall(ses->progress, &found, &e);
	if (rc == RC_AGAIN)
		return;
	CRASH_POINT(recalled_again);
	if (rc == RC_OK)
		ses->sink_stage = SINK_READY;
	if (rc == RC_OK && found.pos.lsn == ses->found.lsn && found.pos.changes == ses->found.changes)
	{
		CRASH_POINT(sink_ready);
		source_resume(ses->src);
		return;
	}
	source_abort(ses->src);
	pipeline_stop(ses->pl);
	if (rc == RC_OK)
		rc = session_take(ses, &found, &e);
	if (rc == RC_ERR)
		session_trouble(ses, &e);
	else
		session_connect(ses);
}

static void
on_progress_read(void *arg)
{
	struct session *ses = arg;

	if (ses->sink_stage == SINK_FENCED)
		session_recall_again(ses);
	else if (ses->state == SESSION_CONNECTING)
		session_recall(ses);
}

/* In the place of one that broke, or that could not be made. */
static enum rc
session_renew_sink(struct session *ses, struct err *e)
{
	if (ses->sink)
	{
		sink_add_stats(ses->sink, &ses->sinks_before);
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
static void
session_connect(struct session *ses)
{
	struct err e;

	if ((ses->sink_broken || ses->sink == NULL) && session_renew_sink(ses, &e) != RC_OK)
	{
		session_trouble(ses, &e);
		return;
	}
	ses->state = SESSION_CONNECTING;
	session_recall(ses);
}

/* --- what operators see --------------------------------------------------------- */

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
		case WAIT_NOTHING: break;
	}
	return METRICS_STREAMING;
}

static void
session_snapshot(void *arg, struct metrics *m)
{
	const struct session *ses = arg;
	const struct ack	 *ack = delivery_ack(pipeline_delivery(ses->pl));

	m->librdkafka = producer_version();
	m->libpq = pg_library_version();
	m->state = session_metrics_state(ses);
	if (ses->cfg->format.sink == SINK_KAFKA)
		m->kafka = ses->sink_up ? PEER_THERE : PEER_AWAY;
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
		sink_add_stats(ses->sink, &m->sink);
	m->unacked_messages = ack_outstanding(ack);
	m->unacked_transactions = ack_items(ack);
	m->received_lsn = pipeline_received(ses->pl);
	m->confirmed_lsn = session_durable(ses);
	m->confirmed_commit_us = ack_commit_us(ack);
}

/* --- rounds -------------------------------------------------------------------- */

static void
on_report(void *arg)
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

static void
on_progress_due(void *arg)
{
	(void) arg; /* on_round() does it */
}

/* Writes the position down if it is time. */
static void
session_write(struct session *ses)
{
	bool	   urgent = ses->asked || ses->state == SESSION_DRAINING;
	int64_t	   now_ms = loop_now_ms();
	int64_t	   due_in;
	struct err e;

	if (pipeline_write(ses->pl, ses->sink, now_ms, urgent, &e) == RC_ERR)
	{
		session_fail(ses, &e);
		return;
	}
	due_in = delivery_due_in(pipeline_delivery(ses->pl), now_ms);
	if (due_in > 0)
		loop_timer_set(ses->loop, &ses->progress_due, due_in);
}

/* What was passed over: once for each table and reason, then once a minute. */
static void
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

static void
on_round(void *arg)
{
	struct session *ses = arg;
	uint64_t		confirmed;

	if (ses->state == SESSION_ENDED)
		return;
	if (ses->sink && !ses->sink_broken && ses->progress && ses->sink_stage == SINK_READY)
		session_write(ses);
	if (ses->sink && !ses->sink_broken)
		ses->sink->ops->flush(ses->sink);
	session_tell_detours(ses);
	confirmed = session_durable(ses);
	source_confirm(ses->src, confirmed);
	if (delivery_is_settled(pipeline_delivery(ses->pl)))
		ses->asked = false;
	if (pipeline_waits_for(ses->pl) == WAIT_ACK && pipeline_has_room(ses->pl))
		source_resume(ses->src);
	/* The slot may not know it yet, if the topic says it: not before there is a stream. */
	if (ses->cfg->end_lsn && ses->ran && confirmed >= ses->cfg->end_lsn)
		session_drain(ses);
	if (ses->state == SESSION_DRAINING && delivery_is_settled(pipeline_delivery(ses->pl)))
	{
		CRASH_POINT(drain_settled);
		session_end(ses);
	}
}

static enum rc
session_open(struct session *ses, struct err *e)
{
	const struct registry_events reg_events = {
		.ready = on_registry_ready,
		.state = on_registry_state,
		.refused = on_schema_refused,
		.accepted = on_schema_accepted,
		.arg = ses,
	};
	const struct source_events	 src_events = {
		.started = on_source_started,
		.frame = on_source_frame,
		.asked = on_source_asked,
		.stopped = on_source_stopped,
		.arg = ses,
	};

	if (ses->cfg->format.sink == SINK_KAFKA)
	{
		ses->topics = topics_new();
		ses->progress = progress_topic_new(ses->loop, ses->cfg, ses->topics, on_progress_read, ses);
	}
	if (registry_new(ses->loop, ses->cfg, &reg_events, &ses->reg, e) != RC_OK ||
		session_open_sink(ses, e) != RC_OK ||
		source_new(ses->loop, ses->cfg, &src_events, &ses->src, e) != RC_OK)
		return RC_ERR;
	ses->pl = pipeline_new(ses->cfg, ses->reg, ses->progress);
	if (ses->cfg->format.schema_changes && ses->cfg->format.sink == SINK_KAFKA)
		ses->hist = history_new(ses->loop, ses->cfg, on_history_read, ses);
	if (ses->cfg->format.schema_changes)
		pipeline_tell_schema_changes(ses->pl, ses->hist);
	if (admin_new(ses->loop, ses->cfg->admin.listen, session_snapshot, ses, &ses->admin, e) !=
		RC_OK)
		return RC_ERR;
	if (ses->admin)
		log_info("metrics and health at http://%s/metrics", admin_address(ses->admin));
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
	admin_free(ses->admin);
	if (ses->src)
		source_free(ses->src);
	pipeline_free(ses->pl);
	progress_topic_free(ses->progress);
	history_free(ses->hist);
	if (ses->sink)
		ses->sink->ops->free(ses->sink);
	topics_free(ses->topics);
	registry_free(ses->reg);
	CRASH_POINT(session_closed);
}

enum rc
session_run(struct loop *loop, const struct config *cfg, struct err *e)
{
	struct session ses = {.loop = loop, .cfg = cfg, .result = e, .rc = RC_OK};

	/* librdkafka's threads would each get a heap of their own, which never shrinks. */
	mallopt(M_ARENA_MAX, 2);
	srand((unsigned) time(NULL) ^ (unsigned) getpid());
	ses.backoff = (struct backoff){.min_ms = cfg->relay.backoff_min_ms,
								   .max_ms = cfg->relay.backoff_max_ms};
	ses.retry = (struct loop_timer){.cb = on_retry, .arg = &ses};
	ses.drain_limit = (struct loop_timer){.cb = on_drain_limit, .arg = &ses};
	ses.progress_due = (struct loop_timer){.cb = on_progress_due, .arg = &ses};
	ses.report = (struct loop_timer){.cb = on_report, .arg = &ses};
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
	session_close(&ses);
	return ses.rc;
}
