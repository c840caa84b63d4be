/*
 * sample.h
 *		One stream with every record kind, every form and every state, always
 *		the same bytes: the golden dump, the tests that cut it at every byte and
 *		the fuzzers' seeds are made of it.
 */
#ifndef T_UNIT_SAMPLE_H
#define T_UNIT_SAMPLE_H

#include <limits.h>
#include <math.h>

#include "framebuilder.h"

#define SAMPLE_TYPE(oid_, name_)      \
	{                                 \
		oid_, -1, "pg_catalog", name_ \
	}

static const char *sample_moods[] = {"sad", "it's ok", "happy"};

static struct column sample_columns[] = {
	{.name = "id",
	 .attnum = 1,
	 .form = WIRE_FORM_INT,
	 .type = SAMPLE_TYPE(20, "int8"),
	 .flags = WIRE_COLUMN_NOT_NULL | WIRE_COLUMN_IDENTITY | WIRE_COLUMN_PRIMARY | WIRE_COLUMN_AUTO},
	{.name = "ok", .attnum = 2, .form = WIRE_FORM_BOOL, .type = SAMPLE_TYPE(16, "bool")},
	{.name = "day", .attnum = 3, .form = WIRE_FORM_INT, .type = SAMPLE_TYPE(1082, "date")},
	{.name = "o", .attnum = 4, .form = WIRE_FORM_OID, .type = SAMPLE_TYPE(26, "oid")},
	{.name = "f4", .attnum = 5, .form = WIRE_FORM_FLOAT4, .type = SAMPLE_TYPE(700, "float4")},
	{.name = "f8", .attnum = 6, .form = WIRE_FORM_FLOAT8, .type = SAMPLE_TYPE(701, "float8")},
	{.name = "cash", .attnum = 7, .form = WIRE_FORM_INT64, .type = SAMPLE_TYPE(790, "money")},
	{.name = "t", .attnum = 8, .form = WIRE_FORM_INT64, .type = SAMPLE_TYPE(1083, "time")},
	{.name = "ts", .attnum = 9, .form = WIRE_FORM_INT64, .type = SAMPLE_TYPE(1114, "timestamp")},
	{.name = "tstz",
	 .attnum = 10,
	 .form = WIRE_FORM_INT64,
	 .type = SAMPLE_TYPE(1184, "timestamptz")},
	{.name = "ttz", .attnum = 12, .form = WIRE_FORM_TIMETZ, .type = SAMPLE_TYPE(1266, "timetz")},
	{.name = "iv", .attnum = 13, .form = WIRE_FORM_INTERVAL, .type = SAMPLE_TYPE(1186, "interval")},
	{.name = "u", .attnum = 14, .form = WIRE_FORM_UUID, .type = SAMPLE_TYPE(2950, "uuid")},
	{.name = "n",
	 .attnum = 15,
	 .form = WIRE_FORM_NUMERIC,
	 .type = {1700, (20 << 16 | 6) + 4, "pg_catalog", "numeric"},
	 .flags = WIRE_COLUMN_DEFAULT,
	 .default_text = "0.5"},
	{.name = "mood",
	 .attnum = 16,
	 .form = WIRE_FORM_ENUM,
	 .type = {16401, -1, "public", "mood"},
	 .flags = WIRE_COLUMN_ENUM,
	 .labels = sample_moods,
	 .nlabels = 3},
	{.name = "raw", .attnum = 17, .form = WIRE_FORM_BYTES, .type = SAMPLE_TYPE(17, "bytea")},
	{.name = "note",
	 .attnum = 18,
	 .form = WIRE_FORM_TEXT,
	 .type = SAMPLE_TYPE(25, "text"),
	 .flags = WIRE_COLUMN_DEFAULT,
	 .default_text = "'it''s'::text"},
	{.name = "born",
	 .attnum = 19,
	 .form = WIRE_FORM_INT,
	 .type = {16402, -1, "public", "birthday"},
	 .flags = WIRE_COLUMN_DOMAIN,
	 .base = SAMPLE_TYPE(1082, "date")},
	{.name = "moods",
	 .attnum = 20,
	 .form = WIRE_FORM_ARRAY,
	 .type = {16400, -1, "public", "_mood"},
	 .flags = WIRE_COLUMN_ARRAY | WIRE_COLUMN_ENUM,
	 .labels = sample_moods,
	 .nlabels = 3,
	 .element = {16401, -1, "public", "mood"},
	 .element_form = WIRE_FORM_ENUM,
	 .delimiter = ','},
	{.name = "span",
	 .attnum = 21,
	 .form = WIRE_FORM_TEXT,
	 .type = SAMPLE_TYPE(3904, "int4range"),
	 .flags = WIRE_COLUMN_RANGE | WIRE_COLUMN_GENERATED},
};

