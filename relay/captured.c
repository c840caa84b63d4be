/*
 * captured.c
 *		Asking the plugin for its tables; see captured.h.
 */
#include "captured.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "frame.h"
#include "nonce.h"
#include "record.h"
#include "snapshot_sql.h"
#include "sql_quote.h"
#include "text.h"

#define SLOT_WAIT "20s" /* for transactions that the slot has to wait for */
#define CANCELED "57014"

struct listed_row
{
	uint32_t relid;
	int      row;
};

/* rc is that of a function that fills *e if it fails.  True: it did not. */
static bool
captured_take(struct captures *caps, const char *check, enum rc rc, const struct err *e)
{
	if (rc != RC_OK)
		caps->trouble(caps->arg, VERDICT_FAIL, check, e);
	return rc == RC_OK;
}

/* --- the plugin ------------------------------------------------------------------------- */

bool
captured_probe(struct captures *caps)
{
	struct visit *visit = caps->visit;
	struct buf    sql = {0};
	PGresult     *res;
	struct err    e;
	const char   *state;
	bool          made;

	snprintf(caps->slot, sizeof(caps->slot), "walrelay_check_%d", (int) getpid());
	buf_printf(&sql, "SET statement_timeout = '" SLOT_WAIT "'; SELECT "
					 "pg_catalog.pg_create_logical_replication_slot('%s', ",
			   caps->slot);
	sql_literal_put((struct str){caps->cfg->slot.plugin, strlen(caps->cfg->slot.plugin)}, &sql);
	buf_puts(&sql, ", true)");
	res = PQexec(visit->conn, buf_cstr(&sql));
	made = PQresultStatus(res) == PGRES_TUPLES_OK;
	state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	if (!made && state && strcmp(state, CANCELED) == 0)
	{
		/* It is loaded before it waits. */
		err_set(&e, ERR_TRANSIENT, E1299, "a slot cannot be made within " SLOT_WAIT);
		err_detail(&e, "It waits for transactions that were open before; the plugin is installed, "
					   "and could not be asked for its tables.");
		err_hint(&e, "End the transactions, or check again later: SELECT pid, xact_start, query FROM "
					 "pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start;");
		caps->trouble(caps->arg, VERDICT_WARN, "server.plugin", &e);
	}
	else if (!made)
	{
		(void) !pg_failed(visit->conn, res, PG_CREATE, &visit->facts, caps->cfg, &e);
		/* a slot that is there needs no other one */
		caps->trouble(caps->arg,
					  e.code == E1213 && visit->facts.slot.exists ? VERDICT_WARN : VERDICT_FAIL,
					  "server.plugin", &e);
	}
	PQclear(res);
	buf_free(&sql);
	return made;
}

/* It would end with the connection, but a moment later: the next check may need its place. */
static void
probe_end(struct captures *caps)
{
	char *sql = xasprintf("SELECT pg_catalog.pg_drop_replication_slot('%s')", caps->slot);

	PQclear(PQexec(caps->visit->conn, sql));
	free(sql);
}

static int
compare_rows(const void *a, const void *b)
{
	uint32_t x = ((const struct listed_row *) a)->relid;
	uint32_t y = ((const struct listed_row *) b)->relid;

	return (x > y) - (x < y);
}

static bool
probe_list(struct captures *caps)
{
	static const char count[] = "(SELECT s.n_tup_upd + s.n_tup_del FROM "
								"pg_catalog.pg_stat_all_tables s WHERE s.relid = c.oid)";
	struct buf sql = {0};
	struct err e;
	enum rc    rc;

	snapshot_sql_matching(&sql, (struct str){"true", 4}, (struct str){count, sizeof(count) - 1});
	rc = visit_ask(caps->visit, buf_cstr(&sql), PG_LOOK, &caps->listed, &e);
	buf_free(&sql);
	if (rc != RC_OK)
	{
		caps->trouble(caps->arg, VERDICT_WARN, "tables.captured", &e);
		return false;
	}
	caps->nlisted = PQntuples(caps->listed);
	caps->rows = xcalloc((size_t) caps->nlisted + 1, sizeof(*caps->rows));
	for (int i = 0; i < caps->nlisted; i++)
	{
		const char *relid = PQgetvalue(caps->listed, i, SNAPSHOT_OID);

		caps->rows[i] = (struct listed_row){(uint32_t) strtoul(relid, NULL, 10), i};
	}
	qsort(caps->rows, (size_t) caps->nlisted, sizeof(*caps->rows), compare_rows);
	return true;
}

static bool
probe_describe(struct captures *caps)
{
	uint32_t  *relids = xcalloc((size_t) caps->nlisted + 1, sizeof(*relids));
	char       nonce[NONCE_LEN + 1];
	struct buf sql = {0};
	struct err e;
	enum rc    rc;

	for (int i = 0; i < caps->nlisted; i++)
		relids[i] = caps->rows[i].relid;
	nonce_make(nonce);
	snapshot_sql_describe(&sql, nonce, relids, (size_t) caps->nlisted);
	rc = visit_ask(caps->visit, buf_cstr(&sql), PG_LOOK, NULL, &e);
	free(relids);
	buf_free(&sql);
	return captured_take(caps, "tables.captured", rc, &e);
}

