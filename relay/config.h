/*
 * config.h
 *		Settings: one table drives parsing, checks, --help and the reference.
 *
 * Each key [section] name may come from a file, from WALRELAY_SECTION_NAME
 * (dots and dashes become underscores) or from --section.name=value; flag >
 * environment > file > default.  Debezium's names mean what they mean there.
 */
#ifndef RELAY_CONFIG_H
#define RELAY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"
#include "format.h"
#include "slot_guard.h"

/* Release; the build may say it. */
#ifndef WALRELAY_VERSION
#define WALRELAY_VERSION "0.1.0"
#endif

enum sink_kind
{
	SINK_KAFKA,
	SINK_STDOUT,
	SINK_FILE
};

enum log_format
{
	LOG_AUTO, /* text on a terminal, logfmt elsewhere */
	LOG_TEXT,
	LOG_LOGFMT,
	LOG_JSON
};

enum subject_strategy
{
	SUBJECT_TOPIC,       /* TOPIC-key, TOPIC-value */
	SUBJECT_RECORD,      /* the record's full name */
	SUBJECT_TOPIC_RECORD /* TOPIC-FULL.NAME */
};

/* What happens to what cannot be delivered: on.error, schema.on.incompatible. */
enum on_error
{
	ON_ERROR_STOP,
	ON_ERROR_DEAD_LETTER,
	ON_ERROR_SKIP
};

/* Whether a slot is made so that standbys keep a copy of it. */
enum failover
{
	FAILOVER_AUTO, /* where the server can */
	FAILOVER_YES,
	FAILOVER_NO
};

/* When the rows are read that were there before; Debezium's. */
enum snapshot_mode
{
	SNAPSHOT_INITIAL,      /* when the slot has no position yet */
	SNAPSHOT_ALWAYS,       /* at each start */
	SNAPSHOT_INITIAL_ONLY, /* as initial, and then stop */
	SNAPSHOT_NO_DATA,      /* schemas and topics only */
	SNAPSHOT_WHEN_NEEDED,  /* as initial, and where the position cannot be gone on from */
	SNAPSHOT_NEVER
};

/* Where signals for snapshots are taken from: bits. */
enum signal_channel
{
	CHANNEL_SOURCE = 0x01, /* logical messages in the database */
	CHANNEL_KAFKA = 0x02   /* signal.kafka.topic */
};

/* Who set a value; a higher one wins. */
enum origin
{
	ORIGIN_DEFAULT,
	ORIGIN_FILE,
	ORIGIN_ENVIRONMENT,
	ORIGIN_FLAG
};

/* librdkafka properties, passed through in order; names are unique. */
struct property
{
	char       *name;
	char       *value;
	enum origin origin;
	char       *where; /* as config_set() took it */
};

struct config_origin; /* config.c's own: who set each key of its table */

