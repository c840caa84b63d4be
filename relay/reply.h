/*
 * reply.h
 *		Pure: what the answers of a schema registry mean.
 *
 * Statuses and bodies are those of Confluent's REST interface; fields that it
 * does not know are passed over, since others send more.  Called by registry.c.
 */
#ifndef RELAY_REPLY_H
#define RELAY_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

/* Body of a request to register or look up a schema; the caller frees it. */
char *reply_request(const char *schema);

/* True for a status that may go away by itself. */
bool reply_is_retriable(long status);

/*
 * The id in a successful reply.  RC_ERR E1805, class PROTOCOL.  url: of the
 * registry, without user and password, here and below.
 */
enum rc reply_id(const struct buf *reply, const char *url, const char *subject, uint32_t *id,
				 struct err *e) MUST_CHECK;

/* Any other status, as an error: E1802, E1803, E1804 or E1805. */
void reply_refusal(const struct buf *reply, long status, const char *url, const char *subject,
				   bool auto_register, struct err *e);

/*
 * Adds to the detail of *e how the schema in reply, which is that of a GET of
 * the subject's latest version, differs from ours.
 */
void reply_compare(const struct buf *reply, const char *schema, struct err *e);

#endif /* RELAY_REPLY_H */
