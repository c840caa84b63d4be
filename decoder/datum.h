/*
 * datum.h
 *		From a heap tuple to values that are ready to be written: the one place
 *		that knows about TOAST, about on-disk layouts and about output functions.
 */
#ifndef WALRELAY_DATUM_H
#define WALRELAY_DATUM_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"

#include "relation.h"
#include "wire.h"

/*
 * One value.  VALUE and LONG of a variable form, and TEXT, have their bytes in
 * data; the others have the Datum.  Points into the change or into scratch.
 */
struct value
{
	Datum		datum;
	const char *data;
	Size		length;
	uint8		state;			/* enum wire_state */
};

/* Values of a tuple, in the order of the columns that it has. */
struct tuple
{
	int			count;
	struct value *values;
	const struct how *hows;		/* of the column that each value belongs to */
	bool		has_null;
	bool		has_state;		/* a state other than VALUE and NULL */
	bool		has_long;
	Size		length;			/* of all bytes in data that go into the row */
};

/* Room to take a heap tuple apart; one for all relations. */
struct deform
{
	Datum	   *values;
	bool	   *nulls;
};

extern void deform_init(struct deform *deform);
extern void tuple_init(struct tuple *tuple);

/*
 * Fill *tuple from a heap tuple of the relation.  "key" takes only columns of
 * the replica identity.  Values longer than "threshold" become LONG, if their
 * form can; 0 for no limit.  Memory for what has to be made comes from the
 * current context, the change's scratch.  No ERROR depends on a value.
 */
extern void tuple_collect(struct tuple *tuple, struct deform *deform, const struct relation *rel,
						  TupleDesc desc, HeapTuple heap, bool key, Size threshold);

/*
 * For PG_CATCH() around an output function: ends the error if the value is to
 * blame for it, else throws it on.  "context" becomes the current memory
 * context.
 */
extern void error_swallow(MemoryContext context);

/* Upper bound of what one value takes besides its bytes in data. */
#define VALUE_BOUND (WIRE_VARINT_MAX * 3 + 2)

/* Upper bound of what tuple_put() writes. */
#define TUPLE_BOUND(tuple) ((tuple)->length + (Size) (tuple)->count * VALUE_BOUND + 1)

/* Write a numeric, of which "payload" is what follows the varlena header.  Returns the end. */
extern uint8 *numeric_put(uint8 *p, const char *payload, Size length);

/* Write a collected tuple as wire.h says.  Returns the end. */
extern uint8 *tuple_put(uint8 *p, const struct tuple *tuple);

#endif							/* WALRELAY_DATUM_H */
