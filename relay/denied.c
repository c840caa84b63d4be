/*
 * denied.c
 *		Rights that a snapshot lacks; see denied.h.
 */
#include "denied.h"

#include <stdlib.h>
#include <string.h>

#include "quote.h"

#define DENIED_MAX_BYTES 500 /* of their names in a message; a statement has them, too */

void
denied_add(struct denied *denied, const struct denied_table *table)
{
	struct buf *names = table->readable ? &denied->hidden : &denied->unreadable;

	denied->count++;
	if (denied->tables.len + denied->schemas.len + denied->hidden.len > DENIED_MAX_BYTES)
		return;
	buf_printf(names, "%s%s", names->len ? ", " : "", table->shown);
	if (table->readable)
		return;
	if (denied->schema == NULL || strcmp(denied->schema, table->schema) != 0)
	{
		buf_puts(&denied->schemas, denied->schemas.len ? ", " : "");
		quote_name(&denied->schemas, table->schema);
	}
	denied->schema = table->schema;
	buf_puts(&denied->tables, denied->tables.len ? ", " : "");
	quote_qualified(&denied->tables, table->schema, table->name);
}

void
denied_free(struct denied *denied)
{
	buf_free(&denied->unreadable);
	buf_free(&denied->hidden);
	buf_free(&denied->schemas);
	buf_free(&denied->tables);
}

char *
denied_remedy(const struct denied *denied, const char *role)
{
	struct buf quoted = {0};
	struct buf sql = {0};
	char      *text;

	quote_name(&quoted, role);
	if (denied->tables.len)
		buf_printf(&sql, "GRANT USAGE ON SCHEMA %.*s TO %.*s; GRANT SELECT ON %.*s TO %.*s;",
				   (int) denied->schemas.len, (const char *) denied->schemas.data, (int) quoted.len,
				   (const char *) quoted.data, (int) denied->tables.len,
				   (const char *) denied->tables.data, (int) quoted.len,
				   (const char *) quoted.data);
	if (denied->hidden.len)
		buf_printf(&sql, "%sALTER ROLE %.*s BYPASSRLS;", sql.len ? " " : "", (int) quoted.len,
				   (const char *) quoted.data);
	text = xstrndup((const char *) sql.data, sql.len);
	buf_free(&quoted);
	buf_free(&sql);
	return text;
}

enum rc
denied_error(const struct denied *denied, const char *role, const char *remedy, struct err *e)
{
	struct buf detail = {0};

	if (denied->unreadable.len)
		buf_printf(&detail, "Without SELECT or USAGE: %.*s.", (int) denied->unreadable.len,
				   (const char *) denied->unreadable.data);
	if (denied->hidden.len)
		buf_printf(&detail, "%sWith row security that hides rows: %.*s.", detail.len ? " " : "",
				   (int) denied->hidden.len, (const char *) denied->hidden.data);
	err_set(e, ERR_PERMISSION, E1240, "role %s may not read %u %s of the snapshot", role,
			denied->count, denied->count == 1 ? "table" : "tables");
	err_detail(e, "%s", buf_cstr(&detail));
	buf_free(&detail);
	return err_hint(e,
					"As their owner or superuser: %s\nOr leave them out with table.exclude.list, or "
					"set snapshot.mode = never.",
					remedy);
}
