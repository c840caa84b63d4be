/*
 * registry.c
 *		Schema ids from a registry, or from the schema's fingerprint; see registry.h.
 *
 * The only file that includes curl.h.  libcurl's multi interface runs on the
 * loop: its sockets are watched, its timer is one of ours.  Each pair of
 * subject and schema is one entry, asked for once and then known for good;
 * callers never get a callback from within registry_prefix().
 */
#include "registry.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <curl/curl.h>

#include "backoff.h"
#include "buf.h"
#include "reply.h"
#include "schema.h"
#include "schema_dir.h"

#include <uthash.h>

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

enum stage
{
	STAGE_ASKING,    /* or waiting for the next try */
	STAGE_COMPARING, /* refused: asking for the version that is there */
	STAGE_KNOWN,
	STAGE_REFUSED
};

/* Subject and schema, and what the registry said of them. */
struct entry
{
	struct registry  *reg;
	char             *name; /* subject, NUL, schema: the key */
	size_t            name_len;
	const char       *subject;
	const char       *schema;
	enum stage        stage;
	uint8_t           prefix[REGISTRY_PREFIX_MAX];
	struct err        why;  /* STAGE_REFUSED */
	CURL             *easy; /* NULL: no request under way */
	unsigned          base; /* where it goes */
	char             *body;
	struct buf        reply;
	bool              reply_too_long;
	char              text[CURL_ERROR_SIZE];
	struct backoff    backoff;
	struct loop_timer retry;
	UT_hash_handle    hh;
};

struct registry
{
	struct loop           *loop;
	const struct config   *cfg;
	struct registry_events events;
	struct registry_stats  stats;
	struct base           *bases;
	unsigned               nbases;  /* 0: no registry */
	unsigned               current; /* the base that worked last */
	bool                   down;
	CURLM                 *multi;
	struct curl_slist     *headers;
	struct loop_timer      timer; /* curl's */
	struct entry          *entries;
	bool                   news; /* ready() is due */
};

static void registry_collect(struct registry *reg);

/* --- libcurl on the loop ------------------------------------------------- */

static void
on_socket(void *arg, int fd, short revents)
{
	struct registry *reg = arg;
	int              flags = 0;
	int              running;

	if (revents & (POLLIN | POLLHUP))
		flags |= CURL_CSELECT_IN;
	if (revents & POLLOUT)
		flags |= CURL_CSELECT_OUT;
	if (revents & (POLLERR | POLLNVAL))
		flags |= CURL_CSELECT_ERR;
	curl_multi_socket_action(reg->multi, fd, flags, &running);
	registry_collect(reg);
}

static void
on_curl_timer(void *arg)
{
	struct registry *reg = arg;
	int              running;

	curl_multi_socket_action(reg->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	registry_collect(reg);
}

/* CURLMOPT_SOCKETFUNCTION */
static int
curl_wants_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct registry *reg = arg;

	(void) easy;
	(void) socket_arg;
	switch (what)
	{
		case CURL_POLL_IN: loop_watch(reg->loop, fd, POLLIN, on_socket, reg); break;
		case CURL_POLL_OUT: loop_watch(reg->loop, fd, POLLOUT, on_socket, reg); break;
		case CURL_POLL_INOUT: loop_watch(reg->loop, fd, POLLIN | POLLOUT, on_socket, reg); break;
		default: loop_forget(reg->loop, fd);
	}
	return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int
curl_wants_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct registry *reg = arg;

	(void) multi;
	if (timeout_ms < 0)
		loop_timer_clear(reg->loop, &reg->timer);
	else
		loop_timer_set(reg->loop, &reg->timer, timeout_ms);
	return 0;
}

/* CURLOPT_WRITEFUNCTION; a short count ends the request. */
static size_t
curl_has_bytes(char *data, size_t size, size_t count, void *arg)
{
	struct entry *entry = arg;

	if (entry->reply.len + size * count > REPLY_MAX)
	{
		entry->reply_too_long = true;
		return 0;
	}
	buf_put(&entry->reply, data, size * count);
	return size * count;
}

