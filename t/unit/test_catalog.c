/*
 * test_catalog.c
 *		Relation records to tables: every field, every limit, and what counts as
 *		a new description.
 */
#include "unit.h"

#include "catalog.h"
#include "sample.h"

static struct err e;

static struct table *
read_back(const struct table *tbl)
{
	struct buf    body = {0};
	struct table *got;
	uint8_t      *exact;

	fb_relation_body(&body, tbl);
	exact = unit_exact(body.data, body.len);
	assert_rc_ok(table_read(cursor_over(exact, body.len), &got, &e));
	free(exact); /* a table borrows nothing */
	buf_free(&body);
	return got;
}

static void
same_type(const struct type_name *a, const struct type_name *b)
{
	assert_int_equal(a->oid, b->oid);
	assert_int_equal(a->typmod, b->typmod);
	assert_string_equal(a->schema, b->schema);
	assert_string_equal(a->name, b->name);
}

static void
same_table(const struct table *got, const struct table *tbl)
{
	assert_int_equal(got->index, tbl->index);
	assert_int_equal(got->relid, tbl->relid);
	assert_int_equal(got->identity, tbl->identity);
	assert_int_equal(got->relkind, tbl->relkind);
	assert_string_equal(got->schema, tbl->schema);
	assert_string_equal(got->name, tbl->name);
	assert_int_equal(got->ncolumns, tbl->ncolumns);
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
	{
		const struct column *a = &got->columns[i];
		const struct column *b = &tbl->columns[i];

		assert_string_equal(a->name, b->name);
		assert_int_equal(a->attnum, b->attnum);
		assert_int_equal(a->flags, b->flags);
		assert_int_equal(a->form, b->form);
		same_type(&a->type, &b->type);
		same_type(&a->base, b->flags & WIRE_COLUMN_DOMAIN ? &b->base : &b->type);
		if (b->flags & WIRE_COLUMN_ARRAY)
			same_type(&a->element, &b->element);
		else
			assert_int_equal(a->element.oid, 0);
		assert_int_equal(a->element_form, b->element_form);
		assert_int_equal(a->delimiter, b->delimiter);
		assert_int_equal(a->element_base, b->element_base);
		assert_int_equal(a->nlabels, b->nlabels);
		for (uint32_t k = 0; k < b->nlabels; k++)
			assert_string_equal(a->labels[k], b->labels[k]);
		if (b->default_text)
			assert_string_equal(a->default_text, b->default_text);
		else
			assert_null(a->default_text);
	}
	assert_int_equal(got->key_kind, tbl->key_kind);
	assert_int_equal(got->nkey, tbl->nkey);
	assert_memory_equal(got->key, tbl->key ? tbl->key : got->key, tbl->nkey * sizeof(uint32_t));
	assert_int_equal(got->nidentity, tbl->nidentity);
	assert_memory_equal(got->identity_key,
						tbl->identity_key ? tbl->identity_key : got->identity_key,
						tbl->nidentity * sizeof(uint32_t));
	assert_int_equal(got->version, 1);
	assert_null(got->user);
}

static void
every_field_comes_back(void **state)
{
	struct table *tables[] = {&sample_every, &sample_odd, &sample_two};

	(void) state;
	for (size_t i = 0; i < 3; i++)
	{
		struct table *got = read_back(tables[i]);

		same_table(got, tables[i]);
		table_free(got);
	}
	table_free(NULL);
}

static void
cut_at_every_byte(void **state)
{
	struct buf body = {0};

	(void) state;
	fb_relation_body(&body, &sample_every);
	for (size_t len = 0; len < body.len; len++)
	{
		uint8_t      *part = unit_exact(body.data, len);
		struct table *got = (struct table *) &body;

		assert_rc_err(table_read(cursor_over(part, len), &got, &e), ERR_PROTOCOL, E1404);
		assert_null(got);
		free(part);
	}
	buf_free(&body);
}

/* A small table in which the tests below break one thing each. */
static struct column tiny_columns[2];
static uint32_t      tiny_key[2];
static struct table  tiny;

static int
setup(void **state)
{
	(void) state;
	tiny_columns[0] = sample_two_columns[0];
	tiny_columns[1] = sample_two_columns[1];
	tiny_key[0] = 0;
	tiny = (struct table){.index = 1,
						  .relid = 9,
						  .identity = 'd',
						  .relkind = 'r',
						  .schema = "s",
						  .name = "t",
						  .ncolumns = 2,
						  .columns = tiny_columns,
						  .key_kind = WIRE_KEY_PRIMARY,
						  .nkey = 1,
						  .key = tiny_key,
						  .nidentity = 1,
						  .identity_key = tiny_key};
	err_clear(&e);
	return 0;
}

