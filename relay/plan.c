/*
 * plan.c
 *		Compiles a table's description into a plan; see encode.h and plan.h.
 */
#include "plan.h"

#include <stdlib.h>

#include "envelope.h"
#include "names.h"
#include "schema_change.h"

static struct str
str_of(const char *s)
{
	return (struct str){s, strlen(s)};
}

/* A key made of columns that a key-only old tuple would lack could not be told of a delete. */
static bool
is_covered(const struct table *tbl)
{
	for (uint32_t i = 0; i < tbl->nkey; i++)
		if (!(tbl->columns[tbl->key[i]].flags & WIRE_COLUMN_IDENTITY))
			return false;
	return tbl->nkey > 0;
}

/*
 * The message key: the primary key, else the first unique index, as Debezium
 * has it.  With another index as replica identity that is so only if that
 * index covers them; if not, the key is that index.
 */
static void
plan_choose_key(struct plan *plan)
{
	const struct table *tbl = plan->tbl;

	plan->key_places = tbl->key;
	plan->nkeys = tbl->key_kind == WIRE_KEY_NONE ? 0 : tbl->nkey;
	if (tbl->identity == 'i' && !is_covered(tbl) && tbl->nidentity > 0)
	{
		plan->key_places = tbl->identity_key;
		plan->nkeys = tbl->nidentity;
	}
	plan->keys = arena_alloc(plan->arena, (plan->nkeys + 1) * sizeof(*plan->keys));
}

static bool
is_key(const struct plan *plan, uint32_t place)
{
	for (uint32_t i = 0; i < plan->nkeys; i++)
		if (plan->key_places[i] == place)
			return true;
	return false;
}

static enum rc
plan_check_names(const struct plan *plan, struct err *e)
{
	for (uint32_t i = 0; i < plan->nops; i++)
		for (uint32_t j = 0; j < i; j++)
		{
			const struct op *first = &plan->ops[j];
			const struct op *second = &plan->ops[i];

			if (!first->shape || !second->shape || strcmp(first->field, second->field) != 0)
				continue;
			err_set(e, ERR_CONFIG, E1605,
					"columns \"%s\" and \"%s\" of table \"%s.%s\" both become field \"%s\"",
					first->col->name, second->col->name, plan->tbl->schema, plan->tbl->name,
					second->field);
			return err_hint(e, "Set format.field.name.adjustment.mode=avro_unicode, which keeps "
							   "all names apart, or rename one of the columns.");
		}
	return RC_OK;
}

static struct op_context
plan_context(struct plan *plan, const struct format *fmt)
{
	return (struct op_context){
		.tbl = plan->tbl,
		.fmt = fmt,
		.stats = plan->stats,
		.text = plan->text,
		.scratch = &plan->work->scratch,
		.scratch2 = &plan->work->scratch2,
		.arena = plan->arena,
	};
}

/* Room for images of so many places.  Only between encode calls. */
static void
workspace_fit(struct workspace *work, uint32_t room)
{
	if (room <= work->room)
		return;
	work->room = room;
	work->before.at = xrealloc(work->before.at, room * sizeof(size_t));
	work->after.at = xrealloc(work->after.at, room * sizeof(size_t));
}

static enum rc
plan_compile(struct plan *plan, const struct format *fmt, struct err *e)
{
	const struct table *tbl = plan->tbl;
	struct op_context   ctx = plan_context(plan, fmt);
	struct buf          field = {0};

	plan_choose_key(plan);
	plan->nops = tbl->ncolumns;
	plan->ops = arena_alloc(plan->arena, (plan->nops + 1) * sizeof(*plan->ops));
	workspace_fit(plan->work, plan->nops + 1);
	for (uint32_t i = 0; i < plan->nops; i++)
	{
		struct op     *op = &plan->ops[i];
		struct column *col = &tbl->columns[i];
		struct str     name;
		enum rc        rc = op_init(op, &ctx, col, is_key(plan, i), e);

		if (rc != RC_OK)
		{
			buf_free(&field);
			return rc;
		}
		name = text_utf8(plan->text, str_of(col->name));
		buf_reset(&plan->work->scratch);
		buf_put(&plan->work->scratch, name.data, name.len);
		buf_reset(&field);
		names_field(fmt->field_names, buf_cstr(&plan->work->scratch), &field);
		op->field = arena_strndup(plan->arena, (const char *) field.data, field.len);
		plan->nidentity += op->identity;
	}
	buf_free(&field);
	for (uint32_t i = 0; i < plan->nkeys; i++)
		plan->keys[i] = &plan->ops[plan->key_places[i]];
	return plan_check_names(plan, e);
}