/* --- requests ------------------------------------------------------------ */

/* The caller frees it with curl_free(). */
static char *
entry_url(struct entry *entry, const char *path, const char *query, struct buf *url)
{
	struct registry *reg = entry->reg;
	char            *subject = curl_easy_escape(entry->easy, entry->subject, 0);

	if (subject == NULL)
		abort(); /* out of memory */
	buf_printf(url, "%s/subjects/%s%s%s", reg->bases[entry->base].url, subject, path, query);
	curl_free(subject);
	return buf_cstr(url);
}

static void
entry_authenticate(struct entry *entry)
{
	const struct config *cfg = entry->reg->cfg;
	const struct base   *base = &entry->reg->bases[entry->base];

	if (cfg->registry.token && cfg->registry.token[0])
	{
		curl_easy_setopt(entry->easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BEARER);
		curl_easy_setopt(entry->easy, CURLOPT_XOAUTH2_BEARER, cfg->registry.token);
	}
	else if (cfg->registry.user_info && cfg->registry.user_info[0])
	{
		curl_easy_setopt(entry->easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
		curl_easy_setopt(entry->easy, CURLOPT_USERPWD, cfg->registry.user_info);
	}
	else if (base->user)
	{
		curl_easy_setopt(entry->easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
		curl_easy_setopt(entry->easy, CURLOPT_USERNAME, base->user);
		curl_easy_setopt(entry->easy, CURLOPT_PASSWORD, base->password);
	}
}

/* Sends the request of the entry's stage. */
static void
entry_ask(struct entry *entry)
{
	struct registry     *reg = entry->reg;
	const struct config *cfg = reg->cfg;
	struct buf           url = {0};
	CURL                *easy = entry->easy = curl_easy_init();

	if (easy == NULL)
		abort(); /* out of memory */
	entry->base = reg->current;
	entry->text[0] = '\0';
	entry->reply_too_long = false;
	buf_reset(&entry->reply);
	if (entry->stage == STAGE_COMPARING)
		entry_url(entry, "/versions/latest", "", &url);
	else
	{
		entry_url(entry, cfg->registry.auto_register ? "/versions" : "",
				  cfg->registry.normalize ? "?normalize=true" : "", &url);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(entry->body));
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, entry->body);
	}
	curl_easy_setopt(easy, CURLOPT_URL, buf_cstr(&url));
	buf_free(&url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, reg->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "walrelay");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, curl_has_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, entry);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, entry->text);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, entry);
	if (cfg->registry.ca && cfg->registry.ca[0])
		curl_easy_setopt(easy, CURLOPT_CAINFO, cfg->registry.ca);
	entry_authenticate(entry);
	reg->stats.requests++;
	curl_multi_add_handle(reg->multi, easy);
}

static void
on_retry(void *arg)
{
	entry_ask(arg);
}

static void
entry_hang_up(struct entry *entry)
{
	if (entry->easy == NULL)
		return;
	curl_multi_remove_handle(entry->reg->multi, entry->easy);
	curl_easy_cleanup(entry->easy);
	entry->easy = NULL;
}

/* --- answers ------------------------------------------------------------- */

static void
entry_refuse(struct entry *entry)
{
	entry->stage = STAGE_REFUSED;
	entry->reg->news = true;
}

/* What libcurl says when the other side's certificate does not convince. */
static bool
is_certificate_trouble(CURLcode result)
{
	return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
		   result == CURLE_SSL_ISSUER_ERROR;
}

