/*
 * log.h
 *		Messages for operators, on stderr only: text, logfmt or JSON.
 *
 * Called by main.c, cli.c and session.c, and for libpq's and librdkafka's own
 * messages by whoever gets them.  Never with a row value or a secret.  One
 * line (text: one block) is one write(), so that threads do not mix theirs.
 */
#ifndef RELAY_LOG_H
#define RELAY_LOG_H

#include <stdint.h>

#include "config.h"
#include "err.h"
#include "journal.h"

/* As journal.h counts them. */
enum log_level
{
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};

/* LOG_AUTO: text if stderr is a terminal, else logfmt.  Before: text, LOG_INFO. */
void log_setup(enum log_format format, enum log_level level);
bool log_shows(enum log_level level);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

/*
 * An error with its code, detail and hint.  doing: what is being done about
 * it ("trying again in 2 s"); NULL: nothing to say.
 */
void log_err(enum log_level level, const struct err *e, const char *doing, ...) PRINTF_LIKE(3, 4);

/*
 * A line that stays below all messages, on a terminal: how far something is.  "" takes it away.
 * Shorter than log_footer_columns(), printable, without an end.
 */
void log_footer(const char *text);
/* How wide the terminal is; 0: there is none, or no messages as text, and so no such line. */
unsigned log_footer_columns(void);

/* What was logged so far; copied. */
void log_journal(struct journal *copy);

/* Keeps a message that may come often to one in interval_ms.  Zero the rest. */
struct log_limit
{
	int64_t  interval_ms;
	int64_t  last_ms;
	uint64_t suppressed;
};

/*
 * True if it may be logged now; *suppressed is how many were not since the
 * last one that was.  now_ms: any clock that does not go back.
 */
bool log_limit_pass(struct log_limit *limit, int64_t now_ms, uint64_t *suppressed);

#endif /* RELAY_LOG_H */
