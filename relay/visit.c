/*
 * visit.c
 *		Asking the source and waiting for it; see visit.h.
 */
#include "visit.h"

#include "dial.h"

enum rc
visit_ask(struct visit *visit, const char *sql, enum pg_stage stage, PGresult **res, struct err *e)
{
	PGresult      *got = PQexec(visit->conn, sql);
	ExecStatusType status = PQresultStatus(got);
	enum rc        rc = RC_OK;

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		rc = pg_failed(visit->conn, got, stage, &visit->facts, visit->cfg, e);
	if (rc == RC_OK && res)
		*res = got;
	else
		PQclear(got);
	return rc;
}

enum rc
visit_begin(struct visit *visit, enum pg_kind kind, struct err *e)
{
	PGresult *res;

	if (pg_conninfo_check(visit->cfg->source.conninfo, e) != RC_OK)
		return RC_ERR;
	visit->conn = dial_wait(visit->cfg->source.conninfo, kind, e);
	if (visit->conn == NULL)
		return RC_ERR;
	pg_connection_take(&visit->facts, visit->conn);
	if (pg_version_check(&visit->facts, e) != RC_OK)
		return RC_ERR;
	if (visit_ask(visit, pg_session_sql, PG_LOOK, NULL, e) != RC_OK)
		return RC_ERR;
	if (visit_ask(visit, pg_server_sql, PG_LOOK, &res, e) != RC_OK)
		return RC_ERR;
	pg_server_take(&visit->facts, res);
	PQclear(res);
	pg_slot_sql(&visit->sql, visit->facts.version, visit->cfg->slot.name);
	if (visit_ask(visit, buf_cstr(&visit->sql), PG_LOOK, &res, e) != RC_OK)
		return RC_ERR;
	pg_slot_take(&visit->facts, res);
	PQclear(res);
	return RC_OK;
}

void
visit_end(struct visit *visit)
{
	PQfinish(visit->conn);
	visit->conn = NULL;
	pg_facts_free(&visit->facts);
	buf_free(&visit->sql);
}
