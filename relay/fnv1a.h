/*
 * fnv1a.h
 *		Pure: FNV-1a of 64 bits, for what is only compared.
 *
 * Not for whatever somebody might want to forge.
 */
#ifndef RELAY_FNV1A_H
#define RELAY_FNV1A_H

#include <stddef.h>
#include <stdint.h>

#define FNV1A_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t
fnv1a_bytes(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* With the byte that ends it, so that two texts are not one. */
static inline uint64_t
fnv1a_text(uint64_t hash, const char *text)
{
	do
		hash = fnv1a_bytes(hash, text, 1);
	while (*text++);
	return hash;
}

/* Lowest byte first, whatever the machine. */
static inline uint64_t
fnv1a_number(uint64_t hash, uint64_t number)
{
	for (int i = 0; i < 8; i++, number >>= 8)
		hash = fnv1a_bytes(hash, &(uint8_t){(uint8_t) number}, 1);
	return hash;
}

#endif /* RELAY_FNV1A_H */
