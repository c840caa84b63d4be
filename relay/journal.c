/*
 * journal.c
 *		The newest lines, each kind once; see journal.h.
 */
#include "journal.h"

#include <stdio.h>
#include <string.h>

const char *const journal_level_names[JOURNAL_LEVELS] = {"error", "warn", "info", "debug"};

/* As much as has room, and no half of a character. */
static void
text_keep(char *to, size_t size, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len >= size)
	{
		len = size - 1;
		while (len > 0 && ((unsigned char) text[len] & 0xC0) == 0x80)
			len--;
	}
	if (len > 0)
		memcpy(to, text, len);
	to[len] = '\0';
}

/* An error is the same if it says the same: of which table or topic is in its message. */
static bool
is_same(const struct journal_entry *entry, const struct journal_line *line)
{
	char msg[sizeof(entry->msg)];

	if (entry->level != line->level || entry->code != line->code)
		return false;
	if (line->code == E0)
		return entry->origin == line->origin;
	text_keep(msg, sizeof(msg), line->msg);
	return strcmp(entry->msg, msg) == 0;
}

/* The entry of the line, first in the list; a new one is empty. */
static struct journal_entry *
journal_entry(struct journal *journal, const struct journal_line *line)
{
	struct journal_entry found = {.level = line->level, .code = line->code};
	unsigned             at = 0;

	while (at < journal->nentries && !is_same(&journal->entries[at], line))
		at++;
	if (at < journal->nentries)
		found = journal->entries[at];
	else if (at < JOURNAL_ENTRIES)
		journal->nentries++;
	else
		at--; /* the oldest goes */
	memmove(&journal->entries[1], &journal->entries[0], at * sizeof(found));
	journal->entries[0] = found;
	return &journal->entries[0];
}

void
journal_add(struct journal *journal, const struct journal_line *line, int64_t now_us)
{
	struct journal_entry *entry;

	journal->levels[line->level]++;
	if (line->code != E0)
		journal->codes[line->code]++;
	if (line->level >= JOURNAL_KEPT)
		return;
	entry = journal_entry(journal, line);
	entry->origin = line->origin;
	text_keep(entry->msg, sizeof(entry->msg), line->msg);
	text_keep(entry->detail, sizeof(entry->detail), line->detail);
	text_keep(entry->hint, sizeof(entry->hint), line->hint);
	text_keep(entry->action, sizeof(entry->action), line->action);
	if (entry->count++ == 0)
		entry->first_us = now_us;
	entry->last_us = now_us;
}
