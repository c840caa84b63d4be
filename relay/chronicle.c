/*
 * chronicle.c
 *		Versions of tables, by oid and by name; see chronicle.h.
 *
 * The oid says which table it is.  A name belongs to the table that got it
 * last; one that lost its name this way is kept for a while, because it may
 * come again under a new name: two tables that exchange their names are two
 * renamed tables.
 */
#include "chronicle.h"

#include <stdlib.h>

#include "buf.h"

#include <uthash.h>

struct entry
{
	uint32_t        relid;
	struct version *newest;
	UT_hash_handle  hh;
};

/* A name, as schema, NUL, table, and who has it. */
struct holder
{
	char          *name;
	size_t         len;
	struct entry  *entry;
	UT_hash_handle hh;
};

struct chronicle
{
	struct entry  *entries;
	struct holder *holders;
};

struct chronicle *
chronicle_new(void)
{
	return xcalloc(1, sizeof(struct chronicle));
}

static struct version *
version_new(const struct version *from)
{
	struct version *version = xmalloc(sizeof(*version));

	*version = *from;
	version->schema = xstrdup(from->schema);
	version->name = xstrdup(from->name);
	version->avro.data = memcpy(xmalloc(from->avro.len + 1), from->avro.data, from->avro.len);
	version->older = NULL;
	return version;
}

/* Frees it and all older ones. */
static void
versions_free(struct version *version)
{
	while (version)
	{
		struct version *older = version->older;

		free(version->schema);
		free(version->name);
		free((char *) version->avro.data);
		free(version);
		version = older;
	}
}

/* --- names ------------------------------------------------------------------- */

static char *
name_key(const char *schema, const char *name, size_t *len)
{
	size_t schema_size = strlen(schema) + 1;
	size_t name_len = strlen(name);
	char  *key = xmalloc(schema_size + name_len);

	memcpy(key, schema, schema_size);
	memcpy(key + schema_size, name, name_len);
	*len = schema_size + name_len;
	return key;
}

static struct holder *
holder_find(const struct chronicle *chr, const char *schema, const char *name)
{
	struct holder *holder;
	size_t         len;
	char          *key = name_key(schema, name, &len);

	HASH_FIND(hh, chr->holders, key, len, holder);
	free(key);
	return holder;
}

static void
holder_remove(struct chronicle *chr, struct holder *holder)
{
	HASH_DEL(chr->holders, holder);
	free(holder->name);
	free(holder);
}

/* The name is this table's, whose ever it was. */
static void
name_take(struct chronicle *chr, struct entry *entry)
{
	const struct version *newest = entry->newest;
	struct holder        *holder = holder_find(chr, newest->schema, newest->name);

	if (holder == NULL)
	{
		holder = xcalloc(1, sizeof(*holder));
		holder->name = name_key(newest->schema, newest->name, &holder->len);
		HASH_ADD_KEYPTR(hh, chr->holders, holder->name, holder->len, holder);
	}
	holder->entry = entry;
}

/* Before the table gets another name, or goes. */
static void
name_leave(struct chronicle *chr, const struct entry *entry)
{
	struct holder *holder = holder_find(chr, entry->newest->schema, entry->newest->name);

	if (holder && holder->entry == entry)
		holder_remove(chr, holder);
}

static bool
has_name(const struct chronicle *chr, const struct entry *entry)
{
	const struct holder *holder = holder_find(chr, entry->newest->schema, entry->newest->name);

	return holder && holder->entry == entry;
}

/* --- tables ------------------------------------------------------------------- */

static struct entry *
entry_find(const struct chronicle *chr, uint32_t relid)
{
	struct entry *entry;

	HASH_FIND(hh, chr->entries, &relid, sizeof(relid), entry);
	return entry;
}

static void
entry_free(struct chronicle *chr, struct entry *entry)
{
	HASH_DEL(chr->entries, entry);
	versions_free(entry->newest);
	free(entry);
}