/* status: of the answer; result CURLE_OK where there is one. */
static void
why_unreachable(const struct entry *entry, CURLcode result, long status, struct err *why)
{
	const char *url = entry->reg->bases[entry->base].url;

	err_set(why, ERR_TRANSIENT, E1801, "schema registry %s is unreachable%s", url,
			is_certificate_trouble(result) ? ": its certificate is not accepted" : "");
	if (result == CURLE_OK)
		err_detail(why, "It answered with HTTP status %ld.", status);
	else
		err_detail(why, "%s.", entry->text[0] ? entry->text : curl_easy_strerror(result));
	if (is_certificate_trouble(result))
		err_hint(why, "Set registry.ssl.ca.location to the certificates (PEM) of the authority "
					  "that signed the registry's, and in registry.url use a host name that "
					  "the certificate has.  It is asked again until it is accepted.");
	else
		err_hint(why, "Start it, or correct registry.url (and registry.ssl.ca.location for "
					  "https).  It is asked again until it answers.");
}

/* A request that may succeed later: says so once, and tries the next URL. */
static void
entry_retry(struct entry *entry, CURLcode result, long status, curl_off_t retry_after_s)
{
	struct registry *reg = entry->reg;
	uint32_t         random = 0;
	uint64_t         delay;
	struct err       why;

	reg->stats.failures++;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t) loop_now_ms();
	delay = backoff_next(&entry->backoff, random);
	if (retry_after_s > 0 && (uint64_t) retry_after_s * 1000 > delay)
		delay = retry_after_s * 1000 < entry->backoff.max_ms ? (uint64_t) retry_after_s * 1000
															 : entry->backoff.max_ms;
	if (reg->current == entry->base)
		reg->current = (reg->current + 1) % reg->nbases;
	loop_timer_set(reg->loop, &entry->retry, (int64_t) delay);
	if (reg->down)
		return;
	reg->down = true;
	why_unreachable(entry, result, status, &why);
	reg->events.state(reg->events.arg, false, &why);
}

/* 200: the id. */
static void
entry_accept(struct entry *entry)
{
	struct registry *reg = entry->reg;
	uint32_t         id;

	if (reply_id(&entry->reply, reg->bases[entry->base].url, entry->subject, &id, &entry->why) !=
		RC_OK)
	{
		reg->stats.failures++;
		entry_refuse(entry);
		return;
	}
	entry->prefix[0] = 0;
	for (int i = 0; i < 4; i++)
		entry->prefix[1 + i] = (uint8_t) (id >> (24 - 8 * i));
	entry->stage = STAGE_KNOWN;
	reg->stats.schemas++;
	reg->news = true;
}

/* A request is over: the next stage. */
static void
entry_answered(struct entry *entry, CURLcode result)
{
	struct registry *reg = entry->reg;
	curl_off_t       retry_after = 0;
	long             status = 0;

	curl_easy_getinfo(entry->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(entry->easy, CURLINFO_RETRY_AFTER, &retry_after);
	entry_hang_up(entry);
	if (entry->stage == STAGE_COMPARING)
	{
		if (result == CURLE_OK && status == 200)
			reply_compare(&entry->reply, entry->schema, &entry->why);
		entry_refuse(entry);
		return;
	}
	if (entry->reply_too_long)
	{
		reg->stats.failures++;
		err_set(&entry->why, ERR_PROTOCOL, E1805,
				"schema registry %s answered what is not understood", reg->bases[entry->base].url);
		err_detail(&entry->why, "The reply for subject \"%s\" is longer than %d bytes.",
				   entry->subject, REPLY_MAX);
		err_hint(&entry->why, "Check that registry.url is the base of a registry's interface, with "
							  "its path if it has one, and not of something else.");
		entry_refuse(entry);
		return;
	}
	if (result != CURLE_OK || reply_is_retriable(status))
	{
		entry_retry(entry, result, status, retry_after);
		return;
	}
	backoff_reset(&entry->backoff);
	if (reg->down)
	{
		reg->down = false;
		reg->events.state(reg->events.arg, true, NULL);
	}
	if (status == 200 || status == 201)
	{
		entry_accept(entry);
		return;
	}
	reg->stats.failures++;
	reply_refusal(&entry->reply, status, reg->bases[entry->base].url, entry->subject,
				  reg->cfg->registry.auto_register, &entry->why);
	if (status == 409)
	{
		entry->stage = STAGE_COMPARING;
		entry_ask(entry);
	}
	else
		entry_refuse(entry);
}

static void
registry_collect(struct registry *reg)
{
	CURLMsg *message;
	int      left;

	while ((message = curl_multi_info_read(reg->multi, &left)) != NULL)
	{
		CURLcode      result = message->data.result;
		struct entry *entry = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &entry);
		entry_answered(entry, result);
	}
	if (reg->news)
	{
		reg->news = false;
		reg->events.ready(reg->events.arg);
	}
}

