/*
 * test_compatibility.c
 *		Differences between schemas, the levels that forbid them, and what is the same.
 */
#include "unit.h"

#include "compatibility.h"

/* A schema like a table's: an Envelope with the row twice. */
static char *
envelope(const char *fields)
{
	return xasprintf(
		"{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"s.p.t\",\"fields\":["
		"{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Value\","
		"\"fields\":[%s]}],\"default\":null},"
		"{\"name\":\"after\",\"type\":[\"null\",\"Value\"],\"default\":null}]}",
		fields);
}

/* The breaches from one row to another; *text, to be freed, says which with that level. */
static unsigned
explain(const char *was, const char *is, const char *level, char **text)
{
	char      *theirs = envelope(was);
	char      *ours = envelope(is);
	struct buf out = {0};
	unsigned   breaches = compatibility_explain(theirs, ours, level, &out);

	*text = buf_cstr(&out);
	free(theirs);
	free(ours);
	return breaches;
}

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define FIELD_DEFAULT(name, type) "{\"name\":\"" name "\",\"type\":" type ",\"default\":0}"
#define NULLABLE(name, type) "{\"name\":\"" name "\",\"type\":[\"null\"," type "],\"default\":null}"
#define ID FIELD("id", "\"int\"")
#define DECIMAL(scale) "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"scale\":" scale "}"

/* What Avro's own check says of changes of a row, under an Envelope. */
static void
changes_break_what_they_break(void **state)
{
	static const struct
	{
		const char *was;
		const char *is;
		unsigned    breaches;
	} changes[] = {
		{ID, ID "," FIELD("n", "\"int\""), BREACH_BACKWARD},
		{ID, ID "," FIELD_DEFAULT("n", "\"int\""), 0},
		{ID, ID "," NULLABLE("n", "\"int\""), 0},
		{ID "," NULLABLE("n", "\"int\""), ID, 0},
		{ID "," FIELD("n", "\"int\""), ID, BREACH_FORWARD},
		{FIELD("n", "\"int\""), FIELD("n", "\"long\""), BREACH_FORWARD},
		{FIELD("n", "\"long\""), FIELD("n", "\"int\""), BREACH_BACKWARD},
		{FIELD("n", "\"float\""), FIELD("n", "\"double\""), BREACH_FORWARD},
		{FIELD("n", "\"int\""), NULLABLE("n", "\"int\""), BREACH_FORWARD},
		{NULLABLE("n", "\"int\""), FIELD("n", "\"int\""), BREACH_BACKWARD},
		{FIELD("n", "\"int\""), FIELD("m", "\"int\""), BREACH_BACKWARD | BREACH_FORWARD},
		{FIELD("n", "\"int\""), FIELD("n", "\"string\""), BREACH_BACKWARD | BREACH_FORWARD},
		{FIELD("n", "\"string\""), FIELD("n", "\"bytes\""), 0},
		{FIELD("n", DECIMAL("2")), FIELD("n", DECIMAL("3")), 0},
		{NULLABLE("n", "\"int\""), FIELD("n", "[\"int\",\"null\"]"), 0},
		{FIELD("n", "{\"type\":\"array\",\"items\":\"int\"}"),
		 FIELD("n", "{\"type\":\"array\",\"items\":\"long\"}"), BREACH_FORWARD},
		{FIELD("n", "{\"type\":\"map\",\"values\":\"long\"}"),
		 FIELD("n", "{\"type\":\"map\",\"values\":\"int\"}"), BREACH_BACKWARD},
		{FIELD("n", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}"),
		 FIELD("n", "{\"type\":\"fixed\",\"name\":\"E\",\"size\":2}"),
		 BREACH_BACKWARD | BREACH_FORWARD},
		/* The schema of an added field, and one inside a record inside a row. */
		{FIELD("n", "{\"type\":\"record\",\"name\":\"P\",\"fields\":[" ID "]}"),
		 FIELD("n",
			   "{\"type\":\"record\",\"name\":\"P\",\"fields\":[" FIELD("id", "\"long\"") "]}"),
		 BREACH_FORWARD},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		char    *text;
		unsigned breaches = explain(changes[i].was, changes[i].is, "FULL", &text);

		if (breaches != changes[i].breaches)
			fail_msg("%s -> %s: %u, not %u: %s", changes[i].was, changes[i].is, breaches,
					 changes[i].breaches, text);
		assert_int_equal(strstr(text, "FULL forbids") != NULL, breaches != 0);
		free(text);
	}
}

