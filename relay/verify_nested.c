/*
 * verify_nested.c
 *		Leaves of values that hold others, compared; see verify_value.h.
 *
 * Values that come as text are searched or scanned for what a leaf says, which
 * is not how the encoder reads them.
 */
#include "verify_value.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shapes.h"

static bool
is_part(const char *const *path, unsigned depth, unsigned at, const char *name)
{
	return depth > at && strcmp(path[at], name) == 0;
}

/* --- hstore ---------------------------------------------------------------------- */

static void
put_quoted(struct buf *out, const char *s, size_t len)
{
	buf_put_u8(out, '"');
	for (size_t i = 0; i < len; i++)
	{
		if (s[i] == '"' || s[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t) s[i]);
	}
	buf_put_u8(out, '"');
}

/*
 * Whether the hstore's text has this pair.  value: data NULL for NULL.  A pair
 * cannot be mistaken for a piece of another's strings: their quotes come
 * behind backslashes.
 */
static bool
has_pair(struct comparison *cmp, struct str text, const char *key, struct str value)
{
	struct buf *pair = &cmp->ours;

	buf_reset(pair);
	put_quoted(pair, key, strlen(key));
	buf_puts(pair, "=>");
	if (value.data)
		put_quoted(pair, value.data, value.len);
	else
		buf_puts(pair, "NULL");
	return memmem(text.data, text.len, pair->data, pair->len) != NULL;
}

/* How many arrows stand between strings: outside of them there is no other. */
static int64_t
count_pairs(struct str text)
{
	int64_t count = 0;
	bool    quoted = false;

	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] == '\\')
			i++;
		else if (text.data[i] == '"')
			quoted = !quoted;
		else if (text.data[i] == '>' && !quoted)
			count++;
	}
	return count;
}

static bool
same_hstore_json(struct comparison *cmp, struct str text, const struct leaf *leaf)
{
	cJSON       *json = cJSON_ParseWithLength(leaf->str.data, leaf->str.len);
	const cJSON *item;
	bool         same = cJSON_IsObject(json) && cJSON_GetArraySize(json) == count_pairs(text);

	cJSON_ArrayForEach(item, json)
	{
		struct str value = {NULL, 0};

		if (cJSON_IsString(item))
			value = (struct str){item->valuestring, strlen(item->valuestring)};
		else if (!cJSON_IsNull(item))
			same = false;
		same = same && has_pair(cmp, text, item->string, value);
	}
	cJSON_Delete(json);
	return same;
}

static bool
same_hstore(struct comparison *cmp, const struct op *op, const struct sent *sent,
			const char *const *path, unsigned depth, const struct leaf *leaf)
{
	struct str text = text_utf8(cmp->text, sent->str);

	if (op->shape == &hstore_shape)
		return leaf->kind == LEAF_BYTES && same_hstore_json(cmp, text, leaf);
	if (depth == 0)
		return leaf->kind == LEAF_LIST && leaf->number == count_pairs(text);
	if (leaf->kind == LEAF_NULL)
		return has_pair(cmp, text, path[0], (struct str){NULL, 0});
	return leaf->kind == LEAF_BYTES && has_pair(cmp, text, path[0], leaf->str);
}

/* --- numbers in text --------------------------------------------------------------- */

/* The number at the front of *rest, which moves behind it and one character more. */
static double
next_number(struct comparison *cmp)
{
	struct str *rest = &cmp->rest;
	size_t      len = 0;

	while (len < rest->len && strchr(",:]}) ", rest->data[len]) == NULL)
		len++;
	buf_reset(&cmp->ours);
	if (len > 0)
		buf_put(&cmp->ours, rest->data, len);
	len += len < rest->len;
	rest->data += len;
	rest->len -= len;
	return cmp->ours.len > 0 ? strtod(buf_cstr(&cmp->ours), NULL) : NAN;
}

/* A float is the number rounded once. */
static bool
same_next(struct comparison *cmp, bool single, const struct leaf *leaf)
{
	double value = next_number(cmp);

	if (single)
		value = (double) strtof(buf_cstr(&cmp->ours), NULL);
	return cmp->ours.len > 0 && leaf->kind == LEAF_DOUBLE &&
		   (leaf->real == value || (isnan(leaf->real) && isnan(value)));
}

static void
open_numbers(struct comparison *cmp, struct str text)
{
	cmp->rest = text;
	if (text.len > 0)
	{
		cmp->rest.data++;
		cmp->rest.len--;
	}
}

static int64_t
count_char(struct str s, char c)
{
	int64_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += s.data[i] == c;
	return count;
}

