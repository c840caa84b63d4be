/*
 * pipeline.c
 *		A row's way through the relay; see pipeline.h.
 *
 * Read pipeline_frame() and pipeline_change(): the rest is what they call.
 * Everything that a row needs hangs on its table, made once per relation
 * version by stream_prepare(); rows look nothing up by name.  Long because that way is to be
 * read in one place.
 */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "catalog.h"
#include "crash_point.h"
#include "divert.h"
#include "frame.h"
#include "kafka_conf.h"
#include "loop.h"
#include "lookahead.h"
#include "position_header.h"
#include "record.h"
#include "schema_topic.h"
#include "stream.h"
#include "verify.h"

/* Transactions and marks that may wait for an acknowledgement. */
#define ITEMS_MAX 65536

/* Events of the open transaction, by table (provide.transaction.metadata). */
struct counts
{
	bool			   begun; /* BEGIN has been sent */
	struct collection *collections;
	uint32_t		   ncollections;
	uint32_t		   max;
};

struct pipeline
{
	struct stream_context ctx;
	struct workspace	*work; /* of the stream's plans */
	struct reader		*rdr;
	struct catalog		*cat;
	struct stream		*messages; /* for logical messages, made when one comes */
	struct stream		*boundaries; /* for begin and end of transactions, the same */
	struct schema_topic *changes; /* include.schema.changes; else NULL */
	struct stream		*changed; /* where they go */
	uint64_t			 commit_lsn; /* of the open transaction's commit record */
	struct delivery		*dlv;
	struct divert		*divert;
	struct progress_topic *progress; /* where positions are written; NULL: nowhere */
	uint64_t			 unwritten; /* its records that are not acknowledged */
	struct stamp		 stamp;
	struct counts		 counts;
	struct str			 origin; /* of the open transaction: ours */
	char				 run_id[37];
	uint64_t			 received;

	/* Where to go on after RC_AGAIN. */
	bool			   in_frame;
	bool			   have_rec;
	struct cursor	   frames;	/* rest of the payload */
	struct cursor	   records; /* rest of the frame */
	struct lookahead   ahead;
	struct record	   rec;		/* the record that could not be finished */
	struct outgoing	   out[ENCODE_MAX_OUT];
	struct position_headers positions; /* position.header: of these messages */
	uint64_t		   place; /* of the first of them in its transaction */
	bool			   placed;
	unsigned		   nout;
	unsigned		   next_out;
	enum pipeline_wait wait;

	int64_t				  now_ns; /* wall clock, read once per frame */
	int64_t				  now_ms; /* loop time, the same */
	bool				  exactly_once;
	uint64_t			  until_verify;
	struct pipeline_stats stats;
};

