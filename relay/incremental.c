/*
 * incremental.c
 *		What is asked for, and the tables that are read; see incremental.h.
 *
 * A signal is written down before anything becomes of it; once the scout has found the
 * tables that it means, these are written down in its place.
 */
#include "incremental.h"

#include <stdlib.h>

#include "crash_point.h"
#include "incremental_parts.h"
#include "log.h"
#include "snapshot_sql.h"

#define RETRY_MS 1000
#define RETRY_MAX_MS 60000
#define KEYS_MAX_BYTES ((size_t) 16 << 20) /* of a table's windows */
#define FIRST_ROWS 1000

void
incremental_touch(struct incremental *inc)
{
	if (inc->has_progress)
		pipeline_touch(inc->pl);
	loop_timer_set(inc->loop, &inc->work, 0);
}

/* --- tables -------------------------------------------------------------------- */

struct reading *
reading_add(struct incremental *inc, uint32_t relid)
{
	struct reading *table = xcalloc(1, sizeof(*table));
	uint32_t        most = gentle_chunk_rows(inc->gentle, inc->cfg->snapshot.chunk_rows);

	table->relid = table->note.relid = relid;
	table->limit = most < FIRST_ROWS ? most : FIRST_ROWS;
	inc->worked = true;
	table->log.max_bytes = table->partial.max_bytes = KEYS_MAX_BYTES;
	HASH_ADD(hh, inc->tables, relid, sizeof(table->relid), table);
	return table;
}

struct reading *
reading_find(struct incremental *inc, uint32_t relid)
{
	struct reading *table;

	HASH_FIND(hh, inc->tables, &relid, sizeof(relid), table);
	return table;
}

void
reading_forget(struct incremental *inc, struct reading *table)
{
	if (table->tbl)
		pipeline_close_rows(inc->pl, table->tbl);
	if (table->tbl && inc->copy_of == table->tbl)
	{
		copy_row_free(inc->copy);
		inc->copy = NULL;
		inc->copy_of = NULL;
	}
	key_range_free(table->range);
	if (table->tbl)
		table_free(table->tbl);
	free(table->schema);
	free(table->name);
	free(table->fingerprint);
	free(table->filter);
	free(table->left_out);
	table->range = NULL;
	table->tbl = NULL;
	table->schema = table->name = table->fingerprint = table->filter = NULL;
	table->left_out = NULL;
	table->described = table->filter_checked = table->changed = table->probing = false;
}

/* Its pieces that were not sent go, or all. */
static void
reading_drop(struct incremental *inc, const struct reading *table, enum piece_state upto)
{
	struct piece *piece = inc->pieces;

	while (piece)
	{
		struct piece *next = piece->next;

		if (piece->table == table && piece->state <= upto)
			piece_free(inc, piece);
		piece = next;
	}
}

void
reading_restart(struct incremental *inc, struct reading *table)
{
	const struct piece *piece;
	const key_texts    *from = &table->note.after;

	if (table->reader)
		reader_leave(table->reader);
	reading_drop(inc, table, PIECE_SENDING);
	for (piece = inc->pieces; piece; piece = piece->next)
		if (piece->table == table)
			from = &piece->last;
	buf_reset(&table->next);
	buf_put(&table->next, from->data, from->len);
	table->ended = table->probing = false;
	buf_reset(&table->bound);
	free(table->left_out);
	table->left_out = NULL;
}

void
reading_free(struct incremental *inc, struct reading *table)
{
	if (table->reader)
		reader_leave(table->reader);
	reading_drop(inc, table, PIECE_NOTING);
	reading_forget(inc, table);
	HASH_DEL(inc->tables, table);
	if (inc->noting == table)
		inc->noting = NULL;
	reading_note_clear(&table->note);
	key_log_free(&table->log);
	key_log_free(&table->partial);
	buf_free(&table->next);
	buf_free(&table->bound);
	free(table);
}

