/*
 * dial.c
 *		A thread that connects; see dial.h.
 *
 * Loop and thread share struct dial: whoever is done with it last frees it, so
 * that a cancelled thread may take as long as the resolver makes it wait.
 */
#include "dial.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One attempt at all hosts. */
struct call
{
	const char     *conninfo;
	enum pg_kind    kind;
	int             stop_fd; /* readable: nobody waits any more; -1: never */
	int64_t         limit_ms;
	PGconn         *conn;
	struct pg_hosts left;   /* hosts that may still answer */
	struct buf      silent; /* sentences about the others */
};

struct dial
{
	atomic_int   users; /* loop and thread */
	struct loop *loop;
	dial_cb     *done;
	void        *arg;
	char        *conninfo;
	enum pg_kind kind;
	int          done_fd; /* eventfds */
	int          stop_fd;
	PGconn      *conn;
	struct err   e;
};

/* --- the hosts ---------------------------------------------------------------- */

/* Text of libpq's while nobody is there to listen. */
static void
ignore_notice(void *arg, const PGresult *res)
{
	(void) arg;
	(void) res;
}

/* Host, address and port that libpq is busy with. */
static char *
call_place(const struct call *call)
{
	const char *host = PQhost(call->conn);
	const char *address = PQhostaddr(call->conn);
	const char *port = PQport(call->conn);

	return xasprintf("%s %s %s", host ? host : "", address ? address : "", port ? port : "");
}

/* Until the socket is ready or the time over: 1, 0; -1: nobody waits any more. */
static int
call_poll(const struct call *call, short events, int64_t end_ms)
{
	struct pollfd fds[] = {{.fd = PQsocket(call->conn), .events = events},
						   {.fd = call->stop_fd, .events = POLLIN}};

	for (int64_t left; (left = end_ms - loop_now_ms()) > 0;)
	{
		int ready = poll(fds, 2, (int) left);

		if (ready > 0 && fds[1].revents)
			return -1;
		if (ready > 0)
			return 1;
	}
	return 0;
}

/* RC_AGAIN: the host is silent. */
static enum rc
call_connect(struct call *call, struct err *e)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	char                     *place = xstrdup("");
	int64_t                   end_ms = 0;
	int                       ready = 1;

	call->conn = pg_connect_start(call->conninfo, call->kind, &call->left);
	PQsetNoticeReceiver(call->conn, ignore_notice, NULL);
	if (PQstatus(call->conn) == CONNECTION_BAD)
		status = PGRES_POLLING_FAILED;
	while (ready > 0 && status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED)
	{
		char *now_at = call_place(call);

		if (strcmp(now_at, place) != 0) /* the next does not pay for the one before */
			end_ms = loop_now_ms() + call->limit_ms;
		free(place);
		place = now_at;
		ready = call_poll(call, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, end_ms);
		if (ready > 0)
			status = PQconnectPoll(call->conn);
	}
	free(place);
	if (ready > 0 && status == PGRES_POLLING_OK)
		return RC_OK;
	if (ready > 0)
		return pg_connect_failed(call->conn, e);
	if (ready == 0)
		return RC_AGAIN;
	err_set(e, ERR_TRANSIENT, E1201, "connecting to PostgreSQL was given up");
	return RC_ERR;
}

static void
call_note_silence(struct call *call)
{
	buf_printf(&call->silent, "%sServer \"%s\", port %s, did not answer within %.0f s.",
			   call->silent.len ? " " : "", PQhost(call->conn), PQport(call->conn),
			   (double) call->limit_ms / 1000);
}

/* What the silent hosts have to do with it. */
static void
call_explain(struct call *call, struct err *e)
{
	char *detail = xstrdup(e->detail);

	if (call->silent.len)
		err_detail(e, "%s%s%s", buf_cstr(&call->silent), *detail ? " " : "", detail);
	free(detail);
}

