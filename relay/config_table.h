/*
 * config_table.h
 *		The table of settings, for config*.c and cli.c only.
 *
 * Whoever wants a setting's value reads struct config.
 */
#ifndef RELAY_CONFIG_TABLE_H
#define RELAY_CONFIG_TABLE_H

#include "config.h"

/* Longest "section.name" or variable name, with its terminator. */
#define SETTING_PATH_MAX 96

enum kind
{
	/* These are strings in struct config: */
	KIND_STRING,
	KIND_CONNINFO,
	KIND_URLS,
	KIND_NAME, /* letters, digits, . _ - */
	KIND_SLOT,
	KIND_OPERATIONS,
	KIND_LISTEN,
	KIND_HOURS,
	KIND_WORD, /* one of words */
	/* These are numbers of the field's size: */
	KIND_CHOICE, /* place in words */
	KIND_SET,    /* bits: places in words, separated by commas */
	KIND_BOOL,
	KIND_COUNT,
	KIND_SIZE,    /* bytes */
	KIND_DURATION /* milliseconds */
};

struct setting
{
	const char        *section;
	const char        *key;
	const char        *alias; /* another name for it, or NULL */
	enum kind          kind;
	size_t             offset; /* in struct config */
	size_t             size;
	const char        *value; /* default, as text */
	uint64_t           min;
	uint64_t           max;
	const char *const *words;
	bool               secret;
	const char        *help;
};

extern const struct setting settings[]; /* grouped by section */
extern const unsigned       nsettings;

/* Who set a value, for each entry of the table. */
struct config_origin
{
	enum origin origin;
	char       *where;
};

/* "kafka.topic.prefix", "slot.name" */
void setting_path(const struct setting *set, char path[SETTING_PATH_MAX]);
/* "WALRELAY_KAFKA_TOPIC_PREFIX" of such a path */
void setting_variable(const char *path, char name[SETTING_PATH_MAX]);
/* By path, key or alias, the latter two with or without the section; or NULL. */
const struct setting *setting_named(const char *name);
bool                  setting_is_bool(const char *name);
bool                  setting_is_string(const struct setting *set); /* in struct config */

/* What it takes, as it follows "Give ". */
void setting_takes(const struct setting *set, char *text, size_t size);
/* True if it takes the text; *number is the value of kinds that are numbers. */
bool setting_parse(const struct setting *set, const char *text, uint64_t *number);
/* Says that it does not take the text.  Returns RC_ERR E1002. */
enum rc setting_refuse(const struct setting *set, const char *text, const char *where,
					   struct err *e);
/* Into cfg what setting_parse() found. */
void setting_store(const struct setting *set, struct config *cfg, const char *text,
				   uint64_t number);

/* Whether a librdkafka property of this name is not for everybody's eyes. */
bool property_is_secret(const char *name);

/* The name least far from one that is not known.  Start with name "". */
struct nearest
{
	char     name[SETTING_PATH_MAX];
	unsigned distance;
};

void nearest_offer(struct nearest *near, const char *given, const char *name);
/* Near enough to be what was meant. */
bool nearest_is_near(const struct nearest *near, const char *given);
/* The known key nearest to the given one. */
void config_nearest(const char *given, struct nearest *near);

#endif /* RELAY_CONFIG_TABLE_H */
