/*
 * test_pg.c
 *		What is said about servers and slots without asking one, the commands that
 *		are sent, and connection strings.
 */
#include "unit.h"

#include "lineage.h"
#include "pg.h"

static struct config  *cfg;
static struct pg_facts facts;
static struct err      e;

static int
setup(void **state)
{
	(void) state;
	cfg = config_new();
	facts = (struct pg_facts){.version = 150020,
							  .database = xstrdup("shop"),
							  .role = xstrdup("cdc"),
							  .wal_level = xstrdup("logical"),
							  .sender_timeout_ms = 60000,
							  .slot = {.exists = true,
									   .plugin = xstrdup("walrelay"),
									   .database = xstrdup("shop"),
									   .wal_status = xstrdup("reserved"),
									   .invalidation = xstrdup(""),
									   .holder = xstrdup(""),
									   .retained = INT64_C(42) << 20}};
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	pg_facts_free(&facts);
	config_free(cfg);
	return 0;
}

static void
set(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

static void
set_key(const char *key, const char *value)
{
	assert_rc_ok(config_set(cfg, key, value, ORIGIN_FLAG, "test", &e));
}

/* --- the server ----------------------------------------------------------------- */

static void
a_good_server_and_slot_pass(void **state)
{
	(void) state;
	assert_rc_ok(pg_server_check(&facts, cfg, &e));
	assert_rc_ok(pg_slot_check(&facts, cfg, &e));
}

static void
old_servers_are_refused(void **state)
{
	(void) state;
	facts.version = 140099;
	assert_rc_err(pg_server_check(&facts, cfg, &e), ERR_CONFIG, E1216);
	assert_non_null(strstr(e.msg, "14"));
	assert_non_null(strstr(e.hint, "15"));
}

static void
wal_level_depends_on_the_version(void **state)
{
	(void) state;
	set(&facts.wal_level, "replica");
	facts.version = 180006;
	assert_rc_err(pg_server_check(&facts, cfg, &e), ERR_CONFIG, E1206);
	facts.version = 190000;
	assert_rc_ok(pg_server_check(&facts, cfg, &e));
	set(&facts.wal_level, "minimal");
	assert_rc_err(pg_server_check(&facts, cfg, &e), ERR_CONFIG, E1206);
	assert_non_null(strstr(e.hint, "ALTER SYSTEM SET wal_level = logical;"));
}

static void
the_allow_list_is_read_as_the_server_does(void **state)
{
	static const char *const with[] = {"walrelay", "pgoutput, walrelay", "pgoutput,walrelay,x",
									   "\"walrelay\"", "pgoutput, \"walrelay\" , x"};
	static const char *const without[] = {"", "pgoutput", "walrelay2, my_walrelay", "WALRELAY",
										  "\"pgoutput, walrelay\""};

	(void) state;
	for (unsigned i = 0; i < 5; i++)
	{
		facts.libraries = facts.libraries ? facts.libraries : xstrdup("");
		set(&facts.libraries, with[i]);
		assert_rc_ok(pg_server_check(&facts, cfg, &e));
		set(&facts.libraries, without[i]);
		assert_rc_err(pg_server_check(&facts, cfg, &e), ERR_CONFIG, E1204);
	}
}

static void
the_allow_list_is_extended_not_replaced(void **state)
{
	(void) state;
	facts.libraries = xstrdup("wal2json, pgoutput");
	set(&facts.role, "My \"role");
	assert_rc_err(pg_server_check(&facts, cfg, &e), ERR_CONFIG, E1204);
	assert_non_null(strstr(e.hint, "ALTER ROLE \"My \"\"role\" SET output_plugin_libraries = "
								   "wal2json, pgoutput, walrelay;"));
	assert_non_null(strstr(e.hint, "ALTER SYSTEM SET output_plugin_libraries = "
								   "wal2json, pgoutput, walrelay; SELECT pg_reload_conf();"));
	assert_non_null(strstr(e.detail, "keeps 42 MB of WAL"));
}

static void
the_quoted_list_is_opened(void **state)
{
	(void) state;
	facts.libraries = xstrdup("wal2json, \"pgoutput, walrelay\", \"my-plugin\"");
	assert_rc_err(pg_server_check(&facts, cfg, &e), ERR_CONFIG, E1204);
	assert_non_null(strstr(e.hint, "= wal2json, pgoutput, walrelay, \"my-plugin\";"));
	assert_non_null(strstr(e.detail, "The quotes"));
}

/* --- the slot --------------------------------------------------------------------- */

static void
bad_slots_are_told_apart(void **state)
{
	(void) state;
	facts.slot.active_pid = 4711;
	assert_rc_err(pg_slot_check(&facts, cfg, &e), ERR_TRANSIENT, E1210);
	assert_non_null(strstr(e.detail, "4711"));
	assert_non_null(strstr(e.hint, "60 s"));
	set(&facts.slot.wal_status, "lost");
	assert_rc_err(pg_slot_check(&facts, cfg, &e), ERR_CONFIG, E1211);
	set(&facts.slot.database, "other");
	assert_rc_err(pg_slot_check(&facts, cfg, &e), ERR_CONFIG, E1209);
	set(&facts.slot.plugin, "pgoutput");
	assert_rc_err(pg_slot_check(&facts, cfg, &e), ERR_CONFIG, E1208);
	facts.slot.exists = false;
	assert_rc_err(pg_slot_check(&facts, cfg, &e), ERR_CONFIG, E1207);
}

static void
an_invalidated_slot_is_lost_and_says_why(void **state)
{
	(void) state;
	set(&facts.slot.invalidation, "idle_timeout");
	assert_rc_err(pg_slot_check(&facts, cfg, &e), ERR_CONFIG, E1211);
	assert_non_null(strstr(e.detail, "idle_timeout"));
}

/* What the server may say with SQLSTATE 55000 or 58P01, and whether the slot is lost then. */
static void
a_slot_is_lost_only_if_the_server_says_so(void **state)
{
	static const struct
	{
		const char *state;
		const char *message;
		bool        lost;
	} said[] = {
		{"55000", "cannot read from logical replication slot \"s\"", true},
		{"55000", "can no longer get changes from replication slot \"s\"", true},
		{"55000", "can no longer access replication slot \"s\"", true},
		{"55000", "replication slot \"s\" was invalidated", true},
		{"58P01", "requested WAL segment 000000010000000000000001 has already been removed", true},
		{"55000", "logical decoding on standby requires \"wal_level\" >= \"logical\"", false},
		{"55000", "database is not accepting commands", false},
		{"58P01", "could not open file \"pg_replslot/s/xid-1.spill\"", false},
		{"58P01", "could not access file \"walrelay\": No such file or directory", false},
		{"57P01", "can no longer get changes", false}};

	(void) state;
	for (unsigned i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		if (pg_error_is_lost_slot(said[i].state, said[i].message, NULL, &facts.slot) !=
			said[i].lost)
			fail_msg("%s: %s", said[i].state, said[i].message);
	assert_true(
		pg_error_is_lost_slot("55000", "cannot", "This slot has been invalidated.", &facts.slot));
	set(&facts.slot.wal_status, "lost");
	assert_true(pg_error_is_lost_slot("55000", "cannot", NULL, &facts.slot));
	assert_false(pg_error_is_lost_slot("42601", "cannot", NULL, &facts.slot));
}

static void
commits_that_may_wait_for_us_are_warned_of(void **state)
{
	static const char *const with[] = {
		"*",         "walrelay",         "WalRelay", "s1, walrelay", "FIRST 2 (s1,\"walrelay\")",
		"ANY 1 (*)", "2 (s1, s2, \"*\")"};
	static const char *const without[] = {"", "s1", "walrelay2, my_walrelay", "\"wal relay\"",
										  "FIRST 2 (s1, s2)"};

	(void) state;
	assert_null(pg_sync_warning(&facts)); /* not known */
	facts.application = xstrdup("walrelay");
	facts.sync_names = xstrdup("");
	for (unsigned i = 0; i < sizeof(with) / sizeof(with[0]); i++)
	{
		char *warning;

		set(&facts.sync_names, with[i]);
		warning = pg_sync_warning(&facts);
		if (warning == NULL || strstr(warning, with[i]) == NULL)
			fail_msg("%s: %s", with[i], warning ? warning : "no warning");
		free(warning);
		facts.in_recovery = true;
		assert_null(pg_sync_warning(&facts));
		facts.in_recovery = false;
	}
	for (unsigned i = 0; i < sizeof(without) / sizeof(without[0]); i++)
	{
		set(&facts.sync_names, without[i]);
		assert_null(pg_sync_warning(&facts));
	}
}

/* --- lineage ---------------------------------------------------------------------- */

static const char history[] = "# a comment\n"
							  "1\t0/3000000\tno recovery target specified\n"
							  "\n"
							  "12\t2/4A000060\tbefore 2000-01-01 05:00:00\n";

static void
histories_are_read(void **state)
{
	(void) state;
	assert_int_equal(lineage_switch(history, 1), 0x3000000);
	assert_int_equal(lineage_switch(history, 12), INT64_C(0x24A000060));
	assert_int_equal(lineage_switch(history, 2), 0);
	assert_int_equal(lineage_switch(history, 13), 0);
	assert_int_equal(lineage_switch("", 1), 0);
	assert_int_equal(lineage_switch("1", 1), 0);
	assert_int_equal(lineage_switch("1\t", 1), 0);
	assert_int_equal(lineage_switch("10/3000000\n", 10), 0);
	assert_int_equal(lineage_switch("1 0/10", 1), 0x10);
}

static void
a_failover_before_the_position_is_noticed(void **state)
{
	struct lineage past = {.streamed = true,
						   .system_id = 7,
						   .timeline = 1,
						   .start_lsn = 0x3000000,
						   .reported = 0x3000000};

	(void) state;
	facts.system_id = 7;
	facts.wal_end = UINT64_C(0x300000000);
	facts.timeline = 1;
	assert_false(lineage_needs_history(&past, &facts));
	assert_rc_ok(lineage_check(&past, &facts, "s", &e));

	facts.timeline = 13;
	assert_true(lineage_needs_history(&past, &facts));
	facts.history = xstrdup(history);
	assert_rc_ok(lineage_check(&past, &facts, "s", &e)); /* left exactly there */
	past.start_lsn++;
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);
	assert_string_equal(e.gap, "other_history");
	assert_non_null(strstr(e.detail, "timeline 13"));
	assert_non_null(strstr(e.detail, "timeline 1 at 0/3000000"));
	assert_non_null(strstr(e.detail, "is 0/3000001."));
	past.standby = true; /* may have followed to the later timeline while it streamed */
	past.began_lsn = 0x3000000;
	assert_rc_ok(lineage_check(&past, &facts, "s", &e));
	past.began_lsn++;
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);
	past.standby = false;
	past.timeline = 2; /* a sister */
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);
	assert_non_null(strstr(e.detail, "does not come from timeline 2"));
	past.timeline = 14; /* a restored ancestor */
	assert_false(lineage_needs_history(&past, &facts));
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);
	assert_string_equal(e.gap, "older_timeline");
	facts.in_recovery = true;
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);

	past.streamed = false; /* nothing to compare with */
	assert_false(lineage_needs_history(&past, &facts));
	assert_rc_ok(lineage_check(&past, &facts, "s", &e));
}

