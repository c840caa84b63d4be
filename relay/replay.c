/*
 * replay.c
 *		Letters, then their marks, a portion at a time; see replay.h.
 *
 * A portion is as much as fits into memory, and a letter so large that a broker may
 * refuse it is one by itself: what came before it has its marks by then.
 */
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>

#include "buf.h"
#include "dead_letter.h"
#include "log.h"
#include "policy.h"
#include "registry.h"
#include "route.h"
#include "schema.h"
#include "sink.h"
#include "topics.h"

#define PORTION_BYTES (32 * 1024 * 1024)
#define PORTION_LETTERS 1000
#define LARGE_BYTES (512 * 1024)

/* Items of the sink. */
enum item
{
	ITEM_LETTER = 1,
	ITEM_MARK
};

/* A topic that letters were meant for. */
struct target
{
	char              *name;
	struct sink_topic *topic;   /* NULL: not opened */
	bool               refused; /* the registry refuses a schema: what is left of it stays */
	struct target     *next;
};

struct replay
{
	struct loop             *loop;
	const struct config     *cfg; /* as the relay has it */
	struct config            own; /* as this producer has it */
	const struct dlq_choice *choice;
	struct letters          *ls;
	struct sink             *sink;
	struct registry         *reg;
	struct sink_topic       *marks;
	struct topics           *known;
	struct target           *targets;
	FILE                    *out;
	uint64_t                 sent;  /* messages */
	uint64_t                 acked; /* of those */
	bool                     seen;  /* a broker answered */
	bool                     failed;
	struct err               why;
	uint64_t                 replayed;
	uint64_t                 texts;   /* letters that never were a message */
	uint64_t                 refused; /* letters that stay: the registry says no */
};

/* --- events: each ends a wait ---------------------------------------------------- */

static void
replay_fail(struct replay *rp, const struct err *e)
{
	if (!rp->failed)
		rp->why = *e;
	rp->failed = true;
	loop_stop(rp->loop);
}

static void
on_acked(void *arg, uint32_t item, uint32_t count)
{
	struct replay *rp = arg;

	(void) item;
	rp->acked += count;
	loop_stop(rp->loop);
}

static void
on_failed(void *arg, const struct err *e)
{
	replay_fail(arg, e);
}

static void
on_event(void *arg)
{
	struct replay *rp = arg;

	loop_stop(rp->loop);
}

static void
on_sink_state(void *arg, bool up, const struct err *why)
{
	struct replay *rp = arg;

	if (!up && rp->seen)
		log_err(LOG_WARN, why, "what is not acknowledged yet waits until a broker answers");
	else if (!up)
		replay_fail(rp, why);
	rp->seen = rp->seen || up;
}

static void
on_registry_state(void *arg, bool up, const struct err *why)
{
	if (!up)
		replay_fail(arg, why);
}

static void
on_refused(void *arg, const struct refusal *refusal, bool again)
{
	struct replay *rp = arg;

	if (!again)
		fprintf(rp->out, "%s: %s\n", err_code_name(refusal->why.code), refusal->why.msg);
}

static void
on_accepted(void *arg, const char *subject)
{
	(void) arg, (void) subject;
}

/* Until something has happened.  RC_ERR: something that ends it. */
static enum rc
replay_wait(struct replay *rp, struct err *e)
{
	if (!rp->failed)
		loop_run(rp->loop);
	if (!rp->failed)
		return RC_OK;
	*e = rp->why;
	return RC_ERR;
}

static enum rc
replay_settle(struct replay *rp, struct err *e)
{
	while (rp->acked < rp->sent)
		if (replay_wait(rp, e) != RC_OK)
			return RC_ERR;
	return RC_OK;
}

/* --- one letter --------------------------------------------------------------------- */

static struct target *
target_of(struct replay *rp, const char *name)
{
	struct target *target;

	for (target = rp->targets; target; target = target->next)
		if (strcmp(target->name, name) == 0)
			return target;
	target = xcalloc(1, sizeof(*target));
	target->name = xstrdup(name);
	target->next = rp->targets;
	rp->targets = target;
	return target;
}

