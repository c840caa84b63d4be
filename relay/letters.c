/*
 * letters.c
 *		Reads the topic of dead letters; see letters.h.
 *
 * A mark may lie in another partition than its letter, so that only the end of the topic
 * tells which letters are left.
 */
#include "letters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "dead_letter.h"
#include "topic_reader.h"

struct mark
{
	struct letter_id id;
	UT_hash_handle   hh;
};

struct known_schema
{
	uint64_t       fingerprint;
	char          *text;
	UT_hash_handle hh;
};

struct letters
{
	struct loop         *loop;
	char                *topic;
	struct topic_reader *reader;
	bool                 loading; /* bodies; else all but them */

	/* The reader's thread's while it reads: */
	struct dead_letter  *by_id;
	struct dead_letter  *first;
	struct dead_letter **last;
	struct mark         *marks;
	struct known_schema *schemas;
};

/* --- in the reader's thread ----------------------------------------------------- */

static struct str
header_find(const struct topic_record *record, const char *name)
{
	struct header header;

	for (unsigned i = 0; topic_record_header(record, i, &header); i++)
		if (strcmp(header.name, name) == 0)
			return header.value;
	return (struct str){NULL, 0};
}

static void
mark_take(struct letters *ls, struct str key)
{
	struct mark *mark = xcalloc(1, sizeof(*mark));
	struct mark *known;
	char         text[64];

	snprintf(text, sizeof(text), "%.*s", (int) (key.len < 60 ? key.len : 60), key.data);
	if (sscanf(text, "%" SCNd64 ":%" SCNd64, &mark->id.partition, &mark->id.offset) != 2)
	{
		free(mark);
		return; /* none of ours */
	}
	HASH_FIND(hh, ls->marks, &mark->id, sizeof(mark->id), known);
	if (known)
		free(mark);
	else
		HASH_ADD(hh, ls->marks, id, sizeof(mark->id), mark);
}

static void
schema_take(struct letters *ls, const struct topic_record *record)
{
	struct known_schema *schema;
	char                 text[17];
	uint64_t             fingerprint;
	char                *end;

	if (record->key.data == NULL || record->key.len != 16 || record->value.data == NULL)
		return;
	memcpy(text, record->key.data, 16);
	text[16] = '\0';
	fingerprint = strtoull(text, &end, 16);
	if (*end)
		return;
	HASH_FIND(hh, ls->schemas, &fingerprint, sizeof(fingerprint), schema);
	if (schema)
		return;
	schema = xcalloc(1, sizeof(*schema));
	schema->fingerprint = fingerprint;
	schema->text = xstrndup(record->value.data, record->value.len);
	HASH_ADD(hh, ls->schemas, fingerprint, sizeof(fingerprint), schema);
}

static char *
header_text(const struct topic_record *record, const char *name)
{
	struct str value = header_find(record, name);

	return xstrndup(value.data ? value.data : "", value.len);
}

static void
letter_take(struct letters *ls, const struct topic_record *record)
{
	struct dead_letter *letter = xcalloc(1, sizeof(*letter));
	struct str          class_name = header_find(record, LETTER_CLASS);
	static const char   prefix[] = "walrelay.";

	letter->id = (struct letter_id){record->partition, record->offset};
	letter->timestamp_ms = record->timestamp_ms;
	letter->topic = header_text(record, LETTER_TOPIC);
	letter->table = header_text(record, LETTER_TABLE);
	if (class_name.len > sizeof(prefix) - 1)
		snprintf(letter->code, sizeof(letter->code), "%.*s",
				 (int) (class_name.len - sizeof(prefix) + 1), class_name.data + sizeof(prefix) - 1);
	letter->is_text = header_find(record, LETTER_FORM).data != NULL;
	letter->bytes = record->key.len + record->value.len;
	HASH_ADD(hh, ls->by_id, id, sizeof(letter->id), letter);
	*ls->last = letter;
	ls->last = &letter->next;
}

static struct str
str_copy(struct str s)
{
	return (struct str){xstrndup(s.data ? s.data : "", s.len), s.len};
}

