/*
 * dead_letter.c
 *		Dead letters, and the schemas that they need; see dead_letter.h.
 */
#include "dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "crash_point.h"
#include "pg.h"

#include <uthash.h>

#define LETTER_HEADERS_MAX 24

/* A schema that has been sent. */
struct announced
{
	uint64_t       fingerprint;
	UT_hash_handle hh;
};

struct dead_letters
{
	const struct config *cfg;
	struct sink         *sink; /* NULL: closed */
	struct sink_topic   *topic;
	struct announced    *announced;
	struct letter_count *counts;
	unsigned             ncounts;
};

struct dead_letters *
dead_letters_new(const struct config *cfg)
{
	struct dead_letters *dead = xcalloc(1, sizeof(*dead));

	dead->cfg = cfg;
	return dead;
}

void
dead_letters_forget(struct dead_letters *dead)
{
	struct announced *announced;
	struct announced *next;

	HASH_ITER(hh, dead->announced, announced, next)
	{
		HASH_DEL(dead->announced, announced);
		free(announced);
	}
}

void
dead_letters_free(struct dead_letters *dead)
{
	if (dead == NULL)
		return;
	dead_letters_close(dead);
	dead_letters_forget(dead);
	while (dead->counts)
	{
		struct letter_count *count = dead->counts;

		dead->counts = count->next;
		free(count->table);
		free(count);
	}
	free(dead);
}

enum rc
dead_letters_open(struct dead_letters *dead, struct sink *sink, struct route *routes, struct err *e)
{
	char   *name;
	enum rc rc;

	if (dead->topic)
		return RC_OK;
	if (route_named(routes, dead->cfg->kafka.topic_dead_letter, &name, e) != RC_OK)
		return RC_ERR;
	rc = sink_open_own(sink, name, USE_DEAD_LETTERS, NULL, NULL, &dead->topic, e);
	if (rc == RC_OK)
		dead->sink = sink;
	free(name);
	return rc;
}

void
dead_letters_close(struct dead_letters *dead)
{
	if (dead == NULL || dead->topic == NULL)
		return;
	dead->sink->ops->topic_free(dead->sink, dead->topic);
	dead->topic = NULL;
	dead->sink = NULL;
}

/* --- letters ------------------------------------------------------------- */

static struct letter_count *
count_of(struct dead_letters *dead, const char *table)
{
	struct letter_count **at;

	for (at = &dead->counts; *at; at = &(*at)->next)
		if (strcmp((*at)->table, table) == 0)
			return *at;
	if (dead->ncounts >= LETTER_TABLES_MAX && strcmp(table, LETTER_OTHERS) != 0)
		return count_of(dead, LETTER_OTHERS);
	*at = xcalloc(1, sizeof(**at));
	(*at)->table = xstrdup(table);
	dead->ncounts++;
	return *at;
}

void
dead_letters_address(struct dead_letters *dead, const char *topic, const char *table,
					 const char *const schemas[2], const char *stage, const struct err *why,
					 struct letter *letter)
{
	*letter = (struct letter){.topic = topic, .table = table, .stage = stage, .code = why->code};
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
		if (schemas[side])
		{
			letter->schema[side] = schemas[side];
			letter->fingerprint[side] = avro_fingerprint(schemas[side]);
		}
	snprintf(letter->class_name, sizeof(letter->class_name), "walrelay.%s",
			 err_code_name(why->code));
	snprintf(letter->message, sizeof(letter->message), "%s", why->msg);
	letter->count = dead ? count_of(dead, table) : NULL; /* NULL: they are skipped */
}

static struct str
str_of(const char *text)
{
	return (struct str){text, strlen(text)};
}

/* The schema of one side as a record of its own, if the topic has it not yet. */
static enum rc
announce(struct dead_letters *dead, const struct letter *letter, enum side side, uint64_t label,
		 uint32_t *sent, struct err *e)
{
	const struct header headers[] = {{LETTER_SCHEMA, {"1", 1}},
									 {LETTER_TABLE, str_of(letter->table)}};
	char                key[17];
	struct outgoing     out = {.has_key = true,
							   .has_value = true,
							   .headers = headers,
							   .nheaders = sizeof(headers) / sizeof(headers[0])};
	struct announced   *announced;
	enum rc             rc;

	if (letter->schema[side] == NULL)
		return RC_OK;
	HASH_FIND(hh, dead->announced, &letter->fingerprint[side], sizeof(uint64_t), announced);
	if (announced)
		return RC_OK;
	snprintf(key, sizeof(key), "%016" PRIx64, letter->fingerprint[side]);
	out.key = str_of(key);
	out.value = str_of(letter->schema[side]);
	rc = dead->sink->ops->send(dead->sink, dead->topic, &out, label, e);
	if (rc != RC_OK)
		return rc;
	CRASH_POINT(letter_schema_sent);
	++*sent;
	announced = xcalloc(1, sizeof(*announced));
	announced->fingerprint = letter->fingerprint[side];
	HASH_ADD(hh, dead->announced, fingerprint, sizeof(uint64_t), announced);
	return RC_OK;
}

enum rc
dead_letters_send(struct dead_letters *dead, const struct letter *letter, const struct place *at,
				  const struct outgoing *out, uint64_t label, uint32_t *sent, struct err *e)
{
	char            lsn[32];
	char            commit_lsn[32];
	struct header   headers[LETTER_HEADERS_MAX];
	struct outgoing own = *out;
	enum rc         rc;

	*sent = 0;
	rc = announce(dead, letter, SIDE_KEY, label, sent, e);
	if (rc == RC_OK && out->has_value)
		rc = announce(dead, letter, SIDE_VALUE, label, sent, e);
	if (rc != RC_OK)
		return rc;
	snprintf(lsn, sizeof(lsn), "%X/%X", LSN_PARTS(at->lsn));
	snprintf(commit_lsn, sizeof(commit_lsn), "%X/%X", LSN_PARTS(at->commit_lsn));
	own.headers = headers;
	own.nheaders = 0;
#define HEADER(name, text) headers[own.nheaders++] = (struct header){name, str_of(text)}
	HEADER(LETTER_TOPIC, letter->topic);
	HEADER(LETTER_CONNECTOR, dead->cfg->slot.name);
	HEADER(LETTER_STAGE, letter->stage);
	HEADER(LETTER_CLASS, letter->class_name);
	HEADER(LETTER_MESSAGE, letter->message);
	HEADER(LETTER_LSN, lsn);
	HEADER(LETTER_COMMIT_LSN, commit_lsn);
	HEADER(LETTER_TABLE, letter->table);
	if (letter->is_text)
		HEADER(LETTER_FORM, "text");
#undef HEADER
	for (unsigned i = 0; i < out->nheaders && own.nheaders < LETTER_HEADERS_MAX; i++)
		headers[own.nheaders++] = out->headers[i];
	rc = dead->sink->ops->send(dead->sink, dead->topic, &own, label, e);
	if (rc == RC_OK)
	{
		++*sent;
		letter->count->messages++;
		CRASH_POINT(letter_sent);
	}
	return rc;
}

const struct letter_count *
dead_letters_counts(const struct dead_letters *dead)
{
	return dead ? dead->counts : NULL;
}
