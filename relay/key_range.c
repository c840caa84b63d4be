/*
 * key_range.c
 *		Pieces of a table by its key; see key_range.h.
 *
 * The server puts the fragments of SQL together that name its things (%I of format()), one
 * array of them for each column; what is here joins them with literals.
 */
#include "key_range.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>

#include "fnv1a.h"
#include "json.h"
#include "quote.h"
#include "sql_quote.h"
#include "value.h"

/* Of a column's array in the answer. */
enum fragment
{
	COMPARED, /* the column, as it is compared */
	ORDERED,  /* and as ORDER BY has it */
	CAST,     /* behind a literal */
	AFTER,    /* operators, in the direction of the index: strictly behind */
	FROM,     /* behind or equal */
	UPTO,     /* before or equal */
	EQUAL,    /* equal */
	FORWARD,  /* behind ORDERED */
	BACKWARD, /* the other way round */
	VERSION,  /* what else decides order and texts: see part_read() */
	FRAGMENTS
};

struct part
{
	struct column col;   /* with what the server tells of texts */
	uint32_t      place; /* among the table's columns */
	const char   *fragments[FRAGMENTS];
};

struct key_range
{
	const struct table *tbl;
	cJSON              *answer; /* has the fragments */
	uint64_t            hash;
	struct part        *parts; /* nkey of the table */
	bool                rows;  /* one comparison of rows says it all */
};

/* --- keys as texts -------------------------------------------------------------------- */

static void
text_add(key_texts *key, const void *data, size_t len)
{
	uint64_t rest = len;

	for (; rest > 0x7f; rest >>= 7)
		buf_put_u8(key, (uint8_t) (rest | 0x80));
	buf_put_u8(key, (uint8_t) rest);
	buf_put(key, data, len);
}

void
key_texts_write(const key_texts *key, struct buf *out)
{
	struct cursor cur = cursor_over(key->data, key->len);
	const char   *comma = "";

	buf_put_u8(out, '[');
	while (cursor_left(&cur) > 0)
	{
		struct str text = cursor_str(&cur);

		buf_puts(out, comma);
		if (utf8_valid((const uint8_t *) text.data, text.len))
			json_string(out, text.data, text.len);
		else
		{
			buf_puts(out, "{\"hex\":\"");
			for (size_t i = 0; i < text.len; i++)
				buf_printf(out, "%02x", (unsigned) (uint8_t) text.data[i]);
			buf_puts(out, "\"}");
		}
		comma = ",";
	}
	buf_put_u8(out, ']');
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
hex_add(key_texts *key, const char *hex)
{
	size_t     len = strlen(hex);
	struct buf bytes = {0};
	bool       good = len % 2 == 0;

	for (size_t i = 0; i < len && good; i += 2)
	{
		int high = hex_digit(hex[i]);
		int low = hex_digit(hex[i + 1]);

		good = high >= 0 && low >= 0;
		if (good)
			buf_put_u8(&bytes, (uint8_t) (high << 4 | low));
	}
	if (good)
		text_add(key, bytes.data, bytes.len);
	buf_free(&bytes);
	return good;
}

bool
key_texts_read(const struct cJSON *json, key_texts *key)
{
	const cJSON *item;
	bool         good = cJSON_IsArray(json) && cJSON_GetArraySize(json) > 0;

	buf_reset(key);
	if (good)
		cJSON_ArrayForEach(item, json)
		{
			const char *text = cJSON_GetStringValue(item);
			const char *hex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "hex"));

			if (text)
				text_add(key, text, strlen(text));
			else if (hex == NULL || !hex_add(key, hex))
				good = false;
		}
	if (!good)
		buf_reset(key);
	return good;
}

/* --- which key ------------------------------------------------------------------------ */

/*
 * Types whose text is a name that may come to mean another thing, or nothing, before it is
 * read again (regclass, regproc ...).
 */
static bool
is_alias(const struct type_name *type)
{
	return type->schema && strcmp(type->schema, "pg_catalog") == 0 &&
		   (strncmp(type->name, "reg", 3) == 0 || strncmp(type->name, "_reg", 4) == 0);
}

/*
 * NOT NULL by the column itself: a domain's does not keep NULLs out of every row.  What
 * the description does not tell, key_range_ask() finds out.
 */
const char *
key_range_refusal(const struct table *tbl)
{
	if (tbl->key_kind == WIRE_KEY_NONE || tbl->nkey == 0)
		return "it has neither a primary key nor a unique index";
	for (uint32_t i = 0; i < tbl->nkey; i++)
	{
		const struct column *col = &tbl->columns[tbl->key[i]];

		if (!(col->flags & WIRE_COLUMN_NOT_NULL))
			return "a column of its unique index may be NULL";
		if (is_alias(&col->base))
			return "a column of its key holds names of other objects";
	}
	return NULL;
}

