/*
 * cli_commands.h
 *		The commands: what each takes, does, and says of itself with --help.
 *
 * For cli.c only, which parses arguments and runs them.
 */
#ifndef RELAY_CLI_COMMANDS_H
#define RELAY_CLI_COMMANDS_H

#include <stdio.h>

#include "cli.h"

/* What a command takes besides --help. */
enum takes
{
	TAKES_SETTINGS = 0x01, /* --config and every key */
	TAKES_ENDPOS = 0x02,
	TAKES_JSON = 0x04,
	TAKES_DUMP = 0x08, /* what decode leaves out */
	TAKES_FILE = 0x10,
	TAKES_LETTERS = 0x20, /* --table, --code */
	TAKES_SHOW = 0x40,    /* --offset, --limit */
	TAKES_DRY_RUN = 0x80,
	TAKES_GAP = 0x100,
	TAKES_FROM = 0x200,
	TAKES_EXPORT = 0x400,
	TAKES_TABLES = 0x800,
	TAKES_WHERE = 0x1000, /* --where, --blocking */
	TAKES_CODES = 0x2000
};

typedef enum rc command_fn(const struct cli *cli, FILE *out, struct err *e);

struct command
{
	const char *name; /* one or two words */
	const char *arguments;
	unsigned    takes;
	command_fn *execute;
	const char *help; /* a line */
	const char *more; /* what --help of the command adds, or NULL */
};

extern const struct command commands[];
extern const unsigned       ncommands;

/* Of walrelay and its libraries. */
void print_versions(FILE *out);
/* What walrelay --help prints. */
void help_all(FILE *out);
/* What --help of a command does; markdown: the reference of the settings, for the README. */
void help_command(const struct command *cmd, bool markdown, FILE *out);

#endif /* RELAY_CLI_COMMANDS_H */
