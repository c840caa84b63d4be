/*
 * table_counts.c
 *		A hash of names; see table_counts.h.
 */
#include "table_counts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "buf.h"

const char *const table_op_names[NTABLE_OPS] = {
	[TABLE_OP_INSERT] = "insert", [TABLE_OP_UPDATE] = "update", [TABLE_OP_DELETE] = "delete",
	[TABLE_OP_TRUNCATE] = "truncate", [TABLE_OP_READ] = "read"};

struct entry
{
	struct table_count count; /* first: what is given out */
	UT_hash_handle     hh;
};

struct table_counts
{
	struct entry       *by_name; /* in the order in which they were added */
	struct entry       *last;
	struct table_count  others;
};

struct table_counts *
table_counts_new(void)
{
	struct table_counts *counts = xcalloc(1, sizeof(*counts));

	counts->others.table = xstrdup(TABLE_COUNTS_OTHER);
	return counts;
}

void
table_counts_free(struct table_counts *counts)
{
	struct entry *entry, *next;

	if (counts == NULL)
		return;
	HASH_ITER(hh, counts->by_name, entry, next)
	{
		HASH_DEL(counts->by_name, entry);
		free(entry->count.table);
		free(entry->count.topic);
		free(entry);
	}
	free(counts->others.table);
	free(counts);
}

struct table_count *
table_counts_of(struct table_counts *counts, const char *table, const char *topic)
{
	struct entry *entry;
	bool          full = HASH_COUNT(counts->by_name) >= TABLE_COUNTS_MAX;

	HASH_FIND_STR(counts->by_name, table, entry);
	if (entry)
		return &entry->count;
	if (full)
	{
		counts->last->count.next = &counts->others;
		return &counts->others;
	}
	entry = xcalloc(1, sizeof(*entry));
	entry->count.table = xstrdup(table);
	entry->count.topic = xstrdup(topic);
	HASH_ADD_KEYPTR(hh, counts->by_name, entry->count.table, strlen(table), entry);
	if (counts->last)
		counts->last->count.next = &entry->count;
	counts->last = entry;
	return &entry->count;
}

const struct table_count *
table_counts_list(const struct table_counts *counts)
{
	return counts->by_name ? &counts->by_name->count : NULL;
}