static PGconn *
call_make(const char *conninfo, enum pg_kind kind, int stop_fd, struct err *e)
{
	struct call call = {.conninfo = conninfo, .kind = kind, .stop_fd = stop_fd};
	enum rc     rc;

	call.limit_ms = pg_conninfo_timeout_ms(conninfo, PG_CONNECT_MS);
	while ((rc = call_connect(&call, e)) == RC_AGAIN)
	{
		call_note_silence(&call);
		if (!pg_hosts_drop(&call.left, call.conn))
		{
			err_set(e, ERR_TRANSIENT, E1201, "PostgreSQL did not answer in time");
			rc = err_hint(e, "Check host and port in source.conninfo, firewalls, and the load of "
							 "the server.");
			break;
		}
		PQfinish(call.conn);
	}
	if (rc == RC_OK)
		pg_connected(call.conn, conninfo);
	else
	{
		call_explain(&call, e);
		PQfinish(call.conn);
		call.conn = NULL;
	}
	pg_hosts_free(&call.left);
	buf_free(&call.silent);
	return call.conn;
}

PGconn *
dial_wait(const char *conninfo, enum pg_kind kind, struct err *e)
{
	return call_make(conninfo, kind, -1, e);
}

/* Threads that are within libpq. */
static atomic_int connecting;

/* --- the thread ----------------------------------------------------------------- */

static void
event_send(int fd)
{
	uint64_t one = 1;
	ssize_t  written = write(fd, &one, sizeof(one));

	(void) written; /* an eventfd at zero always takes it */
}

static void
dial_release(struct dial *dial)
{
	if (atomic_fetch_sub(&dial->users, 1) > 1)
		return;
	PQfinish(dial->conn);
	if (dial->done_fd >= 0)
		close(dial->done_fd);
	if (dial->stop_fd >= 0)
		close(dial->stop_fd);
	free(dial->conninfo);
	free(dial);
}

static void *
dial_main(void *arg)
{
	struct dial *dial = arg;

	dial->conn = call_make(dial->conninfo, dial->kind, dial->stop_fd, &dial->e);
	event_send(dial->done_fd);
	dial_release(dial);
	atomic_fetch_sub(&connecting, 1);
	return NULL;
}

/* --- on the loop ------------------------------------------------------------------ */

static void
on_done(void *arg, int fd, short revents)
{
	struct dial *dial = arg;
	dial_cb     *done = dial->done;
	void        *done_arg = dial->arg;
	PGconn      *conn = dial->conn;
	struct err   e = dial->e;

	(void) revents;
	loop_forget(dial->loop, fd);
	dial->conn = NULL;
	dial_release(dial);
	done(done_arg, conn, &e);
}

bool
dial_is_left_behind(void)
{
	return atomic_load(&connecting) > 0;
}

struct dial *
dial_start(struct loop *loop, const char *conninfo, enum pg_kind kind, dial_cb *done, void *arg,
		   struct err *e)
{
	struct dial   *dial = xcalloc(1, sizeof(*dial));
	pthread_attr_t detached;
	pthread_t      thread;

	atomic_init(&dial->users, 2);
	dial->loop = loop;
	dial->done = done;
	dial->arg = arg;
	dial->conninfo = xstrdup(conninfo);
	dial->kind = kind;
	dial->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	dial->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add(&connecting, 1);
	if (dial->done_fd < 0 || dial->stop_fd < 0 ||
		pthread_create(&thread, &detached, dial_main, dial) != 0)
	{
		err_set(e, ERR_TRANSIENT, E1201, "cannot connect to PostgreSQL");
		err_detail(e, "The system gives no more descriptors or threads.");
		err_hint(e, "Raise the limits of the process (ulimit -n, -u; LimitNOFILE, TasksMax).");
		atomic_fetch_sub(&connecting, 1);
		atomic_store(&dial->users, 1);
		dial_release(dial);
		dial = NULL;
	}
	else
		loop_watch(loop, dial->done_fd, POLLIN, on_done, dial);
	pthread_attr_destroy(&detached);
	return dial;
}

void
dial_cancel(struct dial *dial)
{
	loop_forget(dial->loop, dial->done_fd);
	event_send(dial->stop_fd);
	dial_release(dial);
}
