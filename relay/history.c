/*
 * history.c
 *		A consumer for one topic, once; see history.h.
 *
 * No consumer group: every partition is read from its beginning to its high
 * watermark, which librdkafka reports as its end.  Records of one table are in
 * order; which of two tables has a name is decided by position, so that the
 * order between partitions does not matter.  Tombstones say nothing that the
 * record of the renamed table does not say, and are passed over.
 */
#include "history.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "buf.h"
#include "kafka_conf.h"
#include "schema_change.h"

#include <uthash.h>

/* Without an answer or a record for so long the reading has failed. */
#define PATIENCE_MS 30000
/* How often the thread looks whether it is still wanted. */
#define STEP_MS 100
/* For one answer about the topic, with the connection that it takes. */
#define ANSWER_MS 2000

/* The first change of a table of those that come again. */
struct earliest
{
	uint32_t       relid;
	uint64_t       commit_lsn;
	uint64_t       lsn;
	struct version before; /* avro.data NULL: nothing was known of the table; ours if not */
	UT_hash_handle hh;
};

struct history
{
	struct loop         *loop;
	const struct config *cfg;
	loop_cb             *done;
	void                *arg;
	int                  wake_fd; /* eventfd: the thread has ended */
	bool                 running;
	bool                 ended; /* joined; rc and what follows are ours */
	pthread_t            thread;

	/* The thread's while it runs: */
	atomic_bool       cancelled;
	char             *topic;
	char             *database; /* others of the same names and oids may write to the topic */
	uint64_t          start;
	struct chronicle *chr;
	struct earliest  *earliest; /* by relid */
	uint64_t          records;
	bool             *open; /* partitions whose end is not reached */
	int32_t           nopen;
	int64_t           heard_ms;    /* loop time of the last answer */
	char              reason[256]; /* last trouble with a connection */
	enum rc           rc;
	struct err        e;
};

/* --- errors ------------------------------------------------------------------ */

static enum rc
unreachable(struct history *hist)
{
	err_set(&hist->e, ERR_TRANSIENT, E2001, "topic \"%s\" cannot be read back", hist->topic);
	err_detail(&hist->e, "Nothing came for %d s.  %s%s", PATIENCE_MS / 1000, hist->reason,
			   hist->reason[0] ? "." : "");
	return err_hint(&hist->e,
					"Start the brokers.  Nothing is lost meanwhile: PostgreSQL keeps what "
					"was not confirmed.");
}

static enum rc
refused(struct history *hist, rd_kafka_resp_err_t code)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
			err_set(&hist->e, ERR_PERMISSION, E2004, "Kafka does not let topic \"%s\" be read",
					hist->topic);
			err_detail(&hist->e, "%s.", rd_kafka_err2str(code));
			return err_hint(&hist->e, "Give the user the rights Read and Describe on the topic "
									  "(kafka-acls.sh), or set include.schema.changes=false.");
		default:
			err_set(&hist->e, ERR_TRANSIENT, E2008, "topic \"%s\" cannot be read back",
					hist->topic);
			err_detail(&hist->e, "%s.", rd_kafka_err2str(code));
			return err_hint(&hist->e, "Look into the brokers' logs at this time.");
	}
}

static enum rc
strange_record(struct history *hist, const rd_kafka_message_t *message)
{
	err_set(&hist->e, ERR_DATA, E2008,
			"topic \"%s\" has a record that this release of walrelay did not write", hist->topic);
	err_detail(&hist->e, "It is at offset %" PRId64 " of partition %" PRId32 ".", message->offset,
			   message->partition);
	return err_hint(&hist->e, "Set topic.schema.changes to another name: descriptions start anew "
							  "there.  Whoever else writes to this topic must stop.");
}

/* --- the thread -------------------------------------------------------------- */

