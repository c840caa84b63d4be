/*
 * test_shapes.c
 *		What each mode writes for ordinary, boundary and special values, and of
 *		bytes that are none.
 */
#include "shaped.h"

#include "numerals.h"

#define DAY INT64_C(86400000000)

static struct buf wire;

/* A test that failed leaves its value behind. */
static int
setup(void **state)
{
	(void) state;
	buf_reset(&wire);
	return 0;
}

/* The value in the first len bytes of wire, in memory that ends there. */
static const char *
put(const struct op *op, size_t len)
{
	void         *copy = unit_exact(wire.data, len);
	struct cursor in = cursor_over(copy, len);
	enum said     said;

	buf_reset(&out);
	said = op->shape->put(op, &in, &out);
	if (!in.bad && said != MALFORMED)
		assert_int_equal(cursor_left(&in), 0);
	free(copy);
	if (in.bad || said == MALFORMED)
		return "malformed";
	switch (said)
	{
		case SAID: return show(op, (struct str){(const char *) out.data, out.len});
		case UNSAID_SPECIAL: return "special";
		case UNSAID_RANGE: return "out of range";
		case UNSAID_TEXT: return "no text";
		default: fail_msg("said %d", said); return NULL;
	}
}

/* Of what is in wire, which is then emptied; and every part of it is malformed. */
static void
check(const struct op *op, const char *expected)
{
	assert_string_equal(put(op, wire.len), expected);
	for (size_t len = 0; len < wire.len && wire.len < 100; len++)
		assert_string_equal(put(op, len), "malformed");
	buf_reset(&wire);
}

static void
check_numeric(const struct shape *shape, int32_t scale, const char *value, const char *expected)
{
	struct op op = op_of(shape);

	op.scale = scale;
	numeral_put(&wire, value);
	check(&op, expected);
}

