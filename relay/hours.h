/*
 * hours.h
 *		Pure: hours of the day, "22:00-06:00": which they are, and whether it is within them.
 *
 * gentle.c asks, and knows what time it is; config_table.c asks whether a text is one.
 */
#ifndef RELAY_HOURS_H
#define RELAY_HOURS_H

#include <stdbool.h>

#define DAY_MINUTES (24 * 60)

/* Minutes of the day; end before begin: over midnight. */
struct hours
{
	unsigned begin; /* 0 to 1439 */
	unsigned end;   /* the first that is not within, 1 to 1440 */
};

/* "HH:MM-HH:MM", up to 24:00; "": the whole day.  False: it is none, or no time at all. */
bool hours_parse(const char *text, struct hours *hours);
bool hours_have(const struct hours *hours, unsigned minute);

#endif /* RELAY_HOURS_H */
