/*
 * config_table.c
 *		The table of settings, and what each of them takes; see config_table.h.
 *
 * Everything that is said about a setting (its kind, default, limits, help) is
 * in settings[]; nothing else names a key.
 */
#include "config_table.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "buf.h"
#include "hours.h"

#define AT(field) offsetof(struct config, field), sizeof(((struct config *) 0)->field)

#define KB UINT64_C(1024)
#define MB (1024 * KB)
#define GB (1024 * MB)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (3600 * SECOND)

static const char *const sinks[] = {"kafka", "stdout", "file", NULL};
static const char *const adjustments[] = {"none", "avro", "avro_unicode", NULL};
static const char *const profiles[] = {"2.7", "3.0", "3.2", "3.5", NULL};
static const char *const decimal_modes[] = {"precise", "double", "string", NULL};
static const char *const time_modes[] = {
	"adaptive",     "adaptive_time_microseconds", "connect", "isostring",
	"microseconds", "nanoseconds",                NULL};
static const char *const interval_modes[] = {"numeric", "string", NULL};
static const char *const binary_modes[] = {"bytes", "base64", "base64-url-safe", "hex", NULL};
static const char *const hstore_modes[] = {"json", "map", NULL};
static const char *const exact_types[] = {"numeric", "interval", "date", "timestamp",
										  "timetz",  "array",    "bit",  NULL};
static const char *const strategies[] = {"TopicNameStrategy", "RecordNameStrategy",
										 "TopicRecordNameStrategy", NULL};
static const char *const deliveries[] = {"at-least-once", "exactly-once", NULL};
static const char *const incompatibles[] = {"stop", "dead-letter", NULL};
static const char *const snapshot_modes[] = {"initial", "always",      "initial_only",
											 "no_data", "when_needed", "never",
											 NULL};
