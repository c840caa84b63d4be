/*
 * emit_binary.c
 *		Writes the records of wire.h into the open frame, field by field in the
 *		order in which wire.h lists them.  relay/record.c is the reading twin: a
 *		change here is a change there and in PROTOCOL.md.
 */
#include "postgres.h"

#include <locale.h>

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "emit.h"
#include "session.h"

/* Bytes that any record's fixed fields stay within. */
#define HEAD_BOUND 128

/* An open frame that has come so far in the WAL leaves at a commit, for the lag columns. */
#define PROGRESS_DISTANCE ((XLogRecPtr) 1024 * 1024)

/* Settings that decide the text form of values. */
static const char *const hello_settings[] =
{
	"DateStyle", "IntervalStyle", "TimeZone", "extra_float_digits", "bytea_output"
};

/* What only a transaction can find out. */
struct facts
{
	char	   *database;		/* name, palloc'd */
	int			money_fraction_digits;
};

/*
 * Digits of a money value behind the point, as cash_out() takes them from
 * lc_monetary.  That may fail, in a database whose encoding lacks the
 * currency's sign: cash_out() would fail as well, we do not need the sign.
 */
static int
money_fraction_digits_get(void)
{
	MemoryContext context = CurrentMemoryContext;
	int			volatile digits = -1;

	PG_TRY();
	{
		digits = PGLC_localeconv()->frac_digits;
	}
	PG_CATCH();
	{
		error_swallow(context);
	}
	PG_END_TRY();
	return digits >= 0 && digits <= 10 ? digits : 2;
}

/*
 * A walsender starts its stream outside a transaction, the SQL functions
 * inside one.
 */
static struct facts
facts_get(void)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		outside = !IsTransactionState();
	struct facts facts;
	char	   *name;

	if (outside)
		StartTransactionCommand();
	name = get_database_name(MyDatabaseId);
	facts.database = MemoryContextStrdup(caller, name != NULL ? name : "");
	facts.money_fraction_digits = money_fraction_digits_get();
	if (outside)
		CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return facts;
}

static const char *
setting_get(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value != NULL ? value : "";
}

/*
 * The first frame is born with it, and it leaves with that frame.  Length of
 * a name is bounded, that of a setting's value is not.
 */
static void
binary_hello(struct session *session)
{
	struct frame *frame = session->frame;
	struct facts facts = facts_get();
	Size		bound = HEAD_BOUND + strlen(facts.database) + 3 * NAMEDATALEN;
	char		digits[12];
	uint8	   *body;
	uint8	   *p;
	int			i;

	pg_ltoa(facts.money_fraction_digits, digits);
	for (i = 0; i < lengthof(hello_settings); i++)
		bound += 2 * WIRE_VARINT_MAX + strlen(hello_settings[i]) +
			strlen(setting_get(hello_settings[i]));

	p = body = frame_record_open(frame, bound);
	p = put_uv(p, session->options.proto);
	p = put_uv(p, atoi(setting_get("server_version_num")));
	p = put_u8(p, frame->idle ? WIRE_HELLO_FLUSH_IDLE : 0);
	p = put_uv(p, frame->limit);
	p = put_u64(p, session->options.hash);
	p = put_uv(p, MyDatabaseId);
	p = put_str(p, facts.database);
	p = put_str(p, GetDatabaseEncodingName());
	p = put_str(p, WALRELAY_VERSION);
	p = put_uv(p, lengthof(hello_settings) + 1);
	for (i = 0; i < lengthof(hello_settings); i++)
	{
		p = put_str(p, hello_settings[i]);
		p = put_str(p, setting_get(hello_settings[i]));
	}
	p = put_str(p, "money_fraction_digits");
	p = put_str(p, digits);
	frame_record_close(frame, WIRE_HELLO, body, p);
	frame->empty = frame->length;
}

static void
binary_begin(struct session *session, ReorderBufferTXN *txn)
{
	struct frame *frame = session->frame;
	char	   *origin = NULL;
	uint8	   *body;
	uint8	   *p;

	if (txn->origin_id != InvalidReplOriginId)
		replorigin_by_oid(txn->origin_id, true, &origin);

	p = body = frame_record_open(frame, HEAD_BOUND + (origin ? strlen(origin) : 0));
	p = put_uv(p, txn->xid);
	p = put_u64(p, txn_commit_time(txn));
	p = put_u64(p, session->txn_lsn);
	p = put_u8(p, origin ? WIRE_BEGIN_ORIGIN : 0);
	if (origin != NULL)
	{
		p = put_str(p, origin);
		p = put_u64(p, txn->origin_lsn);
	}
	p = put_uv(p, txn->final_lsn - session->txn_lsn);
	frame_record_close(frame, WIRE_BEGIN, body, p);
}

