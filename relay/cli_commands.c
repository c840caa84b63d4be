/*
 * cli_commands.c
 *		What commands do, and their help; see cli_commands.h.
 */
#include "cli_commands.h"

#include <errno.h>
#include <string.h>

#include "capture.h"
#include "check.h"
#include "completion.h"
#include "config_table.h"
#include "crash_point.h"
#include "explain.h"
#include "import.h"
#include "log.h"
#include "loop.h"
#include "pg.h"
#include "policy.h"
#include "producer.h"
#include "schema_diff.h"
#include "schema_show.h"
#include "session.h"
#include "slot.h"
#include "snapshot_command.h"
#include "snapshot_status.h"
#include "status.h"

#define OPTION_WIDTH 22 /* columns up to what an option does */

/* --- the commands -------------------------------------------------------------- */

static enum rc
execute_relay(const struct cli *cli, FILE *out, struct err *e)
{
	struct loop *loop;
	enum rc      rc;

	(void) out;
	if (config_check(cli->cfg, e) != RC_OK)
		return RC_ERR;
	log_setup(cli->cfg->admin.log_format, (enum log_level) cli->cfg->admin.log_level);
	log_info("walrelay %s, librdkafka %s, libpq %d.%d", WALRELAY_VERSION, producer_version(),
			 pg_library_version() / 10000, pg_library_version() % 10000);
	loop = loop_new();
	rc = session_run(loop, cli->cfg, e);
	loop_free(loop);
	return rc;
}

/* The file of the command line; name: for messages.  NULL: *e. */
static FILE *
file_open(const struct cli *cli, const char *what, const char **name, struct err *e)
{
	FILE *in;

	*name = "standard input";
	if (cli->nwords == 0 || strcmp(cli->words[0], "-") == 0)
		return stdin;
	*name = cli->words[0];
	in = fopen(*name, "rbe");
	if (in)
		return in;
	err_set(e, ERR_USAGE, E1006, "file \"%s\" cannot be read: %s", *name, strerror(errno));
	err_hint(e, "Name %s, or - for standard input.", what);
	return NULL;
}

static void
file_close(FILE *in)
{
	if (in != stdin)
		fclose(in);
}

static enum rc
execute_decode(const struct cli *cli, FILE *out, struct err *e)
{
	const char  *name;
	FILE        *in = file_open(cli, "a file that pg_recvlogical wrote", &name, e);
	struct dump *dump;
	enum rc      rc;

	if (in == NULL)
		return RC_ERR;
	dump = dump_new(out, cli->dump_flags);
	rc = capture_decode(in, name, dump, e);
	dump_free(dump);
	file_close(in);
	return rc;
}

static enum rc
execute_config_import(const struct cli *cli, FILE *out, struct err *e)
{
	const char *name;
	FILE       *in = file_open(cli, "a connector's JSON or an application.properties", &name, e);
	enum rc     rc;

	if (in == NULL)
		return RC_ERR;
	rc = import_config(in, name, out, e);
	file_close(in);
	return rc;
}

static enum rc
execute_slot_create(const struct cli *cli, FILE *out, struct err *e)
{
	return slot_create(cli->cfg, cli->exports, cli->json, out, e);
}

static enum rc
execute_slot_alter(const struct cli *cli, FILE *out, struct err *e)
{
	return slot_alter(cli->cfg, out, e);
}

static enum rc
execute_slot_status(const struct cli *cli, FILE *out, struct err *e)
{
	return slot_status(cli->cfg, cli->json, out, e);
}

static enum rc
execute_slot_drop(const struct cli *cli, FILE *out, struct err *e)
{
	return slot_drop(cli->cfg, out, e);
}

static enum rc
execute_cat(const struct cli *cli, FILE *out, struct err *e)
{
	if (cli->nwords == 1)
		return cat(cli->cfg, cli->words[0], &cli->cat, out, e);
	err_set(e, ERR_USAGE, E1006, "\"cat\" needs a topic");
	return err_hint(e, "Write walrelay cat TOPIC.");
}

static enum rc
execute_dlq_list(const struct cli *cli, FILE *out, struct err *e)
{
	return dlq_list(cli->cfg, &cli->choice, cli->json, out, e);
}