static void
a_standby_may_be_behind_for_a_while(void **state)
{
	struct lineage past = {.streamed = true,
						   .system_id = 7,
						   .timeline = 2,
						   .start_lsn = 0x3000000,
						   .reported = 0x3000000};

	(void) state;
	facts.system_id = 7;
	facts.timeline = 2;
	facts.wal_end = 0x2FFFFFF;
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);
	assert_string_equal(e.gap, "wal_end");
	facts.in_recovery = true;
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_TRANSIENT, E1218);
	assert_null(e.gap); /* it passes by itself */
	facts.timeline = 1; /* the switch to ours is not replayed */
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_TRANSIENT, E1218);
	facts.wal_end = 0x3000000;
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);
	facts.timeline = 2;
	assert_rc_ok(lineage_check(&past, &facts, "s", &e));
	facts.slot.confirmed_lsn = 0x3000001;
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);
	assert_string_equal(e.gap, "slot_moved");
	past.provisional = true; /* exactly once, before others are fenced off */
	assert_rc_ok(lineage_check(&past, &facts, "s", &e));
	past.provisional = false;
	facts.system_id = 8;
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);
	assert_string_equal(e.gap, "other_server");
	assert_non_null(strstr(e.detail, "is 8; it was 7"));
}

/* WAL that is not flushed yet is there, too: a page's header may be all that it is. */
static void
where_rows_were_loaded_is_between_slot_and_server(void **state)
{
	struct lineage past = {.from_lsn = 0x3000028};

	(void) state;
	facts.slot.exists = false;
	assert_rc_err(lineage_check_from(&past, &facts, "s", &e), ERR_CONFIG, E1207);
	facts.slot.exists = true;
	facts.wal_end = 0x3000000;
	facts.insert_lsn = 0x3000028;
	facts.slot.confirmed_lsn = 0x3000028;
	assert_rc_ok(lineage_check_from(&past, &facts, "s", &e));
	assert_int_equal(lineage_begins(&past, &facts), 0x3000028);
	facts.slot.confirmed_lsn = 0x2000000;
	assert_rc_ok(lineage_check_from(&past, &facts, "s", &e));
	assert_int_equal(lineage_begins(&past, &facts), 0x3000028);
	facts.insert_lsn = 0x3000027;
	assert_rc_err(lineage_check_from(&past, &facts, "s", &e), ERR_CONFIG, E1232);
	assert_non_null(strstr(e.detail, "ends at 0/3000027; --from-lsn is 0/3000028."));
	assert_null(e.gap);
	facts.wal_end = 0x3000028; /* a server that does not say where it inserts */
	facts.insert_lsn = 0;
	assert_rc_ok(lineage_check_from(&past, &facts, "s", &e));
	facts.slot.confirmed_lsn = 0x3000029;
	assert_rc_err(lineage_check_from(&past, &facts, "s", &e), ERR_CONFIG, E1232);
	assert_non_null(strstr(e.detail, "from 0/3000029 on"));

	/* Later it is a position like others. */
	past = (struct lineage){.streamed = true, .system_id = 7, .start_lsn = 0x3000028,
							.reported = 0x3000029};
	facts.system_id = 7;
	facts.wal_end = 0x3000000;
	facts.insert_lsn = 0x3000028;
	assert_rc_ok(lineage_check(&past, &facts, "s", &e));
	assert_int_equal(lineage_begins(&past, &facts), 0x3000029);
	facts.insert_lsn = 0x3000027;
	assert_rc_err(lineage_check(&past, &facts, "s", &e), ERR_CONFIG, E1218);
}

