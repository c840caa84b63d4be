/*
 * test_registry.c
 *		The registry client against a scripted HTTP server in a thread.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "registry.h"
#include "schema.h"
#include "waitloop.h"

#define SCHEMA \
	"{\"type\":\"record\",\"name\":\"Value\",\"fields\":[{\"name\":\"id\",\"type\":\"int\"}]}"
#define STEPS_MAX 8

/* --- a server that answers as told --------------------------------------- */

struct step
{
	int         status; /* 0: the connection is closed without an answer */
	const char *body;
	const char *headers; /* more of them, each with its CRLF */
	size_t      pad;     /* bytes of white space ahead of the body */
	bool        held;    /* half of the body waits until the server is told */
};

struct server
{
	pthread_t       thread;
	pthread_mutex_t lock;
	pthread_cond_t  changed;
	int             fd;
	int             port;
	struct step     steps[STEPS_MAX]; /* the last one is repeated */
	unsigned        nsteps;
	unsigned        nrequests;
	char           *requests[256];
	bool            holding;
	bool            released;
};

/* Head and body; the body ends where Content-Length says. */
static char *
server_read(int fd)
{
	struct buf  in = {0};
	const char *end;

	for (;;)
	{
		ssize_t n;

		buf_reserve(&in, 65536);
		n = recv(fd, in.data + in.len, 65535, 0);
		if (n <= 0)
			break;
		in.len += (size_t) n;
		if ((end = strstr(buf_cstr(&in), "\r\n\r\n")) != NULL)
		{
			const char *length = strcasestr((char *) in.data, "Content-Length:");
			size_t      body = length ? strtoul(length + 15, NULL, 10) : 0;

			if (in.len >= (size_t) (end + 4 - (char *) in.data) + body)
				break;
		}
	}
	return buf_cstr(&in);
}

static void
send_all(int fd, const char *data, size_t len)
{
	while (len > 0)
	{
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t) n;
	}
}

static void
server_answer(struct server *server, int fd, const struct step *step)
{
	struct buf out = {0};
	size_t     held;

	buf_printf(&out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
			   step->status, strlen(step->body) + step->pad, step->headers ? step->headers : "");
	buf_reserve(&out, step->pad + 1);
	memset(out.data + out.len, ' ', step->pad);
	out.len += step->pad;
	buf_puts(&out, step->body);
	held = step->held ? strlen(step->body) / 2 : 0;
	send_all(fd, (char *) out.data, out.len - held);
	if (step->held)
	{
		pthread_mutex_lock(&server->lock);
		server->holding = true;
		while (!server->released)
			pthread_cond_wait(&server->changed, &server->lock);
		pthread_mutex_unlock(&server->lock);
		send_all(fd, (char *) out.data + out.len - held, held);
	}
	buf_free(&out);
}

static void *
server_main(void *arg)
{
	struct server *server = arg;
	int            fd;

	while ((fd = accept(server->fd, NULL, NULL)) >= 0)
	{
		char       *request = server_read(fd);
		struct step step;

		pthread_mutex_lock(&server->lock);
		step = server->steps[server->nrequests < server->nsteps ? server->nrequests
																: server->nsteps - 1];
		server->requests[server->nrequests++] = request;
		pthread_mutex_unlock(&server->lock);
		if (step.status)
			server_answer(server, fd, &step);
		close(fd);
	}
	return NULL;
}

/* port 0: any. */
static void
server_start(struct server *server, int port, const struct step *steps, unsigned nsteps)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
							   .sin_port = htons((uint16_t) port),
							   .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t          len = sizeof(addr);
	int                on = 1;

	memset(server, 0, sizeof(*server));
	memcpy(server->steps, steps, nsteps * sizeof(*steps));
	server->nsteps = nsteps;
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->changed, NULL);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(server->fd, (struct sockaddr *) &addr, sizeof(addr)), 0);
	assert_int_equal(listen(server->fd, 16), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *) &addr, &len), 0);
	server->port = ntohs(addr.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, server_main, server), 0);
}

