/*
 * test_cli.c
 *		Command lines: what they mean, and what is said about wrong ones.
 */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "dump.h"

static struct err e;
static struct cli cli;
static char      *no_environment[] = {NULL};

/* The words of a command line, up to NULL. */
static enum rc
parse(const char *first, ...)
{
	char   *argv[16] = {"walrelay"};
	int     argc = 1;
	va_list ap;

	va_start(ap, first);
	for (const char *arg = first; arg; arg = va_arg(ap, const char *))
		argv[argc++] = (char *) arg;
	va_end(ap);
	cli_free(&cli);
	return cli_parse(argc, argv, no_environment, &cli, &e);
}

static char *
output(void)
{
	char  *text;
	size_t len;
	FILE  *out = open_memstream(&text, &len);

	assert_rc_ok(cli_execute(&cli, out, &e));
	fclose(out);
	return text;
}

static int
setup(void **state)
{
	(void) state;
	unsetenv("WALRELAY_CONFIG");
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	cli_free(&cli);
	return 0;
}

static void
settings_come_in_three_shapes(void **state)
{
	(void) state;
	assert_rc_ok(parse("run", "--source.conninfo=dbname=shop user=me", NULL));
	assert_string_equal(cli.cfg->source.conninfo, "dbname=shop user=me");
	assert_rc_ok(parse("run", "--topic.prefix=ab", "--slot.name", "shop", "--slot.create",
					   "--tombstones.on.delete", "false", NULL));
	assert_string_equal(cli.cfg->kafka.topic_prefix, "ab");
	assert_string_equal(cli.cfg->slot.name, "shop");
	assert_true(cli.cfg->slot.create);
	assert_false(cli.cfg->format.tombstones);
}

static void
options_may_stand_behind_a_true_or_false_one(void **state)
{
	(void) state;
	assert_rc_ok(parse("run", "--slot.create", "--topic.prefix=p", NULL));
	assert_true(cli.cfg->slot.create);
	assert_string_equal(cli.cfg->kafka.topic_prefix, "p");
}