static bool
same_vector(struct comparison *cmp, const struct op *op, const struct sent *sent, unsigned depth,
			const struct leaf *leaf)
{
	if (depth > 0)
		return same_next(cmp, strcmp(op->shape->items, "float") == 0, leaf);
	open_numbers(cmp, sent->str);
	return leaf->kind == LEAF_LIST &&
		   leaf->number == (sent->str.len > 2 ? count_char(sent->str, ',') + 1 : 0);
}

/* int2vector and oidvector: "1 2 3". */
static bool
same_numbers(struct comparison *cmp, const struct sent *sent, unsigned depth,
			 const struct leaf *leaf)
{
	if (depth > 0)
		return leaf->kind == LEAF_LONG && (double) leaf->number == next_number(cmp);
	cmp->rest = sent->str;
	return leaf->kind == LEAF_LIST &&
		   leaf->number == (sent->str.len > 0 ? count_char(sent->str, ' ') + 1 : 0);
}

static bool
same_sparse_vector(struct comparison *cmp, const struct sent *sent, const char *const *path,
				   unsigned depth, const struct leaf *leaf)
{
	const char *slash = memrchr(sent->str.data, '/', sent->str.len);
	size_t      left = slash ? (size_t) (sent->str.data + sent->str.len - slash) - 1 : 0;

	if (is_part(path, depth, 0, "dimensions"))
	{
		buf_reset(&cmp->ours);
		buf_put(&cmp->ours, sent->str.data + sent->str.len - left, left);
		return leaf->kind == LEAF_LONG && leaf->number == strtol(buf_cstr(&cmp->ours), NULL, 10);
	}
	if (leaf->kind == LEAF_LIST)
	{
		open_numbers(cmp, sent->str);
		return leaf->number == count_char(sent->str, ':');
	}
	if (is_part(path, depth, 2, "key"))
		return leaf->kind == LEAF_LONG && (double) leaf->number == next_number(cmp);
	return same_next(cmp, false, leaf);
}

/* --- points and geometries ----------------------------------------------------------- */

/* Little-endian: on a machine of that order, the coordinates as they lie there. */
static bool
same_point_wkb(struct comparison *cmp, const struct sent *sent, const struct leaf *leaf)
{
	static const uint8_t head[] = {1, 1, 0, 0, 0};
	double               coordinates[2];

	if (leaf->kind != LEAF_BYTES || leaf->str.len != sizeof(head) + sizeof(coordinates) ||
		memcmp(leaf->str.data, head, sizeof(head)) != 0)
		return false;
	memcpy(coordinates, leaf->str.data + sizeof(head), sizeof(coordinates));
	open_numbers(cmp, sent->str);
	for (int i = 0; i < 2; i++)
	{
		struct leaf real = {.kind = LEAF_DOUBLE, .real = coordinates[i]};

		if (!same_next(cmp, false, &real))
			return false;
	}
	return true;
}

static bool
same_point(struct comparison *cmp, const struct sent *sent, const char *const *path, unsigned depth,
		   const struct leaf *leaf)
{
	if (is_part(path, depth, 0, "wkb"))
		return same_point_wkb(cmp, sent, leaf);
	if (is_part(path, depth, 0, "srid"))
		return leaf->kind == LEAF_NULL;
	if (is_part(path, depth, 0, "x"))
		open_numbers(cmp, sent->str);
	return same_next(cmp, false, leaf);
}

/* Eight hexadecimal digits at a place of EWKB, whose first octet says the order. */
static uint32_t
ewkb_u32(struct str hex, size_t octet)
{
	char     digits[9] = "";
	bool     little = hex.len > 1 && hex.data[1] == '1';
	uint32_t value;

	if (hex.len >= 2 * octet + 8)
		memcpy(digits, hex.data + 2 * octet, 8);
	value = (uint32_t) strtoul(digits, NULL, 16);
	return little ? __builtin_bswap32(value) : value;
}

static bool
same_geometry(const struct sent *sent, const char *const *path, unsigned depth,
			  const struct leaf *leaf)
{
	bool has_srid = ewkb_u32(sent->str, 1) >> 29 & 1;

	if (is_part(path, depth, 0, "srid"))
		return has_srid
				   ? leaf->kind == LEAF_LONG && (uint32_t) leaf->number == ewkb_u32(sent->str, 5)
				   : leaf->kind == LEAF_NULL;
	return leaf->kind == LEAF_BYTES && hex_same(leaf->str, sent->str);
}

/* --- arrays ------------------------------------------------------------------------ */

/* Shapes of types that are known by name, and read from text that may be another type's. */
static bool
is_known_by_name(const struct op *op)
{
	const struct shape *shape = op->shape;

	return (shape->record && shape->record != RECORD_DECIMAL) || shape->items ||
		   shape == &hstore_shape;
}

