/*
 * topic_part.c
 *		Places in a topic, as text; see topic_part.h.
 */
#include "topic_part.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Digits and nothing else, up to max. */
static bool
number_parse(const char *text, int64_t max, int64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9' || strlen(text) > 18)
		return false;
	*number = strtoll(text, &end, 10);
	return *end == '\0' && *number <= max;
}

/* Two digits; NULL if there are none. */
static const char *
two_digits(const char *text, int max, int *number)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return NULL;
	*number = (text[0] - '0') * 10 + text[1] - '0';
	return *number <= max ? text + 2 : NULL;
}

/* Z, +01:00, -0130, +02 or nothing, up to the end of the text; *seconds ahead of UTC. */
static bool
zone_parse(const char *text, int64_t *seconds)
{
	int hours;
	int minutes = 0;
	int sign = *text == '-' ? -1 : 1;

	*seconds = 0;
	if (*text == '\0' || strcmp(text, "Z") == 0)
		return true;
	if ((*text != '+' && *text != '-') || (text = two_digits(text + 1, 15, &hours)) == NULL)
		return false;
	text += *text == ':';
	if (*text && (text = two_digits(text, 59, &minutes)) == NULL)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return *text == '\0';
}

/* .5 is 500; digits behind the third are left out. */
static const char *
fraction_parse(const char *text, int64_t *ms)
{
	int64_t unit = 100;

	*ms = 0;
	if (*text != '.' || text[1] < '0' || text[1] > '9')
		return text;
	for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
		*ms += (*text - '0') * unit;
	return text;
}

/* 2026-11-22, 2026-11-22T10:30, 2026-11-22 10:30:05.250+01:00 */
static bool
time_parse(const char *text, int64_t *ms)
{
	struct tm   tm = {0};
	const char *at = strptime(text, "%Y-%m-%d", &tm);
	int         day = tm.tm_mday;
	int64_t     fraction = 0;
	int64_t     zone = 0;
	time_t      seconds;

	if (at == NULL || at - text != sizeof("2026-11-22") - 1)
		return false;
	if (*at == 'T' || *at == ' ')
	{
		if ((at = two_digits(at + 1, 23, &tm.tm_hour)) == NULL || *at++ != ':' ||
			(at = two_digits(at, 59, &tm.tm_min)) == NULL)
			return false;
		if (*at == ':' && (at = two_digits(at + 1, 60, &tm.tm_sec)) == NULL)
			return false;
		at = fraction_parse(at, &fraction);
	}
	if (!zone_parse(at, &zone))
		return false;
	seconds = timegm(&tm);
	*ms = ((int64_t) seconds - zone) * 1000 + fraction;
	return tm.tm_mday == day && *ms >= 0; /* there is no 30 February */
}

bool
topic_from_parse(const char *text, struct topic_part *part)
{
	if (strcmp(text, "beginning") == 0)
		part->from = FROM_BEGINNING;
	else if (strcmp(text, "end") == 0)
		part->from = FROM_END;
	else if (number_parse(text, INT64_MAX, &part->number))
		part->from = FROM_OFFSET;
	else if (*text == '-' && number_parse(text + 1, FROM_LAST_MAX, &part->number))
		part->from = FROM_LAST;
	else if (*text == '@' && number_parse(text + 1, INT64_MAX, &part->number))
		part->from = FROM_TIME;
	else if (time_parse(text + (*text == '@'), &part->number))
		part->from = FROM_TIME;
	else
		return false;
	return true;
}
