/*
 * snapshot_status.c
 *		What the progress topic says of a snapshot, as a table or JSON; see snapshot_status.h.
 */
#include "snapshot_status.h"

#include <inttypes.h>
#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "notes.h"
#include "shown.h"

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

static int
compare_readings(const void *a, const void *b)
{
	return strcmp(((const struct reading_note *) a)->table,
				  ((const struct reading_note *) b)->table);
}

/* Rows of one table: number and estimate. */
static void
rows_json(struct buf *out, uint64_t rows, int64_t estimated)
{
	buf_printf(out, ",\"rows\":%" PRIu64 ",\"estimated\":", rows);
	if (estimated >= 0)
		buf_printf(out, "%" PRId64, estimated);
	else
		buf_puts(out, "null");
}

/* A filter may hold values, and the key is for who may give commands: neither is shown. */
static void
incremental_json(struct buf *out, const struct incremental_found *found)
{
	buf_printf(out, ",\"incremental\":{\"paused\":%s,\"signals\":%" PRIu32 ",\"progress\":[",
			   found->job.paused ? "true" : "false", found->job.nsignals);
	for (uint32_t i = 0; i < found->count; i++)
	{
		const struct reading_note *note = &found->tables[i];

		buf_puts(out, i > 0 ? ",{\"table\":" : "{\"table\":");
		json_string(out, note->table, strlen(note->table));
		buf_puts(out, ",\"signal\":");
		json_string(out, note->signal, strlen(note->signal));
		rows_json(out, note->rows, note->estimated);
		buf_printf(out, ",\"filter\":%s,\"begun\":%s}", note->filter ? "true" : "false",
				   note->hash ? "true" : "false");
	}
	buf_puts(out, "]}");
}

static void
status_json(const struct notes *notes, const char *slot, FILE *file)
{
	const struct snapshot_found *found = &notes->snapshot;
	struct buf                   out = {0};

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
		rows_json(&out, note->rows, note->estimated);
		buf_printf(&out, ",\"complete\":%s}", note->complete ? "true" : "false");
	}
	buf_puts(&out, "]");
	incremental_json(&out, &notes->incremental);
	buf_puts(&out, "}\n");
	fwrite(out.data, 1, out.len, file);
	buf_free(&out);
}

/* "63%", of a guess; "" where there is none. */
static void
share_text(uint64_t rows, int64_t estimated, char text[8])
{
	double share = estimated > 0 ? 100.0 * (double) rows / (double) estimated : 0;

	text[0] = '\0';
	if (estimated > 0)
		snprintf(text, 8, "~%.0f%%", share < 99 ? share : 99);
}

/* The line of a table, without its end. */
static void
table_line(const char *name, uint64_t rows, int64_t estimated, const char *state, FILE *out)
{
	struct buf shown = {0};
	char       number[24] = "?";
	char       share[8];

	if (estimated >= 0)
		snprintf(number, sizeof(number), "%" PRId64, estimated);
	share_text(rows, estimated, share);
	shown_put_column(&shown, name, 40, 0);
	fprintf(out, "%s %12" PRIu64 " %12s %6s", buf_cstr(&shown), rows, number, state ? state : share);
	buf_free(&shown);
}

static void
snapshot_table(const struct snapshot_found *found, FILE *out)
{
	uint64_t rows = found->job.rows;

	if (found->job.state == SNAPSHOT_NONE)
	{
		fprintf(out, "snapshot     none\n");
		return;
	}
	for (uint32_t i = 0; found->job.state != SNAPSHOT_DONE && i < found->count; i++)
		rows += found->tables[i].rows;
	fprintf(out, "snapshot     %" PRIu64 ", %s, %s\n", found->job.id, found->job.mode,
			snapshot_state_name(found->job.state));
	fprintf(out, "tables       %" PRIu64 "\nrows         %" PRIu64 "\n", found->job.tables, rows);
	if (found->count > 0)
		fprintf(out, "\n%-40s %12s %12s\n", "table", "rows", "estimated");
	for (uint32_t i = 0; i < found->count; i++)
	{
		const struct table_note *note = &found->tables[i];

		table_line(note->table, note->rows, note->estimated, note->complete ? "done" : NULL, out);
		fputc('\n', out);
	}
	if (found->count > 0)
		fputc('\n', out);
}

static void
incremental_table(const struct incremental_found *found, FILE *out)
{
	const struct incremental_note *job = &found->job;

	if (found->count == 0)
		fprintf(out, "incremental  none");
	else
		fprintf(out, "incremental  %" PRIu32 " table%s", found->count, found->count > 1 ? "s" : "");
	fprintf(out, "%s\n", job->paused ? ", paused" : "");
	if (job->nsignals > 0)
		fprintf(out, "signals      %" PRIu32 " waiting\n", job->nsignals);
	if (found->count > 0)
		fprintf(out, "\n%-40s %12s %12s %6s  %s\n", "table", "rows", "estimated", "", "filter");
	for (uint32_t i = 0; i < found->count; i++)
	{
		const struct reading_note *note = &found->tables[i];

		table_line(note->table, note->rows, note->estimated, note->hash ? NULL : "waits", out);
		fprintf(out, "  %s\n", note->filter ? "yes" : "no");
	}
}

enum rc
snapshot_status(const struct config *cfg, bool json, FILE *out, struct err *e)
{
	struct notes notes;
	enum rc      rc = notes_read(cfg, &notes, e);

	if (rc == RC_OK)
	{
		found_tidy(&notes.snapshot);
		if (notes.incremental.count > 0)
			qsort(notes.incremental.tables, notes.incremental.count,
				  sizeof(*notes.incremental.tables), compare_readings);
		if (json)
			status_json(&notes, cfg->slot.name, out);
		else
		{
			fprintf(out, "slot         %s\n", cfg->slot.name);
			snapshot_table(&notes.snapshot, out);
			incremental_table(&notes.incremental, out);
		}
	}
	notes_clear(&notes);
	return rc;
}
