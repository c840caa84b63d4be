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
void    avro_free(struct avro *avro);

/* CRC-64-AVRO of the schema's parsing canonical form, for single-object encoding. */
uint64_t avro_fingerprint(const char *text);

#define SINGLE_OBJECT_PREFIX 10

/* What goes before a value in single-object encoding: C3 01 and the fingerprint, given back. */
uint64_t avro_single_object(const char *text, uint8_t prefix[SINGLE_OBJECT_PREFIX]);

/* Whether bytes begin like that, and with which fingerprint. */
bool single_object_fingerprint(struct str bytes, uint64_t *fingerprint);

/*
 * Appends the parsing canonical form of a schema.  False: it is none, or of a
 * type that our schemas do not have; out has part of it then.
 */
bool avro_canonical(const char *text, struct buf *out);

/*
 * Decodes len bytes of Avro (without prefix) with libavro, encodes the result
 * again, and compares.  RC_ERR E1603.
 */
enum rc avro_verify(struct avro *avro, const void *data, size_t len, struct err *e) MUST_CHECK;

/*
 * Appends the datum as Debezium's JSON converter (schemas off) would write it:
 * plain unions, bytes and decimals in base64, a map whose keys are no strings
 * as an array of pairs.  RC_ERR E1603.
 */
enum rc avro_print(struct avro *avro, const void *data, size_t len, struct buf *out,
				   struct err *e) MUST_CHECK;

/* What is met on a walk through a decoded datum: values that hold no others, and lists. */
enum leaf_kind
{
	LEAF_NULL,
	LEAF_BOOLEAN, /* number */
	LEAF_LONG,    /* number; int and long */
	LEAF_DOUBLE,  /* real; float and double */
	LEAF_BYTES,   /* str; bytes and string */
	LEAF_LIST,    /* number of items, which come next; array and map */
};

struct leaf
{
	enum leaf_kind kind;
	int64_t        number;
	double         real;
	struct str     str;
};

#define LEAF_DEPTH_MAX 8

/*
 * path: the names down to the leaf, depth of them: of a record's fields, a
 * map's keys, places in an array from 0.
 */
typedef enum rc leaf_fn(void *arg, const char *const *path, unsigned depth, const struct leaf *leaf,
						struct err *e);

/* Decodes with libavro and shows every leaf, in the order of the schema.  RC_ERR E1603, or fn's. */
enum rc avro_walk(struct avro *avro, const void *data, size_t len, leaf_fn *fn, void *arg,
				  struct err *e) MUST_CHECK;

#endif /* RELAY_SCHEMA_H */