/*
 * Columns are told by name: those of a partition may be in another order than its root's.
 * A NOT NULL that was not validated does not count (18 and later).  Operators are the
 * opclass's own, for its own type.  ORDER BY names one only where the type's usual order
 * would be another: with an operator, the planner does not know a domain over an enum or
 * an array to be in its index's order.
 */
static const char ask_head[] =
	"SELECT pg_catalog.json_agg(pg_catalog.json_build_array("
	"pg_catalog.format('%I', a.attname) || CASE WHEN c.\"cast\" <> '' AND a.atttypid <> c.to_type "
	"THEN c.\"cast\" ELSE '' END || c.\"collate\", "
	"pg_catalog.format('%I', a.attname) || CASE WHEN c.usual OR a.atttypid = c.to_type THEN '' "
	"ELSE c.\"cast\" END || c.\"collate\", "
	/* money without a currency's marks, "char" by its number: their texts depend on settings. */
	"CASE b.oid WHEN 790 THEN '::pg_catalog.\"numeric\"::pg_catalog.money' "
	"WHEN 791 THEN '::pg_catalog._numeric::pg_catalog._money' "
	"WHEN 18 THEN '::pg_catalog.int4::pg_catalog.\"char\"' "
	"ELSE pg_catalog.format('::%I.%I', bn.nspname, b.typname) END || "
	"CASE WHEN c.to_type = b.oid THEN '' ELSE c.\"cast\" END, "
	"CASE WHEN c.falls THEN s.lt ELSE s.gt END, CASE WHEN c.falls THEN s.le ELSE s.ge END, "
	"CASE WHEN c.falls THEN s.ge ELSE s.le END, s.eq, "
	"CASE WHEN NOT c.usual THEN ' USING ' || CASE WHEN c.falls THEN s.gt ELSE s.lt END "
	"WHEN c.falls THEN ' DESC' ELSE '' END || "
	"CASE WHEN c.nulls_first THEN ' NULLS FIRST' ELSE ' NULLS LAST' END, "
	"CASE WHEN NOT c.usual THEN ' USING ' || CASE WHEN c.falls THEN s.lt ELSE s.gt END "
	"WHEN c.falls THEN '' ELSE ' DESC' END || "
	"CASE WHEN c.nulls_first THEN ' NULLS LAST' ELSE ' NULLS FIRST' END, "
	"CASE WHEN b.oid IN (790, 791) THEN pg_catalog.concat("
	"pg_catalog.scale('0'::pg_catalog.int4::pg_catalog.money::pg_catalog.\"numeric\"), ' ', "
	"pg_catalog.current_setting('lc_monetary')) "
	"WHEN b.oid IN (1186, 1187) AND "
	"pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 170000 THEN 'finite' "
	"WHEN i.indcollation[k] <> 0 THEN "
	"COALESCE(pg_catalog.pg_collation_actual_version(i.indcollation[k]), '') ELSE '' END"
	") ORDER BY k) ";

static const char ask_index[] =
	"AND i.indisunique AND i.indisvalid AND i.indisready AND i.indislive "
	"AND NOT i.indisexclusion AND i.indpred IS NULL AND i.indexprs IS NULL "
	"AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint n WHERE n.conrelid = i.indrelid "
	"AND n.contype = 'n' AND NOT n.convalidated AND n.conkey[1] = ANY "
	"(i.indkey::pg_catalog.int2[])) "
	"ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) i ";

