/*
 * shapes_time.c
 *		Dates and times, by time.precision.mode, and intervals, by
 *		interval.handling.mode; see shapes.h.
 *
 * Values come from outside: a time of day that there is none of is malformed,
 * a date or timestamp that the Avro type cannot hold is not said, never wrapped.
 * Milliseconds cut the rest off, but not in a key, where two rows would share it.
 */
#include "shapes.h"

#include "binary.h"
#include "datetime.h"
#include "literal.h"

static enum said
put_date(const struct op *op, struct cursor *in, struct buf *out)
{
	int32_t value;

	(void) op;
	if (!datetime_date(cursor_sv(in), &value))
		return UNSAID_RANGE;
	binary_long(out, value);
	return SAID;
}

static enum said
put_date_iso(const struct op *op, struct cursor *in, struct buf *out)
{
	char    text[DATETIME_TEXT_MAX];
	int64_t days = cursor_sv(in);

	(void) op;
	if (days < INT32_MIN || days > INT32_MAX)
		return UNSAID_RANGE;
	binary_bytes(out, text, datetime_iso_date((int32_t) days, text));
	return SAID;
}

static int64_t
read_time(struct cursor *in)
{
	int64_t us = (int64_t) cursor_u64(in);

	if (datetime_is_time(us))
		return us;
	cursor_fail(in);
	return 0;
}

static enum said
put_time_ms(const struct op *op, struct cursor *in, struct buf *out)
{
	int64_t us = read_time(in);

	if (op->key && us % 1000 != 0)
		return UNSAID_RANGE;
	binary_long(out, us / 1000);
	return SAID;
}

static enum said
put_time_us(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	binary_long(out, read_time(in));
	return SAID;
}

static enum said
put_time_ns(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	binary_long(out, read_time(in) * 1000);
	return SAID;
}

static enum said
put_time_iso(const struct op *op, struct cursor *in, struct buf *out)
{
	char text[DATETIME_TEXT_MAX];

	(void) op;
	binary_bytes(out, text, datetime_iso_time(read_time(in), text));
	return SAID;
}

static enum said
put_zoned_time(const struct op *op, struct cursor *in, struct buf *out)
{
	char    text[DATETIME_TEXT_MAX];
	int64_t us = read_time(in);
	int32_t west = (int32_t) cursor_u32(in);

	/* To PostgreSQL the same moment in two zones is two values. */
	if (op->key && west != 0)
		return UNSAID_RANGE;
	binary_bytes(out, text, datetime_zoned_time(us, west, text));
	return SAID;
}

/* A timestamp in the unit that convert gives. */
static enum said
put_timestamp(int64_t us, bool (*convert)(int64_t us, int64_t *value), struct buf *out)
{
	int64_t value;

	if (!convert(us, &value))
		return UNSAID_RANGE;
	binary_long(out, value);
	return SAID;
}

static enum said
put_timestamp_ms(const struct op *op, struct cursor *in, struct buf *out)
{
	int64_t us = (int64_t) cursor_u64(in);
	bool    infinite = us == INT64_MAX || us == INT64_MIN;

	if (op->key && !infinite && us % 1000 != 0)
		return UNSAID_RANGE;
	return put_timestamp(us, datetime_ms, out);
}

static enum said
put_timestamp_us(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	return put_timestamp((int64_t) cursor_u64(in), datetime_us, out);
}

static enum said
put_timestamp_ns(const struct op *op, struct cursor *in, struct buf *out)
{
	(void) op;
	return put_timestamp((int64_t) cursor_u64(in), datetime_ns, out);
}

static enum said
put_timestamp_iso(const struct op *op, struct cursor *in, struct buf *out)
{
	char text[DATETIME_TEXT_MAX];

	(void) op;
	binary_bytes(out, text, datetime_iso_timestamp((int64_t) cursor_u64(in), text));
	return SAID;
}

static enum said
put_zoned(const struct op *op, struct cursor *in, struct buf *out)
{
	char text[DATETIME_TEXT_MAX];

	binary_bytes(out, text, datetime_zoned((int64_t) cursor_u64(in), op->digits, text));
	return SAID;
}

static enum said
put_interval(const struct op *op, struct cursor *in, struct buf *out)
{
	int64_t us = (int64_t) cursor_u64(in);
	int32_t days = (int32_t) cursor_u32(in);
	int32_t months = (int32_t) cursor_u32(in);
	int64_t value;

	if (op->fmt->endless && datetime_is_endless(us, days, months))
		return UNSAID_SPECIAL;
	/* A month of 30.4375 days could be as long as other days and hours. */
	if (op->key && months != 0)
		return UNSAID_RANGE;
	if (!datetime_interval(us, days, months, &value))
		return UNSAID_RANGE;
	binary_long(out, value);
	return SAID;
}

static enum said
put_interval_string(const struct op *op, struct cursor *in, struct buf *out)
{
	char    text[DATETIME_TEXT_MAX];
	int64_t us = (int64_t) cursor_u64(in);
	int32_t days = (int32_t) cursor_u32(in);
	int32_t months = (int32_t) cursor_u32(in);

	if (op->fmt->endless && datetime_is_endless(us, days, months))
		return UNSAID_SPECIAL;
	binary_bytes(out, text, datetime_iso_interval(us, days, months, text));
	return SAID;
}

