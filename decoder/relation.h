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

/* How values of one type are written: those of a column, or the elements of an array. */
struct how
{
	uint8		method;			/* enum method */
	uint8		form;			/* enum wire_form */
	bool		varlena;
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
	int16		length;			/* typlen */
	bool		by_value;
	char		alignment;		/* typalign */
	char		delimiter;		/* between elements in the array's text */
};

struct column
{
	/* the plan: what a row needs */
	int			att;			/* place in the physical tuple, from 0 */
	uint16		flags;			/* WIRE_COLUMN_* */
	struct how	how;

	/* the description */
	AttrNumber	attnum;
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
 */
struct relation
{
	Oid			relid;			/* of the table whose rows these are; hash key */
	uint32		index;			/* wire index */
	bool		valid;			/* false: build again before use */
	bool		announced;		/* RELATION record written for this state */
	bool		wanted;			/* nothing below is set unless it is */
	MemoryContext context;		/* of all that hangs here */
	Oid			root;			/* relid to describe: the root's or the table's own */
	int			nancestors;		/* of a partition, with publish-via-root */
	Oid		   *ancestors;
	const char *schema;
	const char *name;
	char		identity;		/* 'd', 'i', 'f', 'n' */
	char		relkind;		/* 'r', 'p' */
	int			ncolumns;
	struct column *columns;
	const struct column **all_columns;	/* pointers to each of them */
	const struct column **identity_columns; /* those with WIRE_COLUMN_IDENTITY, in
											 * column order; nidentity of them */
	enum wire_key key_kind;
	int			nkey;
	int		   *key;			/* places among the columns, in the index's order */
	int			nidentity;
	int		   *identity_key;	/* the same for the replica identity */
	int			nindexes;
	Oid		   *indexes;		/* unique ones, of which the key's is chosen */
	int			ntype_hashes;
	uint32	   *type_hashes;	/* syscache hashes of the user's types in use */
	bool		has_enum;
};

/*
 * Read everything about the column's type, of which typmod is set.  "as_text":
 * values are wanted as the type's output function prints them.
 */
extern void column_read_type(struct relation *rel, struct column *column, Oid type, bool as_text);

/* A copy of the string that lives as long as the entry. */
extern const char *keep_string(struct relation *rel, const char *string);

/*
 * Build or rebuild an entry, of which relid, index and context are set.
 * Leaves garbage in the current memory context, the change's scratch.
 */
extern void relation_build(struct relation *rel, Relation physical, const struct options *options);

#endif							/* WALRELAY_RELATION_H */
