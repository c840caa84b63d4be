/*
 * crash_point.c
 *		The process dies where a test wants it to; see crash_point.h.
 *
 * Empty in ordinary builds.  Counting is the only thing that it does to a relay
 * that is not to die at this passing.
 */
#include "crash_point.h"

#ifdef WALRELAY_CRASH_POINTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is to happen to the process, at which passing of which point. */
struct trap
{
	const char *variable;
	int         signal;
	int         point; /* -1: nowhere */
	unsigned    passing;
};

static const struct
{
	const char *name;
	const char *modes;
	const char *when;
} points[] = {
#define CRASH_POINT_ROW(name, modes, when) {#name, #modes, #when},
	CRASH_POINTS(CRASH_POINT_ROW)
#undef CRASH_POINT_ROW
};

static struct trap    traps[] = {{"WALRELAY_CRASH_POINT", SIGKILL, -1, 0},
								 {"WALRELAY_STOP_POINT", SIGSTOP, -1, 0}};
static atomic_uint    passings[CRASH_POINT_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

#define NTRAPS (sizeof(traps) / sizeof(traps[0]))

static void
counts_write(void)
{
	FILE *file = fopen(getenv("WALRELAY_CRASH_COUNTS"), "we");

	if (file == NULL)
		abort(); /* the test that asks for it is wrong */
	for (int i = 0; i < CRASH_POINT_COUNT; i++)
		fprintf(file, "%s %u\n", points[i].name, atomic_load(&passings[i]));
	fclose(file);
}

/* A name that is none must not look like a point that was not passed. */
static void
trap_set(struct trap *trap)
{
	const char *value = getenv(trap->variable);
	size_t      len = value ? strcspn(value, ":") : 0;

	if (value == NULL)
		return;
	for (int i = 0; i < CRASH_POINT_COUNT; i++)
		if (strlen(points[i].name) == len && memcmp(points[i].name, value, len) == 0)
			trap->point = i;
	trap->passing = value[len] ? (unsigned) strtoul(value + len + 1, NULL, 10) : 1;
	if (trap->point < 0 || trap->passing == 0)
	{
		fprintf(stderr, "%s: no such crash point: %s\n", trap->variable, value);
		abort();
	}
}

static void
traps_set(void)
{
	for (size_t i = 0; i < NTRAPS; i++)
		trap_set(&traps[i]);
	if (getenv("WALRELAY_CRASH_COUNTS"))
		atexit(counts_write);
}

void
crash_point_pass(enum crash_point point)
{
	unsigned passing;

	pthread_once(&once, traps_set);
	passing = atomic_fetch_add(&passings[point], 1) + 1;
	for (size_t i = 0; i < NTRAPS; i++)
		if (traps[i].point == (int) point && traps[i].passing == passing)
			kill(getpid(), traps[i].signal);
}

void
crash_points_list(FILE *out)
{
	for (int i = 0; i < CRASH_POINT_COUNT; i++)
		fprintf(out, "%s %s %s\n", points[i].name, points[i].modes, points[i].when);
}

#endif
