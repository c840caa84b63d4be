/*
 * session_recall.c
 *		Where a stream begins: what the progress topic says, and, exactly once, what
 *		it says when nobody else can write to it any more.
 */
#include <inttypes.h>
#include <stdio.h>

#include "crash_point.h"
#include "log.h"
#include "session_parts.h"

static void session_recall_again(struct session *ses);

/* --from-lsn is for a first start: what the topic has must not be beyond it, nor half done. */
static enum rc
session_check_from(const struct session *ses, const struct progress *found, struct err *e)
{
	uint64_t from_lsn = ses->cfg->from_lsn;

	if (from_lsn == 0 || ses->ran)
		return RC_OK;
	if (found->pos.lsn > from_lsn)
	{
		err_set(e, ERR_CONFIG, E1232, "slot \"%s\" has a position beyond --from-lsn",
				ses->cfg->slot.name);
		err_detail(e, "Topic \"%s\" has %X/%X; --from-lsn is %X/%X.",
				   progress_topic_name(ses->progress), LSN_PARTS(found->pos.lsn),
				   LSN_PARTS(from_lsn));
		return err_hint(e, "Leave --from-lsn out: it is for the first start, and the stream goes on "
						   "from its position.  If the slot was made anew, what is refused then says "
						   "how to begin where it stands.");
	}
	if (snapshot_is_due(ses->snap) ||
		(found->pos.commit_lsn > 0 && found->pos.commit_lsn < from_lsn))
	{
		err_set(e, ERR_CONFIG, E1232, "what is begun is not done before --from-lsn");
		err_detail(e, "Topic \"%s\" has %s; --from-lsn is %X/%X.",
				   progress_topic_name(ses->progress),
				   snapshot_is_due(ses->snap) ? "a snapshot whose rows are missing in part"
											  : "a part of a transaction that commits before it",
				   LSN_PARTS(from_lsn));
		return err_hint(e, "Leave --from-lsn out; or choose another slot.name, for which nothing is "
						   "known.");
	}
	if (found->pos.lsn > 0 && found->pos.lsn < from_lsn)
		log_warn("what was committed between %X/%X, the position of slot \"%s\", and --from-lsn is "
				 "left out",
				 LSN_PARTS(found->pos.lsn), ses->cfg->slot.name);
	return RC_OK;
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
		/* What brokers have decided to commit may take a moment until it can be read. */
		.provisional = ses->cfg->kafka.exactly_once && ses->sink_stage != SINK_READY,
	};

	struct position pos = found->pos;

	session_find_gaps(ses, found);
	session_recall_snapshot(ses, found);
	ses->recalled = true;
	ses->found = found->pos;
	ses->known_system = found->system_id;
	if (session_check_topics(ses, e) != RC_OK || session_check_from(ses, found, e) != RC_OK)
		return RC_ERR;
	if (gap_list_find(&ses->gaps, GAP_OF_POSITION))
		return RC_OK; /* nothing is known of it any more */
	if (gap_list_find(&ses->gaps, GAP_OF_PART))
		pos.commit_lsn = pos.changes = 0;
	if (found->pos.lsn == 0)
	{
		log_info("topic \"%s\" has no position of slot \"%s\": the stream begins %s",
				 progress_topic_name(ses->progress), ses->cfg->slot.name,
				 ses->cfg->from_lsn ? "at --from-lsn" : "where the slot stands");
		return RC_OK;
	}
	if (pos.commit_lsn && found->settings != config_fingerprint(ses->cfg))
	{
		err_set(e, ERR_CONFIG, E1220, "a transaction was delivered in part under other settings");
		err_detail(e,
				   "%" PRIu64 " changes of the transaction with its commit at %X/%X are in Kafka; "
				   "under these settings, or this release, it may become other messages.",
				   found->pos.changes, LSN_PARTS(found->pos.commit_lsn));
		err_gap(e, GAP_PART_SETTINGS, NULL);
		return err_hint(e, "Run with the settings of [tables], [format] and topic.*, and the "
						   "release, that it was begun with, until it is through.  If that cannot "
						   "be, accept that it is sent again.");
	}
	/* At least once, after others may have had the slot: they did not get further than we did. */
	if (ses->ran && !ses->cfg->kafka.exactly_once && found->pos.lsn <= session_durable(ses))
		return RC_OK;
	pipeline_recalled(ses->pl, &pos);
	source_remember(ses->src, &past);
	return RC_OK;
}

void
session_recall(struct session *ses)
{
	struct progress found;
	struct err      e;
	enum rc         rc = RC_OK;

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
	source_start(ses->src, delivery_position(pipeline_delivery(ses->pl)).lsn, ses->cfg->from_lsn);
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
	bool            is_ahead;
	struct progress found;
	struct err      e;
	enum rc         rc;

	if (ses->state != SESSION_STREAMING)
		return; /* when the next stream has started */
	rc = progress_topic_recall(ses->progress, &found, &e);
	if (rc == RC_AGAIN)
		return;
	CRASH_POINT(recalled_again);
	if (rc == RC_OK)
		ses->sink_stage = SINK_READY;
	is_ahead = rc == RC_OK && found.pos.lsn > 0 && ses->slot_lsn > found.pos.lsn &&
			   !gap_list_find(&ses->gaps, GAP_OF_POSITION);
	if (rc == RC_OK && !is_ahead && found.pos.lsn == ses->found.lsn &&
		found.pos.changes == ses->found.changes)
	{
		CRASH_POINT(sink_ready);
		session_recall_snapshot(ses, &found);
		if (!session_write_gaps(ses))
			source_resume(ses->src);
		return;
	}
	source_abort(ses->src);
	pipeline_stop(ses->pl);
	/* The slot is to be refused as if there had been no stream: nothing was read of it. */
	if (is_ahead)
		ses->ran = false;
	if (rc == RC_OK)
		rc = session_take(ses, &found, &e);
	if (rc == RC_ERR)
		session_trouble(ses, &e);
	else
		session_connect(ses);
}

void
session_on_progress_read(void *arg)
{
	struct session *ses = arg;

	if (ses->sink_stage == SINK_FENCED)
		session_recall_again(ses);
	else if (ses->state == SESSION_CONNECTING)
		session_recall(ses);
}

void
session_on_sink_ready(void *arg)
{
	struct session *ses = arg;

	CRASH_POINT(fence_ended);
	ses->sink_stage = SINK_FENCED;
	session_recall_again(ses);
}

/* Positions that are written from now on are this server's. */
void
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
	ses->follows = of;
	if (ses->gaps.count == 0)
		ses->known_system = of.system_id;
	progress_topic_follow(ses->progress, &of);
}

/* Only with the slot in our hands: a relay that would only wait for it must not fence anybody. */
void
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
