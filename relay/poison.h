/*
 * poison.h
 *		Pure: which messages the brokers refused, until they are behind us.
 *
 * A refusal ends the producer, and the stream begins again: the message must be
 * known when it comes again.  What it is known by stays the same then: its
 * transaction's tag, and its place among the transaction's messages.  Called by
 * divert.c.
 */
#ifndef RELAY_POISON_H
#define RELAY_POISON_H

#include "err.h"

#include <stdint.h>

/* So many are remembered; one more stops the relay. */
#define POISON_MAX 1000

struct poison;

struct poison *poison_new(void);
void           poison_free(struct poison *poison);

/* False: it is remembered already, or there are too many. */
bool poison_add(struct poison *poison, uint64_t tag, uint64_t place, const struct err *why);

/* Whether some message of the transaction is remembered. */
bool poison_has(const struct poison *poison, uint64_t tag);

/* Why the message is refused; NULL: it is not known. */
const struct err *poison_find(const struct poison *poison, uint64_t tag, uint64_t place);

/* Transactions with a tag below lsn will not come again. */
void poison_forget(struct poison *poison, uint64_t lsn);

#endif /* RELAY_POISON_H */
