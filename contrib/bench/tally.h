/*
 * tally.h
 *		Finds the rows of a workload in the bytes that came out, and counts them.
 *
 * Each row carries its number as #NNNNNNNNN# in a text column, which every
 * output plugin and Avro pass on as it is: one check for all formats.  Used by
 * receive.c, latency.c and bareproducer.c.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stddef.h>

struct tally
{
	long           messages;
	long long      bytes;      /* of all messages */
	long           rows;       /* different numbers seen, of 1..wanted */
	long           repeated;   /* numbers seen again */
	long           misordered; /* numbers smaller than the one before */
	long           strange;    /* numbers outside 1..wanted */
	long           last;
	long           wanted; /* 0: only messages and bytes are counted */
	unsigned char *seen;   /* by number; owned */
};

/*
 * The number in the next marker at or after *pos, which moves behind it, or -1
 * when there is none.
 */
long tally_marker(const char *body, size_t len, size_t *pos);

void tally_init(struct tally *tally, long wanted);
void tally_add(struct tally *tally, const char *body, size_t len);

/* Prints the tally as a JSON object and frees what it owns. */
void tally_finish(struct tally *tally);

#endif
