/*
 * source_block.c
 *		Source, transaction and times of an event; see source_block.h.
 */
#include "source_block.h"

#include "binary.h"
#include "digits.h"

#define BRANCH_NULL 0x00 /* of ["null",T] */
#define BRANCH_VALUE 0x02

static void
put_text(struct text *text, const char *s, struct buf *out)
{
	struct str utf8 = text_utf8(text, (struct str){s, strlen(s)});

	binary_bytes(out, utf8.data, utf8.len);
}

void
source_block_init(struct source_block *block, const struct format *fmt, struct text *text)
{
	block->profile = fmt->profile;
	binary_string(&block->constant_head, fmt->version);
	binary_string(&block->constant_head, "postgresql");
	put_text(text, fmt->prefix, &block->constant_head);
	put_text(text, fmt->database, &block->database);
}

void
source_names_put(struct text *text, const char *schema, const char *table, struct buf *out)
{
	put_text(text, schema, out);
	put_text(text, table, out);
}

void
source_block_free(struct source_block *block)
{
	buf_free(&block->constant_head);
	buf_free(&block->database);
	buf_free(&block->head);
	buf_free(&block->sequence);
	buf_free(&block->times);
	buf_free(&block->txid);
	buf_free(&block->tail);
	buf_free(&block->middle);
	buf_free(&block->now);
}

static void
put_optional_long(struct buf *out, int64_t value)
{
	buf_put_u8(out, BRANCH_VALUE);
	binary_long(out, value);
}

static bool
stamp_is_same(const struct stamp *a, const struct stamp *b)
{
	return a->snapshot == b->snapshot && a->xid == b->xid && a->commit_us == b->commit_us &&
		   a->last_commit_lsn == b->last_commit_lsn && a->origin.data == b->origin.data &&
		   a->origin_lsn == b->origin_lsn;
}

static void
put_digits(struct buf *out, uint64_t number)
{
	char        digits[DIGITS_MAX];
	const char *from = digits_of(digits, number);

	buf_put(out, from, (size_t) (digits + DIGITS_MAX - from));
}

/* xmin, and from 3.5 on the origin. */
static void
source_block_tail(struct source_block *block, const struct stamp *stamp)
{
	buf_reset(&block->tail);
	buf_put_u8(&block->tail, BRANCH_NULL);
	if (block->profile < PROFILE_3_5)
		return;
	if (stamp->origin.data == NULL)
	{
		buf_put(&block->tail, (const uint8_t[]){BRANCH_NULL, BRANCH_NULL}, 2);
		return;
	}
	buf_put_u8(&block->tail, BRANCH_VALUE);
	binary_bytes(&block->tail, stamp->origin.data, stamp->origin.len);
	put_optional_long(&block->tail, (int64_t) stamp->origin_lsn);
}

/* Once per transaction, and where the mark of a snapshot's rows changes. */
void
source_block_stamp(struct source_block *block, const struct stamp *stamp)
{
	static const char *const marks[] = {
		[SNAPSHOT_FALSE] = "false",
		[SNAPSHOT_TRUE] = "true",
		[SNAPSHOT_FIRST] = "first",
		[SNAPSHOT_FIRST_OF_TABLE] = "first_in_data_collection",
		[SNAPSHOT_LAST_OF_TABLE] = "last_in_data_collection",
		[SNAPSHOT_LAST] = "last",
		[SNAPSHOT_INCREMENTAL] = "incremental",
	};

	if (block->stamped && stamp_is_same(&block->stamp, stamp))
		return;
	block->stamped = true;
	block->stamp = *stamp;
	buf_reset(&block->head);
	buf_put(&block->head, block->constant_head.data, block->constant_head.len);
	binary_long(&block->head, milliseconds(stamp->commit_us));
	buf_put_u8(&block->head, 0x00); /* snapshot: its default is the first branch */
	binary_string(&block->head, marks[stamp->snapshot]);
	buf_put(&block->head, block->database.data, block->database.len);

	buf_reset(&block->sequence);
	if (stamp->last_commit_lsn)
	{
		buf_put(&block->sequence, "[\"", 2);
		put_digits(&block->sequence, stamp->last_commit_lsn);
		buf_put(&block->sequence, "\",\"", 3);
	}
	else
		buf_puts(&block->sequence, "[null,\"");

	buf_reset(&block->times);
	put_optional_long(&block->times, stamp->commit_us);
	put_optional_long(&block->times, (int64_t) ((uint64_t) stamp->commit_us * 1000));
	buf_reset(&block->txid);
	if (stamp->xid)
		put_optional_long(&block->txid, stamp->xid);
	else
		buf_put_u8(&block->txid, BRANCH_NULL);
	source_block_tail(block, stamp);
	source_block_forget_names(block);
}

/* Once per clock reading, which many rows may share. */
void
source_block_now(struct source_block *block, int64_t now_ns)
{
	if (block->now.len > 0 && block->now_ns == now_ns)
		return;
	block->now_ns = now_ns;
	buf_reset(&block->now);
	put_optional_long(&block->now, now_ns / 1000000);
	put_optional_long(&block->now, now_ns / 1000);
	put_optional_long(&block->now, now_ns);
}

void
source_block_forget_names(struct source_block *block)
{
	block->middle_names = NULL;
}

static void
source_block_middle(struct source_block *block, struct str names)
{
	buf_reset(&block->middle);
	buf_put(&block->middle, block->times.data, block->times.len);
	buf_put(&block->middle, names.data, names.len);
	buf_put(&block->middle, block->txid.data, block->txid.len);
	block->middle_names = names.data;
}

void
source_block_put(struct source_block *block, struct str names, uint64_t lsn, struct buf *out)
{
	char        digits[DIGITS_MAX];
	const char *from = digits_of(digits, lsn);
	size_t      n = (size_t) (digits + DIGITS_MAX - from);

	if (block->middle_names != names.data)
		source_block_middle(block, names);
	buf_put(out, block->head.data, block->head.len);
	buf_put_u8(out, BRANCH_VALUE);
	binary_long(out, (int64_t) (block->sequence.len + n + 2));
	buf_put(out, block->sequence.data, block->sequence.len);
	buf_put(out, from, n);
	buf_put(out, "\"]", 2);
	buf_put(out, block->middle.data, block->middle.len);
	put_optional_long(out, (int64_t) lsn);
	buf_put(out, block->tail.data, block->tail.len);
}

void
transaction_id_put(uint32_t xid, uint64_t lsn, struct buf *out)
{
	char        xid_digits[DIGITS_MAX];
	char        lsn_digits[DIGITS_MAX];
	const char *from = digits_of(xid_digits, xid);
	const char *lsn_from = digits_of(lsn_digits, lsn);
	size_t      n = (size_t) (xid_digits + DIGITS_MAX - from);
	size_t      lsn_n = (size_t) (lsn_digits + DIGITS_MAX - lsn_from);

	binary_long(out, (int64_t) (n + 1 + lsn_n));
	buf_put(out, from, n);
	buf_put_u8(out, ':');
	buf_put(out, lsn_from, lsn_n);
}

void
transaction_block_put(const struct stamp *stamp, uint64_t lsn, unsigned before, struct buf *out)
{
	if (stamp->xid == 0 || stamp->snapshot)
	{
		buf_put_u8(out, BRANCH_NULL);
		return;
	}
	buf_put_u8(out, BRANCH_VALUE);
	transaction_id_put(stamp->xid, lsn, out);
	binary_long(out, (int64_t) (stamp->total_order + before + 1));
	binary_long(out, (int64_t) (stamp->table_order + before + 1));
}
