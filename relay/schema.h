/*
 * schema.h
 *		Avro schemas: their text, made by us, and libavro's opinion of it.
 *
 * libavro drops logicalType, defaults and connect.* when it prints a schema,
 * so the registered text is ours, made with cJSON; libavro parses and checks
 * it, decodes records back for avro.verify, and for the JSON sinks.  The only
 * file that includes avro.h is schema.c.
 */
#ifndef RELAY_SCHEMA_H
#define RELAY_SCHEMA_H

#include "buf.h"
#include "encode.h"

/* A schema that libavro has parsed. */
struct avro;

enum rc avro_new(const char *text, struct avro **avro, struct err *e) MUST_CHECK;
void	avro_free(struct avro *avro);

/* CRC-64-AVRO of the schema's parsing canonical form, for single-object encoding. */
uint64_t avro_fingerprint(const char *text);

/*
 * Decodes len bytes of Avro (without prefix) with libavro, encodes the result
 * again, and compares.  RC_ERR E1603.
 */
enum rc avro_verify(struct avro *avro, const void *data, size_t len, struct err *e) MUST_CHECK;

/*
 * Appends the datum as Debezium's JSON converter (schemas off) would write it:
 * plain unions, bytes and decimals in base64.  RC_ERR E1603.
 */
enum rc avro_print(struct avro *avro, const void *data, size_t len, struct buf *out,
				   struct err *e) MUST_CHECK;

#endif /* RELAY_SCHEMA_H */
