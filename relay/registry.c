/*
 * registry.c
 *		Schema ids from a registry, or from the schema's fingerprint; see registry.h.
 *
 * Each pair of subject and schema is one entry, asked for once and then known
 * for good.  While it is not, it has a question: which request comes next, and
 * what the answers so far have said.  Callers never get a callback from within
 * a function of theirs: ready() comes by a timer.
 */
#include "registry.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "backoff.h"
#include "buf.h"
#include "compatibility.h"
#include "crash_point.h"
#include "http.h"
#include "policy.h"
#include "reply.h"
#include "schema.h"
#include "schema_dir.h"

#include <uthash.h>

#define ASK_AGAIN_MAX_MS 30000
#define REMIND_MS (10 * 60 * 1000)
#define RACES_MAX 5 /* lost in a row, and then it is none */

enum stage
{
	STAGE_ASKING,
	STAGE_LOOKING_UP,   /* somebody else has registered a schema at the same time: ours? */
	STAGE_LATEST,       /* refused: which version is there? */
	STAGE_LEVEL,        /* and which rule did it break? */
	STAGE_GLOBAL_LEVEL, /* the subject has none of its own */
	STAGE_REFUSED,      /* waits for the next try */
	STAGE_FAILED        /* for good; told to the next one who asks */
};

/* What an entry has as long as it is not known. */
struct question
{
	enum stage        stage;
	char             *body;    /* of the POST */
	char             *escaped; /* the subject */
	struct http_call *call;    /* NULL: none under way */
	struct err        why;
	unsigned          races; /* lost in a row */
	struct version    latest;
	struct backoff    backoff;
	struct loop_timer retry;
	bool              refused; /* the last whole answer was no: refusal is filled and listed */
	struct refusal    refusal;
	struct version    shown;   /* what refusal has of it */
	int64_t           told_ms; /* loop time of the last refused() */
};

/* Subject and schema, and what the registry said of them. */
struct entry
{
	struct registry *reg;
	char            *name; /* subject, NUL, schema: the key */
	size_t           name_len;
	const char      *subject;
	const char      *schema;
	struct question *question; /* NULL: known */
	uint8_t          prefix[REGISTRY_PREFIX_MAX];
	UT_hash_handle   hh;
};

struct registry
{
	struct loop           *loop;
	const struct config   *cfg;
	struct registry_events events;
	struct http           *http;
	uint64_t               failures; /* answers of no use */
	uint64_t               schemas;
	uint64_t               answers;
	struct refusal        *refusals;
	struct entry          *entries;
	struct loop_timer      news; /* ready() is due */
};

static void entry_ask(struct entry *entry);

static void
on_news(void *arg)
{
	struct registry *reg = arg;

	reg->events.ready(reg->events.arg);
}

static void
registry_tell(struct registry *reg)
{
	reg->answers++;
	loop_timer_set(reg->loop, &reg->news, 0);
}

/* --- refusals ------------------------------------------------------------ */

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
version_free(struct version *version)
{
	free(version->schema);
	*version = (struct version){0};
}

static void
entry_list(struct entry *entry)
{
	struct question *q = entry->question;
	struct registry *reg = entry->reg;

	q->refused = true;
	q->refusal = (struct refusal){.subject = entry->subject,
								  .schema = entry->schema,
								  .since_us = now_us(),
								  .next = reg->refusals};
	reg->refusals = &q->refusal;
}

static void
entry_unlist(struct entry *entry)
{
	struct question *q = entry->question;
	struct refusal **at = &entry->reg->refusals;

	if (!q->refused)
		return;
	q->refused = false;
	version_free(&q->shown);
	while (*at != &q->refusal)
		at = &(*at)->next;
	*at = q->refusal.next;
}

static void
on_ask_again(void *arg)
{
	entry_ask(arg);
}

/* ms until it is asked again. */
static uint32_t
entry_pause(struct entry *entry)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t) loop_now_ms();
	return backoff_next(&entry->question->backoff, random);
}

/* The answer is no, for now. */
static void
entry_refuse(struct entry *entry)
{
	struct question *q = entry->question;
	struct registry *reg = entry->reg;
	bool             is_new = !q->refused || q->refusal.why.code != q->why.code;

	if (!q->refused)
		entry_list(entry);
	q->stage = STAGE_REFUSED;
	q->races = 0;
	version_free(&q->shown);
	q->shown = q->latest;
	q->latest = (struct version){0};
	q->refusal.registered = q->shown.schema;
	q->refusal.version = q->shown.number;
	q->refusal.why = q->why;
	loop_timer_set(reg->loop, &q->retry, entry_pause(entry));
	CRASH_POINT(schema_refused);
	if (is_new)
		registry_tell(reg);
	if (is_new || loop_now_ms() - q->told_ms >= REMIND_MS)
	{
		q->told_ms = loop_now_ms();
		reg->events.refused(reg->events.arg, &q->refusal, !is_new);
	}
}

