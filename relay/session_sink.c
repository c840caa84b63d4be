/*
 * session_sink.c
 *		What the sink and the registry have to say, and what follows from it.
 */
#include <inttypes.h>

#include "crash_point.h"
#include "descriptors.h"
#include "log.h"
#include "policy.h"
#include "session_parts.h"

static void
on_sink_acked(void *arg, uint32_t item, uint32_t count)
{
	struct session *ses = arg;
	struct err		e;

	if (ses->sink_broken)
		return; /* forgotten, and the producer has not heard of it: session_lose_slot() */
	ses->acked += count;
	if (ses->acked_us == 0)
		ses->acked_us = pipeline_clock_us();
	if (pipeline_acked(ses->pl, item, count, ses->acked_us))
		return;
	err_set(&e, ERR_FATAL, E2005, "an acknowledgement came for a message that was not sent");
	session_fail(ses, &e);
}

/*
 * Of several messages in a batch nobody knows which was refused, or whether any: the next batches are
 * smaller.  One that is refused alone is passed over the next time, if on.error says so.
 */
static void
on_sink_refused(void *arg, const struct sink_refusal *refusal, const struct err *e)
{
	struct session *ses = arg;

	if (refusal->messages == 1)
	{
		if (policy_record(e, ses->cfg->relay.on_error) != POLICY_STOP)
			ses->passes = pipeline_refused(ses->pl, refusal->label, e);
		return;
	}
	if (policy_record(e, ON_ERROR_SKIP) == POLICY_STOP)
		return; /* it is not for a record */
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
on_sink_undelivered(void *arg, const char *reason, uint32_t count)
{
	struct session *ses = arg;

	reasons_count(&ses->produce_errors, reason, count);
}

static void
on_sink_statistics(void *arg, const char *json, size_t len)
{
	struct session *ses = arg;

	client_stats_read(&ses->client, json, len);
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
	session_forget(ses);
	CRASH_POINT(messages_forgotten);
	session_trouble(ses, e);
	ses->passes = false;
}

static void
on_sink_committed(void *arg)
{
	struct session *ses = arg;

	if (!ses->sink_broken)
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
void
session_on_history_read(void *arg)
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
	struct err		e;

	ses->sink_up = up;
	if (up)
	{
		log_info("Kafka is reachable");
		ses->reconnects.kafka += ses->sink_seen;
		session_login_accepted(ses, E2004);
		ses->sink_seen = true;
		return;
	}
	e = *why;
	descriptors_blame(&e);
	if (!ses->sink_seen)
	{
		session_fail(ses, &e);
		return;
	}
	loop_timer_set(ses->loop, &ses->renewal, 0);
	log_err(LOG_WARN, &e, "changes wait in PostgreSQL until a broker answers");
}

static void
on_sink_stuck(void *arg, const struct err *why)
{
	struct session *ses = arg;

	ses->sink_stuck = why != NULL;
	if (why)
		log_err(LOG_WARN, why, "changes wait in PostgreSQL until they do");
	else
		log_info("Kafka answers about transactions again");
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
	struct err		e;

	ses->registry_down = !up;
	if (up)
	{
		log_info("the schema registry is reachable again");
		ses->reconnects.registry++;
		return;
	}
	e = *why;
	descriptors_blame(&e);
	log_err(LOG_WARN, &e, "changes wait in PostgreSQL until the registry answers");
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

/* The registry has refused a login. */
static void
on_registry_login(void *arg)
{
	(void) session_renew(arg);
}

static void
on_schema_accepted(void *arg, const char *subject)
{
	(void) arg;
	log_info("the schema registry has accepted the schema of subject \"%s\"", subject);
}

enum rc
session_open_sink(struct session *ses, struct err *e)
{
	const struct sink_events events = {.acked = on_sink_acked,
									   .refused = on_sink_refused,
									   .batch_bytes = ses->batch_bytes,
									   .failed = on_sink_failed,
									   .undelivered = on_sink_undelivered,
									   .statistics = on_sink_statistics,
									   .ready = session_on_sink_ready,
									   .committed = on_sink_committed,
									   .writable = on_sink_writable,
									   .state = on_sink_state,
									   .stuck = on_sink_stuck,
									   .log = on_sink_log,
									   .arg = ses};

	session_note_sink(ses);
	ses->sink_broken = false;
	client_stats_renew(&ses->client);
	ses->sink_up = ses->sink_stuck = false;
	ses->sink_stage = ses->cfg->kafka.exactly_once ? SINK_UNFENCED : SINK_READY;
	if (ses->cfg->kafka.exactly_once)
		ses->recalled = false; /* the old one's last transaction may have been committed after all */
	if (ses->cfg->format.sink == SINK_KAFKA)
		return sink_kafka_new(ses->loop, ses->cfg, ses->topics, &events, &ses->sink, e);
	return sink_json_new(ses->loop, ses->cfg, registry_prefix_len(ses->reg), &events, &ses->sink,
						 e);
}

enum rc
session_open_registry(struct session *ses, struct err *e)
{
	const struct registry_events events = {.ready = on_registry_ready,
										   .state = on_registry_state,
										   .refused = on_schema_refused,
										   .accepted = on_schema_accepted,
										   .login_refused = on_registry_login,
										   .arg = ses};

	return registry_new(ses->loop, ses->cfg, &events, &ses->reg, e);
}
