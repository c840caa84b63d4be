/*
 * reply.c
 *		Answers of a schema registry; see reply.h.
 */
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "compatibility.h"
#include "json_member.h"

#define WHOLE 600    /* a schema up to this many bytes is shown whole */
#define EXCERPT 500  /* bytes shown of a longer one */
#define AHEAD 60     /* of those, ahead of the first difference */
#define SAID_MAX 350 /* bytes shown of what the registry says */
#define REASON_MAX 2000 /* where it was asked for its reasons */

#define SUBJECT_NOT_FOUND 40401
#define VERSION_NOT_FOUND 40402
#define INCOMPATIBLE 40901  /* what Confluent's says with 409; others repeat the status */
#define NOT_PERMITTED 42205 /* the registry or the subject is read-only */
#define CURL "curl -X PUT -H 'Content-Type: application/vnd.schemaregistry.v1+json' -d "

char *
reply_request(const char *schema)
{
	cJSON *json = cJSON_CreateObject();
	char  *text;
	char  *body;

	if (cJSON_AddStringToObject(json, "schema", schema) == NULL ||
		(text = cJSON_PrintUnformatted(json)) == NULL)
		abort(); /* out of memory */
	body = xstrdup(text);
	cJSON_free(text);
	cJSON_Delete(json);
	return body;
}

static cJSON *
reply_parse(const struct buf *reply)
{
	return cJSON_ParseWithLength(reply->data ? (const char *) reply->data : "", reply->len);
}

/* A number that an id can be; -1 if it is none. */
static int64_t
whole_number(const cJSON *json, const char *name)
{
	int64_t number = member_number(json, name);

	return number <= INT32_MAX ? number : -1;
}

static enum rc
not_understood(const struct asked *asked, const char *what, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1805, "schema registry %s answered what is not understood",
			asked->url);
	err_detail(e, "The reply for subject \"%s\" has no valid \"%s\".", asked->subject, what);
	return err_hint(e, "Check that registry.url is the base of an interface like Confluent's, with "
					   "its path if it has one (/apis/ccompat/v7 for Apicurio).");
}

enum rc
reply_id(const struct buf *reply, const struct asked *asked, uint32_t *id, struct err *e)
{
	cJSON  *json = reply_parse(reply);
	int64_t number = whole_number(json, "id");

	cJSON_Delete(json);
	if (number < 0)
		return not_understood(asked, "id", e);
	*id = (uint32_t) number;
	return RC_OK;
}

enum rc
reply_version(const struct buf *reply, const struct asked *asked, struct version *version,
			  struct err *e)
{
	cJSON      *json = reply_parse(reply);
	const char *schema = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "schema"));
	int64_t     id = whole_number(json, "id");
	int64_t     number = whole_number(json, "version");

	if (schema && id >= 0)
	{
		free(version->schema);
		version->schema = xstrdup(schema);
		version->id = (uint32_t) id;
		version->number = number > 0 ? (int) number : 0;
	}
	cJSON_Delete(json);
	return schema && id >= 0 ? RC_OK : not_understood(asked, schema ? "id" : "schema", e);
}

enum rc
reply_number(const struct buf *reply, const struct asked *asked, int *number, struct err *e)
{
	cJSON  *json = reply_parse(reply);
	int64_t said = whole_number(json, "version");
	bool    valid = cJSON_IsObject(json);

	cJSON_Delete(json);
	if (!valid)
		return not_understood(asked, "version", e);
	*number = said > 0 ? (int) said : 0;
	return RC_OK;
}

/* Appends a server's words, in one line and cut; *before stands ahead of them.  None: nothing. */
static void
put_said(const cJSON *words, const char *before, size_t max, struct buf *out)
{
	char *said = cJSON_GetStringValue(words);

	if (said == NULL || *said == '\0')
		return;
	for (char *c = said; *c; c++)
		if ((unsigned char) *c < ' ')
			*c = ' ';
	buf_puts(out, before);
	compatibility_excerpt(said, 0, max, out);
}

static void
put_reason(const cJSON *reason, struct buf *out)
{
	put_said(reason, out->len ? "\n" : "", REASON_MAX, out);
}

/* Confluent's have a list of messages, Apicurio has one reason. */
static void
put_reasons(const cJSON *json, struct buf *out)
{
	const cJSON *message;

	cJSON_ArrayForEach(message, cJSON_GetObjectItemCaseSensitive(json, "messages"))
		put_reason(message, out);
	put_reason(cJSON_GetObjectItemCaseSensitive(json, "reason"), out);
}

enum rc
reply_compatible(const struct buf *reply, const struct asked *asked, bool *compatible,
				 struct buf *reasons, struct err *e)
{
	cJSON       *json = reply_parse(reply);
	const cJSON *said = cJSON_GetObjectItemCaseSensitive(json, "is_compatible");
	bool         valid = cJSON_IsBool(said);

	*compatible = cJSON_IsTrue(said);
	if (valid && reasons)
		put_reasons(json, reasons);
	cJSON_Delete(json);
	return valid ? RC_OK : not_understood(asked, "is_compatible", e);
}

