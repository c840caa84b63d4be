/*
 * cursor.h
 *		Bounds-checked reading of wire.h's notation, with a sticky error.
 *
 * Read as many fields as a layout has, then look at bad once.  After the first
 * read past the end every read yields 0 or "", so a loop bounded by a count
 * that was read must look at bad in its condition.  Nothing is copied: views
 * live as long as the bytes beneath.
 */
#ifndef RELAY_CURSOR_H
#define RELAY_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire.h"

struct str
{
	const char *data;
	size_t		len;
};

struct cursor
{
	const uint8_t *p;
	const uint8_t *end;
	bool		   bad;
};

static inline struct cursor
cursor_over(const void *data, size_t len)
{
	return (struct cursor){data, (const uint8_t *) data + len, false};
}

static inline size_t
cursor_left(const struct cursor *cur)
{
	return (size_t) (cur->end - cur->p);
}

static inline void
cursor_fail(struct cursor *cur)
{
	cur->bad = true;
	cur->p = cur->end;
}

/* The next len bytes; NULL (and bad) if there are fewer. */
static inline const uint8_t *
cursor_bytes(struct cursor *cur, uint64_t len)
{
	const uint8_t *at = cur->p;

	if (len > cursor_left(cur))
	{
		cursor_fail(cur);
		return NULL;
	}
	cur->p += len;
	return at;
}

static inline uint8_t
cursor_u8(struct cursor *cur)
{
	if (cur->p == cur->end)
	{
		cursor_fail(cur);
		return 0;
	}
	return *cur->p++;
}

static inline uint16_t
cursor_u16(struct cursor *cur)
{
	const uint8_t *b = cursor_bytes(cur, 2);

	return b ? (uint16_t) (b[0] | b[1] << 8) : 0;
}

static inline uint32_t
cursor_u32(struct cursor *cur)
{
	const uint8_t *b = cursor_bytes(cur, 4);

	return b ? (uint32_t) b[0] | (uint32_t) b[1] << 8 | (uint32_t) b[2] << 16 |
				   (uint32_t) b[3] << 24
			 : 0;
}

static inline uint64_t
cursor_u64(struct cursor *cur)
{
	const uint8_t *b = cursor_bytes(cur, 8);
	uint64_t	   value = 0;

	if (b)
		for (int i = 7; i >= 0; i--)
			value = value << 8 | b[i];
	return value;
}

static inline uint64_t
cursor_uv(struct cursor *cur)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8_t b = cursor_u8(cur);

		if (shift == 63 && b > 1)
			break;
		value |= (uint64_t) (b & 0x7f) << shift;
		if (b < 0x80)
			return cur->bad ? 0 : value;
	}
	cursor_fail(cur);
	return 0;
}

static inline int64_t
cursor_sv(struct cursor *cur)
{
	uint64_t raw = cursor_uv(cur);

	return (int64_t) (raw >> 1) ^ -(int64_t) (raw & 1);
}

static inline struct str
cursor_str(struct cursor *cur)
{
	uint64_t	   len = cursor_uv(cur);
	const uint8_t *at = cursor_bytes(cur, len);

	return at ? (struct str){(const char *) at, (size_t) len} : (struct str){"", 0};
}

#endif /* RELAY_CURSOR_H */
