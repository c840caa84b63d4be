/*
 * copy_row.h
 *		Pure: a row of COPY ... (FORMAT binary) becomes the change that the stream
 *		would have carried for its INSERT.
 *
 * The server's send functions give most types; what the plugin sends as the text of
 * a type's output function is asked for as that text.  Values are those of the
 * stream, in its forms (wire.h), for whoever reads tables to send their rows.
 */
#ifndef RELAY_COPY_ROW_H
#define RELAY_COPY_ROW_H

#include "catalog.h"
#include "record.h"

/*
 * Adds the SELECT list: the table's columns in its order, each in the form that
 * copy_row_read() takes, without a table's name before it.  Nothing, for a table
 * without columns.  left_out: columns, by place, that the server cannot send, NULL for
 * none: NULL is asked for instead.  The session must have client_encoding = server_encoding and
 * pg_session_sql's other settings, and the stream's search_path.  A value that the server
 * cannot print (the stream has WIRE_STATE_UNSENDABLE for it) fails the whole COPY.
 */
void copy_row_columns(const struct table *tbl, const bool *left_out, struct buf *sql);

struct copy_row;

/*
 * tbl is borrowed, and must live as long.  frame_bytes: hello's, which decides what is
 * a long value.  max_long: one longer than that is left out, as by a reader that
 * reader_leave_out_long() was called for.
 */
struct copy_row *copy_row_new(const struct table *tbl, uint32_t frame_bytes, uint64_t max_long);
void             copy_row_free(struct copy_row *row);

/* The next message is the first of another COPY of the same columns; left_out as above, borrowed. */
void copy_row_restart(struct copy_row *row, const bool *left_out);

/* The trailer has come: the COPY was not cut off, and no message may follow. */
bool copy_row_ended(const struct copy_row *row);

/*
 * One message (CopyData) of the COPY, which holds one row at most.  RC_OK: *chg is an
 * INSERT without LSN; it borrows from row and from the message, until the next call.
 * RC_AGAIN: no row was in it (header, trailer).  RC_ERR E1404: it is not what was
 * asked for; the COPY cannot go on.
 */
enum rc copy_row_read(struct copy_row *row, struct str message, struct change *chg,
					  struct err *e) MUST_CHECK;

#endif /* RELAY_COPY_ROW_H */
