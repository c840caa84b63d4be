/*
 * snapshot_table.c
 *		Which tables a snapshot is of: listed by PostgreSQL, described by the plugin in the
 *		stream; see snapshot.h.
 *
 * What a table was like when it was listed (its fingerprint) is compared with what it is like
 * behind each chunk: in between lie the description and the rows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crash_point.h"
#include "denied.h"
#include "log.h"
#include "snapshot_parts.h"
#include "text.h"

/* --- tables -------------------------------------------------------------------- */

void
snap_table_free(struct snap_table *table)
{
	free(table->schema);
	free(table->name);
	free(table->fingerprint);
	if (table->tbl)
		table_free(table->tbl);
	chunk_plan_free(&table->plan);
	table_note_free(&table->note);
	free(table);
}

struct snap_table *
snap_table_find(struct snap_table *tables, uint32_t relid)
{
	struct snap_table *table;

	HASH_FIND(hh, tables, &relid, sizeof(relid), table);
	return table;
}

struct snap_table *
snap_table_add(struct snap_table **tables, uint32_t relid)
{
	struct snap_table *table = xcalloc(1, sizeof(*table));

	table->relid = relid;
	table->note.relid = relid;
	HASH_ADD(hh, *tables, relid, sizeof(table->relid), table);
	return table;
}

void
snap_tables_clear(struct snap_table **tables)
{
	struct snap_table *table;
	struct snap_table *next;

	HASH_ITER(hh, *tables, table, next)
	{
		HASH_DEL(*tables, table);
		snap_table_free(table);
	}
}

/* The server's text in UTF-8; raw is freed. */
static char *
server_text(const struct snapshot *snap, char *raw)
{
	const char  *encoding = query_facts(snap->readers[0].query)->encoding;
	uint64_t     replaced = 0;
	struct text *text;
	struct str   utf8;
	struct err   e;
	char        *name;

	if (text_new(encoding, &replaced, &text, &e) != RC_OK)
		return raw;
	utf8 = text_utf8(text, (struct str){raw, strlen(raw)});
	name = xstrndup(utf8.data, utf8.len);
	text_free(text);
	free(raw);
	return name;
}

/* --- listing ------------------------------------------------------------------- */

static void
replace(char **field, const char *text)
{
	free(*field);
	*field = xstrdup(text);
}

void
snapshot_on_table(struct snapshot *snap, const struct pg_result *res, int row)
{
	uint32_t           relid = (uint32_t) strtoul(query_field(res, row, SNAPSHOT_OID), NULL, 10);
	struct snap_table *table = snap_table_find(snap->tables, relid);
	uint32_t           filenode;

	if (table == NULL)
		table = snap_table_add(&snap->listed, relid);
	replace(&table->schema, query_field(res, row, SNAPSHOT_SCHEMA));
	replace(&table->name, query_field(res, row, SNAPSHOT_TABLE));
	replace(&table->fingerprint, query_field(res, row, SNAPSHOT_FINGERPRINT));
	free(table->note.table);
	table->note.table = server_text(snap, xasprintf("%s.%s", table->schema, table->name));
	table->note.estimated = strtoll(query_field(res, row, SNAPSHOT_TUPLES), NULL, 10);
	table->readable = *query_field(res, row, SNAPSHOT_READABLE) == 't';
	table->hidden = *query_field(res, row, SNAPSHOT_HIDDEN) == 't';
	filenode = (uint32_t) strtoul(query_field(res, row, SNAPSHOT_FILENODE), NULL, 10);
	if (table->note.filenode != filenode && table->note.done.count > 0)
	{
		/* Its rows have other places now. */
		log_info("table \"%s\" was truncated or rewritten: its snapshot begins anew",
				 table->note.table);
		tid_set_free(&table->note.done);
		table->note.rows = 0;
		table->dirty = true;
	}
	table->note.filenode = filenode;
	table->state = TABLE_PENDING;
}

static bool
is_late(const struct snapshot *snap, uint32_t relid)
{
	for (size_t i = 0; i < snap->nlate; i++)
		if (snap->late[i] == relid)
			return true;
	return false;
}

/* A table of the job that there is not any more. */
static void
table_is_gone(struct snapshot *snap, struct snap_table *table)
{
	log_info("table \"%s\" is not there or not captured any more: its snapshot ends",
			 table->note.table);
	table->state = TABLE_READ;
	table->note.complete = true;
	table->dirty = true;
	if (snap->has_progress)
		pipeline_touch(snap->pl);
}

