/*
 * import.c
 *		What each of Debezium's properties becomes; see import.h.
 *
 * Most have the same name and meaning here and need no rule: whatever a setting of that name
 * takes is taken.  The rules say what else there is; the first that fits counts.
 */
#include "import.h"

#include <stdlib.h>
#include <string.h>

#include "config_table.h"
#include "import_parts.h"
#include "kafka_conf.h"

enum fate
{
	FATE_CONNINFO, /* to: libpq's keyword */
	FATE_AS,       /* to: the setting that it becomes */
	FATE_KAFKA,    /* a property of librdkafka: what is behind the pattern's star */
	FATE_SECRET,   /* to: the setting; the value is not copied */
	FATE_UNNEEDED, /* to: why it plays no part */
	FATE_MISSING   /* to: what there is instead, or why there is nothing */
};

struct rule
{
	const char *key; /* a star at the end stands for the rest */
	enum fate   fate;
	const char *to;
	const char *only; /* the values that it is for, with commas; NULL: all */
};

#define CONVERTER(what, fate, to) {"key.converter." what, fate, to, NULL}, {"value.converter." what, fate, to, NULL}

static const struct rule rules[] = {
	{"name", FATE_UNNEEDED, "slot.name and topic.prefix name a relay", NULL},
	{"connector.class", FATE_UNNEEDED, "PostgreSQL is the only source",
	 "io.debezium.connector.postgresql.PostgresConnector"},
	{"connector.class", FATE_MISSING, "it is the connector of another database", NULL},
	{"tasks.max", FATE_UNNEEDED, "one process streams a slot", NULL},
	{"sink.type", FATE_UNNEEDED, "records go to Kafka", "kafka"},
	{"sink.type", FATE_MISSING, "records go to Kafka only", NULL},

	{"database.hostname", FATE_CONNINFO, "host", NULL},
	{"database.port", FATE_CONNINFO, "port", NULL},
	{"database.user", FATE_CONNINFO, "user", NULL},
	{"database.dbname", FATE_CONNINFO, "dbname", NULL},
	{"database.sslmode", FATE_CONNINFO, "sslmode", NULL},
	{"database.sslrootcert", FATE_CONNINFO, "sslrootcert", NULL},
	{"database.sslcert", FATE_CONNINFO, "sslcert", NULL},
	{"database.sslkey", FATE_CONNINFO, "sslkey", NULL},
	{"database.password", FATE_SECRET, "a password file: passfile=FILE in conninfo, or PGPASSFILE", NULL},
	{"database.sslpassword", FATE_SECRET, "source.conninfo.file, as sslpassword=...", NULL},
	{"database.tcpkeepalive", FATE_UNNEEDED, "keepalives are on; keepalives_idle and so on in conninfo", NULL},
	{"database.server.name", FATE_AS, "kafka.topic.prefix", NULL},

	{"plugin.name", FATE_UNNEEDED, "walrelay has a plugin of its own", NULL},
	{"slot.name", FATE_UNNEEDED,
	 "that slot is of another plugin and cannot be streamed: walrelay makes one beside it, slot.name", NULL},
	{"slot.drop.on.stop", FATE_UNNEEDED, "a slot is dropped by walrelay slot drop, never by itself", NULL},
	{"slot.max.retries", FATE_UNNEEDED, "slot.wait.ms, then it is tried again for ever", NULL},
	{"slot.retry.delay.ms", FATE_UNNEEDED, "retry.backoff.ms, retry.backoff.max.ms", NULL},
	{"publication.*", FATE_UNNEEDED, "there is no publication: table.include.list decides", NULL},
	{"flush.lsn.source", FATE_UNNEEDED, "a position is confirmed when the brokers have all before it", NULL},
	{"status.update.interval.ms", FATE_AS, "relay.status.interval.ms", NULL},
	{"xmin.fetch.interval.ms", FATE_UNNEEDED, "/metrics has the slot's state", NULL},
	{"heartbeat.interval.ms", FATE_AS, "slot.heartbeat.ms", NULL},
	{"heartbeat.*", FATE_UNNEEDED, "idle slots move without a table or a topic for it", NULL},
	{"topic.heartbeat.prefix", FATE_UNNEEDED, "there is no topic of heartbeats", NULL},

	{"snapshot.mode", FATE_AS, "snapshot.mode", "schema_only"},
	{"snapshot.fetch.size", FATE_UNNEEDED, "snapshot.chunk.size, with another meaning", NULL},
	{"incremental.snapshot.chunk.size", FATE_UNNEEDED, "snapshot.chunk.size; chunks adapt themselves", NULL},
	{"incremental.snapshot.watermarking.strategy", FATE_UNNEEDED, "watermarks are logical messages", NULL},
	{"snapshot.isolation.mode", FATE_UNNEEDED, "rows are read as of the slot's exported snapshot", NULL},
	{"snapshot.locking.mode", FATE_UNNEEDED, "no table is locked", NULL},
	{"snapshot.lock.timeout.ms", FATE_UNNEEDED, "no table is locked", NULL},
	{"snapshot.delay.ms", FATE_UNNEEDED, "snapshot.window says when rows are read", NULL},
	{"snapshot.tables.order.by.row.count", FATE_UNNEEDED, "tables are read at the same time", NULL},
	{"snapshot.query.mode*", FATE_UNNEEDED, "rows are read by COPY", NULL},
	{"snapshot.select.statement.overrides*", FATE_MISSING, "walrelay snapshot start TABLE --where=CONDITION", NULL},
	{"snapshot.include.collection.list", FATE_MISSING, "snapshot.mode=no_data, then walrelay snapshot start TABLE...", NULL},
	{"incremental.snapshot.allow.schema.changes", FATE_UNNEEDED, "a table that is altered meanwhile is read again", NULL},
	{"signal.data.collection", FATE_UNNEEDED,
	 "signals need no table: walrelay snapshot start, or logical messages", NULL},
	{"signal.kafka.bootstrap.servers", FATE_UNNEEDED, "bootstrap.servers", NULL},
	{"signal.poll.interval.ms", FATE_UNNEEDED, "signals are taken at once", NULL},
	{"read.only", FATE_UNNEEDED, "nothing is written to the source's tables", NULL},

	{"max.batch.size", FATE_UNNEEDED, "max.in.flight.messages and max.in.flight.bytes bound memory", NULL},
	{"max.queue.*", FATE_UNNEEDED, "max.in.flight.messages and max.in.flight.bytes bound memory", NULL},
	{"poll.interval.ms", FATE_UNNEEDED, "changes are sent when they come", NULL},
	{"errors.max.retries", FATE_UNNEEDED, "what may pass is tried again for ever", NULL},
	{"errors.retry.*", FATE_UNNEEDED, "retry.backoff.ms, retry.backoff.max.ms", NULL},
	{"errors.log.*", FATE_UNNEEDED, "every error is in the log, never a row's values", NULL},
	{"errors.tolerance", FATE_UNNEEDED, "on.error=stop", "none"},
	{"errors.tolerance", FATE_MISSING, "on.error=dead-letter or skip", NULL},
	{"retriable.restart.connector.wait.ms", FATE_UNNEEDED, "retry.backoff.ms", NULL},
	{"exactly.once.support", FATE_MISSING, "delivery=exactly-once; consumers must read committed records", "required"},
	{"exactly.once.support", FATE_UNNEEDED, "delivery", NULL},
	{"transaction.boundary*", FATE_UNNEEDED, "delivery=exactly-once", NULL},
	{"offset.*", FATE_UNNEEDED, "positions are in topic.progress", NULL},
	{"offsets.*", FATE_UNNEEDED, "positions are in topic.progress", NULL},
	{"schema.history.*", FATE_UNNEEDED, "PostgreSQL's WAL says what tables are like", NULL},
	{"executor.shutdown.timeout.ms", FATE_UNNEEDED, "shutdown.timeout.ms", NULL},
	{"connection.validation.timeout.ms", FATE_UNNEEDED, "connect_timeout in conninfo", NULL},
	{"topic.cache.size", FATE_UNNEEDED, "all topics are known", NULL},
	{"custom.metric.tags", FATE_MISSING, "labels are added by whoever scrapes /metrics", NULL},
	{"schema.refresh.mode", FATE_UNNEEDED, "tables are described as of each change", NULL},
	{"sanitize.field.names", FATE_UNNEEDED, "field.name.adjustment.mode=avro", NULL},
	{"event.processing.failure.handling.mode", FATE_UNNEEDED, "on.error=stop", "fail"},
	{"event.processing.failure.handling.mode", FATE_MISSING, "on.error=skip or dead-letter", NULL},

	{"schema.include.list", FATE_MISSING, "with table.include.list besides: put both into one list", NULL},
	{"schema.exclude.list", FATE_MISSING, "with table.exclude.list besides: put both into one list", NULL},
	{"column.propagate.source.type", FATE_AS, "column.propagate.source.type", NULL},
	{"column.*", FATE_MISSING, "whole rows are sent: a view or the consumer has to leave columns out", NULL},
	{"message.key.columns", FATE_MISSING, "keys are those of the table: primary key, or REPLICA IDENTITY USING INDEX", NULL},
	{"replica.identity.autoset.values", FATE_MISSING, "ALTER TABLE ... REPLICA IDENTITY; walrelay check names the tables", NULL},
	{"database.initial.statements", FATE_MISSING, "ALTER ROLE ... SET has the same effect", NULL},
	{"slot.stream.params", FATE_MISSING, "there is no such parameter", NULL},
	{"topic.creation.*", FATE_MISSING, "make topics that are not to have the brokers' defaults; walrelay check prints the commands", NULL},
	{"topic.naming.strategy", FATE_UNNEEDED, "topics are PREFIX.SCHEMA.TABLE",
	 "io.debezium.schema.SchemaTopicNamingStrategy,io.debezium.schema.DefaultTopicNamingStrategy"},
	{"topic.naming.strategy", FATE_MISSING, "topics are PREFIX.SCHEMA.TABLE", NULL},
	{"transforms*", FATE_MISSING, "consumers get Debezium's events as they are: transform there", NULL},
	{"predicates*", FATE_MISSING, "consumers get Debezium's events as they are: transform there", NULL},
	{"converters*", FATE_MISSING, "values are converted as Debezium does without converters of one's own", NULL},
	{"post.processors*", FATE_MISSING, "events are Debezium's as they are", NULL},
	{"notification.*", FATE_MISSING, "walrelay snapshot status and /metrics say how far a snapshot is", NULL},
	{"quarkus.*", FATE_UNNEEDED, "admin.listen, log.level, log.format", NULL},
	{"internal.*", FATE_UNNEEDED, "it is Debezium's own", NULL},
	{"sink.kafka.*", FATE_MISSING, "there is no such property", NULL},

	{"key.converter", FATE_UNNEEDED, "records are Avro",
	 "io.confluent.connect.avro.AvroConverter,io.apicurio.registry.utils.converter.AvroConverter,avro"},
	{"value.converter", FATE_UNNEEDED, "records are Avro",
	 "io.confluent.connect.avro.AvroConverter,io.apicurio.registry.utils.converter.AvroConverter,avro"},
	{"key.converter", FATE_MISSING, "records are Avro: consumers have to read that", NULL},
	{"value.converter", FATE_MISSING, "records are Avro: consumers have to read that", NULL},
	{"header.converter", FATE_UNNEEDED, "headers are bytes", NULL},
	CONVERTER("schemas.enable", FATE_UNNEEDED, "Avro always has a schema"),
	CONVERTER("schema.registry.url", FATE_AS, "registry.url"),
	CONVERTER("auto.register.schemas", FATE_AS, "auto.register.schemas"),
	CONVERTER("use.latest.version", FATE_AS, "use.latest.version"),
	CONVERTER("normalize.schemas", FATE_AS, "normalize.schemas"),
	CONVERTER("basic.auth.credentials.source", FATE_UNNEEDED, "basic.auth.user.info"),
	CONVERTER("basic.auth.user.info", FATE_SECRET, "registry.basic.auth.user.info.file"),
	CONVERTER("bearer.auth.token", FATE_SECRET, "registry.bearer.auth.token.file"),
	CONVERTER("schema.registry.basic.auth.user.info", FATE_SECRET, "registry.basic.auth.user.info.file"),
	{"key.converter.key.subject.name.strategy", FATE_AS, "key.subject.name.strategy", NULL},
	{"value.converter.value.subject.name.strategy", FATE_AS, "value.subject.name.strategy", NULL},
	CONVERTER("apicurio.registry.url", FATE_AS, "registry.url"),
	CONVERTER("apicurio.registry.auto-register", FATE_AS, "auto.register.schemas"),
	CONVERTER("apicurio.*", FATE_UNNEEDED, "schemas are asked for as Confluent's clients do"),
	CONVERTER("schema.registry.ssl.*", FATE_MISSING,
			  "registry.ssl.ca.location, registry.ssl.certificate.location, registry.ssl.key.location, as PEM"),
	CONVERTER("*", FATE_UNNEEDED, "schemas are Debezium's with its converter's defaults"),

	{"producer.override.*", FATE_KAFKA, NULL, NULL},
	{"producer.*", FATE_KAFKA, NULL, NULL},
	{"bootstrap.servers", FATE_KAFKA, NULL, NULL},
};

