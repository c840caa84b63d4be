/*
 * catalog.c
 *		Relation records to tables; see catalog.h.
 */
#include "catalog.h"

#include <inttypes.h>
#include <stdlib.h>

#include "buf.h"

/* More columns than a PostgreSQL tuple can have (MaxTupleAttributeNumber). */
#define COLUMNS_MAX 1664

/* An index is a small number given out in order; this many relations no backend keeps. */
#define INDEX_MAX 1000000

#define COLUMN_FLAGS                                                                             \
	(WIRE_COLUMN_NOT_NULL | WIRE_COLUMN_IDENTITY | WIRE_COLUMN_PRIMARY | WIRE_COLUMN_GENERATED | \
	 WIRE_COLUMN_DOMAIN | WIRE_COLUMN_ARRAY | WIRE_COLUMN_ENUM | WIRE_COLUMN_DEFAULT |           \
	 WIRE_COLUMN_COMPOSITE | WIRE_COLUMN_RANGE | WIRE_COLUMN_AUTO | WIRE_COLUMN_DOMAIN_NOT_NULL)

struct catalog
{
	struct table **tables; /* by index; NULL where none was announced */
	uint32_t       size;
	void (*forget)(struct table *tbl, void *arg);
	void *arg;
};

static enum rc
malformed(const char *what, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1404, "relation record is malformed");
	return err_detail(e, "It has %s.", what);
}

static uint32_t
read_u32(struct cursor *cur)
{
	uint64_t value = cursor_uv(cur);

	if (value > UINT32_MAX)
	{
		cursor_fail(cur);
		return 0;
	}
	return (uint32_t) value;
}

static int32_t
read_i32(struct cursor *cur)
{
	int64_t value = cursor_sv(cur);

	if (value < INT32_MIN || value > INT32_MAX)
	{
		cursor_fail(cur);
		return 0;
	}
	return (int32_t) value;
}

/* No name in PostgreSQL contains a zero byte: one here would hide what follows it. */
static const char *
read_cstr(struct cursor *cur, struct arena *arena)
{
	struct str str = cursor_str(cur);

	if (memchr(str.data, '\0', str.len) != NULL)
	{
		cursor_fail(cur);
		return "";
	}
	return arena_strndup(arena, str.data, str.len);
}

static bool
form_known(int form)
{
	switch (form)
	{
		case WIRE_FORM_BOOL:
		case WIRE_FORM_INT:
		case WIRE_FORM_OID:
		case WIRE_FORM_FLOAT4:
		case WIRE_FORM_FLOAT8:
		case WIRE_FORM_INT64:
		case WIRE_FORM_TIMETZ:
		case WIRE_FORM_INTERVAL:
		case WIRE_FORM_UUID:
		case WIRE_FORM_NUMERIC:
		case WIRE_FORM_ENUM:
		case WIRE_FORM_ARRAY:
		case WIRE_FORM_BYTES:
		case WIRE_FORM_TEXT: return true;
		default: return false;
	}
}

static void
labels_read(struct cursor *cur, struct column *col, struct arena *arena)
{
	uint32_t count = read_u32(cur);

	/* Each takes a byte at least: a count beyond that is not worth memory. */
	if (count > cursor_left(cur))
		cursor_fail(cur);
	if (cur->bad)
		return;
	col->labels = arena_alloc(arena, count * sizeof(*col->labels));
	col->nlabels = count;
	for (uint32_t i = 0; i < count; i++)
		col->labels[i] = read_cstr(cur, arena);
}

/*
 * The elements of an array column, of which none is an array: those that are
 * by way of a domain travel as text.
 */
static enum rc
element_read(struct cursor *cur, struct column *col, struct arena *arena, struct err *e)
{
	int form;

	col->element.oid = read_u32(cur);
	col->element.schema = read_cstr(cur, arena);
	col->element.name = read_cstr(cur, arena);
	col->element_base = read_u32(cur);
	form = cursor_u8(cur);
	col->delimiter = (char) cursor_u8(cur);
	if (cur->bad)
		return malformed("fewer fields than it should", e);
	if (!form_known(form) || form == WIRE_FORM_ARRAY)
		return malformed("an array whose elements are of unknown form", e);
	col->element_form = (enum wire_form) form;
	return RC_OK;
}

