/*
 * receive.c
 *		Reads a slot up to a position, counts what arrives and checks that every
 *		row of the workload is in it.  Prints one JSON object.
 *
 *		receive CONNINFO SLOT ENDPOS ROWS [OPTION=VALUE ...]
 *
 * ROWS 0 skips the check (the plugin that writes nothing).  Called by drain,
 * outside the timed runs, so that a contender cannot win by leaving rows out.
 */
#include "stream.h"
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	struct stream         stream;
	struct stream_message message;
	struct tally          tally;
	unsigned int          high, low;
	uint64_t              endpos;

	if (argc < 5 || sscanf(argv[3], "%X/%X", &high, &low) != 2)
	{
		fprintf(stderr, "usage: receive CONNINFO SLOT ENDPOS ROWS [OPTION=VALUE ...]\n");
		return 2;
	}
	endpos = (uint64_t) high << 32 | low;
	tally_init(&tally, atol(argv[4]));

	/* A server that has sent everything says so by a keepalive. */
	stream_open(&stream, argv[1], argv[2], argv + 5, argc - 5);
	do
	{
		stream_next(&stream, &message);
		if (!message.keepalive)
			tally_add(&tally, message.body, message.len);
	} while (!message.keepalive || message.lsn < endpos);
	stream_close(&stream);

	tally_finish(&tally);
	return 0;
}
