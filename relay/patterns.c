/*
 * patterns.c
 *		Lists of regular expressions; see patterns.h.
 */
#include "patterns.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "buf.h"

struct patterns
{
	pcre2_code       *code; /* of all expressions together */
	pcre2_match_data *match;
};

/* One expression; commas that are escaped or inside (), [] or {} are its own. */
static size_t
expression_len(const char *list)
{
	size_t len = 0;
	int    depth = 0;

	for (; list[len] && (list[len] != ',' || depth > 0); len++)
	{
		if (list[len] == '\\' && list[len + 1])
			len++;
		else if (strchr("([{", list[len]))
			depth++;
		else if (strchr(")]}", list[len]) && depth > 0)
			depth--;
	}
	return len;
}

/* All of them as one: (?:a)|(?:b). */
static void
expressions_join(const char *list, struct buf *joined)
{
	while (*list)
	{
		size_t len = expression_len(list);
		size_t space = strspn(list, " \t");

		if (space < len)
			buf_printf(joined, "%s(?:%.*s)", joined->len ? "|" : "", (int) (len - space),
					   list + space);
		list += len;
		if (*list == ',')
			list++;
	}
}

enum rc
patterns_new(const char *setting, const char *list, struct patterns **out, struct err *e)
{
	struct patterns *patterns;
	struct buf       joined = {0};
	int              code;
	PCRE2_SIZE       at;

	*out = NULL;
	expressions_join(list, &joined);
	if (joined.len == 0)
		return RC_OK;
	patterns = xcalloc(1, sizeof(*patterns));
	patterns->code =
		pcre2_compile(joined.data, joined.len,
					  PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_CASELESS | PCRE2_UTF, &code, &at,
					  NULL);
	buf_free(&joined);
	if (patterns->code == NULL)
	{
		char text[128];

		free(patterns);
		pcre2_get_error_message(code, (PCRE2_UCHAR *) text, sizeof(text));
		err_set(e, ERR_CONFIG, E1002, "invalid value for \"%s\": \"%.80s\"", setting, list);
		err_detail(e, "It is no list of regular expressions: %s.", text);
		return err_hint(e, "Separate expressions by commas, and write \\. for a dot.");
	}
	patterns->match = pcre2_match_data_create_from_pattern(patterns->code, NULL);
	if (patterns->match == NULL)
		xmalloc(SIZE_MAX);
	*out = patterns;
	return RC_OK;
}

void
patterns_free(struct patterns *patterns)
{
	if (patterns == NULL)
		return;
	pcre2_match_data_free(patterns->match);
	pcre2_code_free(patterns->code);
	free(patterns);
}

bool
patterns_match(const struct patterns *patterns, const char *name)
{
	return patterns && pcre2_match(patterns->code, (PCRE2_SPTR) name, strlen(name), 0, 0,
								   patterns->match, NULL) >= 0;
}