static const char ask_tail[] =
	"JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] "
	"JOIN pg_catalog.pg_namespace bn ON bn.oid = b.typnamespace "
	"JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[k] "
	"JOIN pg_catalog.pg_type t ON t.oid = o.opcintype "
	"JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace "
	"LEFT JOIN pg_catalog.pg_collation l ON l.oid = i.indcollation[k] "
	"LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace "
	/* An opclass of any array, any enum takes the type below the domain as it is. */
	"CROSS JOIN LATERAL (SELECT CASE WHEN t.typtype = 'p' THEN b.oid ELSE t.oid END AS to_type, "
	"CASE WHEN t.typtype = 'p' THEN pg_catalog.format('::%I.%I', bn.nspname, b.typname) "
	"ELSE pg_catalog.format('::%I.%I', tn.nspname, t.typname) END AS \"cast\", "
	"CASE WHEN l.oid IS NULL OR l.oid = a.attcollation THEN '' "
	"ELSE pg_catalog.format(' COLLATE %I.%I', ln.nspname, l.collname) END AS \"collate\", "
	"i.indoption[k] & 1 = 1 AS falls, i.indoption[k] & 2 = 2 AS nulls_first, "
	"o.opcdefault AND (o.opcintype = b.oid OR NOT EXISTS (SELECT FROM pg_catalog.pg_opclass d "
	"WHERE d.opcmethod = o.opcmethod AND d.opcdefault AND d.opcintype = b.oid)) AS usual) c "
	"CROSS JOIN LATERAL (SELECT pg_catalog.max(p.name) FILTER (WHERE p.strategy = 1) AS lt, "
	"pg_catalog.max(p.name) FILTER (WHERE p.strategy = 2) AS le, "
	"pg_catalog.max(p.name) FILTER (WHERE p.strategy = 3) AS eq, "
	"pg_catalog.max(p.name) FILTER (WHERE p.strategy = 4) AS ge, "
	"pg_catalog.max(p.name) FILTER (WHERE p.strategy = 5) AS gt "
	"FROM (SELECT m.amopstrategy AS strategy, "
	"pg_catalog.format('OPERATOR(%I.%s)', pn.nspname, p.oprname) AS name "
	"FROM pg_catalog.pg_amop m JOIN pg_catalog.pg_operator p ON p.oid = m.amopopr "
	"JOIN pg_catalog.pg_namespace pn ON pn.oid = p.oprnamespace "
	"WHERE m.amopfamily = o.opcfamily AND m.amoppurpose = 's' "
	"AND m.amoplefttype = o.opcintype AND m.amoprighttype = o.opcintype) p) s";

void
key_range_ask(const struct table *tbl, uint32_t relid, struct buf *sql)
{
	buf_reset(sql);
	buf_puts(sql, ask_head);
	/* 403: btree, which alone has an order. */
	buf_printf(sql,
			   "FROM (SELECT i.* FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x "
			   "ON x.oid = i.indexrelid WHERE i.indrelid = '%" PRIu32
			   "' AND x.relam = 403 AND i.indnkeyatts = %" PRIu32
			   " AND (SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k) "
			   "FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k "
			   "JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid "
			   "AND a.attnum = i.indkey[k] AND a.attnotnull) = ARRAY[",
			   relid, tbl->nkey);
	for (uint32_t i = 0; i < tbl->nkey; i++)
	{
		const char *name = tbl->columns[tbl->key[i]].name;

		buf_puts(sql, i > 0 ? ", " : "");
		sql_literal_put((struct str){name, strlen(name)}, sql);
	}
	buf_puts(sql, "]::pg_catalog.text[] ");
	buf_puts(sql, ask_index);
	buf_puts(sql, "CROSS JOIN (VALUES ");
	for (uint32_t i = 0; i < tbl->nkey; i++)
		buf_printf(sql, "%s(%" PRIu32 ", '%" PRIu32 "'::pg_catalog.oid)", i > 0 ? ", " : "", i,
				   tbl->columns[tbl->key[i]].base.oid);
	buf_puts(sql, ") v (k, base) JOIN pg_catalog.pg_type b ON b.oid = v.base ");
	buf_puts(sql, ask_tail);
}

/* False: it is not what was asked for. */
static bool
part_read(const cJSON *item, const struct table *tbl, uint32_t place, struct part *part)
{
	const char *version;

	part->place = place;
	part->col = tbl->columns[place];
	if (cJSON_GetArraySize(item) != FRAGMENTS)
		return false;
	for (int i = 0; i < FRAGMENTS; i++)
		if ((part->fragments[i] = cJSON_GetStringValue(cJSON_GetArrayItem(item, i))) == NULL)
			return false;
	version = part->fragments[VERSION];
	part->col.money_digits = (uint8_t) (strtoul(version, NULL, 10) % 16);
	part->col.finite_intervals = strcmp(version, "finite") == 0;
	return true;
}

struct key_range *
key_range_new(const struct table *tbl, const char *answer)
{
	struct key_range *range = xcalloc(1, sizeof(*range));
	bool              good;

	range->tbl = tbl;
	range->answer = answer ? cJSON_Parse(answer) : NULL;
	range->parts = xcalloc(tbl->nkey + 1, sizeof(*range->parts));
	range->hash = fnv1a_text(FNV1A_START, answer ? answer : "");
	range->rows = true;
	good = tbl->nkey > 0 && cJSON_GetArraySize(range->answer) == (int) tbl->nkey;
	for (uint32_t i = 0; i < tbl->nkey && good; i++)
	{
		struct part *part = &range->parts[i];

		good = part_read(cJSON_GetArrayItem(range->answer, (int) i), tbl, tbl->key[i], part);
		if (good && (strcmp(part->fragments[AFTER], range->parts[0].fragments[AFTER]) != 0 ||
					 strcmp(part->fragments[UPTO], range->parts[0].fragments[UPTO]) != 0))
			range->rows = false;
	}
	if (good)
		return range;
	key_range_free(range);
	return NULL;
}

