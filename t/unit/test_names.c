/*
 * test_names.c
 *		Topic, record and field names by Debezium's rules.
 */
#include "unit.h"

#include "names.h"

static struct buf out;

static const char *
topic(const char *name)
{
	buf_reset(&out);
	names_topic(name, &out);
	return buf_cstr(&out);
}

static const char *
schema(enum adjustment mode, const char *name)
{
	buf_reset(&out);
	names_schema(mode, name, &out);
	return buf_cstr(&out);
}

static const char *
field(enum adjustment mode, const char *name)
{
	buf_reset(&out);
	names_field(mode, name, &out);
	return buf_cstr(&out);
}

static void
test_topic(void **state)
{
	char long_name[400];

	(void) state;
	assert_string_equal(topic("shop.public.orders"), "shop.public.orders");
	assert_string_equal(topic("dml.s-2.Odd Name"), "dml.s-2.Odd_Name");
	assert_string_equal(topic("a.\xc3\xbcn\xc3\xaf.b"), "a.__n__.b"); /* byte by byte */
	assert_string_equal(topic("a.\xf0\x9f\x98\x80"), "a.____");
	assert_string_equal(topic("."), "_");
	assert_string_equal(topic(".."), "__");
	assert_string_equal(topic("..."), "...");
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(strlen(topic(long_name)), 249);
	memset(long_name + 248, 0, 1);
	assert_int_equal(strlen(topic(long_name)), 248);
}

static void
test_avro(void **state)
{
	(void) state;
	assert_string_equal(schema(ADJUST_AVRO, "shop.s-2.Tab.Value"), "shop.s_2.Tab.Value");
	assert_string_equal(schema(ADJUST_AVRO, "1shop.public.t"), "_1shop.public.t");
	assert_string_equal(schema(ADJUST_AVRO, "srv.public.1t.Value"), "srv.public.1t.Value");
	assert_string_equal(schema(ADJUST_AVRO, ".a"), "_a");
	assert_string_equal(field(ADJUST_AVRO, "weird-col"), "weird_col");
	assert_string_equal(field(ADJUST_AVRO, "1st"), "_1st");
	assert_string_equal(field(ADJUST_AVRO, "\xc3\xbcn\xc3\xaf"), "__n__");
	assert_string_equal(field(ADJUST_AVRO, "a.b"), "a_b");
	assert_string_equal(field(ADJUST_AVRO, "\xf0\x9f\x98\x80x"), "____x");
	assert_string_equal(field(ADJUST_AVRO, "_id"), "_id");
}

static void
test_unicode(void **state)
{
	(void) state;
	assert_string_equal(field(ADJUST_AVRO_UNICODE, "a_b"), "a_u005fb");
	assert_string_equal(field(ADJUST_AVRO_UNICODE, "\xc5\xbe"), "_uffc5_uffbe");
	assert_string_equal(field(ADJUST_AVRO_UNICODE, "\xe4\xb8\xad"), "_uffe4_uffb8_uffad");
	assert_string_equal(field(ADJUST_AVRO_UNICODE, "1st"), "_u0031st");
	assert_string_equal(field(ADJUST_AVRO_UNICODE, "a.b"), "a_u002eb");
	assert_string_equal(schema(ADJUST_AVRO_UNICODE, "srv.my_t.Key"), "srv.my_u005ft.Key");
}

static void
test_none(void **state)
{
	(void) state;
	assert_string_equal(schema(ADJUST_NONE, "srv.my-t.Key"), "srv.my-t.Key");
	assert_string_equal(field(ADJUST_NONE, "a b"), "a b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_topic),
		cmocka_unit_test(test_avro),
		cmocka_unit_test(test_unicode),
		cmocka_unit_test(test_none),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_free(&out);
	return failed;
}
