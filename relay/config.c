/*
 * config.c
 *		The table of settings, and how one of them gets its value; see config.h.
 *
 * Everything that is said about a setting (what it takes, its default, its
 * help) is in settings[]; nothing else names a key.  config_read.c brings the
 * values from files and the environment, cli.c from the command line.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "buf.h"
#include "config_table.h"
#include "producer.h"

#define AT(field) offsetof(struct config, field), sizeof(((struct config *) 0)->field)

#define KB UINT64_C(1024)
#define MB (1024 * KB)
#define GB (1024 * MB)
#define SECOND UINT64_C(1000)
#define HOUR (3600 * SECOND)

static const char *const sinks[] = {"kafka", "stdout", "file", NULL};
static const char *const adjustments[] = {"none", "avro", "avro_unicode", NULL};
static const char *const generated[] = {"exclude", "include", NULL};
static const char *const flushes[] = {"idle", "commit", NULL};
static const char *const log_formats[] = {"auto", "text", "logfmt", "json", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

/*
 * Words of a choice are in the order of the enum (or of false, true) that the
 * field holds.  Keys that begin with "section." are their own path.
 */
const struct setting settings[] = {
	{"source", "conninfo", NULL, KIND_CONNINFO, AT(source.conninfo), "", .secret = true,
	 .help = "Where PostgreSQL is: any libpq connection string or URI. Empty: PG* variables, "
			 "service and password files say it"},

	{"slot", "slot.name", NULL, KIND_SLOT, AT(slot.name), "walrelay",
	 .help = "Replication slot to stream from"},
	{"slot", "slot.create", NULL, KIND_BOOL, AT(slot.create), "false",
	 .help = "Create the slot when it is missing. Off, so that a mistyped name cannot leave a "
			 "slot behind that keeps WAL for nobody"},
	{"slot", "slot.plugin", NULL, KIND_STRING, AT(slot.plugin), "walrelay",
	 .help = "Name of the output plugin's library"},
	{"slot", "slot.temporary", NULL, KIND_BOOL, AT(slot.temporary), "false",
	 .help = "Use a slot that lives as long as the connection. Whatever is committed after that "
			 "is not seen"},
	{"slot", "slot.wait.ms", NULL, KIND_DURATION, AT(slot.wait_ms), "90s", 0, HOUR,
	 .help = "How long to wait for a slot that is active elsewhere; longer than the server's "
			 "wal_sender_timeout, after which it gives up a dead predecessor"},

	{"tables", "table.include.list", NULL, KIND_STRING, AT(tables.include), "",
	 .help = "Tables to capture: anchored regular expressions on schema.table, separated by "
			 "commas. Empty: all"},
	{"tables", "table.exclude.list", NULL, KIND_STRING, AT(tables.exclude), "",
	 .help = "Tables to leave out; not together with table.include.list"},
	{"tables", "publish.via.partition.root", NULL, KIND_BOOL, AT(tables.via_root), "false",
	 .help = "Show changes of partitions as changes of the partitioned table"},
	{"tables", "message.prefix.include.list", NULL, KIND_STRING, AT(tables.message_include), "",
	 .help = "Prefixes of logical messages to capture: anchored regular expressions. Empty: all"},
	{"tables", "message.prefix.exclude.list", NULL, KIND_STRING, AT(tables.message_exclude), "",
	 .help = "Prefixes of logical messages to leave out; not together with the include list"},
	{"tables", "skipped.operations", NULL, KIND_OPERATIONS, AT(tables.skipped_operations), "t",
	 .help = "Operations to leave out: c (create), u (update), d (delete), t (truncate), or none"},

	{"kafka", "topic.prefix", NULL, KIND_NAME, AT(kafka.topic_prefix), "",
	 .help = "Logical name of the source: topics are PREFIX.SCHEMA.TABLE. Required"},
	{"kafka", "topic.delimiter", NULL, KIND_NAME, AT(kafka.topic_delimiter), ".",
	 .help = "What stands between the parts of a topic's name"},

	{"registry", "registry.url", "schema.registry.url", KIND_URLS, AT(registry.url), "",
	 .help = "Schema registries (Confluent's interface), separated by commas. Empty: none, "
			 "schemas go to schemas.dir"},
	{"registry", "basic.auth.user.info", NULL, KIND_STRING, AT(registry.user_info), "",
	 .secret = true, .help = "USER:PASSWORD for the registry"},
	{"registry", "bearer.auth.token", NULL, KIND_STRING, AT(registry.token), "", .secret = true,
	 .help = "Bearer token for the registry"},
	{"registry", "registry.ssl.ca.location", NULL, KIND_STRING, AT(registry.ca), "",
	 .help = "File with the certificates that the registry's one must chain to"},
	{"registry", "auto.register.schemas", NULL, KIND_BOOL, AT(registry.auto_register), "true",
	 .help = "Register schemas. Off: they must be there already"},
	{"registry", "normalize.schemas", NULL, KIND_BOOL, AT(registry.normalize), "false",
	 .help = "Ask the registry to normalize schemas"},
	{"registry", "schemas.dir", NULL, KIND_STRING, AT(registry.dir), "",
	 .help = "Folder that schemas are written to when there is no registry"},

	{"format", "sink", NULL, KIND_CHOICE, AT(format.sink), "kafka", .words = sinks,
	 .help = "Where events go; stdout and file write them as lines of JSON"},
	{"format", "sink.file", NULL, KIND_STRING, AT(format.file), "",
	 .help = "File for sink = file; events are appended"},
	{"format", "schema.name.adjustment.mode", NULL, KIND_CHOICE, AT(format.schema_names), "avro",
	 .words = adjustments, .help = "How names of schemas become valid in Avro"},
	{"format", "field.name.adjustment.mode", NULL, KIND_CHOICE, AT(format.field_names), "avro",
	 .words = adjustments, .help = "How names of columns become valid in Avro"},
	{"format", "tombstones.on.delete", NULL, KIND_BOOL, AT(format.tombstones), "true",
	 .help = "Send a tombstone after each delete, for compacted topics"},
	{"format", "generated.columns", NULL, KIND_CHOICE, AT(format.generated), "exclude",
	 .words = generated, .help = "Whether stored generated columns are captured"},
	{"format", "unavailable.value.placeholder", NULL, KIND_STRING, AT(format.placeholder),
	 "__debezium_unavailable_value",
	 .help = "Stands for a large value that an update did not touch and the server did not log"},
	{"format", "avro.verify", NULL, KIND_COUNT, AT(format.avro_verify), "0", 0, UINT32_MAX,
	 .help = "Decode every Nth change again with libavro and compare; 0: never"},
	{"format", "source.version", NULL, KIND_STRING, AT(format.version), WALRELAY_VERSION,
	 .help = "What events say in source.version"},

	{"relay", "stream.flush", NULL, KIND_WORD, AT(relay.flush), "idle", .words = flushes,
	 .help = "When the server sends: when it would wait for more, or at each commit"},
	{"relay", "stream.frame.bytes", NULL, KIND_SIZE, AT(relay.frame_bytes), "16kB", KB, MB,
	 .help = "How much the server collects before it sends"},
	{"relay", "max.value.bytes", NULL, KIND_SIZE, AT(relay.max_long), "1GB", KB, 2 * GB,
	 .help = "A single value longer than this stops the relay"},
	{"relay", "max.in.flight.messages", NULL, KIND_COUNT, AT(relay.max_in_flight), "50000", 1,
	 10000000, .help = "Unacknowledged messages at which reading pauses"},
	{"relay", "max.in.flight.bytes", NULL, KIND_SIZE, AT(relay.max_bytes), "16MB", 64 * KB,
	 64 * GB, .help = "Unacknowledged bytes at which reading pauses"},
	{"relay", "status.interval.ms", NULL, KIND_DURATION, AT(relay.status_ms), "10s", 100, HOUR,
	 .help = "Longest time between two reports of the position to the server; a third of "
			 "wal_sender_timeout where that is less"},
	{"relay", "shutdown.timeout.ms", NULL, KIND_DURATION, AT(relay.shutdown_ms), "4s", 0, HOUR,
	 .help = "How long to wait for acknowledgements when told to end"},
	{"relay", "retry.backoff.ms", NULL, KIND_DURATION, AT(relay.backoff_min_ms), "200ms", 1, HOUR,
	 .help = "First pause before connecting again; doubles with each failure"},
	{"relay", "retry.backoff.max.ms", NULL, KIND_DURATION, AT(relay.backoff_max_ms), "30s", 1,
	 HOUR, .help = "Longest pause before connecting again"},

	{"admin", "admin.listen", NULL, KIND_LISTEN, AT(admin.listen), "",
	 .help = "HOST:PORT for metrics and health. Empty: none"},
	{"admin", "log.format", NULL, KIND_CHOICE, AT(admin.log_format), "auto", .words = log_formats,
	 .help = "How messages look on stderr; auto: text on a terminal, logfmt elsewhere"},
	{"admin", "log.level", NULL, KIND_CHOICE, AT(admin.log_level), "info", .words = log_levels,
	 .help = "Least important messages to show"},
};

