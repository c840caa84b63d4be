/*
 * pipeline.c
 *		A row's way through the relay; see pipeline.h.
 *
 * Read pipeline_frame() and pipeline_change(): the rest is what they call.
 * Everything that a row needs hangs on its table, made once per relation
 * version by stream_prepare(); rows look nothing up by name.
 */
#include "pipeline.h"

#include <stdlib.h>
#include <time.h>

#include "catalog.h"
#include "frame.h"
#include "record.h"
#include "route.h"
#include "verify.h"

/* Transactions and marks that may wait for an acknowledgement. */
#define ITEMS_MAX 65536

/* What the changes of one table (or the logical messages) need. */
struct stream
{
	struct plan		  *plan;
	struct sink_topic *topic;
	char			  *topic_name;
	struct avro		  *avro[2]; /* by enum side; NULL: the side has no schema */
	bool			   ready;	/* schemas are registered */
};

struct pipeline
{
	const struct config *cfg;
	struct registry		*reg;
	struct sink			*sink;
	struct reader		*rdr;
	struct catalog		*cat;
	struct stream		*messages; /* for logical messages, made when one comes */
	struct route		*routes;
	struct ack			*ack;
	ack_ticket			 txn; /* the open item */
	struct stamp		 stamp;
	struct format		 fmt; /* strings from hello are ours */
	uint64_t			 received;

	/* Where to go on after RC_AGAIN. */
	bool			   in_frame;
	bool			   have_rec;
	struct cursor	   frames;	/* rest of the payload */
	struct cursor	   records; /* rest of the frame */
	struct record	   rec;		/* the record that could not be finished */
	struct outgoing	   out[ENCODE_MAX_OUT];
	unsigned		   nout;
	unsigned		   next_out;
	enum pipeline_wait wait;

	int64_t				  now_ns; /* wall clock, read once per frame */
	uint64_t			  until_verify;
	struct pipeline_stats stats;
};

struct pipeline *
pipeline_new(const struct config *cfg, struct registry *reg)
{
	struct pipeline *pl = xcalloc(1, sizeof(*pl));

	pl->cfg = cfg;
	pl->reg = reg;
	pl->ack = ack_new(0);
	pl->until_verify = cfg->format.avro_verify;
	return pl;
}

void
pipeline_free(struct pipeline *pl)
{
	if (pl == NULL)
		return;
	pipeline_stop(pl);
	ack_free(pl->ack);
	free(pl);
}

/* --- streams: what hangs on a table ------------------------------------- */

static void
stream_free(struct pipeline *pl, struct stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->topic)
		pl->sink->ops->topic_free(pl->sink, stream->topic);
	plan_free(stream->plan);
	avro_free(stream->avro[SIDE_KEY]);
	avro_free(stream->avro[SIDE_VALUE]);
	free(stream->topic_name);
	free(stream);
}

static void
pipeline_forget_table(struct table *tbl, void *arg)
{
	stream_free(arg, tbl->user);
	tbl->user = NULL;
}

/* Registers one side's schema; RC_AGAIN while the registry has not answered. */
static enum rc
stream_register(struct pipeline *pl, struct stream *stream, enum side side, struct err *e)
{
	const char *text = plan_schema(stream->plan, side);
	uint8_t		prefix[REGISTRY_PREFIX_MAX];
	size_t		len = 0;
	char	   *subject;
	enum rc		rc;

	if (text == NULL)
		return RC_OK;
	subject = route_subject(stream->topic_name, side);
	rc = registry_prefix(pl->reg, subject, text, prefix, &len, e);
	free(subject);
	if (rc == RC_OK)
		plan_set_prefix(stream->plan, side, prefix, len);
	return rc;
}

/* tbl NULL: logical messages.  Everything but the registration. */
static enum rc
stream_new(struct pipeline *pl, const struct table *tbl, struct stream **made, struct err *e)
{
	struct stream *stream = xcalloc(1, sizeof(*stream));
	struct encode_stats *counts = &pl->stats.encode;
	const char	  *text;
	enum rc		   rc;

	rc = tbl ? route_table(pl->routes, tbl, &stream->topic_name, e)
			 : route_messages(pl->routes, &stream->topic_name, e);
	if (rc == RC_OK)
		rc = tbl ? plan_new(tbl, &pl->fmt, counts, stream->topic_name, &stream->plan, e)
				 : plan_new_message(&pl->fmt, counts, stream->topic_name, &stream->plan, e);
	for (int side = SIDE_KEY; rc == RC_OK && side <= SIDE_VALUE; side++)
		if ((text = plan_schema(stream->plan, (enum side) side)) != NULL)
			rc = avro_new(text, &stream->avro[side], e);
	if (rc == RC_OK)
		rc = pl->sink->ops->topic(pl->sink, stream->topic_name, stream->avro[SIDE_KEY],
								  stream->avro[SIDE_VALUE], &stream->topic, e);
	if (rc != RC_OK)
	{
		stream_free(pl, stream);
		return rc;
	}
	*made = stream;
	return RC_OK;
}