/* --- names ------------------------------------------------------------------------------ */

/* A Debezium Server's names without what only says whose they are; formats are converters there. */
static void
normalize(struct import_pair *pair)
{
	static const struct
	{
		const char *prefix;
		const char *instead;
	} prefixes[] = {{"debezium.source.", ""},
					{"debezium.sink.kafka.producer.", "producer."},
					{"debezium.sink.", "sink."},
					{"debezium.format.key.", "key.converter."},
					{"debezium.format.value.", "value.converter."},
					{"debezium.format.avro.", "value.converter."},
					{"debezium.format.key", "key.converter"},
					{"debezium.format.value", "value.converter"},
					{"debezium.format.", "value.converter."}, /* for both */
					{"debezium.transforms", "transforms"},
					{"debezium.predicates", "predicates"}};

	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
	{
		size_t len = strlen(prefixes[i].prefix);
		char  *key;

		if (strncmp(pair->key, prefixes[i].prefix, len) != 0)
			continue;
		key = xasprintf("%s%s", prefixes[i].instead, pair->key + len);
		free(pair->key);
		pair->key = key;
		return;
	}
}

/* What is behind the star, "" without one; NULL: the name is another one. */
static const char *
matched(const char *pattern, const char *key)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] == '*')
		return strncasecmp(pattern, key, len - 1) == 0 ? key + len - 1 : NULL;
	return strcasecmp(pattern, key) == 0 ? "" : NULL;
}

