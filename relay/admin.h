/*
 * admin.h
 *		HTTP for operators: /metrics, also as OpenMetrics for who accepts that, /livez, /readyz,
 *		/status, and a page for people at /.
 *
 * Reads and never changes anything.  Runs on the loop, so it sees the relay
 * between two callbacks.  session.c opens it and gives it its snapshots; what
 * it may show is in metrics.h.  Who may ask is decided by the address that it listens on, and by
 * admin.basic.auth.user.info; /livez is answered without, and /readyz without a reason then.
 */
#ifndef RELAY_ADMIN_H
#define RELAY_ADMIN_H

#include "config.h"
#include "err.h"
#include "loop.h"
#include "metrics.h"

struct admin;

/* Fills in all but process of a snapshot that is zero; called for each request. */
typedef void admin_snapshot_cb(void *arg, struct metrics *m);

/*
 * cfg is borrowed.  Its admin.listen: HOST:PORT, [ADDRESS]:PORT, *:PORT for every address, :PORT
 * for 127.0.0.1; "" for none: RC_OK with *admin NULL.  RC_ERR E1002: no such address, or it is taken,
 * or certificate and key are of no use.
 */
enum rc admin_new(struct loop *loop, const struct config *cfg, admin_snapshot_cb *snapshot, void *arg,
				  struct admin **admin, struct err *e) MUST_CHECK;
/* Certificate and key are read again; those who are connected come again.  RC_ERR: the old ones stay. */
enum rc admin_renew(struct admin *admin, struct err *e) MUST_CHECK;

/* Whether whoever is on the network may ask: what to warn of. */
bool admin_is_open(const struct admin *admin);
void    admin_free(struct admin *admin);

/* Where it listens, as it goes into a URL: "127.0.0.1:9187"; and what is in front of it. */
const char *admin_scheme(const struct admin *admin);
const char *admin_address(const struct admin *admin);

#endif /* RELAY_ADMIN_H */