#define SAMPLE_COLUMNS (sizeof(sample_columns) / sizeof(*sample_columns))

static uint32_t sample_key[] = {0};

static struct table sample_every = {.index = 0,
									.relid = 16403,
									.identity = 'd',
									.relkind = 'r',
									.schema = "public",
									.name = "every",
									.ncolumns = SAMPLE_COLUMNS,
									.columns = sample_columns,
									.key_kind = WIRE_KEY_PRIMARY,
									.nkey = 1,
									.key = sample_key,
									.nidentity = 1,
									.identity_key = sample_key};

static struct column sample_odd_columns[] = {
	{.name = "A",
	 .attnum = 1,
	 .form = WIRE_FORM_TEXT,
	 .type = {16410, -1, "My", "pair"},
	 .flags = WIRE_COLUMN_COMPOSITE},
	{.name = "say \"b\"", .attnum = 3, .form = WIRE_FORM_INT, .type = SAMPLE_TYPE(21, "int2")},
};

static struct table sample_odd = {.index = 7,
								  .relid = 16420,
								  .identity = 'f',
								  .relkind = 'p',
								  .schema = "My",
								  .name = "odd table",
								  .ncolumns = 2,
								  .columns = sample_odd_columns,
								  .key_kind = WIRE_KEY_NONE};

static struct column sample_two_columns[] = {
	{.name = "a",
	 .attnum = 1,
	 .form = WIRE_FORM_INT,
	 .type = SAMPLE_TYPE(23, "int4"),
	 .flags = WIRE_COLUMN_NOT_NULL | WIRE_COLUMN_IDENTITY},
	{.name = "skip", .attnum = 2, .form = WIRE_FORM_TEXT, .type = SAMPLE_TYPE(25, "text")},
	{.name = "b",
	 .attnum = 3,
	 .form = WIRE_FORM_TEXT,
	 .type = {1043, 14, "pg_catalog", "varchar"},
	 .flags = WIRE_COLUMN_NOT_NULL | WIRE_COLUMN_IDENTITY},
};

static uint32_t sample_two_key[] = {2, 0};

static struct table sample_two = {.index = 8,
								  .relid = 16430,
								  .identity = 'i',
								  .relkind = 'r',
								  .schema = "public",
								  .name = "two",
								  .ncolumns = 3,
								  .columns = sample_two_columns,
								  .key_kind = WIRE_KEY_UNIQUE,
								  .nkey = 2,
								  .key = sample_two_key,
								  .nidentity = 2,
								  .identity_key = sample_two_key};

static const uint8_t sample_uuid[16] = {0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8,
										0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11};

/* The body of an array of moods, with all that an array can have. */
static inline void
sample_array(struct buf *body)
{
	fb_array_head(body, 2, (const uint32_t[]){2, 2}, (const int32_t[]){0, 1},
				  (const uint8_t[]){0x02});
	fb_uv(body, 0);
	fb_uv(body, 2);
	fb_uv(body, 1);
}

