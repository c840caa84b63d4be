/*
 * dlq.c
 *		Dead letters, listed and shown; see dlq.h.  Replaying is in replay.c.
 */
#include "dlq.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "buf.h"
#include "decoder.h"
#include "json.h"
#include "letters.h"
#include "replay.h"
#include "shown.h"

/* Opens the topic and reads it. */
static enum rc
letters_open(const struct config *cfg, struct loop **loop, struct letters **ls, struct err *e)
{
	if (config_check_kafka(cfg, e) != RC_OK)
		return RC_ERR;
	*loop = loop_new();
	*ls = letters_new(*loop, cfg);
	if (letters_read(*ls, e) == RC_OK)
		return RC_OK;
	letters_free(*ls);
	loop_free(*loop);
	return RC_ERR;
}

static void
letters_close(struct loop *loop, struct letters *ls)
{
	letters_free(ls);
	loop_free(loop);
}

bool
dlq_chooses(const struct dlq_choice *choice, const struct dead_letter *letter)
{
	char at[64];

	snprintf(at, sizeof(at), "%" PRId64 ":%" PRId64, letter->id.partition, letter->id.offset);
	return (choice->table == NULL || strcmp(choice->table, letter->table) == 0) &&
		   (choice->code == NULL || strcasecmp(choice->code, letter->code) == 0) &&
		   (choice->at == NULL || strcmp(choice->at, at) == 0);
}