static bool
is_one_of(const char *list, const char *value)
{
	size_t len = strlen(value);

	for (const char *at = list; (at = strstr(at, value)) != NULL; at++)
		if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	return false;
}

static const struct rule *
rule_of(const struct import_pair *pair, const char **rest)
{
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		*rest = matched(rules[i].key, pair->key);
		if (*rest && (rules[i].only == NULL || is_one_of(rules[i].only, pair->value)))
			return &rules[i];
	}
	return NULL;
}

/* --- what they become ------------------------------------------------------------------------ */

/* A URL that may have a login in front of the host; a password may have a slash by mistake. */
static bool
has_login(const char *value)
{
	for (const char *at = strstr(value, "://"); at; at = strstr(at, "://"))
	{
		at += 3;
		if (at[strcspn(at, ",@")] == '@')
			return true;
	}
	return false;
}

/* With the value if that may be shown: no secret, and no more than a line holds. */
static void
put_comment(struct buf *out, const struct import_pair *pair, const char *why)
{
	bool hidden =
		property_is_secret(pair->key) || has_login(pair->value) || strlen(pair->value) > 200;

	buf_printf(out, "# %s%s%s: %s\n", pair->key, hidden ? "" : " = ", hidden ? "" : pair->value, why);
}

static void
import_missing(struct import *import, const struct import_pair *pair, const char *why)
{
	put_comment(&import->missing, pair, why);
	import->nmissing++;
}