static void
a_slot_that_was_used_is_not_made_anew(void **state)
{
	struct lineage past = {0};

	(void) state;
	assert_false(lineage_has_slot(&past));
	past.start_lsn = 0x3000000; /* known from elsewhere */
	assert_true(lineage_has_slot(&past));
	assert_rc_err(lineage_slot_gone(&past, "s", &e), ERR_CONFIG, E1207);
	assert_string_equal(e.gap, "slot_gone");
	assert_non_null(strstr(e.detail, "up to 0/3000000"));
	past = (struct lineage){.streamed = true};
	assert_true(lineage_has_slot(&past));
}

/* --- failover slots ------------------------------------------------------------------- */

static void
a_slot_is_a_failover_slot_where_the_server_can(void **state)
{
	(void) state;
	assert_false(pg_failover_wanted(&facts, cfg)); /* 15 */
	assert_rc_ok(pg_failover_check(&facts, cfg, &e));
	facts.version = 170000;
	assert_true(pg_failover_wanted(&facts, cfg));
	facts.in_recovery = true;
	assert_false(pg_failover_wanted(&facts, cfg));
	assert_rc_ok(pg_failover_check(&facts, cfg, &e));
	facts.in_recovery = false;
	set_key("slot.temporary", "true");
	assert_false(pg_failover_wanted(&facts, cfg));
	set_key("slot.temporary", "false");
	set_key("slot.failover", "false");
	assert_false(pg_failover_wanted(&facts, cfg));
}

