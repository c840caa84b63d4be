/*
 * inquiry.c
 *		Asking the registry about our schemas; see inquiry.h.
 */
#include "inquiry.h"

#include <stdlib.h>

#include "http.h"

/* --- the registry --------------------------------------------------------------------------- */

/* It has answered the question that every registry can answer, and not well. */
static enum rc
no_registry(const struct inquiry *inq, struct err *e)
{
	const struct desk *desk = &inq->desk;

	if (desk->status != 404)
	{
		struct asked asked = {.url = desk->url, .subject = "", .escaped = "", .schema = ""};

		reply_refusal(&desk->body, desk->status, &asked, e);
		return RC_ERR;
	}
	err_set(e, ERR_CONFIG, E1805, "what answers at %s is no schema registry", desk->url);
	err_detail(e, "It knows neither /config nor /subjects.");
	return err_hint(e, "Check that registry.url is the base of an interface like Confluent's, with "
					   "its path if it has one (/apis/ccompat/v7 for Apicurio).");
}

enum rc
inquiry_open(struct inquiry *inq, const struct config *cfg, struct err *e)
{
	struct desk *desk = &inq->desk;

	inq->cfg = cfg;
	if (desk_open(desk, cfg, e) != RC_OK)
		return RC_ERR;
	/* Not all have a level. */
	if (desk_ask(desk, xstrdup("/config"), NULL) && desk->status == 200)
		reply_level(&desk->body, inq->level);
	else if (desk->status == 404)
		(void) desk_ask(desk, xstrdup("/subjects"), NULL);
	if (desk->failed)
	{
		*e = desk->why;
		return RC_ERR;
	}
	return desk->status == 200 ? RC_OK : no_registry(inq, e);
}

void
inquiry_close(struct inquiry *inq)
{
	desk_close(&inq->desk);
}

/* --- a subject ------------------------------------------------------------------------------ */

bool
matter_of(const struct inquiry *inq, const struct captured *table, enum side side,
		  struct matter *matter)
{
	const struct config *cfg = inq->cfg;
	const char          *schema = plan_schema(table->plan, side);

	if (schema == NULL)
		return false;
	matter->subject = route_subject(side == SIDE_KEY ? cfg->registry.key_subject
													 : cfg->registry.value_subject,
									table->topic, side, schema);
	matter->escaped = http_escape(matter->subject);
	matter->body = reply_request(schema);
	matter->url = xstrdup(inq->desk.url); /* the next answer may be of another one */
	matter->asked = (struct asked){.url = matter->url,
								   .subject = matter->subject,
								   .escaped = matter->escaped,
								   .schema = schema,
								   .auto_register = cfg->registry.auto_register,
								   .use_latest = cfg->registry.use_latest,
								   .dead_letter = config_on_refusal(cfg) == ON_ERROR_DEAD_LETTER};
	return true;
}

void
matter_free(struct matter *matter)
{
	free(matter->subject);
	free(matter->escaped);
	free(matter->body);
	free(matter->url);
}

/* False: nobody has answered. */
static bool
inquiry_ask(struct inquiry *inq, char *path, const char *body, struct err *e)
{
	if (desk_ask(&inq->desk, path, body))
		return true;
	*e = inq->desk.why;
	return false;
}

/* What asks as the relay registers, behind ? or &. */
static const char *
normalizes(const struct inquiry *inq, const char *behind)
{
	if (!inq->cfg->registry.normalize)
		return "";
	return *behind == '?' ? "?normalize=true" : "&normalize=true";
}

static enum rc
refused(const struct inquiry *inq, const struct matter *matter, struct err *e)
{
	reply_refusal(&inq->desk.body, inq->desk.status, &matter->asked, e);
	return RC_ERR;
}

enum rc
inquiry_latest(struct inquiry *inq, const struct matter *matter, struct version *latest,
			   struct err *e)
{
	char *path = xasprintf("/subjects/%s/versions/latest", matter->escaped);

	if (!inquiry_ask(inq, path, NULL, e))
		return RC_ERR;
	if (inq->desk.status == 404 && reply_is_unknown(&inq->desk.body))
		return RC_OK;
	if (inq->desk.status != 200)
		return refused(inq, matter, e);
	return reply_version(&inq->desk.body, &matter->asked, latest, e);
}

enum rc
inquiry_lookup(struct inquiry *inq, const struct matter *matter, int *number, struct err *e)
{
	struct asked asked = matter->asked;

	if (!inquiry_ask(inq, xasprintf("/subjects/%s%s", matter->escaped, normalizes(inq, "?")),
					 matter->body, e))
		return RC_ERR;
	if (inq->desk.status == 200)
		return reply_number(&inq->desk.body, &asked, number, e);
	asked.auto_register = false;
	reply_refusal(&inq->desk.body, inq->desk.status, &asked, e);
	return RC_ERR;
}

enum rc
inquiry_accepts(struct inquiry *inq, const struct matter *matter, bool *accepts,
				struct buf *reasons, struct err *e)
{
	char *path = xasprintf("/compatibility/subjects/%s/versions/latest?verbose=true%s",
						   matter->escaped, normalizes(inq, "&"));

	if (!inquiry_ask(inq, path, matter->body, e))
		return RC_ERR;
	*accepts = inq->desk.status == 404; /* a subject that is not there takes any */
	if (*accepts)
		return RC_OK;
	if (inq->desk.status != 200)
		return refused(inq, matter, e);
	return reply_compatible(&inq->desk.body, &matter->asked, accepts, reasons, e);
}

void
inquiry_level(struct inquiry *inq, const struct matter *matter, bool accepts,
			  char level[LEVEL_MAX])
{
	char *path = xasprintf("/config/%s?defaultToGlobal=true", matter->escaped);
	bool  none;

	level[0] = '\0';
	if (desk_ask(&inq->desk, path, NULL) && inq->desk.status == 200)
		reply_level(&inq->desk.body, level);
	/* Some say NONE of a subject that has no level of its own; if it refuses, it is such a one. */
	none = strcmp(level, "NONE") == 0 && strcmp(inq->level, "NONE") != 0;
	if (none && accepts)
		level[0] = '\0';
	else if (none || level[0] == '\0')
		memcpy(level, inq->level, LEVEL_MAX);
}

void
inquiry_explain(const struct matter *matter, const struct version *latest, const char *level,
				struct err *e)
{
	struct buf none = {0};

	reply_refusal(&none, 409, &matter->asked, e);
	reply_explain(&matter->asked, latest, level, e);
}
