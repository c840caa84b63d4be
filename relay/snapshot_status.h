/*
 * snapshot_status.h
 *		`walrelay snapshot status`: how far snapshots are, by what is written down of them.
 *
 * Needs Kafka alone, no relay that runs and no PostgreSQL.  cli.c calls it.
 */
#ifndef RELAY_SNAPSHOT_STATUS_H
#define RELAY_SNAPSHOT_STATUS_H

#include <stdio.h>

#include "config.h"

/* RC_ERR: the settings of Kafka are not enough, or what a topic_reader says, or E2010. */
enum rc snapshot_status(const struct config *cfg, bool json, FILE *out, struct err *e) MUST_CHECK;

#endif /* RELAY_SNAPSHOT_STATUS_H */
