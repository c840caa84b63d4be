/*
 * history.c
 *		What the records of the schema-change topic say; see history.h.
 *
 * Records of one table are in order; which of two tables has a name is decided
 * by position, so that the order between partitions does not matter.
 * Tombstones say nothing that the record of the renamed table does not say, and
 * are passed over.
 */
#include "history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "buf.h"
#include "schema_change.h"
#include "topic_reader.h"

#include <uthash.h>

/* The first change of a table of those that come again. */
struct earliest
{
	uint32_t       relid;
	uint64_t       commit_lsn;
	uint64_t       lsn;
	struct version before; /* avro.data NULL: nothing was known of the table; ours if not */
	UT_hash_handle hh;
};

struct history
{
	struct topic_reader *reader;
	loop_cb             *done;
	void                *arg;
	bool                 begun; /* the reader reads, or its result was not taken yet */
	char                *topic;
	char                *database; /* others of the same names and oids may write to the topic */
	uint64_t             start;

	/* The reader's thread's while it runs: */
	struct chronicle *chr;
	struct earliest  *earliest; /* by relid */
};

/* --- in the reader's thread -------------------------------------------------- */

static struct version
version_of(const struct description *desc, struct str avro, const struct change_position *position)
{
	return (struct version){
		.commit_lsn = position->commit_lsn,
		.lsn = position->lsn,
		.relid = desc->relid,
		.schema = (char *) desc->schema, /* to be copied */
		.name = (char *) desc->name,
		.avro = avro,
	};
}

static void
earliest_clear(struct earliest *earliest)
{
	if (earliest->before.avro.data == NULL)
		return;
	free(earliest->before.schema);
	free(earliest->before.name);
	free((char *) earliest->before.avro.data);
	earliest->before.avro.data = NULL;
}

/* The table changed at this position; before: from what, NULL: nothing was known of it. */
static void
history_note(struct history *hist, uint32_t relid, const struct change_position *position,
			 const struct version *before)
{
	struct earliest *earliest;

	HASH_FIND(hh, hist->earliest, &relid, sizeof(relid), earliest);
	if (earliest &&
		(earliest->commit_lsn < position->commit_lsn ||
		 (earliest->commit_lsn == position->commit_lsn && earliest->lsn <= position->lsn)))
		return;
	if (earliest == NULL)
	{
		earliest = xcalloc(1, sizeof(*earliest));
		earliest->relid = relid;
		HASH_ADD(hh, hist->earliest, relid, sizeof(earliest->relid), earliest);
	}
	earliest_clear(earliest);
	earliest->commit_lsn = position->commit_lsn;
	earliest->lsn = position->lsn;
	if (before == NULL)
		return;
	earliest->before = *before;
	earliest->before.schema = xstrdup(before->schema);
	earliest->before.name = xstrdup(before->name);
	earliest->before.avro.data =
		memcpy(xmalloc(before->avro.len), before->avro.data, before->avro.len);
}

/*
 * What came before start is how the table is described there.  Of what comes
 * again only the description before it counts, and only if nothing older is
 * left: the topic may have been compacted.
 */
static void
history_learn(struct history *hist, const struct past_change *past)
{
	const struct change_position *position = &past->position;
	const struct version         *known;
	struct version                version;

	if (position->commit_lsn < hist->start)
	{
		version = version_of(past->table, past->after, position);
		known = chronicle_table(hist->chr, version.relid);
		if (known == NULL || version.commit_lsn > known->commit_lsn ||
			(version.commit_lsn == known->commit_lsn && version.lsn >= known->lsn))
			chronicle_put(hist->chr, &version, hist->start);
		return;
	}
	if (past->old_table)
	{
		version = version_of(past->old_table, past->before, position);
		version.commit_lsn = version.lsn = 0;
		version.until = position->commit_lsn;
		version.until_us = position->commit_us;
		history_note(hist, version.relid, position, &version);
	}
	if (past->old_table == NULL || past->old_table->relid != past->table->relid)
		history_note(hist, past->table->relid, position, NULL);
}

