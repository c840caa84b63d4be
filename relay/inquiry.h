/*
 * inquiry.h
 *		What the schema registry says of the schemas of captured tables: for commands.
 *
 * Nothing is registered: schemas are looked up, or their compatibility is asked for.  Over
 * desk.c; reply.c knows what answers mean.  Called by check_registry.c and schema_diff.c.
 */
#ifndef RELAY_INQUIRY_H
#define RELAY_INQUIRY_H

#include "captured.h"
#include "desk.h"
#include "reply.h"

/* Zeros before inquiry_open(). */
struct inquiry
{
	const struct config *cfg;
	struct desk          desk;
	char                 level[LEVEL_MAX]; /* the global one; "": it was not told */
};

/*
 * Asks what every registry can answer.  inquiry_close() follows, whatever comes back.  RC_ERR
 * E1801, E1804, E1805; E1002 as http_new().
 */
enum rc inquiry_open(struct inquiry *inq, const struct config *cfg, struct err *e) MUST_CHECK;
void    inquiry_close(struct inquiry *inq);

/* The subject of one side of a table. */
struct matter
{
	struct asked asked; /* of what follows */
	char        *subject;
	char        *escaped;
	char        *body; /* of requests */
	char        *url;
};

/* False: that side has no schema.  matter_free() follows, if it has. */
bool matter_of(const struct inquiry *inq, const struct captured *table, enum side side,
			   struct matter *matter);
void matter_free(struct matter *matter);

/*
 * All of these give RC_ERR for what is no answer: E1801, and what reply_refusal() and reply.h's
 * other functions make of it.
 */

/* The newest version; schema stays NULL if there is no such subject.  The caller frees it. */
enum rc inquiry_latest(struct inquiry *inq, const struct matter *matter, struct version *latest,
					   struct err *e) MUST_CHECK;

/* Which version our schema is, 0: of a number that is not told.  RC_ERR E1806: it is none. */
enum rc inquiry_lookup(struct inquiry *inq, const struct matter *matter, int *number,
					   struct err *e) MUST_CHECK;

/*
 * Whether our schema could be registered behind the newest one; reasons: what the registry says
 * to that is appended, a line each; may be NULL.
 */
enum rc inquiry_accepts(struct inquiry *inq, const struct matter *matter, bool *accepts,
						struct buf *reasons, struct err *e) MUST_CHECK;

/* The level in force for the subject, which accepts our schema or not; "" if it is not told. */
void inquiry_level(struct inquiry *inq, const struct matter *matter, bool accepts,
				   char level[LEVEL_MAX]);

/* Fills *e, E1802: it could not, how it differs from latest, and the ways out. */
void inquiry_explain(const struct matter *matter, const struct version *latest, const char *level,
					 struct err *e);

#endif /* RELAY_INQUIRY_H */