/* Forms and shapes of which some values have no Avro: they may read back as NULL. */
static bool
may_be_unsaid(const struct op *op)
{
	return op->form == WIRE_FORM_NUMERIC || op->form == WIRE_FORM_INTERVAL ||
		   op->form == WIRE_FORM_INT64 || op->shape == &bits_shape || op->shape == &bit_shape ||
		   is_known_by_name(op);
}

/* Whether a leaf of the filler could look like this. */
static bool
is_filler(const struct shape *shape, const struct leaf *leaf)
{
	if (leaf->kind == LEAF_BYTES)
		return memmem(shape->filler.data, shape->filler.len, leaf->str.data, leaf->str.len) != NULL;
	return leaf->kind == LEAF_NULL || (leaf->number == 0 && fpclassify(leaf->real) == FP_ZERO);
}

/* Whether an array has no place in its schema at all. */
static bool
is_unsayable(const struct op *op, const struct sent *sent)
{
	struct array arr = array_open(cursor_over(sent->str.data, sent->str.len));

	if (sent->as_text || arr.ndim > 1)
		return true;
	for (uint32_t i = 0; i < arr.count; i++)
		if (array_is_null(&arr, i) && !op->element->nullable)
			return true;
	return false;
}

/* The array begins: how many elements it has, none where it could not be said. */
static bool
same_count(struct comparison *cmp, const struct op *op, const struct sent *sent,
		   const struct leaf *leaf)
{
	cmp->arr = array_open(cursor_over(sent->str.data, sent->str.len));
	cmp->next = 0;
	if (is_unsayable(op, sent))
		return !op->nullable && leaf->number == 0;
	return leaf->kind == LEAF_LIST && leaf->number == cmp->arr.count;
}

/* Makes the element at a place the current one. */
static void
element_open(struct comparison *cmp, const struct op *element, uint32_t place)
{
	struct cursor *cur = &cmp->arr.elements;

	if (place < cmp->next)
		return;
	cmp->next = place + 1;
	cmp->element = (struct sent){.cur = *cur};
	if (array_is_null(&cmp->arr, place))
		return;
	if (element->form == WIRE_FORM_TEXT || element->form == WIRE_FORM_BYTES)
		cmp->element.str = cursor_str(cur);
	else
		value_skip(element->form, cur);
}

static bool
same_element(struct comparison *cmp, const struct op *op, const char *const *path, unsigned depth,
			 const struct leaf *leaf)
{
	const struct op *element = op->element;
	uint32_t         place = (uint32_t) strtoul(path[0], NULL, 10);

	if (place >= cmp->arr.count)
		return false;
	element_open(cmp, element, place);
	if (array_is_null(&cmp->arr, place))
		return leaf->kind == LEAF_NULL && depth == 1;
	if (leaf->kind == LEAF_NULL && depth == 1)
		return element->nullable && may_be_unsaid(element);
	return leaf_same(cmp, element, &cmp->element, path + 1, depth - 1, leaf);
}

/* Of values that are known by their type's name. */
static bool
same_by_name(struct comparison *cmp, const struct op *op, const struct sent *sent,
			 const char *const *path, unsigned depth, const struct leaf *leaf)
{
	const struct shape *shape = op->shape;

	if (shape == &hstore_shape || shape == &hstore_map_shape)
		return same_hstore(cmp, op, sent, path, depth, leaf);
	switch (shape->record)
	{
		case RECORD_POINT: return same_point(cmp, sent, path, depth, leaf);
		case RECORD_GEOMETRY:
		case RECORD_GEOGRAPHY: return same_geometry(sent, path, depth, leaf);
		case RECORD_SPARSE_VECTOR: return same_sparse_vector(cmp, sent, path, depth, leaf);
		default: return same_vector(cmp, op, sent, depth, leaf);
	}
}

bool
leaf_same(struct comparison *cmp, const struct op *op, const struct sent *sent,
		  const char *const *path, unsigned depth, const struct leaf *leaf)
{
	const struct shape *shape = op->shape;

	if (shape->elements)
		return same_numbers(cmp, sent, depth, leaf);
	if (depth == 0 && leaf->kind == LEAF_NULL)
		return op->nullable && (may_be_unsaid(op) || (op->element && is_unsayable(op, sent)));
	if (op->element)
		return depth == 0 ? same_count(cmp, op, sent, leaf)
						  : same_element(cmp, op, path, depth, leaf);
	/* The comparison first, also of a leaf that could be the filler's: it takes the next number. */
	if (is_known_by_name(op))
		return same_by_name(cmp, op, sent, path, depth, leaf) ||
			   ((!op->nullable || shape->optional) && is_filler(shape, leaf));
	return scalar_same(cmp, op, sent, depth > 0 ? path[0] : NULL, leaf);
}
