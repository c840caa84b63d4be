/*
 * check_registry.c
 *		The schema registry: would it take the schemas that there are; see check.h.
 *
 * Nothing is registered: schemas are looked up, or their compatibility is asked for.
 */
#include "check_parts.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include <cjson/cJSON.h>

#include "desk.h"
#include "http.h"
#include "reply.h"

struct inquiry
{
	struct check *check;
	struct desk   desk;
	unsigned      known; /* schemas that are registered, as far as was asked */
	unsigned      fine;  /* that can be */
	unsigned      refused;
};

/* --- what was answered ----------------------------------------------------------------------- */

static bool
is_true(const struct inquiry *inq, const char *name)
{
	cJSON *json = cJSON_ParseWithLength(inq->desk.body.data ? (const char *) inq->desk.body.data : "",
										inq->desk.body.len);
	bool   yes = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, name));

	cJSON_Delete(json);
	return yes;
}

static void
inquiry_refused(struct inquiry *inq, const struct err *e)
{
	findings_add(inq->check->findings, VERDICT_FAIL, "registry.schemas", e);
	inq->refused++;
}

/* How ours differs from the latest one, and what the level says to that. */
static void
say_incompatible(struct inquiry *inq, const struct asked *asked)
{
	struct version latest = {0};
	struct buf     none = {0};
	char           level[LEVEL_MAX] = "";
	struct err     e;

	if (!desk_ask(&inq->desk, xasprintf("/subjects/%s/versions/latest", asked->escaped), NULL))
		return;
	if (inq->desk.status == 200)
		(void) !reply_version(&inq->desk.body, asked, &latest, &e);
	if (desk_ask(&inq->desk, xasprintf("/config/%s", asked->escaped), NULL) && inq->desk.status == 200)
		reply_level(&inq->desk.body, level);
	if (level[0] == '\0' && desk_ask(&inq->desk, xstrdup("/config"), NULL) && inq->desk.status == 200)
		reply_level(&inq->desk.body, level);
	reply_refusal(&none, 409, asked, &e);
	reply_explain(asked, &latest, level, &e);
	inquiry_refused(inq, &e);
	free(latest.schema);
}

/* auto.register.schemas=false: it has to be there. */
static void
ask_lookup(struct inquiry *inq, const struct asked *asked, const char *body)
{
	struct err e;

	if (!desk_ask(&inq->desk, xasprintf("/subjects/%s", asked->escaped), body))
		return;
	if (inq->desk.status == 200)
	{
		inq->known++;
		return;
	}
	reply_refusal(&inq->desk.body, inq->desk.status, asked, &e);
	inquiry_refused(inq, &e);
}

static void
ask_compatibility(struct inquiry *inq, const struct asked *asked, const char *body)
{
	struct err e;

	if (!desk_ask(&inq->desk,
				  xasprintf("/compatibility/subjects/%s/versions/latest", asked->escaped), body))
		return;
	if (inq->desk.status == 404 || (inq->desk.status == 200 && is_true(inq, "is_compatible")))
		inq->fine++; /* a subject that is not there takes any */
	else if (inq->desk.status == 200)
		say_incompatible(inq, asked);
	else
	{
		reply_refusal(&inq->desk.body, inq->desk.status, asked, &e);
		inquiry_refused(inq, &e);
	}
}

static void
ask_side(struct inquiry *inq, const struct captured *table, enum side side)
{
	const struct config *cfg = inq->check->cfg;
	const char          *schema = plan_schema(table->plan, side);
	char                *subject;
	char                *escaped;
	char                *body;
	char                *url; /* the next answer may be of another one */
	struct asked         asked;

	if (schema == NULL || inq->desk.failed)
		return;
	subject = route_subject(side == SIDE_KEY ? cfg->registry.key_subject
											 : cfg->registry.value_subject,
							table->topic, side, schema);
	escaped = http_escape(subject);
	body = reply_request(schema);
	url = xstrdup(inq->desk.url);
	asked = (struct asked){.url = url,
						   .subject = subject,
						   .escaped = escaped,
						   .schema = schema,
						   .auto_register = cfg->registry.auto_register,
						   .use_latest = cfg->registry.use_latest,
						   .dead_letter = config_on_refusal(cfg) == ON_ERROR_DEAD_LETTER};
	if (cfg->registry.auto_register)
		ask_compatibility(inq, &asked, body);
	else
		ask_lookup(inq, &asked, body);
	free(subject);
	free(escaped);
	free(body);
	free(url);
}

/* --- all of it --------------------------------------------------------------------------------- */

/* It has answered the question that every registry can answer, and not well. */
static void
say_no_registry(struct inquiry *inq)
{
	struct err e;

	if (inq->desk.status == 404)
	{
		err_set(&e, ERR_CONFIG, E1805, "what answers at %s is no schema registry", inq->desk.url);
		err_detail(&e, "It knows neither /config nor /subjects.");
		err_hint(&e, "Check that registry.url is the base of an interface like Confluent's, with its "
					 "path if it has one (/apis/ccompat/v7 for Apicurio).");
	}
	else
		reply_refusal(&inq->desk.body, inq->desk.status,
					  &(struct asked){.url = inq->desk.url, .subject = "", .escaped = "", .schema = ""},
					  &e);
	findings_add(inq->check->findings, VERDICT_FAIL, "registry.connection", &e);
}

/* Login, path and level; not all have one. */
static bool
ask_registry(struct inquiry *inq)
{
	struct check *check = inq->check;
	char          level[LEVEL_MAX] = "";

	if (desk_ask(&inq->desk, xstrdup("/config"), NULL) && inq->desk.status == 200)
		reply_level(&inq->desk.body, level);
	else if (inq->desk.status == 404)
		(void) desk_ask(&inq->desk, xstrdup("/subjects"), NULL);
	if (inq->desk.failed)
	{
		findings_add(check->findings, VERDICT_FAIL, "registry.connection", &inq->desk.why);
		return false;
	}
	if (inq->desk.status != 200)
	{
		say_no_registry(inq);
		return false;
	}
	findings_ok(check->findings, "registry.connection", "%s, compatibility %s", inq->desk.url,
				level[0] ? level : "not told");
	return true;
}

static void
ask_schemas(struct inquiry *inq)
{
	struct check    *check = inq->check;
	struct captured *at;

	LL_FOREACH(check->caps.tables, at)
		for (int side = SIDE_KEY; at->plan && side <= SIDE_VALUE; side++)
			ask_side(inq, at, (enum side) side);
	if (inq->desk.failed)
		findings_add(check->findings, VERDICT_FAIL, "registry.schemas", &inq->desk.why);
	else if (inq->refused == 0)
		findings_ok(check->findings, "registry.schemas", "%u schemas %s", inq->known + inq->fine,
					inq->known ? "are registered" : "are new or compatible");
}

void
check_registry(struct check *check)
{
	struct inquiry inq = {.check = check};
	struct err     e;

	if (check->cfg->format.sink != SINK_KAFKA || *check->cfg->registry.url == '\0')
	{
		findings_skip(check->findings, "registry.connection", "registry.url is not used");
		return;
	}
	if (check_take(check, "registry.connection", desk_open(&inq.desk, check->cfg, &e), &e) &&
		ask_registry(&inq))
	{
		if (check->knows_tables && check->caps.ntables > 0)
			ask_schemas(&inq);
		else
			findings_skip(check->findings, "registry.schemas", "no table is known");
	}
	desk_close(&inq.desk);
}
