/*
 * made_value.h
 *		Random choices, and values of every type made by them, as a server sends
 *		them; where noise is allowed, as no server does.
 */
#ifndef T_FUZZ_MADE_VALUE_H
#define T_FUZZ_MADE_VALUE_H

#include "catalog.h"
#include "framebuilder.h"
#include "value.h"

#define NUMERIC_WHOLE_MAX 300 /* digits before the point, of a table that noise has made */
#define DAY_US INT64_C(86400000000)
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* Every byte of the input is a choice; where it ends, the rest is zeros. */
struct dice
{
	struct cursor in;
	bool          noise; /* there may be any */
	bool          clean; /* there was none: for the user to set before, and to look at after */
};

/* --- choices ---------------------------------------------------------------------- */

/* 0 to n - 1; n up to 256. */
static inline unsigned
pick(struct dice *dice, size_t n)
{
	return cursor_u8(&dice->in) % (unsigned) n;
}

static inline bool
one_in(struct dice *dice, unsigned n)
{
	return pick(dice, n) == n - 1;
}

static inline uint64_t
pick_bits(struct dice *dice)
{
	uint64_t bits = 0;

	for (int i = 0; i < 8; i++)
		bits = bits << 8 | cursor_u8(&dice->in);
	return bits;
}

/* Small ones, those at the ends, and any. */
static inline int64_t
pick_number(struct dice *dice, int64_t min, int64_t max)
{
	uint64_t span = (uint64_t) max - (uint64_t) min;
	uint64_t bits;

	switch (pick(dice, 5))
	{
		case 0: return min + (int64_t) pick(dice, 3);
		case 1: return max - (int64_t) pick(dice, 3);
		case 2:
			bits = pick(dice, 256);
			return (int64_t) bits <= max && min <= 0 ? (int64_t) bits : max;
		default: bits = pick_bits(dice);
	}
	return (int64_t) ((uint64_t) min + (span == UINT64_MAX ? bits : bits % (span + 1)));
}

/* Something to be wrong about, where the input has noise. */
static inline bool
is_noise(struct dice *dice, unsigned n)
{
	if (!dice->noise || !one_in(dice, n))
		return false;
	dice->clean = false;
	return true;
}

static inline void
put_noise(struct dice *dice, size_t max, struct buf *out)
{
	for (size_t len = pick(dice, max + 1); len > 0; len--)
		buf_put_u8(out, cursor_u8(&dice->in));
}

/* Another byte at a place of out, which is not empty. */
static inline void
flip_byte(struct dice *dice, struct buf *out)
{
	size_t at = pick_bits(dice) % out->len;

	out->data[at] ^= (uint8_t) (1 + pick(dice, 255));
}

/* --- types ------------------------------------------------------------------------ */

/* What a type is on the wire, and texts of it. */
#define TEXTS_MAX 5
#define PLAIN                                                          \
	{                                                                  \
		"", "abc", "NULL", "a\"b\\c {x,y}", "\xc3\xa9\xf0\x9f\x98\x80" \
	}

struct made_type
{
	uint32_t       oid;
	const char    *name;
	enum wire_form form;
	uint16_t       flags;
	const char    *texts[TEXTS_MAX]; /* up to the first NULL */
};

