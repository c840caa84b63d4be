/*
 * test_shape_defaults.c
 *		What stands for a missing value in each mode, and for a column's default.
 */
#include "shaped.h"

#include "literal.h"

static void
check_filler(const struct op *op, const char *expected)
{
	struct str filler = op->shape->filler;

	if (op->shape->put_filler)
	{
		buf_reset(&out);
		op->shape->put_filler(op, &out);
		filler = (struct str){(const char *) out.data, out.len};
	}
	assert_string_equal(show(op, filler), expected);
}

/* json NULL: the expression gives no default.  avro: the same as text. */
static void
check_default(const struct op *op, const char *expression, const char *json, const char *avro)
{
	struct buf literal = {0};
	struct buf found = {0};
	bool       is;

	buf_reset(&out);
	is = literal_find(op, expression, &literal) &&
		 op->shape->literal(op, buf_cstr(&literal), &out, &found);
	assert_int_equal(is, json != NULL);
	if (json)
	{
		assert_string_equal(buf_cstr(&found), json);
		assert_string_equal(show(op, (struct str){(const char *) out.data, out.len}), avro);
	}
	buf_free(&literal);
	buf_free(&found);
}

static void
test_fillers(void **state)
{
	static const struct
	{
		const struct shape *shape;
		const char         *filler;
	} cases[] = {
		{&decimal_shape, "0.000"},
		{&variable_decimal_shape, "0"},
		{&money_shape, "0.00"},
		{&decimal_double_shape, "0"},
		{&decimal_string_shape, "0.000"},
		{&variable_decimal_string_shape, "0"},
		{&money_double_shape, "0"},
		{&money_string_shape, "0.00"},
		{&date_shape, "0"},
		{&date_connect_shape, "0"},
		{&date_iso_shape, "1970-01-01Z"},
		{&time_ms_shape, "0"},
		{&time_us_shape, "0"},
		{&time_ns_shape, "0"},
		{&time_connect_shape, "0"},
		{&time_iso_shape, "00:00:00Z"},
		{&zoned_time_shape, "00:00:00Z"},
		{&timestamp_ms_shape, "0"},
		{&timestamp_us_shape, "0"},
		{&timestamp_ns_shape, "0"},
		{&timestamp_connect_shape, "0"},
		{&timestamp_iso_shape, "1970-01-01T00:00:00Z"},
		{&zoned_shape, "1970-01-01T00:00:00Z"},
		{&interval_shape, "0"},
		{&interval_string_shape, "P0Y0M0DT0H0M0S"},
		{&bytes_shape, ""},
		{&bytes_base64_shape, ""},
		{&bytes_base64_url_shape, ""},
		{&bytes_hex_shape, ""},
		{&unknown_shape, ""},
		{&unknown_base64_shape, ""},
		{&unknown_base64_url_shape, ""},
		{&unknown_hex_shape, ""},
		{&exact_shape, ""},
	};
	static const struct
	{
		uint32_t    oid;
		const char *filler;
	} exact[] = {{TYPE_NUMERIC, "0"},
				 {TYPE_DATE, "1970-01-01"},
				 {TYPE_TIMESTAMP, "1970-01-01 00:00:00"},
				 {TYPE_TIMETZ, "00:00:00+00"},
				 {TYPE_INTERVAL, "00:00:00"}};
	struct op op;

	(void) state;
	fmt.money_digits = 2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		op = op_of(cases[i].shape);
		op.scale = 3;
		check_filler(&op, cases[i].filler);
	}
	op = op_of(&decimal_string_shape);
	check_filler(&op, "0");
	fmt.money_digits = 0;
	op = op_of(&money_string_shape);
	check_filler(&op, "0");
	op = op_of(&exact_shape);
	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
	{
		op.type.oid = exact[i].oid;
		check_filler(&op, exact[i].filler);
	}
	op.type.oid = 1231;
	op.form = WIRE_FORM_ARRAY;
	check_filler(&op, "{}");
}

