/*
 * arena.c
 *		A chain of blocks, freed together; see arena.h.
 */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define BLOCK_BYTES 2032 /* with malloc's header about 2 kB: most tables fit */
#define ALIGN		16

struct block
{
	struct block *next;
	size_t		  used;
	size_t		  size;
	_Alignas(ALIGN) char data[];
};

struct arena
{
	struct block *head;
};

struct arena *
arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	for (struct block *block = arena->head, *next; block; block = next)
	{
		next = block->next;
		free(block);
	}
	free(arena);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct block *block = arena->head;
	size_t		  rounded = (size + ALIGN - 1) & ~(size_t) (ALIGN - 1);
	void		 *out;

	if (block == NULL || block->size - block->used < rounded)
	{
		size_t room = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;

		block = xmalloc(sizeof(*block) + room);
		block->next = arena->head;
		block->used = 0;
		block->size = room;
		arena->head = block;
	}
	out = block->data + block->used;
	block->used += rounded;
	return memset(out, 0, size);
}

char *
arena_strndup(struct arena *arena, const char *s, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, s, len);
	return copy;
}
