/*
 * session_gap.c
 *		Gaps that somebody has decided to pass, --accept-gap: which they are, what is
 *		forgotten, what is written down, and what a refusal says of them.
 *
 * Only before the first stream of the process, because a token is for what the progress
 * topic says.  What is passed is forgotten; the stream begins, so that the slot is ours,
 * and is not read; the gap is written down; then all begins anew, from what the topic
 * says now, as if nothing had been passed.  A death before that leaves what was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crash_point.h"
#include "gap_writer.h"
#include "log.h"
#include "producer_error.h"
#include "session_parts.h"

static struct gap_known
session_known(const struct session *ses)
{
	struct gap_known known = {.pos = ses->found, .system_id = ses->known_system};

	if (ses->ran && ses->gaps.count == 0)
		known.pos = delivery_noted(pipeline_delivery(ses->pl));
	return known;
}

static bool
is_accepted(const struct session *ses, const struct gap_token *token)
{
	return gap_tokens_have(ses->cfg->accept_gaps, token);
}

/* Nothing is known of the slot's position, in this process. */
static void
session_forget_position(struct session *ses)
{
	pipeline_begin_anew(ses->pl);
	source_forget(ses->src);
}

/* --- which they are ------------------------------------------------------------- */

static void
session_pass_topic(struct session *ses, struct topic *topic, const char *reason, enum err_code code,
				   uint64_t from)
{
	struct gap gap = {.reason = reason, .code = code, .topic = topic->name, .from = from};

	gap.token = gap_token_topic(ses->cfg->slot.name, reason, topic->name, topic->kept);
	if (topic->kept == 0 || !is_accepted(ses, &gap.token))
		return;
	gap_list_add(&ses->gaps, &gap);
	topic_forget(ses->topics, topic);
	topic->kept = 0;
}

static bool
is_same(const struct position *a, const struct position *b)
{
	return a->lsn == b->lsn && a->commit_lsn == b->commit_lsn && a->changes == b->changes;
}

void
session_find_gaps(struct session *ses, const struct progress *found)
{
	struct gap_known known = {.pos = found->pos, .system_id = found->system_id};
	struct gap       part = {.reason = GAP_PART_MISSING, .code = E1219, .from = found->pos.lsn};

	if (ses->gaps.count > 0 && is_same(&ses->found, &found->pos) &&
		ses->known_system == found->system_id)
		return; /* read again; they are still to be written down */
	if (ses->gaps.count > 0)
	{
		/* Another relay was faster: what was passed is not what is there. */
		gap_list_clear(&ses->gaps);
		session_forget_position(ses);
	}
	if (ses->ran || ses->cfg->accept_gaps == NULL)
		return;
	if (found->settings != config_fingerprint(ses->cfg))
	{
		part.reason = GAP_PART_SETTINGS;
		part.code = E1220;
	}
	part.token = gap_token_part(ses->cfg->slot.name, &known);
	if (found->pos.commit_lsn && is_accepted(ses, &part.token))
		gap_list_add(&ses->gaps, &part);
	for (struct topic *topic = topics_first(ses->topics); topic;
		 topic = topics_next(ses->topics, topic))
	{
		session_pass_topic(ses, topic, GAP_PARTITIONS, E2011, found->pos.lsn);
		session_pass_topic(ses, topic, GAP_RECREATED, E2012, 0);
	}
}

/*
 * What is known of the position is forgotten, if the token for what is there now was given;
 * or, if it was refused, because rows are to be read then.
 */
static bool
session_pass_position(struct session *ses, const char *reason, enum err_code code, bool refused,
					  uint64_t system_id, uint32_t timeline)
{
	bool             reads = refused && ses->cfg->snapshot.mode == SNAPSHOT_WHEN_NEEDED;
	struct gap_known known = session_known(ses);
	struct gap       gap = {.reason = reason, .code = code, .from = known.pos.lsn};

	if (ses->ran || ses->progress == NULL || known.pos.lsn == 0 || system_id == 0 ||
		gap_list_find(&ses->gaps, GAP_OF_POSITION))
		return false;
	gap.token = gap_token_position(ses->cfg->slot.name, &known, system_id, timeline);
	if (!reads && !is_accepted(ses, &gap.token))
		return false;
	gap_list_add(&ses->gaps, &gap);
	session_forget_position(ses);
	return true;
}

