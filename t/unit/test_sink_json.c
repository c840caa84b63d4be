/*
 * test_sink_json.c
 *		JSON lines into pipes and files: what is written, when it is
 *		acknowledged, and readers that are slow or leave.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "schema.h"
#include "sink.h"
#include "waitloop.h"

#define assert_taken(call) assert_int_equal((call), RC_OK)
#define MAX_ITEMS 64
#define PREFIX "\x00\x00\x00\x00\x07"
#define PREFIX_LEN 5
#define SCHEMA \
	"{\"type\":\"record\",\"name\":\"Value\",\"fields\":[{\"name\":\"s\",\"type\":\"string\"}]}"

/* A sink, and what it said. */
struct lab
{
	struct waitloop    wl;
	struct config      cfg;
	struct sink       *sink;
	struct avro       *avro;
	struct sink_topic *topic;
	uint64_t           acked[MAX_ITEMS];
	uint64_t           total;
	bool               in_order;
	uint64_t           last_item;
	unsigned           failed;
	unsigned           writable;
	struct err         why;
	uint64_t           want;
	bool               sending; /* nothing may be told meanwhile */
	int                saved;   /* our stdout */
	int                reader;  /* the other end of the sink's */
};

static void
on_acked(void *arg, uint32_t item, uint32_t count)
{
	struct lab *lab = arg;

	assert_false(lab->sending);
	assert_true(item < MAX_ITEMS);
	lab->in_order = lab->in_order && item >= lab->last_item;
	lab->last_item = item;
	lab->acked[item] += count;
	lab->total += count;
}

static void
on_failed(void *arg, const struct err *e)
{
	struct lab *lab = arg;

	assert_false(lab->sending);
	lab->failed++;
	lab->why = *e;
}

static void
on_writable(void *arg)
{
	((struct lab *) arg)->writable++;
}

static void
on_state(void *arg, bool up, const struct err *why)
{
	(void) arg;
	(void) up;
	(void) why;
}

static bool
all_acked(void *arg)
{
	struct lab *lab = arg;

	return lab->total >= lab->want;
}

static bool
has_failed(void *arg)
{
	return ((struct lab *) arg)->failed > 0;
}

static void
lab_init(struct lab *lab, enum sink_kind kind, char *file, uint64_t max_bytes)
{
	memset(lab, 0, sizeof(*lab));
	lab->in_order = true;
	lab->saved = lab->reader = -1;
	lab->cfg.format.sink = kind;
	lab->cfg.format.file = file;
	lab->cfg.relay.max_bytes = max_bytes;
	waitloop_init(&lab->wl);
}

static void
lab_sink(struct lab *lab)
{
	const struct sink_events events = {.acked = on_acked,
									   .failed = on_failed,
									   .writable = on_writable,
									   .state = on_state,
									   .arg = lab};
	struct err               e;

	assert_rc_ok(avro_new(SCHEMA, &lab->avro, &e));
	assert_rc_ok(sink_json_new(lab->wl.loop, &lab->cfg, PREFIX_LEN, &events, &lab->sink, &e));
	assert_rc_ok(lab->sink->ops->topic(lab->sink, "t", lab->avro, lab->avro, &lab->topic, &e));
}

static void
lab_file(struct lab *lab, char *file)
{
	lab_init(lab, SINK_FILE, file, 1 << 20);
	lab_sink(lab);
}

/* stdout becomes fd, whose other end is reader; a test prints nothing until lab_close(). */
static void
lab_stdout(struct lab *lab, int fd, int reader, uint64_t max_bytes)
{
	lab_init(lab, SINK_STDOUT, NULL, max_bytes);
	fflush(stdout);
	lab->saved = dup(STDOUT_FILENO);
	lab->reader = reader;
	assert_true(lab->saved >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
	close(fd);
	lab_sink(lab);
}

static void
lab_pipe(struct lab *lab, uint64_t max_bytes)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	lab_stdout(lab, ends[1], ends[0], max_bytes);
}

static void
lab_close(struct lab *lab)
{
	lab->sink->ops->topic_free(lab->sink, lab->topic);
	lab->sink->ops->free(lab->sink);
	avro_free(lab->avro);
	if (lab->saved >= 0)
	{
		dup2(lab->saved, STDOUT_FILENO);
		close(lab->saved);
	}
	if (lab->reader >= 0)
		close(lab->reader);
	waitloop_end(&lab->wl);
}

