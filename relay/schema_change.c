/*
 * schema_change.c
 *		Schemas, writing and reading of the records; see schema_change.h.
 *
 * What puts and what reads a record or a description stand together: they name
 * the same fields in the same order as the schema does.
 */
#include "schema_change.h"

#include "binary.h"

/* The first field of a value.  To be raised when the schema below is changed. */
#define LAYOUT 1

/* One field a line. */
/* clang-format off */
#define RECORD(name, fields) \
	"{\"type\":\"record\",\"name\":\"" name "\",\"namespace\":\"io.walrelay\",\"fields\":[" fields \
	"],\"connect.version\":1,\"connect.name\":\"io.walrelay." name "\"}"
#define FIELD(name, type)    "{\"name\":\"" name "\",\"type\":" type "}"
#define OPTIONAL(name, type) "{\"name\":\"" name "\",\"type\":[\"null\"," type "],\"default\":null}"
#define LIST(of)             "{\"type\":\"array\",\"items\":" of "}"
#define STRING               "\"string\""
#define LONG                 "\"long\""
#define INT                  "\"int\""
#define BOOLEAN              "\"boolean\""

static const char key_schema[] =
	RECORD("SchemaChangeKey",
		FIELD("schema", STRING) ","
		FIELD("table", STRING));

#define COLUMN \
	RECORD("Column", \
		FIELD("name", STRING) "," \
		FIELD("attnum", INT) "," \
		FIELD("type", STRING) "," \
		OPTIONAL("base_type", STRING) "," \
		OPTIONAL("element_type", STRING) "," \
		FIELD("not_null", BOOLEAN) "," \
		OPTIONAL("default", STRING) "," \
		FIELD("generated", BOOLEAN) "," \
		FIELD("identity", BOOLEAN) "," \
		OPTIONAL("labels", LIST(STRING)))

#define DESCRIPTION \
	RECORD("Description", \
		FIELD("schema", STRING) "," \
		FIELD("table", STRING) "," \
		FIELD("relid", LONG) "," \
		FIELD("kind", STRING) "," \
		FIELD("key_kind", STRING) "," \
		FIELD("key", LIST(STRING)) "," \
		OPTIONAL("replica_identity", STRING) "," \
		FIELD("replica_identity_columns", LIST(STRING)) "," \
		FIELD("columns", LIST(COLUMN)))

#define SOURCE \
	RECORD("Source", \
		FIELD("name", STRING) "," \
		FIELD("db", STRING))

#define POSITION \
	RECORD("Position", \
		FIELD("commit_lsn", LONG) "," \
		FIELD("lsn", LONG) "," \
		FIELD("txId", LONG) "," \
		FIELD("ts_us", LONG))

#define RELATION \
	RECORD("Relation", \
		FIELD("schema", STRING) "," \
		FIELD("table", STRING) "," \
		FIELD("relid", LONG))

#define CHANGE \
	RECORD("Change", \
		FIELD("kind", STRING) "," \
		OPTIONAL("column", STRING) "," \
		OPTIONAL("attnum", INT) "," \
		OPTIONAL("before", STRING) "," \
		OPTIONAL("after", STRING))

static const char value_schema[] =
	RECORD("SchemaChange",
		FIELD("layout", INT) ","
		FIELD("source", SOURCE) ","
		FIELD("position", POSITION) ","
		FIELD("relation", RELATION) ","
		FIELD("kinds", LIST(STRING)) ","
		FIELD("changes", LIST(CHANGE)) ","
		OPTIONAL("before", DESCRIPTION) ","
		FIELD("after", "\"Description\""));
/* clang-format on */

const char *
schema_change_schema(enum side side)
{
	return side == SIDE_KEY ? key_schema : value_schema;
}

/* --- pieces -------------------------------------------------------------------- */

static void
put_optional(struct buf *out, const char *s)
{
	binary_long(out, s != NULL);
	if (s)
		binary_string(out, s);
}

static void
put_list(struct buf *out, const char *const *items, uint32_t count)
{
	if (count > 0)
		binary_long(out, count);
	for (uint32_t i = 0; i < count; i++)
		binary_string(out, items[i]);
	binary_long(out, 0);
}

static struct str
read_str(struct cursor *cur)
{
	int64_t        len = cursor_sv(cur);
	const uint8_t *at = len < 0 ? NULL : cursor_bytes(cur, (uint64_t) len);

	if (at == NULL)
		cursor_fail(cur);
	return at ? (struct str){(const char *) at, (size_t) len} : (struct str){"", 0};
}

static const char *
read_string(struct cursor *cur, struct arena *arena)
{
	struct str s = read_str(cur);

	return arena_strndup(arena, s.data, s.len);
}

