/*
 * topic_reader.c
 *		A consumer for one topic, once; see topic_reader.h.
 *
 * No consumer group: every partition is read from its beginning to its high
 * watermark, or its last stable offset, as its leader tells it.  What librdkafka
 * reports as an end may be too early: a follower (client.rack) may be behind,
 * and a leader that was just elected hands out nothing before its followers
 * have confirmed it, while it does not answer a question for the end.
 */
#include "topic_reader.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "buf.h"
#include "log.h"
#include "topic_admin.h"

/* Without an answer or a record for so long the reading has failed. */
#define PATIENCE_MS 30000
/* How often the thread looks whether it is still wanted. */
#define STEP_MS 100
/* For one answer about the topic, with the connection that it takes. */
#define ANSWER_MS 2000

enum reader_state
{
	READER_IDLE,
	READER_RUNNING,
	READER_ENDED /* joined; rc and what follows are the loop's */
};

struct topic_reader
{
	struct loop         *loop;
	const struct config *cfg;
	struct topic_reading reading;
	int                  wake_fd; /* eventfd: the thread has ended */
	enum reader_state    state;
	pthread_t            thread;

	/* The thread's while it runs: */
	atomic_bool cancelled;
	char       *topic;
	int32_t     npartitions;
	uint64_t    records;
	int64_t    *begins; /* of partitions: where reading begins */
	int64_t    *ends;   /* of partitions; -1: it is reached */
	int32_t     nopen;
	int32_t     nstarted;
	bool        following; /* behind the ends: silence means nothing */
	int64_t     heard_ms;    /* loop time of the last answer */
	struct kafka_identity who;
	char        reason[512]; /* last trouble with a connection */
	enum rc     rc;
	struct err  e;
};

/* --- errors ------------------------------------------------------------------ */

static enum rc
unreachable(struct topic_reader *reader)
{
	err_set(&reader->e, ERR_TRANSIENT, E2001, "topic \"%s\" cannot be read back", reader->topic);
	err_detail(&reader->e, "Nothing came for %d s.  %s%s", PATIENCE_MS / 1000, reader->reason,
			   reader->reason[0] ? "." : "");
	return err_hint(&reader->e,
					"Start the brokers.  Nothing is lost meanwhile: PostgreSQL keeps what "
					"was not confirmed.");
}

static bool
is_permission(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		   code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
		   code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
		   code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
}

static enum rc
refused(struct topic_reader *reader, rd_kafka_resp_err_t code)
{
	const char *instead = reader->reading.instead;

	if (is_permission(code))
	{
		err_set(&reader->e, ERR_PERMISSION, E2004, "Kafka does not let topic \"%s\" be read",
				reader->topic);
		err_detail(&reader->e, "%s.", rd_kafka_err2str(code));
		return err_hint(&reader->e,
						"kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s "
						"--operation Read --topic %s%s%s%s",
						reader->who.bootstrap, *reader->who.user ? reader->who.user : "...",
						reader->topic, instead ? "; or " : "", instead ? instead : "",
						instead ? "." : "");
	}
	err_set(&reader->e, ERR_TRANSIENT, E2008, "topic \"%s\" cannot be read back", reader->topic);
	err_detail(&reader->e, "%s.", rd_kafka_err2str(code));
	return err_hint(&reader->e, "Look into the brokers' logs at this time.");
}

/* --- the thread -------------------------------------------------------------- */

static bool
is_over(struct topic_reader *reader)
{
	if (atomic_load(&reader->cancelled))
		return true; /* nobody asks for the result */
	if (reader->following || loop_now_ms() - reader->heard_ms < PATIENCE_MS)
		return false;
	(void) unreachable(reader);
	return true;
}

/* librdkafka's consumer says here why it has no connection. */
static void
on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
	struct topic_reader *reader = arg;

	(void) rk;
	snprintf(reader->reason, sizeof(reader->reason), "%s", reason);
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && reader->following)
		log_warn("no broker answers, which is waited for: %s", reason);
}

static rd_kafka_t *
consumer_new(struct topic_reader *reader)
{
	rd_kafka_conf_t *conf = kafka_conf_consumer(reader->cfg, reader->reading.isolation);
	char             text[512];
	rd_kafka_t      *rk;

	if (reader->reading.part)
		kafka_conf_stay(conf);
	kafka_conf_identity(conf, &reader->who);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, reader);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (rk)
		return rk;
	rd_kafka_conf_destroy(conf);
	err_set(&reader->e, ERR_CONFIG, E1002, "the settings in [kafka] do not make a consumer");
	err_detail(&reader->e, "librdkafka says: %s.", text);
	err_hint(&reader->e, "Correct the properties that it names, or remove them.");
	return NULL;
}