/* The answer is no, for good, or none that we understand. */
static void
entry_fail(struct entry *entry)
{
	entry_unlist(entry);
	entry->question->stage = STAGE_FAILED;
	registry_tell(entry->reg);
}

/* --- questions ----------------------------------------------------------- */

static void
question_free(struct entry *entry)
{
	struct question *q = entry->question;

	if (q == NULL)
		return;
	if (q->call)
		http_cancel(q->call);
	entry_unlist(entry);
	loop_timer_clear(entry->reg->loop, &q->retry);
	version_free(&q->latest);
	free(q->body);
	free(q->escaped);
	free(q);
	entry->question = NULL;
}

static struct asked
entry_asked(const struct entry *entry, const char *url)
{
	const struct config *cfg = entry->reg->cfg;

	return (struct asked){
		.url = url,
		.subject = entry->subject,
		.escaped = entry->question->escaped,
		.schema = entry->schema,
		.auto_register = cfg->registry.auto_register,
		.use_latest = cfg->registry.use_latest && !cfg->registry.auto_register,
		.dead_letter = config_on_refusal(cfg) != ON_ERROR_STOP,
	};
}

/* It is known: the question is answered. */
static void
entry_accept(struct entry *entry, uint32_t id)
{
	struct registry *reg = entry->reg;
	bool             was_refused = entry->question->refused;

	entry->prefix[0] = 0;
	for (int i = 0; i < 4; i++)
		entry->prefix[1 + i] = (uint8_t) (id >> (24 - 8 * i));
	question_free(entry);
	reg->schemas++;
	registry_tell(reg);
	CRASH_POINT(schema_accepted);
	if (was_refused)
		reg->events.accepted(reg->events.arg, entry->subject);
}

/* use.latest.version: its id is good for us only if it says the same. */
static void
entry_take_latest(struct entry *entry, const struct http_reply *reply)
{
	struct question *q = entry->question;
	struct asked     asked = entry_asked(entry, reply->url);
	struct buf       difference = {0};

	if (reply_version(reply->body, &asked, &q->latest, &q->why) != RC_OK)
	{
		entry->reg->failures++;
		entry_fail(entry);
	}
	else if (compatibility_same(q->latest.schema, entry->schema, &difference))
		entry_accept(entry, q->latest.id);
	else
	{
		entry->reg->failures++;
		reply_other_latest(&asked, &q->latest, buf_cstr(&difference), &q->why);
		entry_refuse(entry);
	}
	buf_free(&difference);
}

static void
entry_take_id(struct entry *entry, const struct http_reply *reply)
{
	struct asked asked = entry_asked(entry, reply->url);
	uint32_t     id;

	if (reply_id(reply->body, &asked, &id, &entry->question->why) == RC_OK)
		entry_accept(entry, id);
	else
	{
		entry->reg->failures++;
		entry_fail(entry);
	}
}

/* What the registry said to the question itself. */
static void
entry_answered(struct entry *entry, const struct http_reply *reply)
{
	struct question *q = entry->question;
	struct asked     asked = entry_asked(entry, reply->url);

	if (reply->why == NULL && (reply->status == 200 || reply->status == 201))
	{
		if (asked.use_latest)
			entry_take_latest(entry, reply);
		else
			entry_take_id(entry, reply);
		return;
	}
	entry->reg->failures++;
	if (reply->why == NULL && q->races < RACES_MAX && reply_is_race(reply->body, reply->status))
	{
		q->races++;
		q->stage = STAGE_LOOKING_UP;
		entry_ask(entry);
		return;
	}
	if (reply->why)
		q->why = *reply->why;
	else
		reply_refusal(reply->body, reply->status, &asked, &q->why);
	if (!policy_is_refusal(&q->why))
		entry_fail(entry);
	else if (q->why.code == E1802 || (q->why.code == E1806 && !asked.use_latest))
	{
		q->stage = STAGE_LATEST;
		entry_ask(entry);
	}
	else
	{
		reply_explain(&asked, &q->latest, "", &q->why);
		entry_refuse(entry);
	}
}

/* Whether what somebody else has registered is our schema; if not, ours is still to be. */
static void
entry_looked_up(struct entry *entry, const struct http_reply *reply)
{
	struct question *q = entry->question;

	if (reply->why == NULL && reply->status == 200)
		entry_take_id(entry, reply);
	else
	{
		q->stage = STAGE_ASKING;
		loop_timer_set(entry->reg->loop, &q->retry, entry_pause(entry));
	}
}

