/*
 * check_parts.h
 *		What the files of check.h share; for them only.
 */
#ifndef RELAY_CHECK_PARTS_H
#define RELAY_CHECK_PARTS_H

#include "check.h"
#include "encode.h"
#include "findings.h"
#include "format.h"
#include "route.h"
#include "visit.h"

/* A table that changes are captured of. */
struct captured
{
	struct table    *tbl;
	char            *name;  /* schema.table, UTF-8 */
	bool             again; /* another partition of a root whose topic and schemas it shares */
	char            *topic; /* NULL: it can have none, or again */
	struct plan     *plan;  /* its schemas; the same */
	struct captured *next;
};

struct check
{
	const struct config *cfg;
	struct findings     *findings;
	struct visit         visit;
	bool                 visits;       /* the source was reached, and facts are complete */
	bool                 decodes;      /* it can decode, as far as its settings go */
	bool                 knows_tables; /* the plugin has told them */
	struct captured     *tables;
	unsigned             ntables; /* but those that are there again */
	struct route        *routes;
	struct format        fmt;
	struct encode_stats  stats;
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

/* One query with one row; RC_ERR is a warning already: what it was for is not known. */
enum rc check_ask(struct check *check, const char *name, const char *sql, PGresult **res);

#endif /* RELAY_CHECK_PARTS_H */