const unsigned nsettings = sizeof(settings) / sizeof(settings[0]);

/* --- names --------------------------------------------------------------- */

void
setting_path(const struct setting *set, char path[SETTING_PATH_MAX])
{
	size_t len = strlen(set->section);

	if (strncmp(set->key, set->section, len) == 0 && set->key[len] == '.')
		snprintf(path, SETTING_PATH_MAX, "%s", set->key);
	else
		snprintf(path, SETTING_PATH_MAX, "%s.%s", set->section, set->key);
}

void
setting_variable(const char *path, char name[SETTING_PATH_MAX])
{
	size_t at = (size_t) snprintf(name, SETTING_PATH_MAX, "WALRELAY_");

	for (; *path && at < SETTING_PATH_MAX - 1; path++)
		name[at++] = isalnum((unsigned char) *path) ? (char) toupper((unsigned char) *path) : '_';
	name[at] = '\0';
}

/* True if name is the setting's path, its key or its alias, with or without its section. */
static bool
setting_is(const struct setting *set, const char *name)
{
	char   path[SETTING_PATH_MAX];
	size_t len = strlen(set->section);

	setting_path(set, path);
	if (strcmp(name, path) == 0 || strcmp(name, set->key) == 0)
		return true;
	if (strncmp(name, set->section, len) == 0 && name[len] == '.' &&
		strcmp(name + len + 1, set->key) == 0)
		return true;
	if (set->alias == NULL)
		return false;
	if (strncmp(name, set->section, len) == 0 && name[len] == '.' &&
		strcmp(name + len + 1, set->alias) == 0)
		return true;
	return strcmp(name, set->alias) == 0;
}

