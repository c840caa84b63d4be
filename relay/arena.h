/*
 * arena.h
 *		Memory that is freed all at once: for what lives as long as one thing.
 */
#ifndef RELAY_ARENA_H
#define RELAY_ARENA_H

#include <stddef.h>

/* A line of the processor's cache, in bytes. */
#define ARENA_LINE 64

struct arena;

struct arena *arena_new(void);
void          arena_free(struct arena *arena);
/* Zeroed, aligned for anything; at the start of a line, if it takes one or more.  Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strndup(struct arena *arena, const char *s, size_t len);

#endif /* RELAY_ARENA_H */