/* How many partitions there are; 0: there is no such topic. */
static enum rc
partitions_ask(struct topic_reader *reader, rd_kafka_t *rk, rd_kafka_topic_t *rkt)
{
	while (!is_over(reader))
	{
		const struct rd_kafka_metadata *metadata;
		rd_kafka_resp_err_t             code = rd_kafka_metadata(rk, 0, rkt, &metadata, ANSWER_MS);
		int32_t                         count;

		rd_kafka_poll(rk, 0);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			code = metadata->topic_cnt == 1 ? metadata->topics[0].err
											: RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
			count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
			rd_kafka_metadata_destroy(metadata);
			switch (code)
			{
				case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return RC_OK;
				case RD_KAFKA_RESP_ERR_NO_ERROR:
					reader->npartitions = count;
					if (count > 0)
						return RC_OK;
					break; /* it is being created */
				case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: break;
				default: return refused(reader, code);
			}
		}
		else if (code != RD_KAFKA_RESP_ERR__TIMED_OUT && code != RD_KAFKA_RESP_ERR__TRANSPORT)
			return refused(reader, code);
		if (code != RD_KAFKA_RESP_ERR__TIMED_OUT)
			rd_kafka_poll(rk, STEP_MS);
	}
	return RC_ERR;
}

/* What became of the one order. */
struct made
{
	enum rc     rc;
	bool        existed;
	struct err *e;
};

static void
on_made(void *arg, size_t number, bool existed, const struct err *why)
{
	struct made *made = arg;

	(void) number;
	made->existed = existed;
	if (why == NULL)
		return;
	made->rc = RC_ERR;
	*made->e = *why;
}

static void
on_setting(void *arg, const char *of, const char *name, const char *value)
{
	(void) of;
	topic_fact_take(arg, name, value);
}

/* RC_OK also if the brokers do not let us know. */
static enum rc
topic_judge(struct topic_reader *reader, rd_kafka_t *rk)
{
	struct topic_facts      facts = {.partitions = reader->npartitions};
	struct topic_difference differences[DIFFERENCES_MAX];
	const char             *topic = reader->topic;

	if (facts.partitions == 1)
		topic_admin_settings(rk, &topic, 1, ANSWER_MS, on_setting, &facts);
	if (topic_differences(USE_PROGRESS, NULL, &facts, differences) == 0 || !differences[0].stops)
		return RC_OK;
	return topic_difference_error(USE_PROGRESS, topic, NULL, &differences[0], NULL,
								  reader->who.bootstrap, &reader->e);
}

/* A compacted topic: made if it is not there, otherwise looked at. */
static enum rc
topic_ensure(struct topic_reader *reader, rd_kafka_t *rk, rd_kafka_topic_t *rkt)
{
	if (reader->npartitions == 0)
	{
		struct topic_order order = {.use = USE_PROGRESS, .name = reader->topic};
		struct made        made = {.rc = RC_OK, .e = &reader->e};

		topic_admin_create(rk, &order, 1, false, PATIENCE_MS, on_made, &made);
		if (made.rc != RC_OK)
			return RC_ERR;
		reader->heard_ms = loop_now_ms();
		if (!made.existed)
			return RC_OK; /* nothing is in it */
		/* The broker that did not know it had not heard of it yet: there may be a position in it. */
		while (reader->npartitions == 0)
		{
			snprintf(reader->reason, sizeof(reader->reason),
					 "It exists, but the broker that was asked does not know it");
			rd_kafka_poll(rk, STEP_MS);
			if (partitions_ask(reader, rk, rkt) != RC_OK)
				return RC_ERR;
		}
	}
	return topic_judge(reader, rk);
}

/* What a leader may get over is waited for, by asking again: then true. */
static bool
asks_again(struct topic_reader *reader, rd_kafka_t *rk, rd_kafka_resp_err_t code)
{
	if (is_permission(code))
	{
		(void) refused(reader, code);
		return false;
	}
	snprintf(reader->reason, sizeof(reader->reason), "%s", rd_kafka_err2str(code));
	if (code != RD_KAFKA_RESP_ERR__TIMED_OUT)
		rd_kafka_poll(rk, STEP_MS);
	return true;
}

