/*
 * test_gap.c
 *		Tokens of gaps, their lists, and the record.
 */
#include "unit.h"

#include "gap.h"

static const struct gap_known known = {
	.pos = {.lsn = 0x16B3748, .commit_lsn = 0x16B9F10, .changes = 1000},
	.system_id = UINT64_C(7301234567890123456),
};

static bool
is_same(struct gap_token a, struct gap_token b)
{
	return strcmp(a.text, b.text) == 0;
}

/* As people find it in their logs: it must not change from release to release. */
static void
token_is_what_it_was(void **state)
{
	(void) state;
	assert_string_equal(gap_token_position("walrelay", &known, 1, 1).text, "18c52123");
	assert_string_equal(gap_token_part("walrelay", &known).text, "5c966519");
	assert_string_equal(gap_token_topic("walrelay", GAP_RECREATED, "shop.public.t", 7).text,
						"e62d5bbf");
}

/* Whatever is not the same any more once a gap is passed changes it. */
static void
token_is_of_one_gap(void **state)
{
	struct gap_token position = gap_token_position("s", &known, 1, 2);
	struct gap_token part = gap_token_part("s", &known);
	struct gap_token topic = gap_token_topic("s", GAP_RECREATED, "t", 7);
	struct gap_known others[4] = {known, known, known, known};

	(void) state;
	others[0].pos.lsn++;
	others[1].pos.commit_lsn = others[1].pos.changes = 0;
	others[2].pos.changes++;
	others[3].system_id++;
	for (int i = 0; i < 4; i++)
	{
		assert_false(is_same(position, gap_token_position("s", &others[i], 1, 2)));
		assert_false(is_same(part, gap_token_part("s", &others[i])));
	}
	assert_true(is_same(position, gap_token_position("s", &known, 1, 2)));
	assert_false(is_same(position, gap_token_position("r", &known, 1, 2)));
	assert_false(is_same(position, gap_token_position("s", &known, 2, 2)));
	assert_false(is_same(position, gap_token_position("s", &known, 1, 3)));
	assert_false(is_same(position, part));
	assert_false(is_same(part, gap_token_part("r", &known)));
	assert_true(is_same(topic, gap_token_topic("s", GAP_RECREATED, "t", 7)));
	assert_false(is_same(topic, gap_token_topic("s", GAP_PARTITIONS, "t", 7)));
	assert_false(is_same(topic, gap_token_topic("s", GAP_RECREATED, "u", 7)));
	assert_false(is_same(topic, gap_token_topic("s", GAP_RECREATED, "t", 8)));
	assert_false(is_same(gap_token_topic("sa", GAP_RECREATED, "t", 8),
						 gap_token_topic("s", GAP_RECREATED, "at", 8)));
}

static void
command_line_is_read(void **state)
{
	static const char *const bad[] = {
		"",          "7f3a91c",   "7f3a91c22",         "7f3a91cg",
		"7f3a91c2,", ",7f3a91c2", "7f3a91c2 0badcafe", "7f3a91c2,,0badcafe"};
	struct gap_token token = {"0badcafe"};
	const char      *tokens = "7f3a91c2,0BADCAFE";

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(gap_tokens_are_valid(bad[i]));
	assert_true(gap_tokens_are_valid("7f3a91c2"));
	assert_true(gap_tokens_are_valid(tokens));
	assert_true(gap_tokens_have(tokens, &token));
	assert_false(gap_tokens_have("7f3a91c2", &token));
	assert_false(gap_tokens_have(NULL, &token));
	assert_true(gap_tokens_next(&tokens, &token));
	assert_string_equal(token.text, "7f3a91c2");
	assert_true(gap_tokens_next(&tokens, &token));
	assert_string_equal(token.text, "0BADCAFE");
	assert_false(gap_tokens_next(&tokens, &token));
}