void
key_range_free(struct key_range *range)
{
	if (range == NULL)
		return;
	cJSON_Delete(range->answer);
	free(range->parts);
	free(range);
}

uint64_t
key_range_hash(const struct key_range *range)
{
	return range->hash;
}

/* --- SQL ------------------------------------------------------------------------------ */

void
key_range_order(const struct key_range *range, bool backward, struct buf *sql)
{
	for (uint32_t i = 0; i < range->tbl->nkey; i++)
	{
		const struct part *part = &range->parts[i];

		buf_puts(sql, i == 0 ? " ORDER BY " : ", ");
		buf_puts(sql, part->fragments[ORDERED]);
		buf_puts(sql, part->fragments[backward ? BACKWARD : FORWARD]);
	}
}

/*
 * The number of a "char", as its cast from int4 takes it.  Its text is a byte, which before
 * PostgreSQL 16 may be one that no string can have, or three octal digits.
 */
static void
char_put(struct str text, struct buf *sql)
{
	unsigned byte = text.len > 0 ? (uint8_t) text.data[0] : 0;

	if (text.len == 4 && text.data[0] == '\\')
		byte = (unsigned) ((text.data[1] - '0') << 6 | (text.data[2] - '0') << 3 |
						   (text.data[3] - '0')) &
			   0xff;
	buf_printf(sql, "'%d'", (int) (int8_t) byte);
}

static void
value_put(const struct part *part, struct str text, struct buf *sql)
{
	if (part->col.base.oid == TYPE_CHAR)
		char_put(text, sql);
	else
		sql_literal_put(text, sql);
	buf_puts(sql, part->fragments[CAST]);
}

static void
comparison_put(const struct part *part, enum fragment operation, struct str text, struct buf *sql)
{
	buf_puts(sql, part->fragments[COMPARED]);
	buf_put_u8(sql, ' ');
	buf_puts(sql, part->fragments[operation]);
	buf_put_u8(sql, ' ');
	value_put(part, text, sql);
}

/* ROW(a, b) > ROW(1, 2): the whole of it is a condition of an index. */
static void
rows_put(const struct key_range *range, const key_texts *key, enum fragment operation,
		 struct buf *sql)
{
	struct cursor cur = cursor_over(key->data, key->len);

	for (uint32_t i = 0; i < range->tbl->nkey; i++)
	{
		buf_puts(sql, i == 0 ? "ROW(" : ", ");
		buf_puts(sql, range->parts[i].fragments[COMPARED]);
	}
	buf_printf(sql, ") %s ", range->parts[0].fragments[operation]);
	for (uint32_t i = 0; i < range->tbl->nkey; i++)
	{
		buf_puts(sql, i == 0 ? "ROW(" : ", ");
		value_put(&range->parts[i], cursor_str(&cur), sql);
	}
	buf_put_u8(sql, ')');
}

/*
 * (a >= 1 AND (NOT a = 1 OR b < 2)), where columns have different operators or directions.
 * The index begins at the right a, and the rows of that a are passed over one by one.
 */
static void
columns_put(const struct key_range *range, const key_texts *key, enum fragment ahead,
			enum fragment last, struct buf *sql)
{
	struct cursor cur = cursor_over(key->data, key->len);
	uint32_t      count = range->tbl->nkey;

	for (uint32_t i = 0; i < count; i++)
	{
		const struct part *part = &range->parts[i];
		struct str         text = cursor_str(&cur);

		buf_put_u8(sql, '(');
		comparison_put(part, i + 1 < count ? ahead : last, text, sql);
		if (i + 1 == count)
			break;
		buf_puts(sql, " AND (NOT ");
		comparison_put(part, EQUAL, text, sql);
		buf_puts(sql, " OR ");
	}
	for (uint32_t i = 1; i < count; i++)
		buf_puts(sql, "))");
	buf_put_u8(sql, ')');
}

static void
condition_put(const struct key_range *range, const key_texts *key, enum fragment ahead,
			  enum fragment last, struct buf *sql)
{
	struct cursor cur = cursor_over(key->data, key->len);

	if (range->tbl->nkey == 1)
		comparison_put(&range->parts[0], last, cursor_str(&cur), sql);
	else if (range->rows)
		rows_put(range, key, last, sql);
	else
		columns_put(range, key, ahead, last, sql);
}

