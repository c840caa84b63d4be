/*
 * test_description.c
 *		Tables to descriptions, types as psql shows them, and every kind of
 *		difference, alone and together.
 */
#include "unit.h"

#include "description.h"

static struct err    e;
static struct arena *arena;
static struct text  *text;
static uint64_t      replaced;

static int
setup(void **state)
{
	(void) state;
	arena = arena_new();
	assert_rc_ok(text_new("UTF8", &replaced, &text, &e));
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	text_free(text);
	arena_free(arena);
	return 0;
}

/* --- descriptions of tables ---------------------------------------------------- */

#define PG(name, typmod) ((struct type_name){1, typmod, "pg_catalog", name})

static const char *
type_shown(struct type_name type)
{
	struct column       col = {.name = "c", .attnum = 1, .type = type, .base = type};
	struct table        tbl = {.relid = 1,
							   .identity = 'd',
							   .relkind = 'r',
							   .schema = "s",
							   .name = "t",
							   .ncolumns = 1,
							   .columns = &col,
							   .key_kind = WIRE_KEY_NONE};
	struct description *desc = description_new(&tbl, false, text, arena);

	assert_null(desc->columns[0].base_type);
	assert_null(desc->columns[0].element_type);
	return desc->columns[0].type;
}

static void
test_types(void **state)
{
	(void) state;
	assert_string_equal(type_shown(PG("int4", -1)), "integer");
	assert_string_equal(type_shown(PG("bool", -1)), "boolean");
	assert_string_equal(type_shown(PG("float8", -1)), "double precision");
	assert_string_equal(type_shown(PG("numeric", -1)), "numeric");
	assert_string_equal(type_shown(PG("numeric", (10 << 16 | 2) + 4)), "numeric(10,2)");
	assert_string_equal(type_shown(PG("numeric", (3 << 16 | (-2 & 0x7ff)) + 4)), "numeric(3,-2)");
	assert_string_equal(type_shown(PG("numeric", (1000 << 16 | 1000) + 4)), "numeric(1000,1000)");
	assert_string_equal(type_shown(PG("varchar", 24)), "character varying(20)");
	assert_string_equal(type_shown(PG("varchar", -1)), "character varying");
	assert_string_equal(type_shown(PG("bpchar", 5)), "character(1)");
	assert_string_equal(type_shown(PG("bpchar", -1)), "bpchar");
	assert_string_equal(type_shown(PG("char", -1)), "\"char\"");
	assert_string_equal(type_shown(PG("bit", 8)), "bit(8)");
	assert_string_equal(type_shown(PG("varbit", 8)), "bit varying(8)");
	assert_string_equal(type_shown(PG("json", -1)), "json");
	assert_string_equal(type_shown(PG("time", 3)), "time(3) without time zone");
	assert_string_equal(type_shown(PG("timetz", 0)), "time(0) with time zone");
	assert_string_equal(type_shown(PG("timestamp", -1)), "timestamp without time zone");
	assert_string_equal(type_shown(PG("timestamptz", 6)), "timestamp(6) with time zone");
	assert_string_equal(type_shown(PG("interval", -1)), "interval");
	assert_string_equal(type_shown(PG("interval", 0x7fff << 16 | 3)), "interval(3)");
	assert_string_equal(type_shown(PG("interval", (1 << 2) << 16 | 0xffff)), "interval year");
	assert_string_equal(type_shown(PG("interval", 0x06 << 16 | 0xffff)), "interval year to month");
	assert_string_equal(type_shown(PG("interval", (0x1c08 << 16) | 2)),
						"interval day to second(2)");
	assert_string_equal(type_shown((struct type_name){20000, 7, "public", "vector"}),
						"public.vector(7)");
	assert_string_equal(type_shown((struct type_name){20000, -1, "My Schema", "select"}),
						"\"My Schema\".\"select\"");
	/* Types of others' schemas are theirs, whatever their names. */
	assert_string_equal(type_shown((struct type_name){20000, 3, "public", "varchar"}),
						"public.\"varchar\"(3)");
}

static const char *labels[] = {"b", "a"};

