/*
 * numeric.c
 *		A numeric, from its bytes on disk to its wire form, digit by digit: no
 *		text in between.  Called for each value by datum.c.
 */
#include "postgres.h"

#include "datum.h"
#include "frame.h"

/*
 * NUMERIC, from what is on disk.  The struct is private to numeric.c; the
 * format has not changed since 9.1 and cannot, as pg_upgrade keeps the files.
 * A 16-bit header, then for the long form a 16-bit weight, then digits of
 * 16 bits in base 10000, most significant first, all in native byte order.
 *
 *		header	00............	long, positive: 14 bits of display scale
 *				01............	long, negative
 *				10snnnnnnwwwwwww	short: sign, 6 bits of scale, weight in
 *								7 bits two's complement
 *				1100	NaN		1101	Infinity	1111	-Infinity
 *
 * Infinities exist since 14.  numeric.c strips leading and trailing zero
 * digits from whatever it stores.
 */
#define NUMERIC_KIND(header)		((header) & 0xC000)
#define NUMERIC_KIND_NEGATIVE		0x4000
#define NUMERIC_KIND_SHORT			0x8000
#define NUMERIC_KIND_SPECIAL		0xC000
#define NUMERIC_SPECIAL(header)		((header) & 0xF000)
#define NUMERIC_SPECIAL_INFINITY	0xD000
#define NUMERIC_SPECIAL_MINUS		0xF000
#define NUMERIC_LONG_SCALE(header)	((header) & 0x3FFF)
#define NUMERIC_SHORT_SIGN			0x2000
#define NUMERIC_SHORT_SCALE(header) (((header) & 0x1F80) >> 7)
#define NUMERIC_SHORT_WEIGHT(header) ((int) ((header) & 0x3F) - (int) ((header) & 0x40))

uint8 *
numeric_put(uint8 *p, const char *payload, Size length)
{
	const char *digits = payload + sizeof(uint16);
	uint16		header;
	int			weight;
	int			scale;
	bool		negative;
	Size		ndigits;
	Size		i;

	memcpy(&header, payload, sizeof(uint16));	/* may be unaligned */
	if (NUMERIC_KIND(header) == NUMERIC_KIND_SPECIAL)
	{
		switch (NUMERIC_SPECIAL(header))
		{
			case NUMERIC_SPECIAL_INFINITY:
				return put_u8(p, WIRE_NUMERIC_INFINITY);
			case NUMERIC_SPECIAL_MINUS:
				return put_u8(p, WIRE_NUMERIC_MINUS_INFINITY);
			default:
				return put_u8(p, WIRE_NUMERIC_NAN);
		}
	}
	if (NUMERIC_KIND(header) == NUMERIC_KIND_SHORT)
	{
		negative = (header & NUMERIC_SHORT_SIGN) != 0;
		scale = NUMERIC_SHORT_SCALE(header);
		weight = NUMERIC_SHORT_WEIGHT(header);
	}
	else
	{
		int16		long_weight;

		memcpy(&long_weight, digits, sizeof(int16));
		digits += sizeof(int16);
		negative = NUMERIC_KIND(header) == NUMERIC_KIND_NEGATIVE;
		scale = NUMERIC_LONG_SCALE(header);
		weight = long_weight;
	}
	ndigits = (payload + length - digits) / sizeof(int16);

	p = put_u8(p, negative ? WIRE_NUMERIC_NEGATIVE : WIRE_NUMERIC_POSITIVE);
	p = put_uv(p, scale);
	p = put_sv(p, weight);
	p = put_uv(p, ndigits);
	for (i = 0; i < ndigits; i++)
	{
		uint16		digit;

		memcpy(&digit, digits + i * sizeof(digit), sizeof(digit));
		p = put_u16(p, digit);
	}
	return p;
}