static void
test_defaults(void **state)
{
	static const struct
	{
		const struct shape *shape;
		const char         *expression;
		const char         *json;
		const char         *avro;
	} cases[] = {
		{&decimal_shape, "1.50", "\"\\u0000\xc2\x96\"", "1.50"},
		{&decimal_double_shape, "1.50", "1.5", "1.5"},
		{&decimal_double_shape, "'-1'::integer", "-1.0", "-1"},
		{&decimal_shape, "-1.505", NULL, NULL}, /* Debezium does not round either */
		{&decimal_double_shape, "'NaN'::numeric", NULL, NULL},
		{&decimal_double_shape, "-1.505", NULL, NULL},
		{&decimal_string_shape, "-1.505", NULL, NULL},
		{&decimal_double_shape, "random()", "0.0", "0"},
		{&decimal_string_shape, "1.5", "\"1.50\"", "1.50"},
		{&decimal_string_shape, "'-12345678901234567890'::numeric", "\"-12345678901234567890.00\"",
		 "-12345678901234567890.00"},
		{&decimal_string_shape, "random()", "\"0.00\"", "0.00"},
		{&decimal_string_shape, "'NaN'::numeric", NULL, NULL},
		{&decimal_string_shape, "NULL::numeric", NULL, NULL},
		{&variable_decimal_string_shape, "1.50", "\"1.50\"", "1.50"},
		{&variable_decimal_string_shape, "7", "\"7\"", "7"},
		{&variable_decimal_string_shape, "(1 + 2)", NULL, NULL},
		{&date_shape, "'2020-01-02'::date", "18263", "18263"},
		{&date_connect_shape, "'2020-01-02'::date", "18263", "18263"},
		{&date_connect_shape, "CURRENT_DATE", "0", "0"},
		{&date_iso_shape, "'2020-01-02'::date", "\"2020-01-02Z\"", "2020-01-02Z"},
		{&date_iso_shape, "CURRENT_DATE", "\"1970-01-01Z\"", "1970-01-01Z"},
		{&date_iso_shape, "'-infinity'::date", "\"-infinity\"", "-infinity"},
		{&date_iso_shape, "'tomorrow'::text", NULL, NULL},
		{&time_connect_shape, "'01:02:03.5'::time without time zone", "3723500", "3723500"},
		{&time_ns_shape, "'01:02:03'::time without time zone", "3723000000000", "3723000000000"},
		{&time_ns_shape, "LOCALTIME", "0", "0"},
		{&time_iso_shape, "'01:02:03'::time without time zone", "\"01:02:03Z\"", "01:02:03Z"},
		{&time_iso_shape, "'24:00:00'::time without time zone", "\"24:00:00Z\"", "24:00:00Z"},
		{&time_iso_shape, "'25:00:00'::time without time zone", NULL, NULL},
		{&time_iso_shape, "LOCALTIME", "\"00:00:00Z\"", "00:00:00Z"},
		{&timestamp_connect_shape, "'2020-01-02 03:04:05.678'::timestamp without time zone",
		 "1577934245678", "1577934245678"},
		{&timestamp_ns_shape, "'2020-01-02 03:04:05.678'::timestamp without time zone",
		 "1577934245678000000", "1577934245678000000"},
		{&timestamp_ns_shape, "'0001-01-01 00:00:00'::timestamp without time zone", NULL, NULL},
		{&timestamp_ns_shape, "LOCALTIMESTAMP", "0", "0"},
		{&timestamp_iso_shape, "'2020-01-02 03:04:05.678'::timestamp without time zone",
		 "\"2020-01-02T03:04:05.678Z\"", "2020-01-02T03:04:05.678Z"},
		{&timestamp_iso_shape, "now()", "\"1970-01-01T00:00:00Z\"", "1970-01-01T00:00:00Z"},
		{&interval_shape, "'1 day'::interval", "86400000000", "86400000000"},
		{&interval_string_shape, "'1 day'::interval", "\"P0Y0M1DT0H0M0S\"", "P0Y0M1DT0H0M0S"},
		{&interval_string_shape, "'1 year 2 mons -3 days +04:05:06.789'::interval",
		 "\"P1Y2M-3DT4H5M6.789S\"", "P1Y2M-3DT4H5M6.789S"},
		{&interval_string_shape, "justify_days()", "\"P0Y0M0DT0H0M0S\"", "P0Y0M0DT0H0M0S"},
		{&interval_string_shape, "'infinity'::interval", NULL, NULL},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct op op = op_of(cases[i].shape);

		op.scale = 2;
		op.precision = 30;
		check_default(&op, cases[i].expression, cases[i].json, cases[i].avro);
	}
	assert_null(money_string_shape.literal);
	assert_null(bytes_base64_shape.literal);
	assert_null(unknown_shape.literal);
	assert_null(exact_shape.literal);
}

