/*
 * progress.c
 *		Positions to JSON and back; see progress.h.
 *
 * Numbers that JSON's readers may round (system_id, LSNs) are strings.
 */
#include "progress.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "datetime.h"
#include "json.h"
#include "json_member.h"
#include "pg.h"
#include "wire.h"

#define PROGRESS_VERSION 1

static void
put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_string(out, text, strlen(text));
}

void
progress_write(const struct progress *progress, const char *slot, int64_t at_us, struct buf *out)
{
	char   at[DATETIME_TEXT_MAX];
	size_t at_len = datetime_zoned(at_us - WIRE_EPOCH_US, 6, at);

	buf_printf(out, "{\"version\":%d", PROGRESS_VERSION);
	put_text(out, "slot", slot);
	put_text(out, "database", progress->database);
	buf_printf(out, ",\"system_id\":\"%" PRIu64 "\",\"timeline\":%" PRIu32, progress->system_id,
			   progress->timeline);
	if (progress->began_lsn)
		buf_printf(out, ",\"standby_since\":\"%X/%X\"", LSN_PARTS(progress->began_lsn));
	buf_printf(out, ",\"lsn\":\"%X/%X\"", LSN_PARTS(progress->pos.lsn));
	if (progress->pos.commit_lsn)
		buf_printf(out, ",\"commit_lsn\":\"%X/%X\",\"changes\":%" PRIu64,
				   LSN_PARTS(progress->pos.commit_lsn), progress->pos.changes);
	buf_printf(out, ",\"settings\":\"%016" PRIx64 "\",\"delivery\":\"%s\",\"walrelay\":\"%s\"",
			   progress->settings, progress->exactly_once ? "exactly-once" : "at-least-once",
			   WALRELAY_VERSION);
	buf_printf(out, ",\"at\":\"%.*s\"}", (int) at_len, at);
}

static enum rc
progress_take(const cJSON *json, struct progress *progress, struct err *e)
{
	int64_t version = member_number(json, "version");
	int64_t timeline = member_number(json, "timeline");
	int64_t changes = member_number(json, "changes");

	if (version > PROGRESS_VERSION)
	{
		err_set(e, ERR_CONFIG, E2010, "a newer walrelay has written the progress of this slot");
		err_detail(e, "The record has version %" PRId64 "; this one knows up to %d.", version,
				   PROGRESS_VERSION);
		return err_hint(e, "Run the newer walrelay.");
	}
	snprintf(progress->database, sizeof(progress->database), "%s", member_text(json, "database"));
	progress->system_id = strtoull(member_text(json, "system_id"), NULL, 10);
	progress->timeline = (uint32_t) timeline;
	progress->began_lsn = pg_lsn_parse(member_text(json, "standby_since"));
	progress->pos.lsn = pg_lsn_parse(member_text(json, "lsn"));
	progress->pos.commit_lsn = pg_lsn_parse(member_text(json, "commit_lsn"));
	progress->pos.changes = changes > 0 ? (uint64_t) changes : 0;
	progress->settings = strtoull(member_text(json, "settings"), NULL, 16);
	progress->exactly_once = strcmp(member_text(json, "delivery"), "exactly-once") == 0;
	if (version == PROGRESS_VERSION && progress->system_id && progress->pos.lsn && timeline > 0 &&
		timeline <= UINT32_MAX && (progress->pos.commit_lsn != 0) == (progress->pos.changes != 0))
		return RC_OK;
	return err_set(e, ERR_CONFIG, E2010, "the progress of this slot cannot be read");
}

enum rc
progress_read(struct str value, struct progress *progress, struct err *e)
{
	cJSON  *json = value.data ? cJSON_ParseWithLength(value.data, value.len) : NULL;
	enum rc rc = RC_ERR;

	*progress = (struct progress){0};
	if (cJSON_IsObject(json))
		rc = progress_take(json, progress, e);
	else
		err_set(e, ERR_CONFIG, E2010, "the progress of this slot cannot be read");
	cJSON_Delete(json);
	return rc;
}