static enum rc
execute_dlq_show(const struct cli *cli, FILE *out, struct err *e)
{
	return dlq_show(cli->cfg, &cli->choice, out, e);
}

static enum rc
execute_dlq_replay(const struct cli *cli, FILE *out, struct err *e)
{
	return dlq_replay(cli->cfg, &cli->choice, cli->dry_run, out, e);
}

static enum rc
execute_schema_show(const struct cli *cli, FILE *out, struct err *e)
{
	return schema_show(cli->cfg, cli->words, cli->nwords, cli->json, out, e);
}

/* 1 says that there are differences, and nothing else: what would end with it ends with 78. */
static enum rc
tell_apart(enum rc rc, enum err_code differences, struct err *e)
{
	if (rc == RC_ERR && e->code != differences && policy_exit_code(e) == EXIT_RUNTIME)
		e->class = ERR_CONFIG;
	return rc;
}

static enum rc
execute_schema_diff(const struct cli *cli, FILE *out, struct err *e)
{
	return tell_apart(schema_diff(cli->cfg, cli->words, cli->nwords, cli->json, out, e), E1809, e);
}

static enum rc
execute_topics_plan(const struct cli *cli, FILE *out, struct err *e)
{
	return tell_apart(topics_plan(cli->cfg, cli->words, cli->nwords, cli->json, out, e), E2017, e);
}

static enum rc
execute_topics_create(const struct cli *cli, FILE *out, struct err *e)
{
	struct topics_choice choice = cli->topics;

	choice.tries = cli->dry_run;
	return topics_create(cli->cfg, cli->words, cli->nwords, &choice, cli->json, out, e);
}

static enum rc
execute_snapshot_status(const struct cli *cli, FILE *out, struct err *e)
{
	return snapshot_status(cli->cfg, cli->json, out, e);
}

static enum rc
execute_order(const struct cli *cli, enum signal_kind kind, FILE *out, struct err *e)
{
	struct snapshot_order order = cli->order;

	order.kind = kind;
	order.tables = cli->words;
	order.ntables = cli->nwords;
	return snapshot_command(cli->cfg, &order, out, e);
}

static enum rc
execute_snapshot_start(const struct cli *cli, FILE *out, struct err *e)
{
	return execute_order(cli, SIGNAL_EXECUTE, out, e);
}

static enum rc
execute_snapshot_stop(const struct cli *cli, FILE *out, struct err *e)
{
	return execute_order(cli, SIGNAL_STOP, out, e);
}

static enum rc
execute_snapshot_pause(const struct cli *cli, FILE *out, struct err *e)
{
	return execute_order(cli, SIGNAL_PAUSE, out, e);
}

static enum rc
execute_snapshot_resume(const struct cli *cli, FILE *out, struct err *e)
{
	return execute_order(cli, SIGNAL_RESUME, out, e);
}

static enum rc
execute_config(const struct cli *cli, FILE *out, struct err *e)
{
	config_print(cli->cfg, out);
	fflush(out);
	return config_check(cli->cfg, e);
}

static enum rc
execute_check(const struct cli *cli, FILE *out, struct err *e)
{
	return check(cli->cfg, cli->json, out, e);
}

static enum rc
execute_status(const struct cli *cli, FILE *out, struct err *e)
{
	return status_show(cli->cfg, cli->json, out, e);
}

static enum rc
execute_top(const struct cli *cli, FILE *out, struct err *e)
{
	return status_top(cli->cfg, out, e);
}

static enum rc
execute_explain(const struct cli *cli, FILE *out, struct err *e)
{
	if (cli->markdown)
		explain_markdown(out);
	else if (cli->nwords == 0)
		explain_list(out);
	for (unsigned i = 0; i < cli->nwords; i++)
	{
		if (i > 0)
			fputc('\n', out);
		if (explain_code(cli->words[i], out, e) != RC_OK)
			return RC_ERR;
	}
	return RC_OK;
}

static enum rc
execute_completion_bash(const struct cli *cli, FILE *out, struct err *e)
{
	(void) cli;
	(void) e;
	completion_bash(out);
	return RC_OK;
}

