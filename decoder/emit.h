/*
 * emit.h
 *		What it takes to write records in one format.  Two sets of writers
 *		exist: emit_binary.c, which is wire.h, and emit_text.c, the same records
 *		as readable lines.  plugin.c calls them, and knows neither.
 */
#ifndef WALRELAY_EMIT_H
#define WALRELAY_EMIT_H

#include "postgres.h"

#include "replication/reorderbuffer.h"

#include "wire.h"

struct session;
struct relation;
struct tuple;

struct emitter
{
	/* Once, before anything else. */
	void		(*hello) (struct session *session);
	void		(*begin) (struct session *session, ReorderBufferTXN *txn);
	void		(*commit) (struct session *session, ReorderBufferTXN *txn, XLogRecPtr commit_lsn);
	void		(*relation) (struct session *session, const struct relation *rel);

	/*
	 * One row, kind WIRE_INSERT, WIRE_UPDATE or WIRE_DELETE.  "old" has the
	 * values that old_kind says (none for WIRE_OLD_NONE), "new" is NULL for a
	 * delete.
	 */
	void		(*row) (struct session *session, enum wire_kind kind, const struct relation *rel,
						XLogRecPtr lsn, enum wire_old old_kind, const struct tuple *old,
						const struct tuple *new);
	void		(*truncate) (struct session *session, XLogRecPtr lsn, uint8 flags,
							 int count, struct relation **rels);
	void		(*message) (struct session *session, XLogRecPtr lsn, bool transactional,
							const char *prefix, Size length, const char *content);
};

extern const struct emitter emit_binary;
extern const struct emitter emit_text;

#endif							/* WALRELAY_EMIT_H */
