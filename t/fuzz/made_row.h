/*
 * made_row.h
 *		Random tables, and rows of them in the states that a column can have.
 */
#ifndef T_FUZZ_MADE_ROW_H
#define T_FUZZ_MADE_ROW_H

#include <stdlib.h>

#include "made_value.h"

#define COLUMNS_MADE_MAX 6
#define KEYS_MADE_MAX 3
#define LONGS_MADE_MAX 16

/* Values that went ahead of the row at hand, each an allocation of its own. */
struct made_longs
{
	struct str values[LONGS_MADE_MAX];
	uint32_t   count;
};

static const char *const made_defaults[] = {
	"0",
	"(-1)",
	"1.5",
	"'-1.50'::numeric",
	"'NaN'::numeric",
	"'abc'::text",
	"''::character varying",
	"'h\xe4'::text",
	"NULL::text",
	"true",
	"now()",
	"nextval('s'::regclass)",
	"'1970-01-01'::date",
	"'infinity'::timestamp without time zone",
	"'2024-02-29 23:59:59.123456'::timestamp without time zone",
	"'2024-02-29 23:59:59.5+02'::timestamp with time zone",
	"'12:00:00.123456'::time without time zone",
	"'1 mon -2 days'::interval",
	"'{}'::jsonb",
	"B'101'::\"bit\"",
	"'\\x6162'::bytea",
	"'00000000-0000-0000-0000-000000000001'::uuid",
	"'sad'::mood",
	"'(1,2)'::point",
	"'$1.50'::money",
	"'\"a\"=>\"1\"'::hstore",
	"'[1,2]'::vector",
};

/* One row a column, so that no two columns have one name; some become one in the schema. */
static const char *const made_names[COLUMNS_MADE_MAX][4] = {
	{"a", "a-1", "h\xe4", "1st"},
	{"b", "a 1", "\xe6\x97\xa5\xe6\x9c\xac", "before"},
	{"c", "a_1", "c\"c", " "},
	{"d", "D", "d\\d", "op"},
	{"e", "e.e", "\xff\xfe", "{\"e\":1}"},
	{"f", "\x01", "__f", "u005f"},
};

/* --- tables --------------------------------------------------------------------------- */

static inline int32_t
pick_typmod(struct dice *dice, uint32_t oid)
{
	int32_t precision = 1 + (int32_t) pick(dice, 40);

	if (one_in(dice, 3))
		return -1;
	switch (oid)
	{
		case TYPE_NUMERIC: return (precision << 16 | (((int32_t) pick(dice, 50) - 5) & 0x7ff)) + 4;
		case TYPE_TIME:
		case TYPE_TIMESTAMP:
		case TYPE_TIMESTAMPTZ:
		case TYPE_TIMETZ: return (int32_t) pick(dice, 7);
		case TYPE_BIT:
		case TYPE_VARBIT: return precision;
		default: return is_noise(dice, 4) ? (int32_t) pick_bits(dice) : -1;
	}
}

