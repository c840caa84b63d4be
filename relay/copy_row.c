/*
 * copy_row.c
 *		Rows of COPY (FORMAT binary) to the tuples of the stream; see copy_row.h.
 *
 * What the bytes are is in the send function of each type.  They come from outside:
 * no length is believed before its bytes are there.  Runs for every row of a table
 * that is read: row_put() neither allocates nor looks anything up, but for the labels
 * of enums.
 */
#include "copy_row.h"

#include <stdlib.h>

#include "array_literal.h"
#include "copy_value.h"
#include "sql_quote.h"
#include "value.h"

/* The plugin sends no longer text in place of a column's own form. */
#define TEXT_LENGTH_MAX (WIRE_FRAME_MAX / 8)

static const char signature[11] = "PGCOPY\n\377\r\n";

/* Flags of the header that somebody who does not know them must refuse. */
#define HEADER_CRITICAL 0xffff0000u

struct way
{
	struct copy_kind     kind;
	struct copy_kind     element; /* COPY_ARRAY */
	const struct column *col;
	struct buf           body; /* of the row's array */
};

enum stage
{
	STAGE_HEADER,
	STAGE_ROWS,
	STAGE_ENDED
};

struct copy_row
{
	const struct table *tbl;
	uint32_t            threshold; /* of long values */
	uint64_t            max_long;
	enum stage          stage;
	const bool         *left_out; /* columns that were not asked for; NULL: none */
	struct way         *ways;   /* of the columns */
	size_t              head;   /* bytes of a tuple before its values, at most */
	struct buf          values; /* the tuple, with room for that before them */
	struct buf          text;   /* in place of an array */

	/* of the row */
	uint8_t    *states; /* enum wire_state each */
	bool        has_null;
	bool        has_state; /* other than VALUE and NULL */
	struct str *longs;
	uint32_t    nlongs;
	uint64_t    too_long;
};

/* --- how columns are asked for -------------------------------------------------------- */

/*
 * format() is the one way in SQL to an output function: a cast to text is another
 * function for some types (inet, "char", xml).  It makes '' of NULL; IS NULL would hold
 * for a row of NULLs, too, but IS DISTINCT FROM does not.
 */
void
copy_row_columns(const struct table *tbl, const bool *left_out, struct buf *sql)
{
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
	{
		const struct column *col = &tbl->columns[i];
		enum copy_method     method = copy_column_method(col);
		bool                 output = method == COPY_OUTPUT || method == COPY_ARRAY_OUTPUT;

		if (i > 0)
			buf_puts(sql, ", ");
		if (left_out && left_out[i])
		{
			buf_puts(sql, "NULL");
			continue;
		}
		if (output)
		{
			buf_puts(sql, "CASE WHEN ");
			sql_name_put(col->name, sql);
			buf_puts(sql, " IS DISTINCT FROM NULL THEN pg_catalog.format('%s', ");
		}
		sql_name_put(col->name, sql);
		if (output)
			buf_puts(sql, ") END");
	}
}

/* --- making --------------------------------------------------------------------------- */

struct copy_row *
copy_row_new(const struct table *tbl, uint32_t frame_bytes, uint64_t max_long)
{
	struct copy_row *row = xcalloc(1, sizeof(*row));

	row->tbl = tbl;
	row->threshold = frame_bytes < WIRE_LONG_THRESHOLD ? frame_bytes : WIRE_LONG_THRESHOLD;
	row->max_long = max_long;
	row->ways = xcalloc(tbl->ncolumns + 1, sizeof(*row->ways));
	row->states = xcalloc(tbl->ncolumns + 1, sizeof(*row->states));
	row->longs = xcalloc(tbl->ncolumns + 1, sizeof(*row->longs));
	row->head = 1 + ((size_t) tbl->ncolumns + 1) / 2;
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
	{
		struct way *way = &row->ways[i];

		way->col = &tbl->columns[i];
		copy_kind_init(&way->kind, copy_column_method(way->col), way->col);
		if (way->kind.method == COPY_ARRAY)
			copy_kind_init(&way->element, copy_element_method(way->col), way->col);
	}
	return row;
}

void
copy_row_free(struct copy_row *row)
{
	if (row == NULL)
		return;
	for (uint32_t i = 0; i < row->tbl->ncolumns; i++)
	{
		copy_kind_free(&row->ways[i].kind);
		copy_kind_free(&row->ways[i].element);
		buf_free(&row->ways[i].body);
	}
	free(row->ways);
	free(row->states);
	free(row->longs);
	buf_free(&row->values);
	buf_free(&row->text);
	free(row);
}