static void
test_decimals(void **state)
{
	static const struct
	{
		const char *value;
		int32_t     scale; /* of the column */
		const char *precise;
		const char *dbl;
		const char *string;
	} cases[] = {
		{"0", 0, "0", "0", "0"},
		{"0.00", 2, "0.00", "0", "0.00"},
		{"12345.67", 2, "12345.67", "12345.67", "12345.67"},
		{"-99999999.99", 2, "-99999999.99", "-99999999.989999995", "-99999999.99"},
		{"1.5", 3, "1.500", "1.5", "1.500"},             /* digits that are not stored */
		{"0.00123", 5, "0.00123", "0.00123", "0.00123"}, /* numeric(3,5) */
		{"12300", 0, "12300", "12300", "12300"},         /* numeric(5,-2) */
		{"1.25", 1, "out of range", "1.25", "1.25"},     /* no such value in numeric(p,1) */
		{"9007199254740993", 0, "9007199254740993", "9007199254740992", "9007199254740993"},
		{"9007199254740993.0001", 4, "9007199254740993.0001", "9007199254740994",
		 "9007199254740993.0001"},
		{"NaN", 2, "special", "nan", "NAN"},
		{"Infinity", 2, "special", "inf", "POSITIVE_INFINITY"},
		{"-Infinity", 2, "special", "-inf", "NEGATIVE_INFINITY"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		check_numeric(&decimal_shape, cases[i].scale, cases[i].value, cases[i].precise);
		check_numeric(&decimal_double_shape, cases[i].scale, cases[i].value, cases[i].dbl);
		check_numeric(&decimal_string_shape, cases[i].scale, cases[i].value, cases[i].string);
	}
	check_numeric(&variable_decimal_shape, 0, "100.00", "100");
	check_numeric(&variable_decimal_shape, 0, "-1.50", "-1.5");
	check_numeric(&variable_decimal_shape, 0, "NaN", "special");
	check_numeric(&variable_decimal_shape, 0, "-Infinity", "special");
	check_numeric(&variable_decimal_string_shape, 0, "100.00", "100.00");
	check_numeric(&variable_decimal_string_shape, 0, "-0.000000000000000000000000000001",
				  "-0.000000000000000000000000000001");
	check_numeric(&variable_decimal_string_shape, 0, "NaN", "NAN");
}

/* The most digits that PostgreSQL stores, and where double has its ends. */
static void
test_large_decimals(void **state)
{
	struct buf s = {0};

	(void) state;
	for (int i = 0; i < 131072; i++)
		buf_put_u8(&s, (uint8_t) ('1' + i % 9));
	buf_put_u8(&s, '.');
	for (int i = 0; i < 16383; i++)
		buf_put_u8(&s, (uint8_t) ('1' + i % 9));
	check_numeric(&variable_decimal_string_shape, 0, buf_cstr(&s), buf_cstr(&s));
	check_numeric(&decimal_double_shape, 0, buf_cstr(&s), "out of range");
	buf_reset(&s);
	buf_puts(&s, "-1");
	for (int i = 0; i < 308; i++)
		buf_put_u8(&s, '0');
	check_numeric(&decimal_double_shape, 0, buf_cstr(&s), "-1e+308");
	buf_put_u8(&s, '0');
	check_numeric(&decimal_double_shape, 0, buf_cstr(&s), "out of range");
	buf_reset(&s);
	buf_puts(&s, "0.");
	for (int i = 0; i < 400; i++)
		buf_put_u8(&s, '0');
	buf_put_u8(&s, '1');
	check_numeric(&decimal_double_shape, 0, buf_cstr(&s), "0");
	buf_free(&s);
}

static void
check_money(unsigned wire_digits, unsigned digits, int64_t value, const char *precise,
			const char *string, const char *dbl)
{
	struct op ops[] = {op_of(&money_shape), op_of(&money_string_shape), op_of(&money_double_shape)};
	const char *expected[] = {precise, string, dbl};

	fmt.wire_digits = wire_digits;
	fmt.money_digits = digits;
	for (int i = 0; i < 3; i++)
	{
		fb_u64(&wire, (uint64_t) value);
		check(&ops[i], expected[i]);
	}
}

static void
test_money(void **state)
{
	(void) state;
	check_money(2, 2, 123456, "1234.56", "1234.56", "1234.5599999999999");
	check_money(2, 2, 0, "0.00", "0.00", "0");
	check_money(2, 2, -1, "-0.01", "-0.01", "-0.01");
	check_money(2, 0, 123456, "1235", "1234.56", "1234.5599999999999");
	check_money(2, 0, -1, "0", "-0.01", "-0.01");
	check_money(2, 0, -50, "-1", "-0.50", "-0.5");
	check_money(2, 4, 123456, "1234.5600", "1234.56", "1234.5599999999999");
	check_money(0, 2, 1250, "1250.00", "1250", "1250");
	check_money(0, 0, -7, "-7", "-7", "-7");
	check_money(3, 2, 1005, "1.01", "1.005", "1.0049999999999999");
	check_money(3, 2, -5, "-0.01", "-0.005", "-0.0050000000000000001");
	check_money(0, 10, INT64_MAX, "9223372036854775807.0000000000", "9223372036854775807",
				"9.2233720368547758e+18");
	check_money(2, 2, INT64_MIN, "-92233720368547758.08", "-92233720368547758.08",
				"-92233720368547760");
	check_money(10, 0, INT64_MIN, "-922337204", "-922337203.6854775808", "-922337203.68547761");
}

static void
check_int(const struct shape *shape, int64_t value, const char *expected)
{
	struct op op = op_of(shape);

	fb_sv(&wire, value);
	check(&op, expected);
}

static void
check_int64(const struct shape *shape, int64_t value, const char *expected)
{
	struct op op = op_of(shape);

	fb_u64(&wire, (uint64_t) value);
	check(&op, expected);
}

static void
test_dates(void **state)
{
	static const struct
	{
		int64_t     days;
		const char *number;
		const char *iso;
	} cases[] = {
		{0, "10957", "2000-01-01Z"},
		{8825, "19782", "2024-02-29Z"},
		{-10958, "-1", "1969-12-31Z"},
		{-2451507, "-2440550", "-4712-01-01Z"},
		{-2451545, "-2440588", "-4713-11-24Z"},
		{-730485, "-719528", "0000-01-01Z"},
		{2921939, "2932896", "9999-12-31Z"},
		{2921940, "2932897", "+10000-01-01Z"},
		{2145031948, "2145042905", "+5874897-12-31Z"},
		{INT32_MAX, "2147483647", "infinity"},
		{INT32_MIN, "-2147483648", "-infinity"},
		{(int64_t) INT32_MAX + 1, "out of range", "out of range"},
		{INT64_MIN, "out of range", "out of range"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		check_int(&date_shape, cases[i].days, cases[i].number);
		check_int(&date_connect_shape, cases[i].days, cases[i].number);
		check_int(&date_iso_shape, cases[i].days, cases[i].iso);
	}
}

static void
test_times(void **state)
{
	static const struct shape *const every[] = {&time_ms_shape, &time_us_shape, &time_ns_shape,
												&time_connect_shape, &time_iso_shape};
	static const struct
	{
		int64_t     us;
		const char *texts[5];
	} cases[] = {
		{0, {"0", "0", "0", "0", "00:00:00Z"}},
		{1, {"0", "1", "1000", "0", "00:00:00.000001Z"}},
		{INT64_C(45296789012),
		 {"45296789", "45296789012", "45296789012000", "45296789", "12:34:56.789012Z"}},
		{INT64_C(45296500000),
		 {"45296500", "45296500000", "45296500000000", "45296500", "12:34:56.5Z"}},
		{DAY - 1, {"86399999", "86399999999", "86399999999000", "86399999", "23:59:59.999999Z"}},
		{DAY, {"86400000", "86400000000", "86400000000000", "86400000", "24:00:00Z"}},
		{DAY + 1, {"malformed", "malformed", "malformed", "malformed", "malformed"}},
		{-1, {"malformed", "malformed", "malformed", "malformed", "malformed"}},
		{INT64_MIN, {"malformed", "malformed", "malformed", "malformed", "malformed"}},
	};
	struct op zoned = op_of(&zoned_time_shape);

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int j = 0; j < 5; j++)
			check_int64(every[j], cases[i].us, cases[i].texts[j]);
	fb_u64(&wire, (uint64_t) DAY);
	fb_u32(&wire, 57540);
	check(&zoned, "15:59:00Z");
	fb_u64(&wire, 0);
	fb_u32(&wire, (uint32_t) -57540);
	check(&zoned, "08:01:00Z");
	fb_u64(&wire, (uint64_t) DAY + 1);
	fb_u32(&wire, 0);
	check(&zoned, "malformed");
}

static void
test_timestamps(void **state)
{
	static const struct shape *const every[] = {&timestamp_ms_shape,  &timestamp_connect_shape,
												&timestamp_us_shape,  &timestamp_ns_shape,
												&timestamp_iso_shape, &zoned_shape};
	static const char                unsaid[] = "out of range";
	static const struct
	{
		int64_t     us;
		const char *texts[5]; /* ms and connect are the same */
	} cases[] = {
		{0,
		 {"946684800000", "946684800000000", "946684800000000000", "2000-01-01T00:00:00Z",
		  "2000-01-01T00:00:00.000000Z"}},
		{INT64_C(762525296789012),
		 {"1709210096789", "1709210096789012", "1709210096789012000", "2024-02-29T12:34:56.789012Z",
		  "2024-02-29T12:34:56.789012Z"}},
		{INT64_C(-946684800000001), /* down, not towards zero */
		 {"-1", "-1", "-1000", "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"}},
		{INT64_C(-211810204800000000),
		 {"-210863520000000", "-210863520000000000", unsaid, "-4712-01-01T00:00:00Z",
		  "-4712-01-01T00:00:00.000000Z"}},
		{INT64_C(-211813488000000000), /* the first that there is */
		 {"-210866803200000", "-210866803200000000", unsaid, "-4713-11-24T00:00:00Z",
		  "-4713-11-24T00:00:00.000000Z"}},
		{INT64_C(9223371331199999999), /* the last */
		 {"9224318015999999", unsaid, unsaid, "+294276-12-31T23:59:59.999999Z",
		  "+294276-12-31T23:59:59.999999Z"}},
		{INT64_MAX,
		 {"9223372036825200", "9223372036825200000", "9223372036854775807", "infinity",
		  "infinity"}},
		{INT64_MIN,
		 {"-9223372036832400", "-9223372036832400000", "-9223372036854775808", "-infinity",
		  "-infinity"}},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int j = 0; j < 6; j++)
			check_int64(every[j], cases[i].us, cases[i].texts[j ? j - 1 : 0]);
}

static void
test_intervals(void **state)
{
	static const struct
	{
		int64_t     us;
		int32_t     days;
		int32_t     months;
		const char *number;
		const char *string;
	} cases[] = {
		{0, 0, 0, "0", "P0Y0M0DT0H0M0S"},
		{INT64_C(14706789000), 3, 14, "37091106789000", "P1Y2M3DT4H5M6.789S"},
		{INT64_C(10800000000), -2, -1, "-2791800000000", "P0Y-1M-2DT3H0M0S"},
		{-500000, 0, 0, "-500000", "P0Y0M0DT0H0M-0.5S"},
		{0, 0, 178000000 * 12, "out of range", "P178000000Y0M0DT0H0M0S"},
		{0, 0, -178000000 * 12, "out of range", "P-178000000Y0M0DT0H0M0S"},
		{INT64_MAX, 0, 0, "9223372036854775807", "P0Y0M0DT2562047788H0M54.775807S"},
		{INT64_MAX, INT32_MAX, INT32_MAX, "special", "special"}, /* infinity since 17 */
		{INT64_MIN, INT32_MIN, INT32_MIN, "special", "special"},
	};
	struct op number = op_of(&interval_shape);
	struct op string = op_of(&interval_string_shape);

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		fb_interval(&wire, cases[i].us, cases[i].days, cases[i].months);
		check(&number, cases[i].number);
		fb_interval(&wire, cases[i].us, cases[i].days, cases[i].months);
		check(&string, cases[i].string);
	}
}

