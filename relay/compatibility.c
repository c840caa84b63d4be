/*
 * compatibility.c
 *		Differences between two schemas in sentences; see compatibility.h.
 */
#include "compatibility.h"

#include <string.h>

#include "schema.h"

#define SENTENCES_MAX 8
#define EXCERPT 120 /* bytes shown where only the text differs */

/* --- in sentences ---------------------------------------------------------- */

/* What a reader has to do with, sorted by what the level says to it. */
struct verdicts
{
	unsigned    forbidden; /* enum breach bits: what the level does not allow */
	const char *level;     /* "" for none */
	unsigned    breaches;  /* of all differences */
	unsigned    ndiffs;
	struct buf  bad;  /* sentences about what is forbidden */
	struct buf  good; /* and about the rest */
	unsigned    nbad;
	unsigned    ngood;
};

static void
put_sentence(const struct difference *difference, struct buf *out)
{
	bool        added = difference->kind == DIFFERENCE_ADDED;
	const char *has = added ? " with a default" : "; it had a default";
	const char *lacks = added ? " without a default" : "; it had no default";

	if (*difference->record == '\0' && *difference->field == '\0')
		buf_printf(out, "The schema was %s and is %s now", difference->was, difference->is);
	else if (difference->kind == DIFFERENCE_TYPE)
		buf_printf(out, "Field \"%s\" of record %s changed from %s to %s", difference->field,
				   difference->record, difference->was, difference->is);
	else
		buf_printf(out, "Field \"%s\" (%s) of record %s was %s%s", difference->field,
				   added ? difference->is : difference->was, difference->record,
				   added ? "added" : "removed", difference->has_default ? has : lacks);
}

static void
add_sentence(void *arg, const struct difference *difference)
{
	struct verdicts *verdicts = arg;
	bool             is_bad = (difference->breaches & verdicts->forbidden) != 0;
	struct buf      *out = is_bad ? &verdicts->bad : &verdicts->good;

	if (difference->kind == DIFFERENCE_DEFAULT || difference->kind == DIFFERENCE_ATTRIBUTE)
		return; /* which no level forbids */
	verdicts->ndiffs++;
	verdicts->breaches |= difference->breaches;
	if ((is_bad ? verdicts->nbad++ : verdicts->ngood++) >= SENTENCES_MAX)
		return;
	buf_puts(out, out->len ? "  " : "");
	put_sentence(difference, out);
	if (verdicts->level[0])
		buf_printf(out, ", which %s %s.", verdicts->level, is_bad ? "forbids" : "allows");
	else
		buf_puts(out, ".");
}

static void
verdicts_free(struct verdicts *verdicts)
{
	buf_free(&verdicts->bad);
	buf_free(&verdicts->good);
}

/* What a level forbids; NONE and those that nobody knows: nothing. */
static unsigned
level_forbids(const char *level)
{
	if (strncmp(level, "FULL", 4) == 0)
		return BREACH_BACKWARD | BREACH_FORWARD;
	if (strncmp(level, "BACKWARD", 8) == 0)
		return BREACH_BACKWARD;
	return strncmp(level, "FORWARD", 7) == 0 ? BREACH_FORWARD : 0;
}

static void
put_sentences(struct buf *out, struct buf *sentences, unsigned count)
{
	if (count == 0)
		return;
	buf_printf(out, "%s%s", out->len ? "  " : "", buf_cstr(sentences));
	if (count > SENTENCES_MAX)
		buf_printf(out, "  So did %u more.", count - SENTENCES_MAX);
}

unsigned
compatibility_explain(const char *theirs, const char *ours, const char *level, struct buf *out)
{
	struct verdicts verdicts = {.level = level, .forbidden = level_forbids(level)};

	schema_differences(theirs, ours, add_sentence, &verdicts);
	put_sentences(out, &verdicts.bad, verdicts.nbad);
	put_sentences(out, &verdicts.good, verdicts.ngood);
	verdicts_free(&verdicts);
	return verdicts.breaches;
}

/* --- the same or not ----------------------------------------------------- */

static bool
is_middle(char c)
{
	return ((unsigned char) c & 0xC0) == 0x80; /* of a character in UTF-8 */
}

void
compatibility_excerpt(const char *schema, size_t at, size_t max, struct buf *out)
{
	size_t len;

	while (at > 0 && is_middle(schema[at]))
		at--;
	len = strnlen(schema + at, max);
	while (len > 0 && is_middle(schema[at + len]))
		len--;
	buf_printf(out, "%s%.*s%s", at ? "..." : "", (int) len, schema + at,
			   schema[at + len] ? "..." : "");
}

static void
put_first_byte(const char *theirs, const char *ours, struct buf *out)
{
	size_t same = 0;

	while (theirs[same] && theirs[same] == ours[same])
		same++;
	same = same > EXCERPT / 2 ? same - EXCERPT / 2 : 0;
	buf_puts(out, "In canonical form it has ");
	compatibility_excerpt(theirs, same, EXCERPT, out);
	buf_puts(out, " where ours has ");
	compatibility_excerpt(ours, same, EXCERPT, out);
	buf_put_u8(out, '.');
}

bool
compatibility_same(const char *theirs, const char *ours, struct buf *difference)
{
	struct verdicts verdicts = {.level = ""};
	struct buf      their_form = {0};
	struct buf      our_form = {0};
	bool            valid = avro_canonical(theirs, &their_form);
	bool            same = avro_canonical(ours, &our_form) && valid &&
				strcmp(buf_cstr(&their_form), buf_cstr(&our_form)) == 0;

	schema_differences(theirs, ours, add_sentence, &verdicts);
	if (verdicts.ndiffs > 0)
	{
		put_sentences(difference, &verdicts.good, 1);
		same = false;
	}
	else if (!valid)
		buf_puts(difference, "It holds a type that ours has not.");
	else if (!same)
		put_first_byte(buf_cstr(&their_form), buf_cstr(&our_form), difference);
	buf_free(&their_form);
	buf_free(&our_form);
	verdicts_free(&verdicts);
	return same;
}