static void
time_text(int64_t ms, char text[32])
{
	time_t    seconds = (time_t) (ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* --- list -------------------------------------------------------------------------- */

/* Letters of one table and code. */
struct group
{
	const struct dead_letter *some;
	uint64_t                  count;
	uint64_t                  replayed;
	int64_t                   first_ms;
	int64_t                   last_ms;
};

static struct group *
groups_make(struct letters *ls, const struct dlq_choice *choice, unsigned *ngroups)
{
	struct group *groups = NULL;

	*ngroups = 0;
	for (struct dead_letter *letter = letters_first(ls); letter; letter = letter->next)
	{
		unsigned i;

		if (!dlq_chooses(choice, letter))
			continue;
		for (i = 0; i < *ngroups; i++)
			if (strcmp(groups[i].some->table, letter->table) == 0 &&
				strcmp(groups[i].some->code, letter->code) == 0)
				break;
		if (i == *ngroups)
		{
			groups = xrealloc(groups, (i + 1) * sizeof(*groups));
			groups[(*ngroups)++] = (struct group){.some = letter,
												  .first_ms = letter->timestamp_ms,
												  .last_ms = letter->timestamp_ms};
		}
		groups[i].count++;
		groups[i].replayed += letter->replayed;
		if (letter->timestamp_ms < groups[i].first_ms)
			groups[i].first_ms = letter->timestamp_ms;
		if (letter->timestamp_ms > groups[i].last_ms)
			groups[i].last_ms = letter->timestamp_ms;
	}
	return groups;
}

static void
list_json(const struct letters *ls, const struct group *groups, unsigned ngroups, FILE *file)
{
	struct buf out = {0};

	buf_puts(&out, "{\"topic\":");
	json_string(&out, letters_topic(ls), strlen(letters_topic(ls)));
	buf_puts(&out, ",\"letters\":[");
	for (unsigned i = 0; i < ngroups; i++)
	{
		char first[32], last[32];

		time_text(groups[i].first_ms, first);
		time_text(groups[i].last_ms, last);
		buf_puts(&out, i > 0 ? ",{\"table\":" : "{\"table\":");
		json_string(&out, groups[i].some->table, strlen(groups[i].some->table));
		buf_puts(&out, ",\"code\":");
		json_string(&out, groups[i].some->code, strlen(groups[i].some->code));
		buf_printf(&out,
				   ",\"count\":%" PRIu64 ",\"replayed\":%" PRIu64
				   ",\"first\":\"%s\",\"last\":\"%s\"}",
				   groups[i].count, groups[i].replayed, first, last);
	}
	buf_puts(&out, "]}\n");
	fwrite(out.data, 1, out.len, file);
	buf_free(&out);
}

static void
list_table(const struct group *groups, unsigned ngroups, FILE *out)
{
	struct buf name = {0};

	fprintf(out, "%-32s %-6s %10s %10s  %-20s  %-20s\n", "table", "code", "letters", "replayed",
			"first", "last");
	for (unsigned i = 0; i < ngroups; i++)
	{
		char first[32], last[32];

		time_text(groups[i].first_ms, first);
		time_text(groups[i].last_ms, last);
		buf_reset(&name);
		shown_put_column(&name, groups[i].some->table, 32, 0);
		fprintf(out, "%s %-6s %10" PRIu64 " %10" PRIu64 "  %-20s  %-20s\n", buf_cstr(&name),
				groups[i].some->code, groups[i].count, groups[i].replayed, first, last);
	}
	buf_free(&name);
}

enum rc
dlq_list(const struct config *cfg, const struct dlq_choice *choice, bool json, FILE *out,
		 struct err *e)
{
	struct loop    *loop;
	struct letters *ls;
	struct group   *groups;
	unsigned        ngroups;

	if (letters_open(cfg, &loop, &ls, e) != RC_OK)
		return RC_ERR;
	groups = groups_make(ls, choice, &ngroups);
	if (json)
		list_json(ls, groups, ngroups, out);
	else if (ngroups == 0)
		fprintf(out, "no dead letters in topic %s\n", letters_topic(ls));
	else
		list_table(groups, ngroups, out);
	free(groups);
	letters_close(loop, ls);
	return RC_OK;
}

/* --- show -------------------------------------------------------------------------- */

/* What decoding needs. */
struct decoding
{
	const struct letters *ls;
	struct decoder       *dec;
};

static char *
letter_schema(void *arg, uint64_t fingerprint)
{
	const char *text = letters_schema(arg, fingerprint);

	return text ? xstrdup(text) : NULL;
}

/* As JSON, or as \x and hex digits if no schema says what it is. */
static void
show_side(struct decoding *dec, const char *name, bool has, struct str bytes, FILE *file)
{
	struct buf out = {0};
	struct err e;
	int64_t    id;

	if (!has)
		buf_puts(&out, "null");
	else if (decoder_print(dec->dec, bytes, &id, &out, &e) != RC_OK)
	{
		buf_reset(&out);
		buf_puts(&out, "\\x");
		for (size_t i = 0; i < bytes.len; i++)
			buf_printf(&out, "%02x", (uint8_t) bytes.data[i]);
	}
	fprintf(file, "%s: ", name);
	fwrite(out.data, 1, out.len, file);
	fputc('\n', file);
	buf_free(&out);
}

static void
show_letter(struct decoding *dec, const struct dead_letter *letter, FILE *out)
{
	const struct letter_body *body = letter->body;
	char                      when[32];

	time_text(letter->timestamp_ms, when);
	fprintf(out, "letter %" PRId64 ":%" PRId64 " of %s, %s%s\n", letter->id.partition,
			letter->id.offset, letters_topic(dec->ls), when, letter->replayed ? ", replayed" : "");
	if (body == NULL)
	{
		fprintf(out, "(the topic has it no more)\n\n");
		return;
	}
	for (unsigned i = 0; i < body->nheaders; i++)
	{
		struct buf value = {0};

		json_string(&value, body->headers[i].value.data, body->headers[i].value.len);
		fprintf(out, "%s: ", body->headers[i].name);
		fwrite(value.data, 1, value.len, out);
		fputc('\n', out);
		buf_free(&value);
	}
	show_side(dec, "key", body->has_key, body->key, out);
	if (letter->is_text)
	{
		fputs("value:\n", out);
		fwrite(body->value.data, 1, body->value.len, out);
	}
	else
		show_side(dec, "value", body->has_value, body->value, out);
	fputc('\n', out);
}

enum rc
dlq_show(const struct config *cfg, const struct dlq_choice *choice, FILE *out, struct err *e)
{
	struct decoding dec = {0};
	struct loop    *loop;
	struct letters *ls;
	unsigned        left = choice->limit;
	uint64_t        more = 0;
	enum rc         rc;

	if (letters_open(cfg, &loop, &ls, e) != RC_OK)
		return RC_ERR;
	dec.ls = ls;
	for (struct dead_letter *letter = letters_first(ls); letter; letter = letter->next)
		if (dlq_chooses(choice, letter))
		{
			letter->wanted = left > 0;
			more += left == 0;
			left -= left > 0;
		}
	rc = letters_load(ls, e);
	if (rc == RC_OK)
		rc = decoder_new(cfg, letter_schema, ls, &dec.dec, e);
	for (struct dead_letter *letter = letters_first(ls); rc == RC_OK && letter;
		 letter = letter->next)
		if (letter->wanted)
			show_letter(&dec, letter, out);
	if (rc == RC_OK && left == choice->limit)
		fprintf(out, "no such dead letters in topic %s\n", letters_topic(ls));
	if (rc == RC_OK && more > 0)
		fprintf(out, "%" PRIu64 " more; see --limit, --table, --code, --offset\n", more);
	decoder_free(dec.dec);
	letters_close(loop, ls);
	return rc;
}

/* --- replay ------------------------------------------------------------------------- */

enum rc
dlq_replay(const struct config *cfg, const struct dlq_choice *choice, bool dry_run, FILE *out,
		   struct err *e)
{
	struct loop    *loop;
	struct letters *ls;
	enum rc         rc;

	if (letters_open(cfg, &loop, &ls, e) != RC_OK)
		return RC_ERR;
	rc = replay(loop, cfg, ls, choice, dry_run, out, e);
	letters_close(loop, ls);
	return rc;
}
