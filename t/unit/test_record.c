/*
 * test_record.c
 *		Records as the reader shows them, the order it insists on, long values,
 *		tuples; and a whole stream cut and bent at every byte.
 */
#include "unit.h"

#include "catalog.h"
#include "dump.h"
#include "frame.h"
#include "record.h"
#include "sample.h"

#define LIMIT 1000 /* max_long of these tests */

static struct err    e;
static struct record rec;

/* A reader and the records it is given; what it borrows from stays until the end. */
struct fixture
{
	struct reader *rdr;
	struct buf     records;
	uint8_t       *exact[16];
	int            nexact;
	struct cursor  cur;
};

static int
setup(void **state)
{
	struct fixture *fix = calloc(1, sizeof(*fix));

	fix->rdr = reader_new(LIMIT);
	err_clear(&e);
	*state = fix;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fix = *state;

	for (int i = 0; i < fix->nexact; i++)
		free(fix->exact[i]);
	reader_free(fix->rdr);
	buf_free(&fix->records);
	free(fix);
	return 0;
}

/* Hands the records built so far to the reader, as a frame of their own. */
static void
feed(struct fixture *fix)
{
	uint8_t *exact = unit_exact(fix->records.data, fix->records.len);

	assert_true(fix->nexact < 16);
	fix->exact[fix->nexact++] = exact;
	fix->cur = cursor_over(exact, fix->records.len);
	buf_reset(&fix->records);
}

static enum rc
next(struct fixture *fix)
{
	return record_next(fix->rdr, &fix->cur, &rec, &e);
}

/* hello and begin, taken in. */
static void
open_transaction(struct fixture *fix)
{
	fb_hello(&fix->records);
	fb_begin(&fix->records, 7, 0, 1000, NULL, 0);
	feed(fix);
	assert_rc_ok(next(fix));
	assert_rc_ok(next(fix));
	assert_rc_again(next(fix));
}

static void
insert(struct buf *records, const uint8_t *states, uint32_t ncolumns, int64_t delta)
{
	struct buf row = {0};

	fb_tuple(&row, states, ncolumns);
	fb_change(records, WIRE_INSERT, 3, delta, 0, NULL, &row);
	buf_free(&row);
}

static void
hello_comes_back(void **state)
{
	struct fixture *fix = *state;
	struct str      value;

	fb_hello(&fix->records);
	feed(fix);
	assert_rc_ok(next(fix));
	assert_int_equal(rec.kind, WIRE_HELLO);
	assert_int_equal(rec.hello.protocol, 1);
	assert_int_equal(rec.hello.server_version, 150020);
	assert_true(rec.hello.flush_idle);
	assert_int_equal(rec.hello.frame_bytes, 16384);
	assert_true(rec.hello.options_hash == UINT64_C(0x0123456789abcdef));
	assert_int_equal(rec.hello.database_oid, 16384);
	assert_str_is(rec.hello.database, "shop");
	assert_str_is(rec.hello.encoding, "UTF8");
	assert_str_is(rec.hello.plugin_version, "0.1.0");
	assert_int_equal(rec.hello.nsettings, 2);
	assert_true(hello_setting(&rec.hello, "TimeZone", &value));
	assert_str_is(value, "UTC");
	assert_true(hello_setting(&rec.hello, "DateStyle", &value));
	assert_str_is(value, "ISO, MDY");
	assert_false(hello_setting(&rec.hello, "TimeZon", &value));
	assert_str_is(value, "");
	assert_false(hello_setting(&rec.hello, "UTC", &value));
	assert_str_is(cursor_str(&rec.hello.settings), "DateStyle");
	assert_str_is(cursor_str(&rec.hello.settings), "ISO, MDY");
	assert_str_is(cursor_str(&rec.hello.settings), "TimeZone");
	assert_str_is(cursor_str(&rec.hello.settings), "UTC");
	assert_int_equal(cursor_left(&rec.hello.settings), 0);
	assert_rc_again(next(fix));
}

static void
hello_of_another_version(void **state)
{
	struct fixture *fix = *state;
	struct buf      body = {0};

	fb_uv(&body, 2);
	buf_puts(&body, "a layout that nobody here knows");
	fb_record(&fix->records, WIRE_HELLO, &body);
	feed(fix);
	assert_rc_err(next(fix), ERR_PROTOCOL, E1403);
	buf_free(&body);
}