/* --- what it has said --------------------------------------------------------------------- */

/* Topic and schemas; what goes wrong is the table's. */
static void
captured_plan(struct captures *caps, struct captured *table, struct text *text)
{
	struct captured *known;
	struct err       e;
	enum rc          rc;

	rc = route_server_table(caps->routes, table->tbl, text, &table->topic, &table->name, &e);
	HASH_FIND(by_relid, caps->by_relid, &table->tbl->relid, sizeof(table->tbl->relid), known);
	table->again = known != NULL;
	if (table->again)
	{
		free(table->topic);
		table->topic = NULL;
		return;
	}
	HASH_ADD_KEYPTR(by_relid, caps->by_relid, &table->tbl->relid, sizeof(table->tbl->relid), table);
	if (rc == RC_OK)
		rc = plan_new(table->tbl, &caps->fmt, &caps->stats, table->topic, &table->plan, &e);
	(void) captured_take(caps, "tables.schemas", rc, &e);
}

static void
take_relation(struct captures *caps, struct cursor body)
{
	struct captured *table;
	struct table    *tbl;
	struct text     *text;
	uint64_t         replaced = 0;
	struct err       e;

	if (table_read(body, &tbl, &e) != RC_OK)
	{
		caps->trouble(caps->arg, VERDICT_FAIL, "server.plugin", &e);
		return;
	}
	if (text_new(caps->fmt.encoding, &replaced, &text, &e) != RC_OK)
	{
		table_free(tbl);
		caps->trouble(caps->arg, VERDICT_FAIL, "tables.schemas", &e);
		return;
	}
	table = xcalloc(1, sizeof(*table));
	table->tbl = tbl;
	captured_plan(caps, table, text);
	text_free(text);
	LL_PREPEND(caps->tables, table);
	caps->ntables += !table->again;
}

/* The records of one frame.  False: they are not understood, which is said. */
static bool
take_records(struct captures *caps, struct reader *rdr, struct cursor *records)
{
	struct record rec;
	struct err    e;
	enum rc       rc;

	while ((rc = record_next(rdr, records, &rec, &e)) == RC_OK)
	{
		if (rec.kind == WIRE_HELLO)
			rc = format_init(&caps->fmt, caps->cfg, &rec.hello, &e);
		else if (rec.kind == WIRE_RELATION)
			take_relation(caps, rec.relation);
		if (rc != RC_OK)
			break;
	}
	return rc == RC_AGAIN || captured_take(caps, "server.plugin", rc, &e);
}

static bool
probe_read(struct captures *caps)
{
	struct reader *rdr = reader_new(caps->cfg->relay.max_long);
	struct buf     sql = {0};
	PGresult      *res = NULL;
	struct err     e;
	enum rc        rc;
	bool           understood;

	pg_peek_sql(&sql, caps->cfg, caps->slot);
	rc = visit_ask(caps->visit, buf_cstr(&sql), PG_START, &res, &e);
	understood = captured_take(caps, "server.plugin", rc, &e);
	reader_leave_out_long(rdr);
	for (int i = 0; understood && i < PQntuples(res); i++)
	{
		size_t         len;
		unsigned char *bytes =
			PQunescapeBytea((const unsigned char *) PQgetvalue(res, i, 0), &len);
		struct cursor cur = cursor_over(bytes, len);
		struct cursor records;
		size_t        need;

		rc = frame_next(&cur, &records, &need, &e);
		if (rc == RC_AGAIN)
			rc = err_set(&e, ERR_PROTOCOL, E1402, "the plugin's frame is cut off");
		understood = captured_take(caps, "server.plugin", rc, &e) && take_records(caps, rdr, &records);
		PQfreemem(bytes);
	}
	PQclear(res);
	buf_free(&sql);
	reader_free(rdr);
	return understood;
}

/* --- all of it ---------------------------------------------------------------------------- */

static int
compare_names(const struct captured *a, const struct captured *b)
{
	return strcmp(a->name, b->name);
}

bool
captured_learn(struct captures *caps)
{
	bool knows = probe_list(caps) && probe_describe(caps) && probe_read(caps);

	probe_end(caps);
	if (knows)
		LL_SORT(caps->tables, compare_names);
	return knows;
}

int
captured_row(const struct captures *caps, const struct table *tbl)
{
	struct listed_row key = {.relid = tbl->partition ? tbl->partition : tbl->relid};
	struct listed_row *found =
		bsearch(&key, caps->rows, (size_t) caps->nlisted, sizeof(key), compare_rows);

	return found ? found->row : -1;
}

void
captures_free(struct captures *caps)
{
	struct captured *at;
	struct captured *next;

	HASH_CLEAR(by_relid, caps->by_relid);
	LL_FOREACH_SAFE(caps->tables, at, next)
	{
		plan_free(at->plan);
		table_free(at->tbl);
		free(at->name);
		free(at->topic);
		free(at);
	}
	format_free(&caps->fmt);
	PQclear(caps->listed);
	free(caps->rows);
}
