/*
 * stream.c
 *		Streams are made, and their schemas registered; see stream.h.
 */
#include "stream.h"

#include <stdlib.h>

#include "crash_point.h"
#include "policy.h"
#include "schema.h"
#include "text.h"

/* The subject of a side's schema; the caller frees it. */
static char *
stream_subject(const struct stream_context *ctx, const struct stream *stream, enum side side)
{
	return route_subject(side == SIDE_KEY ? ctx->cfg->registry.key_subject
										  : ctx->cfg->registry.value_subject,
						 stream->topic_name, side, plan_schema(stream->plan, side));
}

/* What is refused is not to be asked for on behalf of a stream that is gone. */
static void
stream_drop(const struct stream_context *ctx, const struct stream *stream)
{
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
	{
		const char *text = plan_schema(stream->plan, (enum side) side);
		char       *subject = text ? stream_subject(ctx, stream, (enum side) side) : NULL;

		if (text)
			registry_drop(ctx->reg, subject, text);
		free(subject);
	}
}

void
stream_free(const struct stream_context *ctx, struct stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->plan && (!stream->ready || stream->letter))
		stream_drop(ctx, stream);
	free(stream->letter);
	if (stream->topic)
		ctx->sink->ops->topic_free(ctx->sink, stream->topic);
	plan_free(stream->plan);
	avro_free(stream->avro[SIDE_KEY]);
	avro_free(stream->avro[SIDE_VALUE]);
	free(stream->topic_name);
	free(stream->collection);
	free(stream);
}

/* Topics are made of names in UTF-8, whatever the server has. */
static enum rc
stream_route(const struct stream_context *ctx, const struct table *tbl, struct stream *stream,
			 struct err *e)
{
	uint64_t     replaced = 0; /* the plan counts it */
	struct text *text;
	enum rc      rc = text_new(ctx->fmt.encoding, &replaced, &text, e);

	if (rc != RC_OK)
		return rc;
	rc = route_server_table(ctx->routes, tbl, text, &stream->topic_name, &stream->collection, e);
	text_free(text);
	return rc;
}

/* Its topic and its plan. */
static enum rc
stream_fill(const struct stream_context *ctx, const struct table *tbl, struct stream *stream,
			struct err *e)
{
	enum rc rc = RC_ERR;

	switch (stream->kind)
	{
		case STREAM_TABLE:
			rc = stream_route(ctx, tbl, stream, e);
			if (rc == RC_OK)
				rc = plan_new(tbl, &ctx->fmt, ctx->stats, stream->topic_name, &stream->plan, e);
			break;
		case STREAM_MESSAGES:
			stream->collection = xstrdup("message");
			rc = route_messages(ctx->routes, &stream->topic_name, e);
			if (rc == RC_OK)
				rc = plan_new_message(&ctx->fmt, ctx->stats, stream->topic_name, &stream->plan, e);
			break;
		case STREAM_TRANSACTIONS:
			stream->collection = xstrdup("transaction");
			rc = route_named(ctx->routes, ctx->cfg->kafka.topic_transaction, &stream->topic_name, e);
			if (rc == RC_OK)
				rc = plan_new_boundary(&ctx->fmt, ctx->stats, &stream->plan, e);
			break;
		case STREAM_SCHEMA_CHANGES:
			stream->collection = xstrdup("schema changes");
			rc = route_named(ctx->routes, ctx->cfg->kafka.topic_schema_changes, &stream->topic_name,
							 e);
			if (rc == RC_OK)
				rc = plan_new_schema_change(&ctx->fmt, ctx->stats, &stream->plan, e);
			break;
	}
	return rc;
}

/*
 * A schema that libavro refuses must not reach a registry.  What libavro makes of
 * one takes ten times the memory of all else that a table has: kept only for a
 * sink that prints.
 */
static enum rc
stream_parse(const struct stream_context *ctx, struct stream *stream, enum side side,
			 struct err *e)
{
	const char  *text = plan_schema(stream->plan, side);
	struct avro *avro = NULL;
	enum rc      rc = text ? avro_new(text, &avro, e) : RC_OK;

	if (ctx->cfg->format.sink != SINK_KAFKA)
		stream->avro[side] = avro;
	else
		avro_free(avro);
	return rc;
}

/* Tables' topics are the brokers', or whoever's who has made them; all others are ours. */
static enum rc
stream_open(const struct stream_context *ctx, struct stream *stream, struct err *e)
{
	static const enum topic_use uses[] = {
		[STREAM_MESSAGES] = USE_MESSAGES,
		[STREAM_TRANSACTIONS] = USE_TRANSACTIONS,
		[STREAM_SCHEMA_CHANGES] = USE_SCHEMA_CHANGES,
	};
	struct avro *key = stream->avro[SIDE_KEY];
	struct avro *value = stream->avro[SIDE_VALUE];
	enum rc      rc;

	if (stream->topic)
		return RC_OK;
	if (stream->kind == STREAM_TABLE)
		rc = ctx->sink->ops->topic(ctx->sink, stream->topic_name, key, value, &stream->topic, e);
	else
		rc = sink_open_own(ctx->sink, stream->topic_name, uses[stream->kind], key, value,
						   &stream->topic, e);
	if (rc == RC_OK && stream->kind == STREAM_TABLE && ctx->counts)
	{
		stream->count = table_counts_of(ctx->counts, stream->collection, stream->topic_name);
		ctx->sink->ops->count(ctx->sink, stream->topic, &stream->count->sent);
	}
	return rc;
}

