/*
 * shapes.h
 *		The Avro shapes that columns can have; types.c says which type has which.
 *
 * A new type is a shape here, if no existing one fits, and a row there.
 */
#ifndef RELAY_SHAPES_H
#define RELAY_SHAPES_H

#include "types.h"

/* A shape's filler, from the text of its bytes. */
#define FILLER(bytes)            \
	{                            \
		bytes, sizeof(bytes) - 1 \
	}

/* shapes.c: numbers, text, and what is a word of its own */
extern const struct shape boolean_shape;
extern const struct shape int16_shape;
extern const struct shape int32_shape;
extern const struct shape int64_shape;
extern const struct shape oid_shape;
extern const struct shape float4_shape;
extern const struct shape float8_shape;
extern const struct shape text_shape;
extern const struct shape other_text_shape; /* no defaults */
extern const struct shape bit_shape;
extern const struct shape bits_shape;
extern const struct shape uuid_shape;
extern const struct shape json_shape;
extern const struct shape xml_shape;
extern const struct shape tsvector_shape;
extern const struct shape ltree_shape;
extern const struct shape enum_shape;

/* shapes_decimal.c: numeric and money, by decimal.handling.mode */
extern const struct shape decimal_shape;
extern const struct shape variable_decimal_shape;
extern const struct shape money_shape;
extern const struct shape decimal_double_shape;
extern const struct shape decimal_string_shape; /* numeric(p,s) */
extern const struct shape variable_decimal_string_shape;
extern const struct shape money_double_shape;
extern const struct shape money_string_shape;

/* shapes_time.c: dates and times, by time.precision.mode; intervals, by interval.handling.mode */
extern const struct shape date_shape;
extern const struct shape date_connect_shape;
extern const struct shape date_iso_shape;
extern const struct shape time_ms_shape;
extern const struct shape time_us_shape;
extern const struct shape time_ns_shape;
extern const struct shape time_connect_shape;
extern const struct shape time_iso_shape;
extern const struct shape zoned_time_shape;
extern const struct shape timestamp_ms_shape;
extern const struct shape timestamp_us_shape;
extern const struct shape timestamp_ns_shape;
extern const struct shape timestamp_connect_shape;
extern const struct shape timestamp_iso_shape;
extern const struct shape zoned_shape;
extern const struct shape interval_shape;
extern const struct shape interval_string_shape;

/* shapes_bytes.c: bytea and types that nobody knows, by binary.handling.mode; exact.types */
extern const struct shape bytes_shape;
extern const struct shape bytes_base64_shape;
extern const struct shape bytes_base64_url_shape;
extern const struct shape bytes_hex_shape;
extern const struct shape unknown_shape; /* any_form, as are these: the text's bytes */
extern const struct shape unknown_base64_shape;
extern const struct shape unknown_base64_url_shape;
extern const struct shape unknown_hex_shape;
extern const struct shape exact_shape; /* any_form: PostgreSQL's text as it is */

/* shapes_nested.c: what holds other values */
extern const struct shape array_shape;
extern const struct shape int2vector_shape;
extern const struct shape oidvector_shape;
extern const struct shape hstore_shape; /* as JSON */
extern const struct shape hstore_map_shape;

/* shapes_geometry.c: records and vectors, from their types' text */
extern const struct shape point_shape;
extern const struct shape geometry_shape;
extern const struct shape geography_shape;
extern const struct shape vector_shape;
extern const struct shape halfvec_shape;
extern const struct shape sparsevec_shape;

/* For labels of enums, which are encoded once. */
put_str_fn put_str_text;

/* A put_fn for shapes that have a put_str: reads the length. */
put_fn put_str;

/* Of a shape that takes any_form: a value that came ahead of its row, without its length. */
put_str_fn put_any_long;

/*
 * The text in UTF-8.  In a key nothing is repaired, because different bytes
 * would become the same text: UNSAID_TEXT.  *text lives until the next call.
 */
enum said text_said(const struct op *op, struct str s, struct str *text);

#endif /* RELAY_SHAPES_H */
