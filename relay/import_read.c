/*
 * import_read.c
 *		A connector's properties, from JSON or a file of Java's properties; see import.h.
 */
#include "import_parts.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#define TEXT_MAX (1024 * 1024) /* bytes; a connector's settings are some thousand */

/* A line of a configuration file has none: what follows one would be a line of its own. */
static void
blank_controls(char *text)
{
	for (; *text; text++)
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			*text = ' ';
}

void
import_add(struct import *import, char *key, char *value)
{
	blank_controls(key);
	blank_controls(value);
	import->pairs = xrealloc(import->pairs, (import->npairs + 1) * sizeof(*import->pairs));
	import->pairs[import->npairs++] = (struct import_pair){.key = key, .value = value};
}

/* --- JSON ----------------------------------------------------------------------------- */

static enum rc
read_json(struct import *import, const char *text, const char *name, struct err *e)
{
	cJSON *json = cJSON_Parse(text);
	cJSON *config = cJSON_GetObjectItemCaseSensitive(json, "config");
	cJSON *member;

	if (!cJSON_IsObject(json))
	{
		cJSON_Delete(json);
		err_set(e, ERR_CONFIG, E1004, "%s cannot be read as JSON", name);
		return err_hint(e, "Give the JSON that was posted to Kafka Connect, or that GET "
						   "/connectors/NAME/config answers.");
	}
	if (!cJSON_IsObject(config))
		config = json;
	cJSON_ArrayForEach(member, config)
	{
		if (cJSON_IsString(member))
			import_add(import, xstrdup(member->string), xstrdup(member->valuestring));
		else if (cJSON_IsBool(member))
			import_add(import, xstrdup(member->string),
					   xstrdup(cJSON_IsTrue(member) ? "true" : "false"));
		else if (cJSON_IsNumber(member))
			import_add(import, xstrdup(member->string), xasprintf("%.15g", member->valuedouble));
	}
	cJSON_Delete(json);
	return RC_OK;
}

/* --- properties ------------------------------------------------------------------------- */

/* The next line without its continuations' ends, in out; false: there is none. */
static bool
next_line(const char **at, struct buf *out)
{
	buf_reset(out);
	while (**at)
	{
		const char *line = *at + strspn(*at, " \t\f");
		size_t      len = strcspn(line, "\r\n");
		size_t      slashes = 0;

		*at = line + len;
		*at += strspn(*at, "\r\n");
		if (out->len == 0 && (len == 0 || *line == '#' || *line == '!'))
			continue;
		while (slashes < len && line[len - 1 - slashes] == '\\')
			slashes++;
		buf_put(out, line, len - slashes % 2);
		if (slashes % 2 == 0)
			break;
	}
	return out->len > 0;
}

/* A character of Java's, four hex digits, as UTF-8; one half of a pair becomes a question mark. */
static void
put_unicode(const char *digits, struct buf *out)
{
	char          hex[5] = {digits[0], digits[1], digits[2], digits[3], '\0'};
	unsigned long code = strtoul(hex, NULL, 16);

	if (code < 0x80)
		buf_put_u8(out, (uint8_t) code);
	else if (code < 0x800)
	{
		buf_put_u8(out, (uint8_t) (0xc0 | code >> 6));
		buf_put_u8(out, (uint8_t) (0x80 | (code & 0x3f)));
	}
	else if (code >= 0xd800 && code < 0xe000)
		buf_put_u8(out, '?');
	else
	{
		buf_put_u8(out, (uint8_t) (0xe0 | code >> 12));
		buf_put_u8(out, (uint8_t) (0x80 | (code >> 6 & 0x3f)));
		buf_put_u8(out, (uint8_t) (0x80 | (code & 0x3f)));
	}
}

static char *
unescaped(const char *text, size_t len)
{
	struct buf out = {0};
	char      *made;

	for (size_t i = 0; i < len; i++)
	{
		if (text[i] != '\\' || i + 1 == len)
			buf_put_u8(&out, (uint8_t) text[i]);
		else if (text[++i] == 'u' && i + 4 < len && strspn(text + i + 1, "0123456789abcdefABCDEF") >= 4)
		{
			put_unicode(text + i + 1, &out);
			i += 4;
		}
		else
			buf_put_u8(&out, (uint8_t) (strchr("tnrf", text[i]) ? ' ' : text[i]));
	}
	made = xstrndup(out.len ? (const char *) out.data : "", out.len);
	buf_free(&out);
	return made;
}

static void
read_properties(struct import *import, const char *text)
{
	struct buf line = {0};

	while (next_line(&text, &line))
	{
		const char *data = (const char *) line.data;
		size_t      key = 0;
		size_t      value;

		while (key < line.len && strchr("=: \t", data[key]) == NULL)
			key += data[key] == '\\' ? 2 : 1;
		if (key > line.len)
			key = line.len;
		value = key;
		while (value < line.len && isspace((unsigned char) data[value]))
			value++;
		if (value < line.len && strchr("=:", data[value]))
			value++;
		while (value < line.len && isspace((unsigned char) data[value]))
			value++;
		import_add(import, unescaped(data, key), unescaped(data + value, line.len - value));
	}
	buf_free(&line);
}

/* --- either ------------------------------------------------------------------------------- */

static enum rc
read_text(FILE *in, const char *name, struct buf *text, struct err *e)
{
	size_t got;

	do
	{
		buf_reserve(text, 8192);
		got = fread(text->data + text->len, 1, 8192, in);
		text->len += got;
	} while (got > 0 && text->len <= TEXT_MAX);
	if (!ferror(in) && text->len <= TEXT_MAX && memchr(text->data, '\0', text->len) == NULL)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1004, "%s cannot be read: %s", name,
			ferror(in) ? strerror(errno) : "it is no text of at most 1 MB");
	return err_hint(e, "Give a connector's JSON, or an application.properties.");
}

enum rc
import_read(struct import *import, FILE *in, const char *name, struct err *e)
{
	struct buf  text = {0};
	const char *all;
	enum rc     rc = read_text(in, name, &text, e);

	all = buf_cstr(&text);
	if (rc == RC_OK && all[strspn(all, " \t\r\n")] == '{')
		rc = read_json(import, all, name, e);
	else if (rc == RC_OK)
		read_properties(import, all);
	if (rc == RC_OK && import->npairs == 0)
	{
		err_set(e, ERR_CONFIG, E1004, "%s has no property", name);
		rc = err_hint(e, "Give a connector's JSON, or an application.properties.");
	}
	buf_free(&text);
	return rc;
}
