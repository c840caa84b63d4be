/*
 * test_types.c
 *		Each type's schema, filler, default and placeholder; types left out.
 */
#include "planned.h"

#include "patterns.h"

#include "value.h"

static struct err          e;
static struct encode_stats stats;

/* The field of a one-column table in the schema; NULL if it is not there.  Freed by the caller. */
static char *
field_of(const struct column *col, const struct format *fmt)
{
	struct column columns[] = {
		COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, WIRE_COLUMN_NOT_NULL),
		*col,
	};
	struct table *tbl = planned_table_pk(columns, 2);
	struct plan  *plan = planned_plan(tbl, fmt, &stats);
	const char   *schema = plan_schema(plan, SIDE_VALUE);
	const char   *start = strstr(schema, "{\"name\":\"id\",\"type\":\"int\"}");
	const char   *end = strstr(schema, "],\"connect.name\":\"shop.public.t.Value\"");
	struct avro  *avro;
	char         *out = NULL;

	assert_non_null(start);
	assert_non_null(end);
	start += strlen("{\"name\":\"id\",\"type\":\"int\"}");
	if (start != end)
		out = xstrndup(start + 1, (size_t) (end - start - 1));
	assert_rc_ok(avro_new(schema, &avro, &e));
	avro_free(avro);
	plan_free(plan);
	table_free(tbl);
	return out;
}

static void
check_field(struct column col, const char *expected)
{
	struct format fmt = planned_format();
	char         *field = field_of(&col, &fmt);

	if (field == NULL || expected == NULL)
	{
		if (field != NULL || expected != NULL)
			fail_msg("%s: got %s, expected %s", col.type.name, field ? field : "nothing",
					 expected ? expected : "nothing");
	}
	else
		assert_string_equal(field, expected);
	free(field);
}

static const char *labels[] = {"sad", "it's", "happy"};

#define TEXTUAL(oid, name) COLUMN("f", WIRE_FORM_TEXT, oid, name, -1, 0)
#define OPTIONAL_(type) "{\"name\":\"f\",\"type\":[\"null\"," type "],\"default\":null}"
#define SEMANTIC(avro, name) \
	OPTIONAL_("{\"type\":\"" avro "\",\"connect.version\":1,\"connect.name\":\"" name "\"}")
#define DECIMAL(scale, precision)                                                 \
	OPTIONAL_("{\"type\":\"bytes\",\"scale\":" scale ",\"precision\":" precision  \
			  ",\"connect.version\":1,\"connect.parameters\":{\"scale\":\"" scale \
			  "\",\"connect.decimal.precision\":\"" precision                     \
			  "\"},\"connect.name\":\"org.apache.kafka.connect.data.Decimal\","   \
			  "\"logicalType\":\"decimal\"}")
#define NUMERIC(p, s) ((p) << 16 | ((s) &0x7ff)) + 4
#define BITS(n)                                                                                   \
	OPTIONAL_("{\"type\":\"bytes\",\"connect.version\":1,\"connect.parameters\":{\"length\":\"" n \
			  "\"},\"connect.name\":\"io.debezium.data.Bits\"}")

