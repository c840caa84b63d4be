/*
 * check_registry.c
 *		The schema registry: would it take the schemas that there are; see check.h.
 */
#include "check_parts.h"

#include <stdlib.h>
#include <utlist.h>

#include "inquiry.h"

/* How many schemas, as far as was asked. */
struct answers
{
	unsigned known;   /* are registered */
	unsigned fine;    /* can be */
	unsigned refused;
};

/* How ours differs from the latest one, and what the level says to that. */
static enum rc
say_incompatible(struct inquiry *inq, const struct matter *matter, struct err *e)
{
	struct version latest = {0};
	char           level[LEVEL_MAX];

	(void) !inquiry_latest(inq, matter, &latest, e);
	inquiry_level(inq, matter, false, level);
	inquiry_explain(matter, &latest, level, e);
	free(latest.schema);
	return RC_ERR;
}

static enum rc
ask_schema(struct inquiry *inq, const struct matter *matter, struct answers *answers, struct err *e)
{
	bool accepts;
	int  number;

	/* auto.register.schemas=false: it has to be there. */
	if (!matter->asked.auto_register)
	{
		if (inquiry_lookup(inq, matter, &number, e) != RC_OK)
			return RC_ERR;
		answers->known++;
		return RC_OK;
	}
	if (inquiry_accepts(inq, matter, &accepts, NULL, e) != RC_OK)
		return RC_ERR;
	if (!accepts)
		return say_incompatible(inq, matter, e);
	answers->fine++;
	return RC_OK;
}

static void
ask_side(struct check *check, struct inquiry *inq, const struct captured *table, enum side side,
		 struct answers *answers)
{
	struct matter matter;
	struct err    e;

	if (inq->desk.failed || !matter_of(inq, table, side, &matter))
		return;
	if (ask_schema(inq, &matter, answers, &e) != RC_OK && !inq->desk.failed)
	{
		findings_add(check->findings, VERDICT_FAIL, "registry.schemas", &e);
		answers->refused++;
	}
	matter_free(&matter);
}

static void
ask_schemas(struct check *check, struct inquiry *inq)
{
	struct answers   answers = {0};
	struct captured *at;

	LL_FOREACH(check->caps.tables, at)
		for (int side = SIDE_KEY; at->plan && side <= SIDE_VALUE; side++)
			ask_side(check, inq, at, (enum side) side, &answers);
	if (inq->desk.failed)
		findings_add(check->findings, VERDICT_FAIL, "registry.schemas", &inq->desk.why);
	else if (answers.refused == 0)
		findings_ok(check->findings, "registry.schemas", "%u schemas %s",
					answers.known + answers.fine,
					answers.known ? "are registered" : "are new or compatible");
}

void
check_registry(struct check *check)
{
	struct inquiry inq = {.cfg = NULL};
	struct err     e;

	if (check->cfg->format.sink != SINK_KAFKA || *check->cfg->registry.url == '\0')
	{
		findings_skip(check->findings, "registry.connection", "registry.url is not used");
		return;
	}
	if (check_take(check, "registry.connection", inquiry_open(&inq, check->cfg, &e), &e))
	{
		findings_ok(check->findings, "registry.connection", "%s, compatibility %s", inq.desk.url,
					inq.level[0] ? inq.level : "not told");
		if (check->knows_tables && check->caps.ntables > 0)
			ask_schemas(check, &inq);
		else
			findings_skip(check->findings, "registry.schemas", "no table is known");
	}
	inquiry_close(&inq);
}
