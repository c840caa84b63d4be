/*
 * test_corpus.c
 *		The fuzzers over their committed corpus, as a plain test:
 *		what was found once stays found.
 *
 * build/t/unit/test_corpus --write renews the seeds made from the sample.
 */
#include "unit.h"

#include <dirent.h>

#include "sample.h"

#define LLVMFuzzerTestOneInput fuzz_frame_one
#include "../fuzz/fuzz_frame.c"
#undef LLVMFuzzerTestOneInput
int fuzz_session_one(const uint8_t *data, size_t size);
#define LLVMFuzzerTestOneInput fuzz_session_one
#include "../fuzz/fuzz_session.c"
#undef LLVMFuzzerTestOneInput
int fuzz_encode_one(const uint8_t *data, size_t size);
#define LLVMFuzzerTestOneInput fuzz_encode_one
#include "../fuzz/fuzz_encode.c"
#undef LLVMFuzzerTestOneInput

int fuzz_copy_one(const uint8_t *data, size_t size);
#define LLVMFuzzerTestOneInput fuzz_copy_one
#include "../fuzz/fuzz_copy.c"
#undef LLVMFuzzerTestOneInput

#define CORPUS "t/fuzz/corpus/"

static unsigned
replay(const char *dir, int (*one)(const uint8_t *data, size_t size))
{
	DIR           *list = opendir(dir);
	struct dirent *entry;
	unsigned       count = 0;

	if (list == NULL)
		fail_msg("cannot open %s: run this from the project's top folder", dir);
	while ((entry = readdir(list)) != NULL)
	{
		char      *path;
		struct buf file;
		uint8_t   *exact;

		if (entry->d_name[0] == '.')
			continue;
		path = xasprintf("%s/%s", dir, entry->d_name);
		file = unit_file(path);
		exact = unit_exact(file.data, file.len);
		one(exact, file.len);
		free(exact);
		buf_free(&file);
		free(path);
		count++;
	}
	closedir(list);
	return count;
}

static void
frame_corpus(void **state)
{
	(void) state;
	assert_true(replay(CORPUS "fuzz_frame", fuzz_frame_one) >= 10);
}

static void
session_corpus(void **state)
{
	(void) state;
	assert_true(replay(CORPUS "fuzz_session", fuzz_session_one) >= 3);
}

/* Made by the fuzzer alone: a table and its rows have no notation that one could write. */
static void
encode_corpus(void **state)
{
	(void) state;
	assert_true(replay(CORPUS "fuzz_encode", fuzz_encode_one) >= 10);
}

static void
copy_corpus(void **state)
{
	(void) state;
	assert_true(replay(CORPUS "fuzz_copy", fuzz_copy_one) >= 10);
}

static void
seed_write(const char *name, const struct buf *seed)
{
	FILE *out = fopen(name, "wb");

	if (out == NULL || fwrite(seed->data, 1, seed->len, out) != seed->len || fclose(out) != 0)
	{
		perror(name);
		exit(1);
	}
}

/* One seed of fuzz_frame: its target, then what fill puts. */
#define SEED(name, target, fill)                      \
	do                                                \
	{                                                 \
		struct buf seed = {0};                        \
		buf_put_u8(&seed, target);                    \
		fill;                                         \
		seed_write(CORPUS "fuzz_frame/" name, &seed); \
		buf_free(&seed);                              \
	} while (0)

/* The sample's records in fuzz_session's own notation. */
static void
seed_session(const char *name, void (*fill)(struct buf *records))
{
	struct buf    records = {0};
	struct buf    seed = {0};
	struct cursor cur;

	fb_commit(&records, 2000, 2000); /* of the transaction that is open */
	fill(&records);
	cur = cursor_over(records.data, records.len);
	while (cursor_left(&cur) > 0)
	{
		uint8_t    kind = cursor_u8(&cur);
		struct str body = cursor_str(&cur);
		uint8_t    flag = kind == WIRE_LONG || kind == WIRE_COMMIT ? 0x80 : 0;

		buf_put_u8(&seed, kind);
		buf_put_u8(&seed, flag | (uint8_t) (body.len < 0x7f ? body.len : 0x7f));
		if (body.len >= 0x7f)
			fb_u16(&seed, (uint16_t) body.len);
		buf_put(&seed, body.data, body.len);
	}
	seed_write(name, &seed);
	buf_free(&seed);
	buf_free(&records);
}

static void
seed_message(struct buf *seed)
{
	static const uint8_t header[24] = {0};
	struct buf           records = {0};

	buf_put_u8(seed, 'w');
	buf_put(seed, header, sizeof(header));
	fb_hello(&records);
	sample_states(&records);
	fb_frame(seed, &records);
	buf_free(&records);
}

static void
texts_array(struct buf *body)
{
	fb_array_head(body, 1, (const uint32_t[]){5}, (const int32_t[]){1}, NULL);
	fb_str(body, "");
	fb_str(body, "null");
	fb_str(body, "a \"b\" \\");
	fb_str(body, "plain");
	fb_str(body, "{,}");
}

/* A product of the dimensions beyond 32 and 64 bits. */
static void
wrong_bounds_array(struct buf *body)
{
	fb_uv(body, 6);
	for (int i = 0; i < 6; i++)
	{
		fb_uv(body, 0x0fffffff);
		fb_sv(body, INT32_MAX);
	}
	buf_put_u8(body, 0);
}

