/*
 * signal_topic.c
 *		A consumer that stays; see signal_topic.h.
 *
 * The thread puts what it has into a list, of which there is never much, and wakes the loop.
 */
#include "signal_topic.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "kafka_conf.h"
#include "log.h"
#include "snapshot_signal.h"

/* The thread looks so often whether it is still wanted, if nobody wakes it. */
#define STEP_MS 1000
/* For one answer about the topic, with the connection that it takes. */
#define ANSWER_MS 2000
/* Behind trouble, and while there is no such topic. */
#define PAUSE_MS 5000
/* How often it is looked for partitions that were added. */
#define PARTITIONS_MS 60000
/* The same trouble is told so often. */
#define TELL_MS 600000
/* No topic has more partitions. */
#define PARTITIONS_MAX 100000
/* By so much clocks of those who send may be behind ours. */
#define CLOCKS_MS 10000
/* So many are handed over at most before the loop has taken some. */
#define LIST_MAX 100

struct item
{
	struct str   json; /* owned; data NULL: none */
	int32_t      partition;
	int64_t      next;
	struct err  *trouble; /* owned; NULL: none */
	struct item *behind;
};

struct place
{
	int64_t next;    /* -1: to be found */
	int64_t told;    /* that the loop knows */
	bool    started; /* the consumer has */
};

struct signal_topic
{
	struct loop         *loop;
	const struct config *cfg;
	signal_cb           *on_signal;
	void                *arg;
	char                *topic;
	int                  wake_fd; /* eventfd: there is something in the list */
	bool                 running;
	pthread_t            thread;

	pthread_mutex_t   lock; /* over what follows */
	pthread_cond_t    changed;
	bool              cancelled;
	rd_kafka_queue_t *queue; /* to be woken; NULL: there is none */
	struct item      *first;
	struct item     **last;
	unsigned          count;

	/* The thread's: */
	struct place *places; /* by partition */
	int32_t       nplaces;
	bool          complete;   /* all partitions that there were have been started */
	int64_t       missing_ms; /* wall clock: there was no such topic; 0: there always was */
	int64_t       told_ms;    /* loop time of the last trouble that was told; 0: there is none */
};

/* --- what is handed over --------------------------------------------------------------- */

static bool
is_cancelled(struct signal_topic *st)
{
	bool cancelled;

	pthread_mutex_lock(&st->lock);
	cancelled = st->cancelled;
	pthread_mutex_unlock(&st->lock);
	return cancelled;
}

/* Waits for room; item becomes the list's. */
static void
list_put(struct signal_topic *st, const struct item *item)
{
	struct item *copy = xmalloc(sizeof(*copy));
	uint64_t     wake = 1;
	ssize_t      written;

	*copy = *item;
	pthread_mutex_lock(&st->lock);
	while (st->count >= LIST_MAX && !st->cancelled)
		pthread_cond_wait(&st->changed, &st->lock);
	copy->behind = NULL;
	*st->last = copy;
	st->last = &copy->behind;
	st->count++;
	pthread_mutex_unlock(&st->lock);
	written = write(st->wake_fd, &wake, sizeof(wake));
	(void) written; /* an eventfd that is full wakes all the same */
}

/* All of it; the caller frees each. */
static struct item *
list_take(struct signal_topic *st)
{
	struct item *first;

	pthread_mutex_lock(&st->lock);
	first = st->first;
	st->first = NULL;
	st->last = &st->first;
	st->count = 0;
	pthread_cond_signal(&st->changed);
	pthread_mutex_unlock(&st->lock);
	return first;
}

static struct item *
item_free(struct item *item)
{
	struct item *behind = item->behind;

	free((char *) item->json.data);
	free(item->trouble);
	free(item);
	return behind;
}

/* --- trouble --------------------------------------------------------------------------- */

/* The first time, and every once in a while. */
static void
trouble_tell(struct signal_topic *st, const struct err *e)
{
	int64_t now_ms = loop_now_ms();

	if (st->told_ms && now_ms - st->told_ms < TELL_MS)
		return;
	st->told_ms = now_ms;
	list_put(st, &(struct item){.trouble = memcpy(xmalloc(sizeof(*e)), e, sizeof(*e))});
}