void
copy_row_restart(struct copy_row *row, const bool *left_out)
{
	row->stage = STAGE_HEADER;
	row->left_out = left_out;
}

bool
copy_row_ended(const struct copy_row *row)
{
	return row->stage == STAGE_ENDED;
}

/* --- rows ----------------------------------------------------------------------------- */

/* Text or bytes, or the body of an array; a long one is only pointed to. */
static void
value_put(struct copy_row *row, uint32_t i, const void *data, size_t len)
{
	uint8_t *p;

	if (len > row->threshold)
	{
		row->states[i] = WIRE_STATE_LONG;
		row->has_state = true;
		row->longs[row->nlongs] = (struct str){data, len};
		if (len > row->max_long)
		{
			row->longs[row->nlongs] = (struct str){NULL, 0};
			row->too_long = len;
		}
		row->nlongs++;
		return;
	}
	buf_reserve(&row->values, len + COPY_VALUE_BOUND);
	p = copy_bytes_put(row->values.data + row->values.len, data, len);
	row->values.len = (size_t) (p - row->values.data);
}

/* Text in place of the column's form. */
static void
text_put(struct copy_row *row, uint32_t i, const void *data, size_t len)
{
	uint8_t *p;

	row->has_state = true;
	row->states[i] = len <= TEXT_LENGTH_MAX ? WIRE_STATE_TEXT : WIRE_STATE_UNSENDABLE;
	if (len > TEXT_LENGTH_MAX)
		return;
	buf_reserve(&row->values, len + COPY_VALUE_BOUND);
	p = copy_bytes_put(row->values.data + row->values.len, data, len);
	row->values.len = (size_t) (p - row->values.data);
}

/* An array of an enum with a label that the column lacks: the text of all of it. */
static bool
unlabelled_put(struct copy_row *row, uint32_t i, struct cursor cur)
{
	struct way            *way = &row->ways[i];
	const struct copy_kind element = {.method = COPY_BYTES};
	const struct column texts = {.element_form = WIRE_FORM_TEXT, .delimiter = way->col->delimiter};

	if (copy_array_put(cur, &element, way->col->element.oid, &way->body) != COPY_ARRAYED)
		return false;
	buf_restart(&row->text);
	if (!array_text(cursor_over(way->body.data, way->body.len), &texts, &row->text))
		return false;
	text_put(row, i, row->text.data, row->text.len);
	return true;
}

/* What is no scalar, or is one that is not in its place; kept out of the loop. */
static bool
other_put(struct copy_row *row, uint32_t i, const uint8_t *at, uint32_t len)
{
	struct way   *way = &row->ways[i];
	struct cursor cur = cursor_over(at, len);

	switch (way->kind.method)
	{
		case COPY_BYTES:
		case COPY_OUTPUT: value_put(row, i, at, len); return true;
		case COPY_ENUM: text_put(row, i, at, len); return true;
		case COPY_ARRAY:
			switch (copy_array_put(cur, &way->element, way->col->element.oid, &way->body))
			{
				case COPY_NO_ARRAY: return false;
				case COPY_NO_LABEL: return unlabelled_put(row, i, cur);
				case COPY_ARRAYED: break;
			}
			value_put(row, i, way->body.data, way->body.len);
			return true;
		case COPY_ARRAY_OUTPUT:
			buf_restart(&way->body);
			if (!array_literal_read((struct str){(const char *) at, len}, way->col->delimiter,
									&way->body))
				return false;
			value_put(row, i, way->body.data, way->body.len);
			return true;
		default: return false;
	}
}

/* NULL, or what stands for a value that the server cannot send. */
static void
null_put(struct copy_row *row, uint32_t i)
{
	bool missing = row->left_out && row->left_out[i];

	row->states[i] = missing ? WIRE_STATE_UNSENDABLE : WIRE_STATE_NULL;
	row->has_state = row->has_state || missing;
	row->has_null = row->has_null || !missing;
}

/* Values that may be long are scalars as far as they are not. */
static inline bool
is_scalar(enum copy_method method, uint32_t len, uint32_t threshold)
{
	return method < COPY_BYTES || (method < COPY_ARRAY && len <= threshold);
}

