/*
 * divert.c
 *		Messages that are passed over; see divert.h.
 */
#include "divert.h"

#include <stdlib.h>

#include "dump.h"
#include "policy.h"

struct divert
{
	const struct stream_context *ctx;
	struct poison               *poison;
	struct dump                 *dump; /* NULL: not needed yet */
	uint64_t                     tag;
	bool                         suspect; /* poison has some of this transaction */
	bool                         on;      /* the message at hand is passed over: */
	bool                         is_text;
	struct err                   why;
};

struct divert *
divert_new(const struct stream_context *ctx)
{
	struct divert *dv = xcalloc(1, sizeof(*dv));

	dv->ctx = ctx;
	dv->poison = poison_new();
	return dv;
}

void
divert_free(struct divert *dv)
{
	if (dv == NULL)
		return;
	dump_free(dv->dump);
	poison_free(dv->poison);
	free(dv);
}

void
divert_begin(struct divert *dv, uint64_t tag)
{
	dv->tag = tag;
	dv->suspect = poison_has(dv->poison, tag);
}

void
divert_off(struct divert *dv)
{
	dv->on = dv->is_text = false;
}

void
divert_stop(struct divert *dv)
{
	divert_off(dv);
	dv->suspect = false;
}

void
divert_look(struct divert *dv, uint64_t place)
{
	const struct err *why;

	if (!dv->suspect || dv->on)
		return;
	why = poison_find(dv->poison, dv->tag, place);
	if (why == NULL)
		return;
	dv->on = true;
	dv->why = *why;
}

bool
divert_catch(struct divert *dv, const struct err *e)
{
	if (dv->on || policy_record(e, dv->ctx->on_error) == POLICY_STOP)
		return false;
	dv->on = true;
	dv->why = *e;
	return true;
}

bool
divert_is_on(const struct divert *dv)
{
	return dv->on;
}

/* --- what cannot be encoded ----------------------------------------------------- */

static struct dump *
divert_dump(struct divert *dv)
{
	if (dv->dump == NULL)
		dv->dump = dump_new(NULL, 0);
	return dv->dump;
}

static void
text_message(struct divert *dv, struct str text, struct outgoing *out)
{
	*out = (struct outgoing){.has_value = true, .value = text};
	dv->is_text = true;
}

enum rc
divert_change(struct divert *dv, const struct table *tbl, const struct change *chg,
			  struct outgoing *out, struct err *e)
{
	struct str text = {"", 0};

	if (!divert_catch(dv, e))
		return RC_ERR;
	if (dv->ctx->on_error == ON_ERROR_DEAD_LETTER &&
		dump_change_text(divert_dump(dv), tbl, chg, &text, e) != RC_OK)
		return RC_ERR;
	text_message(dv, text, out);
	return RC_OK;
}

enum rc
divert_message(struct divert *dv, const struct message *msg, bool utf8, struct outgoing *out,
			   struct err *e)
{
	struct str text = {"", 0};

	if (!divert_catch(dv, e))
		return RC_ERR;
	if (dv->ctx->on_error == ON_ERROR_DEAD_LETTER)
		dump_message_text(divert_dump(dv), msg, utf8, &text);
	text_message(dv, text, out);
	return RC_OK;
}

/* --- sending --------------------------------------------------------------------- */

/* Like the letters of its stream, if that has some: their bytes need the same schemas. */
static void
divert_address(struct divert *dv, const struct stream *stream, struct letter *letter)
{
	static const char *const none[2] = {NULL, NULL};
	const struct letter     *other = dv->is_text ? NULL : stream->letter;

	dead_letters_address(dv->ctx->dead, stream->topic_name, stream->collection,
						 other ? other->schema : none, dv->is_text ? STAGE_VALUE : STAGE_PRODUCE,
						 &dv->why, letter);
	letter->is_text = dv->is_text;
}

enum rc
divert_send(struct divert *dv, const struct stream *stream, const struct outgoing *out,
			const struct place *at, uint64_t label, uint32_t *sent, struct err *e)
{
	const struct stream_context *ctx = dv->ctx;
	bool                         skips = ctx->on_error == ON_ERROR_SKIP;
	enum rc                      rc = RC_OK;
	struct letter                letter;

	*sent = 0;
	if (!skips)
		rc = dead_letters_open(ctx->dead, ctx->sink, ctx->routes, e);
	if (!skips && rc == RC_OK)
	{
		divert_address(dv, stream, &letter);
		rc = dead_letters_send(ctx->dead, &letter, at, out, label, sent, e);
	}
	if (rc != RC_OK)
		return rc;
	detours_count(ctx->detours, stream->collection, dv->why.code, dv->why.msg, skips, at);
	if (dv->is_text && dv->dump)
	{
		dump_free(dv->dump); /* a huge row's text must not stay */
		dv->dump = NULL;
	}
	divert_off(dv);
	return RC_OK;
}

bool
divert_refused(struct divert *dv, uint64_t tag, uint64_t place, uint64_t durable,
			   const struct err *e)
{
	poison_forget(dv->poison, durable);
	return tag != 0 && policy_record(e, dv->ctx->on_error) != POLICY_STOP &&
		   poison_add(dv->poison, tag, place, e);
}