static struct column columns[] = {
	{.name = "id",
	 .attnum = 1,
	 .flags = WIRE_COLUMN_NOT_NULL | WIRE_COLUMN_AUTO,
	 .type = {23, -1, "pg_catalog", "int4"}},
	{.name = "price",
	 .attnum = 3,
	 .flags = WIRE_COLUMN_DOMAIN | WIRE_COLUMN_DEFAULT,
	 .type = {20001, -1, "public", "price"},
	 .base = {1700, (10 << 16 | 2) + 4, "pg_catalog", "numeric"},
	 .default_text = "0"},
	{.name = "list",
	 .attnum = 4,
	 .flags = WIRE_COLUMN_ARRAY,
	 .type = {1231, (5 << 16 | 1) + 4, "pg_catalog", "_numeric"},
	 .base = {1231, (5 << 16 | 1) + 4, "pg_catalog", "_numeric"},
	 .element = {1700, -1, "pg_catalog", "numeric"}},
	{.name = "moods",
	 .attnum = 5,
	 .flags = WIRE_COLUMN_ARRAY | WIRE_COLUMN_ENUM | WIRE_COLUMN_DOMAIN,
	 .type = {20002, -1, "public", "moods"},
	 .base = {20003, -1, "public", "_mood"},
	 .element = {20004, -1, "public", "mood"},
	 .labels = labels,
	 .nlabels = 2},
	{.name = "sum",
	 .attnum = 6,
	 .flags = WIRE_COLUMN_GENERATED,
	 .type = {20, -1, "pg_catalog", "int8"}},
};
static uint32_t first[] = {0};

static struct table
table_of(char relkind)
{
	return (struct table){.relid = 16400,
						  .identity = 'd',
						  .relkind = relkind,
						  .schema = "shop",
						  .name = "orders",
						  .ncolumns = 5,
						  .columns = columns,
						  .key_kind = WIRE_KEY_PRIMARY,
						  .nkey = 1,
						  .key = first,
						  .nidentity = 1,
						  .identity_key = first};
}

static void
test_table(void **state)
{
	struct table        tbl = table_of('r');
	struct description *desc = description_new(&tbl, false, text, arena);

	(void) state;
	assert_int_equal(desc->relid, 16400);
	assert_string_equal(desc->schema, "shop");
	assert_string_equal(desc->name, "orders");
	assert_string_equal(desc->kind, "table");
	assert_string_equal(desc->key_kind, "primary");
	assert_string_equal(desc->key[0], "id");
	assert_string_equal(desc->replica_identity, "default");
	assert_int_equal(desc->nidentity, 1);
	assert_int_equal(desc->ncolumns, 5);
	assert_true(desc->columns[0].not_null);
	assert_true(desc->columns[0].identity);
	assert_null(desc->columns[0].default_text);
	assert_string_equal(desc->columns[1].type, "public.price");
	assert_string_equal(desc->columns[1].base_type, "numeric(10,2)");
	assert_string_equal(desc->columns[1].default_text, "0");
	assert_int_equal(desc->columns[1].attnum, 3);
	assert_string_equal(desc->columns[2].type, "numeric(5,1)[]");
	assert_string_equal(desc->columns[2].element_type, "numeric(5,1)");
	assert_null(desc->columns[2].base_type);
	assert_string_equal(desc->columns[3].type, "public.moods");
	assert_string_equal(desc->columns[3].base_type, "public.mood[]");
	assert_string_equal(desc->columns[3].element_type, "public.mood");
	assert_true(desc->columns[3].is_enum);
	assert_string_equal(desc->columns[3].labels[1], "a");
	assert_false(desc->columns[2].is_enum);
	assert_true(desc->columns[4].generated);
}

/* What partitions have each of their own is not the table's. */
static void
test_partitions(void **state)
{
	struct table        tbl = table_of('p');
	struct description *desc = description_new(&tbl, false, text, arena);

	(void) state;
	assert_string_equal(desc->kind, "partitioned_table");
	assert_null(desc->replica_identity);
	assert_int_equal(desc->nidentity, 0);
	assert_int_equal(desc->ncolumns, 4);
	assert_int_equal(description_new(&tbl, true, text, arena)->ncolumns, 5);
}

/* --- differences ----------------------------------------------------------------- */

static const char *id_only[] = {"id"};
static const char *two[] = {"id", "note"};

/* A table of two columns, to be changed by each test. */
struct fixture
{
	struct column_description columns[4];
	struct description        desc;
};

static void
plain(struct fixture *fix)
{
	*fix = (struct fixture){
		.columns = {{.name = "id", .attnum = 1, .type = "integer", .not_null = true},
					{.name = "note", .attnum = 2, .type = "text"}},
		.desc = {.relid = 1,
				 .schema = "s",
				 .name = "t",
				 .kind = "table",
				 .key_kind = "primary",
				 .nkey = 1,
				 .key = id_only,
				 .replica_identity = "default",
				 .nidentity = 1,
				 .identity = id_only,
				 .ncolumns = 2}};
	fix->desc.columns = fix->columns;
}