static bool
is_named(struct str name, const char *wanted)
{
	return name.len == strlen(wanted) && memcmp(name.data, wanted, name.len) == 0;
}

static enum rc
strange_record(const struct history *hist, const struct topic_record *record, struct err *e)
{
	err_set(e, ERR_DATA, E2008,
			"topic \"%s\" has a record that this release of walrelay did not write", hist->topic);
	err_detail(e, "It is at offset %" PRId64 " of partition %" PRId32 ".", record->offset,
			   record->partition);
	return err_hint(e, "Set topic.schema.changes to another name: descriptions start anew "
					   "there.  Whoever else writes to this topic must stop.");
}

static enum rc
on_record(void *arg, const struct topic_record *record, struct err *e)
{
	struct history    *hist = arg;
	struct past_change past;
	struct arena      *arena;
	bool               ok;

	if (record->value.data == NULL)
		return RC_OK;
	arena = arena_new();
	ok = schema_change_read(record->value, arena, &past);
	if (ok && is_named(past.database, hist->database))
		history_learn(hist, &past);
	arena_free(arena);
	return ok ? RC_OK : strange_record(hist, record, e);
}

/* --- on the loop ------------------------------------------------------------- */

static void
on_done(void *arg)
{
	struct history *hist = arg;

	hist->done(hist->arg);
}

struct history *
history_new(struct loop *loop, const struct config *cfg, loop_cb *done, void *arg)
{
	struct history      *hist = xcalloc(1, sizeof(*hist));
	struct topic_reading reading = {.isolation = READ_UNCOMMITTED,
									.instead = "set include.schema.changes=false",
									.record = on_record,
									.done = on_done,
									.arg = hist};

	hist->reader = topic_reader_new(loop, cfg, &reading);
	hist->done = done;
	hist->arg = arg;
	return hist;
}

/* Everything is read; or given up, then suppose is false. */
static void
history_conclude(struct history *hist, bool suppose)
{
	struct earliest *earliest;
	struct earliest *next;

	HASH_ITER(hh, hist->earliest, earliest, next)
	{
		HASH_DEL(hist->earliest, earliest);
		if (suppose && earliest->before.avro.data && !chronicle_table(hist->chr, earliest->relid))
			chronicle_put(hist->chr, &earliest->before, hist->start);
		earliest_clear(earliest);
		free(earliest);
	}
	if (suppose)
		chronicle_rewind(hist->chr, hist->start); /* settles who has which name */
}

void
history_cancel(struct history *hist)
{
	topic_reader_cancel(hist->reader);
	hist->begun = false;
	history_conclude(hist, false);
	chronicle_free(hist->chr);
	hist->chr = NULL;
}

void
history_free(struct history *hist)
{
	if (hist == NULL)
		return;
	history_cancel(hist);
	topic_reader_free(hist->reader);
	free(hist->topic);
	free(hist->database);
	free(hist);
}

static void
history_begin(struct history *hist, const char *topic, struct str database, uint64_t start)
{
	free(hist->topic);
	free(hist->database);
	hist->topic = xstrdup(topic);
	hist->database = xstrndup(database.data, database.len);
	hist->start = start;
	hist->chr = chronicle_new();
	hist->begun = true;
	topic_reader_start(hist->reader, topic);
}

enum rc
history_read(struct history *hist, const char *topic, struct str database, uint64_t start,
			 struct chronicle **chr, struct err *e)
{
	enum rc rc;

	if (!hist->begun)
	{
		history_begin(hist, topic, database, start);
		return RC_AGAIN;
	}
	rc = topic_reader_result(hist->reader, e);
	if (rc == RC_OK)
	{
		history_conclude(hist, true);
		*chr = hist->chr;
		hist->chr = NULL;
		hist->begun = false;
	}
	else if (rc == RC_ERR)
		history_cancel(hist);
	return rc;
}

const char *
history_topic(const struct history *hist)
{
	return topic_reader_topic(hist->reader);
}

uint64_t
history_records(const struct history *hist)
{
	return topic_reader_records(hist->reader);
}
