/*
 * descriptors.c
 *		The limit of open files; see descriptors.h.
 */
#include "descriptors.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "buf.h"

/* A connection takes so many for a moment: a socket, its resolver's, and two to be woken by. */
#define FOR_CONNECTION 4
/* Pipes and eventfds of ours, with some to spare. */
#define FOR_START 16

/* What the C library says for EMFILE and, with more behind it, for ENFILE. */
#define TOO_MANY "Too many open files"
#define SYSTEM_WIDE "Too many open files in system"

/* Whether there are so many, FOR_START at most: 0, EMFILE or ENFILE. */
static int
descriptors_try(int needed)
{
	int fds[FOR_START];
	int nfds = 0;
	int why = 0;

	while (nfds < needed && why == 0)
	{
		fds[nfds] = eventfd(0, EFD_CLOEXEC);
		if (fds[nfds] < 0)
			why = errno;
		else
			nfds++;
	}
	while (nfds > 0)
		close(fds[--nfds]);
	return why == EMFILE || why == ENFILE ? why : 0;
}

bool
descriptors_are_short(void)
{
	return descriptors_try(FOR_CONNECTION) != 0;
}

/* Errors behind which an open() or socket() that failed may be. */
static bool
is_of_a_peer_or_file(const struct err *e)
{
	switch (e->code)
	{
		case E1002: /* a certificate, a key */
		case E1201:
		case E1801:
		case E2001:
		case E2005:
		case E2008: return true;
		default: return false;
	}
}

/* 0: descriptors are not to blame. */
static int
descriptors_cause(const struct err *e)
{
	if (strstr(e->detail, SYSTEM_WIDE) || strstr(e->msg, SYSTEM_WIDE))
		return ENFILE;
	if (strstr(e->detail, TOO_MANY) || strstr(e->msg, TOO_MANY))
		return EMFILE;
	return is_of_a_peer_or_file(e) ? descriptors_try(FOR_CONNECTION) : 0;
}

static enum rc
blame(int why, const char *doing, const char *detail, struct err *e)
{
	struct rlimit limit = {0};

	(void) getrlimit(RLIMIT_NOFILE, &limit);
	err_set(e, ERR_TRANSIENT, E1007, "too few descriptors: %s", doing);
	if (why == ENFILE)
	{
		err_detail(e, "The whole system has no more open files to give (fs.file-max).%s", detail);
		return err_hint(e,
						"Raise it: sysctl -w fs.file-max=...; or look for the process that has so "
						"many of them: ls /proc/PID/fd.");
	}
	err_detail(e, "The process may have %ju open files and sockets (RLIMIT_NOFILE).%s",
			   (uintmax_t) limit.rlim_cur, detail);
	return err_hint(
		e, "Raise the limit: LimitNOFILE=1024 in its systemd unit, ulimit -n 1024 in a shell, "
		   "--ulimit nofile=1024 for a container; for one that runs prlimit --nofile=1024 "
		   "--pid PID.  Each Kafka broker takes 6 at most, everything else 40.");
}

enum rc
descriptors_prepare(struct err *e)
{
	struct rlimit limit;
	int           why;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max)
	{
		limit.rlim_cur = limit.rlim_max;
		(void) setrlimit(RLIMIT_NOFILE, &limit); /* a kernel that refuses leaves it as it was */
	}
	why = descriptors_try(FOR_START);
	return why ? blame(why, "walrelay cannot start", "", e) : RC_OK;
}

void
descriptors_blame(struct err *e)
{
	int   why = e->code == E1007 ? 0 : descriptors_cause(e);
	char *doing;
	char *detail;

	if (why == 0)
		return;
	doing = xstrdup(e->msg);
	detail = xasprintf("  %s: %s", err_code_name(e->code), e->detail);
	(void) blame(why, doing, detail, e);
	free(doing);
	free(detail);
}

enum rc
descriptors_missing(const char *what, struct err *e)
{
	return blame(errno, what, "", e);
}
