/*
 * xid_view.h
 *		Pure: which transactions a snapshot of PostgreSQL sees, by pg_current_snapshot()'s
 *		text.
 *
 * Transactions go by the 32 bits that the stream has of them; those that are compared are
 * less than 2^31 apart, as all are that PostgreSQL can still tell apart.
 */
#ifndef RELAY_XID_VIEW_H
#define RELAY_XID_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xid_view
{
	uint32_t  xmin; /* older ones are seen, if they committed */
	uint32_t  xmax; /* this one and later ones are not: behind the newest that has completed */
	uint32_t *xips; /* nor are these, in progress */
	size_t    nxips;
};

/* "10:20:10,14,15".  False: it is none, and *view has nothing. */
bool xid_view_read(const char *text, struct xid_view *view);
void xid_view_free(struct xid_view *view); /* what it points to */

/* Those of "11,17" are not of interest: they do not count as in progress any more. */
void xid_view_forget(struct xid_view *view, const char *xids);

/* Whether it is one of those that no list of a snapshot has, and that are not seen. */
static inline bool
xid_view_is_behind(const struct xid_view *view, uint32_t xid)
{
	return (int32_t) (xid - view->xmax) >= 0;
}

/* A transaction that has committed by now: whether it had when the view was taken. */
bool xid_view_sees(const struct xid_view *view, uint32_t xid);

#endif /* RELAY_XID_VIEW_H */