/* A value {"s": text} as it comes from the encoder. */
static struct str
framed(struct buf *buf, const char *text, size_t len)
{
	uint64_t zigzag = (uint64_t) len << 1;

	buf_reset(buf);
	buf_put(buf, PREFIX, PREFIX_LEN);
	for (; zigzag > 127; zigzag >>= 7)
		buf_put_u8(buf, (uint8_t) (zigzag | 128));
	buf_put_u8(buf, (uint8_t) zigzag);
	buf_put(buf, text, len);
	return (struct str){(const char *) buf->data, buf->len};
}

static enum rc
lab_send(struct lab *lab, const char *key, const char *value, size_t value_len, uint64_t item)
{
	struct buf      keys = {0}, values = {0};
	struct outgoing out = {.has_key = key != NULL, .has_value = value != NULL};
	struct err      e;
	enum rc         rc;

	if (key)
		out.key = framed(&keys, key, strlen(key));
	if (value)
		out.value = framed(&values, value, value_len);
	lab->sending = true;
	rc = lab->sink->ops->send(lab->sink, lab->topic, &out, item, &e);
	lab->sending = false;
	buf_free(&keys);
	buf_free(&values);
	return rc;
}

static char *
read_file(const char *path)
{
	struct buf text = {0};
	FILE      *file = fopen(path, "r");
	size_t     n;

	assert_non_null(file);
	do
	{
		buf_reserve(&text, 65536);
		n = fread(text.data + text.len, 1, 65536, file);
		text.len += n;
	} while (n > 0);
	fclose(file);
	return buf_cstr(&text);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static char path[64];

static int
make_path(void **state)
{
	int fd;

	(void) state;
	strcpy(path, "/tmp/test_sink_json.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 || close(fd) != 0 || unlink(path) != 0;
}

static int
remove_path(void **state)
{
	(void) state;
	unlink(path);
	return 0;
}

/* --- lines ------------------------------------------------------------------ */

static void
each_message_is_one_line(void **state)
{
	struct lab      lab;
	struct buf      keys = {0}, values = {0};
	struct outgoing out = {.has_key = true, .has_value = true};
	struct err      e;
	char           *text;

	(void) state;
	lab_file(&lab, path);
	assert_taken(lab_send(&lab, "k", "v", 1, 1));
	assert_taken(lab_send(&lab, NULL, "a \"quoted\"\nline", 15, 1));
	assert_taken(lab_send(&lab, "k", NULL, 0, 1));
	out.key = framed(&keys, "k", 1);
	out.value = framed(&values, "", 0);
	out.headers = &(struct header){"__debezium.newkey", {"{\"id\":42}", 9}};
	out.nheaders = 1;
	assert_rc_ok(lab.sink->ops->send(lab.sink, lab.topic, &out, 2, &e));
	lab.want = 4;
	wait_until(&lab.wl, all_acked, &lab);
	assert_int_equal(lab.acked[1], 3);
	assert_int_equal(lab.acked[2], 1);
	lab_close(&lab);
	buf_free(&keys);
	buf_free(&values);

	text = read_file(path);
	assert_string_equal(
		text, "{\"topic\":\"t\",\"key\":{\"s\":\"k\"},\"value\":{\"s\":\"v\"}}\n"
			  "{\"topic\":\"t\",\"key\":null,\"value\":{\"s\":\"a \\\"quoted\\\"\\nline\"}}\n"
			  "{\"topic\":\"t\",\"key\":{\"s\":\"k\"},\"value\":null}\n"
			  "{\"topic\":\"t\",\"key\":{\"s\":\"k\"},\"value\":{\"s\":\"\"},"
			  "\"headers\":{\"__debezium.newkey\":\"{\\\"id\\\":42}\"}}\n");
	free(text);
}

static void
message_that_cannot_be_printed_leaves_nothing(void **state)
{
	struct lab lab;
	/* The key is good, the value shorter than its prefix. */
	const struct outgoing bad = {.has_key = true,
								 .has_value = true,
								 .key = {PREFIX "\x02k", PREFIX_LEN + 2},
								 .value = {PREFIX, PREFIX_LEN - 1}};
	struct sink_stats     stats;
	struct err            e;
	char                 *text;

	(void) state;
	lab_file(&lab, path);
	assert_taken(lab_send(&lab, "k", "v", 1, 1));
	err_clear(&e);
	assert_int_equal(lab.sink->ops->send(lab.sink, lab.topic, &bad, 1, &e), RC_ERR);
	assert_int_equal(e.code, E1603);
	assert_taken(lab_send(&lab, NULL, "w", 1, 1));
	lab.want = 2;
	wait_until(&lab.wl, all_acked, &lab);
	lab.sink->ops->stats(lab.sink, &stats);
	assert_int_equal(stats.messages, 2);
	assert_int_equal(stats.acked, 2);
	assert_int_equal(stats.in_flight, 0);
	lab_close(&lab);
	text = read_file(path);
	assert_string_equal(text, "{\"topic\":\"t\",\"key\":{\"s\":\"k\"},\"value\":{\"s\":\"v\"}}\n"
							  "{\"topic\":\"t\",\"key\":null,\"value\":{\"s\":\"w\"}}\n");
	free(text);
}

/* --- files ------------------------------------------------------------------ */

static void
file_is_continued(void **state)
{
	struct lab  lab;
	char       *text;
	struct stat st;

	(void) state;
	for (unsigned i = 0; i < 2; i++)
	{
		lab_file(&lab, path);
		assert_taken(lab_send(&lab, NULL, i ? "b" : "a", 1, 1));
		lab.want = 1;
		lab.sink->ops->flush(lab.sink);
		wait_until(&lab.wl, all_acked, &lab);
		lab_close(&lab);
	}
	text = read_file(path);
	assert_string_equal(text, "{\"topic\":\"t\",\"key\":null,\"value\":{\"s\":\"a\"}}\n"
							  "{\"topic\":\"t\",\"key\":null,\"value\":{\"s\":\"b\"}}\n");
	free(text);
	/* Rows are nobody else's business. */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07, 0);
}

static void
expect_mended(const char *before, const char *after)
{
	struct lab lab;
	char      *text;

	write_file(path, before);
	lab_file(&lab, path);
	lab_close(&lab);
	text = read_file(path);
	assert_string_equal(text, after);
	free(text);
	unlink(path);
}

static void
torn_line_is_cut_off(void **state)
{
	struct buf long_line = {0};
	struct buf torn = {0};

	(void) state;
	expect_mended("", "");
	expect_mended("{\"topic\":1}\n", "{\"topic\":1}\n");
	expect_mended("{\"topic\":1}\n{\"top", "{\"topic\":1}\n");
	expect_mended("{", "");
	expect_mended("one\n{\"topic\":\"t\",\"key\":nu", "one\n");
	/* Not ours: only ended. */
	expect_mended("one\ntwo", "one\ntwo\n");
	expect_mended("x", "x\n");

	/* Longer than what is looked at in one go. */
	buf_puts(&long_line, "one\n");
	buf_put(&torn, buf_cstr(&long_line), long_line.len);
	buf_puts(&torn, "{\"topic\":\"t\",\"key\":\"");
	for (unsigned i = 0; i < 30000; i++)
		buf_put_u8(&torn, 'x');
	expect_mended(buf_cstr(&torn), buf_cstr(&long_line));
	buf_free(&long_line);
	buf_free(&torn);
}

static void
file_that_cannot_be_opened_is_named(void **state)
{
	const struct sink_events events = {.acked = on_acked};
	struct config            cfg = {.format.sink = SINK_FILE};
	struct loop             *loop = loop_new();
	struct sink             *sink;
	struct err               e;

	(void) state;
	cfg.format.file = (char *) "/nonexistent/folder/out.json";
	assert_rc_err(sink_json_new(loop, &cfg, 5, &events, &sink, &e), ERR_CONFIG, E2007);
	assert_non_null(strstr(e.hint, "format.sink.file"));
	assert_non_null(strstr(e.msg, "/nonexistent/folder/out.json"));
	assert_true(e.detail[0] != '\0');
	cfg.format.file = (char *) "/tmp";
	assert_rc_err(sink_json_new(loop, &cfg, 5, &events, &sink, &e), ERR_CONFIG, E2007);
	assert_non_null(strstr(e.hint, "format.sink.file"));
	loop_free(loop);
}

static void
full_disk_is_told_and_nothing_acknowledged(void **state)
{
	struct lab lab;

	(void) state;
	lab_file(&lab, (char *) "/dev/full");
	assert_taken(lab_send(&lab, "k", "v", 1, 1));
	wait_until(&lab.wl, has_failed, &lab);
	assert_int_equal(lab.why.code, E2007);
	assert_true(lab.why.hint[0] != '\0');
	assert_int_equal(lab.why.class, ERR_TRANSIENT);
	assert_int_equal(lab.total, 0);
	assert_rc_again(lab_send(&lab, "k", "v", 1, 1));
	lab.sink->ops->flush(lab.sink);
	waitloop_run(&lab.wl, NULL, NULL, 20);
	assert_int_equal(lab.failed, 1);
	assert_int_equal(lab.total, 0);
	lab_close(&lab);
}

/* --- pipes ------------------------------------------------------------------ */

/* Sends 1000-byte values, a hundred to an item, until the sink is full. */
static unsigned
fill(struct lab *lab, unsigned sent)
{
	char    value[1000];
	enum rc rc;

	memset(value, 'v', sizeof(value));
	while ((rc = lab_send(lab, NULL, value, sizeof(value), sent / 100)) == RC_OK)
		assert_true(++sent < 6000);
	assert_int_equal(rc, RC_AGAIN);
	return sent;
}

static bool
drained(void *arg)
{
	struct lab *lab = arg;
	char        block[65536];

	/* A bite in each round, so that the writer is waited for in the loop. */
	if (recv(lab->reader, block, sizeof(block), MSG_DONTWAIT) < 0 &&
		read(lab->reader, block, sizeof(block)) < 0)
		return all_acked(lab);
	return all_acked(lab);
}

static void
slow_reader_is_waited_for_without_blocking(struct lab *lab)
{
	unsigned sent = fill(lab, 0);
	uint64_t before;

	/* Nobody reads: what fits into the pipe is acknowledged, no more, and the loop turns. */
	lab->sink->ops->flush(lab->sink);
	waitloop_run(&lab->wl, NULL, NULL, 50);
	before = lab->total;
	assert_true(before < sent);
	assert_true(sent * 1000 >= 256 * 1024);
	assert_int_equal(lab->writable, 0);
	assert_rc_again(lab_send(lab, NULL, "x", 1, 63));

	assert_int_equal(fcntl(lab->reader, F_SETFL, O_NONBLOCK), 0);
	lab->want = sent;
	wait_until(&lab->wl, drained, lab);
	assert_int_equal(lab->total, sent);
	assert_true(lab->writable > 0);
	assert_true(lab->in_order);
	for (unsigned item = 0; item + 1 < sent / 100; item++)
		assert_int_equal(lab->acked[item], 100);
	assert_int_equal(lab->failed, 0);
}

static void
slow_reader_of_a_pipe(void **state)
{
	struct lab lab;

	(void) state;
	lab_pipe(&lab, 256 * 1024);
	slow_reader_is_waited_for_without_blocking(&lab);
	/* Whoever shares our stdout must not find it changed. */
	assert_int_equal(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0);
	lab_close(&lab);
}

static void
slow_reader_of_a_socket(void **state)
{
	struct lab lab;
	int        ends[2];

	(void) state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	lab_stdout(&lab, ends[1], ends[0], 256 * 1024);
	slow_reader_is_waited_for_without_blocking(&lab);
	lab_close(&lab);
}

static void
lines_arrive_whole_and_in_order(void **state)
{
	struct lab lab;
	struct buf text = {0};
	char       value[32];
	unsigned   count = 0;

	(void) state;
	lab_pipe(&lab, 1 << 20);
	for (unsigned i = 0; i < 500; i++)
	{
		snprintf(value, sizeof(value), "value %u", i);
		assert_taken(lab_send(&lab, "k", value, strlen(value), 0));
	}
	lab.want = 500;
	wait_until(&lab.wl, all_acked, &lab); /* fits into the pipe */
	buf_reserve(&text, 1 << 20);
	text.len = (size_t) read(lab.reader, text.data, 1 << 20);
	for (char *line = buf_cstr(&text), *next; (next = strchr(line, '\n')) != NULL; line = next + 1)
	{
		cJSON *json;

		*next = '\0';
		json = cJSON_Parse(line);
		assert_non_null(json);
		snprintf(value, sizeof(value), "value %u", count++);
		assert_string_equal(
			cJSON_GetObjectItem(cJSON_GetObjectItem(json, "value"), "s")->valuestring, value);
		cJSON_Delete(json);
	}
	assert_int_equal(count, 500);
	buf_free(&text);
	lab_close(&lab);
}

static void
message_beyond_the_budget_goes_alone(void **state)
{
	struct lab lab;
	char      *value = xcalloc(1, 1 << 20);

	(void) state;
	memset(value, 'v', 1 << 20);
	lab_pipe(&lab, 64 * 1024);
	assert_taken(lab_send(&lab, NULL, value, 1 << 20, 1));
	assert_rc_again(lab_send(&lab, NULL, "x", 1, 2));
	assert_int_equal(fcntl(lab.reader, F_SETFL, O_NONBLOCK), 0);
	lab.want = 1;
	wait_until(&lab.wl, drained, &lab);
	assert_true(lab.writable > 0);
	assert_taken(lab_send(&lab, NULL, "x", 1, 2));
	free(value);
	lab_close(&lab);
}

static void
expect_reader_gone(bool idle)
{
	struct lab lab;

	lab_pipe(&lab, 1 << 20);
	assert_taken(lab_send(&lab, "k", "v", 1, 1));
	lab.want = 1;
	wait_until(&lab.wl, all_acked, &lab);
	close(lab.reader);
	lab.reader = -1;
	if (!idle)
		assert_taken(lab_send(&lab, "k", "v", 1, 2));
	wait_until(&lab.wl, has_failed, &lab);
	assert_int_equal(lab.why.code, E2007);
	assert_true(lab.why.hint[0] != '\0');
	assert_int_equal(lab.why.class, ERR_FATAL);
	assert_int_equal(lab.total, 1);
	waitloop_run(&lab.wl, NULL, NULL, 20);
	assert_int_equal(lab.failed, 1);
	lab_close(&lab);
}

static void
reader_that_leaves_is_told(void **state)
{
	(void) state;
	expect_reader_gone(false);
}

static void
reader_that_leaves_is_told_while_nothing_is_sent(void **state)
{
	(void) state;
	expect_reader_gone(true);
}

static void
named_pipe_is_written_like_stdout(void **state)
{
	const struct sink_events events = {.acked = on_acked};
	struct config            cfg = {.format.sink = SINK_FILE, .format.file = path};
	struct lab               lab;
	struct loop             *loop = loop_new();
	struct sink             *sink;
	struct err               e;
	char                     line[256] = "";
	int                      reader;

	(void) state;
	assert_int_equal(mkfifo(path, 0600), 0);
	/* Nobody reads yet: said at once, not waited for. */
	assert_rc_err(sink_json_new(loop, &cfg, 5, &events, &sink, &e), ERR_FATAL, E2007);
	loop_free(loop);

	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	lab_file(&lab, path);
	assert_taken(lab_send(&lab, NULL, "v", 1, 1));
	lab.want = 1;
	wait_until(&lab.wl, all_acked, &lab);
	assert_true(read(reader, line, sizeof(line) - 1) > 0);
	assert_string_equal(line, "{\"topic\":\"t\",\"key\":null,\"value\":{\"s\":\"v\"}}\n");
	close(reader);
	wait_until(&lab.wl, has_failed, &lab);
	lab_close(&lab);
}

#define test_with_path(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test_with_path(each_message_is_one_line),
		test_with_path(message_that_cannot_be_printed_leaves_nothing),
		test_with_path(file_is_continued),
		test_with_path(torn_line_is_cut_off),
		cmocka_unit_test(file_that_cannot_be_opened_is_named),
		cmocka_unit_test(full_disk_is_told_and_nothing_acknowledged),
		cmocka_unit_test(slow_reader_of_a_pipe),
		cmocka_unit_test(slow_reader_of_a_socket),
		cmocka_unit_test(lines_arrive_whole_and_in_order),
		cmocka_unit_test(message_beyond_the_budget_goes_alone),
		cmocka_unit_test(reader_that_leaves_is_told),
		cmocka_unit_test(reader_that_leaves_is_told_while_nothing_is_sent),
		test_with_path(named_pipe_is_written_like_stdout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