struct workspace *
workspace_new(void)
{
	return xcalloc(1, sizeof(struct workspace));
}

void
workspace_free(struct workspace *work)
{
	if (work == NULL)
		return;
	for (int i = 0; i < 2; i++)
	{
		buf_free(&work->split[i]);
		buf_free(&work->header[i]);
	}
	source_block_free(&work->source);
	free(work->before.at);
	free(work->after.at);
	buf_free(&work->before.key);
	buf_free(&work->after.key);
	buf_free(&work->value);
	buf_free(&work->scratch);
	buf_free(&work->scratch2);
	text_free(work->text);
	free(work);
}

/* The connector's context, as Debezium puts it on each message. */
static void
workspace_headers(struct workspace *work, const struct format *fmt)
{
	struct header *common = work->headers[0] + 1;

	common[0] = (struct header){"__debezium.context.connectorLogicalName", str_of(fmt->prefix)};
	common[1] = (struct header){"__debezium.context.taskId", str_of("0")};
	common[2] = (struct header){"__debezium.context.connectorName", str_of("postgresql")};
	common[3] = (struct header){"__debezium.context.runId", str_of(fmt->run_id)};
	for (int i = 1; i < ENCODE_MAX_OUT; i++)
		memcpy(work->headers[i], work->headers[0], sizeof(work->headers[i]));
}

/* For the first plan. */
static enum rc
workspace_start(struct workspace *work, const struct format *fmt, struct encode_stats *stats,
				struct err *e)
{
	if (work->text)
		return RC_OK;
	if (text_new(fmt->encoding, &stats->replaced, &work->text, e) != RC_OK)
		return RC_ERR;
	source_block_init(&work->source, fmt, work->text);
	if (fmt->extended_headers)
		workspace_headers(work, fmt);
	return RC_OK;
}

static enum rc
plan_start(const struct table *tbl, const struct format *fmt, struct encode_stats *stats,
		   struct plan **out, struct err *e)
{
	struct plan *plan = xcalloc(1, sizeof(*plan));

	plan->tbl = tbl;
	plan->stats = stats;
	plan->tombstones = fmt->tombstones;
	plan->truncates = fmt->truncates;
	plan->transactions = fmt->transactions;
	plan->ncommon = fmt->extended_headers ? HEADERS_COMMON : 0;
	plan->arena = arena_new();
	plan->own_work = fmt->work ? NULL : workspace_new();
	plan->work = fmt->work ? fmt->work : plan->own_work;
	*out = plan;
	if (workspace_start(plan->work, fmt, stats, e) != RC_OK)
		return RC_ERR;
	plan->text = plan->work->text;
	return RC_OK;
}

/* Schema and table of an event's source; "" for what is of no table. */
static void
plan_keep_names(struct plan *plan, const char *schema, const char *table)
{
	struct buf names = {0};

	source_names_put(plan->text, schema, table, &names);
	plan->names.data = arena_strndup(plan->arena, (const char *) names.data, names.len);
	plan->names.len = names.len;
	buf_free(&names);
	source_block_forget_names(&plan->work->source);
}

enum rc
plan_new(const struct table *tbl, const struct format *fmt, struct encode_stats *stats,
		 const char *topic, struct plan **out, struct err *e)
{
	struct plan *plan = NULL;
	struct buf   name = {0};
	enum rc      rc = plan_start(tbl, fmt, stats, &plan, e);

	if (rc == RC_OK)
		rc = plan_compile(plan, fmt, e);
	if (rc != RC_OK)
	{
		plan_free(plan);
		return rc;
	}
	plan_keep_names(plan, tbl->schema, tbl->name);
	names_schema(fmt->schema_names, topic, &name);
	if (plan->nkeys > 0)
		plan->sides[SIDE_KEY].schema = envelope_key(buf_cstr(&name), plan->keys, plan->nkeys);
	plan->sides[SIDE_VALUE].schema =
		envelope_value(buf_cstr(&name), plan->ops, plan->nops, fmt->profile);
	buf_free(&name);
	*out = plan;
	return RC_OK;
}