/* --- entries ------------------------------------------------------------- */

static struct entry *
entry_new(struct registry *reg, const struct buf *name, const char *schema)
{
	struct entry *entry = xcalloc(1, sizeof(*entry));

	entry->reg = reg;
	entry->name = xmalloc(name->len);
	memcpy(entry->name, name->data, name->len);
	entry->name_len = name->len;
	entry->subject = entry->name;
	entry->schema = entry->name + name->len - strlen(schema) - 1;
	entry->backoff = (struct backoff){.min_ms = reg->cfg->relay.backoff_min_ms,
									  .max_ms = reg->cfg->relay.backoff_max_ms};
	entry->retry = (struct loop_timer){.cb = on_retry, .arg = entry};
	HASH_ADD_KEYPTR(hh, reg->entries, entry->name, entry->name_len, entry);
	return entry;
}

static void
entry_free(struct entry *entry)
{
	entry_hang_up(entry);
	loop_timer_clear(entry->reg->loop, &entry->retry);
	HASH_DEL(entry->reg->entries, entry);
	free(entry->name);
	free(entry->body);
	buf_free(&entry->reply);
	free(entry);
}

/* Where schemas go without a registry; NULL: nowhere.  Lines of JSON need none. */
static const char *
registry_folder(const struct registry *reg)
{
	const char *dir = reg->cfg->registry.dir;

	if (reg->nbases > 0 || reg->cfg->format.sink != SINK_KAFKA || dir == NULL || dir[0] == '\0')
		return NULL;
	return dir;
}

/* Without a registry: the answer is known at once. */
static enum rc
entry_fingerprint(struct entry *entry, struct err *e)
{
	uint64_t    fingerprint = avro_fingerprint(entry->schema);
	const char *dir = registry_folder(entry->reg);

	if (dir && schema_dir_add(dir, fingerprint, entry->schema, e) != RC_OK)
		return RC_ERR;
	entry->prefix[0] = 0xC3;
	entry->prefix[1] = 0x01;
	for (int i = 0; i < 8; i++)
		entry->prefix[2 + i] = (uint8_t) (fingerprint >> 8 * i);
	entry->stage = STAGE_KNOWN;
	entry->reg->stats.schemas++;
	return RC_OK;
}

/* --- the registry's functions -------------------------------------------- */

enum rc
registry_prefix(struct registry *reg, const char *subject, const char *schema,
				uint8_t prefix[REGISTRY_PREFIX_MAX], size_t *len, struct err *e)
{
	struct entry *entry;
	struct buf    name = {0};

	buf_put(&name, subject, strlen(subject) + 1);
	buf_put(&name, schema, strlen(schema) + 1);
	HASH_FIND(hh, reg->entries, name.data, name.len, entry);
	if (entry == NULL)
	{
		entry = entry_new(reg, &name, schema);
		if (reg->nbases > 0)
		{
			entry->body = reply_request(schema);
			entry_ask(entry);
		}
		else if (entry_fingerprint(entry, e) != RC_OK)
		{
			entry_free(entry);
			entry = NULL;
		}
	}
	buf_free(&name);
	if (entry == NULL)
		return RC_ERR;
	if (entry->stage == STAGE_REFUSED)
	{
		*e = entry->why;
		entry_free(entry);
		return RC_ERR;
	}
	if (entry->stage != STAGE_KNOWN)
		return RC_AGAIN;
	*len = registry_prefix_len(reg);
	memcpy(prefix, entry->prefix, *len);
	return RC_OK;
}

