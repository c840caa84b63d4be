/*
 * catalog.h
 *		Pure: the tables of a stream, as its relation records describe them.
 *
 * A description is never changed: a relation record that says something new
 * makes a new struct table in the same place, one that repeats what is known
 * changes nothing.  Strings are C strings in UTF-8-or-whatever-the-server-has;
 * everything of one table lies in its arena.
 */
#ifndef RELAY_CATALOG_H
#define RELAY_CATALOG_H

#include "arena.h"
#include "cursor.h"
#include "err.h"

struct type_name
{
	uint32_t	oid;
	int32_t		typmod;
	const char *schema;
	const char *name;
};

struct column
{
	const char		*name;
	uint16_t		 attnum;
	uint16_t		 flags; /* WIRE_COLUMN_* */
	enum wire_form	 form;
	struct type_name type;		  /* as declared */
	struct type_name base;		  /* below all domains; = type if it is none */
	struct type_name element;	  /* arrays: declared element type */
	uint32_t		 element_base; /* oid below the element's domain, or 0 */
	enum wire_form	 element_form; /* arrays */
	char			 delimiter;	   /* arrays: between elements in the text */
	/* What hello tells of the texts of values, not the table's description; 0 from catalog.c. */
	uint8_t			 money_digits;	   /* behind the point */
	bool			 finite_intervals; /* none is infinite, whatever its parts */
	const char		*default_text; /* NULL: none */
	const char	   **labels;	   /* enums (and arrays of them), sort order */
	uint32_t		 nlabels;
};

struct table
{
	uint32_t	   index; /* in the stream */
	uint32_t	   relid;
	uint32_t	   partition; /* its rows are of that one, and relid is the root's; 0: they are of relid */
	char		   identity; /* 'd' 'i' 'f' 'n' */
	char		   relkind;
	const char	  *schema;
	const char	  *name;
	uint32_t	   ncolumns;
	struct column *columns;
	enum wire_key  key_kind;
	uint32_t	   nkey;
	uint32_t	  *key; /* places in columns, index order */
	uint32_t	   nidentity;
	uint32_t	  *identity_key; /* places in columns, index order; none for FULL */
	uint64_t	   hash;		 /* of the whole description */
	uint32_t	   version;		 /* 1 for the first description seen, then 2, ... */
	void		  *user;		 /* whoever uses the catalog hangs its own here */
	struct arena  *arena;
};

struct catalog;

/* forget is called with each table that goes away, before it does. */
struct catalog *catalog_new(void (*forget)(struct table *tbl, void *arg), void *arg);
void			catalog_free(struct catalog *cat);

/* Takes a relation record in.  *tbl is the table it names, new or known. */
enum rc catalog_learn(struct catalog *cat, struct cursor relation, struct table **tbl,
					  struct err *e) MUST_CHECK;

/* The table of an index; NULL if none was announced. */
struct table *catalog_table(const struct catalog *cat, uint32_t index);

/* For tests and schema code: parses one relation body into a fresh table. */
enum rc table_read(struct cursor relation, struct table **tbl, struct err *e) MUST_CHECK;
void	table_free(struct table *tbl);

#endif /* RELAY_CATALOG_H */
