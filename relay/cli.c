/*
 * cli.c
 *		Commands and their arguments; see cli.h.
 */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "capture.h"
#include "config_table.h"
#include "crash_point.h"
#include "gap.h"
#include "log.h"
#include "loop.h"
#include "pg.h"
#include "producer.h"
#include "session.h"
#include "slot.h"
#include "snapshot_command.h"
#include "snapshot_status.h"

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
	TAKES_WHERE = 0x1000 /* --where, --blocking */
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

static enum rc
execute_decode(const struct cli *cli, FILE *out, struct err *e)
{
	bool         from_stdin = cli->file == NULL || strcmp(cli->file, "-") == 0;
	FILE        *in = from_stdin ? stdin : fopen(cli->file, "rbe");
	struct dump *dump;
	enum rc      rc;

	if (in == NULL)
	{
		err_set(e, ERR_USAGE, E1006, "file \"%s\" cannot be read: %s", cli->file, strerror(errno));
		return err_hint(e, "Name a file that pg_recvlogical wrote, or - for standard input.");
	}
	dump = dump_new(out, cli->dump_flags);
	rc = capture_decode(in, from_stdin ? "standard input" : cli->file, dump, e);
	dump_free(dump);
	if (!from_stdin)
		fclose(in);
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
execute_snapshot_status(const struct cli *cli, FILE *out, struct err *e)
{
	return snapshot_status(cli->cfg, cli->json, out, e);
}

static enum rc
execute_order(const struct cli *cli, enum signal_kind kind, FILE *out, struct err *e)
{
	struct snapshot_order order = cli->order;

	order.kind = kind;
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
execute_version(const struct cli *cli, FILE *out, struct err *e)
{
	(void) cli;
	(void) e;
	fprintf(out, "walrelay %s\nlibpq %d.%d\nlibrdkafka %s\n", WALRELAY_VERSION,
			pg_library_version() / 10000, pg_library_version() % 10000, producer_version());
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

static const struct command commands[] = {
	{"run", "", TAKES_SETTINGS | TAKES_ENDPOS | TAKES_GAP | TAKES_FROM, execute_relay,
	 "Stream committed changes to Kafka until told to stop",
	 "Needs a database, brokers and topic.prefix, and a slot (\"walrelay slot create\")."},
	{"tail", "", TAKES_SETTINGS | TAKES_ENDPOS, execute_relay,
	 "Print committed changes as lines of JSON, without Kafka",
	 "Shows what is committed from now on, by a temporary slot; --snapshot.mode=initial shows the\n"
	 "rows that are there first. With --slot.name it reads that slot, which then counts what was\n"
	 "printed as taken."},
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
	{"config", "", TAKES_SETTINGS, execute_config,
	 "Show the settings in force and where each comes from", "Fails if a required one is missing."},
	{"version", "", 0, execute_version, "Show the versions of walrelay and its libraries", NULL},
#ifdef WALRELAY_CRASH_POINTS
	{"crash-points", "", 0, execute_crash_points, "List where this build can be made to die", NULL},
#endif
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

/* --- help -------------------------------------------------------------------------- */

static void
help_all(FILE *out)
{
	fprintf(out, "walrelay streams committed changes of a PostgreSQL database to Kafka.\n\n"
				 "Usage: walrelay COMMAND [--KEY=VALUE ...]\n\nCommands:\n");
	for (unsigned i = 0; i < NCOMMANDS; i++)
		fprintf(out, "  %-15s %-10s %s\n", commands[i].name, commands[i].arguments,
				commands[i].help);
	fprintf(out, "\n\"walrelay COMMAND --help\" says more.\n"
				 "Exit codes: 0 done, 1 failed, 2 wrong command line, 69 a server cannot be "
				 "reached,\n75 the slot is in use, 77 no permission, 78 a setting has to "
				 "change.\n");
}

static void
help_command(const struct command *cmd, bool markdown, FILE *out)
{
	if (markdown)
	{
		config_reference(out, true);
		return;
	}
	fprintf(out, "Usage: walrelay %s%s%s%s\n\n%s.\n", cmd->name, *cmd->arguments ? " " : "",
			cmd->arguments, cmd->takes & TAKES_SETTINGS ? " [--KEY=VALUE ...]" : "", cmd->help);
	if (cmd->more)
		fprintf(out, "%s\n", cmd->more);
	if (cmd->takes)
		fprintf(out, "\nOptions:\n");
	if (cmd->takes & TAKES_ENDPOS)
		fprintf(out, "  --endpos=LSN        stop when everything up to this position is safe\n");
	if (cmd->takes & TAKES_GAP)
		fprintf(out,
				"  --accept-gap=TOKEN[,TOKEN...]\n"
				"                      go on over the gap that walrelay has refused with this token\n");
	if (cmd->takes & TAKES_FROM)
		fprintf(out, "  --from-lsn=LSN      first start: rows were loaded by hand as of this position;\n"
					 "                      what commits before it is left out, and no row is read\n");
	if (cmd->takes & TAKES_EXPORT)
		fprintf(out, "  --export-snapshot   print a snapshot as of the slot's position, and hold it\n");
	if (cmd->takes & TAKES_JSON)
		fprintf(out, "  --json              one JSON object instead of a table\n");
	if (cmd->takes & TAKES_WHERE)
		fprintf(out, "  --where=CONDITION   only rows for which this is true, as behind SQL's WHERE\n"
					 "  --blocking          the stream waits meanwhile: for tables without a key\n");
	if (cmd->takes & TAKES_LETTERS)
		fprintf(out, "  --table=TABLE       only letters of this table, as schema.table\n"
					 "  --code=CODE         only letters with this code, such as E2003\n");
	if (cmd->takes & TAKES_SHOW)
		fprintf(out, "  --offset=PARTITION:OFFSET\n"
					 "                      the letter there\n"
					 "  --limit=N           at most so many (10)\n");
	if (cmd->takes & TAKES_DRY_RUN)
		fprintf(out, "  --dry-run           only say how many there are\n");
	if (cmd->takes & TAKES_DUMP)
		fprintf(out, "  --no-lsn --no-xids --no-timestamp --no-relations --no-hello --no-marks\n"
					 "                      leave these out\n");
	if ((cmd->takes & TAKES_SETTINGS) == 0)
		return;
	fprintf(out,
			"  -c, --config=FILE   settings in INI form (or WALRELAY_CONFIG names the file)\n"
			"\nSettings. Each is also WALRELAY_SECTION_KEY in the environment (dots become\n"
			"underscores) and \"key = value\" in its section of the file; the command line\n"
			"wins over the environment, that over the file. A secret may be given as KEY.file:\n"
			"the name of the file that holds it.\n\n");
	config_reference(out, false);
}

/* --- arguments ------------------------------------------------------------------------ */

struct args
{
	char      **first;
	char      **at;
	char      **end;
	const char *config_file;
};

/*
 * As much of an argument as may be shown: what stands behind = : or @ may be a
 * password.  The caller frees it.
 */
static char *
arg_key(const char *arg)
{
	return xstrndup(arg, strcspn(arg, "=:@"));
}

static enum rc
usage_error(struct err *e, const char *what, const char *given, const struct nearest *near)
{
	char *key = arg_key(given);

	err_set(e, ERR_USAGE, E1006, "%s \"%s%s\"", what, key, given[strlen(key)] ? "..." : "");
	if (near && nearest_is_near(near, key))
		err_hint(e, "Perhaps you meant \"%s\".", near->name);
	else
		err_hint(e, "Run \"walrelay --help\".");
	free(key);
	return RC_ERR;
}

/*
 * A word that nothing takes.  It may be the rest of a value that the shell has
 * split, so of a password: what stands before it is shown instead.
 */
static enum rc
usage_unexpected(const struct args *args, const struct command *cmd, struct err *e)
{
	char **at = args->at;
	char  *option;

	if ((cmd->takes & TAKES_SETTINGS) == 0)
		return usage_error(e, "unexpected argument", *at, NULL);
	while (at > args->first && strncmp(*at, "--", 2) != 0)
		at--;
	if (strncmp(*at, "--", 2) != 0)
	{
		err_set(e, ERR_USAGE, E1006, "unexpected argument behind \"%s\"", cmd->name);
		return err_hint(e, "Run \"walrelay --help\".");
	}
	option = arg_key(*at);
	err_set(e, ERR_USAGE, E1006, "unexpected argument behind \"%s\"", option);
	err_hint(e, "Quote a value that holds blanks: '%s=...'.", option);
	free(option);
	return RC_ERR;
}

/* True if arg is --name or --name=value; *value then is what follows, or NULL. */
static bool
arg_is(const char *arg, const char *name, const char **value)
{
	size_t len = strlen(name);

	*value = NULL;
	if (strncmp(arg, name, len) != 0 || (arg[len] != '\0' && arg[len] != '='))
		return false;
	if (arg[len] == '=')
		*value = arg + len + 1;
	return true;
}

/* The value of an option: what stood behind "=", or the next argument. */
static enum rc
arg_value(struct args *args, const char *name, const char **value, struct err *e)
{
	if (*value)
		return RC_OK;
	if (args->at == args->end)
	{
		err_set(e, ERR_USAGE, E1006, "%s needs a value", name);
		return err_hint(e, "Write %s=VALUE.", name);
	}
	*value = *args->at++;
	return RC_OK;
}

static enum rc
take_lsn(struct args *args, const char *name, const char *value, uint64_t *lsn, struct err *e)
{
	if (arg_value(args, name, &value, e) != RC_OK)
		return RC_ERR;
	*lsn = pg_lsn_parse(value);
	if (*lsn != 0 && strspn(value, "0123456789ABCDEFabcdef/") == strlen(value) &&
		strlen(strchr(value, '/')) <= sizeof("/FFFFFFFF") - 1)
		return RC_OK;
	err_set(e, ERR_USAGE, E1006, "invalid position for %s", name);
	return err_hint(e, "Give an LSN as the server prints it, such as 16/B374D848.");
}

/* Given several times, all count. */
static enum rc
take_gaps(struct args *args, const char *value, struct cli *cli, struct err *e)
{
	char *before = cli->cfg->accept_gaps;

	if (arg_value(args, "--accept-gap", &value, e) != RC_OK)
		return RC_ERR;
	if (!gap_tokens_are_valid(value))
	{
		err_set(e, ERR_USAGE, E1006, "invalid token for --accept-gap");
		return err_hint(e, "Give what the hint of the refusal says, %d hex digits; several are "
						   "separated by commas, without blanks.", GAP_TOKEN_LEN);
	}
	cli->cfg->accept_gaps = xasprintf("%s%s%s", before ? before : "", before ? "," : "", value);
	free(before);
	return RC_OK;
}

static enum rc
take_limit(struct args *args, const char *value, struct cli *cli, struct err *e)
{
	char         *end;
	unsigned long limit;

	if (arg_value(args, "--limit", &value, e) != RC_OK)
		return RC_ERR;
	limit = strtoul(value, &end, 10);
	if (*value >= '0' && *value <= '9' && *end == '\0' && limit > 0 && limit <= 1000000)
	{
		cli->choice.limit = (unsigned) limit;
		return RC_OK;
	}
	err_set(e, ERR_USAGE, E1006, "invalid number for --limit");
	return err_hint(e, "Give a number from 1 to 1000000.");
}

/* Rows that are not asked for may be many: one condition of two is not taken for both. */
static enum rc
take_where(struct args *args, const char *value, struct cli *cli, struct err *e)
{
	if (arg_value(args, "--where", &value, e) != RC_OK)
		return RC_ERR;
	if (cli->order.where)
	{
		err_set(e, ERR_USAGE, E1006, "--where is given twice");
		return err_hint(e, "Join the conditions by AND or OR.");
	}
	cli->order.where = value;
	return RC_OK;
}

static void
take_table(struct args *args, struct cli *cli)
{
	struct snapshot_order *order = &cli->order;

	order->tables = xrealloc(order->tables, (order->ntables + 1) * sizeof(*order->tables));
	order->tables[order->ntables++] = *args->at++;
}

/* Which letters; false: it is no such option. */
static bool
take_letters(struct args *args, const char *arg, unsigned takes, struct cli *cli, enum rc *rc,
			 struct err *e)
{
	const char *value;

	if ((takes & TAKES_LETTERS) && arg_is(arg, "--table", &value))
		*rc = arg_value(args, "--table", &value, e), cli->choice.table = value;
	else if ((takes & TAKES_LETTERS) && arg_is(arg, "--code", &value))
		*rc = arg_value(args, "--code", &value, e), cli->choice.code = value;
	else if ((takes & TAKES_SHOW) && arg_is(arg, "--offset", &value))
		*rc = arg_value(args, "--offset", &value, e), cli->choice.at = value;
	else if ((takes & TAKES_SHOW) && arg_is(arg, "--limit", &value))
		*rc = take_limit(args, value, cli, e);
	else
		return false;
	return true;
}

static bool
take_dump_flag(const char *arg, struct cli *cli)
{
	static const struct
	{
		const char *name;
		unsigned    flag;
	} flags[] = {{"--no-lsn", DUMP_NO_LSN},
				 {"--no-xids", DUMP_NO_XIDS},
				 {"--no-timestamp", DUMP_NO_TIMESTAMP},
				 {"--no-relations", DUMP_NO_RELATIONS},
				 {"--no-hello", DUMP_NO_HELLO},
				 {"--no-marks", DUMP_NO_MARKS}};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(arg, flags[i].name) == 0)
		{
			cli->dump_flags |= flags[i].flag;
			return true;
		}
	return false;
}

/* --key=value, --key value, and --key for what is true or false. */
static enum rc
take_setting(struct args *args, const char *arg, struct cli *cli, struct err *e)
{
	const char *equals = strchr(arg, '=');
	const char *value = equals ? equals + 1 : NULL;
	char       *key = equals ? xstrndup(arg + 2, (size_t) (equals - arg - 2)) : xstrdup(arg + 2);
	char       *where = xasprintf("command line (--%s)", key);
	enum rc     rc = RC_OK;

	if (value == NULL && setting_is_bool(key) &&
		(args->at == args->end || **args->at == '-' || strchr("tfoyn01", **args->at) == NULL))
		value = "true";
	else if (value == NULL && args->at < args->end && strncmp(*args->at, "--", 2) != 0)
		value = *args->at++;
	/* Without a value it is the key that is to be looked at first. */
	rc = config_set(cli->cfg, key, value ? value : "", ORIGIN_FLAG, where, e);
	if (rc == RC_ERR && e->code == E1001)
		e->class = ERR_USAGE;
	else if (value == NULL)
	{
		err_set(e, ERR_USAGE, E1006, "--%s needs a value", key);
		rc = err_hint(e, "Write --%s=VALUE.", key);
	}
	free(where);
	free(key);
	return rc;
}

static enum rc
unknown_option(const char *arg, const struct command *cmd, struct err *e)
{
	static const char *const own[] = {"--help",         "--version",  "--config",  "--json",
									  "--endpos",       "--no-lsn",   "--no-xids", "--no-timestamp",
									  "--no-relations", "--no-hello", "--no-marks", "--table",
									  "--code",         "--offset",   "--limit",    "--dry-run",
									  "--accept-gap",   "--from-lsn", "--export-snapshot",
									  "--where",        "--blocking"};
	struct nearest           near = {.name = ""};
	enum rc                  rc;

	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		nearest_offer(&near, arg, own[i]);
	rc = usage_error(e, "unknown option", arg, near.distance ? &near : NULL);
	if (cmd)
		err_detail(e, "The command is \"%s\".", cmd->name);
	return rc;
}

static enum rc
take_option(struct args *args, struct cli *cli, struct err *e)
{
	const struct command *cmd = cli->command;
	unsigned              takes = cmd ? cmd->takes : 0;
	const char           *arg = *args->at++;
	const char           *value;
	enum rc               rc = RC_OK;

	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		cli->help = true;
	else if (strcmp(arg, "--version") == 0 && cmd == NULL)
		cli->version = true;
	else if (strcmp(arg, "--markdown") == 0 && (takes & TAKES_SETTINGS))
		cli->markdown = true;
	else if (strcmp(arg, "--json") == 0 && (takes & TAKES_JSON))
		cli->json = true;
	else if (strcmp(arg, "--dry-run") == 0 && (takes & TAKES_DRY_RUN))
		cli->dry_run = true;
	else if (strcmp(arg, "--export-snapshot") == 0 && (takes & TAKES_EXPORT))
		cli->exports = true;
	else if (take_letters(args, arg, takes, cli, &rc, e))
		return rc;
	else if (strcmp(arg, "--blocking") == 0 && (takes & TAKES_WHERE))
		cli->order.blocking = true;
	else if (arg_is(arg, "--where", &value) && (takes & TAKES_WHERE))
		return take_where(args, value, cli, e);
	else if (arg_is(arg, "--endpos", &value) && (takes & TAKES_ENDPOS))
		return take_lsn(args, "--endpos", value, &cli->cfg->end_lsn, e);
	else if (arg_is(arg, "--from-lsn", &value) && (takes & TAKES_FROM))
		return take_lsn(args, "--from-lsn", value, &cli->cfg->from_lsn, e);
	else if (arg_is(arg, "--accept-gap", &value) && (takes & TAKES_GAP))
		return take_gaps(args, value, cli, e);
	else if ((arg_is(arg, "--config", &value) || arg_is(arg, "-c", &value)) &&
			 (takes & TAKES_SETTINGS))
	{
		if (arg_value(args, "--config", &value, e) != RC_OK)
			return RC_ERR;
		args->config_file = value;
	}
	else if ((takes & TAKES_DUMP) && take_dump_flag(arg, cli))
		return RC_OK;
	else if (strncmp(arg, "--", 2) == 0 && arg[2] && (takes & TAKES_SETTINGS))
		return take_setting(args, arg, cli, e);
	else
		return unknown_option(arg, cmd, e);
	return RC_OK;
}

/* The first word of several commands. */
static enum rc
usage_half(const char *word, struct err *e)
{
	struct buf text = {0};

	for (unsigned i = 0; i < NCOMMANDS; i++)
		if (strncmp(commands[i].name, word, strlen(word)) == 0)
			buf_printf(&text, "%s\"walrelay %s\"", text.len ? " or " : "", commands[i].name);
	err_set(e, ERR_USAGE, E1006, "\"%s\" needs to know what to do", word);
	err_hint(e, "Write %s.", buf_cstr(&text));
	buf_free(&text);
	return RC_ERR;
}

/* The command that one or two words name; takes them. */
static enum rc
take_command(struct args *args, struct cli *cli, struct err *e)
{
	struct nearest near = {.name = ""};
	char          *two;
	enum rc        rc = RC_OK;

	two = xasprintf("%s %s", args->at[0], args->at + 1 < args->end ? args->at[1] : "");
	for (unsigned i = 0; i < NCOMMANDS && cli->command == NULL; i++)
	{
		const char *name = commands[i].name;

		nearest_offer(&near, strchr(name, ' ') ? two : args->at[0], name);
		if (strcmp(name, args->at[0]) == 0)
			args->at += 1;
		else if (strcmp(name, two) == 0)
			args->at += 2;
		else
			continue;
		cli->command = &commands[i];
	}
	if (cli->command == NULL &&
		(strcmp(args->at[0], "slot") == 0 || strcmp(args->at[0], "dlq") == 0 ||
		 strcmp(args->at[0], "snapshot") == 0))
	{
		bool help = strstr(two, " -h") || strstr(two, " --help");

		cli->help = help;
		if (help)
			args->at = args->end;
		else
			rc = usage_half(args->at[0], e);
	}
	else if (cli->command == NULL)
		rc = usage_error(e, "unknown command", args->at[0], &near);
	free(two);
	return rc;
}

/* What the command itself decides, whatever the settings say. */
static enum rc
cli_preset(struct cli *cli, struct err *e)
{
	struct config *cfg = cli->cfg;
	const char    *where = "command tail";
	char           name[32];

	if (cli->command->execute != execute_relay || strcmp(cli->command->name, "tail") != 0)
		return RC_OK;
	snprintf(name, sizeof(name), "walrelay_tail_%d", (int) getpid());
	if (*cfg->kafka.topic_prefix == '\0' &&
		config_set(cfg, "topic.prefix", "walrelay", ORIGIN_DEFAULT, where, e) != RC_OK)
		return RC_ERR;
	/* What is committed from now on, and not what was before, unless somebody asks for it. */
	if (config_set(cfg, "snapshot.mode", "never", ORIGIN_DEFAULT, where, e) != RC_OK)
		return RC_ERR;
	/* No side effects: no schemas registered, no one else's slot used up. */
	if (config_set(cfg, "sink", "stdout", ORIGIN_FLAG, where, e) != RC_OK ||
		config_set(cfg, "registry.url", "", ORIGIN_FLAG, where, e) != RC_OK ||
		config_set(cfg, "schemas.dir", "", ORIGIN_FLAG, where, e) != RC_OK)
		return RC_ERR;
	cfg->signal.channels &= CHANNEL_SOURCE; /* the other needs Kafka */
	/* The screen has no other place for what fails. */
	if (cfg->relay.on_error == ON_ERROR_DEAD_LETTER &&
		config_set(cfg, "on.error", "stop", ORIGIN_FLAG, where, e) != RC_OK)
		return RC_ERR;
	if (cfg->registry.on_incompatible == ON_ERROR_DEAD_LETTER &&
		config_set(cfg, "schema.on.incompatible", "stop", ORIGIN_FLAG, where, e) != RC_OK)
		return RC_ERR;
	if (config_origin(cfg, "slot.name") == ORIGIN_FLAG)
		return RC_OK;
	if (config_set(cfg, "slot.name", name, ORIGIN_FLAG, where, e) != RC_OK)
		return RC_ERR;
	return config_set(cfg, "slot.temporary", "true", ORIGIN_FLAG, where, e);
}

static enum rc
cli_read_settings(const struct args *args, char **environ_, struct cli *cli, struct err *e)
{
	const char *file = args->config_file ? args->config_file : getenv("WALRELAY_CONFIG");

	if (file && *file && config_read_file(cli->cfg, file, e) != RC_OK)
		return RC_ERR;
	if (config_read_environment(cli->cfg, environ_, e) != RC_OK)
		return RC_ERR;
	return cli_preset(cli, e);
}

enum rc
cli_parse(int argc, char **argv, char **environ_, struct cli *cli, struct err *e)
{
	struct args args = {.first = argv + 1, .at = argv + 1, .end = argv + argc};

	*cli = (struct cli){.cfg = config_new(), .choice.limit = 10};
	if (argc < 2)
	{
		err_set(e, ERR_USAGE, E1006, "no command given");
		return err_hint(e, "Run \"walrelay --help\".");
	}
	while (args.at < args.end)
	{
		bool option = **args.at == '-' && strcmp(*args.at, "-") != 0;

		if (option && take_option(&args, cli, e) != RC_OK)
			return RC_ERR;
		if (option)
			continue;
		if (cli->command == NULL)
		{
			if (take_command(&args, cli, e) != RC_OK)
				return RC_ERR;
		}
		else if ((cli->command->takes & TAKES_FILE) && cli->file == NULL)
			cli->file = *args.at++;
		else if (cli->command->takes & TAKES_TABLES)
			take_table(&args, cli);
		else
			return usage_unexpected(&args, cli->command, e);
	}
	if (cli->help || cli->version)
		return RC_OK;
	if (cli->command->takes & TAKES_SETTINGS)
		return cli_read_settings(&args, environ_, cli, e);
	return RC_OK;
}

void
cli_free(struct cli *cli)
{
	config_free(cli->cfg);
	cli->cfg = NULL;
	free(cli->order.tables);
	cli->order = (struct snapshot_order){0};
}

enum rc
cli_execute(const struct cli *cli, FILE *out, struct err *e)
{
	if (cli->help && cli->command)
		help_command(cli->command, cli->markdown, out);
	else if (cli->help)
		help_all(out);
	else if (cli->version)
		return execute_version(cli, out, e);
	else
		return cli->command->execute(cli, out, e);
	return RC_OK;
}
