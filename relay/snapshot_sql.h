/*
 * snapshot_sql.h
 *		Pure: what a snapshot asks PostgreSQL: which tables there are, to describe them,
 *		their rows.
 *
 * Nothing here takes a lock that outlives its transaction, and none that anybody but ALTER,
 * DROP and TRUNCATE would wait for.  Everything is qualified: search_path plays no part.
 * Called by those who read rows.  Names are in the server's encoding.
 */
#ifndef RELAY_SNAPSHOT_SQL_H
#define RELAY_SNAPSHOT_SQL_H

#include "catalog.h"
#include "tid_set.h"

/*
 * Settings of a connection that reads rows, behind pg_session_sql; identifies: then a row of one
 * field, the cluster's system identifier.
 */
void snapshot_sql_session(struct buf *sql, const char *encoding, bool identifies);

/* Columns of snapshot_sql_tables()'s rows. */
enum snapshot_column
{
	SNAPSHOT_OID,
	SNAPSHOT_SCHEMA,
	SNAPSHOT_TABLE,
	SNAPSHOT_FILENODE,
	SNAPSHOT_TUPLES,      /* estimated; -1: unknown */
	SNAPSHOT_FINGERPRINT, /* SNAPSHOT_SQL_FINGERPRINT */
	SNAPSHOT_READABLE,    /* t: the role may read every column */
	SNAPSHOT_HIDDEN,      /* t: row security hides rows from the role */
	SNAPSHOT_MORE
};

/*
 * Of pg_class c: changes with whatever decides what a COPY of the table says.  TRUNCATE and rewrites, which a snapshot does not see through, change the filenode; renaming,
 * and swapping names, of schemas, tables and columns shows in the names, and where they were
 * given back by now, in the transactions that wrote them (xmin).
 */
#define SNAPSHOT_SQL_FINGERPRINT                                                            \
	"pg_catalog.concat_ws('/', pg_catalog.pg_relation_filenode(c.oid), c.xmin, c.relname, " \
	"(SELECT pg_catalog.concat_ws(',', s.oid, s.xmin, s.nspname) "                          \
	"FROM pg_catalog.pg_namespace s WHERE s.oid = c.relnamespace), "                        \
	"(SELECT pg_catalog.hashtextextended(pg_catalog.string_agg(pg_catalog.concat_ws(',', "  \
	"a.attnum, a.xmin, a.atttypid, a.atttypmod, a.attisdropped, a.attname), ';' "           \
	"ORDER BY a.attnum), 0) FROM pg_catalog.pg_attribute a "                                \
	"WHERE a.attrelid = c.oid AND a.attnum > 0))"

/* Every table that the plugin could send changes of. */
void snapshot_sql_tables(struct buf *sql);
/* One of them, or none. */
void snapshot_sql_table(struct buf *sql, uint32_t relid);
/*
 * Those that a condition is true of, with one column more, SNAPSHOT_MORE; both say c for
 * pg_class, n for pg_namespace.
 */
void snapshot_sql_matching(struct buf *sql, struct str condition, struct str more);

/*
 * Has the plugin describe these tables in one transaction, which ends with the message
 * "described NONCE".
 */
void snapshot_sql_describe(struct buf *sql, const char *nonce, const uint32_t *relids,
						   size_t count);

/* The slot whose exported snapshot rows are read by. */
void snapshot_sql_export(struct buf *sql, const char *slot, const char *plugin);

/*
 * One result: xmin of the snapshot, and the time in microseconds since the Unix epoch; one
 * more: the oid of each table of snapshot_sql_tables() that there was at it.
 */
void snapshot_sql_look(struct buf *sql, const char *snapshot);

/* One chunk of a table. */
struct chunk_query
{
	const char         *snapshot; /* exported */
	const struct table *tbl;      /* where names and columns come from */
	uint32_t            relid;    /* of the table, or the partition, that is read */
	const char         *schema;   /* of it */
	const char         *name;
	const char         *filter; /* condition of SQL; NULL: none */
	struct tid_range    range;
	/* Only rows that no transaction before this one has written; 0: all of the range. */
	uint32_t    newer_than;
	const bool *left_out; /* columns that are not asked for, by place; NULL: all are */
};

/*
 * A COPY; then one result of one row: fingerprint as above, and how many blocks the table
 * has; or none: there is no such table any more.
 */
void snapshot_sql_chunk(struct buf *sql, const struct chunk_query *chunk);

#endif /* RELAY_SNAPSHOT_SQL_H */
