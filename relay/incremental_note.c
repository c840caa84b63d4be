/*
 * incremental_note.c
 *		Progress of tables that are read while changes stream, to JSON and back; see
 *		incremental_note.h.
 */
#include "incremental_note.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>

#include "json.h"
#include "json_member.h"
#include "snapshot_note.h"

void
incremental_note_clear(struct incremental_note *note)
{
	for (uint32_t i = 0; i < note->nsignals; i++)
		free(note->signals[i]);
	free(note->signals);
	free(note->topic);
	free(note->signals_at);
	oid_set_free(&note->known);
	*note = (struct incremental_note){0};
}

void
incremental_note_add_signal(struct incremental_note *note, struct str json)
{
	note->signals = xrealloc(note->signals, (note->nsignals + 1) * sizeof(*note->signals));
	note->signals[note->nsignals++] = xstrndup(json.data, json.len);
}

void
reading_note_clear(struct reading_note *note)
{
	free(note->table);
	free(note->signal);
	free(note->filter);
	buf_free(&note->after);
	buf_free(&note->upto);
	*note = (struct reading_note){0};
}

/* --- signals of Kafka ---------------------------------------------------------- */

void
incremental_note_of_topic(struct incremental_note *note, const char *topic)
{
	if (note->topic && strcmp(note->topic, topic) == 0)
		return;
	free(note->topic);
	note->topic = xstrdup(topic);
	note->nsignals_at = 0;
}

/* Where the partition is among them, or is to be. */
static uint32_t
offset_place(const struct incremental_note *note, int32_t partition)
{
	uint32_t at = 0;

	while (at < note->nsignals_at && note->signals_at[at].partition != partition)
		at++;
	return at;
}

int64_t
incremental_note_offset(const struct incremental_note *note, int32_t partition)
{
	uint32_t at = offset_place(note, partition);

	return at < note->nsignals_at ? note->signals_at[at].next : -1;
}

void
incremental_note_set_offset(struct incremental_note *note, int32_t partition, int64_t next)
{
	uint32_t at = offset_place(note, partition);

	if (at == note->nsignals_at)
		note->signals_at =
			xrealloc(note->signals_at, ++note->nsignals_at * sizeof(*note->signals_at));
	note->signals_at[at] = (struct signal_offset){partition, next};
}

/* --- writing ------------------------------------------------------------------- */

static void
put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_string(out, text, strlen(text));
}

void
incremental_note_write(const struct incremental_note *note, struct buf *out)
{
	buf_printf(out, "{\"version\":%d", NOTE_VERSION);
	if (note->key[0])
		put_text(out, "key", note->key);
	buf_printf(out, ",\"paused\":%s,\"signals\":[", note->paused ? "true" : "false");
	for (uint32_t i = 0; i < note->nsignals; i++)
	{
		buf_puts(out, i > 0 ? "," : "");
		buf_puts(out, note->signals[i]);
	}
	buf_put_u8(out, ']');
	if (note->topic)
	{
		put_text(out, "topic", note->topic);
		buf_puts(out, ",\"offsets\":{");
		for (uint32_t i = 0; i < note->nsignals_at; i++)
			buf_printf(out, "%s\"%" PRId32 "\":%" PRId64, i > 0 ? "," : "",
					   note->signals_at[i].partition, note->signals_at[i].next);
		buf_put_u8(out, '}');
	}
	if (note->filters)
	{
		buf_printf(out, ",\"filters\":\"%016" PRIx64 "\",\"known\":\"", note->filters);
		oid_set_write(&note->known, out);
		buf_put_u8(out, '"');
	}
	buf_put_u8(out, '}');
}