static void
refused(struct signal_topic *st, rd_kafka_resp_err_t code)
{
	struct err e;

	switch (code)
	{
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
			err_set(&e, ERR_PERMISSION, E2004, "Kafka does not let topic \"%s\" be read",
					st->topic);
			err_detail(&e, "%s.", rd_kafka_err2str(code));
			err_hint(&e, "Give the user the rights Read and Describe on the topic "
						 "(kafka-acls.sh), or leave kafka out of signal.enabled.channels.");
			break;
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
			err_set(&e, ERR_PERMISSION, E2004,
					"Kafka refuses the login for topic \"%s\" for signals", st->topic);
			err_detail(&e, "%s.", rd_kafka_err2str(code));
			err_hint(&e, "If the secret has changed, write the new one where its .file setting names "
						 "it, and send SIGHUP.");
			break;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
			err_set(&e, ERR_CONFIG, E2002, "topic \"%s\" for signals does not exist", st->topic);
			err_hint(&e, "Make it, with one partition, or set signal.kafka.topic to the one that "
						 "signals are sent to.");
			break;
		default:
			err_set(&e, ERR_TRANSIENT, E2008, "topic \"%s\" for signals cannot be read", st->topic);
			err_detail(&e, "%s.", rd_kafka_err2str(code));
			err_hint(&e, "Start the brokers, or look into their logs at this time.");
	}
	trouble_tell(st, &e);
}

/* What was to be read next is not there. */
static void
gap_tell(struct signal_topic *st, int32_t partition, int64_t next, int64_t low, int64_t high)
{
	struct item item = {.trouble = xcalloc(1, sizeof(*item.trouble))};

	err_set(item.trouble, ERR_TRANSIENT, E2012, "topic \"%s\" for signals %s", st->topic,
			next > high ? "was made anew, or has lost its newest records" : "has lost records");
	err_detail(item.trouble,
			   "Partition %" PRId32 " was read up to offset %" PRId64
			   ", and has those from %" PRId64 " to %" PRId64 " now.",
			   partition, next, low, high);
	err_hint(item.trouble, "Send signals again that had no effect.");
	list_put(st, &item);
}

/* --- the thread -------------------------------------------------------------------------- */

/* Until ms are over, or it is not wanted any more. */
static void
thread_wait(struct signal_topic *st, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	pthread_mutex_lock(&st->lock);
	while (!st->cancelled && pthread_cond_timedwait(&st->changed, &st->lock, &until) == 0)
		;
	pthread_mutex_unlock(&st->lock);
}

static rd_kafka_t *
consumer_new(struct signal_topic *st)
{
	rd_kafka_conf_t *conf = kafka_conf_consumer(st->cfg, READ_COMMITTED);
	char             text[512];
	rd_kafka_t      *rk;
	struct err       e;

	kafka_conf_stay(conf);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (rk)
		return rk;
	rd_kafka_conf_destroy(conf);
	err_set(&e, ERR_CONFIG, E1002, "the settings in [kafka] do not make a consumer for signals");
	err_detail(&e, "librdkafka says: %s.", text);
	err_hint(&e, "Correct the properties that it names, or remove them.");
	trouble_tell(st, &e);
	return NULL;
}

static int64_t
wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* How many partitions there are; 0: none yet, or trouble. */
static int32_t
partitions_ask(struct signal_topic *st, rd_kafka_t *rk, rd_kafka_topic_t *rkt)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t             code = rd_kafka_metadata(rk, 0, rkt, &metadata, ANSWER_MS);
	int32_t                         count = 0;

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		code = metadata->topic_cnt == 1 ? metadata->topics[0].err
										: RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
		count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
		rd_kafka_metadata_destroy(metadata);
	}
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return count;
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && st->missing_ms == 0)
		st->missing_ms = wall_ms();
	refused(st, code);
	return 0;
}

static void
places_grow(struct signal_topic *st, int32_t count)
{
	if (count <= st->nplaces)
		return;
	st->places = xrealloc(st->places, (size_t) count * sizeof(*st->places));
	while (st->nplaces < count)
		st->places[st->nplaces++] = (struct place){.next = -1, .told = -1};
}

/* The loop is to know how far the partition was read, if it does not. */
static void
place_tell(struct signal_topic *st, int32_t partition)
{
	struct place *place = &st->places[partition];

	if (place->told == place->next)
		return;
	place->told = place->next;
	list_put(st, &(struct item){.partition = partition, .next = place->next});
}

/*
 * The first record of a topic that was not there, newer than the answer that said so: a
 * broker that has not heard of a topic says so, too, and all that was ever in it must not
 * come again.  -1: it cannot be had.
 */
static int64_t
offset_since(struct signal_topic *st, rd_kafka_t *rk, int32_t partition, int64_t high)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, st->topic, partition);
	int64_t                     offset = -1;
	rd_kafka_resp_err_t         code;

	at->offset = st->missing_ms - CLOCKS_MS;
	code = rd_kafka_offsets_for_times(rk, list, ANSWER_MS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = at->err;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		refused(st, code);
	else
		offset = at->offset >= 0 ? at->offset : high; /* no record is newer */
	rd_kafka_topic_partition_list_destroy(list);
	return offset;
}

