/*
 * test_import.c
 *		A connector's settings as ours: what is printed is a configuration file that is read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "import.h"
#include "unit.h"

static char       printed[65536];
static struct err e;

/* What import_config() prints of a text. */
static enum rc
import(const char *text)
{
	FILE   *in = fmemopen((void *) (uintptr_t) text, strlen(text), "r");
	FILE   *out = fmemopen(printed, sizeof(printed), "w");
	enum rc rc;

	memset(printed, 0, sizeof(printed));
	err_clear(&e);
	rc = import_config(in, "given", out, &e);
	fclose(in);
	fclose(out);
	return rc;
}

/* The settings that it makes; config_free() them. */
static struct config *
settings_printed(void)
{
	char           path[] = "/tmp/walrelay-import.XXXXXX";
	int            fd = mkstemp(path);
	struct config *cfg = config_new();
	enum rc        rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, printed, strlen(printed)), strlen(printed));
	close(fd);
	rc = config_read_file(cfg, path, &e);
	unlink(path);
	if (rc != RC_OK)
		fail_msg("%s\n%s\n%s\n%s", e.msg, e.detail, e.hint, printed);
	return cfg;
}

#define ASSERT_HAS(text) assert_non_null(strstr(printed, text))
#define ASSERT_HAS_NOT(text) assert_null(strstr(printed, text))

static const char connector[] =
	"{\"name\":\"shop-connector\",\"config\":{"
	"\"connector.class\":\"io.debezium.connector.postgresql.PostgresConnector\",\"tasks.max\":\"1\","
	"\"database.hostname\":\"db.example\",\"database.port\":5432,\"database.user\":\"cdc\","
	"\"database.password\":\"s3cret\",\"database.dbname\":\"o'my shop\",\"topic.prefix\":\"shop\","
	"\"plugin.name\":\"pgoutput\",\"slot.name\":\"debezium\",\"publication.name\":\"pub\","
	"\"schema.include.list\":\"public, sales\",\"decimal.handling.mode\":\"string\","
	"\"tombstones.on.delete\":false,\"snapshot.mode\":\"schema_only\","
	"\"column.propagate.source.type\":\".*\",\"message.prefix.include.list\":\"\","
	"\"key.converter\":\"io.confluent.connect.avro.AvroConverter\","
	"\"key.converter.schema.registry.url\":\"http://sr:8081\","
	"\"value.converter\":\"io.confluent.connect.avro.AvroConverter\","
	"\"value.converter.schema.registry.url\":\"http://sr:8081\","
	"\"value.converter.basic.auth.user.info\":\"u:p4ss\","
	"\"value.converter.value.subject.name.strategy\":"
	"\"io.confluent.kafka.serializers.subject.RecordNameStrategy\","
	"\"producer.override.compression.type\":\"zstd\",\"producer.override.acks\":\"1\"%s}}";

static void
a_connector_becomes_a_file(void **state)
{
	char           text[4096];
	struct config *cfg;

	(void) state;
	snprintf(text, sizeof(text), connector, "");
	assert_rc_ok(import(text));
	cfg = settings_printed();
	assert_string_equal(cfg->source.conninfo,
						"host=db.example port=5432 user=cdc dbname='o\\'my shop'");
	assert_string_equal(cfg->kafka.topic_prefix, "shop");
	assert_string_equal(cfg->slot.name, "walrelay"); /* Debezium's cannot be streamed */
	assert_string_equal(cfg->tables.include, "(public)\\..*,(sales)\\..*");
	assert_int_equal(cfg->format.decimals, DECIMAL_STRING);
	assert_false(cfg->format.tombstones);
	assert_int_equal(cfg->snapshot.mode, SNAPSHOT_NO_DATA);
	assert_string_equal(cfg->format.propagate_columns, ".*");
	assert_string_equal(cfg->registry.url, "http://sr:8081");
	assert_int_equal(cfg->registry.value_subject, SUBJECT_RECORD);
	assert_int_equal(cfg->registry.key_subject, SUBJECT_TOPIC);
	assert_int_equal(cfg->kafka.nproperties, 1);
	assert_string_equal(cfg->kafka.properties[0].name, "compression.type");
	config_free(cfg);
	ASSERT_HAS("# bootstrap.servers = HOST:9092");
	ASSERT_HAS("# Plays no part here:");
	ASSERT_HAS("# producer.override.acks = 1: walrelay sets it");
	ASSERT_HAS_NOT("# Without a counterpart");
	ASSERT_HAS_NOT("s3cret");
	ASSERT_HAS_NOT("p4ss");
}

