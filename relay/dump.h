/*
 * dump.h
 *		Records as readable lines: what the decode command prints.
 *
 * The grammar is that of the plugin's format=text (PROTOCOL.md), so that a
 * binary capture and a text stream of the same changes read the same.  Row
 * values go to the output and nowhere else: never into an error.
 */
#ifndef RELAY_DUMP_H
#define RELAY_DUMP_H

#include <stdio.h>

#include "catalog.h"
#include "record.h"

/* What to leave out because it differs from run to run; the plugin's include-* options. */
enum dump_flags
{
	DUMP_NO_LSN = 0x01,
	DUMP_NO_XIDS = 0x02,
	DUMP_NO_TIMESTAMP = 0x04,
	DUMP_NO_RELATIONS = 0x08,
	DUMP_NO_HELLO = 0x10,
	DUMP_NO_MARKS = 0x20
};

struct dump;

/* Writes to out, which stays the caller's. */
struct dump *dump_new(FILE *out, unsigned flags);
void         dump_free(struct dump *dump);

/*
 * Writes one record as one line.  A hello record begins a new stream: what was
 * known of relations is forgotten.  RC_ERR E1404, E1405, E1406 for a record
 * that does not fit its relation, E2007 if the line cannot be written.
 */
enum rc dump_record(struct dump *dump, const struct record *rec, struct err *e) MUST_CHECK;

/*
 * What one change of a table looks like: the line of the table, and the change's, each with
 * its end.  *text: until the dump's next call.  For a dump that writes nowhere (out NULL).
 */
enum rc dump_change_text(struct dump *dump, const struct table *tbl, const struct change *change,
						 struct str *text, struct err *e) MUST_CHECK;
/* The same of a logical message.  utf8: that is the server's encoding. */
void dump_message_text(struct dump *dump, const struct message *message, bool utf8,
					   struct str *text);

/* Nothing is certain to be written before this.  RC_ERR E2007. */
enum rc dump_flush(struct dump *dump, struct err *e) MUST_CHECK;

#endif /* RELAY_DUMP_H */
