/*
 * test_golden.c
 *		Our schemas and our bytes against what a real Debezium wrote, for every
 *		capture in t/golden.
 *
 * t/golden/STATEMENTS.frames is what walrelay.so wrote for a set of statements,
 * NAME.debezium what Debezium wrote for the same ones under the settings of
 * NAME.config.  The plugin's changes are encoded under the same settings and
 * under the positions and times of Debezium's records, and must give the same
 * bytes, but for what t/golden/differences lists, each line of which must be
 * needed.  Whatever else differs is printed as a line for that file.
 * GOLDEN_FRAMES names another folder with frames, fresh ones from a running
 * server say: plain hex lines do.
 */
#include "golden.h"

#include <glob.h>

#include "catalog.h"
#include "frame.h"
#include "names.h"
#include "record.h"
#include "schema.h"
#include "text.h"
#include "verify.h"

#define LEAVES_MAX 1500

static struct err     e;
static struct capture capture;

static struct
{
	int                 nunlisted; /* differences that no line excuses */
	struct format       fmt;
	struct encode_stats stats;
	struct plan        *messages;
	struct plan        *boundaries;
	struct reader      *rdr;
	struct catalog     *cat;
	struct collection   collections[16]; /* events of the transaction at hand */
	uint32_t            ncollections;
	struct stamp        stamp; /* total_order is counted here */
	bool                begun;
} fix;

static void
unlisted(const char *kind, const struct expected *exp, const char *what, const char *ours,
		 const char *theirs)
{
	fix.nunlisted++;
	print_message("%s\t%s\t%s\t%d\t%s\t%s\t(Debezium: %s)\n", capture.name, kind, exp->table,
				  exp->offset, what, ours, theirs);
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

/* ours with the prefix in place of @ */
static char *
with_prefix(const char *ours)
{
	struct buf out = {0};
	char      *text;

	for (; *ours; ours++)
		if (*ours == '@')
			buf_puts(&out, capture.name);
		else
			buf_put_u8(&out, (uint8_t) *ours);
	text = xstrdup(buf_cstr(&out));
	buf_free(&out);
	return text;
}

/* The field in place of Debezium's; "" for none.  where: name, or name of the one before it, +. */
static char *
replace_field(char *schema, const char *field, const char *ours)
{
	bool   after = field[strlen(field) - 1] == '+';
	char  *needle = xasprintf("{\"name\":\"%.*s\",", (int) (strlen(field) - after), field);
	char  *at = strstr(schema, needle);
	size_t length;
	char  *out;

	free(needle);
	if (at == NULL)
		return schema;
	length = object_length(at);
	if (after)
		out = xasprintf("%.*s,%s%s", (int) (at + length - schema), schema, ours, at + length);
	else
		out = xasprintf("%.*s%s%s", (int) (at - schema), schema, ours,
						at + length + (*ours == '\0' && at[length] == ','));
	free(schema);
	return out;
}

/* Fields that differ, as lines for the list of differences. */
static void
print_fields(const struct expected *exp, const char *ours, const char *theirs)
{
	const char *at = ours;
	int         before = fix.nunlisted;

	while ((at = strstr(at, "{\"name\":")) != NULL)
	{
		size_t      length = object_length(at);
		char       *field = xasprintf("%.*s", (int) length, at);
		char       *name = xasprintf("%.*s", (int) strcspn(at + 9, "\""), at + 9);
		char       *needle = xasprintf("{\"name\":\"%s\",", name);
		const char *other = strstr(theirs, needle);

		if (strcmp(name, "before") != 0 && strcmp(name, "after") != 0 && strstr(theirs, field) == NULL)
			unlisted("field", exp, name, field, other ? "another" : "none");
		at += strcmp(name, "before") == 0 ? 9 : length;
		free(field);
		free(name);
		free(needle);
	}
	if (fix.nunlisted == before)
		unlisted("schema", exp, "-", ours, theirs);
}

static void
check_schema(const struct plan *plan, enum side side, const struct expected *exp, int id)
{
	char              *theirs = lower_escapes(capture.schemas[id]);
	char              *ours = lower_escapes(plan_schema(plan, side));
	struct difference *diff;

	if (side == SIDE_KEY &&
		(diff = golden_difference_find(&capture, "key-schema", exp, NULL)) != NULL)
	{
		free(theirs);
		theirs = with_prefix(diff->ours);
	}
	for (int i = 0; side == SIDE_VALUE && i < ndifferences; i++)
	{
		diff = &differences[i];
		if (strcmp(diff->kind, "field") == 0 &&
			golden_difference_find(&capture, "field", exp, diff->what) == diff)
			theirs = replace_field(theirs, diff->what, diff->ours);
	}
	if (strcmp(ours, theirs) != 0 && side == SIDE_KEY)
		unlisted("key-schema", exp, "-", ours, theirs);
	else if (strcmp(ours, theirs) != 0)
		print_fields(exp, ours, theirs);
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
		case LEAF_LIST: buf_printf(&text, "[%lld]", (long long) leaf->number); break;
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

	while (!(found = golden_difference_find(&capture, kind, exp, whole) != NULL) && (dot = strrchr(whole, '.')))
		*dot = '\0';
	free(whole);
	return found;
}

/* Debezium reads the clock again for the second event of a changed key. */
static bool
is_other_clock(const struct expected *exp, const char *path)
{
	return strncmp(path, "ts_", 3) == 0 && exp->nheaders > 0 &&
		   strncmp(exp->headers[0], "__debezium.oldkey", 17) == 0;
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
		diff = golden_difference_find(&capture, kind, exp, path);
		if (diff == NULL || strcmp(diff->ours, our_leaves.text[i]) != 0)
			unlisted(kind, exp, path, our_leaves.text[i], leaves_find(&their_leaves, path));
	}
	for (int i = 0; i < their_leaves.n; i++)
		if (strcmp(leaves_find(&our_leaves, their_leaves.path[i]), "absent") == 0 &&
			!is_excused(kind, exp, their_leaves.path[i]))
			unlisted(kind, exp, their_leaves.path[i], "absent", their_leaves.text[i]);
	leaves_free(&our_leaves);
	leaves_free(&their_leaves);
}