/* More elements than bytes. */
static void
wrong_count_array(struct buf *body)
{
	fb_array_head(body, 1, (const uint32_t[]){0x0fffffff}, (const int32_t[]){1}, NULL);
	buf_put(body, "\1\0\1", 3);
}

/* A map that is cut off. */
static void
wrong_map_array(struct buf *body)
{
	fb_uv(body, 1);
	fb_uv(body, 100000);
	fb_sv(body, 1);
	buf_put_u8(body, 1);
	buf_put(body, "\xff\xff", 2);
}

/* An array value of an element form, by its place among fuzz_value's forms. */
static void
seed_array(struct buf *seed, uint8_t form, void (*fill)(struct buf *body))
{
	struct buf body = {0};

	fill(&body);
	buf_put_u8(seed, 13);
	buf_put_u8(seed, form);
	fb_bytes(seed, body.data, body.len);
	buf_free(&body);
}

/* A COPY of a column of a kind, by its place in copy_columns, with one field. */
static void
seed_copy(const char *name, uint8_t kind, const void *field, size_t len)
{
	static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	struct buf        seed = {0};

	buf_put_u8(&seed, 1);
	buf_put_u8(&seed, kind);
	fb_u16(&seed, (uint16_t) (sizeof(header) + 6 + len));
	buf_put(&seed, header, sizeof(header));
	buf_put(&seed, (const uint8_t[]){0, 1, 0, 0, 0, (uint8_t) len}, 6);
	buf_put(&seed, field, len);
	buf_put(&seed, "\2\0\377\377", 4);
	seed_write(name, &seed);
	buf_free(&seed);
}

#define SEED_COPY(name, kind, field) \
	seed_copy(CORPUS "fuzz_copy/" name, kind, field, sizeof(field) - 1)

static void
seeds_copy(void)
{
	SEED_COPY("bool", 0, "\1");
	SEED_COPY("int4", 2, "\377\377\377\277");
	SEED_COPY("timetz", 8, "\0\0\0\n\213\344\312`\377\377\262\250");
	SEED_COPY("interval", 9, "\377\377\377\374\223i\221 \0\0\0\3\0\0\0\n");
	SEED_COPY("numeric", 11, "\0\3\0\1\0\0\0\4\0\1\t)\32\205");
	SEED_COPY("numeric-nan", 11, "\0\0\0\0\300\0\0\0");
	SEED_COPY("enum", 12, "two");
	SEED_COPY("enum-unknown", 12, "three");
	SEED_COPY("text-long", 14, "a text that is longer than the frame");
	SEED_COPY("int2-array", 16,
			  "\0\0\0\1\0\0\0\1\0\0\0\25\0\0\0\2\0\0\0\1\0\0\0\2\0\7\377\377\377\377");
	SEED_COPY("text-array", 17, "\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\1\0\0\0\1\0\0\0\3a b");
	SEED_COPY("enum-array", 18, "\0\0\0\1\0\0\0\0\0\1_\221\0\0\0\2\0\0\0\0\0\0\0\3one\0\0\0\2no");
	SEED_COPY("literal", 20, "[0:1][2:3]={{a,NULL},{\"\",\"x\\\"y\"}}");
	SEED_COPY("literal-empty", 20, "{}");
}

static int
seeds_write(void)
{
	seeds_copy();
	SEED("capture", TARGET_CAPTURE, sample_stream(&seed));
	SEED("message", TARGET_MESSAGE, seed_message(&seed));
	SEED("keepalive", TARGET_MESSAGE, buf_put(&seed, "k0000000000000000\1", 18));
	SEED("table-every", TARGET_TABLE, fb_relation_body(&seed, &sample_every));
	SEED("table-odd", TARGET_TABLE, fb_relation_body(&seed, &sample_odd));
	SEED("table-two", TARGET_TABLE, fb_relation_body(&seed, &sample_two));
	SEED("value-bool", TARGET_VALUE, buf_put(&seed, "\0\1", 2));
	SEED("value-date", TARGET_VALUE, (buf_put_u8(&seed, 29), fb_sv(&seed, 9716)));
	SEED("value-timestamp", TARGET_VALUE, (buf_put_u8(&seed, 59), fb_u64(&seed, 123456789)));
	SEED("value-float8", TARGET_VALUE, (buf_put_u8(&seed, 5), fb_float8(&seed, 1e23)));
	SEED("value-interval", TARGET_VALUE, (buf_put_u8(&seed, 7), fb_interval(&seed, 1, -2, 14)));
	SEED("value-numeric", TARGET_VALUE,
		 (buf_put_u8(&seed, 9), fb_numeric(&seed, '-', 6, 1, 2, (const uint16_t[]){12, 3400})));
	SEED("value-array", TARGET_VALUE, seed_array(&seed, 10, sample_array));
	SEED("value-array-text", TARGET_VALUE, seed_array(&seed, 12, texts_array));
	SEED("value-array-bounds", TARGET_VALUE, seed_array(&seed, 1, wrong_bounds_array));
	SEED("value-array-count", TARGET_VALUE, seed_array(&seed, 0, wrong_count_array));
	SEED("value-array-map", TARGET_VALUE, seed_array(&seed, 1, wrong_map_array));
	seed_session(CORPUS "fuzz_session/forms", sample_forms);
	seed_session(CORPUS "fuzz_session/states", sample_states);
	seed_session(CORPUS "fuzz_session/others", sample_others);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_corpus),
		cmocka_unit_test(session_corpus),
		cmocka_unit_test(encode_corpus),
		cmocka_unit_test(copy_corpus),
	};

	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return seeds_write();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
