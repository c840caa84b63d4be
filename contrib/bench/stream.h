/*
 * stream.h
 *		The smallest replication client that the measurements need: open a
 *		slot's stream and take message after message.
 *
 * It never confirms a position, so a slot can be read again.  Any failure ends
 * the process with a message.  Used by receive.c and latency.c.
 */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

struct stream
{
	PGconn *conn;
	char   *message; /* as libpq gave it, freed by the next call */
};

/* One message of the stream; body is valid until the next stream_next(). */
struct stream_message
{
	bool        keepalive;
	uint64_t    lsn;  /* start of the data, or the server's position */
	const char *body; /* what the plugin wrote; NULL in a keepalive */
	size_t      len;  /* bytes of body, without any protocol header */
};

/* A failed connection or statement, with its message on stderr: exit(1). */
_Noreturn void stream_die(PGconn *conn, const char *what);

/* Connects; replication tells whether the walsender protocol is wanted. */
PGconn *stream_connect(const char *conninfo, bool replication);

/* Starts slot with the plugin options "name=value" of options[0..noptions). */
void stream_open(struct stream *stream, const char *conninfo, const char *slot, char **options,
				 int noptions);

/* Waits for the next message; answers keepalives that ask for it. */
void stream_next(struct stream *stream, struct stream_message *message);

void stream_close(struct stream *stream);

#endif
