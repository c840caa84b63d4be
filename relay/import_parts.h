/*
 * import_parts.h
 *		What the files of import.h share; for them only.
 */
#ifndef RELAY_IMPORT_PARTS_H
#define RELAY_IMPORT_PARTS_H

#include "buf.h"
#include "import.h"

struct import_pair
{
	char *key;
	char *value;
};

/* A setting of ours, or a comment of a section. */
struct import_line
{
	const char *section;
	char       *text;
};

struct import
{
	struct import_pair *pairs; /* as they were read, in order */
	unsigned            npairs;
	struct import_line *lines; /* what they become, in no order of sections */
	unsigned            nlines;
	struct buf          conninfo;
	struct buf          unneeded; /* comments: what plays no part here */
	struct buf          missing;  /* comments: what has no counterpart */
	unsigned            nmissing;
};

/* Takes both. */
void import_add(struct import *import, char *key, char *value);

/* Fills pairs.  RC_ERR E1004. */
enum rc import_read(struct import *import, FILE *in, const char *name, struct err *e) MUST_CHECK;

#endif /* RELAY_IMPORT_PARTS_H */
