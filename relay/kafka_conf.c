/*
 * kafka_conf.c
 *		What librdkafka's clients are told; see kafka_conf.h.
 */
#include "kafka_conf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "kafka_tls.h"

/* What a producer's queue tells, see producer.c. */
#define EVENTS (RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS)

void
kafka_conf_read(const rd_kafka_conf_t *conf, const char *name, char *value, size_t size)
{
	value[0] = '\0';
	if (rd_kafka_conf_get(conf, name, value, &size) != RD_KAFKA_CONF_OK)
		value[0] = '\0';
}

void
kafka_conf_identity(const rd_kafka_conf_t *conf, struct kafka_identity *who)
{
	kafka_conf_read(conf, "bootstrap.servers", who->bootstrap, sizeof(who->bootstrap));
	kafka_conf_read(conf, "sasl.username", who->user, sizeof(who->user));
	kafka_conf_read(conf, "transactional.id", who->transactional_id, sizeof(who->transactional_id));
}

static void
conf_set_own(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		abort(); /* a library older than the one that we build with */
}

/* --- producers ----------------------------------------------------------------- */

/* As much as librdkafka takes: who sets less says how large a record may be. */
#define MESSAGE_MAX_BYTES "1000000000"

/* The product's own; [kafka] comes after, as far as guarded_properties lets it. */
static const struct
{
	const char *name;
	const char *value;
} own_properties[] = {
	{"client.id", "walrelay"},
	{"enable.idempotence", "true"},
	{"acks", "all"},
	{"max.in.flight.requests.per.connection", "5"},
	{"message.timeout.ms", "0"},
	{"enable.gapless.guarantee", "true"},
	{"compression.codec", "lz4"},
	{"partitioner", "murmur2_random"},
	{"linger.ms", "5"},
	{"batch.size", "1000000"},
	/* The budgets are ours, see producer_full(); the broker's own limit decides on sizes. */
	{"queue.buffering.max.messages", "0"},
	{"queue.buffering.max.kbytes", "2147483647"},
	{"message.max.bytes", MESSAGE_MAX_BYTES},
	{"socket.keepalive.enable", "true"},
	{"socket.nagle.disable", "true"},
	{"socket.connection.setup.timeout.ms", "10000"},
	{"reconnect.backoff.max.ms", "5000"},
	/* Automatic creation takes a moment, of thousands a minute; see topic_waited(). */
	{"topic.metadata.propagation.max.ms", "30000"},
	{"log.queue", "true"},
	{"statistics.interval.ms", "10000"},
};

/* Properties that keep their value, and why. */
static const struct
{
	const char *name;
	const char *reason;
} guarded_properties[] = {
	{"enable.idempotence", "Without it a retry can write a change twice or out of order."},
	{"acks", "A position may be confirmed only when all in-sync replicas have the change."},
	{"max.in.flight.requests.per.connection",
	 "Brokers keep order only for up to 5 requests in flight."},
	{"message.timeout.ms", "A change that times out would leave a gap with newer changes behind "
						   "it; an unreachable broker is waited for instead."},
	{"enable.gapless.guarantee", "A change that fails would leave a gap with newer changes "
								 "behind it."},
	{"queuing.strategy", "Changes must be sent in their order."},
	{"delivery.report.only.error", "Without a report for each change no position is confirmed."},
	{"log.queue", "The library's own messages would mix with the log."},
	{"enabled_events", "Without its events the library cannot be followed."},
};

#define NGUARDED (sizeof(guarded_properties) / sizeof(guarded_properties[0]))

static rd_kafka_conf_t *
conf_new(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	for (size_t i = 0; i < sizeof(own_properties) / sizeof(own_properties[0]); i++)
		conf_set_own(conf, own_properties[i].name, own_properties[i].value);
	rd_kafka_conf_set_events(conf, EVENTS);
	kafka_tls_listen(conf);
	return conf;
}

