/*
 * cli.h
 *		The command line: which command, with which settings.
 *
 * main.c parses and executes; nothing here ends the process.
 */
#ifndef RELAY_CLI_H
#define RELAY_CLI_H

#include <stdio.h>

#include "cat.h"
#include "config.h"
#include "dlq.h"
#include "snapshot_order.h"
#include "topics_command.h"

struct command; /* cli.c's own */

struct cli
{
	const struct command *command; /* NULL: only help or version was asked for */
	struct config        *cfg;
	bool                  help;
	bool                  version;
	bool                  json;
	bool                  markdown;
	bool                  dry_run;
	bool                  exports; /* --export-snapshot */
	struct dlq_choice     choice;
	struct cat_choice     cat;
	struct topics_choice  topics; /* but tries, which is dry_run */
	struct snapshot_order order; /* but kind and tables, which are words */
	unsigned              dump_flags; /* enum dump_flags */
	const char           *config_file;
	const char          **words; /* what the command is about; the array is owned */
	unsigned              nwords;
};

/*
 * Takes arguments, file and environment in.  *cli borrows from argv; give it
 * to cli_free() whatever comes back.  RC_ERR of class USAGE for a wrong command
 * line, CONFIG for wrong settings.
 */
enum rc cli_parse(int argc, char **argv, char **environ_, struct cli *cli,
				  struct err *e) MUST_CHECK;
void    cli_free(struct cli *cli);

/* Does what was asked for and comes back when it is done. */
enum rc cli_execute(const struct cli *cli, FILE *out, struct err *e) MUST_CHECK;

#endif /* RELAY_CLI_H */
