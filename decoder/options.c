/*
 * options.c
 *		The options of the stream: one table that says their names, kinds,
 *		targets and defaults; parsing and refusing by that table alone.
 *		Runs outside a transaction, so nothing here may read a catalog.
 */
#include "postgres.h"

#include <limits.h>

#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "options.h"
#include "wire.h"

enum option_kind
{
	OPTION_BOOL,				/* bool */
	OPTION_PROTOCOL,			/* int: version */
	OPTION_BYTES,				/* int: bytes, with or without a unit */
	OPTION_CHOICE,				/* int: place among the words */
	OPTION_SET,					/* int: bits by place among the words */
	OPTION_PATTERNS				/* struct patterns * */
};

/*
 * One option.  Those with "selects" decide which changes are sent and what of
 * them, and so make up the hash that the hello record carries.
 */
struct option_definition
{
	const char *name;
	enum option_kind kind;
	size_t		target;			/* offset in struct options */
	const char *preset;			/* value when the client gives none */
	bool		selects;
	const char *words;			/* CHOICE and SET: the words, '|' between */
	const char *help;			/* hint for a wrong value */
};

#define FRAME_BYTES_MIN 1024
#define FRAME_BYTES_MAX (1024 * 1024)
#define PATTERNS_HELP \
	"Give a comma-separated list of regular expressions; each matches the whole name."

static const struct option_definition definitions[] =
{
	{"proto", OPTION_PROTOCOL, offsetof(struct options, proto), "1", false, NULL,
	"Give a protocol version as a whole number."},
	{"format", OPTION_CHOICE, offsetof(struct options, format), "binary", false,
	"binary|text", "Valid values are \"binary\" and \"text\"."},
	{"flush", OPTION_CHOICE, offsetof(struct options, flush), "idle", false,
	"idle|commit", "Valid values are \"idle\" and \"commit\"."},
	{"frame-bytes", OPTION_BYTES, offsetof(struct options, frame_bytes), "16384", false, NULL,
	"Give a size from 1kB to 1MB."},
	{"include-tables", OPTION_PATTERNS, offsetof(struct options, include_tables), "", true, NULL,
	PATTERNS_HELP},
	{"exclude-tables", OPTION_PATTERNS, offsetof(struct options, exclude_tables), "", true, NULL,
	PATTERNS_HELP},
	{"actions", OPTION_SET, offsetof(struct options, actions),
	"insert,update,delete,truncate,message", true, "insert|update|delete|truncate|message",
	"Give a comma-separated list of \"insert\", \"update\", \"delete\", \"truncate\" and \"message\"."},
	{"origin", OPTION_CHOICE, offsetof(struct options, origin), "any", true,
	"any|none", "Valid values are \"any\" and \"none\"."},
	{"include-message-prefixes", OPTION_PATTERNS, offsetof(struct options, include_prefixes), "",
	true, NULL, PATTERNS_HELP},
	{"exclude-message-prefixes", OPTION_PATTERNS, offsetof(struct options, exclude_prefixes), "",
	true, NULL, PATTERNS_HELP},
	{"publish-via-root", OPTION_BOOL, offsetof(struct options, publish_via_root), "false", true,
	NULL, "Give a Boolean value."},
	{"generated-columns", OPTION_BOOL, offsetof(struct options, generated_columns), "true", true,
	NULL, "Give a Boolean value."},
	{"include-lsn", OPTION_BOOL, offsetof(struct options, include_lsn), "true", false,
	NULL, "Give a Boolean value."},
	{"include-xids", OPTION_BOOL, offsetof(struct options, include_xids), "true", false,
	NULL, "Give a Boolean value."},
	{"include-timestamp", OPTION_BOOL, offsetof(struct options, include_timestamp), "true", false,
	NULL, "Give a Boolean value."},
	{"include-relations", OPTION_BOOL, offsetof(struct options, include_relations), "true", false,
	NULL, "Give a Boolean value."},
};

/* Place of a word among "a|b|c", -1 if it is none of them. */
static int
word_place(const char *words, const char *word, size_t length)
{
	int			place;

	for (place = 0; words != NULL; place++)
	{
		const char *end = strchr(words, '|');
		size_t		have = end != NULL ? (size_t) (end - words) : strlen(words);

		if (have == length && pg_strncasecmp(words, word, length) == 0)
			return place;
		words = end != NULL ? end + 1 : NULL;
	}
	return -1;
}