static void
test_schemas(void **state)
{
	static const struct
	{
		struct column col;
		const char   *field;
	} cases[] = {
		{COLUMN("f", WIRE_FORM_BOOL, 16, "bool", -1, 0), OPTIONAL_("\"boolean\"")},
		{COLUMN("f", WIRE_FORM_BYTES, 17, "bytea", -1, 0), OPTIONAL_("\"bytes\"")},
		{TEXTUAL(18, "char"), OPTIONAL_("\"string\"")},
		{TEXTUAL(19, "name"), OPTIONAL_("\"string\"")},
		{COLUMN("f", WIRE_FORM_INT, 20, "int8", -1, 0), OPTIONAL_("\"long\"")},
		{COLUMN("f", WIRE_FORM_INT, 21, "int2", -1, 0),
		 OPTIONAL_("{\"type\":\"int\",\"connect.type\":\"int16\"}")},
		{COLUMN("f", WIRE_FORM_INT, 23, "int4", -1, 0), OPTIONAL_("\"int\"")},
		{TEXTUAL(25, "text"), OPTIONAL_("\"string\"")},
		{COLUMN("f", WIRE_FORM_OID, 26, "oid", -1, 0), OPTIONAL_("\"long\"")},
		{TEXTUAL(114, "json"), SEMANTIC("string", "io.debezium.data.Json")},
		{TEXTUAL(3802, "jsonb"), SEMANTIC("string", "io.debezium.data.Json")},
		{TEXTUAL(142, "xml"), SEMANTIC("string", "io.debezium.data.Xml")},
		{COLUMN("f", WIRE_FORM_FLOAT4, 700, "float4", -1, 0), OPTIONAL_("\"float\"")},
		{COLUMN("f", WIRE_FORM_FLOAT8, 701, "float8", -1, 0), OPTIONAL_("\"double\"")},
		{COLUMN("f", WIRE_FORM_INT64, 790, "money", -1, 0),
		 OPTIONAL_("{\"type\":\"bytes\",\"scale\":2,\"precision\":64,\"connect.version\":1,"
				   "\"connect.parameters\":{\"scale\":\"2\"},\"connect.name\":"
				   "\"org.apache.kafka.connect.data.Decimal\",\"logicalType\":\"decimal\"}")},
		{COLUMN("f", WIRE_FORM_TEXT, 1043, "varchar", 24, 0), OPTIONAL_("\"string\"")},
		{COLUMN("f", WIRE_FORM_TEXT, 1042, "bpchar", 9, 0), OPTIONAL_("\"string\"")},
		{COLUMN("f", WIRE_FORM_INT, 1082, "date", -1, 0), SEMANTIC("int", "io.debezium.time.Date")},
		{COLUMN("f", WIRE_FORM_INT64, 1083, "time", 3, 0),
		 SEMANTIC("int", "io.debezium.time.Time")},
		{COLUMN("f", WIRE_FORM_INT64, 1083, "time", 0, 0),
		 SEMANTIC("int", "io.debezium.time.Time")},
		{COLUMN("f", WIRE_FORM_INT64, 1083, "time", 4, 0),
		 SEMANTIC("long", "io.debezium.time.MicroTime")},
		{COLUMN("f", WIRE_FORM_INT64, 1083, "time", -1, 0),
		 SEMANTIC("long", "io.debezium.time.MicroTime")},
		{COLUMN("f", WIRE_FORM_INT64, 1114, "timestamp", 3, 0),
		 SEMANTIC("long", "io.debezium.time.Timestamp")},
		{COLUMN("f", WIRE_FORM_INT64, 1114, "timestamp", -1, 0),
		 SEMANTIC("long", "io.debezium.time.MicroTimestamp")},
		{COLUMN("f", WIRE_FORM_INT64, 1184, "timestamptz", 3, 0),
		 SEMANTIC("string", "io.debezium.time.ZonedTimestamp")},
		{COLUMN("f", WIRE_FORM_TIMETZ, 1266, "timetz", -1, 0),
		 SEMANTIC("string", "io.debezium.time.ZonedTime")},
		{COLUMN("f", WIRE_FORM_INTERVAL, 1186, "interval", -1, 0),
		 SEMANTIC("long", "io.debezium.time.MicroDuration")},
		{COLUMN("f", WIRE_FORM_TEXT, 1560, "bit", 1, 0), OPTIONAL_("\"boolean\"")},
		{COLUMN("f", WIRE_FORM_TEXT, 1560, "bit", 8, 0), BITS("8")},
		{COLUMN("f", WIRE_FORM_TEXT, 1562, "varbit", 1, 0), OPTIONAL_("\"boolean\"")},
		{COLUMN("f", WIRE_FORM_TEXT, 1562, "varbit", -1, 0), BITS("2147483647")},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(10, 2), 0), DECIMAL("2", "10")},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(5, -2), 0), DECIMAL("0", "7")},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(3, 5), 0), DECIMAL("5", "3")},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0),
		 OPTIONAL_("{\"type\":\"record\",\"name\":\"VariableScaleDecimal\",\"namespace\":"
				   "\"io.debezium.data\",\"fields\":[{\"name\":\"scale\",\"type\":\"int\"},"
				   "{\"name\":\"value\",\"type\":\"bytes\"}],\"connect.doc\":"
				   "\"Variable scaled decimal\",\"connect.version\":1,\"connect.name\":"
				   "\"io.debezium.data.VariableScaleDecimal\"}")},
		{COLUMN("f", WIRE_FORM_UUID, 2950, "uuid", -1, 0),
		 SEMANTIC("string", "io.debezium.data.Uuid")},
		{TEXTUAL(3614, "tsvector"), SEMANTIC("string", "io.debezium.data.Tsvector")},
		{TEXTUAL(869, "inet"), OPTIONAL_("\"string\"")},
		{TEXTUAL(650, "cidr"), OPTIONAL_("\"string\"")},
		{TEXTUAL(829, "macaddr"), OPTIONAL_("\"string\"")},
		{TEXTUAL(774, "macaddr8"), OPTIONAL_("\"string\"")},
		{COLUMN("f", WIRE_FORM_TEXT, 3904, "int4range", -1, WIRE_COLUMN_RANGE),
		 OPTIONAL_("\"string\"")},
		{COLUMN("f", WIRE_FORM_TEXT, 3910, "tstzrange", -1, WIRE_COLUMN_RANGE),
		 OPTIONAL_("\"string\"")},
		{TEXTUAL(17001, "citext"), OPTIONAL_("\"string\"")},
		{TEXTUAL(17002, "hstore"), SEMANTIC("string", "io.debezium.data.Json")},
		{TEXTUAL(17003, "ltree"), SEMANTIC("string", "io.debezium.data.Ltree")},
		{TEXTUAL(17004, "isbn"), OPTIONAL_("\"string\"")},
		{TEXTUAL(17004, "isbn13"), NULL}, /* Debezium knows the one alone */
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_field(cases[i].col, cases[i].field);
}

