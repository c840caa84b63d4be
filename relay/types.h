/*
 * types.h
 *		Pure: which Avro a column becomes, and how its values get there.
 *
 * One table, by base type, names a shape: the Avro type with its connect.*
 * properties, the function that encodes a value, what stands for a value that
 * is not known, and how a literal default is read.  An op is a shape applied
 * to one column: all that the row loop needs, found once per relation version.
 *
 * The rule for a value that its shape cannot say (enum said other than SAID):
 * NULL where the column is nullable, else the filler, and it is counted.  In a
 * message key it is an error instead: two rows must not come to share a key.
 * Text is repaired (text.h) outside of keys, and in keys cannot be said either.
 */
#ifndef RELAY_TYPES_H
#define RELAY_TYPES_H

#include "arena.h"
#include "buf.h"
#include "catalog.h"
#include "encode.h"
#include "text.h"

enum said
{
	SAID,
	UNSAID_SPECIAL, /* NaN or an infinity */
	UNSAID_RANGE,   /* outside of what the Avro type holds */
	UNSAID_NESTED,  /* an array of several dimensions, or NULL among elements that cannot be */
	UNSAID_TEXT,    /* in a key: bytes that are no text in the server's encoding */
	MALFORMED       /* no value of its form: a protocol error */
};

struct op;

/*
 * Reads one value in its wire form and appends it as Avro.  Malformed input:
 * *in goes bad.  Whatever is not SAID has read the value; what it appended is
 * the caller's to take back.
 */
typedef enum said put_fn(const struct op *op, struct cursor *in, struct buf *out);

/* The same for a value that is text or bytes. */
typedef enum said put_str_fn(const struct op *op, struct str s, struct buf *out);

/* Appends the Avro of a filler. */
typedef void put_filler_fn(const struct op *op, struct buf *out);

/*
 * Reads a literal as PostgreSQL prints it, appends it as Avro and as the JSON
 * that a schema's "default" takes.  False: no such literal.
 */
typedef bool literal_fn(const struct op *op, const char *text, struct buf *avro, struct buf *json);

enum parameters
{
	PARAMETERS_NONE,
	PARAMETERS_LENGTH,  /* {length} */
	PARAMETERS_ALLOWED, /* {allowed}: enum labels */
	PARAMETERS_DECIMAL, /* {scale, connect.decimal.precision} */
	PARAMETERS_MONEY    /* {scale} */
};

/* What stands for an unchanged TOAST value; of an array, what its elements' shape says. */
enum toasted
{
	TOASTED_UNSAID, /* as any value that cannot be said; so is an array of it */
	TOASTED_STRING, /* the placeholder, as string or bytes; an array has it as its only element */
	TOASTED_PAIR,   /* JSON object of one pair, both the placeholder */
	TOASTED_MAP,    /* the same as a map of one entry */
	TOASTED_OCTETS, /* arrays only: an element for each octet of the placeholder */
	TOASTED_UUID    /* arrays only: one element, the name UUID (version 3) of the placeholder */
};

/* Records that a column's type can be; envelope.c writes their schemas. */
enum record_type
{
	RECORD_NONE,
	RECORD_DECIMAL, /* io.debezium.data.VariableScaleDecimal */
	RECORD_POINT,
	RECORD_GEOMETRY,
	RECORD_GEOGRAPHY,
	RECORD_SPARSE_VECTOR
};

struct shape
{
	const char *avro;                 /* Avro type; "array" and "map" have items */
	const char *items;                /* Avro type of a vector's or a map's items; NULL for a
									   * PostgreSQL array, whose op has an element */
	const struct shape *elements;     /* of int2vector and oidvector, whose text lists them */
	enum record_type    record;       /* avro is "record" */
	const char         *name;         /* connect.name, NULL for none */
	const char         *connect_type; /* NULL for none */
	const char         *logical;      /* logicalType, NULL for none; decimals have theirs anyway */
	enum parameters     parameters;
	bool                any_form; /* takes values of every form, by their text */
	enum wire_form      form;     /* in which values must come else */
	put_fn             *put;
	put_str_fn         *put_str;    /* values whose length is on the wire: text, bytes, arrays */
	struct str          filler;     /* Avro of what a NOT NULL column gets without a value */
	put_filler_fn      *put_filler; /* in place of filler, where it depends on the column */
	literal_fn         *literal;    /* NULL: defaults are not shown in the schema */
	const char         *computed;   /* literal in place of a default that is computed */
	enum toasted        toasted;
	bool                optional; /* may be NULL in the schema whatever the column says */
};

/*
 * How a column becomes Avro.  What every value needs comes first, in one line of the
 * processor's cache: with thousands of tables each row waits for these from memory.
 */
struct op
{
	const struct shape  *shape; /* NULL: the column is left out, its values are passed over */
	struct text         *text;
	struct buf          *scratch; /* a put function's, as long as it runs */
	struct op           *element; /* of a PostgreSQL array */
	struct str          *labels;  /* enums: Avro string each; data NULL: cannot be said */
	const struct column *col;
	int32_t              length;    /* bits */
	int32_t              scale;     /* of a decimal */
	bool                 is_column; /* no element of one */
	bool                 identity;
	bool                 key; /* in the message key */
	bool                 nullable;
	uint8_t              branch; /* Avro of the union's branch for a value, if nullable */

	struct str           missing;     /* Avro, with the union's branch */
	struct str           unavailable; /* the same, for unchanged TOAST */
	enum wire_form       form; /* of the values that put() reads: the column's or its elements' */
	struct type_name     type; /* of those values, below all domains */
	int32_t              precision;
	int                  digits;       /* of a second's fraction */
	bool                 propagated;   /* the column's type goes into the schema as parameters */
	const char          *field;        /* the name in the schema, UTF-8 */
	struct str           default_json; /* data NULL: none */
	const struct format *fmt;
	struct encode_stats *stats; /* counts elements that could not be said */
	struct buf          *scratch2;
};

_Static_assert(offsetof(struct op, missing) <= ARENA_LINE, "every row waits for a second line");

/* What ops are made with; everything is borrowed. */
struct op_context
{
	const struct table  *tbl;
	const struct format *fmt;
	struct encode_stats *stats;
	struct text         *text;
	struct buf          *scratch;
	struct buf          *scratch2;
	struct arena        *arena; /* everything of an op lies here */
};

/*
 * Applies the table to a column.  key: the column is in the message key and is
 * therefore never left out.  RC_ERR E1601.
 */
enum rc op_init(struct op *op, const struct op_context *ctx, const struct column *col, bool key,
				struct err *e) MUST_CHECK;

/* The op of a logical message's content, which is bytes to Debezium. */
void op_init_content(struct op *op, const struct op_context *ctx);

/* The op's values as a column of their own, for value_text() and array_text(). */
struct column op_column(const struct op *op);

/* Counts an element that is not SAID in op->stats. */
void op_count_unsaid(const struct op *op, enum said said);

/* Labels of an enum, joined with commas, in UTF-8, appended. */
void op_labels(const struct op *op, struct buf *out);

/* The placeholder of the configuration; a "hex:" prefix means octets. */
void placeholder_put(const char *setting, struct buf *out);

#endif /* RELAY_TYPES_H */
