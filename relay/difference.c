/*
 * difference.c
 *		Differences between two schemas; see difference.h.
 *
 * Walks both trees side by side, record by record.  Named types are found by
 * their name without namespace, as Avro's own check compares them.
 */
#include "difference.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "json_member.h"

#define NAMES_MAX 64
#define DEPTH_MAX 32 /* of a schema; what lies deeper is not looked at */

/* One of the two schemas. */
struct tree
{
	cJSON       *root;
	const cJSON *named[NAMES_MAX];
	unsigned     nnamed;
};

struct comparison
{
	struct tree    theirs;
	struct tree    ours;
	const cJSON   *seen[NAMES_MAX];
	unsigned       nseen;
	difference_fn *take;
	void          *arg;
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

static void
add_missing_field(struct comparison *cmp, const struct tree *tree, const cJSON *record,
				  const cJSON *field, bool was_added)
{
	bool              has_default = item_of(field, "default") != NULL;
	unsigned          breach = was_added ? BREACH_BACKWARD : BREACH_FORWARD;
	struct buf        type = {0};
	struct difference difference = {
		.kind = was_added ? DIFFERENCE_ADDED : DIFFERENCE_REMOVED,
		.record = simple_name(member_text(record, "name")),
		.field = member_text(field, "name"),
		.attribute = "",
		.was = "",
		.is = "",
		.has_default = has_default,
		.breaches = has_default ? 0 : breach,
	};

	put_type(tree, item_of(field, "type"), 0, &type);
	*(was_added ? &difference.is : &difference.was) = buf_cstr(&type);
	cmp->take(cmp->arg, &difference);
	buf_free(&type);
}

/* JSON of an item; "" if there is none.  The caller frees it. */
static char *
item_text(const cJSON *item)
{
	char *printed = item ? cJSON_PrintUnformatted(item) : NULL;
	char *text = xstrdup(printed ? printed : "");

	cJSON_free(printed);
	return text;
}

/* What one attribute was and is, if that is not the same. */
static void
compare_item(struct comparison *cmp, struct difference *difference, const cJSON *theirs,
			 const cJSON *ours)
{
	char *was;
	char *is;

	if (theirs == NULL ? ours == NULL : ours != NULL && cJSON_Compare(theirs, ours, true))
		return;
	was = item_text(theirs);
	is = item_text(ours);
	difference->was = was;
	difference->is = is;
	cmp->take(cmp->arg, difference);
	free(was);
	free(is);
}

/* Those that are compared as types, names and defaults, or say the same once more. */
static bool
is_structure(const char *attribute)
{
	static const char *const structure[] = {"type", "fields",    "items",   "values",
											"name", "namespace", "default", "connect.default"};

	for (size_t i = 0; i < sizeof(structure) / sizeof(structure[0]); i++)
		if (strcmp(attribute, structure[i]) == 0)
			return true;
	return false;
}

/* breaches: of what their type says by attributes, symbols of an enum and the like. */
static void
compare_attributes(struct comparison *cmp, const char *record, const char *field,
				   const cJSON *theirs, const cJSON *ours, unsigned breaches)
{
	struct difference difference = {.kind = DIFFERENCE_ATTRIBUTE,
									.record = record,
									.field = field,
									.breaches = breaches};
	const cJSON *item;

	if (!cJSON_IsObject(theirs) || !cJSON_IsObject(ours))
		return;
	cJSON_ArrayForEach(item, ours)
	{
		difference.attribute = item->string;
		if (!is_structure(item->string))
			compare_item(cmp, &difference, item_of(theirs, item->string), item);
	}
	cJSON_ArrayForEach(item, theirs)
	{
		difference.attribute = item->string;
		if (!is_structure(item->string) && item_of(ours, item->string) == NULL)
			compare_item(cmp, &difference, item, NULL);
	}
}

static unsigned
breaches_of(const struct comparison *cmp, const cJSON *theirs, const cJSON *ours)
{
	unsigned backward = can_read(&cmp->ours, ours, &cmp->theirs, theirs, 0) ? 0 : BREACH_BACKWARD;
	unsigned forward = can_read(&cmp->theirs, theirs, &cmp->ours, ours, 0) ? 0 : BREACH_FORWARD;

	return backward | forward;
}

/* Of types that are the same in words; those of a record are compared with its fields. */
static void
compare_type_attributes(struct comparison *cmp, const char *record, const char *field,
						const cJSON *theirs, const cJSON *ours, unsigned depth)
{
	const cJSON *other = theirs ? theirs->child : NULL;
	const cJSON *branch;

	if (depth > DEPTH_MAX)
		return;
	if (cJSON_IsArray(ours) && cJSON_IsArray(theirs))
	{
		cJSON_ArrayForEach(branch, ours)
		{
			compare_type_attributes(cmp, record, field, other, branch, depth + 1);
			other = other ? other->next : NULL;
		}
		return;
	}
	if (!cJSON_IsObject(ours) || !cJSON_IsObject(theirs) || is_kind(ours, "record"))
		return;
	compare_attributes(cmp, record, field, theirs, ours,
					   is_named(ours) ? breaches_of(cmp, theirs, ours) : 0);
	compare_type_attributes(cmp, record, field, item_of(theirs, "items"), item_of(ours, "items"),
							depth + 1);
	compare_type_attributes(cmp, record, field, item_of(theirs, "values"), item_of(ours, "values"),
							depth + 1);
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
compare_types(struct comparison *cmp, struct difference *difference, const cJSON *from,
			  const cJSON *to)
{
	struct buf was = {0};
	struct buf is = {0};

	put_type(&cmp->theirs, from, 0, &was);
	put_type(&cmp->ours, to, 0, &is);
	difference->was = buf_cstr(&was);
	difference->is = buf_cstr(&is);
	if (strcmp(difference->was, difference->is) == 0)
		compare_type_attributes(cmp, difference->record, difference->field, from, to, 0);
	else
	{
		difference->breaches = breaches_of(cmp, from, to);
		cmp->take(cmp->arg, difference);
	}
	buf_free(&was);
	buf_free(&is);
}

static void
compare_field(struct comparison *cmp, const cJSON *record, const cJSON *theirs, const cJSON *ours,
			  unsigned depth)
{
	const cJSON      *from = item_of(theirs, "type");
	const cJSON      *to = item_of(ours, "type");
	struct difference difference = {.kind = DIFFERENCE_TYPE,
									.record = simple_name(member_text(record, "name")),
									.field = member_text(ours, "name"),
									.attribute = ""};

	compare_types(cmp, &difference, from, to);
	difference.kind = DIFFERENCE_DEFAULT;
	difference.breaches = 0;
	compare_item(cmp, &difference, item_of(theirs, "default"), item_of(ours, "default"));
	compare_attributes(cmp, difference.record, difference.field, theirs, ours, 0);
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
	compare_attributes(cmp, simple_name(member_text(ours, "name")), "", theirs, ours, 0);
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

	put_type(&cmp->theirs, cmp->theirs.root, 0, &was);
	put_type(&cmp->ours, cmp->ours.root, 0, &is);
	if (strcmp(buf_cstr(&was), buf_cstr(&is)) != 0)
		cmp->take(cmp->arg,
				  &(struct difference){.kind = DIFFERENCE_TYPE,
									   .record = "",
									   .field = "",
									   .attribute = "",
									   .was = buf_cstr(&was),
									   .is = buf_cstr(&is),
									   .breaches = BREACH_BACKWARD | BREACH_FORWARD});
	buf_free(&was);
	buf_free(&is);
	compare_inner(cmp, cmp->theirs.root, cmp->ours.root, 0);
}

void
schema_differences(const char *theirs, const char *ours, difference_fn *take, void *arg)
{
	struct comparison cmp = {.take = take, .arg = arg};

	if (tree_open(&cmp.theirs, theirs) && tree_open(&cmp.ours, ours))
		compare_tops(&cmp);
	cJSON_Delete(cmp.theirs.root);
	cJSON_Delete(cmp.ours.root);
}
