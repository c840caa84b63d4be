/*
 * producer_error.c
 *		The texts of a producer's errors; see producer_error.h.
 */
#include "producer_error.h"

#include <inttypes.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "gap.h"
#include "kafka_tls.h"

static enum rc
unknown_topic(const struct producer_trouble *trouble, struct err *e)
{
	err_set(e, trouble->waited ? ERR_CONFIG : ERR_TRANSIENT, E2002, "topic \"%s\" does not exist",
			trouble->topic);
	err_detail(e, "The brokers do not create it by themselves (auto.create.topics.enable), or "
				  "this user may not.");
	return err_hint(e, "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions 1",
					trouble->who->bootstrap, trouble->topic);
}

static enum rc
too_large(const struct producer_trouble *trouble, struct err *e)
{
	err_set(e, ERR_DATA, E2003, "a record for topic \"%s\" is too large for the broker",
			trouble->topic);
	err_detail(e,
			   "The largest record of the refused batch has %zu bytes before compression; the "
			   "broker's limit is max.message.bytes of the topic, or else its message.max.bytes.",
			   trouble->bytes);
	return err_hint(e,
					"Raise the limit: kafka-configs.sh --bootstrap-server %s --alter --entity-type "
					"topics --entity-name %s --add-config max.message.bytes=%zu.  If every single "
					"record is below the limit, set batch.size in [kafka] below it instead.  To go on "
					"without such records, see on.error.",
					trouble->who->bootstrap, trouble->topic, trouble->bytes + trouble->bytes / 8 + 1024);
}

/* Until then it sent a nonce that brokers of Kafka 4 refuse, and they call that the password. */
#define GOOD_SCRAM_VERSION 0x020601ff

#define LOGIN_REFUSED "Kafka refused the login"

bool
producer_error_is_login(const struct err *e)
{
	return e->code == E2004 && strncmp(e->msg, LOGIN_REFUSED, strlen(LOGIN_REFUSED)) == 0;
}

static enum rc
login_refused(const struct producer_trouble *trouble, struct err *e)
{
	if (*trouble->who->user)
		err_set(e, ERR_PERMISSION, E2004, LOGIN_REFUSED " of user \"%s\"", trouble->who->user);
	else
		err_set(e, ERR_PERMISSION, E2004, LOGIN_REFUSED);
	err_detail(e, "%s.  bootstrap.servers is %s.", trouble->text, trouble->who->bootstrap);
	if (strstr(trouble->text, "SCRAM") && strstr(trouble->text, "invalid credentials") &&
		rd_kafka_version() < GOOD_SCRAM_VERSION)
		return err_hint(e,
						"If the brokers are of Kafka 4: librdkafka before 2.6.1, here %s, cannot log in "
						"to these by SCRAM, whatever the password is.  Use librdkafka 2.6.1 or newer, or "
						"sasl.mechanism=PLAIN over TLS, or a client certificate.  With older brokers "
						"check sasl.username and sasl.password in [kafka].",
						rd_kafka_version_str());
	return err_hint(e, "Check sasl.mechanism, sasl.username and sasl.password (or "
					   "ssl.certificate.location and ssl.key.location) in [kafka], and the user "
					   "at the brokers.");
}

/* operations and resource: of kafka-acls.sh. */
static enum rc
right_missing(const struct producer_trouble *trouble, const char *operations, const char *resource,
			  const char *name, struct err *e)
{
	size_t len = strlen(trouble->text);

	if (len > 0 && trouble->text[len - 1] == '.') /* the broker's own */
		len--;
	err_detail(e, "%.*s.", (int) len, trouble->text);
	return err_hint(e,
					"kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s %s %s %s",
					trouble->who->bootstrap, *trouble->who->user ? trouble->who->user : "...", operations, resource,
					name);
}

static enum rc
no_access(const struct producer_trouble *trouble, struct err *e)
{
	switch (trouble->code)
	{
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
			err_set(e, ERR_PERMISSION, E2004, "Kafka does not let this user write to topic \"%s\"",
					trouble->topic);
			return right_missing(trouble, "--operation Write", "--topic",
								 *trouble->topic ? trouble->topic : "...", e);
		case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
			err_set(e, ERR_PERMISSION, E2004,
					"Kafka does not let this user use transactional.id \"%s\"",
					trouble->who->transactional_id);
			return right_missing(trouble, "--operation Write --operation Describe",
								 "--transactional-id",
								 *trouble->who->transactional_id ? trouble->who->transactional_id : "...", e);
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
			err_set(e, ERR_PERMISSION, E2004, "Kafka does not let this user be an idempotent producer");
			(void) right_missing(trouble, "--operation IdempotentWrite", "--cluster", "", e);
			return err_detail(e, "%s.  Brokers from 2.8 on ask for Write on any topic instead.",
							  trouble->text);
		default: return login_refused(trouble, e);
	}
}

