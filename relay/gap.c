/*
 * gap.c
 *		Tokens, lists and records of gaps; see gap.h.
 */
#include "gap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnv1a.h"
#include "json.h"
#include "pg.h"

enum gap_kind
gap_kind(const char *reason)
{
	static const struct
	{
		const char   *reason;
		enum gap_kind kind;
	} kinds[] = {
		{GAP_PART_MISSING, GAP_OF_PART},
		{GAP_PART_SETTINGS, GAP_OF_PART},
		{GAP_PARTITIONS, GAP_OF_TOPIC},
		{GAP_RECREATED, GAP_OF_TOPIC},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].reason, reason) == 0)
			return kinds[i].kind;
	return GAP_OF_POSITION;
}

/* --- tokens ------------------------------------------------------------------- */

/* Folded, as FNV's authors do it for fewer bits. */
static struct gap_token
token_of(uint64_t hash)
{
	struct gap_token token;

	snprintf(token.text, sizeof(token.text), "%08" PRIx32, (uint32_t) (hash >> 32 ^ hash));
	return token;
}

static uint64_t
hash_known(const char *kind, const char *slot, const struct gap_known *known)
{
	uint64_t hash = fnv1a_text(fnv1a_text(FNV1A_START, kind), slot);

	hash = fnv1a_number(hash, known->system_id);
	hash = fnv1a_number(hash, known->pos.lsn);
	hash = fnv1a_number(hash, known->pos.commit_lsn);
	return fnv1a_number(hash, known->pos.changes);
}

/*
 * One for all that may be wrong with the slot and the server: whoever makes a slot
 * anew that was dropped finds one that was moved next, and has decided already.
 */
struct gap_token
gap_token_position(const char *slot, const struct gap_known *known, uint64_t found_system,
				   uint32_t found_timeline)
{
	uint64_t hash = hash_known("position", slot, known);

	return token_of(fnv1a_number(fnv1a_number(hash, found_system), found_timeline));
}

struct gap_token
gap_token_part(const char *slot, const struct gap_known *known)
{
	return token_of(hash_known("part", slot, known));
}

struct gap_token
gap_token_topic(const char *slot, const char *reason, const char *topic, uint64_t kept)
{
	uint64_t hash = fnv1a_text(fnv1a_text(FNV1A_START, reason), slot);

	return token_of(fnv1a_number(fnv1a_text(hash, topic), kept));
}

bool
gap_tokens_are_valid(const char *tokens)
{
	for (;; tokens++)
	{
		if (strspn(tokens, "0123456789abcdefABCDEF") != GAP_TOKEN_LEN)
			return false;
		tokens += GAP_TOKEN_LEN;
		if (*tokens == '\0')
			return true;
		if (*tokens != ',')
			return false;
	}
}

bool
gap_tokens_next(const char **tokens, struct gap_token *token)
{
	if (*tokens == NULL || **tokens == '\0')
		return false;
	snprintf(token->text, sizeof(token->text), "%s", *tokens);
	*tokens += strcspn(*tokens, ",");
	*tokens += **tokens == ',';
	return true;
}

bool
gap_tokens_have(const char *tokens, const struct gap_token *token)
{
	struct gap_token given;

	while (gap_tokens_next(&tokens, &given))
		if (strcasecmp(given.text, token->text) == 0)
			return true;
	return false;
}

/* --- lists --------------------------------------------------------------------- */

void
gap_list_add(struct gap_list *list, const struct gap *gap)
{
	struct gap *added;

	list->gaps = xrealloc(list->gaps, (list->count + 1) * sizeof(*list->gaps));
	added = &list->gaps[list->count++];
	*added = *gap;
	added->topic = gap->topic ? xstrdup(gap->topic) : NULL;
}

void
gap_list_clear(struct gap_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		free(list->gaps[i].topic);
	free(list->gaps);
	*list = (struct gap_list){0};
}

const struct gap *
gap_list_find(const struct gap_list *list, enum gap_kind kind)
{
	for (unsigned i = 0; i < list->count; i++)
		if (gap_kind(list->gaps[i].reason) == kind)
			return &list->gaps[i];
	return NULL;
}

bool
gap_list_has(const struct gap_list *list, const struct gap_token *token)
{
	for (unsigned i = 0; i < list->count; i++)
		if (strcasecmp(list->gaps[i].token.text, token->text) == 0)
			return true;
	return false;
}

void
gap_list_tokens(const struct gap_list *list, struct buf *out)
{
	for (unsigned i = 0; i < list->count; i++)
		buf_printf(out, "%s%s", i ? "," : "", list->gaps[i].token.text);
}

/* --- the record ----------------------------------------------------------------- */

void
gap_record(const struct gap *gap, const char *slot, uint64_t to, struct buf *out)
{
	buf_puts(out, "{\"version\":1,\"slot\":");
	json_string(out, slot, strlen(slot));
	if (gap->from)
		buf_printf(out, ",\"from\":\"%X/%X\"", LSN_PARTS(gap->from));
	else
		buf_puts(out, ",\"from\":null");
	buf_printf(out, ",\"to\":\"%X/%X\",\"reason\":\"%s\",\"code\":\"%s\"}", LSN_PARTS(to),
			   gap->reason, err_code_name(gap->code));
}
