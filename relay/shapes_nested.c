/*
 * shapes_nested.c
 *		Values that hold other values: arrays, hstore; see shapes.h.
 *
 * Values come from outside: whatever the bytes are, they are called malformed
 * or valid Avro comes out.  Nothing is allocated for a value.
 */
#include "shapes.h"

#include "binary.h"
#include "json.h"
#include "value.h"

#define BRANCH_NULL 0x00 /* of a map's ["null","string"] */
#define BRANCH_VALUE 0x02

/* --- arrays -------------------------------------------------------------------- */

/* One element: a union where elements may be NULL, as PostgreSQL's all may, but not enums'. */
static enum said
element_put(const struct op *op, struct array *arr, bool null, struct buf *out)
{
	const struct op *element = op->element;
	size_t           start = out->len;
	enum said        said = UNSAID_NESTED;

	if (!null)
	{
		if (element->nullable)
			buf_put_u8(out, element->branch);
		said = element->shape->put(element, &arr->elements, out);
		if (arr->elements.bad)
			return MALFORMED;
		if (said == SAID || said == MALFORMED)
			return said;
	}
	if (!element->nullable || (op->key && !null))
		return said;
	out->len = start;
	buf_put_u8(out, BRANCH_VALUE - element->branch);
	if (!null)
		op_count_unsaid(element, said);
	return SAID;
}

/*
 * Debezium's schema has one dimension, counted from 1: an array of several
 * cannot be said, one that begins elsewhere loses that, but not in a key.
 */
static enum said
put_str_array(const struct op *op, struct str s, struct buf *out)
{
	struct array arr = array_open(cursor_over(s.data, s.len));
	enum said    said = SAID;

	if (arr.elements.bad)
		return MALFORMED;
	if (arr.ndim > 1 || (op->key && arr.ndim == 1 && arr.lower[0] != 1))
		return UNSAID_NESTED;
	if (arr.count > 0)
		binary_long(out, arr.count);
	for (uint32_t i = 0; i < arr.count && said == SAID; i++)
		said = element_put(op, &arr, array_is_null(&arr, i), out);
	if (said == SAID && cursor_left(&arr.elements) > 0)
		return MALFORMED;
	buf_put_u8(out, 0);
	return said;
}

const struct shape array_shape = {
	.avro = "array",
	.form = WIRE_FORM_ARRAY,
	.put = put_str,
	.put_str = put_str_array,
	.filler = FILLER("\0"),
};

/* --- int2vector and oidvector ------------------------------------------------------ */

/* One number of the elements' type; *at moves behind it. */
static bool
number_read(const struct op *op, const char **at, const char *end, int64_t *number)
{
	bool    is_oid = op->shape->elements == &oid_shape;
	int64_t most = is_oid ? UINT32_MAX : INT16_MAX;
	bool    negative = *at < end && **at == '-';
	size_t  digits = 0;

	*number = 0;
	for (*at += negative; *at < end && **at >= '0' && **at <= '9'; ++*at, digits++)
	{
		*number = *number * 10 + (**at - '0');
		if (*number > most + negative)
			return false;
	}
	if (negative)
		*number = -*number;
	return digits > 0 && !(negative && is_oid);
}

/* "1 2 3"; none of the numbers can be NULL. */
static enum said
put_str_numbers(const struct op *op, struct str s, struct buf *out)
{
	const char *at = s.data;
	const char *end = s.data + s.len;
	int64_t     count = 1;

	for (const char *c = s.data; c < end; c++)
		count += *c == ' ';
	if (s.len > 0)
		binary_long(out, count);
	while (at < end)
	{
		int64_t number;

		if (!number_read(op, &at, end, &number) || (at < end && (*at != ' ' || ++at == end)))
			return UNSAID_RANGE;
		binary_long(out, number);
	}
	buf_put_u8(out, 0);
	return SAID;
}

const struct shape int2vector_shape = {
	.avro = "array",
	.elements = &int16_shape,
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_numbers,
	.filler = FILLER("\0"),
};