static enum rc
timeout_refused(const struct producer_trouble *trouble, struct err *e)
{
	err_set(e, ERR_CONFIG, E1002, "the brokers do not allow transaction.timeout.ms to be so long");
	err_detail(e, "%s.", trouble->text);
	return err_hint(e, "Lower transaction.timeout.ms in [kafka], or raise the brokers' "
					   "transaction.max.timeout.ms.");
}

static enum rc
without_transactions(const struct producer_trouble *trouble, struct err *e)
{
	err_set(e, ERR_CONFIG, E1002, "the brokers have no transactions");
	err_detail(e, "%s.  bootstrap.servers is %s.", trouble->text, trouble->who->bootstrap);
	return err_hint(e, "delivery=exactly-once needs Kafka 0.11 or newer, or a broker that speaks its "
					   "protocol for transactions; without them use delivery=at-least-once.");
}

static enum rc
record_refused(const struct producer_trouble *trouble, struct err *e)
{
	err_set(e, ERR_CONFIG, E2006, "Kafka refused a record for topic \"%s\"", trouble->topic);
	err_detail(e, "%s.", trouble->text);
	return err_hint(e,
					"Look at the topic's settings: kafka-configs.sh --bootstrap-server "
					"%s --describe --entity-type topics --entity-name %s",
					trouble->who->bootstrap, trouble->topic);
}

/* The record has the time of our clock, and the brokers compare it with theirs. */
static enum rc
clock_refused(const struct producer_trouble *trouble, struct err *e)
{
	err_set(e, ERR_CONFIG, E2006, "Kafka refused the timestamp of a record for topic \"%s\"",
			trouble->topic);
	err_detail(e,
			   "%s.  Records carry the time at which walrelay sends them, by the clock of this "
			   "machine; the brokers refuse one that is ahead of their clock by more than the "
			   "topic's message.timestamp.after.max.ms (an hour, unless it is set), or behind it by "
			   "more than message.timestamp.before.max.ms (before Kafka 3.6: "
			   "message.timestamp.difference.max.ms).",
			   trouble->text);
	return err_hint(e,
					"Compare the clocks (\"date -u\" here and on the brokers), set the wrong one "
					"right, and start walrelay again.  If these limits are narrower than the time "
					"that records may wait for a broker, widen them: kafka-configs.sh "
					"--bootstrap-server %s --alter --entity-type topics --entity-name %s "
					"--add-config message.timestamp.before.max.ms=86400000",
					trouble->who->bootstrap, trouble->topic);
}

/*
 * The slot is what only one relay can have: whoever asks for it next learns
 * whether there really is another one.
 */
static enum rc
fenced(const struct producer_trouble *trouble, struct err *e)
{
	err_set(e, ERR_TRANSIENT, E2009, "Kafka does not take transactions of this producer any more");
	err_detail(e,
			   "%s.  Another walrelay with the same transactional.id has begun, or the brokers have "
			   "given a transaction up that took too long.  What was not committed comes again.",
			   trouble->text);
	return err_hint(e, "Run one walrelay for each slot, and give each a topic.prefix or "
					   "transactional.id of its own.");
}

enum rc
producer_error(const struct producer_trouble *trouble, struct err *e)
{
	switch (trouble->code)
	{
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: return too_large(trouble, e);
		case RD_KAFKA_RESP_ERR__FENCED:
		case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
		case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH: return fenced(trouble, e);
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return unknown_topic(trouble, e);
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return no_access(trouble, e);
		case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT: return timeout_refused(trouble, e);
		case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE: return without_transactions(trouble, e);
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT: return record_refused(trouble, e);
		case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP: return clock_refused(trouble, e);
		default:
			err_set(e, ERR_TRANSIENT, E2005, "the Kafka producer failed");
			err_detail(e, "%s.  A new producer goes on after the last confirmed position.",
					   trouble->text);
			return err_hint(e, "If this comes again, look into the brokers' logs at this time, and "
							   "use librdkafka 2.5.3 or newer.");
	}
}

bool
producer_error_is_of_record(int code)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT: return true;
		/* Also TOPIC_EXCEPTION: a name, or a topic that is broken; INVALID_TIMESTAMP: a clock. */
		default: return false;
	}
}

