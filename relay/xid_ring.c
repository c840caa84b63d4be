/*
 * xid_ring.c
 *		Transactions of the stream; see xid_ring.h.
 */
#include "xid_ring.h"

#include <stdlib.h>

static int
xid_compare(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *) a;
	uint32_t other = *(const uint32_t *) b;

	return (one > other) - (one < other);
}

/* A list is searched for being the same: nothing has to be known of where numbers wrap around. */
bool
xid_ring_was_before(const struct xid_ring *ring, uint64_t mark, struct xid_view *view)
{
	uint64_t first = ring->next > XID_RING_SIZE ? ring->next - XID_RING_SIZE : 0;

	if (first > 0 && first + XID_RING_REACH > mark)
		return true;
	if (view->nxips > 0)
		qsort(view->xips, view->nxips, sizeof(*view->xips), xid_compare);
	for (uint64_t at = first; at < mark; at++)
	{
		uint32_t xid = ring->xids[at % XID_RING_SIZE];

		if (xid_view_is_behind(view, xid))
			return true;
		if (view->nxips > 0 && xid >= view->xips[0] && xid <= view->xips[view->nxips - 1] &&
			bsearch(&xid, view->xips, view->nxips, sizeof(xid), xid_compare) != NULL)
			return true;
	}
	return false;
}
