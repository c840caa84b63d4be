/*
 * test_golden.c
 *		Our schemas and our bytes against what a real Debezium wrote.
 *
 * t/golden/NAME.frames is what walrelay.so wrote for a set of statements,
 * NAME.debezium what Debezium 3.4 wrote for the same ones.  The plugin's
 * changes are encoded under the positions and times of Debezium's records and
 * must give the same bytes, but for what t/golden/differences lists, each line
 * of which must be needed.  The files' format: t/golden/import.  GOLDEN_FRAMES
 * names another folder with NAME.frames, fresh ones from a running server say:
 * plain hex lines do.
 */
#include "unit.h"

#include "catalog.h"
#include "encode.h"
#include "frame.h"
#include "names.h"
#include "record.h"
#include "schema.h"
#include "text.h"
#include "verify.h"

#define RECORDS_MAX 300
#define SCHEMAS_MAX 200
#define DIFFERENCES_MAX 200
#define LEAVES_MAX 200

static struct err e;

struct expected
{
	char        *topic;
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
	char        *header; /* "-" for none */
	bool         met;
};

/* One line of t/golden/differences. */
struct difference
{
	char *kind;
	char *topic;
	char *offset; /* "*" for all */
	char *what;   /* field or path; "-" where the kind has none */
	char *ours;
	bool  used;
};

static struct
{
	struct expected     records[RECORDS_MAX];
	int                 nrecords;
	char               *schemas[SCHEMAS_MAX];
	struct difference   differences[DIFFERENCES_MAX];
	int                 ndifferences;
	struct format       fmt;
	struct encode_stats stats;
	struct plan        *messages;
	struct reader      *rdr;
	struct catalog     *cat;
} fix;

/* --- reading the files ------------------------------------------------------- */

static void
unpack(const char *packed, struct buf *out)
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

static void
read_record(char *line)
{
	struct expected   *exp = &fix.records[fix.nrecords];
	char              *fields[11];
	unsigned long long number;

	assert_true(fix.nrecords < RECORDS_MAX);
	for (int i = 0; i < 11; i++)
		fields[i] = strsep(&line, "\t");
	exp->topic = xstrdup(fields[0]);
	exp->key_schema = atoi(fields[1]);
	exp->value_schema = atoi(fields[2]);
	exp->stamp.commit_us = strtoll(fields[3], NULL, 10);
	exp->stamp.last_commit_lsn = strtoull(fields[4], NULL, 10);
	number = strtoull(fields[5], NULL, 10);
	exp->stamp.xid = (uint32_t) number;
	exp->lsn = strtoull(fields[6], NULL, 10);
	exp->now_ns = strtoll(fields[7], NULL, 10);
	exp->has_key = strcmp(fields[8], "-") != 0;
	exp->has_value = strcmp(fields[9], "-") != 0;
	if (exp->has_key)
		unpack(fields[8], &exp->key);
	if (exp->has_value)
		unpack(fields[9], &exp->value);
	exp->header = xstrdup(fields[10]);
	for (int i = 0; i < fix.nrecords; i++)
		exp->offset += strcmp(fix.records[i].topic, exp->topic) == 0;
	fix.nrecords++;
}

static void
read_lines(const char *path, void (*take)(char *line))
{
	struct buf file = unit_file(path);
	char      *rest = buf_cstr(&file);
	char      *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line && *line != '#')
			take(line);
	buf_free(&file);
}

static void
take_debezium(char *line)
{
	char *kind = strsep(&line, "\t");

	if (strcmp(kind, "schema") == 0)
	{
		int id = atoi(strsep(&line, "\t"));

		assert_true(id < SCHEMAS_MAX);
		fix.schemas[id] = xstrdup(line);
	}
	else
		read_record(line);
}

static const char *prefix; /* of the topics at hand */

static void
take_difference(char *line)
{
	struct difference *diff = &fix.differences[fix.ndifferences];
	const char        *kind = strsep(&line, "\t");
	const char        *topic = strsep(&line, "\t");

	if (strncmp(topic, prefix, strlen(prefix)) != 0 || topic[strlen(prefix)] != '.')
		return;
	assert_true(fix.ndifferences++ < DIFFERENCES_MAX);
	diff->kind = xstrdup(kind);
	diff->topic = xstrdup(topic);
	diff->offset = xstrdup(strsep(&line, "\t"));
	diff->what = xstrdup(strsep(&line, "\t"));
	assert_non_null(line);
	diff->ours = xstrdup(line);
}