/*
 * A side in single-object encoding gets the registry's id, if there is a registry and the
 * topic has the schema.  *framed: the bytes to send; buf owns them if they are new.
 * RC_AGAIN: the registry says no.
 */
static enum rc
side_frame(struct replay *rp, const char *topic, enum side side, struct str bytes, struct buf *buf,
		   struct str *framed, struct err *e)
{
	enum subject_strategy strategy =
		side == SIDE_KEY ? rp->cfg->registry.key_subject : rp->cfg->registry.value_subject;
	uint8_t     prefix[REGISTRY_PREFIX_MAX];
	size_t      len = 0;
	uint64_t    fingerprint;
	const char *schema;
	char       *subject;
	enum rc     rc;

	*framed = bytes;
	if (*rp->cfg->registry.url == '\0' || !single_object_fingerprint(bytes, &fingerprint))
		return RC_OK;
	schema = letters_schema(rp->ls, fingerprint);
	if (schema == NULL)
	{
		err_set(e, ERR_DATA, E1806, "the schema of a dead letter for topic \"%s\" is not known",
				topic);
		err_detail(e, "Topic \"%s\" has no schema record %016" PRIx64 ".", letters_topic(rp->ls),
				   fingerprint);
		return err_hint(e, "It may have been deleted by the topic's retention.  Replay the others "
						   "with --table.");
	}
	subject = route_subject(strategy, topic, side, schema);
	while ((rc = registry_prefix(rp->reg, subject, schema, prefix, &len, e)) == RC_AGAIN)
		if (replay_wait(rp, e) != RC_OK)
			break;
	free(subject);
	if (rc == RC_AGAIN)
		return RC_ERR;
	if (rc == RC_ERR)
		return policy_is_refusal(e) ? RC_AGAIN : RC_ERR;
	buf_reset(buf);
	buf_put(buf, prefix, len);
	buf_put(buf, bytes.data + SINGLE_OBJECT_PREFIX, bytes.len - SINGLE_OBJECT_PREFIX);
	*framed = (struct str){(const char *) buf->data, buf->len};
	return RC_OK;
}

/* Headers that only a letter has. */
static bool
is_letters(const char *name)
{
	static const char *const own[] = {LETTER_LSN, LETTER_COMMIT_LSN, LETTER_TABLE, LETTER_FORM};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(name, own[i]) == 0)
			return true;
	return strncmp(name, "__connect.errors.", strlen("__connect.errors.")) == 0;
}

static enum rc
replay_send(struct replay *rp, struct sink_topic *topic, const struct outgoing *out, enum item item,
			struct err *e)
{
	enum rc rc;

	while ((rc = rp->sink->ops->send(rp->sink, topic, out, sink_label(item, 0), e)) == RC_AGAIN)
		if (replay_wait(rp, e) != RC_OK)
			return RC_ERR;
	rp->sent += rc == RC_OK;
	return rc;
}

/* The message that it would have been.  RC_AGAIN: its schema is still refused. */
static enum rc
letter_send(struct replay *rp, const struct dead_letter *letter, struct target *target,
			struct err *e)
{
	const struct letter_body *body = letter->body;
	struct header            *headers = xcalloc(body->nheaders + 1, sizeof(*headers));
	struct buf                key = {0}, value = {0};
	struct outgoing           out = {.has_key = body->has_key,
									 .has_value = body->has_value,
									 .headers = headers};
	enum rc                   rc = RC_OK;

