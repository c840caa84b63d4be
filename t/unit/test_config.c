/*
 * test_config.c
 *		Settings: every kind of value, where they come from and which one wins, what
 *		is said about mistakes, and that no secret is ever shown.
 */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "config.h"
#include "config_table.h"

static struct config *cfg;
static struct err     e;

static int
setup(void **state)
{
	(void) state;
	/* Tests say themselves what the environment names. */
	unsetenv("PGDATABASE");
	unsetenv("PGSERVICE");
	unsetenv("PGHOST");
	unsetenv("PGHOSTADDR");
	cfg = config_new();
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	config_free(cfg);
	return 0;
}

static enum rc
flag(const char *key, const char *value)
{
	return config_set(cfg, key, value, ORIGIN_FLAG, "command line", &e);
}

/* --- files that a test needs ------------------------------------------------- */

static char file_name[64];

static const char *
file_with(const char *text)
{
	FILE *out;
	int   fd;

	strcpy(file_name, "/tmp/walrelay_test_config.XXXXXX");
	fd = mkstemp(file_name);
	assert_true(fd >= 0);
	out = fdopen(fd, "w");
	fputs(text, out);
	fclose(out);
	return file_name;
}

static enum rc
read_text(const char *text)
{
	enum rc rc = config_read_file(cfg, file_with(text), &e);

	unlink(file_name);
	return rc;
}

static char *
printed(void (*print)(const struct config *, FILE *))
{
	char  *text;
	size_t len;
	FILE  *out = open_memstream(&text, &len);

	print(cfg, out);
	fclose(out);
	return text;
}

/* --- values --------------------------------------------------------------------- */

static void
defaults_are_those_of_the_table(void **state)
{
	(void) state;
	assert_string_equal(cfg->slot.name, "walrelay");
	assert_false(cfg->slot.create);
	assert_string_equal(cfg->kafka.topic_delimiter, ".");
	assert_int_equal(cfg->format.sink, SINK_KAFKA);
	assert_int_equal(cfg->format.schema_names, ADJUST_AVRO);
	assert_true(cfg->format.tombstones);
	assert_false(cfg->format.generated);
	assert_string_equal(cfg->relay.flush, "idle");
	assert_int_equal(cfg->relay.frame_bytes, 16384);
	assert_int_equal(cfg->relay.max_in_flight, 50000);
	assert_int_equal(cfg->relay.max_bytes, 16 * 1024 * 1024);
	assert_int_equal(cfg->relay.status_ms, 10000);
	assert_int_equal(cfg->relay.shutdown_ms, 3000);
	assert_int_equal(cfg->relay.backoff_min_ms, 200);
	assert_int_equal(cfg->relay.backoff_max_ms, 30000);
	assert_int_equal(cfg->slot.wait_ms, 90000);
	assert_string_equal(cfg->tables.skipped_operations, "t");
	assert_int_equal(config_origin(cfg, "slot.name"), ORIGIN_DEFAULT);
}

