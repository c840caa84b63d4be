/*
 * snapshot_order.c
 *		Signals that commands send; see snapshot_order.h.
 */
#include "snapshot_order.h"

#include <inttypes.h>
#include <stdlib.h>

#include "condition.h"
#include "quote.h"
#include "sql_quote.h"

/* --- what was asked for ---------------------------------------------------------- */

static struct str
str_of(const char *text)
{
	return (struct str){text, strlen(text)};
}

static bool
is_text(const char *text)
{
	return utf8_valid((const uint8_t *) text, strlen(text));
}

static enum rc
where_check(const char *where, struct err *e)
{
	const char *why = is_text(where) ? condition_refusal(str_of(where)) : "is no UTF-8";

	if (why == NULL)
		return RC_OK;
	err_set(e, ERR_USAGE, E1006, "invalid condition for --where");
	err_detail(e, "It %s.", why);
	return err_hint(e, "Give what would stand behind WHERE, in one argument: --where=\"state = "
					   "'open'\".");
}

enum rc
snapshot_order_check(const struct snapshot_order *order, struct err *e)
{
	if (order->kind == SIGNAL_EXECUTE && order->ntables == 0)
	{
		err_set(e, ERR_USAGE, E1006, "no table given");
		return err_hint(e, "Write \"walrelay snapshot start TABLE...\", each as schema.table or as "
						   "a regular expression for that.");
	}
	for (uint32_t i = 0; i < order->ntables; i++)
		if (!is_text(order->tables[i]) ||
			strspn(order->tables[i], " \t\r\n") == strlen(order->tables[i]))
		{
			err_set(e, ERR_USAGE, E1006, "table number %" PRIu32 " is %s", i + 1,
					is_text(order->tables[i]) ? "blank" : "no UTF-8");
			return err_hint(e, "Give schema.table, or a regular expression for that.");
		}
	return order->where ? where_check(order->where, e) : RC_OK;
}

char *
snapshot_order_table(const struct snapshot_order *order, uint32_t number)
{
	const char *text = order->tables[number];

	return text[strcspn(text, "=:@")] ? xasprintf("number %" PRIu32, number + 1)
									  : xasprintf("\"%.200s\"", text);
}

/* --- the signal ------------------------------------------------------------------- */

/* The character that begins at *at, behind which *at is then.  text: UTF-8. */
static uint32_t
character_next(const uint8_t **at)
{
	uint8_t  first = *(*at)++;
	int      more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
	uint32_t character = more == 0 ? first : first & (0x3fu >> more);

	for (; more > 0; more--)
		character = character << 6 | (*(*at)++ & 0x3f);
	return character;
}

/* JSON in ASCII: what is none stands in strings, where it can be escaped. */
static void
ascii_put(struct buf *utf8, struct buf *out)
{
	const uint8_t *at = (const uint8_t *) buf_cstr(utf8);

	while (*at)
	{
		uint32_t character = character_next(&at);

		if (character < 0x80)
			buf_put_u8(out, (uint8_t) character);
		else if (character < 0x10000)
			buf_printf(out, "\\u%04" PRIx32, character);
		else
			buf_printf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((character - 0x10000) >> 10),
					   0xdc00 + ((character - 0x10000) & 0x3ff));
	}
}

void
snapshot_order_write(const struct snapshot_order *order, const char *id, struct buf *json)
{
	struct signal_condition condition = {.collection = (char *) ".*",
										 .filter = (char *) order->where};
	struct snapshot_signal  signal = {.kind = order->kind,
									  .id = (char *) id,
									  .blocking = order->blocking,
									  .ncollections = order->ntables,
									  .collections = (char **) order->tables,
									  .nconditions = order->where != NULL,
									  .conditions = &condition}; /* only read */
	struct buf              utf8 = {0};

	snapshot_signal_write(&signal, &utf8);
	ascii_put(&utf8, json);
	buf_free(&utf8);
}

/* --- SQL ---------------------------------------------------------------------------- */

void
snapshot_order_match_sql(const struct snapshot_order *order, uint32_t number, struct buf *sql)
{
	buf_reset(sql);
	buf_puts(sql, "SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c "
				  "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
				  "WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384 "
				  "AND ");
	signal_collection_sql(order->tables[number], "n.nspname || '.' || c.relname", sql);
	buf_puts(sql, " ORDER BY n.nspname, c.relname");
}

/* Its flush is waited for, but no standby's: the stream has it once it is flushed. */
void
snapshot_order_send_sql(const char *key, const struct buf *json, struct buf *sql)
{
	struct buf message = {0};

	buf_printf(&message, "signal %s ", key);
	buf_put(&message, json->data, json->len);
	buf_reset(sql);
	buf_puts(sql, "BEGIN READ WRITE; SET LOCAL synchronous_commit = local; "
				  "SELECT pg_catalog.pg_logical_emit_message(true, '" WIRE_REQUEST_PREFIX "', ");
	sql_literal_put((struct str){(const char *) message.data, message.len}, sql);
	buf_puts(sql, "); COMMIT");
	buf_free(&message);
}
