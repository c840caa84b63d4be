/*
 * description.c
 *		Descriptions of tables and their differences; see description.h.
 *
 * The kinds of difference, which are part of what consumers filter by:
 *
 *		table_first_seen			no description was known: a new table, or one that is
 *									captured for the first time
 *		table_recreated				another table has the name now: it was dropped and created
 *									again, or replaced by renaming; columns are compared by name
 *		table_renamed				before, after: the names
 *		table_moved					before, after: the schemas.  The table was moved, or its
 *									schema renamed
 *		column_added, column_dropped	after, before: the type
 *		column_renamed				same attnum; before, after: the names
 *		column_type_changed			type, type modifier, or what a domain or array is made of
 *		column_nullability_changed	"nullable", "not null"
 *		column_default_changed		the expressions
 *		column_generated_changed	"stored" or nothing
 *		column_identity_changed		"identity" or nothing: GENERATED AS IDENTITY
 *		enum_labels_changed			all labels, in order
 *		key_changed					"PRIMARY KEY (a, b)", "UNIQUE (a)" or nothing
 *		replica_identity_changed	"default", "index (a)", "full", "nothing"
 *
 * A column may have several at once, one item for each.
 */
#include "description.h"

#include <stdlib.h>

#include "quote.h"

/* --- types as psql shows them ---------------------------------------------- */

/* Names in pg_type and what SQL calls them, where that differs. */
static const struct
{
	const char *name;
	const char *sql;
	const char *suffix; /* behind the modifier */
} sql_names[] = {
	{"bool", "boolean", ""},
	{"int2", "smallint", ""},
	{"int4", "integer", ""},
	{"int8", "bigint", ""},
	{"float4", "real", ""},
	{"float8", "double precision", ""},
	{"varchar", "character varying", ""},
	{"bpchar", "character", ""},
	{"varbit", "bit varying", ""},
	{"time", "time", " without time zone"},
	{"timetz", "time", " with time zone"},
	{"timestamp", "timestamp", " without time zone"},
	{"timestamptz", "timestamp", " with time zone"},
};

/* The bits of an interval's modifier, largest field first (PostgreSQL's timestamp.h). */
static const struct
{
	const char *name;
	int         bit;
} interval_fields[] = {{"year", 2},  {"month", 1},   {"day", 3},
					   {"hour", 10}, {"minute", 11}, {"second", 12}};

static void
put_interval_modifier(struct buf *out, int32_t typmod)
{
	const unsigned nfields = sizeof(interval_fields) / sizeof(interval_fields[0]);
	uint32_t       range = (uint32_t) typmod >> 16 & 0x7fff;
	uint32_t       precision = (uint32_t) typmod & 0xffff;
	unsigned       first = nfields;
	unsigned       last = 0;

	for (unsigned i = 0; i < nfields && range != 0x7fff; i++)
		if (range >> interval_fields[i].bit & 1)
		{
			first = first < i ? first : i;
			last = i;
		}
	if (first < nfields)
		buf_printf(out, " %s", interval_fields[first].name);
	if (first < last)
		buf_printf(out, " to %s", interval_fields[last].name);
	if (precision != 0xffff)
		buf_printf(out, "(%u)", (unsigned) precision);
}

/* What typmodout of the type prints; of types that we do not know, what it prints without one. */
static void
put_modifier(struct buf *out, const struct type_name *type, int32_t typmod)
{
	bool builtin = strcmp(type->schema, "pg_catalog") == 0;

	if (typmod < 0)
		return;
	if (builtin && strcmp(type->name, "interval") == 0)
		put_interval_modifier(out, typmod);
	else if (builtin && strcmp(type->name, "numeric") == 0)
		buf_printf(out, "(%d,%d)", (int) ((typmod - 4) >> 16 & 0xffff),
				   (int) (((typmod - 4) & 0x7ff) ^ 1024) - 1024);
	else if (builtin && (strcmp(type->name, "varchar") == 0 || strcmp(type->name, "bpchar") == 0))
		buf_printf(out, "(%d)", (int) typmod - 4);
	else
		buf_printf(out, "(%d)", (int) typmod);
}