static const struct made_type made_types[] = {
	{16, "bool", 'b', 0, {NULL}},
	{17, "bytea", 'y', 0, PLAIN},
	{18, "char", 't', 0, {"", "x"}},
	{19, "name", 't', 0, PLAIN},
	{20, "int8", 'i', 0, {NULL}},
	{21, "int2", 'i', 0, {NULL}},
	{22, "int2vector", 't', 0, {"", "1", "1 2 3", "-32768 32767"}},
	{23, "int4", 'i', 0, {NULL}},
	{25, "text", 't', 0, PLAIN},
	{26, "oid", 'o', 0, {NULL}},
	{30, "oidvector", 't', 0, {"", "1", "1 2 4294967295"}},
	{114, "json", 't', 0, {"{}", "null", "{\"a\": [1, \"b\"]}", " [ ] "}},
	{142, "xml", 't', 0, {"", "<a/>", "<a b=\"c\">d</a>"}},
	{600, "point", 't', 0, {"(1.5,-2)", "(NaN,Infinity)", "(1e-300,0)", "(0,-Infinity)"}},
	{603, "box", 't', 0, {"(1,1),(0,0)"}},
	{650, "cidr", 't', 0, {"10.0.0.0/8"}},
	{700, "float4", 'f', 0, {NULL}},
	{701, "float8", 'd', 0, {NULL}},
	{790, "money", '8', 0, {NULL}},
	{829, "macaddr", 't', 0, {"08:00:2b:01:02:03"}},
	{1042, "bpchar", 't', 0, PLAIN},
	{1043, "varchar", 't', 0, PLAIN},
	{1082, "date", 'i', 0, {NULL}},
	{1083, "time", '8', 0, {NULL}},
	{1114, "timestamp", '8', 0, {NULL}},
	{1184, "timestamptz", '8', 0, {NULL}},
	{1186, "interval", 'v', 0, {NULL}},
	{1266, "timetz", 'z', 0, {NULL}},
	{1560, "bit", 't', 0, {NULL}},
	{1562, "varbit", 't', 0, {NULL}},
	{1700, "numeric", 'n', 0, {NULL}},
	{2950, "uuid", 'g', 0, {NULL}},
	{3614, "tsvector", 't', 0, {"", "'a':1 'b'", "'it''s':1A,2"}},
	{3802, "jsonb", 't', 0, {"{}", "null", "{\"a\": [1, \"b\"]}", "1e400"}},
	{3904, "int4range", 't', WIRE_COLUMN_RANGE, {"empty", "[1,5)", "(,)"}},
	{4451, "int4multirange", 't', WIRE_COLUMN_RANGE, {"{}", "{[1,5)}"}},
	{20001, "citext", 't', 0, PLAIN},
	{20002,
	 "hstore",
	 't',
	 0,
	 {"", "\"a\"=>\"1\", \"b\"=>NULL", "\"\"=>\"\"", "\"q\\\"\"=>\"\\\\\""}},
	{20003, "ltree", 't', 0, {"", "a.b.c"}},
	{20004,
	 "geometry",
	 't',
	 0,
	 {"0101000000000000000000F03F0000000000000040",
	  "0101000020E6100000000000000000F03F0000000000000040",
	  "00000000013FF00000000000004000000000000000"}},
	{20005, "geography", 't', 0, {"0101000020E6100000000000000000F03F0000000000000040"}},
	{20006, "vector", 't', 0, {"[1,2.5,3]", "[0.1]", "[-1,1e-05]"}},
	{20007, "halfvec", 't', 0, {"[1,2.5,3]", "[65504]"}},
	{20008, "sparsevec", 't', 0, {"{1:1.5,3:2}/5", "{}/3", "{2:-0.1}/16000"}},
	{20009, "mood", 'e', WIRE_COLUMN_ENUM, {NULL}},
	{20010, "weird", 't', 0, PLAIN},
	{20011, "pair", 't', WIRE_COLUMN_COMPOSITE, {"(1,2)", "(,\"a b\")"}},
	{20012, "isbn", 't', 0, {"0-393-04002-X"}},
};

static const char *const made_labels[] = {"sad", "it's \"ok\"", "h\xe4ppy", "a,b"};

/* --- values --------------------------------------------------------------------------- */

/* Microseconds of a time that has typmod digits behind the second. */
static inline int64_t
micros_round(int64_t micros, int32_t typmod)
{
	int64_t unit = 1;

	for (int32_t i = typmod; i >= 0 && i < 6; i++)
		unit *= 10;
	return micros - micros % unit;
}

static inline int64_t
pick_timestamp(struct dice *dice, int32_t typmod)
{
	if (one_in(dice, 8))
		return pick(dice, 2) ? INT64_MAX : INT64_MIN;
	return micros_round(
		pick_number(dice, INT64_C(-211813488000000000), INT64_C(9223371331199999999)), typmod);
}

/* In range for the type, as int2, int4, int8 and date are. */
static inline int64_t
pick_int(struct dice *dice, uint32_t oid)
{
	switch (oid)
	{
		case 20: return pick_number(dice, INT64_MIN, INT64_MAX);
		case 21: return pick_number(dice, INT16_MIN, INT16_MAX);
		case TYPE_DATE:
			if (one_in(dice, 8))
				return pick(dice, 2) ? INT32_MAX : INT32_MIN;
			return pick_number(dice, -2451545, 2145031948);
		default: return pick_number(dice, INT32_MIN, INT32_MAX);
	}
}

