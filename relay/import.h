/*
 * import.h
 *		A Debezium connector's settings as ours: `walrelay config import`.
 *
 * Takes what people have: the JSON that was posted to Kafka Connect, with or without "config"
 * around it, or the application.properties of a Debezium Server.  Gives a configuration file with a
 * comment for each property that was not taken over.  A password is never copied.
 */
#ifndef RELAY_IMPORT_H
#define RELAY_IMPORT_H

#include <stdio.h>

#include "err.h"

/*
 * name stands for in in messages.  RC_ERR E1004: it cannot be read as either; nothing is printed
 * then.  RC_ERR E1008, class DATA: all is printed, and some properties have no counterpart here.
 */
enum rc import_config(FILE *in, const char *name, FILE *out, struct err *e) MUST_CHECK;

#endif /* RELAY_IMPORT_H */