/* One value of each form of sample_every, from col on. */
static inline void
sample_values(struct buf *out, int64_t id)
{
	struct buf array = {0};

	fb_sv(out, id);
	buf_put_u8(out, 1);
	fb_sv(out, 9716);
	fb_uv(out, 4294967295u);
	fb_float4(out, 0.1f);
	fb_float8(out, -1234.5678e-100);
	fb_u64(out, (uint64_t) -1250);
	fb_u64(out, UINT64_C(86399999999));
	fb_u64(out, UINT64_C(839592489123450));
	fb_u64(out, (uint64_t) INT64_C(-1));
	fb_u64(out, UINT64_C(3723000000));
	fb_u32(out, (uint32_t) -19800);
	fb_interval(out, -14706789000, 3, -14);
	buf_put(out, sample_uuid, 16);
	fb_numeric(out, '-', 6, 1, 4, (const uint16_t[]){12, 3456, 7890, 1200});
	fb_uv(out, 1);
	fb_bytes(out, "\0\xff'\n", 4);
	fb_str(out, "it's \xc3\xbc\nnew line");
	fb_sv(out, -730121);
	sample_array(&array);
	fb_bytes(out, array.data, array.len);
	fb_str(out, "[1,10)");
	buf_free(&array);
}

static inline void
sample_begin_stream(struct buf *out)
{
	struct buf records = {0};

	fb_hello(&records);
	fb_frame(out, &records);
	buf_free(&records);
}

/* First transaction: every form, plain and NULL and special. */
static inline void
sample_forms(struct buf *records)
{
	uint8_t    states[SAMPLE_COLUMNS] = {0};
	struct buf row = {0};

	fb_begin(records, 742, INT64_C(839592489123456), 0x16B374D48, NULL, 0);
	fb_relation(records, &sample_every);
	fb_tuple(&row, states, SAMPLE_COLUMNS);
	sample_values(&row, 1);
	fb_change(records, WIRE_INSERT, 0, 0, 0, NULL, &row);

	buf_reset(&row);
	memset(states, WIRE_STATE_NULL, sizeof(states));
	states[0] = WIRE_STATE_VALUE;
	fb_tuple(&row, states, SAMPLE_COLUMNS);
	fb_sv(&row, INT64_MIN);
	fb_change(records, WIRE_INSERT, 0, 200, 0, NULL, &row);

	buf_reset(&row);
	for (size_t i = 1; i < SAMPLE_COLUMNS; i++)
		states[i] = i <= 15 ? WIRE_STATE_VALUE : WIRE_STATE_NULL;
	fb_tuple(&row, states, SAMPLE_COLUMNS);
	fb_sv(&row, INT64_MAX);
	buf_put_u8(&row, 0);
	fb_sv(&row, INT32_MAX);
	fb_uv(&row, 0);
	fb_float4(&row, NAN);
	fb_float8(&row, -INFINITY);
	fb_u64(&row, INT64_MAX);
	fb_u64(&row, UINT64_C(86400000000));
	fb_u64(&row, INT64_MAX);
	fb_u64(&row, (uint64_t) INT64_MIN);
	fb_u64(&row, 0);
	fb_u32(&row, 43200);
	fb_interval(&row, INT64_MAX, INT32_MAX, INT32_MAX);
	buf_put(&row, sample_uuid, 16);
	fb_numeric(&row, 'n', 0, 0, 0, NULL);
	fb_uv(&row, 2);
	fb_bytes(&row, "", 0);
	fb_change(records, WIRE_INSERT, 0, -64, 0, NULL, &row);
	fb_commit(records, 0x16B375000, 0x16B374FD0);
	buf_free(&row);
}

