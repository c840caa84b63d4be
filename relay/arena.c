/*
 * arena.c
 *		A chain of blocks, freed together; see arena.h.
 */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define BLOCK_BYTES 1984 /* 2 kB with the block's own: most tables fit */
#define ALIGN 16

struct block
{
	struct block *next;
	size_t        used;
	size_t        size;
	_Alignas(ARENA_LINE) char data[];
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

/* bytes: a power of two. */
static size_t
round_up(size_t size, size_t bytes)
{
	return (size + bytes - 1) & ~(bytes - 1);
}

static struct block *
block_new(size_t room)
{
	size_t        size = round_up(sizeof(struct block) + room, ARENA_LINE);
	struct block *block = xaligned_alloc(ARENA_LINE, size);

	block->used = 0;
	block->size = size - sizeof(*block);
	return block;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	size_t        align = size < ARENA_LINE ? ALIGN : ARENA_LINE;
	struct block *block = arena->head;
	size_t        at = block ? round_up(block->used, align) : 0;

	if (block == NULL || at > block->size || block->size - at < size)
	{
		block = block_new(size > BLOCK_BYTES ? size : BLOCK_BYTES);
		block->next = arena->head;
		arena->head = block;
		at = 0;
	}
	block->used = at + size;
	return memset(block->data + at, 0, size);
}

char *
arena_strndup(struct arena *arena, const char *s, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, s, len);
	return copy;
}
