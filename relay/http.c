/*
 * http.c
 *		Requests to the registry: libcurl's multi interface on the loop; see http.h.
 *
 * curl's sockets are watched by the loop, its timer is one of ours.  Every call
 * begins with the URL that worked last.  When that one fails the others are
 * asked at once, and only when all have failed is there a pause, and a word to
 * the operator.
 */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <curl/curl.h>

#include "backoff.h"

#define CONNECT_TIMEOUT_MS 5000L
#define TOTAL_TIMEOUT_MS 30000L
#define REPLY_MAX (1024 * 1024)
#define MAX_CONNECTIONS 4L

/* One of registry.url. */
struct base
{
	char *url;  /* without user, password and trailing slashes: fit for messages */
	char *user; /* NULL: none in the URL */
	char *password;
};

struct http_call
{
	struct http       *http;
	char              *path;
	const char        *body; /* NULL: GET */
	enum http_patience patience;
	http_done         *done;
	void              *arg;
	CURL              *easy; /* NULL: waits for the next try */
	unsigned           base; /* where it goes */
	unsigned           failures;
	unsigned           secrets; /* renewed before it was sent */
	struct buf         reply;
	bool               reply_too_long;
	char               text[CURL_ERROR_SIZE];
	struct backoff     backoff;
	struct loop_timer  retry;
	struct http_call  *next;
};

struct http
{
	struct loop         *loop;
	const struct config *cfg;
	http_state          *state;
	void                *arg;
	void               (*refused)(void *arg); /* NULL: nobody */
	void                *refused_arg;
	struct http_stats    stats;
	struct base         *bases;
	unsigned             nbases;
	unsigned             current; /* the base that worked last */
	bool                 down;
	CURLM               *multi;
	struct curl_slist   *headers;
	struct loop_timer    timer; /* curl's */
	struct http_call    *calls;
};

static void http_collect(struct http *http);

/* --- libcurl on the loop ------------------------------------------------- */

static void
on_socket(void *arg, int fd, short revents)
{
	struct http *http = arg;
	int          flags = 0;
	int          running;

	if (revents & (POLLIN | POLLHUP))
		flags |= CURL_CSELECT_IN;
	if (revents & POLLOUT)
		flags |= CURL_CSELECT_OUT;
	if (revents & (POLLERR | POLLNVAL))
		flags |= CURL_CSELECT_ERR;
	curl_multi_socket_action(http->multi, fd, flags, &running);
	http_collect(http);
}

static void
on_curl_timer(void *arg)
{
	struct http *http = arg;
	int          running;

	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	http_collect(http);
}

/* CURLMOPT_SOCKETFUNCTION */
static int
curl_wants_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http *http = arg;

	(void) easy;
	(void) socket_arg;
	switch (what)
	{
		case CURL_POLL_IN: loop_watch(http->loop, fd, POLLIN, on_socket, http); break;
		case CURL_POLL_OUT: loop_watch(http->loop, fd, POLLOUT, on_socket, http); break;
		case CURL_POLL_INOUT: loop_watch(http->loop, fd, POLLIN | POLLOUT, on_socket, http); break;
		default: loop_forget(http->loop, fd);
	}
	return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int
curl_wants_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http *http = arg;

	(void) multi;
	if (timeout_ms < 0)
		loop_timer_clear(http->loop, &http->timer);
	else
		loop_timer_set(http->loop, &http->timer, timeout_ms);
	return 0;
}

/* CURLOPT_WRITEFUNCTION; a short count ends the request. */
static size_t
curl_has_bytes(char *data, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;

	if (call->reply.len + size * count > REPLY_MAX)
	{
		call->reply_too_long = true;
		return 0;
	}
	buf_put(&call->reply, data, size * count);
	return size * count;
}

/* --- requests ------------------------------------------------------------ */

static bool
is_set(const char *setting)
{
	return setting && setting[0];
}

