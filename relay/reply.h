/*
 * reply.h
 *		Pure: what the answers of a schema registry mean.
 *
 * Statuses and bodies are those of Confluent's REST interface; fields that it
 * does not know are passed over, since others send more.  Called by registry.c
 * and inquiry.c.
 */
#ifndef RELAY_REPLY_H
#define RELAY_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

/* What was asked for; strings are borrowed. */
struct asked
{
	const char *url; /* of the registry, without user and password */
	const char *subject;
	const char *escaped; /* the subject as part of a path */
	const char *schema;  /* ours */
	bool        auto_register;
	bool        use_latest;
	bool        dead_letter; /* schema.on.incompatible */
};

/* A version of a subject.  The owner of the struct frees schema. */
struct version
{
	char    *schema; /* NULL: none is known */
	int      number; /* 0: not known */
	uint32_t id;
};

#define LEVEL_MAX 32 /* bytes of a compatibility level's name, with its end */

/* Body of a request to register or look up a schema; the caller frees it. */
char *reply_request(const char *schema);

/* The id in a successful reply.  RC_ERR E1805, class PROTOCOL. */
enum rc reply_id(const struct buf *reply, const struct asked *asked, uint32_t *id,
				 struct err *e) MUST_CHECK;

/* The reply to a GET of a version.  RC_ERR E1805; *version is as it was then. */
enum rc reply_version(const struct buf *reply, const struct asked *asked, struct version *version,
					  struct err *e) MUST_CHECK;

/* The version's number in the reply to a look-up; 0: it has none.  RC_ERR E1805: no such reply. */
enum rc reply_number(const struct buf *reply, const struct asked *asked, int *number,
					 struct err *e) MUST_CHECK;

/*
 * The reply to a question for compatibility; reasons: what the registry says to it is appended, a
 * line each; NULL: nobody wants to know.  RC_ERR E1805.
 */
enum rc reply_compatible(const struct buf *reply, const struct asked *asked, bool *compatible,
						 struct buf *reasons, struct err *e) MUST_CHECK;

/* Whether a reply of status 404 means that there is no such subject, or no version of it. */
bool reply_is_unknown(const struct buf *reply);

/* The level in the reply to a GET of a configuration; "" if it has none. */
void reply_level(const struct buf *reply, char level[LEVEL_MAX]);

/*
 * Any other status, as an error: E1802 to E1806 or E1808; what the registry
 * says of it is the detail.
 */
void reply_refusal(const struct buf *reply, long status, const struct asked *asked, struct err *e);

/*
 * Whether somebody else has registered something for the subject just then, which
 * Apicurio says with the status of an incompatible schema.  Nothing was refused.
 */
bool reply_is_race(const struct buf *reply, long status);

/*
 * Completes a refusal, of which *e has what reply_refusal() filled in: how our
 * schema differs from the latest one, what the level in force says to that,
 * both schemas, and the ways out.  level: "" if it is not known.
 */
void reply_explain(const struct asked *asked, const struct version *latest, const char *level,
				   struct err *e);

/* use.latest.version: the latest version is not ours.  Fills *e, E1807. */
void reply_other_latest(const struct asked *asked, const struct version *latest,
						const char *difference, struct err *e);

#endif /* RELAY_REPLY_H */
