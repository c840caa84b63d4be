/*
 * snapshot_signal.c
 *		Signals from JSON; see snapshot_signal.h.
 */
#include "snapshot_signal.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <strings.h>

#include "condition.h"
#include "json.h"
#include "quote.h"
#include "sql_quote.h"

static const char *const kinds[] = {[SIGNAL_EXECUTE] = "execute-snapshot",
									[SIGNAL_STOP] = "stop-snapshot",
									[SIGNAL_PAUSE] = "pause-snapshot",
									[SIGNAL_RESUME] = "resume-snapshot"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *
signal_kind_name(enum signal_kind kind)
{
	return kinds[kind];
}

/* --- what is wrong --------------------------------------------------------------------- */

/* No signal at all. */
static enum rc
unreadable(const char *why, struct err *e)
{
	err_set(e, ERR_DATA, E1244, "signal cannot be read");
	return err_detail(e, "It %s.", why);
}

static enum rc
wrong(const cJSON *json, struct err *e)
{
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "id"));
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "type"));

	return err_set(e, ERR_DATA, E1244, "signal \"%.64s\" of type \"%.64s\" cannot be understood",
				   id ? id : "", type ? type : "");
}

/* --- JSON ------------------------------------------------------------------------------- */

/* A zero byte, escaped: a C string would end there, and a filter say something else. */
static bool
has_zero(struct str json)
{
	for (size_t i = 0; i + 5 < json.len; i++)
		if (json.data[i] == '\\' && memcmp(json.data + ++i, "u0000", 5) == 0)
			return true; /* else what is escaped, a backslash perhaps, is passed over */
	return false;
}

/* NULL: it is none, or not one object.  cJSON_Delete() it. */
static cJSON *
object_parse(struct str text)
{
	char  *copy;
	cJSON *json;

	if (!utf8_valid((const uint8_t *) text.data, text.len) || has_zero(text))
		return NULL;
	copy = xstrndup(text.data, text.len);
	json = cJSON_ParseWithOpts(copy, NULL, true); /* nothing behind the object */
	free(copy);
	if (cJSON_IsObject(json))
		return json;
	cJSON_Delete(json);
	return NULL;
}

/* Without the blanks around it. */
static char *
trimmed(const char *text)
{
	size_t len;

	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	return xstrndup(text, len);
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* --- members ---------------------------------------------------------------------------- */

static enum rc
kind_read(const cJSON *json, struct snapshot_signal *signal, struct err *e)
{
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "type"));

	for (size_t i = 0; i < KINDS; i++)
		if (type && strcmp(type, kinds[i]) == 0)
		{
			signal->kind = (enum signal_kind) i;
			return RC_OK;
		}
	wrong(json, e);
	err_detail(e, type ? "Its type is none that is known."
					   : "It has no \"type\", or one that is no string.");
	return err_hint(
		e, "Send one of execute-snapshot, stop-snapshot, pause-snapshot and resume-snapshot.");
}

/* Debezium's two; incremental where it does not say. */
static enum rc
type_read(const cJSON *json, const cJSON *data, struct snapshot_signal *signal, struct err *e)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, "type");
	const char  *type = cJSON_GetStringValue(item);

	signal->blocking = type && strcasecmp(type, "blocking") == 0;
	if (item == NULL || cJSON_IsNull(item) || signal->blocking ||
		(type && strcasecmp(type, "incremental") == 0))
		return RC_OK;
	wrong(json, e);
	err_detail(e, "The \"type\" in its data is \"%.64s\".", type ? type : "no string");
	return err_hint(e, "Give \"incremental\" or \"blocking\".");
}

static enum rc
collections_read(const cJSON *json, const cJSON *data, struct snapshot_signal *signal,
				 struct err *e)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(data, "data-collections");
	const cJSON *item;
	bool         is_list = cJSON_IsArray(list) || list == NULL || cJSON_IsNull(list);
	int          count = cJSON_GetArraySize(list);

	signal->collections = xcalloc((size_t) (count > 0 ? count : 1), sizeof(*signal->collections));
	cJSON_ArrayForEach(item, list)
	{
		const char *text = cJSON_GetStringValue(item);

		if (!is_list || text == NULL || is_blank(text))
		{
			is_list = false;
			break;
		}
		signal->collections[signal->ncollections++] = trimmed(text);
	}
	if (is_list && (signal->ncollections > 0 || signal->kind != SIGNAL_EXECUTE))
		return RC_OK;
	wrong(json, e);
	err_detail(e, is_list ? "Its data has no \"data-collections\", or none in them."
						  : "The \"data-collections\" in its data are no list of strings with "
							"something in them.");
	return err_hint(e, "Give regular expressions for schema.table, \"data-collections\": "
					   "[\"shop\\\\.orders\"].");
}

static enum rc
condition_wrong(const cJSON *json, const char *collection, const char *filter, const char *why,
				struct err *e)
{
	wrong(json, e);
	return err_detail(e, "The filter for \"%.200s\", %zu bytes long, %s.", collection,
					  strlen(filter), why);
}

static enum rc
condition_add(const cJSON *json, const char *collection, const char *filter,
			  struct snapshot_signal *signal, struct err *e)
{
	const char *why = condition_refusal((struct str){filter, strlen(filter)});

	if (why)
		return condition_wrong(json, collection, filter, why, e);
	signal->conditions =
		xrealloc(signal->conditions, (signal->nconditions + 1) * sizeof(*signal->conditions));
	signal->conditions[signal->nconditions++] =
		(struct signal_condition){trimmed(collection), trimmed(filter)};
	return RC_OK;
}