static void
server_release(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->released = true;
	pthread_cond_signal(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static void
server_stop(struct server *server)
{
	server_release(server);
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	for (unsigned i = 0; i < server->nrequests; i++)
		free(server->requests[i]);
}

static bool
server_holds(void *arg)
{
	struct server *server = arg;
	bool           holding;

	pthread_mutex_lock(&server->lock);
	holding = server->holding;
	pthread_mutex_unlock(&server->lock);
	return holding;
}

/* --- a client with what it was told -------------------------------------- */

struct client
{
	struct waitloop  wl;
	struct config    cfg;
	struct registry *reg;
	unsigned         ready;
	unsigned         ups;
	unsigned         downs;
	struct err       why;
	unsigned         refused;
	unsigned         reminded;
	struct err       refusal; /* of the last refused() */
	char             accepted[64];
	uint8_t          prefix[REGISTRY_PREFIX_MAX]; /* the last that was taken */
	size_t           prefix_len;
	char             url[256];
};

static void
on_ready(void *arg)
{
	((struct client *) arg)->ready++;
}

static void
on_state(void *arg, bool up, const struct err *why)
{
	struct client *client = arg;

	if (up)
		client->ups++;
	else
	{
		client->downs++;
		client->why = *why;
	}
}

static void
on_refused(void *arg, const struct refusal *refusal, bool again)
{
	struct client *client = arg;

	client->refused += !again;
	client->reminded += again;
	client->refusal = refusal->why;
}

static void
on_accepted(void *arg, const char *subject)
{
	snprintf(((struct client *) arg)->accepted, 64, "%s", subject);
}

static bool
is_ready(void *arg)
{
	return ((struct client *) arg)->ready > 0;
}

static bool
is_down(void *arg)
{
	return ((struct client *) arg)->downs > 0;
}

static enum rc
client_open(struct client *client, struct err *e)
{
	struct registry_events events = {on_ready, on_state, on_refused, on_accepted, client, NULL};

	client->cfg.relay.backoff_min_ms = 5;
	client->cfg.relay.backoff_max_ms = 40;
	waitloop_init(&client->wl);
	return registry_new(client->wl.loop, &client->cfg, &events, &client->reg, e);
}

static void client_start(struct client *client, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* fmt makes registry.url. */
static void
client_start(struct client *client, const char *fmt, ...)
{
	va_list    ap;
	struct err e;

	memset(client, 0, sizeof(*client));
	va_start(ap, fmt);
	vsnprintf(client->url, sizeof(client->url), fmt, ap);
	va_end(ap);
	client->cfg.registry.url = client->url;
	client->cfg.registry.auto_register = true;
	assert_rc_ok(client_open(client, &e));
}

static void
client_stop(struct client *client)
{
	registry_free(client->reg);
	waitloop_end(&client->wl);
}

/* Asks once. */
static enum rc
client_take(struct client *client, const char *subject, struct err *e)
{
	return registry_prefix(client->reg, subject, SCHEMA, client->prefix, &client->prefix_len, e);
}

/* Asks until there is an answer. */
static enum rc
client_ask(struct client *client, const char *subject, struct err *e)
{
	assert_rc_again(client_take(client, subject, e));
	client->ready = 0;
	wait_until(&client->wl, is_ready, client);
	return client_take(client, subject, e);
}

/* A server with these answers and a client of it. */
static void
pair_start(struct server *server, struct client *client, const struct step *steps, unsigned nsteps)
{
	server_start(server, 0, steps, nsteps);
	client_start(client, "http://127.0.0.1:%d", server->port);
}

static void
pair_stop(struct server *server, struct client *client)
{
	client_stop(client);
	server_stop(server);
}

/* The error that one scripted answer leads to. */
static void
expect_refusal(const struct step *steps, unsigned nsteps, enum err_class class, enum err_code code,
			   struct err *e)
{
	struct server server;
	struct client client;

	pair_start(&server, &client, steps, nsteps);
	assert_int_equal(client_ask(&client, "s-value", e), RC_ERR);
	if (e->code != code)
		fail_msg("%s: %s (%s)", err_code_name(e->code), e->msg, e->detail);
	assert_int_equal(e->class, class);
	assert_true(e->hint[0] != '\0' || e->detail[0] != '\0');
	assert_int_equal(client.downs, 0);
	pair_stop(&server, &client);
}

/* --- the tests ------------------------------------------------------------ */

static void
id_becomes_the_prefix_and_is_asked_for_once(void **state)
{
	const struct step steps[] = {
		{200, "{\"id\":16909060,\"version\":3,\"guid\":\"x\",\"new\":[{}]}", 0, 0, 0}};
	static const uint8_t  expected[] = {0, 1, 2, 3, 4};
	struct server         server;
	struct client         client;
	struct registry_stats stats;
	struct err            e;
	cJSON                *body;

	(void) state;
	server_start(&server, 0, steps, 1);
	client_start(&client, "http://127.0.0.1:%d/apis/ccompat/v7/", server.port);
	assert_int_equal(registry_prefix_len(client.reg), 5);
	/* Single flight: asked for twice before the answer. */
	assert_rc_again(client_take(&client, "a/b-value", &e));
	assert_rc_ok(client_ask(&client, "a/b-value", &e));
	assert_int_equal(client.prefix_len, 5);
	assert_memory_equal(client.prefix, expected, 5);
	assert_rc_ok(client_take(&client, "a/b-value", &e));
	assert_int_equal(server.nrequests, 1);
	registry_stats(client.reg, &stats);
	assert_int_equal(stats.requests, 1);
	assert_int_equal(stats.schemas, 1);
	assert_int_equal(stats.failures, 0);
	/* Only changes of state are told; there was none. */
	assert_int_equal(client.ups + client.downs, 0);

	assert_ptr_equal(
		strstr(server.requests[0], "POST /apis/ccompat/v7/subjects/a%2Fb-value/versions HTTP/"),
		server.requests[0]);
	assert_non_null(
		strstr(server.requests[0], "Content-Type: application/vnd.schemaregistry.v1+json\r\n"));
	assert_null(strstr(server.requests[0], "Authorization"));
	body = cJSON_Parse(strstr(server.requests[0], "\r\n\r\n") + 4);
	assert_string_equal(cJSON_GetObjectItem(body, "schema")->valuestring, SCHEMA);
	cJSON_Delete(body);
	pair_stop(&server, &client);
}

static void
look_up_and_normalise_change_the_request(void **state)
{
	const struct step steps[] = {
		{200, "{\"subject\":\"s-key\",\"version\":1,\"id\":0,\"schema\":\"\"}", 0, 0, 0}};
	static const uint8_t expected[] = {0, 0, 0, 0, 0};
	struct server        server;
	struct client        client;
	struct err           e;

	(void) state;
	pair_start(&server, &client, steps, 1);
	client.cfg.registry.auto_register = false;
	client.cfg.registry.normalize = true;
	assert_rc_ok(client_ask(&client, "s-key", &e));
	assert_memory_equal(client.prefix, expected, 5);
	assert_ptr_equal(strstr(server.requests[0], "POST /subjects/s-key?normalize=true HTTP/"),
					 server.requests[0]);
	pair_stop(&server, &client);
}

static void
expect_authorization(const char *login, char *user_info, char *token, const char *header)
{
	const struct step steps[] = {{200, "{\"id\":1}", 0, 0, 0}};
	struct server     server;
	struct client     client;
	struct err        e;

	server_start(&server, 0, steps, 1);
	client_start(&client, "http://%s127.0.0.1:%d/x", login, server.port);
	client.cfg.registry.user_info = user_info;
	client.cfg.registry.token = token;
	assert_rc_ok(client_ask(&client, "s", &e));
	if (strstr(server.requests[0], header) == NULL)
		fail_msg("no %s in %s", header, server.requests[0]);
	pair_stop(&server, &client);
}

static void
logins_are_sent(void **state)
{
	(void) state;
	expect_authorization("", (char *) "me:se:cret", NULL,
						 "Authorization: Basic bWU6c2U6Y3JldA==\r\n");
	expect_authorization("", NULL, (char *) "t0ken", "Authorization: Bearer t0ken\r\n");
	expect_authorization("m%65:p%40ss@", NULL, NULL, "Authorization: Basic bWU6cEBzcw==\r\n");
}

static void
registry_that_is_down_is_waited_for(void **state)
{
	const struct step steps[] = {{200, "{\"id\":7}", 0, 0, 0}};
	struct server     server;
	struct client     client;
	struct err        e;
	int               port;

	(void) state;
	/* A port that was free a moment ago. */
	server_start(&server, 0, steps, 1);
	port = server.port;
	server_stop(&server);

	client_start(&client, "http://who:secret@127.0.0.1:%d/base", port);
	assert_rc_again(client_take(&client, "s", &e));
	wait_until(&client.wl, is_down, &client);
	assert_int_equal(client.why.code, E1801);
	assert_int_equal(client.why.class, ERR_TRANSIENT);
	assert_non_null(strstr(client.why.msg, "http://127.0.0.1:"));
	assert_null(strstr(client.why.msg, "secret"));
	assert_null(strstr(client.why.detail, "secret"));
	assert_true(client.why.detail[0] != '\0');

	server_start(&server, port, steps, 1);
	wait_until(&client.wl, is_ready, &client);
	assert_rc_ok(client_take(&client, "s", &e));
	assert_int_equal(client.prefix[4], 7);
	assert_int_equal(client.downs, 1);
	assert_int_equal(client.ups, 1);
	pair_stop(&server, &client);
}

static void
errors_that_pass_are_retried(void **state)
{
	const struct step steps[] = {
		{500, "{\"error_code\":50001,\"message\":\"store\"}", 0, 0, 0},
		{429, "", "Retry-After: 0\r\n", 0, 0},
		{408, "", 0, 0, 0},
		{0, "", 0, 0, 0},
		{503, "<html>", 0, 0, 0},
		{200, "{\"id\":5}", 0, 0, 0},
	};
	struct server         server;
	struct client         client;
	struct registry_stats stats;
	struct err            e;

	(void) state;
	pair_start(&server, &client, steps, 6);
	assert_rc_ok(client_ask(&client, "s", &e));
	assert_int_equal(client.prefix[4], 5);
	assert_int_equal(server.nrequests, 6);
	assert_int_equal(client.ready, 1);
	/* Told once, however often it failed. */
	assert_int_equal(client.downs, 1);
	assert_int_equal(client.ups, 1);
	assert_non_null(strstr(client.why.detail, "500"));
	registry_stats(client.reg, &stats);
	assert_int_equal(stats.requests, 6);
	assert_int_equal(stats.failures, 5);
	pair_stop(&server, &client);
}

static void
next_url_is_tried(void **state)
{
	const struct step bad[] = {{502, "", 0, 0, 0}};
	const struct step good[] = {{200, "{\"id\":9}", 0, 0, 0}};
	struct server     first, second;
	struct client     client;
	struct err        e;

	(void) state;
	server_start(&first, 0, bad, 1);
	server_start(&second, 0, good, 1);
	client_start(&client, "http://127.0.0.1:%d/a, http://127.0.0.1:%d/b/", first.port, second.port);
	assert_rc_ok(client_ask(&client, "s", &e));
	assert_int_equal(client.prefix[4], 9);
	assert_int_equal(first.nrequests, 1);
	/* And stays: the next schema does not go to the first one again. */
	assert_rc_ok(client_ask(&client, "t", &e));
	assert_int_equal(first.nrequests, 1);
	assert_int_equal(second.nrequests, 2);
	assert_ptr_equal(strstr(second.requests[1], "POST /b/subjects/t/versions HTTP/"),
					 second.requests[1]);
	/* One that fails while another one answers is no news. */
	assert_int_equal(client.downs, 0);
	client_stop(&client);
	server_stop(&first);
	server_stop(&second);
}

/* All are asked before there is a word and a pause; the one that answers again is found. */
static void
all_urls_must_fail_to_be_down(void **state)
{
	const struct step bad[] = {{503, "", 0, 0, 0}};
	const struct step later[] = {{429, "", 0, 0, 0},
								 {429, "", 0, 0, 0},
								 {200, "{\"id\":9}", 0, 0, 0}};
	struct server     first, second;
	struct client     client;
	struct err        e;

	(void) state;
	server_start(&first, 0, bad, 1);
	server_start(&second, 0, later, 3);
	client_start(&client, "http://a:secret@127.0.0.1:%d,http://127.0.0.1:%d", first.port,
				 second.port);
	assert_rc_ok(client_ask(&client, "s", &e));
	assert_int_equal(client.prefix[4], 9);
	assert_int_equal(first.nrequests, 3);
	assert_int_equal(second.nrequests, 3);
	assert_int_equal(client.downs, 1);
	assert_int_equal(client.ups, 1);
	assert_string_equal(client.why.msg, "none of the 2 schema registries is reachable");
	assert_non_null(strstr(client.why.detail, "answered with HTTP status 429"));
	assert_null(strstr(client.why.detail, "secret"));
	client_stop(&client);
	server_stop(&first);
	server_stop(&second);
}

/* --- refusals --------------------------------------------------------------- */

#define NO_409                                                                    \
	{                                                                             \
		409, "{\"error_code\":409,\"message\":\"MISSING_DEFAULT\\nid\"}", 0, 0, 0 \
	}
#define VERSION_12                                                                         \
	{                                                                                      \
		200,                                                                               \
			"{\"subject\":\"s-value\",\"version\":12,\"id\":1,\"schema\":\"{\\\"type\\\":" \
			"\\\"record\\\",\\\"name\\\":\\\"Value\\\",\\\"fields\\\":[{\\\"name\\\":"     \
			"\\\"OTHER\\\","                                                               \
			"\\\"type\\\":\\\"string\\\"}]}\"}",                                           \
			0, 0, 0                                                                        \
	}
#define OTHER_SCHEMA                                                                               \
	"{\"type\":\"record\",\"name\":\"Value\",\"fields\":[{\"name\":\"OTHER\",\"type\":\"string\"}" \
	"]}"

static bool
is_accepted(void *arg)
{
	return ((struct client *) arg)->accepted[0] != '\0';
}

/* The whole story: both schemas, the rule, the ways out; asked again by itself, and accepted. */
static void
incompatible_schema_is_explained_and_asked_again(void **state)
{
	const struct step steps[] = {
		NO_409,
		VERSION_12,
		{200, "{\"compatibilityLevel\":\"FULL\"}", 0, 0, true},
		{500, "", 0, 0, 0},
		{200, "{\"id\":3}", 0, 0, 0},
	};
	struct server         server;
	struct client         client;
	const struct refusal *refusal;
	struct err            e;

	(void) state;
	pair_start(&server, &client, steps, 5);
	assert_rc_again(client_take(&client, "s-value", &e));
	/* Not told before all is known. */
	wait_until(&client.wl, server_holds, &server);
	assert_rc_again(client_take(&client, "s-value", &e));
	assert_null(registry_refusals(client.reg));
	server_release(&server);
	wait_until(&client.wl, is_ready, &client);
	assert_rc_err(client_take(&client, "s-value", &e), ERR_CONFIG, E1802);
	assert_non_null(strstr(e.msg, "\"s-value\": incompatible"));
	assert_non_null(strstr(e.detail, "The registry says: MISSING_DEFAULT id  "));
	assert_non_null(strstr(e.detail, "The compatibility level in force is FULL."));
	assert_non_null(strstr(e.detail, "Against version 12, the latest:"));
	assert_non_null(strstr(e.detail, "Field \"id\" (int) of record Value was added without a "
									 "default, which FULL forbids."));
	assert_non_null(strstr(e.detail, "Field \"OTHER\" (string) of record Value was removed; it had "
									 "no default, which FULL forbids."));
	assert_non_null(strstr(e.detail, "Ours: " SCHEMA));
	assert_non_null(strstr(e.detail, "Registered: " OTHER_SCHEMA));
	assert_non_null(strstr(e.hint, "'{\"compatibility\":\"NONE\"}' http://127.0.0.1:"));
	assert_non_null(strstr(e.hint, "/config/s-value;"));
	assert_non_null(strstr(e.hint, "schema.on.incompatible=dead-letter"));

	refusal = registry_refusals(client.reg);
	assert_non_null(refusal);
	assert_null(refusal->next);
	assert_string_equal(refusal->subject, "s-value");
	assert_string_equal(refusal->schema, SCHEMA);
	assert_string_equal(refusal->registered, OTHER_SCHEMA);
	assert_int_equal(refusal->version, 12);
	assert_ptr_equal(strstr(server.requests[1], "GET /subjects/s-value/versions/latest HTTP/"),
					 server.requests[1]);
	assert_ptr_equal(strstr(server.requests[2], "GET /config/s-value?defaultToGlobal=true HTTP/"),
					 server.requests[2]);

	/* A registry that goes away for a moment does not make it unknown. */
	wait_until(&client.wl, is_down, &client);
	assert_rc_err(client_take(&client, "s-value", &e), ERR_CONFIG, E1802);
	wait_until(&client.wl, is_accepted, &client);
	assert_string_equal(client.accepted, "s-value");
	assert_int_equal(client.refused, 1);
	assert_int_equal(client.reminded, 0);
	assert_rc_ok(client_take(&client, "s-value", &e));
	assert_int_equal(client.prefix[4], 3);
	assert_null(registry_refusals(client.reg));
	pair_stop(&server, &client);
}

static bool
has_many_requests(void *arg)
{
	struct server *server = arg;
	bool           many;

	pthread_mutex_lock(&server->lock);
	many = server->nrequests >= 24;
	pthread_mutex_unlock(&server->lock);
	return many;
}

/* However often it is asked, it is told once; the same answers are no news. */
static void
refusal_is_told_once(void **state)
{
	const struct step steps[] = {NO_409};
	struct server     server;
	struct client     client;
	uint64_t          answers;
	struct err        e;

	(void) state;
	pair_start(&server, &client, steps, 1);
	assert_rc_err(client_ask(&client, "s-value", &e), ERR_CONFIG, E1802);
	/* Nothing is known but the refusal itself: that is told, too. */
	assert_null(strstr(e.detail, "Registered:"));
	assert_null(strstr(e.detail, "level in force"));
	assert_non_null(strstr(e.detail, "Ours: " SCHEMA));
	assert_non_null(strstr(e.hint, "\"NONE\""));
	answers = registry_answers(client.reg);
	wait_until(&client.wl, has_many_requests, &server);
	assert_int_equal(client.refused, 1);
	assert_int_equal(client.ready, 1);
	assert_int_equal(registry_answers(client.reg), answers);
	/* The global level is looked for where the subject has none. */
	assert_non_null(strstr(server.requests[3], "GET /config HTTP/"));

	/* Nobody waits for it any more: it is not asked again. */
	registry_drop(client.reg, "s-value", SCHEMA);
	assert_null(registry_refusals(client.reg));
	assert_int_equal(registry_ask_again(client.reg), 0);
	pair_stop(&server, &client);
}

static void
refusals_are_listed_and_unlisted(void **state)
{
	const struct step     steps[] = {{422, "{\"error_code\":42201}", 0, 0, 0}};
	static const char    *subjects[] = {"a", "b", "c"};
	struct server         server;
	struct client         client;
	const struct refusal *refusal;
	struct err            e;

	(void) state;
	pair_start(&server, &client, steps, 1);
	client.cfg.relay.backoff_min_ms = client.cfg.relay.backoff_max_ms = 60000;
	for (int i = 0; i < 3; i++)
		assert_rc_err(client_ask(&client, subjects[i], &e), ERR_CONFIG, E1803);
	refusal = registry_refusals(client.reg);
	assert_string_equal(refusal->subject, "c");
	assert_string_equal(refusal->next->subject, "b");
	assert_string_equal(refusal->next->next->subject, "a");
	registry_drop(client.reg, "b", SCHEMA);
	refusal = registry_refusals(client.reg);
	assert_string_equal(refusal->next->subject, "a");
	assert_null(refusal->next->next);
	/* At once, whatever the pause was. */
	assert_int_equal(server.nrequests, 3);
	assert_int_equal(registry_ask_again(client.reg), 2);
	client.ready = 0;
	pthread_mutex_lock(&server.lock);
	server.steps[0] = (struct step){200, "{\"id\":8}", 0, 0, 0};
	pthread_mutex_unlock(&server.lock);
	wait_until(&client.wl, is_ready, &client);
	assert_int_equal(server.nrequests >= 4, true);
	pair_stop(&server, &client);
}

static void
refusals_are_told_apart(void **state)
{
	struct err e;

	(void) state;
	expect_refusal(&(struct step){422, "{\"error_code\":42201,\"message\":\"bad name\"}", 0, 0, 0},
				   1, ERR_CONFIG, E1803, &e);
	assert_string_equal(e.detail, "The registry says: bad name  Ours: " SCHEMA);
	expect_refusal(&(struct step){422, "{\"error_code\":42205,\"message\":\"ro\"}", 0, 0, 0}, 1,
				   ERR_CONFIG, E1808, &e);
	assert_non_null(strstr(e.hint, "READWRITE"));
	expect_refusal(&(struct step){401, "", 0, 0, 0}, 1, ERR_PERMISSION, E1804, &e);
	assert_non_null(strstr(e.msg, "refused the login"));
	assert_non_null(strstr(e.hint, "registry.basic.auth.user.info"));
	expect_refusal(&(struct step){403, "<html>", 0, 0, 0}, 1, ERR_PERMISSION, E1804, &e);
	assert_non_null(strstr(e.msg, "does not let this user work on subject \"s-value\""));
	assert_non_null(strstr(e.hint, "rights to read and write"));
	expect_refusal(&(struct step){404, "{\"error_code\":40401,\"message\":\"no\"}", 0, 0, 0}, 1,
				   ERR_CONFIG, E1805, &e);
	expect_refusal(&(struct step){405, "", 0, 0, 0}, 1, ERR_CONFIG, E1805, &e);
}

/* auto.register.schemas=false */
static void
expect_look_up(bool use_latest, const struct step *steps, unsigned nsteps, enum err_code code,
			   struct err *e)
{
	struct server server;
	struct client client;

	pair_start(&server, &client, steps, nsteps);
	client.cfg.registry.auto_register = false;
	client.cfg.registry.use_latest = use_latest;
	assert_int_equal(client_ask(&client, "s-value", e), code ? RC_ERR : RC_OK);
	if (code)
		assert_int_equal(e->code, code);
	else
		assert_int_equal(client.prefix[4], 1);
	if (use_latest)
		assert_ptr_equal(strstr(server.requests[0], "GET /subjects/s-value/versions/latest HTTP/"),
						 server.requests[0]);
	pair_stop(&server, &client);
}

/* As Apicurio says that another relay was faster. */
#define RACE_409(what)                                                                \
	{                                                                                 \
		409, "{\"error_code\":409,\"message\":\"" what " already exists.\"}", 0, 0, 0 \
	}

static void
race_for_a_registration_is_no_refusal(void **state)
{
	/* The other one has registered the same; or something else, and then ours is the next. */
	const struct step     same[] = {RACE_409("An artifact with ID 's-value' in group 'default'"),
									{200, "{\"id\":7}", 0, 0, 0}};
	const struct step     other[] = {RACE_409("An artifact version '2' for artifact ID 's-value'"),
									 {404, "{\"error_code\":40403}", 0, 0, 0},
									 {200, "{\"id\":8}", 0, 0, 0}};
	struct server         server;
	struct client         client;
	struct registry_stats stats;
	struct err            e;

	(void) state;
	pair_start(&server, &client, same, 2);
	client.cfg.registry.normalize = true;
	assert_rc_ok(client_ask(&client, "s-value", &e));
	assert_int_equal(client.prefix[4], 7);
	assert_int_equal(server.nrequests, 2);
	assert_ptr_equal(
		strstr(server.requests[0], "POST /subjects/s-value/versions?normalize=true HTTP/"),
		server.requests[0]);
	assert_ptr_equal(strstr(server.requests[1], "POST /subjects/s-value?normalize=true HTTP/"),
					 server.requests[1]);
	assert_string_equal(strstr(server.requests[1], "\r\n\r\n"),
						strstr(server.requests[0], "\r\n\r\n"));
	assert_int_equal(client.refused, 0);
	registry_stats(client.reg, &stats);
	assert_int_equal(stats.failures, 1);
	pair_stop(&server, &client);

	pair_start(&server, &client, other, 3);
	assert_rc_ok(client_ask(&client, "s-value", &e));
	assert_int_equal(client.prefix[4], 8);
	assert_int_equal(server.nrequests, 3);
	assert_ptr_equal(strstr(server.requests[2], "POST /subjects/s-value/versions HTTP/"),
					 server.requests[2]);
	assert_int_equal(client.refused, 0);
	pair_stop(&server, &client);
}

static void
race_that_is_always_lost_is_told(void **state)
{
	const struct step always[] = {RACE_409("It")};
	const struct step confluent[] = {
		{409, "{\"error_code\":40901,\"message\":\"field x already exists\"}", 0, 0, 0}};
	struct server server;
	struct client client;
	struct err    e;

	(void) state;
	expect_refusal(always, 1, ERR_CONFIG, E1802, &e);
	assert_non_null(strstr(e.detail, "It already exists."));

	/* Incompatible by its own code, whatever its words. */
	pair_start(&server, &client, confluent, 1);
	assert_rc_err(client_ask(&client, "s-value", &e), ERR_CONFIG, E1802);
	assert_null(strstr(server.requests[1], "POST "));
	pair_stop(&server, &client);
}

static void
schema_that_nobody_registered_is_waited_for(void **state)
{
	const struct step nobody[] = {{404, "{\"error_code\":40401,\"message\":\"no\"}", 0, 0, 0}};
	const struct step others[] = {{404, "{\"error_code\":40403}", 0, 0, 0}, VERSION_12};
	struct err        e;

	(void) state;
	expect_look_up(false, nobody, 1, E1806, &e);
	assert_non_null(strstr(e.msg, "does not know the schema of subject \"s-value\""));
	assert_non_null(strstr(e.detail, "the subject is not there."));
	assert_non_null(strstr(e.detail, "Ours: " SCHEMA));
	assert_non_null(strstr(e.hint, "/subjects/s-value/versions; it is asked again"));
	assert_non_null(strstr(e.hint, "auto.register.schemas=true"));
	expect_look_up(false, others, 2, E1806, &e);
	assert_non_null(strstr(e.detail, "the subject has others only."));
	assert_non_null(strstr(e.detail, "Field \"id\" (int) of record Value was added"));
	expect_look_up(true, nobody, 1, E1806, &e);
}

#define LATEST(schema)                                                     \
	{                                                                      \
		200, "{\"version\":4,\"id\":1,\"schema\":\"" schema "\"}", 0, 0, 0 \
	}

static void
latest_version_is_used_only_if_it_says_the_same(void **state)
{
	/* White space, documentation, defaults and order of properties do not matter. */
	const struct step same[] = {LATEST(
		"{ \\\"name\\\": \\\"Value\\\", \\\"type\\\": \\\"record\\\", \\\"doc\\\": \\\"d\\\","
		" \\\"fields\\\": [{\\\"type\\\": \\\"int\\\", \\\"name\\\": \\\"id\\\","
		" \\\"default\\\": 0}]}")};
	const struct step other[] = {VERSION_12};
	const struct step meaning[] = {LATEST(
		"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"Value\\\",\\\"fields\\\":[{\\\"name\\\":"
		"\\\"id\\\",\\\"type\\\":{\\\"type\\\":\\\"int\\\",\\\"connect.name\\\":\\\"io.Date\\\"}}]"
		"}")};
	const struct step nonsense[] = {{200, "{\"id\":1}", 0, 0, 0}};
	struct err        e;

	(void) state;
	expect_look_up(true, same, 1, E0, &e);
	expect_look_up(true, other, 1, E1807, &e);
	assert_non_null(strstr(e.msg, "version 12, the latest of subject \"s-value\""));
	assert_non_null(strstr(e.detail, "Field \"id\" (int) of record Value was added"));
	assert_non_null(strstr(e.detail, "Registered: " OTHER_SCHEMA));
	assert_non_null(strstr(e.hint, "use.latest.version=false"));
	expect_look_up(true, meaning, 1, E1807, &e);
	assert_non_null(strstr(e.detail, "changed from int (io.Date) to int."));
	expect_look_up(true, nonsense, 1, E1805, &e);
}

static void
redirects_are_not_followed(void **state)
{
	struct err e;

	(void) state;
	expect_refusal(&(struct step){302, "", "Location: http://127.0.0.1:1/\r\n", 0, 0}, 1,
				   ERR_CONFIG, E1805, &e);
	assert_non_null(strstr(e.hint, "edirect"));
}

static void
replies_that_make_no_sense_are_refused(void **state)
{
	static const char *const bodies[] = {
		"",
		"null",
		"[]",
		"7",
		"{",
		"{\"id\":\"1\"}",
		"{\"id\":-1}",
		"{\"id\":1.5}",
		"{\"id\":2147483648}",
		"{\"id\":1e300}",
		"{\"id\":null}",
		"{\"ID\":1}",
		"<html><body>Hello</body></html>",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	};
	struct err e;

	(void) state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		expect_refusal(&(struct step){200, bodies[i], 0, 0, 0}, 1, ERR_PROTOCOL, E1805, &e);
}

static void
huge_reply_is_refused(void **state)
{
	const struct step fits = {200, "{\"id\":4}", 0, 1024 * 1024 - 8, 0};
	struct server     server;
	struct client     client;
	struct err        e;

	(void) state;
	expect_refusal(&(struct step){200, "{\"id\":4}", 0, 1024 * 1024 - 7, 0}, 1, ERR_PROTOCOL, E1805,
				   &e);
	expect_refusal(&(struct step){200, "{\"id\":4}", 0, 64 * 1024 * 1024, 0}, 1, ERR_PROTOCOL,
				   E1805, &e);
	pair_start(&server, &client, &fits, 1);
	assert_rc_ok(client_ask(&client, "s", &e));
	assert_int_equal(client.prefix[4], 4);
	pair_stop(&server, &client);
}

static void
slow_reply_does_not_block(void **state)
{
	const struct step steps[] = {{200, "{\"id\":6}", 0, 0, true}};
	struct server     server;
	struct client     client;
	struct err        e;

	(void) state;
	pair_start(&server, &client, steps, 1);
	assert_rc_again(client_take(&client, "s", &e));
	/* The loop turns while half of the reply is missing. */
	wait_until(&client.wl, server_holds, &server);
	assert_rc_again(client_take(&client, "s", &e));
	assert_int_equal(client.ready, 0);
	server_release(&server);
	wait_until(&client.wl, is_ready, &client);
	assert_rc_ok(client_take(&client, "s", &e));
	assert_int_equal(client.prefix[4], 6);
	pair_stop(&server, &client);
}

static void
it_can_be_freed_with_a_request_under_way(void **state)
{
	const struct step steps[] = {{200, "{\"id\":6}", 0, 0, true}};
	struct server     server;
	struct client     client;
	struct err        e;

	(void) state;
	pair_start(&server, &client, steps, 1);
	assert_rc_again(client_take(&client, "s", &e));
	wait_until(&client.wl, server_holds, &server);
	pair_stop(&server, &client);
}

static void
wrong_urls_are_refused_without_showing_them(void **state)
{
	static const char *const urls[] = {
		"ftp://me:secret@host/",
		"file:///etc/passwd",
		"http://me:secret@host/?x=1",
		"http://me:secret@host:http",
		"http://",
		"http://good, me:secret@://",
	};
	struct client client;
	struct err    e;

	(void) state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		memset(&client, 0, sizeof(client));
		client.cfg.registry.url = (char *) urls[i];
		assert_rc_err(client_open(&client, &e), ERR_CONFIG, E1002);
		assert_null(strstr(e.msg, "secret"));
		assert_null(strstr(e.detail, "secret"));
		waitloop_end(&client.wl);
	}
}

static void
missing_files_of_tls_are_told_at_once(void **state)
{
	for (int i = 0; i < 3; i++)
	{
		struct client client = {0};
		char        **settings[] = {&client.cfg.registry.ca, &client.cfg.registry.certificate,
									&client.cfg.registry.key};
		struct err    e;

		client.cfg.registry.url = (char *) "https://127.0.0.1";
		*settings[i] = (char *) "/nonexistent/file.pem";
		assert_rc_err(client_open(&client, &e), ERR_CONFIG, E1002);
		assert_non_null(strstr(e.msg, "/nonexistent/file.pem"));
		assert_non_null(strstr(e.hint, "PEM"));
		waitloop_end(&client.wl);
	}
	(void) state;
}

static void
key_without_certificate_is_told_at_once(void **state)
{
	struct client client = {0};
	struct err    e;

	(void) state;
	client.cfg.registry.url = (char *) "https://127.0.0.1";
	client.cfg.registry.key = (char *) "/dev/null";
	assert_rc_err(client_open(&client, &e), ERR_CONFIG, E1002);
	assert_non_null(strstr(e.hint, "registry.ssl.certificate.location"));
	waitloop_end(&client.wl);
}

/* --- without a registry --------------------------------------------------- */

static void
without_a_registry_the_fingerprint_is_the_prefix(void **state)
{
	struct client client = {0};
	char          dir[] = "/tmp/test_registry.XXXXXX";
	char         *inner;
	char         *path;
	char          text[512] = "";
	uint64_t      fingerprint = avro_fingerprint(SCHEMA);
	struct err    e;
	FILE         *file;

	(void) state;
	assert_non_null(mkdtemp(dir));
	inner = xasprintf("%s/schemas", dir);
	client.cfg.registry.dir = inner;
	assert_rc_ok(client_open(&client, &e));
	assert_int_equal(registry_prefix_len(client.reg), 10);
	for (int i = 0; i < 2; i++)
	{
		assert_rc_ok(client_take(&client, "s", &e));
		assert_int_equal(client.prefix_len, 10);
		assert_int_equal(client.prefix[0], 0xC3);
		assert_int_equal(client.prefix[1], 0x01);
		for (int b = 0; b < 8; b++)
			assert_int_equal(client.prefix[2 + b], (fingerprint >> 8 * b) & 0xFF);
	}
	path = xasprintf("%s/%016llx.avsc", inner, (unsigned long long) fingerprint);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text) - 1, file), strlen(SCHEMA));
	assert_string_equal(text, SCHEMA);
	fclose(file);
	client_stop(&client);

	/* Nothing but the schema is there. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(dir), 0);
	free(path);
	free(inner);
}

static void
schema_folder_that_cannot_be_written_is_refused(void **state)
{
	struct client client = {0};
	struct err    e;

	(void) state;
	client.cfg.registry.dir = (char *) "/dev/null/schemas";
	assert_rc_err(client_open(&client, &e), ERR_CONFIG, E2007);
	assert_non_null(strstr(e.msg, "/dev/null/schemas"));
	assert_non_null(strstr(e.hint, "--registry.schemas.dir="));
	waitloop_end(&client.wl);
}

static void
schema_folder_that_has_gone_is_told(void **state)
{
	struct client client = {0};
	char          dir[] = "/tmp/test_registry.XXXXXX";
	struct err    e;

	(void) state;
	assert_non_null(mkdtemp(dir));
	client.cfg.registry.dir = dir;
	assert_rc_ok(client_open(&client, &e));
	assert_int_equal(rmdir(dir), 0);
	assert_rc_err(client_take(&client, "s", &e), ERR_CONFIG, E2007);
	assert_true(e.hint[0] != '\0');
	client_stop(&client);
}

/* Lines of JSON need no schemas, and with a registry they are there. */
static void
folder_is_left_alone_where_it_is_not_needed(void **state)
{
	static const struct
	{
		enum sink_kind sink;
		const char    *url;
	} cases[] = {{SINK_STDOUT, ""}, {SINK_FILE, ""}, {SINK_KAFKA, "http://127.0.0.1:1"}};
	char       dir[] = "/tmp/test_registry.XXXXXX";
	char      *inner;
	struct err e;

	(void) state;
	assert_non_null(mkdtemp(dir));
	inner = xasprintf("%s/schemas", dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		struct client client = {0};

		client.cfg.format.sink = cases[i].sink;
		client.cfg.registry.url = (char *) cases[i].url;
		client.cfg.registry.dir = inner;
		assert_rc_ok(client_open(&client, &e));
		assert_int_equal(client_take(&client, "s", &e), cases[i].url[0] ? RC_AGAIN : RC_OK);
		assert_int_not_equal(access(inner, F_OK), 0);
		client_stop(&client);
	}
	assert_int_equal(rmdir(dir), 0);
	free(inner);
}

