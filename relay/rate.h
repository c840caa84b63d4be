/*
 * rate.h
 *		Pure: so many a second at most, on average: a bucket of tokens that holds a second's.
 *
 * What is taken is known only when it was taken, so that the bucket may owe; until that is
 * paid off nothing more is begun.  gentle.c asks; times are any clock's that does not go back.
 */
#ifndef RELAY_RATE_H
#define RELAY_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate
{
	uint32_t per_s;   /* 0: no limit */
	int64_t  paid_us; /* when all that was taken is paid off; 0: nothing was taken */
};

/* How long until more may be begun; 0: at once. */
int64_t rate_wait_ms(const struct rate *rate, int64_t now_ms);
void    rate_took(struct rate *rate, uint64_t count, int64_t now_ms);
/* How many to take at once, where count would be liked: no more than a second's. */
uint32_t rate_portion(const struct rate *rate, uint32_t count);

#endif /* RELAY_RATE_H */