/* librdkafka reads a number up to where it ends, and passes over what follows: 2s would be 2 ms. */
static enum rc
conf_check_number(const rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
{
	char        taken[64];
	char        whole[24];
	char        real[24];
	char       *whole_end;
	char       *real_end;
	const char *end = "";

	snprintf(whole, sizeof(whole), "%ld", strtol(value, &whole_end, 0));
	snprintf(real, sizeof(real), "%g", strtod(value, &real_end));
	kafka_conf_read(conf, name, taken, sizeof(taken));
	if (strcmp(taken, real) == 0)
		end = real_end;
	else if (strcmp(taken, whole) == 0)
		end = whole_end;
	if (end == value || *end == '\0')
		return RC_OK;
	err_set(e, ERR_CONFIG, E1002, "invalid value of \"%s\" in [kafka]", name);
	err_detail(e, "librdkafka would take it as %s.", taken);
	return err_hint(e, "Give the number alone, in the unit that its CONFIGURATION.md names.");
}

/* Sets one property of [kafka]. */
static enum rc
conf_apply(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
{
	char before[NGUARDED][64];
	char after[64];
	char text[256];

	for (size_t i = 0; i < NGUARDED; i++)
		kafka_conf_read(conf, guarded_properties[i].name, before[i], sizeof(before[i]));
	switch (rd_kafka_conf_set(conf, name, value, text, sizeof(text)))
	{
		case RD_KAFKA_CONF_OK: break;
		case RD_KAFKA_CONF_UNKNOWN:
			err_set(e, ERR_CONFIG, E1001, "unknown property \"%s\" in [kafka]", name);
			err_detail(e, "librdkafka %s does not know it.", rd_kafka_version_str());
			return err_hint(e, "See its CONFIGURATION.md for the names; Java's differ for some.");
		default:
			err_set(e, ERR_CONFIG, E1002, "invalid value of \"%s\" in [kafka]", name);
			err_detail(e, "librdkafka says: %s.", text);
			return err_hint(e, "Give a value that its CONFIGURATION.md lists for the property, or "
							   "remove the line.");
	}
	if (conf_check_number(conf, name, value, e) != RC_OK)
		return RC_ERR;
	for (size_t i = 0; i < NGUARDED; i++)
	{
		kafka_conf_read(conf, guarded_properties[i].name, after, sizeof(after));
		if (strcmp(before[i], after) == 0)
			continue;
		if (strncmp(guarded_properties[i].name, "max.in.flight", 13) == 0 && atoi(after) <= 5)
			continue;
		err_set(e, ERR_CONFIG, E1005, "\"%s = %s\" in [kafka] would weaken delivery", name, value);
		err_detail(e, "%s", guarded_properties[i].reason);
		return err_hint(e, "Remove the line.");
	}
	return RC_OK;
}

enum rc
kafka_conf_check(const char *name, const char *value, struct err *e)
{
	rd_kafka_conf_t *conf = conf_new();
	enum rc          rc = conf_apply(conf, name, value, e);

	rd_kafka_conf_destroy(conf);
	return rc;
}

/*
 * delivery=exactly-once.  A message that waits for longer than its transaction may
 * last is lost with it, and comes again with the next producer.
 */
static enum rc
conf_transactional(rd_kafka_conf_t *conf, const struct config *cfg, struct err *e)
{
	char text[512];
	char given[4];

	kafka_conf_read(conf, "transactional.id", given, sizeof(given));
	if (!cfg->kafka.exactly_once && given[0])
	{
		err_set(e, ERR_CONFIG, E1005, "transactional.id in [kafka] needs delivery=exactly-once");
		err_detail(e, "At least once changes are not produced in Kafka transactions.");
		return err_hint(e, "Set delivery=exactly-once with it, or remove the line.");
	}
	if (!cfg->kafka.exactly_once)
		return RC_OK;
	if (!given[0])
	{
		snprintf(text, sizeof(text), "walrelay-%s-%s", cfg->kafka.topic_prefix, cfg->slot.name);
		conf_set_own(conf, "transactional.id", text);
	}
	kafka_conf_read(conf, "transaction.timeout.ms", text, sizeof(text));
	conf_set_own(conf, "message.timeout.ms", text);
	if (cfg->relay.progress_ms > strtoll(text, NULL, 10) / 4)
	{
		err_set(e, ERR_CONFIG, E1002,
				"progress.interval.ms is longer than a quarter of transaction.timeout.ms in [kafka]");
		err_detail(e, "A Kafka transaction is open for that interval, and the brokers give up what "
					  "is open for longer than %s ms.", text);
		return err_hint(e, "Lower progress.interval.ms, or raise transaction.timeout.ms.");
	}
	return RC_OK;
}

enum rc
kafka_conf_producer(const struct config *cfg, rd_kafka_conf_t **conf, struct err *e)
{
	const struct property *property = cfg->kafka.properties;
	enum rc                rc = RC_OK;

	*conf = conf_new();
	for (unsigned i = 0; rc == RC_OK && i < cfg->kafka.nproperties; i++)
		rc = conf_apply(*conf, property[i].name, property[i].value, e);
	if (rc == RC_OK)
		rc = conf_transactional(*conf, cfg, e);
	if (rc != RC_OK)
		rd_kafka_conf_destroy(*conf);
	return rc;
}

void
kafka_conf_limit_batch(rd_kafka_conf_t *conf, uint32_t bytes)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, bytes);
	conf_set_own(conf, "batch.size", text);
}

