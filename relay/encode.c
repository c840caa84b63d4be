/*
 * encode.c
 *		The row's way: a change becomes messages; see encode.h.
 *
 * encode_change() is the whole of it, row_put() the loop over columns.  An
 * unchanged part of the value (source, times) is copied from templates that
 * plan.h describes.
 */
#include "encode.h"

#include "binary.h"
#include "header.h"
#include "plan.h"
#include "shapes.h"
#include "value.h"

#define BRANCH_NULL 0x00 /* of ["null",T] */
#define BRANCH_VALUE 0x02

static enum rc
malformed(const struct plan *plan, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1404, "malformed record");
	return err_detail(e, "A row of table \"%s.%s\" does not fit the table's description.",
					  plan->tbl->schema, plan->tbl->name);
}

/* A key that cannot be said is an error: two rows must not come to share one. */
static enum rc
key_unsaid(const struct plan *plan, const struct op *op, const char *why, struct err *e)
{
	err_set(e, ERR_DATA, E1602, "value of column \"%s\" of table \"%s.%s\" cannot be encoded",
			op->col->name, plan->tbl->schema, plan->tbl->name);
	err_detail(e, "The column is part of the message key, and the value is %s.", why);
	return err_hint(e, "To get past this change, leave the table out with "
					   "table.exclude.list.  Before it is captured again, correct the value, "
					   "name its type in exact.types, or give the table a key without this column.  To go "
					   "on without such changes, see on.error.");
}

/* What stands for a value that cannot be said: NULL where that is allowed, else the filler. */
static enum rc
put_unsaid(struct plan *plan, const struct op *op, struct str stand_in, uint64_t *counter,
		   const char *why, struct err *e)
{
	if (op->key)
		return key_unsaid(plan, op, why, e);
	++*counter;
	buf_put(&plan->work->value, stand_in.data, stand_in.len);
	return RC_OK;
}

/* After a value from start on that cannot be said. */
static enum rc
put_not_said(struct plan *plan, const struct op *op, enum said said, size_t start, struct err *e)
{
	struct encode_stats *stats = plan->stats;

	plan->work->value.len = start;
	switch (said)
	{
		case MALFORMED: return malformed(plan, e);
		case UNSAID_TEXT:
			return key_unsaid(plan, op, "no text in the encoding of the database", e);
		case UNSAID_SPECIAL:
			return put_unsaid(plan, op, op->missing, &stats->special,
							  "one that its Avro type does not have", e);
		case UNSAID_NESTED:
			return put_unsaid(plan, op, op->missing, &stats->multidimensional,
							  "an array of a shape that its Avro type does not have", e);
		default:
			return put_unsaid(plan, op, op->missing, &stats->out_of_range,
							  "outside of what its Avro type holds", e);
	}
}

/* A value that is text or bytes and not in its place.  put NULL: the shape has no such values. */
static enum rc
put_given(struct plan *plan, const struct op *op, struct str s, put_str_fn *put, struct err *e)
{
	size_t    start = plan->work->value.len;
	enum said said;

	if (put == NULL)
		return put_unsaid(plan, op, op->missing, &plan->stats->unsendable,
						  "text in place of its own type", e);
	if (op->nullable)
		buf_put_u8(&plan->work->value, op->branch);
	said = put(op, s, &plan->work->value);
	return said == SAID ? RC_OK : put_not_said(plan, op, said, start, e);
}

/* An unchanged TOAST value: the old row's, if that is known. */
static enum rc
put_unchanged(struct plan *plan, const struct op *op, const size_t *old_at, bool old_key_only,
			  struct err *e)
{
	size_t i = (size_t) (op - plan->ops);

	if (old_at && (op->identity || !old_key_only))
	{
		size_t len = old_at[i + 1] - old_at[i];

		buf_reserve(&plan->work->value, len);
		buf_put(&plan->work->value, plan->work->value.data + old_at[i], len);
		return RC_OK;
	}
	return put_unsaid(plan, op, op->unavailable, &plan->stats->unavailable,
					  "unchanged and not in the log", e);
}

static struct str
next_long(struct plan *plan, struct cursor *values)
{
	if (plan->nlongs == 0)
	{
		cursor_fail(values);
		return (struct str){"", 0};
	}
	plan->nlongs--;
	return *plan->longs++;
}

