/*
 * cli.c
 *		Arguments to a command and its settings; see cli.h.
 */
#include "cli.h"

#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "cli_commands.h"
#include "config_table.h"
#include "dump.h"
#include "gap.h"
#include "pg.h"

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

static void
take_code(struct args *args, struct cli *cli)
{
	cli->codes = xrealloc(cli->codes, (cli->ncodes + 1) * sizeof(*cli->codes));
	cli->codes[cli->ncodes++] = *args->at++;
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
	else if (strcmp(arg, "--markdown") == 0 && (takes & (TAKES_SETTINGS | TAKES_CODES)))
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

	for (unsigned i = 0; i < ncommands; i++)
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
	for (unsigned i = 0; i < ncommands && cli->command == NULL; i++)
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
		 strcmp(args->at[0], "snapshot") == 0 || strcmp(args->at[0], "completion") == 0))
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

	if (strcmp(cli->command->name, "tail") != 0)
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
		else if (cli->command->takes & TAKES_CODES)
			take_code(&args, cli);
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
	free(cli->codes);
	cli->codes = NULL;
}

enum rc
cli_execute(const struct cli *cli, FILE *out, struct err *e)
{
	if (cli->help && cli->command)
		help_command(cli->command, cli->markdown, out);
	else if (cli->help)
		help_all(out);
	else if (cli->version)
		print_versions(out);
	else
		return cli->command->execute(cli, out, e);
	return RC_OK;
}
