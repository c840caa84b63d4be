/*
 * test_log.c
 *		What a message looks like in each format, on the real stderr.
 */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "log.h"

static char text[8192];

/* Runs write with stderr in a file; what it wrote is in text. */
static const char *
logged(void (*write)(void))
{
	FILE  *file = tmpfile();
	int    saved = dup(STDERR_FILENO);
	size_t len;

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	write();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static void
write_error(void)
{
	struct err e;

	err_set(&e, ERR_CONFIG, E1207, "slot \"%s\" does not exist", "a b");
	err_detail(&e, "A fact.");
	err_hint(&e, "Do this;\nor that.");
	log_err(LOG_ERROR, &e, "trying again in %d s", 2);
}

static void
write_bare_error(void)
{
	struct err e;

	err_set(&e, ERR_CONFIG, E1001, "x");
	log_err(LOG_WARN, &e, NULL);
}

static void
write_levels(void)
{
	log_error("m%d", 1);
	log_warn("m%d", 2);
	log_info("m%d", 3);
	log_debug("m%d", 4);
}

static void
write_odd(void)
{
	log_info("tab\tquote\"back\\slash\x01");
}

static void
text_is_as_psql_shows_messages(void **state)
{
	(void) state;
	log_setup(LOG_TEXT, LOG_INFO);
	assert_string_equal(logged(write_error), "walrelay: error: E1207: slot \"a b\" does not exist\n"
											 "DETAIL:  A fact.\nHINT:  Do this;\nor that.\n"
											 "ACTION:  trying again in 2 s\n");
	assert_string_equal(logged(write_bare_error), "walrelay: warn: E1001: x\n");
}

static void
logfmt_is_one_line(void **state)
{
	(void) state;
	log_setup(LOG_LOGFMT, LOG_INFO);
	logged(write_error);
	assert_memory_equal(text, "ts=2", 4);
	assert_string_equal(strstr(text, " level="),
						" level=error code=E1207 msg=\"slot \\\"a b\\\" does not exist\" "
						"detail=\"A fact.\" hint=\"Do this;\\nor that.\" "
						"action=\"trying again in 2 s\"\n");
	logged(write_bare_error);
	assert_string_equal(strstr(text, " level="), " level=warn code=E1001 msg=x\n");
}

static void
json_is_valid_whatever_is_in_it(void **state)
{
	(void) state;
	log_setup(LOG_JSON, LOG_INFO);
	logged(write_odd);
	assert_memory_equal(text, "{\"ts\":\"2", 8);
	assert_string_equal(
		strstr(text, "\"level\""),
		"\"level\":\"info\",\"msg\":\"tab\\u0009quote\\\"back\\\\slash\\u0001\"}\n");
}

static void
auto_is_logfmt_where_no_terminal_is(void **state)
{
	FILE *file = tmpfile();
	int   saved = dup(STDERR_FILENO);

	(void) state;
	dup2(fileno(file), STDERR_FILENO);
	log_setup(LOG_AUTO, LOG_INFO);
	dup2(saved, STDERR_FILENO);
	close(saved);
	fclose(file);
	assert_non_null(strstr(logged(write_bare_error), "code=E1001"));
}

static void
levels_are_kept(void **state)
{
	(void) state;
	log_setup(LOG_TEXT, LOG_WARN);
	assert_string_equal(logged(write_levels), "walrelay: error: m1\nwalrelay: warn: m2\n");
	assert_true(log_shows(LOG_WARN));
	assert_false(log_shows(LOG_INFO));
	log_setup(LOG_TEXT, LOG_DEBUG);
	assert_string_equal(logged(write_levels), "walrelay: error: m1\nwalrelay: warn: m2\n"
											  "walrelay: m3\nwalrelay: debug: m4\n");
}

static void
limit_lets_one_pass_in_its_interval(void **state)
{
	struct log_limit limit = {.interval_ms = 1000};
	uint64_t         suppressed = 99;

	(void) state;
	assert_true(log_limit_pass(&limit, 5000, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_false(log_limit_pass(&limit, 5001, &suppressed));
	assert_false(log_limit_pass(&limit, 5999, &suppressed));
	assert_true(log_limit_pass(&limit, 6000, &suppressed));
	assert_int_equal(suppressed, 2);
	assert_false(log_limit_pass(&limit, 6001, &suppressed));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_as_psql_shows_messages),
		cmocka_unit_test(logfmt_is_one_line),
		cmocka_unit_test(json_is_valid_whatever_is_in_it),
		cmocka_unit_test(auto_is_logfmt_where_no_terminal_is),
		cmocka_unit_test(levels_are_kept),
		cmocka_unit_test(limit_lets_one_pass_in_its_interval),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
