/*
 * route.c
 *		Names of topics and subjects; see route.h.
 *
 * The uthash table holds one entry per topic that was ever given out.
 */
#include "route.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "buf.h"
#include "names.h"

#include <uthash.h>

/* Who has a topic. */
struct claim
{
	char          *topic;
	char          *owner; /* schema.table, for the message */
	uint32_t       relid; /* 0: logical messages */
	UT_hash_handle hh;
};

struct route
{
	const char   *prefix;
	const char   *delimiter;
	struct claim *claims;
};

struct route *
route_new(const char *prefix, const char *delimiter)
{
	struct route *route = xcalloc(1, sizeof(*route));

	route->prefix = prefix;
	route->delimiter = delimiter;
	return route;
}

static void
claim_free(struct claim *claim)
{
	free(claim->topic);
	free(claim->owner);
	free(claim);
}

void
route_free(struct route *route)
{
	struct claim *claim;
	struct claim *next;

	if (route == NULL)
		return;
	HASH_ITER(hh, route->claims, claim, next)
	{
		HASH_DEL(route->claims, claim);
		claim_free(claim);
	}
	free(route);
}

/* The caller frees it. */
static char *
sanitised(const char *name)
{
	struct buf topic = {0};

	names_topic(name, &topic);
	return buf_cstr(&topic);
}

/* Gives topic to owner, or says whose it is. */
static enum rc
route_claim(struct route *route, const char *topic, const char *owner, uint32_t relid,
			struct err *e)
{
	struct claim *claim;

	HASH_FIND_STR(route->claims, topic, claim);
	if (claim == NULL)
	{
		claim = xcalloc(1, sizeof(*claim));
		claim->topic = xstrdup(topic);
		claim->owner = xstrdup(owner);
		claim->relid = relid;
		HASH_ADD_KEYPTR(hh, route->claims, claim->topic, strlen(claim->topic), claim);
		return RC_OK;
	}
	if (claim->relid != relid && strcmp(claim->owner, owner) != 0)
	{
		err_set(e, ERR_CONFIG, E1605, "%s and %s map to one topic, %s", claim->owner, owner, topic);
		err_detail(e,
				   "Characters that a topic name cannot hold become underscores, and names "
				   "are cut after %d characters.",
				   NAMES_TOPIC_MAX);
		return err_hint(e, "Rename one of the two, leave one out with table.exclude.list, or "
						   "choose another topic.delimiter.");
	}
	free(claim->owner);
	claim->owner = xstrdup(owner);
	claim->relid = relid;
	return RC_OK;
}

enum rc
route_table(struct route *route, const struct table *tbl, char **topic, struct err *e)
{
	const char *parts[] = {route->prefix, tbl->schema, tbl->name};
	struct buf  name = {0};
	char       *owner;
	enum rc     rc;

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		if (parts[i] == NULL || parts[i][0] == '\0')
			continue;
		if (name.len > 0)
			buf_puts(&name, route->delimiter);
		buf_puts(&name, parts[i]);
	}
	*topic = sanitised(buf_cstr(&name));
	buf_free(&name);

	owner = xasprintf("%s.%s", tbl->schema, tbl->name);
	rc = route_claim(route, *topic, owner, tbl->relid, e);
	free(owner);
	if (rc != RC_OK)
	{
		free(*topic);
		*topic = NULL;
	}
	return rc;
}

/* A topic that is no table's.  Consumes name. */
static enum rc
route_own(struct route *route, char *name, const char *owner, char **topic, struct err *e)
{
	enum rc rc;

	*topic = sanitised(name);
	free(name);
	rc = route_claim(route, *topic, owner, 0, e);
	if (rc != RC_OK)
	{
		free(*topic);
		*topic = NULL;
	}
	return rc;
}

enum rc
route_server_table(struct route *route, const struct table *tbl, struct text *text, char **topic,
				   char **shown, struct err *e)
{
	struct table named = *tbl;
	char        *schema = text_name(text, tbl->schema);
	char        *name = text_name(text, tbl->name);
	enum rc      rc;

	named.schema = schema;
	named.name = name;
	*shown = xasprintf("%s.%s", schema, name);
	rc = route_table(route, &named, topic, e);
	free(schema);
	free(name);
	return rc;
}

enum rc
route_messages(struct route *route, char **topic, struct err *e)
{
	return route_own(route, xasprintf("%s.message", route->prefix), "logical messages", topic, e);
}

enum rc
route_named(struct route *route, const char *part, char **topic, struct err *e)
{
	char   *owner = xasprintf("walrelay's own topic \"%s\"", part);
	enum rc rc = route_own(route, xasprintf("%s%s%s", route->prefix, route->delimiter, part), owner,
						   topic, e);

	free(owner);
	return rc;
}

/* namespace.name of the record that a schema is; the caller frees it. */
static char *
full_name(const char *schema)
{
	cJSON      *root = cJSON_Parse(schema);
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "name"));
	const char *space = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "namespace"));
	bool        is_full = name && strchr(name, '.');
	char       *full = xasprintf("%s%s%s", space && !is_full ? space : "",
								 space && space[0] && !is_full ? "." : "", name ? name : "");

	cJSON_Delete(root);
	return full;
}

char *
route_subject(enum subject_strategy strategy, const char *topic, enum side side,
			  const char *schema)
{
	char *record;
	char *subject;

	if (strategy == SUBJECT_TOPIC)
		return xasprintf("%s-%s", topic, side == SIDE_KEY ? "key" : "value");
	record = full_name(schema);
	if (strategy == SUBJECT_RECORD)
		return record;
	subject = xasprintf("%s-%s", topic, record);
	free(record);
	return subject;
}