const struct shape oidvector_shape = {
	.avro = "array",
	.elements = &oid_shape,
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_numbers,
	.filler = FILLER("\0"),
};

/* --- hstore -------------------------------------------------------------------- */

static bool
skip_word(struct str *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len < len || memcmp(s->data, word, len) != 0)
		return false;
	s->data += len;
	s->len -= len;
	return true;
}

/* One quoted string of hstore's text form; quotes and backslashes come escaped. */
static bool
hstore_string(struct str *s, struct buf *plain)
{
	buf_reset(plain);
	if (!skip_word(s, "\""))
		return false;
	while (s->len > 0 && s->data[0] != '"')
	{
		size_t at = s->data[0] == '\\' && s->len > 1;

		buf_put_u8(plain, (uint8_t) s->data[at]);
		s->data += at + 1;
		s->len -= at + 1;
	}
	return skip_word(s, "\"");
}

static bool
hstore_key(struct str *s, struct buf *plain)
{
	return hstore_string(s, plain) && skip_word(s, "=>");
}

/* "a"=>"1", "b"=>NULL becomes {"a":"1","b":null}. */
static bool
hstore_json(struct str s, struct buf *plain, struct buf *json)
{
	buf_put_u8(json, '{');
	while (s.len > 0)
	{
		if (!hstore_key(&s, plain))
			return false;
		json_string(json, (const char *) plain->data, plain->len);
		buf_put_u8(json, ':');
		if (skip_word(&s, "NULL"))
			buf_puts(json, "null");
		else if (hstore_string(&s, plain))
			json_string(json, (const char *) plain->data, plain->len);
		else
			return false;
		if (s.len == 0)
			break;
		if (!skip_word(&s, ", "))
			return false;
		buf_put_u8(json, ',');
	}
	buf_put_u8(json, '}');
	return true;
}

/* The same pairs as Avro, without their count. */
static bool
hstore_pairs(struct str s, struct buf *plain, struct buf *avro, int64_t *count)
{
	for (*count = 0; s.len > 0; ++*count)
	{
		if (*count > 0 && !skip_word(&s, ", "))
			return false;
		if (!hstore_key(&s, plain))
			return false;
		binary_bytes(avro, plain->data, plain->len);
		if (skip_word(&s, "NULL"))
			buf_put_u8(avro, BRANCH_NULL);
		else if (hstore_string(&s, plain))
		{
			buf_put_u8(avro, BRANCH_VALUE);
			binary_bytes(avro, plain->data, plain->len);
		}
		else
			return false;
	}
	return true;
}

/* What does not read as hstore may be a type of that name that is another: out of range. */
static enum said
put_str_hstore(const struct op *op, struct str s, struct buf *out)
{
	struct str text;

	if (text_said(op, s, &text) != SAID)
		return UNSAID_TEXT;
	buf_restart(op->scratch);
	if (!hstore_json(text, op->scratch2, op->scratch))
		return UNSAID_RANGE;
	binary_bytes(out, op->scratch->data, op->scratch->len);
	return SAID;
}

static enum said
put_str_hstore_map(const struct op *op, struct str s, struct buf *out)
{
	struct str text;
	int64_t    count;

	if (text_said(op, s, &text) != SAID)
		return UNSAID_TEXT;
	buf_restart(op->scratch);
	if (!hstore_pairs(text, op->scratch2, op->scratch, &count))
		return UNSAID_RANGE;
	if (count > 0)
		binary_long(out, count);
	buf_put(out, op->scratch->data, op->scratch->len);
	buf_put_u8(out, 0);
	return SAID;
}

const struct shape hstore_shape = {
	.avro = "string",
	.name = "io.debezium.data.Json",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_hstore,
	.filler = FILLER("\4{}"),
	.toasted = TOASTED_PAIR,
};

const struct shape hstore_map_shape = {
	.avro = "map",
	.items = "string",
	.form = WIRE_FORM_TEXT,
	.put = put_str,
	.put_str = put_str_hstore_map,
	.filler = FILLER("\0"),
	.toasted = TOASTED_MAP,
};
