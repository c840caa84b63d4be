/*
 * letters.h
 *		What is in the topic of dead letters: letters, schemas, marks.
 *
 * dead_letter.h says what each record is.  All letters are known by what their
 * headers say; the bytes of those that somebody wants are read in another go, so that
 * memory is bounded by what is wanted at once.  Blocks: for commands.  Called by dlq.c.
 */
#ifndef RELAY_LETTERS_H
#define RELAY_LETTERS_H

#include "config.h"
#include "encode.h"
#include "loop.h"

#include <uthash.h>

/* A message as it lies in the topic; all its own. */
struct letter_body
{
	bool           has_key;
	bool           has_value;
	struct str     key;
	struct str     value;
	struct header *headers;
	unsigned       nheaders;
};

struct dead_letter
{
	struct letter_id
	{
		int64_t partition;
		int64_t offset;
	} id;
	int64_t             timestamp_ms; /* since the Unix epoch */
	char               *topic;        /* that it was meant for */
	char               *table;
	char                code[16]; /* E2003 */
	bool                is_text;  /* there never was a message: the change could not be encoded */
	bool                replayed; /* a mark says so */
	bool                wanted;   /* letters_load() is to fetch body */
	uint64_t            bytes;    /* of key and value */
	struct letter_body *body;     /* NULL: not loaded */
	struct dead_letter *next;     /* in the order of the topic: that of each partition */
	UT_hash_handle      hh;
};

struct letters;

/* loop: nothing else may run on it while something is read.  cfg is borrowed. */
struct letters *letters_new(struct loop *loop, const struct config *cfg);
void            letters_free(struct letters *ls);

/* The topic's name. */
const char *letters_topic(const struct letters *ls);

/* Reads the topic to its end.  RC_ERR as topic_reader_result(). */
enum rc letters_read(struct letters *ls, struct err *e) MUST_CHECK;

/* The same for the bodies of those that are wanted. */
enum rc letters_load(struct letters *ls, struct err *e) MUST_CHECK;

struct dead_letter *letters_first(struct letters *ls);

/* The schema with this fingerprint, as the topic has it; NULL: it does not. */
const char *letters_schema(const struct letters *ls, uint64_t fingerprint);

/* Forgets the body. */
void letter_unload(struct dead_letter *letter);

#endif /* RELAY_LETTERS_H */
