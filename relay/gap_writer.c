/*
 * gap_writer.c
 *		A producer that lives for one gap; see gap_writer.h.
 *
 * An attempt is all or, exactly once, nothing.  If a topic refuses its records
 * (compacted ones do: they have no key), exactly once the Kafka transaction is lost
 * with them, and the next attempt leaves that topic out.
 */
#include "gap_writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "crash_point.h"
#include "gap.h"
#include "kafka_conf.h"
#include "producer_error.h"

/* Without an answer for so long an attempt has failed. */
#define PATIENCE_MS 30000
/* How often the thread looks whether it is still wanted. */
#define STEP_MS 500

enum writer_state
{
	WRITER_IDLE,
	WRITER_RUNNING,
	WRITER_ENDED /* joined; what follows is the loop's */
};

struct gap_writer
{
	struct loop         *loop;
	const struct config *cfg;
	loop_cb             *done;
	void                *arg;
	int                  wake_fd; /* eventfd: the thread has ended */
	enum writer_state    state;
	pthread_t            thread;

	/* The thread's while it runs: */
	atomic_bool    cancelled;
	struct gap_job job;
	rd_kafka_t    *rk;
	struct kafka_identity who;
	char           reason[512]; /* last trouble with a connection */
	unsigned       records;     /* notes that are acknowledged, of this attempt */
	unsigned       refused;     /* topics that were found to refuse theirs in this attempt */
	int64_t        heard_ms;    /* loop time of the last answer */
	bool           failed;      /* e says why */
	struct err     e;
};

/* --- the job ------------------------------------------------------------------ */

void
gap_job_note(struct gap_job *job, const char *topic, const char *text)
{
	job->notes = xrealloc(job->notes, (job->nnotes + 1) * sizeof(*job->notes));
	job->notes[job->nnotes++] = (struct gap_note){.topic = xstrdup(topic), .text = xstrdup(text)};
}

void
gap_job_fact(struct gap_job *job, const char *key, const char *value)
{
	job->facts = xrealloc(job->facts, (job->nfacts + 1) * sizeof(*job->facts));
	job->facts[job->nfacts++] = (struct gap_fact){.key = xstrdup(key), .value = xstrdup(value)};
}

void
gap_job_clear(struct gap_job *job)
{
	for (unsigned i = 0; i < job->nnotes; i++)
	{
		free(job->notes[i].topic);
		free(job->notes[i].text);
	}
	for (unsigned i = 0; i < job->nfacts; i++)
	{
		free(job->facts[i].key);
		free(job->facts[i].value);
	}
	free(job->notes);
	free(job->facts);
	free(job->progress_topic);
	*job = (struct gap_job){0};
}

/* --- the thread: failures ------------------------------------------------------- */

/* The first one counts. */
static void
writer_fail(struct gap_writer *gw, int code, const char *text, const char *topic)
{
	struct producer_trouble trouble = {.code = code,
									   .text = text,
									   .topic = topic,
									   .waited = true,
									   .who = &gw->who};

	if (gw->failed)
		return;
	gw->failed = true;
	(void) producer_error(&trouble, &gw->e);
}

/* Whether to give up: nobody waits any more, or nothing has come for too long. */
static bool
writer_is_over(struct gap_writer *gw)
{
	if (gw->failed || atomic_load(&gw->cancelled))
		return true;
	if (loop_now_ms() - gw->heard_ms < PATIENCE_MS)
		return false;
	gw->failed = true;
	(void) producer_error_unreachable(gw->who.bootstrap, gw->reason, &gw->e);
	return true;
}

static void
on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
	struct gap_writer *gw = arg;
	char               text[256];

	if (code == RD_KAFKA_RESP_ERR__FATAL)
	{
		code = rd_kafka_fatal_error(rk, text, sizeof(text));
		writer_fail(gw, code, text, "");
	}
	else if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
			 code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED)
		writer_fail(gw, code, reason, "");
	snprintf(gw->reason, sizeof(gw->reason), "%s", reason);
}

