/*
 * topics.c
 *		Topics by name, and those of which something new is to be written down; see
 *		topics.h.
 */
#include "topics.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "fnv1a.h"
#include "json.h"

#define TOPICS_VERSION 1
/* More partitions than a broker has for one topic. */
#define PARTITIONS_MAX 100000

struct entry
{
	struct topic   topic; /* first: a topic is cast to its entry */
	UT_hash_handle hh;
};

struct topics
{
	struct entry  *entries; /* by name */
	struct topic  *dirty;   /* those that were not written yet, then oldest news first */
	struct topic **dirty_end;
};

struct topics *
topics_new(void)
{
	struct topics *topics = xcalloc(1, sizeof(*topics));

	topics->dirty_end = &topics->dirty;
	return topics;
}

void
topics_free(struct topics *topics)
{
	struct entry *entry;
	struct entry *next;

	if (topics == NULL)
		return;
	HASH_ITER(hh, topics->entries, entry, next)
	{
		HASH_DEL(topics->entries, entry);
		free(entry->topic.name);
		free(entry->topic.next);
		free(entry);
	}
	free(topics);
}

struct topic *
topics_topic(struct topics *topics, const char *name)
{
	struct entry *entry;

	HASH_FIND_STR(topics->entries, name, entry);
	if (entry)
		return &entry->topic;
	entry = xcalloc(1, sizeof(*entry));
	entry->topic.name = xstrdup(name);
	HASH_ADD_KEYPTR(hh, topics->entries, entry->topic.name, strlen(entry->topic.name), entry);
	return &entry->topic;
}

static void
topic_soil(struct topics *topics, struct topic *topic)
{
	if (topic->dirty)
		return;
	topic->dirty = true;
	topic->dirty_next = NULL;
	if (topic->written_ms == 0) /* does not wait behind one that does */
	{
		topic->dirty_next = topics->dirty;
		topics->dirty = topic;
		if (topic->dirty_next == NULL)
			topics->dirty_end = &topic->dirty_next;
		return;
	}
	*topics->dirty_end = topic;
	topics->dirty_end = &topic->dirty_next;
}

void
topic_use(struct topics *topics, struct topic *topic)
{
	if (topic->used)
		return;
	topic->used = true;
	topic_soil(topics, topic);
}

void
topic_resize(struct topics *topics, struct topic *topic, int32_t npartitions)
{
	free(topic->next);
	topic->next = npartitions ? xcalloc((size_t) npartitions, sizeof(*topic->next)) : NULL;
	topic->npartitions = npartitions;
	topic->used = true;
	topic_soil(topics, topic);
}

void
topic_forget(struct topics *topics, struct topic *topic)
{
	topic->refused = false;
	topic_resize(topics, topic, 0);
}

static uint64_t
topic_hash(const struct topic *topic)
{
	uint64_t hash = fnv1a_number(FNV1A_START, (uint64_t) topic->npartitions);

	for (int32_t i = 0; i < topic->npartitions; i++)
		hash = fnv1a_number(hash, (uint64_t) topic->next[i]);
	return hash;
}

bool
topic_reached(struct topics *topics, struct topic *topic, int32_t partition, int64_t offset)
{
	if (offset < 0 || partition < 0 || partition >= topic->npartitions)
		return true;
	if (offset < topic->next[partition])
		return false;
	topic->next[partition] = offset + 1;
	topic_soil(topics, topic);
	return true;
}

void
topic_keep(struct topic *topic)
{
	topic->kept = topic_hash(topic);
}

struct topic *
topics_due(const struct topics *topics, int64_t now_ms, int64_t pause_ms)
{
	struct topic *topic = topics->dirty;

	if (topic == NULL || (topic->written_ms && now_ms - topic->written_ms < pause_ms))
		return NULL;
	return topic;
}

void
topic_written(struct topics *topics, struct topic *topic, int64_t now_ms)
{
	topic->dirty = false;
	topic_keep(topic);
	topic->written_ms = topic->npartitions > 0 ? now_ms : 0; /* its number is to follow at once */
	topics->dirty = topic->dirty_next;
	if (topics->dirty == NULL)
		topics->dirty_end = &topics->dirty;
}

struct topic *
topics_first(const struct topics *topics)
{
	return topics->entries ? &topics->entries->topic : NULL;
}

struct topic *
topics_next(const struct topics *topics, const struct topic *topic)
{
	struct entry *next = ((const struct entry *) topic)->hh.next;

	(void) topics;
	return next ? &next->topic : NULL;
}

void
topic_write(const struct topic *topic, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,\"topic\":", TOPICS_VERSION);
	json_string(out, topic->name, strlen(topic->name));
	buf_printf(out, ",\"partitions\":%" PRId32 ",\"next\":[", topic->npartitions);
	for (int32_t i = 0; i < topic->npartitions; i++)
		buf_printf(out, "%s%" PRId64, i ? "," : "", topic->next[i]);
	buf_printf(out, "]%s}", topic->refused ? ",\"refused\":true" : "");
}

/* Offsets are below 2^53 for as long as anybody lives. */
static bool
topic_take(struct topics *topics, const cJSON *json)
{
	const cJSON  *version = cJSON_GetObjectItemCaseSensitive(json, "version");
	const char   *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "topic"));
	const cJSON  *next = cJSON_GetObjectItemCaseSensitive(json, "next");
	const cJSON  *number;
	int           count = cJSON_GetArraySize(next);
	struct topic *topic;
	int32_t       i = 0;

	if (!cJSON_IsNumber(version) || version->valuedouble > TOPICS_VERSION || name == NULL ||
		!cJSON_IsArray(next) || count > PARTITIONS_MAX)
		return false;
	cJSON_ArrayForEach(number, next)
	{
		if (!cJSON_IsNumber(number) || !(number->valuedouble >= 0 && number->valuedouble < 9e15))
			return false;
	}
	topic = topics_topic(topics, name);
	topic->refused = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "refused"));
	topic_resize(topics, topic, count);
	cJSON_ArrayForEach(number, next)
	{
		topic->next[i++] = (int64_t) number->valuedouble;
	}
	topic->kept = topic_hash(topic);
	return true;
}

enum rc
topics_read(struct topics *topics, struct str value, struct err *e)
{
	cJSON *json = value.data ? cJSON_ParseWithLength(value.data, value.len) : NULL;
	bool   ok = cJSON_IsObject(json) && topic_take(topics, json);

	cJSON_Delete(json);
	if (ok)
		return RC_OK;
	return err_set(e, ERR_CONFIG, E2010, "what is kept of a topic cannot be read");
}
