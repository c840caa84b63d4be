/*
 * patterns.h
 *		Pure: Debezium's lists of regular expressions, for what the relay itself
 *		has to match.  Tables are matched by the plugin.
 *
 * Expressions are separated by commas, must match the whole name, and case
 * plays no part, as in Debezium.  The only file that includes pcre2.h is
 * patterns.c: of what Debian has, PCRE2 is nearest to Java's expressions.
 */
#ifndef RELAY_PATTERNS_H
#define RELAY_PATTERNS_H

#include <stdbool.h>

#include "err.h"

struct patterns;

/* *patterns is NULL for an empty list.  setting: the list's name.  RC_ERR E1002. */
enum rc patterns_new(const char *setting, const char *list, struct patterns **patterns,
					 struct err *e) MUST_CHECK;
void    patterns_free(struct patterns *patterns);

/* NULL matches nothing.  A name that takes too long to match does not. */
bool patterns_match(const struct patterns *patterns, const char *name);

#endif /* RELAY_PATTERNS_H */
