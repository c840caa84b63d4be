/*
 * poison.c
 *		A short list, looked through only in transactions that it names; see poison.h.
 */
#include "poison.h"

#include <stdlib.h>

#include "buf.h"

struct poisoned
{
	uint64_t   tag;
	uint64_t   place;
	struct err why;
};

struct poison
{
	struct poisoned *list;
	unsigned         count;
	unsigned         cap;
};

struct poison *
poison_new(void)
{
	return xcalloc(1, sizeof(struct poison));
}

void
poison_free(struct poison *poison)
{
	if (poison == NULL)
		return;
	free(poison->list);
	free(poison);
}

bool
poison_add(struct poison *poison, uint64_t tag, uint64_t place, const struct err *why)
{
	if (poison->count == POISON_MAX || poison_find(poison, tag, place))
		return false;
	if (poison->count == poison->cap)
	{
		poison->cap = poison->cap ? poison->cap * 2 : 4;
		poison->list = xrealloc(poison->list, poison->cap * sizeof(*poison->list));
	}
	poison->list[poison->count++] = (struct poisoned){.tag = tag, .place = place, .why = *why};
	return true;
}

bool
poison_has(const struct poison *poison, uint64_t tag)
{
	for (unsigned i = 0; i < poison->count; i++)
		if (poison->list[i].tag == tag)
			return true;
	return false;
}

const struct err *
poison_find(const struct poison *poison, uint64_t tag, uint64_t place)
{
	for (unsigned i = 0; i < poison->count; i++)
		if (poison->list[i].tag == tag && poison->list[i].place == place)
			return &poison->list[i].why;
	return NULL;
}

void
poison_forget(struct poison *poison, uint64_t lsn)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < poison->count; i++)
		if (poison->list[i].tag >= lsn)
			poison->list[kept++] = poison->list[i];
	poison->count = kept;
}