static inline void
interval_put(struct dice *dice, struct buf *out)
{
	unsigned special = pick(dice, 16);

	if (special == 15)
		fb_interval(out, INT64_MAX, INT32_MAX, INT32_MAX);
	else if (special == 14)
		fb_interval(out, INT64_MIN, INT32_MIN, INT32_MIN);
	else
	{
		int64_t micros = pick_number(dice, INT64_MIN, INT64_MAX);
		int32_t days = (int32_t) pick_number(dice, INT32_MIN, INT32_MAX);

		fb_interval(out, micros, days, (int32_t) pick_number(dice, INT32_MIN, INT32_MAX));
	}
}

/* How many decimal digits a numeric has room for.  scale < 0: that many before the point are 0. */
struct room
{
	int whole; /* < 0: that many behind the point are 0 */
	int scale;
};

static inline struct room
numeric_room(struct dice *dice, int32_t typmod)
{
	int32_t     word = typmod - 4;
	struct room room;

	if (typmod < 4)
	{
		bool is_long = one_in(dice, 16);

		room.whole = (int) pick(dice, is_long ? 256 : 12);
		room.scale = (int) pick(dice, is_long ? 256 : 12);
		return room;
	}
	room.scale = ((word & 0x7ff) ^ 1024) - 1024;
	room.whole = ((word >> 16) & 0xffff) - room.scale;
	if (room.whole > NUMERIC_WHOLE_MAX)
		room.whole = NUMERIC_WHOLE_MAX;
	return room;
}

static inline int
groups_of(int digits)
{
	return digits > 0 ? (digits + 3) / 4 : 0;
}

/* Any digits that there is room for, in groups of four, without the zeros at both ends. */
static inline void
numeric_put(struct dice *dice, int32_t typmod, struct buf *out)
{
	static const char     signs[] = "+-+-+-ni+-+-+-m";
	static const uint16_t tens[] = {1, 10, 100, 1000, 10000};
	char                  sign = signs[pick(dice, sizeof(signs) - 1)];
	struct room           room = numeric_room(dice, typmod);
	int                   whole = groups_of(room.whole);
	int                   end = whole + groups_of(room.scale);
	int                   first = 0;
	uint16_t              digits[(NUMERIC_WHOLE_MAX + 1024) / 4 + 2];

	for (int i = 0; i < end; i++)
	{
		unsigned digit = one_in(dice, 4) ? 0 : cursor_u16(&dice->in) % 10000u;

		if (i == 0 && whole > 0)
			digit %= tens[room.whole - 4 * (whole - 1)];
		if (i == end - 1 && room.scale > 0)
			digit -= digit % tens[4 * groups_of(room.scale) - room.scale];
		if ((i < whole && i >= whole - groups_of(-room.scale)) || i < groups_of(-room.whole))
			digit = 0;
		digits[i] = (uint16_t) digit;
	}
	while (first < end && digits[first] == 0)
		first++;
	while (end > first && digits[end - 1] == 0)
		end--;
	if (end == first && sign == '-')
		sign = '+';
	fb_numeric(out, sign, room.scale > 0 ? (unsigned) room.scale : 0,
			   end > first ? whole - 1 - first : 0, (unsigned) (end - first), digits + first);
}

static inline const struct made_type *
made_type_find(uint32_t oid)
{
	for (size_t i = 0; i < LENGTH(made_types); i++)
		if (made_types[i].oid == oid)
			return &made_types[i];
	return NULL;
}

static inline void
bits_put(struct dice *dice, uint32_t oid, int32_t typmod, struct buf *out)
{
	unsigned room = typmod > 0 && typmod < 100 ? (unsigned) typmod : 20;
	unsigned len = oid == TYPE_BIT && typmod > 0 ? room : pick(dice, room + 1);

	for (unsigned i = 0; i < len; i++)
		buf_put_u8(out, '0' + (uint8_t) pick(dice, 2));
}

/* The text of a value; bytea is any bytes. */
static inline void
text_put(struct dice *dice, uint32_t oid, int32_t typmod, struct buf *out)
{
	const struct made_type *type = made_type_find(oid);
	unsigned                count = 0;

	while (type && count < TEXTS_MAX && type->texts[count])
		count++;
	if (oid == TYPE_BIT || oid == TYPE_VARBIT)
		bits_put(dice, oid, typmod, out);
	else if (count > 0)
		buf_puts(out, type->texts[pick(dice, count)]);
	if (type && type->form == WIRE_FORM_BYTES)
		put_noise(dice, 8, out);
	if (is_noise(dice, 3))
	{
		if (pick(dice, 2) || out->len == 0)
			put_noise(dice, 24, out);
		else
			flip_byte(dice, out);
	}
}