static void
who_insists_on_a_failover_slot_gets_one_or_is_told(void **state)
{
	char *warning;

	(void) state;
	set_key("slot.failover", "true");
	assert_rc_err(pg_failover_check(&facts, cfg, &e), ERR_CONFIG, E1231);
	assert_null(pg_failover_warning(&facts, cfg));
	facts.version = 180000;
	assert_rc_ok(pg_failover_check(&facts, cfg, &e));
	warning = pg_failover_warning(&facts, cfg);
	assert_non_null(strstr(warning, "walrelay slot alter"));
	free(warning);
	facts.slot.failover = true;
	assert_null(pg_failover_warning(&facts, cfg));
	facts.slot.failover = false;
	facts.in_recovery = true;
	assert_rc_err(pg_failover_check(&facts, cfg, &e), ERR_CONFIG, E1231);
	assert_null(pg_failover_warning(&facts, cfg));
	set_key("slot.temporary", "true");
	assert_rc_ok(pg_failover_check(&facts, cfg, &e));
	facts.in_recovery = false;
	assert_null(pg_failover_warning(&facts, cfg));
}

static void
a_standbys_copy_waits_for_the_promotion(void **state)
{
	(void) state;
	facts.slot.failover = facts.slot.synced = facts.in_recovery = true;
	assert_rc_err(pg_slot_check(&facts, cfg, &e), ERR_TRANSIENT, E1230);
	facts.in_recovery = false; /* it keeps the mark */
	assert_rc_ok(pg_slot_check(&facts, cfg, &e));
}

