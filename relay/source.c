/*
 * source.c
 *		The replication connection; see source.h.
 *
 * handshake.c makes the connection; source_read() is the hot path.  Whatever
 * goes wrong ends in source_fail(), which disconnects at once and reports in the
 * next round, so that no event is sent from within another.
 */
#include "source.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <time.h>

#include "crash_point.h"
#include "frame.h"
#include "handshake.h"
#include "probe.h"
#include "storm.h"
#include "vigil.h"
#include "wire.h"

#define STOP_MS 1000
#define REPORT_SOON_MS 100
#define PROBE_MS 4000             /* how often a paused stream asks whether the server shuts down */
#define READ_BUDGET (1024 * 1024) /* bytes a round, so that the rest gets its turn */

enum source_state
{
	SOURCE_IDLE,
	SOURCE_STARTING,
	SOURCE_STREAMING
};

struct source
{
	struct loop           *loop;
	const struct config   *cfg;
	struct source_events   events;
	enum source_state      state;
	struct handshake      *handshake;
	PGconn                *conn; /* NULL: not streaming */
	int                    fd;   /* -1: not watched */
	bool                   want_write;
	const struct pg_facts *facts;  /* handshake's; while streaming */
	struct loop_timer      status; /* next status message */
	struct loop_timer      work;   /* go on reading, or report a failure */
	struct err             failure;
	bool                   failed; /* to be reported */

	char             *held; /* a message that was not taken, PQfreemem() */
	size_t            held_len;
	struct loop_timer pause; /* set while a message is held */
	struct probe     *probe;
	struct vigil     *vigil; /* while the stream is read */

	struct lineage past; /* of this process, or what was remembered of one before */
	bool           greeted; /* a stream has started, and warnings were given */
	uint64_t       confirmed;
	uint64_t       received; /* the last record's */
	uint64_t       server_lsn;
	int64_t        status_ms; /* when the last status message was sent */
	struct storm   storm;

	uint64_t connects;
	uint64_t statuses;
	uint64_t frames;
	uint64_t bytes;
};

static void on_socket(void *arg, int fd, short revents);

/* --- failing, disconnecting ----------------------------------------------- */

