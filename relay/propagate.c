/*
 * propagate.c
 *		Source types as parameters of a schema; see propagate.h.
 *
 * Lengths and scales are those that PostgreSQL's JDBC driver tells Debezium:
 * display widths for dates and times, digits for numbers.
 */
#include "propagate.h"

#include <ctype.h>
#include <stdlib.h>

#include "patterns.h"
#include "value.h"

/* By schema.table.last, or with the database in front. */
static bool
matches(const struct patterns *patterns, const struct op_context *ctx, const char *last)
{
	struct str utf8;
	char      *raw;
	char      *name;
	char      *full;
	bool       found;

	if (patterns == NULL)
		return false;
	raw = xasprintf("%s.%s.%s", ctx->tbl->schema, ctx->tbl->name, last);
	utf8 = text_utf8(ctx->text, (struct str){raw, strlen(raw)});
	name = xstrndup(utf8.data, utf8.len);
	full = xasprintf("%s.%s", ctx->fmt->database, name);
	found = patterns_match(patterns, name) || patterns_match(patterns, full);
	free(full);
	free(name);
	free(raw);
	return found;
}

bool
propagate_wanted(const struct op_context *ctx, const struct column *col)
{
	return matches(ctx->fmt->propagate_columns, ctx, col->name) ||
		   matches(ctx->fmt->propagate_types, ctx, col->type.name);
}

#define FRACTION_MAX 6

static int32_t
fraction_digits(int32_t typmod)
{
	return typmod < 0 || typmod > FRACTION_MAX ? FRACTION_MAX : typmod;
}

/* Characters of a second's fraction; the driver counts two digits for one. */
static int32_t
fraction_width(int32_t typmod)
{
	int32_t digits = fraction_digits(typmod);

	if (digits == 0)
		return 0;
	return digits == 1 ? 3 : digits + 1;
}

/* Digits of types that have always the same; 0: another type. */
static int32_t
fixed_length(uint32_t oid)
{
	switch (oid)
	{
		case TYPE_BOOL:
		case TYPE_CHAR: return 1;
		case TYPE_INT2: return 5;
		case TYPE_INT4:
		case TYPE_OID: return 10;
		case TYPE_INT8: return 19;
		case TYPE_FLOAT4: return 8;
		case TYPE_FLOAT8: return 17;
		case TYPE_DATE: return 13;
		case TYPE_INTERVAL: return 49;
	}
	return 0;
}

#define NUMERIC_LENGTH_MAX 131089 /* what the driver says of numeric without a precision */

static int32_t
type_length(uint32_t oid, int32_t typmod, const struct op *op)
{
	switch (oid)
	{
		case TYPE_NUMERIC: return typmod < 0 ? NUMERIC_LENGTH_MAX : op->precision;
		case TYPE_BPCHAR:
		case TYPE_VARCHAR: return typmod < 0 ? INT32_MAX : typmod - 4;
		case TYPE_BIT: return typmod < 0 ? 1 : typmod;
		case TYPE_VARBIT: return typmod < 0 ? INT32_MAX : typmod;
		case TYPE_TIME: return 8 + fraction_width(typmod);
		case TYPE_TIMETZ: return 14 + fraction_width(typmod);
		case TYPE_TIMESTAMP: return 22 + fraction_width(typmod);
		case TYPE_TIMESTAMPTZ: return 28 + fraction_width(typmod);
	}
	return fixed_length(oid) ? fixed_length(oid) : INT32_MAX;
}

static int32_t
type_scale(uint32_t oid, int32_t typmod, const struct op *op)
{
	switch (oid)
	{
		case TYPE_NUMERIC: return typmod < 0 ? 0 : op->scale;
		case TYPE_FLOAT4: return 8;
		case TYPE_FLOAT8: return 17;
		case TYPE_TIME:
		case TYPE_TIMETZ:
		case TYPE_TIMESTAMP:
		case TYPE_TIMESTAMPTZ: return fraction_digits(typmod);
		case TYPE_INTERVAL: return typmod < 0 ? 6 : typmod & 0xffff;
	}
	return 0;
}

struct propagated
propagate_type(const struct op *op)
{
	const struct op  *value = op->element ? op->element : op;
	struct str        name = text_utf8(
        op->text, (struct str){op->col->type.name, strlen(op->col->type.name)});
	struct propagated type = {
		.type = xstrndup(name.data, name.len),
		.length = type_length(value->type.oid, value->type.typmod, value),
		.scale = type_scale(value->type.oid, value->type.typmod, value),
	};

	for (char *c = type.type; *c; c++)
		*c = (char) toupper((unsigned char) *c);
	return type;
}