/* --- commands ------------------------------------------------------------------------ */

static void
options_are_quoted(void **state)
{
	struct buf sql = {0};

	(void) state;
	set_key("slot.name", "s_1");
	set_key("table.include.list", "public.o'brien,\"x\\.y\"");
	set_key("skipped.operations", "none");
	set_key("message.prefix.exclude.list", "p.*");
	set_key("generated.columns", "include");
	set_key("stream.flush", "commit");
	pg_start_command(&sql, cfg, UINT64_C(0x16B374D848));
	assert_string_equal(
		buf_cstr(&sql),
		"START_REPLICATION SLOT \"s_1\" LOGICAL 16/B374D848 (\"proto\" '1', \"format\" 'binary', "
		"\"flush\" 'commit', \"frame-bytes\" '16384', "
		"\"include-tables\" 'public.o''brien,\"x\\.y\"', "
		"\"actions\" 'insert,update,delete,truncate,message', "
		"\"exclude-message-prefixes\" 'p.*', \"publish-via-root\" 'false', "
		"\"generated-columns\" 'true')");
	set_key("skipped.operations", "u, d");
	pg_start_command(&sql, cfg, 0);
	assert_non_null(strstr(buf_cstr(&sql), "\"actions\" 'insert,truncate,message'"));
	assert_non_null(strstr(buf_cstr(&sql), "LOGICAL 0/0 "));
	pg_peek_sql(&sql, cfg, "peeked");
	assert_string_equal(
		buf_cstr(&sql),
		"SELECT data FROM pg_catalog.pg_logical_slot_peek_binary_changes('peeked', NULL, NULL, "
		"'proto', '1', 'format', 'binary', 'flush', 'commit', 'frame-bytes', '16384', "
		"'include-tables',  E'public.o''brien,\"x\\\\.y\"', 'actions', 'insert,truncate,message', "
		"'exclude-message-prefixes', 'p.*', 'publish-via-root', 'false', "
		"'generated-columns', 'true')");
	set_key("slot.temporary", "true");
	pg_create_command(&sql, &facts, cfg, false);
	assert_string_equal(buf_cstr(&sql), "CREATE_REPLICATION_SLOT \"s_1\" TEMPORARY LOGICAL "
										"\"walrelay\" (SNAPSHOT 'nothing')");
	set_key("slot.temporary", "false");
	facts.version = 170011;
	pg_create_command(&sql, &facts, cfg, false);
	assert_string_equal(buf_cstr(&sql), "CREATE_REPLICATION_SLOT \"s_1\" LOGICAL "
										"\"walrelay\" (SNAPSHOT 'nothing', FAILOVER true)");
	pg_create_command(&sql, &facts, cfg, true);
	assert_string_equal(buf_cstr(&sql), "CREATE_REPLICATION_SLOT \"s_1\" LOGICAL "
										"\"walrelay\" (SNAPSHOT 'export', FAILOVER true)");
	pg_alter_command(&sql, cfg, true);
	assert_string_equal(buf_cstr(&sql), "ALTER_REPLICATION_SLOT \"s_1\" (FAILOVER true)");
	pg_alter_command(&sql, cfg, false);
	assert_string_equal(buf_cstr(&sql), "ALTER_REPLICATION_SLOT \"s_1\" (FAILOVER false)");
	pg_drop_command(&sql, cfg);
	assert_string_equal(buf_cstr(&sql), "DROP_REPLICATION_SLOT \"s_1\"");
	buf_free(&sql);
}

