/*
 * shaped.h
 *		Ops made of bare shapes, and their Avro as text.
 */
#ifndef T_UNIT_SHAPED_H
#define T_UNIT_SHAPED_H

#include "unit.h"

#include "decimal.h"
#include "encode.h"
#include "framebuilder.h"
#include "shapes.h"
#include "value.h"

static struct format       fmt = {.endless = true};
static struct encode_stats stats;
static struct text        *text;
static struct column       col;
static struct buf          out;
static struct buf          shown;
static struct buf          scratch;
static struct buf          scratch2;

/* As types.c makes it, of a column of that type with all digits of a second. */
static inline struct op
op_of(const struct shape *shape)
{
	enum wire_form form = shape->any_form ? WIRE_FORM_TEXT : shape->form;

	col = (struct column){.name = "f", .form = form, .delimiter = ','};
	return (struct op){.col = &col,
					   .shape = shape,
					   .form = form,
					   .digits = 6,
					   .fmt = &fmt,
					   .stats = &stats,
					   .text = text,
					   .scratch = &scratch,
					   .scratch2 = &scratch2};
}

static inline int32_t
scale_of(const struct op *op)
{
	return op->shape->parameters == PARAMETERS_MONEY ? (int32_t) fmt.money_digits : op->scale;
}

/* Avro of the op's shape, which it must be to its last byte, as text. */
static inline const char *
show(const struct op *op, struct str avro)
{
	const char *type = op->shape->avro;
	bool        decimal =
		op->shape->parameters == PARAMETERS_DECIMAL || op->shape->parameters == PARAMETERS_MONEY;
	struct cursor cur = cursor_over(avro.data, avro.len);
	int64_t       number = 0;
	struct str    s;

	buf_reset(&shown);
	if (strcmp(type, "double") != 0 && strcmp(type, "boolean") != 0)
		number = cursor_sv(&cur);
	if (strcmp(type, "boolean") == 0)
		buf_puts(&shown, cursor_u8(&cur) ? "true" : "false");
	else if (strcmp(type, "double") == 0)
	{
		uint64_t bits = cursor_u64(&cur);
		double   value;

		memcpy(&value, &bits, sizeof(value));
		buf_printf(&shown, "%.17g", value);
	}
	else if (strcmp(type, "int") == 0 || strcmp(type, "long") == 0)
	{
		assert_true(strcmp(type, "long") == 0 || (number >= INT32_MIN && number <= INT32_MAX));
		buf_printf(&shown, "%lld", (long long) number);
	}
	else
	{
		int32_t scale = scale_of(op);

		if (strcmp(type, "record") == 0)
		{
			scale = (int32_t) number;
			decimal = true;
			number = cursor_sv(&cur);
		}
		assert_true(number >= 0);
		s = (struct str){(const char *) cursor_bytes(&cur, (uint64_t) number), (size_t) number};
		assert_false(cur.bad);
		if (strcmp(type, "string") == 0)
			assert_int_equal(utf8_span(s.data, s.len), s.len);
		if (decimal)
			decimal_text((const uint8_t *) s.data, s.len, scale, &shown);
		else
			buf_put(&shown, s.data, s.len);
	}
	assert_false(cur.bad);
	assert_int_equal(cursor_left(&cur), 0);
	return buf_cstr(&shown);
}

/* The tests, with texts in UTF-8, and everything freed. */
static inline int
shaped_run(int (*run)(void))
{
	static uint64_t replaced;
	struct err      e;
	int             failed;

	assert_rc_ok(text_new("UTF8", &replaced, &text, &e));
	failed = run();
	text_free(text);
	buf_free(&out);
	buf_free(&shown);
	buf_free(&scratch);
	buf_free(&scratch2);
	return failed;
}

#endif /* T_UNIT_SHAPED_H */
