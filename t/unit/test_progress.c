/*
 * test_progress.c
 *		The record of the progress topic, there and back, and the header that orders
 *		messages.
 */
#include "unit.h"

#include "position_header.h"
#include "progress.h"
#include "progress_topic.h"

static struct str
str_of(const char *text)
{
	return (struct str){text, strlen(text)};
}

static void
record_comes_back(void **state)
{
	struct progress progress = {
		.pos = {.lsn = UINT64_C(0x1600000A0), .commit_lsn = UINT64_C(0xFFFFFFFFFFFFFFFE), .changes = 7},
		.database = "sh\"op",
		.system_id = UINT64_C(18446744073709551615),
		.timeline = 4294967295U,
		.began_lsn = 5,
		.settings = UINT64_C(0xcbf29ce484222325),
		.exactly_once = true,
	};
	struct progress back;
	struct buf      text = {0};
	struct err      e;

	(void) state;
	progress_write(&progress, "cdc", INT64_C(1700000000123456), &text);
	assert_non_null(strstr(buf_cstr(&text), "\"lsn\":\"1/600000A0\""));
	assert_non_null(strstr(buf_cstr(&text), "\"at\":\"2023-11-14T22:13:20.123456Z\""));
	assert_rc_ok(progress_read((struct str){(char *) text.data, text.len}, &back, &e));
	assert_int_equal(back.pos.lsn, progress.pos.lsn);
	assert_int_equal(back.pos.commit_lsn, progress.pos.commit_lsn);
	assert_int_equal(back.pos.changes, 7);
	assert_string_equal(back.database, "sh\"op");
	assert_int_equal(back.system_id, progress.system_id);
	assert_int_equal(back.timeline, progress.timeline);
	assert_int_equal(back.began_lsn, 5);
	assert_int_equal(back.settings, progress.settings);
	assert_true(back.exactly_once);
	buf_free(&text);
}

static void
strange_record_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"version\":1}",
		"{\"version\":1,\"system_id\":\"1\",\"timeline\":1}",
		"{\"version\":1,\"system_id\":\"1\",\"timeline\":1,\"lsn\":\"x\"}",
		"{\"version\":1,\"system_id\":\"1\",\"timeline\":0,\"lsn\":\"0/1\"}",
		"{\"version\":1,\"system_id\":\"1\",\"timeline\":1e20,\"lsn\":\"0/1\"}",
		"{\"version\":1,\"system_id\":\"0\",\"timeline\":1,\"lsn\":\"0/1\"}",
		"{\"version\":\"1\",\"system_id\":\"1\",\"timeline\":1,\"lsn\":\"0/1\"}",
		/* a part without its size, a size without its part */
		"{\"version\":1,\"system_id\":\"1\",\"timeline\":1,\"lsn\":\"0/1\",\"commit_lsn\":\"0/2\"}",
		"{\"version\":1,\"system_id\":\"1\",\"timeline\":1,\"lsn\":\"0/1\",\"changes\":3}",
	};
	struct progress back;
	struct err      e;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_rc_err(progress_read(str_of(texts[i]), &back, &e), ERR_CONFIG, E2010);
	assert_rc_err(progress_read((struct str){NULL, 0}, &back, &e), ERR_CONFIG, E2010);
}

/* Members that are not known are passed over, versions are not. */
static void
newer_record_is_told(void **state)
{
	struct progress back;
	struct err      e;

	(void) state;
	assert_rc_ok(progress_read(str_of("{\"version\":1,\"system_id\":\"1\",\"timeline\":1,\"lsn\":\"0/1\","
									  "\"later\":[{}]}"),
							   &back, &e));
	assert_rc_err(progress_read(str_of("{\"version\":2}"), &back, &e), ERR_CONFIG, E2010);
	assert_non_null(strstr(e.hint, "newer walrelay"));
}

static void
header_orders_messages(void **state)
{
	struct position_headers ph;
	struct header           own[] = {{"a", {"1", 1}}};
	struct outgoing         out[2] = {{.headers = own, .nheaders = 1}, {.nheaders = 0}};
	static const uint8_t    second[16] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0};

	(void) state;
	position_headers_add(&ph, UINT64_C(0x100000002), 255, out, 2);
	assert_int_equal(out[0].nheaders, 2);
	assert_string_equal(out[0].headers[0].name, "a");
	assert_string_equal(out[0].headers[1].name, "__walrelay.position");
	assert_int_equal(out[1].nheaders, 1);
	assert_int_equal(out[1].headers[0].value.len, 16);
	assert_memory_equal(out[1].headers[0].value.data, second, 16);
	assert_true(memcmp(out[0].headers[1].value.data, out[1].headers[0].value.data, 16) < 0);
}

/* Notes of this slot are told from topics, whose names may begin as they do, and other slots'. */
static void
test_keys_of_notes(void **state)
{
	static const struct
	{
		const char *key;
		const char *rest; /* behind the word "incremental"; NULL: no note of it */
	} keys[] = {{"s/incremental", ""},
				{"s/incremental/16391", "/16391"},
				{"s/incremental/", "/"},
				{"s/incrementals", NULL},
				{"s/incremental.shop.orders", NULL},
				{"s/snapshot", NULL},
				{"s/snapshot/incremental", NULL},
				{"s/increment", NULL},
				{"s/", NULL},
				{"s", NULL},
				{"", NULL},
				{"incremental", NULL},
				{"ss/incremental", NULL},
				{"x/incremental", NULL}};

	(void) state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		char      *exact = unit_exact(keys[i].key, strlen(keys[i].key));
		struct str rest = progress_key_rest((struct str){exact, strlen(keys[i].key)}, "s",
											PROGRESS_INCREMENTAL);

		if ((rest.data != NULL) != (keys[i].rest != NULL))
			fail_msg("%s: %s", keys[i].key, rest.data ? "a note" : "none");
		if (keys[i].rest)
		{
			assert_int_equal(rest.len, strlen(keys[i].rest));
			assert_memory_equal(rest.data, keys[i].rest, rest.len);
		}
		free(exact);
	}
	assert_null(progress_key_rest((struct str){NULL, 0}, "s", PROGRESS_SNAPSHOT).data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_comes_back),
		cmocka_unit_test(strange_record_is_refused),
		cmocka_unit_test(newer_record_is_told),
		cmocka_unit_test(header_orders_messages),
		cmocka_unit_test(test_keys_of_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
