/*
 * relcache.h
 *		The relations of the stream, by oid and by wire index.  An entry is built
 *		when a change first needs it, and again after an invalidation.
 */
#ifndef WALRELAY_RELCACHE_H
#define WALRELAY_RELCACHE_H

#include "postgres.h"

#include "utils/rel.h"

#include "relation.h"

struct session;
struct relcache;

/* Empty cache in the session's context.  Registers for invalidations. */
extern struct relcache *relcache_new(struct session *session);

/*
 * The entry of a relation that a change is about, built if need be.  Valid
 * until the cache is trimmed; inside a callback it does not change.
 */
extern struct relation *relcache_lookup(struct relcache *cache, Relation physical);

/* The entry if there is a valid one, else NULL; without opening the relation. */
extern struct relation *relcache_find(const struct relcache *cache, Oid relid);

/*
 * Keep memory bounded: forget everything if there is too much.  Indexes then
 * start anew.  Only where nobody holds an entry.
 */
extern void relcache_trim(struct relcache *cache);

#endif							/* WALRELAY_RELCACHE_H */
