/*
 * incremental_parts.h
 *		What the files of an incremental snapshot share; nobody else includes it.
 *
 * incremental.c has the tables and what is asked for, incremental_scout.c which tables that
 * means, incremental_read.c the connections and what they ask, incremental_answer.c what
 * becomes of the answers, incremental_learn.c both for what comes before the rows,
 * incremental_send.c windows, watermarks and rows, incremental_save.c what is written down.
 */
#ifndef RELAY_INCREMENTAL_PARTS_H
#define RELAY_INCREMENTAL_PARTS_H

#include <uthash.h>

#include "copy_row.h"
#include "incremental.h"
#include "incremental_sql.h"
#include "key_window.h"
#include "nonce.h"
#include "progress_report.h"
#include "query.h"
#include "snapshot.h"
#include "xid_ring.h"
#include "xid_view.h"


/* How far the rows of a chunk are. */
enum piece_state
{
	PIECE_READING,
	PIECE_READ,    /* all of it; its watermark may have come or not */
	PIECE_SENDING, /* some of its rows may have been sent */
	PIECE_SENT,    /* all were */
	PIECE_SAFE,    /* and are in Kafka for good once the next position is */
	PIECE_NOTING   /* which is being written, with a note of it */
};

/* The rows of a chunk. */
struct piece
{
	struct piece   *prev, *next;
	struct reading *table;
	enum piece_state state;
	uint64_t         number; /* of its watermark; counts from 1 */
	uint64_t         mark;   /* of the ring, and of the windows: when it was begun */
	uint64_t         reached; /* pipeline_reached() then */
	uint64_t         window;
	uint64_t         partial; /* window of the other log */
	bool             looked;  /* its view is known */
	struct xid_view  view;
	struct stamp     stamp;
	uint32_t         limit;    /* rows that it was to have, at most */
	bool            *left_out; /* columns of its row that the server cannot send; NULL: none */
	struct buf       rows;     /* messages of the COPY: u32 length, bytes */
	size_t           last_at;  /* of the last that has a row */
	size_t           at;       /* of the next to be looked at, or sent */
	uint64_t         count;    /* rows */
	uint64_t         sent;
	key_texts        last; /* key of its last row */
	ack_ticket       item;
};

/* A table that is read. */
struct reading
{
	UT_hash_handle      hh;
	uint32_t            relid;
	struct reading_note note; /* what is known to be done */

	/* Learnt in this order; all of it goes when the table has changed. */
	char             *schema; /* as the server has it, of the table or partition itself */
	char             *name;
	char             *fingerprint; /* before it was described */
	struct table     *tbl;         /* the plugin's description */
	bool              described;   /* the stream has brought it, or that there is none */
	char              nonce[NONCE_LEN + 1];
	char             *filter; /* note.filter as the server has it */
	bool              filter_checked;
	struct key_range *range;

	key_texts next;   /* rows up to this key were read, if not sent */
	bool      ended;  /* all rows were read */
	key_texts bound;  /* with a filter: where the next chunk ends; empty: not known */
	bool      bound_ends; /* that is the last row's */
	unsigned  hidden; /* chunks in a row whose snapshot was of no use */
	unsigned  changes; /* how often it had changed, in a row */
	uint32_t  limit; /* rows of the next chunk */
	bool     *left_out;
	uint32_t  probed;  /* columns of the row that are known to be sent, or not; only if left_out */
	bool      probing; /* one of them is being tried */
	bool      changed; /* to be learnt anew, once what was read is sent */

	struct piece_reader *reader;  /* that is busy with it; NULL: none */
	struct key_log       log;     /* keys that were changed */
	struct key_log       partial; /* those whose messages have not every value */
	int64_t              retry_ms; /* loop time; 0: at once */
	unsigned             failures; /* in a row */
	bool                 stopped;  /* by a signal, or because there is nothing to be read */
	bool                 dirty;    /* to be written down */
	bool                 taken;    /* it is being written */
	bool                 completes; /* what is being written says that nothing is left of it */
};

enum step
{
	STEP_OFF,       /* not connected */
	STEP_SETTINGS,  /* of the connection */
	STEP_FREE,
	STEP_TABLE,     /* what there is of the table */
	STEP_DESCRIBE,  /* the plugin is asked */
	STEP_DESCRIBED, /* and the stream has to bring what it says */
	STEP_TEXT,      /* the filter in the server's encoding */
	STEP_FILTER,    /* whether it is one */
	STEP_LOOK,      /* the key's order */
	STEP_LAST,      /* the largest key */
	STEP_BOUND,     /* the key that a chunk ends with: few rows of many may meet a filter */
	STEP_CHUNK,
	STEP_SEAL /* the watermark of rows that a standby gave */
};

