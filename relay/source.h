/*
 * source.h
 *		The replication connection: from connecting to the last status message.
 *
 * A state machine on the loop; session.c owns it and decides what a failure
 * means.  It hands out payloads as they come and reports the position that it
 * is told to report.  It must never confirm anything by itself: a keepalive's
 * position runs ahead of what the plugin has sent.
 */
#ifndef RELAY_SOURCE_H
#define RELAY_SOURCE_H

#include "config.h"
#include "lineage.h"
#include "loop.h"
#include "pg.h"

/* What the stream that has started comes from; valid during started() only. */
struct source_info
{
	const char *server; /* which of several hosts; NULL: there is one */
	const char *database;
	const char *encoding;       /* PostgreSQL's name for it */
	int         server_version; /* server_version_num */
	uint64_t    system_id;
	uint32_t    timeline;
	bool        standby;         /* it is a standby */
	uint64_t    start_lsn;       /* that was asked for */
	uint64_t    confirmed_flush; /* the slot's, before this stream */
	bool        created;         /* the slot was made for this stream */
	/* The first time, or NULL: what to do about ... */
	const char *sync_warning;     /* commits that may wait for us */
	const char *failover_warning; /* a slot that is to be on standbys, and is not */
};

struct source_events
{
	/* The server streams; frames follow. */
	void (*started)(void *arg, const struct source_info *info);
	/*
	 * One XLogData payload, borrowed.  RC_OK: taken.  Anything else: kept, and
	 * given again after source_resume(); until then the socket is not read,
	 * while status messages go on.
	 */
	enum rc (*frame)(void *arg, const void *payload, size_t len);
	/* The server waits to hear the position: it shuts down, or has not heard from us for long. */
	void (*asked)(void *arg);
	/* For operators: the server has been silent for long, and that is no trouble. */
	void (*noted)(void *arg, const char *note);
	/* Not connected any more, or never was; not after source_stop() or source_abort(). */
	void (*stopped)(void *arg, const struct err *e);
	void *arg;
};

struct source_stats
{
	bool     streaming;
	bool     paused;
	uint64_t connects; /* attempts */
	uint64_t statuses; /* status messages sent */
	uint64_t frames;
	uint64_t bytes;      /* of payloads */
	uint64_t server_lsn; /* how far the server says it has come */
	uint64_t confirmed;  /* LSN to report */
	uint64_t reported;   /* LSN reported */
	uint64_t silent_s;   /* since the last byte; 0 while it is not read */
	int64_t  silent_ms;  /* the same */
	int64_t  status_ms;  /* between two status messages at most; 0 while nothing streams */
};

struct source;

/* Does not connect.  cfg is borrowed.  RC_ERR E1002: no connection string. */
enum rc source_new(struct loop *loop, const struct config *cfg, const struct source_events *events,
				   struct source **src, struct err *e) MUST_CHECK;
void    source_free(struct source *src); /* not from within an event */

/*
 * A relay before this one streamed: what the server is compared with before the first
 * stream of this process.  past->streamed may be false: nothing is known.
 */
void source_remember(struct source *src, const struct lineage *past);

/*
 * Connects, checks, creates the slot if it may, streams from start_lsn or the
 * slot's position, whichever is later.  from_lsn, if it is later than start_lsn: what
 * commits before it is not to come, and the slot must go back to it (E1232).
 * Events come from the loop, never from within this call.  Not while it is connected.
 */
void source_start(struct source *src, uint64_t start_lsn, uint64_t from_lsn);

/* Frames are taken again; those that were kept come first, in the next round. */
void source_resume(struct source *src);

/*
 * Everything up to lsn is safe: the server will be told within 100 ms.  Lower
 * than before: ignored.
 */
void source_confirm(struct source *src, uint64_t lsn);

/*
 * Nothing is known of streams before, of this process or another: the next one begins
 * where the slot stands, of whatever server.  Not while it is connected.
 */
void source_forget(struct source *src);

/* The server that was looked at last; system_id 0: not even that is known of it. */
void source_server(const struct source *src, uint64_t *system_id, uint32_t *timeline);

/* Reports the position, ends the stream, disconnects; waits for at most a second. */
void source_stop(struct source *src);
/* Disconnects at once. */
void source_abort(struct source *src);

void source_stats(const struct source *src, struct source_stats *stats);

#endif /* RELAY_SOURCE_H */
