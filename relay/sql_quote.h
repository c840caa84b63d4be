/*
 * sql_quote.h
 *		Pure: names and literals of SQL that is sent to PostgreSQL, always in quotes.
 *
 * Texts are in the connection's encoding, which must be one that a database can have: no
 * byte of a character there is another's quote.  What people read is quote.h's.
 */
#ifndef RELAY_SQL_QUOTE_H
#define RELAY_SQL_QUOTE_H

#include <stdbool.h>

#include "buf.h"
#include "cursor.h"

/* Between quotes, with those of the text doubled; nothing else has a meaning. */
static inline void
sql_doubled_put(const char *text, char quote, struct buf *sql)
{
	buf_put_u8(sql, (uint8_t) quote);
	for (; *text; text++)
	{
		if (*text == quote)
			buf_put_u8(sql, (uint8_t) quote);
		buf_put_u8(sql, (uint8_t) *text);
	}
	buf_put_u8(sql, (uint8_t) quote);
}

/* An identifier, in statements and in replication commands. */
static inline void
sql_name_put(const char *name, struct buf *sql)
{
	sql_doubled_put(name, '"', sql);
}

/*
 * A literal of a statement, whatever standard_conforming_strings says.  text: without NUL.
 * Behind a keyword it needs a blank before it.
 */
static inline void
sql_literal_put(struct str text, struct buf *sql)
{
	bool escape = text.len > 0 && memchr(text.data, '\\', text.len) != NULL;

	buf_puts(sql, escape ? " E'" : "'");
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] == '\'' || text.data[i] == '\\')
			buf_put_u8(sql, (uint8_t) text.data[i]);
		buf_put_u8(sql, (uint8_t) text.data[i]);
	}
	buf_put_u8(sql, '\'');
}

/* A literal of a replication command: its grammar has no E'', and a backslash is one. */
static inline void
sql_command_literal_put(const char *text, struct buf *sql)
{
	sql_doubled_put(text, '\'', sql);
}

#endif /* RELAY_SQL_QUOTE_H */
