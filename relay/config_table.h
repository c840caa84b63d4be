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
	KIND_WORD, /* one of words */
	/* These are numbers of the field's size: */
	KIND_CHOICE, /* place in words */
	KIND_BOOL,
	KIND_COUNT,
	KIND_SIZE,	  /* bytes */
	KIND_DURATION /* milliseconds */
};

struct setting
{
	const char		  *section;
	const char		  *key;
	const char		  *alias; /* another name for it, or NULL */
	enum kind		   kind;
	size_t			   offset; /* in struct config */
	size_t			   size;
	const char		  *value; /* default, as text */
	uint64_t		   min;
	uint64_t		   max;
	const char *const *words;
	bool			   secret;
	const char		  *help;
};

extern const struct setting settings[]; /* grouped by section */
extern const unsigned		nsettings;

/* Who set a value, for each entry of the table. */
struct config_origin
{
	enum origin origin;
	char	   *where;
};

/* "kafka.topic.prefix", "slot.name" */
void setting_path(const struct setting *set, char path[SETTING_PATH_MAX]);
/* "WALRELAY_KAFKA_TOPIC_PREFIX" of such a path */
void setting_variable(const char *path, char name[SETTING_PATH_MAX]);
/* What it takes, as it follows "Give ". */
void setting_takes(const struct setting *set, char *text, size_t size);
bool property_is_secret(const char *name);
bool config_key_is_bool(const char *key);

/* The name least far from one that is not known.  Start with name "". */
struct nearest
{
	char	 name[SETTING_PATH_MAX];
	unsigned distance;
};

void nearest_offer(struct nearest *near, const char *given, const char *name);
/* Near enough to be what was meant. */
bool nearest_is_near(const struct nearest *near, const char *given);
/* The known key nearest to the given one. */
void config_nearest(const char *given, struct nearest *near);

#endif /* RELAY_CONFIG_TABLE_H */
