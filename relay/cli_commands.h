/*
 * cli_commands.h
 *		The commands: what each takes, does, and says of itself with --help.
 *
 * For cli.c only, which parses arguments and runs them.
 */
#ifndef RELAY_CLI_COMMANDS_H
#define RELAY_CLI_COMMANDS_H

#include <stdio.h>

#include "cli_options.h"

typedef enum rc command_fn(const struct cli *cli, FILE *out, struct err *e);

struct command
{
	const char *name; /* one or two words */
	const char *arguments;
	unsigned    takes; /* enum takes */
	command_fn *execute;
	const char *help; /* a line */
	const char *more; /* what --help of the command adds, or NULL */
};

extern const struct command commands[];
extern const unsigned       ncommands;

/* Command number n, from 0, of those of two words of which this is the first; NULL: no more. */
const struct command *command_in_group(const char *word, unsigned n);

#define COMMAND_WORD_MAX 64

/* The first word of command number i; false: one before begins with it, too. */
bool command_first_word(unsigned i, char word[COMMAND_WORD_MAX]);

/* Of walrelay and its libraries. */
void print_versions(FILE *out);
/* What walrelay --help prints. */
void help_all(FILE *out);
/* What --help of a command does; markdown: the reference of the settings, for the README. */
void help_command(const struct command *cmd, bool markdown, FILE *out);

#endif /* RELAY_CLI_COMMANDS_H */
