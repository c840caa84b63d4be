/*
 * pipeline_transaction.c
 *		What a pipeline does where transactions begin and end; see pipeline_parts.h.
 *
 * The order of their events (provide.transaction.metadata), and the positions
 * that are written down once they are delivered.
 */
#include "pipeline_parts.h"

#include <stdlib.h>

/* --- the order of its events ---------------------------------------------- */

/* Where the open transaction counts the stream's events. */
static struct collection *
pipeline_collection(struct pipeline *pl, struct stream *stream)
{
	struct counts *counts = &pl->counts;
	uint32_t	   i;

	if (stream->counted_in == delivery_item(pl->dlv))
		return &counts->collections[stream->place];
	for (i = 0; i < counts->ncollections; i++)
		if (strcmp(counts->collections[i].name, stream->collection) == 0)
			break;
	if (i == counts->max)
	{
		counts->max = counts->max ? counts->max * 2 : 16;
		counts->collections = xrealloc(counts->collections,
									   counts->max * sizeof(*counts->collections));
	}
	if (i == counts->ncollections)
		counts->collections[counts->ncollections++] =
			(struct collection){.name = xstrdup(stream->collection)};
	stream->counted_in = delivery_item(pl->dlv);
	stream->place = i;
	return &counts->collections[i];
}

void
counts_clear(struct counts *counts)
{
	for (uint32_t i = 0; i < counts->ncollections; i++)
		free((char *) counts->collections[i].name);
	counts->ncollections = 0;
	counts->begun = false;
}

enum rc
pipeline_order(struct pipeline *pl, struct stream *stream, uint64_t lsn, struct err *e)
{
	enum rc rc = RC_OK;

	if (!pl->ctx.fmt.transactions)
		return RC_OK;
	if (!pl->counts.begun)
	{
		rc = pipeline_prepare(pl, STREAM_TRANSACTIONS, NULL, &pl->boundaries, e);
		if (rc == RC_OK && pl->nout == 0)
			encode_begin(pl->boundaries->plan, &pl->stamp, lsn, pl->out, &pl->nout);
		if (rc == RC_OK)
			rc = pipeline_send(pl, pl->boundaries, e);
		if (rc != RC_OK)
			return rc;
		pl->counts.begun = true;
		CRASH_POINT(boundary_begin_sent);
	}
	pl->stamp.table_order = pipeline_collection(pl, stream)->events;
	return RC_OK;
}

void
pipeline_count(struct pipeline *pl, struct stream *stream)
{
	if (!pl->ctx.fmt.transactions)
		return;
	for (unsigned i = 0; i < pl->nout; i++)
		if (pl->out[i].has_value)
		{
			pipeline_collection(pl, stream)->events++;
			pl->stamp.total_order++;
		}
}

/* --- its beginning and end ------------------------------------------------ */

void
pipeline_tag(struct pipeline *pl, uint64_t tag)
{
	delivery_set_tag(pl->dlv, tag);
	divert_begin(pl->divert, tag);
}

enum rc
plugin_too_old(const char *what, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1403, "the plugin is too old for %s", what);
	return err_hint(e, "Install the walrelay program and the walrelay plugin of one release.");
}

/* Transactions without a message cost the sink nothing, so they have a bound of their own. */
enum rc
pipeline_begin(struct pipeline *pl, const struct begin *begin, struct err *e)
{
	enum rc rc;

	if (ack_items(delivery_ack(pl->dlv)) >= ITEMS_MAX)
	{
		pl->wait = WAIT_ACK;
		return RC_AGAIN;
	}
	free((char *) pl->origin.data);
	pl->origin = (struct str){NULL, 0};
	if (begin->has_origin)
		pl->origin = (struct str){xstrndup(begin->origin.data, begin->origin.len),
								  begin->origin.len};
	pl->stamp = (struct stamp){
		.xid = begin->xid,
		.commit_us = begin->commit_us,
		.last_commit_lsn = pl->stamp.last_commit_lsn,
		.origin = pl->origin,
		.origin_lsn = begin->origin_lsn,
	};
	pl->commit_lsn = begin->commit_lsn;
	pl->place = pl->header_place = 0;
	if (pl->ctx.cfg->format.position_header && begin->commit_lsn == 0)
		return plugin_too_old("position.header", e);
	if (pl->exactly_once && begin->commit_lsn == 0)
		return plugin_too_old("delivery = exactly-once", e);
	CRASH_POINT(begin_taken);
	if (pl->ctx.on_error != ON_ERROR_STOP && begin->commit_lsn == 0)
		return plugin_too_old("on.error", e);
	rc = delivery_begin(pl->dlv, begin->commit_lsn, begin->commit_us, e);
	if (rc != RC_OK)
		return rc;
	delivery_received(pl->dlv, pl->frame_us);
	pipeline_tag(pl, begin->commit_lsn);
	for (unsigned i = 0; i < pl->nlisteners && pl->watched; i++)
		if (pl->listeners[i].begun)
			pl->listeners[i].begun(pl->listeners[i].arg, begin->xid);
	return RC_OK;
}