/* All differences, one a line; lives until teardown(). */
static const char *
diff(const struct description *before, const struct description *after)
{
	struct differences diffs = {.arena = arena};
	struct buf         out = {0};
	const char        *kept;

	description_diff(before, after, &diffs);
	for (uint32_t i = 0; i < diffs.count; i++)
	{
		const struct difference *item = &diffs.items[i];

		buf_printf(&out, "%s %s/%u %s -> %s\n", item->kind, item->column ? item->column : "",
				   (unsigned) item->attnum, item->before ? item->before : "",
				   item->after ? item->after : "");
	}
	kept = arena_strndup(arena, buf_cstr(&out), out.len);
	buf_free(&out);
	differences_free(&diffs);
	return kept;
}

static struct fixture before;
static struct fixture after;

static int
setup_diff(void **state)
{
	plain(&before);
	plain(&after);
	return setup(state);
}

#define assert_diff(expected) assert_string_equal(diff(&before.desc, &after.desc), expected)

static void
test_same(void **state)
{
	(void) state;
	assert_diff("");
	assert_string_equal(diff(NULL, &after.desc), "table_first_seen /0  -> \n");
}

static void
test_names(void **state)
{
	(void) state;
	after.desc.name = "u";
	assert_diff("table_renamed /0 t -> u\n");
	after.desc.schema = "r";
	assert_diff("table_renamed /0 t -> u\ntable_moved /0 s -> r\n");
}

static void
test_added_and_dropped(void **state)
{
	(void) state;
	after.columns[1] = (struct column_description){.name = "note", .attnum = 3, .type = "text"};
	assert_diff("column_dropped note/2 text -> \ncolumn_added note/3  -> text\n");
	after.columns[2] = after.columns[1];
	after.columns[1] = before.columns[1];
	after.columns[2].name = "price";
	after.columns[2].type = "public.price";
	after.columns[2].base_type = "numeric(3,1)";
	after.desc.ncolumns = 3;
	assert_diff("column_added price/3  -> public.price (numeric(3,1))\n");
	assert_string_equal(diff(&after.desc, &before.desc),
						"column_dropped price/3 public.price (numeric(3,1)) -> \n");
}

static void
test_columns(void **state)
{
	(void) state;
	after.columns[1].name = "remark";
	after.columns[1].type = "character varying(9)";
	assert_diff("column_renamed remark/2 note -> remark\n"
				"column_type_changed remark/2 text -> character varying(9)\n");
	after.columns[1] = before.columns[1];
	after.columns[1].not_null = true;
	after.columns[1].default_text = "'x'::text";
	assert_diff("column_nullability_changed note/2 nullable -> not null\n"
				"column_default_changed note/2  -> 'x'::text\n");
	before.columns[1].default_text = "now()";
	after.columns[1].not_null = false;
	assert_diff("column_default_changed note/2 now() -> 'x'::text\n");
	after.columns[1] = before.columns[1];
	after.columns[1].default_text = NULL;
	after.columns[1].generated = true;
	after.columns[1].identity = true;
	assert_diff("column_default_changed note/2 now() -> \n"
				"column_generated_changed note/2  -> stored\n"
				"column_identity_changed note/2  -> identity\n");
	after.columns[1] = before.columns[1];
	assert_diff("");
}

/* The name of a domain or of an array's type may stay. */
static void
test_types_below(void **state)
{
	(void) state;
	before.columns[1].base_type = "text";
	after.columns[1].base_type = "integer";
	assert_diff("column_type_changed note/2 text (text) -> text (integer)\n");
	after.columns[1].base_type = "text";
	before.columns[1].element_type = "a";
	after.columns[1].element_type = "b";
	assert_diff("column_type_changed note/2 text (text) -> text (text)\n");
}

static void
test_labels(void **state)
{
	static const char *more[] = {"b", "it's", "a"};

	(void) state;
	before.columns[1].is_enum = after.columns[1].is_enum = true;
	before.columns[1].labels = labels;
	before.columns[1].nlabels = 2;
	after.columns[1].labels = more;
	after.columns[1].nlabels = 3;
	assert_diff("enum_labels_changed note/2 'b', 'a' -> 'b', 'it''s', 'a'\n");
	before.columns[1].nlabels = 0;
	assert_diff("enum_labels_changed note/2  -> 'b', 'it''s', 'a'\n");
	/* From another type to an enum: said once. */
	before.columns[1].is_enum = false;
	after.columns[1].type = "public.mood";
	assert_diff("column_type_changed note/2 text -> public.mood\n");
	after.columns[1].type = "text";
	assert_diff("enum_labels_changed note/2  -> 'b', 'it''s', 'a'\n");
}