/* Makes *stream ready for rows: once per relation version. */
static enum rc
stream_prepare(struct pipeline *pl, const struct table *tbl, struct stream **stream, struct err *e)
{
	enum rc rc = RC_OK;

	if (*stream == NULL)
		rc = stream_new(pl, tbl, stream, e);
	/* Both are asked for at once: they wait together. */
	for (int side = SIDE_KEY; rc != RC_ERR && side <= SIDE_VALUE; side++)
	{
		enum rc side_rc = stream_register(pl, *stream, (enum side) side, e);

		if (side_rc != RC_OK)
			rc = side_rc;
	}
	if (rc == RC_OK)
		(*stream)->ready = true;
	else if (rc == RC_AGAIN)
		pl->wait = WAIT_REGISTRY;
	return rc;
}

/* The stream of a relation index, ready for rows. */
static enum rc
pipeline_stream(struct pipeline *pl, uint32_t relation, struct stream **stream, struct err *e)
{
	struct table *tbl = catalog_table(pl->cat, relation);

	if (tbl == NULL)
		return err_set(e, ERR_PROTOCOL, E1406, "record names relation %u, which was not announced",
					   relation);
	*stream = tbl->user;
	if (*stream && (*stream)->ready)
		return RC_OK;

	enum rc rc = stream_prepare(pl, tbl, stream, e);

	tbl->user = *stream;
	return rc;
}

/* --- a row --------------------------------------------------------------- */

/* Hands what was encoded to the sink, from where it stopped. */
static enum rc
pipeline_send(struct pipeline *pl, struct stream *stream, ack_ticket item, struct err *e)
{
	while (pl->next_out < pl->nout)
	{
		enum rc rc = pl->sink->ops->send(pl->sink, stream->topic, &pl->out[pl->next_out], item, e);

		if (rc == RC_AGAIN)
			pl->wait = WAIT_SINK;
		if (rc != RC_OK)
			return rc;
		ack_sent(pl->ack, item, 1);
		pl->stats.sent++;
		pl->next_out++;
	}
	/* A table that had one huge row must not keep its memory until the next one. */
	if (pl->nout > 0 && pl->out[0].value.len > BUF_KEEP)
		plan_trim(stream->plan);
	pl->nout = pl->next_out = 0;
	return RC_OK;
}

/* avro.verify: every Nth change is decoded again and compared. */
static enum rc
pipeline_verify(struct pipeline *pl, struct stream *stream, const struct change *chg,
				struct err *e)
{
	if (pl->cfg->format.avro_verify == 0 || --pl->until_verify > 0)
		return RC_OK;
	pl->until_verify = pl->cfg->format.avro_verify;
	pl->stats.verified++;
	return verify_outgoing(stream->plan, chg, pl->out, pl->nout, e);
}

static void
count_change(struct pipeline_stats *stats, enum wire_kind kind)
{
	if (kind == WIRE_INSERT)
		stats->inserts++;
	else if (kind == WIRE_UPDATE)
		stats->updates++;
	else
		stats->deletes++;
}

static enum rc
pipeline_change(struct pipeline *pl, const struct change *chg, struct err *e)
{
	struct stream *stream;
	enum rc		   rc;

	rc = pipeline_stream(pl, chg->relation, &stream, e);
	if (rc != RC_OK)
		return rc;
	if (pl->nout == 0)
	{
		rc = encode_change(stream->plan, chg, &pl->stamp, pl->now_ns, pl->out, &pl->nout, e);
		if (rc == RC_OK)
			rc = pipeline_verify(pl, stream, chg, e);
		if (rc != RC_OK)
			return rc;
		count_change(&pl->stats, chg->kind);
	}
	return pipeline_send(pl, stream, pl->txn, e);
}

/* --- the rarer records --------------------------------------------------- */

