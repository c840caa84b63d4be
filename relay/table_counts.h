/*
 * table_counts.h
 *		Pure: what came and went of each table, since the start of the process.
 *
 * By name, so that counts outlive connections and descriptions.  The first TABLE_COUNTS_MAX tables
 * have counts of their own, all further ones share one: /metrics and memory stay small,
 * however many tables there are or come and go.  pipeline.c counts changes, the sink messages
 * (sink.h); a row finds its counts by pointer.
 */
#ifndef RELAY_TABLE_COUNTS_H
#define RELAY_TABLE_COUNTS_H

#include <stdint.h>

#define TABLE_COUNTS_MAX 200
#define TABLE_COUNTS_OTHER "_other" /* no schema.table: it has no point */

enum table_op
{
	TABLE_OP_INSERT,
	TABLE_OP_UPDATE,
	TABLE_OP_DELETE,
	TABLE_OP_TRUNCATE,
	TABLE_OP_READ, /* rows of snapshots */
	NTABLE_OPS
};

extern const char *const table_op_names[NTABLE_OPS];

/* Of one topic, or of several together. */
struct topic_count
{
	uint64_t messages; /* the sink has taken */
	uint64_t bytes;    /* of their keys and values */
	uint64_t acked;    /* messages that are safe */
};

struct table_count
{
	char                     *table; /* schema.table */
	char                     *topic; /* NULL: of several tables */
	uint64_t                  changes[NTABLE_OPS];
	int64_t                   changed_us; /* commit time of the newest change; 0: none */
	struct topic_count        sent;
	const struct table_count *next; /* in the order in which they came up, the shared one last */
};

struct table_counts;

struct table_counts *table_counts_new(void);
void                 table_counts_free(struct table_counts *counts);

/* Its counts, which stay where they are as long as counts does. */
struct table_count *table_counts_of(struct table_counts *counts, const char *table,
									const char *topic);

/* NULL: there are none. */
const struct table_count *table_counts_list(const struct table_counts *counts);

#endif /* RELAY_TABLE_COUNTS_H */
