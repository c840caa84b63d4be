/*
 * cat.c
 *		Records as lines; see cat.h.
 *
 * Whole lines are written at once, so that a signal that ends the process leaves no half of one.
 * What is called here with a record runs in the thread of topic_reader.c.
 */
#include "cat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "decoder.h"
#include "json.h"
#include "quote.h"
#include "topic_reader.h"

#define LINES_MAX 65536 /* bytes of lines that wait for one another */

struct cat
{
	const struct cat_choice *choice;
	const char              *topic;
	struct loop             *loop;
	int                      fd;
	struct buf               wanted; /* the key, without blanks outside of strings */

	/* The reader's thread's while it reads: */
	struct decoder *dec;
	struct buf      lines;
	struct buf      key;
	struct buf      value;
	uint64_t        count;
	bool            closed; /* nobody reads what is written */
};

/* One side of a record, in JSON. */
struct shown
{
	struct buf *text;
	int64_t     id;     /* of its schema; -1: none */
	bool        base64; /* it is neither Avro nor text */
};

/* --- sides ------------------------------------------------------------------------- */

static void
shown_put_plain(struct shown *shown, struct str bytes)
{
	shown->base64 = !utf8_valid((const uint8_t *) bytes.data, bytes.len);
	if (shown->base64)
		json_base64(shown->text, (const uint8_t *) bytes.data, bytes.len);
	else
		json_string(shown->text, bytes.data, bytes.len);
}

static enum rc
shown_print(struct cat *cat, const struct topic_record *record, struct str bytes,
			struct shown *shown, struct err *e)
{
	struct err why;
	enum rc    rc;

	buf_reset(shown->text);
	shown->id = -1;
	shown->base64 = false;
	if (bytes.data == NULL)
	{
		buf_puts(shown->text, "null");
		return RC_OK;
	}
	rc = RC_AGAIN;
	if (!cat->choice->raw)
		rc = decoder_print(cat->dec, bytes, &shown->id, shown->text, &why);
	if (rc == RC_AGAIN)
		shown_put_plain(shown, bytes);
	if (rc != RC_ERR)
		return RC_OK;
	*e = why;
	if (why.code == E1601 || why.code == E1603)
	{
		err_set(e, ERR_DATA, why.code, "a record's schema does not say what it holds");
		err_hint(e, "See its bytes with --raw.");
	}
	return err_detail(e, "%s%sIt is at offset %" PRId64 " of partition %" PRId32 " of \"%s\".",
					  why.detail, *why.detail ? "  " : "", record->offset, record->partition,
					  cat->topic);
}

/* --- keys ------------------------------------------------------------------------------- */

/* JSON without the blanks between its parts; what is none stays as it is. */
static void
blanks_strip(const char *text, struct buf *out)
{
	bool quoted = false;

	for (const char *c = text; *c; c++)
	{
		if (quoted && *c == '\\' && c[1])
			buf_put(out, c++, 1);
		else if (*c == '"')
			quoted = !quoted;
		else if (!quoted && (*c == ' ' || *c == '\t' || *c == '\n'))
			continue;
		buf_put(out, c, 1);
	}
}

/* A JSON value is what somebody wants: as it stands, or a string without its quotes. */
static bool
value_is(const struct cat *cat, const char *json, size_t len)
{
	const char *wanted = cat->choice->key;
	struct buf  quoted = {0};
	bool        same = len == cat->wanted.len && memcmp(json, cat->wanted.data, len) == 0;

	if (same || *json != '"')
		return same;
	json_string(&quoted, wanted, strlen(wanted));
	same = len == quoted.len && memcmp(json, quoted.data, len) == 0;
	buf_free(&quoted);
	return same;
}

/* The key whole, or the one value that it has. */
static bool
key_is_wanted(const struct cat *cat)
{
	const char *json = (const char *) cat->key.data;
	size_t      len = cat->key.len;
	const char *value;
	cJSON      *object;
	bool        single;

	if (cat->choice->key == NULL || value_is(cat, json, len))
		return true;
	if (*json != '{' || (value = memchr(json, ':', len)) == NULL)
		return false;
	object = cJSON_ParseWithLength(json, len);
	single = cJSON_GetArraySize(object) == 1;
	cJSON_Delete(object);
	/* behind the name, which Avro lets have no colon, and ahead of the brace */
	return single && value_is(cat, value + 1, (size_t) (json + len - 1 - value - 1));
}

/* --- lines ------------------------------------------------------------------------------- */

static enum rc
lines_write(struct cat *cat, struct err *e)
{
	size_t at = 0;

	while (at < cat->lines.len)
	{
		ssize_t n = write(cat->fd, cat->lines.data + at, cat->lines.len - at);

		if (n < 0 && errno == EPIPE)
		{
			cat->closed = true; /* it has seen enough: walrelay cat | head */
			break;
		}
		if (n < 0 && errno != EINTR)
		{
			err_set(e, ERR_TRANSIENT, E2007, "standard output cannot be written");
			return err_detail(e, "%s.", strerror(errno));
		}
		at += n > 0 ? (size_t) n : 0;
	}
	buf_reset(&cat->lines);
	return RC_OK;
}