static bool
is_over(struct history *hist)
{
	if (atomic_load(&hist->cancelled))
	{
		err_set(&hist->e, ERR_TRANSIENT, E2008, "reading topic \"%s\" back was given up",
				hist->topic);
		return true;
	}
	if (loop_now_ms() - hist->heard_ms < PATIENCE_MS)
		return false;
	unreachable(hist);
	return true;
}

/* librdkafka's consumer says here why it has no connection. */
static void
on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
	struct history *hist = arg;

	(void) rk;
	(void) code;
	snprintf(hist->reason, sizeof(hist->reason), "%s", reason);
}

static rd_kafka_t *
consumer_new(struct history *hist)
{
	rd_kafka_conf_t *conf = kafka_conf_consumer(hist->cfg, READ_UNCOMMITTED);
	char             text[512];
	rd_kafka_t      *rk;

	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, hist);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (rk)
		return rk;
	rd_kafka_conf_destroy(conf);
	err_set(&hist->e, ERR_CONFIG, E1002, "the settings in [kafka] do not make a consumer");
	err_detail(&hist->e, "librdkafka says: %s.", text);
	err_hint(&hist->e, "Correct the properties that it names, or remove them.");
	return NULL;
}

/* *count: partitions; 0: there is no such topic. */
static enum rc
partitions_ask(struct history *hist, rd_kafka_t *rk, rd_kafka_topic_t *rkt, int32_t *count)
{
	*count = 0;
	while (!is_over(hist))
	{
		const struct rd_kafka_metadata *metadata;
		rd_kafka_resp_err_t             code = rd_kafka_metadata(rk, 0, rkt, &metadata, ANSWER_MS);

		rd_kafka_poll(rk, 0);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			code = metadata->topic_cnt == 1 ? metadata->topics[0].err
											: RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
			*count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
			rd_kafka_metadata_destroy(metadata);
			switch (code)
			{
				case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: *count = 0; return RC_OK;
				case RD_KAFKA_RESP_ERR_NO_ERROR:
					if (*count > 0)
						return RC_OK;
					break; /* it is being created */
				case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: break;
				default: return refused(hist, code);
			}
		}
		else if (code != RD_KAFKA_RESP_ERR__TIMED_OUT && code != RD_KAFKA_RESP_ERR__TRANSPORT)
			return refused(hist, code);
		if (code != RD_KAFKA_RESP_ERR__TIMED_OUT)
			rd_kafka_poll(rk, STEP_MS);
	}
	return RC_ERR;
}

static struct version
version_of(const struct description *desc, struct str avro, const struct change_position *position)
{
	return (struct version){
		.commit_lsn = position->commit_lsn,
		.lsn = position->lsn,
		.relid = desc->relid,
		.schema = (char *) desc->schema, /* to be copied */
		.name = (char *) desc->name,
		.avro = avro,
	};
}

static void
earliest_clear(struct earliest *earliest)
{
	if (earliest->before.avro.data == NULL)
		return;
	free(earliest->before.schema);
	free(earliest->before.name);
	free((char *) earliest->before.avro.data);
	earliest->before.avro.data = NULL;
}

/* The table changed at this position; before: from what, NULL: nothing was known of it. */
static void
history_note(struct history *hist, uint32_t relid, const struct change_position *position,
			 const struct version *before)
{
	struct earliest *earliest;

	HASH_FIND(hh, hist->earliest, &relid, sizeof(relid), earliest);
	if (earliest &&
		(earliest->commit_lsn < position->commit_lsn ||
		 (earliest->commit_lsn == position->commit_lsn && earliest->lsn <= position->lsn)))
		return;
	if (earliest == NULL)
	{
		earliest = xcalloc(1, sizeof(*earliest));
		earliest->relid = relid;
		HASH_ADD(hh, hist->earliest, relid, sizeof(earliest->relid), earliest);
	}
	earliest_clear(earliest);
	earliest->commit_lsn = position->commit_lsn;
	earliest->lsn = position->lsn;
	if (before == NULL)
		return;
	earliest->before = *before;
	earliest->before.schema = xstrdup(before->schema);
	earliest->before.name = xstrdup(before->name);
	earliest->before.avro.data =
		memcpy(xmalloc(before->avro.len), before->avro.data, before->avro.len);
}

