/*
 * test_frame.c
 *		Messages of the replication protocol, and frames in them.
 */
#include "unit.h"

#include "frame.h"
#include "framebuilder.h"

static struct err e;

static void
xlogdata_is_taken_apart(void **state)
{
	static const uint8_t raw[] = {'w', 0, 0, 0, 1, 0x16, 0xB3, 0x74, 0xD8, 0, 0, 0,   2,  0x20,
								  0,   0, 1, 1, 2, 3,    4,    5,    6,    7, 8, 'W', 'R'};
	uint8_t             *exact = unit_exact(raw, sizeof(raw));
	struct copy_message  msg;

	(void) state;
	assert_rc_ok(copy_message_read(exact, sizeof(raw), &msg, &e));
	assert_int_equal(msg.kind, 'w');
	assert_true(msg.server_lsn == UINT64_C(0x220000001));
	assert_false(msg.reply_asked);
	assert_int_equal(cursor_left(&msg.payload), 2);
	assert_memory_equal(msg.payload.p, "WR", 2);
	free(exact);
}

static void
keepalive_is_taken_apart(void **state)
{
	uint8_t             raw[18] = {'k', 0, 0, 0, 1, 0x16, 0xB3, 0x74, 0xD8};
	struct copy_message msg;

	(void) state;
	assert_rc_ok(copy_message_read(raw, sizeof(raw), &msg, &e));
	assert_int_equal(msg.kind, 'k');
	assert_true(msg.server_lsn == UINT64_C(0x116B374D8));
	assert_false(msg.reply_asked);
	assert_int_equal(cursor_left(&msg.payload), 0);
	raw[17] = 1;
	assert_rc_ok(copy_message_read(raw, sizeof(raw), &msg, &e));
	assert_true(msg.reply_asked);
}

static void
other_messages_are_refused(void **state)
{
	uint8_t             raw[40] = {'x'};
	struct copy_message msg;

	(void) state;
	assert_rc_err(copy_message_read(raw, sizeof(raw), &msg, &e), ERR_PROTOCOL, E1404);
	assert_rc_err(copy_message_read(raw, 0, &msg, &e), ERR_PROTOCOL, E1404);
	for (size_t len = 0; len < 25; len++)
	{
		uint8_t *part = unit_exact(raw, len);

		part[0] = 'w';
		assert_rc_err(copy_message_read(part, len, &msg, &e), ERR_PROTOCOL, E1404);
		part[0] = 'k';
		if (len < 18)
			assert_rc_err(copy_message_read(part, len, &msg, &e), ERR_PROTOCOL, E1404);
		free(part);
	}
}

static void
status_message_layout(void **state)
{
	static const uint8_t expected[STATUS_MESSAGE_LEN] = {
		'r', 0, 0, 0, 1, 0, 0, 0, 2,    0,    0,    0,    1,    0,    0,    0,    1,
		0,   0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 1};
	uint8_t out[STATUS_MESSAGE_LEN];

	(void) state;
	status_message_write(out, UINT64_C(0x100000002), UINT64_C(0x100000001), -2, true);
	assert_memory_equal(out, expected, sizeof(out));
	status_message_write(out, 0, 0, 0, false);
	assert_int_equal(out[33], 0);
}

static void
frames_come_one_after_another(void **state)
{
	struct buf    out = {0};
	struct buf    records = {0};
	struct cursor cur;
	struct cursor got;
	size_t        need;

	(void) state;
	buf_puts(&records, "first");
	fb_frame(&out, &records);
	fb_frame(&out, &records);
	buf_puts(&records, "third");
	fb_frame(&out, &records);
	cur = cursor_over(out.data, out.len);
	assert_rc_ok(frame_next(&cur, &got, &need, &e));
	assert_int_equal(cursor_left(&got), 5);
	assert_memory_equal(got.p, "first", 5);
	assert_rc_ok(frame_next(&cur, &got, &need, &e));
	assert_int_equal(cursor_left(&got), 0);
	assert_rc_ok(frame_next(&cur, &got, &need, &e));
	assert_memory_equal(got.p, "third", 5);
	assert_rc_again(frame_next(&cur, &got, &need, &e));
	assert_int_equal(need, WIRE_FRAME_HEADER);
	buf_free(&out);
	buf_free(&records);
}

static void
part_of_a_frame_waits_for_more(void **state)
{
	struct buf out = {0};
	struct buf records = {0};

	(void) state;
	buf_puts(&records, "0123456789");
	fb_frame(&out, &records);
	for (size_t len = 0; len < out.len; len++)
	{
		uint8_t      *part = unit_exact(out.data, len);
		struct cursor cur = cursor_over(part, len);
		struct cursor got;
		size_t        need = 0;

		assert_rc_again(frame_next(&cur, &got, &need, &e));
		assert_ptr_equal(cur.p, part);
		assert_false(cur.bad);
		assert_int_equal(need, len < WIRE_FRAME_HEADER ? WIRE_FRAME_HEADER : out.len);
		free(part);
	}
	buf_free(&out);
	buf_free(&records);
}

static enum rc
try_bytes(const char *bytes, size_t len)
{
	struct cursor cur = cursor_over(bytes, len);
	struct cursor got;
	size_t        need;

	return frame_next(&cur, &got, &need, &e);
}

static void
garbage_is_refused_at_its_first_byte(void **state)
{
	(void) state;
	assert_rc_err(try_bytes("B", 1), ERR_PROTOCOL, E1401);
	assert_rc_err(try_bytes("WX", 2), ERR_PROTOCOL, E1401);
	assert_rc_err(try_bytes("BEGIN 7\ntable", 13), ERR_PROTOCOL, E1401);
	assert_non_null(strstr(e.detail, "42 45 47 49 4e 20 37 0a"));
	assert_rc_err(try_bytes("WR\1\1\0\0\0\0", 8), ERR_PROTOCOL, E1401);
	assert_rc_err(try_bytes("WR\1\0\1\0\0\x20", 8), ERR_PROTOCOL, E1401); /* 512 MB and 1 */
	assert_rc_again(try_bytes("WR\1\0\0\0\0\x20", 8));
}

static void
other_versions_are_refused(void **state)
{
	(void) state;
	assert_rc_err(try_bytes("WR\0", 3), ERR_PROTOCOL, E1403);
	assert_rc_err(try_bytes("WR\2\0\0\0\0\0", 8), ERR_PROTOCOL, E1403);
	assert_true(e.hint[0] != '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xlogdata_is_taken_apart),
		cmocka_unit_test(keepalive_is_taken_apart),
		cmocka_unit_test(other_messages_are_refused),
		cmocka_unit_test(status_message_layout),
		cmocka_unit_test(frames_come_one_after_another),
		cmocka_unit_test(part_of_a_frame_waits_for_more),
		cmocka_unit_test(garbage_is_refused_at_its_first_byte),
		cmocka_unit_test(other_versions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
