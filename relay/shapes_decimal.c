/*
 * shapes_decimal.c
 *		numeric and money, by decimal.handling.mode; see shapes.h.
 *
 * A value is written exactly or not at all, but for money under precise, whose
 * scale the configuration gives, and for double, which is what it is.  In a key
 * these two are exact as well: two rows would share it.
 */
#include "shapes.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "binary.h"
#include "decimal.h"
#include "literal.h"

static bool
is_special(const struct numeric *num)
{
	return num->sign != WIRE_NUMERIC_POSITIVE && num->sign != WIRE_NUMERIC_NEGATIVE;
}

static enum said
put_decimal(const struct op *op, struct cursor *in, struct buf *out)
{
	struct numeric num = value_numeric(in);

	if (in->bad || decimal_put(&num, op->scale, out))
		return SAID;
	return is_special(&num) ? UNSAID_SPECIAL : UNSAID_RANGE;
}

static enum said
put_variable_decimal(const struct op *op, struct cursor *in, struct buf *out)
{
	struct numeric num = value_numeric(in);
	int            scale = decimal_scale(&num);

	(void) op;
	binary_long(out, scale);
	return in->bad || decimal_put(&num, scale, out) ? SAID : UNSAID_SPECIAL;
}

/* From the first digit that is not zero to the last. */
static size_t
significant_digits(const char *text)
{
	size_t n = 0;
	size_t upto = 0;

	for (; *text; text++)
	{
		n += (*text > '0' && *text <= '9') || (*text == '0' && n > 0);
		if (*text > '0' && *text <= '9')
			upto = n;
	}
	return upto;
}

/*
 * The nearest double.  One that is too large for any would become an infinity,
 * which numeric has a value of its own for.  In a key there must be no other
 * value with the same nearest one: DBL_DIG digits are always told apart, but
 * not below the smallest normal double.
 */
static enum said
put_nearest(const struct op *op, struct buf *text, struct buf *out)
{
	double value = strtod(buf_cstr(text), NULL);
	size_t digits = op->key ? significant_digits(buf_cstr(text)) : 0;

	if (!isfinite(value) || digits > DBL_DIG || (digits > 0 && !isnormal(value)))
		return UNSAID_RANGE;
	binary_double(out, value);
	return SAID;
}

static enum said
put_decimal_double(const struct op *op, struct cursor *in, struct buf *out)
{
	struct numeric num = value_numeric(in);

	switch (num.sign)
	{
		case WIRE_NUMERIC_NAN: binary_double(out, NAN); return SAID;
		case WIRE_NUMERIC_INFINITY: binary_double(out, INFINITY); return SAID;
		case WIRE_NUMERIC_MINUS_INFINITY: binary_double(out, -INFINITY); return SAID;
		default: break;
	}
	buf_restart(op->scratch);
	numeric_text(&num, op->scratch);
	return put_nearest(op, op->scratch, out);
}

/* The words are the names of Debezium's constants. */
static enum said
put_decimal_string(const struct op *op, struct cursor *in, struct buf *out)
{
	struct numeric num = value_numeric(in);

	switch (num.sign)
	{
		case WIRE_NUMERIC_NAN: binary_string(out, "NAN"); return SAID;
		case WIRE_NUMERIC_INFINITY: binary_string(out, "POSITIVE_INFINITY"); return SAID;
		case WIRE_NUMERIC_MINUS_INFINITY: binary_string(out, "NEGATIVE_INFINITY"); return SAID;
		default: break;
	}
	if (num.scale < op->scale)
		num.scale = (uint16_t) op->scale;
	buf_restart(op->scratch);
	numeric_text(&num, op->scratch);
	binary_bytes(out, op->scratch->data, op->scratch->len);
	return SAID;
}

/* The wire counts in the currency's smallest unit. */
static enum said
put_money(const struct op *op, struct cursor *in, struct buf *out)
{
	int64_t value = (int64_t) cursor_u64(in);
	int64_t rest = value;
	int     shift = (int) op->fmt->money_digits - (int) op->fmt->wire_digits;

	for (int i = shift; i < 0 && op->key; i++, rest /= 10)
		if (rest % 10 != 0)
			return UNSAID_RANGE;
	if (shift == 0)
		decimal_put_word(value, out);
	else
		decimal_put_shifted(value, shift, out);
	return SAID;
}

