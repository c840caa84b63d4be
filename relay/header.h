/*
 * header.h
 *		Pure: a message key as the text of a record header.
 *
 * Kafka Connect's default header converter writes a struct as compact text,
 * {"id":10}; the headers __debezium.newkey and __debezium.oldkey carry it.
 */
#ifndef RELAY_HEADER_H
#define RELAY_HEADER_H

#include "types.h"

/* Appends the text of a key, given as Avro without a prefix. */
void header_put(const struct op *const *keys, uint32_t nkeys, struct str avro, struct buf *out);

#endif /* RELAY_HEADER_H */