void
reading_end(struct incremental *inc, struct reading *table)
{
	if (table->reader)
		reader_leave(table->reader);
	table->stopped = true;
	loop_timer_set(inc->loop, &inc->work, 0); /* incremental_sweep() does the rest */
}

void
reading_failed(struct reading *table, const struct err *e)
{
	int64_t delay_ms = (int64_t) RETRY_MS << (table->failures < 6 ? table->failures : 6);

	if (delay_ms > RETRY_MAX_MS)
		delay_ms = RETRY_MAX_MS;
	table->failures++;
	table->retry_ms = loop_now_ms() + delay_ms;
	table->changed = true;
	log_err(LOG_WARN, e, "the table is tried again in %.0f s; changes and other tables go on",
			(double) delay_ms / 1000);
	if (table->reader)
		reader_leave(table->reader);
}

/* Its reading was ended by a signal, or because it has nothing that could be read. */
static void
reading_sweep(struct incremental *inc, struct reading *table)
{
	reading_drop(inc, table, PIECE_NOTING);
	if (inc->has_progress)
	{
		if (!table->dirty && !table->taken)
		{
			table->dirty = true;
			incremental_touch(inc);
			CRASH_POINT(incremental_dropped);
		}
	}
	else
		reading_free(inc, table);
}

/* --- what is asked for ------------------------------------------------------------ */

static void
incremental_add_signal(struct incremental *inc, const struct snapshot_signal *signal)
{
	struct buf json = {0};

	snapshot_signal_write(signal, &json);
	incremental_note_add_signal(&inc->job, (struct str){(const char *) json.data, json.len});
	buf_free(&json);
}

static void
incremental_stop_all(struct incremental *inc)
{
	struct reading *table;
	struct reading *next;

	for (uint32_t i = 0; i < inc->job.nsignals; i++)
		free(inc->job.signals[i]);
	inc->job.nsignals = 0;
	HASH_ITER(hh, inc->tables, table, next)
		reading_end(inc, table);
	if (inc->scouting == SCOUT_TABLES)
		scout_disconnect(inc);
}

void
incremental_ask(struct incremental *inc, struct str json)
{
	struct snapshot_signal signal;
	struct err             e;

	if (snapshot_signal_read(json, &signal, &e) != RC_OK)
	{
		log_err(LOG_WARN, &e, "the signal is passed over");
		return;
	}
	log_info("signal %s%s%s", signal_kind_name(signal.kind), *signal.id ? " " : "", signal.id);
	if (signal.kind == SIGNAL_PAUSE || signal.kind == SIGNAL_RESUME)
		inc->job.paused = signal.kind == SIGNAL_PAUSE;
	else if (signal.kind == SIGNAL_STOP && signal.ncollections == 0)
		incremental_stop_all(inc);
	else
		incremental_add_signal(inc, &signal);
	snapshot_signal_free(&signal);
	inc->job_dirty = true;
	incremental_touch(inc);
	CRASH_POINT(incremental_asked);
}

/* --- steps ------------------------------------------------------------------------------ */

static bool
incremental_is_due(const struct incremental *inc)
{
	return inc->tables != NULL || inc->job.nsignals > 0 || scout_is_to_list(inc);
}

/*
 * The ring first, and then what is in progress: a transaction that was streamed before the
 * ring was there, and is not to be seen yet, is among these.
 */
static void
incremental_begin(struct incremental *inc)
{
	if (inc->ring == NULL)
	{
		inc->ring = xcalloc(1, sizeof(*inc->ring));
		gentle_begin(inc->gentle);
	}
	pipeline_watch(inc->pl, true);
	scout_connect(inc);
	progress_report_begin(&inc->report, inc->loop, inc->cfg);
	CRASH_POINT(incremental_begun);
}

/* Nothing is under way: nothing is kept for it. */
static void
incremental_rest(struct incremental *inc)
{
	incremental_disconnect(inc);
	scout_disconnect(inc);
	loop_timer_clear(inc->loop, &inc->scout_retry);
	progress_report_end(&inc->report);
	inc->finished = inc->finished_rows = 0;
	loop_timer_clear(inc->loop, &inc->again);
	pipeline_watch(inc->pl, false);
	if (inc->ring)
		gentle_end(inc->gentle);
	free(inc->ring);
	inc->ring = NULL;
	xid_view_free(&inc->hidden);
	inc->has_view = false;
	inc->hidden_since_ms = 0;
}

