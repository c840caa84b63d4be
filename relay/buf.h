/*
 * buf.h
 *		Memory that cannot be had ends the process, and a byte buffer that grows.
 *
 * Crash-only: a relay that is killed at any instruction loses nothing, so
 * running out of memory is one message and abort(), not an error path.  The
 * budgets in pipeline.c keep it theoretical.
 */
#ifndef RELAY_BUF_H
#define RELAY_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *xmalloc(size_t size);
void *xaligned_alloc(size_t alignment, size_t size); /* as C11 has it: size a multiple */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
/* printf into a fresh string; the caller frees it. */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct buf
{
	uint8_t *data;
	size_t	 len;
	size_t	 cap;
};

void buf_grow(struct buf *buf, size_t more);
void buf_free(struct buf *buf);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for more bytes behind len. */
static inline void
buf_reserve(struct buf *buf, size_t more)
{
	if (buf->cap - buf->len < more)
		buf_grow(buf, more);
}

static inline void
buf_reset(struct buf *buf)
{
	buf->len = 0;
}

#define BUF_KEEP ((size_t) 1024 * 1024)

/* Empties a buffer that lives long: one huge value must not keep its memory for ever. */
static inline void
buf_restart(struct buf *buf)
{
	if (buf->cap > BUF_KEEP)
		buf_free(buf);
	buf->len = 0;
}

static inline void
buf_put(struct buf *buf, const void *src, size_t len)
{
	buf_reserve(buf, len);
	if (len > 0)
		memcpy(buf->data + buf->len, src, len);
	buf->len += len;
}

static inline void
buf_put_u8(struct buf *buf, uint8_t value)
{
	buf_reserve(buf, 1);
	buf->data[buf->len++] = value;
}

static inline void
buf_puts(struct buf *buf, const char *s)
{
	buf_put(buf, s, strlen(s));
}

/* The contents as a C string; the terminator is not counted in len. */
static inline char *
buf_cstr(struct buf *buf)
{
	buf_reserve(buf, 1);
	buf->data[buf->len] = '\0';
	return (char *) buf->data;
}

#endif /* RELAY_BUF_H */
