/* test_snapshot_signal.c: signals as Debezium's users send them, and what is wrong with others. */
#include "unit.h"

#include "snapshot_signal.h"

static struct err             e;
static struct snapshot_signal sent;

static enum rc
read_text(const char *json)
{
	char   *exact = unit_exact(json, strlen(json));
	enum rc rc = snapshot_signal_read((struct str){exact, strlen(json)}, &sent, &e);

	free(exact);
	return rc;
}

/* What it means, written in our own way. */
static void
assert_means(const char *json, const char *expected)
{
	struct buf out = {0};

	assert_rc_ok(read_text(json));
	snapshot_signal_write(&sent, &out);
	assert_string_equal(buf_cstr(&out), expected);
	snapshot_signal_free(&sent);
	assert_rc_ok(read_text(expected)); /* and that means the same again */
	buf_reset(&out);
	snapshot_signal_write(&sent, &out);
	assert_string_equal(buf_cstr(&out), expected);
	snapshot_signal_free(&sent);
	buf_free(&out);
}

static void
test_execute(void **state)
{
	(void) state;
	assert_means("{\"id\":\"1\",\"type\":\"execute-snapshot\",\"data\":"
				 "{\"data-collections\":[\" shop\\\\.orders \", \"shop\\\\..*\"]}}",
				 "{\"id\":\"1\",\"type\":\"execute-snapshot\",\"data\":{\"type\":\"incremental\","
				 "\"data-collections\":[\"shop\\\\.orders\",\"shop\\\\..*\"]}}");
	/* Kafka's way, without id, and in capitals. */
	assert_means("{\"type\":\"execute-snapshot\",\"data\": {\"data-collections\": [\"a.b\"], "
				 "\"type\": \"INCREMENTAL\", \"surrogate-key\": null}}\n",
				 "{\"id\":\"\",\"type\":\"execute-snapshot\",\"data\":{\"type\":\"incremental\","
				 "\"data-collections\":[\"a.b\"]}}");
	/* The table's way: data is a text; what is not known is passed over. */
	assert_means(
		"{\"id\":\"x\",\"type\":\"execute-snapshot\",\"more\":1,\"data\":"
		"\"{\\\"data-collections\\\":[\\\"a.b\\\"],\\\"type\\\":\\\"blocking\\\",\\\"x\\\":{}}\"}",
		"{\"id\":\"x\",\"type\":\"execute-snapshot\",\"data\":{\"type\":\"blocking\","
		"\"data-collections\":[\"a.b\"]}}");
	assert_means(
		"{\"id\":\"1\",\"type\":\"execute-snapshot\",\"data\":{\"data-collections\":"
		"[\"a.b\",\"a.c\"],\"additional-conditions\":[{\"data-collection\":\"a.b\","
		"\"filter\":\" color='blue' \"},{\"data-collection\":\"a.c\",\"filter\":\"n > 1 "
		"AND \\\"x\\\" = '\xc3\xa9'\"}]}}",
		"{\"id\":\"1\",\"type\":\"execute-snapshot\",\"data\":{\"type\":\"incremental\","
		"\"data-collections\":[\"a.b\",\"a.c\"],\"additional-conditions\":["
		"{\"data-collection\":\"a.b\",\"filter\":\"color='blue'\"},"
		"{\"data-collection\":\"a.c\",\"filter\":\"n > 1 AND \\\"x\\\" = '\xc3\xa9'\"}]}}");
	assert_means("{\"type\":\"execute-snapshot\",\"data\":{\"data-collections\":[\"a.b\"],"
				 "\"additional-condition\":\"n > 1\"}}",
				 "{\"id\":\"\",\"type\":\"execute-snapshot\",\"data\":{\"type\":\"incremental\","
				 "\"data-collections\":[\"a.b\"],\"additional-conditions\":[{\"data-collection\":"
				 "\".*\",\"filter\":\"n > 1\"}]}}");
}

static void
test_others(void **state)
{
	(void) state;
	assert_means("{\"id\":\"1\",\"type\":\"stop-snapshot\",\"data\":{\"type\":\"incremental\"}}",
				 "{\"id\":\"1\",\"type\":\"stop-snapshot\",\"data\":{\"type\":\"incremental\"}}");
	assert_means("{\"id\":\"1\",\"type\":\"stop-snapshot\",\"data\":{\"data-collections\":[]}}",
				 "{\"id\":\"1\",\"type\":\"stop-snapshot\",\"data\":{\"type\":\"incremental\"}}");
	assert_means(
		"{\"id\":\"1\",\"type\":\"stop-snapshot\",\"data\":{\"data-collections\":[\"a.b\"]}}",
		"{\"id\":\"1\",\"type\":\"stop-snapshot\",\"data\":{\"type\":\"incremental\","
		"\"data-collections\":[\"a.b\"]}}");
	assert_means("{\"id\":\"1\",\"type\":\"pause-snapshot\"}",
				 "{\"id\":\"1\",\"type\":\"pause-snapshot\",\"data\":{\"type\":\"incremental\"}}");
	assert_means("{\"id\":\"1\",\"type\":\"resume-snapshot\",\"data\":\"\"}",
				 "{\"id\":\"1\",\"type\":\"resume-snapshot\",\"data\":{\"type\":\"incremental\"}}");
	assert_means("{\"id\":null,\"type\":\"resume-snapshot\",\"data\":null}",
				 "{\"id\":\"\",\"type\":\"resume-snapshot\",\"data\":{\"type\":\"incremental\"}}");
	assert_string_equal(signal_kind_name(SIGNAL_PAUSE), "pause-snapshot");
}

