/*
 * boundary.c
 *		Messages at the begin and end of a transaction, for consumers that put
 *		transactions together again (provide.transaction.metadata); see encode.h.
 */
#include "binary.h"
#include "encode.h"
#include "plan.h"

#define BRANCH_NULL 0x00 /* of ["null",T] */
#define BRANCH_VALUE 0x02

/* Key and the head of the value, which both boundaries have. */
static void
boundary_start(struct plan *plan, const struct stamp *stamp, uint64_t lsn, const char *status)
{
	side_start(&plan->sides[SIDE_KEY], &plan->work->after.key);
	transaction_id_put(stamp->xid, lsn, &plan->work->after.key);
	side_start(&plan->sides[SIDE_VALUE], &plan->work->value);
	binary_string(&plan->work->value, status);
	transaction_id_put(stamp->xid, lsn, &plan->work->value);
}

static void
boundary_end(struct plan *plan, const struct stamp *stamp, struct outgoing *out, unsigned *nout)
{
	binary_long(&plan->work->value, milliseconds(stamp->commit_us));
	out[0] = (struct outgoing){
		.has_key = true,
		.has_value = true,
		.key = buf_str(&plan->work->after.key),
		.value = buf_str(&plan->work->value),
	};
	*nout = 1;
}

void
encode_begin(struct plan *plan, const struct stamp *stamp, uint64_t lsn,
			 struct outgoing out[ENCODE_MAX_OUT], unsigned *nout)
{
	static const uint8_t no_counts[] = {BRANCH_NULL, BRANCH_NULL};

	boundary_start(plan, stamp, lsn, "BEGIN");
	buf_put(&plan->work->value, no_counts, sizeof(no_counts));
	boundary_end(plan, stamp, out, nout);
}

void
encode_end(struct plan *plan, const struct stamp *stamp, uint64_t lsn,
		   const struct collection *collections, uint32_t ncollections,
		   struct outgoing out[ENCODE_MAX_OUT], unsigned *nout)
{
	boundary_start(plan, stamp, lsn, "END");
	buf_put_u8(&plan->work->value, BRANCH_VALUE);
	binary_long(&plan->work->value, (int64_t) stamp->total_order);
	buf_put_u8(&plan->work->value, BRANCH_VALUE);
	if (ncollections > 0)
		binary_long(&plan->work->value, ncollections);
	for (uint32_t i = 0; i < ncollections; i++)
	{
		buf_put_u8(&plan->work->value, BRANCH_VALUE);
		binary_string(&plan->work->value, collections[i].name);
		binary_long(&plan->work->value, (int64_t) collections[i].events);
	}
	buf_put_u8(&plan->work->value, 0);
	boundary_end(plan, stamp, out, nout);
}
