/*
 * stream.h
 *		What the messages of one table need: its plan, its topic, and the schemas
 *		that the registry must know first.  Logical messages and transaction
 *		boundaries are streams, too.
 *
 * Made once for each version of a relation; a row finds its stream by pointer.
 * Called by pipeline.c.
 */
#ifndef RELAY_STREAM_H
#define RELAY_STREAM_H

#include "ack.h"
#include "config.h"
#include "dead_letter.h"
#include "encode.h"
#include "registry.h"
#include "route.h"
#include "sink.h"
#include "table_counts.h"

enum stream_kind
{
	STREAM_TABLE,
	STREAM_MESSAGES,
	STREAM_TRANSACTIONS,
	STREAM_SCHEMA_CHANGES
};

/* What all streams share; borrowed by each of them. */
struct stream_context
{
	const struct config *cfg;
	struct registry     *reg;
	struct sink         *sink;
	enum on_error        on_error;
	enum on_error        on_refusal; /* of a schema */
	struct dead_letters *dead; /* NULL: neither says dead-letter */
	struct detours      *detours;
	struct route        *routes;
	struct format        fmt;
	struct encode_stats *stats;
	struct table_counts *counts; /* of STREAM_TABLE; NULL: nobody counts */
};

struct stream
{
	enum stream_kind   kind;
	struct plan       *plan;
	struct sink_topic *topic;
	struct table_count *count;     /* of a STREAM_TABLE, if they are counted */
	char              *topic_name;
	char              *collection; /* schema.table; what transactions are counted by */
	struct avro       *avro[2];    /* by enum side, for sinks that print; NULL: none */
	bool               ready;      /* for messages: prefixes are set; see stream_is_ready() */
	bool               opening;    /* the brokers are still to make a topic of ours */
	bool               refused;    /* the registry refuses a schema of it */
	struct letter     *letter;     /* what its messages become as long as it does, unless they are
									* skipped; NULL: they go to topic */
	uint64_t           answers;    /* registry_answers() when it was refused */
	ack_ticket         counted_in; /* transaction whose collections have it at place */
	uint32_t           place;
};

/*
 * Makes *stream ready for use; NULL before the first call.  tbl: of a
 * STREAM_TABLE, must outlive it.  RC_AGAIN: the brokers have not answered (opening), or
 * the registry has not, or it refuses (refused says which); the call is to be repeated.
 */
enum rc stream_prepare(const struct stream_context *ctx, enum stream_kind kind,
					   const struct table *tbl, struct stream **stream, struct err *e) MUST_CHECK;
void    stream_free(const struct stream_context *ctx, struct stream *stream);

/* Asks memory for it, ahead of its use. */
static inline void
stream_prefetch(const struct stream *stream)
{
	__builtin_prefetch(stream);
	__builtin_prefetch(&stream->counted_in);
}

/* Whether stream_prepare() has nothing to do: all is known, or refused without news since. */
bool stream_is_ready(const struct stream_context *ctx, const struct stream *stream);

/*
 * Hands a message to the sink, or to the topic of dead letters or nowhere as long as
 * the registry refuses; at: its change.  *sent: how many messages the sink has
 * taken under label.  RC_AGAIN and RC_ERR as from the sink's send().
 */
enum rc stream_send(const struct stream_context *ctx, struct stream *stream,
					const struct outgoing *out, const struct place *at, uint64_t label,
					uint32_t *sent, struct err *e) MUST_CHECK;

#endif /* RELAY_STREAM_H */
