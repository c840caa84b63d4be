/*
 * cli_options.c
 *		The table of options, and what is taken of each; see cli_options.h.
 */
#include "cli_options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "gap.h"
#include "pg.h"

static enum rc
take_flag(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	(void) value;
	(void) e;
	*(bool *) ((char *) cli + option->place) = true;
	return RC_OK;
}

static enum rc
take_text(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	(void) e;
	*(const char **) ((char *) cli + option->place) = value;
	return RC_OK;
}

static enum rc
take_dump(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	(void) value;
	(void) e;
	cli->dump_flags |= (unsigned) option->place;
	return RC_OK;
}

static enum rc
take_lsn(const struct cli_option *option, const char *value, uint64_t *lsn, struct err *e)
{
	*lsn = pg_lsn_parse(value);
	if (*lsn != 0 && strspn(value, "0123456789ABCDEFabcdef/") == strlen(value) &&
		strlen(strchr(value, '/')) <= sizeof("/FFFFFFFF") - 1)
		return RC_OK;
	err_set(e, ERR_USAGE, E1006, "invalid position for %s", option->name);
	return err_hint(e, "Give an LSN as the server prints it, such as 16/B374D848.");
}

static enum rc
take_end(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	return take_lsn(option, value, &cli->cfg->end_lsn, e);
}

static enum rc
take_from(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	return take_lsn(option, value, &cli->cfg->from_lsn, e);
}

/* Given several times, all count. */
static enum rc
take_gaps(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	char *before = cli->cfg->accept_gaps;

	if (!gap_tokens_are_valid(value))
	{
		err_set(e, ERR_USAGE, E1006, "invalid token for %s", option->name);
		return err_hint(e, "Give what the hint of the refusal says, %d hex digits; several are "
						   "separated by commas, without blanks.",
						GAP_TOKEN_LEN);
	}
	cli->cfg->accept_gaps = xasprintf("%s%s%s", before ? before : "", before ? "," : "", value);
	free(before);
	return RC_OK;
}

static enum rc
take_limit(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	char         *end;
	unsigned long limit = strtoul(value, &end, 10);

	if (*value >= '0' && *value <= '9' && *end == '\0' && limit > 0 && limit <= 1000000)
	{
		cli->choice.limit = (unsigned) limit;
		return RC_OK;
	}
	err_set(e, ERR_USAGE, E1006, "invalid number for %s", option->name);
	return err_hint(e, "Give a number from 1 to 1000000.");
}

/* Digits, up to max; false: it is another text. */
static bool
number_is(const char *value, uint64_t max, uint64_t *number)
{
	char *end;

	if (*value < '0' || *value > '9' || strlen(value) > 18)
		return false;
	*number = strtoull(value, &end, 10);
	return *end == '\0' && *number <= max;
}

static enum rc
take_count(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	if (number_is(value, INT64_MAX, &cli->cat.limit) && cli->cat.limit > 0)
		return RC_OK;
	err_set(e, ERR_USAGE, E1006, "invalid number for %s", option->name);
	return err_hint(e, "Give a number from 1 on.");
}

static enum rc
take_place(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	if (topic_from_parse(value, &cli->cat.part))
		return RC_OK;
	err_set(e, ERR_USAGE, E1006, "invalid place for %s", option->name);
	return err_hint(e, "Give beginning, end, an offset, -N for the last N records (up to %d), @MS "
					   "for a time in milliseconds, or a time such as 2026-11-22T10:30:00Z.",
					FROM_LAST_MAX);
}

static enum rc
take_partition(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	uint64_t number;

	if (!number_is(value, INT32_MAX, &number))
	{
		err_set(e, ERR_USAGE, E1006, "invalid number for %s", option->name);
		return err_hint(e, "Give the number of a partition, from 0 on.");
	}
	cli->cat.part.one = true;
	cli->cat.part.partition = (int32_t) number;
	return RC_OK;
}

/* What brokers refuse as too many they say themselves. */
static enum rc
take_size(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	uint64_t number;

	if (!number_is(value, INT32_MAX, &number) || number == 0)
	{
		err_set(e, ERR_USAGE, E1006, "invalid number for %s", option->name);
		return err_hint(e, "Give a number from 1 on.");
	}
	*(int32_t *) ((char *) cli + option->place) = (int32_t) number;
	return RC_OK;
}

/* Rows that are not asked for may be many: one condition of two is not taken for both. */
static enum rc
take_where(struct cli *cli, const struct cli_option *option, const char *value, struct err *e)
{
	if (cli->order.where)
	{
		err_set(e, ERR_USAGE, E1006, "%s is given twice", option->name);
		return err_hint(e, "Join the conditions by AND or OR.");
	}
	cli->order.where = value;
	return RC_OK;
}