/* The branch of a union with null; false: it is null. */
static bool
read_branch(struct cursor *cur)
{
	int64_t branch = cursor_sv(cur);

	if (branch != 0 && branch != 1)
		cursor_fail(cur);
	return branch == 1;
}

static const char *
read_optional(struct cursor *cur, struct arena *arena)
{
	return read_branch(cur) ? read_string(cur, arena) : NULL;
}

static bool
read_boolean(struct cursor *cur)
{
	uint8_t value = cursor_u8(cur);

	if (value > 1)
		cursor_fail(cur);
	return value == 1;
}

static uint32_t
read_number(struct cursor *cur, uint32_t max)
{
	int64_t value = cursor_sv(cur);

	if (value < 0 || value > (int64_t) max)
		cursor_fail(cur);
	return cur->bad ? 0 : (uint32_t) value;
}

/* Items of an array that put_list() and its like wrote, in one block; read_end() goes behind. */
static uint32_t
read_count(struct cursor *cur)
{
	int64_t count = cursor_sv(cur);

	/* Each item takes a byte at least, and the end of the array one. */
	if (count < 0 || (uint64_t) count > cursor_left(cur))
		cursor_fail(cur);
	return cur->bad ? 0 : (uint32_t) count;
}

static void
read_end(struct cursor *cur, uint32_t count)
{
	if (count > 0 && cursor_sv(cur) != 0)
		cursor_fail(cur);
}

static const char **
read_list(struct cursor *cur, struct arena *arena, uint32_t *count)
{
	uint32_t     n = read_count(cur);
	const char **items = arena_alloc(arena, ((size_t) n + 1) * sizeof(*items));

	for (uint32_t i = 0; i < n; i++)
		items[i] = read_string(cur, arena);
	read_end(cur, n);
	*count = n;
	return items;
}

/* --- descriptions ---------------------------------------------------------------- */

static void
column_put(const struct column_description *col, struct buf *out)
{
	binary_string(out, col->name);
	binary_long(out, col->attnum);
	binary_string(out, col->type);
	put_optional(out, col->base_type);
	put_optional(out, col->element_type);
	buf_put_u8(out, col->not_null);
	put_optional(out, col->default_text);
	buf_put_u8(out, col->generated);
	buf_put_u8(out, col->identity);
	binary_long(out, col->is_enum);
	if (col->is_enum)
		put_list(out, col->labels, col->nlabels);
}

static void
column_read(struct cursor *cur, struct arena *arena, struct column_description *col)
{
	col->name = read_string(cur, arena);
	col->attnum = read_number(cur, INT16_MAX);
	col->type = read_string(cur, arena);
	col->base_type = read_optional(cur, arena);
	col->element_type = read_optional(cur, arena);
	col->not_null = read_boolean(cur);
	col->default_text = read_optional(cur, arena);
	col->generated = read_boolean(cur);
	col->identity = read_boolean(cur);
	col->is_enum = read_branch(cur);
	if (col->is_enum)
		col->labels = read_list(cur, arena, &col->nlabels);
}

void
description_put(const struct description *desc, struct buf *out)
{
	binary_string(out, desc->schema);
	binary_string(out, desc->name);
	binary_long(out, desc->relid);
	binary_string(out, desc->kind);
	binary_string(out, desc->key_kind);
	put_list(out, desc->key, desc->nkey);
	put_optional(out, desc->replica_identity);
	put_list(out, desc->identity, desc->nidentity);
	if (desc->ncolumns > 0)
		binary_long(out, desc->ncolumns);
	for (uint32_t i = 0; i < desc->ncolumns; i++)
		column_put(&desc->columns[i], out);
	binary_long(out, 0);
}

/* Reads one; *avro is what it was read from. */
static struct description *
read_description(struct cursor *cur, struct arena *arena, struct str *avro)
{
	const uint8_t      *start = cur->p;
	struct description *desc = arena_alloc(arena, sizeof(*desc));
	uint32_t            count;

	desc->schema = read_string(cur, arena);
	desc->name = read_string(cur, arena);
	desc->relid = read_number(cur, UINT32_MAX);
	desc->kind = read_string(cur, arena);
	desc->key_kind = read_string(cur, arena);
	desc->key = read_list(cur, arena, &desc->nkey);
	desc->replica_identity = read_optional(cur, arena);
	desc->identity = read_list(cur, arena, &desc->nidentity);
	count = read_count(cur);
	desc->columns = arena_alloc(arena, ((size_t) count + 1) * sizeof(*desc->columns));
	for (uint32_t i = 0; i < count && !cur->bad; i++)
		column_read(cur, arena, &desc->columns[i]);
	read_end(cur, count);
	desc->ncolumns = count;
	*avro = (struct str){(const char *) start, (size_t) (cur->p - start)};
	return desc;
}

