/*
 * snapshot_note.h
 *		Pure: what the progress topic keeps of a snapshot: the job, and how far each of
 *		its tables is.
 *
 * Keys: SLOT/snapshot, and SLOT/snapshot/OID for each table, a tombstone once it does not
 * matter any more.  Values, as kcat shows them:
 *	{"version":1,"snapshot":3,"mode":"initial","state":"done","tables":12,"rows":9200000}
 *	{"version":1,"snapshot":3,"relid":16391,"table":"shop.orders","filenode":16391,
 *	 "xmin":742,"rows":120000,"estimated":900000,"done":"0,0-1280,0","complete":false}
 * Members that a reader does not know are passed over; version changes when they may not be.
 */
#ifndef RELAY_SNAPSHOT_NOTE_H
#define RELAY_SNAPSHOT_NOTE_H

#include "err.h"
#include "tid_set.h"

struct cJSON;

/* Of incremental_note.h's, too. */
#define NOTE_VERSION 1

enum snapshot_state
{
	SNAPSHOT_NONE,    /* there never was one */
	SNAPSHOT_LISTING, /* which tables it is of is not written down: it begins anew */
	SNAPSHOT_COPYING, /* rows are missing of those tables that are not complete */
	SNAPSHOT_DONE     /* all rows are in Kafka */
};

struct snapshot_note
{
	enum snapshot_state state;
	uint64_t            id; /* counts jobs of this slot, from 1 */
	char                mode[24];
	uint64_t            tables;
	uint64_t            rows; /* sent; 0 until it is done */
};

/* "copying" */
const char *snapshot_state_name(enum snapshot_state state);

struct table_note
{
	uint64_t       id; /* of its job */
	uint32_t       relid;
	char          *table;     /* schema.table, owned */
	char          *filter;    /* condition of SQL, owned; NULL: all rows */
	uint32_t       filenode;  /* that the places are of */
	uint32_t       xmin;      /* rows written by this transaction or later may have moved since */
	uint64_t       rows;      /* sent */
	int64_t        estimated; /* rows, by PostgreSQL; -1: unknown */
	struct tid_set done;
	bool           complete;
};

void table_note_free(struct table_note *note); /* what it points to */

void snapshot_note_write(const struct snapshot_note *note, struct buf *out);
void table_note_write(const struct table_note *note, struct buf *out);

/*
 * A record's value, of the version that this release knows; NULL: *e says why.  For
 * incremental_note.c, too.  cJSON_Delete() it.
 */
struct cJSON *note_parse(struct str value, struct err *e);

/* Both RC_ERR E2010, without detail: it is no such object.  *note: zeros. */
enum rc snapshot_note_read(struct str value, struct snapshot_note *note, struct err *e) MUST_CHECK;
enum rc table_note_read(struct str value, struct table_note *note, struct err *e) MUST_CHECK;

/* What was found in the topic: the job and its tables, as the records come. */
struct snapshot_found
{
	struct snapshot_note job;
	struct table_note   *tables;
	uint32_t             count;
	uint32_t             max;
};

void snapshot_found_clear(struct snapshot_found *found);
/*
 * One record: key behind "SLOT/snapshot"; value data NULL: a tombstone.  RC_ERR E2010 as
 * above.
 */
enum rc snapshot_found_add(struct snapshot_found *found, struct str key, struct str value,
						   struct err *e) MUST_CHECK;

#endif /* RELAY_SNAPSHOT_NOTE_H */
