/*
 * oid_set.c
 *		A set of oids; see oid_set.h.
 */
#include "oid_set.h"

#include <inttypes.h>
#include <stdlib.h>

#define RANGE_MAX 1000000 /* oids that a text may name with one range */

void
oid_set_free(struct oid_set *set)
{
	free(set->oids);
	*set = (struct oid_set){0};
}

/* How many are smaller. */
static uint32_t
oid_place(const struct oid_set *set, uint32_t oid)
{
	uint32_t first = 0;
	uint32_t end = set->count;

	while (first < end)
	{
		uint32_t middle = first + (end - first) / 2;

		if (set->oids[middle] < oid)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

bool
oid_set_has(const struct oid_set *set, uint32_t oid)
{
	uint32_t place = oid_place(set, oid);

	return place < set->count && set->oids[place] == oid;
}

void
oid_set_add(struct oid_set *set, uint32_t oid)
{
	uint32_t place = oid_place(set, oid);

	if (place < set->count && set->oids[place] == oid)
		return;
	if (set->count == set->max)
	{
		set->max = set->max ? set->max * 2 : 16;
		set->oids = xrealloc(set->oids, set->max * sizeof(*set->oids));
	}
	memmove(set->oids + place + 1, set->oids + place, (set->count - place) * sizeof(*set->oids));
	set->oids[place] = oid;
	set->count++;
}

void
oid_set_write(const struct oid_set *set, struct buf *out)
{
	uint32_t first = 0;

	while (first < set->count)
	{
		uint32_t last = first;

		while (last + 1 < set->count && set->oids[last + 1] == set->oids[last] + 1)
			last++;
		buf_printf(out, "%s%" PRIu32, first > 0 ? "," : "", set->oids[first]);
		if (last > first)
			buf_printf(out, "-%" PRIu32, set->oids[last]);
		first = last + 1;
	}
}

/* A number, and *text behind it. */
static bool
oid_take(const char **text, uint32_t *oid)
{
	const char *start = *text;
	uint64_t    value = 0;

	for (; **text >= '0' && **text <= '9' && value <= UINT32_MAX; (*text)++)
		value = value * 10 + (uint64_t) (**text - '0');
	*oid = (uint32_t) value;
	return *text > start && value <= UINT32_MAX;
}

bool
oid_set_read(struct oid_set *set, const char *text)
{
	bool good = true;

	oid_set_free(set);
	while (*text && good)
	{
		uint32_t first;
		uint32_t last;

		good = oid_take(&text, &first);
		last = first;
		if (good && *text == '-')
		{
			text++;
			good = oid_take(&text, &last);
		}
		good = good && last >= first && last - first < RANGE_MAX;
		for (uint64_t oid = first; good && oid <= last; oid++)
			oid_set_add(set, (uint32_t) oid);
		if (good && *text == ',')
			good = *++text != '\0';
		else if (good)
			good = *text == '\0';
	}
	if (!good)
		oid_set_free(set);
	return good;
}