static void
put_headers(const struct topic_record *record, struct buf *out)
{
	struct header header;
	unsigned      i;

	for (i = 0; topic_record_header(record, i, &header); i++)
	{
		struct shown shown = {.text = out};

		buf_puts(out, i ? "," : ",\"headers\":[");
		json_string(out, header.name, strlen(header.name));
		buf_puts(out, ",");
		if (header.value.data)
			shown_put_plain(&shown, header.value);
		else
			buf_puts(out, "null");
	}
	if (i > 0)
		buf_puts(out, "]");
}

static void
put_line(struct cat *cat, const struct topic_record *record, const struct shown *key,
		 const struct shown *value)
{
	struct buf *out = &cat->lines;

	buf_puts(out, "{\"topic\":");
	json_string(out, cat->topic, strlen(cat->topic));
	buf_printf(out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64, record->partition,
			   record->offset);
	if (record->timestamp_ms >= 0)
		buf_printf(out, ",\"tstype\":\"%s\",\"ts\":%" PRId64,
				   record->of_append ? "logappend" : "create", record->timestamp_ms);
	put_headers(record, out);
	if (key->id >= 0)
		buf_printf(out, ",\"key_schema_id\":%" PRId64, key->id);
	if (value->id >= 0)
		buf_printf(out, ",\"value_schema_id\":%" PRId64, value->id);
	buf_puts(out, key->base64 ? ",\"key_base64\":true,\"key\":" : ",\"key\":");
	buf_put(out, key->text->data, key->text->len);
	buf_puts(out, value->base64 ? ",\"payload_base64\":true,\"payload\":" : ",\"payload\":");
	buf_put(out, value->text->data, value->text->len);
	buf_puts(out, "}");
}

static enum rc
on_record(void *arg, const struct topic_record *record, struct err *e)
{
	struct cat              *cat = arg;
	const struct cat_choice *choice = cat->choice;
	struct shown              key = {.text = &cat->key};
	struct shown              value = {.text = &cat->value};
	bool                     enough;

	if (shown_print(cat, record, record->key, &key, e) != RC_OK)
		return RC_ERR;
	if (!key_is_wanted(cat))
		return RC_OK;
	if (shown_print(cat, record, record->value, &value, e) != RC_OK)
		return RC_ERR;
	if (choice->value_only)
		buf_put(&cat->lines, cat->value.data, cat->value.len);
	else
		put_line(cat, record, &key, &value);
	buf_puts(&cat->lines, "\n");
	enough = ++cat->count == choice->limit;
	if ((choice->part.follows || enough || cat->lines.len > LINES_MAX) &&
		lines_write(cat, e) != RC_OK)
		return RC_ERR;
	return enough || cat->closed ? RC_AGAIN : RC_OK;
}

/* --- the command ---------------------------------------------------------------------------- */

static void
on_done(void *arg)
{
	struct cat *cat = arg;

	loop_stop(cat->loop);
}

static enum rc
cat_read(struct cat *cat, const struct config *cfg, struct err *e)
{
	struct topic_reading reading = {.isolation = READ_COMMITTED,
									.part = &cat->choice->part,
									.record = on_record,
									.done = on_done,
									.arg = cat};
	struct topic_reader *reader = topic_reader_new(cat->loop, cfg, &reading);
	const struct topic_part *part = &cat->choice->part;
	int32_t              count;
	enum rc              rc;

	topic_reader_start(reader, cat->topic);
	while ((rc = topic_reader_result(reader, e)) == RC_AGAIN)
		loop_run(cat->loop);
	count = topic_reader_partitions(reader);
	if (rc == RC_OK && count == 0)
	{
		rc = err_set(e, ERR_CONFIG, E2002, "topic \"%s\" does not exist", cat->topic);
		err_hint(e, "Topics of tables are PREFIX.SCHEMA.TABLE, with topic.prefix for PREFIX.");
	}
	else if (rc == RC_OK && part->one && part->partition >= count)
	{
		rc = err_set(e, ERR_CONFIG, E2002, "topic \"%s\" has no partition %" PRId32, cat->topic,
					 part->partition);
		err_hint(e, "Its partitions are 0 to %" PRId32 ".", count - 1);
	}
	topic_reader_free(reader);
	return rc;
}

enum rc
cat(const struct config *cfg, const char *topic, const struct cat_choice *choice, FILE *out,
	struct err *e)
{
	struct cat cat = {.choice = choice, .topic = topic, .fd = fileno(out)};
	struct err why;
	enum rc    rc;

	if (config_check_brokers(cfg, e) != RC_OK || decoder_new(cfg, NULL, NULL, &cat.dec, e) != RC_OK)
		return RC_ERR;
	cat.loop = loop_new();
	if (choice->key)
		blanks_strip(choice->key, &cat.wanted);
	rc = cat_read(&cat, cfg, e);
	/* What came ahead of trouble is shown. */
	if (lines_write(&cat, &why) != RC_OK && rc == RC_OK)
	{
		*e = why;
		rc = RC_ERR;
	}
	loop_free(cat.loop);
	decoder_free(cat.dec);
	buf_free(&cat.wanted);
	buf_free(&cat.lines);
	buf_free(&cat.key);
	buf_free(&cat.value);
	return rc;
}
