/*
 * verify.c
 *		Messages read back and compared with the change; see verify.h.
 */
#include "verify.h"

#include <stdlib.h>

#include "plan.h"
#include "verify_value.h"

/* A row of the change, taken apart: what a decoded image must agree with. */
struct row
{
	bool             there;
	enum wire_state *states; /* one a column; UNSENDABLE for those not in the tuple */
	bool            *absent; /* not in a key-only tuple */
	struct cursor   *values;
};

struct check
{
	struct plan      *plan;
	struct row        before;
	struct row        after;
	const struct row *key;        /* the row that the key must be of */
	bool              has_before; /* in the value at hand */
	bool              has_after;
	struct comparison comparison;
};

static enum rc
mismatch(const struct check *check, const char *what, const char *name, struct err *e)
{
	err_set(e, ERR_FATAL, E1603, "record does not verify against its schema");
	return err_detail(e, "%s \"%s\" of table \"%s.%s\" reads back differently.", what, name,
					  check->plan->tbl->schema, check->plan->tbl->name);
}

static enum rc
row_read(const struct plan *plan, struct cursor cur, bool key_only, const struct str **longs,
		 uint32_t *nlongs, struct row *row, struct err *e)
{
	struct tuple tup;
	uint32_t     place = 0;
	enum rc      rc = tuple_open(cur, key_only ? plan->nidentity : plan->nops, &tup, e);

	if (rc != RC_OK)
		return rc;
	row->there = true;
	row->states = xcalloc(plan->nops + 1, sizeof(*row->states));
	row->absent = xcalloc(plan->nops + 1, sizeof(*row->absent));
	row->values = xcalloc(plan->nops + 1, sizeof(*row->values));
	for (uint32_t i = 0; i < plan->nops; i++)
	{
		row->absent[i] = key_only && !plan->ops[i].identity;
		row->states[i] = WIRE_STATE_UNSENDABLE;
		if (row->absent[i])
			continue;
		row->states[i] = tuple_state(&tup, place++);
		row->values[i] = tup.values;
		if (row->states[i] == WIRE_STATE_VALUE)
			value_skip(plan->ops[i].col->form, &tup.values);
		else if (row->states[i] == WIRE_STATE_TEXT)
			cursor_str(&tup.values);
		else if (row->states[i] == WIRE_STATE_LONG && *nlongs > 0)
		{
			row->values[i] = cursor_over((*longs)->data, (*longs)->len);
			++*longs;
			--*nlongs;
		}
	}
	return RC_OK;
}

static void
row_free(struct row *row)
{
	free(row->states);
	free(row->absent);
	free(row->values);
}

/* --- a column --------------------------------------------------------------- */

static struct sent
sent_of(const struct row *row, size_t i, enum wire_form form)
{
	struct sent sent = {.cur = row->values[i]};

	sent.as_text = row->states[i] == WIRE_STATE_TEXT;
	if (row->states[i] == WIRE_STATE_LONG)
		sent.str = (struct str){(const char *) sent.cur.p, cursor_left(&sent.cur)};
	else if (sent.as_text || form == WIRE_FORM_TEXT || form == WIRE_FORM_BYTES ||
			 form == WIRE_FORM_ARRAY)
	{
		struct cursor cur = sent.cur;

		sent.str = cursor_str(&cur);
	}
	return sent;
}

static bool
same_column(struct check *check, const struct row *row, const struct op *op,
			const char *const *path, unsigned depth, const struct leaf *leaf)
{
	size_t          i = (size_t) (op - check->plan->ops);
	enum wire_state state = row->states[i];
	struct sent     sent;

	if (row->absent[i] || state == WIRE_STATE_NULL)
		return !op->nullable || op->shape->optional || leaf->kind == LEAF_NULL;
	if (state == WIRE_STATE_UNCHANGED || state == WIRE_STATE_UNSENDABLE)
		return true;
	sent = sent_of(row, i, op->col->form);
	return leaf_same(&check->comparison, op, &sent, path, depth, leaf);
}

/* --- a message ------------------------------------------------------------------ */

