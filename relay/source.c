/*
 * source.c
 *		The replication connection; see source.h.
 *
 * Connecting walks through enum source_state; each query's answer leads to the
 * next in source_next().  Then source_read() is the hot path.  Whatever goes
 * wrong ends in source_fail(), which disconnects at once and reports in the
 * next round, so that no event is sent from within another.
 */
#include "source.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <time.h>

#include "frame.h"
#include "log.h"
#include "probe.h"
#include "storm.h"
#include "wire.h"

#define CONNECT_MS 15000 /* unless connect_timeout says otherwise */
#define ANSWER_MS 60000  /* to any one query */
#define STOP_MS 1000
#define REPORT_SOON_MS 100
#define PROBE_MS 4000             /* how often a paused stream asks whether the server shuts down */
#define READ_BUDGET (1024 * 1024) /* bytes a round, so that the rest gets its turn */

enum source_state
{
	SOURCE_IDLE,
	SOURCE_CONNECTING,
	SOURCE_SESSION, /* SET */
	SOURCE_SERVER,  /* what kind of server this is */
	SOURCE_SYSTEM,  /* IDENTIFY_SYSTEM */
	SOURCE_SLOT,    /* pg_replication_slots */
	SOURCE_CREATING,
	SOURCE_STARTING,
	SOURCE_STREAMING
};

struct source
{
	struct loop         *loop;
	const struct config *cfg;
	struct source_events events;
	enum source_state    state;
	PGconn              *conn;
	int                  fd; /* -1: not watched */
	bool                 want_write;
	struct pg_facts      facts;
	struct buf           sql;
	struct loop_timer    limit;  /* an answer must have come */
	struct loop_timer    status; /* next status message */
	struct loop_timer    work;   /* go on reading, or report a failure */
	struct err           failure;
	bool                 failed; /* to be reported */

	char             *held; /* a message that was not taken, PQfreemem() */
	size_t            held_len;
	struct loop_timer pause; /* set while a message is held */
	struct probe     *probe;

	bool         created;
	bool         streamed; /* some stream has started before */
	uint64_t     system_id;
	uint64_t     start_lsn;
	uint64_t     confirmed;
	uint64_t     reported;
	uint64_t     received; /* the last record's */
	uint64_t     server_lsn;
	int64_t      status_ms; /* when the last status message was sent */
	struct storm storm;

	uint64_t connects;
	uint64_t frames;
	uint64_t bytes;
};

static void on_socket(void *arg, int fd, short revents);
static void source_read(struct source *src);

/* --- failing, disconnecting ----------------------------------------------- */

static void
source_disconnect(struct source *src)
{
	loop_timer_clear(src->loop, &src->limit);
	loop_timer_clear(src->loop, &src->status);
	loop_timer_clear(src->loop, &src->work);
	loop_timer_clear(src->loop, &src->pause);
	probe_cancel(src->probe);
	if (src->fd >= 0)
		loop_forget(src->loop, src->fd);
	src->fd = -1;
	PQfreemem(src->held);
	src->held = NULL;
	PQfinish(src->conn);
	src->conn = NULL;
	src->state = SOURCE_IDLE;
	src->failed = false;
}

/* src->failure says why. */
static void
source_fail(struct source *src)
{
	source_disconnect(src);
	src->failed = true;
	loop_timer_set(src->loop, &src->work, 0);
}

static void
source_fail_with(struct source *src, const PGresult *res, enum pg_stage stage)
{
	pg_failed(src->conn, res, stage, &src->facts, src->cfg, &src->failure);
	source_fail(src);
}

static void
on_limit(void *arg)
{
	struct source *src = arg;

	err_set(&src->failure, ERR_TRANSIENT, E1201, "PostgreSQL did not answer in time");
	err_detail(&src->failure, "%s.",
			   src->state == SOURCE_CONNECTING ? "The connection was not made"
											   : "A query of the start was not answered");
	err_hint(&src->failure, "Check host and port in source.conninfo, firewalls, and the load of "
							"the server.");
	source_fail(src);
}

/* --- socket ------------------------------------------------------------------ */

