/*
 * cat.h
 *		`walrelay cat`: the records of a topic as lines of JSON, decoded by their schemas.
 *
 * Members are those of `kcat -J`: topic, partition, offset, tstype, ts, headers (names and values
 * in turn, left out if there are none), key_schema_id and value_schema_id (left out without a
 * registry), key, payload.  What no Avro schema says is a string; if it is no UTF-8, base64, and
 * key_base64 or payload_base64 is true.  Values go to standard output and nowhere else.
 *
 * No consumer group, no commits: whoever looks changes nothing.  Called by cli_commands.c.
 */
#ifndef RELAY_CAT_H
#define RELAY_CAT_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"
#include "topic_part.h"

struct cat_choice
{
	struct topic_part part;
	const char       *key;        /* only records of this key, as it is printed; NULL: all */
	uint64_t          limit;      /* so many at most; 0: all */
	bool              value_only; /* just what would be payload */
	bool              raw;        /* nothing is decoded */
};

/*
 * Ends at what is the end of the topic now, or never if the part follows; whoever reads out may go
 * away at any time.  RC_ERR E2002: there is no such topic or partition; E2001, E2004, E2007, E2008;
 * or as decoder_print().
 */
enum rc cat(const struct config *cfg, const char *topic, const struct cat_choice *choice, FILE *out,
			struct err *e) MUST_CHECK;

#endif /* RELAY_CAT_H */