enum rc
plan_new_message(const struct format *fmt, struct encode_stats *stats, const char *topic,
				 struct plan **out, struct err *e)
{
	struct plan      *plan = NULL;
	struct op_context ctx;
	enum rc           rc = plan_start(NULL, fmt, stats, &plan, e);

	(void) topic; /* these records have names of their own */
	if (rc != RC_OK)
	{
		plan_free(plan);
		return rc;
	}
	plan_keep_names(plan, "", "");
	ctx = plan_context(plan, fmt);
	op_init_content(&plan->content, &ctx);
	plan->ncommon = 0; /* Debezium has none on these */
	plan->sides[SIDE_KEY].schema = envelope_message_key();
	plan->sides[SIDE_VALUE].schema = envelope_message_value(&plan->content, fmt->profile);
	*out = plan;
	return RC_OK;
}

enum rc
plan_new_boundary(const struct format *fmt, struct encode_stats *stats, struct plan **out,
				  struct err *e)
{
	struct plan *plan = NULL;
	enum rc      rc = plan_start(NULL, fmt, stats, &plan, e);

	if (rc != RC_OK)
	{
		plan_free(plan);
		return rc;
	}
	plan->ncommon = 0; /* Debezium has none on these */
	plan->sides[SIDE_KEY].schema = envelope_transaction_key();
	plan->sides[SIDE_VALUE].schema = envelope_transaction_value();
	*out = plan;
	return RC_OK;
}

enum rc
plan_new_schema_change(const struct format *fmt, struct encode_stats *stats, struct plan **out,
					   struct err *e)
{
	struct plan *plan = NULL;
	enum rc      rc = plan_start(NULL, fmt, stats, &plan, e);

	if (rc != RC_OK)
	{
		plan_free(plan);
		return rc;
	}
	plan->ncommon = 0;
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
		plan->sides[side].schema = xstrdup(schema_change_schema((enum side) side));
	*out = plan;
	return RC_OK;
}

void
plan_prefetch(const struct plan *plan)
{
	for (const char *line = (const char *) plan; line < (const char *) &plan->content;
		 line += ARENA_LINE)
		__builtin_prefetch(line);
}

void
plan_prefetch_ops(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->nops; i++)
		__builtin_prefetch(&plan->ops[i]);
	__builtin_prefetch(plan->key_places);
	__builtin_prefetch(plan->names.data);
}

void
plan_trim(struct plan *plan)
{
	struct workspace *work = plan->work;

	text_trim(plan->text);
	buf_restart(&work->scratch);
	buf_restart(&work->scratch2);
	buf_restart(&work->value);
	buf_restart(&work->before.key);
	buf_restart(&work->after.key);
	for (int i = 0; i < 2; i++)
	{
		buf_restart(&work->split[i]);
		buf_restart(&work->header[i]);
	}
}

void
plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
	{
		free(plan->sides[side].schema);
		avro_free(plan->sides[side].avro);
	}
	workspace_free(plan->own_work);
	arena_free(plan->arena);
	free(plan);
}

const struct column *
plan_left_out(const struct plan *plan, uint32_t *at)
{
	while (*at < plan->nops && plan->ops[*at].shape)
		(*at)++;
	return *at < plan->nops ? &plan->tbl->columns[(*at)++] : NULL;
}

const char *
plan_schema(const struct plan *plan, enum side side)
{
	return plan->sides[side].schema;
}

void
plan_forget_schemas(struct plan *plan)
{
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
	{
		free(plan->sides[side].schema);
		plan->sides[side].schema = NULL;
	}
}

void
plan_set_prefix(struct plan *plan, enum side side, const uint8_t *prefix, size_t len)
{
	if (len > PREFIX_MAX)
		len = PREFIX_MAX;
	memcpy(plan->sides[side].prefix, prefix, len);
	plan->sides[side].prefix_len = len;
}
