/*
 * simulate.c
 *		simulate FIRST COUNT [MODE]: runs the simulated world with so many seeds.
 *		MODE: 0 without a progress topic, 1 at least once, 2 exactly once.
 *
 * Prints progress to stderr, the seeds that fail, the last events of the first of
 * them, and "N passed, N failed" last.  Called by t/sim/campaign and t/sim/mutants.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

#define FAILURES_SHOWN 5
#define PROGRESS_SEEDS 100000

int
main(int argc, char **argv)
{
	uint64_t      first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t      count = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
	int           mode = argc > 3 ? atoi(argv[3]) : -1;
	uint64_t      failed = 0, steps = 0, faults = 0, messages = 0;
	struct world *w = world_new();

	for (uint64_t n = 1; n <= count; n++)
	{
		uint64_t seed = first + n - 1;
		bool     held = world_run(w, seed, mode, false);

		steps += w->steps;
		faults += w->had_faults;
		messages += w->pg.nmessages;
		if (!held && ++failed <= FAILURES_SHOWN)
		{
			printf("seed %" PRIu64 ": %s\n", seed, w->breach);
			if (failed == 1)
				world_run(w, seed, mode, true);
		}
		if (n % PROGRESS_SEEDS == 0)
			fprintf(stderr,
					"%" PRIu64 " of %" PRIu64 " seeds from %" PRIu64 " on, %" PRIu64 " failed\n", n,
					count, first, failed);
	}
	world_free(w);
	printf("%" PRIu64 " steps, %" PRIu64 " faults, %" PRIu64 " messages\n", steps, faults,
		   messages);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", count - failed, failed);
	return failed > 0;
}
