/*
 * config.c
 *		How a setting gets its value, and what is wrong with the lot; see config.h.
 *
 * config_table.c knows the settings, config_read.c brings values from files and
 * the environment, cli.c from the command line.
 */
#include "config.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "buf.h"
#include "config_table.h"
#include "fnv1a.h"
#include "kafka_conf.h"
#include "patterns.h"
#include "secret_file.h"

/* --- names --------------------------------------------------------------- */

static bool
property_is_known(const char *name)
{
	struct err e;

	return kafka_conf_check(name, "", &e) == RC_OK || e.code != E1001;
}

/* What a key that was given means. */
struct target
{
	const struct setting *set;       /* NULL: a librdkafka property */
	const char           *property;  /* into the given key */
	bool                  from_file; /* the value names a file that holds it */
};

static bool
target_find(const char *key, struct target *target)
{
	const char *bare = strncmp(key, "kafka.", 6) == 0 ? key + 6 : key;

	target->from_file = false;
	target->property = bare;
	target->set = setting_named(key);
	return target->set != NULL || property_is_known(bare);
}

/* As target_find(); NAME.file is known where NAME is a secret. */
static bool
target_find_any(char *key, struct target *target)
{
	size_t len = strlen(key);
	bool   secret;

	if (target_find(key, target))
		return true;
	if (len <= 5 || strcmp(key + len - 5, ".file") != 0)
		return false;
	key[len - 5] = '\0';
	secret = target_find(key, target) &&
			 (target->set ? target->set->secret : property_is_secret(target->property));
	target->from_file = true;
	if (!secret)
		key[len - 5] = '.';
	return secret;
}

/* Steps (insert, delete, replace, swap neighbours) from one name to the other. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[3][SETTING_PATH_MAX + 1];
	size_t   na = strnlen(a, SETTING_PATH_MAX);
	size_t   nb = strnlen(b, SETTING_PATH_MAX);

	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned) j;
	for (size_t i = 1; i <= na; i++)
	{
		unsigned *now = row[i % 3];
		unsigned *before = row[(i + 2) % 3];

		now[0] = (unsigned) i;
		for (size_t j = 1; j <= nb; j++)
		{
			unsigned best = before[j - 1] + (a[i - 1] != b[j - 1]);

			if (before[j] + 1 < best)
				best = before[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				row[(i + 1) % 3][j - 2] + 1 < best)
				best = row[(i + 1) % 3][j - 2] + 1;
			now[j] = best;
		}
	}
	return row[na % 3][nb];
}

void
nearest_offer(struct nearest *near, const char *given, const char *name)
{
	unsigned far = distance(given, name);

	if (near->name[0] == '\0' || far < near->distance)
	{
		snprintf(near->name, sizeof(near->name), "%s", name);
		near->distance = far;
	}
}

bool
nearest_is_near(const struct nearest *near, const char *given)
{
	size_t len = strlen(given);

	return near->name[0] != '\0' && near->distance <= (len < 6 ? 1 : len / 3);
}

void
config_nearest(const char *given, struct nearest *near)
{
	static const char *const properties[] = {"bootstrap.servers",
											 "client.id",
											 "security.protocol",
											 "sasl.mechanism",
											 "sasl.mechanisms",
											 "sasl.username",
											 "sasl.password",
											 "ssl.ca.location",
											 "ssl.certificate.location",
											 "ssl.key.location",
											 "ssl.key.password",
											 "linger.ms",
											 "batch.size",
											 "batch.num.messages",
											 "compression.type",
											 "compression.codec",
											 "compression.level",
											 "message.max.bytes",
											 "message.timeout.ms",
											 "delivery.timeout.ms",
											 "request.timeout.ms",
											 "socket.timeout.ms",
											 "queue.buffering.max.ms",
											 "queue.buffering.max.messages",
											 "queue.buffering.max.kbytes",
											 "partitioner",
											 "acks",
											 "request.required.acks",
											 "enable.idempotence",
											 "debug",
											 "statistics.interval.ms",
											 "metadata.max.age.ms",
											 "transactional.id"};
	bool                     in_kafka = strncmp(given, "kafka.", 6) == 0;

	near->name[0] = '\0';
	for (unsigned i = 0; i < nsettings; i++)
	{
		char path[SETTING_PATH_MAX];

		setting_path(&settings[i], path);
		nearest_offer(near, given, path);
		nearest_offer(near, given, settings[i].key);
		if (settings[i].alias)
			nearest_offer(near, given, settings[i].alias);
	}
	for (unsigned i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
	{
		char path[SETTING_PATH_MAX];

		snprintf(path, sizeof(path), "%s%s", in_kafka ? "kafka." : "", properties[i]);
		nearest_offer(near, given, path);
	}
}

/* A known name behind the wrong section: "source.topic.prefix". */
static bool
config_misplaced(const char *key, char path[SETTING_PATH_MAX])
{
	const char           *dot = strchr(key, '.');
	const struct setting *set = dot ? setting_named(dot + 1) : NULL;

	if (set)
		setting_path(set, path);
	else if (dot && property_is_known(dot + 1))
		snprintf(path, SETTING_PATH_MAX, "kafka.%s", dot + 1);
	else
		return false;
	return true;
}