static void
begin_says_where_the_commit_record_is(void **state)
{
	struct fixture *fix = *state;
	struct buf      body = {0};

	fb_hello(&fix->records);
	fb_uv(&body, 7);
	fb_u64(&body, 0);
	fb_u64(&body, 0x16B374D48);
	buf_put_u8(&body, 0);
	fb_uv(&body, 0x288);
	fb_record(&fix->records, WIRE_BEGIN, &body);
	fb_commit(&fix->records, 0x16B375000, 0x16B374FD0);
	feed(fix);
	assert_rc_ok(next(fix));
	assert_rc_ok(next(fix));
	assert_true(rec.begin.commit_lsn == 0x16B374FD0);
	buf_free(&body);
}

static void
transaction_comes_back(void **state)
{
	struct fixture *fix = *state;

	fb_hello(&fix->records);
	fb_begin(&fix->records, 4294967295u, -5, 0x16B374D48, "node", 0x2A00000001);
	fb_commit(&fix->records, 0x16B375000, 0x16B374FD0);
	feed(fix);
	assert_rc_ok(next(fix));
	assert_false(reader_in_transaction(fix->rdr));
	assert_rc_ok(next(fix));
	assert_int_equal(rec.kind, WIRE_BEGIN);
	assert_true(reader_in_transaction(fix->rdr));
	assert_true(rec.begin.xid == 4294967295u);
	assert_true(rec.begin.commit_us == WIRE_EPOCH_US - 5);
	assert_true(rec.begin.lsn == 0x16B374D48);
	assert_true(rec.begin.has_origin);
	assert_str_is(rec.begin.origin, "node");
	assert_true(rec.begin.origin_lsn == 0x2A00000001);
	assert_true(rec.begin.commit_lsn == 0); /* an older plugin does not say */
	assert_rc_ok(next(fix));
	assert_int_equal(rec.kind, WIRE_COMMIT);
	assert_true(rec.commit.end_lsn == 0x16B375000);
	assert_true(rec.commit.commit_lsn == 0x16B374FD0);
	assert_false(reader_in_transaction(fix->rdr));
	assert_rc_again(next(fix));
}

static void
deltas_add_up_over_frames(void **state)
{
	static const int64_t deltas[] = {0, 5, -10, 0, INT64_C(1) << 40};
	struct fixture      *fix = *state;
	uint64_t             lsn = 1000;

	open_transaction(fix);
	for (size_t i = 0; i < 5; i++)
	{
		insert(&fix->records, (const uint8_t[]){WIRE_STATE_NULL}, 1, deltas[i]);
		fb_relation(&fix->records, &sample_two); /* takes no part */
		feed(fix);
		lsn += (uint64_t) deltas[i];
		assert_rc_ok(next(fix));
		assert_int_equal(rec.kind, WIRE_INSERT);
		assert_int_equal(rec.change.relation, 3);
		assert_true(rec.change.lsn == lsn);
		assert_rc_ok(next(fix));
		assert_int_equal(rec.kind, WIRE_RELATION);
		assert_rc_again(next(fix));
	}
	fb_truncate(&fix->records, 1, WIRE_TRUNCATE_CASCADE, 3, (const uint32_t[]){1, 300, 5});
	fb_message(&fix->records, true, 77, "p", "c"); /* neither does a message */
	fb_truncate(&fix->records, 1, WIRE_TRUNCATE_RESTART_IDENTITY, 1, (const uint32_t[]){9});
	feed(fix);
	assert_rc_ok(next(fix));
	assert_true(rec.truncate.lsn == lsn + 1);
	assert_true(rec.truncate.cascade);
	assert_false(rec.truncate.restart_identity);
	assert_int_equal(rec.truncate.nrelations, 3);
	assert_int_equal(cursor_uv(&rec.truncate.relations), 1);
	assert_int_equal(cursor_uv(&rec.truncate.relations), 300);
	assert_int_equal(cursor_uv(&rec.truncate.relations), 5);
	assert_int_equal(cursor_left(&rec.truncate.relations), 0);
	assert_rc_ok(next(fix));
	assert_true(rec.message.transactional);
	assert_true(rec.message.lsn == 77);
	assert_str_is(rec.message.prefix, "p");
	assert_str_is(rec.message.content, "c");
	assert_rc_ok(next(fix));
	assert_true(rec.truncate.lsn == lsn + 2);
	assert_true(rec.truncate.restart_identity);
}

