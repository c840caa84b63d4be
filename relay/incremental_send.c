/*
 * incremental_send.c
 *		Chunks between the server and the sink: windows, watermarks, rows; see incremental.h.
 *
 *		reading ──> read ──watermark──> sending ──> sent ──> safe ──> noting ──> gone
 *
 * What is given up before it was sent, and sent without becoming safe, is read again, by a
 * new snapshot.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <utlist.h>

#include "copy_message.h"
#include "crash_point.h"
#include "incremental_parts.h"
#include "log.h"
#include "text.h"

#define ROWS_A_ROUND 2000 /* of the loop, so that the rest gets its turn */

/* --- pieces --------------------------------------------------------------------- */

struct piece *
piece_new(struct incremental *inc, struct reading *table)
{
	struct piece *piece = xcalloc(1, sizeof(*piece));

	piece->table = table;
	piece->number = ++inc->numbers;
	piece->limit = table->limit;
	piece->mark = xid_ring_mark(inc->ring);
	piece->reached = pipeline_reached(inc->pl);
	piece->window = key_window_open(&table->log);
	piece->partial = key_window_open(&table->partial);
	DL_APPEND(inc->pieces, piece);
	return piece;
}

static void
piece_close_windows(struct piece *piece)
{
	key_window_close(&piece->table->log, piece->window);
	key_window_close(&piece->table->partial, piece->partial);
}

void
piece_free(struct incremental *inc, struct piece *piece)
{
	if (piece->state < PIECE_SENT)
		piece_close_windows(piece);
	if (piece->table->reader && piece->table->reader->piece == piece)
		piece->table->reader->piece = NULL;
	DL_DELETE(inc->pieces, piece);
	if (inc->current == piece)
	{
		struct err e;

		/* Rows that were sent are right, if not all; no position is beyond this one. */
		if (piece->state == PIECE_SENDING && pipeline_rows_abandon(inc->pl, &e) != RC_OK)
			log_err(LOG_WARN, &e, "the rest of the chunk is read again");
		incremental_release(inc);
	}
	xid_view_free(&piece->view);
	buf_free(&piece->rows);
	buf_free(&piece->last);
	free(piece->left_out);
	free(piece);
}

void
piece_take(struct piece *piece, struct str message)
{
	uint32_t len = (uint32_t) message.len;

	if (copy_message_has_row(message, piece->rows.len == 0))
	{
		piece->count++;
		piece->last_at = piece->rows.len;
	}
	buf_put(&piece->rows, &len, sizeof(len));
	buf_put(&piece->rows, message.data, message.len);
}

static struct str
piece_message(const struct piece *piece, size_t at)
{
	const char *p = (const char *) piece->rows.data + at;
	uint32_t    len;

	memcpy(&len, p, sizeof(len));
	return (struct str){p + sizeof(len), len};
}

static void
incremental_use_table(struct incremental *inc, const struct table *tbl)
{
	if (inc->copy_of == tbl)
		return;
	copy_row_free(inc->copy);
	inc->copy = copy_row_new(tbl, inc->cfg->relay.frame_bytes, inc->cfg->relay.max_long);
	inc->copy_of = tbl;
}

/* With a copy_row of its own: rows of another piece may be on their way. */
enum rc
piece_last_key(struct incremental *inc, const struct piece *piece, const bool *left_out,
			   key_texts *key, struct err *e)
{
	const struct table *tbl = piece->table->tbl;
	struct copy_row    *copy =
		copy_row_new(tbl, inc->cfg->relay.frame_bytes, inc->cfg->relay.max_long);
	struct change chg = {0};
	enum rc       rc;

	copy_row_restart(copy, left_out);
	rc = copy_row_read(copy, piece_message(piece, 0), &chg, e); /* has the header */
	if (rc != RC_ERR && piece->last_at > 0)
		rc = copy_row_read(copy, piece_message(piece, piece->last_at), &chg, e);
	if (rc == RC_OK)
		rc = key_range_take(piece->table->range, &chg, key, e);
	copy_row_free(copy);
	return rc == RC_OK ? RC_OK : RC_ERR;
}

unsigned
incremental_pieces(const struct incremental *inc, const struct reading *table,
				   enum piece_state upto)
{
	const struct piece *piece;
	unsigned            count = 0;

	DL_FOREACH(inc->pieces, piece)
		count += piece->state <= upto && (table == NULL || piece->table == table);
	return count;
}

/* --- what the stream brings -------------------------------------------------------- */

