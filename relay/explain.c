/*
 * explain.c
 *		Printing explanations; see explain.h.
 */
#include "explain.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 92 /* of text that is wrapped */

/* Of the word that text begins with; what stands between backticks is pasted, so it is one. */
static size_t
word_len(const char *text)
{
	size_t len = 0;
	bool   code = false;

	for (; text[len] && (code || text[len] != ' '); len++)
		code ^= text[len] == '`';
	return len;
}

/* Words, wrapped; each line begins with indent. */
static void
put_wrapped(const char *text, const char *indent, FILE *out)
{
	size_t column = 0;

	while (*text)
	{
		size_t len = word_len(text);

		if (column > 0 && column + 1 + len > WIDTH)
		{
			fputc('\n', out);
			column = 0;
		}
		if (column == 0)
		{
			fputs(indent, out);
			column = strlen(indent);
		}
		else
		{
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, len, out);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static const struct explanation *
explanation_of(const char *code)
{
	const char *digits = *code == 'E' || *code == 'e' ? code + 1 : code;

	for (const struct explanation *x = explanations; x->code != E0; x++)
		if (strcmp(err_code_name(x->code) + 1, digits) == 0)
			return x;
	return NULL;
}

enum rc
explain_code(const char *code, FILE *out, struct err *e)
{
	const struct explanation *x = explanation_of(code);

	if (x == NULL)
	{
		err_set(e, ERR_USAGE, E1006, "there is no code \"%.20s\"", code);
		return err_hint(e, "Run \"walrelay explain\" for those that there are.");
	}
	fprintf(out, "%s: %s\n\n", err_code_name(x->code), err_code_text(x->code));
	put_wrapped(x->meaning, "", out);
	fprintf(out, "\nMeanwhile:\n");
	put_wrapped(x->meanwhile, "  ", out);
	fprintf(out, "\nWhat to do:\n");
	put_wrapped(x->remedy, "  ", out);
	return RC_OK;
}

void
explain_list(FILE *out)
{
	for (const struct explanation *x = explanations; x->code != E0; x++)
		fprintf(out, "%s  %s\n", err_code_name(x->code), err_code_text(x->code));
}

/* 10xx, 12xx, ...; as err.h groups them. */
static const char *
group_of(const char *name)
{
	static const struct
	{
		const char *digits;
		const char *title;
	} groups[] = {{"10", "Configuration and this machine"},
				  {"12", "PostgreSQL"},
				  {"14", "Frames of the plugin"},
				  {"16", "Schemas and values"},
				  {"18", "Schema registry"},
				  {"20", "Kafka and other outputs"}};

	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strncmp(name + 1, groups[i].digits, 2) == 0)
			return groups[i].title;
	return "Others";
}

void
explain_markdown(FILE *out)
{
	const char *group = "";

	fprintf(out, "# Errors\n\n"
				 "What each code in walrelay's log means, what walrelay does then, and what to do. "
				 "`walrelay explain CODE` prints the same.\nCodes are never given another meaning. "
				 "This page is made by `contrib/errors-page`.\n");
	for (const struct explanation *x = explanations; x->code != E0; x++)
	{
		const char *name = err_code_name(x->code);

		if (strcmp(group, group_of(name)) != 0)
			fprintf(out, "\n## %s\n", group = group_of(name));
		fprintf(out, "\n### %s\n\n**%s.** %s\n\n*Meanwhile:* %s\n\n*What to do:* %s\n", name,
				err_code_text(x->code), x->meaning, x->meanwhile, x->remedy);
	}
}
