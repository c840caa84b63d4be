/*
 * text.c
 *		Server encodings to UTF-8; see text.h.
 */
#include "text.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#define NO_ICONV ((iconv_t) -1)

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* A character of an encoding of single bytes, in UTF-8. */
struct character
{
	char    utf8[4];
	uint8_t len; /* 0: there is none */
};

struct text
{
	iconv_t           iconv;  /* NO_ICONV: UTF-8, or bytes that may be */
	struct character *single; /* of each byte; NULL: characters have several */
	bool              euc_tw;
	struct buf scratch;
	uint64_t  *replaced;
};

/* Encodings that a PostgreSQL database can have (pg_wchar.h), and iconv's names for them. */
static const struct
{
	const char *server;
	const char *iconv;
} encodings[] = {
	{"EUC_JP", "EUC-JP-MS"}, /* the one that agrees with PostgreSQL's table */
	{"EUC_CN", "EUC-CN"},
	{"EUC_KR", "EUC-KR"},
	{"EUC_TW", "EUC-TW"},
	{"EUC_JIS_2004", "EUC-JISX0213"},
	{"LATIN1", "ISO-8859-1"},
	{"LATIN2", "ISO-8859-2"},
	{"LATIN3", "ISO-8859-3"},
	{"LATIN4", "ISO-8859-4"},
	{"LATIN5", "ISO-8859-9"},
	{"LATIN6", "ISO-8859-10"},
	{"LATIN7", "ISO-8859-13"},
	{"LATIN8", "ISO-8859-14"},
	{"LATIN9", "ISO-8859-15"},
	{"LATIN10", "ISO-8859-16"},
	{"ISO_8859_5", "ISO-8859-5"},
	{"ISO_8859_6", "ISO-8859-6"},
	{"ISO_8859_7", "ISO-8859-7"},
	{"ISO_8859_8", "ISO-8859-8"},
	{"WIN866", "CP866"},
	{"WIN874", "CP874"},
	{"WIN1250", "CP1250"},
	{"WIN1251", "CP1251"},
	{"WIN1252", "CP1252"},
	{"WIN1253", "CP1253"},
	{"WIN1254", "CP1254"},
	{"WIN1255", "CP1255"},
	{"WIN1256", "CP1256"},
	{"WIN1257", "CP1257"},
	{"WIN1258", "CP1258"},
	{"KOI8R", "KOI8-R"},
	{"KOI8U", "KOI8-U"},
};

/*
 * Each byte by itself: iconv() would put a letter and the mark behind it
 * together, where the server keeps two characters.
 */
static struct character *
characters_new(iconv_t cd)
{
	struct character *characters = xcalloc(256, sizeof(*characters));

	for (int i = 0; i < 256; i++)
	{
		char   byte = (char) i;
		char  *in = &byte;
		char  *out = characters[i].utf8;
		size_t left = 1;
		size_t room = sizeof(characters[i].utf8);

		iconv(cd, NULL, NULL, NULL, NULL);
		if (iconv(cd, &in, &left, &out, &room) != (size_t) -1 &&
			iconv(cd, NULL, NULL, &out, &room) != (size_t) -1)
			characters[i].len = (uint8_t) (sizeof(characters[i].utf8) - room);
	}
	return characters;
}

enum rc
text_new(const char *encoding, uint64_t *replaced, struct text **text, struct err *e)
{
	iconv_t cd = NO_ICONV;

	if (strcmp(encoding, "UTF8") != 0 && strcmp(encoding, "SQL_ASCII") != 0)
	{
		for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
			if (strcmp(encodings[i].server, encoding) == 0)
				cd = iconv_open("UTF-8", encodings[i].iconv);
		if (cd == NO_ICONV)
		{
			err_set(e, ERR_CONFIG, E1601, "server encoding \"%s\" cannot be converted to UTF-8",
					encoding);
			return err_hint(e, "Install the C library's converters (on Debian: apt-get install "
							   "libc6), or change the database's encoding to UTF8.");
		}
	}
	*text = xcalloc(1, sizeof(**text));
	(*text)->iconv = cd;
	if (cd != NO_ICONV && strncmp(encoding, "EUC", 3) != 0)
		(*text)->single = characters_new(cd);
	(*text)->euc_tw = strcmp(encoding, "EUC_TW") == 0;
	(*text)->replaced = replaced;
	return RC_OK;
}

void
text_free(struct text *text)
{
	if (text == NULL)
		return;
	if (text->iconv != NO_ICONV)
		iconv_close(text->iconv);
	free(text->single);
	buf_free(&text->scratch);
	free(text);
}

/*
 * Length of the character at s, 0 if none is there.  Bounds of the second
 * byte exclude overlong forms, surrogates and what lies past U+10FFFF
 * (Unicode standard, table 3-7).
 */
