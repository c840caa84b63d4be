/*
 * schema_topic.h
 *		The schema-change topic (include.schema.changes): one record for each
 *		change of a captured table, before the first row that has it.
 *
 * A change shows when the first row or TRUNCATE behind it brings the new
 * description.  What was told is known across restarts, because it is read
 * back from the topic: no change is missed while the relay is down, and a
 * stream that begins again tells what it told before, in the same bytes.
 * The sinks stdout and file are not read back: there every table is seen for
 * the first time when a relay starts.  Called by pipeline.c, which owns the
 * stream that the messages go to.
 */
#ifndef RELAY_SCHEMA_TOPIC_H
#define RELAY_SCHEMA_TOPIC_H

#include "encode.h"
#include "history.h"
#include "schema_change.h"

struct schema_topic;

/* hist: borrowed; NULL: nothing is read back. */
struct schema_topic *schema_topic_new(struct history *hist);
void                 schema_topic_free(struct schema_topic *st);

/* A stream begins at this position.  What was told of it from there on comes again. */
void schema_topic_start(struct schema_topic *st, uint64_t start);
void schema_topic_stop(struct schema_topic *st);

/* Before the first table of a stream is learned.  RC_AGAIN: the topic is being read back. */
enum rc schema_topic_recall(struct schema_topic *st, const char *topic, const struct format *fmt,
							struct plan *plan, struct err *e) MUST_CHECK;

/* A relation record has come.  plan: as from plan_new_schema_change(). */
void schema_topic_learn(struct schema_topic *st, const struct table *tbl, const struct format *fmt,
						struct plan *plan);

/* Whether tables were learned of whose position is still to be told. */
bool schema_topic_is_due(const struct schema_topic *st);

/*
 * The messages about the first of these tables; none if there is nothing new.
 * They live until the next call.  confirmed: what is before it does not come
 * again.
 */
void schema_topic_tell(struct schema_topic *st, const struct format *fmt, struct plan *plan,
					   const struct change_position *position, uint64_t confirmed,
					   struct outgoing out[ENCODE_MAX_OUT], unsigned *nout);

/* They are sent: on to the next table. */
void schema_topic_next(struct schema_topic *st);

#endif /* RELAY_SCHEMA_TOPIC_H */
