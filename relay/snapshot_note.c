/*
 * snapshot_note.c
 *		Snapshots' progress to JSON and back; see snapshot_note.h.
 */
#include "snapshot_note.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "json_member.h"

static const char *const states[] = {[SNAPSHOT_NONE] = "none",
									 [SNAPSHOT_LISTING] = "listing",
									 [SNAPSHOT_COPYING] = "copying",
									 [SNAPSHOT_DONE] = "done"};

/* --- writing ------------------------------------------------------------------- */

void
snapshot_note_write(const struct snapshot_note *note, struct buf *out)
{
	buf_printf(out,
			   "{\"version\":%d,\"snapshot\":%" PRIu64
			   ",\"mode\":\"%s\",\"state\":\"%s\",\"tables\":%" PRIu64,
			   NOTE_VERSION, note->id, note->mode, states[note->state], note->tables);
	if (note->state == SNAPSHOT_DONE)
		buf_printf(out, ",\"rows\":%" PRIu64, note->rows);
	buf_put_u8(out, '}');
}

const char *
snapshot_state_name(enum snapshot_state state)
{
	return states[state];
}

void
table_note_write(const struct table_note *note, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,\"snapshot\":%" PRIu64 ",\"relid\":%" PRIu32 ",\"table\":",
			   NOTE_VERSION, note->id, note->relid);
	json_string(out, note->table, strlen(note->table));
	buf_printf(out,
			   ",\"filenode\":%" PRIu32 ",\"xmin\":%" PRIu32 ",\"rows\":%" PRIu64 ",\"done\":\"",
			   note->filenode, note->xmin, note->rows);
	tid_set_write(&note->done, out);
	buf_puts(out, "\"");
	if (note->estimated >= 0)
		buf_printf(out, ",\"estimated\":%" PRId64, note->estimated);
	if (note->filter)
	{
		buf_puts(out, ",\"filter\":");
		json_string(out, note->filter, strlen(note->filter));
	}
	buf_printf(out, ",\"complete\":%s}", note->complete ? "true" : "false");
}

/* --- reading ------------------------------------------------------------------- */

static enum rc
unreadable(struct err *e)
{
	return err_set(e, ERR_CONFIG, E2010, "what is written down of a snapshot cannot be read");
}

cJSON *
note_parse(struct str value, struct err *e)
{
	cJSON  *json = value.data ? cJSON_ParseWithLength(value.data, value.len) : NULL;
	int64_t version = member_number(json, "version");

	if (version == NOTE_VERSION)
		return json;
	cJSON_Delete(json);
	unreadable(e);
	if (version > NOTE_VERSION)
	{
		err_set(e, ERR_CONFIG, E2010, "a newer walrelay has written down a snapshot of this slot");
		err_detail(e, "The record has version %" PRId64 "; this one knows up to %d.", version,
				   NOTE_VERSION);
		err_hint(e, "Run the newer walrelay.");
	}
	return NULL;
}

enum rc
snapshot_note_read(struct str value, struct snapshot_note *note, struct err *e)
{
	cJSON      *json = note_parse(value, e);
	int64_t     id = member_number(json, "snapshot");
	int64_t     tables = member_number(json, "tables");
	int64_t     rows = member_number(json, "rows");
	const char *state = member_text(json, "state");

	*note = (struct snapshot_note){0};
	if (json == NULL)
		return RC_ERR;
	for (int i = SNAPSHOT_LISTING; i <= SNAPSHOT_DONE; i++)
		if (strcmp(state, states[i]) == 0)
			note->state = (enum snapshot_state) i;
	note->id = id > 0 ? (uint64_t) id : 0;
	note->tables = tables > 0 ? (uint64_t) tables : 0;
	note->rows = rows > 0 ? (uint64_t) rows : 0;
	snprintf(note->mode, sizeof(note->mode), "%s", member_text(json, "mode"));
	cJSON_Delete(json);
	if (note->state != SNAPSHOT_NONE && note->id > 0)
		return RC_OK;
	*note = (struct snapshot_note){0};
	return unreadable(e);
}

enum rc
table_note_read(struct str value, struct table_note *note, struct err *e)
{
	cJSON      *json = note_parse(value, e);
	int64_t     id = member_number(json, "snapshot");
	int64_t     relid = member_number(json, "relid");
	int64_t     filenode = member_number(json, "filenode");
	int64_t     xmin = member_number(json, "xmin");
	int64_t     rows = member_number(json, "rows");
	const char *done = member_text(json, "done");
	bool        good;

	*note = (struct table_note){0};
	if (json == NULL)
		return RC_ERR;
	good = id > 0 && relid > 0 && relid <= UINT32_MAX && filenode >= 0 && filenode <= UINT32_MAX &&
		   xmin >= 0 && xmin <= UINT32_MAX && rows >= 0 &&
		   tid_set_read(&note->done, (struct str){done, strlen(done)});
	note->id = (uint64_t) id;
	note->relid = (uint32_t) relid;
	note->filenode = (uint32_t) filenode;
	note->xmin = (uint32_t) xmin;
	note->rows = (uint64_t) rows;
	note->estimated = member_number(json, "estimated");
	note->table = xstrdup(member_text(json, "table"));
	if (*member_text(json, "filter"))
		note->filter = xstrdup(member_text(json, "filter"));
	note->complete = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "complete"));
	cJSON_Delete(json);
	if (good)
		return RC_OK;
	table_note_free(note);
	return unreadable(e);
}

void
table_note_free(struct table_note *note)
{
	free(note->table);
	free(note->filter);
	tid_set_free(&note->done);
	*note = (struct table_note){0};
}

/* --- what was found ------------------------------------------------------------ */

void
snapshot_found_clear(struct snapshot_found *found)
{
	for (uint32_t i = 0; i < found->count; i++)
		table_note_free(&found->tables[i]);
	free(found->tables);
	*found = (struct snapshot_found){0};
}

/* Where the table of that number is, or is to be. */
static struct table_note *
found_table(struct snapshot_found *found, uint32_t relid)
{
	for (uint32_t i = found->count; i > 0; i--) /* records of one table come close together */
		if (found->tables[i - 1].relid == relid)
			return &found->tables[i - 1];
	if (found->count == found->max)
	{
		found->max = found->max ? found->max * 2 : 16;
		found->tables = xrealloc(found->tables, found->max * sizeof(*found->tables));
	}
	found->tables[found->count] = (struct table_note){.relid = relid};
	return &found->tables[found->count++];
}

enum rc
snapshot_found_add(struct snapshot_found *found, struct str key, struct str value, struct err *e)
{
	struct table_note  note;
	struct table_note *table;
	char               digits[16] = "";

	if (key.len == 0 && value.data == NULL)
	{
		found->job = (struct snapshot_note){0};
		return RC_OK;
	}
	if (key.len == 0)
		return snapshot_note_read(value, &found->job, e);
	if (*key.data != '/' || key.len > sizeof(digits))
		return unreadable(e);
	memcpy(digits, key.data + 1, key.len - 1);
	if (value.data && table_note_read(value, &note, e) != RC_OK)
		return RC_ERR;
	table = found_table(found, (uint32_t) strtoul(digits, NULL, 10));
	table_note_free(table);
	if (value.data)
		*table = note;
	else /* its place stays, and says of no job */
		table->relid = (uint32_t) strtoul(digits, NULL, 10);
	return RC_OK;
}