/* A note's topic may refuse it, or be gone by now. */
static void
on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *arg)
{
	struct gap_writer *gw = arg;
	struct gap_note   *note = message->_private;

	(void) rk;
	gw->heard_ms = loop_now_ms();
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		gw->records += note != NULL;
	else if (note && (producer_error_is_of_record(message->err) ||
					  message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
					  message->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
					  message->err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION))
	{
		gw->refused += !note->refused;
		note->refused = true;
	}
	/* What fails because something else did says nothing by itself. */
	else if (!producer_error_is_consequence(message->err) || gw->refused == 0)
		writer_fail(gw, message->err, rd_kafka_err2str(message->err),
					rd_kafka_topic_name(message->rkt));
}

/* --- the thread: an attempt ------------------------------------------------------ */

static bool
writer_is_once(const struct gap_writer *gw)
{
	return gw->cfg->kafka.exactly_once && !gw->job.plain;
}

static void
conf_must(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		abort(); /* a library older than the one that we build with */
}

/*
 * The sink's settings but for what makes it end: at least once a record that is refused
 * is to be only that, and the order of these records says nothing.
 */
static bool
writer_open(struct gap_writer *gw)
{
	struct config    cfg = *gw->cfg; /* borrows all of it */
	rd_kafka_conf_t *conf;
	char             text[512];

	cfg.kafka.exactly_once = writer_is_once(gw);
	if (kafka_conf_producer(&cfg, &conf, &gw->e) != RC_OK)
	{
		gw->failed = true;
		return false;
	}
	kafka_conf_identity(conf, &gw->who);
	conf_must(conf, "log.queue", "false");
	conf_must(conf, "enable.gapless.guarantee", "false");
	if (!writer_is_once(gw))
	{
		conf_must(conf, "enable.idempotence", "false");
		conf_must(conf, "message.timeout.ms", "30000");
	}
	rd_kafka_conf_set_events(conf, 0);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
	rd_kafka_conf_set_opaque(conf, gw);
	gw->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (gw->rk)
		return true;
	rd_kafka_conf_destroy(conf);
	gw->failed = true;
	(void) producer_error_settings(text, &gw->e);
	return false;
}

/* What may be asked again until it is answered; false: it failed. */
static bool
writer_transact(struct gap_writer *gw, rd_kafka_error_t *(*call)(rd_kafka_t *rk, int timeout_ms))
{
	for (;;)
	{
		rd_kafka_error_t *error = call(gw->rk, STEP_MS);
		bool              again = error && rd_kafka_error_is_retriable(error);

		if (error == NULL)
		{
			gw->heard_ms = loop_now_ms();
			return true;
		}
		if (!again && gw->refused == 0)
			writer_fail(gw, rd_kafka_error_code(error), rd_kafka_error_string(error), "");
		rd_kafka_error_destroy(error);
		rd_kafka_poll(gw->rk, 0);
		if (!again || writer_is_over(gw))
			return false;
	}
}

static bool
writer_begin(struct gap_writer *gw)
{
	rd_kafka_error_t *error;

	if (!writer_is_once(gw))
		return true;
	if (!writer_transact(gw, rd_kafka_init_transactions))
		return false;
	error = rd_kafka_begin_transaction(gw->rk);
	if (error == NULL)
		return true;
	writer_fail(gw, rd_kafka_error_code(error), rd_kafka_error_string(error), "");
	rd_kafka_error_destroy(error);
	return false;
}

/* All topics are asked for, because asking for one by its name may create it. */
static const struct rd_kafka_metadata *
writer_metadata(struct gap_writer *gw)
{
	const struct rd_kafka_metadata *metadata;

	while (!writer_is_over(gw))
	{
		rd_kafka_resp_err_t code = rd_kafka_metadata(gw->rk, 1, NULL, &metadata, STEP_MS);

		rd_kafka_poll(gw->rk, 0);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return metadata;
		if (code != RD_KAFKA_RESP_ERR__TIMED_OUT && code != RD_KAFKA_RESP_ERR__TRANSPORT)
			writer_fail(gw, code, rd_kafka_err2str(code), "");
		else if (code == RD_KAFKA_RESP_ERR__TRANSPORT)
			rd_kafka_poll(gw->rk, STEP_MS / 5);
	}
	return NULL;
}