/*
 * What came before start is how the table is described there.  Of what comes
 * again only the description before it counts, and only if nothing older is
 * left: the topic may have been compacted.
 */
static void
history_learn(struct history *hist, const struct past_change *past)
{
	const struct change_position *position = &past->position;
	const struct version         *known;
	struct version                version;

	if (position->commit_lsn < hist->start)
	{
		version = version_of(past->table, past->after, position);
		known = chronicle_table(hist->chr, version.relid);
		if (known == NULL || version.commit_lsn > known->commit_lsn ||
			(version.commit_lsn == known->commit_lsn && version.lsn >= known->lsn))
			chronicle_put(hist->chr, &version, hist->start);
		return;
	}
	if (past->old_table)
	{
		version = version_of(past->old_table, past->before, position);
		version.commit_lsn = version.lsn = 0;
		version.until = position->commit_lsn;
		version.until_us = position->commit_us;
		history_note(hist, version.relid, position, &version);
	}
	if (past->old_table == NULL || past->old_table->relid != past->table->relid)
		history_note(hist, past->table->relid, position, NULL);
}

/* Everything is read; or given up, then suppose is false. */
static void
history_conclude(struct history *hist, bool suppose)
{
	struct earliest *earliest;
	struct earliest *next;

	HASH_ITER(hh, hist->earliest, earliest, next)
	{
		HASH_DEL(hist->earliest, earliest);
		if (suppose && earliest->before.avro.data && !chronicle_table(hist->chr, earliest->relid))
			chronicle_put(hist->chr, &earliest->before, hist->start);
		earliest_clear(earliest);
		free(earliest);
	}
	if (suppose)
		chronicle_rewind(hist->chr, hist->start); /* settles who has which name */
}

static bool
is_named(struct str name, const char *wanted)
{
	return name.len == strlen(wanted) && memcmp(name.data, wanted, name.len) == 0;
}

static enum rc
history_take(struct history *hist, const rd_kafka_message_t *message)
{
	struct str         value = {message->payload, message->len};
	struct past_change past;
	struct arena      *arena;
	bool               ok;

	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
	{
		/* Once only: somebody else may write more behind the end. */
		hist->nopen -= hist->open[message->partition];
		hist->open[message->partition] = false;
		return RC_OK;
	}
	if (message->err)
		return refused(hist, message->err);
	hist->records++;
	if (message->payload == NULL)
		return RC_OK;
	arena = arena_new();
	ok = schema_change_read(value, arena, &past);
	if (ok && is_named(past.database, hist->database))
		history_learn(hist, &past);
	arena_free(arena);
	return ok ? RC_OK : strange_record(hist, message);
}

static enum rc
partitions_read(struct history *hist, rd_kafka_t *rk, rd_kafka_topic_t *rkt, int32_t count)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	int32_t           started = 0;
	enum rc           rc = RC_OK;

	while (started < count && rc == RC_OK)
	{
		if (rd_kafka_consume_start_queue(rkt, started, RD_KAFKA_OFFSET_BEGINNING, queue) != 0)
			rc = refused(hist, rd_kafka_last_error());
		else
			started++;
	}
	hist->open = xmalloc((size_t) count * sizeof(*hist->open));
	memset(hist->open, true, (size_t) count * sizeof(*hist->open));
	hist->nopen = count;
	while (rc == RC_OK && hist->nopen > 0)
	{
		rd_kafka_message_t *message = rd_kafka_consume_queue(queue, STEP_MS);

		rd_kafka_poll(rk, 0);
		if (message)
		{
			hist->heard_ms = loop_now_ms();
			rc = history_take(hist, message);
			rd_kafka_message_destroy(message);
		}
		if (rc == RC_OK && is_over(hist))
			rc = RC_ERR;
	}
	for (int32_t i = 0; i < started; i++)
		rd_kafka_consume_stop(rkt, i);
	rd_kafka_queue_destroy(queue);
	free(hist->open);
	return rc;
}

