/*
 * snapshot.c
 *		A job and its rounds; see snapshot.h.
 *
 *		idle ─> connecting ─> listing ─> describing ─> exporting ─> looking ─> copying ─> idle
 *
 * snapshot_step() goes from one to the next when what was asked for has come.  Whatever
 * breaks a round ends it; the next one takes up what is not done.
 */
#include "snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crash_point.h"
#include "log.h"
#include "policy.h"
#include "snapshot_parts.h"
#include "text.h"

#define REPORT_MS 10000
#define AGAIN_MS 1000		 /* after a table has changed */
#define AGAIN_MAX_MS 60000	 /* after trouble */
#define TABLES_NAMED 5		 /* in a message about several */

/* --- tables -------------------------------------------------------------------- */

void
snap_table_free(struct snap_table *table)
{
	free(table->schema);
	free(table->name);
	free(table->fingerprint);
	if (table->tbl)
		table_free(table->tbl);
	chunk_plan_free(&table->plan);
	table_note_free(&table->note);
	free(table);
}

static struct snap_table *
table_find(struct snap_table *tables, uint32_t relid)
{
	struct snap_table *table;

	HASH_FIND(hh, tables, &relid, sizeof(relid), table);
	return table;
}

static struct snap_table *
table_add(struct snap_table **tables, uint32_t relid)
{
	struct snap_table *table = xcalloc(1, sizeof(*table));

	table->relid = relid;
	table->note.relid = relid;
	HASH_ADD(hh, *tables, relid, sizeof(table->relid), table);
	return table;
}

static void
tables_clear(struct snap_table **tables)
{
	struct snap_table *table;
	struct snap_table *next;

	HASH_ITER(hh, *tables, table, next)
	{
		HASH_DEL(*tables, table);
		snap_table_free(table);
	}
}

/* "schema.table" in UTF-8, whatever the server has. */
static char *
table_text(const struct snapshot *snap, const struct snap_table *table)
{
	const char	*encoding = query_facts(snap->readers[0].query)->encoding;
	char		*raw = xasprintf("%s.%s", table->schema, table->name);
	uint64_t	 replaced = 0;
	struct text *text;
	struct str	 utf8;
	struct err	 e;
	char		*name;

	if (text_new(encoding, &replaced, &text, &e) != RC_OK)
		return raw;
	utf8 = text_utf8(text, (struct str){raw, strlen(raw)});
	name = xstrndup(utf8.data, utf8.len);
	text_free(text);
	free(raw);
	return name;
}

static bool
is_wanted_now(const struct snap_table *table)
{
	return !table->note.complete && !table->dead;
}

/* --- ends of a round -------------------------------------------------------------- */

static void
snapshot_release(struct snapshot *snap)
{
	snap->lsn = 0;
	pipeline_hold(snap->pl, 0);
	if (snap->streaming)
		snap->events.released(snap->events.arg);
}

/* What is not sent by now is not sent in this round. */
static void
snapshot_end_round(struct snapshot *snap)
{
	snapshot_disconnect(snap);
	if (!snapshot_drop_unsent(snap))
	{
		snap->disturbed = true; /* once the batch is sent that was begun */
		return;
	}
	snap->stage = STAGE_IDLE;
	snap->disturbed = false;
	copy_row_free(snap->copy);
	snap->copy = NULL;
	snap->copy_of = NULL;
	tables_clear(&snap->listed);
	snapshot_release(snap);
}

static void
snapshot_again(struct snapshot *snap, int64_t delay_ms)
{
	if (!snap->stopped && snapshot_is_due(snap))
		loop_timer_set(snap->loop, &snap->again, delay_ms);
}