static void
test_enum(void **state)
{
	struct column col = COLUMN("f", WIRE_FORM_ENUM, 17010, "mood", -1, WIRE_COLUMN_ENUM);

	(void) state;
	col.labels = labels;
	col.nlabels = 3;
	check_field(col, OPTIONAL_("{\"type\":\"string\",\"connect.version\":1,\"connect.parameters\":"
							   "{\"allowed\":\"sad,it's,happy\"},\"connect.name\":"
							   "\"io.debezium.data.Enum\"}"));
	col.default_text = "'happy'::mood";
	check_field(col, "{\"name\":\"f\",\"type\":[{\"type\":\"string\",\"connect.version\":1,"
					 "\"connect.parameters\":{\"allowed\":\"sad,it's,happy\"},"
					 "\"connect.default\":\"happy\",\"connect.name\":\"io.debezium.data.Enum\"},"
					 "\"null\"],\"default\":\"happy\"}");
}

static void
test_domain(void **state)
{
	struct column col = COLUMN("f", WIRE_FORM_NUMERIC, 17020, "price", -1, WIRE_COLUMN_DOMAIN);

	(void) state;
	col.base = (struct type_name){1700, NUMERIC(8, 3), "pg_catalog", "numeric"};
	check_field(col, DECIMAL("3", "8"));
	col.default_text = "1.5"; /* Debezium looks a default's reader up by the domain's name */
	check_field(col, DECIMAL("3", "8"));
}

/* An array column's element: forms, types and what is left out. */
#define ARRAY_OF(element_form_, oid_, name_, typmod_)                                      \
	{                                                                                      \
		.name = "f", .attnum = 2, .flags = WIRE_COLUMN_ARRAY, .form = WIRE_FORM_ARRAY,     \
		.type = {99, typmod_, "s", "_" name_}, .base = {99, typmod_, "s", "_" name_},      \
		.element = {oid_, -1, "s", name_}, .element_form = element_form_, .delimiter = ',' \
	}
#define ITEMS(items) OPTIONAL_("{\"type\":\"array\",\"items\":" items "}")
#define OPTIONAL_ITEMS(items) ITEMS("[\"null\"," items "]")

static void
test_array(void **state)
{
	static const struct
	{
		struct column col;
		const char   *field;
	} cases[] = {
		{ARRAY_OF(WIRE_FORM_INT, 23, "int4", -1), OPTIONAL_ITEMS("\"int\"")},
		{ARRAY_OF(WIRE_FORM_INT, 21, "int2", -1),
		 OPTIONAL_ITEMS("{\"type\":\"int\",\"connect.type\":\"int16\"}")},
		{ARRAY_OF(WIRE_FORM_TEXT, 25, "text", -1), OPTIONAL_ITEMS("\"string\"")},
		{ARRAY_OF(WIRE_FORM_BYTES, 17, "bytea", -1), OPTIONAL_ITEMS("\"bytes\"")},
		{ARRAY_OF(WIRE_FORM_TEXT, 869, "inet", -1), OPTIONAL_ITEMS("\"string\"")},
		{ARRAY_OF(WIRE_FORM_UUID, 2950, "uuid", -1),
		 OPTIONAL_ITEMS("{\"type\":\"string\",\"connect.version\":1,\"connect.name\":"
						"\"io.debezium.data.Uuid\"}")},
		/* the array's modifier is its elements' */
		{ARRAY_OF(WIRE_FORM_INT64, 1114, "timestamp", 3),
		 OPTIONAL_ITEMS("{\"type\":\"long\",\"connect.version\":1,\"connect.name\":"
						"\"io.debezium.time.Timestamp\"}")},
		/* no NULL among these */
		{ARRAY_OF(WIRE_FORM_TEXT, 3614, "tsvector", -1),
		 ITEMS("{\"type\":\"string\",\"connect.version\":1,\"connect.name\":"
			   "\"io.debezium.data.Tsvector\"}")},
		{ARRAY_OF(WIRE_FORM_INTERVAL, 1186, "interval", -1), NULL},
		{ARRAY_OF(WIRE_FORM_INT64, 790, "money", -1), NULL},
		{ARRAY_OF(WIRE_FORM_TEXT, 19, "name", -1), NULL},
		{ARRAY_OF(WIRE_FORM_TEXT, 142, "xml", -1), NULL},
		{ARRAY_OF(WIRE_FORM_TEXT, 17030, "pair", -1), NULL},
	};
	struct column domain = ARRAY_OF(WIRE_FORM_INT, 17040, "posint", -1);
	struct column moods = ARRAY_OF(WIRE_FORM_ENUM, 17010, "mood", -1);

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_field(cases[i].col, cases[i].field);
	domain.element_base = 23;
	check_field(domain, NULL);
	moods.flags |= WIRE_COLUMN_ENUM;
	moods.labels = labels;
	moods.nlabels = 3;
	moods.default_text = "'{sad}'::mood[]"; /* defaults of arrays are not shown */
	check_field(moods, ITEMS("{\"type\":\"string\",\"connect.version\":1,\"connect.parameters\":"
							 "{\"allowed\":\"sad,it's,happy\"},\"connect.name\":"
							 "\"io.debezium.data.Enum\"}"));
}