static void *
history_main(void *arg)
{
	struct history   *hist = arg;
	rd_kafka_t       *rk = consumer_new(hist);
	rd_kafka_topic_t *rkt = rk ? rd_kafka_topic_new(rk, hist->topic, NULL) : NULL;
	uint64_t          wake = 1;
	int32_t           count = 0;
	ssize_t           written;

	hist->rc = RC_ERR;
	if (rk && rkt == NULL)
		refused(hist, rd_kafka_last_error());
	if (rkt)
		hist->rc = partitions_ask(hist, rk, rkt, &count);
	if (hist->rc == RC_OK && count > 0)
		hist->rc = partitions_read(hist, rk, rkt, count);
	history_conclude(hist, hist->rc == RC_OK);
	if (rkt)
		rd_kafka_topic_destroy(rkt);
	if (rk)
		rd_kafka_destroy(rk);
	written = write(hist->wake_fd, &wake, sizeof(wake));
	(void) written; /* an eventfd at zero always takes it */
	return NULL;
}

/* --- on the loop -------------------------------------------------------------- */

static void
history_join(struct history *hist)
{
	uint64_t wakes;
	ssize_t  got;

	pthread_join(hist->thread, NULL);
	got = read(hist->wake_fd, &wakes, sizeof(wakes));
	(void) got;
	hist->running = false;
}

static void
on_wake(void *arg, int fd, short revents)
{
	struct history *hist = arg;

	(void) fd;
	(void) revents;
	if (!hist->running)
		return;
	history_join(hist);
	hist->ended = true;
	hist->done(hist->arg);
}

struct history *
history_new(struct loop *loop, const struct config *cfg, loop_cb *done, void *arg)
{
	struct history *hist = xcalloc(1, sizeof(*hist));

	hist->loop = loop;
	hist->cfg = cfg;
	hist->done = done;
	hist->arg = arg;
	hist->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (hist->wake_fd < 0)
		abort(); /* no descriptors left: nothing would work */
	loop_watch(loop, hist->wake_fd, POLLIN, on_wake, hist);
	return hist;
}

void
history_cancel(struct history *hist)
{
	if (hist->running)
	{
		atomic_store(&hist->cancelled, true);
		history_join(hist);
	}
	hist->ended = false;
	chronicle_free(hist->chr);
	hist->chr = NULL;
}

void
history_free(struct history *hist)
{
	if (hist == NULL)
		return;
	history_cancel(hist);
	loop_forget(hist->loop, hist->wake_fd);
	close(hist->wake_fd);
	free(hist->topic);
	free(hist->database);
	free(hist);
}

enum rc
history_read(struct history *hist, const char *topic, struct str database, uint64_t start,
			 struct chronicle **chr, struct err *e)
{
	if (hist->running)
		return RC_AGAIN;
	if (hist->ended)
	{
		hist->ended = false;
		if (hist->rc != RC_OK)
		{
			*e = hist->e;
			history_cancel(hist);
			return RC_ERR;
		}
		*chr = hist->chr;
		hist->chr = NULL;
		return RC_OK;
	}
	free(hist->topic);
	free(hist->database);
	hist->topic = xstrdup(topic);
	hist->database = xstrndup(database.data, database.len);
	hist->start = start;
	hist->chr = chronicle_new();
	hist->records = 0;
	hist->reason[0] = '\0';
	hist->heard_ms = loop_now_ms();
	atomic_store(&hist->cancelled, false);
	hist->running = true;
	if (pthread_create(&hist->thread, NULL, history_main, hist) != 0)
		abort(); /* like memory that cannot be had */
	return RC_AGAIN;
}

const char *
history_topic(const struct history *hist)
{
	return hist->rc == RC_OK ? hist->topic : NULL;
}

uint64_t
history_records(const struct history *hist)
{
	return hist->records;
}