static enum rc
config_unknown(const char *key, const char *where, struct err *e)
{
	struct nearest near;

	if (config_misplaced(key, near.name))
		near.distance = 0;
	else
		config_nearest(key, &near);
	err_set(e, ERR_CONFIG, E1001, "unknown configuration key \"%s\"", key);
	err_detail(e, "It comes from the %s.", where);
	if (nearest_is_near(&near, key))
		return err_hint(e, "Perhaps you meant \"%s\".", near.name);
	return err_hint(e, "Run \"walrelay run --help\" for the keys that there are.");
}

/* --- setting -------------------------------------------------------------- */

static struct property *
property_find(const struct config *cfg, const char *name)
{
	for (unsigned i = 0; i < cfg->kafka.nproperties; i++)
		if (strcmp(cfg->kafka.properties[i].name, name) == 0)
			return &cfg->kafka.properties[i];
	return NULL;
}

static void
property_store(struct config *cfg, const char *name, const char *value, enum origin origin,
			   const char *where)
{
	struct property *prop = property_find(cfg, name);

	if (prop && prop->origin > origin)
		return;
	if (prop)
	{
		secret_free(prop->value);
		free(prop->where);
	}
	else
	{
		size_t n = cfg->kafka.nproperties++;

		cfg->kafka.properties = xrealloc(cfg->kafka.properties, (n + 1) * sizeof(*prop));
		prop = cfg->kafka.properties + n;
		prop->name = xstrdup(name);
	}
	prop->value = xstrdup(value);
	prop->origin = origin;
	prop->where = xstrdup(where);
}

static enum rc
property_set(struct config *cfg, const char *name, const char *value, enum origin origin,
			 const char *where, struct err *e)
{
	if (kafka_conf_check(name, value, e) != RC_OK)
	{
		if (e->detail[0] == '\0')
			err_detail(e, "It comes from the %s.", where);
		return RC_ERR;
	}
	property_store(cfg, name, value, origin, where);
	return RC_OK;
}

static enum rc
target_set(struct config *cfg, const struct target *target, const char *value, enum origin origin,
		   const char *where, struct err *e)
{
	struct config_origin *from;
	uint64_t              number = 0;

	if (target->set == NULL)
		return property_set(cfg, target->property, value, origin, where, e);
	if (!setting_parse(target->set, value, &number))
		return setting_refuse(target->set, value, where, e);
	from = &cfg->origins[target->set - settings];
	if (from->origin > origin)
		return RC_OK;
	setting_store(target->set, cfg, value, number);
	free(from->where);
	from->origin = origin;
	from->where = xstrdup(where);
	return RC_OK;
}

static enum origin
target_origin(const struct config *cfg, const struct target *target)
{
	const struct property *prop;

	if (target->set)
		return cfg->origins[target->set - settings].origin;
	prop = property_find(cfg, target->property);
	return prop ? prop->origin : ORIGIN_DEFAULT;
}

/* One name for each, whatever it was called. */
static const char *
target_name(const struct target *target)
{
	return target->set ? target->set->key : target->property;
}

enum rc
config_set(struct config *cfg, const char *key, const char *value, enum origin origin,
		   const char *where, struct err *e)
{
	char         *name = xstrdup(key);
	char         *held = NULL;
	struct target target;
	enum rc       rc = RC_OK;

	if (!target_find_any(name, &target))
		rc = config_unknown(key, where, e);
	else if (target.from_file)
		rc = secret_file_read(name, value, where, &held, e);
	if (rc == RC_OK && target_origin(cfg, &target) <= origin)
		secret_file_note(&cfg->secret_files, target_name(&target), held ? value : NULL, where);
	if (rc == RC_OK)
		rc = target_set(cfg, &target, held ? held : value, origin, where, e);
	secret_free(held);
	free(name);
	return rc;
}

