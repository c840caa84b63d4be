/*
 * types.c
 *		The table of types, and the ops made from it; see types.h.
 */
#include "types.h"

#include <limits.h>
#include <openssl/evp.h>

#include "binary.h"
#include "json.h"
#include "literal.h"
#include "propagate.h"
#include "shapes.h"
#include "value.h"

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

/* How a type appears in arrays. */
enum in_array
{
	ARRAY_LEFT_OUT,
	ARRAY_ELEMENTS
};

#define ALONE(oid, name, shape)                                        \
	{                                                                  \
		oid, name, &shape, ARRAY_LEFT_OUT, NARROW_NEVER, NULL, PROFILE_2_7 \
	}
#define ARRAYS(oid, name, shape)                                       \
	{                                                                  \
		oid, name, &shape, ARRAY_ELEMENTS, NARROW_NEVER, NULL, PROFILE_2_7 \
	}

/*
 * Every type that has a column in the schema, in its default mode.  Built-in
 * types are known by oid, those of extensions by name.  What is not here is
 * left out, as Debezium leaves it out by default: composites, multiranges,
 * tsquery, jsonpath, xid, tid, reg*, pg_lsn, pg_snapshot, lquery, box, circle,
 * line, lseg, path, polygon, arrays of domains, and whatever other extensions
 * bring.
 */
static const struct type
{
	uint32_t            oid; /* 0: by name */
	const char         *name;
	const struct shape *shape;
	enum in_array       in_array;
	enum narrow         narrow;
	const struct shape *narrow_shape;
	enum profile        since;
} types[] = {
	ARRAYS(16, "bool", boolean_shape),
	ARRAYS(17, "bytea", bytes_shape),
	ARRAYS(18, "char", other_text_shape),
	ALONE(19, "name", other_text_shape),
	ARRAYS(20, "int8", int64_shape),
	ARRAYS(21, "int2", int16_shape),
	ALONE(22, "int2vector", int2vector_shape),
	ARRAYS(23, "int4", int32_shape),
	ARRAYS(25, "text", text_shape),
	ARRAYS(26, "oid", oid_shape),
	ALONE(30, "oidvector", oidvector_shape),
	ARRAYS(114, "json", json_shape),
	ALONE(142, "xml", xml_shape),
	ALONE(600, "point", point_shape),
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
	{1083, "time", &time_us_shape, ARRAY_ELEMENTS, NARROW_MILLISECONDS, &time_ms_shape,
	 PROFILE_2_7},
	{1114, "timestamp", &timestamp_us_shape, ARRAY_ELEMENTS, NARROW_MILLISECONDS,
	 &timestamp_ms_shape, PROFILE_2_7},
	ARRAYS(1184, "timestamptz", zoned_shape),
	ALONE(1186, "interval", interval_shape),
	ARRAYS(1266, "timetz", zoned_time_shape),
	{1560, "bit", &bits_shape, ARRAY_ELEMENTS, NARROW_ONE_BIT, &bit_shape, PROFILE_2_7},
	{1562, "varbit", &bits_shape, ARRAY_LEFT_OUT, NARROW_ONE_BIT, &bit_shape, PROFILE_2_7},
	{1700, "numeric", &variable_decimal_shape, ARRAY_ELEMENTS, NARROW_PRECISION, &decimal_shape,
	 PROFILE_2_7},
	ARRAYS(2950, "uuid", uuid_shape),
	{3614, "tsvector", &tsvector_shape, ARRAY_ELEMENTS, NARROW_NEVER, NULL, PROFILE_3_2},
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
	ALONE(0, "isbn", other_text_shape),
	ARRAYS(0, "geometry", geometry_shape),
	ARRAYS(0, "geography", geography_shape),
	{0, "vector", &vector_shape, ARRAY_LEFT_OUT, NARROW_NEVER, NULL, PROFILE_3_0},
	{0, "halfvec", &halfvec_shape, ARRAY_LEFT_OUT, NARROW_NEVER, NULL, PROFILE_3_0},
	{0, "sparsevec", &sparsevec_shape, ARRAY_LEFT_OUT, NARROW_NEVER, NULL, PROFILE_3_0},
};

/* What each word of a mode's setting makes of a shape; the first is the default's. */
#define MODES_MAX 6

