/*
 * xid_ring.h
 *		Pure: which transactions the stream has brought lately, and which of them before a
 *		given moment.
 *
 * A transaction is in the stream once its commit record is flushed, but other sessions see
 * what it did only later: with synchronous replication, seconds later.  So rows may be
 * read, by a snapshot taken now, as they were before a change that went out already.  Such
 * a snapshot tells: it does not see a transaction that was streamed.  The newest of them it
 * may not have on its list of those in progress, which ends at the newest that has completed.
 *
 * Only what was added is known: a ring that is new knows nothing of what another process,
 * or a stream of another position, has brought before.
 */
#ifndef RELAY_XID_RING_H
#define RELAY_XID_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "xid_view.h"

/*
 * As many transactions before a mark are known, at least.  One that waits to be seen while
 * more than these pass it by is not found: they would have to be such as do not wait
 * (synchronous_commit = local), or be done by more sessions than a server has.
 */
#define XID_RING_REACH 65536

/* A power of two.  What is more than REACH: for the time between a mark and the question. */
#define XID_RING_SIZE 262144

/* Zeroed: empty.  1 MB; allocate it. */
struct xid_ring
{
	uint64_t next; /* place of the next one; counts from 0, and does not wrap */
	uint32_t xids[XID_RING_SIZE];
};

/*
 * A transaction of the stream, by the 32 bits of its BEGIN, before anything of it goes out:
 * at its end, what of it went out before a mark would be missed.
 */
static inline void
xid_ring_add(struct xid_ring *ring, uint32_t xid)
{
	ring->xids[ring->next++ % XID_RING_SIZE] = xid;
}

/* This moment. */
static inline uint64_t
xid_ring_mark(const struct xid_ring *ring)
{
	return ring->next;
}

/*
 * Whether one that the view does not see was added before the mark, as far back as the ring
 * goes.  True, too, if less than REACH before the mark is left, because so many were added
 * since: whoever reads again, with a new mark, is on the safe side.  The view's list is sorted
 * as numbers by this call.
 */
bool xid_ring_was_before(const struct xid_ring *ring, uint64_t mark, struct xid_view *view);

#endif /* RELAY_XID_RING_H */