void
reading_note_write(const struct reading_note *note, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,\"relid\":%" PRIu32, NOTE_VERSION, note->relid);
	put_text(out, "table", note->table);
	put_text(out, "signal", note->signal ? note->signal : "");
	if (note->filter)
		put_text(out, "filter", note->filter);
	if (note->hash)
		buf_printf(out, ",\"hash\":\"%016" PRIx64 "\"", note->hash);
	if (note->after.len > 0)
	{
		buf_puts(out, ",\"after\":");
		key_texts_write(&note->after, out);
	}
	if (note->upto.len > 0)
	{
		buf_puts(out, ",\"upto\":");
		key_texts_write(&note->upto, out);
	}
	buf_printf(out, ",\"rows\":%" PRIu64, note->rows);
	if (note->estimated >= 0)
		buf_printf(out, ",\"estimated\":%" PRId64, note->estimated);
	if (note->blocking)
		buf_puts(out, ",\"blocking\":true");
	buf_put_u8(out, '}');
}

/* --- reading ------------------------------------------------------------------- */

static enum rc
unreadable(struct err *e)
{
	return err_set(e, ERR_CONFIG, E2010,
				   "what is written down of an incremental snapshot cannot be read");
}

static const cJSON *
get_member(const cJSON *json, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(json, name);
}

/* False: it is there, and no text. */
static bool
is_text_if_any(const cJSON *json, const char *name)
{
	const cJSON *member = get_member(json, name);

	return member == NULL || cJSON_IsString(member);
}

static bool
read_key(const cJSON *json, struct incremental_note *note)
{
	const char *text = member_text(json, "key");

	if (*text == '\0')
		return is_text_if_any(json, "key");
	if (strlen(text) != COMMAND_KEY_LEN || strspn(text, "0123456789abcdef") != COMMAND_KEY_LEN)
		return false;
	memcpy(note->key, text, sizeof(note->key));
	return true;
}

static bool
read_signals(const cJSON *json, struct incremental_note *note)
{
	const cJSON *list = get_member(json, "signals");
	const cJSON *item;

	if (list && !cJSON_IsArray(list))
		return false;
	cJSON_ArrayForEach(item, list)
	{
		char *text = cJSON_IsObject(item) ? cJSON_PrintUnformatted(item) : NULL;

		if (text == NULL)
			return false;
		incremental_note_add_signal(note, (struct str){text, strlen(text)});
		cJSON_free(text);
	}
	return true;
}

static bool
read_offsets(const cJSON *json, struct incremental_note *note)
{
	const char  *topic = member_text(json, "topic");
	const cJSON *list = get_member(json, "offsets");
	const cJSON *item;

	if (*topic == '\0')
		return list == NULL && is_text_if_any(json, "topic");
	if (list && !cJSON_IsObject(list))
		return false;
	incremental_note_of_topic(note, topic);
	cJSON_ArrayForEach(item, list)
	{
		int64_t       next = member_number(list, item->string);
		char         *end;
		unsigned long partition = strtoul(item->string, &end, 10);

		if (next < 0 || *item->string < '0' || *item->string > '9' || *end || partition > INT32_MAX)
			return false;
		incremental_note_set_offset(note, (int32_t) partition, next);
	}
	return true;
}

