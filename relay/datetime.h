/*
 * datetime.h
 *		Pure: PostgreSQL's dates and times in Debezium's units and text forms.
 *
 * PostgreSQL counts from 2000-01-01, Debezium from 1970-01-01.  Functions that
 * return bool say false where the target cannot hold the value; the caller
 * then follows the one rule for such values (types.h, enum said).
 */
#ifndef RELAY_DATETIME_H
#define RELAY_DATETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What Debezium writes for infinite timestamps, and what consumers know. */
#define DATETIME_INFINITY_US INT64_C(9223372036825200000)
#define DATETIME_MINUS_INFINITY_US INT64_C(-9223372036832400000)
#define DATETIME_INFINITY_MS INT64_C(9223372036825200)
#define DATETIME_MINUS_INFINITY_MS INT64_C(-9223372036832400)

/*
 * days since 2000 -> days since 1970.  Infinity keeps PostgreSQL's own two
 * values, the ends of int32: Debezium's wrapped ones are valid dates.
 */
bool datetime_date(int64_t days, int32_t *out);

/* us since 2000 -> us, ms (rounded down) or ns since 1970; infinities as above, of ns the ends of
 * int64. */
bool datetime_us(int64_t us, int64_t *out);
bool datetime_ms(int64_t us, int64_t *out);
bool datetime_ns(int64_t us, int64_t *out);

/* Whether us since midnight is a time of day; 24:00:00 is the last. */
bool datetime_is_time(int64_t us);

/* Whether an interval is one of the infinities that PostgreSQL has since 17. */
bool datetime_is_endless(int64_t us, int32_t days, int32_t months);

/* An interval in us, a month being 30.4375 days as in Debezium.  False also for infinities. */
bool datetime_interval(int64_t us, int32_t days, int32_t months, int64_t *out);

/* Room for the texts below. */
#define DATETIME_TEXT_MAX 64

/*
 * ISO 8601 in UTC with exactly digits (0..6) digits of a second, or
 * "infinity", "-infinity"; year 0 is 1 BC, years past 9999 have a plus.
 * us since 2000.  Returns the length; nothing behind it.
 */
size_t datetime_zoned(int64_t us, int digits, char out[DATETIME_TEXT_MAX]);

/*
 * The same texts without a zone in PostgreSQL and with Debezium's Z: a date (days
 * since 2000), a time of day, and a timestamp with as many digits of a second
 * as it needs.  24:00:00 stays what it is.
 */
size_t datetime_iso_date(int32_t days, char out[DATETIME_TEXT_MAX]);
size_t datetime_iso_time(int64_t us, char out[DATETIME_TEXT_MAX]);
size_t datetime_iso_timestamp(int64_t us, char out[DATETIME_TEXT_MAX]);

/* P1Y-2M3DT4H5M6.78S: every part is there, each with its own sign.  For no infinity. */
size_t datetime_iso_interval(int64_t us, int32_t days, int32_t months, char out[DATETIME_TEXT_MAX]);

/* A time of day with zone, moved to UTC: HH:MM:SS[.fraction, no zeros at its end]Z. */
size_t datetime_zoned_time(int64_t us, int32_t west, char out[DATETIME_TEXT_MAX]);

/*
 * Reading what PostgreSQL prints with DateStyle ISO; false for anything else.
 * Results since 2000 (timestamps with zone in UTC), since midnight.
 */
bool datetime_read_date(const char *text, int64_t *days);
bool datetime_read_time(const char *text, int64_t *us);
bool datetime_read_timestamp(const char *text, int64_t *us);

/* IntervalStyle postgres: "1 year 2 mons -3 days +04:05:06.789". */
bool datetime_read_interval(const char *text, int64_t *us, int32_t *days, int32_t *months);

#endif /* RELAY_DATETIME_H */
