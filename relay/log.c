/*
 * log.c
 *		Lines on stderr; see log.h.
 *
 * Has no rotation and no destination but stderr: journald and container
 * runtimes do that.
 */
#include "log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "shown.h"

static enum log_format log_format = LOG_TEXT;
static enum log_level  log_level = LOG_INFO;

#define CLEAR_LINE "\r\033[K"
#define COLUMNS 80 /* of a terminal that does not say */

/* Stands on the terminal's last line; messages come from librdkafka's threads, too. */
static pthread_mutex_t footer_lock = PTHREAD_MUTEX_INITIALIZER;
static char            footer[512];

/* What was logged, from whatever thread. */
static pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;
static struct journal  journal;

/* One field of a message; fields without a value are left out. */
struct field
{
	const char *name;
	const char *value;
};

void
log_setup(enum log_format format, enum log_level level)
{
	if (format == LOG_AUTO)
		format = isatty(STDERR_FILENO) ? LOG_TEXT : LOG_LOGFMT;
	log_format = format;
	log_level = level;
}

bool
log_shows(enum log_level level)
{
	return level <= log_level;
}

/* --- formats -------------------------------------------------------------- */

/* UTC, with milliseconds. */
static void
timestamp(const struct timespec *now, char text[32])
{
	struct tm tm;
	size_t    len;

	gmtime_r(&now->tv_sec, &tm);
	len = strftime(text, 24, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, 32 - len, ".%03ldZ", now->tv_nsec / 1000000);
}