static enum rc
execute_completion_zsh(const struct cli *cli, FILE *out, struct err *e)
{
	(void) cli;
	(void) e;
	completion_zsh(out);
	return RC_OK;
}

void
print_versions(FILE *out)
{
	fprintf(out, "walrelay %s\nlibpq %d.%d\nlibrdkafka %s\n", WALRELAY_VERSION,
			pg_library_version() / 10000, pg_library_version() % 10000, producer_version());
}

static enum rc
execute_version(const struct cli *cli, FILE *out, struct err *e)
{
	(void) cli;
	(void) e;
	print_versions(out);
	return RC_OK;
}

#ifdef WALRELAY_CRASH_POINTS
static enum rc
execute_crash_points(const struct cli *cli, FILE *out, struct err *e)
{
	(void) cli;
	(void) e;
	crash_points_list(out);
	return RC_OK;
}
#endif

const struct command commands[] = {
	{"run", "", TAKES_SETTINGS | TAKES_ENDPOS | TAKES_GAP | TAKES_FROM, execute_relay,
	 "Stream committed changes to Kafka until told to stop",
	 "Needs a database, brokers and topic.prefix, and a slot (\"walrelay slot create\")."},
	{"check", "", TAKES_SETTINGS | TAKES_JSON, execute_check,
	 "Look at everything that \"run\" needs, and say what to do where it is not so",
	 "Changes nothing. Prints OK, WARN, SKIP or FAIL for each thing, and fails if one of them did."},
	{"status", "", TAKES_SETTINGS | TAKES_JSON, execute_status,
	 "Show what a relay that runs is doing",
	 "Asks it at admin.listen. --json prints what /status has."},
	{"top", "", TAKES_SETTINGS, execute_top, "The same on a terminal, every second, with rates", NULL},
	{"tail", "", TAKES_SETTINGS | TAKES_ENDPOS, execute_relay,
	 "Print committed changes as lines of JSON, without Kafka",
	 "Shows what is committed from now on, by a temporary slot; --snapshot.mode=initial shows the\n"
	 "rows that are there first. With --slot.name it reads that slot, which then counts what was\n"
	 "printed as taken."},
	{"cat", "TOPIC", TAKES_SETTINGS | TAKES_TOPIC, execute_cat,
	 "Print the records of a topic as lines of JSON, decoded by the registry's schemas",
	 "Members are named as kcat -J names them. Stops at the end of the topic, unless --follow\n"
	 "says otherwise. Records of transactions that are open or were aborted are left out. Needs\n"
	 "bootstrap.servers and registry.url; no slot and no PostgreSQL."},
	{"decode", "[FILE]", TAKES_DUMP | TAKES_FILE, execute_decode,
	 "Print what pg_recvlogical has captured from a walrelay slot",
	 "Without FILE, or with -, it reads standard input."},
	{"slot create", "", TAKES_SETTINGS | TAKES_JSON | TAKES_EXPORT, execute_slot_create,
	 "Create the replication slot",
	 "With --export-snapshot it stays until Enter or the end of standard input, or a signal, so\n"
	 "that the rows of before can be read by pg_dump or COPY exactly as of the slot's position.\n"
	 "\"walrelay run --from-lsn=THAT\" goes on from there."},
	{"slot alter", "", TAKES_SETTINGS, execute_slot_alter,
	 "Make the slot one that standbys keep a copy of (failover)",
	 "Needs PostgreSQL 17 or later and a slot that nobody uses just now. With\n"
	 "--slot.failover=false it becomes an ordinary slot again."},
	{"slot status", "", TAKES_SETTINGS | TAKES_JSON, execute_slot_status,
	 "Show the replication slot", NULL},
	{"slot drop", "", TAKES_SETTINGS, execute_slot_drop,
	 "Drop the replication slot, unless somebody uses it", NULL},
	{"schema show", "[TABLE...]", TAKES_SETTINGS | TAKES_TABLES | TAKES_JSON, execute_schema_show,
	 "Print the Avro schemas of captured tables, as they would be registered",
	 "TABLE is schema.table or a regular expression for that. Asks PostgreSQL alone, through a\n"
	 "slot that is made for a moment; registers nothing."},
	{"schema diff", "[TABLE...]", TAKES_SETTINGS | TAKES_TABLES | TAKES_JSON, execute_schema_diff,
	 "Compare these schemas with the newest ones in the registry, field by field",
	 "Says of each subject whether it is the same, new or changed, and whether the registry would\n"
	 "accept it; registers nothing. TABLE as for \"schema show\". Exit code 0 if all are the same, 1\n"
	 "if not, another one if that cannot be told."},
	{"topics plan", "[TABLE...]", TAKES_SETTINGS | TAKES_TABLES | TAKES_JSON, execute_topics_plan,
	 "Show which topics are needed, and how they differ from those that are there",
	 "TABLE is schema.table or a regular expression for that; without it the topics that are no\n"
	 "table's are shown, too. Changes nothing. Exit code 0 if nothing is to be done, 1 if topics are\n"
	 "to be created or changed, another one if that cannot be told."},
	{"topics create", "[TABLE...]",
	 TAKES_SETTINGS | TAKES_TABLES | TAKES_NEW_TOPICS | TAKES_JSON, execute_topics_create,
	 "Create those that \"topics plan\" shows as missing",
	 "What is there is left as it is. If one cannot be created, that is said with what to do, the\n"
	 "others are, and the exit code is that of the first."},
	{"dlq list", "", TAKES_SETTINGS | TAKES_LETTERS | TAKES_JSON, execute_dlq_list,
	 "Show how many dead letters there are, by table and reason", NULL},
	{"dlq show", "", TAKES_SETTINGS | TAKES_LETTERS | TAKES_SHOW, execute_dlq_show,
	 "Show dead letters, with the values of their rows", NULL},
	{"dlq replay", "", TAKES_SETTINGS | TAKES_LETTERS | TAKES_DRY_RUN, execute_dlq_replay,
	 "Send dead letters to the topics that they were meant for",
	 "Each once, in their order, however often it is run. Ended in the middle it may send some\n"
	 "again. Raise the topic's limit or let the registry accept the schema first."},
	{"snapshot start", "TABLE...", TAKES_SETTINGS | TAKES_TABLES | TAKES_WHERE,
	 execute_snapshot_start, "Read rows of tables again while changes stream",
	 "TABLE is schema.table or a regular expression for that, as in table.include.list. The relay\n"
	 "does it as soon as its stream comes to the signal; if it does not run, when it does."},
	{"snapshot stop", "[TABLE...]", TAKES_SETTINGS | TAKES_TABLES, execute_snapshot_stop,
	 "End what \"snapshot start\" has begun, of all tables or these", NULL},
	{"snapshot pause", "", TAKES_SETTINGS, execute_snapshot_pause,
	 "Read no more rows of it until told to resume", NULL},
	{"snapshot resume", "", TAKES_SETTINGS, execute_snapshot_resume,
	 "Go on where it was paused", NULL},
	{"snapshot status", "", TAKES_SETTINGS | TAKES_JSON, execute_snapshot_status,
	 "Show how far the snapshots of the slot are, table by table",
	 "Reads topic.progress alone: it needs Kafka, no relay that runs and no PostgreSQL."},
	{"config import", "[FILE]", TAKES_FILE, execute_config_import,
	 "Turn a Debezium connector's settings into a configuration file",
	 "FILE is the JSON that was posted to Kafka Connect, or a Debezium Server's\n"
	 "application.properties; without it, or with -, standard input. What has no counterpart is a\n"
	 "comment, and the exit code is 1 then. Passwords are not copied."},
	{"config", "", TAKES_SETTINGS, execute_config,
	 "Show the settings in force and where each comes from", "Fails if a required one is missing."},
	{"explain", "[CODE...]", TAKES_CODES, execute_explain,
	 "Say what a code such as E1204 means, and what to do",
	 "Without CODE it lists all of them."},
	{"completion bash", "", 0, execute_completion_bash,
	 "Print a script that has bash complete commands and settings",
	 "source <(walrelay completion bash)"},
	{"completion zsh", "", 0, execute_completion_zsh, "Print a function that does the same in zsh",
	 "walrelay completion zsh > a folder of $fpath/_walrelay; or behind compinit:\n"
	 "source <(walrelay completion zsh)"},
	{"version", "", 0, execute_version, "Show the versions of walrelay and its libraries", NULL},
#ifdef WALRELAY_CRASH_POINTS
	{"crash-points", "", 0, execute_crash_points, "List where this build can be made to die", NULL},
#endif
};