/* 16 hex digits; 0: there are none. */
static bool
read_hash(const cJSON *json, const char *name, uint64_t *hash)
{
	const char *text = member_text(json, name);

	*hash = strtoull(text, NULL, 16);
	if (*text == '\0')
		return get_member(json, name) == NULL;
	return *hash != 0 && strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

/* Without the lists that chose them, they are none. */
static bool
read_known(const cJSON *json, struct incremental_note *note)
{
	return read_hash(json, "filters", &note->filters) &&
		   oid_set_read(&note->known, note->filters ? member_text(json, "known") : "");
}

enum rc
incremental_note_read(struct str value, struct incremental_note *note, struct err *e)
{
	cJSON *json = note_parse(value, e);
	bool   good;

	*note = (struct incremental_note){0};
	if (json == NULL)
		return e->detail[0] ? RC_ERR : unreadable(e);
	note->paused = cJSON_IsTrue(get_member(json, "paused"));
	good = read_key(json, note) && read_signals(json, note) && read_offsets(json, note) &&
		   read_known(json, note);
	cJSON_Delete(json);
	if (good)
		return RC_OK;
	incremental_note_clear(note);
	return unreadable(e);
}

static bool
read_texts(const cJSON *json, const char *name, key_texts *key)
{
	const cJSON *member = get_member(json, name);

	return member == NULL || key_texts_read(member, key);
}

enum rc
reading_note_read(struct str value, struct reading_note *note, struct err *e)
{
	cJSON  *json = note_parse(value, e);
	int64_t relid = member_number(json, "relid");
	int64_t rows = member_number(json, "rows");
	bool    good;

	*note = (struct reading_note){0};
	if (json == NULL)
		return e->detail[0] ? RC_ERR : unreadable(e);
	/* A filter that is lost would be a request for all rows. */
	good = relid > 0 && relid <= UINT32_MAX && rows >= 0 && *member_text(json, "table") &&
		   is_text_if_any(json, "filter") && is_text_if_any(json, "signal") &&
		   read_hash(json, "hash", &note->hash) && read_texts(json, "after", &note->after) &&
		   read_texts(json, "upto", &note->upto);
	note->relid = (uint32_t) relid;
	note->rows = (uint64_t) rows;
	note->estimated = member_number(json, "estimated");
	note->blocking = cJSON_IsTrue(get_member(json, "blocking"));
	note->table = xstrdup(member_text(json, "table"));
	note->signal = xstrdup(member_text(json, "signal"));
	if (get_member(json, "filter"))
		note->filter = xstrdup(member_text(json, "filter"));
	cJSON_Delete(json);
	if (good)
		return RC_OK;
	reading_note_clear(note);
	return unreadable(e);
}

/* --- what was found ------------------------------------------------------------ */

void
incremental_found_clear(struct incremental_found *found)
{
	incremental_note_clear(&found->job);
	for (uint32_t i = 0; i < found->count; i++)
		reading_note_clear(&found->tables[i]);
	free(found->tables);
	*found = (struct incremental_found){0};
}

/* "/16391"; 0: it is none. */
static uint32_t
key_relid(struct str key)
{
	char               digits[16] = "";
	size_t             len = key.len - 1;
	char              *end;
	unsigned long long relid;

	if (*key.data != '/' || len == 0 || len >= sizeof(digits))
		return 0;
	memcpy(digits, key.data + 1, len);
	relid = strtoull(digits, &end, 10);
	return strspn(digits, "0123456789") == len && relid <= UINT32_MAX ? (uint32_t) relid : 0;
}

static void
found_put(struct incremental_found *found, const struct reading_note *note)
{
	uint32_t at = 0;

	while (at < found->count && found->tables[at].relid != note->relid)
		at++;
	if (at == found->max)
	{
		found->max = found->max ? found->max * 2 : 16;
		found->tables = xrealloc(found->tables, found->max * sizeof(*found->tables));
	}
	if (at == found->count)
		found->count++;
	else
		reading_note_clear(&found->tables[at]);
	found->tables[at] = *note;
}

static void
found_remove(struct incremental_found *found, uint32_t relid)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < found->count; i++)
		if (found->tables[i].relid == relid)
			reading_note_clear(&found->tables[i]);
		else
			found->tables[kept++] = found->tables[i];
	found->count = kept;
}

enum rc
incremental_found_add(struct incremental_found *found, struct str key, struct str value,
					  struct err *e)
{
	struct incremental_note job = {0};
	struct reading_note     note;
	uint32_t                relid = key.len > 0 ? key_relid(key) : 0;

	if (key.len == 0)
	{
		if (value.data && incremental_note_read(value, &job, e) != RC_OK)
			return RC_ERR;
		incremental_note_clear(&found->job);
		found->job = job;
		return RC_OK;
	}
	if (relid == 0)
		return unreadable(e);
	if (value.data == NULL)
	{
		found_remove(found, relid);
		return RC_OK;
	}
	if (reading_note_read(value, &note, e) != RC_OK)
		return RC_ERR;
	if (note.relid != relid)
	{
		reading_note_clear(&note);
		return unreadable(e);
	}
	found_put(found, &note);
	return RC_OK;
}
