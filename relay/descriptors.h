/*
 * descriptors.h
 *		That the process runs out of descriptors: said by name, and prevented if it can be.
 *
 * Sockets and files are opened by libpq, librdkafka, libcurl and the resolver,
 * which call it a host that is down, a name that does not exist or a certificate
 * that cannot be read.  Called by main.c, session*.c, producer.c and admin.c, on
 * the loop's thread.
 */
#ifndef RELAY_DESCRIPTORS_H
#define RELAY_DESCRIPTORS_H

#include "err.h"

/*
 * As many as the process may have without a privilege: the soft limit becomes the hard one.
 * RC_ERR: these are not even enough for what is opened before anything is connected.
 */
enum rc descriptors_prepare(struct err *e) MUST_CHECK;

/*
 * If an error comes from too few descriptors, it becomes E1007, which goes away by itself,
 * with what it said before as its detail.  Soon after the error: what was open then counts.
 */
void descriptors_blame(struct err *e);

/* Whether there are fewer left than a connection takes. */
bool descriptors_are_short(void);

/* Our own descriptor could not be had (errno): fills *e. */
enum rc descriptors_missing(const char *what, struct err *e);

#endif /* RELAY_DESCRIPTORS_H */