static const struct shape *const decimal_modes[][MODES_MAX] = {
	{&decimal_shape, &decimal_double_shape, &decimal_string_shape},
	{&variable_decimal_shape, &decimal_double_shape, &variable_decimal_string_shape},
	{&money_shape, &money_double_shape, &money_string_shape},
	{NULL},
};
static const struct shape *const time_modes[][MODES_MAX] = {
	{&date_shape, &date_shape, &date_connect_shape, &date_iso_shape, &date_shape, &date_shape},
	{&time_ms_shape, &time_us_shape, &time_connect_shape, &time_iso_shape, &time_us_shape,
	 &time_ns_shape},
	{&time_us_shape, &time_us_shape, &time_connect_shape, &time_iso_shape, &time_us_shape,
	 &time_ns_shape},
	{&timestamp_ms_shape, &timestamp_ms_shape, &timestamp_connect_shape, &timestamp_iso_shape,
	 &timestamp_us_shape, &timestamp_ns_shape},
	{&timestamp_us_shape, &timestamp_us_shape, &timestamp_connect_shape, &timestamp_iso_shape,
	 &timestamp_us_shape, &timestamp_ns_shape},
	{NULL},
};
static const struct shape *const interval_modes[][MODES_MAX] = {
	{&interval_shape, &interval_string_shape},
	{NULL},
};
static const struct shape *const binary_modes[][MODES_MAX] = {
	{&bytes_shape, &bytes_base64_shape, &bytes_base64_url_shape, &bytes_hex_shape},
	{&unknown_shape, &unknown_base64_shape, &unknown_base64_url_shape, &unknown_hex_shape},
	{NULL},
};
static const struct shape *const hstore_modes[][MODES_MAX] = {
	{&hstore_shape, &hstore_map_shape},
	{NULL},
};

/* The shape itself if it is none of the table's. */
static const struct shape *
mode_find(const struct shape *const (*modes)[MODES_MAX], unsigned mode, const struct shape *shape)
{
	for (; (*modes)[0]; modes++)
		if ((*modes)[0] == shape)
			return (*modes)[mode];
	return shape;
}

static const struct shape *
shape_in_mode(const struct shape *shape, const struct format *fmt)
{
	shape = mode_find(decimal_modes, fmt->decimals, shape);
	shape = mode_find(time_modes, fmt->times, shape);
	shape = mode_find(interval_modes, fmt->intervals, shape);
	shape = mode_find(binary_modes, fmt->binaries, shape);
	return mode_find(hstore_modes, fmt->hstores, shape);
}

static const struct type *
type_find(const struct type_name *name, const struct format *fmt)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (name->oid < FIRST_USER_OID
				? types[i].oid == name->oid && name->oid != 0
				: types[i].oid == 0 && strcmp(types[i].name, name->name) == 0)
			return types[i].since <= fmt->profile ? &types[i] : NULL;
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

/* Whether exact.types has the type. */
static bool
is_exact(uint32_t oid, unsigned exact)
{
	switch (oid)
	{
		case TYPE_NUMERIC: return exact & EXACT_NUMERIC;
		case TYPE_INTERVAL: return exact & EXACT_INTERVAL;
		case TYPE_DATE: return exact & EXACT_DATE;
		case TYPE_TIMESTAMP: return exact & EXACT_TIMESTAMP;
		case TYPE_TIMETZ: return exact & EXACT_TIMETZ;
		case TYPE_BIT:
		case TYPE_VARBIT: return exact & EXACT_BIT;
	}
	return false;
}

/* Of a type that is below all domains and no enum.  NULL: there is none. */
static const struct shape *
type_shape(const struct type *type, const struct type_name *name, const struct format *fmt)
{
	if (type == NULL)
		return NULL;
	if (is_exact(type->oid, fmt->exact))
		return &exact_shape;
	return shape_in_mode(is_narrow(type->narrow, name->typmod) ? type->narrow_shape : type->shape,
						 fmt);
}

/* Of types that are not in the table. */
static const struct shape *
unknown_type_shape(const struct format *fmt)
{
	return fmt->unknown ? shape_in_mode(&unknown_shape, fmt) : NULL;
}

