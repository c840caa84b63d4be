/* test_key_window.c: overlapping windows of keys, against lists of everything. */
#include "unit.h"

#include "key_window.h"

#define KEYS 40
#define WINDOWS 6
#define PLENTY ((size_t) 1 << 20)

static struct str
key_of(const char *text)
{
	return (struct str){text, strlen(text)};
}

static void
test_one_window(void **state)
{
	struct key_log log = {.max_bytes = PLENTY};
	uint64_t       window;

	(void) state;
	key_log_add(&log, key_of("before"));
	assert_int_equal(log.bytes, 0);
	window = key_window_open(&log);
	assert_false(key_window_has(&log, window, key_of("before")));
	key_log_add(&log, key_of("a"));
	key_log_add(&log, key_of(""));
	key_log_add(&log, (struct str){"a\0b", 3});
	assert_true(key_window_has(&log, window, key_of("a")));
	assert_true(key_window_has(&log, window, key_of("")));
	assert_true(key_window_has(&log, window, (struct str){"a\0b", 3}));
	assert_false(key_window_has(&log, window, (struct str){"a\0", 2}));
	assert_false(key_window_has(&log, window, key_of("b")));
	assert_false(key_window_is_broken(&log, window));
	assert_true(log.bytes > 0);
	key_window_close(&log, window);
	assert_int_equal(log.bytes, 0);
	assert_false(key_window_has(&log, key_window_open(&log), key_of("a")));
	key_log_free(&log);
}

/* A second window knows nothing of what came before it, and the first goes on knowing. */
static void
test_two_windows(void **state)
{
	struct key_log log = {.max_bytes = PLENTY};
	uint64_t       first = key_window_open(&log);
	uint64_t       second;
	size_t         held;

	(void) state;
	key_log_add(&log, key_of("a"));
	key_log_add(&log, key_of("b"));
	second = key_window_open(&log);
	key_log_add(&log, key_of("b"));
	assert_true(key_window_has(&log, first, key_of("a")));
	assert_true(key_window_has(&log, first, key_of("b")));
	assert_false(key_window_has(&log, second, key_of("a")));
	assert_true(key_window_has(&log, second, key_of("b")));
	held = log.bytes;
	key_window_close(&log, first);
	assert_true(log.bytes < held);
	assert_int_equal(log.nkeys, 1);
	assert_true(key_window_has(&log, second, key_of("b")));
	key_window_close(&log, second);
	key_window_close(&log, second); /* nothing more */
	assert_int_equal(log.bytes, 0);
	key_log_free(&log);
}

/* Too much: what was open is broken, what is opened then is not. */
static void
test_too_much(void **state)
{
	struct key_log log = {.max_bytes = 4096};
	uint64_t       first = key_window_open(&log);
	uint64_t       second = key_window_open(&log);
	uint64_t       third;
	char           key[16];

	(void) state;
	assert_true(first == second);
	for (int i = 0; i < 1000; i++)
		key_log_add(&log, (struct str){key, (size_t) snprintf(key, sizeof(key), "%d", i)});
	assert_true(key_window_is_broken(&log, first));
	assert_int_equal(log.bytes, 0); /* nobody is left whom they would tell anything */
	third = key_window_open(&log);
	assert_false(key_window_is_broken(&log, third));
	key_log_add(&log, key_of("a"));
	assert_true(key_window_has(&log, third, key_of("a")));
	assert_false(key_window_has(&log, third, key_of("7")));
	key_window_close(&log, first);
	key_window_close(&log, second);
	assert_true(key_window_has(&log, third, key_of("a")));
	key_log_break(&log);
	assert_true(key_window_is_broken(&log, third));
	assert_false(key_window_is_broken(&log, key_window_open(&log)));
	key_log_free(&log);
}

/* The same key for ever takes no more memory. */
static void
test_one_key(void **state)
{
	struct key_log log = {.max_bytes = 4096};
	uint64_t       window = key_window_open(&log);

	(void) state;
	for (int i = 0; i < 100000; i++)
		key_log_add(&log, key_of("counter"));
	assert_false(key_window_is_broken(&log, window));
	assert_true(key_window_has(&log, window, key_of("counter")));
	key_log_free(&log);
}