struct config
{
	struct config_origin *origins;
	struct
	{
		char *conninfo; /* any libpq string; "" leaves it to PG* and service files */
	} source;
	struct
	{
		char    *name;   /* slot.name */
		bool     create; /* create it when it is missing */
		char    *plugin; /* name of the output plugin, walrelay */
		bool     temporary;
		uint32_t wait_ms; /* slot.wait.ms: how long one held elsewhere is waited for */
		enum failover failover; /* slot.failover */
		enum guard_level guard; /* slot.guard: how far it goes */
		uint64_t guard_bytes;   /* slot.guard.bytes; 0: max_slot_wal_keep_size alone */
		uint32_t heartbeat_ms;  /* slot.heartbeat.ms; 0: never */
	} slot;
	struct
	{
		char *include;         /* table.include.list */
		char *exclude;         /* table.exclude.list */
		bool  via_root;        /* publish.via.partition.root */
		char *message_include; /* message.prefix.include.list */
		char *message_exclude;
		char *skipped_operations; /* Debezium: c,u,d,t,none; default t */
	} tables;
	struct
	{
		char            *topic_prefix;    /* topic.prefix */
		char            *topic_delimiter; /* topic.delimiter */
		char            *topic_transaction;    /* topic.transaction: last part of the name */
		char            *topic_schema_changes; /* topic.schema.changes: the same */
		char            *topic_dead_letter;    /* topic.dead.letter: the same */
		char            *topic_progress;       /* topic.progress: the same */
		bool             exactly_once;         /* delivery */
		struct property *properties;      /* librdkafka's, after our own */
		unsigned         nproperties;
	} kafka;
	struct
	{
		char *url;           /* comma separated; "" for none */
		char *user_info;     /* basic.auth.user.info: user:password */
		char *token;         /* bearer.auth.token */
		char *ca;            /* ssl.ca.location */
		char *certificate;   /* registry.ssl.certificate.location, for mTLS */
		char *key;           /* registry.ssl.key.location */
		char *key_password;  /* registry.ssl.key.password */
		bool  auto_register; /* auto.register.schemas */
		bool  use_latest;    /* use.latest.version */
		bool  normalize;     /* normalize.schemas */
		enum subject_strategy key_subject;   /* key.subject.name.strategy */
		enum subject_strategy value_subject; /* value.subject.name.strategy */
		enum on_error         on_incompatible; /* schema.on.incompatible; see config_on_refusal() */
		char *dir;           /* schemas.dir: where schemas go without a registry; "" nowhere */
	} registry;
	struct
	{
		enum sink_kind  sink;         /* sink: kafka, stdout, file */
		char           *file;         /* sink.file */
		enum adjustment schema_names; /* schema.name.adjustment.mode */
		enum adjustment field_names;  /* field.name.adjustment.mode */
		bool            tombstones;   /* tombstones.on.delete */
		bool            generated;    /* generated.columns = include */
		char           *placeholder;  /* unavailable.value.placeholder */
		uint32_t        avro_verify;  /* avro.verify: every Nth record, 0 never */
		char           *version;      /* source.version */
		enum profile       profile;   /* debezium.profile */
		enum decimal_mode  decimals;  /* decimal.handling.mode */
		enum time_mode     times;     /* time.precision.mode */
		enum interval_mode intervals; /* interval.handling.mode */
		enum binary_mode   binaries;  /* binary.handling.mode */
		enum hstore_mode   hstores;   /* hstore.handling.mode */
		uint32_t           money_digits; /* money.fraction.digits */
		bool               unknown;   /* include.unknown.datatypes */
		uint32_t           exact;     /* exact.types: enum exact bits */
		char              *propagate_columns; /* column.propagate.source.type */
		char              *propagate_types;   /* datatype.propagate.source.type */
		bool               transactions;      /* provide.transaction.metadata */
		bool               schema_changes;    /* include.schema.changes */
		bool               extended_headers;  /* extended.headers.enabled */
		bool            position_header;   /* position.header */
	} format;
	struct
	{
		char    *flush;          /* stream.flush: idle, commit */
		uint32_t frame_bytes;    /* stream.frame.bytes */
		enum on_error on_error;  /* on.error */
		uint64_t max_long;       /* max.value.bytes: a longer single value is an error */
		uint32_t max_in_flight;  /* max.in.flight.messages */
		uint64_t max_bytes;      /* max.in.flight.bytes */
		uint32_t status_ms;      /* status.interval.ms */
		uint32_t shutdown_ms;    /* shutdown.timeout.ms */
		uint32_t backoff_min_ms; /* retry.backoff.ms */
		uint32_t backoff_max_ms; /* retry.backoff.max.ms */
		uint32_t progress_ms;    /* progress.interval.ms */
		uint32_t transaction_messages; /* transaction.max.messages */
		uint64_t transaction_bytes;    /* transaction.max.bytes */
		bool     gap_records;          /* gap.records */
		bool     check_at_start;       /* check.at.start */
	} relay;
	struct
	{
		enum snapshot_mode mode;        /* snapshot.mode */
		uint32_t           max_threads; /* snapshot.max.threads: connections that read */
		uint32_t           chunk_rows;  /* snapshot.chunk.size */
		char              *conninfo;    /* snapshot.conninfo; "": source.conninfo */
		uint32_t           rate_limit;  /* snapshot.rate.limit: rows/s; 0: none */
		char              *window;      /* snapshot.window: hours.h; "" for the whole day */
		uint64_t           max_retained; /* snapshot.max.retained.bytes; 0: off */
	} snapshot;
	struct
	{
		uint32_t channels; /* signal.enabled.channels: enum signal_channel bits */
		char    *topic;    /* signal.kafka.topic; "": see config_signal_topic() */
	} signal;
	struct
	{
		char           *listen; /* admin.listen: host:port, "" for none */
		uint32_t        ready_lag_ms; /* admin.ready.lag; 0: no matter */
		char           *user_info;   /* admin.basic.auth.user.info: user:password */
		char           *certificate; /* admin.ssl.certificate.location */
		char           *key;         /* admin.ssl.key.location; "": certificate has it */
		bool            core_dumps;  /* admin.core.dumps */
		enum log_format log_format;
		int             log_level;
	} admin;
	uint64_t end_lsn; /* --endpos: stop once everything up to it is safe; 0 never */
	uint64_t from_lsn; /* --from-lsn: rows were loaded by hand as of there; 0: they were not */
	struct secret_file *secret_files; /* what KEY.file named, to be read again */
	char   **retired;                 /* secrets that were renewed; threads may still read them */
	unsigned nretired;
	char    *accept_gaps; /* --accept-gap: tokens, separated by commas (gap.h); NULL: none */
};