static void
sentences_name_field_and_rule(void **state)
{
	char *text;

	(void) state;
	explain(ID, ID "," FIELD("must", "\"int\"") "," NULLABLE("may", "\"string\""), "BACKWARD",
			&text);
	assert_string_equal(text,
						"Field \"must\" (int) of record Value was added without a default, which "
						"BACKWARD forbids.  Field \"may\" (null or string) of record Value was "
						"added with a default, which BACKWARD allows.");
	free(text);
	/* What is forbidden comes first, and the same difference is another rule's. */
	explain(ID "," FIELD("old", DECIMAL("2")), ID "," FIELD("new", "\"int\""), "FORWARD_TRANSITIVE",
			&text);
	assert_string_equal(text,
						"Field \"old\" (bytes (decimal, scale 2)) of record Value was removed; it "
						"had no default, which FORWARD_TRANSITIVE forbids.  Field \"new\" (int) of "
						"record Value was added without a default, which FORWARD_TRANSITIVE "
						"allows.");
	free(text);
	explain(FIELD("n", "\"int\""), FIELD("n", "\"string\""), "", &text);
	assert_string_equal(text, "Field \"n\" of record Value changed from int to string.");
	free(text);
	explain(ID, ID, "FULL", &text);
	assert_string_equal(text, "");
	free(text);
}

static void
many_differences_are_cut(void **state)
{
	struct buf fields = {0};
	char      *text;
	unsigned   sentences = 0;

	(void) state;
	buf_puts(&fields, ID);
	for (int i = 0; i < 30; i++)
		buf_printf(&fields, "," FIELD("n%d", "\"int\""), i);
	explain(ID, buf_cstr(&fields), "BACKWARD", &text);
	for (const char *at = text; (at = strstr(at, "BACKWARD forbids")) != NULL; at++)
		sentences++;
	assert_int_equal(sentences, 8);
	assert_non_null(strstr(text, "So did 22 more."));
	free(text);
	buf_free(&fields);
}

static void
put_difference(void *arg, const struct difference *difference)
{
	static const char *const kinds[] = {"added", "removed", "type", "default", "attribute"};

	buf_printf(arg, "%s %s.%s %s[%s|%s] %d %u\n", kinds[difference->kind], difference->record,
			   difference->field, difference->attribute, difference->was, difference->is,
			   difference->has_default, difference->breaches);
}

/* One line for each difference between two schemas. */
static void
assert_differences(const char *theirs, const char *ours, const char *expected)
{
	struct buf out = {0};

	schema_differences(theirs, ours, put_difference, &out);
	assert_string_equal(buf_cstr(&out), expected);
	buf_free(&out);
}

/* The same of two rows. */
static void
assert_row_differences(const char *was, const char *is, const char *expected)
{
	char *theirs = envelope(was);
	char *ours = envelope(is);

	assert_differences(theirs, ours, expected);
	free(theirs);
	free(ours);
}

#define LABELS(labels) \
	FIELD("s", "{\"type\":\"string\",\"connect.name\":\"io.debezium.data.Enum\"," \
			   "\"connect.parameters\":{\"allowed\":\"" labels "\"}}")
#define ENUM(symbols) "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "]}"

