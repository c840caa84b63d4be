/*
 * query.c
 *		SQL over a connection of its own; see query.h.
 */
#include "query.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "dial.h"

#define READ_BUDGET (512 * 1024) /* bytes of a COPY a round, so that the rest gets its turn */

enum query_state
{
	QUERY_OFF,
	QUERY_CONNECTING,
	QUERY_SESSION, /* SET */
	QUERY_SERVER,  /* what kind of server this is */
	QUERY_READY,
	QUERY_RUNNING,
	QUERY_CLEARING /* ROLLBACK after an error */
};

struct query
{
	struct loop         *loop;
	const struct config *cfg;
	struct query_events  events;
	enum query_state     state;
	struct dial         *dial;
	PGconn              *conn;
	int                  fd;   /* -1: not watched */
	struct loop_timer    work; /* go on reading, or report a failure */
	struct pg_facts      facts;
	enum pg_stage        stage;
	bool                 copying;
	bool                 copied; /* some COPY of the string has begun */
	bool                 failed; /* a statement did, or, QUERY_OFF, the connection */
	char                 sqlstate[6];
	struct err           failure;
};

static void on_socket(void *arg, int fd, short revents);

/* --- ending -------------------------------------------------------------------- */

void
query_disconnect(struct query *q)
{
	loop_timer_clear(q->loop, &q->work);
	if (q->fd >= 0)
		loop_forget(q->loop, q->fd);
	q->fd = -1;
	if (q->dial)
		dial_cancel(q->dial);
	q->dial = NULL;
	PQfinish(q->conn);
	q->conn = NULL;
	q->state = QUERY_OFF;
	q->failed = false;
}

/* Reported in the next round, so that no event is sent from within another call. */
static void
query_lose(struct query *q, const struct err *e)
{
	struct err failure = *e;

	query_disconnect(q);
	q->failure = failure;
	q->failed = true;
	loop_timer_set(q->loop, &q->work, 0);
}

static void
query_lose_connection(struct query *q)
{
	struct err e;

	pg_failed(q->conn, NULL, q->stage, &q->facts, q->cfg, &e);
	pg_name_server(&q->facts, &e);
	query_lose(q, &e);
}

/* --- asking -------------------------------------------------------------------- */

static void
query_watch(struct query *q, short events)
{
	int fd = PQsocket(q->conn);

	if (q->fd >= 0 && q->fd != fd)
		loop_forget(q->loop, q->fd);
	q->fd = fd;
	if (fd >= 0)
		loop_watch(q->loop, fd, events, on_socket, q);
}

static void
query_ask(struct query *q, enum query_state state, const char *sql)
{
	q->state = state;
	q->copying = false;
	if (!PQsendQuery(q->conn, sql) || PQflush(q->conn) < 0)
		query_lose_connection(q);
	else
		query_watch(q, POLLIN | POLLOUT); /* POLLOUT until all is sent */
}

void
query_run(struct query *q, const char *sql, enum pg_stage stage)
{
	if (q->state == QUERY_OFF && q->failed)
		return; /* lost() is about to be called */
	if (q->state != QUERY_READY)
		abort();
	q->failed = q->copied = false;
	q->stage = stage;
	query_ask(q, QUERY_RUNNING, sql);
}

/* --- answers ------------------------------------------------------------------- */

/* All answers to what was asked have come. */
static void
query_next(struct query *q)
{
	switch (q->state)
	{
		case QUERY_SESSION: query_ask(q, QUERY_SERVER, pg_server_sql); break;
		case QUERY_SERVER:
			q->state = QUERY_READY;
			q->events.ready(q->events.arg);
			break;
		case QUERY_RUNNING:
			if (q->failed && PQtransactionStatus(q->conn) != PQTRANS_IDLE)
			{
				query_ask(q, QUERY_CLEARING, "ROLLBACK");
				break;
			}
			/* fall through */
		default:
			q->state = QUERY_READY;
			q->events.done(q->events.arg, q->failed, q->sqlstate, &q->failure);
	}
}

static void
query_take_error(struct query *q, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	q->failed = true;
	memset(q->sqlstate, 0, sizeof(q->sqlstate));
	if (state)
		strncpy(q->sqlstate, state, sizeof(q->sqlstate) - 1);
	pg_failed(q->conn, res, q->stage, &q->facts, q->cfg, &q->failure);
}

