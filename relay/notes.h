/*
 * notes.h
 *		What the progress topic keeps of the snapshots of a slot, read once for a command.
 *
 * Needs Kafka alone, and writes nothing.  Called by snapshot_status.c and snapshot_command.c.
 */
#ifndef RELAY_NOTES_H
#define RELAY_NOTES_H

#include "config.h"
#include "incremental_note.h"
#include "snapshot_note.h"

struct notes
{
	char                    *topic; /* that they are of */
	struct snapshot_found    snapshot;
	struct incremental_found incremental;
};

/*
 * Waits until all is read; no topic is one without notes.  RC_ERR: the settings of Kafka are
 * not enough, or what a topic_reader says, or E2010; *notes is to be cleared then, too.
 */
enum rc notes_read(const struct config *cfg, struct notes *notes, struct err *e) MUST_CHECK;
void    notes_clear(struct notes *notes);

#endif /* RELAY_NOTES_H */
