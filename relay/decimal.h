/*
 * decimal.h
 *		Pure: PostgreSQL's numeric and Avro's decimal, whatever the size.
 *
 * A decimal is an unscaled integer in big-endian two's complement of minimal
 * length (java.math.BigInteger.toByteArray), the scale being the schema's.
 */
#ifndef RELAY_DECIMAL_H
#define RELAY_DECIMAL_H

#include <stdbool.h>

#include "buf.h"
#include "value.h"

/*
 * Appends num * 10^scale as Avro bytes.  False, and nothing appended: that is
 * no integer, or num is NaN or infinite.
 */
bool decimal_put(const struct numeric *num, int scale, struct buf *out);

/* Appends an integer as Avro bytes. */
void decimal_put_word(int64_t value, struct buf *out);

/* Appends value * 10^shift as Avro bytes, rounded half away from zero. */
void decimal_put_shifted(int64_t value, int shift, struct buf *out);

/* The smallest scale, not below 0, that keeps num exactly: trailing zeros stripped. */
int decimal_scale(const struct numeric *num);

/*
 * Appends a literal ("-12.50"; "1e3" is none) times 10^scale as Avro bytes.
 * False, and nothing appended: no number, or no integer then.
 */
bool decimal_read(const char *text, int scale, struct buf *out);

/* Appends the decimal text of two's complement bytes at a scale, never with an exponent. */
void decimal_text(const uint8_t *bytes, size_t len, int scale, struct buf *out);

#endif /* RELAY_DECIMAL_H */