/* what NULL: any.  Marks it used. */
static struct difference *
difference_find(const char *kind, const struct expected *exp, const char *what)
{
	for (int i = 0; i < fix.ndifferences; i++)
	{
		struct difference *diff = &fix.differences[i];

		if (strcmp(diff->kind, kind) != 0 || strcmp(diff->topic, exp->topic) != 0)
			continue;
		if (strcmp(diff->offset, "*") != 0 && atoi(diff->offset) != exp->offset)
			continue;
		if (what && strcmp(diff->what, what) != 0)
			continue;
		diff->used = true;
		return diff;
	}
	return NULL;
}

/* --- schemas ------------------------------------------------------------------- */

/* Escapes of control characters have digits of either case. */
static char *
lower_escapes(const char *text)
{
	char *copy = xstrdup(text);

	for (char *at = copy; (at = strstr(at, "\\u")) != NULL; at += 2)
		for (int i = 2; i < 6 && at[i]; i++)
			if (at[i] >= 'A' && at[i] <= 'F')
				at[i] = (char) (at[i] + 32);
	return copy;
}

/* The object that starts at text, braces counted. */
static size_t
object_length(const char *text)
{
	int depth = 0;

	for (size_t i = 0; text[i]; i++)
	{
		depth += text[i] == '{';
		depth -= text[i] == '}';
		if (depth == 0)
			return i + 1;
	}
	return 0;
}

static char *
replace_field(char *schema, const char *field, const char *ours)
{
	char *needle = xasprintf("{\"name\":\"%s\",", field);
	char *at = strstr(schema, needle);
	char *out;

	assert_non_null(at);
	out = xasprintf("%.*s%s%s", (int) (at - schema), schema, ours, at + object_length(at));
	free(needle);
	free(schema);
	return out;
}

static void
check_schema(const struct plan *plan, enum side side, const struct expected *exp, int id)
{
	char              *theirs = lower_escapes(fix.schemas[id]);
	char              *ours = lower_escapes(plan_schema(plan, side));
	struct difference *diff;

	if (side == SIDE_KEY && (diff = difference_find("key-schema", exp, NULL)) != NULL)
	{
		free(theirs);
		theirs = xstrdup(diff->ours);
	}
	for (int i = 0; side == SIDE_VALUE && i < fix.ndifferences; i++)
	{
		diff = &fix.differences[i];
		if (strcmp(diff->kind, "field") == 0 && difference_find("field", exp, diff->what) == diff)
			theirs = replace_field(theirs, diff->what, diff->ours);
	}
	assert_string_equal(ours, theirs);
	free(ours);
	free(theirs);
}

/* --- values ---------------------------------------------------------------------- */

struct leaves
{
	char *path[LEAVES_MAX];
	char *text[LEAVES_MAX];
	int   n;
};

static char *
leaf_text(const struct leaf *leaf)
{
	struct buf text = {0};
	char      *out;
	bool       plain = utf8_span(leaf->str.data, leaf->str.len) == leaf->str.len;

	switch (leaf->kind)
	{
		case LEAF_NULL: buf_puts(&text, "null"); break;
		case LEAF_BOOLEAN:
		case LEAF_LONG: buf_printf(&text, "%lld", (long long) leaf->number); break;
		case LEAF_DOUBLE: buf_printf(&text, "%.17g", leaf->real); break;
		case LEAF_BYTES:
			for (size_t i = 0; i < leaf->str.len; i++)
				plain = plain && (uint8_t) leaf->str.data[i] >= 0x20;
			buf_puts(&text, plain ? "'" : "\\x");
			for (size_t i = 0; i < leaf->str.len; i++)
				buf_printf(&text, plain ? "%c" : "%02x", (uint8_t) leaf->str.data[i]);
			break;
	}
	out = xstrdup(buf_cstr(&text));
	buf_free(&text);
	return out;
}

static enum rc
collect(void *arg, const char *const *path, unsigned depth, const struct leaf *leaf,
		struct err *err_)
{
	struct leaves *leaves = arg;
	struct buf     name = {0};

