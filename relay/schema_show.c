/*
 * schema_show.c
 *		Schemas of captured tables; see schema_show.h.
 */
#include "schema_show.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "captured.h"
#include "json.h"
#include "patterns.h"

struct show
{
	const struct config *cfg;
	struct visit         visit;
	struct captures      caps;
	struct patterns     *patterns; /* NULL: all tables */
	bool                 failed;
	struct err           why;
	unsigned             count; /* tables that are shown */
};

/* --- what there is ----------------------------------------------------------------- */

/* The first trouble is what keeps the rest from being known. */
static void
on_trouble(void *arg, enum verdict verdict, const char *check, const struct err *e)
{
	struct show *show = arg;

	(void) verdict;
	(void) check;
	if (!show->failed)
		show->why = *e;
	show->failed = true;
}

static enum rc
tables_learn(struct show *show, struct err *e)
{
	if (visit_begin(&show->visit, PG_REPLICATION, e) != RC_OK)
		return RC_ERR;
	if (show->visit.facts.in_recovery)
	{
		err_set(e, ERR_CONFIG, E1230, "a standby cannot tell its tables");
		err_detail(e, "The plugin is asked through a slot that is made for a moment.");
		return err_hint(e, "Name the primary in source.conninfo.");
	}
	show->caps.trouble = on_trouble;
	show->caps.arg = show;
	show->caps.cfg = show->cfg;
	show->caps.visit = &show->visit;
	show->caps.routes = route_new(show->cfg->kafka.topic_prefix, show->cfg->kafka.topic_delimiter);
	if (captured_probe(&show->caps))
		(void) captured_learn(&show->caps);
	if (!show->failed)
		return RC_OK;
	*e = show->why;
	return RC_ERR;
}

static void
show_end(struct show *show)
{
	captures_free(&show->caps);
	route_free(show->caps.routes);
	visit_end(&show->visit);
	patterns_free(show->patterns);
}

static bool
is_wanted(const struct show *show, const struct captured *table)
{
	return !table->again && table->plan &&
		   (show->patterns == NULL || patterns_match(show->patterns, table->name));
}

/* --- how it looks ------------------------------------------------------------------- */

/* JSON text in lines; what it says stays as it is, byte for byte. */
static void
put_laid_out(const char *json, struct buf *out)
{
	int  depth = 0;
	bool quoted = false;

	for (const char *c = json; *c; c++)
	{
		bool ends = *c == '}' || *c == ']';

		if (!quoted && ends && c[-1] != '{' && c[-1] != '[')
			buf_printf(out, "\n%*s", 2 * (depth - 1), "");
		depth -= !quoted && ends;
		buf_put(out, c, 1);
		if (quoted && *c == '\\')
			buf_put(out, ++c, 1);
		else if (*c == '"')
			quoted = !quoted;
		else if (!quoted && (*c == '{' || *c == '['))
		{
			depth++;
			if (c[1] != '}' && c[1] != ']')
				buf_printf(out, "\n%*s", 2 * depth, "");
		}
		else if (!quoted && *c == ',')
			buf_printf(out, "\n%*s", 2 * depth, "");
		else if (!quoted && *c == ':')
			buf_puts(out, " ");
	}
}

static char *
subject_of(const struct show *show, const struct captured *table, enum side side)
{
	return route_subject(side == SIDE_KEY ? show->cfg->registry.key_subject
										  : show->cfg->registry.value_subject,
						 table->topic, side, plan_schema(table->plan, side));
}

static void
put_table(struct show *show, const struct captured *table, struct buf *out)
{
	buf_printf(out, "%stable %s, topic %s\n", show->count ? "\n" : "", table->name, table->topic);
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
	{
		const char *schema = plan_schema(table->plan, (enum side) side);
		char       *subject;

		if (schema == NULL)
		{
			buf_puts(out, "no key\n");
			continue;
		}
		subject = subject_of(show, table, (enum side) side);
		buf_printf(out, "subject %s\n", subject);
		put_laid_out(schema, out);
		buf_puts(out, "\n");
		free(subject);
	}
}

static void
put_table_json(struct show *show, const struct captured *table, struct buf *out)
{
	buf_puts(out, show->count ? ",{\"table\":" : "{\"table\":");
	json_string(out, table->name, strlen(table->name));
	buf_puts(out, ",\"topic\":");
	json_string(out, table->topic, strlen(table->topic));
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
	{
		const char *schema = plan_schema(table->plan, (enum side) side);
		char       *subject;

		buf_puts(out, side == SIDE_KEY ? ",\"key\":" : ",\"value\":");
		if (schema == NULL)
		{
			buf_puts(out, "null");
			continue;
		}
		subject = subject_of(show, table, (enum side) side);
		buf_puts(out, "{\"subject\":");
		json_string(out, subject, strlen(subject));
		buf_printf(out, ",\"schema\":%s}", schema);
		free(subject);
	}
	buf_puts(out, "}");
}

/* --- the command ----------------------------------------------------------------------- */

static enum rc
patterns_take(struct show *show, const char *const *tables, unsigned ntables, struct err *e)
{
	struct buf list = {0};
	enum rc    rc = RC_OK;

	for (unsigned i = 0; i < ntables; i++)
		buf_printf(&list, "%s%s", i ? "," : "", tables[i]);
	if (ntables > 0)
		rc = patterns_new("TABLE", buf_cstr(&list), &show->patterns, e);
	buf_free(&list);
	return rc;
}

static enum rc
none_found(const struct show *show, struct err *e)
{
	if (show->patterns == NULL)
	{
		err_set(e, ERR_CONFIG, E1250, "no table is captured");
		return err_hint(e, "Look at table.include.list, and see walrelay check.");
	}
	err_set(e, ERR_CONFIG, E1245, "no captured table is what was asked for");
	return err_hint(e, "Write schema.table, or a regular expression for all of it; look at "
					   "table.include.list.");
}

enum rc
schema_show(const struct config *cfg, const char *const *tables, unsigned ntables, bool json,
			FILE *file, struct err *e)
{
	struct show            show = {.cfg = cfg, .visit = {.cfg = cfg}};
	const struct captured *at;
	struct buf             out = {0};
	enum rc                rc = config_check(cfg, e);

	if (rc == RC_OK)
		rc = patterns_take(&show, tables, ntables, e);
	if (rc == RC_OK)
		rc = tables_learn(&show, e);
	if (rc == RC_OK)
	{
		buf_puts(&out, json ? "{\"tables\":[" : "");
		LL_FOREACH(show.caps.tables, at)
			if (is_wanted(&show, at))
			{
				if (json)
					put_table_json(&show, at, &out);
				else
					put_table(&show, at, &out);
				show.count++;
			}
		buf_puts(&out, json ? "]}\n" : "");
		if (show.count == 0)
			rc = none_found(&show, e);
		else
			fwrite(out.data, 1, out.len, file);
	}
	buf_free(&out);
	show_end(&show);
	return rc;
}
