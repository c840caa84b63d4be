/*
 * relation.h
 *		What is known about one relation: whether it is wanted, how it is
 *		described to the client, and the plan by which its rows are written.
 *		Built from the historic catalog, at the position of the change that needs
 *		it.  Rows look nothing up anywhere else.
 */
#ifndef WALRELAY_RELATION_H
#define WALRELAY_RELATION_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/rel.h"

#include "wire.h"

struct options;

/* How a Datum becomes its wire form; see datum.c. */
enum method
{
	METHOD_FIXED,				/* from the Datum itself */
	METHOD_RAW,					/* varlena: its payload */
	METHOD_XML,					/* the same, if it needs no rewriting */
	METHOD_NAME,				/* type name: a C string */
	METHOD_ENUM,				/* label's place, by oid */
	METHOD_ARRAY,				/* element by element */
	METHOD_OUTPUT				/* type's output function */
};

/*
 * How values of one type are written: those of a column, or the elements of an
 * array.  Rows read all of these of their relation, which lie side by side, and
 * next to nothing else: small, because what the caches of a processor do not hold
 * costs more than all that is done with it.
 */
struct how
{
	uint8		method;			/* enum method */
	uint8		form;			/* enum wire_form */
	int16		length;			/* typlen: -1 for a varlena, -2 for a C string */
	uint16		att;			/* of a column: place in the physical tuple, from 0 */
	uint16		place;			/* of a column: among the relation's */
	struct how_else *rest;		/* may be shared with other columns */
};

struct type_name
{
	Oid			oid;			/* InvalidOid: there is none */
	const char *schema;
	const char *name;
};

/* One label of an enum.  Lists of these are sorted by oid. */
struct enum_place
{
	Oid			oid;			/* what a Datum of the type holds */
	uint32		place;			/* among the labels, in sort order */
};

/* What only some values need. */
struct how_else
{
	Oid			base_oid;		/* type at the bottom of the domain chain */
	int			nplaces;		/* METHOD_ENUM: labels */
	struct enum_place *places;
	struct element *element;	/* of an array; else NULL */
	FmgrInfo	output;			/* type's output function */
};

/* Elements of arrays of one type: how they are written, and how they lie there. */
struct element
{
	struct how	how;
	struct type_name type;		/* as the array's type declares it */
	Oid			base_oid;		/* of a type that is a domain, else InvalidOid */
	bool		by_value;
	char		alignment;		/* typalign */
	char		delimiter;		/* between elements in the array's text */
};

/* One attribute of the physical tuple: what it takes to find the next one. */
struct attribute
{
	int16		length;			/* attlen */
	uint8		alignment;		/* in bytes */
	bool		by_value;
};

/* Description of a column. */
struct column
{
	AttrNumber	attnum;
	uint16		flags;			/* WIRE_COLUMN_* */
	struct how *how;			/* in the relation's list */
	const char *name;
	struct type_name type;
	int32		typmod;
	struct type_name base;		/* of a domain */
	int32		base_typmod;
	int			nlabels;		/* of an enum, or of an array's elements */
	const char **labels;		/* in sort order */
	const char *default_text;	/* NULL: none */
};

/*
 * One relation.  Where publish-via-root applies, the description is the
 * root's, with the replica identity of the partition that the rows are from.
 * What rows need comes first.
 */
struct relation
{
	Oid			relid;			/* of the table whose rows these are; hash key */
	uint32		index;			/* wire index */
	bool		valid;			/* false: build again before use */
	bool		announced;		/* RELATION record written for this state */
	bool		wanted;			/* nothing below is set unless it is */
	char		identity;		/* 'd', 'i', 'f', 'n' */
	uint16		ncolumns;
	uint16		nidentity;
	uint16		nattributes;	/* of the physical tuple, dropped ones too */
	struct how *hows;			/* of the columns, in their order */
	struct attribute *attributes;	/* right behind those */
	struct how *identity_hows;	/* copies of those with WIRE_COLUMN_IDENTITY, in
								 * the same order; nidentity of them */

	MemoryContext context;		/* of all that hangs here */
	Oid			root;			/* relid to describe: the root's or the table's own */
	int			nancestors;		/* of a partition, with publish-via-root */
	Oid		   *ancestors;
	const char *schema;
	const char *name;
	char		relkind;		/* 'r', 'p' */
	struct column *columns;
	enum wire_key key_kind;
	int			nkey;
	int		   *key;			/* places among the columns, in the index's order */
	int		   *identity_key;	/* the same for the replica identity */
	int			nrelated;
	Oid		   *related;		/* unique indexes, of which the key's is chosen, and
								 * what defaults name: sequences */
	int			nhashes;
	uint32	   *hashes;			/* syscache hashes of the user's types and functions
								 * in use */
	bool		has_enum;
};

/*
 * Read everything about the column's type, of which typmod is set.  "as_text":
 * values are wanted as the type's output function prints them.
 */
extern void column_read_type(struct relation *rel, struct column *column, Oid type, bool as_text);

/*
 * Have the processor fetch what the rows of a relation need, all of it at once,
 * when they are of another relation than the rows before.
 */
static inline void
relation_prefetch(const struct relation *rel)
{
	const char *end = (const char *) (rel->attributes + rel->nattributes);
	const char *line;

	for (line = (const char *) rel->hows; line < end; line += PG_CACHE_LINE_SIZE / 2)
		__builtin_prefetch(line);
}

/* A copy of the string that lives as long as the entry. */
extern const char *keep_string(struct relation *rel, const char *string);

/* The description names that type, a change of which does not invalidate the table. */
extern void depend_on_type(struct relation *rel, Oid type);

/*
 * Build or rebuild an entry, of which relid, index and context are set.
 * Leaves garbage in the current memory context, the change's scratch.
 */
extern void relation_build(struct relation *rel, Relation physical, const struct options *options);

/*
 * Whether there is, at this position, a relation of that oid whose changes the
 * server would stream, wanted or not.  Leaves nothing in the server's caches.
 */
extern bool relation_is_streamed(Oid relid);

/* Do not keep a relation in the server's cache, unless somebody has it open. */
extern void relation_forget(Oid relid);

#endif							/* WALRELAY_RELATION_H */
