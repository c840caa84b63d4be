/*
 * format.h
 *		Pure: what the configuration and the server say about how events look.
 *
 * Made once per stream, when the server has said hello; plans borrow it.
 */
#ifndef RELAY_FORMAT_H
#define RELAY_FORMAT_H

#include <stdbool.h>

#include "err.h"

struct config;
struct hello;
struct patterns;
struct workspace;

enum adjustment
{
	ADJUST_NONE,
	ADJUST_AVRO,
	ADJUST_AVRO_UNICODE
};

/* The modes are Debezium's own, in the order of the settings' words. */
enum decimal_mode
{
	DECIMAL_PRECISE,
	DECIMAL_DOUBLE,
	DECIMAL_STRING
};

enum time_mode
{
	TIME_ADAPTIVE,
	TIME_ADAPTIVE_MICROSECONDS,
	TIME_CONNECT,
	TIME_ISOSTRING,
	TIME_MICROSECONDS,
	TIME_NANOSECONDS
};

enum interval_mode
{
	INTERVAL_NUMERIC,
	INTERVAL_STRING
};

enum binary_mode
{
	BINARY_BYTES,
	BINARY_BASE64,
	BINARY_BASE64_URL_SAFE,
	BINARY_HEX
};

enum hstore_mode
{
	HSTORE_JSON,
	HSTORE_MAP
};

/* Generations of Debezium's schemas, by the release that began them (debezium.profile). */
enum profile
{
	PROFILE_2_7, /* Source without version, short list of snapshot values; no vectors, tsvector */
	PROFILE_3_0, /* long list of snapshot values; transaction in messages; vectors */
	PROFILE_3_2, /* 3.1 to 3.4: Source has version 1; time[] by mode; tsvector (from 3.3 on) */
	PROFILE_3_5	 /* Source has origin and origin_lsn */
};

/* Bits of exact.types, in the order of the setting's words. */
enum exact
{
	EXACT_NUMERIC = 0x01,
	EXACT_INTERVAL = 0x02,
	EXACT_DATE = 0x04,
	EXACT_TIMESTAMP = 0x08,
	EXACT_TIMETZ = 0x10,
	EXACT_ARRAY = 0x20,
	EXACT_BIT = 0x40 /* bit and varbit */
};

struct format
{
	const char	   *prefix;	  /* topic.prefix: source.name */
	const char	   *version;  /* source.version */
	const char	   *database; /* source.db */
	const char	   *encoding; /* the server's; "UTF8" needs no conversion */
	enum adjustment schema_names;
	enum adjustment field_names;
	bool			tombstones;
	bool			truncates;	 /* skipped.operations without t */
	bool			generated;	 /* generated.columns = include */
	const char	   *placeholder; /* unavailable.value.placeholder */
	enum profile	profile;
	enum decimal_mode  decimals;
	enum time_mode	   times;
	enum interval_mode intervals;
	enum binary_mode   binaries;
	enum hstore_mode   hstores;
	unsigned		   money_digits;	/* money.fraction.digits: scale of money in events */
	unsigned		   wire_digits;		/* digits that money has on the wire: the server's */
	bool			   endless;			/* intervals can be infinite: PostgreSQL 17 and later */
	bool			   unknown;			/* include.unknown.datatypes */
	unsigned		   exact;			/* enum exact bits: as PostgreSQL's own text */
	struct patterns   *propagate_columns; /* column.propagate.source.type; NULL: none */
	struct patterns   *propagate_types;	  /* datatype.propagate.source.type; NULL: none */
	bool			   transactions;	/* provide.transaction.metadata */
	bool			   extended_headers; /* extended.headers.enabled */
	const char		  *run_id;			 /* of this run of the relay, a UUID */
	struct workspace  *work;			 /* borrowed, for all plans; NULL: see workspace_new() */
};

/*
 * *fmt, zeros but for run_id and work, from the configuration, which must outlive it,
 * and from the server's hello.  RC_ERR E1002.
 */
enum rc format_init(struct format *fmt, const struct config *cfg, const struct hello *hello,
					struct err *e) MUST_CHECK;
void	format_free(struct format *fmt);

#endif /* RELAY_FORMAT_H */
