/*
 * metrics_parts.h
 *		Pure: what the files of metrics share; nobody else includes it.
 *
 * metrics.c has the table of metrics that are one number each, metrics_lists.c what is a
 * list or a distribution.
 */
#ifndef RELAY_METRICS_PARTS_H
#define RELAY_METRICS_PARTS_H

#include <string.h>

#include <cjson/cJSON.h>

#include "metrics.h"

#define PREFIX "walrelay_"

/* --- text -------------------------------------------------------------------- */

/* Where text goes, and in which of the two formats. */
struct page
{
	struct buf         *out;
	enum metrics_format format;
};

/* To OpenMetrics a counter's name is without _total, which only its samples have. */
static inline void
text_head(const struct page *page, const char *name, const char *type, const char *help)
{
	size_t len = strlen(name);

	if (page->format == METRICS_OPENMETRICS && strcmp(type, "counter") == 0)
		len -= strlen("_total");
	buf_printf(page->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int) len, name, help, (int) len, name,
			   type);
}

/* name="value", escaped: the one place where text of others comes in. */
static inline void
text_label(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=\"", name);
	for (; *value; value++)
		if (*value == '\n')
			buf_puts(out, "\\n");
		else
		{
			if (*value == '"' || *value == '\\')
				buf_put_u8(out, '\\');
			buf_put_u8(out, (uint8_t) *value);
		}
	buf_put_u8(out, '"');
}

/* --- JSON -------------------------------------------------------------------- */

/* cJSON answers NULL only when memory is gone: one message and out, as xmalloc() does. */
static inline cJSON *
need(cJSON *node)
{
	if (node == NULL)
		xmalloc(SIZE_MAX);
	return node;
}

static inline void
add(cJSON *object, const char *name, cJSON *item)
{
	if (!cJSON_AddItemToObject(object, name, need(item)))
		xmalloc(SIZE_MAX);
}

/* Strings of others may be no UTF-8, which cJSON does not mind; readers have to. */
static inline cJSON *
json_text(const char *text)
{
	return text ? cJSON_CreateString(text) : cJSON_CreateNull();
}

/* --- metrics_lists.c ---------------------------------------------------------- */

/* Both append theirs. */
void metrics_text_lists(const struct metrics *m, const struct page *page);
void metrics_json_lists(const struct metrics *m, cJSON *root);

#endif /* RELAY_METRICS_PARTS_H */