static void
check_bytes(const struct shape *shape, const char *value, const char *expected)
{
	struct op op = op_of(shape);

	fb_str(&wire, value);
	check(&op, expected);
}

static void
test_bytes(void **state)
{
	static const struct
	{
		const char *value;
		const char *base64;
		const char *hex;
	} cases[] = {
		{"", "", ""},
		{"f", "Zg==", "66"},
		{"fo", "Zm8=", "666f"},
		{"foo", "Zm9v", "666f6f"},
		{"foob", "Zm9vYg==", "666f6f62"},
		{"fooba", "Zm9vYmE=", "666f6f6261"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		check_bytes(&bytes_shape, cases[i].value, cases[i].value);
		check_bytes(&bytes_base64_shape, cases[i].value, cases[i].base64);
		check_bytes(&bytes_base64_url_shape, cases[i].value, cases[i].base64);
		check_bytes(&bytes_hex_shape, cases[i].value, cases[i].hex);
		check_bytes(&unknown_shape, cases[i].value, cases[i].value);
		check_bytes(&unknown_base64_shape, cases[i].value, cases[i].base64);
		check_bytes(&unknown_base64_url_shape, cases[i].value, cases[i].base64);
		check_bytes(&unknown_hex_shape, cases[i].value, cases[i].hex);
	}
	check_bytes(&bytes_base64_shape, "\xfb\xff\xfe", "+//+");
	check_bytes(&bytes_base64_url_shape, "\xfb\xff\xfe", "-__-");
	check_bytes(&bytes_hex_shape, "\xff\x01", "ff01");
}

static void
test_bits(void **state)
{
	(void) state;
	check_bytes(&bit_shape, "0", "false");
	check_bytes(&bit_shape, "1", "true");
	check_bytes(&bit_shape, "", "out of range"); /* of varbit(1) */
	check_bytes(&bit_shape, "10", "out of range");
	check_bytes(&bit_shape, "x", "out of range");
	check_bytes(&bits_shape, "", "");
	check_bytes(&bits_shape, "0000000000", "");
	check_bytes(&bits_shape, "101", "\5");
	check_bytes(&bits_shape, "1000000001", "\1\2");
	check_bytes(&bits_shape, "1x", "out of range");
}

/* Values of other forms by their text, and text in another encoding. */
static void
test_by_text(void **state)
{
	static uint64_t replaced;
	struct op       op = op_of(&exact_shape);
	struct text    *utf8 = text;
	struct err      e;

	(void) state;
	col.form = op.form = WIRE_FORM_NUMERIC;
	numeral_put(&wire, "-Infinity");
	check(&op, "-Infinity");
	numeral_put(&wire, "12.50");
	check(&op, "12.50");
	col.form = op.form = WIRE_FORM_INT;
	op.type.oid = TYPE_DATE;
	fb_sv(&wire, INT32_MAX);
	check(&op, "infinity");
	fb_sv(&wire, -730485);
	check(&op, "0001-01-01 BC");
	col.form = op.form = WIRE_FORM_INT64;
	op.type.oid = TYPE_TIMESTAMP;
	fb_u64(&wire, (uint64_t) INT64_C(9223371331199999999));
	check(&op, "294276-12-31 23:59:59.999999");
	col.form = op.form = WIRE_FORM_TIMETZ;
	fb_u64(&wire, (uint64_t) DAY);
	fb_u32(&wire, 57540);
	check(&op, "24:00:00-15:59");
	col.form = op.form = WIRE_FORM_INTERVAL;
	fb_interval(&wire, INT64_MIN, INT32_MIN, INT32_MIN);
	check(&op, "-infinity");

	/* An array's element: the column's own form is the array's. */
	col.form = WIRE_FORM_ARRAY;
	op = (struct op){.col = &col,
					 .shape = &unknown_hex_shape,
					 .form = WIRE_FORM_INT,
					 .type = {.oid = TYPE_DATE},
					 .fmt = &fmt,
					 .text = text,
					 .scratch = &scratch};
	fb_sv(&wire, 0);
	check(&op, "323030302d30312d3031");

	assert_rc_ok(text_new("LATIN1", &replaced, &text, &e));
	check_bytes(&unknown_shape, "\xe9", "\xc3\xa9");
	check_bytes(&unknown_base64_shape, "\xe9", "w6k=");
	check_bytes(&unknown_hex_shape, "\xe9", "c3a9");
	check_bytes(&exact_shape, "\xe9", "\xc3\xa9");
	text_free(text);
	text = utf8;
}

/* Modes that lose digits do not in a key: two rows would share it. */
static void
test_exact_keys(void **state)
{
	static const struct
	{
		const char *value;
		const char *key;
	} cases[] = {
		{"123456789012345", "123456789012345"},
		{"1234567890123456", "out of range"},
		{"-0.00123456789012345000", "-0.00123456789012345"},
		{"1000000000000000000000000", "9.9999999999999998e+23"},
		{"0.00", "0"},
		{"NaN", "nan"},
	};
	struct op  dbl = op_of(&decimal_double_shape);
	struct op  money = op_of(&money_shape);
	struct op  time = op_of(&time_connect_shape);
	struct op  timestamp = op_of(&timestamp_connect_shape);
	struct buf tiny = {0};

	(void) state;
	dbl.key = money.key = time.key = timestamp.key = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		numeral_put(&wire, cases[i].value);
		check(&dbl, cases[i].key);
	}
	buf_puts(&tiny, "0.");
	for (int i = 0; i < 310; i++)
		buf_put_u8(&tiny, '0');
	buf_put_u8(&tiny, '1');
	numeral_put(&wire, buf_cstr(&tiny));
	check(&dbl, "out of range");
	buf_free(&tiny);

	fmt.wire_digits = 2;
	fmt.money_digits = 0;
	fb_u64(&wire, 1250);
	check(&money, "out of range");
	fb_u64(&wire, 1200);
	check(&money, "12");

	fb_u64(&wire, 1000);
	check(&time, "1");
	fb_u64(&wire, 1001);
	check(&time, "out of range");
	fb_u64(&wire, (uint64_t) INT64_C(-946684800001000));
	check(&timestamp, "-1");
	fb_u64(&wire, (uint64_t) INT64_C(-946684800000001));
	check(&timestamp, "out of range");
	fb_u64(&wire, (uint64_t) INT64_MAX);
	check(&timestamp, "9223372036825200");
}