static void
call_authenticate(struct http_call *call)
{
	const struct config *cfg = call->http->cfg;
	const struct base   *base = &call->http->bases[call->base];

	if (is_set(cfg->registry.token))
	{
		curl_easy_setopt(call->easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BEARER);
		curl_easy_setopt(call->easy, CURLOPT_XOAUTH2_BEARER, cfg->registry.token);
	}
	else if (is_set(cfg->registry.user_info))
	{
		curl_easy_setopt(call->easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
		curl_easy_setopt(call->easy, CURLOPT_USERPWD, cfg->registry.user_info);
	}
	else if (base->user)
	{
		curl_easy_setopt(call->easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
		curl_easy_setopt(call->easy, CURLOPT_USERNAME, base->user);
		curl_easy_setopt(call->easy, CURLOPT_PASSWORD, base->password);
	}
}

/* A key may stand in the certificate's file. */
static void
call_secure(struct http_call *call)
{
	const struct config *cfg = call->http->cfg;

	if (is_set(cfg->registry.ca))
		curl_easy_setopt(call->easy, CURLOPT_CAINFO, cfg->registry.ca);
	/* Authorities may be renewed: else those that were read are kept for a day. */
	curl_easy_setopt(call->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	if (!is_set(cfg->registry.certificate))
		return;
	curl_easy_setopt(call->easy, CURLOPT_SSLCERT, cfg->registry.certificate);
	curl_easy_setopt(call->easy, CURLOPT_SSLKEY,
					 is_set(cfg->registry.key) ? cfg->registry.key : cfg->registry.certificate);
	if (is_set(cfg->registry.key_password))
		curl_easy_setopt(call->easy, CURLOPT_KEYPASSWD, cfg->registry.key_password);
}

static void
call_send(struct http_call *call)
{
	struct http *http = call->http;
	struct buf   url = {0};
	CURL        *easy = call->easy = curl_easy_init();

	if (easy == NULL)
		abort(); /* out of memory */
	call->base = http->current;
	call->secrets = http->cfg->nretired;
	call->text[0] = '\0';
	call->reply_too_long = false;
	buf_reset(&call->reply);
	buf_printf(&url, "%s%s", http->bases[call->base].url, call->path);
	curl_easy_setopt(easy, CURLOPT_URL, buf_cstr(&url));
	buf_free(&url);
	if (call->body)
	{
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(call->body));
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
	}
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "walrelay");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, curl_has_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->text);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	call_secure(call);
	call_authenticate(call);
	http->stats.requests++;
	curl_multi_add_handle(http->multi, easy);
}

static void
on_retry(void *arg)
{
	call_send(arg);
}

static void
call_hang_up(struct http_call *call)
{
	if (call->easy == NULL)
		return;
	curl_multi_remove_handle(call->http->multi, call->easy);
	curl_easy_cleanup(call->easy);
	call->easy = NULL;
}

void
http_cancel(struct http_call *call)
{
	struct http_call **at = &call->http->calls;

	call_hang_up(call);
	loop_timer_clear(call->http->loop, &call->retry);
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	buf_free(&call->reply);
	free(call->path);
	free(call);
}

struct http_call *
http_ask(struct http *http, const char *path, const char *body, enum http_patience patience,
		 http_done *done, void *arg)
{
	struct http_call *call = xcalloc(1, sizeof(*call));

	call->http = http;
	call->path = xstrdup(path);
	call->body = body;
	call->patience = patience;
	call->done = done;
	call->arg = arg;
	call->backoff = (struct backoff){.min_ms = http->cfg->relay.backoff_min_ms,
									 .max_ms = http->cfg->relay.backoff_max_ms};
	call->retry = (struct loop_timer){.cb = on_retry, .arg = call};
	call->next = http->calls;
	http->calls = call;
	call_send(call);
	return call;
}

/* --- answers ------------------------------------------------------------- */

/* The last thing that happens to a call. */
static void
call_finish(struct http_call *call, long status, const struct err *why)
{
	const struct http_reply reply = {.status = status,
									 .body = &call->reply,
									 .url = call->http->bases[call->base].url,
									 .why = why};

	call->done(call->arg, &reply);
	http_cancel(call);
}

/* What libcurl says when the other side's certificate does not convince. */
static bool
is_certificate_trouble(CURLcode result)
{
	return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
		   result == CURLE_SSL_ISSUER_ERROR;
}

/*
 * Our own certificate or key cannot be used.  Newer releases of libcurl have other
 * codes for some of it, which say something else, too; the texts are as before.
 */
