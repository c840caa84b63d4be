/*
 * pipeline_records.c
 *		The rarer records of a pipeline: truncates, logical messages, relations and
 *		the schema changes that they amount to; see pipeline_parts.h.
 */
#include "pipeline_parts.h"

enum rc
pipeline_truncate(struct pipeline *pl, struct truncate *trunc, struct err *e)
{
	while (trunc->nrelations > 0)
	{
		struct cursor  next = trunc->relations;
		struct stream *stream;
		enum rc		   rc = pipeline_stream(pl, (uint32_t) cursor_uv(&next), &stream, e);

		if (rc == RC_OK && pl->ctx.fmt.truncates)
			rc = pipeline_order(pl, stream, trunc->lsn, e);
		if (rc == RC_OK && pl->nout == 0)
		{
			rc = encode_truncate(stream->plan, trunc, &pl->stamp, pl->now_ns, pl->out, &pl->nout,
								 e);
			pipeline_count(pl, stream);
		}
		if (rc == RC_OK)
			rc = pipeline_send(pl, stream, e);
		if (rc != RC_OK)
			return rc;
		trunc->relations = next;
		trunc->nrelations--;
		pl->stats.truncates++;
		stream->count->changes[TABLE_OP_TRUNCATE]++;
		stream->count->changed_us = pl->stamp.commit_us;
		delivery_change(pl->dlv);
		CRASH_POINT(truncate_sent);
	}
	return RC_OK;
}

static enum rc
pipeline_encode_message(struct pipeline *pl, const struct message *msg, const struct stamp *stamp,
						struct err *e)
{
	enum rc rc;

	if (msg->too_long > 0)
		rc = record_too_long(msg->too_long, pl->ctx.cfg->relay.max_long, e);
	else
		rc = encode_message(pl->messages->plan, msg, stamp, pl->now_ns, pl->out, &pl->nout, e);
	if (rc != RC_ERR)
		return rc;
	rc = divert_message(pl->divert, msg, strcmp(pl->ctx.fmt.encoding, "UTF8") == 0, &pl->out[0], e);
	pl->nout = rc == RC_OK;
	return rc;
}

/* Between us and the plugin: no event. */
static bool
is_control(const struct message *msg)
{
	return msg->transactional && msg->prefix.len == strlen(WIRE_REQUEST_PREFIX) &&
		   memcmp(msg->prefix.data, WIRE_REQUEST_PREFIX, msg->prefix.len) == 0;
}

static enum rc
pipeline_take_control(struct pipeline *pl, const struct message *msg)
{
	for (unsigned i = 0; i < pl->nlisteners && msg->too_long == 0; i++)
		if (pl->listeners[i].message)
			pl->listeners[i].message(pl->listeners[i].arg, msg->content, pl->stamp.xid);
	return RC_OK;
}

enum rc
pipeline_message(struct pipeline *pl, const struct message *msg, struct err *e)
{
	struct stamp none = {.commit_us = pl->stamp.commit_us,
						 .last_commit_lsn = pl->stamp.last_commit_lsn};
	enum rc		 rc;

	if (is_control(msg))
		return pipeline_take_control(pl, msg);
	rc = pipeline_prepare(pl, STREAM_MESSAGES, NULL, &pl->messages, e);
	if (rc == RC_OK && msg->transactional)
		rc = pipeline_order(pl, pl->messages, msg->lsn, e);
	if (rc == RC_OK && pl->nout == 0)
	{
		rc = pipeline_encode_message(pl, msg, msg->transactional ? &pl->stamp : &none, e);
		if (msg->transactional)
			pipeline_count(pl, pl->messages);
	}
	if (rc != RC_OK)
		return rc;
	if (!msg->transactional && delivery_item(pl->dlv) == 0)
	{
		/* Where no commit record can begin: positions are aligned. */
		pl->commit_lsn = msg->lsn - 1;
		pl->place = pl->header_place = 0;
		rc = delivery_begin(pl->dlv, 0, 0, e);
		if (rc == RC_OK)
			pipeline_tag(pl, msg->lsn | 1); /* records are aligned: no commit begins there */
	}
	if (rc == RC_OK)
		rc = pipeline_send(pl, pl->messages, e);
	if (rc != RC_OK)
		return rc;
	pl->stats.messages++;
	CRASH_POINT(logical_message_sent);
	if (msg->transactional)
	{
		delivery_change(pl->dlv);
		return RC_OK;
	}
	pl->received = msg->lsn;
	return delivery_commit(pl->dlv, msg->lsn, e);
}

/* --- schema changes -------------------------------------------------------- */

/* The stream of schema changes, ready, and what it has told before. */
static enum rc
pipeline_prepare_changes(struct pipeline *pl, struct err *e)
{
	enum rc rc;

	if (pl->commit_lsn == 0)
		return plugin_too_old("include.schema.changes", e);
	rc = pipeline_prepare(pl, STREAM_SCHEMA_CHANGES, NULL, &pl->changed, e);
	if (rc != RC_OK)
		return rc;
	rc = schema_topic_recall(pl->changes, pl->changed->topic_name, &pl->ctx.fmt,
							 pl->changed->plan, e);
	if (rc == RC_AGAIN)
		pl->wait = WAIT_SINK;
	return rc;
}

enum rc
pipeline_relation(struct pipeline *pl, struct cursor body, struct err *e)
{
	struct table *tbl;
	enum rc		  rc = catalog_learn(pl->cat, body, &tbl, e);

	CRASH_POINT(relation_learnt);
	for (unsigned i = 0; i < pl->nlisteners && rc == RC_OK; i++)
		if (pl->listeners[i].relation)
			pl->listeners[i].relation(pl->listeners[i].arg, body);
	if (rc == RC_OK && pl->changes)
		rc = pipeline_prepare_changes(pl, e);
	if (rc == RC_OK && pl->changes)
		schema_topic_learn(pl->changes, tbl, &pl->ctx.fmt, pl->changed->plan);
	return rc;
}

enum rc
pipeline_tell_changes(struct pipeline *pl, const struct record *rec, struct err *e)
{
	struct change_position position = {.commit_lsn = pl->commit_lsn,
									   .lsn = record_lsn(rec),
									   .txid = pl->stamp.xid,
									   .commit_us = pl->stamp.commit_us};

	while (schema_topic_is_due(pl->changes))
	{
		enum rc rc = pipeline_prepare_changes(pl, e);

		if (rc == RC_OK && pl->nout == 0)
			schema_topic_tell(pl->changes, &pl->ctx.fmt, pl->changed->plan, &position,
							  delivery_durable(pl->dlv), pl->out, &pl->nout);
		if (rc == RC_OK)
			rc = pipeline_send(pl, pl->changed, e);
		if (rc != RC_OK)
			return rc;
		CRASH_POINT(schema_change_sent);
		schema_topic_next(pl->changes);
	}
	return RC_OK;
}
