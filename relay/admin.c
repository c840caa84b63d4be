/*
 * admin.c
 *		libmicrohttpd on our loop; see admin.h.  The only file that includes it.
 *
 * Its sockets are behind one epoll descriptor, which the loop watches; it has
 * no thread of its own.  Nothing of a request is looked at but method, path and
 * login, and what a client may cost is bounded: connections, memory, time.
 */
#include "admin.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>
#include <openssl/crypto.h>

#include "descriptors.h"
#include "page.h"
#include "process.h"
#include "secret_file.h"

#define MAX_CONNECTIONS 16
#define CONNECTION_BYTES 16384 /* for a request's head and the reply's */
#define IDLE_S 5
#define BACKLOG 16
#define STARVED_MS 1000 /* between looks whether there are descriptors again */

struct admin
{
	struct loop       *loop;
	struct MHD_Daemon *daemon;
	const struct config *cfg;
	int                listen_fd; /* ours; a daemon gets a copy */
	int                fd; /* the daemon's epoll descriptor */
	struct loop_timer  timer;
	admin_snapshot_cb *snapshot;
	void              *arg;
	int64_t            start_us; /* of the process, since the Unix epoch */
	char              *address;
};

struct page
{
	const char *path;
	const char *accept; /* only for who accepts this type; NULL: for all */
	const char *type;
	/* Appends the body; gives the HTTP status. */
	unsigned (*write)(const struct metrics *m, struct buf *out);
};

/* --- pages --------------------------------------------------------------- */

static unsigned
page_metrics(const struct metrics *m, struct buf *out)
{
	metrics_text(m, METRICS_PROMETHEUS, out);
	return MHD_HTTP_OK;
}

static unsigned
page_openmetrics(const struct metrics *m, struct buf *out)
{
	metrics_text(m, METRICS_OPENMETRICS, out);
	return MHD_HTTP_OK;
}

static unsigned
page_status(const struct metrics *m, struct buf *out)
{
	metrics_json(m, out);
	return MHD_HTTP_OK;
}

/* Pages come from the loop: that there is an answer is the answer. */
static unsigned
page_livez(const struct metrics *m, struct buf *out)
{
	(void) m;
	buf_puts(out, "ok\n");
	return MHD_HTTP_OK;
}

static unsigned
page_readyz(const struct metrics *m, struct buf *out)
{
	metrics_reason reasons[METRICS_REASONS];
	unsigned       count = metrics_reasons(m, reasons);

	buf_printf(out, "%s: %s", count == 0 ? "ok" : "not ready", metrics_state_name(m->state));
	for (unsigned i = 0; i < count; i++)
		buf_printf(out, ", %s", reasons[i]);
	buf_put_u8(out, '\n');
	return count == 0 ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned
page_people(const struct metrics *m, struct buf *out)
{
	(void) m;
	page_html(out);
	return MHD_HTTP_OK;
}

#define TEXT_PLAIN "text/plain; charset=utf-8"

#define OPENMETRICS "application/openmetrics-text"

/* The first that fits. */
static const struct page pages[] = {
	{"/metrics", OPENMETRICS, OPENMETRICS "; version=1.0.0; charset=utf-8", page_openmetrics},
	{"/metrics", NULL, "text/plain; version=0.0.4; charset=utf-8", page_metrics},
	{"/livez", NULL, TEXT_PLAIN, page_livez},
	{"/readyz", NULL, TEXT_PLAIN, page_readyz},
	{"/status", NULL, "application/json", page_status},
	{"/", NULL, "text/html; charset=utf-8", page_people},
};

#define NPAGES (sizeof(pages) / sizeof(pages[0]))

/* --- requests ------------------------------------------------------------ */

static enum MHD_Result
reply(struct MHD_Connection *conn, unsigned status, const char *type, struct buf *body)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	buf_free(body);
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
								"Basic realm=\"walrelay\", charset=\"UTF-8\"");
	/* Whatever a browser makes of it, it runs nothing but the page's own script. */
	MHD_add_response_header(response, "Content-Security-Policy", page_policy());
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(conn, status, response);
	MHD_destroy_response(response);
	return result;
}

static bool
is_set(const char *setting)
{
	return setting && setting[0];
}

