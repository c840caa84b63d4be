/*
 * slot.h
 *		The slot commands: create, alter, status, drop.
 *
 * Each connects, does its work and waits for it; cli.c calls them.  None ever
 * ends somebody else's use of a slot.
 */
#ifndef RELAY_SLOT_H
#define RELAY_SLOT_H

#include <stdio.h>

#include "config.h"

/*
 * RC_ERR E1217 if it exists already, and whatever stands in the way.  exports: with a snapshot
 * of the database as of the slot's position, which lives until this comes back: at Enter or
 * the end of standard input, at SIGINT or SIGTERM, or with E1201 when the connection is lost.
 */
enum rc slot_create(const struct config *cfg, bool exports, bool json, FILE *out,
					struct err *e) MUST_CHECK;
/* Makes it a failover slot, or an ordinary one.  RC_ERR E1207 to E1211, E1230, E1231. */
enum rc slot_alter(const struct config *cfg, FILE *out, struct err *e) MUST_CHECK;
/* RC_ERR E1207 if it does not exist; any other trouble of it is shown. */
enum rc slot_status(const struct config *cfg, bool json, FILE *out, struct err *e) MUST_CHECK;
/* RC_ERR E1207, E1208 for another plugin's slot, E1210 if somebody uses it. */
enum rc slot_drop(const struct config *cfg, FILE *out, struct err *e) MUST_CHECK;

#endif /* RELAY_SLOT_H */
