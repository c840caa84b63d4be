/*
 * copy_rows.c
 *		copy_rows CONNINFO SLOT: reads what a slot has, COPYs each table that has rows
 *		there, and compares: a row of a table must be the same tuple to the byte, and
 *		the same long values, whichever way it came.
 *
 * Rows were inserted in the order of their column "id", and nothing else was done to
 * them.  A line for each table, "ok NAME ROWS TEXTS" or "FAIL NAME ..."; TEXTS: how many
 * of the rows have other bytes that say the same, as an array's map of NULLs without one.
 * False if one failed.  Called by t/013_copy_row.pl.
 */
#include "copy_row.h"
#include "dump.h"
#include "slot_rows.h"

#define TABLES_MAX 4096

/* A row of the stream, copied. */
struct row
{
	struct buf  tuple;
	struct str *longs;
	uint32_t    nlongs;
	struct row *next;
};

struct rows
{
	struct row  *first;
	struct row **end;
};

static struct rows tables[TABLES_MAX]; /* by index */
static unsigned    failed;

/* --- the stream ----------------------------------------------------------------------- */

static void
row_keep(const struct change *chg)
{
	struct row  *row = xcalloc(1, sizeof(*row));
	struct rows *rows;

	if (chg->kind != WIRE_INSERT || chg->relation >= TABLES_MAX)
		die("stream", "a change that is no INSERT, or too many tables");
	rows = &tables[chg->relation];
	buf_put(&row->tuple, chg->new_tuple.p, cursor_left(&chg->new_tuple));
	row->nlongs = chg->nlongs;
	row->longs = xcalloc(chg->nlongs + 1, sizeof(*row->longs));
	for (uint32_t i = 0; i < chg->nlongs; i++)
	{
		char *copy = xmalloc(chg->longs[i].len + 1);

		memcpy(copy, chg->longs[i].data, chg->longs[i].len);
		row->longs[i] = (struct str){copy, chg->longs[i].len};
	}
	*(rows->end ? rows->end : &rows->first) = row;
	rows->end = &row->next;
}

/* --- the tables ----------------------------------------------------------------------- */

static bool
is_same(const struct row *row, const struct change *chg)
{
	if (row->tuple.len != cursor_left(&chg->new_tuple) ||
		memcmp(row->tuple.data, chg->new_tuple.p, row->tuple.len) != 0 ||
		row->nlongs != chg->nlongs)
		return false;
	for (uint32_t i = 0; i < row->nlongs; i++)
		if (row->longs[i].len != chg->longs[i].len ||
			memcmp(row->longs[i].data, chg->longs[i].data, row->longs[i].len) != 0)
			return false;
	return true;
}

static void
change_show(const char *what, const struct table *tbl, const struct change *chg)
{
	struct dump *dump = dump_new(NULL, 0);
	struct str   text;
	struct err   e;

	if (dump_change_text(dump, tbl, chg, &text, &e) != RC_OK)
		printf("     %s: %s: %s\n", what, e.msg, e.detail);
	else
		printf("     %s: %.*s\n", what, (int) (text.len < 600 ? text.len : 600), text.data);
	dump_free(dump);
}

/* The row as a change. */
static struct change
row_change(const struct row *row, const struct change *like)
{
	struct change chg = *like;

	chg.new_tuple = cursor_over(row->tuple.data, row->tuple.len);
	chg.longs = row->longs;
	chg.nlongs = row->nlongs;
	return chg;
}

static bool
says_the_same(const struct table *tbl, const struct row *row, const struct change *chg)
{
	struct change stream = row_change(row, chg);
	struct dump  *dumps[2] = {dump_new(NULL, 0), dump_new(NULL, 0)};
	struct str    texts[2];
	struct err    e;
	bool          same = dump_change_text(dumps[0], tbl, &stream, &texts[0], &e) == RC_OK &&
				dump_change_text(dumps[1], tbl, chg, &texts[1], &e) == RC_OK &&
				texts[0].len == texts[1].len &&
				memcmp(texts[0].data, texts[1].data, texts[0].len) == 0;

	dump_free(dumps[0]);
	dump_free(dumps[1]);
	return same;
}

