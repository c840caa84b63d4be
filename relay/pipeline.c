/*
 * pipeline.c
 *		A row's way through the relay; see pipeline.h.
 *
 * Read pipeline_frame() and pipeline_change(): the rest is what they call.
 * Everything that a row needs hangs on its table, made once per relation
 * version by stream_prepare(); rows look nothing up by name.
 */
#include "pipeline_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "kafka_conf.h"
#include "loop.h"
#include "verify.h"

int64_t
pipeline_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
pipeline_clock_us(void)
{
	return pipeline_clock_ns() / 1000;
}

/* A UUID of version 7: the time in milliseconds, then random bits. */
static void
run_id_make(char id[37])
{
	int64_t ms = pipeline_clock_ns() / 1000000;
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

static void
pipeline_deliver(struct pipeline *pl)
{
	const struct config   *cfg = pl->ctx.cfg;
	bool                   has_progress = pl->progress != NULL;
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

	pl->dlv = delivery_new(&limits);
	delivery_listen(pl->dlv, pipeline_on_done, pl);
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
	pl->ctx.counts = table_counts_new();
	pl->divert = divert_new(&pl->ctx);
	run_id_make(pl->run_id);
	pl->progress = progress;
	pl->exactly_once = progress && cfg->kafka.exactly_once;
	pipeline_deliver(pl);
	pl->until_verify = cfg->format.avro_verify;
	return pl;
}

void
pipeline_begin_anew(struct pipeline *pl)
{
	delivery_free(pl->dlv);
	pipeline_deliver(pl);
	pl->received = 0;
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
	table_counts_free(pl->ctx.counts);
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

enum rc
pipeline_prepare(struct pipeline *pl, enum stream_kind kind, const struct table *tbl,
				 struct stream **stream, struct err *e)
{
	enum rc rc;

	if (*stream && (*stream)->ready && (pl->nout > 0 || stream_is_ready(&pl->ctx, *stream)))
		return RC_OK;
	rc = stream_prepare(&pl->ctx, kind, tbl, stream, e);
	if (rc == RC_AGAIN)
		pl->wait = (*stream)->opening   ? WAIT_SINK
				   : (*stream)->refused ? WAIT_SCHEMA
										: WAIT_REGISTRY;
	return rc;
}

enum rc
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

/* Hands the next message to the sink, or passes it over by on.error. */
static enum rc
pipeline_send_next(struct pipeline *pl, struct stream *stream, uint32_t *sent, struct err *e)
{
	const struct outgoing *out = &pl->out[pl->next_out];
	struct place		   at = {.lsn = pl->at_lsn, .commit_lsn = pl->commit_lsn};
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

enum rc
pipeline_send(struct pipeline *pl, struct stream *stream, struct err *e)
{
	if (pl->ctx.cfg->format.position_header && !pl->placed)
		position_headers_add(&pl->positions, pl->commit_lsn, pl->header_place + pl->place, pl->out,
							 pl->nout);
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

static void
count_change(struct pipeline_stats *stats, struct table_count *count, enum wire_kind kind)
{
	if (kind == WIRE_INSERT)
	{
		stats->inserts++;
		count->changes[TABLE_OP_INSERT]++;
	}
	else if (kind == WIRE_UPDATE)
	{
		stats->updates++;
		count->changes[TABLE_OP_UPDATE]++;
	}
	else
	{
		stats->deletes++;
		count->changes[TABLE_OP_DELETE]++;
	}
}

enum rc
pipeline_encode(struct pipeline *pl, struct stream *stream, const struct table *tbl,
				const struct change *chg, const struct stamp *stamp, struct err *e)
{
	enum rc rc;

	if (chg->too_long > 0)
		rc = record_too_long(chg->too_long, pl->ctx.cfg->relay.max_long, e);
	else
		rc = encode_change(stream->plan, chg, stamp, pl->now_ns, pl->out, &pl->nout, e);
	if (rc == RC_OK)
		rc = pipeline_verify(pl, stream, chg, e);
	if (rc != RC_ERR)
		return rc;
	pl->nout = 0;
	rc = divert_change(pl->divert, tbl, chg, &pl->out[0], e);
	pl->nout = rc == RC_OK;
	return rc;
}

static void
pipeline_tell(struct pipeline *pl, const struct change *chg)
{
	const struct table *tbl = catalog_table(pl->cat, chg->relation);

	for (unsigned i = 0; i < pl->nlisteners; i++)
		if (pl->listeners[i].changed)
			pl->listeners[i].changed(pl->listeners[i].arg, tbl, chg, pl->stamp.xid, pl->out,
									 pl->nout);
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
		rc = pipeline_encode(pl, stream, catalog_table(pl->cat, chg->relation), chg, &pl->stamp, e);
		if (rc != RC_OK)
			return rc;
		pipeline_count(pl, stream);
		count_change(&pl->stats, stream->count, chg->kind);
		stream->count->changed_us = pl->stamp.commit_us;
		if (pl->watched)
			pipeline_tell(pl, chg);
		CRASH_POINT(change_encoded);
	}
	rc = pipeline_send(pl, stream, e);
	if (rc != RC_OK)
		return rc;
	delivery_change(pl->dlv);
	CRASH_POINT(change_sent);
	return RC_OK;
}

/* --- a record ------------------------------------------------------------ */

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
	if (pl->hold_lsn && pipeline_holds(pl, rec))
		return RC_AGAIN;
	pl->at_lsn = record_lsn(rec);
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
			if (delivery_mark(pl->dlv, rec->mark, e) != RC_OK)
				return RC_ERR;
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

/* --- a frame ------------------------------------------------------------- */

enum rc
pipeline_frame(struct pipeline *pl, const void *data, size_t len, struct err *e)
{
	enum rc rc = RC_OK;

	pl->wait = WAIT_NOTHING;
	pl->now_ns = pipeline_clock_ns();
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
		pl->frame_us = pl->now_ns / 1000;
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
	pipeline_stop_rows(pl);
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

/* Of the open transaction, the commit record begins at commit_lsn. */
uint64_t
pipeline_reached(const struct pipeline *pl)
{
	uint64_t lsn = delivery_position(pl->dlv).lsn;

	if (pl->received > lsn)
		lsn = pl->received;
	return delivery_item(pl->dlv) && pl->commit_lsn >= lsn ? pl->commit_lsn + 1 : lsn;
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

const char *
pipeline_encoding(const struct pipeline *pl)
{
	return pl->ctx.fmt.encoding ? pl->ctx.fmt.encoding : "UTF8";
}

struct detours *
pipeline_detours(struct pipeline *pl)
{
	return pl->ctx.detours;
}

const struct table_count *
pipeline_tables(const struct pipeline *pl)
{
	return table_counts_list(pl->ctx.counts);
}

const struct letter_count *
pipeline_dead_letters(const struct pipeline *pl)
{
	return dead_letters_counts(pl->ctx.dead);
}