/* plain_names: those that are names in Avro, too. */
static inline void
column_make(struct dice *dice, struct column *col, unsigned place, bool plain_names)
{
	const struct made_type *type = &made_types[pick(dice, LENGTH(made_types))];
	bool                    odd = !plain_names && one_in(dice, 4);

	*col = (struct column){
		.attnum = (uint16_t) (place + 1),
		.flags = type->flags,
		.form = type->form,
		.type = {type->oid, -1, type->oid < 16384 ? "pg_catalog" : "public", type->name},
	};
	col->name = made_names[place][odd ? pick(dice, 4) : 0];
	col->type.typmod = pick_typmod(dice, type->oid);
	col->flags |= pick(dice, 2) ? WIRE_COLUMN_NOT_NULL : 0;
	col->flags |= one_in(dice, 16) ? WIRE_COLUMN_GENERATED : 0;
	if (type->form == WIRE_FORM_ENUM)
	{
		col->labels = (const char **) (uintptr_t) made_labels;
		col->nlabels = pick(dice, LENGTH(made_labels) + 1);
	}
	if (one_in(dice, 4))
	{
		bool of_domain = one_in(dice, 6);

		col->flags &= (uint16_t) ~(WIRE_COLUMN_COMPOSITE | WIRE_COLUMN_RANGE);
		col->flags |= WIRE_COLUMN_ARRAY;
		col->element = col->type;
		col->element_form = type->form;
		col->element_base = of_domain ? type->oid : 0;
		if (of_domain)
			col->element = (struct type_name){21000, -1, "public", "element_domain"};
		col->form = WIRE_FORM_ARRAY;
		col->delimiter = type->oid == 603 ? ';' : ',';
		col->type.oid = 22000;
		col->type.name = "_array";
	}
	col->base = col->type;
	if (one_in(dice, 6))
	{
		col->flags |= WIRE_COLUMN_DOMAIN | (pick(dice, 2) ? WIRE_COLUMN_DOMAIN_NOT_NULL : 0);
		col->type = (struct type_name){23000, -1, "public", "domain"};
	}
	if (one_in(dice, 3))
	{
		col->flags |= WIRE_COLUMN_DEFAULT;
		col->default_text = made_defaults[pick(dice, LENGTH(made_defaults))];
	}
}

/* A list of places, of which one may be there twice. */
static inline uint32_t
places_make(struct dice *dice, const struct table *tbl, uint32_t *places)
{
	uint32_t count = 1 + pick(dice, KEYS_MADE_MAX);

	for (uint32_t i = 0; i < count; i++)
		places[i] = pick(dice, tbl->ncolumns);
	return count;
}

/* Key and replica identity, as a server would have them for each other. */
static inline void
keys_make(struct dice *dice, struct table *tbl)
{
	tbl->identity = "difn"[pick(dice, 4)];
	tbl->key_kind = WIRE_KEY_NONE;
	if (tbl->ncolumns == 0)
		return;
	if (!one_in(dice, 4))
	{
		tbl->key_kind = one_in(dice, 3) ? WIRE_KEY_UNIQUE : WIRE_KEY_PRIMARY;
		tbl->nkey = places_make(dice, tbl, tbl->key);
	}
	for (uint32_t i = 0; tbl->key_kind == WIRE_KEY_PRIMARY && i < tbl->nkey; i++)
		tbl->columns[tbl->key[i]].flags |= WIRE_COLUMN_PRIMARY | WIRE_COLUMN_NOT_NULL;
	if (tbl->identity == 'i')
		tbl->nidentity = places_make(dice, tbl, tbl->identity_key);
	else if (tbl->identity == 'd' && tbl->key_kind == WIRE_KEY_PRIMARY)
	{
		tbl->nidentity = tbl->nkey;
		memcpy(tbl->identity_key, tbl->key, tbl->nkey * sizeof(*tbl->key));
	}
	for (uint32_t i = 0; i < tbl->nidentity; i++)
		tbl->columns[tbl->identity_key[i]].flags |= WIRE_COLUMN_IDENTITY;
}

/* The body of a relation record. */
static inline void
relation_put(struct dice *dice, bool plain_names, struct buf *body)
{
	struct column columns[COLUMNS_MADE_MAX];
	uint32_t      key[KEYS_MADE_MAX];
	uint32_t      identity_key[KEYS_MADE_MAX];
	struct table  sketch = {.columns = columns, .key = key, .identity_key = identity_key};

	sketch.relkind = "rp"[pick(dice, 2)];
	sketch.schema = pick(dice, 4) ? "public" : "s\xe4-1";
	sketch.name = pick(dice, 4) ? "t" : "t \"1\"";
	sketch.ncolumns = pick(dice, COLUMNS_MADE_MAX + 1);
	for (unsigned i = 0; i < sketch.ncolumns; i++)
		column_make(dice, &columns[i], i, plain_names);
	keys_make(dice, &sketch);
	fb_relation_body(body, &sketch);
	if (!plain_names && is_noise(dice, 3))
		flip_byte(dice, body);
}

/* --- rows ----------------------------------------------------------------------------- */