/* One event a table; the cursor in the record remembers which come next. */
static enum rc
pipeline_truncate(struct pipeline *pl, struct truncate *trunc, struct err *e)
{
	while (trunc->nrelations > 0)
	{
		struct cursor  next = trunc->relations;
		struct stream *stream;
		enum rc		   rc = pipeline_stream(pl, (uint32_t) cursor_uv(&next), &stream, e);

		if (rc == RC_OK && pl->nout == 0)
			rc = encode_truncate(stream->plan, trunc, &pl->stamp, pl->now_ns, pl->out, &pl->nout,
								 e);
		if (rc == RC_OK)
			rc = pipeline_send(pl, stream, pl->txn, e);
		if (rc != RC_OK)
			return rc;
		trunc->relations = next;
		trunc->nrelations--;
		pl->stats.truncates++;
	}
	return RC_OK;
}

/*
 * A message outside any transaction is an item of its own.  Its end is a
 * position, because the server reports the end of the message's WAL record.
 */
static enum rc
pipeline_message(struct pipeline *pl, const struct message *msg, struct err *e)
{
	struct stamp none = {.commit_us = pl->stamp.commit_us,
						 .last_commit_lsn = pl->stamp.last_commit_lsn};
	enum rc		 rc = RC_OK;

	if (pl->messages == NULL || !pl->messages->ready)
		rc = stream_prepare(pl, NULL, &pl->messages, e);
	if (rc == RC_OK && pl->nout == 0)
		rc = encode_message(pl->messages->plan, msg, msg->transactional ? &pl->stamp : &none,
							pl->now_ns, pl->out, &pl->nout, e);
	if (rc != RC_OK)
		return rc;
	if (!msg->transactional && pl->txn == 0)
		pl->txn = ack_open(pl->ack, 0);
	rc = pipeline_send(pl, pl->messages, pl->txn, e);
	if (rc != RC_OK)
		return rc;
	pl->stats.messages++;
	if (!msg->transactional)
	{
		ack_close(pl->ack, pl->txn, msg->lsn);
		pl->txn = 0;
		pl->received = msg->lsn;
	}
	return RC_OK;
}

static char *
str_dup(struct str s)
{
	return xstrndup(s.data, s.len);
}

static void
format_free(struct format *fmt)
{
	free((char *) fmt->database);
	free((char *) fmt->encoding);
	*fmt = (struct format){0};
}

static void
pipeline_hello(struct pipeline *pl, const struct hello *hello)
{
	const struct config *cfg = pl->cfg;

	format_free(&pl->fmt);
	pl->fmt = (struct format){
		.prefix = cfg->kafka.topic_prefix,
		.version = cfg->format.version,
		.database = str_dup(hello->database),
		.encoding = str_dup(hello->encoding),
		.schema_names = cfg->format.schema_names,
		.field_names = cfg->format.field_names,
		.tombstones = cfg->format.tombstones,
		.truncates = strchr(cfg->tables.skipped_operations, 't') == NULL,
		.generated = cfg->format.generated,
		.placeholder = cfg->format.placeholder,
	};
}

/* Transactions without a message cost the sink nothing, so they have a bound of their own. */
static enum rc
pipeline_begin(struct pipeline *pl, const struct begin *begin)
{
	if (ack_items(pl->ack) >= ITEMS_MAX)
	{
		pl->wait = WAIT_ACK;
		return RC_AGAIN;
	}
	pl->stamp.xid = begin->xid;
	pl->stamp.commit_us = begin->commit_us;
	pl->txn = ack_open(pl->ack, begin->commit_us);
	return RC_OK;
}

static void
pipeline_commit(struct pipeline *pl, const struct commit *commit)
{
	ack_close(pl->ack, pl->txn, commit->end_lsn);
	pl->txn = 0;
	pl->received = commit->end_lsn;
	pl->stamp.last_commit_lsn = commit->end_lsn;
	pl->stats.commit_us = pl->stamp.commit_us;
	pl->stats.transactions++;
}

static enum rc
pipeline_relation(struct pipeline *pl, struct cursor body, struct err *e)
{
	struct table *tbl;

	return catalog_learn(pl->cat, body, &tbl, e);
}

