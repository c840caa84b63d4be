/*
 * producer_end.c
 *		What is left of a producer: its open Kafka transaction is aborted, then
 *		librdkafka ends, in a thread of its own because both wait for brokers.
 */
#include "producer.h"
#include "producer_parts.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

#define NS_PER_S 1000000000L
/* How long the loop waits for the thread. */
#define DESTROY_WAIT_NS (NS_PER_S / 2)
/* How long a transaction is tried to be aborted, and one call of it. */
#define GIVE_UP_MS 5000
#define GIVE_UP_STEP_MS 20

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over what follows */
static pthread_cond_t  changed = PTHREAD_COND_INITIALIZER;
static unsigned        aborting;   /* threads that try to abort */
static unsigned        destroying; /* threads, these among them */
static bool            left_open;  /* one could not be aborted */

/*
 * Readers of what is committed would wait behind it until another relay starts or it times
 * out.  What is in flight is waited for: a batch that came behind the abort would belong
 * to no transaction.  What is purged librdkafka reports, and waits until somebody has read that.
 * False: it is still open.
 */
static bool
give_up(rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
	int64_t end_ms = loop_now_ms() + GIVE_UP_MS;
	bool    again;
	bool    failed;

	do
	{
		rd_kafka_event_t *event;
		rd_kafka_error_t *error;

		while ((event = rd_kafka_queue_poll(queue, 0)) != NULL)
			rd_kafka_event_destroy(event);
		error = rd_kafka_abort_transaction(rk, GIVE_UP_STEP_MS);
		failed = error != NULL;
		again = failed && rd_kafka_error_is_retriable(error);
		/* After a fatal error, another producer's turn, say, nothing of ours is open. */
		if (failed && (rd_kafka_error_is_fatal(error) ||
					   rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE))
			failed = false;
		if (error)
			rd_kafka_error_destroy(error);
	} while (again && loop_now_ms() < end_ms);
	return !failed;
}

static void
purge(rd_kafka_t *rk)
{
	rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
						   RD_KAFKA_PURGE_F_NON_BLOCKING);
}

static void
count(unsigned *what, int by, bool open)
{
	pthread_mutex_lock(&lock);
	*what += (unsigned) by;
	left_open = left_open || open;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void *
destroy_main(void *arg)
{
	struct remains     *remains = arg;
	struct partitioner *part;
	struct partitioner *next;

	transactor_free(remains->trx);
	if (remains->is_open)
	{
		bool ended = give_up(remains->rk, remains->queue);

		count(&aborting, -1, !ended);
		purge(remains->rk);
	}
	rd_kafka_queue_destroy(remains->queue);
	rd_kafka_destroy(remains->rk);
	HASH_ITER(hh, remains->partitioners, part, next)
	{
		HASH_DEL(remains->partitioners, part);
		free(part);
	}
	close(remains->ear->wake_fd);
	free(remains->ear);
	free(remains);
	count(&destroying, -1, false);
	return NULL;
}

/*
 * Destroying waits for librdkafka's threads, and one of those may sit in a name
 * look-up for many seconds: then it is left to end on its own.
 */
void
producer_destroy(const struct remains *what)
{
	struct remains *remains = xcalloc(1, sizeof(*remains));
	struct timespec deadline;
	pthread_t       thread;

	*remains = *what;
	count(&destroying, 1, false);
	if (what->is_open)
		count(&aborting, 1, false);
	else
		purge(what->rk); /* a commit that waits for it ends, too */
	if (pthread_create(&thread, NULL, destroy_main, remains) != 0)
		abort(); /* like memory that cannot be had */
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_nsec += DESTROY_WAIT_NS;
	deadline.tv_sec += deadline.tv_nsec / NS_PER_S;
	deadline.tv_nsec %= NS_PER_S;
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &deadline) != 0)
		pthread_detach(thread);
}

void
producer_inherit(void)
{
	pthread_mutex_lock(&lock);
	left_open = false;
	pthread_mutex_unlock(&lock);
}

bool
sink_kafka_settle(void)
{
	bool settled;

	pthread_mutex_lock(&lock);
	while (aborting > 0) /* each ends in time */
		pthread_cond_wait(&changed, &lock);
	settled = !left_open;
	pthread_mutex_unlock(&lock);
	return settled;
}

bool
sink_kafka_is_left_behind(void)
{
	bool left;

	pthread_mutex_lock(&lock);
	left = destroying > 0;
	pthread_mutex_unlock(&lock);
	return left;
}
