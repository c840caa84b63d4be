/*
 * histogram.c
 *		Durations in buckets; see histogram.h.
 */
#include "histogram.h"

#include <math.h>

const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
	1000,   2500,    5000,    10000,   25000,    50000,    100000,  250000,
	500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000};

void
histogram_add(struct histogram *hist, int64_t us)
{
	unsigned i = 0;

	if (us < 0)
		us = 0;
	while (i < HISTOGRAM_BOUNDS && us > histogram_bounds_us[i])
		i++;
	hist->buckets[i]++;
	hist->count++;
	hist->sum_us += (uint64_t) us;
}

double
histogram_quantile(const struct histogram *hist, double q)
{
	double   rank = q * (double) hist->count;
	double   below = 0;
	double   lower = 0;
	unsigned i = 0;

	if (hist->count == 0)
		return NAN;
	while (i < HISTOGRAM_BOUNDS && below + (double) hist->buckets[i] < rank)
	{
		below += (double) hist->buckets[i];
		lower = (double) histogram_bounds_us[i++];
	}
	if (i < HISTOGRAM_BOUNDS && hist->buckets[i] > 0)
		lower += ((double) histogram_bounds_us[i] - lower) * (rank - below) /
				 (double) hist->buckets[i];
	return lower / 1e6;
}
