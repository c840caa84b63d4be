/*
 * test_descriptors.c
 *		Errors that come from too few descriptors are called that, and no others.
 */
#include "unit.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "descriptors.h"

/* The soft limit, so that left more descriptors can be had; what it was before. */
static struct rlimit
leave(int left)
{
	struct rlimit before;
	struct rlimit now;
	int           taken[64];
	int           ntaken = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	/* Numbers are given from below: behind those that are left there is the limit. */
	for (; ntaken < left; ntaken++)
		assert_true((taken[ntaken] = eventfd(0, 0)) >= 0);
	now.rlim_cur = (rlim_t) dup(STDERR_FILENO);
	close((int) now.rlim_cur);
	while (ntaken > 0)
		close(taken[--ntaken]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return before;
}

static enum err_code
blamed(enum err_class class, enum err_code code, const char *detail, struct err *e)
{
	err_set(e, class, code, "it failed");
	err_detail(e, "%s", detail);
	err_hint(e, "Look elsewhere.");
	descriptors_blame(e);
	return e->code;
}

static void
errors_of_peers_and_files_are_blamed_on_it(void **state)
{
	static const enum err_code codes[] = {E1002, E1201, E1801, E2001, E2005, E2008};
	struct rlimit              before = leave(3);

	(void) state;
	assert_true(descriptors_are_short());
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
	{
		struct err e;

		assert_int_equal(blamed(ERR_CONFIG, codes[i], "Name or service not known.", &e), E1007);
		assert_int_equal(e.class, ERR_TRANSIENT);
		assert_string_equal(e.msg, "too few descriptors: it failed");
		assert_non_null(strstr(e.detail, "Name or service not known."));
		assert_non_null(strstr(e.detail, err_code_name(codes[i])));
		assert_non_null(strstr(e.hint, "LimitNOFILE"));
		descriptors_blame(&e); /* once is enough */
		assert_string_equal(e.msg, "too few descriptors: it failed");
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void
others_are_not(void **state)
{
	struct rlimit before = leave(3);
	struct err    e;

	(void) state;
	assert_int_equal(blamed(ERR_TRANSIENT, E1210, "By pid 7.", &e), E1210);
	assert_int_equal(blamed(ERR_CONFIG, E1207, "", &e), E1207);
	assert_string_equal(e.hint, "Look elsewhere.");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_false(descriptors_are_short());
	assert_int_equal(blamed(ERR_TRANSIENT, E1201, "Connection refused", &e), E1201);
}

/* By then there may be descriptors again. */
static void
what_the_error_says_is_enough(void **state)
{
	struct err e;

	(void) state;
	assert_int_equal(blamed(ERR_CONFIG, E1299, "could not create socket: Too many open files", &e),
					 E1007);
	assert_non_null(strstr(e.detail, "RLIMIT_NOFILE"));
	assert_int_equal(
		blamed(ERR_TRANSIENT, E2001, "Failed to create socket: Too many open files in system", &e),
		E1007);
	assert_non_null(strstr(e.hint, "fs.file-max"));
}

static void
a_low_soft_limit_is_raised(void **state)
{
	struct rlimit before = leave(8);
	struct rlimit now = {.rlim_cur = 0};
	struct rlimit low;
	struct err    e;

	(void) state;
	assert_false(descriptors_are_short());
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &low), 0);
	assert_rc_ok(descriptors_prepare(&e));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(now.rlim_cur, low.rlim_max);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_of_peers_and_files_are_blamed_on_it),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(what_the_error_says_is_enough),
		cmocka_unit_test(a_low_soft_limit_is_raised),
	};

	return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
