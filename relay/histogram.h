/*
 * histogram.h
 *		Pure: how long something took, counted in fixed buckets from 1 ms to 60 s.
 *
 * As Prometheus has histograms: buckets are kept apart here and added up where they are
 * written out.  Adding is a few comparisons, so there is one for each transaction; the memory is
 * what the struct has.
 */
#ifndef RELAY_HISTOGRAM_H
#define RELAY_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BOUNDS 15

/* Zero it before its first use. */
struct histogram
{
	uint64_t buckets[HISTOGRAM_BOUNDS + 1]; /* not added up; the last is for what is over all bounds */
	uint64_t count;
	uint64_t sum_us;
};

/* Microseconds that are still within the bucket. */
extern const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

/* Negative durations, which clocks of two machines make, count as 0. */
void histogram_add(struct histogram *hist, int64_t us);

/*
 * The duration that the share q (0 to 1) does not exceed, in seconds, taken to be spread evenly
 * within its bucket; what is over all bounds counts as the last of them.  NAN: there is none.
 */
double histogram_quantile(const struct histogram *hist, double q);

#endif /* RELAY_HISTOGRAM_H */
