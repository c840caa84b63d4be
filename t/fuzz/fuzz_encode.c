/*
 * fuzz_encode.c
 *		Random tables in random formats, and random rows of them: whatever the
 *		encoder gives is Avro of a schema that libavro takes, and what it
 *		refuses it refuses with a message.
 *
 *		Half of the inputs have noise: values, texts and descriptions that no
 *		server sends.  Rows without are compared with their messages, too.
 */
#include "encode.h"
#include "made_row.h"
#include "patterns.h"
#include "replay.h"
#include "schema.h"
#include "text.h"
#include "verify.h"

#define CHANGES_MADE_MAX 6
#define SUBJECTS 2 /* tables; they share a workspace, or each has its own */

struct subject
{
	struct table *tbl;
	struct plan  *plan; /* NULL: there is none of this table */
	struct avro  *avro[2];
	uint8_t       prefix_len[2];
	bool          clean; /* a description that a server can send */
};

struct play
{
	struct dice         dice;
	struct format       fmt;
	struct encode_stats stats;
	struct subject      subjects[SUBJECTS];
};

/* --- what must be so ------------------------------------------------------------------ */

static void
require(bool is_so, const char *what, const struct err *e)
{
	if (is_so)
		return;
	fprintf(stderr, "fuzz_encode: %s", what);
	if (e)
		fprintf(stderr, ": %s %s: %s (%s)", err_code_name(e->code), e->msg, e->detail, e->hint);
	fprintf(stderr, "\n");
	abort();
}

static void
require_utf8(const char *s, size_t len, const char *what)
{
	if (utf8_span(s, len) != len)
		fprintf(stderr, "%.*s\n", (int) len, s);
	require(utf8_span(s, len) == len, what, NULL);
}

/* --- formats -------------------------------------------------------------------------- */

static void
format_make(struct play *play)
{
	static const char *const placeholders[] = {
		"__debezium_unavailable_value", "", "hex:00ff41", "hex:", "\"\\ \xc3\xa9", "hex:c3a9"};
	static const char *const encodings[] = {"UTF8", "LATIN1", "EUC_JP", "SQL_ASCII"};
	struct format           *fmt = &play->fmt;
	struct dice             *dice = &play->dice; /* thrown in the order of statements */
	struct err               e;

	*fmt = (struct format){
		.prefix = "shop",
		.version = "1.2.3",
		.run_id = "01234567-89ab-cdef-0123-456789abcdef",
	};
	fmt->database = pick(dice, 2) ? "shopdb" : "d\xe4";
	fmt->encoding = encodings[pick(dice, LENGTH(encodings))];
	fmt->schema_names = (enum adjustment)(1 + pick(dice, 2));
	fmt->field_names = (enum adjustment) pick(dice, 3);
	fmt->tombstones = pick(dice, 2);
	fmt->truncates = pick(dice, 2);
	fmt->generated = pick(dice, 2);
	fmt->placeholder = placeholders[pick(dice, LENGTH(placeholders))];
	fmt->profile = (enum profile) pick(dice, PROFILE_3_5 + 1);
	fmt->decimals = (enum decimal_mode) pick(dice, DECIMAL_STRING + 1);
	fmt->times = (enum time_mode) pick(dice, TIME_NANOSECONDS + 1);
	fmt->intervals = (enum interval_mode) pick(dice, INTERVAL_STRING + 1);
	fmt->binaries = (enum binary_mode) pick(dice, BINARY_HEX + 1);
	fmt->hstores = (enum hstore_mode) pick(dice, HSTORE_MAP + 1);
	fmt->money_digits = pick(dice, 11);
	fmt->wire_digits = pick(dice, 11);
	fmt->endless = pick(dice, 2);
	fmt->unknown = pick(dice, 2);
	fmt->exact = one_in(dice, 3) ? pick(dice, 128) : 0;
	fmt->transactions = pick(dice, 2);
	fmt->extended_headers = pick(dice, 2);
	fmt->work = pick(dice, 2) ? workspace_new() : NULL;
	/* libavro keeps the keys of a map as C strings. */
	if (fmt->hstores == HSTORE_MAP && strncmp(fmt->placeholder, "hex:00", 6) == 0)
		fmt->placeholder = "hex:ff41";
	if (one_in(dice, 4))
		require(patterns_new("list", ".*", &fmt->propagate_columns, &e) == RC_OK, "patterns", &e);
	if (one_in(dice, 8))
		require(patterns_new("list", ".*[.]int4,.*[.]numeric", &fmt->propagate_types, &e) == RC_OK,
				"patterns", &e);
}

/* A cursor over an exact copy, which the caller frees by *copy. */
static struct cursor
cursor_exact(const struct buf *bytes, uint8_t **copy)
{
	*copy = xmalloc(bytes->len + (bytes->len == 0));
	if (bytes->len > 0)
		memcpy(*copy, bytes->data, bytes->len);
	return cursor_over(*copy, bytes->len);
}

/* --- messages ------------------------------------------------------------------------- */

