/*
 * difference.h
 *		Pure: how two Avro schemas differ, and who could not read whose records for it.
 *
 * The rules are those of Avro's schema resolution, which registries apply: a
 * reader finds each of its fields in what was written, or has a default for
 * it, and types only widen.  Called by compatibility.c and schema_diff.c.
 */
#ifndef RELAY_DIFFERENCE_H
#define RELAY_DIFFERENCE_H

#include <stdbool.h>

#include "buf.h"

/* Bits: what two schemas break. */
enum breach
{
	BREACH_BACKWARD = 1, /* our schema cannot read what theirs wrote */
	BREACH_FORWARD = 2   /* their schema cannot read what ours writes */
};

enum difference_kind
{
	DIFFERENCE_ADDED,    /* a field that only ours has */
	DIFFERENCE_REMOVED,  /* a field that only theirs has */
	DIFFERENCE_TYPE,     /* of a field, or of the schema itself */
	DIFFERENCE_DEFAULT,  /* of a field */
	DIFFERENCE_ATTRIBUTE /* of a field, its type, or a record: what readers may pass over */
};

/* One difference, borrowed during the call.  was and is: "" for what is not there. */
struct difference
{
	enum difference_kind kind;
	const char          *record; /* the record's name without namespace; "": the schema itself */
	const char          *field;  /* "": the record */
	const char          *attribute; /* its name; "" for other kinds */
	const char          *was;    /* a type in words, or JSON */
	const char          *is;
	bool                 has_default; /* of a field that is added or removed */
	unsigned             breaches;    /* enum breach bits */
};

typedef void difference_fn(void *arg, const struct difference *difference);

/* All of them, record by record; none if a text is no schema. */
void schema_differences(const char *theirs, const char *ours, difference_fn *take, void *arg);

#endif /* RELAY_DIFFERENCE_H */
