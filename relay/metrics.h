/*
 * metrics.h
 *		Pure: what operators see of the relay, as Prometheus text and as JSON.
 *
 * A snapshot goes in, text comes out.  One table in metrics.c names every
 * metric.  Never a row value, a secret, or a label with more values than are
 * written down there; of subjects and tables only so many as are said there.  session.c fills the snapshot, admin.c asks for the text.
 */
#ifndef RELAY_METRICS_H
#define RELAY_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "client_stats.h"
#include "dead_letter.h"
#include "incremental.h"
#include "journal.h"
#include "pipeline.h"
#include "reasons.h"
#include "registry.h"
#include "sink.h"
#include "gentle.h"
#include "slot_watch.h"
#include "snapshot.h"
#include "source.h"

/* The states of relay/README.md. */
enum metrics_state
{
	METRICS_CONNECTING,
	METRICS_STREAMING,
	METRICS_SNAPSHOT, /* the stream is held, rows come first */
	METRICS_WAITING_SINK,
	METRICS_WAITING_REGISTRY,
	METRICS_SCHEMA_REFUSED, /* schema.on.incompatible=stop: stands still until it is accepted */
	METRICS_BACKING_OFF,
	METRICS_DRAINING
};

/* A peer that is not used, or was not asked yet, has no metric; null in JSON. */
enum metrics_peer
{
	PEER_UNKNOWN,
	PEER_AWAY,
	PEER_THERE
};

/* Of the whole process; 0: not known, no metric. */
struct metrics_process
{
	uint64_t resident; /* bytes */
	uint64_t virtual;  /* the same of its addresses */
	uint64_t open_fds;
	uint64_t max_fds;
	int64_t  cpu_us;   /* user and system */
	int64_t  start_us; /* since the Unix epoch */
};

/* How it comes forward: health.h. */
struct metrics_health
{
	int64_t lag_us;
	int64_t source_stalled_us;
	int64_t source_patience_us; /* so long is in order */
	int64_t sink_stalled_us;
	int64_t sink_patience_us;
	int64_t ready_lag_us; /* admin.ready.lag; 0: any lag is good */
};

/* How often a peer was back after it was away. */
struct metrics_reconnects
{
	uint64_t postgresql;
	uint64_t kafka;
	uint64_t registry;
};

/* Counters are since the start of the process.  Strings are borrowed. */
struct metrics
{
	const char            *librdkafka; /* version, as it prints it */
	int                    libpq;      /* as PQlibVersion() has it */
	enum metrics_state     state;
	enum metrics_peer      kafka;
	enum metrics_peer      registry;
	struct source_stats    source;
	struct pipeline_stats  pipeline;
	struct sink_stats      sink;
	struct registry_stats  schemas; /* what registry_stats() gives */
	const struct refusal      *refusals;     /* what registry_refusals() gives; NULL: none */
	const struct letter_count *dead_letters; /* what dead_letters_counts() gives; NULL: none */
	const struct detour       *detours;      /* what detours_list() gives; NULL: none */
	struct snapshot_stats  snapshot; /* what snapshot_stats() gives */
	struct gentle_stats    gentle;   /* what gentle_stats() gives */
	struct slot_stats      slot;     /* what slot_watch_stats() gives */
	struct incremental_stats incremental; /* the same of incremental_stats() */
	uint64_t               gaps_accepted; /* by --accept-gap, and written down */
	uint64_t               unacked_messages;
	uint64_t               unacked_transactions;
	uint64_t               received_lsn;
	uint64_t               confirmed_lsn;
	int64_t                confirmed_commit_us; /* of the newest confirmed transaction; 0: none */
	struct metrics_health    health;
	struct metrics_reconnects reconnects;
	const struct table_count *tables; /* what pipeline_tables() gives; NULL: none */
	const struct journal     *journal; /* NULL: nothing was logged */
	struct reasons            produce_errors;
	const struct client_stats *client; /* NULL: the sink is not Kafka */
	struct metrics_process process;
};

/* Changes flow, or would if there were any: connected, nobody unreachable, and not too far behind. */
bool metrics_ready(const struct metrics *m);

/* Why not, most important first; each as in a sentence.  Gives how many; 0: it is ready. */
#define METRICS_REASONS 8
typedef char metrics_reason[640];
unsigned metrics_reasons(const struct metrics *m, metrics_reason reasons[METRICS_REASONS]);

/* "waiting_sink" */
const char *metrics_state_name(enum metrics_state state);

enum metrics_format
{
	METRICS_PROMETHEUS, /* text format 0.0.4 */
	METRICS_OPENMETRICS /* 1.0.0 */
};

/* Both append.  A value that is not known is left out of the text. */
void metrics_text(const struct metrics *m, enum metrics_format format, struct buf *out);
/*
 * One object.  Keys are the metrics' names without prefix and _total, a label's
 * values an object in it; positions as PostgreSQL prints them.
 */
void metrics_json(const struct metrics *m, struct buf *out);

#endif /* RELAY_METRICS_H */
