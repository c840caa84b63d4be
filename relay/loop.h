/*
 * loop.h
 *		One poll() loop: file descriptors, timers, signals.  Knows no domain word.
 *
 * Everything stateful in the relay runs on the thread of loop_run(), so no
 * callback needs a lock.  A callback must not block.
 */
#ifndef RELAY_LOOP_H
#define RELAY_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

typedef void loop_fd_cb(void *arg, int fd, short revents);
typedef void loop_cb(void *arg);

/* Embed one; zero it, set cb and arg; the loop borrows it while it is set. */
struct loop_timer
{
	loop_cb			  *cb;
	void			  *arg;
	int64_t			   due_ms; /* loop time; 0: not set */
	struct loop_timer *next;
};

struct loop *loop_new(void);
void		 loop_free(struct loop *loop);

/*
 * In a process that was forked, first of all: signals are for the one that forked it, which ends
 * this one, and the pipe that they come through is shared until then: who reads it takes them away.
 */
void loop_forked(void);

/*
 * Watches fd for events (POLLIN, POLLOUT); the same call changes them.  With
 * events 0 only errors and hang-ups are reported.  Does not own fd.
 */
void loop_watch(struct loop *loop, int fd, short events, loop_fd_cb *cb, void *arg);
void loop_forget(struct loop *loop, int fd); /* before fd is closed */

/* Fires once, after delay_ms (0: in the next round), unless cleared. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);

/*
 * Calls cb at the end of every round, when descriptors and timers have been
 * served: where work that they made possible is done.
 */
void loop_on_round(struct loop *loop, loop_cb *cb, void *arg);

/* cb runs on the loop, not in the signal handler. */
void loop_on_signal(struct loop *loop, int signo, loop_cb *cb, void *arg);

void	loop_run(struct loop *loop); /* until loop_stop() */
void	loop_stop(struct loop *loop);
int64_t loop_now_ms(void); /* CLOCK_MONOTONIC */

#endif /* RELAY_LOOP_H */
