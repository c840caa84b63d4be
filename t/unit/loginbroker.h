/*
 * loginbroker.h
 *		A broker that knows no more than to let a client log in by SASL PLAIN and
 *		ask for metadata: librdkafka's mock cluster knows no SASL.  How it takes
 *		logins may change while it runs.
 */
#ifndef T_UNIT_LOGINBROKER_H
#define T_UNIT_LOGINBROKER_H

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOGIN_CLIENTS_MAX 16

enum login
{
	LOGIN_ACCEPT,
	LOGIN_REFUSE, /* error 58, SASL_AUTHENTICATION_FAILED */
	LOGIN_HANG_UP /* in the middle of it */
};

struct loginbroker
{
	pthread_t  thread;
	int        fd;
	int        port;
	atomic_int login;   /* enum login */
	atomic_int refused; /* logins not accepted so far */
	atomic_int drop;    /* set: close all connections */
	atomic_int stop;
};

static inline void
loginbroker_int(struct buf *out, int bytes, int64_t value)
{
	for (int i = bytes - 1; i >= 0; i--)
		buf_put_u8(out, (uint8_t) (value >> 8 * i));
}

static inline void
loginbroker_string(struct buf *out, const char *s)
{
	loginbroker_int(out, 2, (int64_t) strlen(s));
	buf_puts(out, s);
}

/* The body of an answer, by ApiKey; false: there is none. */
static inline bool
loginbroker_answer(struct loginbroker *broker, int api, struct buf *out)
{
	/* Key and the highest version that is answered below. */
	static const int8_t apis[][2] = {{0, 7}, {3, 1}, {17, 1}, {18, 3}, {22, 1}, {36, 0}};
	const int           napis = sizeof(apis) / sizeof(apis[0]);

	switch (api)
	{
		case 3: /* Metadata 1: ourselves, and no topics */
			loginbroker_int(out, 4, 1);
			loginbroker_int(out, 4, 1);
			loginbroker_string(out, "127.0.0.1");
			loginbroker_int(out, 4, broker->port);
			loginbroker_int(out, 2, -1);
			loginbroker_int(out, 4, 1);
			loginbroker_int(out, 4, 0);
			return true;
		case 17: /* SaslHandshake 1 */
			loginbroker_int(out, 2, 0);
			loginbroker_int(out, 4, 1);
			loginbroker_string(out, "PLAIN");
			return true;
		case 18: /* ApiVersions 3 */
			loginbroker_int(out, 2, 0);
			loginbroker_int(out, 1, napis + 1);
			for (int i = 0; i < napis; i++)
			{
				loginbroker_int(out, 2, apis[i][0]);
				loginbroker_int(out, 2, 0);
				loginbroker_int(out, 2, apis[i][1]);
				loginbroker_int(out, 1, 0);
			}
			loginbroker_int(out, 4, 0);
			loginbroker_int(out, 1, 0);
			return true;
		case 22: /* InitProducerId 1 */
			loginbroker_int(out, 4, 0);
			loginbroker_int(out, 2, 0);
			loginbroker_int(out, 8, 1);
			loginbroker_int(out, 2, 0);
			return true;
		case 36: /* SaslAuthenticate 0 */
			if (atomic_load(&broker->login) != LOGIN_ACCEPT)
				atomic_fetch_add(&broker->refused, 1);
			if (atomic_load(&broker->login) == LOGIN_HANG_UP)
				return false;
			loginbroker_int(out, 2, atomic_load(&broker->login) == LOGIN_REFUSE ? 58 : 0);
			loginbroker_int(out, 2, -1);
			loginbroker_int(out, 4, 0);
			return true;
		default: return false;
	}
}

/* One request; false: the connection is over. */
static inline bool
loginbroker_serve(struct loginbroker *broker, int fd)
{
	uint8_t    head[12]; /* size, ApiKey, version, correlation id */
	uint8_t    rest[4096];
	uint32_t   size;
	struct buf out = {0};
	bool       good;

	if (recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head))
		return false;
	size = (uint32_t) head[0] << 24 | (uint32_t) head[1] << 16 | (uint32_t) head[2] << 8 | head[3];
	if (size < 8 || size - 8 > sizeof(rest) ||
		recv(fd, rest, size - 8, MSG_WAITALL) != (ssize_t) (size - 8))
		return false;
	loginbroker_int(&out, 4, 0);
	buf_put(&out, head + 8, 4);
	good = loginbroker_answer(broker, head[4] << 8 | head[5], &out);
	if (good)
	{
		out.data[2] = (uint8_t) ((out.len - 4) >> 8);
		out.data[3] = (uint8_t) (out.len - 4);
		good = send(fd, out.data, out.len, MSG_NOSIGNAL) == (ssize_t) out.len;
	}
	buf_free(&out);
	return good;
}

static inline void *
loginbroker_main(void *arg)
{
	struct loginbroker *broker = arg;
	struct pollfd       fds[LOGIN_CLIENTS_MAX + 1] = {{.fd = broker->fd, .events = POLLIN}};
	nfds_t              n = 1;

	while (!atomic_load(&broker->stop))
	{
		bool drop = atomic_exchange(&broker->drop, 0) != 0;

		poll(fds, n, 10);
		for (nfds_t i = n - 1; i > 0; i--)
			if (drop || (fds[i].revents && !loginbroker_serve(broker, fds[i].fd)))
			{
				close(fds[i].fd);
				fds[i] = fds[--n];
			}
		if (fds[0].revents && n <= LOGIN_CLIENTS_MAX)
			fds[n++] = (struct pollfd){.fd = accept(broker->fd, NULL, NULL), .events = POLLIN};
	}
	while (n > 1)
		close(fds[--n].fd);
	return NULL;
}

static inline void
loginbroker_start(struct loginbroker *broker, enum login login)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t          len = sizeof(addr);

	memset(broker, 0, sizeof(*broker));
	atomic_store(&broker->login, login);
	broker->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(broker->fd, (struct sockaddr *) &addr, sizeof(addr)), 0);
	assert_int_equal(listen(broker->fd, 16), 0);
	assert_int_equal(getsockname(broker->fd, (struct sockaddr *) &addr, &len), 0);
	broker->port = ntohs(addr.sin_port);
	assert_int_equal(pthread_create(&broker->thread, NULL, loginbroker_main, broker), 0);
}

/* Logins from here on; who is logged in has to do it again. */
static inline void
loginbroker_turn(struct loginbroker *broker, enum login login)
{
	atomic_store(&broker->login, login);
	atomic_store(&broker->drop, 1);
}

static inline void
loginbroker_stop(struct loginbroker *broker)
{
	atomic_store(&broker->stop, 1);
	pthread_join(broker->thread, NULL);
	close(broker->fd);
}

#endif /* T_UNIT_LOGINBROKER_H */
