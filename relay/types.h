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
	UNSAID_TEXT     /* in a key: bytes that are no text in the server's encoding */
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

/* What stands for an unchanged TOAST value. */
enum toasted
{
	TOASTED_UNSAID, /* as any value that cannot be said */
	TOASTED_STRING, /* the placeholder, as string or bytes */
	TOASTED_PAIR    /* JSON object of one pair, both the placeholder */
};

struct shape
{
	const char     *avro;         /* Avro type; "record" is VariableScaleDecimal */
	const char     *name;         /* connect.name, NULL for none */
	const char     *connect_type; /* NULL for none */
	enum parameters parameters;
	enum wire_form  form; /* in which values must come */
	put_fn         *put;
	put_str_fn     *put_str;  /* forms TEXT and BYTES only */
	struct str      filler;   /* Avro of what a NOT NULL column gets without a value */
	literal_fn     *literal;  /* NULL: defaults are not shown in the schema */
	const char     *computed; /* literal in place of a default that is computed */
	enum toasted    toasted;
};

struct op
{
	const struct column *col;
	const struct shape  *shape; /* NULL: the column is left out, its values are passed over */
	const char          *field; /* the name in the schema, UTF-8 */
	bool                 identity;
	bool                 key; /* in the message key */
	bool                 nullable;
	uint8_t              branch; /* Avro of the union's branch for a value, if nullable */
	int32_t              length; /* bits */
	int32_t              scale;  /* of a decimal */
	int32_t              precision;
	int                  digits;       /* of a second's fraction */
	struct str          *labels;       /* enums: Avro string each; data NULL: cannot be said */
	struct str           default_json; /* data NULL: none */
	struct str           missing;      /* Avro, with the union's branch */
	struct str           unavailable;  /* the same, for unchanged TOAST */
	struct text         *text;
	struct buf          *scratch;
};

/*
 * Applies the table to a column.  key: the column is in the message key and is
 * therefore never left out.  Everything lies in the arena; text and scratch are
 * borrowed.  RC_ERR E1601.
 */
enum rc op_init(struct op *op, const struct column *col, const struct format *fmt, bool key,
				struct text *text, struct buf *scratch, struct arena *arena,
				struct err *e) MUST_CHECK;

/* Labels of an enum, joined with commas, in UTF-8, appended. */
void op_labels(const struct op *op, struct buf *out);

/* The placeholder of the configuration; a "hex:" prefix means octets. */
void placeholder_put(const char *setting, struct buf *out);

#endif /* RELAY_TYPES_H */
