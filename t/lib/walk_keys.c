/*
 * walk_keys.c
 *		walk_keys CONNINFO SLOT: walks through each table that a slot has rows of, in
 *		the order of its key, three rows at a time, by the SQL of key_range.c alone;
 *		each row must come exactly once.
 *
 * Where it is goes through JSON from each piece to the next.  A line for each table:
 * "ok NAME ROWS PIECES PLAN HASH", PLAN: index, or what else the plan of a piece has (sort,
 * filter: rows of the index that are passed over one by one); "no NAME WHY" for one whose
 * key cannot be ranged over; "FAIL NAME ...".  False if one failed.  Called by
 * t/015_key_range.pl.
 */
#include <inttypes.h>

#include <cjson/cJSON.h>

#include "copy_row.h"
#include "key_range.h"
#include "slot_rows.h"

#define PIECE 3

/* Rows, each as its tuple and its long values. */
struct rows
{
	struct buf *rows;
	uint32_t    count;
	uint32_t    max;
};

static bool            seen[65536]; /* a table, by its index */
static unsigned        failed;

static void
table_seen(const struct change *chg)
{
	if (chg->kind == WIRE_INSERT)
		seen[chg->relation] = true;
}

/* --- rows ----------------------------------------------------------------------------- */

static void
row_keep(struct rows *rows, const struct change *chg)
{
	struct buf *row;

	if (rows->count == rows->max)
	{
		rows->max = rows->max ? rows->max * 2 : 64;
		rows->rows = xrealloc(rows->rows, rows->max * sizeof(*rows->rows));
	}
	row = &rows->rows[rows->count++];
	*row = (struct buf){0};
	buf_put(row, chg->new_tuple.p, cursor_left(&chg->new_tuple));
	for (uint32_t i = 0; i < chg->nlongs; i++)
		buf_put(row, chg->longs[i].data, chg->longs[i].len);
}

static int
row_compare(const void *a, const void *b)
{
	const struct buf *one = a;
	const struct buf *other = b;
	int order = memcmp(one->data, other->data, one->len < other->len ? one->len : other->len);

	return order ? order : (one->len > other->len) - (one->len < other->len);
}

static void
rows_sort(struct rows *rows)
{
	if (rows->count > 0)
		qsort(rows->rows, rows->count, sizeof(*rows->rows), row_compare);
}

static void
rows_free(struct rows *rows)
{
	for (uint32_t i = 0; i < rows->count; i++)
		buf_free(&rows->rows[i]);
	free(rows->rows);
	*rows = (struct rows){0};
}

/* False: it has failed, and why was printed. */
static bool
fail(const struct table *tbl, const char *what, const char *detail)
{
	printf("FAIL %s: %s: %s\n", tbl->name, what, detail);
	failed++;
	return false;
}

/*
 * COPYs what the query selects; *last: the key of its last row, if range is not NULL.
 * False: it failed.
 */
static bool
rows_copy(PGconn *conn, const struct table *tbl, const struct key_range *range, struct buf *sql,
		  struct rows *rows, key_texts *last)
{
	struct copy_row *copy = copy_row_new(tbl, frame_bytes, LONG_MAX_BYTES);
	char            *statement = xasprintf("COPY (%s) TO STDOUT (FORMAT binary)", buf_cstr(sql));
	PGresult        *res = PQexec(conn, statement);
	char            *message;
	int              len = -1;
	bool             good = PQresultStatus(res) == PGRES_COPY_OUT;

	if (!good)
		fail(tbl, PQresultErrorMessage(res), statement);
	while (good && (len = PQgetCopyData(conn, &message, 0)) >= 0)
	{
		struct change chg;
		struct err    e;
		enum rc       rc = copy_row_read(copy, (struct str){message, (size_t) len}, &chg, &e);

		if (rc == RC_OK)
			row_keep(rows, &chg);
		if (rc == RC_OK && range)
			rc = key_range_take(range, &chg, last, &e);
		if (rc == RC_ERR)
			good = fail(tbl, e.msg, e.detail);
		PQfreemem(message);
	}
	PQclear(res);
	while ((res = PQgetResult(conn)) != NULL)
	{
		if (PQresultStatus(res) != PGRES_COMMAND_OK && good)
			good = fail(tbl, PQresultErrorMessage(res), statement);
		PQclear(res);
	}
	copy_row_free(copy);
	free(statement);
	return good;
}

