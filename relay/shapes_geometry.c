/*
 * shapes_geometry.c
 *		Points, PostGIS's geometries, pgvector's vectors; see shapes.h.
 *
 * They come as their types' text.  Types of extensions are known by name: what
 * does not read as such a type may be another one of that name, and cannot be
 * said.  Nothing is allocated for a value.
 */
#include "shapes.h"

#include <stdlib.h>

#include "binary.h"

#define BRANCH_NULL 0x00 /* of ["null",T] within the records */
#define BRANCH_VALUE 0x02

/* --- reading text ---------------------------------------------------------------- */

static bool
skip_char(struct str *s, char c)
{
	if (s->len == 0 || s->data[0] != c)
		return false;
	s->data++;
	s->len--;
	return true;
}

/* Longer than any number that PostgreSQL prints. */
#define NUMBER_MAX 64

/*
 * Cuts a number off the front of s: what there is up to one of the two
 * characters in ends, as a C string.  False: there is none, or nothing ends it.
 */
static bool
number_cut(struct str *s, const char ends[2], char number[NUMBER_MAX])
{
	size_t len = 0;

	while (len < s->len && s->data[len] != ends[0] && s->data[len] != ends[1])
	{
		if (len + 1 == NUMBER_MAX || s->data[len] == ' ')
			return false;
		number[len] = s->data[len];
		len++;
	}
	if (len == 0 || len == s->len)
		return false;
	number[len] = '\0';
	s->data += len;
	s->len -= len;
	return true;
}

/* Appends a number as double, or as float if single; both are rounded once, from the text. */
static bool
number_put(struct str *s, const char ends[2], bool single, struct buf *out)
{
	char  number[NUMBER_MAX];
	char *end;

	if (!number_cut(s, ends, number))
		return false;
	if (single)
		binary_float(out, strtof(number, &end));
	else
		binary_double(out, strtod(number, &end));
	return *end == '\0';
}

/* A decimal number of at most 9 digits, up to what is none. */
static bool
read_unsigned(struct str *s, int32_t *value)
{
	size_t len = 0;

	for (*value = 0; len < s->len && s->data[len] >= '0' && s->data[len] <= '9'; len++)
	{
		if (len == 9)
			return false;
		*value = *value * 10 + (s->data[len] - '0');
	}
	s->data += len;
	s->len -= len;
	return len > 0;
}

static size_t
count_char(struct str s, char c)
{
	size_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += s.data[i] == c;
	return count;
}

/* --- points and geometries --------------------------------------------------------- */

/* Little-endian, POINT: what stands before the coordinates in WKB. */
static const uint8_t wkb_point[5] = {1, 1, 0, 0, 0};

/* "(1.5,-2)" */
static enum said
put_str_point(const struct op *op, struct str s, struct buf *out)
{
	size_t at = out->len;

	(void) op;
	if (!skip_char(&s, '(') || !number_put(&s, ",", false, out) || !skip_char(&s, ',') ||
		!number_put(&s, ")", false, out) || !skip_char(&s, ')') || s.len > 0)
		return UNSAID_RANGE;
	buf_put_u8(out, BRANCH_VALUE);
	binary_long(out, sizeof(wkb_point) + 16);
	buf_put(out, wkb_point, sizeof(wkb_point));
	buf_reserve(out, 16);
	buf_put(out, out->data + at, 16);
	buf_put_u8(out, BRANCH_NULL);
	return SAID;
}

#define EWKB_SRID UINT32_C(0x20000000) /* PostGIS: the geometry's type carries a SRID */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