static void
signals_come_from_chosen_channels(void **state)
{
	char *topic;

	(void) state;
	assert_int_equal(cfg->signal.channels, 0);
	assert_rc_ok(flag("topic.prefix", "shop"));
	assert_rc_ok(flag("bootstrap.servers", "localhost:9092"));
	assert_rc_ok(flag("source.conninfo", "dbname=shop"));
	assert_rc_ok(flag("signal.enabled.channels", "source"));
	assert_int_equal(cfg->signal.channels, CHANNEL_SOURCE);
	assert_rc_ok(flag("signal.enabled.channels", "kafka,source"));
	assert_int_equal(cfg->signal.channels, CHANNEL_SOURCE | CHANNEL_KAFKA);
	assert_rc_err(flag("signal.enabled.channels", "jmx"), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.hint, "source or kafka"));
	topic = config_signal_topic(cfg);
	assert_string_equal(topic, "shop-signal");
	free(topic);
	assert_rc_ok(config_check(cfg, &e));

	/* Nothing but positions and notes may be in the progress topic. */
	assert_rc_ok(flag("signal.kafka.topic", "shop.progress"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "shop.progress"));
	assert_rc_ok(flag("signal.kafka.topic", "signals"));
	assert_rc_ok(config_check(cfg, &e));
	topic = config_signal_topic(cfg);
	assert_string_equal(topic, "signals");
	free(topic);

	/* Offsets are kept in Kafka, by slot. */
	assert_rc_ok(flag("slot.temporary", "true"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_rc_ok(flag("slot.temporary", "false"));
	assert_rc_ok(flag("sink", "stdout"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "signal.enabled.channels=kafka"));
	assert_rc_ok(flag("signal.enabled.channels", "source"));
	assert_rc_ok(config_check(cfg, &e));
}

static void
sizes_take_units(void **state)
{
	static const struct
	{
		const char *text;
		uint64_t    bytes;
	} sizes[] = {{"70000", 70000}, {"70000B", 70000},  {"64k", 65536},
				 {"64kB", 65536},  {"64 kB", 65536},   {"2M", 2097152},
				 {"2MB", 2097152}, {"3G", 3221225472}, {"3GB", 3221225472}};

	(void) state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		assert_rc_ok(flag("max.in.flight.bytes", sizes[i].text));
		assert_int_equal(cfg->relay.max_bytes, sizes[i].bytes);
	}
}

static void
durations_take_units(void **state)
{
	static const struct
	{
		const char *text;
		uint32_t    ms;
	} times[] = {{"500", 500}, {"500ms", 500}, {"7s", 7000}, {"2min", 120000}, {"1h", 3600000}};

	(void) state;
	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		assert_rc_ok(flag("status.interval.ms", times[i].text));
		assert_int_equal(cfg->relay.status_ms, times[i].ms);
	}
}

static void
words_become_numbers(void **state)
{
	(void) state;
	assert_rc_ok(flag("sink", "file"));
	assert_int_equal(cfg->format.sink, SINK_FILE);
	assert_rc_ok(flag("schema.name.adjustment.mode", "avro_unicode"));
	assert_int_equal(cfg->format.schema_names, ADJUST_AVRO_UNICODE);
	assert_rc_ok(flag("generated.columns", "include"));
	assert_true(cfg->format.generated);
	assert_rc_ok(flag("log.format", "json"));
	assert_int_equal(cfg->admin.log_format, LOG_JSON);
	assert_rc_ok(flag("stream.flush", "COMMIT"));
	assert_string_equal(cfg->relay.flush, "commit");
	assert_rc_ok(flag("avro.verify", "17"));
	assert_int_equal(cfg->format.avro_verify, 17);
}

static void
truth_has_many_names(void **state)
{
	static const char *const yes[] = {"true", "on", "yes", "1", "TRUE"};
	static const char *const no[] = {"false", "off", "no", "0", "False"};

	(void) state;
	for (unsigned i = 0; i < 5; i++)
	{
		assert_rc_ok(flag("slot.create", yes[i]));
		assert_true(cfg->slot.create);
		assert_rc_ok(flag("slot.create", no[i]));
		assert_false(cfg->slot.create);
	}
}