/* Everything but its topic and the registration. */
static enum rc
stream_new(const struct stream_context *ctx, enum stream_kind kind, const struct table *tbl,
		   struct stream **made, struct err *e)
{
	struct stream *stream = xcalloc(1, sizeof(*stream));
	enum rc        rc;

	stream->kind = kind;
	rc = stream_fill(ctx, tbl, stream, e);
	for (int side = SIDE_KEY; rc == RC_OK && side <= SIDE_VALUE; side++)
		rc = stream_parse(ctx, stream, (enum side) side, e);
	if (rc != RC_OK)
	{
		stream_free(ctx, stream);
		return rc;
	}
	*made = stream;
	return RC_OK;
}

/* Registers one side's schema; RC_AGAIN while the registry has not answered. */
static enum rc
stream_register(const struct stream_context *ctx, struct stream *stream, enum side side,
				struct err *e)
{
	const char *text = plan_schema(stream->plan, side);
	uint8_t     prefix[REGISTRY_PREFIX_MAX];
	size_t      len = 0;
	char       *subject;
	enum rc     rc;

	if (text == NULL)
		return RC_OK;
	subject = stream_subject(ctx, stream, side);
	rc = registry_prefix(ctx->reg, subject, text, prefix, &len, e);
	free(subject);
	if (rc == RC_OK)
		plan_set_prefix(stream->plan, side, prefix, len);
	return rc;
}

/*
 * Messages become dead letters, or would: their values, and keys without an id, in
 * single-object encoding.  why: of the refusal of one side.
 */
static enum rc
stream_bury(const struct stream_context *ctx, struct stream *stream, const bool refused[2],
			const struct err *why, struct err *e)
{
	const char *schemas[2] = {NULL, NULL};
	uint8_t     prefix[SINGLE_OBJECT_PREFIX];
	enum rc     rc = RC_OK;

	if (ctx->on_refusal == ON_ERROR_DEAD_LETTER)
		rc = dead_letters_open(ctx->dead, ctx->sink, ctx->routes, e);
	stream->opening = rc == RC_AGAIN;
	if (rc != RC_OK)
		return rc;
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
	{
		if (side == SIDE_KEY && !refused[side])
			continue;
		schemas[side] = plan_schema(stream->plan, (enum side) side);
		avro_single_object(schemas[side], prefix);
		plan_set_prefix(stream->plan, (enum side) side, prefix, sizeof(prefix));
	}
	if (stream->letter == NULL)
		stream->letter = xcalloc(1, sizeof(*stream->letter));
	dead_letters_address(ctx->dead, stream->topic_name, stream->collection, schemas,
						 refused[SIDE_VALUE] ? STAGE_VALUE : STAGE_KEY, why, stream->letter);
	CRASH_POINT(letters_begin);
	return RC_OK;
}

bool
stream_is_ready(const struct stream_context *ctx, const struct stream *stream)
{
	return stream->ready && (stream->letter == NULL || stream->answers == registry_answers(ctx->reg));
}

enum rc
stream_prepare(const struct stream_context *ctx, enum stream_kind kind, const struct table *tbl,
			   struct stream **made, struct err *e)
{
	struct stream *stream;
	struct err     why;
	bool           refused[2] = {false, false};
	enum rc        rc;

	if (*made == NULL && stream_new(ctx, kind, tbl, made, e) != RC_OK)
		return RC_ERR;
	stream = *made;
	rc = stream_open(ctx, stream, e);
	stream->opening = rc == RC_AGAIN;
	if (rc == RC_ERR)
		return RC_ERR;
	stream->answers = registry_answers(ctx->reg);
	/* All are asked for at once: they wait together. */
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
	{
		enum rc side_rc = stream_register(ctx, stream, (enum side) side, e);

		if (side_rc == RC_ERR && policy_schema(e, ctx->on_refusal) == POLICY_STOP)
			return RC_ERR;
		refused[side] = side_rc == RC_ERR;
		if (refused[side])
			why = *e;
		if (side_rc == RC_AGAIN)
			rc = RC_AGAIN;
	}
	stream->refused = refused[SIDE_KEY] || refused[SIDE_VALUE];
	if (rc == RC_OK && stream->refused)
		rc = ctx->on_refusal == ON_ERROR_STOP ? RC_AGAIN
											  : stream_bury(ctx, stream, refused, &why, e);
	else if (rc == RC_OK)
	{
		free(stream->letter);
		stream->letter = NULL;
	}
	stream->ready = rc == RC_OK;
	if (stream->ready && stream->letter == NULL && ctx->cfg->format.avro_verify == 0)
		plan_forget_schemas(stream->plan);
	return rc;
}

enum rc
stream_send(const struct stream_context *ctx, struct stream *stream, const struct outgoing *out,
			const struct place *at, uint64_t label, uint32_t *sent, struct err *e)
{
	const struct letter *letter = stream->letter;
	bool                 skips = letter && ctx->on_refusal == ON_ERROR_SKIP;
	enum rc              rc = RC_OK;

	*sent = 0;
	if (letter == NULL)
	{
		rc = ctx->sink->ops->send(ctx->sink, stream->topic, out, label, e);
		*sent = rc == RC_OK;
		return rc;
	}
	if (!skips)
		rc = dead_letters_send(ctx->dead, letter, at, out, label, sent, e);
	else
		detours_count(ctx->detours, letter->table, letter->code, letter->message, true, at);
	return rc;
}