void
snapshot_trouble(struct snapshot *snap, const struct err *why)
{
	struct policy_situation sit = {.ran = true};
	struct err				e = *why;
	int64_t					delay_ms;

	if (snap->stage == STAGE_IDLE || snap->disturbed)
		return;
	if (policy_decide(&e, &sit).action == POLICY_STOP)
	{
		snap->stopped = true;
		snapshot_end_round(snap);
		snap->events.failed(snap->events.arg, &e);
		return;
	}
	delay_ms = AGAIN_MS << (snap->rounds < 6 ? snap->rounds : 6);
	if (delay_ms > AGAIN_MAX_MS)
		delay_ms = AGAIN_MAX_MS;
	snap->rounds++;
	log_err(LOG_WARN, &e, "the snapshot goes on in %.0f s with what is missing; changes stream meanwhile",
			(double) delay_ms / 1000);
	snapshot_end_round(snap);
	snapshot_again(snap, delay_ms);
	CRASH_POINT(snapshot_disturbed);
}

void
snapshot_table_failed(struct snapshot *snap, struct snap_table *table, const struct err *why)
{
	if (table->state == TABLE_FAILED)
		return;
	table->state = TABLE_FAILED;
	table->failures++;
	snap->failures++;
	log_err(LOG_WARN, why, "the other tables go on; what is missing of it is read after them");
	snapshot_step(snap);
}

/* --- listing ------------------------------------------------------------------------- */

static void
replace(char **field, const char *text)
{
	free(*field);
	*field = xstrdup(text);
}

void
snapshot_on_table(struct snapshot *snap, const struct pg_result *res, int row)
{
	uint32_t		   relid = (uint32_t) strtoul(query_field(res, row, SNAPSHOT_OID), NULL, 10);
	struct snap_table *table = table_find(snap->tables, relid);
	uint32_t		   filenode;

	if (table == NULL)
		table = table_add(&snap->listed, relid);
	replace(&table->schema, query_field(res, row, SNAPSHOT_SCHEMA));
	replace(&table->name, query_field(res, row, SNAPSHOT_TABLE));
	replace(&table->fingerprint, query_field(res, row, SNAPSHOT_FINGERPRINT));
	free(table->note.table);
	table->note.table = table_text(snap, table);
	table->tuples = strtoll(query_field(res, row, SNAPSHOT_TUPLES), NULL, 10);
	table->readable = *query_field(res, row, SNAPSHOT_READABLE) == 't';
	table->hidden = *query_field(res, row, SNAPSHOT_HIDDEN) == 't';
	filenode = (uint32_t) strtoul(query_field(res, row, SNAPSHOT_FILENODE), NULL, 10);
	if (table->note.filenode != filenode && table->note.done.count > 0)
	{
		/* Its rows have other places now. */
		log_info("table \"%s\" was truncated or rewritten: its snapshot begins anew", table->note.table);
		tid_set_free(&table->note.done);
		table->note.rows = 0;
		table->dirty = true;
	}
	table->note.filenode = filenode;
	table->state = TABLE_PENDING;
}

static bool
is_late(const struct snapshot *snap, uint32_t relid)
{
	for (size_t i = 0; i < snap->nlate; i++)
		if (snap->late[i] == relid)
			return true;
	return false;
}

/* A table of the job that there is not any more. */
static void
table_is_gone(struct snapshot *snap, struct snap_table *table)
{
	log_info("table \"%s\" is not there or not captured any more: its snapshot ends",
			 table->note.table);
	table->state = TABLE_READ;
	table->note.complete = true;
	table->dirty = true;
	if (snap->has_progress)
		pipeline_touch(snap->pl);
}

static void
nonce_make(char nonce[NONCE_LEN + 1])
{
	uint8_t bytes[NONCE_LEN / 2];

	if (getentropy(bytes, sizeof(bytes)) != 0)
		memset(bytes, 0, sizeof(bytes)); /* told apart from others' by the slot alone */
	for (int i = 0; i < NONCE_LEN / 2; i++)
		snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
}

