/*
 * shown.h
 *		Pure: names and messages as a terminal may have them.
 *
 * A name in PostgreSQL may have any character: one that moves the cursor, clears the screen or
 * turns the direction of writing would change what is read around it.  Called by what prints for
 * people.
 */
#ifndef RELAY_SHOWN_H
#define RELAY_SHOWN_H

#include "buf.h"

/* Appends text on one line: control characters as \t, \n, \x1b, \u202e, and what is no UTF-8 as \xff. */
void shown_put(struct buf *out, const char *text);

/* The same, but ends of lines and tabs stay: for what consists of lines. */
void shown_put_lines(struct buf *out, const char *text);

/* Appends text on one line, cut off after most columns (0: never), and blanks up to width of them. */
void shown_put_column(struct buf *out, const char *text, size_t width, size_t most);

/* How many columns of a terminal a text takes, as it was appended. */
size_t shown_width(const char *text);

#endif /* RELAY_SHOWN_H */
