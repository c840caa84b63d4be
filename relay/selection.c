/*
 * selection.c
 *		Captured tables, and which of them are meant; see selection.h.
 */
#include "selection.h"

/* The first trouble is what keeps the rest from being known. */
static void
on_trouble(void *arg, enum verdict verdict, const char *check, const struct err *e)
{
	struct selection *sel = arg;

	(void) verdict;
	(void) check;
	if (!sel->failed)
		sel->why = *e;
	sel->failed = true;
}

static enum rc
tables_learn(struct selection *sel, const struct config *cfg, struct err *e)
{
	sel->visit.cfg = cfg;
	if (visit_begin(&sel->visit, PG_REPLICATION, e) != RC_OK)
		return RC_ERR;
	if (sel->visit.facts.in_recovery)
	{
		err_set(e, ERR_CONFIG, E1230, "a standby cannot tell its tables");
		err_detail(e, "The plugin is asked through a slot that is made for a moment.");
		return err_hint(e, "Name the primary in source.conninfo.");
	}
	sel->caps.trouble = on_trouble;
	sel->caps.arg = sel;
	sel->caps.cfg = cfg;
	sel->caps.visit = &sel->visit;
	sel->caps.routes = route_new(cfg->kafka.topic_prefix, cfg->kafka.topic_delimiter);
	if (captured_probe(&sel->caps))
		(void) captured_learn(&sel->caps);
	if (!sel->failed)
		return RC_OK;
	*e = sel->why;
	return RC_ERR;
}

static enum rc
patterns_take(struct selection *sel, const char *const *tables, unsigned ntables, struct err *e)
{
	struct buf list = {0};
	enum rc    rc = RC_OK;

	for (unsigned i = 0; i < ntables; i++)
		buf_printf(&list, "%s%s", i ? "," : "", tables[i]);
	if (ntables > 0)
		rc = patterns_new("TABLE", buf_cstr(&list), &sel->patterns, e);
	buf_free(&list);
	return rc;
}

static enum rc
none_found(const struct selection *sel, struct err *e)
{
	if (sel->patterns == NULL)
	{
		err_set(e, ERR_CONFIG, E1250, "no table is captured");
		return err_hint(e, "Look at table.include.list, and see walrelay check.");
	}
	err_set(e, ERR_CONFIG, E1245, "no captured table is what was asked for");
	return err_hint(e, "Write schema.table, or a regular expression for all of it; look at "
					   "table.include.list.");
}

enum rc
selection_begin(struct selection *sel, const struct config *cfg, const char *const *tables,
				unsigned ntables, struct err *e)
{
	if (config_check(cfg, e) != RC_OK || patterns_take(sel, tables, ntables, e) != RC_OK ||
		tables_learn(sel, cfg, e) != RC_OK)
		return RC_ERR;
	return selection_next(sel, NULL) ? RC_OK : none_found(sel, e);
}

void
selection_end(struct selection *sel)
{
	captures_free(&sel->caps);
	route_free(sel->caps.routes);
	visit_end(&sel->visit);
	patterns_free(sel->patterns);
}

const struct captured *
selection_next(const struct selection *sel, const struct captured *after)
{
	const struct captured *at = after ? after->next : sel->caps.tables;

	while (at && (at->again || at->plan == NULL ||
				  (sel->patterns && !patterns_match(sel->patterns, at->name))))
		at = at->next;
	return at;
}
