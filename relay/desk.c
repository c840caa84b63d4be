/*
 * desk.c
 *		Asking the registry and waiting for it; see desk.h.
 */
#include "desk.h"

#include <stdlib.h>

#include "http.h"
#include "loop.h"

static void
on_state(void *arg, bool up, const struct err *why)
{
	struct desk *desk = arg;

	if (up)
		return;
	desk->failed = true;
	desk->why = *why;
	loop_stop(desk->loop);
}

static void
on_answer(void *arg, const struct http_reply *reply)
{
	struct desk *desk = arg;

	desk->call = NULL;
	desk->status = reply->status;
	buf_reset(&desk->body);
	if (reply->body)
		buf_put(&desk->body, reply->body->data, reply->body->len);
	free(desk->url);
	desk->url = xstrdup(reply->url);
	if (reply->why)
	{
		desk->failed = true;
		desk->why = *reply->why;
	}
	loop_stop(desk->loop);
}

bool
desk_ask(struct desk *desk, char *path, const char *body)
{
	if (!desk->failed)
	{
		desk->call = http_ask(desk->http, path, body, HTTP_RETRY, on_answer, desk);
		loop_run(desk->loop);
	}
	if (desk->call)
		http_cancel(desk->call);
	desk->call = NULL;
	free(path);
	return !desk->failed;
}

enum rc
desk_open(struct desk *desk, const struct config *cfg, struct err *e)
{
	desk->loop = loop_new();
	return http_new(desk->loop, cfg, on_state, desk, &desk->http, e);
}

void
desk_close(struct desk *desk)
{
	http_free(desk->http);
	if (desk->loop)
		loop_free(desk->loop);
	buf_free(&desk->body);
	free(desk->url);
}