/* Where a partition begins and ends, from its leader. */
static enum rc
end_ask(struct topic_reader *reader, rd_kafka_t *rk, int32_t partition)
{
	while (!is_over(reader))
	{
		rd_kafka_resp_err_t code =
			rd_kafka_query_watermark_offsets(rk, reader->topic, partition,
											 &reader->begins[partition], &reader->ends[partition],
											 ANSWER_MS);

		rd_kafka_poll(rk, 0);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			reader->heard_ms = loop_now_ms();
			return RC_OK;
		}
		if (!asks_again(reader, rk, code))
			break;
	}
	return RC_ERR;
}

/* Once only: somebody else may write more behind the end. */
static void
end_reached(struct topic_reader *reader, int32_t partition)
{
	if (reader->ends[partition] < 0)
		return;
	reader->ends[partition] = -1;
	reader->nopen--;
}

static enum rc
message_take(struct topic_reader *reader, const rd_kafka_message_t *message)
{
	const struct topic_part  *part = reader->reading.part;
	rd_kafka_timestamp_type_t type;
	int64_t                   end = reader->ends[message->partition];
	struct topic_record       record = {.key = {message->key, message->key_len},
										.value = {message->payload, message->len},
										.partition = message->partition,
										.offset = message->offset,
										.message = message};

	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
	{
		if (message->offset >= end)
			end_reached(reader, message->partition);
		return RC_OK;
	}
	if (message->err)
		return refused(reader, message->err);
	if (part && !part->follows && message->offset >= end)
	{
		end_reached(reader, message->partition);
		return RC_OK; /* it was not there when reading began */
	}
	record.timestamp_ms = rd_kafka_message_timestamp(message, &type);
	record.of_append = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
	reader->records++;
	if (part && message->offset + 1 == end)
		end_reached(reader, message->partition);
	return reader->reading.record(reader->reading.arg, &record, &reader->e);
}