/* A column under other settings than the default ones. */
static void
check_under(const struct format *fmt, struct column col, const char *expected)
{
	char *field = field_of(&col, fmt);

	if (expected == NULL)
		assert_null(field);
	else
	{
		assert_non_null(field);
		assert_string_equal(field, expected);
	}
	free(field);
}

/* What is not in the table: left out, or as the bytes of its text. */
static void
test_unknown(void **state)
{
	struct column pair = COLUMN("f", WIRE_FORM_TEXT, 17030, "pair", -1, WIRE_COLUMN_COMPOSITE);
	struct column pairs = ARRAY_OF(WIRE_FORM_TEXT, 17030, "pair", -1);
	struct column intervals = ARRAY_OF(WIRE_FORM_INTERVAL, 1186, "interval", -1);
	struct format fmt = planned_format();

	(void) state;
	check_under(&fmt, pair, NULL);
	fmt.unknown = true;
	check_under(&fmt, pair, OPTIONAL_("\"bytes\""));
	check_under(&fmt, pairs, ITEMS("\"bytes\""));
	check_under(&fmt, intervals, NULL); /* left out by Debezium whatever the setting */
	check_under(&fmt, (struct column) TEXTUAL(3220, "pg_lsn"), OPTIONAL_("\"bytes\""));
	fmt.binaries = BINARY_HEX;
	check_under(&fmt, pair, OPTIONAL_("\"string\""));
}

static void
test_exact(void **state)
{
	struct column ints = ARRAY_OF(WIRE_FORM_INT, 23, "int4", -1);
	struct column dates = ARRAY_OF(WIRE_FORM_INT, 1082, "date", -1);
	struct column moneys = ARRAY_OF(WIRE_FORM_INT64, 790, "money", -1);
	struct column numeric = COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(10, 2), 0);
	struct format fmt = planned_format();

	(void) state;
	fmt.exact = EXACT_NUMERIC | EXACT_DATE;
	check_under(&fmt, numeric, OPTIONAL_("\"string\""));
	check_under(&fmt, dates, OPTIONAL_ITEMS("\"string\""));
	check_under(&fmt, ints, OPTIONAL_ITEMS("\"int\""));
	check_under(&fmt, (struct column) COLUMN("f", WIRE_FORM_INT64, 1114, "timestamp", -1, 0),
				SEMANTIC("long", "io.debezium.time.MicroTimestamp"));
	numeric.default_text = "1.5";
	check_under(&fmt, numeric, OPTIONAL_("\"string\""));
	fmt.exact = EXACT_ARRAY;
	check_under(&fmt, ints, OPTIONAL_("\"string\""));
	check_under(&fmt, moneys, OPTIONAL_("\"string\""));
}

static void
test_profiles(void **state)
{
	struct column tsvector = TEXTUAL(3614, "tsvector");
	struct column vector = TEXTUAL(17050, "vector");
	struct format fmt = planned_format();

	(void) state;
	fmt.profile = PROFILE_2_7;
	check_under(&fmt, tsvector, NULL);
	check_under(&fmt, vector, NULL);
	fmt.profile = PROFILE_3_0;
	check_under(&fmt, tsvector, NULL);
	check_under(&fmt, vector,
				OPTIONAL_("{\"type\":\"array\",\"items\":\"double\",\"connect.version\":1,"
						  "\"connect.name\":\"io.debezium.data.DoubleVector\"}"));
	fmt.profile = PROFILE_3_5;
	check_under(&fmt, tsvector, SEMANTIC("string", "io.debezium.data.Tsvector"));
}

