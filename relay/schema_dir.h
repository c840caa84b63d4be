/*
 * schema_dir.h
 *		A folder of schemas: where they go when there is no registry.
 *
 * Readers of Avro single-object encoding find a schema by its fingerprint:
 * <folder>/<fingerprint, 16 hex digits>.avsc.  Called by registry.c only.
 */
#ifndef RELAY_SCHEMA_DIR_H
#define RELAY_SCHEMA_DIR_H

#include <stdint.h>

#include "err.h"

/* Makes the folder if it is missing.  RC_ERR E2007: TRANSIENT for a full disk, else CONFIG. */
enum rc schema_dir_open(const char *dir, struct err *e) MUST_CHECK;

/*
 * Adds a schema that is not there yet.  The file is complete and on disk, or
 * not there at all, whatever happens meanwhile.  RC_ERR E2007 as above.
 */
enum rc schema_dir_add(const char *dir, uint64_t fingerprint, const char *schema,
					   struct err *e) MUST_CHECK;

#endif /* RELAY_SCHEMA_DIR_H */
