/*
 * tid_set.c
 *		Ranges of ctids, sorted, merged; see tid_set.h.
 */
#include "tid_set.h"

#include <inttypes.h>
#include <stdlib.h>

void
tid_set_free(struct tid_set *set)
{
	free(set->ranges);
	*set = (struct tid_set){0};
}

/* Number of ranges that end before at. */
static uint32_t
tid_set_before(const struct tid_set *set, tid at)
{
	uint32_t low = 0;
	uint32_t high = set->count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (set->ranges[middle].end < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
tid_set_add(struct tid_set *set, struct tid_range range)
{
	uint32_t first = tid_set_before(set, range.from);
	uint32_t last = first; /* behind those that it touches */

	if (range.from >= range.end)
		return;
	while (last < set->count && set->ranges[last].from <= range.end)
	{
		if (set->ranges[last].from < range.from)
			range.from = set->ranges[last].from;
		if (set->ranges[last].end > range.end)
			range.end = set->ranges[last].end;
		last++;
	}
	if (set->count == set->max)
	{
		set->max = set->max ? set->max * 2 : 4;
		set->ranges = xrealloc(set->ranges, set->max * sizeof(*set->ranges));
	}
	memmove(set->ranges + first + 1, set->ranges + last,
			(set->count - last) * sizeof(*set->ranges));
	set->ranges[first] = range;
	set->count = set->count - (last - first) + 1;
}

bool
tid_set_gap(const struct tid_set *set, tid from, struct tid_range *gap)
{
	uint32_t i = tid_set_before(set, from);

	if (i < set->count && set->ranges[i].end == from)
		i++; /* it ends where we begin */
	if (i < set->count && set->ranges[i].from <= from)
		from = set->ranges[i++].end;
	if (from == TID_END)
		return false;
	*gap = (struct tid_range){.from = from, .end = i < set->count ? set->ranges[i].from : TID_END};
	return true;
}

/* --- text ------------------------------------------------------------------ */

static void
tid_put(tid at, struct buf *out)
{
	buf_printf(out, "%" PRIu64 ",%u", at >> 16, (unsigned) (at & 0xffff));
}

void
tid_put_sql(tid at, struct buf *sql)
{
	buf_put_u8(sql, '(');
	tid_put(at, sql);
	buf_put_u8(sql, ')');
}

void
tid_set_write(const struct tid_set *set, struct buf *out)
{
	for (uint32_t i = 0; i < set->count; i++)
	{
		if (i > 0)
			buf_put_u8(out, ' ');
		tid_put(set->ranges[i].from, out);
		buf_put_u8(out, '-');
		if (set->ranges[i].end != TID_END)
			tid_put(set->ranges[i].end, out);
	}
}

/* Digits up to max, and what follows them. */
static bool
number_read(struct str *text, uint64_t max, char behind, uint64_t *number)
{
	size_t digits = 0;

	*number = 0;
	while (digits < text->len && text->data[digits] >= '0' && text->data[digits] <= '9')
	{
		*number = *number * 10 + (uint64_t) (text->data[digits++] - '0');
		if (*number > max)
			return false;
	}
	text->data += digits;
	text->len -= digits;
	if (digits == 0 || (behind && (text->len == 0 || *text->data != behind)))
		return false;
	text->data += behind != 0;
	text->len -= behind != 0;
	return true;
}

static bool
tid_read(struct str *text, char behind, tid *at)
{
	uint64_t block;
	uint64_t offset;

	/* The end of a range may be behind the last block. */
	if (!number_read(text, UINT64_C(1) << 32, ',', &block) ||
		!number_read(text, UINT16_MAX, behind, &offset))
		return false;
	*at = block << 16 | offset;
	return true;
}

bool
tid_set_read(struct tid_set *set, struct str text)
{
	while (text.len > 0)
	{
		struct tid_range range = {.end = TID_END};

		if (!tid_read(&text, '-', &range.from))
			return false;
		if (text.len > 0 && *text.data != ' ' && !tid_read(&text, 0, &range.end))
			return false;
		if (range.from >= range.end)
			return false;
		if (text.len > 0 && *text.data != ' ')
			return false;
		text.data += text.len > 0;
		text.len -= text.len > 0;
		tid_set_add(set, range);
	}
	return true;
}