static const struct setting *
setting_named(const char *name)
{
	for (unsigned i = 0; i < nsettings; i++)
		if (setting_is(&settings[i], name))
			return &settings[i];
	return NULL;
}

static bool
property_is_known(const char *name)
{
	struct err e;

	return producer_property_check(name, "", &e) == RC_OK || e.code != E1001;
}

/* Names that look like they hold what nobody else should see. */
bool
property_is_secret(const char *name)
{
	static const char *const marks[] = {"pass", "secret", "key", "token", "jaas", "oauth"};

	for (unsigned i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strcasestr(name, marks[i]))
			return true;
	return false;
}

/* What a key that was given means. */
struct target
{
	const struct setting *set;		/* NULL: a librdkafka property */
	const char			 *property; /* into the given key */
	bool				  from_file; /* the value names a file that holds it */
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
	size_t	 na = strnlen(a, SETTING_PATH_MAX);
	size_t	 nb = strnlen(b, SETTING_PATH_MAX);

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
	static const char *const properties[] = {
		"bootstrap.servers", "client.id", "security.protocol", "sasl.mechanism", "sasl.mechanisms",
		"sasl.username", "sasl.password", "ssl.ca.location", "ssl.certificate.location",
		"ssl.key.location", "ssl.key.password", "linger.ms", "batch.size", "batch.num.messages",
		"compression.type", "compression.codec", "compression.level", "message.max.bytes",
		"message.timeout.ms", "delivery.timeout.ms", "request.timeout.ms", "socket.timeout.ms",
		"queue.buffering.max.ms", "queue.buffering.max.messages", "queue.buffering.max.kbytes",
		"partitioner", "acks", "request.required.acks", "enable.idempotence", "debug",
		"statistics.interval.ms", "metadata.max.age.ms", "transactional.id"};
	bool in_kafka = strncmp(given, "kafka.", 6) == 0;

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
	const char			 *dot = strchr(key, '.');
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

/* --- values --------------------------------------------------------------- */

struct unit
{
	const char *name;
	uint64_t	factor;
};

static const struct unit size_units[] = {{"B", 1},	 {"k", KB},	 {"K", KB},	 {"kB", KB}, {"KB", KB},
										 {"M", MB},	 {"MB", MB}, {"G", GB},	 {"GB", GB}, {NULL, 0}};
static const struct unit time_units[] = {{"ms", 1},			   {"s", SECOND}, {"min", 60 * SECOND},
										 {"m", 60 * SECOND}, {"h", HOUR},	{NULL, 0}};
static const struct unit no_units[] = {{NULL, 0}};

/* A whole number with an optional unit behind it. */
static bool
number_parse(const char *text, const struct unit *units, uint64_t *value)
{
	char	*end;
	uint64_t factor = 1;

	if (!isdigit((unsigned char) *text))
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	while (*end == ' ')
		end++;
	if (*end)
	{
		while (units->name && strcmp(units->name, end) != 0)
			units++;
		if (units->name == NULL)
			return false;
		factor = units->factor;
	}
	return !__builtin_mul_overflow(*value, factor, value);
}

static bool
word_find(const char *const *words, const char *text, uint64_t *place)
{
	for (*place = 0; words[*place]; (*place)++)
		if (strcasecmp(words[*place], text) == 0)
			return true;
	return false;
}

static bool
bool_parse(const char *text, uint64_t *value)
{
	static const char *const words[] = {"false", "true", "off", "on", "no", "yes", "0", "1", NULL};

	if (!word_find(words, text, value))
		return false;
	*value &= 1;
	return true;
}

static bool
operations_are_valid(const char *text)
{
	char *copy = xstrdup(text);
	char *rest = copy;
	char *word;
	bool  valid = true;

	while ((word = strsep(&rest, ",")) != NULL)
	{
		word += strspn(word, " ");
		word[strcspn(word, " ")] = '\0';
		if (strcmp(word, "none") != 0 && (strlen(word) != 1 || !strchr("cudt", word[0])))
			valid = false;
	}
	free(copy);
	return valid;
}

static bool
urls_are_valid(const char *text)
{
	char *copy = xstrdup(text);
	char *rest = copy;
	char *url;
	bool  valid = true;

	while (*text && (url = strsep(&rest, ",")) != NULL)
	{
		char *host = strstr(url, "://");

		url += strspn(url, " ");
		if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
			host[3] == '\0' || host[3] == '/')
			valid = false;
	}
	free(copy);
	return valid;
}

