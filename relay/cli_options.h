/*
 * cli_options.h
 *		What commands take besides settings: one table for the parser, --help and completion.
 *
 * For cli.c, cli_commands.c and completion.c only.
 */
#ifndef RELAY_CLI_OPTIONS_H
#define RELAY_CLI_OPTIONS_H

#include "cli.h"

/* What a command takes besides --help. */
enum takes
{
	TAKES_SETTINGS = 0x01, /* --config and every key */
	TAKES_ENDPOS = 0x02,
	TAKES_JSON = 0x04,
	TAKES_DUMP = 0x08, /* what decode leaves out */
	TAKES_FILE = 0x10, /* a word, its name */
	TAKES_LETTERS = 0x20,
	TAKES_SHOW = 0x40,
	TAKES_DRY_RUN = 0x80,
	TAKES_GAP = 0x100,
	TAKES_FROM = 0x200,
	TAKES_EXPORT = 0x400,
	TAKES_TABLES = 0x800, /* words */
	TAKES_WHERE = 0x1000,
	TAKES_CODES = 0x2000, /* words */
	TAKES_TOPIC = 0x4000, /* a word, and what cat shows of it */
	TAKES_NEW_TOPICS = 0x8000,
	TAKES_WORD = TAKES_FILE | TAKES_TOPIC,
	TAKES_WORDS = TAKES_WORD | TAKES_TABLES | TAKES_CODES
};

struct cli_option;

/* value: NULL if the option has none. */
typedef enum rc cli_option_fn(struct cli *cli, const struct cli_option *option, const char *value,
							  struct err *e);

struct cli_option
{
	unsigned       takes; /* a command that takes one of these has the option */
	const char    *name;  /* with its dashes */
	const char    *value; /* what help calls it; NULL: there is none */
	cli_option_fn *take;
	size_t         place; /* in struct cli, or the bit of a flag: as take has it */
	const char    *help;  /* lines of at most 60 characters; NULL: not shown */
};

extern const struct cli_option cli_options[];
extern const unsigned          ncli_options;

/* "-c", and the option that it stands for, with its dashes. */
struct short_option
{
	const char *letter;
	const char *name;
};

extern const struct short_option short_options[];
extern const unsigned            nshort_options;

#endif /* RELAY_CLI_OPTIONS_H */
