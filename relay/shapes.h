/*
 * shapes.h
 *		The Avro shapes that columns can have; types.c says which type has which.
 *
 * A new type is a shape here, if no existing one fits, and a row there.
 */
#ifndef RELAY_SHAPES_H
#define RELAY_SHAPES_H

#include "types.h"

extern const struct shape boolean_shape;
extern const struct shape int16_shape;
extern const struct shape int32_shape;
extern const struct shape int64_shape;
extern const struct shape oid_shape;
extern const struct shape float4_shape;
extern const struct shape float8_shape;
extern const struct shape decimal_shape;
extern const struct shape variable_decimal_shape;
extern const struct shape money_shape;
extern const struct shape text_shape;
extern const struct shape other_text_shape;
extern const struct shape array_text_shape;
extern const struct shape bytes_shape;
extern const struct shape bit_shape;
extern const struct shape bits_shape;
extern const struct shape date_shape;
extern const struct shape time_ms_shape;
extern const struct shape time_us_shape;
extern const struct shape zoned_time_shape;
extern const struct shape timestamp_ms_shape;
extern const struct shape timestamp_us_shape;
extern const struct shape zoned_shape;
extern const struct shape interval_shape;
extern const struct shape uuid_shape;
extern const struct shape json_shape;
extern const struct shape hstore_shape;
extern const struct shape xml_shape;
extern const struct shape tsvector_shape;
extern const struct shape ltree_shape;
extern const struct shape enum_shape;

/* For labels of enums, which are encoded once. */
put_str_fn put_str_text;

#endif /* RELAY_SHAPES_H */
