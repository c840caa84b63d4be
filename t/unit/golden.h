/*
 * golden.h
 *		The files of t/golden in memory, for test_golden.c alone.
 *
 * NAME.config: statements=S, and the settings that Debezium ran with.
 * NAME.debezium: what it wrote (t/golden/import says the format).
 * differences: where ours differs and what it is instead.
 */
#ifndef T_UNIT_GOLDEN_H
#define T_UNIT_GOLDEN_H

#include "unit.h"

#include <fnmatch.h>

#include "config.h"
#include "encode.h"

#define RECORDS_MAX 600
#define SCHEMAS_MAX 200
#define DIFFERENCES_MAX 1000
#define HEADERS_LISTED 8

struct expected
{
	char        *topic;
	const char  *table;  /* the topic behind the prefix */
	int          offset; /* in its topic */
	int          key_schema;
	int          value_schema;
	bool         has_key;
	bool         has_value;
	struct stamp stamp;
	uint64_t     lsn;
	int64_t      now_ns;
	struct buf   key;
	struct buf   value;
	char        *headers[HEADERS_LISTED]; /* name=text */
	unsigned     nheaders;
	bool         met;
};

/* One line of t/golden/differences; the last one that fits counts. */
struct difference
{
	char *captures; /* glob, or several with | between them */
	char *kind;
	char *table;  /* glob */
	char *offset; /* "*" for all */
	char *what;   /* field or path; "-" where the kind has none */
	char *ours;   /* @ is the topic prefix in schemas */
	bool  used;
};

struct capture
{
	const char     *name; /* and topic prefix */
	char            statements[64];
	struct config  *cfg;
	struct expected records[RECORDS_MAX];
	int             nrecords;
	char           *schemas[SCHEMAS_MAX];
};

static struct difference differences[DIFFERENCES_MAX];
static int               ndifferences;

/* Packed hex: a byte repeated N times is ~XXxN; */
static inline void
golden_unpack(const char *packed, struct buf *out)
{
	while (*packed && *packed != '\n')
	{
		unsigned byte;
		unsigned count = 1;

		if (*packed == '~')
		{
			assert_int_equal(sscanf(packed, "~%2xx%u;", &byte, &count), 2);
			packed = strchr(packed, ';') + 1;
		}
		else
		{
			assert_int_equal(sscanf(packed, "%2x", &byte), 1);
			packed += 2;
		}
		while (count-- > 0)
			buf_put_u8(out, (uint8_t) byte);
	}
}

static inline void
golden_lines(const char *path, void (*take)(struct capture *capture, char *line),
			 struct capture *capture)
{
	struct buf file = unit_file(path);
	char      *rest = buf_cstr(&file);
	char      *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line && *line != '#')
			take(capture, line);
	buf_free(&file);
}

static inline void
golden_record(struct capture *capture, char *line)
{
	struct expected *exp = &capture->records[capture->nrecords];
	char            *fields[10];
	char            *header;

	assert_true(capture->nrecords < RECORDS_MAX);
	for (int i = 0; i < 10; i++)
		fields[i] = strsep(&line, "\t");
	exp->topic = xstrdup(fields[0]);
	exp->table = exp->topic + strlen(capture->name) + 1;
	exp->key_schema = atoi(fields[1]);
	exp->value_schema = atoi(fields[2]);
	exp->stamp.commit_us = strtoll(fields[3], NULL, 10);
	exp->stamp.last_commit_lsn = strtoull(fields[4], NULL, 10);
	exp->stamp.xid = (uint32_t) strtoull(fields[5], NULL, 10);
	exp->lsn = strtoull(fields[6], NULL, 10);
	exp->now_ns = strtoll(fields[7], NULL, 10);
	exp->has_key = strcmp(fields[8], "-") != 0;
	exp->has_value = strcmp(fields[9], "-") != 0;
	if (exp->has_key)
		golden_unpack(fields[8], &exp->key);
	if (exp->has_value)
		golden_unpack(fields[9], &exp->value);
	while ((header = strsep(&line, "\t")) != NULL)
		if (strcmp(header, "-") != 0)
			exp->headers[exp->nheaders++] = xstrdup(header);
	for (int i = 0; i < capture->nrecords; i++)
		exp->offset += strcmp(capture->records[i].topic, exp->topic) == 0;
	capture->nrecords++;
}