static void
deltas_start_anew_with_each_transaction(void **state)
{
	struct fixture *fix = *state;

	open_transaction(fix);
	insert(&fix->records, (const uint8_t[]){WIRE_STATE_NULL}, 1, 500);
	fb_commit(&fix->records, 2000, 1990);
	fb_begin(&fix->records, 8, 0, 1200, NULL, 0);
	insert(&fix->records, (const uint8_t[]){WIRE_STATE_NULL}, 1, 3);
	feed(fix);
	for (int i = 0; i < 4; i++)
		assert_rc_ok(next(fix));
	assert_true(rec.change.lsn == 1203);
}

static void
old_tuples_come_back(void **state)
{
	struct fixture *fix = *state;
	struct buf      old = {0};
	struct buf      row = {0};

	buf_puts(&old, "p-old");
	buf_puts(&row, "p-new tuple");
	open_transaction(fix);
	fb_change(&fix->records, WIRE_UPDATE, 1, 0, WIRE_OLD_KEY, &old, &row);
	fb_change(&fix->records, WIRE_UPDATE, 1, 0, WIRE_OLD_FULL, &old, &row);
	fb_change(&fix->records, WIRE_UPDATE, 1, 0, WIRE_OLD_NONE, NULL, &row);
	fb_change(&fix->records, WIRE_DELETE, 1, 0, WIRE_OLD_KEY, &old, NULL);
	fb_change(&fix->records, WIRE_DELETE, 1, 0, WIRE_OLD_NONE, NULL, NULL);
	feed(fix);
	for (int i = 0; i < 5; i++)
	{
		static const enum wire_old kinds[] = {WIRE_OLD_KEY, WIRE_OLD_FULL, WIRE_OLD_NONE,
											  WIRE_OLD_KEY, WIRE_OLD_NONE};
		size_t                     old_len = kinds[i] == WIRE_OLD_NONE ? 0 : old.len;
		size_t                     new_len = i < 3 ? row.len : 0;

		assert_rc_ok(next(fix));
		assert_int_equal(rec.change.kind, i < 3 ? WIRE_UPDATE : WIRE_DELETE);
		assert_int_equal(rec.change.old_kind, kinds[i]);
		assert_int_equal(cursor_left(&rec.change.old_tuple), old_len);
		assert_memory_equal(rec.change.old_tuple.p, old.data, old_len);
		assert_int_equal(cursor_left(&rec.change.new_tuple), new_len);
		assert_memory_equal(rec.change.new_tuple.p, row.data, new_len);
		assert_int_equal(rec.change.nlongs, 0);
	}
	buf_free(&old);
	buf_free(&row);
}

/* One record after hello, inside a transaction or outside, and the code it is refused with. */
static void
expect_refusal(bool inside, const struct buf *records, enum err_code code)
{
	struct fixture *fix;
	void           *state;

	setup(&state);
	fix = state;
	open_transaction(fix);
	if (!inside)
	{
		fb_commit(&fix->records, 2000, 2000);
		feed(fix);
		assert_rc_ok(next(fix));
	}
	buf_put(&fix->records, records->data, records->len);
	feed(fix);
	assert_rc_err(next(fix), ERR_PROTOCOL, code);
	teardown(&state);
}

#define REFUSED(inside_, code_, put_)             \
	do                                            \
	{                                             \
		struct buf records = {0};                 \
		put_;                                     \
		expect_refusal(inside_, &records, code_); \
		buf_free(&records);                       \
	} while (0)

static void
order_is_kept(void **state)
{
	static const uint8_t null_row[] = {WIRE_STATE_NULL};

	(void) state;
	REFUSED(true, E1405, fb_hello(&records));
	REFUSED(false, E1405, fb_hello(&records));
	REFUSED(true, E1405, fb_begin(&records, 8, 0, 0, NULL, 0));
	REFUSED(false, E1405, fb_commit(&records, 3000, 3000));
	REFUSED(true, E1405, fb_mark(&records, 1));
	REFUSED(false, E1405, insert(&records, null_row, 1, 0));
	REFUSED(false, E1405, fb_change(&records, WIRE_DELETE, 1, 0, WIRE_OLD_NONE, NULL, NULL));
	REFUSED(false, E1405, fb_truncate(&records, 0, 0, 1, (const uint32_t[]){1}));
	REFUSED(true, E1405, fb_message(&records, false, 1, "p", "c"));
	REFUSED(false, E1405, fb_message(&records, true, 1, "p", "c"));
}

