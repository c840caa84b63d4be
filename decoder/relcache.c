/*
 * relcache.c
 *		Keeps what is known about each relation of the stream, and forgets it when
 *		the server says so.  What is known is built by relation.c.
 *
 * Invalidation callbacks cannot be unregistered and may fire while an entry is
 * being built, so they only mark.  They find the cache through one static
 * pointer, which is cleared when the cache's memory goes.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "relcache.h"
#include "session.h"

/* Above this many relations the cache starts anew. */
#define RELATIONS_MAX 10000

/*
 * Relid to entry.  A simplehash, whose buckets are small and side by side: where
 * each change is of another relation, finding it is a good part of the work.
 */
struct bucket
{
	Oid			relid;
	char		status;			/* simplehash's */
	struct relation *rel;
};

#define SH_PREFIX buckets
#define SH_ELEMENT_TYPE struct bucket
#define SH_KEY_TYPE Oid
#define SH_KEY relid
#define SH_HASH_KEY(table, key) murmurhash32(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct relcache
{
	struct session *session;
	MemoryContext context;		/* entries and hash; reset to forget all */
	buckets_hash *entries;
	struct relation *last;		/* looked up last; rows come in runs */
	int			count;
	int			capacity;
	struct relation **list;		/* by wire index */
	MemoryContextCallback reset;
};

static struct relcache *active;

static void
relcache_forget_all(struct relcache *cache)
{
	/* An ERROR below must not leave pointers for the callbacks to follow. */
	cache->entries = NULL;
	cache->last = NULL;
	cache->count = 0;
	cache->list = NULL;
	MemoryContextReset(cache->context);
	cache->entries = buckets_create(cache->context, 128, NULL);
	cache->capacity = 64;
	cache->list = MemoryContextAlloc(cache->context,
									 cache->capacity * sizeof(struct relation *));
}

static bool
relation_has_ancestor(const struct relation *rel, Oid relid)
{
	int			i;

	for (i = 0; i < rel->nancestors; i++)
	{
		if (rel->ancestors[i] == relid)
			return true;
	}
	return false;
}

static bool
relation_depends_on(const struct relation *rel, Oid relid)
{
	int			i;

	for (i = 0; i < rel->nrelated; i++)
	{
		if (rel->related[i] == relid)
			return true;
	}
	return false;
}

/* A relation of ours, or something that one of ours depends on. */
static void
relation_invalidated(Datum arg, Oid relid)
{
	int			i;

	if (active == NULL || active->entries == NULL)
		return;
	if (OidIsValid(relid) && !active->session->options.publish_via_root)
	{
		struct bucket *bucket = buckets_lookup(active->entries, relid);

		if (bucket != NULL)
		{
			bucket->rel->valid = false;
			return;
		}
	}
	for (i = 0; i < active->count; i++)
	{
		struct relation *rel = active->list[i];

		if (!OidIsValid(relid) || rel->relid == relid || relation_has_ancestor(rel, relid) ||
			relation_depends_on(rel, relid))
			rel->valid = false;
	}
}

/*
 * A type or function: ALTER TYPE, ALTER DOMAIN and ALTER FUNCTION do not invalidate
 * the tables that use it.  A type's hash may be a function's, too: built for nothing.
 */
static void
object_invalidated(Datum arg, SysCacheId cacheid, uint32 hash)
{
	int			i;
	int			j;

	for (i = 0; active != NULL && i < active->count; i++)
	{
		struct relation *rel = active->list[i];

		for (j = 0; j < rel->nhashes; j++)
		{
			if (hash == 0 || rel->hashes[j] == hash)
				rel->valid = false;
		}
	}
}

/* A label of some enum; the hash does not tell which enum's. */
static void
enum_invalidated(Datum arg, SysCacheId cacheid, uint32 hash)
{
	int			i;

	for (i = 0; active != NULL && i < active->count; i++)
	{
		if (active->list[i]->has_enum)
			active->list[i]->valid = false;
	}
}

/* A schema: ALTER SCHEMA RENAME invalidates none of its tables.  Rare. */
static void
schema_invalidated(Datum arg, SysCacheId cacheid, uint32 hash)
{
	int			i;

	for (i = 0; active != NULL && i < active->count; i++)
		active->list[i]->valid = false;
}

/* The server has room for 64 callbacks a backend, and no way to take one back. */
static void
callbacks_register(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterRelcacheCallback(relation_invalidated, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, object_invalidated, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, object_invalidated, (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, enum_invalidated, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, schema_invalidated, (Datum) 0);
	registered = true;
}

/* The cache's memory goes, at shutdown or after an ERROR. */
static void
relcache_gone(void *arg)
{
	if (active == arg)
		active = NULL;
}

struct relcache *
relcache_new(struct session *session)
{
	struct relcache *cache = MemoryContextAllocZero(session->context, sizeof(struct relcache));

	cache->session = session;
	cache->context = AllocSetContextCreate(session->context, "walrelay relations",
										   ALLOCSET_DEFAULT_SIZES);
	relcache_forget_all(cache);
	cache->reset.func = relcache_gone;
	cache->reset.arg = cache;
	MemoryContextRegisterResetCallback(session->context, &cache->reset);
	callbacks_register();
	active = cache;
	return cache;
}

void
relcache_trim(struct relcache *cache)
{
	if (cache->count > RELATIONS_MAX)
		relcache_forget_all(cache);
}

static struct relation *
relcache_enter(struct relcache *cache, Oid relid)
{
	struct bucket *bucket = buckets_lookup(cache->entries, relid);
	struct relation *rel;
	bool		found;

	if (bucket != NULL)
		return bucket->rel;
	rel = MemoryContextAllocZero(cache->context, sizeof(struct relation));
	rel->relid = relid;
	rel->index = cache->count;
	rel->context = AllocSetContextCreate(cache->context, "walrelay relation",
										 ALLOCSET_SMALL_SIZES);
	if (cache->count == cache->capacity)
	{
		cache->capacity *= 2;
		cache->list = repalloc(cache->list, cache->capacity * sizeof(struct relation *));
	}
	buckets_insert(cache->entries, relid, &found)->rel = rel;
	cache->list[cache->count++] = rel;
	return rel;
}

struct relation *
relcache_find(const struct relcache *cache, Oid relid)
{
	struct bucket *bucket = buckets_lookup(cache->entries, relid);

	return bucket != NULL && bucket->rel->valid ? bucket->rel : NULL;
}

struct relation *
relcache_lookup(struct relcache *cache, Relation physical)
{
	Oid			relid = RelationGetRelid(physical);
	struct relation *rel = cache->last;

	if (likely(rel != NULL && rel->relid == relid && rel->valid))
		return rel;
	rel = relcache_enter(cache, relid);
	if (!rel->valid)
		relation_build(rel, physical, &cache->session->options);
	relation_prefetch(rel);
	cache->last = rel;
	return rel;
}
