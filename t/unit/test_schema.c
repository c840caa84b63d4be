/*
 * test_schema.c
 *		What libavro makes of schemas and data, fingerprints, JSON.
 */
#include "unit.h"

#include "json.h"
#include "schema.h"

/* libavro 1.11 forgets what it allocated for input that it then refuses. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libavro";
}

static struct err e;

static const char record_text[] =
	"{\"type\":\"record\",\"name\":\"Outer\",\"namespace\":\"a.b\",\"fields\":["
	"{\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"scale\":2,\"connect.default\":\"\\u0000\"},"
	"\"default\":\"\\u0000\"},"
	"{\"name\":\"s\",\"type\":[{\"type\":\"string\",\"connect.default\":\"x\"},\"null\"],"
	"\"default\":\"x\"},"
	"{\"name\":\"i\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Inner\",\"fields\":["
	"{\"name\":\"f\",\"type\":\"double\"},{\"name\":\"g\",\"type\":\"float\"}]}],\"default\":null},"
	"{\"name\":\"j\",\"type\":[\"null\",\"Inner\"],\"default\":null},"
	"{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"long\"]}}],"
	"\"connect.name\":\"a.b.Outer\"}";

/* d = 0x00 0x96; s = q"é; i = {NaN, 0.5}; j = null; a = [null, -3] */
static const uint8_t record_data[] = {4, 0x00, 0x96, 0,    8, 'q', '"', 0xc3, 0xa9, 2, 0, 0, 0, 0,
									  0, 0,    0xf8, 0x7f, 0, 0,   0,   0x3f, 0,    4, 0, 2, 5, 0};

/* From the Avro specification's own test data. */
static void
test_fingerprint(void **state)
{
	(void) state;
	assert_true(avro_fingerprint("\"null\"") == UINT64_C(0x63dd24e7cc258f8a));
	assert_true(avro_fingerprint("\"int\"") == UINT64_C(0x7275d51a3f395c8f));
	assert_true(avro_fingerprint("{\"type\":\"string\"}") == UINT64_C(0x8f014872634503c7));
	/* What the canonical form leaves out makes no difference, names do. */
	assert_true(
		avro_fingerprint("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"x\",\"fields\":["
						 "{\"name\":\"a\",\"type\":{\"type\":\"int\",\"connect.type\":\"int16\"},"
						 "\"default\":3}],\"connect.name\":\"x.R\"}") ==
		avro_fingerprint("{\"name\":\"x.R\",\"type\":\"record\",\"fields\":["
						 "{\"name\":\"a\",\"type\":\"int\"}]}"));
	assert_true(avro_fingerprint("{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}") !=
				avro_fingerprint("{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}"));
}

static void
test_print(void **state)
{
	struct avro *avro;
	struct buf   out = {0};

	(void) state;
	assert_rc_ok(avro_new(record_text, &avro, &e));
	for (int i = 0; i < 2; i++) /* the value is reused */
	{
		buf_reset(&out);
		assert_rc_ok(avro_verify(avro, record_data, sizeof(record_data), &e));
		assert_rc_ok(avro_print(avro, record_data, sizeof(record_data), &out, &e));
		assert_string_equal(buf_cstr(&out),
							"{\"d\":\"AJY=\",\"s\":\"q\\\"\xc3\xa9\",\"i\":{\"f\":\"NaN\","
							"\"g\":0.5},\"j\":null,\"a\":[null,-3]}");
	}
	buf_free(&out);
	avro_free(avro);
}