static void
put_type(struct buf *out, const struct type_name *type, int32_t typmod)
{
	const char *sql = NULL;
	const char *suffix = "";

	if (strcmp(type->schema, "pg_catalog") != 0)
		quote_qualified(out, type->schema, type->name);
	else
	{
		for (size_t i = 0; i < sizeof(sql_names) / sizeof(sql_names[0]) && sql == NULL; i++)
			/* character without a length would be character(1) */
			if (strcmp(type->name, sql_names[i].name) == 0 &&
				(typmod >= 0 || strcmp(type->name, "bpchar") != 0))
			{
				sql = sql_names[i].sql;
				suffix = sql_names[i].suffix;
			}
		if (sql)
			buf_puts(out, sql);
		else
			buf_puts(out, strcmp(type->name, "char") == 0 ? "\"char\"" : type->name);
	}
	put_modifier(out, type, typmod);
	buf_puts(out, suffix);
}

/* --- making one ------------------------------------------------------------- */

/* Where the texts of a description go. */
struct maker
{
	struct text  *text;
	struct arena *arena;
	struct buf    scratch;
};

static const char *
keep(struct maker *maker, const char *s)
{
	struct str utf8 = text_utf8(maker->text, (struct str){s, strlen(s)});

	return arena_strndup(maker->arena, utf8.data, utf8.len);
}

static const char *
keep_type(struct maker *maker, const struct type_name *type, int32_t typmod, const char *behind)
{
	buf_reset(&maker->scratch);
	put_type(&maker->scratch, type, typmod);
	buf_puts(&maker->scratch, behind);
	return keep(maker, buf_cstr(&maker->scratch));
}

static void
column_describe(struct maker *maker, const struct column *col, struct column_description *out)
{
	bool domain = col->flags & WIRE_COLUMN_DOMAIN;
	bool array = col->flags & WIRE_COLUMN_ARRAY;

	*out = (struct column_description){
		.name = keep(maker, col->name),
		.attnum = col->attnum,
		.not_null = col->flags & (WIRE_COLUMN_NOT_NULL | WIRE_COLUMN_DOMAIN_NOT_NULL),
		.default_text = col->default_text ? keep(maker, col->default_text) : NULL,
		.generated = col->flags & WIRE_COLUMN_GENERATED,
		.identity = col->flags & WIRE_COLUMN_AUTO,
		.is_enum = col->flags & WIRE_COLUMN_ENUM,
		.nlabels = col->nlabels,
	};
	/* An array's modifier is that of its elements. */
	if (array)
		out->element_type = keep_type(maker, &col->element, col->base.typmod, "");
	if (domain)
		out->type = keep_type(maker, &col->type, -1, "");
	else if (!array)
		out->type = keep_type(maker, &col->type, col->type.typmod, "");
	if (array)
		*(domain ? &out->base_type : &out->type) =
			keep_type(maker, &col->element, col->base.typmod, "[]");
	else if (domain)
		out->base_type = keep_type(maker, &col->base, col->base.typmod, "");
	out->labels = arena_alloc(maker->arena, (col->nlabels + 1) * sizeof(*out->labels));
	for (uint32_t i = 0; i < col->nlabels; i++)
		out->labels[i] = keep(maker, col->labels[i]);
}

static const char **
keep_names(struct maker *maker, const struct table *tbl, const uint32_t *places, uint32_t count)
{
	const char **names = arena_alloc(maker->arena, (count + 1) * sizeof(*names));

	for (uint32_t i = 0; i < count; i++)
		names[i] = keep(maker, tbl->columns[places[i]].name);
	return names;
}

static bool
is_in_key(const struct table *tbl, uint32_t place)
{
	for (uint32_t i = 0; i < tbl->nkey; i++)
		if (tbl->key[i] == place)
			return true;
	return false;
}

static const char *
identity_word(char identity)
{
	switch (identity)
	{
		case 'd': return "default";
		case 'i': return "index";
		case 'f': return "full";
		default: return "nothing";
	}
}

static const char *
key_word(enum wire_key kind)
{
	switch (kind)
	{
		case WIRE_KEY_PRIMARY: return "primary";
		case WIRE_KEY_UNIQUE: return "unique";
		case WIRE_KEY_NONE: break;
	}
	return "none";
}

