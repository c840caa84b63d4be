/*
 * frame.h
 *		Pure: the replication protocol's messages and our frames inside them.
 *
 * No I/O, no clock, no logging.  Called by source.c (live stream) and by the
 * decode command (a pg_recvlogical capture).
 */
#ifndef RELAY_FRAME_H
#define RELAY_FRAME_H

#include "cursor.h"
#include "err.h"

/* A message of the COPY BOTH stream, from the server. */
struct copy_message
{
	char		  kind;		   /* 'w' XLogData, 'k' keepalive */
	uint64_t	  server_lsn;  /* how far the server has sent or written; never confirm it */
	bool		  reply_asked; /* 'k' only */
	struct cursor payload;	   /* 'w' only: borrows from the message */
};

/* Parses one CopyData payload.  RC_ERR E1404 if it is neither. */
enum rc copy_message_read(const void *data, size_t len, struct copy_message *msg, struct err *e)
	MUST_CHECK;

#define STATUS_MESSAGE_LEN 34

/* Builds a standby status update ('r').  now_us: microseconds since 2000. */
void status_message_write(uint8_t out[STATUS_MESSAGE_LEN], uint64_t written, uint64_t flushed,
						  int64_t now_us, bool want_reply);

/*
 * Takes one frame off the front of cur and leaves its records in *records,
 * borrowing.  RC_OK; RC_AGAIN if cur holds only the beginning of a frame (cur
 * is left alone; *need says how many bytes a whole one takes, at least); RC_ERR
 * E1401, E1403 for what can never become one.
 */
enum rc frame_next(struct cursor *cur, struct cursor *records, size_t *need, struct err *e)
	MUST_CHECK;

#endif /* RELAY_FRAME_H */
