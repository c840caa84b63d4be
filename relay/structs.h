/*
 * structs.h
 *		Pure: the fields of the records that a column's type can be.
 *
 * One list for envelope.c, which writes their schemas, and for header.c, which
 * prints their values; the shapes that write the values have the same order.
 */
#ifndef RELAY_STRUCTS_H
#define RELAY_STRUCTS_H

#include "types.h"

#define STRUCT_FIELDS_MAX 4

/* What a map with keys that are no strings is made of, Connect's way: an array of these. */
#define MAP_ENTRY_NAMESPACE "io.confluent.connect.avro"
#define MAP_ENTRY_NAME "MapEntry"

struct struct_field
{
	const char *name; /* NULL: behind the last */
	const char *avro; /* Avro type; "array": of map entries, int16 to double */
	const char *connect_type;
	bool        optional;
};

struct struct_type
{
	const char *namespace;
	const char         *name;
	const char         *doc;
	struct struct_field fields[STRUCT_FIELDS_MAX + 1];
};

/* record: not RECORD_NONE. */
const struct struct_type *struct_type(enum record_type record);

#endif /* RELAY_STRUCTS_H */