static bool
same_bytes(struct str ours, const struct buf *theirs)
{
	return ours.len == theirs->len && memcmp(ours.data, theirs->data, ours.len) == 0;
}

static void
check_headers(const struct outgoing *out, const struct expected *exp)
{
	struct difference *diff = golden_difference_find(&capture, "header", exp, NULL);
	unsigned           n = 0;

	for (unsigned i = 0; i < out->nheaders; i++)
	{
		const struct header *header = &out->headers[i];
		char       *ours = xasprintf("%s=%.*s", header->name, (int) header->value.len,
									 header->value.data);
		const char *theirs = i < exp->nheaders ? exp->headers[i] : "none";

		if (strcmp(header->name, "__walrelay.before") != 0 &&
			strcmp(ours, diff && i == 0 ? diff->ours : theirs) != 0)
			unlisted("header", exp, "-", ours, theirs);
		n += strcmp(header->name, "__walrelay.before") != 0;
		free(ours);
	}
	if (n < exp->nheaders)
		unlisted("header", exp, "-", "none", exp->headers[n]);
}

/* Without the prefixes that plan_of() has set. */
static struct str
unframed(struct str data, int id)
{
	assert_true(data.len >= 5);
	assert_int_equal((uint8_t) data.data[4], id);
	return (struct str){data.data + 5, data.len - 5};
}

/* A key where Debezium has none. */
static void
check_key_added(const struct plan *plan, const struct expected *exp)
{
	struct difference *diff = golden_difference_find(&capture, "key-schema", exp, NULL);
	char              *listed = with_prefix(diff ? diff->ours : "");

	if (strcmp(listed, plan_schema(plan, SIDE_KEY)) != 0)
		unlisted("key-schema", exp, "-", plan_schema(plan, SIDE_KEY), "none");
	free(listed);
}

