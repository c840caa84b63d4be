/*
 * reasons.h
 *		Pure: how often something failed, by a short name of the reason.
 *
 * The first few reasons have a count of their own, the rest is "other".
 */
#ifndef RELAY_REASONS_H
#define RELAY_REASONS_H

#include <stdint.h>
#include <string.h>

#define REASONS_MAX 16

/* Zero it before its first use. */
struct reasons
{
	unsigned count;
	struct
	{
		const char *name; /* borrowed; lives as long as the process */
		uint64_t    times;
	} of[REASONS_MAX];
};

static inline void
reasons_count(struct reasons *reasons, const char *name, uint64_t times)
{
	unsigned i = 0;

	while (i < reasons->count && strcmp(reasons->of[i].name, name) != 0)
		i++;
	if (i == REASONS_MAX)
		i--;
	else if (i == reasons->count)
		reasons->of[reasons->count++].name = i + 1 == REASONS_MAX ? "other" : name;
	reasons->of[i].times += times;
}

#endif /* RELAY_REASONS_H */