static bool
is_own_certificate_trouble(const struct http_call *call, CURLcode result)
{
	return result == CURLE_SSL_CERTPROBLEM ||
		   (is_set(call->http->cfg->registry.certificate) && !strstr(call->text, "alert") &&
			(strcasestr(call->text, "private key") || strcasestr(call->text, "client certificate")));
}

/*
 * A server that wants a certificate of ours may say so by an alert; often it just
 * ends the connection, after a handshake that looked good (TLS 1.3).
 */
static bool
is_refused_by_tls(const struct http_call *call, CURLcode result)
{
	bool has_alert = strstr(call->text, "alert") && strcasestr(call->text, "certificate");

	return has_alert || (strncmp(call->http->bases[call->base].url, "https:", 6) == 0 &&
						 !is_set(call->http->cfg->registry.certificate) &&
						 (result == CURLE_SSL_CONNECT_ERROR || result == CURLE_SEND_ERROR ||
						  result == CURLE_RECV_ERROR || result == CURLE_GOT_NOTHING));
}

static enum rc
unreachable_hint(const struct http_call *call, CURLcode result, struct err *why)
{
	if (is_certificate_trouble(result))
		return err_hint(why, "Set registry.ssl.ca.location to the certificates (PEM) of the "
							 "authority that signed the registry's, and in registry.url use a host "
							 "name that the certificate has.");
	if (is_refused_by_tls(call, result))
		return err_hint(why, "If it wants a certificate of ours, set "
							 "registry.ssl.certificate.location and registry.ssl.key.location to "
							 "one that it trusts.");
	return err_hint(why, "Start it, or correct registry.url (and registry.ssl.ca.location for "
						 "https).");
}

/* status: of the answer; result CURLE_OK where there is one. */
static void
why_unreachable(const struct http_call *call, CURLcode result, long status, struct err *why)
{
	const struct http *http = call->http;
	const char        *url = http->bases[call->base].url;
	const char        *text = call->text[0] ? call->text : curl_easy_strerror(result);

	if (http->nbases > 1)
		err_set(why, ERR_TRANSIENT, E1801, "none of the %u schema registries is reachable",
				http->nbases);
	else
		err_set(why, ERR_TRANSIENT, E1801, "schema registry %s is unreachable%s", url,
				is_certificate_trouble(result) ? ": its certificate is not accepted" : "");
	if (result == CURLE_OK)
		err_detail(why, "%s answered with HTTP status %ld.", http->nbases > 1 ? url : "It", status);
	else if (http->nbases > 1)
		err_detail(why, "%s: %s.", url, text);
	else
		err_detail(why, "%s.", text);
	(void) unreachable_hint(call, result, why);
}

/* Milliseconds until the next round; the registry may ask for more, within our limit. */
static uint64_t
call_pause(struct http_call *call, curl_off_t retry_after_s)
{
	uint32_t random = 0;
	uint64_t delay;
	uint64_t asked;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t) loop_now_ms();
	delay = backoff_next(&call->backoff, random);
	asked = retry_after_s > 0 ? (uint64_t) retry_after_s * 1000 : 0;
	if (asked > call->backoff.max_ms)
		asked = call->backoff.max_ms;
	return asked > delay ? asked : delay;
}

/* A request that may succeed elsewhere or later; that all have failed is told once. */
static void
call_failed(struct http_call *call, CURLcode result, long status, curl_off_t retry_after_s)
{
	struct http *http = call->http;
	struct err   why;

	http->stats.failures++;
	if (http->current == call->base)
		http->current = (http->current + 1) % http->nbases;
	if (call->patience == HTTP_ONCE)
	{
		call_finish(call, status, NULL);
		return;
	}
	if (++call->failures % http->nbases != 0)
	{
		loop_timer_set(http->loop, &call->retry, 0);
		return;
	}
	loop_timer_set(http->loop, &call->retry, (int64_t) call_pause(call, retry_after_s));
	if (http->down)
		return;
	http->down = true;
	why_unreachable(call, result, status, &why);
	http->state(http->arg, false, &why);
}