/* The digits that the server has, no others. */
static void
money_text(const struct op *op, int64_t value, struct buf *text)
{
	uint64_t magnitude = value < 0 ? -(uint64_t) value : (uint64_t) value;
	size_t   digits = op->fmt->wire_digits;
	size_t   whole;

	buf_restart(text);
	buf_printf(text, "%s%0*" PRIu64, value < 0 ? "-" : "", (int) digits + 1, magnitude);
	if (digits == 0)
		return;
	buf_put_u8(text, '.');
	whole = text->len - 1 - digits;
	memmove(text->data + whole + 1, text->data + whole, digits);
	text->data[whole] = '.';
}

static enum said
put_money_double(const struct op *op, struct cursor *in, struct buf *out)
{
	money_text(op, (int64_t) cursor_u64(in), op->scratch);
	return put_nearest(op, op->scratch, out);
}

static enum said
put_money_string(const struct op *op, struct cursor *in, struct buf *out)
{
	money_text(op, (int64_t) cursor_u64(in), op->scratch);
	binary_bytes(out, op->scratch->data, op->scratch->len);
	return SAID;
}

/* Zero at a scale, as text. */
static void
put_zero(size_t scale, struct buf *out)
{
	binary_long(out, (int64_t) (scale ? scale + 2 : 1));
	buf_puts(out, scale ? "0." : "0");
	while (scale-- > 0)
		buf_put_u8(out, '0');
}

static void
put_decimal_filler(const struct op *op, struct buf *out)
{
	put_zero((size_t) op->scale, out);
}

static void
put_money_filler(const struct op *op, struct buf *out)
{
	put_zero(op->fmt->money_digits, out);
}

const struct shape decimal_shape = {
	.avro = "bytes",
	.name = "org.apache.kafka.connect.data.Decimal",
	.parameters = PARAMETERS_DECIMAL,
	.form = WIRE_FORM_NUMERIC,
	.put = put_decimal,
	.filler = FILLER("\2\0"),
	.literal = literal_decimal,
	.computed = "0.0",
};

const struct shape variable_decimal_shape = {
	.avro = "record",
	.record = RECORD_DECIMAL,
	.name = "io.debezium.data.VariableScaleDecimal",
	.form = WIRE_FORM_NUMERIC,
	.put = put_variable_decimal,
	.filler = FILLER("\0\2\0"),
};

const struct shape decimal_double_shape = {
	.avro = "double",
	.form = WIRE_FORM_NUMERIC,
	.put = put_decimal_double,
	.filler = FILLER("\0\0\0\0\0\0\0\0"),
	.literal = literal_decimal_double,
	.computed = "0.0",
};

const struct shape decimal_string_shape = {
	.avro = "string",
	.form = WIRE_FORM_NUMERIC,
	.put = put_decimal_string,
	.put_filler = put_decimal_filler,
	.literal = literal_decimal_string,
	.computed = "0.0",
	.toasted = TOASTED_STRING,
};

const struct shape variable_decimal_string_shape = {
	.avro = "string",
	.form = WIRE_FORM_NUMERIC,
	.put = put_decimal_string,
	.filler = FILLER("\2"
					 "0"),
	.literal = literal_variable_decimal_string,
	.computed = "0.0",
	.toasted = TOASTED_STRING,
};

const struct shape money_shape = {
	.avro = "bytes",
	.name = "org.apache.kafka.connect.data.Decimal",
	.parameters = PARAMETERS_MONEY,
	.form = WIRE_FORM_INT64,
	.put = put_money,
	.filler = FILLER("\2\0"),
};

const struct shape money_double_shape = {
	.avro = "double",
	.form = WIRE_FORM_INT64,
	.put = put_money_double,
	.filler = FILLER("\0\0\0\0\0\0\0\0"),
};

const struct shape money_string_shape = {
	.avro = "string",
	.form = WIRE_FORM_INT64,
	.put = put_money_string,
	.put_filler = put_money_filler,
};
