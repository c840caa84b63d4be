/*
 * test_cursor.c
 *		Reading of wire.h's notation: limits of varints, the sticky error, no
 *		byte behind the end.
 */
#include "unit.h"

#include "cursor.h"
#include "framebuilder.h"

static const uint64_t numbers[] = {0,
								   1,
								   0x7f,
								   0x80,
								   0x3fff,
								   0x4000,
								   0xffff,
								   UINT32_MAX,
								   (uint64_t) UINT32_MAX + 1,
								   INT64_MAX,
								   (uint64_t) INT64_MAX + 1,
								   UINT64_MAX - 1,
								   UINT64_MAX};

#define NNUMBERS (sizeof(numbers) / sizeof(*numbers))

static void
varints_come_back(void **state)
{
	(void) state;
	for (size_t i = 0; i < NNUMBERS; i++)
	{
		struct buf    out = {0};
		struct cursor cur;
		uint8_t      *exact;

		fb_uv(&out, numbers[i]);
		fb_sv(&out, (int64_t) numbers[i]);
		exact = unit_exact(out.data, out.len);
		cur = cursor_over(exact, out.len);
		assert_true(cursor_uv(&cur) == numbers[i]);
		assert_true(cursor_sv(&cur) == (int64_t) numbers[i]);
		assert_false(cur.bad);
		assert_int_equal(cursor_left(&cur), 0);
		free(exact);
		buf_free(&out);
	}
}

static void
varint_has_at_most_ten_bytes(void **state)
{
	const uint8_t most[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
	const uint8_t bits65[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
	const uint8_t eleven[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0};
	const uint8_t padded[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
	struct cursor cur = cursor_over(most, sizeof(most));

	(void) state;
	assert_true(cursor_uv(&cur) == UINT64_MAX);
	assert_false(cur.bad);
	cur = cursor_over(bits65, sizeof(bits65));
	assert_int_equal(cursor_uv(&cur), 0);
	assert_true(cur.bad);
	cur = cursor_over(eleven, sizeof(eleven));
	assert_int_equal(cursor_uv(&cur), 0);
	assert_true(cur.bad);
	cur = cursor_over(padded, sizeof(padded));
	assert_int_equal(cursor_uv(&cur), 0);
	assert_false(cur.bad);
}

static void
varint_cut_anywhere_is_bad(void **state)
{
	struct buf out = {0};

	(void) state;
	fb_uv(&out, UINT64_MAX);
	assert_int_equal(out.len, WIRE_VARINT_MAX);
	for (size_t len = 0; len < out.len; len++)
	{
		uint8_t      *part = unit_exact(out.data, len);
		struct cursor cur = cursor_over(part, len);

		assert_int_equal(cursor_uv(&cur), 0);
		assert_true(cur.bad);
		free(part);
	}
	buf_free(&out);
}

static void
fixed_widths_are_little_endian(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff};
	struct cursor cur = cursor_over(bytes, sizeof(bytes));

	(void) state;
	assert_int_equal(cursor_u16(&cur), 0x0201);
	assert_int_equal(cursor_u32(&cur), 0x06050403);
	assert_true(cursor_u64(&cur) == UINT64_C(0x0e0d0c0b0a090807));
	assert_int_equal(cursor_u8(&cur), 0xff);
	assert_false(cur.bad);
	cursor_u8(&cur);
	assert_true(cur.bad);
}

static void
after_a_bad_read_everything_is_zero(void **state)
{
	uint8_t      *bytes = unit_exact("\x05hell", 5);
	struct cursor cur = cursor_over(bytes, 5);
	struct str    str = cursor_str(&cur);

	(void) state;
	assert_true(cur.bad);
	assert_int_equal(str.len, 0);
	assert_non_null(str.data);
	assert_int_equal(cursor_u8(&cur), 0);
	assert_int_equal(cursor_u16(&cur), 0);
	assert_int_equal(cursor_u32(&cur), 0);
	assert_int_equal(cursor_u64(&cur), 0);
	assert_int_equal(cursor_uv(&cur), 0);
	assert_int_equal(cursor_sv(&cur), 0);
	assert_null(cursor_bytes(&cur, 1));
	assert_int_equal(cursor_left(&cur), 0);
	free(bytes);
}

static void
too_short_for_a_width_is_bad(void **state)
{
	(void) state;
	for (size_t len = 0; len < 8; len++)
	{
		uint8_t      *part = unit_exact("12345678", len);
		struct cursor cur = cursor_over(part, len);

		assert_int_equal(cursor_u64(&cur), 0);
		assert_true(cur.bad);
		cur = cursor_over(part, len);
		cursor_u32(&cur);
		assert_int_equal(cur.bad, len < 4);
		cur = cursor_over(part, len);
		cursor_u16(&cur);
		assert_int_equal(cur.bad, len < 2);
		free(part);
	}
}

static void
length_beyond_memory_is_bad(void **state)
{
	struct buf    out = {0};
	struct cursor cur;

	(void) state;
	fb_uv(&out, UINT64_MAX);
	buf_puts(&out, "abc");
	cur = cursor_over(out.data, out.len);
	assert_int_equal(cursor_str(&cur).len, 0);
	assert_true(cur.bad);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints_come_back),
		cmocka_unit_test(varint_has_at_most_ten_bytes),
		cmocka_unit_test(varint_cut_anywhere_is_bad),
		cmocka_unit_test(fixed_widths_are_little_endian),
		cmocka_unit_test(after_a_bad_read_everything_is_zero),
		cmocka_unit_test(too_short_for_a_width_is_bad),
		cmocka_unit_test(length_beyond_memory_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
