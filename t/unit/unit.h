/*
 * unit.h
 *		What every unit test includes: cmocka and a few assertions of our own.
 */
#ifndef T_UNIT_UNIT_H
#define T_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* cmocka 2 deprecates names, like assert_in_range, to which cmocka 1 has no other. */
#define CMOCKA_DISABLE_DEPRECATION_WARNINGS
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cursor.h"
#include "err.h"

/*
 * A copy that ends where its allocation ends, so that a sanitizer sees one
 * byte read too many.  The caller frees it.
 */
static inline void *
unit_exact(const void *data, size_t len)
{
	void *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* A committed file, named from the project's top folder, where tests are run. */
static inline struct buf
unit_file(const char *path)
{
	struct buf buf = {0};
	FILE      *in = fopen(path, "rb");
	size_t     got;

	if (in == NULL)
		fail_msg("cannot open %s: run this from the project's top folder", path);
	do
	{
		buf_reserve(&buf, 65536);
		got = fread(buf.data + buf.len, 1, 65536, in);
		buf.len += got;
	} while (got > 0);
	fclose(in);
	return buf;
}

/*
 * Leaves the running test, and says why in a comment that the runner shows: cmocka's own
 * skip() has no place for it.
 */
#define unit_skip(why)                      \
	do                                      \
	{                                       \
		print_message("# skip: %s\n", why); \
		skip();                             \
	} while (0)

#define assert_rc_ok(call)                                                                        \
	do                                                                                            \
	{                                                                                             \
		enum rc assert_rc_ = (call);                                                              \
		if (assert_rc_ != RC_OK)                                                                  \
			fail_msg("%s gave %d: %s (%s)", #call, assert_rc_, assert_rc_ == RC_ERR ? e.msg : "", \
					 assert_rc_ == RC_ERR ? e.detail : "");                                       \
	} while (0)

#define assert_rc_again(call) assert_int_equal((call), RC_AGAIN)

/* Expects RC_ERR with this class and code in the local struct err e. */
#define assert_rc_err(call, class_, code_)                                                    \
	do                                                                                        \
	{                                                                                         \
		err_clear(&e);                                                                        \
		assert_int_equal((call), RC_ERR);                                                     \
		if (e.code != (code_))                                                                \
			fail_msg("%s gave %s (%s), not %s", #call, err_code_name(e.code), e.msg, #code_); \
		assert_int_equal(e.class, (class_));                                                  \
		assert_true(e.msg[0] != '\0');                                                        \
	} while (0)

#define assert_str_is(view, expected)                                         \
	do                                                                        \
	{                                                                         \
		struct str assert_view_ = (view);                                     \
		assert_int_equal(assert_view_.len, strlen(expected));                 \
		assert_memory_equal(assert_view_.data, (expected), assert_view_.len); \
	} while (0)

#endif /* T_UNIT_UNIT_H */