static void
check_outgoing(const struct plan *plan, const struct outgoing *out, struct expected *exp)
{
	exp->met = true;
	assert_true(out->has_key || !exp->has_key);
	assert_int_equal(out->has_value, exp->has_value);
	check_headers(out, exp);
	if (out->has_key && !exp->has_key)
		check_key_added(plan, exp);
	if (exp->has_key)
	{
		struct str key = unframed(out->key, 1);

		check_schema(plan, SIDE_KEY, exp, exp->key_schema);
		if (!same_bytes(key, &exp->key))
			check_leaves("key", exp, plan_schema(plan, SIDE_KEY), key, capture.schemas[exp->key_schema],
						 (struct str){(char *) exp->key.data, exp->key.len});
	}
	if (exp->has_value)
	{
		struct str value = unframed(out->value, 2);

		check_schema(plan, SIDE_VALUE, exp, exp->value_schema);
		if (!same_bytes(value, &exp->value))
			check_leaves("value", exp, plan_schema(plan, SIDE_VALUE), value,
						 capture.schemas[exp->value_schema],
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
	char      *raw = xasprintf("%s.%s.%s", capture.name, tbl->schema, tbl->name);
	char      *out;

	names_topic(raw, &topic);
	out = xstrdup(buf_cstr(&topic));
	buf_free(&topic);
	free(raw);
	return out;
}

/* What transactions count by. */
static const char *
collection_of(const struct table *tbl)
{
	size_t size = strlen(tbl->schema) + strlen(tbl->name) + 2;
	char  *name = arena_alloc(tbl->arena, size);

	snprintf(name, size, "%s.%s", tbl->schema, tbl->name);
	return name;
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
	for (int i = 0; i < capture.nrecords; i++)
		if (!capture.records[i].met && strcmp(capture.records[i].topic, topic) == 0)
			return &capture.records[i];
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

/* --- transactions, as pipeline_transaction.c counts them ------------------------- */

static void
transaction_begin(uint64_t lsn, const struct stamp *stamp)
{
	struct outgoing out[ENCODE_MAX_OUT];
	unsigned        nout = 0;
	char           *topic;

	if (!fix.fmt.transactions || fix.begun || stamp->xid == 0)
		return;
	fix.begun = true;
	fix.ncollections = 0;
	fix.stamp = *stamp;
	topic = xasprintf("%s.transaction", capture.name);
	encode_begin(fix.boundaries, &fix.stamp, lsn, out, &nout);
	check_all(fix.boundaries, topic, out, nout);
	free(topic);
}

static struct collection *
transaction_collection(const char *name)
{
	for (uint32_t i = 0; i < fix.ncollections; i++)
		if (strcmp(fix.collections[i].name, name) == 0)
			return &fix.collections[i];
	assert_true(fix.ncollections < 16);
	fix.collections[fix.ncollections] = (struct collection){.name = name};
	return &fix.collections[fix.ncollections++];
}

/* The stamp of the next event, under the times of Debezium's. */
static struct stamp
transaction_stamp(const struct expected *exp, const char *collection)
{
	struct stamp stamp = exp->stamp;

	transaction_begin(exp->lsn, &stamp);
	if (fix.begun)
	{
		stamp.total_order = fix.stamp.total_order;
		stamp.table_order = transaction_collection(collection)->events;
	}
	return stamp;
}

static void
transaction_count(const char *collection, const struct outgoing *out, unsigned nout)
{
	for (unsigned i = 0; i < nout && fix.begun; i++)
		if (out[i].has_value)
		{
			fix.stamp.total_order++;
			transaction_collection(collection)->events++;
		}
}

/* Debezium's id has the LSN in it. */
static void
transaction_end(void)
{
	struct outgoing  out[ENCODE_MAX_OUT];
	unsigned         nout = 0;
	char            *topic = xasprintf("%s.transaction", capture.name);
	struct expected *exp;
	const char      *colon;
	char            *lsn;

	if (fix.begun)
	{
		exp = next_expected(topic);
		colon = memchr(exp->key.data, ':', exp->key.len);
		assert_non_null(colon);
		lsn = xstrndup(colon + 1, exp->key.len - (size_t) (colon + 1 - (char *) exp->key.data));
		encode_end(fix.boundaries, &fix.stamp, strtoull(lsn, NULL, 10), fix.collections,
				   fix.ncollections, out, &nout);
		free(lsn);
		check_all(fix.boundaries, topic, out, nout);
	}
	fix.begun = false;
	free(topic);
}

/* --- records ------------------------------------------------------------------------ */

/* Tables that the capture's lists leave out have no records in it at all. */
static bool
is_captured(const char *topic)
{
	bool all = !*capture.cfg->tables.include && !*capture.cfg->tables.exclude;

	for (int i = 0; i < capture.nrecords; i++)
		if (strcmp(capture.records[i].topic, topic) == 0)
			return true;
	return all;
}

static void
run_change(const struct record *rec)
{
	struct outgoing  out[ENCODE_MAX_OUT];
	unsigned         nout = 0;
	struct change    chg = rec->change;
	struct table    *tbl = catalog_table(fix.cat, chg.relation);
	char            *topic = topic_of(tbl);
	const char      *collection = collection_of(tbl);
	struct expected *exp;
	struct stamp     stamp;

	if (!is_captured(topic))
	{
		free(topic);
		return;
	}
	exp = next_expected(topic);
	stamp = transaction_stamp(exp, collection);
	chg.lsn = exp->lsn;
	assert_rc_ok(
		encode_change(plan_of(tbl, topic), &chg, &stamp, exp->now_ns, out, &nout, &e));
	assert_rc_ok(verify_outgoing(tbl->user, &chg, out, nout, &e));
	transaction_count(collection, out, nout);
	check_all(tbl->user, topic, out, nout);
	free(topic);
}

static void
run_truncate(const struct record *rec)
{
	struct outgoing  out[ENCODE_MAX_OUT];
	unsigned         nout = 0;
	struct cursor    relations = rec->truncate.relations;
	struct table    *tbl = catalog_table(fix.cat, (uint32_t) cursor_uv(&relations));
	char            *topic = topic_of(tbl);
	struct expected *exp;
	struct stamp     stamp;

	if (fix.fmt.truncates)
	{
		exp = next_expected(topic);
		stamp = transaction_stamp(exp, collection_of(tbl));
		assert_rc_ok(encode_truncate(plan_of(tbl, topic), &(struct truncate){.lsn = exp->lsn},
									 &stamp, exp->now_ns, out, &nout, &e));
		transaction_count(collection_of(tbl), out, nout);
		check_all(tbl->user, topic, out, nout);
	}
	free(topic);
}

static void
run_message(const struct record *rec)
{
	struct outgoing  out[ENCODE_MAX_OUT];
	unsigned         nout = 0;
	struct message   msg = rec->message;
	char            *topic = xasprintf("%s.message", capture.name);
	struct expected *exp = next_expected(topic);
	struct stamp     stamp =
        msg.transactional ? transaction_stamp(exp, "message") : exp->stamp;

	msg.lsn = exp->lsn;
	assert_rc_ok(encode_message(fix.messages, &msg, &stamp, exp->now_ns, out, &nout, &e));
	if (msg.transactional)
		transaction_count("message", out, nout);
	check_all(fix.messages, topic, out, nout);
	free(topic);
}

static const char *theirs_of(const char *path);

/* Version, database and run are Debezium's: those must differ. */
static void
run_hello(const struct hello *hello)
{
	static char version[64];
	static char database[64];
	static char run_id[64];

	snprintf(version, sizeof(version), "%s", theirs_of("source.version"));
	snprintf(database, sizeof(database), "%s", theirs_of("source.db"));
	for (int i = 0; i < capture.nrecords; i++)
		for (unsigned j = 0; j < capture.records[i].nheaders; j++)
			if (sscanf(capture.records[i].headers[j], "__debezium.context.runId=%63s", run_id) == 1)
				break;
	fix.fmt.run_id = run_id;
	assert_rc_ok(format_init(&fix.fmt, capture.cfg, hello, &e));
	free((char *) fix.fmt.database);
	fix.fmt.database = xstrdup(database);
	fix.fmt.version = version;
	assert_rc_ok(plan_new_message(&fix.fmt, &fix.stats, "", &fix.messages, &e));
	set_prefixes(fix.messages);
	assert_rc_ok(plan_new_boundary(&fix.fmt, &fix.stats, &fix.boundaries, &e));
	set_prefixes(fix.boundaries);
}

static void
run_record(const struct record *rec)
{
	struct table *tbl;

	switch (rec->kind)
	{
		case WIRE_HELLO: run_hello(&rec->hello); break;
		case WIRE_RELATION: assert_rc_ok(catalog_learn(fix.cat, rec->relation, &tbl, &e)); break;
		case WIRE_INSERT:
		case WIRE_UPDATE:
		case WIRE_DELETE: run_change(rec); break;
		case WIRE_TRUNCATE: run_truncate(rec); break;
		case WIRE_MESSAGE: run_message(rec); break;
		case WIRE_COMMIT: transaction_end(); break;
		default: break;
	}
}

/* Of the first value that has it, without the quote that leaf_text() puts before text. */
static const char *
theirs_of(const char *path)
{
	static char   text[64];
	struct leaves leaves;

	for (int i = 0; i < capture.nrecords; i++)
	{
		struct expected *exp = &capture.records[i];

		if (!exp->has_value || strcmp(exp->table, "transaction") == 0)
			continue;
		leaves_read(capture.schemas[exp->value_schema],
					(struct str){(char *) exp->value.data, exp->value.len}, &leaves);
		snprintf(text, sizeof(text), "%s", leaves_find(&leaves, path) + 1);
		leaves_free(&leaves);
		return text;
	}
	return "";
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
		golden_unpack(line, &frames);
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
test_capture(void **state)
{
	const char *folder = getenv("GOLDEN_FRAMES");
	char       *frames;

	memset(&fix, 0, sizeof(fix));
	golden_open(&capture, *state);
	frames = xasprintf("%s/%s.frames", folder ? folder : "t/golden", capture.statements);
	fix.rdr = reader_new(1 << 20);
	fix.cat = catalog_new(forget, NULL);
	run_frames(frames);
	for (int i = 0; i < capture.nrecords; i++)
		if (!capture.records[i].met)
			unlisted("record", &capture.records[i], "-", "none", "a record");
	plan_free(fix.messages);
	plan_free(fix.boundaries);
	catalog_free(fix.cat);
	reader_free(fix.rdr);
	format_free(&fix.fmt);
	golden_close(&capture);
	free(frames);
	assert_int_equal(fix.nunlisted, 0);
}

/* After all captures: none of the lines is left over. */
static void
test_differences(void **state)
{
	int unused = 0;

	(void) state;
	for (int i = 0; i < ndifferences; i++)
		if (!differences[i].used)
		{
			print_message("not needed: %s %s %s %s %s\n", differences[i].captures,
						  differences[i].kind, differences[i].table, differences[i].offset,
						  differences[i].what);
			unused++;
		}
	assert_int_equal(unused, 0);
}

#define CAPTURES_MAX 100

/* "t/golden/types.config" to "types" */
static char *
capture_name(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	return xstrndup(name, (size_t) (strrchr(name, '.') - name));
}

int
main(void)
{
	static struct CMUnitTest tests[CAPTURES_MAX + 1];
	glob_t                   configs;
	size_t                   n = 0;
	int                      failed;

	golden_lines("t/golden/differences", golden_difference, NULL);
	if (glob("t/golden/*.config", 0, NULL, &configs) != 0 || configs.gl_pathc > CAPTURES_MAX)
		return 1;
	for (; n < configs.gl_pathc; n++)
	{
		char *name = capture_name(configs.gl_pathv[n]);

		tests[n] = (struct CMUnitTest){name, test_capture, NULL, NULL, name};
	}
	globfree(&configs);
	tests[n] = (struct CMUnitTest){"differences", test_differences, NULL, NULL, NULL};
	failed = _cmocka_run_group_tests("golden", tests, n + 1, NULL, NULL);
	for (size_t i = 0; i < n; i++)
		free((char *) tests[i].name);
	golden_differences_free();
	return failed;
}