/* Second: updates and deletes with each kind of old tuple and each state. */
static inline void
sample_states(struct buf *records)
{
	uint8_t    states[SAMPLE_COLUMNS] = {0};
	struct buf array = {0};
	struct buf old = {0};
	struct buf row = {0};

	fb_begin(records, 743, 0, 0x16B375000, "node 'b'", 0x2A00000001);
	fb_relation(records, &sample_odd);

	memset(states, WIRE_STATE_NULL, sizeof(states));
	states[0] = WIRE_STATE_VALUE;
	states[13] = WIRE_STATE_UNCHANGED;
	states[14] = WIRE_STATE_TEXT;
	states[15] = WIRE_STATE_LONG;
	states[16] = WIRE_STATE_LONG;
	states[18] = WIRE_STATE_UNSENDABLE;
	fb_long(records, false, 10, "0123", 4);
	fb_long(records, true, 10, "456789", 6);
	fb_long(records, true, 11, "long 'text'", 11);
	fb_tuple(&row, states, SAMPLE_COLUMNS);
	fb_sv(&row, 2);
	fb_str(&row, "brand new");
	fb_tuple(&old, states, 1);
	fb_sv(&old, 1);
	fb_change(records, WIRE_UPDATE, 0, 40, WIRE_OLD_KEY, &old, &row);

	buf_reset(&row);
	memset(states, WIRE_STATE_NULL, sizeof(states));
	states[0] = WIRE_STATE_VALUE;
	states[18] = WIRE_STATE_LONG;
	sample_array(&array);
	fb_long(records, true, array.len, array.data, array.len);
	fb_tuple(&row, states, SAMPLE_COLUMNS);
	fb_sv(&row, 2);
	fb_change(records, WIRE_UPDATE, 0, 0, WIRE_OLD_NONE, NULL, &row);
	fb_change(records, WIRE_DELETE, 0, 0, WIRE_OLD_KEY, &old, NULL);
	fb_change(records, WIRE_DELETE, 0, 0, WIRE_OLD_NONE, NULL, NULL);

	buf_reset(&row);
	buf_reset(&old);
	fb_tuple(&old, (const uint8_t[]){WIRE_STATE_LONG, WIRE_STATE_VALUE}, 2);
	fb_sv(&old, -5);
	fb_tuple(&row, (const uint8_t[]){WIRE_STATE_LONG, WIRE_STATE_NULL}, 2);
	fb_long(records, true, 0, "", 0);
	fb_long(records, true, 5, "(1,2)", 5);
	fb_change(records, WIRE_UPDATE, 7, 10, WIRE_OLD_FULL, &old, &row);

	buf_reset(&row);
	buf_reset(&old);
	fb_tuple(&row, states + 1, 2); /* both NULL */
	fb_change(records, WIRE_UPDATE, 7, 10, WIRE_OLD_NONE, NULL, &row);
	fb_change(records, WIRE_DELETE, 7, 10, WIRE_OLD_FULL, &row, NULL);

	fb_relation(records, &sample_two);
	fb_tuple(&old, (const uint8_t[]){WIRE_STATE_VALUE, WIRE_STATE_VALUE}, 2);
	fb_sv(&old, 1);
	fb_str(&old, "key");
	fb_change(records, WIRE_DELETE, 8, 1, WIRE_OLD_KEY, &old, NULL);
	fb_commit(records, 0x16B375100, 0x16B375100);
	buf_free(&array);
	buf_free(&old);
	buf_free(&row);
}

/* Then what is not about rows. */
static inline void
sample_others(struct buf *records)
{
	struct buf body = {0};

	fb_mark(records, 0x16B376000);
	fb_message(records, false, 0x16B376100, "audit", "login of 'x'");
	fb_long(records, true, 3, "abc", 3);
	fb_message(records, false, 0x16B376200, "audit", NULL);
	fb_begin(records, 4294967295u, INT64_C(-63072000000001), 0xFFFFFFFFFFFFFF00, NULL, 0);
	fb_truncate(records, 1, WIRE_TRUNCATE_CASCADE | WIRE_TRUNCATE_RESTART_IDENTITY, 2,
				(const uint32_t[]){0, 7});
	fb_truncate(records, 0, 0, 1, (const uint32_t[]){8});
	fb_message(records, true, 0x16B376300, "app", "");
	buf_puts(&body, "from the future");
	fb_record(records, 'Z', &body);
	fb_commit(records, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFF0);
	buf_free(&body);
}

/* All of it, in four frames as pg_recvlogical writes them, a newline after each. */
static inline void
sample_stream(struct buf *out)
{
	struct buf records = {0};

	sample_begin_stream(out);
	buf_put_u8(out, '\n');
	sample_forms(&records);
	fb_frame(out, &records);
	buf_put_u8(out, '\n');
	sample_states(&records);
	fb_frame(out, &records);
	buf_put_u8(out, '\n');
	sample_others(&records);
	fb_frame(out, &records);
	buf_put_u8(out, '\n');
	buf_free(&records);
}

#endif /* T_UNIT_SAMPLE_H */