static void
every_difference_is_told_once(void **state)
{
	(void) state;
	/* The row is in both images, and its fields are told once. */
	assert_row_differences(ID, ID "," NULLABLE("n", "\"int\""), "added Value.n [|null or int] 1 0\n");
	assert_row_differences(ID "," FIELD("n", "\"int\""), ID, "removed Value.n [int|] 0 2\n");
	assert_row_differences(FIELD("n", "\"int\""), FIELD("n", "\"long\""),
						   "type Value.n [int|long] 0 2\n");
	assert_row_differences(FIELD_DEFAULT("n", "\"int\""), FIELD("n", "\"int\""),
						   "default Value.n [0|] 0 0\n");
	assert_row_differences("{\"name\":\"n\",\"type\":\"string\",\"default\":\"a\"}",
						   "{\"name\":\"n\",\"type\":\"string\",\"default\":\"b\"}",
						   "default Value.n [\"a\"|\"b\"] 0 0\n");
	/* Both at once. */
	assert_row_differences(FIELD_DEFAULT("n", "\"int\""), FIELD("n", "\"string\""),
						   "type Value.n [int|string] 0 3\ndefault Value.n [0|] 0 0\n");
	assert_row_differences(LABELS("a"), LABELS("a,b"),
						   "attribute Value.s connect.parameters"
						   "[{\"allowed\":\"a\"}|{\"allowed\":\"a,b\"}] 0 0\n");
	/* The order of members and of what is not compared plays no part. */
	assert_row_differences("{\"type\":\"int\",\"name\":\"n\"}", FIELD("n", "\"int\""), "");
	/* A list's records are looked into, a union's, too. */
	assert_row_differences(
		NULLABLE("l", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"P\",\"fields\":[" ID "]}}"),
		NULLABLE("l", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"P\",\"fields\":[" ID "," FIELD("x", "\"int\"") "]}}"),
		"added P.x [|int] 0 1\n");
	/* What is in the schema itself, and in its record. */
	assert_differences("\"string\"", "\"int\"", "type . [string|int] 0 3\n");
	assert_differences("{\"type\":\"record\",\"name\":\"A\",\"doc\":\"x\",\"fields\":[]}",
					   "{\"type\":\"record\",\"name\":\"A\",\"fields\":[],\"connect.version\":2}",
					   "attribute A. connect.version[|2] 0 0\nattribute A. doc[\"x\"|] 0 0\n");
	/* No level forbids those, so that they explain no refusal. */
	assert_row_differences(ID, ID, "");
	assert_differences("{", "\"int\"", "");
}

static void
symbols_are_told_with_what_they_break(void **state)
{
	(void) state;
	assert_row_differences(FIELD("e", ENUM("\"A\"")), FIELD("e", ENUM("\"A\",\"B\"")),
						   "attribute Value.e symbols[[\"A\"]|[\"A\",\"B\"]] 0 2\n");
	assert_row_differences(FIELD("e", ENUM("\"A\",\"B\"")), FIELD("e", ENUM("\"A\"")),
						   "attribute Value.e symbols[[\"A\",\"B\"]|[\"A\"]] 0 1\n");
}

/* Whatever somebody has registered under our subject: no crash, no endless walk. */
static void
strange_schemas_are_survived(void **state)
{
	static const char *const strange[] = {
		"",
		"null",
		"{",
		"[]",
		"7",
		"\"string\"",
		"\"nobody\"",
		"{\"type\":\"record\"}",
		"{\"type\":\"record\",\"name\":\"Envelope\",\"fields\":7}",
		"{\"type\":\"record\",\"name\":\"Envelope\",\"fields\":[7,{}]}",
		"{\"type\":\"record\",\"name\":\"Envelope\",\"fields\":[{\"name\":\"before\",\"type\":"
		"\"Envelope\"}]}",
		"{\"type\":{\"type\":{\"type\":\"int\"}}}",
	};
	char *ours = envelope(ID);

	(void) state;
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
	{
		struct buf out = {0};

		compatibility_explain(strange[i], ours, "FULL", &out);
		compatibility_explain(ours, strange[i], "", &out);
		compatibility_explain(strange[i], strange[i], "FULL", &out);
		buf_reset(&out);
		assert_false(compatibility_same(strange[i], ours, &out));
		assert_true(out.len > 0);
		buf_free(&out);
	}
	free(ours);
}

