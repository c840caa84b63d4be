/*
 * test_dump.c
 *		The readable form: the golden dump of the sample stream, the flags, the
 *		quoting, rows that do not fit their relation; and captures, whole, joined
 *		and cut off.
 *
 * After a wanted change: build/t/unit/test_dump --write renews t/golden/frames.*.
 */
#include "unit.h"

#include "capture.h"
#include "quote.h"
#include "sample.h"

#define GOLDEN_BIN "t/golden/frames.bin"
#define GOLDEN_TXT "t/golden/frames.txt"

static struct err e;

/* Decodes a capture; the lines in *text, which the caller frees. */
static enum rc
decode(const void *data, size_t len, unsigned flags, char **text)
{
	size_t size;
	FILE  *in = len > 0 ? fmemopen((void *) (uintptr_t) data, len, "rb") : fopen("/dev/null", "r");
	FILE  *out = open_memstream(text, &size);
	struct dump *dump = dump_new(out, flags);
	enum rc      rc = capture_decode(in, "cap", dump, &e);

	dump_free(dump);
	fclose(out);
	fclose(in);
	return rc;
}

static void
golden_bytes_have_not_changed(void **state)
{
	struct buf golden = unit_file(GOLDEN_BIN);
	struct buf sample = {0};

	(void) state;
	sample_stream(&sample);
	assert_int_equal(golden.len, sample.len);
	assert_memory_equal(golden.data, sample.data, sample.len);
	buf_free(&golden);
	buf_free(&sample);
}

static void
golden_dump(void **state)
{
	struct buf bin = unit_file(GOLDEN_BIN);
	struct buf txt = unit_file(GOLDEN_TXT);
	char      *text;

	(void) state;
	assert_rc_ok(decode(bin.data, bin.len, 0, &text));
	assert_string_equal(text, buf_cstr(&txt));
	free(text);
	buf_free(&bin);
	buf_free(&txt);
}

static void
flags_leave_out_what_varies(void **state)
{
	struct buf sample = {0};
	char      *text;

	(void) state;
	sample_stream(&sample);
	assert_rc_ok(decode(sample.data, sample.len,
						DUMP_NO_LSN | DUMP_NO_XIDS | DUMP_NO_TIMESTAMP | DUMP_NO_RELATIONS |
							DUMP_NO_HELLO | DUMP_NO_MARKS,
						&text));
	assert_null(strchr(text, '@'));
	assert_null(strstr(text, "RELATION"));
	assert_null(strstr(text, "HELLO"));
	assert_null(strstr(text, "MARK"));
	assert_memory_equal(text, "BEGIN\nINSERT public.every: id=1 ", 32);
	assert_non_null(
		strstr(text, "\nCOMMIT\nBEGIN origin 'node ''b'''\nUPDATE public.every: old-key(id=1) "
					 "id=2 "));
	assert_non_null(
		strstr(text, "\nTRUNCATE public.two\nMESSAGE 'app' transactional: ''\nCOMMIT\n"));
	free(text);
	buf_free(&sample);
}

static void
expect_quoted(const char *data, size_t len, const char *expected)
{
	struct buf out = {0};

	quote_literal(&out, data, len);
	assert_string_equal(buf_cstr(&out), expected);
	buf_free(&out);
}

static void
expect_name(const char *name, const char *expected)
{
	struct buf out = {0};

	quote_name(&out, name);
	assert_string_equal(buf_cstr(&out), expected);
	buf_free(&out);
}