static void
row_fail(const struct table *tbl, const struct row *row, const struct change *chg)
{
	struct change stream = row_change(row, chg);

	printf("FAIL %s: a row differs\n", tbl->name);
	change_show("stream", tbl, &stream);
	change_show("copy  ", tbl, chg);
}

/* What came of a table, one way against the other. */
struct tally
{
	unsigned same;
	unsigned texts; /* of them: by what they say only */
	unsigned wrong;
};

static void
table_fail(const struct table *tbl, struct tally *tally, const char *what, const char *detail)
{
	printf("FAIL %s: %s%s%s\n", tbl->name, what, detail[0] ? ": " : "", detail);
	tally->wrong++;
}

/* A row of COPY, and that of the stream in its place; NULL: there is none. */
static void
row_compare(const struct table *tbl, const struct row *row, const struct change *chg,
			struct tally *tally)
{
	if (row == NULL)
		table_fail(tbl, tally, "more rows than in the stream", "");
	else if (is_same(row, chg))
		tally->same++;
	else if (says_the_same(tbl, row, chg))
	{
		tally->same++;
		tally->texts++;
	}
	else
	{
		row_fail(tbl, row, chg);
		tally->wrong++;
	}
}

static void
table_copy(PGconn *conn, const struct table *tbl, const struct row *row, struct tally *tally)
{
	struct copy_row *copy = copy_row_new(tbl, frame_bytes, LONG_MAX_BYTES);
	char            *message;
	int              len;

	while ((len = PQgetCopyData(conn, &message, 0)) >= 0)
	{
		struct change chg;
		struct err    e;

		switch (copy_row_read(copy, (struct str){message, (size_t) len}, &chg, &e))
		{
			case RC_ERR: table_fail(tbl, tally, e.msg, e.detail); break;
			case RC_AGAIN: break;
			case RC_OK: row_compare(tbl, row, &chg, tally); row = row ? row->next : NULL;
		}
		PQfreemem(message);
	}
	if (len == -2)
		die("COPY", PQerrorMessage(conn));
	if (row != NULL || !copy_row_ended(copy))
		table_fail(tbl, tally, "fewer rows than in the stream, or no end", "");
	copy_row_free(copy);
}

static void
table_compare(PGconn *conn, const struct table *tbl, const struct row *row)
{
	struct buf   sql = {0};
	char        *schema = PQescapeIdentifier(conn, tbl->schema, strlen(tbl->schema));
	char        *name = PQescapeIdentifier(conn, tbl->name, strlen(tbl->name));
	PGresult    *res;
	struct tally tally = {0};

	buf_puts(&sql, "COPY (SELECT ");
	copy_row_columns(tbl, NULL, &sql);
	buf_printf(&sql, " FROM ONLY %s.%s ORDER BY id) TO STDOUT (FORMAT binary)", schema, name);
	PQclear(query(conn, buf_cstr(&sql), PGRES_COPY_OUT));
	table_copy(conn, tbl, row, &tally);
	while ((res = PQgetResult(conn)) != NULL)
	{
		if (PQresultStatus(res) != PGRES_COMMAND_OK)
			table_fail(tbl, &tally, PQresultErrorMessage(res), "");
		PQclear(res);
	}
	if (tally.wrong == 0)
		printf("ok %s %u %u\n", tbl->name, tally.same, tally.texts);
	failed += tally.wrong > 0;
	PQfreemem(schema);
	PQfreemem(name);
	buf_free(&sql);
}

int
main(int argc, char **argv)
{
	PGconn *conn;

	if (argc != 3)
		die("usage", "copy_rows CONNINFO SLOT");
	conn = session_open(argv[1]);
	slot_read(conn, argv[2], row_keep);
	for (uint32_t i = 0; i < TABLES_MAX; i++)
		if (tables[i].first)
			table_compare(conn, catalog_table(cat, i), tables[i].first);
	PQfinish(conn);
	return failed > 0;
}