/* One at a time: each is a comment that says why, and the exit code tells. */
static void
what_has_no_counterpart_is_told(void **state)
{
	static const char *const more[][2] = {
		{"\"transforms\":\"unwrap\"", "# transforms = unwrap: consumers"},
		{"\"column.exclude.list\":\"a.b.c\"", "# column.exclude.list = a.b.c: "},
		{"\"hstore.handling.mode\":\"weird\"", "# hstore.handling.mode = weird: Give "},
		{"\"snapshot.mode\":\"custom\"", "# snapshot.mode = custom: Give "},
		{"\"no.such.thing\":\"1\"", "# no.such.thing = 1: it is unknown here"},
		{"\"topic.delimiter\":\"${env:D}\"", "# topic.delimiter = ${env:D}: a placeholder"},
		{"\"database.sslmode\":\"${env:S}\"", "# database.sslmode = ${env:S}: a placeholder"},
		{"\"exactly.once.support\":\"required\"", "delivery=exactly-once"},
		{"\"value.converter.schema.registry.ssl.keystore.password\":\"x7x\"",
		 "# value.converter.schema.registry.ssl.keystore.password: registry.ssl."},
		{"\"producer.override.sasl.jaas.config\":\"password='x7x'\"", "sasl.username and"},
		{"\"producer.override.buffer.memory\":\"1\"", "# producer.override.buffer.memory = 1: unknown property"}};
	char text[4096];

	(void) state;
	for (unsigned i = 0; i < sizeof(more) / sizeof(more[0]); i++)
	{
		char *with = xasprintf(",%s", more[i][0]);

		snprintf(text, sizeof(text), connector, with);
		free(with);
		assert_int_equal(import(text), RC_ERR);
		assert_int_equal(e.code, E1008);
		assert_int_equal(e.class, ERR_DATA);
		assert_memory_equal(e.msg, "1 of ", 5);
		if (strstr(printed, more[i][1]) == NULL)
			fail_msg("%s is not in\n%s", more[i][1], printed);
		ASSERT_HAS_NOT("x7x");
		config_free(settings_printed());
	}
}

static void
properties_of_a_server_are_read(void **state)
{
	struct config *cfg;

	(void) state;
	assert_rc_ok(import("# a comment\n! another\n\n"
						"debezium.sink.type=kafka\n"
						"debezium.sink.kafka.producer.bootstrap.servers = k1:9092,\\\n    k2:9092\n"
						"debezium.sink.kafka.producer.key.serializer=org.apache.kafka.Whatever\n"
						"debezium.source.database.hostname: db\n"
						"debezium.source.database.dbname sh\\u006fp\n"
						"debezium.source.topic.prefix=tutorial\r\n"
						"debezium.source.table.include.list=public\\\\.orders,public\\\\.items\n"
						"debezium.source.offset.storage.file.filename=data/offsets.dat\n"
						"debezium.format.key=avro\n"
						"debezium.format.value=avro\n"
						"debezium.format.value.apicurio.registry.url=http://a:8080/apis/ccompat/v7\n"
						"quarkus.log.level=INFO\n"
						"debezium.source.empty.one=\n"));
	cfg = settings_printed();
	assert_string_equal(cfg->source.conninfo, "host=db dbname=shop");
	assert_string_equal(cfg->kafka.topic_prefix, "tutorial");
	assert_string_equal(cfg->tables.include, "public\\.orders,public\\.items");
	assert_string_equal(cfg->registry.url, "http://a:8080/apis/ccompat/v7");
	assert_int_equal(cfg->kafka.nproperties, 1);
	assert_string_equal(cfg->kafka.properties[0].value, "k1:9092,k2:9092");
	config_free(cfg);
	ASSERT_HAS_NOT("HOST:9092");

	/* What is set for all formats at once. */
	assert_rc_ok(import("debezium.source.topic.prefix=tutorial\n"
						"debezium.format.schemas.enable=false\n"
						"debezium.format.schema.registry.url=http://b:8081\n"));
	cfg = settings_printed();
	assert_string_equal(cfg->registry.url, "http://b:8081");
	config_free(cfg);
}

static void
what_is_neither_is_refused(void **state)
{
	static const char *const none[] = {"{\"a\":", "{}", "{\"config\":{}}", "# only a comment\n", "\n"};

	(void) state;
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
	{
		assert_int_equal(import(none[i]), RC_ERR);
		assert_int_equal(e.code, E1004);
		assert_non_null(strstr(e.hint, "JSON"));
		assert_string_equal(printed, "");
	}
}

/* What follows a newline would be a setting that nobody has asked for. */
static void
one_property_is_one_line(void **state)
{
	struct config *cfg;

	(void) state;
	assert_rc_err(import("{\"topic.prefix\":\"a\\nb\",\"transforms\":\"x\\n[slot]\\nname = evil\","
						 "\"plugin.name\":\"p\\r\\nq\",\"a\\nb\":\"c\",\"slot.name\":\"\\u007f\"}"),
				  ERR_DATA, E1008);
	ASSERT_HAS("# transforms = x [slot] name = evil: ");
	ASSERT_HAS("# plugin.name = p  q: ");
	ASSERT_HAS("# a b = c: ");
	assert_rc_err(import("transforms=x\\n[slot]\\nname = evil\n"), ERR_DATA, E1008);
	cfg = settings_printed();
	assert_string_not_equal(cfg->slot.name, "evil");
	config_free(cfg);
}

static void
logins_in_urls_are_not_copied(void **state)
{
	(void) state;
	assert_rc_err(import("{\"key.converter.schema.registry.url\":\"http://sr:8081,https://me:s3same@sr\","
						 "\"x.url\":\"https://me:s3same@sr/\"}"),
				  ERR_DATA, E1008);
	ASSERT_HAS_NOT("s3same");
	ASSERT_HAS_NOT("\nregistry.url = ");
	ASSERT_HAS("registry.basic.auth.user.info.file");
	assert_rc_ok(import("{\"key.converter.schema.registry.url\":\"http://sr:8081/a\"}"));
	ASSERT_HAS("\nregistry.url = http://sr:8081/a\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_connector_becomes_a_file),
									   cmocka_unit_test(what_has_no_counterpart_is_told),
									   cmocka_unit_test(properties_of_a_server_are_read),
									   cmocka_unit_test(what_is_neither_is_refused),
									   cmocka_unit_test(one_property_is_one_line),
									   cmocka_unit_test(logins_in_urls_are_not_copied)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