const unsigned ncommands = sizeof(commands) / sizeof(commands[0]);

const struct command *
command_in_group(const char *word, unsigned n)
{
	size_t len = strlen(word);

	for (unsigned i = 0; i < ncommands; i++)
		if (strncmp(commands[i].name, word, len) == 0 && commands[i].name[len] == ' ' && n-- == 0)
			return &commands[i];
	return NULL;
}

bool
command_first_word(unsigned i, char word[COMMAND_WORD_MAX])
{
	size_t len = strcspn(commands[i].name, " ");

	snprintf(word, COMMAND_WORD_MAX, "%.*s", (int) len, commands[i].name);
	return i == 0 || strncmp(commands[i - 1].name, word, len) != 0 ||
		   (commands[i - 1].name[len] != ' ' && commands[i - 1].name[len] != '\0');
}

/* --- help -------------------------------------------------------------------------- */

void
help_all(FILE *out)
{
	fprintf(out, "walrelay streams committed changes of a PostgreSQL database to Kafka.\n\n"
				 "Usage: walrelay COMMAND [--KEY=VALUE ...]\n\nCommands:\n");
	for (unsigned i = 0; i < ncommands; i++)
		fprintf(out, "  %-15s %-10s %s\n", commands[i].name, commands[i].arguments,
				commands[i].help);
	fprintf(out, "\n\"walrelay COMMAND --help\" says more.\n"
				 "Exit codes: 0 done, 1 failed, 2 wrong command line, 69 a server cannot be "
				 "reached,\n75 the slot is in use, 77 no permission, 78 a setting has to "
				 "change,\n79 the slot guard ended it.\n");
}