static void
wrong_values_are_refused_with_what_is_right(void **state)
{
	static const struct
	{
		const char *key;
		const char *value;
		const char *hint;
	} wrong[] = {{"slot.create", "maybe", "true or false"},
				 {"slot.create", "", "true or false"},
				 {"slot.name", "Shop", "lower-case"},
				 {"slot.name", "", "lower-case"},
				 {"slot.name", "a-b", "lower-case"},
				 {"sink", "kafkaa", "kafka, stdout or file"},
				 {"stream.flush", "never", "idle or commit"},
				 {"topic.prefix", "my shop", "letters, digits"},
				 {"topic.prefix", "sh\xc3\xb6p", "letters, digits"},
				 {"status.interval.ms", "10x", "500ms or 10s"},
				 {"status.interval.ms", "-1", "500ms or 10s"},
				 {"status.interval.ms", "1", "from 100ms"},
				 {"status.interval.ms", "99h", "to 3600s"},
				 {"max.in.flight.bytes", "1kB", "from 64kB"},
				 {"max.in.flight.bytes", "99999999999999999999", "such as"},
				 {"max.in.flight.bytes", "18446744073709551615G", "such as"},
				 {"max.in.flight.messages", "0", "from 1"},
				 {"max.in.flight.messages", "5k", "from 1"},
				 {"stream.frame.bytes", "2MB", "to 1MB"},
				 {"skipped.operations", "c,x", "c, u, d, t"},
				 {"registry.url", "localhost:8081", "http://"},
				 {"registry.url", "http://", "http://"},
				 {"admin.listen", "9100", "HOST:PORT"},
				 {"admin.listen", "localhost:99999", "HOST:PORT"}};

	(void) state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		assert_rc_err(flag(wrong[i].key, wrong[i].value), ERR_CONFIG, E1002);
		assert_non_null(strstr(e.msg, wrong[i].key));
		if (strstr(e.hint, wrong[i].hint) == NULL)
			fail_msg("%s=%s: hint \"%s\" lacks \"%s\"", wrong[i].key, wrong[i].value, e.hint,
					 wrong[i].hint);
		assert_non_null(strstr(e.detail, "command line"));
	}
	assert_string_equal(cfg->slot.name, "walrelay");
}

/* --- names -------------------------------------------------------------------------- */

static void
a_key_has_several_names(void **state)
{
	static const char *const names[] = {"topic.prefix", "kafka.topic.prefix"};
	static const char *const urls[] = {"registry.url", "schema.registry.url",
									   "registry.registry.url", "registry.schema.registry.url"};

	(void) state;
	for (unsigned i = 0; i < 2; i++)
	{
		char value[2] = {(char) ('a' + i), 0};

		assert_rc_ok(flag(names[i], value));
		assert_string_equal(cfg->kafka.topic_prefix, value);
	}
	for (unsigned i = 0; i < 4; i++)
	{
		char value[16] = {0};

		snprintf(value, sizeof(value), "http://%u", i);
		assert_rc_ok(flag(urls[i], value));
		assert_string_equal(cfg->registry.url, value);
	}
	assert_rc_ok(flag("registry.ssl.ca.location", "ours"));
	assert_rc_ok(flag("ssl.ca.location", "theirs"));
	assert_string_equal(cfg->registry.ca, "ours");
	assert_int_equal(cfg->kafka.nproperties, 1);
	assert_string_equal(cfg->kafka.properties[0].name, "ssl.ca.location");
}

static void
properties_pass_through_and_replace_each_other(void **state)
{
	(void) state;
	assert_rc_ok(flag("kafka.bootstrap.servers", "a:1"));
	assert_rc_ok(flag("kafka.linger.ms", "7"));
	assert_rc_ok(flag("bootstrap.servers", "b:2"));
	assert_int_equal(cfg->kafka.nproperties, 2);
	assert_string_equal(cfg->kafka.properties[0].name, "bootstrap.servers");
	assert_string_equal(cfg->kafka.properties[0].value, "b:2");
	assert_rc_ok(config_set(cfg, "kafka.linger.ms", "8", ORIGIN_FILE, "file", &e));
	assert_string_equal(cfg->kafka.properties[1].value, "7");
}

static void
properties_are_checked(void **state)
{
	(void) state;
	assert_rc_err(flag("kafka.linger.ms", "soon"), ERR_CONFIG, E1002);
	assert_rc_err(flag("kafka.acks", "0"), ERR_CONFIG, E1005);
	assert_int_equal(cfg->kafka.nproperties, 0);
}

static void
unknown_keys_name_the_nearest(void **state)
{
	static const struct
	{
		const char *key;
		const char *near; /* NULL: none is near enough */
	} keys[] = {{"tpoic.prefix", "\"topic.prefix\""},
				{"kafka.tpoic.prefix", "\"kafka.topic.prefix\""},
				{"slot.nmae", "\"slot.name\""},
				{"table.include.lists", "\"table.include.list\""},
				{"bootstrap.server", "\"bootstrap.servers\""},
				{"kafka.bootstrap.server", "\"kafka.bootstrap.servers\""},
				{"source.topic.prefix", "\"kafka.topic.prefix\""},
				{"kafka.registry.url", "\"registry.url\""},
				{"slot.linger.ms", "\"kafka.linger.ms\""},
				{"snapshot.fetch.size.of.everything", NULL}};

	(void) state;
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		assert_rc_err(flag(keys[i].key, "x"), ERR_CONFIG, E1001);
		assert_non_null(strstr(e.msg, keys[i].key));
		if (strstr(e.hint, keys[i].near ? keys[i].near : "--help") == NULL)
			fail_msg("%s: hint is \"%s\"", keys[i].key, e.hint);
	}
}

