/*
 * json.h
 *		Pieces of JSON text, written as Jackson writes them, appended to a buffer.
 *
 * Debezium's converters use Jackson, so this is what consumers have seen.
 * Schema text is built with cJSON; this is for what cJSON cannot print: numbers
 * beyond 2^53, a NUL inside a string.
 */
#ifndef RELAY_JSON_H
#define RELAY_JSON_H

#include "buf.h"

/* Quoted; s is UTF-8 and stays so, only quotes and control characters are escaped. */
void json_string(struct buf *out, const char *s, size_t len);
/* Quoted; every byte becomes the character of that number (how Avro says bytes in a default). */
void json_latin1(struct buf *out, const uint8_t *bytes, size_t len);
/* Quoted base64, padded. */
void json_base64(struct buf *out, const uint8_t *bytes, size_t len);
/* The shortest digits that read back the same, laid out as Java does; NaN and infinities quoted. */
void json_double(struct buf *out, double value);
void json_float(struct buf *out, float value);

/* A member behind another one: ,"name":"text" or ,"name":5; null for "", or for 0 and less. */
void json_put_text(struct buf *out, const char *name, const char *text);
void json_put_number(struct buf *out, const char *name, int64_t number);

#endif /* RELAY_JSON_H */