/* What is not a plain value: rare, and kept out of the loop. */
static enum rc
put_state(struct plan *plan, const struct op *op, enum wire_state state, struct cursor *values,
		  const size_t *old_at, bool old_key_only, struct err *e)
{
	struct str s = {"", 0};

	if (state == WIRE_STATE_TEXT)
		s = cursor_str(values);
	else if (state == WIRE_STATE_LONG)
		s = next_long(plan, values);
	if (op->shape == NULL)
		return RC_OK;
	switch (state)
	{
		case WIRE_STATE_TEXT:
			return put_given(plan, op, s, op->element ? NULL : op->shape->put_str, e);
		case WIRE_STATE_LONG:
			return put_given(plan, op, s, op->shape->any_form ? put_any_long : op->shape->put_str,
							 e);
		case WIRE_STATE_UNCHANGED: return put_unchanged(plan, op, old_at, old_key_only, e);
		case WIRE_STATE_UNSENDABLE:
			return put_unsaid(plan, op, op->missing, &plan->stats->unsendable,
							  "one that the server could not print", e);
		case WIRE_STATE_NULL:
			/* PostgreSQL 18: a constraint that is NOT VALID says nothing of older rows. */
			if (!op->nullable)
				return put_unsaid(plan, op, op->missing, &plan->stats->null_filled,
								  "NULL although the column is NOT NULL", e);
			buf_put(&plan->work->value, op->missing.data, op->missing.len);
			return RC_OK;
		case WIRE_STATE_VALUE: break;
	}
	cursor_fail(values);
	return RC_OK;
}

/*
 * One row image, appended to the value.  key_only: the tuple has the identity
 * columns alone, the others get what stands for an unknown value.  old_at is
 * the image before it, for values that did not change; NULL for none.
 */
static enum rc
row_put(struct plan *plan, struct cursor cur, bool key_only, const size_t *old_at,
		bool old_key_only, size_t *at, struct err *e)
{
	struct buf      *out = &plan->work->value;
	const struct op *end = plan->ops + plan->nops;
	struct tuple     tup;
	uint32_t         place = 0;
	enum rc          rc = tuple_open(cur, key_only ? plan->nidentity : plan->nops, &tup, e);

	for (const struct op *op = plan->ops; op < end && rc == RC_OK; op++)
	{
		size_t          start = out->len;
		enum wire_state state;

		*at++ = start;
		if (key_only && !op->identity)
		{
			if (op->shape)
				buf_put(out, op->missing.data, op->missing.len);
			continue;
		}
		state = tuple_state(&tup, place++);
		if (state != WIRE_STATE_VALUE)
			rc = put_state(plan, op, state, &tup.values, old_at, old_key_only, e);
		else if (op->shape == NULL)
			value_skip(op->col->form, &tup.values);
		else
		{
			enum said said;

			if (op->nullable)
				buf_put_u8(out, op->branch);
			said = op->shape->put(op, &tup.values, out);
			if (said != SAID)
				rc = put_not_said(plan, op, said, start, e);
		}
	}
	*at = out->len;
	if (rc == RC_OK && (tup.values.bad || cursor_left(&tup.values) > 0))
		return malformed(plan, e);
	return rc;
}

/* A key is the same Avro as its columns in the row. */
static void
key_put(const struct plan *plan, struct image *image)
{
	side_start(&plan->sides[SIDE_KEY], &image->key);
	for (uint32_t i = 0; i < plan->nkeys; i++)
	{
		const size_t *at = &image->at[plan->key_places[i]];

		buf_put(&image->key, plan->work->value.data + at[0], at[1] - at[0]);
	}
}

/* Everything behind the row images.  before: events that this change has given already. */
static void
tail_put(const struct plan *plan, uint64_t lsn, char op, unsigned before, struct buf *out)
{
	uint8_t code[] = {1 << 1, (uint8_t) op};

	source_block_put(&plan->work->source, plan->names, lsn, out);
	if (plan->transactions)
		transaction_block_put(plan->stamp, lsn, before, out);
	else
		buf_put_u8(out, BRANCH_NULL);
	buf_put(out, code, sizeof(code));
	buf_put(out, plan->work->source.now.data, plan->work->source.now.len);
}

/* key, value: NULL for none. */
static void
out_add(const struct plan *plan, struct outgoing *out, unsigned *nout, const struct buf *key,
		const struct buf *value)
{
	out[*nout] = (struct outgoing){
		.has_key = key != NULL,
		.has_value = value != NULL,
		.key = key ? buf_str(key) : (struct str){NULL, 0},
		.value = value ? buf_str(value) : (struct str){NULL, 0},
		.headers = plan->work->headers[*nout] + 1,
		.nheaders = plan->ncommon,
	};
	++*nout;
}