static void
nothing_comes_before_hello(void **state)
{
	static const char kinds[] = "BCRIUDTMLKZ";

	(void) state;
	for (const char *kind = kinds; *kind; kind++)
	{
		struct reader *rdr = reader_new(LIMIT);
		uint8_t        bytes[] = {(uint8_t) *kind, 0};
		struct cursor  cur = cursor_over(bytes, 2);

		assert_rc_err(record_next(rdr, &cur, &rec, &e), ERR_PROTOCOL, E1405);
		reader_free(rdr);
	}
}

static void
reserved_kinds_are_refused(void **state)
{
	static const char kinds[] = "secaPpr";

	(void) state;
	for (const char *kind = kinds; *kind; kind++)
		REFUSED(true, E1403, buf_put(&records, (const uint8_t[]){(uint8_t) *kind, 0}, 2));
}

static void
unknown_kinds_are_passed_over(void **state)
{
	struct fixture *fix = *state;
	struct buf      body = {0};

	open_transaction(fix);
	buf_puts(&body, "whatever");
	fb_record(&fix->records, 'Z', &body);
	fb_record(&fix->records, 0, &body);
	fb_long(&fix->records, true, 1, "x", 1);
	fb_record(&fix->records, 'Y', &body); /* even between a long value and its row */
	insert(&fix->records, (const uint8_t[]){WIRE_STATE_LONG}, 1, 0);
	fb_record(&fix->records, 255, &body);
	feed(fix);
	assert_rc_ok(next(fix));
	assert_int_equal(rec.kind, WIRE_INSERT);
	assert_int_equal(rec.change.nlongs, 1);
	assert_rc_again(next(fix));
	buf_free(&body);
}

static void
bytes_behind_known_fields_are_passed_over(void **state)
{
	struct fixture *fix = *state;
	struct buf      sample = {0};
	struct buf      bodies = {0};
	struct cursor   cur;

	fb_hello(&sample);
	fb_mark(&sample, 5);
	fb_message(&sample, false, 6, "p", "c");
	fb_begin(&sample, 1, 2, 3, NULL, 0);
	fb_truncate(&sample, 0, 0, 1, (const uint32_t[]){1});
	fb_commit(&sample, 9, 9);
	cur = cursor_over(sample.data, sample.len);
	while (cursor_left(&cur) > 0)
	{
		int        kind = cursor_u8(&cur);
		struct str body = cursor_str(&cur);

		buf_put(&bodies, body.data, body.len);
		buf_puts(&bodies, "a field of tomorrow");
		fb_record(&fix->records, kind, &bodies);
	}
	feed(fix);
	for (const char *kind = "HKMBTC"; *kind; kind++)
	{
		assert_rc_ok(next(fix));
		assert_int_equal(rec.kind, *kind);
		if (rec.kind == WIRE_TRUNCATE)
			assert_int_equal(cursor_left(&rec.truncate.relations), 1);
	}
	assert_rc_again(next(fix));
	buf_free(&sample);
	buf_free(&bodies);
}

static void
numbers_beyond_their_width_are_refused(void **state)
{
	struct buf body = {0};

	(void) state;
	REFUSED(true, E1404,
			(fb_uv(&body, (uint64_t) UINT32_MAX + 1), fb_sv(&body, 0), buf_puts(&body, "p"),
			 fb_record(&records, WIRE_INSERT, &body)));
	REFUSED(false, E1404,
			(fb_uv(&body, (uint64_t) UINT32_MAX + 1), fb_u64(&body, 0), fb_u64(&body, 0),
			 buf_put_u8(&body, 0), fb_record(&records, WIRE_BEGIN, &body)));
	REFUSED(true, E1404,
			(fb_u64(&body, 5), fb_uv(&body, 6), fb_record(&records, WIRE_COMMIT, &body)));
	REFUSED(true, E1404,
			(fb_sv(&body, 0), buf_put_u8(&body, 0), fb_uv(&body, 3), buf_puts(&body, "ab"),
			 fb_record(&records, WIRE_TRUNCATE, &body)));
	REFUSED(true, E1404,
			(fb_sv(&body, 0), buf_put_u8(&body, 0), fb_uv(&body, UINT64_MAX),
			 fb_record(&records, WIRE_TRUNCATE, &body)));
	REFUSED(true, E1404,
			(fb_uv(&body, 1), fb_sv(&body, 0), buf_puts(&body, "?p"),
			 fb_record(&records, WIRE_DELETE, &body)));
	REFUSED(true, E1404, buf_put(&records, "I\x05pp", 4)); /* longer than its frame */
	REFUSED(true, E1404, buf_put(&records, "I", 1));
	buf_free(&body);
}

