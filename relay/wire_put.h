/*
 * wire_put.h
 *		Writing of wire.h's notation: the counterpart of cursor.h.
 *
 * Each writes at p, where its caller has made room, and gives the place behind.
 */
#ifndef RELAY_WIRE_PUT_H
#define RELAY_WIRE_PUT_H

#include <stdint.h>

#include "wire.h"

static inline uint8_t *
put_u8(uint8_t *p, uint8_t value)
{
	*p++ = value;
	return p;
}

static inline uint8_t *
put_u16(uint8_t *p, uint16_t value)
{
	*p++ = (uint8_t) value;
	*p++ = (uint8_t) (value >> 8);
	return p;
}

static inline uint8_t *
put_u32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t) (value >> 8 * i);
	return p + 4;
}

static inline uint8_t *
put_u64(uint8_t *p, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t) (value >> 8 * i);
	return p + 8;
}

static inline uint8_t *
put_uv(uint8_t *p, uint64_t value)
{
	while (value > 0x7f)
	{
		*p++ = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	*p++ = (uint8_t) value;
	return p;
}

static inline uint8_t *
put_sv(uint8_t *p, int64_t value)
{
	return put_uv(p, (uint64_t) value << 1 ^ (uint64_t) (value >> 63));
}

#endif /* RELAY_WIRE_PUT_H */