/* The source record of each profile. */
static void
test_source(void **state)
{
	static const struct
	{
		enum profile profile;
		bool         version;
		bool         origin;
		const char  *allowed;
	} cases[] = {
		{PROFILE_2_7, false, false, "\"true,last,false,incremental\""},
		{PROFILE_3_0, false, false, "\"true,first,first_in_data_collection,"},
		{PROFILE_3_2, true, false, "\"true,first,first_in_data_collection,"},
		{PROFILE_3_5, true, true, "\"true,first,first_in_data_collection,"},
	};
	struct column columns[] = {COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, WIRE_COLUMN_NOT_NULL)};
	struct table *tbl = planned_table_pk(columns, 1);

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct format fmt = planned_format();
		struct plan  *plan;
		const char   *schema;

		fmt.profile = cases[i].profile;
		plan = planned_plan(tbl, &fmt, &stats);
		schema = plan_schema(plan, SIDE_VALUE);
		assert_int_equal(strstr(schema, "\"connect.version\":1,\"connect.name\":"
										"\"io.debezium.connector.postgresql.Source\"") != NULL,
						 cases[i].version);
		assert_int_equal(strstr(schema, "{\"name\":\"origin_lsn\"") != NULL, cases[i].origin);
		assert_non_null(strstr(schema, cases[i].allowed));
		plan_free(plan);
	}
	table_free(tbl);
}

/* A domain that is NOT NULL makes its columns so. */
static void
test_domain_not_null(void **state)
{
	struct column col = COLUMN("f", WIRE_FORM_TEXT, 17060, "must", -1,
							   WIRE_COLUMN_DOMAIN | WIRE_COLUMN_DOMAIN_NOT_NULL);

	(void) state;
	col.base = (struct type_name){25, -1, "pg_catalog", "text"};
	check_field(col, "{\"name\":\"f\",\"type\":\"string\"}");
}

static void
test_left_out(void **state)
{
	static const struct column columns[] = {
		TEXTUAL(3220, "pg_lsn"),
		TEXTUAL(3615, "tsquery"),
		TEXTUAL(4072, "jsonpath"),
		TEXTUAL(28, "xid"),
		TEXTUAL(5069, "xid8"),
		TEXTUAL(27, "tid"),
		TEXTUAL(2205, "regclass"),
		TEXTUAL(5038, "pg_snapshot"),
		TEXTUAL(603, "box"),
		TEXTUAL(718, "circle"),
		TEXTUAL(628, "line"),
		TEXTUAL(601, "lseg"),
		TEXTUAL(602, "path"),
		TEXTUAL(604, "polygon"),
		COLUMN("f", WIRE_FORM_TEXT, 4451, "int4multirange", -1, WIRE_COLUMN_RANGE),
		COLUMN("f", WIRE_FORM_TEXT, 17040, "floatrange", -1, WIRE_COLUMN_RANGE),
		COLUMN("f", WIRE_FORM_TEXT, 17041, "citext", -1, WIRE_COLUMN_COMPOSITE),
		TEXTUAL(17042, "lquery"),
		TEXTUAL(17043, "text"),
		TEXTUAL(17044, "cube"),
		COLUMN("f", WIRE_FORM_INT, 23, "int4", -1, WIRE_COLUMN_GENERATED),
	};
	struct format fmt = planned_format();
	char         *field;

	(void) state;
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		check_field(columns[i], NULL);
	fmt.generated = true;
	field = field_of(&columns[sizeof(columns) / sizeof(columns[0]) - 1], &fmt);
	assert_string_equal(field, OPTIONAL_("\"int\""));
	free(field);
}

/* default_json NULL: none. */
static void
check_default(struct column col, const char *default_text, const char *default_json)
{
	struct format fmt = planned_format();
	char         *field;
	char         *expected =
        default_json ? xasprintf(",\"default\":%s}", default_json) : xstrdup(",\"default\":null}");
	char *inner =
		default_json ? xasprintf("\"connect.default\":%s", default_json) : xstrdup("[\"null\",");

	col.default_text = default_text;
	field = field_of(&col, &fmt);
	if (strstr(field, expected) == NULL || strstr(field, inner) == NULL)
		fail_msg("%s default %s: %s", col.type.name, default_text, field);
	free(field);
	free(expected);
	free(inner);
}

