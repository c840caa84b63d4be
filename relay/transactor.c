/*
 * transactor.c
 *		A thread that waits for librdkafka; see transactor.h.
 *
 * The loop must go on meanwhile, also because rd_kafka_commit_transaction()
 * waits until somebody has read the delivery reports.
 */
#include "transactor.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "buf.h"
#include "crash_point.h"
#include "loop.h"

/* How often a call that has no answer yet looks whether it is still wanted. */
#define STEP_MS 500
/* How often one says that it still has none. */
#define SLOW_MS 10000

struct transactor
{
	rd_kafka_t          *rk;
	int                  wake_fd;
	pthread_t            thread;
	pthread_mutex_t      lock; /* over what follows */
	pthread_cond_t       changed;
	enum transactor_call wanted;
	enum transactor_call ended;
	bool                 cancelled;
	int                  code;
	char                 text[512];
	bool                 slow;
	char                 slow_text[512];
};

static bool
is_cancelled(struct transactor *trx)
{
	bool cancelled;

	pthread_mutex_lock(&trx->lock);
	cancelled = trx->cancelled;
	pthread_mutex_unlock(&trx->lock);
	return cancelled;
}

static void
transactor_wake(const struct transactor *trx)
{
	uint64_t wake = 1;
	ssize_t  written = write(trx->wake_fd, &wake, sizeof(wake));

	(void) written; /* an eventfd that is full wakes all the same */
}

static void
transactor_complain(struct transactor *trx, const char *why)
{
	pthread_mutex_lock(&trx->lock);
	trx->slow = true;
	snprintf(trx->slow_text, sizeof(trx->slow_text), "%s", why);
	pthread_mutex_unlock(&trx->lock);
	transactor_wake(trx);
}

/* *code 0: done. */
static void
transactor_call(struct transactor *trx, enum transactor_call call, int *code, char *text,
				size_t size)
{
	rd_kafka_error_t *error = NULL;
	int64_t           slow_ms = loop_now_ms() + SLOW_MS;

	do
	{
		if (error && loop_now_ms() >= slow_ms)
		{
			transactor_complain(trx, rd_kafka_error_string(error));
			slow_ms += SLOW_MS;
		}
		rd_kafka_error_destroy(error);
		error = call == TRANSACTOR_FENCE ? rd_kafka_init_transactions(trx->rk, STEP_MS)
										 : rd_kafka_commit_transaction(trx->rk, STEP_MS);
	} while (error && rd_kafka_error_is_retriable(error) && !is_cancelled(trx));
	*code = error ? rd_kafka_error_code(error) : 0;
	snprintf(text, size, "%s", error ? rd_kafka_error_string(error) : "");
	if (error)
		rd_kafka_error_destroy(error);
}

static void *
transactor_main(void *arg)
{
	struct transactor *trx = arg;

	pthread_mutex_lock(&trx->lock);
	while (!trx->cancelled)
	{
		enum transactor_call call = trx->wanted;
		int                  code;
		char                 text[sizeof(trx->text)];

		if (call == TRANSACTOR_NONE)
		{
			pthread_cond_wait(&trx->changed, &trx->lock);
			continue;
		}
		trx->wanted = TRANSACTOR_NONE;
		pthread_mutex_unlock(&trx->lock);
		if (call == TRANSACTOR_FENCE)
			CRASH_POINT(fence_call_before);
		else
			CRASH_POINT(commit_call_before);
		transactor_call(trx, call, &code, text, sizeof(text));
		if (call == TRANSACTOR_FENCE)
			CRASH_POINT(fence_call_after);
		else
			CRASH_POINT(commit_call_after);
		pthread_mutex_lock(&trx->lock);
		trx->ended = call;
		trx->code = code;
		snprintf(trx->text, sizeof(trx->text), "%s", text);
		trx->slow = false;
		transactor_wake(trx);
		CRASH_POINT(call_told);
	}
	pthread_mutex_unlock(&trx->lock);
	return NULL;
}

struct transactor *
transactor_new(rd_kafka_t *rk, int wake_fd)
{
	struct transactor *trx = xcalloc(1, sizeof(*trx));

	trx->rk = rk;
	trx->wake_fd = wake_fd;
	pthread_mutex_init(&trx->lock, NULL);
	pthread_cond_init(&trx->changed, NULL);
	if (pthread_create(&trx->thread, NULL, transactor_main, trx) != 0)
		abort(); /* like memory that cannot be had */
	return trx;
}

void
transactor_free(struct transactor *trx)
{
	if (trx == NULL)
		return;
	pthread_mutex_lock(&trx->lock);
	trx->cancelled = true;
	pthread_cond_signal(&trx->changed);
	pthread_mutex_unlock(&trx->lock);
	pthread_join(trx->thread, NULL);
	pthread_cond_destroy(&trx->changed);
	pthread_mutex_destroy(&trx->lock);
	free(trx);
}

void
transactor_start(struct transactor *trx, enum transactor_call call)
{
	pthread_mutex_lock(&trx->lock);
	trx->wanted = call;
	pthread_cond_signal(&trx->changed);
	pthread_mutex_unlock(&trx->lock);
}

enum transactor_call
transactor_ended(struct transactor *trx, int *code, const char **text)
{
	enum transactor_call call;

	pthread_mutex_lock(&trx->lock);
	call = trx->ended;
	trx->ended = TRANSACTOR_NONE;
	*code = trx->code;
	*text = trx->text; /* the thread writes it again only after another start */
	pthread_mutex_unlock(&trx->lock);
	return call;
}

bool
transactor_is_slow(struct transactor *trx, char *text, size_t size)
{
	bool slow;

	pthread_mutex_lock(&trx->lock);
	slow = trx->slow;
	trx->slow = false;
	snprintf(text, size, "%s", trx->slow_text);
	pthread_mutex_unlock(&trx->lock);
	return slow;
}