static const char *const channels[] = {"source", "kafka", NULL};
static const char *const guards[] = {"off", "warn", "pause", "stop", NULL}; /* enum guard_level */
static const char *const failovers[] = {"auto", "true", "false", NULL};
static const char *const on_errors[] = {"stop", "dead-letter", "skip", NULL};
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
			 "is not seen, and no position is kept"},
	{"slot", "slot.failover", NULL, KIND_CHOICE, AT(slot.failover), "auto", .words = failovers,
	 .help = "Create the slot so that standbys keep a copy of it (PostgreSQL 17 and later); auto: "
			 "where the server can. One that exists: walrelay slot alter"},
	{"slot", "slot.wait.ms", NULL, KIND_DURATION, AT(slot.wait_ms), "90s", 0, HOUR,
	 .help = "How long to wait for a slot that is active elsewhere; longer than the server's "
			 "wal_sender_timeout, after which it gives up a dead predecessor"},
	{"slot", "slot.guard", NULL, KIND_CHOICE, AT(slot.guard), "warn", .words = guards,
	 .help = "What is done before the slot is lost, or fills the disk: warn, from half of what it may "
			 "keep on; pause, also read no more rows of snapshots, from three quarters on; stop, "
			 "also end with exit code 79, from nine tenths on and nothing is confirmed. off: nobody "
			 "looks"},
	{"slot", "slot.guard.bytes", NULL, KIND_SIZE, AT(slot.guard_bytes), "0", 0, 1024 * 1024 * MB,
	 .help = "WAL that the slot may keep, for slot.guard, if less than max_slot_wal_keep_size; 0: that "
			 "alone counts, and without it a warning comes at 10 GB"},
	{"slot", "slot.heartbeat.ms", "heartbeat.interval.ms", KIND_DURATION, AT(slot.heartbeat_ms),
	 "30s", 0, HOUR,
	 .help = "How long restart_lsn stands still, while all is confirmed and 64 MB or more are kept, "
			 "before a logical message helps it on; 0: never"},

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

	{"kafka", "topic.transaction", NULL, KIND_NAME, AT(kafka.topic_transaction), "transaction",
	 .help = "Topic of transaction boundaries is PREFIX.THIS, with provide.transaction.metadata"},
	{"kafka", "topic.schema.changes", NULL, KIND_NAME, AT(kafka.topic_schema_changes),
	 "schema-changes",
	 .help = "Topic of schema changes is PREFIX.THIS, with include.schema.changes"},
	{"kafka", "topic.dead.letter", NULL, KIND_NAME, AT(kafka.topic_dead_letter), "dead-letter",
	 .help = "Topic of messages that cannot be delivered is PREFIX.THIS, with "
			 "on.error or schema.on.incompatible = dead-letter"},
	{"kafka", "topic.progress", NULL, KIND_NAME, AT(kafka.topic_progress), "progress",
	 .help = "Topic that keeps the position of each slot is PREFIX.THIS; it is made, compacted, if "
			 "it is not there"},
	{"kafka", "delivery", NULL, KIND_CHOICE, AT(kafka.exactly_once), "at-least-once",
	 .words = deliveries,
	 .help = "exactly-once: in Kafka transactions that hold whole transactions of the database; "
			 "consumers must read with isolation.level = read_committed"},

	{"registry", "registry.url", "schema.registry.url", KIND_URLS, AT(registry.url), "",
	 .help = "Schema registries (Confluent's interface), separated by commas. Empty: none, "
			 "schemas go to schemas.dir"},
	{"registry", "basic.auth.user.info", NULL, KIND_STRING, AT(registry.user_info), "",
	 .secret = true, .help = "USER:PASSWORD for the registry"},
	{"registry", "bearer.auth.token", NULL, KIND_STRING, AT(registry.token), "", .secret = true,
	 .help = "Bearer token for the registry"},
	{"registry", "registry.ssl.ca.location", NULL, KIND_STRING, AT(registry.ca), "",
	 .help = "File with the certificates that the registry's one must chain to"},
	{"registry", "registry.ssl.certificate.location", NULL, KIND_STRING, AT(registry.certificate),
	 "", .help = "File with the certificate to show to the registry (mTLS)"},
	{"registry", "registry.ssl.key.location", NULL, KIND_STRING, AT(registry.key), "",
	 .help = "File with the key of that certificate"},
	{"registry", "registry.ssl.key.password", NULL, KIND_STRING, AT(registry.key_password), "",
	 .secret = true, .help = "Password of that key"},
	{"registry", "auto.register.schemas", NULL, KIND_BOOL, AT(registry.auto_register), "true",
	 .help = "Register schemas. Off: they must be there already"},
	{"registry", "use.latest.version", NULL, KIND_BOOL, AT(registry.use_latest), "false",
	 .help = "Use a subject's latest version, if it says the same as our schema but for "
			 "documentation and the like; only with auto.register.schemas = false"},
	{"registry", "key.subject.name.strategy", NULL, KIND_CHOICE, AT(registry.key_subject),
	 "TopicNameStrategy", .words = strategies, .help = "Subjects that schemas of keys go to"},
	{"registry", "value.subject.name.strategy", NULL, KIND_CHOICE, AT(registry.value_subject),
	 "TopicNameStrategy", .words = strategies, .help = "Subjects that schemas of values go to"},
	{"registry", "schema.on.incompatible", NULL, KIND_CHOICE, AT(registry.on_incompatible), "stop",
	 .words = incompatibles,
	 .help = "When the registry refuses a schema: stop before the first change that needs it, and "
			 "go on once it is accepted; or send such changes to topic.dead.letter until it is. Not "
			 "set: as on.error says"},
	{"registry", "normalize.schemas", NULL, KIND_BOOL, AT(registry.normalize), "false",
	 .help = "Ask the registry to normalize schemas"},
	{"registry", "schemas.dir", NULL, KIND_STRING, AT(registry.dir), "walrelay-schemas",
	 .help = "Folder that schemas are written to when there is no registry and the sink is kafka. "
			 "Empty: they are written nowhere"},

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

	{"format", "debezium.profile", NULL, KIND_CHOICE, AT(format.profile), "3.2", .words = profiles,
	 .help = "Release of Debezium whose schemas to write; TYPES.md says which others have the same"},
	{"format", "decimal.handling.mode", NULL, KIND_CHOICE, AT(format.decimals), "precise",
	 .words = decimal_modes, .help = "How numeric and money are written"},
	{"format", "time.precision.mode", NULL, KIND_CHOICE, AT(format.times), "adaptive",
	 .words = time_modes, .help = "How date, time and timestamp are written"},
	{"format", "interval.handling.mode", NULL, KIND_CHOICE, AT(format.intervals), "numeric",
	 .words = interval_modes,
	 .help = "How interval is written: microseconds, a month being 30.4375 days, or ISO 8601"},
	{"format", "binary.handling.mode", NULL, KIND_CHOICE, AT(format.binaries), "bytes",
	 .words = binary_modes, .help = "How bytea is written"},
	{"format", "hstore.handling.mode", NULL, KIND_CHOICE, AT(format.hstores), "json",
	 .words = hstore_modes, .help = "How hstore is written"},
	{"format", "money.fraction.digits", NULL, KIND_COUNT, AT(format.money_digits), "2", 0, 10,
	 .help = "Digits that money has behind the point in events"},
	{"format", "include.unknown.datatypes", NULL, KIND_BOOL, AT(format.unknown), "false",
	 .help = "Capture columns of types that Debezium has no form for, as the bytes of their text"},
	{"format", "exact.types", NULL, KIND_SET, AT(format.exact), "", .words = exact_types,
	 .help = "Types to write as PostgreSQL's own text, which says every value exactly, where "
			 "Debezium's form rounds, wraps or loses some; separated by commas"},
	{"format", "column.propagate.source.type", NULL, KIND_STRING, AT(format.propagate_columns), "",
	 .help = "Columns whose type, length and scale go into the schema as parameters: regular "
			 "expressions on schema.table.column, separated by commas"},
	{"format", "datatype.propagate.source.type", NULL, KIND_STRING, AT(format.propagate_types), "",
	 .help = "The same, by type: regular expressions on schema.table.type"},
	{"format", "provide.transaction.metadata", NULL, KIND_BOOL, AT(format.transactions), "false",
	 .help = "Say of each event which transaction it belongs to and where in it, and write the "
			 "transactions' boundaries to topic.transaction"},
	{"format", "include.schema.changes", NULL, KIND_BOOL, AT(format.schema_changes), "false",
	 .help = "Write what changes in the description of a captured table to topic.schema.changes"},
	{"format", "extended.headers.enabled", NULL, KIND_BOOL, AT(format.extended_headers), "false",
	 .help = "Put the connector's context headers on each message, and __walrelay.before = key "
			 "where before has only the key"},
	{"format", "position.header", NULL, KIND_BOOL, AT(format.position_header), "false",
	 .help = "Put __walrelay.position on each message: the position of its transaction's commit and "
			 "its place in it, 8 bytes each, which order all messages and stay when they come again"},

	{"relay", "on.error", NULL, KIND_CHOICE, AT(relay.on_error), "stop", .words = on_errors,
	 .help = "When a record cannot be encoded or the brokers will never take it: stop; send it to "
			 "topic.dead.letter and go on; or skip it, counted and logged, and go on"},
	{"relay", "stream.flush", NULL, KIND_WORD, AT(relay.flush), "idle", .words = flushes,
	 .help = "When the server sends: when it would wait for more, or at each commit"},
	{"relay", "stream.frame.bytes", NULL, KIND_SIZE, AT(relay.frame_bytes), "16kB", KB, MB,
	 .help = "How much the server collects before it sends"},
	{"relay", "max.value.bytes", NULL, KIND_SIZE, AT(relay.max_long), "1GB", KB, 2 * GB,
	 .help = "A single value longer than this is an error, see on.error"},
	{"relay", "max.in.flight.messages", NULL, KIND_COUNT, AT(relay.max_in_flight), "50000", 1,
	 10000000, .help = "Unacknowledged messages at which reading pauses"},
	{"relay", "max.in.flight.bytes", NULL, KIND_SIZE, AT(relay.max_bytes), "16MB", 64 * KB, 64 * GB,
	 .help = "Unacknowledged bytes at which reading pauses"},
	{"relay", "status.interval.ms", NULL, KIND_DURATION, AT(relay.status_ms), "10s", 100, HOUR,
	 .help = "Longest time between two reports of the position to the server; a third of "
			 "wal_sender_timeout where that is less"},
	{"relay", "shutdown.timeout.ms", NULL, KIND_DURATION, AT(relay.shutdown_ms), "3s", 0, HOUR,
	 .help = "How long to wait for acknowledgements when told to end"},
	{"relay", "retry.backoff.ms", NULL, KIND_DURATION, AT(relay.backoff_min_ms), "200ms", 1, HOUR,
	 .help = "First pause before connecting again; doubles with each failure"},
	{"relay", "retry.backoff.max.ms", NULL, KIND_DURATION, AT(relay.backoff_max_ms), "30s", 1, HOUR,
	 .help = "Longest pause before connecting again"},

	{"relay", "progress.interval.ms", NULL, KIND_DURATION, AT(relay.progress_ms), "200ms", 0, MINUTE,
	 .help = "How often the position is written to topic.progress, which is what a start repeats at "
			 "most; with delivery = exactly-once, how long a Kafka transaction is open"},
	{"relay", "transaction.max.messages", NULL, KIND_COUNT, AT(relay.transaction_messages),
	 "100000", 1, 10000000,
	 .help = "With delivery = exactly-once: messages at which a Kafka transaction ends, also within "
			 "a transaction of the database"},
	{"relay", "transaction.max.bytes", NULL, KIND_SIZE, AT(relay.transaction_bytes), "64MB",
	 64 * KB, 64 * GB,
	 .help = "With delivery = exactly-once: the same by bytes"},
	{"relay", "gap.records", NULL, KIND_BOOL, AT(relay.gap_records), "true",
	 .help = "Tell consumers of a gap that --accept-gap has passed: a record without key and value, "
			 "with header __walrelay.gap, in every partition of each topic concerned"},
	{"relay", "check.at.start", NULL, KIND_BOOL, AT(relay.check_at_start), "true",
	 .help = "Once changes stream, look at all that walrelay check looks at, beside the stream, and "
			 "log what it would warn of"},

	{"snapshot", "snapshot.mode", NULL, KIND_CHOICE, AT(snapshot.mode), "initial",
	 .words = snapshot_modes,
	 .help = "When to read the rows that are there: initial, if topic.progress has no position of "
			 "the slot; always, at each start; initial_only, and then stop; no_data, schemas and "
			 "topics only; when_needed, as initial, and also where the stream cannot go on from "
			 "the position that is known; never. Without sink = kafka, initial needs slot.temporary"},
	{"snapshot", "snapshot.max.threads", NULL, KIND_COUNT, AT(snapshot.max_threads), "2", 1, 64,
	 .help = "Connections that read rows at the same time, of several tables or of one"},
	{"snapshot", "snapshot.conninfo", NULL, KIND_CONNINFO, AT(snapshot.conninfo), "", .secret = true,
	 .help = "Where rows of snapshots are read, if not at source.conninfo: a standby of it, for incremental "
			 "snapshots; or its primary, if source.conninfo is a standby"},
	{"snapshot", "snapshot.chunk.size", NULL, KIND_COUNT, AT(snapshot.chunk_rows), "50000", 1,
	 100000000,
	 .help = "Rows that are read, delivered and noted as done together, about; fewer where they are "
			 "large"},
	{"snapshot", "snapshot.rate.limit", NULL, KIND_COUNT, AT(snapshot.rate_limit), "0", 0,
	 100000000,
	 .help = "Rows that are read in a second at most, of all tables together, on average; 0: no limit"},
	{"snapshot", "snapshot.window", NULL, KIND_HOURS, AT(snapshot.window), "",
	 .help = "Hours of the day, in the relay's local time, in which rows are read, such as "
			 "22:00-06:00; outside of them changes stream. Empty: always"},
	{"snapshot", "snapshot.max.retained.bytes", NULL, KIND_SIZE, AT(snapshot.max_retained), "0", 0,
	 UINT64_C(1024) * GB,
	 .help = "WAL kept by the slot at which no more rows are read, and changes stream, until it is "
			 "less than half of that; 0: no limit"},

	{"signal", "signal.enabled.channels", NULL, KIND_SET, AT(signal.channels), "",
	 .words = channels,
	 .help = "Who may ask for snapshots by Debezium's signals: source, whoever may call "
			 "pg_logical_emit_message in the database; kafka, whoever may write to "
			 "signal.kafka.topic. Empty: nobody but walrelay snapshot start and so on"},
	{"signal", "signal.kafka.topic", NULL, KIND_NAME, AT(signal.topic), "",
	 .help = "Topic of signals, with signal.enabled.channels = kafka. Empty: PREFIX-signal"},

	{"admin", "admin.listen", NULL, KIND_LISTEN, AT(admin.listen), "",
	 .help = "HOST:PORT for metrics and health, :PORT for this machine only. Empty: none"},
	{"admin", "admin.ready.lag", NULL, KIND_DURATION, AT(admin.ready_lag_ms), "0", 0, 24 * HOUR,
	 .help = "How far the relay may be behind and be ready, see /readyz; 0: as far as it is"},
	{"admin", "admin.basic.auth.user.info", NULL, KIND_STRING, AT(admin.user_info), "", .secret = true,
	 .help = "USER:PASSWORD that who asks there has to give, but for /livez. Empty: anybody may ask"},
	{"admin", "admin.ssl.certificate.location", NULL, KIND_STRING, AT(admin.certificate), "",
	 .help = "Certificates (PEM) to show there: then it is https"},
	{"admin", "admin.ssl.key.location", NULL, KIND_STRING, AT(admin.key), "",
	 .help = "Their key (PEM), without a pass phrase; empty: it is in the same file"},
	{"admin", "admin.core.dumps", NULL, KIND_BOOL, AT(admin.core_dumps), "false",
	 .help = "Let the system dump the process's memory, and its user's debuggers look into it; passwords "
			 "and rows are there"},
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