/* Repaired, but not in a key, where octets are passed on all the same. */
static void
test_keys(void **state)
{
	static const struct shape *const texts[] = {&unknown_shape, &unknown_base64_shape,
												&unknown_base64_url_shape, &unknown_hex_shape,
												&exact_shape};
	struct op                        op;

	(void) state;
	check_bytes(&unknown_shape, "a\xff", "a\xef\xbf\xbd");
	check_bytes(&unknown_hex_shape, "a\xff", "61efbfbd");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		op = op_of(texts[i]);
		op.key = true;
		fb_str(&wire, "a\xff");
		assert_string_equal(put(&op, wire.len), "no text");
		buf_reset(&wire);
	}
	op = op_of(&bytes_hex_shape);
	op.key = true;
	fb_str(&wire, "a\xff");
	check(&op, "61ff");
}

/* Two values of one column that would have the same bytes. */
static void
test_keys_apart(void **state)
{
	struct op op = op_of(&zoned_time_shape);

	(void) state;
	op.key = true;
	fb_u64(&wire, (uint64_t) DAY / 2);
	fb_u32(&wire, 0);
	check(&op, "12:00:00Z");
	fb_u64(&wire, (uint64_t) DAY / 2);
	fb_u32(&wire, (uint32_t) -3600);
	assert_string_equal(put(&op, wire.len), "out of range");
	buf_reset(&wire);

	op = op_of(&interval_shape);
	op.key = true;
	fb_interval(&wire, 1, 1, 0);
	check(&op, "86400000001");
	fb_interval(&wire, 0, 0, 1);
	assert_string_equal(put(&op, wire.len), "out of range");
	buf_reset(&wire);

	op = op_of(&bits_shape);
	op.key = true;
	op.type.oid = TYPE_VARBIT;
	fb_str(&wire, "00101");
	assert_string_equal(put(&op, wire.len), "out of range");
	buf_reset(&wire);
	op.type.oid = TYPE_BIT;
	fb_str(&wire, "00000000");
	check(&op, "");
}