/* True: no answer will ever come, and *why says so. */
static bool
is_hopeless(const struct http_call *call, CURLcode result, struct err *why)
{
	const char *url = call->http->bases[call->base].url;

	if (call->reply_too_long)
	{
		err_set(why, ERR_PROTOCOL, E1805, "schema registry %s answered what is not understood",
				url);
		err_detail(why, "The reply to a request for %s is longer than %d bytes.", call->path,
				   REPLY_MAX);
		err_hint(why, "Check that registry.url is the base of a registry's interface, with its "
					  "path if it has one, and not of something else.");
		return true;
	}
	if (!is_own_certificate_trouble(call, result))
		return false;
	err_set(why, ERR_CONFIG, E1002,
			"the certificate for the schema registry, registry.ssl.certificate.location, cannot "
			"be used");
	err_detail(why, "%s.", call->text[0] ? call->text : curl_easy_strerror(result));
	err_hint(why, "Check that it is in PEM format, that registry.ssl.key.location is its key, and "
				  "that registry.ssl.key.password opens that.");
	return true;
}

/* True: the login is another one now. */
static bool
call_renews(const struct http_call *call)
{
	if (call->http->refused)
		call->http->refused(call->http->refused_arg);
	return call->secrets != call->http->cfg->nretired;
}

static bool
is_retriable(long status)
{
	return status == 408 || status == 429 || status >= 500;
}

/* A request is over. */
static void
call_answered(struct http_call *call, CURLcode result)
{
	struct http *http = call->http;
	curl_off_t   retry_after = 0;
	long         status = 0;
	struct err   why;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after);
	call_hang_up(call);
	if (is_hopeless(call, result, &why))
	{
		http->stats.failures++;
		call_finish(call, status, &why);
		return;
	}
	if (result != CURLE_OK)
		status = 0;
	if (result != CURLE_OK || is_retriable(status))
	{
		call_failed(call, result, status, retry_after);
		return;
	}
	if (http->down)
	{
		http->down = false;
		http->state(http->arg, true, NULL);
	}
	if (status == 401 && call_renews(call))
	{
		call_send(call);
		return;
	}
	call_finish(call, status, NULL);
}

static void
http_collect(struct http *http)
{
	CURLMsg *message;
	int      left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
	{
		CURLcode          result = message->data.result;
		struct http_call *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &call);
		call_answered(call, result);
	}
}

/* --- URLs ---------------------------------------------------------------- */

/* One part of a URL as a string of ours; NULL if it has none. */
static char *
url_part(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL;
	char *copy = NULL;

	if (curl_url_get(url, part, &text, flags) == CURLUE_OK)
		copy = xstrdup(text);
	curl_free(text);
	return copy;
}

/* Takes one URL of registry.url apart; text is never shown, it may hold a password. */
static enum rc
base_parse(const char *text, struct base *base, struct err *e)
{
	CURLU *url = curl_url();
	char  *scheme = NULL;
	char  *host = NULL;
	char  *query = NULL;
	bool   valid;

	if (url == NULL)
		abort(); /* out of memory */
	valid = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK;
	if (valid)
	{
		scheme = url_part(url, CURLUPART_SCHEME, 0);
		host = url_part(url, CURLUPART_HOST, 0);
		query = url_part(url, CURLUPART_QUERY, 0);
		valid = host && !query && scheme && strncmp(scheme, "http", 4) == 0;
	}
	if (valid)
	{
		base->user = url_part(url, CURLUPART_USER, CURLU_URLDECODE);
		base->password = url_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE);
		if (base->user && base->password == NULL)
			base->password = xstrdup("");
		curl_url_set(url, CURLUPART_USER, NULL, 0);
		curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
		curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
		base->url = url_part(url, CURLUPART_URL, 0);
		for (size_t len = strlen(base->url); len > 0 && base->url[len - 1] == '/'; len--)
			base->url[len - 1] = '\0';
	}
	free(scheme);
	free(host);
	free(query);
	curl_url_cleanup(url);
	if (valid)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1002, "invalid value of registry.url");
	err_detail(e, "It takes URLs like http://127.0.0.1:8081, separated by commas, each with a path "
				  "if the registry has one, none with a query.");
	return err_hint(e, "Write registry.url so; characters like @, :, / and %% in a user name or "
					   "password as %%40, %%3A, %%2F and %%25, or set "
					   "registry.basic.auth.user.info instead.");
}