/* text is taken. */
static void
import_line(struct import *import, const char *section, char *text)
{
	for (unsigned i = 0; i < import->nlines; i++)
		if (strcmp(import->lines[i].section, section) == 0 && strcmp(import->lines[i].text, text) == 0)
		{
			free(text); /* of key and value converter alike */
			return;
		}
	import->lines = xrealloc(import->lines, (import->nlines + 1) * sizeof(*import->lines));
	import->lines[import->nlines++] = (struct import_line){.section = section, .text = text};
}

/* Java's class names for what we have words for. */
static const char *
value_of(const struct setting *set, const char *value)
{
	const char *word = strrchr(value, '.');

	if (strcmp(set->key, "snapshot.mode") == 0 && strcmp(value, "schema_only") == 0)
		return "no_data";
	return strstr(set->key, "subject.name.strategy") && word ? word + 1 : value;
}

static void
import_setting(struct import *import, const struct import_pair *pair, const struct setting *set)
{
	const char *value = value_of(set, pair->value);
	uint64_t    number;
	struct err  e;

	if (strstr(pair->value, "${"))
		import_missing(import, pair, "a placeholder of Kafka Connect: the value itself has to stand here");
	else if (set->secret)
		import_line(import, set->section,
					xasprintf("# %s.file = FILE  (%s: in a file of its own)", set->key, pair->key));
	else if (has_login(value))
		import_missing(import, pair, "the URL has a login, which is not copied: write the URL without it, and "
									 "registry.basic.auth.user.info.file");
	else if (!setting_parse(set, value, &number))
	{
		(void) !setting_refuse(set, value, "", &e);
		import_missing(import, pair, e.hint[0] ? e.hint : e.msg);
	}
	else
		import_line(import, set->section, xasprintf("%s = %s", set->key, value));
}