static int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A UUID of version 7: the time in milliseconds, then random bits. */
static void
run_id_make(char id[37])
{
	int64_t ms = clock_ns() / 1000000;
	uint8_t bytes[16];

	if (getentropy(bytes, sizeof(bytes)) != 0)
		memset(bytes, 0, sizeof(bytes)); /* the time is enough to tell runs apart */
	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t) (ms >> (40 - 8 * i));
	bytes[6] = (uint8_t) ((bytes[6] & 0x0f) | 0x70);
	bytes[8] = (uint8_t) ((bytes[8] & 0x3f) | 0x80);
	for (int i = 0, at = 0; i < 16; i++)
		at += snprintf(id + at, 37 - (size_t) at, "%s%02x",
					   i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

/* When only other databases' or tables' changes move the position. */
#define IDLE_PROGRESS_MS 1000

static struct delivery *
delivery_of(const struct config *cfg, bool has_progress)
{
	struct delivery_limits limits = {
		.mode = !has_progress           ? DELIVERY_WITHOUT_PROGRESS
				: cfg->kafka.exactly_once ? DELIVERY_EXACTLY_ONCE
										: DELIVERY_AT_LEAST_ONCE,
		.interval_ms = cfg->relay.progress_ms,
		.idle_ms = cfg->relay.progress_ms > IDLE_PROGRESS_MS ? cfg->relay.progress_ms
															 : IDLE_PROGRESS_MS,
		.max_messages = cfg->relay.transaction_messages,
		.max_bytes = cfg->relay.transaction_bytes,
		.max_ms = kafka_conf_transaction_ms(cfg) / 4, /* slow brokers need the rest */
	};

	return delivery_new(&limits);
}

struct pipeline *
pipeline_new(const struct config *cfg, struct registry *reg, struct progress_topic *progress)
{
	struct pipeline *pl = xcalloc(1, sizeof(*pl));

	pl->ctx.cfg = cfg;
	pl->ctx.reg = reg;
	pl->ctx.stats = &pl->stats.encode;
	pl->ctx.on_error = cfg->relay.on_error;
	pl->ctx.on_refusal = config_on_refusal(cfg);
	if (pl->ctx.on_error == ON_ERROR_DEAD_LETTER || pl->ctx.on_refusal == ON_ERROR_DEAD_LETTER)
		pl->ctx.dead = dead_letters_new(cfg);
	pl->ctx.detours = detours_new();
	pl->divert = divert_new(&pl->ctx);
	run_id_make(pl->run_id);
	pl->progress = progress;
	pl->exactly_once = progress && cfg->kafka.exactly_once;
	pl->dlv = delivery_of(cfg, progress != NULL);
	pl->until_verify = cfg->format.avro_verify;
	return pl;
}

void
pipeline_free(struct pipeline *pl)
{
	if (pl == NULL)
		return;
	pipeline_stop(pl);
	if (pl->progress)
		progress_topic_close(pl->progress);
	schema_topic_free(pl->changes);
	dead_letters_free(pl->ctx.dead);
	divert_free(pl->divert);
	detours_free(pl->ctx.detours);
	delivery_free(pl->dlv);
	free(pl->counts.collections);
	free((char *) pl->origin.data);
	free(pl);
}

void
pipeline_tell_schema_changes(struct pipeline *pl, struct history *hist)
{
	pl->changes = schema_topic_new(hist);
}

/* --- streams: what hangs on a table ------------------------------------- */

static void
pipeline_forget_table(struct table *tbl, void *arg)
{
	struct pipeline *pl = arg;

	stream_free(&pl->ctx, tbl->user);
	tbl->user = NULL;
}

/* Where a stream's messages go never changes while some of a record's are on their way. */
static enum rc
pipeline_prepare(struct pipeline *pl, enum stream_kind kind, const struct table *tbl,
				 struct stream **stream, struct err *e)
{
	enum rc rc;

	if (*stream && (*stream)->ready && (pl->nout > 0 || stream_is_ready(&pl->ctx, *stream)))
		return RC_OK;
	rc = stream_prepare(&pl->ctx, kind, tbl, stream, e);
	if (rc == RC_AGAIN)
		pl->wait = (*stream)->refused ? WAIT_SCHEMA : WAIT_REGISTRY;
	return rc;
}

/* The stream of a relation index, ready for rows. */
static enum rc
pipeline_stream(struct pipeline *pl, uint32_t relation, struct stream **stream, struct err *e)
{
	struct table *tbl = catalog_table(pl->cat, relation);
	enum rc		  rc;

	if (tbl == NULL)
		return err_set(e, ERR_PROTOCOL, E1406, "record names relation %u, which was not announced",
					   relation);
	*stream = tbl->user;
	rc = pipeline_prepare(pl, STREAM_TABLE, tbl, stream, e);
	tbl->user = *stream;
	return rc;
}

/* --- a row --------------------------------------------------------------- */

/* Where a change is in the WAL. */
static uint64_t
record_lsn(const struct record *rec)
{
	switch (rec->kind)
	{
		case WIRE_TRUNCATE: return rec->truncate.lsn;
		case WIRE_MESSAGE: return rec->message.lsn;
		case WIRE_COMMIT: return rec->commit.end_lsn;
		case WIRE_INSERT:
		case WIRE_UPDATE:
		case WIRE_DELETE: return rec->change.lsn;
		default: return 0; /* others are no change */
	}
}

/* Hands the next message to the sink, or passes it over by on.error. */
static enum rc
pipeline_send_next(struct pipeline *pl, struct stream *stream, uint32_t *sent, struct err *e)
{
	const struct outgoing *out = &pl->out[pl->next_out];
	struct place		   at = {.lsn = record_lsn(&pl->rec), .commit_lsn = pl->commit_lsn};
	uint64_t			   place = pl->place + pl->next_out;
	uint64_t			   label = sink_label(delivery_item(pl->dlv), place);
	enum rc				   rc;

	divert_look(pl->divert, place);
	if (!divert_is_on(pl->divert))
	{
		rc = stream_send(&pl->ctx, stream, out, &at, label, sent, e);
		if (rc != RC_ERR || !divert_catch(pl->divert, e))
			return rc;
	}
	return divert_send(pl->divert, stream, out, &at, label, sent, e);
}

/* Hands what was encoded to the sink, from where it stopped; what is in Kafka already is dropped. */
static enum rc
pipeline_send(struct pipeline *pl, struct stream *stream, struct err *e)
{
	if (pl->ctx.cfg->format.position_header && !pl->placed)
		position_headers_add(&pl->positions, pl->commit_lsn, pl->place, pl->out, pl->nout);
	pl->placed = true;
	if (delivery_is_done(pl->dlv))
	{
		CRASH_POINT(part_dropped);
		pl->next_out = pl->nout;
		divert_off(pl->divert);
	}
	while (pl->next_out < pl->nout)
	{
		const struct outgoing *out = &pl->out[pl->next_out];
		uint32_t			   sent = 0;
		enum rc				   rc = pipeline_send_next(pl, stream, &sent, e);

		if (sent > 0)
			delivery_sent(pl->dlv, sent, out->key.len + out->value.len, pl->now_ms);
		pl->stats.sent += sent;
		if (rc == RC_AGAIN)
			pl->wait = WAIT_SINK;
		if (rc == RC_AGAIN && pl->next_out > 0)
			CRASH_POINT(change_waits_half);
		if (rc != RC_OK)
			return rc;
		pl->next_out++;
		if (pl->next_out < pl->nout)
			CRASH_POINT(message_sent);
	}
	/* A table that had one huge row must not keep its memory until the next one. */
	for (unsigned i = 0; i < pl->nout; i++)
		if (pl->out[i].value.len > BUF_KEEP)
		{
			plan_trim(stream->plan);
			break;
		}
	pl->place += pl->nout;
	pl->placed = false;
	pl->nout = pl->next_out = 0;
	return RC_OK;
}

/* avro.verify: every Nth change is decoded again and compared. */
static enum rc
pipeline_verify(struct pipeline *pl, struct stream *stream, const struct change *chg,
				struct err *e)
{
	if (pl->ctx.cfg->format.avro_verify == 0 || --pl->until_verify > 0)
		return RC_OK;
	pl->until_verify = pl->ctx.cfg->format.avro_verify;
	pl->stats.verified++;
	return verify_outgoing(stream->plan, chg, pl->out, pl->nout, e);
}

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

static void
counts_clear(struct counts *counts)
{
	for (uint32_t i = 0; i < counts->ncollections; i++)
		free((char *) counts->collections[i].name);
	counts->ncollections = 0;
	counts->begun = false;
}

/*
 * provide.transaction.metadata: before an event of the open transaction is
 * encoded.  Sends BEGIN if this is the first; RC_AGAIN as from pipeline_send().
 */
static enum rc
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

/* After it: events are messages with a value. */
static void
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

/* Its messages; or, by on.error, one with its text. */
static enum rc
pipeline_encode(struct pipeline *pl, struct stream *stream, const struct change *chg,
				struct err *e)
{
	enum rc rc;

	if (chg->too_long > 0)
		rc = record_too_long(chg->too_long, pl->ctx.cfg->relay.max_long, e);
	else
		rc = encode_change(stream->plan, chg, &pl->stamp, pl->now_ns, pl->out, &pl->nout, e);
	if (rc == RC_OK)
		rc = pipeline_verify(pl, stream, chg, e);
	if (rc != RC_ERR)
		return rc;
	pl->nout = 0;
	rc = divert_change(pl->divert, catalog_table(pl->cat, chg->relation), chg, &pl->out[0], e);
	pl->nout = rc == RC_OK;
	return rc;
}

static enum rc
pipeline_change(struct pipeline *pl, const struct change *chg, struct err *e)
{
	struct stream *stream;
	enum rc		   rc;

	rc = pipeline_stream(pl, chg->relation, &stream, e);
	if (rc != RC_OK)
		return rc;
	rc = pipeline_order(pl, stream, chg->lsn, e);
	if (rc != RC_OK)
		return rc;
	if (pl->nout == 0)
	{
		CRASH_POINT(change_taken);
		rc = pipeline_encode(pl, stream, chg, e);
		if (rc != RC_OK)
			return rc;
		pipeline_count(pl, stream);
		count_change(&pl->stats, chg->kind);
		CRASH_POINT(change_encoded);
	}
	rc = pipeline_send(pl, stream, e);
	if (rc != RC_OK)
		return rc;
	delivery_change(pl->dlv);
	CRASH_POINT(change_sent);
	return RC_OK;
}

/* What the item that has just begun is known by if a message of it is refused. */
static void
pipeline_tag(struct pipeline *pl, uint64_t tag)
{
	delivery_set_tag(pl->dlv, tag);
	divert_begin(pl->divert, tag);
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

/*
 * A message outside any transaction is an item of its own.  Its end is a
 * position, because the server reports the end of the message's WAL record.
 */
static enum rc
pipeline_message(struct pipeline *pl, const struct message *msg, struct err *e)
{
	struct stamp none = {.commit_us = pl->stamp.commit_us,
						 .last_commit_lsn = pl->stamp.last_commit_lsn};
	enum rc		 rc;

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
		pl->place = 0;
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

static enum rc
plugin_too_old(const char *what, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1403, "the plugin is too old for %s", what);
	return err_hint(e, "Install the walrelay program and the walrelay plugin of one release.");
}

/* Transactions without a message cost the sink nothing, so they have a bound of their own. */
static enum rc
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
	pl->place = 0;
	if (pl->ctx.cfg->format.position_header && begin->commit_lsn == 0)
		return plugin_too_old("position.header", e);
	if (pl->exactly_once && begin->commit_lsn == 0)
		return plugin_too_old("delivery = exactly-once", e);
	CRASH_POINT(begin_taken);
	if (pl->ctx.on_error != ON_ERROR_STOP && begin->commit_lsn == 0)
		return plugin_too_old("on.error", e);
	rc = delivery_begin(pl->dlv, begin->commit_lsn, begin->commit_us, e);
	if (rc == RC_OK)
		pipeline_tag(pl, begin->commit_lsn);
	return rc;
}

static enum rc
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
	if (delivery_commit(pl->dlv, commit->end_lsn, e) != RC_OK)
		return RC_ERR;
	pl->received = commit->end_lsn;
	pl->stamp.last_commit_lsn = commit->end_lsn;
	pl->stats.commit_us = pl->stamp.commit_us;
	pl->stats.transactions++;
	CRASH_POINT(commit_counted);
	return RC_OK;
}

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

