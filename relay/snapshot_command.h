/*
 * snapshot_command.h
 *		`walrelay snapshot start|stop|pause|resume`: sends a signal to the relay of the slot, by
 *		a logical message on the source.
 *
 * The relay believes it because of a key that it has put into the progress topic: who may
 * read that may give commands.  Needs Kafka and PostgreSQL; the relay may be down, and hears of
 * it when it is up again.  cli.c calls it.
 */
#ifndef RELAY_SNAPSHOT_COMMAND_H
#define RELAY_SNAPSHOT_COMMAND_H

#include <stdio.h>

#include "config.h"
#include "snapshot_order.h"

/*
 * RC_ERR E1006: it cannot be meant; E1245: no table is meant; E1241: a standby; E2010: no
 * relay has run with the slot; what PostgreSQL and a topic_reader say.  Nothing was sent
 * then, unless the detail says that it may have been.
 */
enum rc snapshot_command(const struct config *cfg, const struct snapshot_order *order, FILE *out,
						 struct err *e) MUST_CHECK;

#endif /* RELAY_SNAPSHOT_COMMAND_H */
