/*
 * request.h
 *		What the relay asks of the plugin, by logical message.  Anybody who may
 *		send logical messages can ask the same: nothing in one may be an ERROR,
 *		nor more work than its bounds allow.
 */
#ifndef WALRELAY_REQUEST_H
#define WALRELAY_REQUEST_H

#include "postgres.h"

/*
 * Whether a logical message is the relay's own, which no list of prefixes
 * leaves out.  One that is not transactional never is: it comes where no
 * catalog can be read.
 */
extern bool message_is_request(bool transactional, const char *prefix);

/*
 * The oids that a request to describe lists, as far as they can be read, each
 * once and in the order of their numbers.  Returns how many, 0 for another
 * content; *oids is palloc'd.
 */
extern int	request_read_oids(const char *content, Size size, Oid **oids);

#endif							/* WALRELAY_REQUEST_H */