static bool
listen_is_valid(const char *text)
{
	const char *colon = strrchr(text, ':');
	uint64_t	port;

	return *text == '\0' || (colon && colon > text && number_parse(colon + 1, no_units, &port) &&
							 port > 0 && port <= 65535);
}

static bool
consists_of(const char *text, const char *others, bool upper)
{
	for (; *text; text++)
		if (!(*text >= 'a' && *text <= 'z') && !(*text >= '0' && *text <= '9') &&
			!(upper && *text >= 'A' && *text <= 'Z') && strchr(others, *text) == NULL)
			return false;
	return true;
}

/*
 * True if the setting takes the text; *number is it for kinds that are
 * numbers.  What is said otherwise is setting_takes()'s.
 */
static bool
setting_parse(const struct setting *set, const char *text, uint64_t *number)
{
	switch (set->kind)
	{
		case KIND_STRING: return true;
		case KIND_CONNINFO: return true; /* libpq's to judge: source_new() */
		case KIND_URLS: return urls_are_valid(text);
		case KIND_NAME: return consists_of(text, "._-", true);
		case KIND_SLOT: return *text && strlen(text) < 64 && consists_of(text, "_", false);
		case KIND_OPERATIONS: return operations_are_valid(text);
		case KIND_LISTEN: return listen_is_valid(text);
		case KIND_BOOL: return bool_parse(text, number);
		case KIND_WORD:
		case KIND_CHOICE: return word_find(set->words, text, number);
		case KIND_COUNT:
			return number_parse(text, no_units, number) && *number >= set->min &&
				   *number <= set->max;
		case KIND_SIZE:
			return number_parse(text, size_units, number) && *number >= set->min &&
				   *number <= set->max;
		case KIND_DURATION:
			return number_parse(text, time_units, number) && *number >= set->min &&
				   *number <= set->max;
	}
	return false;
}