/* What a refusal is explained with; goes without what the registry does not tell. */
static void
entry_told(struct entry *entry, const struct http_reply *reply)
{
	struct question *q = entry->question;
	struct asked     asked = entry_asked(entry, reply->url);
	bool             good = reply->why == NULL && reply->status == 200;
	char             level[LEVEL_MAX] = "";
	struct err       ignored;

	if (q->stage == STAGE_LATEST)
	{
		if (good && reply_version(reply->body, &asked, &q->latest, &ignored) != RC_OK)
			version_free(&q->latest);
		if (q->why.code == E1802)
		{
			q->stage = STAGE_LEVEL;
			entry_ask(entry);
			return;
		}
	}
	else if (good)
		reply_level(reply->body, level);
	/* NONE refuses nothing: some say so of a subject that has no level of its own. */
	if (strcmp(level, "NONE") == 0)
		level[0] = '\0';
	if (q->stage == STAGE_LEVEL && level[0] == '\0')
	{
		q->stage = STAGE_GLOBAL_LEVEL;
		entry_ask(entry);
		return;
	}
	reply_explain(&asked, &q->latest, level, &q->why);
	entry_refuse(entry);
}

static void
on_reply(void *arg, const struct http_reply *reply)
{
	struct entry *entry = arg;

	CRASH_POINT(schema_answered);
	entry->question->call = NULL;
	if (entry->question->stage == STAGE_ASKING)
		entry_answered(entry, reply);
	else if (entry->question->stage == STAGE_LOOKING_UP)
		entry_looked_up(entry, reply);
	else
		entry_told(entry, reply);
}

/* Sends the request of the question's stage. */
static void
entry_ask(struct entry *entry)
{
	const struct config *cfg = entry->reg->cfg;
	struct question     *q = entry->question;
	const char          *normalize = cfg->registry.normalize ? "?normalize=true" : "";
	enum http_patience   patience = HTTP_ONCE;
	const char          *body = NULL;
	struct buf           path = {0};

	if (q->stage == STAGE_REFUSED)
		q->stage = STAGE_ASKING;
	if (q->stage == STAGE_ASKING || q->stage == STAGE_LOOKING_UP)
		patience = HTTP_RETRY;
	if (q->stage == STAGE_LEVEL)
		buf_printf(&path, "/config/%s?defaultToGlobal=true", q->escaped);
	else if (q->stage == STAGE_GLOBAL_LEVEL)
		buf_puts(&path, "/config");
	else if (q->stage == STAGE_LATEST || (!cfg->registry.auto_register && cfg->registry.use_latest))
		buf_printf(&path, "/subjects/%s/versions/latest", q->escaped);
	else
	{
		bool registers = cfg->registry.auto_register && q->stage != STAGE_LOOKING_UP;

		buf_printf(&path, "/subjects/%s%s%s", q->escaped, registers ? "/versions" : "", normalize);
		body = q->body;
	}
	q->call = http_ask(entry->reg->http, buf_cstr(&path), body, patience, on_reply, entry);
	CRASH_POINT(schema_asked);
	buf_free(&path);
}

static void
entry_question(struct entry *entry)
{
	const struct config *cfg = entry->reg->cfg;
	struct question     *q = xcalloc(1, sizeof(*q));
	uint32_t             max_ms = cfg->relay.backoff_max_ms;

	q->body = reply_request(entry->schema);
	q->escaped = http_escape(entry->subject);
	q->backoff = (struct backoff){.min_ms = cfg->relay.backoff_min_ms,
								  .max_ms = max_ms < ASK_AGAIN_MAX_MS ? max_ms : ASK_AGAIN_MAX_MS};
	q->retry = (struct loop_timer){.cb = on_ask_again, .arg = entry};
	entry->question = q;
	entry_ask(entry);
}

/* --- entries ------------------------------------------------------------- */

/* The key of a subject's schema, into name; the entry if there is one. */
static struct entry *
entry_find(const struct registry *reg, const char *subject, const char *schema, struct buf *name)
{
	struct entry *entry;

	buf_put(name, subject, strlen(subject) + 1);
	buf_put(name, schema, strlen(schema) + 1);
	HASH_FIND(hh, reg->entries, name->data, name->len, entry);
	return entry;
}

static struct entry *
entry_new(struct registry *reg, const struct buf *name, const char *schema)
{
	struct entry *entry = xcalloc(1, sizeof(*entry));

	entry->reg = reg;
	entry->name = xmalloc(name->len);
	memcpy(entry->name, name->data, name->len);
	entry->name_len = name->len;
	entry->subject = entry->name;
	entry->schema = entry->name + name->len - strlen(schema) - 1;
	HASH_ADD_KEYPTR(hh, reg->entries, entry->name, entry->name_len, entry);
	return entry;
}

static void
entry_free(struct entry *entry)
{
	question_free(entry);
	HASH_DEL(entry->reg->entries, entry);
	free(entry->name);
	free(entry);
}

