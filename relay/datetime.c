/*
 * datetime.c
 *		Dates and times; see datetime.h.
 */
#include "datetime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digits.h"
#include "wire.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY (INT64_C(86400) * US_PER_SECOND)
#define US_PER_MONTH (INT64_C(2629800) * US_PER_SECOND) /* 30.4375 days */

/* Rounds down, as calendars do. */
static int64_t
floor_div(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

bool
datetime_date(int64_t days, int32_t *out)
{
	if (days == INT32_MAX || days == INT32_MIN)
		*out = (int32_t) days;
	else if (days < INT32_MIN || days > INT32_MAX - 1 - WIRE_EPOCH_DAYS)
		return false;
	else
		*out = (int32_t) (days + WIRE_EPOCH_DAYS);
	return true;
}

bool
datetime_us(int64_t us, int64_t *out)
{
	if (us == INT64_MAX)
		*out = DATETIME_INFINITY_US;
	else if (us == INT64_MIN)
		*out = DATETIME_MINUS_INFINITY_US;
	else
		return !__builtin_add_overflow(us, WIRE_EPOCH_US, out);
	return true;
}

bool
datetime_ms(int64_t us, int64_t *out)
{
	if (us == INT64_MAX)
		*out = DATETIME_INFINITY_MS;
	else if (us == INT64_MIN)
		*out = DATETIME_MINUS_INFINITY_MS;
	else
		*out = floor_div(us, 1000) + WIRE_EPOCH_US / 1000;
	return true;
}

bool
datetime_ns(int64_t us, int64_t *out)
{
	if (us == INT64_MAX || us == INT64_MIN)
		*out = us;
	else
		return !__builtin_add_overflow(us, WIRE_EPOCH_US, out) &&
			   !__builtin_mul_overflow(*out, 1000, out);
	return true;
}

bool
datetime_is_time(int64_t us)
{
	return us >= 0 && us <= US_PER_DAY;
}

bool
datetime_is_endless(int64_t us, int32_t days, int32_t months)
{
	return (us == INT64_MAX && days == INT32_MAX && months == INT32_MAX) ||
		   (us == INT64_MIN && days == INT32_MIN && months == INT32_MIN);
}

bool
datetime_interval(int64_t us, int32_t days, int32_t months, int64_t *out)
{
	__int128 sum = (__int128) months * US_PER_MONTH + (__int128) days * US_PER_DAY + us;

	/* Saturating, as Debezium does, would fake a value. */
	if (sum > INT64_MAX || sum < INT64_MIN)
		return false;
	*out = (int64_t) sum;
	return true;
}

struct day
{
	int64_t year;
	int     month;
	int     day;
};

/*
 * Gregorian calendar forever, in both directions.  Years are taken to start
 * on 1 March, so that the leap day is the last of its year, and the months
 * from March on repeat in groups of 153 days for five.
 */
static struct day
day_of(int64_t since_2000)
{
	int64_t since = since_2000 + 730425; /* 2000-01-01 is that long after 0000-03-01 */
	int64_t era = floor_div(since, 146097);
	int64_t rest = since - era * 146097;
	int64_t year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	int64_t in_year = rest - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * in_year + 2) / 153;

	return (struct day){
		.year = year + era * 400 + (month >= 10),
		.month = (int) (month < 10 ? month + 3 : month - 9),
		.day = (int) (in_year - (153 * month + 2) / 5 + 1),
	};
}

static int64_t
day_number(int64_t year, int month, int day)
{
	int64_t shifted = year - (month <= 2);
	int64_t era = floor_div(shifted, 400);
	int64_t in_era = shifted - era * 400;
	int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 730425;
}

static char *
put_clock(char *at, int64_t us)
{
	uint32_t seconds = (uint32_t) (us / US_PER_SECOND);

	at = digits_two(at, seconds / 3600);
	*at++ = ':';
	at = digits_two(at, seconds / 60 % 60);
	*at++ = ':';
	return digits_two(at, seconds % 60);
}

static char *
put_fraction(char *at, uint32_t fraction, int digits)
{
	if (digits == 0)
		return at;
	for (int i = digits; i < 6; i++)
		fraction /= 10;
	*at++ = '.';
	return digits_put(at, fraction, digits);
}

static char *
put_year(char *at, int64_t year)
{
	uint32_t value = (uint32_t) (year < 0 ? -year : year);
	int      width = 4;

	if (year < 0)
		*at++ = '-';
	else if (year > 9999)
		*at++ = '+';
	for (uint32_t rest = value / 10000; rest > 0; rest /= 10)
		width++;
	return digits_put(at, value, width);
}