int64_t
kafka_conf_transaction_ms(const struct config *cfg)
{
	rd_kafka_conf_t *conf;
	struct err       e;
	char             text[32];

	if (kafka_conf_producer(cfg, &conf, &e) != RC_OK)
		return 0; /* no producer is made of these */
	kafka_conf_read(conf, "transaction.timeout.ms", text, sizeof(text));
	rd_kafka_conf_destroy(conf);
	return strtoll(text, NULL, 10);
}

static uint64_t
conf_bytes(const rd_kafka_conf_t *conf, const char *name)
{
	char text[32];

	kafka_conf_read(conf, name, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/* A value is not all of its record: there are other columns, names and positions. */
void
kafka_conf_sizes(const struct config *cfg, struct topic_sizes *sizes)
{
	uint64_t         value = cfg->relay.max_long;
	uint64_t         most;
	rd_kafka_conf_t *conf;
	struct err       e;

	*sizes = (struct topic_sizes){.on_error = cfg->relay.on_error};
	if (kafka_conf_producer(cfg, &conf, &e) != RC_OK)
		return;
	most = conf_bytes(conf, "message.max.bytes");
	sizes->batch = conf_bytes(conf, "batch.size");
	rd_kafka_conf_destroy(conf);
	if (most < sizes->batch)
		sizes->batch = most;
	if (value + value / 8 + 1024 < most)
		most = value + value / 8 + 1024;
	if (most < strtoull(MESSAGE_MAX_BYTES, NULL, 10))
		sizes->record = most;
}

/* --- consumers ----------------------------------------------------------------- */

/* Ours to choose, whatever [kafka] says. */
static const struct
{
	const char *name;
	const char *value;
} consumer_properties[] = {
	{"enable.partition.eof", "true"},
	/* Else a broker thinks before it says that this was all. */
	{"fetch.wait.max.ms", "10"},
	{"allow.auto.create.topics", "false"},
};

rd_kafka_conf_t *
kafka_conf_consumer(const struct config *cfg, enum isolation isolation)
{
	const struct property *property = cfg->kafka.properties;
	rd_kafka_conf_t       *conf = rd_kafka_conf_new();
	char                   text[256];

	kafka_tls_listen(conf);
	conf_set_own(conf, "client.id", "walrelay");
	/* What is no property was refused before; what only producers have is passed over. */
	for (unsigned i = 0; i < cfg->kafka.nproperties; i++)
		rd_kafka_conf_set(conf, property[i].name, property[i].value, text, sizeof(text));
	for (size_t i = 0; i < sizeof(consumer_properties) / sizeof(consumer_properties[0]); i++)
		conf_set_own(conf, consumer_properties[i].name, consumer_properties[i].value);
	conf_set_own(conf, "isolation.level",
				 isolation == READ_COMMITTED ? "read_committed" : "read_uncommitted");
	return conf;
}

void
kafka_conf_stay(rd_kafka_conf_t *conf)
{
	conf_set_own(conf, "fetch.wait.max.ms", "500");
	conf_set_own(conf, "queued.min.messages", "100");
	conf_set_own(conf, "queued.max.messages.kbytes", "1024");
	conf_set_own(conf, "auto.offset.reset", "error");
}