/*
 * What noise brought in may be Avro that is written otherwise: numbers in more
 * bytes than they need, keys of a map that are there twice or have a zero byte.
 */
static void
side_check(const struct subject *subject, enum side side, struct str data, bool clean)
{
	struct avro *avro = subject->avro[side];
	size_t       skip = subject->prefix_len[side];
	struct buf   json = {0};
	struct err   e = {0};

	require(avro != NULL, "a side without schema has data", NULL);
	require(data.len >= skip, "a message is shorter than its prefix", NULL);
	for (size_t i = 0; i < skip; i++)
		require((uint8_t) data.data[i] == 0xa0 + i, "a prefix is another", NULL);
	data.data += skip;
	data.len -= skip;
	if (avro_print(avro, data.data, data.len, &json, &e) != RC_OK ||
		(clean && avro_verify(avro, data.data, data.len, &e) != RC_OK))
	{
		fprintf(stderr, "%s\n", plan_schema(subject->plan, side));
		for (size_t i = 0; i < data.len; i++)
			fprintf(stderr, "%02x", (uint8_t) data.data[i]);
		fprintf(stderr, "\n");
		require(false, "libavro reads another", &e);
	}
	require_utf8((const char *) json.data, json.len, "a string is no UTF-8");
	buf_free(&json);
}

static void
messages_check(const struct subject *subject, const struct outgoing *out, unsigned nout, bool clean)
{
	require(nout <= ENCODE_MAX_OUT, "too many messages", NULL);
	for (unsigned i = 0; i < nout; i++)
	{
		require(!out[i].has_key || subject->avro[SIDE_KEY], "a key of a table that has none", NULL);
		if (out[i].has_key)
			side_check(subject, SIDE_KEY, out[i].key, clean);
		if (out[i].has_value)
			side_check(subject, SIDE_VALUE, out[i].value, clean);
		for (unsigned j = 0; j < out[i].nheaders; j++)
		{
			const struct header *header = &out[i].headers[j];

			require(header->name != NULL, "a header has no name", NULL);
			require_utf8(header->value.data, header->value.len, "a header is no UTF-8");
		}
	}
}

static struct stamp
stamp_make(struct dice *dice)
{
	struct stamp stamp = {0};

	stamp.xid = (uint32_t) pick_number(dice, 1, UINT32_MAX);
	stamp.commit_us = pick_number(dice, INT64_MIN, INT64_MAX);
	stamp.last_commit_lsn = (uint64_t) pick_number(dice, INT64_MIN, INT64_MAX);
	stamp.total_order = pick(dice, 256);
	stamp.table_order = pick(dice, 256);
	if (pick(dice, 2))
	{
		stamp.origin = (struct str){"\xc3\xa9", 2};
		stamp.origin_lsn = pick_bits(dice);
	}
	return stamp;
}

static void
truncate_play(struct play *play, struct subject *subject)
{
	struct truncate trunc = {.lsn = pick_bits(&play->dice), .nrelations = 1};
	struct stamp    stamp = stamp_make(&play->dice);
	struct outgoing out[ENCODE_MAX_OUT];
	unsigned        nout;
	struct err      e = {0};

	require(encode_truncate(subject->plan, &trunc, &stamp, 1, out, &nout, &e) == RC_OK,
			"a truncate is refused", &e);
	messages_check(subject, out, nout, true);
}

/* Only a key that cannot be said is a reason to refuse a good row. */
static void
change_encode(struct play *play, struct subject *subject, const struct change *chg)
{
	struct stamp    stamp = stamp_make(&play->dice);
	struct outgoing out[ENCODE_MAX_OUT];
	unsigned        nout = 0;
	struct err      e = {0};
	int64_t         now_ns = pick_number(&play->dice, 0, INT64_MAX);

	if (encode_change(subject->plan, chg, &stamp, now_ns, out, &nout, &e) != RC_OK)
	{
		require(e.msg[0] != '\0' && e.code != E0, "a change is refused without a message", NULL);
		require(!play->dice.clean || (e.class == ERR_DATA && e.code == E1602),
				"a good row is refused", &e);
		return;
	}
	messages_check(subject, out, nout, play->dice.clean);
	for (unsigned i = 0; i < nout; i++)
		require(out[i].has_key || !subject->avro[SIDE_KEY], "a row has lost its key", NULL);
	if (play->dice.clean)
		require(verify_outgoing(subject->plan, chg, out, nout, &e) == RC_OK, "not the row", &e);
	if (one_in(&play->dice, 8))
		plan_trim(subject->plan);
}

