/* test_oid_set.c: sets of oids, and their text. */
#include "unit.h"

#include "oid_set.h"

static void
test_members(void **state)
{
	struct oid_set set = {0};
	struct buf     text = {0};

	(void) state;
	assert_false(oid_set_has(&set, 1));
	for (uint32_t oid = 200; oid > 100; oid -= 3)
		oid_set_add(&set, oid);
	for (uint32_t oid = 101; oid <= 200; oid++)
		assert_int_equal(oid_set_has(&set, oid), (200 - oid) % 3 == 0);
	assert_int_equal(set.count, 34);
	oid_set_add(&set, 200);
	oid_set_add(&set, 101);
	assert_int_equal(set.count, 34);
	oid_set_add(&set, UINT32_MAX);
	assert_true(oid_set_has(&set, UINT32_MAX));
	oid_set_free(&set);
	oid_set_write(&set, &text);
	assert_int_equal(text.len, 0);
	buf_free(&text);
}

static void
test_text(void **state)
{
	struct oid_set set = {0};
	struct oid_set again = {0};
	struct buf     text = {0};

	(void) state;
	for (uint32_t oid = 16391; oid <= 16395; oid++)
		oid_set_add(&set, oid);
	oid_set_add(&set, 16400);
	oid_set_add(&set, 4294967294);
	oid_set_add(&set, 4294967295);
	oid_set_write(&set, &text);
	assert_string_equal(buf_cstr(&text), "16391-16395,16400,4294967294-4294967295");
	assert_true(oid_set_read(&again, buf_cstr(&text)));
	assert_int_equal(again.count, set.count);
	assert_memory_equal(again.oids, set.oids, set.count * sizeof(*set.oids));
	assert_true(oid_set_read(&again, ""));
	assert_int_equal(again.count, 0);
	buf_free(&text);
	oid_set_free(&set);
	oid_set_free(&again);
}

static void
test_malformed(void **state)
{
	static const char *const texts[] = {"x", "1,", ",1", "1-", "-1", "2-1", "1,,2", "4294967296", "1 ", "1-2-3", "1-4294967295"};
	struct oid_set set = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		assert_false(oid_set_read(&set, texts[i]));
		assert_int_equal(set.count, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