struct config *config_new(void); /* defaults */
void           config_free(struct config *cfg);

/*
 * Sets one key unless a higher origin has set it; checks the value either way.
 * key: section and name ("kafka.topic.prefix", "slot.name") or the bare name
 * where one section has it; any librdkafka property, with "kafka." in front or
 * bare; ".file" behind a secret's name: the value is what that file holds.
 * where is "file walrelay.conf, line 7" and the like.  RC_ERR E1001 with the
 * nearest known name, E1002, E1004, E1005.
 */
enum rc config_set(struct config *cfg, const char *key, const char *value, enum origin origin,
				   const char *where, struct err *e) MUST_CHECK;
enum rc config_read_file(struct config *cfg, const char *path, struct err *e) MUST_CHECK;
enum rc config_read_environment(struct config *cfg, char **environ_, struct err *e) MUST_CHECK;

/*
 * Reads again what KEY.file named.  *renewed: how many secrets are others now.  RC_ERR E1004, E1002:
 * the first that cannot be; that one stays as it was.
 */
enum rc config_renew(struct config *cfg, unsigned *renewed, struct err *e) MUST_CHECK;

/* A hash of what the files are like that librdkafka reads when a client is made: certificates and keys. */
uint64_t config_kafka_files(const struct config *cfg);

/* Whether value must not be shown: key is a secret's, or one in which a password may stand, and it does. */
bool config_is_secret(const char *key, const char *value);

/* Who set the key. */
enum origin config_origin(const struct config *cfg, const char *key);

/* Whether brokers are named: E1003. */
enum rc config_check_brokers(const struct config *cfg, struct err *e) MUST_CHECK;
/* The same, and what names of topics begin with. */
enum rc config_check_kafka(const struct config *cfg, struct err *e) MUST_CHECK;

/* What no single key can tell: required settings, contradictions. */
enum rc config_check(const struct config *cfg, struct err *e) MUST_CHECK;

/* The topic that signals come from; the caller frees it. */
char *config_signal_topic(const struct config *cfg);

/* What happens to changes whose schema the registry refuses: schema.on.incompatible, if set, else on.error. */
enum on_error config_on_refusal(const struct config *cfg);

/*
 * Of the settings that decide which messages a change becomes, and of this release:
 * what was delivered in part can be gone on with only if this is the same.
 */
uint64_t config_fingerprint(const struct config *cfg);

/* Effective values with their origin; secrets as ****. */
void config_print(const struct config *cfg, FILE *out);
/* The reference: every key, default, what it takes, meaning (--help, README). */
void config_reference(FILE *out, bool markdown);

#endif /* RELAY_CONFIG_H */
