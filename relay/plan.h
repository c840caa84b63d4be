/*
 * plan.h
 *		What a plan is made of: for encode.c, plan.c and verify.c only.
 *
 * A plan owns everything it points to, except the table and the format's
 * strings.  Its buffers are reused by every encode call.
 */
#ifndef RELAY_PLAN_H
#define RELAY_PLAN_H

#include "arena.h"
#include "schema.h"
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

/*
 * The source block, which is the same for all rows of a transaction but for
 * its LSNs, is kept as the Avro of its pieces and copied.
 */
struct source
{
	struct buf   constant_head;   /* version, connector, name */
	struct buf   constant_middle; /* snapshot, db */
	struct buf   constant_names;  /* schema, table */
	bool         stamped;
	struct stamp stamp;    /* what the following was made from */
	struct buf   head;     /* up to and with db */
	struct buf   sequence; /* text of sequence up to the change's own LSN */
	struct buf   middle;   /* ts_us to txId */
	int64_t      now_ns;   /* what now was made from */
	struct buf   now;      /* the envelope's own ts_ms, ts_us, ts_ns */
};

/* A row as it lies in the value: column i is from at[i] up to at[i + 1]. */
struct image
{
	size_t    *at;
	struct buf key; /* with prefix */
};

struct plan
{
	const struct table  *tbl; /* NULL: logical messages */
	struct encode_stats *stats;
	struct arena        *arena;
	struct text         *text;
	struct buf           scratch;
	struct op           *ops; /* one for each column of tbl */
	uint32_t             nops;
	uint32_t             nidentity; /* columns in a key-only old tuple */
	const struct op    **keys;      /* in the key's order */
	uint32_t            *key_places;
	uint32_t             nkeys;
	bool                 tombstones;
	bool                 truncates;
	struct side_plan     sides[2];
	struct source        source;
	const struct str    *longs; /* of the change at hand, those not taken yet */
	uint32_t             nlongs;
	struct image         before;
	struct image         after;
	struct buf           value;
	struct buf           split[2]; /* delete and create of a changed key */
	struct buf           header[2];
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
