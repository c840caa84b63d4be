/* test_snapshot_order.c: commands as signals, what cannot be meant, and SQL that stays SQL. */
#include "unit.h"

#include "snapshot_order.h"

static struct err  e;
static const char *tables[2];

static struct snapshot_order
order_of(enum signal_kind kind, const char *first, const char *second, const char *where)
{
	tables[0] = first;
	tables[1] = second;
	return (struct snapshot_order){.kind = kind,
								   .ntables = (uint32_t) (first != NULL) + (second != NULL),
								   .tables = tables,
								   .where = where};
}

static void
test_what_can_be_meant(void **state)
{
	struct snapshot_order order = order_of(SIGNAL_EXECUTE, "shop\\.a", "b.\xc3\xa9", "n > 1");

	(void) state;
	assert_rc_ok(snapshot_order_check(&order, &e));
	order = order_of(SIGNAL_STOP, NULL, NULL, NULL);
	assert_rc_ok(snapshot_order_check(&order, &e));
	order = order_of(SIGNAL_PAUSE, NULL, NULL, NULL);
	assert_rc_ok(snapshot_order_check(&order, &e));
	order = order_of(SIGNAL_EXECUTE, NULL, NULL, NULL);
	assert_rc_err(snapshot_order_check(&order, &e), ERR_USAGE, E1006);
	assert_non_null(strstr(e.msg, "no table"));
	order = order_of(SIGNAL_EXECUTE, "a.b", " \t", NULL);
	assert_rc_err(snapshot_order_check(&order, &e), ERR_USAGE, E1006);
	assert_non_null(strstr(e.msg, "number 2 is blank"));
	order = order_of(SIGNAL_STOP, "", NULL, NULL);
	assert_rc_err(snapshot_order_check(&order, &e), ERR_USAGE, E1006);
	order = order_of(SIGNAL_EXECUTE, "a.\xe9", NULL, NULL);
	assert_rc_err(snapshot_order_check(&order, &e), ERR_USAGE, E1006);
	assert_non_null(strstr(e.msg, "UTF-8"));
}

/* None is sent, and no word of it is shown. */
static void
test_conditions(void **state)
{
	static const char *const wrongs[] = {
		"",          " ",       "secret; DROP TABLE a", "secret) OR (true", "(secret", "secret -- ",
		"secret /*", "'secret", "SELECT secret",        "secret = '\xe9'"};

	(void) state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
	{
		struct snapshot_order order = order_of(SIGNAL_EXECUTE, "a.b", NULL, wrongs[i]);

		assert_rc_err(snapshot_order_check(&order, &e), ERR_USAGE, E1006);
		assert_non_null(strstr(e.msg, "--where"));
		assert_true(e.detail[0] && !strstr(e.msg, "secret") && !strstr(e.detail, "secret"));
	}
}

/* What may be the rest of a connection string is told by its number. */
static void
test_shown(void **state)
{
	struct snapshot_order order = order_of(SIGNAL_EXECUTE, "shop\\.a", "password=hidden", NULL);
	char                 *first = snapshot_order_table(&order, 0);
	char                 *second = snapshot_order_table(&order, 1);

	(void) state;
	assert_string_equal(first, "\"shop\\.a\"");
	assert_string_equal(second, "number 2");
	free(first);
	free(second);
}

static void
assert_written(const struct snapshot_order *order, const char *expected)
{
	struct snapshot_signal signal;
	struct buf             json = {0};

	snapshot_order_write(order, "1f", &json);
	assert_string_equal(buf_cstr(&json), expected);
	for (size_t i = 0; i < json.len; i++)
		assert_in_range(json.data[i], 0x20, 0x7e);
	/* And the relay reads what was meant. */
	assert_rc_ok(
		snapshot_signal_read((struct str){(const char *) json.data, json.len}, &signal, &e));
	assert_int_equal(signal.kind, order->kind);
	assert_int_equal(signal.blocking, order->blocking);
	assert_string_equal(signal.id, "1f");
	assert_int_equal(signal.ncollections, order->ntables);
	for (uint32_t i = 0; i < order->ntables; i++)
		assert_string_equal(signal.collections[i], order->tables[i]);
	assert_int_equal(signal.nconditions, order->where != NULL);
	if (order->where)
		assert_string_equal(signal.conditions[0].filter, order->where);
	snapshot_signal_free(&signal);
	buf_free(&json);
}

static void
test_written(void **state)
{
	struct snapshot_order order = order_of(SIGNAL_EXECUTE, "shop\\.a", NULL, NULL);

	(void) state;
	assert_written(&order, "{\"id\":\"1f\",\"type\":\"execute-snapshot\",\"data\":{\"type\":"
						   "\"incremental\",\"data-collections\":[\"shop\\\\.a\"]}}");
	order = order_of(SIGNAL_EXECUTE, "a.\xc3\xa9", "b.\xe2\x82\xac", "x = '\xf0\x9f\x98\x80\x7e'");
	order.blocking = true;
	assert_written(&order,
				   "{\"id\":\"1f\",\"type\":\"execute-snapshot\",\"data\":{\"type\":\"blocking\","
				   "\"data-collections\":[\"a.\\u00e9\",\"b.\\u20ac\"],\"additional-conditions\":["
				   "{\"data-collection\":\".*\",\"filter\":\"x = '\\ud83d\\ude00~'\"}]}}");
	order = order_of(SIGNAL_STOP, NULL, NULL, NULL);
	assert_written(&order, "{\"id\":\"1f\",\"type\":\"stop-snapshot\",\"data\":{\"type\":"
						   "\"incremental\"}}");
	order = order_of(SIGNAL_RESUME, NULL, NULL, NULL);
	assert_written(&order, "{\"id\":\"1f\",\"type\":\"resume-snapshot\",\"data\":{\"type\":"
						   "\"incremental\"}}");
}

static void
test_sql(void **state)
{
	struct snapshot_order order = order_of(SIGNAL_EXECUTE, "a'b\\.c", NULL, "n > 1 AND (m < 2)");
	struct buf            json = {0};
	struct buf            sql = {0};

	(void) state;
	snapshot_order_match_sql(&order, 0, &sql);
	assert_non_null(strstr(buf_cstr(&sql), "n.nspname || '.' || c.relname) COLLATE "
										   "pg_catalog.\"C\" OPERATOR(pg_catalog.~*)  "
										   "E'^(?:a''b\\\\.c)$'::pg_catalog.text)"));
	buf_puts(&json, "{\"a'\\\\\"}");
	snapshot_order_send_sql("00ff", &json, &sql);
	assert_string_equal(buf_cstr(&sql),
						"BEGIN READ WRITE; SET LOCAL synchronous_commit = local; SELECT "
						"pg_catalog.pg_logical_emit_message(true, 'walrelay',  "
						"E'signal 00ff {\"a''\\\\\\\\\"}'); COMMIT");
	buf_free(&json);
	buf_free(&sql);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_can_be_meant),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_sql),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
