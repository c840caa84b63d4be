/*
 * array.c
 *		Arrays as rows carry them, and their text; see value.h.
 *
 * Bytes come from outside, as in value.c: nothing is believed before there
 * are bytes for it.
 */
#include "value.h"

#include <inttypes.h>
#include <strings.h>

/* PostgreSQL's MaxArraySize where a Datum has 4 bytes; half of it elsewhere. */
#define ELEMENTS_MAX (0x3fffffff / 4)

/* The dimensions, and in count their product; false if no array has such. */
static bool
dimensions_read(struct cursor *cur, struct array *arr)
{
	uint64_t ndim = cursor_uv(cur);
	uint64_t count = ndim > 0;

	if (ndim > ARRAY_MAX_DIM)
		return false;
	for (uint32_t i = 0; i < ndim; i++)
	{
		uint64_t length = cursor_uv(cur);
		int64_t  lower = cursor_sv(cur);

		if (length == 0 || length > ELEMENTS_MAX || lower < INT32_MIN || lower > INT32_MAX)
			return false;
		count *= length;
		if (count > ELEMENTS_MAX)
			return false;
		arr->lengths[i] = (uint32_t) length;
		arr->lower[i] = (int32_t) lower;
	}
	arr->ndim = (uint32_t) ndim;
	arr->count = (uint32_t) count;
	return true;
}

/* How many elements have a value. */
static uint32_t
values_count(const struct array *arr)
{
	uint32_t values = arr->count;

	if (arr->nulls == NULL)
		return values;
	for (uint32_t i = 0; i < arr->count / 8; i++)
		values -= (uint32_t) __builtin_popcount(arr->nulls[i]);
	for (uint32_t i = arr->count & ~7u; i < arr->count; i++)
		values -= array_is_null(arr, i);
	return values;
}

struct array
array_open(struct cursor body)
{
	struct array arr = {0};
	int          mapped;

	if (!dimensions_read(&body, &arr))
		goto bad;
	mapped = cursor_u8(&body);
	if (mapped > 1)
		goto bad;
	if (mapped)
		arr.nulls = cursor_bytes(&body, ((uint64_t) arr.count + 7) / 8);
	/* A value takes a byte at least, so that a NULL map is what costs to claim many elements. */
	if (body.bad || values_count(&arr) > cursor_left(&body) ||
		(arr.count == 0 && cursor_left(&body) > 0))
		goto bad;
	arr.elements = body;
	return arr;

bad:
	cursor_fail(&body);
	return (struct array){.elements = body};
}

/* What array_out() of PostgreSQL takes for white space. */
static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Puts the text from start on into quotes, if it would not be read back as it
 * is: no text at all, the word NULL, or a character that means something.
 */
static void
element_quote(struct buf *buf, size_t start, char delimiter)
{
	const char *text = (const char *) buf->data + start;
	size_t      len = buf->len - start;
	size_t      escapes = 0;
	bool        quoted = len == 0 || (len == 4 && strncasecmp(text, "NULL", 4) == 0);
	uint8_t    *to;

	for (size_t i = 0; i < len; i++)
	{
		if (text[i] == '"' || text[i] == '\\')
			escapes++;
		else if (text[i] == '{' || text[i] == '}' || text[i] == delimiter || is_space(text[i]))
			quoted = true;
	}
	if (!quoted && escapes == 0)
		return;

	/* From the end backward, each byte to where it belongs; the last move is onto itself. */
	buf_reserve(buf, escapes + 2);
	buf->len += escapes + 2;
	to = buf->data + buf->len;
	*--to = '"';
	for (const uint8_t *from = buf->data + start + len; from > buf->data + start;)
	{
		uint8_t c = *--from;

		*--to = c;
		if (c == '"' || c == '\\')
			*--to = '\\';
	}
	*--to = '"';
}

/* Lower and upper bounds, which are told when one does not start from 1. */
static void
bounds_text(const struct array *arr, struct buf *buf)
{
	bool told = false;

	for (uint32_t i = 0; i < arr->ndim; i++)
		told |= arr->lower[i] != 1;
	if (!told)
		return;
	for (uint32_t i = 0; i < arr->ndim; i++)
		buf_printf(buf, "[%" PRId32 ":%" PRId64 "]", arr->lower[i],
				   (int64_t) arr->lower[i] + arr->lengths[i] - 1);
	buf_put_u8(buf, '=');
}

/* How many braces stand around element i: those of the rows that begin, or end, with it. */
static uint32_t
braces_at(const struct array *arr, uint32_t i)
{
	uint32_t braces = 0;

	for (uint32_t dim = arr->ndim; dim > 0 && i % arr->lengths[dim - 1] == 0; dim--)
	{
		i /= arr->lengths[dim - 1];
		braces++;
	}
	return braces;
}

static void
braces_text(uint32_t braces, char brace, struct buf *buf)
{
	while (braces-- > 0)
		buf_put_u8(buf, (uint8_t) brace);
}

bool
array_text(struct cursor body, const struct column *col, struct buf *buf)
{
	struct array  arr = array_open(body);
	struct cursor cur = arr.elements;
	struct column element = {.form = col->element_form,
							 .labels = col->labels,
							 .nlabels = col->nlabels,
							 .money_digits = col->money_digits,
							 .finite_intervals = col->finite_intervals};

	element.base.oid = col->element_base ? col->element_base : col->element.oid;
	bounds_text(&arr, buf);
	if (arr.count == 0)
		buf_puts(buf, "{}");
	for (uint32_t i = 0; i < arr.count && !cur.bad; i++)
	{
		if (i > 0)
			buf_put_u8(buf, (uint8_t) col->delimiter);
		braces_text(braces_at(&arr, i), '{', buf);
		if (array_is_null(&arr, i))
			buf_puts(buf, "NULL");
		else
		{
			size_t start = buf->len;

			value_text(&cur, &element, buf);
			element_quote(buf, start, col->delimiter);
		}
		braces_text(braces_at(&arr, i + 1), '}', buf);
	}
	return !cur.bad && cur.p == cur.end;
}
