/*
 * handshake.c
 *		Connecting, looking around, starting the stream; see handshake.h.
 *
 * Walks through enum handshake_state; each query's answer leads to the next in
 * handshake_next().
 */
#include "handshake.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "dial.h"
#include "log.h"
#include "vigil.h"

#define ANSWER_MS 60000 /* to any one query */

enum handshake_state
{
	SHAKE_IDLE,
	SHAKE_CONNECTING,
	SHAKE_SESSION, /* SET */
	SHAKE_SERVER,  /* what kind of server this is */
	SHAKE_SYSTEM,  /* IDENTIFY_SYSTEM */
	SHAKE_HISTORY, /* TIMELINE_HISTORY, if the timeline is not the one before */
	SHAKE_SLOT,    /* pg_replication_slots */
	SHAKE_CREATING,
	SHAKE_STARTING
};

struct handshake
{
	struct loop            *loop;
	const struct config    *cfg;
	struct handshake_events events;
	enum handshake_state    state;
	struct dial            *dial; /* SHAKE_CONNECTING */
	PGconn                 *conn;
	int                     fd;    /* -1: not watched */
	struct loop_timer       limit; /* an answer must have come */
	struct vigil           *vigil; /* SHAKE_CREATING */
	struct pg_facts         facts;
	struct buf              sql;
	struct lineage          past;
	uint64_t                start_lsn;
	bool                    created;
};

static void on_socket(void *arg, int fd, short revents);

/* --- ending ----------------------------------------------------------------- */

static void
handshake_unwatch(struct handshake *shake)
{
	loop_timer_clear(shake->loop, &shake->limit);
	vigil_end(shake->vigil);
	if (shake->fd >= 0)
		loop_forget(shake->loop, shake->fd);
	shake->fd = -1;
	if (shake->dial)
		dial_cancel(shake->dial);
	shake->dial = NULL;
	shake->state = SHAKE_IDLE;
}

void
handshake_cancel(struct handshake *shake)
{
	handshake_unwatch(shake);
	PQfinish(shake->conn);
	shake->conn = NULL;
}

static void
handshake_fail(struct handshake *shake, const struct err *failure)
{
	struct err e = *failure;

	pg_name_server(&shake->facts, &e);
	handshake_cancel(shake);
	shake->events.failed(shake->events.arg, &e);
}

/* By what the server answered, or with res NULL by what libpq says. */
static void
handshake_fail_with(struct handshake *shake, const PGresult *res)
{
	enum pg_stage stage = shake->state == SHAKE_CREATING   ? PG_CREATE
						  : shake->state == SHAKE_STARTING ? PG_START
														   : PG_LOOK;
	struct err    e;

	pg_failed(shake->conn, res, stage, &shake->facts, shake->cfg, &e);
	handshake_fail(shake, &e);
}

static void
on_limit(void *arg)
{
	struct handshake *shake = arg;
	struct err        e;

	err_set(&e, ERR_TRANSIENT, E1201, "PostgreSQL did not answer in time");
	err_detail(&e, "A query of the start was not answered.");
	err_hint(&e, "Check the load of the server, and the network in between.");
	handshake_fail(shake, &e);
}

/* A slot that is being made. */
static void
on_silence_noted(void *arg, const char *note)
{
	struct handshake *shake = arg;

	shake->events.noted(shake->events.arg, note);
}

static void
on_silence_dead(void *arg, const struct err *e)
{
	handshake_fail(arg, e);
}

static void
handshake_done(struct handshake *shake)
{
	struct handshake_result result = {.conn = shake->conn,
									  .facts = &shake->facts,
									  .start_lsn = shake->start_lsn,
									  .created = shake->created};

	handshake_unwatch(shake);
	shake->conn = NULL;
	shake->events.done(shake->events.arg, &result);
}

/* --- asking ------------------------------------------------------------------- */

static void
handshake_watch(struct handshake *shake, short events)
{
	int fd = PQsocket(shake->conn);

	if (shake->fd >= 0 && shake->fd != fd)
		loop_forget(shake->loop, shake->fd);
	shake->fd = fd;
	if (fd >= 0)
		loop_watch(shake->loop, fd, events, on_socket, shake);
}

