/*
 * slot_guard.c
 *		Levels, rates and heartbeats; see slot_guard.h.
 */
#include "slot_guard.h"

/* Without any limit only this much is worth a warning. */
#define MUCH_BYTES (UINT64_C(10) * 1024 * 1024 * 1024)

struct threshold
{
	unsigned percent;   /* of the limit */
	int64_t  left_s;    /* or so little time, from HURRY_PERCENT on; 0: no matter */
};

#define HURRY_PERCENT 25

static const struct threshold thresholds[GUARD_LEVELS] = {
	[GUARD_WARN] = {50, 30 * 60},
	[GUARD_PAUSE] = {75, 10 * 60},
	[GUARD_STOP] = {90, 0},
};

/* --- what was seen --------------------------------------------------------------- */

/* The look so many before the last one. */
static unsigned
sample_at(const struct slot_guard *guard, unsigned age)
{
	return (guard->next + GUARD_SAMPLES - 1 - age) % GUARD_SAMPLES;
}

static void
guard_add(struct slot_guard *guard, const struct guard_look *look, int64_t now_ms)
{
	guard->samples[guard->next].ms = now_ms;
	guard->samples[guard->next].retained = look->retained;
	guard->samples[guard->next].confirmed = look->confirmed;
	guard->next = (guard->next + 1) % GUARD_SAMPLES;
	guard->count += guard->count < GUARD_SAMPLES;
	while (guard->count > 1 &&
		   now_ms - guard->samples[sample_at(guard, guard->count - 1)].ms > GUARD_WINDOW_MS)
		guard->count--;
}

/* Milliseconds between the first look and the last. */
static int64_t
guard_span(const struct slot_guard *guard)
{
	if (guard->count < 2)
		return 0;
	return guard->samples[sample_at(guard, 0)].ms -
		   guard->samples[sample_at(guard, guard->count - 1)].ms;
}

/* The look that kept least of those between two ages. */
static unsigned
least_of(const struct slot_guard *guard, unsigned from, unsigned to)
{
	unsigned least = sample_at(guard, from);

	for (unsigned age = from + 1; age < to; age++)
		if (guard->samples[sample_at(guard, age)].retained <= guard->samples[least].retained)
			least = sample_at(guard, age);
	return least;
}

/* From the least of the older half to the least of the newer one. */
int64_t
slot_guard_growth(const struct slot_guard *guard)
{
	unsigned older, newer;
	int64_t  ms;
	double   bytes;

	if (guard_span(guard) < GUARD_SPAN_MS)
		return GUARD_UNKNOWN;
	newer = least_of(guard, 0, guard->count / 2);
	older = least_of(guard, guard->count / 2, guard->count);
	bytes = (double) guard->samples[newer].retained - (double) guard->samples[older].retained;
	ms = guard->samples[newer].ms - guard->samples[older].ms;
	return bytes > 0 && ms > 0 ? (int64_t) (bytes * 1000 / (double) ms) : 0;
}

int64_t
slot_guard_seconds_left(const struct slot_guard *guard)
{
	int64_t growth = slot_guard_growth(guard);

	if (guard->limit == 0 || growth <= 0)
		return GUARD_UNKNOWN;
	return guard->retained >= guard->limit ? 0
										   : (int64_t) ((guard->limit - guard->retained) /
														(uint64_t) growth);
}

unsigned
slot_guard_percent(const struct slot_guard *guard)
{
	if (guard->limit == 0)
		return 0;
	return guard->retained >= guard->limit
			   ? 100
			   : (unsigned) ((double) guard->retained * 100 / (double) guard->limit);
}

bool
slot_guard_is_stuck(const struct slot_guard *guard)
{
	const unsigned last = sample_at(guard, 0);

	for (unsigned age = 1; age < guard->count; age++)
	{
		unsigned at = sample_at(guard, age);

		if (guard->samples[at].confirmed != guard->samples[last].confirmed)
			return false;
		if (guard->samples[last].ms - guard->samples[at].ms >= GUARD_SPAN_MS)
			return true;
	}
	return false;
}

/* --- levels ---------------------------------------------------------------------- */

/* slot.guard.bytes or the server's, whichever is reached first. */
static void
guard_set_limit(struct slot_guard *guard, const struct guard_look *look)
{
	uint64_t server = look->safe < 0 ? 0 : look->retained + (uint64_t) look->safe;

	guard->by_server = server > 0 && (look->allowed == 0 || server <= look->allowed);
	guard->limit = guard->by_server ? server : look->allowed;
}

static bool
reaches(const struct slot_guard *guard, enum guard_level level, bool unreserved)
{
	const struct threshold *threshold = &thresholds[level];
	unsigned                percent = slot_guard_percent(guard);
	int64_t                 left_s = slot_guard_seconds_left(guard);
	/* What was reached is left only well below it, so that it does not come and go. */
	bool                    there = guard->level >= level;

	if (unreserved)
		return true;
	if (guard->limit == 0)
		return level == GUARD_WARN && guard->retained >= (there ? MUCH_BYTES / 5 * 4 : MUCH_BYTES);
	if (percent >= (there ? threshold->percent / 5 * 4 : threshold->percent))
		return true;
	return percent >= HURRY_PERCENT && left_s >= 0 &&
		   left_s < (there ? 2 * threshold->left_s : threshold->left_s);
}

enum guard_level
slot_guard_take(struct slot_guard *guard, const struct guard_look *look, int64_t now_ms)
{
	enum guard_level level = GUARD_STOP;

	guard_add(guard, look, now_ms);
	guard->retained = look->retained;
	guard_set_limit(guard, look);
	while (level > GUARD_FINE && !reaches(guard, level, look->unreserved))
		level--;
	return guard->level = level;
}

/* --- heartbeats ------------------------------------------------------------------ */

static int64_t
heartbeat_pause(const struct heartbeat *beat, uint32_t interval_ms)
{
	int64_t pause_ms = interval_ms;

	for (unsigned i = 0; i < beat->in_vain && pause_ms < HEARTBEAT_MAX_MS; i++)
		pause_ms *= 2;
	/* Somebody may want them still less often. */
	return pause_ms < HEARTBEAT_MAX_MS || interval_ms >= HEARTBEAT_MAX_MS ? pause_ms
																		  : HEARTBEAT_MAX_MS;
}

bool
heartbeat_is_due(struct heartbeat *beat, const struct heartbeat_look *look, int64_t now_ms)
{
	/* Who has just begun to stream has not had the time to move it. */
	if (look->restart != beat->restart || !look->settled || !look->matters)
	{
		if (look->restart != beat->restart)
			beat->in_vain = 0;
		beat->restart = look->restart;
		if (beat->in_vain == 0)
			beat->since_ms = now_ms;
		return false;
	}
	if (look->interval_ms == 0 || now_ms - beat->since_ms < heartbeat_pause(beat, look->interval_ms))
		return false;
	beat->since_ms = now_ms;
	beat->in_vain++;
	return true;
}
