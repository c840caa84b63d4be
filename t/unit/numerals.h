/*
 * numerals.h
 *		Numerics as the wire has them, from their text.
 */
#ifndef T_UNIT_NUMERALS_H
#define T_UNIT_NUMERALS_H

#include "framebuilder.h"

/* By schoolbook: digits in fours from the point outwards; "NaN", "Infinity", "-Infinity" too. */
static inline void
numeral_put(struct buf *wire, const char *s)
{
	bool        negative = *s == '-';
	const char *point = strchr(s, '.');
	size_t      whole;
	struct buf  digits = {0};
	uint16_t   *groups;
	unsigned    n = 0;
	unsigned    first = 0;
	int         weight;

	s += negative;
	if (*s == 'N' || *s == 'I')
	{
		fb_numeric(wire, *s == 'N' ? 'n' : negative ? 'm' : 'i', 0, 0, 0, NULL);
		return;
	}
	whole = point ? (size_t) (point - s) : strlen(s);
	for (size_t i = whole; i % 4 != 0; i++)
		buf_put_u8(&digits, '0');
	for (; *s; s++)
		if (*s != '.')
			buf_put_u8(&digits, (uint8_t) *s);
	weight = (int) ((whole + 3) / 4) - 1;
	while (digits.len % 4 != 0)
		buf_put_u8(&digits, '0');
	groups = calloc(digits.len / 4 + 1, sizeof(*groups));
	for (size_t i = 0; i < digits.len; i += 4)
		groups[n++] = (uint16_t) ((digits.data[i] - '0') * 1000 + (digits.data[i + 1] - '0') * 100 +
								  (digits.data[i + 2] - '0') * 10 + (digits.data[i + 3] - '0'));
	while (n > 0 && groups[n - 1] == 0)
		n--;
	while (first < n && groups[first] == 0)
		first++;
	fb_numeric(wire, negative ? '-' : '+', point ? (unsigned) strlen(point + 1) : 0,
			   n == first ? 0 : weight - (int) first, n - first, groups + first);
	free(groups);
	buf_free(&digits);
}

#endif /* T_UNIT_NUMERALS_H */