static void
quoting(void **state)
{
	(void) state;
	expect_quoted("", 0, "''");
	expect_quoted("it's", 4, "'it''s'");
	expect_quoted("back\\slash", 10, "'back\\slash'");
	expect_quoted("a\nb\tc\\d'\x01\0", 10, "E'a\\nb\\tc\\\\d''\\x01\\x00'");
	expect_name("plain_1", "plain_1");
	expect_name("_x", "_x");
	expect_name("1x", "\"1x\"");
	expect_name("Mixed", "\"Mixed\"");
	expect_name("a\"b", "\"a\"\"b\"");
	expect_name("", "\"\"");
	expect_name("order", "\"order\"");
	expect_name("all", "\"all\"");
	expect_name("xmltable", "\"xmltable\"");
	expect_name("or", "\"or\"");
	expect_name("orde", "orde");
	expect_name("name", "name");
	expect_name("gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"");
}

static void
utf8_is_what_postgres_takes(void **state)
{
	static const char *good[] = {"",
								 "a",
								 "\xc2\x80",
								 "\xdf\xbf",
								 "\xe0\xa0\x80",
								 "\xed\x9f\xbf",
								 "\xef\xbf\xbf",
								 "\xf0\x90\x80\x80",
								 "\xf4\x8f\xbf\xbf"};
	static const char *bad[] = {"\x80",
								"\xc0\x80",
								"\xc1\xbf",
								"\xc2",
								"\xc2\x41",
								"\xe0\x9f\x80",
								"\xed\xa0\x80",
								"\xe2\x82",
								"\xe2\x82\x41",
								"\xf0\x8f\x80\x80",
								"\xf4\x90\x80\x80",
								"\xf5\x80\x80\x80",
								"\xf0\x9f\x98",
								"\xff"};

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(utf8_valid((const uint8_t *) good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
	{
		uint8_t *exact = unit_exact(bad[i], strlen(bad[i]));

		assert_false(utf8_valid(exact, strlen(bad[i])));
		free(exact);
	}
	assert_false(utf8_valid((const uint8_t *) "a\0b", 3));
}

static void
message_of_bytes(void **state)
{
	struct buf records = {0};
	struct buf out = {0};
	char      *text;

	(void) state;
	fb_hello(&records);
	fb_message(&records, false, 1, "p", "\xff\x01");
	fb_frame(&out, &records);
	assert_rc_ok(decode(out.data, out.len, DUMP_NO_HELLO | DUMP_NO_LSN, &text));
	assert_string_equal(text, "MESSAGE 'p' immediate: '\\xff01'\n");
	free(text);
	buf_free(&records);
	buf_free(&out);
}

/* Records that begin as a stream's do. */
static struct buf
records_begin(void)
{
	struct buf records = {0};

	fb_hello(&records);
	fb_begin(&records, 1, 0, 0, NULL, 0);
	return records;
}

/* The dump refuses these records, in a frame after what is in out; both are freed. */
static void
frame_refused(struct buf *out, struct buf *records, enum err_code code)
{
	char *text;

	fb_frame(out, records);
	assert_rc_err(decode(out->data, out->len, 0, &text), ERR_PROTOCOL, code);
	free(text);
	buf_free(records);
	buf_free(out);
}

/* A row, after its relation if announced, that the dump refuses. */
static void
row_refused(bool announced, const struct buf *row, enum err_code code)
{
	struct buf records = records_begin();
	struct buf out = {0};

	if (announced)
		fb_relation(&records, &sample_two);
	fb_long(&records, true, 1, "x", 1);
	fb_change(&records, WIRE_INSERT, sample_two.index, 0, 0, NULL, row);
	frame_refused(&out, &records, code);
	assert_non_null(strstr(e.detail, "byte 0 of cap"));
	assert_null(strstr(e.detail, "secret"));
}

static void
rows_that_do_not_fit(void **state)
{
	struct buf row = {0};

	(void) state;
	fb_tuple(&row, (const uint8_t[]){0, WIRE_STATE_LONG, 0}, 3);
	fb_sv(&row, 1);
	fb_str(&row, "secret");
	row_refused(false, &row, E1406);
	row.len -= 1;
	row_refused(true, &row, E1404);
	assert_non_null(strstr(e.detail, "\"b\" of table \"public.two\""));
	buf_reset(&row);
	fb_tuple(&row, (const uint8_t[]){1, WIRE_STATE_UNCHANGED, 1}, 3); /* the long is left over */
	row_refused(true, &row, E1405);
	buf_reset(&row);
	fb_tuple(&row, (const uint8_t[]){1, WIRE_STATE_LONG, WIRE_STATE_LONG}, 3); /* one is missing */
	row_refused(true, &row, E1405);
	buf_reset(&row);
	fb_tuple(&row, (const uint8_t[]){WIRE_STATE_LONG, 1, 1}, 3); /* an int4 is never long */
	row_refused(true, &row, E1404);
	buf_free(&row);
}

/* An array, in the row and ahead of it, that is none. */
static void
arrays_that_do_not_fit(void **state)
{
	static const char bad[] = "\1\2\2\0\0"; /* two moods announced, one there */
	uint8_t           states[SAMPLE_COLUMNS];
	uint32_t          place = 0;

	(void) state;
	while (sample_columns[place].form != WIRE_FORM_ARRAY)
		place++;
	for (int is_long = 0; is_long < 2; is_long++)
	{
		struct buf records = records_begin();
		struct buf row = {0};
		struct buf out = {0};

		memset(states, WIRE_STATE_NULL, sizeof(states));
		states[place] = is_long ? WIRE_STATE_LONG : WIRE_STATE_VALUE;
		fb_tuple(&row, states, SAMPLE_COLUMNS);
		if (!is_long)
			fb_bytes(&row, bad, sizeof(bad) - 1);
		fb_relation(&records, &sample_every);
		if (is_long)
			fb_long(&records, true, sizeof(bad) - 1, bad, sizeof(bad) - 1);
		fb_change(&records, WIRE_INSERT, sample_every.index, 0, 0, NULL, &row);
		frame_refused(&out, &records, E1404);
		assert_non_null(strstr(e.detail, "\"moods\" of table \"public.every\""));
		buf_free(&row);
	}
}

static void
truncate_of_an_unknown_relation(void **state)
{
	struct buf records = records_begin();
	struct buf out = {0};

	(void) state;
	fb_truncate(&records, 0, 0, 1, (const uint32_t[]){4});
	frame_refused(&out, &records, E1406);
}

static unsigned
count_lines(const char *text)
{
	unsigned count = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		count++;
	return count;
}

static void
streams_one_after_another(void **state)
{
	struct buf out = {0};
	char      *once;
	char      *twice;

	(void) state;
	sample_stream(&out);
	assert_rc_ok(decode(out.data, out.len, 0, &once));
	out.len--; /* no newline between them */
	sample_stream(&out);
	assert_rc_ok(decode(out.data, out.len, 0, &twice));
	assert_int_equal(count_lines(twice), 2 * count_lines(once));
	assert_string_equal(twice + strlen(once), once);
	free(once);
	free(twice);
	buf_free(&out);
}

/* What a stream knew is not known in the next one. */
static void
relations_end_with_their_stream(void **state)
{
	struct buf records = records_begin();
	struct buf out = {0};

	(void) state;
	sample_stream(&out);
	fb_change(&records, WIRE_DELETE, 0, 0, WIRE_OLD_NONE, NULL, NULL);
	frame_refused(&out, &records, E1406);
}

static void
capture_cut_off_anywhere(void **state)
{
	struct buf   out = {0};
	const size_t first_frame = (sample_stream(&out), 8 + out.data[4]); /* hello is short */

	(void) state;
	for (size_t len = 0; len < out.len; len++)
	{
		char   *text;
		enum rc rc;

		err_clear(&e);
		rc = decode(out.data, len, 0, &text);
		if (rc == RC_ERR)
		{
			assert_int_equal(e.code, E1402);
			assert_non_null(strstr(e.msg, "cap was cut off in the frame at byte "));
			assert_true(e.hint[0] != '\0');
		}
		else
			assert_int_equal(rc, RC_OK);
		/* whole frames have been printed, whatever follows */
		assert_int_equal(text[0] == 'H', len >= first_frame);
		if (len == first_frame || len == first_frame + 1 || len == 0)
			assert_int_equal(rc, RC_OK);
		if (len == first_frame + 2 || len == out.len - 2)
			assert_int_equal(rc, RC_ERR);
		free(text);
	}
	buf_free(&out);
}

static void
garbage_in_a_capture(void **state)
{
	struct buf out = {0};
	char       expected[64];
	char      *text;

	(void) state;
	assert_rc_err(decode("BEGIN 7\n", 8, 0, &text), ERR_PROTOCOL, E1401);
	free(text);
	sample_begin_stream(&out);
	snprintf(expected, sizeof(expected), "begins at byte %zu of cap", out.len + 1);
	buf_puts(&out, "\nBEGIN");
	assert_rc_err(decode(out.data, out.len, 0, &text), ERR_PROTOCOL, E1401);
	assert_non_null(strstr(e.detail, expected));
	assert_memory_equal(text, "HELLO ", 6);
	free(text);
	buf_free(&out);
}

/* A frame that claims 512 MB takes no more memory than it has bytes. */
static void
frame_claims_all_memory(void **state)
{
	char *text;

	(void) state;
	assert_rc_err(decode("WR\1\0\0\0\0\x20xyz", 11, 0, &text), ERR_PROTOCOL, E1402);
	free(text);
}

static void
output_that_cannot_be_written(void **state)
{
	FILE        *in;
	FILE        *out = fopen("/dev/full", "w");
	struct buf   sample = {0};
	struct dump *dump;

	(void) state;
	assert_non_null(out);
	dump = dump_new(out, 0);
	sample_stream(&sample);
	in = fmemopen(sample.data, sample.len, "rb");
	assert_rc_err(capture_decode(in, "cap", dump, &e), ERR_TRANSIENT, E2007);
	dump_free(dump);
	fclose(in);
	fclose(out);
	buf_free(&sample);
}

static int
golden_write(void)
{
	struct buf   sample = {0};
	FILE        *bin = fopen(GOLDEN_BIN, "wb");
	FILE        *txt = fopen(GOLDEN_TXT, "wb");
	FILE        *in;
	struct dump *dump = dump_new(txt, 0);
	bool         ok;

	sample_stream(&sample);
	ok = fwrite(sample.data, 1, sample.len, bin) == sample.len;
	in = fmemopen(sample.data, sample.len, "rb");
	ok = ok && capture_decode(in, "sample", dump, &e) == RC_OK;
	dump_free(dump);
	fclose(in);
	fclose(txt);
	fclose(bin);
	buf_free(&sample);
	return ok ? 0 : 1;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_bytes_have_not_changed),
		cmocka_unit_test(golden_dump),
		cmocka_unit_test(flags_leave_out_what_varies),
		cmocka_unit_test(quoting),
		cmocka_unit_test(utf8_is_what_postgres_takes),
		cmocka_unit_test(message_of_bytes),
		cmocka_unit_test(rows_that_do_not_fit),
		cmocka_unit_test(arrays_that_do_not_fit),
		cmocka_unit_test(truncate_of_an_unknown_relation),
		cmocka_unit_test(streams_one_after_another),
		cmocka_unit_test(relations_end_with_their_stream),
		cmocka_unit_test(capture_cut_off_anywhere),
		cmocka_unit_test(garbage_in_a_capture),
		cmocka_unit_test(frame_claims_all_memory),
		cmocka_unit_test(output_that_cannot_be_written),
	};

	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return golden_write();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