/* The other key's header goes first. */
static void
out_add_link(struct plan *plan, struct outgoing *out, unsigned i, const char *name, struct str key)
{
	plan->work->headers[i][0] = (struct header){name, key};
	out[i].headers = plan->work->headers[i];
	out[i].nheaders++;
}

/* What a consumer cannot see: that only the key of before comes from the server. */
static void
out_add_before(struct plan *plan, const struct change *chg, struct outgoing *out, unsigned nout)
{
	size_t first = plan->sides[SIDE_VALUE].prefix_len;

	if (plan->ncommon == 0 || chg->old_kind != WIRE_OLD_KEY)
		return;
	for (unsigned i = 0; i < nout; i++)
		if (out[i].has_value && out[i].value.data[first] != BRANCH_NULL)
		{
			plan->work->headers[i][1 + plan->ncommon] =
				(struct header){"__walrelay.before", {"key", 3}};
			out[i].nheaders++;
		}
}

static const struct buf *
key_of(const struct plan *plan, const struct image *image)
{
	return plan->nkeys > 0 ? &image->key : NULL;
}

/* The rows of an update whose key changed, taken apart into two values. */
static void
split_put(struct plan *plan, uint64_t lsn)
{
	const struct image *images[2] = {&plan->work->before, &plan->work->after};

	for (int i = 0; i < 2; i++)
	{
		struct buf   *out = &plan->work->split[i];
		const size_t *at = images[i]->at;
		size_t        len = at[plan->nops] - at[0];

		side_start(&plan->sides[SIDE_VALUE], out);
		if (i == 1)
			buf_put_u8(out, BRANCH_NULL);
		buf_put_u8(out, BRANCH_VALUE);
		buf_put(out, plan->work->value.data + at[0], len);
		if (i == 0)
			buf_put_u8(out, BRANCH_NULL);
		tail_put(plan, lsn, i == 0 ? 'd' : 'c', (unsigned) i, out);
	}
}

static struct str
key_avro(const struct plan *plan, const struct image *image)
{
	size_t skip = plan->sides[SIDE_KEY].prefix_len;

	return (struct str){(const char *) image->key.data + skip, image->key.len - skip};
}

/* Delete under the old key, tombstone, create under the new one, linked by headers. */
static void
encode_key_change(struct plan *plan, uint64_t lsn, struct outgoing *out, unsigned *nout)
{
	static const char *const names[2] = {"__debezium.newkey", "__debezium.oldkey"};
	unsigned                 old_messages;

	buf_reset(&plan->work->header[0]);
	buf_reset(&plan->work->header[1]);
	header_put(plan->keys, plan->nkeys, key_avro(plan, &plan->work->after), &plan->work->header[0]);
	header_put(plan->keys, plan->nkeys, key_avro(plan, &plan->work->before),
			   &plan->work->header[1]);
	split_put(plan, lsn);
	out_add(plan, out, nout, key_of(plan, &plan->work->before), &plan->work->split[0]);
	if (plan->tombstones)
		out_add(plan, out, nout, key_of(plan, &plan->work->before), NULL);
	old_messages = *nout;
	out_add(plan, out, nout, key_of(plan, &plan->work->after), &plan->work->split[1]);
	for (unsigned i = 0; i < *nout; i++)
	{
		int which = i < old_messages ? 0 : 1;

		out_add_link(plan, out, i, names[which], buf_str(&plan->work->header[which]));
	}
}

/* Both images, as far as the change has them. */
static enum rc
images_put(struct plan *plan, const struct change *chg, struct err *e)
{
	bool    has_old = chg->old_kind != WIRE_OLD_NONE;
	bool    key_only = chg->old_kind == WIRE_OLD_KEY;
	enum rc rc = RC_OK;

	plan->longs = chg->longs;
	plan->nlongs = chg->nlongs;
	side_start(&plan->sides[SIDE_VALUE], &plan->work->value);
	buf_put_u8(&plan->work->value, has_old ? BRANCH_VALUE : BRANCH_NULL);
	if (has_old)
		rc = row_put(plan, chg->old_tuple, key_only, NULL, false, plan->work->before.at, e);
	buf_put_u8(&plan->work->value, chg->kind == WIRE_DELETE ? BRANCH_NULL : BRANCH_VALUE);
	if (rc == RC_OK && chg->kind != WIRE_DELETE)
		rc = row_put(plan, chg->new_tuple, false, has_old ? plan->work->before.at : NULL, key_only,
					 plan->work->after.at, e);
	if (rc == RC_OK && plan->nlongs > 0)
		return malformed(plan, e);
	if (rc == RC_OK && has_old)
		key_put(plan, &plan->work->before);
	if (rc == RC_OK && chg->kind != WIRE_DELETE)
		key_put(plan, &plan->work->after);
	return rc;
}