static bool
setting_is_string(const struct setting *set)
{
	return set->kind <= KIND_WORD;
}

void
setting_takes(const struct setting *set, char *text, size_t size)
{
	size_t at;

	switch (set->kind)
	{
		case KIND_STRING: snprintf(text, size, "text"); break;
		case KIND_CONNINFO: snprintf(text, size, "a libpq connection string"); break;
		case KIND_URLS: snprintf(text, size, "http:// or https:// URLs"); break;
		case KIND_NAME: snprintf(text, size, "letters, digits, \".\", \"_\" and \"-\""); break;
		case KIND_SLOT:
			snprintf(text, size, "1 to 63 lower-case letters, digits and underscores");
			break;
		case KIND_OPERATIONS: snprintf(text, size, "c, u, d, t separated by commas, or none"); break;
		case KIND_LISTEN: snprintf(text, size, "HOST:PORT"); break;
		case KIND_BOOL: snprintf(text, size, "true or false"); break;
		case KIND_WORD:
		case KIND_CHOICE:
			at = (size_t) snprintf(text, size, "%s", set->words[0]);
			for (unsigned i = 1; set->words[i] && at < size; i++)
				at += (size_t) snprintf(text + at, size - at, "%s%s",
										set->words[i + 1] ? ", " : " or ", set->words[i]);
			break;
		case KIND_COUNT:
			snprintf(text, size, "a number from %llu to %llu", (unsigned long long) set->min,
					 (unsigned long long) set->max);
			break;
		case KIND_SIZE:
			snprintf(text, size, "a size from %llukB to %lluMB, such as 512kB, 16MB or 1GB",
					 (unsigned long long) (set->min / KB), (unsigned long long) (set->max / MB));
			break;
		case KIND_DURATION:
			snprintf(text, size, "a duration from %llums to %llus, such as 500ms or 10s",
					 (unsigned long long) set->min, (unsigned long long) (set->max / SECOND));
			break;
	}
}

static enum rc
setting_refuse(const struct setting *set, const char *text, const char *where, struct err *e)
{
	char path[SETTING_PATH_MAX];
	char takes[256];

	setting_path(set, path);
	setting_takes(set, takes, sizeof(takes));
	if (set->secret || set->kind == KIND_URLS)
		err_set(e, ERR_CONFIG, E1002, "invalid value for \"%s\"", path);
	else
		err_set(e, ERR_CONFIG, E1002, "invalid value for \"%s\": \"%.80s\"", path, text);
	err_detail(e, "It comes from the %s.", where);
	return err_hint(e, "Give %s.", takes);
}

static void
setting_store(const struct setting *set, struct config *cfg, const char *text, uint64_t number)
{
	char *field = (char *) cfg + set->offset;

	if (setting_is_string(set))
	{
		char *copy = xstrdup(set->kind == KIND_WORD ? set->words[number] : text);

		free(*(char **) field);
		*(char **) field = copy;
	}
	else if (set->size == sizeof(bool))
		*(bool *) field = number != 0;
	else if (set->size == sizeof(uint32_t))
		*(uint32_t *) field = (uint32_t) number;
	else
		*(uint64_t *) field = number;
}

/* --- setting -------------------------------------------------------------- */

