/*
 * probe.c
 *		What is the server doing? See probe.h.
 *
 * A server in shutdown refuses new connections before it looks at who asks,
 * so any other answer, a refused login included, means that it is not.
 */
#include "probe.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define SHUTDOWN_MS 3000 /* for the answer whether it shuts down */

struct probe
{
	struct loop           *loop;
	char *const           *conninfo; /* the configuration's */
	probe_cb              *answered;
	void                  *arg;
	PGconn                *conn; /* NULL: nothing is asked */
	int                    fd;
	const struct pg_facts *facts; /* whose process is asked for; NULL: nobody's */
	bool                   asked; /* the query was sent */
	struct loop_timer      limit;
};

static void on_socket(void *arg, int fd, short revents);

void
probe_cancel(struct probe *probe)
{
	if (probe->conn == NULL)
		return;
	loop_timer_clear(probe->loop, &probe->limit);
	if (probe->fd >= 0)
		loop_forget(probe->loop, probe->fd);
	probe->fd = -1;
	PQfinish(probe->conn);
	probe->conn = NULL;
}

static void
probe_done(struct probe *probe, enum probe_answer answer, const char *doing)
{
	probe_cancel(probe);
	probe->answered(probe->arg, answer, doing);
}

/* Nothing that was said by a server is in the state of these. */
static bool
has_answered(const PGconn *conn)
{
	switch (PQstatus(conn))
	{
		case CONNECTION_STARTED:
		case CONNECTION_MADE:
		case CONNECTION_AWAITING_RESPONSE:
		case CONNECTION_SSL_STARTUP:
		case CONNECTION_GSS_STARTUP:
		case CONNECTION_NEEDED: return false;
		default: return true;
	}
}

/* The connection could not be made. */
static void
probe_refused(struct probe *probe)
{
	if (pg_is_shutting_down(probe->conn))
		probe_done(probe, PROBE_SHUTTING_DOWN, "it shuts down or starts");
	else if (pg_is_refused(probe->conn))
		probe_done(probe, PROBE_LIVES, "it refuses them");
	else
		probe_done(probe, PROBE_UNREACHABLE, "it cannot be reached");
}

static void
on_limit(void *arg)
{
	struct probe *probe = arg;

	if (probe->asked || has_answered(probe->conn))
		probe_done(probe, PROBE_LIVES, "it does not finish the answer");
	else
		probe_done(probe, PROBE_UNREACHABLE, "it does not answer");
}

/* --- the process ---------------------------------------------------------- */

/*
 * Where a walsender waits for its socket, too: it has taken in all that has come and
 * sent all that it had to say.  Names are those of 15 to 19.
 */
static bool
listens(const char *event)
{
	static const char *const events[] = {"WalSenderMain", "WalSenderWaitForWAL",
										 "WalSenderWriteData", "WaitForStandbyConfirmation"};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcasecmp(event, events[i]) == 0)
			return true;
	return false;
}

/* One row, as pg_process_sql() asks for it: start of the server, the process, what it waits for. */
static void
probe_take(struct probe *probe, const PGresult *res)
{
	const char       *event = PQgetvalue(res, 0, 2);
	char             *doing = *event ? xasprintf("wait event %s", event) : xstrdup("running");
	enum probe_answer answer = PROBE_BUSY;

	if (strcmp(PQgetvalue(res, 0, 0), probe->facts->postmaster) != 0)
		answer = PROBE_ELSEWHERE;
	else if (PQgetisnull(res, 0, 1))
		answer = PROBE_GONE;
	else if (strcmp(event, "ClientRead") == 0)
		answer = PROBE_IDLE;
	else if (listens(event))
		answer = PROBE_LISTENS;
	probe_done(probe, answer, doing);
	free(doing);
}

static void
probe_read(struct probe *probe)
{
	PGresult *res;

	if (PQflush(probe->conn) < 0 || !PQconsumeInput(probe->conn))
	{
		probe_done(probe, PROBE_LIVES, "it hangs up");
		return;
	}
	loop_watch(probe->loop, probe->fd, POLLIN, on_socket, probe);
	if (PQisBusy(probe->conn))
		return;
	res = PQgetResult(probe->conn);
	if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1)
		probe_take(probe, res);
	else
		probe_done(probe, PROBE_LIVES, "it does not tell");
	PQclear(res);
}

static void
probe_query(struct probe *probe)
{
	struct buf sql = {0};

	pg_process_sql(&sql, probe->facts);
	probe->asked =
		PQsetnonblocking(probe->conn, true) == 0 && PQsendQuery(probe->conn, buf_cstr(&sql)) == 1;
	buf_free(&sql);
	if (probe->asked)
		loop_watch(probe->loop, probe->fd, POLLIN | POLLOUT, on_socket, probe);
	else
		probe_done(probe, PROBE_LIVES, "it hangs up");
}

/* --- connecting ----------------------------------------------------------- */

static void
probe_step(struct probe *probe, PostgresPollingStatusType status)
{
	int fd = PQsocket(probe->conn);

	if (status == PGRES_POLLING_FAILED)
	{
		probe_refused(probe);
		return;
	}
	if (status == PGRES_POLLING_OK && probe->facts == NULL)
	{
		probe_done(probe, PROBE_LIVES, "it takes connections");
		return;
	}
	if (probe->fd >= 0 && probe->fd != fd)
		loop_forget(probe->loop, probe->fd);
	probe->fd = fd;
	if (status == PGRES_POLLING_OK)
		probe_query(probe);
	else
		loop_watch(probe->loop, fd, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, on_socket,
				   probe);
}

static void
on_socket(void *arg, int fd, short revents)
{
	struct probe *probe = arg;

	(void) fd;
	(void) revents;
	if (probe->asked)
		probe_read(probe);
	else
		probe_step(probe, PQconnectPoll(probe->conn));
}

/* That this process has none left says nothing about the server. */
static bool
has_descriptors(const PGconn *conn)
{
	int fd = dup(PQsocket(conn));

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
probe_begin(struct probe *probe, const PGconn *conn, int64_t limit_ms)
{
	struct pg_hosts hosts = pg_hosts_of(conn);

	probe->asked = false;
	probe->conn = pg_connect_start(*probe->conninfo, PG_REPLICATION, &hosts);
	pg_hosts_free(&hosts);
	loop_timer_set(probe->loop, &probe->limit, limit_ms);
	probe_step(probe, PQstatus(probe->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED
															  : PGRES_POLLING_WRITING);
}

void
probe_ask(struct probe *probe, const PGconn *conn)
{
	if (probe->conn)
		return;
	probe->facts = NULL;
	probe_begin(probe, conn, SHUTDOWN_MS);
}

void
probe_ask_process(struct probe *probe, const PGconn *conn, const struct pg_facts *facts)
{
	if (probe->conn)
		return;
	probe->facts = facts;
	if (has_descriptors(conn))
		probe_begin(probe, conn, pg_conninfo_timeout_ms(*probe->conninfo, PG_CONNECT_MS));
	else
		probe->answered(probe->arg, PROBE_LIVES, "this process has no descriptor left for one");
}

struct probe *
probe_new(struct loop *loop, char *const *conninfo, probe_cb *answered, void *arg)
{
	struct probe *probe = xcalloc(1, sizeof(*probe));

	*probe = (struct probe){.loop = loop,
							.conninfo = conninfo,
							.answered = answered,
							.arg = arg,
							.fd = -1,
							.limit = {.cb = on_limit, .arg = probe}};
	return probe;
}

void
probe_free(struct probe *probe)
{
	if (probe)
		probe_cancel(probe);
	free(probe);
}