static void
test_defaults(void **state)
{
	static const struct
	{
		struct column col;
		const char   *text;
		const char   *json;
	} cases[] = {
		{COLUMN("f", WIRE_FORM_INT, 23, "int4", -1, 0), "42", "42"},
		{COLUMN("f", WIRE_FORM_INT, 23, "int4", -1, 0), "'-1'::integer", "-1"},
		{COLUMN("f", WIRE_FORM_INT, 23, "int4", -1, 0), "nextval('public.s'::regclass)", "0"},
		{COLUMN("f", WIRE_FORM_INT, 23, "int4", -1, 0), "(1 + 2)", NULL},
		{COLUMN("f", WIRE_FORM_INT, 23, "int4", -1, 0), "'2147483648'::bigint", NULL},
		{COLUMN("f", WIRE_FORM_INT, 23, "int4", -1, 0), "NULL::integer", NULL},
		{COLUMN("f", WIRE_FORM_INT, 21, "int2", -1, 0), "'7'::smallint", "7"},
		{COLUMN("f", WIRE_FORM_INT, 20, "int8", -1, 0), "'9223372036854775807'::bigint",
		 "9223372036854775807"},
		{COLUMN("f", WIRE_FORM_BOOL, 16, "bool", -1, 0), "true", "true"},
		{COLUMN("f", WIRE_FORM_BOOL, 16, "bool", -1, 0), "false", "false"},
		{COLUMN("f", WIRE_FORM_BOOL, 16, "bool", -1, 0), "public.is_it()", "false"},
		{COLUMN("f", WIRE_FORM_FLOAT8, 701, "float8", -1, 0), "0.5", "0.5"},
		{COLUMN("f", WIRE_FORM_FLOAT8, 701, "float8", -1, 0), "'1'::double precision", "1.0"},
		{COLUMN("f", WIRE_FORM_FLOAT8, 701, "float8", -1, 0), "'NaN'::double precision", "\"NaN\""},
		{COLUMN("f", WIRE_FORM_FLOAT4, 700, "float4", -1, 0), "0.1", "0.1"},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(10, 2), 0), "1.50",
		 "\"\\u0000\xc2\x96\""},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(10, 2), 0), "0", "\"\\u0000\""},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(10, 2), 0), "random()",
		 "\"\\u0000\""},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(5, 1), 0), "1.5", "\"\\u000F\""},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(5, 1), 0), "'-1.5'::numeric",
		 "\"\xc3\xb1\""},
		{COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0), "1.5", NULL},
		{TEXTUAL(25, "text"), "'hello'::text", "\"hello\""},
		{TEXTUAL(25, "text"), "''::text", "\"\""},
		{TEXTUAL(25, "text"), "'it''s'::text", "\"it\""}, /* as Debezium 3.4 has it */
		{TEXTUAL(25, "text"), "'a\"b\\c'::text", "\"a\\\"b\\\\c\""},
		{TEXTUAL(25, "text"), "lower('X'::text)", "\"\""},
		{TEXTUAL(25, "text"), "NULL::text", NULL},
		{TEXTUAL(25, "text"), "NULL::character varying", NULL},
		{COLUMN("f", WIRE_FORM_TEXT, 1042, "bpchar", 9, 0), "'ab'::bpchar", "\"ab\""},
		{TEXTUAL(114, "json"), "'{\"a\": 1}'::json", "\"{\\\"a\\\": 1}\""},
		{TEXTUAL(3802, "jsonb"), "jsonb_build_object()", "\"{}\""},
		{COLUMN("f", WIRE_FORM_UUID, 2950, "uuid", -1, 0), "gen_random_uuid()",
		 "\"00000000-0000-0000-0000-000000000000\""},
		{COLUMN("f", WIRE_FORM_UUID, 2950, "uuid", -1, 0),
		 "'76019d1a-ad2e-4b22-96e9-1A6D6543C818'::uuid",
		 "\"76019d1a-ad2e-4b22-96e9-1a6d6543c818\""},
		{COLUMN("f", WIRE_FORM_UUID, 2950, "uuid", -1, 0), "'nonsense'::uuid", NULL},
		{COLUMN("f", WIRE_FORM_INT, 1082, "date", -1, 0), "'2020-01-02'::date", "18263"},
		{COLUMN("f", WIRE_FORM_INT, 1082, "date", -1, 0), "CURRENT_DATE", "0"},
		{COLUMN("f", WIRE_FORM_INT64, 1083, "time", -1, 0), "'01:02:03'::time without time zone",
		 "3723000000"},
		{COLUMN("f", WIRE_FORM_INT64, 1083, "time", 3, 0), "'01:02:03.5'::time without time zone",
		 "3723500"},
		{COLUMN("f", WIRE_FORM_INT64, 1114, "timestamp", -1, 0),
		 "'2020-01-02 03:04:05.678'::timestamp without time zone", "1577934245678000"},
		{COLUMN("f", WIRE_FORM_INT64, 1114, "timestamp", 3, 0),
		 "'2020-01-02 03:04:05.678'::timestamp without time zone", "1577934245678"},
		{COLUMN("f", WIRE_FORM_INT64, 1114, "timestamp", -1, 0), "LOCALTIMESTAMP", "0"},
		{COLUMN("f", WIRE_FORM_INT64, 1184, "timestamptz", -1, 0), "now()",
		 "\"1970-01-01T00:00:00.000000Z\""},
		{COLUMN("f", WIRE_FORM_INT64, 1184, "timestamptz", -1, 0), "pg_catalog.now()",
		 "\"1970-01-01T00:00:00.000000Z\""},
		{COLUMN("f", WIRE_FORM_INT64, 1184, "timestamptz", 3, 0), "CURRENT_TIMESTAMP(3)",
		 "\"1970-01-01T00:00:00.000Z\""},
		{COLUMN("f", WIRE_FORM_INT64, 1184, "timestamptz", 0, 0), "CURRENT_TIMESTAMP",
		 "\"1970-01-01T00:00:00Z\""},
		{COLUMN("f", WIRE_FORM_INT64, 1184, "timestamptz", -1, 0), "(now() + '1 day'::interval)",
		 "\"1970-01-01T00:00:00.000000Z\""},
		{COLUMN("f", WIRE_FORM_INT64, 1184, "timestamptz", -1, 0),
		 "'2020-01-01 01:00:00+01'::timestamp with time zone", "\"2020-01-01T00:00:00.000000Z\""},
		{COLUMN("f", WIRE_FORM_INT64, 1184, "timestamptz", -1, 0),
		 "'infinity'::timestamp with time zone", "\"infinity\""},
		{COLUMN("f", WIRE_FORM_INTERVAL, 1186, "interval", -1, 0), "'1 day'::interval",
		 "86400000000"},
		{COLUMN("f", WIRE_FORM_INTERVAL, 1186, "interval", -1, 0), "justify_days()", "0"},
		{COLUMN("f", WIRE_FORM_TEXT, 1560, "bit", 1, 0), "'1'::\"bit\"", "true"},
		{COLUMN("f", WIRE_FORM_TEXT, 1560, "bit", 10, 0), "B'1000000001'::\"bit\"",
		 "\"\\u0001\\u0002\""},
		{COLUMN("f", WIRE_FORM_BYTES, 17, "bytea", -1, 0), "'\\x00'::bytea", NULL},
		{COLUMN("f", WIRE_FORM_INT64, 790, "money", -1, 0), "'$1.00'::money", NULL},
		{TEXTUAL(869, "inet"), "'::1'::inet", NULL},
		{TEXTUAL(17001, "citext"), "'x'::citext", NULL},
		{TEXTUAL(17002, "hstore"), "''::hstore", NULL},
		{COLUMN("f", WIRE_FORM_OID, 26, "oid", -1, 0), "'1'::oid", NULL},
		{COLUMN("f", WIRE_FORM_TIMETZ, 1266, "timetz", -1, 0), "'01:00:00+00'::timetz", NULL},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_default(cases[i].col, cases[i].text, cases[i].json);
}