bool
topic_record_header(const struct topic_record *record, unsigned number, struct header *header)
{
	rd_kafka_headers_t *headers;
	const void         *data;
	size_t              len;

	if (rd_kafka_message_headers(record->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		rd_kafka_header_get_all(headers, number, &header->name, &data, &len) !=
			RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	header->value = (struct str){data, len};
	return true;
}

/* --- from where to where ------------------------------------------------------ */

static bool
is_wanted(const struct topic_part *part, int32_t partition)
{
	return part == NULL || !part->one || part->partition == partition;
}

/* Offsets of the records from at on to the end, into a ring of that size; counts them. */
static enum rc
offsets_read(struct topic_reader *reader, rd_kafka_topic_t *rkt, int32_t partition, int64_t at,
			 int64_t *ring, size_t size, size_t *count)
{
	int64_t end = reader->ends[partition];
	enum rc rc = RC_OK;

	if (rd_kafka_consume_start(rkt, partition, at) != 0)
		return refused(reader, rd_kafka_last_error());
	while (rc == RC_OK && at < end)
	{
		rd_kafka_message_t *message = rd_kafka_consume(rkt, partition, STEP_MS);

		if (message)
		{
			reader->heard_ms = loop_now_ms();
			at = message->offset + (message->err ? 0 : 1);
			if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
				rc = refused(reader, message->err);
			else if (!message->err && at <= end)
				ring[(*count)++ % size] = message->offset;
			rd_kafka_message_destroy(message);
		}
		if (rc == RC_OK && is_over(reader))
			rc = RC_ERR;
	}
	rd_kafka_consume_stop(rkt, partition);
	return rc;
}

/*
 * The newest records of a partition, which may have fewer than offsets: marks of transactions have
 * some, and what was compacted or aborted had.  Counts from ever further back.
 */
static enum rc
begin_of_last(struct topic_reader *reader, rd_kafka_topic_t *rkt, int32_t partition)
{
	size_t   wanted = (size_t) reader->reading.part->number;
	int64_t  low = reader->begins[partition];
	int64_t  end = reader->ends[partition];
	int64_t  back = (int64_t) wanted;
	int64_t *ring = xcalloc(wanted + 1, sizeof(*ring));
	size_t   count = 0;
	enum rc  rc = RC_OK;

	reader->begins[partition] = end;
	while (rc == RC_OK && count < wanted && low < end)
	{
		int64_t at = back < end - low ? end - back : low;

		count = 0;
		rc = offsets_read(reader, rkt, partition, at, ring, wanted, &count);
		if (count > 0)
			reader->begins[partition] = ring[count < wanted ? 0 : count % wanted];
		if (at == low)
			break;
		back *= 4;
	}
	free(ring);
	return rc;
}

static enum rc
begin_of_time(struct topic_reader *reader, rd_kafka_t *rk, int32_t partition)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t      *place =
		rd_kafka_topic_partition_list_add(list, reader->topic, partition);
	enum rc rc = RC_ERR;

	while (!is_over(reader))
	{
		rd_kafka_resp_err_t code;

		place->offset = reader->reading.part->number;
		code = rd_kafka_offsets_for_times(rk, list, ANSWER_MS);
		rd_kafka_poll(rk, 0);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			code = place->err;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			/* negative: all are older */
			reader->begins[partition] = place->offset < 0 ? reader->ends[partition] : place->offset;
			rc = RC_OK;
		}
		if (rc == RC_OK || !asks_again(reader, rk, code))
			break;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return rc;
}

/* Where to begin in each partition, as somebody wants it; so far begins has where it does. */
static enum rc
begin_find(struct topic_reader *reader, rd_kafka_t *rk, rd_kafka_topic_t *rkt, int32_t partition)
{
	const struct topic_part *part = reader->reading.part;
	int64_t                 *begin = &reader->begins[partition];
	int64_t                  end = reader->ends[partition];

	switch (part->from)
	{
		case FROM_BEGINNING: break;
		case FROM_END: *begin = end; break;
		case FROM_OFFSET:
			if (part->number > *begin)
				*begin = part->number < end ? part->number : end;
			break;
		case FROM_LAST: return begin_of_last(reader, rkt, partition);
		case FROM_TIME: return begin_of_time(reader, rk, partition);
	}
	return RC_OK;
}

/* From where to where each partition is read that is. */
static enum rc
partitions_find(struct topic_reader *reader, rd_kafka_t *rk, rd_kafka_topic_t *rkt)
{
	const struct topic_part *part = reader->reading.part;
	enum rc                  rc = RC_OK;

	for (int32_t i = 0; i < reader->npartitions && rc == RC_OK; i++)
	{
		if (!is_wanted(part, i))
			continue;
		rc = end_ask(reader, rk, i);
		reader->nopen++;
		if (part == NULL)
			reader->begins[i] = RD_KAFKA_OFFSET_BEGINNING;
		else if (rc == RC_OK)
			rc = begin_find(reader, rk, rkt, i);
		if (part && reader->begins[i] >= reader->ends[i])
			end_reached(reader, i);
	}
	return rc;
}

/* Those that there is something to read of, or will be. */
static enum rc
partitions_start(struct topic_reader *reader, rd_kafka_topic_t *rkt, rd_kafka_queue_t *queue)
{
	const struct topic_part *part = reader->reading.part;
	enum rc                  rc = RC_OK;

	for (; reader->nstarted < reader->npartitions && rc == RC_OK; reader->nstarted++)
	{
		int32_t i = reader->nstarted;

		if (is_wanted(part, i) && (reader->ends[i] >= 0 || part->follows) &&
			rd_kafka_consume_start_queue(rkt, i, reader->begins[i], queue) != 0)
			rc = refused(reader, rd_kafka_last_error());
	}
	reader->following = part && part->follows;
	return rc;
}

static enum rc
partitions_read(struct topic_reader *reader, rd_kafka_t *rk, rd_kafka_topic_t *rkt)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	enum rc           rc;

	reader->begins = xcalloc((size_t) reader->npartitions, sizeof(*reader->begins));
	reader->ends = xcalloc((size_t) reader->npartitions, sizeof(*reader->ends));
	reader->nopen = 0;
	reader->nstarted = 0;
	rc = partitions_find(reader, rk, rkt);
	if (rc == RC_OK)
		rc = partitions_start(reader, rkt, queue);
	while (rc == RC_OK && (reader->nopen > 0 || reader->following))
	{
		rd_kafka_message_t *message = rd_kafka_consume_queue(queue, STEP_MS);

		rd_kafka_poll(rk, 0);
		if (message)
		{
			reader->heard_ms = loop_now_ms();
			rc = message_take(reader, message);
			rd_kafka_message_destroy(message);
		}
		if (rc == RC_OK && is_over(reader))
			rc = RC_ERR;
	}
	for (int32_t i = 0; i < reader->nstarted; i++)
		rd_kafka_consume_stop(rkt, i);
	rd_kafka_queue_destroy(queue);
	free(reader->begins);
	free(reader->ends);
	return rc == RC_AGAIN ? RC_OK : rc;
}

