/*
 * test_findings.c
 *		What check prints: every verdict, as text and as JSON.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "findings.h"
#include "unit.h"

static struct findings *
sample(void)
{
	struct findings *findings = findings_new();
	struct err       e;

	findings_ok(findings, "server.clock", "%.1f s apart", 0.25);
	findings_skip(findings, "tables.captured", "not asked");
	err_set(&e, ERR_CONFIG, E1252, "the slot keeps \"much\"");
	err_hint(&e, "First.\nSecond.");
	findings_add(findings, VERDICT_WARN, "slot.retained_wal", &e);
	err_set(&e, ERR_PERMISSION, E1212, "role lacks a right");
	err_detail(&e, "It does.");
	err_hint(&e, "ALTER ROLE r REPLICATION;");
	findings_add(findings, VERDICT_FAIL, "server.connection", &e);
	err_set(&e, ERR_CONFIG, E1002, "later");
	findings_add(findings, VERDICT_FAIL, "machine.admin_listen", &e);
	return findings;
}

static char *
printed(const struct findings *findings, void (*print)(const struct findings *, FILE *))
{
	static char text[4096];
	FILE       *out = fmemopen(text, sizeof(text), "w");

	print(findings, out);
	fclose(out);
	return text;
}

static void
text_has_a_line_for_each(void **state)
{
	struct findings *findings = sample();
	char            *text = printed(findings, findings_print);

	(void) state;
	assert_string_equal(text, "OK    server.clock             0.2 s apart\n"
							  "SKIP  tables.captured          not asked\n"
							  "WARN  slot.retained_wal        E1252: the slot keeps \"much\"\n"
							  "      HINT:  First.\n"
							  "      Second.\n"
							  "FAIL  server.connection        E1212: role lacks a right\n"
							  "      DETAIL:  It does.\n"
							  "      HINT:  ALTER ROLE r REPLICATION;\n"
							  "FAIL  machine.admin_listen     E1002: later\n"
							  "\n1 ok, 1 skipped, 1 warnings, 2 failed\n");
	findings_free(findings);
}

static void
json_has_the_same(void **state)
{
	struct findings *findings = sample();
	char            *text = printed(findings, findings_json);
	cJSON           *json = cJSON_Parse(text);
	cJSON           *checks = cJSON_GetObjectItem(json, "checks");
	cJSON           *warned = cJSON_GetArrayItem(checks, 2);
	cJSON           *clock = cJSON_GetArrayItem(checks, 0);

	(void) state;
	assert_int_equal(cJSON_GetArraySize(checks), 5);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(warned, "name")), "slot.retained_wal");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(warned, "verdict")), "warn");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(warned, "code")), "E1252");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(warned, "message")),
						"the slot keeps \"much\"");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(warned, "detail")));
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(warned, "hint")), "First.\nSecond.");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(clock, "code")));
	assert_int_equal(cJSON_GetObjectItem(json, "ok")->valueint, 1);
	assert_int_equal(cJSON_GetObjectItem(json, "skip")->valueint, 1);
	assert_int_equal(cJSON_GetObjectItem(json, "warn")->valueint, 1);
	assert_int_equal(cJSON_GetObjectItem(json, "fail")->valueint, 2);
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1); /* one line */
	cJSON_Delete(json);
	findings_free(findings);
}

static void
the_first_failure_counts(void **state)
{
	struct findings *findings = findings_new();

	(void) state;
	findings_ok(findings, "a", "fine");
	assert_null(findings_failure(findings));
	findings_free(findings);
	findings = sample();
	assert_int_equal(findings_failure(findings)->code, E1212);
	assert_int_equal(findings_failure(findings)->class, ERR_PERMISSION);
	assert_int_equal(findings_count(findings, VERDICT_FAIL), 2);
	findings_free(findings);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(text_has_a_line_for_each),
									   cmocka_unit_test(json_has_the_same),
									   cmocka_unit_test(the_first_failure_counts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
