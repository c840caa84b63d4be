/*
 * source_block.h
 *		Pure: what an event says of where it comes from: the envelope's source,
 *		transaction and times, as Avro.
 *
 * What is the same for all rows of a transaction, or for all rows of one
 * clock reading, is made once and copied.  Called by encode.c and boundary.c.
 */
#ifndef RELAY_SOURCE_BLOCK_H
#define RELAY_SOURCE_BLOCK_H

#include "encode.h"
#include "text.h"

struct source_block
{
	enum profile profile;
	struct buf   constant_head;   /* version, connector, name */
	struct buf   database;
	bool         stamped;
	struct stamp stamp;    /* what the following was made from */
	struct buf   head;     /* up to and with db */
	struct buf   sequence; /* text of sequence up to the change's own LSN */
	struct buf   times;    /* ts_us, ts_ns */
	struct buf   txid;
	struct buf   tail;     /* xmin and what follows it */
	struct buf   middle;   /* times, names and txid of the last event: rows come in runs */
	const char  *middle_names;
	int64_t      now_ns;   /* what now was made from */
	struct buf   now;      /* the envelope's own ts_ms, ts_us, ts_ns */
};

/* *block: all zeros. */
void source_block_init(struct source_block *block, const struct format *fmt, struct text *text);
void source_block_free(struct source_block *block);

/* Before the puts below, with whatever transaction and time the event has. */
void source_block_stamp(struct source_block *block, const struct stamp *stamp);
void source_block_now(struct source_block *block, int64_t now_ns);

/* The part that tells the table: its names in the server's encoding; "" for what is of none. */
void source_names_put(struct text *text, const char *schema, const char *table, struct buf *out);

/* Names that events had may be gone, and others be where they were. */
void source_block_forget_names(struct source_block *block);

/* The record Source; names: as source_names_put() made them. */
void source_block_put(struct source_block *block, struct str names, uint64_t lsn,
					  struct buf *out);

/*
 * The optional record event.block, or null where the event is in no
 * transaction.  before: events that the same change has given before this one.
 */
void transaction_block_put(const struct stamp *stamp, uint64_t lsn, unsigned before,
						   struct buf *out);

/* "xid:lsn", Debezium's name of a transaction at a position, as an Avro string. */
void transaction_id_put(uint32_t xid, uint64_t lsn, struct buf *out);

/* Rounds down: commit times before 1970 too. */
static inline int64_t
milliseconds(int64_t us)
{
	return us / 1000 - (us % 1000 < 0);
}

#endif /* RELAY_SOURCE_BLOCK_H */