static void
test_many_keys(void **state)
{
	struct key_log log = {.max_bytes = SIZE_MAX};
	uint64_t       windows[2] = {0};
	char           key[16];

	(void) state;
	windows[0] = key_window_open(&log);
	for (int i = 0; i < 20000; i++)
	{
		if (i == 10000)
			windows[1] = key_window_open(&log);
		key_log_add(&log, (struct str){key, (size_t) snprintf(key, sizeof(key), "%d", i)});
	}
	assert_int_equal(log.nkeys, 20000);
	for (int i = -100; i < 20100; i++)
	{
		struct str text = {key, (size_t) snprintf(key, sizeof(key), "%d", i)};

		assert_int_equal(key_window_has(&log, windows[0], text), i >= 0 && i < 20000);
		assert_int_equal(key_window_has(&log, windows[1], text), i >= 10000 && i < 20000);
	}
	key_window_close(&log, windows[0]);
	assert_int_equal(log.nkeys, 10000);
	assert_false(key_window_has(&log, windows[1], key_of("9999")));
	assert_true(key_window_has(&log, windows[1], key_of("10000")));
	key_log_free(&log);
}

struct model
{
	bool     open;
	bool     broken;
	uint64_t window;
	bool     has[KEYS];
};

static void
assert_model(const struct key_log *log, const struct model *models)
{
	char   key[16];
	size_t nkeys = 0;
	bool   needed[KEYS] = {false};

	for (int i = 0; i < WINDOWS; i++)
	{
		if (!models[i].open)
			continue;
		assert_int_equal(key_window_is_broken(log, models[i].window), models[i].broken);
		for (int k = 0; k < KEYS && !models[i].broken; k++)
		{
			struct str text = {key, (size_t) snprintf(key, sizeof(key), "key %d", k)};

			assert_int_equal(key_window_has(log, models[i].window, text), models[i].has[k]);
			needed[k] |= models[i].has[k];
		}
	}
	for (int k = 0; k < KEYS; k++)
		nkeys += needed[k];
	assert_true(log->nkeys >= nkeys);
	assert_true(log->bytes <= log->max_bytes);
	if (nkeys == 0 && log->nopen == 0)
		assert_int_equal(log->bytes, 0);
}

static void
test_against_lists(void **state)
{
	struct key_log log = {.max_bytes = PLENTY};
	struct model   models[WINDOWS] = {0};
	char           key[16];

	(void) state;
	srand(3);
	for (int round = 0; round < 100000; round++)
	{
		struct model *model = &models[rand() % WINDOWS];
		int           k = rand() % KEYS;

		switch (rand() % 20)
		{
			case 0:
				if (model->open)
					key_window_close(&log, model->window);
				model->open = false;
				break;
			case 1:
				if (!model->open)
					*model = (struct model){.open = true, .window = key_window_open(&log)};
				break;
			case 2:
				if (rand() % 50 > 0)
					break;
				key_log_break(&log);
				for (int i = 0; i < WINDOWS; i++)
					models[i].broken |= models[i].open;
				break;
			default:
				key_log_add(&log,
							(struct str){key, (size_t) snprintf(key, sizeof(key), "key %d", k)});
				for (int i = 0; i < WINDOWS; i++)
					models[i].has[k] |= models[i].open;
		}
		if (round % 7 == 0)
			assert_model(&log, models);
	}
	for (int i = 0; i < WINDOWS; i++)
		if (models[i].open)
			key_window_close(&log, models[i].window);
	assert_int_equal(log.bytes, 0);
	key_log_free(&log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_window), cmocka_unit_test(test_two_windows),
		cmocka_unit_test(test_too_much),   cmocka_unit_test(test_one_key),
		cmocka_unit_test(test_many_keys),  cmocka_unit_test(test_against_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