bool
reply_is_unknown(const struct buf *reply)
{
	cJSON  *json = reply_parse(reply);
	int64_t error_code = whole_number(json, "error_code");

	cJSON_Delete(json);
	return error_code == SUBJECT_NOT_FOUND || error_code == VERSION_NOT_FOUND;
}

void
reply_level(const struct buf *reply, char level[LEVEL_MAX])
{
	cJSON      *json = reply_parse(reply);
	const char *said =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "compatibilityLevel"));

	if (said == NULL)
		said = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "compatibility"));
	snprintf(level, LEVEL_MAX, "%s", said ? said : "");
	cJSON_Delete(json);
}

/* --- refusals ------------------------------------------------------------ */

/* How to put our schema there by hand: it may be too long for a line. */
static void
put_register(const struct asked *asked, struct buf *out)
{
	buf_printf(out,
			   "curl -s http://ADMIN.LISTEN/status | jq '{schema: .schemas_refused[] | "
			   "select(.subject == \"%s\").ours}' | curl -X POST -H 'Content-Type: "
			   "application/vnd.schemaregistry.v1+json' -d @- %s/subjects/%s/versions",
			   asked->subject, asked->url, asked->escaped);
}

static void
hint_register(const struct asked *asked, const char *otherwise, struct err *e)
{
	struct buf hint = {0};

	put_register(asked, &hint);
	err_hint(e, "Register it: %s; it is asked again until it is there.  %s", buf_cstr(&hint),
			 otherwise);
	buf_free(&hint);
}

static void
reply_not_found(const struct asked *asked, int64_t error_code, struct err *e)
{
	if (asked->auto_register)
	{
		err_set(e, ERR_CONFIG, E1805,
				"schema registry %s does not know how to register subject \"%s\"", asked->url,
				asked->subject);
		err_hint(e, "Check the path in registry.url (/apis/ccompat/v7 for Apicurio).");
		return;
	}
	err_set(e, ERR_CONFIG, E1806, "schema registry %s does not know the schema of subject \"%s\"",
			asked->url, asked->subject);
	err_detail(e, "With auto.register.schemas=false it is only looked up, and the subject %s.",
			   error_code == SUBJECT_NOT_FOUND || asked->use_latest ? "is not there"
																	: "has others only");
	hint_register(asked, "Or set auto.register.schemas=true.", e);
}

static void
reply_incompatible(const struct asked *asked, struct err *e)
{
	err_set(e, ERR_CONFIG, E1802,
			"schema registry %s refused the schema of subject \"%s\": incompatible", asked->url,
			asked->subject);
}

static void
reply_invalid(const struct asked *asked, struct err *e)
{
	err_set(e, ERR_CONFIG, E1803,
			"schema registry %s refused the schema of subject \"%s\": invalid", asked->url,
			asked->subject);
	err_hint(e,
			 "Names that Avro does not allow are replaced with schema.name.adjustment.mode=avro "
			 "and field.name.adjustment.mode=avro.  Or %sleave the table out with "
			 "table.exclude.list.  Both want a restart; until then it is asked again, in case "
			 "that the registry's mind changes.",
			 asked->dead_letter ? "" : "set schema.on.incompatible=dead-letter, or ");
}

static void
reply_not_permitted(const struct asked *asked, struct err *e)
{
	err_set(e, ERR_CONFIG, E1808, "schema registry %s takes no schema for subject \"%s\" now",
			asked->url, asked->subject);
	err_hint(e,
			 "Make it writable: " CURL "'{\"mode\":\"READWRITE\"}' %s/mode/%s; it is asked "
			 "again until it is.",
			 asked->url, asked->escaped);
}

/* 401: who we are is the trouble; 403: what we may do. */
static void
reply_no_access(const struct asked *asked, long status, struct err *e)
{
	err_set(e, ERR_PERMISSION, E1804,
			status == 401 ? "schema registry %s refused the login"
						  : "schema registry %s does not let this user work on subject \"%s\"",
			asked->url, asked->subject);
	if (status == 401)
		err_hint(e, "Set registry.basic.auth.user.info, registry.bearer.auth.token or "
					"registry.ssl.certificate.location to what it accepts.");
	else
		err_hint(e, "Grant the user the rights to read and %s subject \"%s\".",
				 asked->auto_register ? "write" : "look up", asked->subject);
}

static void
reply_other(long status, const char *url, struct err *e)
{
	err_set(e, ERR_CONFIG, E1805, "schema registry %s answered with HTTP status %ld", url, status);
	err_hint(e, status >= 300 && status < 400
					? "Redirects are not followed: set registry.url to where it points."
					: "Check registry.url, with its path if it has one.");
}

