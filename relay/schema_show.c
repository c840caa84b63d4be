/*
 * schema_show.c
 *		Schemas of captured tables; see schema_show.h.
 */
#include "schema_show.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "selection.h"

struct show
{
	const struct config *cfg;
	unsigned             count; /* tables that are shown */
};

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

enum rc
schema_show(const struct config *cfg, const char *const *tables, unsigned ntables, bool json,
			FILE *file, struct err *e)
{
	struct show            show = {.cfg = cfg};
	struct selection       sel = {.failed = false};
	const struct captured *at = NULL;
	struct buf             out = {0};
	enum rc                rc = selection_begin(&sel, cfg, tables, ntables, e);

	if (rc == RC_OK)
	{
		buf_puts(&out, json ? "{\"tables\":[" : "");
		while ((at = selection_next(&sel, at)) != NULL)
		{
			if (json)
				put_table_json(&show, at, &out);
			else
				put_table(&show, at, &out);
			show.count++;
		}
		buf_puts(&out, json ? "]}\n" : "");
		fwrite(out.data, 1, out.len, file);
	}
	buf_free(&out);
	selection_end(&sel);
	return rc;
}