/* Where to read from if nothing is known, or if it is not there.  -1: it cannot be told yet. */
static int64_t
place_choose(struct signal_topic *st, rd_kafka_t *rk, int32_t partition, int64_t low, int64_t high)
{
	int64_t next = st->places[partition].next;

	if (st->missing_ms)
		return offset_since(st, rk, partition, high);
	if (next < 0)
		return st->complete ? low : high;
	gap_tell(st, partition, next, low, high);
	return next < low ? low : high;
}

/* False: it cannot be told yet where the partition is to be read from. */
static bool
place_find(struct signal_topic *st, rd_kafka_t *rk, int32_t partition)
{
	struct place       *place = &st->places[partition];
	int64_t             next = place->next;
	int64_t             low, high;
	rd_kafka_resp_err_t code =
		rd_kafka_query_watermark_offsets(rk, st->topic, partition, &low, &high, ANSWER_MS);

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		refused(st, code);
		return false;
	}
	if (place->next < low || place->next > high)
		next = place_choose(st, rk, partition, low, high);
	if (next < 0)
		return false;
	place->next = next;
	place_tell(st, partition);
	return true;
}

/* Starts those partitions of so many that are not read yet.  False: some of them cannot be. */
static bool
partitions_start(struct signal_topic *st, rd_kafka_t *rk, rd_kafka_topic_t *rkt, int32_t count)
{
	places_grow(st, count);
	for (int32_t i = 0; i < count; i++)
	{
		struct place *place = &st->places[i];

		if (place->started)
			continue;
		if (is_cancelled(st) || !place_find(st, rk, i))
			return false;
		if (rd_kafka_consume_start_queue(rkt, i, place->next, st->queue) != 0)
		{
			refused(st, rd_kafka_last_error());
			return false;
		}
		place->started = true;
	}
	if (count > 0)
	{
		st->complete = true;
		st->missing_ms = 0;
	}
	return count > 0;
}

