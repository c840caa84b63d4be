/*
 * array_literal.h
 *		Pure: the text of an array, as array_out() of PostgreSQL prints it, becomes
 *		the array that a row carries.
 *
 * For elements that travel as text: each is what its own output function printed.
 */
#ifndef RELAY_ARRAY_LITERAL_H
#define RELAY_ARRAY_LITERAL_H

#include <stdbool.h>

#include "buf.h"
#include "cursor.h"

/*
 * Adds the body of an array (what array_open() takes) with the elements of text.
 * A map of NULLs is there only if one is NULL.  False: it is no text of an array; what
 * was added then means nothing.
 */
bool array_literal_read(struct str text, char delimiter, struct buf *body);

#endif /* RELAY_ARRAY_LITERAL_H */