static void
positions_are_parsed(void **state)
{
	(void) state;
	assert_int_equal(pg_lsn_parse("0/1753030"), 0x1753030);
	assert_int_equal(pg_lsn_parse("16/B374D848"), INT64_C(0x16B374D848));
	assert_int_equal(pg_lsn_parse("0/01753030"), 0x1753030);
	assert_true(pg_lsn_parse("FFFFFFFF/FFFFFFFF") == UINT64_MAX);
	assert_int_equal(pg_lsn_parse(""), 0);
	assert_int_equal(pg_lsn_parse("now"), 0);
	assert_int_equal(pg_lsn_parse("17"), 0);
}

/* --- connection strings ----------------------------------------------------------------- */

static void
connection_strings_are_checked(void **state)
{
	static const char *const good[] = {"",
									   "shop",
									   "dbname=shop",
									   "host=a,b port=1,2",
									   "postgresql://cdc@h/shop?connect_timeout=3",
									   "password='a b'"};

	(void) state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_rc_ok(pg_conninfo_check(good[i], &e));
	assert_rc_err(pg_conninfo_check("hots=db", &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.detail, "hots"));
	assert_rc_err(pg_conninfo_check("password=open sesame dbname=x", &e), ERR_CONFIG, E1002);
	assert_null(strstr(e.detail, "sesame"));
	assert_rc_err(pg_conninfo_check("postgresql://me:hunter2%zz@h/db", &e), ERR_CONFIG, E1002);
	assert_null(strstr(e.detail, "hunter2"));
}

static void
the_timeout_is_the_strings(void **state)
{
	(void) state;
	assert_int_equal(pg_conninfo_timeout_ms("postgresql://h/db?connect_timeout=3", 9), 3000);
	assert_int_equal(pg_conninfo_timeout_ms("connect_timeout=0", 9), 9);
	assert_int_equal(pg_conninfo_timeout_ms("shop", 9), 9);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_server_and_slot_pass),
		TEST(old_servers_are_refused),
		TEST(wal_level_depends_on_the_version),
		TEST(the_allow_list_is_read_as_the_server_does),
		TEST(the_allow_list_is_extended_not_replaced),
		TEST(the_quoted_list_is_opened),
		TEST(bad_slots_are_told_apart),
		TEST(an_invalidated_slot_is_lost_and_says_why),
		TEST(a_slot_is_lost_only_if_the_server_says_so),
		TEST(commits_that_may_wait_for_us_are_warned_of),
		TEST(histories_are_read),
		TEST(a_failover_before_the_position_is_noticed),
		TEST(a_standby_may_be_behind_for_a_while),
		TEST(where_rows_were_loaded_is_between_slot_and_server),
		TEST(a_slot_that_was_used_is_not_made_anew),
		TEST(a_slot_is_a_failover_slot_where_the_server_can),
		TEST(who_insists_on_a_failover_slot_gets_one_or_is_told),
		TEST(a_standbys_copy_waits_for_the_promotion),
		TEST(options_are_quoted),
		TEST(positions_are_parsed),
		TEST(connection_strings_are_checked),
		TEST(the_timeout_is_the_strings),
	};

	return cmocka_run_group_tests_name("pg", tests, NULL, NULL);
}