/* Kubernetes and the like ask these without a login. */
static bool
is_probe(const char *url)
{
	return strcmp(url, "/livez") == 0 || strcmp(url, "/readyz") == 0;
}

/* Whether whoever asks has given the login, or needs none. */
static bool
is_let_in(const struct admin *admin, struct MHD_Connection *conn)
{
	const char *wanted = admin->cfg->admin.user_info;
	char       *password = NULL;
	char       *user;
	char       *given;
	bool        same;

	if (!is_set(wanted))
		return true;
	user = MHD_basic_auth_get_username_password(conn, &password);
	given = xasprintf("%s:%s", user ? user : "", password ? password : "");
	/* Takes as long whatever was given, but for its length. */
	same = strlen(given) == strlen(wanted) && CRYPTO_memcmp(given, wanted, strlen(wanted)) == 0;
	secret_free(given);
	if (password)
		explicit_bzero(password, strlen(password));
	MHD_free(password);
	MHD_free(user);
	return same;
}

/* Prometheus lists all that it reads; what is not to be sent has no place in the list. */
static bool
page_fits(const struct page *page, struct MHD_Connection *conn, const char *url)
{
	const char *accepted =
		MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	return strcmp(url, page->path) == 0 &&
		   (page->accept == NULL || (accepted && strcasestr(accepted, page->accept)));
}

/*
 * Called when the head of a request is complete.  An answer at that point ends
 * the connection: nobody holds one while he has nothing to ask, and a body is
 * never read.
 */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *conn, const char *url, const char *method,
		   const char *version, const char *data, size_t *data_len, void **request)
{
	struct admin  *admin = arg;
	struct metrics m = {.process = {.start_us = admin->start_us}};
	struct buf     body = {0};
	unsigned       status;
	bool           let_in;

	(void) version, (void) data, (void) data_len, (void) request;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
	{
		buf_puts(&body, "only GET and HEAD are answered\n");
		return reply(conn, MHD_HTTP_METHOD_NOT_ALLOWED, TEXT_PLAIN, &body);
	}
	let_in = is_let_in(admin, conn);
	if (!let_in && !is_probe(url))
	{
		buf_puts(&body, "a login is needed\n");
		return reply(conn, MHD_HTTP_UNAUTHORIZED, TEXT_PLAIN, &body);
	}
	for (unsigned i = 0; i < NPAGES; i++)
		if (page_fits(&pages[i], conn, url))
		{
			process_read(&m.process);
			admin->snapshot(admin->arg, &m);
			status = pages[i].write(&m, &body);
			if (!let_in) /* a probe needs no more than the status, and nobody else gets it */
			{
				buf_reset(&body);
				buf_puts(&body, status == MHD_HTTP_OK ? "ok\n" : "not ready\n");
			}
			return reply(conn, status, pages[i].type, &body);
		}
	buf_puts(&body, "not found; there are");
	for (unsigned i = 0; i < NPAGES; i++)
		if (pages[i].accept == NULL)
			buf_printf(&body, " %s", pages[i].path);
	buf_put_u8(&body, '\n');
	return reply(conn, MHD_HTTP_NOT_FOUND, TEXT_PLAIN, &body);
}

/* --- the loop ------------------------------------------------------------ */

static bool
admin_is_full(const struct admin *admin)
{
	return MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
			   ->num_connections >= MAX_CONNECTIONS;
}

/*
 * A connection that waits for a descriptor cannot be accepted, and would be told of again
 * and again.
 */
static bool
admin_is_starved(const struct admin *admin)
{
	struct pollfd ready = {.fd = admin->fd, .events = POLLIN};

	return poll(&ready, 1, 0) > 0 && descriptors_are_short();
}

/* Whatever can be done now, and when to come again if no socket says so. */
static void
admin_serve(struct admin *admin)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	bool                   full;

	/*
	 * A full daemon does not listen, and begins to again in the run after the
	 * one in which a connection ended, of which no descriptor tells.
	 */
	do
	{
		full = admin_is_full(admin);
		MHD_run(admin->daemon);
	} while (full && !admin_is_full(admin));
	if (admin_is_starved(admin))
	{
		loop_forget(admin->loop, admin->fd);
		loop_timer_set(admin->loop, &admin->timer, STARVED_MS);
	}
	else if (MHD_get_timeout(admin->daemon, &timeout_ms) == MHD_YES)
		loop_timer_set(admin->loop, &admin->timer, (int64_t) timeout_ms);
	else
		loop_timer_clear(admin->loop, &admin->timer);
}

