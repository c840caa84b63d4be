/*
 * session_snapshot.c
 *		When the rows are read that were there before: snapshot.mode, and what the session
 *		tells a snapshot of its stream and sink.
 */
#include "crash_point.h"
#include "log.h"
#include "session_parts.h"

static const char *const modes[] = {
	[SNAPSHOT_INITIAL] = "initial",           [SNAPSHOT_ALWAYS] = "always",
	[SNAPSHOT_INITIAL_ONLY] = "initial_only", [SNAPSHOT_NO_DATA] = "no_data",
	[SNAPSHOT_WHEN_NEEDED] = "when_needed",   [SNAPSHOT_NEVER] = "never"};

static void
on_snapshot_released(void *arg)
{
	struct session *ses = arg;

	source_resume(ses->src);
}

static void
session_nothing_to_read(struct session *ses)
{
	log_info("there is nothing to be read: the slot has a position, or its snapshot is done");
	session_drain(ses);
}

static void
on_snapshot_finished(void *arg)
{
	struct session *ses = arg;

	if (ses->cfg->snapshot.mode != SNAPSHOT_INITIAL_ONLY)
		return;
	if (ses->snap_decided)
		session_drain(ses);
	else /* by another process */
		session_nothing_to_read(ses);
}

static void
on_snapshot_failed(void *arg, const struct err *e)
{
	session_fail(arg, e);
}

static void
on_blocking(void *arg, const struct snapshot_choice *choices, size_t count)
{
	struct session *ses = arg;

	snapshot_begin_chosen(ses->snap, choices, count);
}

static void
on_signal(void *arg, struct str json, int32_t partition, int64_t next)
{
	struct session *ses = arg;

	incremental_ask_at(ses->inc, json, partition, next);
}

void
session_open_snapshot(struct session *ses)
{
	const struct snapshot_events events = {.released = on_snapshot_released,
										   .finished = on_snapshot_finished,
										   .failed = on_snapshot_failed,
										   .arg = ses};
	const struct incremental_events inc_events = {
		.released = on_snapshot_released, .blocking = on_blocking, .arg = ses};
	struct progress_notes notes = {.next = snapshot_next_note, .taken = snapshot_note_taken};
	struct progress_notes inc_notes = {.next = incremental_next_note,
									   .taken = incremental_note_taken};

	ses->gentle = gentle_new(ses->loop, ses->cfg, ses->watch);
	ses->snap = snapshot_new(ses->loop, ses->cfg, ses->pl, ses->gentle, ses->progress != NULL,
							 &events);
	ses->inc =
		incremental_new(ses->loop, ses->cfg, ses->pl, ses->gentle, ses->progress != NULL, &inc_events);
	notes.arg = ses->snap;
	inc_notes.arg = ses->inc;
	if (ses->progress == NULL)
		return;
	progress_topic_take_notes(ses->progress, PROGRESS_SNAPSHOT, &notes);
	progress_topic_take_notes(ses->progress, PROGRESS_INCREMENTAL, &inc_notes);
	if (ses->cfg->signal.channels & CHANNEL_KAFKA)
		ses->signals = signal_topic_new(ses->loop, ses->cfg, on_signal, ses);
}

void
session_forget(struct session *ses)
{
	pipeline_forget(ses->pl);
	snapshot_sink_failed(ses->snap);
	incremental_sink_failed(ses->inc);
}

void
session_recall_snapshot(struct session *ses, const struct progress *found)
{
	snapshot_recall(ses->snap, progress_topic_snapshot(ses->progress), found->pos.lsn);
	incremental_recall(ses->inc, progress_topic_incremental(ses->progress),
					   found->pos.lsn == 0 && ses->cfg->from_lsn == 0 &&
						   (ses->cfg->snapshot.mode == SNAPSHOT_INITIAL ||
							ses->cfg->snapshot.mode == SNAPSHOT_WHEN_NEEDED));
	if (!ses->snap_decided)
		ses->had_position = found->pos.lsn > 0 || ses->cfg->from_lsn > 0;
}

/* Whether there are rows to be read, now that the stream is up. */
static bool
session_wants_snapshot(const struct session *ses)
{
	switch (ses->cfg->snapshot.mode)
	{
		case SNAPSHOT_ALWAYS: return true;
		case SNAPSHOT_INITIAL:
		case SNAPSHOT_INITIAL_ONLY:
		case SNAPSHOT_NO_DATA:
		case SNAPSHOT_WHEN_NEEDED:
			/* Without a progress topic, only a slot that is new tells that there was none. */
			return snapshot_state(ses->snap) == SNAPSHOT_NONE && !ses->had_position &&
				   (ses->progress || ses->cfg->slot.temporary);
		case SNAPSHOT_NEVER: break;
	}
	return false;
}

void
session_decide_snapshot(struct session *ses)
{
	enum snapshot_mode mode = ses->cfg->snapshot.mode;

	if (ses->snap_decided)
		return;
	ses->snap_decided = true;
	if (mode == SNAPSHOT_NEVER && snapshot_is_due(ses->snap) && !snapshot_is_chosen(ses->snap))
	{
		log_warn("a snapshot is not complete, and snapshot.mode = never: its rows are left out");
		snapshot_stop(ses->snap);
	}
	else if (session_wants_snapshot(ses))
		snapshot_begin(ses->snap, modes[mode]);
	else if (snapshot_is_due(ses->snap))
		log_info("the snapshot goes on with what is missing");
	else if (mode == SNAPSHOT_INITIAL_ONLY)
		session_nothing_to_read(ses);
}

void
session_pump_snapshot(struct session *ses)
{
	bool up = ses->state == SESSION_STREAMING && ses->sink && !ses->sink_broken &&
			  ses->sink_stage == SINK_READY && ses->gaps.count == 0;
	struct err e;

	if (up)
		session_decide_snapshot(ses);
	up = up && ses->state == SESSION_STREAMING;
	incremental_allow(ses->inc, !snapshot_is_running(ses->snap));
	if (up && !ses->snap_streaming)
	{
		snapshot_stream_started(ses->snap);
		incremental_stream_started(ses->inc);
		if (ses->signals)
			signal_topic_start(ses->signals, incremental_job(ses->inc));
	}
	if (!up && ses->snap_streaming)
	{
		snapshot_stream_stopped(ses->snap);
		incremental_stream_stopped(ses->inc);
		/* What is taken and not written down may be forgotten by then: it comes again. */
		if (ses->signals)
			signal_topic_stop(ses->signals);
		CRASH_POINT(snapshot_stream_lost);
	}
	ses->snap_streaming = up;
	if (snapshot_pump(ses->snap, &e) == RC_ERR || incremental_pump(ses->inc, &e) == RC_ERR)
		session_fail(ses, &e);
}