/* What a delete shows of a NOT NULL column that is not in the key. */
static void
check_filler(struct column col, const char *expected)
{
	struct column columns[] = {
		COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, WIRE_COLUMN_NOT_NULL),
		col,
	};
	struct format   fmt = planned_format();
	struct table   *tbl;
	struct plan    *plan;
	struct buf      tuple = {0};
	struct stamp    stamp = {.xid = 1};
	struct change   chg = {.kind = WIRE_DELETE, .old_kind = WIRE_OLD_KEY, .lsn = 1};
	struct outgoing out[ENCODE_MAX_OUT];
	unsigned        nout;
	char           *json = xasprintf("{\"id\":5,\"f\":%s}", expected);

	columns[1].flags |= WIRE_COLUMN_NOT_NULL;
	tbl = planned_table_pk(columns, 2);
	plan = planned_plan(tbl, &fmt, &stats);
	fb_tuple(&tuple, (const uint8_t[]){0}, 1);
	fb_sv(&tuple, 5);
	chg.old_tuple = cursor_over(tuple.data, tuple.len);
	assert_rc_ok(encode_change(plan, &chg, &stamp, 1, out, &nout, &e));
	assert_int_equal(nout, 2);
	assert_member(plan, out[0].value, "before", json);
	buf_free(&tuple);
	plan_free(plan);
	table_free(tbl);
	free(json);
}

