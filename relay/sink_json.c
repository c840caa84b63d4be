/*
 * sink_json.c
 *		The stdout and file sinks: one line of JSON for each message; see sink.h.
 *
 * A message is acknowledged when write(2) has taken its line, in a file after
 * fdatasync() too.  A reader that is slow never blocks the loop: what it
 * does not take waits here, and when that is more than the budget allows,
 * send() answers RC_AGAIN.
 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "json.h"

/* Lines are collected up to this size before they are written. */
#define WRITE_BYTES 65536
/* A run of one item is cut here, so that a long transaction is acknowledged as it goes. */
#define RUN_BYTES 65536
/* A file is synced at most this often. */
#define SYNC_MS 100

struct sink_topic
{
	struct buf   head; /* {"topic":"...","key": */
	struct avro *key;
	struct avro *value;
	struct topic_count *count; /* or NULL */
};

/* Messages of one item whose lines end at or before end. */
struct run
{
	uint32_t item;
	uint64_t end; /* bytes since the sink was made */
	uint32_t count;
	struct topic_count *counted; /* NULL: nowhere else */
};

struct json_sink
{
	struct sink        sink; /* first: a sink is cast to it */
	struct loop       *loop;
	struct sink_events events;
	struct sink_stats  stats;
	const char        *name; /* for errors */
	int                fd;
	bool               regular; /* a regular file: write(2) never waits for a reader */
	bool               sync;    /* acknowledge after fdatasync() */
	size_t             prefix_len;
	uint64_t           max_bytes;
	bool               full;    /* send() said RC_AGAIN */
	bool               waiting; /* for POLLOUT */
	bool               broken;  /* nothing is acknowledged any more */
	struct err         why;
	struct buf         out; /* lines; the first at bytes are written */
	size_t             at;
	uint64_t           written; /* bytes since the sink was made */
	uint64_t           safe;    /* of those, bytes that may be acknowledged */
	struct run        *runs;    /* ring: oldest at first */
	size_t             first;
	size_t             nruns;
	size_t             cap; /* power of two */
	int64_t            synced_ms;
	struct loop_timer  timer; /* set: a sync or a report of failure is due */
};

static struct json_sink *
json_of(struct sink *sink)
{
	return (struct json_sink *) sink;
}

static size_t
pending(const struct json_sink *js)
{
	return js->out.len - js->at;
}

/* --- acknowledging ------------------------------------------------------- */

static void
run_add(struct json_sink *js, uint32_t item, struct topic_count *counted, size_t bytes)
{
	uint64_t    end = js->written + pending(js);
	struct run *last = js->nruns ? &js->runs[(js->first + js->nruns - 1) & (js->cap - 1)] : NULL;

	if (last && last->item == item && last->counted == counted && (end - bytes) % RUN_BYTES + bytes < RUN_BYTES)
	{
		last->end = end;
		last->count++;
		return;
	}
	if (js->nruns == js->cap)
	{
		struct run *more = xcalloc(js->cap ? js->cap * 2 : 64, sizeof(*more));

		for (size_t i = 0; i < js->nruns; i++)
			more[i] = js->runs[(js->first + i) & (js->cap - 1)];
		free(js->runs);
		js->runs = more;
		js->cap = js->cap ? js->cap * 2 : 64;
		js->first = 0;
	}
	js->runs[(js->first + js->nruns++) & (js->cap - 1)] = (struct run){item, end, 1, counted};
}

static void
json_acknowledge(struct json_sink *js)
{
	while (js->nruns > 0 && js->runs[js->first].end <= js->safe)
	{
		struct run run = js->runs[js->first];

		js->first = (js->first + 1) & (js->cap - 1);
		js->nruns--;
		js->stats.acked += run.count;
		if (run.counted)
			run.counted->acked += run.count;
		js->stats.in_flight -= run.count;
		js->events.acked(js->events.arg, run.item, run.count);
	}
}

/* --- writing ------------------------------------------------------------- */

