/*
 * test_simulator.c
 *		Delivery in a simulated world that fails, by seeds; see t/sim/world.h.
 *
 * SIM_SEED=n: only this one, and its last events if it fails; SIM_SEEDS=n: so many;
 * SIM_MODE: 0 without a progress topic, 1 at least once, 2 exactly once.
 */
#include "unit.h"

#include <inttypes.h>

#include "world.h"

#define SEEDS 20000

static uint64_t
env_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void
whatever_fails_nothing_is_lost(void **state)
{
	uint64_t      first = env_number("SIM_SEED", 1);
	uint64_t      count = getenv("SIM_SEED") ? 1 : env_number("SIM_SEEDS", SEEDS);
	int           mode = getenv("SIM_MODE") ? atoi(getenv("SIM_MODE")) : -1;
	struct world *w = world_new();

	(void) state;
	for (uint64_t seed = first; seed < first + count; seed++)
	{
		if (world_run(w, seed, mode, false))
			continue;
		world_run(w, seed, mode, true);
		fail_msg("SIM_SEED=%" PRIu64 ": %s", seed, w->breach);
	}
	world_free(w);
}

/* A seed that fails is of no use unless it does so again. */
static void
seed_repeats_a_run(void **state)
{
	struct world *w = world_new();

	(void) state;
	for (uint64_t seed = 1; seed <= 50; seed++)
	{
		uint64_t steps, appended;
		int64_t  now_ms;

		assert_true(world_run(w, seed, -1, false));
		steps = w->steps;
		now_ms = w->now_ms;
		appended = w->kafka.nappended;
		assert_true(world_run(w, seed + 1000, -1, false));
		assert_true(world_run(w, seed, -1, true));
		assert_int_equal(w->steps, steps);
		assert_int_equal(w->now_ms, now_ms);
		assert_int_equal(w->kafka.nappended, appended);
	}
	world_free(w);
}

/* A world in which nothing fails, or nothing is repeated, would prove nothing. */
static void
worlds_have_faults_of_all_kinds(void **state)
{
	struct world *w = world_new();
	uint64_t      faults = 0, repeated = 0, zombies = 0, parts = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 500; seed++)
	{
		assert_true(world_run(w, seed, -1, false));
		faults += w->had_faults;
		zombies += w->kafka.nlate;
		parts += w->kafka.nparts;
		if (w->kafka.nappended > w->pg.nmessages)
			repeated += w->kafka.nappended - w->pg.nmessages;
	}
	assert_true(faults > 1000);
	assert_true(repeated > 100);
	assert_true(parts > 500);
	assert_true(zombies > 10);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seed_repeats_a_run),
		cmocka_unit_test(worlds_have_faults_of_all_kinds),
		cmocka_unit_test(whatever_fails_nothing_is_lost),
	};

	return cmocka_run_group_tests_name("simulator", tests, NULL, NULL);
}
