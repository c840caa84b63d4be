/*
 * array_literal.c
 *		Texts of arrays; see array_literal.h.
 *
 * A text is gone through twice: what stands before the elements, how many there are
 * and which are NULL, is known only at its end.  Each byte is looked at once each time,
 * and nothing is believed that the text does not show.
 */
#include "array_literal.h"

#include "value.h"
#include "wire_put.h"

struct literal
{
	const char *at;
	const char *end;
	char        delimiter;
	uint32_t    ndim;
	uint32_t    lengths[ARRAY_MAX_DIM]; /* of the first list of each level; 0: not at its end yet */
	int32_t     lower[ARRAY_MAX_DIM];
	uint32_t    counts[ARRAY_MAX_DIM]; /* of the lists that are open: what is in them so far */
	uint32_t    count;                 /* elements, NULLs among them */
	bool        has_null;
	bool        has_bounds;
	int32_t     upper[ARRAY_MAX_DIM];
};

static bool
take(struct literal *lit, char c)
{
	if (lit->at == lit->end || *lit->at != c)
		return false;
	lit->at++;
	return true;
}

/* --- bounds --------------------------------------------------------------------------- */

static bool
bound_read(struct literal *lit, int32_t *bound)
{
	bool    negative = take(lit, '-');
	int64_t value = 0;
	int     digits = 0;

	for (; lit->at < lit->end && *lit->at >= '0' && *lit->at <= '9' && digits < 10; digits++)
		value = value * 10 + (*lit->at++ - '0');
	value = negative ? -value : value;
	*bound = (int32_t) value;
	return digits > 0 && value >= INT32_MIN && value <= INT32_MAX;
}

/* [lower:upper] for each dimension, and "="; nothing where all start from 1. */
static bool
bounds_read(struct literal *lit)
{
	uint32_t n = 0;

	while (take(lit, '['))
		if (n == ARRAY_MAX_DIM || !bound_read(lit, &lit->lower[n]) || !take(lit, ':') ||
			!bound_read(lit, &lit->upper[n++]) || !take(lit, ']'))
			return false;
	lit->has_bounds = n > 0;
	if (n > 0 && !take(lit, '='))
		return false;
	lit->ndim = n;
	return true;
}

static bool
bounds_fit(const struct literal *lit)
{
	for (uint32_t i = 0; i < lit->ndim; i++)
		if ((int64_t) lit->upper[i] - lit->lower[i] + 1 != lit->lengths[i])
			return false;
	return true;
}

/* --- elements ------------------------------------------------------------------------- */

/* In quotes, of which the first is passed.  *len: of what it says, without them. */
static bool
quoted_pass(struct literal *lit, size_t *len)
{
	for (*len = 0; lit->at < lit->end; ++*len)
	{
		char c = *lit->at++;

		if (c == '"')
			return true;
		if (c == '\\' && lit->at++ == lit->end)
			return false;
	}
	return false;
}

/* What it says, without quotes and backslashes; it has been passed over before. */
static uint8_t *
quoted_put(uint8_t *p, const char *from, size_t len)
{
	while (len-- > 0)
	{
		from += *from == '\\';
		*p++ = (uint8_t) *from++;
	}
	return p;
}

/* Up to a brace or the delimiter: array_out() quotes what has one, or nothing, in it. */
static bool
plain_pass(struct literal *lit, size_t *len)
{
	const char *from = lit->at;

	while (lit->at < lit->end && *lit->at != lit->delimiter && *lit->at != '}')
	{
		if (*lit->at == '{' || *lit->at == '"' || *lit->at == '\\')
			return false;
		lit->at++;
	}
	*len = (size_t) (lit->at - from);
	return *len > 0;
}

/* nulls: place of the map in body, if there is one.  body NULL: nothing is added. */
static bool
element_read(struct literal *lit, struct buf *body, size_t nulls)
{
	bool        quoted = take(lit, '"');
	const char *from = lit->at;
	size_t      len;
	uint32_t    i = lit->count++;
	uint8_t    *p;

	if (!(quoted ? quoted_pass(lit, &len) : plain_pass(lit, &len)))
		return false;
	if (!quoted && len == 4 && memcmp(from, "NULL", 4) == 0)
	{
		lit->has_null = true;
		if (body)
			body->data[nulls + i / 8] |= (uint8_t) (1 << i % 8);
		return true;
	}
	if (body == NULL)
		return true;
	buf_reserve(body, len + WIRE_VARINT_MAX);
	p = put_uv(body->data + body->len, len);
	if (quoted)
		p = quoted_put(p, from, len);
	else
	{
		memcpy(p, from, len);
		p += len;
	}
	body->len = (size_t) (p - body->data);
	return true;
}

/* --- lists ---------------------------------------------------------------------------- */

/* The lists that end here; depth: how many are open, before and after. */
static bool
lists_end(struct literal *lit, uint32_t *depth)
{
	while (*depth > 0 && take(lit, '}'))
	{
		uint32_t level = --*depth;

		if (lit->lengths[level] == 0)
			lit->lengths[level] = lit->counts[level];
		if (lit->lengths[level] != lit->counts[level])
			return false;
		lit->counts[level] = 0;
		if (level > 0)
			lit->counts[level - 1]++;
	}
	return true;
}

static bool
lists_begin(struct literal *lit, uint32_t *depth)
{
	for (; *depth < lit->ndim; ++*depth)
		if (!take(lit, '{'))
			return false;
	return true;
}

/* Everything behind the bounds, of lit->ndim dimensions. */
static bool
elements_read(struct literal *lit, struct buf *body, size_t nulls)
{
	uint32_t depth = 0;

	do
	{
		if (!lists_begin(lit, &depth) || !element_read(lit, body, nulls))
			return false;
		lit->counts[lit->ndim - 1]++;
		if (!lists_end(lit, &depth))
			return false;
	} while (depth > 0 && take(lit, lit->delimiter));
	return depth == 0 && lit->at == lit->end;
}

/* Leaves the place of the map of NULLs. */
static size_t
head_put(const struct literal *lit, struct buf *body)
{
	size_t   map = lit->has_null ? ((size_t) lit->count + 7) / 8 : 0;
	uint8_t *p;
	size_t   nulls;

	buf_reserve(body, ARRAY_HEAD_BOUND + map);
	p = put_uv(body->data + body->len, lit->ndim);
	for (uint32_t i = 0; i < lit->ndim; i++)
		p = put_sv(put_uv(p, lit->lengths[i]), lit->has_bounds ? lit->lower[i] : 1);
	p = put_u8(p, lit->has_null);
	memset(p, 0, map);
	nulls = (size_t) (p - body->data);
	body->len = nulls + map;
	return nulls;
}

bool
array_literal_read(struct str text, char delimiter, struct buf *body)
{
	struct literal lit = {.at = text.data, .end = text.data + text.len, .delimiter = delimiter};
	struct literal again;

	if (text.len == 2 && memcmp(text.data, "{}", 2) == 0)
	{
		head_put(&lit, body);
		return true;
	}
	if (!bounds_read(&lit))
		return false;
	if (!lit.has_bounds)
		while (lit.ndim < ARRAY_MAX_DIM && lit.at + lit.ndim < lit.end && lit.at[lit.ndim] == '{')
			lit.ndim++;
	if (lit.ndim == 0)
		return false;
	again = lit;
	if (!elements_read(&lit, NULL, 0) || (lit.has_bounds && !bounds_fit(&lit)))
		return false;
	return elements_read(&again, body, head_put(&lit, body));
}
