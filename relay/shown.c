/*
 * shown.c
 *		Text without what a terminal would obey; see shown.h.
 */
#include "shown.h"

#include <inttypes.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "text.h"

/* Of lines that run the other way, and what Unicode calls the end of a line or of a paragraph. */
static bool
turns_lines(uint32_t code)
{
	return code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
		   (code >= 0x2066 && code <= 0x2069);
}

/* One character, or a byte that is none; *at moves behind it. */
static void
put_next(struct buf *out, const char *text, size_t len, const char *kept, size_t *at)
{
	size_t   from = *at;
	uint32_t code = utf8_next(text, len, at);
	uint8_t  byte = (uint8_t) text[from];

	if (byte >= 0x80 && *at == from + 1)
		buf_printf(out, "\\x%02x", byte);
	else if (code < 0x80 && strchr(kept, (int) code))
		buf_put_u8(out, byte);
	else if (code == '\n')
		buf_puts(out, "\\n");
	else if (code == '\t')
		buf_puts(out, "\\t");
	else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		buf_printf(out, "\\x%02" PRIx32, code);
	else if (turns_lines(code))
		buf_printf(out, "\\u%04" PRIx32, code);
	else
		buf_put(out, text + from, *at - from);
}

static void
put_all(struct buf *out, const char *text, const char *kept)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len;)
		put_next(out, text, len, kept, &at);
}

void
shown_put(struct buf *out, const char *text)
{
	put_all(out, text, "");
}

void
shown_put_lines(struct buf *out, const char *text)
{
	put_all(out, text, "\n\t");
}

/* Columns of the first len bytes.  The process's own locale may be one without such characters. */
static size_t
width_of(const char *text, size_t len)
{
	static locale_t utf8;
	locale_t        before;
	size_t          width = 0;

	if (utf8 == (locale_t) 0)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
	before = uselocale(utf8); /* without it, all but ASCII is one column wide */
	for (size_t at = 0; at < len;)
	{
		int columns = wcwidth((wchar_t) utf8_next(text, len, &at));

		width += columns < 0 ? 1 : (size_t) columns;
	}
	uselocale(before);
	return width;
}

size_t
shown_width(const char *text)
{
	return width_of(text, strlen(text));
}

void
shown_put_column(struct buf *out, const char *text, size_t width, size_t most)
{
	size_t len = strlen(text);
	size_t columns = 0;

	for (size_t at = 0; at < len;)
	{
		size_t before = out->len;
		size_t more;

		put_next(out, text, len, "", &at);
		more = width_of((const char *) out->data + before, out->len - before);
		if (most && columns + more > most)
		{
			out->len = before;
			break;
		}
		columns += more;
	}
	while (columns++ < width)
		buf_put_u8(out, ' ');
}
