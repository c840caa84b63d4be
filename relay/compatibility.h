/*
 * compatibility.h
 *		Pure: how two Avro schemas differ, and which compatibility level forbids that.
 *
 * The rules are those of Avro's schema resolution, which registries apply: a
 * reader finds each of its fields in what was written, or has a default for
 * it, and types only widen.  It explains a refusal, it does not decide one.
 * Called by reply.c and registry.c.
 */
#ifndef RELAY_COMPATIBILITY_H
#define RELAY_COMPATIBILITY_H

#include <stdbool.h>

#include "buf.h"

/* Bits: what two schemas break. */
enum breach
{
	BREACH_BACKWARD = 1, /* our schema cannot read what theirs wrote */
	BREACH_FORWARD = 2   /* their schema cannot read what ours writes */
};

/*
 * Appends a sentence for each difference, those that the level forbids first;
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