/* errno to *e: a full disk goes away, a reader that left does not come back. */
static enum rc
output_error(const char *name, int code, struct err *e)
{
	switch (code)
	{
		case EPIPE:
		case ECONNRESET:
			err_set(e, ERR_FATAL, E2007, "the reader of %s is gone", name);
			return err_hint(e, "Start the reader, then walrelay: it goes on after the last "
							   "position that it confirmed.");
		case EACCES:
		case EPERM:
		case EROFS:
			err_set(e, ERR_PERMISSION, E2007, "cannot write to %s", name);
			err_hint(e, "Let the user that walrelay runs as write to it and to its folder, or set "
						"format.sink.file to another file.");
			break;
		case ENOSPC:
		case EDQUOT:
			err_set(e, ERR_TRANSIENT, E2007, "cannot write to %s", name);
			err_hint(e, "Make room on its file system, or raise the quota.  Nothing is lost "
						"meanwhile: PostgreSQL keeps what was not confirmed.");
			break;
		default:
			err_set(e, ERR_CONFIG, E2007, "cannot write to %s", name);
			err_hint(e, "Set format.sink.file to a file in a folder that exists, or to a pipe "
						"with a reader; for sink = stdout, check where the output goes.");
	}
	return err_detail(e, "%s.", strerror(code));
}

/* failed() is called from the loop, not from within send() or flush(). */
static void
json_break(struct json_sink *js, int code)
{
	if (js->broken)
		return;
	js->broken = true;
	(void) output_error(js->name, code, &js->why);
	loop_forget(js->loop, js->fd);
	loop_timer_set(js->loop, &js->timer, 0);
}

/* What may be written now without waiting; 0: nothing. */
static size_t
json_room(const struct json_sink *js)
{
	struct pollfd pfd = {.fd = js->fd, .events = POLLOUT};

	if (js->regular)
		return pending(js);
	/* O_NONBLOCK would also be that of whoever shares our stdout; POLLOUT
	 * promises room for PIPE_BUF bytes. */
	if (poll(&pfd, 1, 0) <= 0)
		return 0;
	return pending(js) < PIPE_BUF ? pending(js) : PIPE_BUF;
}

static void on_writable(void *arg, int fd, short revents);

/* Writes as much as goes without waiting, and waits in the loop for the rest. */
static void
json_write(struct json_sink *js)
{
	size_t room;

	while (!js->broken && pending(js) > 0 && (room = json_room(js)) > 0)
	{
		ssize_t n = write(js->fd, js->out.data + js->at, room);

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0 && errno != EINTR)
			json_break(js, errno);
		if (n <= 0)
			continue;
		js->at += (size_t) n;
		js->written += (uint64_t) n;
		if (!js->sync)
			js->safe = js->written;
	}
	/* Move the rest to the front when that is cheap. */
	if (js->at > js->out.len / 2)
	{
		memmove(js->out.data, js->out.data + js->at, pending(js));
		js->out.len -= js->at;
		js->at = 0;
	}
	if (js->out.len == 0 && js->out.cap > js->max_bytes)
		buf_free(&js->out); /* one huge message must not stay for ever */
	if (!js->broken && !js->regular && js->waiting != (pending(js) > 0))
	{
		js->waiting = !js->waiting;
		loop_watch(js->loop, js->fd, js->waiting ? POLLOUT : 0, on_writable, js);
	}
}

static void
json_sync(struct json_sink *js)
{
	int64_t now = loop_now_ms();

	if (js->broken || js->safe == js->written)
		return;
	if (now - js->synced_ms < SYNC_MS)
	{
		if (js->timer.due_ms == 0)
			loop_timer_set(js->loop, &js->timer, js->synced_ms + SYNC_MS - now);
		return;
	}
	js->synced_ms = now;
	if (fdatasync(js->fd) != 0)
		json_break(js, errno);
	else
		js->safe = js->written;
}

/* After writing: the news, in an order that callbacks can rely on. */
static void
json_settle(struct json_sink *js)
{
	if (js->sync)
		json_sync(js);
	if (js->broken)
		return;
	json_acknowledge(js);
	if (js->full && pending(js) <= js->max_bytes / 2)
	{
		js->full = false;
		js->events.writable(js->events.arg);
	}
}

