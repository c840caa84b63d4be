/*
 * notify.c
 *		Datagrams to a supervisor; see notify.h.
 *
 * One that does not read, or has gone, loses them: nothing here waits or fails.
 */
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

#define STATUS_MS 10000
#define MORE_TIME_MS (3 * STATUS_MS) /* asked for with each status, so that one may get lost */

struct notify
{
	struct loop       *loop;
	int                fd;
	struct sockaddr_un to;
	socklen_t          to_len;
	int64_t            watchdog_ms; /* between two pulses; 0: none are wanted */
	struct loop_timer  watchdog;
	struct loop_timer  due;
	notify_status_cb  *status;
	void              *arg;
	bool               ready;
	bool               stopping;
};

static void
notify_send(struct notify *notify, const struct buf *text)
{
	ssize_t sent = sendto(notify->fd, text->data, text->len, MSG_DONTWAIT | MSG_NOSIGNAL,
						  (const struct sockaddr *) &notify->to, notify->to_len);

	if (sent < 0)
		log_debug("NOTIFY_SOCKET: %s", strerror(errno));
}

static void
notify_say(struct notify *notify, const char *line)
{
	struct buf text = {0};

	buf_printf(&text, "%s\n", line);
	notify_send(notify, &text);
	buf_free(&text);
}

static void
on_due(void *arg)
{
	struct notify *notify = arg;
	struct buf     text = {0};

	buf_printf(&text, "STATUS=");
	notify->status(notify->arg, &text);
	if (!notify->ready && !notify->stopping)
		buf_printf(&text, "\nEXTEND_TIMEOUT_USEC=%d", MORE_TIME_MS * 1000);
	buf_printf(&text, "\n");
	notify_send(notify, &text);
	buf_free(&text);
	loop_timer_set(notify->loop, &notify->due, STATUS_MS);
}

static void
on_watchdog(void *arg)
{
	struct notify *notify = arg;

	notify_say(notify, "WATCHDOG=1");
	loop_timer_set(notify->loop, &notify->watchdog, notify->watchdog_ms);
}

/* How often a pulse is due: twice as often as it is waited for; 0: it is not, or of another process. */
static int64_t
watchdog_read(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t     half_ms;

	if (usec == NULL || (pid && strtoimax(pid, NULL, 10) != (intmax_t) getpid()))
		return 0;
	half_ms = strtoimax(usec, NULL, 10) / 2000;
	return half_ms > 0 ? half_ms : 0;
}

/* The address of NOTIFY_SOCKET: a path, or with "@" a name in Linux's abstract namespace. */
static bool
address_read(struct notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t      len = name ? strlen(name) : 0;

	if (len == 0)
		return false;
	if ((*name != '/' && *name != '@') || len >= sizeof(notify->to.sun_path))
	{
		log_warn("NOTIFY_SOCKET is neither a path nor an abstract name, or too long; nobody is notified");
		return false;
	}
	notify->to.sun_family = AF_UNIX;
	memcpy(notify->to.sun_path, name, len);
	if (*name == '@')
		notify->to.sun_path[0] = '\0';
	notify->to_len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

struct notify *
notify_new(struct loop *loop, notify_status_cb *status, void *arg)
{
	struct notify *notify = xcalloc(1, sizeof(*notify));

	*notify = (struct notify){.loop = loop, .status = status, .arg = arg, .fd = -1};
	notify->due = (struct loop_timer){.cb = on_due, .arg = notify};
	notify->watchdog = (struct loop_timer){.cb = on_watchdog, .arg = notify};
	if (address_read(notify))
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd < 0)
	{
		free(notify);
		return NULL;
	}
	notify->watchdog_ms = watchdog_read();
	if (notify->watchdog_ms > 0)
		loop_timer_set(loop, &notify->watchdog, 0);
	loop_timer_set(loop, &notify->due, 0);
	return notify;
}

void
notify_free(struct notify *notify)
{
	if (notify == NULL)
		return;
	loop_timer_clear(notify->loop, &notify->due);
	loop_timer_clear(notify->loop, &notify->watchdog);
	close(notify->fd);
	free(notify);
}

void
notify_refresh(struct notify *notify)
{
	if (notify)
		loop_timer_set(notify->loop, &notify->due, 0);
}

void
notify_ready(struct notify *notify)
{
	if (notify == NULL || notify->ready || notify->stopping)
		return;
	notify->ready = true;
	notify_say(notify, "READY=1");
	notify_refresh(notify);
}

void
notify_stopping(struct notify *notify, int64_t limit_ms)
{
	struct buf text = {0};

	if (notify == NULL || notify->stopping)
		return;
	notify->stopping = true;
	buf_printf(&text, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64 "\n",
			   (limit_ms + MORE_TIME_MS) * 1000);
	notify_send(notify, &text);
	buf_free(&text);
	notify_refresh(notify);
}
