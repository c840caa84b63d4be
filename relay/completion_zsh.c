/*
 * completion_zsh.c
 *		Writing the function for zsh; see completion.h.
 *
 * _arguments of zsh does the work: it takes a word for each option, "--key=[what it is]:what its
 * value is called:what that may be".
 */
#include "completion.h"

#include <string.h>

#include "cli_commands.h"
#include "config_table.h"

#define CODE(code, text) {#code, text},
static const struct
{
	const char *name;
	const char *text;
} codes[] = {ERR_CODES(CODE)};
#undef CODE

static const char body[] =
	"\tif (( CURRENT == 2 )); then\n"
	"\t\t_describe -t commands command commands\n"
	"\t\t_arguments '--help[say more]' '--version[say which version this is]'\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tcommand=$words[2]\n"
	"\t# the word that the cursor is at is none of the command yet\n"
	"\tif (( CURRENT > 3 )) && [[ -n \"$words[3]\" &&\n"
	"\t\t\" ${groups_of[$command]} \" == *\" $words[3] \"* ]]; then\n"
	"\t\tcommand=\"$command $words[3]\"\n"
	"\t\tshift words\n"
	"\t\t(( CURRENT-- ))\n"
	"\telif (( CURRENT == 3 )) && [[ -n \"${groups_of[$command]}\" && \"$PREFIX\" != -* ]]; then\n"
	"\t\t_walrelay_second \"$command\"\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tshift words\n"
	"\t(( CURRENT-- ))\n"
	"\t_walrelay_takes \"$command\"\n"
	"\t_arguments -S : '--help[say more]' \"$takes[@]\"\n";

/* --- text in single quotes ------------------------------------------------------------------ */

/* Up to the end of the first sentence or line; what zsh would take for its own gets a backslash. */
static void
put_help(const char *help, const char *special, FILE *out)
{
	for (const char *c = help; *c && !(*c == '.' && c[1] == ' '); c++)
	{
		if (*c == '\'')
			fputs("'\\'", out);
		else if (strchr(special, *c))
			fputc('\\', out);
		fputc(*c == '\n' ? ' ' : *c, out);
	}
}

/* Up to what follows the brackets. */
static void
put_name(const char *name, const char *help, bool has_value, FILE *out)
{
	fprintf(out, " '%s%s[", name, has_value && name[1] == '-' ? "=" : "");
	put_help(help, ":[]\\", out);
	fputs("]", out);
}

static void
put_option(const char *name, const char *help, const char *value, FILE *out)
{
	put_name(name, help, value != NULL, out);
	if (value)
	{
		fputs(":", out);
		put_help(value, ":[]\\", out);
		fprintf(out, ":%s", strcmp(value, "FILE") == 0 ? "_files" : "");
	}
	fputs("'", out);
}

/* --- settings and options --------------------------------------------------------------------- */

static void
put_value(const struct setting *set, const char *path, FILE *out)
{
	size_t len = strlen(path);

	if (set->kind == KIND_BOOL)
		fputs("(true false)", out);
	else if (set->kind == KIND_CHOICE || set->kind == KIND_SET || set->kind == KIND_WORD)
	{
		for (unsigned i = 0; set->words[i]; i++)
			fprintf(out, "%s%s", i ? " " : "(", set->words[i]);
		fputs(")", out);
	}
	else if (len > 9 && strcmp(path + len - 9, ".location") == 0)
		fputs("_files", out);
	else if (len > 4 && strcmp(path + len - 4, ".dir") == 0)
		fputs("_files -/", out);
}

static void
put_setting(const struct setting *set, const char *name, const char *path, FILE *out)
{
	fputs("\t\t", out);
	put_name(name, set->help, true, out);
	fputs(":value:", out);
	put_value(set, path, out);
	fputs("'\n", out);
}

static void
put_settings(FILE *out)
{
	char path[SETTING_PATH_MAX];
	char name[SETTING_PATH_MAX + 2];

	for (unsigned i = 0; i < nsettings; i++)
		for (unsigned both = 0; both < 2; both++)
		{
			setting_path(&settings[i], path);
			if (both && strcmp(path, settings[i].key) == 0)
				continue;
			snprintf(name, sizeof(name), "--%s", both ? settings[i].key : path);
			put_setting(&settings[i], name, path, out);
		}
}

