/* test_tid_set.c: ranges of ctids, against a map of bits. */
#include "unit.h"

#include <stdlib.h>

#include "tid_set.h"

#define PLACES 200

/* The set must hold exactly what the map says, in ranges that do not touch. */
static void
assert_same(const struct tid_set *set, const bool *map)
{
	for (uint32_t i = 0; i < set->count; i++)
	{
		assert_true(set->ranges[i].from < set->ranges[i].end);
		if (i > 0)
			assert_true(set->ranges[i - 1].end < set->ranges[i].from);
	}
	for (tid at = 0; at < PLACES; at++)
	{
		struct tid_range gap = {0};
		bool			 found = tid_set_gap(set, at, &gap);
		tid				 want = at;

		while (want < PLACES && map[want])
			want++;
		if (want == PLACES)
		{
			assert_true(!found || gap.from >= PLACES);
			continue;
		}
		assert_true(found);
		assert_int_equal(gap.from, want);
		while (want < PLACES && !map[want])
			want++;
		if (want < PLACES)
			assert_int_equal(gap.end, want);
		else
			assert_true(gap.end >= PLACES);
	}
}

static void
test_against_a_map(void **state)
{
	(void) state;
	srand(7);
	for (int round = 0; round < 300; round++)
	{
		struct tid_set set = {0};
		bool		   map[PLACES] = {false};

		for (int i = 0; i < 30; i++)
		{
			tid from = (tid) (rand() % PLACES);
			tid end = from + (tid) (rand() % 20);

			if (end > PLACES)
				end = PLACES;
			tid_set_add(&set, (struct tid_range){from, end});
			for (tid at = from; at < end; at++)
				map[at] = true;
			assert_same(&set, map);
		}
		tid_set_free(&set);
	}
}

static void
test_open_end(void **state)
{
	struct tid_set	 set = {0};
	struct tid_range gap;

	(void) state;
	assert_true(tid_set_gap(&set, 0, &gap));
	assert_true(gap.from == 0 && gap.end == TID_END);
	tid_set_add(&set, (struct tid_range){tid_of(10, 0), TID_END});
	assert_true(tid_set_gap(&set, 0, &gap));
	assert_true(gap.from == 0 && gap.end == tid_of(10, 0));
	assert_false(tid_set_gap(&set, tid_of(10, 0), &gap));
	assert_false(tid_set_is_full(&set));
	tid_set_add(&set, (struct tid_range){0, tid_of(10, 0)});
	assert_true(tid_set_is_full(&set));
	assert_false(tid_set_gap(&set, 0, &gap));
	tid_set_free(&set);
}

static void
test_text(void **state)
{
	struct tid_set set = {0};
	struct tid_set back = {0};
	struct buf	   text = {0};

	(void) state;
	tid_set_add(&set, (struct tid_range){0, tid_of(1280, 7)});
	tid_set_add(&set, (struct tid_range){tid_of(2560, 0), tid_of(2561, 65535)});
	tid_set_add(&set, (struct tid_range){tid_of(UINT32_MAX, 1), TID_END});
	tid_set_write(&set, &text);
	assert_string_equal(buf_cstr(&text), "0,0-1280,7 2560,0-2561,65535 4294967295,1-");
	assert_true(tid_set_read(&back, (struct str){(char *) text.data, text.len}));
	assert_int_equal(back.count, set.count);
	assert_memory_equal(back.ranges, set.ranges, set.count * sizeof(*set.ranges));
	buf_reset(&text);
	tid_put_sql(tid_of(3, 4), &text);
	assert_string_equal(buf_cstr(&text), "(3,4)");
	buf_free(&text);
	tid_set_free(&set);
	tid_set_free(&back);
}

static void
test_text_that_is_none(void **state)
{
	static const char *const texts[] = {"1",		"1,2",		 "1,2-1,2",	  "1,2-1,1", "-",
										"1,2 - 3,4", "a,0-1,0",	 "1,65536-",  "0,0-x",	 ",",
										"9999999999,0-", "0,0-1,0x", "0,0--", "0,0-1"};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		struct tid_set set = {0};

		assert_false(tid_set_read(&set, (struct str){texts[i], strlen(texts[i])}));
		tid_set_free(&set);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_map),
		cmocka_unit_test(test_open_end),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