	(void) err_;
	assert_true(leaves->n < LEAVES_MAX);
	for (unsigned i = 0; i < depth; i++)
		buf_printf(&name, "%s%s", i ? "." : "", path[i]);
	leaves->path[leaves->n] = xstrdup(buf_cstr(&name));
	leaves->text[leaves->n++] = leaf_text(leaf);
	buf_free(&name);
	return RC_OK;
}

static void
leaves_read(const char *schema, struct str data, struct leaves *leaves)
{
	struct avro *avro;

	leaves->n = 0;
	assert_rc_ok(avro_new(schema, &avro, &e));
	assert_rc_ok(avro_verify(avro, data.data, data.len, &e));
	assert_rc_ok(avro_walk(avro, data.data, data.len, collect, leaves, &e));
	avro_free(avro);
}

static void
leaves_free(struct leaves *leaves)
{
	for (int i = 0; i < leaves->n; i++)
	{
		free(leaves->path[i]);
		free(leaves->text[i]);
	}
}

static const char *
leaves_find(const struct leaves *leaves, const char *path)
{
	for (int i = 0; i < leaves->n; i++)
		if (strcmp(leaves->path[i], path) == 0)
			return leaves->text[i];
	return "absent";
}

/* Is there a difference for the path, or for something that it is part of? */
static bool
is_excused(const char *kind, const struct expected *exp, const char *path)
{
	char *whole = xstrdup(path);
	char *dot;
	bool  found;

	while (!(found = difference_find(kind, exp, whole) != NULL) && (dot = strrchr(whole, '.')))
		*dot = '\0';
	free(whole);
	return found;
}

/* Debezium reads the clock again for the second event of a changed key. */
static bool
is_other_clock(const struct expected *exp, const char *path)
{
	return strncmp(path, "ts_", 3) == 0 && strncmp(exp->header, "__debezium.oldkey", 17) == 0;
}

/* Bytes that differ: leaf by leaf, ours must be Debezium's or what is listed. */
static void
check_leaves(const char *kind, const struct expected *exp, const char *our_schema, struct str ours,
			 const char *their_schema, struct str theirs)
{
	struct leaves our_leaves;
	struct leaves their_leaves;

	leaves_read(our_schema, ours, &our_leaves);
	leaves_read(their_schema, theirs, &their_leaves);
	for (int i = 0; i < our_leaves.n; i++)
	{
		const char        *path = our_leaves.path[i];
		struct difference *diff;

		if (strcmp(our_leaves.text[i], leaves_find(&their_leaves, path)) == 0 ||
			is_other_clock(exp, path))
			continue;
		diff = difference_find(kind, exp, path);
		if (diff == NULL || strcmp(diff->ours, our_leaves.text[i]) != 0)
			fail_msg("%s\t%s\t%d\t%s\t%s (Debezium: %s)", kind, exp->topic, exp->offset, path,
					 our_leaves.text[i], leaves_find(&their_leaves, path));
	}
	for (int i = 0; i < their_leaves.n; i++)
		if (strcmp(leaves_find(&our_leaves, their_leaves.path[i]), "absent") == 0 &&
			!is_excused(kind, exp, their_leaves.path[i]))
			fail_msg("%s %s %d: %s is missing", kind, exp->topic, exp->offset,
					 their_leaves.path[i]);
	leaves_free(&our_leaves);
	leaves_free(&their_leaves);
}

static bool
same_bytes(struct str ours, const struct buf *theirs)
{
	return ours.len == theirs->len && memcmp(ours.data, theirs->data, ours.len) == 0;
}

static void
check_header(const struct outgoing *out, const struct expected *exp)
{
	struct difference *diff = difference_find("header", exp, NULL);
	char              *ours = xstrdup("-");

	if (out->header_name)
	{
		free(ours);
		ours = xasprintf("%s=%.*s", out->header_name, (int) out->header_value.len,
						 out->header_value.data);
	}
	assert_string_equal(ours, diff ? diff->ours : exp->header);
	free(ours);
}

/* Without the prefixes that plan_of() has set. */
static struct str
unframed(struct str data, int id)
{
	assert_true(data.len >= 5);
	assert_int_equal((uint8_t) data.data[4], id);
	return (struct str){data.data + 5, data.len - 5};
}

