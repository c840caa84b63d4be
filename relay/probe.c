/*
 * probe.c
 *		Is the server shutting down? See probe.h.
 *
 * A server in shutdown refuses new connections before it looks at who asks,
 * so any other answer, a refused login included, means that it is not.
 */
#include "probe.h"

#include <libpq-fe.h>
#include <stdlib.h>

#define ANSWER_MS 3000

struct probe
{
	struct loop      *loop;
	const char       *conninfo;
	loop_cb          *shutting_down;
	void             *arg;
	PGconn           *conn; /* NULL: nothing is asked */
	int               fd;
	struct loop_timer limit;
};

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
on_limit(void *arg)
{
	probe_cancel(arg);
}

static void
probe_done(struct probe *probe, bool failed)
{
	bool refused = failed && pg_is_shutting_down(probe->conn);

	probe_cancel(probe);
	if (refused)
		probe->shutting_down(probe->arg);
}

static void probe_step(struct probe *probe, PostgresPollingStatusType status);

static void
on_socket(void *arg, int fd, short revents)
{
	struct probe *probe = arg;

	(void) fd;
	(void) revents;
	probe_step(probe, PQconnectPoll(probe->conn));
}

static void
probe_step(struct probe *probe, PostgresPollingStatusType status)
{
	int fd = PQsocket(probe->conn);

	if (status == PGRES_POLLING_OK || status == PGRES_POLLING_FAILED)
	{
		probe_done(probe, status == PGRES_POLLING_FAILED);
		return;
	}
	if (probe->fd >= 0 && probe->fd != fd)
		loop_forget(probe->loop, probe->fd);
	probe->fd = fd;
	loop_watch(probe->loop, fd, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, on_socket,
			   probe);
}

void
probe_ask(struct probe *probe, const PGconn *conn)
{
	struct pg_hosts hosts;

	if (probe->conn)
		return;
	hosts = pg_hosts_of(conn);
	probe->conn = pg_connect_start(probe->conninfo, &hosts);
	pg_hosts_free(&hosts);
	if (PQstatus(probe->conn) == CONNECTION_BAD)
	{
		probe_cancel(probe);
		return;
	}
	loop_timer_set(probe->loop, &probe->limit, ANSWER_MS);
	probe_step(probe, PGRES_POLLING_WRITING);
}

struct probe *
probe_new(struct loop *loop, const char *conninfo, loop_cb *shutting_down, void *arg)
{
	struct probe *probe = xcalloc(1, sizeof(*probe));

	*probe = (struct probe){.loop = loop,
							.conninfo = conninfo,
							.shutting_down = shutting_down,
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