/* --- where values come from ------------------------------------------------------------ */

static void
flag_beats_environment_beats_file(void **state)
{
	char *environment[] = {"WALRELAY_SLOT_NAME=of_env", "WALRELAY_KAFKA_TOPIC_PREFIX=of_env",
						   "WALRELAY_KAFKA_LINGER_MS=2", "HOME=/root", NULL};

	(void) state;
	/* Flags are read first: they name the file. */
	assert_rc_ok(flag("slot.name", "of_flag"));
	assert_rc_ok(read_text("[slot]\nname = of_file\ncreate = true\n"
						   "[kafka]\ntopic.prefix = of_file\nlinger.ms = 1\n"));
	assert_rc_ok(config_read_environment(cfg, environment, &e));
	assert_string_equal(cfg->slot.name, "of_flag");
	assert_string_equal(cfg->kafka.topic_prefix, "of_env");
	assert_string_equal(cfg->kafka.properties[0].value, "2");
	assert_true(cfg->slot.create);
	assert_int_equal(config_origin(cfg, "slot.name"), ORIGIN_FLAG);
	assert_int_equal(config_origin(cfg, "topic.prefix"), ORIGIN_ENVIRONMENT);
	assert_int_equal(config_origin(cfg, "slot.create"), ORIGIN_FILE);
}

static void
what_loses_is_checked_too(void **state)
{
	(void) state;
	assert_rc_ok(flag("slot.name", "of_flag"));
	assert_rc_err(read_text("[slot]\nname = OF-FILE\n"), ERR_CONFIG, E1002);
}

static void
file_values_are_taken_as_they_are(void **state)
{
	char text[4096];

	(void) state;
	assert_rc_ok(read_text("; comment\n# comment\n\n[source]\n"
						   "  conninfo = host=/tmp dbname=shop password='a ; b # c = d'  \n"
						   "[slot]\nslot.name: shop_1\n[registry]\r\nurl=http://r:1/a?b=c\r\n"));
	assert_string_equal(cfg->source.conninfo, "host=/tmp dbname=shop password='a ; b # c = d'");
	assert_string_equal(cfg->slot.name, "shop_1");
	assert_string_equal(cfg->registry.url, "http://r:1/a?b=c");

	/* Longer than a line of inih's. */
	strcpy(text, "[tables]\ntable.include.list = ");
	for (int i = 0; i < 200; i++)
		strcat(text, "public.t1,");
	strcat(text, "end\n");
	assert_rc_ok(read_text(text));
	assert_int_equal(strlen(cfg->tables.include), 2003);
	assert_string_equal(cfg->tables.include + 2000, "end");
}

static void
mistakes_in_a_file_name_the_line(void **state)
{
	(void) state;
	assert_rc_err(read_text("[kafka]\n\ntopic.prefx = x\n"), ERR_CONFIG, E1001);
	assert_non_null(strstr(e.detail, ", line 3"));
	assert_non_null(strstr(e.hint, "\"kafka.topic.prefix\""));
	assert_rc_err(read_text("[kafka]\nno value\n"), ERR_CONFIG, E1004);
	assert_non_null(strstr(e.msg, "line 2"));
	assert_rc_err(read_text("[kafak]\ntopic.prefix = x\n"), ERR_CONFIG, E1001);
	assert_non_null(strstr(e.hint, "[kafka]"));
	assert_rc_err(read_text("[relay]\nstatus.interval.ms = x\n"), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.detail, ", line 2"));
	assert_rc_err(config_read_file(cfg, "/nonexistent/walrelay.conf", &e), ERR_CONFIG, E1004);
	assert_non_null(strstr(e.msg, "/nonexistent/walrelay.conf"));
}

