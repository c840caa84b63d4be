/*
 * test_dead_letter.c
 *		Dead letters into a sink that writes down what it gets, and is full at will.
 */
#include "unit.h"

#include <inttypes.h>

#include "dead_letter.h"
#include "fakesink.h"
#include "schema.h"

#define KEY_SCHEMA "{\"type\":\"record\",\"name\":\"Key\",\"fields\":[]}"
#define VALUE_SCHEMA "{\"type\":\"record\",\"name\":\"Value\",\"fields\":[]}"

static void
put_str_or_null(struct buf *out, bool has, struct str s)
{
	if (has)
		buf_put(out, s.data, s.len);
	else
		buf_puts(out, "null");
}

/* "item key=value name:value ..." */
static void
tell(struct buf *log, const struct outgoing *out, uint64_t item)
{
	buf_printf(log, "%" PRIu64 " ", item);
	put_str_or_null(log, out->has_key, out->key);
	buf_puts(log, "=");
	put_str_or_null(log, out->has_value, out->value);
	for (unsigned i = 0; i < out->nheaders; i++)
		buf_printf(log, " %s:%.*s", out->headers[i].name, (int) out->headers[i].value.len,
				   out->headers[i].value.data);
	buf_puts(log, "\n");
}

struct fixture
{
	struct config        cfg;
	struct fakesink      fake;
	struct route        *routes;
	struct dead_letters *dead;
	struct letter        letter;
};

/* A letter whose value's schema is refused, or both sides'. */
static void
fixture_open(struct fixture *fix, bool key_too)
{
	const char *schemas[2] = {key_too ? KEY_SCHEMA : NULL, VALUE_SCHEMA};
	struct err  e;

	memset(fix, 0, sizeof(*fix));
	fix->cfg.kafka.topic_dead_letter = (char *) "dead-letter";
	fix->cfg.slot.name = (char *) "slot";
	fix->fake = (struct fakesink){.sink.ops = &fakesink_ops, .room = 1000, .tell = tell};
	fix->routes = route_new("s", ".");
	fix->dead = dead_letters_new(&fix->cfg);
	assert_rc_ok(dead_letters_open(fix->dead, &fix->fake.sink, fix->routes, &e));
	assert_string_equal(fix->fake.topic, "s.dead-letter");
	/* Once. */
	assert_rc_ok(dead_letters_open(fix->dead, &fix->fake.sink, fix->routes, &e));
	assert_int_equal(fix->fake.open, 1);
	err_set(&e, ERR_CONFIG, E1802, "the registry says no");
	dead_letters_address(fix->dead, "s.p.t", "p.t", schemas, STAGE_VALUE, &e, &fix->letter);
}

static void
fixture_close(struct fixture *fix)
{
	dead_letters_free(fix->dead);
	assert_int_equal(fix->fake.open, 0);
	route_free(fix->routes);
	buf_free(&fix->fake.log);
}

static enum rc
send(struct fixture *fix, const char *value, uint64_t item, uint32_t *sent)
{
	static const struct header own = {"own", {"header", 6}};
	struct outgoing            out = {.has_key = true,
									  .has_value = value != NULL,
									  .key = {"k", 1},
									  .value = {value, value ? strlen(value) : 0},
									  .headers = &own,
									  .nheaders = 1};
	struct place               at = {UINT64_C(0x1600000080), UINT64_C(0x16000000F0)};
	struct err                 e;

	return dead_letters_send(fix->dead, &fix->letter, &at, &out, item, sent, &e);
}

#define LETTER(item, value)                                                                \
#item " k=" value " __connect.errors.topic:s.p.t __connect.errors.connector.name:slot" \
		  " __connect.errors.stage:VALUE_CONVERTER"                                        \
		  " __connect.errors.exception.class.name:walrelay.E1802"                          \
		  " __connect.errors.exception.message:the registry says no"                       \
		  " __walrelay.lsn:16/80 __walrelay.commit_lsn:16/F0 __walrelay.table:p.t own:header\n"

/* "item fingerprint=schema ..." */
static char *
schema_line(uint64_t item, const char *schema)
{
	return xasprintf("%" PRIu64 " %016" PRIx64 "=%s __walrelay.schema:1 __walrelay.table:p.t\n",
					 item, avro_fingerprint(schema), schema);
}

static void
expect_log(struct fixture *fix, const char *first, const char *second, const char *rest)
{
	char *expected = xasprintf("%s%s%s", first, second, rest);

	assert_string_equal(buf_cstr(&fix->fake.log), expected);
	free(expected);
	buf_reset(&fix->fake.log);
}

/* --- tests ----------------------------------------------------------------- */

