/*
 * incremental_sql.h
 *		Pure: what is asked of PostgreSQL to read tables while changes stream: which tables a
 *		signal means, and one chunk of a table with its watermark.
 *
 * Each string is one transaction, which sees one snapshot.  Its lock on the table, taken
 * before the snapshot and held until the watermark is committed, keeps nobody waiting but
 * ALTER, DROP and TRUNCATE.  Called by incremental_read.c.  Names are in the server's encoding.
 */
#ifndef RELAY_INCREMENTAL_SQL_H
#define RELAY_INCREMENTAL_SQL_H

#include "catalog.h"
#include "key_range.h"
#include "snapshot_signal.h"

/*
 * Tables that a signal's collections mean, by their own name or that of a table they are a
 * partition of; columns of snapshot_sql.h, and in SNAPSHOT_MORE which of its conditions is for
 * the table, from 0; NULL: none.  For a connection with client_encoding UTF8.
 */
void incremental_sql_tables(struct buf *sql, const struct snapshot_signal *signal);

/* Settings of the connection that looks tables up; identifies: as snapshot_sql_session(). */
void incremental_sql_session(struct buf *sql, bool identifies);

/*
 * Completes a transaction, and asks then, two columns: the snapshot that there is now, as
 * xid_view_read() takes it, which has all on its list that are in progress; and of them those of
 * other databases, separated by commas.
 */
void incremental_sql_view(struct buf *sql);

/* Where rows are read from. */
struct piece_query
{
	const struct table *tbl;
	uint32_t            relid; /* of the table, or the partition, that is read */
	const char         *schema;
	const char         *name;
	const char         *filter; /* condition of SQL; NULL: none */
	/* The server is a standby: the first result is one row of one field, what it has replayed. */
	bool standby;
};

/* A text in UTF-8 in the server's encoding, as hex digits; encoding: the connection's. */
void incremental_sql_text(struct buf *sql, const char *text, const char *encoding);

/* Fails if the filter is none of this table; reads no row.  Only schema, name and filter count. */
void incremental_sql_filter(struct buf *sql, const struct piece_query *query);

/* First result of those below: one row of these. */
enum piece_column
{
	PIECE_VIEW,        /* pg_current_snapshot() */
	PIECE_FINGERPRINT, /* SNAPSHOT_SQL_FINGERPRINT */
	PIECE_CLOCK,       /* microseconds since the Unix epoch */
	PIECE_KEY,         /* answer for key_range_new() */
	PIECE_COLUMNS
};

/* That alone: the key's order is not known yet. */
void incremental_sql_look(struct buf *sql, const struct piece_query *query);

/* Then a COPY of the last row, by the key; left_out: columns, by place, that it is without. */
void incremental_sql_last(struct buf *sql, const struct piece_query *query,
						  const struct key_range *range, const bool *left_out);

/* Then a COPY of the row of that many behind a key, which a chunk may end with; or of none. */
void incremental_sql_bound(struct buf *sql, const struct piece_query *query,
						   const struct key_range *range, const key_texts *after, uint32_t rows,
						   const bool *left_out);

struct piece_range
{
	const struct key_range *range;
	const key_texts        *after; /* empty: from the first row */
	const key_texts        *upto;
	uint32_t                rows;     /* at most; 0: all of them */
	const bool             *left_out; /* columns that are not asked for, by place; NULL: all are */
	const char             *nonce;    /* of the watermark */
	uint64_t                number;
};

/*
 * Then a COPY of the rows, and the watermark: a message "chunk NONCE NUMBER"; on a standby
 * without.
 */
void incremental_sql_chunk(struct buf *sql, const struct piece_query *query,
						   const struct piece_range *piece);

/* The watermark of rows that were read on a standby, and what the table is like there. */
void incremental_sql_seal(struct buf *sql, const struct piece_query *query, const char *nonce,
						  uint64_t number);

#endif /* RELAY_INCREMENTAL_SQL_H */
