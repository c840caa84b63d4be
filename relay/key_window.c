/*
 * key_window.c
 *		Keys by their last change: a hash table whose entries are a list, too, in that
 *		order; see key_window.h.
 */
#include "key_window.h"

#include <stdlib.h>

#include "buf.h"
#include "fnv1a.h"

#define FIRST_BUCKETS 64

struct key_entry
{
	struct key_entry *chain; /* in its bucket */
	struct key_entry *older;
	struct key_entry *newer;
	uint64_t          hash;
	uint64_t          place; /* of its last change */
	size_t            len;
	uint8_t           key[];
};

/* --- entries --------------------------------------------------------------------------- */

static size_t
entry_bytes(size_t len)
{
	return sizeof(struct key_entry) + len;
}

/* Where the pointer to it is, or would be. */
static struct key_entry **
entry_find(const struct key_log *log, uint64_t hash, struct str key)
{
	struct key_entry **at = &log->buckets[hash & (log->nbuckets - 1)];

	while (*at && !((*at)->hash == hash && (*at)->len == key.len &&
					(key.len == 0 || memcmp((*at)->key, key.data, key.len) == 0)))
		at = &(*at)->chain;
	return at;
}

static void
list_leave(struct key_log *log, struct key_entry *entry)
{
	*(entry->older ? &entry->older->newer : &log->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &log->newest) = entry->older;
}

static void
list_join(struct key_log *log, struct key_entry *entry)
{
	entry->older = log->newest;
	entry->newer = NULL;
	*(log->newest ? &log->newest->newer : &log->oldest) = entry;
	log->newest = entry;
}

/* Twice as many buckets, once there are as many keys. */
static void
buckets_grow(struct key_log *log)
{
	size_t nbuckets = log->nbuckets ? log->nbuckets * 2 : FIRST_BUCKETS;

	if (log->nkeys < log->nbuckets)
		return;
	free(log->buckets);
	log->buckets = xcalloc(nbuckets, sizeof(*log->buckets));
	log->bytes += (nbuckets - log->nbuckets) * sizeof(*log->buckets);
	log->nbuckets = nbuckets;
	for (struct key_entry *entry = log->oldest; entry; entry = entry->newer)
	{
		struct key_entry **bucket = &log->buckets[entry->hash & (nbuckets - 1)];

		entry->chain = *bucket;
		*bucket = entry;
	}
}

/* All keys go, and the buckets with them. */
static void
keys_free(struct key_log *log)
{
	while (log->oldest)
	{
		struct key_entry *newer = log->oldest->newer;

		free(log->oldest);
		log->oldest = newer;
	}
	free(log->buckets);
	log->buckets = NULL;
	log->newest = NULL;
	log->bytes = log->nbuckets = log->nkeys = 0;
}

/* Keys that no window needs go. */
static void
keys_drop(struct key_log *log)
{
	uint64_t needed = log->nopen > 0 ? log->open[0] : log->next;

	while (log->oldest && log->oldest->place < needed)
	{
		struct key_entry  *entry = log->oldest;
		struct str         key = {(const char *) entry->key, entry->len};
		struct key_entry **at = entry_find(log, entry->hash, key);

		*at = entry->chain;
		list_leave(log, entry);
		log->bytes -= entry_bytes(entry->len);
		log->nkeys--;
		free(entry);
	}
	if (log->nkeys == 0)
		keys_free(log);
}

void
key_log_free(struct key_log *log)
{
	keys_free(log);
	free(log->open);
	*log = (struct key_log){0};
}

/* --- changes --------------------------------------------------------------------------- */

void
key_log_break(struct key_log *log)
{
	keys_free(log);
	log->next++; /* one that is opened now has another place */
	log->whole = log->next;
}

void
key_log_add(struct key_log *log, struct str key)
{
	struct key_entry  *entry;
	struct key_entry **at;
	uint64_t           hash;

	if (log->nopen == 0 || key_window_is_broken(log, log->open[log->nopen - 1]))
		return;
	buckets_grow(log);
	hash = fnv1a_bytes(FNV1A_START, key.data, key.len);
	at = entry_find(log, hash, key);
	entry = *at;
	if (entry)
		list_leave(log, entry);
	else
	{
		*at = entry = xmalloc(entry_bytes(key.len));
		*entry = (struct key_entry){.hash = hash, .len = key.len};
		if (key.len > 0)
			memcpy(entry->key, key.data, key.len);
		log->bytes += entry_bytes(key.len);
		log->nkeys++;
	}
	entry->place = log->next++;
	list_join(log, entry);
	if (log->bytes > log->max_bytes)
		key_log_break(log);
}

/* --- windows --------------------------------------------------------------------------- */

uint64_t
key_window_open(struct key_log *log)
{
	if (log->nopen == log->max_open)
	{
		log->max_open = log->max_open ? log->max_open * 2 : 8;
		log->open = xrealloc(log->open, log->max_open * sizeof(*log->open));
	}
	log->open[log->nopen++] = log->next;
	return log->next;
}

/* Windows of one place are one as good as the other. */
void
key_window_close(struct key_log *log, uint64_t window)
{
	uint32_t i = 0;

	while (i < log->nopen && log->open[i] != window)
		i++;
	if (i == log->nopen)
		return;
	log->nopen--;
	memmove(log->open + i, log->open + i + 1, (log->nopen - i) * sizeof(*log->open));
	keys_drop(log);
}

bool
key_window_has(const struct key_log *log, uint64_t window, struct str key)
{
	const struct key_entry *entry;

	if (log->nkeys == 0)
		return false;
	entry = *entry_find(log, fnv1a_bytes(FNV1A_START, key.data, key.len), key);
	return entry && entry->place >= window;
}
