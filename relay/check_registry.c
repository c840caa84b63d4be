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

#include "http.h"
#include "loop.h"
#include "reply.h"

struct desk
{
	struct check     *check;
	struct loop      *loop;
	struct http      *http;
	struct http_call *call; /* NULL: it has ended */
	long              status;
	struct buf        body;
	char             *url; /* who answered */
	bool              failed;
	struct err        why;
	unsigned          known; /* schemas that are registered, as far as was asked */
	unsigned          fine;  /* that can be */
	unsigned          refused;
};

/* --- one question ------------------------------------------------------------------------ */

static void
on_state(void *arg, bool up, const struct err *why)
{
	struct desk *desk = arg;

	if (up)
		return;
	desk->failed = true;
	desk->why = *why;
	loop_stop(desk->loop);
}

static void
on_answer(void *arg, const struct http_reply *reply)
{
	struct desk *desk = arg;

	desk->call = NULL;
	desk->status = reply->status;
	buf_reset(&desk->body);
	if (reply->body)
		buf_put(&desk->body, reply->body->data, reply->body->len);
	free(desk->url);
	desk->url = xstrdup(reply->url);
	if (reply->why)
	{
		desk->failed = true;
		desk->why = *reply->why;
	}
	loop_stop(desk->loop);
}

/* False: there is no answer, and why says why.  path is freed. */
static bool
desk_ask(struct desk *desk, char *path, const char *body)
{
	if (!desk->failed)
	{
		desk->call = http_ask(desk->http, path, body, HTTP_RETRY, on_answer, desk);
		loop_run(desk->loop);
	}
	if (desk->call)
		http_cancel(desk->call);
	desk->call = NULL;
	free(path);
	return !desk->failed;
}

/* --- what was answered ----------------------------------------------------------------------- */

static bool
is_true(const struct desk *desk, const char *name)
{
	cJSON *json = cJSON_ParseWithLength(desk->body.data ? (const char *) desk->body.data : "",
										desk->body.len);
	bool   yes = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, name));

	cJSON_Delete(json);
	return yes;
}

static void
desk_refused(struct desk *desk, const struct err *e)
{
	findings_add(desk->check->findings, VERDICT_FAIL, "registry.schemas", e);
	desk->refused++;
}

/* How ours differs from the latest one, and what the level says to that. */
static void
say_incompatible(struct desk *desk, const struct asked *asked)
{
	struct version latest = {0};
	struct buf     none = {0};
	char           level[LEVEL_MAX] = "";
	struct err     e;

	if (!desk_ask(desk, xasprintf("/subjects/%s/versions/latest", asked->escaped), NULL))
		return;
	if (desk->status == 200)
		(void) !reply_version(&desk->body, asked, &latest, &e);
	if (desk_ask(desk, xasprintf("/config/%s", asked->escaped), NULL) && desk->status == 200)
		reply_level(&desk->body, level);
	if (level[0] == '\0' && desk_ask(desk, xstrdup("/config"), NULL) && desk->status == 200)
		reply_level(&desk->body, level);
	reply_refusal(&none, 409, asked, &e);
	reply_explain(asked, &latest, level, &e);
	desk_refused(desk, &e);
	free(latest.schema);
}

/* auto.register.schemas=false: it has to be there. */
static void
ask_lookup(struct desk *desk, const struct asked *asked, const char *body)
{
	struct err e;

	if (!desk_ask(desk, xasprintf("/subjects/%s", asked->escaped), body))
		return;
	if (desk->status == 200)
	{
		desk->known++;
		return;
	}
	reply_refusal(&desk->body, desk->status, asked, &e);
	desk_refused(desk, &e);
}

static void
ask_compatibility(struct desk *desk, const struct asked *asked, const char *body)
{
	struct err e;

	if (!desk_ask(desk,
				  xasprintf("/compatibility/subjects/%s/versions/latest", asked->escaped), body))
		return;
	if (desk->status == 404 || (desk->status == 200 && is_true(desk, "is_compatible")))
		desk->fine++; /* a subject that is not there takes any */
	else if (desk->status == 200)
		say_incompatible(desk, asked);
	else
	{
		reply_refusal(&desk->body, desk->status, asked, &e);
		desk_refused(desk, &e);
	}
}