static void
import_conninfo(struct import *import, const struct import_pair *pair, const char *keyword)
{
	struct buf *out = &import->conninfo;

	if (strstr(pair->value, "${"))
	{
		import_missing(import, pair, "a placeholder of Kafka Connect: the value itself has to stand in conninfo");
		return;
	}
	buf_printf(out, "%s%s=", out->len ? " " : "", keyword);
	if (pair->value[0] && strpbrk(pair->value, " '\\") == NULL)
	{
		buf_puts(out, pair->value);
		return;
	}
	buf_put_u8(out, '\'');
	for (const char *c = pair->value; *c; c++)
	{
		if (*c == '\'' || *c == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t) *c);
	}
	buf_put_u8(out, '\'');
}

static void
import_kafka(struct import *import, const struct import_pair *pair, const char *name)
{
	struct err e;

	if (strstr(name, "jaas"))
		import_missing(import, pair, "librdkafka has sasl.username and sasl.password for it");
	else if (strstr(name, "keystore") || strstr(name, "truststore"))
		import_missing(import, pair,
					   "librdkafka takes PEM: ssl.ca.location, ssl.certificate.location, ssl.key.location");
	else if (property_is_secret(name))
		import_line(import, "kafka", xasprintf("# %s = ...  (%s: a secret, not copied)", name, pair->key));
	else if (strstr(name, "serializer"))
		put_comment(&import->unneeded, pair, "records are Avro");
	else if (kafka_conf_check(name, pair->value, &e) == RC_OK)
		import_line(import, "kafka", xasprintf("%s = %s", name, pair->value));
	else if (e.code == E1005)
		put_comment(&import->unneeded, pair, "walrelay sets it so that nothing is lost");
	else
		import_missing(import, pair, e.msg);
}

static bool
has_key(const struct import *import, const char *key)
{
	for (unsigned i = 0; i < import->npairs; i++)
		if (strcmp(import->pairs[i].key, key) == 0 && *import->pairs[i].value)
			return true;
	return false;
}

/* schema.include.list: every table of these schemas.  False: there is a list of tables, too. */
static bool
import_schemas(struct import *import, const struct import_pair *pair)
{
	bool        include = strcmp(pair->key, "schema.include.list") == 0;
	const char *list = include ? "table.include.list" : "table.exclude.list";
	struct buf  out = {0};
	char       *copy;
	char       *rest;
	char       *name;

	if ((!include && strcmp(pair->key, "schema.exclude.list") != 0) || has_key(import, list))
		return false;
	copy = rest = xstrdup(pair->value);
	while ((name = strsep(&rest, ",")) != NULL)
	{
		name += strspn(name, " \t");
		buf_printf(&out, "%s(%s)\\..*", out.len ? "," : "", name);
	}
	import_line(import, "tables", xasprintf("%s = %s", list, buf_cstr(&out)));
	buf_free(&out);
	free(copy);
	return true;
}