static void
endpos_is_a_position(void **state)
{
	(void) state;
	assert_rc_ok(parse("tail", "--endpos=16/B374D848", NULL));
	assert_int_equal(cli.cfg->end_lsn, INT64_C(0x16B374D848));
	assert_rc_ok(parse("run", "--endpos", "0/1", NULL));
	assert_int_equal(cli.cfg->end_lsn, 1);
	assert_rc_err(parse("run", "--endpos=now", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("run", "--endpos", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("slot", "status", "--endpos=0/1", NULL), ERR_USAGE, E1001);
}

static void
from_lsn_is_a_whole_position(void **state)
{
	(void) state;
	assert_rc_ok(parse("run", "--from-lsn=16/B374D848", NULL));
	assert_int_equal(cli.cfg->from_lsn, INT64_C(0x16B374D848));
	assert_rc_ok(parse("run", "--from-lsn", "0/1753030", NULL));
	assert_int_equal(cli.cfg->from_lsn, 0x1753030);
	assert_rc_err(parse("run", "--from-lsn=0/1753030,", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("run", "--from-lsn=0/175303012", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("run", "--from-lsn=0/0", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("run", "--from-lsn", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("tail", "--from-lsn=0/1", NULL), ERR_USAGE, E1001);
	assert_rc_ok(parse("slot", "create", "--export-snapshot", "--json", NULL));
	assert_true(cli.exports && cli.json);
	assert_rc_err(parse("run", "--export-snapshot", NULL), ERR_USAGE, E1001);
}

static void
decode_takes_a_file_and_what_to_leave_out(void **state)
{
	(void) state;
	assert_rc_ok(parse("decode", "--no-lsn", "capture.bin", "--no-xids", NULL));
	assert_string_equal(cli.words[0], "capture.bin");
	assert_int_equal(cli.dump_flags, DUMP_NO_LSN | DUMP_NO_XIDS);
	assert_rc_ok(parse("decode", "-", NULL));
	assert_string_equal(cli.words[0], "-");
	assert_rc_ok(parse("decode", NULL));
	assert_int_equal(cli.nwords, 0);
	assert_rc_err(parse("decode", "a", "b", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("decode", "--topic.prefix=x", NULL), ERR_USAGE, E1006);
}

static void
snapshot_commands_take_tables(void **state)
{
	(void) state;
	assert_rc_ok(parse("snapshot", "start", "shop.a", "--slot.name=x", "shop.b", "--where",
					   "n = 1", "--blocking", "shop\\.c.*", NULL));
	assert_int_equal(cli.nwords, 3);
	assert_string_equal(cli.words[0], "shop.a");
	assert_string_equal(cli.words[1], "shop.b");
	assert_string_equal(cli.words[2], "shop\\.c.*");
	assert_string_equal(cli.order.where, "n = 1");
	assert_true(cli.order.blocking);
	assert_string_equal(cli.cfg->slot.name, "x");
	assert_rc_ok(parse("snapshot", "start", "--where=a = 'b=c'", "shop.a", NULL));
	assert_string_equal(cli.order.where, "a = 'b=c'");
	assert_false(cli.order.blocking);
	assert_rc_ok(parse("snapshot", "stop", NULL));
	assert_int_equal(cli.nwords, 0);
	assert_rc_ok(parse("snapshot", "stop", "shop.a", NULL));
	assert_int_equal(cli.nwords, 1);
	assert_rc_ok(parse("snapshot", "pause", "--slot.name=x", NULL));
	assert_rc_ok(parse("snapshot", "resume", NULL));
}

static void
snapshot_commands_refuse_the_rest(void **state)
{
	(void) state;
	assert_rc_err(parse("snapshot", "start", "a.b", "--where", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("snapshot", "start", "a.b", "--where=a", "--where=b", NULL), ERR_USAGE,
				  E1006);
	assert_non_null(strstr(e.msg, "twice"));
	assert_rc_err(parse("snapshot", "start", "a.b", "--were=x", NULL), ERR_USAGE, E1001);
	assert_rc_err(parse("snapshot", "start", "a.b", "--force", NULL), ERR_USAGE, E1001);
	assert_rc_err(parse("snapshot", "stop", "--where=a", NULL), ERR_USAGE, E1001);
	assert_rc_err(parse("snapshot", "stop", "--blocking", NULL), ERR_USAGE, E1001);
	assert_rc_err(parse("snapshot", "pause", "a.b", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("snapshot", "resume", "a.b", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("snapshot", "status", "a.b", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("snapshot", "begin", NULL), ERR_USAGE, E1006);
	assert_non_null(strstr(e.hint, "snapshot start"));
}

static void
tail_leaves_nothing_behind(void **state)
{
	char name[64];

	(void) state;
	assert_rc_ok(parse("tail", "--sink=kafka", "--registry.url=http://r",
					   "--signal.enabled.channels=kafka", NULL));
	assert_int_equal(cli.cfg->signal.channels, 0);
	snprintf(name, sizeof(name), "walrelay_tail_%d", (int) getpid());
	assert_int_equal(cli.cfg->format.sink, SINK_STDOUT);
	assert_true(cli.cfg->slot.temporary);
	assert_string_equal(cli.cfg->slot.name, name);
	assert_string_equal(cli.cfg->registry.url, "");
	assert_true(*cli.cfg->kafka.topic_prefix != '\0');
}

static void
tail_has_nowhere_to_put_dead_letters(void **state)
{
	(void) state;
	assert_rc_ok(parse("tail", "--on.error=dead-letter", "--schema.on.incompatible=dead-letter",
					   "--source.conninfo=dbname=shop", NULL));
	assert_int_equal(cli.cfg->relay.on_error, ON_ERROR_STOP);
	assert_int_equal(config_on_refusal(cli.cfg), ON_ERROR_STOP);
	assert_rc_ok(config_check(cli.cfg, &e));
	assert_rc_ok(parse("tail", "--on.error=skip", NULL));
	assert_int_equal(cli.cfg->relay.on_error, ON_ERROR_SKIP);
}

static void
gaps_are_accepted_on_the_command_line(void **state)
{
	(void) state;
	assert_rc_ok(parse("run", NULL));
	assert_null(cli.cfg->accept_gaps);
	assert_rc_ok(parse("run", "--accept-gap=7f3a91c2,0badcafe", "--accept-gap", "00000001", NULL));
	assert_string_equal(cli.cfg->accept_gaps, "7f3a91c2,0badcafe,00000001");
	assert_rc_err(parse("run", "--accept-gap=7f3a91c", NULL), ERR_USAGE, E1006);
	assert_non_null(strstr(e.hint, "8 hex digits"));
	assert_rc_err(parse("run", "--accept-gap", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("tail", "--accept-gap=7f3a91c2", NULL), ERR_USAGE, E1001);
	assert_rc_err(parse("slot", "create", "--accept-gap=7f3a91c2", NULL), ERR_USAGE, E1001);
}

static void
dead_letters_are_chosen(void **state)
{
	(void) state;
	assert_rc_ok(parse("dlq", "show", "--table=shop.orders", "--code", "E2003", "--offset=0:12",
					   "--limit=3", "--topic.prefix=ab", NULL));
	assert_string_equal(cli.choice.table, "shop.orders");
	assert_string_equal(cli.choice.code, "E2003");
	assert_string_equal(cli.choice.at, "0:12");
	assert_int_equal(cli.choice.limit, 3);
	assert_string_equal(cli.cfg->kafka.topic_prefix, "ab");
	assert_rc_ok(parse("dlq", "replay", "--dry-run", NULL));
	assert_true(cli.dry_run);
	assert_null(cli.choice.table);
	assert_rc_ok(parse("dlq", "list", "--json", NULL));
	assert_true(cli.json);
	assert_int_equal(cli.choice.limit, 10);

	assert_rc_err(parse("dlq", NULL), ERR_USAGE, E1006);
	assert_non_null(strstr(e.hint, "dlq replay"));
	assert_rc_err(parse("dlq", "drop", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("dlq", "show", "--limit=0", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("dlq", "show", "--limit=-1", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("dlq", "show", "--limit", NULL), ERR_USAGE, E1006);
	assert_true(parse("dlq", "list", "--dry-run", NULL) == RC_ERR);
	assert_true(parse("run", "--table=a.b", NULL) == RC_ERR);
}

static void
topics_are_as_many_as_told(void **state)
{
	(void) state;
	assert_rc_ok(parse("topics", "create", "--partitions=6", "shop\\..*", "--replication-factor", "3",
					   "--dry-run", "--json", "shop.b", NULL));
	assert_int_equal(cli.topics.partitions, 6);
	assert_int_equal(cli.topics.replicas, 3);
	assert_true(cli.dry_run && cli.json);
	assert_int_equal(cli.nwords, 2);
	assert_string_equal(cli.words[1], "shop.b");
	assert_rc_ok(parse("topics", "create", NULL));
	assert_int_equal(cli.topics.partitions, 0);
	assert_int_equal(cli.topics.replicas, 0);

	assert_rc_err(parse("topics", "create", "--partitions=0", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("topics", "create", "--partitions=2147483648", NULL), ERR_USAGE, E1006);
	assert_rc_err(parse("topics", "create", "--replication-factor=-1", NULL), ERR_USAGE, E1006);
	assert_true(parse("topics", "plan", "--partitions=6", NULL) == RC_ERR);
	assert_true(parse("topics", "plan", "--dry-run", NULL) == RC_ERR);
	assert_rc_err(parse("topics", "drop", NULL), ERR_USAGE, E1006);
}

static void
tail_reads_a_slot_only_if_told_so_on_the_command_line(void **state)
{
	char *environment[] = {"WALRELAY_SLOT_NAME=production", NULL};
	char *plain[] = {"walrelay", "tail"};

	(void) state;
	assert_rc_ok(parse("tail", "--slot.name=mine", NULL));
	assert_string_equal(cli.cfg->slot.name, "mine");
	assert_false(cli.cfg->slot.temporary);
	cli_free(&cli);
	assert_rc_ok(cli_parse(2, plain, environment, &cli, &e));
	assert_true(cli.cfg->slot.temporary);
	assert_string_not_equal(cli.cfg->slot.name, "production");
}

static void
a_file_is_read_wherever_it_is_named(void **state)
{
	char  name[] = "/tmp/walrelay_test_cli.XXXXXX";
	int   fd = mkstemp(name);
	FILE *file = fdopen(fd, "w");

	(void) state;
	fputs("[slot]\nname = of_file\n[kafka]\ntopic.prefix = of_file\n", file);
	fclose(file);
	assert_rc_ok(parse("run", "--slot.name=of_flag", "-c", name, NULL));
	assert_string_equal(cli.cfg->slot.name, "of_flag");
	assert_string_equal(cli.cfg->kafka.topic_prefix, "of_file");
	setenv("WALRELAY_CONFIG", name, 1);
	assert_rc_ok(parse("run", NULL));
	assert_string_equal(cli.cfg->slot.name, "of_file");
	unsetenv("WALRELAY_CONFIG");
	unlink(name);
	assert_rc_err(parse("run", "--config=/nonexistent", NULL), ERR_CONFIG, E1004);
	assert_rc_err(parse("run", "--config", NULL), ERR_USAGE, E1006);
}

static void
wrong_command_lines_name_the_nearest(void **state)
{
	static const struct
	{
		const char   *one;
		const char   *two;
		enum err_code code;
		const char   *hint;
	} wrong[] = {{"rnu", NULL, E1006, "\"run\""},
				 {"tial", NULL, E1006, "\"tail\""},
				 {"slot", "stauts", E1006, "slot status"},
				 {"slot", NULL, E1006, "slot create"},
				 {"slot", "drop!", E1006, "slot drop"},
				 {"frobnicate", NULL, E1006, "--help"},
				 {"run", "--tpoic.prefix=x", E1001, "\"topic.prefix\""},
				 {"run", "--tpoic.prefix", E1001, "\"topic.prefix\""},
				 {"run", "--topic.prefix", E1006, "--topic.prefix=VALUE"},
				 {"run", "now", E1006, "--help"},
				 {"run", "-x", E1006, "--help"},
				 {"version", "--jsno", E1006, "--json"},
				 {"--hepl", NULL, E1006, "--help"}};

	(void) state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		assert_rc_err(parse(wrong[i].one, wrong[i].two, NULL), ERR_USAGE, wrong[i].code);
		if (strstr(e.hint, wrong[i].hint) == NULL)
			fail_msg("%s %s: hint is \"%s\"", wrong[i].one, wrong[i].two ? wrong[i].two : "",
					 e.hint);
	}
	assert_rc_err(parse(NULL), ERR_USAGE, E1006);
}

/* A word in the wrong place may be a part of a password. */
static void
wrong_command_lines_do_not_show_secrets(void **state)
{
	static const char *const wrong[][4] = {{"password=sesame"},
										   {"postgresql://me:sesame@h/db"},
										   {"-password=sesame"},
										   {"--source.conninfo=password=sesame"},
										   {"run", "password=sesame"},
										   {"run", "postgresql://me:sesame@h/db"},
										   {"run", "sesame"},
										   {"run", "-Wsecret=sesame"},
										   {"run", "--source.conninfo=password=open", "sesame"},
										   {"run", "--source.conninfo", "password=open", "sesame"},
										   {"run", "--sasl.password", "open", "sesame"},
										   {"run", "--endpos=password=sesame"},
										   {"run", "--from-lsn=password=sesame"},
										   {"run", "--sasl.passwrod=sesame"},
										   {"slot", "password=sesame"},
										   {"slot", "status", "password=sesame"},
										   {"version", "--source.conninfo=sesame"},
										   {"decode", "--source.conninfo=sesame"},
										   {"decode", "a", "password=sesame"}};

	(void) state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		if (parse(wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], NULL) != RC_ERR)
			fail_msg("case %u was taken", i);
		if (strstr(e.msg, "sesame") || strstr(e.detail, "sesame") || strstr(e.hint, "sesame"))
			fail_msg("case %u: \"%s\" \"%s\" \"%s\"", i, e.msg, e.detail, e.hint);
		assert_true(*e.hint != '\0');
	}
	assert_rc_err(parse("run", "--source.conninfo=host=h", "dbname=d", NULL), ERR_USAGE, E1006);
	assert_string_equal(e.msg, "unexpected argument behind \"--source.conninfo\"");
	assert_rc_err(parse("password=sesame", NULL), ERR_USAGE, E1006);
	assert_string_equal(e.msg, "unknown command \"password...\"");
}

static void
explain_takes_codes(void **state)
{
	char *text;

	(void) state;
	assert_rc_ok(parse("explain", NULL));
	text = output();
	assert_non_null(strstr(text, "E1001  "));
	assert_non_null(strstr(text, "E2013  "));
	free(text);
	assert_rc_ok(parse("explain", "E1204", "1206", NULL));
	text = output();
	assert_memory_equal(text, "E1204: ", 7);
	assert_non_null(strstr(text, "\n\nE1206: "));
	free(text);
	assert_rc_ok(parse("explain", "--markdown", NULL));
	text = output();
	assert_memory_equal(text, "# Errors", 8);
	free(text);
}

static void
help_and_version_need_no_settings(void **state)
{
	static const char *const one[] = {"run", "tail", "decode", "config", "version"};
	char                    *text;

	(void) state;
	for (unsigned i = 0; i < sizeof(one) / sizeof(one[0]); i++)
	{
		assert_rc_ok(parse(one[i], "--help", NULL));
		text = output();
		assert_non_null(strstr(text, one[i]));
		free(text);
	}
	assert_rc_ok(parse("slot", "drop", "-h", NULL));
	text = output();
	assert_non_null(strstr(text, "slot drop"));
	assert_non_null(strstr(text, "--slot.name"));
	free(text);
	assert_rc_ok(parse("--help", NULL));
	text = output();
	for (unsigned i = 0; i < sizeof(one) / sizeof(one[0]); i++)
		assert_non_null(strstr(text, one[i]));
	free(text);
	assert_rc_ok(parse("--version", NULL));
	text = output();
	assert_non_null(strstr(text, "librdkafka"));
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(settings_come_in_three_shapes),
		TEST(options_may_stand_behind_a_true_or_false_one),
		TEST(endpos_is_a_position),
		TEST(from_lsn_is_a_whole_position),
		TEST(gaps_are_accepted_on_the_command_line),
		TEST(decode_takes_a_file_and_what_to_leave_out),
		TEST(snapshot_commands_take_tables),
		TEST(snapshot_commands_refuse_the_rest),
		TEST(tail_leaves_nothing_behind),
		TEST(tail_has_nowhere_to_put_dead_letters),
		TEST(dead_letters_are_chosen),
		TEST(topics_are_as_many_as_told),
		TEST(tail_reads_a_slot_only_if_told_so_on_the_command_line),
		TEST(a_file_is_read_wherever_it_is_named),
		TEST(wrong_command_lines_name_the_nearest),
		TEST(wrong_command_lines_do_not_show_secrets),
		TEST(explain_takes_codes),
		TEST(help_and_version_need_no_settings),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
