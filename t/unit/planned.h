/*
 * planned.h
 *		Short ways to tables, plans and encoded rows, for tests of the encoder.
 */
#ifndef T_UNIT_PLANNED_H
#define T_UNIT_PLANNED_H

#include "unit.h"

#include "catalog.h"
#include "encode.h"
#include "framebuilder.h"
#include "record.h"
#include "schema.h"

#define PLANNED_COLUMNS_MAX 16

/* What a test says of a column; typmod -1 and no flags are usual. */
#define COLUMN(name_, form_, oid_, type_, typmod_, flags_)         \
	{                                                              \
		.name = name_, .form = form_, .flags = (flags_), .type = { \
			oid_,                                                  \
			typmod_,                                               \
			oid_ < 16384 ? "pg_catalog" : "public",                \
			type_                                                  \
		}                                                          \
	}

static const uint8_t planned_prefix[5] = {0, 0, 0, 0, 9};

static inline struct format
planned_format(void)
{
	return (struct format){.prefix = "shop",
						   .version = "1.2.3",
						   .database = "shopdb",
						   .encoding = "UTF8",
						   .schema_names = ADJUST_AVRO,
						   .field_names = ADJUST_AVRO,
						   .tombstones = true,
						   .profile = PROFILE_3_2,
						   .money_digits = 2,
						   .wire_digits = 2,
						   .endless = true,
						   .placeholder = "__debezium_unavailable_value"};
}

/* A table as catalog.c makes it of a relation record; table_free() it. */
static inline struct table *
planned_table(const struct column *columns, uint32_t ncolumns, char identity, int key_kind,
			  const uint32_t *key, uint32_t nkey, const uint32_t *identity_key, uint32_t nidentity)
{
	struct column copies[PLANNED_COLUMNS_MAX];
	struct table  sketch = {.identity = identity,
							.relkind = 'r',
							.schema = "public",
							.name = "t",
							.ncolumns = ncolumns,
							.columns = copies,
							.key_kind = (enum wire_key) key_kind,
							.nkey = nkey,
							.key = (uint32_t *) key,
							.nidentity = nidentity,
							.identity_key = (uint32_t *) identity_key};
	struct buf    body = {0};
	struct table *tbl = NULL;
	struct err    e;

	memcpy(copies, columns, ncolumns * sizeof(*columns));
	for (uint32_t i = 0; i < ncolumns; i++)
	{
		copies[i].attnum = (uint16_t) (i + 1);
		if (copies[i].default_text)
			copies[i].flags |= WIRE_COLUMN_DEFAULT;
	}
	for (uint32_t i = 0; i < nidentity; i++)
		copies[identity_key[i]].flags |= WIRE_COLUMN_IDENTITY;
	fb_relation_body(&body, &sketch);
	assert_rc_ok(table_read(cursor_over(body.data, body.len), &tbl, &e));
	buf_free(&body);
	return tbl;
}

/* The usual: the first column is the primary key. */
static inline struct table *
planned_table_pk(const struct column *columns, uint32_t ncolumns)
{
	static const uint32_t first[] = {0};

	return planned_table(columns, ncolumns, 'd', WIRE_KEY_PRIMARY, first, 1, first, 1);
}

static inline struct plan *
planned_plan(const struct table *tbl, const struct format *fmt, struct encode_stats *stats)
{
	struct plan *plan = NULL;
	struct err   e;

	assert_rc_ok(plan_new(tbl, fmt, stats, "shop.public.t", &plan, &e));
	plan_set_prefix(plan, SIDE_KEY, planned_prefix, sizeof(planned_prefix));
	plan_set_prefix(plan, SIDE_VALUE, planned_prefix, sizeof(planned_prefix));
	return plan;
}

/* A framed key or value as JSON, read by libavro; the caller frees it. */
static inline char *
planned_json(const struct plan *plan, enum side side, struct str framed)
{
	struct avro *avro = NULL;
	struct buf   json = {0};
	struct err   e;
	char        *out;

	assert_true(framed.len >= sizeof(planned_prefix));
	assert_memory_equal(framed.data, planned_prefix, sizeof(planned_prefix));
	assert_rc_ok(avro_new(plan_schema(plan, side), &avro, &e));
	assert_rc_ok(avro_verify(avro, framed.data + 5, framed.len - 5, &e));
	assert_rc_ok(avro_print(avro, framed.data + 5, framed.len - 5, &json, &e));
	out = xstrdup(buf_cstr(&json));
	avro_free(avro);
	buf_free(&json);
	return out;
}

/* The member of an envelope ("before", "after", "op") as JSON text; the caller frees it. */
static inline char *
planned_member(const struct plan *plan, struct str framed, const char *member)
{
	char *json = planned_json(plan, SIDE_VALUE, framed);
	char *needle = xasprintf("\"%s\":", member);
	char *at = strstr(json, needle);
	int   depth = 0;
	bool  quoted = false;
	char *end;
	char *out;

	assert_non_null(at);
	at += strlen(needle);
	for (end = at; depth > 0 || quoted || (*end != ',' && *end != '}'); end++)
	{
		if (*end == '\\')
			end++;
		else if (*end == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += (*end == '{') - (*end == '}');
	}
	out = xstrndup(at, (size_t) (end - at));
	free(json);
	free(needle);
	return out;
}

#define assert_member(plan, framed, member, expected)                \
	do                                                               \
	{                                                                \
		char *assert_member_ = planned_member(plan, framed, member); \
		assert_string_equal(assert_member_, expected);               \
		free(assert_member_);                                        \
	} while (0)

#define assert_key(plan, framed, expected)                        \
	do                                                            \
	{                                                             \
		char *assert_key_ = planned_json(plan, SIDE_KEY, framed); \
		assert_string_equal(assert_key_, expected);               \
		free(assert_key_);                                        \
	} while (0)

#endif /* T_UNIT_PLANNED_H */
