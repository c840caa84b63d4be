/*
 * visit.h
 *		One connection to the source that commands use, waiting for each answer.
 *
 * slot.c and the files of check.h call it.  It looks at server and slot as handshake.c does.
 */
#ifndef RELAY_VISIT_H
#define RELAY_VISIT_H

#include <libpq-fe.h>

#include "pg.h"

struct visit
{
	const struct config *cfg;
	PGconn              *conn;
	struct pg_facts      facts;
	struct buf           sql; /* whoever asks may write it here */
};

/*
 * Connects and learns everything about server and slot; of a server before PostgreSQL 15 only
 * its version, which is RC_ERR E1216.  *visit: zeros but for cfg.  visit_end() follows, whatever
 * comes back.  With RC_ERR the connection may be there (conn), and facts as far as they came.
 */
enum rc visit_begin(struct visit *visit, enum pg_kind kind, struct err *e) MUST_CHECK;
void    visit_end(struct visit *visit);

/* The last result in *res, if the caller wants it; he clears it. */
enum rc visit_ask(struct visit *visit, const char *sql, enum pg_stage stage, PGresult **res,
				  struct err *e) MUST_CHECK;

#endif /* RELAY_VISIT_H */
