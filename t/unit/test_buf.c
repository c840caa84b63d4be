/*
 * test_buf.c
 *		The byte buffer, the arena and the error struct.
 */
#include "unit.h"

#include "arena.h"

static void
buffer_keeps_what_was_put(void **state)
{
	struct buf buf = {0};

	(void) state;
	for (int i = 0; i < 100000; i++)
		buf_put_u8(&buf, (uint8_t) (i * 7));
	assert_int_equal(buf.len, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf.data[i], (uint8_t) (i * 7));
	buf_reset(&buf);
	assert_int_equal(buf.len, 0);
	assert_true(buf.cap >= 100000);
	buf_free(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.cap, 0);
}

static void
buffer_takes_nothing_from_nowhere(void **state)
{
	struct buf buf = {0};

	(void) state;
	buf_put(&buf, NULL, 0);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf_cstr(&buf), "");
	assert_int_equal(buf.len, 0);
	buf_free(&buf);
}

static void
buffer_grows_by_doubling(void **state)
{
	struct buf buf = {0};
	size_t     grown = 0;

	(void) state;
	for (size_t i = 0, cap = 0; i < 1 << 20; i++)
	{
		buf_put_u8(&buf, 0);
		grown += buf.cap != cap;
		cap = buf.cap;
	}
	assert_true(grown < 16);
	buf_free(&buf);
}

static void
buffer_reserves_exactly_enough(void **state)
{
	struct buf buf = {0};

	(void) state;
	buf_puts(&buf, "abc");
	buf_reserve(&buf, 5000);
	assert_true(buf.cap - buf.len >= 5000);
	memset(buf.data + buf.len, 'x', 5000); /* the sanitizer says if that was a lie */
	assert_memory_equal(buf.data, "abc", 3);
	buf_free(&buf);
}

static void
printf_appends(void **state)
{
	struct buf buf = {0};
	char       long_text[600];

	(void) state;
	memset(long_text, 'y', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	buf_printf(&buf, "%d-%s", 42, "x");
	buf_printf(&buf, "%s", long_text);
	buf_puts(&buf, "!");
	assert_int_equal(buf.len, 4 + 599 + 1);
	assert_memory_equal(buf.data, "42-xyyy", 7);
	assert_int_equal(buf.data[603], '!');
	buf_free(&buf);
}

static void
strings_are_copied(void **state)
{
	char *copy = xstrndup("abcdef", 3);
	char *text = xasprintf("%s/%03d", copy, 7);

	(void) state;
	assert_string_equal(copy, "abc");
	assert_string_equal(text, "abc/007");
	free(copy);
	free(text);
}

static void
arena_gives_zeroed_aligned_memory(void **state)
{
	struct arena *arena = arena_new();
	uint8_t      *seen[500];

	(void) state;
	for (size_t i = 0; i < 500; i++)
	{
		size_t size = i * 37 % 5000;

		seen[i] = arena_alloc(arena, size);
		assert_int_equal((uintptr_t) seen[i] % (size < ARENA_LINE ? 16 : ARENA_LINE), 0);
		for (size_t k = 0; k < size; k++)
			assert_int_equal(seen[i][k], 0);
		memset(seen[i], (int) i, size);
	}
	for (size_t i = 0; i < 500; i++)
		for (size_t k = 0; k < i * 37 % 5000; k++)
			assert_int_equal(seen[i][k], (uint8_t) i);
	arena_free(arena);
	arena_free(NULL);
}

static void
arena_copies_strings(void **state)
{
	struct arena *arena = arena_new();

	(void) state;
	assert_string_equal(arena_strndup(arena, "abcdef", 2), "ab");
	assert_string_equal(arena_strndup(arena, "", 0), "");
	arena_free(arena);
}

static void
error_is_cut_not_overrun(void **state)
{
	struct err e;
	char       text[8000];

	(void) state;
	memset(text, 'z', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(err_set(&e, ERR_DATA, E1602, "%s", text), RC_ERR);
	assert_int_equal(err_detail(&e, "%s", text), RC_ERR);
	assert_int_equal(err_hint(&e, "%s", text), RC_ERR);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_int_equal(strlen(e.detail), sizeof(e.detail) - 1);
	assert_int_equal(strlen(e.hint), sizeof(e.hint) - 1);
	assert_int_equal(err_set(&e, ERR_DATA, E1602, "short"), RC_ERR);
	assert_string_equal(e.detail, "");
	assert_string_equal(e.hint, "");
	assert_string_equal(err_code_name(E1602), "E1602");
	assert_string_equal(err_code_text(E1602), "value cannot be encoded");
	err_clear(&e);
	assert_int_equal(e.code, E0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffer_keeps_what_was_put),
		cmocka_unit_test(buffer_takes_nothing_from_nowhere),
		cmocka_unit_test(buffer_grows_by_doubling),
		cmocka_unit_test(buffer_reserves_exactly_enough),
		cmocka_unit_test(printf_appends),
		cmocka_unit_test(strings_are_copied),
		cmocka_unit_test(arena_gives_zeroed_aligned_memory),
		cmocka_unit_test(arena_copies_strings),
		cmocka_unit_test(error_is_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
