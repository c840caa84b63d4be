/*
 * http.h
 *		Requests to the schema registry over HTTP, without blocking.
 *
 * Owns what is between a path and an answer: the URLs of registry.url and which
 * of them works, login, TLS, retries with backoff.  Knows nothing of schemas.
 * Called by registry.c; http.c is the only file that includes curl.h.  No user
 * name, password or token ever gets into an error.
 */
#ifndef RELAY_HTTP_H
#define RELAY_HTTP_H

#include "buf.h"
#include "config.h"
#include "err.h"
#include "loop.h"

struct http;
struct http_call;

/* What came back; lives until done() returns. */
struct http_reply
{
	long              status; /* of HTTP; 0: none, with HTTP_ONCE only */
	const struct buf *body;
	const char       *url; /* who answered, fit for messages */
	const struct err *why; /* not NULL: no answer, and trying again is of no use */
};

/* Called once, from the loop; the call is gone then. */
typedef void http_done(void *arg, const struct http_reply *reply);

/* Reachable or not; called when it changes.  why: NULL if up. */
typedef void http_state(void *arg, bool up, const struct err *why);

enum http_patience
{
	HTTP_RETRY, /* network errors, 408, 429 and 5xx: the next URL, then all again, for ever */
	HTTP_ONCE   /* whatever comes: for what is only good to know */
};

struct http_stats
{
	uint64_t requests;
	uint64_t failures; /* network errors, 408, 429, 5xx */
};

/* cfg is borrowed.  RC_ERR E1002: a URL or a file of registry.ssl.* is of no use. */
enum rc http_new(struct loop *loop, const struct config *cfg, http_state *state, void *arg,
				 struct http **http, struct err *e) MUST_CHECK;
void    http_free(struct http *http); /* calls under way are cancelled */

/* What to do when a login is refused: if secrets are others behind it, it is tried with them. */
void http_on_refused(struct http *http, void (*refused)(void *arg), void *arg);

/* Whether registry.url names any. */
bool http_has_urls(const struct http *http);

/* path: behind the base URL, escaped, copied.  body: of a POST, borrowed; NULL: a GET. */
struct http_call *http_ask(struct http *http, const char *path, const char *body,
						   enum http_patience patience, http_done *done, void *arg);
void              http_cancel(struct http_call *call);

/* As one part of a path; the caller frees it. */
char *http_escape(const char *text);

const struct http_stats *http_stats(const struct http *http);

#endif /* RELAY_HTTP_H */