static void
check_literal(const struct shape *shape, const char *expression, const char *expected)
{
	struct op  op = op_of(shape);
	struct buf found = {0};

	assert_int_equal(literal_find(&op, expression, &found), expected != NULL);
	if (expected)
		assert_string_equal(buf_cstr(&found), expected);
	buf_free(&found);
}

static void
test_quotes(void **state)
{
	static const struct
	{
		const char *expression;
		const char *cut;
	} cases[] = {
		{"'plain'::text", "plain"},
		{"''::text", ""},
		{"'it''s'::text", "it"},
		{"'''a'''::text", ""},
		{"E'a \"b\" \\\\ c'::text", "a \"b\" \\\\ c"},
		{"'two\nlines'::text", NULL},
		{"'two\nlines''s'::text", ""}, /* cut: between the doubled quotes */
		{"'open", NULL},
		{"'open''", "open"},
		{"CURRENT_USER", "CURRENT_USER"},
		{"lower('ABC'::text)", ""},
		{"\"My\".f('a'::text)", "a"}, /* no function to Debezium */
		{"lower('two\nlines'::text)", NULL},
		{"NULL::text", NULL},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_literal(&text_shape, cases[i].expression, cases[i].cut);
	check_literal(&enum_shape, "'ok'::mood", "ok");
	check_literal(&enum_shape, "'it''s'::mood", "it''s");
	check_literal(&enum_shape, "'it''s'::\"My\".mood", "it''s");
	check_literal(&enum_shape, "'a::b'::mood", "a::b");
	check_literal(&enum_shape, "first_mood()", NULL);
	check_literal(&enum_shape, "(lower('A'::text))::mood", NULL);
	check_literal(&enum_shape, "'::mood", NULL);
	check_literal(&enum_shape, "NULL::mood", NULL);
}

/* json NULL: no such number. */
static void
check_float(literal_fn *literal, const char *number, const char *json)
{
	struct op  op = op_of(&float8_shape);
	struct buf found = {0};

	buf_reset(&out);
	assert_int_equal(literal(&op, number, &out, &found), json != NULL);
	if (json)
		assert_string_equal(buf_cstr(&found), json);
	buf_free(&found);
}

static void
test_floats(void **state)
{
	static literal_fn *const every[] = {literal_float4, literal_float8};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		check_float(every[i], "1.5", "1.5");
		check_float(every[i], "-1", "-1.0");
		check_float(every[i], "NaN", "\"NaN\"");
		check_float(every[i], "Infinity", "\"Infinity\"");
		check_float(every[i], "-Infinity", "\"-Infinity\"");
		check_float(every[i], "nan", NULL);
		check_float(every[i], "inf", NULL);
		check_float(every[i], "0x10", NULL);
		check_float(every[i], "1.5 + 2", NULL);
		check_float(every[i], "", NULL);
	}
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fillers),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_floats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(void)
{
	return shaped_run(run);
}
