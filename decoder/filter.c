/*
 * filter.c
 *		Compiles and matches the lists of regular expressions that choose
 *		tables and messages, with the server's own engine (advanced regular
 *		expressions) under the C collation: no catalog is read, so that it works
 *		outside a transaction.  Never called per row.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "regex/regex.h"

#include "filter.h"
#include "options.h"

struct patterns
{
	int			count;
	regex_t    *expressions;
	MemoryContextCallback reset;
};

/* Before 16 the engine takes its memory from malloc: give it back by hand. */
static void
patterns_free(void *arg)
{
	struct patterns *patterns = arg;

	while (patterns->count > 0)
		pg_regfree(&patterns->expressions[--patterns->count]);
}

static void
pattern_compile(regex_t *expression, const char *source, const char *option, const char *shown)
{
	int			bytes = strlen(source);
	pg_wchar   *wide = palloc((bytes + 1) * sizeof(pg_wchar));
	int			length = pg_mb2wchar_with_len(source, wide, bytes);
	int			code = pg_regcomp(expression, wide, length, REG_ADVANCED | REG_ICASE | REG_NOSUB,
								  C_COLLATION_OID);

	pfree(wide);
	if (code != REG_OKAY)
	{
		char		message[100];

		pg_regerror(code, expression, message, sizeof(message));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid regular expression in option \"%s\": %s", option, message),
				 errdetail("The expression is \"%s\".", shown)));
	}
}

/* Compiled bare first: "a)|(b" is no expression, though "^(?:a)|(b)$" would be one. */
static void
pattern_add(struct patterns *patterns, const char *source, const char *option)
{
	char	   *anchored = psprintf("^(?:%s)$", source);
	regex_t		bare;

	pattern_compile(&bare, source, option, source);
	pg_regfree(&bare);
	pattern_compile(&patterns->expressions[patterns->count], anchored, option, source);
	patterns->count++;
	pfree(anchored);
}

/*
 * Cut the next element out of *list, without the spaces around it, "\,"
 * turned into ",".  Returns a palloc'd string; advances *list, to NULL after
 * the last element.
 */
static char *
element_next(const char **list)
{
	const char *in = *list;
	char	   *element = palloc(strlen(in) + 1);
	char	   *out = element;

	while (*in == ' ')
		in++;
	for (; *in != '\0' && *in != ','; in++)
	{
		if (in[0] == '\\' && in[1] == ',')
			in++;
		else if (in[0] == '\\' && in[1] != '\0')
			*out++ = *in++;		/* an escape goes through whole */
		*out++ = *in;
	}
	while (out > element && out[-1] == ' ')
		out--;
	*out = '\0';
	*list = *in == ',' ? in + 1 : NULL;
	return element;
}

struct patterns *
patterns_compile(const char *list, const char *option)
{
	struct patterns *patterns = palloc0(sizeof(struct patterns));
	int			elements = 1;
	const char *rest;

	for (rest = list; *rest != '\0'; rest++)
		elements += *rest == ',';
	patterns->expressions = palloc0(elements * sizeof(regex_t));
	patterns->reset.func = patterns_free;
	patterns->reset.arg = patterns;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &patterns->reset);

	for (rest = list; rest != NULL;)
	{
		char	   *element = element_next(&rest);

		if (element[0] != '\0')
			pattern_add(patterns, element, option);
		pfree(element);
	}
	return patterns->count > 0 ? patterns : NULL;
}

bool
patterns_match(const struct patterns *patterns, const char *string)
{
	int			bytes = strlen(string);
	pg_wchar   *wide = palloc((bytes + 1) * sizeof(pg_wchar));
	int			length = pg_mb2wchar_with_len(string, wide, bytes);
	bool		found = false;
	int			i;

	for (i = 0; i < patterns->count && !found; i++)
	{
		int			code = pg_regexec(&patterns->expressions[i], wide, length, 0, NULL, 0, NULL, 0);

		/* Neither yes nor no, a cancel for example: never guess. */
		if (code != REG_OKAY && code != REG_NOMATCH)
		{
			CHECK_FOR_INTERRUPTS();
			elog(ERROR, "regular expression failed with code %d", code);
		}
		found = code == REG_OKAY;
	}
	pfree(wide);
	return found;
}

bool
filter_table(const struct options *options, const char *schema, const char *name)
{
	char	   *qualified = psprintf("%s.%s", schema, name);
	bool		wanted;

	wanted = (options->include_tables == NULL ||
			  patterns_match(options->include_tables, qualified)) &&
		!(options->exclude_tables != NULL &&
		  patterns_match(options->exclude_tables, qualified));
	pfree(qualified);
	return wanted;
}

bool
filter_message(const struct options *options, const char *prefix)
{
	return (options->include_prefixes == NULL ||
			patterns_match(options->include_prefixes, prefix)) &&
		!(options->exclude_prefixes != NULL &&
		  patterns_match(options->exclude_prefixes, prefix));
}