static void
put_options(const struct command *cmd, FILE *out)
{
	for (unsigned i = 0; i < ncli_options; i++)
	{
		const struct cli_option *option = &cli_options[i];

		if ((option->takes & cmd->takes) == 0 || option->help == NULL)
			continue;
		put_option(option->name, option->help, option->value, out);
		for (unsigned k = 0; k < nshort_options; k++)
			if (strcmp(short_options[k].name, option->name) == 0)
				put_option(short_options[k].letter, option->help, option->value, out);
	}
	if (cmd->takes & TAKES_FILE)
		fputs(" '1:file:_files'", out);
	if (cmd->takes & TAKES_TOPIC)
		fputs(" '1:topic:'", out);
	if (cmd->takes & TAKES_TABLES)
		fputs(" '*:table:'", out);
	if (cmd->takes & TAKES_CODES)
	{
		fputs(" '*:code:((", out);
		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		{
			fprintf(out, " %s\\:\"", codes[i].name);
			put_help(codes[i].text, "\"\\", out);
			fputs("\"", out);
		}
		fputs("))'", out);
	}
}

/* --- commands ------------------------------------------------------------------------------------ */

static void
put_described(const char *word, const char *help, FILE *out)
{
	fprintf(out, " '%s:", word);
	put_help(help, "", out);
	fputs("'", out);
}

/* Of several commands that begin with the same word the first one's help is not what that does. */
static void
put_first_words(FILE *out)
{
	char word[COMMAND_WORD_MAX];

	fputs("\tcommands=(", out);
	for (unsigned i = 0; i < ncommands; i++)
	{
		const struct command *second;

		if (!command_first_word(i, word))
			continue;
		if ((second = command_in_group(word, 0)) == NULL)
		{
			put_described(word, commands[i].help, out);
			continue;
		}
		fprintf(out, " '%s:", word);
		for (unsigned n = 0; second; second = command_in_group(word, ++n))
			fprintf(out, "%s%s", n ? ", " : "", second->name + strlen(word) + 1);
		fputs("'", out);
	}
	fputs(")\n\tgroups_of=(", out);
	for (unsigned i = 0; i < ncommands; i++)
	{
		const struct command *second;

		if (!command_first_word(i, word) || command_in_group(word, 0) == NULL)
			continue;
		fprintf(out, " %s '", word);
		for (unsigned n = 0; (second = command_in_group(word, n)) != NULL; n++)
			fprintf(out, "%s%s", n ? " " : "", second->name + strlen(word) + 1);
		fputs("'", out);
	}
	fputs(")\n", out);
}

static void
put_second_words(FILE *out)
{
	char word[COMMAND_WORD_MAX];

	fputs("_walrelay_second()\n{\n\tlocal -a seconds\n\tcase $1 in\n", out);
	for (unsigned i = 0; i < ncommands; i++)
	{
		const struct command *second;

		if (!command_first_word(i, word) || command_in_group(word, 0) == NULL)
			continue;
		fprintf(out, "\t%s) seconds=(", word);
		for (unsigned n = 0; (second = command_in_group(word, n)) != NULL; n++)
			put_described(second->name + strlen(word) + 1, second->help, out);
		fputs(") ;;\n", out);
	}
	fputs("\tesac\n\t_describe -t commands command seconds\n}\n\n", out);
}

void
completion_zsh(FILE *out)
{
	fputs("#compdef walrelay\n# zsh completion of walrelay; made by \"walrelay completion zsh\"\n\n",
		  out);
	put_second_words(out);
	fputs("# takes: words for _arguments; what each does stands in brackets\n"
		  "_walrelay_takes()\n{\n\tlocal -a settings\n\tsettings=(\n",
		  out);
	put_settings(out);
	fputs("\t)\n\tcase $1 in\n", out);
	for (unsigned i = 0; i < ncommands; i++)
	{
		fprintf(out, "\t'%s') takes=(", commands[i].name);
		put_options(&commands[i], out);
		fprintf(out, "%s) ;;\n", commands[i].takes & TAKES_SETTINGS ? " \"$settings[@]\"" : "");
	}
	fputs("\tesac\n}\n\n_walrelay()\n{\n\tlocal command\n\tlocal -a commands takes\n"
		  "\tlocal -A groups_of\n",
		  out);
	put_first_words(out);
	fputs(body, out);
	/* As a file of $fpath it is the function itself; sourced it only makes it known. */
	fputs("}\n\nif [ \"$funcstack[1]\" = _walrelay ]; then\n\t_walrelay \"$@\"\nelse\n"
		  "\tcompdef _walrelay walrelay\nfi\n",
		  out);
}
