/*
 * description.h
 *		Pure: what the schema-change topic says of a table, and how two such
 *		descriptions differ.
 *
 * Everything is text in UTF-8, and types go by their names: a type that was
 * recreated with another oid is no change.  schema_change.c writes descriptions
 * and reads them back; the strings are in the arena of whoever made them.
 */
#ifndef RELAY_DESCRIPTION_H
#define RELAY_DESCRIPTION_H

#include "arena.h"
#include "catalog.h"
#include "text.h"

struct column_description
{
	const char  *name;
	uint32_t     attnum;
	const char  *type;         /* as psql shows it: "numeric(10,2)", "public.mood[]" */
	const char  *base_type;    /* below all domains; NULL: it is no domain */
	const char  *element_type; /* NULL: it is no array */
	bool         not_null;
	const char  *default_text; /* expression; NULL: none */
	bool         generated;    /* GENERATED ALWAYS AS ... STORED */
	bool         identity;     /* GENERATED ... AS IDENTITY */
	bool         is_enum;      /* it, or its elements */
	uint32_t     nlabels;
	const char **labels; /* in sort order */
};

struct description
{
	uint32_t     relid;
	const char  *schema;
	const char  *name;
	const char  *kind;     /* "table", "partitioned_table" */
	const char  *key_kind; /* "none", "primary", "unique" */
	uint32_t     nkey;
	const char **key;              /* names of columns, in the index's order */
	const char  *replica_identity; /* "default", "index", "full", "nothing"; NULL: a
									  partitioned table has none of its own */
	uint32_t                   nidentity;
	const char               **identity; /* columns by which the server logs old rows */
	uint32_t                   ncolumns;
	struct column_description *columns; /* in order of attnum */
};

/*
 * A table as it was announced.  Of one that is described by its partitioned
 * root, what its partitions have each of their own is left out: the replica
 * identity, and generated columns that are there only for it.  generated: all
 * generated columns are captured (generated.columns = include).
 */
struct description *description_new(const struct table *tbl, bool generated, struct text *text,
									struct arena *arena);

/* One difference.  What does not apply is NULL, or 0. */
struct difference
{
	const char *kind;   /* see description.c */
	const char *column; /* its name after the change; of one that was dropped, before */
	uint32_t    attnum;
	const char *before; /* what changed, as text for people */
	const char *after;
};

struct differences
{
	struct arena      *arena; /* the texts' */
	struct difference *items; /* freed by differences_free() */
	uint32_t           count;
	uint32_t           cap;
};

/*
 * How after differs from before; NULL: nothing was known of the table.  At
 * least one item if the two say anything different.  The items borrow from
 * both.
 */
void description_diff(const struct description *before, const struct description *after,
					  struct differences *diffs);
void differences_free(struct differences *diffs);

#endif /* RELAY_DESCRIPTION_H */