#define AT(member) offsetof(struct cli, member)

const struct cli_option cli_options[] = {
	{TAKES_SETTINGS, "--config", "FILE", take_text, AT(config_file),
	 "settings in INI form (-c; or WALRELAY_CONFIG names the file)"},
	{TAKES_ENDPOS, "--endpos", "LSN", take_end, 0,
	 "stop when everything up to this position is safe"},
	{TAKES_GAP, "--accept-gap", "TOKEN[,TOKEN...]", take_gaps, 0,
	 "go on over the gap that walrelay has refused with this token"},
	{TAKES_FROM, "--from-lsn", "LSN", take_from, 0,
	 "first start: rows were loaded by hand as of this position;\n"
	 "what commits before it is left out, and no row is read"},
	{TAKES_EXPORT, "--export-snapshot", NULL, take_flag, AT(exports),
	 "print a snapshot as of the slot's position, and hold it"},
	{TAKES_JSON, "--json", NULL, take_flag, AT(json), "one JSON object instead of a table"},
	{TAKES_WHERE, "--where", "CONDITION", take_where, 0,
	 "only rows for which this is true, as behind SQL's WHERE"},
	{TAKES_WHERE, "--blocking", NULL, take_flag, AT(order.blocking),
	 "the stream waits meanwhile: for tables without a key"},
	{TAKES_LETTERS, "--table", "TABLE", take_text, AT(choice.table),
	 "only letters of this table, as schema.table"},
	{TAKES_LETTERS, "--code", "CODE", take_text, AT(choice.code),
	 "only letters with this code, such as E2003"},
	{TAKES_SHOW, "--offset", "PARTITION:OFFSET", take_text, AT(choice.at), "the letter there"},
	{TAKES_SHOW, "--limit", "N", take_limit, 0, "at most so many (10)"},
	{TAKES_TOPIC, "--offset", "PLACE", take_place, 0,
	 "from where on: beginning, which is the default, end, an\n"
	 "offset, -N for the last N records of each partition, @MS\n"
	 "or a time such as 2026-11-22T10:30:00Z"},
	{TAKES_TOPIC, "--partition", "N", take_partition, 0, "only this partition"},
	{TAKES_TOPIC, "--limit", "N", take_count, 0, "at most so many"},
	{TAKES_TOPIC, "--follow", NULL, take_flag, AT(cat.part.follows),
	 "do not stop at the end of the topic (-f)"},
	{TAKES_TOPIC, "--key", "KEY", take_text, AT(cat.key),
	 "only records of this key, as cat prints it; of a key of\n"
	 "one column its value is enough"},
	{TAKES_TOPIC, "--value-only", NULL, take_flag, AT(cat.value_only),
	 "only what is payload otherwise"},
	{TAKES_TOPIC, "--raw", NULL, take_flag, AT(cat.raw),
	 "decode nothing: bytes as strings, or base64"},
	{TAKES_NEW_TOPICS, "--partitions", "N", take_size, AT(topics.partitions),
	 "of each that is made, but where one is needed; else what the\n"
	 "brokers have as num.partitions"},
	{TAKES_NEW_TOPICS, "--replication-factor", "N", take_size, AT(topics.replicas),
	 "of each that is made; else the brokers'\n"
	 "default.replication.factor"},
	{TAKES_NEW_TOPICS, "--dry-run", NULL, take_flag, AT(dry_run),
	 "make nothing: the brokers say whether they would"},
	{TAKES_DRY_RUN, "--dry-run", NULL, take_flag, AT(dry_run), "only say how many there are"},
	{TAKES_DUMP, "--no-lsn", NULL, take_dump, DUMP_NO_LSN, "leave out positions"},
	{TAKES_DUMP, "--no-xids", NULL, take_dump, DUMP_NO_XIDS, "leave out numbers of transactions"},
	{TAKES_DUMP, "--no-timestamp", NULL, take_dump, DUMP_NO_TIMESTAMP, "leave out times"},
	{TAKES_DUMP, "--no-relations", NULL, take_dump, DUMP_NO_RELATIONS,
	 "leave out descriptions of tables"},
	{TAKES_DUMP, "--no-hello", NULL, take_dump, DUMP_NO_HELLO,
	 "leave out what the plugin says first"},
	{TAKES_DUMP, "--no-marks", NULL, take_dump, DUMP_NO_MARKS, "leave out marks"},
	{TAKES_SETTINGS | TAKES_CODES, "--markdown", NULL, take_flag, AT(markdown), NULL},
};

const unsigned ncli_options = sizeof(cli_options) / sizeof(cli_options[0]);

const struct short_option short_options[] = {{"-c", "--config"}, {"-f", "--follow"}};

const unsigned nshort_options = sizeof(short_options) / sizeof(short_options[0]);
