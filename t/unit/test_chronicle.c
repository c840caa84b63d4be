/*
 * test_chronicle.c
 *		Which description a table had: names that change hands, beginning again,
 *		and what is forgotten.
 */
#include "unit.h"

#include "chronicle.h"

static struct chronicle *chr;

static int
setup(void **state)
{
	(void) state;
	chr = chronicle_new();
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	chronicle_free(chr);
	return 0;
}

static void
put(uint32_t relid, const char *name, uint64_t commit_lsn, const char *avro, uint64_t confirmed)
{
	struct version version = {.commit_lsn = commit_lsn,
							  .lsn = commit_lsn - 1,
							  .relid = relid,
							  .schema = (char *) "s",
							  .name = (char *) name,
							  .avro = {avro, strlen(avro)}};

	chronicle_put(chr, &version, confirmed);
}

#define assert_table(relid, expected)                                 \
	do                                                                \
	{                                                                 \
		const struct version *version_ = chronicle_table(chr, relid); \
		assert_non_null(version_);                                    \
		assert_str_is(version_->avro, expected);                      \
	} while (0)
#define assert_unknown(relid) assert_null(chronicle_table(chr, relid))
#define assert_holder(name, relid_) \
	assert_int_equal(chronicle_holder(chr, "s", name)->relid, relid_)
#define assert_free(name) assert_null(chronicle_holder(chr, "s", name))

static void
test_put(void **state)
{
	(void) state;
	assert_unknown(1);
	assert_free("a");
	put(1, "a", 100, "one", 0);
	put(2, "b", 200, "two", 0);
	assert_table(1, "one");
	assert_table(2, "two");
	assert_holder("a", 1);
	assert_int_equal(chronicle_count(chr), 2);
	put(1, "a", 300, "more", 0);
	assert_table(1, "more");
	assert_int_equal(chronicle_table(chr, 1)->commit_lsn, 300);
	/* The parts of a name are kept apart. */
	assert_null(chronicle_holder(chr, "s.a", ""));
	assert_null(chronicle_holder(chr, "", "a"));
}

static void
test_names(void **state)
{
	(void) state;
	put(1, "a", 100, "one", 0);
	put(2, "b", 100, "two", 0);
	put(1, "c", 200, "one as c", 0);
	assert_free("a");
	assert_holder("c", 1);
	/* Exchange: 2 takes the name of 1, then 1 that of 2. */
	put(2, "c", 300, "two as c", 0);
	assert_holder("c", 2);
	assert_free("b");
	assert_table(1, "one as c");
	put(1, "b", 300, "one as b", 0);
	assert_holder("b", 1);
	assert_holder("c", 2);
}

static void
test_rewind(void **state)
{
	(void) state;
	put(1, "a", 100, "v1", 0);
	put(1, "a", 200, "v2", 0);
	put(1, "b", 300, "v3", 0);
	put(2, "a", 350, "other", 0);
	chronicle_rewind(chr, 301);
	assert_table(1, "v3");
	assert_unknown(2);
	assert_free("a");
	assert_holder("b", 1);
	/* A transaction comes again if its commit record does not lie before the start. */
	chronicle_rewind(chr, 300);
	assert_table(1, "v2");
	assert_free("b");
	assert_holder("a", 1);
	chronicle_rewind(chr, 101);
	assert_table(1, "v1");
	chronicle_rewind(chr, 100);
	assert_unknown(1);
	assert_free("a");
	assert_int_equal(chronicle_count(chr), 0);
}

/* Whose name it is, is decided again: by position, not by the order of reading. */
static void
test_rewind_names(void **state)
{
	(void) state;
	put(2, "a", 200, "new", 0);
	put(1, "a", 100, "old", 0);
	assert_holder("a", 1);
	chronicle_rewind(chr, 1000);
	assert_holder("a", 2);
	chronicle_rewind(chr, 200);
	assert_holder("a", 1);
	put(3, "a", 300, "newer", 250);
	chronicle_rewind(chr, 300);
	assert_holder("a", 1);
}

/* What lies before a newer version that is confirmed never comes again. */
static void
test_confirmed(void **state)
{
	(void) state;
	put(1, "a", 100, "v1", 0);
	put(1, "a", 200, "v2", 150);
	put(1, "a", 300, "v3", 150);
	chronicle_rewind(chr, 150);
	assert_table(1, "v1");
	put(1, "a", 200, "v2", 150);
	put(1, "a", 300, "v3", 250);
	chronicle_rewind(chr, 250);
	assert_table(1, "v2");
	put(1, "a", 300, "v3", 301);
	chronicle_rewind(chr, 100);
	assert_unknown(1);
}

/* Tables that lost their names are kept, but not without end; others always. */
static void
test_nameless(void **state)
{
	uint32_t last = 3 * CHRONICLE_NAMELESS_MAX;

	(void) state;
	put(1, "kept", 1, "kept", 0);
	for (uint32_t relid = 2; relid <= last; relid++)
		put(relid, "t", relid, "daily", 0);
	assert_true(chronicle_count(chr) <= CHRONICLE_NAMELESS_MAX + 2);
	assert_true(chronicle_count(chr) >= CHRONICLE_NAMELESS_MAX / 2);
	assert_table(1, "kept");
	assert_unknown(2);
	assert_table(last - 1, "daily");
	assert_holder("t", last);
}

static void
test_many(void **state)
{
	char name[32];

	(void) state;
	for (uint32_t i = 1; i <= 5000; i++)
	{
		snprintf(name, sizeof(name), "table_%u", (unsigned) i);
		put(i, name, i, name, 0);
	}
	chronicle_rewind(chr, 4001);
	assert_int_equal(chronicle_count(chr), 4000);
	for (uint32_t i = 1; i <= 4000; i++)
	{
		snprintf(name, sizeof(name), "table_%u", (unsigned) i);
		assert_holder(name, i);
		assert_table(i, name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rewind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rewind_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confirmed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nameless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
