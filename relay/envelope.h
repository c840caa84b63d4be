/*
 * envelope.h
 *		Pure: the text of key and value schemas, as Debezium's converter registers it.
 *
 * Order of fields and of properties matters: registries compare schemas as
 * text.
 */
#ifndef RELAY_ENVELOPE_H
#define RELAY_ENVELOPE_H

#include "types.h"

/*
 * Schemas of a table.  name is the adjusted topic, the namespace of all
 * records; ops of columns that are left out have no shape.  Both results are
 * single lines that the caller frees.
 */
char *envelope_key(const char *name, const struct op *const *keys, uint32_t nkeys);
char *envelope_value(const char *name, const struct op *ops, uint32_t nops, enum profile profile);

/* Schemas of logical messages: the same for every topic. */
char *envelope_message_key(void);
char *envelope_message_value(const struct op *content, enum profile profile);

/* Schemas of the transaction topic. */
char *envelope_transaction_key(void);
char *envelope_transaction_value(void);

#endif /* RELAY_ENVELOPE_H */
