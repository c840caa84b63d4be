/*
 * names.c
 *		Topic, record and field names; see names.h.
 */
#include "names.h"

#include "text.h"

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
 * The UTF-16 units of a name, at most max of them: each one is kept or
 * replaced alone.  Returns how many there are.
 */
struct units
{
	const char *name;
	size_t      len;
	size_t      at;
	uint32_t    low; /* second half of a pair, yet to come; 0 for none */
};

static bool
units_next(struct units *units, uint32_t *unit)
{
	if (units->low)
	{
		*unit = units->low;
		units->low = 0;
		return true;
	}
	if (units->at >= units->len)
		return false;
	*unit = utf8_next(units->name, units->len, &units->at);
	if (*unit > 0xffff)
	{
		units->low = 0xdc00 + ((*unit - 0x10000) & 0x3ff);
		*unit = 0xd800 + ((*unit - 0x10000) >> 10);
	}
	return true;
}

void
names_topic(const char *name, struct buf *out)
{
	struct units units = {name, strlen(name), 0, 0};
	uint32_t     unit;
	size_t       start = out->len;

	while (out->len - start < NAMES_TOPIC_MAX && units_next(&units, &unit))
	{
		bool valid = is_letter(unit) || is_digit(unit) || unit == '.' || unit == '_' || unit == '-';

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
	struct units units = {name, strlen(name), 0, 0};
	uint32_t     unit;

	for (bool first = true; units_next(&units, &unit); first = false)
	{
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
	struct units units = {name, strlen(name), 0, 0};
	uint32_t     unit;

	for (bool first = true; units_next(&units, &unit); first = false)
	{
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