/* 0: there is no such topic (any more), or we may not see it. */
static int32_t
partitions_of(const struct rd_kafka_metadata *metadata, const char *topic)
{
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (strcmp(metadata->topics[i].topic, topic) == 0)
			return metadata->topics[i].partition_cnt;
	return 0;
}

static void
writer_note(struct gap_writer *gw, struct gap_note *note, int32_t partition)
{
	rd_kafka_resp_err_t code =
		rd_kafka_producev(gw->rk, RD_KAFKA_V_TOPIC(note->topic), RD_KAFKA_V_PARTITION(partition),
						  RD_KAFKA_V_HEADER(GAP_HEADER, note->text, strlen(note->text)),
						  RD_KAFKA_V_OPAQUE(note), RD_KAFKA_V_END);

	/* After one was refused in this Kafka transaction no other is taken: another attempt. */
	if (code && gw->refused == 0)
		writer_fail(gw, code, rd_kafka_err2str(code), note->topic);
}

static void
writer_fact(struct gap_writer *gw, const struct gap_fact *fact)
{
	rd_kafka_resp_err_t code = rd_kafka_producev(
		gw->rk, RD_KAFKA_V_TOPIC(gw->job.progress_topic), RD_KAFKA_V_PARTITION(0),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(fact->key, strlen(fact->key)),
		RD_KAFKA_V_VALUE(fact->value, strlen(fact->value)), RD_KAFKA_V_END);

	if (code)
		writer_fail(gw, code, rd_kafka_err2str(code), gw->job.progress_topic);
}

/* All that was produced has come to something. */
static bool
writer_flush(struct gap_writer *gw)
{
	bool once = writer_is_once(gw);

	while (rd_kafka_flush(gw->rk, STEP_MS / 5) == RD_KAFKA_RESP_ERR__TIMED_OUT &&
		   !writer_is_over(gw))
		if (once && gw->refused > 0)
			return false; /* the rest stays in the queue */
	return !gw->failed && rd_kafka_outq_len(gw->rk) == 0;
}

static bool
writer_notes(struct gap_writer *gw)
{
	const struct rd_kafka_metadata *metadata = writer_metadata(gw);

	if (metadata == NULL)
		return false;
	for (unsigned i = 0; i < gw->job.nnotes; i++)
	{
		struct gap_note *note = &gw->job.notes[i];
		int32_t          npartitions = partitions_of(metadata, note->topic);

		note->absent = npartitions == 0;
		if (note->refused)
			continue;
		for (int32_t p = 0; p < npartitions; p++)
			writer_note(gw, note, p);
	}
	rd_kafka_metadata_destroy(metadata);
	return writer_flush(gw);
}

/*
 * A commit is answered when it is decided; readers of what is committed see it a little
 * later.  The next producer of this name gets its turn only then.
 */
static bool
writer_settle(struct gap_writer *gw)
{
	rd_kafka_destroy(gw->rk);
	gw->rk = NULL;
	return writer_open(gw) && writer_transact(gw, rd_kafka_init_transactions);
}

/* False: it failed, or has to be made once more without the topics that refuse. */
static bool
writer_attempt(struct gap_writer *gw)
{
	bool once = writer_is_once(gw);

	gw->records = gw->refused = 0;
	gw->heard_ms = loop_now_ms();
	if (!writer_open(gw) || !writer_begin(gw) || !writer_notes(gw) || (once && gw->refused > 0))
		return false;
	CRASH_POINT(gap_told);
	gw->refused = 0;
	for (unsigned i = 0; i < gw->job.nfacts; i++)
		writer_fact(gw, &gw->job.facts[i]);
	if (gw->failed || !writer_flush(gw))
		return false;
	if (once && (!writer_transact(gw, rd_kafka_commit_transaction) || !writer_settle(gw)))
		return false;
	CRASH_POINT(gap_closed);
	return true;
}

