/*
 * test_geometry.c
 *		Points, PostGIS's geometries and pgvector's vectors, from their text to
 *		what libavro reads, and their schemas.
 */
#include "onecolumn.h"

static void
test_point(void **state)
{
	(void) state;
	plan_column(plain(600, "point", 0), false);
	assert_schema_has(
		SIDE_VALUE,
		"{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Point\",\"namespace\":"
		"\"io.debezium.data.geometry\",\"fields\":[{\"name\":\"x\",\"type\":\"double\"},{\"name\":"
		"\"y\",\"type\":\"double\"},{\"name\":\"wkb\",\"type\":[\"null\",\"bytes\"],\"default\":"
		"null},{\"name\":\"srid\",\"type\":[\"null\",\"int\"],\"default\":null}],\"connect.doc\":"
		"\"Geometry (POINT)\",\"connect.version\":1,\"connect.name\":"
		"\"io.debezium.data.geometry.Point\"}],\"default\":null}");
	expect_text("(1.5,-2)", "{\"x\":1.5,\"y\":-2.0,\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAADA\","
							"\"srid\":null}");
	expect_text("(NaN,-Infinity)", "{\"x\":\"NaN\",\"y\":\"-Infinity\","
								   "\"wkb\":\"AQEAAAAAAAAAAAD4fwAAAAAAAPD/\",\"srid\":null}");
	expect_text("(1e+300,-0)", "{\"x\":1.0E300,\"y\":-0.0,"
							   "\"wkb\":\"AQEAAACcdQCIPOQ3fgAAAAAAAACA\",\"srid\":null}");
	stats = (struct encode_stats){0};
	expect_text("", "null");
	expect_text("(1.5,-2", "null");
	expect_text("(1.5)", "null");
	expect_text("(1.5,)", "null");
	expect_text("(1.5,-2)x", "null");
	expect_text("(1.5,2z)", "null");
	assert_int_equal(stats.out_of_range, 6);

	plan_column(plain(600, "point", NOT_NULL), false);
	buf_reset(&value);
	assert_rc_ok(encode(WIRE_STATE_UNSENDABLE));
	assert_c("{\"x\":0.0,\"y\":0.0,\"wkb\":\"AQEAAAAAAAAAAAAAAAAAAAAAAAAA\",\"srid\":null}");
	/* One whose first number could be the filler's. */
	expect_text("(0,5)",
				"{\"x\":0.0,\"y\":5.0,\"wkb\":\"AQEAAAAAAAAAAAAAAAAAAAAAABRA\",\"srid\":null}");
}

static void
test_geometry(void **state)
{
	(void) state;
	plan_column(plain(80004, "geometry", NOT_NULL), false);
	assert_schema_has(
		SIDE_VALUE,
		"{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Geometry\","
		"\"namespace\":\"io.debezium.data.geometry\",\"fields\":[{\"name\":\"wkb\",\"type\":"
		"\"bytes\"},{\"name\":\"srid\",\"type\":[\"null\",\"int\"],\"default\":null}],"
		"\"connect.doc\":\"Geometry\",\"connect.version\":1,\"connect.name\":"
		"\"io.debezium.data.geometry.Geometry\"}],\"default\":null}");
	/* POINT(1 2) with SRID 4326, in both orders. */
	expect_text("0101000020E6100000000000000000F03F0000000000000040",
				"{\"wkb\":\"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==\",\"srid\":4326}");
	expect_text("0020000001000010E63FF00000000000004000000000000000",
				"{\"wkb\":\"ACAAAAEAABDmP/AAAAAAAABAAAAAAAAAAA==\",\"srid\":4326}");
	/* Without SRID; with Z. */
	expect_text("010700000000000000", "{\"wkb\":\"AQcAAAAAAAAA\",\"srid\":null}");
	expect_text("0101000080000000000000F03F00000000000000400000000000000840",
				"{\"wkb\":\"AQEAAIAAAAAAAADwPwAAAAAAAABAAAAAAAAACEA=\",\"srid\":null}");
	/* Optional in the schema, but a NOT NULL column's filler all the same. */
	expect_text("", "{\"wkb\":\"AQcAAAAAAAAA\",\"srid\":null}");
	plan_column(plain(80004, "geometry", 0), false);
	expect_text("0101", "null");
	expect_text("01010000002", "null");
	expect_text("0101000020E61000", "null");
	expect_text("01010000zz", "null");
	assert_int_equal(stats.out_of_range, 5);

	plan_column(plain(80004, "geography", NOT_NULL), false);
	assert_schema_has(SIDE_VALUE, "{\"name\":\"c\",\"type\":{\"type\":\"record\",\"name\":"
								  "\"Geography\",\"namespace\":\"io.debezium.data.geometry\"");
	expect_text("0101000020E6100000000000000000F03F0000000000000040",
				"{\"wkb\":\"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==\",\"srid\":4326}");
	buf_reset(&value);
	assert_rc_ok(encode(WIRE_STATE_UNSENDABLE));
	assert_c("{\"wkb\":\"AQcAAAAAAAAA\",\"srid\":null}");
}