static void
long_values_are_put_together(void **state)
{
	static const uint8_t states[] = {WIRE_STATE_LONG, WIRE_STATE_NULL, WIRE_STATE_LONG};
	struct fixture      *fix = *state;
	const struct str    *longs;

	open_transaction(fix);
	for (int round = 0; round < 3; round++)
	{
		fb_long(&fix->records, false, 6, "ab", 2);
		feed(fix);
		assert_rc_again(next(fix));
		fb_long(&fix->records, false, 6, "", 0);
		fb_long(&fix->records, false, 6, "cd", 2);
		feed(fix);
		assert_rc_again(next(fix));
		fb_long(&fix->records, true, 6, "ef", 2);
		fb_relation(&fix->records, &sample_two);
		fb_long(&fix->records, true, 0, "", 0);
		insert(&fix->records, states, 3, 0);
		insert(&fix->records, states + 1, 1, 0);
		feed(fix);
		assert_rc_ok(next(fix));
		assert_int_equal(rec.kind, WIRE_RELATION);
		assert_rc_ok(next(fix));
		assert_int_equal(rec.kind, WIRE_INSERT);
		longs = rec.change.longs;
		assert_int_equal(rec.change.nlongs, 2);
		assert_str_is(longs[0], "abcdef");
		assert_str_is(longs[1], "");
		assert_rc_ok(next(fix));
		assert_int_equal(rec.change.nlongs, 0);
		assert_rc_again(next(fix));
	}
}

static void
long_message_outside_a_transaction(void **state)
{
	struct fixture *fix = *state;

	fb_hello(&fix->records);
	fb_long(&fix->records, true, 3, "abc", 3);
	fb_message(&fix->records, false, 9, "p", NULL);
	fb_mark(&fix->records, 10);
	feed(fix);
	assert_rc_ok(next(fix));
	assert_rc_ok(next(fix));
	assert_str_is(rec.message.content, "abc");
	assert_rc_ok(next(fix));
	assert_int_equal(rec.kind, WIRE_MARK);
	assert_true(rec.mark == 10);
}

static void
long_values_in_disorder(void **state)
{
	static const uint8_t states[] = {WIRE_STATE_LONG};
	static const uint8_t null[] = {WIRE_STATE_NULL};

	(void) state;
	/* unfinished where something else comes */
	REFUSED(true, E1405, (fb_long(&records, false, 2, "a", 1), insert(&records, states, 1, 0)));
	REFUSED(true, E1405, (fb_long(&records, false, 2, "a", 1), fb_commit(&records, 9, 9)));
	REFUSED(false, E1405, (fb_long(&records, false, 2, "a", 1), fb_mark(&records, 9)));
	REFUSED(true, E1405,
			(fb_long(&records, false, 2, "a", 1), fb_message(&records, true, 9, "p", NULL)));
	/* finished, used by nobody */
	REFUSED(true, E1405, (fb_long(&records, true, 1, "a", 1), insert(&records, null, 1, 0)));
	REFUSED(true, E1405,
			(fb_long(&records, true, 1, "a", 1),
			 fb_change(&records, WIRE_DELETE, 1, 0, WIRE_OLD_NONE, NULL, NULL)));
	REFUSED(true, E1405, (fb_long(&records, true, 1, "a", 1), fb_commit(&records, 9, 9)));
	REFUSED(false, E1405,
			(fb_long(&records, true, 1, "a", 1), fb_begin(&records, 9, 0, 0, NULL, 0)));
	REFUSED(false, E1405, (fb_long(&records, true, 1, "a", 1), fb_mark(&records, 9)));
	REFUSED(true, E1405,
			(fb_long(&records, true, 1, "a", 1),
			 fb_truncate(&records, 0, 0, 1, (const uint32_t[]){1})));
	REFUSED(true, E1405,
			(fb_long(&records, true, 1, "a", 1), fb_message(&records, true, 9, "p", "c")));
	REFUSED(true, E1405,
			(fb_long(&records, true, 1, "a", 1), fb_long(&records, true, 1, "a", 1),
			 fb_message(&records, true, 9, "p", NULL)));
	/* missing */
	REFUSED(true, E1405, fb_message(&records, true, 9, "p", NULL));
}