static uint32_t
relid_of(const struct table *tbl)
{
	return tbl->partition ? tbl->partition : tbl->relid;
}

void
incremental_on_relation(void *arg, struct cursor body)
{
	struct incremental *inc = arg;
	struct reading     *table;
	struct table       *tbl;
	uint32_t            relid;
	struct err          e;

	if (table_read(body, &tbl, &e) != RC_OK)
		return;
	relid = relid_of(tbl);
	scout_on_relation(inc, relid);
	HASH_FIND(hh, inc->tables, &relid, sizeof(relid), table);
	if (table == NULL || table->reader == NULL || table->described ||
		(table->reader->step != STEP_DESCRIBE && table->reader->step != STEP_DESCRIBED))
	{
		table_free(tbl);
		return;
	}
	if (table->tbl)
		table_free(table->tbl);
	table->tbl = tbl;
}

static bool
has_word(struct str *content, const char *word)
{
	size_t len = strlen(word);

	if (content->len < len || memcmp(content->data, word, len) != 0)
		return false;
	*content = (struct str){content->data + len, content->len - len};
	return true;
}

static void
incremental_take_described(struct incremental *inc, struct str nonce)
{
	scout_on_described(inc, nonce);
	for (struct reading *table = inc->tables; table; table = table->hh.next)
		if (!table->described && nonce.len == NONCE_LEN &&
			memcmp(table->nonce, nonce.data, NONCE_LEN) == 0)
		{
			table->described = true;
			loop_timer_set(inc->loop, &inc->work, 0);
			CRASH_POINT(incremental_described);
		}
}

/* Of a chunk that is still wanted, the stream waits for its rows. */
static void
incremental_take_watermark(struct incremental *inc, struct str content)
{
	uint64_t      number = 0;
	struct piece *piece;

	if (content.len <= NONCE_LEN || memcmp(content.data, inc->nonce, NONCE_LEN) != 0)
		return;
	for (size_t i = NONCE_LEN + 1; i < content.len && content.data[i] >= '0' && content.data[i] <= '9';
		 i++)
		number = number * 10 + (uint64_t) (content.data[i] - '0');
	DL_FOREACH(inc->pieces, piece)
	{
		if (piece->number != number || piece->state > PIECE_READ)
			continue;
		inc->current = piece;
		pipeline_hold_here(inc->pl);
		CRASH_POINT(incremental_watermark);
		return;
	}
}

/* The database's own encoding is what the server writes. */
static void
incremental_ask_raw(struct incremental *inc, struct str json)
{
	uint64_t     replaced = 0;
	struct text *text;
	struct err   e;

	if (text_new(pipeline_encoding(inc->pl), &replaced, &text, &e) != RC_OK)
	{
		log_err(LOG_WARN, &e, "the signal is passed over");
		return;
	}
	incremental_ask(inc, text_utf8(text, json));
	text_free(text);
}

static bool
has_key(struct str content)
{
	size_t len = 0;

	while (len < content.len && ((content.data[len] >= '0' && content.data[len] <= '9') ||
								 (content.data[len] >= 'a' && content.data[len] <= 'f')))
		len++;
	return len == COMMAND_KEY_LEN;
}

/* "signal JSON" of anybody who may write messages, or "signal KEY JSON" of who knows the key. */
static void
incremental_take_signal(struct incremental *inc, struct str content)
{
	struct err e;

	if (*inc->job.key && content.len > COMMAND_KEY_LEN &&
		memcmp(content.data, inc->job.key, COMMAND_KEY_LEN) == 0)
		content = (struct str){content.data + COMMAND_KEY_LEN, content.len - COMMAND_KEY_LEN};
	else if (has_key(content))
		return; /* another relay's */
	else if (!inc->open)
	{
		err_set(&e, ERR_PERMISSION, E1244, "a signal has come by logical message from somebody "
										   "who may not give one");
		err_hint(&e, "Use walrelay snapshot start, or set signal.enabled.channels = source: then "
					 "whoever may connect to the database may have rows read, with conditions that "
					 "run with the rights of walrelay's role.");
		log_err(LOG_WARN, &e, "it is passed over");
		return;
	}
	incremental_ask_raw(inc, content);
}

void
incremental_on_message(void *arg, struct str content, uint32_t xid)
{
	struct incremental *inc = arg;

	(void) xid;
	if (has_word(&content, "chunk "))
		incremental_take_watermark(inc, content);
	else if (has_word(&content, "described "))
		incremental_take_described(inc, content);
	else if (has_word(&content, "signal "))
		incremental_take_signal(inc, content);
}

