/*
 * completion.c
 *		Writing the script for bash; see completion.h.
 *
 * Readline takes --key=value for three words, because = ends one (COMP_WORDBREAKS).
 */
#include "completion.h"

#include <string.h>

#include "cli_commands.h"
#include "config_table.h"

static const char body[] =
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} key='' command='' word i\n"
	"\tlocal before=${COMP_WORDS[COMP_CWORD-1]}\n"
	"\tif [ \"$cur\" = = ]; then\n"
	"\t\tkey=$before cur=''\n"
	"\telif [ \"$before\" = = ]; then\n"
	"\t\tkey=${COMP_WORDS[COMP_CWORD-2]}\n"
	"\telif [ \"$before\" = -c ]; then\n"
	"\t\tkey=--config\n"
	"\tfi\n"
	"\tif [ -n \"$key\" ]; then\n"
	"\t\t_walrelay_values \"$key\" \"$cur\"\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tcase $word in\n"
	"\t\t-*) continue ;;\n"
	"\t\t=) ((i++)); continue ;;\n"
	"\t\tesac\n"
	"\t\tcase \" $command\" in\n"
	"\t\t' ') command=$word ;;\n";

static const char ending[] =
	"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$2\")\n"
	"\t# a value follows\n"
	"\tif [ \"${#COMPREPLY[@]}\" = 1 ] && [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi\n"
	"}\n\n";

/* --- values of settings ---------------------------------------------------------------- */

static void
put_values(const struct setting *set, FILE *out)
{
	char path[SETTING_PATH_MAX];

	if (set->kind != KIND_BOOL && set->kind != KIND_CHOICE && set->kind != KIND_SET &&
		set->kind != KIND_WORD)
		return;
	setting_path(set, path);
	fprintf(out, "\t--%s", path);
	if (strcmp(path, set->key) != 0)
		fprintf(out, " | --%s", set->key);
	fputs(") words='", out);
	if (set->kind == KIND_BOOL)
		fputs("true false", out);
	else
		for (unsigned i = 0; set->words[i]; i++)
			fprintf(out, "%s%s", i ? " " : "", set->words[i]);
	fputs("' ;;\n", out);
}

/* --- words of commands ------------------------------------------------------------------- */

/* What a command takes, behind what stands there. */
static void
put_options(const struct command *cmd, FILE *out)
{
	if (cmd->takes & TAKES_SETTINGS)
		fputs(" '\"$settings\"'", out);
	for (unsigned i = 0; i < ncli_options; i++)
		if ((cli_options[i].takes & cmd->takes) && cli_options[i].help)
			fprintf(out, " %s%s", cli_options[i].name, cli_options[i].value ? "=" : "");
	if (cmd->takes & TAKES_CODES)
	{
#define CODE(code, text) " " #code
		fputs(ERR_CODES(CODE), out);
#undef CODE
	}
}

/* What may follow each word that commands begin with. */
static void
put_commands(FILE *out)
{
	char word[COMMAND_WORD_MAX];

	fputs("\t'') words='--help --version", out);
	for (unsigned i = 0; i < ncommands; i++)
		if (command_first_word(i, word))
			fprintf(out, " %s", word);
	fputs("' ;;\n", out);
	for (unsigned i = 0; i < ncommands; i++)
	{
		const struct command *second;

		if (!command_first_word(i, word) || command_in_group(word, 0) == NULL)
			continue;
		fprintf(out, "\t'%s') words='--help", word);
		for (unsigned n = 0; (second = command_in_group(word, n)) != NULL; n++)
			fprintf(out, " %s", second->name + strlen(word) + 1);
		/* the word may be a command, too */
		for (unsigned k = 0; k < ncommands; k++)
			if (strcmp(commands[k].name, word) == 0)
				put_options(&commands[k], out);
		fputs("' ;;\n", out);
	}
	for (unsigned i = 0; i < ncommands; i++)
	{
		snprintf(word, sizeof(word), "%s", commands[i].name);
		if (command_in_group(word, 0))
			continue;
		fprintf(out, "\t'%s') words='--help", word);
		put_options(&commands[i], out);
		fputs("' ;;\n", out);
	}
}

/* How the second word is known from what follows a command of one. */
static void
put_body(FILE *out)
{
	char word[COMMAND_WORD_MAX];

	fputs(body, out);
	for (unsigned i = 0; i < ncommands; i++)
		if (command_first_word(i, word) && command_in_group(word, 0))
			fprintf(out, "\t\t' %s') command=\"$command $word\" ;;\n", word);
	fputs("\t\tesac\n\tdone\n\t_walrelay_words \"$command\" \"$cur\"\n", out);
}

void
completion_bash(FILE *out)
{
	char path[SETTING_PATH_MAX];

	fputs("# bash completion of walrelay; made by \"walrelay completion bash\"\n"
		  "_walrelay_values()\n{\n\tlocal words=''\n\tcase $1 in\n"
		  "\t--config | --*.file | --*.location | --*.dir)\n"
		  "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$2\")\n\t\treturn ;;\n",
		  out);
	for (unsigned i = 0; i < nsettings; i++)
		put_values(&settings[i], out);
	fprintf(out, "\tesac\n%s_walrelay_words()\n{\n\tlocal words='' settings=\n\tsettings='", ending);
	for (unsigned i = 0; i < nsettings; i++)
	{
		setting_path(&settings[i], path);
		fprintf(out, "%s--%s=", i ? " " : "", path);
		if (strcmp(path, settings[i].key) != 0)
			fprintf(out, " --%s=", settings[i].key);
	}
	fputs("'\n\tcase $1 in\n", out);
	put_commands(out);
	fprintf(out, "\tesac\n%s_walrelay()\n{\n", ending);
	put_body(out);
	fputs("}\n\ncomplete -o default -F _walrelay walrelay\n", out);
}
