/*
 * reply.c
 *		Answers of a schema registry; see reply.h.
 */
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#define EXCERPT 300 /* bytes of a schema shown in an error */
#define AHEAD 60    /* of those, ahead of the first difference */

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

bool
reply_is_retriable(long status)
{
	return status == 408 || status == 429 || status >= 500;
}

static cJSON *
reply_parse(const struct buf *reply)
{
	return cJSON_ParseWithLength(reply->data ? (const char *) reply->data : "", reply->len);
}

enum rc
reply_id(const struct buf *reply, const char *url, const char *subject, uint32_t *id, struct err *e)
{
	cJSON *json = reply_parse(reply);
	cJSON *number = cJSON_GetObjectItemCaseSensitive(json, "id");
	double value = cJSON_IsNumber(number) ? number->valuedouble : -1;

	cJSON_Delete(json);
	if (value >= 0 && value <= INT32_MAX && value == (double) (int32_t) value)
	{
		*id = (uint32_t) value;
		return RC_OK;
	}
	err_set(e, ERR_PROTOCOL, E1805, "schema registry %s answered what is not understood", url);
	err_detail(e, "The reply for subject \"%s\" has no valid \"id\".", subject);
	return err_hint(e, "Check that registry.url is the base of an interface like Confluent's, with "
					   "its path if it has one (/apis/ccompat/v7 for Apicurio).");
}

static enum rc
reply_not_found(const char *url, const char *subject, bool auto_register, struct err *e)
{
	err_set(e, ERR_CONFIG, E1805, "schema registry %s does not know the schema of subject \"%s\"",
			url, subject);
	return err_hint(e, auto_register
						   ? "Check the path in registry.url (/apis/ccompat/v7 for Apicurio)."
						   : "Register the schema, or set registry.auto.register.schemas=true.");
}

static enum rc
reply_incompatible(const char *url, const char *subject, struct err *e)
{
	err_set(e, ERR_CONFIG, E1802,
			"schema registry %s refused the schema of subject \"%s\": incompatible", url, subject);
	return err_hint(e,
					"Undo the change of the table, give new NOT NULL columns a DEFAULT, or relax "
					"the rule: curl -X PUT -H 'Content-Type: application/json' -d "
					"'{\"compatibility\":\"NONE\"}' %s/config/%s",
					url, subject);
}

static enum rc
reply_invalid(const char *url, const char *subject, struct err *e)
{
	err_set(e, ERR_CONFIG, E1803,
			"schema registry %s refused the schema of subject \"%s\": invalid", url, subject);
	return err_hint(e, "Names that Avro does not allow are replaced with "
					   "schema.name.adjustment.mode=avro and field.name.adjustment.mode=avro.");
}

static enum rc
reply_no_access(const char *url, const char *subject, struct err *e)
{
	err_set(e, ERR_PERMISSION, E1804, "schema registry %s refused the login", url);
	return err_hint(e,
					"Set registry.basic.auth.user.info or registry.bearer.auth.token; the user "
					"needs the rights to read and write subject \"%s\".",
					subject);
}

static enum rc
reply_other(long status, const char *url, struct err *e)
{
	err_set(e, ERR_CONFIG, E1805, "schema registry %s answered with HTTP status %ld", url, status);
	return err_hint(e, status >= 300 && status < 400
						   ? "Redirects are not followed: set registry.url to where it points."
						   : "Check registry.url, with its path if it has one.");
}

void
reply_refusal(const struct buf *reply, long status, const char *url, const char *subject,
			  bool auto_register, struct err *e)
{
	cJSON *json = reply_parse(reply);
	cJSON *said = cJSON_GetObjectItemCaseSensitive(json, "message");

	switch (status)
	{
		case 401:
		case 403: (void) reply_no_access(url, subject, e); break;
		case 404: (void) reply_not_found(url, subject, auto_register, e); break;
		case 409: (void) reply_incompatible(url, subject, e); break;
		case 422: (void) reply_invalid(url, subject, e); break;
		default: (void) reply_other(status, url, e);
	}
	if (cJSON_IsString(said) && said->valuestring[0])
	{
		for (char *c = said->valuestring; *c; c++)
			if ((unsigned char) *c < ' ')
				*c = ' ';
		err_detail(e, "The registry says: %.350s", said->valuestring);
	}
	cJSON_Delete(json);
}

/* Appends the piece of a schema that begins a little ahead of byte at. */
static void
put_excerpt(struct buf *out, const char *schema, size_t at)
{
	size_t from = at > AHEAD ? at - AHEAD : 0;
	size_t len;

	/* Not in the middle of a character. */
	while (from > 0 && ((unsigned char) schema[from] & 0xC0) == 0x80)
		from--;
	len = strnlen(schema + from, EXCERPT);
	while (len > 0 && ((unsigned char) schema[from + len] & 0xC0) == 0x80)
		len--;
	buf_printf(out, "%s%.*s%s", from ? "..." : "", (int) len, schema + from,
			   schema[from + len] ? "..." : "");
}

void
reply_compare(const struct buf *reply, const char *schema, struct err *e)
{
	cJSON     *json = reply_parse(reply);
	cJSON     *there = cJSON_GetObjectItemCaseSensitive(json, "schema");
	cJSON     *version = cJSON_GetObjectItemCaseSensitive(json, "version");
	struct buf detail = {0};
	size_t     same = 0;

	if (cJSON_IsString(there))
	{
		while (schema[same] && schema[same] == there->valuestring[same])
			same++;
		buf_printf(&detail, "%.390s%s", e->detail, e->detail[0] ? "  " : "");
		buf_printf(&detail, "From the first difference, version %d: ",
				   cJSON_IsNumber(version) ? version->valueint : 0);
		put_excerpt(&detail, there->valuestring, same);
		buf_puts(&detail, "  Ours: ");
		put_excerpt(&detail, schema, same);
		err_detail(e, "%s", buf_cstr(&detail));
	}
	buf_free(&detail);
	cJSON_Delete(json);
}
