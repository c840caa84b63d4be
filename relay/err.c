/*
 * err.c
 *		Filling and naming errors; see err.h.
 */
#include "err.h"

#include <stdio.h>
#include <string.h>

enum rc
err_set(struct err *e, enum err_class class, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	e->class = class;
	e->code = code;
	e->detail[0] = '\0';
	e->hint[0] = '\0';
	e->gap = NULL;
	e->topic[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return RC_ERR;
}

enum rc
err_detail(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->detail, sizeof(e->detail), fmt, ap);
	va_end(ap);
	return RC_ERR;
}

enum rc
err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return RC_ERR;
}

enum rc
err_gap(struct err *e, const char *reason, const char *topic)
{
	e->gap = reason;
	snprintf(e->topic, sizeof(e->topic), "%s", topic ? topic : "");
	return RC_ERR;
}

void
err_clear(struct err *e)
{
	memset(e, 0, sizeof(*e));
}

const char *
err_code_name(enum err_code code)
{
#define NAME(c, text)                                                                             \
	case c: return #c;
	switch (code)
	{
		case E0: return "E0";
		ERR_CODES(NAME)
	}
#undef NAME
	return "E0";
}

const char *
err_code_text(enum err_code code)
{
#define TEXT(c, text)                                                                             \
	case c: return text;
	switch (code)
	{
		case E0: return "no error";
		ERR_CODES(TEXT)
	}
#undef TEXT
	return "unknown";
}