static inline void
golden_debezium(struct capture *capture, char *line)
{
	char *kind = strsep(&line, "\t");

	if (strcmp(kind, "schema") == 0)
	{
		int id = atoi(strsep(&line, "\t"));

		assert_true(id < SCHEMAS_MAX);
		capture->schemas[id] = xstrdup(line);
	}
	else
		golden_record(capture, line);
}

/* Every setting is one of ours, by Debezium's own name. */
static inline void
golden_setting(struct capture *capture, char *line)
{
	char      *key = strsep(&line, "=");
	struct err e;

	if (strcmp(key, "statements") == 0)
		snprintf(capture->statements, sizeof(capture->statements), "%s", line);
	else if (strcmp(key, "version") == 0)
	{
		char *profile = xstrndup(line, 3); /* captures are of releases that begin one */

		assert_rc_ok(
			config_set(capture->cfg, "debezium.profile", profile, ORIGIN_FILE, "capture", &e));
		free(profile);
	}
	else
		assert_rc_ok(config_set(capture->cfg, key, line, ORIGIN_FILE, "capture", &e));
}

static inline void
golden_difference(struct capture *capture, char *line)
{
	struct difference *diff = &differences[ndifferences];

	(void) capture;
	assert_true(ndifferences < DIFFERENCES_MAX);
	diff->captures = xstrdup(strsep(&line, "\t"));
	diff->kind = xstrdup(strsep(&line, "\t"));
	diff->table = xstrdup(strsep(&line, "\t"));
	diff->offset = xstrdup(strsep(&line, "\t"));
	diff->what = xstrdup(strsep(&line, "\t"));
	assert_non_null(line);
	diff->ours = xstrdup(line);
	ndifferences++;
}

/* The capture's files; Debezium's defaults that are not ours are set. */
static inline void
golden_open(struct capture *capture, const char *name)
{
	char      *config = xasprintf("t/golden/%s.config", name);
	char      *debezium = xasprintf("t/golden/%s.debezium", name);
	struct err e;

	memset(capture, 0, sizeof(*capture));
	capture->name = name;
	capture->cfg = config_new();
	assert_rc_ok(config_set(capture->cfg, "topic.prefix", name, ORIGIN_FILE, "test", &e));
	golden_lines(config, golden_setting, capture);
	golden_lines(debezium, golden_debezium, capture);
	free(config);
	free(debezium);
}

static inline void
golden_close(struct capture *capture)
{
	for (int i = 0; i < capture->nrecords; i++)
	{
		struct expected *exp = &capture->records[i];

		free(exp->topic);
		for (unsigned j = 0; j < exp->nheaders; j++)
			free(exp->headers[j]);
		buf_free(&exp->key);
		buf_free(&exp->value);
	}
	for (int i = 0; i < SCHEMAS_MAX; i++)
		free(capture->schemas[i]);
	config_free(capture->cfg);
}

static inline bool
golden_is_named(const char *globs, const char *name)
{
	char *copy = xstrdup(globs);
	char *rest = copy;
	char *glob;
	bool  found = false;

	while ((glob = strsep(&rest, "|")) != NULL)
		found |= fnmatch(glob, name, 0) == 0;
	free(copy);
	return found;
}

/* what NULL: any.  Marks it used. */
static inline struct difference *
golden_difference_find(const struct capture *capture, const char *kind, const struct expected *exp,
					   const char *what)
{
	for (int i = ndifferences - 1; i >= 0; i--)
	{
		struct difference *diff = &differences[i];

		if (strcmp(diff->kind, kind) != 0 || (what && strcmp(diff->what, what) != 0) ||
			(strcmp(diff->offset, "*") != 0 && atoi(diff->offset) != exp->offset) ||
			fnmatch(diff->table, exp->table, 0) != 0 ||
			!golden_is_named(diff->captures, capture->name))
			continue;
		diff->used = true;
		return diff;
	}
	return NULL;
}

static inline void
golden_differences_free(void)
{
	for (int i = 0; i < ndifferences; i++)
	{
		free(differences[i].captures);
		free(differences[i].kind);
		free(differences[i].table);
		free(differences[i].offset);
		free(differences[i].what);
		free(differences[i].ours);
	}
}

#endif /* T_UNIT_GOLDEN_H */
