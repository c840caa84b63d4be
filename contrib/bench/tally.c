/*
 * tally.c
 *		Finds the rows of a workload in the bytes that came out; see tally.h.
 *		It must never accept a row twice.
 */
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARKER_DIGITS 9

long
tally_marker(const char *body, size_t len, size_t *pos)
{
	const char *end = body + len;
	const char *at = body + *pos;

	while (at < end && (at = memchr(at, '#', (size_t) (end - at))) != NULL)
	{
		long number = 0;
		int  digits = 0;

		at++;
		while (digits < MARKER_DIGITS && at + digits < end && at[digits] >= '0' &&
			   at[digits] <= '9')
			number = number * 10 + (at[digits++] - '0');
		if (digits == MARKER_DIGITS && at + digits < end && at[digits] == '#')
		{
			*pos = (size_t) (at + digits + 1 - body);
			return number;
		}
	}
	*pos = len;
	return -1;
}

void
tally_init(struct tally *tally, long wanted)
{
	memset(tally, 0, sizeof(*tally));
	tally->wanted = wanted;
	tally->seen = calloc((size_t) wanted + 1, 1);
	if (tally->seen == NULL)
		abort();
}

void
tally_add(struct tally *tally, const char *body, size_t len)
{
	size_t pos = 0;
	long   number;

	tally->messages++;
	tally->bytes += (long long) len;
	while (tally->wanted > 0 && (number = tally_marker(body, len, &pos)) >= 0)
	{
		if (number < 1 || number > tally->wanted)
		{
			tally->strange++;
			continue;
		}
		if (tally->seen[number])
			tally->repeated++;
		else
			tally->rows++;
		if (number < tally->last)
			tally->misordered++;
		tally->seen[number] = 1;
		tally->last = number;
	}
}

void
tally_finish(struct tally *tally)
{
	printf("{\"messages\": %ld, \"bytes\": %lld, \"rows\": %ld, "
		   "\"repeated\": %ld, \"misordered\": %ld, \"strange\": %ld}\n",
		   tally->messages, tally->bytes, tally->rows, tally->repeated, tally->misordered,
		   tally->strange);
	free(tally->seen);
}
