/*
 * progress_report.h
 *		How far a snapshot is, for people: a bar on a terminal, elsewhere a line every 10 s.
 */
#ifndef RELAY_PROGRESS_REPORT_H
#define RELAY_PROGRESS_REPORT_H

#include <stdint.h>

#include "config.h"
#include "loop.h"
#include "progress_bar.h"

struct progress_look
{
	struct progress_state state; /* its rate is found here */
	uint64_t              sent;  /* rows by this process, of which the rate is made */
	bool                  told;  /* why nothing is read was logged, and needs no lines */
};

struct progress_report
{
	const char *title; /* of its lines: "snapshot" */
	/* Fills it in.  False: there is nothing to show. */
	bool (*look)(void *arg, struct progress_look *look);
	void *arg;
	/* Its own. */
	struct loop         *loop;
	const struct config *cfg;
	struct loop_timer    timer;
	uint64_t             sent;
	int64_t              looked_ms;
	double               rate; /* of the bar */
};

/* loop and cfg are borrowed.  Begins, or goes on, until progress_report_end(). */
void progress_report_begin(struct progress_report *report, struct loop *loop,
						   const struct config *cfg);
void progress_report_end(struct progress_report *report);

#endif /* RELAY_PROGRESS_REPORT_H */