struct description *
description_new(const struct table *tbl, bool generated, struct text *text, struct arena *arena)
{
	struct maker        maker = {.text = text, .arena = arena};
	struct description *desc = arena_alloc(arena, sizeof(*desc));
	bool                root = tbl->relkind == 'p';

	desc->relid = tbl->relid;
	desc->schema = keep(&maker, tbl->schema);
	desc->name = keep(&maker, tbl->name);
	desc->kind = root ? "partitioned_table" : "table";
	desc->key_kind = key_word(tbl->key_kind);
	desc->nkey = tbl->nkey;
	desc->key = keep_names(&maker, tbl, tbl->key, tbl->nkey);
	desc->replica_identity = root ? NULL : identity_word(tbl->identity);
	desc->nidentity = root ? 0 : tbl->nidentity;
	desc->identity = keep_names(&maker, tbl, tbl->identity_key, desc->nidentity);
	desc->columns = arena_alloc(arena, (tbl->ncolumns + 1) * sizeof(*desc->columns));
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
	{
		const struct column *col = &tbl->columns[i];

		if (root && !generated && (col->flags & WIRE_COLUMN_GENERATED) && !is_in_key(tbl, i))
			continue;
		column_describe(&maker, col, &desc->columns[desc->ncolumns++]);
	}
	buf_free(&maker.scratch);
	return desc;
}

/* --- differences ------------------------------------------------------------- */

static void
add(struct differences *diffs, const char *kind, const struct column_description *col,
	const char *before, const char *after)
{
	if (diffs->count == diffs->cap)
	{
		diffs->cap = diffs->cap ? diffs->cap * 2 : 8;
		diffs->items = xrealloc(diffs->items, diffs->cap * sizeof(*diffs->items));
	}
	diffs->items[diffs->count++] = (struct difference){.kind = kind,
													   .column = col ? col->name : NULL,
													   .attnum = col ? col->attnum : 0,
													   .before = before,
													   .after = after};
}

