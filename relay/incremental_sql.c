/*
 * incremental_sql.c
 *		SQL of incremental snapshots; see incremental_sql.h.
 */
#include "incremental_sql.h"

#include <inttypes.h>

#include "copy_row.h"
#include "snapshot_sql.h"
#include "sql_quote.h"

#define OWN_NAME "pg_catalog.concat(n.nspname, '.', c.relname)"

void
incremental_sql_session(struct buf *sql, bool identifies)
{
	snapshot_sql_session(sql, "UTF8", identifies);
}

void
incremental_sql_view(struct buf *sql)
{
	buf_reset(sql);
	/*
	 * A snapshot lists those in progress up to the newest that has completed.  So one is made to
	 * complete that is newer than all that were streamed.
	 */
	buf_puts(sql, "BEGIN READ WRITE; SET LOCAL synchronous_commit = local; "
				  "SELECT pg_catalog.pg_current_xact_id(); COMMIT; ");
	buf_puts(sql, "SELECT pg_catalog.pg_current_snapshot(), (SELECT "
				  "pg_catalog.string_agg(o.xid::pg_catalog.text, ',') FROM (SELECT l.transactionid "
				  "AS xid FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a "
				  "ON a.pid = l.pid JOIN pg_catalog.pg_database d ON d.oid = a.datid "
				  "WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted "
				  "AND d.datname <> pg_catalog.current_database() UNION ALL SELECT p.transaction "
				  "FROM pg_catalog.pg_prepared_xacts p "
				  "WHERE p.database <> pg_catalog.current_database()) o)");
}

/* Whether it means the table, or one that it is a partition of. */
static void
put_match(struct buf *sql, const char *expression)
{
	buf_put_u8(sql, '(');
	signal_collection_sql(expression, OWN_NAME, sql);
	buf_puts(sql, " OR (c.relispartition AND EXISTS (SELECT FROM "
				  "pg_catalog.pg_partition_ancestors(c.oid) a "
				  "JOIN pg_catalog.pg_class ac ON ac.oid = a.relid "
				  "JOIN pg_catalog.pg_namespace an ON an.oid = ac.relnamespace WHERE ");
	signal_collection_sql(expression, "pg_catalog.concat(an.nspname, '.', ac.relname)", sql);
	buf_puts(sql, ")))");
}

void
incremental_sql_tables(struct buf *sql, const struct snapshot_signal *signal)
{
	struct buf any = {0};
	struct buf condition = {0};

	for (uint32_t i = 0; i < signal->ncollections; i++)
	{
		buf_puts(&any, i == 0 ? "(" : " OR ");
		put_match(&any, signal->collections[i]);
	}
	buf_puts(&any, signal->ncollections > 0 ? ")" : "true");
	buf_puts(&condition, "CASE");
	for (uint32_t i = 0; i < signal->nconditions; i++)
	{
		buf_puts(&condition, " WHEN ");
		put_match(&condition, signal->conditions[i].collection);
		buf_printf(&condition, " THEN %" PRIu32, i);
	}
	buf_puts(&condition, " WHEN false THEN 0 END"); /* there may be none */
	snapshot_sql_matching(sql, (struct str){(const char *) any.data, any.len},
						  (struct str){(const char *) condition.data, condition.len});
	buf_free(&any);
	buf_free(&condition);
}

/* --- one transaction ----------------------------------------------------------------- */

static void
put_name(struct buf *sql, const struct piece_query *query)
{
	sql_name_put(query->schema, sql);
	buf_put_u8(sql, '.');
	sql_name_put(query->name, sql);
}

/* A condition is somebody else's: it may read what we may, and change nothing. */
static void
put_begin(struct buf *sql, const struct piece_query *query)
{
	buf_reset(sql);
	if (query->standby)
		buf_puts(sql, "BEGIN; SELECT pg_catalog.pg_last_wal_replay_lsn(); COMMIT; ");
	buf_puts(sql, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
				  "SET LOCAL synchronous_commit = local; " KEY_RANGE_SETTINGS
				  "; LOCK TABLE ONLY ");
	put_name(sql, query);
	buf_puts(sql, " IN ACCESS SHARE MODE; ");
}