	for (unsigned i = 0; i < body->nheaders; i++)
		if (!is_letters(body->headers[i].name))
			headers[out.nheaders++] = body->headers[i];
	if (target->topic == NULL)
		rc = rp->sink->ops->topic(rp->sink, target->name, NULL, NULL, &target->topic, e);
	if (rc == RC_OK && body->has_key)
		rc = side_frame(rp, target->name, SIDE_KEY, body->key, &key, &out.key, e);
	if (rc == RC_OK && body->has_value)
		rc = side_frame(rp, target->name, SIDE_VALUE, body->value, &value, &out.value, e);
	if (rc == RC_OK)
		rc = replay_send(rp, target->topic, &out, ITEM_LETTER, e);
	buf_free(&key);
	buf_free(&value);
	free(headers);
	return rc;
}

static enum rc
mark_send(struct replay *rp, const struct dead_letter *letter, struct err *e)
{
	static const struct header header = {LETTER_REPLAYED, {"1", 1}};
	char                       key[64];
	struct outgoing            out = {.has_key = true, .headers = &header, .nheaders = 1};

	snprintf(key, sizeof(key), "%" PRId64 ":%" PRId64, letter->id.partition, letter->id.offset);
	out.key = (struct str){key, strlen(key)};
	return replay_send(rp, rp->marks, &out, ITEM_MARK, e);
}

/* --- portions ------------------------------------------------------------------------ */

static bool
is_open(struct replay *rp, const struct dead_letter *letter)
{
	return !letter->replayed && !letter->is_text && dlq_chooses(rp->choice, letter) &&
		   !target_of(rp, letter->topic)->refused;
}

/* Wants the next letters; false: there are none. */
static bool
portion_choose(struct replay *rp)
{
	uint64_t bytes = 0;
	unsigned count = 0;

	for (struct dead_letter *letter = letters_first(rp->ls); letter; letter = letter->next)
	{
		bool large = letter->bytes >= LARGE_BYTES;

		if (!is_open(rp, letter))
			continue;
		if (count > 0 &&
			(large || bytes + letter->bytes > PORTION_BYTES || count == PORTION_LETTERS))
			break;
		letter->wanted = true;
		bytes += letter->bytes;
		count++;
		if (large)
			break;
	}
	return count > 0;
}

/* What could not be sent is not wanted any more when this returns. */
static enum rc
portion_send(struct replay *rp, struct err *e)
{
	for (struct dead_letter *letter = letters_first(rp->ls); letter; letter = letter->next)
	{
		struct target *target;
		enum rc        rc;

		if (!letter->wanted)
			continue;
		target = target_of(rp, letter->topic);
		if (letter->body == NULL)
		{
			err_set(e, ERR_TRANSIENT, E2008, "a dead letter is not in topic \"%s\" any more",
					letters_topic(rp->ls));
			return err_hint(e,
							"The topic's retention deletes letters meanwhile: raise it, and begin "
							"again.");
		}
		rc = target->refused ? RC_AGAIN : letter_send(rp, letter, target, e);
		if (rc == RC_ERR)
			return rc;
		if (rc == RC_AGAIN)
		{
			target->refused = true;
			letter_unload(letter);
		}
	}
	return replay_settle(rp, e);
}

static enum rc
portion_mark(struct replay *rp, struct err *e)
{
	for (struct dead_letter *letter = letters_first(rp->ls); letter; letter = letter->next)
		if (letter->wanted && mark_send(rp, letter, e) != RC_OK)
			return RC_ERR;
	if (replay_settle(rp, e) != RC_OK)
		return RC_ERR;
	for (struct dead_letter *letter = letters_first(rp->ls); letter; letter = letter->next)
		if (letter->wanted)
		{
			letter->replayed = true;
			rp->replayed++;
			letter_unload(letter);
		}
	return RC_OK;
}

/* --- all of it ------------------------------------------------------------------------ */

/* At least once, and under nobody's transactional.id: the relay's must not be fenced off. */
static void
replay_configure(struct replay *rp)
{
	const struct config *cfg = rp->cfg;
	unsigned             n = 0;

	rp->own = *cfg;
	rp->own.kafka.exactly_once = false;
	rp->own.kafka.properties = xcalloc(cfg->kafka.nproperties + 1, sizeof(struct property));
	for (unsigned i = 0; i < cfg->kafka.nproperties; i++)
		if (strncmp(cfg->kafka.properties[i].name, "transaction", strlen("transaction")) != 0)
			rp->own.kafka.properties[n++] = cfg->kafka.properties[i];
	rp->own.kafka.nproperties = n;
}

