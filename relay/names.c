/*
 * names.c
 *		Topic, record and field names; see names.h.
 */
#include "names.h"

static bool
is_letter(uint32_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

/*
 * What the rules see of a byte.  Debezium reads names byte by byte as signed
 * characters: each byte that is not ASCII is a character of its own to it.
 */
static uint32_t
unit_of(char byte)
{
	return (uint8_t) byte < 0x80 ? (uint8_t) byte : 0xff00u | (uint8_t) byte;
}

void
names_topic(const char *name, struct buf *out)
{
	size_t start = out->len;

	for (const char *at = name; *at && out->len - start < NAMES_TOPIC_MAX; at++)
	{
		uint32_t unit = unit_of(*at);
		bool     valid = is_letter(unit) || is_digit(unit) || unit == '.' || unit == '_' || unit == '-';

		buf_put_u8(out, valid ? (uint8_t) unit : '_');
	}
	/* Kafka refuses "." and "..": they would be directories. */
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		memset(out->data + start, '_', out->len - start);
}

/* Invalid characters become '_'; a leading digit is kept behind one. */
static void
adjust_avro(const char *name, bool dots, struct buf *out)
{
	for (const char *at = name; *at; at++)
	{
		uint32_t unit = unit_of(*at);
		bool     first = at == name;

		if (is_letter(unit) || unit == '_' || (!first && is_digit(unit)) ||
			(!first && dots && unit == '.'))
			buf_put_u8(out, (uint8_t) unit);
		else
		{
			buf_put_u8(out, '_');
			if (first && is_digit(unit))
				buf_put_u8(out, (uint8_t) unit);
		}
	}
}

/* Invalid characters, and '_' itself, become "_u" and their number: reversible. */
static void
adjust_unicode(const char *name, bool dots, struct buf *out)
{
	for (const char *at = name; *at; at++)
	{
		uint32_t unit = unit_of(*at);
		bool     first = at == name;

		if (is_letter(unit) || (!first && is_digit(unit)) || (!first && dots && unit == '.'))
			buf_put_u8(out, (uint8_t) unit);
		else
			buf_printf(out, unit <= 0xff ? "_u00%x" : "_u%x", unit);
	}
}

static void
adjust(enum adjustment mode, const char *name, bool dots, struct buf *out)
{
	switch (mode)
	{
		case ADJUST_NONE: buf_puts(out, name); return;
		case ADJUST_AVRO: adjust_avro(name, dots, out); return;
		case ADJUST_AVRO_UNICODE: adjust_unicode(name, dots, out); return;
	}
}

void
names_schema(enum adjustment mode, const char *name, struct buf *out)
{
	adjust(mode, name, true, out);
}

void
names_field(enum adjustment mode, const char *name, struct buf *out)
{
	adjust(mode, name, false, out);
}