bool
config_is_secret(const char *key, const char *value)
{
	struct target target;

	if (!target_find(key, &target))
		return false;
	if (target.set == NULL)
		return property_is_secret(target.property);
	if (target.set->kind == KIND_CONNINFO)
		return strcasestr(value, "password") || strchr(value, '@');
	if (target.set->kind == KIND_URLS)
		return strchr(value, '@') != NULL;
	return target.set->secret;
}

/* --- renewal -------------------------------------------------------------- */

/* The new secret, which was not looked at yet, in the place of the old one. */
static enum rc
secret_renew(struct config *cfg, const struct secret_file *file, char **value, struct err *e)
{
	struct target target;
	uint64_t      number;
	char        **at;
	bool          known = target_find(file->key, &target);

	if (!known)
		abort(); /* it was known when the file was noted */
	at = target.set ? (char **) ((char *) cfg + target.set->offset)
					: &property_find(cfg, target.property)->value;
	if (strcmp(*at, *value) == 0)
		return RC_AGAIN;
	if (target.set == NULL && kafka_conf_check(target.property, *value, e) != RC_OK)
		return RC_ERR;
	if (target.set && !setting_parse(target.set, *value, &number))
		return setting_refuse(target.set, *value, file->where, e);
	/* Threads that make a Kafka client may be reading the old one: it is wiped at the end. */
	cfg->retired = xrealloc(cfg->retired, (cfg->nretired + 1) * sizeof(*cfg->retired));
	cfg->retired[cfg->nretired++] = *at;
	__atomic_store_n(at, *value, __ATOMIC_RELEASE);
	*value = NULL;
	return RC_OK;
}

enum rc
config_renew(struct config *cfg, unsigned *renewed, struct err *e)
{
	enum rc rc = RC_OK;

	*renewed = 0;
	for (const struct secret_file *file = cfg->secret_files; file; file = file->next)
	{
		char      *value = NULL;
		struct err why;
		enum rc    one = secret_file_read(file->key, file->path, file->where, &value, &why);

		if (one == RC_OK)
			one = secret_renew(cfg, file, &value, &why);
		*renewed += one == RC_OK;
		if (one == RC_ERR && rc == RC_OK)
		{
			*e = why;
			rc = RC_ERR;
		}
		secret_free(value);
	}
	return rc;
}

uint64_t
config_kafka_files(const struct config *cfg)
{
	uint64_t hash = FNV1A_START;

	for (unsigned i = 0; i < cfg->kafka.nproperties; i++)
	{
		const struct property *prop = &cfg->kafka.properties[i];
		struct stat            st;
		char                   text[128];

		if (strstr(prop->name, ".location") == NULL || stat(prop->value, &st) != 0)
			continue;
		snprintf(text, sizeof(text), "%llu %llu %lld %lld.%09ld", (unsigned long long) st.st_dev,
				 (unsigned long long) st.st_ino, (long long) st.st_size, (long long) st.st_mtim.tv_sec,
				 st.st_mtim.tv_nsec);
		hash = fnv1a_text(fnv1a_text(hash, prop->name), text);
	}
	return hash;
}

enum origin
config_origin(const struct config *cfg, const char *key)
{
	const struct setting *set = setting_named(key);

	return set ? cfg->origins[set - settings].origin : ORIGIN_DEFAULT;
}

enum on_error
config_on_refusal(const struct config *cfg)
{
	if (cfg->origins == NULL || config_origin(cfg, "schema.on.incompatible") != ORIGIN_DEFAULT)
		return cfg->registry.on_incompatible;
	return cfg->relay.on_error;
}

struct config *
config_new(void)
{
	struct config *cfg = xcalloc(1, sizeof(*cfg));

	cfg->origins = xcalloc(nsettings, sizeof(*cfg->origins));
	for (unsigned i = 0; i < nsettings; i++)
	{
		uint64_t number = 0;

		if (!setting_parse(&settings[i], settings[i].value, &number))
			abort();
		setting_store(&settings[i], cfg, settings[i].value, number);
		cfg->origins[i].where = xstrdup("default");
	}
	return cfg;
}

