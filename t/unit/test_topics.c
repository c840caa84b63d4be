/*
 * test_topics.c
 *		What is remembered of topics, and its text.
 */
#include "unit.h"

#include "topics.h"

static struct str
str_of(const char *text)
{
	return (struct str){text, strlen(text)};
}

static void
text_comes_back(void **state)
{
	struct topics *topics = topics_new();
	struct topics *others = topics_new();
	struct topic  *topic = topics_topic(topics, "shop.public.\"t\"");
	struct buf     text = {0};
	struct err     e;

	(void) state;
	topic_resize(topics, topic, 3);
	assert_true(topic_reached(topics, topic, 1, 41));
	topic_write(topic, &text);
	assert_string_equal(buf_cstr(&text),
						"{\"version\":1,\"topic\":\"shop.public.\\\"t\\\"\",\"partitions\":3,\"next\":[0,42,0]}");
	assert_rc_ok(topics_read(others, str_of(buf_cstr(&text)), &e));
	topic = topics_topic(others, "shop.public.\"t\"");
	assert_int_equal(topic->npartitions, 3);
	assert_int_equal(topic->next[0], 0);
	assert_int_equal(topic->next[1], 42);
	buf_free(&text);
	topics_free(topics);
	topics_free(others);
}

static void
strange_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"[]",
		"{}",
		"{\"version\":1,\"topic\":\"t\"}",
		"{\"version\":1,\"topic\":\"t\",\"next\":[\"1\"]}",
		"{\"version\":1,\"topic\":\"t\",\"next\":[-1]}",
		"{\"version\":1,\"topic\":\"t\",\"next\":[1e300]}",
		"{\"version\":2,\"topic\":\"t\",\"next\":[1]}",
		"{\"version\":1,\"topic\":7,\"next\":[1]}",
		"{\"version\":1,\"next\":[1]}",
	};
	struct topics *topics = topics_new();
	struct err     e;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_rc_err(topics_read(topics, str_of(texts[i]), &e), ERR_CONFIG, E2010);
	assert_null(topics_first(topics));
	topics_free(topics);
}

static void
offset_that_was_given_before_is_noticed(void **state)
{
	struct topics *topics = topics_new();
	struct topic  *topic = topics_topic(topics, "t");

	(void) state;
	topic_resize(topics, topic, 2);
	assert_true(topic_reached(topics, topic, 0, 7));
	assert_true(topic_reached(topics, topic, 0, -1)); /* not known */
	assert_true(topic_reached(topics, topic, 0, 8));
	assert_true(topic_reached(topics, topic, 1, 0));
	assert_false(topic_reached(topics, topic, 0, 8));
	assert_false(topic_reached(topics, topic, 0, 0));
	assert_true(topic_reached(topics, topic, 0, 9));
	assert_true(topic_reached(topics, topic, 2, 0)); /* there is no such partition: not ours to say */
	topics_free(topics);
}

/* Each news is written once, and a topic with much news only now and then. */
static void
news_is_due_in_its_order(void **state)
{
	struct topics *topics = topics_new();
	struct topic  *a = topics_topic(topics, "a");
	struct topic  *b = topics_topic(topics, "b");
	struct topic  *c = topics_topic(topics, "c");

	(void) state;
	assert_null(topics_due(topics, 1000, 100));
	topic_resize(topics, b, 1);
	topic_resize(topics, a, 1);
	assert_ptr_equal(topics_due(topics, 1000, 100), a);
	topic_written(topics, a, 1000);
	assert_ptr_equal(topics_due(topics, 1000, 100), b);
	topic_written(topics, b, 1000);
	assert_null(topics_due(topics, 1000, 100));
	topic_reached(topics, b, 0, 1);
	assert_null(topics_due(topics, 1099, 100));
	assert_ptr_equal(topics_due(topics, 1100, 100), b);
	topic_written(topics, b, 1100);
	topic_reached(topics, a, 0, 1);
	topic_reached(topics, b, 0, 2);
	assert_ptr_equal(topics_due(topics, 1200, 100), a);
	topic_resize(topics, c, 1); /* was never written: before them */
	assert_ptr_equal(topics_due(topics, 1200, 100), c);
	topic_written(topics, c, 1200);
	assert_ptr_equal(topics_due(topics, 1200, 100), a);
	topics_free(topics);
}