size_t
registry_prefix_len(const struct registry *reg)
{
	return reg->nbases > 0 ? 5 : 10;
}

void
registry_stats(const struct registry *reg, struct registry_stats *stats)
{
	*stats = reg->stats;
}

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
registry_parse_urls(struct registry *reg, struct err *e)
{
	char   *list = xstrdup(reg->cfg->registry.url ? reg->cfg->registry.url : "");
	char   *state = NULL;
	enum rc rc = RC_OK;

	for (char *text = strtok_r(list, ", \t", &state); text && rc == RC_OK;
		 text = strtok_r(NULL, ", \t", &state))
	{
		reg->bases = xrealloc(reg->bases, (reg->nbases + 1) * sizeof(*reg->bases));
		reg->bases[reg->nbases] = (struct base){0};
		rc = base_parse(text, &reg->bases[reg->nbases++], e);
	}
	free(list);
	return rc;
}

static void
registry_open_curl(struct registry *reg)
{
	static const char *const headers[] = {
		"Content-Type: application/vnd.schemaregistry.v1+json",
		"Accept: application/vnd.schemaregistry.v1+json, application/json",
		"Confluent-Accept-Unknown-Properties: true",
		"Expect:", /* no 100-continue for large schemas */
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	reg->multi = curl_multi_init();
	if (reg->multi == NULL)
		abort(); /* out of memory */
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		reg->headers = curl_slist_append(reg->headers, headers[i]);
	curl_multi_setopt(reg->multi, CURLMOPT_SOCKETFUNCTION, curl_wants_socket);
	curl_multi_setopt(reg->multi, CURLMOPT_SOCKETDATA, reg);
	curl_multi_setopt(reg->multi, CURLMOPT_TIMERFUNCTION, curl_wants_timer);
	curl_multi_setopt(reg->multi, CURLMOPT_TIMERDATA, reg);
	curl_multi_setopt(reg->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, MAX_CONNECTIONS);
}

/* What can be known to be wrong before the first schema. */
static enum rc
registry_check(const struct registry *reg, struct err *e)
{
	const char *ca = reg->cfg->registry.ca;
	const char *dir = registry_folder(reg);

	if (reg->nbases > 0 && ca && ca[0] && access(ca, R_OK) != 0)
	{
		err_set(e, ERR_CONFIG, E1002, "cannot read registry.ssl.ca.location, %s", ca);
		err_detail(e, "%s.", strerror(errno));
		return err_hint(e, "Name a file with certificates in PEM format that this user can read, "
						   "or remove the setting: then those of the system are used.");
	}
	return dir ? schema_dir_open(dir, e) : RC_OK;
}

enum rc
registry_new(struct loop *loop, const struct config *cfg, const struct registry_events *events,
			 struct registry **made, struct err *e)
{
	struct registry *reg = xcalloc(1, sizeof(*reg));

	reg->loop = loop;
	reg->cfg = cfg;
	reg->events = *events;
	reg->timer = (struct loop_timer){.cb = on_curl_timer, .arg = reg};
	if (registry_parse_urls(reg, e) != RC_OK || registry_check(reg, e) != RC_OK)
	{
		registry_free(reg);
		return RC_ERR;
	}
	if (reg->nbases > 0)
		registry_open_curl(reg);
	*made = reg;
	return RC_OK;
}

void
registry_free(struct registry *reg)
{
	struct entry *entry;
	struct entry *next;

	if (reg == NULL)
		return;
	HASH_ITER(hh, reg->entries, entry, next)
	entry_free(entry);
	if (reg->multi)
		curl_multi_cleanup(reg->multi);
	curl_slist_free_all(reg->headers);
	loop_timer_clear(reg->loop, &reg->timer);
	for (unsigned i = 0; i < reg->nbases; i++)
	{
		free(reg->bases[i].url);
		free(reg->bases[i].user);
		free(reg->bases[i].password);
	}
	free(reg->bases);
	free(reg);
}