static void
check_outgoing(const struct plan *plan, const struct outgoing *out, struct expected *exp)
{
	exp->met = true;
	assert_int_equal(out->has_key, exp->has_key);
	assert_int_equal(out->has_value, exp->has_value);
	check_header(out, exp);
	if (exp->has_key)
	{
		struct str key = unframed(out->key, 1);

		check_schema(plan, SIDE_KEY, exp, exp->key_schema);
		if (!same_bytes(key, &exp->key))
			check_leaves("key", exp, plan_schema(plan, SIDE_KEY), key, fix.schemas[exp->key_schema],
						 (struct str){(char *) exp->key.data, exp->key.len});
	}
	if (exp->has_value)
	{
		struct str value = unframed(out->value, 2);

		check_schema(plan, SIDE_VALUE, exp, exp->value_schema);
		if (!same_bytes(value, &exp->value))
			check_leaves("value", exp, plan_schema(plan, SIDE_VALUE), value,
						 fix.schemas[exp->value_schema],
						 (struct str){(char *) exp->value.data, exp->value.len});
	}
}

/* --- the plugin's frames ------------------------------------------------------------- */

static void
forget(struct table *tbl, void *arg)
{
	(void) arg;
	plan_free(tbl->user);
}

static void
set_prefixes(struct plan *plan)
{
	plan_set_prefix(plan, SIDE_KEY, (const uint8_t[]){0, 0, 0, 0, 1}, 5);
	plan_set_prefix(plan, SIDE_VALUE, (const uint8_t[]){0, 0, 0, 0, 2}, 5);
}

static char *
topic_of(const struct table *tbl)
{
	struct buf topic = {0};
	char      *raw = xasprintf("%s.%s.%s", prefix, tbl->schema, tbl->name);
	char      *out;

	names_topic(raw, &topic);
	out = xstrdup(buf_cstr(&topic));
	buf_free(&topic);
	free(raw);
	return out;
}

static struct plan *
plan_of(struct table *tbl, const char *topic)
{
	struct plan *plan = tbl->user;

	if (plan == NULL)
	{
		assert_rc_ok(plan_new(tbl, &fix.fmt, &fix.stats, topic, &plan, &e));
		set_prefixes(plan);
		tbl->user = plan;
	}
	return plan;
}

static struct expected *
next_expected(const char *topic)
{
	for (int i = 0; i < fix.nrecords; i++)
		if (!fix.records[i].met && strcmp(fix.records[i].topic, topic) == 0)
			return &fix.records[i];
	fail_msg("more records for %s than Debezium wrote", topic);
	return NULL;
}

static void
check_all(const struct plan *plan, const char *topic, const struct outgoing *out, unsigned nout)
{
	assert_true(nout > 0);
	for (unsigned i = 0; i < nout; i++)
		check_outgoing(plan, &out[i], next_expected(topic));
}

static void
run_record(const struct record *rec)
{
	struct outgoing  out[ENCODE_MAX_OUT];
	unsigned         nout = 0;
	struct table    *tbl;
	struct expected *exp;
	struct change    chg = rec->change;
	struct message   msg = rec->message;
	struct cursor    relations;
	char            *topic;

	switch (rec->kind)
	{
		case WIRE_RELATION: assert_rc_ok(catalog_learn(fix.cat, rec->relation, &tbl, &e)); break;
		case WIRE_INSERT:
		case WIRE_UPDATE:
		case WIRE_DELETE:
			tbl = catalog_table(fix.cat, chg.relation);
			topic = topic_of(tbl);
			exp = next_expected(topic);
			chg.lsn = exp->lsn;
			assert_rc_ok(
				encode_change(plan_of(tbl, topic), &chg, &exp->stamp, exp->now_ns, out, &nout, &e));
			assert_rc_ok(verify_outgoing(tbl->user, &chg, out, nout, &e));
			check_all(tbl->user, topic, out, nout);
			free(topic);
			break;
		case WIRE_TRUNCATE:
			relations = rec->truncate.relations;
			tbl = catalog_table(fix.cat, (uint32_t) cursor_uv(&relations));
			topic = topic_of(tbl);
			exp = next_expected(topic);
			assert_rc_ok(encode_truncate(plan_of(tbl, topic), &(struct truncate){.lsn = exp->lsn},
										 &exp->stamp, exp->now_ns, out, &nout, &e));
			check_all(tbl->user, topic, out, nout);
			free(topic);
			break;
		case WIRE_MESSAGE:
			exp = next_expected("dml.message");
			msg.lsn = exp->lsn;
			assert_rc_ok(
				encode_message(fix.messages, &msg, &exp->stamp, exp->now_ns, out, &nout, &e));
			check_all(fix.messages, "dml.message", out, nout);
			break;
		default: break;
	}
}

