/*
 * types.c
 *		The table of types, and the ops made from it; see types.h.
 */
#include "types.h"

#include <limits.h>

#include "binary.h"
#include "json.h"
#include "literal.h"
#include "shapes.h"

#define FIRST_USER_OID 16384 /* PostgreSQL's FirstNormalObjectId: below it oids are fixed */

/* Header words that PostgreSQL counts into numeric's typmod. */
#define TYPMOD_HEADER 4

/* On what of the type modifier the second shape of a type depends. */
enum narrow
{
	NARROW_NEVER,
	NARROW_ONE_BIT,      /* length 1 */
	NARROW_MILLISECONDS, /* at most 3 digits of a second */
	NARROW_PRECISION     /* precision and scale given */
};

#define ALONE(oid, name, shape)                      \
	{                                                \
		oid, name, &shape, false, NARROW_NEVER, NULL \
	}
#define ARRAYS(oid, name, shape)                    \
	{                                               \
		oid, name, &shape, true, NARROW_NEVER, NULL \
	}

/*
 * Every type that has a column in the schema.  Built-in types are known by
 * oid, those of extensions by name.  What is not here is left out, as Debezium
 * leaves it out by default: composites, multiranges, tsquery, jsonpath, xid,
 * tid, reg*, pg_lsn, pg_snapshot, lquery, box, circle, line, lseg, path,
 * polygon, and whatever other extensions bring.
 */
static const struct type
{
	uint32_t            oid; /* 0: by name */
	const char         *name;
	const struct shape *shape;
	bool                in_array; /* arrays of it have a column too */
	enum narrow         narrow;
	const struct shape *narrow_shape;
} types[] = {
	ARRAYS(16, "bool", boolean_shape),
	ARRAYS(17, "bytea", bytes_shape),
	ARRAYS(18, "char", other_text_shape),
	ALONE(19, "name", other_text_shape),
	ARRAYS(20, "int8", int64_shape),
	ARRAYS(21, "int2", int16_shape),
	ARRAYS(23, "int4", int32_shape),
	ARRAYS(25, "text", text_shape),
	ARRAYS(26, "oid", oid_shape),
	ARRAYS(114, "json", json_shape),
	ALONE(142, "xml", xml_shape),
	ARRAYS(650, "cidr", other_text_shape),
	ARRAYS(700, "float4", float4_shape),
	ARRAYS(701, "float8", float8_shape),
	ARRAYS(774, "macaddr8", other_text_shape),
	ALONE(790, "money", money_shape),
	ARRAYS(829, "macaddr", other_text_shape),
	ARRAYS(869, "inet", other_text_shape),
	ARRAYS(1042, "bpchar", text_shape),
	ARRAYS(1043, "varchar", text_shape),
	ARRAYS(1082, "date", date_shape),
	{1083, "time", &time_us_shape, true, NARROW_MILLISECONDS, &time_ms_shape},
	{1114, "timestamp", &timestamp_us_shape, true, NARROW_MILLISECONDS, &timestamp_ms_shape},
	ARRAYS(1184, "timestamptz", zoned_shape),
	ALONE(1186, "interval", interval_shape),
	ARRAYS(1266, "timetz", zoned_time_shape),
	{1560, "bit", &bits_shape, true, NARROW_ONE_BIT, &bit_shape},
	{1562, "varbit", &bits_shape, false, NARROW_ONE_BIT, &bit_shape},
	{1700, "numeric", &variable_decimal_shape, true, NARROW_PRECISION, &decimal_shape},
	ARRAYS(2950, "uuid", uuid_shape),
	ALONE(3614, "tsvector", tsvector_shape),
	ARRAYS(3802, "jsonb", json_shape),
	ARRAYS(3904, "int4range", other_text_shape),
	ARRAYS(3906, "numrange", other_text_shape),
	ARRAYS(3908, "tsrange", other_text_shape),
	ARRAYS(3910, "tstzrange", other_text_shape),
	ARRAYS(3912, "daterange", other_text_shape),
	ARRAYS(3926, "int8range", other_text_shape),
	ARRAYS(0, "citext", other_text_shape),
	ARRAYS(0, "hstore", hstore_shape),
	ARRAYS(0, "ltree", ltree_shape),
	ALONE(0, "ean13", other_text_shape),
	ALONE(0, "isbn", other_text_shape),
	ALONE(0, "isbn13", other_text_shape),
	ALONE(0, "ismn", other_text_shape),
	ALONE(0, "ismn13", other_text_shape),
	ALONE(0, "issn", other_text_shape),
	ALONE(0, "issn13", other_text_shape),
	ALONE(0, "upc", other_text_shape),
	/* As their text, until they get shapes of their own. */
	ALONE(600, "point", other_text_shape),
	ARRAYS(0, "geometry", other_text_shape),
	ARRAYS(0, "geography", other_text_shape),
	ALONE(0, "vector", other_text_shape),
	ALONE(0, "halfvec", other_text_shape),
	ALONE(0, "sparsevec", other_text_shape),
};

