/*
 * notify.h
 *		What a supervisor that has set NOTIFY_SOCKET, systemd for one, is told: ready, what is
 *		being done, that the loop still turns, stopping.
 *
 * The protocol is a datagram of lines (sd_notify(3)); that is all of it, so there is no library.
 * The pulse for WATCHDOG_USEC is sent from the loop and by nothing else: while a callback hangs
 * there is none.  Until it is ready, and while it stops, the supervisor is asked for more time as
 * long as the loop turns, because how long that takes depends on servers; that it does not take
 * for ever is the business of the timeouts of those who connect.
 */
#ifndef RELAY_NOTIFY_H
#define RELAY_NOTIFY_H

#include "buf.h"
#include "loop.h"

struct notify;

/* Appends what is being done just now, for people: a line without its end. */
typedef void notify_status_cb(void *arg, struct buf *out);

/* NULL: nobody wants to know; the others take that and do nothing. */
struct notify *notify_new(struct loop *loop, notify_status_cb *status, void *arg);
void           notify_free(struct notify *notify);

/* The first time says READY; the status is sent soon after, and every few seconds from then on. */
void notify_ready(struct notify *notify);
/* The first time says STOPPING, which may take limit_ms. */
void notify_stopping(struct notify *notify, int64_t limit_ms);
/* The state has changed: the status is sent in the next round, not only when it is due. */
void notify_refresh(struct notify *notify);

#endif /* RELAY_NOTIFY_H */
