/*
 * completion.c
 *		Writing the script; see completion.h.
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
	"\t\t' ') command=$word ;;\n"
	"\t\t' slot' | ' dlq' | ' snapshot' | ' config' | ' completion') command=\"$command $word\" ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\t_walrelay_words \"$command\" \"$cur\"\n";

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

static void
put_words(const struct command *cmd, FILE *out)
{
	fprintf(out, "\t'%s') words='--help", cmd->name);
	if (cmd->takes & TAKES_SETTINGS)
		fputs(" --config= '\"$settings\"'", out);
	if (cmd->takes & TAKES_JSON)
		fputs(" --json", out);
	if (cmd->takes & TAKES_ENDPOS)
		fputs(" --endpos=", out);
	if (cmd->takes & TAKES_DUMP)
		fputs(" --no-lsn --no-xids --no-timestamp --no-relations --no-hello --no-marks", out);
	if (cmd->takes & TAKES_LETTERS)
		fputs(" --table= --code=", out);
	if (cmd->takes & TAKES_SHOW)
		fputs(" --offset= --limit=", out);
	if (cmd->takes & TAKES_DRY_RUN)
		fputs(" --dry-run", out);
	if (cmd->takes & TAKES_GAP)
		fputs(" --accept-gap=", out);
	if (cmd->takes & TAKES_FROM)
		fputs(" --from-lsn=", out);
	if (cmd->takes & TAKES_EXPORT)
		fputs(" --export-snapshot", out);
	if (cmd->takes & TAKES_WHERE)
		fputs(" --where= --blocking", out);
	fputc('\'', out);
	if (cmd->takes & TAKES_CODES)
	{
#define CODE(code, text) " " #code
		fputs("'" ERR_CODES(CODE) "'", out);
#undef CODE
	}
	fputs(" ;;\n", out);
}

/* The second words of what begins with this one; "" if it is a command by itself. */
static void
put_groups(FILE *out)
{
	static const char *const groups[] = {"slot", "dlq", "snapshot", "config", "completion"};

	for (unsigned g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
	{
		size_t len = strlen(groups[g]);

		fprintf(out, "\t'%s') words='", groups[g]);
		for (unsigned i = 0; i < ncommands; i++)
			if (strncmp(commands[i].name, groups[g], len) == 0 && commands[i].name[len] == ' ')
				fprintf(out, "%s ", commands[i].name + len + 1);
		/* config is one, too */
		fputs(strcmp(groups[g], "config") == 0 ? "--help --config= '\"$settings\" ;;\n" : "--help' ;;\n",
			  out);
	}
}

static void
put_first(FILE *out)
{
	const char *last = "";

	fputs("\t'') words='--help --version", out);
	for (unsigned i = 0; i < ncommands; i++)
	{
		size_t len = strcspn(commands[i].name, " ");

		if (strncmp(last, commands[i].name, len) == 0 && (last[len] == ' ' || last[len] == '\0'))
			continue;
		last = commands[i].name;
		fprintf(out, " %.*s", (int) len, commands[i].name);
	}
	fputs("' ;;\n", out);
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
	put_first(out);
	put_groups(out);
	for (unsigned i = 0; i < ncommands; i++)
		if (strcmp(commands[i].name, "config") != 0)
			put_words(&commands[i], out);
	fprintf(out, "\tesac\n%s_walrelay()\n{\n%s}\n\ncomplete -o default -F _walrelay walrelay\n", ending,
			body);
}