static void
handshake_ask(struct handshake *shake, enum handshake_state state, const char *sql,
			  int64_t limit_ms)
{
	shake->state = state;
	loop_timer_clear(shake->loop, &shake->limit);
	vigil_end(shake->vigil);
	if (limit_ms > 0)
		loop_timer_set(shake->loop, &shake->limit, limit_ms);
	else
		vigil_begin(shake->vigil, shake->conn, &shake->facts, false);
	if (!PQsendQuery(shake->conn, sql) || PQflush(shake->conn) < 0)
	{
		handshake_fail_with(shake, NULL);
		return;
	}
	handshake_watch(shake, POLLIN | POLLOUT); /* POLLOUT until on_answer() has flushed all */
}

static void
handshake_ask_slot(struct handshake *shake)
{
	pg_slot_sql(&shake->sql, shake->facts.version, shake->cfg->slot.name);
	handshake_ask(shake, SHAKE_SLOT, buf_cstr(&shake->sql), ANSWER_MS);
}

static void
handshake_stream(struct handshake *shake)
{
	shake->start_lsn = lineage_begins(&shake->past, &shake->facts);
	pg_start_command(&shake->sql, shake->cfg, shake->start_lsn);
	handshake_ask(shake, SHAKE_STARTING, buf_cstr(&shake->sql), ANSWER_MS);
}

/* Server and slot are known: create the slot, stream from it, or say why not. */
static void
handshake_decide(struct handshake *shake)
{
	const struct config *cfg = shake->cfg;
	bool                 create = cfg->slot.create && !shake->facts.slot.exists;
	struct err           e;
	enum rc              rc = pg_server_check(&shake->facts, cfg, &e);

	if (shake->past.from_lsn)
	{
		create = false; /* it would begin too late */
		if (rc == RC_OK && !shake->facts.slot.exists)
			rc = lineage_check_from(&shake->past, &shake->facts, cfg->slot.name, &e);
	}
	else if (cfg->slot.temporary)
		create = !shake->past.streamed;
	else if (!shake->facts.slot.exists && lineage_has_slot(&shake->past))
	{
		create = false;
		if (rc == RC_OK)
			rc = lineage_slot_gone(&shake->past, cfg->slot.name, &e);
	}
	if (rc == RC_OK && !create)
		rc = pg_slot_check(&shake->facts, cfg, &e);
	if (rc == RC_OK && create)
		rc = pg_failover_check(&shake->facts, cfg, &e);
	if (rc == RC_OK)
		rc = lineage_check(&shake->past, &shake->facts, cfg->slot.name, &e);
	if (rc == RC_OK && shake->past.from_lsn)
		rc = lineage_check_from(&shake->past, &shake->facts, cfg->slot.name, &e);
	if (rc != RC_OK)
		handshake_fail(shake, &e);
	else if (create)
	{
		pg_create_command(&shake->sql, &shake->facts, cfg, false);
		/* Waits for transactions that run: no limit but that of a silence. */
		handshake_ask(shake, SHAKE_CREATING, buf_cstr(&shake->sql), 0);
	}
	else
		handshake_stream(shake);
}

/* The answer to the query of this state is complete. */
static void
handshake_next(struct handshake *shake)
{
	struct err e;

	switch (shake->state)
	{
		case SHAKE_SESSION: handshake_ask(shake, SHAKE_SERVER, pg_server_sql, ANSWER_MS); break;
		case SHAKE_SERVER: handshake_ask(shake, SHAKE_SYSTEM, pg_system_sql, ANSWER_MS); break;
		case SHAKE_SYSTEM:
			if (lineage_needs_history(&shake->past, &shake->facts))
			{
				pg_history_command(&shake->sql, shake->facts.timeline);
				handshake_ask(shake, SHAKE_HISTORY, buf_cstr(&shake->sql), ANSWER_MS);
			}
			else
				handshake_ask_slot(shake);
			break;
		case SHAKE_HISTORY: handshake_ask_slot(shake); break;
		case SHAKE_SLOT: handshake_decide(shake); break;
		case SHAKE_CREATING: handshake_stream(shake); break;
		default: /* START_REPLICATION without a stream */
			pg_stream_ended(&e);
			handshake_fail(shake, &e);
	}
}