bool
producer_error_is_consequence(int code)
{
	return code == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE || code == RD_KAFKA_RESP_ERR__FATAL ||
		   code == RD_KAFKA_RESP_ERR__STATE ||
		   code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

static enum rc
certificate_refused(const char *bootstrap, const char *why, struct err *e)
{
	err_set(e, ERR_TRANSIENT, E2001, "the certificate of the Kafka brokers is not accepted");
	err_detail(e, "bootstrap.servers is %s.  OpenSSL says: %s.", bootstrap, why);
	return err_hint(e, "Set ssl.ca.location in [kafka] to the certificates (PEM) of the authority that "
					   "signed the brokers'; the host names in bootstrap.servers, and in the brokers' "
					   "advertised.listeners, must be in their certificates, and these must not have "
					   "expired.  Nothing is lost meanwhile: PostgreSQL keeps what was not confirmed.");
}

const char *
producer_error_of_log(const char *text)
{
	const char *behind = strncmp(text, "[thrd:", 6) == 0 ? strstr(text, "]: ") : NULL;

	return behind ? behind + 3 : text;
}

enum rc
producer_error_unreachable(const char *bootstrap, const char *reason, struct err *e)
{
	char certificate[128];

	kafka_tls_reason(certificate, sizeof(certificate));
	if (certificate[0] && strstr(reason, "certificate verify failed"))
		return certificate_refused(bootstrap, certificate, e);
	err_set(e, ERR_TRANSIENT, E2001, "no Kafka broker is reachable");
	err_detail(e, "bootstrap.servers is %s.  %s%s", bootstrap, reason, reason[0] ? "." : "");
	if (strstr(reason, "Disconnected") && strstr(reason, "APIVERSION_QUERY"))
		return err_hint(e, "A broker that wants TLS ends the connection so: set security.protocol=SSL, "
						   "or SASL_SSL, in [kafka], or correct the port in bootstrap.servers.  If it "
						   "does not want it, look into its log.");
	return err_hint(
		e, "Start the brokers, or correct bootstrap.servers, security.protocol and sasl.* "
		   "in [kafka].  Nothing is lost meanwhile: PostgreSQL keeps what was not confirmed.");
}

enum rc
producer_error_stuck(const char *reason, struct err *e)
{
	err_set(e, ERR_TRANSIENT, E2013, "the Kafka brokers do not answer about transactions");
	err_detail(e, "They can be reached.  librdkafka says: %s.", reason);
	return err_hint(e, "Look at the topic __transaction_state: kafka-topics.sh --describe "
					   "--unavailable-partitions; it is made with "
					   "transaction.state.log.replication.factor brokers, of which "
					   "transaction.state.log.min.isr have to run, and each partition needs a leader; "
					   "so does each topic of a transaction that is still to be ended.");
}

enum rc
producer_error_queue(const char *topic, size_t bytes, uint64_t max_kbytes, struct err *e)
{
	err_set(e, ERR_CONFIG, E1002,
			"queue.buffering.max.kbytes in [kafka] is too small for a record of topic \"%s\"",
			topic);
	err_detail(e, "The record has %zu bytes, and the setting allows %" PRIu64 " kB.", bytes,
			   max_kbytes);
	return err_hint(e,
					"Set queue.buffering.max.kbytes to at least %zu, or remove the line: "
					"max.in.flight.bytes limits the memory, too.",
					bytes / 1024 + 1);
}

enum rc
producer_error_name(const char *topic, const char *text, struct err *e)
{
	err_set(e, ERR_CONFIG, E2006, "invalid topic name \"%.300s\"", topic);
	err_detail(e, "%s.", text);
	return err_hint(e, "Names have up to 249 letters, digits and \".\", \"_\", \"-\": choose a "
					   "shorter topic.prefix, rename the table, or leave it out with "
					   "table.exclude.list.");
}

enum rc
producer_error_settings(const char *text, struct err *e)
{
	err_set(e, ERR_CONFIG, E1002, "the settings in [kafka] do not make a producer");
	err_detail(e, "librdkafka says: %s.", text);
	return err_hint(e, "Correct the properties that it names, or remove them: walrelay needs "
					   "none but bootstrap.servers, and security.protocol, sasl.* and ssl.* as "
					   "the brokers ask for them.");
}

enum rc
producer_error_partitions(const char *topic, int32_t before, int32_t now, struct err *e)
{
	err_set(e, ERR_CONFIG, E2011, "topic \"%s\" has %" PRId32 " partitions; it had %" PRId32, topic,
			now, before);
	err_detail(e, "With another number the changes of a key go to another partition, and may be read "
				  "there before older ones.");
	err_gap(e, GAP_PARTITIONS, topic);
	return err_hint(e, "Let consumers read up to the end of the topic.");
}

static enum rc
offset_hint(const char *topic, struct err *e)
{
	err_gap(e, GAP_RECREATED, topic);
	return err_hint(e, "If the topic was not deleted, or emptied, on purpose, look for an unclean "
					   "leader election in the brokers' logs, and load the table downstream again.");
}

enum rc
producer_error_offset(const char *topic, int32_t partition, int64_t next, int64_t offset,
					  struct err *e)
{
	err_set(e, ERR_CONFIG, E2012, "topic \"%s\" was made anew, or has lost records", topic);
	err_detail(e,
			   "Partition %" PRId32 " gave offset %" PRId64 " to a new record; records up to offset "
			   "%" PRId64 " were acknowledged before.",
			   partition, offset, next - 1);
	return offset_hint(topic, e);
}

enum rc
producer_error_refused(const char *topic, struct err *e)
{
	err_set(e, ERR_CONFIG, E2012, "topic \"%s\" was made anew, or has lost records", topic);
	err_detail(e, "A walrelay before this one has found that it gives offsets again that were given "
				  "before, and has stopped.");
	return offset_hint(topic, e);
}
