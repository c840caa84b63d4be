/*
 * cli.c
 *		Arguments to a command and its settings; see cli.h.
 */
#include "cli.h"

#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "cli_commands.h"
#include "cli_options.h"
#include "config_table.h"

/* --- arguments ------------------------------------------------------------------------ */

struct args
{
	char **first;
	char **at;
	char **end;
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

static void
take_word(struct args *args, struct cli *cli)
{
	cli->words = xrealloc(cli->words, (cli->nwords + 1) * sizeof(*cli->words));
	cli->words[cli->nwords++] = *args->at++;
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
	struct nearest near = {.name = ""};
	enum rc        rc;

	nearest_offer(&near, arg, "--help");
	nearest_offer(&near, arg, "--version");
	for (unsigned i = 0; i < ncli_options; i++)
		nearest_offer(&near, arg, cli_options[i].name);
	rc = usage_error(e, "unknown option", arg, near.distance ? &near : NULL);
	if (cmd)
		err_detail(e, "The command is \"%s\".", cmd->name);
	return rc;
}

/* The option of the command that arg is; *value as arg_is() has it. */
static const struct cli_option *
find_option(unsigned takes, const char *arg, const char **value)
{
	for (unsigned i = 0; i < ncli_options; i++)
		if ((takes & cli_options[i].takes) && arg_is(arg, cli_options[i].name, value) &&
			(cli_options[i].value || *value == NULL))
			return &cli_options[i];
	return NULL;
}

static const char *
long_name(const char *arg)
{
	for (unsigned i = 0; i < nshort_options; i++)
		if (strcmp(arg, short_options[i].letter) == 0)
			return short_options[i].name;
	return arg;
}

static enum rc
take_option(struct args *args, struct cli *cli, struct err *e)
{
	const struct command    *cmd = cli->command;
	unsigned                 takes = cmd ? cmd->takes : 0;
	const char              *arg = *args->at++;
	const char              *value;
	const struct cli_option *option =
		find_option(takes, long_name(arg), &value);

	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		cli->help = true;
	else if (strcmp(arg, "--version") == 0 && cmd == NULL)
		cli->version = true;
	else if (option)
	{
		if (option->value && arg_value(args, option->name, &value, e) != RC_OK)
			return RC_ERR;
		return option->take(cli, option, value, e);
	}
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
	unsigned   n = 0;

	for (const struct command *cmd; (cmd = command_in_group(word, n)) != NULL; n++)
		buf_printf(&text, "%s\"walrelay %s\"", n ? " or " : "", cmd->name);
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
	if (cli->command == NULL && command_in_group(args->at[0], 0) != NULL)
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
cli_read_settings(char **environ_, struct cli *cli, struct err *e)
{
	const char *file = cli->config_file ? cli->config_file : getenv("WALRELAY_CONFIG");

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
		else if ((cli->command->takes & TAKES_WORDS) &&
				 (cli->nwords == 0 || !(cli->command->takes & TAKES_WORD)))
			take_word(&args, cli);
		else
			return usage_unexpected(&args, cli->command, e);
	}
	if (cli->help || cli->version)
		return RC_OK;
	if (cli->command->takes & TAKES_SETTINGS)
		return cli_read_settings(environ_, cli, e);
	return RC_OK;
}

void
cli_free(struct cli *cli)
{
	config_free(cli->cfg);
	cli->cfg = NULL;
	free(cli->words);
	cli->words = NULL;
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
