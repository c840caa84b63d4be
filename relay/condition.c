/*
 * condition.c
 *		The outer form of a condition; see condition.h.
 *
 * As PostgreSQL's scan.l takes a text apart, but for what only quotes and parentheses
 * need; where it could be taken in two ways, it is refused.
 */
#include "condition.h"

#include <stdbool.h>
#include <strings.h>

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		   (unsigned char) c >= 0x80;
}

static bool
is_name_part(char c)
{
	return is_name_start(c) || (c >= '0' && c <= '9') || c == '$';
}

/*
 * Behind the quoted text that begins at *i.  A quote behind a backslash may be its end or
 * not: E'...' and standard_conforming_strings decide.
 */
static const char *
quoted_pass(struct str text, size_t *i)
{
	char quote = text.data[*i];

	for (size_t at = *i + 1; at < text.len; at++)
		if (text.data[at] == quote)
		{
			*i = at + 1; /* a doubled one: another text begins, which is as good */
			return quote == '\'' && text.data[at - 1] == '\\'
					   ? "has a backslash before a quote; write a quote in a string as two"
					   : NULL;
		}
	return "has a quote that does not end";
}

/* Behind $tag$...$tag$; behind the $ alone if that is none. */
static const char *
dollar_pass(struct str text, size_t *i)
{
	size_t end = *i + 1;
	size_t len;

	if (end < text.len && is_name_start(text.data[end]))
		while (end < text.len && is_name_part(text.data[end]) && text.data[end] != '$')
			end++;
	if (end == text.len || text.data[end] != '$')
	{
		++*i;
		return NULL;
	}
	len = end + 1 - *i;
	for (size_t at = end + 1; at + len <= text.len; at++)
		if (memcmp(text.data + at, text.data + *i, len) == 0)
		{
			*i = at + len;
			return NULL;
		}
	return "has a quote that does not end";
}

static bool
is_comment(struct str text, size_t i)
{
	return i + 1 < text.len && ((text.data[i] == '-' && text.data[i + 1] == '-') ||
								(text.data[i] == '/' && text.data[i + 1] == '*'));
}

/* Behind a word, of which $ may be a part. */
static size_t
word_pass(struct str text, size_t i)
{
	while (i < text.len && is_name_part(text.data[i]))
		i++;
	return i;
}

const char *
condition_refusal(struct str text)
{
	const char *wrong = NULL;
	size_t      i = 0;
	unsigned    depth = 0;

	if (text.len > 0 && memchr(text.data, '\0', text.len))
		return "has a zero byte";
	while (i < text.len && strchr(" \t\r\n\f\v", text.data[i]))
		i++;
	if (i == text.len)
		return "is empty";
	if (text.len - i >= 6 && strncasecmp(text.data + i, "select", 6) == 0 &&
		word_pass(text, i) == i + 6)
		return "is a statement; give what would stand behind its WHERE";
	while (i < text.len && wrong == NULL)
	{
		char c = text.data[i];

		if (c == '\'' || c == '"')
			wrong = quoted_pass(text, &i);
		else if (c == '$')
			wrong = dollar_pass(text, &i);
		else if (is_name_start(c))
			i = word_pass(text, i);
		else if (c == ')' && depth == 0)
			return "closes a parenthesis that it has not opened";
		else if (c == ';')
			return "has a semicolon";
		else if (is_comment(text, i))
			return "has a comment";
		else
		{
			depth += c == '(';
			depth -= c == ')';
			i++;
		}
	}
	if (wrong == NULL && depth > 0)
		return "opens a parenthesis that it does not close";
	return wrong;
}