/* It is known which tables there are: those that may be ours are described. */
void
snapshot_on_listed(struct snapshot *snap)
{
	size_t			   max = HASH_CNT(hh, snap->tables) + HASH_CNT(hh, snap->listed);
	uint32_t		  *relids = xcalloc(max + 1, sizeof(*relids));
	size_t			   count = 0;
	bool			   fresh = snap->job.state == SNAPSHOT_LISTING;
	struct snap_table *table;
	struct snap_table *next;

	HASH_ITER(hh, snap->tables, table, next)
	{
		/* state: as snapshot_on_table() has left it */
		if (is_wanted_now(table) && table->state != TABLE_PENDING)
			table_is_gone(snap, table);
		else if (is_wanted_now(table))
			relids[count++] = table->relid;
	}
	HASH_ITER(hh, snap->listed, table, next)
		if (fresh || is_late(snap, table->relid))
			relids[count++] = table->relid;
	snap->stage = STAGE_DESCRIBING;
	snap->described = snap->emitted = false;
	nonce_make(snap->nonce);
	snapshot_ask_description(snap, relids, count);
	free(relids);
}

/* --- described by the stream ------------------------------------------------------------ */

static void
on_relation(void *arg, struct cursor body)
{
	struct snapshot	  *snap = arg;
	struct snap_table *table;
	struct table	  *tbl;
	uint32_t		   relid;
	struct err		   e;

	if (snap->stage != STAGE_DESCRIBING || snap->described ||
		table_read(body, &tbl, &e) != RC_OK)
		return;
	relid = tbl->partition ? tbl->partition : tbl->relid;
	table = table_find(snap->tables, relid);
	if (table == NULL)
		table = table_find(snap->listed, relid);
	if (table == NULL)
	{
		table_free(tbl);
		return;
	}
	if (table->tbl)
		table_free(table->tbl);
	table->tbl = tbl;
}

static void
on_message(void *arg, struct str content, uint32_t xid)
{
	static const char word[] = "described ";
	struct snapshot	 *snap = arg;
	size_t			  len = sizeof(word) - 1;

	if (snap->stage != STAGE_DESCRIBING || content.len != len + NONCE_LEN ||
		memcmp(content.data, word, len) != 0 ||
		memcmp(content.data + len, snap->nonce, NONCE_LEN) != 0)
		return;
	snap->described = true;
	snap->xid = xid;
	loop_timer_set(snap->loop, &snap->work, 0);
}

/* Those that the role cannot read whole, in words; false: it can read all. */
static bool
snapshot_check_rights(struct snapshot *snap, struct err *e)
{
	struct buf unreadable = {0};
	struct buf hidden = {0};
	unsigned   count = 0;
	const char *role = query_facts(snap->readers[0].query)->role;

	for (struct snap_table *table = snap->tables; table; table = table->hh.next)
	{
		if (table->state != TABLE_READING || (table->readable && !table->hidden))
			continue;
		if (++count <= TABLES_NAMED)
			buf_printf(table->readable ? &hidden : &unreadable, "%s%s",
					   (table->readable ? hidden : unreadable).len ? ", " : "", table->note.table);
	}
	if (count > 0)
	{
		err_set(e, ERR_PERMISSION, E1240, "role %s may not read %u tables of the snapshot", role,
				count);
		err_detail(e, "%s%s%s%s%s%s%s", unreadable.len ? "Without SELECT or USAGE: " : "",
				   buf_cstr(&unreadable), unreadable.len ? ". " : "",
				   hidden.len ? "With row security that hides rows: " : "", buf_cstr(&hidden),
				   hidden.len ? "." : "", count > TABLES_NAMED ? " And others." : "");
		err_hint(e, "As their owner or superuser: %s%s%s%s%s;\nor leave them out with "
					"table.exclude.list, or set snapshot.mode = never.",
				 unreadable.len ? "GRANT USAGE ON SCHEMA ... TO " : "ALTER ROLE ", role,
				 unreadable.len ? "; GRANT SELECT ON " : " BYPASSRLS",
				 buf_cstr(&unreadable), unreadable.len ? " TO ..." : "");
	}
	buf_free(&unreadable);
	buf_free(&hidden);
	return count == 0;
}

