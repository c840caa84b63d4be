/*
 * status.c
 *		Asking a relay how it is; see status.h.
 */
#include "status.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "status_page.h"

#define ANSWER_MS 5000L
#define ANSWER_MAX (64 * 1024 * 1024) /* bytes: both schemas of each refusal are in it */
#define PAUSE_MS 1000

/* --- asking ---------------------------------------------------------------------------- */

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct buf *body = arg;

	if (body->len + size * count > ANSWER_MAX)
		return 0;
	buf_put(body, data, size * count);
	return size * count;
}

/* As somebody on this machine reaches it: every address is this one, too. */
static char *
address_url(const struct config *cfg)
{
	const char *scheme = *cfg->admin.certificate ? "https" : "http";
	const char *listen_at = cfg->admin.listen;

	if (*listen_at == ':')
		return xasprintf("%s://127.0.0.1%s/status", scheme, listen_at);
	if (*listen_at == '*')
		return xasprintf("%s://127.0.0.1%s/status", scheme, listen_at + 1);
	return xasprintf("%s://%s/status", scheme, listen_at);
}

static enum rc
login_refused(const char *url, struct err *e)
{
	err_set(e, ERR_PERMISSION, E1009, "walrelay at %s wants a login", url);
	return err_hint(e, "Give admin.basic.auth.user.info (or admin.basic.auth.user.info.file) as that "
					   "walrelay has it.");
}

/* Its own certificate is as good as the authority that signed it. */
static void
ask_securely(CURL *easy, const struct config *cfg)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (*cfg->admin.certificate)
		curl_easy_setopt(easy, CURLOPT_CAINFO, cfg->admin.certificate);
	if (*cfg->admin.user_info)
	{
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERPWD, cfg->admin.user_info);
	}
}

static enum rc
nobody_there(const char *url, const char *why, struct err *e)
{
	err_set(e, ERR_TRANSIENT, E1009, "no walrelay answers at %s", url);
	err_detail(e, "%s.", why);
	return err_hint(e, "Start it, with the same admin.listen; or name that of the one that runs: "
					   "--admin.listen=HOST:PORT.");
}

/* The body of /status. */
static enum rc
ask(const struct config *cfg, struct buf *body, struct err *e)
{
	CURL    *easy = curl_easy_init();
	char    *url = address_url(cfg);
	char     text[CURL_ERROR_SIZE] = "";
	CURLcode result;
	long     status = 0;
	enum rc  rc = RC_OK;

	if (easy == NULL)
		abort(); /* out of memory */
	buf_reset(body);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ANSWER_MS);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text);
	ask_securely(easy, cfg);
	result = curl_easy_perform(easy);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (result != CURLE_OK)
		rc = nobody_there(url, text[0] ? text : curl_easy_strerror(result), e);
	else if (status == 401)
		rc = login_refused(url, e);
	else if (status != 200)
		rc = nobody_there(url, "Something else does", e);
	curl_easy_cleanup(easy);
	free(url);
	return rc;
}

/* The same, read.  NULL: *e. */
static cJSON *
ask_json(const struct config *cfg, struct buf *body, struct err *e)
{
	cJSON *json;
	char  *url;

	if (ask(cfg, body, e) != RC_OK)
		return NULL;
	json = cJSON_ParseWithLength((const char *) body->data, body->len);
	if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "state")))
		return json;
	cJSON_Delete(json);
	url = address_url(cfg);
	(void) !nobody_there(url, "Something else does", e);
	free(url);
	return NULL;
}

static enum rc
check_address(const struct config *cfg, struct err *e)
{
	if (*cfg->admin.listen)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1003, "required setting \"admin.listen\" is missing");
	return err_hint(e, "Give --admin.listen=HOST:PORT as the relay has it; one that has none cannot be "
					   "asked.");
}

/* --- showing ------------------------------------------------------------------------------ */

static double
clock_s(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

enum rc
status_show(const struct config *cfg, bool json, FILE *out, struct err *e)
{
	struct buf text = {0};
	cJSON     *now;

	if (check_address(cfg, e) != RC_OK)
		return RC_ERR;
	now = ask_json(cfg, &text, e);
	if (now && !json)
	{
		buf_reset(&text);
		status_page(now, NULL, 0, clock_s(CLOCK_REALTIME), &text);
	}
	if (now)
		fwrite(text.data, 1, text.len, out);
	cJSON_Delete(now);
	buf_free(&text);
	return now ? RC_OK : RC_ERR;
}

struct top
{
	const struct config *cfg;
	struct loop         *loop;
	struct loop_timer    timer;
	FILE                *out;
	cJSON               *before;
	double               before_s;
};

/* A relay that is away is shown as such: it may come back. */
static void
on_timer(void *arg)
{
	struct top *top = arg;
	struct buf  text = {0};
	struct err  e;
	cJSON      *now = ask_json(top->cfg, &text, &e);
	double      now_s = clock_s(CLOCK_MONOTONIC);

	buf_reset(&text);
	if (now)
		status_page(now, top->before, now_s - top->before_s, clock_s(CLOCK_REALTIME), &text);
	else
		buf_printf(&text, "%s: %s\n%s\n", err_code_name(e.code), e.msg, e.detail);
	/* Home, the text, and whatever was longer before is cleared. */
	fputs("\033[H", top->out);
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] == '\n')
			fputs("\033[K", top->out);
		fputc(text.data[i], top->out);
	}
	fputs("\033[K\nCtrl-C ends this.\033[K\033[J", top->out);
	fflush(top->out);
	cJSON_Delete(top->before);
	top->before = now;
	top->before_s = now_s;
	buf_free(&text);
	loop_timer_set(top->loop, &top->timer, PAUSE_MS);
}

static void
on_enough(void *arg)
{
	struct top *top = arg;

	loop_stop(top->loop);
}

enum rc
status_top(const struct config *cfg, FILE *out, struct err *e)
{
	struct top top = {.cfg = cfg, .out = out};
	struct buf body = {0};

	if (check_address(cfg, e) != RC_OK)
		return RC_ERR;
	if (!isatty(fileno(out)))
	{
		err_set(e, ERR_USAGE, E1006, "\"top\" needs a terminal");
		return err_hint(e, "Use \"walrelay status --json\", or /metrics.");
	}
	/* One that was never there is a mistake. */
	top.before = ask_json(cfg, &body, e);
	buf_free(&body);
	if (top.before == NULL)
		return RC_ERR;
	top.before_s = clock_s(CLOCK_MONOTONIC);
	top.loop = loop_new();
	top.timer = (struct loop_timer){.cb = on_timer, .arg = &top};
	loop_on_signal(top.loop, SIGINT, on_enough, &top);
	loop_on_signal(top.loop, SIGTERM, on_enough, &top);
	fputs("\033[H\033[2J", out);
	loop_timer_set(top.loop, &top.timer, PAUSE_MS);
	loop_run(top.loop);
	fputs("\n", out);
	loop_timer_clear(top.loop, &top.timer);
	loop_free(top.loop);
	cJSON_Delete(top.before);
	return RC_OK;
}
