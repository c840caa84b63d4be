/*
 * buf.c
 *		Allocation that succeeds or ends the process; see buf.h.
 */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void *
check(void *p, size_t size)
{
	if (p == NULL && size > 0)
	{
		fprintf(stderr, "walrelay: out of memory (%zu bytes)\n", size);
		abort();
	}
	return p;
}

void *
xmalloc(size_t size)
{
	return check(malloc(size), size);
}

void *
xaligned_alloc(size_t alignment, size_t size)
{
	return check(aligned_alloc(alignment, size), size);
}

void *
xcalloc(size_t count, size_t size)
{
	return check(calloc(count, size), count && size ? size : 0);
}

void *
xrealloc(void *old, size_t size)
{
	return check(realloc(old, size), size);
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, size_t len)
{
	char *copy = xmalloc(len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char   *out = NULL;
	int		len;

	va_start(ap, fmt);
	len = vasprintf(&out, fmt, ap);
	va_end(ap);
	return check(len < 0 ? NULL : out, 1);
}

void
buf_grow(struct buf *buf, size_t more)
{
	size_t need = buf->len + more;
	size_t cap = buf->cap ? buf->cap : 256;

	if (need < more)
		check(NULL, SIZE_MAX);
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	buf->data = xrealloc(buf->data, cap);
	buf->cap = cap;
}

void
buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}

void
buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	int		len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	buf_reserve(buf, (size_t) len + 1);
	va_start(ap, fmt);
	vsnprintf((char *) buf->data + buf->len, (size_t) len + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t) len;
}
