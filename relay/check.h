/*
 * check.h
 *		`walrelay check`: looks at everything that a relay needs, and changes nothing.
 *
 * Server, rights, slot, tables, brokers, topics, registry, this machine, in that order; each
 * finding is OK, or says what is wrong and what to do.  What the plugin would send is asked of
 * the plugin itself, by a temporary slot that ends with the connection: no slot of anybody's is
 * read, nothing is registered, no topic is made.  Called by cli_commands.c and preflight.c.
 */
#ifndef RELAY_CHECK_H
#define RELAY_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"
#include "findings.h"

/*
 * Prints what it found.  RC_ERR if something failed: the code and class of the first that did,
 * and how many.  Warnings are no failure.
 */
enum rc check(const struct config *cfg, bool json, FILE *out, struct err *e) MUST_CHECK;

/* The same beside the relay that streams the slot, and without printing. */
void check_beside(const struct config *cfg, struct findings *findings);

#endif /* RELAY_CHECK_H */