#define EXECUTE(data) "{\"id\":\"my id\",\"type\":\"execute-snapshot\",\"data\":{" data "}}"
#define OF_A_B "\"data-collections\":[\"a.b\"]"
#define FILTERED(filter)                                                                         \
	EXECUTE(OF_A_B ",\"additional-conditions\":[{\"data-collection\":\"a.b\",\"filter\":" filter \
				   "}]")

/* Each says what it is, and none of them a word of a filter. */
static void
test_what_is_wrong(void **state)
{
	static const struct
	{
		const char *json;
		const char *detail;
	} wrongs[] = {
		{"", "no JSON object"},
		{"null", "no JSON object"},
		{"[]", "no JSON object"},
		{"{\"id\":\"1\"", "no JSON object"},
		{"{\"id\":\"1\"} {}", "no JSON object"},
		{"{\"id\":\"\xe9\"}", "no JSON object"},
		{FILTERED("\"secret\\u0000\""), "zero byte"},
		{"{}", "no \"type\""},
		{"{\"type\":1}", "no \"type\""},
		{"{\"id\":\"my id\",\"type\":\"log\",\"data\":{}}", "none that is known"},
		{"{\"type\":\"execute-snapshot\"}", "no \"data-collections\""},
		{"{\"type\":\"execute-snapshot\",\"data\":[]}", "neither a JSON object nor a text"},
		{"{\"type\":\"execute-snapshot\",\"data\":\"secret\"}", "neither a JSON object nor a text"},
		{"{\"type\":\"execute-snapshot\",\"data\":\"{\\\"a\\\":\\\"\\\\u0000\\\"}\"}", "neither"},
		{EXECUTE(""), "no \"data-collections\""},
		{EXECUTE("\"data-collections\":[]"), "no \"data-collections\""},
		{EXECUTE("\"data-collections\":null"), "no \"data-collections\""},
		{EXECUTE("\"data-collections\":\"a.b\""), "no list of strings"},
		{EXECUTE("\"data-collections\":{\"a\":\"b\"}"), "no list of strings"},
		{EXECUTE("\"data-collections\":[\"a.b\",1]"), "no list of strings"},
		{EXECUTE("\"data-collections\":[\"a.b\",\" \"]"), "no list of strings"},
		{"{\"type\":\"stop-snapshot\",\"data\":{\"data-collections\":\"a.b\"}}",
		 "no list of strings"},
		{EXECUTE(OF_A_B ",\"type\":\"both\""), "is \"both\""},
		{EXECUTE(OF_A_B ",\"type\":1"), "no string"},
		{EXECUTE(OF_A_B ",\"surrogate-key\":\"n\""), "surrogate key"},
		{EXECUTE(OF_A_B ",\"additional-conditions\":{}"), "no list"},
		{EXECUTE(OF_A_B ",\"additional-conditions\":[1]"), "Number 1 of"},
		{EXECUTE(OF_A_B ",\"additional-conditions\":[{\"data-collection\":\"a.b\"}]"),
		 "Number 1 of"},
		{EXECUTE(OF_A_B ",\"additional-conditions\":[{\"filter\":\"secret\"}]"), "Number 1 of"},
		{EXECUTE(OF_A_B
				 ",\"additional-conditions\":[{\"data-collection\":\"x\",\"filter\":\"true\"},{}]"),
		 "Number 2 of"},
		{FILTERED("\"\""), "The filter for \"a.b\", 0 bytes long, is empty"},
		{FILTERED("\"secret; DROP\""), "12 bytes long, has a semicolon"},
		{FILTERED("\"secret = 'a\""), "has a quote that does not end"},
		{FILTERED("\"SELECT secret\""), "WHERE"},
		{EXECUTE(OF_A_B ",\"additional-condition\":\"secret)\""), "closes a parenthesis"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
	{
		assert_rc_err(read_text(wrongs[i].json), ERR_DATA, E1244);
		if (!strstr(e.detail, wrongs[i].detail))
			fail_msg("%s: %s", wrongs[i].json, e.detail);
		if (strstr(e.msg, "secret") || strstr(e.detail, "secret") || strstr(e.hint, "secret"))
			fail_msg("%s: is shown: %s %s", wrongs[i].json, e.msg, e.detail);
		if (strstr(wrongs[i].json, "my id") && !strstr(e.detail, "zero byte"))
			assert_non_null(strstr(e.msg, "\"my id\""));
		assert_true(sent.id == NULL && sent.collections == NULL && sent.conditions == NULL);
	}
}

/* Cut off anywhere: none, and nothing is read behind the end. */
static void
test_cut_off(void **state)
{
	static const char whole[] = FILTERED("\"a = '\\u00e9\\\\\\\\u0000 x'\"");

	(void) state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
	{
		char *exact = unit_exact(whole, len);

		assert_rc_err(snapshot_signal_read((struct str){exact, len}, &sent, &e), ERR_DATA, E1244);
		free(exact);
	}
	assert_rc_ok(read_text(whole)); /* a backslash and u0000, which is no zero byte */
	assert_string_equal(sent.conditions[0].filter, "a = '\xc3\xa9\\\\u0000 x'");
	snapshot_signal_free(&sent);
}

static void
test_sql(void **state)
{
	struct buf sql = {0};

	(void) state;
	signal_collection_sql("shop\\.it's|a", "n.nspname", &sql);
	assert_string_equal(buf_cstr(&sql),
						"((n.nspname) COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.~*)  "
						"E'^(?:shop\\\\.it''s|a)$'::pg_catalog.text)");
	buf_free(&sql);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_execute),       cmocka_unit_test(test_others),
		cmocka_unit_test(test_what_is_wrong), cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_sql),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
