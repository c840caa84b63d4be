/*
 * clock.c
 *		A wall clock that can be set, for one process: preloaded into the relay by the
 *		fault clock-jump (faults.py).
 *
 * WALRELAY_CLOCK names a file of 8 bytes, the seconds to be added, which may change at
 * any time.  What waits for a point of the wall clock waits as the kernel lets it when
 * the clock is set: shorter or longer.  The monotonic clock stays what it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

#define SLICE_NS 50000000 /* how long a wait goes on before it looks at the clock again */

static const int64_t *offset; /* seconds */
static int (*clock_real)(clockid_t, struct timespec *);
static int (*cond_real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*cnd_real)(cnd_t *, mtx_t *, const struct timespec *);
static int (*join_real)(pthread_t, void **, const struct timespec *);

__attribute__((constructor)) static void
clock_init(void)
{
	const char *name = getenv("WALRELAY_CLOCK");
	int         fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	void       *map = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		abort();
	clock_real = dlsym(RTLD_NEXT, "clock_gettime");
	cond_real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	cnd_real = dlsym(RTLD_NEXT, "cnd_timedwait");
	join_real = dlsym(RTLD_NEXT, "pthread_timedjoin_np");
	offset = map;
}

static int64_t
seconds(void)
{
	return offset ? *(const volatile int64_t *) offset : 0;
}

int
clock_gettime(clockid_t id, struct timespec *now)
{
	int rc;

	if (!clock_real)
		clock_real = dlsym(RTLD_NEXT, "clock_gettime");
	rc = clock_real(id, now);
	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		now->tv_sec += seconds();
	return rc;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec now;

	(void) tz;
	clock_gettime(CLOCK_REALTIME, &now);
	tv->tv_sec = now.tv_sec;
	tv->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (t)
		*t = now.tv_sec;
	return now.tv_sec;
}

int
timespec_get(struct timespec *now, int base)
{
	return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

/* slice: in real time, where a wait until then may go to; true if it is then's own end. */
static int
slice(const struct timespec *then, struct timespec *until)
{
	struct timespec end = *then;

	end.tv_sec -= seconds();
	clock_real(CLOCK_REALTIME, until);
	until->tv_nsec += SLICE_NS;
	if (until->tv_nsec >= 1000000000)
	{
		until->tv_nsec -= 1000000000;
		until->tv_sec++;
	}
	if (end.tv_sec > until->tv_sec || (end.tv_sec == until->tv_sec && end.tv_nsec > until->tv_nsec))
		return 0;
	*until = end;
	return 1;
}

/* The wait is over: not because of a slice's end, unless that is the wait's own. */
#define WAIT_IN_SLICES(rc, timed_out, call)               \
	do                                                    \
	{                                                     \
		struct timespec until;                            \
		int             is_last = slice(then, &until);    \
                                                          \
		rc = (call);                                      \
		if (rc != (timed_out) || is_last)                 \
			break;                                        \
	} while (1)

int
pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
					   const struct timespec *restrict then)
{
	int rc;

	WAIT_IN_SLICES(rc, ETIMEDOUT, cond_real(cond, mutex, &until));
	return rc;
}

int
cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict then)
{
	int rc;

	WAIT_IN_SLICES(rc, thrd_timedout, cnd_real(cond, mutex, &until));
	return rc;
}

int
pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *then)
{
	int rc;

	WAIT_IN_SLICES(rc, ETIMEDOUT, join_real(thread, result, &until));
	return rc;
}
