/*
 * quote.h
 *		Pure: names and strings in SQL's quotes, on one line, as the plugin's text
 *		format has them.  For people to read; nothing builds SQL with these.
 */
#ifndef RELAY_QUOTE_H
#define RELAY_QUOTE_H

#include <stdbool.h>

#include "buf.h"

/* '...', or E'...' if there are characters that would break the line. */
void quote_literal(struct buf *out, const char *data, size_t len);

/* In double quotes only where SQL needs them, as quote_identifier() of PostgreSQL does. */
void quote_name(struct buf *out, const char *name);
void quote_qualified(struct buf *out, const char *schema, const char *name);

/* Whether it is UTF-8 that PostgreSQL takes: RFC 3629 without zero bytes. */
bool utf8_valid(const uint8_t *data, size_t len);

#endif /* RELAY_QUOTE_H */