/* The fields of a row.  NULL, or what is wrong with the one of column *place. */
static const char *
row_put(struct copy_row *row, struct cursor *cur, uint32_t *place)
{
	uint32_t count = row->tbl->ncolumns;

	for (uint32_t i = 0; i < count; i++)
	{
		const struct copy_kind *kind = &row->ways[i].kind;
		uint32_t                len = copy_read_u32(cur);
		const uint8_t          *at;
		uint8_t                *p = NULL;

		if (len == UINT32_MAX)
		{
			null_put(row, i);
			continue;
		}
		row->states[i] = WIRE_STATE_VALUE;
		at = cursor_bytes(cur, len);
		*place = i;
		if (cur->bad)
			return "fewer bytes than it should";
		if (kind->width > 0 && len != kind->width)
			return "a value of another length";
		if (is_scalar(kind->method, len, row->threshold))
		{
			buf_reserve(&row->values, (size_t) len + COPY_VALUE_BOUND);
			p = copy_value_put(row->values.data + row->values.len, kind, at, len);
		}
		if (p != NULL)
			row->values.len = (size_t) (p - row->values.data);
		else if (!other_put(row, i, at, len))
			return "no value of its type";
	}
	return NULL;
}

/* Puts what stands before the values right before them; the tuple. */
static struct cursor
row_head(struct copy_row *row)
{
	uint32_t count = row->tbl->ncolumns;
	size_t   map = row->has_state  ? ((size_t) count + 1) / 2
				   : row->has_null ? ((size_t) count + 7) / 8
								   : 0;
	uint8_t *head = row->values.data + row->head - map - 1;
	uint8_t *p = head + 1;

	memset(p, 0, map);
	if (row->has_state)
	{
		*head = WIRE_TUPLE_STATES;
		for (uint32_t i = 0; i < count; i++)
			p[i / 2] |= (uint8_t) (row->states[i] << i % 2 * 4);
	}
	else if (row->has_null)
	{
		*head = WIRE_TUPLE_NULLS;
		for (uint32_t i = 0; i < count; i++)
			p[i / 8] |= (uint8_t) ((row->states[i] == WIRE_STATE_NULL) << i % 8);
	}
	else
		*head = WIRE_TUPLE_PLAIN;
	return cursor_over(head, (size_t) (row->values.data + row->values.len - head));
}

/* Passes over the header. */
static bool
header_pass(struct cursor *cur)
{
	const uint8_t *at = cursor_bytes(cur, sizeof(signature));
	uint32_t       flags = copy_read_u32(cur);

	cursor_bytes(cur, copy_read_u32(cur));
	return !cur->bad && memcmp(at, signature, sizeof(signature)) == 0 &&
		   (flags & HEADER_CRITICAL) == 0;
}

static enum rc
malformed(const struct copy_row *row, const char *what, const char *column, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1404, "row of COPY is malformed");
	return err_detail(e, "It has %s.  It is of table \"%s.%s\"%s%s%s.", what, row->tbl->schema,
					  row->tbl->name, column ? ", column \"" : "", column ? column : "",
					  column ? "\"" : "");
}

/* Empties what the row before has left. */
static void
row_forget(struct copy_row *row)
{
	buf_restart(&row->values);
	buf_reserve(&row->values, row->head);
	row->values.len = row->head;
	row->has_null = row->has_state = false;
	row->nlongs = 0;
	row->too_long = 0;
}

enum rc
copy_row_read(struct copy_row *row, struct str message, struct change *chg, struct err *e)
{
	struct cursor  cur = cursor_over(message.data, message.len);
	const uint8_t *at;
	const char    *wrong;
	uint32_t       place;

	if (row->stage == STAGE_ENDED)
		return malformed(row, "a message behind the last", NULL, e);
	if (row->stage == STAGE_HEADER)
	{
		if (!header_pass(&cur))
			return malformed(row, "a header that is not known", NULL, e);
		row->stage = STAGE_ROWS;
		if (cursor_left(&cur) == 0)
			return RC_AGAIN;
	}
	at = cursor_bytes(&cur, 2);
	if (at && copy_u16(at) == UINT16_MAX && cursor_left(&cur) == 0)
	{
		row->stage = STAGE_ENDED;
		return RC_AGAIN;
	}
	if (at == NULL || copy_u16(at) != row->tbl->ncolumns)
		return malformed(row, "another number of columns", NULL, e);
	row_forget(row);
	wrong = row_put(row, &cur, &place);
	if (wrong != NULL)
		return malformed(row, wrong, row->tbl->columns[place].name, e);
	if (cursor_left(&cur) > 0)
		return malformed(row, "more bytes than it should", NULL, e);
	*chg = (struct change){
		.kind = WIRE_INSERT,
		.relation = row->tbl->index,
		.old_kind = WIRE_OLD_NONE,
		.new_tuple = row_head(row),
		.longs = row->longs,
		.nlongs = row->nlongs,
		.too_long = row->too_long,
	};
	chg->old_tuple = cursor_over(chg->new_tuple.end, 0);
	return RC_OK;
}
