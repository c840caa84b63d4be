/*
 * config_print.c
 *		Settings for people: what is in force and why, and the reference.
 *
 * Must never print a secret.  Called by the config command, by --help and by
 * whoever makes the README's table.
 */
#include <stdlib.h>

#include "buf.h"
#include "config_table.h"
#include "fnv1a.h"
#include "pg.h"

#define MASK "****"

/* URLs without what stands before the @; the caller frees it. */
static char *
urls_masked(const char *urls)
{
	struct buf out = {0};
	char      *copy = xstrdup(urls);
	char      *rest = copy;
	char      *url;

	while ((url = strsep(&rest, ",")) != NULL)
	{
		char *host = strstr(url, "://");
		char *path = host ? host + 3 + strcspn(host + 3, "/?#") : NULL;
		char *at = path ? memrchr(host + 3, '@', (size_t) (path - host - 3)) : NULL;

		if (out.len)
			buf_puts(&out, ",");
		if (at)
			buf_printf(&out, "%.*s" MASK "%s", (int) (host + 3 - url), url, at);
		else
			buf_puts(&out, url);
	}
	free(copy);
	return buf_cstr(&out);
}

static char *
words_joined(const char *const *words, uint64_t bits)
{
	struct buf out = {0};

	for (unsigned i = 0; words[i]; i++)
		if (bits >> i & 1)
			buf_printf(&out, "%s%s", out.len ? "," : "", words[i]);
	buf_put_u8(&out, '\0');
	return (char *) out.data;
}

/* The value in force as text that config_set() would take; the caller frees it. */
static char *
setting_shown(const struct setting *set, const struct config *cfg)
{
	const char *field = (const char *) cfg + set->offset;
	uint64_t    number;

	if (set->kind <= KIND_WORD)
	{
		const char *text = *(char *const *) field;

		if (set->kind == KIND_CONNINFO)
			return pg_conninfo_masked(text);
		if (set->kind == KIND_URLS)
			return urls_masked(text);
		return xstrdup(set->secret && *text ? MASK : text);
	}
	number = set->size == sizeof(bool)       ? *(const bool *) field
			 : set->size == sizeof(uint32_t) ? *(const uint32_t *) field
											 : *(const uint64_t *) field;
	if (set->kind == KIND_CHOICE)
		return xstrdup(set->words[number]);
	if (set->kind == KIND_SET)
		return words_joined(set->words, number);
	if (set->kind == KIND_BOOL)
		return xstrdup(number ? "true" : "false");
	return xasprintf("%llu%s", (unsigned long long) number,
					 set->kind == KIND_DURATION ? "ms"
					 : set->kind == KIND_SIZE   ? "B"
												: "");
}

static void
print_value(FILE *out, const char *path, const char *value, const char *where)
{
	char *text = xasprintf("%s = %s", path, value);

	fprintf(out, "%-56s  # %s\n", text, where);
	free(text);
}

static void
print_properties(const struct config *cfg, FILE *out)
{
	for (unsigned i = 0; i < cfg->kafka.nproperties; i++)
	{
		const struct property *prop = &cfg->kafka.properties[i];

		print_value(out, prop->name, property_is_secret(prop->name) ? MASK : prop->value,
					prop->where);
	}
}

void
config_print(const struct config *cfg, FILE *out)
{
	for (unsigned i = 0; i < nsettings; i++)
	{
		const struct setting *set = &settings[i];
		bool  last = i + 1 == nsettings || strcmp(settings[i + 1].section, set->section) != 0;
		char *value = setting_shown(set, cfg);

		if (i == 0 || strcmp(settings[i - 1].section, set->section) != 0)
			fprintf(out, "%s[%s]\n", i ? "\n" : "", set->section);
		print_value(out, set->key, value, cfg->origins[i].where);
		if (last && strcmp(set->section, "kafka") == 0)
			print_properties(cfg, out);
		free(value);
	}
}

/* --- fingerprint --------------------------------------------------------------- */

uint64_t
config_fingerprint(const struct config *cfg)
{
	uint64_t hash = fnv1a_text(FNV1A_START, WALRELAY_VERSION);

	for (unsigned i = 0; i < nsettings; i++)
	{
		const struct setting *set = &settings[i];
		char                 *value;

		if (strcmp(set->section, "tables") != 0 && strcmp(set->section, "format") != 0 &&
			strncmp(set->key, "topic.", 6) != 0)
			continue;
		value = setting_shown(set, cfg);
		hash = fnv1a_text(fnv1a_text(hash, set->key), value);
		free(value);
	}
	return hash;
}

/* --- reference --------------------------------------------------------------- */

/* Breaks text between words; every line begins with indent blanks. */
static void
print_wrapped(FILE *out, const char *text, int indent)
{
	int column = 0;

	while (*text)
	{
		int len = (int) strcspn(text, " ");

		if (column + len + 1 > 90 - indent && column > 0)
		{
			fputc('\n', out);
			column = 0;
		}
		if (column == 0)
			fprintf(out, "%*s", indent, "");
		else
			fputc(' ', out);
		fprintf(out, "%.*s", len, text);
		column += len + 1;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void
reference_text(FILE *out, const struct setting *set)
{
	char path[SETTING_PATH_MAX];
	char takes[256];

	setting_path(set, path);
	setting_takes(set, takes, sizeof(takes));
	fprintf(out, "  --%s=...\n", path);
	print_wrapped(out, set->help, 6);
	fprintf(out, "      Takes %s; default: %s\n", takes, *set->value ? set->value : "empty");
}

static void
reference_markdown(FILE *out, const struct setting *set)
{
	char takes[256];

	setting_takes(set, takes, sizeof(takes));
	fprintf(out, "| `%s` | %s%s%s | %s. | %s |\n", set->key, *set->value ? "`" : "",
			*set->value ? set->value : "empty", *set->value ? "`" : "", set->help, takes);
}

void
config_reference(FILE *out, bool markdown)
{
	for (unsigned i = 0; i < nsettings; i++)
	{
		const struct setting *set = &settings[i];

		if (i == 0 || strcmp(settings[i - 1].section, set->section) != 0)
		{
			fprintf(out, markdown ? "%s### [%s]\n\n" : "%s[%s]\n", i ? "\n" : "", set->section);
			if (strcmp(set->section, "kafka") == 0)
				fprintf(out,
						"%sAny librdkafka property as well, such as "
						"--kafka.bootstrap.servers=HOST:9092 (required).\n%s",
						markdown ? "" : "  ", markdown ? "\n" : "");
			if (markdown)
				fprintf(out, "| key | default | meaning | takes |\n|---|---|---|---|\n");
		}
		if (markdown)
			reference_markdown(out, set);
		else
			reference_text(out, set);
	}
}