static uint32_t
wkb_u32(const uint8_t *at, bool little)
{
	return little ? (uint32_t) at[3] << 24 | (uint32_t) at[2] << 16 | (uint32_t) at[1] << 8 | at[0]
				  : (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
}

/* Hexadecimal EWKB, which stays EWKB; its SRID goes out as a field as well. */
static enum said
put_str_geometry(const struct op *op, struct str s, struct buf *out)
{
	size_t   len = s.len / 2;
	uint8_t *wkb;
	bool     little;

	(void) op;
	if (s.len % 2 != 0 || len < 5)
		return UNSAID_RANGE;
	binary_long(out, (int64_t) len);
	buf_reserve(out, len + 1 + BINARY_LONG_MAX);
	wkb = out->data + out->len;
	for (size_t i = 0; i < len; i++)
	{
		int high = hex_digit(s.data[2 * i]);
		int low = hex_digit(s.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return UNSAID_RANGE;
		wkb[i] = (uint8_t) (high << 4 | low);
	}
	out->len += len;
	little = wkb[0] == 1;
	if (!(wkb_u32(wkb + 1, little) & EWKB_SRID))
	{
		buf_put_u8(out, BRANCH_NULL);
		return SAID;
	}
	if (len < 9)
		return UNSAID_RANGE;
	buf_put_u8(out, BRANCH_VALUE);
	binary_long(out, (int32_t) wkb_u32(wkb + 5, little));
	return SAID;
}

const struct shape point_shape = {
	.avro = "record",
	.record = RECORD_POINT,
	.name = "io.debezium.data.geometry.Point",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_point,
	.filler = FILLER("\0\0\0\0\0\0\0\0"
					 "\0\0\0\0\0\0\0\0"
					 "\2\x2a\1\1\0\0\0"
					 "\0\0\0\0\0\0\0\0"
					 "\0\0\0\0\0\0\0\0"
					 "\0"),
};

/* An empty GEOMETRYCOLLECTION without SRID. */
#define GEOMETRY_FILLER             \
	FILLER("\x12\1\7\0\0\0\0\0\0\0" \
		   "\0")

const struct shape geometry_shape = {
	.avro = "record",
	.record = RECORD_GEOMETRY,
	.name = "io.debezium.data.geometry.Geometry",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_geometry,
	.filler = GEOMETRY_FILLER,
	.optional = true,
};

const struct shape geography_shape = {
	.avro = "record",
	.record = RECORD_GEOGRAPHY,
	.name = "io.debezium.data.geometry.Geography",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_geometry,
	.filler = GEOMETRY_FILLER,
};

/* --- vectors ----------------------------------------------------------------------- */

/* "[1,2.5,3]" */
static enum said
put_str_vector(const struct op *op, struct str s, struct buf *out)
{
	bool   single = op->shape->items[0] == 'f';
	size_t count = count_char(s, ',') + 1;

	if (!skip_char(&s, '['))
		return UNSAID_RANGE;
	if (s.len > 1)
		binary_long(out, (int64_t) count);
	for (size_t i = 0; s.len > 1 && i < count; i++)
		if ((i > 0 && !skip_char(&s, ',')) || !number_put(&s, ",]", single, out))
			return UNSAID_RANGE;
	buf_put_u8(out, 0);
	return skip_char(&s, ']') && s.len == 0 ? SAID : UNSAID_RANGE;
}

/* "{1:1.5,3:2}/5": places from 1, dimensions behind the slash; both are int16 in the schema. */
static enum said
put_str_sparsevec(const struct op *op, struct str s, struct buf *out)
{
	const char *slash = memrchr(s.data, '/', s.len);
	struct str  tail;
	size_t      count;
	int32_t     dimensions;

	(void) op;
	if (slash == NULL || slash - s.data < 2)
		return UNSAID_RANGE;
	tail = (struct str){slash + 1, s.len - (size_t) (slash + 1 - s.data)};
	s.len = (size_t) (slash - s.data);
	if (!read_unsigned(&tail, &dimensions) || tail.len > 0 || dimensions > INT16_MAX)
		return UNSAID_RANGE;
	binary_long(out, dimensions);
	count = count_char(s, ':');
	if (!skip_char(&s, '{'))
		return UNSAID_RANGE;
	if (count > 0)
		binary_long(out, (int64_t) count);
	for (size_t i = 0; i < count; i++)
	{
		int32_t place;

		if ((i > 0 && !skip_char(&s, ',')) || !read_unsigned(&s, &place) || place > dimensions ||
			!skip_char(&s, ':'))
			return UNSAID_RANGE;
		binary_long(out, place);
		if (!number_put(&s, ",}", false, out))
			return UNSAID_RANGE;
	}
	buf_put_u8(out, 0);
	return skip_char(&s, '}') && s.len == 0 ? SAID : UNSAID_RANGE;
}

const struct shape vector_shape = {
	.avro = "array",
	.items = "double",
	.name = "io.debezium.data.DoubleVector",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_vector,
	.filler = FILLER("\0"),
};

const struct shape halfvec_shape = {
	.avro = "array",
	.items = "float",
	.name = "io.debezium.data.FloatVector",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_vector,
	.filler = FILLER("\0"),
};

const struct shape sparsevec_shape = {
	.avro = "record",
	.record = RECORD_SPARSE_VECTOR,
	.name = "io.debezium.data.SparseDoubleVector",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_sparsevec,
	.filler = FILLER("\0\0"),
};