static void
binary_commit(struct session *session, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	struct frame *frame = session->frame;
	uint8	   *body;
	uint8	   *p;

	p = body = frame_record_open(frame, HEAD_BOUND);
	p = put_u64(p, txn->end_lsn);
	p = put_uv(p, txn->end_lsn - commit_lsn);
	frame_record_close(frame, WIRE_COMMIT, body, p);
	frame->told = txn->end_lsn;

	if (frame->idle && txn->end_lsn - frame->reported < PROGRESS_DISTANCE)
		frame_flush_full(frame);
	else
	{
		/* The lag columns of pg_stat_replication are fed at ends of transactions. */
		frame_flush(frame, true);
		frame->reported = txn->end_lsn;
		OutputPluginUpdateProgress(session->ctx, false);
	}
}

static Size
type_name_bound(const struct type_name *type)
{
	return OidIsValid(type->oid) ? 3 * WIRE_VARINT_MAX + strlen(type->schema) + strlen(type->name) : 0;
}

static Size
column_bound(const struct column *column)
{
	Size		bound = HEAD_BOUND + strlen(column->name) + type_name_bound(&column->type) +
		type_name_bound(&column->base);
	int			i;

	if (column->how->rest->element != NULL)
		bound += type_name_bound(&column->how->rest->element->type) + WIRE_VARINT_MAX + 2;
	for (i = 0; i < column->nlabels; i++)
		bound += WIRE_VARINT_MAX + strlen(column->labels[i]);
	if (column->default_text != NULL)
		bound += WIRE_VARINT_MAX + strlen(column->default_text);
	return bound;
}

static uint8 *
put_type_name(uint8 *p, const struct type_name *type)
{
	p = put_str(p, type->schema);
	return put_str(p, type->name);
}

static uint8 *
put_column(uint8 *p, const struct column *column)
{
	int			i;

	p = put_uv(p, column->attnum);
	p = put_u16(p, column->flags);
	p = put_u8(p, column->how->form);
	p = put_str(p, column->name);
	p = put_uv(p, column->type.oid);
	p = put_sv(p, column->typmod);
	p = put_type_name(p, &column->type);
	if (column->flags & WIRE_COLUMN_DOMAIN)
	{
		p = put_uv(p, column->base.oid);
		p = put_sv(p, column->base_typmod);
		p = put_type_name(p, &column->base);
	}
	if (column->flags & WIRE_COLUMN_ARRAY)
	{
		const struct element *element = column->how->rest->element;

		p = put_uv(p, element->type.oid);
		p = put_type_name(p, &element->type);
		p = put_uv(p, element->base_oid);
		p = put_u8(p, element->how.form);
		p = put_u8(p, element->delimiter);
	}
	if (column->flags & WIRE_COLUMN_ENUM)
	{
		p = put_uv(p, column->nlabels);
		for (i = 0; i < column->nlabels; i++)
			p = put_str(p, column->labels[i]);
	}
	if (column->flags & WIRE_COLUMN_DEFAULT)
		p = put_str(p, column->default_text);
	return p;
}

static uint8 *
put_places(uint8 *p, int count, const int *places)
{
	int			i;

	p = put_uv(p, count);
	for (i = 0; i < count; i++)
		p = put_uv(p, places[i]);
	return p;
}

static void
binary_relation(struct session *session, const struct relation *rel)
{
	struct frame *frame = session->frame;
	Size		bound = 2 * HEAD_BOUND + strlen(rel->schema) + strlen(rel->name) +
		(Size) (rel->nkey + rel->nidentity) * WIRE_VARINT_MAX;
	uint8	   *body;
	uint8	   *p;
	int			i;

	for (i = 0; i < rel->ncolumns; i++)
		bound += column_bound(&rel->columns[i]);

	p = body = frame_record_open(frame, bound);
	p = put_uv(p, rel->index);
	p = put_uv(p, rel->root);
	p = put_u8(p, rel->identity);
	p = put_u8(p, rel->relkind);
	p = put_str(p, rel->schema);
	p = put_str(p, rel->name);
	p = put_uv(p, rel->ncolumns);
	for (i = 0; i < rel->ncolumns; i++)
		p = put_column(p, &rel->columns[i]);
	p = put_u8(p, rel->key_kind);
	p = put_places(p, rel->nkey, rel->key);
	p = put_places(p, rel->nidentity, rel->identity_key);
	if (rel->root != rel->relid)
		p = put_uv(p, rel->relid);
	frame_record_close(frame, WIRE_RELATION, body, p);
	frame_flush_full(frame);
}