/* In a later round: source and sink may be what has called us. */
static void
session_connect_soon(struct session *ses)
{
	ses->state = SESSION_BACKING_OFF;
	loop_timer_set(ses->loop, &ses->retry, 0);
}

bool
session_pass_refusal(struct session *ses, const struct err *e)
{
	uint64_t system_id;
	uint32_t timeline;

	if (ses->state != SESSION_CONNECTING || e->gap == NULL || gap_kind(e->gap) != GAP_OF_POSITION)
		return false;
	source_server(ses->src, &system_id, &timeline);
	if (!session_pass_position(ses, e->gap, e->code, true, system_id, timeline))
		return false;
	session_connect_soon(ses);
	return true;
}

/*
 * Nothing was refused.  It was before, by WAL that has grown since; or exactly once the slot
 * is looked at only when the position is final.
 */
bool
session_pass_start(struct session *ses, const struct source_info *info)
{
	const char *reason =
		info->confirmed_flush > session_known(ses).pos.lsn ? GAP_SLOT_MOVED : GAP_WAL_END;

	if (!session_pass_position(ses, reason, E1218, false, info->system_id, info->timeline))
		return false;
	source_abort(ses->src);
	session_connect_soon(ses);
	return true;
}

/* --- writing it down ------------------------------------------------------------ */

/* Of each topic that is concerned, one for each gap. */
static void
session_note_gaps(const struct session *ses, struct gap_job *job)
{
	struct buf text = {0};

	for (unsigned i = 0; i < ses->gaps.count; i++)
	{
		const struct gap *gap = &ses->gaps.gaps[i];

		buf_reset(&text);
		gap_record(gap, ses->cfg->slot.name, ses->stream_lsn, &text);
		for (struct topic *topic = topics_first(ses->topics); topic;
			 topic = topics_next(ses->topics, topic))
			if (strcmp(topic->name, job->progress_topic) != 0 &&
				(gap->topic == NULL || strcmp(gap->topic, topic->name) == 0))
				gap_job_note(job, topic->name, buf_cstr(&text));
	}
	buf_free(&text);
}

static void
session_note_topic(const struct session *ses, const struct topic *topic, struct gap_job *job)
{
	char      *key = xasprintf("%s/%s", ses->cfg->slot.name, topic->name);
	struct buf value = {0};

	topic_write(topic, &value);
	gap_job_fact(job, key, buf_cstr(&value));
	buf_free(&value);
	free(key);
}

/* snapshot.mode = when_needed: rows are read where changes are missing. */
static bool
is_needed(const struct session *ses)
{
	return ses->cfg->snapshot.mode == SNAPSHOT_WHEN_NEEDED &&
		   gap_list_find(&ses->gaps, GAP_OF_POSITION);
}

