/*
 * filter.h
 *		Lists of regular expressions, and what they let through.  Compiled
 *		when the stream starts; matched once per relation (relcache.c) or
 *		message prefix, never per row.
 */
#ifndef WALRELAY_FILTER_H
#define WALRELAY_FILTER_H

#include "postgres.h"

struct options;
struct patterns;

/*
 * Compile a comma-separated list ("\," is a comma inside an expression,
 * spaces around an element do not count, empty elements are ignored).  Each
 * expression must match the whole of a string, in any mix of case (ASCII
 * letters).  Lives in the current memory context, freed by its reset.  NULL
 * for a list without elements.  ERROR, naming the option, for a bad expression.
 */
extern struct patterns *patterns_compile(const char *list, const char *option);

/* Whether any of the expressions matches all of the string. */
extern bool patterns_match(const struct patterns *patterns, const char *string);

/* Whether changes of this table go out: included and not excluded. */
extern bool filter_table(const struct options *options, const char *schema, const char *name);

/* The same for a logical message, by its prefix. */
extern bool filter_message(const struct options *options, const char *prefix);

#endif							/* WALRELAY_FILTER_H */