static enum rc
pipeline_relation(struct pipeline *pl, struct cursor body, struct err *e)
{
	struct table *tbl;
	enum rc		  rc = catalog_learn(pl->cat, body, &tbl, e);

	CRASH_POINT(relation_learnt);
	if (rc == RC_OK && pl->changes)
		rc = pipeline_prepare_changes(pl, e);
	if (rc == RC_OK && pl->changes)
		schema_topic_learn(pl->changes, tbl, &pl->ctx.fmt, pl->changed->plan);
	return rc;
}

/* What relation records have changed, ahead of the first record that needs it. */
static enum rc
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

/* Records that a relation record may stand before. */
static bool
is_about_tables(enum wire_kind kind)
{
	return kind == WIRE_INSERT || kind == WIRE_UPDATE || kind == WIRE_DELETE ||
		   kind == WIRE_TRUNCATE || kind == WIRE_COMMIT;
}

static enum rc
pipeline_record(struct pipeline *pl, struct record *rec, struct err *e)
{
	if (pl->changes && schema_topic_is_due(pl->changes) && is_about_tables(rec->kind))
	{
		enum rc rc = pipeline_tell_changes(pl, rec, e);

		if (rc != RC_OK)
			return rc;
	}
	switch (rec->kind)
	{
		case WIRE_INSERT:
		case WIRE_UPDATE:
		case WIRE_DELETE: return pipeline_change(pl, &rec->change, e);
		case WIRE_BEGIN: return pipeline_begin(pl, &rec->begin, e);
		case WIRE_COMMIT: return pipeline_commit(pl, &rec->commit, e);
		case WIRE_MARK:
			delivery_mark(pl->dlv, rec->mark);
			pl->received = rec->mark;
			CRASH_POINT(mark_counted);
			return RC_OK;
		case WIRE_RELATION: return pipeline_relation(pl, rec->relation, e);
		case WIRE_TRUNCATE: return pipeline_truncate(pl, &rec->truncate, e);
		case WIRE_MESSAGE: return pipeline_message(pl, &rec->message, e);
		case WIRE_HELLO:
			format_free(&pl->ctx.fmt);
			pl->ctx.fmt.run_id = pl->run_id;
			pl->ctx.fmt.work = pl->work;
			return format_init(&pl->ctx.fmt, pl->ctx.cfg, &rec->hello, e);
		default: return RC_OK; /* the reader shows nothing else */
	}
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
	delivery_written(pl->dlv);
	CRASH_POINT(progress_written);
	if (delivery_position(pl->dlv).commit_lsn)
		CRASH_POINT(part_written);
}

