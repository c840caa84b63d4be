/*
 * test_route.c
 *		Topics and subjects, and tables whose names become one topic.
 */
#include "unit.h"

#include "names.h"
#include "route.h"

static void
expect_topic(const char *prefix, const char *delimiter, const char *schema, const char *name,
			 const char *expected)
{
	struct route *route = route_new(prefix, delimiter);
	struct table  tbl = {.relid = 1, .schema = schema, .name = name};
	char         *topic;
	struct err    e;

	assert_rc_ok(route_table(route, &tbl, &topic, &e));
	assert_string_equal(topic, expected);
	free(topic);
	route_free(route);
}

static void
topic_is_prefix_schema_table(void **state)
{
	(void) state;
	expect_topic("shop", ".", "public", "orders", "shop.public.orders");
	expect_topic("shop", "-", "public", "orders", "shop-public-orders");
	expect_topic("a.b", "__", "S", "MixedCase", "a.b__S__MixedCase");
}

static void
empty_parts_are_left_out(void **state)
{
	(void) state;
	expect_topic("", ".", "public", "orders", "public.orders");
	expect_topic("shop", ".", "", "orders", "shop.orders");
}

static void
what_a_topic_cannot_hold_becomes_underscores(void **state)
{
	(void) state;
	expect_topic("s", ".", "my schema", "a/b:c", "s.my_schema.a_b_c");
	/* Byte by byte, as Debezium does. */
	expect_topic("s", ".", "p", "\xC3\xA4\xE4\xB8\xAD", "s.p._____");
	expect_topic("s", ".", "p", "x\xF0\x9F\x98\x80y", "s.p.x____y");
	expect_topic("s", "#", "p", "t", "s_p_t");
}

static void
long_names_are_cut(void **state)
{
	char name[400];
	char expected[NAMES_TOPIC_MAX + 1];

	(void) state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(expected, 'n', NAMES_TOPIC_MAX);
	memcpy(expected, "s.p.", 4);
	expected[NAMES_TOPIC_MAX] = '\0';
	expect_topic("s", ".", "p", name, expected);
}

static void
two_tables_with_one_topic_are_refused(void **state)
{
	struct route *route = route_new("s", ".");
	struct table  dash = {.relid = 1, .schema = "p", .name = "a b"};
	struct table  colon = {.relid = 2, .schema = "p", .name = "a:b"};
	char         *topic;
	struct err    e;

	(void) state;
	assert_rc_ok(route_table(route, &dash, &topic, &e));
	free(topic);
	assert_rc_err(route_table(route, &colon, &topic, &e), ERR_CONFIG, E1605);
	assert_non_null(strstr(e.msg, "p.a b"));
	assert_non_null(strstr(e.msg, "p.a:b"));
	assert_non_null(strstr(e.msg, "s.p.a_b"));
	assert_true(e.hint[0] != '\0');
	assert_null(topic);
	/* The first one keeps it. */
	assert_rc_ok(route_table(route, &dash, &topic, &e));
	free(topic);
	route_free(route);
}

static void
a_renamed_or_recreated_table_is_no_other(void **state)
{
	struct route *route = route_new("s", ".");
	struct table  tbl = {.relid = 1, .schema = "p", .name = "a b"};
	char         *topic;
	struct err    e;

	(void) state;
	assert_rc_ok(route_table(route, &tbl, &topic, &e));
	free(topic);
	tbl.name = "a:b"; /* renamed */
	assert_rc_ok(route_table(route, &tbl, &topic, &e));
	free(topic);
	tbl.relid = 7; /* dropped and created */
	assert_rc_ok(route_table(route, &tbl, &topic, &e));
	free(topic);
	route_free(route);
}

static void
messages_ignore_the_delimiter(void **state)
{
	struct route *route = route_new("s", "-");
	char         *topic;
	struct err    e;

	(void) state;
	assert_rc_ok(route_messages(route, &topic, &e));
	assert_string_equal(topic, "s.message");
	free(topic);
	assert_rc_ok(route_messages(route, &topic, &e));
	free(topic);
	route_free(route);
}

static void
a_table_cannot_have_the_topic_of_messages(void **state)
{
	struct route *route = route_new("s", ".");
	struct table  tbl = {.relid = 1, .schema = "", .name = "message"};
	char         *topic;
	struct err    e;

	(void) state;
	assert_rc_ok(route_table(route, &tbl, &topic, &e));
	free(topic);
	assert_rc_err(route_messages(route, &topic, &e), ERR_CONFIG, E1605);
	route_free(route);
}

static void
topics_of_our_own_are_no_tables(void **state)
{
	struct route *route = route_new("s", "-");
	struct table  tbl = {.relid = 1, .schema = "", .name = "dead-letter"};
	char         *topic;
	struct err    e;

	(void) state;
	assert_rc_ok(route_named(route, "dead-letter", &topic, &e));
	assert_string_equal(topic, "s-dead-letter");
	free(topic);
	assert_rc_err(route_table(route, &tbl, &topic, &e), ERR_CONFIG, E1605);
	assert_non_null(strstr(e.msg, "dead-letter"));
	route_free(route);
}

static void
expect_subject(enum subject_strategy strategy, enum side side, const char *schema,
			   const char *expected)
{
	char *subject = route_subject(strategy, "s.p.t", side, schema);

	assert_string_equal(subject, expected);
	free(subject);
}

static void
subjects_follow_their_strategy(void **state)
{
	const char *spaced = "{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"a.b\"}";
	const char *bare = "{\"type\":\"record\",\"name\":\"Key\"}";
	const char *full = "{\"type\":\"record\",\"name\":\"x.y.Key\",\"namespace\":\"a.b\"}";

	(void) state;
	expect_subject(SUBJECT_TOPIC, SIDE_KEY, bare, "s.p.t-key");
	expect_subject(SUBJECT_TOPIC, SIDE_VALUE, spaced, "s.p.t-value");
	expect_subject(SUBJECT_RECORD, SIDE_VALUE, spaced, "a.b.Envelope");
	expect_subject(SUBJECT_RECORD, SIDE_KEY, bare, "Key");
	/* Avro: a name with dots is a full one, whatever the namespace says. */
	expect_subject(SUBJECT_RECORD, SIDE_KEY, full, "x.y.Key");
	expect_subject(SUBJECT_TOPIC_RECORD, SIDE_VALUE, spaced, "s.p.t-a.b.Envelope");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topic_is_prefix_schema_table),
		cmocka_unit_test(empty_parts_are_left_out),
		cmocka_unit_test(what_a_topic_cannot_hold_becomes_underscores),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(two_tables_with_one_topic_are_refused),
		cmocka_unit_test(a_renamed_or_recreated_table_is_no_other),
		cmocka_unit_test(messages_ignore_the_delimiter),
		cmocka_unit_test(a_table_cannot_have_the_topic_of_messages),
		cmocka_unit_test(topics_of_our_own_are_no_tables),
		cmocka_unit_test(subjects_follow_their_strategy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
