/*
 * status.h
 *		`walrelay status` and `walrelay top`: what a relay that runs is doing, asked of its admin.listen.
 *
 * Shows what /status says (metrics.h), for people; top shows it again and again, with rates.
 */
#ifndef RELAY_STATUS_H
#define RELAY_STATUS_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

/*
 * json: /status as it is.  RC_ERR E1003: admin.listen is not set; E1009, class TRANSIENT:
 * nobody answers there, or no walrelay.
 */
enum rc status_show(const struct config *cfg, bool json, FILE *out, struct err *e) MUST_CHECK;

/* Until SIGINT or SIGTERM, on a terminal.  RC_ERR also E1006: there is none. */
enum rc status_top(const struct config *cfg, FILE *out, struct err *e) MUST_CHECK;

#endif /* RELAY_STATUS_H */
