/*
 * loop.c
 *		poll(), a list of timers, a pipe for signals; see loop.h.
 *
 * A dozen descriptors and as many timers: arrays and lists are walked.
 */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"

#define MAX_SIGNAL 64

struct watch
{
	loop_fd_cb *cb; /* NULL: forgotten, swept before the next poll */
	void	   *arg;
};

struct hook
{
	loop_cb *cb;
	void	*arg;
};

struct loop
{
	struct pollfd	  *fds; /* parallel to watches */
	struct watch	  *watches;
	unsigned		   nfds;
	unsigned		   cap;
	struct loop_timer *timers;
	struct hook		   rounds[8];
	unsigned		   nrounds;
	struct hook		   signals[MAX_SIGNAL];
	bool			   stopped;
};

/* Signal handlers have no argument: the one thing here that is global. */
static int signal_pipe[2] = {-1, -1};

static void
on_signal_byte(void *arg, int fd, short revents)
{
	struct loop	 *loop = arg;
	unsigned char signo;

	(void) revents;
	while (read(fd, &signo, 1) == 1)
		if (signo < MAX_SIGNAL && loop->signals[signo].cb)
			loop->signals[signo].cb(loop->signals[signo].arg);
}

static void
signal_handler(int signo)
{
	int			  saved = errno;
	unsigned char byte = (unsigned char) signo;
	ssize_t		  written = write(signal_pipe[1], &byte, 1); /* full pipe: enough are pending */

	(void) written;
	errno = saved;
}

struct loop *
loop_new(void)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_NONBLOCK | O_CLOEXEC) == 0)
		signal(SIGPIPE, SIG_IGN);
	loop_watch(loop, signal_pipe[0], POLLIN, on_signal_byte, loop);
	return loop;
}

/* The handlers go first: without a pipe they have nowhere to write. */
void
loop_forked(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
	for (int i = 0; i < 2 && signal_pipe[i] >= 0; i++)
	{
		close(signal_pipe[i]);
		signal_pipe[i] = -1;
	}
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	for (int signo = 0; signo < MAX_SIGNAL; signo++)
		if (loop->signals[signo].cb)
			signal(signo, SIG_DFL);
	free(loop->fds);
	free(loop->watches);
	free(loop);
}

void
loop_watch(struct loop *loop, int fd, short events, loop_fd_cb *cb, void *arg)
{
	unsigned i = 0;

	while (i < loop->nfds && (loop->fds[i].fd != fd || loop->watches[i].cb == NULL))
		i++;
	if (i == loop->nfds)
	{
		if (loop->nfds == loop->cap)
		{
			loop->cap = loop->cap ? loop->cap * 2 : 16;
			loop->fds = xrealloc(loop->fds, loop->cap * sizeof(*loop->fds));
			loop->watches = xrealloc(loop->watches, loop->cap * sizeof(*loop->watches));
		}
		loop->nfds++;
		loop->fds[i].fd = fd;
		loop->fds[i].revents = 0;
	}
	loop->fds[i].events = events;
	loop->watches[i] = (struct watch){cb, arg};
}

void
loop_forget(struct loop *loop, int fd)
{
	/* Only marked: this may be called from a callback of the same round. */
	for (unsigned i = 0; i < loop->nfds; i++)
		if (loop->fds[i].fd == fd)
			loop->watches[i].cb = NULL;
}

static void
sweep(struct loop *loop)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < loop->nfds; i++)
		if (loop->watches[i].cb)
		{
			loop->fds[kept] = loop->fds[i];
			loop->watches[kept++] = loop->watches[i];
		}
	loop->nfds = kept;
}

int64_t
loop_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **at = &loop->timers;

	while (*at && *at != timer)
		at = &(*at)->next;
	if (*at)
		*at = timer->next;
	timer->due_ms = 0;
	timer->next = NULL;
}

void
loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
	struct loop_timer **at = &loop->timers;

	loop_timer_clear(loop, timer);
	timer->due_ms = loop_now_ms() + (delay_ms > 0 ? delay_ms : 0);
	while (*at && (*at)->due_ms <= timer->due_ms)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
}

/* One a round: it may set and clear any other.  poll() does not wait for the next. */
static void
run_timer(struct loop *loop)
{
	struct loop_timer *timer = loop->timers;

	if (timer == NULL || timer->due_ms > loop_now_ms())
		return;
	loop_timer_clear(loop, timer);
	timer->cb(timer->arg);
}

void
loop_on_round(struct loop *loop, loop_cb *cb, void *arg)
{
	if (loop->nrounds == sizeof(loop->rounds) / sizeof(loop->rounds[0]))
		abort();
	loop->rounds[loop->nrounds++] = (struct hook){cb, arg};
}

void
loop_on_signal(struct loop *loop, int signo, loop_cb *cb, void *arg)
{
	struct sigaction action = {.sa_handler = signal_handler, .sa_flags = SA_RESTART};

	loop->signals[signo] = (struct hook){cb, arg};
	sigaction(signo, &action, NULL);
}

static int
poll_timeout(const struct loop *loop)
{
	int64_t wait;

	if (loop->timers == NULL)
		return -1;
	wait = loop->timers->due_ms - loop_now_ms();
	return wait <= 0 ? 0 : wait > 3600000 ? 3600000 : (int) wait;
}

void
loop_run(struct loop *loop)
{
	while (!loop->stopped)
	{
		unsigned nfds;

		sweep(loop);
		nfds = loop->nfds;
		if (poll(loop->fds, nfds, poll_timeout(loop)) < 0)
			for (unsigned i = 0; i < nfds; i++)
				loop->fds[i].revents = 0;
		for (unsigned i = 0; i < nfds && !loop->stopped; i++)
			if (loop->fds[i].revents && loop->watches[i].cb)
				loop->watches[i].cb(loop->watches[i].arg, loop->fds[i].fd, loop->fds[i].revents);
		run_timer(loop);
		for (unsigned i = 0; i < loop->nrounds && !loop->stopped; i++)
			loop->rounds[i].cb(loop->rounds[i].arg);
	}
	loop->stopped = false;
}

void
loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
