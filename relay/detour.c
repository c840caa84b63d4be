/*
 * detour.c
 *		Counters in the order in which they came up; see detour.h.
 */
#include "detour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define TELL_MS 60000

struct detours
{
	struct detour *first;
	unsigned       count;
	bool           news; /* some may have something to tell */
};

struct detours *
detours_new(void)
{
	return xcalloc(1, sizeof(struct detours));
}

void
detours_free(struct detours *detours)
{
	if (detours == NULL)
		return;
	while (detours->first)
	{
		struct detour *detour = detours->first;

		detours->first = detour->next;
		free(detour->table);
		free(detour);
	}
	free(detours);
}

static struct detour *
detour_of(struct detours *detours, const char *table, enum err_code code, bool skipped)
{
	struct detour **at;

	for (at = &detours->first; *at; at = &(*at)->next)
		if ((*at)->code == code && (*at)->skipped == skipped && strcmp((*at)->table, table) == 0)
			return *at;
	if (detours->count >= DETOURS_MAX && strcmp(table, DETOUR_OTHERS) != 0)
		return detour_of(detours, DETOUR_OTHERS, code, skipped);
	*at = xcalloc(1, sizeof(**at));
	(*at)->table = xstrdup(table);
	(*at)->code = code;
	(*at)->skipped = skipped;
	detours->count++;
	return *at;
}

void
detours_count(struct detours *detours, const char *table, enum err_code code, const char *why,
			  bool skipped, const struct place *last)
{
	struct detour *detour = detour_of(detours, table, code, skipped);

	detour->messages++;
	detour->last = *last;
	snprintf(detour->why, sizeof(detour->why), "%s", why);
	detours->news = true;
}

const struct detour *
detours_list(const struct detours *detours)
{
	return detours->first;
}

static bool
has_news(const struct detour *detour)
{
	return detour->messages > detour->told;
}

static bool
is_due(const struct detour *detour, int64_t now_ms)
{
	return detour->told == 0 || now_ms - detour->told_ms >= TELL_MS;
}

const struct detour *
detours_tell(struct detours *detours, int64_t now_ms, uint64_t *fresh)
{
	bool waiting = false;

	if (!detours->news)
		return NULL;
	for (struct detour *detour = detours->first; detour; detour = detour->next)
	{
		if (!has_news(detour))
			continue;
		if (!is_due(detour, now_ms))
		{
			waiting = true;
			continue;
		}
		*fresh = detour->messages - detour->told;
		detour->told = detour->messages;
		detour->told_ms = now_ms;
		return detour;
	}
	detours->news = waiting;
	return NULL;
}
