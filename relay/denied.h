/*
 * denied.h
 *		Pure: tables whose rows the role may not read, or not all, and the statements that
 *		mend it: E1240.
 *
 * Called by snapshot_table.c and check_tables.c.
 */
#ifndef RELAY_DENIED_H
#define RELAY_DENIED_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"

/* Names are borrowed for as long as the list lives. */
struct denied_table
{
	const char *schema; /* as SQL is to have it */
	const char *name;
	const char *shown;    /* schema.table, UTF-8 */
	bool        readable; /* but row security hides rows */
};

/* Zeros before the first. */
struct denied
{
	unsigned    count;
	struct buf  unreadable; /* as people write them */
	struct buf  hidden;
	struct buf  schemas; /* of the first, as SQL has them */
	struct buf  tables;
	const char *schema; /* the last of them */
};

/* Of many, only the first are named. */
void denied_add(struct denied *denied, const struct denied_table *table);
void denied_free(struct denied *denied);

/* Statements to paste: GRANT, ALTER ROLE, or both, in the encoding of the names; the caller frees it. */
char *denied_remedy(const struct denied *denied, const char *role);
/* RC_ERR E1240.  remedy: in UTF-8. */
enum rc denied_error(const struct denied *denied, const char *role, const char *remedy,
					 struct err *e);

#endif /* RELAY_DENIED_H */
