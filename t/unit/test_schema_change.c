/*
 * test_schema_change.c
 *		Records of the schema-change topic: libavro reads what is written, what is
 *		written reads back, and nothing else does.
 */
#include "unit.h"

#include "schema.h"
#include "schema_change.h"

static struct err    e;
static struct arena *arena;

static int
setup(void **state)
{
	(void) state;
	arena = arena_new();
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	arena_free(arena);
	return 0;
}

static const char *key[] = {"id"};
static const char *labels[] = {"sad", "ok"};

static struct column_description columns[] = {
	{.name = "id", .attnum = 1, .type = "integer", .not_null = true, .identity = true},
	{.name = "feel",
	 .attnum = 300,
	 .type = "public.feel",
	 .base_type = "public.mood[]",
	 .element_type = "public.mood",
	 .default_text = "'{}'",
	 .generated = true,
	 .is_enum = true,
	 .nlabels = 2,
	 .labels = labels},
	{.name = "none", .attnum = 1600, .type = "public.empty", .is_enum = true},
};

static const struct description full = {.relid = 4294967295u,
										.schema = "s",
										.name = "täble",
										.kind = "table",
										.key_kind = "primary",
										.nkey = 1,
										.key = key,
										.replica_identity = "default",
										.nidentity = 1,
										.identity = key,
										.ncolumns = 3,
										.columns = columns};
static const struct description bare = {
	.relid = 7, .schema = "", .name = "", .kind = "partitioned_table", .key_kind = "none"};

static struct str
description_avro(const struct description *desc)
{
	struct buf out = {0};
	struct str kept;

	description_put(desc, &out);
	kept.data = arena_strndup(arena, (const char *) out.data, out.len);
	kept.len = out.len;
	buf_free(&out);
	return kept;
}

/* A value behind a prefix of that length; the caller frees it. */
static struct buf
value_of(const struct description *before, const struct description *after, size_t prefix_len)
{
	static const uint8_t prefixes[2][10] = {{0, 0, 0, 0, 9}, {0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8}};
	struct differences   diffs = {.arena = arena};
	struct schema_change chg = {.server = {"shop", 4},
								.database = {"db", 2},
								.table = after,
								.position = {.commit_lsn = 0x16B374D48,
											 .lsn = 0x16B374D00,
											 .txid = 4294967295u,
											 .commit_us = 1700000000000001},
								.after = description_avro(after),
								.diffs = &diffs};
	struct buf           out = {0};

	if (before)
		chg.before = description_avro(before);
	description_diff(before, after, &diffs);
	buf_put(&out, prefixes[prefix_len == 10], prefix_len);
	schema_change_put_value(&chg, &out);
	differences_free(&diffs);
	return out;
}

static char *
avro_text(enum side side, const struct buf *avro_bytes, size_t skip)
{
	struct avro *avro;
	struct buf   text = {0};
	char        *out;

	assert_rc_ok(avro_new(schema_change_schema(side), &avro, &e));
	assert_rc_ok(avro_verify(avro, avro_bytes->data + skip, avro_bytes->len - skip, &e));
	assert_rc_ok(avro_print(avro, avro_bytes->data + skip, avro_bytes->len - skip, &text, &e));
	out = xstrdup(buf_cstr(&text));
	avro_free(avro);
	buf_free(&text);
	return out;
}

static void
test_key(void **state)
{
	struct buf out = {0};
	char      *text;

	(void) state;
	schema_change_put_key("shop", "orders", &out);
	text = avro_text(SIDE_KEY, &out, 0);
	assert_string_equal(text, "{\"schema\":\"shop\",\"table\":\"orders\"}");
	free(text);
	buf_free(&out);
}

static void
test_value(void **state)
{
	struct buf out = value_of(NULL, &full, 5);
	char      *text = avro_text(SIDE_VALUE, &out, 5);

	(void) state;
	assert_string_equal(
		text,
		"{\"layout\":1,\"source\":{\"name\":\"shop\",\"db\":\"db\"},"
		"\"position\":{\"commit_lsn\":6093753672,\"lsn\":6093753600,\"txId\":4294967295,"
		"\"ts_us\":1700000000000001},"
		"\"relation\":{\"schema\":\"s\",\"table\":\"täble\",\"relid\":4294967295},"
		"\"kinds\":[\"table_first_seen\"],\"changes\":[{\"kind\":\"table_first_seen\","
		"\"column\":null,\"attnum\":null,\"before\":null,\"after\":null}],\"before\":null,"
		"\"after\":{\"schema\":\"s\",\"table\":\"täble\",\"relid\":4294967295,\"kind\":\"table\","
		"\"key_kind\":\"primary\",\"key\":[\"id\"],\"replica_identity\":\"default\","
		"\"replica_identity_columns\":[\"id\"],\"columns\":["
		"{\"name\":\"id\",\"attnum\":1,\"type\":\"integer\",\"base_type\":null,"
		"\"element_type\":null,\"not_null\":true,\"default\":null,\"generated\":false,"
		"\"identity\":true,\"labels\":null},"
		"{\"name\":\"feel\",\"attnum\":300,\"type\":\"public.feel\",\"base_type\":\"public.mood[]"
		"\","
		"\"element_type\":\"public.mood\",\"not_null\":false,\"default\":\"'{}'\","
		"\"generated\":true,\"identity\":false,\"labels\":[\"sad\",\"ok\"]},"
		"{\"name\":\"none\",\"attnum\":1600,\"type\":\"public.empty\",\"base_type\":null,"
		"\"element_type\":null,\"not_null\":false,\"default\":null,\"generated\":false,"
		"\"identity\":false,\"labels\":[]}]}}");
	free(text);
	buf_free(&out);
}

