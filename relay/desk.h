/*
 * desk.h
 *		Questions to the schema registry, one at a time, waiting for each answer: for commands.
 *
 * Over http.c, with what that knows of URLs, login and TLS.  A registry that is away ends it:
 * nothing is asked again.  Called by inquiry.c.
 */
#ifndef RELAY_DESK_H
#define RELAY_DESK_H

#include "buf.h"
#include "config.h"
#include "err.h"

/* Zeros before desk_open(). */
struct desk
{
	struct loop      *loop; /* its own, of the thread that asks */
	struct http      *http;
	struct http_call *call; /* NULL: it has ended */
	long              status;
	struct buf        body;
	char             *url; /* who answered; NULL: nobody so far */
	bool              failed;
	struct err        why;
};

/* cfg is borrowed.  desk_close() follows, whatever comes back.  RC_ERR as http_new(). */
enum rc desk_open(struct desk *desk, const struct config *cfg, struct err *e) MUST_CHECK;
void    desk_close(struct desk *desk);

/*
 * status, body and url are the answer's.  False: there is none, and why says why, also of every
 * later question.  path: xmalloc'ed, is freed; body: of a POST; NULL: a GET.
 */
bool desk_ask(struct desk *desk, char *path, const char *body);

#endif /* RELAY_DESK_H */