static void
incremental_sweep(struct incremental *inc)
{
	struct reading *table;
	struct reading *next;

	HASH_ITER(hh, inc->tables, table, next)
	{
		if (table->stopped)
			reading_sweep(inc, table);
		else if (table->changed && incremental_pieces(inc, table, PIECE_NOTING) == 0)
		{
			reading_restart(inc, table);
			reading_forget(inc, table);
		}
	}
}

void
incremental_step(struct incremental *inc)
{
	if (!inc->streaming || inc->stopped)
		return;
	if (incremental_is_due(inc) && inc->scouting == SCOUT_OFF)
		incremental_begin(inc);
	if (inc->allowed)
		scout_step(inc);
	incremental_sweep(inc);
	if (inc->has_view && inc->allowed) /* that comes first */
		incremental_feed(inc);
	if (!inc->has_progress)
		incremental_finish_unnoted(inc);
	if (!incremental_is_due(inc) && inc->ring)
	{
		incremental_rest(inc);
		if (inc->worked)
			log_info("incremental snapshot is done: nothing is left to be read");
		inc->worked = false;
		CRASH_POINT(incremental_finished);
	}
}

/* What is between reading and sent comes again. */
static void
incremental_restart(struct incremental *inc)
{
	struct reading *table;
	struct reading *next;

	HASH_ITER(hh, inc->tables, table, next)
		reading_restart(inc, table);
	incremental_release(inc);
}

void
incremental_stream_started(struct incremental *inc)
{
	inc->streaming = true;
	incremental_step(inc);
}

/* A message of the stream that was asked for comes again, or another is asked for. */
void
incremental_stream_stopped(struct incremental *inc)
{
	inc->streaming = false;
	scout_stream_stopped(inc);
	incremental_restart(inc);
	CRASH_POINT(incremental_stream_lost);
}

/*
 * What brokers have acknowledged stays so; exactly once nothing does that the topic does not
 * say, and that is read again.
 */
void
incremental_sink_failed(struct incremental *inc)
{
	struct reading *table;
	struct reading *next;

	HASH_ITER(hh, inc->tables, table, next)
	{
		reading_drop(inc, table,
					 inc->cfg->kafka.exactly_once ? PIECE_NOTING : PIECE_SENT);
		if (table->taken)
			table->dirty = true;
		for (struct piece *piece = inc->pieces; piece; piece = piece->next)
			if (piece->table == table && piece->state == PIECE_NOTING)
				piece->state = PIECE_SAFE;
		table->taken = table->completes = false;
	}
	incremental_stream_stopped(inc);
	inc->job_dirty = inc->job_dirty || inc->job_taken;
	inc->job_taken = false;
	if (inc->has_progress && inc->job_dirty)
		pipeline_touch(inc->pl);
	CRASH_POINT(incremental_sink_lost);
}

void
incremental_allow(struct incremental *inc, bool allowed)
{
	bool was = inc->allowed;

	inc->allowed = allowed;
	if (was && !allowed && incremental_pieces(inc, NULL, PIECE_SENDING) > 0)
		incremental_restart(inc);
	if (!was && allowed)
		incremental_step(inc);
}

void
incremental_ask_at(struct incremental *inc, struct str json, int32_t partition, int64_t next)
{
	if (json.data)
		incremental_ask(inc, json);
	incremental_note_set_offset(&inc->job, partition, next);
	inc->job_dirty = true;
	incremental_touch(inc);
}

struct incremental_note *
incremental_job(struct incremental *inc)
{
	return &inc->job;
}

void
incremental_stop(struct incremental *inc)
{
	inc->stopped = true;
	incremental_rest(inc);
	CRASH_POINT(incremental_stopped);
}