/* The plugin has said which are captured: these are the job's, or those of them that are missing. */
static void
snapshot_take_described(struct snapshot *snap)
{
	struct snap_table *table;
	struct snap_table *next;

	HASH_ITER(hh, snap->listed, table, next)
	{
		if (table->tbl == NULL)
			continue;
		HASH_DEL(snap->listed, table);
		HASH_ADD(hh, snap->tables, relid, sizeof(table->relid), table);
		table->dirty = true;
	}
	HASH_ITER(hh, snap->tables, table, next)
	{
		if (!is_wanted_now(table))
			continue;
		if (table->tbl == NULL)
		{
			table_is_gone(snap, table);
			continue;
		}
		table->state = TABLE_READING;
		table->sent = table->batches = 0;
		chunk_plan_begin(&table->plan, &table->note.done);
	}
	free(snap->late);
	snap->late = NULL;
	snap->nlate = 0;
}

static void
snapshot_on_described(struct snapshot *snap)
{
	bool	   fresh = snap->job.state == SNAPSHOT_LISTING;
	struct err e;

	CRASH_POINT(snapshot_described);
	snapshot_take_described(snap);
	if (!snapshot_check_rights(snap, &e))
	{
		snapshot_trouble(snap, &e);
		return;
	}
	snap->job.tables = HASH_COUNT(snap->tables);
	if (fresh)
	{
		snap->job.state = SNAPSHOT_COPYING;
		log_info("snapshot of %" PRIu64 " tables begins", snap->job.tables);
	}
	snap->job_dirty = true;
	if (snap->has_progress)
		pipeline_touch(snap->pl);
	snapshot_export(snap);
}

/* --- what the exported snapshot sees ------------------------------------------------------- */

/* A table that was made after the listing: its first rows may have come before P. */
void
snapshot_on_seen(struct snapshot *snap, uint32_t relid)
{
	if (table_find(snap->tables, relid) || table_find(snap->listed, relid))
		return;
	snap->late = xrealloc(snap->late, (snap->nlate + 1) * sizeof(*snap->late));
	snap->late[snap->nlate++] = relid;
}

void
snapshot_on_looked(struct snapshot *snap)
{
	struct snap_table *table;

	for (table = snap->tables; table; table = table->hh.next)
		if (table->note.done.count == 0)
			table->note.xmin = snap->xmin;
	snap->next_table = snap->tables;
	snap->stage = STAGE_COPYING;
	snapshot_connect_readers(snap);
}

/* --- the round ------------------------------------------------------------------------------- */

static bool
snapshot_has_read_all(const struct snapshot *snap)
{
	const struct snap_table *table = snap->next_table;

	for (unsigned i = 0; i < snap->nreaders; i++)
		if (snap->readers[i].batch)
			return false;
	while (table && table->state != TABLE_READING)
		table = table->hh.next;
	return table == NULL;
}

static bool
snapshot_has_unsent(const struct snapshot *snap)
{
	const struct batch *batch = snap->batches;

	while (batch && batch->state >= BATCH_SENT)
		batch = batch->next;
	return batch != NULL;
}

static bool
snapshot_is_complete(const struct snapshot *snap)
{
	const struct snap_table *table = snap->tables;

	while (table && table->note.complete)
		table = table->hh.next;
	return table == NULL && snap->nlate == 0;
}