static void
mistakes_in_the_environment_name_the_variable(void **state)
{
	char *typo[] = {"WALRELAY_KAFKA_TOPIC_PREFX=x", NULL};
	char *section[] = {"WALRELAY_KAKFA_TOPIC_PREFIX=x", NULL};
	char *value[] = {"WALRELAY_SLOT_CREATE=perhaps", NULL};

	(void) state;
	assert_rc_err(config_read_environment(cfg, typo, &e), ERR_CONFIG, E1001);
	assert_non_null(strstr(e.msg, "WALRELAY_KAFKA_TOPIC_PREFX"));
	assert_non_null(strstr(e.hint, "WALRELAY_KAFKA_TOPIC_PREFIX"));
	assert_rc_err(config_read_environment(cfg, section, &e), ERR_CONFIG, E1001);
	assert_non_null(strstr(e.hint, "WALRELAY_KAFKA_TOPIC_PREFIX"));
	assert_rc_err(config_read_environment(cfg, value, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.detail, "WALRELAY_SLOT_CREATE"));
}

static void
variables_of_others_are_let_pass(void **state)
{
	char *others[] = {"WALRELAY_CACHE=/x",
					  "WALRELAY_SO=/y",
					  "WALRELAY_CONFIG=/z",
					  "WALRELAY_SERVICE_HOST=10.0.0.1",
					  "WALRELAY_PORT=tcp://10.0.0.1:80",
					  "WALRELAY_ADMIN_PORT_80_TCP_ADDR=10.0.0.1",
					  "WALRELAY_ADMIN_SERVICE_PORT_HTTP=80",
					  "WALRELAY=x",
					  NULL};

	(void) state;
	assert_rc_ok(config_read_environment(cfg, others, &e));
}

/* --- secrets -------------------------------------------------------------------------------- */

static void
secrets_come_from_files(void **state)
{
	(void) state;
	assert_rc_ok(flag("bearer.auth.token.file", file_with("t0ken\n")));
	assert_string_equal(cfg->registry.token, "t0ken");
	unlink(file_name);
	assert_rc_ok(flag("kafka.sasl.password.file", file_with("pass word")));
	assert_string_equal(cfg->kafka.properties[0].name, "sasl.password");
	assert_string_equal(cfg->kafka.properties[0].value, "pass word");
	unlink(file_name);
	assert_rc_err(flag("bearer.auth.token.file", "/nonexistent/token"), ERR_CONFIG, E1004);
	assert_non_null(strstr(e.msg, "bearer.auth.token"));
	assert_rc_err(flag("slot.name.file", "/etc/hostname"), ERR_CONFIG, E1001);
}

static void
secrets_are_never_shown(void **state)
{
	char *text;

	(void) state;
	assert_rc_ok(flag("conninfo", "postgresql://cdc:hunter2@db/shop?sslpassword=hunter2"));
	assert_rc_ok(flag("registry.url", "http://me:hunter2@a:1/x,https://b,http://hunter2@c"));
	assert_rc_ok(flag("basic.auth.user.info", "me:hunter2"));
	assert_rc_ok(flag("bearer.auth.token", "hunter2"));
	assert_rc_ok(flag("sasl.password", "hunter2"));
	assert_rc_ok(flag("ssl.key.password", "hunter2"));
	assert_rc_ok(flag("sasl.oauthbearer.config", "hunter2"));
	assert_rc_ok(flag("sasl.username", "visible"));
	text = printed(config_print);
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "****"));
	assert_non_null(strstr(text, "visible"));
	assert_non_null(strstr(text, "user=cdc"));
	assert_non_null(strstr(text, "http://****@a:1/x,https://b,http://****@c"));
	free(text);

	assert_rc_ok(flag("conninfo", "host=db password='hunter2' dbname=shop"));
	text = printed(config_print);
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "dbname=shop"));
	free(text);

	/* One that libpq cannot read cannot be masked in part. */
	assert_rc_ok(flag("conninfo", "host=db password='hunter2"));
	text = printed(config_print);
	assert_null(strstr(text, "hunter2"));
	free(text);

	assert_rc_err(flag("registry.url", "me:hunter2@registry"), ERR_CONFIG, E1002);
	assert_null(strstr(e.msg, "hunter2"));
	assert_null(strstr(e.detail, "hunter2"));
}

