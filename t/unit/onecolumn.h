/*
 * onecolumn.h
 *		A table of id and c, whose rows differ in c alone: for tests of how values
 *		of one type are encoded, and of verify.c, which compares every message
 *		with its row.
 */
#ifndef T_UNIT_ONECOLUMN_H
#define T_UNIT_ONECOLUMN_H

#include "planned.h"

#include "verify.h"

#define NOT_NULL WIRE_COLUMN_NOT_NULL

static struct err          e;
static struct encode_stats stats;
static struct format       fmt;
static struct outgoing     out[ENCODE_MAX_OUT];
static unsigned            nout;
static struct table       *tbl;
static struct plan        *plan;
static struct buf          value; /* of c, as the row has it */
static struct buf          body;  /* of an array */
static const char         *labels[] = {"sad", "it's \"ok\"", "happy"};

static inline int
setup(void **state)
{
	(void) state;
	fmt = planned_format();
	stats = (struct encode_stats){0};
	return 0;
}

static inline void
forget(void)
{
	plan_free(plan);
	table_free(tbl);
	plan = NULL;
	tbl = NULL;
}

static inline int
teardown(void **state)
{
	(void) state;
	forget();
	buf_free(&value);
	buf_free(&body);
	return 0;
}

/* The plan of a table whose second column is c; in_key: of the primary key, after id. */
static inline void
plan_column(struct column c, bool in_key)
{
	static const uint32_t both[] = {0, 1};
	uint32_t              nkeys = in_key ? 2 : 1;
	struct column         columns[] = {COLUMN("id", WIRE_FORM_INT, 23, "int4", -1, NOT_NULL), c};

	forget();
	columns[1].name = "c";
	tbl = planned_table(columns, 2, 'd', WIRE_KEY_PRIMARY, both, nkeys, both, nkeys);
	plan = planned_plan(tbl, &fmt, &stats);
}

static inline struct column
plain(uint32_t oid, const char *type, uint16_t flags)
{
	return (struct column) COLUMN("c", WIRE_FORM_TEXT, oid, type, -1, flags);
}

/* An array of a type; c's own oid is of no interest. */
static inline struct column
array_of(enum wire_form form, uint32_t oid, const char *type, int32_t typmod, uint16_t flags)
{
	return (struct column){.form = WIRE_FORM_ARRAY,
						   .flags = WIRE_COLUMN_ARRAY | flags,
						   .type = {90000, typmod, "pg_catalog", "_array"},
						   .element = {oid, -1, oid < 16384 ? "pg_catalog" : "public", type},
						   .element_form = form,
						   .delimiter = ',',
						   .labels = labels,
						   .nlabels = flags & WIRE_COLUMN_ENUM ? 3 : 0};
}

/* A row of id 1 and c in a state; value is what c has. */
static inline struct change
row_of(struct buf *tuple, enum wire_state state)
{
	const uint8_t states[] = {WIRE_STATE_VALUE, (uint8_t) state};

	buf_reset(tuple);
	fb_tuple(tuple, states, 2);
	fb_sv(tuple, 1);
	buf_put(tuple, value.data, value.len);
	return (struct change){.kind = WIRE_INSERT, .old_kind = WIRE_OLD_NONE, .lsn = 100};
}

static inline enum rc
encode(enum wire_state state)
{
	struct buf    tuple = {0};
	struct change chg = row_of(&tuple, state);
	uint8_t      *exact = unit_exact(tuple.data, tuple.len);
	struct stamp  stamp = {.xid = 1};
	enum rc       rc;

	chg.new_tuple = cursor_over(exact, tuple.len);
	rc = encode_change(plan, &chg, &stamp, 1, out, &nout, &e);
	if (rc == RC_OK)
		assert_rc_ok(verify_outgoing(plan, &chg, out, nout, &e));
	free(exact);
	buf_free(&tuple);
	return rc;
}

/* The last message against a row that has value in c: it is another's. */
static inline void
assert_not_of_value(void)
{
	struct buf    tuple = {0};
	struct change chg = row_of(&tuple, WIRE_STATE_VALUE);

	chg.new_tuple = cursor_over(tuple.data, tuple.len);
	assert_rc_err(verify_outgoing(plan, &chg, out, nout, &e), ERR_FATAL, E1603);
	buf_free(&tuple);
}

static inline void
assert_c(const char *json)
{
	char *after = xasprintf("{\"id\":1,\"c\":%s}", json);

	assert_member(plan, out[0].value, "after", after);
	free(after);
}

static inline void
encode_c(const char *json)
{
	assert_rc_ok(encode(WIRE_STATE_VALUE));
	assert_c(json);
}

static inline void
text_value(const char *text)
{
	buf_reset(&value);
	fb_str(&value, text);
}

static inline void
expect_text(const char *text, const char *json)
{
	text_value(text);
	encode_c(json);
}

/* A body as the row's value. */
static inline void
body_value(void)
{
	buf_reset(&value);
	fb_bytes(&value, body.data, body.len);
	buf_reset(&body);
}

/* One dimension from 1, without a map of NULLs. */
static inline void
list_head(uint32_t count)
{
	buf_reset(&body);
	fb_array_head(&body, 1, &count, (const int32_t[]){1}, NULL);
}

static inline void
assert_schema_has(enum side side, const char *text)
{
	if (strstr(plan_schema(plan, side), text) == NULL)
		fail_msg("%s\nis not in\n%s", text, plan_schema(plan, side));
}

/* Text that reads back as itself, and not as another. */
static inline void
assert_text_noticed(struct column col, const char *text, const char *other)
{
	plan_column(col, false);
	text_value(text);
	assert_rc_ok(encode(WIRE_STATE_VALUE));
	text_value(other);
	assert_not_of_value();
}

/* An array of so many elements, which put_ appends to body, as the row's value. */
#define ELEMENTS(count_, put_) (list_head(count_), (put_), body_value())

/* libavro 1.11 forgets what it allocated for input that it then refuses. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libavro";
}

#endif /* T_UNIT_ONECOLUMN_H */
