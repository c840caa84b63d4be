/*
 * admin.h
 *		HTTP for operators: /metrics, also as OpenMetrics for who accepts that, /livez, /readyz,
 *		/status.
 *
 * Reads and never changes anything.  Runs on the loop, so it sees the relay
 * between two callbacks.  session.c opens it and gives it its snapshots; what
 * it may show is in metrics.h.  It has no login: who may connect is decided
 * by the address that it listens on.
 */
#ifndef RELAY_ADMIN_H
#define RELAY_ADMIN_H

#include "err.h"
#include "loop.h"
#include "metrics.h"

struct admin;

/* Fills in all but process of a snapshot that is zero; called for each request. */
typedef void admin_snapshot_cb(void *arg, struct metrics *m);

/*
 * listen: HOST:PORT, [ADDRESS]:PORT, *:PORT for every address, :PORT for
 * 127.0.0.1; "" for none: RC_OK with *admin NULL.  RC_ERR E1002: no such
 * address, or it is taken.
 */
enum rc admin_new(struct loop *loop, const char *listen, admin_snapshot_cb *snapshot, void *arg,
				  struct admin **admin, struct err *e) MUST_CHECK;
void    admin_free(struct admin *admin);

/* Where it listens, as it goes into a URL: "127.0.0.1:9187". */
const char *admin_address(const struct admin *admin);

#endif /* RELAY_ADMIN_H */