static void
change_play(struct play *play, struct subject *subject)
{
	static const enum wire_kind kinds[] = {WIRE_INSERT, WIRE_UPDATE, WIRE_UPDATE, WIRE_DELETE};
	struct change               chg = {.kind = kinds[pick(&play->dice, LENGTH(kinds))]};
	struct made_longs           longs = {.count = 0};
	struct buf                  old_tuple = {0};
	struct buf                  new_tuple = {0};
	uint8_t                    *old_copy;
	uint8_t                    *new_copy;

	chg.lsn = (uint64_t) pick_number(&play->dice, 0, INT64_MAX);
	play->dice.clean = subject->clean;
	chg.old_kind = pick_old(&play->dice, subject->tbl, chg.kind);
	if (chg.old_kind != WIRE_OLD_NONE)
		tuple_put(&play->dice, subject->tbl, chg.old_kind == WIRE_OLD_KEY, &longs, &old_tuple);
	if (chg.kind != WIRE_DELETE)
		tuple_put(&play->dice, subject->tbl, false, &longs, &new_tuple);
	chg.old_tuple = cursor_exact(&old_tuple, &old_copy);
	chg.new_tuple = cursor_exact(&new_tuple, &new_copy);
	chg.longs = longs.values;
	chg.nlongs = longs.count;
	if (chg.nlongs > 0 && is_noise(&play->dice, 8))
		chg.nlongs--;
	change_encode(play, subject, &chg);
	longs_free(&longs);
	free(old_copy);
	free(new_copy);
	buf_free(&old_tuple);
	buf_free(&new_tuple);
}

/* --- a whole input -------------------------------------------------------------------- */

static void
schema_check(struct subject *subject, enum side side)
{
	const char *schema = plan_schema(subject->plan, side);
	struct buf  canonical = {0};
	struct err  e = {0};

	if (schema == NULL)
		return;
	require_utf8(schema, strlen(schema), "a schema is no UTF-8");
	if (avro_new(schema, &subject->avro[side], &e) != RC_OK)
	{
		fprintf(stderr, "%s\n", schema);
		require(false, "libavro refuses a schema", &e);
	}
	require(avro_canonical(schema, &canonical), "a schema has no canonical form", NULL);
	buf_free(&canonical);
}

/* PostgreSQL has no empty names, and Avro has no names for them. */
static bool
has_names(const struct table *tbl)
{
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
		if (tbl->columns[i].name[0] == '\0')
			return false;
	return true;
}

/* As catalog.c makes it of a relation record; NULL: noise made it none. */
static struct table *
table_make(struct play *play)
{
	/* Without adjustment a name that is none in Avro is nobody's fault but the user's. */
	bool          plain_names = play->fmt.field_names == ADJUST_NONE;
	struct table *tbl = NULL;
	struct buf    body = {0};
	struct err    e = {0};
	enum rc       rc;

	relation_put(&play->dice, plain_names, &body);
	rc = table_read(cursor_over(body.data, body.len), &tbl, &e);
	require(rc == RC_OK || !play->dice.clean, "a good table is refused", &e);
	require(rc == RC_OK || e.msg[0] != '\0', "a table is refused without a message", NULL);
	buf_free(&body);
	return tbl;
}

static void
subject_begin(struct play *play, struct subject *subject)
{
	static const uint8_t prefix[] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9};
	const char          *topic = pick(&play->dice, 2) ? "shop.public.t" : "shop.1-_.t";
	struct err           e = {0};
	enum rc              rc;

	play->dice.clean = true;
	subject->tbl = table_make(play);
	subject->clean = play->dice.clean;
	if (subject->tbl == NULL || !has_names(subject->tbl))
		return;
	rc = plan_new(subject->tbl, &play->fmt, &play->stats, topic, &subject->plan, &e);
	require(rc == RC_OK || e.msg[0] != '\0', "a table has no plan and no message", NULL);
	require(rc == RC_OK || !subject->clean || e.code == E1605, "a good table has no plan", &e);
	if (rc != RC_OK)
	{
		subject->plan = NULL;
		return;
	}
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
	{
		subject->prefix_len[side] = (uint8_t) pick(&play->dice, sizeof(prefix) + 1);
		schema_check(subject, (enum side) side);
		plan_set_prefix(subject->plan, (enum side) side, prefix, subject->prefix_len[side]);
	}
}

static void
play_end(struct play *play)
{
	for (int i = 0; i < SUBJECTS; i++)
	{
		struct subject *subject = &play->subjects[i];

		avro_free(subject->avro[SIDE_KEY]);
		avro_free(subject->avro[SIDE_VALUE]);
		plan_free(subject->plan);
		table_free(subject->tbl);
	}
	workspace_free(play->fmt.work);
	patterns_free(play->fmt.propagate_columns);
	patterns_free(play->fmt.propagate_types);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct play play = {.dice.in = cursor_over(data, size)};

	play.dice.noise = pick(&play.dice, 2);
	format_make(&play);
	for (int i = 0; i < SUBJECTS; i++)
		subject_begin(&play, &play.subjects[i]);
	for (int i = 0; i < CHANGES_MADE_MAX && cursor_left(&play.dice.in) > 0; i++)
	{
		struct subject *subject = &play.subjects[pick(&play.dice, SUBJECTS)];

		if (subject->plan == NULL)
			continue;
		if (one_in(&play.dice, 16))
			truncate_play(&play, subject);
		else
			change_play(&play, subject);
	}
	play_end(&play);
	return 0;
}
