/*
 * dead_letter.h
 *		What cannot be delivered: to a topic of its own.
 *
 * on.error and schema.on.incompatible = dead-letter.  A dead letter is the message
 * that would have gone to its table's topic, with headers that say why it is here.
 * It is acknowledged like any other message.  Never drops one.  Called by stream.c
 * and divert.c; dlq.c reads the topic.
 *
 * What a record of the topic is
 *	- A letter.  Headers: those that it would have had, Kafka Connect's
 *	  __connect.errors.topic, .connector.name, .stage, .exception.class.name
 *	  (walrelay.E1802 and the like) and .exception.message; __walrelay.lsn,
 *	  __walrelay.commit_lsn, __walrelay.table (schema.table).  Key and value:
 *	  the bytes that they would have been, if the brokers refused them; null for a
 *	  tombstone.  If the registry refuses the schema: C3 01, fingerprint, Avro (of a
 *	  key only if it is the key's schema), and the schema goes ahead of it, once.
 *	  If there is no such message, because the change cannot be encoded: value what
 *	  walrelay decode prints of the table and the change, in the database's
 *	  encoding, header __walrelay.form = text, key null.
 *	- A schema.  Key: the fingerprint as 16 hex digits; value: the schema's text;
 *	  header __walrelay.schema = 1.  It is produced before the first letter
 *	  that needs it, at least once in each run.  With several partitions it may
 *	  lie in another one than the letter.
 *	- A mark, by walrelay dlq replay: the letter at PARTITION:OFFSET of this topic is
 *	  in the topic that it was meant for.  Key: PARTITION:OFFSET; value null; header
 *	  __walrelay.replayed = 1.
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
#include "detour.h"
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

/* Headers of the topic's records. */
#define LETTER_TOPIC "__connect.errors.topic"
#define LETTER_CONNECTOR "__connect.errors.connector.name"
#define LETTER_STAGE "__connect.errors.stage"
#define LETTER_CLASS "__connect.errors.exception.class.name"
#define LETTER_MESSAGE "__connect.errors.exception.message"
#define LETTER_LSN "__walrelay.lsn"
#define LETTER_COMMIT_LSN "__walrelay.commit_lsn"
#define LETTER_TABLE "__walrelay.table"
#define LETTER_FORM "__walrelay.form"
#define LETTER_SCHEMA "__walrelay.schema"
#define LETTER_REPLAYED "__walrelay.replayed"

/* Where Connect says that it happened. */
#define STAGE_KEY "KEY_CONVERTER"
#define STAGE_VALUE "VALUE_CONVERTER"
#define STAGE_PRODUCE "KAFKA_PRODUCE"

/* What the letters of one stream have in common. */
struct letter
{
	const char          *topic;     /* where they would have gone; borrowed */
	const char          *table;     /* borrowed */
	const char          *schema[2]; /* by enum side: sent ahead; NULL: not needed; borrowed */
	uint64_t             fingerprint[2];
	const char          *stage;
	bool                 is_text; /* value: what walrelay decode prints */
	enum err_code        code;
	char                 class_name[16];
	char                 message[512];
	struct letter_count *count;
};

/* cfg is borrowed. */
struct dead_letters *dead_letters_new(const struct config *cfg);
void                 dead_letters_free(struct dead_letters *dead);

/* Opens the topic in a sink, unless it is open.  RC_ERR E1605; else as sink_open_own(). */
enum rc dead_letters_open(struct dead_letters *dead, struct sink *sink, struct route *routes,
						  struct err *e) MUST_CHECK;

/* Before the sink or the routes go away. */
void dead_letters_close(struct dead_letters *dead);

/* What was sent and not acknowledged is lost: schemas are sent again. */
void dead_letters_forget(struct dead_letters *dead);

/*
 * Fills *letter.  schemas: of the two sides, NULL where the registry has an id
 * for the side, or the side has none.  why: it is one.
 */
void dead_letters_address(struct dead_letters *dead, const char *topic, const char *table,
						  const char *const schemas[2], const char *stage, const struct err *why,
						  struct letter *letter);

/*
 * Sends out, and its schemas first.  at: of the change.  *sent: how many
 * messages the sink has taken under label, also with RC_AGAIN and RC_ERR, which
 * are the sink's.
 */
enum rc dead_letters_send(struct dead_letters *dead, const struct letter *letter,
						  const struct place *at, const struct outgoing *out, uint64_t label,
						  uint32_t *sent, struct err *e) MUST_CHECK;

/* The first table; NULL: there was no letter. */
const struct letter_count *dead_letters_counts(const struct dead_letters *dead);

#endif /* RELAY_DEAD_LETTER_H */
