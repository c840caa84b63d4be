/*
 * waitloop.h
 *		Runs a loop until a condition holds, or fails the test after a deadline.
 */
#ifndef T_UNIT_WAITLOOP_H
#define T_UNIT_WAITLOOP_H

#include "loop.h"
#include "unit.h"

#define WAIT_MS 20000

struct waitloop
{
	struct loop *loop;
	bool (*done)(void *arg);
	void             *arg;
	bool              late;
	struct loop_timer deadline;
	struct loop_timer tick; /* conditions may depend on other threads */
};

static void
waitloop_on_round(void *arg)
{
	struct waitloop *wl = arg;

	if (wl->done && wl->done(wl->arg))
		loop_stop(wl->loop);
}

static void
waitloop_on_deadline(void *arg)
{
	struct waitloop *wl = arg;

	wl->late = true;
	loop_stop(wl->loop);
}

static void
waitloop_on_tick(void *arg)
{
	struct waitloop *wl = arg;

	loop_timer_set(wl->loop, &wl->tick, 5);
}

static void
waitloop_init(struct waitloop *wl)
{
	memset(wl, 0, sizeof(*wl));
	wl->loop = loop_new();
	wl->deadline = (struct loop_timer){.cb = waitloop_on_deadline, .arg = wl};
	wl->tick = (struct loop_timer){.cb = waitloop_on_tick, .arg = wl};
	loop_on_round(wl->loop, waitloop_on_round, wl);
}

/* False: the condition did not come to hold in time. */
static bool
waitloop_run(struct waitloop *wl, bool (*done)(void *arg), void *arg, int64_t ms)
{
	if (done && done(arg))
		return true;
	wl->done = done;
	wl->arg = arg;
	wl->late = false;
	loop_timer_set(wl->loop, &wl->deadline, ms);
	loop_timer_set(wl->loop, &wl->tick, 5);
	loop_run(wl->loop);
	loop_timer_clear(wl->loop, &wl->deadline);
	loop_timer_clear(wl->loop, &wl->tick);
	wl->done = NULL;
	return !wl->late;
}

#define wait_until(wl, done, arg)                               \
	do                                                          \
	{                                                           \
		if (!waitloop_run(wl, done, arg, WAIT_MS))              \
			fail_msg("%s did not come to hold in time", #done); \
	} while (0)

static void
waitloop_end(struct waitloop *wl)
{
	loop_free(wl->loop);
}

#endif /* T_UNIT_WAITLOOP_H */