/* SELECT ... FROM the table, without conditions. */
static void
select_put(PGconn *conn, const struct table *tbl, struct buf *sql)
{
	char *schema = PQescapeIdentifier(conn, tbl->schema, strlen(tbl->schema));
	char *name = PQescapeIdentifier(conn, tbl->name, strlen(tbl->name));

	buf_reset(sql);
	buf_puts(sql, "SELECT ");
	copy_row_columns(tbl, NULL, sql);
	buf_printf(sql, " FROM ONLY %s.%s WHERE tableoid = '%u'", schema, name, tbl->relid);
	PQfreemem(schema);
	PQfreemem(name);
}

/* --- the walk -------------------------------------------------------------------------- */

/* There and back through JSON. */
static bool
key_keep(const struct table *tbl, key_texts *key)
{
	struct buf json = {0};
	cJSON     *parsed;
	key_texts  back = {0};
	bool       good;

	key_texts_write(key, &json);
	parsed = cJSON_Parse(buf_cstr(&json));
	good = key_texts_read(parsed, &back) && back.len == key->len &&
		   memcmp(back.data, key->data, key->len) == 0;
	if (!good)
		fail(tbl, "a key does not come back", buf_cstr(&json));
	cJSON_Delete(parsed);
	buf_free(&json);
	buf_free(key);
	*key = back;
	return good;
}

/* What the plan of a statement is. */
static const char *
plan_of(PGconn *conn, struct buf *sql)
{
	char       *explain = xasprintf("EXPLAIN (COSTS OFF) %s", buf_cstr(sql));
	PGresult   *res = query(conn, explain, PGRES_TUPLES_OK);
	bool        scan = false;
	bool        condition = false;
	bool        sort = false;
	const char *filter = NULL;

	for (int i = 0; i < PQntuples(res); i++)
	{
		const char *line = PQgetvalue(res, i, 0);

		scan |= strstr(line, "Index Scan") != NULL;
		condition |= strstr(line, "Index Cond:") != NULL;
		sort |= strstr(line, "Sort") != NULL;
		if (strstr(line, "Filter:"))
			filter = strstr(line, " OR ") ? "filter" : filter;
	}
	if (getenv("WALK_KEYS_SHOW"))
		for (int i = 0; i < PQntuples(res); i++)
			printf("     %s\n", PQgetvalue(res, i, 0));
	PQclear(res);
	free(explain);
	return sort ? "sort" : !scan || !condition ? "other" : filter ? filter : "index";
}

/* The next piece. */
static void
piece_put(PGconn *conn, const struct table *tbl, const struct key_range *range,
		  const key_texts *after, const key_texts *most, struct buf *sql)
{
	select_put(conn, tbl, sql);
	if (after->len > 0)
	{
		buf_puts(sql, " AND ");
		key_range_after(range, after, sql);
	}
	buf_puts(sql, " AND ");
	key_range_upto(range, most, sql);
	key_range_order(range, false, sql);
	buf_printf(sql, " LIMIT %d", PIECE);
}