static char *
put_day(char *at, int64_t days)
{
	struct day day = day_of(days);

	at = put_year(at, day.year);
	*at++ = '-';
	at = digits_two(at, (uint32_t) day.month);
	*at++ = '-';
	return digits_two(at, (uint32_t) day.day);
}

/* How many digits of a second's fraction are needed. */
static int
fraction_digits(int64_t us)
{
	int64_t fraction = us % US_PER_SECOND;
	int     digits = 6;

	for (; digits > 0 && fraction % 10 == 0; fraction /= 10)
		digits--;
	return digits;
}

static size_t
put_infinity(bool positive, char *out)
{
	const char *word = positive ? "infinity" : "-infinity";
	size_t      len = strlen(word);

	memcpy(out, word, len);
	return len;
}

size_t
datetime_zoned(int64_t us, int digits, char out[DATETIME_TEXT_MAX])
{
	int64_t days = floor_div(us, US_PER_DAY);
	int64_t time = (int64_t) ((uint64_t) us - (uint64_t) days * (uint64_t) US_PER_DAY);
	char   *at;

	if (us == INT64_MAX || us == INT64_MIN)
		return put_infinity(us > 0, out);
	at = put_day(out, days);
	*at++ = 'T';
	at = put_clock(at, time);
	at = put_fraction(at, (uint32_t) (time % US_PER_SECOND), digits);
	*at++ = 'Z';
	return (size_t) (at - out);
}

size_t
datetime_iso_timestamp(int64_t us, char out[DATETIME_TEXT_MAX])
{
	return datetime_zoned(us, fraction_digits(us), out);
}

size_t
datetime_iso_date(int32_t days, char out[DATETIME_TEXT_MAX])
{
	char *at;

	if (days == INT32_MAX || days == INT32_MIN)
		return put_infinity(days > 0, out);
	at = put_day(out, days);
	*at++ = 'Z';
	return (size_t) (at - out);
}

size_t
datetime_iso_time(int64_t us, char out[DATETIME_TEXT_MAX])
{
	char *at = put_clock(out, us);

	at = put_fraction(at, (uint32_t) (us % US_PER_SECOND), fraction_digits(us));
	*at++ = 'Z';
	return (size_t) (at - out);
}

size_t
datetime_zoned_time(int64_t us, int32_t west, char out[DATETIME_TEXT_MAX])
{
	int64_t shifted = us % US_PER_DAY + west % 86400 * US_PER_SECOND;

	return datetime_iso_time((shifted % US_PER_DAY + US_PER_DAY) % US_PER_DAY, out);
}

/* Each part has the sign of the number that it is a part of, as in PostgreSQL's own text. */
size_t
datetime_iso_interval(int64_t us, int32_t days, int32_t months, char out[DATETIME_TEXT_MAX])
{
	int64_t seconds = us / US_PER_SECOND;
	int64_t fraction = us % US_PER_SECOND;
	char   *at = out;

	at += sprintf(at, "P%dY%dM%dDT%" PRId64 "H%" PRId64 "M", months / 12, months % 12, days,
				  seconds / 3600, seconds / 60 % 60);
	at += sprintf(at, "%s%" PRId64, us < 0 && (seconds % 60 != 0 || fraction != 0) ? "-" : "",
				  (seconds < 0 ? -seconds : seconds) % 60);
	at = put_fraction(at, (uint32_t) (fraction < 0 ? -fraction : fraction), fraction_digits(us));
	*at++ = 'S';
	return (size_t) (at - out);
}

/* Between min and max digits; false if there are fewer. */
static bool
read_number(const char **at, int min, int max, int64_t *value)
{
	int n = 0;

	*value = 0;
	while (n < max && **at >= '0' && **at <= '9')
	{
		*value = *value * 10 + (*(*at)++ - '0');
		n++;
	}
	return n >= min;
}

