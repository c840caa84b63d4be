/*
 * findings.h
 *		What `walrelay check` found, one after another, and how it is printed.
 *
 * Each finding has a stable name, "server.wal_level", and a verdict.  What is wrong is a
 * struct err, with its code, facts and remedy, as the log would have it.  Called by the
 * files of check.h, and by topics_command.c and schema_diff.c for the form of errors.
 */
#ifndef RELAY_FINDINGS_H
#define RELAY_FINDINGS_H

#include <stdio.h>

#include "buf.h"
#include "err.h"

enum verdict
{
	VERDICT_OK,
	VERDICT_SKIP, /* could not be looked at, or plays no part */
	VERDICT_WARN, /* it works, and will be trouble */
	VERDICT_FAIL  /* `walrelay run` would stop, or not do all of its work */
};

struct findings;

struct findings *findings_new(void);
void             findings_free(struct findings *findings);

/* Nothing is wrong, or nothing was looked at.  name is borrowed, a constant. */
void findings_ok(struct findings *findings, const char *name, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void findings_skip(struct findings *findings, const char *name, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* Something is: *e is copied. */
void findings_add(struct findings *findings, enum verdict verdict, const char *name,
				  const struct err *e);

unsigned findings_count(const struct findings *findings, enum verdict verdict);
/* The first that failed; NULL: none did. */
const struct err *findings_failure(const struct findings *findings);

/* All of them in order; what fn gets is borrowed. */
typedef void finding_fn(void *arg, enum verdict verdict, const char *name, const struct err *e);
void         findings_each(const struct findings *findings, finding_fn *fn, void *arg);

/* A line for each, facts and remedy below it where something is wrong, and the sums. */
void findings_print(const struct findings *findings, FILE *out);
/*
 * {"checks":[{"name":"server.wal_level","verdict":"fail","code":"E1206","message":"...",
 * "detail":"...","hint":"..."}],"ok":12,"skip":0,"warn":1,"fail":1}
 * What is not there is null.
 */
void findings_json(const struct findings *findings, FILE *out);

/*
 * Of one error, for other lists: its code and message, the end of a line; then its facts and its
 * remedy, each a line or several.
 */
void finding_print(const struct err *e, FILE *out);
/* The members ,"code":"E1206","message":"...","detail":"...","hint":"..." */
void finding_json(const struct err *e, struct buf *out);

#endif /* RELAY_FINDINGS_H */
