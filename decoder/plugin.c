/*
 * plugin.c
 *		The output plugin: what the server calls, and what happens then.  Every
 *		change takes the way that on_change() tells.  Nothing here may raise an
 *		ERROR that depends on data, keep state that survives one, or look
 *		anything up for a row.
 *
 * The server replays one committed transaction at a time, as streaming of
 * transactions in progress and two-phase decoding are off.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "utils/catcache.h"
#include "utils/memutils.h"
#include "utils/relcache.h"

#include "compat.h"
#include "request.h"
#include "session.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "walrelay", .version = WALRELAY_VERSION);
#else
PG_MODULE_MAGIC;
#endif

/*
 * Whether a walsender streams to us, as opposed to one of the SQL functions,
 * which a walsender can run as well.  Only streaming has a progress callback.
 */
static bool
in_walsender(const LogicalDecodingContext *ctx)
{
	return am_walsender && ctx->update_progress != NULL;
}

/* All that the stream needs; see session.h. */
static struct session *
session_new(LogicalDecodingContext *ctx)
{
	MemoryContext context = AllocSetContextCreate(ctx->context, "walrelay session",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	struct session *session = palloc0(sizeof(struct session));

	session->ctx = ctx;
	session->context = context;
	session->scratch = AllocSetContextCreate(context, "walrelay scratch", ALLOCSET_DEFAULT_SIZES);
	options_parse(&session->options, ctx->output_plugin_options);
	MemoryContextSwitchTo(caller);
	return session;
}

/* Get ready to write, in the format that was asked for. */
static void
session_open(struct session *session)
{
	LogicalDecodingContext *ctx = session->ctx;
	struct options *options = &session->options;
	MemoryContext caller = MemoryContextSwitchTo(session->context);

	session->relations = relcache_new(session);
	deform_init(&session->deform);
	tuple_init(&session->old_tuple);
	tuple_init(&session->new_tuple);
	if (options->format == FORMAT_TEXT)
		session->emitter = &emit_text;
	else
	{
		bool		idle = options->flush == FLUSH_IDLE && in_walsender(ctx);

		session->emitter = &emit_binary;
		session->frame = frame_new(ctx, options->frame_bytes, idle);
	}
	session->emitter->hello(session);
	if (session->frame != NULL && in_walsender(ctx))
		frame_watch(session->frame);
	MemoryContextSwitchTo(caller);
}

static void
on_startup(LogicalDecodingContext *ctx, OutputPluginOptions *opt, bool is_init)
{
	struct session *session;

	ctx->streaming = false;
	ctx->twophase = false;
	session = session_new(ctx);
	ctx->output_plugin_private = session;
	opt->output_type = session->options.format == FORMAT_TEXT ? OUTPUT_PLUGIN_TEXTUAL_OUTPUT :
		OUTPUT_PLUGIN_BINARY_OUTPUT;
	opt->receive_rewrites = false;
	if (!is_init)
		session_open(session);
}

/* Everything is in the session's context, which goes with ctx->context. */
static void
on_shutdown(LogicalDecodingContext *ctx)
{
	struct session *session = ctx->output_plugin_private;

	if (session != NULL)
		MemoryContextDelete(session->context);
	ctx->output_plugin_private = NULL;
}

/* BEGIN is written when there is something to say: transaction_begin(). */
static void
on_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	struct session *session = ctx->output_plugin_private;

	session->txn_begun = false;
	session->txn_lsn = txn->first_lsn;
	relcache_trim(session->relations);
}

static void
transaction_begin(struct session *session, ReorderBufferTXN *txn)
{
	if (likely(session->txn_begun))
		return;
	session->emitter->begin(session, txn);
	session->txn_begun = true;
}

static void
on_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	struct session *session = ctx->output_plugin_private;

	if (session->txn_begun)
		session->emitter->commit(session, txn, commit_lsn);
	session->txn_begun = false;
}

/* RELATION goes out before its first use, and again after an invalidation. */
static void
relation_announce(struct session *session, struct relation *rel)
{
	if (likely(rel->announced))
		return;
	session->emitter->relation(session, rel);
	rel->announced = true;
}