void
reply_refusal(const struct buf *reply, long status, const struct asked *asked, struct err *e)
{
	cJSON     *json = reply_parse(reply);
	cJSON     *said = cJSON_GetObjectItemCaseSensitive(json, "message");
	int64_t    error_code = whole_number(json, "error_code");
	struct buf detail = {0};

	switch (status)
	{
		case 401:
		case 403: reply_no_access(asked, status, e); break;
		case 404: reply_not_found(asked, error_code, e); break;
		case 409: reply_incompatible(asked, e); break;
		case 422:
			if (error_code == NOT_PERMITTED)
				reply_not_permitted(asked, e);
			else
				reply_invalid(asked, e);
			break;
		default: reply_other(status, asked->url, e);
	}
	buf_puts(&detail, e->detail);
	put_said(said, detail.len ? "  The registry says: " : "The registry says: ", SAID_MAX, &detail);
	err_detail(e, "%s", buf_cstr(&detail));
	buf_free(&detail);
	cJSON_Delete(json);
}

bool
reply_is_race(const struct buf *reply, long status)
{
	cJSON      *json = reply_parse(reply);
	const char *said = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "message"));
	bool        is_race = status == 409 && said && strstr(said, "already exists") != NULL &&
				   whole_number(json, "error_code") != INCOMPATIBLE;

	cJSON_Delete(json);
	return is_race;
}

/* --- explanations -------------------------------------------------------- */

static void
put_schema(const char *whose, const char *schema, size_t difference, struct buf *out)
{
	size_t at = difference > AHEAD ? difference - AHEAD : 0;

	buf_printf(out, "  %s: ", whose);
	if (strlen(schema) <= WHOLE)
		buf_puts(out, schema);
	else
		compatibility_excerpt(schema, at, EXCERPT, out);
}

/* Both, from a little ahead of the first byte in which they differ. */
static void
put_schemas(const struct asked *asked, const struct version *latest, struct buf *out)
{
	size_t same = 0;

	if (latest->schema)
		while (asked->schema[same] && asked->schema[same] == latest->schema[same])
			same++;
	put_schema("Ours", asked->schema, same, out);
	if (latest->schema)
		put_schema("Registered", latest->schema, same, out);
	if (strlen(asked->schema) > WHOLE || (latest->schema && strlen(latest->schema) > WHOLE))
		buf_printf(out,
				   "  %s whole in /status (schemas_refused), and in the log with "
				   "admin.log.level=debug.",
				   latest->schema ? "Both are" : "It is");
}

/* The weakest level that lets it pass. */
static const char *
level_that_allows(const struct version *latest, const char *level, unsigned breaches)
{
	if (latest->schema == NULL || breaches == 0 || strstr(level, "TRANSITIVE"))
		return "NONE";
	if (breaches == BREACH_BACKWARD)
		return "FORWARD";
	return breaches == BREACH_FORWARD ? "BACKWARD" : "NONE";
}

static void
hint_incompatible(const struct asked *asked, const char *allowing, struct err *e)
{
	err_hint(e,
			 "Let the subject change so: " CURL "'{\"compatibility\":\"%s\"}' %s/config/%s; it is "
			 "asked again by itself.%s  Or %sleave the table out with table.exclude.list, and "
			 "restart.  For the next time: a new NOT NULL column passes BACKWARD if it has a "
			 "DEFAULT.",
			 allowing, asked->url, asked->escaped,
			 strcmp(allowing, "NONE") == 0
				 ? "  (Apicurio takes NONE for the global level: there, change /config itself.)"
				 : "",
			 asked->dead_letter ? "" : "set schema.on.incompatible=dead-letter, or ");
}

void
reply_explain(const struct asked *asked, const struct version *latest, const char *level,
			  struct err *e)
{
	struct buf detail = {0};
	size_t     told;
	unsigned   breaches = 0;

	buf_puts(&detail, e->detail);
	if (level[0])
		buf_printf(&detail, "%sThe compatibility level in force is %s.", detail.len ? "  " : "",
				   level);
	if (latest->schema)
	{
		buf_printf(&detail, "%sAgainst version %d, the latest:", detail.len ? "  " : "",
				   latest->number);
		told = detail.len;
		breaches = compatibility_explain(latest->schema, asked->schema, level, &detail);
		if (detail.len == told)
			buf_puts(&detail, "  No field was added, removed or changed.");
		if (strstr(level, "TRANSITIVE"))
			buf_puts(&detail, "  That level counts older versions, too.");
	}
	put_schemas(asked, latest, &detail);
	err_detail(e, "%s", buf_cstr(&detail) + strspn(buf_cstr(&detail), " "));
	buf_free(&detail);
	if (e->code == E1802)
		hint_incompatible(asked, level_that_allows(latest, level, breaches), e);
}

void
reply_other_latest(const struct asked *asked, const struct version *latest, const char *difference,
				   struct err *e)
{
	struct buf detail = {0};

	err_set(e, ERR_CONFIG, E1807,
			"version %d, the latest of subject \"%s\" in schema registry %s, is not the schema of "
			"the rows",
			latest->number, asked->subject, asked->url);
	buf_puts(&detail, difference);
	put_schemas(asked, latest, &detail);
	err_detail(e, "%s", buf_cstr(&detail));
	buf_free(&detail);
	hint_register(asked,
				  "Or set use.latest.version=false, which looks for the same schema among all "
				  "versions, or auto.register.schemas=true.",
				  e);
}