/* Not NULL, with zero bytes if there are some. */
static char *
bytes_copy(const void *data, size_t len)
{
	char *copy = xmalloc(len + 1);

	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

static void
record_take(struct signal_topic *st, const rd_kafka_message_t *message)
{
	struct place *place = &st->places[message->partition];
	const char   *prefix = st->cfg->kafka.topic_prefix;
	struct item   item = {.partition = message->partition, .next = message->offset + 1};

	st->told_ms = 0; /* it can be read */
	place->next = item.next;
	if (message->key == NULL || message->key_len != strlen(prefix) ||
		memcmp(message->key, prefix, message->key_len) != 0)
		return; /* for somebody else */
	place->told = item.next;
	item.json = (struct str){bytes_copy(message->payload, message->len), message->len};
	list_put(st, &item);
}

/* False: the consumer is of no more use. */
static bool
message_take(struct signal_topic *st, const rd_kafka_message_t *message)
{
	switch (message->err)
	{
		case RD_KAFKA_RESP_ERR_NO_ERROR: record_take(st, message); return true;
		case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET: return false; /* place_find() tells it */
		case RD_KAFKA_RESP_ERR__PARTITION_EOF: place_tell(st, message->partition); return true;
		default: refused(st, message->err); return false;
	}
}

/* Reads until something is wrong, or it is not wanted any more. */
static void
topic_follow(struct signal_topic *st, rd_kafka_t *rk, rd_kafka_topic_t *rkt)
{
	bool    good = partitions_start(st, rk, rkt, partitions_ask(st, rk, rkt));
	int64_t looked_ms = loop_now_ms();

	while (good && !is_cancelled(st))
	{
		rd_kafka_message_t *message = rd_kafka_consume_queue(st->queue, STEP_MS);

		rd_kafka_poll(rk, 0);
		if (message)
		{
			good = message_take(st, message);
			rd_kafka_message_destroy(message);
		}
		if (good && loop_now_ms() - looked_ms >= PARTITIONS_MS)
		{
			int32_t count = partitions_ask(st, rk, rkt);

			/* A partition that cannot be had now is asked for again. */
			(void) partitions_start(st, rk, rkt, count);
			/* Nobody answers: another consumer has today's secrets and certificates. */
			good = count > 0;
			looked_ms = loop_now_ms();
		}
	}
	for (int32_t i = 0; i < st->nplaces; i++)
	{
		if (st->places[i].started)
			rd_kafka_consume_stop(rkt, i);
		st->places[i].started = false;
	}
}

static void
queue_set(struct signal_topic *st, rd_kafka_queue_t *queue)
{
	pthread_mutex_lock(&st->lock);
	st->queue = queue;
	pthread_mutex_unlock(&st->lock);
}

/* One consumer, from its making to its end. */
static void
consumer_run(struct signal_topic *st)
{
	rd_kafka_t       *rk = consumer_new(st);
	rd_kafka_topic_t *rkt = rk ? rd_kafka_topic_new(rk, st->topic, NULL) : NULL;
	rd_kafka_queue_t *queue = rkt ? rd_kafka_queue_new(rk) : NULL;

	if (rk && rkt == NULL)
		refused(st, rd_kafka_last_error());
	if (queue)
	{
		queue_set(st, queue);
		topic_follow(st, rk, rkt);
		queue_set(st, NULL);
		rd_kafka_queue_destroy(queue);
	}
	if (rkt)
		rd_kafka_topic_destroy(rkt);
	if (rk)
		rd_kafka_destroy(rk);
}

static void *
thread_main(void *arg)
{
	struct signal_topic *st = arg;

	while (!is_cancelled(st))
	{
		consumer_run(st);
		thread_wait(st, PAUSE_MS);
	}
	return NULL;
}

/* --- on the loop --------------------------------------------------------------------------- */

/* Whether it is a signal; if not, that is told. */
static bool
item_check(const struct signal_topic *st, const struct item *item)
{
	struct snapshot_signal signal;
	struct err             e;
	size_t                 len;

	if (snapshot_signal_read(item->json, &signal, &e) == RC_OK)
	{
		snapshot_signal_free(&signal);
		return true;
	}
	len = strlen(e.detail);
	snprintf(e.detail + len, sizeof(e.detail) - len,
			 "%sIt is the record at offset %" PRId64 " of partition %" PRId32 " of topic \"%s\".",
			 len > 0 ? " " : "", item->next - 1, item->partition, st->topic);
	log_err(LOG_WARN, &e, "passing it over");
	return false;
}

static void
item_deliver(struct signal_topic *st, struct item *item)
{
	struct str json = item->json;

	if (item->trouble)
	{
		log_err(LOG_WARN, item->trouble,
				item->trouble->code == E2012 ? "going on with what there is"
											 : "trying again to read signals");
		return;
	}
	if (json.data && !item_check(st, item))
		json = (struct str){NULL, 0};
	st->on_signal(st->arg, json, item->partition, item->next);
}

static void
on_wake(void *arg, int fd, short revents)
{
	struct signal_topic *st = arg;
	uint64_t             wakes;
	ssize_t              got = read(fd, &wakes, sizeof(wakes));
	struct item         *item = list_take(st);

	(void) got;
	(void) revents;
	while (item)
	{
		if (st->running) /* on_signal() may have stopped it */
			item_deliver(st, item);
		item = item_free(item);
	}
}

struct signal_topic *
signal_topic_new(struct loop *loop, const struct config *cfg, signal_cb *on_signal, void *arg)
{
	struct signal_topic *st = xcalloc(1, sizeof(*st));
	pthread_condattr_t   attributes;

	st->loop = loop;
	st->cfg = cfg;
	st->on_signal = on_signal;
	st->arg = arg;
	st->topic = config_signal_topic(cfg);
	st->last = &st->first;
	pthread_mutex_init(&st->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&st->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	st->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (st->wake_fd < 0)
		abort(); /* main.c saw that there are some */
	loop_watch(loop, st->wake_fd, POLLIN, on_wake, st);
	return st;
}

void
signal_topic_start(struct signal_topic *st, struct incremental_note *note)
{
	signal_topic_stop(st);
	incremental_note_of_topic(note, st->topic);
	st->complete = false;
	st->told_ms = st->missing_ms = 0;
	for (uint32_t i = 0; i < note->nsignals_at; i++)
	{
		const struct signal_offset *at = &note->signals_at[i];

		if (at->partition >= PARTITIONS_MAX)
			continue;
		places_grow(st, at->partition + 1);
		st->places[at->partition].next = st->places[at->partition].told = at->next;
	}
	st->cancelled = false;
	st->running = true;
	if (pthread_create(&st->thread, NULL, thread_main, st) != 0)
		abort(); /* like memory that cannot be had */
}

void
signal_topic_stop(struct signal_topic *st)
{
	struct item *item;

	if (!st->running)
		return;
	st->running = false;
	pthread_mutex_lock(&st->lock);
	st->cancelled = true;
	pthread_cond_signal(&st->changed);
	if (st->queue)
		rd_kafka_queue_yield(st->queue);
	pthread_mutex_unlock(&st->lock);
	pthread_join(st->thread, NULL);
	item = list_take(st);
	while (item)
		item = item_free(item);
	free(st->places);
	st->places = NULL;
	st->nplaces = 0;
}

void
signal_topic_free(struct signal_topic *st)
{
	if (st == NULL)
		return;
	signal_topic_stop(st);
	loop_forget(st->loop, st->wake_fd);
	close(st->wake_fd);
	pthread_cond_destroy(&st->changed);
	pthread_mutex_destroy(&st->lock);
	free(st->topic);
	free(st);
}

const char *
signal_topic_name(const struct signal_topic *st)
{
	return st->topic;
}