bool
description_read(struct str avro, struct arena *arena, struct description **desc)
{
	struct cursor cur = cursor_over(avro.data, avro.len);
	struct str    span;

	*desc = read_description(&cur, arena, &span);
	return !cur.bad && cur.p == cur.end;
}

/* --- messages -------------------------------------------------------------------- */

void
schema_change_put_key(const char *schema, const char *table, struct buf *out)
{
	binary_string(out, schema);
	binary_string(out, table);
}

static void
put_kinds(const struct differences *diffs, struct buf *out)
{
	const char *kinds[32]; /* there are 15 */
	uint32_t    count = 0;

	for (uint32_t i = 0; i < diffs->count; i++)
	{
		bool listed = false;

		for (uint32_t j = 0; j < count && !listed; j++)
			listed = strcmp(kinds[j], diffs->items[i].kind) == 0;
		if (!listed && count < sizeof(kinds) / sizeof(kinds[0]))
			kinds[count++] = diffs->items[i].kind;
	}
	put_list(out, kinds, count);
}

static void
put_changes(const struct differences *diffs, struct buf *out)
{
	if (diffs->count > 0)
		binary_long(out, diffs->count);
	for (uint32_t i = 0; i < diffs->count; i++)
	{
		const struct difference *diff = &diffs->items[i];

		binary_string(out, diff->kind);
		put_optional(out, diff->column);
		binary_long(out, diff->attnum != 0);
		if (diff->attnum != 0)
			binary_long(out, diff->attnum);
		put_optional(out, diff->before);
		put_optional(out, diff->after);
	}
	binary_long(out, 0);
}

void
schema_change_put_value(const struct schema_change *chg, struct buf *out)
{
	binary_long(out, LAYOUT);
	binary_bytes(out, chg->server.data, chg->server.len);
	binary_bytes(out, chg->database.data, chg->database.len);
	binary_long(out, (int64_t) chg->position.commit_lsn);
	binary_long(out, (int64_t) chg->position.lsn);
	binary_long(out, chg->position.txid);
	binary_long(out, chg->position.commit_us);
	binary_string(out, chg->table->schema);
	binary_string(out, chg->table->name);
	binary_long(out, chg->table->relid);
	put_kinds(chg->diffs, out);
	put_changes(chg->diffs, out);
	binary_long(out, chg->before.data != NULL);
	if (chg->before.data)
		buf_put(out, chg->before.data, chg->before.len);
	buf_put(out, chg->after.data, chg->after.len);
}

/* Goes over what put_kinds() and put_changes() wrote. */
static void
skip_changes(struct cursor *cur)
{
	uint32_t count = read_count(cur);

	for (uint32_t i = 0; i < count; i++)
		read_str(cur);
	read_end(cur, count);
	count = read_count(cur);
	for (uint32_t i = 0; i < count && !cur->bad; i++)
	{
		read_str(cur);
		if (read_branch(cur))
			read_str(cur);
		if (read_branch(cur))
			cursor_sv(cur);
		for (int side = 0; side < 2; side++)
			if (read_branch(cur))
				read_str(cur);
	}
	read_end(cur, count);
}

/* Behind the framing: 0 and a registry's id, or C3 01 and a fingerprint. */
static struct cursor
unframed(struct str value)
{
	const uint8_t *at = (const uint8_t *) value.data;
	size_t         skip = 0;

	if (value.len >= 5 && at[0] == 0)
		skip = 5;
	else if (value.len >= 10 && at[0] == 0xc3 && at[1] == 1)
		skip = 10;
	/* Neither: nothing that is left can be read. */
	return skip ? cursor_over(at + skip, value.len - skip) : cursor_over(at, 0);
}

bool
schema_change_read(struct str value, struct arena *arena, struct past_change *past)
{
	struct cursor cur = unframed(value);

	*past = (struct past_change){0};
	if (read_number(&cur, UINT32_MAX) != LAYOUT)
		return false;
	read_str(&cur);
	past->database = read_str(&cur);
	past->position.commit_lsn = (uint64_t) cursor_sv(&cur);
	past->position.lsn = (uint64_t) cursor_sv(&cur);
	past->position.txid = read_number(&cur, UINT32_MAX);
	past->position.commit_us = cursor_sv(&cur);
	read_str(&cur);
	read_str(&cur);
	read_number(&cur, UINT32_MAX);
	skip_changes(&cur);
	if (read_branch(&cur))
		past->old_table = read_description(&cur, arena, &past->before);
	past->table = read_description(&cur, arena, &past->after);
	return !cur.bad && cur.p == cur.end;
}