static void
put_look(struct buf *sql, const struct piece_query *query)
{
	struct buf key = {0};

	key_range_ask(query->tbl, query->relid, &key);
	buf_puts(sql, "SELECT pg_catalog.pg_current_snapshot(), " SNAPSHOT_SQL_FINGERPRINT ", "
				  "(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)"
				  "::pg_catalog.int8, (");
	buf_put(sql, key.data, key.len);
	buf_printf(sql, ") FROM pg_catalog.pg_class c WHERE c.oid = '%" PRIu32 "'; ", query->relid);
	buf_free(&key);
}

/* Another table may have the name by now: nothing of it is read. */
static void
put_copy(struct buf *sql, const struct piece_query *query, const bool *left_out)
{
	buf_puts(sql, "COPY (SELECT ");
	copy_row_columns(query->tbl, left_out, sql);
	buf_puts(sql, " FROM ONLY ");
	put_name(sql, query);
	buf_printf(sql, " WHERE tableoid = '%" PRIu32 "'", query->relid);
}

static void
put_watermark(struct buf *sql, const char *nonce, uint64_t number)
{
	buf_printf(sql,
			   "SELECT pg_catalog.pg_logical_emit_message(true, '" WIRE_REQUEST_PREFIX
			   "', 'chunk %s %" PRIu64 "'); ",
			   nonce, number);
}

void
incremental_sql_text(struct buf *sql, const char *text, const char *encoding)
{
	buf_reset(sql);
	buf_puts(sql, "SET client_encoding = 'UTF8'; SELECT pg_catalog.encode(pg_catalog.convert_to(");
	sql_literal_put((struct str){text, strlen(text)}, sql);
	buf_puts(sql, ", pg_catalog.getdatabaseencoding()), 'hex'); SET client_encoding = ");
	sql_literal_put((struct str){encoding, strlen(encoding)}, sql);
}

void
incremental_sql_filter(struct buf *sql, const struct piece_query *query)
{
	buf_reset(sql);
	buf_puts(sql, "BEGIN READ ONLY; SET LOCAL lock_timeout = '10s'; SELECT FROM ONLY ");
	put_name(sql, query);
	buf_printf(sql, " WHERE (%s) LIMIT 0; COMMIT", query->filter);
}

void
incremental_sql_look(struct buf *sql, const struct piece_query *query)
{
	put_begin(sql, query);
	put_look(sql, query);
	buf_puts(sql, "COMMIT");
}

void
incremental_sql_last(struct buf *sql, const struct piece_query *query,
					 const struct key_range *range, const bool *left_out)
{
	put_begin(sql, query);
	put_look(sql, query);
	put_copy(sql, query, left_out);
	key_range_order(range, true, sql);
	buf_puts(sql, " LIMIT 1) TO STDOUT (FORMAT binary); COMMIT");
}

void
incremental_sql_bound(struct buf *sql, const struct piece_query *query,
					  const struct key_range *range, const key_texts *after, uint32_t rows,
					  const bool *left_out)
{
	put_begin(sql, query);
	put_look(sql, query);
	put_copy(sql, query, left_out);
	if (after->len > 0)
	{
		buf_puts(sql, " AND ");
		key_range_after(range, after, sql);
	}
	key_range_order(range, false, sql);
	buf_printf(sql, " OFFSET %" PRIu32 " LIMIT 1) TO STDOUT (FORMAT binary); COMMIT", rows - 1);
}

void
incremental_sql_chunk(struct buf *sql, const struct piece_query *query,
					  const struct piece_range *piece)
{
	put_begin(sql, query);
	put_look(sql, query);
	put_copy(sql, query, piece->left_out);
	if (piece->after->len > 0)
	{
		buf_puts(sql, " AND ");
		key_range_after(piece->range, piece->after, sql);
	}
	buf_puts(sql, " AND ");
	key_range_upto(piece->range, piece->upto, sql);
	if (query->filter)
		buf_printf(sql, " AND (%s)", query->filter);
	key_range_order(piece->range, false, sql);
	if (piece->rows > 0)
		buf_printf(sql, " LIMIT %" PRIu32, piece->rows);
	buf_puts(sql, ") TO STDOUT (FORMAT binary); ");
	if (!query->standby)
		put_watermark(sql, piece->nonce, piece->number);
	buf_puts(sql, "COMMIT");
}

void
incremental_sql_seal(struct buf *sql, const struct piece_query *query, const char *nonce,
					 uint64_t number)
{
	put_begin(sql, query);
	put_look(sql, query);
	put_watermark(sql, nonce, number);
	buf_puts(sql, "COMMIT");
}
