/*
 * binary.h
 *		Avro's binary encoding of primitive values, appended to a buffer.
 */
#ifndef RELAY_BINARY_H
#define RELAY_BINARY_H

#include "buf.h"

#define BINARY_LONG_MAX 10 /* bytes of the longest int or long */

/* Avro's int and long are written alike. */
static inline void
binary_long(struct buf *out, int64_t value)
{
	uint64_t raw = (uint64_t) value << 1 ^ (uint64_t) (value >> 63);
	uint8_t *at;

	buf_reserve(out, BINARY_LONG_MAX);
	at = out->data + out->len;
	while (raw > 0x7f)
	{
		*at++ = (uint8_t) (raw | 0x80);
		raw >>= 7;
	}
	*at++ = (uint8_t) raw;
	out->len = (size_t) (at - out->data);
}

/* Avro's bytes and string are written alike; a string must be UTF-8. */
static inline void
binary_bytes(struct buf *out, const void *data, size_t len)
{
	binary_long(out, (int64_t) len);
	buf_put(out, data, len);
}

static inline void
binary_string(struct buf *out, const char *s)
{
	binary_bytes(out, s, strlen(s));
}

/* Little-endian whatever the machine is. */
static inline void
binary_fixed(struct buf *out, uint64_t bits, int nbytes)
{
	for (int i = 0; i < nbytes; i++)
		buf_put_u8(out, (uint8_t) (bits >> 8 * i));
}

static inline void
binary_float(struct buf *out, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	binary_fixed(out, bits, 4);
}

static inline void
binary_double(struct buf *out, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	binary_fixed(out, bits, 8);
}

#endif /* RELAY_BINARY_H */
