/*
 * schema_change.h
 *		Pure: the records of the schema-change topic, to Avro and back.
 *
 * Key: schema and table, by their names after the change, so that a compacted
 * topic keeps the latest description of each table; a name that no table has
 * any more after a renaming gets a tombstone.  Value: where in the stream, which
 * table, what changed, and the whole description before and after.  Nothing in
 * it depends on when or by which process it was made: what is sent again after
 * a crash is the same bytes.
 */
#ifndef RELAY_SCHEMA_CHANGE_H
#define RELAY_SCHEMA_CHANGE_H

#include "description.h"
#include "encode.h"

/* Text to register. */
const char *schema_change_schema(enum side side);

/* Where in the stream a table had another description for the first time. */
struct change_position
{
	uint64_t commit_lsn; /* start of the transaction's commit record */
	uint64_t lsn;        /* of the first change with the new description */
	uint32_t txid;
	int64_t  commit_us; /* commit time, since the Unix epoch */
};

struct schema_change
{
	struct str                server;   /* topic.prefix */
	struct str                database; /* UTF-8, as all */
	struct change_position    position;
	const struct description *table;  /* after the change */
	struct str                before; /* a description's Avro; data NULL: nothing was known */
	struct str                after;
	const struct differences *diffs;
};

/* Each appends the Avro of what it names. */
void description_put(const struct description *desc, struct buf *out);
void schema_change_put_key(const char *schema, const char *table, struct buf *out);
void schema_change_put_value(const struct schema_change *chg, struct buf *out);

/* A description's Avro into arena; false: it is none, or has more behind it. */
bool description_read(struct str avro, struct arena *arena, struct description **desc);

/* What is needed again of a record that was read back; it borrows from the bytes. */
struct past_change
{
	struct str                database; /* whose table it is; of the value */
	struct change_position    position;
	struct str                before; /* as above */
	struct str                after;
	const struct description *old_table; /* NULL: nothing was known */
	const struct description *table;
};

/* The value of a message, with its prefix; false: schema_change_put_value() did not write it. */
bool schema_change_read(struct str value, struct arena *arena, struct past_change *past);

#endif /* RELAY_SCHEMA_CHANGE_H */
