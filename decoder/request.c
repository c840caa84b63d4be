/*
 * request.c
 *		Reads the relay's own logical messages: which they are, and what they ask
 *		for; wire.h has their form.  Looks at nothing but the bytes, and never
 *		raises an ERROR for them: it would come back with every attempt to decode.
 *		Called by plugin.c.
 */
#include "postgres.h"

#include "lib/qunique.h"
#include "utils/builtins.h"

#include "request.h"
#include "wire.h"

bool
message_is_request(bool transactional, const char *prefix)
{
	return transactional && strcmp(prefix, WIRE_REQUEST_PREFIX) == 0;
}

static const char *
blanks_skip(const char *next, const char *end)
{
	while (next < end && *next == ' ')
		next++;
	return next;
}

static const char *
word_skip(const char *next, const char *end)
{
	const char *blank = memchr(next, ' ', end - next);

	return blank != NULL ? blank : end;
}

/* The word at *next as an oid, and *next behind it; false if it is none. */
static bool
oid_read(const char **next, const char *end, Oid *oid)
{
	const char *word = *next;
	uint64		value = 0;

	for (; *next < end && **next != ' '; (*next)++)
	{
		if (**next < '0' || **next > '9')
			return false;
		value = value * 10 + (**next - '0');
		if (value > PG_UINT32_MAX)
			return false;
	}
	*oid = (Oid) value;
	return *next > word;
}

int
request_read_oids(const char *content, Size size, Oid **oids)
{
	const Size	length = strlen(WIRE_REQUEST_DESCRIBE);
	const char *end = content + size;
	const char *next;
	int			count = 0;

	*oids = NULL;
	if (size < length || memcmp(content, WIRE_REQUEST_DESCRIBE, length) != 0)
		return 0;
	next = word_skip(blanks_skip(content + length, end), end);	/* the nonce is its sender's */
	*oids = palloc(Min((Size) (end - next) / 2 + 1, WIRE_REQUEST_OIDS_MAX) * sizeof(Oid));
	while (count < WIRE_REQUEST_OIDS_MAX)
	{
		next = blanks_skip(next, end);
		if (!oid_read(&next, end, &(*oids)[count]))
			break;
		count++;
	}
	qsort(*oids, count, sizeof(Oid), oid_cmp);
	return qunique(*oids, count, sizeof(Oid), oid_cmp);
}