static void
printing_says_where_values_come_from(void **state)
{
	char *environment[] = {"WALRELAY_KAFKA_TOPIC_PREFIX=shop", NULL};
	char *text;

	(void) state;
	assert_rc_ok(read_text("[slot]\n\nname = shop\n"));
	assert_rc_ok(config_read_environment(cfg, environment, &e));
	assert_rc_ok(flag("sink", "stdout"));
	text = printed(config_print);
	assert_non_null(strstr(text, "# environment variable WALRELAY_KAFKA_TOPIC_PREFIX"));
	assert_non_null(strstr(text, ", line 3\n"));
	assert_non_null(strstr(text, "# command line"));
	assert_non_null(strstr(text, "# default"));
	free(text);
}

/* --- checks ------------------------------------------------------------------------------- */

static void
missing_settings_are_named_in_all_their_forms(void **state)
{
	(void) state;
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1003);
	assert_non_null(strstr(e.msg, "source.conninfo"));
	assert_non_null(strstr(e.detail, "kafka.bootstrap.servers"));
	assert_non_null(strstr(e.detail, "kafka.topic.prefix"));
	assert_rc_ok(flag("conninfo", "dbname=shop"));
	assert_rc_ok(flag("bootstrap.servers", "b:1"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1003);
	assert_non_null(strstr(e.hint, "--kafka.topic.prefix="));
	assert_non_null(strstr(e.hint, "WALRELAY_KAFKA_TOPIC_PREFIX"));
	assert_non_null(strstr(e.hint, "section [kafka]"));
	assert_rc_ok(flag("topic.prefix", "shop"));
	assert_rc_ok(config_check(cfg, &e));
}

static void
what_is_required_depends_on_the_rest(void **state)
{
	(void) state;
	assert_rc_ok(flag("topic.prefix", "shop"));
	assert_rc_ok(flag("sink", "stdout"));
	setenv("PGSERVICE", "shop", 1);
	assert_rc_ok(config_check(cfg, &e));
	unsetenv("PGSERVICE");
	assert_rc_ok(flag("conninfo", "dbname=shop"));
	assert_rc_ok(flag("sink", "file"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1003);
	assert_non_null(strstr(e.msg, "sink.file"));
	assert_rc_ok(flag("sink.file", "events.jsonl"));
	assert_rc_ok(config_check(cfg, &e));
}

static void
contradictions_are_refused(void **state)
{
	(void) state;
	assert_rc_ok(flag("conninfo", "dbname=shop"));
	assert_rc_ok(flag("topic.prefix", "shop"));
	assert_rc_ok(flag("sink", "stdout"));
	assert_rc_ok(flag("table.include.list", "a.b"));
	assert_rc_ok(flag("table.exclude.list", "a.c"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "table.exclude.list"));
	assert_rc_ok(flag("table.exclude.list", ""));
	assert_rc_ok(flag("retry.backoff.ms", "1min"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "retry.backoff.ms"));
	assert_rc_ok(flag("retry.backoff.ms", "1s"));
	assert_rc_ok(flag("use.latest.version", "true"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.hint, "auto.register.schemas=false"));
	assert_rc_ok(flag("auto.register.schemas", "false"));
	assert_rc_ok(config_check(cfg, &e));
	assert_rc_ok(flag("topic.progress", "transaction"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "\"topic.transaction\" are both \"transaction\""));
	assert_rc_ok(flag("topic.progress", "dead-letter"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "topic.dead.letter"));
	assert_rc_ok(flag("topic.progress", "progress"));
	assert_rc_ok(flag("delivery", "exactly-once"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "delivery=exactly-once needs sink=kafka"));
	assert_rc_ok(flag("delivery", "at-least-once"));
	assert_rc_ok(config_check(cfg, &e));
	assert_int_equal(config_on_refusal(cfg), ON_ERROR_STOP);
	assert_rc_ok(flag("on.error", "skip"));
	assert_rc_ok(config_check(cfg, &e)); /* needs no topic */
	assert_int_equal(config_on_refusal(cfg), ON_ERROR_SKIP);
	assert_rc_ok(flag("schema.on.incompatible", "stop"));
	assert_int_equal(config_on_refusal(cfg), ON_ERROR_STOP);
	assert_rc_ok(flag("schema.on.incompatible", "dead-letter"));
	assert_int_equal(config_on_refusal(cfg), ON_ERROR_DEAD_LETTER);
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "sink=kafka"));
	assert_rc_ok(flag("schema.on.incompatible", "stop"));
	assert_rc_ok(flag("on.error", "dead-letter"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "on.error=dead-letter needs sink=kafka"));
	assert_true(flag("schema.on.incompatible", "skip") == RC_ERR);
}