void
key_range_after(const struct key_range *range, const key_texts *key, struct buf *sql)
{
	condition_put(range, key, FROM, AFTER, sql);
}

void
key_range_upto(const struct key_range *range, const key_texts *key, struct buf *sql)
{
	condition_put(range, key, UPTO, UPTO, sql);
}

bool
key_range_fits(const struct key_range *range, const key_texts *key)
{
	struct cursor cur = cursor_over(key->data, key->len);
	uint32_t      count = 0;

	while (cursor_left(&cur) > 0)
	{
		cursor_str(&cur);
		count++;
	}
	return !cur.bad && count == range->tbl->nkey;
}

/* --- the key of a row ------------------------------------------------------------------ */

/* A value of a row: its bytes in the column's form, or others that say the same. */
struct spot
{
	enum wire_state state;
	struct cursor   at;
	struct str      text; /* TEXT; LONG: what a long value has */
};

/* False: it has no text.  *good false: malformed. */
static bool
spot_text(struct spot *spot, const struct column *col, struct buf *text, bool *good)
{
	switch (spot->state)
	{
		case WIRE_STATE_VALUE:
			value_text(&spot->at, col, text);
			*good = !spot->at.bad;
			return true;
		case WIRE_STATE_TEXT: buf_put(text, spot->text.data, spot->text.len); return true;
		case WIRE_STATE_LONG:
			if (spot->text.data == NULL)
				return false;
			if (col->form == WIRE_FORM_ARRAY)
				*good = array_text(cursor_over(spot->text.data, spot->text.len), col, text);
			else if (col->form == WIRE_FORM_BYTES)
				bytes_text((const uint8_t *) spot->text.data, spot->text.len, text);
			else
				buf_put(text, spot->text.data, spot->text.len);
			return true;
		case WIRE_STATE_NULL:
		case WIRE_STATE_UNCHANGED:
		case WIRE_STATE_UNSENDABLE: break;
	}
	return false;
}

/* The spots of all columns.  False: the row is malformed. */
static bool
spots_find(const struct table *tbl, const struct change *row, struct tuple *tup, struct spot *spots)
{
	uint32_t nlongs = 0;

	for (uint32_t i = 0; i < tbl->ncolumns && !tup->values.bad; i++)
	{
		spots[i] = (struct spot){.state = tuple_state(tup, i), .at = tup->values};
		switch (spots[i].state)
		{
			case WIRE_STATE_VALUE: value_skip(tbl->columns[i].form, &tup->values); break;
			case WIRE_STATE_TEXT: spots[i].text = cursor_str(&tup->values); break;
			case WIRE_STATE_LONG:
				if (nlongs == row->nlongs)
					return false;
				spots[i].text = row->longs[nlongs++];
				break;
			default: break;
		}
	}
	return !tup->values.bad;
}

static enum rc
key_malformed(const struct table *tbl, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1404, "row of COPY is malformed");
	return err_detail(e, "Its key cannot be read.  It is of table \"%s.%s\".", tbl->schema,
					  tbl->name);
}

static enum rc
key_untold(const struct table *tbl, const struct column *col, struct err *e)
{
	err_set(e, ERR_DATA, E1242, "table \"%s.%s\" cannot be read by its key", tbl->schema,
			tbl->name);
	return err_detail(e, "A row has no value in column \"%s\", or one that is too long to be kept.",
					  col->name);
}

enum rc
key_range_take(const struct key_range *range, const struct change *row, key_texts *key,
			   struct err *e)
{
	const struct table *tbl = range->tbl;
	struct spot        *spots;
	struct tuple        tup;
	struct buf          text = {0};
	enum rc             rc = RC_OK;

	buf_reset(key);
	if (tuple_open(row->new_tuple, tbl->ncolumns, &tup, e) != RC_OK)
		return RC_ERR;
	spots = xcalloc(tbl->ncolumns + 1, sizeof(*spots));
	if (!spots_find(tbl, row, &tup, spots))
		rc = key_malformed(tbl, e);
	for (uint32_t i = 0; i < tbl->nkey && rc == RC_OK; i++)
	{
		const struct part *part = &range->parts[i];
		bool               good = true;

		buf_reset(&text);
		if (!spot_text(&spots[part->place], &part->col, &text, &good))
			rc = key_untold(tbl, &part->col, e);
		else if (!good)
			rc = key_malformed(tbl, e);
		else
			text_add(key, text.data, text.len);
	}
	if (rc != RC_OK)
		buf_reset(key);
	buf_free(&text);
	free(spots);
	return rc;
}
