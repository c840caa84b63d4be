/*
 * progress_bar.h
 *		Pure: how far a snapshot is, as a bar for a terminal and as words for a log.
 *
 * How many rows there are PostgreSQL only estimates, often wrongly: a share of it is never
 * more than 99 %, and of what is beyond it nobody knows how long it takes.  Called by
 * progress_report.c.
 */
#ifndef RELAY_PROGRESS_BAR_H
#define RELAY_PROGRESS_BAR_H

#include <stdint.h>

#include "buf.h"

struct progress_state
{
	uint64_t    tables;
	uint64_t    tables_complete;
	uint64_t    rows;
	uint64_t    estimated; /* 0: unknown */
	double      rate;      /* rows/s, lately */
	const char *waits;     /* what nothing is read for just now; NULL: it goes on */
};

/* 0 to 99; -1: not known. */
int progress_share(const struct progress_state *state);
/* Seconds; -1: not known. */
int64_t progress_left_s(const struct progress_state *state);

/*
 * One line without its end, of ASCII, and of fewer characters than columns: what matters
 * least is left out first.
 */
void progress_bar_text(const struct progress_state *state, unsigned columns, struct buf *out);
/* "1 of 2 tables, 1000 rows, about 40%, 100 rows/s, about 15 s left" */
void progress_line_text(const struct progress_state *state, struct buf *out);

#endif /* RELAY_PROGRESS_BAR_H */
