/*
 * snapshot_order.h
 *		Pure: `walrelay snapshot start|stop|pause|resume`: whether what was asked for can be
 *		meant, and the SQL that looks into it and sends it as a signal.
 *
 * Nothing here shows a condition, or a text that may be the rest of a connection string.
 */
#ifndef RELAY_SNAPSHOT_ORDER_H
#define RELAY_SNAPSHOT_ORDER_H

#include "snapshot_signal.h"

/* Borrowed from the command line. */
struct snapshot_order
{
	enum signal_kind kind;
	bool             blocking;
	uint32_t         ntables;
	const char     **tables; /* expressions, as those of table.include.list */
	const char      *where;  /* condition, for all of them; NULL: none */
};

/* RC_ERR E1006, class ERR_USAGE. */
enum rc snapshot_order_check(const struct snapshot_order *order, struct err *e) MUST_CHECK;

/*
 * The expression as it may be shown: what the shell has split off a connection string, and
 * would be none, is not.  The caller frees it.
 */
char *snapshot_order_table(const struct snapshot_order *order, uint32_t number);

/*
 * The signal, of ASCII alone: the server writes its own encoding into WAL, and that may be
 * any.  id: text of ASCII.
 */
void snapshot_order_write(const struct snapshot_order *order, const char *id, struct buf *json);

/* Columns: oid, schema and name of tables that one of the expressions means. */
void snapshot_order_match_sql(const struct snapshot_order *order, uint32_t number, struct buf *sql);
/* Sends it, and gives its LSN.  key: incremental_note.h's. */
void snapshot_order_send_sql(const char *key, const struct buf *json, struct buf *sql);

#endif /* RELAY_SNAPSHOT_ORDER_H */