/* One connection. */
struct piece_reader
{
	struct incremental *inc;
	struct query       *query;    /* rows */
	struct query       *source;   /* the rest, if the rows come from a standby; else it rests */
	bool                standby;
	uint64_t            replayed; /* of it, before the snapshot */
	struct loop_timer   retry;
	enum step           step;
	struct reading     *table; /* that it is busy with; NULL: none */
	struct piece       *piece; /* STEP_CHUNK; NULL: its rows are not wanted, a column is tried */
	bool                found;
	bool                looked;
	bool                changed; /* the table is not as it was described */
	bool                hidden;  /* the snapshot does not see what was streamed */
	bool                too_large;
	bool                other; /* another cluster than the source */
};

/* All tables that there are, and which the plugin has described. */
struct scout_list
{
	struct snapshot_choice *tables; /* their names are owned */
	size_t                  count;
	struct oid_set          captured;
};

struct incremental
{
	struct loop              *loop;
	const struct config      *cfg;
	struct pipeline          *pl;
	struct gentle            *gentle;
	struct incremental_events events;
	bool                      has_progress;
	struct incremental_note   job;
	bool                      job_dirty;
	bool                      job_taken;
	struct reading           *tables; /* by relid, in the order in which they were asked for */
	struct reading           *noting; /* where incremental_next_note() is */
	bool                      streaming;
	bool                      allowed;
	bool                      stopped;
	bool                      open;   /* signals are taken from everybody */
	bool                      worked; /* some table was asked for since it rested */

	char              system[24]; /* as that of struct snapshot */
	bool              other;
	char *const      *primary;    /* conninfo; the configuration's */
	struct query     *scout;   /* looks tables up */
	enum
	{
		SCOUT_OFF,
		SCOUT_SETTINGS,
		SCOUT_VIEW, /* the first one */
		SCOUT_FREE,
		SCOUT_TABLES,    /* of the first signal */
		SCOUT_NAME,      /* of a table whose filter is tried */
		SCOUT_FILTER,    /* that */
		SCOUT_LIST,      /* all tables */
		SCOUT_DESCRIBE,  /* the plugin is asked about them */
		SCOUT_DESCRIBED, /* and the stream has to bring what it says */
		SCOUT_TOLD       /* it has */
	} scouting;
	struct snapshot_signal signal; /* that is being looked up */
	uint32_t               nfound;
	uint32_t               checking; /* relid of the table whose filter is tried */
	uint32_t               behind;   /* of the table whose end the first signal waits for; 0: none */
	struct scout_list      list;
	bool                   listed; /* whether there are tables that were not captured before is known */
	char                   list_nonce[NONCE_LEN + 1];
	struct loop_timer      scout_retry;
	struct xid_ring       *ring;  /* NULL: nothing is under way */
	bool                   has_view;
	struct xid_view        hidden; /* in progress when it was begun, and since */
	int64_t                hidden_since_ms; /* chunks wait for these; 0: none does */

	char                 nonce[NONCE_LEN + 1]; /* of this process's watermarks */
	uint64_t             numbers;
	struct piece_reader *readers;
	unsigned             nreaders;
	struct piece        *pieces;  /* in the order in which they were begun */
	struct piece        *current; /* the stream is held for it */
	struct copy_row     *copy;    /* of copy_of */
	const struct table  *copy_of;
	struct loop_timer    work;  /* more can be done */
	struct loop_timer    again; /* a table is to be tried again */
	bool                 waits; /* a chunk may not be begun yet: gentle.h */
	struct progress_report   report;
	struct incremental_stats stats;
	uint64_t                 finished; /* tables, since it rested */
	uint64_t                 finished_rows;
};

/* --- incremental.c -------------------------------------------------------------- */

struct reading *reading_add(struct incremental *inc, uint32_t relid);
struct reading *reading_find(struct incremental *inc, uint32_t relid);
/* Whatever may be done next is done. */
void incremental_step(struct incremental *inc);
/* The table is not read any more, once what is being sent of it is; its note goes. */
void reading_end(struct incremental *inc, struct reading *table);
/* It is tried again after a while; e: why. */
void reading_failed(struct reading *table, const struct err *e);
/* What was learnt of it is forgotten.  Nothing of it may be under way. */
void reading_forget(struct incremental *inc, struct reading *table);
/* What was read of it and not sent is forgotten, and comes again. */
void reading_restart(struct incremental *inc, struct reading *table);
/* It is gone. */
void reading_free(struct incremental *inc, struct reading *table);
void incremental_touch(struct incremental *inc);