static void
test_key(void **state)
{
	(void) state;
	/* The default identity follows. */
	after.desc.key = after.desc.identity = two;
	after.desc.nkey = after.desc.nidentity = 2;
	assert_diff("key_changed /0 PRIMARY KEY (id) -> PRIMARY KEY (id, note)\n");
	after.desc.key_kind = "unique";
	after.desc.nidentity = 0;
	assert_diff("key_changed /0 PRIMARY KEY (id) -> UNIQUE (id, note)\n");
	after.desc.key_kind = "none";
	after.desc.nkey = 0;
	assert_diff("key_changed /0 PRIMARY KEY (id) -> \n");
	/* A deferrable primary key is none to the replica identity. */
	after.desc = before.desc;
	after.desc.columns = after.columns;
	after.desc.nidentity = 0;
	assert_diff("replica_identity_changed /0 default -> default, without columns\n");
}

/* A key column that gets another name is still the key. */
static void
test_key_renamed(void **state)
{
	static const char *nr[] = {"nr"};

	(void) state;
	after.columns[0].name = "nr";
	after.desc.key = after.desc.identity = nr;
	assert_diff("column_renamed nr/1 id -> nr\n");
	before.desc.replica_identity = after.desc.replica_identity = "index";
	assert_diff("column_renamed nr/1 id -> nr\n");
	/* Two columns exchange their names: the key is on the same one, which is called otherwise. */
	after.columns[0].name = "note";
	after.columns[1].name = "id";
	after.desc.key = after.desc.identity = two + 1;
	assert_diff("column_renamed note/1 id -> note\ncolumn_renamed id/2 note -> id\n");
	after.desc.key = after.desc.identity = id_only;
	assert_diff("column_renamed note/1 id -> note\ncolumn_renamed id/2 note -> id\n"
				"key_changed /0 PRIMARY KEY (id) -> PRIMARY KEY (id)\n"
				"replica_identity_changed /0 index (id) -> index (id)\n");
}

static void
test_identity(void **state)
{
	(void) state;
	after.desc.replica_identity = "full";
	after.desc.nidentity = 0;
	assert_diff("replica_identity_changed /0 default -> full\n");
	before.desc = after.desc;
	before.desc.columns = before.columns;
	after.desc.replica_identity = "nothing";
	assert_diff("replica_identity_changed /0 full -> nothing\n");
	after.desc.replica_identity = before.desc.replica_identity = "index";
	before.desc.nidentity = 1;
	after.desc.identity = two;
	after.desc.nidentity = 2;
	assert_diff("replica_identity_changed /0 index (id) -> index (id, note)\n");
	after.desc.replica_identity = NULL;
	after.desc.nidentity = 0;
	assert_diff("replica_identity_changed /0 index (id) -> \n");
}

/* Another table with the name: attribute numbers say nothing. */
static void
test_recreated(void **state)
{
	(void) state;
	after.desc.relid = 2;
	assert_diff("table_recreated /0  -> \n");
	after.columns[0] = (struct column_description){.name = "note", .attnum = 1, .type = "text"};
	after.columns[1] = (struct column_description){.name = "new", .attnum = 2, .type = "date"};
	after.desc.key_kind = "none";
	after.desc.nkey = after.desc.nidentity = 0;
	assert_diff("table_recreated /0  -> \ncolumn_dropped id/1 integer -> \n"
				"column_added new/2  -> date\nkey_changed /0 PRIMARY KEY (id) -> \n");
}

static void
test_many(void **state)
{
	(void) state;
	after.desc.name = "u";
	after.columns[0].type = "bigint";
	after.columns[1] = (struct column_description){.name = "more", .attnum = 3, .type = "date"};
	after.desc.replica_identity = "full";
	after.desc.nidentity = 0;
	assert_diff("table_renamed /0 t -> u\ncolumn_dropped note/2 text -> \n"
				"column_type_changed id/1 integer -> bigint\ncolumn_added more/3  -> date\n"
				"replica_identity_changed /0 default -> full\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_partitions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_added_and_dropped, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_columns, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_types_below, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_labels, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_key, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_key_renamed, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_recreated, setup_diff, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup_diff, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