/* What the progress topic says from now on: a snapshot that is to be taken before the position. */
static void
session_note_facts(const struct session *ses, struct gap_job *job)
{
	struct progress of = ses->follows;
	const char     *slot = ses->cfg->slot.name;
	struct buf      value = {0};
	struct timespec now;

	for (unsigned i = 0; i < ses->gaps.count; i++)
		if (ses->gaps.gaps[i].topic)
			session_note_topic(ses, topics_topic(ses->topics, ses->gaps.gaps[i].topic), job);
	if (is_needed(ses))
	{
		char *key = xasprintf("%s/snapshot", slot);

		snapshot_note_anew(ses->snap, "when_needed", &value);
		gap_job_fact(job, key, buf_cstr(&value));
		buf_reset(&value);
		free(key);
	}
	clock_gettime(CLOCK_REALTIME, &now);
	of.pos = (struct position){.lsn = ses->stream_lsn};
	progress_write(&of, slot, (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000, &value);
	gap_job_fact(job, slot, buf_cstr(&value));
	buf_free(&value);
}

bool
session_write_gaps(struct session *ses)
{
	struct gap_job job = {0};

	if (ses->gaps.count == 0)
		return false;
	if (ses->state != SESSION_STREAMING || ses->sink_stage != SINK_READY ||
		gap_writer_is_running(ses->gap_writer))
		return true;
	CRASH_POINT(gap_passed);
	job.progress_topic = xstrdup(progress_topic_name(ses->progress));
	if (ses->cfg->relay.gap_records)
		session_note_gaps(ses, &job);
	session_note_facts(ses, &job);
	ses->gaps_lsn = ses->stream_lsn;
	gap_writer_start(ses->gap_writer, &job);
	return true;
}

static void
session_tell_written(const struct session *ses, unsigned records)
{
	const struct gap_job *job = gap_writer_job(ses->gap_writer);

	for (unsigned i = 0; i < ses->gaps.count; i++)
	{
		const struct gap *gap = &ses->gaps.gaps[i];
		char              from[32] = "an unknown position";

		if (gap->from)
			snprintf(from, sizeof(from), "%X/%X", LSN_PARTS(gap->from));
		log_warn("%s: gap passed by %s%s: from %s to %X/%X, reason %s%s%s", err_code_name(gap->code),
				 is_accepted(ses, &gap->token) ? "--accept-gap=" : "snapshot.mode=when_needed",
				 is_accepted(ses, &gap->token) ? gap->token.text : "", from,
				 LSN_PARTS(ses->gaps_lsn), gap->reason, gap->topic ? ", topic " : "",
				 gap->topic ? gap->topic : "");
	}
	log_info("%u gap records were written", records);
	for (unsigned i = 0; i < job->nnotes; i++)
		if (job->notes[i].refused)
			log_warn("topic \"%s\" does not take a gap record, as compacted topics do not: its "
					 "readers are not told of the gap",
					 job->notes[i].topic);
		else if (job->notes[i].absent)
			log_warn(
				"topic \"%s\" is not there any more, or may not be seen: no gap record is in it",
				job->notes[i].topic);
}

/* The stream is over, and what the progress topic says has to be read again. */
static void
session_leave_stream(struct session *ses)
{
	source_abort(ses->src);
	pipeline_stop(ses->pl);
	ses->recalled = false;
	if (!ses->cfg->kafka.exactly_once)
		return;
	/* The writer has fenced the sink off; a new one learns how the writer's transaction ended. */
	ses->sink_broken = true;
	session_forget(ses);
}

/* All begins anew, from what the progress topic says now. */
static void
session_gaps_closed(struct session *ses, unsigned records)
{
	session_tell_written(ses, records);
	ses->gaps_accepted += ses->gaps.count;
	gap_list_clear(&ses->gaps);
	session_leave_stream(ses);
	session_forget_position(ses);
	CRASH_POINT(gap_begin_anew);
	if (ses->state == SESSION_DRAINING)
		session_end(ses);
	else if (ses->state != SESSION_ENDED)
		session_connect_soon(ses);
}

void
session_on_gaps_written(void *arg)
{
	struct session *ses = arg;
	unsigned        records;
	struct err      e;
	enum rc         rc = gap_writer_result(ses->gap_writer, &records, &e);

	if (rc == RC_OK && ses->gaps.count > 0 &&
		(ses->state != SESSION_STREAMING || ses->gaps_lsn == ses->stream_lsn))
		session_gaps_closed(ses, records);
	else if (rc == RC_OK)
		(void) session_write_gaps(ses); /* the slot stands elsewhere by now */
	else if (ses->state == SESSION_STREAMING)
	{
		session_leave_stream(ses);
		session_trouble(ses, &e);
	}
}

/* --- a refusal that has to last ------------------------------------------------- */

#define KEEP_MS 5000 /* as long as the end may wait for it */

/*
 * The records that were refused are in the topic all the same: after some starts its
 * offsets would be beyond what was known.
 */
static void
session_keep_refusal(struct session *ses, const struct err *e)
{
	struct gap_job job = {.plain = true};
	struct topic  *topic;

	if (e->gap == NULL || strcmp(e->gap, GAP_RECREATED) != 0 || ses->progress == NULL)
		return;
	topic = topics_topic(ses->topics, e->topic);
	if (topic->refused || gap_writer_is_running(ses->gap_writer))
		return;
	topic->refused = true;
	topic_keep(topic);
	job.progress_topic = xstrdup(progress_topic_name(ses->progress));
	session_note_topic(ses, topic, &job);
	gap_writer_start(ses->gap_writer, &job);
	gap_writer_wait(ses->gap_writer, KEEP_MS);
}

enum rc
session_check_topics(struct session *ses, struct err *e)
{
	for (struct topic *topic = topics_first(ses->topics); topic;
		 topic = topics_next(ses->topics, topic))
		if (topic->refused)
			return producer_error_refused(topic->name, e);
	return RC_OK;
}

/* --- what is said ----------------------------------------------------------------- */

void
session_tell_tokens(struct session *ses)
{
	const char      *tokens = ses->cfg->accept_gaps;
	struct gap_token token;

	if (ses->tokens_told)
		return;
	ses->tokens_told = true;
	while (gap_tokens_next(&tokens, &token))
		if (!gap_list_has(&ses->gaps, &token))
			log_warn("--accept-gap=%s fits no gap that there is: nothing is passed by it",
					 token.text);
}

/* The token of what was refused; false: it has none, because nothing would be refused again. */
static bool
session_token(const struct session *ses, const struct err *e, struct gap_token *token)
{
	struct gap_known known = session_known(ses);
	const char      *slot = ses->cfg->slot.name;
	uint64_t         system_id;
	uint32_t         timeline;

	if (e->gap == NULL || ses->progress == NULL)
		return false;
	switch (gap_kind(e->gap))
	{
		case GAP_OF_TOPIC:
			*token =
				gap_token_topic(slot, e->gap, e->topic, topics_topic(ses->topics, e->topic)->kept);
			return true;
		case GAP_OF_PART: *token = gap_token_part(slot, &known); return known.pos.lsn != 0;
		case GAP_OF_POSITION: break;
	}
	source_server(ses->src, &system_id, &timeline);
	*token = gap_token_position(slot, &known, system_id, timeline);
	return known.pos.lsn != 0 && system_id != 0 &&
		   !gap_list_find(&ses->gaps, GAP_OF_POSITION); /* it is in the list */
}

static const char *
what_follows(enum gap_kind kind)
{
	switch (kind)
	{
		case GAP_OF_POSITION: return "the stream begins where the slot stands";
		case GAP_OF_PART:
			return "the transaction is sent again as a whole, if it comes, which repeats "
				   "what is there of it";
		case GAP_OF_TOPIC: break;
	}
	return "partitions and offsets of the topic are found anew";
}

/* After what was passed before and is not written down: that is to be said again, too. */
void
session_hint_gap(struct session *ses, struct err *e)
{
	struct gap_token token;
	struct buf       tokens = {0};
	size_t           at = strlen(e->hint);
	const char      *reason = e->gap;

	session_keep_refusal(ses, e);
	if (reason)
		session_tell_tokens(ses);
	gap_list_tokens(&ses->gaps, &tokens);
	if (session_token(ses, e, &token))
		buf_printf(&tokens, "%s%s", tokens.len ? "," : "", token.text);
	if (reason == NULL && ses->gaps.count > 0)
		reason = ses->gaps.gaps[0].reason;
	if (tokens.len > 0)
		snprintf(e->hint + at, sizeof(e->hint) - at,
				 "%sThen start walrelay once with --accept-gap=%s: %s.", at ? " " : "",
				 buf_cstr(&tokens), what_follows(gap_kind(reason)));
	else if (reason && gap_kind(reason) == GAP_OF_POSITION)
		snprintf(e->hint + at, sizeof(e->hint) - at, "%sThen start walrelay again: %s.",
				 at ? " " : "", what_follows(GAP_OF_POSITION));
	buf_free(&tokens);
}