static void
long_values_that_do_not_add_up(void **state)
{
	(void) state;
	REFUSED(true, E1404, fb_long(&records, true, 3, "ab", 2));
	REFUSED(true, E1404, fb_long(&records, false, 1, "ab", 2));
	REFUSED(true, E1404, fb_long(&records, true, 1, "ab", 2));
	REFUSED(true, E1404,
			(fb_long(&records, false, 4, "ab", 2), fb_long(&records, true, 4, "c", 1)));
	REFUSED(true, E1404,
			(fb_long(&records, false, 4, "ab", 2), fb_long(&records, true, 4, "cde", 3)));
	REFUSED(true, E1404,
			(fb_long(&records, false, 4, "ab", 2), fb_long(&records, true, 5, "cde", 3)));
	REFUSED(true, E1404, buf_put(&records, "L\x03\x02\x01x", 5));
}

static void
long_value_above_the_limit(void **state)
{
	char text[LIMIT] = {0};

	(void) state;
	REFUSED(true, E1604, fb_long(&records, false, LIMIT + 1, "a", 1));
	assert_non_null(strstr(e.msg, "1001"));
	assert_non_null(strstr(e.msg, "1000"));
	assert_non_null(strstr(e.hint, "max.value.bytes"));
	/* exactly the limit passes: what is refused is the row that has no use for it */
	REFUSED(true, E1405, (fb_long(&records, true, LIMIT, text, LIMIT), fb_commit(&records, 9, 9)));
}

/* Where others go on without it: nothing of it is kept, and its row says so. */
static void
long_value_above_the_limit_is_left_out(void **state)
{
	static const uint8_t states[] = {WIRE_STATE_LONG, WIRE_STATE_LONG};
	struct fixture      *fix = *state;

	reader_leave_out_long(fix->rdr);
	open_transaction(fix);
	fb_long(&fix->records, false, LIMIT + 2, "a", 1);
	for (int i = 0; i < LIMIT; i++)
		fb_long(&fix->records, false, LIMIT + 2, "b", 1);
	fb_long(&fix->records, true, LIMIT + 2, "c", 1);
	fb_long(&fix->records, true, 2, "ok", 2);
	insert(&fix->records, states, 2, 0);
	insert(&fix->records, (const uint8_t[]){WIRE_STATE_NULL}, 1, 0);
	fb_long(&fix->records, true, LIMIT + 1, "too short", 9);
	feed(fix);
	assert_rc_ok(next(fix));
	assert_int_equal(rec.change.nlongs, 2);
	assert_int_equal(rec.change.too_long, LIMIT + 2);
	assert_null(rec.change.longs[0].data);
	assert_str_is(rec.change.longs[1], "ok");
	assert_rc_ok(next(fix));
	assert_int_equal(rec.change.too_long, 0);
	assert_rc_err(next(fix), ERR_PROTOCOL, E1404);
}

/* A claimed total must not become an allocation. */
static void
long_value_claims_all_memory(void **state)
{
	struct reader *rdr = reader_new(UINT64_MAX);
	struct buf     records = {0};
	struct cursor  cur;

	(void) state;
	fb_hello(&records);
	fb_long(&records, false, UINT64_MAX, "a", 1);
	cur = cursor_over(records.data, records.len);
	assert_rc_ok(record_next(rdr, &cur, &rec, &e));
	assert_rc_again(record_next(rdr, &cur, &rec, &e));
	reader_free(rdr);
	buf_free(&records);
}

static void
more_long_values_than_columns(void **state)
{
	struct fixture *fix = *state;

	open_transaction(fix);
	for (int i = 0; i < 4000; i++)
		fb_long(&fix->records, true, 0, "", 0);
	feed(fix);
	assert_rc_err(next(fix), ERR_PROTOCOL, E1405);
}