const struct setting *
setting_named(const char *name)
{
	for (unsigned i = 0; i < nsettings; i++)
		if (setting_is(&settings[i], name))
			return &settings[i];
	return NULL;
}

bool
setting_is_bool(const char *name)
{
	const struct setting *set = setting_named(name);

	return set && set->kind == KIND_BOOL;
}

/* Names that look like they hold what nobody else should see. */
bool
property_is_secret(const char *name)
{
	static const char *const marks[] = {"pass",      "secret",     "token",   "jaas",    "oauth",
										"user.info", "credential", "ssl.key", "ssl_key", "keystore"};

	for (unsigned i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strcasestr(name, marks[i]))
			return true;
	return false;
}

/* --- values --------------------------------------------------------------- */

struct unit
{
	const char *name;
	uint64_t    factor;
};

static const struct unit size_units[] = {{"B", 1},  {"k", KB},  {"K", KB}, {"kB", KB}, {"KB", KB},
										 {"M", MB}, {"MB", MB}, {"G", GB}, {"GB", GB}, {NULL, 0}};
static const struct unit time_units[] = {{"ms", 1},          {"s", SECOND}, {"min", 60 * SECOND},
										 {"m", 60 * SECOND}, {"h", HOUR},   {NULL, 0}};
static const struct unit no_units[] = {{NULL, 0}};

