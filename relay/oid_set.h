/*
 * oid_set.h
 *		Pure: a set of oids, small as text where they lie close together.
 */
#ifndef RELAY_OID_SET_H
#define RELAY_OID_SET_H

#include <stdbool.h>

#include "buf.h"

/* Zeroed: empty.  oids: ascending, each once. */
struct oid_set
{
	uint32_t *oids;
	uint32_t  count;
	uint32_t  max;
};

void oid_set_free(struct oid_set *set); /* it is empty then */
bool oid_set_has(const struct oid_set *set, uint32_t oid);
void oid_set_add(struct oid_set *set, uint32_t oid);

/* "16391-16395,16400". */
void oid_set_write(const struct oid_set *set, struct buf *out);
/* The same back, in place of what set has.  False: it is none, and set is empty. */
bool oid_set_read(struct oid_set *set, const char *text);

#endif /* RELAY_OID_SET_H */