static void
property_store(struct config *cfg, const char *name, const char *value, enum origin origin,
			   const char *where)
{
	struct property *prop = cfg->kafka.properties;
	struct property *end = prop + cfg->kafka.nproperties;

	while (prop < end && strcmp(prop->name, name) != 0)
		prop++;
	if (prop < end && prop->origin > origin)
		return;
	if (prop < end)
	{
		free(prop->value);
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
	if (producer_property_check(name, value, e) != RC_OK)
	{
		if (e->detail[0] == '\0')
			err_detail(e, "It comes from the %s.", where);
		return RC_ERR;
	}
	property_store(cfg, name, value, origin, where);
	return RC_OK;
}

/* Reads a secret; the newline that an editor leaves at its end is not part of it. */
static enum rc
secret_read(const char *key, const char *path, const char *where, char **value, struct err *e)
{
	FILE  *in = fopen(path, "re");
	char   text[64 * 1024];
	size_t len = 0;
	bool   failed = in == NULL;

	if (in)
	{
		len = fread(text, 1, sizeof(text), in);
		failed = ferror(in) != 0;
		if (!failed && len == sizeof(text))
			errno = EFBIG;
		failed = failed || len == sizeof(text);
		fclose(in);
	}
	if (failed)
	{
		err_set(e, ERR_CONFIG, E1004, "file with \"%s\" cannot be read: %s", key, strerror(errno));
		err_detail(e, "File \"%s\" is named by the %s.", path, where);
		return err_hint(e, "Make it a file of less than 64 kB that walrelay's user may read.");
	}
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	*value = xstrndup(text, len);
	explicit_bzero(text, sizeof(text));
	return RC_OK;
}

static enum rc
target_set(struct config *cfg, const struct target *target, const char *value, enum origin origin,
		   const char *where, struct err *e)
{
	struct config_origin *from;
	uint64_t			  number = 0;

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

enum rc
config_set(struct config *cfg, const char *key, const char *value, enum origin origin,
		   const char *where, struct err *e)
{
	char		 *name = xstrdup(key);
	char		 *held = NULL;
	struct target target;
	enum rc		  rc = RC_OK;

	if (!target_find_any(name, &target))
		rc = config_unknown(key, where, e);
	else if (target.from_file)
		rc = secret_read(name, value, where, &held, e);
	if (rc == RC_OK)
		rc = target_set(cfg, &target, held ? held : value, origin, where, e);
	if (held)
		explicit_bzero(held, strlen(held));
	free(held);
	free(name);
	return rc;
}

enum origin
config_origin(const struct config *cfg, const char *key)
{
	const struct setting *set = setting_named(key);

	return set ? cfg->origins[set - settings].origin : ORIGIN_DEFAULT;
}

bool
config_key_is_bool(const char *key)
{
	const struct setting *set = setting_named(key);

	return set && set->kind == KIND_BOOL;
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
			free(*(char **) ((char *) cfg + settings[i].offset));
		free(cfg->origins[i].where);
	}
	for (unsigned i = 0; i < cfg->kafka.nproperties; i++)
	{
		free(cfg->kafka.properties[i].name);
		free(cfg->kafka.properties[i].value);
		free(cfg->kafka.properties[i].where);
	}
	free(cfg->kafka.properties);
	free(cfg->origins);
	free(cfg);
}

/* --- what no single key can tell ------------------------------------------ */

/* Adds to the error that a setting is missing; the first one makes it. */
static enum rc
config_missing(const char *section, const char *key, const char *example, enum rc rc,
			   struct err *e)
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
		snprintf(e->detail + at, sizeof(e->detail) - at, "%s\"%s\" is missing, too.",
				 at ? " " : "", path);
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

static enum rc
config_contradiction(const char *one, const char *other, struct err *e)
{
	err_set(e, ERR_CONFIG, E1002, "\"%s\" and \"%s\" cannot both be set", one, other);
	return err_hint(e, "Leave one of them out.");
}

enum rc
config_check(const struct config *cfg, struct err *e)
{
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
	if (*cfg->registry.user_info && *cfg->registry.token)
		return config_contradiction("basic.auth.user.info", "bearer.auth.token", e);
	if (cfg->relay.backoff_min_ms > cfg->relay.backoff_max_ms)
	{
		err_set(e, ERR_CONFIG, E1002,
				"\"retry.backoff.ms\" is longer than \"retry.backoff.max.ms\"");
		return err_hint(e, "Set retry.backoff.max.ms to at least %ums.", cfg->relay.backoff_min_ms);
	}
	return RC_OK;
}