static bool
read_char(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

static bool
read_infinity(const char *text, int *sign)
{
	*sign = strcmp(text, "infinity") == 0 ? 1 : strcmp(text, "-infinity") == 0 ? -1 : 0;
	return *sign != 0;
}

/* The era, if there is one, stands at the very end of the text. */
static bool
read_day(const char **at, int64_t *days)
{
	int64_t     year;
	int64_t     month;
	int64_t     day;
	const char *era = strstr(*at, " BC");

	if (!read_number(at, 4, 7, &year) || !read_char(at, '-') || !read_number(at, 2, 2, &month) ||
		!read_char(at, '-') || !read_number(at, 2, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	if (era && era[3] == '\0')
		year = 1 - year;
	*days = day_number(year, (int) month, (int) day);
	return true;
}

static bool
read_clock(const char **at, int64_t *us)
{
	int64_t hours;
	int64_t minutes;
	int64_t seconds = 0;
	int64_t fraction = 0;

	if (!read_number(at, 2, 9, &hours) || !read_char(at, ':') || !read_number(at, 2, 2, &minutes))
		return false;
	if (read_char(at, ':') && !read_number(at, 2, 2, &seconds))
		return false;
	if (read_char(at, '.'))
	{
		const char *from = *at;

		if (!read_number(at, 1, 6, &fraction))
			return false;
		for (int64_t n = *at - from; n < 6; n++)
			fraction *= 10;
	}
	*us = ((hours * 60 + minutes) * 60 + seconds) * US_PER_SECOND + fraction;
	return true;
}

static bool
read_end(const char *at)
{
	return *at == '\0' || strcmp(at, " BC") == 0;
}

bool
datetime_read_date(const char *text, int64_t *days)
{
	int sign;

	if (read_infinity(text, &sign))
	{
		*days = sign > 0 ? INT32_MAX : INT32_MIN;
		return true;
	}
	return read_day(&text, days) && read_end(text);
}

bool
datetime_read_time(const char *text, int64_t *us)
{
	return read_clock(&text, us) && *text == '\0' && datetime_is_time(*us);
}

/* [+-]HH[:MM[:SS]], east of UTC. */
static bool
read_zone(const char **at, int64_t *us)
{
	bool    west = **at == '-';
	int64_t hours;
	int64_t minutes = 0;
	int64_t seconds = 0;

	*us = 0;
	if (!read_char(at, '+') && !read_char(at, '-'))
		return true;
	if (!read_number(at, 2, 2, &hours))
		return false;
	if (read_char(at, ':') && !read_number(at, 2, 2, &minutes))
		return false;
	if (read_char(at, ':') && !read_number(at, 2, 2, &seconds))
		return false;
	*us = ((hours * 60 + minutes) * 60 + seconds) * US_PER_SECOND * (west ? -1 : 1);
	return true;
}

bool
datetime_read_timestamp(const char *text, int64_t *us)
{
	int     sign;
	int64_t days;
	int64_t time = 0;
	int64_t east = 0;

	if (read_infinity(text, &sign))
	{
		*us = sign > 0 ? INT64_MAX : INT64_MIN;
		return true;
	}
	if (!read_day(&text, &days))
		return false;
	if (*text != '\0' && !read_end(text))
		if (!read_char(&text, ' ') || !read_clock(&text, &time) || !read_zone(&text, &east))
			return false;
	return read_end(text) && !__builtin_mul_overflow(days, US_PER_DAY, us) &&
		   !__builtin_add_overflow(*us, time - east, us);
}

static bool
read_unit(const char **at, const char *unit)
{
	size_t len = strlen(unit);

	if (strncmp(*at, unit, len) != 0)
		return false;
	*at += len;
	read_char(at, 's');
	return true;
}

bool
datetime_read_interval(const char *text, int64_t *us, int32_t *days, int32_t *months)
{
	*us = 0;
	*days = 0;
	*months = 0;
	if (*text == '\0')
		return false;
	while (*text != '\0')
	{
		bool        minus = *text == '-';
		const char *from;
		int64_t     value;

		if (*text == '-' || *text == '+')
			text++;
		from = text;
		if (read_clock(&text, us))
		{
			*us = minus ? -*us : *us;
			return *text == '\0';
		}
		text = from;
		if (!read_number(&text, 1, 9, &value) || !read_char(&text, ' '))
			return false;
		value = minus ? -value : value;
		if (read_unit(&text, "year"))
			value *= 12;
		else if (read_unit(&text, "day"))
		{
			*days = (int32_t) value;
			value = 0;
		}
		else if (!read_unit(&text, "mon"))
			return false;
		if (value + *months > INT32_MAX || value + *months < INT32_MIN)
			return false;
		*months += (int32_t) value;
		if (*text != '\0' && !read_char(&text, ' '))
			return false;
	}
	return true;
}