static inline void
value_put(struct dice *dice, const struct column *col, struct buf *out)
{
	struct buf body = {0};

	if (col->form != WIRE_FORM_ARRAY)
	{
		scalar_put(dice, col, col->form, col->base.oid, out);
		return;
	}
	array_put(dice, col, &body);
	fb_bytes(out, body.data, body.len);
	buf_free(&body);
}

/* A value that goes ahead of the row; its allocation ends where it does. */
static inline void
long_put(struct dice *dice, const struct column *col, struct made_longs *longs)
{
	struct buf body = {0};
	char      *exact;

	if (col->form == WIRE_FORM_ARRAY)
		array_put(dice, col, &body);
	else
		text_put(dice, col->base.oid, col->base.typmod, &body);
	exact = xmalloc(body.len + (body.len == 0));
	if (body.len > 0)
		memcpy(exact, body.data, body.len);
	longs->values[longs->count++] = (struct str){exact, body.len};
	buf_free(&body);
}

static inline enum wire_state
pick_state(struct dice *dice, const struct column *col, const struct made_longs *longs)
{
	bool is_long =
		col->form == WIRE_FORM_TEXT || col->form == WIRE_FORM_BYTES || col->form == WIRE_FORM_ARRAY;
	unsigned state = pick(dice, 16);

	if (state > WIRE_STATE_UNSENDABLE)
		state = WIRE_STATE_VALUE;
	if (state == WIRE_STATE_LONG && (!is_long || longs->count == LONGS_MADE_MAX))
		state = WIRE_STATE_VALUE;
	if (state == WIRE_STATE_TEXT && !(col->flags & WIRE_COLUMN_ENUM) && !is_noise(dice, 2))
		state = WIRE_STATE_VALUE;
	if (state == WIRE_STATE_VALUE && col->form == WIRE_FORM_ENUM && col->nlabels == 0)
		state = WIRE_STATE_NULL;
	return (enum wire_state) state;
}

/* key_only: of the identity's columns alone. */
static inline void
tuple_put(struct dice *dice, const struct table *tbl, bool key_only, struct made_longs *longs,
		  struct buf *out)
{
	uint8_t   *states = xcalloc(tbl->ncolumns + 1, 1);
	struct buf values = {0};
	uint32_t   count = 0;

	for (uint32_t i = 0; i < tbl->ncolumns; i++)
	{
		const struct column *col = &tbl->columns[i];
		enum wire_state      state;

		if (key_only && !(col->flags & WIRE_COLUMN_IDENTITY))
			continue;
		state = pick_state(dice, col, longs);
		if (state == WIRE_STATE_VALUE)
			value_put(dice, col, &values);
		else if (state == WIRE_STATE_TEXT)
			fb_str(&values, col->form == WIRE_FORM_ARRAY ? "{new,\"it's \\\"ok\\\"\"}" : "new");
		else if (state == WIRE_STATE_LONG)
			long_put(dice, col, longs);
		states[count++] = (uint8_t) state;
	}
	fb_tuple(out, states, count);
	buf_put(out, values.data, values.len);
	if (is_noise(dice, 24) && out->len > 0)
		out->len -= 1 + pick(dice, out->len < 256 ? out->len : 256);
	buf_free(&values);
	free(states);
}

/* What a change may bring of its old row. */
static inline enum wire_old
pick_old(struct dice *dice, const struct table *tbl, enum wire_kind kind)
{
	unsigned old = pick(dice, 4);

	if (kind == WIRE_INSERT || old == 0)
		return WIRE_OLD_NONE;
	for (uint32_t i = 0; i < tbl->ncolumns && old != 3; i++)
		if (tbl->columns[i].flags & WIRE_COLUMN_IDENTITY)
			return WIRE_OLD_KEY;
	return WIRE_OLD_FULL;
}

static inline void
longs_free(struct made_longs *longs)
{
	while (longs->count > 0)
		free((char *) longs->values[--longs->count].data);
}

#endif /* T_FUZZ_MADE_ROW_H */
