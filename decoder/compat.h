/*
 * compat.h
 *		Every difference between PostgreSQL majors that the decoder meets, in
 *		the newest spelling.  The only file that may test PG_VERSION_NUM
 *		(make lint checks).  Each entry says which release and why.
 */
#ifndef WALRELAY_COMPAT_H
#define WALRELAY_COMPAT_H

#include "postgres.h"

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_attribute.h"
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "replication/slot.h"
#include "utils/syscache.h"

#if PG_VERSION_NUM < 150000
#error "walrelay needs PostgreSQL 15 or newer"
#endif

/* 16 moved the VARSIZE and VARATT family out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 16 declares the entry point itself and hides a module's other symbols. */
#if PG_VERSION_NUM < 160000
extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *cb);
#endif

/* 19 renamed the type of a replication origin's number and its zero. */
#if PG_VERSION_NUM < 190000
typedef RepOriginId ReplOriginId;
#define InvalidReplOriginId InvalidRepOriginId
#endif

/* 19 gave the syscaches' numbers a type, which callbacks take. */
#if PG_VERSION_NUM >= 190000
typedef SysCacheIdentifier SysCacheId;
#else
typedef int SysCacheId;
#endif

/* 17 dropped the wrapper around a change's tuples. */
static inline HeapTuple
change_newtuple(ReorderBufferChange *change)
{
#if PG_VERSION_NUM >= 170000
	return change->data.tp.newtuple;
#else
	return change->data.tp.newtuple ? &change->data.tp.newtuple->tuple : NULL;
#endif
}

static inline HeapTuple
change_oldtuple(ReorderBufferChange *change)
{
#if PG_VERSION_NUM >= 170000
	return change->data.tp.oldtuple;
#else
	return change->data.tp.oldtuple ? &change->data.tp.oldtuple->tuple : NULL;
#endif
}

/* 19 took the commit time out of its union. */
static inline TimestampTz
txn_commit_time(ReorderBufferTXN *txn)
{
#if PG_VERSION_NUM >= 190000
	return txn->commit_time;
#else
	return txn->xact_time.commit_time;
#endif
}

/* 18 brought virtual generated columns: no value is stored, none is in the WAL. */
static inline bool
attribute_is_virtual(Form_pg_attribute att)
{
#if PG_VERSION_NUM >= 180000
	return att->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return false;
#endif
}

/*
 * 18 lets a NOT NULL constraint be NOT VALID: attnotnull is set, and rows from
 * before it may hold NULL.  The relation cache knows which ones are.
 */
static inline bool
attribute_is_not_null(TupleDesc desc, Form_pg_attribute att)
{
#if PG_VERSION_NUM >= 180000
	return att->attnotnull &&
		TupleDescCompactAttr(desc, att->attnum - 1)->attnullability != ATTNULLABLE_INVALID;
#else
	return att->attnotnull;
#endif
}

/*
 * Slots that are synchronised to standbys exist from 17 on.  Their walsender
 * may wait for those that synchronized_standby_slots names although the WAL is there.
 */
static inline bool
slot_follows_standbys(ReplicationSlot *slot)
{
#if PG_VERSION_NUM >= 170000
	return slot->data.failover && synchronized_standby_slots != NULL &&
		synchronized_standby_slots[0] != '\0';
#else
	return false;
#endif
}

/*
 * From 16 on the reorder buffer itself reports progress every 100 changes of
 * a transaction (commit 8c58624df4); before, an output plugin that skips
 * changes had to, or the walsender ran into wal_sender_timeout.
 */
#define PROGRESS_EVERY 100
#if PG_VERSION_NUM >= 160000
#define PROGRESS_IS_OURS false
#else
#define PROGRESS_IS_OURS true
#endif

/*
 * Of utils/pg_locale.h, which PostgreSQL 18 cannot compile without ICU's
 * headers, and no package of the server's headers brings those.
 */
struct lconv;
extern struct lconv *PGLC_localeconv(void);

#endif							/* WALRELAY_COMPAT_H */