enum rc
pipeline_commit(struct pipeline *pl, const struct commit *commit, struct err *e)
{
	struct counts *counts = &pl->counts;

	if (counts->begun)
	{
		enum rc rc;

		if (pl->nout == 0)
			encode_end(pl->boundaries->plan, &pl->stamp, commit->end_lsn, counts->collections,
					   counts->ncollections, pl->out, &pl->nout);
		rc = pipeline_send(pl, pl->boundaries, e);
		if (rc != RC_OK)
			return rc;
		counts_clear(counts);
		CRASH_POINT(boundary_end_sent);
	}
	CRASH_POINT(commit_taken);
	delivery_handed(pl->dlv, pl->now_ns / 1000);
	if (delivery_commit(pl->dlv, commit->end_lsn, e) != RC_OK)
		return RC_ERR;
	pl->received = commit->end_lsn;
	pl->stamp.last_commit_lsn = commit->end_lsn;
	pl->stats.commit_us = pl->stamp.commit_us;
	pl->stats.transactions++;
	if (pl->hold_here)
	{
		pl->hold_here = false;
		pl->hold_lsn = commit->end_lsn;
		pl->held = true;
	}
	CRASH_POINT(commit_counted);
	return RC_OK;
}

/* --- positions ------------------------------------------------------------ */

enum rc
pipeline_write(struct pipeline *pl, struct sink *sink, int64_t now_ms, bool urgent, struct err *e)
{
	struct position pos;
	uint32_t		sent;
	enum rc			rc;

	if (!delivery_due(pl->dlv, now_ms, urgent, &pos))
		return RC_OK;
	CRASH_POINT(progress_due);
	rc = progress_topic_put(pl->progress, sink, &pos, &sent, e);
	pl->unwritten += sent;
	if (rc != RC_OK)
		return rc;
	CRASH_POINT(progress_sent);
	if (pos.commit_lsn)
		CRASH_POINT(progress_part_sent);
	delivery_writing(pl->dlv, &pos, now_ms);
	if (pl->exactly_once)
		sink->ops->commit(sink);
	return RC_OK;
}

void
pipeline_recalled(struct pipeline *pl, const struct position *pos)
{
	delivery_recalled(pl->dlv, pos);
}

/* The position that was put is there for good. */
static void
pipeline_written(struct pipeline *pl)
{
	CRASH_POINT(progress_acked);
	delivery_written(pl->dlv, loop_now_ms());
	for (unsigned i = 0; i < pl->nlisteners; i++)
		if (pl->listeners[i].written)
			pl->listeners[i].written(pl->listeners[i].arg);
	CRASH_POINT(progress_written);
	if (delivery_position(pl->dlv).commit_lsn)
		CRASH_POINT(part_written);
}

void
pipeline_committed(struct pipeline *pl)
{
	pipeline_written(pl);
}

void
pipeline_on_done(void *arg, const struct ack_times *times)
{
	struct pipeline  *pl = arg;
	struct histogram *latencies = pl->stats.latencies;
	/* The last acknowledgement may have come before the commit was read. */
	int64_t           acked_us = pl->acked_us > times->handed_us ? pl->acked_us : times->handed_us;

	histogram_add(&latencies[LATENCY_COMMIT_TO_RECEIVED], times->received_us - times->commit_us);
	histogram_add(&latencies[LATENCY_RECEIVED_TO_HANDED], times->handed_us - times->received_us);
	histogram_add(&latencies[LATENCY_HANDED_TO_ACKED], acked_us - times->handed_us);
	histogram_add(&latencies[LATENCY_COMMIT_TO_ACKED], acked_us - times->commit_us);
}

bool
pipeline_acked(struct pipeline *pl, uint32_t item, uint32_t count, int64_t now_us)
{
	pl->acked_us = now_us;
	if (item != PROGRESS_ITEM)
		return delivery_acked(pl->dlv, item, count);
	pl->unwritten -= count;
	/* Exactly once its Kafka transaction has to be committed, too. */
	if (!pl->exactly_once && pl->unwritten == 0 && delivery_is_writing(pl->dlv))
		pipeline_written(pl);
	return true;
}
