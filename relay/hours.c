/*
 * hours.c
 *		Hours of the day; see hours.h.
 */
#include "hours.h"

#include <stddef.h>

/* "HH:MM", and what stands behind it; NULL: it is none. */
static const char *
minute_parse(const char *text, unsigned *minute)
{
	unsigned digits[5];

	for (int i = 0; i < 5; i++)
	{
		digits[i] = (unsigned char) text[i] - (unsigned) '0';
		if (i == 2 ? text[i] != ':' : digits[i] > 9)
			return NULL;
	}
	*minute = (digits[0] * 10 + digits[1]) * 60 + digits[3] * 10 + digits[4];
	return digits[3] < 6 && *minute <= DAY_MINUTES ? text + 5 : NULL;
}

bool
hours_parse(const char *text, struct hours *hours)
{
	if (*text == '\0')
	{
		*hours = (struct hours){.begin = 0, .end = DAY_MINUTES};
		return true;
	}
	text = minute_parse(text, &hours->begin);
	if (text == NULL || *text != '-')
		return false;
	text = minute_parse(text + 1, &hours->end);
	if (text == NULL || *text != '\0' || hours->begin == DAY_MINUTES)
		return false;
	if (hours->end == 0)
		hours->end = DAY_MINUTES;
	return hours->begin != hours->end;
}

bool
hours_have(const struct hours *hours, unsigned minute)
{
	if (hours->begin < hours->end)
		return minute >= hours->begin && minute < hours->end;
	return minute >= hours->begin || minute < hours->end;
}