static void
on_readable(void *arg, int fd, short revents)
{
	(void) fd, (void) revents;
	admin_serve(arg);
}

static void
on_timer(void *arg)
{
	struct admin *admin = arg;

	loop_watch(admin->loop, admin->fd, POLLIN, on_readable, admin);
	admin_serve(admin);
}

/* --- listening ----------------------------------------------------------- */

static enum rc
listen_error(const char *listen_at, const char *why, struct err *e)
{
	err_set(e, ERR_CONFIG, E1002, "cannot listen on admin.listen, \"%.80s\"", listen_at);
	err_detail(e, "%s.", why);
	return err_hint(e, "Choose a free port and an address of this machine, such as "
					   "--admin.listen=127.0.0.1:9187, or leave admin.listen empty.");
}

/* A listening socket, or -1 with errno. */
static int
socket_listen(const struct addrinfo *info)
{
	int on = 1;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int saved;

	/* A restart must not wait for connections of the process before. */
	if (fd < 0 || (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
				   bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Host and port of listen_at; host without brackets, NULL for every address. */
static enum rc
address_split(const char *listen_at, char **host, const char **port, struct err *e)
{
	const char *colon = strrchr(listen_at, ':');
	size_t      len;

	if (colon == NULL)
		return listen_error(listen_at, "It has no port", e);
	*port = colon + 1;
	len = (size_t) (colon - listen_at);
	if (len == 0)
		*host = xstrdup("127.0.0.1");
	else if (len == 1 && listen_at[0] == '*')
		*host = NULL;
	else if (len > 2 && listen_at[0] == '[' && colon[-1] == ']')
		*host = xstrndup(listen_at + 1, len - 2);
	else
		*host = xstrndup(listen_at, len);
	return RC_OK;
}

/* The first address of the host that can be listened on; *fd is -1 before. */
static enum rc
address_listen(const char *listen_at, int *fd, struct err *e)
{
	const struct addrinfo wanted = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
									.ai_socktype = SOCK_STREAM};
	struct addrinfo      *list = NULL;
	const char           *port = NULL;
	char                 *host = NULL;
	int                   rc;

	if (address_split(listen_at, &host, &port, e) != RC_OK)
		return RC_ERR;
	rc = getaddrinfo(host, port, &wanted, &list);
	free(host);
	if (rc != 0)
		return listen_error(listen_at, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc), e);
	for (const struct addrinfo *info = list; info && *fd < 0; info = info->ai_next)
		*fd = socket_listen(info);
	if (*fd < 0)
		listen_error(listen_at, strerror(errno), e);
	freeaddrinfo(list);
	return *fd < 0 ? RC_ERR : RC_OK;
}

static char *
socket_address(int fd)
{
	struct sockaddr_storage addr;
	socklen_t               len = sizeof(addr);
	char                    host[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *) &addr, &len) != 0 ||
		getnameinfo((struct sockaddr *) &addr, len, host, sizeof(host), port, sizeof(port),
					NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return xstrdup("?");
	return xasprintf(addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* --- certificate and daemon --------------------------------------------------- */

static enum rc
certificate_error(const char *why, struct err *e)
{
	err_set(e, ERR_CONFIG, E1002, "admin.ssl.certificate.location cannot be used");
	err_detail(e, "%s.", why);
	return err_hint(e, "Name files in PEM format that walrelay's user can read, the certificate first of "
					   "those in admin.ssl.certificate.location, and its key, without a pass phrase, in "
					   "admin.ssl.key.location.");
}

/* A new daemon at the same address. */
static enum rc
daemon_start(const struct admin *adm, struct MHD_Daemon **daemon, struct err *e)
{
	const char *certificate = adm->cfg->admin.certificate;
	const char *key = is_set(adm->cfg->admin.key) ? adm->cfg->admin.key : certificate;
	bool        secure = is_set(certificate);
	char       *texts[2] = {NULL, NULL};
	int         fd = fcntl(adm->listen_fd, F_DUPFD_CLOEXEC, 0);
	/* Without TLS the list ends before the certificate. */
	const struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, NULL},
										 {MHD_OPTION_HTTPS_MEM_KEY, 0, NULL},
										 {MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem items[3];

	*daemon = NULL;
	if (fd < 0)
		return descriptors_missing("the admin listener cannot be opened", e);
	memcpy(items, secure ? tls : tls + 2, secure ? sizeof(tls) : sizeof(*tls));
	if (secure &&
		(secret_file_read("admin.ssl.certificate.location", certificate, "setting", &texts[0], e) !=
			 RC_OK ||
		 secret_file_read("admin.ssl.key.location", key, "setting", &texts[1], e) != RC_OK))
	{
		char *why = xstrdup(e->msg);

		(void) certificate_error(why, e);
		free(why);
	}
	else
	{
		items[0].ptr_value = secure ? texts[0] : NULL;
		if (secure)
			items[1].ptr_value = texts[1];
		*daemon = MHD_start_daemon(
			MHD_USE_EPOLL | (secure ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request,
			(void *) (uintptr_t) adm, MHD_OPTION_LISTEN_SOCKET, (MHD_socket) fd,
			MHD_OPTION_CONNECTION_LIMIT, (unsigned) MAX_CONNECTIONS,
			MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_BYTES,
			MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) IDLE_S, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
		/* Whose fd is now depends on how far it came: it is left open, once. */
		if (*daemon == NULL)
			secure ? certificate_error("The HTTP server does not start with it", e)
				   : listen_error(adm->cfg->admin.listen, "The HTTP server does not start", e);
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
	secret_free(texts[0]);
	secret_free(texts[1]);
	return *daemon ? RC_OK : RC_ERR;
}

static void
daemon_watch(struct admin *adm)
{
	adm->fd = MHD_get_daemon_info(adm->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	loop_watch(adm->loop, adm->fd, POLLIN, on_readable, adm);
}

static void
daemon_stop(struct admin *adm)
{
	loop_timer_clear(adm->loop, &adm->timer);
	if (adm->daemon == NULL)
		return;
	loop_forget(adm->loop, adm->fd);
	MHD_stop_daemon(adm->daemon);
}

enum rc
admin_new(struct loop *loop, const struct config *cfg, admin_snapshot_cb *snapshot, void *arg,
		  struct admin **admin, struct err *e)
{
	struct admin *adm;
	int           fd = -1;

	*admin = NULL;
	if (*cfg->admin.listen == '\0')
		return RC_OK;
	if (address_listen(cfg->admin.listen, &fd, e) != RC_OK)
		return RC_ERR;
	adm = xcalloc(1, sizeof(*adm));
	adm->loop = loop;
	adm->cfg = cfg;
	adm->listen_fd = fd;
	adm->snapshot = snapshot;
	adm->arg = arg;
	adm->start_us = process_start_us();
	adm->address = socket_address(fd);
	adm->timer = (struct loop_timer){.cb = on_timer, .arg = adm};
	if (daemon_start(adm, &adm->daemon, e) != RC_OK)
	{
		admin_free(adm);
		return RC_ERR;
	}
	daemon_watch(adm);
	*admin = adm;
	return RC_OK;
}

enum rc
admin_renew(struct admin *admin, struct err *e)
{
	struct MHD_Daemon *daemon;

	if (!is_set(admin->cfg->admin.certificate))
		return RC_OK;
	if (daemon_start(admin, &daemon, e) != RC_OK)
		return RC_ERR;
	daemon_stop(admin);
	admin->daemon = daemon;
	daemon_watch(admin);
	return RC_OK;
}

void
admin_free(struct admin *admin)
{
	if (admin == NULL)
		return;
	daemon_stop(admin);
	if (admin->listen_fd >= 0)
		close(admin->listen_fd);
	free(admin->address);
	free(admin);
}

bool
admin_is_open(const struct admin *admin)
{
	return !is_set(admin->cfg->admin.user_info) && strncmp(admin->address, "127.", 4) != 0 &&
		   strncmp(admin->address, "[::1]", 5) != 0;
}

const char *
admin_scheme(const struct admin *admin)
{
	return is_set(admin->cfg->admin.certificate) ? "https" : "http";
}

const char *
admin_address(const struct admin *admin)
{
	return admin->address;
}
