/*
 * copy_message.h
 *		Pure: what is in a message of COPY ... (FORMAT binary), without reading it.
 */
#ifndef RELAY_COPY_MESSAGE_H
#define RELAY_COPY_MESSAGE_H

#include "cursor.h"

#define COPY_HEADER_FIXED 19 /* signature, flags, length of what follows it */

/* Whether it has a row: neither the header alone nor the trailer.  first: of its COPY. */
static inline bool
copy_message_has_row(struct str message, bool first)
{
	const uint8_t *bytes = (const uint8_t *) message.data;
	size_t         at = 0;

	if (first && message.len >= COPY_HEADER_FIXED)
		at = COPY_HEADER_FIXED +
			 ((size_t) bytes[15] << 24 | (size_t) bytes[16] << 16 | (size_t) bytes[17] << 8 | bytes[18]);
	return message.len >= at + 2 && !(bytes[at] == 0xff && bytes[at + 1] == 0xff);
}

#endif /* RELAY_COPY_MESSAGE_H */
