/*
 * arena.h
 *		Memory that is freed all at once: for what lives as long as one thing.
 */
#ifndef RELAY_ARENA_H
#define RELAY_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void		  arena_free(struct arena *arena);
/* Zeroed, aligned for anything.  Never NULL. */
void		 *arena_alloc(struct arena *arena, size_t size);
char		 *arena_strndup(struct arena *arena, const char *s, size_t len);

#endif /* RELAY_ARENA_H */