void
config_free(struct config *cfg)
{
	if (cfg == NULL)
		return;
	for (unsigned i = 0; i < nsettings; i++)
	{
		if (setting_is_string(&settings[i]))
			secret_free(*(char **) ((char *) cfg + settings[i].offset));
		free(cfg->origins[i].where);
	}
	for (unsigned i = 0; i < cfg->kafka.nproperties; i++)
	{
		free(cfg->kafka.properties[i].name);
		secret_free(cfg->kafka.properties[i].value);
		free(cfg->kafka.properties[i].where);
	}
	for (unsigned i = 0; i < cfg->nretired; i++)
		secret_free(cfg->retired[i]);
	free(cfg->retired);
	secret_file_free_all(&cfg->secret_files);
	free(cfg->kafka.properties);
	free(cfg->accept_gaps);
	free(cfg->origins);
	free(cfg);
}

/* --- what no single key can tell ------------------------------------------ */

/* Adds to the error that a setting is missing; the first one makes it. */
static enum rc
config_missing(const char *section, const char *key, const char *example, enum rc rc, struct err *e)
{
	char   path[SETTING_PATH_MAX];
	char   variable[SETTING_PATH_MAX];
	size_t at;

	snprintf(path, sizeof(path), "%s.%s", section, key);
	setting_variable(path, variable);
	if (rc == RC_OK)
		err_set(e, ERR_CONFIG, E1003, "required setting \"%s\" is missing", path);
	else
	{
		at = strlen(e->detail);
		snprintf(e->detail + at, sizeof(e->detail) - at, "%s\"%s\" is missing, too.", at ? " " : "",
				 path);
	}
	at = strlen(e->hint);
	snprintf(e->hint + at, sizeof(e->hint) - at,
			 "%sGive --%s=%s, or set %s in the environment, or %s in section [%s] of the "
			 "configuration file.",
			 at ? "\n" : "", path, example, variable, key, section);
	return RC_ERR;
}

static bool
database_is_named(const struct config *cfg)
{
	static const char *const names[] = {"PGDATABASE", "PGSERVICE", "PGHOST", "PGHOSTADDR"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *value = getenv(names[i]);

		if (value && *value)
			return true;
	}
	return *cfg->source.conninfo != '\0';
}

static bool
brokers_are_named(const struct config *cfg)
{
	for (unsigned i = 0; i < cfg->kafka.nproperties; i++)
		if ((strcmp(cfg->kafka.properties[i].name, "bootstrap.servers") == 0 ||
			 strcmp(cfg->kafka.properties[i].name, "metadata.broker.list") == 0) &&
			*cfg->kafka.properties[i].value)
			return true;
	return false;
}

enum rc
config_check_brokers(const struct config *cfg, struct err *e)
{
	if (brokers_are_named(cfg))
		return RC_OK;
	return config_missing("kafka", "bootstrap.servers", "HOST:9092", RC_OK, e);
}

enum rc
config_check_kafka(const struct config *cfg, struct err *e)
{
	enum rc rc = config_check_brokers(cfg, e);

	if (*cfg->kafka.topic_prefix == '\0')
		rc = config_missing("kafka", "topic.prefix", "NAME", rc, e);
	return rc;
}

static enum rc
config_contradiction(const char *one, const char *other, struct err *e)
{
	err_set(e, ERR_CONFIG, E1002, "\"%s\" and \"%s\" cannot both be set", one, other);
	return err_hint(e, "Leave one of them out.");
}

static enum rc
config_check_patterns(const char *setting, const char *list, struct err *e)
{
	struct patterns *patterns;
	enum rc          rc = patterns_new(setting, list, &patterns, e);

	patterns_free(patterns);
	return rc;
}

char *
config_signal_topic(const struct config *cfg)
{
	return *cfg->signal.topic ? xstrdup(cfg->signal.topic)
								: xasprintf("%s-signal", cfg->kafka.topic_prefix);
}