static void
run_frames(const char *path)
{
	struct buf    file = unit_file(path);
	struct buf    frames = {0};
	char         *rest = buf_cstr(&file);
	char         *line;
	struct cursor cur;
	struct cursor records;
	struct record rec;
	size_t        need;

	while ((line = strsep(&rest, "\n")) != NULL)
		unpack(line, &frames);
	cur = cursor_over(frames.data, frames.len);
	while (cursor_left(&cur) > 0)
	{
		enum rc rc;

		assert_rc_ok(frame_next(&cur, &records, &need, &e));
		while ((rc = record_next(fix.rdr, &records, &rec, &e)) == RC_OK)
			run_record(&rec);
		assert_int_equal(rc, RC_AGAIN);
	}
	buf_free(&file);
	buf_free(&frames);
}

static void
run_capture(const char *name, const char *database)
{
	char       *debezium = xasprintf("t/golden/%s.debezium", name);
	const char *folder = getenv("GOLDEN_FRAMES");
	char       *frames = xasprintf("%s/%s.frames", folder ? folder : "t/golden", name);

	memset(&fix, 0, sizeof(fix));
	prefix = name;
	fix.fmt = (struct format){.prefix = name,
							  .version = "3.4.0.Final",
							  .database = database,
							  .encoding = "UTF8",
							  .schema_names = ADJUST_AVRO,
							  .field_names = ADJUST_AVRO,
							  .tombstones = true,
							  .truncates = true,
							  .placeholder = "__debezium_unavailable_value"};
	read_lines(debezium, take_debezium);
	read_lines("t/golden/differences", take_difference);
	fix.rdr = reader_new(1 << 20);
	fix.cat = catalog_new(forget, NULL);
	assert_rc_ok(plan_new_message(&fix.fmt, &fix.stats, "dml.message", &fix.messages, &e));
	set_prefixes(fix.messages);
	run_frames(frames);
	for (int i = 0; i < fix.nrecords; i++)
	{
		if (!fix.records[i].met)
			fail_msg("%s %d was not met", fix.records[i].topic, fix.records[i].offset);
		free(fix.records[i].topic);
		free(fix.records[i].header);
		buf_free(&fix.records[i].key);
		buf_free(&fix.records[i].value);
	}
	for (int i = 0; i < fix.ndifferences; i++)
	{
		struct difference *diff = &fix.differences[i];

		if (!diff->used)
			fail_msg("not needed: %s %s %s %s", diff->kind, diff->topic, diff->offset, diff->what);
		free(diff->kind);
		free(diff->topic);
		free(diff->offset);
		free(diff->what);
		free(diff->ours);
	}
	for (int i = 0; i < SCHEMAS_MAX; i++)
		free(fix.schemas[i]);
	plan_free(fix.messages);
	catalog_free(fix.cat);
	reader_free(fix.rdr);
	free(debezium);
	free(frames);
}

static void
test_types(void **state)
{
	(void) state;
	run_capture("types", "g_types");
	assert_int_equal(fix.stats.special, 2);      /* numeric NaN twice */
	assert_int_equal(fix.stats.out_of_range, 2); /* timestamp 294276, 178000000 years */
	assert_int_equal(fix.stats.unavailable, 0);
	assert_int_equal(fix.stats.unsendable, 0);
	assert_int_equal(fix.stats.replaced, 0);
}

static void
test_dml(void **state)
{
	(void) state;
	run_capture("dml", "g_dml");
	assert_int_equal(fix.stats.special, 0);
	assert_int_equal(fix.stats.out_of_range, 0);
	assert_int_equal(fix.stats.skipped, 0);
	assert_int_equal(fix.stats.unavailable, 7); /* three columns, three, then two without big */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_dml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