/* Messages without keys: its name is all that there is to keep. */
static void
topic_without_a_number_is_kept(void **state)
{
	struct topics *topics = topics_new();
	struct topics *others = topics_new();
	struct topic  *topic = topics_topic(topics, "t");
	struct buf     text = {0};
	struct err     e;

	(void) state;
	assert_null(topics_due(topics, 1000, 100));
	topic_use(topics, topic);
	assert_ptr_equal(topics_due(topics, 1000, 100), topic);
	topic_write(topic, &text);
	assert_string_equal(buf_cstr(&text), "{\"version\":1,\"topic\":\"t\",\"partitions\":0,\"next\":[]}");
	assert_rc_ok(topics_read(others, str_of(buf_cstr(&text)), &e));
	topic = topics_first(others);
	assert_string_equal(topic->name, "t");
	assert_int_equal(topic->npartitions, 0);
	assert_true(topic->kept != 0);

	/* When there is one, it does not wait. */
	topic = topics_due(topics, 1000, 100);
	topic_written(topics, topic, 1000);
	topic_use(topics, topic);
	assert_null(topics_due(topics, 2000, 100));
	topic_resize(topics, topic, 2);
	assert_ptr_equal(topics_due(topics, 1001, 100), topic);
	topic_written(topics, topic, 1001);
	assert_true(topic_reached(topics, topic, 1, 5));
	assert_null(topics_due(topics, 1100, 100));
	assert_ptr_equal(topics_due(topics, 1101, 100), topic);
	buf_free(&text);
	topics_free(topics);
	topics_free(others);
}

/* As after the gap of a topic is passed: of several records of one topic the last counts. */
static void
what_is_forgotten_is_found_anew(void **state)
{
	struct topics *topics = topics_new();
	struct topic  *topic;
	uint64_t       kept;
	struct err     e;

	(void) state;
	assert_rc_ok(topics_read(topics, str_of("{\"version\":1,\"topic\":\"t\",\"next\":[5,6]}"), &e));
	topic = topics_topic(topics, "t");
	kept = topic->kept;
	assert_false(topic_reached(topics, topic, 1, 0));
	topic_forget(topics, topic);
	assert_int_equal(topic->npartitions, 0);
	assert_true(topic_reached(topics, topic, 1, 0));
	topic_resize(topics, topic, 3);
	assert_true(topic_reached(topics, topic, 1, 0));
	assert_false(topic_reached(topics, topic, 1, 0));
	topic_written(topics, topic, 1000);
	assert_true(topic->kept != kept);
	assert_rc_ok(topics_read(topics, str_of("{\"version\":1,\"topic\":\"t\",\"next\":[5,6]}"), &e));
	assert_true(topic->kept == kept); /* of what was written, whoever has written it */
	assert_rc_ok(topics_read(topics, str_of("{\"version\":1,\"topic\":\"t\",\"next\":[]}"), &e));
	assert_int_equal(topic->npartitions, 0);
	topics_free(topics);
}

static void
refusal_is_kept_until_it_is_accepted(void **state)
{
	struct topics *topics = topics_new();
	struct topic  *topic = topics_topic(topics, "t");
	struct buf     text = {0};
	struct err     e;

	(void) state;
	topic_resize(topics, topic, 1);
	topic->refused = true;
	topic_write(topic, &text);
	assert_string_equal(buf_cstr(&text),
						"{\"version\":1,\"topic\":\"t\",\"partitions\":1,\"next\":[0],\"refused\":true}");
	topic->refused = false;
	assert_rc_ok(topics_read(topics, str_of(buf_cstr(&text)), &e));
	assert_true(topic->refused);
	topic_forget(topics, topic);
	assert_false(topic->refused);
	buf_free(&text);
	topics_free(topics);
}

static void
all_are_found(void **state)
{
	struct topics *topics = topics_new();
	unsigned       count = 0;

	(void) state;
	topics_topic(topics, "a");
	topics_topic(topics, "b");
	assert_ptr_equal(topics_topic(topics, "a"), topics_topic(topics, "a"));
	for (struct topic *t = topics_first(topics); t; t = topics_next(topics, t))
		count++;
	assert_int_equal(count, 2);
	topics_free(topics);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_comes_back),
		cmocka_unit_test(strange_text_is_refused),
		cmocka_unit_test(offset_that_was_given_before_is_noticed),
		cmocka_unit_test(news_is_due_in_its_order),
		cmocka_unit_test(topic_without_a_number_is_kept),
		cmocka_unit_test(what_is_forgotten_is_found_anew),
		cmocka_unit_test(refusal_is_kept_until_it_is_accepted),
		cmocka_unit_test(all_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
