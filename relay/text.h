/*
 * text.h
 *		Pure: text of the server's encoding becomes valid UTF-8.
 *
 * Avro strings, names and registries take UTF-8 only.  What is no text in the
 * server's encoding becomes U+FFFD and is counted, never passed on.
 */
#ifndef RELAY_TEXT_H
#define RELAY_TEXT_H

#include "buf.h"
#include "cursor.h"
#include "err.h"

struct text;

/*
 * For a server encoding by PostgreSQL's name.  Each value with something
 * replaced adds one to *replaced.  RC_ERR E1601: no conversion is known.
 */
enum rc text_new(const char *encoding, uint64_t *replaced, struct text **text,
				 struct err *e) MUST_CHECK;
void    text_free(struct text *text);

/* s itself when it is UTF-8 already, else a copy that lives until the next call. */
struct str text_utf8(struct text *text, struct str s);

/* A copy of a name; the caller frees it. */
char *text_name(struct text *text, const char *name);

/* Gives back what a huge text took; its copy is gone. */
void text_trim(struct text *text);

/* The counter given to text_new(): it rises with each value that is not passed on as it was. */
uint64_t text_replaced(const struct text *text);

/* How many bytes from the start are whole, valid UTF-8 characters. */
size_t utf8_span(const char *s, size_t len);

/* The next character's code point; *at moves behind it.  s must be valid UTF-8. */
uint32_t utf8_next(const char *s, size_t len, size_t *at);

#endif /* RELAY_TEXT_H */