static void
ask_side(struct desk *desk, const struct captured *table, enum side side)
{
	const struct config *cfg = desk->check->cfg;
	const char          *schema = plan_schema(table->plan, side);
	char                *subject;
	char                *escaped;
	char                *body;
	char                *url; /* the next answer may be of another one */
	struct asked         asked;

	if (schema == NULL || desk->failed)
		return;
	subject = route_subject(side == SIDE_KEY ? cfg->registry.key_subject
											 : cfg->registry.value_subject,
							table->topic, side, schema);
	escaped = http_escape(subject);
	body = reply_request(schema);
	url = xstrdup(desk->url);
	asked = (struct asked){.url = url,
						   .subject = subject,
						   .escaped = escaped,
						   .schema = schema,
						   .auto_register = cfg->registry.auto_register,
						   .use_latest = cfg->registry.use_latest,
						   .dead_letter = config_on_refusal(cfg) == ON_ERROR_DEAD_LETTER};
	if (cfg->registry.auto_register)
		ask_compatibility(desk, &asked, body);
	else
		ask_lookup(desk, &asked, body);
	free(subject);
	free(escaped);
	free(body);
	free(url);
}

/* --- all of it --------------------------------------------------------------------------------- */

/* It has answered the question that every registry can answer, and not well. */
static void
say_no_registry(struct desk *desk)
{
	struct err e;

	if (desk->status == 404)
	{
		err_set(&e, ERR_CONFIG, E1805, "what answers at %s is no schema registry", desk->url);
		err_detail(&e, "It knows neither /config nor /subjects.");
		err_hint(&e, "Check that registry.url is the base of an interface like Confluent's, with its "
					 "path if it has one (/apis/ccompat/v7 for Apicurio).");
	}
	else
		reply_refusal(&desk->body, desk->status,
					  &(struct asked){.url = desk->url, .subject = "", .escaped = "", .schema = ""},
					  &e);
	findings_add(desk->check->findings, VERDICT_FAIL, "registry.connection", &e);
}

/* Login, path and level; not all have one. */
static bool
ask_registry(struct desk *desk)
{
	struct check *check = desk->check;
	char          level[LEVEL_MAX] = "";

	if (desk_ask(desk, xstrdup("/config"), NULL) && desk->status == 200)
		reply_level(&desk->body, level);
	else if (desk->status == 404)
		(void) desk_ask(desk, xstrdup("/subjects"), NULL);
	if (desk->failed)
	{
		findings_add(check->findings, VERDICT_FAIL, "registry.connection", &desk->why);
		return false;
	}
	if (desk->status != 200)
	{
		say_no_registry(desk);
		return false;
	}
	findings_ok(check->findings, "registry.connection", "%s, compatibility %s", desk->url,
				level[0] ? level : "not told");
	return true;
}

static void
ask_schemas(struct desk *desk)
{
	struct check    *check = desk->check;
	struct captured *at;

	LL_FOREACH(check->caps.tables, at)
		for (int side = SIDE_KEY; at->plan && side <= SIDE_VALUE; side++)
			ask_side(desk, at, (enum side) side);
	if (desk->failed)
		findings_add(check->findings, VERDICT_FAIL, "registry.schemas", &desk->why);
	else if (desk->refused == 0)
		findings_ok(check->findings, "registry.schemas", "%u schemas %s", desk->known + desk->fine,
					desk->known ? "are registered" : "are new or compatible");
}

void
check_registry(struct check *check)
{
	struct desk desk = {.check = check};
	struct err  e;

	if (check->cfg->format.sink != SINK_KAFKA || *check->cfg->registry.url == '\0')
	{
		findings_skip(check->findings, "registry.connection", "registry.url is not used");
		return;
	}
	desk.loop = loop_new();
	if (check_take(check, "registry.connection",
				   http_new(desk.loop, check->cfg, on_state, &desk, &desk.http, &e), &e) &&
		ask_registry(&desk))
	{
		if (check->knows_tables && check->caps.ntables > 0)
			ask_schemas(&desk);
		else
			findings_skip(check->findings, "registry.schemas", "no table is known");
	}
	http_free(desk.http);
	loop_free(desk.loop);
	buf_free(&desk.body);
	free(desk.url);
}