static bool
walk(PGconn *conn, const struct table *tbl, const struct key_range *range, struct rows *walked,
	 unsigned *pieces, const char **plan)
{
	struct buf  sql = {0};
	struct rows none = {0};
	key_texts   most = {0};
	key_texts   key = {0};
	uint32_t    before;
	bool        good;

	select_put(conn, tbl, &sql);
	key_range_order(range, true, &sql);
	buf_puts(&sql, " LIMIT 1");
	good = rows_copy(conn, tbl, range, &sql, &none, &most);
	*pieces = 0;
	if (good && none.count > 0)
		good = key_keep(tbl, &most) &&
			   (key_range_fits(range, &most) || fail(tbl, "a key", "it does not fit"));
	do
	{
		before = walked->count;
		if (!good || none.count == 0)
			break;
		piece_put(conn, tbl, range, &key, &most, &sql);
		if (*pieces == 1)
			*plan = plan_of(conn, &sql);
		good = rows_copy(conn, tbl, range, &sql, walked, &key) && key_keep(tbl, &key);
		if (*pieces > 10000)
			good = fail(tbl, "it", "does not end");
		++*pieces;
	} while (good && walked->count == before + PIECE &&
			 (most.len != key.len || memcmp(most.data, key.data, key.len) != 0));
	rows_free(&none);
	buf_free(&sql);
	buf_free(&most);
	buf_free(&key);
	return good;
}

static struct key_range *
range_find(PGconn *conn, const struct table *tbl)
{
	struct buf        sql = {0};
	struct key_range *range;
	PGresult         *res;

	key_range_ask(tbl, tbl->relid, &sql);
	res = query(conn, buf_cstr(&sql), PGRES_TUPLES_OK);
	if (getenv("WALK_KEYS_SHOW"))
		printf("     %s\n", PQgetvalue(res, 0, 0));
	range = key_range_new(tbl, PQgetvalue(res, 0, 0));
	PQclear(res);
	buf_free(&sql);
	return range;
}

static void
table_walk(PGconn *conn, const struct table *tbl)
{
	struct key_range *range = NULL;
	struct rows       walked = {0};
	struct rows       all = {0};
	struct buf        sql = {0};
	const char       *plan = "none";
	const char       *refusal = key_range_refusal(tbl);
	unsigned          pieces = 0;
	bool              same;

	if (refusal == NULL && (range = range_find(conn, tbl)) == NULL)
		refusal = "no index has its key in an order";
	if (refusal)
	{
		printf("no %s %s\n", tbl->name, refusal);
		return;
	}
	PQclear(query(conn, KEY_RANGE_SETTINGS, PGRES_COMMAND_OK));
	select_put(conn, tbl, &sql);
	if (rows_copy(conn, tbl, NULL, &sql, &all, NULL) &&
		walk(conn, tbl, range, &walked, &pieces, &plan))
	{
		rows_sort(&all);
		rows_sort(&walked);
		same = all.count == walked.count;
		for (uint32_t i = 0; i < all.count && same; i++)
			same = row_compare(&all.rows[i], &walked.rows[i]) == 0;
		if (same)
			printf("ok %s %u %u %s %016" PRIx64 "\n", tbl->name, all.count, pieces, plan,
				   key_range_hash(range));
		else
		{
			printf("FAIL %s: %u rows were walked through, %u are there\n", tbl->name, walked.count,
				   all.count);
			failed++;
		}
	}
	rows_free(&walked);
	rows_free(&all);
	buf_free(&sql);
	key_range_free(range);
}

int
main(int argc, char **argv)
{
	PGconn *conn;

	if (argc != 3)
		die("usage", "walk_keys CONNINFO SLOT");
	conn = session_open(argv[1]);
	PQclear(query(conn, "SET jit = off", PGRES_COMMAND_OK));
	slot_read(conn, argv[2], table_seen);
	PQclear(query(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", PGRES_COMMAND_OK));
	for (uint32_t i = 0; i < 65536; i++)
		if (seen[i])
		{
			PQclear(query(conn, "SAVEPOINT s", PGRES_COMMAND_OK));
			table_walk(conn, catalog_table(cat, i));
			PQclear(query(conn, "ROLLBACK TO s", PGRES_COMMAND_OK));
		}
	PQclear(query(conn, "COMMIT", PGRES_COMMAND_OK));
	PQfinish(conn);
	catalog_free(cat);
	return failed > 0;
}
