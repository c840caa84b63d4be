/*
 * incremental_note.h
 *		Pure: what the progress topic keeps of tables that are read while changes stream:
 *		what was asked for and is still to be looked up, and how far each table is.
 *
 * Keys: SLOT/incremental, and SLOT/incremental/OID for each table, a tombstone once it is
 * read or was stopped.  Values, as kcat shows them:
 *	{"version":1,"key":"5f…","paused":false,"signals":[{"id":"924e3ff8","type":…}],
 *	 "topic":"shop-signal","offsets":{"0":17},"filters":"a01c…","known":"16391-16395,16400"}
 *	{"version":1,"relid":16391,"table":"shop.orders","signal":"924e3ff8","filter":"state = 1",
 *	 "hash":"91c2…","after":["17"],"upto":["90000"],"rows":120000,"estimated":900000}
 * Members that a reader does not know are passed over; version changes when they may not be.
 */
#ifndef RELAY_INCREMENTAL_NOTE_H
#define RELAY_INCREMENTAL_NOTE_H

#include "err.h"
#include "key_range.h"
#include "oid_set.h"

#define COMMAND_KEY_LEN 32

/* Signals of a partition before this offset were taken. */
struct signal_offset
{
	int32_t partition;
	int64_t next;
};

/* Of the slot. */
struct incremental_note
{
	char     key[COMMAND_KEY_LEN + 1]; /* hex: who knows it may give commands; "": none yet */
	bool     paused;
	char   **signals; /* JSON of snapshot_signal.h, not looked up yet, in their order; owned */
	uint32_t nsignals;
	char    *topic; /* of Kafka's signals, that signals_at is of; owned; NULL: none */
	struct signal_offset *signals_at; /* owned */
	uint32_t              nsignals_at;
	uint64_t              filters; /* which lists chose the tables of known; 0: it is not known */
	struct oid_set        known;   /* whose rows are in Kafka, or on their way */
};

struct reading_note
{
	uint32_t  relid;
	char     *table;     /* schema.table, UTF-8, owned */
	char     *signal;    /* id, owned; "" */
	char     *filter;    /* condition of SQL, UTF-8, owned; NULL: none */
	uint64_t  hash;      /* key_range_hash() that the keys are of; 0: not begun */
	key_texts after;     /* rows up to this key are in Kafka; empty: none */
	key_texts upto;      /* the largest key there was */
	bool      blocking;  /* to be read while the stream is held: not begun */
	uint64_t  rows;      /* sent */
	int64_t   estimated; /* rows, by PostgreSQL; -1: unknown */
};

void incremental_note_clear(struct incremental_note *note);
void incremental_note_add_signal(struct incremental_note *note, struct str json); /* copied */
void reading_note_clear(struct reading_note *note); /* what it points to */

/* From now on offsets are of this topic: those of another one are forgotten. */
void incremental_note_of_topic(struct incremental_note *note, const char *topic);
/* The first that was not taken; -1: nothing is known of the partition. */
int64_t incremental_note_offset(const struct incremental_note *note, int32_t partition);
void    incremental_note_set_offset(struct incremental_note *note, int32_t partition, int64_t next);

void incremental_note_write(const struct incremental_note *note, struct buf *out);
void reading_note_write(const struct reading_note *note, struct buf *out);

/*
 * Both RC_ERR E2010, without detail: it is no such object (with one: a newer release's).
 * *note: zeros then.
 */
enum rc incremental_note_read(struct str value, struct incremental_note *note,
							  struct err *e) MUST_CHECK;
enum rc reading_note_read(struct str value, struct reading_note *note, struct err *e) MUST_CHECK;

/* What was found in the topic, as the records come. */
struct incremental_found
{
	struct incremental_note job;    /* zeros: none, or a tombstone */
	struct reading_note    *tables; /* without tombstones, in the order that they first came in */
	uint32_t                count;
	uint32_t                max;
};

void incremental_found_clear(struct incremental_found *found);
/*
 * One record: key behind "SLOT/incremental"; value data NULL: a tombstone.  RC_ERR E2010 as
 * above; *found stays as it was.
 */
enum rc incremental_found_add(struct incremental_found *found, struct str key, struct str value,
							  struct err *e) MUST_CHECK;

#endif /* RELAY_INCREMENTAL_NOTE_H */