static void
source_disconnect(struct source *src)
{
	handshake_cancel(src->handshake);
	loop_timer_clear(src->loop, &src->status);
	loop_timer_clear(src->loop, &src->work);
	loop_timer_clear(src->loop, &src->pause);
	probe_cancel(src->probe);
	vigil_end(src->vigil);
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

/* The stream has come to grief: src->failure says why. */
static void
source_fail_streaming(struct source *src)
{
	pg_name_server(src->facts, &src->failure);
	source_fail(src);
}

static void
source_fail_with(struct source *src, const PGresult *res)
{
	pg_failed(src->conn, res, PG_STREAM, src->facts, src->cfg, &src->failure);
	source_fail_streaming(src);
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
		source_fail_with(src, NULL);
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

	if (src->facts->sender_timeout_ms && src->facts->sender_timeout_ms / 3 < interval)
		interval = src->facts->sender_timeout_ms / 3;
	return interval;
}

static bool
source_put_status(struct source *src, bool reply_asked)
{
	uint8_t         msg[STATUS_MESSAGE_LEN];
	struct timespec now;
	int64_t         now_us;
	uint64_t        written = src->received > src->confirmed ? src->received : src->confirmed;

	clock_gettime(CLOCK_REALTIME, &now);
	now_us = (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000 - WIRE_EPOCH_US;
	CRASH_POINT(status_before);
	status_message_write(msg, written, src->confirmed, now_us, reply_asked);
	if (PQputCopyData(src->conn, (const char *) msg, sizeof(msg)) < 0)
		return false;
	src->past.reported = src->confirmed;
	CRASH_POINT(status_put);
	src->status_ms = loop_now_ms();
	src->statuses++;
	return true;
}

/* Once a round at most: a message that says nothing new helps nobody. */
static void
source_send_status(struct source *src, bool reply_asked)
{
	if (!source_put_status(src, reply_asked))
	{
		source_fail_with(src, NULL);
		return;
	}
	if (!source_flush(src))
		return;
	CRASH_POINT(status_sent);
	source_watch_stream(src);
	loop_timer_set(src->loop, &src->status, source_interval_ms(src));
}

/* A server that has nothing to send says nothing, as long as it hears from us: so it is asked. */
static void
on_status(void *arg)
{
	struct source *src = arg;
	int64_t        heard_ms = vigil_heard_ms(src->vigil);

	source_send_status(src, heard_ms > 0 && heard_ms < src->status_ms);
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
		case STORM_ANSWER: source_send_status(src, false); break;
		case STORM_ANSWER_LATER: source_status_within(src, STORM_ANSWER_MS); break;
		case STORM_LEAVE:
			err_set(&src->failure, ERR_TRANSIENT, E1214,
					"PostgreSQL waits for acknowledgements that do not come");
			err_detail(&src->failure, "It is probably shutting down. Walrelay disconnects to let "
									  "it; changes come again from the confirmed position.");
			err_hint(&src->failure, "Start PostgreSQL again, if it does not come back by itself.");
			source_fail_streaming(src);
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
			vigil_end(src->vigil);
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
	{
		src->events.asked(src->events.arg);
		source_answer(src);
	}
	return src->state == SOURCE_STREAMING;
}

/* The server ended the stream: its last message says why. */
static void
source_ended(struct source *src)
{
	PGresult *res = PQisBusy(src->conn) ? NULL : PQgetResult(src->conn);

	if (res && PQresultStatus(res) == PGRES_FATAL_ERROR)
		source_fail_with(src, res);
	else
	{
		pg_stream_ended(&src->failure);
		source_fail_streaming(src);
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
			source_fail_with(src, NULL);
	}
	if (src->state == SOURCE_STREAMING)
		source_watch_stream(src);
}

static void
on_socket(void *arg, int fd, short revents)
{
	struct source *src = arg;

	(void) fd;
	if (revents & POLLIN)
		vigil_heard(src->vigil);
	if ((revents & POLLOUT) && !source_flush(src))
		return;
	if (src->held == NULL)
		source_read(src);
	else if (revents & (POLLHUP | POLLERR))
		source_fail_with(src, NULL); /* kept messages come again */
	else
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
	probe_ask(src->probe, src->conn);
	loop_timer_set(src->loop, &src->pause, PROBE_MS);
}

static void
on_probed(void *arg, enum probe_answer answer, const char *doing)
{
	struct source *src = arg;

	(void) doing;
	if (src->held == NULL || answer != PROBE_SHUTTING_DOWN)
		return;
	err_set(&src->failure, ERR_TRANSIENT, E1214, "PostgreSQL is shutting down");
	err_detail(&src->failure, "Walrelay disconnects to let it, because messages wait that cannot "
							  "be passed on now; they come again.");
	err_hint(&src->failure, "Start PostgreSQL again, if it does not come back by itself.");
	source_fail_streaming(src);
}

static void
on_silence_ask(void *arg)
{
	source_send_status(arg, true);
}

static void
on_silence_noted(void *arg, const char *note)
{
	struct source *src = arg;

	src->events.noted(src->events.arg, note);
}

static void
on_silence_dead(void *arg, const struct err *e)
{
	struct source *src = arg;

	src->failure = *e;
	source_fail_streaming(src);
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
		vigil_begin(src->vigil, src->conn, src->facts, true);
		if (!source_deliver(src, data, src->held_len))
			return;
	}
	source_read(src);
}

/* --- starting --------------------------------------------------------------------------- */

static void
on_started(void *arg, const struct handshake_result *result)
{
	struct source         *src = arg;
	const struct pg_facts *facts = result->facts;
	bool                   first = !src->greeted;
	char                  *sync_warning = first ? pg_sync_warning(facts) : NULL;
	char                  *failover_warning =
		first && !result->created ? pg_failover_warning(facts, src->cfg) : NULL;
	struct source_info info = {.server = facts->server,
							   .database = facts->database,
							   .encoding = facts->encoding,
							   .server_version = facts->version,
							   .system_id = facts->system_id,
							   .timeline = facts->timeline,
							   .standby = facts->in_recovery,
							   .start_lsn = result->start_lsn,
							   .confirmed_flush = facts->slot.confirmed_lsn,
							   .created = result->created,
							   .sync_warning = sync_warning,
							   .failover_warning = failover_warning};

	src->greeted = true;
	src->conn = result->conn;
	src->facts = facts;
	src->state = SOURCE_STREAMING;
	src->past.streamed = true;
	src->past.provisional = false;
	src->past.system_id = facts->system_id;
	src->past.timeline = facts->timeline;
	src->past.standby = facts->in_recovery;
	src->past.began_lsn = result->start_lsn;
	/* The slot stands there: that much is done with. */
	if (facts->slot.confirmed_lsn > src->confirmed)
		src->confirmed = facts->slot.confirmed_lsn;
	if (facts->slot.confirmed_lsn > src->past.reported)
		src->past.reported = facts->slot.confirmed_lsn;
	src->storm = (struct storm){0};
	src->status_ms = loop_now_ms();
	source_status_within(src, source_interval_ms(src));
	source_watch_stream(src);
	vigil_begin(src->vigil, src->conn, facts, true);
	loop_timer_set(src->loop, &src->work, 0); /* what came with the answer */
	src->events.started(src->events.arg, &info);
	free(sync_warning);
	free(failover_warning);
}

static void
on_not_started(void *arg, const struct err *e)
{
	struct source *src = arg;

	src->failure = *e;
	source_fail(src);
}

void
source_start(struct source *src, uint64_t start_lsn, uint64_t from_lsn)
{
	if (src->state != SOURCE_IDLE)
		abort();
	source_disconnect(src);
	src->past.start_lsn = start_lsn > src->confirmed ? start_lsn : src->confirmed;
	src->past.from_lsn = from_lsn > src->past.start_lsn ? from_lsn : 0;
	src->connects++;
	src->want_write = false;
	src->state = SOURCE_STARTING;
	handshake_start(src->handshake, &src->past);
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

	if (!source_put_status(src, false) || PQputCopyEnd(src->conn, NULL) < 0)
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
	struct source          *src;
	struct handshake_events starting = {.done = on_started,
										.failed = on_not_started,
										.noted = on_silence_noted};
	struct vigil_events     watching = {.ask = on_silence_ask,
										.noted = on_silence_noted,
										.dead = on_silence_dead};

	if (pg_conninfo_check(cfg->source.conninfo, e) != RC_OK)
		return RC_ERR;
	src = xcalloc(1, sizeof(*src));
	starting.arg = src;
	watching.arg = src;
	src->loop = loop;
	src->cfg = cfg;
	src->events = *events;
	src->fd = -1;
	src->status = (struct loop_timer){.cb = on_status, .arg = src};
	src->work = (struct loop_timer){.cb = on_work, .arg = src};
	src->pause = (struct loop_timer){.cb = on_pause, .arg = src};
	src->handshake = handshake_new(loop, cfg, &starting);
	src->probe = probe_new(loop, &cfg->source.conninfo, on_probed, src);
	src->vigil = vigil_new(loop, &cfg->source.conninfo, &watching);
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
	vigil_free(src->vigil);
	handshake_free(src->handshake);
	free(src);
}

void
source_remember(struct source *src, const struct lineage *past)
{
	src->past = *past;
}

void
source_forget(struct source *src)
{
	src->past = (struct lineage){0};
	src->confirmed = src->received = src->server_lsn = 0;
}

void
source_server(const struct source *src, uint64_t *system_id, uint32_t *timeline)
{
	const struct pg_facts *facts = handshake_facts(src->handshake);

	*system_id = facts->system_id;
	*timeline = facts->timeline;
}

void
source_stats(const struct source *src, struct source_stats *stats)
{
	int64_t heard_ms = vigil_heard_ms(src->vigil);

	*stats = (struct source_stats){.streaming = src->state == SOURCE_STREAMING,
								   .paused = src->held != NULL,
								   .connects = src->connects,
								   .statuses = src->statuses,
								   .frames = src->frames,
								   .bytes = src->bytes,
								   .server_lsn = src->server_lsn,
								   .confirmed = src->confirmed,
								   .reported = src->past.reported,
								   .silent_ms = heard_ms ? loop_now_ms() - heard_ms : 0};
	stats->silent_s = (uint64_t) stats->silent_ms / 1000;
	if (stats->streaming)
		stats->status_ms = source_interval_ms(src);
}
