/*
 * check_tables.c
 *		Which tables are captured, by the plugin's own word, and what they lack; see check.h.
 *
 * The plugin is asked through a temporary slot of this connection, with the options of the
 * stream, so that a name it does not match, or an option it does not know, shows as it would
 * there.  It describes the tables that a logical message names; nothing else is written.
 */
#include "check_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "denied.h"
#include "frame.h"
#include "nonce.h"
#include "quote.h"
#include "record.h"
#include "snapshot_sql.h"
#include "sql_quote.h"
#include "text.h"

#define SLOT_WAIT "20s" /* for transactions that the slot has to wait for */
#define CANCELED "57014"

/* What the server says of every table that might be captured. */
struct listed
{
	PGresult          *res; /* of snapshot_sql_matching(), and how often rows were changed or deleted */
	int                count;
	struct listed_row *rows; /* so many, by oid */
};

struct listed_row
{
	uint32_t relid;
	int      row;
};

/* --- the plugin ------------------------------------------------------------------------- */

/* A slot of ours is made, which loads the plugin.  False: it was not, and it is said why. */
static bool
probe_create(struct check *check, const char *slot)
{
	struct visit *visit = &check->visit;
	struct buf    sql = {0};
	PGresult     *res;
	struct err    e;
	const char   *state;
	bool          made;

	buf_printf(&sql, "SET statement_timeout = '" SLOT_WAIT "'; SELECT "
					 "pg_catalog.pg_create_logical_replication_slot('%s', ",
			   slot);
	sql_literal_put((struct str){check->cfg->slot.plugin, strlen(check->cfg->slot.plugin)}, &sql);
	buf_puts(&sql, ", true)");
	res = PQexec(visit->conn, buf_cstr(&sql));
	made = PQresultStatus(res) == PGRES_TUPLES_OK;
	state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	if (made)
		findings_ok(check->findings, "server.plugin", "\"%s\" is installed and loads",
					check->cfg->slot.plugin);
	else if (state && strcmp(state, CANCELED) == 0)
	{
		/* It is loaded before it waits. */
		err_set(&e, ERR_TRANSIENT, E1299, "a slot cannot be made within " SLOT_WAIT);
		err_detail(&e, "It waits for transactions that were open before; the plugin is installed, "
					   "and could not be asked for its tables.");
		err_hint(&e, "End the transactions, or check again later: SELECT pid, xact_start, query FROM "
					 "pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start;");
		check_warn(check, "server.plugin", &e);
	}
	else
	{
		(void) !pg_failed(visit->conn, res, PG_CREATE, &visit->facts, check->cfg, &e);
		/* a slot that is there needs no other one */
		findings_add(check->findings,
					 e.code == E1213 && visit->facts.slot.exists ? VERDICT_WARN : VERDICT_FAIL,
					 "server.plugin", &e);
	}
	PQclear(res);
	buf_free(&sql);
	return made;
}

