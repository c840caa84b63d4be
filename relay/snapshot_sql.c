/*
 * snapshot_sql.c
 *		SQL of snapshots; see snapshot_sql.h.
 */
#include "snapshot_sql.h"

#include <inttypes.h>

#include "copy_row.h"
#include "sql_quote.h"

#define OIDS_A_MESSAGE 1000

/* What the plugin can send changes of. */
#define IS_CANDIDATE "c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384"

void
snapshot_sql_session(struct buf *sql, const char *encoding, bool identifies)
{
	buf_reset(sql);
	buf_puts(sql, "SET client_encoding = ");
	sql_literal_put((struct str){encoding, strlen(encoding)}, sql);
	buf_puts(sql, "; SET row_security = off; SET lock_timeout = '10s'; SET jit = off; "
				  "SET max_parallel_workers_per_gather = 0");
	if (identifies)
		buf_puts(sql, "; SELECT system_identifier FROM pg_catalog.pg_control_system()");
}

/* Columns of enum snapshot_column, and one more, if it is not "". */
static void
put_tables(struct buf *sql, struct str more)
{
	buf_puts(sql, "SELECT c.oid, n.nspname, c.relname, pg_catalog.pg_relation_filenode(c.oid), "
				  "c.reltuples::pg_catalog.int8, " SNAPSHOT_SQL_FINGERPRINT ", "
				  "pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
				  "(pg_catalog.has_table_privilege(c.oid, 'SELECT') OR NOT EXISTS (SELECT FROM "
				  "pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND "
				  "(a.attnum > 0 OR a.attname IN ('ctid', 'tableoid', 'xmin')) "
				  "AND NOT a.attisdropped AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, "
				  "'SELECT'))), pg_catalog.row_security_active(c.oid)");
	buf_puts(sql, more.len > 0 ? ", " : "");
	buf_put(sql, more.data, more.len);
	buf_puts(sql, " FROM pg_catalog.pg_class c "
				  "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
				  "WHERE " IS_CANDIDATE);
}

void
snapshot_sql_tables(struct buf *sql)
{
	buf_reset(sql);
	put_tables(sql, (struct str){"", 0});
	buf_puts(sql, " ORDER BY n.nspname, c.relname");
}

void
snapshot_sql_table(struct buf *sql, uint32_t relid)
{
	buf_reset(sql);
	put_tables(sql, (struct str){"", 0});
	buf_printf(sql, " AND c.oid = '%" PRIu32 "'", relid);
}

void
snapshot_sql_matching(struct buf *sql, struct str condition, struct str more)
{
	buf_reset(sql);
	put_tables(sql, more);
	buf_puts(sql, " AND ");
	buf_put(sql, condition.data, condition.len);
	buf_puts(sql, " ORDER BY n.nspname, c.relname");
}

static void
put_message_end(struct buf *sql)
{
	buf_puts(sql, "'); ");
}

/* Its flush is waited for, but no standby's: the stream has it once it is flushed. */
void
snapshot_sql_describe(struct buf *sql, const char *nonce, const uint32_t *relids, size_t count)
{
	static const char emit[] =
		"SELECT pg_catalog.pg_logical_emit_message(true, '" WIRE_REQUEST_PREFIX "', '";

	buf_reset(sql);
	buf_puts(sql, "BEGIN; SET LOCAL synchronous_commit = local; ");
	for (size_t i = 0; i < count; i++)
	{
		if (i % OIDS_A_MESSAGE == 0)
			buf_printf(sql, "%sdescribe %s", emit, nonce);
		buf_printf(sql, " %" PRIu32, relids[i]);
		if (i % OIDS_A_MESSAGE == OIDS_A_MESSAGE - 1 || i == count - 1)
			put_message_end(sql);
	}
	buf_printf(sql, "%sdescribed %s", emit, nonce);
	put_message_end(sql);
	buf_puts(sql, "COMMIT");
}

void
snapshot_sql_export(struct buf *sql, const char *slot, const char *plugin)
{
	buf_reset(sql);
	buf_puts(sql, "CREATE_REPLICATION_SLOT ");
	sql_name_put(slot, sql);
	buf_puts(sql, " TEMPORARY LOGICAL ");
	sql_name_put(plugin, sql);
	buf_puts(sql, " (SNAPSHOT 'export')");
}

/* A transaction that sees what the exported snapshot does. */
static void
put_import(struct buf *sql, const char *snapshot)
{
	buf_puts(sql, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT ");
	sql_literal_put((struct str){snapshot, strlen(snapshot)}, sql);
	buf_puts(sql, "; ");
}

void
snapshot_sql_look(struct buf *sql, const char *snapshot)
{
	buf_reset(sql);
	put_import(sql, snapshot);
	buf_puts(sql, "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()), "
				  "(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8; "
				  "SELECT c.oid FROM pg_catalog.pg_class c WHERE " IS_CANDIDATE "; COMMIT");
}

/* xmin as the row says it; one that is 2^31 transactions old or older counts as old. */
static void
put_newer(struct buf *sql, uint32_t xid)
{
	buf_printf(sql,
			   " AND pg_catalog.age(xmin) BETWEEN 0 AND pg_catalog.age('%" PRIu32
			   "'::pg_catalog.xid)",
			   xid);
}

void
snapshot_sql_chunk(struct buf *sql, const struct chunk_query *chunk)
{
	buf_reset(sql);
	put_import(sql, chunk->snapshot);
	buf_puts(sql, "COPY (SELECT ");
	copy_row_columns(chunk->tbl, chunk->left_out, sql);
	buf_puts(sql, " FROM ONLY ");
	sql_name_put(chunk->schema, sql);
	buf_put_u8(sql, '.');
	sql_name_put(chunk->name, sql);
	/* Another table may have the name by now: nothing of it is read. */
	buf_printf(sql, " WHERE tableoid = '%" PRIu32 "'", chunk->relid);
	if (chunk->range.from > 0)
	{
		buf_puts(sql, " AND ctid >= '");
		tid_put_sql(chunk->range.from, sql);
		buf_put_u8(sql, '\'');
	}
	if (chunk->range.end != TID_END)
	{
		buf_puts(sql, " AND ctid < '");
		tid_put_sql(chunk->range.end, sql);
		buf_put_u8(sql, '\'');
	}
	if (chunk->newer_than)
		put_newer(sql, chunk->newer_than);
	if (chunk->filter)
		buf_printf(sql, " AND (%s)", chunk->filter);
	buf_puts(sql, ") TO STDOUT (FORMAT binary); COMMIT; SELECT " SNAPSHOT_SQL_FINGERPRINT
				  ", pg_catalog.pg_relation_size(c.oid) / "
				  "pg_catalog.current_setting('block_size')::pg_catalog.int8 "
				  "FROM pg_catalog.pg_class c WHERE c.oid = ");
	buf_printf(sql, "'%" PRIu32 "'", chunk->relid);
}