/* Of the elements of an array column.  NULL: the column is left out. */
static const struct shape *
element_shape(const struct column *col, const struct type_name *name, const struct format *fmt)
{
	const struct type *type = col->element_base != 0 ? NULL : type_find(name, fmt);

	if (col->flags & WIRE_COLUMN_ENUM && col->element_base == 0)
		return &enum_shape;
	if (type == NULL)
		return unknown_type_shape(fmt);
	if (type->in_array == ARRAY_LEFT_OUT)
		return fmt->exact & EXACT_ARRAY ? &exact_shape : NULL;
	/* Before 3.1 neither precision nor time.precision.mode counted among elements. */
	if (type->oid == TYPE_TIME && fmt->profile < PROFILE_3_2)
		return &time_us_shape;
	return type_shape(type, name, fmt);
}

/* NULL: the column is left out. */
static const struct shape *
column_shape(const struct column *col, const struct type_name *element, const struct format *fmt)
{
	const struct shape *shape = NULL;

	if (col->flags & WIRE_COLUMN_ARRAY)
	{
		if (element_shape(col, element, fmt) == NULL)
			return NULL;
		return fmt->exact & EXACT_ARRAY ? &exact_shape : &array_shape;
	}
	if (col->flags & WIRE_COLUMN_ENUM)
		return &enum_shape;
	if (!(col->flags & WIRE_COLUMN_COMPOSITE))
		shape = type_shape(type_find(&col->base, fmt), &col->base, fmt);
	return shape ? shape : unknown_type_shape(fmt);
}

/*
 * numeric's typmod: precision above, 11 bits of signed scale below.  A
 * negative scale is said as scale 0, with digits enough for the zeros.
 */