/* It would end with the connection, but a moment later: the next check may need its place. */
static void
probe_end(struct check *check, const char *slot)
{
	char *sql = xasprintf("SELECT pg_catalog.pg_drop_replication_slot('%s')", slot);

	PQclear(PQexec(check->visit.conn, sql));
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
probe_list(struct check *check, struct listed *listed)
{
	static const char count[] = "(SELECT s.n_tup_upd + s.n_tup_del FROM "
								"pg_catalog.pg_stat_all_tables s WHERE s.relid = c.oid)";
	struct buf sql = {0};
	enum rc    rc;

	snapshot_sql_matching(&sql, (struct str){"true", 4}, (struct str){count, sizeof(count) - 1});
	rc = check_ask(check, "tables.captured", buf_cstr(&sql), &listed->res);
	buf_free(&sql);
	if (rc != RC_OK)
		return false;
	listed->count = PQntuples(listed->res);
	listed->rows = xcalloc((size_t) listed->count + 1, sizeof(*listed->rows));
	for (int i = 0; i < listed->count; i++)
	{
		const char *relid = PQgetvalue(listed->res, i, SNAPSHOT_OID);

		listed->rows[i] = (struct listed_row){(uint32_t) strtoul(relid, NULL, 10), i};
	}
	qsort(listed->rows, (size_t) listed->count, sizeof(*listed->rows), compare_rows);
	return true;
}

static bool
probe_describe(struct check *check, const struct listed *listed)
{
	uint32_t  *relids = xcalloc((size_t) listed->count + 1, sizeof(*relids));
	char       nonce[NONCE_LEN + 1];
	struct buf sql = {0};
	struct err e;
	enum rc    rc;

	for (int i = 0; i < listed->count; i++)
		relids[i] = listed->rows[i].relid;
	nonce_make(nonce);
	snapshot_sql_describe(&sql, nonce, relids, (size_t) listed->count);
	rc = visit_ask(&check->visit, buf_cstr(&sql), PG_LOOK, NULL, &e);
	free(relids);
	buf_free(&sql);
	return check_take(check, "tables.captured", rc, &e);
}

/* --- what it has said --------------------------------------------------------------------- */

/* Topic and schemas; what goes wrong is the table's. */
static void
captured_plan(struct check *check, struct captured *table, struct text *text)
{
	struct captured *known;
	struct err       e;
	enum rc          rc;

	rc = route_server_table(check->routes, table->tbl, text, &table->topic, &table->name, &e);
	HASH_FIND(by_relid, check->by_relid, &table->tbl->relid, sizeof(table->tbl->relid), known);
	table->again = known != NULL;
	if (table->again)
	{
		free(table->topic);
		table->topic = NULL;
		return;
	}
	HASH_ADD_KEYPTR(by_relid, check->by_relid, &table->tbl->relid, sizeof(table->tbl->relid), table);
	if (table->topic)
		HASH_ADD_KEYPTR(by_topic, check->by_topic, table->topic, strlen(table->topic), table);
	if (rc == RC_OK)
		rc = plan_new(table->tbl, &check->fmt, &check->stats, table->topic, &table->plan, &e);
	(void) check_take(check, "tables.schemas", rc, &e);
}

static void
take_relation(struct check *check, struct cursor body)
{
	struct captured *table;
	struct table    *tbl;
	struct text     *text;
	uint64_t         replaced = 0;
	struct err       e;

	if (table_read(body, &tbl, &e) != RC_OK)
	{
		findings_add(check->findings, VERDICT_FAIL, "server.plugin", &e);
		return;
	}
	if (text_new(check->fmt.encoding, &replaced, &text, &e) != RC_OK)
	{
		table_free(tbl);
		findings_add(check->findings, VERDICT_FAIL, "tables.schemas", &e);
		return;
	}
	table = xcalloc(1, sizeof(*table));
	table->tbl = tbl;
	captured_plan(check, table, text);
	text_free(text);
	LL_PREPEND(check->tables, table);
	check->ntables += !table->again;
}

/* The records of one frame.  False: they are not understood, which is said. */
static bool
take_records(struct check *check, struct reader *rdr, struct cursor *records)
{
	struct record rec;
	struct err    e;
	enum rc       rc;

	while ((rc = record_next(rdr, records, &rec, &e)) == RC_OK)
	{
		if (rec.kind == WIRE_HELLO)
			rc = format_init(&check->fmt, check->cfg, &rec.hello, &e);
		else if (rec.kind == WIRE_RELATION)
			take_relation(check, rec.relation);
		if (rc != RC_OK)
			break;
	}
	return rc == RC_AGAIN || check_take(check, "server.plugin", rc, &e);
}

static bool
probe_read(struct check *check, const char *slot)
{
	struct reader *rdr = reader_new(check->cfg->relay.max_long);
	struct buf     sql = {0};
	PGresult      *res = NULL;
	struct err     e;
	enum rc        rc;
	bool           understood;

	pg_peek_sql(&sql, check->cfg, slot);
	rc = visit_ask(&check->visit, buf_cstr(&sql), PG_START, &res, &e);
	understood = check_take(check, "server.plugin", rc, &e);
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
		understood = check_take(check, "server.plugin", rc, &e) && take_records(check, rdr, &records);
		PQfreemem(bytes);
	}
	PQclear(res);
	buf_free(&sql);
	reader_free(rdr);
	return understood;
}

/* --- what they lack -------------------------------------------------------------------------- */

/* The row of the table itself, of a partition that of the partition; -1: it is gone. */
static int
listed_row(const struct listed *listed, const struct table *tbl)
{
	struct listed_row key = {.relid = tbl->partition ? tbl->partition : tbl->relid};
	struct listed_row *found =
		bsearch(&key, listed->rows, (size_t) listed->count, sizeof(key), compare_rows);

	return found ? found->row : -1;
}

