/*
 * position_header.h
 *		Pure: the header that orders all messages (position.header).
 *
 * __walrelay.position: 16 bytes, big-endian, so that they compare as bytes: the LSN
 * of the commit record of the message's transaction, and the message's place in it,
 * from 0.  The same when it is sent again.  A message outside any transaction has
 * the LSN before its end, where no commit record begins, and 0.
 */
#ifndef RELAY_POSITION_HEADER_H
#define RELAY_POSITION_HEADER_H

#include "encode.h"
#include "plan.h"

/* What the headers of one change's messages live in, until the next change. */
struct position_headers
{
	struct header headers[ENCODE_MAX_OUT][HEADERS_MAX + 1];
	uint8_t       values[ENCODE_MAX_OUT][16];
};

/* Gives each of the messages the header; place: of the first. */
void position_headers_add(struct position_headers *ph, uint64_t commit_lsn, uint64_t place,
						  struct outgoing *out, unsigned nout);

#endif /* RELAY_POSITION_HEADER_H */