/* Several words, each of the list. */
static void
sets_are_read(void **state)
{
	(void) state;
	assert_rc_ok(flag("exact.types", "numeric, Interval,bit"));
	assert_int_equal(cfg->format.exact, EXACT_NUMERIC | EXACT_INTERVAL | EXACT_BIT);
	assert_rc_ok(flag("exact.types", ""));
	assert_int_equal(cfg->format.exact, 0);
	assert_rc_err(flag("exact.types", "numeric,money"), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.hint, "some of numeric, interval, date, timestamp, timetz, array or bit"));
	assert_rc_err(flag("exact.types", "numeric,"), ERR_CONFIG, E1002);
}

static void
expressions_are_checked(void **state)
{
	(void) state;
	assert_rc_ok(flag("conninfo", "dbname=shop"));
	assert_rc_ok(flag("topic.prefix", "shop"));
	assert_rc_ok(flag("sink", "stdout"));
	assert_rc_ok(flag("column.propagate.source.type", "public\\.(a|b{1,2}),[a,b]+"));
	assert_rc_ok(config_check(cfg, &e));
	assert_rc_ok(flag("datatype.propagate.source.type", "a,(b"));
	assert_rc_err(config_check(cfg, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.msg, "datatype.propagate.source.type"));
}

/* --- reference
 * ------------------------------------------------------------------------------------ */

static void
print_text(const struct config *config, FILE *out)
{
	(void) config;
	config_reference(out, false);
}

static void
print_markdown(const struct config *config, FILE *out)
{
	(void) config;
	config_reference(out, true);
}

static void
reference_names_every_key(void **state)
{
	char *text = printed(print_text);
	char *markdown = printed(print_markdown);

	(void) state;
	for (unsigned i = 0; i < nsettings; i++)
	{
		assert_non_null(strstr(text, settings[i].key));
		assert_non_null(strstr(markdown, settings[i].key));
	}
	free(text);
	free(markdown);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_are_those_of_the_table),
		TEST(signals_come_from_chosen_channels),
		TEST(sizes_take_units),
		TEST(durations_take_units),
		TEST(words_become_numbers),
		TEST(truth_has_many_names),
		TEST(wrong_values_are_refused_with_what_is_right),
		TEST(a_key_has_several_names),
		TEST(properties_pass_through_and_replace_each_other),
		TEST(properties_are_checked),
		TEST(unknown_keys_name_the_nearest),
		TEST(flag_beats_environment_beats_file),
		TEST(what_loses_is_checked_too),
		TEST(file_values_are_taken_as_they_are),
		TEST(mistakes_in_a_file_name_the_line),
		TEST(mistakes_in_the_environment_name_the_variable),
		TEST(variables_of_others_are_let_pass),
		TEST(secrets_come_from_files),
		TEST(secrets_are_never_shown),
		TEST(printing_says_where_values_come_from),
		TEST(missing_settings_are_named_in_all_their_forms),
		TEST(what_is_required_depends_on_the_rest),
		TEST(contradictions_are_refused),
		TEST(sets_are_read),
		TEST(expressions_are_checked),
		TEST(reference_names_every_key),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