/* Nothing is captured: a list that matches nothing is a mistake, an empty database is not. */
static void
say_none(struct check *check, const struct listed *listed)
{
	struct buf names = {0};
	struct err e;

	err_set(&e, ERR_CONFIG, E1250, "no table is captured");
	for (int i = 0; i < listed->count && i <= CHECK_NAMED_MAX; i++)
	{
		char *name = xasprintf("%s.%s", PQgetvalue(listed->res, i, SNAPSHOT_SCHEMA),
							   PQgetvalue(listed->res, i, SNAPSHOT_TABLE));

		check_name(&names, (unsigned) i, name);
		free(name);
	}
	if (listed->count > 0)
		err_detail(&e, "There are: %s.", buf_cstr(&names));
	else
		err_detail(&e, "Database \"%s\" has no table.", check->visit.facts.database);
	err_hint(&e, "table.include.list and table.exclude.list have regular expressions for the whole of "
				 "schema.table, separated by commas; tables that are made later are captured, too, if "
				 "these match.");
	findings_add(check->findings, listed->count > 0 ? VERDICT_FAIL : VERDICT_WARN, "tables.captured",
				 &e);
	buf_free(&names);
}

/*
 * Without old keys in the WAL a DELETE cannot be told at all, nor whose key an UPDATE has
 * changed.  Tables where there were any fail.
 */
static void
check_identity(struct check *check, const struct listed *listed)
{
	struct buf       names[2] = {{0}};
	struct buf       statements = {0};
	unsigned         counts[2] = {0};
	struct captured *at;
	struct err       e;

	LL_FOREACH(check->tables, at)
	{
		const struct table *tbl = at->tbl;
		int                 row = listed_row(listed, tbl);
		bool                written;

		if (tbl->identity == 'f' || tbl->nidentity > 0 || row < 0)
			continue;
		written = strtoll(PQgetvalue(listed->res, row, SNAPSHOT_MORE), NULL, 10) > 0;
		check_name(&names[written], counts[written]++, at->name);
		if (counts[0] + counts[1] > CHECK_NAMED_MAX)
			continue;
		buf_puts(&statements, " ALTER TABLE ");
		quote_qualified(&statements, PQgetvalue(listed->res, row, SNAPSHOT_SCHEMA),
						PQgetvalue(listed->res, row, SNAPSHOT_TABLE));
		buf_printf(&statements, " REPLICA IDENTITY %s;",
				   tbl->key_kind == WIRE_KEY_PRIMARY ? "DEFAULT" : "FULL");
	}
	if (counts[0] + counts[1] == 0)
		findings_ok(check->findings, "tables.identity", "every table says which row was deleted");
	else
	{
		err_set(&e, ERR_CONFIG, E1251, "%u %s no replica identity: deletes are not told",
				counts[0] + counts[1], counts[0] + counts[1] == 1 ? "table has" : "tables have");
		err_detail(&e, "%s%s%s%s%s", counts[1] ? "Rows were changed or deleted in: " : "",
				   buf_cstr(&names[1]), counts[1] ? ".  " : "",
				   counts[0] ? "Not so far in: " : "", buf_cstr(&names[0]));
		err_hint(&e, "As their owner:%s  Or give them a primary key, which also is the key of their "
					 "events.",
				 buf_cstr(&statements));
		findings_add(check->findings, counts[1] ? VERDICT_FAIL : VERDICT_WARN, "tables.identity", &e);
	}
	buf_free(&names[0]);
	buf_free(&names[1]);
	buf_free(&statements);
}