static void
list_holds_its_gaps(void **state)
{
	struct gap_list list = {0};
	struct buf      tokens = {0};
	char            topic[] = "shop.public.t";
	struct gap      gaps[] = {
			 {.reason = GAP_PART_MISSING, .code = E1219, .token = {"00000001"}, .from = 1},
			 {.reason = GAP_RECREATED, .code = E2012, .token = {"0000000a"}, .topic = topic},
    };
	struct gap_token upper = {"0000000A"};
	struct gap_token other = {"0000000b"};

	(void) state;
	assert_null(gap_list_find(&list, GAP_OF_PART));
	gap_list_add(&list, &gaps[0]);
	gap_list_add(&list, &gaps[1]);
	memset(topic, 'x', sizeof(topic) - 1);
	assert_int_equal(list.count, 2);
	assert_string_equal(gap_list_find(&list, GAP_OF_TOPIC)->topic, "shop.public.t");
	assert_int_equal(gap_list_find(&list, GAP_OF_PART)->code, E1219);
	assert_null(gap_list_find(&list, GAP_OF_POSITION));
	assert_true(gap_list_has(&list, &upper));
	assert_false(gap_list_has(&list, &other));
	gap_list_tokens(&list, &tokens);
	assert_string_equal(buf_cstr(&tokens), "00000001,0000000a");
	gap_list_clear(&list);
	assert_int_equal(list.count, 0);
	buf_free(&tokens);
}

static void
each_reason_has_its_kind(void **state)
{
	static const struct
	{
		const char   *reason;
		enum gap_kind kind;
	} cases[] = {
		{GAP_OTHER_SERVER, GAP_OF_POSITION},  {GAP_OLDER_TIMELINE, GAP_OF_POSITION},
		{GAP_OTHER_HISTORY, GAP_OF_POSITION}, {GAP_WAL_END, GAP_OF_POSITION},
		{GAP_SLOT_MOVED, GAP_OF_POSITION},    {GAP_SLOT_GONE, GAP_OF_POSITION},
		{GAP_SLOT_LOST, GAP_OF_POSITION},     {GAP_PART_MISSING, GAP_OF_PART},
		{GAP_PART_SETTINGS, GAP_OF_PART},     {GAP_PARTITIONS, GAP_OF_TOPIC},
		{GAP_RECREATED, GAP_OF_TOPIC},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(gap_kind(cases[i].reason), cases[i].kind);
}

static void
record_says_it(void **state)
{
	struct gap gap = {.reason = GAP_SLOT_MOVED, .code = E1218, .from = UINT64_C(0x1016B3748)};
	struct buf out = {0};

	(void) state;
	gap_record(&gap, "walrelay", 0x16B9F10, &out);
	assert_string_equal(
		buf_cstr(&out),
		"{\"version\":1,\"slot\":\"walrelay\",\"from\":\"1/16B3748\",\"to\":\"0/16B9F10\","
		"\"reason\":\"slot_moved\",\"code\":\"E1218\"}");
	buf_reset(&out);
	gap = (struct gap){.reason = GAP_RECREATED, .code = E2012};
	gap_record(&gap, "s", 1, &out);
	assert_string_equal(buf_cstr(&out),
						"{\"version\":1,\"slot\":\"s\",\"from\":null,\"to\":\"0/1\","
						"\"reason\":\"topic_recreated\",\"code\":\"E2012\"}");
	buf_free(&out);
}

/* Errors carry the reason as long as they are about it. */
static void
error_carries_its_reason(void **state)
{
	struct err e;

	(void) state;
	err_set(&e, ERR_CONFIG, E2012, "topic is another one");
	assert_null(e.gap);
	assert_int_equal(err_gap(&e, GAP_RECREATED, "shop.public.t"), RC_ERR);
	assert_string_equal(e.gap, GAP_RECREATED);
	assert_string_equal(e.topic, "shop.public.t");
	err_hint(&e, "hint");
	assert_string_equal(e.gap, GAP_RECREATED);
	err_set(&e, ERR_CONFIG, E1002, "another");
	assert_null(e.gap);
	assert_string_equal(e.topic, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_is_what_it_was),     cmocka_unit_test(token_is_of_one_gap),
		cmocka_unit_test(command_line_is_read),     cmocka_unit_test(list_holds_its_gaps),
		cmocka_unit_test(each_reason_has_its_kind), cmocka_unit_test(record_says_it),
		cmocka_unit_test(error_carries_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
