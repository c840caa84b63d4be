/*
 * producer_reach.c
 *		Whether the brokers can be reached, and let us in; see producer_parts.h.
 *
 * librdkafka tells when all connections are gone, not when one is back: that is
 * listened for in its threads.
 */
#include "producer_parts.h"

#include <stdio.h>
#include <unistd.h>

/* All connections gone for this long: unreachable.  Brokers also close idle ones. */
#define SUSPECT_MS 1000
/* ApiKeys of Kafka's protocol. */
#define API_PRODUCE 0
#define API_METADATA 3
/* A login that was accepted before and is refused for this long will stay refused. */
#define REFUSED_MS 10000

void
producer_seen(struct producer *p)
{
	if (p->reach == REACH_UP && p->suspect.due_ms == 0 && p->refused_since_ms == 0)
		return;
	loop_timer_clear(p->loop, &p->suspect);
	p->refused_since_ms = 0;
	p->was_up = true;
	p->up_since_ms = loop_now_ms();
	if (p->reach == REACH_UP)
		return;
	p->reach = REACH_UP;
	p->events.state(p->events.arg, true, NULL);
}

void
producer_on_suspect(void *arg)
{
	struct producer *p = arg;
	struct err       why;

	p->reach = REACH_DOWN;
	(void) producer_error_unreachable(p->who.bootstrap, p->reason, &why);
	p->events.state(p->events.arg, false, &why);
}

void
producer_suspect(struct producer *p)
{
	atomic_store(&p->ear->heard, false);
	if (p->reach != REACH_DOWN && p->suspect.due_ms == 0)
		loop_timer_set(p->loop, &p->suspect, SUSPECT_MS);
}

void
producer_refused(struct producer *p, rd_kafka_resp_err_t code, const char *text)
{
	if (!p->was_up)
	{
		producer_break(p, code, text, NULL, 0);
		return;
	}
	snprintf(p->reason, sizeof(p->reason), "%s", text);
	if (code != RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED)
		return;
	if (p->refused_since_ms == 0)
	{
		atomic_store(&p->ear->heard, false); /* only what is heard from now on counts */
		p->refused_since_ms = loop_now_ms();
	}
	else if (loop_now_ms() - p->refused_since_ms > REFUSED_MS)
		producer_break(p, code, text, NULL, 0);
}

/* Of librdkafka's threads: those that read from a connection. */
static _Thread_local bool reads_broker;

static rd_kafka_resp_err_t
on_thread_start(rd_kafka_t *rk, rd_kafka_thread_type_t type, const char *name, void *arg)
{
	(void) rk, (void) name, (void) arg;
	reads_broker = type == RD_KAFKA_THREAD_BROKER;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/*
 * Runs on librdkafka's threads for each response: its events tell when all
 * connections are gone, but not when one is back.  The thread that has read a
 * response tells of it in order with the loss of its connection; the one that
 * waited for it tells of it again, when the connection may long be gone.
 */
static rd_kafka_resp_err_t
on_response(rd_kafka_t *rk, int fd, const char *name, int32_t id, int16_t api_key,
			int16_t api_version, int32_t correlation, size_t size, int64_t rtt,
			rd_kafka_resp_err_t code, void *arg)
{
	struct ear *ear = arg;
	uint64_t    wake = 1;

	(void) rk, (void) fd, (void) name, (void) id, (void) api_version, (void) correlation;
	(void) size, (void) rtt;
	/* Others are answered before the login is accepted. */
	if (!reads_broker || code || (api_key != API_PRODUCE && api_key != API_METADATA))
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	if (!atomic_exchange(&ear->heard, true) && write(ear->wake_fd, &wake, sizeof(wake)) < 0)
		atomic_store(&ear->heard, false); /* the next one tries again */
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *arg, char *text, size_t size)
{
	rd_kafka_resp_err_t code;

	(void) conf, (void) text, (void) size;
	code = rd_kafka_interceptor_add_on_thread_start(rk, "walrelay", on_thread_start, NULL);
	if (code)
		return code;
	return rd_kafka_interceptor_add_on_response_received(rk, "walrelay", on_response, arg);
}

void
producer_listen(struct producer *p, rd_kafka_conf_t *conf)
{
	rd_kafka_conf_interceptor_add_on_new(conf, "walrelay", on_new, p->ear);
}