static unsigned seed = 20261121;

static uint8_t
next_byte(void)
{
	seed = seed * 1103515245 + 12345;
	return (uint8_t) (seed >> 16);
}

/* Whatever comes: malformed, unsaid or Avro of the type, which show() sees to. */
static void
test_noise(void **state)
{
	static const struct shape *const every[] = {
		&decimal_shape,    &variable_decimal_shape, &decimal_double_shape,  &decimal_string_shape,
		&money_shape,      &money_double_shape,     &money_string_shape,    &date_shape,
		&date_iso_shape,   &time_ms_shape,          &time_ns_shape,         &time_iso_shape,
		&zoned_time_shape, &timestamp_ms_shape,     &timestamp_ns_shape,    &timestamp_iso_shape,
		&zoned_shape,      &interval_shape,         &interval_string_shape, &bytes_base64_shape,
		&bytes_hex_shape,  &unknown_hex_shape,      &exact_shape,
	};
	size_t said = 0;

	(void) state;
	for (int i = 0; i < 100000; i++)
	{
		struct op     op = op_of(every[i % (int) (sizeof(every) / sizeof(every[0]))]);
		uint8_t       bytes[24];
		struct cursor in = cursor_over(bytes, sizeof(bytes));

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = next_byte() & (next_byte() | next_byte());
		if (op.form == WIRE_FORM_NUMERIC)
			bytes[0] = (uint8_t) "+-nim"[bytes[0] % 5];
		buf_reset(&out);
		if (op.shape->put(&op, &in, &out) == SAID && !in.bad)
		{
			show(&op, (struct str){(const char *) out.data, out.len});
			said++;
		}
	}
	assert_true(said > 10000);
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_decimals, setup),
		cmocka_unit_test_setup(test_large_decimals, setup),
		cmocka_unit_test_setup(test_money, setup),
		cmocka_unit_test_setup(test_dates, setup),
		cmocka_unit_test_setup(test_times, setup),
		cmocka_unit_test_setup(test_timestamps, setup),
		cmocka_unit_test_setup(test_intervals, setup),
		cmocka_unit_test_setup(test_bytes, setup),
		cmocka_unit_test_setup(test_bits, setup),
		cmocka_unit_test_setup(test_by_text, setup),
		cmocka_unit_test_setup(test_exact_keys, setup),
		cmocka_unit_test_setup(test_keys, setup),
		cmocka_unit_test_setup(test_keys_apart, setup),
		cmocka_unit_test_setup(test_noise, setup),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_free(&wire);
	return failed;
}

int
main(void)
{
	return shaped_run(run);
}