static inline void
text_value_put(struct dice *dice, uint32_t oid, int32_t typmod, struct buf *out)
{
	struct buf text = {0};

	text_put(dice, oid, typmod, &text);
	fb_bytes(out, text.data, text.len);
	buf_free(&text);
}

/* A value that is no array, in its form. */
static inline void
scalar_put(struct dice *dice, const struct column *col, enum wire_form form, uint32_t oid,
		   struct buf *out)
{
	int32_t typmod = col->base.typmod;

	if (is_noise(dice, 24))
	{
		put_noise(dice, 12, out);
		return;
	}
	switch (form)
	{
		case WIRE_FORM_BOOL: buf_put_u8(out, (uint8_t) pick(dice, 2)); break;
		case WIRE_FORM_INT: fb_sv(out, pick_int(dice, oid)); break;
		case WIRE_FORM_OID: fb_uv(out, (uint64_t) pick_number(dice, 0, UINT32_MAX)); break;
		case WIRE_FORM_FLOAT4: fb_u32(out, (uint32_t) pick_bits(dice)); break;
		case WIRE_FORM_FLOAT8: fb_u64(out, pick_bits(dice)); break;
		case WIRE_FORM_INT64:
			if (oid == TYPE_TIME)
				fb_u64(out, (uint64_t) micros_round(pick_number(dice, 0, DAY_US), typmod));
			else if (oid == TYPE_MONEY)
				fb_u64(out, (uint64_t) pick_number(dice, INT64_MIN, INT64_MAX));
			else
				fb_u64(out, (uint64_t) pick_timestamp(dice, typmod));
			break;
		case WIRE_FORM_TIMETZ:
			fb_u64(out, (uint64_t) micros_round(pick_number(dice, 0, DAY_US), typmod));
			fb_u32(out, (uint32_t) pick_number(dice, -57599, 57599));
			break;
		case WIRE_FORM_INTERVAL: interval_put(dice, out); break;
		case WIRE_FORM_UUID:
			fb_u64(out, pick_bits(dice));
			fb_u64(out, pick_bits(dice));
			break;
		case WIRE_FORM_NUMERIC: numeric_put(dice, typmod, out); break;
		case WIRE_FORM_ENUM: fb_uv(out, col->nlabels > 0 ? pick(dice, col->nlabels) : 0); break;
		case WIRE_FORM_BYTES:
		case WIRE_FORM_TEXT: text_value_put(dice, oid, typmod, out); break;
		case WIRE_FORM_ARRAY: break;
	}
}

/* What follows an array's length: none, one, two or three dimensions, with and without NULLs. */
static inline void
array_put(struct dice *dice, const struct column *col, struct buf *body)
{
	static const uint8_t dimensions[] = {1, 1, 1, 1, 0, 2, 3, 1};
	uint32_t             oid = col->element_base ? col->element_base : col->element.oid;
	uint32_t             ndim = dimensions[pick(dice, LENGTH(dimensions))];
	uint32_t             lengths[3];
	int32_t              lower[3];
	uint8_t              nulls[8];
	uint32_t             count = ndim > 0;
	bool                 has_nulls = ndim > 0 && one_in(dice, 3);

	if (col->nlabels == 0 && col->element_form == WIRE_FORM_ENUM)
		ndim = count = has_nulls = 0;
	for (uint32_t i = 0; i < ndim; i++)
	{
		lengths[i] = 1 + pick(dice, 4);
		lower[i] = one_in(dice, 8) ? (int32_t) pick_number(dice, INT32_MIN, INT32_MAX / 2) : 1;
		count *= lengths[i];
	}
	for (size_t i = 0; i < sizeof(nulls); i++)
		nulls[i] = has_nulls ? cursor_u8(&dice->in) : 0;
	fb_array_head(body, ndim, lengths, lower, has_nulls ? nulls : NULL);
	for (uint32_t i = 0; i < count; i++)
		if (!(nulls[i / 8] >> (i % 8) & 1))
			scalar_put(dice, col, col->element_form, oid, body);
	if (body->len > 0 && is_noise(dice, 12))
		flip_byte(dice, body);
}

#endif /* T_FUZZ_MADE_VALUE_H */