/* A whole number with an optional unit behind it. */
static bool
number_parse(const char *text, const struct unit *units, uint64_t *value)
{
	char    *end;
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

/* Words separated by commas, each a bit. */
static bool
set_parse(const char *const *words, const char *text, uint64_t *bits)
{
	char *copy = xstrdup(text);
	char *rest = copy;
	char *word;
	bool  valid = true;

	*bits = 0;
	while (*text && (word = strsep(&rest, ",")) != NULL)
	{
		uint64_t place;

		word += strspn(word, " ");
		word[strcspn(word, " ")] = '\0';
		if (word_find(words, word, &place))
			*bits |= UINT64_C(1) << place;
		else
			valid = false;
	}
	free(copy);
	return valid;
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
	uint64_t    port;

	return *text == '\0' ||
		   (colon && number_parse(colon + 1, no_units, &port) && port > 0 && port <= 65535);
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

bool
setting_parse(const struct setting *set, const char *text, uint64_t *number)
{
	struct hours hours;

	switch (set->kind)
	{
		case KIND_STRING: return true;
		case KIND_CONNINFO: return true; /* libpq's to judge: source_new() */
		case KIND_URLS: return urls_are_valid(text);
		case KIND_NAME: return consists_of(text, "._-", true);
		case KIND_SLOT: return *text && strlen(text) < 64 && consists_of(text, "_", false);
		case KIND_OPERATIONS: return operations_are_valid(text);
		case KIND_LISTEN: return listen_is_valid(text);
		case KIND_HOURS: return hours_parse(text, &hours);
		case KIND_BOOL: return bool_parse(text, number);
		case KIND_WORD:
		case KIND_CHOICE: return word_find(set->words, text, number);
		case KIND_SET: return set_parse(set->words, text, number);
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

bool
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
		case KIND_OPERATIONS:
			snprintf(text, size, "c, u, d, t separated by commas, or none");
			break;
		case KIND_LISTEN: snprintf(text, size, "HOST:PORT"); break;
		case KIND_HOURS: snprintf(text, size, "HH:MM-HH:MM"); break;
		case KIND_BOOL: snprintf(text, size, "true or false"); break;
		case KIND_SET:
		case KIND_WORD:
		case KIND_CHOICE:
			at = (size_t) snprintf(text, size, "%s%s",
								   set->kind == KIND_SET ? "some of " : "", set->words[0]);
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

enum rc
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

void
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
