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

/* How a column's Datum becomes its wire form; see datum.c. */
enum method
{
	METHOD_FIXED,				/* from the Datum itself */
	METHOD_RAW,					/* varlena: its payload */
	METHOD_XML,					/* the same, if it needs no rewriting */
	METHOD_NAME,				/* type name: a C string */
	METHOD_ENUM,				/* label's place, by oid */
	METHOD_OUTPUT				/* type's output function */
};

struct type_name
{
	Oid			oid;			/* InvalidOid: there is none */
	const char *schema;
	const char *name;
};

/* One label of an enum.  Arrays of these are sorted by oid. */
struct enum_place
{
	Oid			oid;			/* what a Datum of the type holds */
	uint32		place;			/* among the labels, in sort order */
};

struct column
{
	/* the plan: what a row needs */
	int			att;			/* place in the physical tuple, from 0 */
	uint8		method;			/* enum method */
	uint8		form;			/* enum wire_form */
	uint16		flags;			/* WIRE_COLUMN_* */
	bool		varlena;
	Oid			base_oid;		/* type at the bottom of the domain chain */
	FmgrInfo	output;			/* type's output function */
	int			nlabels;
	const char **labels;		/* in sort order */
	struct enum_place *places;	/* as many; NULL unless form is ENUM */

	/* the description */
	AttrNumber	attnum;
	const char *name;
	struct type_name type;
	int32		typmod;
	struct type_name base;		/* of a domain */
	int32		base_typmod;
	struct type_name element;	/* of an array, or of a domain over one */
	Oid			element_base_oid;	/* of an element that is a domain */
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
	int			ntype_hashes;
	uint32	   *type_hashes;	/* syscache hashes of the user's types in use */
	bool		has_enum;
};

/*
 * Build or rebuild an entry, of which relid, index and context are set.
 * Leaves garbage in the current memory context, the change's scratch.
 */
extern void relation_build(struct relation *rel, Relation physical, const struct options *options);

#endif							/* WALRELAY_RELATION_H */
