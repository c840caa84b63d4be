/*
 * condition.h
 *		Pure: whether a text that somebody sent is one condition of SQL, which stays one
 *		wherever it is put in parentheses.
 *
 * It is PostgreSQL that knows whether the condition means something.  Here it is made sure
 * that the text does not end the parentheses, the statement or a quote around it, under
 * any setting of the server.
 */
#ifndef RELAY_CONDITION_H
#define RELAY_CONDITION_H

#include "cursor.h"

/* Why it is none: ends a sentence, and says nothing of what the text holds.  NULL: it is one. */
const char *condition_refusal(struct str text);

#endif /* RELAY_CONDITION_H */
