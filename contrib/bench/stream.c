/*
 * stream.c
 *		The smallest replication client that the measurements need; see
 *		stream.h.  It must never do more than the protocol asks for, because its
 *		own cost is part of what is measured.
 */
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XLOGDATA_HEADER 25 /* 'w', start, end, time */
#define KEEPALIVE_SIZE 18  /* 'k', end, time, reply wanted */
#define STATUS_SIZE 34     /* 'r', write, flush, apply, time, reply wanted */

_Noreturn void
stream_die(PGconn *conn, const char *what)
{
	fprintf(stderr, "%s: %s", what, PQerrorMessage(conn));
	exit(1);
}

PGconn *
stream_connect(const char *conninfo, bool replication)
{
	const char *const names[] = {"dbname", "replication", NULL};
	const char *const values[] = {conninfo, replication ? "database" : NULL, NULL};
	PGconn           *conn = PQconnectdbParams(names, values, 1);

	if (PQstatus(conn) != CONNECTION_OK)
		stream_die(conn, "could not connect");
	return conn;
}

void
stream_open(struct stream *stream, const char *conninfo, const char *slot, char **options,
			int noptions)
{
	char      command[1024];
	size_t    used;
	PGresult *result;

	stream->conn = stream_connect(conninfo, true);
	stream->message = NULL;
	used = (size_t) snprintf(command, sizeof(command), "START_REPLICATION SLOT \"%s\" LOGICAL 0/0",
							 slot);
	for (int i = 0; i < noptions && used < sizeof(command); i++)
	{
		int         name_len = (int) strcspn(options[i], "=");
		const char *value = options[i] + name_len;

		used += (size_t) snprintf(command + used, sizeof(command) - used, "%s\"%.*s\" '%s'",
								  i == 0 ? " (" : ", ", name_len, options[i],
								  *value == '=' ? value + 1 : "");
	}
	if (noptions > 0 && used < sizeof(command))
		used += (size_t) snprintf(command + used, sizeof(command) - used, ")");
	if (used >= sizeof(command))
	{
		fprintf(stderr, "too many plugin options\n");
		exit(1);
	}

	result = PQexec(stream->conn, command);
	if (PQresultStatus(result) != PGRES_COPY_BOTH)
		stream_die(stream->conn, "could not start replication");
	PQclear(result);
}

static uint64_t
stream_uint64(const char *bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | (unsigned char) bytes[i];
	return value;
}

/* Positions 0 mean "nothing confirmed" to the server. */
static void
stream_answer(struct stream *stream)
{
	char status[STATUS_SIZE] = {'r'};

	if (PQputCopyData(stream->conn, status, sizeof(status)) != 1 || PQflush(stream->conn) != 0)
		stream_die(stream->conn, "could not send a status message");
}

void
stream_next(struct stream *stream, struct stream_message *message)
{
	int len;

	PQfreemem(stream->message);
	stream->message = NULL;
	len = PQgetCopyData(stream->conn, &stream->message, 0);
	if (len < 0)
		stream_die(stream->conn, "the stream ended");

	if (stream->message[0] == 'w' && len >= XLOGDATA_HEADER)
	{
		message->keepalive = false;
		message->lsn = stream_uint64(stream->message + 1);
		message->body = stream->message + XLOGDATA_HEADER;
		message->len = (size_t) len - XLOGDATA_HEADER;
	}
	else if (stream->message[0] == 'k' && len >= KEEPALIVE_SIZE)
	{
		message->keepalive = true;
		message->lsn = stream_uint64(stream->message + 1);
		message->body = NULL;
		message->len = 0;
		if (stream->message[17] != 0)
			stream_answer(stream);
	}
	else
	{
		fprintf(stderr, "unknown message \"%c\" in the stream\n", stream->message[0]);
		exit(1);
	}
}

void
stream_close(struct stream *stream)
{
	PQfreemem(stream->message);
	PQfinish(stream->conn);
}