static enum rc
conditions_read(const cJSON *json, const cJSON *data, struct snapshot_signal *signal, struct err *e)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(data, "additional-conditions");
	const char  *one =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "additional-condition"));
	const cJSON *item;

	/* What Debezium had before: one for all. */
	if (one && !is_blank(one))
		return condition_add(json, ".*", one, signal, e);
	if (list && !cJSON_IsNull(list) && !cJSON_IsArray(list))
	{
		wrong(json, e);
		return err_detail(e, "The \"additional-conditions\" in its data are no list.");
	}
	cJSON_ArrayForEach(item, list)
	{
		const char *collection =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "data-collection"));
		const char *filter = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "filter"));

		if (collection == NULL || is_blank(collection) || filter == NULL)
		{
			wrong(json, e);
			return err_detail(e,
							  "Number %u of the \"additional-conditions\" in its data has no "
							  "\"data-collection\" or no \"filter\".",
							  signal->nconditions + 1);
		}
		if (condition_add(json, collection, filter, signal, e) != RC_OK)
			return RC_ERR;
	}
	return RC_OK;
}

/* A key of the sender's choice: nothing says that its values are unique, or not NULL. */
static enum rc
surrogate_refuse(const cJSON *json, const cJSON *data, struct err *e)
{
	const cJSON *key = cJSON_GetObjectItemCaseSensitive(data, "surrogate-key");
	const char  *text = cJSON_GetStringValue(key);

	if (key == NULL || cJSON_IsNull(key) || (text && is_blank(text)))
		return RC_OK;
	wrong(json, e);
	err_detail(e, "It names a surrogate key: rows of one value, or of none, could be left out.");
	return err_hint(e, "Leave \"surrogate-key\" away: a table without a key of its own is read "
					   "by the places of its rows.");
}

/* data: NULL for none. */
static enum rc
signal_fill(const cJSON *json, const cJSON *data, struct snapshot_signal *signal, struct err *e)
{
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "id"));

	signal->id = xstrdup(id ? id : "");
	if (kind_read(json, signal, e) != RC_OK || type_read(json, data, signal, e) != RC_OK)
		return RC_ERR;
	if (signal->kind == SIGNAL_PAUSE || signal->kind == SIGNAL_RESUME)
		return RC_OK;
	if (collections_read(json, data, signal, e) != RC_OK)
		return RC_ERR;
	if (signal->kind == SIGNAL_STOP)
		return RC_OK;
	if (surrogate_refuse(json, data, e) != RC_OK)
		return RC_ERR;
	return conditions_read(json, data, signal, e);
}

enum rc
snapshot_signal_read(struct str text, struct snapshot_signal *signal, struct err *e)
{
	cJSON       *json = object_parse(text);
	cJSON       *parsed = NULL;
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
	const char  *inner = cJSON_GetStringValue(data);
	enum rc      rc;

	*signal = (struct snapshot_signal){0};
	if (json == NULL)
		return unreadable("is no JSON object in UTF-8, or has a zero byte in a string", e);
	if (inner && !is_blank(inner))
		data = parsed = object_parse((struct str){inner, strlen(inner)});
	else if (inner || cJSON_IsNull(data))
		data = NULL;
	if ((inner && !is_blank(inner) && data == NULL) || (data && !cJSON_IsObject(data)))
	{
		rc = wrong(json, e);
		err_detail(e, "Its \"data\" is neither a JSON object nor a text of one.");
	}
	else
		rc = signal_fill(json, data, signal, e);
	cJSON_Delete(parsed);
	cJSON_Delete(json);
	if (rc != RC_OK)
		snapshot_signal_free(signal);
	return rc;
}

void
snapshot_signal_free(struct snapshot_signal *signal)
{
	free(signal->id);
	for (uint32_t i = 0; i < signal->ncollections; i++)
		free(signal->collections[i]);
	free(signal->collections);
	for (uint32_t i = 0; i < signal->nconditions; i++)
	{
		free(signal->conditions[i].collection);
		free(signal->conditions[i].filter);
	}
	free(signal->conditions);
	*signal = (struct snapshot_signal){0};
}

/* --- and back ---------------------------------------------------------------------------- */

static void
text_write(const char *text, struct buf *out)
{
	json_string(out, text, strlen(text));
}

void
snapshot_signal_write(const struct snapshot_signal *signal, struct buf *out)
{
	buf_puts(out, "{\"id\":");
	text_write(signal->id, out);
	buf_printf(out, ",\"type\":\"%s\",\"data\":{\"type\":\"%s\"", kinds[signal->kind],
			   signal->blocking ? "blocking" : "incremental");
	for (uint32_t i = 0; i < signal->ncollections; i++)
	{
		buf_puts(out, i == 0 ? ",\"data-collections\":[" : ",");
		text_write(signal->collections[i], out);
	}
	buf_puts(out, signal->ncollections > 0 ? "]" : "");
	for (uint32_t i = 0; i < signal->nconditions; i++)
	{
		buf_puts(out, i == 0 ? ",\"additional-conditions\":[" : ",");
		buf_puts(out, "{\"data-collection\":");
		text_write(signal->conditions[i].collection, out);
		buf_puts(out, ",\"filter\":");
		text_write(signal->conditions[i].filter, out);
		buf_puts(out, "}");
	}
	buf_puts(out, signal->nconditions > 0 ? "]}}" : "}}");
}

/* --- SQL ---------------------------------------------------------------------------------- */

void
signal_collection_sql(const char *expression, const char *name, struct buf *sql)
{
	char *whole = xasprintf("^(?:%s)$", expression);

	buf_printf(sql, "((%s) COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.~*) ", name);
	sql_literal_put((struct str){whole, strlen(whole)}, sql);
	buf_puts(sql, "::pg_catalog.text)");
	free(whole);
}