static void
no_folder_means_no_files(void **state)
{
	struct client client = {0};
	struct err    e;

	(void) state;
	client.cfg.registry.url = (char *) "";
	client.cfg.registry.dir = (char *) "";
	assert_rc_ok(client_open(&client, &e));
	assert_rc_ok(client_take(&client, "s", &e));
	assert_int_equal(client.prefix_len, 10);
	client_stop(&client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_becomes_the_prefix_and_is_asked_for_once),
		cmocka_unit_test(look_up_and_normalise_change_the_request),
		cmocka_unit_test(logins_are_sent),
		cmocka_unit_test(registry_that_is_down_is_waited_for),
		cmocka_unit_test(errors_that_pass_are_retried),
		cmocka_unit_test(next_url_is_tried),
		cmocka_unit_test(all_urls_must_fail_to_be_down),
		cmocka_unit_test(incompatible_schema_is_explained_and_asked_again),
		cmocka_unit_test(refusal_is_told_once),
		cmocka_unit_test(refusals_are_listed_and_unlisted),
		cmocka_unit_test(refusals_are_told_apart),
		cmocka_unit_test(race_for_a_registration_is_no_refusal),
		cmocka_unit_test(race_that_is_always_lost_is_told),
		cmocka_unit_test(schema_that_nobody_registered_is_waited_for),
		cmocka_unit_test(latest_version_is_used_only_if_it_says_the_same),
		cmocka_unit_test(redirects_are_not_followed),
		cmocka_unit_test(replies_that_make_no_sense_are_refused),
		cmocka_unit_test(huge_reply_is_refused),
		cmocka_unit_test(slow_reply_does_not_block),
		cmocka_unit_test(it_can_be_freed_with_a_request_under_way),
		cmocka_unit_test(wrong_urls_are_refused_without_showing_them),
		cmocka_unit_test(missing_files_of_tls_are_told_at_once),
		cmocka_unit_test(key_without_certificate_is_told_at_once),
		cmocka_unit_test(without_a_registry_the_fingerprint_is_the_prefix),
		cmocka_unit_test(schema_folder_that_cannot_be_written_is_refused),
		cmocka_unit_test(schema_folder_that_has_gone_is_told),
		cmocka_unit_test(folder_is_left_alone_where_it_is_not_needed),
		cmocka_unit_test(no_folder_means_no_files),
	};

	/* Requests to 127.0.0.1 must not go through somebody's proxy. */
	setenv("no_proxy", "127.0.0.1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
