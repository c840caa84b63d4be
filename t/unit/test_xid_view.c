/* test_xid_view.c: which transactions a snapshot sees. */
#include "unit.h"

#include "xid_view.h"

static void
test_view(void **state)
{
	struct xid_view view;

	(void) state;
	assert_true(xid_view_read("10:20:10,14,15", &view));
	assert_int_equal(view.xmin, 10);
	assert_int_equal(view.xmax, 20);
	assert_int_equal(view.nxips, 3);
	assert_true(xid_view_sees(&view, 9));
	assert_false(xid_view_sees(&view, 10));
	assert_true(xid_view_sees(&view, 11));
	assert_false(xid_view_sees(&view, 14));
	assert_false(xid_view_sees(&view, 15));
	assert_true(xid_view_sees(&view, 19));
	assert_false(xid_view_sees(&view, 20));
	assert_false(xid_view_sees(&view, 21));
	xid_view_free(&view);
}

static void
test_nothing_in_progress(void **state)
{
	struct xid_view view;

	(void) state;
	assert_true(xid_view_read("20:20:", &view));
	assert_int_equal(view.nxips, 0);
	assert_true(xid_view_sees(&view, 19));
	assert_false(xid_view_sees(&view, 20));
	xid_view_free(&view);
}

/* The stream has 32 bits of what the server counts with 64. */
static void
test_epochs(void **state)
{
	struct xid_view view;

	(void) state;
	assert_true(xid_view_read("8589934590:8589934594:8589934590,8589934593", &view));
	assert_int_equal(view.xmin, UINT32_C(4294967294));
	assert_int_equal(view.xmax, 2);
	assert_true(xid_view_sees(&view, UINT32_C(4294967293)));
	assert_false(xid_view_sees(&view, UINT32_C(4294967294)));
	assert_true(xid_view_sees(&view, UINT32_C(4294967295)));
	assert_false(xid_view_sees(&view, 1));
	assert_false(xid_view_sees(&view, 2));
	xid_view_free(&view);
}

static void
test_of_no_interest(void **state)
{
	struct xid_view view;

	(void) state;
	assert_true(xid_view_read("10:20:10,14,15,17", &view));
	xid_view_forget(&view, "");
	assert_int_equal(view.nxips, 4);
	xid_view_forget(&view, "15,10,99");
	assert_int_equal(view.nxips, 2);
	assert_int_equal(view.xips[0], 14);
	assert_int_equal(view.xips[1], 17);
	xid_view_free(&view);
}

static void
test_malformed(void **state)
{
	static const char *const texts[] = {"",       "10",       "10:20",    "10:20:x", "10:20:1,",
										":20:",   "10::",     "10:20:,1", "a:b:c",   "10:20:1;2",
										"10:20 :", "10:20:1 2"};
	struct xid_view view;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		assert_false(xid_view_read(texts[i], &view));
		assert_null(view.xips);
		assert_int_equal(view.nxips, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_nothing_in_progress),
		cmocka_unit_test(test_epochs),
		cmocka_unit_test(test_of_no_interest),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