/* Each kind once, however many changes are of it. */
static void
test_kinds(void **state)
{
	struct column_description changed[3];
	struct description        after = full;
	struct buf                out;
	char                     *text;

	(void) state;
	memcpy(changed, columns, sizeof(changed));
	after.columns = changed;
	changed[0].type = changed[2].type = "bigint";
	changed[1].name = "felt";
	out = value_of(&full, &after, 10);
	text = avro_text(SIDE_VALUE, &out, 10);
	assert_non_null(strstr(text, "\"kinds\":[\"column_type_changed\",\"column_renamed\"]"));
	assert_non_null(strstr(text, "{\"kind\":\"column_type_changed\",\"column\":\"id\",\"attnum\":1,"
								 "\"before\":\"integer\",\"after\":\"bigint\"}"));
	free(text);
	buf_free(&out);
}

static void
same_description(const struct description *got, const struct description *desc)
{
	struct differences diffs = {.arena = arena};
	struct str         a = description_avro(got);
	struct str         b = description_avro(desc);

	description_diff(got, desc, &diffs);
	assert_int_equal(diffs.count, 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_int_equal(got->relid, desc->relid);
	differences_free(&diffs);
}

static void
test_read(void **state)
{
	static const size_t prefixes[] = {5, 10};
	struct past_change  past;

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		const struct description *before = i & 2 ? &bare : NULL;
		struct buf                out = value_of(before, &full, prefixes[i & 1]);
		void                     *exact = unit_exact(out.data, out.len);

		assert_true(schema_change_read((struct str){exact, out.len}, arena, &past));
		assert_int_equal(past.position.commit_lsn, 0x16B374D48);
		assert_int_equal(past.position.lsn, 0x16B374D00);
		assert_int_equal(past.position.txid, 4294967295u);
		assert_int_equal(past.position.commit_us, 1700000000000001);
		same_description(past.table, &full);
		if (before)
			same_description(past.old_table, &bare);
		else
			assert_null(past.old_table);
		/* The parts are those of the record. */
		assert_int_equal(past.after.len, description_avro(&full).len);
		assert_ptr_equal(past.after.data + past.after.len, (char *) exact + out.len);
		free(exact);
		buf_free(&out);
	}
}

/* Cut anywhere, or with any byte changed, it is read within its bounds and not past them. */
static void
test_damaged(void **state)
{
	struct buf         out = value_of(&bare, &full, 5);
	struct past_change past;

	(void) state;
	for (size_t len = 0; len < out.len; len++)
	{
		void *exact = unit_exact(out.data, len);

		assert_false(schema_change_read((struct str){exact, len}, arena, &past));
		free(exact);
	}
	for (size_t at = 0; at < out.len; at++)
		for (int bit = 0; bit < 8; bit++)
		{
			uint8_t      *exact = unit_exact(out.data, out.len);
			struct arena *scratch = arena_new();

			exact[at] ^= (uint8_t) (1 << bit);
			(void) !schema_change_read((struct str){(char *) exact, out.len}, scratch, &past);
			arena_free(scratch);
			free(exact);
		}
	out.data[5] = 2 << 1; /* another layout */
	assert_false(schema_change_read((struct str){(char *) out.data, out.len}, arena, &past));
	out.data[5] = 1 << 1;
	buf_put_u8(&out, 0); /* something behind it */
	assert_false(schema_change_read((struct str){(char *) out.data, out.len}, arena, &past));
	buf_free(&out);
	assert_false(schema_change_read((struct str){"{\"json\":1}", 10}, arena, &past));
	assert_false(schema_change_read((struct str){NULL, 0}, arena, &past));
}

static void
test_names(void **state)
{
	static const char *const names[] = {"\"connect.name\":\"io.walrelay.SchemaChangeKey\"}",
										"\"connect.name\":\"io.walrelay.SchemaChange\"}"};

	(void) state;
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
	{
		const char *text = schema_change_schema((enum side) side);

		/* The outermost record's stands last. */
		assert_string_equal(text + strlen(text) - strlen(names[side]), names[side]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_value, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