static void
op_precision(struct op *op)
{
	int32_t word = op->type.typmod < TYPMOD_HEADER ? -1 : op->type.typmod - TYPMOD_HEADER;

	if (op->shape->parameters == PARAMETERS_MONEY)
	{
		op->scale = (int32_t) op->fmt->money_digits;
		op->precision = 64;
	}
	else if (op->type.oid == TYPE_NUMERIC && word >= 0)
	{
		op->precision = (word >> 16) & 0xffff;
		op->scale = ((word & 0x7ff) ^ 1024) - 1024;
		if (op->scale < 0)
		{
			op->precision -= op->scale;
			op->scale = 0;
		}
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

/* Domains, arrays, generated columns and types without a literal function show no default. */
static void
op_keep_default(struct op *op, struct buf *avro, struct arena *arena)
{
	const struct column *col = op->col;
	struct buf           text = {0};
	struct buf           json = {0};

	if (op->shape->literal && col->default_text &&
		!(col->flags & (WIRE_COLUMN_DOMAIN | WIRE_COLUMN_ARRAY | WIRE_COLUMN_GENERATED)) &&
		literal_find(op, col->default_text, &text) &&
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

/* {"placeholder":"placeholder"} */
static void
placeholder_pair(struct str value, struct buf *json)
{
	buf_put_u8(json, '{');
	json_string(json, value.data, value.len);
	buf_put_u8(json, ':');
	json_string(json, value.data, value.len);
	buf_put_u8(json, '}');
}

/* The UUID of version 3 that Java makes of bytes: their MD5, with version and variant set. */
static void
placeholder_uuid(struct str value, struct buf *text)
{
	uint8_t digest[EVP_MAX_MD_SIZE] = {0};

	if (!EVP_Digest(value.data, value.len, digest, NULL, EVP_md5(), NULL))
		memset(digest, 0, sizeof(digest));
	digest[6] = (uint8_t) ((digest[6] & 0x0f) | 0x30);
	digest[8] = (uint8_t) ((digest[8] & 0x3f) | 0x80);
	uuid_text(digest, text);
}

/* Octets that are to be a string: what is no UTF-8 becomes U+FFFD, as in Java. */
static void
placeholder_repair(struct buf *value)
{
	struct buf text = {0};
	size_t     at = 0;

	while (at < value->len)
	{
		size_t span = utf8_span((const char *) value->data + at, value->len - at);

		buf_put(&text, value->data + at, span);
		at += span;
		if (at < value->len)
		{
			buf_put(&text, "\xef\xbf\xbd", 3);
			at++;
		}
	}
	buf_free(value);
	*value = text;
}

static void
put_branch(const struct op *op, struct buf *avro)
{
	if (op->nullable)
		buf_put_u8(avro, op->branch);
}

/* An array of one element, or of one an octet: what its elements' shape says. */
static void
op_put_unavailable_array(const struct op *op, struct str value, struct buf *avro)
{
	const struct op *element = op->element;
	bool             octets = element->shape->toasted == TOASTED_OCTETS;
	struct buf       text = {0};

	if (element->shape->toasted == TOASTED_UUID)
		placeholder_uuid(value, &text);
	else if (element->shape->toasted == TOASTED_PAIR)
		placeholder_pair(value, &text);
	else
		buf_put(&text, value.data, value.len);
	put_branch(op, avro);
	if (text.len > 0 || !octets)
		binary_long(avro, octets ? (int64_t) text.len : 1);
	for (size_t i = 0; octets && i < text.len; i++)
	{
		put_branch(element, avro);
		binary_long(avro, (int8_t) text.data[i]);
	}
	if (!octets)
	{
		put_branch(element, avro);
		binary_bytes(avro, text.data, text.len);
	}
	buf_put_u8(avro, 0);
	buf_free(&text);
}

static void
op_put_unavailable(const struct op *op, struct str value, struct buf *avro)
{
	struct buf pair = {0};

	put_branch(op, avro);
	switch (op->shape->toasted)
	{
		case TOASTED_PAIR:
			placeholder_pair(value, &pair);
			binary_bytes(avro, pair.data, pair.len);
			break;
		case TOASTED_MAP:
			binary_long(avro, 1);
			binary_bytes(avro, value.data, value.len);
			buf_put_u8(avro, 0x02);
			binary_bytes(avro, value.data, value.len);
			buf_put_u8(avro, 0);
			break;
		default: binary_bytes(avro, value.data, value.len);
	}
	buf_free(&pair);
}

static void
op_keep_unavailable(struct op *op, struct arena *arena)
{
	const struct shape *shape = op->element ? op->element->shape : op->shape;
	bool                of_arrays = shape->toasted >= TOASTED_OCTETS;
	struct buf          value = {0};
	struct buf          avro = {0};

	op->unavailable = op->missing;
	if (shape->toasted == TOASTED_UNSAID || (shape->toasted == TOASTED_MAP && op->element) ||
		(of_arrays && op->element == NULL))
		return;
	placeholder_put(op->fmt->placeholder, &value);
	if (strcmp(shape->avro, "bytes") != 0 && !of_arrays)
		placeholder_repair(&value);
	if (op->element)
		op_put_unavailable_array(op, (struct str){(char *) value.data, value.len}, &avro);
	else
		op_put_unavailable(op, (struct str){(char *) value.data, value.len}, &avro);
	op->unavailable = keep(arena, &avro);
	buf_free(&value);
	buf_free(&avro);
}

/* nullable: the column, whatever the shape makes of it in the schema. */
static void
op_keep_templates(struct op *op, bool nullable, struct arena *arena)
{
	struct buf avro = {0};

	if (op->is_column)
		op_keep_default(op, &avro, arena);
	/* A union's first branch is the one of its default: [T,null] with one, [null,T] without. */
	op->branch = op->default_json.data ? 0x00 : 0x02;
	if (nullable)
	{
		buf_reset(&avro);
		buf_put_u8(&avro, 0x02 - op->branch);
	}
	else if (op->default_json.data == NULL)
	{
		put_branch(op, &avro);
		if (op->shape->put_filler)
			op->shape->put_filler(op, &avro);
		else
			buf_put(&avro, op->shape->filler.data, op->shape->filler.len);
	}
	op->missing = keep(arena, &avro);
	buf_free(&avro);
	op_keep_unavailable(op, arena);
}

void
op_count_unsaid(const struct op *op, enum said said)
{
	switch (said)
	{
		case UNSAID_SPECIAL: op->stats->special++; break;
		case UNSAID_RANGE: op->stats->out_of_range++; break;
		case UNSAID_NESTED: op->stats->multidimensional++; break;
		case UNSAID_TEXT: op->stats->replaced++; break;
		case SAID:
		case MALFORMED: break;
	}
}

/* What shape, form and type decide; an element has those of its array's elements. */
static void
op_fill(struct op *op, const struct op_context *ctx)
{
	int32_t typmod = op->type.typmod;
	bool    nullable = op->nullable;

	op->fmt = ctx->fmt;
	op->stats = ctx->stats;
	op->text = ctx->text;
	op->scratch = ctx->scratch;
	op->scratch2 = ctx->scratch2;
	op->nullable |= op->shape->optional;
	op->length = typmod > 0 ? typmod : INT_MAX;
	op->digits = typmod >= 0 && typmod <= 6 ? typmod : 6;
	op_precision(op);
	if (op->shape == &enum_shape)
		op_keep_labels(op, ctx->arena);
	op_keep_templates(op, nullable, ctx->arena);
}

static enum rc
op_form_wrong(const struct op *op, struct err *e)
{
	const struct column *col = op->col;

	err_set(e, ERR_PROTOCOL, E1601,
			"column \"%s\" is sent in a form that its type does not have", col->name);
	return err_detail(e, "Type %s.%s, form '%c'.", col->type.schema, col->type.name, op->form);
}

static bool
op_form_fits(const struct op *op)
{
	return op->shape->any_form || op->shape->form == op->form;
}

/* The type of an array's elements, below a domain; its modifier is the array's. */
static struct type_name
element_type(const struct column *col)
{
	struct type_name type = col->element;

	if (col->element_base != 0)
		type.oid = col->element_base;
	type.typmod = col->base.typmod;
	return type;
}

/* Debezium has no NULL among the elements of enums, tsvector and what it does not know. */
static bool
element_is_nullable(const struct op *op, const struct shape *shape)
{
	return op->shape == &array_shape && shape != &enum_shape && shape != &tsvector_shape && (!shape->any_form || shape == &exact_shape);
}

static enum rc
op_add_element(struct op *op, const struct op_context *ctx, const struct type_name *type,
			   struct err *e)
{
	struct op *element = arena_alloc(ctx->arena, sizeof(*element));

	*element = (struct op){
		.col = op->col,
		.shape = op->shape->elements ? op->shape->elements
									 : element_shape(op->col, type, ctx->fmt),
		.field = op->field,
		.key = op->key,
		.form = op->col->element_form,
		.type = *type,
	};
	element->nullable = element_is_nullable(op, element->shape);
	if (op->shape->elements)
		element->form = element->shape->form; /* they are text together */
	if (!op_form_fits(element))
		return op_form_wrong(element, e);
	op_fill(element, ctx);
	op->element = element;
	return RC_OK;
}

enum rc
op_init(struct op *op, const struct op_context *ctx, const struct column *col, bool key,
		struct err *e)
{
	struct type_name element = element_type(col);

	*op = (struct op){
		.col = col,
		.is_column = true,
		.identity = (col->flags & WIRE_COLUMN_IDENTITY) != 0,
		.key = key,
		.nullable = !(col->flags & (WIRE_COLUMN_NOT_NULL | WIRE_COLUMN_DOMAIN_NOT_NULL)),
		.form = col->form,
		.type = col->base,
	};
	if (key || ctx->fmt->generated || !(col->flags & WIRE_COLUMN_GENERATED))
		op->shape = column_shape(col, &element, ctx->fmt);
	if (op->shape == NULL && !key)
		return RC_OK;
	if (op->shape == NULL)
		op->shape = &exact_shape;
	if (!op_form_fits(op))
		return op_form_wrong(op, e);
	if ((op->shape == &array_shape || op->shape->elements) && op_add_element(op, ctx, &element, e) != RC_OK)
		return RC_ERR;
	op_fill(op, ctx);
	op->propagated = propagate_wanted(ctx, col);
	return RC_OK;
}

void
op_init_content(struct op *op, const struct op_context *ctx)
{
	static const struct column content = {
		.name = "content", .form = WIRE_FORM_BYTES, .base = {.typmod = -1}};

	*op = (struct op){.col = &content, .nullable = true, .form = content.form, .type = content.base};
	op->shape = shape_in_mode(&bytes_shape, ctx->fmt);
	op->field = content.name;
	op_fill(op, ctx);
}

struct column
op_column(const struct op *op)
{
	struct column col = *op->col;

	col.form = op->form;
	col.base = op->type;
	col.money_digits = (uint8_t) op->fmt->wire_digits;
	col.finite_intervals = !op->fmt->endless;
	return col;
}
