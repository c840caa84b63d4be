/*
 * lose_query.c
 *		lose_query CONNINFO: asks a connection that has just been found to be lost, before anybody
 *		was told: the question has no answer but that.  Prints what the events were.  Called by
 *		016_lost_query.pl.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "query.h"

static struct loop      *loop;
static struct query     *q;
static struct loop_timer first; /* of those that are due */
static const char       *conninfo;
static int               connections;

static void
on_first(void *arg)
{
	(void) arg;
	if (query_is_ready(q))
	{
		loop_timer_set(loop, &first, 0); /* until the round in which the socket says so */
		return;
	}
	puts("not ready");
	query_run(q, "SELECT 1", PG_LOOK);
}

/* Its backend ends behind its back; on_first()'s turn comes before that of what query.c wants to tell. */
static void
end_backend(void)
{
	PGconn     *other = PQconnectdb(conninfo);
	char        pid[16];
	const char *values[] = {pid};
	PGresult   *res;

	snprintf(pid, sizeof(pid), "%d", (int) query_facts(q)->process);
	res = PQexecParams(other, "SELECT pg_terminate_backend($1::int, 60000)", 1, NULL, values, NULL, NULL, 0);
	printf("ended: %s\n", PQresultStatus(res) == PGRES_TUPLES_OK ? PQgetvalue(res, 0, 0) : PQerrorMessage(other));
	PQclear(res);
	PQfinish(other);
}

static void
on_ready(void *arg)
{
	(void) arg;
	puts("ready");
	if (connections++ > 0)
	{
		query_run(q, "SELECT 1", PG_LOOK);
		return;
	}
	end_backend();
	loop_timer_set(loop, &first, 0);
}

static void
on_result(void *arg, const struct pg_result *res)
{
	(void) arg;
	printf("result: %d row\n", query_rows(res));
}

static void
on_done(void *arg, bool failed, const char *state, const struct err *e)
{
	(void) arg;
	(void) state;
	(void) e;
	puts(failed ? "failed" : "done");
	loop_stop(loop);
}

static void
on_lost(void *arg, const struct err *e)
{
	(void) arg;
	printf("lost: %s\n", err_code_name(e->code));
	query_connect(q, conninfo, PG_SQL);
}

int
main(int argc, char **argv)
{
	struct config      *cfg = config_new();
	struct query_events events = {
		.ready = on_ready, .result = on_result, .done = on_done, .lost = on_lost};

	if (argc != 2)
		return 2;
	conninfo = argv[1];
	loop = loop_new();
	first = (struct loop_timer){.cb = on_first};
	q = query_new(loop, cfg, &events);
	query_connect(q, conninfo, PG_SQL);
	loop_run(loop);
	query_free(q);
	loop_free(loop);
	config_free(cfg);
	return 0;
}
