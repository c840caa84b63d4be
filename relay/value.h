/*
 * value.h
 *		Pure: one value as a row carries it, and its text.
 *
 * The text is what PostgreSQL prints with DateStyle ISO, IntervalStyle
 * postgres, TimeZone UTC, bytea_output hex and the shortest exact floats.
 * Called by dump.c, and by the encoder for columns that go out as text.
 */
#ifndef RELAY_VALUE_H
#define RELAY_VALUE_H

#include "buf.h"
#include "catalog.h"
#include "cursor.h"

/* PostgreSQL's fixed oids (pg_type.dat), of types that must be told apart by more than their form. */
enum type_oid
{
	TYPE_BOOL = 16,
	TYPE_CHAR = 18,
	TYPE_INT8 = 20,
	TYPE_INT2 = 21,
	TYPE_INT4 = 23,
	TYPE_OID = 26,
	TYPE_FLOAT4 = 700,
	TYPE_FLOAT8 = 701,
	TYPE_MONEY = 790,
	TYPE_BPCHAR = 1042,
	TYPE_VARCHAR = 1043,
	TYPE_DATE = 1082,
	TYPE_TIME = 1083,
	TYPE_TIMESTAMP = 1114,
	TYPE_TIMESTAMPTZ = 1184,
	TYPE_INTERVAL = 1186,
	TYPE_TIMETZ = 1266,
	TYPE_BIT = 1560,
	TYPE_VARBIT = 1562,
	TYPE_NUMERIC = 1700
};

/* A numeric, borrowing its digits. */
struct numeric
{
	enum wire_numeric sign;
	uint16_t          scale;  /* digits to print behind the point */
	int32_t           weight; /* of the first digit, in powers of 10000 */
	uint32_t          ndigits;
	const uint8_t    *digits; /* u16 little-endian each, 0..9999 */
};

static inline uint16_t
numeric_digit(const struct numeric *num, uint32_t i)
{
	return (uint16_t) (num->digits[2 * i] | num->digits[2 * i + 1] << 8);
}

#define ARRAY_MAX_DIM 6 /* PostgreSQL's MAXDIM */

/* Bytes of an array's body before its map of NULLs, at most. */
#define ARRAY_HEAD_BOUND (WIRE_VARINT_MAX * (1 + 2 * ARRAY_MAX_DIM) + 1)

/* An array, borrowing its elements. */
struct array
{
	uint32_t       ndim; /* 0: empty */
	uint32_t       lengths[ARRAY_MAX_DIM];
	int32_t        lower[ARRAY_MAX_DIM];
	uint32_t       count;    /* elements, NULLs among them */
	const uint8_t *nulls;    /* map of 1 bit an element; NULL: none is NULL */
	struct cursor  elements; /* those that are not NULL, in storage order */
};

/*
 * Opens the body of an array (what follows its length in a row, or all of a
 * long value).  count fits to what is there, so that it is safe to loop over;
 * the elements themselves are not looked at.  elements.bad: malformed.
 */
struct array array_open(struct cursor body);

static inline bool
array_is_null(const struct array *arr, uint32_t i)
{
	return arr->nulls && (arr->nulls[i >> 3] >> (i & 7) & 1);
}

/* Passes over one value; bad when it is cut off.  Checks nothing else. */
void value_skip(enum wire_form form, struct cursor *cur);

/* Bad (and zero) for a sign, scale, weight or digit that PostgreSQL cannot have. */
struct numeric value_numeric(struct cursor *cur);

/*
 * Adds the text of the next value, in col's form.  Bad when it is cut off or
 * not a value of the form; what was added then means nothing.
 */
void value_text(struct cursor *cur, const struct column *col, struct buf *buf);

/*
 * The text of an array from its body, as array_open() takes it; col is the
 * array's column.  False: malformed, and what was added means nothing.
 */
bool array_text(struct cursor body, const struct column *col, struct buf *buf);

/* The same, one form each, from the value. */
void numeric_text(const struct numeric *num, struct buf *buf);
void float4_text(float value, struct buf *buf);
void float8_text(double value, struct buf *buf);
void date_text(int32_t days, struct buf *buf); /* since 2000-01-01 */
void time_text(int64_t us, struct buf *buf);   /* since midnight */
void timestamp_text(int64_t us, const char *zone,
					struct buf *buf); /* since 2000-01-01; zone "" or "+00" */
void timetz_text(int64_t us, int32_t west, struct buf *buf);
void interval_text(int64_t us, int32_t days, int32_t months, bool finite, struct buf *buf);
void uuid_text(const uint8_t uuid[16], struct buf *buf);
void bytes_text(const uint8_t *bytes, size_t len, struct buf *buf); /* \x... */

#endif /* RELAY_VALUE_H */