void
pipeline_committed(struct pipeline *pl, int64_t now_ms)
{
	pipeline_written(pl);
	delivery_committed(pl->dlv, now_ms);
}

bool
pipeline_acked(struct pipeline *pl, uint32_t item, uint32_t count)
{
	if (item != PROGRESS_ITEM)
		return delivery_acked(pl->dlv, item, count);
	pl->unwritten -= count;
	/* Exactly once its Kafka transaction has to be committed, too. */
	if (!pl->exactly_once && pl->unwritten == 0 && delivery_is_writing(pl->dlv))
		pipeline_written(pl);
	return true;
}

/* --- a frame ------------------------------------------------------------- */

enum rc
pipeline_frame(struct pipeline *pl, const void *data, size_t len, struct err *e)
{
	enum rc rc = RC_OK;

	pl->wait = WAIT_NOTHING;
	pl->now_ns = clock_ns();
	pl->now_ms = loop_now_ms();
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
		lookahead_start(&pl->ahead, pl->records, pl->cat);
		CRASH_POINT(frame_taken);
	}
	else
		CRASH_POINT(frame_resumed);
	for (;;)
	{
		if (pl->exactly_once)
			rc = pipeline_write(pl, pl->ctx.sink, pl->now_ms, false, e);
		if (rc != RC_OK)
		{
			pl->wait = WAIT_SINK;
			return rc;
		}
		if (!pl->have_rec)
		{
			lookahead_step(&pl->ahead, pl->cat);
			rc = record_next(pl->rdr, &pl->records, &pl->rec, e);
		}
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
	CRASH_POINT(frame_done);
	return RC_OK;
}

