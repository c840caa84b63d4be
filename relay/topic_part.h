/*
 * topic_part.h
 *		From where on somebody wants to read a topic, and how they write that.
 */
#ifndef RELAY_TOPIC_PART_H
#define RELAY_TOPIC_PART_H

#include <stdbool.h>
#include <stdint.h>

enum topic_from
{
	FROM_BEGINNING,
	FROM_END,
	FROM_OFFSET, /* number; where the partition begins or ends, if it has no such offset */
	FROM_LAST,   /* so many records of each partition, number */
	FROM_TIME    /* the first record that is not older than number: milliseconds since the epoch */
};

#define FROM_LAST_MAX 1000000

struct topic_part
{
	enum topic_from from;
	int64_t         number;
	bool            one; /* only this partition: */
	int32_t         partition;
	bool            follows; /* what comes behind the end, too, for ever */
};

/*
 * As kcat has it: "beginning", "end", an offset, -N for the last N, @ and milliseconds; or a time
 * as ISO 8601 has it, in UTC unless it says otherwise.  False: it is none of these.
 */
bool topic_from_parse(const char *text, struct topic_part *part);

#endif /* RELAY_TOPIC_PART_H */
