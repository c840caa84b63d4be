/*
 * capture.h
 *		A file that pg_recvlogical wrote, read back into readable records.
 *
 * Called by the decode command.  Memory is bounded by the largest frame and
 * the largest value, not by the file.
 */
#ifndef RELAY_CAPTURE_H
#define RELAY_CAPTURE_H

#include <stdio.h>

#include "dump.h"

/*
 * Prints every record of in until its end.  in may be a pipe and may hold
 * several streams one after another (pg_recvlogical appends when it
 * reconnects); name stands for it in errors.  RC_OK at a clean end.  RC_ERR
 * with the byte offset for anything else, E1402 for a file that was cut off;
 * what came before has been printed.
 */
enum rc capture_decode(FILE *in, const char *name, struct dump *dump, struct err *e) MUST_CHECK;

#endif /* RELAY_CAPTURE_H */