static enum rc
pipeline_record(struct pipeline *pl, struct record *rec, struct err *e)
{
	switch (rec->kind)
	{
		case WIRE_INSERT:
		case WIRE_UPDATE:
		case WIRE_DELETE: return pipeline_change(pl, &rec->change, e);
		case WIRE_BEGIN: return pipeline_begin(pl, &rec->begin);
		case WIRE_COMMIT: pipeline_commit(pl, &rec->commit); return RC_OK;
		case WIRE_MARK:
			ack_mark(pl->ack, rec->mark);
			pl->received = rec->mark;
			return RC_OK;
		case WIRE_RELATION: return pipeline_relation(pl, rec->relation, e);
		case WIRE_TRUNCATE: return pipeline_truncate(pl, &rec->truncate, e);
		case WIRE_MESSAGE: return pipeline_message(pl, &rec->message, e);
		case WIRE_HELLO: pipeline_hello(pl, &rec->hello); return RC_OK;
		default: return RC_OK; /* the reader shows nothing else */
	}
}

/* --- a frame ------------------------------------------------------------- */

static int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

enum rc
pipeline_frame(struct pipeline *pl, const void *data, size_t len, struct err *e)
{
	enum rc rc = RC_OK;

	pl->wait = WAIT_NOTHING;
	pl->now_ns = clock_ns();
	if (!pl->in_frame)
	{
		struct cursor payload = cursor_over(data, len);
		size_t		  need;

		rc = frame_next(&payload, &pl->records, &need, e);
		if (rc == RC_AGAIN)
			return err_set(e, ERR_PROTOCOL, E1402, "frame of %zu bytes claims to have %zu", len,
						   need);
		if (rc == RC_OK && cursor_left(&payload) > 0)
			return err_set(e, ERR_PROTOCOL, E1404, "%zu bytes follow a frame of %zu",
						   cursor_left(&payload), len - cursor_left(&payload));
		if (rc != RC_OK)
			return rc;
		pl->stats.received_bytes += len;
		pl->in_frame = true;
	}
	for (;;)
	{
		if (!pl->have_rec)
			rc = record_next(pl->rdr, &pl->records, &pl->rec, e);
		if (rc != RC_OK)
			break;
		rc = pipeline_record(pl, &pl->rec, e);
		pl->have_rec = rc == RC_AGAIN;
		if (rc != RC_OK)
			return rc;
	}
	if (rc == RC_ERR)
		return rc;
	pl->in_frame = false; /* the frame has no more records */
	return RC_OK;
}

/* --- streams begin and end ----------------------------------------------- */

void
pipeline_start(struct pipeline *pl, struct sink *sink, uint64_t start_lsn)
{
	pipeline_stop(pl);
	pl->sink = sink;
	pl->rdr = reader_new(pl->cfg->relay.max_long);
	pl->cat = catalog_new(pipeline_forget_table, pl);
	pl->routes = route_new(pl->cfg->kafka.topic_prefix, pl->cfg->kafka.topic_delimiter);
	pl->stamp = (struct stamp){.last_commit_lsn = start_lsn};
	ack_mark(pl->ack, start_lsn);
}

void
pipeline_stop(struct pipeline *pl)
{
	if (pl->rdr == NULL)
		return;
	if (pl->txn)
		ack_abandon(pl->ack, pl->txn);
	pl->txn = 0;
	catalog_free(pl->cat); /* and with it the tables' streams */
	stream_free(pl, pl->messages);
	route_free(pl->routes);
	reader_free(pl->rdr);
	format_free(&pl->fmt);
	pl->cat = NULL;
	pl->messages = NULL;
	pl->routes = NULL;
	pl->rdr = NULL;
	pl->sink = NULL;
	pl->in_frame = pl->have_rec = false;
	pl->nout = pl->next_out = 0;
	pl->wait = WAIT_NOTHING;
}

void
pipeline_forget(struct pipeline *pl)
{
	uint64_t confirmed = ack_confirmed(pl->ack);

	pipeline_stop(pl);
	ack_free(pl->ack);
	pl->ack = ack_new(confirmed);
	pl->received = confirmed;
}

enum pipeline_wait
pipeline_waits_for(const struct pipeline *pl)
{
	return pl->wait;
}

bool
pipeline_has_room(const struct pipeline *pl)
{
	return ack_items(pl->ack) < ITEMS_MAX / 4 * 3;
}

bool
pipeline_acked(struct pipeline *pl, uint64_t item, uint32_t count)
{
	return ack_done(pl->ack, item, count);
}

uint64_t
pipeline_confirmed(const struct pipeline *pl)
{
	return ack_confirmed(pl->ack);
}

uint64_t
pipeline_received(const struct pipeline *pl)
{
	return pl->received;
}

const struct ack *
pipeline_ack(const struct pipeline *pl)
{
	return pl->ack;
}

const struct pipeline_stats *
pipeline_stats(const struct pipeline *pl)
{
	return &pl->stats;
}
