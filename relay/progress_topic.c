/*
 * progress_topic.c
 *		Positions to Kafka and back; see progress_topic.h.
 */
#include "progress_topic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "topic_reader.h"

/* What is new of a topic is written so often, and of so many at a time. */
#define TOPIC_PAUSE_MS 10000
#define TOPICS_AT_ONCE 20

/* Who else has something to be written down. */
struct noted
{
	const char           *word;
	struct progress_notes notes;
};
#define MAX_NOTED 2

struct progress_topic
{
	const struct config *cfg;
	char                *name;
	struct topic_reader *reader;
	bool                 reading;
	loop_cb             *done;
	void                *arg;
	struct progress      found; /* the reader's thread's while it reads, and topics, the first time */
	struct topics       *topics;
	bool                 knows_topics;
	struct snapshot_found    snapshot; /* the thread's, too, as incremental */
	struct incremental_found incremental;
	struct noted             noted[MAX_NOTED];
	unsigned                 nnoted;
	struct buf               key;

	struct sink       *sink; /* that topic is open in; NULL: in none */
	struct sink_topic *topic;
	struct progress    of;
	struct buf         value;
};

static enum rc
strange_record(const struct progress_topic *pt, const struct topic_record *record, struct err *e)
{
	if (e->detail[0])
		return RC_ERR; /* it says itself what to do */
	err_detail(e, "The record at offset %" PRId64 " of topic \"%s\" is none of walrelay's.",
			   record->offset, pt->name);
	return err_hint(e, "Whoever else writes to this topic must stop.  Set topic.progress to another "
					   "name; what was delivered behind the slot's position then comes again.");
}

/* What follows "SLOT/" in the key; data NULL: it is another slot's, or the slot itself. */
static struct str
key_part(struct str key, const char *slot)
{
	size_t len = strlen(slot);

	if (key.data == NULL || key.len <= len + 1 || memcmp(key.data, slot, len) != 0 ||
		key.data[len] != '/')
		return (struct str){NULL, 0};
	return (struct str){key.data + len + 1, key.len - len - 1};
}

struct str
progress_key_rest(struct str key, const char *slot, const char *word)
{
	struct str part = key_part(key, slot);
	size_t     len = strlen(word);

	if (part.data == NULL || part.len < len || memcmp(part.data, word, len) != 0 ||
		(part.len > len && part.data[len] != '/'))
		return (struct str){NULL, 0};
	return (struct str){part.data + len, part.len - len};
}

/* "SLOT/..." of ours: notes, or else a topic's. */
static enum rc
on_part(struct progress_topic *pt, const struct topic_record *record, struct err *e)
{
	const char *slot = pt->cfg->slot.name;
	struct str  snapshot = progress_key_rest(record->key, slot, PROGRESS_SNAPSHOT);
	struct str  incremental = progress_key_rest(record->key, slot, PROGRESS_INCREMENTAL);
	enum rc     rc = RC_OK;

	if (snapshot.data)
		rc = snapshot_found_add(&pt->snapshot, snapshot, record->value, e);
	else if (incremental.data)
		rc = incremental_found_add(&pt->incremental, incremental, record->value, e);
	else if (!pt->knows_topics && record->value.data)
		rc = topics_read(pt->topics, record->value, e);
	return rc == RC_OK ? RC_OK : strange_record(pt, record, e);
}

static enum rc
on_record(void *arg, const struct topic_record *record, struct err *e)
{
	struct progress_topic *pt = arg;
	const char            *slot = pt->cfg->slot.name;
	bool                   is_slot = record->key.data && record->key.len == strlen(slot) &&
				   memcmp(record->key.data, slot, record->key.len) == 0;

	if (is_slot && record->value.data == NULL) /* a tombstone: it is to begin anew */
		pt->found = (struct progress){0};
	else if (is_slot)
		return progress_read(record->value, &pt->found, e) == RC_OK ? RC_OK
																	: strange_record(pt, record, e);
	else if (key_part(record->key, slot).data)
		return on_part(pt, record, e);
	return RC_OK;
}

static void
on_read(void *arg)
{
	struct progress_topic *pt = arg;

	pt->done(pt->arg);
}

struct progress_topic *
progress_topic_new(struct loop *loop, const struct config *cfg, struct topics *topics,
				   loop_cb *done, void *arg)
{
	struct progress_topic *pt = xcalloc(1, sizeof(*pt));
	struct topic_reading   reading = {
		  .isolation = READ_COMMITTED,
		  .compacted = true,
		  .record = on_record,
		  .done = on_read,
		  .arg = pt,
	};

	pt->cfg = cfg;
	pt->topics = topics;
	pt->done = done;
	pt->arg = arg;
	pt->name = xasprintf("%s%s%s", cfg->kafka.topic_prefix, cfg->kafka.topic_delimiter,
						 cfg->kafka.topic_progress);
	pt->reader = topic_reader_new(loop, cfg, &reading);
	return pt;
}

void
progress_topic_free(struct progress_topic *pt)
{
	if (pt == NULL)
		return;
	progress_topic_close(pt);
	topic_reader_free(pt->reader);
	snapshot_found_clear(&pt->snapshot);
	incremental_found_clear(&pt->incremental);
	buf_free(&pt->value);
	buf_free(&pt->key);
	free(pt->name);
	free(pt);
}