void
incremental_on_begun(void *arg, uint32_t xid)
{
	struct incremental *inc = arg;

	if (inc->ring)
		xid_ring_add(inc->ring, xid);
}

/* Whether some window of the table is open for a snapshot that may not see the transaction. */
static bool
reading_misses(const struct incremental *inc, const struct reading *table, uint32_t xid)
{
	const struct piece *piece;

	DL_FOREACH(inc->pieces, piece)
		if (piece->table == table && piece->state <= PIECE_READ &&
			(!piece->looked || !xid_view_sees(&piece->view, xid)))
			return true;
	return false;
}

/* Whether its messages lack a value that was not logged: the row had it before, and has it still. */
static bool
is_partial(const struct change *chg, const struct table *tbl)
{
	struct tuple tup;
	struct err   e;

	if (chg->kind != WIRE_UPDATE || tuple_open(chg->new_tuple, tbl->ncolumns, &tup, &e) != RC_OK)
		return false;
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
		if (tuple_state(&tup, i) == WIRE_STATE_UNCHANGED)
			return true;
	return false;
}

void
incremental_on_changed(void *arg, const struct table *tbl, const struct change *chg, uint32_t xid,
					   const struct outgoing *out, unsigned nout)
{
	struct incremental *inc = arg;
	uint32_t            relid = relid_of(tbl);
	struct reading     *table;
	bool                partial;

	HASH_FIND(hh, inc->tables, &relid, sizeof(relid), table);
	if (table == NULL || table->log.nopen == 0 || !reading_misses(inc, table, xid))
		return;
	partial = is_partial(chg, tbl);
	for (unsigned i = 0; i < nout; i++)
	{
		if (!out[i].has_key)
			key_log_break(&table->log);
		else
			key_log_add(&table->log, out[i].key);
		if (out[i].has_key && partial)
			key_log_add(&table->partial, out[i].key);
	}
}

/* --- rows ---------------------------------------------------------------------------- */

void
incremental_release(struct incremental *inc)
{
	if (inc->current == NULL)
		return;
	inc->current = NULL;
	pipeline_hold(inc->pl, 0);
	if (inc->streaming)
		inc->events.released(inc->events.arg);
}

/* The stream has brought the row in a newer form. */
static bool
piece_leaves_out(void *arg, struct str key)
{
	struct piece *piece = arg;

	return key_window_has(&piece->table->log, piece->window, key);
}

static struct rows
rows_of(struct incremental *inc, struct piece *piece)
{
	return (struct rows){.tbl = piece->table->tbl,
						 .stamp = &piece->stamp,
						 /* As a chunk of a snapshot has it, but for the last digit. */
						 .tag = (pipeline_held_at(inc->pl) & ~(uint64_t) 7) + 5,
						 .leaves_out = piece_leaves_out,
						 .arg = piece};
}

/* It cannot be used: the table goes on where it begins, in smaller steps. */
static void
piece_again(struct incremental *inc, struct piece *piece)
{
	struct reading *table = piece->table;
	uint32_t        limit = (uint32_t) (piece->count / 2);

	inc->stats.repeated++;
	reading_restart(inc, table);
	table->limit = limit > 0 ? limit : 1;
	loop_timer_set(inc->loop, &inc->work, 0);
	CRASH_POINT(incremental_chunk_again);
}

/*
 * Whether one of its rows is left out whose newer form, in the stream, lacks values: nobody
 * would ever send these.  RC_AGAIN: it is not known yet.
 */
static enum rc
piece_check_partial(struct incremental *inc, struct piece *piece, bool *lacks, struct err *e)
{
	struct rows rows = rows_of(inc, piece);

	*lacks = false;
	if (piece->table->partial.nkeys == 0)
		return RC_OK;
	copy_row_restart(inc->copy, piece->left_out);
	for (size_t at = 0; at < piece->rows.len && !*lacks;)
	{
		struct str    message = piece_message(piece, at);
		struct change chg = {0};
		struct str    key;
		enum rc       rc = pipeline_open_table(inc->pl, rows.tbl, e);

		if (rc != RC_OK)
			return rc;
		rc = copy_row_read(inc->copy, message, &chg, e);
		chg.lsn = pipeline_held_at(inc->pl);
		if (rc == RC_OK)
			rc = pipeline_row_key(inc->pl, &rows, &chg, &key, e);
		if (rc == RC_ERR)
			return rc;
		if (rc == RC_OK && key.data)
			*lacks = key_window_has(&piece->table->partial, piece->partial, key);
		at += sizeof(uint32_t) + message.len;
	}
	return RC_OK;
}

