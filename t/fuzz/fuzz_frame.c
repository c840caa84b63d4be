/*
 * fuzz_frame.c
 *		Any bytes at all, to every reader that takes bytes from outside.  The
 *		first byte says to which.
 */
#include "capture.h"
#include "catalog.h"
#include "frame.h"
#include "replay.h"
#include "value.h"

enum frame_target
{
	TARGET_CAPTURE,
	TARGET_MESSAGE,
	TARGET_TABLE,
	TARGET_VALUE,
	TARGETS
};

static void
fuzz_capture(const uint8_t *data, size_t size)
{
	struct err   e;
	FILE        *in = fmemopen((void *) (uintptr_t) data, size, "rb");
	FILE        *out = fopen("/dev/null", "w");
	struct dump *dump = dump_new(out, 0);

	if (capture_decode(in, "input", dump, &e) == RC_ERR && e.msg[0] == '\0')
		abort();
	dump_free(dump);
	fclose(in);
	fclose(out);
}

/* What a message carries is one frame and nothing behind it. */
static void
fuzz_message(const uint8_t *data, size_t size)
{
	struct copy_message msg;
	struct cursor       records;
	struct err          e;
	size_t              need;

	if (copy_message_read(data, size, &msg, &e) != RC_OK)
		return;
	if (frame_next(&msg.payload, &records, &need, &e) == RC_OK)
	{
		struct reader *rdr = reader_new(1 << 20);
		struct record  rec;
		uint64_t       sum = 0;

		while (record_next(rdr, &records, &rec, &e) == RC_OK)
			sum += (uint64_t) rec.kind;
		if (sum == UINT64_MAX)
			abort();
		reader_free(rdr);
	}
}

/* A description learned twice is the same; one byte of it changed is another or none. */
static void
fuzz_table(const uint8_t *data, size_t size)
{
	struct catalog *cat = catalog_new(NULL, NULL);
	struct table   *first;
	struct table   *again;
	struct err      e;

	if (catalog_learn(cat, cursor_over(data, size), &first, &e) == RC_OK)
	{
		if (catalog_learn(cat, cursor_over(data, size), &again, &e) != RC_OK || first != again)
			abort();
		if (catalog_table(cat, first->index) != first || first->version != 1)
			abort();
		for (uint32_t i = 0; i < first->nkey; i++)
			if (first->key[i] >= first->ncolumns)
				abort();
	}
	catalog_free(cat);
}

/* An array that has a text opens, and its elements one by one fill it. */
static void
check_array(struct cursor body, const struct column *col)
{
	struct array arr = array_open(body);

	for (uint32_t i = 0; i < arr.count; i++)
		if (!array_is_null(&arr, i))
			value_skip(col->element_form, &arr.elements);
	if (arr.elements.bad || arr.elements.p != arr.elements.end)
		abort();
}

/* Whatever has a text can be passed over, and both end at the same byte. */
static void
fuzz_value(const uint8_t *data, size_t size)
{
	static const char     forms[] = "bio8fdzvgneyta"; /* the last one is no element's */
	static const uint32_t oids[] = {
		20, TYPE_DATE, TYPE_TIME, TYPE_TIMESTAMP, TYPE_TIMESTAMPTZ, TYPE_MONEY};
	static const char *labels[] = {"one", "two"};
	struct column      col = {.name = "c", .labels = labels, .nlabels = 2};
	struct cursor      text;
	struct cursor      skip;
	struct buf         out = {0};

	if (size < 1)
		return;
	col.form = (enum wire_form) forms[data[0] % (sizeof(forms) - 1)];
	col.base.oid = oids[data[0] / 16 % (sizeof(oids) / sizeof(*oids))];
	data++;
	size--;
	if (col.form == WIRE_FORM_ARRAY)
	{
		if (size < 1)
			return;
		col.element_form = (enum wire_form) forms[data[0] % (sizeof(forms) - 2)];
		col.element.oid = col.base.oid;
		col.delimiter = ',';
		data++;
		size--;
	}
	text = skip = cursor_over(data, size);
	value_text(&text, &col, &out);
	value_skip(col.form, &skip);
	if (!text.bad && (skip.bad || skip.p != text.p))
		abort();
	if (!text.bad && col.form == WIRE_FORM_ARRAY)
	{
		struct str body = (skip = cursor_over(data, size), cursor_str(&skip));

		check_array(cursor_over(body.data, body.len), &col);
	}
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	switch (data[0] % TARGETS)
	{
		case TARGET_CAPTURE: fuzz_capture(data + 1, size - 1); break;
		case TARGET_MESSAGE: fuzz_message(data + 1, size - 1); break;
		case TARGET_TABLE: fuzz_table(data + 1, size - 1); break;
		case TARGET_VALUE: fuzz_value(data + 1, size - 1); break;
	}
	return 0;
}
