/*
 * test_admin.c
 *		The HTTP server on a real port of this machine, with clients on the same loop.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "admin.h"
#include "waitloop.h"

#define CONNECTIONS_MAX 16 /* that the server keeps */

/* --- one server, its snapshot and its clients ---------------------------- */

struct fixture
{
	struct waitloop wl;
	struct admin   *admin;
	struct config   cfg;
	struct metrics  m; /* what it shows */
	unsigned        snapshots;
};

struct client
{
	int        fd;
	struct buf in; /* all that has come */
	bool       ended;
};

static void
on_snapshot(void *arg, struct metrics *m)
{
	struct fixture        *fix = arg;
	struct metrics_process process = m->process;

	fix->snapshots++;
	*m = fix->m;
	m->process = process;
}

/* Settings with this admin.listen. */
static const struct config *
at(struct fixture *fix, const char *listen)
{
	fix->cfg.admin.listen = (char *) (uintptr_t) listen;
	return &fix->cfg;
}

static int
setup(void **state)
{
	struct fixture *fix = calloc(1, sizeof(*fix));
	struct err      e;

	fix->m = (struct metrics){.librdkafka = "2.0.2",
							  .libpq = 150013,
							  .state = METRICS_STREAMING,
							  .kafka = PEER_THERE};
	waitloop_init(&fix->wl);
	assert_rc_ok(admin_new(fix->wl.loop, at(fix, "127.0.0.1:0"), on_snapshot, fix, &fix->admin, &e));
	*state = fix;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fix = *state;

	admin_free(fix->admin);
	waitloop_end(&fix->wl);
	free(fix);
	return 0;
}

static int
port_of(const struct admin *admin)
{
	return atoi(strrchr(admin_address(admin), ':') + 1);
}

static void
client_open(struct client *client, const struct fixture *fix)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
							   .sin_port = htons((uint16_t) port_of(fix->admin)),
							   .sin_addr = {htonl(INADDR_LOOPBACK)}};

	memset(client, 0, sizeof(*client));
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client->fd, (struct sockaddr *) &addr, sizeof(addr)), 0);
}