static void *
reader_main(void *arg)
{
	struct topic_reader *reader = arg;
	rd_kafka_t          *rk = consumer_new(reader);
	rd_kafka_topic_t    *rkt = rk ? rd_kafka_topic_new(rk, reader->topic, NULL) : NULL;
	uint64_t             wake = 1;
	ssize_t              written;

	reader->rc = RC_ERR;
	if (rk && rkt == NULL)
		(void) refused(reader, rd_kafka_last_error());
	if (rkt)
		reader->rc = partitions_ask(reader, rk, rkt);
	if (reader->rc == RC_OK && reader->reading.compacted)
		reader->rc = topic_ensure(reader, rk, rkt);
	if (reader->rc == RC_OK && reader->npartitions > 0)
		reader->rc = partitions_read(reader, rk, rkt);
	if (rkt)
		rd_kafka_topic_destroy(rkt);
	if (rk)
		rd_kafka_destroy(rk);
	written = write(reader->wake_fd, &wake, sizeof(wake));
	(void) written; /* an eventfd at zero always takes it */
	return NULL;
}

/* --- on the loop -------------------------------------------------------------- */

static void
reader_join(struct topic_reader *reader)
{
	uint64_t wakes;
	ssize_t  got;

	pthread_join(reader->thread, NULL);
	got = read(reader->wake_fd, &wakes, sizeof(wakes));
	(void) got;
}

static void
on_wake(void *arg, int fd, short revents)
{
	struct topic_reader *reader = arg;

	(void) fd;
	(void) revents;
	if (reader->state != READER_RUNNING)
		return;
	reader_join(reader);
	reader->state = READER_ENDED;
	reader->reading.done(reader->reading.arg);
}

struct topic_reader *
topic_reader_new(struct loop *loop, const struct config *cfg, const struct topic_reading *reading)
{
	struct topic_reader *reader = xcalloc(1, sizeof(*reader));

	reader->loop = loop;
	reader->cfg = cfg;
	reader->reading = *reading;
	reader->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (reader->wake_fd < 0)
		abort(); /* main.c saw that there are some */
	loop_watch(loop, reader->wake_fd, POLLIN, on_wake, reader);
	return reader;
}

void
topic_reader_start(struct topic_reader *reader, const char *topic)
{
	free(reader->topic);
	reader->topic = xstrdup(topic);
	reader->npartitions = 0;
	reader->records = 0;
	reader->following = false;
	reader->reason[0] = '\0';
	reader->heard_ms = loop_now_ms();
	atomic_store(&reader->cancelled, false);
	reader->state = READER_RUNNING;
	if (pthread_create(&reader->thread, NULL, reader_main, reader) != 0)
		abort(); /* like memory that cannot be had */
}

void
topic_reader_cancel(struct topic_reader *reader)
{
	if (reader->state == READER_RUNNING)
	{
		atomic_store(&reader->cancelled, true);
		reader_join(reader);
	}
	reader->state = READER_IDLE;
}

void
topic_reader_free(struct topic_reader *reader)
{
	if (reader == NULL)
		return;
	topic_reader_cancel(reader);
	loop_forget(reader->loop, reader->wake_fd);
	close(reader->wake_fd);
	free(reader->topic);
	free(reader);
}

enum rc
topic_reader_result(const struct topic_reader *reader, struct err *e)
{
	if (reader->state != READER_ENDED)
		return RC_AGAIN;
	if (reader->rc != RC_OK)
		*e = reader->e;
	return reader->rc;
}

const char *
topic_reader_topic(const struct topic_reader *reader)
{
	return reader->state == READER_ENDED && reader->rc == RC_OK ? reader->topic : NULL;
}

int32_t
topic_reader_partitions(const struct topic_reader *reader)
{
	return reader->npartitions;
}

uint64_t
topic_reader_records(const struct topic_reader *reader)
{
	return reader->records;
}