static void
test_bad_data(void **state)
{
	struct avro *avro;
	uint8_t      longer[sizeof(record_data) + 1] = {0};
	uint8_t      bent[sizeof(record_data)];

	(void) state;
	assert_rc_ok(avro_new(record_text, &avro, &e));
	for (size_t len = 0; len < sizeof(record_data); len++)
	{
		uint8_t *part = unit_exact(record_data, len);

		assert_rc_err(avro_verify(avro, part, len, &e), ERR_FATAL, E1603);
		free(part);
	}
	memcpy(longer, record_data, sizeof(record_data));
	assert_rc_err(avro_verify(avro, longer, sizeof(longer), &e), ERR_FATAL, E1603);
	memcpy(bent, record_data, sizeof(bent));
	bent[3] = 6; /* a branch that the union does not have */
	assert_rc_err(avro_verify(avro, bent, sizeof(bent), &e), ERR_FATAL, E1603);
	assert_rc_ok(avro_verify(avro, record_data, sizeof(record_data), &e));
	avro_free(avro);
}

/* A boolean that is neither, a varint longer than it need be: decoded, but encoded otherwise. */
static void
test_not_canonical(void **state)
{
	struct avro *avro;

	(void) state;
	assert_rc_ok(avro_new("\"long\"", &avro, &e));
	assert_rc_ok(avro_verify(avro, "\x80\x01", 2, &e));
	assert_rc_err(avro_verify(avro, "\x80\x00", 2, &e), ERR_FATAL, E1603);
	avro_free(avro);
}

static void
test_bad_schema(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}",
		"42",
		"\"nosuch\"",
		"{\"type\":\"nosuch\"}",
		"{\"type\":\"record\"}",
		"{\"type\":\"record\",\"name\":\"R\"}",
		"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}",
		"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a-b\",\"type\":\"int\"}]}",
		"[\"null\",\"nosuch\"]",
	};
	struct avro *avro;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_rc_err(avro_new(bad[i], &avro, &e), ERR_DATA, E1601);
}

struct seen
{
	struct buf text;
};

static enum rc
see(void *arg, const char *const *path, unsigned depth, const struct leaf *leaf, struct err *err_)
{
	struct seen *seen = arg;

	(void) err_;
	for (unsigned i = 0; i < depth; i++)
		buf_printf(&seen->text, "%s/", path[i]);
	buf_printf(&seen->text, "%d ", leaf->kind);
	return RC_OK;
}

static void
test_walk(void **state)
{
	struct avro *avro;
	struct seen  seen = {{0}};

	(void) state;
	assert_rc_ok(avro_new(record_text, &avro, &e));
	assert_rc_ok(avro_walk(avro, record_data, sizeof(record_data), see, &seen, &e));
	assert_string_equal(buf_cstr(&seen.text), "d/4 s/4 i/f/3 i/g/3 j/0 a/5 a/0/0 a/1/2 ");
	buf_free(&seen.text);
	avro_free(avro);
}

/* A map with NULL, an array in an array, Connect's map whose keys are no strings. */
static const char nested_text[] =
	"{\"type\":\"record\",\"name\":\"N\",\"namespace\":\"n\",\"fields\":["
	"{\"name\":\"m\",\"type\":[\"null\",{\"type\":\"map\",\"values\":[\"null\",\"string\"]}]},"
	"{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"array\","
	"\"items\":\"int\"}}},"
	"{\"name\":\"v\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","
	"\"name\":\"MapEntry\",\"namespace\":\"io.confluent.connect.avro\",\"fields\":["
	"{\"name\":\"key\",\"type\":{\"type\":\"int\",\"connect.type\":\"int16\"}},"
	"{\"name\":\"value\",\"type\":\"double\"}]}}}]}";

/* m = {q"=1, b=null}; a = [[1], []]; v = {3: 1.0} */
static const uint8_t nested_data[] = {2, 4, 4, 'q', '"', 2, 2, '1', 2, 'b', 0, 0,    4,    2, 2,
									  0, 0, 0, 2,   6,   0, 0, 0,   0, 0,   0, 0xf0, 0x3f, 0};

