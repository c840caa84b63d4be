/*
 * compatibility.c
 *		Differences between two schemas; see compatibility.h.
 *
 * Walks both trees side by side, record by record.  Named types are found by
 * their name without namespace, as Avro's own check compares them.
 */
#include "compatibility.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "json_member.h"
#include "schema.h"

#define NAMES_MAX 64
#define DEPTH_MAX 32 /* of a schema; what lies deeper is not looked at */
#define SENTENCES_MAX 8
#define EXCERPT 120 /* bytes shown where only the text differs */

/* One of the two schemas. */
struct tree
{
	cJSON       *root;
	const cJSON *named[NAMES_MAX];
	unsigned     nnamed;
};

struct comparison
{
	struct tree  theirs;
	struct tree  ours;
	unsigned     forbidden; /* enum breach bits: what the level does not allow */
	const char  *level;     /* "" for none */
	const cJSON *seen[NAMES_MAX];
	unsigned     nseen;
	unsigned     breaches; /* of all differences */
	unsigned     ndiffs;
	struct buf   bad;  /* sentences about what is forbidden */
	struct buf   good; /* and about the rest */
	unsigned     nbad;
	unsigned     ngood;
};

/* --- trees --------------------------------------------------------------- */

static const cJSON *
item_of(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *
simple_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

/* The word for what kind of type a node is. */
static const char *
kind_of(const cJSON *node)
{
	if (cJSON_IsArray(node))
		return "union";
	if (cJSON_IsString(node))
		return node->valuestring;
	return member_text(node, "type");
}

static bool
is_kind(const cJSON *node, const char *kind)
{
	return strcmp(kind_of(node), kind) == 0;
}

static bool
is_named(const cJSON *node)
{
	return cJSON_IsObject(node) &&
		   (is_kind(node, "record") || is_kind(node, "enum") || is_kind(node, "fixed"));
}

static void
tree_collect(struct tree *tree, const cJSON *node, unsigned depth)
{
	const cJSON *item;

	if (node == NULL || depth > DEPTH_MAX)
		return;
	if (is_named(node) && tree->nnamed < NAMES_MAX)
		tree->named[tree->nnamed++] = node;
	if (cJSON_IsArray(node))
		cJSON_ArrayForEach(item, node)
			tree_collect(tree, item, depth + 1);
	else if (cJSON_IsObject(node))
	{
		cJSON_ArrayForEach(item, item_of(node, "fields"))
			tree_collect(tree, item_of(item, "type"), depth + 1);
		tree_collect(tree, item_of(node, "items"), depth + 1);
		tree_collect(tree, item_of(node, "values"), depth + 1);
		if (!cJSON_IsString(item_of(node, "type")))
			tree_collect(tree, item_of(node, "type"), depth + 1);
	}
}

static bool
tree_open(struct tree *tree, const char *text)
{
	tree->root = cJSON_Parse(text);
	tree_collect(tree, tree->root, 0);
	return tree->root != NULL;
}

/* A reference becomes what it refers to. */
static const cJSON *
resolve(const struct tree *tree, const cJSON *node)
{
	while (cJSON_IsObject(node) && !cJSON_IsString(item_of(node, "type")) && item_of(node, "type"))
		node = item_of(node, "type"); /* {"type": {...}} */
	if (cJSON_IsString(node))
		for (unsigned i = 0; i < tree->nnamed; i++)
			if (strcmp(simple_name(member_text(tree->named[i], "name")),
					   simple_name(node->valuestring)) == 0)
				return tree->named[i];
	return node;
}

static const cJSON *
field_named(const cJSON *record, const char *name)
{
	const cJSON *field;

	cJSON_ArrayForEach(field, item_of(record, "fields"))
		if (strcmp(member_text(field, "name"), name) == 0)
			return field;
	return NULL;
}

/* --- Avro's schema resolution -------------------------------------------- */

static bool
widens(const char *written, const char *read)
{
	static const char *const pairs[][2] = {
		{"int", "long"},    {"int", "float"},    {"int", "double"},   {"long", "float"},
		{"long", "double"}, {"float", "double"}, {"string", "bytes"}, {"bytes", "string"},
	};

	if (strcmp(written, read) == 0)
		return true;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (strcmp(written, pairs[i][0]) == 0 && strcmp(read, pairs[i][1]) == 0)
			return true;
	return false;
}

static bool can_read(const struct tree *reader, const cJSON *to, const struct tree *writer,
					 const cJSON *from, unsigned depth);

static bool
can_read_record(const struct tree *reader, const cJSON *to, const struct tree *writer,
				const cJSON *from, unsigned depth)
{
	const cJSON *field;

	cJSON_ArrayForEach(field, item_of(to, "fields"))
	{
		const cJSON *written = field_named(from, member_text(field, "name"));

		if (written == NULL ? item_of(field, "default") == NULL
							: !can_read(reader, item_of(field, "type"), writer,
										item_of(written, "type"), depth + 1))
			return false;
	}
	return true;
}

static bool
can_read_enum(const cJSON *to, const cJSON *from)
{
	const cJSON *symbol;
	const cJSON *known;
	bool         found = true;

	if (item_of(to, "default"))
		return true;
	cJSON_ArrayForEach(symbol, item_of(from, "symbols"))
	{
		bool here = false;

		cJSON_ArrayForEach(known, item_of(to, "symbols"))
			here = here || cJSON_Compare(known, symbol, true);
		found = found && here;
	}
	return found;
}

static bool
can_read(const struct tree *reader, const cJSON *to, const struct tree *writer, const cJSON *from,
		 unsigned depth)
{
	const cJSON *branch;

	to = resolve(reader, to);
	from = resolve(writer, from);
	if (depth > DEPTH_MAX)
		return true;
	if (cJSON_IsArray(from))
	{
		cJSON_ArrayForEach(branch, from)
			if (!can_read(reader, to, writer, branch, depth + 1))
				return false;
		return true;
	}
	if (cJSON_IsArray(to))
	{
		cJSON_ArrayForEach(branch, to)
			if (can_read(reader, branch, writer, from, depth + 1))
				return true;
		return false;
	}
	if (!widens(kind_of(from), kind_of(to)))
		return false;
	if (is_named(to) &&
		strcmp(simple_name(member_text(to, "name")), simple_name(member_text(from, "name"))) != 0)
		return false;
	if (is_kind(to, "record"))
		return can_read_record(reader, to, writer, from, depth);
	if (is_kind(to, "array"))
		return can_read(reader, item_of(to, "items"), writer, item_of(from, "items"), depth + 1);
	if (is_kind(to, "map"))
		return can_read(reader, item_of(to, "values"), writer, item_of(from, "values"), depth + 1);
	if (is_kind(to, "fixed"))
		return cJSON_Compare(item_of(to, "size"), item_of(from, "size"), true);
	return !is_kind(to, "enum") || can_read_enum(to, from);
}

/* --- types in words ------------------------------------------------------ */

/* What a reader makes of the bytes, in parentheses: the same bytes may mean another thing. */
static void
put_meaning(const cJSON *node, struct buf *out)
{
	const char  *name = member_text(node, "connect.name");
	const cJSON *scale = item_of(node, "scale");

	if (name[0] == '\0')
		name = member_text(node, "logicalType");
	if (name[0])
		buf_printf(out, " (%s", name);
	if (cJSON_IsNumber(scale))
		buf_printf(out, "%sscale %d", name[0] ? ", " : " (", scale->valueint);
	if (name[0] || cJSON_IsNumber(scale))
		buf_put_u8(out, ')');
}

static void
put_type(const struct tree *tree, const cJSON *node, unsigned depth, struct buf *out)
{
	const cJSON *branch;

	node = resolve(tree, node);
	if (cJSON_IsArray(node))
	{
		cJSON_ArrayForEach(branch, node)
		{
			if (branch != node->child)
				buf_puts(out, " or ");
			put_type(tree, branch, depth + 1, out);
		}
	}
	else if (is_named(node))
		buf_printf(out, "%s %s", kind_of(node), simple_name(member_text(node, "name")));
	else if ((is_kind(node, "array") || is_kind(node, "map")) && depth < DEPTH_MAX)
	{
		buf_printf(out, "%s of ", kind_of(node));
		put_type(tree, item_of(node, is_kind(node, "array") ? "items" : "values"), depth + 1, out);
	}
	else
	{
		buf_puts(out, kind_of(node));
		put_meaning(node, out);
	}
}

/* --- differences --------------------------------------------------------- */

/* Takes *sentence, which has neither period nor verdict yet. */
static void
add_difference(struct comparison *cmp, unsigned breaches, struct buf *sentence)
{
	bool        is_bad = (breaches & cmp->forbidden) != 0;
	struct buf *out = is_bad ? &cmp->bad : &cmp->good;

	cmp->ndiffs++;
	cmp->breaches |= breaches;
	if ((is_bad ? cmp->nbad++ : cmp->ngood++) < SENTENCES_MAX)
	{
		buf_printf(out, "%s%s", out->len ? "  " : "", buf_cstr(sentence));
		if (cmp->level[0])
			buf_printf(out, ", which %s %s.", cmp->level, is_bad ? "forbids" : "allows");
		else
			buf_puts(out, ".");
	}
	buf_free(sentence);
}

static void
add_missing_field(struct comparison *cmp, const struct tree *tree, const cJSON *record,
				  const cJSON *field, bool was_added)
{
	bool       has_default = item_of(field, "default") != NULL;
	struct buf sentence = {0};
	unsigned   breach = was_added ? BREACH_BACKWARD : BREACH_FORWARD;

	buf_printf(&sentence, "Field \"%s\" (", member_text(field, "name"));
	put_type(tree, item_of(field, "type"), 0, &sentence);
	buf_printf(&sentence, ") of record %s was %s", simple_name(member_text(record, "name")),
			   was_added ? "added" : "removed");
	buf_puts(&sentence, has_default ? (was_added ? " with a default" : "; it had a default")
									: (was_added ? " without a default" : "; it had no default"));
	add_difference(cmp, has_default ? 0 : breach, &sentence);
}

static void compare_records(struct comparison *cmp, const cJSON *theirs, const cJSON *ours,
							unsigned depth);

/* Goes on into the records that both types hold. */
static void
compare_inner(struct comparison *cmp, const cJSON *theirs, const cJSON *ours, unsigned depth)
{
	const cJSON *branch;
	const cJSON *other;

	theirs = resolve(&cmp->theirs, theirs);
	ours = resolve(&cmp->ours, ours);
	if (depth > DEPTH_MAX)
		return;
	if (cJSON_IsArray(ours))
		cJSON_ArrayForEach(branch, ours)
			compare_inner(cmp, theirs, branch, depth + 1);
	else if (cJSON_IsArray(theirs))
	{
		cJSON_ArrayForEach(other, theirs)
			if (strcmp(kind_of(resolve(&cmp->theirs, other)), kind_of(ours)) == 0)
				compare_inner(cmp, other, ours, depth + 1);
	}
	else if (is_kind(ours, "record") && is_kind(theirs, "record") &&
			 strcmp(simple_name(member_text(theirs, "name")),
					simple_name(member_text(ours, "name"))) == 0)
		compare_records(cmp, theirs, ours, depth + 1);
	else if (is_kind(ours, "array") && is_kind(theirs, "array"))
		compare_inner(cmp, item_of(theirs, "items"), item_of(ours, "items"), depth + 1);
	else if (is_kind(ours, "map") && is_kind(theirs, "map"))
		compare_inner(cmp, item_of(theirs, "values"), item_of(ours, "values"), depth + 1);
}

static void
compare_field(struct comparison *cmp, const cJSON *record, const cJSON *theirs, const cJSON *ours,
			  unsigned depth)
{
	const cJSON *from = item_of(theirs, "type");
	const cJSON *to = item_of(ours, "type");
	struct buf   was = {0};
	struct buf   is = {0};
	struct buf   sentence = {0};
	unsigned     breaches = 0;

	put_type(&cmp->theirs, from, 0, &was);
	put_type(&cmp->ours, to, 0, &is);
	if (strcmp(buf_cstr(&was), buf_cstr(&is)) != 0)
	{
		if (!can_read(&cmp->ours, to, &cmp->theirs, from, 0))
			breaches |= BREACH_BACKWARD;
		if (!can_read(&cmp->theirs, from, &cmp->ours, to, 0))
			breaches |= BREACH_FORWARD;
		buf_printf(&sentence, "Field \"%s\" of record %s changed from %s to %s",
				   member_text(ours, "name"), simple_name(member_text(record, "name")),
				   buf_cstr(&was), buf_cstr(&is));
		add_difference(cmp, breaches, &sentence);
	}
	buf_free(&was);
	buf_free(&is);
	compare_inner(cmp, from, to, depth + 1);
}

static void
compare_records(struct comparison *cmp, const cJSON *theirs, const cJSON *ours, unsigned depth)
{
	const cJSON *field;
	const cJSON *other;

	for (unsigned i = 0; i < cmp->nseen; i++)
		if (cmp->seen[i] == ours)
			return;
	if (cmp->nseen == NAMES_MAX || depth > DEPTH_MAX)
		return;
	cmp->seen[cmp->nseen++] = ours;
	cJSON_ArrayForEach(field, item_of(ours, "fields"))
	{
		other = field_named(theirs, member_text(field, "name"));
		if (other)
			compare_field(cmp, ours, other, field, depth);
		else
			add_missing_field(cmp, &cmp->ours, ours, field, true);
	}
	cJSON_ArrayForEach(field, item_of(theirs, "fields"))
		if (field_named(ours, member_text(field, "name")) == NULL)
			add_missing_field(cmp, &cmp->theirs, ours, field, false);
}

/* The schemas themselves, which no field leads to. */
static void
compare_tops(struct comparison *cmp)
{
	struct buf was = {0};
	struct buf is = {0};
	struct buf sentence = {0};

	put_type(&cmp->theirs, cmp->theirs.root, 0, &was);
	put_type(&cmp->ours, cmp->ours.root, 0, &is);
	if (strcmp(buf_cstr(&was), buf_cstr(&is)) != 0)
	{
		buf_printf(&sentence, "The schema was %s and is %s now", buf_cstr(&was), buf_cstr(&is));
		add_difference(cmp, BREACH_BACKWARD | BREACH_FORWARD, &sentence);
	}
	buf_free(&was);
	buf_free(&is);
	compare_inner(cmp, cmp->theirs.root, cmp->ours.root, 0);
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
compare(struct comparison *cmp, const char *theirs, const char *ours)
{
	if (tree_open(&cmp->theirs, theirs) && tree_open(&cmp->ours, ours))
		compare_tops(cmp);
}

static void
comparison_free(struct comparison *cmp)
{
	cJSON_Delete(cmp->theirs.root);
	cJSON_Delete(cmp->ours.root);
	buf_free(&cmp->bad);
	buf_free(&cmp->good);
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
	struct comparison cmp = {.level = level, .forbidden = level_forbids(level)};
	unsigned          breaches;

	compare(&cmp, theirs, ours);
	put_sentences(out, &cmp.bad, cmp.nbad);
	put_sentences(out, &cmp.good, cmp.ngood);
	breaches = cmp.breaches;
	comparison_free(&cmp);
	return breaches;
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
	struct comparison cmp = {.level = ""};
	struct buf        their_form = {0};
	struct buf        our_form = {0};
	bool              valid = avro_canonical(theirs, &their_form);
	bool              same = avro_canonical(ours, &our_form) && valid &&
				strcmp(buf_cstr(&their_form), buf_cstr(&our_form)) == 0;

	compare(&cmp, theirs, ours);
	if (cmp.ndiffs > 0)
	{
		put_sentences(difference, &cmp.good, 1);
		same = false;
	}
	else if (!valid)
		buf_puts(difference, "It holds a type that ours has not.");
	else if (!same)
		put_first_byte(buf_cstr(&their_form), buf_cstr(&our_form), difference);
	buf_free(&their_form);
	buf_free(&our_form);
	comparison_free(&cmp);
	return same;
}