/* The delta of a record's LSN, which the next one's counts from. */
static inline int64
lsn_delta(struct session *session, XLogRecPtr lsn)
{
	int64		delta = (int64) (lsn - session->txn_lsn);

	session->txn_lsn = lsn;
	return delta;
}

/* Values too long for a row go ahead of it. */
static void
tuple_send_long(struct frame *frame, const struct tuple *tuple)
{
	int			i;

	for (i = 0; i < tuple->count; i++)
	{
		if (tuple->values[i].state == WIRE_STATE_LONG)
			frame_long(frame, tuple->values[i].data, tuple->values[i].length);
	}
}

static void
binary_row(struct session *session, enum wire_kind kind, const struct relation *rel,
		   XLogRecPtr lsn, enum wire_old old_kind, const struct tuple *old,
		   const struct tuple *new)
{
	struct frame *frame = session->frame;
	bool		has_old = kind != WIRE_INSERT && old_kind != WIRE_OLD_NONE;
	Size		bound = HEAD_BOUND + (has_old ? TUPLE_BOUND(old) : 0) +
		(new ? TUPLE_BOUND(new) : 0);
	uint8	   *body;
	uint8	   *p;

	if (has_old && unlikely(old->has_long))
		tuple_send_long(frame, old);
	if (new != NULL && unlikely(new->has_long))
		tuple_send_long(frame, new);

	p = body = frame_record_open(frame, bound);
	p = put_uv(p, rel->index);
	p = put_sv(p, lsn_delta(session, lsn));
	if (kind != WIRE_INSERT)
		p = put_u8(p, old_kind);
	if (has_old && kind == WIRE_UPDATE)
	{
		/* one byte is the length's usual size: put_span() moves if it is not */
		p = put_span(p, p + 1, tuple_put(p + 1, old));
	}
	else if (has_old)
		p = tuple_put(p, old);
	if (new != NULL)
		p = tuple_put(p, new);
	frame_record_close(frame, kind, body, p);
	frame_flush_full(frame);
}

static void
binary_truncate(struct session *session, XLogRecPtr lsn, uint8 flags, int count,
				struct relation **rels)
{
	struct frame *frame = session->frame;
	uint8	   *body;
	uint8	   *p;
	int			i;

	p = body = frame_record_open(frame, HEAD_BOUND + (Size) count * WIRE_VARINT_MAX);
	p = put_sv(p, lsn_delta(session, lsn));
	p = put_u8(p, flags);
	p = put_uv(p, count);
	for (i = 0; i < count; i++)
		p = put_uv(p, rels[i]->index);
	frame_record_close(frame, WIRE_TRUNCATE, body, p);
	frame_flush_full(frame);
}

static void
binary_message(struct session *session, XLogRecPtr lsn, bool transactional, const char *prefix,
			   Size length, const char *content)
{
	struct frame *frame = session->frame;
	bool		is_long = length > Min(frame->limit, WIRE_LONG_THRESHOLD);
	uint8	   *body;
	uint8	   *p;

	if (is_long)
		frame_long(frame, content, length);
	p = body = frame_record_open(frame, HEAD_BOUND + strlen(prefix) + (is_long ? 0 : length));
	p = put_u8(p, (transactional ? WIRE_MESSAGE_TRANSACTIONAL : 0) |
			   (is_long ? WIRE_MESSAGE_LONG : 0));
	p = put_u64(p, lsn);
	p = put_str(p, prefix);
	if (!is_long)
		p = put_bytes(p, content, length);
	frame_record_close(frame, WIRE_MESSAGE, body, p);
	if (!transactional)
		frame->told = lsn;
	if (!transactional && !frame->idle)
		frame_flush(frame, true);
	else
		frame_flush_full(frame);
}

const struct emitter emit_binary =
{
	.hello = binary_hello,
	.begin = binary_begin,
	.commit = binary_commit,
	.relation = binary_relation,
	.row = binary_row,
	.truncate = binary_truncate,
	.message = binary_message,
};
