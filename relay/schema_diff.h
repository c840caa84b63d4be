/*
 * schema_diff.h
 *		`walrelay schema diff`: the newest schemas in the registry, beside those that the relay
 *		would register for its tables today.
 *
 * Nothing is registered; whether a schema would be accepted the registry is asked.  Called by
 * cli_commands.c.
 */
#ifndef RELAY_SCHEMA_DIFF_H
#define RELAY_SCHEMA_DIFF_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

/*
 * Prints what becomes of each subject; json: one object,
 * {"subjects":[{"subject":"shop.shop.orders-value","table":"shop.orders","side":"value",
 * "state":"changed","version":3,"registered_as":null,"compatibility":"BACKWARD","accepted":false,
 * "differences":[{"kind":"added","record":"Value","field":"weight","attribute":null,"was":null,
 * "is":"int","default":false}],"note":null,"reasons":["..."],"error":{"code":"E1802","message":"...",
 * "detail":"...","hint":"..."}}],"same":3,"new":1,"changed":1,"refused":1}
 * note: what differs if no field does.
 * RC_ERR as selection_begin() and inquiry.h; E1003: no registry is set; E1809: not all are the
 * same.
 */
enum rc schema_diff(const struct config *cfg, const char *const *tables, unsigned ntables,
					bool json, FILE *out, struct err *e) MUST_CHECK;

#endif /* RELAY_SCHEMA_DIFF_H */