/* It is known which tables there are: those that may be ours are described. */
void
snapshot_on_listed(struct snapshot *snap)
{
	size_t             max = HASH_CNT(hh, snap->tables) + HASH_CNT(hh, snap->listed);
	uint32_t          *relids = xcalloc(max + 1, sizeof(*relids));
	size_t             count = 0;
	bool               fresh = snap->job.state == SNAPSHOT_LISTING;
	struct snap_table *table;
	struct snap_table *next;

	HASH_ITER(hh, snap->tables, table, next)
	{
		/* state: as snapshot_on_table() has left it */
		if (snap_table_is_missing(table) && table->state != TABLE_PENDING)
			table_is_gone(snap, table);
		else if (snap_table_is_missing(table))
			relids[count++] = table->relid;
	}
	HASH_ITER(hh, snap->listed, table, next)
		if (fresh || is_late(snap, table->relid))
			relids[count++] = table->relid;
	snap->stage = STAGE_DESCRIBING;
	snap->described = snap->emitted = false;
	nonce_make(snap->nonce);
	snapshot_ask_description(snap, relids, count);
	free(relids);
}

/* --- described by the stream --------------------------------------------------- */

void
snapshot_on_relation(void *arg, struct cursor body)
{
	struct snapshot   *snap = arg;
	struct snap_table *table;
	struct table      *tbl;
	uint32_t           relid;
	struct err         e;

	if (snap->stage != STAGE_DESCRIBING || snap->described || table_read(body, &tbl, &e) != RC_OK)
		return;
	relid = tbl->partition ? tbl->partition : tbl->relid;
	table = snap_table_find(snap->tables, relid);
	if (table == NULL)
		table = snap_table_find(snap->listed, relid);
	if (table == NULL)
	{
		table_free(tbl);
		return;
	}
	if (table->tbl)
	{
		pipeline_close_rows(snap->pl, table->tbl);
		table_free(table->tbl);
	}
	table->tbl = tbl;
}

void
snapshot_on_message(void *arg, struct str content, uint32_t xid)
{
	static const char word[] = "described ";
	struct snapshot  *snap = arg;
	size_t            len = sizeof(word) - 1;

	if (snap->stage != STAGE_DESCRIBING || content.len != len + NONCE_LEN ||
		memcmp(content.data, word, len) != 0 ||
		memcmp(content.data + len, snap->nonce, NONCE_LEN) != 0)
		return;
	snap->described = true;
	snap->xid = xid;
	loop_timer_set(snap->loop, &snap->work, 0);
}

static bool
snapshot_check_rights(struct snapshot *snap, struct err *e)
{
	const char   *role = query_facts(snap->readers[0].query)->role;
	struct denied denied = {0};
	char         *remedy;

	for (const struct snap_table *table = snap->tables; table; table = table->hh.next)
		if (table->state == TABLE_READING && (!table->readable || table->hidden))
			denied_add(&denied, &(struct denied_table){.schema = table->schema,
													   .name = table->name,
													   .shown = table->note.table,
													   .readable = table->readable});
	if (denied.count == 0)
		return true;
	remedy = server_text(snap, denied_remedy(&denied, role));
	denied_error(&denied, role, remedy, e);
	free(remedy);
	denied_free(&denied);
	return false;
}

/* The plugin has said which are captured: these are the job's, or those that it lacks. */
static void
snapshot_take_described(struct snapshot *snap)
{
	struct snap_table *table;
	struct snap_table *next;

	HASH_ITER(hh, snap->listed, table, next)
	{
		if (table->tbl == NULL)
			continue;
		HASH_DEL(snap->listed, table);
		HASH_ADD(hh, snap->tables, relid, sizeof(table->relid), table);
		table->dirty = true;
	}
	HASH_ITER(hh, snap->tables, table, next)
	{
		if (!snap_table_is_missing(table))
			continue;
		if (table->tbl == NULL)
		{
			table_is_gone(snap, table);
			continue;
		}
		table->state = TABLE_READING;
		table->sent = table->batches = 0;
		chunk_plan_begin(&table->plan, &table->note.done);
	}
	free(snap->late);
	snap->late = NULL;
	snap->nlate = 0;
}

void
snapshot_on_described(struct snapshot *snap)
{
	bool       fresh = snap->job.state == SNAPSHOT_LISTING;
	struct err e;

	CRASH_POINT(snapshot_described);
	snapshot_take_described(snap);
	if (!snap->no_data && !snapshot_check_rights(snap, &e))
	{
		snapshot_trouble(snap, &e);
		return;
	}
	snap->job.tables = HASH_COUNT(snap->tables);
	if (fresh)
	{
		snap->job.state = SNAPSHOT_COPYING;
		log_info("snapshot of %" PRIu64 " tables%s begins", snap->job.tables,
				 snap->no_data ? " without their rows" : "");
	}
	snap->job_dirty = true;
	if (snap->has_progress)
		pipeline_touch(snap->pl);
	snap->next_table = snap->tables;
	if (snap->no_data)
		snap->stage = STAGE_OPENING;
	else
		snapshot_export(snap);
}