/* A list in a list in a list, deeper than anybody reads. */
static void
depth_is_bounded(void **state)
{
	struct buf deep = {0};
	struct buf out = {0};

	(void) state;
	for (int i = 0; i < 300; i++)
		buf_puts(&deep, "{\"type\":\"array\",\"items\":");
	buf_puts(&deep, "\"int\"");
	for (int i = 0; i < 300; i++)
		buf_puts(&deep, "}");
	assert_int_equal(compatibility_explain(buf_cstr(&deep), buf_cstr(&deep), "FULL", &out), 0);
	buf_free(&deep);
	buf_free(&out);
}

static void
expect_same(const char *theirs, const char *ours, const char *difference)
{
	struct buf out = {0};

	assert_int_equal(compatibility_same(theirs, ours, &out), difference == NULL);
	if (difference && strstr(buf_cstr(&out), difference) == NULL)
		fail_msg("%s", buf_cstr(&out));
	if (difference == NULL)
		assert_int_equal(out.len, 0);
	buf_free(&out);
}

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"

static void
the_same_is_the_same_bytes_with_the_same_meaning(void **state)
{
	(void) state;
	expect_same(RECORD(ID), RECORD(ID), NULL);
	expect_same("{\"name\":\"R\",\"doc\":\"x\",\"type\":\"record\",\"fields\":[" FIELD_DEFAULT(
					"id", "{\"type\":\"int\",\"connect.version\":1}") "]}",
				RECORD(ID), NULL);
	expect_same(RECORD(FIELD("id", "\"long\"")), RECORD(ID), "changed from long to int");
	expect_same(RECORD(ID "," FIELD("b", "\"int\"")), RECORD(FIELD("b", "\"int\"") "," ID),
				"canonical form");
	expect_same("{\"type\":\"record\",\"name\":\"x.R\",\"fields\":[" ID "]}", RECORD(ID),
				"canonical form");
	/* The same bytes that are read as another value. */
	expect_same(RECORD(FIELD("d", DECIMAL("2"))), RECORD(FIELD("d", DECIMAL("3"))),
				"from bytes (decimal, scale 2) to bytes (decimal, scale 3)");
	expect_same(RECORD(FIELD("t", "{\"type\":\"long\",\"connect.name\":\"io.MicroTimestamp\"}")),
				RECORD(FIELD("t", "{\"type\":\"long\",\"connect.name\":\"io.Timestamp\"}")),
				"MicroTimestamp");
	expect_same(RECORD(FIELD("e", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}")),
				RECORD(FIELD("e", "\"string\"")), "changed from enum E to string");
}

static void
excerpts_are_whole_characters(void **state)
{
	struct buf out = {0};

	(void) state;
	compatibility_excerpt("a\xC3\xA4\xC3\xA4z", 2, 3, &out);
	assert_string_equal(buf_cstr(&out), "...\xC3\xA4...");
	buf_reset(&out);
	compatibility_excerpt("short", 0, 100, &out);
	assert_string_equal(buf_cstr(&out), "short");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_break_what_they_break),
		cmocka_unit_test(sentences_name_field_and_rule),
		cmocka_unit_test(many_differences_are_cut),
		cmocka_unit_test(every_difference_is_told_once),
		cmocka_unit_test(symbols_are_told_with_what_they_break),
		cmocka_unit_test(strange_schemas_are_survived),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(the_same_is_the_same_bytes_with_the_same_meaning),
		cmocka_unit_test(excerpts_are_whole_characters),
	};

	return cmocka_run_group_tests_name("compatibility", tests, NULL, NULL);
}