static enum rc
column_read(struct cursor *cur, struct column *col, struct arena *arena, struct err *e)
{
	uint64_t attnum = cursor_uv(cur);
	int      form;

	col->attnum = (uint16_t) attnum;
	col->flags = cursor_u16(cur);
	form = cursor_u8(cur);
	if (cur->bad)
		return malformed("fewer fields than it should", e);
	if (attnum == 0 || attnum > INT16_MAX)
		return malformed("an impossible attribute number", e);
	if (col->flags & ~COLUMN_FLAGS)
		return malformed("a column with unknown flags", e);
	if (!form_known(form))
		return malformed("a column of unknown form", e);
	col->form = (enum wire_form) form;
	col->name = read_cstr(cur, arena);
	col->type.oid = read_u32(cur);
	col->type.typmod = read_i32(cur);
	col->type.schema = read_cstr(cur, arena);
	col->type.name = read_cstr(cur, arena);
	col->base = col->type;
	if (col->flags & WIRE_COLUMN_DOMAIN)
	{
		col->base.oid = read_u32(cur);
		col->base.typmod = read_i32(cur);
		col->base.schema = read_cstr(cur, arena);
		col->base.name = read_cstr(cur, arena);
	}
	col->element = (struct type_name){0, -1, "", ""};
	if (!cur->bad && (col->form == WIRE_FORM_ARRAY) != ((col->flags & WIRE_COLUMN_ARRAY) != 0))
		return malformed("a column whose form and flags disagree on whether it is an array", e);
	if ((col->flags & WIRE_COLUMN_ARRAY) && element_read(cur, col, arena, e) != RC_OK)
		return RC_ERR;
	if (col->flags & WIRE_COLUMN_ENUM)
		labels_read(cur, col, arena);
	if (col->flags & WIRE_COLUMN_DEFAULT)
		col->default_text = read_cstr(cur, arena);
	if (cur->bad)
		return malformed("fewer fields than it should", e);
	return RC_OK;
}

static enum rc
columns_read(struct cursor *cur, struct table *tbl, struct err *e)
{
	uint64_t count = cursor_uv(cur);

	if (cur->bad)
		return malformed("fewer fields than it should", e);
	if (count > COLUMNS_MAX)
		return malformed("more columns than a table can have", e);
	tbl->ncolumns = (uint32_t) count;
	tbl->columns = arena_alloc(tbl->arena, tbl->ncolumns * sizeof(*tbl->columns));
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
	{
		if (column_read(cur, &tbl->columns[i], tbl->arena, e) != RC_OK)
			return RC_ERR;
		if (i > 0 && tbl->columns[i].attnum <= tbl->columns[i - 1].attnum)
			return malformed("columns out of order", e);
	}
	return RC_OK;
}

/* A list of places among the columns.  An index may name one column twice. */
static enum rc
places_read(struct cursor *cur, const struct table *tbl, uint32_t *count, uint32_t **places,
			struct err *e)
{
	uint64_t claimed = cursor_uv(cur);

	if (claimed > COLUMNS_MAX)
		return malformed("more key columns than an index can have", e);
	*count = (uint32_t) claimed;
	*places = arena_alloc(tbl->arena, *count * sizeof(**places));
	for (uint32_t i = 0; i < *count && !cur->bad; i++)
	{
		(*places)[i] = read_u32(cur);
		if (!cur->bad && (*places)[i] >= tbl->ncolumns)
			return malformed("a key column that the table lacks", e);
	}
	if (cur->bad)
		return malformed("fewer fields than it should", e);
	return RC_OK;
}

static enum rc
keys_read(struct cursor *cur, struct table *tbl, struct err *e)
{
	int kind = cursor_u8(cur);

	if (cur->bad)
		return malformed("fewer fields than it should", e);
	if (kind != WIRE_KEY_NONE && kind != WIRE_KEY_PRIMARY && kind != WIRE_KEY_UNIQUE)
		return malformed("a key of unknown kind", e);
	tbl->key_kind = (enum wire_key) kind;
	if (places_read(cur, tbl, &tbl->nkey, &tbl->key, e) != RC_OK)
		return RC_ERR;
	if ((tbl->key_kind == WIRE_KEY_NONE) != (tbl->nkey == 0))
		return malformed("a key kind that contradicts its number of columns", e);
	return places_read(cur, tbl, &tbl->nidentity, &tbl->identity_key, e);
}

