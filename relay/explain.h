/*
 * explain.h
 *		What each stable code means and what to do: `walrelay explain`, docs/errors.md.
 *
 * An error in a log says what was found this once; this says what is behind it.  The texts
 * name no server, table or value.  docs/errors.md is printed by explain_markdown().
 */
#ifndef RELAY_EXPLAIN_H
#define RELAY_EXPLAIN_H

#include <stdio.h>

#include "err.h"

struct explanation
{
	enum err_code code;
	const char   *meaning;   /* what has happened, and how that comes about */
	const char   *meanwhile; /* what walrelay does then, and what becomes of the changes */
	const char   *remedy;    /* imperative; commands stand between backticks */
};

/* explanations.c has one for each of ERR_CODES, in its order; the last has code E0. */
extern const struct explanation explanations[];

/* One code, as "E1204", "e1204" or "1204".  RC_ERR E1006: there is none. */
enum rc explain_code(const char *code, FILE *out, struct err *e) MUST_CHECK;
/* A line for each code. */
void explain_list(FILE *out);
/* All of them, as the page docs/errors.md. */
void explain_markdown(FILE *out);

#endif /* RELAY_EXPLAIN_H */