/* One more row; RC_AGAIN: later. */
static enum rc
piece_send_row(struct incremental *inc, struct piece *piece, const struct rows *rows,
			   struct err *e)
{
	struct str    message = piece_message(piece, piece->at);
	struct change chg = {0};
	uint64_t      sent = pipeline_stats(inc->pl)->rows;
	enum rc       rc = RC_OK;

	if (!pipeline_row_waits(inc->pl))
	{
		/* A message is read once: whatever may have to wait comes before. */
		rc = pipeline_open_table(inc->pl, rows->tbl, e);
		if (rc != RC_OK)
			return rc;
		rc = copy_row_read(inc->copy, message, &chg, e);
		chg.lsn = pipeline_held_at(inc->pl);
	}
	if (rc == RC_ERR)
		return rc;
	if (rc == RC_OK)
	{
		rc = pipeline_row(inc->pl, rows, &chg, e);
		if (rc != RC_OK)
			return rc;
		sent = pipeline_stats(inc->pl)->rows - sent;
		piece->sent += sent;
		inc->stats.rows += sent;
		inc->stats.left_out += 1 - sent;
	}
	piece->at += sizeof(uint32_t) + message.len;
	return RC_OK;
}

/* RC_AGAIN: later, or it is given up. */
static enum rc
piece_begin(struct incremental *inc, struct piece *piece, const struct rows *rows, struct err *e)
{
	bool    lacks;
	enum rc rc;

	incremental_use_table(inc, rows->tbl);
	rc = piece_check_partial(inc, piece, &lacks, e);
	if (rc != RC_OK)
		return rc;
	if (lacks || key_window_is_broken(&piece->table->log, piece->window) ||
		key_window_is_broken(&piece->table->partial, piece->partial))
	{
		piece_again(inc, piece);
		return RC_AGAIN;
	}
	rc = pipeline_rows_begin(inc->pl, rows, e);
	if (rc != RC_OK)
		return rc;
	copy_row_restart(inc->copy, piece->left_out);
	piece->state = PIECE_SENDING;
	CRASH_POINT(incremental_chunk_begun);
	return RC_OK;
}

static enum rc
piece_send(struct incremental *inc, struct piece *piece, int *budget, struct err *e)
{
	struct rows rows = rows_of(inc, piece);
	enum rc     rc = RC_OK;

	if (piece->state == PIECE_READ)
		rc = piece_begin(inc, piece, &rows, e);
	if (rc != RC_OK)
		return rc;
	while (piece->at < piece->rows.len)
	{
		if (--*budget < 0)
			return RC_AGAIN;
		rc = piece_send_row(inc, piece, &rows, e);
		if (rc != RC_OK)
			return rc;
		CRASH_POINT(incremental_row_sent);
	}
	rc = pipeline_rows_end(inc->pl, &piece->item, e);
	if (rc != RC_OK)
		return rc;
	piece_close_windows(piece);
	piece->state = PIECE_SENT;
	buf_free(&piece->rows);
	inc->stats.chunks++;
	CRASH_POINT(incremental_chunk_sent);
	incremental_release(inc);
	loop_timer_set(inc->loop, &inc->work, 0); /* a reader may wait for room */
	return RC_OK;
}

void
incremental_settle(struct incremental *inc)
{
	struct piece *piece;
	struct piece *next;

	DL_FOREACH_SAFE(inc->pieces, piece, next)
	{
		if (piece->state != PIECE_SENT ||
			!delivery_is_safe(pipeline_delivery(inc->pl), piece->item))
			continue;
		piece->state = PIECE_SAFE;
		piece->table->dirty = true;
		CRASH_POINT(incremental_chunk_safe);
		if (inc->has_progress)
			pipeline_touch(inc->pl);
		else
			piece_done(inc, piece);
	}
}

enum rc
incremental_pump(struct incremental *inc, struct err *e)
{
	int     budget = ROWS_A_ROUND;
	enum rc rc = RC_OK;

	incremental_settle(inc);
	if (inc->streaming && inc->current && inc->current->state != PIECE_READING &&
		pipeline_is_held(inc->pl))
		rc = piece_send(inc, inc->current, &budget, e);
	if (rc == RC_ERR)
		return rc;
	if (budget < 0)
		loop_timer_set(inc->loop, &inc->work, 0);
	incremental_settle(inc);
	if (inc->waits)
		incremental_step(inc);
	return RC_OK;
}