/* Reads everything behind the index. */
static enum rc
body_read(struct cursor *cur, struct table *tbl, struct err *e)
{
	tbl->relid = read_u32(cur);
	tbl->identity = (char) cursor_u8(cur);
	tbl->relkind = (char) cursor_u8(cur);
	tbl->schema = read_cstr(cur, tbl->arena);
	tbl->name = read_cstr(cur, tbl->arena);
	if (cur->bad)
		return malformed("fewer fields than it should", e);
	if (tbl->identity == '\0' || strchr("difn", tbl->identity) == NULL)
		return malformed("an unknown replica identity", e);
	if (tbl->relkind != 'r' && tbl->relkind != 'p')
		return malformed("an unknown kind of relation", e);
	if (columns_read(cur, tbl, e) != RC_OK)
		return RC_ERR;
	return keys_read(cur, tbl, e);
}

/* FNV-1a, 64 bits, of what follows the index: the same table under another index is the same. */
static uint64_t
body_hash(const struct cursor *body)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const uint8_t *p = body->p; p < body->end; p++)
		hash = (hash ^ *p) * UINT64_C(0x100000001b3);
	return hash;
}

static enum rc
index_read(struct cursor *cur, uint32_t *index, struct err *e)
{
	uint64_t claimed = cursor_uv(cur);

	if (cur->bad)
		return malformed("fewer fields than it should", e);
	if (claimed > INDEX_MAX)
		return malformed("an index beyond all reason", e);
	*index = (uint32_t) claimed;
	return RC_OK;
}

enum rc
table_read(struct cursor relation, struct table **tbl, struct err *e)
{
	struct table *fresh;
	struct arena *arena;
	struct cursor body;
	uint32_t      index = 0;

	*tbl = NULL;
	if (index_read(&relation, &index, e) != RC_OK)
		return RC_ERR;
	arena = arena_new();
	fresh = arena_alloc(arena, sizeof(*fresh));
	fresh->arena = arena;
	fresh->index = index;
	fresh->version = 1;
	body = relation;
	if (body_read(&relation, fresh, e) != RC_OK)
	{
		table_free(fresh);
		return RC_ERR;
	}
	body.end = relation.p;
	fresh->hash = body_hash(&body);
	/* Which partition it is makes no other description. */
	if (cursor_left(&relation) > 0)
		fresh->partition = read_u32(&relation);
	*tbl = fresh;
	return RC_OK;
}

void
table_free(struct table *tbl)
{
	if (tbl)
		arena_free(tbl->arena);
}

struct catalog *
catalog_new(void (*forget)(struct table *tbl, void *arg), void *arg)
{
	struct catalog *cat = xcalloc(1, sizeof(*cat));

	cat->forget = forget;
	cat->arg = arg;
	return cat;
}

static void
catalog_forget(struct catalog *cat, struct table *tbl)
{
	if (tbl == NULL)
		return;
	if (cat->forget)
		cat->forget(tbl, cat->arg);
	table_free(tbl);
}

void
catalog_free(struct catalog *cat)
{
	if (cat == NULL)
		return;
	for (uint32_t i = 0; i < cat->size; i++)
		catalog_forget(cat, cat->tables[i]);
	free(cat->tables);
	free(cat);
}

static void
catalog_fit(struct catalog *cat, uint32_t index)
{
	uint32_t size = cat->size ? cat->size : 64;

	if (index < cat->size)
		return;
	while (size <= index)
		size *= 2;
	cat->tables = xrealloc(cat->tables, size * sizeof(struct table *));
	memset(cat->tables + cat->size, 0, (size - cat->size) * sizeof(struct table *));
	cat->size = size;
}

enum rc
catalog_learn(struct catalog *cat, struct cursor relation, struct table **tbl, struct err *e)
{
	struct cursor body = relation;
	struct table *known;
	uint32_t      index = 0;

	*tbl = NULL;
	if (index_read(&body, &index, e) != RC_OK)
		return RC_ERR;
	known = catalog_table(cat, index);
	if (known && known->hash == body_hash(&body))
	{
		*tbl = known;
		return RC_OK;
	}
	if (table_read(relation, tbl, e) != RC_OK)
		return RC_ERR;
	if (known && known->relid == (*tbl)->relid)
		(*tbl)->version = known->version + 1;
	catalog_forget(cat, known);
	catalog_fit(cat, index);
	cat->tables[index] = *tbl;
	return RC_OK;
}

struct table *
catalog_table(const struct catalog *cat, uint32_t index)
{
	return index < cat->size ? cat->tables[index] : NULL;
}