static const struct type *
type_find(uint32_t oid, const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (oid < FIRST_USER_OID ? types[i].oid == oid && oid != 0
								 : types[i].oid == 0 && strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

static bool
is_narrow(enum narrow narrow, int32_t typmod)
{
	switch (narrow)
	{
		case NARROW_NEVER: return false;
		case NARROW_ONE_BIT: return typmod == 1;
		case NARROW_MILLISECONDS: return typmod >= 0 && typmod <= 3;
		case NARROW_PRECISION: return typmod >= TYPMOD_HEADER;
	}
	return false;
}

/* NULL: the column is left out. */
static const struct shape *
column_shape(const struct column *col)
{
	const struct type *type;

	if (col->flags & WIRE_COLUMN_ARRAY)
	{
		/* As its text, until arrays get shapes of their own. */
		type = type_find(col->element.oid, col->element.name);
		if ((type && type->in_array) || col->flags & WIRE_COLUMN_ENUM || col->element_base != 0)
			return &array_text_shape;
		return NULL;
	}
	if (col->flags & WIRE_COLUMN_ENUM)
		return &enum_shape;
	if (col->flags & WIRE_COLUMN_COMPOSITE)
		return NULL;
	type = type_find(col->base.oid, col->base.name);
	if (type == NULL)
		return NULL;
	return is_narrow(type->narrow, col->base.typmod) ? type->narrow_shape : type->shape;
}

/*
 * numeric's typmod: precision above, 11 bits of signed scale below.  A
 * negative scale is said as scale 0, with digits enough for the zeros.
 */
static void
op_precision(struct op *op, int32_t typmod)
{
	if (op->shape->parameters == PARAMETERS_MONEY)
	{
		op->scale = 2;
		op->precision = 64;
	}
	if (op->shape->parameters != PARAMETERS_DECIMAL)
		return;
	op->precision = ((typmod - TYPMOD_HEADER) >> 16) & 0xffff;
	op->scale = (((typmod - TYPMOD_HEADER) & 0x7ff) ^ 1024) - 1024;
	if (op->scale < 0)
	{
		op->precision -= op->scale;
		op->scale = 0;
	}
}

static struct str
keep(struct arena *arena, const struct buf *buf)
{
	return (struct str){arena_strndup(arena, (const char *) buf->data, buf->len), buf->len};
}

static void
op_keep_labels(struct op *op, struct arena *arena)
{
	struct buf avro = {0};

	op->labels = arena_alloc(arena, (op->col->nlabels + 1) * sizeof(*op->labels));
	for (uint32_t i = 0; i < op->col->nlabels; i++)
	{
		const char *label = op->col->labels[i];

		buf_reset(&avro);
		if (put_str_text(op, (struct str){label, strlen(label)}, &avro) == SAID)
			op->labels[i] = keep(arena, &avro);
		else
			op->labels[i] = (struct str){NULL, 0};
	}
	buf_free(&avro);
}

void
op_labels(const struct op *op, struct buf *out)
{
	for (uint32_t i = 0; i < op->col->nlabels; i++)
	{
		const char *label = op->col->labels[i];
		struct str  text = text_utf8(op->text, (struct str){label, strlen(label)});

		if (i > 0)
			buf_put_u8(out, ',');
		buf_put(out, text.data, text.len);
	}
}

/* Domains, generated columns and types without a literal function show no default. */
static void
op_keep_default(struct op *op, struct buf *avro, struct arena *arena)
{
	const struct column *col = op->col;
	struct buf           text = {0};
	struct buf           json = {0};

	if (op->shape->literal && col->default_text &&
		!(col->flags & (WIRE_COLUMN_DOMAIN | WIRE_COLUMN_GENERATED)) &&
		literal_find(col->default_text, op->shape->computed, &text) &&
		op->shape->literal(op, buf_cstr(&text), avro, &json))
		op->default_json = keep(arena, &json);
	else
		buf_reset(avro);
	buf_free(&text);
	buf_free(&json);
}

void
placeholder_put(const char *setting, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t            len = strlen(setting);

	if (strncmp(setting, "hex:", 4) != 0)
	{
		buf_put(out, setting, len);
		return;
	}
	for (size_t i = 4; i + 1 < len; i += 2)
	{
		const char *high = strchr(digits, setting[i] | 0x20);
		const char *low = strchr(digits, setting[i + 1] | 0x20);

		if (high && low)
			buf_put_u8(out, (uint8_t) ((high - digits) << 4 | (low - digits)));
	}
}

static void
op_keep_unavailable(struct op *op, const struct format *fmt, struct arena *arena)
{
	struct buf value = {0};
	struct buf json = {0};
	struct buf avro = {0};

	op->unavailable = op->missing;
	if (op->shape->toasted == TOASTED_UNSAID)
		return;
	placeholder_put(fmt->placeholder, &value);
	if (op->shape->toasted == TOASTED_PAIR)
	{
		buf_put_u8(&json, '{');
		json_string(&json, (const char *) value.data, value.len);
		buf_put_u8(&json, ':');
		json_string(&json, (const char *) value.data, value.len);
		buf_put_u8(&json, '}');
		buf_reset(&value);
		buf_put(&value, json.data, json.len);
	}
	if (op->nullable)
		buf_put_u8(&avro, op->branch);
	binary_bytes(&avro, value.data, value.len);
	op->unavailable = keep(arena, &avro);
	buf_free(&value);
	buf_free(&json);
	buf_free(&avro);
}

static void
op_keep_templates(struct op *op, const struct format *fmt, struct arena *arena)
{
	struct buf avro = {0};

	op_keep_default(op, &avro, arena);
	/* A union's first branch is the one of its default: [T,null] with one, [null,T] without. */
	op->branch = op->default_json.data ? 0x00 : 0x02;
	if (op->nullable)
	{
		buf_reset(&avro);
		buf_put_u8(&avro, 0x02 - op->branch);
	}
	else if (op->default_json.data == NULL)
		buf_put(&avro, op->shape->filler.data, op->shape->filler.len);
	op->missing = keep(arena, &avro);
	buf_free(&avro);
	op_keep_unavailable(op, fmt, arena);
}

enum rc
op_init(struct op *op, const struct column *col, const struct format *fmt, bool key,
		struct text *text, struct buf *scratch, struct arena *arena, struct err *e)
{
	*op = (struct op){
		.col = col,
		.identity = (col->flags & WIRE_COLUMN_IDENTITY) != 0,
		.key = key,
		.nullable = (col->flags & WIRE_COLUMN_NOT_NULL) == 0,
		.text = text,
		.scratch = scratch,
	};
	if (key || fmt->generated || !(col->flags & WIRE_COLUMN_GENERATED))
		op->shape = column_shape(col);
	if (op->shape == NULL && !key)
		return RC_OK;
	if (op->shape == NULL)
		op->shape = col->form == WIRE_FORM_OID ? &oid_shape : &other_text_shape;
	if (op->shape->form != col->form)
	{
		err_set(e, ERR_PROTOCOL, E1601,
				"column \"%s\" is sent in a form that its type does not have", col->name);
		return err_detail(e, "Type %s.%s, form '%c'.", col->type.schema, col->type.name, col->form);
	}
	op->length = col->base.typmod > 0 ? col->base.typmod : INT_MAX;
	op->digits = col->base.typmod >= 0 && col->base.typmod <= 6 ? col->base.typmod : 6;
	op_precision(op, col->base.typmod);
	op_keep_labels(op, arena);
	op_keep_templates(op, fmt, arena);
	return RC_OK;
}