static void
test_vectors(void **state)
{
	struct buf text = {0};
	struct buf json = {0};

	(void) state;
	plan_column(plain(80005, "vector", 0), false);
	assert_schema_has(SIDE_VALUE,
					  "{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"double\","
					  "\"connect.version\":1,\"connect.name\":\"io.debezium.data.DoubleVector\"}],"
					  "\"default\":null}");
	expect_text("[1,0.1,-2.5e-07]", "[1.0,0.1,-2.5E-7]");
	expect_text("[3]", "[3.0]");
	expect_text("[]", "[]");
	stats = (struct encode_stats){0};
	expect_text("1,2", "null");
	expect_text("[1,2", "null");
	expect_text("[1,]", "null");
	expect_text("[,1]", "null");
	expect_text("[1,2]x", "null");
	expect_text("[1 ,2]", "null");
	expect_text("[", "null");
	expect_text("", "null");
	assert_int_equal(stats.out_of_range, 8);

	buf_puts(&text, "[0"); /* as many as pgvector takes */
	buf_puts(&json, "[0.0");
	for (int i = 1; i < 16000; i++)
	{
		buf_printf(&text, ",%d.5", i);
		buf_printf(&json, ",%d.5", i);
	}
	buf_puts(&text, "]");
	buf_puts(&json, "]");
	text_value(buf_cstr(&text));
	assert_rc_ok(encode(WIRE_STATE_VALUE));
	buf_free(&text);
	buf_free(&json);

	plan_column(plain(80005, "halfvec", NOT_NULL), false);
	assert_schema_has(SIDE_VALUE,
					  "{\"name\":\"c\",\"type\":{\"type\":\"array\",\"items\":\"float\","
					  "\"connect.version\":1,\"connect.name\":\"io.debezium.data.FloatVector\"}}");
	expect_text("[1,0.099975586,65504]", "[1.0,0.099975586,65504.0]");
	expect_text("nothing", "[]");
}

static void
test_sparse_vectors(void **state)
{
	(void) state;
	plan_column(plain(80006, "sparsevec", 0), false);
	assert_schema_has(
		SIDE_VALUE,
		"{\"name\":\"c\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"SparseDoubleVector\","
		"\"namespace\":\"io.debezium.data\",\"fields\":[{\"name\":\"dimensions\",\"type\":{"
		"\"type\":\"int\",\"connect.type\":\"int16\"}},{\"name\":\"vector\",\"type\":{\"type\":"
		"\"array\",\"items\":{\"type\":\"record\",\"name\":\"MapEntry\",\"namespace\":"
		"\"io.confluent.connect.avro\",\"fields\":[{\"name\":\"key\",\"type\":{\"type\":\"int\","
		"\"connect.type\":\"int16\"}},{\"name\":\"value\",\"type\":\"double\"}]}}}],"
		"\"connect.doc\":\"Sparse double vector\",\"connect.version\":1,\"connect.name\":"
		"\"io.debezium.data.SparseDoubleVector\"}],\"default\":null}");
	expect_text("{1:1.5,3:2}/5", "{\"dimensions\":5,\"vector\":[[1,1.5],[3,2.0]]}");
	expect_text("{}/5", "{\"dimensions\":5,\"vector\":[]}");
	expect_text("{32767:-1}/32767", "{\"dimensions\":32767,\"vector\":[[32767,-1.0]]}");
	stats = (struct encode_stats){0};
	expect_text("{1:1}/32768", "null");
	expect_text("{40000:1}/1000000000", "null");
	expect_text("{1:1}/99999999999", "null");
	expect_text("{6:1}/5", "null");
	expect_text("{1:1,}/5", "null");
	expect_text("{1:1}/", "null");
	expect_text("{1:1}5", "null");
	expect_text("{1:}/5", "null");
	expect_text("{:1}/5", "null");
	expect_text("{1:1/5", "null");
	expect_text("/5", "null");
	expect_text("", "null");
	assert_int_equal(stats.out_of_range, 12);

	plan_column(plain(80006, "sparsevec", NOT_NULL), false);
	expect_text("{1:1}/32768", "{\"dimensions\":0,\"vector\":[]}");
}

/* verify.c compares each part. */
static void
test_noticed(void **state)
{
	(void) state;
	assert_text_noticed(plain(600, "point", 0), "(1,2)", "(1,3)");
	assert_text_noticed(plain(600, "point", 0), "(1,2)", "(2,2)");
	assert_text_noticed(plain(80004, "geometry", 0), "010700000000000001", "010700000000000000");
	assert_text_noticed(plain(80004, "geometry", 0), "0107000020010000000000000000",
						"0107000020020000000000000000");
	assert_text_noticed(plain(80004, "vector", 0), "[1,2]", "[1,2,3]");
	assert_text_noticed(plain(80004, "vector", 0), "[1,2]", "[1,2.5]");
	assert_text_noticed(plain(80004, "halfvec", 0), "[1,2]", "[1,2.5]");
	assert_text_noticed(plain(80004, "sparsevec", 0), "{1:1}/5", "{1:1}/6");
	assert_text_noticed(plain(80004, "sparsevec", 0), "{1:1}/5", "{2:1}/5");
	assert_text_noticed(plain(80004, "sparsevec", 0), "{1:1}/5", "{1:2}/5");
	assert_text_noticed(plain(80004, "sparsevec", 0), "{1:1}/5", "{}/5");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_point, setup, teardown),
		cmocka_unit_test_setup_teardown(test_geometry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vectors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sparse_vectors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noticed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
