/*
 * route.h
 *		Pure: which topic a table's changes go to, which subject its schemas.
 *
 * Names are those of Debezium's SchemaTopicNamingStrategy and of the registry's
 * subject name strategies.  Unlike those, two tables whose names become one
 * topic are an error: their rows would be mixed.
 */
#ifndef RELAY_ROUTE_H
#define RELAY_ROUTE_H

#include "catalog.h"
#include "config.h"
#include "encode.h"
#include "err.h"
#include "text.h"

/* Remembers which table has which topic. */
struct route;

/* topic.prefix and topic.delimiter; both are borrowed. */
struct route *route_new(const char *prefix, const char *delimiter);
void          route_free(struct route *route);

/*
 * <prefix><delimiter><schema><delimiter><table>, empty parts left out, through
 * names_topic().  The caller frees *topic.  RC_ERR E1605: another table has this topic already.
 * The same table again, also under a new name or a new oid, is no other table.
 */
enum rc route_table(struct route *route, const struct table *tbl, char **topic,
					struct err *e) MUST_CHECK;

/*
 * The same of a table whose names are in the server's encoding.  *shown: schema.table in UTF-8,
 * also if it has no topic; the caller frees it, too.
 */
enum rc route_server_table(struct route *route, const struct table *tbl, struct text *text,
						   char **topic, char **shown, struct err *e) MUST_CHECK;

/* <prefix>.message, where logical messages go; the delimiter plays no part. */
enum rc route_messages(struct route *route, char **topic, struct err *e) MUST_CHECK;

/* <prefix><delimiter><part>, a topic of ours that is no table's; the caller frees *topic. */
enum rc route_named(struct route *route, const char *part, char **topic, struct err *e) MUST_CHECK;

/*
 * The subject of a side's schema: <topic>-key or <topic>-value; the full name of
 * the schema's record; or <topic>-<full name>.  The caller frees it.
 */
char *route_subject(enum subject_strategy strategy, const char *topic, enum side side,
					const char *schema);

#endif /* RELAY_ROUTE_H */