static const struct op *
op_find(const struct plan *plan, const char *field)
{
	for (uint32_t i = 0; i < plan->nops; i++)
		if (plan->ops[i].shape && strcmp(plan->ops[i].field, field) == 0)
			return &plan->ops[i];
	return NULL;
}

static enum rc
column_check(struct check *check, const struct row *row, const char *const *path, unsigned depth,
			 const struct leaf *leaf, struct err *e)
{
	const struct op *op = op_find(check->plan, path[0]);

	if (op == NULL || !row->there || !same_column(check, row, op, path + 1, depth - 1, leaf))
		return mismatch(check, "Column", path[0], e);
	return RC_OK;
}

static enum rc
value_leaf(void *arg, const char *const *path, unsigned depth, const struct leaf *leaf,
		   struct err *e)
{
	struct check *check = arg;
	bool          before = strcmp(path[0], "before") == 0;
	bool          expected = before ? check->has_before : check->has_after;

	if (!before && strcmp(path[0], "after") != 0)
		return RC_OK;
	if (expected != (depth > 1))
		return mismatch(check, "Image", path[0], e);
	if (depth == 1)
		return RC_OK;
	return column_check(check, before ? &check->before : &check->after, path + 1, depth - 1, leaf,
						e);
}

static enum rc
key_leaf(void *arg, const char *const *path, unsigned depth, const struct leaf *leaf, struct err *e)
{
	struct check *check = arg;

	return column_check(check, check->key, path, depth, leaf, e);
}

static enum rc
side_check(struct check *check, enum side side, struct str data, leaf_fn *fn, struct err *e)
{
	struct side_plan *plan = &check->plan->sides[side];
	enum rc           rc = RC_OK;

	if (data.len < plan->prefix_len || memcmp(data.data, plan->prefix, plan->prefix_len) != 0)
		return mismatch(check, "Framing", side == SIDE_KEY ? "key" : "value", e);
	data.data += plan->prefix_len;
	data.len -= plan->prefix_len;
	if (plan->avro == NULL)
		rc = avro_new(plan->schema, &plan->avro, e);
	if (rc == RC_OK)
		rc = avro_verify(plan->avro, data.data, data.len, e);
	if (rc == RC_OK)
		rc = avro_walk(plan->avro, data.data, data.len, fn, check, e);
	return rc;
}

static enum rc
outgoing_check(struct check *check, const struct change *chg, const struct outgoing *out,
			   unsigned i, unsigned nout, struct err *e)
{
	/* More than a delete and its tombstone: an update whose key changed. */
	bool    split = nout > 1 && chg->kind == WIRE_UPDATE;
	bool    last = i + 1 == nout;
	bool    deleted = chg->kind == WIRE_DELETE || (split && !last);
	enum rc rc = RC_OK;

	check->has_before = check->before.there && !(split && last);
	check->has_after = !deleted;
	check->key = deleted ? &check->before : &check->after;
	if (out[i].has_key)
		rc = side_check(check, SIDE_KEY, out[i].key, key_leaf, e);
	if (rc == RC_OK && out[i].has_value)
		rc = side_check(check, SIDE_VALUE, out[i].value, value_leaf, e);
	return rc;
}

enum rc
verify_outgoing(struct plan *plan, const struct change *chg, const struct outgoing *out,
				unsigned nout, struct err *e)
{
	struct check      check = {.plan = plan, .comparison.text = plan->text};
	const struct str *longs = chg->longs;
	uint32_t          nlongs = chg->nlongs;
	enum rc           rc = RC_OK;

	if (nout == 0)
		return RC_OK;
	if (chg->old_kind != WIRE_OLD_NONE)
		rc = row_read(plan, chg->old_tuple, chg->old_kind == WIRE_OLD_KEY, &longs, &nlongs,
					  &check.before, e);
	if (rc == RC_OK && chg->kind != WIRE_DELETE)
		rc = row_read(plan, chg->new_tuple, false, &longs, &nlongs, &check.after, e);
	for (unsigned i = 0; i < nout && rc == RC_OK; i++)
		rc = outgoing_check(&check, chg, out, i, nout, e);
	row_free(&check.before);
	row_free(&check.after);
	comparison_free(&check.comparison);
	return rc;
}