static void
schema_goes_ahead_once(void **state)
{
	struct fixture fix;
	char          *schema = schema_line(5, VALUE_SCHEMA);
	uint32_t       sent;

	(void) state;
	fixture_open(&fix, false);
	assert_int_equal(send(&fix, "one", 5, &sent), RC_OK);
	assert_int_equal(sent, 2);
	assert_int_equal(send(&fix, "two", 6, &sent), RC_OK);
	assert_int_equal(sent, 1);
	assert_int_equal(send(&fix, NULL, 7, &sent), RC_OK);
	assert_int_equal(sent, 1);
	expect_log(&fix, schema, LETTER(5, "one"), LETTER(6, "two") LETTER(7, "null"));
	assert_int_equal(dead_letters_counts(fix.dead)->messages, 3);
	assert_string_equal(dead_letters_counts(fix.dead)->table, "p.t");
	assert_null(dead_letters_counts(fix.dead)->next);
	free(schema);
	fixture_close(&fix);
}

/* What was taken counts, whatever the sink says to the rest; nothing is sent twice. */
static void
full_sink_takes_the_rest_later(void **state)
{
	struct fixture fix;
	char          *key = schema_line(5, KEY_SCHEMA);
	char          *value = schema_line(5, VALUE_SCHEMA);
	uint32_t       sent;

	(void) state;
	fixture_open(&fix, true);
	fix.fake.room = 0;
	assert_int_equal(send(&fix, "one", 5, &sent), RC_AGAIN);
	assert_int_equal(sent, 0);
	for (int i = 0; i < 2; i++)
	{
		fix.fake.room = 1;
		assert_int_equal(send(&fix, "one", 5, &sent), RC_AGAIN);
		assert_int_equal(sent, 1);
	}
	assert_null(strstr(buf_cstr(&fix.fake.log), "errors.topic"));
	assert_int_equal(dead_letters_counts(fix.dead)->messages, 0);
	fix.fake.room = 1;
	assert_int_equal(send(&fix, "one", 5, &sent), RC_OK);
	assert_int_equal(sent, 1);
	expect_log(&fix, key, value, LETTER(5, "one"));
	free(key);
	free(value);
	fixture_close(&fix);
}

/* A new stream into the same sink knows them; what may be lost is sent again. */
static void
schemas_that_may_be_lost_are_sent_again(void **state)
{
	struct fixture fix;
	char          *schema = schema_line(9, VALUE_SCHEMA);
	uint32_t       sent;
	struct err     e;

	(void) state;
	fixture_open(&fix, false);
	assert_int_equal(send(&fix, "one", 5, &sent), RC_OK);
	buf_reset(&fix.fake.log);
	dead_letters_close(fix.dead);
	assert_int_equal(fix.fake.open, 0);
	assert_rc_ok(dead_letters_open(fix.dead, &fix.fake.sink, fix.routes, &e));
	assert_int_equal(send(&fix, "two", 8, &sent), RC_OK);
	expect_log(&fix, "", LETTER(8, "two"), "");
	dead_letters_forget(fix.dead);
	assert_int_equal(send(&fix, "two", 9, &sent), RC_OK);
	expect_log(&fix, schema, LETTER(9, "two"), "");
	free(schema);
	fixture_close(&fix);
}

static void
tables_are_counted_up_to_a_bound(void **state)
{
	struct fixture             fix;
	const char                *schemas[2] = {NULL, VALUE_SCHEMA};
	const struct letter_count *count;
	char                       name[32];
	unsigned                   tables = 0;
	uint32_t                   sent;
	struct err                 why;

	(void) state;
	fixture_open(&fix, false);
	err_set(&why, ERR_CONFIG, E1803, "no");
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < LETTER_TABLES_MAX + 10; i++)
		{
			snprintf(name, sizeof(name), "p.t%d", i);
			dead_letters_address(fix.dead, "t", name, schemas, STAGE_VALUE, &why, &fix.letter);
			assert_int_equal(send(&fix, "x", 1, &sent), RC_OK);
		}
	for (count = dead_letters_counts(fix.dead); count->next; count = count->next)
		tables++;
	assert_int_equal(tables, LETTER_TABLES_MAX);
	assert_string_equal(count->table, LETTER_OTHERS);
	/* p.t of the fixture is a table, too. */
	assert_int_equal(count->messages, 22);
	fixture_close(&fix);
}

static void
topic_of_a_table_is_not_taken(void **state)
{
	struct config        cfg = {.kafka.topic_dead_letter = (char *) "t"};
	struct fakesink      fake = {.sink.ops = &fakesink_ops};
	struct route        *routes = route_new("s", ".");
	struct dead_letters *dead = dead_letters_new(&cfg);
	struct table         tbl = {.relid = 1, .schema = "", .name = "t"};
	char                *topic;
	struct err           e;

	(void) state;
	assert_rc_ok(route_table(routes, &tbl, &topic, &e));
	free(topic);
	assert_rc_err(dead_letters_open(dead, &fake.sink, routes, &e), ERR_CONFIG, E1605);
	assert_int_equal(fake.open, 0);
	dead_letters_free(dead);
	route_free(routes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_goes_ahead_once),
		cmocka_unit_test(full_sink_takes_the_rest_later),
		cmocka_unit_test(schemas_that_may_be_lost_are_sent_again),
		cmocka_unit_test(tables_are_counted_up_to_a_bound),
		cmocka_unit_test(topic_of_a_table_is_not_taken),
	};

	return cmocka_run_group_tests_name("dead letter", tests, NULL, NULL);
}
