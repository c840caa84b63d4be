/*
 * session.h
 *		All state of one stream, from startup to shutdown or ERROR.  Hangs on
 *		ctx->output_plugin_private and lives in ctx->context; nothing of it is
 *		static.  Made by plugin.c, read by everybody.
 */
#ifndef WALRELAY_SESSION_H
#define WALRELAY_SESSION_H

#include "postgres.h"

#include "replication/logical.h"

#include "datum.h"
#include "emit.h"
#include "frame.h"
#include "options.h"
#include "relcache.h"

#ifndef WALRELAY_VERSION
#error "WALRELAY_VERSION comes from the Makefile"
#endif

struct session
{
	LogicalDecodingContext *ctx;
	MemoryContext context;		/* this struct and all below: as long as ctx */
	MemoryContext scratch;		/* reset after every callback that used it */
	struct options options;
	const struct emitter *emitter;	/* writes records in the format asked for */
	struct frame *frame;		/* NULL in text format and at slot creation */
	struct relcache *relations;

	/* the transaction being replayed; there is one at a time, streaming is off */
	bool		txn_begun;		/* BEGIN was written: something was wanted */
	XLogRecPtr	txn_lsn;		/* that the next delta counts from */

	/* the change being written */
	struct deform deform;
	struct tuple old_tuple;
	struct tuple new_tuple;

	uint32		skipped;		/* changes not wanted since progress was reported */
};

#endif							/* WALRELAY_SESSION_H */
