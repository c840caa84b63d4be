/* test_chunk_plan.c: tables of all kinds in pieces: every row once, no piece larger than memory likes. */
#include "unit.h"

#include "chunk_plan.h"

#define BLOCKS_MAX 3000
#define TOO_LARGE 100000 /* bytes of a chunk that is given back */

static const struct chunk_limits limits = {.rows = 1000, .bytes = 20000};

struct row
{
	tid		 at;
	uint32_t bytes;
	bool	 newer;
	int		 read;
};

struct world
{
	struct row *rows;
	uint32_t	nrows;
	uint64_t	blocks;
	unsigned	largest; /* rows in a chunk that was finished */
};

static void
world_make(struct world *world, uint64_t blocks, unsigned rows_a_block, uint32_t bytes)
{
	*world = (struct world){.blocks = blocks};
	world->rows = xcalloc(blocks * rows_a_block + 1, sizeof(*world->rows));
	for (uint32_t block = 0; block < blocks; block++)
		for (unsigned offset = 1; offset <= rows_a_block; offset++)
			if (rand() % 10 > 0)
				world->rows[world->nrows++] =
					(struct row){.at = tid_of(block, (uint16_t) offset),
								 .bytes = rand() % 500 == 0 ? bytes * 100 : bytes,
								 .newer = rand() % 20 == 0};
}

/* What a chunk has; true: not too large, or it cannot be smaller. */
static bool
world_read(const struct world *world, const struct chunk *chunk, uint64_t *rows, uint64_t *bytes)
{
	*rows = *bytes = 0;
	for (uint32_t i = 0; i < world->nrows; i++)
		if (world->rows[i].at >= chunk->range.from && world->rows[i].at < chunk->range.end &&
			(!chunk->again || world->rows[i].newer))
		{
			++*rows;
			*bytes += world->rows[i].bytes;
		}
	return *bytes <= TOO_LARGE || chunk_is_smallest(chunk);
}

static void
world_finish(struct world *world, const struct chunk *chunk)
{
	for (uint32_t i = 0; i < world->nrows; i++)
		if (world->rows[i].at >= chunk->range.from && world->rows[i].at < chunk->range.end &&
			(!chunk->again || world->rows[i].newer))
			world->rows[i].read++;
}

/* A round with up to four readers, some of whose connections break; stops after so many chunks. */
static void
round_run(struct world *world, struct chunk_plan *plan, struct tid_set *done, int chunks)
{
	struct chunk reading[4];
	unsigned	 nreading = 0;

	chunk_plan_begin(plan, done);
	while (!chunk_plan_is_over(plan) && chunks != 0)
	{
		struct chunk chunk;
		unsigned	 i;
		uint64_t	 rows;
		uint64_t	 bytes;

		while (nreading < 4 && chunk_plan_next(plan, &limits, &chunk))
		{
			assert_true(chunk.range.from < chunk.range.end);
			reading[nreading++] = chunk;
		}
		assert_true(nreading > 0);
		i = (unsigned) rand() % nreading;
		chunk = reading[i];
		reading[i] = reading[--nreading];
		if (!world_read(world, &chunk, &rows, &bytes))
			chunk_plan_return(plan, &chunk, true);
		else if (rand() % 10 == 0)
			chunk_plan_return(plan, &chunk, false);
		else
		{
			world_finish(world, &chunk);
			if (!chunk.again)
				tid_set_add(done, chunk.range);
			chunk_plan_finish(plan, &chunk, rows, bytes, world->blocks);
			chunks--;
		}
	}
}

static void
test_every_row_once(void **state)
{
	(void) state;
	srand(11);
	for (int round = 0; round < 60; round++)
	{
		struct world	  world;
		struct chunk_plan plan = {0};
		struct tid_set	  done = {0};

		world_make(&world, (uint64_t) (rand() % 200), 1 + (unsigned) rand() % 60,
				   1 + (uint32_t) rand() % 300);
		round_run(&world, &plan, &done, -1);
		for (uint32_t i = 0; i < world.nrows; i++)
			assert_int_equal(world.rows[i].read, 1);
		chunk_plan_free(&plan);
		tid_set_free(&done);
		free(world.rows);
	}
}

/* What is newer comes again where it was read before, all else once. */
static void
test_rounds(void **state)
{
	(void) state;
	srand(12);
	for (int round = 0; round < 60; round++)
	{
		struct world	  world;
		struct chunk_plan plan = {0};
		struct tid_set	  done = {0};
		int				 *before;

		world_make(&world, (uint64_t) (rand() % 200), 1 + (unsigned) rand() % 60,
				   1 + (uint32_t) rand() % 300);
		round_run(&world, &plan, &done, 1 + rand() % 10);
		before = xcalloc(world.nrows + 1, sizeof(*before));
		for (uint32_t i = 0; i < world.nrows; i++)
			before[i] = world.rows[i].read;
		round_run(&world, &plan, &done, -1);
		for (uint32_t i = 0; i < world.nrows; i++)
			assert_int_equal(world.rows[i].read, before[i] ? 1 + world.rows[i].newer : 1);
		free(before);
		chunk_plan_free(&plan);
		tid_set_free(&done);
		free(world.rows);
	}
}

/* Rows of a usual size come in chunks of about what is asked for. */
static void
test_size(void **state)
{
	struct chunk_plan plan = {0};
	struct tid_set	  done = {0};
	struct chunk	  chunk;
	unsigned		  chunks = 0;

	(void) state;
	chunk_plan_begin(&plan, &done);
	while (chunk_plan_next(&plan, &limits, &chunk))
	{
		uint64_t blocks = (chunk.range.end - chunk.range.from) >> 16;

		if (chunks++ > 3 && chunk.range.end >> 16 < BLOCKS_MAX)
			assert_int_equal(blocks, 20);
		chunk_plan_finish(&plan, &chunk, blocks * 50, blocks * 500, BLOCKS_MAX);
	}
	assert_true(chunk_plan_is_over(&plan));
	assert_true(chunks > 100 && chunks < 160);
	chunk_plan_free(&plan);
}

static void
test_empty(void **state)
{
	struct chunk_plan plan = {0};
	struct tid_set	  done = {0};
	struct chunk	  chunk;

	(void) state;
	chunk_plan_begin(&plan, &done);
	assert_false(chunk_plan_is_over(&plan));
	assert_true(chunk_plan_next(&plan, &limits, &chunk));
	chunk_plan_finish(&plan, &chunk, 0, 0, 0);
	assert_true(chunk_plan_is_over(&plan));
	chunk_plan_free(&plan);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_once),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