/*
 * A change that nobody wants.  In a long run of them what is in the frame
 * should not grow old, a cancel has to work, and before 16 nobody else keeps
 * the connection alive.  The frame leaves first, as progress may send a
 * keepalive.
 */
static void
change_skip(struct session *session)
{
	if (likely(++session->skipped < PROGRESS_EVERY))
		return;
	session->skipped = 0;
	CHECK_FOR_INTERRUPTS();
	if (session->frame != NULL)
		frame_flush(session->frame, true);
	if (PROGRESS_IS_OURS)
		OutputPluginUpdateProgress(session->ctx, false);
}

/* What of the old row the server logged. */
static enum wire_old
old_kind_get(const struct relation *rel, HeapTuple oldtuple)
{
	if (oldtuple == NULL)
		return WIRE_OLD_NONE;
	return rel->identity == REPLICA_IDENTITY_FULL ? WIRE_OLD_FULL : WIRE_OLD_KEY;
}

/* Take the tuples of a change apart and write the row. */
static void
row_emit(struct session *session, enum wire_kind kind, const struct relation *rel,
		 TupleDesc desc, ReorderBufferChange *change)
{
	HeapTuple	oldtuple = change_oldtuple(change);
	HeapTuple	newtuple = change_newtuple(change);
	enum wire_old old_kind = old_kind_get(rel, oldtuple);
	Size		threshold = session->frame != NULL ?
		Min(session->frame->limit, WIRE_LONG_THRESHOLD) : 0;

	if (oldtuple != NULL)
		tuple_collect(&session->old_tuple, &session->deform, rel, desc, oldtuple,
					  old_kind == WIRE_OLD_KEY, threshold);
	if (newtuple != NULL)
		tuple_collect(&session->new_tuple, &session->deform, rel, desc, newtuple,
					  false, threshold);
	session->emitter->row(session, kind, rel, change->lsn, old_kind, &session->old_tuple,
						  newtuple != NULL ? &session->new_tuple : NULL);
}

static bool
action_is_wanted(const struct session *session, enum option_action action)
{
	return (session->options.actions & action) != 0;
}

/* The way of every row. */
static void
on_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation,
		  ReorderBufferChange *change)
{
	struct session *session = ctx->output_plugin_private;
	MemoryContext caller = MemoryContextSwitchTo(session->scratch);
	struct relation *rel = NULL;
	enum option_action action = 0;
	enum wire_kind kind = 0;

	switch (change->action)
	{
		case REORDER_BUFFER_CHANGE_INSERT:
			kind = WIRE_INSERT;
			action = ACTION_INSERT;
			break;
		case REORDER_BUFFER_CHANGE_UPDATE:
			kind = WIRE_UPDATE;
			action = ACTION_UPDATE;
			break;
		case REORDER_BUFFER_CHANGE_DELETE:
			kind = WIRE_DELETE;
			action = ACTION_DELETE;
			break;
		default:
			break;
	}
	if (action_is_wanted(session, action))
		rel = relcache_lookup(session->relations, relation);

	if (rel != NULL && rel->wanted)
	{
		transaction_begin(session, txn);
		relation_announce(session, rel);
		row_emit(session, kind, rel, RelationGetDescr(relation), change);
	}
	else
		change_skip(session);

	MemoryContextSwitchTo(caller);
	MemoryContextReset(session->scratch);
}

/*
 * Whether a relation takes its place in a TRUNCATE.  With publish-via-root
 * only the root does: what happens to a partition alone cannot be said about
 * the root.  TRUNCATE may list a relation twice.
 */
static bool
truncate_takes(struct relation *rel, struct relation **rels, int count)
{
	int			i;

	if (!rel->wanted || rel->root != rel->relid)
		return false;
	for (i = 0; i < count; i++)
	{
		if (rels[i] == rel)
			return false;
	}
	return true;
}