void
chronicle_free(struct chronicle *chr)
{
	struct entry  *entry;
	struct entry  *next_entry;
	struct holder *holder;
	struct holder *next_holder;

	if (chr == NULL)
		return;
	HASH_ITER(hh, chr->holders, holder, next_holder)
		holder_remove(chr, holder);
	HASH_ITER(hh, chr->entries, entry, next_entry)
		entry_free(chr, entry);
	free(chr);
}

const struct version *
chronicle_table(const struct chronicle *chr, uint32_t relid)
{
	const struct entry *entry = entry_find(chr, relid);

	return entry ? entry->newest : NULL;
}

const struct version *
chronicle_holder(const struct chronicle *chr, const char *schema, const char *name)
{
	const struct holder *holder = holder_find(chr, schema, name);

	return holder ? holder->entry->newest : NULL;
}

uint32_t
chronicle_count(const struct chronicle *chr)
{
	return HASH_COUNT(chr->entries);
}

/* The oldest first: entries are listed in the order in which they came. */
static void
forget_nameless(struct chronicle *chr)
{
	uint32_t      nameless = HASH_COUNT(chr->entries) - HASH_COUNT(chr->holders);
	struct entry *entry;
	struct entry *next;

	if (nameless <= CHRONICLE_NAMELESS_MAX)
		return;
	/* Half of them, so that this is rare. */
	nameless -= CHRONICLE_NAMELESS_MAX / 2;
	HASH_ITER(hh, chr->entries, entry, next)
	{
		if (nameless == 0)
			break;
		if (has_name(chr, entry))
			continue;
		entry_free(chr, entry);
		nameless--;
	}
}

static bool
is_newer(const struct version *a, const struct version *b)
{
	return a->commit_lsn != b->commit_lsn ? a->commit_lsn > b->commit_lsn : a->lsn > b->lsn;
}

/* What has a newer one before confirmed is never asked for again. */
static void
versions_trim(struct version *version, uint64_t confirmed)
{
	while (version && version->commit_lsn >= confirmed)
		version = version->older;
	if (version)
	{
		versions_free(version->older);
		version->older = NULL;
	}
}

void
chronicle_put(struct chronicle *chr, const struct version *version, uint64_t confirmed)
{
	struct entry   *entry = entry_find(chr, version->relid);
	struct version *fresh = version_new(version);

	if (entry == NULL)
	{
		entry = xcalloc(1, sizeof(*entry));
		entry->relid = version->relid;
		HASH_ADD(hh, chr->entries, relid, sizeof(entry->relid), entry);
	}
	else
		name_leave(chr, entry);
	fresh->older = entry->newest;
	entry->newest = fresh;
	versions_trim(fresh, confirmed);
	name_take(chr, entry);
	forget_nameless(chr);
}

/* Who has a name now: of those that bear it the one that got its description last. */
static void
names_renew(struct chronicle *chr)
{
	struct holder *holder;
	struct holder *next_holder;
	struct entry  *entry;
	struct entry  *next;

	HASH_ITER(hh, chr->holders, holder, next_holder)
		holder_remove(chr, holder);
	HASH_ITER(hh, chr->entries, entry, next)
	{
		holder = holder_find(chr, entry->newest->schema, entry->newest->name);
		if (holder == NULL || is_newer(entry->newest, holder->entry->newest))
			name_take(chr, entry);
	}
}

void
chronicle_rewind(struct chronicle *chr, uint64_t start)
{
	struct entry *entry;
	struct entry *next;

	HASH_ITER(hh, chr->entries, entry, next)
	{
		while (entry->newest && entry->newest->commit_lsn >= start)
		{
			struct version *newest = entry->newest;

			entry->newest = newest->older;
			newest->older = NULL;
			versions_free(newest);
		}
		if (entry->newest)
			continue;
		HASH_DEL(chr->entries, entry);
		free(entry);
	}
	names_renew(chr);
	forget_nameless(chr);
}
