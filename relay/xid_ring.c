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

/*
 * Numbers are compared for being the same only: no xid comes twice among so few, and so
 * nothing has to be known of where they wrap around.
 */
bool
xid_ring_was_before(const struct xid_ring *ring, uint64_t mark, uint32_t *xids, size_t count)
{
	uint64_t first = ring->next > XID_RING_SIZE ? ring->next - XID_RING_SIZE : 0;

	if (count == 0)
		return false;
	if (first > 0 && first + XID_RING_REACH > mark)
		return true;
	qsort(xids, count, sizeof(*xids), xid_compare);
	for (uint64_t at = first; at < mark; at++)
	{
		uint32_t xid = ring->xids[at % XID_RING_SIZE];

		if (xid >= xids[0] && xid <= xids[count - 1] &&
			bsearch(&xid, xids, count, sizeof(*xids), xid_compare) != NULL)
			return true;
	}
	return false;
}
