/*
 * compatibility.h
 *		Pure: how two Avro schemas differ, in sentences, and which level forbids that.
 *
 * It explains a refusal, it does not decide one.  Called by reply.c, registry.c and
 * schema_diff.c.
 */
#ifndef RELAY_COMPATIBILITY_H
#define RELAY_COMPATIBILITY_H

#include "buf.h"
#include "difference.h"

/*
 * Appends a sentence for each difference in fields and types, those that the level forbids first;
 * nothing if a text is no schema.  level: as registries name it, "" for one
 * that is not known.  Gives the enum breach bits of all differences.
 */
unsigned compatibility_explain(const char *theirs, const char *ours, const char *level,
							   struct buf *out);

/*
 * Whether what is written with ours is what a reader with theirs understands:
 * the same parsing canonical form, and the same logical types, connect.names
 * and scales, which that form leaves out.  If not, appends the first difference.
 */
bool compatibility_same(const char *theirs, const char *ours, struct buf *difference);

/* Appends up to max bytes of a schema from byte at on, whole characters, with dots where cut. */
void compatibility_excerpt(const char *schema, size_t at, size_t max, struct buf *out);

#endif /* RELAY_COMPATIBILITY_H */