/* One result.  False: nothing more is to be read now. */
static bool
query_take(struct query *q, const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);

	if (status == PGRES_COPY_OUT)
	{
		q->copying = q->copied = true;
		return true;
	}
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY)
	{
		if (q->state == QUERY_RUNNING)
		{
			query_take_error(q, res);
			return true;
		}
		query_take_error(q, res);
		query_lose(q, &q->failure);
		return false;
	}
	if (q->state == QUERY_SERVER)
		pg_server_take(&q->facts, res);
	else if (q->state == QUERY_RUNNING)
		q->events.result(q->events.arg, res);
	return q->state != QUERY_OFF;
}

/* What a COPY has brought.  False: nothing more is to be read now. */
static bool
query_copy(struct query *q, int64_t *budget)
{
	while (*budget > 0)
	{
		char *data;
		int   len = PQgetCopyData(q->conn, &data, true);

		if (len == 0)
			return false;
		if (len < 0)
		{
			q->copying = false;
			return true; /* its result follows, or its error */
		}
		*budget -= len;
		q->events.copied(q->events.arg, (struct str){data, (size_t) len});
		PQfreemem(data);
		if (q->state != QUERY_RUNNING)
			return false; /* disconnected from within */
	}
	loop_timer_set(q->loop, &q->work, 0);
	return false;
}

static void
query_read(struct query *q)
{
	int64_t budget = READ_BUDGET;
	int     left = PQflush(q->conn);

	if (left < 0 || !PQconsumeInput(q->conn))
	{
		query_lose_connection(q);
		return;
	}
	query_watch(q, (short) (POLLIN | (left > 0 ? POLLOUT : 0)));
	for (;;)
	{
		PGresult *res;
		bool      more;

		if (q->copying && !query_copy(q, &budget))
			return;
		if (PQisBusy(q->conn))
			return;
		res = PQgetResult(q->conn);
		more = res != NULL && query_take(q, res);
		if (res == NULL && PQstatus(q->conn) == CONNECTION_BAD)
			query_lose_connection(q);
		else if (res == NULL && q->state == QUERY_READY)
			return; /* said unasked: nothing */
		else if (res == NULL)
			query_next(q);
		PQclear(res);
		if (!more)
			return;
	}
}

static void
on_socket(void *arg, int fd, short revents)
{
	(void) fd;
	(void) revents;
	query_read(arg);
}

static void
on_work(void *arg)
{
	struct query *q = arg;

	if (q->failed && q->state == QUERY_OFF)
	{
		q->failed = false;
		q->events.lost(q->events.arg, &q->failure);
	}
	else if (q->conn)
		query_read(q);
}

/* --- connecting ---------------------------------------------------------------- */

static void
ignore_notice(void *arg, const PGresult *res)
{
	(void) arg;
	(void) res;
}

static void
on_dialled(void *arg, PGconn *conn, const struct err *e)
{
	struct query *q = arg;

	q->dial = NULL;
	if (conn == NULL)
	{
		query_lose(q, e);
		return;
	}
	q->conn = conn;
	PQsetNoticeReceiver(conn, ignore_notice, NULL);
	pg_connection_take(&q->facts, conn);
	PQsetnonblocking(conn, true);
	query_ask(q, QUERY_SESSION, pg_session_sql);
}

void
query_connect(struct query *q, const char *conninfo, enum pg_kind kind)
{
	struct err e;

	if (q->state != QUERY_OFF)
		abort();
	query_disconnect(q);
	pg_facts_free(&q->facts);
	q->stage = PG_LOOK;
	q->state = QUERY_CONNECTING;
	q->dial = dial_start(q->loop, conninfo, kind, on_dialled, q, &e);
	if (q->dial == NULL)
		query_lose(q, &e);
}

/* --- the object ---------------------------------------------------------------- */

struct query *
query_new(struct loop *loop, const struct config *cfg, const struct query_events *events)
{
	struct query *q = xcalloc(1, sizeof(*q));

	q->loop = loop;
	q->cfg = cfg;
	q->events = *events;
	q->fd = -1;
	q->work = (struct loop_timer){.cb = on_work, .arg = q};
	return q;
}

void
query_free(struct query *q)
{
	if (q == NULL)
		return;
	query_disconnect(q);
	pg_facts_free(&q->facts);
	free(q);
}

bool
query_has_copied(const struct query *q)
{
	return q->copied;
}

bool
query_is_ready(const struct query *q)
{
	return q->state >= QUERY_READY;
}

const struct pg_facts *
query_facts(const struct query *q)
{
	return &q->facts;
}

const char *
query_field(const PGresult *res, int row, int column)
{
	return PQgetvalue(res, row, column);
}

int
query_rows(const PGresult *res)
{
	return PQntuples(res);
}

int
query_columns(const PGresult *res)
{
	return PQnfields(res);
}