/* What an option does stands beside it, or below it if it is long. */
static void
help_option(const struct cli_option *option, FILE *out)
{
	int width = fprintf(out, "  %s%s%s", option->name, option->value ? "=" : "",
						option->value ? option->value : "");

	if (width >= OPTION_WIDTH)
	{
		fputc('\n', out);
		width = 0;
	}
	for (const char *line = option->help; *line; width = 0)
	{
		int len = (int) strcspn(line, "\n");

		fprintf(out, "%*s%.*s\n", OPTION_WIDTH - width, "", len, line);
		line += len + (line[len] == '\n');
	}
}

static void
help_options(unsigned takes, FILE *out)
{
	bool headed = false;

	for (unsigned i = 0; i < ncli_options; i++)
		if ((cli_options[i].takes & takes) && cli_options[i].help)
		{
			if (!headed)
				fprintf(out, "\nOptions:\n");
			headed = true;
			help_option(&cli_options[i], out);
		}
}

void
help_command(const struct command *cmd, bool markdown, FILE *out)
{
	if (markdown && (cmd->takes & TAKES_SETTINGS))
	{
		config_reference(out, true);
		return;
	}
	fprintf(out, "Usage: walrelay %s%s%s%s\n\n%s.\n", cmd->name, *cmd->arguments ? " " : "",
			cmd->arguments, cmd->takes & TAKES_SETTINGS ? " [--KEY=VALUE ...]" : "", cmd->help);
	if (cmd->more)
		fprintf(out, "%s\n", cmd->more);
	help_options(cmd->takes, out);
	if ((cmd->takes & TAKES_SETTINGS) == 0)
		return;
	fprintf(out,
			"\nSettings. Each is also WALRELAY_SECTION_KEY in the environment (dots become\n"
			"underscores) and \"key = value\" in its section of the file; the command line\n"
			"wins over the environment, that over the file. A secret may be given as KEY.file:\n"
			"the name of the file that holds it.\n\n");
	config_reference(out, false);
}