static void
body_take(struct letters *ls, const struct topic_record *record)
{
	struct letter_id    id = {record->partition, record->offset};
	struct dead_letter *letter;
	struct letter_body *body;
	struct header       header;

	HASH_FIND(hh, ls->by_id, &id, sizeof(id), letter);
	if (letter == NULL || !letter->wanted || letter->body)
		return;
	body = letter->body = xcalloc(1, sizeof(*body));
	body->has_key = record->key.data != NULL;
	body->has_value = record->value.data != NULL;
	body->key = str_copy(record->key);
	body->value = str_copy(record->value);
	while (topic_record_header(record, body->nheaders, &header))
		body->nheaders++;
	body->headers = xcalloc(body->nheaders + 1, sizeof(*body->headers));
	for (unsigned i = 0; topic_record_header(record, i, &header); i++)
		body->headers[i] = (struct header){xstrdup(header.name), str_copy(header.value)};
}

static enum rc
on_record(void *arg, const struct topic_record *record, struct err *e)
{
	struct letters *ls = arg;

	(void) e;
	if (ls->loading)
		body_take(ls, record);
	else if (header_find(record, LETTER_REPLAYED).data)
		mark_take(ls, record->key);
	else if (header_find(record, LETTER_SCHEMA).data)
		schema_take(ls, record);
	else if (header_find(record, LETTER_TOPIC).data)
		letter_take(ls, record);
	return RC_OK;
}

/* --- the caller's ---------------------------------------------------------------- */

static void
on_done(void *arg)
{
	struct letters *ls = arg;

	loop_stop(ls->loop);
}

struct letters *
letters_new(struct loop *loop, const struct config *cfg)
{
	struct letters      *ls = xcalloc(1, sizeof(*ls));
	struct topic_reading reading = {.isolation = READ_COMMITTED,
									.record = on_record,
									.done = on_done,
									.arg = ls};

	ls->loop = loop;
	ls->topic = xasprintf("%s%s%s", cfg->kafka.topic_prefix, cfg->kafka.topic_delimiter,
						  cfg->kafka.topic_dead_letter);
	ls->last = &ls->first;
	ls->reader = topic_reader_new(loop, cfg, &reading);
	return ls;
}

void
letter_unload(struct dead_letter *letter)
{
	struct letter_body *body = letter->body;

	letter->wanted = false;
	letter->body = NULL;
	if (body == NULL)
		return;
	for (unsigned i = 0; i < body->nheaders; i++)
	{
		free((char *) body->headers[i].name);
		free((char *) body->headers[i].value.data);
	}
	free(body->headers);
	free((char *) body->key.data);
	free((char *) body->value.data);
	free(body);
}

void
letters_free(struct letters *ls)
{
	struct dead_letter  *letter, *next_letter;
	struct mark         *mark, *next_mark;
	struct known_schema *schema, *next_schema;

	topic_reader_free(ls->reader);
	HASH_ITER(hh, ls->by_id, letter, next_letter)
	{
		HASH_DEL(ls->by_id, letter);
		letter_unload(letter);
		free(letter->topic);
		free(letter->table);
		free(letter);
	}
	HASH_ITER(hh, ls->marks, mark, next_mark)
	{
		HASH_DEL(ls->marks, mark);
		free(mark);
	}
	HASH_ITER(hh, ls->schemas, schema, next_schema)
	{
		HASH_DEL(ls->schemas, schema);
		free(schema->text);
		free(schema);
	}
	free(ls->topic);
	free(ls);
}

const char *
letters_topic(const struct letters *ls)
{
	return ls->topic;
}

static enum rc
letters_go(struct letters *ls, struct err *e)
{
	enum rc rc;

	topic_reader_start(ls->reader, ls->topic);
	while ((rc = topic_reader_result(ls->reader, e)) == RC_AGAIN)
		loop_run(ls->loop);
	return rc;
}

enum rc
letters_read(struct letters *ls, struct err *e)
{
	ls->loading = false;
	if (letters_go(ls, e) != RC_OK)
		return RC_ERR;
	for (struct dead_letter *letter = ls->first; letter; letter = letter->next)
	{
		struct mark *mark;

		HASH_FIND(hh, ls->marks, &letter->id, sizeof(letter->id), mark);
		letter->replayed = mark != NULL;
	}
	return RC_OK;
}

enum rc
letters_load(struct letters *ls, struct err *e)
{
	ls->loading = true;
	return letters_go(ls, e);
}

struct dead_letter *
letters_first(struct letters *ls)
{
	return ls->first;
}

const char *
letters_schema(const struct letters *ls, uint64_t fingerprint)
{
	struct known_schema *schema;

	HASH_FIND(hh, ls->schemas, &fingerprint, sizeof(fingerprint), schema);
	return schema ? schema->text : NULL;
}