static void
on_writable(void *arg, int fd, short revents)
{
	struct json_sink *js = arg;

	(void) fd;
	if (revents & (POLLERR | POLLNVAL | POLLHUP))
		json_break(js, EPIPE);
	json_write(js);
	json_settle(js);
}

static void
on_timer(void *arg)
{
	struct json_sink *js = arg;

	if (js->broken)
		js->events.failed(js->events.arg, &js->why);
	else
	{
		json_write(js);
		json_settle(js);
	}
}

/* --- the sink's functions ------------------------------------------------ */

static enum rc
json_topic(struct sink *sink, const char *name, struct avro *key, struct avro *value,
		   struct sink_topic **topic, struct err *e)
{
	struct sink_topic *top = xcalloc(1, sizeof(*top));

	(void) sink;
	(void) e;
	buf_puts(&top->head, "{\"topic\":");
	json_string(&top->head, name, strlen(name));
	buf_puts(&top->head, ",\"key\":");
	top->key = key;
	top->value = value;
	*topic = top;
	return RC_OK;
}

static void
json_topic_free(struct sink *sink, struct sink_topic *topic)
{
	(void) sink;
	buf_free(&topic->head);
	free(topic);
}

static void
json_count(struct sink *sink, struct sink_topic *topic, struct topic_count *count)
{
	(void) sink;
	topic->count = count;
}

/* Appends one side of a message; data is prefix and Avro. */
static enum rc
json_side(struct json_sink *js, bool has, struct str data, struct avro *avro, struct err *e)
{
	if (!has)
	{
		buf_puts(&js->out, "null");
		return RC_OK;
	}
	if (avro == NULL || data.len < js->prefix_len)
	{
		err_set(e, ERR_FATAL, E1603, "a message has bytes without a schema");
		return err_hint(e, "This is a mistake in walrelay: report it with what "
						   "\"walrelay version\" prints.");
	}
	return avro_print(avro, data.data + js->prefix_len, data.len - js->prefix_len, &js->out, e);
}

static enum rc
json_line(struct json_sink *js, const struct sink_topic *topic, const struct outgoing *out,
		  struct err *e)
{
	buf_put(&js->out, topic->head.data, topic->head.len);
	if (json_side(js, out->has_key, out->key, topic->key, e) != RC_OK)
		return RC_ERR;
	buf_puts(&js->out, ",\"value\":");
	if (json_side(js, out->has_value, out->value, topic->value, e) != RC_OK)
		return RC_ERR;
	for (unsigned i = 0; i < out->nheaders; i++)
	{
		const struct header *header = &out->headers[i];

		buf_puts(&js->out, i == 0 ? ",\"headers\":{" : ",");
		json_string(&js->out, header->name, strlen(header->name));
		buf_put_u8(&js->out, ':');
		json_string(&js->out, header->value.data, header->value.len);
		if (i + 1 == out->nheaders)
			buf_put_u8(&js->out, '}');
	}
	buf_puts(&js->out, "}\n");
	return RC_OK;
}

static enum rc
json_send(struct sink *sink, struct sink_topic *topic, const struct outgoing *out, uint64_t label,
		  struct err *e)
{
	struct json_sink *js = json_of(sink);
	size_t            before = js->out.len;
	uint64_t          bytes = (out->has_key ? out->key.len : 0) + (out->has_value ? out->value.len : 0);

	if (js->broken || pending(js) >= js->max_bytes)
	{
		js->full = true;
		return RC_AGAIN;
	}
	if (json_line(js, topic, out, e) != RC_OK)
	{
		js->out.len = before;
		return RC_ERR;
	}
	js->stats.messages++;
	js->stats.in_flight++;
	js->stats.bytes += bytes;
	if (topic->count)
	{
		topic->count->messages++;
		topic->count->bytes += bytes;
	}
	run_add(js, sink_item(label), topic->count, js->out.len - before);
	if (pending(js) >= WRITE_BYTES && !js->waiting)
		json_write(js);
	/* Acknowledging is for the loop: nobody expects acked() during send(). */
	if (js->timer.due_ms == 0)
		loop_timer_set(js->loop, &js->timer, js->sync ? SYNC_MS : 0);
	return RC_OK;
}

