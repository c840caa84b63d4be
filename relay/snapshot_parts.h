/*
 * snapshot_parts.h
 *		What the files of a snapshot share; nobody else includes it.
 *
 * snapshot.c has the job and its rounds, snapshot_table.c which tables it is of,
 * snapshot_read.c the connections, snapshot_send.c what becomes of the rows that were read
 * and how that is written down, snapshot_watch.c what people see.
 */
#ifndef RELAY_SNAPSHOT_PARTS_H
#define RELAY_SNAPSHOT_PARTS_H

#include <uthash.h>

#include "chunk_plan.h"
#include "copy_row.h"
#include "nonce.h"
#include "progress_report.h"
#include "query.h"
#include "snapshot.h"
#include "snapshot_sql.h"


/* How far a batch of rows is. */
enum batch_state
{
	BATCH_READING,
	BATCH_READY,   /* all of it was read, and it is good */
	BATCH_SENDING, /* some of its rows may have been sent */
	BATCH_SENT,    /* all were */
	BATCH_SAFE,    /* and are in Kafka for good once the next position is */
	BATCH_NOTING   /* which is being written, with a note of it */
};

/* The rows of a chunk. */
struct batch
{
	struct batch      *prev, *next;
	struct snap_table *table;
	struct chunk       chunk;
	enum batch_state   state;
	struct buf         rows;   /* messages of the COPY: u32 length, bytes */
	size_t             at;     /* of the next to be sent */
	uint64_t           count;  /* rows in it */
	uint64_t           sent;   /* of them */
	uint64_t           number; /* of the batch in its round */
	ack_ticket         item;
	bool              *left_out; /* columns of its row that the server cannot send; NULL: none */
};

/* Where a table is in the round. */
enum table_state
{
	TABLE_PENDING, /* not described yet */
	TABLE_READING, /* described, and not all of it is read */
	TABLE_READ,    /* nothing is left to be read */
	TABLE_FAILED   /* not in this round any more */
};

struct snap_table
{
	UT_hash_handle    hh;
	uint32_t          relid;
	char             *schema; /* as the server has it, of the table or partition itself */
	char             *name;
	char             *fingerprint; /* before it was described */
	bool              readable;
	bool              hidden; /* some rows are, by row security */
	struct table     *tbl;    /* the plugin's description; NULL: none */
	enum table_state  state;
	struct chunk_plan plan;
	uint64_t batches; /* of this round, not empty, that were read and not yet begun to be sent */
	uint64_t sent;    /* rows, in this round */
	struct table_note note;      /* what is known to be done */
	bool              dirty;     /* to be written down */
	bool              taken;     /* it is being written */
	bool              completes; /* what is being written says that it is complete */
	bool              dead;      /* its tombstone is to be written */
};

/* One connection. */
struct reader
{
	struct snapshot  *snap;
	struct query     *query;
	struct loop_timer retry;
	bool              prepared; /* its settings are made */
	struct batch     *batch;    /* that it reads; NULL: none */
	uint32_t probed;  /* columns of its row that are known to be sent, or not; only if left_out */
	bool     probing; /* one of them is being tried */
	bool     ended;   /* the rows of the batch have come, and it is as it was described */
	bool     changed; /* the table is not */
	bool     too_large;
	uint64_t blocks;
	unsigned losses; /* in a row */
};

enum stage
{
	STAGE_IDLE,       /* no round; the next one may wait for the stream or a timer */
	STAGE_CONNECTING, /* the first reader */
	STAGE_LISTING,    /* it asks which tables there are */
	STAGE_DESCRIBING, /* the plugin has been asked, and the stream brings what it says */
	STAGE_EXPORTING,  /* the slot is being made */
	STAGE_LOOKING,    /* what the exported snapshot sees */
	STAGE_COPYING,
	STAGE_OPENING /* no_data: schemas are registered, and topics opened */
};

struct snapshot
{
	struct loop           *loop;
	const struct config   *cfg;
	struct pipeline       *pl;
	struct gentle         *gentle;
	struct snapshot_events events;
	bool                   has_progress;
	struct snapshot_note   job;
	bool                   job_dirty;
	bool                   job_taken;   /* it is in what is being written */
	enum snapshot_state    job_written; /* what the topic has of it */
	bool                   stopped;     /* SIGTERM */
	bool                   wants;       /* gentle_begin() was called */
	bool                   no_data;     /* no rows: schemas and topics only */
	bool                   streaming;
	bool                   told;   /* that it is finished */
	struct snap_table     *tables; /* of the job, by relid */
	struct snap_table     *listed; /* in this round, and not of the job: not yet, or never */
	uint32_t              *late;   /* tables that are new since the job was listed */
	size_t                 nlate;
	struct snap_table     *noting; /* where snapshot_next_note() is */

