/*
 * incremental_learn.c
 *		What has to be known of a table before its rows are read: what it is called, what the
 *		plugin says of it, its filter, the order of its key; see incremental.h.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "crash_point.h"
#include "incremental_parts.h"
#include "log.h"
#include "snapshot_sql.h"

/* --- what is asked ---------------------------------------------------------------- */

void
reader_ask_table(struct piece_reader *rdr)
{
	struct buf sql = {0};

	snapshot_sql_table(&sql, rdr->table->relid);
	reader_run(rdr, STEP_TABLE, &sql);
}

void
reader_ask_description(struct piece_reader *rdr)
{
	struct reading *table = rdr->table;
	struct buf      sql = {0};

	nonce_make(table->nonce);
	snapshot_sql_describe(&sql, table->nonce, &table->relid, 1);
	reader_run(rdr, STEP_DESCRIBE, &sql);
	CRASH_POINT(incremental_describing);
}

void
reader_ask_text(struct piece_reader *rdr)
{
	struct buf sql = {0};

	incremental_sql_text(&sql, rdr->table->note.filter, query_facts(rdr->query)->encoding);
	reader_run(rdr, STEP_TEXT, &sql);
}

void
reader_ask_filter(struct piece_reader *rdr)
{
	struct piece_query query = piece_query_of(rdr->table);
	struct buf         sql = {0};

	incremental_sql_filter(&sql, &query);
	reader_run(rdr, STEP_FILTER, &sql);
}

void
reader_ask_order(struct piece_reader *rdr)
{
	struct piece_query query = piece_query_of(rdr->table);
	struct buf         sql = {0};

	incremental_sql_look(&sql, &query);
	reader_run(rdr, STEP_LOOK, &sql);
}

/* --- answers ------------------------------------------------------------------------- */

void
reader_take_table(struct piece_reader *rdr, const struct pg_result *res)
{
	struct reading *table = rdr->table;

	rdr->found = query_rows(res) == 1;
	if (!rdr->found)
		return;
	table->schema = xstrdup(query_field(res, 0, SNAPSHOT_SCHEMA));
	table->name = xstrdup(query_field(res, 0, SNAPSHOT_TABLE));
	table->fingerprint = xstrdup(query_field(res, 0, SNAPSHOT_FINGERPRINT));
	rdr->hidden = *query_field(res, 0, SNAPSHOT_READABLE) != 't' ||
				  *query_field(res, 0, SNAPSHOT_HIDDEN) == 't';
}

static void
reader_took_table(struct piece_reader *rdr)
{
	struct reading *table = rdr->table;
	struct err      e;

	if (!rdr->found)
	{
		log_info("table \"%s\" is not there any more: its snapshot ends", table->note.table);
		reading_end(rdr->inc, table);
		return;
	}
	if (!rdr->hidden)
		return;
	err_set(&e, ERR_PERMISSION, E1240, "role %s may not read table \"%s\" of the snapshot",
			query_facts(rdr->query)->role, table->note.table);
	err_hint(&e, "Grant the role SELECT on it and USAGE on its schema, and BYPASSRLS if it has row "
				 "security; or stop its snapshot.");
	reading_failed(table, &e);
}

static int
hex_value(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

void
reader_take_text(struct piece_reader *rdr, const struct pg_result *res)
{
	struct reading *table = rdr->table;
	const char     *hex = query_field(res, 0, 0);
	size_t          len = strlen(hex) / 2;

	if (query_rows(res) != 1)
		return;
	table->filter = xcalloc(len + 1, 1);
	for (size_t i = 0; i < len; i++)
		table->filter[i] = (char) (hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
}

/* There is an order in which it can be read, or not. */
static void
reader_took_order(struct piece_reader *rdr)
{
	struct reading *table = rdr->table;
	struct err      e;

	if (table->range)
	{
		CRASH_POINT(incremental_ordered);
		return;
	}
	err_set(&e, ERR_CONFIG, E1242, "table \"%s\" cannot be read while it streams",
			table->note.table);
	err_detail(&e, "The index of its key has no order in which it could be read.");
	reading_failed(table, &e);
}

/* The range of the key as the server has it now; keys under another one mean nothing. */
void
reader_take_order(struct piece_reader *rdr, const char *answer)
{
	struct reading *table = rdr->table;
	uint64_t        hash;

	if (rdr->step == STEP_LOOK)
		table->range = key_range_new(table->tbl, answer);
	else
	{
		struct key_range *range = key_range_new(table->tbl, answer);

		rdr->changed = rdr->changed || range == NULL ||
					   key_range_hash(range) != key_range_hash(table->range);
		key_range_free(range);
	}
	if (rdr->step != STEP_LOOK || table->range == NULL)
		return;
	hash = key_range_hash(table->range);
	if (table->note.hash == hash &&
		(table->next.len == 0 || key_range_fits(table->range, &table->next)) &&
		(table->note.upto.len == 0 || key_range_fits(table->range, &table->note.upto)))
		return;
	if (table->note.after.len > 0)
		log_info("the order of the key of table \"%s\" has changed: its snapshot begins anew",
				 table->note.table);
	buf_reset(&table->note.after);
	buf_reset(&table->note.upto);
	buf_reset(&table->next);
	table->note.hash = hash;
	table->note.rows = 0;
	table->dirty = true;
}

void
reader_learnt(struct piece_reader *rdr, enum step step)
{
	if (step == STEP_TABLE)
		reader_took_table(rdr);
	else if (step == STEP_FILTER)
		rdr->table->filter_checked = true;
	else if (step == STEP_LOOK)
		reader_took_order(rdr);
}

/* --- what cannot be read ------------------------------------------------------------------ */

/* There is a key by which it can be read. */
bool
reader_check_key(struct piece_reader *rdr)
{
	struct reading *table = rdr->table;
	const char     *refusal = key_range_refusal(table->tbl);
	struct err      e;

	if (refusal == NULL)
		return true;
	/* Nobody has chosen how it is to be read. */
	if (strcmp(table->note.signal, SIGNAL_OF_LISTS) == 0)
	{
		table->note.blocking = table->dirty = true;
		incremental_touch(rdr->inc);
		reader_leave(rdr);
		return false;
	}
	err_set(&e, ERR_CONFIG, E1242, "table \"%s\" cannot be read while it streams",
			table->note.table);
	err_detail(&e, "It cannot be read by its key: %s.", refusal);
	err_hint(&e, "Give it a primary key, or ask for a snapshot of type blocking.");
	log_err(LOG_WARN, &e, "the table is passed over");
	reading_end(rdr->inc, table);
	return false;
}

void
reader_refuse_filter(struct piece_reader *rdr, const char *state)
{
	struct reading *table = rdr->table;
	struct err      e;

	err_set(&e, ERR_DATA, E1244, "the condition of signal %s%sis none for table \"%s\" (SQLSTATE %s)",
			table->note.signal ? table->note.signal : "",
			table->note.signal && *table->note.signal ? " " : "", table->note.table, state);
	err_hint(&e, "Ask again with a condition that stands behind WHERE in a SELECT of the table.");
	log_err(LOG_WARN, &e, "the table is passed over");
	rdr->step = STEP_FREE;
	reading_end(rdr->inc, table);
}