static void
client_send(struct client *client, const char *text)
{
	assert_int_equal(send(client->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void
client_close(struct client *client)
{
	close(client->fd);
	buf_free(&client->in);
}

static void
client_read(struct client *client)
{
	ssize_t n;

	do
	{
		buf_reserve(&client->in, 4096);
		n = recv(client->fd, client->in.data + client->in.len, 4096, MSG_DONTWAIT);
		if (n > 0)
			client->in.len += (size_t) n;
		else if (n == 0 || errno != EAGAIN)
			client->ended = true;
	} while (n > 0);
}

static bool
has_ended(void *arg)
{
	struct client *client = arg;

	client_read(client);
	return client->ended;
}

/* One request on its own connection; the whole answer as text, to be freed. */
static char *
ask(struct fixture *fix, const char *method, const char *path, const char *rest)
{
	struct client client;
	struct buf    request = {0};

	client_open(&client, fix);
	buf_printf(&request, "%s %s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n%s", method, path,
			   rest);
	client_send(&client, buf_cstr(&request));
	wait_until(&fix->wl, has_ended, &client);
	close(client.fd);
	buf_free(&request);
	return buf_cstr(&client.in);
}

static int
status_of(const char *answer)
{
	int status = 0;

	assert_int_equal(sscanf(answer, "HTTP/1.1 %d ", &status), 1);
	return status;
}

static const char *
body_of(const char *answer)
{
	const char *blank = strstr(answer, "\r\n\r\n");

	assert_non_null(blank);
	return blank + 4;
}

/* --- pages --------------------------------------------------------------- */

static void
metrics_shows_the_snapshot(void **state)
{
	struct fixture *fix = *state;
	char           *answer;

	fix->m.pipeline.inserts = 77;
	answer = ask(fix, "GET", "/metrics", "\r\n");
	assert_int_equal(status_of(answer), 200);
	assert_non_null(
		strstr(answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(body_of(answer), "\nwalrelay_changes_total{op=\"insert\"} 77\n"));
	free(answer);

	/* As Prometheus asks. */
	answer = ask(fix, "GET", "/metrics",
				 "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3\r\n\r\n");
	assert_int_equal(status_of(answer), 200);
	assert_non_null(strstr(
		answer, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
	assert_non_null(strstr(body_of(answer), "\n# TYPE walrelay_changes counter\n"));
	assert_non_null(strstr(body_of(answer), "\nwalrelay_changes_total{op=\"insert\"} 77\n"));
	free(answer);

	fix->m.pipeline.inserts = 78;
	answer = ask(fix, "GET", "/metrics?name=value", "\r\n");
	assert_int_equal(status_of(answer), 200);
	assert_non_null(strstr(body_of(answer), "\nwalrelay_changes_total{op=\"insert\"} 78\n"));
	free(answer);
	assert_int_equal(fix->snapshots, 3);
}

/* Numbers that the kernel has, not the snapshot. */
static void
metrics_shows_this_process(void **state)
{
	char  *answer = ask(*state, "GET", "/metrics", "\r\n");
	double resident, cpu, start;

	assert_int_equal(sscanf(strstr(answer, "\nprocess_resident_"),
							"\nprocess_resident_memory_bytes %lf", &resident),
					 1);
	assert_int_equal(
		sscanf(strstr(answer, "\nprocess_cpu_"), "\nprocess_cpu_seconds_total %lf", &cpu), 1);
	assert_int_equal(
		sscanf(strstr(answer, "\nprocess_start_"), "\nprocess_start_time_seconds %lf", &start), 1);
	assert_true(resident > 100e3 && resident < 10e9);
	assert_true(cpu > 0 && cpu < 1000);
	/* This test has just begun, give or take a slow machine and a clock step. */
	assert_true(start > (double) time(NULL) - 600 && start <= (double) time(NULL) + 1);
	free(answer);
}

static void
status_is_json(void **state)
{
	char  *answer = ask(*state, "GET", "/status", "\r\n");
	cJSON *root = cJSON_Parse(body_of(answer));

	assert_int_equal(status_of(answer), 200);
	assert_non_null(strstr(answer, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(root);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "state")), "streaming");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(root, "ready")));
	cJSON_Delete(root);
	free(answer);
}

static void
expect_readyz(struct fixture *fix, int status, const char *body)
{
	char *answer = ask(fix, "GET", "/readyz", "\r\n");

	assert_int_equal(status_of(answer), status);
	assert_string_equal(body_of(answer), body);
	free(answer);
	/* Alive it is, whatever it waits for. */
	answer = ask(fix, "GET", "/livez", "\r\n");
	assert_int_equal(status_of(answer), 200);
	assert_string_equal(body_of(answer), "ok\n");
	free(answer);
}

static void
readyz_follows_the_state(void **state)
{
	struct fixture *fix = *state;
	struct refusal  refusal = {.subject = "s", .schema = "{}"};

	expect_readyz(fix, 200, "ok: streaming\n");
	fix->m.state = METRICS_BACKING_OFF;
	expect_readyz(fix, 503, "not ready: backing_off, PostgreSQL is not connected\n");
	fix->m.state = METRICS_WAITING_SINK;
	expect_readyz(fix, 200, "ok: waiting_sink\n");
	fix->m.kafka = PEER_AWAY;
	expect_readyz(fix, 503, "not ready: waiting_sink, Kafka is not reachable\n");
	fix->m.kafka = PEER_THERE;
	fix->m.registry = PEER_AWAY;
	expect_readyz(fix, 503, "not ready: waiting_sink, the schema registry is not reachable\n");
	fix->m.registry = PEER_THERE;
	err_set(&refusal.why, ERR_CONFIG, E1802, "the registry says no");
	fix->m.refusals = &refusal;
	/* With dead letters changes flow. */
	expect_readyz(fix, 200, "ok: waiting_sink\n");
	fix->m.state = METRICS_SCHEMA_REFUSED;
	expect_readyz(fix, 503, "not ready: schema_refused, E1802: the registry says no; more in /status\n");
}

/* --- what is not answered ------------------------------------------------ */

static void
head_has_no_body(void **state)
{
	char *answer = ask(*state, "HEAD", "/livez", "\r\n");

	assert_int_equal(status_of(answer), 200);
	assert_non_null(strstr(answer, "\r\nContent-Length: 3\r\n"));
	assert_string_equal(body_of(answer), "");
	free(answer);
}

static void
other_methods_are_refused(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"};
	struct fixture          *fix = *state;

	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
	{
		char *answer = ask(fix, methods[i], "/metrics", "Content-Length: 2\r\n\r\nhi");

		assert_int_equal(status_of(answer), 405);
		assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
		free(answer);
	}
	assert_int_equal(fix->snapshots, 0);
}

static void
other_paths_are_not_found(void **state)
{
	static const char *const paths[] = {"/index.html", "/metric", "/metrics/", "//metrics", "/../status"};

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	{
		char *answer = ask(*state, "GET", paths[i], "\r\n");

		assert_int_equal(status_of(answer), 404);
		assert_string_equal(body_of(answer),
							"not found; there are /metrics /livez /readyz /status /\n");
		free(answer);
	}
}

static void
a_head_that_is_too_long_is_refused(void **state)
{
	struct buf rest = {0};
	char      *answer;

	buf_puts(&rest, "X-Long: ");
	for (int i = 0; i < 40000; i++)
		buf_put_u8(&rest, 'x');
	buf_puts(&rest, "\r\n\r\n");
	answer = ask(*state, "GET", "/metrics", buf_cstr(&rest));
	/* It may hang up before its answer got through. */
	if (*answer)
		assert_int_equal(status_of(answer), 431);
	free(answer);
	expect_readyz(*state, 200, "ok: streaming\n");
	buf_free(&rest);
}

/* --- connections --------------------------------------------------------- */

/* Nobody holds a connection between two questions. */
static void
a_connection_serves_one_request(void **state)
{
	struct fixture *fix = *state;
	struct client   client;

	client_open(&client, fix);
	client_send(&client, "GET /livez HTTP/1.1\r\nHost: relay\r\n\r\n");
	wait_until(&fix->wl, has_ended, &client);
	assert_int_equal(status_of(buf_cstr(&client.in)), 200);
	assert_non_null(strstr(buf_cstr(&client.in), "\r\nConnection: close\r\n"));
	assert_string_equal(body_of(buf_cstr(&client.in)), "ok\n");
	client_close(&client);
}

/*
 * As many silent clients as there may be, and one who asks: he waits until
 * their time is over, and gets his answer then.
 */
static void
silent_clients_are_sent_away(void **state)
{
	struct fixture *fix = *state;
	struct client   silent[CONNECTIONS_MAX];
	char           *answer;

	for (int i = 0; i < CONNECTIONS_MAX; i++)
	{
		client_open(&silent[i], fix);
		client_send(&silent[i], i % 2 ? "GET /met" : "GET /metrics HTTP/1.1\r\nHost: relay\r\n");
	}
	answer = ask(fix, "GET", "/livez", "\r\n");
	assert_int_equal(status_of(answer), 200);
	assert_int_equal(fix->snapshots, 1); /* for /livez; nobody else asked for anything */
	for (int i = 0; i < CONNECTIONS_MAX; i++)
	{
		wait_until(&fix->wl, has_ended, &silent[i]);
		client_close(&silent[i]);
	}
	free(answer);
}

/* --- listening ----------------------------------------------------------- */

static void
no_address_is_no_server(void **state)
{
	struct fixture *fix = *state;
	struct admin   *none = (struct admin *) fix;
	struct err      e;

	assert_rc_ok(admin_new(fix->wl.loop, at(fix, ""), on_snapshot, fix, &none, &e));
	assert_null(none);
	admin_free(none);
}

static void
without_a_host_it_is_this_machine(void **state)
{
	static const struct
	{
		const char *listen, *address;
	} forms[] = {{":0", "127.0.0.1:"}, {"*:0", "0.0.0.0:"}, {"0.0.0.0:0", "0.0.0.0:"}};
	struct fixture *fix = *state;
	struct admin   *admin;
	struct err      e;

	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		size_t len = strlen(forms[i].address);

		assert_rc_ok(admin_new(fix->wl.loop, at(fix, forms[i].listen), on_snapshot, fix, &admin, &e));
		if (forms[i].listen[0] != '*' || admin_address(admin)[0] != '[')
			assert_int_equal(strncmp(admin_address(admin), forms[i].address, len), 0);
		assert_true(port_of(admin) > 0);
		admin_free(admin);
	}
	/* Only where there is IPv6. */
	if (admin_new(fix->wl.loop, at(fix, "[::1]:0"), on_snapshot, fix, &admin, &e) == RC_OK)
	{
		assert_int_equal(strncmp(admin_address(admin), "[::1]:", 6), 0);
		admin_free(admin);
	}
}

static void
a_port_that_is_taken_is_named(void **state)
{
	struct fixture *fix = *state;
	struct admin   *second;
	struct err      e;
	char            taken[64];

	snprintf(taken, sizeof(taken), "%s", admin_address(fix->admin));
	assert_rc_err(admin_new(fix->wl.loop, at(fix, taken), on_snapshot, fix, &second, &e), ERR_CONFIG, E1002);
	assert_null(second);
	assert_non_null(strstr(e.msg, "admin.listen"));
	assert_non_null(strstr(e.msg, taken));
	assert_non_null(strstr(e.detail, "in use"));
	assert_non_null(strstr(e.hint, "--admin.listen="));

	/* Free again as soon as the first is gone, with a connection open or not. */
	{
		struct client client;
		char         *answer;

		client_open(&client, fix);
		answer = ask(fix, "GET", "/livez", "\r\n");
		free(answer);
		admin_free(fix->admin);
		fix->admin = NULL;
		assert_rc_ok(admin_new(fix->wl.loop, at(fix, taken), on_snapshot, fix, &fix->admin, &e));
		wait_until(&fix->wl, has_ended, &client);
		client_close(&client);
	}
	expect_readyz(fix, 200, "ok: streaming\n");
}

static void
addresses_that_are_none_are_refused(void **state)
{
	/* TEST-NET-1: documentation, on no machine; names that end so do not exist. */
	static const char *const wrong[] = {"192.0.2.1:0", "walrelay.invalid:9187", "9187"};
	struct fixture          *fix = *state;
	struct admin            *admin;
	struct err               e;

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		assert_rc_err(admin_new(fix->wl.loop, at(fix, wrong[i]), on_snapshot, fix, &admin, &e), ERR_CONFIG,
					  E1002);
		assert_non_null(strstr(e.msg, wrong[i]));
		assert_true(strlen(e.detail) > 1);
		assert_null(admin);
	}
}

/* "me:open sesame" and things like it, in Base64. */
static void
a_login_is_wanted(void **state)
{
	static const struct
	{
		const char *header;
		int         status;
	} tries[] = {
		{"\r\n", 401},
		{"Authorization: Basic bWU6b3BlbiBzZXNhbWU=\r\n\r\n", 200},
		{"Authorization: Basic bWU6b3BlbiBzZXNhbQ==\r\n\r\n", 401},         /* shorter */
		{"Authorization: Basic bWU6b3BlbiBzZXNhbWVt\r\n\r\n", 401},         /* longer */
		{"Authorization: Basic bWU6b3BlbiBzZXNhbWY=\r\n\r\n", 401},         /* as long */
		{"Authorization: Basic bWU6b3BlbiBzZXNhbWVtZTpvcGVuIHNlc2FtZQ==\r\n\r\n", 401}, /* twice */
		{"Authorization: Basic Og==\r\n\r\n", 401},                         /* nobody */
		{"Authorization: Basic ***\r\n\r\n", 401},
		{"Authorization: Bearer bWU6b3BlbiBzZXNhbWU=\r\n\r\n", 401},
	};
	struct fixture *fix = *state;
	char           *answer;

	fix->cfg.admin.user_info = (char *) (uintptr_t) "me:open sesame";
	for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
	{
		answer = ask(fix, "GET", "/status", tries[i].header);
		assert_int_equal(status_of(answer), tries[i].status);
		assert_int_equal(strstr(answer, "\r\nWWW-Authenticate: Basic realm=\"walrelay\"") != NULL,
						 tries[i].status == 401);
		free(answer);
	}
	/* Nothing was looked at for those who were not let in. */
	assert_int_equal(fix->snapshots, 1);

	/* Probes come without; what they are told is no more than whether. */
	answer = ask(fix, "GET", "/livez", "\r\n");
	assert_int_equal(status_of(answer), 200);
	free(answer);
	fix->m.kafka = PEER_AWAY;
	answer = ask(fix, "GET", "/readyz", "\r\n");
	assert_int_equal(status_of(answer), 503);
	assert_string_equal(body_of(answer), "not ready\n");
	free(answer);
	answer = ask(fix, "GET", "/readyz", tries[1].header);
	assert_non_null(strstr(body_of(answer), "Kafka is not reachable"));
	free(answer);
	assert_false(admin_is_open(fix->admin));
}

static void
an_open_door_is_known(void **state)
{
	struct fixture *fix = *state;
	struct admin   *admin;
	struct err      e;

	assert_false(admin_is_open(fix->admin));
	assert_rc_ok(admin_new(fix->wl.loop, at(fix, "*:0"), on_snapshot, fix, &admin, &e));
	assert_true(admin_is_open(admin));
	fix->cfg.admin.user_info = (char *) (uintptr_t) "me:open sesame";
	assert_false(admin_is_open(admin));
	admin_free(admin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(metrics_shows_the_snapshot),
		TEST(metrics_shows_this_process),
		TEST(status_is_json),
		TEST(readyz_follows_the_state),
		TEST(head_has_no_body),
		TEST(other_methods_are_refused),
		TEST(other_paths_are_not_found),
		TEST(a_head_that_is_too_long_is_refused),
		TEST(a_connection_serves_one_request),
		TEST(silent_clients_are_sent_away),
		TEST(no_address_is_no_server),
		TEST(without_a_host_it_is_this_machine),
		TEST(a_port_that_is_taken_is_named),
		TEST(addresses_that_are_none_are_refused),
		TEST(a_login_is_wanted),
		TEST(an_open_door_is_known),
	};

	return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