/* All that this round could read is sent: the stream goes on. */
static void
snapshot_round_done(struct snapshot *snap)
{
	struct snap_table *table;
	unsigned		   left = 0;

	CRASH_POINT(snapshot_round_done);
	for (table = snap->tables; table; table = table->hh.next)
	{
		if (table->state == TABLE_READ && !table->note.complete && !snap->has_progress)
			table->note.complete = true;
		left += table->state == TABLE_FAILED && is_wanted_now(table);
	}
	snapshot_end_round(snap);
	snap->rounds = left > 0 ? snap->rounds + 1 : 0;
	if (left > 0 || snap->nlate > 0)
		snapshot_again(snap, AGAIN_MS << (snap->rounds < 6 ? snap->rounds : 6));
}

/* The job's rows are in Kafka. */
static void
snapshot_finish(struct snapshot *snap)
{
	struct snap_table *table;

	log_info("snapshot is done: %" PRIu64 " tables, %" PRIu64 " rows in %.1f s",
			 snap->job.tables, snap->total_rows,
			 (double) (loop_now_ms() - snap->since_ms) / 1000);
	snap->job.state = SNAPSHOT_DONE;
	loop_timer_clear(snap->loop, &snap->again);
	loop_timer_clear(snap->loop, &snap->report);
	if (!snap->has_progress)
	{
		snap->job_written = SNAPSHOT_DONE;
		tables_clear(&snap->tables);
		return;
	}
	snap->job_dirty = true;
	for (table = snap->tables; table; table = table->hh.next)
		table->dead = table->dirty = true;
	pipeline_touch(snap->pl);
	CRASH_POINT(snapshot_finished);
}

static void
snapshot_begin_round(struct snapshot *snap)
{
	loop_timer_clear(snap->loop, &snap->again);
	snap->stage = STAGE_CONNECTING;
	snap->rows_sent = 0;
	snap->numbers = 0;
	if (snap->since_ms == 0)
		snap->since_ms = snap->reported_ms = loop_now_ms();
	loop_timer_set(snap->loop, &snap->report, REPORT_MS);
	query_connect(snap->readers[0].query, snap->cfg->source.conninfo, PG_SQL);
	CRASH_POINT(snapshot_round_begun);
}

/* The first reader is there. */
static void
snapshot_connected(struct snapshot *snap)
{
	struct err e;

	if (!query_facts(snap->readers[0].query)->in_recovery)
	{
		snap->stage = STAGE_LISTING;
		snapshot_ask_tables(snap);
		return;
	}
	err_set(&e, ERR_CONFIG, E1241, "a snapshot cannot be taken on a standby");
	err_hint(&e, "Point source.conninfo at the primary until the snapshot is done, or set "
				 "snapshot.mode = never.");
	snapshot_trouble(snap, &e);
}

static void
snapshot_step_copying(struct snapshot *snap)
{
	if (snap->disturbed)
	{
		if (!snapshot_has_unsent(snap))
			snapshot_end_round(snap);
		return;
	}
	snapshot_feed(snap);
	if (!snapshot_has_read_all(snap))
		return;
	if (query_is_ready(snap->control))
		snapshot_disconnect(snap); /* nobody needs the exported snapshot any more */
	if (!snapshot_has_unsent(snap))
		snapshot_round_done(snap);
}

void
snapshot_step(struct snapshot *snap)
{
	switch (snap->stage)
	{
		case STAGE_IDLE:
			if (snap->streaming && !snap->stopped && snapshot_is_due(snap) &&
				snap->again.due_ms == 0 && !(snap->job.state == SNAPSHOT_COPYING && snapshot_is_complete(snap)) &&
				snap->batches == NULL)
				snapshot_begin_round(snap);
			break;
		case STAGE_CONNECTING:
			if (snap->readers[0].prepared)
				snapshot_connected(snap);
			break;
		case STAGE_DESCRIBING:
			if (snap->described && snap->emitted)
				snapshot_on_described(snap);
			break;
		case STAGE_COPYING: snapshot_step_copying(snap); break;
		case STAGE_LISTING:
		case STAGE_EXPORTING:
		case STAGE_LOOKING: break;
	}
	if (snap->stage == STAGE_IDLE && snap->job.state == SNAPSHOT_COPYING && snap->batches == NULL &&
		snapshot_is_complete(snap))
		snapshot_finish(snap);
	if (snap->job.state == SNAPSHOT_DONE && snap->job_written == SNAPSHOT_DONE && !snap->told)
	{
		snap->told = true;
		snap->events.finished(snap->events.arg);
	}
}