static void
test_fillers(void **state)
{
	struct column with_default = TEXTUAL(25, "text");
	struct column array = ARRAY_OF(WIRE_FORM_INT, 23, "int4", -1);
	struct column mood = COLUMN("f", WIRE_FORM_ENUM, 17010, "mood", -1, WIRE_COLUMN_ENUM);

	(void) state;
	check_filler((struct column) COLUMN("f", WIRE_FORM_BOOL, 16, "bool", -1, 0), "false");
	check_filler((struct column) COLUMN("f", WIRE_FORM_INT, 21, "int2", -1, 0), "0");
	check_filler((struct column) COLUMN("f", WIRE_FORM_INT, 20, "int8", -1, 0), "0");
	check_filler((struct column) COLUMN("f", WIRE_FORM_OID, 26, "oid", -1, 0), "0");
	check_filler((struct column) COLUMN("f", WIRE_FORM_FLOAT4, 700, "float4", -1, 0), "0.0");
	check_filler((struct column) COLUMN("f", WIRE_FORM_FLOAT8, 701, "float8", -1, 0), "0.0");
	check_filler((struct column) COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", NUMERIC(5, 2), 0),
				 "\"AA==\"");
	check_filler((struct column) COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", -1, 0),
				 "{\"scale\":0,\"value\":\"AA==\"}");
	check_filler((struct column) COLUMN("f", WIRE_FORM_INT64, 790, "money", -1, 0), "\"AA==\"");
	check_filler((struct column) TEXTUAL(25, "text"), "\"\"");
	check_filler((struct column) TEXTUAL(3802, "jsonb"), "\"\"");
	check_filler((struct column) COLUMN("f", WIRE_FORM_UUID, 2950, "uuid", -1, 0), "\"\"");
	check_filler((struct column) COLUMN("f", WIRE_FORM_BYTES, 17, "bytea", -1, 0), "\"\"");
	check_filler((struct column) COLUMN("f", WIRE_FORM_TEXT, 1560, "bit", 1, 0), "false");
	check_filler((struct column) COLUMN("f", WIRE_FORM_TEXT, 1560, "bit", 8, 0), "\"\"");
	check_filler((struct column) COLUMN("f", WIRE_FORM_INT, 1082, "date", -1, 0), "0");
	check_filler((struct column) COLUMN("f", WIRE_FORM_INT64, 1083, "time", 3, 0), "0");
	check_filler((struct column) COLUMN("f", WIRE_FORM_INT64, 1114, "timestamp", -1, 0), "0");
	check_filler((struct column) COLUMN("f", WIRE_FORM_INT64, 1184, "timestamptz", -1, 0),
				 "\"1970-01-01T00:00:00Z\"");
	check_filler((struct column) COLUMN("f", WIRE_FORM_TIMETZ, 1266, "timetz", -1, 0),
				 "\"00:00:00Z\"");
	check_filler((struct column) COLUMN("f", WIRE_FORM_INTERVAL, 1186, "interval", -1, 0), "0");
	check_filler((struct column) TEXTUAL(17002, "hstore"), "\"{}\"");
	check_filler((struct column) TEXTUAL(17003, "ltree"), "\"\"");
	check_filler(array, "[]");
	mood.labels = labels;
	mood.nlabels = 3;
	check_filler(mood, "\"\"");
	with_default.default_text = "'new'::text";
	check_filler(with_default, "\"new\"");
}

static void
test_wrong_form(void **state)
{
	struct column columns[] = {
		COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, WIRE_COLUMN_NOT_NULL),
		COLUMN("f", WIRE_FORM_TEXT, 20, "int8", -1, 0),
	};
	struct format fmt = planned_format();
	struct table *tbl = planned_table_pk(columns, 2);
	struct plan  *plan;

	(void) state;
	assert_rc_err(plan_new(tbl, &fmt, &stats, "shop.public.t", &plan, &e), ERR_PROTOCOL, E1601);
	assert_non_null(strstr(e.msg, "\"f\""));
	table_free(tbl);
}

/* A typmod that no server gives is none; it must not be counted with. */
static void
test_odd_typmods(void **state)
{
	static const int32_t typmods[] = {INT32_MIN, INT32_MIN + 3, -2, 3, INT32_MAX};
	struct format        fmt = planned_format();

	(void) state;
	assert_rc_ok(patterns_new("types", "numeric,time.*,varchar", &fmt.propagate_types, &e));
	for (size_t i = 0; i < sizeof(typmods) / sizeof(typmods[0]); i++)
	{
		struct column columns[] = {
			COLUMN("f", WIRE_FORM_NUMERIC, 1700, "numeric", typmods[i], 0),
			COLUMN("f", WIRE_FORM_INT64, 1114, "timestamp", typmods[i], 0),
			COLUMN("f", WIRE_FORM_TIMETZ, 1266, "timetz", typmods[i], 0),
			COLUMN("f", WIRE_FORM_TEXT, 1043, "varchar", typmods[i], 0),
		};

		for (size_t k = 0; k < sizeof(columns) / sizeof(columns[0]); k++)
		{
			char *field = field_of(&columns[k], &fmt);

			assert_non_null(field);
			if (typmods[i] < 0 && k == 0)
				assert_non_null(strstr(field, "VariableScaleDecimal"));
			free(field);
		}
	}
	patterns_free(fmt.propagate_types);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schemas),         cmocka_unit_test(test_enum),
		cmocka_unit_test(test_domain),          cmocka_unit_test(test_array),
		cmocka_unit_test(test_left_out),        cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_fillers),         cmocka_unit_test(test_wrong_form),
		cmocka_unit_test(test_unknown),         cmocka_unit_test(test_exact),
		cmocka_unit_test(test_profiles),        cmocka_unit_test(test_source),
		cmocka_unit_test(test_domain_not_null), cmocka_unit_test(test_odd_typmods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
