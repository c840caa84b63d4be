/*
 * quote.c
 *		Names and strings in SQL's quotes; see quote.h.
 */
#include "quote.h"

void
quote_literal(struct buf *out, const char *data, size_t len)
{
	bool escape = false;

	for (size_t i = 0; i < len && !escape; i++)
		escape = (unsigned char) data[i] < ' ';
	buf_puts(out, escape ? "E'" : "'");
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) data[i];

		if (c == '\n')
			buf_puts(out, "\\n");
		else if (c == '\t')
			buf_puts(out, "\\t");
		else if (c < ' ')
			buf_printf(out, "\\x%02x", c);
		else
		{
			if (c == '\'' || (escape && c == '\\'))
				buf_put_u8(out, c);
			buf_put_u8(out, c);
		}
	}
	buf_put_u8(out, '\'');
}

/*
 * Words that are no names in SQL unless quoted: all but the unreserved ones of
 * PostgreSQL 15's kwlist.h, and those that 16 and 17 added.
 */
static const char keywords[] =
	" all analyse analyze and any array as asc asymmetric authorization between bigint"
	" binary bit boolean both case cast char character check coalesce collate collation"
	" column concurrently constraint create cross current_catalog current_date"
	" current_role current_schema current_time current_timestamp current_user dec decimal"
	" default deferrable desc distinct do else end except exists extract false fetch float"
	" for foreign freeze from full grant greatest group grouping having ilike in initially"
	" inner inout int integer intersect interval into is isnull join json json_array"
	" json_arrayagg json_exists json_object json_objectagg json_query json_scalar"
	" json_serialize json_table json_value lateral leading least left like limit localtime"
	" localtimestamp merge_action national natural nchar none normalize not notnull null"
	" nullif numeric offset on only or order out outer overlaps overlay placing position"
	" precision primary real references returning right row select session_user setof"
	" similar smallint some substring symmetric system_user table tablesample then time"
	" timestamp to trailing treat trim true union unique user using values varchar"
	" variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists"
	" xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable"
	" ";

static bool
is_keyword(const char *name, size_t len)
{
	for (const char *at = keywords; (at = strstr(at, name)) != NULL; at++)
		if (at[-1] == ' ' && at[len] == ' ')
			return true;
	return false;
}

void
quote_name(struct buf *out, const char *name)
{
	size_t len = strlen(name);
	bool   plain = (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';

	for (const char *c = name; *c && plain; c++)
		plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_';
	if (plain && !is_keyword(name, len))
	{
		buf_put(out, name, len);
		return;
	}
	buf_put_u8(out, '"');
	for (const char *c = name; *c; c++)
	{
		if (*c == '"')
			buf_put_u8(out, '"');
		buf_put_u8(out, (uint8_t) *c);
	}
	buf_put_u8(out, '"');
}

void
quote_qualified(struct buf *out, const char *schema, const char *name)
{
	quote_name(out, schema);
	buf_put_u8(out, '.');
	quote_name(out, name);
}

/* Length of the UTF-8 character at the front, by RFC 3629; 0 if there is none. */
static size_t
utf8_length(const uint8_t *at, size_t left)
{
	uint8_t lowest = 0x80;
	uint8_t highest = 0xbf;
	size_t  len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (at[0] == 0 || (at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4 || len > left)
		return 0;
	switch (at[0])
	{
		case 0xe0: lowest = 0xa0; break;  /* below: overlong */
		case 0xed: highest = 0x9f; break; /* above: surrogates */
		case 0xf0: lowest = 0x90; break;  /* below: overlong */
		case 0xf4: highest = 0x8f; break; /* above: past U+10FFFF */
		default: break;
	}
	if (len > 1 && (at[1] < lowest || at[1] > highest))
		return 0;
	for (size_t i = 2; i < len; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return len;
}

bool
utf8_valid(const uint8_t *data, size_t len)
{
	size_t step;

	for (size_t i = 0; i < len; i += step)
		if ((step = utf8_length(data + i, len - i)) == 0)
			return false;
	return true;
}