static void
on_truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int nrelations,
			Relation relations[], ReorderBufferChange *change)
{
	struct session *session = ctx->output_plugin_private;
	MemoryContext caller = MemoryContextSwitchTo(session->scratch);
	struct relation **rels = palloc(nrelations * sizeof(struct relation *));
	int			count = 0;
	uint8		flags = 0;
	int			i;

	for (i = 0; i < nrelations && action_is_wanted(session, ACTION_TRUNCATE); i++)
	{
		struct relation *rel = relcache_lookup(session->relations, relations[i]);

		if (truncate_takes(rel, rels, count))
			rels[count++] = rel;
	}
	if (change->data.truncate.cascade)
		flags |= WIRE_TRUNCATE_CASCADE;
	if (change->data.truncate.restart_seqs)
		flags |= WIRE_TRUNCATE_RESTART_IDENTITY;

	if (count > 0)
	{
		transaction_begin(session, txn);
		for (i = 0; i < count; i++)
			relation_announce(session, rels[i]);
		session->emitter->truncate(session, change->lsn, flags, count, rels);
	}
	else
		change_skip(session);

	MemoryContextSwitchTo(caller);
	MemoryContextReset(session->scratch);
}

/*
 * RELATION for a relation that somebody named, although nothing may have changed;
 * false if the stream has none.
 *
 * What is read for it is not kept.  A row's table is locked by whoever wrote it,
 * this one is not: a transaction that altered it and was replayed before this one
 * may stand behind the request in the WAL.  Its invalidations have been carried
 * out, and then we read the table as it was before; not every minor release of the
 * server invalidates it once more at the end of this transaction.
 */
static bool
relation_announce_named(struct session *session, Oid relid)
{
	struct relation *rel;
	Relation	relation;

	if (!relation_is_streamed(relid))
		return false;
	rel = relcache_find(session->relations, relid);
	if (rel != NULL)
	{
		rel->announced = false;
		if (rel->wanted)
			relation_announce(session, rel);
		return rel->wanted;
	}
	relation = RelationIdGetRelation(relid);
	if (relation == NULL)
		return false;
	relcache_trim(session->relations);
	rel = relcache_lookup(session->relations, relation);
	RelationClose(relation);
	if (rel->wanted)
		relation_announce(session, rel);
	rel->valid = false;
	relation_forget(relid);
	if (OidIsValid(rel->root) && rel->root != relid)
		relation_forget(rel->root);
	return rel->wanted;
}

/* What a request asks for.  Its oids may be many, and none of them need exist. */
static void
request_answer(struct session *session, const char *content, Size size)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext each;
	Oid		   *oids;
	int			count = request_read_oids(content, size, &oids);
	int			i;

	each = AllocSetContextCreate(caller, "walrelay request", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(each);
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!relation_announce_named(session, oids[i]))
			change_skip(session);
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(caller);
	if (count > 0)
		ResetCatalogCaches();	/* for the same reason, see relation_announce_named() */
}

/*
 * pg_logical_emit_message().  One that is not transactional comes when it is
 * read from the WAL, which is never inside a transaction's replay.
 */
static void
on_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr message_lsn,
		   bool transactional, const char *prefix, Size size, const char *content)
{
	struct session *session = ctx->output_plugin_private;
	MemoryContext caller = MemoryContextSwitchTo(session->scratch);
	bool		request = message_is_request(transactional, prefix);

	if (action_is_wanted(session, ACTION_MESSAGE) &&
		(request || filter_message(&session->options, prefix)))
	{
		if (transactional)
			transaction_begin(session, txn);
		if (request)
			request_answer(session, content, size);
		session->emitter->message(session, message_lsn, transactional, prefix, size, content);
	}
	else
		change_skip(session);

	MemoryContextSwitchTo(caller);
	MemoryContextReset(session->scratch);
}

/* True leaves the transaction out: with origin=none, what was replicated here. */
static bool
on_filter_by_origin(LogicalDecodingContext *ctx, ReplOriginId origin_id)
{
	struct session *session = ctx->output_plugin_private;

	return session->options.origin == ORIGIN_NONE && origin_id != InvalidReplOriginId;
}

void
_PG_output_plugin_init(OutputPluginCallbacks *cb)
{
	cb->startup_cb = on_startup;
	cb->begin_cb = on_begin;
	cb->change_cb = on_change;
	cb->truncate_cb = on_truncate;
	cb->commit_cb = on_commit;
	cb->message_cb = on_message;
	cb->filter_by_origin_cb = on_filter_by_origin;
	cb->shutdown_cb = on_shutdown;
}
