/*
 * check_parts.h
 *		What the files of check.h share; for them only.
 */
#ifndef RELAY_CHECK_PARTS_H
#define RELAY_CHECK_PARTS_H

#include "captured.h"
#include "check.h"

struct check
{
	const struct config *cfg;
	struct findings     *findings;
	bool                 beside; /* a relay streams the slot: places are its own */
	struct visit         visit;
	bool                 visits;       /* the source was reached, and facts are complete */
	bool                 decodes;      /* it can decode, as far as its settings go */
	bool                 room;         /* for a slot to ask the plugin by */
	bool                 knows_tables; /* the plugin has told them */
	struct captures      caps;
	struct route        *routes;
};

/* In this order.  What one could not find out the next ones skip, and say so. */
void check_server(struct check *check);
void check_slot(struct check *check);
void check_tables(struct check *check);
void check_kafka(struct check *check);
void check_registry(struct check *check);
void check_machine(struct check *check);

/* A warning. */
void check_warn(struct check *check, const char *name, const struct err *e);
/* rc is that of a function that fills *e if it fails.  True: it did not. */
bool check_take(struct check *check, const char *name, enum rc rc, const struct err *e);

/* Names for a message: those that are too many are dots.  count: how many there are already. */
void check_name(struct buf *names, unsigned count, const char *name);
#define CHECK_NAMED_MAX 8

/* One query with one row; RC_ERR is a warning already: what it was for is not known. */
enum rc check_ask(struct check *check, const char *name, const char *sql, PGresult **res);

#endif /* RELAY_CHECK_PARTS_H */
