/*
 * literal.h
 *		Pure: DDL defaults, as far as a schema can say them.
 *
 * A schema's default is Debezium's, mistakes included, because schemas of one
 * subject are compared as text: a computed default is a constant that stands
 * for it, in an enum's label quotes stay doubled, and a quote inside ends any
 * other literal.
 */
#ifndef RELAY_LITERAL_H
#define RELAY_LITERAL_H

#include "types.h"

/*
 * The literal in a column's default expression, as pg_get_expr() prints it,
 * appended to out; what stands for a default that calls a function.  False:
 * there is none.
 */
bool literal_find(const struct op *op, const char *expression, struct buf *out);

literal_fn literal_boolean;
literal_fn literal_int16;
literal_fn literal_int32;
literal_fn literal_int64;
literal_fn literal_float4;
literal_fn literal_float8;
literal_fn literal_decimal;
literal_fn literal_decimal_double;
literal_fn literal_decimal_string;
literal_fn literal_variable_decimal_string; /* at the literal's own scale */
literal_fn literal_string;
literal_fn literal_uuid;
literal_fn literal_bit;
literal_fn literal_bits;
literal_fn literal_date;
literal_fn literal_date_iso;
literal_fn literal_time_ms;
literal_fn literal_time_us;
literal_fn literal_time_ns;
literal_fn literal_time_iso;
literal_fn literal_timestamp_ms;
literal_fn literal_timestamp_us;
literal_fn literal_timestamp_ns;
literal_fn literal_timestamp_iso;
literal_fn literal_zoned;
literal_fn literal_interval;
literal_fn literal_interval_string;

/* A bit string's characters as io.debezium.data.Bits: little-endian, no zero bytes at its end. */
bool bits_put(const char *bits, size_t len, struct buf *out);

#endif /* RELAY_LITERAL_H */