/* One result of the query of this state.  False: the stream began, or failed. */
static bool
handshake_take(struct handshake *shake, const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);

	if (status == PGRES_COPY_BOTH)
	{
		handshake_done(shake);
		return false;
	}
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
	{
		handshake_fail_with(shake, res);
		return false;
	}
	switch (shake->state)
	{
		case SHAKE_SERVER: pg_server_take(&shake->facts, res); break;
		case SHAKE_SYSTEM: pg_system_take(&shake->facts, res); break;
		case SHAKE_HISTORY: pg_history_take(&shake->facts, res); break;
		case SHAKE_SLOT: pg_slot_take(&shake->facts, res); break;
		case SHAKE_CREATING:
			shake->facts.slot.confirmed_lsn = pg_lsn_parse(PQgetvalue(res, 0, 1));
			shake->created = true;
			break;
		default: break;
	}
	return true;
}

static void
on_answer(struct handshake *shake)
{
	int left = PQflush(shake->conn);

	if (left < 0 || !PQconsumeInput(shake->conn))
	{
		handshake_fail_with(shake, NULL);
		return;
	}
	handshake_watch(shake, (short) (POLLIN | (left > 0 ? POLLOUT : 0)));
	while (!PQisBusy(shake->conn))
	{
		PGresult *res = PQgetResult(shake->conn);
		bool      more = res != NULL;

		if (more)
			more = handshake_take(shake, res);
		else
			handshake_next(shake);
		PQclear(res);
		if (!more)
			return;
	}
}

/* --- connecting ----------------------------------------------------------------- */

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
handshake_connected(struct handshake *shake)
{
	struct err e;

	PQsetNoticeReceiver(shake->conn, on_notice, NULL);
	pg_connection_take(&shake->facts, shake->conn);
	PQsetnonblocking(shake->conn, true);
	/* What else we ask may not even parse on one that is too old. */
	if (pg_version_check(&shake->facts, &e) != RC_OK)
		handshake_fail(shake, &e);
	else
		handshake_ask(shake, SHAKE_SESSION, pg_session_sql, ANSWER_MS);
}

static void
on_dialled(void *arg, PGconn *conn, const struct err *e)
{
	struct handshake *shake = arg;

	shake->dial = NULL;
	shake->conn = conn;
	if (conn)
		handshake_connected(shake);
	else
		handshake_fail(shake, e);
}

static void
on_socket(void *arg, int fd, short revents)
{
	struct handshake *shake = arg;

	(void) fd;
	if (revents & POLLIN)
		vigil_heard(shake->vigil);
	on_answer(shake);
}

void
handshake_start(struct handshake *shake, const struct lineage *past)
{
	struct err e;

	if (shake->state != SHAKE_IDLE)
		abort();
	pg_facts_free(&shake->facts);
	shake->past = *past;
	shake->created = false;
	shake->state = SHAKE_CONNECTING;
	shake->dial = dial_start(shake->loop, shake->cfg->source.conninfo, PG_REPLICATION, on_dialled,
							 shake, &e);
	if (shake->dial == NULL)
		handshake_fail(shake, &e);
}

const struct pg_facts *
handshake_facts(const struct handshake *shake)
{
	return &shake->facts;
}

/* --- the object -------------------------------------------------------------------- */

struct handshake *
handshake_new(struct loop *loop, const struct config *cfg, const struct handshake_events *events)
{
	struct handshake   *shake = xcalloc(1, sizeof(*shake));
	struct vigil_events watching = {.noted = on_silence_noted,
									.dead = on_silence_dead,
									.arg = shake};

	*shake = (struct handshake){.loop = loop,
								.cfg = cfg,
								.events = *events,
								.fd = -1,
								.limit = {.cb = on_limit, .arg = shake},
								.vigil = vigil_new(loop, &cfg->source.conninfo, &watching)};
	return shake;
}

void
handshake_free(struct handshake *shake)
{
	if (shake == NULL)
		return;
	handshake_cancel(shake);
	vigil_free(shake->vigil);
	pg_facts_free(&shake->facts);
	buf_free(&shake->sql);
	free(shake);
}
