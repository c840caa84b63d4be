/*
 * names.h
 *		Pure: names as Kafka and Avro take them, by Debezium's rules.
 *
 * All names are UTF-8.  The rules work on bytes, as Debezium's stream does
 * where Java would work on characters: an a-umlaut becomes two underscores.
 */
#ifndef RELAY_NAMES_H
#define RELAY_NAMES_H

#include "buf.h"
#include "encode.h"

#define NAMES_TOPIC_MAX 249 /* characters of a Kafka topic name */

/* Appends a topic name: [A-Za-z0-9._-], others become '_', at most NAMES_TOPIC_MAX. */
void names_topic(const char *name, struct buf *out);

/* Appends the full name of a record ("shop.public.orders.Value"). */
void names_schema(enum adjustment mode, const char *name, struct buf *out);

/* Appends the name of a field. */
void names_field(enum adjustment mode, const char *name, struct buf *out);

#endif /* RELAY_NAMES_H */