const struct shape date_shape = {
	.avro = "int",
	.name = "io.debezium.time.Date",
	.form = WIRE_FORM_INT,
	.put = put_date,
	.filler = FILLER("\0"),
	.literal = literal_date,
	.computed = "1970-01-01",
	.toasted = TOASTED_OCTETS,
};

const struct shape date_connect_shape = {
	.avro = "int",
	.name = "org.apache.kafka.connect.data.Date",
	.logical = "date",
	.form = WIRE_FORM_INT,
	.put = put_date,
	.filler = FILLER("\0"),
	.literal = literal_date,
	.computed = "1970-01-01",
};

const struct shape date_iso_shape = {
	.avro = "string",
	.name = "io.debezium.time.IsoDate",
	.form = WIRE_FORM_INT,
	.put = put_date_iso,
	.filler = FILLER("\x16"
					 "1970-01-01Z"),
	.literal = literal_date_iso,
	.computed = "1970-01-01",
};

const struct shape time_ms_shape = {
	.avro = "int",
	.name = "io.debezium.time.Time",
	.form = WIRE_FORM_INT64,
	.put = put_time_ms,
	.filler = FILLER("\0"),
	.literal = literal_time_ms,
	.computed = "00:00",
};

const struct shape time_us_shape = {
	.avro = "long",
	.name = "io.debezium.time.MicroTime",
	.form = WIRE_FORM_INT64,
	.put = put_time_us,
	.filler = FILLER("\0"),
	.literal = literal_time_us,
	.computed = "00:00",
};

const struct shape time_ns_shape = {
	.avro = "long",
	.name = "io.debezium.time.NanoTime",
	.form = WIRE_FORM_INT64,
	.put = put_time_ns,
	.filler = FILLER("\0"),
	.literal = literal_time_ns,
	.computed = "00:00",
};

const struct shape time_connect_shape = {
	.avro = "int",
	.name = "org.apache.kafka.connect.data.Time",
	.logical = "time-millis",
	.form = WIRE_FORM_INT64,
	.put = put_time_ms,
	.filler = FILLER("\0"),
	.literal = literal_time_ms,
	.computed = "00:00",
};

const struct shape time_iso_shape = {
	.avro = "string",
	.name = "io.debezium.time.IsoTime",
	.form = WIRE_FORM_INT64,
	.put = put_time_iso,
	.filler = FILLER("\x12"
					 "00:00:00Z"),
	.literal = literal_time_iso,
	.computed = "00:00",
};

const struct shape zoned_time_shape = {
	.avro = "string",
	.name = "io.debezium.time.ZonedTime",
	.form = WIRE_FORM_TIMETZ,
	.put = put_zoned_time,
	.filler = FILLER("\x12"
					 "00:00:00Z"),
};

const struct shape timestamp_ms_shape = {
	.avro = "long",
	.name = "io.debezium.time.Timestamp",
	.form = WIRE_FORM_INT64,
	.put = put_timestamp_ms,
	.filler = FILLER("\0"),
	.literal = literal_timestamp_ms,
	.computed = "1970-01-01",
};

const struct shape timestamp_us_shape = {
	.avro = "long",
	.name = "io.debezium.time.MicroTimestamp",
	.form = WIRE_FORM_INT64,
	.put = put_timestamp_us,
	.filler = FILLER("\0"),
	.literal = literal_timestamp_us,
	.computed = "1970-01-01",
};

const struct shape timestamp_ns_shape = {
	.avro = "long",
	.name = "io.debezium.time.NanoTimestamp",
	.form = WIRE_FORM_INT64,
	.put = put_timestamp_ns,
	.filler = FILLER("\0"),
	.literal = literal_timestamp_ns,
	.computed = "1970-01-01",
};

const struct shape timestamp_connect_shape = {
	.avro = "long",
	.name = "org.apache.kafka.connect.data.Timestamp",
	.logical = "timestamp-millis",
	.form = WIRE_FORM_INT64,
	.put = put_timestamp_ms,
	.filler = FILLER("\0"),
	.literal = literal_timestamp_ms,
	.computed = "1970-01-01",
};

const struct shape timestamp_iso_shape = {
	.avro = "string",
	.name = "io.debezium.time.IsoTimestamp",
	.form = WIRE_FORM_INT64,
	.put = put_timestamp_iso,
	.filler = FILLER("\x28"
					 "1970-01-01T00:00:00Z"),
	.literal = literal_timestamp_iso,
	.computed = "1970-01-01",
};

const struct shape zoned_shape = {
	.avro = "string",
	.name = "io.debezium.time.ZonedTimestamp",
	.form = WIRE_FORM_INT64,
	.put = put_zoned,
	.filler = FILLER("\x28"
					 "1970-01-01T00:00:00Z"),
	.literal = literal_zoned,
	.computed = "1970-01-01",
};

const struct shape interval_shape = {
	.avro = "long",
	.name = "io.debezium.time.MicroDuration",
	.form = WIRE_FORM_INTERVAL,
	.put = put_interval,
	.filler = FILLER("\0"),
	.literal = literal_interval,
	.computed = "00:00:00",
};

const struct shape interval_string_shape = {
	.avro = "string",
	.name = "io.debezium.time.Interval",
	.form = WIRE_FORM_INTERVAL,
	.put = put_interval_string,
	.filler = FILLER("\x1c"
					 "P0Y0M0DT0H0M0S"),
	.literal = literal_interval_string,
	.computed = "00:00:00",
};
