/*
 * fuzz_copy.c
 *		Any bytes at all as the messages of a COPY.  What is taken must be a tuple that
 *		every reader of tuples takes.
 *
 * Input: number of columns, kind of each, then messages: u16 length, bytes.
 */
#include "array_literal.h"
#include "copy_row.h"
#include "replay.h"
#include "value.h"

#define COPY_COLUMNS_MAX 6

/* Small, so that values become long. */
#define FRAME_BYTES 24
#define LONG_MAX_BYTES 64

struct copy_column
{
	enum wire_form form; /* of an array: of the elements */
	uint32_t       oid;
	bool           is_array;
};

static const struct copy_column copy_columns[] = {
	{WIRE_FORM_BOOL, 16, false},      {WIRE_FORM_INT, TYPE_INT2, false},
	{WIRE_FORM_INT, 23, false},       {WIRE_FORM_INT, TYPE_INT8, false},
	{WIRE_FORM_OID, 26, false},       {WIRE_FORM_FLOAT4, 700, false},
	{WIRE_FORM_FLOAT8, 701, false},   {WIRE_FORM_INT64, TYPE_TIME, false},
	{WIRE_FORM_TIMETZ, 1266, false},  {WIRE_FORM_INTERVAL, 1186, false},
	{WIRE_FORM_UUID, 2950, false},    {WIRE_FORM_NUMERIC, 1700, false},
	{WIRE_FORM_ENUM, 90001, false},   {WIRE_FORM_BYTES, 17, false},
	{WIRE_FORM_TEXT, 25, false},      {WIRE_FORM_TEXT, 869, false},
	{WIRE_FORM_INT, TYPE_INT2, true}, {WIRE_FORM_TEXT, 25, true},
	{WIRE_FORM_ENUM, 90001, true},    {WIRE_FORM_NUMERIC, 1700, true},
	{WIRE_FORM_TEXT, 869, true},      {WIRE_FORM_BOOL, 16, true},
};

static const char *copy_labels_made[] = {"one", "two", ""};

static void
copy_column_make(struct column *col, uint8_t kind)
{
	const struct copy_column *made =
		&copy_columns[kind % (sizeof(copy_columns) / sizeof(*copy_columns))];

	*col = (struct column){.name = "c",
						   .form = made->is_array ? WIRE_FORM_ARRAY : made->form,
						   .base = {made->oid, -1, "", ""},
						   .element = {made->oid, -1, "", ""},
						   .element_form = made->form,
						   .delimiter = ','};
	if (made->form == WIRE_FORM_ENUM)
	{
		col->labels = copy_labels_made;
		col->nlabels = 3;
	}
}

/* An array opens, its elements fill it, and its text reads back as the same. */
static void
check_body(const struct column *col, struct str body)
{
	struct array  arr = array_open(cursor_over(body.data, body.len));
	struct cursor elements = arr.elements;
	struct buf    text = {0};
	struct buf    again = {0};

	for (uint32_t i = 0; i < arr.count; i++)
		if (!array_is_null(&arr, i))
			value_skip(col->element_form, &elements);
	if (elements.bad || elements.p != elements.end)
		abort();
	if (col->element_form == WIRE_FORM_TEXT && arr.nulls == NULL)
	{
		if (!array_text(cursor_over(body.data, body.len), col, &text) ||
			!array_literal_read((struct str){(char *) text.data, text.len}, ',', &again) ||
			again.len != body.len || memcmp(again.data, body.data, body.len) != 0)
			abort();
	}
	buf_free(&text);
	buf_free(&again);
}

static void
check_value(const struct column *col, struct cursor *values)
{
	struct cursor at = *values;
	struct str    body;

	value_skip(col->form, values);
	if (col->form != WIRE_FORM_ARRAY)
		return;
	body = cursor_str(&at);
	check_body(col, body);
}

static void
check_change(const struct table *tbl, const struct change *chg)
{
	struct tuple tup;
	struct err   e;
	uint32_t     nlongs = 0;
	uint64_t     too_long = 0;

	if (tuple_open(chg->new_tuple, tbl->ncolumns, &tup, &e) != RC_OK)
		abort();
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
		switch (tuple_state(&tup, i))
		{
			case WIRE_STATE_VALUE: check_value(&tbl->columns[i], &tup.values); break;
			case WIRE_STATE_TEXT: cursor_str(&tup.values); break;
			case WIRE_STATE_LONG:
				if (nlongs == chg->nlongs)
					abort();
				if (chg->longs[nlongs].data == NULL)
					too_long = chg->too_long;
				else if (chg->longs[nlongs].len <= FRAME_BYTES ||
						 chg->longs[nlongs].len > LONG_MAX_BYTES)
					abort();
				else if (tbl->columns[i].form == WIRE_FORM_ARRAY)
					check_body(&tbl->columns[i], chg->longs[nlongs]);
				nlongs++;
				break;
			case WIRE_STATE_NULL: break;
			default: abort();
		}
	if (tup.values.bad || tup.values.p != tup.values.end || nlongs != chg->nlongs ||
		too_long != chg->too_long)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct column    columns[COPY_COLUMNS_MAX];
	struct cursor    in = cursor_over(data, size);
	struct table     tbl = {.schema = "s", .name = "t", .columns = columns};
	struct copy_row *row;

	if (size == 0)
		return 0;
	tbl.ncolumns = cursor_u8(&in) % (COPY_COLUMNS_MAX + 1);
	for (uint32_t i = 0; i < tbl.ncolumns; i++)
		copy_column_make(&columns[i], cursor_u8(&in));
	row = copy_row_new(&tbl, FRAME_BYTES, LONG_MAX_BYTES);
	while (cursor_left(&in) > 0)
	{
		size_t        len = cursor_u16(&in);
		size_t        have = len < cursor_left(&in) ? len : cursor_left(&in);
		char         *exact = xmalloc(have > 0 ? have : 1);
		struct change chg;
		struct err    e;

		if (have > 0)
			memcpy(exact, cursor_bytes(&in, have), have);
		switch (copy_row_read(row, (struct str){exact, have}, &chg, &e))
		{
			case RC_OK: check_change(&tbl, &chg); break;
			case RC_AGAIN: break;
			case RC_ERR:
				if (e.code != E1404)
					abort();
		}
		free(exact);
		if (copy_row_ended(row))
			copy_row_restart(row, NULL);
	}
	copy_row_free(row);
	return 0;
}