static enum rc
config_check_signals(const struct config *cfg, struct err *e)
{
	char   *topic;
	char   *progress;
	enum rc rc = RC_OK;

	if ((cfg->signal.channels & CHANNEL_KAFKA) == 0)
		return RC_OK;
	if (cfg->format.sink != SINK_KAFKA || cfg->slot.temporary)
	{
		err_set(e, ERR_CONFIG, E1002, "signal.enabled.channels=kafka needs sink=kafka, and a slot that "
									  "stays");
		return err_hint(e, "Leave kafka away: which signals were taken is kept in topic.progress.");
	}
	topic = config_signal_topic(cfg);
	progress = xasprintf("%s%s%s", cfg->kafka.topic_prefix, cfg->kafka.topic_delimiter,
						 cfg->kafka.topic_progress);
	if (strcmp(topic, progress) == 0)
	{
		rc = err_set(e, ERR_CONFIG, E1002, "signal.kafka.topic is the progress topic, \"%s\"", topic);
		err_hint(e, "Give it a topic of its own: nothing else may be in topic.progress.");
	}
	free(topic);
	free(progress);
	return rc;
}

enum rc
config_check(const struct config *cfg, struct err *e)
{
	const struct
	{
		const char *key;
		const char *name;
	} others[] = {
		{"topic.transaction", cfg->kafka.topic_transaction},
		{"topic.schema.changes", cfg->kafka.topic_schema_changes},
		{"topic.dead.letter", cfg->kafka.topic_dead_letter},
	};
	enum rc rc = RC_OK;

	if (!database_is_named(cfg))
		rc = config_missing("source", "conninfo", "\"host=... dbname=...\"", rc, e);
	if (cfg->format.sink == SINK_KAFKA && !brokers_are_named(cfg))
		rc = config_missing("kafka", "bootstrap.servers", "HOST:9092", rc, e);
	if (*cfg->kafka.topic_prefix == '\0')
		rc = config_missing("kafka", "topic.prefix", "NAME", rc, e);
	if (cfg->format.sink == SINK_FILE && *cfg->format.file == '\0')
		rc = config_missing("format", "sink.file", "FILE", rc, e);
	if (rc != RC_OK)
		return rc;
	if (*cfg->tables.include && *cfg->tables.exclude)
		return config_contradiction("table.include.list", "table.exclude.list", e);
	if (*cfg->tables.message_include && *cfg->tables.message_exclude)
		return config_contradiction("message.prefix.include.list", "message.prefix.exclude.list",
									e);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(cfg->kafka.topic_progress, others[i].name) == 0)
		{
			err_set(e, ERR_CONFIG, E1002, "\"topic.progress\" and \"%s\" are both \"%s\"",
					others[i].key, others[i].name);
			return err_hint(e, "Give topic.progress a name of its own: nothing else may be in it.");
		}
	if (*cfg->registry.user_info && *cfg->registry.token)
		return config_contradiction("basic.auth.user.info", "bearer.auth.token", e);
	if (cfg->relay.backoff_min_ms > cfg->relay.backoff_max_ms)
	{
		err_set(e, ERR_CONFIG, E1002,
				"\"retry.backoff.ms\" is longer than \"retry.backoff.max.ms\"");
		return err_hint(e, "Set retry.backoff.max.ms to at least %ums.", cfg->relay.backoff_min_ms);
	}
	if (cfg->registry.use_latest && cfg->registry.auto_register)
	{
		err_set(e, ERR_CONFIG, E1002, "use.latest.version has no effect while schemas are registered");
		return err_hint(e, "Set auto.register.schemas=false with it.");
	}
	if (cfg->kafka.exactly_once && cfg->format.sink != SINK_KAFKA)
	{
		err_set(e, ERR_CONFIG, E1002, "delivery=exactly-once needs sink=kafka");
		return err_hint(e, "Leave it at at-least-once: files have no transactions.");
	}
	if (cfg->kafka.exactly_once && cfg->slot.temporary)
		return config_contradiction("delivery=exactly-once", "slot.temporary", e);
	if (cfg->format.sink != SINK_KAFKA && (cfg->relay.on_error == ON_ERROR_DEAD_LETTER ||
										   cfg->registry.on_incompatible == ON_ERROR_DEAD_LETTER))
	{
		err_set(e, ERR_CONFIG, E1002, "%s=dead-letter needs sink=kafka",
				cfg->relay.on_error == ON_ERROR_DEAD_LETTER ? "on.error" : "schema.on.incompatible");
		return err_hint(e, "Leave it at stop; lines of JSON need no registry, and have no limit.");
	}
	if (config_check_signals(cfg, e) != RC_OK)
		return RC_ERR;
	rc = config_check_patterns("column.propagate.source.type", cfg->format.propagate_columns, e);
	if (rc == RC_OK)
		rc = config_check_patterns("datatype.propagate.source.type", cfg->format.propagate_types,
								   e);
	return rc;
}
