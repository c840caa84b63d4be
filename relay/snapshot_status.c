/*
 * snapshot_status.c
 *		What the progress topic says of a snapshot, as a table or JSON; see snapshot_status.h.
 */
#include "snapshot_status.h"

#include <inttypes.h>
#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "loop.h"
#include "snapshot_note.h"
#include "topic_reader.h"

struct reading
{
	struct loop          *loop;
	char                 *topic;
	char                 *prefix; /* of the keys that are looked for */
	struct snapshot_found found;  /* the thread's while it reads */
};

/* In the reader's thread. */
static enum rc
on_record(void *arg, const struct topic_record *record, struct err *e)
{
	struct reading *reading = arg;
	size_t          len = strlen(reading->prefix);
	struct str      rest;

	if (record->key.data == NULL || record->key.len < len ||
		memcmp(record->key.data, reading->prefix, len) != 0 ||
		(record->key.len > len && record->key.data[len] != '/'))
		return RC_OK;
	rest = (struct str){record->key.data + len, record->key.len - len};
	return snapshot_found_add(&reading->found, rest, record->value, e);
}

static void
on_read(void *arg)
{
	struct reading *reading = arg;

	loop_stop(reading->loop);
}

static enum rc
reading_run(struct reading *reading, const struct config *cfg, struct err *e)
{
	const struct topic_reading what = {.isolation = READ_COMMITTED,
									   .record = on_record,
									   .done = on_read,
									   .arg = reading};
	struct topic_reader       *reader;
	enum rc                    rc;

	reading->loop = loop_new();
	reader = topic_reader_new(reading->loop, cfg, &what);
	topic_reader_start(reader, reading->topic);
	loop_run(reading->loop);
	rc = topic_reader_result(reader, e);
	topic_reader_free(reader);
	loop_free(reading->loop);
	return rc;
}

/* --- what it says -------------------------------------------------------------- */

static int
compare_tables(const void *a, const void *b)
{
	const struct table_note *first = a;
	const struct table_note *second = b;

	return strcmp(first->table ? first->table : "", second->table ? second->table : "");
}

/* Those of the job, in the order of their names. */
static void
found_tidy(struct snapshot_found *found)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < found->count; i++)
		if (found->tables[i].table && found->tables[i].id == found->job.id)
		{
			struct table_note note = found->tables[i];

			found->tables[i] = found->tables[kept];
			found->tables[kept++] = note;
		}
	for (uint32_t i = kept; i < found->count; i++)
		table_note_free(&found->tables[i]);
	found->count = kept;
	if (kept > 0)
		qsort(found->tables, kept, sizeof(*found->tables), compare_tables);
}

static void
status_json(const struct snapshot_found *found, const char *slot, FILE *file)
{
	struct buf out = {0};

	buf_puts(&out, "{\"slot\":");
	json_string(&out, slot, strlen(slot));
	buf_printf(&out, ",\"snapshot\":%" PRIu64 ",\"mode\":", found->job.id);
	json_string(&out, found->job.mode, strlen(found->job.mode));
	buf_printf(&out, ",\"state\":\"%s\",\"tables\":%" PRIu64, snapshot_state_name(found->job.state),
			   found->job.tables);
	if (found->job.state == SNAPSHOT_DONE)
		buf_printf(&out, ",\"rows\":%" PRIu64, found->job.rows);
	buf_puts(&out, ",\"progress\":[");
	for (uint32_t i = 0; i < found->count; i++)
	{
		const struct table_note *note = &found->tables[i];

		buf_puts(&out, i > 0 ? ",{\"table\":" : "{\"table\":");
		json_string(&out, note->table, strlen(note->table));
		buf_printf(&out, ",\"rows\":%" PRIu64 ",\"estimated\":", note->rows);
		if (note->estimated >= 0)
			buf_printf(&out, "%" PRId64, note->estimated);
		else
			buf_puts(&out, "null");
		buf_printf(&out, ",\"complete\":%s}", note->complete ? "true" : "false");
	}
	buf_puts(&out, "]}\n");
	fwrite(out.data, 1, out.len, file);
	buf_free(&out);
}

/* "63%", of a guess; "" where there is none. */
static void
share_text(const struct table_note *note, char text[8])
{
	double share = note->estimated > 0 ? 100.0 * (double) note->rows / (double) note->estimated : 0;

	text[0] = '\0';
	if (note->complete)
		snprintf(text, 8, "done");
	else if (note->estimated > 0)
		snprintf(text, 8, "~%.0f%%", share < 99 ? share : 99);
}

static void
status_table(const struct snapshot_found *found, const char *slot, FILE *out)
{
	uint64_t rows = found->job.rows;

	fprintf(out, "slot       %s\n", slot);
	if (found->job.state == SNAPSHOT_NONE)
	{
		fprintf(out, "snapshot   none\n");
		return;
	}
	for (uint32_t i = 0; found->job.state != SNAPSHOT_DONE && i < found->count; i++)
		rows += found->tables[i].rows;
	fprintf(out, "snapshot   %" PRIu64 ", %s, %s\n", found->job.id, found->job.mode,
			snapshot_state_name(found->job.state));
	fprintf(out, "tables     %" PRIu64 "\nrows       %" PRIu64 "\n", found->job.tables, rows);
	if (found->count > 0)
		fprintf(out, "\n%-40s %12s %12s %6s\n", "table", "rows", "estimated", "");
	for (uint32_t i = 0; i < found->count; i++)
	{
		const struct table_note *note = &found->tables[i];
		char                     estimated[24] = "?";
		char                     share[8];

		if (note->estimated >= 0)
			snprintf(estimated, sizeof(estimated), "%" PRId64, note->estimated);
		share_text(note, share);
		fprintf(out, "%-40s %12" PRIu64 " %12s %6s\n", note->table, note->rows, estimated, share);
	}
}

enum rc
snapshot_status(const struct config *cfg, bool json, FILE *out, struct err *e)
{
	struct reading reading = {0};
	enum rc        rc = config_check_kafka(cfg, e);

	if (rc != RC_OK)
		return rc;
	reading.topic = xasprintf("%s%s%s", cfg->kafka.topic_prefix, cfg->kafka.topic_delimiter,
							  cfg->kafka.topic_progress);
	reading.prefix = xasprintf("%s/snapshot", cfg->slot.name);
	rc = reading_run(&reading, cfg, e);
	if (rc == RC_OK)
	{
		found_tidy(&reading.found);
		if (json)
			status_json(&reading.found, cfg->slot.name, out);
		else
			status_table(&reading.found, cfg->slot.name, out);
	}
	snapshot_found_clear(&reading.found);
	free(reading.topic);
	free(reading.prefix);
	return rc;
}
