/*
 * schema_topic.c
 *		From relation records to records of the schema-change topic; see
 *		schema_topic.h.
 *
 * Tables wait in a queue until the record that follows tells the position.
 * What is known of them is in the chronicle, which is set back to the start of
 * each stream: what comes again is compared with what was known there.
 */
#include "schema_topic.h"

#include <stdlib.h>

#include "plan.h"

/* Commit times are taken a moment before commits get their order. */
#define COMMIT_SKEW_US INT64_C(60000000)

struct schema_topic
{
	struct history      *hist;
	uint64_t             start;
	bool                 recalled; /* the chronicle is complete as of start */
	struct chronicle    *chr;
	struct arena        *arena; /* of the queue */
	struct description **queue;
	uint32_t             first;
	uint32_t             count; /* behind first */
	uint32_t             cap;
	struct buf           after; /* Avro of the description at hand */
};

struct schema_topic *
schema_topic_new(struct history *hist)
{
	struct schema_topic *st = xcalloc(1, sizeof(*st));

	st->hist = hist;
	st->recalled = hist == NULL;
	st->chr = chronicle_new();
	return st;
}

static void
queue_clear(struct schema_topic *st)
{
	arena_free(st->arena);
	st->arena = NULL;
	st->first = st->count = 0;
}

void
schema_topic_start(struct schema_topic *st, uint64_t start)
{
	st->start = start;
	chronicle_rewind(st->chr, start);
}

void
schema_topic_stop(struct schema_topic *st)
{
	/* Read as of this stream's start, which may not be that of the next one. */
	if (!st->recalled)
		history_cancel(st->hist);
	queue_clear(st);
}

void
schema_topic_free(struct schema_topic *st)
{
	if (st == NULL)
		return;
	schema_topic_stop(st);
	chronicle_free(st->chr);
	free(st->queue);
	buf_free(&st->after);
	free(st);
}

enum rc
schema_topic_recall(struct schema_topic *st, const char *topic, const struct format *fmt,
					struct plan *plan, struct err *e)
{
	struct str        database = {fmt->database, strlen(fmt->database)};
	struct chronicle *chr;
	enum rc           rc;

	if (st->recalled)
		return RC_OK;
	rc = history_read(st->hist, topic, text_utf8(plan->text, database), st->start, &chr, e);
	if (rc != RC_OK)
		return rc;
	chronicle_free(st->chr);
	st->chr = chr;
	st->recalled = true;
	return RC_OK;
}

void
schema_topic_learn(struct schema_topic *st, const struct table *tbl, const struct format *fmt,
				   struct plan *plan)
{
	if (st->arena == NULL)
		st->arena = arena_new();
	if (st->first + st->count == st->cap)
	{
		st->cap = st->cap ? st->cap * 2 : 16;
		st->queue = xrealloc(st->queue, st->cap * sizeof(struct description *));
	}
	st->queue[st->first + st->count++] =
		description_new(tbl, fmt->generated, plan->text, st->arena);
}

bool
schema_topic_is_due(const struct schema_topic *st)
{
	return st->count > 0;
}

void
schema_topic_next(struct schema_topic *st)
{
	st->first++;
	st->count--;
	if (st->count == 0)
		queue_clear(st);
}

/* The table of this oid; one that is not known takes the place of whoever has its name. */
static const struct version *
known_version(const struct schema_topic *st, const struct description *desc)
{
	const struct version *known = chronicle_table(st->chr, desc->relid);

	return known ? known : chronicle_holder(st->chr, desc->schema, desc->name);
}

/* The old name's latest record is no table's any more, unless another table has the name by now. */
static bool
leaves_name(const struct schema_topic *st, const struct description *before,
			const struct description *after)
{
	if (strcmp(before->schema, after->schema) == 0 && strcmp(before->name, after->name) == 0)
		return false;
	return chronicle_holder(st->chr, before->schema, before->name) == NULL;
}

static struct str
key_put(struct plan *plan, const struct description *desc, struct buf *out)
{
	side_start(&plan->sides[SIDE_KEY], out);
	schema_change_put_key(desc->schema, desc->name, out);
	return buf_str(out);
}

/* The record, and the tombstone of a name that is gone.  The chronicle knows of the change. */
static unsigned
change_encode(struct schema_topic *st, struct plan *plan, struct schema_change *chg,
			  const struct description *before, struct outgoing out[ENCODE_MAX_OUT])
{
	const struct description *after = chg->table;
	struct differences        diffs = {.arena = st->arena};
	unsigned                  nout = 1;

	description_diff(before, after, &diffs);
	chg->diffs = &diffs;
	side_start(&plan->sides[SIDE_VALUE], &plan->work->value);
	schema_change_put_value(chg, &plan->work->value);
	differences_free(&diffs);
	out[0] = (struct outgoing){.has_key = true,
							   .has_value = true,
							   .key = key_put(plan, after, &plan->work->after.key),
							   .value = buf_str(&plan->work->value)};
	if (before && leaves_name(st, before, after))
		out[nout++] =
			(struct outgoing){.has_key = true, .key = key_put(plan, before, &plan->work->before.key)};
	return nout;
}

/* Before a change that was told already, and whose predecessors the topic has lost. */
static bool
is_old_news(const struct version *known, const struct change_position *position)
{
	return known && position->commit_lsn < known->until &&
		   position->commit_us <= known->until_us + COMMIT_SKEW_US;
}

static bool
same_bytes(struct str a, struct str b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

void
schema_topic_tell(struct schema_topic *st, const struct format *fmt, struct plan *plan,
				  const struct change_position *position, uint64_t confirmed,
				  struct outgoing out[ENCODE_MAX_OUT], unsigned *nout)
{
	struct str            database = {fmt->database, strlen(fmt->database)};
	struct description   *before = NULL;
	struct schema_change  chg = {.server = {fmt->prefix, strlen(fmt->prefix)},
								 .position = *position,
								 .table = st->queue[st->first],
								 .before = {NULL, 0}};
	const struct version *known = known_version(st, chg.table);
	struct version        version = {.commit_lsn = position->commit_lsn,
									 .lsn = position->lsn,
									 .relid = chg.table->relid,
									 .schema = (char *) chg.table->schema, /* to be copied */
									 .name = (char *) chg.table->name};
	bool                  old_news = is_old_news(known, position);

	*nout = 0;
	buf_restart(&st->after);
	description_put(chg.table, &st->after);
	version.avro = chg.after = buf_str(&st->after);
	if (known && same_bytes(known->avro, version.avro))
		return;
	if (known)
	{
		/* Copied: the chronicle may forget it. */
		chg.before.data = arena_strndup(st->arena, known->avro.data, known->avro.len);
		chg.before.len = known->avro.len;
		if (!description_read(chg.before, st->arena, &before))
			abort(); /* we wrote it, or history.c has read it */
	}
	if (old_news)
	{
		version.until = known->until;
		version.until_us = known->until_us;
	}
	chronicle_put(st->chr, &version, confirmed);
	if (old_news)
		return;
	chg.database = text_utf8(plan->text, database);
	*nout = change_encode(st, plan, &chg, before, out);
}