/* --- what is recalled ---------------------------------------------------------------------- */

static bool
incremental_is_unwritten(const struct incremental *inc)
{
	const struct reading *table = inc->tables;

	while (table && !table->dirty && !table->taken)
		table = table->hh.next;
	return table != NULL || inc->job_dirty || inc->job_taken;
}

static bool
key_is_same(const key_texts *one, const key_texts *other)
{
	return one->len > 0 && one->len == other->len && memcmp(one->data, other->data, one->len) == 0;
}

/* A relay that had to wait for the slot may know more than what it could write down. */
void
incremental_recall(struct incremental *inc, struct incremental_found *found, bool fresh)
{
	struct reading *table;
	struct reading *next;

	if (!inc->cfg->kafka.exactly_once && incremental_is_unwritten(inc))
	{
		incremental_found_clear(found);
		return;
	}
	HASH_ITER(hh, inc->tables, table, next)
		reading_free(inc, table);
	incremental_note_clear(&inc->job);
	inc->job = found->job;
	found->job = (struct incremental_note){0};
	inc->job_dirty = inc->job_taken = false;
	for (uint32_t i = 0; i < found->count; i++)
	{
		table = reading_add(inc, found->tables[i].relid);
		table->note = found->tables[i];
		found->tables[i] = (struct reading_note){0};
		buf_put(&table->next, table->note.after.data, table->note.after.len);
		/* All of it was read, and that was not written down. */
		table->ended = table->dirty = key_is_same(&table->note.after, &table->note.upto);
	}
	inc->listed = false;
	incremental_found_clear(found);
	if (*inc->job.key == '\0')
	{
		nonce_make(inc->job.key);
		inc->job_dirty = true;
		pipeline_touch(inc->pl);
	}
	if (fresh)
		scout_know_lists(inc);
	if (HASH_COUNT(inc->tables) > 0)
	{
		pipeline_touch(inc->pl);
		log_info("the incremental snapshot goes on with %u tables", HASH_COUNT(inc->tables));
		CRASH_POINT(incremental_recalled);
	}
}

/* --- the object --------------------------------------------------------------------------------- */

static void
on_work(void *arg)
{
	incremental_step(arg);
}

struct incremental *
incremental_new(struct loop *loop, const struct config *cfg, struct pipeline *pl,
				struct gentle *gentle, bool has_progress, const struct incremental_events *events)
{
	struct incremental            *inc = xcalloc(1, sizeof(*inc));
	const struct pipeline_listener listener = {.relation = incremental_on_relation,
											   .message = incremental_on_message,
											   .written = incremental_notes_written,
											   .begun = incremental_on_begun,
											   .changed = incremental_on_changed,
											   .arg = inc};

	inc->loop = loop;
	inc->cfg = cfg;
	inc->primary = &cfg->source.conninfo;
	inc->pl = pl;
	inc->gentle = gentle;
	inc->has_progress = has_progress;
	inc->events = *events;
	inc->open = cfg->signal.channels & CHANNEL_SOURCE;
	inc->work = (struct loop_timer){.cb = on_work, .arg = inc};
	inc->again = (struct loop_timer){.cb = on_work, .arg = inc};
	inc->report = (struct progress_report){
		.title = "incremental snapshot", .look = incremental_progress, .arg = inc};
	inc->scout_retry = (struct loop_timer){.cb = on_work, .arg = inc};
	scout_new(inc);
	nonce_make(inc->nonce);
	incremental_readers_new(inc);
	pipeline_listen(pl, &listener);
	return inc;
}

void
incremental_free(struct incremental *inc)
{
	struct reading *table;
	struct reading *next;

	if (inc == NULL)
		return;
	incremental_rest(inc);
	HASH_ITER(hh, inc->tables, table, next)
		reading_free(inc, table);
	incremental_readers_free(inc);
	scout_free(inc);
	copy_row_free(inc->copy);
	incremental_note_clear(&inc->job);
	loop_timer_clear(inc->loop, &inc->work);
	free(inc);
}