static void
json_flush(struct sink *sink)
{
	struct json_sink *js = json_of(sink);

	json_write(js);
	json_settle(js);
}

static void
json_stats(const struct sink *sink, struct sink_stats *stats)
{
	*stats = ((const struct json_sink *) sink)->stats;
}

static void
json_free(struct sink *sink)
{
	struct json_sink *js = json_of(sink);

	loop_timer_clear(js->loop, &js->timer);
	loop_forget(js->loop, js->fd);
	if (js->fd != STDOUT_FILENO)
		close(js->fd);
	buf_free(&js->out);
	free(js->runs);
	free(js);
}

static const struct sink_ops json_ops = {
	.topic = json_topic,
	.topic_free = json_topic_free,
	.count = json_count,
	.send = json_send,
	.flush = json_flush,
	.stats = json_stats,
	.free = json_free,
};

/* --- making one ---------------------------------------------------------- */

/*
 * A relay that was killed while it wrote leaves half a line, which was never
 * acknowledged and comes again: it is cut off.  Half a line that is not ours
 * is only ended.
 */
static int
file_mend(int fd)
{
	static const char start[] = "{\"topic\":";
	char              block[8192];
	off_t             end = lseek(fd, 0, SEEK_END);
	off_t             line = end; /* where the last line begins, as far as known */

	if (end <= 0)
		return end < 0 ? -1 : 0;
	while (line > 0)
	{
		off_t       from = line > (off_t) sizeof(block) ? line - (off_t) sizeof(block) : 0;
		ssize_t     n = pread(fd, block, (size_t) (line - from), from);
		const char *newline = n > 0 ? memrchr(block, '\n', (size_t) n) : NULL;

		if (n != line - from)
			return -1;
		line = newline ? from + (newline - block) + 1 : from;
		if (newline)
			break;
	}
	if (line == end)
		return 0;
	end -= line;
	if (end > (off_t) sizeof(start) - 1)
		end = sizeof(start) - 1;
	if (pread(fd, block, (size_t) end, line) == end && memcmp(block, start, (size_t) end) == 0)
		return ftruncate(fd, line);
	return write(fd, "\n", 1) == 1 ? 0 : -1;
}

/* A new file is safe only when its folder knows it. */
static int
folder_sync(const char *path)
{
	char *copy = xstrdup(path);
	int   fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int   rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

static enum rc
file_open(struct json_sink *js, const char *path, struct err *e)
{
	struct stat st;

	js->regular = stat(path, &st) != 0 || S_ISREG(st.st_mode);
	/* Whoever holds the reading end of a pipe too never sees its reader leave. */
	js->fd = js->regular ? open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640)
						 : open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (js->fd < 0)
		return output_error(path, errno == ENXIO ? EPIPE : errno, e);
	js->sync = js->regular;
	if (js->regular && (file_mend(js->fd) != 0 || folder_sync(path) != 0))
		return output_error(path, errno, e);
	return RC_OK;
}

enum rc
sink_json_new(struct loop *loop, const struct config *cfg, size_t prefix_len,
			  const struct sink_events *events, struct sink **sink, struct err *e)
{
	struct json_sink *js = xcalloc(1, sizeof(*js));
	struct stat       st;

	js->sink.ops = &json_ops;
	js->loop = loop;
	js->events = *events;
	js->prefix_len = prefix_len;
	js->max_bytes = cfg->relay.max_bytes ? cfg->relay.max_bytes : 1;
	js->timer = (struct loop_timer){.cb = on_timer, .arg = js};
	js->fd = STDOUT_FILENO;
	js->name = "standard output";
	if (cfg->format.sink == SINK_FILE)
	{
		js->name = cfg->format.file;
		if (file_open(js, js->name, e) != RC_OK)
		{
			if (js->fd >= 0)
				close(js->fd);
			free(js);
			return RC_ERR;
		}
	}
	else
		js->regular = fstat(js->fd, &st) == 0 && S_ISREG(st.st_mode);
	/* Even with nothing to write, a reader that leaves is noticed. */
	if (!js->regular)
		loop_watch(loop, js->fd, 0, on_writable, js);
	*sink = &js->sink;
	return RC_OK;
}