/* Columns that events do not have. */
static void
check_types(struct check *check)
{
	struct buf           names = {0};
	unsigned             count = 0;
	uint64_t             replaced = 0;
	struct captured     *at;
	const struct column *col;
	struct text         *text;
	struct err           e;

	if (text_new(check->fmt.encoding, &replaced, &text, &e) != RC_OK)
		return; /* which every table has said */
	LL_FOREACH(check->tables, at)
	{
		uint32_t place = 0;

		while (at->plan && (col = plan_left_out(at->plan, &place)) != NULL)
		{
			char *column = text_name(text, col->name);
			char *type = text_name(text, col->type.name);
			char *name = xasprintf("%s.%s (%s)", at->name, column, type);

			check_name(&names, count++, name);
			free(column);
			free(type);
			free(name);
		}
	}
	text_free(text);
	if (count == 0)
		findings_ok(check->findings, "tables.types", "every column is in the events");
	else
	{
		err_set(&e, ERR_CONFIG, E1257, "%u %s left out of events", count,
				count == 1 ? "column is" : "columns are");
		err_detail(&e, "There is no form for %s: %s.", count == 1 ? "its type" : "their types",
				   buf_cstr(&names));
		err_hint(&e, "Set include.unknown.datatypes=true, which sends such values as the bytes of their "
					 "text; for arrays exact.types=array.");
		check_warn(check, "tables.types", &e);
	}
	buf_free(&names);
}

/* Whether rows will be read at all. */
static void
check_rights(struct check *check, const struct listed *listed)
{
	const struct config *cfg = check->cfg;
	const char          *role = check->visit.facts.role;
	struct denied        denied = {0};
	struct captured     *at;
	struct err           e;
	char                *remedy;

	if (cfg->snapshot.mode == SNAPSHOT_NEVER || cfg->snapshot.mode == SNAPSHOT_NO_DATA)
	{
		findings_skip(check->findings, "tables.rights", "no rows are read, as snapshot.mode says");
		return;
	}
	LL_FOREACH(check->tables, at)
	{
		const struct table *tbl = at->tbl;
		int                 row = listed_row(listed, tbl);
		bool                readable;

		if (row < 0)
			continue;
		readable = *PQgetvalue(listed->res, row, SNAPSHOT_READABLE) == 't';
		if (!readable || *PQgetvalue(listed->res, row, SNAPSHOT_HIDDEN) == 't')
			denied_add(&denied,
					   &(struct denied_table){.schema = PQgetvalue(listed->res, row, SNAPSHOT_SCHEMA),
											  .name = PQgetvalue(listed->res, row, SNAPSHOT_TABLE),
											  .shown = at->name,
											  .readable = readable});
	}
	if (denied.count == 0)
		findings_ok(check->findings, "tables.rights", "role \"%s\" may read every row", role);
	else
	{
		remedy = denied_remedy(&denied, role);
		denied_error(&denied, role, remedy, &e);
		free(remedy);
		findings_add(check->findings, VERDICT_FAIL, "tables.rights", &e);
	}
	denied_free(&denied);
}

static int
compare_names(const struct captured *a, const struct captured *b)
{
	return strcmp(a->name, b->name);
}

static void
say_captured(struct check *check)
{
	struct buf       names = {0};
	unsigned         count = 0;
	unsigned         planned = 0;
	struct captured *at;

	LL_FOREACH(check->tables, at)
	{
		if (!at->again)
			check_name(&names, count++, at->name);
		planned += at->plan != NULL;
	}
	findings_ok(check->findings, "tables.captured", "%u: %.300s", check->ntables, buf_cstr(&names));
	if (planned == check->ntables)
		findings_ok(check->findings, "tables.schemas", "every table has a topic and Avro schemas");
	buf_free(&names);
}

/* --- all of it ---------------------------------------------------------------------------------- */

void
check_tables(struct check *check)
{
	struct listed listed = {0};
	char          slot[40];

	snprintf(slot, sizeof(slot), "walrelay_check_%d", (int) getpid());
	if (!check->visits || !check->decodes)
		findings_skip(check->findings, "tables.captured", "the server cannot be asked as it is");
	else if (check->visit.facts.in_recovery)
		findings_skip(check->findings, "tables.captured",
					  "a standby makes no slot for a moment: check on the primary");
	else if (check->beside && !check->room)
		findings_skip(check->findings, "tables.captured", "the last free slot is left to the relay");
	else if (probe_create(check, slot))
	{
		check->knows_tables = probe_list(check, &listed) && probe_describe(check, &listed) &&
							  probe_read(check, slot);
		probe_end(check, slot);
	}
	if (check->knows_tables)
	{
		LL_SORT(check->tables, compare_names);
		if (check->ntables == 0)
			say_none(check, &listed);
		else
		{
			say_captured(check);
			check_types(check);
			check_identity(check, &listed);
			check_rights(check, &listed);
		}
	}
	PQclear(listed.res);
	free(listed.rows);
}
