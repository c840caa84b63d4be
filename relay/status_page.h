/*
 * status_page.h
 *		Pure: /status of a relay, as lines for people.
 *
 * Called by status.c.
 */
#ifndef RELAY_STATUS_PAGE_H
#define RELAY_STATUS_PAGE_H

#include <cjson/cJSON.h>

#include "buf.h"

/* Appends the lines.  before: what it was, seconds ago, for rates; NULL: none are shown.  now_s: since the Unix epoch. */
void status_page(const cJSON *now, const cJSON *before, double seconds, double now_s,
				 struct buf *out);

#endif /* RELAY_STATUS_PAGE_H */
