/*
 * verify.c
 *		Messages read back and compared with the change; see verify.h.
 */
#include "verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "decimal.h"
#include "plan.h"
#include "value.h"

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
	int64_t           scale; /* of the variable scale decimal being walked through */
	struct buf        ours;
	struct buf        theirs;
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

/* --- one value --------------------------------------------------------------- */

static bool
same_str(const struct leaf *leaf, const void *data, size_t len)
{
	return leaf->kind == LEAF_BYTES && leaf->str.len == len &&
		   memcmp(leaf->str.data, data, len) == 0;
}

static bool
same_buf(const struct leaf *leaf, const struct buf *buf)
{
	return same_str(leaf, buf->data, buf->len);
}

static bool
same_real(const struct leaf *leaf, double value)
{
	return leaf->kind == LEAF_DOUBLE &&
		   (leaf->real == value || (isnan(leaf->real) && isnan(value)));
}

static bool
same_number(const struct leaf *leaf, __int128 value)
{
	return leaf->kind == LEAF_LONG && leaf->number == value;
}

/* Zeros behind the point say nothing. */
static void
strip_zeros(struct buf *text)
{
	if (memchr(text->data, '.', text->len) == NULL)
		return;
	while (text->data[text->len - 1] == '0')
		text->len--;
	if (text->data[text->len - 1] == '.')
		text->len--;
}

static bool
same_decimal(struct check *check, const struct leaf *leaf, int scale)
{
	buf_reset(&check->theirs);
	decimal_text((const uint8_t *) leaf->str.data, leaf->str.len, scale, &check->theirs);
	strip_zeros(&check->theirs);
	strip_zeros(&check->ours);
	return leaf->kind == LEAF_BYTES && check->ours.len == check->theirs.len &&
		   memcmp(check->ours.data, check->theirs.data, check->ours.len) == 0;
}

static bool
same_numeric(struct check *check, const struct op *op, struct cursor *cur, const struct leaf *leaf,
			 const char *part)
{
	struct numeric num = value_numeric(cur);

	if (num.sign != WIRE_NUMERIC_POSITIVE && num.sign != WIRE_NUMERIC_NEGATIVE)
		return true; /* by the rule for what cannot be said */
	if (part && strcmp(part, "scale") == 0)
	{
		check->scale = leaf->number;
		return leaf->number >= 0 && leaf->number <= num.scale;
	}
	numeric_text(&num, &check->ours);
	return same_decimal(check, leaf, part ? (int) check->scale : op->scale);
}

/* The same moment, by value.c's calendar; years of other than four digits by their sign only. */
static bool
same_zoned(struct check *check, const struct op *op, int64_t us, const struct leaf *leaf)
{
	struct buf *ours = &check->ours;
	uint8_t    *point;
	size_t      digits;

	timestamp_text(us, "", ours);
	if (us == INT64_MAX || us == INT64_MIN)
		return same_buf(leaf, ours);
	if (ours->data[ours->len - 1] == 'C' || ours->data[4] != '-')
		return leaf->kind == LEAF_BYTES && leaf->str.len > 20 &&
			   strchr("-+0", leaf->str.data[0]) != NULL;
	ours->data[10] = 'T';
	point = memchr(ours->data, '.', ours->len);
	digits = point ? ours->len - (size_t) (point - ours->data) - 1 : 0;
	if (digits == 0 && op->digits > 0)
		buf_put_u8(ours, '.');
	for (; digits < (size_t) op->digits; digits++)
		buf_put_u8(ours, '0');
	buf_put_u8(ours, 'Z');
	return same_buf(leaf, ours);
}

static bool
same_int64(struct check *check, const struct op *op, struct cursor *cur, const struct leaf *leaf)
{
	int64_t  value = (int64_t) cursor_u64(cur);
	__int128 unit = strstr(op->shape->name, "Micro") ? 1 : 1000;
	uint64_t cents = value < 0 ? -(uint64_t) value : (uint64_t) value;
	__int128 end = value > 0 ? INT64_C(9223372036825200) : INT64_C(-9223372036832400);

	switch (op->col->base.oid)
	{
		case TYPE_MONEY:
			buf_printf(&check->ours, "%s%" PRIu64 ".%02" PRIu64, value < 0 ? "-" : "", cents / 100,
					   cents % 100);
			return same_decimal(check, leaf, op->scale);
		case TYPE_TIME: return leaf->kind == LEAF_LONG && leaf->number * unit == value;
		case TYPE_TIMESTAMPTZ: return same_zoned(check, op, value, leaf);
		default:
			if (value == INT64_MAX || value == INT64_MIN)
				return same_number(leaf, end * 1000 / unit);
			if (unit == 1 && value > INT64_MAX - WIRE_EPOCH_US)
				return true; /* by the rule for what cannot be said */
			return leaf->kind == LEAF_LONG && leaf->number * unit - WIRE_EPOCH_US == value;
	}
}

static bool
same_timetz(struct cursor *cur, const struct leaf *leaf)
{
	int64_t  us = (int64_t) cursor_u64(cur);
	int64_t  utc = us + (int64_t) (int32_t) cursor_u32(cur) * 1000000;
	int64_t  day = INT64_C(86400000000);
	unsigned hours;
	unsigned minutes;
	double   seconds;
	char     text[32];

	if (leaf->kind != LEAF_BYTES || leaf->str.len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int) leaf->str.len, leaf->str.data);
	if (sscanf(text, "%2u:%2u:%lfZ", &hours, &minutes, &seconds) != 3)
		return false;
	return (utc % day + day) % day ==
		   (int64_t) (hours * 60 + minutes) * 60000000 + llround(seconds * 1e6);
}