/* --- the job ----------------------------------------------------------------------------------- */

bool
snapshot_is_due(const struct snapshot *snap)
{
	return snap->job.state == SNAPSHOT_LISTING || snap->job.state == SNAPSHOT_COPYING;
}

enum snapshot_state
snapshot_state(const struct snapshot *snap)
{
	return snap->job.state;
}

void
snapshot_begin(struct snapshot *snap, const char *mode)
{
	tables_clear(&snap->tables);
	snap->job = (struct snapshot_note){.state = SNAPSHOT_LISTING, .id = snap->job.id + 1};
	snprintf(snap->job.mode, sizeof(snap->job.mode), "%s", mode);
	snap->job_dirty = true;
	snap->told = false;
	snap->since_ms = 0;
	snap->total_rows = snap->reported_rows = 0;
	if (snap->has_progress)
		pipeline_touch(snap->pl);
	snapshot_step(snap);
}

/* What the topic has of a table is what is done, whatever we think. */
static void
table_recall(struct snapshot *snap, struct table_note *found)
{
	struct snap_table *table = table_find(snap->tables, found->relid);

	if (table == NULL)
		table = table_add(&snap->tables, found->relid);
	table_note_free(&table->note);
	table->note = *found;
	*found = (struct table_note){0};
}

void
snapshot_recall(struct snapshot *snap, struct snapshot_found *found, uint64_t position)
{
	struct batch *batch;
	struct batch *next;
	bool		  same = found->job.id == snap->job.id && snap->stage == STAGE_COPYING &&
				found->job.state == SNAPSHOT_COPYING && position <= snap->lsn;

	if (!same && snap->stage != STAGE_IDLE)
		snapshot_end_round(snap);
	/* One that we have begun and nobody has written down yet. */
	if (found->job.id < snap->job.id || (found->job.id == snap->job.id && snap->job_dirty &&
										 found->job.state < snap->job.state && !same))
	{
		snapshot_found_clear(found);
		return;
	}
	if (!same)
	{
		for (batch = snap->batches; batch; batch = next)
		{
			next = batch->next;
			snapshot_batch_free(snap, batch);
		}
		tables_clear(&snap->tables);
		snap->job = found->job;
		snap->job_dirty = snap->job_taken = false;
		snap->job_written = found->job.state;
	}
	for (uint32_t i = 0; i < found->count; i++)
		if (found->tables[i].id == found->job.id && found->job.state == SNAPSHOT_COPYING)
			table_recall(snap, &found->tables[i]);
	/* A batch may be there after all: its Kafka transaction was committed. */
	for (batch = snap->batches; same && batch; batch = next)
	{
		struct tid_range gap;

		next = batch->next;
		if (batch->state == BATCH_READY && !batch->chunk.again &&
			(!tid_set_gap(&batch->table->note.done, batch->chunk.range.from, &gap) ||
			 gap.from >= batch->chunk.range.end))
		{
			batch->table->batches--;
			snapshot_batch_free(snap, batch);
		}
	}
	snapshot_found_clear(found);
}

void
snapshot_stream_started(struct snapshot *snap)
{
	snap->streaming = true;
	snapshot_step(snap);
}

void
snapshot_stop(struct snapshot *snap)
{
	snap->stopped = true;
	if (snap->stage != STAGE_IDLE)
		snapshot_end_round(snap);
	loop_timer_clear(snap->loop, &snap->again);
}

/* --- what people see ------------------------------------------------------------------------------ */