static enum rc
http_parse_urls(struct http *http, struct err *e)
{
	char   *list = xstrdup(http->cfg->registry.url ? http->cfg->registry.url : "");
	char   *state = NULL;
	enum rc rc = RC_OK;

	for (char *text = strtok_r(list, ", \t", &state); text && rc == RC_OK;
		 text = strtok_r(NULL, ", \t", &state))
	{
		http->bases = xrealloc(http->bases, (http->nbases + 1) * sizeof(*http->bases));
		http->bases[http->nbases] = (struct base){0};
		rc = base_parse(text, &http->bases[http->nbases++], e);
	}
	free(list);
	return rc;
}

/* --- the client ---------------------------------------------------------- */

/* What can be known to be wrong before the first request. */
static enum rc
check_file(const char *setting, const char *path, struct err *e)
{
	if (!is_set(path) || access(path, R_OK) == 0)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1002, "cannot read %s, %s", setting, path);
	err_detail(e, "%s.", strerror(errno));
	return err_hint(e, "Name a file in PEM format that this user can read, or remove the setting.");
}

static enum rc
http_check(const struct http *http, struct err *e)
{
	const struct config *cfg = http->cfg;

	if (http->nbases == 0)
		return RC_OK;
	if (check_file("registry.ssl.ca.location", cfg->registry.ca, e) != RC_OK ||
		check_file("registry.ssl.certificate.location", cfg->registry.certificate, e) != RC_OK ||
		check_file("registry.ssl.key.location", cfg->registry.key, e) != RC_OK)
		return RC_ERR;
	if (!is_set(cfg->registry.key) || is_set(cfg->registry.certificate))
		return RC_OK;
	err_set(e, ERR_CONFIG, E1002,
			"registry.ssl.key.location is set and "
			"registry.ssl.certificate.location is not");
	return err_hint(e, "Set registry.ssl.certificate.location to the key's certificate.");
}

static void
http_open_curl(struct http *http)
{
	static const char *const headers[] = {
		"Content-Type: application/vnd.schemaregistry.v1+json",
		"Accept: application/vnd.schemaregistry.v1+json, application/json",
		"Confluent-Accept-Unknown-Properties: true",
		"Expect:", /* no 100-continue for large schemas */
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	http->multi = curl_multi_init();
	if (http->multi == NULL)
		abort(); /* out of memory */
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		http->headers = curl_slist_append(http->headers, headers[i]);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, curl_wants_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, curl_wants_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, MAX_CONNECTIONS);
}

enum rc
http_new(struct loop *loop, const struct config *cfg, http_state *state, void *arg,
		 struct http **made, struct err *e)
{
	struct http *http = xcalloc(1, sizeof(*http));

	http->loop = loop;
	http->cfg = cfg;
	http->state = state;
	http->arg = arg;
	http->timer = (struct loop_timer){.cb = on_curl_timer, .arg = http};
	if (http_parse_urls(http, e) != RC_OK || http_check(http, e) != RC_OK)
	{
		http_free(http);
		return RC_ERR;
	}
	if (http->nbases > 0)
		http_open_curl(http);
	*made = http;
	return RC_OK;
}

void
http_free(struct http *http)
{
	if (http == NULL)
		return;
	while (http->calls)
		http_cancel(http->calls);
	if (http->multi)
		curl_multi_cleanup(http->multi);
	curl_slist_free_all(http->headers);
	loop_timer_clear(http->loop, &http->timer);
	for (unsigned i = 0; i < http->nbases; i++)
	{
		free(http->bases[i].url);
		free(http->bases[i].user);
		free(http->bases[i].password);
	}
	free(http->bases);
	free(http);
}

void
http_on_refused(struct http *http, void (*refused)(void *arg), void *arg)
{
	http->refused = refused;
	http->refused_arg = arg;
}

bool
http_has_urls(const struct http *http)
{
	return http->nbases > 0;
}

char *
http_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);
	char *copy;

	if (escaped == NULL)
		abort(); /* out of memory */
	copy = xstrdup(escaped);
	curl_free(escaped);
	return copy;
}

const struct http_stats *
http_stats(const struct http *http)
{
	return &http->stats;
}
