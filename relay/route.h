/*
 * route.h
 *		Pure: which topic a table's changes go to, which subject its schemas.
 *
 * Names are those of Debezium's SchemaTopicNamingStrategy and of the registry's
 * TopicNameStrategy.  Unlike those, two tables whose names become one topic are
 * an error: their rows would be mixed.
 */
#ifndef RELAY_ROUTE_H
#define RELAY_ROUTE_H

#include "catalog.h"
#include "encode.h"
#include "err.h"

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

/* <prefix>.message, where logical messages go; the delimiter plays no part. */
enum rc route_messages(struct route *route, char **topic, struct err *e) MUST_CHECK;

/* <topic>-key or <topic>-value; the caller frees it. */
char *route_subject(const char *topic, enum side side);

#endif /* RELAY_ROUTE_H */
