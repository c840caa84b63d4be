/*
 * chronicle.h
 *		Pure: which description each table had, from which position on.
 *
 * A stream begins again at the last confirmed position, and what was told of
 * tables behind it is told again, the same.  So for each table the description
 * as of the confirmed position is kept, and every later one; beginning again
 * is chronicle_rewind().  Descriptions are Avro (schema_change.h), which is
 * small and compared by its bytes.  Called by schema_topic.c and history.c.
 */
#ifndef RELAY_CHRONICLE_H
#define RELAY_CHRONICLE_H

#include <stdbool.h>
#include <stdint.h>

#include "cursor.h"

/* Tables that have lost their name to another one and are still known. */
#define CHRONICLE_NAMELESS_MAX 1000

/* A table as it was described from a position on. */
struct version
{
	uint64_t commit_lsn; /* of the transaction that brought it; 0: before all that come */
	uint64_t lsn;
	/*
	 * 0: it is certain.  Else it is what a change told of from before itself, and
	 * older changes may be lost: this is the commit_lsn of that change, and below
	 * its commit time.
	 */
	uint64_t        until;
	int64_t         until_us;
	uint32_t        relid;
	char           *schema;
	char           *name;
	struct str      avro;
	struct version *older;
};

struct chronicle;

struct chronicle *chronicle_new(void);
void              chronicle_free(struct chronicle *chr);

/* The newest version of a table; NULL: it is not known. */
const struct version *chronicle_table(const struct chronicle *chr, uint32_t relid);

/* The newest version of the table that has this name; NULL: none has it. */
const struct version *chronicle_holder(const struct chronicle *chr, const char *schema,
									   const char *name);

/*
 * A table has this description from here on; all is copied.  confirmed:
 * versions that have a newer one before it are forgotten.
 */
void chronicle_put(struct chronicle *chr, const struct version *version, uint64_t confirmed);

/* Forgets what came at or behind the position from which the stream comes again. */
void chronicle_rewind(struct chronicle *chr, uint64_t start);

uint32_t chronicle_count(const struct chronicle *chr); /* tables */

#endif /* RELAY_CHRONICLE_H */
