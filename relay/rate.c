/*
 * rate.c
 *		A bucket of tokens, as the time at which it owes nothing any more; see rate.h.
 */
#include "rate.h"

#define SECOND_US INT64_C(1000000)
#define OWED_MAX_US (INT64_C(366) * 86400 * SECOND_US) /* so that no sum overflows */

int64_t
rate_wait_ms(const struct rate *rate, int64_t now_ms)
{
	int64_t owed_us = rate->paid_us - now_ms * 1000;

	if (rate->per_s == 0 || owed_us <= 0)
		return 0;
	return (owed_us + 999) / 1000;
}

void
rate_took(struct rate *rate, uint64_t count, int64_t now_ms)
{
	int64_t full_us = now_ms * 1000 - SECOND_US; /* a bucket that was left alone holds a second's */
	int64_t takes_us = OWED_MAX_US;

	if (rate->per_s == 0)
		return;
	if (rate->paid_us < full_us)
		rate->paid_us = full_us;
	if (count / rate->per_s < (uint64_t) (OWED_MAX_US / SECOND_US))
		takes_us = (int64_t) (count / rate->per_s) * SECOND_US +
				   (int64_t) (count % rate->per_s * (uint64_t) SECOND_US / rate->per_s);
	rate->paid_us += takes_us;
}

uint32_t
rate_portion(const struct rate *rate, uint32_t count)
{
	return rate->per_s > 0 && rate->per_s < count ? rate->per_s : count;
}
