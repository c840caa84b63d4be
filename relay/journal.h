/*
 * journal.h
 *		Pure: the newest errors and warnings that were logged, and how many of each kind.
 *
 * A fixed number of entries: what comes again is counted in its entry, what is older than the
 * newest ten goes.  Texts are those of the log, so they have no row value and no secret; longer
 * ones are cut.  log.c fills it, metrics.h shows it.
 */
#ifndef RELAY_JOURNAL_H
#define RELAY_JOURNAL_H

#include <stdint.h>

#include "err.h"

#define JOURNAL_ENTRIES 10
#define JOURNAL_LEVELS 4 /* error, warn, info, debug: enum log_level */
#define JOURNAL_KEPT 2   /* of these, entries are made of the first so many */

extern const char *const journal_level_names[JOURNAL_LEVELS];

/* What is logged.  Borrowed; NULL: there is none of it. */
struct journal_line
{
	unsigned      level;
	enum err_code code;   /* E0: none */
	const char   *origin; /* the same for lines that differ in numbers only */
	const char   *msg;
	const char   *detail;
	const char   *hint;
	const char   *action;
};

struct journal_entry
{
	unsigned      level;
	enum err_code code;
	const char   *origin;
	char          msg[512]; /* of the newest line; "" for none, so are the others */
	char          detail[2048];
	char          hint[2048];
	char          action[512];
	uint64_t      count;
	int64_t       first_us; /* since the Unix epoch */
	int64_t       last_us;
};

/* Zero it before its first use. */
struct journal
{
	struct journal_entry entries[JOURNAL_ENTRIES]; /* newest first */
	unsigned             nentries;
	uint64_t             levels[JOURNAL_LEVELS]; /* lines of each level */
	uint64_t             codes[NERR_CODES];      /* lines with each code */
};

void journal_add(struct journal *journal, const struct journal_line *line, int64_t now_us);

#endif /* RELAY_JOURNAL_H */