/* Where schemas go without a registry; NULL: nowhere.  Lines of JSON need none. */
static const char *
registry_folder(const struct registry *reg)
{
	const char *dir = reg->cfg->registry.dir;

	if (http_has_urls(reg->http) || reg->cfg->format.sink != SINK_KAFKA || dir == NULL ||
		dir[0] == '\0')
		return NULL;
	return dir;
}

/* Without a registry: the answer is known at once. */
static enum rc
entry_fingerprint(struct entry *entry, struct err *e)
{
	uint64_t    fingerprint = avro_single_object(entry->schema, entry->prefix);
	const char *dir = registry_folder(entry->reg);

	if (dir && schema_dir_add(dir, fingerprint, entry->schema, e) != RC_OK)
		return RC_ERR;
	entry->reg->schemas++;
	return RC_OK;
}

/* --- the registry's functions -------------------------------------------- */

enum rc
registry_prefix(struct registry *reg, const char *subject, const char *schema,
				uint8_t prefix[REGISTRY_PREFIX_MAX], size_t *len, struct err *e)
{
	struct buf    name = {0};
	struct entry *entry = entry_find(reg, subject, schema, &name);

	if (entry == NULL)
	{
		entry = entry_new(reg, &name, schema);
		if (http_has_urls(reg->http))
			entry_question(entry);
		else if (entry_fingerprint(entry, e) != RC_OK)
		{
			entry_free(entry);
			entry = NULL;
		}
	}
	buf_free(&name);
	if (entry == NULL)
		return RC_ERR;
	if (entry->question == NULL)
	{
		*len = registry_prefix_len(reg);
		memcpy(prefix, entry->prefix, *len);
		return RC_OK;
	}
	if (entry->question->refused)
	{
		*e = entry->question->refusal.why;
		return RC_ERR;
	}
	if (entry->question->stage != STAGE_FAILED)
		return RC_AGAIN;
	*e = entry->question->why;
	entry_free(entry);
	return RC_ERR;
}

void
registry_drop(struct registry *reg, const char *subject, const char *schema)
{
	struct buf    name = {0};
	struct entry *entry = entry_find(reg, subject, schema, &name);

	buf_free(&name);
	if (entry && entry->question)
		entry_free(entry);
}

unsigned
registry_ask_again(struct registry *reg)
{
	unsigned      count = 0;
	struct entry *entry;
	struct entry *next;

	HASH_ITER(hh, reg->entries, entry, next)
	{
		struct question *q = entry->question;

		if (q == NULL || !q->refused)
			continue;
		count++;
		backoff_reset(&q->backoff);
		if (q->stage == STAGE_REFUSED)
			loop_timer_set(reg->loop, &q->retry, 0);
	}
	return count;
}

uint64_t
registry_answers(const struct registry *reg)
{
	return reg->answers;
}

const struct refusal *
registry_refusals(const struct registry *reg)
{
	return reg->refusals;
}

size_t
registry_prefix_len(const struct registry *reg)
{
	return http_has_urls(reg->http) ? 5 : SINGLE_OBJECT_PREFIX;
}

void
registry_stats(const struct registry *reg, struct registry_stats *stats)
{
	const struct http_stats *http = http_stats(reg->http);

	*stats = (struct registry_stats){.requests = http->requests,
									 .failures = http->failures + reg->failures,
									 .schemas = reg->schemas};
}

static void
on_state(void *arg, bool up, const struct err *why)
{
	struct registry *reg = arg;

	reg->events.state(reg->events.arg, up, why);
}

enum rc
registry_new(struct loop *loop, const struct config *cfg, const struct registry_events *events,
			 struct registry **made, struct err *e)
{
	struct registry *reg = xcalloc(1, sizeof(*reg));
	const char      *dir;
	enum rc          rc;

	reg->loop = loop;
	reg->cfg = cfg;
	reg->events = *events;
	reg->news = (struct loop_timer){.cb = on_news, .arg = reg};
	rc = http_new(loop, cfg, on_state, reg, &reg->http, e);
	if (rc == RC_OK && events->login_refused)
		http_on_refused(reg->http, events->login_refused, events->arg);
	dir = rc == RC_OK ? registry_folder(reg) : NULL;
	if (dir)
		rc = schema_dir_open(dir, e);
	if (rc == RC_OK)
		*made = reg;
	else
		registry_free(reg);
	return rc;
}

void
registry_free(struct registry *reg)
{
	struct entry *entry;
	struct entry *next;

	if (reg == NULL)
		return;
	HASH_ITER(hh, reg->entries, entry, next)
		entry_free(entry);
	loop_timer_clear(reg->loop, &reg->news);
	http_free(reg->http);
	free(reg);
}