enum rc
progress_topic_recall(struct progress_topic *pt, struct progress *progress, struct err *e)
{
	enum rc rc;

	if (!pt->reading)
	{
		pt->reading = true;
		pt->found = (struct progress){0};
		snapshot_found_clear(&pt->snapshot);
		incremental_found_clear(&pt->incremental);
		topic_reader_start(pt->reader, pt->name);
		return RC_AGAIN;
	}
	rc = topic_reader_result(pt->reader, e);
	if (rc == RC_AGAIN)
		return rc;
	pt->reading = false;
	if (rc != RC_OK)
		return rc;
	pt->knows_topics = true;
	*progress = pt->found;
	return RC_OK;
}

void
progress_topic_cancel(struct progress_topic *pt)
{
	topic_reader_cancel(pt->reader);
	pt->reading = false;
}

void
progress_topic_follow(struct progress_topic *pt, const struct progress *of)
{
	pt->of = *of;
}

static enum rc
progress_topic_open(struct progress_topic *pt, struct sink *sink, struct err *e)
{
	if (pt->sink == sink)
		return RC_OK;
	progress_topic_close(pt);
	if (sink->ops->topic(sink, pt->name, NULL, NULL, &pt->topic, e) != RC_OK)
		return RC_ERR;
	pt->sink = sink;
	return RC_OK;
}

static enum rc
progress_topic_send(struct progress_topic *pt, const char *key, uint32_t *sent, struct err *e)
{
	struct outgoing out = {
		.has_key = true,
		.has_value = pt->value.len > 0,
		.key = {key, strlen(key)},
		.value = {(const char *) pt->value.data, pt->value.len},
	};
	enum rc rc = pt->sink->ops->send(pt->sink, pt->topic, &out, PROGRESS_ITEM, e);

	*sent += rc == RC_OK;
	return rc;
}

/* What is new of some topics, each of them once in a while. */
static enum rc
progress_topic_put_topics(struct progress_topic *pt, uint32_t *sent, struct err *e)
{
	int64_t       now_ms = loop_now_ms();
	struct topic *topic;

	for (int i = 0; i < TOPICS_AT_ONCE; i++)
	{
		char   *key;
		enum rc rc;

		topic = topics_due(pt->topics, now_ms, TOPIC_PAUSE_MS);
		if (topic == NULL)
			return RC_OK;
		if (strcmp(topic->name, pt->name) == 0) /* of itself there is nothing to keep */
		{
			topic_written(pt->topics, topic, now_ms);
			continue;
		}
		buf_reset(&pt->value);
		topic_write(topic, &pt->value);
		key = xasprintf("%s/%s", pt->cfg->slot.name, topic->name);
		rc = progress_topic_send(pt, key, sent, e);
		free(key);
		if (rc != RC_OK)
			return rc;
		topic_written(pt->topics, topic, now_ms);
	}
	return RC_OK;
}

static enum rc
progress_topic_put_notes(struct progress_topic *pt, const struct noted *noted, uint32_t *sent,
						 struct err *e)
{
	const struct progress_notes *notes = &noted->notes;

	while (notes->next(notes->arg, &pt->key, &pt->value))
	{
		char   *key = xasprintf("%s/%s%s", pt->cfg->slot.name, noted->word, buf_cstr(&pt->key));
		enum rc rc = progress_topic_send(pt, key, sent, e);

		free(key);
		if (rc != RC_OK)
			return rc;
		notes->taken(notes->arg);
	}
	return RC_OK;
}

void
progress_topic_take_notes(struct progress_topic *pt, const char *word,
						  const struct progress_notes *notes)
{
	if (pt->nnoted == MAX_NOTED)
		abort(); /* there are no more words */
	pt->noted[pt->nnoted++] = (struct noted){word, *notes};
}

struct snapshot_found *
progress_topic_snapshot(struct progress_topic *pt)
{
	return &pt->snapshot;
}

struct incremental_found *
progress_topic_incremental(struct progress_topic *pt)
{
	return &pt->incremental;
}

enum rc
progress_topic_put(struct progress_topic *pt, struct sink *sink, const struct position *pos,
				   uint32_t *sent, struct err *e)
{
	struct timespec now;
	enum rc         rc;

	*sent = 0;
	if (progress_topic_open(pt, sink, e) != RC_OK)
		return RC_ERR;
	rc = progress_topic_put_topics(pt, sent, e);
	if (rc != RC_OK)
		return rc;
	for (unsigned i = 0; i < pt->nnoted; i++)
	{
		rc = progress_topic_put_notes(pt, &pt->noted[i], sent, e);
		if (rc != RC_OK)
			return rc;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	pt->of.pos = *pos;
	buf_reset(&pt->value);
	progress_write(&pt->of, pt->cfg->slot.name, (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000,
				   &pt->value);
	return progress_topic_send(pt, pt->cfg->slot.name, sent, e);
}

void
progress_topic_close(struct progress_topic *pt)
{
	if (pt->sink)
		pt->sink->ops->topic_free(pt->sink, pt->topic);
	pt->sink = NULL;
	pt->topic = NULL;
}

const char *
progress_topic_name(const struct progress_topic *pt)
{
	return pt->name;
}