/* --- incremental_scout.c -------------------------------------------------------- */

/* What a table is asked for by that nobody has sent a signal for; no signal has such an id. */
#define SIGNAL_OF_LISTS "table.include.list"

void scout_new(struct incremental *inc);
void scout_free(struct incremental *inc);
void scout_connect(struct incremental *inc);
void scout_disconnect(struct incremental *inc);
/* The next thing that is to be looked up, if it is free. */
void scout_step(struct incremental *inc);
/* Tables that the stream describes from now on are those of today's lists. */
void scout_know_lists(struct incremental *inc);
/* Whether it is to be found out if there are tables that were not captured before. */
bool scout_is_to_list(const struct incremental *inc);
void scout_on_relation(struct incremental *inc, uint32_t relid);
void scout_on_described(struct incremental *inc, struct str nonce);
void scout_stream_stopped(struct incremental *inc);

/* --- incremental_read.c --------------------------------------------------------- */

void incremental_readers_new(struct incremental *inc);
void incremental_readers_free(struct incremental *inc);
/* Gives readers something to do; connects them. */
void incremental_feed(struct incremental *inc);
void incremental_disconnect(struct incremental *inc);
/* It leaves the table alone, whatever it was doing. */
void reader_leave(struct piece_reader *rdr);

/* Runs statements, of which it is the step. */
void               reader_run(struct piece_reader *rdr, enum step step, struct buf *sql);
struct piece_query piece_query_of(const struct reading *table);

void reader_ask_seal(struct piece_reader *rdr);

/* --- incremental_answer.c ------------------------------------------------------- */

/* One result, and one message, of a step; its end. */
void reader_on_result(void *rdr, const struct pg_result *res);
void reader_on_copied(void *rdr, struct str message);
void reader_done(struct piece_reader *rdr);
void reader_failed(struct piece_reader *rdr, const char *state, const struct err *why);

/* --- incremental_learn.c -------------------------------------------------------- */

void reader_ask_table(struct piece_reader *rdr);
void reader_ask_description(struct piece_reader *rdr);
void reader_ask_text(struct piece_reader *rdr);
void reader_ask_filter(struct piece_reader *rdr);
void reader_ask_order(struct piece_reader *rdr);
/* Rows of their answers; the last also of each chunk's. */
void reader_take_table(struct piece_reader *rdr, const struct pg_result *res);
void reader_take_text(struct piece_reader *rdr, const struct pg_result *res);
void reader_take_order(struct piece_reader *rdr, const char *answer);
/* That answer has come whole. */
void reader_learnt(struct piece_reader *rdr, enum step step);
/* False: the table has no key by which it can be read, and is passed over. */
bool reader_check_key(struct piece_reader *rdr);
void reader_refuse_filter(struct piece_reader *rdr, const char *state);

/* --- incremental_send.c --------------------------------------------------------- */

struct piece *piece_new(struct incremental *inc, struct reading *table);
void          piece_free(struct incremental *inc, struct piece *piece);
/* One message of its COPY. */
void piece_take(struct piece *piece, struct str message);
/* *key: of the last of its rows, of which there are some.  RC_ERR as key_range_take(). */
enum rc piece_last_key(struct incremental *inc, const struct piece *piece, const bool *left_out,
					   key_texts *key, struct err *e) MUST_CHECK;
/* Pieces of the table, of a state up to that one, or of all tables (NULL). */
unsigned incremental_pieces(const struct incremental *inc, const struct reading *table,
							enum piece_state upto);
/* What the stream brings. */
void incremental_on_relation(void *inc, struct cursor body);
void incremental_on_message(void *inc, struct str content, uint32_t xid);
void incremental_on_begun(void *inc, uint32_t xid);
void incremental_on_changed(void *inc, const struct table *tbl, const struct change *chg,
							uint32_t xid, const struct outgoing *out, unsigned nout);
/* The stream is not held for the piece any more. */
void incremental_release(struct incremental *inc);
/* What was acknowledged meanwhile. */
void incremental_settle(struct incremental *inc);

/* --- incremental_save.c ---------------------------------------------------------- */

void incremental_notes_written(void *inc);
/* A piece needs not be read again. */
void piece_done(struct incremental *inc, struct piece *piece);
/* Without a progress topic: tables that are read to their end go. */
void incremental_finish_unnoted(struct incremental *inc);

/* --- incremental_watch.c --------------------------------------------------------- */

/* For its progress_report. */
bool incremental_progress(void *inc, struct progress_look *look);

#endif /* RELAY_INCREMENTAL_PARTS_H */