static bool
same_interval(struct cursor *cur, const struct leaf *leaf)
{
	__int128 us = (int64_t) cursor_u64(cur);
	__int128 days = (int32_t) cursor_u32(cur);
	__int128 months = (int32_t) cursor_u32(cur);

	/* A month is 30.4375 days. */
	us += days * 86400 * 1000000 + months * 304375 * 8640000;
	return us > INT64_MAX || us < INT64_MIN || same_number(leaf, us);
}

static bool
same_bits(struct str s, const struct leaf *leaf)
{
	for (size_t i = 0; i < s.len; i++)
	{
		size_t byte = i / 8;
		int    bit = byte < leaf->str.len ? (uint8_t) leaf->str.data[byte] >> i % 8 & 1 : 0;

		if (bit != s.data[s.len - 1 - i] - '0')
			return false;
	}
	return true;
}

static bool
same_text(struct check *check, const struct op *op, struct str s, const struct leaf *leaf)
{
	struct str text;

	if (op->shape->toasted == TOASTED_PAIR) /* hstore: another text altogether */
		return leaf->kind == LEAF_BYTES && leaf->str.len >= 2 && leaf->str.data[0] == '{';
	if (op->shape->parameters == PARAMETERS_LENGTH)
		return same_bits(s, leaf);
	if (leaf->kind == LEAF_BOOLEAN)
		return leaf->number == (s.len == 1 && s.data[0] == '1');
	if (op->col->form == WIRE_FORM_BYTES)
		return same_str(leaf, s.data, s.len);
	text = text_utf8(check->plan->text, s);
	return same_str(leaf, text.data, text.len);
}

static bool
same_value(struct check *check, const struct op *op, struct cursor cur, const struct leaf *leaf,
		   const char *part)
{
	const struct column *col = op->col;
	int64_t              number;
	const uint8_t       *uuid;

	buf_reset(&check->ours);
	switch (col->form)
	{
		case WIRE_FORM_BOOL: return leaf->kind == LEAF_BOOLEAN && leaf->number == cursor_u8(&cur);
		case WIRE_FORM_INT:
			number = cursor_sv(&cur);
			if (col->base.oid == TYPE_DATE && number != INT32_MAX && number != INT32_MIN)
				number += WIRE_EPOCH_DAYS;
			return same_number(leaf, number);
		case WIRE_FORM_OID: return same_number(leaf, (__int128) cursor_uv(&cur));
		case WIRE_FORM_FLOAT4:
		case WIRE_FORM_FLOAT8:
			value_text(&cur, col, &check->ours);
			number = col->form == WIRE_FORM_FLOAT4;
			return same_real(leaf, number ? (double) strtof(buf_cstr(&check->ours), NULL)
										  : strtod(buf_cstr(&check->ours), NULL));
		case WIRE_FORM_INT64: return same_int64(check, op, &cur, leaf);
		case WIRE_FORM_TIMETZ: return same_timetz(&cur, leaf);
		case WIRE_FORM_INTERVAL: return same_interval(&cur, leaf);
		case WIRE_FORM_UUID:
			uuid = cursor_bytes(&cur, 16);
			if (uuid)
				uuid_text(uuid, &check->ours);
			return same_buf(leaf, &check->ours);
		case WIRE_FORM_NUMERIC: return same_numeric(check, op, &cur, leaf, part);
		case WIRE_FORM_ENUM:
			value_text(&cur, col, &check->ours);
			return same_text(check, op, buf_str(&check->ours), leaf);
		case WIRE_FORM_BYTES:
		case WIRE_FORM_TEXT: return same_text(check, op, cursor_str(&cur), leaf);
	}
	return false;
}

/* Forms of which some values have no Avro: they may read back as NULL or filler. */
static bool
may_be_unsaid(const struct op *op)
{
	return op->col->form == WIRE_FORM_NUMERIC || op->col->form == WIRE_FORM_INTERVAL ||
		   op->col->form == WIRE_FORM_INT64 || op->shape->toasted == TOASTED_PAIR;
}

static bool
same_column(struct check *check, const struct row *row, const struct op *op,
			const struct leaf *leaf, const char *part)
{
	size_t          i = (size_t) (op - check->plan->ops);
	struct cursor   cur = row->values[i];
	enum wire_state state = row->states[i];

	if (row->absent[i] || state == WIRE_STATE_NULL)
		return !op->nullable || leaf->kind == LEAF_NULL;
	if (state == WIRE_STATE_UNCHANGED || state == WIRE_STATE_UNSENDABLE)
		return true;
	if (leaf->kind == LEAF_NULL)
		return state == WIRE_STATE_VALUE && op->nullable && may_be_unsaid(op);
	if (state == WIRE_STATE_VALUE)
		return same_value(check, op, cur, leaf, part);
	if (state == WIRE_STATE_TEXT)
		return same_text(check, op, cursor_str(&cur), leaf);
	return same_text(check, op, (struct str){(const char *) cur.p, cursor_left(&cur)}, leaf);
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

	if (op == NULL || !row->there || !same_column(check, row, op, leaf, depth > 1 ? path[1] : NULL))
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
	struct check      check = {.plan = plan};
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
	buf_free(&check.ours);
	buf_free(&check.theirs);
	return rc;
}
