/*
 * nonce.h
 *		A text that nobody else has: hex digits.
 */
#ifndef RELAY_NONCE_H
#define RELAY_NONCE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NONCE_LEN 32

static inline void
nonce_make(char nonce[NONCE_LEN + 1])
{
	uint8_t bytes[NONCE_LEN / 2];

	if (getentropy(bytes, sizeof(bytes)) != 0)
		memset(bytes, 0, sizeof(bytes)); /* told apart from others' by the slot alone */
	for (int i = 0; i < NONCE_LEN / 2; i++)
		snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
}

#endif /* RELAY_NONCE_H */