/* A JSON string; logfmt's readers take the same escapes. */
static void
put_quoted(struct buf *out, const char *text)
{
	buf_put_u8(out, '"');
	for (; *text; text++)
	{
		unsigned char c = (unsigned char) *text;

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n')
			buf_puts(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_put_u8(out, c);
	}
	buf_put_u8(out, '"');
}

static void
write_logfmt(struct buf *out, const struct field *fields)
{
	for (; fields->name; fields++)
	{
		if (fields->value == NULL)
			continue;
		buf_printf(out, "%s%s=", out->len ? " " : "", fields->name);
		if (*fields->value && strpbrk(fields->value, " \"=\\\n\t") == NULL)
			buf_puts(out, fields->value);
		else
			put_quoted(out, fields->value);
	}
	buf_put_u8(out, '\n');
}

static void
write_json(struct buf *out, const struct field *fields)
{
	buf_put_u8(out, '{');
	for (; fields->name; fields++)
	{
		if (fields->value == NULL)
			continue;
		buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", fields->name);
		put_quoted(out, fields->value);
	}
	buf_puts(out, "}\n");
}

/* As psql shows PostgreSQL's own messages. */
static void
write_text(struct buf *out, const char *level, const char *code, const char *msg,
		   const struct field *rest)
{
	buf_puts(out, "walrelay: ");
	if (strcmp(level, "info") != 0)
		buf_printf(out, "%s: ", level);
	if (code)
		buf_printf(out, "%s: ", code);
	shown_put_lines(out, msg);
	buf_puts(out, "\n");
	for (; rest->name; rest++)
	{
		if (rest->value == NULL)
			continue;
		for (const char *c = rest->name; *c; c++)
			buf_put_u8(out, (uint8_t) (*c - 'a' + 'A'));
		buf_puts(out, ":  ");
		shown_put_lines(out, rest->value);
		buf_puts(out, "\n");
	}
}

/* Lines, above the one that stays. */
static void
log_put(struct buf *lines)
{
	struct buf out = {0};
	ssize_t    written;

	pthread_mutex_lock(&footer_lock);
	if (*footer)
		buf_puts(&out, CLEAR_LINE);
	buf_put(&out, lines->data, lines->len);
	buf_puts(&out, footer);
	written = write(STDERR_FILENO, out.data, out.len);
	(void) written; /* nowhere to complain */
	pthread_mutex_unlock(&footer_lock);
	buf_free(&out);
}

static void
log_note(const struct journal_line *line, const struct timespec *now)
{
	pthread_mutex_lock(&journal_lock);
	journal_add(&journal, line, (int64_t) now->tv_sec * 1000000 + now->tv_nsec / 1000);
	pthread_mutex_unlock(&journal_lock);
}

void
log_journal(struct journal *copy)
{
	pthread_mutex_lock(&journal_lock);
	*copy = journal;
	pthread_mutex_unlock(&journal_lock);
}

/* fmt: what the message was made of. */
static void
log_write(enum log_level level, const char *fmt, const char *msg, const struct err *e,
		  const char *doing)
{
	const char        *code = e ? err_code_name(e->code) : NULL;
	char               ts[32];
	struct buf         out = {0};
	struct timespec    now;
	const struct journal_line line = {.level = level,
									  .code = e ? e->code : E0,
									  .origin = fmt,
									  .msg = msg,
									  .detail = e && *e->detail ? e->detail : NULL,
									  .hint = e && *e->hint ? e->hint : NULL,
									  .action = doing};
	const struct field fields[] = {{"ts", ts},
								   {"level", journal_level_names[level]},
								   {"code", code},
								   {"msg", msg},
								   {"detail", line.detail},
								   {"hint", line.hint},
								   {"action", doing},
								   {NULL, NULL}};

	clock_gettime(CLOCK_REALTIME, &now);
	timestamp(&now, ts);
	log_note(&line, &now);
	if (log_format == LOG_JSON)
		write_json(&out, fields);
	else if (log_format == LOG_LOGFMT)
		write_logfmt(&out, fields);
	else
		write_text(&out, journal_level_names[level], code, msg, &fields[4]);
	log_put(&out);
	buf_free(&out);
}

/* --- the line below ---------------------------------------------------------- */

unsigned
log_footer_columns(void)
{
	const char    *terminal = getenv("TERM");
	struct winsize size;

	if (log_format != LOG_TEXT || !log_shows(LOG_INFO) || !isatty(STDERR_FILENO) ||
		terminal == NULL || *terminal == '\0' || strcmp(terminal, "dumb") == 0)
		return 0;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS;
	return size.ws_col < sizeof(footer) ? size.ws_col : sizeof(footer);
}

void
log_footer(const char *text)
{
	struct buf nothing = {0};
	bool       same;

	pthread_mutex_lock(&footer_lock);
	same = strcmp(footer, text) == 0;
	if (*footer && !same)
		buf_puts(&nothing, CLEAR_LINE);
	if (!same)
		snprintf(footer, sizeof(footer), "%s", text);
	pthread_mutex_unlock(&footer_lock);
	if (!same)
		log_put(&nothing);
	buf_free(&nothing);
}

/* --- messages --------------------------------------------------------------- */

static void log_va(enum log_level level, const struct err *e, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* With an error fmt is what is being done about it, else the message. */
static void
log_va(enum log_level level, const struct err *e, const char *fmt, va_list ap)
{
	char    brief[1024];
	char   *text = brief; /* longer ones are rare: whole schemas, at debug level */
	va_list again;
	int     len = 0;

	if (!log_shows(level))
		return;
	va_copy(again, ap);
	if (fmt)
		len = vsnprintf(brief, sizeof(brief), fmt, ap);
	if (len >= (int) sizeof(brief))
	{
		text = xmalloc((size_t) len + 1);
		vsnprintf(text, (size_t) len + 1, fmt, again);
	}
	va_end(again);
	log_write(level, fmt, e ? e->msg : text, e, e && fmt ? text : NULL);
	if (text != brief)
		free(text);
}

#define LOG_FUNCTION(name, level)     \
	void name(const char *fmt, ...)   \
	{                                 \
		va_list ap;                   \
                                      \
		va_start(ap, fmt);            \
		log_va(level, NULL, fmt, ap); \
		va_end(ap);                   \
	}

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

void
log_err(enum log_level level, const struct err *e, const char *doing, ...)
{
	va_list ap;

	va_start(ap, doing);
	log_va(level, e, doing, ap);
	va_end(ap);
}

bool
log_limit_pass(struct log_limit *limit, int64_t now_ms, uint64_t *suppressed)
{
	if (limit->last_ms != 0 && now_ms - limit->last_ms < limit->interval_ms)
	{
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->last_ms = now_ms;
	return true;
}