static void
source_watch(struct source *src, short events)
{
	int fd = PQsocket(src->conn);

	if (src->fd >= 0 && src->fd != fd)
		loop_forget(src->loop, src->fd);
	src->fd = fd;
	if (fd >= 0)
		loop_watch(src->loop, fd, events, on_socket, src);
}

static void
source_watch_stream(struct source *src)
{
	source_watch(src, (short) ((src->held ? 0 : POLLIN) | (src->want_write ? POLLOUT : 0)));
}

/* False: failed. */
static bool
source_flush(struct source *src)
{
	int left = PQflush(src->conn);

	if (left < 0)
	{
		source_fail_with(src, NULL, PG_STREAM);
		return false;
	}
	src->want_write = left > 0;
	return true;
}

/* --- status messages ------------------------------------------------------------ */

static int64_t
source_interval_ms(const struct source *src)
{
	int64_t interval = src->cfg->relay.status_ms;

	if (src->facts.sender_timeout_ms && src->facts.sender_timeout_ms / 3 < interval)
		interval = src->facts.sender_timeout_ms / 3;
	return interval;
}

static bool
source_put_status(struct source *src)
{
	uint8_t         msg[STATUS_MESSAGE_LEN];
	struct timespec now;
	int64_t         now_us;
	uint64_t        written = src->received > src->confirmed ? src->received : src->confirmed;

	clock_gettime(CLOCK_REALTIME, &now);
	now_us = (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000 - WIRE_EPOCH_US;
	status_message_write(msg, written, src->confirmed, now_us, false);
	if (PQputCopyData(src->conn, (const char *) msg, sizeof(msg)) < 0)
		return false;
	src->reported = src->confirmed;
	src->status_ms = loop_now_ms();
	return true;
}

/* Once a round at most: a message that says nothing new helps nobody. */
static void
source_send_status(struct source *src)
{
	if (!source_put_status(src))
	{
		source_fail_with(src, NULL, PG_STREAM);
		return;
	}
	if (!source_flush(src))
		return;
	source_watch_stream(src);
	loop_timer_set(src->loop, &src->status, source_interval_ms(src));
}

static void
on_status(void *arg)
{
	source_send_status(arg);
}

/* At the latest delay_ms after the last one. */
static void
source_status_within(struct source *src, int64_t delay_ms)
{
	int64_t due = src->status_ms + delay_ms;

	if (src->status.due_ms == 0 || src->status.due_ms > due)
		loop_timer_set(src->loop, &src->status, due - loop_now_ms());
}

void
source_confirm(struct source *src, uint64_t lsn)
{
	if (lsn <= src->confirmed)
		return;
	src->confirmed = lsn;
	if (src->state == SOURCE_STREAMING)
		source_status_within(src, REPORT_SOON_MS);
}

/* --- keepalives -------------------------------------------------------------------- */

static void
source_answer(struct source *src)
{
	switch (storm_asked(&src->storm, src->server_lsn, src->confirmed, loop_now_ms()))
	{
		case STORM_ANSWER: source_send_status(src); break;
		case STORM_ANSWER_LATER: source_status_within(src, STORM_ANSWER_MS); break;
		case STORM_LEAVE:
			err_set(&src->failure, ERR_TRANSIENT, E1214,
					"PostgreSQL waits for acknowledgements that do not come");
			err_detail(&src->failure, "It is probably shutting down. Walrelay disconnects to let "
									  "it; changes come again from the confirmed position.");
			source_fail(src);
	}
}

/* --- reading ------------------------------------------------------------------------- */

/* False: the message was kept, or the stream is over. */
static bool
source_deliver(struct source *src, char *data, size_t len)
{
	struct copy_message msg;

	if (copy_message_read(data, len, &msg, &src->failure) != RC_OK)
	{
		PQfreemem(data);
		source_fail(src);
		return false;
	}
	if (msg.server_lsn > src->server_lsn)
		src->server_lsn = msg.server_lsn;
	if (msg.kind == 'w')
	{
		PGconn *conn = src->conn;
		enum rc rc = src->events.frame(src->events.arg, msg.payload.p, cursor_left(&msg.payload));

		if (src->conn != conn || conn == NULL) /* stopped from within */
		{
			PQfreemem(data);
			return false;
		}
		if (rc != RC_OK)
		{
			src->held = data;
			src->held_len = len;
			loop_timer_set(src->loop, &src->pause, PROBE_MS);
			return false;
		}
		if (msg.server_lsn > src->received)
			src->received = msg.server_lsn;
		src->frames++;
		src->bytes += cursor_left(&msg.payload);
	}
	PQfreemem(data);
	if (msg.kind == 'k' && msg.reply_asked)
		source_answer(src);
	return src->state == SOURCE_STREAMING;
}

/* The server ended the stream: its last message says why. */
static void
source_ended(struct source *src)
{
	PGresult *res = PQisBusy(src->conn) ? NULL : PQgetResult(src->conn);

	if (res && PQresultStatus(res) == PGRES_FATAL_ERROR)
		source_fail_with(src, res, PG_STREAM);
	else
	{
		err_set(&src->failure, ERR_TRANSIENT, E1214, "PostgreSQL ended the stream");
		source_fail(src);
	}
	PQclear(res);
}

/*
 * Gives out what libpq holds.  True: it holds nothing more, so the socket is
 * to be waited for.
 */
static bool
source_drain(struct source *src, int64_t *budget)
{
	while (*budget > 0)
	{
		char *data;
		int   len = PQgetCopyData(src->conn, &data, true);

		if (len == 0)
			return true;
		if (len < 0)
		{
			source_ended(src);
			return false;
		}
		*budget -= len;
		if (!source_deliver(src, data, (size_t) len))
			return false;
	}
	loop_timer_set(src->loop, &src->work, 0);
	return false;
}

/*
 * TLS and GSS may hold decrypted bytes that poll() does not see.  libpq 15.20
 * takes them all; nothing says that every libpq does.  A record is 16 kB at most
 * and libpq reads 8 kB at least, so two more looks are enough.
 */
static void
source_read(struct source *src)
{
	int64_t budget = READ_BUDGET;
	int     looks = PQsslInUse(src->conn) || PQgssEncInUse(src->conn) ? 3 : 1;
	bool    alive = true;

	while (looks-- > 0 && alive)
	{
		alive = PQconsumeInput(src->conn) != 0;
		if (!source_drain(src, &budget))
			break;
		if (!alive)
			source_fail_with(src, NULL, PG_STREAM);
	}
	if (src->state == SOURCE_STREAMING)
		source_watch_stream(src);
}

/*
 * A server that shuts down waits until we have read and confirmed everything,
 * and we keep it waiting by being alive.  While we do not read, only a new
 * connection can tell; going away is safe.
 */
static void
on_pause(void *arg)
{
	struct source *src = arg;

	if (src->held == NULL)
		return;
	probe_ask(src->probe);
	loop_timer_set(src->loop, &src->pause, PROBE_MS);
}

static void
on_shutting_down(void *arg)
{
	struct source *src = arg;

	if (src->held == NULL)
		return;
	err_set(&src->failure, ERR_TRANSIENT, E1214, "PostgreSQL is shutting down");
	err_detail(&src->failure, "Walrelay disconnects to let it, because messages wait that cannot "
							  "be passed on now; they come again.");
	source_fail(src);
}

void
source_resume(struct source *src)
{
	if (src->held)
		loop_timer_set(src->loop, &src->work, 0);
}

/* Next round: a failure to report, a kept message, or libpq's buffer. */
static void
on_work(void *arg)
{
	struct source *src = arg;

	if (src->failed)
	{
		src->failed = false;
		src->events.stopped(src->events.arg, &src->failure);
		return;
	}
	if (src->held)
	{
		char *data = src->held;

		src->held = NULL;
		loop_timer_clear(src->loop, &src->pause);
		if (!source_deliver(src, data, src->held_len))
			return;
	}
	source_read(src);
}

/* --- starting --------------------------------------------------------------------------- */

static void
source_query(struct source *src, enum source_state state, const char *sql, int64_t limit_ms)
{
	src->state = state;
	loop_timer_clear(src->loop, &src->limit);
	if (limit_ms > 0)
		loop_timer_set(src->loop, &src->limit, limit_ms);
	if (!PQsendQuery(src->conn, sql) || PQflush(src->conn) < 0)
	{
		source_fail_with(src, NULL, PG_LOOK);
		return;
	}
	source_watch(src, POLLIN | POLLOUT); /* POLLOUT until on_answer() has flushed all */
}

/* What no single look at the slot can tell: it must be where we left it. */
static enum rc
source_check_history(struct source *src, struct err *e)
{
	const struct pg_facts *facts = &src->facts;

	if (src->streamed && facts->system_id != src->system_id)
	{
		err_set(e, ERR_CONFIG, E1218, "this is not the server that was streamed before");
		err_detail(e, "Its system identifier is %llu; it was %llu.",
				   (unsigned long long) facts->system_id, (unsigned long long) src->system_id);
		return err_hint(e, "Check what source.conninfo leads to, then restart walrelay.");
	}
	if (src->start_lsn > facts->wal_end)
	{
		err_set(e, ERR_CONFIG, E1218, "the server's WAL ends before the confirmed position");
		err_detail(e, "It ends at %X/%X; confirmed is %X/%X.", LSN_PARTS(facts->wal_end),
				   LSN_PARTS(src->start_lsn));
		return err_hint(e, "The server was restored from a backup or failed over: load the tables "
						   "downstream again, then restart walrelay.");
	}
	if (src->streamed && facts->slot.confirmed_lsn > src->reported)
	{
		err_set(e, ERR_CONFIG, E1218, "somebody else has moved replication slot \"%s\"",
				src->cfg->slot.name);
		err_detail(e, "It stands at %X/%X; walrelay's last report was %X/%X.",
				   LSN_PARTS(facts->slot.confirmed_lsn), LSN_PARTS(src->reported));
		return err_hint(e, "Changes between the two were not seen here: give each walrelay a slot "
						   "of its own, load the tables downstream again, restart walrelay.");
	}
	return RC_OK;
}

static void
source_begin(struct source *src)
{
	uint64_t start = src->start_lsn;

	if (src->facts.slot.confirmed_lsn > start)
		start = src->facts.slot.confirmed_lsn;
	if (start > src->confirmed)
		src->confirmed = start; /* the slot stands there, so that much is done with */
	if (src->reported < src->facts.slot.confirmed_lsn)
		src->reported = src->facts.slot.confirmed_lsn;
	pg_start_command(&src->sql, src->cfg, start);
	source_query(src, SOURCE_STARTING, buf_cstr(&src->sql), ANSWER_MS);
}

/* Server and slot are known: create the slot, stream from it, or say why not. */
static void
source_decide(struct source *src)
{
	const struct config *cfg = src->cfg;
	bool                 create = cfg->slot.create && !src->facts.slot.exists;
	enum rc              rc = pg_server_check(&src->facts, cfg, &src->failure);

	/* A slot that has gone while we ran must not be replaced by one with a gap. */
	create = (create || cfg->slot.temporary) && !src->streamed;
	if (rc == RC_OK && !create)
		rc = pg_slot_check(&src->facts, cfg, &src->failure);
	if (rc == RC_OK)
		rc = source_check_history(src, &src->failure);
	if (rc != RC_OK)
		source_fail(src);
	else if (create)
	{
		pg_create_command(&src->sql, cfg);
		/* Waits for transactions that run: no limit. */
		source_query(src, SOURCE_CREATING, buf_cstr(&src->sql), 0);
	}
	else
		source_begin(src);
}

static void
source_started(struct source *src)
{
	const struct pg_facts *facts = &src->facts;
	struct source_info     info = {.database = facts->database,
								   .encoding = facts->encoding,
								   .server_version = facts->version,
								   .system_id = facts->system_id,
								   .timeline = facts->timeline,
								   .confirmed_flush = facts->slot.confirmed_lsn,
								   .created = src->created};

	loop_timer_clear(src->loop, &src->limit);
	src->state = SOURCE_STREAMING;
	src->streamed = true;
	src->system_id = facts->system_id;
	src->storm = (struct storm){0};
	src->status_ms = loop_now_ms();
	source_status_within(src, source_interval_ms(src));
	source_watch_stream(src);
	loop_timer_set(src->loop, &src->work, 0); /* what came with the answer */
	src->events.started(src->events.arg, &info);
}

/* The answer to the query of this state is complete. */
static void
source_next(struct source *src)
{
	switch (src->state)
	{
		case SOURCE_SESSION: source_query(src, SOURCE_SERVER, pg_server_sql, ANSWER_MS); break;
		case SOURCE_SERVER: source_query(src, SOURCE_SYSTEM, pg_system_sql, ANSWER_MS); break;
		case SOURCE_SYSTEM:
			pg_slot_sql(&src->sql, src->facts.version, src->cfg->slot.name);
			source_query(src, SOURCE_SLOT, buf_cstr(&src->sql), ANSWER_MS);
			break;
		case SOURCE_SLOT: source_decide(src); break;
		case SOURCE_CREATING: source_begin(src); break;
		default: source_ended(src); break; /* START_REPLICATION without a stream */
	}
}

/* One result of the query of this state.  False: the stream began, or failed. */
static bool
source_take(struct source *src, const PGresult *res)
{
	static const enum pg_stage stages[] =
		{[SOURCE_CREATING] = PG_CREATE, [SOURCE_STARTING] = PG_START};
	ExecStatusType status = PQresultStatus(res);

	if (status == PGRES_COPY_BOTH)
	{
		source_started(src);
		return false;
	}
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
	{
		source_fail_with(src, res, src->state >= SOURCE_CREATING ? stages[src->state] : PG_LOOK);
		return false;
	}
	if (src->state == SOURCE_SERVER)
		pg_server_take(&src->facts, res);
	else if (src->state == SOURCE_SYSTEM)
		pg_system_take(&src->facts, res);
	else if (src->state == SOURCE_SLOT)
		pg_slot_take(&src->facts, res);
	else if (src->state == SOURCE_CREATING)
	{
		src->facts.slot.confirmed_lsn = pg_lsn_parse(PQgetvalue(res, 0, 1));
		src->created = true;
	}
	return true;
}

static void
on_answer(struct source *src)
{
	int left = PQflush(src->conn);

	if (left < 0 || !PQconsumeInput(src->conn))
	{
		source_fail_with(src, NULL, PG_LOOK);
		return;
	}
	source_watch(src, (short) (POLLIN | (left > 0 ? POLLOUT : 0)));
	while (!PQisBusy(src->conn))
	{
		PGresult *res = PQgetResult(src->conn);
		bool      more = res != NULL;

		if (more)
			more = source_take(src, res);
		else
			source_next(src);
		PQclear(res);
		if (!more)
			return;
	}
}

/* Notices of the server, such as a slot's consistent point: for those who look closely. */
static void
on_notice(void *arg, const PGresult *res)
{
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	(void) arg;
	if (text)
		log_debug("PostgreSQL says: %s", text);
}

static void
source_connected(struct source *src)
{
	src->facts.version = PQserverVersion(src->conn);
	PQsetnonblocking(src->conn, true);
	if (src->facts.version < 150000)
	{
		/* Says that it is too old; what else we ask may not even parse there. */
		if (pg_server_check(&src->facts, src->cfg, &src->failure) != RC_OK)
			source_fail(src);
		return;
	}
	source_query(src, SOURCE_SESSION, pg_session_sql, ANSWER_MS);
}

static void
on_connecting(struct source *src)
{
	switch (PQconnectPoll(src->conn))
	{
		case PGRES_POLLING_READING: source_watch(src, POLLIN); break;
		case PGRES_POLLING_WRITING: source_watch(src, POLLOUT); break;
		case PGRES_POLLING_OK: source_connected(src); break;
		default: pg_connect_failed(src->conn, &src->failure); source_fail(src);
	}
}

static void
on_socket(void *arg, int fd, short revents)
{
	struct source *src = arg;

	(void) fd;
	if (src->state == SOURCE_CONNECTING)
		on_connecting(src);
	else if (src->state != SOURCE_STREAMING)
		on_answer(src);
	else if ((revents & POLLOUT) && !source_flush(src))
		return;
	else if (src->held == NULL)
		source_read(src);
	else if (revents & (POLLHUP | POLLERR))
		source_fail_with(src, NULL, PG_STREAM); /* kept messages come again */
	else
		source_watch_stream(src);
}

void
source_start(struct source *src, uint64_t start_lsn)
{
	if (src->state != SOURCE_IDLE)
		abort();
	source_disconnect(src);
	pg_facts_free(&src->facts);
	src->created = false;
	src->start_lsn = start_lsn > src->confirmed ? start_lsn : src->confirmed;
	src->connects++;
	src->want_write = false;
	src->conn = pg_connect_start(src->cfg->source.conninfo);
	src->state = SOURCE_CONNECTING;
	if (PQstatus(src->conn) == CONNECTION_BAD)
	{
		pg_connect_failed(src->conn, &src->failure);
		source_fail(src);
		return;
	}
	PQsetNoticeReceiver(src->conn, on_notice, src);
	loop_timer_set(src->loop, &src->limit,
				   pg_conninfo_timeout_ms(src->cfg->source.conninfo, CONNECT_MS));
	source_watch(src, POLLOUT);
}

/* --- ending -------------------------------------------------------------------------------- */

/*
 * Waits until the server has confirmed the end of the stream, which means that
 * it has taken the position in.  What it still sends is thrown away: it
 * comes again with the next stream.
 */
static void
source_say_goodbye(struct source *src)
{
	int64_t end = loop_now_ms() + STOP_MS;
	int     left = 1;

	if (!source_put_status(src) || PQputCopyEnd(src->conn, NULL) < 0)
		return;
	for (int64_t now = loop_now_ms(); now < end; now = loop_now_ms())
	{
		struct pollfd fd = {.fd = PQsocket(src->conn), .events = POLLIN};
		char         *data;
		int           len;

		left = left ? PQflush(src->conn) : 0;
		if (left < 0)
			return;
		while ((len = PQgetCopyData(src->conn, &data, true)) > 0)
			PQfreemem(data);
		if (len < 0)
			return;
		if (left)
			fd.events |= POLLOUT;
		if (poll(&fd, 1, (int) (end - now)) > 0 && !PQconsumeInput(src->conn))
			return;
	}
}

void
source_stop(struct source *src)
{
	if (src->state == SOURCE_STREAMING)
		source_say_goodbye(src);
	source_disconnect(src);
}

void
source_abort(struct source *src)
{
	source_disconnect(src);
}

/* --- the object ------------------------------------------------------------------------------- */

enum rc
source_new(struct loop *loop, const struct config *cfg, const struct source_events *events,
		   struct source **made, struct err *e)
{
	struct source *src;

	if (pg_conninfo_check(cfg->source.conninfo, e) != RC_OK)
		return RC_ERR;
	src = xcalloc(1, sizeof(*src));
	src->loop = loop;
	src->cfg = cfg;
	src->events = *events;
	src->fd = -1;
	src->limit = (struct loop_timer){.cb = on_limit, .arg = src};
	src->status = (struct loop_timer){.cb = on_status, .arg = src};
	src->work = (struct loop_timer){.cb = on_work, .arg = src};
	src->pause = (struct loop_timer){.cb = on_pause, .arg = src};
	src->probe = probe_new(loop, cfg->source.conninfo, on_shutting_down, src);
	*made = src;
	return RC_OK;
}

void
source_free(struct source *src)
{
	if (src == NULL)
		return;
	source_disconnect(src);
	probe_free(src->probe);
	pg_facts_free(&src->facts);
	buf_free(&src->sql);
	free(src);
}

void
source_stats(const struct source *src, struct source_stats *stats)
{
	*stats = (struct source_stats){.streaming = src->state == SOURCE_STREAMING,
								   .paused = src->held != NULL,
								   .connects = src->connects,
								   .frames = src->frames,
								   .bytes = src->bytes,
								   .server_lsn = src->server_lsn,
								   .confirmed = src->confirmed,
								   .reported = src->reported};
}