void
differences_free(struct differences *diffs)
{
	free(diffs->items);
	*diffs = (struct differences){.arena = diffs->arena};
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
same_list(const char *const *a, uint32_t na, const char *const *b, uint32_t nb)
{
	if (na != nb)
		return false;
	for (uint32_t i = 0; i < na; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static const char *
keep_buf(struct differences *diffs, struct buf *text)
{
	const char *kept = arena_strndup(diffs->arena, (const char *) text->data, text->len);

	buf_free(text);
	return kept;
}

/* The type with what it is made of, if that is not in its name. */
static const char *
type_text(struct differences *diffs, const struct column_description *col)
{
	struct buf text = {0};

	if (col->base_type == NULL)
		return col->type;
	buf_printf(&text, "%s (%s)", col->type, col->base_type);
	return keep_buf(diffs, &text);
}

static const char *
labels_text(struct differences *diffs, const struct column_description *col)
{
	struct buf text = {0};

	if (!col->is_enum)
		return NULL;
	buf_reserve(&text, 1);
	for (uint32_t i = 0; i < col->nlabels; i++)
	{
		if (i > 0)
			buf_puts(&text, ", ");
		quote_literal(&text, col->labels[i], strlen(col->labels[i]));
	}
	return keep_buf(diffs, &text);
}

/* head, then the columns in brackets if there are any */
static const char *
list_text(struct differences *diffs, const char *head, const char *const *names, uint32_t count)
{
	struct buf text = {0};

	buf_puts(&text, head);
	for (uint32_t i = 0; i < count; i++)
	{
		buf_puts(&text, i == 0 ? " (" : ", ");
		quote_name(&text, names[i]);
	}
	if (count > 0)
		buf_puts(&text, ")");
	return keep_buf(diffs, &text);
}

static const char *
key_text(struct differences *diffs, const struct description *desc)
{
	if (strcmp(desc->key_kind, "none") == 0)
		return NULL;
	return list_text(diffs, strcmp(desc->key_kind, "primary") == 0 ? "PRIMARY KEY" : "UNIQUE",
					 desc->key, desc->nkey);
}

/* Whether the default identity is what the key makes it: then the word says all. */
static bool
identity_follows_key(const struct description *desc)
{
	if (desc->replica_identity == NULL || strcmp(desc->replica_identity, "default") != 0)
		return false;
	if (strcmp(desc->key_kind, "primary") != 0)
		return desc->nidentity == 0;
	return same_list(desc->key, desc->nkey, desc->identity, desc->nidentity);
}

/* The columns are worth naming where they do not follow from the word. */
static const char *
identity_text(struct differences *diffs, const struct description *desc)
{
	if (desc->replica_identity == NULL)
		return NULL;
	if (identity_follows_key(desc))
		return desc->replica_identity;
	/* The primary key is deferrable, which the server cannot use. */
	if (strcmp(desc->replica_identity, "default") == 0 && desc->nidentity == 0)
		return "default, without columns";
	return list_text(diffs, desc->replica_identity, desc->identity, desc->nidentity);
}

static const struct column_description *
column_find(const struct description *desc, const struct column_description *like, bool by_name)
{
	for (uint32_t i = 0; i < desc->ncolumns; i++)
	{
		const struct column_description *col = &desc->columns[i];

		if (by_name ? strcmp(col->name, like->name) == 0 : col->attnum == like->attnum)
			return col;
	}
	return NULL;
}

static void
column_diff(const struct column_description *before, const struct column_description *after,
			struct differences *diffs)
{
	bool retyped = !same(before->type, after->type) || !same(before->base_type, after->base_type) ||
				   !same(before->element_type, after->element_type);

	if (!same(before->name, after->name))
		add(diffs, "column_renamed", after, before->name, after->name);
	if (retyped)
		add(diffs, "column_type_changed", after, type_text(diffs, before), type_text(diffs, after));
	if (before->not_null != after->not_null)
		add(diffs, "column_nullability_changed", after, before->not_null ? "not null" : "nullable",
			after->not_null ? "not null" : "nullable");
	if (!same(before->default_text, after->default_text))
		add(diffs, "column_default_changed", after, before->default_text, after->default_text);
	if (before->generated != after->generated)
		add(diffs, "column_generated_changed", after, before->generated ? "stored" : NULL,
			after->generated ? "stored" : NULL);
	if (before->identity != after->identity)
		add(diffs, "column_identity_changed", after, before->identity ? "identity" : NULL,
			after->identity ? "identity" : NULL);
	/* Another type has other labels: that is said already. */
	if ((before->is_enum == after->is_enum || !retyped) &&
		(before->is_enum != after->is_enum ||
		 !same_list(before->labels, before->nlabels, after->labels, after->nlabels)))
		add(diffs, "enum_labels_changed", after, labels_text(diffs, before),
			labels_text(diffs, after));
}

/* Whether the columns of a list are still the same ones, whatever their names are now. */
static bool
same_columns(const struct description *before, const char *const *was, uint32_t nwas,
			 const struct description *after, const char *const *is, uint32_t nis, bool by_name)
{
	if (by_name || nwas != nis)
		return same_list(was, nwas, is, nis);
	for (uint32_t i = 0; i < nwas; i++)
	{
		const struct column_description *a =
			column_find(before, &(struct column_description){.name = was[i]}, true);
		const struct column_description *b =
			column_find(after, &(struct column_description){.name = is[i]}, true);

		/* One that is not described has only its name. */
		if (a && b ? a->attnum != b->attnum : strcmp(was[i], is[i]) != 0)
			return false;
	}
	return true;
}

static void
keys_diff(const struct description *before, const struct description *after, bool by_name,
		  struct differences *diffs)
{
	if (!same(before->key_kind, after->key_kind) ||
		!same_columns(before, before->key, before->nkey, after, after->key, after->nkey, by_name))
		add(diffs, "key_changed", NULL, key_text(diffs, before), key_text(diffs, after));
	/* That the default identity follows the primary key is no news. */
	if (!same(before->replica_identity, after->replica_identity) ||
		(!same_columns(before, before->identity, before->nidentity, after, after->identity,
					   after->nidentity, by_name) &&
		 !(identity_follows_key(before) && identity_follows_key(after))))
		add(diffs, "replica_identity_changed", NULL, identity_text(diffs, before),
			identity_text(diffs, after));
}

void
description_diff(const struct description *before, const struct description *after,
				 struct differences *diffs)
{
	bool by_name;

	if (before == NULL)
	{
		add(diffs, "table_first_seen", NULL, NULL, NULL);
		return;
	}
	by_name = before->relid != after->relid;
	if (by_name)
		add(diffs, "table_recreated", NULL, NULL, NULL);
	if (!same(before->name, after->name))
		add(diffs, "table_renamed", NULL, before->name, after->name);
	if (!same(before->schema, after->schema))
		add(diffs, "table_moved", NULL, before->schema, after->schema);
	for (uint32_t i = 0; i < before->ncolumns; i++)
		if (!column_find(after, &before->columns[i], by_name))
			add(diffs, "column_dropped", &before->columns[i], type_text(diffs, &before->columns[i]),
				NULL);
	for (uint32_t i = 0; i < after->ncolumns; i++)
	{
		const struct column_description *col = column_find(before, &after->columns[i], by_name);

		if (col)
			column_diff(col, &after->columns[i], diffs);
		else
			add(diffs, "column_added", &after->columns[i], NULL,
				type_text(diffs, &after->columns[i]));
	}
	keys_diff(before, after, by_name, diffs);
}
