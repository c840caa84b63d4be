/*
 * literal.h
 *		Pure: DDL defaults, as far as a schema can say them.
 *
 * A schema's default is Debezium's, mistakes included, because schemas of one
 * subject are compared as text: a computed default is a constant that stands
 * for it, and an embedded quote ends the literal.
 */
#ifndef RELAY_LITERAL_H
#define RELAY_LITERAL_H

#include "types.h"

/*
 * The literal in a default expression as pg_get_expr() prints it; computed if
 * it calls a function.  False: there is none.  Appends to out.
 */
bool literal_find(const char *expression, const char *computed, struct buf *out);

literal_fn literal_boolean;
literal_fn literal_int16;
literal_fn literal_int32;
literal_fn literal_int64;
literal_fn literal_float4;
literal_fn literal_float8;
literal_fn literal_decimal;
literal_fn literal_string;
literal_fn literal_uuid;
literal_fn literal_bit;
literal_fn literal_bits;
literal_fn literal_date;
literal_fn literal_time_ms;
literal_fn literal_time_us;
literal_fn literal_timestamp_ms;
literal_fn literal_timestamp_us;
literal_fn literal_zoned;
literal_fn literal_interval;

/* A bit string's characters as io.debezium.data.Bits: little-endian, no zero bytes at its end. */
bool bits_put(const char *bits, size_t len, struct buf *out);

#endif /* RELAY_LITERAL_H */