static void
tuple_states_of_every_form(void **state)
{
	(void) state;
	for (uint32_t ncolumns = 0; ncolumns < 70; ncolumns++)
		for (int most = 0; most <= WIRE_STATE_UNSENDABLE; most++)
		{
			uint8_t      states[70];
			struct buf   out = {0};
			struct tuple tup;
			uint8_t     *exact;

			for (uint32_t i = 0; i < ncolumns; i++)
				states[i] = (uint8_t) ((i * 7 + 3) % (unsigned) (most + 1));
			fb_tuple(&out, states, ncolumns);
			buf_puts(&out, "values");
			exact = unit_exact(out.data, out.len);
			assert_rc_ok(tuple_open(cursor_over(exact, out.len), ncolumns, &tup, &e));
			for (uint32_t i = 0; i < ncolumns; i++)
				assert_int_equal(tuple_state(&tup, i), states[i]);
			assert_int_equal(cursor_left(&tup.values), 6);
			assert_memory_equal(tup.values.p, "values", 6);
			for (size_t len = 0; len < out.len - 6; len++)
			{
				uint8_t *part = unit_exact(out.data, len);

				assert_rc_err(tuple_open(cursor_over(part, len), ncolumns, &tup, &e), ERR_PROTOCOL,
							  E1404);
				free(part);
			}
			free(exact);
			buf_free(&out);
		}
}

static void
tuples_of_unknown_form(void **state)
{
	struct tuple tup;

	(void) state;
	assert_rc_err(tuple_open(cursor_over("x", 1), 0, &tup, &e), ERR_PROTOCOL, E1404);
	assert_rc_err(tuple_open(cursor_over("s\x60", 2), 2, &tup, &e), ERR_PROTOCOL, E1404);
	assert_rc_ok(tuple_open(cursor_over("s\x65", 2), 1, &tup, &e)); /* behind the last column */
	assert_rc_err(tuple_open(cursor_over("n", 1), UINT32_MAX, &tup, &e), ERR_PROTOCOL, E1404);
}

/* A change that record_next() has shown is the next one that record_skip() finds. */
static void
check_skip(struct cursor *ahead, const struct change *chg)
{
	uint32_t relation;

	while (!record_skip(ahead, &relation))
		assert_true(cursor_left(ahead) > 0);
	assert_int_equal(relation, chg->relation);
}

/* Everything that reads a stream, to the first error or the end. */
static enum rc
run_stream(const void *data, size_t len, FILE *sink)
{
	struct reader *rdr = reader_new(LIMIT);
	struct dump   *dump = dump_new(sink, 0);
	struct cursor  cur = cursor_over(data, len);
	struct cursor  records;
	uint32_t       relation;
	size_t         need;
	enum rc        rc;

	while ((rc = frame_next(&cur, &records, &need, &e)) == RC_OK)
	{
		struct cursor ahead = records;

		while ((rc = record_next(rdr, &records, &rec, &e)) == RC_OK)
		{
			if (rec.kind == WIRE_INSERT || rec.kind == WIRE_UPDATE || rec.kind == WIRE_DELETE)
				check_skip(&ahead, &rec.change);
			if ((rc = dump_record(dump, &rec, &e)) != RC_OK)
				break;
		}
		while (cursor_left(&ahead) > 0)
			(void) record_skip(&ahead, &relation); /* what follows an error, too */
		if (rc == RC_ERR)
			break;
		if (cur.p < cur.end && *cur.p == '\n')
			cur.p++;
	}
	dump_free(dump);
	reader_free(rdr);
	return rc;
}

/* The sample's records as one frame. */
static void
sample_frame(struct buf *out)
{
	struct buf records = {0};

	fb_hello(&records);
	sample_forms(&records);
	sample_states(&records);
	sample_others(&records);
	fb_frame(out, &records);
	buf_free(&records);
}

static unsigned
count_records(const struct buf *whole)
{
	struct cursor cur =
		cursor_over(whole->data + WIRE_FRAME_HEADER, whole->len - WIRE_FRAME_HEADER);
	unsigned count = 0;

	for (; cursor_left(&cur) > 0; count++)
	{
		cursor_u8(&cur);
		cursor_str(&cur);
	}
	assert_false(cur.bad);
	return count;
}

