/*
 * preflight.c
 *		A process that checks the set-up of the one that made it; see preflight.h.
 */
#include "preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "check.h"
#include "findings.h"
#include "log.h"

/* What comes through the pipe: each finding, and last how many there were. */
struct told
{
	enum verdict verdict;
	bool         last;
	unsigned     counts[VERDICT_FAIL + 1];
	struct err   e;
};

struct preflight
{
	struct loop *loop;
	pid_t        pid;
	int          go;    /* written to once; -1 then */
	int          found; /* read from */
	struct buf   told;  /* the beginning of one that is not whole yet */
	bool         complete;
};

/* --- the process -------------------------------------------------------------------- */

static void
tell(int to, const struct told *told)
{
	const char *at = (const char *) told;
	size_t      left = sizeof(*told);
	ssize_t     done;

	for (; left > 0; at += done, left -= (size_t) done)
		if ((done = write(to, at, left)) < 0)
		{
			if (errno != EINTR)
				_exit(1);
			done = 0;
		}
}

static void
tell_finding(void *arg, enum verdict verdict, const char *name, const struct err *e)
{
	struct told told = {.verdict = verdict, .e = *e};

	(void) name;
	/* The stream has said these when it began. */
	if (verdict < VERDICT_WARN || e->code == E1255 || e->code == E1256)
		return;
	told.e.gap = NULL; /* a pointer */
	tell(*(int *) arg, &told);
}

static void
child_run(const struct config *cfg, int go, int found)
{
	struct findings *findings = findings_new();
	struct told      last = {.last = true};
	ssize_t          got;
	char             byte;

	do
		got = read(go, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got != 1)
		_exit(0); /* nobody wants to know any more */
	check_beside(cfg, findings);
	findings_each(findings, tell_finding, &found);
	for (unsigned i = 0; i <= VERDICT_FAIL; i++)
		last.counts[i] = findings_count(findings, (enum verdict) i);
	tell(found, &last);
	_exit(0);
}

/* --- the relay ------------------------------------------------------------------------ */

static void
close_pipe(struct preflight *pre)
{
	if (pre->found < 0)
		return;
	loop_forget(pre->loop, pre->found);
	close(pre->found);
	pre->found = -1;
	kill(pre->pid, SIGKILL); /* it has said all that it will */
	while (waitpid(pre->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void
take(struct preflight *pre, const struct told *told)
{
	pre->complete = told->last;
	if (!told->last)
		log_err(LOG_WARN, &told->e, "walrelay check: %s",
				told->verdict == VERDICT_FAIL ? "FAIL" : "WARN");
	else
		log_info("checked the set-up: %u ok, %u skipped, %u warnings, %u failed%s",
				 told->counts[VERDICT_OK], told->counts[VERDICT_SKIP], told->counts[VERDICT_WARN],
				 told->counts[VERDICT_FAIL],
				 told->counts[VERDICT_FAIL] > 0 ? "; changes are streamed all the same" : "");
}

static void
on_found(void *arg, int fd, short revents)
{
	struct preflight *pre = arg;
	struct told       told;
	ssize_t           got;

	(void) revents;
	for (;;)
	{
		buf_reserve(&pre->told, sizeof(told));
		got = read(fd, pre->told.data + pre->told.len, sizeof(told) - pre->told.len);
		if (got <= 0)
			break;
		pre->told.len += (size_t) got;
		if (pre->told.len < sizeof(told))
			continue;
		memcpy(&told, pre->told.data, sizeof(told));
		buf_reset(&pre->told);
		take(pre, &told);
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!pre->complete)
		log_warn("the check of the set-up has died; run \"walrelay check\" to see what it says");
	close_pipe(pre);
}

/* The ends that the relay keeps; the process has the others.  False: errno says why. */
static bool
fork_child(struct preflight *pre, const struct config *cfg)
{
	pid_t parent = getpid();
	int   go[2];
	int   found[2];

	if (pipe2(go, O_CLOEXEC) != 0)
		return false;
	if (pipe2(found, O_CLOEXEC) != 0)
	{
		close(go[0]);
		close(go[1]);
		return false;
	}
	pre->pid = fork();
	if (pre->pid == 0)
	{
		loop_forked();
		close(go[1]);
		close(found[0]);
		prctl(PR_SET_NAME, "walrelay-check");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		child_run(cfg, go[0], found[1]);
	}
	close(go[0]);
	close(found[1]);
	pre->go = go[1];
	pre->found = found[0];
	if (pre->pid > 0)
		return true;
	close(pre->go);
	close(pre->found);
	return false;
}

struct preflight *
preflight_new(struct loop *loop, const struct config *cfg)
{
	struct preflight *pre;

	if (!cfg->relay.check_at_start || cfg->format.sink != SINK_KAFKA)
		return NULL;
	pre = xcalloc(1, sizeof(*pre));
	pre->loop = loop;
	if (fork_child(pre, cfg))
	{
		fcntl(pre->found, F_SETFL, O_NONBLOCK);
		loop_watch(loop, pre->found, POLLIN, on_found, pre);
		return pre;
	}
	log_warn("the set-up cannot be checked: no process can be made for that: %s", strerror(errno));
	free(pre);
	return NULL;
}

void
preflight_go(struct preflight *pre)
{
	if (pre == NULL || pre->go < 0)
		return;
	/* If it has died, that is told by its silence. */
	(void) !write(pre->go, "", 1);
	close(pre->go);
	pre->go = -1;
}

void
preflight_free(struct preflight *pre)
{
	if (pre == NULL)
		return;
	if (pre->go >= 0)
		close(pre->go);
	close_pipe(pre);
	buf_free(&pre->told);
	free(pre);
}
