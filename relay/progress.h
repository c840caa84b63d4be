/*
 * progress.h
 *		Pure: the record of the progress topic: how far a slot has come, and of
 *		which server.
 *
 * Key: the slot's name.  Value: one JSON object, readable with kcat:
 *	{"version":1,"slot":"walrelay","database":"shop","system_id":"7301...","timeline":1,
 *	 "lsn":"0/16B3748","commit_lsn":"0/16B9F10","changes":1000,"settings":"cbf2...",
 *	 "delivery":"exactly-once","walrelay":"0.1.0","at":"2026-01-01T00:00:00Z"}
 * commit_lsn and changes only where a part of a transaction is in Kafka.  Members
 * that a reader does not know are passed over; version changes when they may not be.
 */
#ifndef RELAY_PROGRESS_H
#define RELAY_PROGRESS_H

#include "buf.h"
#include "cursor.h"
#include "delivery.h"

struct progress
{
	struct position pos;
	char            database[256]; /* UTF-8 or as the server has it */
	uint64_t        system_id;     /* of IDENTIFY_SYSTEM, as the timeline */
	uint32_t        timeline;
	uint64_t        began_lsn; /* lineage.h: the server was a standby when the stream began here;
								* 0: it was none */
	uint64_t        settings;  /* config_fingerprint(): what decides which messages changes become */
	bool            exactly_once;
};

/* at_us: wall clock, microseconds since the Unix epoch. */
void progress_write(const struct progress *progress, const char *slot, int64_t at_us,
					struct buf *out);

/* RC_ERR E2010, without the topic's name: it is no such record; version says what it is. */
enum rc progress_read(struct str value, struct progress *progress, struct err *e) MUST_CHECK;

#endif /* RELAY_PROGRESS_H */