/* --- streams begin and end ----------------------------------------------- */

void
pipeline_start(struct pipeline *pl, struct sink *sink, const struct position *from)
{
	pipeline_stop(pl);
	pl->ctx.sink = sink;
	pl->work = workspace_new();
	pl->rdr = reader_new(pl->ctx.cfg->relay.max_long);
	if (pl->ctx.on_error != ON_ERROR_STOP)
		reader_leave_out_long(pl->rdr);
	pl->cat = catalog_new(pipeline_forget_table, pl);
	pl->ctx.routes = route_new(pl->ctx.cfg->kafka.topic_prefix, pl->ctx.cfg->kafka.topic_delimiter);
	pl->stamp = (struct stamp){.last_commit_lsn = from->lsn};
	if (pl->changes)
		schema_topic_start(pl->changes, from->lsn);
	delivery_start(pl->dlv, from);
}

void
pipeline_stop(struct pipeline *pl)
{
	if (pl->rdr == NULL)
		return;
	delivery_stop(pl->dlv);
	catalog_free(pl->cat); /* and with it the tables' streams */
	stream_free(&pl->ctx, pl->messages);
	stream_free(&pl->ctx, pl->boundaries);
	stream_free(&pl->ctx, pl->changed);
	if (pl->changes)
		schema_topic_stop(pl->changes);
	dead_letters_close(pl->ctx.dead);
	divert_stop(pl->divert);
	route_free(pl->ctx.routes);
	reader_free(pl->rdr);
	format_free(&pl->ctx.fmt);
	workspace_free(pl->work);
	pl->work = NULL;
	pl->cat = NULL;
	pl->messages = pl->boundaries = pl->changed = NULL;
	pl->ctx.routes = NULL;
	pl->rdr = NULL;
	pl->ctx.sink = NULL;
	pl->in_frame = pl->have_rec = pl->placed = false;
	pl->nout = pl->next_out = 0;
	counts_clear(&pl->counts);
	pl->wait = WAIT_NOTHING;
}

void
pipeline_forget(struct pipeline *pl)
{
	pipeline_stop(pl);
	if (pl->ctx.dead)
		dead_letters_forget(pl->ctx.dead);
	if (pl->progress)
		progress_topic_close(pl->progress);
	delivery_forget(pl->dlv);
	pl->unwritten = 0;
	pl->received = ack_confirmed(delivery_ack(pl->dlv));
}

enum pipeline_wait
pipeline_waits_for(const struct pipeline *pl)
{
	return pl->wait;
}

bool
pipeline_has_room(const struct pipeline *pl)
{
	return ack_items(delivery_ack(pl->dlv)) < ITEMS_MAX / 4 * 3;
}

const struct delivery *
pipeline_delivery(const struct pipeline *pl)
{
	return pl->dlv;
}

uint64_t
pipeline_received(const struct pipeline *pl)
{
	return pl->received;
}

const struct pipeline_stats *
pipeline_stats(const struct pipeline *pl)
{
	return &pl->stats;
}

bool
pipeline_refused(struct pipeline *pl, uint64_t label, const struct err *e)
{
	return divert_refused(pl->divert, delivery_tag(pl->dlv, sink_item(label)), sink_number(label),
						  delivery_durable(pl->dlv), e);
}

struct detours *
pipeline_detours(struct pipeline *pl)
{
	return pl->ctx.detours;
}

const struct letter_count *
pipeline_dead_letters(const struct pipeline *pl)
{
	return dead_letters_counts(pl->ctx.dead);
}