static void
frame_cut_at_every_byte(void **state)
{
	FILE      *sink = fopen("/dev/null", "w");
	struct buf whole = {0};
	unsigned   boundaries = 0;

	(void) state;
	sample_frame(&whole);
	assert_rc_again(run_stream(whole.data, whole.len, sink));
	for (size_t len = 0; len < whole.len; len++)
	{
		uint8_t *part = unit_exact(whole.data, len);

		/* as it would arrive: not there yet */
		assert_rc_again(run_stream(part, len, sink));
		/* as a frame that says it is whole: an error, unless a record ends here */
		if (len >= WIRE_FRAME_HEADER)
		{
			uint32_t claim = (uint32_t) len - WIRE_FRAME_HEADER;

			for (int i = 0; i < 4; i++)
				part[4 + i] = (uint8_t) (claim >> (8 * i));
			if (run_stream(part, len, sink) == RC_AGAIN)
				boundaries++;
			else
				assert_int_equal(e.class, ERR_PROTOCOL);
		}
		free(part);
	}
	assert_int_equal(boundaries, count_records(&whole));
	buf_free(&whole);
	fclose(sink);
}

/* Shortens the nth record by cut bytes; whole: the stream as one frame. */
static bool
shorten(const struct buf *whole, unsigned nth, size_t cut, struct buf *out)
{
	struct cursor cur =
		cursor_over(whole->data + WIRE_FRAME_HEADER, whole->len - WIRE_FRAME_HEADER);
	struct buf records = {0};
	struct buf body = {0};
	bool       shortened = false;

	for (unsigned i = 0; cursor_left(&cur) > 0; i++)
	{
		int        kind = cursor_u8(&cur);
		struct str str = cursor_str(&cur);
		size_t     len = str.len;

		if (i == nth && kind != 'Z' && cut <= len)
		{
			len -= cut;
			shortened = true;
		}
		buf_put(&body, str.data, len);
		fb_record(&records, kind, &body);
	}
	fb_frame(out, &records);
	buf_free(&records);
	buf_free(&body);
	return shortened;
}

static void
record_cut_at_every_byte(void **state)
{
	FILE      *sink = fopen("/dev/null", "w");
	struct buf whole = {0};
	struct buf bent = {0};
	unsigned   count = 0;

	(void) state;
	sample_frame(&whole);
	for (unsigned nth = 0; nth < count_records(&whole); nth++)
		for (size_t cut = 1;; cut++)
		{
			uint8_t *exact;

			buf_reset(&bent);
			if (!shorten(&whole, nth, cut, &bent))
				break;
			exact = unit_exact(bent.data, bent.len);
			if (run_stream(exact, bent.len, sink) != RC_ERR)
				fail_msg("record %u less %zu bytes was accepted", nth, cut);
			assert_int_equal(e.class, ERR_PROTOCOL);
			free(exact);
			count++;
		}
	assert_true(count > 1000);
	buf_free(&whole);
	buf_free(&bent);
	fclose(sink);
}

/* Any one bit may be wrong: an answer, whichever, and no byte read outside. */
static void
every_bit_flipped(void **state)
{
	FILE      *sink = fopen("/dev/null", "w");
	struct buf whole = {0};

	(void) state;
	sample_frame(&whole);
	for (size_t i = 0; i < whole.len; i++)
		for (int bit = 0; bit < 8; bit++)
		{
			uint8_t *exact = unit_exact(whole.data, whole.len);
			enum rc  rc;

			exact[i] ^= (uint8_t) (1 << bit);
			rc = run_stream(exact, whole.len, sink);
			assert_true(rc == RC_AGAIN || (rc == RC_ERR && e.class == ERR_PROTOCOL));
			free(exact);
		}
	buf_free(&whole);
	fclose(sink);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hello_comes_back),
		TEST(hello_of_another_version),
		TEST(begin_says_where_the_commit_record_is),
		TEST(transaction_comes_back),
		TEST(deltas_add_up_over_frames),
		TEST(deltas_start_anew_with_each_transaction),
		TEST(old_tuples_come_back),
		TEST(order_is_kept),
		TEST(nothing_comes_before_hello),
		TEST(reserved_kinds_are_refused),
		TEST(unknown_kinds_are_passed_over),
		TEST(bytes_behind_known_fields_are_passed_over),
		TEST(numbers_beyond_their_width_are_refused),
		TEST(long_values_are_put_together),
		TEST(long_message_outside_a_transaction),
		TEST(long_value_above_the_limit_is_left_out),
		TEST(long_values_in_disorder),
		TEST(long_values_that_do_not_add_up),
		TEST(long_value_above_the_limit),
		TEST(long_value_claims_all_memory),
		TEST(more_long_values_than_columns),
		TEST(tuple_states_of_every_form),
		TEST(tuples_of_unknown_form),
		TEST(frame_cut_at_every_byte),
		TEST(record_cut_at_every_byte),
		TEST(every_bit_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