static bool
parse_set(const char *words, const char *value, int *bits)
{
	*bits = 0;
	for (;;)
	{
		size_t		length;
		const char *end;
		int			place;

		value += strspn(value, " ");
		length = strcspn(value, " ,");
		place = word_place(words, value, length);
		if (place < 0)
			return false;
		*bits |= 1 << place;
		end = value + length;
		end += strspn(end, " ");
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		value = end + 1;
	}
}

static bool
parse_bytes(const char *value, int *bytes)
{
	return parse_int(value, bytes, GUC_UNIT_BYTE, NULL) &&
		*bytes >= FRAME_BYTES_MIN && *bytes <= FRAME_BYTES_MAX;
}

static bool
parse_protocol(const char *value, int *version)
{
	if (!parse_int(value, version, 0, NULL))
		return false;
	if (*version < WIRE_VERSION_MIN || *version > WIRE_VERSION_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"proto\": protocol version %d is not supported", *version),
				 errdetail("This server's walrelay speaks versions %d to %d.",
						   WIRE_VERSION_MIN, WIRE_VERSION_MAX)));
	return true;
}

/* Store one value where the definition says. */
static void
option_set(struct options *options, const struct option_definition *definition,
		   const char *value)
{
	void	   *target = (char *) options + definition->target;
	bool		ok = true;

	switch (definition->kind)
	{
		case OPTION_BOOL:
			ok = parse_bool(value, target);
			break;
		case OPTION_PROTOCOL:
			ok = parse_protocol(value, target);
			break;
		case OPTION_BYTES:
			ok = parse_bytes(value, target);
			break;
		case OPTION_CHOICE:
			*(int *) target = word_place(definition->words, value, strlen(value));
			ok = *(int *) target >= 0;
			break;
		case OPTION_SET:
			ok = parse_set(definition->words, value, target);
			break;
		case OPTION_PATTERNS:
			*(struct patterns **) target = patterns_compile(value, definition->name);
			break;
	}
	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", definition->name, value),
				 errhint("%s", definition->help)));
}

/* The known name that needs the fewest edits, NULL if none comes close. */
static const char *
nearest_name(const char *name)
{
	const char *nearest = NULL;
	int			best = INT_MAX;
	int			i;

	if (strlen(name) >= NAMEDATALEN)
		return NULL;
	for (i = 0; i < lengthof(definitions); i++)
	{
		const char *known = definitions[i].name;
		int			edits = varstr_levenshtein(name, strlen(name), known, strlen(known),
											   1, 1, 1, true);

		if (edits < best && edits <= (int) strlen(known) / 2)
		{
			best = edits;
			nearest = known;
		}
	}
	return nearest;
}

static void
refuse_unknown(const char *name)
{
	const char *nearest = nearest_name(name);
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < lengthof(definitions); i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "", definitions[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized option \"%s\" for output plugin \"walrelay\"", name),
			 errdetail("Options are %s.", names.data),
			 nearest ? errhint("Perhaps you meant the option \"%s\".", nearest) : 0));
}

static uint64
hash_string(uint64 hash, const char *string)
{
	for (;; string++)
	{
		hash = (hash ^ (unsigned char) *string) * UINT64CONST(0x100000001b3);
		if (*string == '\0')	/* taken in, to keep neighbours apart */
			return hash;
	}
}

void
options_parse(struct options *options, List *elements)
{
	const char *values[lengthof(definitions)] = {NULL};
	ListCell   *cell;
	int			i;

	foreach(cell, elements)
	{
		DefElem    *element = lfirst(cell);

		for (i = 0; i < lengthof(definitions); i++)
		{
			if (strcmp(element->defname, definitions[i].name) == 0)
				break;
		}
		if (i == lengthof(definitions))
			refuse_unknown(element->defname);
		if (element->arg == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" needs a value", element->defname),
					 errhint("%s", definitions[i].help)));
		if (values[i] != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is given more than once", element->defname)));
		values[i] = strVal(element->arg);
	}

	options->hash = UINT64CONST(0xcbf29ce484222325);
	for (i = 0; i < lengthof(definitions); i++)
	{
		const char *value = values[i] != NULL ? values[i] : definitions[i].preset;

		option_set(options, &definitions[i], value);
		if (definitions[i].selects)
		{
			options->hash = hash_string(options->hash, definitions[i].name);
			options->hash = hash_string(options->hash, value);
		}
	}
}
