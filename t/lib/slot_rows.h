/*
 * slot_rows.h
 *		What programs of tests that compare rows share: a session in the server's encoding, and
 *		what a slot has of tables and their changes.  Any error ends the program with 2.
 *		Included once by each.
 */
#ifndef T_LIB_SLOT_ROWS_H
#define T_LIB_SLOT_ROWS_H

#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "catalog.h"
#include "frame.h"
#include "pg.h"
#include "record.h"

#define LONG_MAX_BYTES (UINT64_C(1) << 30)

static struct catalog *cat;         /* the slot's tables */
static uint32_t        frame_bytes; /* as the plugin says */

static void
die(const char *what, const char *detail)
{
	fprintf(stderr, "%s: %s\n", what, detail);
	exit(2);
}

/* The caller clears it. */
static PGresult *
query(PGconn *conn, const char *sql, ExecStatusType expected)
{
	PGresult *res = PQexec(conn, sql);

	if (PQresultStatus(res) != expected)
		die(sql, PQerrorMessage(conn));
	return res;
}

static PGconn *
session_open(const char *conninfo)
{
	PGconn *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK)
		die("cannot connect", PQerrorMessage(conn));
	PQclear(query(conn, pg_session_sql, PGRES_COMMAND_OK));
	PQclear(query(conn,
				  "SELECT pg_catalog.set_config('client_encoding', "
				  "pg_catalog.current_setting('server_encoding'), false)",
				  PGRES_TUPLES_OK));
	return conn;
}

static void
frame_read(struct reader *rdr, struct cursor frame, void (*keep)(const struct change *chg))
{
	struct cursor records;
	struct record rec;
	struct table *tbl;
	struct err    e;
	size_t        need;
	enum rc       rc;

	if (frame_next(&frame, &records, &need, &e) != RC_OK)
		die("frame", "it is not whole");
	while ((rc = record_next(rdr, &records, &rec, &e)) == RC_OK)
	{
		if (rec.kind == WIRE_HELLO)
			frame_bytes = rec.hello.frame_bytes;
		if (rec.kind == WIRE_RELATION && catalog_learn(cat, rec.relation, &tbl, &e) != RC_OK)
			die(e.msg, e.detail);
		if (rec.kind == WIRE_INSERT || rec.kind == WIRE_UPDATE || rec.kind == WIRE_DELETE)
			keep(&rec.change);
	}
	if (rc == RC_ERR)
		die(e.msg, e.detail);
}

/* All that the slot has; keep: of a change what it wants, as that is gone with the next. */
static void
slot_read(PGconn *conn, const char *slot, void (*keep)(const struct change *chg))
{
	char *sql =
		xasprintf("SELECT data FROM pg_logical_slot_get_binary_changes('%s', NULL, NULL)", slot);
	PGresult      *res = PQexecParams(conn, sql, 0, NULL, NULL, NULL, NULL, 1);
	struct reader *rdr = reader_new(LONG_MAX_BYTES);

	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		die(sql, PQerrorMessage(conn));
	cat = catalog_new(NULL, NULL);
	for (int i = 0; i < PQntuples(res); i++)
		frame_read(rdr, cursor_over(PQgetvalue(res, i, 0), (size_t) PQgetlength(res, i, 0)), keep);
	reader_free(rdr);
	PQclear(res);
	free(sql);
}

#endif /* T_LIB_SLOT_ROWS_H */