	/* The round. */
	enum stage          stage;
	struct loop_timer   again; /* the next one */
	struct progress_report report;
	struct loop_timer   work; /* more rows can be sent */
	char                nonce[NONCE_LEN + 1];
	bool                described; /* the stream has brought it */
	bool                emitted;   /* the message is committed */
	uint32_t            xid;       /* of that transaction */
	char                system[24]; /* identifier of the cluster that is streamed; "": not asked for */
	bool                other;      /* another one was met */
	char *const        *conninfo;  /* of the primary; the configuration's */
	struct query       *control;   /* holds the exported snapshot */
	bool                waiting;   /* it only waits for transactions to end */
	struct reader      *readers;
	unsigned            nreaders;
	char               *exported; /* snapshot's name */
	uint64_t            lsn;      /* P; 0: not known */
	uint32_t            xmin;
	struct stamp        stamp;      /* of its rows */
	struct snap_table  *next_table; /* that is read; NULL: none is left */
	struct batch       *batches;    /* in the order in which they were taken */
	uint64_t            numbers;
	bool                begun;     /* some row of the job was sent */
	bool                disturbed; /* the round comes to an end before its time */
	bool                pausing;   /* nothing more is read in this round: gentle.h */
	unsigned            rounds;    /* in a row that came to nothing */
	struct copy_row    *copy;      /* of copy_of */
	const struct table *copy_of;

	int64_t  since_ms;
	uint64_t failures;
	uint64_t total_rows; /* sent by this process */
};

/* --- snapshot.c ---------------------------------------------------------------- */

/* The round cannot go on; another one begins after a while, or somebody is needed. */
void snapshot_trouble(struct snapshot *snap, const struct err *e);
/* Nothing is left to be read in this round, or nothing may. */
bool snapshot_has_read_all(const struct snapshot *snap);
/* Whether another chunk may be begun; if it will be long until then, the round is to end. */
bool snapshot_may_read(struct snapshot *snap);
/* Whatever may be done next is done. */
void snapshot_step(struct snapshot *snap);
/* A table cannot be read to its end in this round: it is tried again in the next. */
void snapshot_table_failed(struct snapshot *snap, struct snap_table *table, const struct err *why);

/* --- snapshot_table.c ---------------------------------------------------------- */

struct snap_table *snap_table_find(struct snap_table *tables, uint32_t relid);
struct snap_table *snap_table_add(struct snap_table **tables, uint32_t relid);
void               snap_table_free(struct snap_table *table);
void               snap_tables_clear(struct snap_table **tables);
/* Of the stream: a description, and the message that follows the last of them. */
void snapshot_on_relation(void *snap, struct cursor body);
void snapshot_on_message(void *snap, struct str content, uint32_t xid);
/* Both have come: the tables are known. */
void snapshot_on_described(struct snapshot *snap);

static inline bool
snap_table_is_missing(const struct snap_table *table)
{
	return !table->note.complete && !table->dead;
}

/* --- snapshot_watch.c ---------------------------------------------------------- */

/* For its progress_report. */
bool snapshot_progress(void *snap, struct progress_look *look);

/* --- snapshot_read.c ----------------------------------------------------------- */

void snapshot_readers_new(struct snapshot *snap);
void snapshot_readers_free(struct snapshot *snap);
/* Which tables there are; have the plugin describe them. */
void snapshot_ask_tables(struct snapshot *snap);
void snapshot_ask_description(struct snapshot *snap, const uint32_t *relids, size_t count);
/* The slot and its snapshot. */
void snapshot_export(struct snapshot *snap);
/* All but the first. */
void snapshot_connect_readers(struct snapshot *snap);
/* Gives readers something to read. */
void snapshot_feed(struct snapshot *snap);
/* All connections of the round, and what they read. */
void snapshot_disconnect(struct snapshot *snap);

/* Answers, to snapshot.c. */
void snapshot_on_table(struct snapshot *snap, const struct pg_result *res, int row);
void snapshot_on_listed(struct snapshot *snap);
void snapshot_on_exported(struct snapshot *snap);
void snapshot_on_seen(struct snapshot *snap, uint32_t relid);
void snapshot_on_looked(struct snapshot *snap);

/* --- snapshot_send.c ----------------------------------------------------------- */

struct batch *snapshot_batch_new(struct snapshot *snap, struct snap_table *table,
								 const struct chunk *chunk);
void          snapshot_batch_free(struct snapshot *snap, struct batch *batch);
/* One message of its COPY. */
void batch_take(struct batch *batch, struct str message);
/* It was read. */
void snapshot_batch_ready(struct snapshot *snap, struct batch *batch);
/* Whether another one may be read into memory. */
bool snapshot_has_room(const struct snapshot *snap);
/* What was acknowledged meanwhile. */
void snapshot_settle(struct snapshot *snap);
/* Drops what was not begun to be sent; false: something is being sent. */
bool snapshot_drop_unsent(struct snapshot *snap);
/* Everything that was read and sent is safe and written down. */
bool snapshot_is_noted(const struct snapshot *snap);

#endif /* RELAY_SNAPSHOT_PARTS_H */
