/*
 * plan.h
 *		What a plan is made of: for encode.c, plan.c and verify.c only.
 *
 * A plan owns everything it points to, except the table, the format's strings
 * and its workspace, whose buffers are reused by every encode call.
 */
#ifndef RELAY_PLAN_H
#define RELAY_PLAN_H

#include "arena.h"
#include "schema.h"
#include "source_block.h"
#include "types.h"

#define PREFIX_MAX 10 /* 5 bytes of a registry's framing, 10 of single-object encoding */

/* One side's schema and what goes before its Avro. */
struct side_plan
{
	char        *schema; /* NULL: the side has none */
	uint8_t      prefix[PREFIX_MAX];
	size_t       prefix_len;
	struct avro *avro; /* parsed by verify.c when it first needs it */
};

/* A row as it lies in the value: column i is from at[i] up to at[i + 1]. */
struct image
{
	size_t    *at;
	struct buf key; /* with prefix */
};

struct workspace;

/* __debezium.newkey or oldkey, those that every message has, __walrelay.before. */
#define HEADERS_COMMON 4
#define HEADERS_MAX (1 + HEADERS_COMMON + 1)

/*
 * What encoding takes besides a plan, and what is the same for all tables.  One
 * for all plans of a stream: with thousands of tables it is most of their memory,
 * and what one row has brought into the processor's caches the next one uses.
 */
struct workspace
{
	struct text        *text;    /* NULL: before the first plan */
	struct buf          scratch; /* the ops' */
	struct buf          scratch2;
	struct source_block source;
	uint32_t            room; /* places in both images */
	struct image        before;
	struct image        after;
	struct buf          value;
	struct buf          split[2]; /* delete and create of a changed key */
	struct buf          header[2];
	struct header       headers[ENCODE_MAX_OUT][HEADERS_MAX];
};

struct plan
{
	struct workspace    *work;
	struct workspace    *own_work; /* NULL: the format's */
	const struct table  *tbl;      /* NULL: logical messages */
	struct encode_stats *stats;
	struct arena        *arena;
	struct text         *text;  /* the workspace's */
	struct str           names; /* schema and table, as Avro */
	struct op           *ops;   /* one for each column of tbl */
	uint32_t             nops;
	uint32_t             nidentity; /* columns in a key-only old tuple */
	const struct op    **keys;      /* in the key's order */
	uint32_t            *key_places;
	uint32_t             nkeys;
	bool                 tombstones;
	bool                 truncates;
	bool                 transactions; /* events say which transaction they belong to */
	struct side_plan     sides[2];
	const struct stamp  *stamp; /* of the encode call at hand */
	const struct str    *longs; /* of the change at hand, those not taken yet */
	uint32_t             nlongs;
	unsigned             ncommon; /* headers that every message has: from 1 on in work->headers */
	struct op            content; /* of logical messages; last, for rows have no use for it */
};

/* Starts a message: empties out and puts the side's prefix in. */
static inline void
side_start(const struct side_plan *side, struct buf *out)
{
	buf_restart(out);
	buf_put(out, side->prefix, side->prefix_len);
}

static inline struct str
buf_str(const struct buf *buf)
{
	return (struct str){(const char *) buf->data, buf->len};
}

#endif /* RELAY_PLAN_H */