static enum rc
replay_open(struct replay *rp, struct err *e)
{
	const struct sink_events     events = {.acked = on_acked,
										   .failed = on_failed,
										   .ready = on_event,
										   .committed = on_event,
										   .writable = on_event,
										   .state = on_sink_state,
										   .arg = rp};
	const struct registry_events reg_events = {.ready = on_event,
											   .state = on_registry_state,
											   .refused = on_refused,
											   .accepted = on_accepted,
											   .arg = rp};

	replay_configure(rp);
	rp->known = topics_new();
	if (registry_new(rp->loop, &rp->own, &reg_events, &rp->reg, e) != RC_OK)
		return RC_ERR;
	if (sink_kafka_new(rp->loop, &rp->own, rp->known, &events, &rp->sink, e) != RC_OK)
		return RC_ERR;
	return rp->sink->ops->topic(rp->sink, letters_topic(rp->ls), NULL, NULL, &rp->marks, e);
}

static void
replay_close(struct replay *rp)
{
	while (rp->targets)
	{
		struct target *target = rp->targets;

		rp->targets = target->next;
		if (target->topic)
			rp->sink->ops->topic_free(rp->sink, target->topic);
		free(target->name);
		free(target);
	}
	if (rp->marks)
		rp->sink->ops->topic_free(rp->sink, rp->marks);
	if (rp->sink)
		rp->sink->ops->free(rp->sink);
	if (rp->known)
		topics_free(rp->known);
	if (rp->reg)
		registry_free(rp->reg);
	free(rp->own.kafka.properties);
}

/* What stays, and what would go. */
static uint64_t
replay_count(struct replay *rp)
{
	uint64_t open = 0;

	rp->texts = rp->refused = 0;
	for (struct dead_letter *letter = letters_first(rp->ls); letter; letter = letter->next)
	{
		if (letter->replayed || !dlq_chooses(rp->choice, letter))
			continue;
		if (letter->is_text)
			rp->texts++;
		else if (target_of(rp, letter->topic)->refused)
			rp->refused++;
		else
			open++;
	}
	return open;
}

static void
replay_tell(const struct replay *rp, uint64_t open, bool dry_run)
{
	if (dry_run)
		fprintf(rp->out, "%" PRIu64 " letters would be replayed\n", open);
	else
		fprintf(rp->out, "%" PRIu64 " letters were replayed, %" PRIu64 " are left\n", rp->replayed,
				open + rp->refused);
	if (rp->refused > 0)
		fprintf(rp->out,
				"%" PRIu64 " stay, because the registry still refuses a schema for their topic\n",
				rp->refused);
	if (rp->texts > 0)
		fprintf(rp->out,
				"%" PRIu64
				" cannot be replayed: their changes could not be encoded; walrelay dlq show "
				"has their text\n",
				rp->texts);
}

enum rc
replay(struct loop *loop, const struct config *cfg, struct letters *ls,
	   const struct dlq_choice *choice, bool dry_run, FILE *out, struct err *e)
{
	struct replay rp = {.loop = loop, .cfg = cfg, .choice = choice, .ls = ls, .out = out};
	enum rc       rc = RC_OK;

	if (!dry_run && replay_count(&rp) > 0)
		rc = replay_open(&rp, e);
	while (rc == RC_OK && !dry_run && portion_choose(&rp))
	{
		rc = letters_load(ls, e);
		if (rc == RC_OK)
			rc = portion_send(&rp, e);
		if (rc == RC_OK)
			rc = portion_mark(&rp, e);
	}
	replay_tell(&rp, replay_count(&rp), dry_run);
	replay_close(&rp);
	return rc;
}