static void
refused(const char *why)
{
	struct buf    body = {0};
	struct table *got;

	fb_relation_body(&body, &tiny);
	assert_rc_err(table_read(cursor_over(body.data, body.len), &got, &e), ERR_PROTOCOL, E1404);
	if (strstr(e.detail, why) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", why, e.detail);
	buf_free(&body);
	setup(NULL);
}

static void
what_cannot_be_is_refused(void **state)
{
	(void) state;
	table_free(read_back(&tiny));
	tiny.identity = 'x';
	refused("replica identity");
	tiny.identity = '\0';
	refused("replica identity");
	tiny.relkind = 'v';
	refused("kind of relation");
	tiny.index = 1000001;
	refused("index");
	tiny_columns[1].form = (enum wire_form) '?';
	refused("unknown form");
	tiny_columns[0].form = (enum wire_form) 0;
	refused("unknown form");
	tiny_columns[0].flags |= 0x1000;
	refused("unknown flags");
	tiny_columns[0].attnum = 0;
	refused("attribute number");
	tiny_columns[1].attnum = 32768;
	refused("attribute number");
	tiny_columns[0].attnum = 5;
	refused("out of order");
	tiny_columns[0].attnum = tiny_columns[1].attnum;
	refused("out of order");
	tiny_key[0] = 2;
	refused("lacks");
	tiny.key_kind = (enum wire_key) 'z';
	refused("key of unknown kind");
	tiny.key_kind = WIRE_KEY_NONE;
	refused("contradicts");
	tiny.nkey = 0;
	refused("contradicts");
}

/* The tiny table's second column becomes an array. */
static void
make_array(enum wire_form element_form)
{
	tiny_columns[1].form = WIRE_FORM_ARRAY;
	tiny_columns[1].flags = WIRE_COLUMN_ARRAY;
	tiny_columns[1].element = (struct type_name){16402, -1, "s", "digit"};
	tiny_columns[1].element_base = 23;
	tiny_columns[1].element_form = element_form;
	tiny_columns[1].delimiter = ';';
}

static void
arrays(void **state)
{
	static const char forms[] = "bio8fdzvgneyt";
	struct table     *got;

	(void) state;
	for (size_t i = 0; i < sizeof(forms) - 1; i++)
	{
		make_array((enum wire_form) forms[i]);
		got = read_back(&tiny);
		same_table(got, &tiny);
		table_free(got);
	}
	make_array((enum wire_form) '?');
	refused("elements are of unknown form");
	make_array((enum wire_form) 0);
	refused("elements are of unknown form");
	make_array(WIRE_FORM_ARRAY);
	refused("elements are of unknown form");
	make_array(WIRE_FORM_INT);
	tiny_columns[1].form = WIRE_FORM_TEXT;
	refused("disagree");
	make_array(WIRE_FORM_INT);
	tiny_columns[1].flags = 0;
	refused("disagree");
}

static void
an_index_may_name_a_column_twice(void **state)
{
	struct table *got;

	(void) state;
	tiny_key[0] = tiny_key[1] = 1;
	tiny.nkey = 2;
	tiny.key_kind = WIRE_KEY_UNIQUE;
	got = read_back(&tiny);
	assert_int_equal(got->nkey, 2);
	assert_int_equal(got->key[1], 1);
	table_free(got);
}

/* Raw bodies: counts and lengths that no builder writes. */
static void
counts_beyond_the_record(void **state)
{
	static const uint64_t counts[] = {1665, UINT32_MAX, UINT64_MAX};
	struct table         *got;

	(void) state;
	for (size_t i = 0; i < 3; i++)
	{
		struct buf body = {0};

		fb_uv(&body, 1);
		fb_uv(&body, 2);
		buf_puts(&body, "dr");
		fb_str(&body, "s");
		fb_str(&body, "t");
		fb_uv(&body, counts[i]);
		assert_rc_err(table_read(cursor_over(body.data, body.len), &got, &e), ERR_PROTOCOL, E1404);
		buf_reset(&body);

		fb_uv(&body, 1);
		fb_uv(&body, 2);
		buf_puts(&body, "dr");
		fb_str(&body, "s");
		fb_str(&body, "t");
		fb_uv(&body, 0);
		buf_puts(&body, "p");
		fb_uv(&body, counts[i]);
		assert_rc_err(table_read(cursor_over(body.data, body.len), &got, &e), ERR_PROTOCOL, E1404);
		buf_free(&body);
	}
}

static void
label_count_is_no_allocation(void **state)
{
	struct table *got;
	struct buf    body = {0};

	(void) state;
	fb_uv(&body, 1);
	fb_uv(&body, 2);
	buf_puts(&body, "dr");
	fb_str(&body, "s");
	fb_str(&body, "t");
	fb_uv(&body, 1);
	fb_uv(&body, 1);
	fb_u16(&body, WIRE_COLUMN_ENUM);
	buf_put_u8(&body, WIRE_FORM_ENUM);
	fb_str(&body, "c");
	fb_uv(&body, 1);
	fb_sv(&body, -1);
	fb_str(&body, "s");
	fb_str(&body, "e");
	fb_uv(&body, UINT32_MAX);
	assert_rc_err(table_read(cursor_over(body.data, body.len), &got, &e), ERR_PROTOCOL, E1404);
	buf_free(&body);
}

static void
zero_byte_in_a_name(void **state)
{
	struct table *got;
	struct buf    body = {0};

	(void) state;
	fb_relation_body(&body, &tiny);
	((uint8_t *) memchr(body.data, 's', body.len))[0] = '\0';
	assert_rc_err(table_read(cursor_over(body.data, body.len), &got, &e), ERR_PROTOCOL, E1404);
	buf_free(&body);
}

static void
fields_of_tomorrow(void **state)
{
	struct table *got;
	struct buf    body = {0};

	(void) state;
	fb_relation_body(&body, &tiny);
	buf_puts(&body, "more");
	assert_rc_ok(table_read(cursor_over(body.data, body.len), &got, &e));
	table_free(got);
	buf_free(&body);
}

/* Counts what a catalog lets go. */
static void
count_forget(struct table *tbl, void *arg)
{
	assert_ptr_equal(tbl->user, arg);
	(*(int *) arg)++;
}

static struct table *
learn(struct catalog *cat, const struct table *tbl)
{
	struct buf    body = {0};
	struct table *got;

	fb_relation_body(&body, tbl);
	assert_rc_ok(catalog_learn(cat, cursor_over(body.data, body.len), &got, &e));
	assert_ptr_equal(catalog_table(cat, tbl->index), got);
	buf_free(&body);
	return got;
}

static void
same_description_changes_nothing(void **state)
{
	int             forgotten = 0;
	struct catalog *cat = catalog_new(count_forget, &forgotten);
	struct table   *first = learn(cat, &tiny);

	(void) state;
	first->user = &forgotten;
	assert_ptr_equal(learn(cat, &tiny), first);
	assert_int_equal(first->version, 1);
	assert_int_equal(forgotten, 0);
	catalog_free(cat);
	assert_int_equal(forgotten, 1);
}

static void
new_description_is_a_new_version(void **state)
{
	int             forgotten = 0;
	struct catalog *cat = catalog_new(count_forget, &forgotten);
	struct table   *got = learn(cat, &tiny);
	uint64_t        hash = got->hash;

	(void) state;
	got->user = &forgotten;
	tiny_columns[1].name = "renamed";
	got = learn(cat, &tiny);
	got->user = &forgotten;
	assert_int_equal(forgotten, 1);
	assert_int_equal(got->version, 2);
	assert_true(got->hash != hash);
	assert_string_equal(got->columns[1].name, "renamed");

	tiny.relid++; /* the index now means another relation */
	got = learn(cat, &tiny);
	got->user = &forgotten;
	assert_int_equal(forgotten, 2);
	assert_int_equal(got->version, 1);
	catalog_free(cat);
	assert_int_equal(forgotten, 3);
}

static void
bad_description_leaves_the_old(void **state)
{
	struct catalog *cat = catalog_new(NULL, NULL);
	struct table   *known = learn(cat, &tiny);
	struct table   *got;
	struct buf      body = {0};

	(void) state;
	tiny.identity = 'x';
	fb_relation_body(&body, &tiny);
	assert_rc_err(catalog_learn(cat, cursor_over(body.data, body.len), &got, &e), ERR_PROTOCOL,
				  E1404);
	assert_ptr_equal(catalog_table(cat, 1), known);
	buf_free(&body);
	catalog_free(cat);
}

static void
hash_is_of_everything_but_the_index(void **state)
{
	struct table *a = read_back(&tiny);
	struct table *b;

	(void) state;
	tiny.index = 77;
	b = read_back(&tiny);
	assert_true(a->hash == b->hash);
	table_free(b);
	tiny_columns[0].flags ^= WIRE_COLUMN_NOT_NULL;
	b = read_back(&tiny);
	assert_true(a->hash != b->hash);
	table_free(a);
	table_free(b);
}

static void
index_table_grows(void **state)
{
	static const uint32_t indexes[] = {0, 63, 64, 1000, 1000000};
	struct catalog       *cat = catalog_new(NULL, NULL);

	(void) state;
	assert_null(catalog_table(cat, 0));
	for (size_t i = 0; i < 5; i++)
	{
		tiny.index = indexes[i];
		tiny.relid = 100 + (uint32_t) i;
		learn(cat, &tiny);
	}
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(catalog_table(cat, indexes[i])->relid, 100 + i);
	assert_null(catalog_table(cat, 1));
	assert_null(catalog_table(cat, 999999));
	assert_null(catalog_table(cat, UINT32_MAX));
	catalog_free(cat);
	catalog_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_field_comes_back),
		TEST(cut_at_every_byte),
		TEST(what_cannot_be_is_refused),
		TEST(arrays),
		TEST(an_index_may_name_a_column_twice),
		TEST(counts_beyond_the_record),
		TEST(label_count_is_no_allocation),
		TEST(zero_byte_in_a_name),
		TEST(fields_of_tomorrow),
		TEST(same_description_changes_nothing),
		TEST(new_description_is_a_new_version),
		TEST(bad_description_leaves_the_old),
		TEST(hash_is_of_everything_but_the_index),
		TEST(index_table_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
