/*
 * check_tables.c
 *		Which tables are captured, by the plugin's own word, and what they lack; see check.h.
 */
#include "check_parts.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "denied.h"
#include "quote.h"
#include "snapshot_sql.h"
#include "text.h"

/* --- what they lack -------------------------------------------------------------------------- */

/* Nothing is captured: a list that matches nothing is a mistake, an empty database is not. */
static void
say_none(struct check *check)
{
	struct buf names = {0};
	struct err e;

	err_set(&e, ERR_CONFIG, E1250, "no table is captured");
	for (int i = 0; i < check->caps.nlisted && i <= CHECK_NAMED_MAX; i++)
	{
		char *name = xasprintf("%s.%s", PQgetvalue(check->caps.listed, i, SNAPSHOT_SCHEMA),
							   PQgetvalue(check->caps.listed, i, SNAPSHOT_TABLE));

		check_name(&names, (unsigned) i, name);
		free(name);
	}
	if (check->caps.nlisted > 0)
		err_detail(&e, "There are: %s.", buf_cstr(&names));
	else
		err_detail(&e, "Database \"%s\" has no table.", check->visit.facts.database);
	err_hint(&e, "table.include.list and table.exclude.list have regular expressions for the whole of "
				 "schema.table, separated by commas, such as table.include.list=%s\\..*; tables that "
				 "are made later are captured, too, if these match.",
			 check->caps.nlisted > 0 ? PQgetvalue(check->caps.listed, 0, SNAPSHOT_SCHEMA) : "public");
	findings_add(check->findings, check->caps.nlisted > 0 ? VERDICT_FAIL : VERDICT_WARN, "tables.captured",
				 &e);
	buf_free(&names);
}

/*
 * Without old keys in the WAL a DELETE cannot be told at all, nor whose key an UPDATE has
 * changed.  Tables where there were any fail.
 */
static void
check_identity(struct check *check)
{
	struct buf       names[2] = {{0}};
	struct buf       statements = {0};
	unsigned         counts[2] = {0};
	struct captured *at;
	struct err       e;

	LL_FOREACH(check->caps.tables, at)
	{
		const struct table *tbl = at->tbl;
		int                 row = captured_row(&check->caps, tbl);
		bool                written;

		if (tbl->identity == 'f' || tbl->nidentity > 0 || row < 0)
			continue;
		written = strtoll(PQgetvalue(check->caps.listed, row, SNAPSHOT_MORE), NULL, 10) > 0;
		check_name(&names[written], counts[written]++, at->name);
		if (counts[0] + counts[1] > CHECK_NAMED_MAX)
			continue;
		buf_puts(&statements, " ALTER TABLE ");
		quote_qualified(&statements, PQgetvalue(check->caps.listed, row, SNAPSHOT_SCHEMA),
						PQgetvalue(check->caps.listed, row, SNAPSHOT_TABLE));
		/* One that is deferrable is the default already, and no identity. */
		buf_printf(&statements, " REPLICA IDENTITY %s;",
				   tbl->key_kind == WIRE_KEY_PRIMARY && tbl->identity != 'd' ? "DEFAULT" : "FULL");
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

	if (text_new(check->caps.fmt.encoding, &replaced, &text, &e) != RC_OK)
		return; /* which every table has said */
	LL_FOREACH(check->caps.tables, at)
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
check_rights(struct check *check)
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
	LL_FOREACH(check->caps.tables, at)
	{
		const struct table *tbl = at->tbl;
		int                 row = captured_row(&check->caps, tbl);
		bool                readable;

		if (row < 0)
			continue;
		readable = *PQgetvalue(check->caps.listed, row, SNAPSHOT_READABLE) == 't';
		if (!readable || *PQgetvalue(check->caps.listed, row, SNAPSHOT_HIDDEN) == 't')
			denied_add(&denied,
					   &(struct denied_table){.schema = PQgetvalue(check->caps.listed, row, SNAPSHOT_SCHEMA),
											  .name = PQgetvalue(check->caps.listed, row, SNAPSHOT_TABLE),
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

static void
say_captured(struct check *check)
{
	struct buf       names = {0};
	unsigned         count = 0;
	unsigned         planned = 0;
	struct captured *at;

	LL_FOREACH(check->caps.tables, at)
	{
		if (!at->again)
			check_name(&names, count++, at->name);
		planned += at->plan != NULL;
	}
	findings_ok(check->findings, "tables.captured", "%u: %.300s", check->caps.ntables, buf_cstr(&names));
	if (planned == check->caps.ntables)
		findings_ok(check->findings, "tables.schemas", "every table has a topic and Avro schemas");
	buf_free(&names);
}

/* --- all of it ---------------------------------------------------------------------------------- */

static void
on_trouble(void *arg, enum verdict verdict, const char *name, const struct err *e)
{
	struct check *check = arg;

	findings_add(check->findings, verdict, name, e);
}

void
check_tables(struct check *check)
{
	struct captures *caps = &check->caps;

	*caps = (struct captures){.cfg = check->cfg,
							  .visit = &check->visit,
							  .routes = check->routes,
							  .trouble = on_trouble,
							  .arg = check};
	if (!check->visits || !check->decodes)
		findings_skip(check->findings, "tables.captured", "the server cannot be asked as it is");
	else if (check->visit.facts.in_recovery)
		findings_skip(check->findings, "tables.captured",
					  "a standby makes no slot for a moment: check on the primary");
	else if (check->beside && !check->room)
		findings_skip(check->findings, "tables.captured", "the last free slot is left to the relay");
	else if (captured_probe(caps))
	{
		findings_ok(check->findings, "server.plugin", "\"%s\" is installed and loads",
					check->cfg->slot.plugin);
		check->knows_tables = captured_learn(caps);
	}
	if (!check->knows_tables)
		return;
	if (caps->ntables == 0)
		say_none(check);
	else
	{
		say_captured(check);
		check_types(check);
		check_identity(check);
		check_rights(check);
	}
}
