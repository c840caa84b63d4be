/*
 * notes.c
 *		What is kept of snapshots, for commands; see notes.h.
 */
#include "notes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "loop.h"
#include "progress_topic.h"
#include "topic_reader.h"

struct reading
{
	struct loop  *loop;
	const char   *slot;
	struct notes *notes; /* the thread's while it reads */
};

/* In the reader's thread. */
static enum rc
on_record(void *arg, const struct topic_record *record, struct err *e)
{
	struct reading *reading = arg;
	struct notes   *notes = reading->notes;
	struct str      snapshot = progress_key_rest(record->key, reading->slot, PROGRESS_SNAPSHOT);
	struct str incremental = progress_key_rest(record->key, reading->slot, PROGRESS_INCREMENTAL);
	enum rc    rc = RC_OK;

	if (snapshot.data)
		rc = snapshot_found_add(&notes->snapshot, snapshot, record->value, e);
	else if (incremental.data)
		rc = incremental_found_add(&notes->incremental, incremental, record->value, e);
	if (rc == RC_OK || e->detail[0])
		return rc;
	return err_detail(e, "It is the record at offset %" PRId64 " of topic \"%s\".", record->offset,
					  notes->topic);
}

static void
on_read(void *arg)
{
	struct reading *reading = arg;

	loop_stop(reading->loop);
}

enum rc
notes_read(const struct config *cfg, struct notes *notes, struct err *e)
{
	struct reading             reading = {.slot = cfg->slot.name, .notes = notes};
	const struct topic_reading what = {.isolation = READ_COMMITTED,
									   .record = on_record,
									   .done = on_read,
									   .arg = &reading};
	struct topic_reader       *reader;
	enum rc                    rc;

	*notes = (struct notes){0};
	if (config_check_kafka(cfg, e) != RC_OK)
		return RC_ERR;
	notes->topic = xasprintf("%s%s%s", cfg->kafka.topic_prefix, cfg->kafka.topic_delimiter,
							 cfg->kafka.topic_progress);
	reading.loop = loop_new();
	reader = topic_reader_new(reading.loop, cfg, &what);
	topic_reader_start(reader, notes->topic);
	loop_run(reading.loop);
	rc = topic_reader_result(reader, e);
	topic_reader_free(reader);
	loop_free(reading.loop);
	return rc;
}

void
notes_clear(struct notes *notes)
{
	snapshot_found_clear(&notes->snapshot);
	incremental_found_clear(&notes->incremental);
	free(notes->topic);
	*notes = (struct notes){0};
}
