/*
 * schema_show.h
 *		`walrelay schema show`: the Avro schemas that the relay would register for its tables.
 *
 * Made as the relay makes them, of what the plugin says of the tables; nothing is registered, and
 * neither Kafka nor the registry is asked.  Called by cli_commands.c.
 */
#ifndef RELAY_SCHEMA_SHOW_H
#define RELAY_SCHEMA_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

/*
 * tables: ntables of schema.table or regular expressions for that; none: all that are captured.
 * For people a schema is laid out in lines; json: one object,
 * {"tables":[{"table":"shop.orders","topic":"shop.shop.orders","key":{"subject":"...",
 * "schema":{...}},"value":{...}}]}, with null for the key of a table that has none.  RC_ERR E1245:
 * no captured table is one of tables; or whatever keeps the plugin from telling its tables.
 */
enum rc schema_show(const struct config *cfg, const char *const *tables, unsigned ntables,
					bool json, FILE *out, struct err *e) MUST_CHECK;

#endif /* RELAY_SCHEMA_SHOW_H */
