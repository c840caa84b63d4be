/*
 * encode.h
 *		Pure: a change of a known table becomes Kafka messages.
 *
 * A plan is compiled once for each version of a relation; encoding a row only
 * follows it.  One change gives one to three messages, in the order in which
 * they must be produced: a delete brings its tombstone, a changed key is
 * delete, tombstone and create.  Bytes are those of Debezium's PostgreSQL
 * connector with the Avro converter.
 */
#ifndef RELAY_ENCODE_H
#define RELAY_ENCODE_H

#include "catalog.h"
#include "format.h"
#include "record.h"

/* Values that could not be said, counted since start; metrics shows them. */
struct encode_stats
{
	uint64_t unsendable;  /* the server could not print them */
	uint64_t unavailable; /* unchanged TOAST: placeholder or filler sent */
	uint64_t special;	  /* NaN and infinities that the schema cannot carry */
	uint64_t multidimensional; /* arrays of several dimensions, which the schema cannot carry */
	uint64_t out_of_range; /* dates and times outside of what the schema carries */
	uint64_t skipped;	   /* deletes of which the server logged nothing */
	uint64_t replaced;	   /* texts with bytes that are none in the server's encoding */
	uint64_t null_filled;  /* NULLs in columns that the schema says have none: filler sent */
};

/* What Debezium calls source.snapshot: which row of a snapshot an event is. */
enum snapshot_mark
{
	SNAPSHOT_FALSE, /* none: a change */
	SNAPSHOT_TRUE,
	SNAPSHOT_FIRST,			/* of all */
	SNAPSHOT_FIRST_OF_TABLE,
	SNAPSHOT_LAST_OF_TABLE,
	SNAPSHOT_LAST, /* of all */
	SNAPSHOT_INCREMENTAL /* read while changes stream */
};

/*
 * The transaction that a change belongs to; strings live as long as it does.  Of a row of a
 * snapshot: when, and by which transaction, it was read.
 */
struct stamp
{
	enum snapshot_mark snapshot;
	uint32_t xid;
	int64_t	 commit_us;		  /* since the Unix epoch */
	uint64_t last_commit_lsn; /* end of the transaction before; 0: none seen yet */
	struct str origin;		  /* name of the replication origin, UTF-8; data NULL: none */
	uint64_t   origin_lsn;
	/* provide.transaction.metadata: events before this one, of all tables and of its own. */
	uint64_t   total_order;
	uint64_t   table_order;
};

/* A Kafka header.  name is the plan's, or a constant. */
struct header
{
	const char *name;
	struct str	value;
};

/*
 * One Kafka message.  Bytes belong to the plan's workspace: until the next encode
 * call, or until the next plan is made, that has the same.
 */
struct outgoing
{
	bool		has_key;
	bool		has_value; /* false: tombstone */
	struct str	key;	   /* framed: prefix and Avro */
	struct str	value;
	const struct header *headers; /* nheaders of them, the plan's */
	unsigned	nheaders;
};

#define ENCODE_MAX_OUT 3

struct plan;

/*
 * Buffers of encoding, for all plans of one format (its member work), which must
 * then have the same stats.  A plan whose format has none has one for itself.
 */
struct workspace *workspace_new(void);
void              workspace_free(struct workspace *work);

enum side
{
	SIDE_KEY,
	SIDE_VALUE
};

/*
 * Compiles tbl for a topic.  Both are copied from as needed; tbl must outlive
 * the plan.  RC_ERR E1601, E1605.
 */
enum rc plan_new(const struct table *tbl, const struct format *fmt, struct encode_stats *stats,
				 const char *topic, struct plan **plan, struct err *e) MUST_CHECK;

/* The plan of logical messages: topic <prefix>.message. */
enum rc plan_new_message(const struct format *fmt, struct encode_stats *stats, const char *topic,
						 struct plan **plan, struct err *e) MUST_CHECK;
/* The plan of transaction boundaries: topic <prefix>.transaction. */
enum rc plan_new_boundary(const struct format *fmt, struct encode_stats *stats,
						  struct plan **plan, struct err *e) MUST_CHECK;
/* The plan of schema_change.h's records: topic <prefix>.schema-changes. */
enum rc plan_new_schema_change(const struct format *fmt, struct encode_stats *stats,
							   struct plan **plan, struct err *e) MUST_CHECK;
void	plan_free(struct plan *plan);

/*
 * The next column, from place *at on, that messages do not have because its type has no form
 * here; *at is behind it then.  NULL: there is none.
 */
const struct column *plan_left_out(const struct plan *plan, uint32_t *at);

/* Gives back what a huge row took.  The messages of the last encode call are gone. */
void plan_trim(struct plan *plan);

/* One line of JSON to register; NULL where the side has none (keyless table). */
const char *plan_schema(const struct plan *plan, enum side side);

/* They are registered, and the registry has them: plan_schema() gives NULL from now on. */
void plan_forget_schemas(struct plan *plan);

/* What goes before the Avro bytes: 5 bytes with a registry's id, or 10 for
 * single-object encoding.  To be set on each side that has a schema before
 * the first encode call. */
void plan_set_prefix(struct plan *plan, enum side side, const uint8_t *prefix, size_t len);

/*
 * Asks memory for what a row of it will need, in two steps with time between them: the
 * plan, and what it points to.  Costs nothing but the asking.
 */
void plan_prefetch(const struct plan *plan);
void plan_prefetch_ops(const struct plan *plan);

/*
 * The messages of one record; an INSERT with a snapshot's stamp is a row that was read.  *nout may be 0 (counted in stats).  now_ns:
 * wall clock, nanoseconds since the Unix epoch.  RC_ERR E1602 (class DATA): a
 * value that cannot be encoded; names table and column, never the value.
 */
enum rc encode_change(struct plan *plan, const struct change *chg, const struct stamp *stamp,
					  int64_t now_ns, struct outgoing out[ENCODE_MAX_OUT], unsigned *nout,
					  struct err *e) MUST_CHECK;
enum rc encode_truncate(struct plan *plan, const struct truncate *trunc,
						const struct stamp *stamp, int64_t now_ns,
						struct outgoing out[ENCODE_MAX_OUT], unsigned *nout,
						struct err *e) MUST_CHECK;
/*
 * stamp->xid 0 for a message outside any transaction.  PostgreSQL logs no time with
 * it: commit_us of the transaction before, 0 if there was none: now.
 */
enum rc encode_message(struct plan *plan, const struct message *msg, const struct stamp *stamp,
					   int64_t now_ns, struct outgoing out[ENCODE_MAX_OUT], unsigned *nout,
					   struct err *e) MUST_CHECK;

/* Events of one table in a transaction. */
struct collection
{
	const char *name; /* schema.table, UTF-8 */
	uint64_t	events;
};

/* BEGIN of a transaction, at its first event's LSN. */
void encode_begin(struct plan *plan, const struct stamp *stamp, uint64_t lsn,
				  struct outgoing out[ENCODE_MAX_OUT], unsigned *nout);
/* END of it, at its end_lsn, with the events that it had; stamp->total_order of them. */
void encode_end(struct plan *plan, const struct stamp *stamp, uint64_t lsn,
				const struct collection *collections, uint32_t ncollections,
				struct outgoing out[ENCODE_MAX_OUT], unsigned *nout);

#endif /* RELAY_ENCODE_H */
