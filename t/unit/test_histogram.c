/*
 * test_histogram.c
 *		Durations into buckets, compared with a count by hand; quantiles with sorted values.
 */
#include <math.h>
#include <stdlib.h>

#include "histogram.h"
#include "unit.h"

/* A bound belongs to its own bucket, one microsecond more to the next. */
static void
bounds_are_inclusive(void **state)
{
	(void) state;
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++)
	{
		struct histogram hist = {0};

		histogram_add(&hist, histogram_bounds_us[i]);
		histogram_add(&hist, histogram_bounds_us[i] + 1);
		assert_int_equal(hist.buckets[i], 1);
		assert_int_equal(hist.buckets[i + 1], 1);
		assert_int_equal(hist.count, 2);
		assert_int_equal(hist.sum_us, 2 * histogram_bounds_us[i] + 1);
		if (i > 0)
			assert_true(histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
	}
	assert_int_equal(histogram_bounds_us[0], 1000);
	assert_int_equal(histogram_bounds_us[HISTOGRAM_BOUNDS - 1], 60000000);
}

static void
a_clock_that_is_behind_counts_as_nothing(void **state)
{
	struct histogram hist = {0};

	(void) state;
	histogram_add(&hist, -5000000);
	histogram_add(&hist, INT64_MIN);
	assert_int_equal(hist.buckets[0], 2);
	assert_int_equal(hist.count, 2);
	assert_int_equal(hist.sum_us, 0);
}

static void
hours_are_in_the_last_bucket(void **state)
{
	struct histogram hist = {0};

	(void) state;
	histogram_add(&hist, INT64_C(7200000000));
	assert_int_equal(hist.buckets[HISTOGRAM_BOUNDS], 1);
	assert_true(histogram_quantile(&hist, 0.99) == 60.0);
}

static int
compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *) a;
	int64_t right = *(const int64_t *) b;

	return left < right ? -1 : left > right;
}

/* The true one lies in the bucket that the answer is in. */
static void
quantiles_are_within_their_bucket(void **state)
{
	static const double shares[] = {0.0, 0.01, 0.5, 0.9, 0.99, 1.0};
	int64_t             values[1000];

	(void) state;
	srand(7);
	for (unsigned turn = 0; turn < 200; turn++)
	{
		struct histogram hist = {0};
		unsigned         n = 1 + (unsigned) rand() % 1000;

		for (unsigned i = 0; i < n; i++)
		{
			values[i] = (int64_t) rand() % 50000000 >> rand() % 16;
			histogram_add(&hist, values[i]);
		}
		qsort(values, n, sizeof(values[0]), compare);
		for (unsigned s = 0; s < sizeof(shares) / sizeof(shares[0]); s++)
		{
			double   rank = ceil(shares[s] * n);
			int64_t  true_us = values[rank < 1 ? 0 : (unsigned) rank - 1];
			int64_t  us = (int64_t) round(histogram_quantile(&hist, shares[s]) * 1e6);
			unsigned in = 0;

			while (true_us > histogram_bounds_us[in])
				in++;
			assert_true(us <= histogram_bounds_us[in]);
			assert_true(shares[s] == 0.0 || in == 0 || us >= histogram_bounds_us[in - 1]);
		}
	}
}

static void
nothing_has_no_quantile(void **state)
{
	struct histogram hist = {0};

	(void) state;
	assert_true(isnan(histogram_quantile(&hist, 0.5)));
	histogram_add(&hist, 400);
	assert_true(histogram_quantile(&hist, 0.5) > 0.0 && histogram_quantile(&hist, 0.5) < 0.001);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(bounds_are_inclusive),
									   cmocka_unit_test(a_clock_that_is_behind_counts_as_nothing),
									   cmocka_unit_test(hours_are_in_the_last_bucket),
									   cmocka_unit_test(quantiles_are_within_their_bucket),
									   cmocka_unit_test(nothing_has_no_quantile)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
