/*
 * format.c
 *		Settings and hello become a format; see format.h.
 */
#include "format.h"

#include <stdlib.h>

#include "config.h"
#include "patterns.h"
#include "record.h"

/* The first server whose intervals can be infinite. */
#define INFINITE_INTERVALS 170000

/* What cash_out() takes where lc_monetary says nothing. */
#define MONEY_DIGITS 2
#define MONEY_DIGITS_MAX 10 /* cash_out() takes no more */

/* Digits of the server's money values; a plugin that does not say has the usual ones. */
static unsigned
money_digits(const struct hello *hello)
{
	struct str value;
	unsigned   digits = 0;

	if (!hello_setting(hello, "money_fraction_digits", &value) || value.len == 0 || value.len > 2)
		return MONEY_DIGITS;
	for (size_t i = 0; i < value.len; i++)
	{
		if (value.data[i] < '0' || value.data[i] > '9')
			return MONEY_DIGITS;
		digits = digits * 10 + (unsigned) (value.data[i] - '0');
	}
	return digits <= MONEY_DIGITS_MAX ? digits : MONEY_DIGITS;
}

enum rc
format_init(struct format *fmt, const struct config *cfg, const struct hello *hello,
			struct err *e)
{
	const char       *run_id = fmt->run_id;
	struct workspace *work = fmt->work;
	enum rc           rc;

	*fmt = (struct format){
		.run_id = run_id,
		.work = work,
		.prefix = cfg->kafka.topic_prefix,
		.version = cfg->format.version,
		.database = xstrndup(hello->database.data, hello->database.len),
		.encoding = xstrndup(hello->encoding.data, hello->encoding.len),
		.schema_names = cfg->format.schema_names,
		.field_names = cfg->format.field_names,
		.tombstones = cfg->format.tombstones,
		.truncates = strchr(cfg->tables.skipped_operations, 't') == NULL,
		.generated = cfg->format.generated,
		.placeholder = cfg->format.placeholder,
		.profile = cfg->format.profile,
		.decimals = cfg->format.decimals,
		.times = cfg->format.times,
		.intervals = cfg->format.intervals,
		.binaries = cfg->format.binaries,
		.hstores = cfg->format.hstores,
		.money_digits = cfg->format.money_digits,
		.wire_digits = money_digits(hello),
		.endless = hello->server_version >= INFINITE_INTERVALS,
		.unknown = cfg->format.unknown,
		.exact = cfg->format.exact,
		.transactions = cfg->format.transactions,
		.extended_headers = cfg->format.extended_headers,
	};
	rc = patterns_new("column.propagate.source.type", cfg->format.propagate_columns,
					  &fmt->propagate_columns, e);
	if (rc == RC_OK)
		rc = patterns_new("datatype.propagate.source.type", cfg->format.propagate_types,
						  &fmt->propagate_types, e);
	return rc;
}

void
format_free(struct format *fmt)
{
	free((char *) fmt->database);
	free((char *) fmt->encoding);
	patterns_free(fmt->propagate_columns);
	patterns_free(fmt->propagate_types);
	*fmt = (struct format){0};
}