static void
import_pair(struct import *import, struct import_pair *pair)
{
	const char           *rest;
	const struct rule    *rule;
	const struct setting *set;

	normalize(pair);
	rule = rule_of(pair, &rest);
	/* What is the same here has no rule, but for values of another name. */
	set = setting_named(rule && rule->fate == FATE_AS ? rule->to : pair->key);
	if (*pair->value == '\0' || import_schemas(import, pair))
		return;
	if (rule == NULL && set == NULL)
		import_missing(import, pair, "it is unknown here");
	else if (rule == NULL || rule->fate == FATE_AS)
		import_setting(import, pair, set);
	else
		switch (rule->fate)
		{
			case FATE_AS: break;
			case FATE_CONNINFO: import_conninfo(import, pair, rule->to); break;
			case FATE_KAFKA: import_kafka(import, pair, *rest ? rest : pair->key); break;
			case FATE_SECRET:
				import_line(import, strncmp(rule->to, "registry.", 9) == 0 ? "registry" : "source",
							xasprintf("# %s: not copied; put it into %s", pair->key, rule->to));
				break;
			case FATE_UNNEEDED: put_comment(&import->unneeded, pair, rule->to); break;
			case FATE_MISSING: import_missing(import, pair, rule->to); break;
		}
}

/* --- printing ----------------------------------------------------------------------------------- */

static void
print_section(const struct import *import, const char *section, FILE *out)
{
	bool conninfo = strcmp(section, "source") == 0 && import->conninfo.len > 0;
	bool begun = false;

	if (conninfo)
		fprintf(out, "\n[source]\nconninfo = %.*s\n", (int) import->conninfo.len,
				(const char *) import->conninfo.data);
	begun = conninfo;
	for (unsigned i = 0; i < import->nlines; i++)
	{
		if (strcmp(import->lines[i].section, section) != 0)
			continue;
		if (!begun)
			fprintf(out, "\n[%s]\n", section);
		begun = true;
		fprintf(out, "%s\n", import->lines[i].text);
	}
}

static void
import_print(struct import *import, const char *name, FILE *out)
{
	fprintf(out, "# Made by walrelay config import of %s.\n", name);
	for (unsigned i = 0; i < nsettings; i++)
		if (i == 0 || strcmp(settings[i].section, settings[i - 1].section) != 0)
			print_section(import, settings[i].section, out);
	if (import->missing.len)
		fprintf(out, "\n# Without a counterpart; decide whether it matters:\n%s",
				buf_cstr(&import->missing));
	if (import->unneeded.len)
		fprintf(out, "\n# Plays no part here:\n%s", buf_cstr(&import->unneeded));
}

static void
import_end(struct import *import)
{
	for (unsigned i = 0; i < import->npairs; i++)
	{
		free(import->pairs[i].key);
		free(import->pairs[i].value);
	}
	for (unsigned i = 0; i < import->nlines; i++)
		free(import->lines[i].text);
	free(import->pairs);
	free(import->lines);
	buf_free(&import->conninfo);
	buf_free(&import->unneeded);
	buf_free(&import->missing);
}

enum rc
import_config(FILE *in, const char *name, FILE *out, struct err *e)
{
	struct import import = {0};
	enum rc       rc = import_read(&import, in, name, e);

	if (rc == RC_OK)
	{
		for (unsigned i = 0; i < import.npairs; i++)
			import_pair(&import, &import.pairs[i]);
		/* Connect's workers have it, not the connector. */
		if (!has_key(&import, "bootstrap.servers") && !has_key(&import, "producer.bootstrap.servers") &&
			!has_key(&import, "producer.override.bootstrap.servers"))
			import_line(&import, "kafka",
						xstrdup("# bootstrap.servers = HOST:9092  (as Kafka Connect's workers have it)"));
		import_print(&import, name, out);
		if (import.nmissing > 0)
		{
			err_set(e, ERR_DATA, E1008, "%u of %u properties of %s have no counterpart",
					import.nmissing, import.npairs, name);
			rc = err_hint(e, "Look through them: they are comments in the file that was printed.");
		}
	}
	import_end(&import);
	return rc;
}