static void *
writer_main(void *arg)
{
	struct gap_writer *gw = arg;
	uint64_t           wake = 1;
	ssize_t            written;
	bool               again;
	bool               ok;

	do
	{
		ok = writer_attempt(gw);
		again = !ok && !gw->failed && gw->refused > 0 && !atomic_load(&gw->cancelled);
		if (gw->rk)
		{
			if (!ok && writer_is_once(gw)) /* readers of what is committed would wait for it */
				rd_kafka_error_destroy(rd_kafka_abort_transaction(gw->rk, STEP_MS));
			rd_kafka_purge(gw->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
			rd_kafka_destroy(gw->rk);
		}
		gw->rk = NULL;
	} while (again);
	if (!ok && !gw->failed) /* cancelled: nobody asks */
		writer_fail(gw, RD_KAFKA_RESP_ERR__DESTROY, rd_kafka_err2str(RD_KAFKA_RESP_ERR__DESTROY),
					"");
	written = write(gw->wake_fd, &wake, sizeof(wake));
	(void) written; /* an eventfd at zero always takes it */
	return NULL;
}

/* --- on the loop ------------------------------------------------------------------ */

static void
on_wake(void *arg, int fd, short revents)
{
	struct gap_writer *gw = arg;
	uint64_t           wakes;
	ssize_t            got = read(fd, &wakes, sizeof(wakes));

	(void) got;
	(void) revents;
	if (gw->state != WRITER_RUNNING)
		return;
	pthread_join(gw->thread, NULL);
	gw->state = WRITER_ENDED;
	gw->done(gw->arg);
}

struct gap_writer *
gap_writer_new(struct loop *loop, const struct config *cfg, loop_cb *done, void *arg)
{
	struct gap_writer *gw = xcalloc(1, sizeof(*gw));

	gw->loop = loop;
	gw->cfg = cfg;
	gw->done = done;
	gw->arg = arg;
	gw->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (gw->wake_fd < 0)
		abort(); /* main.c saw that there are some */
	loop_watch(loop, gw->wake_fd, POLLIN, on_wake, gw);
	return gw;
}

void
gap_writer_free(struct gap_writer *gw)
{
	if (gw == NULL)
		return;
	atomic_store(&gw->cancelled, true);
	if (gw->state == WRITER_RUNNING)
		pthread_join(gw->thread, NULL);
	loop_forget(gw->loop, gw->wake_fd);
	close(gw->wake_fd);
	gap_job_clear(&gw->job);
	free(gw);
}

void
gap_writer_start(struct gap_writer *gw, struct gap_job *job)
{
	if (gw->state == WRITER_RUNNING)
		abort();
	gap_job_clear(&gw->job);
	gw->job = *job;
	*job = (struct gap_job){0};
	gw->failed = false;
	gw->reason[0] = '\0';
	gw->state = WRITER_RUNNING;
	if (pthread_create(&gw->thread, NULL, writer_main, gw) != 0)
		abort(); /* like memory that cannot be had */
}

void
gap_writer_wait(struct gap_writer *gw, int timeout_ms)
{
	struct timespec deadline;

	if (gw->state != WRITER_RUNNING)
		return;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += timeout_ms / 1000;
	if (pthread_timedjoin_np(gw->thread, NULL, &deadline) != 0)
	{
		atomic_store(&gw->cancelled, true);
		pthread_join(gw->thread, NULL);
	}
	gw->state = WRITER_ENDED;
}

bool
gap_writer_is_running(const struct gap_writer *gw)
{
	return gw->state == WRITER_RUNNING;
}

enum rc
gap_writer_result(struct gap_writer *gw, unsigned *records, struct err *e)
{
	if (gw->state != WRITER_ENDED)
		return RC_AGAIN;
	gw->state = WRITER_IDLE;
	*records = gw->records;
	if (!gw->failed)
		return RC_OK;
	*e = gw->e;
	return RC_ERR;
}

const struct gap_job *
gap_writer_job(const struct gap_writer *gw)
{
	return &gw->job;
}