static bool
plan_key_changed(const struct plan *plan)
{
	const struct buf *before = &plan->work->before.key;
	const struct buf *after = &plan->work->after.key;

	return before->len != after->len || memcmp(before->data, after->data, before->len) != 0;
}

enum rc
encode_change(struct plan *plan, const struct change *chg, const struct stamp *stamp,
			  int64_t now_ns, struct outgoing out[ENCODE_MAX_OUT], unsigned *nout, struct err *e)
{
	bool    has_old = chg->old_kind != WIRE_OLD_NONE;
	bool    deleted = chg->kind == WIRE_DELETE;
	enum rc rc;

	*nout = 0;
	if (deleted && !has_old)
	{
		plan->stats->skipped++;
		return RC_OK;
	}
	rc = images_put(plan, chg, e);
	if (rc != RC_OK)
		return rc;
	source_block_stamp(&plan->work->source, stamp);
	plan->stamp = stamp;
	source_block_now(&plan->work->source, now_ns);
	if (!deleted && has_old && plan->nkeys > 0 && plan_key_changed(plan))
	{
		encode_key_change(plan, chg->lsn, out, nout);
		out_add_before(plan, chg, out, *nout);
		return RC_OK;
	}
	tail_put(plan, chg->lsn,
			 stamp->snapshot          ? 'r'
			 : chg->kind == WIRE_INSERT ? 'c'
			 : deleted                ? 'd'
									  : 'u',
			 0, &plan->work->value);
	out_add(plan, out, nout, key_of(plan, deleted ? &plan->work->before : &plan->work->after),
			&plan->work->value);
	if (deleted && plan->tombstones)
		out_add(plan, out, nout, key_of(plan, &plan->work->before), NULL);
	out_add_before(plan, chg, out, *nout);
	return RC_OK;
}

enum rc
encode_truncate(struct plan *plan, const struct truncate *trunc, const struct stamp *stamp,
				int64_t now_ns, struct outgoing out[ENCODE_MAX_OUT], unsigned *nout, struct err *e)
{
	(void) e;
	*nout = 0;
	if (!plan->truncates)
		return RC_OK;
	source_block_stamp(&plan->work->source, stamp);
	plan->stamp = stamp;
	source_block_now(&plan->work->source, now_ns);
	side_start(&plan->sides[SIDE_VALUE], &plan->work->value);
	buf_put_u8(&plan->work->value, BRANCH_NULL);
	buf_put_u8(&plan->work->value, BRANCH_NULL);
	tail_put(plan, trunc->lsn, 't', 0, &plan->work->value);
	out_add(plan, out, nout, NULL, &plan->work->value);
	return RC_OK;
}

enum rc
encode_message(struct plan *plan, const struct message *msg, const struct stamp *stamp,
			   int64_t now_ns, struct outgoing out[ENCODE_MAX_OUT], unsigned *nout, struct err *e)
{
	struct buf  *value = &plan->work->value;
	struct str   prefix = text_utf8(plan->text, msg->prefix);
	struct stamp dated = *stamp;

	*nout = 0;
	if (dated.commit_us == 0)
		dated.commit_us = now_ns / 1000;
	source_block_stamp(&plan->work->source, &dated);
	side_start(&plan->sides[SIDE_KEY], &plan->work->after.key);
	buf_put_u8(&plan->work->after.key, BRANCH_VALUE);
	binary_bytes(&plan->work->after.key, prefix.data, prefix.len);

	side_start(&plan->sides[SIDE_VALUE], value);
	binary_string(value, "m");
	buf_put_u8(value, BRANCH_VALUE);
	binary_long(value, now_ns / 1000000);
	source_block_put(&plan->work->source, plan->names, msg->lsn, value);
	if (plan->work->source.profile >= PROFILE_3_0) /* 2.7's have no such field */
	{
		if (plan->transactions)
			transaction_block_put(stamp, msg->lsn, 0, value);
		else
			buf_put_u8(value, BRANCH_NULL);
	}
	buf_put_u8(value, BRANCH_VALUE);
	binary_bytes(value, prefix.data, prefix.len);
	buf_put_u8(value, BRANCH_VALUE);
	if (plan->content.shape->put_str(&plan->content, msg->content, value) != SAID)
		return err_set(e, ERR_FATAL, E1602, "content of a logical message cannot be encoded");
	out_add(plan, out, nout, &plan->work->after.key, value);
	return RC_OK;
}
