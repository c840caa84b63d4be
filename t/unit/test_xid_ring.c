/* test_xid_ring.c: what was streamed before a mark, against a list of everything. */
#include "unit.h"

#include "xid_ring.h"

static int
setup(void **state)
{
	*state = calloc(1, sizeof(struct xid_ring));
	return *state == NULL;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

/* A number behind all that were added lately, as they are compared. */
static uint32_t
newest(const struct xid_ring *ring)
{
	uint32_t most = ring->xids[(ring->next - 1) % XID_RING_SIZE];

	for (uint64_t at = ring->next > XID_RING_SIZE ? ring->next - XID_RING_SIZE : 0; at < ring->next; at++)
		if ((int32_t) (ring->xids[at % XID_RING_SIZE] - most) > 0)
			most = ring->xids[at % XID_RING_SIZE];
	return most;
}

/* By a view that does not see these, and has nothing behind its list. */
static bool
one_was_before(const struct xid_ring *ring, uint64_t mark, uint32_t *xids, size_t count)
{
	struct xid_view view = {.xmin = 3, .xmax = ring->next > 0 ? newest(ring) + 1 : 4, .xips = xids, .nxips = count};

	return xid_ring_was_before(ring, mark, &view);
}

static bool
was_before(const struct xid_ring *ring, uint64_t mark, uint32_t xid)
{
	return one_was_before(ring, mark, &xid, 1);
}

static void
test_around_a_mark(void **state)
{
	struct xid_ring *ring = *state;
	uint64_t         mark;
	uint32_t         several[] = {9, 3, 12, 7};

	assert_false(was_before(ring, xid_ring_mark(ring), 0)); /* not what it was zeroed with */
	xid_ring_add(ring, 7);
	mark = xid_ring_mark(ring);
	assert_int_equal(mark, 1);
	xid_ring_add(ring, 9);
	assert_true(was_before(ring, mark, 7));
	assert_false(was_before(ring, mark, 9));
	assert_true(was_before(ring, xid_ring_mark(ring), 9));
	assert_false(was_before(ring, mark, 0));
	assert_true(one_was_before(ring, mark, several, 4));
	assert_false(one_was_before(ring, mark, (uint32_t[]){12, 3, 9}, 3));
	assert_false(one_was_before(ring, mark, NULL, 0));
}

/* Whoever commits last may not be seen yet, and no snapshot has it on its list. */
static void
test_behind_the_list(void **state)
{
	struct xid_ring *ring = *state;
	struct xid_view  view = {.xmin = 9, .xmax = 9};
	uint64_t         mark;

	xid_ring_add(ring, 8);
	xid_ring_add(ring, 9);
	mark = xid_ring_mark(ring);
	xid_ring_add(ring, 10);
	assert_true(xid_ring_was_before(ring, mark, &view));
	view.xmin = view.xmax = 10;
	assert_false(xid_ring_was_before(ring, mark, &view)); /* 10 came behind the mark */
	assert_true(xid_ring_was_before(ring, xid_ring_mark(ring), &view));
	view.xmin = view.xmax = UINT32_MAX;
	assert_true(xid_ring_was_before(ring, mark, &view)); /* behind the wrap-around */
}

/* xids go over their end, as the ring does. */
static void
test_wraparound(void **state)
{
	struct xid_ring *ring = *state;
	uint32_t         xid = UINT32_MAX - 10;
	uint64_t         mark;

	ring->next = UINT64_C(7) * XID_RING_SIZE - 5; /* as if so many had come */
	for (int i = 0; i < 20; i++)
	{
		xid_ring_add(ring, xid);
		xid = xid == UINT32_MAX ? 3 : xid + 1;
	}
	mark = xid_ring_mark(ring);
	for (int i = 0; i < 20; i++)
		xid_ring_add(ring, xid++);
	assert_true(was_before(ring, mark, UINT32_MAX - 10));
	assert_true(was_before(ring, mark, UINT32_MAX));
	assert_true(was_before(ring, mark, 3));
	assert_true(was_before(ring, mark, 11));
	assert_false(was_before(ring, mark, 12));
	assert_false(was_before(ring, mark, UINT32_MAX - 11));
	assert_true(one_was_before(ring, mark, (uint32_t[]){1000, UINT32_MAX, 2000}, 3));
}

/* It goes as far back as it is long; with too little left before the mark, nothing is certain. */
static void
test_reach(void **state)
{
	struct xid_ring *ring = *state;
	uint64_t         mark;
	uint32_t         xid = 100;

	for (uint32_t i = 0; i < XID_RING_SIZE + 1; i++)
		xid_ring_add(ring, xid++);
	mark = xid_ring_mark(ring);
	assert_false(was_before(ring, mark, 100));
	assert_true(was_before(ring, mark, 101));
	for (uint32_t i = 0; i < XID_RING_SIZE - XID_RING_REACH; i++)
		xid_ring_add(ring, xid++);
	assert_true(was_before(ring, mark, 100 + XID_RING_SIZE));
	assert_true(was_before(ring, mark, 101 + XID_RING_SIZE - XID_RING_REACH));
	assert_false(was_before(ring, mark, 100 + XID_RING_SIZE - XID_RING_REACH));
	assert_false(was_before(ring, mark, 5));
	assert_false(was_before(ring, mark, 101 + XID_RING_SIZE));
	xid_ring_add(ring, xid++);
	assert_true(was_before(ring, mark, 5)); /* nobody can tell */
	assert_true(one_was_before(ring, mark, NULL, 0));
	assert_false(was_before(ring, xid_ring_mark(ring), 5));
}

static void
test_against_a_list(void **state)
{
	static uint32_t  list[3 * XID_RING_SIZE];
	struct xid_ring *ring = *state;
	uint32_t         count = 0;
	uint64_t         marks[64] = {0};

	srand(5);
	for (int round = 0; round < 200; round++)
	{
		uint64_t mark = marks[rand() % 64];
		uint32_t xids[8];
		bool     expected = false;
		uint64_t first;

		for (int i = 1 + rand() % 3900; i > 0; i--)
		{
			list[count] = (uint32_t) rand() % 100000 * 20000 + 3; /* anywhere in what can be compared */
			xid_ring_add(ring, list[count++]);
		}
		marks[rand() % 64] = xid_ring_mark(ring);
		for (int i = 0; i < 8; i++)
			xids[i] = rand() % 2 ? (uint32_t) rand() % 100000 * 20000 + 4
								 : list[(uint32_t) rand() % count];
		first = count > XID_RING_SIZE ? count - XID_RING_SIZE : 0;
		for (uint64_t at = first; at < mark; at++)
			for (int i = 0; i < 8; i++)
				expected |= list[at] == xids[i];
		if (first > 0 && mark < first + XID_RING_REACH)
			expected = true;
		assert_int_equal(xid_ring_was_before(ring, mark, &(struct xid_view){3, 2000100000, xids, 8}), expected);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_around_a_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_behind_the_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wraparound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_against_a_list, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