static void
test_nested(void **state)
{
	struct avro *avro;
	struct seen  seen = {{0}};
	struct buf   out = {0};

	(void) state;
	assert_rc_ok(avro_new(nested_text, &avro, &e));
	for (int i = 0; i < 2; i++) /* the value is reused */
	{
		buf_reset(&out);
		buf_reset(&seen.text);
		assert_rc_ok(avro_verify(avro, nested_data, sizeof(nested_data), &e));
		assert_rc_ok(avro_print(avro, nested_data, sizeof(nested_data), &out, &e));
		assert_string_equal(buf_cstr(&out),
							"{\"m\":{\"q\\\"\":\"1\",\"b\":null},\"a\":[[1],[]],\"v\":[[3,1.0]]}");
		assert_rc_ok(avro_walk(avro, nested_data, sizeof(nested_data), see, &seen, &e));
		assert_string_equal(buf_cstr(&seen.text), "m/5 m/q\"/4 m/b/0 a/5 a/0/5 a/0/0/2 a/1/5 "
												  "v/5 v/0/key/2 v/0/value/3 ");
	}
	/* Empty: no block but the one that ends it. */
	buf_reset(&out);
	assert_rc_ok(avro_verify(avro, "\2\0\0\0", 4, &e));
	assert_rc_ok(avro_print(avro, "\2\0\0\0", 4, &out, &e));
	assert_string_equal(buf_cstr(&out), "{\"m\":{},\"a\":[],\"v\":[]}");
	buf_free(&out);
	buf_free(&seen.text);
	avro_free(avro);
}

static void
check_double(double value, const char *expected)
{
	struct buf out = {0};

	json_double(&out, value);
	assert_string_equal(buf_cstr(&out), expected);
	buf_free(&out);
}

/* As Java's Double.toString. */
static void
test_numbers(void **state)
{
	struct buf out = {0};

	(void) state;
	check_double(0.0, "0.0");
	check_double(-0.0, "-0.0");
	check_double(1, "1.0");
	check_double(100, "100.0");
	check_double(1234567, "1234567.0");
	check_double(12345678, "1.2345678E7");
	check_double(1e7, "1.0E7");
	check_double(0.001, "0.001");
	check_double(0.00012, "1.2E-4");
	check_double(123.456, "123.456");
	check_double(1.7976931348623157e308, "1.7976931348623157E308");
	check_double(0.1, "0.1");
	json_float(&out, 0.1f);
	buf_put_u8(&out, ' ');
	json_float(&out, 3.4028235e38f);
	assert_string_equal(buf_cstr(&out), "0.1 3.4028235E38");
	buf_free(&out);
}

static void
test_strings(void **state)
{
	struct buf out = {0};

	(void) state;
	json_string(&out, "a\"\\\n\x01\x1f/\xc3\xa9\x7f", 10);
	assert_string_equal(buf_cstr(&out), "\"a\\\"\\\\\\n\\u0001\\u001F/\xc3\xa9\x7f\"");
	buf_reset(&out);
	json_latin1(&out, (const uint8_t *) "\x00\x96\x0f\"A\xff", 6);
	assert_string_equal(buf_cstr(&out), "\"\\u0000\xc2\x96\\u000F\\\"A\xc3\xbf\"");
	buf_reset(&out);
	json_base64(&out, (const uint8_t *) "Man", 3);
	json_base64(&out, (const uint8_t *) "Ma", 2);
	json_base64(&out, (const uint8_t *) "M", 1);
	json_base64(&out, (const uint8_t *) "", 0);
	assert_string_equal(buf_cstr(&out), "\"TWFu\"\"TWE=\"\"TQ==\"\"\"");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fingerprint), cmocka_unit_test(test_print),
		cmocka_unit_test(test_bad_data),    cmocka_unit_test(test_not_canonical),
		cmocka_unit_test(test_bad_schema),  cmocka_unit_test(test_walk),
		cmocka_unit_test(test_numbers),     cmocka_unit_test(test_strings),
		cmocka_unit_test(test_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