static size_t
utf8_length(const uint8_t *s, size_t len)
{
	size_t  need;
	uint8_t low = 0x80;
	uint8_t high = 0xbf;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len < need)
		return 0;
	switch (s[0])
	{
		case 0xe0: low = 0xa0; break;
		case 0xed: high = 0x9f; break;
		case 0xf0: low = 0x90; break;
		case 0xf4: high = 0x8f; break;
	}
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

size_t
utf8_span(const char *s, size_t len)
{
	const uint8_t *bytes = (const uint8_t *) s;
	size_t         at = 0;

	while (at < len)
	{
		uint64_t eight;
		size_t   step;

		/* Most text is ASCII: eight bytes at a time. */
		while (len - at >= sizeof(eight))
		{
			memcpy(&eight, bytes + at, sizeof(eight));
			if (eight & UINT64_C(0x8080808080808080))
				break;
			at += sizeof(eight);
		}
		if (at == len)
			break;
		step = utf8_length(bytes + at, len - at);
		if (step == 0)
			break;
		at += step;
	}
	return at;
}

uint32_t
utf8_next(const char *s, size_t len, size_t *at)
{
	const uint8_t *bytes = (const uint8_t *) s + *at;
	size_t         n = utf8_length(bytes, len - *at);
	uint32_t       code;

	if (n <= 1)
	{
		*at += 1;
		return n == 1 ? bytes[0] : 0xfffd;
	}
	code = bytes[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (bytes[i] & 0x3f);
	*at += n;
	return code;
}

/* s has something to replace. */
static void
repair(struct text *text, struct str s)
{
	++*text->replaced;
	while (s.len > 0)
	{
		size_t good = utf8_span(s.data, s.len);

		buf_put(&text->scratch, s.data, good);
		if (good < s.len)
		{
			buf_puts(&text->scratch, replacement);
			good++;
		}
		s.data += good;
		s.len -= good;
	}
}

/* How long the server takes a character to be that iconv() does not know (pg_wchar.c). */
static size_t
character_length(const struct text *text, const char *s, size_t len)
{
	uint8_t first = (uint8_t) s[0];
	size_t  most = first == 0x8f ? 3 : text->euc_tw && first == 0x8e ? 4 : 2;
	size_t  n = 1;

	while (first >= 0x80 && n < most && n < len && (uint8_t) s[n] >= 0x80)
		n++;
	return n;
}

/*
 * One call of iconv(), into a scratch that has room.  in NULL: for what it
 * held back, because a character may combine with the one behind it.
 */
static bool
convert_some(struct text *text, char **in, size_t *left)
{
	size_t done;

	do
	{
		char  *out;
		size_t room;

		buf_reserve(&text->scratch, *left * 2 + 16);
		out = (char *) text->scratch.data + text->scratch.len;
		room = text->scratch.cap - text->scratch.len;
		done = iconv(text->iconv, in, in ? left : NULL, &out, &room);
		text->scratch.len = (size_t) (out - (char *) text->scratch.data);
	} while (done == (size_t) -1 && errno == E2BIG);
	return done != (size_t) -1;
}

static void
convert(struct text *text, struct str s)
{
	char  *in = (char *) s.data; /* iconv() takes no const */
	size_t left = s.len;
	bool   replaced = false;

	iconv(text->iconv, NULL, NULL, NULL, NULL);
	while (left > 0 && !convert_some(text, &in, &left))
	{
		size_t bad = character_length(text, in, left);

		convert_some(text, NULL, &left);
		buf_puts(&text->scratch, replacement);
		replaced = true;
		in += bad;
		left -= bad;
	}
	convert_some(text, NULL, &left);
	*text->replaced += replaced;
}

static void
convert_single(struct text *text, struct str s)
{
	bool replaced = false;

	for (size_t i = 0; i < s.len; i++)
	{
		const struct character *c = &text->single[(uint8_t) s.data[i]];

		if (c->len == 1)
			buf_put_u8(&text->scratch, (uint8_t) c->utf8[0]);
		else if (c->len > 1)
			buf_put(&text->scratch, c->utf8, c->len);
		else
			buf_puts(&text->scratch, replacement);
		replaced |= c->len == 0;
	}
	*text->replaced += replaced;
}

char *
text_name(struct text *text, const char *name)
{
	struct str utf8 = text_utf8(text, (struct str){name, strlen(name)});

	return xstrndup(utf8.data, utf8.len);
}

void
text_trim(struct text *text)
{
	buf_restart(&text->scratch);
}

uint64_t
text_replaced(const struct text *text)
{
	return *text->replaced;
}

struct str
text_utf8(struct text *text, struct str s)
{
	if (text->iconv == NO_ICONV && utf8_span(s.data, s.len) == s.len)
		return s;
	buf_restart(&text->scratch);
	if (text->iconv == NO_ICONV)
		repair(text, s);
	else if (text->single)
		convert_single(text, s);
	else
		convert(text, s);
	return (struct str){(const char *) text->scratch.data, text->scratch.len};
}
