/*
 * session_slot.c
 *		Who watches the slot of a session; see slot_watch.h.
 */
#include "session_parts.h"

/* Only then is it the slot that stands still, and not we. */
static bool
on_settled(void *arg)
{
	const struct session *ses = arg;

	return ses->state == SESSION_STREAMING && ses->sink_stage == SINK_READY &&
		   delivery_is_settled(pipeline_delivery(ses->pl));
}

static void
on_stop(void *arg, const struct err *e)
{
	session_fail(arg, e);
}

void
session_open_watch(struct session *ses)
{
	const struct slot_watch_events events = {.settled = on_settled, .stop = on_stop, .arg = ses};

	ses->watch = slot_watch_new(ses->loop, ses->cfg, &events);
}

void
session_watch_slot(struct session *ses, const struct source_info *info)
{
	slot_watch_set_server(ses->watch, info->server);
	slot_watch_begin(ses->watch);
}