void
snapshot_stats(const struct snapshot *snap, struct snapshot_stats *stats)
{
	*stats = (struct snapshot_stats){.state = snap->job.state,
									 .id = snap->job.id,
									 .reading = snap->stage != STAGE_IDLE,
									 .holding = snap->lsn != 0,
									 .tables = snap->job.tables,
									 .failures = snap->failures,
									 .since_ms = snap->since_ms};
	for (const struct snap_table *table = snap->tables; table; table = table->hh.next)
	{
		stats->tables_complete += table->note.complete;
		stats->rows += table->note.rows;
		stats->estimated += table->tuples > 0 ? (uint64_t) table->tuples : 0;
	}
	for (const struct batch *batch = snap->batches; batch; batch = batch->next)
		stats->rows += batch->sent;
}

/* A line now and then, as long as it lasts. */
static void
on_report(void *arg)
{
	struct snapshot		 *snap = arg;
	int64_t				  now_ms = loop_now_ms();
	struct snapshot_stats stats;
	double				  rate;

	if (!snapshot_is_due(snap))
		return;
	snapshot_stats(snap, &stats);
	rate = (double) (snap->total_rows - snap->reported_rows) * 1000 /
		   (double) (now_ms - snap->reported_ms + 1);
	if (snap->stage == STAGE_EXPORTING)
		log_info("snapshot: PostgreSQL waits for transactions under way");
	else if (stats.estimated > stats.rows && rate > 0)
		log_info("snapshot: %" PRIu64 " of %" PRIu64 " tables, %" PRIu64 " rows, about %.0f%%, "
				 "%.0f rows/s, about %.0f s left",
				 stats.tables_complete, stats.tables, stats.rows,
				 100.0 * (double) stats.rows / (double) stats.estimated, rate,
				 (double) (stats.estimated - stats.rows) / rate);
	else
		log_info("snapshot: %" PRIu64 " of %" PRIu64 " tables, %" PRIu64 " rows, %.0f rows/s",
				 stats.tables_complete, stats.tables, stats.rows, rate);
	snap->reported_rows = snap->total_rows;
	snap->reported_ms = now_ms;
	loop_timer_set(snap->loop, &snap->report, REPORT_MS);
}

/* --- the object -------------------------------------------------------------------------------------- */

static void
on_again(void *arg)
{
	snapshot_step(arg);
}

/* A round of the loop is what is wanted: session.c pumps at its end. */
static void
on_work(void *arg)
{
	snapshot_step(arg);
}

struct snapshot *
snapshot_new(struct loop *loop, const struct config *cfg, struct pipeline *pl, bool has_progress,
			 const struct snapshot_events *events)
{
	struct snapshot				 *snap = xcalloc(1, sizeof(*snap));
	const struct pipeline_control control = {
		.relation = on_relation, .message = on_message, .written = snapshot_notes_written, .arg = snap};

	snap->loop = loop;
	snap->cfg = cfg;
	snap->pl = pl;
	snap->has_progress = has_progress;
	snap->events = *events;
	snap->again = (struct loop_timer){.cb = on_again, .arg = snap};
	snap->report = (struct loop_timer){.cb = on_report, .arg = snap};
	snap->work = (struct loop_timer){.cb = on_work, .arg = snap};
	snapshot_readers_new(snap);
	pipeline_listen(pl, &control);
	return snap;
}

void
snapshot_free(struct snapshot *snap)
{
	if (snap == NULL)
		return;
	loop_timer_clear(snap->loop, &snap->again);
	loop_timer_clear(snap->loop, &snap->report);
	loop_timer_clear(snap->loop, &snap->work);
	snapshot_readers_free(snap);
	while (snap->batches)
		snapshot_batch_free(snap, snap->batches);
	copy_row_free(snap->copy);
	tables_clear(&snap->tables);
	tables_clear(&snap->listed);
	free(snap->late);
	free(snap);
}
