/*
 * verify_value.h
 *		Pure: one value as the server sent it, and as libavro reads it back.
 *
 * For verify.c only.  Nothing here calls the encoder's functions: a mistake in
 * one of them must not hide itself.
 */
#ifndef RELAY_VERIFY_VALUE_H
#define RELAY_VERIFY_VALUE_H

#include "schema.h"
#include "types.h"
#include "value.h"

/* What the server sent for a column. */
struct sent
{
	bool          as_text; /* text in place of the type's own form */
	struct cursor cur;     /* at the value, in its form; at its length where it has one */
	struct str    str;     /* text, bytes or array: without the length */
};

/*
 * State between the leaves of one value, all zeros before the first but for
 * text, which is borrowed.  Leaves come in the order of the schema.
 */
struct comparison
{
	struct text *text;
	struct array arr;     /* whose elements are being compared */
	uint32_t     next;    /* place of the element after the current one */
	struct sent  element; /* the current one */
	struct str   rest;    /* of a vector's text */
	int64_t      scale;   /* of the variable scale decimal at hand */
	struct buf   ours;
	struct buf   theirs;
};

void comparison_free(struct comparison *cmp);

/*
 * Whether a leaf of a column's value is what was sent.  path: the names below
 * the column, depth of them.  What cannot be said must be NULL or the filler.
 */
bool leaf_same(struct comparison *cmp, const struct op *op, const struct sent *sent,
			   const char *const *path, unsigned depth, const struct leaf *leaf);

/*
 * The same for a value that holds no others, from one leaf, or from the two of
 * a variable scale decimal, of which part is the name.
 */
bool scalar_same(struct comparison *cmp, const struct op *op, const struct sent *sent,
				 const char *part, const struct leaf *leaf);

/* Whether hex, in either case, spells the octets. */
bool hex_same(struct str octets, struct str hex);

#endif /* RELAY_VERIFY_VALUE_H */
