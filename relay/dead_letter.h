/*
 * dead_letter.h
 *		Changes whose schema the registry refuses: to a topic of their own.
 *
 * schema.on.incompatible=dead-letter.  A dead letter is the message that would
 * have gone to its table's topic, in Avro single-object encoding, with headers
 * that say why it is here; the schema goes ahead of it, once.  It is
 * acknowledged like any other message.  Never drops one.  Called by stream.c.
 *
 * What a record of the topic is
 *	- A letter.  Value: C3 01, fingerprint, Avro; null for a tombstone.  Key: the
 *	  bytes that it would have had, if the registry knows the key's schema;
 *	  else C3 01, fingerprint, Avro.  Headers: those that it would have had,
 *	  Kafka Connect's __connect.errors.topic, .connector.name, .stage,
 *	  .exception.class.name (walrelay.E1802 and the like) and
 *	  .exception.message; __walrelay.lsn, __walrelay.table (schema.table).
 *	- A schema.  Key: the fingerprint as 16 hex digits; value: the schema's text;
 *	  header __walrelay.schema = 1.  It is produced before the first letter
 *	  that needs it, at least once in each run.  With several partitions it may
 *	  lie in another one than the letter.
 *
 * Order
 *	- Letters of one key (and one kind of key bytes) are in the order of their
 *	  changes, and so is what goes to the table's own topic.
 *	- A table goes over to dead letters where its schema changes, and back between
 *	  two changes, never within one.  Nothing that was a letter is sent again:
 *	  the table's own topic lacks those changes.  Whoever wants them in their place
 *	  merges the two by source.lsn (__walrelay.lsn of a tombstone) before he
 *	  reads on.
 */
#ifndef RELAY_DEAD_LETTER_H
#define RELAY_DEAD_LETTER_H

#include "config.h"
#include "encode.h"
#include "route.h"
#include "sink.h"

struct dead_letters;

/* Letters of one table since the start. */
struct letter_count
{
	char                *table; /* schema.table, or what a stream without one is called */
	uint64_t             messages;
	struct letter_count *next;
};

/* Tables that are counted by themselves; the rest is counted together, as LETTER_OTHERS. */
#define LETTER_TABLES_MAX 100
#define LETTER_OTHERS "(others)"

/* What the letters of one stream have in common. */
struct letter
{
	const char          *topic;     /* where they would have gone; borrowed */
	const char          *table;     /* borrowed */
	const char          *schema[2]; /* by enum side: sent ahead; NULL: not needed; borrowed */
	uint64_t             fingerprint[2];
	enum side            refused; /* the side whose schema is refused; value if both are */
	char                 class_name[16];
	char                 message[512];
	struct letter_count *count;
};

/* cfg is borrowed. */
struct dead_letters *dead_letters_new(const struct config *cfg);
void                 dead_letters_free(struct dead_letters *dead);

/* Opens the topic in a sink, unless it is open.  RC_ERR E1605, and what a sink's topic() gives. */
enum rc dead_letters_open(struct dead_letters *dead, struct sink *sink, struct route *routes,
						  struct err *e) MUST_CHECK;

/* Before the sink or the routes go away. */
void dead_letters_close(struct dead_letters *dead);

/* What was sent and not acknowledged is lost: schemas are sent again. */
void dead_letters_forget(struct dead_letters *dead);

/*
 * Fills *letter.  schemas: of the two sides, NULL where the registry has an id
 * for the side, or the side has none.  why: the refusal, of the side refused.
 */
void dead_letters_address(struct dead_letters *dead, const char *topic, const char *table,
						  const char *const schemas[2], enum side refused, const struct err *why,
						  struct letter *letter);

/*
 * Sends out, and its schemas first.  lsn: of the change.  *sent: how many
 * messages the sink has taken for item, also with RC_AGAIN and RC_ERR, which
 * are the sink's.
 */
enum rc dead_letters_send(struct dead_letters *dead, const struct letter *letter, uint64_t lsn,
						  const struct outgoing *out, uint64_t item, uint32_t *sent,
						  struct err *e) MUST_CHECK;

/* The first table; NULL: there was no letter. */
const struct letter_count *dead_letters_counts(const struct dead_letters *dead);

#endif /* RELAY_DEAD_LETTER_H */
